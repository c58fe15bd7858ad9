//! The edges of a picture, and how they compare with another picture's, by day and by night.
//!
//! Brightness changes by day and night; where edges are and how they run changes little. So each pixel is described by the direction of
//! its edge alone, as a vector at twice its angle (a white line on black runs like a black one on white), at most 1 long.

use matpho_scene::health::Shift;
use opencv::{
    core::{self, Mat, Size, Vec2f},
    imgproc,
    prelude::*,
};

/// Edges weaker than this many grey levels a pixel are noise.
const WEAK: f32 = 6.0;

/// Blocks across and down that vote on the likeness.
const BLOCKS: (i32, i32) = (8, 6);

/// Share of the blocks that must still be alike for the view to be the same. A jam or a flood changes most of a street's picture, but never its
/// houses; a camera that was moved changes all of it. With half of the blocks, a flooded street counted as a moved camera.
const KEPT: f64 = 0.2;

/// Blur of the edges before they are compared, in pixels of the halved picture: a camera that sways in the wind has not moved.
const TOLERANCE: f64 = 1.0;

/// Mean squared length of the edges in a block, below which there is nothing to recognise in it.
const TEXTURE_MIN: f64 = 2e-3;

/// A peak of the phase correlation under this is one of many: pictures without anything in common reach 0.06.
const RESPONSE_MIN: f64 = 0.1;

/// Share of a side beyond which a shift is not to be trusted: too little of the two pictures is in common.
const SHIFT_MAX: f64 = 0.4;

/// A shift beyond this share of a side has to prove itself …
const SMALL: f64 = 0.01;

/// … by this much more likeness once it is undone: a queue that moved on registers too, but the houses around it did not move.
const GAIN_MIN: f32 = 0.1;

/// The edges of one picture.
#[derive(Debug)]
pub struct Edges {
    /// Direction at twice the angle, blurred, at half the picture's size, which is a quarter of the work: 2 channels of f32.
    directions: Mat,
    /// Strength, 0 to 1, for registration: f32. At full size: what is averaged registers badly.
    strength: Mat,
}

impl Edges {
    /// Of a grey picture.
    pub fn of(grey: &Mat) -> opencv::Result<Self> {
        let mut smooth = Mat::default();
        imgproc::gaussian_blur_def(grey, &mut smooth, Size::new(3, 3), 0.8)?;
        let (mut across, mut down) = (Mat::default(), Mat::default());
        imgproc::sobel(&smooth, &mut across, core::CV_32F, 1, 0, 3, 0.25, 0.0, core::BORDER_REPLICATE)?;
        imgproc::sobel(&smooth, &mut down, core::CV_32F, 0, 1, 3, 0.25, 0.0, core::BORDER_REPLICATE)?;
        let mut directions = Mat::zeros(grey.rows(), grey.cols(), core::CV_32FC2)?.to_mat()?;
        let mut strength = Mat::zeros(grey.rows(), grey.cols(), core::CV_32F)?.to_mat()?;
        {
            let (across, down) = (across.data_typed::<f32>()?, down.data_typed::<f32>()?);
            let directions = directions.data_typed_mut::<Vec2f>()?;
            let strength = strength.data_typed_mut::<f32>()?;
            for (((&x, &y), direction), strength) in across.iter().zip(down).zip(directions).zip(strength) {
                let squared = x * x + y * y;
                // Twice the angle: cos 2a = (x² - y²) / |g|², sin 2a = 2 x y / |g|².
                let weight = squared / (squared + WEAK * WEAK) / squared.max(1e-6);
                *direction = Vec2f::from([(x * x - y * y) * weight, 2.0 * x * y * weight]);
                *strength = squared / (squared + WEAK * WEAK);
            }
        }
        let half = Size::new(grey.cols() / 2, grey.rows() / 2);
        let (mut small, mut blurred) = (Mat::default(), Mat::default());
        imgproc::resize(&directions, &mut small, half, 0.0, 0.0, imgproc::INTER_AREA)?;
        imgproc::gaussian_blur_def(&small, &mut blurred, Size::new(0, 0), TOLERANCE)?;
        Ok(Self { directions: blurred, strength })
    }

