//! What listeners have to learn: which object changed, in order. The object's state is read when it is sent, so that a listener that
//! was away gets each object once, as it is now.

use std::collections::BTreeSet;

use sqlx::{Executor, Sqlite, SqliteConnection};

use super::{Store, StoreError, Tx, to};

/// How far back a listener can resume.
pub const HISTORY_MAX: i64 = 10_000;

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A gateway, `SITE.EDGE`.
    Edge(String),
    /// A camera, by gateway and id.
    Camera(String, String),
    /// An incident, by id.
    Incident(String),
}

impl Change {
    fn to_row(&self) -> (&'static str, String) {
        match self {
            Self::Edge(edge) => ("edge", edge.clone()),
            Self::Camera(edge, camera) => ("camera", format!("{edge}/{camera}")),
            Self::Incident(id) => ("incident", id.clone()),
        }
    }

    fn from_row(what: &str, key: String) -> Option<Self> {
        match what {
            "edge" => Some(Self::Edge(key)),
            "camera" => key.split_once('/').map(|(edge, camera)| Self::Camera(edge.into(), camera.into())),
            "incident" => Some(Self::Incident(key)),
            _ => None,
        }
    }
}

/// The newest sequence number; 0 before the first.
pub(super) async fn newest<'e>(executor: impl Executor<'e, Database = Sqlite>) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT COALESCE(MAX(sequence), 0) FROM changes")
        .fetch_one(executor)
        .await
        .map_err(to("read the newest change"))
}

pub(super) async fn record(tx: &mut SqliteConnection, changes: &BTreeSet<Change>) -> Result<Option<i64>, StoreError> {
    let mut newest = None;
    for change in changes {
        let (what, key) = change.to_row();
        let sequence: i64 = sqlx::query_scalar("INSERT INTO changes (what, key) VALUES ($1, $2) RETURNING sequence")
            .bind(what)
            .bind(key)
            .fetch_one(&mut *tx)
            .await
            .map_err(to("record a change"))?;
        newest = Some(sequence);
    }
    Ok(newest)
}

impl Store {
    /// The newest sequence number, and what changed after `since`, each object once, in the order of its last change. `None` where
    /// `since` is older than what is remembered, or was never given out.
    pub async fn changes_since(&self, since: i64) -> Result<(i64, Option<Vec<(i64, Change)>>), StoreError> {
        let mut tx = self.read.begin().await.map_err(to("begin to read"))?;
        let newest = newest(&mut *tx).await?;
        let oldest: Option<i64> = sqlx::query_scalar("SELECT MIN(sequence) FROM changes")
            .fetch_one(&mut *tx)
            .await
            .map_err(to("read the oldest change"))?;
        if since > newest || oldest.is_some_and(|oldest| since + 1 < oldest) {
            return Ok((newest, None));
        }
        let rows: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT MAX(sequence) AS last, what, key FROM changes WHERE sequence > $1 GROUP BY what, key ORDER BY last",
        )
        .bind(since)
        .fetch_all(&mut *tx)
        .await
        .map_err(to("read the changes"))?;
        let changes = rows.into_iter().filter_map(|(sequence, what, key)| Some((sequence, Change::from_row(&what, key)?)));
        Ok((newest, Some(changes.collect())))
    }
}

impl Tx {
    /// Forgets changes beyond [`HISTORY_MAX`].
    pub async fn trim_changes(&mut self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM changes WHERE sequence <= (SELECT MAX(sequence) FROM changes) - $1")
            .bind(HISTORY_MAX)
            .execute(&mut *self.inner)
            .await
            .map_err(to("trim the changes"))?;
        Ok(())
    }
}
