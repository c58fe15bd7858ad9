//! The API's description is a golden file: a change of the API is a difference that somebody reads.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;

use matpho_center::api::{schema, system};
use matpho_scene::{event, measurement};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

#[test]
fn the_description_is_as_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let text = system::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, &text).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    let difference = golden.lines().zip(text.lines()).position(|(old, new)| old != new).map(|line| line + 1);
    assert!(text == golden, "{path} differs from line {difference:?} on; UPDATE_GOLDEN=1 rewrites it");
}

/// What the description says of a type that is at home elsewhere holds for what is really sent.
fn same<T: Serialize, S: Serialize + DeserializeOwned>(value: &T) {
    let sent = serde_json::to_value(value).unwrap();
    let described: S = serde_json::from_value(sent.clone()).unwrap_or_else(|error| panic!("{sent}: {error}"));
    let told: Value = serde_json::to_value(&described).unwrap();
    assert_eq!(without_nulls(told), sent);
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, without_nulls(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn words_are_described_as_they_are_sent() {
    event::EventKind::ALL.iter().for_each(same::<_, schema::EventKind>);
    [event::Phase::Began, event::Phase::Updated, event::Phase::Ended].iter().for_each(same::<_, schema::Phase>);
    use event::Severity::*;
    [Minor, Moderate, Severe, Extreme].iter().for_each(same::<_, schema::Severity>);
    use measurement::Judgement::*;
    [Clear, Suspected, Present, Unknown].iter().for_each(same::<_, schema::Judgement>);
    use event::EndReason::*;
    [Cleared, Retracted, Stopped].iter().for_each(same::<_, schema::EndReason>);
    use event::LevelOfService::*;
    [A, B, C, D, E, F].iter().for_each(same::<_, schema::LevelOfService>);
    use event::DepthBand::*;
    [Under10, From10To20, From20To30, From30To50, Over50].iter().for_each(same::<_, schema::DepthBand>);
    use matpho_wire::EdgeState::*;
    [Online, Offline].iter().for_each(same::<_, schema::EdgeState>);
}

#[test]
fn details_and_figures_are_described_as_they_are_sent() {
    for name in ["event_began", "event_congestion", "event_stopped_vehicle"] {
        let event: matpho_wire::EventData = data(name);
        same::<_, schema::Detail>(&event.detail);
        same::<_, schema::Proof>(&event.proof);
        event.models.iter().for_each(same::<_, schema::Model>);
    }
    for name in ["measurement_traffic", "measurement_flood"] {
        let measurement: matpho_wire::MeasurementData = data(name);
        same::<_, schema::Figures>(&measurement.figures);
    }
    same::<_, schema::Detail>(&event::Detail::Camera { reason: "frozen".into() });
    let flood = event::Detail::Flood {
        water_share: 0.5,
        depth: Some(event::DepthBand::From10To20),
        depth_range: Some(event::DepthBand::From10To20.into()),
        depth_confidence: Some(0.5),
        passable: Some(event::DepthBand::From10To20.passability()),
        passable_at_best: Some(event::DepthBand::Under10.passability()),
        depth_reference: Some("kerb".into()),
        trend: event::Trend::Rising,
    };
    same::<_, schema::Detail>(&flood);
}

fn data<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/../pipeline/wire/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let message: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_value(message["data"].clone()).unwrap()
}
