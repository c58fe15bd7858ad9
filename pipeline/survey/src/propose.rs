//! From flows to zones: where a carriageway lies, which way it goes, where to count.

use matpho_scene::{Direction, NormPoint, Polygon, geometry::segments_cross};

use crate::{
    flow::{Flow, Vector, dot, flows, unit},
    grid::{Area, Cell, cell},
    outline::outline,
    trips::{Step, Trip},
};

/// A zone smaller than this share of the picture is not worth one.
const AREA_MIN: f32 = 0.003;
/// Counting lines stay this far from the picture's edge, where vehicles are cut off.
const EDGE: f32 = 0.06;
/// And reach so far beyond the zone's sides.
const OVERHANG: f32 = 0.01;

/// A carriageway that could be a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Where it lies.
    pub polygon: Polygon,
    /// Which way its traffic went.
    pub direction: Direction,
    /// Where most of it can be counted; none where no line across the zone was driven over.
    pub counting_line: Option<[NormPoint; 2]>,
    /// Vehicles that it was made of.
    pub vehicles: usize,
    /// Of these, the ones that drove over the counting line.
    pub counted: usize,
    /// The way in words.
    pub way: Way,
}

/// Which way traffic goes, as a person in front of the picture would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Down the picture.
    TowardsTheCamera,
    /// Up the picture.
    AwayFromTheCamera,
    /// Mostly across.
    ToTheLeft,
    /// Mostly across.
    ToTheRight,
}

impl Way {
    fn of((dx, dy): Vector) -> Self {
        // Along a street a picture shows less of the way up and down than there is.
        match (dy.abs() >= 0.5 * dx.abs(), dx > 0.0, dy > 0.0) {
            (true, _, true) => Self::TowardsTheCamera,
            (true, _, false) => Self::AwayFromTheCamera,
            (false, true, _) => Self::ToTheRight,
            (false, false, _) => Self::ToTheLeft,
        }
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TowardsTheCamera => "towards the camera",
            Self::AwayFromTheCamera => "away from the camera",
            Self::ToTheLeft => "to the left",
            Self::ToTheRight => "to the right",
        }
    }
}

/// The zones of all trips, the busiest first.
pub(crate) fn propose(trips: &[Trip], aspect: f32) -> Vec<Proposal> {
    let flows = flows(trips, aspect);
    (0..flows.len()).filter_map(|number| proposal(number, &flows, trips, aspect)).collect()
}

/// Two flows go against each other where the cosine of the angle between them is below this.
const OPPOSITE: f32 = -0.5;

/// Whether a cell of a flow is rather the oncoming traffic's: on an undivided street the one with most vehicles there has it. Roads that cross both
/// keep the crossing.
fn given_up(number: usize, cell: Cell, flows: &[Flow]) -> bool {
    let mine = flows[number].cells.get(&cell).map_or(0, |(n, _)| *n);
    flows.iter().enumerate().any(|(other, flow)| {
        let theirs = flow.cells.get(&cell).map_or(0, |(n, _)| *n);
        let stronger = theirs > mine || (theirs == mine && other < number);
        other != number && theirs > 0 && stronger && dot(flow.way, flows[number].way) < OPPOSITE
    })
}

fn proposal(number: usize, flows: &[Flow], trips: &[Trip], aspect: f32) -> Option<Proposal> {
    let flow = &flows[number];
    let mut area = Area::none();
    flow.cells.keys().filter(|&&cell| !given_up(number, cell, flows)).for_each(|&cell| area.insert(cell));
    let area = area.closed(|cell| !given_up(number, cell, flows)).largest().filled();
    let polygon = outline(&area).filter(|polygon| polygon.area() >= AREA_MIN)?;

    let mean = flow.way;
    let trips: Vec<&Trip> = flow.trips.iter().map(|&number| &trips[number]).collect();
    let mut steps: Vec<(f32, Step)> = trips
        .iter()
        .flat_map(|trip| &trip.steps)
        .filter(|step| area.holds(cell(step.foot)))
        .map(|step| (dot((step.foot.x * aspect, step.foot.y), mean), *step))
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quarter = (steps.len() / 4).max(1);
    let from = middle(steps.get(..quarter)?)?;
    let to = middle(&steps[steps.len() - quarter..])?;
    let direction = Direction::try_from([[from.x, from.y], [to.x, to.y]]).ok()?;
    let line = counting_line(&steps, flow, &trips, &polygon, mean, aspect);
    Some(Proposal {
        direction,
        counting_line: line.map(|(line, _)| line),
        vehicles: trips.len(),
        counted: line.map_or(0, |(_, counted)| counted),
        way: Way::of(mean),
        polygon,
    })
}

