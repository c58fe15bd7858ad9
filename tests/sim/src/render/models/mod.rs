//! The vehicles and people of the street, each modelled once as a mesh: x right, y ahead, z up, origin on the ground under the middle.

mod bike;
mod car;
mod heavy;
mod person;

use super::mesh::{Mat, Mesh};
use crate::geom::{Rgb, V3, v3};
use crate::truth::Class;

/// A model with what traffic and lighting need to know of it.
#[derive(Debug)]
pub(crate) struct Model {
    pub name: &'static str,
    pub class: Class,
    pub mesh: Mesh,
    /// Length, width, height in metres, mirrors left out.
    pub size: V3,
    /// Body colours to choose from.
    pub paints: &'static [Rgb],
    /// Headlamps and tail lamps.
    pub head: Vec<V3>,
    pub tail: Vec<V3>,
    /// How often it is taken among its class.
    pub share: f32,
}

pub(crate) const RUBBER: Mat = Mat::Solid([0.09, 0.09, 0.095], 0.05);
pub(crate) const DARK: Mat = Mat::Solid([0.13, 0.13, 0.14], 0.15);
pub(crate) const METAL: Mat = Mat::Solid([0.52, 0.53, 0.55], 0.5);
pub(crate) const PLATE: Mat = Mat::Solid([0.85, 0.86, 0.85], 0.1);
pub(crate) const HEADLAMP: Mat = Mat::Lamp([0.82, 0.84, 0.86], [1.0, 0.98, 0.92]);
pub(crate) const TAILLAMP: Mat = Mat::Lamp([0.55, 0.06, 0.06], [1.0, 0.13, 0.1]);
pub(crate) const INDICATOR: Mat = Mat::Lamp([0.75, 0.4, 0.1], [0.75, 0.4, 0.1]);

const CAR_PAINTS: &[Rgb] = &[
    [0.86, 0.87, 0.87],
    [0.84, 0.85, 0.86],
    [0.80, 0.81, 0.80],
    [0.88, 0.88, 0.86],
    [0.10, 0.10, 0.11],
    [0.13, 0.13, 0.14],
    [0.55, 0.57, 0.59],
    [0.40, 0.42, 0.44],
    [0.64, 0.65, 0.66],
    [0.45, 0.09, 0.09],
    [0.12, 0.18, 0.32],
    [0.30, 0.22, 0.17],
    [0.50, 0.46, 0.40],
    [0.28, 0.30, 0.33],
];
const TAXI_PAINTS: &[Rgb] = &[[0.85, 0.86, 0.86], [0.05, 0.42, 0.26], [0.82, 0.66, 0.10], [0.10, 0.55, 0.52]];
const VAN_PAINTS: &[Rgb] = &[[0.86, 0.87, 0.87], [0.82, 0.83, 0.82], [0.60, 0.62, 0.63]];
const TRUCK_PAINTS: &[Rgb] =
    &[[0.84, 0.85, 0.85], [0.16, 0.28, 0.52], [0.80, 0.80, 0.78], [0.12, 0.34, 0.30], [0.62, 0.12, 0.10], [0.80, 0.52, 0.14]];
const BUS_PAINTS: &[Rgb] = &[[0.13, 0.42, 0.26], [0.84, 0.85, 0.84], [0.62, 0.10, 0.10], [0.14, 0.32, 0.55], [0.86, 0.62, 0.14]];
const BIKE_PAINTS: &[Rgb] = &[
    [0.10, 0.10, 0.11],
    [0.12, 0.12, 0.14],
    [0.55, 0.07, 0.07],
    [0.80, 0.80, 0.80],
    [0.14, 0.20, 0.40],
    [0.40, 0.41, 0.43],
    [0.10, 0.25, 0.22],
    [0.45, 0.32, 0.22],
];
/// Shirts, ponchos and loads.
pub(crate) const CLOTHS: &[Rgb] = &[
    [0.75, 0.76, 0.78],
    [0.20, 0.22, 0.28],
    [0.55, 0.20, 0.20],
    [0.22, 0.34, 0.55],
    [0.62, 0.58, 0.48],
    [0.13, 0.13, 0.15],
    [0.36, 0.42, 0.34],
    [0.70, 0.45, 0.50],
    [0.14, 0.45, 0.30],
    [0.42, 0.30, 0.44],
    [0.48, 0.50, 0.54],
    [0.72, 0.62, 0.28],
];

