//! The centre itself: its settings, how it is, and what went wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Incident, Verb};

/// What the console has to know beside the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// The centre's version.
    pub version: String,
    /// The map.
    pub map: MapSettings,
    /// Whom to call.
    pub hotlines: Vec<Hotline>,
    /// Who can be sent.
    pub agencies: Vec<AgencyRef>,
    /// Seconds between the stream's heartbeats: a stream silent for three times as long is dead.
    pub heartbeat_s: u32,
}

/// The map at first sight, and what lies under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MapSettings {
    /// Address of a MapLibre style; absent: the console's own plain ground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style_url: Option<String>,
    /// Address of a PMTiles basemap at this server (`Range` works); absent where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pmtiles_url: Option<String>,
    /// Who is to be named for the basemap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Centre, `[longitude, latitude]`, WGS 84.
    pub center: [f64; 2],
    /// Zoom level.
    pub zoom: f64,
}

/// Who can be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgencyRef {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What to dial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    /// The kinds of incident that it answers for; empty: all.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// A telephone number that an operator may need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hotline {
    /// What to dial.
    pub number: String,
    /// Whose it is, in Vietnamese.
    pub name_vi: String,
    /// Whose it is, in English.
    pub name_en: String,
    /// For which kinds of incident it is offered, by prefix (`fire`, `traffic`, `flood`); empty: for all.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// An answer that says what went wrong (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Which problem; programs may rely on it: `unauthorized`, `wrong_login`, `too_many_attempts`, `not_found`, `conflict`, `changed`,
    /// `key_reused`, `bad_request`, `forbidden`, `too_large`, `unavailable`, `internal`.
    pub code: String,
    /// What is wrong, and what to do.
    pub detail: String,
    /// The incident as it stands, where somebody was quicker (`conflict`, `changed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<Incident>>,
    /// What can be done to it as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possible: Option<Vec<Verb>>,
}

/// Data of the stream's `hello`, its first event after every (re)connection; it has no id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The centre's version: a page of another version should reload itself.
    pub version: String,
    /// The newest sequence number.
    pub sequence: i64,
}

/// Data of the stream's `reset`: what was missed is no longer known; read the lists anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reset {
    /// The newest sequence number; also the event's id.
    pub sequence: i64,
}

/// How the centre is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or `degraded` (then with status 503).
    pub status: String,
    /// The centre's version.
    pub version: String,
    /// Whether the broker is connected: `connected` or `disconnected`.
    pub broker: String,
    /// Whether the store takes messages: `ok` or `failing`. While it fails nothing is acknowledged: gateways and broker keep what
    /// they have.
    pub store: String,
    /// Whether pictures and clips can be kept: `ok` or `failing`. While it fails pictures wait at the broker, and events go on as long as it
    /// sends them (128 unacknowledged pictures).
    pub files: String,
    /// Whether what goes out by itself gets there: `ok` or `troubled` (`/api/v1/feeds` says what). The centre works either way.
    pub feeds: String,
    /// Free bytes on the disk of pictures and clips; of the state folder where a bucket has them.
    pub disk_free_bytes: u64,
    /// Seconds since the last message of any gateway; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_age_s: Option<u64>,
    /// Seconds since the centre started.
    pub uptime_s: u64,
}
