//! Vehicles as sprites: rendered from their mesh when first needed at a place of the street, kept, and drawn again with whatever paint and the last few centimetres of
//! movement. A sprite keeps depth a pixel, so vehicles cover each other and stand behind trees rightly.

use std::collections::HashMap;

use super::canvas::{Canvas, NO_ONE};
use super::light::Light;
use super::models::Model;
use super::raster::{Samples, cover};
use super::view::View;
use crate::geom::{Rgb, V3, v3};

/// Neighbouring sprites differ by this ratio of distance.
const STEP: f32 = 1.055;
/// And by this many metres across the street.
const ACROSS_M: f32 = 1.1;
/// Sprites kept, in bytes, before the oldest half is let go.
const KEPT_BYTES: usize = 40 << 20;

/// One pixel, packed: red, green, blue of its own (already weighed by coverage), coverage, answer of paint and of cloth (127 is 1), and in the upper 16 bits the depth
/// against the anchor in centimetres.
#[derive(Debug, Clone, Copy, Default)]
struct Px(u64);

impl Px {
    fn new(c: [u8; 6], z: i16) -> Self {
        let [z0, z1] = z.to_le_bytes();
        Self(u64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], z0, z1]))
    }
    fn z(self) -> i16 {
        (self.0 >> 48) as u16 as i16
    }
    fn coverage(self) -> u8 {
        (self.0 >> 24) as u8
    }
}
/// A pixel of shadow alone.
const SHADOW: i16 = i16::MIN;

#[derive(Debug)]
struct Sprite {
    /// Upper left corner against the anchor's pixel.
    left: f32,
    top: f32,
    w: usize,
    h: usize,
    px: Vec<Px>,
    /// First and last covered pixel of each row.
    spans: Vec<(u16, u16)>,
    /// Bounds of the body alone, in sprite pixels: left, top, right, bottom.
    body: [f32; 4],
    /// Pixels of body.
    mass: f32,
    /// Depth of the anchor it was rendered for.
    depth: f32,
    used: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    model: u16,
    heading: i16,
    across: i16,
    along: i16,
}

/// A vehicle to draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub model: usize,
    pub x: f32,
    pub y: f32,
    /// Radians; 0 drives away from the camera.
    pub heading: f32,
    pub paint: Rgb,
    pub cloth: Rgb,
    /// Brightness of the lamplight where it stands, 1 by day.
    pub gain: f32,
    /// Its mark in the picture of who is where.
    pub mark: u16,
}

/// Where a vehicle came to lie in the picture: its body's box, unclipped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn {
    pub bounds: [f32; 4],
    /// How many pixels its body takes when nothing hides it.
    pub pixels: f32,
}

#[derive(Debug, Default)]
pub(crate) struct Sprites {
    kept: HashMap<Key, Sprite>,
    bytes: usize,
    tick: u64,
}

impl Sprites {
    /// Draws a vehicle with its shadow.
    pub fn draw(&mut self, canvas: &mut Canvas, view: &View, light: &Light, models: &[Model], p: &Placed) -> Option<Drawn> {
        let dy = p.y - view.eye.y;
        if dy < 1.5 {
            return None;
        }
        let along = (dy.ln() / STEP.ln()).round() as i16;
        let across = (p.x / ACROSS_M).round() as i16;
        let turn = 0.1;
        let heading = (p.heading / turn).round() as i16;
        let key = Key { model: p.model as u16, heading, across, along };
        self.tick += 1;
        if !self.kept.contains_key(&key) {
            let at = v3(f32::from(across) * ACROSS_M, view.eye.y + STEP.powi(i32::from(along)), 0.0);
            let sprite = render(view, light, &models[p.model], at, f32::from(heading) * turn);
            self.bytes += sprite.px.len() * size_of::<Px>();
            self.kept.insert(key, sprite);
            if self.bytes > KEPT_BYTES {
                self.forget();
            }
        }
        let tick = self.tick;
        let sprite = self.kept.get_mut(&key)?;
        sprite.used = tick;
        let (u, v, depth) = view.project(v3(p.x, p.y, 0.0));
        if depth < 1.0 || sprite.px.is_empty() {
            return None;
        }
        let scale = sprite.depth / depth;
        let cast = light.cast();
        let tint = |c: Rgb| [c[0] * cast[0] * p.gain, c[1] * cast[1] * p.gain, c[2] * cast[2] * p.gain];
        let place = Place { x: u + sprite.left * scale, y: v + sprite.top * scale, scale, depth };
        blit(sprite, canvas, view, &place, &Look { paint: tint(p.paint), cloth: tint(p.cloth), gain: p.gain, mark: p.mark });
        let b = sprite.body;
        let bounds = [place.x + b[0] * scale, place.y + b[1] * scale, place.x + b[2] * scale, place.y + b[3] * scale];
        Some(Drawn { bounds, pixels: sprite.mass * scale * scale })
    }

