//! The light of an hour and a weather, and what it makes of a surface.

use super::mesh::Mat;
use crate::geom::{Rgb, V3, add3, mix, mix3, mul3, scale3, smooth, v3};
use crate::scenario::Daylight;

/// All that lights a scene. Colours are display-space multipliers.
#[derive(Debug, Clone)]
pub(crate) struct Light {
    /// Towards the sun.
    pub sun: V3,
    pub sun_rgb: Rgb,
    pub sky_rgb: Rgb,
    pub bounce_rgb: Rgb,
    pub horizon: Rgb,
    pub zenith: Rgb,
    /// Air: its colour, and the distance at which it has taken 63 % of a surface's own.
    pub haze: Rgb,
    pub haze_m: f32,
    /// 0 by day, 1 when lamps are all there is.
    pub night: f32,
    /// 0 dry, 1 streaming.
    pub wet: f32,
    /// Street lamps' light at full strength under a lamp.
    pub lamp_rgb: Rgb,
}

/// Light leaving a point: a colour of its own, and how strongly body paint and cloth would answer there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shade {
    pub rgb: Rgb,
    pub paint: f32,
    pub cloth: f32,
}

impl Light {
    /// `jitter` in -1..1 moves sun and haze a little, so that no two streets share one hour.
    pub fn new(hour: Daylight, rain: f32, jitter: [f32; 3]) -> Self {
        let [a, b, c] = jitter;
        let mut l = match hour {
            Daylight::Sunny => Self {
                sun: v3(0.55 * a.signum() + 0.25 * a, 0.25 * b - 0.1, 0.8).unit(),
                sun_rgb: [0.88, 0.84, 0.75],
                sky_rgb: [0.56, 0.60, 0.66],
                bounce_rgb: [0.42, 0.41, 0.38],
                horizon: [0.84, 0.87, 0.90],
                zenith: [0.45, 0.60, 0.82],
                haze: [0.76, 0.80, 0.84],
                haze_m: 420.0 + 150.0 * c,
                night: 0.0,
                wet: 0.0,
                lamp_rgb: [0.0; 3],
            },
            Daylight::Overcast => Self {
                sun: v3(0.35 * a, 0.2 * b, 0.9).unit(),
                sun_rgb: [0.24, 0.24, 0.23],
                sky_rgb: [0.98, 1.00, 1.02],
                bounce_rgb: [0.56, 0.56, 0.55],
                horizon: [0.86, 0.87, 0.88],
                zenith: [0.74, 0.77, 0.80],
                haze: [0.80, 0.82, 0.84],
                haze_m: 300.0 + 120.0 * c,
                night: 0.0,
                wet: 0.0,
                lamp_rgb: [0.0; 3],
            },
            Daylight::Dusk => Self {
                sun: v3(0.8 * a.signum(), 0.3 * b, 0.25).unit(),
                sun_rgb: [0.16, 0.11, 0.07],
                sky_rgb: [0.42, 0.44, 0.54],
                bounce_rgb: [0.22, 0.21, 0.23],
                horizon: [0.62, 0.50, 0.46],
                zenith: [0.22, 0.27, 0.42],
                haze: [0.42, 0.40, 0.44],
                haze_m: 320.0 + 100.0 * c,
                night: 0.6,
                wet: 0.0,
                lamp_rgb: [0.46, 0.36, 0.22],
            },
            Daylight::Night => Self {
                sun: v3(0.0, 0.0, 1.0),
                sun_rgb: [0.0; 3],
                sky_rgb: [0.20, 0.21, 0.26],
                bounce_rgb: [0.13, 0.115, 0.10],
                horizon: [0.17, 0.16, 0.18],
                zenith: [0.045, 0.05, 0.085],
                haze: [0.14, 0.14, 0.16],
                haze_m: 260.0 + 80.0 * c,
                night: 1.0,
                wet: 0.0,
                lamp_rgb: [0.98, 0.80, 0.54],
            },
        };
        if rain > 0.0 {
            // Rain greys the sky, takes the sun and thickens the air.
            let k = rain.clamp(0.0, 1.0);
            let dim = mix(1.0, 0.78, k);
            l.sun_rgb = scale3(l.sun_rgb, 1.0 - 0.9 * k);
            l.sky_rgb = scale3(l.sky_rgb, dim);
            let grey = (l.horizon[0] + l.horizon[1] + l.horizon[2]) / 3.0 * dim;
            l.horizon = mix3(l.horizon, [grey, grey, grey * 1.02], 0.8 * k);
            let up = (l.zenith[0] + l.zenith[1] + l.zenith[2]) / 3.0;
            l.zenith = mix3(l.zenith, [up * 0.95, up, up * 1.03], 0.8 * k);
            l.haze = mix3(l.haze, l.horizon, 0.8);
            l.haze_m = mix(l.haze_m, 130.0, k);
            l.wet = k;
        }
        l
    }

