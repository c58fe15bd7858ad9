//! A vehicle that goes against the direction of its carriageway: the drawn one, or where none is drawn, that in which nearly all
//! others go.

use std::time::Duration;

use matpho_scene::{
    MediaTime,
    event::{Detail, EndReason, EventKind, Severity},
    measurement::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::{
    carriageway::Carriageway,
    desk::{Desk, Ground, Open, Statement, proof, stop_all},
    moment::Moment,
    path::{Step, distance},
    road::{Mover, Road},
    units::{Positive, Seconds, Share},
    window::Trace,
    zone::Zone,
};

/// Parameters of wrong-way driving, `[analytics.wrong_way]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrongWayParams {
    /// It must have gone this far against the direction, in lengths of its own box: reversing a little is no wrong way. Twice as far
    /// inside a queue.
    pub distance_box_lengths: Positive,
    /// With calibration: also this far in metres.
    pub distance_m: Positive,
    /// Over at least this many frames.
    pub frames_min: u32,
    /// Sightings of a vehicle further apart than this prove no way: between them it may have been taken for another, and a stream of vehicles that is looked at
    /// too rarely seems to run backwards, as a wheel does in a film. Where pictures come more rarely, nothing is said: unknown.
    pub apart_s_max: Seconds,
    /// Where no direction is drawn: so many vehicles must have driven through a place before its direction is known.
    pub learn_tracks_min: u32,
    /// Where no direction is drawn: length of the mean of their directions (unit vectors); a street used both ways is near 0.
    pub learn_coherence: Share,
    /// Over when the vehicle has not been seen in the zone for this long, while the camera saw.
    pub gone_after_s: Seconds,
}

impl Default for WrongWayParams {
    fn default() -> Self {
        Self {
            distance_box_lengths: Positive::of(2.5),
            distance_m: Positive::of(8.0),
            frames_min: 5,
            apart_s_max: Seconds::of(0.7),
            learn_tracks_min: 8,
            learn_coherence: Share::of(0.9),
            gone_after_s: Seconds::of(3.0),
        }
    }
}

/// Steps shorter than this, in box lengths, are jitter.
const STEP_BOX_LENGTHS_MIN: f32 = 0.05;
/// The way gone against the direction is at least this part of all the way gone: 45 degrees off is no wrong way.
const AGAINST_PART_MIN: f32 = 0.7;
/// It goes at least this fast on the whole, in box lengths per second.
const PACE_MIN: f32 = 0.4;
/// A single step is no longer than this, or than this speed allows (some 70 km/h).
const JUMP_BOX_LENGTHS: f32 = 1.0;
const JUMP_BOX_LENGTHS_PER_S: f32 = 10.0;
/// Inside a queue so many times the distance is asked for.
const QUEUE_FACTOR: f32 = 2.0;
/// By how much the newest picture moves the mean time between pictures.
const APART_NEW: f32 = 0.2;
/// An event is updated at most this often.
const UPDATE_EVERY: Duration = Duration::from_secs(30);

/// What a path looks like against the direction of its places.
#[derive(Debug, Clone, Default)]
struct Against {
    /// Steps whose place has a known direction.
    steps: u32,
    opposing: u32,
    /// Way along the direction, in box lengths; negative against it.
    along: f32,
    gone: f32,
    /// Over this time.
    over_s: f32,
    /// A step too long to have been driven: the tracker went over to another vehicle.
    jumps: bool,
    /// From its first known place to its last, in metres on the road.
    metres: Option<f32>,
    ground_error_m: Option<f32>,
    /// `along` after each step.
    samples: Vec<(MediaTime, f32)>,
}

/// A vehicle that goes the wrong way.
#[derive(Debug)]
struct Case {
    /// The vehicle, and whatever else the tracker follows beside it that is it too: its rider, its load.
    serials: Vec<u64>,
    began: Moment,
    last_inside: Moment,
    trace: Trace,
    open: Open,
}

#[derive(Debug)]
struct Lane {
    carriageway: Carriageway,
    cases: Vec<Case>,
    /// Of whom all was said.
    done: Vec<u64>,
    /// Whether any place's direction is known.
    knows: bool,
}

