//! How walls and signs look, as a rule of the wall's own coordinates (metres along, metres up): shop fronts, windows, stains, lettering that says nothing.

use super::light::Light;
use super::street::{SIGNS, WALLS};
use crate::geom::{Rgb, add3, fbm, mix, mix3, mul3, noise, rnd, scale3, smooth};

/// What a wall gives back: reflectance, and light of its own.
pub(crate) struct Wall {
    pub albedo: Rgb,
    pub glow: Rgb,
    /// 0 plaster, 1 glass.
    pub glass: f32,
}

fn pick(from: &[Rgb], seed: u32) -> Rgb {
    from[seed as usize % from.len()]
}

/// The wall named by `id` (its upper bits say which kind) at `u` along, `v` up.
pub(crate) fn wall(id: u32, u: f32, v: f32, light: &Light) -> Wall {
    let seed = id & 0x0fff_ffff;
    if id >> 31 == 1 {
        blank(seed, u, v)
    } else if id >> 30 == 1 {
        sign(seed, u, v, light)
    } else if id >> 29 == 1 {
        far(seed, u, v, light)
    } else {
        front(seed, u, v, light)
    }
}

fn stained(c: Rgb, u: f32, v: f32, seed: u32) -> Rgb {
    let streak = fbm(u * 2.2, v * 0.35, 3, seed);
    let grime = fbm(u * 0.6, v * 0.6, 3, seed ^ 77);
    let k = 0.80 + 0.22 * streak + 0.16 * (grime - 0.5);
    scale3(c, k * mix(0.86, 1.0, smooth(0.0, 1.0, v)))
}

fn blank(seed: u32, u: f32, v: f32) -> Wall {
    let c = mix3(pick(WALLS, seed), [0.50, 0.49, 0.47], 0.5);
    Wall { albedo: stained(c, u, v, seed), glow: [0.0; 3], glass: 0.0 }
}

fn front(seed: u32, u: f32, v: f32, light: &Light) -> Wall {
    let base = stained(pick(WALLS, seed >> 3), u, v, seed);
    let night = light.night;
    if v < 3.0 {
        return shop(seed, u, v, night);
    }
    let above = (v - 3.4).max(0.0);
    let floor = (above / 3.2).floor();
    let z = above - floor * 3.2;
    let cell = 1.9 + rnd(seed ^ 5) * 0.7;
    let col = (u / cell).floor();
    let x = u / cell - col;
    let tall = rnd(seed ^ 9) < 0.5;
    let (low, high) = if tall { (0.15, 2.45) } else { (0.95, 2.3) };
    let window = (0.2..0.8).contains(&x) && (low..high).contains(&z);
    if !window {
        let lintel = (z - high).abs() < 0.1 && (0.14..0.86).contains(&x);
        let band = z > 2.95;
        let c = if lintel || band { mix3(base, [0.72, 0.71, 0.69], 0.4) } else { base };
        return Wall { albedo: c, glow: [0.0; 3], glass: 0.0 };
    }
    let frame = !(0.235..0.765).contains(&x) || (x - 0.5).abs() < 0.02 || z - low < 0.08 || high - z < 0.08;
    let which = seed ^ (floor as u32).wrapping_mul(771) ^ (col as i32 as u32).wrapping_mul(9173);
    if frame {
        return Wall {
            albedo: pick(&[[0.62, 0.61, 0.59], [0.30, 0.22, 0.16], [0.34, 0.36, 0.38]], seed >> 7),
            glow: [0.0; 3],
            glass: 0.0,
        };
    }
    let bars = rnd(seed ^ 13) < 0.4 && ((z * 7.0).fract() < 0.14 || (x * 9.0).fract() < 0.1);
    let lit = rnd(which) < 0.22 && night > 0.3;
    let curtain = rnd(which ^ 3) < 0.45;
    let inside = if curtain {
        scale3(pick(super::models::CLOTHS, which), 0.5 + 0.2 * noise(x * 40.0, z, which))
    } else {
        [0.09, 0.10, 0.11]
    };
    let albedo = if bars { [0.40, 0.40, 0.40] } else { inside };
    let warm = if rnd(which ^ 8) < 0.5 { [0.62, 0.50, 0.30] } else { [0.50, 0.56, 0.60] };
    let glow = if lit && !bars { scale3(warm, night * (0.5 + 0.5 * noise(x * 6.0, z * 2.0, which))) } else { [0.0; 3] };
    Wall { albedo, glow, glass: if bars || curtain { 0.2 } else { 0.9 } }
}

