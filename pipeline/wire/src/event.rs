//! `events`: one event began, goes on or ended.

use std::{fmt, str::FromStr};

use matpho_scene::{
    CameraId, ModelId, NormBox, Seen, ZoneId,
    event::{Detail, EndReason, EventKind, Phase, Proof, Severity},
    time::WallTime,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::envelope::{Message, WireError};

/// An event's identity from began to ended, UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

/// Why a text is not an event's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event id: a UUID such as 0193a1b2-0000-7000-8000-000000000001 is needed")]
pub struct EventIdError(String);

impl EventId {
    /// From the instant the event began and 10 bytes that make it unique (random at work, derived in a replay).
    pub fn new(began: WallTime, unique: [u8; 10]) -> Self {
        let millis = u64::try_from(began.as_unix_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &unique).into_uuid())
    }

    /// The CloudEvents id of the `number`th message about this event, from 0 (began).
    pub fn message_id(self, number: u32) -> String {
        format!("{self}.{number}")
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;
    fn from_str(text: &str) -> Result<Self, EventIdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| EventIdError(text.chars().take(80).collect()))
    }
}

/// Which weights spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// Its id in the registry.
    pub id: ModelId,
    /// Hash of its file, hex.
    pub sha256: String,
}

/// Data of a message about an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventData {
    /// The event; the same from began to ended.
    pub event: EventId,
    /// Number of this message about the event, from 0 (began).
    pub number: u32,
    /// What happened.
    pub kind: EventKind,
    /// Where it stands.
    pub phase: Phase,
    /// Which camera saw it.
    pub camera: CameraId,
    /// In which zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneId>,
    /// When it began; earlier than the moment it was confirmed.
    pub began: WallTime,
    /// When the camera saw what this message states, and how well that is known.
    pub seen: Seen,
    /// The same in seconds since the stream's (or file's) start.
    pub media_time_s: f64,
    /// The event's beginning in seconds since the stream's (or file's) start.
    pub began_media_time_s: f64,
    /// How bad.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f32,
    /// Where in the picture, `[x1, y1, x2, y2]`, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<NormBox>,
    /// More about it.
    pub detail: Detail,
    /// Why it was said.
    pub proof: Proof,
    /// Which weights spoke.
    #[serde(default)]
    pub models: Vec<ModelRef>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
    /// Whether a picture follows on `evidence/{event}`.
    #[serde(default)]
    pub evidence_follows: bool,
    /// Whether it was seen while the gateway had no link, and is history by the time it arrives.
    #[serde(default)]
    pub late: bool,
}

impl EventData {
    /// The CloudEvents type, `io.matpho.v1.fire.flame.began`.
    pub fn type_name(&self) -> String {
        format!("io.matpho.v1.{}.{}", self.kind, self.phase)
    }
}

impl Message for EventData {
    const NAME: &'static str = "event";

    fn check(&self) -> Result<(), WireError> {
        if !(0.0..=1.0).contains(&self.confidence) {
            return Err(WireError::Field { field: "data.confidence", why: format!("{} is outside 0..=1", self.confidence) });
        }
        if (self.phase == Phase::Ended) != self.end_reason.is_some() {
            return Err(WireError::Field {
                field: "data.end_reason",
                why: "it belongs to an ended event, and only there".into(),
            });
        }
        Ok(())
    }
}
