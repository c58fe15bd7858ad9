//! One set of queries on two databases.
//!
//! A query is written once; the macros here run it on whichever database it is, each with its own driver and types. What differs is
//! said here and in [`super::open`], nowhere else: SQL that only one of the two understands stays out of the queries.

use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

/// The same thing of either database.
pub enum On<S, P> {
    /// SQLite.
    Sqlite(S),
    /// PostgreSQL.
    Postgres(P),
}

/// Runs what is written once on whichever database it is.
macro_rules! on {
    ($on:expr, $db:pat => $run:expr) => {
        match $on {
            $crate::store::On::Sqlite($db) => $run,
            $crate::store::On::Postgres($db) => $run,
        }
    };
}

/// Runs a query that returns nothing: how many rows it met.
macro_rules! execute {
    ($on:expr, $query:expr $(,)?) => {
        $crate::store::on!($on, db => $query.execute(db).await.map(|done| done.rows_affected()))
    };
}

/// The one row of a query.
macro_rules! fetch_one {
    ($on:expr, $query:expr $(,)?) => {
        $crate::store::on!($on, db => $query.fetch_one(db).await)
    };
}

/// The row of a query, if there is one.
macro_rules! fetch_optional {
    ($on:expr, $query:expr $(,)?) => {
        $crate::store::on!($on, db => $query.fetch_optional(db).await)
    };
}

/// All rows of a query.
macro_rules! fetch_all {
    ($on:expr, $query:expr $(,)?) => {
        $crate::store::on!($on, db => $query.fetch_all(db).await)
    };
}

pub(crate) use {execute, fetch_all, fetch_one, fetch_optional, on};

/// A pool of connections.
pub(super) type Pool = On<SqlitePool, PgPool>;

impl Clone for Pool {
    fn clone(&self) -> Self {
        match self {
            Self::Sqlite(pool) => Self::Sqlite(pool.clone()),
            Self::Postgres(pool) => Self::Postgres(pool.clone()),
        }
    }
}

impl Pool {
    pub(super) fn db(&self) -> On<&SqlitePool, &PgPool> {
        match self {
            Self::Sqlite(pool) => On::Sqlite(pool),
            Self::Postgres(pool) => On::Postgres(pool),
        }
    }

    /// Begins a transaction, each database by its own words.
    pub(super) async fn begin(&self, sqlite: &'static str, postgres: &'static str) -> Result<Open, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => On::Sqlite(match pool.begin_with(sqlite).await {
                // A full disk: SQLite took the transaction back by itself, and the connection believes for ever that it is in one. A new one does not.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    let _ = pool.acquire().await?.close().await;
                    pool.begin_with(sqlite).await?
                }
                begun => begun?,
            }),
            Self::Postgres(pool) => On::Postgres(pool.begin_with(postgres).await?),
        })
    }

    pub(super) async fn close(&self) {
        on!(self, pool => pool.close().await);
    }
}

/// A transaction that is open.
pub(super) type Open = On<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>;

impl Open {
    pub(super) fn db(&mut self) -> On<&mut SqliteConnection, &mut PgConnection> {
        match self {
            Self::Sqlite(tx) => On::Sqlite(tx),
            Self::Postgres(tx) => On::Postgres(tx),
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        on!(self, tx => tx.commit().await)
    }
}
