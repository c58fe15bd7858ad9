//! The API as its users meet it: logging in, acting, listening, asking for clips.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Center, EVENT, Gateway, Listener, Message, TOKEN, golden, request, request_bytes, wait_for};
use serde_json::{Value, json};

on_both_stores!(
    nothing_is_told_to_who_is_not_logged_in,
    a_user_logs_in_acts_and_logs_out,
    guessing_is_slow,
    wrong_requests_are_told_what_is_wrong,
    pages_follow_each_other,
    a_listener_hears_everything_and_resumes,
    an_offline_gateway_makes_its_cameras_unknown,
    a_clip_is_asked_for_and_sent_once,
    a_gateway_says_why_it_has_no_clip,
    the_description_is_served_and_settings_are,
);

fn fire(center: &Center) -> String {
    let mut gateway = Gateway::connect(center);
    gateway.publish("events", &Message::golden("event_began").now().text());
    center.incidents("", 1)[0]["id"].as_str().unwrap().to_owned()
}

fn nothing_is_told_to_who_is_not_logged_in() {
    let center = Center::started("");
    let url = center.url().unwrap();
    for path in [
        "/api/v1/incidents",
        "/api/v1/incidents/x",
        "/api/v1/events",
        "/api/v1/cameras",
        "/api/v1/cameras/tdm.gw-01/cam-3/picture.jpg",
        "/api/v1/evidence/x.jpg",
        "/api/v1/clips/x.mp4",
        "/api/v1/measurements",
        "/api/v1/edges",
        "/api/v1/stream",
        "/api/v1/settings",
        "/api/v1/me",
        "/api/v1/openapi.json",
        "/metrics",
    ] {
        for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("cookie", "matpho_session=wrong")]] {
            let (status, text) = request("GET", &format!("{url}{path}"), headers, None).unwrap();
            let problem: Value = serde_json::from_str(&text).unwrap_or_default();
            assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{path} {headers:?}: {text}");
            assert!(problem["detail"].as_str().unwrap().contains("POST /api/v1/session"), "{text}");
        }
    }
    let (status, _) = request("POST", &format!("{url}/api/v1/incidents/x/acknowledge"), &[], Some(b"{}")).unwrap();
    assert_eq!(status, 401);
    let (status, text) = request("GET", &format!("{url}/healthz"), &[], None).unwrap();
    assert_eq!(status, 200, "{text}");
    let (status, headers, page) = request_bytes("GET", &format!("{url}/some/page"), &[], None).unwrap();
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&page).contains("<html"));
    let policy = headers.iter().find(|(name, _)| name == "content-security-policy").unwrap();
    assert!(policy.1.contains("worker-src 'self' blob:") && policy.1.contains("frame-ancestors 'none'"), "{policy:?}");
    for (path, status) in [("/api/v1/nothing", 404), ("/assets/none.js", 404)] {
        assert_eq!(request("GET", &format!("{url}{path}"), &[], None).unwrap().0, status, "{path}");
    }
}

