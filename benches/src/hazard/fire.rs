//! A fire detector that errs, in front of flames and smoke whose boxes are known.
//!
//! How often it finds and how often it says what is not there follows `models/cards/fire.md` at the registry's threshold of 0.4 (simulated streets: flame said in
//! .84 of the pictures; held-back road pictures: fire said in .034 of them, of which the lasting ones are `lookalikes`). How long a miss lasts, how much boxes
//! tremble and that rain and night cost recall are assumptions, set to the bad side of what the clips show.

use std::collections::BTreeMap;

use matpho_scene::{Change, Class, Detection, NormBox, Score};

use super::{Dice, Weather};

/// How well it sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// Share of the looks in which a flame that is large enough is found.
    pub flame: f32,
    /// The same for smoke.
    pub smoke: f32,
    /// Sporadic false flames a look.
    pub false_flames: f32,
    /// Sporadic false smoke a look.
    pub false_smoke: f32,
    /// Mean change of brightness from one look to the next where nothing burns: noise, rain, traffic.
    pub around: f32,
}

impl Sight {
    /// In a weather.
    pub const fn of(weather: Weather) -> Self {
        match weather {
            Weather::Day => Self { flame: 0.84, smoke: 0.5, false_flames: 0.015, false_smoke: 0.01, around: 2.0 },
            Weather::Night => Self { flame: 0.8, smoke: 0.2, false_flames: 0.03, false_smoke: 0.005, around: 3.0 },
            Weather::Rain => Self { flame: 0.7, smoke: 0.35, false_flames: 0.025, false_smoke: 0.015, around: 4.5 },
        }
    }
}

/// Square roots of a box's area, in pixels of a picture 512 wide, from which it may be found and from which it is as large as can be.
/// The card: under about 12 pixels it is missed.
const SIDE_PX: (f32, f32) = (9.0, 15.0);
/// A miss, or a find, lasts about this long: neighbouring looks see nearly the same picture.
const LASTS_S: f32 = 0.8;
/// Standard deviation of an edge: in parts of the side, and in parts of the picture.
const JITTER: (f32, f32) = (0.035, 0.003);
/// Median change of brightness in flames and in smoke, above that of the rest: five clips have 10 to 36 (the tenth part from 6 on) and 2 to 10.
const FLAME_CHANGE: f32 = 12.0;
const SMOKE_CHANGE: f32 = 3.5;
/// Scores of what is there, and of what is not: at the threshold of 0.4 and above.
const SCORE: f32 = 0.4;

/// See the module.
#[derive(Debug)]
pub struct FireDetector {
    sight: Sight,
    dice: Dice,
    /// When each thing was last looked for, and whether it was found.
    found: BTreeMap<u32, (f64, bool)>,
}

impl FireDetector {
    /// The same seed errs the same way.
    pub fn new(sight: Sight, seed: u64) -> Self {
        Self { sight, dice: Dice::new(seed), found: BTreeMap::new() }
    }

    /// Whether the thing `id`, found in the share `p` of all looks, is found now.
    pub fn finds(&mut self, id: u32, t: f64, p: f32) -> bool {
        let again = self.dice.unit();
        let drawn = self.dice.chance(p);
        let found = match self.found.get(&id) {
            Some(&(last, found)) if again < (-((t - last) as f32) / LASTS_S).exp() => found,
            Some(_) | None => drawn,
        };
        self.found.insert(id, (t, found));
        found
    }

    /// A box as the detector draws it: `rough` times as carelessly as it can.
    pub fn draw(&mut self, bbox: NormBox, rough: f32) -> Option<NormBox> {
        let side = bbox.area().sqrt();
        let mut edge = |at: f32| at + self.dice.normal() * (JITTER.0 * side + JITTER.1) * rough;
        NormBox::clipped(edge(bbox.x1()), edge(bbox.y1()), edge(bbox.x2()), edge(bbox.y2()))
    }

    /// A detection with a score of about `mean`.
    pub fn detection(&mut self, class: Class, mean: f32, bbox: NormBox) -> Detection {
        let score = (mean + 0.09 * self.dice.normal()).clamp(SCORE, 0.95);
        Detection { class, score: Score::clamped(score), bbox }
    }

    /// How much a place changes from one look to the next, where the rest of the picture changes by `around`: `inside` at its median, spread as clips spread.
    pub fn change(&mut self, inside: f32, around: f32) -> Change {
        let spread = |dice: &mut Dice, by: f32| (by * dice.normal()).exp();
        Change { inside: (inside + around) * spread(&mut self.dice, 0.35), around: around * spread(&mut self.dice, 0.3) }
    }

    /// What it says of a picture in which these flames and this smoke are.
    pub fn look(&mut self, t: f64, flames: &[NormBox], smoke: &[NormBox]) -> Vec<(Detection, Change)> {
        let mut said = Vec::new();
        let around = self.sight.around;
        for (class, boxes, recall, mean, inside) in [
            (Class::Fire, flames, self.sight.flame, 0.6, FLAME_CHANGE),
            (Class::Smoke, smoke, self.sight.smoke, 0.52, SMOKE_CHANGE),
        ] {
            for (n, bbox) in boxes.iter().enumerate() {
                let side_px = bbox.area().sqrt() * 512.0;
                let large = ((side_px - SIDE_PX.0) / (SIDE_PX.1 - SIDE_PX.0)).clamp(0.0, 1.0);
                let id = n as u32 * 2 + u32::from(class == Class::Smoke);
                if self.finds(id, t, recall * large) {
                    let drawn = self.draw(*bbox, 1.0);
                    said.extend(drawn.map(|drawn| (self.detection(class, mean, drawn), self.change(inside, around))));
                }
            }
        }
        for (class, rate) in [(Class::Fire, self.sight.false_flames), (Class::Smoke, self.sight.false_smoke)] {
            if self.dice.chance(rate) {
                let (x, y) = (self.dice.unit(), self.dice.range(0.2, 1.0));
                let size = self.dice.range(0.02, 0.1);
                let bbox = NormBox::clipped(x - size / 2.0, y - size, x + size / 2.0, y);
                said.extend(bbox.map(|bbox| (self.detection(class, 0.43, bbox), self.change(3.0, around))));
            }
        }
        said
    }
}
