//! How usable a picture is: brightness, sharpness, change, and displacement against a reference.

use std::collections::VecDeque;

use matpho_scene::{Picture, PictureHealth, PictureSize};
use opencv::{
    core::{self, Mat, Scalar, Size},
    imgproc,
    prelude::*,
};

use crate::edges::Edges;

/// Pixels across of the grey copy that everything is measured on.
const WIDTH: i32 = 320;

/// A pixel from this grey level on is near white.
const BRIGHT: f64 = 240.0;

/// Pictures whose mean makes the reference where none was set: enough for traffic to fade.
const REFERENCE_PICTURES: usize = 5;

/// Blocks across and down whose sharpness is told apart: about as large as a line of burnt-in text is high.
const BLOCKS: (i32, i32) = (16, 9);

/// This share of the blocks may be sharper than what counts as the picture's sharpness: a clock and a name that are written into the picture stay sharp behind
/// any lens, and fill up to a tenth of it. Over clips blurred by 1/220 to 1/70 of their width it falls to 0 to 12 % of what it was, while street life leaves at
/// least 69 %; the variance over the whole picture stayed at up to 69 % under a clock.
const SHARPER: f64 = 0.2;

/// A picture counts towards the reference where its mean brightness lies in this range …
const REFERENCE_LUMA: std::ops::RangeInclusive<f32> = 30.0..=225.0;

/// … and its brightness varies at least by this standard deviation: neither night, glare nor a covered lens makes a reference.
const REFERENCE_STD_MIN: f32 = 15.0;

/// OpenCV refused to work on a picture.
#[derive(Debug, thiserror::Error)]
#[error("failed to {attempted} of a {size} picture")]
pub struct HealthError {
    pub(crate) attempted: &'static str,
    pub(crate) size: PictureSize,
    #[source]
    pub(crate) source: opencv::Error,
}

/// Measures the pictures of one camera, one after the other. Works on a grey copy at most 320 pixels wide.
#[derive(Debug, Default)]
pub struct HealthProbe {
    /// Size of the grey copies: that of the first picture, so that a change of resolution changes nothing.
    size: Option<Size>,
    previous: Option<Mat>,
    reference: Option<Reference>,
    /// Good pictures, on the way to a reference.
    candidates: VecDeque<Mat>,
}

#[derive(Debug)]
struct Reference {
    grey: Mat,
    edges: Edges,
}

impl HealthProbe {
    /// A probe without a reference: it makes one of the first good pictures.
    ///
    /// OpenCV's own threads are switched off in the whole process: pictures this small gain nothing by them, and one camera's
    /// measurement must not take the processor from the next.
    pub fn new() -> Self {
        // Refused only by builds that have no threads to switch off.
        let _ = core::set_num_threads(1);
        Self::default()
    }

    /// Takes a picture of the view as it should be, such as the one its zones were drawn on; shift and likeness are measured against
    /// it from now on.
    pub fn set_reference(&mut self, picture: &Picture) -> Result<(), HealthError> {
        let failed = |source| HealthError { attempted: "take the reference", size: picture.size(), source };
        let grey = self.grey(picture).map_err(failed)?;
        let edges = Edges::of(&grey).map_err(failed)?;
        self.reference = Some(Reference { grey, edges });
        self.candidates.clear();
        Ok(())
    }

    /// Takes the view as it is: the picture measured last becomes the reference, or the next good pictures do where that one is too dark, glaring or uniform.
    /// For a camera that was moved.
    pub fn accept_view(&mut self) -> Result<(), HealthError> {
        self.reference = None;
        self.candidates.clear();
        let Some(grey) = &self.previous else { return Ok(()) };
        let size = PictureSize { width: grey.cols() as u32, height: grey.rows() as u32 };
        let failed = |source| HealthError { attempted: "take the view as it is", size, source };
        let (luma_mean, luma_std) = mean_and_std(grey).map_err(failed)?;
        if is_good(luma_mean, luma_std) {
            let edges = Edges::of(grey).map_err(failed)?;
            self.reference = Some(Reference { grey: grey.try_clone().map_err(failed)?, edges });
        }
        Ok(())
    }

    /// The grey, small picture that shift and likeness are measured against, to be kept over a restart and handed to
    /// [`HealthProbe::set_reference`] then.
    pub fn reference(&self) -> Option<Picture> {
        let grey = &self.reference.as_ref()?.grey;
        let size = PictureSize { width: grey.cols() as u32, height: grey.rows() as u32 };
        let rgb = grey.data_bytes().ok()?.iter().flat_map(|&level| [level; 3]).collect();
        Picture::from_rgb(size, rgb).ok()
    }

