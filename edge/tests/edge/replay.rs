//! Recordings to events: `recordings/NAME.jsonl`, and what is said about them, `recordings/NAME.txt`, one line an event.
//! `UPDATE_GOLDEN=1` rewrites the latter.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// What matters of a line, worth reading.
fn short(line: &str) -> String {
    let message: Value = serde_json::from_str(line).unwrap();
    let data = &message["data"];
    let kind = message["type"].as_str().unwrap().trim_start_matches("io.matpho.v1.");
    match kind {
        "summary" => {
            let states: Vec<String> = data["analytics"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, a)| format!("{name} {}", a["state"].as_str().unwrap_or("-")))
                .collect();
            format!("{:8.1} s  summary  {}", data["duration_s"].as_f64().unwrap(), states.join(", "))
        }
        kind if kind.starts_with("measurement") => {
            format!("{}  {kind}  {}", message["time"].as_str().unwrap(), data["zone"].as_str().unwrap())
        }
        kind => format!(
            "{:8.1} s  {kind}  since {:.1} s  {}  {}",
            data["media_time_s"].as_f64().unwrap(),
            data["began_media_time_s"].as_f64().unwrap(),
            data["severity"].as_str().unwrap(),
            message["id"].as_str().unwrap()
        ),
    }
}

#[test]
fn recordings_say_what_is_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/recordings");
    let mut played = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        // From a folder without models: what is said depends on the recording alone.
        let output = Command::new(env!("CARGO_BIN_EXE_matpho-edge"))
            .arg("replay")
            .arg(&path)
            .args(["--models", "/nowhere"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: String = String::from_utf8(output.stdout).unwrap().lines().map(|line| short(line) + "\n").collect();
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default(), "{}", path.display());
        played += 1;
    }
    assert!(played > 0, "no recording was found");
}
