//! One golden message of each kind. `UPDATE_GOLDEN=1` rewrites them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{collections::BTreeMap, path::PathBuf};

use matpho_scene::{
    Class, ClockSource, NormBox, NormPoint, Seen, TrackId, WallTime,
    event::{DepthBand, DepthRange, Detail, EndReason, EventKind, LevelOfService, Phase, Proof, Sample, Severity, Trend},
    measurement::{Figures, FloodFigures, Judgement, TrafficFigures},
};
use matpho_wire::{
    Address, CameraState, CameraStatus, CloudEvent, Command, EdgeState, EdgeStatus, EventData, EventId, EvidenceData,
    MeasurementData, ModelRef, Reply, SummaryData, envelope::Message, summary::AnalyticSummary,
};

fn address() -> Address {
    Address { site: "tdm".parse().unwrap(), edge: "gw-01".parse().unwrap() }
}

fn at(text: &str) -> WallTime {
    text.parse().unwrap()
}

fn seen() -> Seen {
    Seen { at: at("2026-11-21T08:00:05.000Z"), uncertainty_ms: 20, clock: ClockSource::Rtcp }
}

fn event_id() -> EventId {
    EventId::new(at("2026-11-21T08:00:00.000Z"), [7; 10])
}

fn sample(media_time_s: f64, value: f64) -> Sample {
    Sample { media_time_s, name: "score".into(), value }
}

fn flame(phase: Phase) -> EventData {
    EventData {
        event: event_id(),
        number: if phase == Phase::Began { 0 } else { 2 },
        kind: EventKind::Flame,
        phase,
        camera: "cam-3".parse().unwrap(),
        zone: None,
        began: at("2026-11-21T08:00:00.000Z"),
        seen: seen(),
        media_time_s: 65.0,
        began_media_time_s: 60.0,
        severity: Severity::Severe,
        confidence: 0.75,
        region: Some(NormBox::new(0.25, 0.5, 0.375, 0.75).unwrap()),
        detail: Detail::Fire { area_share: 0.03125, growth: 1.5 },
        proof: Proof {
            rule: "flame in 4 of 6 pictures, overlapping by 0.1 or more".into(),
            thresholds: BTreeMap::from([("hits_min".to_owned(), 4.0), ("window".to_owned(), 6.0)]),
            samples: vec![sample(60.0, 0.5), sample(65.0, 0.75)],
            calibrated: false,
            calibration_error_m: None,
        },
        models: vec![ModelRef { id: "fire".parse().unwrap(), sha256: "ab".repeat(32) }],
        end_reason: (phase == Phase::Ended).then_some(EndReason::Cleared),
        evidence_follows: phase == Phase::Began,
        late: false,
    }
}

fn check<T: Message + PartialEq + std::fmt::Debug>(name: &str, message: CloudEvent<T>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(&message).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert_eq!(text, golden, "{name} is written otherwise than golden/{name}.json; read `When changing the contract` in lib.rs");
    assert_eq!(CloudEvent::<T>::from_json(golden.as_bytes()).unwrap(), message);
}

fn envelope<T: Message>(id: &str, kind: &str, data: T) -> CloudEvent<T> {
    let camera = "cam-3".parse().unwrap();
    CloudEvent::new(id.into(), address().camera_source(&camera), kind.into(), seen().at, at("2026-11-21T08:00:05.400Z"), data)
        .with_subject("cam-3")
        .with_sequence(42)
}

#[test]
fn events() {
    for phase in [Phase::Began, Phase::Ended] {
        let data = flame(phase);
        check(&format!("event_{phase}"), envelope(&data.event.message_id(data.number), &data.type_name(), data.clone()));
    }
    let mut jam = flame(Phase::Began);
    jam.kind = EventKind::Congestion;
    jam.zone = Some("inbound".parse().unwrap());
    jam.region = None;
    jam.detail = Detail::Congestion {
        level_of_service: LevelOfService::F,
        density_pc_per_km_lane: Some(41.5),
        occupancy: 0.5,
        speed_kmh: Some(6.5),
        stopped_share: 0.75,
        queue_m: Some(85.0),
        queue_growth_m_per_min: Some(12.5),
        travel_time_index: Some(5.5),
    };
    jam.proof.calibrated = true;
    jam.proof.calibration_error_m = Some(0.25);
    check("event_congestion", envelope(&jam.event.message_id(0), &jam.type_name(), jam.clone()));
    let mut stopped = flame(Phase::Began);
    stopped.kind = EventKind::StoppedVehicle;
    stopped.detail = Detail::Vehicle {
        track: TrackId(17),
        class: Class::Truck,
        duration_s: 15.5,
        path: vec![NormPoint::clamped(0.25, 0.5), NormPoint::clamped(0.375, 0.75)],
    };
    check("event_stopped_vehicle", envelope(&stopped.event.message_id(0), &stopped.type_name(), stopped.clone()));
}

