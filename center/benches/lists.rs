//! How long a commune's user waits for lists and map, however much is kept: `cargo bench -p matpho-center --bench lists`
//! (`MATPHO_BENCH_EVENTS=20000`: with less; `-- --test`: with hardly any; `-- --store postgres`: on one store).
//!
//! The centre's program over HTTP, on SQLite and on PostgreSQL, with a million events (two an incident) of 10,000 cameras in 168 communes of one
//! province. Rows are put in by SQL, areas by `area import`; eight users have a commune each, one has the province. The figures are whole
//! requests: connection, session, rights, query, JSON. PostgreSQL knows its tables (its autovacuum sees to that in life), SQLite does not: the
//! centre never runs `ANALYZE` there.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::{fmt::Write, time::Instant};

use common::{
    Center, golden, request,
    stores::{self, Kind, run_sql},
};
use matpho_center::config::Config;
use serde_json::{Value, json};

const CAMERAS: u32 = 10_000;
const COMMUNES: u32 = 168;
const USERS: u32 = 8;
/// Incidents that nobody has closed.
const OPEN: u32 = 2_000;
/// Minutes that were measured at each camera.
const MINUTES: u32 = 30;

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let wanted = std::env::var("MATPHO_BENCH_EVENTS").ok().and_then(|text| text.parse().ok());
    let events: u32 = wanted.unwrap_or(if smoke { 100_000 } else { 1_000_000 });
    let rounds = if smoke { 2 } else { 50 };
    println!("\n### Lists and map with {events} events: milliseconds a request\n");
    println!("| store | request | of a commune: half within | 99 in 100 within | of the province: half | 99 in 100 |");
    println!("|---|---|---|---|---|---|");
    let only = std::env::args().skip_while(|argument| argument != "--store").nth(1);
    let kinds = [("sqlite", Kind::Sqlite), ("postgres", Kind::Postgres)];
    for (_, kind) in kinds.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        stores::with(kind, || store(kind, events, rounds));
    }
}

/// The commune of a user.
fn commune(user: usize) -> usize {
    user * 20
}

/// Communes lie in a row, each a tenth of a degree wide; cameras are spread over them.
fn areas() -> (String, Value) {
    let mut list = "scheme,code,kind,name,valid_from,parent\nP,1,province,Tỉnh,2000-01-01,\n".to_owned();
    let mut features = Vec::new();
    for commune in 0..COMMUNES {
        writeln!(list, "X,{commune},commune,Xã {commune},2000-01-01,P:1").unwrap();
        let (west, east) = (f64::from(commune) / 100.0 + 105.0, f64::from(commune + 1) / 100.0 + 105.0);
        let ring = json!([[[west, 10.0], [east, 10.0], [east, 10.1], [west, 10.1], [west, 10.0]]]);
        features.push(json!({"type": "Feature", "properties": {"scheme": "X", "code": commune.to_string()},
            "geometry": {"type": "Polygon", "coordinates": ring}}));
    }
    (list, json!({"type": "FeatureCollection", "features": features}))
}

/// A text as SQL has it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn numbers(count: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1)")
}

