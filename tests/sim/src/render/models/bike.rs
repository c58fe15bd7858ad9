//! Motorbikes with their riders, and the bicycle.

use super::person::{self, Pose};
use super::{DARK, HEADLAMP, METAL, PLATE, RUBBER, TAILLAMP};
use crate::geom::{Rgb, V3, v3};
use crate::render::mesh::{Mat, Mesh, Section};

type Body = (Mesh, Vec<V3>, Vec<V3>);

#[derive(PartialEq)]
pub(super) enum Cargo {
    None,
    Courier,
    Sacks,
    Poncho,
}

pub(super) struct Bike {
    scooter: bool,
    helmet: Rgb,
    trousers: Rgb,
    pillion: Option<(Rgb, Rgb)>,
    cargo: Cargo,
}

pub(super) const SCOOTER: Bike =
    Bike { scooter: true, helmet: [0.70, 0.70, 0.72], trousers: [0.16, 0.17, 0.21], pillion: None, cargo: Cargo::None };
pub(super) const UNDERBONE: Bike =
    Bike { scooter: false, helmet: [0.14, 0.16, 0.26], trousers: [0.12, 0.12, 0.14], pillion: None, cargo: Cargo::None };
pub(super) const TWO_UP: Bike = Bike {
    scooter: true,
    helmet: [0.45, 0.10, 0.10],
    trousers: [0.20, 0.22, 0.30],
    pillion: Some(([0.62, 0.60, 0.62], [0.66, 0.52, 0.60])),
    cargo: Cargo::None,
};
pub(super) const COURIER: Bike =
    Bike { scooter: false, helmet: [0.10, 0.36, 0.20], trousers: [0.14, 0.14, 0.16], pillion: None, cargo: Cargo::Courier };
pub(super) const LOADED: Bike =
    Bike { scooter: false, helmet: [0.58, 0.54, 0.42], trousers: [0.26, 0.24, 0.22], pillion: None, cargo: Cargo::Sacks };
pub(super) const PONCHO: Bike =
    Bike { scooter: true, helmet: [0.62, 0.62, 0.64], trousers: [0.16, 0.17, 0.21], pillion: None, cargo: Cargo::Poncho };

