//! The life of incidents as operators live it: taking, sending, closing, merging, reporting, silencing. On both stores, over the API and by the rules' clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Center, EDGE, Gateway, Listener, Message, TOKEN, golden, request_bytes, time, wait_for};
use serde_json::{Value, json};

on_both_stores!(
    an_incident_is_taken_sent_to_closed_and_reopened,
    what_is_asked_for_twice_is_done_once,
    two_operators_at_once_do_not_undo_each_other,
    incidents_are_merged_and_split_and_stay_so,
    a_person_knows_better_until_it_gets_worse,
    a_flood_explains_the_jam,
    what_cameras_take_back_is_over,
    history_alarms_nobody,
    reports_join_what_cameras_see,
    a_camera_proves_what_was_reported,
    a_hotline_reports_with_a_token_of_its_own,
    a_shelf_silences_a_source_for_a_while,
    the_alarm_load_is_counted,
    promises_that_are_not_kept_go_up,
    imported_agencies_are_sent_and_proposed_beside_the_configured_ones,
);

/// The place of camera `cam-3`; the others of the tests stand beside it, `far` two kilometres away.
fn stand(gateway: &mut Gateway, cameras: &[&str]) {
    for (number, camera) in cameras.iter().enumerate() {
        let east = if camera.starts_with("far") { 0.02 } else { 0.0003 * number as f64 };
        let status = Message::golden("camera_status")
            .at_camera(camera)
            .set("/data/name", *camera)
            .set("/data/position", json!([106.65 + east, 10.98]))
            .set("/data/state", "live");
        gateway.publish(&format!("cameras/{camera}/status"), &status.text());
    }
}

fn id(incident: &Value) -> String {
    incident["id"].as_str().unwrap().to_owned()
}

/// One fire at one camera.
fn fire(center: &Center, gateway: &mut Gateway) -> String {
    gateway.publish("events", &Message::event("event_began", 1).text());
    let fire = id(&center.incidents("kind=fire", 1)[0]);
    judged(center, &fire);
    fire
}

/// Waits until the rules have looked at an incident.
fn judged(center: &Center, incident: &str) -> Value {
    wait_for("the rules to look", || {
        let (_, detail) = center.get(&format!("/api/v1/incidents/{incident}"));
        if detail["incident"]["promise"].is_object() { Ok(detail) } else { Err(detail.to_string()) }
    })
}

fn act(center: &Center, incident: &str, what: &str, body: &Value) -> (u16, Value) {
    center.post(&format!("/api/v1/incidents/{incident}/{what}"), Some(&body.to_string()))
}

fn act_with(center: &Center, incident: &str, what: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    post_with(center, &format!("/api/v1/incidents/{incident}/{what}"), headers, body)
}

fn post_with(center: &Center, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    let url = format!("{}{path}", center.url().unwrap());
    let (status, _, text) = request_bytes("POST", &url, &all, Some(body.to_string().as_bytes())).unwrap();
    (status, serde_json::from_slice(&text).unwrap_or(Value::Null))
}

