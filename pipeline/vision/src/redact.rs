//! Making a part of a picture unreadable.

use matpho_scene::{NormBox, Picture};

/// Cells along the longer side of the region: a face or a plate of 4 by 2 cells is nobody's.
const CELLS: usize = 4;

/// Share of the region's sides that is added around it, as a detector's box may cut off a chin or the end of a plate.
const MARGIN: f32 = 0.1;

/// Replaces the box, and a tenth more around it, by a mosaic of at most 4 cells along its longer side, so that no face or plate can be
/// read or restored from it.
pub fn pixelate(picture: &mut Picture, region: NormBox) {
    let size = picture.size();
    let (mx, my) = (region.width() * MARGIN, region.height() * MARGIN);
    let side = |low: f32, high: f32, length: u32| {
        let length = length as f32;
        ((low * length).floor().clamp(0.0, length) as usize, (high * length).ceil().clamp(0.0, length) as usize)
    };
    let (left, right) = side(region.x1() - mx, region.x2() + mx, size.width);
    let (top, bottom) = side(region.y1() - my, region.y2() + my, size.height);
    let cell = (right - left).max(bottom - top).div_ceil(CELLS).max(1);
    let stride = size.width as usize * 3;
    let rgb = picture.rgb_mut();
    for y in (top..bottom).step_by(cell) {
        for x in (left..right).step_by(cell) {
            let (x2, y2) = ((x + cell).min(right), (y + cell).min(bottom));
            let rows = y..y2;
            let mut sums = [0u64; 3];
            for row in rows.clone() {
                for pixel in rgb[row * stride..][x * 3..x2 * 3].as_chunks::<3>().0 {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += u64::from(value);
                    }
                }
            }
            let count = ((x2 - x) * (y2 - y)) as u64;
            let mean = sums.map(|sum| (sum / count) as u8);
            for row in rows {
                rgb[row * stride..][x * 3..x2 * 3].as_chunks_mut::<3>().0.fill(mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::PictureSize;
    use proptest::prelude::*;

    use super::*;

    fn noise(width: u32, height: u32) -> Picture {
        let bytes = (0..width * height * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        Picture::from_rgb(PictureSize { width, height }, bytes).unwrap()
    }

    #[test]
    fn only_the_region_changes_and_it_keeps_few_colours() {
        let before = noise(100, 50);
        let mut after = before.clone();
        pixelate(&mut after, NormBox::new(0.4, 0.4, 0.6, 0.6).unwrap());
        let mut colours = std::collections::BTreeSet::new();
        for y in 0..50 {
            for x in 0..100 {
                let at = |p: &Picture| <[u8; 3]>::try_from(&p.row(y)[x * 3..x * 3 + 3]).unwrap();
                // A tenth more: 38 to 62, 19 to 31.
                if (38..62).contains(&x) && (19..31).contains(&y) {
                    colours.insert(at(&after));
                } else {
                    assert_eq!(at(&after), at(&before), "{x},{y}");
                }
            }
        }
        assert!(colours.len() <= 8, "{} colours", colours.len());
    }

    proptest! {
        #[test]
        fn no_region_is_too_odd(w in 1u32..40, h in 1u32..40, x in 0.0f32..0.99, y in 0.0f32..0.99, bw in 1e-6f32..1.0, bh in 1e-6f32..1.0) {
            if let Some(region) = NormBox::clipped(x, y, x + bw, y + bh) {
                pixelate(&mut noise(w, h), region);
            }
        }
    }
}
