//! A per-pixel probability over the picture, at the model's own coarse resolution.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::geometry::{NormPoint, Polygon};

/// Probability that each cell shows water, as a grid that spans the whole picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    width: u32,
    height: u32,
    /// `[height * width]`, rows from the top; 255 is certain.
    cells: Arc<Vec<u8>>,
}

/// What one look says of the water in a zone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WaterReading {
    /// Share of the zone under water, 0 to 1.
    pub share: f32,
    /// Probability of water at each of the zone's depth marks, 0 to 1, in their order; empty where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<f32>,
    /// Columns and rows of the mask that they were read from: how fine it is; zeros where that is not known.
    #[serde(default, skip_serializing_if = "WaterReading::is_unknown")]
    pub grid: [u32; 2],
}

impl WaterReading {
    fn is_unknown(grid: &[u32; 2]) -> bool {
        *grid == [0, 0]
    }

    /// A share, and no marks.
    pub const fn share(share: f32) -> Self {
        Self { share, marks: Vec::new(), grid: [0, 0] }
    }
}

/// Why bytes are not a mask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {width}x{height} mask has {} cells, {got} were given", *width as usize * *height as usize)]
pub struct MaskError {
    width: u32,
    height: u32,
    got: usize,
}

impl Mask {
    /// From `width * height` cells, rows from the top; 0 is surely not, 255 surely.
    pub fn new(width: u32, height: u32, cells: Vec<u8>) -> Result<Self, MaskError> {
        if cells.len() == width as usize * height as usize && !cells.is_empty() {
            Ok(Self { width, height, cells: Arc::new(cells) })
        } else {
            Err(MaskError { width, height, got: cells.len() })
        }
    }

    /// Columns and rows.
    pub fn grid(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    /// Cells across.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Cells down.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The cells, rows from the top.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// The share, 0 to 1, of the cells inside `zone` whose probability is at least `threshold` (0..=255);
    /// `None` where no cell's centre lies inside the zone.
    pub fn share_within(&self, zone: &Polygon, threshold: u8) -> Option<f32> {
        let (mut inside, mut over) = (0u32, 0u32);
        for y in 0..self.height {
            for x in 0..self.width {
                if zone.contains(self.cell_centre(x, y)) {
                    inside += 1;
                    over += u32::from(self.cells[(y * self.width + x) as usize] >= threshold);
                }
            }
        }
        (inside > 0).then(|| over as f32 / inside as f32)
    }

    /// Probability, 0 to 1, at a point: between the centres of its four nearest cells.
    pub fn at(&self, point: NormPoint) -> f32 {
        let place = |share: f32, cells: u32| {
            let at = (share * cells as f32 - 0.5).clamp(0.0, cells as f32 - 1.0);
            let low = (at as u32).min(cells - 1);
            (low, (low + 1).min(cells - 1), at - low as f32)
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (place(point.x, self.width), place(point.y, self.height));
        let cell = |x: u32, y: u32| f32::from(self.cells[(y * self.width + x) as usize]) / 255.0;
        let row = |y: u32| cell(x0, y) * (1.0 - fx) + cell(x1, y) * fx;
        row(y0) * (1.0 - fy) + row(y1) * fy
    }

    /// The centre of a cell in the picture.
    pub fn cell_centre(&self, x: u32, y: u32) -> NormPoint {
        NormPoint::clamped((x as f32 + 0.5) / self.width as f32, (y as f32 + 0.5) / self.height as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Polygon;

    #[test]
    fn a_point_lies_between_its_cells() {
        let mask = Mask::new(2, 1, vec![0, 255]).unwrap();
        let at = |x| mask.at(NormPoint::clamped(x, 0.5));
        assert_eq!((at(0.0), at(0.25), at(0.5), at(1.0)), (0.0, 0.0, 0.5, 1.0));
    }

    #[test]
    fn share_counts_only_the_zone() {
        let mask = Mask::new(2, 2, vec![255, 0, 255, 255]).unwrap();
        assert_eq!(mask.share_within(&Polygon::whole_picture(), 128), Some(0.75));
        let left: Polygon = Polygon::try_from(vec![[0.0, 0.0], [0.4, 0.0], [0.4, 1.0], [0.0, 1.0]]).unwrap();
        assert_eq!(mask.share_within(&left, 128), Some(1.0));
    }
}
