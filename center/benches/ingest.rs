//! What the centre takes, on SQLite and on PostgreSQL: `cargo bench -p matpho-center` (`-- --test`: the smallest run;
//! `-- --batches N`: the store alone, with so many batches of each sort instead of 50; `-- --whole`: the whole alone).
//!
//! Two views. **The store alone**: messages in the batches of ingest, beside an insert of the very rows that they leave, in as many
//! transactions, in the same run: many rows a statement (what the store could take at best), and one row a statement (what a program that
//! looks at each message can hope for). A row that is written anew counts as one that is inserted. **The whole**: gateways, broker, the centre's
//! program; from a message's record at its gateway to its commit, as the centre itself measures it. What is committed is visible: both pools
//! read the same database. Once with events that live and have their picture, once with the fleet that `matpho-sim edges` makes (build it
//! first), whose events begin and end at few cameras, so that most of them join an incident that is open.
//!
//! `Minute` is the worst minute of 10,000 cameras that is reckoned with, a tenth of it: [`WORST_MINUTE`].
//!
//! PostgreSQL here is the tests' own, without fsync: its figures are those of a server whose disk is no bound.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    Center, Gateway, Message as Wire,
    broker::Broker,
    stores::{self, Kind},
    wait_for,
};
use matpho_center::{
    config::Config,
    incident::rules::Settings,
    store::{Store, StoreError, backup::Tables, batch::Arrival},
};
use matpho_scene::WallTime;
use matpho_wire::{CameraStatus, CloudEvent, EventData, EvidenceData, MeasurementData};
use serde_json::{Value, json};

/// Messages in one transaction, as ingest has them at most.
const BATCH: usize = 128;

const EDGE: &str = "tdm.gw-01";

/// Connections that send at once.
const GATEWAYS: u32 = 16;

/// Gateways of the simulated fleet.
const EDGES: u32 = 100;

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let few = std::env::args().skip_while(|argument| argument != "--batches").nth(1).map(|count| count.parse::<usize>().unwrap());
    let batches = few.unwrap_or(if smoke { 2 } else { 50 });
    if !std::env::args().any(|argument| argument == "--whole") {
        alone(batches);
    }
    if few.is_some() {
        return;
    }
    println!(
        "\n### The whole: {GATEWAYS} gateways, mosquitto, the centre; each event begins, is seen (100 KiB), goes on, ends\n"
    );
    whole_head();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        for rate in [Some(100), Some(400), None] {
            whole(kind, rate, if smoke { 10 } else { 100 });
        }
    }
    println!("\n### The whole: `matpho-sim edges --count {EDGES}`, mosquitto, the centre; each event begins and ends\n");
    whole_head();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        for rate in [100, 200, 400, 1000] {
            fleet(kind, rate, if smoke { 2 } else { 20 });
        }
    }
}

fn whole_head() {
    println!("| store | messages/s asked for | messages/s committed | record to commit, half within | 99 in 100 within |");
    println!("|---|---|---|---|---|");
}

fn alone(batches: usize) {
    println!("\n### The store: messages a second\n");
    println!(
        "| store | message | messages/s | rows a message | rows alone, many a statement | share | one a statement | share |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for kind in [Kind::Sqlite, Kind::Postgres] {
        for sort in [Sort::Event, Sort::Update, Sort::End, Sort::Evidence, Sort::Measurement, Sort::Status, Sort::Minute] {
            stores::block_on(store(kind, sort, batches * BATCH));
        }
    }
}

/// Sorts of messages.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sort {
    /// An event that begins at a camera of its own: it opens an incident.
    Event,
    /// An event that goes on, graver.
    Update,
    /// An event that ends.
    End,
    /// Its picture: the row, not the file.
    Evidence,
    Measurement,
    /// A camera's status that says something new.
    Status,
    /// All of them, as in the worst minute.
    Minute,
}

/// What 10,000 cameras send in the worst minute that is reckoned with: a storm at rush hour. Each says how it is every 15 s and measures one
/// carriageway a minute; at one in ten something begins, four in ten have something that goes on and is said anew, at one in fourteen
/// something ends.
const WORST_MINUTE: [(Sort, usize); 6] = [
    (Sort::Status, 40_000),
    (Sort::Measurement, 10_000),
    (Sort::Event, 1_000),
    (Sort::Evidence, 1_000),
    (Sort::Update, 4_000),
    (Sort::End, 700),
];

enum Message {
    Event(CloudEvent<EventData>),
    Measurement(CloudEvent<MeasurementData>),
    Status(CloudEvent<CameraStatus>),
    Evidence(Box<EvidenceData>),
}