fn log_of(center: &Center, incident: &str) -> Vec<String> {
    let (_, detail) = center.get(&format!("/api/v1/incidents/{incident}"));
    detail["log"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect()
}

fn an_incident_is_taken_sent_to_closed_and_reopened() {
    let center = Center::started("[[dispatch]]\nagency = \"pccc\"\nkinds = \"fire\"\npropose_from = \"severe\"\n");
    let mut gateway = Gateway::connect(&center);
    let fire = fire(&center, &mut gateway);
    let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
    let incident = &detail["incident"];
    assert_eq!((&incident["state"], &incident["proposed"], &incident["sent"]), (&json!("new"), &json!(["pccc"]), &json!([])));
    assert_eq!((&incident["priority"], &incident["certainty"]), (&json!("high"), &json!("likely")));
    assert_eq!(incident["promise"]["timer"], "acknowledge");

    assert_eq!(act(&center, &fire, "reopen", &json!({"note": "x"})).0, 409, "it is open");
    assert_eq!(act(&center, &fire, "acknowledge", &json!({})).1["state"], "acknowledged");
    let (status, problem) = act(&center, &fire, "acknowledge", &json!({}));
    assert_eq!((status, &problem["possible"]), (409, &json!(["dispatch", "close"])));
    assert_eq!(act(&center, &fire, "dispatch", &json!({"agency": " "})).0, 400);
    let (status, sent) = act(&center, &fire, "dispatch", &json!({"agency": "pccc", "note": "two engines"}));
    assert_eq!(
        (status, &sent["state"], &sent["sent"], &sent["proposed"]),
        (200, &json!("dispatched"), &json!(["pccc"]), &json!([]))
    );
    assert_eq!(act(&center, &fire, "dispatch", &json!({"agency": "pccc"})).0, 409, "sent already");
    assert_eq!(act(&center, &fire, "dispatch", &json!({"agency": "Đội 3"})).1["sent"], json!(["pccc", "Đội 3"]));

    for (body, part) in [
        (json!({"reason": "false_alarm"}), "`false_reason` is missing"),
        (json!({"reason": "false_alarm", "false_reason": "other"}), "a note has to say"),
        (json!({"reason": "resolved", "false_reason": "light"}), "goes with `false_alarm` alone"),
        (json!({"reason": "retracted"}), "for the centre to say"),
    ] {
        let (status, problem) = act(&center, &fire, "close", &body);
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains(part), "{body}: {problem}");
    }
    let (status, closed) = act(&center, &fire, "close", &json!({"reason": "false_alarm", "false_reason": "light"}));
    assert_eq!((status, &closed["state"], &closed["closed"]["false_reason"]), (200, &json!("false_alarm"), &json!("light")));
    assert!(closed["promise"].is_null(), "nothing is promised any more");
    assert_eq!(act(&center, &fire, "dispatch", &json!({"agency": "115"})).1["possible"], json!(["reopen"]));
    assert_eq!(act(&center, &fire, "reopen", &json!({"note": " "})).0, 400);
    let (_, open) = act(&center, &fire, "reopen", &json!({"note": "it burns after all"}));
    assert_eq!((&open["state"], &open["sent"], &open["closed"]), (&json!("acknowledged"), &json!([]), &Value::Null));
    assert_eq!(open["promise"]["timer"], "resolve");
    assert_eq!(center.incidents("state=open", 1)[0]["state"], "acknowledged");
    let expected =
        ["opened", "dispatch_proposed", "acknowledged", "dispatched", "dispatched", "false_alarm", "reopened"].map(String::from);
    assert_eq!(log_of(&center, &fire), expected);
    let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
    assert_eq!(detail["log"][3]["detail"], json!({"about": "agency", "agency": "pccc"}));
    assert_eq!(detail["log"][5]["detail"], json!({"about": "false_alarm", "reason": "light"}));
}

fn what_is_asked_for_twice_is_done_once() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let fire = fire(&center, &mut gateway);
    let key = [("idempotency-key", "6f1c")];
    let take = || act_with(&center, &fire, "acknowledge", &key, &json!({}));
    assert_eq!((take().0, take().0), (200, 200), "the answer was lost, it is asked again");
    let (status, problem) = act_with(&center, &fire, "close", &key, &json!({"reason": "resolved"}));
    assert_eq!((status, &problem["code"]), (422, &json!("key_reused")));
    let note = || act_with(&center, &fire, "note", &[("idempotency-key", "n1")], &json!({"note": "gọi 114"}));
    assert_eq!((note().0, note().0), (200, 200));
    let noted = log_of(&center, &fire).into_iter().filter(|what| what == "noted").count();
    assert_eq!(noted, 1);
    // What was refused leaves the key free.
    let send = |agency: &str| act_with(&center, &fire, "dispatch", &[("idempotency-key", "d1")], &json!({"agency": agency}));
    assert_eq!((send("").0, send("pccc").0, send("pccc").0), (400, 200, 200));
    assert_eq!(act_with(&center, &fire, "note", &[("idempotency-key", "")], &json!({"note": "x"})).0, 400);
}

