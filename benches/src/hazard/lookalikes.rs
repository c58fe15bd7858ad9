//! What a fire detector takes for fire again and again in one place: a camera-day of it.
//!
//! How many of each a street has, and in what share of the looks each is said to be fire, are assumptions; the card only says what they are (brake lights in a row,
//! an orange lorry, red cloth, lamps, pink clouds) and in what share of the pictures any of them is said. A street that has something of each kind every day ([`all`])
//! is said to burn in half of its pictures by day and more than all by night, which no street of the card is; so the streets of a city ([`of_a_city`]) have each
//! kind by chance, such that as many pictures are false as the upper end of the card's intervals has it.

use std::collections::BTreeMap;

use matpho_scene::{Change, Class, Detection, NormBox};

use super::{Dice, Weather, fire::FireDetector};

/// One of them.
#[derive(Debug, Clone)]
pub struct Lookalike {
    id: u32,
    /// What it is, for people.
    pub name: &'static str,
    class: Class,
    /// From when to when, seconds of the day.
    pub from_s: f64,
    /// See `from_s`.
    pub to_s: f64,
    /// Middle of its lower side, and its sides.
    at: (f32, f32),
    size: f32,
    /// It wanders by so much a second.
    drift: (f32, f32),
    /// Its area swings by this part over `breath_s`.
    breath: f32,
    breath_s: f32,
    /// Share of the looks in which it is said.
    said: f32,
    /// How carelessly it is boxed, in the detector's own trembling.
    rough: f32,
    /// How much its place changes in a second above what nothing changes by, grey levels.
    change: f32,
    /// A vehicle whose lamp it is drives under it.
    pub driven: bool,
    /// Others drive by before it.
    passed: bool,
}

impl Lookalike {
    /// Where it is at `t`.
    pub fn at(&self, t: f64) -> Option<NormBox> {
        if !(self.from_s..self.to_s).contains(&t) {
            return None;
        }
        let age = (t - self.from_s) as f32;
        let swing = 1.0 + self.breath * (age * std::f32::consts::TAU / self.breath_s).sin();
        let size = self.size * swing;
        let (x, y) = (self.at.0 + self.drift.0 * age, self.at.1 + self.drift.1 * age);
        NormBox::clipped(x - size / 2.0, y - size, x + size / 2.0, y)
    }

    /// The box and the number of the vehicle that drives under it, or by before it.
    pub fn vehicle(&self, t: f64) -> Option<(u64, NormBox)> {
        let lamp = self.at(t)?;
        let around = |shift: f32| {
            let side = self.size;
            NormBox::clipped(
                lamp.x1() - 1.5 * side + shift,
                lamp.y1() - 2.0 * side,
                lamp.x2() + 1.5 * side + shift,
                lamp.y2() + side,
            )
        };
        let number = |slot: u64| 1_000_000 + u64::from(self.id) * 100_003 + slot;
        match (self.driven, self.passing(t)) {
            (true, _) => Some((number(0), around(0.0)?)),
            // It comes from one side and goes to the other.
            (false, Some((slot, way))) => Some((number(slot), around((way - 0.5) * 8.0 * self.size)?)),
            (false, None) => None,
        }
    }

    /// Which vehicle drives by now, and how much of its way it has made.
    fn passing(&self, t: f64) -> Option<(u64, f32)> {
        let slot = ((t - self.from_s) / PASS_EVERY_S) as u64;
        let begins = self.from_s
            + slot as f64 * PASS_EVERY_S
            + f64::from(Dice::new(u64::from(self.id) << 20 | slot).unit()) * (PASS_EVERY_S - PASS_S);
        let way = ((t - begins) / PASS_S) as f32;
        (self.passed && (0.0..1.0).contains(&way)).then_some((slot, way))
    }

    /// Whether a vehicle that drives by hides some of it at `t`.
    fn is_hidden(&self, t: f64) -> bool {
        self.passing(t).is_some_and(|(_, way)| (0.25..0.75).contains(&way))
    }

