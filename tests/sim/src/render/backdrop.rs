//! The street without anything that moves, rendered once: its picture, its depth, and what a sheet of water over it would mirror.

use super::facade;
use super::light::{Light, Shade};
use super::mesh::Mat;
use super::raster::{Point, Samples, cover};
use super::street::{FAR_M, Street};
use super::view::View;
use crate::geom::{Rgb, V3, add3, fbm, mix, mix3, mul3, scale3, smooth, v3};

/// Samples a pixel edge.
const FINE: usize = 2;
/// Metres a texel of the sun's shadow map.
const TEXEL_M: f32 = 0.16;
const SHADE_HALF_M: f32 = 26.0;

#[derive(Debug)]
pub(crate) struct Backdrop {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<[u8; 3]>,
    /// Depth along the optical axis in centimetres; the sky is 65535.
    pub depth: Vec<u16>,
    /// What a level mirror on the ground shows, where there is ground.
    pub mirror: Vec<[u8; 3]>,
}

struct Sunlit {
    mask: Vec<f32>,
    w: usize,
    h: usize,
    y0: f32,
}

impl Sunlit {
    fn new(street: &Street, light: &Light, y0: f32) -> Option<Self> {
        if light.sun_rgb[0] < 0.1 {
            return None;
        }
        let w = (SHADE_HALF_M * 2.0 / TEXEL_M) as usize;
        let h = ((FAR_M - y0) / TEXEL_M) as usize;
        let mut mask = vec![0.0; w * h];
        let l = light.sun;
        cover(&mut mask, (0, 0, w, h), &street.mesh, |p| {
            let q = p - l * (p.z / l.z);
            ((q.x + SHADE_HALF_M) / TEXEL_M, (q.y - y0) / TEXEL_M, 1.0)
        });
        Some(Self { mask, w, h, y0 })
    }
    /// 1 in the sun, 0 in the shade; soft over half a metre.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (u, v) = ((x + SHADE_HALF_M) / TEXEL_M, (y - self.y0) / TEXEL_M);
        let mut sum = 0.0;
        for (du, dv) in [(-0.8, -0.8), (0.8, -0.8), (0.0, 0.0), (-0.8, 0.8), (0.8, 0.8)] {
            let (i, j) = ((u + du) as i64, (v + dv) as i64);
            if i >= 0 && j >= 0 && (i as usize) < self.w && (j as usize) < self.h {
                sum += self.mask[j as usize * self.w + i as usize];
            }
        }
        1.0 - sum / 5.0
    }
}

/// Light of the street lamps on a point, 1 right under one.
pub(crate) fn lamplight(lamps: &[V3], p: V3) -> f32 {
    let mut sum = 0.0;
    for l in lamps {
        let d = *l - p;
        if d.y.abs() > 40.0 {
            continue;
        }
        let r2 = d.dot(d).max(1.0);
        sum += (70.0 / r2).powf(1.25) * (d.z / r2.sqrt()).max(0.0);
    }
    sum.min(1.6)
}

fn wall_shade(street: &Street, light: &Light, p: &Point, eye: V3, sunlit: f32, pos: V3) -> Shade {
    let n = if p.normal.dot(eye) < 0.0 { -p.normal } else { p.normal };
    let lamp = if light.night > 0.0 { lamplight(&street.lamps, v3(pos.x * 0.7, pos.y, pos.z.min(5.0))) } else { 0.0 };
    let base = mix(0.72, 1.0, smooth(0.0, 2.2, pos.z));
    match p.mat {
        Mat::Facade(id) => {
            let w = facade::wall(id, p.uv[0], p.uv[1], light);
            let lit = scale3(light.diffuse(n, sunlit, lamp * 0.55), base);
            let r = n * (2.0 * n.dot(eye)) - eye;
            let f = 0.06 + 0.5 * (1.0 - n.dot(eye).clamp(0.0, 1.0)).powi(4);
            let shine = scale3(light.mirror(r), f * w.glass);
            Shade { rgb: add3(add3(mul3(w.albedo, lit), shine), w.glow), ..Shade::default() }
        }
        Mat::Leaf(c) => {
            let lit = add3(light.diffuse(n, 0.8 * sunlit, 0.4 * lamp), scale3(light.sun_rgb, 0.12));
            Shade { rgb: mul3(c, scale3(lit, 1.15)), ..Shade::default() }
        }
        mat => {
            let mut s = light.surface(mat, pos + v3(0., 0., 0.35), p.normal, eye, 1.0);
            if light.night > 0.0
                && let Mat::Solid(c, _) = mat
            {
                s.rgb = add3(scale3(s.rgb, 0.6), mul3(c, scale3(light.lamp_rgb, lamp * 0.5)));
            }
            s
        }
    }
}

