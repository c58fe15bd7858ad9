//! What a camera can be made to suffer.

use serde::{Deserialize, Serialize};

/// A camera's fault. At most one at a time; `None` heals it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Healthy.
    #[default]
    None,
    /// The server goes silent and keeps its connections: no picture, no error, no end.
    Hang,
    /// Connections are dropped and the camera answers no more.
    Kill,
    /// Every login is refused, as if the password had been changed.
    WrongPassword,
    /// The same picture again and again while packets flow.
    Freeze,
    /// A black picture.
    Black,
    /// Out of focus.
    Blur,
    /// Something hangs over the lens.
    Cover,
    /// The camera has been knocked aside.
    Shift {
        /// Degrees to the right.
        #[serde(default = "Fault::default_shift")]
        yaw_deg: f32,
        /// Degrees further down.
        #[serde(default)]
        pitch_deg: f32,
    },
    /// The camera's clock is off: RTCP says another time than it is.
    ClockSkew {
        /// Seconds ahead; negative is behind.
        seconds: f64,
    },
}

impl Fault {
    fn default_shift() -> f32 {
        14.0
    }
    /// Its name as in a scenario file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hang => "hang",
            Self::Kill => "kill",
            Self::WrongPassword => "wrong_password",
            Self::Freeze => "freeze",
            Self::Black => "black",
            Self::Blur => "blur",
            Self::Cover => "cover",
            Self::Shift { .. } => "shift",
            Self::ClockSkew { .. } => "clock_skew",
        }
    }
}
