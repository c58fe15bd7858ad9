//! What is let go, and what is backed up and restored, on both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

#[path = "common/s3.rs"]
mod s3;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use common::{
    Center, Gateway, Message, golden,
    stores::{self, Kind},
    wait_for,
};

on_both_stores!(
    what_is_old_and_closed_goes,
    rules_for_kinds_and_areas_come_before_what_is_usual,
    a_rule_for_an_area_that_is_not_there_holds_up_everything,
    a_backup_is_restored_into_either_store,
    a_backup_goes_from_a_folder_into_a_bucket_and_back,
    a_backup_that_is_damaged_or_has_no_room_is_refused,
);

const PICTURE: &str = "evidence/01a1fd1e-8c00-7707-8707-070707070707";

/// A centre with two fires, one of which is closed and has a picture; it is stopped.
fn with_history(retention: &str) -> Center {
    let mut center = Center::started(retention);
    let mut gateway = Gateway::connect(&center);
    gateway.publish("status", &golden("edge_status"));
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    gateway.publish("events", &Message::golden("event_began").now().text());
    gateway.publish(PICTURE, &Message::golden("evidence").now().text());
    gateway.publish("measurements", &golden("measurement_traffic"));
    gateway.publish("events", "no JSON");
    gateway.publish("events", &Message::event("event_began", 9).at_camera("c9").text());
    center.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu của Lan\n");
    let closed = wait_for("the picture", || {
        let incident = center.incidents("camera=cam-3", 1).remove(0);
        if incident["evidence"].as_array().is_some_and(|all| all.len() == 1) { Ok(incident) } else { Err(incident.to_string()) }
    });
    center.incidents("", 2);
    center.wait_metric("matpho_center_messages_total{kind=\"measurement\"}", 1.0);
    let path = format!("/api/v1/incidents/{}/close", closed["id"].as_str().unwrap());
    assert_eq!(center.post(&path, Some(r#"{"reason":"resolved"}"#)).0, 200);
    assert_eq!(center.stop(), Some(0), "{}", center.log());
    center
}

/// What `retain` prints: how many of what.
fn retain(center: &Center, arguments: &[&str]) -> BTreeMap<String, u64> {
    let text = center.command(&[&["retain"], arguments].concat(), "");
    let row = |line: &str| {
        let cells: Vec<_> = line.split('\t').collect();
        (cells[0].to_owned(), cells[2].parse().unwrap())
    };
    text.lines().skip(1).map(row).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// Rows are made old, for the clock cannot be.
fn what_is_old_and_closed_goes() {
    let center = with_history("[retention]\nincidents_days = 31\nmessages_days = 31\n");
    let nothing = retain(&center, &["--dry-run"]);
    assert_eq!(nothing.values().sum::<u64>(), u64::from(old_measurement()), "{nothing:?}");
    assert_eq!(files(&center.state().join("evidence")).len(), 1);
    // A hundred days later, as far as the rows can tell.
    let past = 100 * 86_400_000_i64;
    for (table, column) in
        [("incidents", "closed_at"), ("event_messages", "arrived_at"), ("evidence", "seen_at"), ("rejected", "arrived_at")]
    {
        sql(&center, &format!("UPDATE {table} SET {column} = {column} - {past}"));
    }
    let would = retain(&center, &["--dry-run"]);
    let expected = [("incidents", 1), ("messages", 1), ("pictures", 1), ("clips", 0), ("rejected", 1)];
    assert!(expected.iter().all(|(word, count)| would[*word] == *count), "{would:?}");
    assert_eq!(retain(&center, &["--dry-run"]), would, "a dry run lets nothing go");
    let gone = retain(&center, &[]);
    // The closed incident takes its message and its picture with it.
    let expected = [("incidents", 1), ("messages", 0), ("pictures", 0), ("rejected", 1)];
    assert!(expected.iter().all(|(word, count)| gone[*word] == *count), "{gone:?}");
    assert_eq!(files(&center.state().join("evidence")), Vec::<PathBuf>::new());
    assert_eq!(retain(&center, &[]).values().sum::<u64>(), 0);
    let mut center = center;
    center.start();
    let left = center.incidents("", 1).remove(0);
    assert_eq!((&left["cameras"][0]["camera"], &left["state"]), (&"c9".into(), &"new".into()));
    assert_eq!(center.event_count(), Ok(1));
}

/// What `retain` prints: for each rule that something is let go by, how much.
fn by_rule(center: &Center, arguments: &[&str]) -> Vec<(String, u64)> {
    let text = center.command(&[&["retain"], arguments].concat(), "");
    let row = |line: &str| {
        let cells: Vec<_> = line.split('\t').collect();
        (cells[3].to_owned(), cells[2].parse().unwrap())
    };
    text.lines().skip(1).map(row).filter(|(rule, rows)| *rows > 0 && !rule.contains("measurements")).collect()
}

fn areas(name: &str) -> String {
    format!("{}/tests/areas/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Fires of the ward are kept longer, those of the city around it shorter, whatever is in no area as is usual.
fn rules_for_kinds_and_areas_come_before_what_is_usual() {
    let center = Center::new(
        "[retention]\nincidents_days = 200\n\
         [[retention.rules]]\nkinds = \"fire\"\nareas = [\"MP-XA:10001\"]\nincidents_days = 0\npictures_days = 300\n\
         [[retention.rules]]\nkinds = \"traffic,fire.flame\"\nareas = [\"MP-TINH:01\"]\nincidents_days = 40\n\
         [[retention.rules]]\nareas = [\"MP-TINH:01\"]\nmeasurements_days = 31\npictures_days = 30\n",
    );
    center.add_edge();
    center.command(&["area", "import", &areas("areas.csv"), &areas("borders.geojson"), &areas("successors.csv")], "");
    let mut center = center;
    center.start();
    let mut gateway = Gateway::connect(&center);
    // In the ward, in another one of the same city, and nowhere.
    let cameras = [(1, "ward", 106.05), (2, "city", 106.25), (3, "nowhere", 120.0)];
    for (seed, camera, longitude) in cameras {
        let status =
            Message::golden("camera_status").now().at_camera(camera).set("/data/position", serde_json::json!([longitude, 10.03]));
        gateway.publish(&format!("cameras/{camera}/status"), &status.text());
        let event = Message::event("event_began", seed).at_camera(camera);
        let id = event.0["data"]["event"].as_str().unwrap().to_owned();
        gateway.publish("events", &event.text());
        let evidence = Message::golden("evidence").now().at_camera(camera).set("/data/event", id.clone());
        gateway.publish(&format!("evidence/{id}"), &evidence.text());
    }
    let incidents = wait_for("the pictures", || {
        let incidents = center.incidents("", 3);
        let with = incidents.iter().filter(|incident| incident["evidence"].as_array().is_some_and(|all| all.len() == 1)).count();
        if with == 3 { Ok(incidents) } else { Err(format!("{incidents:?}")) }
    });
    for incident in &incidents {
        let path = format!("/api/v1/incidents/{}/close", incident["id"].as_str().unwrap());
        assert_eq!(center.post(&path, Some(r#"{"reason":"resolved"}"#)).0, 200);
    }
    center.stop();
    let aged = |days: i64| {
        for (table, column) in [("incidents", "closed_at"), ("evidence", "seen_at")] {
            let now = matpho_scene::WallTime::from(std::time::SystemTime::now()).as_unix_millis();
            sql(&center, &format!("UPDATE {table} SET {column} = {}", now - days * 86_400_000));
        }
    };
    let expected = |rows: &[(&str, u64)]| rows.iter().map(|(rule, rows)| ((*rule).to_owned(), *rows)).collect::<Vec<_>>();
    aged(35);
    assert_eq!(by_rule(&center, &["--dry-run"]), expected(&[("retention.rules[2].pictures_days", 1)]), "of the city");
    aged(100);
    let usual = ("retention.pictures_days", 1);
    assert_eq!(
        by_rule(&center, &["--dry-run"]),
        expected(&[("retention.rules[1].incidents_days", 1), ("retention.rules[2].pictures_days", 1), usual])
    );
    aged(250);
    let of_all = [("retention.rules[1].incidents_days", 1), ("retention.incidents_days", 1)];
    assert_eq!(by_rule(&center, &[]), expected(&of_all), "an incident takes its picture along");
    assert_eq!(files(&center.state().join("evidence")).len(), 1);
    aged(10_000);
    assert_eq!(by_rule(&center, &[]), expected(&[("retention.rules[0].pictures_days", 1)]), "the incident stays for ever");
    assert_eq!(files(&center.state().join("evidence")), Vec::<PathBuf>::new());
    center.start();
    assert_eq!(center.incidents("state=closed", 1)[0]["cameras"][0]["camera"], "ward");
}

/// What is let go by the wrong rule is gone: a slip of the pen, a reform of the areas or a forgotten import lets nothing go.
fn a_rule_for_an_area_that_is_not_there_holds_up_everything() {
    let rule =
        |areas: &str| format!("[retention]\npictures_days = 1\n[[retention.rules]]\nareas = [{areas}]\npictures_days = 0\n");
    let center = with_history(&rule("\"MP-XA:10001\""));
    sql(&center, "UPDATE evidence SET seen_at = seen_at - 864000000");
    let refused = |part: &str| {
        for arguments in [&["retain"][..], &["retain", "--dry-run"]] {
            let output = common::center(&[arguments, &["--config", &center.config()]].concat(), "");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(1) && said.contains(part), "{said}");
        }
        assert_eq!(files(&center.state().join("evidence")).len(), 1);
    };
    assert!(center.log().contains("no areas are imported yet"), "{}", center.log());
    refused("no areas are imported yet");
    center.command(&["area", "import", &areas("areas.csv"), &areas("borders.geojson"), &areas("successors.csv")], "");
    let before = fs::read_to_string(center.config()).unwrap();
    for (named, part) in [
        ("\"MP-XA:10003\"", "retention.rules[0].areas: MP-XA:10003 is no area that was imported"),
        ("\"MP-CU:00102\"", "MP-CU:00102 has ended; it is MP-XA:10001, MP-XA:10002 now"),
        ("\"MP-CU:00102\", \"MP-XA:10001\"", "it is MP-XA:10002 now"),
    ] {
        fs::write(center.config(), before.replace("\"MP-XA:10001\"", named)).unwrap();
        refused(part);
    }
    for named in ["\"MP-XA:10001\"", "\"MP-CU:00102\", \"MP-XA:10001\", \"MP-XA:10002\"", "\"MP-CU:00102\", \"MP-TINH:01\""] {
        fs::write(center.config(), before.replace("\"MP-XA:10001\"", named)).unwrap();
        // The camera stands in none of them.
        assert_eq!(by_rule(&center, &["--dry-run"]), [("retention.pictures_days".to_owned(), 1)], "{named}");
    }
}

/// Whether the golden measurement is older than measurements are kept, by the day that this runs.
fn old_measurement() -> bool {
    let from: matpho_scene::WallTime =
        serde_json::from_value(Message::golden("measurement_traffic").0["data"]["from"].clone()).unwrap();
    matpho_scene::WallTime::from(std::time::SystemTime::now()).since(from).as_secs() > 730 * 86_400
}

/// A statement on the stopped centre's database.
fn sql(center: &Center, statement: &str) {
    match stores::kind() {
        Kind::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(center.state().join("center.db"));
            stores::block_on(async {
                let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
                sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&pool).await.unwrap();
                pool.close().await;
            });
        }
        Kind::Postgres => {
            let config = fs::read_to_string(center.config()).unwrap();
            let database = config.split_once("postgres:///").unwrap().1.split('?').next().unwrap();
            stores::Cluster::shared().try_sql(database, statement).unwrap();
        }
    }
}

/// The tables of a backup, rows in no order.
fn tables(backup: &Path) -> BTreeMap<String, Vec<serde_json::Value>> {
    let mut tables = BTreeMap::new();
    for path in files(&backup.join("tables")) {
        let text = fs::read_to_string(&path).unwrap();
        let mut rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // SQLite says 0 and 1 where PostgreSQL says false and true.
        for value in rows.iter_mut().flat_map(|row| row.as_object_mut().unwrap().values_mut()) {
            if let Some(yes) = value.as_bool() {
                *value = i64::from(yes).into();
            }
        }
        rows.sort_by_key(ToString::to_string);
        tables.insert(path.file_name().unwrap().to_string_lossy().into_owned(), rows);
    }
    tables
}

fn a_backup_is_restored_into_either_store() {
    let center = with_history("");
    let (first, second) = (center.path().join("backup"), center.path().join("again"));
    let said = center.command(&["backup", first.to_str().unwrap()], "");
    assert!(said.contains("1 files"), "{said}");
    let picture = files(&center.state().join("evidence")).remove(0);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut other = stores::with(kind, || Center::new(""));
        other.command(&["restore", first.to_str().unwrap()], "");
        other.command(&["backup", second.to_str().unwrap()], "");
        assert_eq!(tables(&first), tables(&second), "{kind:?}");
        let copied = other.state().join(picture.strip_prefix(center.state()).unwrap());
        assert_eq!(fs::read(copied).unwrap(), fs::read(&picture).unwrap());
        fs::remove_dir_all(&second).unwrap();
        // It works on: the gateway's account is good, what was taken is known, new rows have new numbers.
        other.start();
        let mut gateway = Gateway::connect(&other);
        gateway.publish("events", &Message::event("event_began", 9).at_camera("c9").text());
        gateway.publish("events", &Message::event("event_congestion", 10).text());
        other.incidents("state=open", 2);
        other.incidents("state=closed", 1);
        other.wait_metric("matpho_center_duplicates_total", 1.0);
        assert_eq!(other.command(&["user", "list"], ""), "lan\toperator\n");
        other.stop();
    }
}

/// The way from one box to several, and back.
fn a_backup_goes_from_a_folder_into_a_bucket_and_back() {
    let center = with_history("");
    let (first, second) = (center.path().join("backup"), center.path().join("again"));
    center.command(&["backup", first.to_str().unwrap()], "");
    let picture = files(&center.state().join("evidence")).remove(0);
    let name = picture.strip_prefix(center.state()).unwrap().to_str().unwrap();
    let bucket = s3::S3::start();
    let other = Center::new(&bucket.section());
    other.command(&["restore", first.to_str().unwrap()], "");
    assert_eq!(bucket.objects(), [(name.to_owned(), fs::read(&picture).unwrap())]);
    let said = other.command(&["backup", second.to_str().unwrap()], "");
    assert!(said.contains("1 files") && !said.contains("damaged"), "{said}");
    assert_eq!(tables(&first), tables(&second));
    let third = Center::new("");
    third.command(&["restore", second.to_str().unwrap()], "");
    assert_eq!(fs::read(third.state().join(name)).unwrap(), fs::read(&picture).unwrap());
    // A picture that somebody changed where it lies is told.
    fs::write(third.state().join(name), "no picture").unwrap();
    let said = third.command(&["backup", third.path().join("backup").to_str().unwrap()], "");
    assert!(said.contains(&format!("damaged, not as they came in, are {name}")), "{said}");
}

fn a_backup_that_is_damaged_or_has_no_room_is_refused() {
    let center = with_history("");
    let backup = center.path().join("backup");
    let path = backup.to_str().unwrap();
    center.command(&["backup", path], "");
    let refused = |center: &Center, arguments: &[&str], part: &str| {
        let output = common::center(&[arguments, &["--config", &center.config()]].concat(), "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(part), "{arguments:?}: {said}");
    };
    refused(&center, &["backup", path], "a folder that does not exist yet");
    refused(&center, &["restore", path], "the store is not empty");
    let other = Center::new("");
    let events = backup.join("tables/events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, text.replacen("cam-3", "cam-4", 1)).unwrap();
    refused(&other, &["restore", path], "events.jsonl is damaged");
    fs::write(&events, text).unwrap();
    fs::remove_file(backup.join("backup.json")).unwrap();
    refused(&other, &["restore", path], "is no whole backup");
}