fn frame(m: &mut Mesh, b: &Bike) {
    let r = if b.scooter { 0.25 } else { 0.29 };
    for y in [0.64f32, -0.60] {
        m.wheel(v3(0.0, y, r), r, 0.12, r * 0.55);
    }
    // Fork, leg shield, floor, rear body, seat.
    m.post(v3(-0.07, 0.64, r), v3(-0.07, 0.46, 0.85), (0.025, 0.025), 6, METAL);
    m.post(v3(0.07, 0.64, r), v3(0.07, 0.46, 0.85), (0.025, 0.025), 6, METAL);
    // Front and rear mudguards, wider than the tyre.
    m.cuboid(v3(0.0, 0.66, r + 0.28), v3(0.17, 0.36, 0.10), Mat::Paint);
    m.cuboid(v3(0.0, 0.80, r + 0.18), v3(0.15, 0.10, 0.16), Mat::Paint);
    m.cuboid(v3(0.0, -0.80, r + 0.20), v3(0.17, 0.22, 0.22), DARK);
    let part = |y: f32, w: f32, z0: f32, z1: f32| Section {
        y,
        half: vec![(0.0, z0), (w * 0.8, z0), (w, (z0 + z1) / 2.0), (w * 0.7, z1), (0.0, z1 + 0.015)],
    };
    let mut body = Mesh::default();
    let shield = if b.scooter { 0.27 } else { 0.22 };
    body.loft(
        &[
            part(0.28, shield * 0.9, 0.30, 0.62),
            part(0.38, shield, 0.36, 0.94),
            part(0.47, shield * 0.85, 0.42, 0.96),
            part(0.56, shield * 0.45, 0.56, 0.90),
        ],
        |_, _| Mat::Paint,
        (DARK, Mat::Paint),
    );
    let rear = if b.scooter {
        vec![
            part(-0.88, 0.10, 0.58, 0.76),
            part(-0.72, 0.20, 0.42, 0.78),
            part(-0.25, 0.22, 0.28, 0.74),
            part(0.02, 0.18, 0.26, 0.62),
            part(0.32, 0.13, 0.26, 0.36),
        ]
    } else {
        vec![
            part(-0.92, 0.09, 0.62, 0.78),
            part(-0.66, 0.17, 0.46, 0.78),
            part(-0.10, 0.18, 0.30, 0.72),
            part(0.28, 0.15, 0.30, 0.60),
            part(0.36, 0.12, 0.34, 0.66),
        ]
    };
    body.loft(&rear, |_, _| Mat::Paint, (Mat::Paint, Mat::Paint));
    body.smooth(0.8);
    m.add(&body, v3(0., 0., 0.));
    m.cuboid(v3(0.0, -0.10, 0.34), v3(0.22, 0.5, 0.14), DARK);
    let mut seat = Mesh::default();
    seat.loft(
        &[part(-0.72, 0.10, 0.74, 0.82), part(-0.30, 0.14, 0.73, 0.81), part(0.06, 0.10, 0.66, 0.77)],
        |_, _| RUBBER,
        (RUBBER, RUBBER),
    );
    m.add(&seat, v3(0., 0., 0.));
    m.capsule(v3(0.19, -0.2, 0.3), v3(0.2, -0.86, 0.42), (0.05, 0.075), 7, METAL);
    // Crash bar and foot boards stand out below.
    m.cuboid(v3(0.0, 0.08, 0.27), v3(0.52, 0.34, 0.05), DARK);
    // Handlebar, head, mirrors, lamps, plate.
    m.post(v3(-0.32, 0.32, 1.02), v3(0.32, 0.32, 1.02), (0.018, 0.018), 6, DARK);
    m.ellipsoid(v3(0.0, 0.42, 1.0), v3(0.21, 0.15, 0.14), (-1., 1.), Mat::Paint);
    m.cuboid(v3(0.0, 0.55, 0.98), v3(0.22, 0.06, 0.13), HEADLAMP);
    for s in [-1.0f32, 1.0] {
        m.cuboid(v3(s * 0.17, 0.53, 0.86), v3(0.09, 0.06, 0.06), super::INDICATOR);
        m.cuboid(v3(s * 0.14, -0.87, 0.70), v3(0.07, 0.06, 0.06), super::INDICATOR);
    }
    for s in [-1.0f32, 1.0] {
        m.post(v3(s * 0.26, 0.34, 1.03), v3(s * 0.34, 0.36, 1.2), (0.008, 0.008), 5, DARK);
        m.ellipsoid(v3(s * 0.36, 0.36, 1.23), v3(0.08, 0.025, 0.055), (-1., 1.), DARK);
    }
    m.cuboid(v3(0.0, -0.91, 0.70), v3(0.2, 0.06, 0.10), TAILLAMP);
    m.cuboid(v3(0.0, -0.95, 0.52), v3(0.2, 0.02, 0.16), PLATE);
    m.cuboid(v3(0.0, -0.78, 0.45), v3(0.12, 0.3, 0.04), DARK);
}

