//! What is really there: written beside the pictures, frame by frame, so that a test can ask how much was seen.

use serde::{Deserialize, Serialize};

use crate::scenario::Direction;

/// What a road user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Class {
    Person,
    Bicycle,
    Motorcycle,
    Car,
    Bus,
    Truck,
}

/// One road user in one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Stays the same as long as the road user is in the city.
    pub id: u32,
    /// What it is. A motorcycle's box includes its riders.
    pub class: Class,
    /// x1, y1, x2, y2 in pixels, inside the picture.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
    /// Its own speed along the street.
    pub speed_kmh: f32,
    /// Lane counted from the middle of the road, 0 first; none on the pavement.
    pub lane: Option<u32>,
    /// Which carriageway it is on.
    pub direction: Option<Direction>,
    /// Share of its body that nothing hides and the picture's edge does not cut, 0 to 1.
    pub visible: f32,
    /// It stands because the scenario told it to.
    pub stopped: bool,
    /// It drives against its carriageway.
    pub wrong_way: bool,
    /// Metres ahead of the camera and to the right of the road's middle.
    pub at_m: [f32; 2],
}

/// A box of flame or smoke.
pub type Bounds = [f32; 4];

/// What goes on in a camera's picture besides vehicles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct States {
    /// Carriageways on which a queue stands now.
    pub jam: Vec<Direction>,
    /// Some vehicle stands by itself.
    pub stopped: bool,
    /// Somebody drives the wrong way.
    pub wrong_way: bool,
    /// Flames, in pixels.
    pub fire: Vec<Bounds>,
    /// Smoke, in pixels.
    pub smoke: Vec<Bounds>,
    /// Share of the visible carriageway under water, 0 to 1.
    pub water_share: f32,
    /// Depth at the gutter.
    pub water_depth_cm: f32,
    /// The camera's fault, if it has one.
    pub fault: Option<String>,
}

/// The truth of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Which camera.
    pub camera: String,
    /// Pictures since the start.
    pub frame: u64,
    /// Seconds since the scenario began.
    pub media_time_s: f64,
    /// Seconds since 1970 when the picture was taken; absent where pictures are made faster than time passes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wall_time_s: Option<f64>,
    /// Picture size.
    pub width: u32,
    /// Picture size.
    pub height: u32,
    /// Every road user of which something is seen.
    pub boxes: Vec<Object>,
    /// How many there are of each class.
    pub counts: std::collections::BTreeMap<Class, u32>,
    /// Everything else.
    pub states: States,
}
