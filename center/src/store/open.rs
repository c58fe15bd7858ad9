//! Opens the store: how each database is reached, set up and brought up to date.

use std::{borrow::Cow, path::Path, str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{On, StoreError, db::Pool, to};
use crate::config::database::{Database, Postgres, Secret};

/// The schema, as SQLite takes it.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// What PostgreSQL says otherwise: the schema's only differences. Texts are compared byte by byte there too.
const IN_POSTGRES: [(&str, &str); 3] = [
    ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (" INTEGER", " BIGINT"),
    (" TEXT", " TEXT COLLATE \"C\""),
];

/// Readers beside the one writer.
const SQLITE_READERS_MAX: u32 = 4;

/// The same; one more listens to the other centres.
const POSTGRES_READERS_MAX: u32 = 9;

/// How long a writer on SQLite waits for another process (`matpho-center user add`).
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection to PostgreSQL may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What each connection to PostgreSQL asks for. A centre that hangs in a transaction, or whose machine is gone, would hold up all others.
const SESSION: [(&str, &str); 5] = [
    ("lock_timeout", "20s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

const PAGE_BYTES: u64 = 4096;

/// The two pools: who writes, who reads.
pub(super) async fn pools(folder: &Path, database: &Database) -> Result<(Pool, Pool), StoreError> {
    std::fs::create_dir_all(folder).map_err(|source| StoreError::File { doing: "create", path: folder.into(), source })?;
    match database {
        Database::Sqlite { bytes_max } => sqlite(folder, *bytes_max).await,
        Database::Postgres(postgres) => self::postgres(postgres).await,
    }
}

async fn sqlite(folder: &Path, bytes_max: Option<u64>) -> Result<(Pool, Pool), StoreError> {
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
    let name = path.display().to_string();
    MIGRATIONS.run(&write).await.map_err(|source| not_migrated(name, source))?;
    let read = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS_MAX)
        .connect_with(options.read_only(true))
        .await
        .map_err(to("open the database for reading"))?;
    Ok((On::Sqlite(write), On::Sqlite(read)))
}

async fn postgres(config: &Postgres) -> Result<(Pool, Pool), StoreError> {
    let options = options(config)?;
    // Once by hand: a pool that cannot connect says that it waited, not why.
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options));
    let mut connection = connecting
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
        .map_err(|source| StoreError::Unreachable { name: config.url.clone(), source })?;
    migrations_for_postgres().run(&mut connection).await.map_err(|source| not_migrated(config.url.clone(), source))?;
    let _ = connection.close().await;
    let pool = |connections: u32| {
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(CONNECT_TIMEOUT);
        pool.connect_lazy_with(options.clone())
    };
    Ok((On::Postgres(pool(1)), On::Postgres(pool(POSTGRES_READERS_MAX))))
}

/// How to connect: the address, the password from where the configuration says it is.
pub(crate) fn options(config: &Postgres) -> Result<PgConnectOptions, StoreError> {
    let unreachable = |source| StoreError::Unreachable { name: config.url.clone(), source };
    let options = PgConnectOptions::from_str(&config.url).map_err(unreachable)?;
    let options = options.application_name("matpho-center").options(SESSION);
    Ok(match &config.password {
        None => options,
        Some(Secret::File(path)) => {
            let text = std::fs::read_to_string(path).map_err(|source| StoreError::File {
                doing: "read the password file",
                path: path.clone(),
                source,
            })?;
            options.password(text.trim_end_matches(['\r', '\n']))
        }
        Some(Secret::Variable(name)) => options.password(&std::env::var(name).map_err(|_| StoreError::NoPassword(name.clone()))?),
    })
}

fn not_migrated(name: String, source: MigrateError) -> StoreError {
    match source {
        MigrateError::VersionMissing(version) => StoreError::Newer { name, version },
        source => StoreError::Migrate { name, source },
    }
}

/// The newest version of the schema.
pub(super) fn schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// What has to be said in each database's own words: the lines between `-- SQLITE` and `-- POSTGRES` are SQLite's, those from there to `-- BOTH`,
/// comments to SQLite, are PostgreSQL's.
fn own_words(sql: &str) -> String {
    let mut own = String::new();
    let (mut sqlite, mut postgres) = (false, false);
    for line in sql.lines() {
        match line {
            "-- SQLITE" => (sqlite, postgres) = (true, false),
            "-- POSTGRES" => (sqlite, postgres) = (false, true),
            "-- BOTH" => (sqlite, postgres) = (false, false),
            _ if sqlite => {}
            _ => {
                own.push_str(if postgres { line.strip_prefix("-- ").unwrap_or(line) } else { line });
                own.push('\n');
            }
        }
    }
    own
}

fn migrations_for_postgres() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|migration| {
        let sql = IN_POSTGRES.iter().fold(own_words(migration.sql.as_str()), |sql, (from, to)| sql.replace(from, to));
        let description: Cow<'static, str> = migration.description.clone();
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(migration.version, description, migration.migration_type, sql, migration.no_tx)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_for_postgres_has_no_word_of_sqlite_left() {
        let migrator = migrations_for_postgres();
        assert_eq!(migrator.iter().count(), MIGRATIONS.iter().count());
        for migration in migrator.iter() {
            let sql: String = migration
                .sql
                .as_str()
                .lines()
                .map(|line| line.split("--").next().unwrap_or_default().to_owned() + "\n")
                .collect();
            assert!(!sql.contains("AUTOINCREMENT") && !sql.contains("INTEGER"), "{sql}");
            assert_eq!(sql.matches("TEXT").count(), sql.matches("TEXT COLLATE \"C\"").count(), "{sql}");
        }
    }
}
