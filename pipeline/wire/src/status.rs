//! Retained status of edges and cameras.

use matpho_scene::{CameraId, EdgeId, WallTime, measurement::Judgement};
use serde::{Deserialize, Serialize};

use crate::envelope::Message;

/// Whether an edge has its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// Connected and at work.
    Online,
    /// Said good-bye, or its will spoke for it.
    Offline,
}

/// Data of `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeStatus {
    /// Which edge.
    pub edge: EdgeId,
    /// Online or not.
    pub state: EdgeState,
    /// The program's version.
    pub version: String,
    /// Changes with every start of the program. An offline will of an earlier boot than the last online one is stale.
    pub boot_id: String,
    /// When this boot began.
    pub started: WallTime,
    /// Cameras configured.
    pub cameras: u32,
    /// Messages that wait in the outbox.
    pub outbox_depth: u64,
    /// Age of the oldest of them, seconds.
    pub outbox_age_s: u64,
    /// Load average over a minute, over the number of cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f32>,
}

impl Message for EdgeStatus {
    const NAME: &'static str = "edge status";
}

impl EdgeStatus {
    /// The CloudEvents type.
    pub const TYPE: &'static str = "io.matpho.v1.edge.status";
}

/// What state a camera is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Fresh pictures, fit to judge.
    Live,
    /// Pictures come late or seldom.
    Stale,
    /// No pictures.
    Lost,
    /// Pictures, not fit to judge: `reason` says why.
    Blind,
    /// It looks elsewhere than when its zones were drawn.
    Moved,
}

/// Data of `cameras/{camera}/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraStatus {
    /// Which camera.
    pub camera: CameraId,
    /// Its name for people.
    pub name: String,
    /// Where it stands: `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
    /// Its state.
    pub state: CameraState,
    /// Why, where it is not live; a word that programs can read: `unauthorized`, `frozen`, `dark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: WallTime,
    /// Age of the last fresh picture when this was said, seconds; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_age_s: Option<f32>,
    /// Pictures analysed each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysed_fps: Option<f32>,
    /// What each analytic says at present, by name (`congestion`, `fire`, `flood`, …).
    #[serde(default)]
    pub judgements: std::collections::BTreeMap<String, Judgement>,
}

impl Message for CameraStatus {
    const NAME: &'static str = "camera status";
}

impl CameraStatus {
    /// The CloudEvents type.
    pub const TYPE: &'static str = "io.matpho.v1.camera.status";
}
