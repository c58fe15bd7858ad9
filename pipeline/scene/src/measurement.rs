//! Figures of one zone over one period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    detection::Class,
    event::{DepthBand, DepthRange, LevelOfService, Trend},
    id::ZoneId,
    time::MediaTime,
};

/// What an analytic can say about its phenomenon at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Looked, and all is well.
    Clear,
    /// Signs, not yet confirmed; kept inside.
    Suspected,
    /// It is happening.
    Present,
    /// It cannot be said: the camera is blind, moved, dark, lost, or has been watched too short.
    Unknown,
}

/// Figures of one zone over one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Of which zone.
    pub zone: ZoneId,
    /// From.
    pub from: MediaTime,
    /// To.
    pub to: MediaTime,
    /// What was measured.
    pub figures: Figures,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Figures {
    /// Traffic of a carriageway.
    Traffic(TrafficFigures),
    /// Water on a street.
    Flood(FloodFigures),
}

/// Traffic of a carriageway zone over one period.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrafficFigures {
    /// Vehicles that passed, by class: each track once.
    pub counts: BTreeMap<Class, u32>,
    /// Mean number of vehicles in the zone, in passenger-car units.
    pub vehicles_pcu_mean: f32,
    /// Passenger-car units per km and lane; absent without calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density_pc_per_km_lane: Option<f32>,
    /// Share of the zone covered by vehicles, 0 to 1.
    pub occupancy: f32,
    /// Space-mean speed; absent without calibration or without vehicles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_kmh: Option<f32>,
    /// Time-mean speed: the mean over the vehicles that were counted, each at that moment; absent without calibration or without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_time_mean_kmh: Option<f32>,
    /// Speed with nobody in the way, learned over days; absent without calibration, and until it is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_flow_kmh: Option<f32>,
    /// How many times longer the way takes than with nobody in it. Also without calibration: speeds in relative terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub travel_time_index: Option<f32>,
    /// Share of the vehicles that stand or crawl, 0 to 1.
    pub stopped_share: f32,
    /// Level of service; absent while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_of_service: Option<LevelOfService>,
    /// Length of the queue; absent without calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_m: Option<f32>,
    /// How fast it grows (negative: shrinks), metres a minute over the last minutes; absent without calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_growth_m_per_min: Option<f32>,
    /// Cycle of the zone's signal, configured or learned; absent where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_cycle_s: Option<f32>,
    /// Whether speed and density stand on a calibration of the camera.
    pub calibrated: bool,
    /// Frames that the figures stand on.
    pub frames: u32,
}

/// Water on a street over one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FloodFigures {
    /// Share of the zone under water, 0 to 1, median over the period.
    pub water_share: f32,
    /// Depth, where one band alone is sure enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<DepthBand>,
    /// Between which depths; absent without a reference object, and where nothing is sure. Senders of before give a band alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth_range: Option<DepthRange>,
    /// How sure the range is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth_confidence: Option<f32>,
    /// Rising or falling.
    pub trend: Trend,
    /// Pictures that the figures stand on.
    pub frames: u32,
}

impl FloodFigures {
    /// Between which depths water stands.
    pub fn depth(&self) -> Option<DepthRange> {
        self.depth_range.or_else(|| self.depth.map(DepthRange::from))
    }
}
