//! Identifiers: parsed once, never a bare string again.
//!
//! A slug is 1 to 63 of `a-z 0-9 _ -`, beginning with a letter or a digit, so that it fits a topic level, a file name and a URL
//! path without escaping.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest slug, in bytes.
pub const SLUG_LEN_MAX: usize = 63;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id: use 1 to {SLUG_LEN_MAX} of a-z, 0-9, `_` and `-`, beginning with a letter or a digit")]
pub struct IdError {
    text: String,
}

fn check(text: &str) -> Result<(), IdError> {
    let first = text.bytes().next();
    let fits = text.len() <= SLUG_LEN_MAX
        && first.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if fits { Ok(()) } else { Err(IdError { text: text.chars().take(80).collect() }) }
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

slug_id!(
    /// A site: the organisation or province that one installation of gateways belongs to.
    SiteId
);
slug_id!(
    /// An edge gateway, unique in its site.
    EdgeId
);
slug_id!(
    /// A camera, unique in its edge.
    CameraId
);
slug_id!(
    /// A zone drawn in a camera's picture, unique in its camera.
    ZoneId
);
slug_id!(
    /// A model of the registry.
    ModelId
);

/// One tracked object of one camera, unique since the tracker was made; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u64);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for good in ["a", "cam-01", "7", "binh_duong"] {
            assert_eq!(good.parse::<CameraId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "Cam", "a/b", "a b", "+", "#", &"a".repeat(64)] {
            assert!(bad.parse::<CameraId>().is_err(), "{bad:?} must be refused");
        }
    }
}
