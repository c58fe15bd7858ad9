//! `suggest-zones`: watches a camera and proposes carriageways, their directions and counting lines, for a person to take over or not.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use clap::Args;
use matpho_infer::{Model, Output, Provider, Registry, Runtime, SessionOptions};
use matpho_scene::{Class, Detection, FrameRecord, MediaTime, ModelId, NormPoint, Picture, PictureSize};
use matpho_survey::{Proposal, Survey};
use matpho_track::{Tracker, TrackerParams};

use super::{Failure, Progress, watch};
use crate::{
    evidence::{
        draw::{Canvas, colour},
        jpeg,
    },
    judge::SCORE_FLOOR,
    models,
};

/// Pictures a second: as many as `analyze` takes to follow vehicles.
const FPS: f64 = 5.0;

#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// A video, an rtsp:// address, or a recording (.jsonl) that `analyze --detections` wrote
    source: String,
    /// Watch so long; three minutes see a street's usual traffic, a busy signal wants ten
    #[arg(long, default_value_t = 3.0, value_name = "MINUTES")]
    minutes: f64,
    /// Where the picture with the proposals goes
    #[arg(long, default_value = "zones.jpg", value_name = "FILE")]
    out: PathBuf,
    /// The model that finds vehicles
    #[arg(long, default_value = "vehicles", value_name = "ID")]
    model: ModelId,
    /// Folder of registry.toml
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

pub fn suggest(args: &SuggestArgs) -> Result<(), Failure> {
    if !(args.minutes.is_finite() && args.minutes > 0.0 && args.minutes <= 24.0 * 60.0) {
        return Err(Failure::Usage(anyhow!("--minutes {} is no number of minutes up to a day", args.minutes)));
    }
    let mut watched = if args.source.ends_with(".jsonl") { recorded(args)? } else { seen(args)? };
    let proposals = watched.survey.propose();
    print!("{}", toml(&proposals, watched.survey.trips(), watched.seconds));
    draw(&mut watched.picture, &proposals);
    std::fs::write(&args.out, jpeg::encode(&watched.picture, watched.picture.size().width, 4 << 20)?.bytes)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    eprintln!("{}: look at it, and take over into edge.toml what is right", args.out.display());
    if proposals.is_empty() { Err(Failure::Told) } else { Ok(()) }
}

/// A source watched to its end.
struct Watched {
    survey: Survey,
    seconds: f64,
    /// To draw on.
    picture: Picture,
}

/// Tracks as `analyze` does: what the model is sure of begins a track, what is weaker continues it.
fn tracker(confident: BTreeMap<Class, f32>) -> Tracker {
    Tracker::new(TrackerParams { confident, weak: SCORE_FLOOR, ..TrackerParams::default() })
}

fn seen(args: &SuggestArgs) -> anyhow::Result<Watched> {
    let registry = Registry::load(&models::find_registry(args.models.as_deref())?)?;
    let entry = registry.get(&args.model)?;
    let options =
        SessionOptions { provider: Provider::Cpu, threads: 1, score_floor: Some(SCORE_FLOOR), ..SessionOptions::default() };
    let mut model = Model::open(&Runtime::load(None)?, entry, &options)?;
    let (mut tracker, mut survey) = (tracker(entry.class_thresholds()), Survey::new());
    let (mut picture, mut progress) = (None, Progress::new());
    let seconds = args.minutes * 60.0;
    let last = watch::watch(&args.source, FPS, seconds, |at, frame| {
        let Output::Detections(found) = model.run(&frame)? else {
            return Err(anyhow!("{} gives no boxes: name a detector of vehicles with --model", args.model));
        };
        survey.picture(at, frame.size(), tracker.update(at, frame.size(), &found));
        progress.show(|| format!("{:.0} s, {} vehicles drove some way", at.as_secs_f64(), survey.trips()));
        picture = Some(frame);
        Ok(())
    })?;
    progress.clear();
    let picture = picture.ok_or_else(|| anyhow!("no picture came from the source"))?;
    Ok(Watched { survey, seconds: last.as_secs_f64(), picture })
}

fn recorded(args: &SuggestArgs) -> anyhow::Result<Watched> {
    let path = Path::new(&args.source);
    let registry = models::find_registry(args.models.as_deref()).and_then(|path| Ok(Registry::load(&path)?)).ok();
    let confident = registry.as_ref().and_then(|r| r.get(&args.model).ok()).map(|entry| entry.class_thresholds());
    let (mut tracker, mut survey) = (tracker(confident.unwrap_or_default()), Survey::new());
    let (mut size, mut last) = (None, MediaTime::ZERO);
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for (n, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let record: FrameRecord = serde_json::from_str(&line)
            .with_context(|| format!("{}:{}: this line is no frame of a recording", path.display(), n + 1))?;
        if record.media_time_s > args.minutes * 60.0 {
            break;
        }
        let found: Option<Vec<Detection>> = record.detections_of(&args.model);
        if let Some(found) = found {
            survey.picture(record.media_time(), record.size(), tracker.update(record.media_time(), record.size(), &found));
        }
        size.get_or_insert(record.size());
        last = record.media_time();
    }
    let size: PictureSize = size.ok_or_else(|| anyhow!("{} holds no frames", path.display()))?;
    // A recording holds no picture: the proposals are drawn on grey.
    let picture = Picture::from_rgb(size, vec![90; size.pixels() * 3])?;
    Ok(Watched { survey, seconds: last.as_secs_f64(), picture })
}

