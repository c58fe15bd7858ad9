//! SQL whose length depends on what is asked: text and arguments grow together, so that no value ever becomes text.

use std::fmt::Write;

use super::{StoreError, Tx, execute, to};

/// An argument.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Float(Option<f64>),
    Bool(bool),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Arg {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Arg {
    fn from(number: f64) -> Self {
        Self::Float(Some(number))
    }
}

impl From<Option<f64>> for Arg {
    fn from(number: Option<f64>) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Arg {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

/// A statement that grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) args: Vec<Arg>,
}

impl Sql {
    /// Begins with a text.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), args: Vec::new() }
    }

    /// Adds a text of the program's own.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a value.
    pub(super) fn arg(&mut self, arg: impl Into<Arg>) -> &mut Self {
        self.args.push(arg.into());
        // Writing to a text does not fail.
        let _ = write!(self.text, "${}", self.args.len());
        self
    }

    /// Adds values in brackets, with commas between them.
    pub(super) fn list<A: Into<Arg>>(&mut self, args: impl IntoIterator<Item = A>) -> &mut Self {
        self.text.push('(');
        for (index, arg) in args.into_iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " }).arg(arg);
        }
        self.push(")")
    }

    /// Adds rows of values, with commas between them.
    pub(super) fn rows<T>(&mut self, items: impl IntoIterator<Item = T>, mut fill: impl FnMut(&mut Row<'_>, T)) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            self.row(index == 0, |row| fill(row, item));
        }
        self
    }

    /// Adds a row of values.
    pub(super) fn row(&mut self, is_first: bool, fill: impl FnOnce(&mut Row<'_>)) {
        self.push(if is_first { "(" } else { ", (" });
        fill(&mut Row { sql: self, is_first: true });
        self.push(")");
    }

    /// Adds alternatives in brackets; without one nothing is true.
    pub(super) fn any<T>(&mut self, all: impl IntoIterator<Item = T>, mut one: impl FnMut(&mut Self, T)) -> &mut Self {
        self.push("(");
        let mut is_first = true;
        for item in all {
            self.push(if is_first { "" } else { " OR " });
            one(self, item);
            is_first = false;
        }
        self.push(if is_first { "1 = 0)" } else { ")" })
    }
}

/// A row of values that grows.
pub(super) struct Row<'s> {
    sql: &'s mut Sql,
    is_first: bool,
}

impl Row<'_> {
    /// Adds a value.
    pub(super) fn value(&mut self, arg: impl Into<Arg>) -> &mut Self {
        if !std::mem::take(&mut self.is_first) {
            self.sql.push(", ");
        }
        self.sql.arg(arg);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.value(text)
    }

    pub(super) fn int(&mut self, number: impl Into<i64>) -> &mut Self {
        self.value(number.into())
    }

    pub(super) fn bool(&mut self, yes: bool) -> &mut Self {
        self.value(yes)
    }
}

impl Tx {
    /// Runs a statement that returns nothing. Returns how many rows it met.
    pub(super) async fn run(&mut self, sql: Sql, doing: &'static str) -> Result<u64, StoreError> {
        let Sql { text, args } = sql;
        execute!(self.db(), bind_all!(sqlx::query(sqlx::AssertSqlSafe(text)), args)).map_err(to(doing))
    }
}

/// Gives a query the arguments of an [`Sql`].
macro_rules! bind_all {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                $crate::store::sql::Arg::Text(text) => query.bind(text),
                $crate::store::sql::Arg::Int(number) => query.bind(number),
                $crate::store::sql::Arg::Float(number) => query.bind(number),
                $crate::store::sql::Arg::Bool(yes) => query.bind(yes),
            };
        }
        query
    }};
}

/// All rows of an [`Sql`].
macro_rules! fetch_built {
    ($on:expr, $sql:expr) => {{
        let $crate::store::sql::Sql { text, args } = $sql;
        $crate::store::on!($on, db => {
            $crate::store::sql::bind_all!(sqlx::query_as(sqlx::AssertSqlSafe(text)), args).fetch_all(db).await
        })
    }};
}

pub(super) use {bind_all, fetch_built};