    /// What the detector says of it at `t`.
    pub fn look(&self, detector: &mut FireDetector, t: f64) -> Option<(Detection, Change)> {
        let bbox = self.at(t)?;
        let hidden = self.is_hidden(t);
        if !detector.finds(self.id, t, if hidden { self.said / 2.0 } else { self.said }) {
            return None;
        }
        let drawn = detector.draw(bbox, self.rough)?;
        let passes = hidden || self.is_hidden(t - detector.gap_s());
        let own = if passes { PASSING } else { self.change } * self.churned(detector.gap_s() as f32);
        Some((detector.detection(self.class, 0.47, drawn), detector.change(own)))
    }

    /// What part of its change of a second shows after `dt` seconds: it breathes, it moves on, or it does what standing things of clips do.
    fn churned(&self, dt: f32) -> f32 {
        let dt = dt.min(1.0);
        let moved = self.drift.0.hypot(self.drift.1) * dt / self.size;
        if self.breath > 0.0 {
            let swung = |dt: f32| (std::f32::consts::PI * dt.min(self.breath_s / 2.0) / self.breath_s).sin();
            swung(dt) / swung(1.0)
        } else if moved * 8.0 > 0.1 {
            moved.min(1.0)
        } else {
            STANDING + (1.0 - STANDING) * (dt * 8.0).max(1.0).log2() / 3.0
        }
    }
}

/// A vehicle drives by before what is passed so often, takes so long for it, and changes the place by so much: the same on the logarithmic mean as the third
/// of a busy place's change that was assumed in every look before.
const PASS_EVERY_S: f64 = 2.5;
const PASS_S: f64 = 1.2;
const PASSING: f32 = 60.0;
/// In places of clips where nothing drives, an eighth of a second changes so much of what a second does.
const STANDING: f32 = 0.35;

/// Share of the pictures of a street without fire in which fire is said, at most: the upper ends of the card's intervals for clips of traffic by day, bridges by night,
/// flooded streets.
const fn said_at_most(weather: Weather) -> f64 {
    match weather {
        Weather::Day => 0.044,
        Weather::Night => 0.203,
        Weather::Rain => 0.167,
    }
}

/// A day of `hours` on one camera of a city.
pub fn of_a_city(weather: Weather, hours: f64, seed: u64) -> Vec<Lookalike> {
    let all = all(weather, hours, seed);
    let said = |of: &[Lookalike]| of.iter().map(|l| f64::from(l.said) * (l.to_s - l.from_s)).sum::<f64>() / (hours * 3600.0);
    let there = said_at_most(weather) / said(&all);
    let mut dice = Dice::new(seed ^ 0x3c4d);
    let mut kinds: BTreeMap<&'static str, bool> = BTreeMap::new();
    // A kind is on a street or is not; whoever has brake lights has them all day.
    all.into_iter().filter(|l| *kinds.entry(l.name).or_insert_with(|| dice.chance(there as f32))).collect()
}