/// A golden message, moved to an id, a camera and a second of its own.
fn message(sort: Sort, number: usize) -> Message {
    let name = match sort {
        Sort::Event | Sort::Update => "event_began",
        Sort::End => "event_ended",
        Sort::Evidence => "evidence",
        Sort::Measurement => "measurement_traffic",
        Sort::Status | Sort::Minute => "camera_status",
    };
    let mut message: Value = serde_json::from_str(&common::golden(name)).unwrap();
    let at = WallTime::from_unix_millis(1_795_250_000_000 + 1_000 * number as i64);
    let event = format!("01a1fd1e-8c00-7707-8707-{number:012x}");
    message["id"] = json!(format!("{event}.{sort:?}"));
    message["data"]["camera"] = json!(format!("c{number}"));
    for pointer in ["/time", "/recordedtime", "/data/seen/at", "/data/began"] {
        if let Some(value) = message.pointer_mut(pointer) {
            *value = json!(at);
        }
    }
    if !matches!(sort, Sort::Measurement | Sort::Status) {
        message["data"]["event"] = json!(event);
    }
    if matches!(sort, Sort::Status | Sort::Minute) {
        // Too far from each other for their events to be one incident.
        message["data"]["position"] = json!([105.0 + (number % 1_000) as f64 / 250.0, 9.0 + (number / 1_000) as f64 / 250.0]);
    }
    if sort == Sort::Update {
        for (key, value) in [("phase", json!("updated")), ("number", json!(1)), ("severity", json!("extreme"))] {
            message["data"][key] = value;
        }
    }
    let text = message.to_string();
    match sort {
        Sort::Event | Sort::Update | Sort::End => Message::Event(CloudEvent::from_json(text.as_bytes()).unwrap()),
        Sort::Evidence => Message::Evidence(Box::new(CloudEvent::from_json(text.as_bytes()).unwrap().data)),
        Sort::Measurement => Message::Measurement(CloudEvent::from_json(text.as_bytes()).unwrap()),
        Sort::Status | Sort::Minute => Message::Status(CloudEvent::from_json(text.as_bytes()).unwrap()),
    }
}

/// What is there before, and what is measured.
fn messages(sort: Sort, count: usize) -> [Vec<Message>; 2] {
    let many = |sort, numbers: std::ops::Range<usize>| numbers.map(move |number| message(sort, number));
    match sort {
        Sort::Event | Sort::Measurement | Sort::Status => [Vec::new(), many(sort, 0..count).collect()],
        Sort::Update | Sort::End | Sort::Evidence => [many(Sort::Event, 0..count).collect(), many(sort, 0..count).collect()],
        Sort::Minute => {
            let of = |wanted: Sort| WORST_MINUTE.iter().find(|(sort, _)| *sort == wanted).unwrap().1 / 10;
            // At other cameras something goes on already.
            let (new, old) = (of(Sort::Event), 100_000);
            let goes_on = old..old + of(Sort::Update) + of(Sort::End);
            let ends = goes_on.start + of(Sort::Update)..goes_on.end;
            let before = many(Sort::Status, 0..of(Sort::Status) / 4).chain(many(Sort::Event, goes_on.clone()));
            let mut all: Vec<(usize, Message)> = Vec::new();
            // Spread over the minute, each sort evenly.
            let mut spread = |messages: Vec<Message>| {
                let each = 1_000_000 / messages.len();
                all.extend(messages.into_iter().enumerate().map(|(index, message)| (index * each, message)));
            };
            let mut statuses = Vec::new();
            for round in 1..=4 {
                statuses.extend((0..of(Sort::Status) / 4).map(|camera| match message(Sort::Status, camera) {
                    Message::Status(mut status) => {
                        status.data.frame_age_s = Some(round as f32 / 8.0);
                        Message::Status(status)
                    }
                    message => message,
                }));
            }
            spread(statuses);
            spread(many(Sort::Measurement, 0..of(Sort::Measurement)).collect());
            spread(many(Sort::Event, 0..new).collect());
            spread(many(Sort::Evidence, 0..of(Sort::Evidence)).collect());
            spread(many(Sort::Update, goes_on.start..ends.start).collect());
            spread(many(Sort::End, ends).collect());
            all.sort_by_key(|(at, _)| *at);
            [before.collect(), all.into_iter().map(|(_, message)| message).collect()]
        }
    }
}

