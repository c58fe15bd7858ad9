//! Incidents as IRIS (the traffic management system of the Minnesota DOT) polls them: one line of ASCII for each that goes on, seven fields, no header:
//! id, type, detail, latitude, longitude, camera, direction. <https://mnit-rtmc.github.io/iris/>, "Incident Feed Format".

use matpho_scene::event::EventKind;

use crate::area::Position;

/// The way that traffic goes where the incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the four winds")]
pub enum Direction {
    North,
    East,
    South,
    West,
}

/// An incident that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident<'a> {
    /// Its id.
    pub id: &'a str,
    /// What.
    pub kind: EventKind,
    /// Where.
    pub position: Option<Position>,
    /// The camera that shows it, as IRIS names it.
    pub camera: &'a str,
    /// Which way the traffic goes; `None`: not known. IRIS may then not place the incident on a road.
    pub direction: Option<Direction>,
}

/// The feed. What IRIS has no word for (a fault of a camera) or cannot place is left out.
pub fn write(incidents: &[Incident<'_>]) -> String {
    incidents.iter().filter_map(line).collect()
}

fn line(incident: &Incident<'_>) -> Option<String> {
    let kind = match incident.kind {
        EventKind::StoppedVehicle => "STALL",
        kind if kind.is_camera() => return None,
        _ => "HAZARD",
    };
    let [lon, lat] = incident.position?;
    let direction = match incident.direction {
        Some(Direction::North) => "NB",
        Some(Direction::East) => "EB",
        Some(Direction::South) => "SB",
        Some(Direction::West) => "WB",
        None => "",
    };
    Some(format!("{},{kind},,{lat:.6},{lon:.6},{},{direction}\n", plain(incident.id), plain(incident.camera)))
}

/// There is no quoting: what would break a line or a field, or is not ASCII, is left out.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && *c != ',').collect()
}
