//! Pictures of a source, for commands that only look: video files as fast as they are read, streams as they come.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use matpho_media::{Bell, Camera, CameraStatus, DecodePolicy, FileOptions, FileReader, Location, SourceConfig, Stop};
use matpho_scene::{MediaTime, Picture};

use super::{analyze::is_picture, camera_id};
use crate::{evidence::jpeg, topology};

/// Pictures are looked at at most this wide, as `analyze` does.
const WIDTH_MAX: u32 = 1280;
/// A stream that gives no picture for so long gives none.
const FIRST_PICTURE_MAX: Duration = Duration::from_secs(30);

/// One picture: of a picture file, of a video `at` seconds from its start, or the first that a stream gives.
pub fn one_picture(source: &str, at: f64) -> anyhow::Result<Picture> {
    let mut found = None;
    match Location::parse(source)? {
        Location::File(path) if path.is_dir() => bail!("{} is a folder: name one picture or video", path.display()),
        Location::File(path) if is_picture(&path) => return Ok(jpeg::read(&path)?),
        Location::File(_) => watch(source, 5.0, at + 0.4, |_, picture| {
            found = Some(picture);
            Ok(())
        })?,
        Location::Rtsp { .. } => watch(source, 1.0, FIRST_PICTURE_MAX.as_secs_f64(), |_, picture| {
            found.get_or_insert(picture);
            Err(anyhow!(ENOUGH))
        })
        .or_else(|error| if found.is_some() { Ok(MediaTime::ZERO) } else { Err(error) })?,
    };
    found.ok_or_else(|| anyhow!("{} gave no picture", name(source)))
}

/// How a watcher says that it has seen what it wanted.
const ENOUGH: &str = "enough";

/// Hands on the pictures of the first `seconds` of a video or stream, at most `fps` a second; returns the time of the last one.
pub fn watch(
    source: &str,
    fps: f64,
    seconds: f64,
    mut see: impl FnMut(MediaTime, Picture) -> anyhow::Result<()>,
) -> anyhow::Result<MediaTime> {
    match Location::parse(source)? {
        Location::File(path) => watch_file(&path, fps, seconds, &mut see),
        stream @ Location::Rtsp { .. } => watch_stream(&stream, fps, seconds, &mut see),
    }
}

/// Without credentials.
fn name(source: &str) -> String {
    Location::parse(source).map_or_else(|_| source.to_owned(), |location| location.to_string())
}

type See<'s> = &'s mut dyn FnMut(MediaTime, Picture) -> anyhow::Result<()>;

fn watch_file(path: &Path, fps: f64, seconds: f64, see: See<'_>) -> anyhow::Result<MediaTime> {
    let options = FileOptions::new(DecodePolicy::AtMost { fps }, WIDTH_MAX);
    let mut last = MediaTime::ZERO;
    for frame in FileReader::open(path, &options)? {
        let frame = frame?;
        if frame.media_time.as_secs_f64() > seconds {
            break;
        }
        last = frame.media_time;
        see(frame.media_time, frame.picture)?;
    }
    Ok(last)
}

fn watch_stream(location: &Location, fps: f64, seconds: f64, see: See<'_>) -> anyhow::Result<MediaTime> {
    let name = location.to_string();
    let mut config = SourceConfig::new(camera_id(&name), location.clone());
    config.decode = DecodePolicy::AtMost { fps };
    config.picture_width_max = WIDTH_MAX;
    let (camera, status) = Camera::open(config, Bell::new())?;
    let stop = Stop::new();
    topology::stop_at_interrupt(&stop)?;
    let slot = camera.slot();
    let told = |status: CameraStatus| {
        if let CameraStatus::Lost { reason, detail, .. } = status {
            let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
            eprintln!("matpho-edge: {name}: {reason}{detail}; trying again");
        }
    };
    let (begun, limit) = (Instant::now(), Duration::from_secs_f64(seconds));
    let mut last = MediaTime::ZERO;
    topology::while_watching(status, told, || -> anyhow::Result<()> {
        while !stop.is_set() && begun.elapsed() < limit {
            if let Some(frame) = slot.take(Duration::from_millis(200)) {
                last = frame.media_time;
                see(frame.media_time, frame.picture)?;
            }
        }
        Ok(())
    })??;
    Ok(last)
}
