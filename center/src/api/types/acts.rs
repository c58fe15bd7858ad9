//! What people do with an incident.

use matpho_scene::event::Severity;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Certainty, CloseReason, FalseReason, Priority};
use crate::api::schema;

/// Body of `acknowledge`; may be left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `note`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What there is to say, 1 to 2000 characters.
    #[schema(min_length = 1)]
    pub note: String,
}

/// Body of `close`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Why; `recovered` and `retracted` are not a person's to give.
    pub reason: CloseReason,
    /// What fooled the camera; required with `false_alarm`, and only there. `other` wants a note.
    #[serde(default)]
    pub false_reason: Option<FalseReason>,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `dispatch`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// Who is sent: the id of a configured agency, or the name of a unit; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub agency: String,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `reopen`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// Why, 1 to 2000 characters.
    #[schema(min_length = 1)]
    pub note: String,
}

/// Body of `assess`: what is to be set, and why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assess {
    /// How grave. Holds until the cameras say worse than they do now.
    #[serde(default)]
    #[schema(value_type = Option<schema::Severity>)]
    pub severity: Option<Severity>,
    /// How sure.
    #[serde(default)]
    pub certainty: Option<Certainty>,
    /// How important.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Why, 1 to 2000 characters.
    #[schema(min_length = 1)]
    pub note: String,
}

/// Body of `merge`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The incidents whose events are put into this one, 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    pub incidents: Vec<String>,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `split`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The events that become an incident of their own; not all of them.
    #[schema(min_items = 1)]
    pub events: Vec<String>,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}
