//! What a detector found in one picture.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::geometry::NormBox;

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Somebody on foot.
    Person,
    /// Bicycle with or without its rider.
    Bicycle,
    /// Motorbike, scooter or moped with or without its rider.
    Motorcycle,
    /// Passenger car, taxi, pickup, van.
    Car,
    /// Bus or coach.
    Bus,
    /// Lorry.
    Truck,
    /// Flame.
    Fire,
    /// Smoke.
    Smoke,
}

impl Class {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 8] =
        [Self::Person, Self::Bicycle, Self::Motorcycle, Self::Car, Self::Bus, Self::Truck, Self::Fire, Self::Smoke];

    /// The class as it is spelled in files and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Bicycle => "bicycle",
            Self::Motorcycle => "motorcycle",
            Self::Car => "car",
            Self::Bus => "bus",
            Self::Truck => "truck",
            Self::Fire => "fire",
            Self::Smoke => "smoke",
        }
    }

    /// Whether it moves on a carriageway on wheels.
    pub const fn is_vehicle(self) -> bool {
        matches!(self, Self::Bicycle | Self::Motorcycle | Self::Car | Self::Bus | Self::Truck)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class: use person, bicycle, motorcycle, car, bus, truck, fire or smoke")]
pub struct ClassError(String);

impl FromStr for Class {
    type Err = ClassError;
    /// Also takes the names other models use for the same thing (`motorbike`, `lorry`, `flame`).
    fn from_str(text: &str) -> Result<Self, ClassError> {
        Ok(match text {
            "motorbike" | "moped" | "scooter" => Self::Motorcycle,
            "lorry" => Self::Truck,
            "van" | "taxi" => Self::Car,
            "bike" => Self::Bicycle,
            "pedestrian" => Self::Person,
            "flame" => Self::Fire,
            _ => Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| ClassError(text.to_owned()))?,
        })
    }
}

/// A confidence, 0 to 1, never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Score(f32);

/// Why a number is not a score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0} is not a score: it must lie in 0.0..=1.0")]
pub struct ScoreError(f32);

impl Score {
    /// No confidence at all.
    pub const ZERO: Self = Self(0.0);
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// Takes any number: clamped to 0..=1, NaN becomes 0.
    pub fn clamped(value: f32) -> Self {
        if value.is_nan() { Self::ZERO } else { Self(value.clamp(0.0, 1.0)) }
    }

    /// The number.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Score {
    type Error = ScoreError;
    fn try_from(value: f32) -> Result<Self, ScoreError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(ScoreError(value)) }
    }
}

impl From<Score> for f32 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// How much a place changed since the picture that was looked at before it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Change {
    /// Mean absolute change of brightness in the place, 0 to 255.
    pub inside: f32,
    /// What half of the picture changes by at most: noise, rain, a camera that shakes.
    pub around: f32,
}

/// One thing found in one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// What it is.
    pub class: Class,
    /// How sure the model is.
    pub score: Score,
    /// Where it is.
    pub bbox: NormBox,
}
