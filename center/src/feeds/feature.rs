//! What feeds show of the city: a thing with a place, a time and named values. GeoJSON (RFC 7946), CSV and OGC API Features are ways to write it.
//!
//! The functions here are the one place that says what of a thing others may see. They take what may be shown and nothing else: there is no argument for
//! a stream's address, an owner or a mount.

use matpho_scene::{
    WallTime,
    event::{DepthRange, EventKind, LevelOfService, Severity},
};
use serde_json::{Map, Value, json};

use crate::area::{Area, BoundingBox, MultiPolygon, Position};

/// Places of cameras are rounded to this many decimals of a degree, about 11 m: which street, not which pole.
const PLACE_DECIMALS: i32 = 4;

/// A shape on the ground.
#[derive(Debug, Clone, PartialEq)]
pub enum Geometry {
    /// A place.
    Point(Position),
    /// A border.
    Border(MultiPolygon),
}

impl Geometry {
    /// The box around it.
    pub fn bounds(&self) -> BoundingBox {
        match self {
            Self::Point([lon, lat]) => BoundingBox { west: *lon, south: *lat, east: *lon, north: *lat },
            Self::Border(border) => border.bounds(),
        }
    }

    /// As GeoJSON has it.
    pub fn to_geojson(&self) -> Value {
        match self {
            Self::Point(position) => json!({"type": "Point", "coordinates": position}),
            Self::Border(border) => json!({"type": "MultiPolygon", "coordinates": border}),
        }
    }
}

/// When something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// From; `None`: always was.
    pub from: Option<WallTime>,
    /// To, included; `None`: no end is known.
    pub to: Option<WallTime>,
}

impl Interval {
    /// At one instant.
    pub fn at(instant: WallTime) -> Self {
        Self { from: Some(instant), to: Some(instant) }
    }

    /// Whether the two have an instant in common.
    pub fn meets(&self, other: &Self) -> bool {
        let before =
            |end: Option<WallTime>, start: Option<WallTime>| matches!((end, start), (Some(end), Some(start)) if end < start);
        !before(self.to, other.from) && !before(other.to, self.from)
    }
}

/// A thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its id in its collection.
    pub id: String,
    /// Where it is.
    pub geometry: Option<Geometry>,
    /// When it is so; `None`: it has no time.
    pub time: Option<Interval>,
    /// What is said of it, in the order of columns. Every feature of a collection has the same names; what is not known is null.
    pub properties: Vec<(&'static str, Value)>,
}

impl Feature {
    /// As GeoJSON has it.
    pub fn to_geojson(&self) -> Value {
        let properties: Map<_, _> = self.properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let geometry = self.geometry.as_ref().map(Geometry::to_geojson);
        json!({"type": "Feature", "id": self.id, "geometry": geometry, "properties": properties})
    }
}

fn rounded(position: Position) -> Geometry {
    let scale = 10_f64.powi(PLACE_DECIMALS);
    Geometry::Point(position.map(|degrees| (degrees * scale).round() / scale))
}

/// What everybody may know of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera<'a> {
    /// Its id in feeds.
    pub id: &'a str,
    /// Its name for people.
    pub name: &'a str,
    /// Where it stands.
    pub position: Option<Position>,
    /// The area it stands in, `SCHEME:CODE`.
    pub area: Option<&'a str>,
    /// `live`, `stale`, `lost`, `blind`, `moved` or `unknown`.
    pub state: &'a str,
    /// When that was said.
    pub updated: WallTime,
}

/// A camera.
pub fn camera(camera: &Camera<'_>) -> Feature {
    Feature {
        id: camera.id.to_owned(),
        geometry: camera.position.map(rounded),
        time: Some(Interval::at(camera.updated)),
        properties: vec![
            ("name", json!(camera.name)),
            ("area", json!(camera.area)),
            ("state", json!(camera.state)),
            ("updated", json!(camera.updated)),
        ],
    }
}

/// What everybody may know of the traffic before a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic<'a> {
    /// The camera, as feeds name it, and the zone.
    pub id: &'a str,
    /// The camera's name.
    pub name: &'a str,
    /// Where it stands.
    pub position: Option<Position>,
    /// The area it stands in.
    pub area: Option<&'a str>,
    /// The period.
    pub period: (WallTime, WallTime),
    /// Level of service; `None`: unknown.
    pub level_of_service: Option<LevelOfService>,
    /// Mean speed.
    pub speed_kmh: Option<f32>,
    /// Vehicles that passed.
    pub vehicles: u32,
}

/// Traffic of a zone over the latest period.
pub fn traffic(traffic: &Traffic<'_>) -> Feature {
    let (from, to) = traffic.period;
    Feature {
        id: traffic.id.to_owned(),
        geometry: traffic.position.map(rounded),
        time: Some(Interval { from: Some(from), to: Some(to) }),
        properties: vec![
            ("name", json!(traffic.name)),
            ("area", json!(traffic.area)),
            ("from", json!(from)),
            ("to", json!(to)),
            ("level_of_service", json!(traffic.level_of_service.map(|level| level.to_string()))),
            ("speed_kmh", json!(traffic.speed_kmh.map(|speed| (f64::from(speed) * 10.0).round() / 10.0))),
            ("vehicles", json!(traffic.vehicles)),
        ],
    }
}

/// What everybody may know of an incident: what, where, since when. Not who acts on it, nor what was said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident<'a> {
    /// Its id.
    pub id: &'a str,
    /// What.
    pub kind: EventKind,
    /// How grave.
    pub severity: Severity,
    /// The place's name.
    pub place: &'a str,
    /// Where.
    pub position: Option<Position>,
    /// The area it lies in.
    pub area: Option<&'a str>,
    /// When it began.
    pub began: WallTime,
    /// When it ended.
    pub ended: Option<WallTime>,
    /// How deep the water stands.
    pub depth: Option<DepthRange>,
}

/// An incident in traffic or a flooded street; `None` where it is about a camera, which is nobody's business outside.
pub fn incident(incident: &Incident<'_>) -> Option<Feature> {
    (!incident.kind.is_camera()).then(|| Feature {
        id: incident.id.to_owned(),
        geometry: incident.position.map(rounded),
        time: Some(Interval { from: Some(incident.began), to: incident.ended }),
        properties: vec![
            ("kind", json!(incident.kind)),
            ("severity", json!(incident.severity)),
            ("place", json!(incident.place)),
            ("area", json!(incident.area)),
            ("began", json!(incident.began)),
            ("ended", json!(incident.ended)),
            ("depth", json!(incident.depth.and_then(DepthRange::band))),
            ("depth_min_cm", json!(incident.depth.map(DepthRange::min_cm))),
            ("depth_max_cm", json!(incident.depth.and_then(DepthRange::max_cm))),
        ],
    })
}

/// An area, as its province listed it.
pub fn area(area: &Area) -> Feature {
    Feature {
        id: area.id.to_string(),
        geometry: area.border.clone().map(Geometry::Border),
        time: None,
        properties: vec![
            ("scheme", json!(area.id.scheme())),
            ("code", json!(area.id.code())),
            ("kind", json!(area.kind)),
            ("name", json!(area.name)),
            ("parent", json!(area.parent)),
            ("valid_from", json!(area.validity.from)),
            ("valid_to", json!(area.validity.to)),
        ],
    }
}
