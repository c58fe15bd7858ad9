//! The command line: what it prints, what it complains about, how it exits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{fs, net::TcpListener};

use common::{Center, center, golden};

#[test]
fn every_mistake_in_a_configuration_is_told_at_once() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 4);
    for path in names {
        let output = center(&["check-config", path.to_str().unwrap()], "");
        assert_eq!(output.status.code(), Some(2), "{}", path.display());
        let said = String::from_utf8(output.stderr).unwrap().replace(folder, "");
        let expected = path.with_extension("stderr");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        let golden = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(said, golden, "{} (UPDATE_GOLDEN=1 rewrites it)", expected.display());
    }
}

#[test]
fn the_default_configuration_is_right() {
    let output = center(&["print-default-config"], "");
    assert!(output.status.success());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("center.toml");
    fs::write(&path, &output.stdout).unwrap();
    let output = center(&["check-config", path.to_str().unwrap()], "");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("no errors"));
}

#[test]
fn wrong_use_exits_with_2_and_says_what_to_do() {
    let at = Center::new("");
    let config = at.config();
    for (arguments, part) in [
        (&["run", "--config", "/no/such/center.toml"][..], "print-default-config"),
        (&["check-config", "/no/such/center.toml"], "/no/such/center.toml"),
        (&["user", "add", "two words", "--password-stdin", "--config", &config], "is no user's name"),
        (&["user", "add", "lan", "--password-stdin", "--config", &config], "at least 8 characters"),
        (&["user", "add", "lan", "--config", &config], "--password-stdin"),
        (&["edge", "add", "gw-01", "--config", &config], "SITE/EDGE"),
        (&["edge", "add", "tdm/gw-01", "--password-stdin", "--config", &config], "16 to 200 characters"),
        (&["dance"], "unrecognized subcommand"),
    ] {
        let output = center(arguments, "short\n");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn an_address_in_use_is_named() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    for section in ["http", "broker"] {
        let at = Center::new("");
        let text =
            "[http]\nlisten = \"127.0.0.1:0\"\n[broker]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n".to_string();
        let text =
            text.replacen(&format!("[{section}]\nlisten = \"127.0.0.1:0\""), &format!("[{section}]\nlisten = \"{address}\""), 1);
        fs::write(at.config(), text).unwrap();
        let output = center(&["run", "--config", &at.config()], "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&address) && said.contains(&format!("{section}.listen")), "{said}");
    }
}

#[test]
fn a_second_centre_on_the_same_folder_is_refused() {
    let first = Center::started("");
    let output = center(&["run", "--config", &first.config()], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another matpho-center"), "{said}");
    assert_eq!(first.get("/api/v1/me").0, 200, "the first one goes on");
}

#[test]
fn a_gateways_password_is_printed_or_written_once() {
    let at = Center::new("");
    let printed = at.command(&["edge", "add", "tdm/gw-01"], "");
    assert_eq!(printed.trim().len(), 64, "{printed}");
    let file = at.path().join("gw-02.password");
    let printed = at.command(&["edge", "add", "tdm/gw-02", "--password-file", file.to_str().unwrap()], "");
    assert_eq!(printed, "");
    assert_eq!(fs::read_to_string(file).unwrap().trim().len(), 64);
}

#[test]
fn what_is_stored_can_be_exported() {
    let at = Center::started("");
    let mut gateway = common::Gateway::connect(&at);
    gateway.publish("events", &golden("event_began"));
    gateway.publish("events", &common::Message::event("event_congestion", 5).text());
    at.incidents("", 2);
    for (what, key, from, count) in [
        ("events", "phase", "2026-01-01T00:00:00Z", 2),
        ("incidents", "state", "2026-01-01T00:00:00Z", 2),
        ("events", "phase", "2999-01-01T00:00:00Z", 0),
    ] {
        let text = at.command(&["export", what, "--from", from], "");
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), count, "{what}: {text}");
        assert!(rows.iter().all(|row| row[key].is_string()), "{text}");
    }
}
