//! Numbers of a configuration that carry their range: parsed once, never checked again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a number does not fit where it was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} is outside its range: {range} is needed")]
pub struct RangeError {
    value: f64,
    range: &'static str,
}

macro_rules! ranged {
    ($(#[$doc:meta])* $name:ident, $repr:ty, $min:expr, $max:expr, $range:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name($repr);

        impl $name {
            /// Checks the range.
            pub fn new(value: f64) -> Result<Self, RangeError> {
                if ($min..=$max).contains(&value) { Ok(Self(value as $repr)) } else { Err(RangeError { value, range: $range }) }
            }

            /// For values written in the source: out of range does not compile where it is used in a constant.
            pub(crate) const fn of(value: $repr) -> Self {
                assert!(value >= $min as $repr && value <= $max as $repr);
                Self(value)
            }

            /// The number.
            pub const fn get(self) -> $repr {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = RangeError;
            fn try_from(value: f64) -> Result<Self, RangeError> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                // By way of text: 0.2_f32 is to be written 0.2, not 0.20000000298.
                value.0.to_string().parse().unwrap_or(f64::NAN)
            }
        }
    };
}

ranged!(
    /// A span of time in seconds, a tenth of a second to a day.
    Seconds, f64, 0.1_f64, 86_400.0_f64, "0.1 to 86400 seconds"
);
ranged!(
    /// A share, 0 to 1.
    Share, f32, 0.0_f64, 1.0_f64, "0.0 to 1.0"
);
ranged!(
    /// A quantity above zero, at most a million; its unit is in the name of the field.
    Positive, f32, 1e-6_f64, 1e6_f64, "a number above 0, at most 1000000,"
);

impl Seconds {
    /// As a span.
    pub fn span(self) -> Duration {
        Duration::from_secs_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_says_what_would_be_right() {
        assert_eq!(Seconds::new(0.0).unwrap_err().to_string(), "0 is outside its range: 0.1 to 86400 seconds is needed");
        assert!(Share::new(f64::NAN).is_err());
        assert!(Share::new(1.01).is_err());
        assert!(Positive::new(0.0).is_err());
        assert!(serde_json::from_str::<Share>("1.5").unwrap_err().to_string().contains("0.0 to 1.0"));
        assert_eq!(serde_json::to_string(&Share::of(0.2)).unwrap(), "0.2");
    }
}
