//! What fire, flood and camera health are judged by: scenes with their truth (`scenes`), a fire detector that errs (`fire`), what only looks like fire
//! (`lookalikes`), and the players that put both before the analytics (`play`).
//!
//! Not here: what a real model makes of pixels. That is the models' own evaluation (`models/cards`); here rules are judged, whatever the model of the day.

pub mod fire;
pub mod lookalikes;
pub mod play;
pub mod scenes;

/// Light and weather of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Overcast or sunny.
    Day,
    /// Lamps only.
    Night,
    /// A downpour by day.
    Rain,
}

impl Weather {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Night, Self::Rain];

    /// Its name in a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Night => "night",
            Self::Rain => "rain",
        }
    }

    /// As the simulated city spells it.
    pub const fn look(self) -> &'static str {
        match self {
            Self::Day => "{ hour = \"overcast\" }",
            Self::Night => "{ hour = \"night\" }",
            Self::Rain => "{ hour = \"overcast\", rain = 0.8 }",
        }
    }
}

/// Chance from a seed (SplitMix64): the same on every machine.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
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
