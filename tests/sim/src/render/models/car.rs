//! Cars: one loft per body, from rear bumper to nose, with glass where the cabin is.

use super::{DARK, HEADLAMP, METAL, PLATE, RUBBER, TAILLAMP};
use crate::geom::{V3, v3};
use crate::render::mesh::{Mat, Mesh, Section};

type Body = (Mesh, Vec<V3>, Vec<V3>);

/// One station along a car: position, underside, belt line, top; half-widths at sill, belt and top.
#[derive(Clone, Copy)]
struct Station {
    y: f32,
    under: f32,
    belt: f32,
    top: f32,
    wide: f32,
    wide_belt: f32,
    wide_top: f32,
    /// What covers the piece from here to the next station: side above the belt, and top.
    side: Skin,
    roof: Skin,
}

#[derive(Clone, Copy, PartialEq)]
enum Skin {
    Paint,
    Glass,
}
use Skin::{Glass as G, Paint as P};

const fn st(y: f32, zs: (f32, f32, f32), ws: (f32, f32, f32), side: Skin, roof: Skin) -> Station {
    Station { y, under: zs.0, belt: zs.1, top: zs.2, wide: ws.0, wide_belt: ws.1, wide_top: ws.2, side, roof }
}

fn shell(stations: &[Station]) -> Mesh {
    let sections: Vec<Section> = stations
        .iter()
        .map(|s| Section {
            y: s.y,
            half: vec![
                (0.0, s.under),
                (s.wide * 0.92, s.under),
                (s.wide, s.under + 0.16),
                (s.wide, s.under + (s.belt - s.under) * 0.62),
                (s.wide_belt, s.belt),
                (s.wide_top + 0.04, s.top - 0.05),
                (s.wide_top * 0.8, s.top),
                (0.0, s.top + 0.025),
            ],
        })
        .collect();
    let mut m = Mesh::default();
    m.loft(
        &sections,
        |i, k| match k {
            0 => DARK,
            1 => Mat::Solid([0.2, 0.2, 0.21], 0.1),
            2 | 3 => Mat::Paint,
            4 => {
                if stations[i].side == G {
                    Mat::Glass
                } else {
                    Mat::Paint
                }
            }
            5 => {
                if stations[i].side == G && stations[i].roof == P {
                    Mat::Paint
                } else if stations[i].roof == G {
                    Mat::Glass
                } else {
                    Mat::Paint
                }
            }
            _ => {
                if stations[i].roof == G {
                    Mat::Glass
                } else {
                    Mat::Paint
                }
            }
        },
        (Mat::Paint, Mat::Paint),
    );
    m.smooth(0.7);
    m
}

struct Trim {
    /// Wheel positions: front and rear axle, half track, radius.
    axles: (f32, f32, f32, f32),
    /// Front and rear end, half-width there, height of head and tail lamps.
    ends: (f32, f32),
    wide: f32,
    lamps: (f32, f32),
    /// Where the mirrors hang: y and z.
    mirror: (f32, f32),
}

fn dress(mut m: Mesh, t: &Trim) -> Body {
    let (front, rear, track, radius) = t.axles;
    for y in [front, rear] {
        for s in [-1.0f32, 1.0] {
            // The arch: a dark disc on the body, a little larger than the wheel before it.
            let c = v3(s * (t.wide + 0.004), y, radius + 0.02);
            let n = 14;
            for i in 0..n {
                let p = |i: usize| {
                    let a = std::f32::consts::TAU * i as f32 / n as f32;
                    c + v3(0.0, a.cos() * radius * 1.17, (a.sin() * radius * 1.17).max(-radius * 0.6))
                };
                m.tri([c, p(i), p(i + 1)], DARK);
            }
            m.wheel(v3(s * track, y, radius), radius, 0.2, radius * 0.6);
        }
    }
    let (nose, back) = t.ends;
    let (zh, zt) = t.lamps;
    let x = t.wide - 0.2;
    let mut head = Vec::new();
    let mut tail = Vec::new();
    for s in [-1.0f32, 1.0] {
        m.cuboid(v3(s * x, nose - 0.13, zh), v3(0.36, 0.3, 0.13), HEADLAMP);
        m.cuboid(v3(s * (x + 0.05), back + 0.07, zt), v3(0.26, 0.2, 0.2), TAILLAMP);
        m.cuboid(v3(s * (t.wide + 0.1), t.mirror.0, t.mirror.1), v3(0.2, 0.1, 0.14), DARK);
        head.push(v3(s * x, nose + 0.03, zh));
        tail.push(v3(s * (x + 0.05), back - 0.04, zt));
    }
    // Grille, bumpers' shadow gaps, plates.
    m.cuboid(v3(0.0, nose - 0.05, zh - 0.04), v3(x * 1.25, 0.12, 0.12), DARK);
    m.cuboid(v3(0.0, nose - 0.02, 0.36), v3(t.wide * 1.3, 0.1, 0.12), DARK);
    m.cuboid(v3(0.0, back + 0.02, 0.34), v3(t.wide * 1.5, 0.1, 0.14), DARK);
    m.cuboid(v3(0.0, nose + 0.035, 0.45), v3(0.44, 0.02, 0.12), PLATE);
    m.cuboid(v3(0.0, back - 0.03, zt - 0.14), v3(0.42, 0.02, 0.13), PLATE);
    (m, head, tail)
}