pub(super) fn motorbike(b: &Bike) -> Body {
    let mut m = Mesh::default();
    frame(&mut m, b);
    let knees = if b.scooter { (0.21, 0.30, 0.70) } else { (0.27, 0.26, 0.74) };
    let feet = if b.scooter { (0.19, 0.20, 0.32) } else { (0.25, 0.04, 0.32) };
    person::add(
        &mut m,
        &Pose {
            hip: v3(0.0, -0.18, 0.86),
            neck: v3(0.0, -0.04, 1.36),
            head: v3(0.0, 0.0, 1.52),
            knees: [v3(-knees.0, knees.1, knees.2), v3(knees.0, knees.1, knees.2)],
            feet: [v3(-feet.0, feet.1, feet.2), v3(feet.0, feet.1, feet.2)],
            elbows: [v3(-0.31, 0.10, 1.10), v3(0.31, 0.10, 1.10)],
            hands: [v3(-0.28, 0.32, 1.04), v3(0.28, 0.32, 1.04)],
            shirt: Mat::Cloth,
            trousers: Mat::Solid(b.trousers, 0.05),
            helmet: Some(b.helmet),
        },
    );
    if let Some((shirt, helmet)) = b.pillion {
        person::add(
            &mut m,
            &Pose {
                hip: v3(0.0, -0.55, 0.90),
                neck: v3(0.0, -0.46, 1.38),
                head: v3(0.0, -0.42, 1.54),
                knees: [v3(-0.27, -0.14, 0.74), v3(0.27, -0.14, 0.74)],
                feet: [v3(-0.24, -0.26, 0.36), v3(0.24, -0.26, 0.36)],
                elbows: [v3(-0.28, -0.34, 1.08), v3(0.28, -0.34, 1.08)],
                hands: [v3(-0.16, -0.12, 1.0), v3(0.16, -0.12, 1.0)],
                shirt: Mat::Solid(shirt, 0.05),
                trousers: Mat::Solid([0.24, 0.26, 0.34], 0.05),
                helmet: Some(helmet),
            },
        );
    }
    match b.cargo {
        Cargo::None => {}
        Cargo::Courier => m.cuboid(v3(0.0, -0.68, 1.08), v3(0.5, 0.48, 0.5), Mat::Cloth),
        Cargo::Sacks => {
            for (x, z) in [(-0.32f32, 0.62f32), (0.32, 0.62), (0.0, 1.02)] {
                m.ellipsoid(v3(x, -0.58, z), v3(0.2, 0.32, 0.26), (-1., 1.), Mat::Solid([0.58, 0.54, 0.44], 0.02));
            }
        }
        Cargo::Poncho => {
            let ring = |y: f32, w: f32, z0: f32, z1: f32| Section {
                y,
                half: vec![(0.0, z0), (w, z0), (w * 0.9, (z0 + z1) * 0.5), (w * 0.45, z1), (0.0, z1 + 0.03)],
            };
            let mut sheet = Mesh::default();
            sheet.loft(
                &[
                    ring(-0.62, 0.26, 0.60, 1.10),
                    ring(-0.2, 0.36, 0.50, 1.44),
                    ring(0.02, 0.36, 0.55, 1.42),
                    ring(0.42, 0.40, 0.72, 1.08),
                ],
                |_, _| Mat::Cloth,
                (Mat::Cloth, Mat::Cloth),
            );
            sheet.smooth(0.9);
            m.add(&sheet, v3(0., 0., 0.));
        }
    }
    (m, vec![v3(0.0, 0.60, 0.98)], vec![v3(0.0, -0.95, 0.70)])
}

pub(super) fn bicycle() -> Body {
    let mut m = Mesh::default();
    for y in [0.55f32, -0.5] {
        // Thin wheels: tyre rings only, no filled rim.
        let n = 16;
        for i in 0..n {
            let p = |i: usize| {
                let a = std::f32::consts::TAU * i as f32 / n as f32;
                v3(0.0, y + a.cos() * 0.33, 0.34 + a.sin() * 0.33)
            };
            m.post(p(i), p(i + 1), (0.022, 0.022), 5, RUBBER);
            if i % 4 == 0 {
                m.post(v3(0.0, y, 0.34), p(i), (0.006, 0.006), 4, METAL);
            }
        }
    }
    let tube = |m: &mut Mesh, a: V3, b: V3| m.post(a, b, (0.022, 0.022), 6, Mat::Paint);
    let (crank, seat, head) = (v3(0., -0.02, 0.32), v3(0., -0.18, 0.82), v3(0., 0.38, 0.86));
    tube(&mut m, crank, seat);
    tube(&mut m, crank, head);
    tube(&mut m, seat, head);
    tube(&mut m, v3(0., -0.5, 0.34), crank);
    tube(&mut m, v3(0., -0.5, 0.34), seat);
    tube(&mut m, v3(0., 0.55, 0.34), head);
    m.post(v3(-0.27, 0.34, 1.0), v3(0.27, 0.34, 1.0), (0.015, 0.015), 6, DARK);
    m.cuboid(v3(0.0, -0.2, 0.88), v3(0.16, 0.25, 0.07), RUBBER);
    m.cuboid(v3(0.0, 0.56, 0.86), v3(0.32, 0.26, 0.22), Mat::Solid([0.34, 0.33, 0.32], 0.1));
    person::add(
        &mut m,
        &Pose {
            hip: v3(0.0, -0.18, 0.96),
            neck: v3(0.0, 0.02, 1.42),
            head: v3(0.0, 0.07, 1.56),
            knees: [v3(-0.12, 0.14, 0.72), v3(0.12, 0.18, 0.84)],
            feet: [v3(-0.1, -0.04, 0.2), v3(0.1, -0.02, 0.44)],
            elbows: [v3(-0.28, 0.14, 1.18), v3(0.28, 0.14, 1.18)],
            hands: [v3(-0.25, 0.34, 1.03), v3(0.25, 0.34, 1.03)],
            shirt: Mat::Cloth,
            trousers: Mat::Solid([0.18, 0.18, 0.20], 0.05),
            helmet: None,
        },
    );
    person::conical_hat(&mut m, v3(0.0, 0.07, 1.62));
    (m, Vec::new(), Vec::new())
}
