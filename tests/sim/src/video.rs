//! A camera's pictures as a video file, as fast as they can be made: for looking, and for tests without a network.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;

use crate::camera::{CameraSim, Models};
use crate::scenario::Scenario;

/// What to film.
#[derive(Debug, Clone)]
pub struct VideoJob {
    /// Which camera.
    pub camera: String,
    /// Scenario seconds.
    pub seconds: f64,
    /// Where to begin.
    pub from_s: f64,
    /// An `.mp4`; beside it the truth, with `.jsonl` in its place.
    pub out: PathBuf,
}

/// Writes H.264 in MP4 and the truth of every picture beside it.
pub fn film(scenario: &Scenario, job: &VideoJob) -> Result<u64> {
    gst::init().context("cannot start GStreamer")?;
    let camera = scenario.camera(&job.camera)?;
    let (w, h, fps) = (camera.width, camera.height, camera.fps);
    let mut sim = CameraSim::new(scenario, camera, &Models::build());
    let key = (camera.keyframe_s * f64::from(fps)).round().max(1.0) as u32;
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=source format=time block=true max-buffers=4 max-bytes=0 caps=\"video/x-raw,format=I420,width={w},height={h},framerate={fps}/1,colorimetry=bt601\" \
         ! x264enc tune=zerolatency speed-preset=superfast threads=1 key-int-max={key} bitrate={} ! h264parse ! mp4mux faststart=true ! filesink name=sink",
        camera.bitrate_kbps
    ))?
    .downcast::<gst::Pipeline>()
    .map_err(|_| anyhow!("not a pipeline"))?;
    pipeline.by_name("sink").context("no sink")?.set_property("location", job.out.to_string_lossy().as_ref());
    let source = pipeline.by_name("source").and_then(|e| e.downcast::<AppSrc>().ok()).context("no source")?;
    let truth_path = job.out.with_extension("jsonl");
    let mut truth = std::io::BufWriter::new(
        std::fs::File::create(&truth_path).with_context(|| format!("cannot write {}", truth_path.display()))?,
    );
    let bus = pipeline.bus().context("no bus")?;
    pipeline.set_state(gst::State::Playing).with_context(|| format!("cannot write {}", job.out.display()))?;
    let count = (job.seconds * f64::from(fps)).round().max(1.0) as u64;
    for n in 0..count {
        let t = job.from_s + n as f64 / f64::from(fps);
        let fault = sim.scripted_fault(t);
        let picture = sim.picture(t, fault);
        let mut buffer = gst::Buffer::from_slice(picture.yuv.to_vec());
        if let Some(b) = buffer.get_mut() {
            b.set_pts(gst::ClockTime::from_nseconds(n * 1_000_000_000 / u64::from(fps)));
            b.set_duration(gst::ClockTime::from_nseconds(1_000_000_000 / u64::from(fps)));
        }
        source.push_buffer(buffer).map_err(|_| anyhow!("{}: the encoder stopped", job.out.display()))?;
        serde_json::to_writer(&mut truth, &picture.truth)?;
        std::io::Write::write_all(&mut truth, b"\n")?;
    }
    source.end_of_stream().map_err(|_| anyhow!("the encoder stopped"))?;
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(120), &[gst::MessageType::Eos, gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null)?;
    match end.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(count),
        Some(gst::MessageView::Error(e)) => Err(anyhow!("{}: {}", job.out.display(), e.error())),
        _ => Err(anyhow!("{}: the file was not finished in two minutes", job.out.display())),
    }
}
