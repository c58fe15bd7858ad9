//! Words of `scene` and `wire` as the OpenAPI document spells them. Those crates stay free of web matters, so their shapes are said
//! here once more; `tests/openapi.rs` holds the two together.
#![expect(missing_docs, reason = "the words are explained where they are at home, in `scene` and `wire`")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened.
#[derive(Serialize, Deserialize, ToSchema)]
pub enum EventKind {
    #[serde(rename = "traffic.congestion")]
    Congestion,
    #[serde(rename = "traffic.stopped_vehicle")]
    StoppedVehicle,
    #[serde(rename = "traffic.wrong_way")]
    WrongWay,
    #[serde(rename = "traffic.pedestrian")]
    Pedestrian,
    #[serde(rename = "fire.flame")]
    Flame,
    #[serde(rename = "fire.smoke")]
    Smoke,
    #[serde(rename = "flood.street")]
    Flood,
    #[serde(rename = "camera.lost")]
    CameraLost,
    #[serde(rename = "camera.frozen")]
    CameraFrozen,
    #[serde(rename = "camera.dark")]
    CameraDark,
    #[serde(rename = "camera.glare")]
    CameraGlare,
    #[serde(rename = "camera.blurred")]
    CameraBlurred,
    #[serde(rename = "camera.covered")]
    CameraCovered,
    #[serde(rename = "camera.moved")]
    CameraMoved,
}

/// Where an event stands.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Began,
    Updated,
    Ended,
}

/// How grave, in the words of CAP 1.2.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Minor,
    Moderate,
    Severe,
    Extreme,
}

/// What an analytic says.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    Clear,
    Suspected,
    Present,
    Unknown,
}

/// Whether a gateway has its link.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    Online,
    Offline,
}

/// Why an event ended.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Cleared,
    Retracted,
    Stopped,
}

/// Level of service, A (free flow) to F (breakdown).
#[derive(Serialize, Deserialize, ToSchema)]
pub enum LevelOfService {
    A,
    B,
    C,
    D,
    E,
    F,
}

/// Depth of water.
#[derive(Serialize, Deserialize, ToSchema)]
pub enum DepthBand {
    #[serde(rename = "under_10_cm")]
    Under10,
    #[serde(rename = "10_20_cm")]
    From10To20,
    #[serde(rename = "20_30_cm")]
    From20To30,
    #[serde(rename = "30_50_cm")]
    From30To50,
    #[serde(rename = "over_50_cm")]
    Over50,
}

/// Between which depths water stands.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct DepthRange {
    /// At least so deep, cm.
    min_cm: f32,
    /// Less deep than this, cm; absent where it may be any depth above the least.
    max_cm: Option<f32>,
}

/// Whether a kind of vehicle gets through.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Passage {
    Yes,
    Slowly,
    No,
}

/// Who gets through water.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Passability {
    motorbike: Passage,
    car: Passage,
    truck: Passage,
}

/// Whether water rises.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    Rising,
    Steady,
    Falling,
}

/// What is known about an event beyond its kind.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Detail {
    Congestion {
        level_of_service: LevelOfService,
        density_pc_per_km_lane: Option<f32>,
        occupancy: f32,
        speed_kmh: Option<f32>,
        stopped_share: f32,
        queue_m: Option<f32>,
        queue_growth_m_per_min: Option<f32>,
        travel_time_index: Option<f32>,
    },
    Vehicle {
        track: u64,
        class: String,
        duration_s: f32,
        path: Option<Vec<Vec<f32>>>,
    },
    Fire {
        area_share: f32,
        growth: f32,
    },
    Flood {
        water_share: f32,
        depth: Option<DepthBand>,
        depth_range: Option<DepthRange>,
        depth_confidence: Option<f32>,
        passable: Option<Passability>,
        passable_at_best: Option<Passability>,
        depth_reference: Option<String>,
        trend: Trend,
    },
    Camera {
        reason: String,
    },
}

/// Why an event was said.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// The rule, as one sentence.
    rule: String,
    /// Its thresholds by name, units in the names.
    thresholds: BTreeMap<String, f64>,
    /// What it saw, oldest first.
    samples: Vec<Sample>,
    /// Whether speeds and densities stand on a calibration of the camera.
    calibrated: bool,
    /// Root mean square of the calibration's error on its own points, metres.
    calibration_error_m: Option<f32>,
}

/// One value that a rule looked at.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// Seconds since the stream's start.
    media_time_s: f64,
    /// What was measured, with its unit.
    name: String,
    /// How much.
    value: f64,
}

/// Which weights spoke.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// Its id in the registry.
    id: String,
    /// Hash of its file, hex.
    sha256: String,
}

/// What was measured.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Figures {
    Traffic(TrafficFigures),
    Flood(FloodFigures),
}

/// Traffic of a carriageway zone over a period.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct TrafficFigures {
    /// Vehicles that passed, by class.
    counts: BTreeMap<String, u32>,
    /// Mean number of vehicles in the zone, in passenger-car units.
    vehicles_pcu_mean: f32,
    /// Passenger-car units per km and lane; absent without calibration.
    density_pc_per_km_lane: Option<f32>,
    /// Share of the zone covered by vehicles, 0 to 1.
    occupancy: f32,
    /// Space-mean speed; absent without calibration or without vehicles.
    speed_kmh: Option<f32>,
    /// Time-mean speed of the vehicles that were counted; absent without calibration or without any.
    speed_time_mean_kmh: Option<f32>,
    /// Speed with nobody in the way, learned over days.
    free_flow_kmh: Option<f32>,
    /// How many times longer the way takes than with nobody in it.
    travel_time_index: Option<f32>,
    /// Share of the vehicles that stand or crawl, 0 to 1.
    stopped_share: f32,
    /// Level of service; absent while it is unknown.
    level_of_service: Option<LevelOfService>,
    /// Length of the queue; absent without calibration.
    queue_m: Option<f32>,
    /// How fast it grows, metres a minute.
    queue_growth_m_per_min: Option<f32>,
    /// Cycle of the zone's signal, configured or learned.
    signal_cycle_s: Option<f32>,
    /// Whether speed and density stand on a calibration.
    calibrated: bool,
    /// Frames that the figures stand on.
    frames: u32,
}

/// Water on a street over a period.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct FloodFigures {
    /// Share of the zone under water, 0 to 1.
    water_share: f32,
    /// Depth, where one band alone is sure enough.
    depth: Option<DepthBand>,
    /// Between which depths; absent where none is sure.
    depth_range: Option<DepthRange>,
    /// How sure the range is, 0 to 1.
    depth_confidence: Option<f32>,
    /// Rising or falling.
    trend: Trend,
    /// Pictures that the figures stand on.
    frames: u32,
}