fn model(
    name: &'static str,
    class: Class,
    size: (f32, f32, f32),
    share: f32,
    paints: &'static [Rgb],
    body: (Mesh, Vec<V3>, Vec<V3>),
) -> Model {
    Model { name, class, mesh: body.0, size: v3(size.1, size.0, size.2), paints, head: body.1, tail: body.2, share }
}

/// Every model there is. Order is part of what a seed fixes.
pub(crate) fn all() -> Vec<Model> {
    use Class::{Bicycle, Bus, Car, Motorcycle, Person, Truck};
    vec![
        model("sedan", Car, (4.45, 1.76, 1.47), 1.0, CAR_PAINTS, car::sedan()),
        model("hatchback", Car, (3.75, 1.65, 1.50), 0.9, CAR_PAINTS, car::hatchback(false)),
        model("taxi", Car, (3.75, 1.65, 1.64), 0.5, TAXI_PAINTS, car::hatchback(true)),
        model("suv", Car, (4.60, 1.86, 1.74), 0.9, CAR_PAINTS, car::suv()),
        model("mpv", Car, (4.70, 1.80, 1.78), 0.8, CAR_PAINTS, car::mpv()),
        model("van", Car, (5.30, 1.92, 2.20), 0.4, VAN_PAINTS, car::van()),
        model("pickup", Car, (5.20, 1.86, 1.78), 0.3, CAR_PAINTS, car::pickup()),
        model("box truck", Truck, (6.4, 2.05, 2.95), 1.0, TRUCK_PAINTS, heavy::truck(&heavy::LIGHT_BOX)),
        model("canvas truck", Truck, (5.6, 1.90, 2.60), 0.8, TRUCK_PAINTS, heavy::truck(&heavy::CANVAS)),
        model("tipper", Truck, (7.2, 2.40, 3.00), 0.4, TRUCK_PAINTS, heavy::truck(&heavy::TIPPER)),
        model("container truck", Truck, (11.5, 2.48, 3.90), 0.4, TRUCK_PAINTS, heavy::truck(&heavy::CONTAINER)),
        model("city bus", Bus, (10.5, 2.48, 3.10), 1.0, BUS_PAINTS, heavy::bus(10.5, 3.10)),
        model("minibus", Bus, (7.2, 2.20, 2.80), 0.7, BUS_PAINTS, heavy::bus(7.2, 2.80)),
        model("scooter", Motorcycle, (1.92, 0.70, 1.68), 1.0, BIKE_PAINTS, bike::motorbike(&bike::SCOOTER)),
        model("underbone", Motorcycle, (1.95, 0.68, 1.66), 1.0, BIKE_PAINTS, bike::motorbike(&bike::UNDERBONE)),
        model("scooter, two up", Motorcycle, (1.95, 0.70, 1.70), 0.7, BIKE_PAINTS, bike::motorbike(&bike::TWO_UP)),
        model("courier", Motorcycle, (2.00, 0.72, 1.70), 0.4, BIKE_PAINTS, bike::motorbike(&bike::COURIER)),
        model("loaded bike", Motorcycle, (2.10, 0.95, 1.70), 0.25, BIKE_PAINTS, bike::motorbike(&bike::LOADED)),
        model("poncho", Motorcycle, (1.95, 0.85, 1.68), 0.0, BIKE_PAINTS, bike::motorbike(&bike::PONCHO)),
        model("bicycle", Bicycle, (1.75, 0.55, 1.62), 1.0, BIKE_PAINTS, bike::bicycle()),
        model("walker", Person, (0.45, 0.50, 1.66), 1.0, CLOTHS, person::walker(false)),
        model("walker with hat", Person, (0.50, 0.55, 1.64), 0.5, CLOTHS, person::walker(true)),
    ]
}
