//! What can be watched for, by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One of the things that can be watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analytic {
    /// Level of service, density, queue.
    Congestion,
    /// One vehicle stands while others move.
    StoppedVehicle,
    /// A vehicle goes against its direction.
    WrongWay,
    /// A person on foot on the carriageway.
    Pedestrian,
    /// Open flame.
    Fire,
    /// Smoke.
    Smoke,
    /// Water on the street.
    Flood,
    /// Whether the camera can see at all.
    Camera,
}

impl Analytic {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Congestion,
        Self::StoppedVehicle,
        Self::WrongWay,
        Self::Pedestrian,
        Self::Fire,
        Self::Smoke,
        Self::Flood,
        Self::Camera,
    ];

    /// The name in configurations, on the command line and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Congestion => "congestion",
            Self::StoppedVehicle => "stopped_vehicle",
            Self::WrongWay => "wrong_way",
            Self::Pedestrian => "pedestrian",
            Self::Fire => "fire",
            Self::Smoke => "smoke",
            Self::Flood => "flood",
            Self::Camera => "camera",
        }
    }

    /// Whether it lives on tracks of vehicles and people.
    pub const fn needs_tracks(self) -> bool {
        matches!(self, Self::Congestion | Self::StoppedVehicle | Self::WrongWay | Self::Pedestrian)
    }

    /// Whether what it says depends on where zones were drawn, so that a moved camera makes it void.
    pub const fn needs_zones(self) -> bool {
        self.needs_tracks() || matches!(self, Self::Flood)
    }
}

impl fmt::Display for Analytic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not an analytic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an analytic: use congestion, stopped_vehicle, wrong_way, pedestrian, fire, smoke, flood or camera")]
pub struct AnalyticError(String);

impl FromStr for Analytic {
    type Err = AnalyticError;
    fn from_str(text: &str) -> Result<Self, AnalyticError> {
        Self::ALL.into_iter().find(|a| a.as_str() == text).ok_or_else(|| AnalyticError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_analytics_read_back() {
        for analytic in Analytic::ALL {
            assert_eq!(analytic.to_string().parse(), Ok(analytic));
        }
        assert!("fires".parse::<Analytic>().unwrap_err().to_string().contains("use congestion"));
    }
}
