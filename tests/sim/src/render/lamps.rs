//! Vehicle lights at dusk and night: the lamp's glare, its bloom, the beam on the road, and the streak it draws on a wet one.

use super::canvas::Canvas;
use super::fire::glow;
use super::light::Light;
use super::models::Model;
use super::sprite::Placed;
use super::view::View;
use crate::geom::{V3, smooth, v3};

/// Draws the lights of a vehicle already in the picture.
pub(crate) fn lights(canvas: &mut Canvas, view: &View, light: &Light, model: &Model, p: &Placed, braking: bool) {
    let on = smooth(0.25, 0.7, light.night);
    let heavy_rain = light.night < 0.3 && light.wet > 0.55;
    if on < 0.05 && !heavy_rain {
        return;
    }
    let on = if heavy_rain { 0.45 } else { on };
    let (sin, cos) = p.heading.sin_cos();
    let world = |q: V3| q.turned(sin, cos) + v3(p.x, p.y, 0.0);
    let ahead = v3(0., 1., 0.).turned(sin, cos);
    let to_eye = (view.eye - v3(p.x, p.y, 1.0)).unit();
    let facing = ahead.dot(to_eye);
    for q in &model.head {
        let at = world(*q);
        if facing > 0.0 {
            lamp(
                canvas,
                view,
                light,
                at,
                ([1.0, 0.97, 0.88], on * (0.35 + 0.65 * facing), if model.head.len() == 1 { 0.8 } else { 1.0 }),
            );
        }
    }
    for q in &model.tail {
        let at = world(*q);
        if facing < 0.0 {
            let k = if braking { 1.0 } else { 0.5 };
            lamp(canvas, view, light, at, ([1.0, 0.10, 0.06], on * k * (0.4 - 0.6 * facing), 0.55));
        }
    }
    if on > 0.3 && !model.head.is_empty() {
        beam(canvas, view, light, p, ahead, model.size.y / 2.0);
    }
}

fn lamp(canvas: &mut Canvas, view: &View, light: &Light, at: V3, (rgb, strength, size): ([f32; 3], f32, f32)) {
    let (u, v, z) = view.project(at);
    if z < 2.0 {
        return;
    }
    // Hidden lamps shine no glare.
    let (iu, iv) = (u as i64, v as i64);
    if iu >= 0 && iv >= 0 && (iu as usize) < view.width && (iv as usize) < view.height {
        let i = iv as usize * view.width + iu as usize;
        if f32::from(canvas.depth[i]) < (z - 0.6) * 100.0 {
            return;
        }
    }
    let px = view.focal / z;
    let core = (0.14 * px * size).max(1.3);
    glow(canvas, view, (u, v), core * 2.2, rgb, 1.5 * strength);
    glow(canvas, view, (u, v), core * 6.5 + 9.0 * size, rgb, 0.7 * strength);
    if light.wet > 0.1 {
        // The streak: the lamp's image in the road, drawn out toward the viewer.
        let (_, gv, gz) = view.project(v3(at.x, at.y, -at.z));
        if gz > 1.0 {
            let len = (gv - v).max(4.0) * 1.3;
            let half = (core * 0.8).max(1.5);
            let (x0, x1) = ((u - half * 2.0).max(0.0) as usize, (u + half * 2.0).clamp(0.0, view.width as f32) as usize);
            let (y0, y1) = ((gv - len * 0.5).max(0.0) as usize, (gv + len).clamp(0.0, view.height as f32) as usize);
            if x0 < x1 && y0 < y1 {
                canvas.touch(x0, y0, x1, y1);
                for y in y0..y1 {
                    let t = (y as f32 - gv) / len;
                    let fade = if t < 0.0 { 1.0 + 2.0 * t } else { 1.0 - t };
                    for x in x0..x1 {
                        let dx = (x as f32 + 0.5 - u) / half;
                        let i = y * view.width + x;
                        if canvas.who[i] != super::canvas::NO_ONE {
                            continue;
                        }
                        let k = fade.max(0.0) * (-dx * dx).exp() * strength * light.wet * 0.55 * 255.0;
                        canvas.add(i, rgb.map(|c| (c * k) as i32));
                    }
                }
            }
        }
    }
}

/// Light on the road ahead of a vehicle.
fn beam(canvas: &mut Canvas, view: &View, light: &Light, p: &Placed, ahead: V3, nose: f32) {
    let (sin, cos) = (-ahead.x, ahead.y);
    let at = |along: f32, across: f32| view.project(v3(p.x, p.y, 0.0) + v3(across, nose + along, 0.0).turned(sin, cos));
    let reach = 13.0;
    let (_, va, za) = at(0.5, 0.0);
    let (_, vb, zb) = at(reach, 0.0);
    if za < 2.0 || zb < 2.0 {
        return;
    }
    let (top, bottom) = (va.min(vb).max(0.0) as usize, va.max(vb).clamp(0.0, view.height as f32) as usize);
    let strength = 0.34 * light.night * (1.0 - 0.55 * light.wet);
    for y in top..bottom {
        let depth = view.plane_depth(y as f32 + 0.5, 0.0);
        if !depth.is_finite() {
            continue;
        }
        let world_y =
            view.eye.y + depth * (view.forward.y + view.up.y * (view.height as f32 / 2.0 - y as f32 - 0.5) / view.focal);
        let along = (world_y - p.y) * ahead.y - nose;
        if !(0.0..reach).contains(&along) {
            continue;
        }
        let half_m = 0.5 + 0.14 * along;
        let (uc, _, _) = view.project(v3(p.x + ahead.x * (along + nose), world_y, 0.0));
        let half = half_m * view.focal / depth;
        let fall = smooth(0.0, 1.5, along) * (1.0 - along / reach).powf(1.2);
        let (x0, x1) = ((uc - half * 1.6).max(0.0) as usize, (uc + half * 1.6).clamp(0.0, view.width as f32) as usize);
        if x0 >= x1 {
            continue;
        }
        canvas.touch(x0, y, x1, y + 1);
        for x in x0..x1 {
            let i = y * view.width + x;
            if canvas.who[i] != super::canvas::NO_ONE {
                continue;
            }
            let dx = (x as f32 + 0.5 - uc) / half;
            let k = (-dx * dx * 1.6).exp() * fall * strength;
            let c = canvas.rgb[i].map(|c| 26.0 + f32::from(c) * 1.6);
            canvas.add(i, [(c[0] * k) as i32, (c[1] * k * 0.97) as i32, (c[2] * k * 0.86) as i32]);
        }
    }
}
