//! A street watched without drawing it: traffic stepped, every road user projected into the picture as a box. Minutes of street in a second, for judging what
//! trackers and rules make of what is really there.
//!
//! Not here: pixels (`camera.rs`). What hides whom is told by boxes here and by silhouettes there; the two agree within some per cent of `visible`.

use std::{collections::BTreeMap, sync::Arc};

use crate::camera::view_of;
use crate::describe::strip;
use crate::geom::{V3, hash, v3};
use crate::render::mesh::Mesh;
use crate::render::models::{self, Model};
use crate::render::view::View;
use crate::scenario::{Camera, Direction, Scenario};
use crate::truth::{Class, Object};
use crate::world::happenings::Script;
use crate::world::traffic::{Traffic, Vehicle, Walker};

/// Cells of this many pixels tell who hides whom.
const CELL_PX: f32 = 4.0;
/// What a body hides is narrower and lower than its box by these parts.
const NARROWER: f32 = 0.08;
const LOWER: f32 = 0.12;
/// Nothing nearer than this to the lens is seen.
const NEAREST_M: f32 = 1.5;

/// Points of a body's hull that are kept: enough for a box right to a centimetre or two.
const HULL_POINTS: u32 = 160;

/// The bodies of all road users, built once for many streets.
#[derive(Clone)]
pub struct Bodies {
    models: Arc<Vec<Model>>,
    /// Outermost points of each model.
    hulls: Arc<Vec<Vec<V3>>>,
}

impl Bodies {
    /// Builds them.
    pub fn build() -> Self {
        let models = models::all();
        let hulls = models.iter().map(|model| hull(&model.mesh)).collect();
        Self { models: Arc::new(models), hulls: Arc::new(hulls) }
    }
}

/// The outermost point of a mesh in each of many directions, spread over the sphere by the golden angle.
fn hull(mesh: &Mesh) -> Vec<V3> {
    let mut points: Vec<V3> = Vec::new();
    for i in 0..HULL_POINTS {
        let z = 1.0 - 2.0 * (i as f32 + 0.5) / HULL_POINTS as f32;
        let (sin, cos) = (i as f32 * 2.399_963).sin_cos();
        let way = v3(cos * (1.0 - z * z).sqrt(), sin * (1.0 - z * z).sqrt(), z);
        let outermost = mesh.verts.iter().map(|vert| vert.pos).max_by(|a, b| a.dot(way).total_cmp(&b.dot(way)));
        points.extend(outermost.filter(|p| !points.contains(p)));
    }
    points
}

/// One street and the camera that watches it.
pub struct Watch {
    spec: Camera,
    view: View,
    bodies: Bodies,
    traffic: Traffic,
    /// See [`Watch::touches_m`].
    touches_m: BTreeMap<u32, f32>,
}

/// A stretch of one carriageway, as an installer would draw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Corners as shares of the picture's width and height.
    pub corners: Vec<[f32; 2]>,
    /// The way traffic goes, in shares of the picture's width and height.
    pub travel: [[f32; 2]; 2],
}

/// Where a stretch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// Where the picture shows the carriageway's whole width.
    Whole,
    /// At the picture's edge, which may cut a corner off.
    AtTheEdge,
}

impl Watch {
    /// The street of one camera of a scenario; the same seed gives the same traffic as [`crate::CameraSim`].
    pub fn new(scenario: &Scenario, camera: &Camera, bodies: &Bodies) -> Self {
        let place = scenario.cameras.iter().position(|c| c.id == camera.id).unwrap_or(0) as u32;
        let seed = hash(scenario.seed.wrapping_mul(7919) ^ camera.seed.unwrap_or(place + 1));
        // The pavement's width only places walkers.
        let traffic = Traffic::new(camera, Script::new(scenario, &camera.events), &bodies.models, seed, 3.0);
        Self {
            spec: camera.clone(),
            view: view_of(camera, 0.0, 0.0),
            bodies: bodies.clone(),
            traffic,
            touches_m: BTreeMap::new(),
        }
    }

