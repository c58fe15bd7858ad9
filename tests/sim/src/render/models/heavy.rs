//! Trucks and buses.

use super::{DARK, HEADLAMP, INDICATOR, METAL, PLATE, TAILLAMP};
use crate::geom::{Rgb, V3, v3};
use crate::render::mesh::{Mat, Mesh, Section};

type Body = (Mesh, Vec<V3>, Vec<V3>);

pub(super) enum Load {
    Box(Rgb),
    Canvas(Rgb),
    Tipper,
    Container(Rgb),
}

/// A truck: overall length, width, cab height, cab length, load from `bed` to `top`.
pub(super) struct Truck {
    length: f32,
    width: f32,
    cab: (f32, f32),
    bed: f32,
    top: f32,
    wheel: f32,
    /// Axles from the front, as offsets from the nose.
    axles: &'static [f32],
    load: Load,
}

pub(super) const LIGHT_BOX: Truck = Truck {
    length: 6.4,
    width: 2.05,
    cab: (2.2, 1.65),
    bed: 0.85,
    top: 2.95,
    wheel: 0.40,
    axles: &[1.05, 4.6],
    load: Load::Box([0.80, 0.81, 0.80]),
};
pub(super) const CANVAS: Truck = Truck {
    length: 5.6,
    width: 1.9,
    cab: (2.05, 1.55),
    bed: 0.8,
    top: 2.6,
    wheel: 0.36,
    axles: &[1.0, 4.1],
    load: Load::Canvas([0.20, 0.30, 0.24]),
};
pub(super) const TIPPER: Truck = Truck {
    length: 7.2,
    width: 2.4,
    cab: (2.85, 1.9),
    bed: 1.05,
    top: 2.3,
    wheel: 0.5,
    axles: &[1.3, 4.6, 5.8],
    load: Load::Tipper,
};
pub(super) const CONTAINER: Truck = Truck {
    length: 11.5,
    width: 2.48,
    cab: (3.2, 2.2),
    bed: 1.3,
    top: 3.9,
    wheel: 0.5,
    axles: &[1.3, 3.7, 8.6, 9.8],
    load: Load::Container([0.20, 0.30, 0.42]),
};

fn cab(m: &mut Mesh, t: &Truck) {
    let nose = t.length / 2.0;
    let (h, l) = t.cab;
    let w = t.width / 2.0 - 0.03;
    let under = t.wheel * 0.9;
    let belt = under + (h - under) * 0.52;
    let part = |y: f32, top: f32, wt: f32, wb: f32| Section {
        y,
        half: vec![(0.0, under), (wb, under), (wb, belt), (wt, top - 0.08), (wt * 0.85, top), (0.0, top + 0.02)],
    };
    let sections = [
        part(nose - l, h, w * 0.9, w),
        part(nose - l * 0.62, h, w * 0.92, w),
        part(nose - l * 0.16, h - 0.03, w * 0.90, w),
        part(nose - 0.04, belt + 0.12, w * 0.94, w * 0.98),
        part(nose, belt, w * 0.90, w * 0.94),
    ];
    let mut shell = Mesh::default();
    shell.loft(
        &sections,
        |i, k| match (i, k) {
            (_, 0) => DARK,
            (1, 2) | (2, 2..) => Mat::Glass,
            _ => Mat::Paint,
        },
        (Mat::Paint, Mat::Paint),
    );
    shell.smooth(0.5);
    m.add(&shell, v3(0., 0., 0.));
    // Pillars beside the windscreen, wipers' dark band, grille, bumper, lamps, mirrors.
    m.cuboid(v3(0.0, nose + 0.01, under + 0.42), v3(w * 1.3, 0.05, 0.26), DARK);
    m.cuboid(v3(0.0, nose + 0.03, under + 0.1), v3(w * 2.0, 0.16, 0.24), Mat::Solid([0.36, 0.37, 0.38], 0.2));
    m.cuboid(v3(0.0, nose + 0.125, under + 0.12), v3(0.46, 0.02, 0.14), PLATE);
    for s in [-1.0f32, 1.0] {
        m.cuboid(v3(s * (w - 0.2), nose, under + 0.36), v3(0.32, 0.08, 0.2), HEADLAMP);
        m.cuboid(v3(s * (w - 0.02), nose - 0.03, under + 0.36), v3(0.08, 0.1, 0.16), INDICATOR);
        m.cuboid(v3(s * (w + 0.2), nose - 0.1, belt + 0.35), v3(0.16, 0.06, 0.42), DARK);
        m.cuboid(v3(s * (w + 0.1), nose - 0.1, belt + 0.5), v3(0.24, 0.04, 0.04), DARK);
    }
}

