//! What goes out by itself: a real centre, a real receiver over HTTP that hangs, fails and is away, on both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{
    Center, Gateway, Message, golden,
    receiver::{Got, Receiver},
    wait_for,
};
use matpho_center::feeds::webhook::{Secret, verify};
use serde_json::{Value, json};

on_both_stores!(
    a_webhook_hears_of_every_incident_signed_whatever_happens_to_either_side,
    a_webhook_that_hangs_redirects_refuses_or_is_gone_holds_up_nobody,
    a_context_broker_gets_each_entity_though_it_takes_only_some,
    alerts_are_published_followed_up_and_taken_back,
);

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A centre with feeds, and its gateway.
fn with_feeds(feeds: &str) -> (Center, Gateway) {
    let mut center = Center::new(feeds);
    fs::write(center.path().join("hook.secret"), format!("{SECRET}\n")).unwrap();
    center.add_edge();
    center.start();
    let mut gateway = Gateway::connect(&center);
    gateway.publish("status", &golden("edge_status"));
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    (center, gateway)
}

fn hook(name: &str, url: &str) -> String {
    format!("[[feeds.webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret_file = \"hook.secret\"\n")
}

/// Fires that do not join each other: cameras that nobody knows where they are.
fn fire(gateway: &mut Gateway, seed: u32) {
    gateway.publish("events", &Message::event("event_began", seed).at_camera(&format!("c{seed}")).text());
}

fn standing(center: &Center, feed: &str) -> Value {
    let (status, all) = center.get("/api/v1/feeds");
    assert_eq!(status, 200, "{all}");
    all.as_array().unwrap().iter().find(|one| one["feed"] == feed).unwrap_or_else(|| panic!("{feed}: {all}")).clone()
}

fn wait_standing(center: &Center, feed: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait_for(feed, || {
        let standing = standing(center, feed);
        if fits(&standing) { Ok(standing) } else { Err(format!("{standing}\n{}", center.log())) }
    })
}