fn two_operators_at_once_do_not_undo_each_other() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let fire = fire(&center, &mut gateway);
    let url = format!("{}/api/v1/incidents/{fire}", center.url().unwrap());
    let bearer = format!("Bearer {TOKEN}");
    let (_, headers, _) = request_bytes("GET", &url, &[("authorization", &bearer)], None).unwrap();
    let tag = headers.iter().find(|(name, _)| name == "etag").unwrap().1.clone();
    let say = |severity: &str| {
        let body = json!({"severity": severity, "note": "seen by eye"});
        act_with(&center, &fire, "assess", &[("if-match", &tag)], &body)
    };
    assert_eq!(say("extreme").0, 200);
    let (status, problem) = say("minor");
    assert_eq!((status, &problem["code"], &problem["incident"]["severity"]), (412, &json!("changed"), &json!("extreme")));
    assert_eq!(act_with(&center, &fire, "acknowledge", &[("if-match", "nonsense")], &json!({})).0, 400);
    // What cameras say changes no version: nobody is held up by it.
    let (_, before) = center.get(&format!("/api/v1/incidents/{fire}"));
    gateway.publish("events", &Message::event("event_ended", 1).text());
    wait_for("the end", || {
        let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
        if detail["incident"]["ongoing"] == false { Ok(()) } else { Err(detail.to_string()) }
    });
    let (_, after) = center.get(&format!("/api/v1/incidents/{fire}"));
    assert_eq!(before["incident"]["version"], after["incident"]["version"]);
}

fn incidents_are_merged_and_split_and_stay_so() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    stand(&mut gateway, &["near", "far"]);
    for (seed, camera) in [(1, "near"), (2, "far")] {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(camera).text());
    }
    let found = center.incidents("kind=fire", 2);
    let of = |camera: &str| id(found.iter().find(|fire| fire["cameras"][0]["camera"] == camera).unwrap());
    let (near, far) = (of("near"), of("far"));
    assert_eq!(act(&center, &near, "merge", &json!({"incidents": [near]})).0, 400);
    assert_eq!(act(&center, &near, "merge", &json!({"incidents": ["none"]})).0, 404);
    let (status, whole) = act(&center, &near, "merge", &json!({"incidents": [far], "note": "one smoke"}));
    assert_eq!((status, &whole["event_count"], &whole["certainty"]), (200, &json!(2), &json!("observed")));
    assert_eq!(whole["cameras"].as_array().unwrap().len(), 2);
    let (_, away) = center.get(&format!("/api/v1/incidents/{far}"));
    let gone = &away["incident"];
    assert_eq!(
        (&gone["state"], &gone["merged_into"], &gone["closed"]["reason"]),
        (&json!("resolved"), &json!(near), &json!("duplicate"))
    );
    assert_eq!(log_of(&center, &far).last().unwrap(), "merged_into");
    assert_eq!(log_of(&center, &near).last().unwrap(), "merged");
    let (status, problem) = act(&center, &far, "reopen", &json!({"note": "x"}));
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("split them off"), "{problem}");
    assert_eq!(act(&center, &near, "merge", &json!({"incidents": [far]})).0, 409, "closed");

    // What happens on is told to the one that has it now.
    gateway.publish("events", &Message::event("event_ended", 2).at_camera("far").text());
    gateway.publish("events", &Message::event("event_began", 3).at_camera("far").set("/data/kind", "fire.smoke").text());
    wait_for("the third event", || {
        let (_, detail) = center.get(&format!("/api/v1/incidents/{near}"));
        if detail["events"].as_array().unwrap().len() == 3 { Ok(()) } else { Err(detail.to_string()) }
    });
    center.incidents("state=open", 1);

    let (_, detail) = center.get(&format!("/api/v1/incidents/{near}"));
    let events: Vec<&Value> =
        detail["events"].as_array().unwrap().iter().filter(|event| event["camera"]["camera"] == "far").collect();
    let ids: Vec<Value> = events.iter().map(|event| event["id"].clone()).collect();
    let all: Vec<Value> = detail["events"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(act(&center, &near, "split", &json!({"events": all})).0, 400, "one has to stay");
    let key = [("idempotency-key", "split")];
    let split = || act_with(&center, &near, "split", &key, &json!({"events": ids, "note": "two fires after all"}));
    let ((status, two), (_, again)) = (split(), split());
    assert_eq!((status, &two["event_count"], &two["state"], &again["id"]), (200, &json!(2), &json!("acknowledged"), &two["id"]));
    assert_eq!(log_of(&center, &id(&two)), ["split_from", "acknowledged"]);
    let (_, rest) = center.get(&format!("/api/v1/incidents/{near}"));
    assert_eq!((&rest["incident"]["event_count"], rest["incident"]["cameras"].as_array().unwrap().len()), (&json!(1), 1));
    // The next event of the camera goes where its others are: what a person took apart is not put together again.
    gateway.publish("events", &Message::event("event_began", 4).at_camera("far").text());
    wait_for("the fourth event", || {
        let (_, detail) = center.get(&format!("/api/v1/incidents/{}", id(&two)));
        if detail["events"].as_array().unwrap().len() == 3 { Ok(()) } else { Err(detail.to_string()) }
    });
    let (_, other) = center.get("/api/v1/incidents?kind=fire");
    assert_eq!(other["items"].as_array().unwrap().len(), 2);
}

