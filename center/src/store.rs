//! The store: every query of the centre, on SQLite in a file or on PostgreSQL.
//!
//! **Invariants:** one transaction writes at a time ([`Tx`]), on SQLite through its one connection, on PostgreSQL, where other centres
//! may write too, under a lock that they share; what a transaction changed for listeners gets its sequence number in the same
//! transaction; an instant is stored as Unix milliseconds, an enum as its word on the wire. Queries are written once, in the SQL that
//! both understand (`db`; `docs/design/0004-two-stores.md`).
//!
//! Not here: which events become one incident (`incident::rules`), the bytes of pictures and clips ([`files`]).

pub mod accounts;
pub mod agencies;
pub mod alerts;
pub mod areas;
pub mod audit;
pub mod backup;
pub mod batch;
pub mod centers;
pub mod changes;
pub mod clips;
mod db;
pub mod events;
pub mod evidence;
pub mod figures;
pub mod files;
mod garbage;
pub mod gateways;
pub mod grants;
mod incident_list;
pub mod incidents;
pub mod judging;
pub mod life;
pub mod load;
pub mod lockout;
pub mod merging;
pub(crate) mod open;
pub mod outbox;
pub mod places;
mod reach;
pub mod reports;
pub mod retention;
pub mod shelves;
mod sql;
mod standing;
pub mod views;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use matpho_scene::WallTime;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{PgConnection, PgPool, SqliteConnection, SqlitePool, postgres::PgListener};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

pub use changes::Change;
pub use db::On;
pub(crate) use db::{execute, fetch_all, fetch_one, fetch_optional, on};
pub use life::Acted;

use crate::config::{State, database::Database};

/// The lock that every transaction that writes holds on PostgreSQL.
const WRITERS_LOCK: i64 = 0x6d61_7470_686f; // "matpho"

/// How often a centre looks for itself whether another one changed something: a notification may be lost with its connection.
const LOOK_EVERY: Duration = Duration::from_secs(5);

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
    #[error("the schema of the store {name} could not be brought up to date")]
    Migrate {
        /// The database file or address.
        name: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The schema is one that this program does not know.
    #[error(
        "the store {name} was last used by a newer matpho-center (its schema has version {version}, which this one does not know); \
         start that one, or restore a backup made before the update (matpho-center restore)"
    )]
    Newer {
        /// The database file or address.
        name: String,
        /// The version that is not known.
        version: i64,
    },
    /// PostgreSQL does not answer, or does not let us in.
    #[error("the store {name} (store.url) cannot be reached")]
    Unreachable {
        /// Its address, without a password.
        name: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The variable with the password is not set.
    #[error("the variable {0} (store.password_variable) is not set; it is to hold the store's password")]
    NoPassword(String),
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
    /// An object in the bucket.
    #[error("failed to {doing} {path} in the bucket {bucket} (files)")]
    Bucket {
        /// What was attempted.
        doing: &'static str,
        /// On which object.
        path: String,
        /// In which bucket.
        bucket: String,
        /// Why it failed.
        #[source]
        source: files::BucketError,
    },
    /// The bucket cannot be used as it is configured.
    #[error("{what}")]
    FilesConfig {
        /// What is wrong, with its key.
        what: String,
    },
    /// Another centre works on the same state folder.
    #[error("{0} is in use by another matpho-center; stop it, or give this one a state folder of its own")]
    InUse(PathBuf),
    /// The database does not answer.
    #[error("the store did not answer within {0:?}")]
    Silent(Duration),
    /// Where pictures and clips are kept does not answer.
    #[error("pictures could not be stored within {0:?}")]
    FilesSilent(Duration),
    /// A backup goes into an empty store alone.
    #[error("the store is not empty; restore into another state folder (state.folder) or database (store.url)")]
    NotEmpty,
    /// What was stored cannot be read back.
    #[error("the store holds a {what} that cannot be read")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
    /// The areas that are stored do not fit together.
    #[error("the areas in the store are not sound; import them again (matpho-center area import): {0}")]
    Areas(String),
    /// A grant that is stored cannot be read.
    #[error("the grant {id} in the store cannot be read: {what}")]
    Grant {
        /// Which.
        id: String,
        /// Why.
        what: String,
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
            Self::Database { source: sqlx::Error::Database(error), .. } => {
                // PostgreSQL's classes: a value that no column takes (a NUL in a text), one that is larger than any index takes.
                let of_value =
                    error.code().is_some_and(|code| code.len() == 5 && (code.starts_with("22") || code.starts_with("54")));
                of_value || !matches!(error.kind(), sqlx::error::ErrorKind::Other)
            }
            _ => false,
        }
    }

    /// Whether pictures and clips cannot be kept, rather than rows.
    pub fn is_of_files(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Bucket { .. } | Self::FilesSilent(_))
    }

    /// Whether it may pass by itself: who is asked does not answer, or is overloaded.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Bucket { source, .. } => source.may_pass(),
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
    write: db::Pool,
    read: db::Pool,
    newest: watch::Sender<i64>,
    files: files::Files,
    tree: places::KnownTree,
    memory: batch::Memory,
}

