//! Pictures and clips in a bucket that speaks S3.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

#[path = "common/s3.rs"]
mod s3;

use std::fs;

use common::{Center, EVENT, Gateway, Message, TOKEN, request, request_bytes, wait_for};
use s3::S3;

on_both_stores!(
    pictures_and_clips_are_kept_in_a_bucket,
    a_bucket_that_is_away_holds_up_no_alarm_and_loses_no_picture,
    what_is_given_up_while_the_bucket_is_away_goes_later,
);

/// A picture, and what its bytes are.
fn picture(center: &Center, event: &str) -> (u16, Vec<u8>) {
    let url = format!("{}/api/v1/evidence/{event}.jpg", center.url().unwrap());
    let (status, _, bytes) = request_bytes("GET", &url, &[("authorization", &format!("Bearer {TOKEN}"))], None).unwrap();
    (status, bytes)
}

fn wait_picture(center: &Center, event: &str) -> Vec<u8> {
    wait_for("the picture", || match picture(center, event) {
        (200, bytes) => Ok(bytes),
        (status, bytes) => Err(format!("{status} {}", String::from_utf8_lossy(&bytes))),
    })
}

fn pictures_and_clips_are_kept_in_a_bucket() {
    let bucket = S3::start();
    let mut center = Center::started(&bucket.section());
    let mut gateway = Gateway::connect(&center);
    gateway.subscribe("commands");
    gateway.publish("events", &Message::golden("event_began").now().text());
    gateway.publish(&format!("evidence/{EVENT}"), &Message::golden("evidence").now().set("/data/clip_available", true).text());
    let jpeg = wait_picture(&center, EVENT);
    let sent: matpho_wire::EvidenceData = serde_json::from_value(Message::golden("evidence").0["data"].clone()).unwrap();
    assert_eq!(jpeg, sent.unpack().unwrap());
    let objects = bucket.objects();
    assert!(objects.len() == 1 && objects[0].0.starts_with("evidence/") && objects[0].1 == jpeg, "{objects:?}");
    assert!(!center.state().join("evidence").exists(), "nothing lies in the folder");
    // Who may not see it does not get it, from us or from there.
    let url = format!("{}/api/v1/evidence/{EVENT}.jpg", center.url().unwrap());
    assert_eq!(request("GET", &url, &[], None).unwrap().0, 401);

    let clip = format!("{}/api/v1/clips/{EVENT}", center.url().unwrap());
    assert_eq!(center.post(&format!("/api/v1/clips/{EVENT}/request"), None).0, 202);
    let (_, command, _) = gateway.next_message();
    let bearer = format!("Bearer {}", command["data"]["token"].as_str().unwrap());
    let mut mp4 = b"\0\0\0\x18ftypisom".to_vec();
    mp4.extend((0..300_000u32).map(|i| (i % 251) as u8));
    let put =
        |body: &[u8]| request("PUT", &clip, &[("authorization", &bearer), ("content-type", "video/mp4")], Some(body)).unwrap().0;
    assert_eq!(put(b"<html>no clip</html>"), 415);
    assert_eq!(put(&mp4), 201);
    assert_eq!(put(&mp4), 401, "once");
    let bearer = format!("Bearer {TOKEN}");
    let get = |range: &str| {
        request_bytes("GET", &format!("{clip}.mp4"), &[("authorization", &bearer), ("range", range)], None).unwrap()
    };
    let (status, headers, bytes) = get("bytes=4-11");
    assert_eq!((status, bytes.as_slice()), (206, &b"ftypisom"[..]));
    assert!(headers.contains(&("content-range".into(), format!("bytes 4-11/{}", mp4.len()))), "{headers:?}");
    assert_eq!(get("bytes=0-").2, mp4);
    assert_eq!(get("bytes=999999-").0, 416);
    assert_eq!(bucket.objects().len(), 2);
    let left = fs::read_dir(center.state().join("clips")).unwrap().count();
    assert_eq!(left, 0, "what came in was sent on");
    center.stop();
}

