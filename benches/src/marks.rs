//! How well traffic was judged, against what was there.

use std::collections::BTreeMap;

use matpho_analytics::{Output, PcuWeights};
use matpho_scene::{
    NormBox,
    event::{EventKind, Finding, LevelOfService, Phase},
    measurement::{Figures, TrafficFigures},
};
use matpho_sim::{Class, Direction, Object};

use crate::{
    detector::class,
    judged::{Moment, zone_name},
    volume::Volume,
};

/// A vehicle that was to be found is one that was there, to be seen, for this long.
const THERE_S: f64 = 20.0;
/// Wrong-way riders and people on foot: seen in the zone for this long.
const PASSING_S: f64 = 4.0;
const WALKING_S: f64 = 10.0;
/// Less of a vehicle than this is not to be seen.
const SEEN: f32 = 0.35;

/// Somebody who had to be found.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    /// First and last seen to do what had to be found.
    pub from_s: f64,
    /// See `from_s`.
    pub to_s: f64,
    /// Seconds of it in which it was to be seen.
    pub seen_s: f64,
    /// When it was announced.
    pub found_s: Option<f64>,
    /// Nearest and farthest ahead of the camera, metres.
    pub from_to_m: Option<(f32, f32)>,
}

/// Who was announced without having done what was said.
#[derive(Debug, Clone)]
pub struct False {
    /// When.
    pub t: f64,
    /// What it did.
    pub what: &'static str,
    /// What it was, and how far ahead of the camera, metres.
    pub who: Option<(Class, f32)>,
}

/// Truth of one carriageway in one picture.
#[derive(Debug, Clone, Copy, Default)]
struct Instant {
    t: f64,
    pcu: f32,
    speed_sum: f32,
    vehicles: u32,
    moving_speed: f32,
}

/// One measured period beside its truth.
#[derive(Debug, Clone)]
pub struct Period {
    /// When it ended, and of which zone.
    pub to_s: f64,
    /// See `to_s`.
    pub zone: String,
    /// What was said.
    pub said: TrafficFigures,
    /// What was there.
    pub density: f32,
    /// Space-mean speed, where anybody drove.
    pub speed_kmh: Option<f32>,
    /// Vehicles at a time.
    pub vehicles: f32,
}

/// Everything about one street.
#[derive(Debug, Default)]
pub struct Marks {
    instants: BTreeMap<Direction2, Vec<Instant>>,
    /// Measured periods.
    pub periods: Vec<Period>,
    /// Who crossed the counting lines, and who was counted.
    pub volume: Volume,
    /// Vehicles that stood by themselves.
    pub stopped: BTreeMap<u32, Sought>,
    /// Riders that came the wrong way.
    pub wrong_way: BTreeMap<u32, Sought>,
    /// People on foot.
    pub on_foot: BTreeMap<u32, Sought>,
    /// Announced without reason, by kind.
    pub wrong: BTreeMap<EventKind, Vec<False>>,
    /// Congestion as announced: began, ended.
    pub congestion: Vec<(f64, Option<f64>, String)>,
    /// When a queue stood that the scenario made.
    pub jams: BTreeMap<Direction2, Vec<f64>>,
    last_t: f64,
}

/// A direction, in an order.
pub type Direction2 = u8;

fn order(direction: Direction) -> Direction2 {
    match direction {
        Direction::Inbound => 0,
        Direction::Outbound => 1,
    }
}

/// The zone where none is drawn.
const WHOLE_PICTURE: &str = "picture";

/// Both, in that order.
pub const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

