//! Standing water: a level plane over a street that is not quite level, so that it comes from the gutters and closes over the crown. It mirrors what stands around it
//! through ripples, and is brown.

use super::canvas::{Canvas, NO_ONE};
use super::light::Light;
use super::street::Street;
use super::view::View;
use crate::geom::{add3, fbm, noise, smooth};

const RIPPLE: usize = 256;

#[derive(Debug)]
pub(crate) struct Flood {
    /// Height of the street above the lowest gutter, centimetres, a pixel each; 255 where water never comes.
    rise_cm: Vec<u8>,
    /// The visible carriageway.
    carriageway: Vec<bool>,
    visible: usize,
    ripple: Vec<i8>,
}

impl Flood {
    pub fn new(street: &Street, view: &View) -> Self {
        let (w, h) = (view.width, view.height);
        let mut rise_cm = vec![255; w * h];
        let mut carriageway = vec![false; w * h];
        for y in 0..h {
            for x in 0..w {
                let ray = view.ray(x as f32 + 0.5, y as f32 + 0.5);
                if ray.z > -1e-3 {
                    continue;
                }
                let p = view.eye + ray * (-view.eye.z / ray.z);
                let edge = street.edge(p.x.signum());
                let crown = 9.0 * (1.0 - (p.x / edge).powi(2)).max(0.0);
                let pave = smooth(-0.1, 0.3, p.x.abs() - edge) * 13.0 + smooth(0.5, 6.0, p.x.abs() - edge) * 4.0;
                let far = smooth(75.0, 150.0, p.y) * 60.0;
                let rough = (fbm(p.x * 0.35, p.y * 0.12, 3, street.seed ^ 0xf100d) - 0.5) * 7.0;
                rise_cm[y * w + x] = (crown + pave + far + rough + 3.5).clamp(0.0, 254.0) as u8;
                carriageway[y * w + x] = p.x.abs() < edge && p.y < 75.0;
            }
        }
        let visible = carriageway.iter().filter(|c| **c).count();
        let ripple = (0..RIPPLE * RIPPLE)
            .map(|i| {
                let (x, y) = ((i % RIPPLE) as f32 / 8.0, (i / RIPPLE) as f32 / 8.0);
                // Periodic by blending with its own shift.
                let f = |a: f32, b: f32| noise(a, b, 4711) + 0.5 * noise(a * 2.3, b * 2.3, 17);
                let k = 32.0;
                let (s, t) = (x / k, y / k);
                let v = f(x, y) * (1. - s) * (1. - t)
                    + f(x - k, y) * s * (1. - t)
                    + f(x, y - k) * (1. - s) * t
                    + f(x - k, y - k) * s * t;
                ((v - 0.75) * 160.0).clamp(-127.0, 127.0) as i8
            })
            .collect();
        Self { rise_cm, carriageway, visible, ripple }
    }

    /// How high water must stand to reach the street at a pixel, cm.
    pub fn height_cm(&self, pixel: usize) -> u8 {
        self.rise_cm[pixel]
    }

    /// Lays water of `depth_m` over the picture at time `t`; marks its pixels in `mask` and returns the share of the carriageway it covers.
    pub fn draw(
        &self,
        canvas: &mut Canvas,
        view: &View,
        light: &Light,
        depth_m: f32,
        t: f64,
        mut mask: Option<&mut Vec<u8>>,
    ) -> f32 {
        let (w, h) = (view.width, view.height);
        if let Some(m) = mask.as_deref_mut() {
            m.clear();
            m.resize(w * h, 0);
        }
        if depth_m <= 0.0 {
            return 0.0;
        }
        let depth_cm = depth_m * 100.0;
        let top = view.horizon().max(0.0) as usize;
        canvas.touch(0, top, w, h);
        let lit = add3(light.diffuse(crate::geom::v3(0., 0., 1.), 0.8, 0.5), [0.01; 3]);
        let mud = [0.36 * lit[0], 0.31 * lit[1], 0.24 * lit[2]].map(|c| (c * 255.0) as i32);
        let mut covered = 0usize;
        let t = t as f32;
        let (drift_a, drift_b) = ((t * 6.0) as usize, (t * 9.0) as usize);
        let source = canvas.backdrop.clone();
        // The last row of a vehicle met in each column: what stands above it is mirrored below it.
        let mut foot = vec![0usize; w];
        for y in top..h {
            let depth = view.plane_depth(y as f32 + 0.5, depth_m);
            if !depth.is_finite() || depth > 400.0 {
                continue;
            }
            let cm = (depth * 100.0).min(65000.0) as u16;
            let p0 = view.eye + view.ray(0.5, y as f32 + 0.5) * depth;
            let per_px = depth / view.focal;
            let steep = -view.ray(w as f32 / 2.0, y as f32).unit().z;
            let fresnel = (0.10 + 0.85 * (1.0 - steep).powi(4)).clamp(0.0, 0.86);
            // Ripples move an image by an angle: many pixels when near.
            let sway = (0.020 * view.focal * (0.25 + 12.0 / (depth + 8.0)) / 127.0 * 2.2).min(0.6);
            let v8 = ((p0.y * 14.0) as usize).wrapping_add(drift_a);
            let v9 = ((p0.y * 31.0) as usize).wrapping_add(drift_b / 2);
            let mut px = p0.x * 9.0 + 4000.0;
            let step = per_px * 9.0;
            for x in 0..w {
                px += step;
                let i = y * w + x;
                let over = depth_cm - f32::from(self.rise_cm[i]);
                if canvas.depth[i] < cm.saturating_sub(3) {
                    if canvas.who[i] != NO_ONE {
                        foot[x] = y;
                    }
                    continue;
                }
                if over <= 0.0 {
                    continue;
                }
                if let Some(m) = mask.as_deref_mut() {
                    m[i] = 255;
                }
                covered += usize::from(self.carriageway[i]);
                let a = i32::from(self.ripple[(v8 % RIPPLE) * RIPPLE + (px as usize + drift_b) % RIPPLE]);
                let b = i32::from(self.ripple[(v9 % RIPPLE) * RIPPLE + (px as usize * 2 + drift_a) % RIPPLE]);
                let n = a + b / 2;
                let sy = (y as i32 + (n as f32 * sway) as i32).clamp(top as i32, h as i32 - 1) as usize;
                let sx = (x as i32 + ((b as f32) * sway * 0.3) as i32).clamp(0, w as i32 - 1) as usize;
                // A ripple may show what is mirrored below the foot seen last: no row lies under the last one.
                let above = (2 * foot[sx]).saturating_sub(sy).min(h - 1);
                let m = if foot[sx] > 0 && above > 0 && canvas.who[above * w + sx] != NO_ONE {
                    canvas.rgb[above * w + sx]
                } else {
                    source.mirror[sy * w + sx]
                };
                // Near the shore the road shows through.
                let clear = (over / 5.0).min(1.0);
                let f = ((fresnel + n as f32 * 0.0011) * 256.0).clamp(8.0, 230.0) as i32;
                let shade = 256 + n / 2;
                let c = [0, 1, 2].map(|k| ((mud[k] * shade) >> 8) + (((i32::from(m[k]) - mud[k]) * f) >> 8));
                canvas.over(i, c, (clear * 246.0) as i32);
            }
        }
        covered as f32 / self.visible.max(1) as f32
    }
}
