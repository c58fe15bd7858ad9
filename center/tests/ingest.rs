//! From gateway to incident: once, whole, whatever dies on the way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Center, EVENT, Gateway, Message, broker::Hasty, golden, signal, stores::section, time, wait_for};
use matpho_wire::{EvidenceData, evidence};

on_both_stores!(
    a_fire_becomes_an_incident_with_its_picture,
    each_message_is_taken_once,
    what_cannot_be_read_is_counted_and_stops_nothing,
    order_does_not_matter,
    history_is_marked_and_absurd_clocks_are_too,
    events_near_each_other_are_one_incident,
    a_killed_centre_loses_and_doubles_nothing,
    a_killed_broker_is_started_again,
    the_broker_works_on_while_the_centre_is_away,
    a_gateway_gets_no_farther_than_its_own_topics,
    a_broker_that_waits_for_no_acknowledgement_holds_nothing_up,
);

const PICTURE: &str = "evidence/01a1fd1e-8c00-7707-8707-070707070707";

/// As large as the contract allows.
fn largest_jpeg() -> Vec<u8> {
    let body = (0..evidence::JPEG_BYTES_MAX as u32 - 2).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    [0xff, 0xd8].into_iter().chain(body).collect()
}

fn evidence(jpeg: &[u8]) -> String {
    let golden = Message::golden("evidence");
    let data: EvidenceData = serde_json::from_value(golden.0["data"].clone()).unwrap();
    let data = EvidenceData::pack(data.event, data.camera, data.seen, (1280, 720), jpeg, true).unwrap();
    golden.set("/data", serde_json::to_value(data).unwrap()).text()
}

fn a_fire_becomes_an_incident_with_its_picture() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.publish("status", &golden("edge_status"));
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    gateway.publish("events", &Message::golden("event_began").now().text());
    let jpeg = largest_jpeg();
    gateway.publish(PICTURE, &evidence(&jpeg));
    let incident = wait_for("the picture", || {
        let incident = center.incidents("kind=fire", 1).remove(0);
        if incident["evidence"].as_array().is_some_and(|links| !links.is_empty()) {
            Ok(incident)
        } else {
            Err(incident.to_string())
        }
    });
    assert_eq!(incident["kind"], "fire.flame");
    assert_eq!(incident["state"], "new");
    assert_eq!(incident["ongoing"], true);
    assert_eq!(incident["severity"], "severe");
    assert_eq!(incident["place"]["name"], "Ngã tư Chợ Đình");
    assert_eq!(incident["place"]["position"][0], 106.65);
    assert_eq!(incident["cameras"][0]["edge"], "tdm.gw-01");
    let url = format!("{}{}", center.url().unwrap(), incident["evidence"][0]["url"].as_str().unwrap());
    let bearer = format!("Bearer {}", common::TOKEN);
    let (status, headers, bytes) = common::request_bytes("GET", &url, &[("authorization", &bearer)], None).unwrap();
    assert_eq!(status, 200);
    assert!(bytes == jpeg, "{} bytes came back instead of {}", bytes.len(), jpeg.len());
    assert!(headers.contains(&("content-type".into(), "image/jpeg".into())), "{headers:?}");

    let (status, detail) = center.get(&format!("/api/v1/incidents/{}", incident["id"].as_str().unwrap()));
    assert_eq!(status, 200);
    assert_eq!(detail["events"][0]["id"], EVENT);
    assert_eq!(detail["events"][0]["proof"]["thresholds"]["hits_min"], 4.0);
    assert_eq!(detail["events"][0]["models"][0]["id"], "fire");
    assert_eq!(detail["log"][0]["what"], "opened");

    // It ends, and stays for a person to close.
    gateway.publish("events", &Message::golden("event_ended").now().text());
    let over = wait_for("the end", || {
        let incident = center.incidents("kind=fire.flame&camera=cam-3", 1).remove(0);
        if incident["ongoing"] == false { Ok(incident) } else { Err(incident.to_string()) }
    });
    assert_eq!(over["state"], "new");
    assert!(over["ended"].is_string());
    let (_, cameras) = center.get("/api/v1/cameras");
    assert_eq!(cameras[0]["state"], "blind");
    assert_eq!(cameras[0]["reason"], "frozen");
    assert_eq!(cameras[0]["open_incidents"], 1);
    let (_, edges) = center.get("/api/v1/edges");
    assert_eq!((&edges[0]["edge"], &edges[0]["state"]), (&"tdm.gw-01".into(), &"online".into()));
}

