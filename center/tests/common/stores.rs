//! Both stores: every test of the centre runs on SQLite and on PostgreSQL.
//!
//! A PostgreSQL of the tests' own: a cluster in a new folder, reached by its socket, run by somebody who is not root, without fsync. A
//! process of tests has one, and each centre a database in it. The cluster is made once and copied. Its guardian ends it and removes its
//! folder when the tests' process ends, however it ends.

use std::{
    cell::Cell,
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use super::wait_for;

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

thread_local! {
    static KIND: Cell<Kind> = const { Cell::new(Kind::Sqlite) };
}

/// Runs a test on a kind of store.
pub fn on(kind: Kind, test: impl FnOnce()) {
    KIND.set(kind);
    test();
}

/// Does something on a kind of store, whatever the test is on.
pub fn with<T>(kind: Kind, work: impl FnOnce() -> T) -> T {
    let before = KIND.replace(kind);
    let done = work();
    KIND.set(before);
    done
}

/// Runs an asynchronous test.
pub fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// The kind of store that the present test is on.
pub fn kind() -> Kind {
    KIND.get()
}

/// The section of the configuration for a new store of the present kind.
pub fn section() -> String {
    match kind() {
        Kind::Sqlite => String::new(),
        Kind::Postgres => Cluster::shared().new_database(),
    }
}

/// Each of these tests on both stores.
#[macro_export]
macro_rules! on_both_stores {
    (async $($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $test() {
                $crate::common::stores::on($crate::common::stores::Kind::Sqlite, || $crate::common::stores::block_on(super::$test()))
            })+
        }
        mod postgres {
            $(#[test] fn $test() {
                $crate::common::stores::on($crate::common::stores::Kind::Postgres, || $crate::common::stores::block_on(super::$test()))
            })+
        }
    };
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $test() { $crate::common::stores::on($crate::common::stores::Kind::Sqlite, super::$test) })+
        }
        mod postgres {
            $(#[test] fn $test() { $crate::common::stores::on($crate::common::stores::Kind::Postgres, super::$test) })+
        }
    };
}

/// Runs SQL on the database of a configuration, past the centre.
pub async fn run_sql(config: &matpho_center::config::Config, sql: &str) -> Result<(), String> {
    use matpho_center::config::database::Database;
    use sqlx::{AssertSqlSafe, Connection};
    let sql = AssertSqlSafe(sql.to_owned());
    let done = match &config.store {
        Database::Sqlite { .. } => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(config.state.folder.join("center.db"));
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.map(|_| ())
        }
        Database::Postgres(postgres) => {
            let mut connection = sqlx::PgConnection::connect(&postgres.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.map(|_| ())
        }
    };
    done.map_err(|error| error.to_string())
}

/// A PostgreSQL.
pub struct Cluster {
    folder: PathBuf,
    guardian: Option<Child>,
    databases: AtomicU32,
}

/// Begins with a name that the tests' own folders do not have, so that what a power cut leaves is known for what it is.
const PREFIX: &str = "matpho-pg-";

/// The guardian: runs the server until its stdin closes, which also happens when who started it is killed.
const GUARDIAN: &str = r#"trap '' HUP INT TERM
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c max_connections=60 >>"$2/log" 2>&1 &
server=$!
read -r _
kill -QUIT $server
sleep 0.2
kill -KILL $server
wait $server
[ -e "$2/keep" ] || rm -rf "$2""#;

impl Cluster {
    /// The one of this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::started)
    }

    /// A new one that runs.
    pub fn started() -> Self {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap().keep();
        command("cp").arg("-a").arg(template().join("data")).arg(&folder).run();
        give_away(&folder);
        let mut cluster = Self { folder, guardian: None, databases: AtomicU32::new(0) };
        cluster.start();
        cluster
    }

    /// Starts it, if it was stopped.
    pub fn start(&mut self) {
        let mut guardian = unprivileged("sh");
        guardian.args(["-c", GUARDIAN, "guardian"]).arg(programs()).arg(&self.folder);
        // In a group of its own: a signal to the tests' group is not meant for it.
        guardian.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.guardian = Some(guardian.spawn().unwrap());
        wait_for("PostgreSQL to answer", || self.try_sql("postgres", "SELECT 1"));
        let _ = fs::remove_file(self.folder.join("keep"));
    }

    /// Stops it as a crash would; [`Cluster::start`] brings it back with its data.
    pub fn stop(&mut self) {
        fs::write(self.folder.join("keep"), "").unwrap();
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        super::signal(pid.lines().next().unwrap().parse().unwrap(), "-QUIT");
        drop(self.guardian.as_mut().unwrap().stdin.take());
        self.guardian.take().unwrap().wait().unwrap();
    }

    /// A standby of this one, that follows it by streaming.
    pub fn standby(&self) -> Self {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap().keep();
        give_away(&folder);
        let mut copy = unprivileged(programs().join("pg_basebackup").to_str().unwrap());
        copy.args(["-U", "matpho", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-h"]).arg(&self.folder);
        copy.arg("-D").arg(folder.join("data")).run();
        let mut standby = Self { folder, guardian: None, databases: AtomicU32::new(0) };
        standby.start();
        standby
    }

    /// The folder with its socket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new database, as a section of a centre's configuration.
    pub fn new_database(&self) -> String {
        let name = format!("centre_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.try_sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        format!("[store]\nurl = \"{}\"\n", self.url(&name))
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres:///{name}?host={}&user=matpho", self.folder.display())
    }

    /// What a query says.
    pub fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(programs().join("psql"))
            .args(["-X", "-A", "-t", "-q", "-U", "matpho", "-d", database, "-c", sql, "-h"])
            .arg(&self.folder)
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            drop(guardian.stdin.take());
            let _ = guardian.wait();
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Where PostgreSQL's programs are: in `PATH`, or where Debian has them.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let whole = |folder: &PathBuf| {
            ["initdb", "postgres", "psql", "pg_dump", "pg_basebackup"].iter().all(|program| folder.join(program).is_file())
        };
        let found = debian.chain(std::env::split_paths(&path)).filter(whole).max();
        found.expect("there is no PostgreSQL server to test with: `make setup-tests` installs it (Debian: postgresql)")
    })
}

/// A cluster to copy: making one takes seconds, copying one does not.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let version = Command::new(programs().join("initdb")).arg("--version").output().unwrap().stdout;
        let version: String = String::from_utf8(version).unwrap().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let folder = std::env::temp_dir().join(format!("{PREFIX}template-{version}-{}", rustix::process::getuid().as_raw()));
        let mut lock = fs::File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        if !folder.join("whole").is_file() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).unwrap();
            give_away(&folder);
            let mut initdb = unprivileged(programs().join("initdb").to_str().unwrap());
            initdb.args(["-U", "matpho", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--wal-segsize=4", "-D"]);
            initdb.arg(folder.join("data")).run();
            fs::write(folder.join("whole"), "").unwrap();
        }
        lock.write_all(b"done").unwrap();
        folder
    })
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL refuses to run as root; `nobody` is everywhere.
fn unprivileged(program: &str) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", program]).current_dir("/");
        command
    } else {
        Command::new(program)
    }
}

fn give_away(folder: &Path) {
    if is_root() {
        command("chown").args(["-R", "nobody:nogroup"]).arg(folder).run();
    }
}

fn command(program: &str) -> Command {
    Command::new(program)
}

trait Run {
    fn run(&mut self);
}

impl Run for Command {
    fn run(&mut self) {
        let output = self.output().unwrap_or_else(|error| panic!("{self:?}: {error}"));
        assert!(output.status.success(), "{self:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
