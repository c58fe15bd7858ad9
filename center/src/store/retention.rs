//! What is kept for how long, and letting go of the rest.
//!
//! What is open stays, however old. What goes, goes in small transactions, so that messages are taken between them.

use std::{path::PathBuf, time::Duration};

use matpho_scene::WallTime;
use sqlx::AssertSqlSafe;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_one, files, to};
use crate::ingest::writer::blocking;

/// Rows in one transaction.
const ROWS_MAX: i64 = 1_000;

/// Incidents in one transaction: each brings its events along.
const INCIDENTS_MAX: i64 = 100;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Closed incidents with their events, log, pictures and clips; since they were closed.
    Incidents,
    /// Messages about events of closed incidents, as they came; since they arrived.
    Messages,
    /// Measurements; since their period began.
    Measurements,
    /// Pictures of closed incidents; since they were taken.
    Pictures,
    /// Clips of closed incidents; since they arrived.
    Clips,
    /// Messages that could not be taken; since they arrived.
    Rejected,
    /// Whom to call back about a report; since it arrived.
    Contacts,
}

impl Kept {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Incidents, Self::Messages, Self::Measurements, Self::Pictures, Self::Clips, Self::Rejected, Self::Contacts];

    /// The word for it, in the configuration too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incidents => "incidents",
            Self::Messages => "messages",
            Self::Measurements => "measurements",
            Self::Pictures => "pictures",
            Self::Clips => "clips",
            Self::Rejected => "rejected",
            Self::Contacts => "contacts",
        }
    }

    /// The rows that are older than `$1`: the key that names them, and from where.
    const fn old(self) -> (&'static str, &'static str) {
        match self {
            Self::Incidents => ("i.id", "incidents i WHERE i.closed_at < $1"),
            Self::Messages => (
                "source, id",
                "event_messages m WHERE m.arrived_at < $1 AND NOT EXISTS (
                     SELECT 1 FROM incident_events ie JOIN incidents i ON i.id = ie.incident
                     WHERE ie.event = m.event AND i.closed_at IS NULL)",
            ),
            Self::Measurements => ("line", "measurements WHERE from_at < $1"),
            Self::Pictures => (
                "v.path",
                "evidence v LEFT JOIN incident_events ie ON ie.event = v.event LEFT JOIN incidents i ON i.id = ie.incident
                 WHERE v.path <> '' AND v.seen_at < $1 AND (i.id IS NULL OR i.closed_at IS NOT NULL)",
            ),
            Self::Clips => (
                "k.event",
                "clips k LEFT JOIN incident_events ie ON ie.event = k.event LEFT JOIN incidents i ON i.id = ie.incident
                 WHERE COALESCE(k.arrived_at, k.requested_at) < $1 AND (i.id IS NULL OR i.closed_at IS NOT NULL)",
            ),
            Self::Rejected => ("line", "rejected WHERE arrived_at < $1"),
            Self::Contacts => ("report", "report_contacts WHERE arrived_at < $1"),
        }
    }
}

/// For how long each is kept; `None`: for ever.
pub type Rules = Vec<(Kept, Option<Duration>)>;

impl Store {
    /// How many of a kind are older than an instant.
    pub async fn count_old(&self, kept: Kept, before: WallTime) -> Result<i64, StoreError> {
        let (_, rows) = kept.old();
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {rows}"));
        fetch_one!(self.db(), sqlx::query_scalar(sql).bind(before.as_unix_millis())).map_err(to("count what is old"))
    }

    /// Lets go of what is older than an instant, at most `batches_max` transactions of it. Returns how many went.
    pub async fn let_go(&self, kept: Kept, before: WallTime, batches_max: usize) -> Result<u64, StoreError> {
        let mut gone = 0;
        for _ in 0..batches_max {
            let mut tx = self.begin().await?;
            let (rows, garbage) = tx.let_go_some(kept, before).await?;
            tx.commit().await?;
            gone += rows;
            let garbage: Vec<PathBuf> = garbage.iter().map(|path| self.files.join(path)).collect();
            blocking(move || {
                garbage.iter().for_each(|path| files::remove(path));
                Ok(())
            })
            .await?;
            if rows == 0 {
                break;
            }
        }
        Ok(gone)
    }
}

