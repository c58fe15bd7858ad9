//! One connection to one camera: a pipeline of its own, from its first packet to its last.
//!
//! Pipelines are never repaired: whatever happens to one, it is stopped and the next is built from nothing. GStreamer's RTSP source is known to lock up now and then, so stopping
//! happens on a thread of its own that may be left behind.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
        mpsc,
    },
    thread,
    time::Duration,
};

use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app as gst_app;
use matpho_scene::MediaTime;

use crate::{
    branch::{self, Branch, element},
    camera::Shared,
    config::{Location, Login, RtspUrl},
    counters::{Counters, count},
    failure::Failure,
    status::{Link, Reason},
    tap::LiveTap,
};

/// What a camera is told it talks to.
const USER_AGENT: &str = concat!("matpho/", env!("CARGO_PKG_VERSION"));

/// What the RTSP source says when not one stream could be set up, whether there was none or each was refused.
const NOTHING_SET_UP: &str = "No supported stream was found";

/// See the module.
pub struct Session {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    pub tap: Arc<LiveTap>,
    login: Option<Login>,
}

/// How stopping went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// In time.
    Clean,
    /// Not in time: the pipeline and its threads were left behind.
    Abandoned,
}

impl Session {
    /// Builds the pipeline and starts it. What goes wrong later comes by [`failure`](Self::failure).
    pub fn start(
        camera: &Arc<Shared>,
        connection: u64,
        base: MediaTime,
        link: Link,
        decoders_failed: usize,
    ) -> Result<Self, Failure> {
        let config = &camera.config;
        let pipeline = gst::Pipeline::with_name(&format!("camera-{}-{connection}", config.camera));
        let bus = pipeline.bus().ok_or_else(|| Failure::other("a pipeline without a bus"))?;
        let tap = LiveTap::new(camera.clone(), connection, base, link, &pipeline);
        let branch = Branch {
            decoder: config.decoder.clone(),
            decoders_failed,
            threads: 1,
            width_max: config.picture_width_max,
            queued: true,
        };
        let join = Join { pipeline: pipeline.downgrade(), tap: tap.clone(), branch: Arc::new(branch) };
        let login = match &config.location {
            Location::Rtsp { url, login } => {
                let source = rtsp_source(url, login.as_ref(), link, config.latency_ms, config.frame_age_max, &tap)?;
                pipeline.add(&source).map_err(wiring)?;
                source.connect_pad_added(move |_, pad| join.rtp_pad(pad));
                login.clone()
            }
            Location::File(path) => {
                file_source(&pipeline, path, move |pad| join.file_pad(pad))?;
                None
            }
        };
        let session = Self { pipeline, bus, tap, login };
        if session.pipeline.set_state(gst::State::Playing).is_err() {
            let failure = session.failure(Duration::ZERO).unwrap_or_else(|| Failure::other("the pipeline does not start"));
            let _ = session.stop(config.teardown_max, &camera.counters);
            return Err(failure);
        }
        Ok(session)
    }

    /// Waits at most `timeout` for the end of the stream, however it comes.
    pub fn failure(&self, timeout: Duration) -> Option<Failure> {
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos, gst::MessageType::Application];
        let timeout = gst::ClockTime::from_nseconds(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        let message = self.bus.timed_pop_filtered(timeout, &kinds)?;
        let noted = self.tap.failure();
        let explain = |error: &gst::message::Error| {
            let mut failure = Failure::from_message(error);
            if failure.detail.contains(NOTHING_SET_UP) {
                failure.reason = if self.tap.was_offered_video() { Reason::TransportRefused } else { Reason::NoVideo };
            }
            failure
        };
        let mut failure = match message.view() {
            gst::MessageView::Error(error) => noted.map_or_else(
                || explain(error),
                |noted| Failure {
                    detail: format!("{} {}", noted.detail, Failure::from_message(error).detail).trim().into(),
                    ..noted
                },
            ),
            gst::MessageView::Eos(_) => noted.unwrap_or_else(|| Failure::new(Reason::Eos, "")),
            _ => noted?,
        };
        if let Some(login) = &self.login {
            failure.detail = login.scrub(&failure.detail);
        }
        Some(failure)
    }

