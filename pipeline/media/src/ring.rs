//! The newest seconds of a camera's video, encoded, in memory: evidence with pre-roll costs no decoding and no disk.
//!
//! **Invariant:** what is held begins with a keyframe, and so does every [`Clip`]. The bounds of [`RingConfig`] hold after every push.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use matpho_scene::{MediaTime, Seen, WallTime};
use parking_lot::Mutex;

use crate::{config::RingConfig, status::Codec};

/// How units are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The codec.
    pub codec: Codec,
    /// The GStreamer caps, as text.
    pub(crate) caps: String,
}

/// One encoded picture.
#[derive(Debug, Clone)]
pub struct Unit {
    /// When it is shown, on the camera's media time.
    pub media_time: MediaTime,
    /// When the camera saw it.
    pub seen: Seen,
    /// It stands alone.
    pub keyframe: bool,
    /// Its bytes: H.264 and H.265 in Annex B with parameter sets before keyframes, MJPEG as JPEG.
    pub data: Arc<[u8]>,
    /// How it is encoded.
    pub format: Arc<Format>,
}

/// See the module. One thread pushes, others take clips.
#[derive(Debug)]
pub struct Ring {
    config: RingConfig,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    units: VecDeque<Unit>,
    bytes: usize,
}

/// Why there is no clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// The ring holds nothing from that time.
    #[error("no video is held from {from} to {to}: it is older than the ring keeps, or the camera was lost")]
    NotHeld {
        /// Asked from.
        from: WallTime,
        /// Asked to.
        to: WallTime,
    },
}

impl Ring {
    /// An empty ring.
    pub fn new(config: RingConfig) -> Self {
        Self { config, held: Mutex::default() }
    }

    /// Adds a picture, in decoding order; drops the oldest groups of pictures that the bounds no longer allow.
    pub fn push(&self, unit: Unit) {
        let mut held = self.held.lock();
        if held.units.is_empty() && !unit.keyframe {
            return;
        }
        let newest = unit.media_time;
        held.bytes += unit.data.len();
        held.units.push_back(unit);
        // A group goes when the next one alone reaches back far enough, or when there is no room.
        while let Some(second) = held.units.iter().skip(1).position(|unit| unit.keyframe).map(|at| at + 1) {
            let spare = newest.since(held.units[second].media_time) >= self.config.keep;
            if !spare && held.bytes <= self.config.bytes_max {
                break;
            }
            let dropped: usize = held.units.drain(..second).map(|unit| unit.data.len()).sum();
            held.bytes -= dropped;
        }
        if held.bytes > self.config.bytes_max {
            *held = Held::default();
        }
    }

    /// The pictures the camera saw from `from` to `to`, preceded by those needed to decode the first. Where the stream's format changed in between, only what follows the change.
    pub fn clip(&self, from: WallTime, to: WallTime) -> Result<Clip, ClipError> {
        let held = self.held.lock();
        let not_held = ClipError::NotHeld { from, to };
        let end = held.units.iter().rposition(|unit| unit.seen.at <= to).ok_or(not_held)? + 1;
        let format = &held.units[end - 1].format;
        let same = held.units.iter().take(end).rposition(|unit| unit.format != *format).map_or(0, |at| at + 1);
        let keyframes = || (same..end).filter(|at| held.units[*at].keyframe);
        let begin = keyframes().rfind(|at| held.units[*at].seen.at <= from).or_else(|| keyframes().next()).ok_or(not_held)?;
        if held.units[end - 1].seen.at < from {
            return Err(not_held);
        }
        Ok(Clip { units: held.units.range(begin..end).cloned().collect() })
    }

    /// The keyframe seen last at or before `at`, alone; the oldest one where all are later.
    pub fn keyframe_at(&self, at: WallTime) -> Option<Clip> {
        let held = self.held.lock();
        let keyframes = || held.units.iter().filter(|unit| unit.keyframe);
        let unit = keyframes().rfind(|unit| unit.seen.at <= at).or_else(|| keyframes().next())?;
        Some(Clip { units: vec![unit.clone()] })
    }

    /// The times at which the oldest and the newest picture held were seen.
    pub fn span(&self) -> Option<(WallTime, WallTime)> {
        let held = self.held.lock();
        Some((held.units.front()?.seen.at, held.units.back()?.seen.at))
    }

    /// Encoded bytes held.
    pub fn bytes(&self) -> usize {
        self.held.lock().bytes
    }

    #[cfg(test)]
    pub(crate) fn blocked(&self) -> impl Sized + '_ {
        self.held.lock()
    }
}

/// Consecutive encoded pictures of one format, in decoding order. Never empty; begins with a keyframe.
#[derive(Debug, Clone)]
pub struct Clip {
    units: Vec<Unit>,
}

impl Clip {
    /// The pictures, in decoding order.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// How they are encoded.
    pub fn format(&self) -> &Format {
        &self.units[0].format
    }

    /// When the first was seen.
    pub fn begins(&self) -> WallTime {
        self.units[0].seen.at
    }

