//! From findings to messages: ids, wall times and the weights that spoke. One [`Announcer`] a camera.
//!
//! At work, ids are random UUIDv7; in `analyze` and `replay` they are derived from the source, the kind and the number, so that the same
//! recording gives the same lines.

use std::collections::BTreeMap;

use matpho_scene::{
    CameraId, MediaTime, Seen, WallTime,
    event::{EventKind, Finding, Phase},
    measurement::Measurement,
};
use matpho_wire::{CloudEvent, EventData, EventId, MeasurementData, ModelRef, topic::Address};
use rand::RngCore;
use sha2::{Digest, Sha256};

use crate::look::ModelRefs;

/// How ids come about.
#[derive(Debug, Clone)]
pub enum Ids {
    /// Random: never the same twice, also after a restart.
    Random,
    /// Derived from this text and what is named: the same each time.
    Derived(String),
}

impl Ids {
    fn bytes(&self, what: &str, number: u64) -> [u8; 10] {
        let mut bytes = [0; 10];
        match self {
            Self::Random => rand::rng().fill_bytes(&mut bytes),
            Self::Derived(seed) => bytes.copy_from_slice(&Sha256::digest(format!("{seed}\n{what}\n{number}"))[..10]),
        }
        bytes
    }
}

/// When the camera's newest picture was seen, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    /// On the stream's clock.
    pub media: MediaTime,
    /// On the wall.
    pub seen: Seen,
}

impl Anchor {
    /// The wall time of a media time near this picture.
    pub fn wall(&self, at: MediaTime) -> WallTime {
        if at >= self.media { self.seen.at + at.since(self.media) } else { self.seen.at - self.media.since(at) }
    }

    fn seen(&self, at: MediaTime) -> Seen {
        Seen { at: self.wall(at), ..self.seen }
    }
}

#[derive(Debug, Clone)]
struct Open {
    id: EventId,
    began: WallTime,
    messages: u32,
}

/// Names what one camera says.
#[derive(Debug)]
pub struct Announcer {
    camera: CameraId,
    source: String,
    ids: Ids,
    models: ModelRefs,
    open: BTreeMap<u64, Open>,
    measurements: u64,
}

impl Announcer {
    /// For a camera of the gateway at `address`.
    pub fn new(address: &Address, camera: CameraId, ids: Ids, models: ModelRefs) -> Self {
        Self { source: address.camera_source(&camera), camera, ids, models, open: BTreeMap::new(), measurements: 0 }
    }

    /// The message of a finding. Call once for each, in order.
    pub fn event(
        &mut self,
        finding: Finding,
        anchor: Anchor,
        recorded: WallTime,
        evidence_follows: bool,
    ) -> CloudEvent<EventData> {
        let open = self.open.entry(finding.number).or_insert_with(|| {
            let began = anchor.wall(finding.began);
            Open { id: EventId::new(began, self.ids.bytes(finding.kind.as_str(), finding.number)), began, messages: 0 }
        });
        let Open { id, began, messages: number } = open.clone();
        open.messages += 1;
        if finding.phase == Phase::Ended {
            self.open.remove(&finding.number);
        }
        let data = EventData {
            event: id,
            number,
            kind: finding.kind,
            phase: finding.phase,
            camera: self.camera.clone(),
            zone: finding.zone,
            began,
            seen: anchor.seen(finding.at),
            media_time_s: finding.at.as_secs_f64(),
            began_media_time_s: finding.began.as_secs_f64(),
            severity: finding.severity,
            confidence: finding.confidence.clamp(0.0, 1.0),
            region: finding.region,
            detail: finding.detail,
            proof: finding.proof,
            models: self.models_of(finding.kind).into_iter().collect(),
            end_reason: finding.end_reason,
            evidence_follows,
            late: false,
        };
        CloudEvent::new(id.message_id(number), self.source.clone(), data.type_name(), data.seen.at, recorded, data)
            .with_subject(self.camera.as_str())
    }

    /// The message of a measurement.
    pub fn measurement(&mut self, measurement: Measurement, anchor: Anchor, recorded: WallTime) -> CloudEvent<MeasurementData> {
        self.measurements += 1;
        let (from, to) = (anchor.wall(measurement.from), anchor.wall(measurement.to));
        let id = EventId::new(to, self.ids.bytes("measurement", self.measurements));
        let data =
            MeasurementData { camera: self.camera.clone(), zone: measurement.zone, from, to, figures: measurement.figures };
        CloudEvent::new(id.to_string(), self.source.clone(), data.type_name().into(), to, recorded, data)
            .with_subject(self.camera.as_str())
    }

    /// An id for something else that is said, such as a summary.
    pub fn id(&self, what: &str, at: WallTime) -> String {
        EventId::new(at, self.ids.bytes(what, 0)).to_string()
    }

