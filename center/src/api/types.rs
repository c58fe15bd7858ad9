//! What the API answers and takes, as JSON. The document at `/api/v1/openapi.json` is made from these types.
//!
//! Conventions: keys in snake_case · instants are RFC 3339 in UTC with milliseconds · a key that has no value is absent · addresses
//! (`…_url`, `url`) are paths at this server, to be used as they are · `edge` is a gateway's name everywhere, `SITE.EDGE`
//! (`tdm.gw-01`); a camera is named by `edge` and `camera` together · a client ignores keys it does not know.

mod acts;
mod camera;
mod event;
mod incident;
mod load;
mod report;
mod session;
mod system;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    acts::{Acknowledge, Assess, Close, Dispatch, Merge, Note, Reopen, Split},
    camera::{Camera, CameraRef, CameraStateNow, Edge, Measurement, Picture, Place},
    event::{Clip, ClipState, Event, EvidenceLink},
    incident::{
        Act, Assessed, Certainty, CloseReason, Closing, Family, Incident, IncidentDetail, LogAction, LogDetail, LogEntry, Promise,
    },
    load::{
        AlarmCount, AlarmFlood, AlarmLimits, AlarmLoad, AlarmLoadNow, AlarmSource, FalseAlarmRate, NewShelf, OperatorLoad, Shelf,
    },
    report::{Channel, Contact, NewReport, Report},
    session::{Login, LoginWays, Me, ProviderWay, Role, SessionHold},
    system::{AgencyRef, Health, Hello, Hotline, MapSettings, Problem, Reset, Settings},
};
pub use crate::incident::{
    life::{FalseReason, State as IncidentState, Timer, Verb},
    load::Priority,
};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Hand it back as `before` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