fn each_message_is_taken_once() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let began = Message::golden("event_began").now().text();
    for _ in 0..3 {
        gateway.publish("events", &began);
        gateway.publish("measurements", &golden("measurement_traffic"));
        gateway.publish(PICTURE, &golden("evidence"));
    }
    center.wait_metric("matpho_center_duplicates_total", 6.0);
    assert_eq!(center.incidents("", 1)[0]["event_count"], 1);
    let (_, page) = center.get("/api/v1/measurements?camera=cam-3&zone=inbound");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["figures"]["counts"]["motorcycle"], 31);
}

fn what_cannot_be_read_is_counted_and_stops_nothing() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.publish("events", "this is no JSON");
    gateway.publish("events", &golden("event_began").replace("\"fire.flame\"", "\"fire.volcano\""));
    gateway.publish(PICTURE, &golden("evidence").replace("/9j/2Q==", "/9j/2A=="));
    gateway.publish("evidence/no-uuid", &golden("evidence"));
    gateway.publish("cameras/cam-3/status", "{}");
    gateway.publish("events", &Message::golden("event_began").now().text());
    // The same event, said to be of another kind.
    gateway.publish("events", &Message::golden("event_ended").now().set("/data/kind", "fire.smoke").text());
    center.wait_metric("matpho_center_rejected_total", 6.0);
    let incident = center.incidents("", 1).remove(0);
    assert_eq!(incident["ongoing"], true, "the contradiction changed nothing");
    assert_eq!(center.log().matches("a message was rejected").count(), 1, "one line a sender and minute: {}", center.log());
}

fn order_does_not_matter() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    // The end overtakes the beginning, and an update comes last of all.
    gateway.publish("events", &Message::event("event_ended", 1).text());
    let began = Message::event("event_began", 1).set("/data/severity", "extreme");
    gateway.publish("events", &began.text());
    let updated = Message::event("event_began", 1).set("/data/phase", "updated").set("/data/number", 1).set("/id", "late-update");
    gateway.publish("events", &updated.text());
    center.wait_metric("matpho_center_messages_total{kind=\"event\"}", 3.0);
    let (_, page) = center.get("/api/v1/events");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["phase"], "ended");
    let incident = center.incidents("", 1).remove(0);
    assert_eq!((&incident["ongoing"], &incident["severity"]), (&false.into(), &"extreme".into()));
}

fn history_is_marked_and_absurd_clocks_are_too() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let old = time(-7200);
    let late = Message::event("event_began", 1)
        .set("/time", old.clone())
        .set("/data/began", old.clone())
        .set("/data/seen/at", old.clone());
    gateway.publish("events", &late.text());
    let unset = Message::event("event_congestion", 2)
        .set("/time", "1970-01-01T00:00:07.000Z")
        .set("/data/began", "1970-01-01T00:00:05.000Z");
    gateway.publish("events", &unset.text());
    let ahead =
        Message::event("event_stopped_vehicle", 3).at_camera("cam-9").set("/time", time(7200)).set("/data/began", time(7200));
    gateway.publish("events", &ahead.text());
    center.incidents("", 3);
    let late = center.incidents("kind=fire", 1).remove(0);
    assert_eq!((&late["late"], &late["began"], &late["clock_suspect"]), (&true.into(), &old.into(), &false.into()));
    for kind in ["traffic.congestion", "traffic.stopped_vehicle"] {
        let suspect = center.incidents(&format!("kind={kind}"), 1).remove(0);
        assert_eq!((&suspect["clock_suspect"], &suspect["late"]), (&true.into(), &false.into()), "{suspect}");
        let began = suspect["began"].as_str().unwrap();
        assert!(began > time(-60).as_str() && began < time(60).as_str(), "{began}");
    }
}