    /// Colour of the sky in a direction.
    pub fn sky(&self, d: V3) -> Rgb {
        mix3(self.horizon, self.zenith, smooth(0.0, 0.55, d.z))
    }
    /// What a mirror shows in a direction: sky above, dim houses about the horizon, road below.
    pub fn mirror(&self, d: V3) -> Rgb {
        let houses = scale3(add3(self.sky_rgb, self.bounce_rgb), 0.20);
        let road = scale3(self.sky_rgb, 0.25);
        if d.z > 0.0 { mix3(houses, self.sky(d), smooth(0.12, 0.4, d.z)) } else { mix3(houses, road, smooth(0.0, -0.25, d.z)) }
    }
    /// The air between: fades `rgb` at `depth` metres.
    pub fn through_air(&self, rgb: Rgb, depth: f32) -> Rgb {
        mix3(rgb, self.haze, self.air(depth))
    }
    pub fn air(&self, depth: f32) -> f32 {
        1.0 - (-(depth / self.haze_m).powf(1.3)).exp()
    }
    /// Diffuse light on a surface of normal `n`; `lamp` is how much street lamp reaches it.
    pub fn diffuse(&self, n: V3, sunlit: f32, lamp: f32) -> Rgb {
        let up = 0.5 + 0.5 * n.z;
        let ambient = mix3(self.bounce_rgb, self.sky_rgb, up);
        let sun = scale3(self.sun_rgb, n.dot(self.sun).max(0.0) * sunlit);
        add3(add3(ambient, sun), scale3(self.lamp_rgb, lamp * (0.35 + 0.65 * n.z.max(0.0))))
    }
    /// Light leaving a vehicle's surface towards `eye` (unit, away from the surface). Facades and leaves are shaded by the street.
    pub fn surface(&self, mat: Mat, pos: V3, n: V3, eye: V3, ao: f32) -> Shade {
        let n = if n.dot(eye) < 0.0 { -n } else { n };
        let ao = ao * mix(0.42, 1.0, smooth(0.0, 0.75, pos.z)) * if n.z < 0.0 { 1.0 + 0.5 * n.z } else { 1.0 };
        let light = scale3(self.diffuse(n, 1.0, 0.55), ao);
        let lum = light[0] * 0.3 + light[1] * 0.59 + light[2] * 0.11;
        let reflected = n * (2.0 * n.dot(eye)) - eye;
        let fresnel = |f0: f32| f0 + (1.0 - f0) * (1.0 - n.dot(eye).clamp(0.0, 1.0)).powi(5);
        let glint = |sharp: i32| scale3(self.sun_rgb, reflected.dot(self.sun).max(0.0).powi(sharp));
        match mat {
            Mat::Paint => {
                let f = fresnel(0.045) * ao * 0.85;
                let rgb = add3(scale3(self.mirror(reflected), f), scale3(glint(60), 0.8));
                Shade { rgb, paint: lum * (1.0 - 0.5 * f), cloth: 0.0 }
            }
            Mat::Cloth => Shade { rgb: [0.0; 3], paint: 0.0, cloth: lum },
            Mat::Glass => {
                let f = fresnel(0.10);
                let inside = scale3(light, 0.11);
                Shade {
                    rgb: add3(add3(inside, scale3(self.mirror(reflected), f * 0.9)), scale3(glint(120), 1.2)),
                    ..Shade::default()
                }
            }
            Mat::Solid(c, gloss) => {
                let f = fresnel(0.03 + 0.25 * gloss) * gloss * ao;
                let rgb = add3(add3(mul3(c, light), scale3(self.mirror(reflected), f)), scale3(glint(30), gloss * 0.5));
                Shade { rgb, ..Shade::default() }
            }
            Mat::Lamp(day, night) => {
                let lit = mul3(day, add3(light, [0.1; 3]));
                Shade { rgb: mix3(lit, night, smooth(0.2, 0.6, self.night)), ..Shade::default() }
            }
            Mat::Leaf(c) => Shade { rgb: mul3(c, light), ..Shade::default() },
            Mat::Facade(_) => Shade { rgb: scale3(light, 0.6), ..Shade::default() },
        }
    }
    /// The colour that this light lends to body paint, whose answer is kept as one number.
    pub fn cast(&self) -> Rgb {
        let l = self.diffuse(v3(0., 0., 1.), 1.0, 0.55);
        let m = (l[0] * 0.3 + l[1] * 0.59 + l[2] * 0.11).max(1e-3);
        scale3(l, 1.0 / m)
    }
}