impl Lane {
    /// The direction that holds at a place, as a unit vector in picture heights.
    fn direction_at(&self, step: Step, road: &Road, aspect: f32, params: &WrongWayParams) -> Option<(f32, f32)> {
        let unit = |dx: f32, dy: f32| {
            let length = dx.hypot(dy);
            (length > 0.0).then(|| (dx / length, dy / length))
        };
        match self.carriageway.zone().direction {
            Some(direction) => {
                let (dx, dy) = direction.unit();
                unit(dx * aspect, dy)
            }
            None => {
                let flow = road.flow.at(step.foot);
                let known = flow.tracks >= params.learn_tracks_min && flow.coherence() >= params.learn_coherence.get();
                known.then(|| unit(flow.dx, flow.dy))?
            }
        }
    }

    fn against(&self, mover: &Mover, road: &Road, aspect: f32, params: &WrongWayParams) -> Against {
        let mut sum = Against { ground_error_m: self.carriageway.ground().error_m, ..Against::default() };
        let mut first_known = None;
        let inside = |s: &&Step| s.sure && self.carriageway.zone().polygon.contains(s.foot);
        let steps: Vec<&Step> = mover.path().filter(inside).collect();
        let apart = |pair: &[&Step]| pair[1].when.since(pair[0].when) > params.apart_s_max.span();
        let unbroken = steps.windows(2).rposition(apart).map_or(0, |last| last + 1);
        for pair in steps[unbroken..].windows(2) {
            let (dx, dy) = ((pair[1].x - pair[0].x) / pair[1].length, (pair[1].y - pair[0].y) / pair[1].length);
            let length = dx.hypot(dy);
            if length < STEP_BOX_LENGTHS_MIN {
                continue;
            }
            let Some((ux, uy)) = self.direction_at(*pair[0], road, aspect, params) else { continue };
            let first = *first_known.get_or_insert(*pair[0]);
            sum.over_s = pair[1].when.secs_since(first.when);
            sum.jumps |= length > JUMP_BOX_LENGTHS.max(JUMP_BOX_LENGTHS_PER_S * pair[1].when.secs_since(pair[0].when));
            let along = dx * ux + dy * uy;
            sum.steps += 1;
            sum.opposing += u32::from(along < 0.0);
            sum.along += along;
            sum.gone += length;
            sum.samples.push((pair[1].when.at, sum.along));
        }
        sum.metres =
            self.carriageway.zone().ground.zip(first_known).and_then(|(plane, first)| {
                Some(plane.to_ground(first.foot)?.distance_m(plane.to_ground(mover.here().foot)?) as f32)
            });
        sum
    }

    fn look(&mut self, road: &Road, aspect: f32, params: &WrongWayParams, desk: &mut Desk) {
        let now = road.now();
        let queue = self.carriageway.is_queue(road);
        for mover in road.vehicles().filter(|m| m.seen == now && m.hits >= params.frames_min) {
            let sum = self.against(mover, road, aspect, params);
            self.knows |= sum.steps > 0;
            // In a queue boxes hide one another and tracks slide from vehicle to vehicle: twice the distance is asked for.
            let distance = params.distance_box_lengths.get() * if queue { QUEUE_FACTOR } else { 1.0 };
            let far = -sum.along >= distance && sum.metres.is_none_or(|metres| metres >= params.distance_m.get());
            let wrong = far
                && !sum.jumps
                && -sum.along >= PACE_MIN * sum.over_s
                && sum.steps + 1 >= params.frames_min
                && -sum.along >= AGAINST_PART_MIN * sum.gone;
            let back_on_course = sum.along > 0.0 && sum.opposing * 2 < sum.steps;
            let inside = self.carriageway.zone().polygon.contains(mover.here().foot);
            match (self.cases.iter().position(|case| case.serials.contains(&mover.serial)), wrong) {
                (None, false) => {}
                (None, true) if !inside || self.done.contains(&mover.serial) => {}
                (None, true) => {
                    let is_it = |case: &&mut Case| case.serials.iter().any(|&s| road.get(s).is_some_and(|m| beside(mover, m)));
                    if let Some(case) = self.cases.iter_mut().find(is_it) {
                        case.serials.push(mover.serial);
                        continue;
                    }
                    let began = mover.path().next().map_or(now, |step| step.when);
                    let mut trace = Trace::new("along_box_lengths", Duration::from_secs(60));
                    sum.samples.iter().for_each(|&(at, along)| trace.push(at, along));
                    let statement = statement(mover, now, began, &sum, &trace, params);
                    let open = desk.begin(EventKind::WrongWay, Some(self.carriageway.zone().id.clone()), began.at, statement);
                    self.cases.push(Case { serials: vec![mover.serial], began, last_inside: now, trace, open });
                }
                (Some(index), false) if back_on_course => {
                    let case = &mut self.cases[index];
                    case.serials.retain(|serial| *serial != mover.serial);
                    if case.serials.is_empty() {
                        // It went on the right way after all: the tracker had lost its way, or somebody turned.
                        desk.end(self.cases.remove(index).open, now.at, EndReason::Retracted);
                    }
                }
                (Some(index), true | false) => {
                    let case = &mut self.cases[index];
                    if inside {
                        case.last_inside = now;
                    }
                    if case.serials.first() == Some(&mover.serial) {
                        case.trace.push(now.at, sum.along);
                        let statement = statement(mover, now, case.began, &sum, &case.trace, params);
                        desk.restate(&mut case.open, statement, false, UPDATE_EVERY);
                    }
                }
            }
        }
        self.done.retain(|serial| road.get(*serial).is_some());
        let gone = |case: &Case| now.since(case.last_inside) >= params.gone_after_s.span();
        let (over, going): (Vec<Case>, Vec<Case>) = self.cases.drain(..).partition(gone);
        self.cases = going;
        for case in over {
            self.done.extend(&case.serials);
            desk.end(case.open, now.at, EndReason::Cleared);
        }
    }
}

