//! Which trips go the same way: flows.

use std::collections::BTreeMap;

use matpho_scene::NormPoint;

use crate::{
    grid::{Cell, cell},
    trips::Trip,
};

/// Two directions agree where the cosine of the angle between them is at least this: some 45 degrees.
const AGREE: f32 = 0.7;
/// So large a part of the shorter trip's cells must be shared for two trips to go the same way.
const SHARED_MIN: f32 = 0.5;
/// And so large a part of the shared ones must agree.
const AGREED_MIN: f32 = 0.8;
/// Flows that share this part of the smaller one's cells, and agree there, are one.
const OVERLAP_MIN: f32 = 0.3;
/// A flow is one from so many trips on, and from this share of all.
const TRIPS_MIN: usize = 3;
const TRIPS_SHARE_MIN: f32 = 0.04;
/// How far to each side of its foot a vehicle covers the road, as a share of its box's width. The box of a vehicle seen at an angle is wider than it.
const HALF_WIDTH: f32 = 0.35;
/// And how far behind it, as a share of its box's height: it stands on more road than its lower edge.
const DEPTH: f32 = 0.35;

/// A direction in picture heights, not necessarily of length 1.
pub(crate) type Vector = (f32, f32);

/// The cells of a trip with the way it went there, of length 1.
pub(crate) type Track = BTreeMap<Cell, Vector>;

/// Trips that go the same way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flow {
    /// Numbers of its trips.
    pub trips: Vec<usize>,
    /// Its cells: how many trips, and the sum of their ways.
    pub cells: BTreeMap<Cell, (u32, Vector)>,
}

impl Flow {
    fn add(&mut self, number: usize, track: &Track) {
        self.trips.push(number);
        for (&cell, &(dx, dy)) in track {
            let (n, sum) = self.cells.entry(cell).or_default();
            *n += 1;
            *sum = (sum.0 + dx, sum.1 + dy);
        }
    }
}

/// The flows of all trips, the busiest first.
pub(crate) fn flows(trips: &[Trip], aspect: f32) -> Vec<Flow> {
    let tracks: Vec<Track> = trips.iter().map(|trip| covered(trip, aspect)).collect();
    let mut parent: Vec<usize> = (0..tracks.len()).collect();
    for a in 0..tracks.len() {
        for b in a + 1..tracks.len() {
            if same_way(&tracks[a], &tracks[b]) {
                let (a, b) = (root(&mut parent, a), root(&mut parent, b));
                parent[a.max(b)] = a.min(b);
            }
        }
    }
    let mut by_root: BTreeMap<usize, Flow> = BTreeMap::new();
    for (number, track) in tracks.iter().enumerate() {
        by_root.entry(root(&mut parent, number)).or_default().add(number, track);
    }
    let mut flows: Vec<Flow> = by_root.into_values().collect();
    merge(&mut flows, &tracks);
    let least = TRIPS_MIN.max((trips.len() as f32 * TRIPS_SHARE_MIN).ceil() as usize);
    flows.retain(|flow| flow.trips.len() >= least);
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.trips.len()));
    flows
}

fn root(parent: &mut [usize], mut n: usize) -> usize {
    while parent[n] != n {
        parent[n] = parent[parent[n]];
        n = parent[n];
    }
    n
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
        for piece in 0..=pieces {
            let t = piece as f32 / pieces as f32;
            let (x, y) = (from.foot.x + (to.foot.x - from.foot.x) * t, from.foot.y + (to.foot.y - from.foot.y) * t);
            let half = (from.width + (to.width - from.width) * t) * HALF_WIDTH;
            let height = to.length * to.length / (to.width * aspect).max(1e-6);
            for (side, depth) in
                (-4i8..=4).flat_map(|side| (0i8..=3).map(move |depth| (f32::from(side) / 4.0, f32::from(depth) / 3.0)))
            {
                track.entry(cell(NormPoint::clamped(x + half * side, y - DEPTH * height * depth))).or_insert(way);
            }
        }
    }
    track
}

fn same_way(a: &Track, b: &Track) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let (mut shared, mut agreed) = (0, 0);
    for (cell, way) in short {
        if let Some(other) = long.get(cell) {
            shared += 1;
            agreed += u32::from(dot(*way, *other) >= AGREE);
        }
    }
    shared > 0 && shared as f32 >= SHARED_MIN * short.len() as f32 && agreed as f32 >= AGREED_MIN * shared as f32
}

/// Joins flows that lie on each other and go the same way: lanes of one carriageway, and trips that the tracker broke up.
fn merge(flows: &mut Vec<Flow>, tracks: &[Track]) {
    let mut again = true;
    while again {
        again = false;
        flows.sort_by_key(|flow| std::cmp::Reverse(flow.trips.len()));
        'pairs: for a in 0..flows.len() {
            for b in a + 1..flows.len() {
                if overlap(&flows[a], &flows[b]) {
                    let smaller = flows.remove(b);
                    smaller.trips.iter().for_each(|&number| flows[a].add(number, &tracks[number]));
                    again = true;
                    break 'pairs;
                }
            }
        }
    }
}

fn overlap(a: &Flow, b: &Flow) -> bool {
    let (short, long) = if a.cells.len() <= b.cells.len() { (a, b) } else { (b, a) };
    let (mut shared, mut agreed) = (0, 0);
    for (cell, (_, way)) in &short.cells {
        if let Some((_, other)) = long.cells.get(cell) {
            shared += 1;
            agreed += u32::from(dot(unit(*way), unit(*other)) >= AGREE);
        }
    }
    shared as f32 >= OVERLAP_MIN * short.cells.len() as f32 && agreed as f32 >= AGREED_MIN * shared as f32
}

pub(crate) fn dot(a: Vector, b: Vector) -> f32 {
    a.0 * b.0 + a.1 * b.1
}

pub(crate) fn unit((dx, dy): Vector) -> Vector {
    let length = dx.hypot(dy).max(1e-9);
    (dx / length, dy / length)
}