    fn forget(&mut self) {
        let mut ages: Vec<u64> = self.kept.values().map(|s| s.used).collect();
        ages.sort_unstable();
        let limit = ages[ages.len() / 2];
        self.kept.retain(|_, s| s.used > limit);
        self.bytes = self.kept.values().map(|s| s.px.len() * size_of::<Px>()).sum();
    }
}

struct Place {
    x: f32,
    y: f32,
    scale: f32,
    depth: f32,
}

struct Look {
    paint: Rgb,
    cloth: Rgb,
    gain: f32,
    mark: u16,
}

/// Every other byte of a pixel, spread to 16 bits each, so that four pixels can be weighed at once.
const LANES: u64 = 0x00ff_00ff_00ff_00ff;

fn blit(s: &Sprite, canvas: &mut Canvas, view: &View, at: &Place, look: &Look) {
    let x0 = at.x.floor().max(0.0) as usize;
    let y0 = at.y.floor().max(0.0) as usize;
    let x1 = ((at.x + s.w as f32 * at.scale).ceil().min(view.width as f32)).max(0.0) as usize;
    let y1 = ((at.y + s.h as f32 * at.scale).ceil().min(view.height as f32)).max(0.0) as usize;
    if x0 >= x1 || y0 >= y1 || s.w < 2 || s.h < 2 {
        return;
    }
    canvas.touch(x0, y0, x1, y1);
    let inv = 1.0 / at.scale;
    let fixed = |f: f32| (f * 256.0) as i32;
    let paint = look.paint.map(|c| fixed(c * 2.0));
    let cloth = look.cloth.map(|c| fixed(c * 2.0));
    let gain = fixed(look.gain);
    let step = fixed(inv);
    let anchor_cm = (at.depth * 100.0) as i32;
    for y in y0..y1 {
        let sy = fixed((y as f32 + 0.5 - at.y) * inv - 0.5);
        let (iy, fy) = ((sy >> 8).clamp(0, s.h as i32 - 2) as usize, sy & 255);
        let (above, below) = (s.spans[iy], s.spans[iy + 1]);
        let (from, to) = (above.0.min(below.0), above.1.max(below.1));
        if from >= to {
            continue;
        }
        let column = |sx: f32| (at.x + sx * at.scale).floor().max(0.0) as usize;
        let (xa, xb) = (column(f32::from(from) - 1.0).max(x0), (column(f32::from(to) + 1.0) + 1).min(x1));
        let ground_cm = (view.plane_depth(y as f32 + 0.5, 0.0) * 100.0).min(60000.0) as i32;
        let top = &s.px[iy * s.w..(iy + 1) * s.w];
        let bottom = &s.px[(iy + 1) * s.w..(iy + 2) * s.w];
        let mut sx = fixed((xa as f32 + 0.5 - at.x) * inv - 0.5);
        for x in xa..xb {
            let (ix, fx) = ((sx >> 8).clamp(0, s.w as i32 - 2) as usize, (sx & 255) as u64);
            sx += step;
            let fy = fy as u64;
            let w11 = (fx * fy) >> 8;
            let (w10, w01) = (fx - w11, fy - w11);
            let w00 = 256 - w10 - w01 - w11;
            let (p00, p10, p01, p11) = (top[ix], top[ix + 1], bottom[ix], bottom[ix + 1]);
            let weigh = |f: fn(u64) -> u64| f(p00.0) * w00 + f(p10.0) * w10 + f(p01.0) * w01 + f(p11.0) * w11;
            // Red, blue, paint; green, coverage, cloth: each sum is at most 255 * 256 and stays in its lane.
            let even = weigh(|p| p & LANES);
            let odd = weigh(|p| (p >> 8) & LANES);
            let lane = |v: u64, k: u32| ((v >> (16 * k + 8)) & 255) as i32;
            let a = lane(odd, 1);
            if a == 0 {
                continue;
            }
            let z = match (fx < 128, fy < 128) {
                (true, true) => p00,
                (false, true) => p10,
                (true, false) => p01,
                (false, false) => p11,
            }
            .z();
            let i = y * view.width + x;
            let body = z != SHADOW;
            let cm = if body { (anchor_cm + i32::from(z)).clamp(0, 60000) } else { ground_cm - 4 };
            if cm > i32::from(canvas.depth[i]) {
                continue;
            }
            let own = [lane(even, 0), lane(odd, 0), lane(even, 1)];
            let (p, q) = (lane(even, 2), lane(odd, 2));
            let left = 256 - a - (a >> 7);
            let under = &mut canvas.rgb[i];
            for c in 0..3 {
                let value = (own[c] * gain + p * paint[c] + q * cloth[c] + i32::from(under[c]) * left) >> 8;
                under[c] = value.min(255) as u8;
            }
            if body && a > 110 {
                canvas.depth[i] = cm as u16;
                canvas.who[i] = look.mark;
            }
        }
    }
    debug_assert!(look.mark != NO_ONE);
}