/// Door gaps and handles along the flank.
fn doors(m: &mut Mesh, wide: f32, ys: &[f32], (z0, z1): (f32, f32)) {
    for s in [-1.0f32, 1.0] {
        for &y in ys {
            let x = s * (wide + 0.006);
            m.quad([v3(x, y, z0), v3(x, y + 0.03, z0), v3(x, y + 0.03, z1), v3(x, y, z1)], DARK);
            m.quad(
                [v3(x, y + 0.08, z1 - 0.07), v3(x, y + 0.28, z1 - 0.07), v3(x, y + 0.28, z1 - 0.03), v3(x, y + 0.08, z1 - 0.03)],
                METAL,
            );
        }
    }
}

pub(super) fn sedan() -> Body {
    let mut m = shell(&[
        st(-2.22, (0.36, 0.86, 0.90), (0.70, 0.68, 0.55), P, P),
        st(-2.12, (0.26, 0.95, 1.00), (0.84, 0.79, 0.66), P, P),
        st(-1.62, (0.20, 0.97, 1.05), (0.87, 0.83, 0.66), P, G),
        st(-0.98, (0.19, 0.96, 1.41), (0.88, 0.84, 0.54), P, P),
        st(-0.86, (0.19, 0.96, 1.44), (0.88, 0.84, 0.55), G, P),
        st(-0.20, (0.19, 0.95, 1.475), (0.88, 0.84, 0.575), P, P),
        st(-0.09, (0.19, 0.95, 1.475), (0.88, 0.84, 0.575), G, P),
        st(0.42, (0.19, 0.93, 1.43), (0.88, 0.84, 0.55), G, G),
        st(1.12, (0.20, 0.91, 0.98), (0.87, 0.82, 0.70), P, P),
        st(1.75, (0.22, 0.84, 0.88), (0.86, 0.79, 0.64), P, P),
        st(2.08, (0.26, 0.70, 0.74), (0.81, 0.74, 0.60), P, P),
        st(2.22, (0.34, 0.58, 0.62), (0.66, 0.60, 0.48), P, P),
    ]);
    doors(&mut m, 0.88, &[-0.85, 0.1, 1.0], (0.38, 0.90));
    dress(
        m,
        &Trim { axles: (1.36, -1.34, 0.76, 0.32), ends: (2.18, -2.18), wide: 0.87, lamps: (0.66, 0.83), mirror: (0.85, 0.98) },
    )
}

pub(super) fn hatchback(taxi: bool) -> Body {
    let mut m = shell(&[
        st(-1.87, (0.34, 0.90, 0.95), (0.68, 0.66, 0.52), P, G),
        st(-1.78, (0.26, 0.96, 1.06), (0.79, 0.76, 0.55), P, G),
        st(-1.42, (0.20, 0.96, 1.44), (0.82, 0.79, 0.53), P, P),
        st(-1.25, (0.19, 0.96, 1.47), (0.82, 0.79, 0.54), G, P),
        st(-0.42, (0.19, 0.95, 1.50), (0.82, 0.79, 0.56), P, P),
        st(-0.30, (0.19, 0.95, 1.50), (0.82, 0.79, 0.56), G, P),
        st(0.30, (0.19, 0.93, 1.46), (0.82, 0.79, 0.53), G, G),
        st(1.02, (0.20, 0.92, 1.00), (0.82, 0.77, 0.66), P, P),
        st(1.55, (0.22, 0.84, 0.90), (0.80, 0.73, 0.60), P, P),
        st(1.80, (0.28, 0.70, 0.74), (0.73, 0.67, 0.54), P, P),
        st(1.88, (0.36, 0.58, 0.60), (0.60, 0.55, 0.45), P, P),
    ]);
    doors(&mut m, 0.82, &[-1.1, -0.2, 0.85], (0.38, 0.90));
    if taxi {
        m.cuboid(v3(0.0, -0.15, 1.585), v3(0.7, 0.2, 0.12), Mat::Lamp([0.85, 0.85, 0.7], [1.0, 0.95, 0.7]));
        for s in [-1.0f32, 1.0] {
            m.cuboid(v3(s * 0.825, -0.15, 0.66), v3(0.01, 1.7, 0.2), Mat::Solid([0.72, 0.72, 0.70], 0.2));
        }
    }
    dress(
        m,
        &Trim { axles: (1.20, -1.22, 0.71, 0.30), ends: (1.85, -1.84), wide: 0.81, lamps: (0.70, 0.90), mirror: (0.72, 0.98) },
    )
}