fn a_user_logs_in_acts_and_logs_out() {
    let center = Center::started("");
    let id = fire(&center);
    assert_eq!(center.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu của Lan\n"), "user lan was made\n");
    assert_eq!(center.command(&["user", "list"], ""), "lan\toperator\n");
    let url = center.url().unwrap();
    let login = |password: &str, headers: &[(&str, &str)]| {
        let body = json!({"name": "lan", "password": password}).to_string();
        request_bytes("POST", &format!("{url}/api/v1/session"), headers, Some(body.as_bytes())).unwrap()
    };
    let (status, _, body) = login("falsch", &[]);
    assert_eq!(status, 401);
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], "wrong_login");
    assert_eq!(login("mật khẩu của Lan", &[("origin", "http://evil.example")]).0, 403);
    let (status, headers, body) = login("mật khẩu của Lan", &[]);
    assert_eq!(status, 200);
    let me: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&me["name"], &me["role"], &me["token"]), (&json!("lan"), &json!("operator"), &Value::Null));
    let cookie = &headers.iter().find(|(name, _)| name == "set-cookie").unwrap().1;
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();

    let act = |what: &str, body: &Value, headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie)];
        all.extend(headers);
        let path = format!("{url}/api/v1/incidents/{id}/{what}");
        let (status, text) = request("POST", &path, &all, Some(body.to_string().as_bytes())).unwrap();
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    assert_eq!(act("acknowledge", &json!({}), &[("sec-fetch-site", "cross-site")]).0, 403);
    assert_eq!(act("close", &json!({"reason": "recovered"}), &[]).0, 400);
    assert_eq!(act("close", &json!({"reason": "bored"}), &[]).0, 400);
    assert_eq!(act("note", &json!({"note": "  "}), &[]).0, 400);
    let (status, incident) = act("acknowledge", &json!({"note": "đang xem"}), &[("sec-fetch-site", "same-origin")]);
    assert_eq!((status, &incident["state"], &incident["acknowledged"]["by"]), (200, &json!("acknowledged"), &json!("lan")));
    let (status, problem) = act("acknowledge", &json!({}), &[]);
    assert_eq!((status, &problem["code"], &problem["incident"]["state"]), (409, &json!("conflict"), &json!("acknowledged")));
    assert_eq!(act("note", &json!({"note": "gọi 114"}), &[]).0, 200);
    assert_eq!(act("close", &json!({"reason": "false_alarm", "note": "bếp nướng"}), &[]).0, 400, "what was it?");
    let (status, incident) = act("close", &json!({"reason": "false_alarm", "false_reason": "known", "note": "bếp nướng"}), &[]);
    assert_eq!((status, &incident["closed"]["reason"]), (200, &json!("false_alarm")));
    assert_eq!(act("close", &json!({"reason": "resolved"}), &[]).0, 409);
    assert_eq!(center.incidents("state=open", 0).len(), 0);
    center.incidents("state=closed", 1);

    let (_, detail) = center.get(&format!("/api/v1/incidents/{id}"));
    let lines = detail["log"].as_array().unwrap().iter().filter(|line| line["what"] != "dispatch_proposed");
    let log: Vec<_> = lines.map(|line| format!("{} {}", line["by"], line["what"])).collect();
    let expected = ["\"matpho-center\" \"opened\"", "\"lan\" \"acknowledged\"", "\"lan\" \"noted\"", "\"lan\" \"false_alarm\""];
    assert_eq!(log, expected);

    assert_eq!(request("DELETE", &format!("{url}/api/v1/session"), &[("cookie", cookie)], None).unwrap().0, 204);
    assert_eq!(request("GET", &format!("{url}/api/v1/me"), &[("cookie", cookie)], None).unwrap().0, 401);
    assert_eq!(center.post("/api/v1/incidents/none/acknowledge", None).0, 404);
    assert!(!center.log().contains("mật khẩu"), "a password is in the log");
}

fn guessing_is_slow() {
    let center = Center::started("");
    center.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu của Lan\n");
    let url = center.url().unwrap();
    let guess = |password: &str| {
        let body = json!({"name": "lan", "password": password, "hold": "token"}).to_string();
        request_bytes("POST", &format!("{url}/api/v1/session"), &[], Some(body.as_bytes())).unwrap()
    };
    let statuses: Vec<u16> = (0..7).map(|number| guess(&format!("guess {number}")).0).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429]);
    let (status, headers, _) = guess("mật khẩu của Lan");
    assert_eq!(status, 429, "the right one has to wait as well");
    assert!(headers.iter().any(|(name, _)| name == "retry-after"), "{headers:?}");
    let token = wait_for("the wait to be over", || match guess("mật khẩu của Lan") {
        (200, _, body) => Ok(serde_json::from_slice::<Value>(&body).unwrap()["token"].as_str().unwrap().to_owned()),
        (status, ..) => Err(status.to_string()),
    });
    let (status, me) =
        request("GET", &format!("{url}/api/v1/me"), &[("authorization", &format!("Bearer {token}"))], None).unwrap();
    assert_eq!(status, 200, "{me}");
    // Another password ends the sessions of the one before.
    center.command(&["user", "add", "lan", "--password-stdin", "--role", "admin"], "ein anderes Passwort\n");
    assert_eq!(
        request("GET", &format!("{url}/api/v1/me"), &[("authorization", &format!("Bearer {token}"))], None).unwrap().0,
        401
    );
}

fn wrong_requests_are_told_what_is_wrong() {
    let center = Center::started("");
    for (path, part) in [
        ("/api/v1/incidents?state=odd", "unknown variant `odd`"),
        ("/api/v1/incidents?limit=0", "`limit` must be 1 to 200"),
        ("/api/v1/incidents?colour=red", "unknown field `colour`"),
        ("/api/v1/events?before=nonsense", "`before` is not a `next`"),
        ("/api/v1/measurements?from=yesterday", "yesterday"),
    ] {
        let (status, problem) = center.get(path);
        assert_eq!((status, &problem["code"]), (400, &json!("bad_request")), "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{path}: {problem}");
    }
    let large = format!("{{\"note\": \"{}\"}}", "x".repeat(100_000));
    assert_eq!(center.post("/api/v1/incidents/x/note", Some(&large)).0, 413);
    assert_eq!(center.post("/api/v1/incidents/x/note", Some("{")).0, 400);
}

