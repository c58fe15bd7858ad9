//! A cursor over a TOML table that collects complaints, each with its line and key, instead of stopping at the first.

use std::{cell::RefCell, fmt, ops::RangeInclusive};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::RegistryProblem;

/// The file's text and what was found wrong in it so far.
pub struct Complaints<'t> {
    text: &'t str,
    found: RefCell<Vec<RegistryProblem>>,
}

impl<'t> Complaints<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, found: RefCell::default() }
    }

    pub fn add(&self, at: usize, key: impl Into<String>, message: impl Into<String>) {
        let line = self.text.bytes().take(at).filter(|&b| b == b'\n').count() + 1;
        self.found.borrow_mut().push(RegistryProblem { line, key: key.into(), message: message.into() });
    }

    /// All complaints by line, or `None` where there are none.
    pub fn finish(self) -> Option<Vec<RegistryProblem>> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| problem.line);
        (!found.is_empty()).then_some(found)
    }
}

/// One table. Every key that is asked for counts as known; [`Reader::finish`] complains about the others.
pub struct Reader<'r> {
    complaints: &'r Complaints<'r>,
    table: &'r DeTable<'r>,
    /// Where the table begins in the text.
    at: usize,
    path: String,
    known: RefCell<Vec<&'static str>>,
}

/// A value, with the place to complain about it.
#[derive(Clone, Copy)]
pub struct Value<'r> {
    reader: &'r Reader<'r>,
    key: &'static str,
    value: &'r Spanned<DeValue<'r>>,
}

impl<'r> Reader<'r> {
    pub fn new(complaints: &'r Complaints<'r>, table: &'r DeTable<'r>, at: usize, path: impl Into<String>) -> Self {
        Self { complaints, table, at, path: path.into(), known: RefCell::default() }
    }

    /// The value of a key that may be left out.
    pub fn optional(&'r self, key: &'static str) -> Option<Value<'r>> {
        self.known.borrow_mut().push(key);
        self.table.get(key).map(|value| Value { reader: self, key, value })
    }

    /// The value of a key that may not be left out.
    pub fn required(&'r self, key: &'static str) -> Option<Value<'r>> {
        let value = self.optional(key);
        if value.is_none() {
            self.complaints.add(self.at, self.key(key), "is missing");
        }
        value
    }

    /// A table below this one; it may not be left out.
    pub fn table(&'r self, key: &'static str) -> Option<Reader<'r>> {
        let value = self.required(key)?;
        match value.value.get_ref() {
            DeValue::Table(table) => Some(Reader::new(self.complaints, table, value.value.span().start, self.key(key))),
            _ => value.expected("a table"),
        }
    }

    /// All keys of this table with their values; none of them is unknown.
    pub fn pairs(&'r self) -> impl Iterator<Item = (&'r str, usize, &'r DeValue<'r>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value.get_ref()))
    }

    pub fn complain(&self, at: usize, key: &str, message: impl Into<String>) {
        self.complaints.add(at, self.key(key), message);
    }

    /// Where this table begins in the text.
    pub fn at(&self) -> usize {
        self.at
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Complains about the keys that nobody asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            self.complain(key.span().start, key.get_ref(), format!("is no key of this table; it takes {}", known.join(", ")));
        }
    }
}

impl<'r> Value<'r> {
    pub fn complain<T>(self, message: impl Into<String>) -> Option<T> {
        self.reader.complain(self.value.span().start, self.key, message);
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
        let numbers = self.items().and_then(|items| items.map(number).collect::<Option<Vec<_>>>());
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

    /// Tables, each with the place where it begins (`[[key]]`).
    pub fn tables(self) -> Option<Vec<(usize, &'r DeTable<'r>)>> {
        let DeValue::Array(items) = self.value.get_ref() else { return self.expected("tables: [[model]]") };
        let tables = items.iter().map(|item| match item.get_ref() {
            DeValue::Table(table) => Some((item.span().start, table)),
            _ => None,
        });
        match tables.collect() {
            Some(tables) => Some(tables),
            None => self.expected("tables: [[model]]"),
        }
    }

    fn items(self) -> Option<impl Iterator<Item = &'r DeValue<'r>>> {
        match self.value.get_ref() {
            DeValue::Array(items) => Some(items.iter().map(|item| item.get_ref())),
            _ => None,
        }
    }
}

/// A whole number, decimal or with a prefix such as `0x`.
fn whole(value: &DeValue<'_>) -> Option<u32> {
    match value {
        DeValue::Integer(integer) => u32::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    }
}

/// A finite number, with or without a decimal point.
pub fn number(value: &DeValue<'_>) -> Option<f32> {
    let number: f32 = match value {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok()?,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
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
