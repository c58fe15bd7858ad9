//! What the centre takes, on SQLite and on PostgreSQL: `cargo bench -p matpho-center` (`-- --test`: the smallest run).
//!
//! Two views. **The store alone**: messages in the batches of ingest, beside an insert of the very rows that they leave, in as many
//! transactions, in the same run: many rows a statement (what the store could take at best), and one row a statement (what a program that
//! looks at each message can hope for). **The whole**: gateways, broker, the centre's program; from a message's record at its gateway to its
//! commit, as the centre itself measures it. What is committed is visible: both pools read the same database.
//!
//! PostgreSQL here is the tests' own, without fsync: its figures are those of a server whose disk is no bound.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use common::{
    Center, Gateway, Message as Wire,
    stores::{self, Kind},
    wait_for,
};
use matpho_center::{
    config::Config,
    store::{Store, StoreError, batch::Arrival},
};
use matpho_scene::WallTime;
use matpho_wire::{CameraStatus, CloudEvent, EventData, MeasurementData};
use serde_json::{Value, json};

/// Messages in one transaction, as ingest has them at most.
const BATCH: usize = 128;

const EDGE: &str = "tdm.gw-01";

/// Connections that send at once.
const GATEWAYS: u32 = 16;

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    println!("\n### The store: messages a second\n");
    println!(
        "| store | message | messages/s | rows a message | rows alone, many a statement | share | one a statement | share |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for kind in [Kind::Sqlite, Kind::Postgres] {
        for sort in [Sort::Event, Sort::Measurement, Sort::Status] {
            stores::block_on(store(kind, sort, if smoke { 2 * BATCH } else { 50 * BATCH }));
        }
    }
    println!("\n### The whole: {GATEWAYS} gateways, mosquitto, the centre\n");
    println!("| store | events/s asked for | events/s committed | record to commit, half within | 99 in 100 within |");
    println!("|---|---|---|---|---|");
    for kind in [Kind::Sqlite, Kind::Postgres] {
        for rate in [Some(100), Some(400), None] {
            whole(kind, rate, if smoke { 10 } else { 250 });
        }
    }
}

/// Sorts of messages.
#[derive(Debug, Clone, Copy)]
enum Sort {
    /// An event that begins at a camera of its own: it opens an incident.
    Event,
    Measurement,
    /// A camera's status that says something new.
    Status,
}

enum Message {
    Event(CloudEvent<EventData>),
    Measurement(CloudEvent<MeasurementData>),
    Status(CloudEvent<CameraStatus>),
}

/// The golden messages, moved to ids, cameras and seconds of their own.
fn messages(sort: Sort, count: usize) -> Vec<Message> {
    let name = match sort {
        Sort::Event => "event_began",
        Sort::Measurement => "measurement_traffic",
        Sort::Status => "camera_status",
    };
    let golden: Value = serde_json::from_str(&common::golden(name)).unwrap();
    let message = |number: usize| {
        let mut message = golden.clone();
        let at = WallTime::from_unix_millis(1_795_250_000_000 + 1_000 * number as i64);
        let event = format!("01a1fd1e-8c00-7707-8707-{number:012x}");
        message["id"] = json!(format!("{event}.0"));
        message["data"]["camera"] = json!(format!("c{number}"));
        for pointer in ["/time", "/recordedtime", "/data/seen/at", "/data/began"] {
            if let Some(value) = message.pointer_mut(pointer) {
                *value = json!(at);
            }
        }
        if let Sort::Event = sort {
            message["data"]["event"] = json!(event);
        }
        let text = message.to_string();
        match sort {
            Sort::Event => Message::Event(CloudEvent::from_json(text.as_bytes()).unwrap()),
            Sort::Measurement => Message::Measurement(CloudEvent::from_json(text.as_bytes()).unwrap()),
            Sort::Status => Message::Status(CloudEvent::from_json(text.as_bytes()).unwrap()),
        }
    };
    (0..count).map(message).collect()
}