    /// From the first picture shown to the last one.
    pub fn duration(&self) -> Duration {
        let times = || self.units.iter().map(|unit| unit.media_time);
        times().max().unwrap_or_default().since(times().min().unwrap_or_default())
    }

    /// Presentation and decoding time of each unit, from zero, decoding times rising and never after presentation. Cameras do not send decoding times; the sorted presentation
    /// times, shifted so that they come early enough, serve as well.
    pub(crate) fn times(&self) -> Vec<(Duration, Duration)> {
        let mut sorted: Vec<MediaTime> = self.units.iter().map(|unit| unit.media_time).collect();
        sorted.sort();
        let lead = self.units.iter().zip(&sorted).map(|(unit, nth)| nth.since(unit.media_time)).max().unwrap_or_default();
        self.units
            .iter()
            .zip(&sorted)
            .map(|(unit, nth)| (unit.media_time.since(sorted[0]) + lead, nth.since(sorted[0])))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::ClockSource;

    use super::*;

    fn format(caps: &str) -> Arc<Format> {
        Arc::new(Format { codec: Codec::H264, caps: caps.into() })
    }

    fn wall(ms: u64) -> WallTime {
        WallTime::from_unix_millis(1_800_000_000_000 + ms as i64)
    }

    fn unit(ms: u64, keyframe: bool, bytes: usize) -> Unit {
        let seen = Seen { at: wall(ms), uncertainty_ms: 100, clock: ClockSource::Rtcp };
        Unit { media_time: MediaTime::from_millis(ms), seen, keyframe, data: vec![0; bytes].into(), format: format("a") }
    }

    /// A picture each 100 ms, a keyframe each second.
    fn filled(config: RingConfig, ms: u64) -> Ring {
        let ring = Ring::new(config);
        for at in (0..ms).step_by(100) {
            ring.push(unit(at, at % 1000 == 0, 1000));
        }
        ring
    }

    fn keeps(secs: u64, bytes_max: usize) -> RingConfig {
        RingConfig { keep: Duration::from_secs(secs), bytes_max }
    }

    fn times(clip: &Clip) -> (u64, u64) {
        let at = |unit: &Unit| unit.media_time.as_nanos() / 1_000_000;
        (at(&clip.units[0]), at(clip.units.last().unwrap()))
    }

    #[test]
    fn it_reaches_back_as_far_as_asked_and_begins_with_a_keyframe() {
        let ring = filled(keeps(3, usize::MAX), 10_000);
        let (oldest, newest) = ring.span().unwrap();
        assert_eq!((oldest, newest), (wall(6_000), wall(9_900)));
        assert!(newest.since(oldest) >= Duration::from_secs(3));
        assert_eq!(ring.bytes(), 40_000);
    }

    #[test]
    fn bytes_are_bounded_even_when_one_group_is_too_large() {
        let ring = filled(keeps(60, 25_000), 9_000);
        assert!(ring.bytes() <= 25_000);
        assert_eq!(ring.span().unwrap().0, wall(7_000));

        let ring = Ring::new(keeps(60, 5_000));
        for at in 0..20 {
            ring.push(unit(at * 100, at == 0 || at == 15, 1000));
            assert!(ring.bytes() <= 5_000);
        }
        assert_eq!(ring.span().unwrap().0, wall(1_500), "after the bound was met it starts again at a keyframe");
    }

    #[test]
    fn a_clip_begins_at_the_keyframe_before() {
        let ring = filled(keeps(60, usize::MAX), 10_000);
        assert_eq!(times(&ring.clip(wall(4_500), wall(6_250)).unwrap()), (4_000, 6_200));
        assert_eq!(times(&ring.clip(wall(0), wall(99_000)).unwrap()), (0, 9_900));
        assert_eq!(times(&ring.keyframe_at(wall(4_500)).unwrap()), (4_000, 4_000));
        let late = ring.clip(wall(20_000), wall(30_000)).unwrap_err();
        assert!(late.to_string().contains("older than the ring keeps"));
        assert!(Ring::new(keeps(1, 1)).clip(wall(0), wall(1)).is_err());
    }

    #[test]
    fn a_clip_has_one_format() {
        let ring = filled(keeps(60, usize::MAX), 3_000);
        ring.push(Unit { format: format("b"), ..unit(3_000, true, 10) });
        ring.push(Unit { format: format("b"), ..unit(3_100, false, 10) });
        assert_eq!(times(&ring.clip(wall(1_000), wall(4_000)).unwrap()), (3_000, 3_100));
    }

    #[test]
    fn decoding_times_rise_and_precede_presentation() {
        // Two B-pictures after each P, in decoding order.
        let units = [0, 120, 40, 80, 240, 160, 200].map(|ms| unit(ms + 500, ms == 0, 1)).to_vec();
        let times = Clip { units }.times();
        assert!(times.windows(2).all(|pair| pair[0].1 < pair[1].1), "{times:?}");
        assert!(times.iter().all(|(pts, dts)| pts >= dts), "{times:?}");
        assert_eq!(times[1].0 - times[0].0, Duration::from_millis(120));
    }
}