fn a_webhook_hears_of_every_incident_signed_whatever_happens_to_either_side() {
    let receiver = Receiver::start(|_| Some((204, "", String::new())));
    let (address, url) = (receiver.address, format!("{}/in", receiver.url()));
    let (mut center, mut gateway) = with_feeds(&hook("ioc", &url));
    fire(&mut gateway, 1);
    let first = wait_for("the first message", || receiver.got().first().cloned().ok_or_else(|| center.log()));
    let header = |name: &str| first.headers[name].as_str();
    assert_eq!((first.path.as_str(), header("content-type")), ("/in", "application/json"));
    let secret: Secret = SECRET.parse().unwrap();
    let now = matpho_scene::WallTime::from(std::time::SystemTime::now());
    let [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
    assert_eq!(verify(id, timestamp, signature, &first.body, &secret, now), Ok(()));
    let body = first.json();
    assert_eq!((&body["type"], &body["data"]["state"]), (&json!("incident.changed"), &json!("new")), "{body}");
    assert_eq!(body["data"]["feature"]["properties"]["kind"], "fire.flame");
    let incident = center.incidents("camera=c1", 1).remove(0)["id"].as_str().unwrap().to_owned();
    assert_eq!(body["data"]["incident"], json!(incident));
    // What a person does is told as well, and not who it was.
    assert_eq!(center.post(&format!("/api/v1/incidents/{incident}/acknowledge"), None).0, 200);
    wait_for("the acknowledgement", || {
        let got = receiver.got();
        let last = got.last().unwrap().json();
        if last["data"]["state"] == "acknowledged" { Ok(()) } else { Err(last.to_string()) }
    });
    let told: String = receiver.got().iter().map(|got| String::from_utf8_lossy(&got.body).into_owned()).collect();
    assert!(!told.contains("demo-token"), "{told}");
    // The receiver goes away; the centre is killed while something waits for it; both come back.
    drop(receiver);
    fire(&mut gateway, 2);
    fire(&mut gateway, 3);
    // At least these two: of the first one there may be more to say.
    wait_standing(&center, "webhook:ioc", |standing| standing["waiting"].as_u64() >= Some(2) && standing["trouble"].is_string());
    center.kill();
    let receiver = Receiver::at(address, Box::new(|_| Some((200, "", "thanks".into()))));
    center.start();
    let mut gateway = wait_for("the gateway to be back", || Gateway::connect_as(&center, "tdm.gw-01", "gateway-password-01"));
    fire(&mut gateway, 4);
    wait_standing(&center, "webhook:ioc", |standing| standing["waiting"] == 0);
    let told: BTreeSet<String> =
        receiver.got().iter().map(|got| got.json()["data"]["incident"].as_str().unwrap().to_owned()).collect();
    let known: BTreeSet<String> = (2..=4)
        .map(|seed| center.incidents(&format!("camera=c{seed}"), 1).remove(0)["id"].as_str().unwrap().to_owned())
        .collect();
    // Of the first one there may be more to say: what rules make of it comes a second after it.
    let beside: Vec<_> = told.difference(&known).filter(|told| **told != incident).collect();
    assert!(told.is_superset(&known) && beside.is_empty(), "{told:?} is not {known:?}");
    assert!(center.metric("matpho_center_feed_sent_total") >= 3.0);
    assert_eq!(center.metric("matpho_center_feed_waiting{feed=\"webhook:ioc\"}"), 0.0);
    assert!(!center.log().contains(&SECRET[6..]), "no secret in the log");
}

fn a_webhook_that_hangs_redirects_refuses_or_is_gone_holds_up_nobody() {
    let elsewhere = Receiver::start(|_| Some((200, "", String::new())));
    let moved: &'static str = Box::leak(format!("Location: {}/taken\r\n", elsewhere.url()).into_boxed_str());
    let hangs = Receiver::start(|_| None);
    let redirects = Receiver::start(move |_| Some((307, moved, String::new())));
    let gone = Receiver::start(|_| Some((410, "", String::new())));
    let well = Receiver::start(|_| Some((200, "", String::new())));
    let hooks = [("hangs", &hangs), ("redirects", &redirects), ("gone", &gone), ("well", &well)];
    let floods = format!("{}kinds = [\"flood\"]\n", hook("floods", &well.url()));
    let (center, mut gateway) = with_feeds(&(hooks.map(|(name, receiver)| hook(name, &receiver.url())).concat() + &floods));
    fire(&mut gateway, 1);
    let wait_well = |count: usize| {
        wait_for("the one that is well", || {
            let told: BTreeSet<String> = well.got().iter().map(|got| got.json()["data"]["incident"].to_string()).collect();
            if told.len() == count { Ok(()) } else { Err(format!("{told:?}\n{}", center.log())) }
        });
    };
    wait_well(1);
    let off = wait_standing(&center, "webhook:gone", |standing| standing["off"].is_string());
    assert_eq!((&off["given_up"], &off["waiting"]), (&json!(1), &json!(0)), "{off}");
    wait_standing(&center, "webhook:redirects", |standing| standing["trouble"] == "the receiver answered with 307");
    assert_eq!(elsewhere.got().len(), 0, "a redirection is not followed");
    fire(&mut gateway, 2);
    wait_well(2);
    wait_standing(&center, "webhook:hangs", |standing| {
        standing["waiting"] == 2 && standing["trouble"] == "no answer within 10 s"
    });
    assert_eq!(standing(&center, "webhook:floods")["waiting"], 0, "no fire is its business");
    assert_eq!(gone.got().len(), 1, "who is gone is left alone");
    // It is told to anybody who looks, and the centre works on.
    wait_for("the health", || {
        let (status, health) = center.get("/healthz");
        if (status, &health["feeds"]) == (200, &json!("troubled")) { Ok(()) } else { Err(health.to_string()) }
    });
    assert_eq!(center.metric("matpho_center_feed_off{feed=\"webhook:gone\"}"), 1.0);
    let (status, retried) = center.post("/api/v1/feeds/retry/webhook:gone", None);
    assert_eq!((status, &retried["due"]), (200, &json!(1)));
    wait_for("another try", || if gone.got().len() >= 2 { Ok(()) } else { Err(center.log()) });
    assert_eq!(center.post("/api/v1/feeds/retry/webhook:nobody", None).0, 404);
}

fn a_context_broker_gets_each_entity_though_it_takes_only_some() {
    // Refuses alerts for good, fails once at the camera, takes the rest.
    let failed = Arc::new(AtomicBool::new(false));
    let broker = Receiver::start(move |got| {
        let body = got.json();
        let ids: Vec<&str> = body.as_array().unwrap().iter().map(|entity| entity["id"].as_str().unwrap()).collect();
        let first = !failed.swap(true, Ordering::Relaxed);
        if first {
            return Some((503, "", String::new()));
        }
        let wrong: Vec<_> = ids.iter().filter(|id| id.contains(":Alert:")).collect();
        if wrong.is_empty() {
            return Some((204, "", String::new()));
        }
        let right: Vec<_> = ids.iter().filter(|id| !id.contains(":Alert:")).collect();
        let errors: Vec<_> =
            wrong.iter().map(|id| json!({"entityId": id, "error": {"status": 400, "detail": "no alerts here"}})).collect();
        Some((207, "Content-Type: application/json\r\n", json!({"success": right, "errors": errors}).to_string()))
    });
    let (mut center, mut gateway) =
        with_feeds(&format!("[feeds.ngsi]\nurl = \"{}\"\ntenant = \"city\"\ntoken_file = \"hook.secret\"\n", broker.url()));
    fire(&mut gateway, 1);
    let (mut now, ago) = (Message::golden("measurement_traffic"), common::time(-30));
    now = now.set("/data/from", common::time(-90)).set("/data/to", ago);
    gateway.publish("measurements", &now.text());
    let standing = wait_standing(&center, "ngsi", |standing| standing["waiting"] == 0 && standing["given_up"] == 1);
    assert_eq!(standing["last_given_up"][0]["why"], "no alerts here");
    let ids = |got: &[Got]| -> BTreeSet<String> {
        let all = got.iter().flat_map(|got| got.json().as_array().unwrap().clone());
        all.map(|entity| entity["id"].as_str().unwrap().to_owned()).collect()
    };
    let told = ids(&broker.got());
    for part in ["urn:ngsi-ld:Camera:tdm.gw-01:cam-3", "urn:ngsi-ld:Alert:", "urn:ngsi-ld:TrafficFlowObserved:tdm.gw-01:cam-3"] {
        assert!(told.iter().any(|id| id.starts_with(part)), "{part} in {told:?}");
    }
    let request = broker.got().pop().unwrap();
    assert_eq!(request.path, "/ngsi-ld/v1/entityOperations/upsert?options=update");
    assert_eq!(request.headers["ngsild-tenant"], "city");
    assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}"));
    assert_eq!(request.headers["content-type"], "application/ld+json");
    // A centre that starts again does not begin from the beginning.
    let before = broker.got().len();
    center.kill();
    center.start();
    let mut gateway = wait_for("the gateway to be back", || Gateway::connect_as(&center, "tdm.gw-01", "gateway-password-01"));
    gateway.publish("cameras/cam-9/status", &Message::golden("camera_status").at_camera("cam-9").text());
    wait_for("the new camera", || {
        let told = ids(&broker.got()[before..]);
        if told.contains("urn:ngsi-ld:Camera:tdm.gw-01:cam-9") { Ok(()) } else { Err(format!("{told:?}\n{}", center.log())) }
    });
    assert!(!ids(&broker.got()[before..]).iter().any(|id| id.contains(":TrafficFlowObserved:")));
}

