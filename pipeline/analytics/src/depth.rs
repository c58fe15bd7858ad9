//! How deep water stands, read from marks of known height: which of them are under it.
//!
//! A mark is a place in the picture whose height above the lowest point of its road is known: a line of a surveyed staff drawn up a wall or pillar, a kerb's top, a
//! doorstep, the crown of the road. Water is level, so there is one height up to which marks are wet and above which they are dry. Marks nearer together than
//! a cell of the mask share that cell's probability in part: how it falls along them tells the level between them.
//!
//! A belief is kept over levels and how fast they change, since water rises and falls steadily. A mask errs in patches, some cells wide, that stay for a while: marks that lie
//! together are wrong together, and readings close in time tell little that is new. What comes out is the narrowest run of bands that holds the depth with a chance of
//! [`SURE`], and nothing where that takes all of them.

use matpho_scene::{
    NormPoint, WaterReading,
    event::{DepthBand, DepthRange},
};
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
/// How fast water may rise or fall, cm a minute: a storm drain that backs up has been seen to do 5 to 10.
const RATES: [f32; 11] = [-8.0, -5.0, -3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0, 5.0, 8.0];
/// No depth before so many readings.
const READINGS_MIN: usize = 3;
/// From dry to wet takes so many cells of a mask: what is between is in part of both.
const RAMP_CELLS: f32 = 1.4;
/// Within these, cm of height from dry to wet. A mask that does not say how fine it is counts as the finest.
const RAMP_CM: (f32, f32) = (3.0, 80.0);
/// Marks this many cells apart at most tell how many centimetres a cell holds.
const NEAR_CELLS: f32 = 6.0;
/// What models give to wet places and to dry ones, and how much that differs from one reference to the next: a far wall is wet with less certainty than the road before it.
const WET: (f32, f32) = (0.7, 0.15);
const DRY: (f32, f32) = (0.22, 0.15);
/// The same where it was seen dry; the usual counts as so many readings, and a new one as much as this at least.
const DRY_LEARNED: f32 = 0.08;
const DRY_USUAL_READINGS: u32 = 6;
const DRY_WEIGHT_MIN: f32 = 0.02;
/// Patches of error: their standard deviation, and how many cells wide they are. What else differs from mark to mark.
const PATCH: (f32, f32) = (0.2, 3.5);
const GRAIN: f32 = 0.07;
/// Patches last about so long: readings closer than that tell little that is new. Seconds.
const PATCHES_LAST_S: f32 = 45.0;
/// The most marks of a zone: more say nothing more, and cost.
pub(crate) const MARKS_MAX: usize = 64;
/// Water keeps to how fast it rises or falls for about so long, wanders by so much besides (cm, times the root of the seconds), and jumps with this chance a second: a view
/// that was hidden, a pump.
const STEADY_S: f32 = 120.0;
const WALK_CM: f32 = 0.06;
const JUMPS: f32 = 0.0005;
/// Time passes in steps of at most this, seconds; after so many of them what was known is worth nothing.
const STEP_S: f32 = 10.0;
const STEPS_MAX: usize = 60;
/// A statement holds the truth with this chance.
pub(crate) const SURE: f32 = 0.95;

/// What is known of the depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Depth {
    /// The narrowest run of bands that is sure; none where that would be all of them.
    pub range: Option<DepthRange>,
    /// How likely it is, 0 to 1; of the likeliest band where there is none.
    pub confidence: f32,
    /// The likeliest band, sure or not.
    pub likeliest: DepthBand,
    /// What the mark next to the waterline lies on.
    pub reference: &'static str,
    /// Between these with a chance of nine in ten, cm.
    pub between_cm: (f32, f32),
}

/// The marks of one zone over time: how likely each level of the water and each rate of its change is (a histogram filter).
#[derive(Debug)]
pub(crate) struct Gauge {
    /// Lowest first.
    marks: Vec<Mark>,
    /// Which of them are read alike: of one kind, on one side of the picture.
    references: Vec<(MarkOn, bool)>,
    /// How wet each mark looks at each level, for masks of this many columns and rows.
    wetness: Vec<[f32; LEVELS]>,
    /// Covariance of the marks by patches.
    patches: Vec<Vec<f32>>,
    grid: Option<[u32; 2]>,
    /// By rate, then by level.
    belief: Vec<[f32; LEVELS]>,
    last: Option<Moment>,
    /// What each mark gave while the road was dry, and by how many readings that is known.
    dry: Vec<f32>,
    dry_readings: u32,
    /// The mean level after each reading, cm.
    readings: Window<f32>,
}

