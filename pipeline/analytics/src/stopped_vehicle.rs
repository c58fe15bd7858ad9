//! A vehicle that stands while others move, quiet inside a queue and armed again when the queue dissolves.
//!
//! That others *pass* it is the sign: at a red light nobody does. What stands ahead of it, or most of what is beside it, makes a queue;
//! those stuck behind it do not.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use matpho_scene::{
    MediaTime, NormPoint,
    event::{Detail, EndReason, EventKind, Severity},
    measurement::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::{
    bearing::Bearing,
    carriageway::{Carriageway, QUEUE_VEHICLES_MIN},
    desk::{Desk, Open, Statement, proof, stop_all},
    flow::Waits,
    moment::Moment,
    path::{Step, distance},
    road::{Mover, Road, overlap_of},
    units::{Positive, Seconds, Share},
    window::Trace,
    zone::Zone,
};

/// Parameters of stopped vehicles, `[analytics.stopped_vehicle]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoppedVehicleParams {
    /// It is announced after standing this long while others pass it. 10 s leaves ten of the 20 s in which National Highways wants the
    /// alert. On streets with signals give the zone its `signal_cycle_s`, which is added.
    pub after_s: Seconds,
    /// So many vehicles must have passed it since it stopped.
    pub passed_by_min: u32,
    /// Where nobody stands ahead of it or beside it, it is announced after standing this long on a drawn carriageway, also when nobody passes.
    /// At a signal that would be any car at red: until it is learned where vehicles wait, see `unknown_after_s`.
    pub alone_after_s: Seconds,
    /// It stands while it stays within this many lengths of its own box.
    pub move_box_lengths: Positive,
    /// Quiet while this share of the other vehicles near it stands too: that is a queue.
    pub queue_share: Share,
    /// A queue counts as dissolved this long after it was last one.
    pub queue_over_s: Seconds,
    /// Where at least this share of the vehicles that drove through a place waited there (5 s or longer) and drove on, waiting is usual, as at
    /// a signal: a vehicle must outlast the longest of these waits. Learned from the tracks; `signal_cycle_s` of the zone says it at once.
    pub waits_share: Share,
    /// Before so many vehicles have driven through a place, nobody knows whether they wait there: a vehicle that nobody passes is announced
    /// after `unknown_after_s`.
    pub known_tracks_min: u32,
    /// See `known_tracks_min`. As long as a long red.
    pub unknown_after_s: Seconds,
    /// Over when the vehicle has not been seen for this long, while the camera saw.
    pub gone_after_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
}

impl Default for StoppedVehicleParams {
    fn default() -> Self {
        Self {
            after_s: Seconds::of(10.0),
            passed_by_min: 2,
            alone_after_s: Seconds::of(15.0),
            move_box_lengths: Positive::of(0.5),
            queue_share: Share::of(0.5),
            queue_over_s: Seconds::of(5.0),
            waits_share: Share::of(0.1),
            known_tracks_min: 12,
            unknown_after_s: Seconds::of(90.0),
            gone_after_s: Seconds::of(10.0),
            update_every_s: Seconds::of(60.0),
        }
    }
}

/// So many must have waited at a place before waiting is usual there, and how much longer than the longest wait is too long.
const WAITS_MIN: u32 = 2;
const WAIT_MARGIN: f32 = 1.25;
/// Whoever drives on this soon after standing in a queue drives on with it.
const WITH_ITS_QUEUE: Duration = Duration::from_secs(4);
/// It is looked at closer after standing this long.
const CASE_AFTER: Duration = Duration::from_secs(2);
/// A vehicle that stands this long when it is first looked at was hidden until now.
const SEEN_LATE: Duration = Duration::from_secs(4);
/// Within this many box lengths of an announced vehicle nobody else is announced.
const INCIDENT_BOX_LENGTHS: f32 = 5.0;
/// And for so long after it has gone.
const INCIDENT_OVER: Duration = Duration::from_secs(15);
/// A queue is one after this long.
const QUEUE_AFTER: Duration = Duration::from_secs(2);
/// Neighbours are those within so many of its box lengths; its own lane is so wide to either side; what is ahead of it and near.
const NEAR_BOX_LENGTHS: f32 = 8.0;
const LANE_BOX_LENGTHS: f32 = 1.2;
const AHEAD_BOX_LENGTHS: f32 = 4.0;
/// A track whose box lies by this share in the vehicle's, or the other way round, is the vehicle itself.
const ITSELF_OVERLAP: f32 = 0.7;
/// Whoever was this far behind and gets this far ahead has passed it.
const BEHIND_BOX_LENGTHS: f32 = 0.3;
const PAST_BOX_LENGTHS: f32 = 0.5;
/// Who drives at such speed that so long before his first sighting he was behind it has come from there; his speed is told over his first seconds.
const UNSEEN_S: f32 = 1.5;
const UNSEEN_TOLD_S: std::ops::RangeInclusive<f32> = 0.35..=3.0;
/// Who went by is watched for this long: who stops soon was on his way to a stop line.
const PASSED_FOR: Duration = Duration::from_secs(3);
/// Others must have passed it for this long.
const PASSING_FOR: Duration = Duration::from_secs(5);
/// An announced vehicle drove on when it is this far from where it stood.
const DROVE_ON_BOX_LENGTHS: f32 = 1.0;
/// Where no zone is drawn, it must stand where so many others have driven: a kerb is no carriageway.
const UNDRAWN_ROAD_TRACKS_MIN: u32 = 4;
/// The most vehicles that are remembered around one.
const NEIGHBOURS_MAX: usize = 64;

