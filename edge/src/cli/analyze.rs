//! `analyze`: video files, pictures, folders of pictures, streams.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use clap::Args;
use matpho_analytics::Analytic;
use matpho_infer::Provider;
use matpho_media::{Bell, Camera, CameraStatus, DecodePolicy, FileOptions, FileReader, Location, SourceConfig, Stop};
use matpho_scene::{ClockSource, MediaTime, Seen, WallTime};
use matpho_vision::{ChangeProbe, HealthProbe};

use super::{
    Analysis, Chosen, Failure, PlanArgs, Progress, Said, Stamp,
    annotate::Annotator,
    camera_id,
    session::{Counts, View},
};
use crate::{
    announce::{Announcer, Ids},
    config::now,
    evidence::jpeg,
    judge::{self, Judge},
    look::{Due, Looked, ModelIds, Models, Schedule, fire_changes},
    models::{Needs, Shelf},
    topology,
};

/// Pictures a second that traffic is looked at without a configuration.
const FPS: f64 = 5.0;
/// Pictures a second of a file that nobody looks at for traffic: keyframes may be ten seconds apart in a file.
const FPS_WITHOUT_TRACKS: f64 = 2.0;
/// Pictures a second of a file that is watched for fire: as many as a burst asks for. Those in which nothing is due are not looked at.
const FPS_OF_BURSTS: f64 = 8.0;
/// Pictures are analysed at most this wide; models look at half of it.
const WIDTH_MAX: u32 = 1280;

#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Video files, pictures, folders of pictures, or rtsp:// addresses
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    #[command(flatten)]
    plan: PlanArgs,
    /// Write the video with zones, boxes and states drawn in
    #[arg(long, value_name = "OUT.mp4")]
    annotate: Option<PathBuf>,
    /// Write what the models said, one JSON object a frame
    #[arg(long, value_name = "OUT.jsonl")]
    detections: Option<PathBuf>,
    /// Seconds from one picture to the next, for folders of pictures
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    every: f64,
    /// End a stream after so many seconds; without it, Ctrl-C does
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
}

/// What a source is.
#[derive(Debug)]
enum Source {
    Video(PathBuf),
    Picture(PathBuf),
    Folder(PathBuf),
    Stream(Location),
}

fn source(text: &str) -> anyhow::Result<Source> {
    match Location::parse(text)? {
        stream @ Location::Rtsp { .. } => Ok(Source::Stream(stream)),
        Location::File(path) if path.is_dir() => Ok(Source::Folder(path)),
        Location::File(path) if is_picture(&path) => Ok(Source::Picture(path)),
        Location::File(path) => Ok(Source::Video(path)),
    }
}

pub fn is_picture(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| ["jpg", "jpeg", "png"].contains(&e.to_ascii_lowercase().as_str()))
}

impl Source {
    /// Without credentials, and the same wherever the file lies.
    fn name(&self) -> String {
        match self {
            Self::Video(path) | Self::Picture(path) | Self::Folder(path) => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            Self::Stream(location) => location.to_string(),
        }
    }
}

/// What all sources share.
struct Bench {
    chosen: Chosen,
    args: AnalyzeArgs,
    shelf: Shelf,
    models: Models,
    ids: ModelIds,
    detections: Option<BufWriter<File>>,
    annotations: Annotations,
    fps: f64,
}

/// Where annotated videos go: one file, or one a source (`out-2.mp4` for the second).
struct Annotations {
    path: Option<PathBuf>,
    written: usize,
}

impl Annotations {
    fn next(&mut self, fps: f64) -> Option<Annotator> {
        let path = self.path.as_ref()?;
        self.written += 1;
        let path = if self.written == 1 {
            path.clone()
        } else {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!("{stem}-{}.mp4", self.written))
        };
        Some(Annotator::new(path, fps))
    }
}

