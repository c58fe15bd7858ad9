//! Reads a TOML document key by key and collects every complaint with its line, instead of stopping at the first.
//!
//! A [`Table`] hands out its keys; what was never asked for is unknown, and [`Table::finish`] says so with the nearest key it knows. Values
//! are read by serde, so that a type's own message (a polygon that crosses itself) reaches the person who wrote it.

use std::{cell::RefCell, fmt, ops::Range, path::Path};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// One thing that is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    at: usize,
    key: String,
    what: String,
}

/// How complaints about the syntax begin.
const NOT_TOML: &str = "this is not TOML";

/// What is wrong with a document so far.
#[derive(Debug, Default)]
pub struct Complaints(RefCell<Vec<Complaint>>);

impl Complaints {
    /// Adds one about `key`, whose text lies at `span`.
    pub fn add(&self, span: &Range<usize>, key: impl Into<String>, what: impl fmt::Display) {
        self.0.borrow_mut().push(Complaint { at: span.start, key: key.into(), what: what.to_string() });
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Whether the document could not even be read as TOML: what else is wrong follows from that.
    fn is_not_toml(&self) -> bool {
        self.0.borrow().iter().any(|complaint| complaint.what.starts_with(NOT_TOML))
    }

    /// As text, one a line, in the document's order: `file:line:column: key: what`.
    pub fn into_lines(self, file: &Path, text: &str) -> Vec<String> {
        let not_toml = self.is_not_toml();
        let mut list = self.0.into_inner();
        list.retain(|complaint| !not_toml || complaint.what.starts_with(NOT_TOML));
        list.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        list.dedup();
        list.into_iter()
            .map(|Complaint { at, key, what }| {
                let before = &text[..at.min(text.len())];
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
                format!("{}:{line}:{column}: {key}{what}", file.display())
            })
            .collect()
    }
}

/// A value with its place in the document.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Range<usize>,
}

/// One table of the document, whose keys are taken out one after the other.
pub struct Table<'d> {
    complaints: &'d Complaints,
    path: String,
    span: Range<usize>,
    entries: DeTable<'d>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The whole document. Its syntax errors are among the complaints.
    pub fn document(text: &'d str, complaints: &'d Complaints) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            complaints.add(&error.span().unwrap_or(0..0), "", format_args!("{NOT_TOML}: {}", error.message()));
        }
        Self { complaints, path: String::new(), span: 0..0, entries: root.into_inner(), known: Vec::new() }
    }

    /// The full name of a key of this table.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Complains about a key of this table.
    pub fn complain(&self, span: &Range<usize>, key: &str, what: impl fmt::Display) {
        self.complaints.add(span, self.path_of(key), what);
    }

    /// Where the table begins.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'d>>> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// A value, where it is given and right.
    pub fn get<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Located<T>> {
        let value = self.take(key)?;
        let span = value.span();
        match read(value) {
            Ok(value) => Some(Located { value, span }),
            Err(wrong) => {
                let path = self.path_of(&format!("{key}{}", wrong.below));
                self.complaints.add(&wrong.span.unwrap_or(span), path, wrong.what);
                None
            }
        }
    }

    /// A value, or its default where it is left out.
    pub fn get_or<T: DeserializeOwned>(&mut self, key: &'static str, default: T) -> T {
        self.get(key).map_or(default, |found| found.value)
    }

    /// A number within bounds, or its default where it is left out.
    pub fn number_or(&mut self, key: &'static str, allowed: std::ops::RangeInclusive<f64>, unit: &str, default: f64) -> f64 {
        let Some(Located { value, span }) = self.get::<f64>(key) else { return default };
        if allowed.contains(&value) {
            value
        } else {
            let (low, high) = allowed.into_inner();
            self.complain(&span, key, format_args!("{value} is out of bounds: {low} to {high} {unit}").to_string().trim_end());
            default
        }
    }

    /// A value that must be given.
    pub fn required<T: DeserializeOwned>(&mut self, key: &'static str, example: &str) -> Option<Located<T>> {
        if self.entries.contains_key(key) {
            return self.get(key);
        }
        self.known.push(key);
        self.complain(&self.span.clone(), key, format_args!("it is missing; for example {example}"));
        None
    }

    /// A table below this one; an empty one where it is left out.
    pub fn table(&mut self, key: &'static str) -> Table<'d> {
        let path = self.path_of(key);
        match self.take(key) {
            Some(value) => self.below(path, value),
            None => self.empty(path),
        }
    }

    /// The tables of an array `[[key]]`; none where it is left out.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'d>> {
        let path = self.path_of(key);
        let Some(value) = self.take(key) else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(items) => {
                items.into_iter().enumerate().map(|(n, item)| self.below(format!("{path}[{n}]"), item)).collect()
            }
            _ => {
                self.complaints.add(&span, path.clone(), format_args!("it must be a list of tables: write [[{path}]]"));
                Vec::new()
            }
        }
    }

    fn below(&self, path: String, value: Spanned<DeValue<'d>>) -> Table<'d> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(entries) => Table { complaints: self.complaints, path, span, entries, known: Vec::new() },
            other => {
                let what = format_args!("it must be a table, not {}: write [{path}]", other.type_str()).to_string();
                self.complaints.add(&span, path.clone(), what);
                self.empty(path)
            }
        }
    }

    fn empty(&self, path: String) -> Table<'d> {
        Table { complaints: self.complaints, path, span: self.span.clone(), entries: DeTable::default(), known: Vec::new() }
    }

    /// Whether the key is there and not yet taken.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The rest of the table as one value, with `base` below it: a key given in both is this table's.
    pub fn rest_over<T: DeserializeOwned + Default>(self, base: &Table<'d>) -> T {
        let mut merged = base.entries.clone();
        let own = self.entries.clone();
        overlay(&mut merged, self.entries);
        let complaints = self.complaints;
        // Serde stops at the first wrong key: take that one out, complain, and read on.
        loop {
            match read(Spanned::new(self.span.clone(), DeValue::Table(merged.clone()))) {
                Ok(value) => return value,
                Err(wrong) => {
                    let span = wrong.span.clone().unwrap_or(self.span.clone());
                    let owner = if holds(&own, span.start) { &self.path } else { &base.path };
                    complaints.add(&span, format!("{owner}{}", wrong.below), wrong.what);
                    if !remove_at(&mut merged, span.start) {
                        return T::default();
                    }
                }
            }
        }
    }

    /// The table as one value.
    pub fn all<T: DeserializeOwned + Default>(&self) -> T {
        self.empty(self.path.clone()).rest_over(self)
    }

    /// Complains about every key that nobody asked for.
    pub fn finish(self) {
        for (key, value) in &self.entries {
            let name = key.get_ref();
            let at = if key.span().is_empty() { value.span() } else { key.span() };
            self.complain(&at, name, no_such_key(name, &self.known));
        }
    }
}

