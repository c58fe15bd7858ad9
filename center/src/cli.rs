//! The command line. Exit codes: 0 fine, 1 failed at work, 2 wrong use or configuration.

pub mod accounts;
mod agency;
mod area;
mod audit;
pub mod backup;
pub mod export;
mod grant;
pub mod retain;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use matpho_scene::WallTime;
use tracing_subscriber::EnvFilter;

use crate::{
    api::types::Role,
    config::{self, Config, ConfigError},
    run,
};

/// Takes what gateways send, makes incidents of it, and shows them to people and programs.
#[derive(Debug, Parser)]
#[command(name = "matpho-center", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the centre until SIGTERM or Ctrl-C.
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// How the log is written to stderr; what is logged is up to RUST_LOG.
        #[arg(long, value_enum, default_value = "text")]
        log: LogFormat,
    },
    /// Says everything that is wrong with a configuration file.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// Prints the default configuration, with a comment for each key.
    PrintDefaultConfig,
    /// Users of the console.
    #[command(subcommand)]
    User(User),
    /// Gateways' accounts at the managed broker.
    #[command(subcommand)]
    Edge(Edge),
    /// Provinces, communes, wards and other areas.
    #[command(subcommand)]
    Area(AreaCommand),
    /// Who answers for what, and who belongs to it.
    #[command(subcommand)]
    Agency(agency::Command),
    /// Who may do what, where, until when.
    #[command(subcommand)]
    Grant(grant::Command),
    /// The audit trail: who did what.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Lets go of what is older than the configuration keeps ([retention]).
    Retain {
        #[command(flatten)]
        config: ConfigFile,
        /// Only says how much would go.
        #[arg(long)]
        dry_run: bool,
    },
    /// Writes all that the centre keeps into a new folder; also beside a running centre.
    Backup {
        /// The folder, which must not exist yet.
        folder: PathBuf,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Fills an empty store from a backup, whichever store that was made of; the centre must not run.
    Restore {
        /// The backup's folder.
        folder: PathBuf,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Prints what the store holds, one JSON object a line, the newest first.
    Export {
        /// What.
        #[arg(value_enum)]
        what: export::What,
        #[command(flatten)]
        config: ConfigFile,
        /// Began at or after this instant (RFC 3339).
        #[arg(long)]
        from: Option<WallTime>,
        /// Began before this instant (RFC 3339).
        #[arg(long)]
        to: Option<WallTime>,
    },
}

#[derive(Debug, Subcommand)]
enum AreaCommand {
    /// Reads code lists (CSV), borders (GeoJSON) and successors (CSV) in, all of them or nothing; says everything that is wrong.
    Import {
        /// The files, in any order; what each is, is told by its contents.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        config: ConfigFile,
        /// Only says what would be there.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists the areas that are valid on a day.
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// The day, YYYY-MM-DD; today if not given.
        #[arg(long)]
        on: Option<Date>,
    },
    /// Says which areas hold a place, the smallest first.
    #[command(allow_negative_numbers = true)]
    At {
        /// In degrees, WGS 84.
        longitude: f64,
        /// In degrees, WGS 84.
        latitude: f64,
        #[command(flatten)]
        config: ConfigFile,
        /// The day, YYYY-MM-DD; today if not given.
        #[arg(long)]
        on: Option<Date>,
    },
}

#[derive(Debug, Subcommand)]
enum User {
    /// Makes a user, or gives one another password and role.
    Add {
        /// Letters, digits, `.`, `_`, `-` and `@`.
        name: String,
        #[command(flatten)]
        config: ConfigFile,
        /// What the user may do.
        #[arg(long, value_enum, default_value = "operator")]
        role: RoleArgument,
        /// Reads the password from the first line of stdin instead of asking for it.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists the users, and who is locked out of which account.
    List {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Lets everybody try again to log in as a user, after too many wrong passwords.
    Unlock {
        /// The user.
        name: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Takes a user's password away: from now on they log in through the provider ([auth.oidc]), by the same name.
    HandOver {
        /// The user.
        name: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, Subcommand)]
enum Edge {
    /// Makes a gateway's account, or gives it another password.
    Add {
        /// SITE/EDGE, such as tdm/gw-01.
        address: String,
        #[command(flatten)]
        config: ConfigFile,
        /// Takes the password from the first line of stdin instead of making one.
        #[arg(long, conflicts_with = "password_file")]
        password_stdin: bool,
        /// Writes the password that was made to this file instead of stdout.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "center.toml")]
    config: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    Viewer,
    Operator,
    Admin,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Why a command did not work.
enum Trouble {
    /// Wrong use or configuration.
    Use(anyhow::Error),
    /// Failed at work.
    Work(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Work(error.into())
    }
}

fn wrong_use(what: impl std::fmt::Display) -> Trouble {
    Trouble::Use(anyhow::anyhow!("{what}"))
}

/// Runs the program.
pub fn main() -> ExitCode {
    // One provider for TLS in the whole process, before anything asks for it; a second call would be refused, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (code, error) = match dispatch(Cli::parse().command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Trouble::Use(error)) => (2, error),
        Err(Trouble::Work(error)) => (1, error),
    };
    eprintln!("matpho-center: {}", crate::chain(&*error));
    ExitCode::from(code)
}

fn dispatch(command: Command) -> Result<(), Trouble> {
    match command {
        Command::Run { config, log } => {
            start_log(log);
            let config = load(&config.config)?;
            block_on(async { run::run(config, run::stop_on_signal()?).await.map_err(anyhow::Error::from) })
        }
        Command::CheckConfig { file } => {
            load(&file)?;
            print(&format!("{}: no errors", file.display()))
        }
        Command::PrintDefaultConfig => print(config::DEFAULT.trim_end()),
        Command::User(User::Add { name, config, role, password_stdin }) => {
            let config = load(&config.config)?;
            let role = match role {
                RoleArgument::Viewer => Role::Viewer,
                RoleArgument::Operator => Role::Operator,
                RoleArgument::Admin => Role::Admin,
            };
            accounts::add_user(&config, name, role, password_stdin)
        }
        Command::User(User::List { config }) => accounts::list_users(&load(&config.config)?),
        Command::User(User::Unlock { name, config }) => accounts::unlock_user(&load(&config.config)?, &name),
        Command::User(User::HandOver { name, config }) => accounts::hand_over(&load(&config.config)?, &name),
        Command::Edge(Edge::Add { address, config, password_stdin, password_file }) => {
            accounts::add_edge(&load(&config.config)?, &address, password_stdin, password_file.as_deref())
        }
        Command::Area(AreaCommand::Import { files, config, dry_run }) => area::import(&load(&config.config)?, &files, dry_run),
        Command::Area(AreaCommand::List { config, on }) => area::list(&load(&config.config)?, on),
        Command::Area(AreaCommand::At { longitude, latitude, config, on }) => {
            area::at(&load(&config.config)?, longitude, latitude, on)
        }
        Command::Agency(command) => agency::run(command),
        Command::Grant(command) => grant::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Retain { config, dry_run } => retain::retain(&load(&config.config)?, dry_run),
        Command::Backup { folder, config } => backup::backup(&load(&config.config)?, &folder),
        Command::Restore { folder, config } => backup::restore(&load(&config.config)?, &folder),
        Command::Export { what, config, from, to } => export::export(&load(&config.config)?, what, from, to),
    }
}

fn load(path: &Path) -> Result<Config, Trouble> {
    Config::load(path).map_err(|error| match error {
        ConfigError::Unreadable { .. } => {
            wrong_use(format!("{}; `matpho-center print-default-config` prints one to start from", crate::chain(&error)))
        }
        ConfigError::Wrong { .. } => Trouble::Use(error.into()),
    })
}

fn print(text: &str) -> Result<(), Trouble> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work).map_err(Trouble::Work)
}

fn start_log(format: LogFormat) {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // The HTTP client tells at DEBUG which addresses it asks, and in those of a bucket stands a signature that is good for some minutes.
    for quiet in ["ureq=info", "ureq_proto=info"] {
        filter = quiet.parse().map(|directive| filter.clone().add_directive(directive)).unwrap_or(filter);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
}
