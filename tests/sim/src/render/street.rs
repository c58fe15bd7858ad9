//! What stands along a street: tube houses with shop fronts, awnings and signs, trees, lamps, poles and their wires, the median. Built from a seed.

use super::mesh::{Mat, Mesh};
use super::view::View;
use crate::geom::{Dice, Rgb, V3, mix, v3};
use crate::scenario::{Median, Road};

/// How far the street is built, metres.
pub(crate) const FAR_M: f32 = 230.0;

/// A street's fixed shape.
#[derive(Debug)]
pub(crate) struct Street {
    pub road: Road,
    pub seed: u32,
    pub mesh: Mesh,
    /// Street lamps.
    pub lamps: Vec<V3>,
    /// Where a shop may burn: the middle of shop fronts near the camera, left and right.
    pub shops: Vec<V3>,
    /// Pavement width, metres.
    pub pavement_m: f32,
}

pub(crate) const WALLS: &[Rgb] = &[
    [0.72, 0.69, 0.60],
    [0.74, 0.73, 0.70],
    [0.66, 0.62, 0.52],
    [0.58, 0.63, 0.62],
    [0.70, 0.64, 0.42],
    [0.62, 0.66, 0.56],
    [0.55, 0.56, 0.57],
    [0.70, 0.60, 0.54],
    [0.52, 0.60, 0.66],
    [0.76, 0.75, 0.72],
    [0.48, 0.47, 0.45],
    [0.64, 0.58, 0.50],
];
pub(crate) const SIGNS: &[Rgb] = &[
    [0.62, 0.12, 0.12],
    [0.10, 0.24, 0.50],
    [0.10, 0.40, 0.24],
    [0.72, 0.58, 0.12],
    [0.74, 0.74, 0.72],
    [0.50, 0.14, 0.36],
    [0.12, 0.12, 0.14],
    [0.66, 0.34, 0.10],
];

impl Street {
    pub fn new(road: &Road, seed: u32, view: &View) -> Self {
        let mut d = Dice::new(seed ^ 0x57ee7);
        let pavement_m = d.range(2.4, 4.2);
        let mut s = Self { road: road.clone(), seed, mesh: Mesh::default(), lamps: Vec::new(), shops: Vec::new(), pavement_m };
        for side in [-1.0f32, 1.0] {
            s.row_of_houses(side, view, &mut d);
            s.trees(side, view, &mut d);
            s.poles(side, view, &mut d);
        }
        s.kerbs();
        s.median(&mut d);
        s.backdrop_town(view, &mut d);
        s
    }
    /// Distance from the middle of the road to its edge on a side (-1 left, 1 right).
    pub fn edge(&self, side: f32) -> f32 {
        self.road.edge_m(side)
    }

    fn row_of_houses(&mut self, side: f32, view: &View, d: &mut Dice) {
        let front = side * (self.edge(side) + self.pavement_m);
        let mut y = view.eye.y - 8.0;
        while y < FAR_M {
            let width = d.range(3.8, 6.2);
            let gap = d.chance(0.11);
            if !gap {
                self.house(front, side, y, width, view, d);
            }
            y += width + if gap { d.range(1.5, 7.0) } else { 0.06 };
        }
    }

