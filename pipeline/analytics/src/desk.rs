//! Where findings are numbered and written down, and where open events live until they end.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use matpho_scene::{
    MediaTime, NormBox, ZoneId,
    event::{Detail, EndReason, EventKind, Finding, Phase, Proof, Severity},
};

use crate::io::{Output, Request};

/// What is said about an event, besides who it is and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub at: MediaTime,
    pub severity: Severity,
    pub confidence: f32,
    pub region: Option<NormBox>,
    pub detail: Detail,
    pub proof: Proof,
}

/// An event that began and has not ended. It can be neither made nor ended but by the [`Desk`], and ending consumes it: that is why
/// began, updated and ended cannot come in another order.
#[derive(Debug)]
pub(crate) struct Open {
    number: u64,
    kind: EventKind,
    zone: Option<ZoneId>,
    began: MediaTime,
    said_at: MediaTime,
    severity_said_max: Severity,
    last: Statement,
}

impl Open {
    /// When it began.
    pub fn began(&self) -> MediaTime {
        self.began
    }
}

/// Whether something went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Yes,
    No,
}

/// All that goes out, in order.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    outputs: VecDeque<Output>,
    numbers: u64,
    began: BTreeMap<EventKind, u32>,
}

impl Desk {
    /// Says that an event began.
    pub fn begin(&mut self, kind: EventKind, zone: Option<ZoneId>, began: MediaTime, statement: Statement) -> Open {
        self.numbers += 1;
        *self.began.entry(kind).or_default() += 1;
        let open = Open {
            number: self.numbers,
            kind,
            zone,
            began: began.min(statement.at),
            said_at: statement.at,
            severity_said_max: statement.severity,
            last: statement,
        };
        self.say(&open, Phase::Began, None);
        open
    }

    /// Takes the newest about an open event, and says it where that is worth while and the last word is `every` old, or where it
    /// became worse than ever said.
    pub fn restate(&mut self, open: &mut Open, statement: Statement, worth_while: bool, every: Duration) -> Said {
        let worse = statement.severity > open.severity_said_max;
        let due = worth_while && statement.at.since(open.said_at) >= every;
        open.last = statement;
        if worse || due {
            open.said_at = open.last.at;
            open.severity_said_max = open.severity_said_max.max(open.last.severity);
            self.say(open, Phase::Updated, None);
            return Said::Yes;
        }
        Said::No
    }

    /// Says that an event is over, in the words last known about it.
    pub fn end(&mut self, mut open: Open, at: MediaTime, reason: EndReason) {
        open.last.at = open.last.at.max(at);
        self.say(&open, Phase::Ended, Some(reason));
    }

    /// Puts an output that is no event.
    pub fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Asks the media stage for something.
    pub fn request(&mut self, request: Request) {
        self.put(Output::Request(request));
    }

    /// The next output, oldest first.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many events began, by kind.
    pub fn began(&self) -> &BTreeMap<EventKind, u32> {
        &self.began
    }

    fn say(&mut self, open: &Open, phase: Phase, end_reason: Option<EndReason>) {
        let Statement { at, severity, confidence, region, detail, proof } = open.last.clone();
        self.put(Output::Finding(Finding {
            number: open.number,
            kind: open.kind,
            phase,
            zone: open.zone.clone(),
            began: open.began,
            at,
            severity,
            confidence: confidence.clamp(0.0, 1.0),
            region,
            detail,
            proof,
            end_reason,
        }));
    }
}

/// Ends every open event of a collection, because no more input will come.
pub(crate) fn stop_all(desk: &mut Desk, at: MediaTime, open: impl IntoIterator<Item = Open>) {
    for open in open {
        desk.end(open, at, EndReason::Stopped);
    }
}

/// What a statement's metres stand on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ground {
    pub calibrated: bool,
    pub error_m: Option<f32>,
}

impl From<bool> for Ground {
    fn from(calibrated: bool) -> Self {
        Self { calibrated, error_m: None }
    }
}

/// A proof from its parts; samples of several traces are together at most [`Proof::SAMPLES_MAX`].
pub(crate) fn proof(
    rule: &str,
    thresholds: &[(&str, f64)],
    traces: &[&crate::window::Trace],
    ground: impl Into<Ground>,
) -> Proof {
    let ground = ground.into();
    let each = (Proof::SAMPLES_MAX / traces.len().max(1)).min(crate::window::Trace::KEPT_MAX);
    let mut samples: Vec<_> = traces.iter().flat_map(|trace| trace.samples(each)).collect();
    samples.sort_by(|a, b| a.media_time_s.total_cmp(&b.media_time_s));
    Proof {
        rule: rule.into(),
        thresholds: thresholds.iter().map(|&(name, value)| (name.into(), value)).collect(),
        samples,
        calibrated: ground.calibrated,
        calibration_error_m: ground.error_m.filter(|_| ground.calibrated).map(|m| crate::window::round4(m) as f32),
    }
}
