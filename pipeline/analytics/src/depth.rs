//! How deep water stands, read from marks of known height: which of them are under it.
//!
//! A mark is a place in the picture whose height above the lowest point of its road is known: a line of a surveyed staff drawn up a wall or pillar, a kerb's top, a
//! doorstep, the crown of the road. Water is level, so there is one height up to which marks are wet and above which they are dry. Marks nearer together than
//! a cell of the mask share that cell's probability in part: how it falls along them tells the level between them. A belief over the levels is kept from reading to
//! reading, since water rises slowly. What comes out is the likeliest band, how likely it is, and what it was read from.

use matpho_scene::{NormPoint, WaterReading, event::DepthBand};
use serde::{Deserialize, Serialize};

use crate::{
    moment::Moment,
    window::{Window, median},
};

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

/// Levels that are told apart, one a centimetre, from the road up.
const LEVELS: usize = 101;
/// No depth before so many readings.
const READINGS_MIN: usize = 3;
/// From dry to wet takes so many cells of a mask: what is between is in part of both.
const RAMP_CELLS: f32 = 1.4;
/// Within these, cm of height from dry to wet. A mask that does not say how fine it is counts as the finest.
const RAMP_CM: (f32, f32) = (3.0, 80.0);
/// Marks this many cells apart at most tell how many centimetres a cell holds.
const NEAR_CELLS: f32 = 6.0;
/// What models give to wet places and to dry ones: anything of these, the same along one reference, since a far wall is wet with less certainty
/// than the road before it. Only how it changes along the marks tells the level.
const WET: [f32; 6] = [0.45, 0.55, 0.65, 0.75, 0.85, 0.95];
const DRY: [f32; 6] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
/// Wet differs from dry by this much at least.
const CONTRAST_MIN: f32 = 0.25;
/// Standard deviation of a probability along a staff, and along marks that lie apart; what is worse than three of them is some other error.
const ERROR_STAFF: f32 = 0.06;
const ERROR_APART: f32 = 0.12;
const WORST: f32 = 4.5;
/// Errors of a mask last about so long: readings closer than that tell little that is new. Seconds.
const ERRORS_LAST_S: f32 = 45.0;
/// Water rises and falls by about this much in a second, cm (times the root of the time), and jumps with this chance a second.
const WALK_CM: f32 = 0.47;
const JUMPS: f32 = 0.001;
/// A range of depths holds the truth with this chance.
const SURE: f32 = 0.9;

/// What is known of the depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Depth {
    /// The likeliest.
    pub band: DepthBand,
    /// How likely, 0 to 1.
    pub confidence: f32,
    /// What the mark next to the waterline lies on.
    pub reference: &'static str,
    /// Between these with a chance of nine in ten, cm.
    pub between_cm: (f32, f32),
}

/// Marks whose probabilities are read alike: of one kind, on one side of the picture.
#[derive(Debug)]
struct Reference {
    marks: Vec<usize>,
    error: f32,
}

/// The marks of one zone over time: how likely each level of the water is (a histogram filter).
#[derive(Debug)]
pub(crate) struct Gauge {
    /// Lowest first.
    marks: Vec<Mark>,
    references: Vec<Reference>,
    /// How wet each mark looks at each level, for masks of this many columns and rows.
    wetness: Vec<[f32; LEVELS]>,
    grid: Option<[u32; 2]>,
    belief: [f32; LEVELS],
    last: Option<Moment>,
    /// The mean level after each reading, cm.
    readings: Window<f32>,
}

impl Gauge {
    /// `marks` lowest first; `span`: how long readings stay.
    pub fn new(marks: Vec<Mark>, span: std::time::Duration) -> Self {
        let mut references: Vec<((MarkOn, bool), Reference)> = Vec::new();
        for (n, mark) in marks.iter().enumerate() {
            let key = (mark.on, mark.picture.x < 0.5);
            match references.iter_mut().find(|(known, _)| *known == key) {
                Some((_, reference)) => reference.marks.push(n),
                None => {
                    let error = if mark.on == MarkOn::Staff { ERROR_STAFF } else { ERROR_APART };
                    references.push((key, Reference { marks: vec![n], error }));
                }
            }
        }
        Self {
            marks,
            references: references.into_iter().map(|(_, reference)| reference).collect(),
            wetness: Vec::new(),
            grid: None,
            belief: [1.0 / LEVELS as f32; LEVELS],
            last: None,
            readings: Window::new(span),
        }
    }

