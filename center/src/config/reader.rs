//! Reads a TOML file and complains about everything that is wrong with it at once, each complaint with its line and key.
//!
//! serde stops at the first error; who edits a file by hand wants all of them. So the tree is walked by asking for keys: what was
//! asked for is known, what is left over is a mistake.

use std::{
    cell::RefCell,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Line, from 1.
    pub line: usize,
    /// Full key, `http.listen`; empty where the file is not TOML at all.
    pub key: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, what } = self;
        if key.is_empty() { write!(f, "line {line}: {what}") } else { write!(f, "line {line}: {key}: {what}") }
    }
}

/// The file being read, and what is wrong with it so far.
pub struct Document<'t> {
    text: &'t str,
    folder: &'t Path,
    complaints: RefCell<Vec<Complaint>>,
}

impl<'t> Document<'t> {
    /// A file's text, and the folder that its relative paths are meant from.
    pub fn new(text: &'t str, folder: &'t Path) -> Self {
        Self { text, folder, complaints: RefCell::default() }
    }

    /// Parses the text and has `read` ask for everything. Complaints come in order of lines.
    pub fn read<T>(self, read: impl FnOnce(&Section<'_>) -> T) -> Result<T, Vec<Complaint>> {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.complain(at, String::new(), error.message().to_owned());
        }
        let section =
            Section { document: &self, path: String::new(), table: Some(root.get_ref()), at: 0, asked: RefCell::default() };
        let value = read(&section);
        section.done();
        let mut complaints = self.complaints.into_inner();
        complaints.sort();
        complaints.dedup();
        if complaints.is_empty() { Ok(value) } else { Err(complaints) }
    }

    fn complain(&self, at: usize, key: String, what: String) {
        let line = self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        self.complaints.borrow_mut().push(Complaint { line, key, what });
    }
}

/// A value that a key can have.
pub trait Value: Sized {
    /// What to write, for the complaint.
    const EXPECTED: &'static str;
    /// The value, if the form fits.
    fn read(value: &DeValue<'_>) -> Option<Self>;
}

impl Value for String {
    const EXPECTED: &'static str = "a text in quotes";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }
}

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number, 0 or more";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_integer().and_then(|number| Self::from_str_radix(number.as_str(), number.radix()).ok())
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a number";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &Self| number.is_finite()),
            _ => i32::try_from(u64::read(value)?).ok().map(Self::from),
        }
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str = "an address with port, such as \"127.0.0.1:8080\"";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Value for Vec<String> {
    const EXPECTED: &'static str = "a list of texts, such as [\"fire\"]";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
    }
}

/// A table of the file.
pub struct Section<'d> {
    document: &'d Document<'d>,
    path: String,
    table: Option<&'d DeTable<'d>>,
    at: usize,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    /// The value of a key, if it is there.
    pub fn optional<T: Value>(&self, key: &'static str) -> Option<T> {
        let value = self.find(key)?;
        let read = T::read(value.get_ref());
        if read.is_none() {
            self.refuse(key, format!("{} is expected, {} was found", T::EXPECTED, self.excerpt(value)));
        }
        read
    }

    /// The value of a key, or the default.
    pub fn or<T: Value>(&self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The same, within bounds.
    pub fn within<T: Value + PartialOrd + fmt::Display + Copy>(&self, key: &'static str, default: T, bounds: (T, T)) -> T {
        let value = self.or(key, default);
        if value < bounds.0 || value > bounds.1 {
            self.refuse(key, format!("{} to {} is allowed, {value} was found", bounds.0, bounds.1));
            return default;
        }
        value
    }

    /// A path; a relative one is meant from the file's folder.
    pub fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.optional::<String>(key).map(|path| self.document.folder.join(path))
    }

    /// A table in this one; an empty one if it is not there.
    pub fn section(&self, key: &'static str) -> Section<'d> {
        let value = self.find(key);
        if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
            self.refuse(key, format!("a table [{}] is expected, {} was found", self.full(key), self.excerpt(value)));
        }
        let at = value.map_or(self.at, |value| value.span().start);
        let table = value.and_then(|value| value.get_ref().as_table());
        Section { document: self.document, path: self.full(key), table, at, asked: RefCell::default() }
    }

    /// The tables of a list `[[key]]`; `None` if there is no such list.
    pub fn sections(&self, key: &'static str) -> Option<Vec<Section<'d>>> {
        let value = self.find(key)?;
        let items: Option<Vec<_>> =
            value.get_ref().as_array().map(|items| items.iter().filter(|item| item.get_ref().is_table()).collect());
        let Some(items) = items else {
            self.refuse(key, format!("tables [[{}]] are expected, {} was found", self.full(key), self.excerpt(value)));
            return None;
        };
        let section = |(index, item): (usize, &'d Spanned<DeValue<'d>>)| Section {
            document: self.document,
            path: format!("{}[{index}]", self.full(key)),
            table: item.get_ref().as_table(),
            at: item.span().start,
            asked: RefCell::default(),
        };
        Some(items.into_iter().enumerate().map(section).collect())
    }

    /// Whether a key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Complains about a key's value, or about its absence.
    pub fn refuse(&self, key: &'static str, what: impl Into<String>) {
        let at = self.find(key).map_or(self.at, |value| value.span().start);
        self.document.complain(at, self.full(key), what.into());
    }

    /// Complains about every key that nobody asked for.
    pub fn done(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            if !asked.iter().any(|known| *known == key.get_ref().as_ref()) {
                let known = asked.join(", ");
                self.document.complain(
                    key.span().start,
                    self.full(key.get_ref()),
                    format!("unknown key; known here are {known}"),
                );
            }
        }
    }

    fn find(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        self.table?.get(key)
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn excerpt(&self, value: &Spanned<DeValue<'_>>) -> String {
        if value.get_ref().is_table() {
            return "a table".into();
        }
        let text = self.document.text.get(value.span()).unwrap_or_default();
        format!("`{}`", text.chars().take(60).collect::<String>())
    }
}