fn a_person_knows_better_until_it_gets_worse() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let fire = fire(&center, &mut gateway);
    let say = |body: &Value| act(&center, &fire, "assess", body);
    assert_eq!(say(&json!({"severity": "minor", "note": ""})).0, 400);
    assert_eq!(say(&json!({"note": "nothing"})).0, 400);
    let (_, said) = say(&json!({"severity": "minor", "certainty": "unlikely", "note": "a barbecue"}));
    assert_eq!((&said["severity"], &said["severity_set"], &said["priority"]), (&json!("minor"), &json!(true), &json!("low")));
    let update = |seed: u32, severity: &str| {
        Message::event("event_began", seed).set("/data/severity", severity).set("/data/kind", "fire.smoke").text()
    };
    gateway.publish("events", &update(2, "severe"));
    let shown = |severity: &str| {
        wait_for(severity, || {
            let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
            let incident = &detail["incident"];
            if incident["severity"] == severity && incident["event_count"].as_u64() >= Some(2) {
                Ok(incident.clone())
            } else {
                Err(incident.to_string())
            }
        })
    };
    assert_eq!(shown("minor")["certainty"], "unlikely", "no worse than when it was said");
    gateway.publish("events", &update(3, "extreme"));
    let worse = shown("extreme");
    assert_eq!((&worse["severity_set"], &worse["priority"]), (&json!(false), &json!("high")));
    assert!(log_of(&center, &fire).contains(&"escalated".to_owned()));
}

fn a_flood_explains_the_jam() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    stand(&mut gateway, &["water", "jam", "far"]);
    let flood = json!({"about": "flood", "water_share": 0.5, "trend": "rising"});
    let event = Message::event("event_began", 1).at_camera("water").set("/data/kind", "flood.street").set("/data/detail", flood);
    gateway.publish("events", &event.text());
    let water = id(&center.incidents("kind=flood", 1)[0]);
    for (seed, camera) in [(2, "jam"), (3, "far")] {
        gateway.publish("events", &Message::event("event_congestion", seed).at_camera(camera).text());
    }
    let jams = center.incidents("kind=traffic", 2);
    let of = |camera: &str| id(jams.iter().find(|jam| jam["cameras"][0]["camera"] == camera).unwrap());
    let explained = wait_for("the cause", || {
        let (_, detail) = center.get(&format!("/api/v1/incidents/{}", of("jam")));
        if detail["incident"]["cause"] == json!(water) { Ok(detail) } else { Err(detail.to_string()) }
    });
    assert!(explained["log"].to_string().contains("cause_found"));
    assert!(judged(&center, &of("far"))["incident"]["cause"].is_null());
    let (_, cause) = center.get(&format!("/api/v1/incidents/{water}"));
    assert_eq!(cause["effects"], json!([of("jam")]));
    let (status, problem) = act(&center, &water, "merge", &json!({"incidents": [of("jam")]}));
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("another family"), "{problem}");
}

fn what_cameras_take_back_is_over() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let retract = |seed: u32, camera: &str| {
        let mut ended = Message::event("event_ended", seed).at_camera(camera);
        ended.0["data"]["end_reason"] = json!("retracted");
        ended.text()
    };
    for (seed, camera) in [(1, "a"), (2, "b")] {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(camera).text());
    }
    let found = center.incidents("state=open", 2);
    let of = |camera: &str| id(found.iter().find(|fire| fire["cameras"][0]["camera"] == camera).unwrap());
    assert_eq!(act(&center, &of("b"), "acknowledge", &json!({})).0, 200);
    gateway.publish("events", &retract(1, "a"));
    gateway.publish("events", &retract(2, "b"));
    let closed = &center.incidents("state=closed", 1)[0];
    assert_eq!(
        (&closed["id"], &closed["closed"]["reason"], &closed["closed"]["by"]),
        (&json!(of("a")), &json!("retracted"), &json!("matpho-center"))
    );
    let open = wait_for("the other one", || {
        let (_, detail) = center.get(&format!("/api/v1/incidents/{}", of("b")));
        if detail["incident"]["retracted"] == true { Ok(detail["incident"].clone()) } else { Err(detail.to_string()) }
    });
    assert_eq!(open["state"], "acknowledged", "whoever has it decides");
}