/// A vehicle that stands.
#[derive(Debug)]
struct Case {
    serial: u64,
    place: Step,
    since: Moment,
    bearing: Option<Bearing>,
    /// Since when a queue is seen around it, without a break.
    queue_since: Option<Moment>,
    /// When it last stood in a queue for sure.
    queued_at: Option<Moment>,
    behind: BTreeSet<u64>,
    /// Who passed it, and when.
    passed: BTreeMap<u64, Moment>,
    /// When it last stood beside one that was announced.
    beside_incident_at: Option<Moment>,
    /// Since when there are any who passed it.
    passing_since: Option<Moment>,
    /// When those behind it last made a queue with it.
    queued_behind_at: Option<Moment>,
    trace: Trace,
    /// Others passed it while it was announced: no signal holds it.
    was_passed: bool,
    /// How it came.
    way: Vec<NormPoint>,
    open: Option<Open>,
}

/// What is around a standing vehicle.
struct Around {
    /// A queue ahead of it or beside it, or anywhere but behind it.
    queue: bool,
    /// A queue if those behind it are of it too: at a red light they are, behind a breakdown they are stuck.
    queue_behind: bool,
    /// Someone else stands near, ahead of it or beside it.
    company: bool,
    /// One near it, or it itself, is announced already.
    announced: bool,
}

impl Case {
    fn new(mover: &Mover, zone_heading: Option<(f32, f32)>, carriageway: &Carriageway, aspect: f32) -> Self {
        let place = mover.here();
        // Who stood before it was seen to stand was behind somebody: nobody knows whether a queue was there.
        let hidden = (mover.standing() >= SEEN_LATE).then_some(mover.seen);
        let bearing = |heading| Bearing::new(place, heading, aspect, carriageway.zone().ground, carriageway.travel());
        Self {
            serial: mover.serial,
            place,
            since: mover.stands_since(),
            bearing: zone_heading.or_else(|| mover.heading()).map(bearing),
            queue_since: None,
            queued_at: hidden,
            behind: BTreeSet::new(),
            passed: BTreeMap::new(),
            beside_incident_at: None,
            passing_since: None,
            queued_behind_at: hidden,
            trace: Trace::new("stands_s", Duration::from_secs(300)),
            was_passed: false,
            way: mover.way(),
            open: None,
        }
    }

    /// Whether another stands ahead of it in its lane: beyond the zone, too, which ends before the road does.
    fn stands_ahead(&self, other: &Mover) -> bool {
        let Some((along, aside)) = self.bearing.map(|bearing| bearing.of(self.place, other.here())) else { return false };
        other.standing() >= CASE_AFTER && aside < LANE_BOX_LENGTHS && (0.0..AHEAD_BOX_LENGTHS).contains(&along)
    }

