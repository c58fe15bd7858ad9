//! Writes short recordings of simulated streets, with the zones that watch them: the material of `pipeline/analytics/tests/recordings`.
//!
//! `cargo run -p matpho-benches --example record -- FOLDER`. Recordings are kept, not made anew with each change of the simulated city: what they guard are the rules.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use anyhow::{Context, Result};
use matpho_analytics::{Analytic, Params};
use matpho_benches::{
    judged::{Ask, SetUp, plan, play},
    streets::{Kind, Weather},
};
use matpho_scene::{FrameRecord, PictureSize, RecordedDetection};
use matpho_sim::Bodies;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("name a folder")?);
    let bodies = Bodies::build();
    let scenes = [
        ("stopped_vehicle_day", Kind::Stopped, Weather::Day, 62.0),
        ("wrong_way_night", Kind::WrongWay, Weather::Night, 62.0),
        ("on_foot_day", Kind::OnFoot, Weather::Day, 45.0),
        ("queue_at_red_day", Kind::Signal, Weather::Day, 80.0),
    ];
    for (name, kind, weather, seconds) in scenes {
        let mut street = kind.street(weather, 1)?;
        street.seconds = seconds;
        let analytics = [Analytic::Congestion, Analytic::StoppedVehicle, Analytic::WrongWay, Analytic::Pedestrian].into();
        let ask = Ask { analytics, params: Params::default(), set_up: SetUp::Drawn };
        let plan = plan(&street.watch(&bodies), street.begins, &ask)?;
        serde_json::to_writer_pretty(File::create(folder.join(format!("{name}.zones.json")))?, plan.zones())?;
        let mut out = BufWriter::new(File::create(folder.join(format!("{name}.jsonl")))?);
        let mut written = Ok(());
        let mut frame = 0;
        play(&street, &[ask], &bodies, |_, moment| {
            let spec = moment.watch.spec();
            let size = PictureSize { width: spec.width as u32, height: spec.height as u32 };
            let model: matpho_scene::ModelId = "vehicles".parse().unwrap_or_else(|_| unreachable!("a slug"));
            let detections = moment.found.iter().map(|d| RecordedDetection {
                model: model.clone(),
                class: d.class,
                score: matpho_scene::Score::clamped((d.score.get() * 100.0).round() / 100.0),
                bbox: d.bbox.to_pixels(size).map(|v| (v * 10.0).round() / 10.0),
                track: None,
                change: None,
            });
            let record = FrameRecord {
                source: name.to_owned(),
                frame,
                media_time_s: moment.t,
                width: size.width,
                height: size.height,
                models: vec![model.clone()],
                detections: detections.collect(),
                water_share: None,
                water_by_zone: Vec::new(),
                water_marks: Vec::new(),
                water_grid: None,
                minute_of_day: None,
                health: None,
            };
            frame += 1;
            if written.is_ok() {
                written =
                    serde_json::to_string(&record).map_err(anyhow::Error::from).and_then(|line| Ok(writeln!(out, "{line}")?));
            }
        })?;
        written?;
    }
    Ok(())
}
