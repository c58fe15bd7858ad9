//! When the camera saw a picture: by its own clock where RTCP sender reports map RTP time to it, else by the time of arrival.

use std::time::{Duration, SystemTime};

use matpho_scene::{ClockSource, Seen, WallTime};

/// The least that is claimed of a camera's clock: sender reports of common cameras are this rough.
const RTCP_UNCERTAINTY_MS_MIN: u32 = 100;

/// A picture was taken before it arrived: encoding, queueing and transport take up to about this long.
const ARRIVAL_UNCERTAINTY_MS: u32 = 1_000;

/// Seconds from 1900 (NTP) to 1970 (UTC here).
pub const NTP_TO_UNIX_SECS: u64 = 2_208_988_800;

/// The gateway's clock.
pub fn now() -> WallTime {
    WallTime::from(SystemTime::now())
}

/// Judges the clocks of one connection.
#[derive(Debug)]
pub struct SeenClock {
    offset_max: Duration,
    offset_ms: Option<i64>,
}

impl SeenClock {
    /// A camera's clock off by more than `offset_max` is not believed.
    pub fn new(offset_max: Duration) -> Self {
        Self { offset_max, offset_ms: None }
    }

    /// When a picture was seen that arrived at `arrival` and was taken at `camera` by the camera's clock.
    ///
    /// Nobody here knows which clock is right. So a believed camera clock is uncertain by its whole distance from the gateway's; an unbelieved one (no NTP, a flat battery: years
    /// off) is left out and only reported as [`offset_ms`](Self::offset_ms).
    pub fn seen(&mut self, arrival: WallTime, camera: Option<WallTime>) -> Seen {
        if let Some(camera) = camera {
            let offset_ms = camera.as_unix_millis() - arrival.as_unix_millis();
            self.offset_ms = Some(offset_ms);
            if Duration::from_millis(offset_ms.unsigned_abs()) <= self.offset_max {
                let uncertainty_ms = u32::try_from(offset_ms.unsigned_abs()).unwrap_or(u32::MAX).max(RTCP_UNCERTAINTY_MS_MIN);
                return Seen { at: camera, uncertainty_ms, clock: ClockSource::Rtcp };
            }
        }
        Seen { at: arrival, uncertainty_ms: ARRIVAL_UNCERTAINTY_MS, clock: ClockSource::Arrival }
    }

    /// The camera's clock minus the gateway's at the last picture, in milliseconds, transport included.
    pub fn offset_ms(&self) -> Option<i64> {
        self.offset_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_is_believed_while_its_clock_is_near() {
        let arrival = WallTime::from_unix_millis(1_795_000_000_000);
        let mut clock = SeenClock::new(Duration::from_secs(10));
        for (offset_ms, source, uncertainty_ms) in [
            (None, ClockSource::Arrival, 1000),
            (Some(-40), ClockSource::Rtcp, 100),
            (Some(-3_000), ClockSource::Rtcp, 3000),
            (Some(9_000), ClockSource::Rtcp, 9000),
            (Some(-11_000), ClockSource::Arrival, 1000),
            (Some(-1_794_000_000_000), ClockSource::Arrival, 1000),
        ] {
            let camera = offset_ms.map(|ms| WallTime::from_unix_millis(arrival.as_unix_millis() + ms));
            let seen = clock.seen(arrival, camera);
            assert_eq!((seen.clock, seen.uncertainty_ms), (source, uncertainty_ms), "{offset_ms:?}");
            assert_eq!(seen.at, if source == ClockSource::Rtcp { camera.unwrap() } else { arrival });
            assert_eq!(clock.offset_ms(), offset_ms);
        }
    }
}
