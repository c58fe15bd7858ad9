//! The speed at which a zone's traffic goes where nobody is in the way, learned over days.
//!
//! Speeds of vehicles on a road that is free (level A or B) go into a histogram whose older entries fade; free flow is its median. Travel-time index = free flow / speed now
//! (TomTom's and the FHWA's measure: 1 is free, 2 takes twice as long). Works in km/h where calibrated, in box lengths per second elsewhere.

use serde::{Deserialize, Serialize};

/// Classes of the histogram, each this much wider than the one before: 0.05 to 250 in whatever unit.
const CLASSES: usize = 96;
const FIRST: f32 = 0.05;
const RATIO: f32 = 1.094;
/// So many vehicles before a free flow is told.
const VEHICLES_MIN: f32 = 60.0;
/// At this weight all entries are halved: some days of a quiet road, so that roadworks are learned and forgotten.
const WEIGHT_MAX: f32 = 20_000.0;

/// The histogram of one zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FreeFlow {
    classes: Vec<f32>,
}

impl Default for FreeFlow {
    fn default() -> Self {
        Self { classes: vec![0.0; CLASSES] }
    }
}

impl FreeFlow {
    /// A vehicle went at this speed with nobody in its way.
    pub fn saw(&mut self, speed: f32) {
        if !speed.is_finite() || speed < FIRST {
            return;
        }
        let class = ((speed / FIRST).ln() / RATIO.ln()) as usize;
        self.classes.resize(CLASSES, 0.0);
        self.classes[class.min(CLASSES - 1)] += 1.0;
        if self.classes.iter().sum::<f32>() > WEIGHT_MAX {
            self.classes.iter_mut().for_each(|weight| *weight /= 2.0);
        }
    }

    /// The median, once enough was seen.
    pub fn speed(&self) -> Option<f32> {
        let all: f32 = self.classes.iter().sum();
        if all < VEHICLES_MIN {
            return None;
        }
        let mut below = 0.0;
        self.classes.iter().enumerate().find_map(|(class, weight)| {
            let before = below;
            below += weight;
            (below >= all / 2.0).then(|| FIRST * RATIO.powf(class as f32 + (all / 2.0 - before) / weight.max(1e-6)))
        })
    }
}

/// Free flow over speed; `None` where nobody drives.
pub(crate) fn travel_time_index(free: Option<f32>, speed: Option<f32>) -> Option<f32> {
    /// Traffic that stands would take for ever: told as this.
    const MAX: f32 = 20.0;
    let (free, speed) = (free?, speed?);
    Some((free / speed.max(free / MAX)).max(0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_free_vehicles_within_some_per_cent() {
        let mut flow = FreeFlow::default();
        (0..59).for_each(|_| flow.saw(40.0));
        assert_eq!(flow.speed(), None, "too few");
        (0..300).for_each(|n| flow.saw(30.0 + 0.1 * n as f32));
        let speed = flow.speed().unwrap();
        assert!((42.0..46.0).contains(&speed), "{speed}");
        assert_eq!(travel_time_index(Some(40.0), Some(20.0)), Some(2.0));
        assert_eq!(travel_time_index(Some(40.0), Some(0.0)), Some(20.0));
    }
}