/// Zones for a camera of the configuration, each under what it was made of.
fn toml(proposals: &[Proposal], trips: usize, seconds: f64) -> String {
    let placed: usize = proposals.iter().map(|proposal| proposal.vehicles).sum();
    let mut text = format!(
        "# In {seconds:.0} s {trips} vehicles drove some way; {placed} of them on the carriageways below, the busiest first.\n"
    );
    if proposals.is_empty() {
        text += "# Too few went the same way (three at least): watch longer, at a busier hour, or draw the zones by hand.\n\
                 # Without any zone the gateway judges traffic where it sees vehicles drive.\n";
    }
    let point = |p: NormPoint| format!("[{:.3}, {:.3}]", p.x, p.y);
    for (n, proposal) in proposals.iter().enumerate() {
        let corners: Vec<_> = proposal.polygon.corners().iter().map(|p| point(*p)).collect();
        let [from, to]: [[f32; 2]; 2] = proposal.direction.into();
        text += &format!("\n# {} vehicles, {}", proposal.vehicles, proposal.way.as_str());
        if proposal.counting_line.is_some() {
            text += &format!("; {} drove over the counting line", proposal.counted);
        }
        text += &format!(
            ".\n[[camera.zone]]\nid = \"{}\"\npurpose = \"carriageway\"\npolygon = [{}]\n",
            zone_id(n),
            corners.join(", ")
        );
        text += &format!("direction = [[{:.3}, {:.3}], [{:.3}, {:.3}]]\n", from[0], from[1], to[0], to[1]);
        if let Some([a, b]) = proposal.counting_line {
            text += &format!("counting_line = [{}, {}]\n", point(a), point(b));
        }
    }
    text
}

fn zone_id(n: usize) -> String {
    format!("carriageway-{}", n + 1)
}

fn draw(picture: &mut Picture, proposals: &[Proposal]) {
    let mut canvas = Canvas::on(picture);
    for (n, proposal) in proposals.iter().enumerate() {
        canvas.polygon(&proposal.polygon, colour::ZONE);
        if let Some([a, b]) = proposal.counting_line {
            canvas.line(a, b, colour::ALARM);
        }
        let [from, to]: [[f32; 2]; 2] = proposal.direction.into();
        let (from, to) = (NormPoint::clamped(from[0], from[1]), NormPoint::clamped(to[0], to[1]));
        canvas.arrow(from, to, colour::OBJECT);
        let middle = NormPoint::clamped((from.x + to.x) / 2.0, (from.y + to.y) / 2.0);
        canvas.label(middle, &format!("{}: {}", n + 1, proposal.vehicles), colour::TEXT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cars that drive down the left half and up the right half of a picture.
    fn street() -> Survey {
        let (size, mut survey) = (PictureSize { width: 1280, height: 720 }, Survey::new());
        for n in 0..400u32 {
            let at = MediaTime::from_millis(200 * u64::from(n));
            let tracked: Vec<_> = (0..12u32)
                .filter_map(|car| {
                    let t = n.checked_sub(car * 25).filter(|t| *t < 25)? as f32 / 24.0;
                    let (x, y) = if car % 2 == 0 { (0.4 - 0.15 * t, 0.3 + 0.6 * t) } else { (0.75 - 0.15 * t, 0.9 - 0.6 * t) };
                    let w = 0.03 + 0.08 * y;
                    Some(matpho_scene::Tracked {
                        id: matpho_scene::TrackId(u64::from(car) + 1),
                        class: Class::Car,
                        score: matpho_scene::Score::clamped(0.9),
                        bbox: matpho_scene::NormBox::clipped(x - w / 2.0, y - w, x + w / 2.0, y)?,
                        first_seen: at,
                        last_seen: at,
                        hits: 25,
                    })
                })
                .collect();
            survey.picture(at, size, &tracked);
        }
        survey
    }

    #[test]
    fn what_is_printed_are_zones() {
        let said = toml(&street().propose(), 12, 80.0);
        assert!(said.starts_with("# In 80 s 12 vehicles drove some way; 12 of them"), "{said}");
        let config = format!(
            "[edge]\nsite = \"s\"\nid = \"e\"\n[[camera]]\nid = \"c\"\nurl = \"rtsp://192.0.2.1/x\"\nasks = [\"congestion\"]\n{said}"
        );
        let config = crate::config::Config::parse(&config, Path::new("edge.toml")).unwrap_or_else(|e| panic!("{e}\n{said}"));
        let zones = config.cameras[0].plan.zones();
        assert_eq!(zones.len(), 2, "{said}");
        assert!(zones.iter().all(|zone| zone.counting_line.is_some() && zone.direction.is_some()));
        assert!(
            zones[0].polygon.contains(NormPoint::clamped(0.33, 0.6)) != zones[1].polygon.contains(NormPoint::clamped(0.33, 0.6))
        );
    }

    #[test]
    fn an_empty_street_says_what_to_do() {
        assert!(toml(&[], 2, 180.0).contains("watch longer"));
    }
}
