//! Two time bases that do not mix: [`MediaTime`] since a stream's start, and [`WallTime`] in UTC.
//!
//! Analytics count in media time, which never steps back; events carry wall time, which a camera's or gateway's clock may get
//! wrong and which therefore comes with its uncertainty ([`Seen`]).

use std::{
    fmt,
    ops::{Add, Sub},
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Time since the start of a camera's stream (or of a file), in nanoseconds. Monotonic over reconnections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The start of the stream.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// From seconds since the start; negative and non-finite values become the start.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs.max(0.0) * 1e9) as u64)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span from `earlier` to this time; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;
    /// Saturates at the start of the stream.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_secs_f64())
    }
}

/// An instant in UTC, read and written as RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(Timestamp);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 instant such as 2026-11-21T08:00:00.000Z")]
pub struct WallTimeError {
    text: String,
}

impl WallTime {
    /// From milliseconds since 1970-01-01T00:00:00Z; clamped to the years -9999 to 9999.
    pub fn from_unix_millis(millis: i64) -> Self {
        let fallback = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(millis).unwrap_or(fallback))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_unix_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The span from `earlier` to this instant; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.signed_since(earlier).try_into().unwrap_or(Duration::ZERO)
    }

    /// The signed span from `earlier` to this instant.
    pub fn signed_since(self, earlier: Self) -> SignedDuration {
        self.0.duration_since(earlier.0)
    }
}

impl From<SystemTime> for WallTime {
    /// This crate reads no clock: a program says `WallTime::from(SystemTime::now())` at its rim.
    fn from(time: SystemTime) -> Self {
        Self(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
    }
}

impl Add<Duration> for WallTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX))
    }
}

impl Sub<Duration> for WallTime {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MIN))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl std::str::FromStr for WallTime {
    type Err = WallTimeError;
    fn from_str(text: &str) -> Result<Self, WallTimeError> {
        text.parse().map(Self).map_err(|_| WallTimeError { text: text.chars().take(80).collect() })
    }
}

impl Serialize for WallTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which clock said when a picture was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The camera's own clock, from RTCP sender reports.
    Rtcp,
    /// The gateway's clock when the picture arrived, less the transport's latency.
    Arrival,
    /// A file: the file's start is taken as given, media time is added to it.
    File,
}

/// When a camera saw something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The instant.
    pub at: WallTime,
    /// How far off it may be, either way, in milliseconds.
    pub uncertainty_ms: u32,
    /// Whose clock it is.
    pub clock: ClockSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_round_trips_with_milliseconds() {
        let text = "2026-11-21T08:00:00.250Z";
        let time: WallTime = text.parse().unwrap();
        assert_eq!(time.to_string(), text);
        assert_eq!(WallTime::from_unix_millis(time.as_unix_millis()), time);
        assert_eq!("2026-11-21T15:00:00.250+07:00".parse::<WallTime>().unwrap(), time);
    }

    #[test]
    fn wall_time_clamps_instead_of_overflowing() {
        assert!(WallTime::from_unix_millis(i64::MAX) > WallTime::from_unix_millis(0));
        assert!(WallTime::from_unix_millis(i64::MIN) < WallTime::from_unix_millis(0));
        let _ = WallTime::from_unix_millis(i64::MAX) + Duration::from_secs(1);
    }

    #[test]
    fn media_time_saturates() {
        assert_eq!(MediaTime::from_millis(5) - Duration::from_secs(1), MediaTime::ZERO);
        assert_eq!(MediaTime::from_millis(5).since(MediaTime::from_millis(9)), Duration::ZERO);
        assert_eq!((MediaTime::from_millis(5) + Duration::from_millis(7)).as_secs_f64(), 0.012);
    }
}
