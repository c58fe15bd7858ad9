//! Events, the pictures and clips that prove them.

use matpho_scene::{
    NormBox, WallTime,
    event::{Detail, EndReason, EventKind, Phase, Proof, Severity},
};
use matpho_wire::ModelRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CameraRef;
use crate::api::schema;

/// A picture that proves an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceLink {
    /// Which event.
    pub event: String,
    /// Where the JPEG is: `/api/v1/evidence/{event}.jpg`.
    pub url: String,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Hash of the JPEG, hex.
    pub sha256: String,
    /// Whether people and plates were made unrecognisable.
    pub redacted: bool,
}

/// Where the clip of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClipState {
    /// The gateway has none.
    None,
    /// It lies at the gateway and can be asked for: `POST /api/v1/clips/{event}/request`.
    Available,
    /// It was asked for and is on its way.
    Requested,
    /// It is here: `url`.
    Ready,
    /// The gateway could not send it: `error`; it can be asked for again.
    Failed,
}

/// The clip of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Clip {
    /// Where it is.
    pub state: ClipState,
    /// Where the MP4 is: `/api/v1/clips/{event}.mp4`; present when it is `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An event as its newest message tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The incident it belongs to.
    pub incident: String,
    /// What happened.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// Where it stands.
    #[schema(value_type = schema::Phase)]
    pub phase: Phase,
    /// Who saw it.
    pub camera: CameraRef,
    /// In which zone of the camera's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began: WallTime,
    /// When the camera saw what is stated here.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// How far off these times may be, either way, in milliseconds.
    pub uncertainty_ms: u32,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<WallTime>,
    /// When its first message arrived here.
    #[schema(value_type = String, format = DateTime)]
    pub arrived: WallTime,
    /// How grave.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f32,
    /// Where in the picture: `[x1, y1, x2, y2]`, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<[f32; 4]>)]
    pub region: Option<NormBox>,
    /// More about it; `about` says which of the forms.
    #[schema(value_type = schema::Detail)]
    pub detail: Detail,
    /// Why it was said: the rule, its thresholds, the samples.
    #[schema(value_type = schema::Proof)]
    pub proof: Proof,
    /// Which weights spoke.
    #[schema(value_type = Vec<schema::Model>)]
    pub models: Vec<ModelRef>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::EndReason>)]
    pub end_reason: Option<EndReason>,
    /// Whether it was history already when it arrived.
    pub late: bool,
    /// Whether the gateway's clock was so wrong that `began` is its time of arrival instead.
    pub clock_suspect: bool,
    /// The picture that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceLink>,
    /// Its clip.
    pub clip: Clip,
}