    /// The CloudEvents source.
    pub fn source(&self) -> &str {
        &self.source
    }

    fn models_of(&self, kind: EventKind) -> Option<ModelRef> {
        match kind {
            EventKind::Congestion | EventKind::StoppedVehicle | EventKind::WrongWay | EventKind::Pedestrian => {
                self.models.vehicles.clone()
            }
            EventKind::Flame | EventKind::Smoke => self.models.fire.clone(),
            EventKind::Flood => self.models.water.clone(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use matpho_scene::{
        ClockSource,
        event::{Detail, EndReason, Proof, Severity},
    };

    use super::*;

    fn finding(number: u64, phase: Phase, began_ms: u64, at_ms: u64) -> Finding {
        Finding {
            number,
            kind: EventKind::Flame,
            phase,
            zone: None,
            began: MediaTime::from_millis(began_ms),
            at: MediaTime::from_millis(at_ms),
            severity: Severity::Severe,
            confidence: 0.9,
            region: None,
            detail: Detail::Fire { area_share: 0.1, growth: 1.0 },
            proof: Proof {
                rule: String::new(),
                thresholds: BTreeMap::new(),
                samples: vec![],
                calibrated: false,
                calibration_error_m: None,
            },
            end_reason: (phase == Phase::Ended).then_some(EndReason::Cleared),
        }
    }

    fn announcer(ids: Ids) -> Announcer {
        let address = Address { site: "s".parse().unwrap(), edge: "e".parse().unwrap() };
        Announcer::new(&address, "c".parse().unwrap(), ids, ModelRefs::default())
    }

    fn anchor(ms: u64) -> Anchor {
        let at = WallTime::from_unix_millis(1_800_000_000_000) + Duration::from_millis(ms);
        Anchor { media: MediaTime::from_millis(ms), seen: Seen { at, uncertainty_ms: 100, clock: ClockSource::Rtcp } }
    }

    #[test]
    fn one_event_keeps_its_identity_and_its_beginning() {
        let mut announcer = announcer(Ids::Random);
        let now = anchor(0).seen.at;
        let story = [
            (1, Phase::Began, 9_000),
            (2, Phase::Began, 9_500),
            (1, Phase::Updated, 12_000),
            (1, Phase::Ended, 30_000),
            (2, Phase::Ended, 31_000),
        ];
        let said: Vec<_> = story
            .iter()
            .map(|(number, phase, at)| announcer.event(finding(*number, *phase, 4_000, *at), anchor(*at), now, false))
            .collect();
        assert_eq!(said.iter().map(|m| m.data.number).collect::<Vec<_>>(), [0, 0, 1, 2, 1]);
        assert!(said[0].data.event == said[3].data.event && said[0].data.event != said[1].data.event);
        assert!(said.iter().all(|m| m.data.began == anchor(4_000).seen.at), "began is 4 s into the stream in each");
        assert_eq!(said[3].data.seen.at, anchor(30_000).seen.at);
        let ids: std::collections::BTreeSet<_> = said.iter().map(|m| m.id.clone()).collect();
        assert_eq!(ids.len(), said.len(), "ids must be unique");
    }

    #[test]
    fn each_event_names_the_weights_that_saw_it() {
        let model = |id: &str, digit: &str| Some(ModelRef { id: id.parse().unwrap(), sha256: digit.repeat(64) });
        let refs = ModelRefs { vehicles: model("vehicles", "a"), fire: model("fire", "b"), water: model("water", "c") };
        let mut announcer = Announcer { models: refs, ..announcer(Ids::Random) };
        let now = anchor(0).seen.at;
        for (number, kind) in (1..).zip(EventKind::ALL) {
            let finding = Finding { kind, ..finding(number, Phase::Began, 0, 0) };
            let data = announcer.event(finding, anchor(0), now, false).data;
            let weights: Vec<&str> = data.models.iter().map(|m| &m.sha256[..1]).collect();
            let expected: &[&str] = match kind.as_str().split('.').next() {
                Some("traffic") => &["a"],
                Some("fire") => &["b"],
                Some("flood") => &["c"],
                _ => &[],
            };
            assert_eq!(weights, expected, "{kind}");
        }
    }

    #[test]
    fn derived_ids_are_the_same_each_time_and_differ_by_source_and_number() {
        let now = anchor(0).seen.at;
        let id = |seed: &str, number| {
            announcer(Ids::Derived(seed.into())).event(finding(number, Phase::Began, 0, 0), anchor(0), now, false).id
        };
        assert_eq!(id("clip.mp4", 1), id("clip.mp4", 1));
        assert_ne!(id("clip.mp4", 1), id("clip.mp4", 2));
        assert_ne!(id("clip.mp4", 1), id("other.mp4", 1));
    }
}
