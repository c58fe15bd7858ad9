//! Flame and smoke: a flame is turbulence thresholded by its outline and coloured by heat; smoke is a plume of soft puffs, each a function of its own age, so that any
//! instant can be drawn without the instants before it.

use super::canvas::Canvas;
use super::light::Light;
use super::view::View;
use crate::geom::{V3, add3, fbm, mix, mix3, noise, rnd, scale3, smooth, v3};
use crate::truth::Bounds;

/// Edge of a puff's texture.
const PUFF: usize = 48;
/// Puffs a second, and how long one lives.
const RATE: f64 = 4.5;
const LIFE_S: f64 = 16.0;

/// A burning place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blaze {
    /// Foot of the flames.
    pub at: V3,
    /// Height of the flames now, metres; 0 where only smoke comes out.
    pub flame_m: f32,
    pub width_m: f32,
    /// Strength of the smoke, 0..1, and seconds since it began.
    pub smoke: f32,
    pub since_s: f64,
    /// Seconds since no more smoke is made; 0 while it is.
    pub ended_s: f64,
    pub seed: u32,
}

#[derive(Debug)]
pub(crate) struct Puffs {
    /// Opacity and brightness of each texture.
    tex: Vec<[(u8, u8); PUFF * PUFF]>,
    wind: V3,
}

impl Puffs {
    pub fn new(seed: u32) -> Self {
        let tex = (0..5u32)
            .map(|k| {
                let mut t = [(0, 0); PUFF * PUFF];
                for (i, p) in t.iter_mut().enumerate() {
                    let (x, y) = ((i % PUFF) as f32 / PUFF as f32 * 2.0 - 1.0, (i / PUFF) as f32 / PUFF as f32 * 2.0 - 1.0);
                    let s = seed ^ (k * 7717);
                    let rag = fbm(x * 2.2 + 9.0, y * 2.2, 4, s);
                    let r = (x * x + y * y).sqrt() + (rag - 0.5) * 0.9;
                    let a = smooth(0.85, 0.35, r) * smooth(1.0, 0.8, (x * x + y * y).sqrt());
                    let lit = 0.5 - 0.35 * y + 0.9 * (fbm(x * 2.6, y * 2.6 + 5.0, 4, s ^ 99) - 0.5);
                    *p = ((a * 255.0) as u8, (lit.clamp(0.0, 1.0) * 255.0) as u8);
                }
                t
            })
            .collect();
        // Along the street, since houses stand on both sides; which way is chance.
        let along = if rnd(seed ^ 0x5111) < 0.5 { 0.55 } else { -0.35 };
        Self { tex, wind: v3(0.0, along, 0.0) }
    }

    /// Draws the plume; returns the box of what can be seen of it.
    pub fn plume(&self, canvas: &mut Canvas, view: &View, light: &Light, b: &Blaze) -> Option<Bounds> {
        let newest = ((b.since_s - b.ended_s) * RATE) as i64;
        let oldest = (((b.since_s - LIFE_S) * RATE) as i64).max(0);
        let mut seen: Option<Bounds> = None;
        let size = (b.width_m.max(1.0) * 0.45).clamp(0.5, 2.2);
        // Oldest first: they are highest and farthest.
        for k in oldest..=newest {
            let age = (b.since_s - k as f64 / RATE) as f32;
            if age <= 0.0 || age >= LIFE_S as f32 {
                continue;
            }
            let s = b.seed ^ (k as u32).wrapping_mul(2_654_435);
            let young = smooth(0.0, 0.9, age);
            let old = age / LIFE_S as f32;
            let sway = |o: u32| (noise(age * 0.35 + rnd(s ^ o) * 9.0, 0.3, b.seed ^ o) - 0.5) * age * 0.5;
            let rise = 0.9 * b.flame_m * 0.6 + 1.55 * age * (1.0 - 0.25 * old) + 0.4;
            let at = b.at
                + v3((rnd(s ^ 1) - 0.5) * b.width_m * 0.7, (rnd(s ^ 2) - 0.5) * b.width_m * 0.4, rise)
                + self.wind * (age * 0.75)
                - v3(b.at.x.signum() * (0.4 + 0.3 * age).min(3.6), 0.0, 0.0)
                + v3(sway(3), sway(4), 0.0);
            let r = size * (0.6 + 0.42 * age.powf(0.85)) * (0.8 + 0.4 * rnd(s ^ 5));
            let strength = (b.since_s as f32 / 6.0).clamp(0.25, 1.0) * b.smoke;
            let alpha = 0.88 * strength * young * (1.0 - old).powf(0.9);
            if let Some(bounds) = self.puff(canvas, view, light, at, r, (alpha, old, s))
                && alpha > 0.07
            {
                seen = Some(seen.map_or(bounds, |o: Bounds| {
                    [o[0].min(bounds[0]), o[1].min(bounds[1]), o[2].max(bounds[2]), o[3].max(bounds[3])]
                }));
            }
        }
        seen
    }