pub fn analyze(args: AnalyzeArgs) -> Result<(), Failure> {
    if !(args.every.is_finite() && args.every > 0.0) {
        return Err(Failure::Usage(anyhow!("--every {} is no number of seconds above 0", args.every)));
    }
    let sources = args.sources.iter().map(|text| source(text)).collect::<anyhow::Result<Vec<_>>>().map_err(Failure::Usage)?;
    let chosen = args.plan.choose()?;
    let (library, provider) = chosen
        .config
        .as_ref()
        .map_or((None, Provider::Cpu), |config| (config.runtime.onnxruntime.clone(), config.runtime.provider));
    let choice = chosen.models();
    let shelf = Shelf::open(&choice, args.plan.models.as_deref(), library.as_deref(), provider)?;
    let (models, wrong) = shelf.load(Needs::of(&chosen.plan));
    for (_, error) in &wrong {
        eprintln!("matpho-edge: {}; what needs it stays unknown", crate::chain(error));
    }
    let create =
        |path: &PathBuf| File::create(path).map(BufWriter::new).with_context(|| format!("cannot write {}", path.display()));
    let detections = args.detections.as_ref().map(create).transpose()?;
    let annotations = Annotations { path: args.annotate.clone(), written: 0 };
    let fps = match (chosen.camera.as_ref(), crate::config::needs_tracks(chosen.plan.analytics())) {
        (Some(camera), true) => camera.fps,
        (None, true) => FPS,
        (_, false) if chosen.plan.runs(Analytic::Fire) || chosen.plan.runs(Analytic::Smoke) => FPS_OF_BURSTS,
        (_, false) => FPS_WITHOUT_TRACKS,
    };
    let ids = ModelIds::from(&choice);
    let mut bench = Bench { chosen, args, shelf, models, ids, detections, annotations, fps };
    let mut failed = !wrong.is_empty();
    for source in &sources {
        if let Err(error) = bench.source(source) {
            if super::is_closed_pipe(&error) {
                return Err(Failure::Work(error));
            }
            eprintln!("matpho-edge: {}", crate::chain(error.as_ref()));
            failed = true;
        }
    }
    if let Some(out) = &mut bench.detections {
        out.flush().context("cannot write the detections")?;
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// One source under way: what looks, what judges, what is written.
struct Course<'b> {
    name: String,
    models: &'b mut Models,
    ids: &'b ModelIds,
    detections: Option<&'b mut BufWriter<File>>,
    annotator: Option<Annotator>,
    schedule: Schedule,
    health: HealthProbe,
    changes: ChangeProbe,
    utc_offset_min: i32,
    analysis: Analysis,
    progress: Progress,
    last: MediaTime,
}

impl Bench {
    fn source(&mut self, source: &Source) -> anyhow::Result<()> {
        match source {
            Source::Video(path) => self.video(source, path),
            Source::Picture(path) => self.pictures(source, std::slice::from_ref(path)),
            Source::Folder(path) => {
                let mut files: Vec<PathBuf> = fs::read_dir(path)
                    .with_context(|| format!("cannot read folder {}", path.display()))?
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| is_picture(path))
                    .collect();
                files.sort();
                if files.is_empty() {
                    return Err(anyhow!("{} holds no pictures (.jpg, .jpeg, .png)", path.display()));
                }
                self.pictures(source, &files)
            }
            Source::Stream(location) => self.stream(source, location),
        }
    }

    fn course(&mut self, source: &Source, start: Seen, stamp: Stamp) -> Course<'_> {
        let name = source.name();
        let camera = self.chosen.camera.as_ref().map_or_else(|| camera_id(&name), |camera| camera.id.clone());
        let ids = if stamp == Stamp::AsSeen { Ids::Derived(name.clone()) } else { Ids::Random };
        let announcer = Announcer::new(&self.chosen.address(), camera, ids, self.models.refs());
        let judge = Judge::new(self.chosen.plan.clone(), self.shelf.vehicles());
        Course {
            schedule: Schedule::new(&self.chosen.plan),
            annotator: self.annotations.next(self.fps),
            models: &mut self.models,
            ids: &self.ids,
            detections: self.detections.as_mut(),
            health: HealthProbe::new(),
            changes: ChangeProbe::new(),
            utc_offset_min: self
                .chosen
                .config
                .as_ref()
                .map_or((crate::config::UTC_OFFSET_H * 60.0) as i32, |config| config.utc_offset_min),
            analysis: Analysis::new(judge, announcer, stamp, name.clone(), start),
            progress: Progress::new(),
            last: MediaTime::ZERO,
            name,
        }
    }

    fn video(&mut self, source: &Source, path: &Path) -> anyhow::Result<()> {
        let mut options = FileOptions::new(DecodePolicy::AtMost { fps: self.fps }, WIDTH_MAX);
        options.begins = self.args.plan.start;
        if let Some(camera) = &self.chosen.camera {
            options.decoder = camera.decoder.clone();
        }
        let mut reader = FileReader::open(path, &options)?;
        let length = reader.info().duration;
        let start = Seen { at: reader.begins(), uncertainty_ms: 0, clock: ClockSource::File };
        let mut course = self.course(source, start, Stamp::AsSeen);
        let mut broken = None;
        for frame in &mut reader {
            match frame {
                Ok(frame) => {
                    let view = View { index: frame.index, at: frame.media_time, seen: frame.seen, picture: frame.picture };
                    course.view(&view, length)?;
                }
                // What could be read is summed up before the error is told.
                Err(error) => broken = Some(error),
            }
        }
        let summary = reader.summary();
        let end = length.map_or(course.last, |length| course.last.max(MediaTime::ZERO + length));
        let end = if broken.is_some() { course.last } else { end };
        course.finish(end, Counts { seen: summary.units, skipped: summary.skipped() })?;
        broken.map_or(Ok(()), |error| Err(error.into()))
    }

    fn pictures(&mut self, source: &Source, files: &[PathBuf]) -> anyhow::Result<()> {
        let every = Duration::from_secs_f64(self.args.every);
        let begins = self.args.plan.start.unwrap_or_else(|| modified(&files[0]));
        let mut course = self.course(source, Seen { at: begins, uncertainty_ms: 0, clock: ClockSource::File }, Stamp::AsSeen);
        let length = every * files.len() as u32;
        let (mut skipped, mut first_error) = (0, None);
        for (n, file) in files.iter().enumerate() {
            let at = MediaTime::ZERO + every * n as u32;
            match jpeg::read(file) {
                Ok(picture) => {
                    let seen = Seen { at: begins + every * n as u32, uncertainty_ms: 0, clock: ClockSource::File };
                    let picture = jpeg::shrink(&picture, WIDTH_MAX);
                    course.view(&View { index: n as u64, at, seen, picture }, Some(length))?;
                }
                Err(error) => {
                    skipped += 1;
                    first_error.get_or_insert(error);
                }
            }
        }
        let end = course.last;
        course.finish(end, Counts { seen: files.len() as u64, skipped })?;
        match first_error {
            None => Ok(()),
            Some(error) if skipped == 1 => Err(error.into()),
            Some(error) => {
                Err(anyhow::Error::from(error).context(format!("{skipped} of {} pictures were left out; the first", files.len())))
            }
        }
    }

    fn stream(&mut self, source: &Source, location: &Location) -> anyhow::Result<()> {
        let name = source.name();
        let mut config = SourceConfig::new(camera_id(&name), location.clone());
        config.decode = DecodePolicy::AtMost { fps: self.fps };
        config.picture_width_max = WIDTH_MAX;
        if let Some(camera) = &self.chosen.camera {
            config.decoder = camera.decoder.clone();
            config.transport = camera.transport;
        }
        let (camera, watch) = Camera::open(config, Bell::new())?;
        let stop = Stop::new();
        topology::stop_at_interrupt(&stop)?;
        let limit = self.args.seconds.map(Duration::from_secs_f64);
        let slot = camera.slot();
        let mut course = self.course(source, Seen { at: now(), uncertainty_ms: 1000, clock: ClockSource::Arrival }, Stamp::Now);
        let told = |status: CameraStatus| {
            if let CameraStatus::Lost { reason, detail, .. } = status {
                let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
                eprintln!("matpho-edge: {name}: {reason}{detail}; trying again");
            }
        };
        let begun = Instant::now();
        let outcome = topology::while_watching(watch, told, || -> anyhow::Result<()> {
            while !stop.is_set() && limit.is_none_or(|limit| begun.elapsed() < limit) {
                if let Some(frame) = slot.take(Duration::from_millis(200)) {
                    course.view(
                        &View { index: frame.index, at: frame.media_time, seen: frame.seen, picture: frame.picture },
                        limit,
                    )?;
                }
            }
            Ok(())
        })?;
        let (end, seen) = (course.last, camera.stats().units);
        let analysed = course.finish(end, Counts { seen, skipped: 0 })?;
        outcome?;
        if analysed == 0 { Err(anyhow!("no picture came from {name}")) } else { Ok(()) }
    }
}

