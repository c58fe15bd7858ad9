//! Asks a file's tables for values of a kind, within bounds, and says what was expected where something else was found.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use matpho_config::{Complaint, Found, Table};
use toml::de::DeValue;

/// Reads a text by sections; relative paths in it are meant from `folder`.
pub fn read<T>(text: &str, folder: &Path, ask: impl FnOnce(&Section<'_>) -> T) -> Result<T, Vec<Complaint>> {
    let read = matpho_config::read(text, |table| {
        let root = Section { table, folder };
        let value = ask(&root);
        root.done();
        value
    });
    // Columns are not shown here: what differs by them alone would be said twice.
    read.map_err(|mut complaints| {
        complaints.sort_by(|a, b| (a.line, &a.key, &a.what).cmp(&(b.line, &b.key, &b.what)));
        complaints.dedup_by(|b, a| (a.line, &a.key, &a.what) == (b.line, &b.key, &b.what));
        complaints
    })
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
        matpho_config::whole(value)
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a number";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        matpho_config::number(value)
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
    table: Table<'d>,
    folder: &'d Path,
}

impl<'d> Section<'d> {
    /// The value of a key, if it is there.
    pub fn optional<T: Value>(&self, key: &'static str) -> Option<T> {
        let value = self.table.find(key)?;
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
        self.optional::<String>(key).map(|path| self.folder.join(path))
    }

    /// A table in this one; an empty one if it is not there.
    pub fn section(&self, key: &'static str) -> Section<'d> {
        Section { table: self.table.table(key), folder: self.folder }
    }

    /// The tables of a list `[[key]]`; `None` if there is no such list.
    pub fn sections(&self, key: &'static str) -> Option<Vec<Section<'d>>> {
        let tables = self.table.tables(key)?;
        Some(tables.into_iter().map(|table| Section { table, folder: self.folder }).collect())
    }

    /// Whether a key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.table.find(key).is_some()
    }

    /// Complains about a key's value, or about its absence.
    pub fn refuse(&self, key: &'static str, what: impl fmt::Display) {
        let at = self.table.find(key).map_or(self.table.at(), |value| value.span().start);
        self.table.complain(at, key, what);
    }

    /// Complains about every key that nobody asked for.
    pub fn done(&self) {
        self.table.finish();
    }

    fn excerpt(&self, value: Found<'_>) -> String {
        if value.get_ref().is_table() {
            return "a table".into();
        }
        format!("`{}`", self.table.text_of(value).chars().take(60).collect::<String>())
    }
}