    fn puff(
        &self,
        canvas: &mut Canvas,
        view: &View,
        light: &Light,
        at: V3,
        r: f32,
        (alpha, old, s): (f32, f32, u32),
    ) -> Option<Bounds> {
        let (u, v, z) = view.project(at);
        if z < 2.0 {
            return None;
        }
        let rp = (r * view.focal / z).min(260.0);
        let (w, h) = (view.width as f32, view.height as f32);
        let (x0, y0, x1, y1) = ((u - rp).max(0.0), (v - rp).max(0.0), (u + rp).min(w), (v + rp).min(h));
        if x1 - x0 < 1.0 || y1 - y0 < 1.0 {
            return None;
        }
        let tex = &self.tex[(s >> 7) as usize % self.tex.len()];
        let flip = s & 1 == 1;
        let dark = mix3([0.09, 0.085, 0.08], [0.46, 0.46, 0.46], smooth(0.0, 0.75, old));
        let lum = add3(scale3(light.sky_rgb, 0.85), scale3(light.sun_rgb, 0.5));
        let glow = if light.night > 0.0 { scale3(light.lamp_rgb, 0.25) } else { [0.0; 3] };
        let lum = add3(lum, glow);
        let lit = light.through_air([dark[0] * lum[0] * 1.5, dark[1] * lum[1] * 1.5, dark[2] * lum[2] * 1.5], z * 0.6);
        let cm = (z * 100.0) as u16;
        let k = PUFF as f32 / (2.0 * rp);
        let a256 = alpha * 256.0;
        canvas.touch(x0 as usize, y0 as usize, x1 as usize, y1 as usize);
        for y in y0 as usize..y1 as usize {
            let ty = (((y as f32 + 0.5 - v + rp) * k) as usize).min(PUFF - 1);
            for x in x0 as usize..x1 as usize {
                let i = y * view.width + x;
                if canvas.depth[i] < cm {
                    continue;
                }
                let tx = (((x as f32 + 0.5 - u + rp) * k) as usize).min(PUFF - 1);
                let (a, l) = tex[ty * PUFF + if flip { PUFF - 1 - tx } else { tx }];
                if a < 4 {
                    continue;
                }
                let b = 0.55 + 0.9 * f32::from(l) / 255.0;
                canvas.over(i, lit.map(|c| (c * b * 255.0) as i32), (a256 * f32::from(a) / 255.0) as i32);
            }
        }
        Some([(u - rp * 0.62).max(0.0), (v - rp * 0.62).max(0.0), (u + rp * 0.62).min(w), (v + rp * 0.62).min(h)])
            .filter(|b| b[2] > b[0] && b[3] > b[1])
    }
}

