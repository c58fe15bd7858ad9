//! What a camera sends: connects once, listens for a while, and measures.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use matpho_scene::PictureSize;
use serde::Serialize;

use crate::{
    Bell, Camera, CameraStatus, Codec, Frame, Link, OpenError, Reason, RingConfig, SourceConfig, Stop, StreamInfo, Transport,
    Unit,
};

/// What a camera sends, measured over [`measured`](Self::measured).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeReport {
    /// Its codec.
    pub codec: Codec,
    /// Size as sent.
    pub size: Option<PictureSize>,
    /// How it travelled.
    pub link: Link,
    /// The element that decoded.
    pub decoder: String,
    /// Pictures a second.
    pub fps: f64,
    /// Bits a second, in thousands.
    pub bitrate_kbps: f64,
    /// The longest distance between keyframes; none where fewer than two came.
    pub keyframe_distance_max: Option<Duration>,
    /// The camera's clock minus the gateway's, in milliseconds; none where it sends no RTCP sender reports.
    pub clock_offset_ms: Option<i64>,
    /// From the start to the first picture.
    pub connected_after: Duration,
    /// How long was listened.
    pub measured: Duration,
    /// Pictures received.
    pub units: u64,
    /// Of these, pictures that stand alone.
    pub keyframes: u64,
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures that rest on lost packets.
    pub damaged: u64,
}

/// The camera gave nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It cannot be tried at all.
    #[error("cannot open the camera")]
    Open(#[source] OpenError),
    /// It was lost, or never there.
    #[error("{location}: {reason}{}", if detail.is_empty() { String::new() } else { format!(" ({detail})") })]
    Lost {
        /// Where it should be.
        location: String,
        /// Why.
        reason: Reason,
        /// What GStreamer or the camera said.
        detail: String,
    },
}

/// Listens to a camera for `duration` after its first picture. Decoded pictures go to `on_frame`, by the configuration's policy.
pub fn probe(config: SourceConfig, duration: Duration, on_frame: &mut dyn FnMut(Frame)) -> Result<ProbeReport, ProbeError> {
    let location = config.location.to_string();
    // With `Auto` the other transport gets its turn before anything is said.
    let mut tries_left = if config.transport == Transport::Auto { 2 } else { 1 };
    let ring = RingConfig { keep: duration * 2, bytes_max: 512 << 20 };
    let backoff = crate::BackoffConfig { first: Duration::from_millis(100), max: Duration::from_secs(1) };
    let (camera, watch) = Camera::open(SourceConfig { ring, backoff, ..config }, Bell::new()).map_err(ProbeError::Open)?;
    let stop = Stop::new();
    let (tell, told) = mpsc::channel();
    let begun = Instant::now();

    let lost = |reason, detail| ProbeError::Lost { location: location.clone(), reason, detail };
    let outcome = thread::scope(|scope| {
        let watching = thread::Builder::new().name("probe".into()).spawn_scoped(scope, || {
            watch.run(&mut |status| drop(tell.send(status)), &stop);
        });
        if let Err(error) = watching {
            return Err(lost(Reason::Other, error.to_string()));
        }
        let mut live: Option<(StreamInfo, Instant)> = None;
        let outcome = loop {
            match told.try_recv() {
                Ok(CameraStatus::Live(info)) => live = Some((info, Instant::now())),
                Ok(CameraStatus::Lost { reason, detail, .. }) => {
                    tries_left -= 1;
                    let other_transport_may_do = matches!(reason, Reason::TransportRefused | Reason::Stalled | Reason::Other);
                    if live.is_some() || tries_left == 0 || !other_transport_may_do {
                        break Err(lost(reason, detail));
                    }
                }
                Ok(CameraStatus::Connecting { .. }) | Err(_) => {}
            }
            if let Some(frame) = camera.slot().take(Duration::from_millis(50)) {
                on_frame(frame);
            }
            if let Some((info, since)) = &live
                && since.elapsed() >= duration
            {
                break Ok((info.clone(), since.duration_since(begun)));
            }
        };
        stop.set();
        outcome
    });
    let (info, connected_after) = outcome?;
    let (from, to) = camera.ring().span().ok_or_else(|| lost(Reason::Stalled, "no keyframe came".into()))?;
    let clip = camera.ring().clip(from, to).map_err(|error| lost(Reason::Stalled, error.to_string()))?;
    Ok(report(&camera, info, connected_after, clip.units()))
}

fn report(camera: &Camera, info: StreamInfo, connected_after: Duration, units: &[Unit]) -> ProbeReport {
    let stats = camera.stats();
    let times = || units.iter().map(|unit| unit.media_time);
    let measured = times().max().unwrap_or_default().since(times().min().unwrap_or_default());
    let secs = measured.as_secs_f64().max(f64::EPSILON);
    let keyframes: Vec<_> = units.iter().filter(|unit| unit.keyframe).map(|unit| unit.media_time).collect();
    let bytes: usize = units.iter().skip(1).map(|unit| unit.data.len()).sum();
    ProbeReport {
        codec: info.codec,
        size: info.size,
        link: info.link,
        decoder: info.decoder,
        fps: if measured.is_zero() { 0.0 } else { (units.len() - 1) as f64 / secs },
        bitrate_kbps: if measured.is_zero() { 0.0 } else { bytes as f64 * 8.0 / 1000.0 / secs },
        keyframe_distance_max: keyframes.windows(2).map(|pair| pair[1].since(pair[0])).max(),
        clock_offset_ms: stats.clock_offset_ms,
        connected_after,
        measured,
        units: stats.units,
        keyframes: stats.keyframes,
        decoded: stats.decoded,
        damaged: stats.damaged,
    }
}
