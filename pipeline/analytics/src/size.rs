//! How high a car is in each part of the picture, learned from those that nobody hides: detectors like to call lorries and buses cars, and they tower over them.
//!
//! Height tells them apart better than area: beside the camera a car shows its side, which makes its box wide and hardly higher. Where the zone has metres, a box's
//! height is taken in metres at its foot; then all cars of the picture are alike but for what is seen of their roofs, and seven of them are enough. Elsewhere each row of the picture
//! learns its own.

use std::collections::VecDeque;

use matpho_scene::{GroundPlane, NormBox, NormPoint, Polygon};

/// Rows of the picture, by where a vehicle stands.
const ROWS: usize = 24;
/// The usual car is the median of the last ones, and known from so many on: one in ten of them is a van, one in twenty a lorry.
const CARS: usize = 31;
const CARS_MIN: usize = 7;
/// Height of a box beside that of the usual car: vans of 2.2 m reach 1.38, the smallest lorries (2.6 m) begin at 1.5.
const HEAVY_RATIO: f32 = 1.44;
/// A vehicle's heights are known as a mean over so many sightings: one trembles by some 7 %.
const SIGHTINGS_MIN: u32 = 3;

/// How high a thing is beside the usual car: the mean of its free sightings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tallness {
    /// Free sightings, those of them where the usual car is known, and the sum of the logarithms of their ratios.
    sightings: u32,
    compared: u32,
    sum: f32,
    /// The row from which it was last learned.
    row: Option<usize>,
}

impl Tallness {
    /// Whether it is too high for a car.
    pub fn is_heavy(self) -> bool {
        self.compared >= SIGHTINGS_MIN && self.sum > HEAVY_RATIO.ln() * self.compared as f32
    }
}

/// Median height of cars.
#[derive(Debug)]
pub(crate) struct CarHeights {
    /// Where metres are known.
    grounds: Vec<(Polygon, GroundPlane)>,
    /// In picture heights, and in metres.
    rows: [Vec<Usual>; 2],
    /// In metres, wherever.
    all: Usual,
}

#[derive(Debug, Clone, Default)]
struct Usual {
    /// Logarithms of the heights of the last cars.
    last: VecDeque<f32>,
    median: Option<f32>,
}

impl Usual {
    fn learn(&mut self, height: f32) {
        if self.last.len() == CARS {
            self.last.pop_front();
        }
        self.last.push_back(height);
        if self.last.len() >= CARS_MIN {
            let mut sorted: Vec<f32> = self.last.iter().copied().collect();
            sorted.sort_by(f32::total_cmp);
            self.median = Some(sorted[sorted.len() / 2]);
        }
    }
}

impl CarHeights {
    /// `grounds`: zones and their metres.
    pub fn new(grounds: Vec<(Polygon, GroundPlane)>) -> Self {
        Self { grounds, rows: [vec![Usual::default(); ROWS], vec![Usual::default(); ROWS]], all: Usual::default() }
    }

    /// What is called a car was seen whole, in a picture so many times wider than high.
    pub fn look(&mut self, bbox: NormBox, aspect: f32, tallness: &mut Tallness) {
        let foot = bbox.foot();
        let row = ((foot.y * ROWS as f32) as usize).min(ROWS - 1);
        let ground = self.grounds.iter().find(|(zone, _)| zone.contains(foot)).map(|(_, plane)| plane);
        let metres = ground.and_then(|plane| height_m(plane, foot, aspect));
        let height = (bbox.height() * metres.unwrap_or(1.0)).max(1e-4).ln();
        let usual = &mut self.rows[usize::from(metres.is_some())][row];
        // Each counts once in a row, and once in all: who stands at a red light is one car.
        tallness.sightings = tallness.sightings.saturating_add(1);
        if tallness.row != Some(row) {
            tallness.row = Some(row);
            usual.learn(height);
        }
        if metres.is_some() && tallness.sightings == SIGHTINGS_MIN {
            self.all.learn(height);
        }
        if let Some(usual) = usual.median.or(metres.and(self.all.median)) {
            tallness.compared = tallness.compared.saturating_add(1);
            tallness.sum += height - usual;
        }
    }
}

/// Metres that the picture's height takes at a place, for what stands upright there: the same as across the road.
fn height_m(plane: &GroundPlane, foot: NormPoint, aspect: f32) -> Option<f32> {
    /// Part of the picture's width over which metres are taken.
    const ACROSS: f32 = 0.01;
    let at = |x: f32| plane.to_ground(NormPoint::clamped(x, foot.y));
    let left = foot.x.min(1.0 - ACROSS);
    Some(at(left)?.distance_m(at(left + ACROSS)?) as f32 / (ACROSS * aspect))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture as high as 40 m of road at its lower edge, twice as much at its middle.
    fn slope() -> (Polygon, GroundPlane) {
        let zone = Polygon::try_from(vec![[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]).unwrap();
        (zone, GroundPlane { matrix: [10.0, 0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 1.0, 0.0] })
    }

    /// Something so high, where its foot is at `y`.
    fn sight(heights: &mut CarHeights, tallness: &mut Tallness, y: f32, height_m: f32) {
        let height = height_m * y / 10.0;
        let bbox = NormBox::clipped(0.4, y - height, 0.4 + height, y).unwrap();
        heights.look(bbox, 1.0, tallness);
    }

    fn drive(heights: &mut CarHeights, ys: &[f32], height_m: f32) -> bool {
        let mut tallness = Tallness::default();
        ys.iter().for_each(|y| sight(heights, &mut tallness, *y, height_m));
        tallness.is_heavy()
    }

    #[test]
    fn a_lorry_among_cars_is_told_by_its_height_at_its_place() {
        let mut heights = CarHeights::new(Vec::new());
        let (far, near) = ([0.40, 0.41, 0.41], [0.8, 0.81, 0.82]);
        assert!(!drive(&mut heights, &far, 2.6), "nothing is known yet");
        for n in 0..40 {
            // One in ten is a lorry that is called a car, and the median stands it.
            drive(&mut heights, &far, if n % 10 == 0 { 2.8 } else { 1.5 + 0.06 * (n % 5) as f32 });
        }
        assert!(drive(&mut heights, &far, 2.6), "a lorry");
        assert!(!drive(&mut heights, &far, 2.2), "a van");
        assert!(!drive(&mut heights, &near, 2.6), "nothing is known of that row");
    }

    #[test]
    fn metres_tell_it_where_no_car_has_been_yet() {
        let mut heights = CarHeights::new(vec![slope()]);
        for n in 0..12 {
            drive(&mut heights, &[0.40, 0.45, 0.5], 1.5 + 0.06 * (n % 5) as f32);
        }
        assert!(drive(&mut heights, &[0.8, 0.85, 0.9], 2.6));
        assert!(!drive(&mut heights, &[0.8, 0.85, 0.9], 2.2));
    }

    #[test]
    fn a_lorry_that_waits_is_one() {
        let mut heights = CarHeights::new(Vec::new());
        for n in 0..20 {
            drive(&mut heights, &[0.4], 1.5 + 0.06 * (n % 5) as f32);
        }
        drive(&mut heights, &[0.4; 500], 2.8);
        assert!(drive(&mut heights, &[0.4; 3], 2.6), "it did not make lorries usual");
    }
}
