//! Reads values by serde, so that a type's own message (a polygon that crosses itself) reaches the person who wrote it.

use std::ops::RangeInclusive;

use matpho_config::{Table, no_such_key};
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// A value with its place in the text.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it begins, as a byte of the text.
    pub at: usize,
}

/// What a table's keys can be read as.
pub trait Values {
    /// A value, where it is given and right.
    fn get<T: DeserializeOwned>(&self, key: &'static str) -> Option<Located<T>>;

    /// A value that must be given.
    fn required<T: DeserializeOwned>(&self, key: &'static str, example: &str) -> Option<Located<T>>;

    /// A value, or its default where it is left out.
    fn get_or<T: DeserializeOwned>(&self, key: &'static str, default: T) -> T {
        self.get(key).map_or(default, |found| found.value)
    }

    /// A number within bounds, or its default where it is left out.
    fn number_or(&self, key: &'static str, allowed: RangeInclusive<f64>, unit: &str, default: f64) -> f64;

    /// The rest of the table as one value, with `base` below it: a key given in both is this table's.
    fn rest_over<T: DeserializeOwned + Default>(&self, base: &Self) -> T;

    /// The rest of the table as one value.
    fn all<T: DeserializeOwned + Default>(&self) -> T;
}

impl Values for Table<'_> {
    fn get<T: DeserializeOwned>(&self, key: &'static str) -> Option<Located<T>> {
        let value = self.find(key)?;
        let at = value.span().start;
        match read(value.clone()) {
            Ok(value) => Some(Located { value, at }),
            Err(wrong) => {
                self.complain(wrong.at.unwrap_or(at), &format!("{key}{}", wrong.below), wrong.what);
                None
            }
        }
    }

    fn required<T: DeserializeOwned>(&self, key: &'static str, example: &str) -> Option<Located<T>> {
        if !self.has(key) {
            self.complain(self.at(), key, format_args!("it is missing; for example {example}"));
        }
        self.get(key)
    }

    fn number_or(&self, key: &'static str, allowed: RangeInclusive<f64>, unit: &str, default: f64) -> f64 {
        let Some(Located { value, at }) = self.get::<f64>(key) else { return default };
        if allowed.contains(&value) {
            return value;
        }
        let (low, high) = allowed.into_inner();
        self.complain(at, key, format!("{value} is out of bounds: {low} to {high} {unit}").trim_end());
        default
    }

    fn rest_over<T: DeserializeOwned + Default>(&self, base: &Self) -> T {
        over(self, rest(self), base)
    }

    fn all<T: DeserializeOwned + Default>(&self) -> T {
        over(self, DeTable::default(), self)
    }
}

fn rest<'d>(table: &Table<'d>) -> DeTable<'d> {
    table.rest().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// `own` of `table` over the rest of `base`.
fn over<'d, T: DeserializeOwned + Default>(table: &Table<'d>, own: DeTable<'d>, base: &Table<'d>) -> T {
    let mut merged = rest(base);
    overlay(&mut merged, own.clone());
    // Serde stops at the first wrong key: take that one out, complain, and read on.
    loop {
        match read(Spanned::new(table.at()..table.at(), DeValue::Table(merged.clone()))) {
            Ok(value) => return value,
            Err(wrong) => {
                let at = wrong.at.unwrap_or(table.at());
                let owner = if holds(&own, at) { table } else { base };
                owner.complain(at, wrong.below.trim_start_matches('.'), wrong.what);
                if !remove_at(&mut merged, at) {
                    return T::default();
                }
            }
        }
    }
}

struct Wrong {
    /// The path below the value read, with its leading `.`; may be empty.
    below: String,
    at: Option<usize>,
    what: String,
}

fn read<T: DeserializeOwned>(value: Spanned<DeValue<'_>>) -> Result<T, Wrong> {
    serde_path_to_error::deserialize(ValueDeserializer::from(value)).map_err(|error| {
        let path = error.path().to_string();
        let below = match path.as_str() {
            "." => String::new(),
            path if path.starts_with('[') => path.to_owned(),
            path => format!(".{path}"),
        };
        let error = error.into_inner();
        Wrong { below, at: error.span().map(|span| span.start), what: plain(error.message()) }
    })
}

/// Serde's words for a person who does not write Rust.
fn plain(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let words: Vec<&str> = rest.split('`').step_by(2).collect();
        if let [unknown, known @ ..] = words.as_slice() {
            return no_such_key(unknown, known);
        }
    }
    let mut text = message.to_owned();
    for (rust, plain) in [
        ("expected f64", "expected a number"),
        ("expected f32", "expected a number"),
        ("expected a nonzero usize", "expected a whole number of at least 1"),
        ("expected a nonzero u32", "expected a whole number of at least 1"),
        ("expected usize", "expected a whole number"),
        ("expected u32", "expected a whole number"),
    ] {
        text = text.replace(rust, plain);
    }
    text
}

/// Lays `upper` over `lower`, table by table.
fn overlay<'d>(lower: &mut DeTable<'d>, upper: DeTable<'d>) {
    for (key, value) in upper {
        let span = value.span();
        match (value.into_inner(), lower.get_mut(key.get_ref().as_ref())) {
            (DeValue::Table(upper), Some(below)) if below.get_ref().is_table() => {
                if let DeValue::Table(lower) = below.get_mut() {
                    overlay(lower, upper);
                }
            }
            (value, _) => {
                // `insert` would keep the old key and its place.
                lower.remove(key.get_ref().as_ref());
                lower.insert(key, Spanned::new(span, value));
            }
        }
    }
}

/// Whether a key or value of the table lies at `at`.
fn holds(table: &DeTable<'_>, at: usize) -> bool {
    table.iter().any(|(key, value)| {
        let below = value.get_ref().as_table().is_some_and(|inner| holds(inner, at));
        below || [key.span(), value.span()].iter().any(|span| span.contains(&at) || span.start == at)
    })
}

/// Takes out the key whose name or value lies at `at`, innermost first.
fn remove_at(table: &mut DeTable<'_>, at: usize) -> bool {
    let holds = |span: std::ops::Range<usize>| span.contains(&at) || span.start == at;
    for (_, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && remove_at(inner, at)
        {
            return true;
        }
    }
    let found =
        table.iter().find(|(key, value)| holds(key.span()) || holds(value.span())).map(|(key, _)| key.get_ref().to_string());
    found.is_some_and(|key| table.remove(key.as_str()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Params {
        fire: Fire,
    }
    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Fire {
        hits: u32,
        window: u32,
    }

    #[test]
    fn overrides_lie_over_defaults_and_every_wrong_key_is_named() {
        let over = |text| {
            matpho_config::read(text, |root| {
                root.table("camera").table("analytics").rest_over::<Params>(&root.table("analytics"))
            })
        };
        let text = "[analytics.fire]\nhits = 3\nwindow = 5\n[camera.analytics.fire]\nhits = 7\n";
        assert_eq!(over(text), Ok(Params { fire: Fire { hits: 7, window: 5 } }));

        let text = "[analytics.fire]\nhits = 3\n[camera.analytics.fire]\nhit = 7\nwindow = \"x\"\n[camera.analytics.fier]\n";
        let complaints = over(text).unwrap_err();
        let places: Vec<_> = complaints.iter().map(|one| (one.line, one.column, one.key.as_str())).collect();
        assert_eq!(
            places,
            [(4, 1, "camera.analytics.fire.hit"), (5, 10, "camera.analytics.fire.window"), (6, 19, "camera.analytics.fier"),]
        );
    }
}