    /// How alike the edges of another picture of the same size are, 0 to 1: what the best fifth of the picture's blocks reach, so that
    /// what happens on the street does not matter. 0 where this picture has nothing to recognise.
    pub fn likeness(&self, other: &Self) -> f32 {
        self.likeness_at(other, (0, 0))
    }

    /// The likeness when the other picture is moved back by so many pixels, to the right and down, of the half size.
    fn likeness_at(&self, other: &Self, (right, down): (isize, isize)) -> f32 {
        let (Ok(here), Ok(there)) = (self.directions.data_typed::<Vec2f>(), other.directions.data_typed::<Vec2f>()) else {
            return 0.0;
        };
        let (width, height) = (self.directions.cols() as usize, self.directions.rows() as usize);
        let (blocks_across, blocks_down) = (BLOCKS.0 as usize, BLOCKS.1 as usize);
        let mut votes = Vec::with_capacity(blocks_across * blocks_down);
        for block in 0..blocks_across * blocks_down {
            let (column, row) = (block % blocks_across, block / blocks_across);
            let rows = row * height / blocks_down..(row + 1) * height / blocks_down;
            let columns = column * width / blocks_across..(column + 1) * width / blocks_across;
            let pixels = rows.flat_map(|y| columns.clone().map(move |x| y * width + x));
            let pair = |i: usize| {
                let (x, y) = ((i % width).checked_add_signed(right)?, (i / width).checked_add_signed(down)?);
                (x < width && y < height).then(|| (here[i], there[y * width + x]))
            };
            votes.extend(correlation(pixels.filter_map(pair)));
        }
        votes.sort_by(f32::total_cmp);
        let kept = ((1.0 - KEPT) * votes.len() as f64) as usize;
        votes.get(kept).copied().unwrap_or(0.0)
    }

    /// Where another picture of the same size lies against this one; `None` where the two have too little in common.
    pub fn shift_to(&self, other: &Self) -> opencv::Result<Option<Shift>> {
        let mut window = Mat::default();
        imgproc::create_hanning_window(&mut window, self.strength.size()?, core::CV_32F)?;
        let mut response = 0.0f64;
        let shift = imgproc::phase_correlate(&self.strength, &other.strength, &window, Some(&mut response))?;
        let response = response.clamp(0.0, 1.0);
        let size = self.strength.size()?;
        let (dx, dy) = (shift.x / f64::from(size.width), shift.y / f64::from(size.height));
        let mut trusted = response >= RESPONSE_MIN && dx.abs() <= SHIFT_MAX && dy.abs() <= SHIFT_MAX;
        if trusted && dx.hypot(dy) > SMALL {
            let back = ((shift.x / 2.0).round() as isize, (shift.y / 2.0).round() as isize);
            trusted = self.likeness_at(other, back) > self.likeness(other) + GAIN_MIN;
        }
        Ok(trusted.then_some(Shift { dx: dx as f32, dy: dy as f32, response: response as f32 }))
    }
}

/// Normalised correlation of two fields of directions, 0 to 1; `None` where the first has too little to recognise.
fn correlation(pairs: impl Iterator<Item = (Vec2f, Vec2f)>) -> Option<f32> {
    let (mut count, mut here, mut there, mut both) = (0.0f64, [0.0f64; 3], [0.0f64; 3], 0.0f64);
    for (a, b) in pairs {
        let (a, b) = ([f64::from(a[0]), f64::from(a[1])], [f64::from(b[0]), f64::from(b[1])]);
        count += 1.0;
        for (sums, v) in [(&mut here, a), (&mut there, b)] {
            sums[0] += v[0];
            sums[1] += v[1];
            sums[2] += v[0] * v[0] + v[1] * v[1];
        }
        both += a[0] * b[0] + a[1] * b[1];
    }
    // Without the mean direction: that lamp posts stand upright in both pictures makes no likeness.
    let spread = |sums: [f64; 3]| sums[2] - (sums[0] * sums[0] + sums[1] * sums[1]) / count;
    let common = both - (here[0] * there[0] + here[1] * there[1]) / count;
    if count < 1.0 || spread(here) / count < TEXTURE_MIN {
        return None;
    }
    let scale = (spread(here) * spread(there)).sqrt();
    Some(if scale > 1e-9 { (common / scale).clamp(0.0, 1.0) as f32 } else { 0.0 })
}
