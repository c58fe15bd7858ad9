//! What is wrong with a file that is imported.

use std::fmt;

/// What is wrong with a line of a file, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where none can be named.
    pub line: u64,
    /// The column or property; empty where it is about the whole line.
    pub field: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Complaint {
    /// One complaint.
    pub fn new(file: &str, line: u64, field: &str, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, field: field.to_owned(), what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.field.is_empty() { write!(f, ": {}", self.what) } else { write!(f, ": {}: {}", self.field, self.what) }
    }
}