fn history_alarms_nobody() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let mut began = Message::event("event_began", 1);
    let mut ended = Message::event("event_ended", 1);
    for (message, at) in [(&mut began, time(-7_200)), (&mut ended, time(-6_600))] {
        for pointer in ["/time", "/recordedtime", "/data/seen/at"] {
            *message.0.pointer_mut(pointer).unwrap() = json!(at);
        }
        message.0["data"]["began"] = json!(time(-7_200));
        message.0["data"]["late"] = json!(true);
    }
    gateway.publish("events", &began.text());
    // As long as it seems to go on somebody is asked to look.
    judged(&center, &id(&center.incidents("", 1)[0]));
    gateway.publish("events", &ended.text());
    let past = wait_for("the past", || {
        let past = center.incidents("", 1)[0].clone();
        if past["ongoing"] == false { Ok(past) } else { Err(past.to_string()) }
    });
    assert_eq!((&past["late"], &past["state"]), (&json!(true), &json!("new")));
    gateway.publish("events", &Message::event("event_began", 2).at_camera("now").text());
    let now = center.incidents("camera=now", 1)[0].clone();
    judged(&center, &id(&now));
    let (_, detail) = center.get(&format!("/api/v1/incidents/{}", id(&past)));
    assert!(detail["incident"]["promise"].is_null(), "nobody can be late for it: {detail}");
    let (_, load) = center.get("/api/v1/alarm-load/now");
    assert_eq!(load["raised"], 1, "{load}");
}

fn report(kind: &str, east: f64) -> Value {
    json!({"channel": "hotline", "kind": kind, "text": "khói đen bốc cao", "place": "sau chợ", "position": [106.65 + east, 10.98],
           "contact": {"name": "Nguyễn Thị Bí Mật", "telephone": "0901234567"}})
}

fn reports_join_what_cameras_see() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    stand(&mut gateway, &["cam-3"]);
    let mut listener = Listener::connect(&center, None);
    let fire = fire(&center, &mut gateway);
    let (status, taken) = center.post("/api/v1/reports", Some(&report("fire.smoke", 0.002).to_string()));
    assert_eq!((status, &taken["incident"], &taken["has_contact"]), (200, &json!(fire), &json!(true)), "{taken}");
    let surer = listener.until("incident", |incident| incident["report_count"] == 1);
    assert_eq!((&surer.data["certainty"], &surer.data["id"]), (&json!("observed"), &json!(fire)));
    let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
    assert_eq!((&detail["reports"][0]["text"], &detail["reports"][0]["place"]), (&json!("khói đen bốc cao"), &json!("sau chợ")));
    // Another kind, and another place, are another matter.
    let (_, jam) = center.post("/api/v1/reports", Some(&report("traffic.congestion", 0.002).to_string()));
    let (_, elsewhere) = center.post("/api/v1/reports", Some(&report("fire.flame", 0.02).to_string()));
    assert!(jam["incident"] != json!(fire) && elsewhere["incident"] != json!(fire));
    let (_, alone) = center.get(&format!("/api/v1/incidents/{}", elsewhere["incident"].as_str().unwrap()));
    let alone = &alone["incident"];
    assert_eq!(
        (&alone["certainty"], &alone["place"]["name"], &alone["cameras"]),
        (&json!("possible"), &json!("sau chợ"), &json!([]))
    );
    // Two callers say the same.
    let (_, second) = center.post("/api/v1/reports", Some(&report("fire.smoke", 0.0205).to_string()));
    assert_eq!(second["incident"], elsewhere["incident"]);
    let (_, alone) = center.get(&format!("/api/v1/incidents/{}", elsewhere["incident"].as_str().unwrap()));
    assert_eq!(alone["incident"]["certainty"], "likely");

    let (status, contact) = center.get(&format!("/api/v1/reports/{}/contact", taken["id"].as_str().unwrap()));
    assert_eq!((status, &contact["telephone"]), (200, &json!("0901234567")));
    assert!(log_of(&center, &fire).contains(&"contact_read".to_owned()), "who asked is written down");
    let everything = [
        center.get("/api/v1/incidents?state=all").1.to_string(),
        center.get(&format!("/api/v1/incidents/{fire}")).1.to_string(),
        center.get("/api/v1/ogc/collections/incidents/items").1.to_string(),
        center.get("/api/v1/feeds/iris.csv").1.to_string(),
        surer.data.to_string(),
        center.log(),
    ]
    .concat();
    assert!(!everything.contains("Bí Mật") && !everything.contains("0901234567"), "a contact is told");
    for (change, part) in [
        (json!({"kind": "camera.lost"}), "for cameras to say"),
        (json!({"text": " "}), "`text` has 1"),
        (json!({"position": [1066.5, 10.98]}), "not on the earth"),
        (json!({"seen": time(-90_000)}), "more than a day ago"),
        (json!({"seen": time(900)}), "in the future"),
        (json!({"phone": "1"}), "unknown field"),
    ] {
        let mut wrong = report("fire.smoke", 0.0);
        for (key, value) in change.as_object().unwrap() {
            wrong[key] = value.clone();
        }
        let (status, problem) = center.post("/api/v1/reports", Some(&wrong.to_string()));
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains(part), "{change}: {problem}");
    }
}