pub(super) fn suv() -> Body {
    let mut m = shell(&[
        st(-2.30, (0.42, 1.00, 1.06), (0.76, 0.72, 0.58), P, G),
        st(-2.20, (0.32, 1.08, 1.22), (0.89, 0.86, 0.62), P, G),
        st(-1.88, (0.26, 1.09, 1.66), (0.92, 0.88, 0.62), P, P),
        st(-1.70, (0.25, 1.09, 1.70), (0.93, 0.89, 0.63), G, P),
        st(-0.95, (0.25, 1.08, 1.74), (0.93, 0.89, 0.66), P, P),
        st(-0.84, (0.25, 1.08, 1.74), (0.93, 0.89, 0.66), G, P),
        st(-0.05, (0.25, 1.07, 1.74), (0.93, 0.89, 0.66), P, P),
        st(0.07, (0.25, 1.07, 1.74), (0.93, 0.89, 0.66), G, P),
        st(0.55, (0.25, 1.05, 1.68), (0.93, 0.89, 0.62), G, G),
        st(1.16, (0.26, 1.04, 1.12), (0.92, 0.87, 0.74), P, P),
        st(1.85, (0.28, 0.98, 1.03), (0.91, 0.84, 0.70), P, P),
        st(2.18, (0.32, 0.84, 0.88), (0.86, 0.79, 0.66), P, P),
        st(2.30, (0.42, 0.66, 0.70), (0.72, 0.66, 0.52), P, P),
    ]);
    doors(&mut m, 0.93, &[-0.95, 0.05, 1.05], (0.45, 1.02));
    for s in [-1.0f32, 1.0] {
        m.cuboid(v3(s * 0.56, -0.6, 1.77), v3(0.05, 2.0, 0.05), DARK);
        m.cuboid(v3(s * 0.92, 0.0, 0.36), v3(0.06, 3.0, 0.14), DARK);
    }
    dress(
        m,
        &Trim { axles: (1.40, -1.38, 0.81, 0.36), ends: (2.26, -2.26), wide: 0.92, lamps: (0.82, 1.0), mirror: (0.88, 1.12) },
    )
}

pub(super) fn mpv() -> Body {
    let mut m = shell(&[
        st(-2.34, (0.40, 0.98, 1.05), (0.74, 0.72, 0.58), P, G),
        st(-2.25, (0.30, 1.02, 1.20), (0.86, 0.83, 0.62), P, G),
        st(-2.02, (0.24, 1.02, 1.70), (0.89, 0.86, 0.64), P, P),
        st(-1.85, (0.23, 1.02, 1.74), (0.90, 0.86, 0.65), G, P),
        st(-1.00, (0.22, 1.01, 1.78), (0.90, 0.86, 0.67), P, P),
        st(-0.88, (0.22, 1.01, 1.78), (0.90, 0.86, 0.67), G, P),
        st(0.0, (0.22, 1.00, 1.78), (0.90, 0.86, 0.67), P, P),
        st(0.12, (0.22, 1.00, 1.78), (0.90, 0.86, 0.67), G, P),
        st(0.72, (0.22, 0.98, 1.70), (0.90, 0.86, 0.62), G, G),
        st(1.48, (0.24, 0.97, 1.07), (0.89, 0.84, 0.72), P, P),
        st(2.0, (0.26, 0.88, 0.92), (0.87, 0.80, 0.68), P, P),
        st(2.24, (0.30, 0.74, 0.78), (0.80, 0.73, 0.60), P, P),
        st(2.34, (0.38, 0.60, 0.64), (0.66, 0.60, 0.48), P, P),
    ]);
    doors(&mut m, 0.90, &[-1.0, 0.06, 1.2], (0.42, 0.95));
    dress(
        m,
        &Trim { axles: (1.44, -1.34, 0.78, 0.33), ends: (2.30, -2.30), wide: 0.89, lamps: (0.74, 1.06), mirror: (1.15, 1.05) },
    )
}