    /// Looks at the others in the zone: who stands, who passes. Who is slow behind it may be stuck behind it, and says nothing. `ahead` if somebody stands ahead of it beyond the zone.
    fn look_around<'a>(
        &mut self,
        others: impl Iterator<Item = &'a Mover>,
        mut ahead: bool,
        is_slow: impl Fn(&Mover) -> bool,
        queue_share: f32,
    ) -> Around {
        let (mut near, mut all, mut behind_too) = (Crowd::default(), Crowd::default(), [Crowd::default(); 2]);
        for other in others.filter(|m| m.serial != self.serial) {
            let there = other.here();
            let stands = is_slow(other);
            let (dx, dy) = ((there.x - self.place.x) / self.place.length, (there.y - self.place.y) / self.place.length);
            let is_near = dx.hypot(dy) <= NEAR_BOX_LENGTHS;
            let Some(bearing) = self.bearing else {
                all.add(stands);
                behind_too[0].add(stands);
                if is_near {
                    near.add(stands);
                }
                continue;
            };
            let (along, aside) = bearing.of(self.place, there);
            let (behind, in_lane) = (along < -BEHIND_BOX_LENGTHS, aside < LANE_BOX_LENGTHS);
            behind_too[0].add(stands);
            if !(stands && behind) {
                all.add(stands);
            }
            if !is_near || (stands && in_lane && along < 0.0) {
                continue;
            }
            behind_too[1].add(stands);
            if stands && behind {
                continue;
            }
            near.add(stands);
            ahead |= self.stands_ahead(other);
            let behind = behind || self.came_from_behind(other, bearing, along);
            if behind && self.behind.len() < NEIGHBOURS_MAX {
                self.behind.insert(other.serial);
            }
            // Who creeps by is on the way to a stop line, and has passed only once it drives on.
            if along > PAST_BOX_LENGTHS && !stands && self.behind.remove(&other.serial) {
                self.passed.insert(other.serial, other.seen);
            }
            // Who goes by and then stands is no proof that the way is free: that is how a queue forms.
            if other.standing() >= CASE_AFTER && along > 0.0 {
                self.passed.remove(&other.serial);
            }
        }
        let is_queue = |near: Crowd, all: Crowd| near.stands(2, 2, queue_share) || all.stands(QUEUE_VEHICLES_MIN, 1, queue_share);
        let queue = ahead || is_queue(near, all);
        let queue_behind = queue || is_queue(behind_too[1], behind_too[0]);
        Around { queue, queue_behind, company: behind_too[1].standing > 0, announced: false }
    }
}

impl Case {
    /// Whether somebody who is first seen beside it or ahead of it must have been behind it, by the speed at which he came: near the picture's edge nobody is seen before.
    fn came_from_behind(&self, other: &Mover, bearing: Bearing, along: f32) -> bool {
        let first = other.first();
        let drove_s = other.here().when.secs_since(first.when);
        if first.when.watched <= self.since.watched
            || !UNSEEN_TOLD_S.contains(&drove_s)
            || self.passed.contains_key(&other.serial)
        {
            return false;
        }
        let (from, _) = bearing.of(self.place, first);
        let speed = (along - from) / drove_s;
        from - speed * UNSEEN_S < -BEHIND_BOX_LENGTHS && along - from > PAST_BOX_LENGTHS
    }
}

/// How many there are, and how many of them stand or crawl.
#[derive(Debug, Clone, Copy, Default)]
struct Crowd {
    all: u32,
    standing: u32,
}

impl Crowd {
    fn add(&mut self, stands: bool) {
        self.all += 1;
        self.standing += u32::from(stands);
    }

    fn stands(self, all_min: u32, standing_min: u32, share: f32) -> bool {
        self.all >= all_min && self.standing >= standing_min && self.standing as f32 >= share * self.all as f32
    }
}

/// Stopped vehicles of one carriageway.
#[derive(Debug)]
struct Lane {
    carriageway: Carriageway,
    cases: Vec<Case>,
    looked: bool,
}

