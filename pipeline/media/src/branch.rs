//! The part every pipeline shares, from encoded video to RGB pictures:
//!
//! ```text
//! encoded → parse → [gate] → (queue) → decode → [thin] → scale and convert → appsink
//! ```
//!
//! Both brackets are pad probes that ask a [`Tap`]. What is dropped in the first is never decoded; what is dropped in the second is never scaled.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use matpho_scene::{MediaTime, Picture, PictureSize};

use crate::{
    config::DecoderChoice,
    decoders,
    failure::Failure,
    gate::Verdict,
    ring::Format,
    status::{Codec, Reason},
};

/// Queued encoded pictures from which the decoder counts as behind: a second and a bit at 25 a second.
const BEHIND_UNITS: u32 = 32;

/// A buffer goes no further. Not `Drop`: the bindings take the buffer out of the probe, and GStreamer 1.22 then complains of nothing to drop, aloud, for each.
const DROPPED: gst::PadProbeReturn = gst::PadProbeReturn::Handled;

/// Who is asked, and told, on the way.
pub trait Tap: Send + Sync + 'static {
    /// The stream's format is known, or has changed.
    fn format(&self, format: Arc<Format>, size: Option<PictureSize>);
    /// An encoded picture came; `behind` when the decoder is. Says whether to decode it, and whether a keyframe before it is to be drained.
    fn unit(&self, at: MediaTime, buffer: &gst::BufferRef, behind: bool) -> (Verdict, bool);
    /// A picture was decoded. Is it wanted?
    fn decoded(&self, at: MediaTime) -> bool;
}

/// How to make one.
#[derive(Debug, Clone)]
pub struct Branch {
    pub decoder: DecoderChoice,
    pub decoders_failed: usize,
    /// 0: as many as the decoder likes.
    pub threads: i32,
    pub width_max: u32,
    /// A queue before the decoder, which then has a thread of its own and never holds the source up.
    pub queued: bool,
}

/// The codec of encoded caps, and its parser.
pub fn codec_of(caps: &gst::CapsRef) -> Codec {
    match caps.structure(0).map(|structure| structure.name().as_str()) {
        Some("video/x-h264") => Codec::H264,
        Some("video/x-h265") => Codec::H265,
        Some("image/jpeg") => Codec::Mjpeg,
        other => Codec::Other(other.unwrap_or("unknown").into()),
    }
}

/// The parser and the form it is to yield: every keyframe with its parameter sets, so that a clip may begin at any of them.
pub fn parser(codec: &Codec) -> Result<Vec<gst::Element>, Failure> {
    let (name, caps) = match codec {
        Codec::H264 => ("h264parse", Some("video/x-h264,stream-format=byte-stream,alignment=au")),
        Codec::H265 => ("h265parse", Some("video/x-h265,stream-format=byte-stream,alignment=au")),
        Codec::Mjpeg => ("jpegparse", None),
        Codec::Other(_) => return Ok(Vec::new()),
    };
    let parse = element(name)?;
    if parse.has_property("config-interval") {
        parse.set_property("config-interval", -1i32);
    }
    let Some(caps) = caps else { return Ok(vec![parse]) };
    let filter = element("capsfilter")?;
    filter.set_property_from_str("caps", caps);
    Ok(vec![parse, filter])
}

/// An element of GStreamer; its absence names the plugin package at fault.
pub fn element(name: &str) -> Result<gst::Element, Failure> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_| Failure::new(Reason::Other, format!("GStreamer lacks the element `{name}`: install gstreamer1.0-plugins-base, -good, -bad, -ugly and gstreamer1.0-libav")))
}

impl Branch {
    /// Puts the branch behind `src`, which yields `caps`, and `sink` at its end. Returns the decoder's name.
    pub fn attach(
        &self,
        pipeline: &gst::Pipeline,
        src: &gst::Pad,
        caps: &gst::CapsRef,
        tap: Arc<dyn Tap>,
        sink: &gst_app::AppSink,
    ) -> Result<String, Failure> {
        let codec = codec_of(caps);
        let decoder = decoders::make(&self.decoder, caps, self.decoders_failed, self.threads)
            .map_err(|error| Failure::new(Reason::UnsupportedCodec(codec.to_string()), error.to_string()))?;
        let name = decoder.factory().map(|factory| factory.name().to_string()).unwrap_or_default();
        let mut chain = parser(&codec)?;
        let entry_at = chain.len();
        if self.queued {
            let queue = element("queue")?;
            // Bounded by the gate, which sheds whole groups of pictures; the queue's own bounds would block the camera.
            queue.set_property("max-size-buffers", 0u32);
            queue.set_property("max-size-bytes", 0u32);
            queue.set_property("max-size-time", 0u64);
            queue.set_property("silent", true);
            chain.push(queue);
        }
        let entry = chain.get(entry_at).unwrap_or(&decoder).clone();
        let scale = element("videoconvertscale")?;
        let fit = element("capsfilter")?;
        let exit = decoder.static_pad("src");
        chain.extend([decoder, scale, fit.clone(), sink.clone().upcast()]);

        let wiring = |error: gst::glib::BoolError| Failure::other(error);
        pipeline.add_many(&chain).map_err(wiring)?;
        gst::Element::link_many(&chain).map_err(wiring)?;
        let missing_pad = || Failure::new(Reason::Other, format!("decoder `{name}` has no static pads"));
        self.watch_units(&entry.static_pad("sink").ok_or_else(missing_pad)?, self.queued.then(|| entry.downgrade()), tap.clone());
        self.watch_pictures(&exit.ok_or_else(missing_pad)?, fit, tap);
        let first = chain.first().and_then(|element| element.static_pad("sink")).ok_or_else(missing_pad)?;
        for element in chain.iter().rev() {
            element.sync_state_with_parent().map_err(wiring)?;
        }
        src.link(&first).map_err(|error| Failure::new(Reason::Other, format!("cannot link {caps}: {error}")))?;
        Ok(name)
    }