impl Backdrop {
    pub fn render(street: &Street, view: &View, light: &Light) -> Self {
        let (w, h) = (view.width, view.height);
        let sun = Sunlit::new(street, light, view.eye.y - 10.0);
        let fine = view.scaled(FINE);
        let mut front = Samples::new(0, 0, w * FINE, h * FINE);
        let shade = |p: &Point, mirrored: bool| {
            let seen_from = if mirrored { v3(view.eye.x, view.eye.y, -view.eye.z) } else { view.eye };
            let eye = (seen_from - p.pos).unit();
            let mut s = wall_shade(street, light, p, eye, 1.0, p.pos);
            s.rgb = light.through_air(s.rgb, p.depth);
            s
        };
        front.draw(&street.mesh, &fine, |p| p, |p| shade(p, false));
        let mirror = mirror(street, view, light, |p| shade(p, true));
        let slick = smear(&mirror, w, h, view);
        let mut rgb = vec![[0u8; 3]; w * h];
        let mut depth = vec![u16::MAX; w * h];
        for y in 0..h {
            for x in 0..w {
                let mut sum = [0.0f32; 3];
                let mut z = 0.0f32;
                for k in 0..FINE * FINE {
                    let (sx, sy) = (x * FINE + k % FINE, y * FINE + k / FINE);
                    let i = sy * w * FINE + sx;
                    let ray = fine.ray(sx as f32 + 0.5, sy as f32 + 0.5);
                    let ground = if ray.z < -1e-4 { -view.eye.z / ray.z } else { f32::INFINITY };
                    let c = if front.depth[i] <= ground + 0.02 && front.depth[i].is_finite() {
                        z += front.depth[i];
                        front.shade[i].rgb
                    } else if ground < 900.0 {
                        z += ground;
                        let p = view.eye + ray * ground;
                        let lit = sun.as_ref().map_or(1.0, |s| s.at(p.x, p.y));
                        light.through_air(ground_colour(street, light, p, lit, slick[y * w + x], -ray.unit().z), ground)
                    } else {
                        z += 900.0;
                        sky(light, ray.unit(), street.seed)
                    };
                    sum = add3(sum, c.map(|v: f32| v.min(1.0)));
                }
                let n = (FINE * FINE) as f32;
                rgb[y * w + x] = sum.map(|v| (v / n * 255.0).round().clamp(0.0, 255.0) as u8);
                depth[y * w + x] = (z / n * 100.0).min(65535.0) as u16;
            }
        }
        Self {
            width: w,
            height: h,
            rgb,
            depth,
            mirror: mirror.into_iter().map(|c| c.map(|v| (v * 255.0).clamp(0.0, 255.0) as u8)).collect(),
        }
    }
}

fn sky(light: &Light, d: V3, seed: u32) -> Rgb {
    let base = light.sky(d);
    let k = 1.0 / (d.z.max(0.0) + 0.12);
    let cloud = smooth(0.42, 0.72, fbm(d.x * k * 1.3, d.y * k * 0.6, 4, seed ^ 0xc10d));
    let lit = mix3(light.horizon, add3(light.sky_rgb, light.sun_rgb), 0.4);
    mix3(base, lit.map(|v: f32| v.min(0.97)), cloud * 0.5)
}

fn ground_colour(street: &Street, light: &Light, p: V3, sunlit: f32, slick: Rgb, steep: f32) -> Rgb {
    let g = street.ground(p.x, p.y);
    let lamp = if light.night > 0.0 { lamplight(&street.lamps, p) } else { 0.0 };
    // Houses take part of the sky from the ground at their feet.
    let wall = street.edge(p.x.signum()) + street.pavement_m - p.x.abs();
    let open = mix(0.62, 1.0, smooth(-0.2, 3.0, wall))
        * mix(0.75, 1.0, smooth(-0.4, 0.35, (p.x.abs() - street.edge(p.x.signum())).abs() - 0.1));
    let lit = scale3(light.diffuse(v3(0., 0., 1.), sunlit, lamp), open);
    let dry = mul3(g.albedo, lit);
    if light.wet <= 0.0 {
        return dry;
    }
    let pool = smooth(0.56, 0.70, g.hollow) * light.wet;
    let fresnel = 0.04 + 0.9 * (1.0 - steep.clamp(0.0, 1.0)).powi(4);
    let shine = (fresnel * mix(0.55, 1.15, pool) * light.wet).min(0.8);
    mix3(scale3(dry, mix(1.0, 0.68, light.wet)), slick, shine)
}

/// What a level mirror at the ground would show, a pixel each.
fn mirror(street: &Street, view: &View, light: &Light, shade: impl Fn(&Point) -> Shade) -> Vec<Rgb> {
    let (w, h) = (view.width, view.height);
    let mut s = Samples::new(0, 0, w, h);
    s.draw(&street.mesh, view, |p| v3(p.x, p.y, -p.z), shade);
    (0..w * h)
        .map(|i| {
            if s.depth[i].is_finite() {
                s.shade[i].rgb
            } else {
                let r = view.ray((i % w) as f32 + 0.5, (i / w) as f32 + 0.5).unit();
                sky(light, v3(r.x, r.y, r.z.abs()), street.seed)
            }
        })
        .collect()
}

/// A wet road mirrors through its roughness: drawn out toward the viewer, the more the nearer.
fn smear(mirror: &[Rgb], w: usize, h: usize, view: &View) -> Vec<Rgb> {
    let horizon = view.horizon().max(0.0);
    let mut out = vec![[0.0; 3]; w * h];
    for x in 0..w {
        for y in 0..h {
            let reach = ((y as f32 - horizon) * 0.16).max(1.0) as usize;
            let (mut sum, mut n) = ([0.0; 3], 0.0);
            let step = (reach / 8).max(1);
            for yy in (y.saturating_sub(reach)..(y + reach).min(h - 1) + 1).step_by(step) {
                sum = add3(sum, mirror[yy * w + x]);
                n += 1.0;
            }
            out[y * w + x] = scale3(sum, 1.0 / n);
        }
    }
    out
}
