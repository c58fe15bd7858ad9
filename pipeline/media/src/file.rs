//! Video files, read as fast as they can be, with exact media times.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app as gst_app;
use matpho_scene::{ClockSource, MediaTime, PictureSize, Seen, WallTime};
use parking_lot::Mutex;

use crate::{
    branch::{self, Branch, Tap},
    config::{DecodePolicy, DecoderChoice},
    container,
    failure::Failure,
    frame::Frame,
    gate::{Gate, UnitFacts, Verdict},
    ring::Format,
    session,
    status::{Codec, Reason},
    transcode::{Job, STUCK},
};

/// A file that yields nothing for so long yields nothing at all. Needed because parsebin swallows the errors of demuxers that fail while it starts them.
const STUCK_AT_START: Duration = Duration::from_secs(15);

/// Why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses it.
    #[error("cannot read {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder, a device.
    #[error("{path} is not a file", path = path.display())]
    NotAFile {
        /// What it is.
        path: PathBuf,
    },
    /// No bytes.
    #[error("{path} is empty: copy or record it again", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Not a video at all.
    #[error("{path} is no video: MP4, MOV, AVI, MKV, WebM, TS and FLV are read", path = path.display())]
    NotMedia {
        /// The file.
        path: PathBuf,
    },
    /// Sound only, or subtitles.
    #[error("{path} holds no video stream", path = path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
    },
    /// A codec without a decoder here.
    #[error("{path} is encoded as {codec}, which nothing here decodes ({detail}): convert it to H.264", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Its codec.
        codec: String,
        /// Why not.
        detail: String,
    },
    /// It ends before its end.
    #[error(
        "{path} is cut off: {bytes} bytes are there, its header tells of {bytes_expected}; {frames} pictures were read. Copy it again, or rescue what is there with `ffmpeg -i IN -c copy OUT`",
        path = path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The least size its header implies.
        bytes_expected: u64,
        /// Pictures handed out before.
        frames: u64,
    },
    /// It breaks off or makes no sense.
    #[error("{path} is damaged after {at} ({detail}); {frames} pictures were read. Rescue what is there with `ffmpeg -i IN -c copy OUT`", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Up to where it was read.
        at: MediaTime,
        /// Pictures handed out before.
        frames: u64,
        /// What GStreamer said.
        detail: String,
    },
    /// GStreamer itself failed.
    #[error("cannot read {path}: {detail}", path = path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

/// How to read a file.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// What is decoded.
    pub decode: DecodePolicy,
    /// Which element decodes.
    pub decoder: DecoderChoice,
    /// Pictures are scaled down to at most this width in pixels.
    pub picture_width_max: u32,
    /// When its first picture was seen; the file's modification time where unknown.
    pub begins: Option<WallTime>,
}

