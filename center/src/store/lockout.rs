//! Wrong passwords and known devices, so that they count over restarts and over all centres on the store. What they mean is in
//! `auth::lockout`.

use matpho_scene::WallTime;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_one, fetch_optional, time, to};
use crate::auth::lockout::{DEVICE_KNOWN_FOR, FORGET_AFTER, Rules, Source, Tally};

/// A source that is locked out of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The account.
    pub name: String,
    /// The source, as it is written.
    pub source: String,
    /// Until when; `None`: until it is unlocked.
    pub until: Option<WallTime>,
}

#[derive(sqlx::FromRow)]
struct Row {
    failures: i64,
    locks: i64,
    failed_at: i64,
    locked_until: Option<i64>,
    locked_for_good: bool,
}

impl From<Row> for Tally {
    fn from(row: Row) -> Self {
        Self {
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            locks: u32::try_from(row.locks).unwrap_or(u32::MAX),
            failed: Some(time(row.failed_at)),
            locked_until: row.locked_until.map(time),
            locked_for_good: row.locked_for_good,
        }
    }
}

impl Store {
    /// Whether a browser logged in as this user before.
    pub async fn knows_device(&self, token_sha256: &str, name: &str, now: WallTime) -> Result<bool, StoreError> {
        let known: i64 = fetch_one!(
            self.db(),
            sqlx::query_scalar("SELECT COUNT(*) FROM login_devices WHERE token_sha256 = $1 AND name = $2 AND seen_at > $3")
                .bind(token_sha256)
                .bind(name)
                .bind((now - DEVICE_KNOWN_FOR).as_unix_millis())
        )
        .map_err(to("look up a device"))?;
        Ok(known > 0)
    }

    /// Who is locked out of which account now.
    pub async fn locks(&self, now: WallTime) -> Result<Vec<Lock>, StoreError> {
        let rows: Vec<(String, String, Option<i64>)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT name, source, locked_until FROM login_failures
                 WHERE name <> '' AND (locked_for_good OR locked_until > $1) ORDER BY name, source"
            )
            .bind(now.as_unix_millis())
        )
        .map_err(to("list locked accounts"))?;
        Ok(rows.into_iter().map(|(name, source, until)| Lock { name, source, until: until.map(time) }).collect())
    }
}

impl Tx {
    /// Whether an account is locked for one of these sources.
    pub async fn is_locked(&mut self, name: &str, sources: &[Source], now: WallTime) -> Result<bool, StoreError> {
        let mut locked = false;
        for source in sources {
            // Each is asked for, so that it takes as long whatever the answer.
            locked |= self.tally(name, source).await?.is_locked(now);
        }
        Ok(locked)
    }

    async fn tally(&mut self, name: &str, source: &Source) -> Result<Tally, StoreError> {
        let row: Option<Row> = fetch_optional!(
            self.db(),
            sqlx::query_as(
                "SELECT failures, locks, failed_at, locked_until, locked_for_good FROM login_failures WHERE name = $1 AND source = $2"
            )
            .bind(name)
            .bind(source.to_string())
        )
        .map_err(to("look up failed logins"))?;
        Ok(row.map(Tally::from).unwrap_or_default())
    }

    /// Counts a wrong password. Returns whom that locked out.
    pub async fn login_failed(
        &mut self,
        name: &str,
        sources: &[Source],
        rules: Rules,
        now: WallTime,
    ) -> Result<Vec<Lock>, StoreError> {
        let mut locked = Vec::new();
        for source in sources {
            let before = self.tally(name, source).await?;
            let after = before.failed(rules, source, now);
            if after == before {
                continue;
            }
            execute!(
                self.db(),
                sqlx::query(
                    "INSERT INTO login_failures (name, source, failures, locks, failed_at, locked_until, locked_for_good)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                     ON CONFLICT (name, source) DO UPDATE
                     SET failures = $3, locks = $4, failed_at = $5, locked_until = $6, locked_for_good = $7",
                )
                .bind(name)
                .bind(source.to_string())
                .bind(i64::from(after.failures))
                .bind(i64::from(after.locks))
                .bind(now.as_unix_millis())
                .bind(after.locked_until.map(WallTime::as_unix_millis))
                .bind(after.locked_for_good)
            )
            .map_err(to("count a failed login"))?;
            if after.is_locked(now) {
                locked.push(Lock { name: name.to_owned(), source: source.to_string(), until: after.locked_until });
            }
        }
        Ok(locked)
    }

    /// Somebody knew the password: what failed from there is forgotten. What strangers tried together is not: it may have been others.
    pub async fn login_succeeded(&mut self, name: &str, sources: &[Source]) -> Result<(), StoreError> {
        for source in sources.iter().filter(|source| **source != Source::Strangers) {
            execute!(
                self.db(),
                sqlx::query("DELETE FROM login_failures WHERE name = $1 AND source = $2").bind(name).bind(source.to_string())
            )
            .map_err(to("forget failed logins"))?;
        }
        Ok(())
    }

    /// Lets everybody try again. Whether anything was counted.
    pub async fn unlock(&mut self, name: &str) -> Result<bool, StoreError> {
        let rows = execute!(self.db(), sqlx::query("DELETE FROM login_failures WHERE name = $1").bind(name))
            .map_err(to("unlock an account"))?;
        Ok(rows > 0)
    }

    /// A browser logged in. What proves that is new each time, so that nobody can have planted it; who else logged in there stays known.
    pub async fn know_device(
        &mut self,
        old_sha256: Option<&str>,
        new_sha256: &str,
        name: &str,
        now: WallTime,
    ) -> Result<(), StoreError> {
        if let Some(old) = old_sha256 {
            execute!(
                self.db(),
                sqlx::query("UPDATE login_devices SET token_sha256 = $2 WHERE token_sha256 = $1").bind(old).bind(new_sha256)
            )
            .map_err(to("renew a device"))?;
        }
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO login_devices (token_sha256, name, seen_at) VALUES ($1, $2, $3)
                 ON CONFLICT (token_sha256, name) DO UPDATE SET seen_at = $3",
            )
            .bind(new_sha256)
            .bind(name)
            .bind(now.as_unix_millis())
        )
        .map_err(to("remember a device"))?;
        Ok(())
    }

    /// Forgets what no longer counts.
    pub async fn trim_logins(&mut self, now: WallTime) -> Result<(), StoreError> {
        let doing = "trim what is known of logins";
        let quiet = (now - FORGET_AFTER).as_unix_millis();
        let failures = "DELETE FROM login_failures WHERE failed_at <= $1 AND NOT locked_for_good
                        AND (locked_until IS NULL OR locked_until <= $1)";
        execute!(self.db(), sqlx::query(failures).bind(quiet)).map_err(to(doing))?;
        let devices = (now - DEVICE_KNOWN_FOR).as_unix_millis();
        execute!(self.db(), sqlx::query("DELETE FROM login_devices WHERE seen_at <= $1").bind(devices)).map_err(to(doing))?;
        let spent = "DELETE FROM spent_logins WHERE until_at <= $1";
        execute!(self.db(), sqlx::query(spent).bind(now.as_unix_millis())).map_err(to(doing))?;
        Ok(())
    }
}
