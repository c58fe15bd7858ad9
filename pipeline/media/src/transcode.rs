//! What clips, stills and annotated videos share: feeding a small pipeline by hand and waiting for its end.

use std::{path::PathBuf, time::Duration};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;

use crate::{failure::Failure, status::Reason};

/// A pipeline at work on memory or files gets nowhere for this long: it is stuck.
pub const STUCK: Duration = Duration::from_secs(60);

/// A pipeline that is stopped when dropped.
pub struct Job {
    pub pipeline: gst::Pipeline,
}

impl Job {
    /// An empty one.
    pub fn new() -> Self {
        Self { pipeline: gst::Pipeline::new() }
    }

    /// From a description with elements named for [`named`](Self::named).
    pub fn parse(description: &str) -> Result<Self, Failure> {
        let element = gst::parse::launch(description).map_err(Failure::other)?;
        let pipeline = element.downcast().map_err(|_| Failure::other("not a pipeline"))?;
        Ok(Self { pipeline })
    }

    /// The element of that name.
    pub fn named<T: IsA<gst::Element>>(&self, name: &str) -> Result<T, Failure> {
        let found = self.pipeline.by_name(name).and_then(|element| element.downcast().ok());
        found.ok_or_else(|| Failure::new(Reason::Other, format!("no element `{name}`")))
    }

    /// Starts it.
    pub fn start(&self) -> Result<(), Failure> {
        let started = self.pipeline.set_state(gst::State::Playing);
        started.map(|_| ()).map_err(|_| self.error().unwrap_or_else(|| Failure::other("the pipeline does not start")))
    }

    /// The error on its bus, if there is one.
    pub fn error(&self) -> Option<Failure> {
        self.outcome(gst::ClockTime::ZERO)?.err()
    }

    /// How it ended, if it does within `timeout`. Told once.
    pub fn outcome(&self, timeout: gst::ClockTime) -> Option<Result<(), Failure>> {
        let message = self.pipeline.bus()?.timed_pop_filtered(timeout, &[gst::MessageType::Error, gst::MessageType::Eos])?;
        Some(match message.view() {
            gst::MessageView::Error(error) => Err(Failure::from_message(error)),
            _ => Ok(()),
        })
    }

    /// Waits for its end.
    pub fn finish(&self) -> Result<(), Failure> {
        let stuck = || Err(Failure::new(Reason::Stalled, format!("nothing happened for {} s", STUCK.as_secs())));
        self.outcome(gst::ClockTime::from_seconds(STUCK.as_secs())).unwrap_or_else(stuck)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A source that is fed by hand. It blocks its feeder rather than fill the memory.
pub fn source(caps: &gst::Caps) -> gst_app::AppSrc {
    let source = gst_app::AppSrc::builder().caps(caps).format(gst::Format::Time).build();
    source.set_max_bytes(64 << 20);
    source.set_block(true);
    source
}

/// A buffer with its times.
pub fn buffer(data: Vec<u8>, pts: Duration, dts: Option<Duration>, keyframe: bool) -> gst::Buffer {
    let time = |span: Duration| gst::ClockTime::from_nseconds(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX - 1));
    let mut buffer = gst::Buffer::from_mut_slice(data);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(time(pts));
        buffer.set_dts(dts.map(time));
        if !keyframe {
            buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
    }
    buffer
}

/// A file that is written beside its place and put there when whole: nobody ever reads half of it.
pub struct Draft {
    path: PathBuf,
    part: PathBuf,
}

impl Draft {
    pub fn new(path: &std::path::Path) -> Self {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        Self { path: path.into(), part: part.into() }
    }

    pub fn part(&self) -> &std::path::Path {
        &self.part
    }

    pub fn publish(self) -> std::io::Result<u64> {
        let bytes = std::fs::metadata(&self.part)?.len();
        std::fs::rename(&self.part, &self.path)?;
        Ok(bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it was published.
        let _ = std::fs::remove_file(&self.part);
    }
}
