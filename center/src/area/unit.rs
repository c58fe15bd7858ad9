//! One area over the time that it is valid.

use std::{fmt, str::FromStr};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::MultiPolygon;

/// Names an area for good: the scheme that gives out the code, and the code. Written `SCHEME:CODE`, such as `VN-QD19-2025-XA:25747`.
/// Names of places repeat and change, codes of one scheme do not (Decision 19/2025/QĐ-TTg: a code is never used again).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AreaId {
    scheme: String,
    code: String,
}

/// Why a text names no area.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct AreaIdError {
    what: String,
}

/// Schemes whose codes have a known form: how many digits.
const DIGITS: [(&str, usize); 2] = [("VN-QD19-2025-TINH", 2), ("VN-QD19-2025-XA", 5)];

/// The most characters that a scheme or a code has.
pub const WORD_CHARS_MAX: usize = 40;

/// Whether a text is a word as schemes, codes and kinds are: 1 to 40 of the letters A to Z, digits, `.`, `_` and `-`.
pub fn is_word(text: &str) -> bool {
    (1..=WORD_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl AreaId {
    /// From a scheme and a code of it.
    pub fn new(scheme: &str, code: &str) -> Result<Self, AreaIdError> {
        let fail = |what| Err(AreaIdError { what });
        for (name, word) in [("scheme", scheme), ("code", code)] {
            if !is_word(word) {
                return fail(format!(
                    "`{}` is no {name}: 1 to {WORD_CHARS_MAX} of the letters A to Z, digits, `.`, `_` and `-` are expected",
                    word.chars().take(WORD_CHARS_MAX).collect::<String>()
                ));
            }
        }
        if let Some((_, digits)) = DIGITS.iter().find(|(known, _)| *known == scheme) {
            let numeric = code.bytes().all(|byte| byte.is_ascii_digit());
            if numeric && code.len() < *digits {
                return fail(format!(
                    "{scheme} has codes of {digits} digits: `{code:0>digits$}`? Spreadsheets drop leading zeros"
                ));
            }
            if !numeric || code.len() != *digits {
                return fail(format!("`{code}` is no code of {scheme}: {digits} digits are expected"));
            }
        }
        Ok(Self { scheme: scheme.to_owned(), code: code.to_owned() })
    }

    /// Who gives out the code.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl fmt::Display for AreaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.code)
    }
}

impl FromStr for AreaId {
    type Err = AreaIdError;
    fn from_str(text: &str) -> Result<Self, AreaIdError> {
        match text.split_once(':') {
            Some((scheme, code)) => Self::new(scheme, code),
            None => Err(AreaIdError {
                what: format!(
                    "`{}` names no area: SCHEME:CODE is expected, such as VN-QD19-2025-XA:25747",
                    text.chars().take(80).collect::<String>()
                ),
            }),
        }
    }
}

impl Serialize for AreaId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AreaId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The days on which something is valid, in the province's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The first day.
    pub from: Date,
    /// The first day on which it no longer is; `None`: no end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

impl Validity {
    /// Whether a day is one of them.
    pub fn holds(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|to| day < to)
    }

    /// Whether the two have a day in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.to.is_none_or(|to| other.from < to) && other.to.is_none_or(|to| self.from < to)
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            None => write!(f, "from {} on", self.from),
            Some(to) => write!(f, "from {} until {to}", self.from),
        }
    }
}

/// One version of an area: what it is called, where it belongs and where it lies, over the days that this holds. An area that is renamed or
/// becomes a ward where it was a commune keeps its id and gets a further version.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Which area.
    pub id: AreaId,
    /// What it is: `province`, `commune`, `ward`, `precinct`, `cluster`, whatever the province's own data say.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// The area it is part of; `None`: a tree's root.
    pub parent: Option<AreaId>,
    /// When all this holds.
    pub validity: Validity,
    /// Its border; `None` where it is not known, and then it lies where its parts do.
    pub border: Option<MultiPolygon>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id: AreaId = "VN-QD19-2025-XA:25747".parse().unwrap();
        assert_eq!((id.scheme(), id.code(), id.to_string().as_str()), ("VN-QD19-2025-XA", "25747", "VN-QD19-2025-XA:25747"));
        assert_eq!(serde_json::from_str::<AreaId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn wrong_ids_say_what_would_be_right() {
        for (text, part) in [
            ("25747", "SCHEME:CODE is expected"),
            (":25747", "`` is no scheme"),
            ("VN-QD19-2025-XA:", "`` is no code"),
            ("VN-QD19-2025-XA:1747", "`01747`? Spreadsheets drop leading zeros"),
            ("VN-QD19-2025-TINH:7", "`07`?"),
            ("VN-QD19-2025-XA:2574x", "5 digits are expected"),
            ("VN-QD19-2025-XA:257470", "5 digits are expected"),
            ("địa phương:1", "is no scheme"),
        ] {
            let said = text.parse::<AreaId>().unwrap_err().to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn the_day_of_the_change_belongs_to_what_comes() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let old = Validity { from: day("2020-01-01"), to: Some(day("2025-07-01")) };
        let new = Validity { from: day("2025-07-01"), to: None };
        assert!(!old.meets(&new) && !new.meets(&old) && old.meets(&old));
        assert!(old.holds(day("2025-06-30")) && !old.holds(day("2025-07-01")) && new.holds(day("2025-07-01")));
    }
}
