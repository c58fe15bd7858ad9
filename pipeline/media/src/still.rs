//! One full-size picture out of a clip: the proof that goes with an alarm.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};
use matpho_scene::{MediaTime, Picture, PictureSize};

use crate::{
    branch::{self, Branch, Tap},
    config::DecoderChoice,
    failure::Failure,
    gate::Verdict,
    ring::{Clip, Format},
    transcode::{self, Job},
};

/// No picture came out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot decode a picture of {begins}: {detail}")]
pub struct StillError {
    begins: matpho_scene::WallTime,
    detail: String,
}

/// Decodes the clip's last picture, at most `width_max` pixels across. A clip of one keyframe (see [`crate::Ring::keyframe_at`]) costs one picture; one that ends at an arbitrary instant
/// costs all pictures since its keyframe.
pub fn decode(clip: &Clip, decoder: &DecoderChoice, width_max: u32) -> Result<Picture, StillError> {
    try_decode(clip, decoder, width_max).map_err(|failure| StillError { begins: clip.begins(), detail: failure.detail })
}

fn try_decode(clip: &Clip, decoder: &DecoderChoice, width_max: u32) -> Result<Picture, Failure> {
    let job = Job::new();
    let caps = clip.format().caps.parse::<gst::Caps>().map_err(Failure::other)?;
    let source = transcode::source(&caps);
    job.pipeline.add(&source).map_err(Failure::other)?;
    let pad = source.static_pad("src").ok_or_else(|| Failure::other("appsrc without a pad"))?;
    let sink = branch::picture_sink(1, true);
    // Else the end would wait for the picture to be taken, and it is taken at the end.
    sink.set_property("wait-on-eos", false);
    let branch = Branch { decoder: decoder.clone(), decoders_failed: 0, threads: 1, width_max, queued: false };
    branch.attach(&job.pipeline, &pad, &caps, Arc::new(Everything), &sink)?;
    job.start()?;
    for (unit, (pts, dts)) in clip.units().iter().zip(clip.times()) {
        if source.push_buffer(transcode::buffer(unit.data.to_vec(), pts, Some(dts), unit.keyframe)).is_err() {
            break;
        }
    }
    let _ = source.end_of_stream();
    // The sink keeps the newest picture and drops those before.
    job.finish()?;
    let sample = sink.try_pull_sample(gst::ClockTime::ZERO).ok_or_else(|| Failure::other("the decoder gave nothing"))?;
    branch::picture_of(&sample).map(|(_, picture)| picture).ok_or_else(|| Failure::other("not an RGB picture"))
}

/// Decodes all and shows all.
struct Everything;

impl Tap for Everything {
    fn format(&self, _: Arc<Format>, _: Option<PictureSize>) {}

    fn unit(&self, _: MediaTime, _: &gst::BufferRef, _: bool) -> (Verdict, bool) {
        (Verdict::Decode, false)
    }

    fn decoded(&self, _: MediaTime) -> bool {
        true
    }
}
