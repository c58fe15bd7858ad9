//! The command line: arguments in, library called, error chain out.
//!
//! Exit codes: 0 fine, 1 failed at work, 2 wrong use or configuration.

mod analyze;
mod annotate;
mod calibrate;
mod eval;
mod probe;
mod replay;
mod session;
mod suggest;
mod watch;

use std::{
    collections::BTreeSet,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::anyhow;
use clap::{Args, Parser, Subcommand};
use matpho_analytics::{Analytic, CameraPlan};
use matpho_infer::Registry;
use matpho_scene::{CameraId, ModelId, WallTime};

use crate::{
    config::{self, Config},
    confirm::{Confirmation, Outcome},
    models::{self, Shelf},
    pull, topology,
};

pub use session::{Analysis, Said, Stamp};

#[derive(Debug, Parser)]
#[command(
    name = "matpho-edge",
    version,
    about = "Watches cameras and says what matters: congestion, fire, flooding, blind cameras",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway
    Run {
        /// The configuration
        #[arg(long)]
        config: PathBuf,
    },
    /// Says what is in video files, pictures, folders of pictures or a stream: one CloudEvents JSON object a line, a summary last
    Analyze(analyze::AnalyzeArgs),
    /// Says what a camera is fit for
    Probe(probe::ProbeArgs),
    /// Checks a configuration and says everything that is wrong with it
    CheckConfig {
        /// The configuration
        file: PathBuf,
    },
    /// The models: what there is, whether the files are right, fetching them
    Models(ModelsArgs),
    /// Makes a calibration of points measured on the road: lines for the configuration, what they are worth, a picture to check them by
    Calibrate(calibrate::CalibrateArgs),
    /// Watches a camera and proposes zones: lines for the configuration and a picture to judge them by
    SuggestZones(suggest::SuggestArgs),
    /// Says that the zones of a moved camera fit its picture as it is, to the gateway that runs with this configuration
    ConfirmView {
        /// The configuration of the gateway
        #[arg(long)]
        config: PathBuf,
        /// Which camera
        #[arg(long)]
        camera: CameraId,
    },
    /// Plays a recording of detections (`analyze --detections`) through the analytics
    Replay(replay::ReplayArgs),
    /// Prints a commented configuration to start from
    PrintDefaultConfig,
}

#[derive(Debug, Args)]
struct ModelsArgs {
    /// What to do
    #[command(subcommand)]
    action: ModelsAction,
    /// Folder of registry.toml
    #[arg(long, global = true, value_name = "DIR")]
    models: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ModelsAction {
    /// Prints the registry as a table
    List,
    /// Checks every file against the registry
    Verify,
    /// Fetches what is missing, from its own address or from MATPHO_MODEL_MIRROR (a folder or an address)
    Pull {
        /// These models alone; all that are missing where none is named
        #[arg(value_name = "ID")]
        ids: Vec<ModelId>,
    },
    /// Judges models on pictures whose truth is known, and prints tables
    Eval(eval::EvalArgs),
}

/// What `analyze` and `replay` are to watch for, where, and how.
#[derive(Debug, Args)]
struct PlanArgs {
    /// Zones and parameters come from a camera of this configuration; without it the whole picture is the zone and every analytic runs
    #[arg(long)]
    config: Option<PathBuf>,
    /// Which camera of the configuration
    #[arg(long, requires = "config")]
    camera: Option<CameraId>,
    /// Run these analytics alone: congestion, stopped_vehicle, wrong_way, pedestrian, fire, smoke, flood, camera
    #[arg(long, value_delimiter = ',', value_name = "ANALYTIC")]
    only: Vec<Analytic>,
    /// When the first picture was seen, as an RFC 3339 instant
    #[arg(long, value_name = "INSTANT")]
    start: Option<WallTime>,
    /// Folder of registry.toml
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// Wrong use or configuration: exit code 2.
    Usage(anyhow::Error),
    /// It was asked rightly, and failed: exit code 1.
    Work(anyhow::Error),
    /// Everything was said already: exit code 1.
    Told,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        if error.is::<config::ConfigError>() { Self::Usage(error) } else { Self::Work(error) }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    // Two TLS libraries of one process must agree; rumqttc and ureq both take what is installed here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    log(matches!(cli.command, Command::Run { .. }));
    let (error, code) = match dispatch(cli.command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => (error, 2),
        Err(Failure::Work(error)) if is_closed_pipe(&error) => return ExitCode::SUCCESS,
        Err(Failure::Work(error)) => (error, 1),
        Err(Failure::Told) => return ExitCode::from(1),
    };
    let _ = writeln!(std::io::stderr(), "matpho-edge: {}", crate::chain(error.as_ref()));
    ExitCode::from(code)
}

/// Whoever read our output has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run { config } => run(&config),
        Command::Analyze(args) => analyze::analyze(args),
        Command::Probe(args) => probe::probe(&args),
        Command::CheckConfig { file } => check_config(&file),
        Command::Models(args) => models_command(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::SuggestZones(args) => suggest::suggest(&args),
        Command::ConfirmView { config, camera } => confirm_view(&config, &camera),
        Command::Replay(args) => replay::replay(&args),
        Command::PrintDefaultConfig => Ok(write!(std::io::stdout(), "{}", config::DEFAULT)?),
    }
}

