//! One table of a text, whose keys are asked for.

use std::{borrow::Cow, cell::RefCell, fmt};

use toml::{Spanned, de::DeTable};

use crate::{Found, complaint::Complaints, words::no_such_key};

/// One table. Every key that is asked for counts as known; [`Table::finish`] complains about the others.
pub struct Table<'d> {
    complaints: &'d Complaints<'d>,
    path: String,
    at: usize,
    /// None where the table was left out.
    entries: Option<&'d DeTable<'d>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Table<'d> {
    pub(crate) fn root(complaints: &'d Complaints<'d>, entries: &'d DeTable<'d>) -> Self {
        Self { complaints, path: String::new(), at: 0, entries: Some(entries), known: RefCell::default() }
    }

    /// The same table under another name: a model's id says more than its number in a list.
    pub fn named(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Where the table begins, as a byte of the text; where it would be, if it was left out.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The full name of a key of this table; its own for an empty key.
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", name) | (name, "") => name.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// How a value was written.
    pub fn text_of(&self, value: Found<'_>) -> &'d str {
        self.complaints.text.get(value.span()).unwrap_or_default()
    }

    /// Complains about a key of this table, whose text begins at `at`.
    pub fn complain(&self, at: usize, key: &str, what: impl fmt::Display) {
        self.complaints.add(at, self.path_of(key), what);
    }

    /// Whether a key is there. It does not become known by that.
    pub fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// The value of a key, where it is given.
    pub fn find(&self, key: &'static str) -> Option<Found<'d>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.entries?.get(key)
    }

    /// The table of a key; an empty one where it is left out, or is none after a complaint.
    pub fn table(&self, key: &'static str) -> Table<'d> {
        let path = self.path_of(key);
        match self.find(key) {
            Some(value) => self.below(path, value, format_args!("[{}]", self.path_of(key))),
            None => Table { complaints: self.complaints, path, at: self.at, entries: None, known: RefCell::default() },
        }
    }

    /// The tables of a list `[[key]]`; `None` where it is left out, or is no list after a complaint. What is no table in it is left out after one.
    pub fn tables(&self, key: &'static str) -> Option<Vec<Table<'d>>> {
        let value = self.find(key)?;
        let path = self.path_of(key);
        let Some(items) = value.get_ref().as_array() else {
            self.complain(value.span().start, key, format_args!("it must be a list of tables: write [[{path}]]"));
            return None;
        };
        let item = |(n, item)| self.below(format!("{path}[{n}]"), item, format_args!("[[{path}]]"));
        Some(items.iter().enumerate().map(item).filter(|table| table.entries.is_some()).collect())
    }

    fn below(&self, path: String, value: Found<'d>, write: fmt::Arguments<'_>) -> Table<'d> {
        let (at, entries) = (value.span().start, value.get_ref().as_table());
        if entries.is_none() {
            let found = value.get_ref().type_str();
            self.complaints.add(at, path.clone(), format_args!("it must be a table, not {found}: write {write}"));
        }
        Table { complaints: self.complaints, path, at, entries, known: RefCell::default() }
    }

    /// The keys that nobody asked for so far, with their values.
    pub fn rest(&self) -> impl Iterator<Item = (&'d Spanned<Cow<'d, str>>, Found<'d>)> {
        let known = self.known.borrow().clone();
        let entries = self.entries.into_iter().flat_map(DeTable::iter);
        entries.filter(move |(key, _)| !known.contains(&key.get_ref().as_ref()))
    }

    /// Complains about every key that nobody asked for.
    pub fn finish(&self) {
        for (key, value) in self.rest() {
            // The key of a table that only tables below it imply has no place.
            let at = if key.span().is_empty() { value.span() } else { key.span() };
            self.complain(at.start, key.get_ref(), no_such_key(key.get_ref(), &self.known.borrow()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Table, read, syntax_first};

    /// A walk that knows `name`, `[http] port` and `[[camera]] id`.
    fn said(text: &str) -> Vec<String> {
        let walk = |root: Table<'_>| {
            root.find("name");
            let http = root.table("http");
            if !http.has("port") {
                http.complain(http.at(), "port", "it is missing");
            }
            http.find("port");
            http.finish();
            for camera in root.tables("camera").unwrap_or_default() {
                camera.find("id");
                camera.finish();
            }
            root.finish();
        };
        let all = read(text, walk).map_or_else(|all| all, |()| Vec::new());
        all.iter().map(|one| format!("{}:{}", one.column, one)).collect()
    }

    #[test]
    fn what_is_wrong_is_said_in_the_order_of_the_text() {
        assert_eq!(said("name = 1\n[http]\nport = 2\n[[camera]]\nid = 3\n"), [""; 0]);
        assert_eq!(
            said("# Đường\n[[camera]]\nidd = 1\n[http]\n[[camera]]\n[camera.zone]\n[[camera]]\nid = 1\n\"ü\" = { id = 2 }\n"),
            [
                "1:line 3: camera[0].idd: there is no such key; did you mean `id`? keys here are id",
                "1:line 4: http.port: it is missing",
                "9:line 6: camera[1].zone: there is no such key; keys here are id",
                "1:line 9: camera[2].ü: there is no such key; keys here are id",
            ]
        );
    }

    #[test]
    fn what_is_no_table_is_said_and_read_as_an_empty_one() {
        assert_eq!(
            said("http = 80\ncamera = { id = 1 }\n"),
            [
                "8:line 1: http: it must be a table, not integer: write [http]",
                "8:line 1: http.port: it is missing",
                "10:line 2: camera: it must be a list of tables: write [[camera]]",
            ]
        );
        assert_eq!(
            said("http.port = 1\ncamera = [{ id = 1 }, 2, { idd = 3 }]\n"),
            [
                "23:line 2: camera[1]: it must be a table, not integer: write [[camera]]",
                "28:line 2: camera[2].idd: there is no such key; did you mean `id`? keys here are id",
            ]
        );
    }

    #[test]
    fn a_text_that_is_not_toml_is_read_as_far_as_it_goes() {
        let text = "naem = 1\nname = \nhttp.port = 1\nhttp.port = 2\n";
        let all = read(text, |root| root.finish()).unwrap_err();
        assert!(all.iter().any(|one| one.key == "naem"), "{all:#?}");
        let syntax = syntax_first(all);
        let lines: Vec<_> = syntax.iter().map(|one| (one.line, one.is_syntax())).collect();
        assert_eq!(lines, [(2, true), (4, true)], "{syntax:#?}");
    }

    #[test]
    fn a_table_can_have_a_name_of_its_own() {
        let walk =
            |root: Table<'_>| root.tables("model").into_iter().flatten().for_each(|model| model.named("model[fire]").finish());
        assert_eq!(read("[[model]]\nx = 1\n", walk).unwrap_err()[0].key, "model[fire].x");
    }
}