fn shop(seed: u32, u: f32, v: f32, night: f32) -> Wall {
    let open = rnd(seed ^ 21) < if night > 0.8 { 0.5 } else { 0.72 };
    let pier = u < 0.28 || v > 2.75;
    if pier {
        return Wall {
            albedo: stained(mix3(pick(WALLS, seed >> 3), [0.5, 0.5, 0.5], 0.3), u, v, seed),
            glow: [0.0; 3],
            glass: 0.0,
        };
    }
    if !open {
        // A roller shutter.
        let rib = 0.8 + 0.2 * ((v * 11.0).fract() - 0.5).abs() * 2.0;
        let c = pick(&[[0.50, 0.52, 0.54], [0.36, 0.42, 0.48], [0.46, 0.44, 0.40], [0.34, 0.40, 0.36]], seed >> 5);
        return Wall { albedo: scale3(stained(c, u, v, seed), rib), glow: [0.0; 3], glass: 0.0 };
    }
    // Shelves of goods in a dim room, brighter toward the front and the floor.
    let goods = {
        let (i, j) = ((u * 3.1).floor(), (v * 3.4).floor());
        let which = seed ^ (i as i32 as u32).wrapping_mul(7919) ^ (j as i32 as u32).wrapping_mul(104_729);
        let full = rnd(which) < mix(0.75, 0.35, smooth(0.6, 2.2, v));
        let c = pick(super::models::CLOTHS, which >> 4);
        let shape = noise(u * 9.0, v * 9.0, which);
        let back = [0.15, 0.14, 0.13];
        // What is further in the room sinks into its dimness.
        if full { mix3(mix3(back, [0.3, 0.29, 0.27], shape), c, 0.32 * shape) } else { back }
    };
    let deep = mix(0.75, 0.42, smooth(0.3, 2.4, v));
    let lamp = if rnd(seed ^ 33) < 0.6 { [0.80, 0.78, 0.70] } else { [0.78, 0.62, 0.38] };
    let albedo = scale3(goods, deep);
    let glow = scale3(mul3(add3(goods, [0.16; 3]), lamp), night * 0.95 + 0.06);
    Wall { albedo, glow, glass: 0.0 }
}

fn sign(seed: u32, u: f32, v: f32, light: &Light) -> Wall {
    let ground = pick(SIGNS, seed);
    let ink = if ground[0] + ground[1] + ground[2] > 1.5 {
        pick(&[[0.55, 0.10, 0.10], [0.08, 0.16, 0.42]], seed >> 4)
    } else {
        [0.78, 0.77, 0.68]
    };
    // Lettering: strokes on a grid, two lines, some letters missing.
    let size = 0.26 + 0.12 * rnd(seed ^ 3);
    let line = (v / size).floor();
    let letter = (u / (size * 0.72)).floor();
    let (x, y) = (u / (size * 0.72) - letter, v / size - line);
    let which = seed ^ (letter as i32 as u32).wrapping_mul(331) ^ (line as i32 as u32).wrapping_mul(77_773);
    let written = rnd(which) < 0.82 && (0.1..0.85).contains(&x) && (0.15..0.8).contains(&y) && line >= 1.0;
    let stroke = [x < 0.28, y > 0.66, x > 0.66, y < 0.3, (y - 0.48).abs() < 0.09];
    let on = written && stroke.iter().enumerate().any(|(k, s)| *s && rnd(which ^ (k as u32 * 97 + 5)) < 0.62);
    let c = if on { ink } else { ground };
    let albedo = scale3(c, 0.86 + 0.14 * fbm(u * 1.5, v * 1.5, 2, seed));
    let shining = light.night > 0.3 && rnd(seed ^ 61) < 0.6;
    Wall { albedo, glow: if shining { scale3(c, 0.85 * light.night) } else { [0.0; 3] }, glass: 0.1 }
}

fn far(seed: u32, u: f32, v: f32, light: &Light) -> Wall {
    let base = mix3(pick(WALLS, seed), [0.6, 0.6, 0.6], 0.4);
    let (col, row) = ((u / 2.4).floor(), (v / 3.2).floor());
    let window = (0.25..0.75).contains(&(u / 2.4 - col)) && (0.3..0.75).contains(&(v / 3.2 - row));
    let which = seed ^ (col as i32 as u32).wrapping_mul(271) ^ (row as i32 as u32).wrapping_mul(6151);
    let lit = window && light.night > 0.3 && rnd(which) < 0.3;
    Wall {
        albedo: if window { scale3(base, 0.45) } else { base },
        glow: if lit { scale3([0.6, 0.52, 0.36], light.night) } else { [0.0; 3] },
        glass: 0.0,
    }
}