/// Takes a batch as ingest does.
async fn take(store: &Store, batch: &[Message], settings: &Settings) {
    let mut tx = store.begin().await.unwrap();
    let (mut statuses, mut events, mut measurements) = (Vec::new(), Vec::new(), Vec::new());
    for message in batch {
        match message {
            Message::Status(message) => statuses.push(Arrival { edge: EDGE, message, at: message.recordedtime }),
            Message::Event(message) => events.push(Arrival { edge: EDGE, message, at: message.recordedtime }),
            Message::Measurement(message) => measurements.push(Arrival { edge: EDGE, message, at: message.recordedtime }),
            Message::Evidence(_) => {}
        }
    }
    tx.take_camera_statuses(&statuses).await.unwrap();
    tx.take_events(&events, settings).await.unwrap();
    tx.take_measurements(&measurements).await.unwrap();
    for message in batch {
        if let Message::Evidence(data) = message {
            let event = data.event.unwrap().to_string();
            tx.take_evidence(EDGE, &event, data, ("evidence/none.jpg", 1_000), data.seen.at).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

/// Every row, by table.
async fn all_rows(store: &Store) -> (Tables, BTreeMap<String, Vec<String>>) {
    let mut whole = store.whole().await.unwrap();
    let tables = whole.tables().await.unwrap();
    let mut rows = BTreeMap::new();
    for (name, table) in &tables {
        let mut all = Vec::new();
        let take = |row: &str| {
            all.push(row.to_owned());
            Ok::<_, StoreError>(())
        };
        whole.rows(name, table, take).await.unwrap();
        rows.insert(name.clone(), all);
    }
    (tables, rows)
}

async fn open(kind: Kind, folder: &Path) -> Store {
    let text = format!("[state]\nfolder = \"state\"\n{}", stores::with(kind, stores::section));
    let config = Config::parse(&text, folder).unwrap();
    Store::open(&config.state, &config.store).await.unwrap()
}

async fn store(kind: Kind, sort: Sort, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(kind, &folder.path().join("0")).await;
    let [before, messages] = messages(sort, count);
    let count = messages.len();
    let settings = Config::parse("", folder.path()).unwrap().incidents;
    for batch in before.chunks(BATCH) {
        take(&store, batch, &settings).await;
    }
    let (_, known) = all_rows(&store).await;
    let begin = Instant::now();
    for batch in messages.chunks(BATCH) {
        take(&store, batch, &settings).await;
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    let (tables, mut rows) = all_rows(&store).await;
    store.close().await;
    for (name, rows) in &mut rows {
        let known: BTreeSet<_> = known[name].iter().collect();
        rows.retain(|row| !known.contains(row));
    }
    let total: usize = rows.values().map(Vec::len).sum();
    assert!(sort == Sort::Minute || total >= count, "{count} messages left {total} rows");

    let mut bare = Vec::new();
    for rows_max in [BATCH, 1] {
        let store = open(kind, &folder.path().join(format!("{rows_max}"))).await;
        let batches = count.div_ceil(BATCH);
        let begin = Instant::now();
        for batch in 0..batches {
            let mut tx = store.begin().await.unwrap();
            for (name, rows) in &rows {
                let share = |batch: usize| rows.len() * batch / batches;
                for rows in rows[share(batch)..share(batch + 1)].chunks(rows_max) {
                    tx.put_rows(name, &tables[name], rows).await.unwrap();
                }
            }
            tx.commit().await.unwrap();
        }
        bare.push(count as f64 / begin.elapsed().as_secs_f64());
        store.close().await;
    }
    println!(
        "| {kind:?} | {sort:?} | {rate:.0} | {:.1} | {:.0} | {:.0} % | {:.0} | {:.0} % |",
        total as f64 / count as f64,
        bare[0],
        100.0 * rate / bare[0],
        bare[1],
        100.0 * rate / bare[1]
    );
}

/// What a gateway sends about an event, from its beginning to its end.
fn episode(seed: u32, jpeg: &[u8]) -> [(String, Wire); 4] {
    let camera = format!("c{seed}");
    let began = Wire::event("event_began", seed).at_camera(&camera);
    let event = began.0["data"]["event"].as_str().unwrap().to_owned();
    let data: EvidenceData = serde_json::from_value(Wire::golden("evidence").0["data"].clone()).unwrap();
    let data =
        EvidenceData::pack(Some(event.parse().unwrap()), camera.parse().unwrap(), data.seen, (1280, 720), jpeg, true).unwrap();
    let picture = Wire::golden("evidence").now().at_camera(&camera).set("/data", serde_json::to_value(data).unwrap());
    let updated = Wire::event("event_began", seed).at_camera(&camera).set("/data/phase", "updated").set("/data/number", 1);
    let updated = updated.set("/id", format!("{event}.1"));
    let ended = Wire::event("event_ended", seed).at_camera(&camera).set("/data/number", 2).set("/id", format!("{event}.2"));
    [("events".into(), began), (format!("evidence/{event}"), picture), ("events".into(), updated), ("events".into(), ended)]
}

/// Gateways send at a rate, or as fast as the broker takes it; then the centre has until it has taken all of it.
fn whole(kind: Kind, rate: Option<u32>, each: u32) {
    let center = stores::with(kind, || Center::started(""));
    let jpeg: Bytes =
        [0xff, 0xd8].into_iter().chain((0..100 * 1024_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)).collect();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for gateway in 0..GATEWAYS {
            let (address, jpeg) = (center.broker(), jpeg.clone());
            scope.spawn(move || {
                let mut connection = Gateway::connect_named(address, &format!("load-{gateway}")).unwrap();
                for number in 0..each {
                    for (part, (tail, message)) in (0..).zip(episode(gateway * each + number, &jpeg)) {
                        if let Some(rate) = rate {
                            let sent = (number * 4 + part) * GATEWAYS + gateway;
                            let due = begin + Duration::from_secs(u64::from(sent)) / rate;
                            sleep(due.saturating_duration_since(Instant::now()));
                        }
                        // Recorded when it is sent, not when it was made.
                        let message = message.set("/recordedtime", common::time(0));
                        connection.publish(&tail, &message.text());
                    }
                }
            });
        }
    });
    let events = f64::from(GATEWAYS * each);
    wait_for_all(&center, "event", 3.0 * events);
    wait_for_all(&center, "evidence", events);
    let rate = rate.map_or("as many as go".to_owned(), |rate| rate.to_string());
    // Pictures have no part in the centre's own measure.
    row(&center, kind, &rate, 4.0 * events / begin.elapsed().as_secs_f64(), 3.0 * events);
}

fn fleet(kind: Kind, rate: u32, seconds: u32) {
    let broker = Broker::start("");
    let (host, port) = broker.address();
    let mut center = Center::with(
        tempfile::tempdir().unwrap(),
        &format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n{}[broker]\nmode = \"external\"\nurl = \"mqtt://{host}:{port}\"\n",
            stores::with(kind, stores::section)
        ),
    );
    center.start();
    let sim = std::env::current_exe().unwrap().parent().unwrap().with_file_name("matpho-sim");
    let begin = Instant::now();
    let fleet = std::process::Command::new(&sim)
        .args(["edges", "--count", &EDGES.to_string(), "--rate", &rate.to_string(), "--seconds", &seconds.to_string()])
        .args(["--broker", &format!("mqtt://{host}:{port}")])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; cargo build -p matpho-sim makes it", sim.display()));
    assert!(fleet.status.success(), "{}", String::from_utf8_lossy(&fleet.stderr));
    let report: Value = serde_json::from_slice(&fleet.stdout).unwrap();
    let sent = report["sent"].as_f64().unwrap();
    wait_for_all(&center, "event", sent);
    row(&center, kind, &rate.to_string(), sent / begin.elapsed().as_secs_f64(), sent);
}

/// Waits for as long as there is progress.
fn wait_for_all(center: &Center, sort: &str, count: f64) {
    let taken = || center.metric(&format!("matpho_center_messages_total{{kind=\"{sort}\"}}"));
    let mut last = taken();
    while last < count {
        last = wait_for("the centre to take more", || match taken() {
            more if more > last => Ok(more),
            same => Err(format!("{same} of {count} {sort}")),
        });
    }
    assert_eq!(last, count, "{sort}: nothing is taken twice");
}

fn row(center: &Center, kind: Kind, rate: &str, committed: f64, measured: f64) {
    let (_, text) = center.get("/metrics");
    let text = text.as_str().unwrap();
    let [half, most] = [0.5, 0.99].map(|share| within(text, share * measured));
    println!("| {kind:?} | {rate} | {committed:.0} | {half} s | {most} s |");
}

/// The first bound of the centre's histogram below which so many messages lie.
fn within(metrics: &str, count: f64) -> &str {
    let buckets =
        metrics.lines().filter_map(|line| line.strip_prefix("matpho_center_ingest_lag_seconds_bucket{le=\"")?.split_once("\"} "));
    let mut reached = buckets.filter(|(_, below)| below.parse::<f64>().unwrap() >= count);
    reached.next().map_or("?", |(bound, _)| bound)
}