/// Alarms go on; pictures wait at the broker, also when the centre is killed meanwhile, and come when the bucket is back.
fn a_bucket_that_is_away_holds_up_no_alarm_and_loses_no_picture() {
    let mut bucket = S3::start();
    let mut center = Center::started(&bucket.section());
    let mut gateway = Gateway::connect(&center);
    gateway.publish("events", &Message::golden("event_began").now().text());
    gateway.publish(&format!("evidence/{EVENT}"), &Message::golden("evidence").now().text());
    let jpeg = wait_picture(&center, EVENT);
    bucket.go_away();
    let events: Vec<_> = (20..30).map(|seed| Message::event("event_began", seed).at_camera(&format!("c{seed}"))).collect();
    let id = |event: &Message| event.0["data"]["event"].as_str().unwrap().to_owned();
    for event in &events {
        let evidence = Message::golden("evidence").now().set("/data/event", id(event));
        gateway.publish(&format!("evidence/{}", id(event)), &evidence.text());
        gateway.publish("events", &event.text());
    }
    center.wait_events(events.len() + 1);
    let failing = |center: &Center| {
        wait_for("the centre to say so", || match center.get_open("/healthz")? {
            (503, text) if text.contains("\"files\":\"failing\"") && text.contains("\"store\":\"ok\"") => Ok(()),
            other => Err(format!("{other:?}")),
        });
    };
    failing(&center);
    assert_eq!(picture(&center, EVENT).0, 503, "what is there cannot be read just now");
    assert_eq!(picture(&center, &id(&events[0])).0, 404);
    let log = center.log();
    assert!(log.contains("they are not acknowledged and wait at the broker") && log.contains("it does not answer"), "{log}");
    center.kill();
    center.start_without_waiting();
    failing(&center);
    bucket.come_back();
    for event in &events {
        assert_eq!(wait_picture(&center, &id(event)), jpeg);
    }
    wait_for("the centre to be well", || match center.get_open("/healthz")? {
        (200, text) => Ok(text),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(bucket.objects().len(), events.len() + 1);
}

/// Who has to delete by law has deleted, sooner or later.
fn what_is_given_up_while_the_bucket_is_away_goes_later() {
    let mut bucket = S3::start();
    let mut center = Center::started(&bucket.section());
    let mut gateway = Gateway::connect(&center);
    // Without its event it counts as closed; taken long ago, it is older than pictures are kept.
    gateway.publish(
        &format!("evidence/{EVENT}"),
        &Message::golden("evidence").set("/data/seen/at", "2026-01-01T00:00:00.000Z").text(),
    );
    wait_for("the picture", || if bucket.objects().len() == 1 { Ok(()) } else { Err("it is not there".into()) });
    center.stop();
    bucket.go_away();
    let output = common::center(&["retain", "--config", &center.config()], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("it does not answer"), "{said}");
    bucket.come_back();
    assert_eq!(bucket.objects().len(), 1);
    center.start();
    wait_for("the centre to remove it", || if bucket.objects().is_empty() { Ok(()) } else { Err("it is there".into()) });
    center.wait_metric("matpho_center_files_to_remove", 0.0);
}

/// What is wrong with a bucket is said at the start, with what to do, and without anything secret.
#[test]
fn a_bucket_that_refuses_is_named() {
    let bucket = S3::start();
    let right = bucket.section();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wrong"), "hunter2-hunter2\n").unwrap();
    let file = right.lines().find(|line| line.starts_with("secret_key_file")).unwrap();
    for (from, to, parts) in [
        (file, "secret_key_file = \"wrong\"", ["SignatureDoesNotMatch", "files.region"]),
        (file, "secret_key_file = \"none\"", ["failed to read the secret key", "none"]),
        (file, "secret_key_variable = \"MATPHO_NO_SUCH\"", ["MATPHO_NO_SUCH", "files.secret_key_variable"]),
        ("access_key_id = \"matpho-tests\"", "access_key_id = \"somebody\"", ["403 InvalidAccessKeyId", "files.access_key_id"]),
        ("bucket = \"evidence\"", "bucket = \"nowhere\"", ["NoSuchBucket", "files.bucket"]),
    ] {
        let config = folder.path().join("center.toml");
        let files = right.replace(from, to);
        let text =
            format!("[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n[broker]\nlisten = \"127.0.0.1:0\"\n{files}");
        fs::write(&config, text).unwrap();
        let output = common::center(&["run", "--config", config.to_str().unwrap()], "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
        assert!(!said.contains("hunter2") && !said.contains(s3::SECRET_KEY) && !said.contains("X-Amz"), "{said}");
    }
}

/// Also who has the log tell everything finds neither the key nor an address that lets him in.
#[test]
fn nothing_secret_is_in_the_log() {
    let mut bucket = S3::start();
    let mut center = Center::new(&bucket.section());
    center.log_filter = "trace";
    center.add_edge();
    center.start();
    let mut gateway = Gateway::connect(&center);
    gateway.publish("events", &Message::golden("event_began").now().text());
    gateway.publish(&format!("evidence/{EVENT}"), &Message::golden("evidence").now().text());
    wait_picture(&center, EVENT);
    bucket.go_away();
    assert_eq!(picture(&center, EVENT).0, 503);
    center.stop();
    let log = center.log();
    assert!(log.contains("DEBUG sqlx"), "the log tells everything");
    assert!(!log.contains(s3::SECRET_KEY) && !log.contains("X-Amz-Signature="), "{log}");
}
