//! What feeds have still to send, and how far each has read.
//!
//! **Invariant:** what a feed makes of some changes is kept in the transaction that moves its point past them, so that a centre that is killed goes on
//! where it was: nothing is left out, and what is sent twice has the same id.

use std::time::Duration;

use matpho_scene::{WallTime, measurement::Figures};

use super::{On, Store, StoreError, Tx, execute, fetch_all, fetch_one, fetch_optional, from_json, time, to};

/// How far a feed has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The last change that was taken up.
    pub sequence: i64,
    /// The last measurement that was.
    pub line: i64,
    /// Why it is switched off.
    pub off: Option<String>,
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// Its row.
    pub line: i64,
    /// As the receiver knows it.
    pub id: String,
    /// What it is about.
    pub key: String,
    /// JSON.
    pub body: String,
    /// Attempts that failed.
    pub failed: i64,
    /// Not before.
    pub due_at: i64,
}

/// What became of something that was to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It arrived.
    Delivered,
    /// Later.
    Again {
        /// Attempts that failed.
        failed: u32,
        /// Not before.
        at: WallTime,
        /// What the last one came to.
        why: String,
    },
    /// Never.
    GivenUp {
        /// Why.
        why: String,
    },
}

/// How a feed stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// What waits.
    pub waiting: i64,
    /// Since when the oldest of it does.
    pub oldest: Option<WallTime>,
    /// What was given up.
    pub given_up: i64,
    /// Why it is switched off.
    pub off: Option<String>,
    /// What the last failed attempt of what waits came to.
    pub trouble: Option<String>,
}

/// Something that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// As the receiver would have known it.
    pub id: String,
    /// What it is about.
    pub key: String,
    /// When it was made.
    pub made: WallTime,
    /// When it was given up.
    pub at: WallTime,
    /// Why.
    pub why: String,
}

/// What of the same thing waits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// Goes only if it was never tried: who got it once gets to hear how it ends.
    KeepTried,
    /// Goes: only the newest state counts.
    Drop,
}

/// A measurement, by its row.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The row.
    pub line: i64,
    /// Gateway.
    pub edge: String,
    /// Camera.
    pub camera: String,
    /// Zone.
    pub zone: String,
    /// The period.
    pub period: (WallTime, WallTime),
    /// What.
    pub figures: Figures,
}

impl Store {
    /// How far a feed has read; `None`: it is new.
    pub async fn feed_point(&self, feed: &str) -> Result<Option<Point>, StoreError> {
        let row: Option<(i64, i64, Option<String>)> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT sequence, line, off FROM feed_points WHERE feed = $1").bind(feed))
                .map_err(to("read how far a feed is"))?;
        Ok(row.map(|(sequence, line, off)| Point { sequence, line, off }))
    }

