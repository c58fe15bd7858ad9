//! The picture being composed: colour, depth and who is where, over a backdrop that never changes. Only tiles that something touched are restored and converted
//! again, which is what makes a quiet street cheap.

use std::sync::Arc;

use super::backdrop::Backdrop;

/// Nobody: the backdrop.
pub(crate) const NO_ONE: u16 = u16::MAX;
/// Tile edge in pixels; even, so that a tile owns its chroma samples.
const TILE: usize = 16;

#[derive(Debug)]
pub(crate) struct Canvas {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<[u8; 3]>,
    /// Depth along the optical axis, centimetres.
    pub depth: Vec<u16>,
    pub who: Vec<u16>,
    pub backdrop: Arc<Backdrop>,
    touched: Vec<bool>,
    stale: Vec<bool>,
    across: usize,
    /// Planar Y, U, V (4:2:0) of `rgb` as of the last `convert`.
    pub yuv: Vec<u8>,
}

impl Canvas {
    pub fn new(backdrop: Arc<Backdrop>) -> Self {
        let (width, height) = (backdrop.width, backdrop.height);
        let across = width.div_ceil(TILE);
        let tiles = across * height.div_ceil(TILE);
        Self {
            width,
            height,
            rgb: backdrop.rgb.clone(),
            depth: backdrop.depth.clone(),
            who: vec![NO_ONE; width * height],
            touched: vec![true; tiles],
            stale: vec![false; tiles],
            across,
            yuv: vec![128; width * height * 3 / 2],
            backdrop,
        }
    }
    /// Says that pixels x0..x1, y0..y1 are about to change.
    pub fn touch(&mut self, x0: usize, y0: usize, x1: usize, y1: usize) {
        for ty in y0 / TILE..=(y1.min(self.height).max(1) - 1) / TILE {
            for tx in x0 / TILE..=(x1.min(self.width).max(1) - 1) / TILE {
                self.touched[ty * self.across + tx] = true;
            }
        }
    }
    fn tile(&self, t: usize) -> (usize, usize, usize, usize) {
        let (x, y) = (t % self.across * TILE, t / self.across * TILE);
        (x, y, (x + TILE).min(self.width), (y + TILE).min(self.height))
    }
    /// Brings the backdrop back where the last picture had something.
    pub fn begin(&mut self) {
        std::mem::swap(&mut self.touched, &mut self.stale);
        self.touched.fill(false);
        for t in 0..self.stale.len() {
            if !self.stale[t] {
                continue;
            }
            let (x0, y0, x1, y1) = self.tile(t);
            for y in y0..y1 {
                let row = y * self.width + x0..y * self.width + x1;
                self.rgb[row.clone()].copy_from_slice(&self.backdrop.rgb[row.clone()]);
                self.depth[row.clone()].copy_from_slice(&self.backdrop.depth[row.clone()]);
                self.who[row].fill(NO_ONE);
            }
        }
    }
    /// Adds light to a pixel.
    pub fn add(&mut self, i: usize, light: [i32; 3]) {
        for (c, l) in self.rgb[i].iter_mut().zip(light) {
            *c = (i32::from(*c) + l).clamp(0, 255) as u8;
        }
    }
    /// Lays a colour over a pixel, `alpha` of 256.
    pub fn over(&mut self, i: usize, rgb: [i32; 3], alpha: i32) {
        for (c, n) in self.rgb[i].iter_mut().zip(rgb) {
            *c = (i32::from(*c) + (((n - i32::from(*c)) * alpha) >> 8)).clamp(0, 255) as u8;
        }
    }
    /// Brings `yuv` up to date (BT.601, limited range).
    pub fn convert(&mut self) {
        let (w, h) = (self.width, self.height);
        let (luma, chroma) = self.yuv.split_at_mut(w * h);
        let (us, vs) = chroma.split_at_mut(w * h / 4);
        for t in 0..self.touched.len() {
            if !self.touched[t] && !self.stale[t] {
                continue;
            }
            let (tx, ty) = (t % self.across * TILE, t / self.across * TILE);
            for y in (ty..(ty + TILE).min(h)).step_by(2) {
                for x in (tx..(tx + TILE).min(w)).step_by(2) {
                    let mut sum = [0i32; 3];
                    for i in [y * w + x, y * w + x + 1, (y + 1) * w + x, (y + 1) * w + x + 1] {
                        let [r, g, b] = self.rgb[i].map(i32::from);
                        luma[i] = ((66 * r + 129 * g + 25 * b + 4224) >> 8) as u8;
                        sum = [sum[0] + r, sum[1] + g, sum[2] + b];
                    }
                    let [r, g, b] = sum;
                    let c = y / 2 * (w / 2) + x / 2;
                    us[c] = ((-38 * r - 74 * g + 112 * b + 131_584) >> 10) as u8;
                    vs[c] = ((112 * r - 94 * g - 18 * b + 131_584) >> 10) as u8;
                }
            }
        }
    }
}
