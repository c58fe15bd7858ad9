//! Who sees and does what: a real centre with areas, cameras in two wards, and people with grants. Both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Center, Gateway, Listener, Message, TOKEN, request, wait_for};
use serde_json::{Value, json};

on_both_stores!(
    rights_begin_with_the_first_grant,
    each_sees_their_own_and_nothing_else,
    what_may_be_seen_may_not_be_done,
    a_listener_hears_of_their_own,
    places_follow_the_areas,
    the_trail_holds_what_people_did,
    somebody_stands_in_for_somebody,
);

const WARD: &str = "MP-XA:10001";
const NEIGHBOUR: &str = "MP-XA:10002";
const PASSWORD: &str = "a-long-password";

fn file(name: &str) -> String {
    format!("{}/tests/areas/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn import_areas(center: &Center) {
    center.command(&["area", "import", &file("areas.csv"), &file("borders.geojson"), &file("successors.csv")], "");
}

/// Camera `here` stands in the ward, `there` in the neighbour; each sees a fire of its own (events 1 and 2).
fn city() -> (Center, Gateway) {
    let center = Center::new("");
    center.add_edge();
    import_areas(&center);
    let mut center = center;
    center.start();
    let mut gateway = Gateway::connect(&center);
    for (seed, camera, longitude) in [(1, "here", 106.05), (2, "there", 106.25)] {
        let status = Message::golden("camera_status").now().at_camera(camera).set("/data/position", json!([longitude, 10.03]));
        gateway.publish(&format!("cameras/{camera}/status"), &status.text());
        gateway.publish("events", &Message::event("event_began", seed).at_camera(camera).text());
    }
    center.incidents("", 2);
    (center, gateway)
}

fn grant(center: &Center, user: &str, more: &[&str]) -> String {
    let mut arguments = vec!["grant", "add", "--user", user, "--purpose", "test"];
    arguments.extend(more);
    center.command(&arguments, "").trim().to_owned()
}

/// Somebody who is logged in: the token.
fn user(center: &Center, name: &str, role: &str) -> String {
    center.command(&["user", "add", name, "--role", role, "--password-stdin"], &format!("{PASSWORD}\n"));
    let body = json!({"name": name, "password": PASSWORD, "hold": "token"}).to_string();
    let url = format!("{}/api/v1/session", center.url().unwrap());
    let (status, text) = request("POST", &url, &[], Some(body.as_bytes())).unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["token"].as_str().unwrap().to_owned()
}

fn ask(center: &Center, token: &str, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let url = format!("{}{path}", center.url().unwrap());
    let (status, text) = request(method, &url, &[("authorization", &bearer)], body.map(str::as_bytes)).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn get(center: &Center, token: &str, path: &str) -> (u16, Value) {
    ask(center, token, "GET", path, None)
}

/// The cameras of the incidents that somebody sees, the first of each.
fn fires(center: &Center, token: &str, query: &str) -> Vec<String> {
    let (status, page) = get(center, token, &format!("/api/v1/incidents?{query}"));
    assert_eq!(status, 200, "{page}");
    let camera = |incident: &Value| incident["cameras"][0]["camera"].as_str().unwrap().to_owned();
    let mut cameras: Vec<_> = page["items"].as_array().unwrap().iter().map(camera).collect();
    cameras.sort();
    cameras
}

fn rights_begin_with_the_first_grant() {
    let (center, _gateway) = city();
    let (lan, admin) = (user(&center, "lan", "operator"), user(&center, "root", "admin"));
    for token in [&lan, &admin, TOKEN] {
        assert_eq!(fires(&center, token, ""), ["here", "there"], "before the first grant all see all");
    }
    let id = grant(&center, "lan", &["--role", "operator", "--area", WARD]);
    assert_eq!(fires(&center, &lan, ""), ["here"]);
    assert_eq!(fires(&center, TOKEN, ""), [""; 0], "the token for scripts needs a grant too");
    assert_eq!(fires(&center, &admin, ""), ["here", "there"], "an administrator whom no grant names");
    center.command(&["grant", "revoke", &id], "");
    assert_eq!(fires(&center, &lan, ""), [""; 0], "at once");
    grant(&center, "demo-token", &["--role", "viewer", "--everywhere"]);
    assert_eq!(fires(&center, TOKEN, ""), ["here", "there"]);
    grant(&center, "root", &["--role", "viewer", "--area", NEIGHBOUR]);
    assert_eq!(fires(&center, &admin, ""), ["there"], "an administrator who is named");
}

fn each_sees_their_own_and_nothing_else() {
    let (center, mut gateway) = city();
    for camera in ["here", "there"] {
        let measurement = Message::golden("measurement_traffic").now().at_camera(camera);
        let measurement = measurement.set("/id", format!("m-{camera}"));
        gateway.publish("measurements", &measurement.text());
    }
    wait_for("two measurements", || {
        let (_, page) = center.get("/api/v1/measurements");
        if page["items"].as_array().is_some_and(|items| items.len() == 2) { Ok(()) } else { Err(page.to_string()) }
    });
    let there = center.incidents("camera=there", 1)[0]["id"].as_str().unwrap().to_owned();
    let (lan, minh) = (user(&center, "lan", "operator"), user(&center, "minh", "operator"));
    grant(&center, "lan", &["--role", "operator", "--area", WARD]);
    grant(&center, "minh", &["--role", "viewer", "--area", "MP-TINH:01", "--kinds", "flood"]);

    assert_eq!(fires(&center, &lan, "state=all"), ["here"]);
    assert_eq!(fires(&center, &lan, "state=all&kind=fire&limit=1"), ["here"]);
    assert_eq!(fires(&center, &lan, "bbox=106.0,10.0,106.1,10.1"), ["here"]);
    assert_eq!(fires(&center, &lan, "bbox=106.2,10.0,106.3,10.1"), [""; 0]);
    assert_eq!(fires(&center, &minh, "state=all"), [""; 0], "whoever sees floods sees no fires");
    let other = "01a1fd1e-8c00-7707-8707-000000000002";
    for path in [
        format!("/api/v1/incidents/{there}"),
        format!("/api/v1/events/{other}"),
        format!("/api/v1/evidence/{other}.jpg"),
        format!("/api/v1/clips/{other}.mp4"),
        "/api/v1/cameras/tdm.gw-01/there".into(),
        "/api/v1/cameras/tdm.gw-01/there/picture.jpg".into(),
        format!("/api/v1/ogc/collections/incidents/items/{there}"),
        "/api/v1/ogc/collections/cameras/items/tdm.gw-01:there".into(),
    ] {
        let (status, problem) = get(&center, &lan, &path);
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{path}: {problem}");
    }
    for (what, body) in [("acknowledge", "{}"), ("close", r#"{"reason":"resolved"}"#), ("note", r#"{"note":"x"}"#)] {
        let (status, problem) = ask(&center, &lan, "POST", &format!("/api/v1/incidents/{there}/{what}"), Some(body));
        assert_eq!(status, 404, "{what}: {problem}");
    }
    let (status, _) = ask(&center, &lan, "POST", &format!("/api/v1/clips/{other}/request"), None);
    assert_eq!(status, 404);
    let cameras = |path: &str, of: &str, pointer: &str| -> Vec<String> {
        let (status, all) = get(&center, &lan, path);
        assert_eq!(status, 200, "{path}: {all}");
        let list = if of.is_empty() { &all } else { &all[of] };
        list.as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(cameras("/api/v1/cameras", "", "/camera"), ["here"]);
    assert_eq!(cameras("/api/v1/events", "items", "/camera/camera"), ["here"]);
    assert_eq!(cameras("/api/v1/measurements", "items", "/camera"), ["here"]);
    assert_eq!(cameras("/api/v1/ogc/collections/cameras/items", "features", "/id"), ["tdm.gw-01:here"]);
    assert_eq!(cameras("/api/v1/ogc/collections/incidents/items", "features", "/id").len(), 1);
    let (_, iris) = get(&center, &lan, "/api/v1/feeds/iris.csv");
    assert_eq!(iris.as_str().unwrap().lines().count(), 1, "{iris}");
    // A deny wins.
    grant(&center, "lan", &["--role", "viewer", "--area", "MP-TINH:01", "--kinds", "fire", "--deny"]);
    assert_eq!(fires(&center, &lan, "state=all"), [""; 0]);
    assert_eq!(cameras("/api/v1/events", "items", "/camera/camera"), [""; 0]);
    assert_eq!(cameras("/api/v1/cameras", "", "/camera"), ["here"], "the camera is no fire");
}

fn what_may_be_seen_may_not_be_done() {
    let (center, _gateway) = city();
    let here = center.incidents("camera=here", 1)[0]["id"].as_str().unwrap().to_owned();
    let lan = user(&center, "lan", "operator");
    grant(&center, "lan", &["--role", "viewer", "--area", WARD]);
    let (_, me) = get(&center, &lan, "/api/v1/me");
    assert_eq!(me["capabilities"], json!(["view.map"]));
    let acknowledge = || ask(&center, &lan, "POST", &format!("/api/v1/incidents/{here}/acknowledge"), Some("{}"));
    let forbidden = |(status, problem): (u16, Value), said: &str| {
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    };
    forbidden(acknowledge(), "`event.ack` is needed here: not granted");
    let event = "01a1fd1e-8c00-7707-8707-000000000001";
    forbidden(get(&center, &lan, "/api/v1/cameras/tdm.gw-01/here/picture.jpg"), "`view.live`");
    forbidden(get(&center, &lan, &format!("/api/v1/clips/{event}.mp4")), "`view.playback`");
    forbidden(ask(&center, &lan, "POST", &format!("/api/v1/clips/{event}/request"), None), "`view.playback`");
    forbidden(get(&center, &lan, "/metrics"), "`camera.admin`");
    forbidden(get(&center, &lan, "/api/v1/open-data/cameras.csv"), "`publish.open`");
    grant(&center, "lan", &["--capabilities", "event.ack", "--area", NEIGHBOUR]);
    forbidden(acknowledge(), "granted, but not for this place and kind");
    grant(&center, "lan", &["--capabilities", "event.ack", "--area", WARD, "--kinds", "fire"]);
    assert_eq!(acknowledge().0, 200);
    let deny = grant(&center, "lan", &["--capabilities", "event.ack", "--everywhere", "--deny"]);
    let note = ask(&center, &lan, "POST", &format!("/api/v1/incidents/{here}/note"), Some(r#"{"note":"x"}"#));
    forbidden(note, &format!("denied by {deny}"));
}

fn a_listener_hears_of_their_own() {
    let (center, mut gateway) = city();
    let lan = user(&center, "lan", "operator");
    let id = grant(&center, "lan", &["--role", "operator", "--area", WARD]);
    let mut listener = Listener::connect_as(&center, &lan, None);
    assert_eq!(listener.next().event, "hello");
    gateway.publish("events", &Message::event("event_began", 3).at_camera("there").text());
    gateway.publish("events", &Message::event("event_began", 4).at_camera("here").text());
    let heard = listener.until("incident", |_| true);
    assert_eq!(heard.data["cameras"][0]["camera"], "here", "{}", heard.data);
    // Whoever was away hears of their own too.
    let mut again = Listener::connect_as(&center, &lan, Some(0));
    loop {
        let news = again.next();
        let of = news.data["camera"].as_str().or(news.data["cameras"][0]["camera"].as_str());
        assert_ne!(of, Some("there"), "{news:?}");
        if news.event == "incident" {
            break;
        }
    }
    center.command(&["grant", "revoke", &id], "");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    grant(&center, "lan", &["--role", "operator", "--area", NEIGHBOUR]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    gateway.publish("events", &Message::event("event_began", 5).at_camera("here").text());
    gateway.publish("events", &Message::event("event_began", 6).at_camera("there").text());
    listener.until("reset", |_| true);
    let heard = listener.until("incident", |_| true);
    assert_eq!(heard.data["cameras"][0]["camera"], "there", "{}", heard.data);
}

fn places_follow_the_areas() {
    let mut center = Center::new("");
    center.add_edge();
    center.start();
    let mut gateway = Gateway::connect(&center);
    let status = |longitude: f64| {
        Message::golden("camera_status").now().at_camera("here").set("/data/position", json!([longitude, 10.03])).text()
    };
    gateway.publish("cameras/here/status", &status(106.05));
    gateway.publish("events", &Message::event("event_began", 1).at_camera("here").text());
    center.incidents("", 1);
    let (lan, minh) = (user(&center, "lan", "operator"), user(&center, "minh", "operator"));
    // Areas come after what lies in them.
    import_areas(&center);
    grant(&center, "lan", &["--role", "operator", "--area", WARD]);
    grant(&center, "minh", &["--role", "operator", "--area", NEIGHBOUR]);
    assert_eq!(fires(&center, &lan, ""), ["here"]);
    assert_eq!(fires(&center, &minh, ""), [""; 0]);
    // The camera is carried to the other ward.
    gateway.publish("cameras/here/status", &status(106.25));
    wait_for("the camera's incident to move", || {
        let seen = (fires(&center, &lan, "").len(), fires(&center, &minh, "").len());
        if seen == (0, 1) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

fn the_trail_holds_what_people_did() {
    let (center, _gateway) = city();
    let lan = user(&center, "lan", "admin");
    let here = center.incidents("camera=here", 1)[0]["id"].as_str().unwrap().to_owned();
    let url = format!("{}/api/v1/session", center.url().unwrap());
    for name in ["lan", "mat-khau-cua-toi"] {
        let body = json!({"name": name, "password": "wrong"}).to_string();
        assert_eq!(request("POST", &url, &[], Some(body.as_bytes())).unwrap().0, 401);
    }
    ask(&center, &lan, "POST", &format!("/api/v1/incidents/{here}/note"), Some(r#"{"note":"gọi 114"}"#));
    let id = grant(&center, "lan", &["--role", "area-admin", "--everywhere"]);
    let text = center.command(&["audit", "export"], "");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| ["who", "what", "object", "outcome"].map(|key| line[key].as_str().unwrap()))
        .filter(|[_, what, ..]| *what != "config_changed")
        .collect();
    assert_eq!(
        told,
        [
            ["matpho-center", "gateway_added", "tdm.gw-01", "done"],
            ["matpho-center", "areas_imported", "", "done"],
            ["matpho-center", "user_put", "lan", "done"],
            ["lan", "login", "lan", "done"],
            ["lan", "login", "lan", "refused"],
            ["unknown", "login", "unknown", "refused"],
            ["lan", "incident", &here, "done"],
            ["matpho-center", "grant_added", &id, "done"],
        ],
        "{text}"
    );
    assert!(!text.contains("mat-khau"), "what stands in the field for the name may be a password");
    let syslog = center.command(&["audit", "export", "--format", "syslog", "--after", "3"], "");
    assert_eq!(syslog.lines().count(), lines.len() - 3, "{syslog}");
    assert!(syslog.lines().all(|line| line.starts_with("<109>1 20") || line.starts_with("<108>1 20")), "{syslog}");
    let said = center.command(&["audit", "verify"], "");
    let known = said.trim().rsplit_once(' ').unwrap().1;
    assert_eq!(center.command(&["audit", "verify", "--expect", known], ""), said);
    let other = known.replace(':', ":0");
    let wrong = common::center(&["audit", "verify", "--expect", &other, "--config", &center.config()], "");
    assert_eq!(wrong.status.code(), Some(1), "a line that is not there");
    // Who may read it.
    let minh = user(&center, "minh", "operator");
    assert_eq!(get(&center, &minh, "/api/v1/audit").0, 403);
    let (status, page) = get(&center, &lan, "/api/v1/audit?what=login&who=lan&limit=2");
    assert_eq!(status, 200, "{page}");
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
    assert!(page["items"][0]["line"].as_i64() > page["items"][1]["line"].as_i64());
    assert!(page["items"][0]["address"].as_str().unwrap().starts_with("127."), "{page}");
}

fn somebody_stands_in_for_somebody() {
    let (center, _gateway) = city();
    let (chief, lan, minh) =
        (user(&center, "chief", "operator"), user(&center, "lan", "operator"), user(&center, "minh", "operator"));
    let list = center.path().join("agencies.csv");
    let row = |area: &str, kinds: &str| format!("id,name,kinds,areas,telephone\nward,Phường,{kinds},{area},1022\n");
    std::fs::write(&list, row("MP-XA:99999", "fire volcano")).unwrap();
    let list = list.display().to_string();
    let wrong = common::center(&["agency", "import", &list, "--config", &center.config()], "");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(
        said.contains("agencies.csv:2: kinds: `volcano` is no kind") && said.contains(":2: areas: MP-XA:99999 is not known"),
        "{said}"
    );
    std::fs::write(&list, row(WARD, "fire flood")).unwrap();
    assert_eq!(center.command(&["agency", "import", &list], ""), "1 agencies are kept\n");
    // What is granted to an agency is its members'.
    let purpose = ["--purpose", "test"];
    let held = center
        .command(&[&["grant", "add", "--agency", "ward", "--role", "area-admin", "--area", WARD], &purpose[..]].concat(), "");
    assert_eq!(fires(&center, &chief, ""), [""; 0]);
    center.command(&["agency", "join", "ward", "chief"], "");
    assert_eq!(fires(&center, &chief, ""), ["here"]);
    let (_, agencies) = get(&center, &chief, "/api/v1/agencies");
    assert_eq!((&agencies[0]["id"], &agencies[0]["areas"]), (&json!("ward"), &json!([WARD])), "{agencies}");
    // The chief goes on leave; Lan stands in, until a day.
    let pass_on = |token: &str, from: &str, area: &str, capabilities: &[&str]| {
        let body = json!({"passed_on_from": from, "user": "lan", "capabilities": capabilities, "area": area,
            "until": common::time(3_600), "purpose": "leave"});
        ask(&center, token, "POST", "/api/v1/grants", Some(&body.to_string()))
    };
    let held = held.trim();
    let (status, problem) = pass_on(&chief, held, NEIGHBOUR, &["view.map"]);
    assert_eq!(status, 403, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("MP-XA:10002 is not below MP-XA:10001"), "{problem}");
    assert_eq!(pass_on(&minh, held, WARD, &["view.map"]).0, 404, "not his to pass on, and none of his business");
    let (status, passed) = pass_on(&chief, held, WARD, &["view.map", "event.ack"]);
    assert_eq!(status, 201, "{passed}");
    assert_eq!(fires(&center, &lan, ""), ["here"]);
    let id = passed["id"].as_str().unwrap();
    assert_eq!(pass_on(&lan, id, WARD, &["view.map"]).0, 403, "who stands in passes nothing on");
    let (_, grants) = get(&center, &lan, "/api/v1/grants");
    assert_eq!(grants.as_array().unwrap().len(), 1, "{grants}");
    assert_eq!(ask(&center, &lan, "DELETE", &format!("/api/v1/grants/{id}"), None).0, 403);
    assert_eq!(ask(&center, &chief, "DELETE", &format!("/api/v1/grants/{id}"), None).0, 204);
    assert_eq!(fires(&center, &lan, ""), [""; 0]);
    center.command(&["agency", "leave", "ward", "chief"], "");
    assert_eq!(fires(&center, &chief, ""), [""; 0]);
}