pub(super) fn van() -> Body {
    let mut m = shell(&[
        st(-2.65, (0.42, 1.15, 1.22), (0.86, 0.86, 0.80), P, G),
        st(-2.62, (0.34, 1.18, 1.36), (0.93, 0.92, 0.82), P, G),
        st(-2.52, (0.30, 1.20, 2.10), (0.95, 0.94, 0.80), P, P),
        st(-2.30, (0.28, 1.20, 2.18), (0.96, 0.95, 0.80), G, P),
        st(-1.30, (0.28, 1.20, 2.20), (0.96, 0.95, 0.80), P, P),
        st(-1.18, (0.28, 1.20, 2.20), (0.96, 0.95, 0.80), G, P),
        st(-0.05, (0.28, 1.20, 2.20), (0.96, 0.95, 0.80), P, P),
        st(0.10, (0.28, 1.20, 2.20), (0.96, 0.95, 0.80), G, P),
        st(1.20, (0.28, 1.16, 2.14), (0.96, 0.95, 0.78), P, P),
        st(1.28, (0.28, 1.16, 2.10), (0.96, 0.95, 0.77), G, G),
        st(2.10, (0.30, 1.14, 1.26), (0.94, 0.92, 0.80), P, P),
        st(2.52, (0.34, 0.92, 1.00), (0.90, 0.86, 0.72), P, P),
        st(2.65, (0.42, 0.66, 0.70), (0.78, 0.74, 0.60), P, P),
    ]);
    doors(&mut m, 0.96, &[-0.1, 0.95, 1.9], (0.45, 1.14));
    dress(
        m,
        &Trim { axles: (1.75, -1.55, 0.85, 0.34), ends: (2.61, -2.62), wide: 0.94, lamps: (0.84, 1.05), mirror: (1.75, 1.3) },
    )
}

pub(super) fn pickup() -> Body {
    let mut m = shell(&[
        st(-2.60, (0.50, 0.94, 0.98), (0.84, 0.84, 0.80), P, P),
        st(-2.50, (0.42, 1.06, 1.08), (0.91, 0.90, 0.86), P, P),
        st(-1.05, (0.36, 1.08, 1.10), (0.92, 0.90, 0.86), P, P),
        st(-0.98, (0.36, 1.08, 1.14), (0.92, 0.89, 0.66), P, G),
        st(-0.80, (0.36, 1.08, 1.70), (0.92, 0.89, 0.63), P, P),
        st(-0.68, (0.36, 1.08, 1.74), (0.92, 0.89, 0.63), G, P),
        st(0.0, (0.36, 1.08, 1.77), (0.92, 0.89, 0.65), P, P),
        st(0.12, (0.36, 1.08, 1.77), (0.92, 0.89, 0.65), G, P),
        st(0.60, (0.36, 1.06, 1.72), (0.92, 0.89, 0.62), G, G),
        st(1.25, (0.36, 1.05, 1.13), (0.92, 0.87, 0.74), P, P),
        st(2.05, (0.36, 1.00, 1.05), (0.91, 0.84, 0.72), P, P),
        st(2.45, (0.40, 0.86, 0.92), (0.88, 0.82, 0.68), P, P),
        st(2.60, (0.48, 0.70, 0.74), (0.74, 0.68, 0.56), P, P),
    ]);
    // The load bed: a dark floor let into the rear deck.
    m.quad([v3(-0.78, -2.45, 1.125), v3(0.78, -2.45, 1.125), v3(0.78, -1.1, 1.135), v3(-0.78, -1.1, 1.135)], RUBBER);
    doors(&mut m, 0.92, &[-0.75, 0.1, 1.1], (0.52, 1.0));
    dress(
        m,
        &Trim { axles: (1.62, -1.55, 0.80, 0.38), ends: (2.56, -2.56), wide: 0.91, lamps: (0.88, 0.92), mirror: (0.95, 1.14) },
    )
}
