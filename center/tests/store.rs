//! The store by itself: what time brings about, and what is given up first.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use common::stores::{self, Kind};
use matpho_center::{
    api::types::{CloseReason, IncidentState, Role},
    auth::lockout::{Rules, Source},
    chain,
    config::Config,
    incident::{
        life::{Act, Promises, Resolution},
        rules::Settings,
    },
    rights::Filter,
    store::{
        Acted, Store, StoreError,
        accounts::{Proof, User},
        batch::Arrival,
        changes::{Change, HISTORY_MAX},
        life::Asked,
        views::IncidentFilter,
    },
};
use matpho_scene::WallTime;
use matpho_wire::{CameraStatus, CloudEvent, EventData, EvidenceData};
use serde_json::{Value, json};

const EDGE: &str = "tdm.gw-01";

fn settings() -> Settings {
    Settings { camera_auto_close: None, ..Settings::default() }
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
    tx.take_events(&[Arrival { edge: EDGE, message, at: at(second) }], &settings()).await.unwrap();
    tx.commit().await.unwrap();
}

/// A state folder, and a database of the kind that the test is on.
struct Home {
    _folder: tempfile::TempDir,
    config: Config,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[state]\nfolder = \"state\"\n{}", stores::section());
        Self { config: Config::parse(&text, folder.path()).unwrap(), _folder: folder }
    }

    async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config.state, &self.config.store).await
    }
}

on_both_stores!(async
    a_camera_that_recovered_closes_its_incident,
    the_oldest_pictures_of_closed_incidents_go_first,
    changes_are_remembered_for_a_while,
    sessions_end,
    logins_are_forgotten_in_time,
    a_store_is_opened_again,
    a_broken_value_is_the_fault_of_its_message,
    one_centre_learns_what_another_one_changed,
    two_centres_make_one_incident_of_one_fire,
    nobody_edits_the_audit_trail,
    a_batch_leaves_what_one_after_the_other_leaves,
    a_contradiction_spoils_no_batch,
    statuses_of_a_batch_leave_what_one_after_the_other_leaves,
    two_centres_take_the_same_batches_at_once,
);

async fn a_camera_that_recovered_closes_its_incident() {
    let home = Home::new();
    let store = home.open().await;
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
    let closed =
        store.incidents(&IncidentFilter { closed: Some(true), ..Default::default() }, &Filter::everything(), 10).await.unwrap();
    assert_eq!(closed[0].cameras[0].camera, "a");
    assert_eq!(
        closed[0].closed.as_ref().map(|closing| (closing.by.as_str(), closing.reason)),
        Some(("matpho-center", CloseReason::Recovered))
    );
    let open =
        store.incidents(&IncidentFilter { closed: Some(false), ..Default::default() }, &Filter::everything(), 10).await.unwrap();
    assert_eq!((open.len(), open[0].cameras[0].camera.as_str(), open[0].state), (1, "b", IncidentState::New));
}

async fn the_oldest_pictures_of_closed_incidents_go_first() {
    let home = Home::new();
    let store = home.open().await;
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
    let incidents = store.incidents(&IncidentFilter::default(), &Filter::everything(), 10).await.unwrap();
    for incident in incidents.iter().filter(|incident| incident.cameras[0].camera != "b") {
        let mut tx = store.begin().await.unwrap();
        let asked = Asked { by: "lan", key: None, version: None, at: at(9) };
        let act = Act::Resolve { how: Resolution::Resolved };
        assert_eq!(tx.act(&incident.id, act, None, &asked, &Promises::default()).await.unwrap(), Acted::Done);
        tx.commit().await.unwrap();
    }
    assert_eq!(room(3_000).await, Vec::<String>::new());
    assert_eq!(room(2_500).await, ["evidence/1.jpg"]);
    assert_eq!(room(0).await, ["evidence/3.jpg"], "the open one keeps its picture");
    assert_eq!(store.evidence_path(&event_id(1)).await.unwrap(), None);
    assert!(store.event(&event_id(2)).await.unwrap().unwrap().evidence.is_some());
    assert!(store.event(&event_id(3)).await.unwrap().unwrap().evidence.is_none());
}