/// The mean foot.
fn middle(steps: &[(f32, Step)]) -> Option<NormPoint> {
    let n = steps.len() as f32;
    let (x, y) = steps.iter().fold((0.0, 0.0), |sum, (_, step)| (sum.0 + step.foot.x, sum.1 + step.foot.y));
    (n > 0.0).then(|| NormPoint::clamped(x / n, y / n))
}

/// Of lines across the zone at several places along it, the one that most vehicles drove over; of equals, where they are larger.
fn counting_line(
    steps: &[(f32, Step)],
    flow: &Flow,
    trips: &[&Trip],
    polygon: &Polygon,
    mean: Vector,
    aspect: f32,
) -> Option<([NormPoint; 2], usize)> {
    let largest = steps.iter().map(|(_, step)| step.length).fold(0.0, f32::max);
    let window = (steps.len() / 10).max(3);
    let candidates = (1..20).filter_map(|n| {
        let at = steps.len() * n / 20;
        let near = steps.get(at.saturating_sub(window / 2)..(at + window / 2 + 1).min(steps.len()))?;
        let point = middle(near)?;
        let ways = near.iter().filter_map(|(_, step)| flow.cells.get(&cell(step.foot))).map(|(_, way)| *way);
        let way = ways.fold((0.0, 0.0), |sum, way| (sum.0 + way.0, sum.1 + way.1));
        let way = match Way::of(mean) {
            // Across a street that a camera looks along is level in the picture, whatever the lanes' slant.
            Way::TowardsTheCamera | Way::AwayFromTheCamera => (0.0, mean.1.signum()),
            _ if way == (0.0, 0.0) => mean,
            Way::ToTheLeft | Way::ToTheRight => unit(way),
        };
        let line = across(point, way, polygon, aspect)?;
        let inside = |p: &NormPoint| (EDGE..=1.0 - EDGE).contains(&p.y);
        if !inside(&point) || !(EDGE..=1.0 - EDGE).contains(&point.x) {
            return None;
        }
        let counted = trips.iter().filter(|trip| crosses(trip, line)).count();
        let size = near.iter().map(|(_, step)| step.length).sum::<f32>() / near.len() as f32;
        Some((line, counted, counted as f32 * (0.7 + 0.3 * size / largest.max(1e-6))))
    });
    candidates.filter(|(_, counted, _)| *counted > 0).max_by(|a, b| a.2.total_cmp(&b.2)).map(|(line, counted, _)| (line, counted))
}

/// The line through a point at right angles to a way, from one side of the zone to the other.
fn across(point: NormPoint, (dx, dy): Vector, polygon: &Polygon, aspect: f32) -> Option<[NormPoint; 2]> {
    const STEP: f32 = 0.004;
    let side = |sign: f32| {
        let at = |n: f32| (point.x - dy * sign * n / aspect, point.y + dx * sign * n);
        let within = |(x, y): (f32, f32)| NormPoint::new(x, y).is_ok_and(|p| polygon.contains(p));
        let mut reach = 0.0;
        while reach < 2.0 && within(at(reach + STEP)) {
            reach += STEP;
        }
        let (x, y) = at(reach + OVERHANG);
        (reach, NormPoint::clamped(x, y))
    };
    let ((left, a), (right, b)) = (side(-1.0), side(1.0));
    (left + right > 4.0 * STEP).then_some([a, b])
}

fn crosses(trip: &Trip, [a, b]: [NormPoint; 2]) -> bool {
    trip.steps.windows(2).any(|pair| segments_cross(pair[0].foot, pair[1].foot, a, b))
}
