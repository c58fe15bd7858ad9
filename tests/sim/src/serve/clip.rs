//! A file as a camera: its coded pictures are read once into memory and served round and round with one unbroken clock. H.264 is served as it is; anything else is
//! coded as H.264 once, at the start.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;

use super::city::CityError;

/// One coded picture.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub buffer: gst::Buffer,
    /// Against the clip's first picture; decode times may begin below zero, so they are shifted.
    pub pts_ns: u64,
    pub dts_ns: u64,
    pub key: bool,
}

/// A clip in memory.
#[derive(Debug)]
pub(super) struct Clip {
    pub units: Vec<Unit>,
    pub caps: gst::Caps,
    /// From the first picture of one round to the first of the next.
    pub length_ns: u64,
}

/// No clip larger than this is held in memory.
const BYTES_MAX: usize = 512 << 20;

impl Clip {
    pub fn load(path: &Path) -> Result<Self, CityError> {
        let wrong = |what: String| CityError::Clip { path: PathBuf::from(path), what };
        if !path.is_file() {
            return Err(wrong("there is no such file".into()));
        }
        match read(path, false) {
            Ok(clip) => Ok(clip),
            // Not H.264, or not in a container that says so: decode and code anew.
            Err(_) => read(path, true).map_err(wrong),
        }
    }
}

fn read(path: &Path, transcode: bool) -> Result<Clip, String> {
    let e = |e: &dyn std::fmt::Display| e.to_string();
    let pipeline = gst::Pipeline::new();
    let make =
        |name: &str| gst::ElementFactory::make(name).build().map_err(|_| format!("the GStreamer element '{name}' is missing"));
    let source = make("filesrc")?;
    source.set_property("location", path.to_string_lossy().as_ref());
    let open = make(if transcode { "decodebin" } else { "parsebin" })?;
    let parse = make("h264parse")?;
    parse.set_property("config-interval", -1i32);
    let sink = AppSink::builder()
        .sync(false)
        .max_buffers(64)
        .caps(&gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au").build())
        .build();
    pipeline.add_many([&source, &open, &parse, sink.upcast_ref()]).map_err(|x| e(&x))?;
    source.link(&open).map_err(|x| e(&x))?;
    parse.link(&sink).map_err(|x| e(&x))?;
    let first = if transcode {
        let convert = make("videoconvert")?;
        let encode = make("x264enc")?;
        encode.set_property_from_str("speed-preset", "veryfast");
        encode.set_property_from_str("tune", "zerolatency");
        encode.set_property("key-int-max", 30u32);
        encode.set_property("bitrate", 3000u32);
        pipeline.add_many([&convert, &encode]).map_err(|x| e(&x))?;
        gst::Element::link_many([&convert, &encode, &parse]).map_err(|x| e(&x))?;
        convert
    } else {
        parse
    };
    let kind = if transcode { "video/x-raw" } else { "video/x-h264" };
    open.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let wanted = caps.structure(0).is_some_and(|s| s.name() == kind);
        // Sound and the like stay unlinked, which demuxers take as long as one stream is wanted.
        if let Some(to) = first.static_pad("sink").filter(|p| wanted && !p.is_linked())
            && let Err(e) = pad.link(&to)
        {
            tracing::warn!("the clip's video cannot be read: {e}");
        }
    });
    let result = collect(&pipeline, &sink);
    let _ = pipeline.set_state(gst::State::Null);
    result
}

fn collect(pipeline: &gst::Pipeline, sink: &AppSink) -> Result<Clip, String> {
    pipeline.set_state(gst::State::Playing).map_err(|_| "cannot be opened as video".to_owned())?;
    let bus = pipeline.bus().ok_or("no message bus")?;
    let mut units: Vec<Unit> = Vec::new();
    let (mut caps, mut bytes) = (None, 0usize);
    let mut duration_ns = 0;
    loop {
        if let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) {
            let (Some(buffer), Some(c)) = (sample.buffer_owned(), sample.caps_owned()) else { continue };
            bytes += buffer.size();
            if bytes > BYTES_MAX {
                return Err(format!("is larger than {} MiB once read; use a shorter clip", BYTES_MAX >> 20));
            }
            caps.get_or_insert(c);
            let dts = buffer.dts().or(buffer.pts()).map_or(0, gst::ClockTime::nseconds);
            let pts = buffer.pts().map_or(dts, gst::ClockTime::nseconds);
            duration_ns = buffer.duration().map_or(duration_ns, gst::ClockTime::nseconds);
            let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            if units.is_empty() && !key {
                continue;
            }
            units.push(Unit { buffer, pts_ns: pts, dts_ns: dts, key });
        } else if sink.is_eos() {
            break;
        }
        while let Some(message) = bus.pop() {
            if let gst::MessageView::Error(x) = message.view() {
                // What was read before the damage is a clip all the same.
                if units.len() < 2 {
                    return Err(x.error().to_string());
                }
                return finish(units, caps, duration_ns);
            }
        }
    }
    finish(units, caps, duration_ns)
}

fn finish(mut units: Vec<Unit>, caps: Option<gst::Caps>, duration_ns: u64) -> Result<Clip, String> {
    let caps = caps.ok_or("holds no picture")?;
    if units.len() < 2 {
        return Err("holds fewer than two pictures".into());
    }
    let first_dts = units[0].dts_ns;
    for u in &mut units {
        u.pts_ns = u.pts_ns.saturating_sub(first_dts);
        u.dts_ns = u.dts_ns.saturating_sub(first_dts);
    }
    let span = units.iter().map(|u| u.dts_ns).max().unwrap_or(0);
    let step = if duration_ns > 0 { duration_ns } else { span / (units.len() as u64 - 1) };
    Ok(Clip { caps, length_ns: span + step.max(1_000_000), units })
}