impl Tx {
    /// One transaction's worth: how many went, and which files nothing refers to any more.
    async fn let_go_some(&mut self, kept: Kept, before: WallTime) -> Result<(u64, Vec<String>), StoreError> {
        let (key, rows) = kept.old();
        let before = before.as_unix_millis();
        let doing = "let go of what is old";
        let old = match kept {
            Kept::Messages | Kept::Measurements | Kept::Rejected | Kept::Contacts => {
                let table = rows.split(' ').next().unwrap_or_default();
                let sql = format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {rows} LIMIT $2)");
                let sql = AssertSqlSafe(sql);
                let gone = execute!(self.db(), sqlx::query(sql).bind(before).bind(ROWS_MAX)).map_err(to(doing))?;
                return Ok((gone, Vec::new()));
            }
            Kept::Incidents | Kept::Pictures | Kept::Clips => {
                let limit = if kept == Kept::Incidents { INCIDENTS_MAX } else { ROWS_MAX };
                let sql = AssertSqlSafe(format!("SELECT {key} FROM {rows} LIMIT $2"));
                let old: Vec<String> =
                    fetch_all!(self.db(), sqlx::query_scalar(sql).bind(before).bind(limit)).map_err(to(doing))?;
                old
            }
        };
        let mut garbage = Vec::new();
        for key in &old {
            match kept {
                Kept::Incidents => garbage.extend(self.forget_incident(key).await?),
                Kept::Clips => garbage.extend(self.forget_clip(key).await?),
                _ => {
                    execute!(self.db(), sqlx::query("UPDATE evidence SET path = '' WHERE path = $1").bind(key))
                        .map_err(to(doing))?;
                    garbage.push(key.clone());
                }
            }
        }
        Ok((old.len() as u64, garbage))
    }

    async fn forget_clip(&mut self, event: &str) -> Result<Option<String>, StoreError> {
        let paths: Vec<Option<String>> =
            fetch_all!(self.db(), sqlx::query_scalar("DELETE FROM clips WHERE event = $1 RETURNING path").bind(event))
                .map_err(to("forget a clip"))?;
        Ok(paths.into_iter().flatten().next())
    }

    /// An incident with all that belongs to it. Returns the files of its pictures and clips.
    async fn forget_incident(&mut self, incident: &str) -> Result<Vec<String>, StoreError> {
        const EVENTS: &str = "IN (SELECT event FROM incident_events WHERE incident = $1)";
        let doing = "forget an incident";
        let mut garbage = Vec::new();
        for table in ["evidence", "clips"] {
            let sql = AssertSqlSafe(format!("DELETE FROM {table} WHERE event {EVENTS} RETURNING path"));
            let paths: Vec<Option<String>> = fetch_all!(self.db(), sqlx::query_scalar(sql).bind(incident)).map_err(to(doing))?;
            garbage.extend(paths.into_iter().flatten().filter(|path| !path.is_empty()));
        }
        for rows in [
            format!("event_messages WHERE event {EVENTS}"),
            format!("events WHERE id {EVENTS}"),
            "report_contacts WHERE report IN (SELECT id FROM reports WHERE incident = $1)".into(),
            "report_areas WHERE report IN (SELECT id FROM reports WHERE incident = $1)".into(),
            "reports WHERE incident = $1".into(),
            "incident_log WHERE incident = $1".into(),
            "incident_cameras WHERE incident = $1".into(),
            "incident_areas WHERE incident = $1".into(),
            "incident_events WHERE incident = $1".into(),
            "incidents WHERE id = $1".into(),
        ] {
            let sql = AssertSqlSafe(format!("DELETE FROM {rows}"));
            execute!(self.db(), sqlx::query(sql).bind(incident)).map_err(to(doing))?;
        }
        Ok(garbage)
    }
}