    /// Everybody on the street at scenario time `t` (never before the last one), nearest first. Who is not seen has `visible` 0.
    pub fn at(&mut self, t: f64) -> Vec<Object> {
        self.traffic.advance(t, &self.bodies.models);
        let models = &self.bodies.models;
        let mut all: Vec<(Object, [f32; 4])> = Vec::new();
        for v in &self.traffic.vehicles {
            let (x, y) = v.place();
            all.extend(self.project(v.model, (x, y), v.heading()).map(|full| (drives(v, &self.traffic), full)));
        }
        for w in &self.traffic.walkers {
            let heading = if w.v > 0.0 { 0.0 } else { std::f32::consts::PI };
            all.extend(self.project(w.model, (w.x, w.y), heading).map(|full| (walks(w, models), full)));
        }
        all.sort_by(|a, b| a.0.at_m[1].total_cmp(&b.0.at_m[1]));
        let (w, h) = (self.spec.width as f32, self.spec.height as f32);
        let m = self.ground().map(|v| v as f32);
        let ahead_m = |x: f32, y: f32| (m[3] * x + m[4] * y + m[5]) / (m[6] * x + m[7] * y + m[8]);
        let touch = |(o, full): &(Object, [f32; 4])| (o.id, ahead_m((full[0] + full[2]) / 2.0 / w, full[3] / h));
        self.touches_m = all.iter().map(touch).collect();
        let mut hidden = Cells::new(w, h);
        all.into_iter()
            .map(|(mut object, full)| {
                let seen = [full[0].clamp(0.0, w), full[1].clamp(0.0, h), full[2].clamp(0.0, w), full[3].clamp(0.0, h)];
                let area = |b: [f32; 4]| (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0);
                let inside = area(seen) / area(full).max(1.0);
                object.visible = (inside * hidden.free_share(seen)).min(1.0);
                object.bounds = seen;
                hidden.fill(seen);
                object
            })
            .collect()
    }

    /// How far ahead of the camera somebody of the last [`Watch::at`] touches the road at the lower side of the box around all of them, metres: where a
    /// detector would have them stand that saw them whole.
    pub fn touches_m(&self, object: &Object) -> f32 {
        self.touches_m.get(&object.id).copied().unwrap_or(object.at_m[1])
    }

    /// A stretch of a carriageway to `far_m` ahead of the camera; `None` where it is not in the picture.
    pub fn stretch(&self, direction: Direction, begins: Begins, far_m: f32) -> Option<Stretch> {
        let side = if direction == Direction::Inbound { -1.0f32 } else { 1.0 };
        let (inner, outer) = (side * self.spec.road.median_m() / 2.0, side * self.spec.road.edge_m(side));
        let (w, h) = (self.view.width as f32, self.view.height as f32);
        let share = |x: f32, y: f32| {
            let (u, v, depth) = self.view.project(v3(x, y, 0.0));
            (depth > 1.0).then_some([u / w, v / h])
        };
        let inside = |p: &[f32; 2]| (0.0..=1.0).contains(&p[0]) && (0.0..=1.0).contains(&p[1]);
        let near_m = self.whole_from_m(direction)?;
        let middle = (inner + outer) / 2.0;
        let (near, far) = (share(middle, near_m)?, share(middle, far_m)?);
        let travel = if direction == Direction::Inbound { [far, near] } else { [near, far] };
        let corners = match begins {
            Begins::Whole => vec![share(inner, near_m)?, share(outer, near_m)?, share(outer, far_m)?, share(inner, far_m)?],
            Begins::AtTheEdge => strip(&self.view, inner, outer, far_m),
        };
        corners.iter().all(inside).then_some(Stretch { corners, travel })
    }

    /// From how many metres ahead on the picture shows a carriageway's whole width.
    pub fn whole_from_m(&self, direction: Direction) -> Option<f32> {
        let inside = |p: &[f32; 2]| (0.0..=1.0).contains(&p[0]) && (0.0..=1.0).contains(&p[1]);
        (0..400).map(|i| 2.0 + i as f32 * 0.1).find(|y| self.line(direction, *y).iter().all(inside))
    }

