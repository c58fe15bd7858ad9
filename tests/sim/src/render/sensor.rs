//! What weather and the camera add after the scene: rain in the air, noise, the text in the corner, and the faults of a lens.

use crate::geom::{Dice, rnd};

/// Noise is drawn from a table this long, a new place for each row.
const TABLE: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Sensor {
    noise: Vec<i8>,
}

impl Sensor {
    /// `strength` is the standard deviation in luma steps.
    pub fn new(seed: u32, strength: f32) -> Self {
        let mut d = Dice::new(seed ^ 0x5e45);
        let noise =
            (0..TABLE).map(|_| ((d.unit() + d.unit() + d.unit() + d.unit() - 2.0) * strength * 1.73).round() as i8).collect();
        Self { noise }
    }
    pub fn noise(&self, luma: &mut [u8], width: usize, frame: u64) {
        for (y, row) in luma.chunks_mut(width).enumerate() {
            let at = crate::geom::hash((frame as u32).wrapping_mul(9176) ^ (y as u32)) as usize % (TABLE - width.min(TABLE - 1));
            for (p, n) in row.iter_mut().zip(&self.noise[at..]) {
                *p = (i16::from(*p) + i16::from(*n)).clamp(16, 235) as u8;
            }
        }
    }
}

/// Streaks of falling rain, lighter than what is behind them.
pub(crate) fn rain(luma: &mut [u8], (w, h): (usize, usize), strength: f32, frame: u64, seed: u32) {
    let mut d = Dice::new(seed ^ (frame as u32).wrapping_mul(40_503));
    let count = (strength * 420.0 * (w * h) as f32 / (960.0 * 540.0)) as usize;
    let slant = (rnd(seed ^ 0x51a) - 0.5) * 0.5;
    for _ in 0..count {
        let near = d.unit();
        let len = (6.0 + 26.0 * near * near) * h as f32 / 540.0;
        let (x, y) = (d.range(-20.0, w as f32), d.range(-20.0, h as f32));
        let add = (5.0 + 15.0 * near) as i16;
        for k in 0..len as usize {
            let (px, py) = (x + slant * k as f32, y + k as f32);
            if px < 0.0 || py < 0.0 || px as usize >= w || py as usize >= h {
                continue;
            }
            let p = &mut luma[py as usize * w + px as usize];
            *p = (i16::from(*p) + add).clamp(16, 235) as u8;
        }
    }
}

/// 5x7 letters, a row a byte, for the line of text that cameras write into their picture.
fn glyph(c: char) -> [u8; 7] {
    match c {
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 2, 4, 8, 31],
        '3' => [31, 2, 4, 2, 1, 17, 14],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [6, 8, 16, 30, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 2, 12],
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'B' => [30, 17, 17, 30, 17, 17, 30],
        'C' => [14, 17, 16, 16, 16, 17, 14],
        'D' => [28, 18, 17, 17, 17, 18, 28],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'F' => [31, 16, 16, 30, 16, 16, 16],
        'G' => [14, 17, 16, 23, 17, 17, 15],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'J' => [7, 2, 2, 2, 2, 18, 12],
        'K' => [17, 18, 20, 24, 20, 18, 17],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'M' => [17, 27, 21, 21, 17, 17, 17],
        'N' => [17, 17, 25, 21, 19, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'P' => [30, 17, 17, 30, 16, 16, 16],
        'Q' => [14, 17, 17, 17, 21, 18, 13],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'U' => [17, 17, 17, 17, 17, 17, 14],
        'V' => [17, 17, 17, 17, 17, 10, 4],
        'W' => [17, 17, 17, 21, 21, 21, 10],
        'X' => [17, 17, 10, 4, 10, 17, 17],
        'Y' => [17, 17, 17, 10, 4, 4, 4],
        'Z' => [31, 1, 2, 4, 8, 16, 31],
        ':' => [0, 12, 12, 0, 12, 12, 0],
        '-' => [0, 0, 0, 31, 0, 0, 0],
        '.' => [0, 0, 0, 0, 0, 12, 12],
        _ => [0; 7],
    }
}

/// Writes `text` white on dark at (x, y), letters `k` times 5x7.
pub(crate) fn write(luma: &mut [u8], (w, h): (usize, usize), (x, y): (usize, usize), k: usize, text: &str) {
    for (n, c) in text.to_ascii_uppercase().chars().enumerate() {
        let rows = glyph(c);
        for (j, bits) in rows.iter().enumerate() {
            for i in 0..5 {
                if bits >> (4 - i) & 1 == 0 {
                    continue;
                }
                for d in 0..k * k {
                    let (px, py) = (x + (n * 6 + i) * k + d % k, y + j * k + d / k);
                    if px + 1 < w && py + 1 < h {
                        luma[(py + 1) * w + px + 1] = 24;
                        luma[py * w + px] = 232;
                    }
                }
            }
        }
    }
}

/// Out of focus: three box blurs over a plane.
pub(crate) fn defocus(plane: &mut [u8], w: usize, h: usize, radius: usize) {
    let mut line = Vec::with_capacity(w.max(h));
    let mut pass = |data: &mut [u8], start: usize, stride: usize, n: usize| {
        line.clear();
        line.extend((0..n).map(|i| u32::from(data[start + i * stride])));
        let at = |i: i64| line[i.clamp(0, n as i64 - 1) as usize];
        let r = radius as i64;
        let mut sum: u32 = (-r..=r).map(at).sum();
        for i in 0..n as i64 {
            data[start + i as usize * stride] = (sum / (2 * radius as u32 + 1)) as u8;
            sum = sum + at(i + r + 1) - at(i - r);
        }
    };
    for _ in 0..2 {
        for y in 0..h {
            pass(plane, y * w, 1, w);
        }
        for x in 0..w {
            pass(plane, x, w, h);
        }
    }
}