    /// What is due, the longest due first; of one thing the oldest alone.
    pub async fn feed_due(&self, feed: &str, now: WallTime, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT o.line, o.id, o.key, o.body, o.failed, o.due_at FROM feed_outbox o
                 WHERE o.feed = $1 AND o.due_at <= $2 AND NOT EXISTS (
                     SELECT 1 FROM feed_outbox p
                     WHERE p.feed = o.feed AND p.key = o.key AND p.line < o.line AND p.due_at IS NOT NULL)
                 ORDER BY o.due_at, o.line LIMIT $3",
            )
            .bind(feed)
            .bind(now.as_unix_millis())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        )
        .map_err(to("read what a feed has to send"))
    }

    /// When the next is due.
    pub async fn feed_next_due(&self, feed: &str) -> Result<Option<WallTime>, StoreError> {
        let due: Option<i64> =
            fetch_one!(self.db(), sqlx::query_scalar("SELECT MIN(due_at) FROM feed_outbox WHERE feed = $1").bind(feed))
                .map_err(to("read when a feed is due"))?;
        Ok(due.map(time))
    }

    /// How a feed stands.
    pub async fn feed_standing(&self, feed: &str) -> Result<Standing, StoreError> {
        let doing = "read how a feed stands";
        let (waiting, oldest): (i64, Option<i64>) = fetch_one!(
            self.db(),
            sqlx::query_as("SELECT COUNT(*), MIN(made_at) FROM feed_outbox WHERE feed = $1 AND due_at IS NOT NULL").bind(feed)
        )
        .map_err(to(doing))?;
        let given_up: i64 = fetch_one!(
            self.db(),
            sqlx::query_scalar("SELECT COUNT(*) FROM feed_outbox WHERE feed = $1 AND due_at IS NULL").bind(feed)
        )
        .map_err(to(doing))?;
        let trouble: Option<String> = fetch_optional!(
            self.db(),
            sqlx::query_scalar(
                "SELECT why FROM feed_outbox WHERE feed = $1 AND due_at IS NOT NULL AND why IS NOT NULL ORDER BY due_at DESC LIMIT 1",
            )
            .bind(feed)
        )
        .map_err(to(doing))?;
        let off = self.feed_point(feed).await?.and_then(|point| point.off);
        Ok(Standing { waiting, oldest: oldest.map(time), given_up, off, trouble })
    }

    /// What was given up, the last first.
    pub async fn feed_given_up(&self, feed: &str, limit: u32) -> Result<Vec<GivenUp>, StoreError> {
        let rows: Vec<(String, String, i64, i64, String)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT id, key, made_at, COALESCE(given_up_at, made_at), COALESCE(why, '') FROM feed_outbox
                 WHERE feed = $1 AND due_at IS NULL ORDER BY line DESC LIMIT $2",
            )
            .bind(feed)
            .bind(i64::from(limit))
        )
        .map_err(to("read what a feed gave up"))?;
        let view = |(id, key, made, at, why): (_, _, i64, i64, _)| GivenUp { id, key, made: time(made), at: time(at), why };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Measurements after a row, in order.
    pub async fn measurements_after(&self, line: i64, limit: u32) -> Result<Vec<Measured>, StoreError> {
        type Row = (i64, String, String, String, i64, i64, String);
        let rows: Vec<Row> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT line, edge, camera, zone, from_at, to_at, figures FROM measurements WHERE line > $1 ORDER BY line LIMIT $2",
            )
            .bind(line)
            .bind(i64::from(limit))
        )
        .map_err(to("read new measurements"))?;
        let view = |(line, edge, camera, zone, from, to, figures): Row| {
            let figures = from_json("measurement", &figures)?;
            Ok(Measured { line, edge, camera, zone, period: (time(from), time(to)), figures })
        };
        rows.into_iter().map(view).collect()
    }

    /// The row of the newest measurement.
    pub async fn newest_measurement(&self) -> Result<i64, StoreError> {
        fetch_one!(self.db(), sqlx::query_scalar("SELECT COALESCE(MAX(line), 0) FROM measurements"))
            .map_err(to("read the newest measurement"))
    }

    /// The cameras of a gateway, or of all.
    pub async fn cameras_of(&self, edge: Option<&str>) -> Result<Vec<(String, String)>, StoreError> {
        fetch_all!(
            self.db(),
            sqlx::query_as("SELECT edge, camera FROM cameras WHERE $1 = '' OR edge = $1 ORDER BY edge, camera")
                .bind(edge.unwrap_or_default())
        )
        .map_err(to("list the cameras of a gateway"))
    }

    /// The incidents that are not closed.
    pub async fn open_incident_ids(&self) -> Result<Vec<String>, StoreError> {
        fetch_all!(self.db(), sqlx::query_scalar("SELECT id FROM incidents WHERE closed_at IS NULL ORDER BY id"))
            .map_err(to("list open incidents"))
    }
}

