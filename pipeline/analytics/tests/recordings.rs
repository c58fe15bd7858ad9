//! Recorded streets and what is said about them, to the letter. `UPDATE_GOLDEN=1` rewrites the logs: read the difference.
//!
//! A recording is what a detector found, as `analyze --detections` writes it; beside it lie its zones and its log: `NAME.jsonl`, `NAME.zones.json`, `NAME.events.txt`.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::{fmt::Write, fs, path::Path};

use matpho_analytics::{Analytic, CameraAnalytics, CameraPlan, Input, Observation, Output, Params, Zone};
use matpho_scene::{FrameRecord, event::Detail, measurement::Figures};
use matpho_track::{Tracker, TrackerParams};

/// Plays a recording; one line for all that was said, with its proof.
fn play(folder: &Path, name: &str) -> String {
    let zones: Vec<Zone> = serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.zones.json"))).unwrap()).unwrap();
    let analytics = [Analytic::Congestion, Analytic::StoppedVehicle, Analytic::WrongWay, Analytic::Pedestrian].into();
    let mut analytics = CameraAnalytics::new(CameraPlan::new(zones, analytics, Params::default()).unwrap());
    let mut tracker = Tracker::new(TrackerParams { confident_default: 0.3, weak: 0.1, ..TrackerParams::default() });
    let mut log = String::new();
    let text = fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
    let mut last = matpho_scene::MediaTime::ZERO;
    for line in text.lines() {
        let record: FrameRecord = serde_json::from_str(line).unwrap();
        let found = record.detections_of(&record.models[0]).unwrap();
        last = record.media_time();
        let tracks = tracker.update(last, record.size(), &found);
        analytics.handle_input(last, Input::Frame(Observation { tracks: Some(tracks), ..Observation::bare(record.size()) }));
        drain(&mut analytics, &mut log);
    }
    analytics.handle_input(last, Input::Stop);
    drain(&mut analytics, &mut log);
    log
}

fn drain(analytics: &mut CameraAnalytics, log: &mut String) {
    while let Some(output) = analytics.poll_output() {
        match output {
            Output::Finding(f) => {
                let zone = f.zone.as_ref().map(ToString::to_string).unwrap_or_default();
                write!(log, "{:6.1} #{} {} {} {zone} {}", f.at.as_secs_f64(), f.number, f.phase, f.kind, f.severity.as_str())
                    .unwrap();
                write!(log, " since {:.1} confidence {:.2}", f.began.as_secs_f64(), f.confidence).unwrap();
                if let Detail::Vehicle { class, path, .. } = &f.detail {
                    write!(log, " {class} way of {} points", path.len()).unwrap();
                }
                let proof = &f.proof;
                write!(
                    log,
                    " thresholds {} samples {} calibrated {}",
                    proof.thresholds.len(),
                    proof.samples.len(),
                    proof.calibrated
                )
                .unwrap();
                writeln!(log, "{}", f.end_reason.map_or(String::new(), |reason| format!(" {reason:?}"))).unwrap();
            }
            Output::Measurement(m) => {
                if let Figures::Traffic(t) = m.figures {
                    let counts: Vec<String> = t.counts.iter().map(|(class, n)| format!("{n} {class}")).collect();
                    write!(log, "{:6.1} = {} {:?} {}", m.to.as_secs_f64(), m.zone, t.level_of_service, counts.join(", "))
                        .unwrap();
                    let or_none = |v: Option<f32>| v.map_or("-".into(), |v| format!("{v:.1}"));
                    write!(log, " density {} speed {}", or_none(t.density_pc_per_km_lane), or_none(t.speed_kmh)).unwrap();
                    writeln!(log, " time-mean {} queue {}", or_none(t.speed_time_mean_kmh), or_none(t.queue_m)).unwrap();
                }
            }
            Output::Request(_) => {}
        }
    }
}

#[test]
fn recorded_streets_are_judged_as_before_and_twice_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".jsonl")?.to_owned()))
        .collect();
    names.sort();
    assert!(names.len() >= 4, "only {names:?}");
    let mut differ = String::new();
    for name in names {
        let log = play(&folder, &name);
        assert_eq!(log, play(&folder, &name), "{name}: the same recording gives the same events");
        let path = folder.join(format!("{name}.events.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &log).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        if log != golden {
            write!(differ, "{name}: said\n{log}\nexpected\n{golden}\n").unwrap();
        }
    }
    assert!(differ.is_empty(), "{differ}");
}
