//! What people report.

use matpho_scene::{WallTime, event::EventKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::schema;

/// How a report came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A call to a hotline such as 1022, written down by who took it.
    Hotline,
    /// From somebody in the field.
    Field,
}

/// Body of `POST /reports`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    /// How it came.
    pub channel: Channel,
    /// What it is about; not `camera.…`.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// In the reporter's words, 1 to 2000 characters. Who the reporter is belongs into `contact`.
    #[schema(min_length = 1)]
    pub text: String,
    /// Where, in words; at most 200 characters.
    #[serde(default)]
    pub place: String,
    /// Where: `[longitude, latitude]`, WGS 84.
    #[schema(min_items = 2, max_items = 2)]
    pub position: [f64; 2],
    /// When it was seen; now, if not given. Not in the future, and not more than a day ago.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen: Option<WallTime>,
    /// Whom to call back. Kept apart, shown to nobody without asking for it, and deleted after a while (`retention.contacts_days`).
    #[serde(default)]
    pub contact: Option<Contact>,
}

/// Whom to call back.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The name, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The telephone number, at most 30 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
}

impl std::fmt::Debug for Contact {
    /// Who they are is nobody's to read in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact(…)")
    }
}

/// What somebody reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The incident that it belongs to.
    pub incident: String,
    /// How it came.
    pub channel: Channel,
    /// What it is about.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// In the reporter's words.
    pub text: String,
    /// Where, in words.
    pub place: String,
    /// Where: `[longitude, latitude]`, WGS 84.
    pub position: [f64; 2],
    /// When it was seen.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// When it arrived here.
    #[schema(value_type = String, format = DateTime)]
    pub arrived: WallTime,
    /// Who took it down.
    pub by: String,
    /// Whether there is somebody to call back: `GET /reports/{id}/contact`.
    pub has_contact: bool,
}