    #[cfg(test)]
    pub fn elements(&self) -> Vec<gst::Element> {
        self.pipeline.iterate_recurse().into_iter().flatten().collect()
    }

    /// Stops the pipeline, waiting at most `within`.
    pub fn stop(self, within: Duration, counters: &Arc<Counters>) -> Stopped {
        self.tap.close();
        stop_pipeline(self.pipeline, within, counters)
    }
}

/// Sets a pipeline to NULL on a thread of its own and waits for that at most `within`. A pipeline that takes longer is abandoned: nothing can end its threads from outside.
pub fn stop_pipeline(pipeline: gst::Pipeline, within: Duration, counters: &Arc<Counters>) -> Stopped {
    let (done, waiting) = mpsc::channel();
    let settled = Arc::new(AtomicBool::new(false));
    let ender = thread::Builder::new().name("media-end".into()).spawn({
        let (settled, counters) = (settled.clone(), counters.clone());
        move || {
            let _ = pipeline.set_state(gst::State::Null);
            drop(pipeline);
            if settled.swap(true, SeqCst) {
                counters.abandoned_alive.fetch_sub(1, Relaxed);
            }
            let _ = done.send(());
        }
    });
    // Without a thread to be had, the pipeline was stopped when the closure was dropped.
    if ender.is_err() || waiting.recv_timeout(within).is_ok() {
        return Stopped::Clean;
    }
    counters.abandoned_alive.fetch_add(1, Relaxed);
    if settled.swap(true, SeqCst) {
        counters.abandoned_alive.fetch_sub(1, Relaxed);
        return Stopped::Clean;
    }
    count(&counters.abandoned);
    Stopped::Abandoned
}

fn wiring(error: glib::BoolError) -> Failure {
    Failure::other(error)
}

fn rtsp_source(
    url: &RtspUrl,
    login: Option<&Login>,
    link: Link,
    latency_ms: u32,
    age_max: Duration,
    tap: &Arc<LiveTap>,
) -> Result<gst::Element, Failure> {
    let source = element("rtspsrc")?;
    let micros = u64::try_from(age_max.as_micros()).unwrap_or(u64::MAX);
    source.set_property("location", url.as_str());
    source.set_property("latency", latency_ms);
    source.set_property("user-agent", USER_AGENT);
    source.set_property("add-reference-timestamp-meta", true);
    source.set_property("tcp-timeout", micros);
    source.set_property("timeout", micros.min(5_000_000));
    // A keyframe comes as one burst of datagrams; the system cuts this to what it allows.
    source.set_property("udp-buffer-size", 2i32 << 20);
    source.set_property_from_str("protocols", if link == Link::Udp { "udp" } else { "tcp" });
    if let Some(login) = login {
        source.set_property("user-id", login.user());
        source.set_property("user-pw", login.expose_password());
    }
    // Sound and metadata are not even set up.
    let tap = Arc::downgrade(tap);
    source.connect("select-stream", false, move |values| {
        let wanted = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok()).is_some_and(|caps| match stream_of(&caps) {
            Stream::Video(..) => {
                tap.upgrade().inspect(|tap| tap.note_offer());
                true
            }
            Stream::UnknownVideo(name) => {
                tap.upgrade().inspect(|tap| tap.note_unusable(Reason::UnsupportedCodec(name)));
                false
            }
            Stream::Other => false,
        });
        Some(wanted.to_value())
    });
    Ok(source)
}

enum Stream {
    /// Its depayloader and the caps of what that yields.
    Video(&'static str, &'static str),
    UnknownVideo(String),
    Other,
}

fn stream_of(caps: &gst::CapsRef) -> Stream {
    let field = |name| caps.structure(0).and_then(|structure| structure.get::<String>(name).ok());
    if field("media").as_deref() != Some("video") {
        return Stream::Other;
    }
    match field("encoding-name").as_deref() {
        Some("H264") => Stream::Video("rtph264depay", "video/x-h264"),
        Some("H265") => Stream::Video("rtph265depay", "video/x-h265"),
        Some("JPEG") => Stream::Video("rtpjpegdepay", "image/jpeg"),
        other => Stream::UnknownVideo(other.unwrap_or("unknown").into()),
    }
}