struct Wrong {
    /// The path below the value read, with its leading `.`; may be empty.
    below: String,
    span: Option<Range<usize>>,
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
        Wrong { below, span: error.span(), what: plain(error.message()) }
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

fn no_such_key(unknown: &str, known: &[&str]) -> String {
    let mut sorted = known.iter().copied().filter(|key| !key.is_empty()).collect::<Vec<_>>();
    sorted.sort_unstable();
    let hint = nearest(unknown, &sorted).map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
    format!("there is no such key; {hint}keys here are {}", sorted.join(", "))
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
    let holds = |span: Range<usize>| span.contains(&at) || span.start == at;
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

/// The word of `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (edit_distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["polygon", "direction", "lanes", "length_m"];
        assert_eq!(nearest("poligon", &known), Some("polygon"));
        assert_eq!(nearest("lenght_m", &known), Some("length_m"));
        assert_eq!(nearest("colour", &known), None);
    }

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
        let text = "[analytics.fire]\nhits = 3\nwindow = 5\n[camera.analytics.fire]\nhits = 7\n";
        let complaints = Complaints::default();
        let mut document = Table::document(text, &complaints);
        let base = document.table("analytics");
        let over = document.table("camera").table("analytics");
        assert_eq!(over.rest_over::<Params>(&base), Params { fire: Fire { hits: 7, window: 5 } });
        assert!(complaints.is_empty());

        let text = "[analytics.fire]\nhits = 3\n[camera.analytics.fire]\nhit = 7\nwindow = \"x\"\n[camera.analytics.fier]\n";
        let complaints = Complaints::default();
        let mut document = Table::document(text, &complaints);
        let base = document.table("analytics");
        let over = document.table("camera").table("analytics");
        assert_eq!(over.rest_over::<Params>(&base).fire.hits, 3);
        let lines = complaints.into_lines(Path::new("e.toml"), text);
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[0].starts_with("e.toml:4:1: "), "{lines:#?}");
        assert!(lines[1].starts_with("e.toml:5:10: camera.analytics.fire.window"), "{lines:#?}");
    }
}
