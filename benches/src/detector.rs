//! A detector that errs, in front of a street whose truth is known.
//!
//! It stands in for the vehicle model, so that rules can be judged apart from the model of the day. What it errs in, and by how much, follows what `models/cards/vehicles.md`
//! measures and names: small and half hidden objects are missed, scores waver over seconds rather than from picture to picture, boxes tremble and end where somebody nearer begins,
//! heavy vehicles are called cars, riders are found beside their motorbikes, and now and then there is a box where nothing is.
//!
//! The same seed gives the same errors.

use std::collections::BTreeMap;

use matpho_scene::{Class, Detection, NormBox, PictureSize, Score};
use matpho_sim::{Class as SimClass, Object};

/// How well the detector sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eyesight {
    /// Square root of the area, in pixels of a picture 640 wide, at which a free-standing object scores 0.5 on the mean.
    pub half_px: f32,
    /// False boxes a picture.
    pub false_boxes: f32,
    /// Standard deviation of a box's middle and of its sides, in parts of the side.
    pub jitter: f32,
    /// Share of heavy vehicles that are taken for cars.
    pub heavy_as_car: f32,
}

impl Eyesight {
    /// By day: with a threshold of 0.3 nine in ten motorbikes at 40 m from a pole of 7.5 m.
    pub const DAY: Self = Self { half_px: 8.5, false_boxes: 0.05, jitter: 0.025, heavy_as_car: 0.1 };
    /// On a lit night.
    pub const NIGHT: Self = Self { half_px: 10.5, false_boxes: 0.12, jitter: 0.035, heavy_as_car: 0.2 };
    /// In steady rain.
    pub const RAIN: Self = Self { half_px: 10.0, false_boxes: 0.1, jitter: 0.035, heavy_as_car: 0.15 };
}

/// Detections under this score are not handed on, as on a gateway.
const SCORE_FLOOR: f32 = 0.1;
/// Less of an object than this is not found.
const VISIBLE_MIN: f32 = 0.2;
/// How steeply the score rises with size and with what is visible, in logits per e-fold.
const BY_SIZE: f32 = 2.5;
const BY_VISIBLE: f32 = 1.6;
/// What wavers over [`WAVER_S`], and what differs from picture to picture, in logits.
const WAVER: f32 = 0.8;
const WAVER_S: f32 = 1.0;
const FLICKER: f32 = 0.45;
/// Share of motorbikes whose rider is found as a person too, and in how many of the pictures.
const RIDERS: f32 = 0.2;
const RIDER_SEEN: f32 = 0.5;
/// Share of detections that come twice.
const TWICE: f32 = 0.01;
/// False boxes keep to so many places of the picture: a shrub, a sign, a lamp in a puddle.
const FALSE_PLACES: usize = 6;