fn log(verbose: bool) {
    // ONNX Runtime is talkative about itself.
    let default = if verbose { "info,ort=warn" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MATPHO_LOG").unwrap_or_else(|_| default.into());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if std::env::var("MATPHO_LOG_FORMAT").is_ok_and(|format| format == "json") {
        lines.json().init();
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).init();
    }
}

fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let shelf = Shelf::open(&config.models, None, config.runtime.onnxruntime.as_deref(), config.runtime.provider)?;
    Ok(topology::run(config, &shelf)?)
}

fn check_config(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let n = config.cameras.len();
    println!("{}: right; edge {}, {n} camera{}", path.display(), config.address, if n == 1 { "" } else { "s" });
    Ok(())
}

fn confirm_view(path: &Path, camera: &CameraId) -> Result<(), Failure> {
    let config = Config::load(path)?;
    if !config.cameras.iter().any(|known| known.id == *camera) {
        return Err(Failure::Usage(anyhow!("{} has no camera `{camera}`", path.display())));
    }
    match Confirmation::new(&config.state.folder, camera).give()? {
        Outcome::Taken => println!("{camera}: the gateway takes the view as it is; its zones hold again"),
        Outcome::Withdrawn => {
            return Err(Failure::Work(anyhow!(
                "no gateway took the confirmation from {}: is one running with this configuration, and may it write there?",
                config.state.folder.display()
            )));
        }
    }
    Ok(())
}

fn models_command(args: &ModelsArgs) -> Result<(), Failure> {
    let registry = Registry::load(&models::find_registry(args.models.as_deref()).map_err(Failure::Usage)?)
        .map_err(|e| Failure::Usage(e.into()))?;
    match &args.action {
        ModelsAction::Eval(args) => return eval::eval(args, &registry),
        ModelsAction::List => print!("{}", models::list(&registry)),
        ModelsAction::Verify => {
            let (right, wrong) = models::verify(&registry);
            right.iter().for_each(|line| println!("{line}"));
            wrong.iter().for_each(|line| eprintln!("{line}"));
            if !wrong.is_empty() {
                return Err(Failure::Told);
            }
        }
        ModelsAction::Pull { ids } => return pull_models(&registry, ids),
    }
    Ok(())
}