    /// One reading of a mask.
    pub fn look(&mut self, now: Moment, seen: &WaterReading) {
        let wet = &seen.marks;
        if self.marks.is_empty() || wet.len() != self.marks.len() || !wet.iter().all(|p| p.is_finite()) {
            return;
        }
        if self.grid != Some(seen.grid) {
            self.grid = Some(seen.grid);
            self.wetness =
                self.ramps_cm(seen.grid).iter().zip(&self.marks).map(|(ramp, mark)| wetness(mark.height_cm, *ramp)).collect();
        }
        let since_s = self.last.replace(now).map_or(ERRORS_LAST_S, |last| now.secs_since(last)).max(0.1);
        self.pass(since_s);
        let news = 1.0 - (-since_s / ERRORS_LAST_S).exp();
        let mut speaks = [0.0f32; LEVELS];
        for reference in &self.references {
            for (sum, log) in speaks.iter_mut().zip(self.likelihood(reference, wet)) {
                *sum += news * log;
            }
        }
        let most = speaks.iter().copied().fold(f32::MIN, f32::max);
        self.belief.iter_mut().zip(speaks).for_each(|(belief, log)| *belief *= (log - most).exp());
        let sum: f32 = self.belief.iter().sum();
        self.belief.iter_mut().for_each(|belief| *belief /= sum.max(f32::MIN_POSITIVE));
        let mean = self.belief.iter().enumerate().map(|(level, belief)| level as f32 * belief).sum();
        self.readings.push(now, mean);
    }

    /// How many centimetres of height it takes from dry to wet at each mark, by how far its neighbours are from it in the mask.
    fn ramps_cm(&self, grid: [u32; 2]) -> Vec<f32> {
        let cells = |mark: &Mark| (mark.picture.x * grid[0] as f32, mark.picture.y * grid[1] as f32);
        let ramp = |mark: &Mark| {
            let ((x, y), higher) = (cells(mark), |other: &Mark| (other.height_cm - mark.height_cm).abs());
            let nearest = self
                .marks
                .iter()
                .filter(|other| other.on == mark.on && higher(other) > 0.5)
                .map(|other| ((cells(other).0 - x).hypot(cells(other).1 - y), higher(other)))
                .filter(|(apart, _)| *apart <= NEAR_CELLS)
                .min_by(|a, b| a.0.total_cmp(&b.0));
            nearest.map_or(RAMP_CM.0, |(apart, higher)| RAMP_CELLS * higher / apart.max(0.05))
        };
        let known = grid[0] > 0 && grid[1] > 0;
        self.marks.iter().map(|mark| if known { ramp(mark).clamp(RAMP_CM.0, RAMP_CM.1) } else { RAMP_CM.0 }).collect()
    }

    /// Time passes: water may have risen or fallen.
    fn pass(&mut self, since_s: f32) {
        let walk = (WALK_CM * since_s.sqrt()).clamp(0.3, 8.0);
        let reach = (3.0 * walk).ceil() as usize;
        let weights: Vec<f32> = (0..=2 * reach).map(|n| (-0.5 * ((n as f32 - reach as f32) / walk).powi(2)).exp()).collect();
        let total: f32 = weights.iter().sum();
        let before = self.belief;
        let jumps = (JUMPS * since_s).min(0.5);
        for (level, belief) in self.belief.iter_mut().enumerate() {
            let from = |n: usize| before[(level + n).saturating_sub(reach).min(LEVELS - 1)];
            let walked: f32 = weights.iter().enumerate().map(|(n, weight)| weight * from(n)).sum::<f32>() / total;
            *belief = (1.0 - jumps) * walked + jumps / LEVELS as f32;
        }
    }

    /// How likely one reference's probabilities are at each level, as a logarithm.
    fn likelihood(&self, reference: &Reference, wet: &[f32]) -> [f32; LEVELS] {
        let mut sums = [0.0f32; LEVELS];
        let pairs =
            WET.iter().flat_map(|wet| DRY.iter().map(move |dry| (*wet, *dry))).filter(|(wet, dry)| wet - dry >= CONTRAST_MIN);
        for (is_wet, is_dry) in pairs {
            for (level, sum) in sums.iter_mut().enumerate() {
                let against = reference.marks.iter().map(|&mark| {
                    let expected = is_dry + (is_wet - is_dry) * self.wetness[mark][level];
                    (0.5 * ((wet[mark] - expected) / reference.error).powi(2)).min(WORST)
                });
                *sum += (-against.sum::<f32>()).exp();
            }
        }
        sums.map(|sum| (sum + 1e-12).ln())
    }

    /// How much deeper it has become over the last `over`, cm: the newest third of the readings against the oldest.
    pub fn change_cm(&self, now: Moment, over: std::time::Duration) -> Option<f32> {
        let within = || self.readings.iter().filter(|(when, _)| now.since(*when) <= over).map(|(_, level)| *level);
        let third = within().count() / 3;
        let (older, newer) = (median(within().take(third)), median(within().skip(2 * third)));
        (third > 0).then(|| newer.zip(older).map(|(newer, older)| newer - older))?
    }

    /// The depth now; `None` without marks, or before there are enough readings.
    pub fn depth(&self) -> Option<Depth> {
        let mean = self.readings.values().next_back().filter(|_| self.readings.len() >= READINGS_MIN)?;
        let chance = |band: DepthBand| -> f32 {
            let levels = self.belief.iter().enumerate().filter(|(level, _)| DepthBand::of_cm(*level as f32) == band);
            levels.map(|(_, belief)| belief).sum()
        };
        // The shallower of two that are as likely: a band too deep closes a road.
        let (band, confidence) =
            DepthBand::ALL.into_iter().map(|band| (band, chance(band))).rev().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let quantile = |share: f32| {
            let mut sum = 0.0;
            self.belief.iter().position(|belief| {
                sum += belief;
                sum >= share
            })
        };
        let between = [(1.0 - SURE) / 2.0, (1.0 + SURE) / 2.0].map(|share| quantile(share).unwrap_or(LEVELS - 1) as f32);
        let nearest = self.marks.iter().min_by(|a, b| (a.height_cm - mean).abs().total_cmp(&(b.height_cm - mean).abs()))?;
        Some(Depth {
            band,
            confidence: confidence.clamp(0.0, 1.0),
            reference: nearest.on.as_str(),
            between_cm: (between[0], between[1]),
        })
    }
}