impl Gauge {
    /// `marks` lowest first; `span`: how long readings stay.
    pub fn new(marks: Vec<Mark>, span: std::time::Duration) -> Self {
        let n = marks.len();
        Self {
            references: marks.iter().map(|mark| (mark.on, mark.picture.x < 0.5)).collect(),
            marks,
            wetness: Vec::new(),
            patches: Vec::new(),
            grid: None,
            belief: nothing_known(),
            last: None,
            dry: vec![DRY.0; n],
            dry_readings: 0,
            readings: Window::new(span),
        }
    }

    /// One reading of a mask.
    pub fn look(&mut self, now: Moment, seen: &WaterReading) {
        let n = self.marks.len();
        if n == 0 || seen.marks.len() != n || !seen.marks.iter().all(|p| p.is_finite()) {
            return;
        }
        if self.grid != Some(seen.grid) {
            self.grid = Some(seen.grid);
            self.wetness =
                self.ramps_cm(seen.grid).iter().zip(&self.marks).map(|(ramp, mark)| wetness(mark.height_cm, *ramp)).collect();
            self.patches = self.patches(seen.grid);
        }
        let since_s = self.last.replace(now).map_or(PATCHES_LAST_S, |last| now.secs_since(last)).max(0.1);
        self.pass(since_s);
        let news = 1.0 - (-since_s / PATCHES_LAST_S).exp();
        let speaks: Vec<f32> = (0..LEVELS).map(|level| news * self.likelihood(level, &seen.marks)).collect();
        let most = speaks.iter().copied().fold(f32::MIN, f32::max);
        for rate in &mut self.belief {
            rate.iter_mut().zip(&speaks).for_each(|(belief, log)| *belief *= (log - most).exp());
        }
        normalise(&mut self.belief);
        let mean = self.levels().iter().enumerate().map(|(level, belief)| level as f32 * belief).sum();
        self.readings.push(now, mean);
    }

    /// The road is dry: this is what its marks look like then. Pale walls and wet sheen are so to every reading that follows.
    pub fn learn_dry(&mut self, seen: &WaterReading) {
        if seen.marks.len() != self.dry.len() || !seen.marks.iter().all(|p| p.is_finite()) {
            return;
        }
        self.dry_readings = self.dry_readings.saturating_add(1);
        // The first readings are few, and of one patch: what is usual of models counts as some of them.
        let weight = (1.0 / (DRY_USUAL_READINGS + self.dry_readings) as f32).max(DRY_WEIGHT_MIN);
        self.dry.iter_mut().zip(&seen.marks).for_each(|(dry, wet)| *dry += weight * (wet - *dry));
    }

    /// How likely each level is.
    fn levels(&self) -> [f32; LEVELS] {
        std::array::from_fn(|level| self.belief.iter().map(|rate| rate[level]).sum())
    }

    /// How many centimetres of height it takes from dry to wet at each mark, by how far its neighbours are from it in the mask.
    fn ramps_cm(&self, grid: [u32; 2]) -> Vec<f32> {
        let ramp = |mark: &Mark| {
            let higher = |other: &Mark| (other.height_cm - mark.height_cm).abs();
            let nearest = self
                .marks
                .iter()
                .filter(|other| other.on == mark.on && higher(other) > 0.5)
                .map(|other| (cells_apart(other, mark, grid), higher(other)))
                .filter(|(apart, _)| *apart <= NEAR_CELLS)
                .min_by(|a, b| a.0.total_cmp(&b.0));
            nearest.map_or(RAMP_CM.0, |(apart, higher)| RAMP_CELLS * higher / apart.max(0.05))
        };
        let known = grid[0] > 0 && grid[1] > 0;
        self.marks.iter().map(|mark| if known { ramp(mark).clamp(RAMP_CM.0, RAMP_CM.1) } else { RAMP_CM.0 }).collect()
    }

    /// How the marks err together: the nearer in the mask, the more.
    fn patches(&self, grid: [u32; 2]) -> Vec<Vec<f32>> {
        let grid = if grid[0] > 0 && grid[1] > 0 { grid } else { UNKNOWN_GRID };
        let between = |a: &Mark, b: &Mark| PATCH.0.powi(2) * (-0.5 * (cells_apart(a, b, grid) / PATCH.1).powi(2)).exp();
        let row = |(n, a): (usize, &Mark)| {
            let mut row: Vec<f32> = self.marks[..=n].iter().map(|b| between(a, b)).collect();
            row[n] += GRAIN.powi(2);
            row
        };
        self.marks.iter().enumerate().map(row).collect()
    }