fn store(kind: Kind, events: u32, rounds: u32) {
    // Pictures are rows without files here, and not to be tidied up meanwhile.
    let mut center = Center::new("[retention]\npictures_days = 0\n");
    let mut users: Vec<String> = (0..USERS).map(|user| format!("u{user}")).collect();
    users.push("province".into());
    for user in &users {
        center.command(&["user", "add", user, "--password-stdin"], "a-long-password\n");
    }
    let config = Config::load(std::path::Path::new(&center.config())).unwrap();
    let sql = |text: &str| stores::block_on(async { run_sql(&config, text).await.unwrap() });
    let data = |name: &str| serde_json::from_str::<Value>(&golden(name)).unwrap()["data"].to_string();
    let status = quoted(&data("camera_status"));
    // A hair east of the border, so that none lies on it.
    let longitude = format!("(105.0001 + (i % {COMMUNES}) / 100.0)");
    sql(&format!(
        "INSERT INTO cameras (edge, camera, name, longitude, latitude, said_at, arrived_at, status) {} \
         SELECT 'tdm.gw', 'c' || CAST(i AS TEXT), 'Camera', {longitude}, 10.05, 1795000000000, 1795000000000, \
         REPLACE({status}, '\"cam-3\"', '\"c' || CAST(i AS TEXT) || '\"') FROM n",
        numbers(CAMERAS)
    ));
    let (list, borders) = areas();
    let file = |name: &str, text: &str| {
        std::fs::write(center.path().join(name), text).unwrap();
        center.path().join(name).display().to_string()
    };
    center.command(&["area", "import", &file("areas.csv", &list), &file("borders.geojson", &borders.to_string())], "");
    for (number, user) in users.iter().enumerate() {
        let area = if user == "province" { "P:1".to_owned() } else { format!("X:{}", commune(number)) };
        center.command(&["grant", "add", "--user", user, "--role", "operator", "--area", &area, "--purpose", "bench"], "");
    }
    fill(&sql, events, &quoted(&data("event_began")));
    let figures = serde_json::from_str::<Value>(&data("measurement_traffic")).unwrap()["figures"].to_string();
    let latest_minute = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() / 60_000 * 60_000;
    sql(&format!(
        "INSERT INTO measurements (source, id, edge, camera, zone, from_at, to_at, figures) {} \
         SELECT 's', CAST(i AS TEXT), 'tdm.gw', 'c' || CAST(i % {CAMERAS} AS TEXT), 'inbound', {latest_minute} - (i / {CAMERAS}) * 60000, \
         {latest_minute} + 60000 - (i / {CAMERAS}) * 60000, {} FROM n",
        numbers(CAMERAS * MINUTES),
        quoted(&figures)
    ));
    if kind == Kind::Postgres {
        sql("VACUUM ANALYZE");
    }
    center.start();

    let tokens: Vec<String> = users.iter().map(|user| login(&center, user)).collect();
    let deep = format!("&before={}", incident_id(events / 4));
    for (what, path) in [
        ("who one is: session and rights alone", "/api/v1/me".to_owned()),
        ("open incidents, 50", "/api/v1/incidents?limit=50".into()),
        ("all incidents, 50", "/api/v1/incidents?state=all&limit=50".into()),
        ("all incidents, half-way back", format!("/api/v1/incidents?state=all&limit=50{deep}")),
        ("closed fires, 50", "/api/v1/incidents?state=closed&kind=fire&limit=50".into()),
        ("map: open incidents in view, 200", "/api/v1/incidents?limit=200&bbox=105,10,107,10.1".into()),
        ("map: cameras", "/api/v1/cameras".into()),
        ("map: incidents in view (OGC)", "/api/v1/ogc/collections/incidents/items?limit=1000&bbox=105,10,107,10.1".into()),
        ("map: cameras in view (OGC)", "/api/v1/ogc/collections/cameras/items?limit=10000&bbox=105,10,107,10.1".into()),
        ("map: traffic now (OGC)", "/api/v1/ogc/collections/traffic/items?limit=10000".into()),
        ("events, 100", "/api/v1/events".into()),
        ("incidents of a camera", "/api/v1/incidents?state=all&camera=c{commune}".into()),
        ("measurements, 100", "/api/v1/measurements".into()),
    ] {
        let mut line = format!("| {kind:?} | {what} |");
        for tokens in [&tokens[..USERS as usize], &tokens[USERS as usize..]] {
            let mut times: Vec<f64> = Vec::new();
            for round in 0..rounds * USERS {
                let user = round as usize % tokens.len();
                // A camera that the user may see: communes have them in turn.
                let path = path.replace("{commune}", &commune(user).to_string());
                let begin = Instant::now();
                get(&center, &tokens[user], &path);
                times.push(begin.elapsed().as_secs_f64() * 1e3);
                if times.len() >= 20 && times.iter().sum::<f64>() > 30_000.0 {
                    break;
                }
            }
            times.sort_by(f64::total_cmp);
            let within = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize];
            write!(line, " {:.1} | {:.1} |", within(0.5), within(0.99)).unwrap();
        }
        println!("{line}");
    }
}

/// UUIDs in the order of time.
fn incident_id(number: u32) -> String {
    format!("019b0000-0000-7000-8000-{}", 100_000_000_000_u64 + u64::from(number))
}

