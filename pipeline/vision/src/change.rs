//! How much a place changes from one picture to the next: flames never hold still, lamps, signs and a low sun do.

use matpho_scene::{Change, NormBox, Picture};
use opencv::{
    core::{self, Mat, Rect, Size},
    imgproc,
    prelude::*,
};

use crate::health::HealthError;

/// Pixels across of the grey copy: the grain of a flame, without the sensor's noise.
const WIDTH: i32 = 320;

/// Blocks across and down by which the usual change of a picture is told.
const BLOCKS: (i32, i32) = (16, 9);

/// Compares each picture of one camera with the one before.
#[derive(Debug, Default)]
pub struct ChangeProbe {
    previous: Option<Mat>,
}

impl ChangeProbe {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a picture; tells how much each of `boxes` changed since the last one taken, in their order. `None` for the first picture, and
    /// after a change of resolution. Without boxes the picture is only kept.
    pub fn measure(&mut self, picture: &Picture, boxes: &[NormBox]) -> Result<Option<Vec<Change>>, HealthError> {
        let failed = |source| HealthError { attempted: "measure the change in places", size: picture.size(), source };
        let grey = grey(picture).map_err(failed)?;
        let previous = self.previous.replace(grey);
        let (Some(previous), Some(grey)) = (previous, &self.previous) else { return Ok(None) };
        if previous.size().map_err(failed)? != grey.size().map_err(failed)? {
            return Ok(None);
        }
        if boxes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        changes(&previous, grey, boxes).map(Some).map_err(failed)
    }
}

fn changes(before: &Mat, now: &Mat, boxes: &[NormBox]) -> opencv::Result<Vec<Change>> {
    let mut difference = Mat::default();
    core::absdiff(before, now, &mut difference)?;
    let (columns, rows) = (f64::from(now.cols()), f64::from(now.rows()));
    let around = usual(&difference)?;
    boxes
        .iter()
        .map(|bbox| {
            let (left, top) = ((f64::from(bbox.x1()) * columns) as i32, (f64::from(bbox.y1()) * rows) as i32);
            let left = left.clamp(0, now.cols() - 2);
            let top = top.clamp(0, now.rows() - 2);
            let width = ((f64::from(bbox.x2()) * columns).ceil() as i32 - left).clamp(2, now.cols() - left);
            let height = ((f64::from(bbox.y2()) * rows).ceil() as i32 - top).clamp(2, now.rows() - top);
            let place = difference.roi(Rect::new(left, top, width, height))?;
            Ok(Change { inside: core::mean(&place, &core::no_array())?[0] as f32, around })
        })
        .collect()
}

/// What half of the blocks of a picture change by at most: of noise, rain and a camera that shakes, but not of the traffic in a part of it.
fn usual(difference: &Mat) -> opencv::Result<f32> {
    let (mut precise, mut blocks) = (Mat::default(), Mat::default());
    difference.convert_to(&mut precise, core::CV_32F, 1.0, 0.0)?;
    imgproc::resize(&precise, &mut blocks, Size::new(BLOCKS.0, BLOCKS.1), 0.0, 0.0, imgproc::INTER_AREA)?;
    let mut means = blocks.data_typed::<f32>()?.to_vec();
    let middle = (means.len() - 1) / 2;
    Ok(*means.select_nth_unstable_by(middle, f32::total_cmp).1)
}

fn grey(picture: &Picture) -> opencv::Result<Mat> {
    let (width, height) = (picture.size().width as i32, picture.size().height as i32);
    let across = WIDTH.min(width).max(16);
    let down = (f64::from(across) * f64::from(height) / f64::from(width)).round().max(16.0) as i32;
    let flat = Mat::new_rows_cols_with_data(height, width * 3, picture.rgb())?;
    let rgb = flat.reshape(3, 0)?;
    let mut small = Mat::default();
    imgproc::resize(&rgb, &mut small, Size::new(across, down), 0.0, 0.0, imgproc::INTER_AREA)?;
    let mut grey = Mat::default();
    imgproc::cvt_color_def(&small, &mut grey, imgproc::COLOR_RGB2GRAY)?;
    Ok(grey)
}

#[cfg(test)]
mod tests {
    use matpho_scene::PictureSize;

    use super::*;

    const SIZE: PictureSize = PictureSize { width: 640, height: 360 };

    /// A grey street with a flame (columns that change) on the left and a lamp on the right.
    fn street(tick: u32) -> Picture {
        let level = |x: u32, y: u32| match (x, y) {
            (64..128, 100..200) => (120 + (x / 8 * 37 + y / 8 * 11 + tick * 53) % 130) as u8,
            (500..540, 100..140) => 250,
            _ => 90,
        };
        let rgb = (0..SIZE.height).flat_map(|y| (0..SIZE.width).flat_map(move |x| [level(x, y); 3])).collect();
        Picture::from_rgb(SIZE, rgb).unwrap()
    }

    #[test]
    fn a_flame_changes_and_a_lamp_does_not() {
        let flame: NormBox = [0.1, 0.28, 0.2, 0.55].try_into().unwrap();
        let lamp: NormBox = [0.78, 0.27, 0.85, 0.4].try_into().unwrap();
        let mut probe = ChangeProbe::new();
        assert_eq!(probe.measure(&street(0), &[flame]).unwrap(), None, "nothing to compare with");
        let changes = probe.measure(&street(1), &[flame, lamp]).unwrap().unwrap();
        assert!(changes[0].inside > 20.0 && changes[0].around < 1.0, "{changes:?}");
        assert!(changes[1].inside < 1.0, "{changes:?}");
        let still = probe.measure(&street(1), &[flame]).unwrap().unwrap();
        assert_eq!(still[0], Change { inside: 0.0, around: 0.0 });
    }

    #[test]
    fn no_box_is_too_small_and_no_picture_either() {
        let dot: NormBox = [0.999, 0.999, 1.0, 1.0].try_into().unwrap();
        for size in [PictureSize { width: 1, height: 1 }, SIZE] {
            let picture = Picture::from_rgb(size, vec![9; size.pixels() * 3]).unwrap();
            let mut probe = ChangeProbe::new();
            probe.measure(&picture, &[dot]).unwrap();
            assert_eq!(probe.measure(&picture, &[dot]).unwrap().unwrap().len(), 1);
        }
    }
}