/// A day of `hours` on one camera that has something of each kind.
pub fn all(weather: Weather, hours: f64, seed: u64) -> Vec<Lookalike> {
    let mut dice = Dice::new(seed ^ 0x1a2b);
    let mut out = Vec::new();
    let seconds = hours * 3600.0;
    let mut homes = BTreeMap::new();
    let mut put = |name, class, (from_s, lasts_s): (f64, f64), size, shape: Shape| {
        let id = 1000 + out.len() as u32;
        // A queue ends, a lorry parks, a kitchen steams about where it did before.
        let home: (f32, f32) = *homes.entry(name).or_insert_with(|| (dice.range(0.15, 0.85), dice.range(0.35, 0.85)));
        let at = (home.0 + dice.range(-0.06, 0.06), home.1 + dice.range(-0.06, 0.06));
        out.push(Lookalike {
            id,
            name,
            class,
            from_s,
            to_s: from_s + lasts_s,
            at,
            size,
            drift: shape.drift,
            breath: shape.breath,
            breath_s: shape.breath_s,
            said: shape.said,
            rough: shape.rough,
            change: shape.change,
            driven: shape.driven,
            passed: shape.passed,
        });
    };
    let still =
        Shape { drift: (0.0, 0.0), breath: 0.0, breath_s: 1.0, said: 0.5, rough: 1.0, change: 0.3, driven: false, passed: false };
    let night = weather == Weather::Night;
    // Lamps, signs and red shop fronts: there all the time.
    for (name, said, size) in [("lamp", 0.5, 0.03), ("another lamp", 0.3, 0.05), ("red sign", 0.15, 0.06)] {
        let said = if night { said } else { said / 3.0 };
        put(name, Class::Fire, (0.0, seconds), size, Shape { said, ..still });
    }
    if night {
        put(
            "neon, blinking",
            Class::Fire,
            (0.0, seconds),
            0.06,
            Shape { said: 0.4, breath: 0.15, breath_s: 3.0, change: 6.0, ..still },
        );
    }
    // The sun sets: it drifts, it grows, clouds tear its edges.
    put(
        "sunset",
        Class::Fire,
        (seconds * 0.7, 2400.0),
        0.18,
        Shape { drift: (1e-5, 3e-5), said: 0.5, rough: 2.0, change: 0.8, ..still },
    );
    // Brake lights of a queue, every 90 s for 40 s: another vehicle's each time.
    let mut t = 30.0;
    while t < seconds {
        let said = if night || weather == Weather::Rain { 0.25 } else { 0.08 };
        put("brake lights", Class::Fire, (t, 40.0), 0.05, Shape { said, rough: 3.0, change: 2.5, ..still });
        t += 90.0;
    }
    // The same where others pass before them: their place changes as traffic does.
    let mut t = 70.0;
    while t < seconds {
        let said = if night || weather == Weather::Rain { 0.25 } else { 0.08 };
        put(
            "brake lights behind traffic",
            Class::Fire,
            (t, 20.0),
            0.05,
            Shape { said, rough: 3.0, change: 2.5, passed: true, ..still },
        );
        t += 450.0;
    }
    // A passing lamp every 20 s; most of its vehicles are found too.
    let mut t = 10.0;
    let mut n = 0;
    while t < seconds {
        let said = if night { 0.2 } else { 0.05 };
        let driven = n % 4 != 0;
        put(
            "passing lamp",
            Class::Fire,
            (t, 8.0),
            0.03,
            Shape { drift: (0.06, 0.02), said, rough: 2.0, change: 25.0, driven, ..still },
        );
        (t, n) = (t + 20.0, n + 1);
    }
    // An orange lorry parks; red cloth sways; each some times a day.
    let mut t = 1000.0;
    while t < seconds {
        put("orange lorry", Class::Fire, (t, 1200.0), 0.1, Shape { said: 0.3, ..still });
        put(
            "red cloth",
            Class::Fire,
            (t + 2000.0, 3600.0),
            0.08,
            Shape { said: 0.2, breath: 0.1, breath_s: 2.5, rough: 2.0, change: 5.0, ..still },
        );
        t += 9000.0;
    }
    // Exhaust clouds, dust behind a lorry, steam of a kitchen.
    let mut t = 300.0;
    while t < seconds {
        put(
            "dust",
            Class::Smoke,
            (t, 6.0),
            0.2,
            Shape { drift: (0.03, 0.0), said: 0.4, breath: 0.3, breath_s: 8.0, rough: 2.0, change: 8.0, ..still },
        );
        t += 1200.0;
    }
    let mut t = 2500.0;
    while t < seconds {
        put(
            "steam",
            Class::Smoke,
            (t, 90.0),
            0.1,
            Shape { drift: (0.0, -2e-4), said: 0.25, breath: 0.2, breath_s: 6.0, rough: 2.0, change: 4.0, ..still },
        );
        t += 7200.0;
    }
    if weather == Weather::Rain {
        put("mist", Class::Smoke, (seconds * 0.3, seconds * 0.2), 0.6, Shape { said: 0.15, rough: 1.0, ..still });
    }
    out
}

struct Shape {
    drift: (f32, f32),
    breath: f32,
    breath_s: f32,
    said: f32,
    rough: f32,
    change: f32,
    driven: bool,
    passed: bool,
}
