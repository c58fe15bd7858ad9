//! Users and their sessions. Passwords and tokens themselves never come here, only their hashes.

use matpho_scene::WallTime;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_optional, from_word, time, to, word};
use crate::api::types::Role;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// argon2id, PHC string.
    pub password_hash: String,
}

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub name: String,
    /// What the user may do now.
    pub role: Role,
    /// When it ends.
    pub expires: WallTime,
}

impl Store {
    /// A user by name.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let row: Option<(String, String, String)> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT name, role, password_hash FROM users WHERE name = $1").bind(name))
                .map_err(to("look up a user"))?;
        row.map(|(name, role, password_hash)| Ok(User { name, role: from_word("role", role)?, password_hash })).transpose()
    }

    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows: Vec<(String, String, String)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT name, role, password_hash FROM users ORDER BY name"))
                .map_err(to("list users"))?;
        rows.into_iter()
            .map(|(name, role, password_hash)| Ok(User { name, role: from_word("role", role)?, password_hash }))
            .collect()
    }

    /// The session of a token, unless it has ended.
    pub async fn session(&self, token_sha256: &str, now: WallTime) -> Result<Option<Session>, StoreError> {
        let row: Option<(String, String, i64)> = fetch_optional!(
            self.db(),
            sqlx::query_as(
                "SELECT u.name, u.role, s.expires_at FROM sessions s JOIN users u ON u.name = s.name
             WHERE s.token_sha256 = $1 AND s.expires_at > $2",
            )
            .bind(token_sha256)
            .bind(now.as_unix_millis())
        )
        .map_err(to("look up a session"))?;
        row.map(|(name, role, expires)| Ok(Session { name, role: from_word("role", role)?, expires: time(expires) })).transpose()
    }
}

impl Tx {
    /// Makes a user, or gives one another password and role; then all of the user's sessions end. Returns whether the user is new.
    pub async fn put_user(&mut self, user: &User, now: WallTime) -> Result<bool, StoreError> {
        let known: Option<String> =
            fetch_optional!(self.db(), sqlx::query_scalar("SELECT name FROM users WHERE name = $1").bind(&user.name))
                .map_err(to("look up a user"))?;
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO users (name, password_hash, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET password_hash = $2, role = $3",
            )
            .bind(&user.name)
            .bind(&user.password_hash)
            .bind(word(&user.role))
            .bind(now.as_unix_millis())
        )
        .map_err(to("store a user"))?;
        execute!(self.db(), sqlx::query("DELETE FROM sessions WHERE name = $1").bind(&user.name))
            .map_err(to("end a user's sessions"))?;
        Ok(known.is_none())
    }

    /// Begins a session.
    pub async fn begin_session(
        &mut self,
        token_sha256: &str,
        name: &str,
        now: WallTime,
        expires: WallTime,
    ) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("INSERT INTO sessions (token_sha256, name, created_at, expires_at) VALUES ($1, $2, $3, $4)")
                .bind(token_sha256)
                .bind(name)
                .bind(now.as_unix_millis())
                .bind(expires.as_unix_millis())
        )
        .map_err(to("begin a session"))?;
        Ok(())
    }

    /// Ends a session.
    pub async fn end_session(&mut self, token_sha256: &str) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("DELETE FROM sessions WHERE token_sha256 = $1").bind(token_sha256))
            .map_err(to("end a session"))?;
        Ok(())
    }

    /// Forgets sessions that have ended.
    pub async fn trim_sessions(&mut self, now: WallTime) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now.as_unix_millis()))
            .map_err(to("trim the sessions"))?;
        Ok(())
    }
}