impl Tx {
    /// Whether this centre is the one that sends: it takes the lease, or makes it last longer. On SQLite there is no other centre. The clock is
    /// that of the database, which all centres share.
    pub async fn hold_lease(&mut self, holder: &str, lasts: Duration) -> Result<bool, StoreError> {
        let On::Postgres(db) = self.db() else { return Ok(true) };
        let held: Option<String> = sqlx::query_scalar(
            "WITH clock AS (SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now)
             INSERT INTO feed_lease (name, holder, until_at) SELECT 'feeds', $1, clock.now + $2 FROM clock
             ON CONFLICT (name) DO UPDATE SET holder = $1, until_at = EXCLUDED.until_at
             WHERE feed_lease.holder = $1 OR feed_lease.until_at < EXCLUDED.until_at - $2
             RETURNING holder",
        )
        .bind(holder)
        .bind(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX))
        .fetch_optional(db)
        .await
        .map_err(to("take the lease of the feeds"))?;
        Ok(held.is_some())
    }

    /// Moves a feed's point.
    pub async fn set_feed_point(&mut self, feed: &str, sequence: i64, line: i64) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO feed_points (feed, sequence, line) VALUES ($1, $2, $3)
                 ON CONFLICT (feed) DO UPDATE SET sequence = $2, line = $3"
            )
            .bind(feed)
            .bind(sequence)
            .bind(line)
        )
        .map_err(to("keep how far a feed is"))?;
        Ok(())
    }

    /// Forgets feeds that are configured no longer, with all that they had to send.
    pub async fn forget_other_feeds(&mut self, configured: &[&str]) -> Result<(), StoreError> {
        let known: Vec<String> =
            fetch_all!(self.db(), sqlx::query_scalar("SELECT feed FROM feed_points")).map_err(to("list the feeds"))?;
        for feed in known.iter().filter(|feed| !configured.contains(&feed.as_str())) {
            for sql in ["DELETE FROM feed_points WHERE feed = $1", "DELETE FROM feed_outbox WHERE feed = $1"] {
                execute!(self.db(), sqlx::query(sql).bind(feed)).map_err(to("forget a feed"))?;
            }
        }
        Ok(())
    }

    /// Keeps something to be sent.
    pub async fn queue(
        &mut self,
        feed: &str,
        (id, key): (&str, &str),
        body: &str,
        older: Older,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let untried = i64::from(older == Older::KeepTried);
        execute!(
            self.db(),
            sqlx::query("DELETE FROM feed_outbox WHERE feed = $1 AND key = $2 AND due_at IS NOT NULL AND ($3 = 0 OR failed = 0)")
                .bind(feed)
                .bind(key)
                .bind(untried)
        )
        .map_err(to("drop what is out of date"))?;
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO feed_outbox (feed, id, key, body, made_at, failed, due_at) VALUES ($1, $2, $3, $4, $5, 0, $5)"
            )
            .bind(feed)
            .bind(id)
            .bind(key)
            .bind(body)
            .bind(now.as_unix_millis())
        )
        .map_err(to("keep what is to be sent"))?;
        Ok(())
    }

    /// Keeps what became of something. What was replaced meanwhile is left alone: its row is gone.
    pub async fn settle_message(&mut self, line: i64, settled: &Settled, now: WallTime) -> Result<(), StoreError> {
        let doing = "keep what became of a message";
        match settled {
            Settled::Delivered => execute!(self.db(), sqlx::query("DELETE FROM feed_outbox WHERE line = $1").bind(line)),
            Settled::Again { failed, at, why } => execute!(
                self.db(),
                sqlx::query("UPDATE feed_outbox SET failed = $2, due_at = $3, why = $4 WHERE line = $1")
                    .bind(line)
                    .bind(i64::from(*failed))
                    .bind(at.as_unix_millis())
                    .bind(why)
            ),
            Settled::GivenUp { why } => execute!(
                self.db(),
                sqlx::query("UPDATE feed_outbox SET due_at = NULL, given_up_at = $2, why = $3 WHERE line = $1")
                    .bind(line)
                    .bind(now.as_unix_millis())
                    .bind(why)
            ),
        }
        .map_err(to(doing))?;
        Ok(())
    }

    /// A receiver is back: all that waits for it is due.
    pub async fn all_due(&mut self, feed: &str, now: WallTime) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("UPDATE feed_outbox SET due_at = $2 WHERE feed = $1 AND due_at > $2")
                .bind(feed)
                .bind(now.as_unix_millis())
        )
        .map_err(to("make what waits due"))?;
        Ok(())
    }

    /// Switches a feed off.
    pub async fn switch_off(&mut self, feed: &str, why: &str) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("UPDATE feed_points SET off = $2 WHERE feed = $1").bind(feed).bind(why))
            .map_err(to("switch a feed off"))?;
        Ok(())
    }

    /// Switches a feed on again, and has it try once more what it gave up. Returns how many that is.
    pub async fn retry_feed(&mut self, feed: &str, now: WallTime) -> Result<u64, StoreError> {
        let doing = "try a feed again";
        execute!(self.db(), sqlx::query("UPDATE feed_points SET off = NULL WHERE feed = $1").bind(feed)).map_err(to(doing))?;
        execute!(
            self.db(),
            sqlx::query("UPDATE feed_outbox SET failed = 0, due_at = $2, given_up_at = NULL WHERE feed = $1 AND due_at IS NULL")
                .bind(feed)
                .bind(now.as_unix_millis())
        )
        .map_err(to(doing))
    }

    /// Forgets what was given up before an instant.
    pub async fn forget_given_up(&mut self, before: WallTime) -> Result<u64, StoreError> {
        execute!(
            self.db(),
            sqlx::query("DELETE FROM feed_outbox WHERE due_at IS NULL AND given_up_at < $1").bind(before.as_unix_millis())
        )
        .map_err(to("forget what feeds gave up"))
    }
}