    /// The line across a carriageway at `y_m` ahead, as shares of the picture.
    pub fn line(&self, direction: Direction, y_m: f32) -> [[f32; 2]; 2] {
        let side = if direction == Direction::Inbound { -1.0f32 } else { 1.0 };
        let (w, h) = (self.view.width as f32, self.view.height as f32);
        [side * self.spec.road.median_m() / 2.0, side * self.spec.road.edge_m(side)].map(|x| {
            let (u, v, _) = self.view.project(v3(x, y_m, 0.0));
            [u / w, v / h]
        })
    }

    /// The homography from shares of the picture to metres on the road (right of its middle, ahead of the camera), row by row.
    pub fn ground(&self) -> [f64; 9] {
        let v = &self.view;
        let (w, h, f) = (v.width as f64, v.height as f64, f64::from(v.focal));
        // A ray is linear in the picture's coordinates: column for x, for y, for 1.
        let axis = |forward: f32, right: f32, up: f32| {
            let (forward, right, up) = (f64::from(forward), f64::from(right), f64::from(up));
            [right * w / f, -up * h / f, forward - right * w / (2.0 * f) + up * h / (2.0 * f)]
        };
        let [dx, dy, dz] =
            [axis(v.forward.x, v.right.x, v.up.x), axis(v.forward.y, v.right.y, v.up.y), axis(v.forward.z, v.right.z, v.up.z)];
        let (ex, ey, ez) = (f64::from(v.eye.x), f64::from(v.eye.y), f64::from(v.eye.z));
        let row = |k: usize| [-dz[k] * ex + ez * dx[k], -dz[k] * ey + ez * dy[k], -dz[k]];
        let [a, b, c] = [row(0), row(1), row(2)];
        [a[0], b[0], c[0], a[1], b[1], c[1], a[2], b[2], c[2]]
    }

    /// Whether a queue that the scenario makes stands on a carriageway.
    pub fn jammed(&self, direction: Direction) -> bool {
        self.traffic.jammed(direction)
    }

    /// What stands here.
    pub fn spec(&self) -> &Camera {
        &self.spec
    }

    /// The box around a body; `None` behind or below the lens.
    fn project(&self, model: usize, (x, y): (f32, f32), heading: f32) -> Option<[f32; 4]> {
        if y - self.view.eye.y < NEAREST_M {
            return None;
        }
        let (sin, cos) = heading.sin_cos();
        let mut b = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for point in self.bodies.hulls.get(model)? {
            let (u, v, depth) = self.view.project(point.turned(sin, cos) + v3(x, y, 0.0));
            if depth < 0.5 {
                return None;
            }
            b = [b[0].min(u), b[1].min(v), b[2].max(u), b[3].max(v)];
        }
        Some(b)
    }
}

fn drives(v: &Vehicle, traffic: &Traffic) -> Object {
    let (x, y) = v.place();
    Object {
        id: v.id,
        class: v.class,
        bounds: [0.0; 4],
        speed_kmh: v.v * 3.6,
        lane: Some(traffic.lane_of(v.o)),
        direction: Some(v.direction),
        visible: 0.0,
        stopped: v.halted_by.is_some() && v.v < 0.3,
        wrong_way: v.wrong_way,
        at_m: [x, y],
    }
}

fn walks(w: &Walker, models: &[Model]) -> Object {
    Object {
        id: w.id,
        class: models.get(w.model).map_or(Class::Person, |m| m.class),
        bounds: [0.0; 4],
        speed_kmh: w.v.abs() * 3.6,
        lane: None,
        direction: None,
        visible: 0.0,
        stopped: false,
        wrong_way: false,
        at_m: [w.x, w.y],
    }
}

/// Which cells of the picture somebody nearer fills.
struct Cells {
    columns: usize,
    rows: usize,
    filled: Vec<bool>,
}

impl Cells {
    fn new(w: f32, h: f32) -> Self {
        let (columns, rows) = ((w / CELL_PX).ceil() as usize, (h / CELL_PX).ceil() as usize);
        Self { columns, rows, filled: vec![false; columns * rows] }
    }

    fn span(from: f32, to: f32, most: usize) -> std::ops::Range<usize> {
        let at = |v: f32| (v / CELL_PX).max(0.0) as usize;
        at(from).min(most)..(at(to) + 1).min(most)
    }