fn a_camera_proves_what_was_reported() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    stand(&mut gateway, &["cam-3"]);
    wait_for("the camera", || if center.get("/api/v1/cameras/tdm.gw-01/cam-3").0 == 200 { Ok(()) } else { Err(String::new()) });
    let (_, taken) = center.post("/api/v1/reports", Some(&report("fire.smoke", 0.002).to_string()));
    gateway.publish("events", &Message::event("event_began", 1).text());
    let proved = wait_for("the proof", || {
        let found = center.incidents("", 1)[0].clone();
        if found["event_count"] == 1 { Ok(found) } else { Err(found.to_string()) }
    });
    assert_eq!(
        (&proved["id"], &proved["certainty"], &proved["severity"]),
        (&taken["incident"], &json!("observed"), &json!("severe"))
    );
    assert_eq!((&proved["kind"], &proved["place"]["name"]), (&json!("fire.flame"), &json!("cam-3")));
}

fn a_hotline_reports_with_a_token_of_its_own() {
    let mut center = Center::new("[reports]\ntoken_file = \"report.token\"\n");
    std::fs::write(center.path().join("report.token"), "a-token-for-the-hotline\n").unwrap();
    center.start();
    let url = center.url().unwrap();
    let body = report("flood.street", 0.0).to_string();
    let send = |token: &str, path: &str, body: Option<&[u8]>| {
        let headers = [("authorization", format!("Bearer {token}")), ("idempotency-key", "call-17".into())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let method = if body.is_some() { "POST" } else { "GET" };
        let (status, _, text) = request_bytes(method, &format!("{url}{path}"), &headers, body).unwrap();
        (status, serde_json::from_slice::<Value>(&text).unwrap_or_default())
    };
    assert_eq!(send("wrong", "/api/v1/reports", Some(body.as_bytes())).0, 401);
    let (status, first) = send("a-token-for-the-hotline", "/api/v1/reports", Some(body.as_bytes()));
    let (_, again) = send("a-token-for-the-hotline", "/api/v1/reports", Some(body.as_bytes()));
    assert_eq!((status, &first["id"], &first["by"]), (200, &again["id"], &json!("report-token")));
    assert_eq!(send("a-token-for-the-hotline", "/api/v1/incidents", None).0, 401, "it opens nothing else");
    assert_eq!(center.incidents("", 1)[0]["report_count"], 1);
    assert!(!center.log().contains("0901234567"));
}

fn a_shelf_silences_a_source_for_a_while() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    stand(&mut gateway, &["cam-3", "beside"]);
    let shelf = |minutes: u32, reason: &str| {
        json!({"edge": EDGE.replace('/', "."), "camera": "cam-3", "family": "fire", "minutes": minutes, "reason": reason})
            .to_string()
    };
    wait_for("the cameras", || if center.get("/api/v1/cameras/tdm.gw-01/beside").0 == 200 { Ok(()) } else { Err(String::new()) });
    for (minutes, reason) in [(0, "x"), (721, "x"), (5, " ")] {
        assert_eq!(center.post("/api/v1/shelves", Some(&shelf(minutes, reason))).0, 400, "{minutes} {reason}");
    }
    assert_eq!(center.post("/api/v1/shelves", Some(&shelf(5, "x").replace("cam-3", "none"))).0, 404);
    let (status, held) = center.post("/api/v1/shelves", Some(&shelf(60, "hàn cắt ngoài đường")));
    assert_eq!((status, &held["name"]), (200, &json!("cam-3")));
    gateway.publish("events", &Message::event("event_began", 1).text());
    let silent = center.incidents("kind=fire", 1)[0].clone();
    assert_eq!(silent["shelved_until"], held["until"]);
    let (_, load) = center.get("/api/v1/alarm-load/now");
    assert_eq!(load["raised"], 0, "{load}");
    // A camera beside it that nobody silenced sees it too.
    gateway.publish("events", &Message::event("event_began", 2).at_camera("beside").text());
    wait_for("the second camera", || {
        let found = center.incidents("kind=fire", 1)[0].clone();
        if found["event_count"] == 2 && found["shelved_until"].is_null() { Ok(()) } else { Err(found.to_string()) }
    });
    let path = format!("/api/v1/shelves/{}", held["id"].as_str().unwrap());
    let (status, ended) = center.try_send("DELETE", &path, None).unwrap();
    assert_eq!((status, &ended["ended_by"]), (200, &json!("demo-token")));
    assert_eq!(center.try_send("DELETE", &path, None).unwrap().0, 404);
    assert_eq!(center.get("/api/v1/shelves").1, json!([]));
}

