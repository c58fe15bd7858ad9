//! The alarm load, and what is silenced.

use std::collections::BTreeMap;

use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Family;

/// What raises alarms: a camera and what it sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct AlarmSource {
    /// Its gateway, `SITE.EDGE`; empty for what people report.
    pub edge: String,
    /// The camera; empty for what people report.
    pub camera: String,
    /// Its name for people.
    pub name: String,
    /// What of it.
    pub family: Family,
}

/// Body of `POST /shelves`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShelf {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// What of it.
    pub family: Family,
    /// For how long, in minutes: 1 to 720. It can be shelved again.
    #[schema(minimum = 1, maximum = 720)]
    pub minutes: u32,
    /// Why, 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// A source that is silenced for a while: what it tells is kept, nobody is alarmed by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shelf {
    /// Its id.
    pub id: String,
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// Its name for people.
    pub name: String,
    /// What of it.
    pub family: Family,
    /// Why.
    pub reason: String,
    /// Who shelved it.
    pub by: String,
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// Until when, by itself or because somebody took it off.
    #[schema(value_type = String, format = DateTime)]
    pub until: WallTime,
    /// Who took it off before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// How many alarms there are now; also the data of the stream's `alarm_load` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLoadNow {
    /// Alarms in the last ten minutes.
    pub raised: u32,
    /// Who share them.
    pub operators: u32,
    /// Since when there are more than people can answer (ISA-18.2: more than ten in ten minutes an operator, until fewer than five).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub flood_since: Option<WallTime>,
}

/// A stretch of a flood of alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmFlood {
    /// From.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// To; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<WallTime>,
}

/// How often a source raised an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmCount {
    /// Which.
    pub source: AlarmSource,
    /// How often.
    pub raised: u32,
    /// Whether it chattered: three alarms in ten minutes.
    pub chatters: bool,
}

/// What somebody did in a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperatorLoad {
    /// Who.
    pub name: String,
    /// Incidents taken.
    pub acknowledged: u32,
    /// Incidents to which somebody was sent.
    pub dispatched: u32,
    /// Incidents closed.
    pub closed: u32,
    /// Median time from the alarm to its being taken, seconds; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_s_median: Option<f64>,
}

/// How often a source was wrong, of the incidents that were closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FalseAlarmRate {
    /// Which.
    pub source: AlarmSource,
    /// Incidents of it that were closed.
    pub closed: u32,
    /// Of them, those that did not happen.
    pub false_alarms: u32,
    /// What fooled it, by how often.
    pub reasons: BTreeMap<String, u32>,
}

/// The limits that the figures are held against (ISA-18.2, IEC 62682, EEMUA 191), each per operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLimits {
    /// A mean ten minutes: good up to the first, bearable up to the second.
    pub per_period_mean: [f64; 2],
    /// The worst ten minutes.
    pub per_period_max: f64,
    /// Share of the ten minutes with more than ten.
    pub flooded_share: f64,
    /// Share of the ten loudest sources.
    pub top_ten_share: f64,
    /// Incidents open for more than a day.
    pub stale: u32,
    /// Shares of low, medium and high priority that are aimed at.
    pub priorities: [f64; 3],
}

/// The alarm load of a day, or of another stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLoad {
    /// From.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// Until before.
    #[schema(value_type = String, format = DateTime)]
    pub to: WallTime,
    /// Who share the alarms (`alarm_load.operators`).
    pub operators: u32,
    /// What the figures are held against.
    pub limits: AlarmLimits,
    /// Alarms that were raised: what was over when it arrived, or silenced, alarmed nobody.
    pub raised: u32,
    /// A mean ten minutes, per operator.
    pub per_period_mean: f64,
    /// The worst ten minutes, per operator.
    pub per_period_max: f64,
    /// Share of the ten minutes with more than ten an operator, 0 to 1.
    pub flooded_share: f64,
    /// When there were more than people can answer.
    pub floods: Vec<AlarmFlood>,
    /// Share of the ten loudest sources, 0 to 1.
    pub top_ten_share: f64,
    /// The ten loudest sources, the loudest first, and those that chattered.
    pub loudest: Vec<AlarmCount>,
    /// Incidents that were open for more than a day at the end.
    pub stale: Vec<String>,
    /// Shares of low, medium and high priority, 0 to 1.
    pub priorities: [f64; 3],
    /// Median time until somebody took an alarm, seconds; absent where nobody took any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_s_median: Option<f64>,
    /// What each operator did.
    pub by_operator: Vec<OperatorLoad>,
    /// How often each source was wrong, the most often wrong first.
    pub false_alarms: Vec<FalseAlarmRate>,
}