fn pull_models(registry: &Registry, ids: &[ModelId]) -> Result<(), Failure> {
    let chosen = match ids {
        [] => registry.entries().iter().collect::<Vec<_>>(),
        ids => ids.iter().map(|id| registry.get(id)).collect::<Result<_, _>>().map_err(|e| Failure::Usage(e.into()))?,
    };
    let mirror = std::env::var(pull::MIRROR_VARIABLE).ok();
    let mut failed = false;
    for entry in chosen {
        let mut progress = Progress::new();
        let pulled = pull::pull(entry, mirror.as_deref(), &mut |done, total| {
            let of = total.map(|total| format!(" of {} KiB", total / 1024)).unwrap_or_default();
            progress.show(|| format!("{}: {} KiB{of}", entry.id, done / 1024));
        });
        progress.clear();
        match pulled {
            Ok(true) => println!("{}: fetched and right", entry.id),
            Ok(false) => println!("{}: is here and right", entry.id),
            Err(error) => {
                eprintln!("{}: {error:#}", entry.id);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// A line on stderr that is written over, where stderr is a terminal; nothing otherwise.
struct Progress {
    terminal: bool,
    shown: Option<std::time::Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        let due = self.shown.is_none_or(|shown| shown.elapsed().as_millis() > 200);
        if self.terminal && due {
            self.shown = Some(std::time::Instant::now());
            eprint!("\r\x1b[2K{}", text());
        }
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[2K");
        }
    }
}

/// What to watch for: from the configuration where one is given, the whole picture and everything otherwise.
struct Chosen {
    config: Option<Config>,
    camera: Option<config::Camera>,
    plan: CameraPlan,
}

impl PlanArgs {
    fn choose(&self) -> Result<Chosen, Failure> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let camera = config.as_ref().map(|config| self.choose_camera(config)).transpose().map_err(Failure::Usage)?;
        let plan = camera.as_ref().map_or_else(CameraPlan::whole_picture, |camera| camera.plan.clone());
        let plan = if self.only.is_empty() {
            plan
        } else {
            let zones = if plan.is_drawn() { plan.zones().to_vec() } else { Vec::new() };
            let only: BTreeSet<Analytic> = self.only.iter().copied().collect();
            CameraPlan::new(zones, only, plan.params().clone()).map_err(|errors| Failure::Usage(anyhow!("{}", errors[0])))?
        };
        Ok(Chosen { config, camera, plan })
    }

    fn choose_camera(&self, config: &Config) -> anyhow::Result<config::Camera> {
        let known = || config.cameras.iter().map(|camera| camera.id.as_str()).collect::<Vec<_>>().join(", ");
        match (&self.camera, config.cameras.as_slice()) {
            (Some(id), cameras) => cameras
                .iter()
                .find(|camera| camera.id == *id)
                .cloned()
                .ok_or_else(|| anyhow!("there is no camera `{id}` in the configuration; it has {}", known())),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(anyhow!("the configuration has several cameras: choose one with --camera: {}", known())),
        }
    }
}

impl Chosen {
    fn models(&self) -> config::Models {
        self.config.as_ref().map(|config| config.models.clone()).unwrap_or_default()
    }

    fn address(&self) -> matpho_wire::topic::Address {
        let slug = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("{text} is a slug"));
        self.config.as_ref().map_or_else(
            || matpho_wire::topic::Address { site: slug("local"), edge: text_edge() },
            |config| config.address.clone(),
        )
    }
}

fn text_edge() -> matpho_scene::EdgeId {
    "analyze".parse().unwrap_or_else(|_| unreachable!("a slug"))
}

/// An id from a file's name: `Đường 30-4.mp4` becomes `ng-30-4`.
fn camera_id(name: &str) -> CameraId {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let slug: String = stem.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let slug: String = slug.trim_matches(['-', '_']).chars().take(matpho_scene::id::SLUG_LEN_MAX).collect();
    slug.parse().or_else(|_| "source".parse()).unwrap_or_else(|_| unreachable!("a slug"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn ids_from_names() {
        for (name, id) in [("clip.mp4", "clip"), ("Đường 30-4.mp4", "ng-30-4"), ("中文.mp4", "source"), ("/a/B c.JPG", "b-c")]
        {
            assert_eq!(camera_id(name).as_str(), id);
        }
    }
}
