//! The centre's one clock. Rules take an instant as an argument; only the rim asks what time it is.

use std::time::{Duration, Instant};

use jiff::{civil::Date, tz::Offset};
use matpho_scene::WallTime;

use crate::rights::Moment;

/// Now, by the system's clock.
pub fn now() -> WallTime {
    WallTime::from(std::time::SystemTime::now())
}

/// How far the province's clocks are ahead of UTC. Vietnam has one time, and no summer time.
pub const fn offset() -> Offset {
    jiff::tz::offset(7)
}

/// The day that it is in the province.
pub fn today() -> Date {
    Moment::new(now(), offset()).today
}

/// A clock that differs by less was corrected, not set.
const SET_BY_MIN: Duration = Duration::from_secs(60);

/// Notices that the system's clock was set: what it says differs from the time that passed.
pub struct Watch {
    said: WallTime,
    at: Instant,
}

impl Watch {
    /// Begins with what the clock says now.
    pub fn start() -> Self {
        Self { said: now(), at: Instant::now() }
    }

    /// By how many seconds the clock was set since the last look, if it was; ahead is positive.
    pub fn look(&mut self) -> Option<i64> {
        let before = std::mem::replace(self, Self::start());
        set_by(self.said.as_unix_millis() - before.said.as_unix_millis(), self.at.duration_since(before.at))
    }
}

fn set_by(said_ms: i64, passed: Duration) -> Option<i64> {
    let seconds = (said_ms - i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)) / 1_000;
    (seconds.unsigned_abs() >= SET_BY_MIN.as_secs()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_is_corrected() {
        let second = Duration::from_secs(1);
        assert_eq!(set_by(1_000, second), None);
        assert_eq!(set_by(60_500, second), None, "59 s ahead");
        assert_eq!(set_by(7_201_000, second), Some(7_200));
        assert_eq!(set_by(-7_199_000, second), Some(-7_200));
        assert_eq!(set_by(3_600_000, Duration::from_secs(3_600)), None, "an hour that passed");
    }
}