async fn open(kind: Kind, folder: &Path) -> Store {
    let text = format!("[state]\nfolder = \"state\"\n{}", stores::with(kind, stores::section));
    let config = Config::parse(&text, folder).unwrap();
    Store::open(&config.state, &config.store).await.unwrap()
}

async fn store(kind: Kind, sort: Sort, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(kind, &folder.path().join("0")).await;
    let messages = messages(sort, count);
    let settings = Config::parse("", folder.path()).unwrap().incidents;
    let begin = Instant::now();
    for batch in messages.chunks(BATCH) {
        let mut tx = store.begin().await.unwrap();
        let arrivals: Vec<_> = batch
            .iter()
            .filter_map(|message| match message {
                Message::Event(message) => Some(Arrival { edge: EDGE, message, at: message.recordedtime }),
                _ => None,
            })
            .collect();
        tx.take_events(&arrivals, &settings).await.unwrap();
        for message in batch {
            match message {
                Message::Event(_) => {}
                Message::Measurement(message) => drop(tx.take_measurement(EDGE, message).await.unwrap()),
                Message::Status(message) => drop(tx.take_camera_status(EDGE, message, message.recordedtime).await.unwrap()),
            }
        }
        tx.commit().await.unwrap();
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();

    let mut whole = store.whole().await.unwrap();
    let tables = whole.tables().await.unwrap();
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, table) in &tables {
        let mut all = Vec::new();
        let take = |row: &str| {
            all.push(row.to_owned());
            Ok::<_, StoreError>(())
        };
        whole.rows(name, table, take).await.unwrap();
        rows.push((name, all));
    }
    drop(whole);
    store.close().await;
    let total: usize = rows.iter().map(|(_, rows)| rows.len()).sum();
    assert!(total >= count, "{count} messages left {total} rows");

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
                    tx.put_rows(name, &tables[*name], rows).await.unwrap();
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

/// Gateways send at a rate, or as fast as the broker takes it; then the centre has until it has taken all of it.
fn whole(kind: Kind, rate: Option<u32>, each: u32) {
    const EVENTS: &str = "matpho_center_messages_total{kind=\"event\"}";
    let center = stores::with(kind, || Center::started(""));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for gateway in 0..GATEWAYS {
            let address = center.broker();
            scope.spawn(move || {
                let mut connection = Gateway::connect_named(address, &format!("load-{gateway}")).unwrap();
                for number in 0..each {
                    if let Some(rate) = rate {
                        let due = begin + Duration::from_secs(u64::from(number * GATEWAYS + gateway)) / rate;
                        sleep(due.saturating_duration_since(Instant::now()));
                    }
                    let seed = gateway * each + number;
                    let event = Wire::event("event_began", seed).at_camera(&format!("c{seed}"));
                    connection.publish("events", &event.text());
                }
            });
        }
    });
    let count = f64::from(GATEWAYS * each);
    wait_for("the centre to have taken all", || {
        let taken = center.metric(EVENTS);
        if taken >= count { Ok(()) } else { Err(taken.to_string()) }
    });
    let committed = count / begin.elapsed().as_secs_f64();
    let (_, text) = center.get("/metrics");
    let text = text.as_str().unwrap();
    println!(
        "| {kind:?} | {} | {committed:.0} | {} s | {} s |",
        rate.map_or("as many as go".to_owned(), |rate| rate.to_string()),
        within(text, 0.5 * count),
        within(text, 0.99 * count)
    );
}

/// The first bound of the centre's histogram below which so many messages lie.
fn within(metrics: &str, count: f64) -> &str {
    let buckets =
        metrics.lines().filter_map(|line| line.strip_prefix("matpho_center_ingest_lag_seconds_bucket{le=\"")?.split_once("\"} "));
    let mut reached = buckets.filter(|(_, below)| below.parse::<f64>().unwrap() >= count);
    reached.next().map_or("?", |(bound, _)| bound)
}