    /// Holds the queue weakly: it holds this pad, which holds the probe.
    fn watch_units(&self, pad: &gst::Pad, queue: Option<gst::glib::WeakRef<gst::Element>>, tap: Arc<dyn Tap>) {
        let types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        let _ = pad.add_probe(types, move |pad, info| {
            if let Some(gst::EventView::Caps(event)) = info.event().map(|event| event.view()) {
                let format = Format { codec: codec_of(event.caps()), caps: event.caps().to_string() };
                tap.format(Arc::new(format), size_of(event.caps()));
            }
            let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
            let behind = queue
                .as_ref()
                .and_then(gst::glib::WeakRef::upgrade)
                .is_some_and(|queue| queue.property::<u32>("current-level-buffers") >= BEHIND_UNITS);
            let Some(at) = running_time(pad, buffer.pts().or(buffer.dts())) else { return gst::PadProbeReturn::Ok };
            let (verdict, drain) = tap.unit(at, buffer, behind);
            if drain {
                // A gap is what makes a decoder give out what it holds back.
                let gap = gst::event::Gap::builder(buffer.pts().or(buffer.dts()).unwrap_or_default()).build();
                pad.send_event(gap);
            }
            match verdict {
                Verdict::Decode => gst::PadProbeReturn::Ok,
                Verdict::Skip(_) => DROPPED,
            }
        });
    }

    fn watch_pictures(&self, pad: &gst::Pad, fit: gst::Element, tap: Arc<dyn Tap>) {
        let width_max = self.width_max;
        let types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        let _ = pad.add_probe(types, move |pad, info| {
            if let Some(gst::EventView::Caps(event)) = info.event().map(|event| event.view()) {
                // Here, and not once and for all: cameras change their size in the middle of a stream.
                if let Ok(video) = gst_video::VideoInfo::from_caps(event.caps()) {
                    let size = fitted(video.width(), video.height(), (video.par().numer(), video.par().denom()), width_max);
                    fit.set_property("caps", rgb_caps(size));
                }
            }
            let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
            match running_time(pad, buffer.pts()) {
                Some(at) if !tap.decoded(at) => DROPPED,
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }
}

/// A sink for RGB pictures that never waits for the clock, and for which nothing else waits when it starts.
pub fn picture_sink(buffers: u32, drop: bool) -> gst_app::AppSink {
    gst_app::AppSink::builder().sync(false).async_(false).max_buffers(buffers).drop(drop).enable_last_sample(false).build()
}

/// The running time of a pad's time stamp: what edit lists and seeks leave of it.
pub fn running_time(pad: &gst::Pad, time: Option<gst::ClockTime>) -> Option<MediaTime> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
    media_time(segment, time?)
}

fn media_time(segment: &gst::FormattedSegment<gst::ClockTime>, time: gst::ClockTime) -> Option<MediaTime> {
    Some(MediaTime::from_nanos(segment.to_running_time(time)?.nseconds()))
}

fn size_of(caps: &gst::CapsRef) -> Option<PictureSize> {
    let structure = caps.structure(0)?;
    let side = |name| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0);
    Some(PictureSize { width: side("width")?, height: side("height")? })
}

/// Exactly this size, RGB, square pixels.
pub fn rgb_caps(size: PictureSize) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "RGB")
        .field("width", size.width as i32)
        .field("height", size.height as i32)
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build()
}

/// The size a picture is scaled to: square pixels, at most `width_max` across, never larger than it is, sides even.
pub fn fitted(width: u32, height: u32, par: (i32, i32), width_max: u32) -> PictureSize {
    let par = if par.0 > 0 && par.1 > 0 { f64::from(par.0) / f64::from(par.1) } else { 1.0 };
    // Pixels that are not square are made so by shrinking the longer side.
    let (across, down) = (f64::from(width) * par.min(1.0), f64::from(height) / par.max(1.0));
    let shrink = (f64::from(width_max.max(2)) / across).min(1.0);
    let even = |side: f64, max: u32| (((side * shrink / 2.0).round() as u32) * 2).clamp(2, max.max(2));
    PictureSize { width: even(across, width_max & !1), height: even(down, u32::MAX) }
}

/// The picture of a sample, and when it is shown.
pub fn picture_of(sample: &gst::Sample) -> Option<(MediaTime, Picture)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let buffer = sample.buffer()?;
    let at = media_time(sample.segment()?.downcast_ref::<gst::ClockTime>()?, buffer.pts()?)?;
    let size = PictureSize { width: info.width(), height: info.height() };
    use gst_video::VideoFrameExt;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
    let (stride, row) = (frame.plane_stride()[0] as usize, size.width as usize * 3);
    let data = frame.plane_data(0).ok()?;
    let rgb = if stride == row {
        data.get(..size.pixels() * 3)?.to_vec()
    } else {
        data.chunks(stride).take(size.height as usize).flat_map(|line| &line[..row]).copied().collect()
    };
    Some((at, Picture::from_rgb(size, rgb).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_shape_and_are_even() {
        for (width, height, par, max, expected) in [
            (1920, 1080, (1, 1), 640, "640x360"),
            (1920, 1080, (1, 1), 4000, "1920x1080"),
            (848, 478, (1, 1), 848, "848x478"),
            (599, 337, (1, 1), 599, "598x338"),
            (704, 576, (12, 11), 704, "704x528"),
            (352, 288, (0, 0), 1000, "352x288"),
            (3, 1, (1, 1), 1, "2x2"),
        ] {
            assert_eq!(fitted(width, height, par, max).to_string(), expected, "{width}x{height}");
        }
    }
}