/// How wet a mark looks at each level, 0 to 1, where it takes `ramp_cm` from dry to wet: between a straight line and a smooth step.
fn wetness(height_cm: f32, ramp_cm: f32) -> [f32; LEVELS] {
    std::array::from_fn(|level| {
        let x = ((level as f32 - height_cm) / ramp_cm + 0.5).clamp(0.0, 1.0);
        0.5 * x + 0.5 * x * x * (3.0 - 2.0 * x)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use matpho_scene::MediaTime;

    use super::*;

    /// A staff of these heights at the side of the picture, 20 cm of it in a cell of a mask of 48 by 28.
    fn gauge(heights_cm: &[f32]) -> Gauge {
        let mark = |&height_cm: &f32| Mark {
            picture: NormPoint::clamped(0.1, 0.8 - height_cm / 20.0 / 28.0),
            height_cm,
            on: MarkOn::Staff,
        };
        Gauge::new(heights_cm.iter().map(mark).collect(), Duration::from_secs(600))
    }

    fn read(gauge: &mut Gauge, grid: [u32; 2], readings: &[&[f32]]) -> Option<Depth> {
        for (n, wet) in readings.iter().enumerate() {
            let now = Moment { at: MediaTime::from_millis(10_000 * n as u64), watched: Duration::from_secs(10 * n as u64) };
            gauge.look(now, &WaterReading { marks: wet.to_vec(), grid, ..WaterReading::default() });
        }
        gauge.depth()
    }

    #[test]
    fn the_depth_lies_between_two_marks() {
        let marks = [0.0, 10.0, 20.0, 30.0, 50.0];
        for (wet, band) in [
            ([0.1, 0.0, 0.0, 0.0, 0.0], DepthBand::Under10),
            ([0.9, 0.2, 0.1, 0.0, 0.0], DepthBand::Under10),
            ([0.9, 0.8, 0.1, 0.0, 0.0], DepthBand::From10To20),
            ([0.9, 0.9, 0.9, 0.2, 0.1], DepthBand::From20To30),
            ([0.9, 0.9, 0.9, 0.8, 0.1], DepthBand::From30To50),
            ([0.9, 0.9, 0.9, 0.9, 0.9], DepthBand::Over50),
        ] {
            let depth = read(&mut gauge(&marks), [0, 0], &[&wet[..]; 8]).unwrap();
            assert_eq!(depth.band, band, "{wet:?}: {depth:?}");
        }
    }

    #[test]
    fn marks_nearer_than_a_cell_are_told_apart_by_how_wet_they_look() {
        let marks = [20.0, 25.0, 30.0, 40.0, 50.0];
        // The model gives less to a far wall than to the road: what counts is the slope.
        for (most, least) in [(0.9, 0.1), (0.65, 0.15)] {
            for level in [24.0f32, 38.0] {
                let wet: Vec<f32> =
                    marks.iter().map(|height| least + (most - least) * wetness(*height, 28.0)[level as usize]).collect();
                let depth = read(&mut gauge(&marks), [48, 28], &[&wet[..]; 12]).unwrap();
                assert_eq!(depth.band, DepthBand::of_cm(level), "{level}: {depth:?}");
                assert!((depth.between_cm.0..=depth.between_cm.1).contains(&level), "{depth:?}");
            }
        }
    }

    #[test]
    fn one_bad_reading_changes_nothing() {
        let (wet, bad): (&[f32], &[f32]) = (&[0.9, 0.9, 0.9, 0.1], &[0.9, 0.1, 0.1, 0.1]);
        let depth = read(&mut gauge(&[0.0, 10.0, 20.0, 30.0]), [0, 0], &[wet, wet, wet, wet, wet, wet, bad, wet]).unwrap();
        assert_eq!(depth.band, DepthBand::From20To30);
    }

    #[test]
    fn marks_far_apart_make_an_unsure_band() {
        let depth = read(&mut gauge(&[0.0, 45.0]), [0, 0], &[&[0.9, 0.1][..]; 8]).unwrap();
        assert!(depth.confidence < 0.6 && depth.between_cm.1 - depth.between_cm.0 > 20.0, "{depth:?}");
    }

    #[test]
    fn nothing_is_said_without_marks_or_before_three_readings() {
        assert_eq!(read(&mut gauge(&[]), [48, 28], &[&[][..]; 5]), None);
        assert_eq!(read(&mut gauge(&[10.0]), [48, 28], &[&[0.9][..]; 2]), None);
    }
}
