//! How deep water stands, read from marks of known height: which of them are under it.
//!
//! A mark is a place in the picture whose height above the lowest point of its road is known: a line of a surveyed staff drawn up a wall or pillar, a kerb's top, a
//! doorstep, the crown of the road. Water is level, so there is one height up to which marks are wet and above which they are dry; it lies between two
//! marks, and never is known better than that. What comes out is a band, how sure it is, and what it was read from.

use matpho_scene::{NormPoint, event::DepthBand};
use serde::{Deserialize, Serialize};

use crate::{moment::Moment, window::Window};

/// A place in the picture of known height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Where it is seen.
    pub picture: NormPoint,
    /// How high it lies above the lowest point of the zone's road, cm: 0 to 300.
    pub height_cm: f32,
    /// What it lies on.
    #[serde(default)]
    pub on: MarkOn,
}

impl Mark {
    /// Whether its height can be right.
    pub(crate) fn is_sound(&self) -> bool {
        (0.0..=300.0).contains(&self.height_cm)
    }
}

/// What a mark lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkOn {
    /// A staff that was surveyed and drawn up something that stands: a wall, a pillar.
    #[default]
    Staff,
    /// A kerb.
    Kerb,
    /// The road itself: its crown, a ramp, a hump.
    Road,
    /// A step or a door's sill.
    Step,
}

impl MarkOn {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Kerb => "kerb",
            Self::Road => "road",
            Self::Step => "step",
        }
    }
}

/// Above the highest mark, water is taken to stand at most this much higher.
const ABOVE_CM: f32 = 20.0;
/// Below the lowest mark it may be anything down to the road.
const ROAD_CM: f32 = 0.0;
/// The depth is the median of so many readings, and none before so many.
const READINGS: usize = 5;
const READINGS_MIN: usize = 3;

/// What is known of the depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Depth {
    pub band: DepthBand,
    /// 0 to 1.
    pub confidence: f32,
    /// What the mark next to the waterline lies on.
    pub reference: &'static str,
    /// Between these, cm.
    pub between_cm: (f32, f32),
}

/// The marks of one zone over time.
#[derive(Debug)]
pub(crate) struct Gauge {
    /// Lowest first.
    marks: Vec<Mark>,
    /// How many marks were under water, and how well that explains the reading, 0 to 1.
    readings: Window<(usize, f32)>,
}

impl Gauge {
    /// `marks` lowest first; `span`: how long readings stay.
    pub fn new(marks: Vec<Mark>, span: std::time::Duration) -> Self {
        Self { marks, readings: Window::new(span) }
    }

    /// One reading: the probability of water at each mark, in their order.
    pub fn look(&mut self, now: Moment, wet: &[f32]) {
        if !self.marks.is_empty() && wet.len() == self.marks.len() && wet.iter().all(|p| p.is_finite()) {
            self.readings.push(now, waterline(wet));
        }
    }

    /// Between which heights water stands that covers so many marks.
    fn between_cm(&self, under: usize) -> (f32, f32) {
        let height = |n: usize| self.marks.get(n).map(|mark| mark.height_cm);
        let from = under.checked_sub(1).and_then(height).unwrap_or(ROAD_CM);
        (from, height(under).unwrap_or(from + ABOVE_CM))
    }

    /// How much deeper it has become over the last `over`, cm: the newest third of the readings against the oldest.
    pub fn change_cm(&self, now: Moment, over: std::time::Duration) -> Option<f32> {
        let within: Vec<(usize, f32)> =
            self.readings.iter().filter(|(when, _)| now.since(*when) <= over).map(|(_, reading)| *reading).collect();
        let third = within.len() / 3;
        if third == 0 {
            return None;
        }
        let middle_cm = |of: &[(usize, f32)]| {
            let (from, to) = self.between_cm(middle(&mut of.to_vec()));
            (from + to) / 2.0
        };
        Some(middle_cm(&within[2 * third..]) - middle_cm(&within[..third]))
    }

    /// The depth now; `None` without marks, or before there are enough readings.
    pub fn depth(&self) -> Option<Depth> {
        let mut last: Vec<(usize, f32)> = self.readings.values().rev().take(READINGS).copied().collect();
        if last.len() < READINGS_MIN {
            return None;
        }
        let under = middle(&mut last);
        let agreement = last.iter().map(|(_, agreement)| agreement).sum::<f32>() / last.len() as f32;
        let same = last.iter().filter(|(n, _)| *n == under).count() as f32 / last.len() as f32;
        let (from, to) = self.between_cm(under);
        let (band, share) = band_of(from, to);
        let nearest = self.marks[under.saturating_sub(1).min(self.marks.len() - 1)];
        Some(Depth {
            band,
            confidence: (share * agreement * (0.5 + 0.5 * same)).clamp(0.0, 1.0),
            reference: nearest.on.as_str(),
            between_cm: (from, to),
        })
    }
}

