//! Clips to files: the encoded pictures go into MP4 as they are.
//!
//! H.264 and H.265 are only put into another container. No browser plays MJPEG in any container, so that alone is encoded anew, as H.264; H.265 plays where
//! the viewer's machine decodes it in hardware.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use gstreamer::{self as gst, prelude::*};

use crate::{
    failure::Failure,
    ring::Clip,
    status::Codec,
    transcode::{self, Draft, Job},
};

/// Why a video was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The place cannot be written to.
    #[error("cannot write {path}", path = path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// MP4 cannot hold it.
    #[error("cannot put {codec} video into an MP4 file")]
    Unsupported {
        /// The codec.
        codec: Codec,
    },
    /// A picture of another size than the first.
    #[error("cannot write a {got} picture into a {expected} video")]
    Size {
        /// Of the video.
        expected: matpho_scene::PictureSize,
        /// Of the picture.
        got: matpho_scene::PictureSize,
    },
    /// GStreamer failed.
    #[error("cannot write video to {path}: {detail}", path = path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// What it said.
        detail: String,
    },
}

impl WriteError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.into(), source }
    }

    pub(crate) fn failed(path: &Path) -> impl Fn(Failure) -> Self + '_ {
        move |failure| Self::Failed { path: path.into(), detail: failure.detail }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The codec in the file.
    pub codec: Codec,
    /// It had to be encoded anew.
    pub reencoded: bool,
    /// Size of the file.
    pub bytes: u64,
    /// Length of the video.
    pub duration: Duration,
}

/// Writes a clip as an MP4 that plays while it loads (index first). The file appears when it is whole.
pub fn write_mp4(clip: &Clip, path: &Path) -> Result<Written, WriteError> {
    let (middle, reencoded) = match &clip.format().codec {
        Codec::H264 => ("h264parse ! video/x-h264,stream-format=avc", false),
        Codec::H265 => ("h265parse ! video/x-h265,stream-format=hvc1", false),
        Codec::Mjpeg => (
            "jpegdec ! videoconvert ! video/x-raw,format=I420 ! x264enc speed-preset=superfast bframes=0 key-int-max=50 ! h264parse",
            true,
        ),
        codec @ Codec::Other(media) if media == "video/mpeg" => return write(clip, path, "identity", codec.clone(), false),
        codec @ Codec::Other(_) => return Err(WriteError::Unsupported { codec: codec.clone() }),
    };
    let codec = if reencoded { Codec::H264 } else { clip.format().codec.clone() };
    write(clip, path, middle, codec, reencoded)
}

fn write(clip: &Clip, path: &Path, middle: &str, codec: Codec, reencoded: bool) -> Result<Written, WriteError> {
    let failed = WriteError::failed(path);
    let draft = Draft::new(path);
    // Tried first: of a full or missing folder GStreamer says less than the system does.
    std::fs::File::create(draft.part()).map_err(WriteError::io(path))?;
    let job =
        Job::parse(&format!("identity name=entry ! {middle} ! mp4mux faststart=true ! filesink name=file")).map_err(&failed)?;
    job.named::<gst::Element>("file").map_err(&failed)?.set_property("location", draft.part());
    let caps = clip.format().caps.parse::<gst::Caps>().map_err(|error| failed(Failure::other(error)))?;
    let source = transcode::source(&caps);
    let entry = job.named::<gst::Element>("entry").map_err(&failed)?;
    job.pipeline.add(&source).and_then(|()| source.link(&entry)).map_err(|error| failed(Failure::other(error)))?;
    job.start().map_err(&failed)?;
    for (unit, (pts, dts)) in clip.units().iter().zip(clip.times()) {
        // Refused where the pipeline has failed, which its bus tells better.
        if source.push_buffer(transcode::buffer(unit.data.to_vec(), pts, Some(dts), unit.keyframe)).is_err() {
            break;
        }
    }
    let _ = source.end_of_stream();
    job.finish().map_err(&failed)?;
    drop(job);
    let bytes = draft.publish().map_err(WriteError::io(path))?;
    Ok(Written { codec, reencoded, bytes, duration: clip.duration() })
}