    fn free_share(&self, b: [f32; 4]) -> f32 {
        let (mut all, mut free) = (0u32, 0u32);
        for row in Self::span(b[1], b[3], self.rows) {
            for column in Self::span(b[0], b[2], self.columns) {
                all += 1;
                free += u32::from(!self.filled[row * self.columns + column]);
            }
        }
        free as f32 / all.max(1) as f32
    }

    fn fill(&mut self, b: [f32; 4]) {
        let (w, h) = (b[2] - b[0], b[3] - b[1]);
        for row in Self::span(b[1] + LOWER * h, b[3], self.rows) {
            for column in Self::span(b[0] + NARROWER * w, b[2] - NARROWER * w, self.columns) {
                self.filled[row * self.columns + column] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::camera::{CameraSim, Models};
    use crate::fault::Fault;

    fn scenario() -> Scenario {
        let text = "seed = 5\n[[camera]]\nid = \"a\"\nwidth = 640\nheight = 360\ntraffic = { inbound_per_h = 2500, outbound_per_h = 2500, walkers = 0 }\n";
        Scenario::parse(text, Path::new("test.toml")).expect("a scenario")
    }

    #[test]
    fn bodies_touch_the_road_near_their_nearer_end() {
        let scenario = scenario();
        let mut watch = Watch::new(&scenario, &scenario.cameras[0], &Bodies::build());
        let mut offs = Vec::new();
        for t in [2.0, 5.0, 9.0] {
            let seen = watch.at(t);
            for v in &watch.traffic.vehicles {
                let nearer_end = v.place().1 - v.length / 2.0;
                let Some(o) = seen.iter().find(|o| o.id == v.id).filter(|_| (10.0..50.0).contains(&nearer_end)) else { continue };
                offs.push(watch.touches_m(o) - nearer_end);
            }
        }
        assert!(offs.len() > 10 && offs.iter().all(|off| (0.0..1.2).contains(off)), "{offs:?}");
    }

    #[test]
    fn boxes_are_those_of_the_drawn_picture() {
        let scenario = scenario();
        let mut drawn = CameraSim::new(&scenario, &scenario.cameras[0], &Models::build());
        let mut watched = Watch::new(&scenario, &scenario.cameras[0], &Bodies::build());
        let mut compared = 0;
        for t in [2.0, 5.0, 9.0] {
            let truth = drawn.picture(t, Fault::None).truth.boxes;
            let seen = watched.at(t);
            for object in truth.iter().filter(|o| o.visible > 0.9) {
                let twin = seen.iter().find(|o| o.id == object.id).expect("the same traffic");
                let off = object.bounds.iter().zip(twin.bounds).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 2.0 + 0.12 * (object.bounds[3] - object.bounds[1]), "{object:?} {twin:?}");
                // How much is seen of something a few pixels high is a matter of three samples here and of rounding there.
                let height_px = object.bounds[3] - object.bounds[1];
                assert!(twin.visible > 0.6 || height_px < 8.0, "{object:?} {twin:?}");
                compared += 1;
            }
        }
        assert!(compared > 20, "{compared} boxes compared");
    }

    #[test]
    fn the_ground_plane_is_the_cameras() {
        let scenario = scenario();
        let watch = Watch::new(&scenario, &scenario.cameras[0], &Bodies::build());
        let m = watch.ground();
        for (x, y) in [(-3.0f32, 12.0f32), (4.0, 30.0), (0.0, 70.0)] {
            let (u, v, _) = watch.view.project(v3(x, y, 0.0));
            let (px, py) = (f64::from(u) / watch.view.width as f64, f64::from(v) / watch.view.height as f64);
            let w = m[6] * px + m[7] * py + m[8];
            assert!(w > 0.0);
            let (gx, gy) = ((m[0] * px + m[1] * py + m[2]) / w, (m[3] * px + m[4] * py + m[5]) / w);
            assert!((gx - f64::from(x)).abs() < 0.05 && (gy - f64::from(y)).abs() < 0.05, "{gx} {gy} for {x} {y}");
        }
    }
}