    /// Time passes: water went on rising or falling, or began to.
    fn pass(&mut self, since_s: f32) {
        let steps = (since_s / STEP_S).ceil().max(1.0) as usize;
        if steps > STEPS_MAX {
            self.belief = nothing_known();
            return;
        }
        let dt = since_s / steps as f32;
        let turns = 1.0 - (-dt / STEADY_S).exp();
        let jumps = (JUMPS * dt).min(0.5);
        // A walk is a spread to both neighbours of the same variance.
        let walk = (0.5 * WALK_CM.powi(2) * dt).min(0.25);
        for _ in 0..steps {
            let carried: Vec<[f32; LEVELS]> =
                self.belief.iter().zip(RATES).map(|(levels, rate)| carry(levels, rate * dt / 60.0, walk)).collect();
            for (n, rate) in self.belief.iter_mut().enumerate() {
                let (slower, faster) = (n.saturating_sub(1), (n + 1).min(RATES.len() - 1));
                for (level, belief) in rate.iter_mut().enumerate() {
                    let stays = (1.0 - turns) * carried[n][level];
                    let turned = 0.5 * turns * (carried[slower][level] + carried[faster][level]);
                    *belief = (1.0 - jumps) * (stays + turned) + jumps / (LEVELS * RATES.len()) as f32;
                }
            }
            normalise(&mut self.belief);
        }
    }

    /// How likely the marks' probabilities are at a level, as a logarithm: a normal distribution, whose errors are of patches and of how wet and dry look at each reference.
    fn likelihood(&self, level: usize, wet: &[f32]) -> f32 {
        let is_wet: Vec<f32> = self.wetness.iter().map(|mark| mark[level]).collect();
        let known = self.dry_readings >= DRY_USUAL_READINGS;
        let dry_spread = if known { DRY_LEARNED } else { DRY.1 };
        let covariance = |i: usize, j: usize| {
            let alike = if self.references[i] == self.references[j] {
                WET.1.powi(2) * is_wet[i] * is_wet[j] + dry_spread.powi(2) * (1.0 - is_wet[i]) * (1.0 - is_wet[j])
            } else {
                0.0
            };
            f64::from(self.patches[i][j] + alike)
        };
        let off: Vec<f64> = (0..wet.len()).map(|i| f64::from(wet[i] - self.dry[i] - (WET.0 - self.dry[i]) * is_wet[i])).collect();
        log_normal(&off, covariance) as f32
    }

    /// How much deeper it has become over the last `over`, cm: the newest third of the readings against the oldest.
    pub fn change_cm(&self, now: Moment, over: std::time::Duration) -> Option<f32> {
        let within = || self.readings.iter().filter(|(when, _)| now.since(*when) <= over).map(|(_, level)| *level);
        let third = within().count() / 3;
        let (older, newer) = (median(within().take(third)), median(within().skip(2 * third)));
        (third > 0).then(|| newer.zip(older).map(|(newer, older)| newer - older))?
    }

    /// The mean of the levels that are believed in, cm; none before there are enough readings.
    pub fn level_cm(&self) -> Option<f32> {
        self.readings.values().next_back().copied().filter(|_| self.readings.len() >= READINGS_MIN)
    }

    /// How likely it is that the depth lies in a range; 0 before anything was read.
    pub fn chance(&self, range: DepthRange) -> f32 {
        let levels = self.levels();
        let within = levels.iter().enumerate().filter(|(level, _)| range.contains(DepthBand::of_cm(*level as f32)));
        within.map(|(_, belief)| belief).sum()
    }

    /// The depth now; `None` without marks, or before there are enough readings.
    pub fn depth(&self) -> Option<Depth> {
        let mean = self.level_cm()?;
        let bands = DepthBand::ALL;
        let likely = |run: &[DepthBand]| {
            let range = DepthRange::new(*run.first()?, *run.last()?);
            Some((range, self.chance(range)))
        };
        let likeliest = |n: usize| bands.windows(n).filter_map(likely).max_by(|a, b| a.1.total_cmp(&b.1));
        let (first, chance) = likeliest(1)?;
        let sure = (1..bands.len()).filter_map(likeliest).find(|(_, chance)| *chance >= SURE);
        let levels = self.levels();
        let quantile = |share: f32| {
            let mut sum = 0.0;
            levels.iter().position(|belief| {
                sum += belief;
                sum >= share
            })
        };
        let between = [0.05, 0.95].map(|share| quantile(share).unwrap_or(LEVELS - 1) as f32);
        let nearest = self.marks.iter().min_by(|a, b| (a.height_cm - mean).abs().total_cmp(&(b.height_cm - mean).abs()))?;
        Some(Depth {
            range: sure.map(|(range, _)| range),
            confidence: sure.map_or(chance, |(_, chance)| chance).clamp(0.0, 1.0),
            likeliest: first.deepest(),
            reference: nearest.on.as_str(),
            between_cm: (between[0], between[1]),
        })
    }
}