fn the_alarm_load_is_counted() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    for seed in 0..12 {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(&format!("c{seed}")).text());
    }
    let incidents = center.incidents("", 12);
    act(&center, &id(&incidents[0]), "acknowledge", &json!({}));
    act(&center, &id(&incidents[1]), "close", &json!({"reason": "false_alarm", "false_reason": "reflection"}));
    let (_, now) = center.get("/api/v1/alarm-load/now");
    assert_eq!((&now["raised"], now["flood_since"].is_string()), (&json!(12), true), "{now}");
    let (status, load) = center.get("/api/v1/alarm-load");
    assert_eq!(
        (status, &load["raised"], &load["per_period_max"].as_f64().map(|max| max >= 6.0)),
        (200, &json!(12), &Some(true)),
        "{load}"
    );
    assert_eq!(load["floods"].as_array().unwrap().len(), 1, "{load}");
    assert_eq!((load["loudest"].as_array().unwrap().len(), &load["limits"]["per_period_max"]), (10, &json!(10.0)));
    let me = &load["by_operator"][0];
    assert_eq!((&me["name"], &me["acknowledged"], &me["closed"]), (&json!("demo-token"), &json!(1), &json!(1)), "{load}");
    let wrong = &load["false_alarms"][0];
    assert_eq!(
        (&wrong["false_alarms"], &wrong["reasons"]["reflection"], &wrong["source"]["family"]),
        (&json!(1), &json!(1), &json!("fire"))
    );
    for query in ["day=yesterday", "days=32", "day=2026-02-30"] {
        assert_eq!(center.get(&format!("/api/v1/alarm-load?{query}")).0, 400, "{query}");
    }
}

