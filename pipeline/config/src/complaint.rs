//! What is wrong with a text, and where.

use std::{cell::RefCell, fmt};

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Full key, `camera[0].zone[1].polygon`; empty where the text is not TOML.
    pub key: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Complaint {
    /// Whether the text is not TOML there.
    pub fn is_syntax(&self) -> bool {
        self.key.is_empty()
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, what, .. } = self;
        if self.is_syntax() { write!(f, "line {line}: {what}") } else { write!(f, "line {line}: {key}: {what}") }
    }
}

/// The complaints about the syntax alone, where there are any: what else is wrong may follow from that.
pub fn syntax_first(mut complaints: Vec<Complaint>) -> Vec<Complaint> {
    if complaints.iter().any(Complaint::is_syntax) {
        complaints.retain(Complaint::is_syntax);
    }
    complaints
}

/// A text, and what was found wrong with it so far.
pub(crate) struct Complaints<'t> {
    pub(crate) text: &'t str,
    found: RefCell<Vec<Complaint>>,
}

impl<'t> Complaints<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// Adds one about what begins at a byte of the text.
    pub(crate) fn add(&self, at: usize, key: String, what: impl fmt::Display) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.borrow_mut().push(Complaint { line, column, key, what: what.to_string() });
    }

    /// All of them in the order of the text, each once.
    pub(crate) fn in_order(self) -> Vec<Complaint> {
        let mut found = self.found.into_inner();
        found.sort_by(|a, b| (a.line, a.column, &a.key).cmp(&(b.line, b.column, &b.key)));
        found.dedup();
        found
    }
}
