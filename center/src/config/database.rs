//! Which database the centre keeps things in.

use std::{path::PathBuf, str::FromStr};

use sqlx::postgres::PgConnectOptions;

use super::reader::Section;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in the state folder.
    Sqlite {
        /// Its bound, in bytes.
        bytes_max: Option<u64>,
    },
    /// A server; several centres may share it.
    Postgres(Postgres),
}

/// A PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// Its address, without a password.
    pub url: String,
    /// Where the password is; `None`: the server needs none, or PostgreSQL's own ways (`PGPASSWORD`, `.pgpass`) have it.
    pub password: Option<Secret>,
}

/// Where a secret is. The secret itself is never part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
}

const EXPECTED: &str = "\"sqlite\" or postgres://USER@HOST[:PORT]/DATABASE is expected";

pub(super) fn database(section: &Section<'_>, bytes_max: Option<u64>) -> Database {
    let url = section.or("url", "sqlite".to_owned());
    let password = match (section.path("password_file"), section.optional("password_variable")) {
        (Some(path), None) => Some(Secret::File(path)),
        (None, Some(name)) => Some(Secret::Variable(name)),
        (None, None) => None,
        (Some(_), Some(_)) => {
            section.refuse("password_variable", "password_file says already where the password is; give one of them");
            None
        }
    };
    if url == "sqlite" {
        for key in ["password_file", "password_variable"].into_iter().filter(|key| section.has(key)) {
            section.refuse(key, "it means nothing with url = \"sqlite\"; remove it");
        }
        return Database::Sqlite { bytes_max };
    }
    if let Err(what) = check(&url) {
        section.refuse("url", what);
    } else if bytes_max.is_some() {
        section
            .refuse("url", "state.database_mib_max bounds an SQLite file alone: set it to 0, and bound PostgreSQL where it runs");
    }
    Database::Postgres(Postgres { url, password })
}

/// Never repeats the address: who writes a password where it must not stand would find it in a log.
fn check(url: &str) -> Result<(), String> {
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql")) else {
        return Err(EXPECTED.into());
    };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let user = address.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(':') || query.split('&').any(|pair| pair.starts_with("password=")) {
        return Err("the password must not stand in the configuration: use password_file or password_variable".into());
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| format!("{EXPECTED}: {}", crate::chain(&error)))?;
    if options.get_database().is_none() { Err(format!("{EXPECTED}: the database is missing")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_database_and_no_password() {
        for right in [
            "postgres://matpho@db.example.vn/matpho",
            "postgresql://matpho@[::1]:5433/matpho?sslmode=verify-full",
            "postgres:///matpho?host=/run/postgresql&user=matpho",
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for (wrong, part) in [
            ("mysql://db/matpho", "is expected"),
            ("postgres", "is expected"),
            ("postgres://matpho@db.example.vn", "database is missing"),
            ("postgres://matpho@db:port/matpho", "is expected"),
            ("postgres://matpho:secret@db/matpho", "password_file"),
            ("postgres://matpho@db/matpho?password=secret", "password_file"),
        ] {
            let said = check(wrong).unwrap_err();
            assert!(said.contains(part) && !said.contains("secret"), "{wrong}: {said}");
        }
    }
}
