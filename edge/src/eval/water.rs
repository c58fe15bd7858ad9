//! A mask of water against the drawn truth, cell by cell of the model's own grid.

use image::GrayImage;
use matpho_scene::{Mask, Polygon};

/// One picture's mask.
#[derive(Debug, Clone, PartialEq)]
pub struct WaterLook {
    /// Share of the zone that the model says is under water.
    pub share: f32,
    /// Against the drawn truth, where there is one.
    pub cells: Option<Cells>,
}

/// Cells of a grid, said and true.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    /// Said and true.
    pub both: u64,
    /// Said or true.
    pub either: u64,
    /// By probability in 255ths: (true, not true).
    pub by_level: Vec<(u64, u64)>,
}

impl WaterLook {
    /// `threshold`: from this probability on a cell is under water.
    pub fn new(mask: &Mask, threshold: f32, zone: &Polygon, truth: Option<&GrayImage>) -> Self {
        let level = (threshold.clamp(0.0, 1.0) * 255.0).round() as u8;
        let cells = truth.map(|truth| {
            let mut cells = Cells { both: 0, either: 0, by_level: vec![(0, 0); 256] };
            for (&said, share) in mask.cells().iter().zip(cell_shares(truth, mask.width(), mask.height())) {
                let (said_wet, wet) = (said >= level, share >= 0.5);
                cells.both += u64::from(said_wet && wet);
                cells.either += u64::from(said_wet || wet);
                let (yes, no) = &mut cells.by_level[usize::from(said)];
                *(if wet { yes } else { no }) += 1;
            }
            cells
        });
        Self { share: mask.share_within(zone, level).unwrap_or(0.0), cells }
    }
}

/// The share of white (over 127) in each cell of a grid over a drawing, rows from the top; pixels on a cell's edge count by the part inside.
pub fn cell_shares(drawn: &GrayImage, cols: u32, rows: u32) -> Vec<f32> {
    let across = overlaps(drawn.width(), cols);
    let down = overlaps(drawn.height(), rows);
    let mut shares = Vec::with_capacity((cols * rows) as usize);
    for down in &down {
        for across in &across {
            let (mut wet, mut all) = (0.0, 0.0);
            for &(y, height) in down {
                for &(x, width) in across {
                    all += width * height;
                    wet += if drawn.get_pixel(x, y).0[0] > 127 { width * height } else { 0.0 };
                }
            }
            shares.push(if all > 0.0 { wet / all } else { 0.0 });
        }
    }
    shares
}

/// For each of `cells` equal parts of `pixels`: the pixels it covers and how much of each.
fn overlaps(pixels: u32, cells: u32) -> Vec<Vec<(u32, f32)>> {
    let step = f64::from(pixels) / f64::from(cells);
    let part = |cell: u32| {
        let (from, to) = (f64::from(cell) * step, f64::from(cell + 1) * step);
        (from as u32..pixels.min(to.ceil() as u32))
            .map(|pixel| (pixel, (to.min(f64::from(pixel) + 1.0) - from.max(f64::from(pixel))) as f32))
            .filter(|&(_, length)| length > 1e-6)
            .collect()
    };
    (0..cells).map(part).collect()
}

#[cfg(test)]
mod tests {
    use image::Luma;
    use proptest::prelude::*;

    use super::*;

    fn left_half_wet(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, _| Luma([if 2 * x < width { 255 } else { 0 }]))
    }

    #[test]
    fn the_union_is_counted_once() {
        // Truth: the left two of four columns. Said: the middle two, one row of two.
        let mask = Mask::new(4, 2, vec![0, 200, 200, 0, 0, 0, 0, 0]).unwrap();
        let look = WaterLook::new(&mask, 0.5, &Polygon::whole_picture(), Some(&left_half_wet(40, 20)));
        let cells = look.cells.unwrap();
        assert_eq!((cells.both, cells.either), (1, 5));
        assert_eq!(look.share, 0.25);
        assert_eq!((cells.by_level[200], cells.by_level[0]), ((1, 1), (3, 3)));
    }

    #[test]
    fn the_grid_need_not_divide_the_drawing() {
        let shares = cell_shares(&left_half_wet(10, 7), 3, 2);
        let rounded: Vec<_> = shares.iter().map(|share| (share * 100.0).round() / 100.0).collect();
        assert_eq!(rounded, [1.0, 0.5, 0.0, 1.0, 0.5, 0.0]);
    }

    proptest! {
        #[test]
        fn the_cells_together_hold_what_the_drawing_holds(width in 1u32..40, height in 1u32..30, cols in 1u32..20, rows in 1u32..20, seed: u64) {
            let drawn = GrayImage::from_fn(width, height, |x, y| {
                let mixed = seed.wrapping_add(u64::from(x * 31 + y * 17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                Luma([if mixed >> 63 == 1 { 255 } else { 0 }])
            });
            let white = drawn.pixels().filter(|pixel| pixel.0[0] > 127).count() as f32 / (width * height) as f32;
            let shares = cell_shares(&drawn, cols, rows);
            let mean = shares.iter().sum::<f32>() / (cols * rows) as f32;
            prop_assert!((mean - white).abs() < 1e-3, "{mean} {white}");
            prop_assert!(shares.iter().all(|share| (-1e-4..=1.0001).contains(share)));
        }
    }
}
