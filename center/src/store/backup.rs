//! All rows of all tables, out of one store and into another, of either kind.
//!
//! Each row is a JSON object on a line, as the database itself writes it, so that this file knows no table: what a migration adds is in
//! the next backup. Rows are read in one snapshot beside a running centre, and written in one transaction.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::{On, Store, StoreError, Tx, db, execute, fetch_all, fetch_one, on, open, to};

/// Rows in one statement.
const ROWS_MAX: usize = 500;

/// A table: its columns, and which of them numbers rows by itself.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    identity: Option<String>,
}

/// The tables of a store.
pub type Tables = BTreeMap<String, Table>;

/// One state of the whole store.
pub struct Snapshot(db::Open);

impl Store {
    /// The state as it is now, to be read at leisure.
    pub async fn whole(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot(self.snapshot().await?))
    }

    /// The version of the schema.
    pub fn schema(&self) -> i64 {
        open::schema()
    }
}

impl Snapshot {
    /// Its tables.
    pub async fn tables(&mut self) -> Result<Tables, StoreError> {
        tables(self.0.db()).await
    }

    /// Passes each row of a table on, as JSON.
    pub async fn rows<E: From<StoreError>>(
        &mut self,
        name: &str,
        table: &Table,
        mut take: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let doing = "read a table";
        let sql = match self.0.db() {
            On::Sqlite(_) => {
                let pairs: Vec<_> = table.columns.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
                format!("SELECT json_object({}) FROM \"{name}\"", pairs.join(", "))
            }
            On::Postgres(_) => format!("SELECT CAST(row_to_json(t) AS TEXT) FROM \"{name}\" t"),
        };
        on!(self.0.db(), db => {
            let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(db);
            while let Some(row) = rows.try_next().await.map_err(to(doing))? {
                take(&row)?;
            }
        });
        Ok(())
    }
}

async fn tables(db: On<&mut sqlx::SqliteConnection, &mut sqlx::PgConnection>) -> Result<Tables, StoreError> {
    let doing = "list the tables";
    let rows: Vec<(String, String, bool)> = match db {
        On::Sqlite(db) => sqlx::query_as(
            "SELECT t.name, c.name, FALSE FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '_sqlx%' ORDER BY t.name, c.cid",
        )
        .fetch_all(db)
        .await
        .map_err(to(doing))?,
        On::Postgres(db) => sqlx::query_as(
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), is_identity = 'YES' FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name NOT LIKE '_sqlx%' ORDER BY table_name, ordinal_position",
        )
        .fetch_all(db)
        .await
        .map_err(to(doing))?,
    };
    let mut tables = Tables::new();
    for (name, column, identity) in rows {
        let table = tables.entry(name).or_default();
        if identity {
            table.identity = Some(column.clone());
        }
        table.columns.push(column);
    }
    Ok(tables)
}

impl Tx {
    /// The tables to fill; a table that has rows already is the error.
    pub async fn empty_tables(&mut self) -> Result<Tables, StoreError> {
        let tables = tables(self.db()).await?;
        for name in tables.keys() {
            let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{name}\""));
            let rows: i64 = fetch_one!(self.db(), sqlx::query_scalar(sql)).map_err(to("look whether the store is empty"))?;
            if rows > 0 {
                return Err(StoreError::NotEmpty);
            }
        }
        Ok(tables)
    }

    /// Writes rows, as JSON, into a table. Every column of theirs must be one of the table's.
    pub async fn put_rows(&mut self, name: &str, table: &Table, rows: &[String]) -> Result<(), StoreError> {
        let columns = table.columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
        for rows in rows.chunks(ROWS_MAX) {
            let sql = match self.db() {
                On::Sqlite(_) => {
                    let values: Vec<_> =
                        table.columns.iter().map(|column| format!("json_extract(value, '$.{column}')")).collect();
                    format!("INSERT INTO \"{name}\" ({columns}) SELECT {} FROM json_each($1)", values.join(", "))
                }
                On::Postgres(_) => format!(
                    "INSERT INTO \"{name}\" ({columns}) OVERRIDING SYSTEM VALUE
                     SELECT {columns} FROM json_populate_recordset(NULL::\"{name}\", CAST($1 AS JSON))"
                ),
            };
            let (sql, rows) = (AssertSqlSafe(sql), format!("[{}]", rows.join(",")));
            execute!(self.db(), sqlx::query(sql).bind(&rows)).map_err(to("fill a table"))?;
        }
        Ok(())
    }

    /// New rows are numbered behind those that were put in.
    pub async fn number_on(&mut self, name: &str, table: &Table) -> Result<(), StoreError> {
        // SQLite does so by itself.
        if let (Some(column), On::Postgres(_)) = (&table.identity, self.db()) {
            let sql = AssertSqlSafe(format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), MAX(\"{column}\")) FROM \"{name}\" HAVING COUNT(*) > 0"
            ));
            let _: Vec<i64> = fetch_all!(self.db(), sqlx::query_scalar(sql)).map_err(to("number rows on"))?;
        }
        Ok(())
    }
}
