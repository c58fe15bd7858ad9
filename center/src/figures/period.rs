//! Periods of the province's calendar.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// From Monday on.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// A year.
    Year,
}

/// A period: from its start on, up to and without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// The first instant.
    pub start: WallTime,
    /// The first instant after it.
    pub end: WallTime,
}

impl Period {
    /// Whether an instant is in it.
    pub fn holds(&self, at: WallTime) -> bool {
        self.start <= at && at < self.end
    }

    /// How many milliseconds of an interval are in it.
    pub fn overlap_ms(&self, from: WallTime, to: WallTime) -> i64 {
        (to.min(self.end).as_unix_millis() - from.max(self.start).as_unix_millis()).max(0)
    }
}

/// When a day begins in a time zone; where the clocks skip midnight, when they go on.
fn begin(day: Date, zone: &TimeZone) -> Option<WallTime> {
    let at = day.to_zoned(zone.clone()).ok()?.timestamp();
    Some(WallTime::from_unix_millis(at.as_millisecond()))
}

impl Every {
    /// The first day of the period that a day is in; an hour is cut out of days.
    pub fn first_day(self, day: Date) -> Option<Date> {
        Some(match self {
            Self::Hour | Self::Day => day,
            Self::Week => day.checked_sub(i32::from(day.weekday().since(Weekday::Monday)).days()).ok()?,
            Self::Month => day.first_of_month(),
            Self::Quarter => day.with().month((day.month() - 1) / 3 * 3 + 1).day(1).build().ok()?,
            Self::Year => day.first_of_year(),
        })
    }

    fn after(self, first: Date) -> Option<Date> {
        let step = match self {
            Self::Hour | Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Quarter => 3.months(),
            Self::Year => 1.year(),
        };
        first.checked_add(step).ok()
    }

    /// The periods that have a part in the days from `from` up to and without `to`; no more than `most` and one.
    pub fn periods(self, from: Date, to: Date, zone: &TimeZone, most: usize) -> Vec<Period> {
        let mut periods = Vec::new();
        let mut day = self.first_day(from);
        while let Some(first) = day.filter(|first| *first < to && periods.len() <= most) {
            day = self.after(first);
            let (Some(start), Some(end)) = (begin(first, zone), day.and_then(|next| begin(next, zone))) else { break };
            if self == Self::Hour {
                periods.extend(hours(start, end));
            } else {
                periods.push(Period { start, end });
            }
        }
        periods
    }
}

const HOUR_MS: i64 = 3_600_000;

/// The hours of a day: 24, but for the days on which clocks are changed.
fn hours(start: WallTime, end: WallTime) -> impl Iterator<Item = Period> {
    let (first, last) = (start.as_unix_millis(), end.as_unix_millis());
    (first..last).step_by(HOUR_MS.unsigned_abs() as usize).map(move |at| Period {
        start: WallTime::from_unix_millis(at),
        end: WallTime::from_unix_millis((at + HOUR_MS).min(last)),
    })
}

/// When the hour of the province began that an instant is in.
pub fn hour_of(at: WallTime, zone: &TimeZone) -> WallTime {
    let Ok(instant) = Timestamp::from_millisecond(at.as_unix_millis()) else { return at };
    let offset_ms = i64::from(zone.to_offset(instant).seconds()) * 1000;
    let local = at.as_unix_millis() + offset_ms;
    WallTime::from_unix_millis(local.div_euclid(HOUR_MS) * HOUR_MS - offset_ms)
}

/// The day that an instant is in, in the province.
pub fn day_of(at: WallTime, zone: &TimeZone) -> Date {
    let instant = Timestamp::from_millisecond(at.as_unix_millis()).unwrap_or(Timestamp::MAX);
    instant.to_zoned(zone.clone()).date()
}

/// An instant as people of the province write it.
pub fn write(at: WallTime, zone: &TimeZone, every: Every) -> String {
    let instant = Timestamp::from_millisecond(at.as_unix_millis()).unwrap_or(Timestamp::MAX);
    let local = instant.to_zoned(zone.clone());
    match every {
        Every::Hour => local.strftime("%Y-%m-%d %H:%M").to_string(),
        Every::Day => local.strftime("%Y-%m-%d").to_string(),
        Every::Week => local.strftime("%G-W%V").to_string(),
        Every::Month => local.strftime("%Y-%m").to_string(),
        Every::Quarter => format!("{}-Q{}", local.year(), (local.month() - 1) / 3 + 1),
        Every::Year => local.strftime("%Y").to_string(),
    }
}

/// Reads a time zone: an offset (`+07:00`), or a rule as POSIX writes it (`CET-1CEST,M3.5.0,M10.5.0/3`).
pub fn parse_zone(text: &str) -> Result<TimeZone, String> {
    let offset = || {
        let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
        let whole = |text: &str| if text.len() == 2 { text.parse::<i32>().ok() } else { None };
        let seconds = whole(hours)? * 3600 + whole(minutes).filter(|minutes| *minutes < 60)? * 60;
        jiff::tz::Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
    };
    match offset() {
        Some(offset) => Ok(TimeZone::fixed(offset)),
        None => TimeZone::posix(text).map_err(|_| {
            format!("an offset such as \"+07:00\", or a rule such as \"CET-1CEST,M3.5.0,M10.5.0/3\", is expected, \"{text}\" was found")
        }),
    }
}