    fn house(&mut self, front: f32, side: f32, y: f32, width: f32, view: &View, d: &mut Dice) {
        let floors = d.pick(&[1, 1, 2, 2, 2, 2, 3, 3, 3, 4]);
        let ground = d.range(3.3, 3.9);
        let height = ground + (floors - 1) as f32 * 3.2 + d.range(0.3, 1.1);
        let back = side * 14.0;
        let seed = d.bits() & 0x0fff_ffff;
        let m = &mut self.mesh;
        let (y1, x) = (y + width, front);
        let wall = Mat::Facade(seed);
        // The front, facing the road; u along the street, v upward.
        let corners = if side > 0.0 {
            [v3(x, y1, 0.), v3(x, y, 0.), v3(x, y, height), v3(x, y1, height)]
        } else {
            [v3(x, y, 0.), v3(x, y1, 0.), v3(x, y1, height), v3(x, y, height)]
        };
        m.quad_uv(corners, [width, height], wall);
        let blank = Mat::Facade(seed | 1 << 31);
        m.quad_uv([v3(x, y, 0.), v3(x + back, y, 0.), v3(x + back, y, height), v3(x, y, height)], [14.0, height], blank);
        m.quad_uv([v3(x, y1, 0.), v3(x + back, y1, 0.), v3(x + back, y1, height), v3(x, y1, height)], [14.0, height], blank);
        let tin = Mat::Solid(d.pick(&[[0.48, 0.50, 0.52], [0.40, 0.26, 0.22], [0.34, 0.42, 0.48], [0.46, 0.45, 0.42]]), 0.1);
        m.quad([v3(x, y, height), v3(x, y1, height), v3(x + back, y1, height), v3(x + back, y, height)], tin);
        let out = -side;
        let mid = (y + y1) / 2.0;
        // Balconies.
        if d.chance(0.75) {
            for f in 1..floors {
                let z = ground + (f - 1) as f32 * 3.2;
                let deep = d.range(0.5, 1.0);
                let slab = Mat::Solid([0.60, 0.59, 0.56], 0.0);
                m.cuboid(v3(x + out * deep / 2.0, mid, z), v3(deep, width * 0.96, 0.16), slab);
                let rail = if d.chance(0.5) { Mat::Solid([0.30, 0.30, 0.31], 0.2) } else { Mat::Solid([0.66, 0.65, 0.62], 0.1) };
                m.cuboid(v3(x + out * deep, mid, z + 0.95), v3(0.05, width * 0.94, 0.06), rail);
                for i in 0..9 {
                    m.cuboid(v3(x + out * deep, y + width * (0.05 + 0.9 * i as f32 / 8.0), z + 0.5), v3(0.03, 0.05, 0.9), rail);
                }
                if d.chance(0.35) {
                    // Plants or washing.
                    for k in 0..5 {
                        let at = v3(x + out * (deep - 0.2), y + width * d.range(0.1, 0.9), z + d.range(0.3, 0.9));
                        let c = if k % 2 == 0 { [0.20, 0.32, 0.14] } else { d.pick(super::models::CLOTHS) };
                        m.ellipsoid(at, v3(0.2, 0.25, 0.3), (-1., 1.), Mat::Leaf(c));
                    }
                }
            }
        }
        // Awning over the pavement.
        if d.chance(0.62) {
            let z = d.range(2.6, 3.1);
            let deep = d.range(1.0, 2.2).min(self.pavement_m - 0.5);
            let c = d.pick(&[
                [0.20, 0.40, 0.30],
                [0.22, 0.34, 0.52],
                [0.55, 0.22, 0.18],
                [0.50, 0.52, 0.54],
                [0.60, 0.52, 0.34],
                [0.44, 0.46, 0.48],
            ]);
            let stripes = if d.chance(0.5) { 7 } else { 1 };
            for i in 0..stripes {
                let (a, b) = (y + width * i as f32 / stripes as f32, y + width * (i + 1) as f32 / stripes as f32);
                let c = if i % 2 == 1 { [0.72, 0.72, 0.70] } else { c };
                m.quad(
                    [v3(x, a, z + 0.5), v3(x, b, z + 0.5), v3(x + out * deep, b, z), v3(x + out * deep, a, z)],
                    Mat::Solid(c, 0.02),
                );
                m.quad(
                    [
                        v3(x + out * deep, a, z),
                        v3(x + out * deep, b, z),
                        v3(x + out * deep, b, z - 0.22),
                        v3(x + out * deep, a, z - 0.22),
                    ],
                    Mat::Solid(c, 0.02),
                );
            }
        }
        // Sign board, and sometimes a tall one hung out over the pavement.
        if d.chance(0.8) {
            let z = ground + d.range(-0.1, 0.3);
            let tall = d.range(0.7, 1.2);
            let s = d.bits();
            let wide = width * d.range(0.75, 0.98);
            let (a, b) = (mid - wide / 2.0, mid + wide / 2.0);
            let px = x + out * d.range(0.12, 0.35);
            let q = if side > 0.0 {
                [v3(px, b, z), v3(px, a, z), v3(px, a, z + tall), v3(px, b, z + tall)]
            } else {
                [v3(px, a, z), v3(px, b, z), v3(px, b, z + tall), v3(px, a, z + tall)]
            };
            m.quad_uv(q, [wide, tall], Mat::Facade((s & 0x3fff_ffff) | 1 << 30));
            m.cuboid(
                v3((px + x) / 2.0, mid, z + tall / 2.0),
                v3((px - x).abs() - 0.02, wide, tall),
                Mat::Solid([0.30, 0.30, 0.31], 0.1),
            );
        }
        if d.chance(0.4) {
            let (w, z0) = (d.range(0.7, 1.1), ground + 0.3);
            let top = z0 + d.range(1.6, 3.0);
            let at = y + width * d.range(0.1, 0.9);
            let (near, far) = (x + out * (0.1 + w), x + out * 0.1);
            let s = (d.bits() & 0x3fff_ffff) | 1 << 30;
            // Facing the camera, so along -y.
            let (l, r) = if near < far { (near, far) } else { (far, near) };
            m.quad_uv([v3(l, at, z0), v3(r, at, z0), v3(r, at, top), v3(l, at, top)], [w, top - z0], Mat::Facade(s));
        }
        if d.chance(0.35) {
            let c = v3(x + side * d.range(2.0, 6.0), mid, height + 0.9);
            m.ellipsoid(c, v3(0.9, 0.7, 0.7), (-1., 1.), Mat::Solid([0.62, 0.64, 0.66], 0.5));
        }
        let ahead = mid - view.eye.y;
        if (14.0..70.0).contains(&ahead) {
            self.shops.push(v3(front, mid, 0.0));
        }
    }

