//! About which kinds of event a grant or an agency is.

use std::{fmt, str::FromStr};

use matpho_scene::event::EventKind;
use serde::{Deserialize, Serialize};

/// A set of event kinds, or all of them, those to come included. Written `all`, or kinds and families with commas between them:
/// `fire,flood.street`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds(u32);

/// Stands for kinds to come.
const FUTURE: u32 = 1 << EventKind::ALL.len();

const fn bit(kind: EventKind) -> u32 {
    1 << kind as u16
}

/// Why a text is no set of kinds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no kind: `all`, a family (traffic, fire, flood, camera) or a kind such as {} is expected", EventKind::Flood)]
pub struct KindsError {
    text: String,
}

impl Kinds {
    /// All kinds, those to come included.
    pub const ALL: Self = Self(FUTURE | (FUTURE - 1));
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether a kind is one of them.
    pub const fn has(self, kind: EventKind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// Whether it is all of them.
    pub const fn is_all(self) -> bool {
        self.0 == Self::ALL.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of another set are in this one.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kinds that there are today, one after the other.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<EventKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        f.write_str(&self.iter().map(EventKind::as_str).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Kinds {
    type Err = KindsError;
    fn from_str(text: &str) -> Result<Self, KindsError> {
        if text == "all" {
            return Ok(Self::ALL);
        }
        let mut kinds = Self::NONE;
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let named: Self = EventKind::ALL
                .into_iter()
                .filter(|kind| kind.as_str() == word || kind.as_str().split('.').next() == Some(word))
                .collect();
            if named.is_empty() {
                return Err(KindsError { text: word.chars().take(40).collect() });
            }
            kinds = kinds.or(named);
        }
        Ok(kinds)
    }
}

impl Serialize for Kinds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_are_written() {
        for (text, written) in
            [("all", "all"), ("fire", "fire.flame,fire.smoke"), ("flood.street, fire.flame", "fire.flame,flood.street"), ("", "")]
        {
            let kinds: Kinds = text.parse().unwrap();
            assert_eq!(kinds.to_string(), written);
            assert_eq!(kinds.to_string().parse::<Kinds>().unwrap(), kinds);
        }
        assert!("fir".parse::<Kinds>().unwrap_err().to_string().contains("`fir` is no kind"));
        // Every kind of today by name is not yet `all`: a kind to come would be missing.
        let today: Kinds = EventKind::ALL.into_iter().collect();
        assert!(!today.is_all() && Kinds::ALL.covers(today) && !today.covers(Kinds::ALL));
    }
}
