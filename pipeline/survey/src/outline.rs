//! From cells to a zone with few corners.

use matpho_scene::Polygon;

use crate::grid::{Area, COLUMNS, ROWS};

/// A corner that lies nearer than this to the straight line without it goes; in cells.
const SLACK_CELLS: f32 = 1.5;
/// More corners than a person wants to see: then the slack grows.
const CORNERS_MAX: usize = 12;

/// A corner of the grid: column and row lines.
type Corner = (i32, i32);

/// The outline of an area that hangs together and has no holes, with few corners; `None` where it is too small for one.
pub(crate) fn outline(area: &Area) -> Option<Polygon> {
    let ring = ring(area)?;
    let mut slack = SLACK_CELLS;
    for _ in 0..8 {
        let corners = simplified(&ring, slack);
        let points: Vec<[f32; 2]> = corners.iter().map(|&(x, y)| [x as f32 / COLUMNS as f32, y as f32 / ROWS as f32]).collect();
        match Polygon::try_from(points) {
            Ok(polygon) if corners.len() <= CORNERS_MAX => return Some(polygon),
            _ => slack *= 1.4,
        }
    }
    let points: Vec<[f32; 2]> = hull(&ring).iter().map(|&(x, y)| [x as f32 / COLUMNS as f32, y as f32 / ROWS as f32]).collect();
    Polygon::try_from(points).ok()
}

/// Around the area with the inside to the right, corner by corner.
fn ring(area: &Area) -> Option<Vec<Corner>> {
    let inside = |x: i32, y: i32| {
        (0..COLUMNS as i32).contains(&x) && (0..ROWS as i32).contains(&y) && area.holds(y as usize * COLUMNS + x as usize)
    };
    let first = area.cells().next()?;
    let start = ((first % COLUMNS) as i32, (first / COLUMNS) as i32);
    // From the upper left corner of the first cell along its upper side; cells ahead to the left and right decide each turn.
    let (mut at, mut way) = (start, (1, 0));
    let mut ring = Vec::new();
    for _ in 0..4 * COLUMNS * ROWS {
        ring.push(at);
        at = (at.0 + way.0, at.1 + way.1);
        let ahead = |side: i32| {
            // The cell ahead of a corner, to the left (-1) or right (1) of the way.
            let (dx, dy) = way;
            let (px, py) = (-dy * side, dx * side);
            let shift = |v: i32| i32::from(v < 0);
            (at.0 - shift(dx + px), at.1 - shift(dy + py))
        };
        let (left, right) = (ahead(-1), ahead(1));
        let turn_left = inside(left.0, left.1);
        let keep = inside(right.0, right.1);
        way = match (turn_left, keep) {
            (true, true) => (way.1, -way.0),
            (false, true) => way,
            // Cells that touch at a corner only are not one.
            (_, false) => (-way.1, way.0),
        };
        if at == start {
            break;
        }
    }
    (ring.len() >= 4).then_some(ring)
}

/// Douglas and Peucker's line simplification on a closed ring.
fn simplified(ring: &[Corner], slack: f32) -> Vec<Corner> {
    let far = (0..ring.len()).max_by_key(|&n| (ring[n].0 - ring[0].0).pow(2) + (ring[n].1 - ring[0].1).pow(2)).unwrap_or(0);
    let mut one = reduce(&ring[..=far], slack);
    let back: Vec<Corner> = ring[far..].iter().copied().chain([ring[0]]).collect();
    let two = reduce(&back, slack);
    one.pop();
    one.extend_from_slice(&two[..two.len() - 1]);
    one
}

fn reduce(line: &[Corner], slack: f32) -> Vec<Corner> {
    let [first, .., last] = line else { return line.to_vec() };
    let off = |p: &Corner| {
        let (dx, dy) = ((last.0 - first.0) as f32, (last.1 - first.1) as f32);
        let (px, py) = ((p.0 - first.0) as f32, (p.1 - first.1) as f32);
        let length = dx.hypot(dy);
        if length < 1e-6 { px.hypot(py) } else { (px * dy - py * dx).abs() / length }
    };
    let farthest = (1..line.len() - 1).max_by(|&a, &b| off(&line[a]).total_cmp(&off(&line[b])));
    match farthest {
        Some(n) if off(&line[n]) > slack => {
            let mut one = reduce(&line[..=n], slack);
            one.pop();
            one.extend(reduce(&line[n..], slack));
            one
        }
        _ => vec![*first, *last],
    }
}

/// The convex hull (Andrew's monotone chain).
fn hull(points: &[Corner]) -> Vec<Corner> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let turn = |a: Corner, b: Corner, c: Corner| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
    let chain = |points: &mut dyn Iterator<Item = Corner>| {
        let mut chain: Vec<Corner> = Vec::new();
        for p in points {
            while chain.len() >= 2 && turn(chain[chain.len() - 2], chain[chain.len() - 1], p) <= 0 {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut whole = chain(&mut sorted.iter().copied());
    whole.extend(chain(&mut sorted.iter().rev().copied()));
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(inside: impl Fn(usize, usize) -> bool) -> Area {
        let mut area = Area::none();
        (0..ROWS)
            .flat_map(|r| (0..COLUMNS).map(move |c| (r, c)))
            .filter(|&(r, c)| inside(r, c))
            .for_each(|(r, c)| area.insert(r * COLUMNS + c));
        area
    }

    #[test]
    fn a_rectangle_has_four_corners() {
        let zone = outline(&area(|r, c| (9..18).contains(&r) && (16..48).contains(&c))).unwrap();
        let mut corners: Vec<[f32; 2]> = zone.into();
        corners.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(corners, [[0.25, 0.25], [0.25, 0.5], [0.75, 0.25], [0.75, 0.5]]);
    }

    #[test]
    fn the_whole_picture_and_a_single_cell() {
        assert!((outline(&area(|_, _| true)).unwrap().area() - 1.0).abs() < 1e-5);
        let one = outline(&area(|r, c| (r, c) == (5, 5))).unwrap();
        assert!((one.area() - 1.0 / (COLUMNS * ROWS) as f32).abs() < 1e-5);
        assert_eq!(outline(&Area::none()), None);
    }

    #[test]
    fn a_road_that_narrows_to_the_horizon_keeps_its_shape() {
        let road = area(|r, c| r >= 8 && (c as f32 - 32.0).abs() < (r as f32 - 6.0) * 0.8);
        let zone = outline(&road).unwrap();
        assert!(zone.corners().len() <= 7, "{zone:?}");
        let share = road.len() as f32 / (COLUMNS * ROWS) as f32;
        assert!((zone.area() - share).abs() < 0.02, "{} {share}", zone.area());
    }

    proptest! {
        #[test]
        fn whatever_hangs_together_has_an_outline(cells in prop::collection::vec((0usize..ROWS, 0usize..COLUMNS, 1usize..9, 1usize..9), 1..9)) {
            let blob = area(|r, c| cells.iter().any(|&(top, left, h, w)| (top..top + h).contains(&r) && (left..left + w).contains(&c)));
            let blob = blob.largest().filled();
            let zone = outline(&blob);
            prop_assert!(zone.is_some());
            let zone = zone.unwrap();
            prop_assert!(zone.corners().len() <= 2 * CORNERS_MAX);
            let share = blob.len() as f32 / (COLUMNS * ROWS) as f32;
            prop_assert!(zone.area() > 0.2 * share, "{} of {share}", zone.area());
        }
    }
}