fn fill(sql: &dyn Fn(&str), events: u32, data: &str) {
    let incidents = events / 2;
    let numbers_of = |count| numbers(count);
    let id = |number: &str| format!("'019b0000-0000-7000-8000-' || CAST(100000000000 + {number} AS TEXT)");
    let camera = |incident: &str| format!("'c' || CAST(({incident}) % {CAMERAS} AS TEXT)");
    // 10,000 cameras have an incident each before the kind changes.
    let kind = |incident: &str| {
        format!(
            "CASE (({incident}) / {CAMERAS}) % 4 WHEN 0 THEN 'traffic.congestion' WHEN 1 THEN 'fire.flame' WHEN 2 THEN 'flood.street' \
             ELSE 'traffic.stopped_vehicle' END"
        )
    };
    let once_closed = |value: &str| format!("CASE WHEN i < {incidents} - {OPEN} THEN {value} END");
    let began = "1763000000000 + CAST(i AS BIGINT) * 60000";
    sql(&format!(
        "INSERT INTO incidents (id, family, kind, severity, state, ongoing, began_at, ended_at, opened_at, updated_at, late, clock_suspect, \
         event_count, closed_by, closed_at, close_reason, judged) {} SELECT {}, 'traffic', {}, 'moderate', COALESCE({}, 'new'), FALSE, {began}, \
         {began} + 300000, {began}, {began}, FALSE, FALSE, 2, {}, {}, {}, 'moderate ' || {} FROM n",
        numbers_of(incidents),
        id("i"),
        kind("i"),
        once_closed("'resolved'"),
        once_closed("'somebody'"),
        once_closed(&format!("{began} + 600000")),
        once_closed("'resolved'"),
        kind("i")
    ));
    sql(&format!(
        "INSERT INTO events (id, edge, camera, kind, number, phase, severity, severity_max, placed_at, ended_at, arrived_at, updated_at, late, \
         clock_suspect, data) {} SELECT {}, 'tdm.gw', {}, {}, 1, 'ended', 'moderate', 'moderate', {at}, {at} + 60000, {at}, {at}, FALSE, \
         FALSE, {data} FROM n",
        numbers_of(events),
        id("i"),
        camera("i / 2"),
        kind("i / 2"),
        at = "1763000000000 + CAST(i AS BIGINT) * 30000"
    ));
    sql(&format!(
        "INSERT INTO evidence (event, edge, camera, seen_at, width, height, bytes, sha256, path, redacted, clip_available, arrived_at) \
         {} SELECT {}, 'tdm.gw', {}, {began}, 1280, 720, 1000, '{}', 'evidence/none.jpg', TRUE, FALSE, {began} FROM n",
        numbers_of(incidents),
        id("2 * i"),
        camera("i"),
        "ab".repeat(32)
    ));
    sql(&format!(
        "INSERT INTO incident_events (event, incident) {} SELECT {}, {} FROM n",
        numbers_of(events),
        id("i"),
        id("(i / 2)")
    ));
    sql(&format!(
        "INSERT INTO incident_cameras (incident, edge, camera) {} SELECT {}, 'tdm.gw', {} FROM n",
        numbers_of(incidents),
        id("i"),
        camera("i")
    ));
    sql("INSERT INTO incident_areas (incident, area, kind, is_open) \
         SELECT i.id, a.area, i.kind, i.closed_at IS NULL FROM incidents i JOIN incident_cameras c ON c.incident = i.id \
         JOIN camera_areas a ON a.edge = c.edge AND a.camera = c.camera");
}

fn login(center: &Center, user: &str) -> String {
    let body = json!({"name": user, "password": "a-long-password", "hold": "token"}).to_string();
    let url = format!("{}/api/v1/session", center.url().unwrap());
    let (status, text) = request("POST", &url, &[], Some(body.as_bytes())).unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["token"].as_str().unwrap().to_owned()
}

fn get(center: &Center, token: &str, path: &str) {
    let bearer = format!("Bearer {token}");
    let url = format!("{}{path}", center.url().unwrap());
    let (status, text) = request("GET", &url, &[("authorization", &bearer)], None).unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    assert!(text.len() > 60, "{path}: {text}");
}
