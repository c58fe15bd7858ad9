//! A person on foot on the carriageway: neither rider nor passenger, and there for longer than a step off the kerb.

use std::time::Duration;

use matpho_scene::{
    Class, MediaTime, NormPoint,
    event::{Detail, EndReason, EventKind, Severity},
    measurement::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::{
    carriageway::Carriageway,
    desk::{Desk, Open, Statement, proof, stop_all},
    moment::Moment,
    road::{Mover, Road},
    units::{Seconds, Share},
    window::Trace,
    zone::Zone,
};

/// Parameters of pedestrians, `[analytics.pedestrian]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PedestrianParams {
    /// Announced after this long on a drawn carriageway.
    pub after_s: Seconds,
    /// Where no carriageway is drawn: after this long at places where vehicles are seen to drive. Longer, since crossings are not known.
    pub undrawn_after_s: Seconds,
    /// A person whose box lies in that of a two-wheeler by at least this share of the person's area is its rider.
    pub rider_overlap: Share,
    /// Over when nobody has been on the carriageway for this long, while the camera saw.
    pub gone_after_s: Seconds,
}

impl Default for PedestrianParams {
    fn default() -> Self {
        Self {
            after_s: Seconds::of(5.0),
            undrawn_after_s: Seconds::of(20.0),
            rider_overlap: Share::of(0.25),
            gone_after_s: Seconds::of(5.0),
        }
    }
}

/// A detection must have lasted, and more pictures must speak against a rider than for one.
const HITS_MIN: u32 = 3;
const RIDER_VOTES_AGAINST_MIN: i32 = 2;
/// Faster than this, in lengths of its own box (some 0.9 m), is no walker, even where the two-wheeler itself was not found.
const WALK_BOX_LENGTHS_PER_S_MAX: f32 = 4.0;
/// The same where the camera is calibrated; a run.
const WALK_KMH_MAX: f32 = 10.0;
/// A queue counts as dissolved after this long.
const QUEUE_OVER: Duration = Duration::from_secs(10);
/// A person who was out of the zone or out of sight for this long starts anew.
const AWAY_AFTER: Duration = Duration::from_secs(2);
/// Where no zone is drawn: so many vehicles must have driven just there.
const UNDRAWN_ROAD_TRACKS_MIN: u32 = 5;
/// An event is updated at most this often.
const UPDATE_EVERY: Duration = Duration::from_secs(30);

/// A person in the zone.
#[derive(Debug)]
struct Walker {
    serial: u64,
    since: Moment,
    last_inside: Moment,
}

/// One event per carriageway: a procession is not a hundred of them.
#[derive(Debug)]
struct Lane {
    carriageway: Carriageway,
    walkers: Vec<Walker>,
    /// When somebody last was there for long enough.
    last_present: Moment,
    /// When its traffic last stood or crawled.
    queued_at: Option<Moment>,
    trace: Trace,
    /// Whom the open event was begun about (serial).
    said_of: u64,
    open: Option<Open>,
    looked: bool,
}

impl Lane {
    fn walks_here(&self, m: &Mover, road: &Road) -> bool {
        let foot = m.here().foot;
        let zone = self.carriageway.zone();
        // Half a step in from the kerb: a box is not that exact.
        let well_inside = [-1.0, 0.0, 1.0]
            .into_iter()
            .all(|side| zone.polygon.contains(NormPoint::clamped(foot.x + side * m.bbox.width(), foot.y)));
        m.class == Class::Person
            && m.hits >= HITS_MIN
            && m.is_sure()
            && m.rider_votes <= -RIDER_VOTES_AGAINST_MIN
            && m.speed_box_lengths_per_s().is_none_or(|speed| speed <= WALK_BOX_LENGTHS_PER_S_MAX)
            && zone.ground.and_then(|plane| m.speed_kmh(&plane)).is_none_or(|kmh| kmh <= WALK_KMH_MAX)
            && well_inside
            && (self.carriageway.is_drawn() || road.flow.at(foot).tracks >= UNDRAWN_ROAD_TRACKS_MIN)
    }

