//! What a webhook says: that an incident changed, and how it stands now. One kind of message, so that who missed some still knows all from the last.

use matpho_scene::WallTime;
use serde_json::{Value, json};

use super::feature::{self, Feature};

/// How an incident stands, beside what everybody may know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident<'a> {
    /// What everybody may know.
    pub known: feature::Incident<'a>,
    /// Where it stands with those who handle it; not who they are.
    pub state: &'a str,
    /// Why it was closed.
    pub reason: Option<&'a str>,
    /// Whether it still happens.
    pub ongoing: bool,
    /// When anything about it changed last: of two messages that come at once the later one holds.
    pub updated: WallTime,
    /// Whether it was history when it arrived.
    pub late: bool,
}

/// The message; `None` for what is nobody's business outside.
pub fn incident_changed(incident: &Incident<'_>) -> Option<Value> {
    let feature: Feature = feature::incident(&incident.known)?;
    let mut data = json!({
        "incident": incident.known.id,
        "state": incident.state,
        "ongoing": incident.ongoing,
        "late": incident.late,
        "updated": incident.updated,
        "feature": feature.to_geojson(),
    });
    if let Some(reason) = incident.reason {
        data["reason"] = json!(reason);
    }
    Some(json!({"type": "incident.changed", "timestamp": incident.updated, "data": data}))
}
