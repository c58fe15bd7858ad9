//! The store: SQLite in a file, every query of the centre.
//!
//! **Invariants:** all writing goes through one connection, in transactions ([`Tx`]); what a transaction changed for listeners gets
//! its sequence number in the same transaction; an instant is stored as Unix milliseconds, an enum as its word on the wire. SQL is
//! kept to what PostgreSQL understands too (`$1`, `ON CONFLICT`).
//!
//! Not here: which events become one incident (`incident::rules`), the bytes of pictures and clips ([`files`]).

pub mod accounts;
pub mod changes;
pub mod clips;
pub mod events;
pub mod evidence;
pub mod files;
pub mod gateways;
pub mod incidents;
pub mod views;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use matpho_scene::WallTime;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Executor, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::watch;

pub use changes::Change;
pub use incidents::Acted;

/// Readers beside the one writer.
const READERS_MAX: u32 = 4;

/// How long a writer waits for another process (`matpho-center user add`).
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const PAGE_BYTES: u64 = 4096;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("the store failed to {doing}")]
    Database {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the store {path} could not be opened")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A file of the state folder.
    #[error("failed to {doing} {path}")]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Another centre works on the same state folder.
    #[error("{0} is in use by another matpho-center; stop it, or give this one a state folder of its own")]
    InUse(PathBuf),
    /// What was stored cannot be read back.
    #[error("the store holds a {what} that cannot be read")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
    /// A message contradicts what is known; it will never fit.
    #[error("{0}")]
    Contradiction(String),
}

impl StoreError {
    /// Whether the fault lies in the message rather than in the store: trying again would not help.
    pub fn is_of_message(&self) -> bool {
        match self {
            Self::Contradiction(_) => true,
            Self::Database { source: sqlx::Error::Database(error), .. } => !matches!(error.kind(), sqlx::error::ErrorKind::Other),
            _ => false,
        }
    }
}

/// Says what was attempted when a query fails.
fn to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

/// The store.
#[derive(Clone)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
    newest: watch::Sender<i64>,
    folder: PathBuf,
}

impl Store {
    /// Opens the store in a state folder, makes it if there is none, and brings its schema up to date.
    pub async fn open(folder: &Path, bytes_max: Option<u64>) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::File { doing: "create", path: folder.into(), source })?;
        let path = folder.join("center.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A message is acknowledged once it is committed: a power cut must not take it back. Batches share the cost.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let options = match bytes_max {
            Some(bytes) => options.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string()),
            None => options,
        };
        let write =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(to("open the database"))?;
        sqlx::migrate!("./migrations").run(&write).await.map_err(|source| StoreError::Migrate { path, source })?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options.read_only(true))
            .await
            .map_err(to("open the database for reading"))?;
        let newest = changes::newest(&write).await?;
        Ok(Self { write, read, newest: watch::Sender::new(newest), folder: folder.into() })
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The newest sequence number, and its changes.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    /// Begins to write. One at a time: the next one waits.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = self.write.begin_with("BEGIN IMMEDIATE").await.map_err(to("begin a transaction"))?;
        Ok(Tx { inner, changes: BTreeSet::new(), newest: self.newest.clone() })
    }

    /// Closes the database: what waits in its log goes into its file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// A transaction: all of it or nothing.
pub struct Tx {
    inner: Transaction<'static, Sqlite>,
    changes: BTreeSet<Change>,
    newest: watch::Sender<i64>,
}

impl Tx {
    /// Remembers that listeners have something to learn once this is committed.
    fn changed(&mut self, change: Change) {
        self.changes.insert(change);
    }

    /// Marks a point to come back to.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        self.inner.execute("SAVEPOINT message").await.map_err(to("mark a point in a transaction"))?;
        Ok(())
    }

    /// Takes back what was written since the last mark.
    pub async fn back_to_mark(&mut self) -> Result<(), StoreError> {
        self.inner.execute("ROLLBACK TO SAVEPOINT message").await.map_err(to("go back in a transaction"))?;
        Ok(())
    }

    /// Makes it last, then wakes the listeners.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let changes = std::mem::take(&mut self.changes);
        let newest = changes::record(&mut self.inner, &changes).await?;
        self.inner.commit().await.map_err(to("commit"))?;
        if let Some(newest) = newest {
            self.newest.send_replace(newest);
        }
        Ok(())
    }
}

fn time(millis: i64) -> WallTime {
    WallTime::from_unix_millis(millis)
}

/// The word of an enum on the wire.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("only enums without data are stored as words, not {other:?}"),
    }
}

/// The enum of a word.
fn from_word<T: DeserializeOwned>(what: &'static str, word: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|source| StoreError::Unreadable { what, source })
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what: "value to store", source })
}

fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable { what, source })
}