/// Chance from a seed (SplitMix64): the same on every machine and with every version of every library.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    /// 0 to 1.
    pub fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Between two numbers.
    pub fn range(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    /// With a probability.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Mean 0, standard deviation 1 (the sum of twelve).
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// What the detector makes of one object as long as it is there.
#[derive(Debug, Clone, Copy)]
struct Habit {
    waver: f32,
    called: Class,
    rider_shows: bool,
    last_s: f64,
}

/// The detector.
#[derive(Debug)]
pub struct Detector {
    eyes: Eyesight,
    dice: Dice,
    habits: BTreeMap<u32, Habit>,
    places: Vec<([f32; 4], Class)>,
}

impl Detector {
    /// Sees with `eyes`; `seed` fixes its errors.
    pub fn new(eyes: Eyesight, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let places = (0..FALSE_PLACES).map(|_| false_place(&mut dice)).collect();
        Self { eyes, dice, habits: BTreeMap::new(), places }
    }

    /// What it finds of `objects` (boxes in pixels of a picture of `size`) at `t` seconds.
    pub fn look(&mut self, t: f64, size: PictureSize, objects: &[Object]) -> Vec<Detection> {
        let mut found = Vec::new();
        self.habits.retain(|_, habit| t - habit.last_s < 5.0);
        for object in objects.iter().filter(|o| o.visible >= VISIBLE_MIN) {
            self.look_at(t, size, object, &mut found);
        }
        let mut left = self.eyes.false_boxes;
        while self.dice.chance(left) {
            left -= 1.0;
            let (place, class) = self.places[(self.dice.unit() * FALSE_PLACES as f32) as usize % FALSE_PLACES];
            let score = 0.1 + 0.35 * self.dice.unit() * self.dice.unit();
            found.extend(self.trembling(place, class, score));
        }
        found
    }

    fn look_at(&mut self, t: f64, size: PictureSize, object: &Object, found: &mut Vec<Detection>) {
        let (w, h) = (size.width as f32, size.height as f32);
        let mut b = [object.bounds[0] / w, object.bounds[1] / h, object.bounds[2] / w, object.bounds[3] / h];
        let habit = self.habit(t, object);
        // Whoever is nearer hides the lower part: the box ends there. What the picture's edge cuts off hides nothing.
        let at_the_edge = object.bounds[0] <= 1.0 || object.bounds[2] >= w - 1.0 || object.bounds[3] >= h - 1.0;
        let cut = if at_the_edge { 0.0 } else { (0.75 - object.visible).max(0.0) };
        b[3] -= cut * (b[3] - b[1]);
        let px = ((b[2] - b[0]) * (b[3] - b[1]) * w * h).max(1.0).sqrt() * 640.0 / w;
        let logit = BY_SIZE * (px / self.eyes.half_px).ln() + BY_VISIBLE * object.visible.ln() + habit.waver;
        let score = |dice: &mut Dice, bonus: f32| 1.0 / (1.0 + (-(logit + bonus + FLICKER * dice.normal())).exp());
        let first = score(&mut self.dice, 0.0);
        if first >= SCORE_FLOOR {
            found.extend(self.trembling(b, habit.called, first));
            if self.dice.chance(TWICE) {
                let aside = 0.15 * (b[2] - b[0]);
                found.extend(self.trembling([b[0] + aside, b[1], b[2] + aside, b[3]], habit.called, first * 0.6));
            }
        }
        if habit.rider_shows && self.dice.chance(RIDER_SEEN) {
            let rider = score(&mut self.dice, -0.5);
            let (bw, bh) = (b[2] - b[0], b[3] - b[1]);
            if rider >= SCORE_FLOOR {
                found.extend(self.trembling([b[0] + 0.1 * bw, b[1], b[2] - 0.1 * bw, b[1] + 0.75 * bh], Class::Person, rider));
            }
        }
    }

    fn habit(&mut self, t: f64, object: &Object) -> Habit {
        let dice = &mut self.dice;
        let heavy_as_car = self.eyes.heavy_as_car;
        let habit = self.habits.entry(object.id).or_insert_with(|| {
            let called = match class(object.class) {
                Class::Bus | Class::Truck if dice.chance(heavy_as_car) => Class::Car,
                Class::Bicycle if dice.chance(0.3) => Class::Motorcycle,
                as_it_is => as_it_is,
            };
            let rider_shows = object.class == SimClass::Motorcycle && dice.chance(RIDERS);
            Habit { waver: WAVER * dice.normal(), called, rider_shows, last_s: t }
        });
        let keeps = (-(t - habit.last_s) as f32 / WAVER_S).exp();
        habit.waver = habit.waver * keeps + WAVER * (1.0 - keeps * keeps).max(0.0).sqrt() * dice.normal();
        habit.last_s = t;
        *habit
    }

    fn trembling(&mut self, b: [f32; 4], class: Class, score: f32) -> Option<Detection> {
        let (w, h) = (b[2] - b[0], b[3] - b[1]);
        let dice = &mut self.dice;
        let mut off = |side: f32| self.eyes.jitter * side * dice.normal();
        let (dx, dy, dw, dh) = (off(w), off(h), off(w), off(h));
        let bbox = NormBox::clipped(b[0] + dx - dw, b[1] + dy - dh, b[2] + dx + dw, b[3] + dy + dh)?;
        Some(Detection { class, score: Score::clamped(score), bbox })
    }
}

fn false_place(dice: &mut Dice) -> ([f32; 4], Class) {
    let class = [Class::Motorcycle, Class::Person, Class::Car][(dice.unit() * 3.0) as usize % 3];
    let (x, y) = (dice.unit() * 0.9, 0.25 + 0.6 * dice.unit());
    let height = 0.03 + 0.12 * (y - 0.25);
    let width = height * if class == Class::Car { 0.7 } else { 0.25 };
    ([x, y, x + width, y + height], class)
}

/// A class of the simulated city, as detectors call it.
pub fn class(class: SimClass) -> Class {
    match class {
        SimClass::Person => Class::Person,
        SimClass::Bicycle => Class::Bicycle,
        SimClass::Motorcycle => Class::Motorcycle,
        SimClass::Car => Class::Car,
        SimClass::Bus => Class::Bus,
        SimClass::Truck => Class::Truck,
    }
}
