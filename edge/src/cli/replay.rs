//! `replay`: a recording of detections through tracker and analytics, without models or video. The same recording gives the same lines.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use anyhow::{Context, anyhow};
use clap::Args;
use matpho_infer::{Entry, Registry};
use matpho_scene::{ClockSource, FrameRecord, MediaTime, Seen, WallTime};

use super::{Analysis, Chosen, Failure, PlanArgs, Said, Stamp, analyze::print, camera_id, session::Counts};
use crate::{
    announce::{Announcer, Ids},
    judge::{self, Judge},
    look::ModelRefs,
    models,
};

/// When a recording begins, where nobody says: 2000-01-01T00:00:00Z.
const START_MS: i64 = 946_684_800_000;

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording, as `analyze --detections` writes it
    recording: PathBuf,
    #[command(flatten)]
    plan: PlanArgs,
}

pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let chosen = args.plan.choose()?;
    // The tracker tells sure detections from weak ones by the model's own thresholds, where the registry is at hand.
    let registry = models::find_registry(args.plan.models.as_deref()).and_then(|path| Ok(Registry::load(&path)?)).ok();
    let vehicles = registry.as_ref().and_then(|registry| registry.get(&chosen.models().vehicles).ok());
    let start = args.plan.start.unwrap_or(WallTime::from_unix_millis(START_MS));
    let file = File::open(&args.recording).with_context(|| format!("cannot read {}", args.recording.display()))?;
    let mut player = Player { chosen: &chosen, vehicles, start, under_way: None };
    for (n, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", args.recording.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let record: FrameRecord = serde_json::from_str(&line)
            .with_context(|| format!("{}:{}: this line is no frame of a recording", args.recording.display(), n + 1))?;
        print(&player.frame(&record))?;
    }
    let last = player.finish();
    if last.is_empty() {
        return Err(Failure::Work(anyhow!("{} holds no frames", args.recording.display())));
    }
    Ok(print(&last)?)
}

/// Plays records; a record of another source begins a new analysis.
struct Player<'c> {
    chosen: &'c Chosen,
    vehicles: Option<&'c Entry>,
    start: WallTime,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    source: String,
    analysis: Analysis,
    last: MediaTime,
    frames: u64,
    analysed: u64,
}

impl Player<'_> {
    fn frame(&mut self, record: &FrameRecord) -> Vec<Said> {
        let mut said = Vec::new();
        if self.under_way.as_ref().is_none_or(|under_way| under_way.source != record.source) {
            said = self.finish();
            self.under_way = Some(self.begin(&record.source));
        }
        let Some(under_way) = &mut self.under_way else { return said };
        let at = record.media_time();
        let looked = judge::looked(record, under_way.analysis.judge().plan());
        let seen = Seen { at: self.start + at.since(MediaTime::ZERO), uncertainty_ms: 0, clock: ClockSource::File };
        said.extend(under_way.analysis.picture(at, seen, record.size(), &looked).0);
        under_way.last = at;
        under_way.frames = record.frame + 1;
        under_way.analysed += 1;
        said
    }

    fn begin(&self, source: &str) -> UnderWay {
        let camera = self.chosen.camera.as_ref().map_or_else(|| camera_id(source), |camera| camera.id.clone());
        let announcer = Announcer::new(&self.chosen.address(), camera, Ids::Derived(source.to_owned()), ModelRefs::default());
        let judge = Judge::new(self.chosen.plan.clone(), self.vehicles);
        let seen = Seen { at: self.start, uncertainty_ms: 0, clock: ClockSource::File };
        let analysis = Analysis::new(judge, announcer, Stamp::AsSeen, source.to_owned(), seen);
        UnderWay { source: source.to_owned(), analysis, last: MediaTime::ZERO, frames: 0, analysed: 0 }
    }

    fn finish(&mut self) -> Vec<Said> {
        self.under_way.take().map_or_else(Vec::new, |under_way| {
            let counts = Counts { seen: under_way.frames, skipped: under_way.frames.saturating_sub(under_way.analysed) };
            under_way.analysis.finish(under_way.last, counts)
        })
    }
}