    /// Measures one picture. `change` is against the picture measured before it.
    pub fn measure(&mut self, picture: &Picture) -> Result<PictureHealth, HealthError> {
        let failed = |attempted| move |source| HealthError { attempted, size: picture.size(), source };
        let grey = self.grey(picture).map_err(failed("make a grey copy"))?;
        let (luma_mean, luma_std) = mean_and_std(&grey).map_err(failed("measure the brightness"))?;
        let bright_share = bright_share(&grey).map_err(failed("measure the glare"))?;
        let sharpness = sharpness(&grey).map_err(failed("measure the sharpness"))?;
        let change = match &self.previous {
            Some(previous) => Some(change(previous, &grey).map_err(failed("measure the change"))?),
            None => None,
        };
        let (mut shift, mut likeness) = (None, None);
        if let Some(reference) = &self.reference {
            let edges = Edges::of(&grey).map_err(failed("find the edges"))?;
            likeness = Some(reference.edges.likeness(&edges));
            shift = reference.edges.shift_to(&edges).map_err(failed("measure the shift"))?;
        } else if is_good(luma_mean, luma_std) {
            self.consider(&grey).map_err(failed("make a reference"))?;
        }
        self.previous = Some(grey);
        Ok(PictureHealth { luma_mean, luma_std, bright_share, sharpness, change, shift, likeness })
    }

    /// A good picture: with enough of them the reference is their mean.
    fn consider(&mut self, grey: &Mat) -> opencv::Result<()> {
        self.candidates.push_back(grey.try_clone()?);
        if self.candidates.len() < REFERENCE_PICTURES {
            return Ok(());
        }
        let mut sum = Mat::zeros(grey.rows(), grey.cols(), core::CV_32F)?.to_mat()?;
        for candidate in &self.candidates {
            imgproc::accumulate_def(candidate, &mut sum)?;
        }
        let mut mean = Mat::default();
        sum.convert_to(&mut mean, core::CV_8U, 1.0 / self.candidates.len() as f64, 0.0)?;
        self.reference = Some(Reference { edges: Edges::of(&mean)?, grey: mean });
        self.candidates.clear();
        Ok(())
    }

    fn grey(&mut self, picture: &Picture) -> opencv::Result<Mat> {
        let PictureSize { width, height } = picture.size();
        let size = *self.size.get_or_insert_with(|| {
            let across = WIDTH.min(width as i32).max(16);
            Size::new(across, (f64::from(across) * f64::from(height) / f64::from(width)).round().max(16.0) as i32)
        });
        let flat = Mat::new_rows_cols_with_data(height as i32, width as i32 * 3, picture.rgb())?;
        let rgb = flat.reshape(3, 0)?;
        let mut small = Mat::default();
        imgproc::resize(&rgb, &mut small, size, 0.0, 0.0, imgproc::INTER_AREA)?;
        let mut grey = Mat::default();
        imgproc::cvt_color_def(&small, &mut grey, imgproc::COLOR_RGB2GRAY)?;
        Ok(grey)
    }
}

/// Whether a picture may be a reference.
fn is_good(luma_mean: f32, luma_std: f32) -> bool {
    REFERENCE_LUMA.contains(&luma_mean) && luma_std >= REFERENCE_STD_MIN
}

fn mean_and_std(grey: &impl core::ToInputArray) -> opencv::Result<(f32, f32)> {
    let (mut mean, mut std) = (Scalar::default(), Scalar::default());
    core::mean_std_dev(grey, &mut mean, &mut std, &core::no_array())?;
    Ok((mean[0] as f32, std[0] as f32))
}

fn bright_share(grey: &Mat) -> opencv::Result<f32> {
    let mut bright = Mat::default();
    imgproc::threshold(grey, &mut bright, BRIGHT - 1.0, 255.0, imgproc::THRESH_BINARY)?;
    Ok(core::count_non_zero(&bright)? as f32 / grey.total() as f32)
}

/// Variance of the Laplacian (Pech-Pacheco et al. 2000), block by block: what all but [`SHARPER`] of the blocks stay below.
fn sharpness(grey: &Mat) -> opencv::Result<f32> {
    let mut laplacian = Mat::default();
    imgproc::laplacian_def(grey, &mut laplacian, core::CV_16S)?;
    let (width, height) = (grey.cols(), grey.rows());
    let (across, down) = (BLOCKS.0.min(width), BLOCKS.1.min(height));
    let mut blocks = Vec::with_capacity((across * down) as usize);
    for row in 0..down {
        let (top, bottom) = (row * height / down, (row + 1) * height / down);
        for column in 0..across {
            let (left, right) = (column * width / across, (column + 1) * width / across);
            let block = laplacian.roi(core::Rect::new(left, top, right - left, bottom - top))?;
            blocks.push(mean_and_std(&block)?.1.powi(2));
        }
    }
    blocks.sort_by(f32::total_cmp);
    Ok(blocks[((1.0 - SHARPER) * (blocks.len() - 1) as f64) as usize])
}

/// Mean absolute difference.
fn change(before: &Mat, now: &Mat) -> opencv::Result<f32> {
    Ok((core::norm2(before, now, core::NORM_L1, &core::no_array())? / now.total() as f64) as f32)
}
