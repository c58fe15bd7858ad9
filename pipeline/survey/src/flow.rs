//! Where traffic flows, and which way: the ways of all trips, cell by cell, gathered into flows.
//!
//! A flow is a part of the road that hangs together and whose traffic goes within 50 degrees of one direction: lanes side by side are one flow, both
//! sides of an undivided street are two, and so are a road and the one that crosses it. A bend is cut where it has turned away too far, for a zone
//! has one direction, against which nobody may drive.

use std::collections::BTreeMap;

use matpho_scene::NormPoint;

use crate::{
    grid::{Area, Cell, cell},
    trips::Trip,
};

/// Two trips go the same way through a cell where the cosine of the angle between them is at least this: some 45 degrees.
const AGREE: f32 = 0.7;
/// Of a flow are the ways within so much of its direction: the cosine of 50 degrees.
const WITHIN: f32 = 0.643;
/// A way that so small a part of a cell's trips took is chance: a jump of the tracker, somebody on the wrong side.
const CHANCE_SHARE: f32 = 0.2;
/// From so many trips in all on, so does a way that only one took.
const CHANCE_FROM: usize = 10;
/// A flow is one from so many trips on, and from this share of all.
const TRIPS_MIN: usize = 3;
const TRIPS_SHARE_MIN: f32 = 0.04;
/// A trip belongs to a flow that holds this share of its cells.
const TRIP_SHARE_MIN: f32 = 0.5;
/// How far to each side of its foot a vehicle covers the road, as a share of its box's width. The box of a vehicle seen at an angle is wider than it.
const HALF_WIDTH: f32 = 0.4;
/// And how far behind it, as a share of its box's height: it stands on more road than its lower edge.
const DEPTH: f32 = 0.35;
/// Directions are tried in steps of 10 degrees.
const DIRECTIONS: usize = 36;
/// More flows than a picture has.
const FLOWS_MAX: usize = 24;

/// A direction in picture heights, not necessarily of length 1.
pub(crate) type Vector = (f32, f32);

/// The cells of a trip with the way it went there, of length 1.
type Track = BTreeMap<Cell, Vector>;

/// One way that trips took through a cell.
#[derive(Debug, Clone, Copy)]
struct Lane {
    trips: u32,
    sum: Vector,
}

/// A part of the road with one direction.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// Numbers of its trips.
    pub trips: Vec<usize>,
    /// Its cells: how many trips, and the sum of their ways.
    pub cells: BTreeMap<Cell, (u32, Vector)>,
    /// Which way it goes, of length 1.
    pub way: Vector,
}

/// The flows of all trips, the busiest first.
pub(crate) fn flows(trips: &[Trip], aspect: f32) -> Vec<Flow> {
    let tracks: Vec<Track> = trips.iter().map(|trip| covered(trip, aspect)).collect();
    let mut left = lanes(&tracks);
    let least = TRIPS_MIN.max((trips.len() as f32 * TRIPS_SHARE_MIN).ceil() as usize);
    let mut flows = Vec::new();
    let mut taken = vec![false; trips.len()];
    for _ in 0..FLOWS_MAX {
        let Some(part) = strongest(&left) else { break };
        let way = unit(part.values().fold((0.0, 0.0), |sum, lane| (sum.0 + lane.sum.0, sum.1 + lane.sum.1)));
        for (cell, lanes) in &mut left {
            if part.contains_key(cell) {
                lanes.retain(|lane| dot(unit(lane.sum), way) < WITHIN);
            }
        }
        left.retain(|_, lanes| !lanes.is_empty());
        let holds = |track: &Track| {
            let inside = track.iter().filter(|(cell, its)| part.contains_key(cell) && dot(**its, way) >= WITHIN).count();
            inside as f32 >= TRIP_SHARE_MIN * track.len() as f32 && inside > 0
        };
        let numbers: Vec<usize> = (0..tracks.len()).filter(|&n| !taken[n] && holds(&tracks[n])).collect();
        if numbers.len() >= least {
            numbers.iter().for_each(|&n| taken[n] = true);
            let cells = part.iter().map(|(&cell, lane)| (cell, (lane.trips, lane.sum))).collect();
            flows.push(Flow { trips: numbers, cells, way });
        }
    }
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.trips.len()));
    flows
}

