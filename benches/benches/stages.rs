//! What each stage of the pipeline costs on one thread: models, tracker, analytics, messages.
#![expect(clippy::unwrap_used, reason = "a bench may stop where it stands")]

use std::{collections::BTreeMap, hint::black_box, path::Path};

use matpho_analytics::{CameraAnalytics, CameraPlan, Input, Observation};
use matpho_benches::{Table, is_smoke, median_cpu};
use matpho_infer::{Model, Registry, Runtime, SessionOptions};
use matpho_scene::{Class, Detection, MediaTime, NormBox, Picture, PictureSize, Score, Tracked};
use matpho_track::{Tracker, TrackerParams};
use matpho_wire::{CloudEvent, EventData};

fn main() {
    let rounds = if is_smoke() { 1 } else { 9 };
    println!("Median CPU time on one thread. Command: `cargo bench -p matpho-benches --bench stages`");
    models(rounds);
    pure_stages(rounds);
}

/// A street-like picture: noise on a gradient, so that no stage can take a short cut.
fn picture(size: PictureSize) -> Picture {
    let mut seed = 1u32;
    let rgb = (0..size.pixels() * 3)
        .map(|i| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slope = (i / 3 / size.width as usize * 160 / size.height as usize) as u32;
            (slope + (seed >> 26)) as u8
        })
        .collect();
    Picture::from_rgb(size, rgb).unwrap()
}

fn models(rounds: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let runtime = Runtime::load(Some(&root.join("var/onnxruntime/libonnxruntime.so.1.31.1"))).unwrap();
    let registry = Registry::load(&root.join("models/registry.toml")).unwrap();
    let table = Table::begin("Models: one look at a 960x540 picture", &["model", "input", "ms", "of which ONNX Runtime, ms"]);
    // The registry knows public models, too, that nobody may have pulled.
    for entry in registry.entries().iter().filter(|entry| entry.url.is_none()) {
        let mut model = Model::open(&runtime, entry, &SessionOptions::default()).unwrap();
        let frame = picture(PictureSize { width: 960, height: 540 });
        let whole = median_cpu(rounds, 10, || {
            black_box(model.run(&frame).unwrap());
        });
        // At its input's own size there is nothing to scale: what is left beside it is pre- and post-processing.
        let fitting = picture(model.input_size());
        let bare = median_cpu(rounds, 10, || {
            black_box(model.run(&fitting).unwrap());
        });
        table.row(&[
            model.id().as_str(),
            &model.input_size().to_string(),
            &format!("{:.2}", whole.as_secs_f64() * 1e3),
            &format!("{:.2}", bare.as_secs_f64() * 1e3),
        ]);
    }
}

/// Forty motorbikes and cars crossing each other's ways.
fn traffic(frame: u32) -> Vec<Detection> {
    (0..40u32)
        .filter_map(|i| {
            let across = ((frame * (3 + i % 5) + i * 37) % 900) as f32 / 1000.0;
            let down = (i % 10) as f32 / 12.0 + 0.05;
            let size = 0.02 + (i % 4) as f32 * 0.01;
            Some(Detection {
                class: if i % 4 == 0 { Class::Car } else { Class::Motorcycle },
                score: Score::clamped(0.4 + (i % 6) as f32 / 10.0),
                bbox: NormBox::clipped(across, down, across + size, down + size * 1.6)?,
            })
        })
        .collect()
}

fn pure_stages(rounds: usize) {
    let size = PictureSize { width: 960, height: 540 };
    let table = Table::begin("Tracker, analytics, messages: a street with 40 vehicles", &["stage", "µs", "result"]);

    let mut tracker = Tracker::new(TrackerParams::default());
    let mut frame = 0;
    let mut tracks: Vec<Tracked> = Vec::new();
    let cost = median_cpu(rounds, 200, || {
        frame += 1;
        tracks = tracker.update(MediaTime::from_millis(u64::from(frame) * 200), size, &traffic(frame)).to_vec();
    });
    table.row(&["track", &format!("{:.0}", cost.as_secs_f64() * 1e6), &format!("{} tracks", tracks.len())]);

    let mut analytics = CameraAnalytics::new(CameraPlan::whole_picture());
    let mut tracker = Tracker::new(TrackerParams::default());
    let mut frame = 0;
    let mut outputs = 0u32;
    let with_tracker = median_cpu(rounds, 200, || {
        frame += 1;
        let at = MediaTime::from_millis(u64::from(frame) * 200);
        let tracks = tracker.update(at, size, &traffic(frame));
        let seen = Observation { tracks: Some(tracks), fire: Some(&[]), ..Observation::bare(size) };
        analytics.handle_input(at, Input::Frame(seen));
        while let Some(output) = analytics.poll_output() {
            black_box(output);
            outputs += 1;
        }
    });
    table.row(&[
        "analytics (tracker taken off)",
        &format!("{:.0}", with_tracker.saturating_sub(cost).as_secs_f64() * 1e6),
        &format!("{outputs} findings and measurements"),
    ]);

    let golden = include_bytes!("../../pipeline/wire/golden/event_began.json");
    let event = CloudEvent::<EventData>::from_json(golden).unwrap();
    let mut bytes = BTreeMap::new();
    let write = median_cpu(rounds, 1000, || {
        bytes.insert("event", black_box(event.to_json().unwrap()).len());
    });
    table.row(&["write an event", &format!("{:.1}", write.as_secs_f64() * 1e6), &format!("{} bytes", bytes["event"])]);
    let read = median_cpu(rounds, 1000, || {
        black_box(CloudEvent::<EventData>::from_json(golden).unwrap());
    });
    table.row(&["read an event", &format!("{:.1}", read.as_secs_f64() * 1e6), event.kind.as_str()]);
}