impl FileOptions {
    /// By the best decoder there is, beginning at the file's modification time.
    pub fn new(decode: DecodePolicy, picture_width_max: u32) -> Self {
        Self { decode, decoder: DecoderChoice::Auto, picture_width_max, begins: None }
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct FileInfo {
    /// Its container's media type, such as `video/quicktime`.
    pub container: String,
    /// Its video codec.
    pub codec: Codec,
    /// Size of its pictures before scaling.
    pub size: PictureSize,
    /// Pictures a second as declared; none where they come unevenly or nothing is said.
    pub fps: Option<f64>,
    /// Length as declared.
    pub duration: Option<Duration>,
    /// The element that decodes.
    pub decoder: String,
}

/// What was read so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FileSummary {
    /// Pictures in the file up to here.
    pub units: u64,
    /// Of these, pictures that stand alone.
    pub keyframes: u64,
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures handed out.
    pub frames: u64,
    /// Time of the last picture handed out.
    pub last: MediaTime,
}

impl FileSummary {
    /// Pictures seen and not handed out.
    pub fn skipped(&self) -> u64 {
        self.units.saturating_sub(self.frames)
    }
}

/// Reads a video file picture by picture. After an error, or the end, it yields nothing more.
pub struct FileReader {
    job: Job,
    sink: gst_app::AppSink,
    tap: Arc<FileTap>,
    path: PathBuf,
    begins: WallTime,
    info: FileInfo,
    frames: u64,
    last: MediaTime,
    /// The first picture, which opening had to wait for.
    ahead: Option<gst::Sample>,
    ended: bool,
}

impl FileReader {
    /// Opens a file and decodes its first picture: whatever is wrong with it as a whole is known then.
    pub fn open(path: &Path, options: &FileOptions) -> Result<Self, FileError> {
        let meta = std::fs::metadata(path).map_err(|source| FileError::Io { path: path.into(), source })?;
        if !meta.is_file() {
            return Err(FileError::NotAFile { path: path.into() });
        }
        if meta.len() == 0 {
            return Err(FileError::Empty { path: path.into() });
        }
        // GStreamer's own words for a file that may not be read are poor.
        std::fs::File::open(path).map_err(|source| FileError::Io { path: path.into(), source })?;
        if let Some(missing) = container::missing(path).filter(|missing| !missing.readable) {
            return Err(truncated(path.into(), missing, 0));
        }
        crate::init().map_err(|error| FileError::Failed { path: path.into(), detail: error.to_string() })?;

        let tap = Arc::new(FileTap { policy: options.decode, state: Mutex::new(TapState::new()) });
        let sink = branch::picture_sink(4, false);
        let job = Job::new();
        let branch = Branch {
            decoder: options.decoder.clone(),
            decoders_failed: 0,
            threads: 0,
            width_max: options.picture_width_max,
            queued: false,
        };
        build(&job, path, branch, &tap, &sink)
            .map_err(|failure| FileError::Failed { path: path.into(), detail: failure.detail })?;
        let begins = options.begins.unwrap_or_else(|| WallTime::from(meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
        let mut reader = Self {
            job,
            sink,
            tap,
            path: path.into(),
            begins,
            info: FileInfo {
                container: String::new(),
                codec: Codec::Other("unknown".into()),
                size: PictureSize { width: 1, height: 1 },
                fps: None,
                duration: None,
                decoder: String::new(),
            },
            frames: 0,
            last: MediaTime::ZERO,
            ahead: None,
            ended: false,
        };
        let started = reader.job.start().map_err(|failure| reader.explain(failure));
        started?;
        reader.ahead = reader.pull()?;
        if reader.ahead.is_none() {
            let units = reader.tap.state.lock().units;
            return Err(reader.explain(if units == 0 {
                Failure::new(Reason::NoVideo, "no pictures")
            } else {
                Failure::new(Reason::Decode, format!("none of its {units} pictures can be decoded"))
            }));
        }
        reader.info = reader.describe();
        Ok(reader)
    }

    /// What the file says of itself.
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// When its first picture was seen.
    pub fn begins(&self) -> WallTime {
        self.begins
    }

    /// What was read so far.
    pub fn summary(&self) -> FileSummary {
        let state = self.tap.state.lock();
        FileSummary {
            units: state.units,
            keyframes: state.keyframes,
            decoded: state.decoded,
            frames: self.frames,
            last: self.last,
        }
    }

    /// The next picture; none at the end.
    fn pull(&self) -> Result<Option<gst::Sample>, FileError> {
        let mut units = 0;
        let mut moved = Instant::now();
        loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::from_mseconds(50)) {
                return Ok(Some(sample));
            }
            // Looked at only when no picture is left: those before an error are good. The sink tells of its end only once it is empty.
            let outcome = self.job.outcome(gst::ClockTime::from_mseconds(10));
            let unusable = self.tap.state.lock().unusable.take();
            match (unusable, outcome) {
                (Some(failure), _) | (None, Some(Err(failure))) => return Err(self.explain(failure)),
                (None, Some(Ok(()))) => return Ok(None),
                (None, None) => {}
            }
            let now = self.tap.state.lock().units;
            if now != units {
                (units, moved) = (now, Instant::now());
            } else if moved.elapsed() > if now == 0 { STUCK_AT_START } else { STUCK } {
                return Err(self.explain(Failure::new(Reason::Stalled, "reading it gets nowhere")));
            }
        }
    }

    fn explain(&self, failure: Failure) -> FileError {
        let (path, frames, detail) = (self.path.clone(), self.frames, failure.detail);
        if let Some(missing) = container::missing(&path) {
            return truncated(path, missing, frames);
        }
        match failure.reason {
            // Text and the like: of a known kind, and nothing in it to be decoded.
            Reason::UnsupportedCodec(_) if !self.tap.state.lock().media => FileError::NotMedia { path },
            Reason::UnsupportedCodec(codec) => FileError::Unsupported { path, codec, detail },
            Reason::NoVideo => FileError::NoVideo { path },
            _ if self.tap.state.lock().media => FileError::Damaged { path, at: self.last, frames, detail },
            _ => FileError::NotMedia { path },
        }
    }