/// The middle number of marks under water; the lower of two.
fn middle(readings: &mut [(usize, f32)]) -> usize {
    readings.sort_by_key(|(under, _)| *under);
    readings.get(readings.len().saturating_sub(1) / 2).map_or(0, |(under, _)| *under)
}

/// How many marks, lowest first, are under water: the number that the probabilities speak against least. And how well it explains them, 0 to 1.
fn waterline(wet: &[f32]) -> (usize, f32) {
    let mut against: f32 = wet.iter().sum();
    let mut best = (0, against);
    for (n, p) in wet.iter().enumerate() {
        against += 1.0 - 2.0 * p;
        // The lower line where two explain as much: a band too deep closes a road.
        if against < best.1 - 1e-6 {
            best = (n + 1, against);
        }
    }
    (best.0, (1.0 - best.1 / wet.len() as f32).clamp(0.0, 1.0))
}

/// The band that holds most of a range of depths, and how much of it.
fn band_of(from_cm: f32, to_cm: f32) -> (DepthBand, f32) {
    let inside = |band: DepthBand| {
        let (low, high) = band.range_cm();
        let high = if band == DepthBand::Over50 { f32::INFINITY } else { high };
        (to_cm.min(high) - from_cm.max(low)).max(0.0)
    };
    let span = to_cm - from_cm;
    if span < 0.1 {
        return (DepthBand::of_cm(from_cm), 1.0);
    }
    // The shallower of two that hold as much.
    let best = DepthBand::ALL.into_iter().rev().max_by(|a, b| inside(*a).total_cmp(&inside(*b))).unwrap_or(DepthBand::Under10);
    (best, inside(best) / span)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use matpho_scene::MediaTime;

    use super::*;

    fn gauge(heights_cm: &[f32]) -> Gauge {
        let mark = |&height_cm: &f32| Mark { picture: NormPoint::clamped(0.5, 0.5), height_cm, on: MarkOn::Staff };
        Gauge::new(heights_cm.iter().map(mark).collect(), Duration::from_secs(600))
    }

    fn read(gauge: &mut Gauge, readings: &[&[f32]]) -> Option<Depth> {
        for (n, wet) in readings.iter().enumerate() {
            let now = Moment { at: MediaTime::from_millis(5000 * n as u64), watched: Duration::from_secs(5 * n as u64) };
            gauge.look(now, wet);
        }
        gauge.depth()
    }

    #[test]
    fn the_depth_lies_between_two_marks() {
        let marks = [0.0, 10.0, 20.0, 30.0, 50.0];
        for (wet, band) in [
            ([0.1, 0.0, 0.0, 0.0, 0.0], DepthBand::Under10),
            ([0.9, 0.2, 0.1, 0.0, 0.0], DepthBand::Under10),
            ([0.9, 0.8, 0.3, 0.0, 0.0], DepthBand::From10To20),
            ([0.9, 0.9, 0.9, 0.2, 0.1], DepthBand::From20To30),
            ([0.9, 0.9, 0.9, 0.8, 0.1], DepthBand::From30To50),
            ([0.9, 0.9, 0.9, 0.9, 0.9], DepthBand::Over50),
        ] {
            let depth = read(&mut gauge(&marks), &[&wet[..]; 5]).unwrap();
            assert_eq!(depth.band, band, "{wet:?}");
            assert!(depth.confidence > 0.6, "{depth:?}");
        }
    }

    #[test]
    fn a_dry_mark_below_a_wet_one_is_outvoted_and_costs_confidence() {
        let marks = [0.0, 10.0, 20.0, 30.0];
        let sure = read(&mut gauge(&marks), &[&[0.9, 0.9, 0.9, 0.1][..]; 5]).unwrap();
        let odd = read(&mut gauge(&marks), &[&[0.9, 0.1, 0.9, 0.1][..]; 5]).unwrap();
        assert_eq!(sure.band, DepthBand::From20To30);
        assert!(odd.confidence < 0.8 * sure.confidence, "{odd:?} {sure:?}");
    }

    #[test]
    fn one_bad_reading_changes_nothing() {
        let (wet, bad): (&[f32], &[f32]) = (&[0.9, 0.9, 0.1], &[0.9, 0.1, 0.1]);
        let mut gauge = gauge(&[0.0, 15.0, 40.0]);
        assert_eq!(read(&mut gauge, &[wet, wet, bad, wet, wet]).unwrap().band, DepthBand::From20To30);
    }

    #[test]
    fn marks_far_apart_make_an_unsure_band() {
        let depth = read(&mut gauge(&[0.0, 45.0]), &[&[0.9, 0.1][..]; 5]).unwrap();
        assert!(depth.confidence < 0.4, "{depth:?}");
    }

    #[test]
    fn nothing_is_said_without_marks_or_before_three_readings() {
        assert_eq!(read(&mut gauge(&[]), &[&[][..]; 5]), None);
        assert_eq!(read(&mut gauge(&[10.0]), &[&[0.9][..]; 2]), None);
    }
}
