//! Pictures to a video file: what `analyze --annotate` writes, H.264 in MP4.

use std::{path::Path, time::Duration};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use matpho_scene::{MediaTime, Picture, PictureSize};

use crate::{
    branch,
    clip::WriteError,
    failure::Failure,
    transcode::{self, Draft, Job},
};

/// Writes pictures of one size. [`finish`](Self::finish) makes the file appear; dropped before, it leaves nothing.
pub struct Mp4Writer {
    job: Job,
    source: gst_app::AppSrc,
    draft: Draft,
    path: std::path::PathBuf,
    size: PictureSize,
    begins: Option<MediaTime>,
    last: Option<Duration>,
}

impl Mp4Writer {
    /// Begins a file for pictures of `size`, about `fps` a second. Times may be uneven; the rate is a hint to players.
    pub fn create(path: &Path, size: PictureSize, fps: f64) -> Result<Self, WriteError> {
        let failed = WriteError::failed(path);
        crate::init().map_err(|error| failed(Failure::other(error)))?;
        let draft = Draft::new(path);
        std::fs::File::create(draft.part()).map_err(WriteError::io(path))?;
        // H.264 wants even sides.
        let (width, height) = (size.width.next_multiple_of(2), size.height.next_multiple_of(2));
        let job = Job::parse(&format!(
            "videoconvertscale name=entry ! video/x-raw,format=I420,width={width},height={height} \
             ! x264enc speed-preset=veryfast pass=qual quantizer=23 bframes=0 key-int-max=60 ! h264parse ! mp4mux faststart=true ! filesink name=file"
        ))
        .map_err(&failed)?;
        job.named::<gst::Element>("file").map_err(&failed)?.set_property("location", draft.part());
        let mut caps = branch::rgb_caps(size);
        let rate = gst::Fraction::approximate_f64(if fps.is_finite() && fps > 0.0 { fps } else { 0.0 });
        caps.make_mut().set("framerate", rate.unwrap_or(gst::Fraction::new(0, 1)));
        let source = transcode::source(&caps);
        let entry = job.named::<gst::Element>("entry").map_err(&failed)?;
        job.pipeline.add(&source).and_then(|()| source.link(&entry)).map_err(|error| failed(Failure::other(error)))?;
        job.start().map_err(&failed)?;
        Ok(Self { job, source, draft, path: path.into(), size, begins: None, last: None })
    }

    /// Adds a picture. Waits while the encoder is behind.
    pub fn push(&mut self, picture: &Picture, at: MediaTime) -> Result<(), WriteError> {
        if picture.size() != self.size {
            return Err(WriteError::Size { expected: self.size, got: picture.size() });
        }
        let mut at = at.since(*self.begins.get_or_insert(at));
        if let Some(last) = self.last {
            // Two pictures at one instant would be one.
            at = at.max(last + Duration::from_millis(1));
        }
        self.last = Some(at);
        let row = self.size.width as usize * 3;
        // GStreamer's rows begin at multiples of four bytes.
        let data = if row.is_multiple_of(4) {
            picture.rgb().to_vec()
        } else {
            let padding = row.next_multiple_of(4) - row;
            picture.rgb().chunks(row).flat_map(|line| line.iter().copied().chain(std::iter::repeat_n(0, padding))).collect()
        };
        let pushed = self.source.push_buffer(transcode::buffer(data, at, None, true));
        pushed
            .map(|_| ())
            .map_err(|error| WriteError::failed(&self.path)(self.job.error().unwrap_or_else(|| Failure::other(error))))
    }

    /// Ends the file and puts it in its place; returns its size in bytes.
    pub fn finish(self) -> Result<u64, WriteError> {
        let Self { job, source, draft, path, .. } = self;
        let _ = source.end_of_stream();
        job.finish().map_err(WriteError::failed(&path))?;
        drop(job);
        draft.publish().map_err(WriteError::io(&path))
    }
}