/// Draws the flames and the light they throw; returns the box of what can be seen of them.
pub(crate) fn flames(canvas: &mut Canvas, view: &View, light: &Light, b: &Blaze, t: f64) -> Option<Bounds> {
    if b.flame_m < 0.1 {
        return None;
    }
    let (u, v, z) = view.project(b.at);
    if z < 2.0 {
        return None;
    }
    let px = view.focal / z;
    let t = t as f32;
    let flicker = 0.85 + 0.3 * noise(t * 7.0, 0.0, b.seed);
    glow(
        canvas,
        view,
        (u, v - 0.4 * b.flame_m * px),
        b.flame_m * px * 2.6,
        [1.0, 0.48, 0.14],
        (0.10 + 0.30 * light.night) * flicker,
    );
    let half = b.width_m * 0.5 * px;
    let tall = b.flame_m * px * 1.25;
    let (x0, x1) = ((u - half * 1.5).max(0.0) as usize, (u + half * 1.5).clamp(0.0, view.width as f32) as usize);
    let (y0, y1) = ((v - tall).max(0.0) as usize, (v + half * 0.25 + 1.0).clamp(0.0, view.height as f32) as usize);
    if x0 >= x1 || y0 >= y1 {
        return None;
    }
    canvas.touch(x0, y0, x1, y1);
    let cm = ((z - 0.8) * 100.0).max(0.0) as u16;
    let mut seen: Option<Bounds> = None;
    let aspect = b.flame_m / b.width_m;
    for y in y0..y1 {
        let h = (v - y as f32) / (b.flame_m * px);
        for x in x0..x1 {
            let i = y * view.width + x;
            if canvas.depth[i] < cm {
                continue;
            }
            let w = (x as f32 + 0.5 - u) / half;
            // Tongues: the outline narrows upward, torn by turbulence that rises.
            let lean = (noise(h * 1.6 - t * 1.7, 3.1, b.seed) - 0.5) * 0.6 * h.max(0.0);
            let w = w + lean;
            let big = fbm(w * 1.7, h * 1.5 * aspect - t * 2.3, 3, b.seed ^ 11);
            let small = noise(w * 5.5, h * 4.0 * aspect - t * 4.6, b.seed ^ 23);
            let outline = 1.02 - w.abs().powf(1.5) * 0.95 - h.max(0.0) * 0.95 - (-h).max(0.0) * 5.0;
            let heat = outline + (big - 0.5) * 1.75 + (small - 0.5) * 0.45 - 0.16;
            if heat <= 0.0 {
                continue;
            }
            let core = (heat * 1.25 - h.max(0.0) * 0.25).clamp(0.0, 1.0);
            let c = if core < 0.35 {
                mix3([0.55, 0.13, 0.03], [0.96, 0.42, 0.07], core / 0.35)
            } else if core < 0.7 {
                mix3([0.96, 0.42, 0.07], [1.0, 0.78, 0.25], (core - 0.35) / 0.35)
            } else {
                mix3([1.0, 0.78, 0.25], [1.0, 0.97, 0.80], (core - 0.7) / 0.3)
            };
            let alpha = smooth(0.0, 0.22, heat) * 0.94;
            canvas.over(i, c.map(|c| (c * 255.0) as i32), (alpha * 256.0) as i32);
            if alpha > 0.4 {
                let (fx, fy) = (x as f32, y as f32);
                seen = Some(seen.map_or([fx, fy, fx + 1.0, fy + 1.0], |o: Bounds| {
                    [o[0].min(fx), o[1].min(fy), o[2].max(fx + 1.0), o[3].max(fy + 1.0)]
                }));
            }
        }
    }
    // Too small to be called a flame in a picture.
    seen.filter(|b| (b[2] - b[0]) >= 3.0 && (b[3] - b[1]) >= 3.0)
}

/// A soft round light.
pub(crate) fn glow(canvas: &mut Canvas, view: &View, (u, v): (f32, f32), radius: f32, rgb: [f32; 3], strength: f32) {
    let r = radius.min(300.0);
    let (w, h) = (view.width as f32, view.height as f32);
    let (x0, y0, x1, y1) = ((u - r).max(0.0), (v - r).max(0.0), (u + r).min(w), (v + r).min(h));
    if x1 - x0 < 1.0 || y1 - y0 < 1.0 || strength < 0.004 {
        return;
    }
    canvas.touch(x0 as usize, y0 as usize, x1 as usize, y1 as usize);
    let inv = 1.0 / (r * r);
    let full = rgb.map(|c| c * strength * 255.0);
    for y in y0 as usize..y1 as usize {
        let dy = y as f32 + 0.5 - v;
        for x in x0 as usize..x1 as usize {
            let dx = x as f32 + 0.5 - u;
            let d = (dx * dx + dy * dy) * inv;
            if d >= 1.0 {
                continue;
            }
            let k = (1.0 - d) * (1.0 - d) / (1.0 + 14.0 * d);
            canvas.add(y * view.width + x, full.map(|c| (c * k) as i32));
        }
    }
}

/// How tall a growing fire is.
pub(crate) fn growth(since_s: f64, grow_s: f64, until_end_s: f64, size_m: f32) -> f32 {
    let up = smooth(0.0, grow_s as f32, since_s as f32 + 0.05 * grow_s as f32);
    let down = smooth(0.0, 6.0, until_end_s as f32);
    size_m * mix(0.18, 1.0, up) * down
}
