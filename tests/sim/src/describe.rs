//! What an installer would measure on the spot: where the carriageways lie in each picture, which way they run, and four points of the ground whose metres are known.

use serde_json::{Value, json};

use crate::camera::view_of;
use crate::geom::v3;
use crate::render::view::View;
use crate::scenario::{Camera, Direction, Scenario};

/// Nearest and farthest piece of road that zones and calibration use, metres.
const NEAR_M: f32 = 4.0;
const FAR_M: f32 = 75.0;

/// The scenario's cameras with their ground geometry. Points are shares of the picture's width and height; metres are right of the road's middle and ahead of the camera.
pub fn describe(scenario: &Scenario) -> Value {
    json!({ "cameras": scenario.cameras.iter().map(camera).collect::<Vec<_>>() })
}

fn camera(c: &Camera) -> Value {
    let view = view_of(c, 0.0, 0.0);
    let carriageways: Vec<Value> =
        [Direction::Inbound, Direction::Outbound].into_iter().filter_map(|d| carriageway(c, &view, d)).collect();
    json!({
        "id": c.id,
        "name": c.name,
        "lat": c.lat,
        "lon": c.lon,
        "width": c.width,
        "height": c.height,
        "fps": c.fps,
        "codec": c.codec,
        "login": c.login.is_some(),
        "ground": ground(c, &view),
        "carriageways": carriageways,
        "road": road(c, &view),
    })
}

fn share(view: &View, x: f32, y: f32) -> [f32; 2] {
    let (u, v, _) = view.project(v3(x, y, 0.0));
    [u / view.width as f32, v / view.height as f32]
}

fn inside(p: [f32; 2]) -> bool {
    (0.01..=0.99).contains(&p[0]) && (0.01..=0.99).contains(&p[1])
}

/// Four ground points inside the picture, as far apart as they can be.
fn ground(c: &Camera, view: &View) -> Value {
    let (l, r) = (-c.road.edge_m(-1.0), c.road.edge_m(1.0));
    let steps = || (0..200).map(|i| NEAR_M + i as f32 * 0.5);
    let corner = |x: f32, far: bool| {
        let seen = |y: &f32| *y <= FAR_M && inside(share(view, x, *y));
        if far { steps().rfind(seen) } else { steps().find(seen) }
    };
    let points: Vec<Value> = [(l, false), (r, false), (r, true), (l, true)]
        .into_iter()
        .filter_map(|(x, far)| {
            let y = corner(x, far)?;
            let p = share(view, x, y);
            Some(json!({ "image": p.map(round), "metres": [round(x), round(y)] }))
        })
        .collect();
    Value::Array(points)
}

fn round(v: f32) -> f64 {
    (f64::from(v) * 10_000.0).round() / 10_000.0
}

/// A stretch of road to `far_m` ahead, cut to the picture.
pub(crate) fn strip(view: &View, from_x: f32, to_x: f32, far_m: f32) -> Vec<[f32; 2]> {
    // Straight edges stay straight in a pinhole picture, so the corners are enough; what lies outside is cut off.
    let near = (0..200).map(|i| NEAR_M + i as f32 * 0.25).find(|y| view.project(v3(0.0, *y, 0.0)).2 > 1.0).unwrap_or(NEAR_M);
    let corners = [(from_x, near), (to_x, near), (to_x, far_m), (from_x, far_m)].map(|(x, y)| share(view, x, y));
    clip(&corners)
}

fn carriageway(c: &Camera, view: &View, direction: Direction) -> Option<Value> {
    let side = if direction == Direction::Inbound { -1.0f32 } else { 1.0 };
    let (inner, outer) = (side * c.road.median_m() / 2.0, side * c.road.edge_m(side));
    let polygon = strip(view, inner, outer, FAR_M);
    let middle = (inner + outer) / 2.0;
    let line: Vec<[f32; 2]> =
        (0..150).map(|i| NEAR_M + i as f32 * 0.5).map(|y| share(view, middle, y)).filter(|p| inside(*p)).collect();
    let (near, far) = (*line.first()?, *line.last()?);
    let (from, to) = if direction == Direction::Inbound { (far, near) } else { (near, far) };
    Some(json!({
        "direction": direction,
        "lanes": c.road.lanes(side),
        "lane_m": c.road.lane_m,
        "width_m": round((outer - inner).abs()),
        "length_m": FAR_M - NEAR_M,
        "polygon": polygon.into_iter().map(|p| p.map(round)).collect::<Vec<_>>(),
        "travel": { "from": from.map(round), "to": to.map(round) },
    }))
}

/// Both carriageways together.
fn road(c: &Camera, view: &View) -> Value {
    let polygon: Vec<[f64; 2]> =
        strip(view, -c.road.edge_m(-1.0), c.road.edge_m(1.0), FAR_M).into_iter().map(|p| p.map(round)).collect();
    json!({ "polygon": polygon })
}

/// A convex polygon cut to the picture (Sutherland and Hodgman).
fn clip(polygon: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut out = polygon.to_vec();
    for (axis, limit, keep_less) in [(0, 0.0f32, false), (0, 1.0, true), (1, 0.0, false), (1, 1.0, true)] {
        let input = std::mem::take(&mut out);
        let good = |p: [f32; 2]| if keep_less { p[axis] <= limit } else { p[axis] >= limit };
        for (i, &a) in input.iter().enumerate() {
            let b = input[(i + 1) % input.len()];
            if good(a) {
                out.push(a);
            }
            if good(a) != good(b) {
                let t = (limit - a[axis]) / (b[axis] - a[axis]);
                let mut p = [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
                p[axis] = limit;
                out.push(p);
            }
        }
    }
    out
}
