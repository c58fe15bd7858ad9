//! The last line of `matpho-edge analyze` and `replay`: what every analytic made of a source.

use std::collections::BTreeMap;

use matpho_scene::{
    Class,
    event::{EventKind, LevelOfService},
    measurement::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::envelope::Message;

/// Data of a summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryData {
    /// What was analysed, without credentials.
    pub source_name: String,
    /// Length of the source, seconds.
    pub duration_s: f64,
    /// Pictures that were analysed.
    pub frames_analysed: u64,
    /// Pictures in the source.
    pub frames_seen: u64,
    /// Pictures that were skipped by the sampling rate or could not be decoded.
    pub frames_skipped: u64,
    /// What each analytic says at the end, by name.
    pub analytics: BTreeMap<String, AnalyticSummary>,
    /// How many events began, by kind.
    pub events: BTreeMap<EventKind, u32>,
}

/// What one analytic made of a source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AnalyticSummary {
    /// What it says at the end.
    pub state: Option<Judgement>,
    /// Vehicles that passed, by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<BTreeMap<Class, u32>>,
    /// Passenger-car units per km and lane, mean; absent without calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density_pc_per_km_lane_mean: Option<f32>,
    /// Share of the zone covered by vehicles, 0 to 1, mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupancy_mean: Option<f32>,
    /// Space-mean speed; absent without calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_kmh_mean: Option<f32>,
    /// Level of service at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_of_service: Option<LevelOfService>,
    /// Share of the zone under water, 0 to 1, at the end (median of the last readings).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub water_share: Option<f32>,
    /// Highest share under water, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub water_share_max: Option<f32>,
    /// Highest score that its model gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_max: Option<f32>,
}

impl Message for SummaryData {
    const NAME: &'static str = "summary";
}

impl SummaryData {
    /// The CloudEvents type.
    pub const TYPE: &'static str = "io.matpho.v1.summary";
}