fn promises_that_are_not_kept_go_up() {
    let mut center = Center::started(
        "[service_levels]\nlevels = 2\n[service_levels.severe]\nacknowledge_s = 1\nescalate_every_s = 1\nresolve_s = 3600\n",
    );
    let mut gateway = Gateway::connect(&center);
    gateway.publish("events", &Message::event("event_began", 1).text());
    let fire = id(&center.incidents("", 1)[0]);
    let raised = |center: &Center, level: u64| {
        wait_for(&format!("level {level}"), || {
            let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
            if detail["incident"]["promise"]["level"].as_u64() >= Some(level) { Ok(detail) } else { Err(detail.to_string()) }
        })
    };
    raised(&center, 1);
    center.kill();
    center.start();
    let told = raised(&center, 2);
    assert!(told["incident"]["promise"]["raises"].is_null(), "everybody knows");
    let levels: Vec<&Value> = told["log"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["what"] == "raised")
        .map(|line| &line["detail"]["level"])
        .collect();
    assert_eq!(levels, [&json!(1), &json!(2)], "one at a time, each once");
    let (_, taken) = act(&center, &fire, "acknowledge", &json!({}));
    assert_eq!((&taken["promise"]["timer"], &taken["promise"]["level"]), (&json!("resolve"), &json!(0)));
}

fn imported_agencies_are_sent_and_proposed_beside_the_configured_ones() {
    let configured = "[[dispatch]]\nagency = \"pccc\"\nname = \"PCCC\"\nkinds = \"fire\"\npropose_from = \"extreme\"\n\
                      [[dispatch]]\nagency = \"115\"\nname = \"Cấp cứu\"\nkinds = \"all\"\ntelephone = \"115\"\n";
    let center = Center::started(configured);
    let agencies = || {
        let (_, settings) = center.get("/api/v1/settings");
        let listed = settings["agencies"].as_array().unwrap().clone();
        let (_, all) = center.get("/api/v1/agencies");
        assert_eq!(all.as_array().unwrap().len(), listed.len(), "one list: {all}");
        listed
            .iter()
            .map(|agency| format!("{} {}", agency["id"].as_str().unwrap(), agency["name"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(agencies(), ["pccc PCCC", "115 Cấp cứu"]);
    let file = center.path().join("agencies.csv");
    let list = file.display().to_string();
    let head = "id,name,kinds,areas,telephone,propose_from\n";
    std::fs::write(&file, format!("{head}pccc,PCCC,fire,,114,grave\n")).unwrap();
    let wrong = common::center(&["agency", "import", &list, "--config", &center.config()], "");
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && said.contains(":2: propose_from: `grave` is no severity"), "{said}");
    let rows =
        "pccc,PCCC khu vực 1,fire,,0274 114,severe\nward,Phường,fire flood,,1022,moderate\ndrainage,Thoát nước,flood,,,minor\n";
    std::fs::write(&file, format!("{head}{rows}")).unwrap();
    assert_eq!(center.command(&["agency", "import", &list], ""), "3 agencies are kept\n");
    assert_eq!(agencies(), ["drainage Thoát nước", "pccc PCCC khu vực 1", "ward Phường", "115 Cấp cứu"], "without a restart");
    let (_, settings) = center.get("/api/v1/settings");
    assert_eq!(
        settings["agencies"][1],
        json!({"id": "pccc", "name": "PCCC khu vực 1", "telephone": "0274 114", "kinds": ["fire.flame", "fire.smoke"]})
    );
    assert_eq!(settings["agencies"][3]["kinds"], json!([]), "all");

    let mut gateway = Gateway::connect(&center);
    let fire = fire(&center, &mut gateway);
    let (_, detail) = center.get(&format!("/api/v1/incidents/{fire}"));
    assert_eq!(detail["incident"]["severity"], "severe");
    assert_eq!(detail["incident"]["proposed"], json!(["pccc", "ward"]), "who answers for less comes first");
    let listed = center.command(&["agency", "list"], "");
    assert!(listed.contains("pccc\tPCCC khu vực 1\tfire.flame,fire.smoke\teverywhere\t0274 114\tsevere\t"), "{listed}");
    // One of the configuration has members and grants like any other.
    center.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu của Lan\n");
    center.command(&["agency", "join", "115", "lan"], "");
    assert!(center.command(&["agency", "list"], "").contains("115\tCấp cứu\tall\teverywhere\t115\t-\tlan"));

    assert!(center.command(&["agency", "remove", "pccc"], "").contains("the one of the configuration counts again"));
    center.command(&["agency", "remove", "drainage"], "");
    assert_eq!(agencies(), ["ward Phường", "pccc PCCC", "115 Cấp cứu"]);
    let not_there = common::center(&["agency", "remove", "115", "--config", &center.config()], "");
    assert!(String::from_utf8_lossy(&not_there.stderr).contains("take it out of the configuration"), "{not_there:?}");
}