    fn describe(&self) -> FileInfo {
        let state = self.tap.state.lock();
        let caps = state.format.as_ref().and_then(|format| format.caps.parse::<gst::Caps>().ok());
        let rate = caps.as_ref().and_then(|caps| caps.structure(0)?.get::<gst::Fraction>("framerate").ok());
        let duration = self.job.pipeline.query_duration::<gst::ClockTime>();
        let typefind = self
            .job
            .pipeline
            .iterate_recurse()
            .into_iter()
            .flatten()
            .find(|element| element.factory().is_some_and(|factory| factory.name() == "typefind"));
        let container = typefind.and_then(|element| element.property::<Option<gst::Caps>>("caps"));
        FileInfo {
            container: container.and_then(|caps| Some(caps.structure(0)?.name().to_string())).unwrap_or_default(),
            codec: state.format.as_ref().map_or(Codec::Other("unknown".into()), |format| format.codec.clone()),
            size: state.size.unwrap_or(PictureSize { width: 1, height: 1 }),
            fps: rate
                .filter(|rate| rate.numer() > 0 && rate.denom() > 0)
                .map(|rate| f64::from(rate.numer()) / f64::from(rate.denom())),
            duration: duration.map(|time| Duration::from_nanos(time.nseconds())),
            decoder: state.decoder.clone(),
        }
    }

    fn frame(&mut self, sample: &gst::Sample) -> Result<Frame, FileError> {
        let Some((at, picture)) = branch::picture_of(sample) else {
            return Err(self.explain(Failure::other("a picture that is not RGB")));
        };
        let (index, keyframe) = self.tap.state.lock().take_shown(at).unwrap_or((self.frames, false));
        self.frames += 1;
        self.last = at;
        let seen = Seen { at: self.begins + Duration::from_nanos(at.as_nanos()), uncertainty_ms: 0, clock: ClockSource::File };
        Ok(Frame { index, connection: 0, media_time: at, seen, keyframe, picture })
    }
}

impl Iterator for FileReader {
    type Item = Result<Frame, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let pulled = match self.ahead.take() {
            Some(sample) => Ok(Some(sample)),
            None => self.pull(),
        };
        let item = match pulled {
            Ok(Some(sample)) => Some(self.frame(&sample)),
            // A demuxer may take the end of the bytes for the end of the film.
            Ok(None) => container::missing(&self.path).map(|_| Err(self.explain(Failure::other("cut off")))),
            Err(error) => Some(Err(error)),
        };
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

fn truncated(path: PathBuf, missing: container::Missing, frames: u64) -> FileError {
    FileError::Truncated { path, bytes: missing.bytes, bytes_expected: missing.bytes_expected, frames }
}

fn build(job: &Job, path: &Path, branch: Branch, tap: &Arc<FileTap>, sink: &gst_app::AppSink) -> Result<(), Failure> {
    let weak = job.pipeline.downgrade();
    let pads = PadJoin { pipeline: weak, branch, tap: tap.clone(), sink: sink.clone(), joined: Mutex::new(false) };
    let pads = Arc::new(pads);
    let ends = Arc::downgrade(tap);
    let on_pad = pads.clone();
    let parse = session::file_source(&job.pipeline, path, move |pad| on_pad.pad(pad))?;
    parse.connect("no-more-pads", false, move |_| {
        if let Some(tap) = ends.upgrade()
            && !*pads.joined.lock()
        {
            tap.state.lock().unusable.get_or_insert(Failure::new(Reason::NoVideo, ""));
        }
        None
    });
    let typed = Arc::downgrade(tap);
    for element in parse.downcast_ref::<gst::Bin>().into_iter().flat_map(|bin| bin.iterate_elements().into_iter().flatten()) {
        if element.factory().is_some_and(|factory| factory.name() == "typefind") {
            let typed = typed.clone();
            element.connect("have-type", false, move |values| {
                let media = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok()).is_some_and(|caps| is_media(&caps));
                typed.upgrade().inspect(|tap| tap.state.lock().media = media);
                None
            });
        }
    }
    Ok(())
}

/// Is this a kind of file that may hold video?
fn is_media(caps: &gst::CapsRef) -> bool {
    let name = caps.structure(0).map(|structure| structure.name().to_string()).unwrap_or_default();
    name.starts_with("video/") || name.starts_with("image/") || name.starts_with("audio/") || name.starts_with("application/")
}

struct PadJoin {
    pipeline: glib::WeakRef<gst::Pipeline>,
    branch: Branch,
    tap: Arc<FileTap>,
    sink: gst_app::AppSink,
    joined: Mutex<bool>,
}

impl PadJoin {
    fn pad(&self, pad: &gst::Pad) {
        let Some(pipeline) = self.pipeline.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        if !session::is_video(&caps) || std::mem::replace(&mut *self.joined.lock(), true) {
            return session::discard(&pipeline, pad);
        }
        let attached = self.branch.attach(&pipeline, pad, &caps, self.tap.clone(), &self.sink);
        let mut state = self.tap.state.lock();
        match attached {
            Ok(decoder) => state.decoder = decoder,
            Err(failure) => state.unusable = Some(failure),
        }
    }
}

struct FileTap {
    policy: DecodePolicy,
    state: Mutex<TapState>,
}

struct TapState {
    gate: Gate,
    format: Option<Arc<Format>>,
    size: Option<PictureSize>,
    decoder: String,
    /// The file was found to be of a kind that holds films or pictures.
    media: bool,
    unusable: Option<Failure>,
    units: u64,
    keyframes: u64,
    decoded: u64,
    /// Encoded pictures in the decoder: time, number, keyframe.
    entered: VecDeque<(MediaTime, u64, bool)>,
    /// Decoded pictures on their way out: time, number, keyframe.
    shown: VecDeque<(MediaTime, u64, bool)>,
}

impl TapState {
    fn new() -> Self {
        Self {
            gate: Gate::new(false),
            format: None,
            size: None,
            decoder: String::new(),
            media: false,
            unusable: None,
            units: 0,
            keyframes: 0,
            decoded: 0,
            entered: VecDeque::new(),
            shown: VecDeque::new(),
        }
    }

