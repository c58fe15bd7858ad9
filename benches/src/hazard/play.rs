//! Puts scenes and lookalikes before the analytics, as a gateway would: so many looks a second, all of them while a burst lasts.

use std::collections::BTreeMap;

use matpho_analytics::{Analytic, CameraAnalytics, CameraPlan, Input, Observation, Output, Params, Request};
use matpho_scene::{
    Class, MediaTime, Score, TrackId, Tracked,
    event::{EventKind, Phase},
};

use super::{
    fire::{FireDetector, Sight},
    lookalikes::Lookalike,
    scenes::{BURST_HZ, Burning, FireScene, PICTURE},
};

/// How the camera is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Seconds from one look to the next.
    pub every_s: f64,
    /// What bursts the media stage grants, if any.
    pub bursts: Option<Bursts>,
    /// Whether the change of places is measured.
    pub changes: bool,
    /// Whether vehicles are looked for too.
    pub vehicles: bool,
}

/// How a burst comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bursts {
    /// The camera is decoded for traffic at 5 pictures a second: all of them are looked at, at once.
    OfTraffic,
    /// Only keyframes are decoded: from the next one on all pictures, of which 8 a second are looked at.
    FromKeyframe,
}

/// One vehicle in so many is not found.
const UNFOUND: u64 = 4;
/// Instants a second: looks of both kinds of bursts fall on them.
const TICKS: u64 = 40;

/// What a play came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// When each event of a kind was announced.
    pub began: Vec<(EventKind, f64)>,
    /// Looks, bursts included.
    pub looks: u64,
    /// Looks of bursts alone.
    pub burst_looks: u64,
}

impl Outcome {
    /// When the first event of a kind was announced at or after `from`.
    pub fn first(&self, kind: EventKind, from: f64) -> Option<f64> {
        self.began.iter().filter(|(k, t)| *k == kind && *t >= from).map(|(_, t)| *t).reduce(f64::min)
    }
}

/// The plan of a camera that watches for fire and smoke.
pub fn fire_plan(params: Params) -> CameraPlan {
    let analytics = [Analytic::Fire, Analytic::Smoke, Analytic::StoppedVehicle].into();
    CameraPlan::new(Vec::new(), analytics, params).unwrap_or_else(|e| unreachable!("{e:?}"))
}

/// Plays a scene, or nothing but lookalikes, for `seconds`.
pub fn fire(
    plan: &CameraPlan,
    scene: Option<&FireScene>,
    like: &[Lookalike],
    seconds: f64,
    pace: &Pace,
    sight: Sight,
    seed: u64,
) -> Outcome {
    let mut analytics = CameraAnalytics::new(plan.clone());
    let mut detector = FireDetector::new(sight, seed);
    let mut outcome = Outcome::default();
    let every = (pace.every_s * TICKS as f64).round() as u64;
    let step = if pace.bursts == Some(Bursts::OfTraffic) { TICKS / 5 } else { TICKS / BURST_HZ };
    let mut burst = 0..0u64;
    let mut tick = 0u64;
    let nothing = Burning::default();
    let mut first_seen: BTreeMap<u64, MediaTime> = BTreeMap::new();
    // Lookalikes come in the order of their beginnings, but for those that last; a window over them keeps a day cheap.
    let mut order: Vec<&Lookalike> = like.iter().collect();
    order.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
    let (mut next, mut under_way): (usize, Vec<&Lookalike>) = (0, Vec::new());
    let end = (seconds * TICKS as f64) as u64;
    while tick <= end {
        let t = tick as f64 / TICKS as f64;
        while next < order.len() && order[next].from_s <= t {
            under_way.push(order[next]);
            next += 1;
        }
        under_way.retain(|l| l.to_s > t);
        outcome.looks += 1;
        outcome.burst_looks += u64::from(!tick.is_multiple_of(every));
        let burning = scene.and_then(|scene| scene.at(t)).unwrap_or(&nothing);
        let mut found = detector.look(t, &burning.flames, &burning.smoke);
        found.extend(under_way.iter().filter_map(|l| l.look(&mut detector, t)));
        let (found, changes): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let at = MediaTime::from_secs_f64(t);
        let driven = under_way.iter().filter_map(|l| l.vehicle(t));
        let passing = burning.vehicles.iter().map(|(id, bbox)| (u64::from(*id), *bbox));
        let tracks: Vec<Tracked> = driven
            .chain(passing)
            // A vehicle in some is not found, and is not all the while.
            .filter(|(id, _)| pace.vehicles && !id.is_multiple_of(UNFOUND))
            .map(|(id, bbox)| Tracked {
                id: TrackId(id),
                class: Class::Car,
                score: Score::clamped(0.6),
                bbox,
                first_seen: *first_seen.entry(id).or_insert(at),
                last_seen: at,
                hits: 5,
            })
            .collect();
        let fire_changes = if pace.changes { &changes[..] } else { &[] };
        let seen = Observation {
            fire: Some(&found),
            fire_changes,
            tracks: pace.vehicles.then_some(&tracks),
            ..Observation::bare(PICTURE)
        };
        analytics.handle_input(at, Input::Frame(seen));
        while let Some(output) = analytics.poll_output() {
            match output {
                Output::Finding(f) if f.phase == Phase::Began => outcome.began.push((f.kind, t)),
                Output::Request(Request::BurstFullRate { at_most }) => {
                    let from = match pace.bursts {
                        None => u64::MAX,
                        Some(Bursts::OfTraffic) => tick,
                        Some(Bursts::FromKeyframe) => (tick / every + 1) * every,
                    };
                    burst = from..tick + (at_most.as_secs_f64() * TICKS as f64) as u64;
                }
                Output::Request(Request::ReleaseBurst) => burst = 0..0,
                Output::Finding(_) | Output::Measurement(_) => {}
            }
        }
        let beat = (tick / every + 1) * every;
        tick = if burst.contains(&tick) { (tick + step).min(beat) } else { beat };
    }
    outcome
}