    fn look(&mut self, road: &Road, params: &PedestrianParams, desk: &mut Desk) {
        let now = road.now();
        self.looked = true;
        let inside: Vec<&Mover> = road.present().filter(|m| m.seen == now && self.walks_here(m, road)).collect();
        for person in &inside {
            match self.walkers.iter_mut().find(|w| w.serial == person.serial) {
                Some(walker) => walker.last_inside = now,
                None => self.walkers.push(Walker { serial: person.serial, since: now, last_inside: now }),
            }
        }
        self.walkers.retain(|w| now.since(w.last_inside) < AWAY_AFTER);
        let after = if self.carriageway.is_drawn() { params.after_s } else { params.undrawn_after_s };
        let longest = self.walkers.iter().filter(|w| w.last_inside == now).min_by_key(|w| w.since.watched);
        // In a queue of motorbikes many a rider shows and the bike does not.
        if self.carriageway.is_queue(road) {
            self.queued_at = Some(now);
        }
        let queue = self.queued_at.is_some_and(|queued| now.since(queued) <= QUEUE_OVER);
        let due = longest.filter(|w| !queue && now.since(w.since) >= after.span());
        let seen = longest.and_then(|w| Some((w.since, inside.iter().find(|m| m.serial == w.serial)?)));
        self.trace.push(now.at, inside.len() as f32);
        self.open = match (self.open.take(), due.is_some(), seen) {
            (None, true, Some((since, person))) => {
                self.last_present = now;
                self.said_of = person.serial;
                let statement = self.statement(person, now, since, after);
                Some(desk.begin(EventKind::Pedestrian, Some(self.carriageway.zone().id.clone()), since.at, statement))
            }
            (None, true | false, Some(_) | None) => None,
            (Some(mut open), true | false, Some((since, person))) => {
                self.last_present = now;
                let statement = self.statement(person, now, since, after);
                desk.restate(&mut open, statement, false, UPDATE_EVERY);
                Some(open)
            }
            // Who was announced sits on a two-wheeler.
            (Some(open), true | false, None)
                if road.get(self.said_of).is_some_and(|m| m.rider_votes >= RIDER_VOTES_AGAINST_MIN) =>
            {
                desk.end(open, now.at, EndReason::Retracted);
                None
            }
            (Some(open), true | false, None) if now.since(self.last_present) >= params.gone_after_s.span() => {
                desk.end(open, now.at, EndReason::Cleared);
                None
            }
            (Some(open), true | false, None) => Some(open),
        };
    }

    fn statement(&self, person: &Mover, now: Moment, since: Moment, after: Seconds) -> Statement {
        let ground = self.carriageway.ground();
        let mut thresholds =
            vec![("after_s", after.get()), ("walk_box_lengths_per_s_max", f64::from(WALK_BOX_LENGTHS_PER_S_MAX))];
        thresholds.extend(ground.calibrated.then_some(("walk_kmh_max", f64::from(WALK_KMH_MAX))));
        Statement {
            at: now.at,
            severity: Severity::Moderate,
            confidence: 0.8,
            region: Some(person.bbox),
            detail: Detail::Vehicle {
                track: person.id,
                class: person.class,
                duration_s: now.secs_since(since),
                path: person.way(),
            },
            proof: proof(
                "a person's foot stays on the carriageway at no more than a run, and no two-wheeler is under them",
                &thresholds,
                &[&self.trace],
                ground,
            ),
        }
    }
}

/// Pedestrians in all carriageways of a camera.
#[derive(Debug)]
pub(crate) struct Pedestrians {
    params: PedestrianParams,
    lanes: Vec<Lane>,
}

impl Pedestrians {
    pub fn new<'a>(params: PedestrianParams, zones: impl Iterator<Item = &'a Zone>) -> Self {
        let lane = |zone| Lane {
            carriageway: Carriageway::new(zone),
            walkers: Vec::new(),
            last_present: Moment::default(),
            queued_at: None,
            trace: Trace::new("people_on_carriageway", Duration::from_secs(120)),
            said_of: 0,
            open: None,
            looked: false,
        };
        Self { params, lanes: zones.map(lane).collect() }
    }

    /// The tracks of a picture are in `road`.
    pub fn look(&mut self, road: &Road, desk: &mut Desk) {
        for lane in &mut self.lanes {
            lane.look(road, &self.params, desk);
        }
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        for lane in &mut self.lanes {
            stop_all(desk, at, lane.open.take());
        }
    }

    pub fn judgement(&self) -> Judgement {
        crate::io::worst(self.lanes.iter().map(|lane| match (lane.looked, &lane.open) {
            (_, Some(_)) => Judgement::Present,
            (true, None) => Judgement::Clear,
            (false, None) => Judgement::Unknown,
        }))
    }
}