fn pages_follow_each_other() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    for seed in 0..5 {
        gateway.publish("events", &Message::event("event_began", seed).at_camera(&format!("c{seed}")).text());
    }
    center.incidents("", 5);
    for resource in ["incidents", "events"] {
        let (mut seen, mut before) = (Vec::new(), String::new());
        let sizes: Vec<usize> = (0..3)
            .map(|_| {
                let (_, page) = center.get(&format!("/api/v1/{resource}?limit=2{before}"));
                let items = page["items"].as_array().unwrap();
                seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
                before = page["next"].as_str().map_or(String::new(), |next| format!("&before={next}"));
                items.len()
            })
            .collect();
        assert_eq!((sizes, before.as_str()), (vec![2, 2, 1], ""), "{resource}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5, "{resource}");
    }
}

fn a_listener_hears_everything_and_resumes() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    let mut listener = Listener::connect(&center, None);
    let hello = listener.next();
    assert_eq!((hello.event.as_str(), hello.id), ("hello", None));
    gateway.publish("status", &golden("edge_status"));
    assert_eq!(listener.until("edge", |_| true).data["edge"], "tdm.gw-01");
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    let camera = listener.until("camera", |_| true);
    assert_eq!((&camera.data["camera"], camera.id.is_some()), (&json!("cam-3"), true));
    gateway.publish("cameras/cam-3/picture", &Message::golden("evidence").set("/data/event", Value::Null).text());
    let picture = listener.until("picture", |_| true);
    assert_eq!(picture.id, None, "pictures are fleeting");
    let (status, _) = center.get(picture.data["url"].as_str().unwrap());
    assert_eq!(status, 200);
    gateway.publish("events", &Message::golden("event_began").now().text());
    let opened = listener.until("incident", |incident| incident["state"] == "new");
    let id = opened.data["id"].as_str().unwrap().to_owned();
    drop(listener);

    // Away for a while: it hears of the incident once, as it is now.
    center.post(&format!("/api/v1/incidents/{id}/acknowledge"), None);
    center.post(&format!("/api/v1/incidents/{id}/close"), Some("{\"reason\": \"resolved\"}"));
    let mut listener = Listener::connect(&center, opened.id);
    assert_eq!(listener.next().event, "hello");
    let missed = listener.until("incident", |_| true);
    assert_eq!(missed.data["state"], "resolved");
    gateway.publish("events", &Message::event("event_congestion", 7).text());
    let fresh = listener.until("incident", |_| true);
    assert_eq!(fresh.data["kind"], "traffic.congestion");
    assert!(fresh.id > missed.id && missed.id > opened.id);

    // A number that was never given out: read everything anew.
    let mut stranger = Listener::connect(&center, Some(1_000_000));
    assert_eq!(stranger.next().event, "hello");
    assert_eq!(stranger.next().event, "reset");
}

fn an_offline_gateway_makes_its_cameras_unknown() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.publish("status", &golden("edge_status"));
    gateway.publish("cameras/cam-3/status", &golden("camera_status").replace("\"blind\"", "\"live\""));
    let camera = |state: &str| {
        wait_for(state, || {
            let (_, camera) = center.get("/api/v1/cameras/tdm.gw-01/cam-3");
            if camera["state"] == state { Ok(camera) } else { Err(camera.to_string()) }
        })
    };
    camera("live");
    let offline = Message::golden("edge_status").set("/data/state", "offline");
    gateway.publish("status", &offline.text());
    let unknown = camera("unknown");
    assert_eq!((&unknown["reason"], &unknown["judgements"]["fire"]), (&json!("edge_offline"), &json!("unknown")));
    // A later boot comes online; the good-bye of the boot before arrives after it and means nothing.
    let reborn = Message::golden("edge_status").set("/data/boot_id", "later").set("/data/started", "2026-11-21T07:30:00.000Z");
    gateway.publish("status", &reborn.text());
    camera("live");
    gateway.publish("status", &offline.text());
    gateway.publish("events", &Message::golden("event_began").now().text());
    center.incidents("", 1);
    camera("live");
}