impl Lane {
    fn look(&mut self, road: &mut Road, aspect: f32, params: &StoppedVehicleParams, desk: &mut Desk) {
        let now = road.now();
        self.looked = true;
        let zone_heading = self.carriageway.heading(aspect);
        for mover in road.vehicles().filter(|m| m.standing() >= CASE_AFTER && self.carriageway.holds(m, road)) {
            // One that came along the other carriageway, and whose box reaches over.
            let of_another = zone_heading.zip(mover.heading()).is_some_and(|((zx, zy), (hx, hy))| zx * hx + zy * hy < 0.0);
            if !of_another && !self.cases.iter().any(|case| case.serial == mover.serial) {
                self.cases.push(Case::new(mover, zone_heading, &self.carriageway, aspect));
            }
        }
        let carriageway = &self.carriageway;
        let announced: Vec<Step> = self.cases.iter().filter(|case| case.open.is_some()).map(|case| case.place).collect();
        self.cases.retain_mut(|case| match road.get(case.serial) {
            Some(mover) if now.since(mover.seen) < params.gone_after_s.span() => {
                let drove_on = distance(case.place, mover.here()) > DROVE_ON_BOX_LENGTHS * case.place.length;
                // A queue had formed around it, and went on with it: it was the queue's head.
                let reason = if case.queued_at.is_some_and(|queued| now.since(queued) <= WITH_ITS_QUEUE) {
                    EndReason::Retracted
                } else {
                    EndReason::Cleared
                };
                if drove_on || (case.open.is_none() && mover.standing() < CASE_AFTER) {
                    end(case.open.take(), now, reason, desk);
                    return false;
                }
                case.since = case.since.earlier(mover.stands_since());
                // What covers it is its own second track (its rider, its load), not a neighbour.
                // But not whoever stood there before it came, and is hidden behind it now.
                let was_there = |m: &Mover| m.is_hidden() && case.since.since(m.stands_since()) >= CASE_AFTER;
                let itself = |m: &Mover| {
                    overlap_of(m.bbox, mover.bbox).max(overlap_of(mover.bbox, m.bbox)) >= ITSELF_OVERLAP && !was_there(m)
                };
                // Who was seen to pass is followed beyond the zone: he may stop just there.
                let concerns =
                    |m: &Mover| carriageway.zone().polygon.contains(m.here().foot) || case.passed.contains_key(&m.serial);
                let (near, beyond): (Vec<&Mover>, Vec<&Mover>) =
                    road.vehicles().filter(|m| !itself(m)).partition(|m| concerns(m));
                let ahead = beyond.into_iter().any(|m| case.stands_ahead(m));
                let mut around = case.look_around(near.into_iter(), ahead, |m| carriageway.is_slow(m), params.queue_share.get());
                // Who is stuck near an announced one is of the same incident, and gets away a while after it.
                if announced.iter().any(|place| distance(case.place, *place) <= INCIDENT_BOX_LENGTHS * place.length) {
                    case.beside_incident_at = Some(now);
                }
                around.announced = case.beside_incident_at.is_some_and(|beside| now.since(beside) <= INCIDENT_OVER);
                step(case, mover, &around, carriageway, road, params, desk);
                true
            }
            Some(_) | None => {
                end(case.open.take(), now, EndReason::Cleared, desk);
                false
            }
        });
        for case in self.cases.iter().filter(|case| case.was_passed) {
            road.obstruct(case.serial, case.place);
        }
    }
}

fn end(open: Option<Open>, now: Moment, reason: EndReason, desk: &mut Desk) {
    if let Some(open) = open {
        desk.end(open, now.at, reason);
    }
}

/// One look at one standing vehicle.
fn step(
    case: &mut Case,
    mover: &Mover,
    around: &Around,
    carriageway: &Carriageway,
    road: &Road,
    params: &StoppedVehicleParams,
    desk: &mut Desk,
) {
    let now = road.now();
    // One look at a queue is none: boxes flicker, and a slow vehicle passes too.
    case.queue_since = if around.queue { case.queue_since.or(Some(now)) } else { None };
    let queued = case.queue_since.is_some_and(|since| now.since(since) >= QUEUE_AFTER);
    if queued {
        case.queued_at = Some(now);
        case.passed.clear();
    }
    if around.queue_behind {
        case.queued_behind_at = Some(now);
    }
    case.passing_since = if case.passed.is_empty() { None } else { case.passing_since.or(Some(now)) };
    let stood = mover.seen.since(case.since);
    let free_of = |queued: Option<Moment>| {
        queued.map_or(stood, |queued| mover.seen.since(queued).saturating_sub(params.queue_over_s.span())).min(stood)
    };
    let (unqueued, unqueued_behind) = (free_of(case.queued_at), free_of(case.queued_behind_at));
    let cycle = carriageway.zone().signal_cycle_s.map_or(Duration::ZERO, Seconds::span);
    // Who starts late at a green light is passed too, for a moment.
    let proven = case.passed.values().filter(|at| now.since(**at) >= PASSED_FOR).count();
    let passed = proven >= params.passed_by_min as usize
        && (params.passed_by_min == 0 || case.passing_since.is_some_and(|since| now.since(since) >= PASSING_FOR));
    let waits = waits_under(mover, road);
    let wait = usual_wait(waits, params);
    let (quick, slow) = (params.after_s.span() + cycle.max(wait), params.alone_after_s.span() + cycle.max(wait));
    // Nobody has shown yet whether vehicles wait here as a rule.
    let alone = if waits.tracks < params.known_tracks_min { slow.max(params.unknown_after_s.span()) } else { slow };
    // Whoever was never seen to drive may have stood there before anybody watched: parked, unless it lies on a drawn carriageway.
    let due = match (carriageway.is_drawn(), mover.arrived, passed) {
        (true | false, true, true) => unqueued >= quick,
        (true, true, false) => unqueued_behind >= alone && !around.company,
        (true, false, true) => unqueued >= slow * 2,
        (true, false, false) | (false, true, false) | (false, false, true | false) => false,
    };
    let on_road = carriageway.is_drawn() || road.flow.at(mover.here().foot).tracks >= UNDRAWN_ROAD_TRACKS_MIN;
    let fresh = now.since(mover.seen) <= CASE_AFTER / 2 && mover.standing() >= CASE_AFTER;
    case.trace.push(now.at, stood.as_secs_f32());
    let statement = |case: &Case| Statement {
        at: now.at,
        severity: Severity::Moderate,
        confidence: (0.7 + 0.05 * case.passed.len() as f32).min(0.95),
        region: Some(mover.bbox),
        detail: Detail::Vehicle { track: mover.id, class: mover.class, duration_s: stood.as_secs_f32(), path: case.way.clone() },
        proof: proof(
            "a vehicle stands within half its box's length while others pass it for a while, and no queue stands ahead of or beside it",
            &[
                ("after_s", quick.as_secs_f64()),
                ("alone_after_s", slow.as_secs_f64()),
                ("move_box_lengths_max", f64::from(params.move_box_lengths)),
                ("passed_by_min", f64::from(params.passed_by_min)),
                ("passed_for_s", PASSING_FOR.as_secs_f64()),
                ("passer_watched_s", PASSED_FOR.as_secs_f64()),
                ("queue_share_max", f64::from(params.queue_share)),
                ("queue_over_s", params.queue_over_s.get()),
            ],
            &[&case.trace],
            carriageway.ground(),
        ),
    };
    case.was_passed |= passed && case.open.is_some();
    case.open = match (
        case.open.take(),
        due && on_road && fresh && !around.announced && case.queue_since.is_none() && mover.is_at_rest() && mover.stands_surely(),
    ) {
        (None, false) => None,
        (None, true) => {
            let zone = Some(carriageway.zone().id.clone());
            Some(desk.begin(EventKind::StoppedVehicle, zone, case.since.at, statement(case)))
        }
        (Some(mut open), true | false) => {
            desk.restate(&mut open, statement(case), false, params.update_every_s.span());
            Some(open)
        }
    };
}