pub(super) fn truck(t: &Truck) -> Body {
    let mut m = Mesh::default();
    let nose = t.length / 2.0;
    let tail = -t.length / 2.0;
    let half = t.width / 2.0;
    cab(&mut m, t);
    let front = nose - t.cab.1 - 0.12;
    // Chassis, mudguards, rear bar.
    m.cuboid(v3(0.0, (front + tail) / 2.0, t.bed - 0.16), v3(t.width * 0.5, front - tail, 0.24), DARK);
    m.cuboid(v3(0.0, tail + 0.06, t.bed - 0.36), v3(t.width * 0.9, 0.1, 0.14), METAL);
    let (mid, len) = ((front + tail) / 2.0, front - tail);
    let body = |z0: f32, z1: f32| (v3(0.0, mid, (z0 + z1) / 2.0), v3(t.width, len, z1 - z0));
    match t.load {
        Load::Box(c) => {
            let (at, size) = body(t.bed, t.top);
            m.cuboid(at, size, Mat::Solid(c, 0.15));
            for s in [-1.0f32, 1.0] {
                // A painted band along the side, and the door bars behind.
                m.cuboid(v3(s * (half + 0.004), mid, t.bed + 1.0), v3(0.01, len * 0.8, 0.5), Mat::Paint);
                m.cuboid(v3(s * 0.3, tail - 0.02, (t.bed + t.top) / 2.0), v3(0.05, 0.05, t.top - t.bed), METAL);
            }
            m.cuboid(v3(0.0, tail - 0.01, (t.bed + t.top) / 2.0), v3(0.03, 0.03, t.top - t.bed), DARK);
            m.cuboid(v3(0.0, mid, t.bed + 0.03), v3(t.width + 0.03, len + 0.02, 0.1), METAL);
        }
        Load::Canvas(c) => {
            let side = t.bed + 0.55;
            let (at, size) = body(t.bed, side);
            m.cuboid(at, size, Mat::Paint);
            let arch = |y: f32| Section {
                y,
                half: vec![
                    (0.0, side),
                    (half * 0.98, side),
                    (half * 0.98, t.top - 0.35),
                    (half * 0.7, t.top - 0.08),
                    (0.0, t.top),
                ],
            };
            let ribs: Vec<Section> = (0..=6).map(|i| arch(tail + 0.03 + (len - 0.06) * i as f32 / 6.0)).collect();
            let mut canvas = Mesh::default();
            canvas.loft(
                &ribs,
                |i, _| Mat::Solid(if i % 2 == 0 { c } else { [c[0] * 0.86, c[1] * 0.86, c[2] * 0.86] }, 0.05),
                (Mat::Solid([0.06, 0.06, 0.07], 0.0), Mat::Solid(c, 0.05)),
            );
            canvas.smooth(0.6);
            m.add(&canvas, v3(0., 0., 0.));
        }
        Load::Tipper => {
            let (at, size) = body(t.bed, t.top);
            m.cuboid(at, size, Mat::Paint);
            m.quad(
                [
                    v3(-half + 0.1, tail + 0.1, t.top + 0.01),
                    v3(half - 0.1, tail + 0.1, t.top + 0.01),
                    v3(half - 0.1, front - 0.1, t.top + 0.01),
                    v3(-half + 0.1, front - 0.1, t.top + 0.01),
                ],
                Mat::Solid([0.34, 0.29, 0.23], 0.0),
            );
            for i in 0..6 {
                let y = tail + len * (i as f32 + 0.5) / 6.0;
                m.cuboid(v3(0.0, y, (t.bed + t.top) / 2.0), v3(t.width + 0.1, 0.1, t.top - t.bed), Mat::Paint);
            }
        }
        Load::Container(c) => {
            let (at, size) = body(t.bed, t.top);
            m.cuboid(at, size, Mat::Solid(c, 0.15));
            let ribs = 28;
            for i in 0..ribs {
                let y = tail + len * (i as f32 + 0.5) / ribs as f32;
                m.cuboid(
                    v3(0.0, y, (t.bed + t.top) / 2.0),
                    v3(t.width + 0.06, len / ribs as f32 * 0.45, t.top - t.bed - 0.2),
                    Mat::Solid([c[0] * 0.9, c[1] * 0.9, c[2] * 0.9], 0.1),
                );
            }
            for x in [-0.8f32, -0.3, 0.3, 0.8] {
                m.cuboid(v3(x, tail - 0.03, (t.bed + t.top) / 2.0), v3(0.05, 0.05, t.top - t.bed - 0.2), METAL);
            }
        }
    }
    for &a in t.axles {
        for s in [-1.0f32, 1.0] {
            let rear = a > t.cab.1;
            let width = if rear { 0.42 } else { 0.24 };
            m.wheel(v3(s * (half - width / 2.0 - 0.03), nose - a, t.wheel), t.wheel, width, t.wheel * 0.52);
        }
    }
    let mut lamps = Vec::new();
    for s in [-1.0f32, 1.0] {
        let p = v3(s * (half - 0.28), tail - 0.03, t.bed - 0.18);
        m.cuboid(p, v3(0.4, 0.08, 0.16), TAILLAMP);
        lamps.push(p);
    }
    m.cuboid(v3(0.0, tail - 0.03, t.bed - 0.2), v3(0.42, 0.04, 0.16), PLATE);
    let z = t.wheel * 0.9 + 0.36;
    let head = vec![v3(-half + 0.24, nose + 0.05, z), v3(half - 0.24, nose + 0.05, z)];
    (m, head, lamps)
}

