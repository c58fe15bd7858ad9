//! Entities of the Smart Data Models' types TrafficFlowObserved, Alert, Camera and FloodMonitoring.

use matpho_scene::{
    Class, WallTime,
    event::{DepthBand, DepthRange, EventKind, LevelOfService, Severity, Trend},
    measurement::{FloodFigures, TrafficFigures},
};
use serde_json::{Map, Value, json};

use crate::area::Position;

/// Places are rounded to this many decimals of a degree, about 11 m: which street, not which pole.
const PLACE_DECIMALS: i32 = 4;

/// UN/CEFACT code of km/h.
const KMH: &str = "KMH";

/// What an attribute says.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A value.
    Property {
        /// What.
        value: Value,
        /// UN/CEFACT code of its unit.
        unit: Option<&'static str>,
        /// When it was so.
        observed: Option<WallTime>,
    },
    /// Another entity.
    Relationship(String),
    /// A place.
    Place(Position),
}

/// An entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// `urn:ngsi-ld:<Type>:<local>`.
    pub id: String,
    /// Its type.
    pub kind: &'static str,
    /// What is said of it.
    pub attributes: Vec<(&'static str, Attribute)>,
}

impl Entity {
    fn new(kind: &'static str, local: &str) -> Self {
        Self { id: urn(kind, local), kind, attributes: Vec::new() }
    }

    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, Attribute::Property { value: value.into(), unit: None, observed: None }));
    }

    fn put_place(&mut self, position: Option<Position>) {
        if let Some(position) = position {
            let scale = 10_f64.powi(PLACE_DECIMALS);
            self.attributes.push(("location", Attribute::Place(position.map(|degrees| (degrees * scale).round() / scale))));
        }
    }

    fn put_area(&mut self, area: Option<&str>) {
        if let Some(area) = area {
            self.put("areaServed", area);
        }
    }

    /// As NGSI-LD brokers want it.
    pub fn normalized(&self) -> Value {
        let attribute = |attribute: &Attribute| match attribute {
            Attribute::Property { value, unit, observed } => {
                let mut property = json!({"type": "Property", "value": value});
                if let Some(unit) = unit {
                    property["unitCode"] = json!(unit);
                }
                if let Some(observed) = observed {
                    property["observedAt"] = json!(observed);
                }
                property
            }
            Attribute::Relationship(object) => json!({"type": "Relationship", "object": object}),
            Attribute::Place(position) => json!({"type": "GeoProperty", "value": point(position)}),
        };
        self.with(attribute)
    }

    /// The short form that the Smart Data Models' schemas describe.
    pub fn simplified(&self) -> Value {
        self.with(|attribute| match attribute {
            Attribute::Property { value, .. } => value.clone(),
            Attribute::Relationship(object) => json!(object),
            Attribute::Place(position) => point(position),
        })
    }

    fn with(&self, write: impl Fn(&Attribute) -> Value) -> Value {
        let mut entity = Map::new();
        entity.insert("id".into(), json!(self.id));
        entity.insert("type".into(), json!(self.kind));
        entity.extend(self.attributes.iter().map(|(name, attribute)| ((*name).to_owned(), write(attribute))));
        Value::Object(entity)
    }
}

fn point(position: &Position) -> Value {
    json!({"type": "Point", "coordinates": position})
}

/// The id of an entity. What has no place in a URN becomes `-`; ids of cameras and zones are slugs anyway.
pub fn urn(kind: &str, local: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':') { c } else { '-' };
    format!("urn:ngsi-ld:{kind}:{}", local.chars().map(fit).collect::<String>())
}

/// Where something was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot<'a> {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: &'a str,
    /// The camera.
    pub camera: &'a str,
    /// Where it stands.
    pub position: Option<Position>,
    /// The code of the area that it stands in, `SCHEME:CODE`.
    pub area: Option<&'a str>,
}

impl Spot<'_> {
    fn local(&self) -> String {
        format!("{}:{}", self.edge, self.camera)
    }
}

/// Counts of one zone over one period: one entity for all vehicles, and one for each class that passed.
pub fn traffic_flow(spot: &Spot<'_>, zone: &str, (from, to): (WallTime, WallTime), figures: &TrafficFigures) -> Vec<Entity> {
    const KIND: &str = "TrafficFlowObserved";
    let start = |local: String, intensity: u32| {
        let mut entity = Entity::new(KIND, &local);
        entity.put("dateObserved", format!("{from}/{to}"));
        entity.put("dateObservedFrom", from.to_string());
        entity.put("dateObservedTo", to.to_string());
        // Vehicles that were counted in the period, not per hour.
        entity.put("intensity", intensity);
        entity
    };
    let vehicles = || figures.counts.iter().filter_map(|(class, count)| Some((vehicle_type(*class)?, *count)));
    let local = format!("{}:{zone}", spot.local());
    let mut all = start(local.clone(), vehicles().map(|(_, count)| count).sum());
    // A share, 0 to 1: brokers refuse percent.
    all.put("occupancy", share(figures.occupancy));
    if let Some(speed) = figures.speed_kmh.filter(|speed| speed.is_finite()) {
        let value = json!(tenth(speed));
        all.attributes.push(("averageVehicleSpeed", Attribute::Property { value, unit: Some(KMH), observed: Some(to) }));
    }
    if let Some(level) = figures.level_of_service {
        all.put("congested", level >= LevelOfService::E);
    }
    let mut entities = vec![all];
    for (class, count) in vehicles() {
        let mut entity = start(format!("{local}:{class}"), count);
        entity.put("vehicleType", class);
        entities.push(entity);
    }
    for entity in &mut entities {
        entity.attributes.push(("refDevice", Attribute::Relationship(urn("Camera", &spot.local()))));
        entity.put_place(spot.position);
        entity.put_area(spot.area);
    }
    entities
}