/// How vehicles wait where this one is: under its whole box, since a lorry at a stop line has its rear where no car stops.
fn waits_under(mover: &Mover, road: &Road) -> Waits {
    let (foot, height) = (mover.here().foot, mover.bbox.height());
    let places = [0.0, 0.3, 0.6].map(|part| road.flow.waits_near(NormPoint::clamped(foot.x, foot.y - part * height)));
    let share = |w: &Waits| w.waits as f32 / w.tracks.max(1) as f32;
    let here = places[0];
    places.into_iter().filter(|w| w.waits >= WAITS_MIN).max_by(|a, b| share(a).total_cmp(&share(b))).unwrap_or(here)
}

/// How long vehicles stand at a place as a rule before they drive on: at a signal, at a stop. Zero where they do not.
fn usual_wait(waits: Waits, params: &StoppedVehicleParams) -> Duration {
    let usual = waits.waits >= WAITS_MIN && waits.waits as f32 >= params.waits_share.get() * waits.tracks as f32;
    if usual { waits.longest.mul_f32(WAIT_MARGIN) } else { Duration::ZERO }
}

/// Stopped vehicles in all carriageways of a camera.
#[derive(Debug)]
pub(crate) struct StoppedVehicles {
    params: StoppedVehicleParams,
    lanes: Vec<Lane>,
}

impl StoppedVehicles {
    pub fn new<'a>(params: StoppedVehicleParams, zones: impl Iterator<Item = &'a Zone>) -> Self {
        let lane = |zone| Lane { carriageway: Carriageway::new(zone), cases: Vec::new(), looked: false };
        Self { params, lanes: zones.map(lane).collect() }
    }

    /// The tracks of a picture are in `road`.
    pub fn look(&mut self, road: &mut Road, aspect: f32, desk: &mut Desk) {
        for lane in &mut self.lanes {
            lane.look(road, aspect, &self.params, desk);
        }
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        for case in self.lanes.iter_mut().flat_map(|lane| &mut lane.cases) {
            stop_all(desk, at, case.open.take());
        }
    }

    pub fn judgement(&self) -> Judgement {
        crate::io::worst(self.lanes.iter().map(|lane| match (lane.looked, lane.cases.iter().any(|case| case.open.is_some())) {
            (false, _) => Judgement::Unknown,
            (true, true) => Judgement::Present,
            (true, false) => Judgement::Clear,
        }))
    }
}
