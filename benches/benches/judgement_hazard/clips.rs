//! Real clips through the built gateway: what it says of fire, smoke, water and the camera. Extra, switched on by `MATPHO_DATA=folder`, since the clips cannot be published.
//!
//! What a person would say was taken down by eye, from a picture a second.

use std::path::Path;

use matpho_benches::{Table, clips};

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
    let Some((folders, edge)) = clips::ready() else { return };
    let table = Table::begin("Real clips", &["clip", "a person says", "said: fire, smoke, flood", "of the camera", "verdict"]);
    for folder in ["traffic", "fire", "flood"] {
        for clip in clips::listed(&folders.join(folder)) {
            let name = clips::name(&clip);
            let began = began(&edge, &clip);
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

/// What began in a clip: kind, and when it was said.
fn began(edge: &Path, clip: &Path) -> Vec<(String, f64)> {
    let Some(said) = clips::analyze(edge, clip, &[]) else { return vec![("(the gateway did not start)".into(), 0.0)] };
    said.iter()
        .filter(|data| data["phase"] == "began")
        .map(|data| (data["kind"].as_str().unwrap_or_default().to_owned(), data["media_time_s"].as_f64().unwrap_or(0.0)))
        .filter(|(kind, _)| !kind.starts_with("traffic."))
        .collect()
}