/// A class as the schema of TrafficFlowObserved spells it; `None`: not a vehicle.
fn vehicle_type(class: Class) -> Option<&'static str> {
    match class {
        Class::Bicycle => Some("bicycle"),
        Class::Motorcycle => Some("motorcycle"),
        Class::Car => Some("car"),
        Class::Bus => Some("bus"),
        // `truck` is not in the schema's list.
        Class::Truck => Some("lorry"),
        Class::Person | Class::Fire | Class::Smoke => None,
    }
}

/// What is known about an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident<'a> {
    /// Its id.
    pub id: &'a str,
    /// What happened.
    pub kind: EventKind,
    /// How grave.
    pub severity: Severity,
    /// When it began.
    pub began: WallTime,
    /// When it ended.
    pub ended: Option<WallTime>,
    /// When the centre learnt of it.
    pub opened: WallTime,
    /// The place's name.
    pub place: &'a str,
    /// The camera that saw it first.
    pub spot: Spot<'a>,
}

/// An incident; `None` where it is about a camera.
pub fn alert(incident: &Incident<'_>) -> Option<Entity> {
    let (category, sub_category) = category(incident.kind)?;
    let mut entity = Entity::new("Alert", incident.id);
    entity.put("category", category);
    entity.put("subCategory", sub_category);
    entity.put("alertSource", urn("Camera", &incident.spot.local()));
    entity.put("dateIssued", incident.opened.to_string());
    entity.put("validFrom", incident.began.to_string());
    if let Some(ended) = incident.ended {
        entity.put("validTo", ended.to_string());
    }
    entity.put("severity", severity(incident.severity));
    entity.put("name", incident.place);
    // The lists above have no word for each kind: here is ours.
    entity.put("data", json!({"kind": incident.kind.as_str()}));
    entity.put_place(incident.spot.position);
    entity.put_area(incident.spot.area);
    Some(entity)
}

/// Category and sub-category of the Alert schema; `None`: nobody's business outside. The schema has no fire in the street: a flame is the nearest that it
/// has, and `data.kind` says what it is.
pub fn category(kind: EventKind) -> Option<(&'static str, &'static str)> {
    match kind {
        EventKind::Congestion => Some(("traffic", "trafficJam")),
        EventKind::StoppedVehicle => Some(("traffic", "carStopped")),
        EventKind::WrongWay => Some(("traffic", "carWrongDirection")),
        EventKind::Pedestrian => Some(("traffic", "pedestrianOnRoad")),
        EventKind::Flame => Some(("security", "buildingFire")),
        EventKind::Smoke => Some(("security", "fireRisk")),
        EventKind::Flood => Some(("naturalDisaster", "flood")),
        camera => {
            debug_assert!(camera.is_camera(), "{camera} needs a category");
            None
        }
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "low",
        Severity::Moderate => "medium",
        Severity::Severe => "high",
        Severity::Extreme => "critical",
    }
}

/// A camera, as far as others may know it.
pub fn camera(spot: &Spot<'_>, name: &str, is_on: bool, at: WallTime) -> Entity {
    let mut entity = Entity::new("Camera", &spot.local());
    entity.put("cameraName", name);
    entity.put("cameraUsage", "TRAFFIC");
    entity.attributes.push(("on", Attribute::Property { value: json!(is_on), unit: None, observed: Some(at) }));
    entity.put_place(spot.position);
    entity.put_area(spot.area);
    entity
}

/// Water on a street. Depth is a band in words: a camera does not measure centimetres, and `currentLevel` would pretend that it does.
pub fn flood(spot: &Spot<'_>, zone: &str, at: WallTime, figures: &FloodFigures) -> Entity {
    let mut entity = Entity::new("FloodMonitoring", &format!("{}:{zone}", spot.local()));
    entity.put("stationID", format!("{}:{zone}", spot.local()));
    // By the deepest that it may be: whoever is warned of 20 to 30 cm is not told that 10 to 30 cm are less.
    let status = match figures.depth().map(DepthRange::deepest) {
        Some(DepthBand::From20To30 | DepthBand::From30To50 | DepthBand::Over50) => "Danger",
        Some(DepthBand::Under10 | DepthBand::From10To20) => "Alert",
        None if figures.water_share > 0.0 => "Alert",
        None => "Normal",
    };
    let value = json!(status);
    entity.attributes.push(("floodLevelStatus", Attribute::Property { value, unit: None, observed: Some(at) }));
    entity.put("observationDateTime", at.to_string());
    let depth = figures.depth().map_or("depth not known".into(), |depth| format!("{depth} deep"));
    let trend = match figures.trend {
        Trend::Rising => "rising",
        Trend::Steady => "steady",
        Trend::Falling => "falling",
    };
    let percent = (share(figures.water_share) * 100.0).round();
    entity.put("description", format!("water on {percent} % of the road, {depth}, {trend}"));
    entity.put_place(spot.position);
    entity.put_area(spot.area);
    entity
}

/// A share that is one, with three decimals.
fn share(value: f32) -> f64 {
    (f64::from(if value.is_finite() { value } else { 0.0 }).clamp(0.0, 1.0) * 1000.0).round() / 1000.0
}

fn tenth(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}