impl Store {
    /// Opens the store, makes it if there is none, and brings its schema up to date.
    pub async fn open(state: &State, database: &Database) -> Result<Self, StoreError> {
        let files = files::Files::open(&state.files)?;
        let (write, read) = open::pools(&state.folder, database).await?;
        let newest = changes::newest(read.db()).await?;
        Ok(Self {
            write,
            read,
            newest: watch::Sender::new(newest),
            files,
            tree: places::KnownTree::default(),
            memory: batch::Memory::default(),
        })
    }

    /// The pictures and clips.
    pub fn files(&self) -> &files::Files {
        &self.files
    }

    /// The newest sequence number, and its changes.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    /// For reading.
    fn db(&self) -> On<&SqlitePool, &PgPool> {
        self.read.db()
    }

    /// Several reads that see one state.
    async fn snapshot(&self) -> Result<db::Open, StoreError> {
        self.read.begin("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(to("begin to read"))
    }

    /// Begins to write. One at a time: the next one waits.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let mut inner = self.write.begin("BEGIN IMMEDIATE", "BEGIN").await.map_err(to("begin a transaction"))?;
        if let On::Postgres(db) = inner.db() {
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(WRITERS_LOCK)
                .execute(db)
                .await
                .map_err(to("wait for the other centres' transactions"))?;
        }
        Ok(Tx {
            inner,
            changes: BTreeSet::new(),
            newest: self.newest.clone(),
            tree: self.tree.clone(),
            memory: self.memory.clone(),
            known: None,
        })
    }

    /// Learns what other centres changed, for ever. On SQLite there is no other centre.
    pub async fn follow(&self) {
        let On::Postgres(pool) = self.read.db() else { return std::future::pending().await };
        loop {
            if let Err(error) = self.follow_once(pool).await {
                tracing::warn!(error = crate::chain(&error), "the store tells nothing of the other centres; tried again");
                sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn follow_once(&self, pool: &PgPool) -> Result<(), StoreError> {
        let failed = to("listen to the other centres");
        let mut listener = async {
            let mut listener = PgListener::connect_with(pool).await?;
            listener.listen(changes::CHANNEL).await?;
            Ok(listener)
        }
        .await
        .map_err(failed)?;
        loop {
            raise(&self.newest, changes::newest(self.db()).await?);
            match timeout(LOOK_EVERY, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => raise(&self.newest, notification.payload().parse().unwrap_or(0)),
                // It was cut off and connects again, or nothing happened: a look tells.
                Ok(Ok(None)) | Err(_) => {}
                Ok(Err(error)) => return Err(to("listen to the other centres")(error)),
            }
        }
    }

    /// Closes the database: what waits in SQLite's log goes into its file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// The newest number never falls: the own commit and the word of another centre's may come in any order.
fn raise(newest: &watch::Sender<i64>, to: i64) {
    newest.send_if_modified(|newest| {
        let rises = to > *newest;
        *newest = to.max(*newest);
        rises
    });
}

/// A transaction: all of it or nothing.
pub struct Tx {
    inner: db::Open,
    changes: BTreeSet<Change>,
    newest: watch::Sender<i64>,
    tree: places::KnownTree,
    memory: batch::Memory,
    known: Option<(batch::Known, bool)>,
}

impl Tx {
    fn db(&mut self) -> On<&mut SqliteConnection, &mut PgConnection> {
        self.inner.db()
    }

    /// Remembers that listeners have something to learn once this is committed.
    fn changed(&mut self, change: Change) {
        self.changes.insert(change);
    }

    /// Marks a point to come back to.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("SAVEPOINT message")).map_err(to("mark a point in a transaction"))?;
        Ok(())
    }

    /// Takes back what was written since the last mark.
    pub async fn back_to_mark(&mut self) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("ROLLBACK TO SAVEPOINT message")).map_err(to("go back in a transaction"))?;
        Ok(())
    }

    /// Makes it last, then wakes the listeners.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let newest = self.record_changes().await?;
        self.inner.commit().await.map_err(to("commit"))?;
        Self::give_back(self.known, &self.memory, newest);
        if let Some(newest) = newest {
            raise(&self.newest, newest);
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