/// A mask of which nothing is known is taken to be as fine as those that ship.
const UNKNOWN_GRID: [u32; 2] = [48, 28];

fn cells_apart(one: &Mark, other: &Mark, grid: [u32; 2]) -> f32 {
    let (dx, dy) = (one.picture.x - other.picture.x, one.picture.y - other.picture.y);
    (dx * grid[0] as f32).hypot(dy * grid[1] as f32)
}

/// Any level, at any rate.
fn nothing_known() -> Vec<[f32; LEVELS]> {
    vec![[1.0 / (LEVELS * RATES.len()) as f32; LEVELS]; RATES.len()]
}

fn normalise(belief: &mut [[f32; LEVELS]]) {
    let sum: f32 = belief.iter().flatten().sum();
    belief.iter_mut().flatten().for_each(|belief| *belief /= sum.max(f32::MIN_POSITIVE));
}

/// Levels that rose by `by_cm` and went `walk` to each side; a road is dry at the least, and what is over a metre is over a metre.
fn carry(levels: &[f32; LEVELS], by_cm: f32, walk: f32) -> [f32; LEVELS] {
    let mut carried = [0.0; LEVELS];
    let mut put = |level: f32, belief: f32| {
        let level = level.clamp(0.0, (LEVELS - 1) as f32);
        let (low, above) = (level as usize, level.fract());
        carried[low] += (1.0 - above) * belief;
        carried[(low + 1).min(LEVELS - 1)] += above * belief;
    };
    for (level, belief) in levels.iter().enumerate() {
        let level = level as f32 + by_cm;
        put(level, (1.0 - 2.0 * walk) * belief);
        put(level - 1.0, walk * belief);
        put(level + 1.0, walk * belief);
    }
    carried
}

/// The logarithm of a normal distribution's density (but for a constant) at `off` from its middle; of `covariance(i, j)` only `j <= i` is asked (Cholesky).
fn log_normal(off: &[f64], covariance: impl Fn(usize, usize) -> f64) -> f64 {
    let n = off.len();
    let mut lower = vec![0.0f64; n * n];
    let mut solved = vec![0.0f64; n];
    let mut log = 0.0;
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let rest = covariance(i, j) - dot;
            lower[i * n + j] = if i == j { rest.max(1e-9).sqrt() } else { rest / lower[j * n + j] };
        }
        let dot: f64 = (0..i).map(|k| lower[i * n + k] * solved[k]).sum();
        solved[i] = (off[i] - dot) / lower[i * n + i];
        log -= 0.5 * solved[i] * solved[i] + lower[i * n + i].ln();
    }
    log
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
            assert_eq!(depth.likeliest, band, "{wet:?}: {depth:?}");
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
                assert_eq!(depth.likeliest, DepthBand::of_cm(level), "{level}: {depth:?}");
                assert!((depth.between_cm.0..=depth.between_cm.1).contains(&level), "{depth:?}");
            }
        }
    }

    #[test]
    fn one_bad_reading_changes_nothing() {
        let (wet, bad): (&[f32], &[f32]) = (&[0.9, 0.9, 0.9, 0.1], &[0.9, 0.1, 0.1, 0.1]);
        let depth = read(&mut gauge(&[0.0, 10.0, 20.0, 30.0]), [0, 0], &[wet, wet, wet, wet, wet, wet, bad, wet]).unwrap();
        assert_eq!(depth.likeliest, DepthBand::From20To30);
    }

    #[test]
    fn marks_far_apart_make_an_unsure_band() {
        let depth = read(&mut gauge(&[0.0, 45.0]), [0, 0], &[&[0.9, 0.1][..]; 8]).unwrap();
        assert!(
            depth.range.is_none_or(|range| range.band().is_none()) && depth.between_cm.1 - depth.between_cm.0 > 20.0,
            "{depth:?}"
        );
    }

    #[test]
    fn nothing_is_said_without_marks_or_before_three_readings() {
        assert_eq!(read(&mut gauge(&[]), [48, 28], &[&[][..]; 5]), None);
        assert_eq!(read(&mut gauge(&[10.0]), [48, 28], &[&[0.9][..]; 2]), None);
    }
}
