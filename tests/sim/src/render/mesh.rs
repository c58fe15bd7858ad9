//! Triangle meshes and the shapes they are built from: boxes, lofts, capsules, ellipsoids, wheels.

use crate::geom::{Rgb, V3, v3};

/// What a surface is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mat {
    /// Body paint, its colour given when the sprite is drawn.
    Paint,
    /// Second colour given when drawn: a rider's shirt, a load.
    Cloth,
    /// A fixed colour; `gloss` 0 is chalk, 1 is chrome.
    Solid(Rgb, f32),
    /// Window glass.
    Glass,
    /// Shines by itself when lights are on: colour by day, colour by night.
    Lamp(Rgb, Rgb),
    /// A surface painted by rule in its own coordinates (façades, awnings): which rule, and its seed.
    Facade(u32),
    /// Leaves: colour, lit softly from both sides.
    Leaf(Rgb),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Vert {
    pub pos: V3,
    pub normal: V3,
    pub uv: [f32; 2],
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tri {
    pub v: [u32; 3],
    pub mat: Mat,
    /// Part of a closed body, so never seen from behind.
    pub closed: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Mesh {
    pub verts: Vec<Vert>,
    pub tris: Vec<Tri>,
}

/// One cross-section of a loft: half-profile points (x, z) from the bottom centre to the top centre, at `y`.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub y: f32,
    pub half: Vec<(f32, f32)>,
}

impl Mesh {
    /// Marks everything since triangle `from` as parts of closed bodies, wound outward.
    fn close(&mut self, from: usize) {
        for t in &mut self.tris[from..] {
            t.closed = true;
        }
    }
    fn vert(&mut self, pos: V3, normal: V3, uv: [f32; 2]) -> u32 {
        self.verts.push(Vert { pos, normal, uv });
        self.verts.len() as u32 - 1
    }
    /// A flat triangle.
    pub fn tri(&mut self, p: [V3; 3], mat: Mat) {
        let n = (p[1] - p[0]).cross(p[2] - p[0]).unit();
        let v = p.map(|q| self.vert(q, n, [0.0, 0.0]));
        self.tris.push(Tri { v, mat, closed: false });
    }
    /// A flat quadrilateral a-b-c-d with surface coordinates running 0..u along a-b and 0..v along a-d.
    pub fn quad_uv(&mut self, p: [V3; 4], uv: [f32; 2], mat: Mat) {
        let n = (p[1] - p[0]).cross(p[3] - p[0]).unit();
        let [a, b, c, d] = [
            self.vert(p[0], n, [0.0, 0.0]),
            self.vert(p[1], n, [uv[0], 0.0]),
            self.vert(p[2], n, uv),
            self.vert(p[3], n, [0.0, uv[1]]),
        ];
        self.tris.push(Tri { v: [a, b, c], mat, closed: false });
        self.tris.push(Tri { v: [a, c, d], mat, closed: false });
    }
    pub fn quad(&mut self, p: [V3; 4], mat: Mat) {
        self.quad_uv(p, [1.0, 1.0], mat);
    }
    /// A box by its centre and full sizes.
    pub fn cuboid(&mut self, c: V3, s: V3, mat: Mat) {
        let from = self.tris.len();
        let h = s * 0.5;
        let p = |x: f32, y: f32, z: f32| v3(c.x + x * h.x, c.y + y * h.y, c.z + z * h.z);
        self.quad([p(-1., -1., -1.), p(1., -1., -1.), p(1., -1., 1.), p(-1., -1., 1.)], mat);
        self.quad([p(1., 1., -1.), p(-1., 1., -1.), p(-1., 1., 1.), p(1., 1., 1.)], mat);
        self.quad([p(1., -1., -1.), p(1., 1., -1.), p(1., 1., 1.), p(1., -1., 1.)], mat);
        self.quad([p(-1., 1., -1.), p(-1., -1., -1.), p(-1., -1., 1.), p(-1., 1., 1.)], mat);
        self.quad([p(-1., -1., 1.), p(1., -1., 1.), p(1., 1., 1.), p(-1., 1., 1.)], mat);
        self.quad([p(-1., 1., -1.), p(1., 1., -1.), p(1., -1., -1.), p(-1., -1., -1.)], mat);
        self.close(from);
    }
    /// A tapered round bar from `a` to `b`, its ends closed by points.
    pub fn capsule(&mut self, a: V3, b: V3, radius: (f32, f32), sides: usize, mat: Mat) {
        let axis = (b - a).unit();
        let side = if axis.z.abs() < 0.9 { axis.cross(v3(0., 0., 1.)).unit() } else { axis.cross(v3(1., 0., 0.)).unit() };
        let other = axis.cross(side);
        let rings = [
            (a - axis * (radius.0 * 0.8), 0.25 * radius.0, -0.9),
            (a - axis * (radius.0 * 0.3), 0.85 * radius.0, -0.4),
            (a, radius.0, 0.0),
            (b, radius.1, 0.0),
            (b + axis * (radius.1 * 0.3), 0.85 * radius.1, 0.4),
            (b + axis * (radius.1 * 0.8), 0.25 * radius.1, 0.9),
        ];
        self.rings(&rings, (axis, side, other), sides, mat);
    }
    /// Rings of radius r about centres on one axis, joined; each with the axial part of its normal.
    fn rings(&mut self, rings: &[(V3, f32, f32)], (axis, side, other): (V3, V3, V3), sides: usize, mat: Mat) {
        let from = self.tris.len();
        let base = self.verts.len() as u32;
        for &(c, r, lean) in rings {
            for i in 0..sides {
                let t = std::f32::consts::TAU * i as f32 / sides as f32;
                let out = side * t.cos() + other * t.sin();
                self.vert(c + out * r, (out + axis * lean).unit(), [0.0, 0.0]);
            }
        }
        let n = sides as u32;
        for k in 0..rings.len() as u32 - 1 {
            for i in 0..n {
                let j = (i + 1) % n;
                let (a, b, c, d) = (base + k * n + i, base + k * n + j, base + (k + 1) * n + j, base + (k + 1) * n + i);
                self.tris.push(Tri { v: [a, b, c], mat, closed: false });
                self.tris.push(Tri { v: [a, c, d], mat, closed: false });
            }
        }
        self.close(from);
    }
    /// A straight round post.
    pub fn post(&mut self, a: V3, b: V3, radius: (f32, f32), sides: usize, mat: Mat) {
        let axis = (b - a).unit();
        let side = if axis.z.abs() < 0.9 { axis.cross(v3(0., 0., 1.)).unit() } else { v3(1., 0., 0.) };
        let frame = (axis, side, axis.cross(side));
        self.rings(&[(a, radius.0, 0.0), (b, radius.1, 0.0)], frame, sides, mat);
    }
    /// An ellipsoid by centre and half-sizes; `from`..`to` cuts it between two heights, -1 bottom, 1 top.
    pub fn ellipsoid(&mut self, c: V3, r: V3, (from, to): (f32, f32), mat: Mat) {
        const SIDES: u32 = 10;
        const RINGS: u32 = 6;
        let start = self.tris.len();
        let base = self.verts.len() as u32;
        for k in 0..=RINGS {
            let h = (from + (to - from) * k as f32 / RINGS as f32).clamp(-1.0, 1.0);
            let w = (1.0 - h * h).max(0.0).sqrt();
            for i in 0..SIDES {
                let t = std::f32::consts::TAU * i as f32 / SIDES as f32;
                let n = v3(w * t.cos(), w * t.sin(), h);
                let normal = v3(n.x / r.x, n.y / r.y, n.z / r.z).unit();
                self.vert(v3(c.x + n.x * r.x, c.y + n.y * r.y, c.z + n.z * r.z), normal, [0.0, 0.0]);
            }
        }
        for k in 0..RINGS {
            for i in 0..SIDES {
                let j = (i + 1) % SIDES;
                let (a, b, d, e) =
                    (base + k * SIDES + i, base + k * SIDES + j, base + (k + 1) * SIDES + j, base + (k + 1) * SIDES + i);
                self.tris.push(Tri { v: [a, b, d], mat, closed: false });
                self.tris.push(Tri { v: [a, d, e], mat, closed: false });
            }
        }
        self.close(start);
    }
    /// A wheel whose axle runs across, with tyre and rim.
    pub fn wheel(&mut self, c: V3, radius: f32, width: f32, rim: f32) {
        const SIDES: usize = 14;
        let tyre = Mat::Solid([0.085, 0.085, 0.09], 0.05);
        let metal = Mat::Solid([0.5, 0.51, 0.53], 0.5);
        let (axis, side, other) = (v3(1., 0., 0.), v3(0., 1., 0.), v3(0., 0., 1.));
        let w = axis * (width / 2.0);
        self.rings(
            &[
                (c - w, radius * 0.6, -1.0),
                (c - w, radius * 0.95, -0.5),
                (c - w * 0.7, radius, 0.0),
                (c + w * 0.7, radius, 0.0),
                (c + w, radius * 0.95, 0.5),
                (c + w, radius * 0.6, 1.0),
            ],
            (axis, side, other),
            SIDES,
            tyre,
        );
        for s in [-1.0f32, 1.0] {
            let hub = c + axis * (s * (width / 2.0 - 0.01));
            let point = |i: usize, r: f32| {
                let t = std::f32::consts::TAU * i as f32 / SIDES as f32;
                hub + side * (t.cos() * r) + other * (t.sin() * r)
            };
            for i in 0..SIDES {
                let mat = if i % 3 == 2 { tyre } else { metal };
                self.tri([hub, point(i, rim), point(i + 1, rim)], mat);
                self.quad([point(i, rim), point(i, radius * 0.62), point(i + 1, radius * 0.62), point(i + 1, rim)], tyre);
            }
        }
    }
    /// Joins sections along y, mirrored about x = 0. `mat(segment, strip)` says what each strip is made of. The ends are closed with `caps`.
    pub fn loft(&mut self, sections: &[Section], mat: impl Fn(usize, usize) -> Mat, caps: (Mat, Mat)) {
        let start = self.tris.len();
        for (i, pair) in sections.windows(2).enumerate() {
            let [a, b] = pair else { continue };
            for k in 0..a.half.len() - 1 {
                let at = |s: &Section, k: usize, m: f32| v3(s.half[k].0 * m, s.y, s.half[k].1);
                let m = mat(i, k);
                self.quad([at(a, k, 1.), at(b, k, 1.), at(b, k + 1, 1.), at(a, k + 1, 1.)], m);
                self.quad([at(b, k, -1.), at(a, k, -1.), at(a, k + 1, -1.), at(b, k + 1, -1.)], m);
            }
        }
        let ends = [(sections.first(), caps.0, -1.0f32), (sections.last(), caps.1, 1.0)];
        for (section, mat, facing) in ends {
            let Some(s) = section else { continue };
            for k in 0..s.half.len() - 1 {
                let ((x0, z0), (x1, z1)) = (s.half[k], s.half[k + 1]);
                let q = [v3(-x0, s.y, z0), v3(x0, s.y, z0), v3(x1, s.y, z1), v3(-x1, s.y, z1)];
                self.quad(if facing < 0.0 { q } else { [q[1], q[0], q[3], q[2]] }, mat);
            }
        }
        self.close(start);
    }
    /// Rounds the shading over edges flatter than `crease` radians; flat shapes joined by position become smooth bodies.
    pub fn smooth(&mut self, crease: f32) {
        use std::collections::HashMap;
        let key = |p: V3| ((p.x * 500.0).round() as i32, (p.y * 500.0).round() as i32, (p.z * 500.0).round() as i32);
        let mut at: HashMap<(i32, i32, i32), Vec<V3>> = HashMap::new();
        for v in &self.verts {
            at.entry(key(v.pos)).or_default().push(v.normal);
        }
        let limit = crease.cos();
        for v in &mut self.verts {
            let mut sum = v.normal;
            if let Some(others) = at.get(&key(v.pos)) {
                for n in others.iter().filter(|n| n.dot(v.normal) > limit) {
                    sum = sum + *n;
                }
            }
            v.normal = sum.unit();
        }
    }
    /// Takes in another mesh, moved by `by`.
    pub fn add(&mut self, other: &Mesh, by: V3) {
        let base = self.verts.len() as u32;
        self.verts.extend(other.verts.iter().map(|v| Vert { pos: v.pos + by, ..*v }));
        self.tris.extend(other.tris.iter().map(|t| Tri { v: t.v.map(|i| i + base), mat: t.mat, closed: t.closed }));
    }
    /// Sizes of the bounding box: smallest and largest corner.
    pub fn bounds(&self) -> (V3, V3) {
        let mut lo = v3(f32::MAX, f32::MAX, f32::MAX);
        let mut hi = -lo;
        for v in &self.verts {
            lo = v3(lo.x.min(v.pos.x), lo.y.min(v.pos.y), lo.z.min(v.pos.z));
            hi = v3(hi.x.max(v.pos.x), hi.y.max(v.pos.y), hi.z.max(v.pos.z));
        }
        (lo, hi)
    }
}
