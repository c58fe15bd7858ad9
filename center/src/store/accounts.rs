//! Users and their sessions. Passwords and tokens themselves never come here, only their hashes.

use matpho_scene::WallTime;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_optional, from_word, time, to, word};
use crate::{api::types::Role, auth::oidc::person::Person};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// How the user proves who that is.
    pub proof: Proof,
}

/// How a user proves who they are: in one way, so that what ends there ends here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By a password; its hash (argon2id, PHC string).
    Password(String),
    /// By the word of a provider of OpenID Connect. There is no password.
    Provider {
        /// Which.
        issuer: String,
        /// Who it is there; `None`: whoever comes first by the account's name.
        subject: Option<String>,
    },
}

impl User {
    /// The hash of the password, where there is one.
    pub fn password_hash(&self) -> Option<&str> {
        match &self.proof {
            Proof::Password(hash) => Some(hash),
            Proof::Provider { .. } => None,
        }
    }
}

/// Who came from a provider, as an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// There is one, as it is now.
    Known {
        /// The account.
        user: User,
        /// Whether its role changed, or it was waiting for its owner.
        changed: bool,
    },
    /// One was made.
    New(User),
    /// The name is somebody else's.
    Taken,
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

type UserRow = (String, String, String, Option<String>, Option<String>);

fn user((name, role, password_hash, issuer, subject): UserRow) -> Result<User, StoreError> {
    let proof = match issuer {
        Some(issuer) => Proof::Provider { issuer, subject },
        None => Proof::Password(password_hash),
    };
    Ok(User { name, role: from_word("role", role)?, proof })
}

impl Store {
    /// A user by name.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT name, role, password_hash, issuer, subject FROM users WHERE name = $1").bind(name)
        )
        .map_err(to("look up a user"))?;
        row.map(user).transpose()
    }

    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> =
            fetch_all!(self.db(), sqlx::query_as("SELECT name, role, password_hash, issuer, subject FROM users ORDER BY name"))
                .map_err(to("list users"))?;
        rows.into_iter().map(user).collect()
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
    /// Makes a user, or gives one another proof and role; then all of the user's sessions end, no browser is known any more, and no failure
    /// counts. Returns whether the user is new.
    pub async fn put_user(&mut self, user: &User, now: WallTime) -> Result<bool, StoreError> {
        let known: Option<String> =
            fetch_optional!(self.db(), sqlx::query_scalar("SELECT name FROM users WHERE name = $1").bind(&user.name))
                .map_err(to("look up a user"))?;
        let (issuer, subject) = match &user.proof {
            Proof::Password(_) => (None, None),
            Proof::Provider { issuer, subject } => (Some(issuer), subject.as_ref()),
        };
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO users (name, password_hash, role, created_at, issuer, subject) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET password_hash = $2, role = $3, issuer = $5, subject = $6",
            )
            .bind(&user.name)
            .bind(user.password_hash().unwrap_or_default())
            .bind(word(&user.role))
            .bind(now.as_unix_millis())
            .bind(issuer)
            .bind(subject)
        )
        .map_err(to("store a user"))?;
        for sql in ["DELETE FROM sessions WHERE name = $1", "DELETE FROM login_devices WHERE name = $1"] {
            execute!(self.db(), sqlx::query(sql).bind(&user.name)).map_err(to("end a user's sessions"))?;
        }
        self.unlock(&user.name).await?;
        Ok(known.is_none())
    }

    /// The account of somebody who comes from a provider: known by who they are there, or made, with the role that they have there now.
    ///
    /// A name that has an account is never taken over: neither that of a local user, nor that of somebody else who had it at the provider before.
    pub async fn arrive(&mut self, person: &Person, now: WallTime) -> Result<Arrival, StoreError> {
        const COLUMNS: &str = "SELECT name, role, password_hash, issuer, subject FROM users";
        let by_subject = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE issuer = $1 AND subject = $2"));
        let row: Option<UserRow> =
            fetch_optional!(self.db(), sqlx::query_as(by_subject).bind(&person.issuer).bind(&person.subject))
                .map_err(to("look up a user"))?;
        let by_name = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE name = $1"));
        let row = match row {
            Some(row) => Some(row),
            None => fetch_optional!(self.db(), sqlx::query_as(by_name).bind(&person.name)).map_err(to("look up a user"))?,
        };
        let proof = Proof::Provider { issuer: person.issuer.clone(), subject: Some(person.subject.clone()) };
        let Some(known) = row.map(user).transpose()? else {
            let user = User { name: person.name.clone(), role: person.role, proof };
            self.put_user(&user, now).await?;
            return Ok(Arrival::New(user));
        };
        let waits = known.proof == Proof::Provider { issuer: person.issuer.clone(), subject: None };
        if known.proof != proof && !waits {
            return Ok(Arrival::Taken);
        }
        let user = User { name: known.name.clone(), role: person.role, proof };
        let changed = known != user;
        if changed {
            execute!(
                self.db(),
                sqlx::query("UPDATE users SET role = $2, subject = $3 WHERE name = $1")
                    .bind(&user.name)
                    .bind(word(&user.role))
                    .bind(&person.subject)
            )
            .map_err(to("store a user"))?;
        }
        Ok(Arrival::Known { user, changed })
    }

    /// A login through a provider counts once: whether this one did not yet.
    pub async fn spend_login(&mut self, state_sha256: &str, until: WallTime) -> Result<bool, StoreError> {
        let rows = execute!(
            self.db(),
            sqlx::query("INSERT INTO spent_logins (state_sha256, until_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(state_sha256)
                .bind(until.as_unix_millis())
        )
        .map_err(to("note that a login was finished"))?;
        Ok(rows == 1)
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
