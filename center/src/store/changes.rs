//! What listeners have to learn: which object changed, in order. The object's state is read when it is sent, so that a listener that
//! was away gets each object once, as it is now.

use sqlx::{PgPool, QueryBuilder, SqlitePool};

use super::{On, Store, StoreError, Tx, execute, fetch_all, fetch_one, on, to};

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

    pub(super) fn from_row(what: &str, key: String) -> Option<Self> {
        match what {
            "edge" => Some(Self::Edge(key)),
            "camera" => key.split_once('/').map(|(edge, camera)| Self::Camera(edge.into(), camera.into())),
            "incident" => Some(Self::Incident(key)),
            _ => None,
        }
    }
}

/// The channel on which centres on one PostgreSQL tell each other.
pub(super) const CHANNEL: &str = "matpho_changes";

/// Rows in one statement.
const ROWS_MAX: usize = 1_000;

/// The newest sequence number; 0 before the first.
pub(super) async fn newest(reader: On<&SqlitePool, &PgPool>) -> Result<i64, StoreError> {
    fetch_one!(reader, sqlx::query_scalar("SELECT COALESCE(MAX(sequence), 0) FROM changes")).map_err(to("read the newest change"))
}

impl Store {
    /// The newest sequence number, and what changed after `since`, each object once, in the order of its last change. `None` where
    /// `since` is older than what is remembered, or was never given out.
    pub async fn changes_since(&self, since: i64) -> Result<(i64, Option<Vec<(i64, Change)>>), StoreError> {
        let mut snapshot = self.snapshot().await?;
        let (newest, oldest): (i64, Option<i64>) =
            fetch_one!(snapshot.db(), sqlx::query_as("SELECT COALESCE(MAX(sequence), 0), MIN(sequence) FROM changes"))
                .map_err(to("read the newest change"))?;
        if since > newest || oldest.is_some_and(|oldest| since + 1 < oldest) {
            return Ok((newest, None));
        }
        let rows: Vec<(i64, String, String)> = fetch_all!(
            snapshot.db(),
            sqlx::query_as(
                "SELECT MAX(sequence) AS last, what, key FROM changes WHERE sequence > $1 GROUP BY what, key ORDER BY last",
            )
            .bind(since)
        )
        .map_err(to("read the changes"))?;
        let changes = rows.into_iter().filter_map(|(sequence, what, key)| Some((sequence, Change::from_row(&what, key)?)));
        Ok((newest, Some(changes.collect())))
    }
}

impl Tx {
    /// Gives what changed its numbers. They are given out and committed in one order, because one transaction writes at a time: who
    /// has read up to a number has missed none below it.
    pub(super) async fn record_changes(&mut self) -> Result<Option<i64>, StoreError> {
        let rows: Vec<_> = std::mem::take(&mut self.changes).iter().map(Change::to_row).collect();
        let mut newest: Option<i64> = None;
        for rows in rows.chunks(ROWS_MAX) {
            let sequences: Vec<i64> = on!(self.db(), db => {
                let mut query = QueryBuilder::new("INSERT INTO changes (what, key) ");
                query.push_values(rows, |mut row, (what, key)| {
                    row.push_bind(*what).push_bind(key);
                });
                query.push(" RETURNING sequence").build_query_scalar().persistent(false).fetch_all(db).await
            })
            .map_err(to("record changes"))?;
            newest = newest.max(sequences.into_iter().max());
        }
        if let (Some(newest), On::Postgres(db)) = (newest, self.db()) {
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(newest.to_string())
                .execute(db)
                .await
                .map_err(to("tell the other centres"))?;
        }
        Ok(newest)
    }

    /// Forgets changes beyond [`HISTORY_MAX`] that every feed has taken up.
    pub async fn trim_changes(&mut self) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "DELETE FROM changes WHERE sequence <= (SELECT MAX(sequence) FROM changes) - $1
                   AND sequence <= (SELECT COALESCE(MIN(sequence), 9223372036854775807) FROM feed_points WHERE off IS NULL)"
            )
            .bind(HISTORY_MAX)
        )
        .map_err(to("trim the changes"))?;
        Ok(())
    }
}
