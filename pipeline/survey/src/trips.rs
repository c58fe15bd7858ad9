//! Where vehicles drove: each track reduced to the points at which it had moved on.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{MediaTime, NormPoint, PictureSize, TrackId, Tracked};

use crate::propose::{Proposal, propose};

/// A track that was not seen for this long is over.
const GONE: Duration = Duration::from_secs(5);
/// A point is kept once the vehicle moved this far from the last one, in its own box lengths: who stands leaves no points.
const STEP_BOX_LENGTHS: f32 = 0.25;
/// A trip is one from so many sightings on.
const HITS_MIN: u32 = 4;
/// And over so far, in the vehicle's box lengths and in picture heights: a box that trembles gets nowhere.
const FAR_BOX_LENGTHS: f32 = 1.5;
const FAR_HEIGHTS: f32 = 0.02;
/// Way made good over way gone: below this it is two vehicles that the tracker took for one.
const STRAIGHT_MIN: f32 = 0.5;
/// The most trips that are kept; the longest ones.
const TRIPS_MAX: usize = 800;
/// The most points of a trip.
const STEPS_MAX: usize = 400;

/// A point of a trip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Where the vehicle touched the road.
    pub foot: NormPoint,
    /// Width of its box, as a share of the picture's.
    pub width: f32,
    /// Square root of its box's area, in picture heights.
    pub length: f32,
}

/// One vehicle's way through the picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trip {
    pub steps: Vec<Step>,
    hits: u32,
    seen: MediaTime,
}

impl Trip {
    /// In picture heights.
    fn gone(&self, aspect: f32) -> f32 {
        self.steps.windows(2).map(|pair| distance(pair[0].foot, pair[1].foot, aspect)).sum()
    }

    fn made_good(&self, aspect: f32) -> f32 {
        match (self.steps.first(), self.steps.last()) {
            (Some(first), Some(last)) => distance(first.foot, last.foot, aspect),
            _ => 0.0,
        }
    }

    fn is_one(&self, aspect: f32) -> bool {
        let length = self.steps.iter().map(|step| step.length).sum::<f32>() / self.steps.len().max(1) as f32;
        let far = self.made_good(aspect);
        self.hits >= HITS_MIN && far >= FAR_HEIGHTS && far >= FAR_BOX_LENGTHS * length && far >= STRAIGHT_MIN * self.gone(aspect)
    }
}

/// Distance in picture heights.
pub(crate) fn distance(a: NormPoint, b: NormPoint, aspect: f32) -> f32 {
    ((a.x - b.x) * aspect).hypot(a.y - b.y)
}

/// Watches one camera's tracks.
#[derive(Debug, Default)]
pub struct Survey {
    aspect: Option<f32>,
    under_way: BTreeMap<TrackId, Trip>,
    trips: Vec<Trip>,
}

impl Survey {
    /// Nothing watched yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the tracks of one picture, of which only those count that were seen in it. People on foot leave no trips.
    pub fn picture(&mut self, at: MediaTime, size: PictureSize, tracked: &[Tracked]) {
        let aspect = *self.aspect.get_or_insert(size.aspect());
        let gone: Vec<TrackId> =
            self.under_way.iter().filter(|(_, trip)| at.since(trip.seen) > GONE).map(|(id, _)| *id).collect();
        for id in gone {
            self.under_way.remove(&id).into_iter().for_each(|trip| self.keep(trip, aspect));
        }
        for track in tracked.iter().filter(|track| track.last_seen == at && track.class.is_vehicle()) {
            let (foot, width) = (track.bbox.foot(), track.bbox.width());
            let step = Step { foot, width, length: (track.bbox.area() * aspect).sqrt() };
            let trip = self.under_way.entry(track.id).or_insert_with(|| Trip { steps: Vec::new(), hits: 0, seen: at });
            trip.hits = track.hits.max(trip.hits);
            trip.seen = at;
            let moved = trip.steps.last().is_none_or(|last| distance(last.foot, foot, aspect) >= STEP_BOX_LENGTHS * step.length);
            if moved && trip.steps.len() < STEPS_MAX {
                trip.steps.push(step);
            }
        }
    }

    fn keep(&mut self, trip: Trip, aspect: f32) {
        if trip.is_one(aspect) {
            self.trips.push(trip);
        }
        if self.trips.len() > 2 * TRIPS_MAX {
            self.thin(aspect);
        }
    }

    /// Keeps the longest trips, in the order in which they ended.
    fn thin(&mut self, aspect: f32) {
        let mut lengths: Vec<f32> = self.trips.iter().map(|trip| trip.made_good(aspect)).collect();
        lengths.sort_by(|a, b| b.total_cmp(a));
        if let Some(&least) = lengths.get(TRIPS_MAX) {
            self.trips.retain(|trip| trip.made_good(aspect) > least);
        }
    }

    /// How many vehicles were seen to drive some way.
    pub fn trips(&self) -> usize {
        let aspect = self.aspect.unwrap_or(1.0);
        self.trips.len() + self.under_way.values().filter(|trip| trip.is_one(aspect)).count()
    }

    /// What the zones could be, the busiest first. Empty where too few vehicles went the same way.
    pub fn propose(&self) -> Vec<Proposal> {
        let Some(aspect) = self.aspect else { return Vec::new() };
        let mut all = Self { trips: self.trips.clone(), ..Self::default() };
        self.under_way.values().for_each(|trip| all.keep(trip.clone(), aspect));
        all.thin(aspect);
        propose(&all.trips, aspect)
    }
}
