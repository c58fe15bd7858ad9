//! Values of what happened.

use std::collections::{BTreeMap, BTreeSet};

use matpho_scene::{
    WallTime,
    event::{DepthBand, EventKind},
};

use super::{
    indicator::{Indicator, Split, Until, Way},
    period::Period,
};

/// A camera, by gateway and id.
pub type CameraKey = (String, String);

/// An event that was not taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// Who saw it.
    pub camera: CameraKey,
    /// What.
    pub kind: EventKind,
    /// From.
    pub began: WallTime,
    /// Until; `None`: it goes on.
    pub ended: Option<WallTime>,
    /// How deep the water stood.
    pub depth: Option<DepthBand>,
}

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Handled {
    /// The cameras that saw it.
    pub cameras: Vec<CameraKey>,
    /// What.
    pub kind: EventKind,
    /// When the centre learnt of it.
    pub opened: WallTime,
    /// When somebody took it.
    pub acknowledged: Option<WallTime>,
    /// When it was closed, and whether it was a false alarm.
    pub closed: Option<(WallTime, bool)>,
}

/// An hour of traffic in a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// Who saw it.
    pub camera: CameraKey,
    /// When it began.
    pub start: WallTime,
    /// Vehicles that passed.
    pub vehicles: i64,
    /// For how many seconds an index was known.
    pub index_seconds: f64,
    /// The index times those.
    pub index_sum: f64,
}

/// What is known about a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Cameras with the instant since when each is known.
    pub cameras: BTreeMap<CameraKey, WallTime>,
    /// When each could not see.
    pub faults: BTreeMap<CameraKey, Vec<Happened>>,
    /// Events.
    pub events: Vec<Happened>,
    /// Incidents.
    pub incidents: Vec<Handled>,
    /// Traffic.
    pub hours: Vec<Hour>,
    /// Now: what goes on has lasted until now, and what comes is not known.
    pub now: WallTime,
}

