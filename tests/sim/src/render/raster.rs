//! A small z-buffer rasteriser: perspective-correct, one shading call per visible sample.

use super::light::Shade;
use super::mesh::{Mat, Mesh};
use super::view::View;
use crate::geom::{V3, v3};

/// A rectangle of samples of a picture, starting at sample (`x0`, `y0`).
#[derive(Debug)]
pub(crate) struct Samples {
    pub x0: i32,
    pub y0: i32,
    pub w: usize,
    pub h: usize,
    pub shade: Vec<Shade>,
    /// Depth along the optical axis; infinite where nothing was drawn.
    pub depth: Vec<f32>,
}

/// A point of a surface being shaded, in the mesh's own frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub pos: V3,
    pub normal: V3,
    pub uv: [f32; 2],
    pub mat: Mat,
    pub depth: f32,
}

/// Nothing nearer than this is drawn, metres.
const NEAR: f32 = 0.6;

impl Samples {
    pub fn new(x0: i32, y0: i32, w: usize, h: usize) -> Self {
        Self { x0, y0, w, h, shade: vec![Shade::default(); w * h], depth: vec![f32::INFINITY; w * h] }
    }
    /// Draws `mesh`, each vertex put in the world by `place`. `view` counts in samples.
    pub fn draw(&mut self, mesh: &Mesh, view: &View, place: impl Fn(V3) -> V3, shade: impl Fn(&Point) -> Shade) {
        let at: Vec<(f32, f32, f32)> = mesh
            .verts
            .iter()
            .map(|v| {
                let (x, y, z) = view.project(place(v.pos));
                (x - self.x0 as f32, y - self.y0 as f32, z)
            })
            .collect();
        // Seen in a mirror, outward windings turn inward.
        let mirrored = place(v3(0., 0., 1.)).z < place(v3(0., 0., 0.)).z;
        for t in &mesh.tris {
            let p = t.v.map(|i| at[i as usize]);
            let v = t.v.map(|i| &mesh.verts[i as usize]);
            let (w, h) = (self.w, self.h);
            if t.closed && turned(p) != mirrored {
                continue;
            }
            scan(p, w, h, |i, b, z| {
                if z >= self.depth[i] {
                    return;
                }
                let blend =
                    |f: fn(V3) -> f32, k: fn(&super::mesh::Vert) -> V3| f(k(v[0])) * b[0] + f(k(v[1])) * b[1] + f(k(v[2])) * b[2];
                let vec = |k: fn(&super::mesh::Vert) -> V3| v3(blend(|q| q.x, k), blend(|q| q.y, k), blend(|q| q.z, k));
                let uv = [0, 1].map(|c| v[0].uv[c] * b[0] + v[1].uv[c] * b[1] + v[2].uv[c] * b[2]);
                let point = Point { pos: vec(|q| q.pos), normal: vec(|q| q.normal).unit(), uv, mat: t.mat, depth: z };
                self.depth[i] = z;
                self.shade[i] = shade(&point);
            });
        }
    }
}

/// Marks the samples a mesh covers when flattened by `place`: a shadow.
pub(crate) fn cover(
    mask: &mut [f32],
    (x0, y0, w, h): (i32, i32, usize, usize),
    mesh: &Mesh,
    project: impl Fn(V3) -> (f32, f32, f32),
) {
    let at: Vec<(f32, f32, f32)> = mesh
        .verts
        .iter()
        .map(|v| {
            let (x, y, z) = project(v.pos);
            (x - x0 as f32, y - y0 as f32, z)
        })
        .collect();
    for t in &mesh.tris {
        scan(t.v.map(|i| at[i as usize]), w, h, |i, _, _| mask[i] = 1.0);
    }
}

/// Whether a triangle shows its back: clockwise seen with y upward.
fn turned(p: [(f32, f32, f32); 3]) -> bool {
    let [a, b, c] = p;
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) > 0.0
}

/// Calls `hit(index, perspective-correct weights, depth)` for each sample whose centre lies in the triangle.
fn scan(p: [(f32, f32, f32); 3], w: usize, h: usize, mut hit: impl FnMut(usize, [f32; 3], f32)) {
    if p.iter().any(|q| q.2 < NEAR || !q.0.is_finite() || !q.1.is_finite()) {
        return;
    }
    let [a, b, c] = p;
    let area = (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
    if area.abs() < 1e-6 {
        return;
    }
    let min = |f: fn(&(f32, f32, f32)) -> f32| p.iter().map(f).fold(f32::MAX, f32::min);
    let max = |f: fn(&(f32, f32, f32)) -> f32| p.iter().map(f).fold(f32::MIN, f32::max);
    let (x_lo, x_hi) = ((min(|q| q.0) - 0.5).ceil().max(0.0), (max(|q| q.0) - 0.5).floor().min(w as f32 - 1.0));
    let (y_lo, y_hi) = ((min(|q| q.1) - 0.5).ceil().max(0.0), (max(|q| q.1) - 0.5).floor().min(h as f32 - 1.0));
    if x_hi < x_lo || y_hi < y_lo {
        return;
    }
    let inv = 1.0 / area;
    let (iz0, iz1, iz2) = (1.0 / a.2, 1.0 / b.2, 1.0 / c.2);
    for y in y_lo as usize..=y_hi as usize {
        let py = y as f32 + 0.5;
        for x in x_lo as usize..=x_hi as usize {
            let px = x as f32 + 0.5;
            let w0 = ((b.0 - px) * (c.1 - py) - (b.1 - py) * (c.0 - px)) * inv;
            let w1 = ((c.0 - px) * (a.1 - py) - (c.1 - py) * (a.0 - px)) * inv;
            let w2 = 1.0 - w0 - w1;
            if w0 < 0.0 || w1 < 0.0 || w2 < 0.0 {
                continue;
            }
            let (k0, k1, k2) = (w0 * iz0, w1 * iz1, w2 * iz2);
            let z = 1.0 / (k0 + k1 + k2);
            hit(y * w + x, [k0 * z, k1 * z, k2 * z], z);
        }
    }
}