const CAP: &str = "[feeds.cap]\nsender = \"matpho.example.vn\"\nname_vi = \"Trung tâm\"\nname_en = \"Centre\"\n\
                   status = \"Exercise\"\nnote = \"Diễn tập\"\nfolder = \"alerts\"\n";

fn alerts_are_published_followed_up_and_taken_back() {
    let (center, mut gateway) = with_feeds(CAP);
    gateway.publish("events", &Message::event("event_began", 1).text());
    let id = center.incidents("camera=cam-3", 1).remove(0)["id"].as_str().unwrap().to_owned();
    let feed = || match center.get("/api/v1/feeds/cap") {
        (200, Value::String(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(!feed().contains("<entry>"), "nothing is published by itself");
    let publish = || center.post(&format!("/api/v1/incidents/{id}/publish"), None);
    let (status, alert) = publish();
    assert_eq!((status, &alert["identifier"]), (200, &json!(format!("urn:uuid:{id}#1"))), "{alert}");
    assert_eq!(publish(), (200, alert.clone()), "what is said is not said twice");
    let xml = |number: u32| match center.get(&format!("/api/v1/feeds/cap/{id}-{number}.xml")) {
        (200, Value::String(text)) => Ok(text),
        other => Err(format!("{other:?}\n{}", center.log())),
    };
    let first = xml(1).unwrap();
    for part in
        ["<status>Exercise</status>", "<msgType>Alert</msgType>", "<certainty>Possible</certainty>", "<note>Diễn tập</note>"]
    {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(feed().contains(&format!("/api/v1/feeds/cap/{id}-1.xml")));
    // A person confirms: that is news.
    assert_eq!(center.post(&format!("/api/v1/incidents/{id}/acknowledge"), None).0, 200);
    let update = wait_for("the update", || xml(2));
    assert!(update.contains("<msgType>Update</msgType>") && update.contains("<certainty>Observed</certainty>"), "{update}");
    assert!(update.contains(&format!("matpho.example.vn,urn:uuid:{id}#1,")), "{update}");
    // A note is not.
    assert_eq!(center.post(&format!("/api/v1/incidents/{id}/note"), Some("{\"note\":\"x\"}")).0, 200);
    let closed = Some("{\"reason\":\"false_alarm\",\"false_reason\":\"light\"}");
    assert_eq!(center.post(&format!("/api/v1/incidents/{id}/close"), closed).0, 200);
    let cancel = wait_for("the cancel", || xml(3));
    assert!(cancel.contains("<msgType>Cancel</msgType>") && cancel.contains(&format!("urn:uuid:{id}#2,")), "{cancel}");
    assert_eq!(feed().matches("<entry>").count(), 3);
    let file = center.path().join(format!("alerts/{id}-3.xml"));
    wait_for("the file", || fs::read_to_string(&file).map(|text| assert_eq!(text, cancel)).map_err(|error| error.to_string()));
    assert_eq!(center.get_open("/api/v1/feeds/cap").unwrap().0, 401, "behind the login, unless configured otherwise");
    assert_eq!(center.post("/api/v1/incidents/nobody/publish", None).0, 404);
    // About a camera there is nothing to say to others.
    let lost = Message::event("event_began", 9).at_camera("c9").set("/data/kind", "camera.lost");
    gateway.publish("events", &lost.set("/data/detail", json!({"about": "camera", "reason": "lost"})).text());
    let lost = center.incidents("camera=c9", 1).remove(0)["id"].as_str().unwrap().to_owned();
    assert_eq!(center.post(&format!("/api/v1/incidents/{lost}/publish"), None).0, 409);
}
