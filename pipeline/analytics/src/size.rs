//! How large a car is in each part of the picture, learned from those that nobody hides: detectors like to call lorries and buses cars, and their size tells.
//!
//! By where it stands, across too: beside the camera a car shows its side.

use matpho_scene::{NormBox, TrackId};

/// Cells across and down, by where a vehicle stands.
const COLUMNS: usize = 8;
const ROWS: usize = 24;
/// How far one car moves the median of its cell, in logarithms of the size: some hundred cars make it exact to a few per cent.
const STEP: f32 = 0.02;
/// So many cars before a cell is known, or a row of them.
const CELL_CARS_MIN: u32 = 16;
const ROW_CARS_MIN: u32 = 30;
/// Root of the area beside that of the usual car there: large cars reach 1.15, vans 1.3, lorries begin at 1.3, buses at 1.5. There are more vans than lorries that are called
/// cars, so the limit spares vans. Beside the usual car of a whole row the side that a car shows counts too.
const HEAVY_RATIO: f32 = 1.45;
const HEAVY_RATIO_IN_ROW: f32 = 1.6;

/// Median size of cars by cell, and by row.
#[derive(Debug)]
pub(crate) struct CarSizes {
    cells: Vec<Cell>,
    rows: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Logarithm of the root of the area.
    median: f32,
    cars: u32,
    /// The last of them, so that each counts once in a row.
    last: Option<TrackId>,
}

impl Default for CarSizes {
    fn default() -> Self {
        Self { cells: vec![Cell::default(); COLUMNS * ROWS], rows: vec![Cell::default(); ROWS] }
    }
}

/// Row and cell.
fn place_of(bbox: NormBox) -> (usize, usize) {
    let index = |v: f32, n: usize| ((v * n as f32) as usize).min(n - 1);
    let foot = bbox.foot();
    let row = index(foot.y, ROWS);
    (row, row * COLUMNS + index(foot.x, COLUMNS))
}

fn size(bbox: NormBox) -> f32 {
    bbox.area().max(1e-8).ln() / 2.0
}

impl Cell {
    fn learn(&mut self, who: TrackId, size: f32, cars_min: u32) {
        if self.last == Some(who) {
            return;
        }
        self.last = Some(who);
        // The first ones as a mean, so that the median begins near its place.
        let first = self.cars < cars_min / 2;
        self.median += if first { (size - self.median) / (self.cars + 1) as f32 } else { STEP.copysign(size - self.median) };
        self.cars = self.cars.saturating_add(1);
    }
}

impl CarSizes {
    /// Something that is called a car was seen whole.
    pub fn learn(&mut self, who: TrackId, bbox: NormBox) {
        let (row, cell) = place_of(bbox);
        self.rows[row].learn(who, size(bbox), ROW_CARS_MIN);
        self.cells[cell].learn(who, size(bbox), CELL_CARS_MIN);
    }

    /// Whether something seen whole is too large for a car; `None` where cars are not known.
    pub fn is_heavy(&self, bbox: NormBox) -> Option<bool> {
        let (row, cell) = place_of(bbox);
        let (row, cell) = (self.rows[row], self.cells[cell]);
        let known = (cell.cars >= CELL_CARS_MIN).then_some((cell, HEAVY_RATIO));
        let (usual, ratio) = known.or((row.cars >= ROW_CARS_MIN).then_some((row, HEAVY_RATIO_IN_ROW)))?;
        Some(size(bbox) - usual.median > ratio.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing_at(y2: f32, width: f32, height: f32) -> NormBox {
        NormBox::clipped(0.4, y2 - height, 0.4 + width, y2).unwrap()
    }

    #[test]
    fn a_lorry_among_cars_is_told_by_its_size_at_its_place() {
        let mut sizes = CarSizes::default();
        let car = |n: u64, scale: f32| {
            let tremble = 1.0 + 0.06 * ((n % 7) as f32 - 3.0) / 3.0;
            (standing_at(0.5 * scale, 0.1 * scale * tremble, 0.09 * scale), TrackId(n))
        };
        assert_eq!(sizes.is_heavy(car(0, 1.0).0), None, "nothing is known yet");
        for n in 0..200 {
            // One in ten is a lorry that is called a car, and the median stands it.
            let (bbox, who) = if n % 10 == 0 { (standing_at(0.5, 0.13, 0.17), TrackId(n)) } else { car(n, 1.0) };
            sizes.learn(who, bbox);
            let (bbox, who) = car(n, 1.8);
            sizes.learn(who, bbox);
        }
        assert_eq!(sizes.is_heavy(standing_at(0.5, 0.13, 0.17)), Some(true), "a lorry");
        assert_eq!(sizes.is_heavy(standing_at(0.5, 0.11, 0.1)), Some(false), "a large car");
        assert_eq!(sizes.is_heavy(standing_at(0.5, 0.115, 0.13)), Some(false), "a van");
        assert_eq!(sizes.is_heavy(standing_at(0.9, 0.18, 0.16)), Some(false), "a car that is nearer");
    }
}