fn events_near_each_other_are_one_incident() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    for (camera, longitude) in [("a", 106.650), ("b", 106.651), ("c", 106.660)] {
        let status =
            Message::golden("camera_status").at_camera(camera).set("/data/position", serde_json::json!([longitude, 10.98]));
        gateway.publish(&format!("cameras/{camera}/status"), &status.text());
    }
    for (seed, camera) in [(1, "a"), (2, "b"), (3, "c")] {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(camera).text());
    }
    let incidents = center.incidents("kind=fire", 2);
    let both = incidents.iter().find(|incident| incident["event_count"] == 2).unwrap();
    assert_eq!(both["cameras"].as_array().unwrap().len(), 2);
    assert_eq!(center.incidents("camera=c", 1)[0]["event_count"], 1);
}

fn a_killed_centre_loses_and_doubles_nothing() {
    let mut center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let count = 300;
    for seed in 0..count {
        let event = Message::event("event_began", seed).at_camera(&format!("c{seed}"));
        gateway.publish_surely(&center, "events", &event.text());
        // In the middle of it all: batches are read and committed, and not all of them acknowledged.
        if seed % 100 == 50 {
            center.kill();
            center.start_without_waiting();
        }
    }
    center.wait_events(300);
    center.incidents("limit=200&state=open", 200);
    assert_eq!(center.stop(), Some(0), "{}", center.log());
}

/// The broker remembers the centre's session though it was killed: what comes before the centre is back waits for it.
fn a_killed_broker_is_started_again() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.publish("events", &Message::event("event_began", 1).text());
    center.incidents("", 1);
    let pid = center.broker_pid();
    signal(pid, "-KILL");
    let mut gateway = wait_for("the broker to be back", || Gateway::connect_as(&center, "tdm.gw-01", "gateway-password-01"));
    gateway.publish("events", &Message::event("event_congestion", 2).text());
    center.incidents("", 2);
    assert_ne!(center.broker_pid(), pid);
    center.wait_metric("matpho_center_broker_connected", 1.0);
}

/// What a centre that is killed leaves behind is stopped by the next one, which finds the messages that came in between.
fn the_broker_works_on_while_the_centre_is_away() {
    let mut center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let pid = center.broker_pid();
    center.kill();
    gateway.publish("events", &Message::event("event_began", 1).text());
    center.start();
    assert_ne!(center.broker_pid(), pid, "{}", center.log());
    center.incidents("", 1);
}

#[test]
fn a_full_store_refuses_and_loses_nothing() {
    // So small that a few hundred events fill it.
    let mut center = Center::started("database_mib_max = 1\n---");
    let mut gateway = Gateway::connect(&center);
    let count = 400;
    for seed in 0..count {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(&format!("c{seed}")).text());
    }
    let health = wait_for("the centre to say so", || {
        let (status, text) = center.get_open("/healthz")?;
        if status == 503 && text.contains("\"store\":\"failing\"") { Ok(text) } else { Err(text) }
    });
    assert!(health.contains("\"status\":\"degraded\""), "{health}");
    assert!(center.log().contains("database or disk is full"), "{}", center.log());
    let before = center.event_count().unwrap();
    assert!(before < count as usize, "the store was not full: {before}");
    // Somebody makes room.
    center.stop();
    let config = std::fs::read_to_string(center.config()).unwrap();
    std::fs::write(center.config(), config.replace("database_mib_max = 1", "database_mib_max = 0")).unwrap();
    center.start();
    center.wait_events(count as usize);
}