    fn trees(&mut self, side: f32, view: &View, d: &mut Dice) {
        if d.chance(0.12) {
            return;
        }
        let x = side * (self.edge(side) + 0.9);
        let mut y = view.eye.y + d.range(10.0, 22.0);
        let spacing = d.range(11.0, 24.0);
        while y < FAR_M {
            let near = y - view.eye.y;
            if d.chance(0.78) {
                let s = d.range(0.75, 1.25);
                let leaves = if near < 30.0 {
                    3000
                } else if near < 70.0 {
                    1100
                } else {
                    260
                };
                self.tree(v3(x, y, 0.0), s, leaves, d);
            }
            y += spacing * d.range(0.7, 1.3);
        }
    }

    fn tree(&mut self, at: V3, s: f32, leaves: usize, d: &mut Dice) {
        let bark = Mat::Solid([0.30, 0.27, 0.24], 0.0);
        let fork = at + v3(d.range(-0.2, 0.2), d.range(-0.2, 0.2), 2.6 * s);
        self.mesh.post(at, fork, (0.15 * s, 0.11 * s), 8, bark);
        self.mesh.post(at, at + v3(0., 0., 0.9), (0.155 * s, 0.14 * s), 8, Mat::Solid([0.66, 0.66, 0.64], 0.0));
        let lumps: Vec<(V3, f32)> = (0..7)
            .map(|_| {
                let a = d.range(0.0, std::f32::consts::TAU);
                let r = d.range(0.2, 1.5) * s;
                (fork + v3(a.cos() * r, a.sin() * r, d.range(0.7, 2.6) * s), d.range(0.8, 1.35) * s)
            })
            .collect();
        for (c, _) in &lumps {
            self.mesh.post(fork, *c, (0.07 * s, 0.03), 5, bark);
        }
        let base = d.pick(&[[0.17, 0.29, 0.11], [0.20, 0.31, 0.13], [0.22, 0.33, 0.12], [0.15, 0.25, 0.12]]);
        let k = match leaves {
            ..500 => 2.0,
            500..2000 => 1.0,
            _ => 0.6,
        };
        for _ in 0..leaves {
            let (c, r) = lumps[d.below(lumps.len())];
            let dir = v3(d.range(-1., 1.), d.range(-1., 1.), d.range(-0.8, 1.)).unit();
            let p = c + dir * (r * d.range(0.55, 1.0));
            let a = v3(d.range(-1., 1.), d.range(-1., 1.), d.range(-0.6, 0.6)).unit() * (d.range(0.10, 0.2) * s * k);
            let b = a.cross(dir).unit() * (d.range(0.08, 0.16) * s * k);
            // Leaves low and inside stand in the shade of the rest.
            let shade = mix(0.45, 1.25, ((dir.z * 0.6 + 0.5) * d.range(0.7, 1.1)).clamp(0.0, 1.0));
            self.mesh.quad([p - a, p + b, p + a, p - b], Mat::Leaf(base.map(|v: f32| v * shade)));
            let n = self.mesh.verts.len();
            for v in &mut self.mesh.verts[n - 4..] {
                v.normal = (dir + v3(0., 0., 0.35)).unit();
            }
        }
    }

