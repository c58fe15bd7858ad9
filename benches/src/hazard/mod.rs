//! What fire, flood and camera health are judged by: scenes with their truth (`scenes`), a fire detector that errs (`fire`), what only looks like fire
//! (`lookalikes`), the players that put both before the analytics (`play`), and floods with a water model that errs (`flood`), and cameras that fail
//! (`camera`).
//!
//! Not here: what a real model makes of pixels. That is the models' own evaluation (`models/cards`); here rules are judged, whatever the model of the day.

pub mod camera;
pub mod fire;
pub mod flood;
pub mod lookalikes;
pub mod play;
pub mod scenes;

pub use crate::detector::Dice;

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