#[test]
fn measurements() {
    let measurement = |figures| MeasurementData {
        camera: "cam-3".parse().unwrap(),
        zone: "inbound".parse().unwrap(),
        from: at("2026-11-21T08:00:00.000Z"),
        to: at("2026-11-21T08:01:00.000Z"),
        figures,
    };
    let traffic = measurement(Figures::Traffic(TrafficFigures {
        counts: BTreeMap::from([(Class::Motorcycle, 31), (Class::Car, 6)]),
        vehicles_pcu_mean: 4.5,
        density_pc_per_km_lane: Some(12.5),
        occupancy: 0.125,
        speed_kmh: Some(31.5),
        speed_time_mean_kmh: Some(34.5),
        free_flow_kmh: Some(42.0),
        travel_time_index: Some(1.3125),
        stopped_share: 0.0,
        level_of_service: Some(LevelOfService::C),
        queue_m: Some(20.0),
        queue_growth_m_per_min: Some(-4.5),
        signal_cycle_s: Some(90.0),
        calibrated: true,
        frames: 300,
    }));
    check("measurement_traffic", envelope("m-1", traffic.type_name(), traffic.clone()));
    let flood = measurement(Figures::Flood(FloodFigures {
        water_share: 0.25,
        depth: None,
        depth_range: Some(DepthRange::new(DepthBand::From10To20, DepthBand::From20To30)),
        depth_confidence: Some(0.96),
        trend: Trend::Rising,
        frames: 12,
    }));
    check("measurement_flood", envelope("m-2", flood.type_name(), flood.clone()));
}

#[test]
fn statuses() {
    let edge = EdgeStatus {
        edge: "gw-01".parse().unwrap(),
        state: EdgeState::Online,
        version: "0.1.0".into(),
        boot_id: "0193a1b2-0000-7000-8000-00000000000b".into(),
        started: at("2026-11-21T07:00:00.000Z"),
        cameras: 5,
        outbox_depth: 3,
        outbox_age_s: 12,
        load: Some(0.5),
    };
    check("edge_status", envelope("s-1", EdgeStatus::TYPE, edge));
    let camera = CameraStatus {
        camera: "cam-3".parse().unwrap(),
        name: "Ngã tư Chợ Đình".into(),
        position: Some([106.65, 10.98]),
        state: CameraState::Blind,
        reason: Some("frozen".into()),
        since: at("2026-11-21T07:59:00.000Z"),
        frame_age_s: Some(0.25),
        analysed_fps: Some(5.0),
        judgements: BTreeMap::from([("congestion".to_owned(), Judgement::Unknown), ("fire".to_owned(), Judgement::Clear)]),
    };
    check("camera_status", envelope("s-2", CameraStatus::TYPE, camera));
}

#[test]
fn evidence_and_requests() {
    let jpeg = [0xff, 0xd8, 0xff, 0xd9];
    let picture = EvidenceData::pack(Some(event_id()), "cam-3".parse().unwrap(), seen(), (960, 540), &jpeg, true).unwrap();
    assert_eq!(picture.unpack().unwrap(), jpeg);
    check("evidence", envelope("e-1", "io.matpho.v1.evidence", picture));
    let command = Command::UploadClip {
        event: event_id(),
        path: "/api/v1/clips/1".into(),
        token: "one-time".into(),
        expires: at("2026-11-21T09:00:00.000Z"),
    };
    assert!(!format!("{command:?}").contains("one-time"), "a token must not reach a log");
    check("command_upload_clip", envelope("c-1", Command::TYPE, command));
    check(
        "reply",
        envelope(
            "r-1",
            Reply::TYPE,
            Reply { request: "c-1".into(), done: false, error: Some("no clip is left of this event".into()) },
        ),
    );
}

#[test]
fn summary() {
    let data = SummaryData {
        source_name: "clip.mp4".into(),
        duration_s: 27.0,
        frames_analysed: 135,
        frames_seen: 810,
        frames_skipped: 675,
        analytics: BTreeMap::from([(
            "congestion".to_owned(),
            AnalyticSummary {
                state: Some(Judgement::Clear),
                counts: Some(BTreeMap::from([(Class::Car, 3)])),
                occupancy_mean: Some(0.0625),
                level_of_service: Some(LevelOfService::A),
                ..AnalyticSummary::default()
            },
        )]),
        events: BTreeMap::from([(EventKind::Flame, 1)]),
    };
    check("summary", envelope("z-1", SummaryData::TYPE, data));
}

#[test]
fn refusals_say_why() {
    let refuse = |text: &str| CloudEvent::<EventData>::from_json(text.as_bytes()).unwrap_err();
    let good = serde_json::to_value(envelope("x", "t", flame(Phase::Began))).unwrap();
    let with = |path: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(path).unwrap() = value;
        refuse(&changed.to_string()).to_string()
    };
    assert!(refuse("{").to_string().starts_with("the message is no event CloudEvent: EOF"));
    assert!(with("/data/kind", "traffic.jam".into()).contains("unknown variant `traffic.jam`"));
    assert!(with("/specversion", "0.3".into()).contains("`0.3` is not understood"));
    assert!(with("/data/confidence", 1.5.into()).contains("data.confidence"));
    assert!(with("/data/phase", "ended".into()).contains("data.end_reason"));
    assert!(with("/time", "yesterday".into()).contains("`yesterday` is not an RFC 3339 instant"));
    assert!(with("/id", "".into()).contains("field `id`"));
    let mut newer = good.clone();
    newer["data"]["added_later"] = 1.into();
    assert!(CloudEvent::<EventData>::from_json(newer.to_string().as_bytes()).is_ok(), "a newer edge may say more");
}