/// A disk that is really full, under the database, the pictures and the broker's own files at once.
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let mut center = Center::new("");
    center.disk_mib = Some(24);
    center.add_edge();
    center.start();
    let mut gateway = Gateway::connect(&center);
    let mut publish = |seeds: std::ops::Range<u32>| {
        for seed in seeds {
            let event = Message::event("event_began", seed).at_camera(&format!("c{seed}"));
            let id = event.0["data"]["event"].as_str().unwrap().to_owned();
            gateway.publish("events", &event.text());
            gateway.publish(&format!("evidence/{id}"), &Message::golden("evidence").now().set("/data/event", id.clone()).text());
        }
    };
    publish(0..10);
    center.wait_events(10);
    let filler = center.state().join("filler");
    let error = std::io::copy(&mut std::io::repeat(0), &mut std::fs::File::create(&filler).unwrap()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    publish(10..60);
    wait_for("the centre to say so", || match center.get_open("/healthz")? {
        (503, text) if text.contains("\"store\":\"failing\"") && text.contains("\"files\":\"failing\"") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(center.log().contains("they are not acknowledged and wait at the broker"), "{}", center.log());
    assert!(center.event_count().unwrap() < 60, "the disk was not full");
    // Somebody makes room.
    std::fs::remove_file(&filler).unwrap();
    center.wait_events(60);
    let pictures = || {
        let incidents = center.incidents("limit=200", 60);
        incidents.iter().filter(|incident| incident["evidence"].as_array().is_some_and(|all| all.len() == 1)).count()
    };
    wait_for("the pictures", || if pictures() == 60 { Ok(()) } else { Err(format!("{} of 60", pictures())) });
    wait_for("the centre to be well", || match center.get_open("/healthz")? {
        (200, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

fn a_gateway_gets_no_farther_than_its_own_topics() {
    let center = Center::started("");
    assert!(
        Gateway::connect_as(&center, "tdm.gw-01", "wrong-password-01")
            .is_err_and(|error| error.contains("NotAuthorized") || error.contains("BadUserNamePassword"))
    );
    assert!(Gateway::connect_as(&center, "tdm.gw-02", "gateway-password-01").is_err());
    // An account made while the broker runs is good at once.
    center.command(&["edge", "add", "tdm/gw-02", "--password-stdin"], "gateway-password-02\n");
    let mut other = wait_for("the new account", || Gateway::connect_as(&center, "tdm.gw-02", "gateway-password-02"));
    // The broker refuses, and hangs up.
    let refused = other.try_publish_to("matpho/v1/tdm/gw-01/events", false, &Message::golden("event_began").now().text());
    assert!(refused.is_err());
    let mut other = wait_for("another connection", || Gateway::connect_as(&center, "tdm.gw-02", "gateway-password-02"));
    let congestion = Message::event("event_congestion", 2);
    let own = congestion.text().replace("tdm/gw-01", "tdm/gw-02");
    other.publish_to("matpho/v1/tdm/gw-02/events", &own);
    let incident = center.incidents("", 1).remove(0);
    assert_eq!(incident["cameras"][0]["edge"], "tdm.gw-02");
}

/// Mosquitto 2.0.11 sends more than it was asked to have under way once our socket is full. The centre stood still for good then: reading waited
/// for the store, and the store for room to acknowledge.
fn a_broker_that_waits_for_no_acknowledgement_holds_nothing_up() {
    const COUNT: u16 = 5_000;
    let broker =
        Hasty::start("matpho/v1/tdm/gw-01/measurements", Message::golden("measurement_traffic").text().into_bytes(), COUNT);
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n{}[broker]\nmode = \"external\"\nurl = \"mqtt://{}\"\n",
        section(),
        broker.address()
    );
    let mut center = Center::with(tempfile::tempdir().unwrap(), &config);
    center.start();
    wait_for("every message to be acknowledged", || match broker.acknowledged() {
        COUNT => Ok(()),
        fewer => Err(format!("{fewer} of {COUNT}")),
    });
    assert_eq!(center.metric("matpho_center_messages_total{kind=\"measurement\"}"), f64::from(COUNT));
}