    fn poles(&mut self, side: f32, view: &View, d: &mut Dice) {
        let x = side * (self.edge(side) + 0.55);
        let concrete = Mat::Solid([0.50, 0.50, 0.48], 0.0);
        let steel = Mat::Solid([0.44, 0.46, 0.48], 0.2);
        let start = view.eye.y + d.range(14.0, 26.0) + if side > 0.0 { 0.0 } else { 14.0 };
        let wires = side > 0.0 || d.chance(0.4);
        let mut y = start - 30.0;
        let mut last: Option<V3> = None;
        while y < FAR_M {
            if wires {
                let foot = v3(x + side * 0.3, y + 7.0, 0.0);
                let top = foot + v3(0., 0., 8.4);
                self.mesh.post(foot, top, (0.16, 0.11), 8, concrete);
                self.mesh.cuboid(top - v3(0., 0., 0.6), v3(1.6, 0.1, 0.1), steel);
                self.mesh.cuboid(foot + v3(0.0, -0.2, 4.6), v3(0.4, 0.25, 0.6), Mat::Solid([0.45, 0.46, 0.45], 0.1));
                if let Some(from) = last {
                    self.wires(from, top, view, d);
                }
                last = Some(top);
            }
            // A street lamp, its arm over the road.
            let foot = v3(x, y, 0.0);
            let head = foot + v3(-side * 2.2, 0.0, 8.3);
            self.mesh.post(foot, foot + v3(0., 0., 7.6), (0.09, 0.06), 8, steel);
            self.mesh.post(foot + v3(0., 0., 7.6), head, (0.05, 0.04), 6, steel);
            self.mesh.cuboid(head, v3(0.7, 0.24, 0.12), steel);
            self.mesh.cuboid(head - v3(0., 0., 0.08), v3(0.5, 0.18, 0.05), Mat::Lamp([0.7, 0.7, 0.68], [1.0, 0.93, 0.72]));
            if y > view.eye.y + 4.0 {
                self.lamps.push(head - v3(0., 0., 0.1));
            }
            y += 30.0;
        }
    }

    fn wires(&mut self, a: V3, b: V3, view: &View, d: &mut Dice) {
        for i in 0..6 {
            let off = v3(-0.7 + 0.28 * i as f32, 0.0, -0.5 - if i > 3 { 0.9 } else { 0.0 });
            let sag = d.range(0.4, 1.1);
            let thick = if i > 3 { 0.035 } else { 0.016 };
            let at = |t: f32| a + (b - a) * t + off + v3(0., 0., -4.0 * sag * t * (1.0 - t));
            for k in 0..10 {
                let (p, q) = (at(k as f32 / 10.0), at((k + 1) as f32 / 10.0));
                // Never thinner than a third of a pixel, or it would break into dots.
                let r = f32::max(thick, 0.33 * (p - view.eye).len() / view.focal);
                if (p.y - view.eye.y) > 1.5 {
                    self.mesh.post(p, q, (r, r), 3, Mat::Solid([0.10, 0.10, 0.11], 0.0));
                }
            }
        }
    }