impl Course<'_> {
    fn view(&mut self, view: &View, length: Option<Duration>) -> anyhow::Result<()> {
        let due = self.schedule.due(view.at);
        if due == Due::default() && self.annotator.is_none() {
            self.last = view.at;
            return Ok(());
        }
        let (mut looked, _) = self.models.look(&view.picture, due, self.analysis.judge().plan())?;
        if due.health {
            // What cannot be measured leaves the camera's state unknown; the models have looked all the same.
            let measured = self.health.measure(&view.picture);
            looked.health = measured
                .map_err(|e| tracing::warn!(source = %self.name, error = %crate::chain(&e), "a picture could not be measured"))
                .ok();
        }
        looked.fire_changes = fire_changes(&mut self.changes, &view.picture, &looked);
        looked.minute_of_day = Some(crate::config::minute_of_day(view.seen.at, self.utc_offset_min));
        let size = view.picture.size();
        let (said, burst) = self.analysis.picture(view.at, view.seen, size, &looked);
        self.last = view.at;
        print(&said)?;
        if let Some(burst) = burst {
            self.schedule.set_burst(burst);
        }
        if let Some(out) = &mut self.detections {
            let record = judge::record(&self.name, view.index, view.at, size, &looked, self.analysis.tracks(), self.ids);
            serde_json::to_writer(&mut **out, &record).context("cannot write the detections")?;
            out.write_all(b"\n").context("cannot write the detections")?;
        }
        self.annotate(view, &looked)?;
        let (name, at) = (&self.name, view.at.as_secs_f64());
        self.progress.show(|| match length {
            Some(length) if !length.is_zero() => format!("{name}: {:.0} %", 100.0 * at / length.as_secs_f64()),
            _ => format!("{name}: {at:.0} s"),
        });
        Ok(())
    }

    fn annotate(&mut self, view: &View, looked: &Looked) -> anyhow::Result<()> {
        match &mut self.annotator {
            Some(annotator) => annotator.push(view.at, &view.picture, looked, self.analysis.judge()),
            None => Ok(()),
        }
    }

    /// Prints the summary; returns how many pictures were analysed.
    fn finish(mut self, end: MediaTime, counts: Counts) -> anyhow::Result<u64> {
        self.progress.clear();
        if let Some(annotator) = self.annotator {
            annotator.finish()?;
        }
        let mut said = self.analysis.finish(end, counts);
        let mut analysed = 0;
        if let Some(Said::Summary(summary)) = said.last_mut() {
            analysed = summary.data.frames_analysed;
            // Those that were not decoded, and those in which nothing was due.
            summary.data.frames_skipped = counts.seen.saturating_sub(analysed);
        }
        print(&said)?;
        Ok(analysed)
    }
}

/// One line each, at once: whoever reads along is not kept waiting.
pub fn print(said: &[Said]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for said in said {
        writeln!(out, "{}", said.to_line())?;
    }
    Ok(out.flush()?)
}

fn modified(path: &Path) -> WallTime {
    fs::metadata(path).and_then(|meta| meta.modified()).map_or(WallTime::from_unix_millis(0), WallTime::from)
}