/// `filesrc ! parsebin`; `on_pad` is called with each pad of parsed media.
pub fn file_source(
    pipeline: &gst::Pipeline,
    path: &Path,
    on_pad: impl Fn(&gst::Pad) + Send + Sync + 'static,
) -> Result<gst::Element, Failure> {
    let (source, parse) = (element("filesrc")?, element("parsebin")?);
    source.set_property("location", path);
    pipeline.add_many([&source, &parse]).map_err(wiring)?;
    source.link(&parse).map_err(wiring)?;
    parse.connect_pad_added(move |_, pad| on_pad(pad));
    Ok(parse)
}

/// Is this a pad of video or pictures?
pub fn is_video(caps: &gst::CapsRef) -> bool {
    caps.structure(0).is_some_and(|structure| structure.name().starts_with("video/") || structure.name().starts_with("image/"))
}

/// Lets a stream nobody wants run into nothing, so that it does not hold up the others of its file.
pub fn discard(pipeline: &gst::Pipeline, pad: &gst::Pad) {
    let Ok(sink) = element("fakesink") else { return };
    sink.set_property("sync", false);
    sink.set_property("async", false);
    if pipeline.add(&sink).is_ok()
        && sink.sync_state_with_parent().is_ok()
        && let Some(target) = sink.static_pad("sink")
    {
        let _ = pad.link(&target);
    }
}

/// Joins the first video pad of a source to a branch that ends in the camera's slot.
struct Join {
    pipeline: glib::WeakRef<gst::Pipeline>,
    tap: Arc<LiveTap>,
    branch: Arc<Branch>,
}

impl Join {
    fn rtp_pad(&self, pad: &gst::Pad) {
        let Some(pipeline) = self.pipeline.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Stream::Video(depay, media) = stream_of(&caps) else { return };
        if self.tap.info().is_some() || pipeline.by_name("depay").is_some() {
            return discard(&pipeline, pad);
        }
        let joined = element(depay).and_then(|depay| {
            depay.set_property("name", "depay");
            pipeline.add(&depay).map_err(wiring)?;
            let ends = depay.static_pad("sink").zip(depay.static_pad("src"));
            let (sink, src) = ends.ok_or_else(|| Failure::other("a depayloader without pads"))?;
            let tap = Arc::downgrade(&self.tap);
            // Parsers need not keep the camera's time, so it is read before them.
            let _ = src.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                if let (Some(buffer), Some(tap)) = (info.buffer(), tap.upgrade())
                    && let Some(at) = branch::running_time(pad, buffer.pts())
                {
                    tap.reference_time(at, buffer);
                }
                gst::PadProbeReturn::Ok
            });
            self.branch(&pipeline, &src, &gst::Caps::new_empty_simple(media))?;
            depay.sync_state_with_parent().map_err(wiring)?;
            pad.link(&sink).map_err(Failure::other)
        });
        if let Err(failure) = joined {
            self.tap.fail(failure);
        }
    }

    fn file_pad(&self, pad: &gst::Pad) {
        let Some(pipeline) = self.pipeline.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        if !is_video(&caps) || pipeline.by_name("pace").is_some() {
            return discard(&pipeline, pad);
        }
        let joined = element("clocksync").and_then(|pace| {
            pace.set_property("name", "pace");
            pipeline.add(&pace).map_err(wiring)?;
            let ends = pace.static_pad("sink").zip(pace.static_pad("src"));
            let (sink, src) = ends.ok_or_else(|| Failure::other("clocksync without pads"))?;
            self.branch(&pipeline, &src, &caps)?;
            pace.sync_state_with_parent().map_err(wiring)?;
            pad.link(&sink).map_err(Failure::other)
        });
        if let Err(failure) = joined {
            self.tap.fail(failure);
        }
    }

    fn branch(&self, pipeline: &gst::Pipeline, src: &gst::Pad, caps: &gst::CapsRef) -> Result<(), Failure> {
        let sink = branch::picture_sink(2, true);
        let tap = Arc::downgrade(&self.tap);
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    if let (Some(tap), Some((at, picture))) = (tap.upgrade(), branch::picture_of(&sample)) {
                        tap.picture(at, picture);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        let decoder = self.branch.attach(pipeline, src, caps, self.tap.clone(), &sink)?;
        self.tap.set_decoder(decoder);
        Ok(())
    }
}