/// Whether two tracks are within two box lengths of each other, both in sight.
fn beside(a: &Mover, b: &Mover) -> bool {
    let (here, there) = (a.here(), b.here());
    b.seen.since(a.seen).is_zero() && distance(here, there) <= 2.0 * here.length.max(there.length)
}

fn statement(mover: &Mover, now: Moment, began: Moment, sum: &Against, trace: &Trace, params: &WrongWayParams) -> Statement {
    Statement {
        at: now.at,
        severity: Severity::Severe,
        confidence: (0.5 + 0.45 * sum.opposing as f32 / sum.steps.max(1) as f32).min(0.95),
        region: Some(mover.bbox),
        detail: Detail::Vehicle { track: mover.id, class: mover.class, duration_s: now.secs_since(began), path: mover.way() },
        proof: proof(
            "the way of its track leads against the direction of its places, far enough to be no reversing",
            &[
                ("distance_box_lengths", f64::from(params.distance_box_lengths)),
                ("distance_m", f64::from(params.distance_m)),
                ("against_part_min", crate::window::round4(AGAINST_PART_MIN)),
                ("frames_min", f64::from(params.frames_min)),
                ("apart_s_max", params.apart_s_max.get()),
            ],
            &[trace],
            Ground { calibrated: sum.metres.is_some(), error_m: sum.ground_error_m },
        ),
    }
}

/// Wrong-way driving in all carriageways of a camera.
#[derive(Debug)]
pub(crate) struct WrongWay {
    params: WrongWayParams,
    lanes: Vec<Lane>,
    /// Time between pictures, a running mean.
    apart_s: Option<f32>,
}

impl WrongWay {
    pub fn new<'a>(params: WrongWayParams, zones: impl Iterator<Item = &'a Zone>) -> Self {
        let lane = |zone: &Zone| Lane {
            knows: zone.direction.is_some(),
            carriageway: Carriageway::new(zone),
            cases: Vec::new(),
            done: Vec::new(),
        };
        Self { params, lanes: zones.map(lane).collect(), apart_s: None }
    }

    /// The tracks of a picture are in `road`.
    pub fn look(&mut self, road: &Road, aspect: f32, desk: &mut Desk) {
        let step_s = road.step().as_secs_f32();
        if step_s > 0.0 {
            self.apart_s = Some(self.apart_s.map_or(step_s, |mean| mean + APART_NEW * (step_s - mean)));
        }
        for lane in &mut self.lanes {
            lane.look(road, aspect, &self.params, desk);
        }
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        for lane in &mut self.lanes {
            stop_all(desk, at, lane.cases.drain(..).map(|case| case.open));
        }
    }

    /// Unknown where no direction is drawn and none is learned yet, and where pictures come too rarely.
    pub fn judgement(&self) -> Judgement {
        let looks = self.apart_s.is_some_and(|mean| mean <= self.params.apart_s_max.span().as_secs_f32());
        crate::io::worst(self.lanes.iter().map(|lane| match (lane.knows && looks, lane.cases.is_empty()) {
            (_, false) => Judgement::Present,
            (true, true) => Judgement::Clear,
            (false, true) => Judgement::Unknown,
        }))
    }
}
