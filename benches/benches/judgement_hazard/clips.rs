//! Real clips through the built gateway: what it says of fire, smoke, water and the camera. Extra, switched on by `MATPHO_DATA=folder`, since the clips cannot be published.
//!
//! What a person would say was taken down by eye, from a picture a second.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use matpho_benches::Table;
use serde_json::Value;

/// Clips in which something burns or smokes, and from which second on a person would say so. Those with a clean before are marked.
const BURNS: [(&str, f64, bool); 8] = [
    ("cctv_petrol_station_bike", 16.0, true),
    ("nganltp_video5", 1.0, true),
    ("bonfire_night", 0.0, false),
    ("mixed_cctv_fire_compilation_80s", 5.0, false),
    ("furg_house6", 0.0, false),
    ("distant_plume", 0.0, false),
    ("hill_smoke_dusk", 0.0, false),
    ("nganltp_video4", 0.0, false),
];
/// Seconds after which fire or smoke must be said, where there is a clean before.
const LIMIT_S: f64 = 5.0;

pub fn judge() {
    let Some(data) = std::env::var_os("MATPHO_DATA").map(PathBuf::from) else {
        println!("\nReal clips: MATPHO_DATA is not set, none were judged.");
        return;
    };
    let edge = program();
    if !edge.is_file() {
        println!("\nReal clips: {} is not built (`cargo build -p matpho-edge`), none were judged.", edge.display());
        return;
    }
    let table = Table::begin("Real clips", &["clip", "a person says", "said: fire, smoke, flood", "of the camera", "verdict"]);
    for folder in ["traffic", "fire", "flood"] {
        for clip in listed(&data.join("clips").join(folder)) {
            let name = clip.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let began = analyze(&edge, &clip);
            let (camera, said): (Vec<_>, Vec<_>) = began.into_iter().partition(|(kind, _)| kind.starts_with("camera."));
            let burns = BURNS.iter().find(|(clip, ..)| *clip == name);
            let fire = said.iter().filter(|(kind, _)| kind.starts_with("fire.")).map(|(_, t)| *t).reduce(f64::min);
            let verdict = match (burns, fire, folder) {
                (Some((_, since, true)), Some(t), _) if t - since <= LIMIT_S => "in time",
                (Some((_, _, true)), Some(_), _) => "late",
                (Some(_), Some(_), _) => "found",
                (Some(_), None, _) => "missed",
                (None, _, "flood") => {
                    if said.iter().any(|(kind, _)| kind.starts_with("flood.")) {
                        "found"
                    } else {
                        "missed"
                    }
                }
                (None, _, _) if said.is_empty() && camera.is_empty() => "silent",
                (None, _, _) if said.is_empty() => "a fault of the camera",
                (None, _, _) => "FALSE",
            };
            let person = burns.map_or("nothing burns".into(), |(_, since, clean)| {
                format!("fire or smoke from {since:.0} s{}", if *clean { ", clean before" } else { "" })
            });
            table.row(&[&name, &person, &list(&said), &list(&camera), verdict]);
        }
    }
}

fn list(began: &[(String, f64)]) -> String {
    if began.is_empty() {
        "-".into()
    } else {
        began.iter().map(|(kind, t)| format!("{kind} {t:.1}")).collect::<Vec<_>>().join(", ")
    }
}

/// The gateway's program, beside this one.
fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.parent().and_then(Path::parent).map(|folder| folder.join("matpho-edge")).unwrap_or_default()
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut clips: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    clips.retain(|clip| clip.extension().is_some_and(|e| e == "mp4" || e == "avi"));
    clips.sort();
    clips
}

/// What began in a clip: kind, and when it was said.
fn analyze(edge: &Path, clip: &Path) -> Vec<(String, f64)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(edge).arg("analyze").arg(clip).arg("--models").arg(root.join("models")).current_dir(&root).output();
    let Ok(output) = output else { return vec![("(the gateway did not start)".into(), 0.0)] };
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter(|message| message["data"]["phase"] == "began")
        .map(|message| {
            let kind = message["data"]["kind"].as_str().unwrap_or_default().to_owned();
            (kind, message["data"]["media_time_s"].as_f64().unwrap_or(0.0))
        })
        .filter(|(kind, _)| !kind.starts_with("traffic."))
        .collect()
}
