//! The store by itself: what time brings about, and what is given up first.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{path::Path, time::Duration};

use matpho_center::{
    api::types::{CloseReason, IncidentState, Role},
    chain,
    incident::rules::Settings,
    store::{Acted, Store, accounts::User, changes::HISTORY_MAX, views::IncidentFilter},
};
use matpho_scene::WallTime;
use matpho_wire::{CloudEvent, EventData, EvidenceData};
use serde_json::{Value, json};

const EDGE: &str = "tdm.gw-01";

fn settings() -> Settings {
    Settings { distance_m: 150.0, gap: Duration::from_secs(120), camera_auto_close: None }
}

fn at(second: i64) -> WallTime {
    WallTime::from_unix_millis(1_795_250_000_000 + second * 1000)
}

fn golden(name: &str) -> Value {
    let path = format!("{}/../pipeline/wire/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn event_id(seed: u32) -> String {
    format!("01a1fd1e-8c00-7707-8707-{seed:012x}")
}

/// A message about a camera's fault.
fn fault(name: &str, seed: u32, camera: &str, second: i64) -> CloudEvent<EventData> {
    let mut message = golden(name);
    let number = message["data"]["number"].clone();
    message["id"] = json!(format!("{}.{number}", event_id(seed)));
    message["data"]["event"] = json!(event_id(seed));
    message["data"]["camera"] = json!(camera);
    message["data"]["kind"] = json!("camera.lost");
    message["data"]["detail"] = json!({"about": "camera", "reason": "no picture for 10 s"});
    for pointer in ["/time", "/recordedtime", "/data/seen/at", "/data/began"] {
        *message.pointer_mut(pointer).unwrap() = json!(at(second));
    }
    CloudEvent::from_json(message.to_string().as_bytes()).unwrap()
}

async fn take(store: &Store, message: &CloudEvent<EventData>, second: i64) {
    let mut tx = store.begin().await.unwrap();
    tx.take_event(EDGE, message, at(second), &settings()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn open(folder: &Path) -> Store {
    Store::open(folder, None).await.unwrap()
}

#[tokio::test]
async fn a_camera_that_recovered_closes_its_incident() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    take(&store, &fault("event_began", 1, "a", 0), 0).await;
    take(&store, &fault("event_began", 2, "b", 0), 0).await;
    take(&store, &fault("event_ended", 1, "a", 60), 60).await;
    let close = async |ended_before: i64, now: i64| {
        let mut tx = store.begin().await.unwrap();
        let closed = tx.close_recovered(at(ended_before), at(now)).await.unwrap();
        tx.commit().await.unwrap();
        closed
    };
    assert_eq!(close(60, 360).await, 0, "not yet");
    assert_eq!(close(61, 361).await, 1);
    let closed = store.incidents(&IncidentFilter { closed: Some(true), ..Default::default() }, 10).await.unwrap();
    assert_eq!(closed[0].cameras[0].camera, "a");
    assert_eq!(
        closed[0].closed.as_ref().map(|closing| (closing.by.as_str(), closing.reason)),
        Some(("matpho-center", CloseReason::Recovered))
    );
    let open = store.incidents(&IncidentFilter { closed: Some(false), ..Default::default() }, 10).await.unwrap();
    assert_eq!((open.len(), open[0].cameras[0].camera.as_str(), open[0].state), (1, "b", IncidentState::New));
}

#[tokio::test]
async fn the_oldest_pictures_of_closed_incidents_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for (seed, camera) in [(1, "a"), (2, "b"), (3, "c")] {
        take(&store, &fault("event_began", seed, camera, i64::from(seed)), i64::from(seed)).await;
        let picture = golden("evidence")["data"].clone();
        let mut picture: EvidenceData = serde_json::from_value(picture).unwrap();
        picture.event = Some(event_id(seed).parse().unwrap());
        let mut tx = store.begin().await.unwrap();
        tx.take_evidence(EDGE, &event_id(seed), &picture, (&format!("evidence/{seed}.jpg"), 1000), at(0)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let room = async |bytes_max: u64| {
        let mut tx = store.begin().await.unwrap();
        let files = tx.make_room(bytes_max).await.unwrap();
        tx.commit().await.unwrap();
        files
    };
    assert_eq!(room(1_000).await, Vec::<String>::new(), "all incidents are open");
    let incidents = store.incidents(&IncidentFilter::default(), 10).await.unwrap();
    for incident in incidents.iter().filter(|incident| incident.cameras[0].camera != "b") {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.close(&incident.id, "lan", CloseReason::Resolved, None, at(9)).await.unwrap(), Acted::Done);
        tx.commit().await.unwrap();
    }
    assert_eq!(room(3_000).await, Vec::<String>::new());
    assert_eq!(room(2_500).await, ["evidence/1.jpg"]);
    assert_eq!(room(0).await, ["evidence/3.jpg"], "the open one keeps its picture");
    assert_eq!(store.evidence_path(&event_id(1)).await.unwrap(), None);
    assert!(store.event(&event_id(2)).await.unwrap().unwrap().evidence.is_some());
    assert!(store.event(&event_id(3)).await.unwrap().unwrap().evidence.is_none());
}

#[tokio::test]
async fn changes_are_remembered_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.changes_since(0).await.unwrap(), (0, Some(Vec::new())));
    take(&store, &fault("event_began", 1, "a", 0), 0).await;
    let (first, changes) = store.changes_since(0).await.unwrap();
    assert_eq!(changes.unwrap().len(), 2, "the incident and its camera");
    let incident = store.incidents(&IncidentFilter::default(), 1).await.unwrap().remove(0);
    let mut newest = store.newest();
    newest.borrow_and_update();
    for note in ["one", "two", "three"] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.note(&incident.id, "lan", note, at(1)).await.unwrap(), Acted::Done);
        tx.commit().await.unwrap();
    }
    assert!(newest.has_changed().unwrap());
    let (last, changes) = store.changes_since(first).await.unwrap();
    assert_eq!((last, changes.map(|changes| changes.len())), (first + 3, Some(1)), "each object once");

    let mut tx = store.begin().await.unwrap();
    for number in 0..HISTORY_MAX {
        let mut status = golden("camera_status");
        status["data"]["camera"] = json!(format!("c{number}"));
        let status = CloudEvent::from_json(status.to_string().as_bytes()).unwrap();
        assert!(tx.take_camera_status(EDGE, &status, at(2)).await.unwrap());
    }
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.trim_changes().await.unwrap();
    tx.commit().await.unwrap();
    let (newest, changes) = store.changes_since(last).await.unwrap();
    assert_eq!((newest, changes.map(|changes| changes.len() as i64)), (last + HISTORY_MAX, Some(HISTORY_MAX)));
    assert_eq!(store.changes_since(last - 1).await.unwrap().1, None, "forgotten");
    assert_eq!(store.changes_since(newest + 1).await.unwrap().1, None, "never given out");
}

#[tokio::test]
async fn sessions_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let user = User { name: "lan".into(), role: Role::Admin, password_hash: "hash".into() };
    let mut tx = store.begin().await.unwrap();
    assert!(tx.put_user(&user, at(0)).await.unwrap());
    tx.begin_session("token", "lan", at(0), at(100)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.session("token", at(99)).await.unwrap().map(|session| session.role), Some(Role::Admin));
    assert_eq!(store.session("token", at(100)).await.unwrap(), None);
    assert_eq!(store.session("other", at(0)).await.unwrap(), None);
}

/// What was committed is there for the next centre, and a broken database is told from an empty one.
#[tokio::test]
async fn a_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    take(&store, &fault("event_began", 1, "a", 0), 0).await;
    store.close().await;
    let store = open(folder.path()).await;
    assert_eq!(store.open_incidents().await.unwrap(), 1);
    store.close().await;
    std::fs::write(folder.path().join("center.db"), "this is no database, but long enough to be read as one".repeat(100))
        .unwrap();
    let error = Store::open(folder.path(), None).await.err().unwrap();
    assert!(chain(&error).contains("file is not a database"), "{}", chain(&error));
}
