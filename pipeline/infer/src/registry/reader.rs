//! Asks the registry's tables for values out of closed sets: a range, a list of words. Everything is needed, unless it is asked for as optional.

use std::{fmt, ops::RangeInclusive};

use matpho_config::{Found, Table, number, whole};
use toml::de::DeValue;

/// A value, with the table to complain in.
#[derive(Clone, Copy)]
pub struct Value<'r> {
    table: &'r Table<'r>,
    key: &'static str,
    value: Found<'r>,
}

/// The value of a key that may be left out.
pub fn optional<'r>(table: &'r Table<'r>, key: &'static str) -> Option<Value<'r>> {
    table.find(key).map(|value| Value { table, key, value })
}

/// The value of a key that may not be left out.
pub fn required<'r>(table: &'r Table<'r>, key: &'static str) -> Option<Value<'r>> {
    let value = optional(table, key);
    if value.is_none() {
        table.complain(table.at(), key, "is missing");
    }
    value
}

/// A table below this one; it may not be left out.
pub fn below<'r>(table: &'r Table<'r>, key: &'static str) -> Option<Table<'r>> {
    let value = required(table, key)?;
    let below = table.table(key);
    value.value.get_ref().is_table().then_some(below)
}

impl<'r> Value<'r> {
    pub fn complain<T>(self, message: impl fmt::Display) -> Option<T> {
        self.table.complain(self.value.span().start, self.key, message);
        None
    }

    fn expected<T>(self, what: impl fmt::Display) -> Option<T> {
        self.complain(format!("expected {what}, found {}", describe(self.value.get_ref())))
    }

    /// A text that is not empty.
    pub fn text(self) -> Option<&'r str> {
        match self.value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.as_ref()),
            _ => self.expected("a text"),
        }
    }

    /// A text that `parse` understands; its error says what would be right.
    pub fn parsed<T, E: fmt::Display>(self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text()?;
        parse(text).map_or_else(|error| self.complain(error.to_string()), Some)
    }

    /// One of several words.
    pub fn word<T: Copy>(self, words: &[(&str, T)]) -> Option<T> {
        let found = match self.value.get_ref() {
            DeValue::String(text) => words.iter().find(|(word, _)| *word == text.as_ref()),
            _ => None,
        };
        match found {
            Some(&(_, value)) => Some(value),
            None => self.expected(words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ")),
        }
    }

    pub fn boolean(self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            _ => self.expected("true or false"),
        }
    }

    pub fn whole(self, range: RangeInclusive<u32>) -> Option<u32> {
        match whole(self.value.get_ref()) {
            Some(value) if range.contains(&value) => Some(value),
            _ => self.expected(format_args!("a whole number from {} to {}", range.start(), range.end())),
        }
    }

    pub fn number(self, range: RangeInclusive<f32>) -> Option<f32> {
        match number(self.value.get_ref()) {
            Some(value) if range.contains(&value) => Some(value),
            _ => self.expected(format_args!("a number from {:?} to {:?}", range.start(), range.end())),
        }
    }

    /// Three finite numbers.
    pub fn triple(self) -> Option<[f32; 3]> {
        let numbers = self.items().and_then(|items| items.map(number::<f32>).collect::<Option<Vec<_>>>());
        match numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok()) {
            Some(triple) => Some(triple),
            None => self.expected("three numbers"),
        }
    }

    pub fn wholes(self, range: RangeInclusive<u32>) -> Option<Vec<u32>> {
        let wholes = self.items().and_then(|items| items.map(whole).collect::<Option<Vec<_>>>());
        match wholes {
            Some(wholes) if wholes.iter().all(|whole| range.contains(whole)) => Some(wholes),
            _ => self.expected(format_args!("a list of whole numbers from {} to {}", range.start(), range.end())),
        }
    }

    /// Different texts, none empty.
    pub fn texts(self) -> Option<Vec<String>> {
        let text = |item: &DeValue<'_>| match item {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.clone().into_owned()),
            _ => None,
        };
        let Some(texts) = self.items().and_then(|items| items.map(text).collect::<Option<Vec<_>>>()) else {
            return self.expected("a list of texts");
        };
        match texts.iter().enumerate().find(|&(i, text)| texts[..i].contains(text)) {
            Some((_, twice)) => self.complain(format!("lists \"{twice}\" twice")),
            None => Some(texts),
        }
    }

    fn items(self) -> Option<impl Iterator<Item = &'r DeValue<'r>>> {
        match self.value.get_ref() {
            DeValue::Array(items) => Some(items.iter().map(|item| item.get_ref())),
            _ => None,
        }
    }
}

/// A value as a reader of the file would call it, cut short.
pub fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 40 => format!("\"{}…\"", text.chars().take(40).collect::<String>()),
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(items) => format!("a list of {}", items.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