async fn changes_are_remembered_for_a_while() {
    let home = Home::new();
    let store = home.open().await;
    assert_eq!(store.changes_since(0).await.unwrap(), (0, Some(Vec::new())));
    take(&store, &fault("event_began", 1, "a", 0), 0).await;
    let (first, changes) = store.changes_since(0).await.unwrap();
    assert_eq!(changes.unwrap().len(), 2, "the incident and its camera");
    let incident = store.incidents(&IncidentFilter::default(), &Filter::everything(), 1).await.unwrap().remove(0);
    let mut newest = store.newest();
    newest.borrow_and_update();
    for note in ["one", "two", "three"] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(
            tx.note(&incident.id, note, &Asked { by: "lan", key: None, version: None, at: at(1) }).await.unwrap(),
            Acted::Done
        );
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
        let status = Arrival { edge: EDGE, message: &status, at: at(2) };
        assert_eq!(tx.take_camera_statuses(&[status]).await.unwrap(), [true]);
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

async fn sessions_end() {
    let home = Home::new();
    let store = home.open().await;
    let user = User { name: "lan".into(), role: Role::Admin, proof: Proof::Password("hash".into()) };
    let mut tx = store.begin().await.unwrap();
    assert!(tx.put_user(&user, at(0)).await.unwrap());
    tx.begin_session("token", "lan", at(0), at(100)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.session("token", at(99)).await.unwrap().map(|session| session.role), Some(Role::Admin));
    assert_eq!(store.session("token", at(100)).await.unwrap(), None);
    assert_eq!(store.session("other", at(0)).await.unwrap(), None);
}

/// What is known of logins is kept as long as it counts.
async fn logins_are_forgotten_in_time() {
    const DAY_S: i64 = 86_400;
    let home = Home::new();
    let store = home.open().await;
    let user = User { name: "lan".into(), role: Role::Admin, proof: Proof::Password("hash".into()) };
    let rules = Rules { failures: 3, lock: Some(Duration::from_secs(900)) };
    let here = [Source::Address("10.0.0.7".into())];
    let mut tx = store.begin().await.unwrap();
    tx.put_user(&user, at(0)).await.unwrap();
    tx.know_device(None, "device", "lan", at(0)).await.unwrap();
    assert!(tx.spend_login("state", at(600)).await.unwrap() && !tx.spend_login("state", at(600)).await.unwrap());
    for (second, locks) in [(0, 0), (1, 0), (2, 1), (3, 0)] {
        assert_eq!(tx.login_failed("lan", &here, rules, at(second)).await.unwrap().len(), locks, "{second}");
    }
    assert!(tx.is_locked("lan", &here, at(901)).await.unwrap() && !tx.is_locked("lan", &here, at(902)).await.unwrap());
    tx.trim_logins(at(599)).await.unwrap();
    assert!(!tx.spend_login("state", at(600)).await.unwrap());
    tx.trim_logins(at(600)).await.unwrap();
    assert!(tx.spend_login("state", at(600)).await.unwrap());
    assert!(!tx.is_locked("lan", &[Source::Strangers], at(3)).await.unwrap());
    tx.trim_logins(at(DAY_S)).await.unwrap();
    assert_eq!(tx.login_failed("lan", &here, rules, at(DAY_S)).await.unwrap(), []);
    for second in [1, 2] {
        tx.login_failed("lan", &here, rules, at(DAY_S + second)).await.unwrap();
    }
    assert!(tx.is_locked("lan", &here, at(DAY_S + 1_801)).await.unwrap(), "the second lock in a row is twice as long");
    tx.trim_logins(at(3 * DAY_S)).await.unwrap();
    assert!(!tx.unlock("lan").await.unwrap(), "nothing was left to unlock");
    tx.commit().await.unwrap();
    assert!(store.knows_device("device", "lan", at(179 * DAY_S)).await.unwrap());
    assert!(!store.knows_device("device", "lan", at(180 * DAY_S)).await.unwrap());
    assert!(!store.knows_device("device", "minh", at(1)).await.unwrap(), "known for whom it knows");
    let mut tx = store.begin().await.unwrap();
    tx.know_device(Some("device"), "newer", "minh", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    for name in ["lan", "minh"] {
        assert!(
            store.knows_device("newer", name, at(2)).await.unwrap() && !store.knows_device("device", name, at(2)).await.unwrap()
        );
    }
}

/// What was committed is there for the next centre, and a broken database is told from an empty one.
async fn a_store_is_opened_again() {
    let home = Home::new();
    let store = home.open().await;
    take(&store, &fault("event_began", 1, "a", 0), 0).await;
    store.close().await;
    let store = home.open().await;
    assert_eq!(store.open_incidents().await.unwrap(), 1);
    store.close().await;
    if stores::kind() == Kind::Sqlite {
        let path = home.config.state.folder.join("center.db");
        std::fs::write(path, "this is no database, but long enough to be read as one".repeat(100)).unwrap();
        let error = home.try_open().await.err().unwrap();
        assert!(chain(&error).contains("file is not a database"), "{}", chain(&error));
    }
}

/// A camera's name with a NUL, which PostgreSQL stores in no text: only that message is refused, and the transaction goes on.
async fn a_broken_value_is_the_fault_of_its_message() {
    let home = Home::new();
    let store = home.open().await;
    let mut status = golden("camera_status");
    status["data"]["name"] = json!("a\0b");
    let status: CloudEvent<CameraStatus> = CloudEvent::from_json(status.to_string().as_bytes()).unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.mark().await.unwrap();
    match tx.take_camera_statuses(&[Arrival { edge: EDGE, message: &status, at: at(0) }]).await {
        Ok(_) => assert_eq!(stores::kind(), Kind::Sqlite),
        Err(error) => {
            assert!(error.is_of_message(), "{}", chain(&error));
            tx.back_to_mark().await.unwrap();
        }
    }
    tx.reject("topic", "a\0b", b"a\0b", at(0)).await.unwrap();
    tx.commit().await.unwrap();
}

/// A batch in which one message contradicts what another one said leaves nothing; without it the batch is taken.
async fn a_contradiction_spoils_no_batch() {
    let home = Home::new();
    let store = home.open().await;
    let (began, elsewhere) = (fault("event_began", 1, "a", 0), fault("event_ended", 1, "b", 1));
    let ended = fault("event_ended", 1, "a", 2);
    let arrivals = [&began, &elsewhere, &ended].map(|message| Arrival { edge: EDGE, message, at: at(2) });
    let mut tx = store.begin().await.unwrap();
    tx.mark().await.unwrap();
    let error = tx.take_events(&arrivals, &settings()).await.unwrap_err();
    assert!(error.is_of_message() && chain(&error).contains("cannot become another one"), "{}", chain(&error));
    tx.back_to_mark().await.unwrap();
    // One after the other, as ingest does then.
    for (arrival, fits) in arrivals.iter().zip([true, false, true]) {
        tx.mark().await.unwrap();
        let taken = tx.take_events(std::slice::from_ref(arrival), &settings()).await;
        assert_eq!(taken.is_ok(), fits);
        if !fits {
            tx.back_to_mark().await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    let incidents = store.incidents(&IncidentFilter::default(), &Filter::everything(), 10).await.unwrap();
    assert_eq!(incidents.len(), 1);
    assert!(incidents[0].ended.is_some());
    let detail = serde_json::to_value(store.incident_detail(&incidents[0].id).await.unwrap().unwrap()).unwrap();
    assert_eq!(detail["events"].as_array().unwrap().len(), 1);
}

/// Of several statuses of one camera in a batch the last one counts; each is told whether it said something new.
async fn statuses_of_a_batch_leave_what_one_after_the_other_leaves() {
    let status = |camera: &str, name: &str, age_s: f64, second: i64| {
        let mut status = golden("camera_status");
        status["data"]["camera"] = json!(camera);
        status["data"]["name"] = json!(name);
        status["data"]["frame_age_s"] = json!(age_s);
        status["data"]["position"] = if name == "moved" { json!([106.7, 10.9]) } else { json!([106.6, 10.9]) };
        status["recordedtime"] = json!(at(second));
        CloudEvent::<CameraStatus>::from_json(status.to_string().as_bytes()).unwrap()
    };
    let statuses = [
        status("a", "A", 1.0, 1),
        status("b", "B", 1.0, 1),
        status("a", "A", 1.0, 1),
        status("a", "A", 2.0, 2),
        status("b", "moved", 1.0, 3),
        status("a", "A", 3.0, 4),
        status("b", "B", 1.0, 5),
    ];
    let mut told = Vec::new();
    for at_once in [1, 100, 3] {
        let home = Home::new();
        let store = home.open().await;
        let mut news = Vec::new();
        let arrivals: Vec<_> =
            statuses.iter().zip(10..).map(|(message, second)| Arrival { edge: EDGE, message, at: at(second) }).collect();
        let mut tx = store.begin().await.unwrap();
        for arrivals in arrivals.chunks(at_once) {
            news.extend(tx.take_camera_statuses(arrivals).await.unwrap());
        }
        tx.commit().await.unwrap();
        assert_eq!(news, [true, true, false, false, true, false, true]);
        let mut whole = store.whole().await.unwrap();
        let tables = whole.tables().await.unwrap();
        let mut rows = Vec::new();
        for name in ["cameras", "camera_areas", "changes"] {
            let keep = |row: &str| {
                rows.push(row.to_owned());
                Ok::<_, StoreError>(())
            };
            whole.rows(name, &tables[name], keep).await.unwrap();
        }
        told.push(rows);
    }
    assert_eq!(told[0].len(), 6, "{:#?}", told[0]);
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

/// Two stores on one database, as two centres have them.
async fn one_centre_learns_what_another_one_changed() {
    let home = Home::new();
    let (one, other) = (home.open().await, home.open().await);
    if stores::kind() == Kind::Sqlite {
        return; // A lock on the state folder keeps a second centre out.
    }
    let mut newest = other.newest();
    newest.borrow_and_update();
    let learn = async {
        take(&one, &fault("event_began", 1, "a", 0), 0).await;
        let expected = *one.newest().borrow();
        assert!(expected > 0);
        tokio::time::timeout(Duration::from_secs(30), newest.wait_for(|newest| *newest == expected)).await.unwrap().unwrap();
    };
    tokio::select! {
        () = other.follow() => unreachable!(),
        () = learn => {}
    }
}

/// As two centres hold it: on PostgreSQL a connection each, on SQLite, which is one centre's alone, two hands on the same.
async fn two_centres(home: &Home) -> [Store; 2] {
    let store = home.open().await;
    let other = if stores::kind() == Kind::Sqlite { store.clone() } else { home.open().await };
    [store, other]
}

/// Both see events of one fire at once, again and again: one incident each time, and no number of a change is seen before a lower one.
async fn two_centres_make_one_incident_of_one_fire() {
    let home = Home::new();
    let stores = two_centres(&home).await;
    let rounds = 20;
    let takes = async |side: u32| {
        for round in 0..rounds {
            let message = fault("event_began", 2 * round + side, &format!("c{round}"), i64::from(round));
            take(&stores[side as usize], &message, i64::from(round)).await;
        }
    };
    let over = std::cell::Cell::new(false);
    let watches = async {
        let mut known: Vec<i64> = Vec::new();
        loop {
            let last = over.get();
            let (_, changes) = stores[0].changes_since(known.iter().copied().max().unwrap_or(0)).await.unwrap();
            known.extend(changes.unwrap().into_iter().map(|(sequence, _)| sequence));
            if last {
                return known;
            }
        }
    };
    let both = async {
        tokio::join!(takes(0), takes(1));
        over.set(true);
    };
    let ((), seen) = tokio::join!(both, watches);
    let incidents = stores[0].incidents(&IncidentFilter::default(), &Filter::everything(), 100).await.unwrap();
    assert_eq!(incidents.len(), rounds as usize);
    assert!(incidents.iter().all(|incident| incident.event_count == 2));
    // Who followed saw every incident's last change: nothing appeared below what had been read.
    let (_, all) = stores[0].changes_since(0).await.unwrap();
    for (sequence, change) in all.unwrap() {
        assert!(seen.contains(&sequence), "{change:?}, number {sequence}, was never seen");
    }
}

/// Both take batches about one incident at once: each has an event of its own, and another one that both were given. Each message counts once.
async fn two_centres_take_the_same_batches_at_once() {
    let home = Home::new();
    let stores = two_centres(&home).await;
    let rounds = 20;
    let takes = async |side: u32| {
        let mut duplicates = 0;
        for round in 0..rounds {
            let (camera, second) = (format!("c{round}"), i64::from(round));
            let messages = [("event_began", side), ("event_began", 2), ("event_ended", side), ("event_ended", 2)]
                .map(|(name, seed)| fault(name, 3 * round + seed, &camera, second));
            let arrivals: Vec<_> = messages.iter().map(|message| Arrival { edge: EDGE, message, at: at(second) }).collect();
            let mut tx = stores[side as usize].begin().await.unwrap();
            duplicates += tx.take_events(&arrivals, &settings()).await.unwrap();
            tx.commit().await.unwrap();
        }
        duplicates
    };
    let (one, other) = tokio::join!(takes(0), takes(1));
    assert_eq!(one + other, 2 * u64::from(rounds));
    let incidents = stores[0].incidents(&IncidentFilter::default(), &Filter::everything(), 100).await.unwrap();
    assert_eq!(incidents.len(), rounds as usize);
    assert!(incidents.iter().all(|incident| incident.event_count == 3 && incident.ended.is_some()));
}

async fn nobody_edits_the_audit_trail() {
    use matpho_center::store::audit::{Act, Deed, verify};
    let home = Home::new();
    let store = home.open().await;
    for name in ["lan", "minh", "an"] {
        let mut tx = store.begin().await.unwrap();
        tx.audit(&Deed::done(name, Act::Login, name, json!({"note": "đăng nhập"})), at(0)).await.unwrap();
        tx.commit().await.unwrap();
    }
    // What is not committed is not in the trail, and leaves no gap.
    let mut tx = store.begin().await.unwrap();
    tx.audit(&Deed::done("x", Act::Login, "x", Value::Null), at(0)).await.unwrap();
    drop(tx);
    let mut tx = store.begin().await.unwrap();
    tx.audit(&Deed::done("an", Act::Logout, "an", Value::Null), at(9)).await.unwrap();
    tx.commit().await.unwrap();
    for forbidden in ["UPDATE audit SET who = 'x' WHERE line = 2", "DELETE FROM audit WHERE line = 4", "DELETE FROM audit"] {
        let error = stores::run_sql(&home.config, forbidden).await.unwrap_err();
        assert!(error.contains("the audit trail is not changed"), "{forbidden}: {error}");
    }
    let lines = store.audit_after(0, 10).await.unwrap();
    assert_eq!(lines.len(), 4);
    let mut before = None;
    for line in &lines {
        verify(line, before.as_ref()).unwrap();
        before = Some((line.line, line.hash.clone()));
    }
}

async fn a_batch_leaves_what_one_after_the_other_leaves() {
    // Cameras `a` and `b` stand 50 m apart, `c` far off, of `x` nobody knows where.
    let place = |camera: &str| match camera {
        "a" => Some([106.65, 10.98]),
        "b" => Some([106.650_45, 10.98]),
        "c" => Some([106.70, 10.98]),
        _ => None,
    };
    let message = |name: &str, seed: u32, camera: &str, kind: &str, second: i64| {
        let mut message = golden(name);
        let number = message["data"]["number"].clone();
        message["id"] = json!(format!("{}.{number}", event_id(seed)));
        message["data"]["event"] = json!(event_id(seed));
        message["data"]["camera"] = json!(camera);
        message["data"]["kind"] = json!(kind);
        if kind.starts_with("camera.") {
            message["data"]["detail"] = json!({"about": "camera", "reason": "no picture for 10 s"});
        }
        for pointer in ["/time", "/recordedtime", "/data/seen/at", "/data/began"] {
            *message.pointer_mut(pointer).unwrap() = json!(at(second));
        }
        CloudEvent::<EventData>::from_json(message.to_string().as_bytes()).unwrap()
    };
    let (began, ended) = ("event_began", "event_ended");
    // What goes on, is graver, ends or is taken back, by number.
    let next = |seed: u32, camera: &str, kind: &str, second: i64, number: u32, data: Value| {
        let mut message = serde_json::to_value(message(began, seed, camera, kind, second)).unwrap();
        message["id"] = json!(format!("{}.{number}", event_id(seed)));
        message["data"]["number"] = json!(number);
        message["data"]["phase"] = json!("updated");
        for (key, value) in data.as_object().unwrap() {
            message["data"][key] = value.clone();
        }
        CloudEvent::<EventData>::from_json(message.to_string().as_bytes()).unwrap()
    };
    let graver = || json!({"severity": "extreme"});
    let over = || json!({"phase": "ended", "end_reason": "cleared"});
    let taken_back = || json!({"phase": "ended", "end_reason": "retracted"});
    let batches = [
        // All of an event in one go, with one message twice and one that was overtaken.
        vec![
            message(began, 20, "p", "fire.flame", 0),
            next(20, "p", "fire.flame", 1, 1, graver()),
            next(20, "p", "fire.flame", 1, 1, graver()),
            next(20, "p", "fire.flame", 2, 3, over()),
            next(20, "p", "fire.flame", 1, 2, json!({"severity": "minor"})),
            message(began, 20, "p", "fire.flame", 0),
            // Nobody knows how it began; what is older comes last.
            next(21, "q", "fire.smoke", 1, 2, json!({"severity": "minor"})),
            next(21, "q", "fire.smoke", 1, 1, graver()),
            // Taken back, then not, then again; at its camera something else begins.
            message(began, 22, "r", "fire.flame", 0),
            next(22, "r", "fire.flame", 1, 1, taken_back()),
            next(22, "r", "fire.flame", 2, 2, json!({})),
            message(began, 23, "r", "fire.smoke", 2),
            next(22, "r", "fire.flame", 3, 3, taken_back()),
            next(23, "r", "fire.smoke", 3, 1, graver()),
        ],
        // Two of one incident: it is over with the second one.
        vec![
            next(23, "r", "fire.smoke", 12, 2, over()),
            message(began, 24, "q", "fire.flame", 12),
            next(24, "q", "fire.flame", 13, 1, graver()),
            next(21, "q", "fire.smoke", 13, 3, over()),
            next(24, "q", "fire.flame", 14, 2, over()),
            next(20, "p", "fire.flame", 1, 1, graver()),
        ],
        vec![
            message(began, 1, "a", "fire.flame", 0),
            message(began, 2, "b", "fire.smoke", 1),
            message(began, 3, "c", "fire.flame", 1),
            message(began, 1, "a", "fire.flame", 0),
            message(began, 4, "a", "camera.lost", 2),
            message(began, 5, "b", "camera.lost", 2),
            message(began, 6, "x", "fire.flame", 3),
            message(ended, 3, "c", "fire.flame", 4),
            message(ended, 7, "c", "camera.lost", 4),
        ],
        vec![
            message(began, 8, "c", "fire.flame", 30),
            message(began, 9, "x", "fire.smoke", 31),
            message(began, 10, "x", "camera.lost", -3_000),
            message(ended, 2, "b", "fire.smoke", 32),
        ],
        vec![message(began, 11, "b", "fire.flame", 200), message(began, 12, "c", "fire.flame", 400)],
    ];
    let mut told = Vec::new();
    // Each in a transaction of its own; one after the other in one; as one batch; as some small ones.
    for [at_once, in_transaction] in [[1, 1], [1, 100], [100, 100], [4, 4]] {
        let home = Home::new();
        let store = home.open().await;
        let mut tx = store.begin().await.unwrap();
        for camera in ["a", "b", "c", "x"] {
            let mut status = golden("camera_status");
            status["data"]["camera"] = json!(camera);
            status["data"]["position"] = json!(place(camera));
            let status = CloudEvent::<CameraStatus>::from_json(status.to_string().as_bytes()).unwrap();
            tx.take_camera_statuses(&[Arrival { edge: EDGE, message: &status, at: at(0) }]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let (first, mut duplicates) = (*store.newest().borrow(), 0);
        for (batch, second) in batches.iter().zip([5, 15, 20, 40, 410]) {
            let arrivals: Vec<_> = batch.iter().map(|message| Arrival { edge: EDGE, message, at: at(second) }).collect();
            // One that is not committed leaves nothing, in memory neither.
            let mut tx = store.begin().await.unwrap();
            tx.take_events(&arrivals, &settings()).await.unwrap();
            drop(tx);
            for arrivals in arrivals.chunks(in_transaction) {
                let mut tx = store.begin().await.unwrap();
                for arrivals in arrivals.chunks(at_once) {
                    duplicates += tx.take_events(arrivals, &settings()).await.unwrap();
                }
                tx.commit().await.unwrap();
            }
        }
        let (_, changes) = store.changes_since(first).await.unwrap();
        let of_cameras = changes.unwrap().into_iter().filter(|(_, change)| matches!(change, Change::Camera(..))).count();
        let mut all = Vec::new();
        for incident in store.incidents(&IncidentFilter::default(), &Filter::everything(), 50).await.unwrap() {
            let mut places = store.incident_places(&incident.id).await.unwrap();
            places.sort_by_key(ToString::to_string);
            let mut detail = serde_json::to_value(store.incident_detail(&incident.id).await.unwrap().unwrap()).unwrap();
            detail["incident"]["id"] = Value::Null;
            detail["events"].as_array_mut().unwrap().iter_mut().for_each(|event| event["incident"] = Value::Null);
            all.push(format!("{places:?} {detail}"));
        }
        all.sort();
        all.push(format!("{duplicates} duplicates, {of_cameras} cameras changed"));
        told.push(all);
    }
    assert!(told[0].len() > 8, "{:#?}", told[0]);
    assert_eq!(told[0].last().unwrap(), "4 duplicates, 7 cameras changed");
    for other in &told[1..] {
        for (one, together) in told[0].iter().zip(other) {
            assert_eq!(one, together);
        }
        assert_eq!(told[0].len(), other.len());
    }
}