impl Known {
    /// Nothing is known yet.
    pub fn nothing(now: WallTime) -> Self {
        Self {
            cameras: BTreeMap::new(),
            faults: BTreeMap::new(),
            events: Vec::new(),
            incidents: Vec::new(),
            hours: Vec::new(),
            now,
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Of which period.
    pub period: Period,
    /// Of which part, where the indicator is split.
    pub part: Option<String>,
    /// What; `None`: nobody knows.
    pub value: Option<f64>,
    /// How many events, incidents, hours or cameras it stands on.
    pub count: u64,
    /// How many incidents are not in it because they are not done with.
    pub open: u64,
    /// For which share of the time the cameras could see, 0 to 1; `None`: there was none.
    pub watched: Option<f64>,
}

/// Values of an indicator over some cameras, for each period; where it is split, for each part that occurs.
pub fn reckon(indicator: &Indicator, known: &Known, cameras: &BTreeSet<CameraKey>, periods: &[Period]) -> Vec<Value> {
    periods.iter().flat_map(|period| in_period(indicator, known, cameras, period)).collect()
}

fn in_period(indicator: &Indicator, known: &Known, cameras: &BTreeSet<CameraKey>, period: &Period) -> Vec<Value> {
    let (there_ms, seen_ms) = watched(known, cameras, period);
    let watched = (there_ms > 0).then(|| seen_ms as f64 / there_ms as f64);
    // A period in which no camera could see says nothing, unless something happened in it that somebody else told.
    let none = || Value { period: *period, part: None, value: None, count: 0, open: 0, watched };
    let zero = if seen_ms > 0 { Some(0.0) } else { None };
    let mut values: Vec<Value> = match indicator.way {
        Way::Availability => {
            let count =
                cameras.iter().filter(|camera| known.cameras.get(*camera).is_some_and(|since| *since < period.end)).count();
            vec![Value { value: watched.map(|share| share * 100.0), count: count as u64, ..none() }]
        }
        Way::TravelTimeIndex | Way::Vehicles => {
            let hours: Vec<_> =
                known.hours.iter().filter(|hour| period.holds(hour.start) && cameras.contains(&hour.camera)).collect();
            let value = if indicator.way == Way::Vehicles {
                (!hours.is_empty()).then(|| hours.iter().map(|hour| hour.vehicles).sum::<i64>() as f64)
            } else {
                let seconds: f64 = hours.iter().map(|hour| hour.index_seconds).sum();
                (seconds > 0.0).then(|| hours.iter().map(|hour| hour.index_sum).sum::<f64>() / seconds)
            };
            vec![Value { value, count: hours.len() as u64, ..none() }]
        }
        Way::Events | Way::Minutes => {
            let mut parts: BTreeMap<Option<String>, Vec<&Happened>> = BTreeMap::new();
            let of_these = |event: &&Happened| indicator.kinds.contains(&event.kind) && cameras.contains(&event.camera);
            for event in known.events.iter().filter(of_these) {
                let fits = match indicator.way {
                    Way::Events => period.holds(event.began),
                    _ => period.overlap_ms(event.began, event.ended.unwrap_or(known.now)) > 0,
                };
                if fits {
                    parts.entry(part_of_event(indicator.split, event)).or_default().push(event);
                }
            }
            let value = |events: &[&Happened]| match indicator.way {
                Way::Events => events.len() as f64,
                _ => union_ms(events.iter().copied(), period, known.now) as f64 / 60_000.0,
            };
            parts
                .into_iter()
                .map(|(part, events)| Value { part, value: Some(value(&events)), count: events.len() as u64, ..none() })
                .collect()
        }
        Way::Incidents | Way::Wait { .. } | Way::FalseAlarms => {
            let mut parts: BTreeMap<Option<String>, Vec<&Handled>> = BTreeMap::new();
            let of_these = |incident: &&Handled| {
                period.holds(incident.opened)
                    && indicator.kinds.contains(&incident.kind)
                    && incident.cameras.iter().any(|camera| cameras.contains(camera))
            };
            for incident in known.incidents.iter().filter(of_these) {
                let part = (indicator.split == Some(Split::Kind)).then(|| incident.kind.as_str().to_owned());
                parts.entry(part).or_default().push(incident);
            }
            parts.into_iter().map(|(part, incidents)| of_incidents(indicator.way, &incidents, Value { part, ..none() })).collect()
        }
    };
    if values.is_empty() {
        let counts = matches!(indicator.way, Way::Events | Way::Minutes | Way::Incidents);
        values.push(Value { value: zero.filter(|_| counts), ..none() });
    }
    values
}

fn of_incidents(way: Way, incidents: &[&Handled], value: Value) -> Value {
    let is_false = |incident: &&&Handled| incident.closed.is_some_and(|(_, is_false)| is_false);
    match way {
        Way::Wait { until, percentile } => {
            let end = |incident: &Handled| match until {
                Until::Acknowledged => incident.acknowledged.or(incident.closed.map(|(at, _)| at)),
                Until::Closed => incident.closed.map(|(at, _)| at),
            };
            let mut waits: Vec<i64> = incidents
                .iter()
                .filter_map(|incident| Some((end(incident)?.as_unix_millis() - incident.opened.as_unix_millis()).max(0)))
                .collect();
            waits.sort_unstable();
            let open = (incidents.len() - waits.len()) as u64;
            Value {
                value: percentile_of(&waits, percentile).map(|ms| ms as f64 / 60_000.0),
                count: waits.len() as u64,
                open,
                ..value
            }
        }
        Way::FalseAlarms => {
            let closed = incidents.iter().filter(|incident| incident.closed.is_some()).count();
            let wrong = incidents.iter().filter(is_false).count();
            let share = (closed > 0).then(|| 100.0 * wrong as f64 / closed as f64);
            Value { value: share, count: closed as u64, open: (incidents.len() - closed) as u64, ..value }
        }
        _ => {
            let real = incidents.len() - incidents.iter().filter(is_false).count();
            Value { value: Some(real as f64), count: real as u64, ..value }
        }
    }
}

/// The smallest of some values, in order, that so many percent of them are not above.
fn percentile_of(sorted: &[i64], percentile: u8) -> Option<i64> {
    let rank = (sorted.len() * usize::from(percentile)).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn part_of_event(split: Option<Split>, event: &Happened) -> Option<String> {
    match split {
        None => None,
        Some(Split::Kind) => Some(event.kind.as_str().to_owned()),
        Some(Split::Depth) => Some(
            match event.depth {
                None => "unknown",
                Some(DepthBand::Under10) => "0-10 cm",
                Some(DepthBand::From10To20) => "10-20 cm",
                Some(DepthBand::From20To30) => "20-30 cm",
                Some(DepthBand::From30To50) => "30-50 cm",
                Some(DepthBand::Over50) => "50+ cm",
            }
            .to_owned(),
        ),
    }
}

/// For how long cameras were there, and for how long they could see, in milliseconds, within a period.
fn watched(known: &Known, cameras: &BTreeSet<CameraKey>, period: &Period) -> (i64, i64) {
    let end = period.end.min(known.now);
    let (mut there, mut seen) = (0, 0);
    for camera in cameras {
        let Some(since) = known.cameras.get(camera) else { continue };
        let span = Period { start: (*since).max(period.start), end };
        let length = (span.end.as_unix_millis() - span.start.as_unix_millis()).max(0);
        let faults = known.faults.get(camera).filter(|_| length > 0);
        let blind = faults.map_or(0, |faults| union_ms(faults.iter(), &span, known.now));
        there += length;
        seen += length - blind;
    }
    (there, seen)
}

/// For how long at least one of some events went on within a period, each camera for itself, in milliseconds.
fn union_ms<'a>(events: impl Iterator<Item = &'a Happened>, period: &Period, now: WallTime) -> i64 {
    let mut spans: BTreeMap<&CameraKey, Vec<(i64, i64)>> = BTreeMap::new();
    let end = period.end.min(now);
    for event in events {
        let span = (event.began.max(period.start), event.ended.unwrap_or(now).min(end));
        if span.0 < span.1 {
            spans.entry(&event.camera).or_default().push((span.0.as_unix_millis(), span.1.as_unix_millis()));
        }
    }
    let mut sum = 0;
    for spans in spans.values_mut() {
        spans.sort_unstable();
        let mut until = i64::MIN;
        for (from, to) in spans {
            sum += (*to - (*from).max(until)).max(0);
            until = until.max(*to);
        }
    }
    sum
}