    fn kerbs(&mut self) {
        for side in [-1.0f32, 1.0] {
            let e = side * self.edge(side);
            let mut y = -20.0;
            let mut i = 0;
            while y < FAR_M {
                let c = 0.52 - 0.05 * ((i % 3) as f32);
                self.mesh.cuboid(
                    v3(e + side * 0.12, y + 0.99, 0.07),
                    v3(0.24, 1.97, 0.14),
                    Mat::Solid([c, c * 0.99, c * 0.96], 0.0),
                );
                y += 2.0;
                i += 1;
            }
        }
    }

    fn median(&mut self, d: &mut Dice) {
        match self.road.median {
            Median::None | Median::Line => {}
            Median::Fence => {
                let rail = Mat::Solid(d.pick(&[[0.62, 0.63, 0.64], [0.30, 0.42, 0.50], [0.66, 0.60, 0.34]]), 0.2);
                let mut y = -20.0;
                while y < FAR_M {
                    self.mesh.cuboid(v3(0.0, y, 0.16), v3(0.32, 1.98, 0.32), Mat::Solid([0.50, 0.49, 0.46], 0.0));
                    self.mesh.cuboid(v3(0.0, y, 0.62), v3(0.06, 0.06, 0.7), rail);
                    for z in [0.55, 0.9] {
                        self.mesh.cuboid(v3(0.0, y, z), v3(0.04, 2.0, 0.05), rail);
                    }
                    y += 2.0;
                }
            }
            Median::Concrete => {
                let mut y = -20.0;
                let mut i = 0;
                while y < FAR_M {
                    let c = if i % 2 == 0 { [0.60, 0.59, 0.55] } else { [0.52, 0.51, 0.48] };
                    self.mesh.cuboid(v3(0.0, y, 0.2), v3(0.44, 1.96, 0.4), Mat::Solid(c, 0.0));
                    self.mesh.cuboid(v3(0.0, y, 0.6), v3(0.22, 1.96, 0.4), Mat::Solid(c, 0.0));
                    y += 2.0;
                    i += 1;
                }
            }
        }
    }

    /// Far houses and, now and then, a flyover across the end of the street.
    fn backdrop_town(&mut self, view: &View, d: &mut Dice) {
        let y = view.eye.y;
        if d.chance(0.45) {
            let at = y + d.range(120.0, 190.0);
            let concrete = Mat::Solid([0.50, 0.50, 0.49], 0.0);
            self.mesh.cuboid(v3(0.0, at, 7.2), v3(160.0, 9.0, 1.5), concrete);
            self.mesh.cuboid(v3(0.0, at - 4.5, 8.4), v3(160.0, 0.3, 0.9), Mat::Solid([0.60, 0.60, 0.59], 0.0));
            for i in -3..=3 {
                self.mesh.cuboid(v3(i as f32 * 22.0 + 11.0, at, 3.3), v3(1.6, 2.0, 6.6), concrete);
            }
        }
        for _ in 0..60 {
            let x = d.range(-150.0, 150.0);
            let yy = y + d.range(FAR_M - y + 5.0, 420.0);
            let (w, h) = (d.range(6.0, 18.0), d.range(6.0, 22.0) * if d.chance(0.15) { 2.4 } else { 1.0 });
            let seed = (d.bits() & 0x1fff_ffff) | 1 << 29;
            self.mesh.quad_uv([v3(x, yy, 0.), v3(x + w, yy, 0.), v3(x + w, yy, h), v3(x, yy, h)], [w, h], Mat::Facade(seed));
        }
    }
}
