//! What nobody should send, do or suffer, and what the centre makes of it. The whole list, with the tests that lie elsewhere, is in
//! `docs/bad-input.md`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{
    Center, EDGE, Gateway, Message, center, golden,
    receiver::Receiver,
    stores::{self, run_sql},
    time, wait_for,
};
use matpho_center::config::Config;
use serde_json::json;

on_both_stores!(
    a_clock_that_is_set_back_or_ahead_loses_nothing,
    a_store_that_a_newer_version_used_is_left_alone,
    what_is_of_another_version_is_refused_and_said,
);

/// The library that tells a program another time than the machine's.
fn libfaketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = folders.chain(["/usr/lib/faketime/libfaketimeMT.so.1".into()]).find(|library| library.is_file());
    found.expect("there is no libfaketime to test with: `make setup-tests` installs it (Debian: libfaketime)")
}

fn a_clock_that_is_set_back_or_ahead_loses_nothing() {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = is_away.clone();
    let receiver = Receiver::start(move |_| {
        Some((if away.load(Ordering::Relaxed) { 503 } else { 204 }, "Retry-After: 20\r\n", String::new()))
    });
    let mut center = Center::new(&format!(
        "[[feeds.webhook]]\nname = \"ioc\"\nurl = \"{}\"\nsecret_file = \"hook.secret\"\n[retention]\nmeasurements_days = 31\n",
        receiver.url()
    ));
    fs::write(center.path().join("hook.secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let clock = center.path().join("clock");
    let set = |by: &str| {
        let part = clock.with_extension("part");
        fs::write(&part, by).unwrap();
        fs::rename(&part, &clock).unwrap();
    };
    set("+0");
    center.set_variable("LD_PRELOAD", libfaketime().display().to_string());
    center.set_variable("FAKETIME_TIMESTAMP_FILE", clock.display().to_string());
    center.set_variable("FAKETIME_NO_CACHE", "1");
    center.set_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    center.add_edge();
    center.start();
    let mut gateway = Gateway::connect(&center);
    let mut event = |seed: u32| {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(&format!("c{seed}")).text());
        gateway.publish("measurements", &Message::golden("measurement_traffic").set("/id", format!("m{seed}")).text());
        center.incidents(&format!("camera=c{seed}"), 1).remove(0)
    };
    let said = |seconds: i64| {
        wait_for("the step to be noticed", || {
            let log = center.log();
            let lines = || log.lines().filter(|line| line.contains("the clock of this machine was set"));
            let by = |line: &str| line.split("seconds=").nth(1)?.split(' ').next()?.parse::<i64>().ok();
            if lines().filter_map(by).any(|by| (by - seconds).abs() < 30) { Ok(()) } else { Err(log.clone()) }
        });
    };
    let began = event(1);
    assert_eq!((&began["late"], &began["clock_suspect"]), (&json!(false), &json!(false)));
    wait_for("the webhook to be tried", || if receiver.got().is_empty() { Err(center.log()) } else { Ok(()) });

    // Two hours back: gateways seem to be ahead. What was to be sent later is not sent two hours later.
    set("-7200");
    let behind = event(2);
    assert_eq!((&behind["clock_suspect"], &behind["late"], &behind["state"]), (&json!(true), &json!(false), &json!("new")));
    assert!(behind["began"].as_str().unwrap() < time(-7_000).as_str(), "placed by its arrival: {behind}");
    is_away.store(false, Ordering::Relaxed);
    said(-7_200);
    let told = |incident: &serde_json::Value| receiver.got().iter().any(|got| got.json()["data"]["incident"] == incident["id"]);
    wait_for("both to be told", || if told(&began) && told(&behind) { Ok(()) } else { Err(center.log()) });

    // Four months ahead: gateways seem to be late, and all that is measured too old to be kept.
    set("+120d");
    let history = event(3);
    assert_eq!((&history["late"], &history["clock_suspect"]), (&json!(true), &json!(false)));
    said(120 * 86_400 + 7_200);

    set("+0");
    said(-120 * 86_400);
    let now = event(4);
    assert_eq!((&now["late"], &now["clock_suspect"]), (&json!(false), &json!(false)));
    wait_for("it to be told", || if told(&now) { Ok(()) } else { Err(center.log()) });
    center.wait_events(4);
    let measured = center.get("/api/v1/measurements?camera=cam-3").1["items"].as_array().unwrap().len();
    assert_eq!(measured, 4, "nothing was let go for its age");
}

fn a_store_that_a_newer_version_used_is_left_alone() {
    let mut at = Center::started("");
    at.stop();
    let config = Config::load(std::path::Path::new(&at.config())).unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
                 SELECT 9000, 'of the future', installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    stores::block_on(async { run_sql(&config, newer).await.unwrap() });
    let output = center(&["run", "--config", &at.config()], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["was last used by a newer matpho-center", "version 9000", "restore a backup"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn what_is_of_another_version_is_refused_and_said() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    // A contract that this centre does not speak stays with its sender.
    let other = Message::event("event_began", 1).text();
    assert!(gateway.try_publish_to(&format!("matpho/v2/{EDGE}/events"), false, &other).is_err());
    let mut gateway = wait_for("another connection", || Gateway::connect_as(&center, "tdm.gw-01", "gateway-password-01"));
    gateway.publish("events", &golden("event_began").replace("\"specversion\": \"1.0\"", "\"specversion\": \"2.0\""));
    center.wait_metric("matpho_center_rejected_total", 1.0);
    assert!(center.log().contains("version `2.0` is not understood"), "{}", center.log());
    // What a newer gateway says besides does not hinder.
    let mut more = Message::event("event_began", 2);
    more.0["data"]["a_field_of_the_future"] = json!({"of": ["any", "shape"]});
    gateway.publish("events", &more.text());
    center.incidents("", 1);
}