pub(super) fn bus(length: f32, height: f32) -> Body {
    let mut m = Mesh::default();
    let half = if height > 3.0 { 1.24 } else { 1.1 };
    let (nose, tail) = (length / 2.0, -length / 2.0);
    let under = 0.34;
    let sill = height * 0.42;
    let lintel = height * 0.80;
    let part = |y: f32, k: f32, top: f32| Section {
        y,
        half: vec![
            (0.0, under),
            (half * k, under),
            (half * k, sill * 0.62),
            (half * k, sill),
            (half * 0.985 * k, lintel),
            (half * 0.93 * k, top - 0.12),
            (half * 0.75 * k, top),
            (0.0, top + 0.02),
        ],
    };
    let mut sections = vec![part(tail, 0.94, height - 0.12), part(tail + 0.14, 1.0, height)];
    let bays = ((length - 1.6) / 1.35).round() as usize;
    for i in 0..bays {
        let y0 = tail + 0.5 + (length - 1.5) * i as f32 / bays as f32;
        let y1 = tail + 0.5 + (length - 1.5) * (i as f32 + 0.9) / bays as f32;
        sections.push(part(y0, 1.0, height));
        sections.push(part(y1, 1.0, height));
    }
    sections.push(part(nose - 0.42, 1.0, height));
    sections.push(part(nose - 0.1, 0.97, height - 0.06));
    sections.push(part(nose, 0.93, height - 0.2));
    let last = sections.len() - 2;
    let white = Mat::Solid([0.80, 0.81, 0.80], 0.35);
    let mut shell = Mesh::default();
    shell.loft(
        &sections,
        |i, k| match k {
            0 => DARK,
            1 => Mat::Paint,
            2 => white,
            3 if i >= 2 && i < last && i % 2 == 0 => Mat::Glass,
            3 => DARK,
            4 => Mat::Paint,
            _ => white,
        },
        (white, white),
    );
    shell.smooth(0.45);
    m.add(&shell, v3(0., 0., 0.));
    // Windscreen, destination board, rear window, engine grille, door.
    let pane = |m: &mut Mesh, y: f32, w: f32, z0: f32, z1: f32, mat: Mat| {
        m.quad([v3(-w, y, z0), v3(w, y, z0), v3(w, y, z1), v3(-w, y, z1)], mat);
    };
    pane(&mut m, nose + 0.012, half * 0.86, sill * 0.82, lintel, Mat::Glass);
    pane(&mut m, nose + 0.012, half * 0.7, lintel + 0.04, lintel + 0.3, Mat::Lamp([0.12, 0.10, 0.06], [0.9, 0.55, 0.12]));
    pane(&mut m, nose + 0.012, half * 0.9, under + 0.25, sill * 0.66, Mat::Paint);
    pane(&mut m, tail - 0.012, half * 0.78, sill * 1.05, lintel, Mat::Glass);
    pane(&mut m, tail - 0.012, half * 0.7, under + 0.35, sill * 0.75, DARK);
    m.cuboid(v3(0.0, nose + 0.02, under + 0.1), v3(half * 1.86, 0.12, 0.26), Mat::Solid([0.28, 0.29, 0.30], 0.2));
    m.cuboid(v3(0.0, tail - 0.02, under + 0.1), v3(half * 1.86, 0.12, 0.26), Mat::Solid([0.28, 0.29, 0.30], 0.2));
    m.quad(
        [
            v3(half + 0.012, nose - 1.6, under + 0.1),
            v3(half + 0.012, nose - 0.65, under + 0.1),
            v3(half + 0.012, nose - 0.65, lintel),
            v3(half + 0.012, nose - 1.6, lintel),
        ],
        Mat::Glass,
    );
    for s in [-1.0f32, 1.0] {
        m.cuboid(v3(s * (half + 0.2), nose + 0.1, lintel - 0.2), v3(0.14, 0.1, 0.4), DARK);
    }
    m.cuboid(v3(0.0, tail + length * 0.35, height + 0.1), v3(half * 1.2, 1.9, 0.22), Mat::Solid([0.62, 0.63, 0.63], 0.1));
    let radius = if height > 3.0 { 0.48 } else { 0.42 };
    for y in [nose - 2.3 * length / 10.5, tail + 2.6 * length / 10.5] {
        for s in [-1.0f32, 1.0] {
            m.wheel(v3(s * (half - 0.13), y, radius), radius, 0.3, radius * 0.55);
        }
    }
    let (mut head, mut lamps) = (Vec::new(), Vec::new());
    for s in [-1.0f32, 1.0] {
        let h = v3(s * (half - 0.32), nose + 0.03, under + 0.42);
        m.cuboid(h, v3(0.42, 0.08, 0.2), HEADLAMP);
        head.push(h);
        let t = v3(s * (half - 0.2), tail - 0.03, under + 0.75);
        m.cuboid(t, v3(0.2, 0.08, 0.5), TAILLAMP);
        lamps.push(t);
    }
    m.cuboid(v3(0.0, tail - 0.04, under + 0.42), v3(0.46, 0.02, 0.15), PLATE);
    m.cuboid(v3(0.0, nose + 0.09, under + 0.2), v3(0.46, 0.02, 0.15), PLATE);
    (m, head, lamps)
}