fn render(view: &View, light: &Light, model: &Model, at: V3, heading: f32) -> Sprite {
    let (sin, cos) = heading.sin_cos();
    let place = |p: V3| p.turned(sin, cos) + at;
    let (lo, hi) = model.mesh.bounds();
    let flat = |p: V3, dir: V3| p - dir * (p.z / dir.z);
    let sun = if light.sun_rgb[0] > 0.05 { light.sun } else { v3(0., 0., 1.) };
    // Bounds in the picture: the box's corners, and where their shadows fall.
    let (mut x0, mut y0, mut x1, mut y1) = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
    for i in 0..8 {
        let c =
            v3(if i & 1 == 0 { lo.x } else { hi.x }, if i & 2 == 0 { lo.y } else { hi.y }, if i & 4 == 0 { 0.0 } else { hi.z });
        for q in [place(c), flat(place(c), sun), flat(place(c), sun) * 1.0 + v3(0.15 * c.x.signum(), 0.0, 0.0)] {
            let (u, v, z) = view.project(q);
            if z < 0.7 {
                continue;
            }
            (x0, y0, x1, y1) = (x0.min(u), y0.min(v), x1.max(u), y1.max(v));
        }
    }
    let (au, av, depth) = view.project(at);
    let margin = 3.0;
    let left = (x0 - margin).floor().max(-60.0);
    let top = (y0 - margin).floor().max(-60.0);
    let right = (x1 + margin).ceil().min(view.width as f32 + 60.0);
    let bottom = (y1 + margin).ceil().min(view.height as f32 + 60.0);
    if right <= left || bottom <= top {
        return Sprite {
            left: 0.0,
            top: 0.0,
            w: 0,
            h: 0,
            px: Vec::new(),
            spans: Vec::new(),
            body: [0.0; 4],
            mass: 0.0,
            depth,
            used: 0,
        };
    }
    let (w, h) = ((right - left) as usize, (bottom - top) as usize);
    let ss = if w * h < 1200 { 3 } else { 2 };
    let fine = view.scaled(ss);
    let (sx0, sy0) = ((left * ss as f32) as i32, (top * ss as f32) as i32);
    let (sw, sh) = (w * ss, h * ss);
    let mut samples = Samples::new(sx0, sy0, sw, sh);
    let air = light.air(depth);
    samples.draw(&model.mesh, &fine, place, |p| {
        let world = place(p.pos);
        let mut s = light.surface(p.mat, p.pos, p.normal.turned(sin, cos), (view.eye - world).unit(), 1.0);
        s.rgb = light.through_air(s.rgb, depth);
        s.paint *= 1.0 - air;
        s.cloth *= 1.0 - air;
        s
    });
    // Shadows are soft: one sample a pixel will do.
    let area = (left as i32, top as i32, w, h);
    let mut contact = vec![0.0; w * h];
    cover(&mut contact, area, &model.mesh, |p| {
        view.project({
            let q = place(v3(p.x * 1.02, p.y * 1.02, p.z));
            v3(q.x, q.y, 0.0)
        })
    });
    let px_per_m = view.focal / depth;
    blur(&mut contact, w, h, (px_per_m * 0.16, px_per_m * 0.16 * (-view.fall(av)).clamp(0.1, 1.0)));
    let mut cast = vec![0.0; if light.sun_rgb[0] > 0.05 { w * h } else { 0 }];
    if !cast.is_empty() {
        cover(&mut cast, area, &model.mesh, |p| {
            view.project({
                let q = flat(place(p), sun);
                v3(q.x, q.y, 0.0)
            })
        });
        blur(&mut cast, w, h, (px_per_m * 0.04, px_per_m * 0.02));
    }
    let sun_share = light.sun_rgb[1] / (light.sun_rgb[1] + light.sky_rgb[1]) * 0.95;
    let dark = 0.62 - 0.22 * light.night;
    let mut px = vec![Px::new([0; 6], SHADOW); w * h];
    let mut body = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    let n = (ss * ss) as f32;
    for y in 0..h {
        for x in 0..w {
            let (mut c, mut covered, mut z) = ([0.0f32; 5], 0.0, 0.0);
            for sy in 0..ss {
                let row = (y * ss + sy) * sw + x * ss;
                for i in row..row + ss {
                    if samples.depth[i].is_finite() {
                        let s = &samples.shade[i];
                        for (sum, part) in c.iter_mut().zip(s.rgb) {
                            *sum += part.min(1.0);
                        }
                        c[3] += s.paint;
                        c[4] += s.cloth;
                        covered += 1.0;
                        z += samples.depth[i];
                    }
                }
            }
            let i = y * w + x;
            let s = cast.get(i).copied().unwrap_or(0.0) * sun_share;
            let shadow = (1.0 - (1.0 - s) * (1.0 - dark * contact[i])) * (1.0 - air) * (n - covered);
            if covered + shadow < 0.01 {
                continue;
            }
            let byte = |v: f32, full: f32| (v / n * full + 0.5) as u8;
            let depth_cm = if covered > 0.0 { ((z / covered - depth) * 100.0).clamp(-32000.0, 32000.0) as i16 } else { SHADOW };
            px[i] = Px::new(
                [
                    byte(c[0], 255.0),
                    byte(c[1], 255.0),
                    byte(c[2], 255.0),
                    byte(covered + shadow, 255.0),
                    byte(c[3], 127.5),
                    byte(c[4], 127.5),
                ],
                depth_cm,
            );
            if covered / n > 0.3 {
                let (fx, fy) = (x as f32, y as f32);
                body = [body[0].min(fx), body[1].min(fy), body[2].max(fx + 1.0), body[3].max(fy + 1.0)];
            }
        }
    }
    if body[0] > body[2] {
        body = [0.0; 4];
    }
    let mass = px.iter().filter(|p| p.z() != SHADOW && p.coverage() > 110).count() as f32;
    let spans = px
        .chunks(w)
        .map(|row| {
            let full = |p: &Px| p.coverage() > 0;
            row.iter().position(full).map_or((0, 0), |a| (a as u16, row.iter().rposition(full).unwrap_or(a) as u16 + 1))
        })
        .collect();
    Sprite { left: left - au, top: top - av, w, h, px, spans, body, mass, depth, used: 0 }
}

/// Two box blurs of the given radii.
fn blur(mask: &mut [f32], w: usize, h: usize, (rx, ry): (f32, f32)) {
    let mut line = Vec::new();
    for _ in 0..2 {
        let r = (rx / 2.0).round() as usize;
        if r > 0 {
            for y in 0..h {
                box_line(&mut mask[y * w..(y + 1) * w], 1, w, r, &mut line);
            }
        }
        let r = (ry / 2.0).round() as usize;
        if r > 0 {
            for x in 0..w {
                box_line(&mut mask[x..], w, h, r, &mut line);
            }
        }
    }
}

fn box_line(data: &mut [f32], stride: usize, n: usize, r: usize, line: &mut Vec<f32>) {
    line.clear();
    line.extend((0..n).map(|i| data[i * stride]));
    let k = 1.0 / (2 * r + 1) as f32;
    let mut sum: f32 = line.iter().take(r).sum();
    for i in 0..n {
        if i + r < n {
            sum += line[i + r];
        }
        if i > r {
            sum -= line[i - r - 1];
        }
        data[i * stride] = sum * k;
    }
}
