//! The surface of road and pavement, as a rule of world coordinates: asphalt with its wear, markings, kerbs' gutters, tiles.

use super::street::Street;
use crate::geom::{Rgb, fbm, mix, mix3, noise, rnd, scale3, smooth};
use crate::scenario::Median;

/// What the ground is at a point.
pub(crate) struct Ground {
    pub albedo: Rgb,
    /// How readily water stands here, 0..1: hollows and wheel tracks first.
    pub hollow: f32,
}

const DASH_M: f32 = 3.0;
const GAP_M: f32 = 5.0;

impl Street {
    pub fn ground(&self, x: f32, y: f32) -> Ground {
        let side = if x < 0.0 { -1.0 } else { 1.0 };
        let edge = self.edge(side);
        let off = x.abs();
        if off <= edge {
            self.asphalt(x, y, side, edge)
        } else if off < edge + self.pavement_m {
            self.pavement(x, y)
        } else {
            self.yard(x, y)
        }
    }

    fn asphalt(&self, x: f32, y: f32, side: f32, edge: f32) -> Ground {
        let s = self.seed;
        let off = x.abs();
        let road = &self.road;
        let coarse = fbm(x * 0.25, y * 0.05, 3, s);
        let fine = fbm(x * 6.0, y * 2.0, 2, s ^ 3);
        let mut v = 0.385 + 0.10 * (coarse - 0.5) + 0.06 * (fine - 0.5) + 0.03 * (rnd(s ^ 40) - 0.5);
        // Wheel tracks are polished darker, the middle of a lane has oil.
        let start = road.median_m() / 2.0;
        let lane = (off - start) / road.lane_m;
        let lanes = road.lanes(side) as f32;
        let mut hollow = fbm(x * 0.5, y * 0.16, 3, s ^ 17);
        if (0.0..lanes).contains(&lane) {
            let c = (lane.fract() - 0.5) * road.lane_m;
            let track = (-((c.abs() - 0.82) / 0.32).powi(2)).exp();
            v -= 0.032 * track;
            v -= 0.03 * (-(c / 0.3).powi(2)).exp() * noise(x, y * 0.2, s ^ 5);
            hollow += 0.12 * track;
        }
        // Patches where the road was dug up, and cracks.
        let (pi, pj) = ((x / 3.1).floor(), (y / 7.0).floor());
        let which = s ^ (pi as i32 as u32).wrapping_mul(5171) ^ (pj as i32 as u32).wrapping_mul(90_001);
        if rnd(which) < 0.10 {
            let (px, py) = (x / 3.1 - pi, y / 7.0 - pj);
            let (a, b) = (0.1 + 0.3 * rnd(which ^ 1), 0.1 + 0.3 * rnd(which ^ 2));
            if (a..a + 0.5).contains(&px) && (b..b + 0.5).contains(&py) {
                v += if rnd(which ^ 3) < 0.6 { -0.055 } else { 0.04 };
            }
        }
        let crack = (fbm(x * 0.8, y * 0.35, 3, s ^ 91) - 0.5).abs();
        if crack < 0.006 && fbm(x * 0.11, y * 0.07, 2, s ^ 93) > 0.56 {
            v -= 0.05 * (1.0 - crack / 0.006);
        }
        // Dust gathers along the kerb.
        let dust = smooth(edge - 1.3, edge - 0.1, off);
        let mut c = mix3([v, v * 0.995, v * 0.985], [0.46, 0.43, 0.38], dust * (0.35 + 0.4 * fbm(x * 1.3, y * 0.6, 2, s ^ 8)));
        hollow += 0.4 * smooth(edge - 1.0, edge, off);
        if let Some((paint, strength)) = self.marking(x, y, side, edge) {
            let wear = smooth(0.30, 0.62, fbm(x * 3.0, y * 1.5, 3, s ^ 23)) * 0.75 + 0.25;
            c = mix3(c, paint, strength * mix(0.55, 1.0, wear) * (0.62 + 0.3 * rnd(s ^ 55)));
        }
        Ground { albedo: c, hollow: hollow.clamp(0.0, 1.0) }
    }

    /// Paint on the road at a point: its colour and how much of it.
    fn marking(&self, x: f32, y: f32, side: f32, edge: f32) -> Option<(Rgb, f32)> {
        const WHITE: Rgb = [0.80, 0.80, 0.78];
        const YELLOW: Rgb = [0.74, 0.60, 0.22];
        let off = x.abs();
        let road = &self.road;
        let start = road.median_m() / 2.0;
        match road.median {
            Median::Line if (off - 0.16).abs() < 0.065 => return Some((YELLOW, 1.0)),
            Median::None if off < 0.075 && y.rem_euclid(DASH_M + GAP_M) < DASH_M => return Some((YELLOW, 1.0)),
            Median::Fence | Median::Concrete if (off - start - 0.25).abs() < 0.07 => return Some((WHITE, 0.8)),
            _ => {}
        }
        let lanes = road.lanes(side);
        for i in 1..=lanes {
            let at = start + i as f32 * road.lane_m;
            if at > edge - 0.3 {
                continue;
            }
            let solid = i == lanes && road.bike_lane_m > 0.5;
            let dashed = y.rem_euclid(DASH_M + GAP_M) < DASH_M;
            if (off - at).abs() < 0.075 && (solid || dashed) {
                return Some((WHITE, 1.0));
            }
        }
        if (off - (edge - 0.3)).abs() < 0.06 {
            return Some((WHITE, 0.6));
        }
        let cross = self.crossing_y();
        if (cross..cross + 3.4).contains(&y) && (off - start > 0.3 || road.median == Median::None) && off < edge - 0.3 {
            let stripe = (x / 1.0).rem_euclid(1.0) < 0.45;
            if stripe {
                return Some((WHITE, 0.9));
            }
        }
        None
    }
    /// Where the zebra crossing begins, metres ahead.
    pub fn crossing_y(&self) -> f32 {
        if rnd(self.seed ^ 1234) < 0.5 { mix(16.0, 60.0, rnd(self.seed ^ 4321)) } else { -100.0 }
    }

    fn pavement(&self, x: f32, y: f32) -> Ground {
        let s = self.seed;
        let size = 0.4;
        let (i, j) = ((x / size).floor(), (y / size).floor());
        let tile = rnd(s ^ (i as i32 as u32).wrapping_mul(613) ^ (j as i32 as u32).wrapping_mul(10_007));
        let joint = (x / size - i).min(y / size - j) < 0.06;
        let base: Rgb = if rnd(s ^ 70) < 0.4 { [0.50, 0.41, 0.36] } else { [0.50, 0.49, 0.46] };
        let grime = fbm(x * 0.7, y * 0.5, 3, s ^ 71);
        let c = scale3(base, 0.86 + 0.10 * tile + 0.30 * (grime - 0.5) - if joint { 0.12 } else { 0.0 });
        Ground { albedo: c, hollow: 0.35 * grime }
    }

    fn yard(&self, x: f32, y: f32) -> Ground {
        let s = self.seed;
        let n = fbm(x * 0.3, y * 0.3, 4, s ^ 99);
        let c = if rnd(s ^ 98) < 0.5 {
            mix3([0.40, 0.37, 0.31], [0.28, 0.34, 0.20], smooth(0.4, 0.6, n))
        } else {
            scale3([0.48, 0.47, 0.45], 0.8 + 0.4 * n)
        };
        Ground { albedo: c, hollow: n }
    }
}