impl Marks {
    /// Takes one picture.
    pub fn look(&mut self, moment: &Moment<'_>) {
        let step = moment.t - self.last_t;
        self.last_t = moment.t;
        for direction in DIRECTIONS {
            self.traffic(direction, moment);
        }
        self.volume.look(moment);
        for o in moment.truth.iter().filter(|o| o.direction.is_some()) {
            let list = match o {
                Object { stopped: true, .. } => &mut self.stopped,
                Object { wrong_way: true, .. } => &mut self.wrong_way,
                Object { class: Class::Person, .. } => &mut self.on_foot,
                _ => continue,
            };
            if !in_zone(o, moment) {
                continue;
            }
            let sought = list.entry(o.id).or_insert_with(|| Sought { from_s: moment.t, ..Sought::default() });
            sought.to_s = moment.t;
            let y = o.at_m[1];
            sought.from_to_m = Some(sought.from_to_m.map_or((y, y), |(near, far)| (near.min(y), far.max(y))));
            sought.seen_s += if o.visible >= SEEN { step } else { 0.0 };
        }
        for output in moment.outputs {
            match output {
                Output::Finding(finding) if finding.phase == Phase::Began => self.began(finding, moment),
                Output::Finding(finding) if finding.kind == EventKind::Congestion && finding.phase == Phase::Ended => {
                    let zone = finding.zone.as_ref().map(ToString::to_string);
                    if let Some(open) = self.congestion.iter_mut().rev().find(|c| c.1.is_none() && Some(&c.2) == zone.as_ref()) {
                        open.1 = Some(finding.at.as_secs_f64());
                    }
                }
                Output::Measurement(m) => {
                    if let Figures::Traffic(said) = &m.figures {
                        self.measured(m.zone.as_str(), m.from.as_secs_f64(), m.to.as_secs_f64(), said, moment);
                    }
                }
                Output::Finding(_) | Output::Request(_) => {}
            }
        }
    }

    fn traffic(&mut self, direction: Direction, moment: &Moment<'_>) {
        let pcu = PcuWeights::default();
        let mut now = Instant { t: moment.t, ..Instant::default() };
        for o in moment.truth.iter().filter(|o| o.direction == Some(direction) && o.class != Class::Person) {
            if in_zone(o, moment) {
                now.pcu += pcu.of(class(o.class));
                now.vehicles += 1;
                now.speed_sum += o.speed_kmh;
                now.moving_speed = now.moving_speed.max(o.speed_kmh);
            }
        }
        self.instants.entry(order(direction)).or_default().push(now);
        if moment.watch.jammed(direction) {
            self.jams.entry(order(direction)).or_default().push(moment.t);
        }
    }

    fn measured(&mut self, zone: &str, from: f64, to: f64, said: &TrafficFigures, moment: &Moment<'_>) {
        // The whole picture is both carriageways.
        let of_zone = |d: &Direction| zone == zone_name(*d) || zone == WHOLE_PICTURE;
        let directions: Vec<Direction> = DIRECTIONS.into_iter().filter(of_zone).collect();
        let km_lanes: f32 = moment.areas.iter().filter(|a| directions.contains(&a.direction)).map(|a| a.km_lanes).sum();
        let within = |i: &&Instant| i.t > from && i.t <= to;
        let over: Vec<Instant> =
            directions.iter().flat_map(|d| self.instants[&order(*d)].iter().filter(within)).copied().collect();
        let n = over.len().max(1) as f32 / directions.len().max(1) as f32;
        let vehicles = over.iter().map(|i| i.vehicles).sum::<u32>();
        self.periods.push(Period {
            to_s: to,
            zone: zone.to_owned(),
            said: said.clone(),
            density: over.iter().map(|i| i.pcu).sum::<f32>() / n / km_lanes,
            speed_kmh: (vehicles > 0).then(|| over.iter().map(|i| i.speed_sum).sum::<f32>() / vehicles as f32),
            vehicles: vehicles as f32 / n,
        });
    }

