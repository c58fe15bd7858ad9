//! Hours of the day, as somebody writes them down: `16:30-18:15`, `22:00-05:00` over midnight.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// From one minute of the day to another, over midnight where the second comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    from: u16,
    to: u16,
}

/// Why a text is not a span of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span of hours: write it like 16:30-18:15 (22:00-05:00 goes over midnight)")]
pub struct HoursError(String);

impl Hours {
    /// Whether a minute of the day (0 to 1439) lies in it; the last one does not.
    pub const fn contains(self, minute: u16) -> bool {
        if self.from < self.to { self.from <= minute && minute < self.to } else { self.from <= minute || minute < self.to }
    }
}

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let minute = |clock: &str| {
            let (hour, minute) = clock.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            let right = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
            right.then_some(hour * 60 + minute)
        };
        let span = text.split_once('-').and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
        match span {
            Some((from, to)) if from != to && from < DAY_MINUTES => Ok(Self { from, to }),
            Some(_) | None => Err(HoursError(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for Hours {
    type Error = HoursError;
    fn try_from(text: String) -> Result<Self, HoursError> {
        text.parse()
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_hours() {
        let at = |text: &str, minutes: &[u16]| -> Vec<bool> {
            let hours: Hours = text.parse().unwrap();
            assert_eq!(hours.to_string(), text);
            minutes.iter().map(|minute| hours.contains(*minute)).collect()
        };
        assert_eq!(at("16:30-18:15", &[989, 990, 1094, 1095]), [false, true, true, false]);
        assert_eq!(at("22:00-05:00", &[1319, 1320, 0, 299, 300]), [false, true, true, true, false]);
        assert_eq!(at("00:00-24:00", &[0, 1439]), [true, true]);
        for wrong in ["", "16:30", "25:00-26:00", "10:60-11:00", "7-8", "10:00-10:00"] {
            assert!(wrong.parse::<Hours>().unwrap_err().to_string().contains("like 16:30-18:15"), "{wrong}");
        }
    }
}