    fn take_shown(&mut self, at: MediaTime) -> Option<(u64, bool)> {
        let found = self.shown.iter().position(|shown| shown.0 == at)?;
        self.shown.drain(..=found).next_back().map(|(_, index, keyframe)| (index, keyframe))
    }
}

/// Encoded pictures remembered at most: more than a decoder holds back, with many threads.
const ENTERED_MAX: usize = 256;

impl Tap for FileTap {
    fn format(&self, format: Arc<Format>, size: Option<PictureSize>) {
        let mut state = self.state.lock();
        if state.format.as_ref().is_none_or(|known| known.codec != format.codec) {
            state.gate = Gate::new(format.codec == Codec::Mjpeg);
        }
        state.format = Some(format);
        state.size = size.or(state.size);
    }

    fn unit(&self, at: MediaTime, buffer: &gst::BufferRef, _: bool) -> (Verdict, bool) {
        let mut state = self.state.lock();
        let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let verdict = state.gate.admit(self.policy, UnitFacts { pts: at, keyframe, damaged: false, behind: false });
        if verdict == Verdict::Decode {
            let index = state.units;
            state.entered.push_back((at, index, keyframe));
            if state.entered.len() > ENTERED_MAX {
                state.entered.pop_front();
            }
        }
        state.units += 1;
        state.keyframes += u64::from(keyframe);
        (verdict, false)
    }

    fn decoded(&self, at: MediaTime) -> bool {
        let mut state = self.state.lock();
        let known = state.entered.iter().position(|entered| entered.0 == at).and_then(|found| state.entered.remove(found));
        // Where everything is decoded, pictures are numbered as they are shown, else as they are stored.
        let all = matches!(self.policy, DecodePolicy::Every | DecodePolicy::AtMost { .. })
            && state.format.as_ref().is_some_and(|format| format.codec != Codec::Mjpeg);
        let index = if all { state.decoded } else { known.map_or(state.decoded, |known| known.1) };
        state.decoded += 1;
        let shown = state.gate.show(self.policy, at);
        if shown {
            state.shown.push_back((at, index, known.is_some_and(|known| known.2)));
        }
        shown
    }
}
