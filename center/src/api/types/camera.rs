//! Cameras, gateways, and what they measure.

use std::collections::BTreeMap;

use matpho_scene::{
    WallTime,
    measurement::{Figures, Judgement},
};
use matpho_wire::status::EdgeState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::schema;

/// A camera as other objects name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraRef {
    /// Its gateway, `SITE.EDGE`.
    pub edge: String,
    /// Its id at the gateway.
    pub camera: String,
    /// Its name for people; the id where no status has named it yet.
    pub name: String,
    /// `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
}

/// Where an incident is: the camera that saw it first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Its name for people.
    pub name: String,
    /// `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
}

/// What state a camera is in, as far as the centre can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraStateNow {
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
    /// Its gateway is offline: nothing is known. `reason` is `edge_offline`.
    Unknown,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Camera {
    /// Its gateway, `SITE.EDGE`.
    pub edge: String,
    /// Its id at the gateway.
    pub camera: String,
    /// Its name for people.
    pub name: String,
    /// `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
    /// Its state.
    pub state: CameraStateNow,
    /// Why, where it is not live: a word such as `unauthorized`, `frozen`, `dark`, `edge_offline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: WallTime,
    /// When the gateway said all this.
    #[schema(value_type = String, format = DateTime)]
    pub said: WallTime,
    /// Age of the last fresh picture when it was said, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_age_s: Option<f32>,
    /// Pictures analysed each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysed_fps: Option<f32>,
    /// What each analytic says, by name (`congestion`, `fire`, `flood`, …): `clear`, `suspected`, `present` or `unknown`.
    #[schema(value_type = BTreeMap<String, schema::Judgement>)]
    pub judgements: BTreeMap<String, Judgement>,
    /// Incidents that are not closed and that this camera saw.
    pub open_incidents: u32,
    /// Its latest picture; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
}

/// A camera's latest picture; also the data of the stream's `picture` events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Picture {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// Where the JPEG is; the address changes with the picture, so that a browser may keep it.
    pub url: String,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Edge {
    /// Its name, `SITE.EDGE`.
    pub edge: String,
    /// Whether it has its link.
    #[schema(value_type = schema::EdgeState)]
    pub state: EdgeState,
    /// Its program's version.
    pub version: String,
    /// When its program started.
    #[schema(value_type = String, format = DateTime)]
    pub started: WallTime,
    /// When it said all this.
    #[schema(value_type = String, format = DateTime)]
    pub said: WallTime,
    /// Cameras configured there.
    pub cameras: u32,
    /// Messages that wait in its outbox.
    pub outbox_depth: u64,
    /// Age of the oldest of them, seconds.
    pub outbox_age_s: u64,
    /// Load average over a minute, over the number of cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f32>,
}

/// Figures of one zone over one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Measurement {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// The zone.
    pub zone: String,
    /// Beginning of the period.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// End of the period.
    #[schema(value_type = String, format = DateTime)]
    pub to: WallTime,
    /// What was measured; `about` says which of the forms.
    #[schema(value_type = schema::Figures)]
    pub figures: Figures,
}