/// The ways through each cell, without those of chance.
fn lanes(tracks: &[Track]) -> BTreeMap<Cell, Vec<Lane>> {
    let mut lanes: BTreeMap<Cell, Vec<Lane>> = BTreeMap::new();
    for track in tracks {
        for (&cell, &way) in track {
            let here = lanes.entry(cell).or_default();
            match here.iter_mut().find(|lane| dot(unit(lane.sum), way) >= AGREE) {
                Some(lane) => {
                    lane.trips += 1;
                    lane.sum = (lane.sum.0 + way.0, lane.sum.1 + way.1);
                }
                None => here.push(Lane { trips: 1, sum: way }),
            }
        }
    }
    let alone = if tracks.len() >= CHANCE_FROM { 1 } else { 0 };
    for here in lanes.values_mut() {
        let all: u32 = here.iter().map(|lane| lane.trips).sum();
        here.retain(|lane| lane.trips > alone && lane.trips as f32 >= CHANCE_SHARE * all as f32);
    }
    lanes.retain(|_, here| !here.is_empty());
    lanes
}

/// The part with most traffic that hangs together and goes one way.
fn strongest(lanes: &BTreeMap<Cell, Vec<Lane>>) -> Option<BTreeMap<Cell, Lane>> {
    let within = |way: Vector| -> BTreeMap<Cell, Lane> {
        lanes
            .iter()
            .filter_map(|(&cell, here)| {
                let fits = here.iter().filter(|lane| dot(unit(lane.sum), way) >= WITHIN);
                fits.max_by_key(|lane| lane.trips).map(|lane| (cell, *lane))
            })
            .collect()
    };
    let traffic = |part: &BTreeMap<Cell, Lane>| part.values().map(|lane| lane.trips).sum::<u32>();
    let parts = (0..DIRECTIONS).map(|n| {
        let angle = std::f32::consts::TAU * n as f32 / DIRECTIONS as f32;
        let mut all = within((angle.cos(), angle.sin()));
        let mut area = Area::none();
        all.keys().for_each(|&cell| area.insert(cell));
        // Of the parts that hang together the one with most traffic, which need not be the largest.
        let best = area
            .parts()
            .into_iter()
            .max_by_key(|part| part.cells().filter_map(|cell| all.get(&cell)).map(|lane| lane.trips).sum::<u32>());
        let best = best.unwrap_or_else(Area::none);
        all.retain(|&cell, _| best.holds(cell));
        all
    });
    // The first of equals: the same each time.
    let mut strongest: Option<(u32, BTreeMap<Cell, Lane>)> = None;
    for part in parts {
        let weight = traffic(&part);
        if weight > strongest.as_ref().map_or(0, |(most, _)| *most) {
            strongest = Some((weight, part));
        }
    }
    strongest.map(|(_, part)| part)
}

/// The cells that a vehicle drove over, as wide and deep as it is.
fn covered(trip: &Trip, aspect: f32) -> Track {
    let mut track = Track::new();
    for n in 1..trip.steps.len() {
        // Over two steps before and after: single steps tremble.
        let (first, last) = (&trip.steps[n.saturating_sub(2)], &trip.steps[(n + 1).min(trip.steps.len() - 1)]);
        let (dx, dy) = ((last.foot.x - first.foot.x) * aspect, last.foot.y - first.foot.y);
        let length = dx.hypot(dy);
        if length < 1e-6 {
            continue;
        }
        let way = (dx / length, dy / length);
        let (from, to) = (&trip.steps[n - 1], &trip.steps[n]);
        let pieces = (crate::trips::distance(from.foot, to.foot, aspect) / 0.01).ceil().clamp(1.0, 100.0) as u32;
        let height = to.length * to.length / (to.width * aspect).max(1e-6);
        for piece in 0..=pieces {
            let t = piece as f32 / pieces as f32;
            let (x, y) = (from.foot.x + (to.foot.x - from.foot.x) * t, from.foot.y + (to.foot.y - from.foot.y) * t);
            let half = (from.width + (to.width - from.width) * t) * HALF_WIDTH;
            for (side, depth) in
                (-4i8..=4).flat_map(|side| (0i8..=3).map(move |depth| (f32::from(side) / 4.0, f32::from(depth) / 3.0)))
            {
                track.entry(cell(NormPoint::clamped(x + half * side, y - DEPTH * height * depth))).or_insert(way);
            }
        }
    }
    track
}

pub(crate) fn dot(a: Vector, b: Vector) -> f32 {
    a.0 * b.0 + a.1 * b.1
}

pub(crate) fn unit((dx, dy): Vector) -> Vector {
    let length = dx.hypot(dy).max(1e-9);
    (dx / length, dy / length)
}
