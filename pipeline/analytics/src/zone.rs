//! A zone of one camera: a place in the picture and what is known of it. And what vehicles on it weigh.

use std::num::NonZeroU32;

use matpho_scene::{Class, Direction, GroundPlane, NormPoint, Polygon, ZoneId};
use serde::{Deserialize, Serialize};

use crate::{
    depth::Mark,
    hours::Hours,
    units::{Positive, Seconds},
};

/// What a zone is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Vehicles drive here: traffic is judged, and water.
    Carriageway,
    /// Only water is judged: a pavement, an underpass, a yard.
    RoadSurface,
    /// A known source of light, heat or steam (a chimney, a kitchen, a lamp): fire and smoke that lie in it are ignored.
    HeatSource,
    /// Nobody drew a zone: traffic is judged where vehicles are seen to drive, water over the whole picture. Not for configurations.
    #[serde(skip)]
    WholePicture,
}

/// A zone of one camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name, unique in its camera.
    pub id: ZoneId,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it lies.
    pub polygon: Polygon,
    /// Which way its traffic goes. Without it the dominating flow is learned from the tracks.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// Lanes that its traffic uses side by side. Without it they follow from the ground plane, 3.5 m a lane.
    #[serde(default)]
    pub lanes: Option<NonZeroU32>,
    /// Length along its direction, metres. Without it, it follows from the ground plane.
    #[serde(default)]
    pub length_m: Option<Positive>,
    /// From picture to metres on the road. Without it there is no speed.
    #[serde(default)]
    pub ground: Option<GroundPlane>,
    /// Root mean square of the ground plane's error on the points it was made from, metres: told with every event that stands on it.
    #[serde(skip)]
    pub ground_error_m: Option<f32>,
    /// Its traffic waits at a signal, red and green together lasting this long: a queue must outlast it to be congestion, and a
    /// vehicle that stands must outlast it to be a stopped vehicle.
    #[serde(default)]
    pub signal_cycle_s: Option<Seconds>,
    /// Vehicles are counted where they cross this line; without it, once they have driven some way in the zone.
    #[serde(default)]
    pub counting_line: Option<[NormPoint; 2]>,
    /// Of a heat source: at which hours of the local day it is one; always without it.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Places of known height that tell how deep water stands. A plan holds them lowest first.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

impl Zone {
    /// A zone with nothing known but its place.
    pub fn new(id: ZoneId, purpose: Purpose, polygon: Polygon) -> Self {
        Self {
            id,
            purpose,
            polygon,
            direction: None,
            lanes: None,
            length_m: None,
            ground: None,
            ground_error_m: None,
            signal_cycle_s: None,
            counting_line: None,
            hours: None,
            marks: Vec::new(),
        }
    }

    /// The whole picture, by the name of `picture`.
    pub(crate) fn whole_picture() -> Self {
        let id = "picture".parse().unwrap_or_else(|_| unreachable!("`picture` is a slug"));
        Self::new(id, Purpose::WholePicture, Polygon::whole_picture())
    }
}

/// What a vehicle weighs in passenger-car units.
///
/// The defaults follow the order of TCVN 4054:2005 (roads of Vietnam): bicycle 0.2, motorcycle 0.3, car 1, bus and truck 2 to 2.5.
/// The standard's own table was not at hand when they were written down: set your authority's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcuWeights {
    /// A bicycle.
    pub bicycle: Positive,
    /// A motorcycle.
    pub motorcycle: Positive,
    /// A car: the unit.
    pub car: Positive,
    /// A bus.
    pub bus: Positive,
    /// A lorry.
    pub truck: Positive,
}

impl Default for PcuWeights {
    fn default() -> Self {
        Self {
            bicycle: Positive::of(0.2),
            motorcycle: Positive::of(0.3),
            car: Positive::of(1.0),
            bus: Positive::of(2.5),
            truck: Positive::of(2.5),
        }
    }
}

impl PcuWeights {
    /// Passenger-car units of a class; 0 for what is no vehicle.
    pub fn of(&self, class: Class) -> f32 {
        match class {
            Class::Bicycle => self.bicycle.get(),
            Class::Motorcycle => self.motorcycle.get(),
            Class::Car => self.car.get(),
            Class::Bus => self.bus.get(),
            Class::Truck => self.truck.get(),
            Class::Person | Class::Fire | Class::Smoke => 0.0,
        }
    }
}