    fn began(&mut self, finding: &Finding, moment: &Moment<'_>) {
        let zone = finding.zone.as_ref().map(ToString::to_string).unwrap_or_default();
        if finding.kind == EventKind::Congestion {
            self.congestion.push((moment.t, None, zone));
            return;
        }
        let whom = finding.region.and_then(|region| best(region, moment));
        let does = |o: &Object| match finding.kind {
            EventKind::StoppedVehicle => o.stopped,
            EventKind::WrongWay => o.wrong_way,
            _ => o.class == Class::Person && o.direction.is_some(),
        };
        let list = match finding.kind {
            EventKind::StoppedVehicle => &mut self.stopped,
            EventKind::WrongWay => &mut self.wrong_way,
            EventKind::Pedestrian => &mut self.on_foot,
            _ => return,
        };
        if let Some(o) = whom.filter(|o| does(o)) {
            let sought = list.entry(o.id).or_insert_with(|| Sought { from_s: moment.t, ..Sought::default() });
            sought.found_s.get_or_insert(moment.t);
            return;
        }
        let stopped_near = |direction| moment.truth.iter().any(|o| o.stopped && o.direction == direction);
        let what = match whom {
            None => "nothing there",
            Some(o) if o.class == Class::Person => "walker on the pavement",
            Some(o) if o.speed_kmh < 3.0 && stopped_near(o.direction) => "stuck behind a stopped one",
            Some(o) if o.speed_kmh < 3.0 => "in a queue",
            Some(o) if matches!(o.class, Class::Motorcycle | Class::Bicycle) => "rider who drives",
            Some(_) => "vehicle that drives",
        };
        self.wrong.entry(finding.kind).or_default().push(False { t: moment.t, what, who: whom.map(|o| (o.class, o.at_m[1])) });
    }
}

/// Whether somebody is on the part of the carriageway that is watched.
fn in_zone(o: &Object, moment: &Moment<'_>) -> bool {
    moment.areas.iter().any(|area| area.holds(o, moment.watch))
}

/// Who is at a box.
pub(crate) fn best<'a>(region: NormBox, moment: &'a Moment<'_>) -> Option<&'a Object> {
    let spec = moment.watch.spec();
    let (w, h) = (spec.width as f32, spec.height as f32);
    moment
        .truth
        .iter()
        .filter(|o| o.visible > 0.05)
        .filter_map(|o| {
            let b = NormBox::clipped(o.bounds[0] / w, o.bounds[1] / h, o.bounds[2] / w, o.bounds[3] / h)?;
            Some((b.iou(region), o))
        })
        .filter(|(iou, _)| *iou > 0.25)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, o)| o)
}

/// Level of a density, by HCM.
pub fn level(density: f32) -> LevelOfService {
    use LevelOfService::{A, B, C, D, E, F};
    let limits = [6.8, 11.2, 16.2, 21.8, 28.0];
    [A, B, C, D, E, F][limits.iter().filter(|limit| density > **limit).count()]
}

impl Sought {
    /// Whether it was there, to be seen, for so long, and was not announced within so many seconds.
    pub fn is_missed(&self, needs_s: f64, within_s: f64) -> bool {
        self.seen_s >= needs_s && self.found_s.is_none_or(|found| found - self.from_s > within_s)
    }
}

/// Of those who had to be found: how many, how many in time, and delays.
pub fn recall<'a>(sought: impl Iterator<Item = &'a Sought>, needs_s: f64, within_s: f64) -> (u32, u32, Vec<f64>) {
    let (mut all, mut in_time, mut delays) = (0, 0, Vec::new());
    for s in sought.filter(|s| s.seen_s >= needs_s) {
        all += 1;
        if let Some(found) = s.found_s {
            delays.push(found - s.from_s);
            in_time += u32::from(found - s.from_s <= within_s);
        }
    }
    (all, in_time, delays)
}

/// Whoever has to be found is found within this.
const FOUND_WITHIN_S: f64 = 20.0;

impl Marks {
    /// Those who had to be found for an event of `kind`, and how long they must have been there to count.
    fn sought(&self, kind: EventKind) -> (&BTreeMap<u32, Sought>, f64) {
        match kind {
            EventKind::StoppedVehicle => (&self.stopped, THERE_S),
            EventKind::WrongWay => (&self.wrong_way, PASSING_S),
            _ => (&self.on_foot, WALKING_S),
        }
    }

    /// Of an incident's kind: there, found within 20 s, delays.
    pub fn recall(&self, kind: EventKind) -> (u32, u32, Vec<f64>) {
        let (list, needs_s) = self.sought(kind);
        recall(list.values(), needs_s, FOUND_WITHIN_S)
    }

    /// Those who were not found in time.
    pub fn missed(&self, kind: EventKind) -> impl Iterator<Item = &Sought> {
        let (list, needs_s) = self.sought(kind);
        list.values().filter(move |s| s.is_missed(needs_s, FOUND_WITHIN_S))
    }
}