fn a_clip_is_asked_for_and_sent_once() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.subscribe("commands");
    gateway.publish("events", &Message::golden("event_began").now().text());
    let clip = format!("/api/v1/clips/{EVENT}");
    center.incidents("", 1);
    assert_eq!(center.post(&format!("{clip}/request"), None).0, 404, "no clip lies at the gateway");
    gateway.publish(&format!("evidence/{EVENT}"), &Message::golden("evidence").set("/data/clip_available", true).text());
    wait_for("the picture", || {
        let (_, event) = center.get(&format!("/api/v1/events/{EVENT}"));
        if event["clip"]["state"] == "available" { Ok(()) } else { Err(event.to_string()) }
    });
    assert_eq!(center.get(&format!("{clip}.mp4")).0, 404);
    assert_eq!(center.post(&format!("{clip}/request"), None).0, 202);
    assert_eq!(center.get(&format!("{clip}.mp4")).0, 202);
    let (topic, command, response) = gateway.next_message();
    assert_eq!(topic, "matpho/v1/tdm/gw-01/commands");
    assert_eq!(response.as_deref(), Some("matpho/v1/tdm/gw-01/replies"));
    assert_eq!((&command["data"]["command"], &command["data"]["path"]), (&json!("upload_clip"), &json!(clip)));
    let token = command["data"]["token"].as_str().unwrap().to_owned();

    let url = format!("{}{clip}", center.url().unwrap());
    let put = |token: &str, body: &[u8]| {
        let bearer = format!("Bearer {token}");
        request("PUT", &url, &[("authorization", &bearer), ("content-type", "video/mp4")], Some(body)).unwrap()
    };
    let mut mp4 = b"\0\0\0\x18ftypisom".to_vec();
    mp4.extend((0..100_000u32).map(|i| (i % 251) as u8));
    assert_eq!(put(TOKEN, &mp4).0, 401, "a script's token is no upload's");
    assert_eq!(put(&token, b"<html>no clip</html>").0, 415);
    assert_eq!(put(&token, b"\0\0").0, 415);
    assert_eq!(put(&token, &mp4).0, 201);
    assert_eq!(put(&token, &mp4).0, 401, "once");
    let (status, event) = center.get(&format!("/api/v1/events/{EVENT}"));
    assert_eq!((status, &event["clip"]["state"]), (200, &json!("ready")));
    let bearer = format!("Bearer {TOKEN}");
    let get =
        |range: &str| request_bytes("GET", &format!("{url}.mp4"), &[("authorization", &bearer), ("range", range)], None).unwrap();
    let (status, headers, bytes) = get("bytes=4-11");
    assert_eq!((status, bytes.as_slice()), (206, &b"ftypisom"[..]));
    assert!(headers.contains(&("content-range".into(), format!("bytes 4-11/{}", mp4.len()))), "{headers:?}");
    assert_eq!(get("bytes=0-").2, mp4);
    assert_eq!(get("bytes=999999-").0, 416);
    assert_eq!(center.post(&format!("{clip}/request"), None).0, 200);
}

fn a_gateway_says_why_it_has_no_clip() {
    let center = Center::started("");
    let mut gateway = Gateway::connect(&center);
    gateway.subscribe("commands");
    gateway.publish("events", &Message::golden("event_began").now().text());
    gateway.publish(&format!("evidence/{EVENT}"), &Message::golden("evidence").set("/data/clip_available", true).text());
    wait_for("the request to be taken", || match center.post(&format!("/api/v1/clips/{EVENT}/request"), None) {
        (202, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let (_, command, _) = gateway.next_message();
    let reply = Message::golden("reply").set("/data/request", command["id"].clone()).set("/data/done", false);
    let mut reply = reply;
    reply.0["data"]["error"] = json!("the ring no longer holds it");
    gateway.publish("replies", &reply.text());
    wait_for("the answer", || {
        let (_, event) = center.get(&format!("/api/v1/events/{EVENT}"));
        if event["clip"]["error"] == "the ring no longer holds it" { Ok(()) } else { Err(event["clip"].to_string()) }
    });
    let (status, problem) = center.get(&format!("/api/v1/clips/{EVENT}.mp4"));
    assert!(status == 404 && problem["detail"].as_str().unwrap().contains("no longer holds it"), "{problem}");
}

fn the_description_is_served_and_settings_are() {
    let center = Center::started(
        "[map]\nlongitude = 105.8\nlatitude = 21.0\n[[hotlines]]\nnumber = \"114\"\nname_vi = \"Cứu hỏa\"\nname_en = \"Fire\"\nkinds = [\"fire\"]\n",
    );
    let (status, document) = center.get("/api/v1/openapi.json");
    assert_eq!(status, 200);
    assert!(document["paths"]["/api/v1/incidents"]["get"].is_object());
    let (_, settings) = center.get("/api/v1/settings");
    assert_eq!(settings["map"]["center"], json!([105.8, 21.0]));
    assert_eq!(settings["hotlines"][0]["name_vi"], "Cứu hỏa");
}
