//! What there is to reckon: read from a file, each indicator one of a closed set of ways.

use std::path::Path;

use matpho_config::Complaint;
use matpho_scene::event::EventKind;
use serde::{Deserialize, Serialize};

use crate::config::{
    feeds::is_kind,
    reader::{self, Section},
};

/// The indicators that ship.
pub const DEFAULT: &str = include_str!("../../../configs/indicators.toml");

/// How a value is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// How many events began.
    Events,
    /// For how long events went on, in minutes; overlapping ones of one camera once.
    Minutes,
    /// How many incidents were opened that were no false alarms.
    Incidents,
    /// From the opening of an incident on, in minutes: this share of them took no longer.
    Wait {
        /// Until when.
        until: Until,
        /// In percent.
        percentile: u8,
    },
    /// Of the incidents that were closed, how many were false alarms, in percent.
    FalseAlarms,
    /// The travel-time index, mean over the time that it was known.
    TravelTimeIndex,
    /// Vehicles that passed.
    Vehicles,
    /// For how much of the time cameras could see, in percent.
    Availability,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Somebody takes the incident.
    Acknowledged,
    /// It is closed.
    Closed,
}

/// What a value is split by, beside place and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The band of a flood's depth.
    Depth,
    /// The kind of event: the analytic.
    Kind,
}

/// Something to reckon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// Its id, a word.
    pub id: String,
    /// Its name in Vietnamese.
    pub name_vi: String,
    /// Its name in English.
    pub name_en: String,
    /// Its unit.
    pub unit: String,
    /// How it is made.
    pub way: Way,
    /// From which kinds of events.
    pub kinds: Vec<EventKind>,
    /// What it is split by.
    pub split: Option<Split>,
}

impl Indicator {
    /// Whether it is made of events.
    pub fn is_of_events(&self) -> bool {
        matches!(self.way, Way::Events | Way::Minutes)
    }

    /// Whether it is made of incidents.
    pub fn is_of_incidents(&self) -> bool {
        matches!(self.way, Way::Incidents | Way::Wait { .. } | Way::FalseAlarms)
    }

    /// Whether it is made of measurements.
    pub fn is_of_traffic(&self) -> bool {
        matches!(self.way, Way::TravelTimeIndex | Way::Vehicles)
    }
}

/// Reads indicators; on fault, everything that is wrong.
pub fn parse(text: &str) -> Result<Vec<Indicator>, Vec<Complaint>> {
    reader::read(text, Path::new("/"), |root| {
        let all: Vec<_> = root.sections("indicator").unwrap_or_default().iter().filter_map(indicator).collect();
        for (index, one) in all.iter().enumerate() {
            if all[..index].iter().any(|other| other.id == one.id) {
                root.refuse("indicator", format!("two have the id \"{}\"", one.id));
            }
        }
        all
    })
}

fn indicator(section: &Section<'_>) -> Option<Indicator> {
    let text = |key: &'static str| {
        if !section.has(key) {
            section.refuse(key, "it is missing; an indicator has id, name_vi, name_en, unit, source and aggregation");
        }
        section.optional::<String>(key).unwrap_or_default()
    };
    let id = text("id");
    if section.has("id") && !crate::area::unit::is_word(&id) {
        section.refuse("id", "a word is expected: 1 to 40 letters, digits, `.`, `_`, `-`");
    }
    let (source, aggregation) = (text("source"), text("aggregation"));
    let until = match section.optional::<String>("until").as_deref() {
        Some("acknowledged") => Some(Until::Acknowledged),
        Some("closed") => Some(Until::Closed),
        Some(other) => {
            section.refuse("until", format!("\"acknowledged\" or \"closed\" is expected, \"{other}\" was found"));
            None
        }
        None => None,
    };
    let wait = |percentile| {
        if !section.has("until") {
            section.refuse("until", "it is missing: \"acknowledged\" or \"closed\"");
        }
        Some(Way::Wait { until: until.unwrap_or(Until::Closed), percentile })
    };
    let way = match (source.as_str(), aggregation.as_str()) {
        ("events", "count") => Some(Way::Events),
        ("events", "minutes") => Some(Way::Minutes),
        ("incidents", "count") => Some(Way::Incidents),
        ("incidents", "median_minutes") => wait(50),
        ("incidents", "p90_minutes") => wait(90),
        ("incidents", "false_alarm_share") => Some(Way::FalseAlarms),
        ("traffic", "mean_travel_time_index") => Some(Way::TravelTimeIndex),
        ("traffic", "vehicles") => Some(Way::Vehicles),
        ("cameras", "availability") => Some(Way::Availability),
        _ => {
            if section.has("source") && section.has("aggregation") {
                section.refuse(
                    "aggregation",
                    format!(
                        "\"{aggregation}\" of \"{source}\" is not known; there are events: count, minutes; incidents: count, median_minutes, \
                         p90_minutes, false_alarm_share; traffic: mean_travel_time_index, vehicles; cameras: availability"
                    ),
                );
            }
            None
        }
    };
    let split = match section.optional::<String>("split").as_deref() {
        None => None,
        Some("depth") if source == "events" => Some(Split::Depth),
        Some("kind") if matches!(source.as_str(), "events" | "incidents") => Some(Split::Kind),
        Some(other) => {
            section.refuse(
                "split",
                format!("\"depth\" (of events) or \"kind\" (of events or incidents) is expected, \"{other}\" was found"),
            );
            None
        }
    };
    let wanted = section.or("kinds", Vec::<String>::new());
    for word in &wanted {
        if !EventKind::ALL.iter().any(|kind| is_kind(*kind, word)) {
            section.refuse("kinds", format!("there is no kind that is, or begins with, \"{word}\""));
        }
    }
    let fits =
        |kind: &EventKind| if wanted.is_empty() { !kind.is_camera() } else { wanted.iter().any(|word| is_kind(*kind, word)) };
    let indicator = Indicator {
        name_vi: text("name_vi"),
        name_en: text("name_en"),
        unit: text("unit"),
        way: way?,
        kinds: EventKind::ALL.into_iter().filter(fits).collect(),
        split,
        id,
    };
    section.done();
    Some(indicator)
}
