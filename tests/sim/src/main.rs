//! `matpho-sim`: simulated cameras, their truth, and a simulated fleet of edges.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use matpho_sim::{City, FleetJob, FrameJob, Options, Scenario, VideoJob, describe, dump_frames, film, load_fleet};

#[derive(Parser)]
#[command(name = "matpho-sim", version, about = "A simulated city: RTSP cameras with ground truth and faults on request")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve RTSP cameras: a scenario's, or a file round and round
    Cameras {
        /// Scenario file (TOML)
        #[arg(required_unless_present = "clip", conflicts_with = "clip")]
        scenario: Option<PathBuf>,
        /// Serve this video file instead
        #[arg(long)]
        clip: Option<PathBuf>,
        /// With --clip: as so many cameras
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// Address to listen on
        #[arg(long, default_value = "127.0.0.1")]
        listen: IpAddr,
        /// RTSP port; 0 takes a free one
        #[arg(long, default_value_t = 8554)]
        port: u16,
        /// HTTP port for faults and state; 0 takes a free one
        #[arg(long)]
        control: Option<u16>,
        /// Folder for the truth, one CAMERA.jsonl each
        #[arg(long)]
        truth: Option<PathBuf>,
        /// Scenario second to begin with
        #[arg(long, default_value_t = 0.0)]
        from: f64,
    },
    /// Send a fleet's worth of events over MQTT; exit 1 unless the broker acknowledged every one
    Edges {
        /// How many edges, each with its own connection
        #[arg(long)]
        count: usize,
        /// Messages a second, of all edges together
        #[arg(long)]
        rate: f64,
        /// mqtt://[user:password@]host[:port]
        #[arg(long)]
        broker: String,
        /// How long to send
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
        /// The site the edges belong to
        #[arg(long, default_value = "sim")]
        site: String,
        /// Where to write a line of JSON for each message
        #[arg(long)]
        ledger: Option<PathBuf>,
    },
    /// Print every camera's carriageways and ground points as JSON, to make an edge configuration from
    Describe {
        /// Scenario file (TOML)
        scenario: PathBuf,
    },
    /// Write a camera's pictures as H.264 in MP4, with their truth in a .jsonl beside it
    Video {
        /// Scenario file (TOML)
        scenario: PathBuf,
        /// Which camera
        #[arg(long)]
        camera: String,
        /// Scenario seconds in all
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
        /// Scenario second to begin with
        #[arg(long, default_value_t = 0.0)]
        from: f64,
        /// The .mp4 to write
        #[arg(long)]
        out: PathBuf,
    },
    /// Write a camera's pictures and their truth as files, as fast as they can be made
    Frames {
        /// Scenario file (TOML)
        scenario: PathBuf,
        /// Which camera
        #[arg(long)]
        camera: String,
        /// Scenario seconds between pictures
        #[arg(long, default_value_t = 1.0)]
        every: f64,
        /// Scenario seconds in all
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
        /// Scenario second to begin with
        #[arg(long, default_value_t = 0.0)]
        from: f64,
        /// Folder for the files
        #[arg(long)]
        out: PathBuf,
        /// PNG instead of JPEG
        #[arg(long)]
        png: bool,
        /// Another street of the same kind: pose, light, road, houses and traffic by this seed
        #[arg(long)]
        vary: Option<u32>,
        /// With --vary: so many streets, by consecutive seeds
        #[arg(long, default_value_t = 1)]
        scenes: u32,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .init();
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("matpho-sim: {e:#}");
            let misuse = e.downcast_ref::<matpho_sim::ScenarioError>().is_some();
            ExitCode::from(if misuse { 2 } else { 1 })
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Cameras { scenario, clip, count, listen, port, control, truth, from } => {
            let options = Options { listen, port, control, truth_dir: truth, always: false, from_s: from };
            let city = match (scenario, clip) {
                (Some(path), _) => City::start(&Scenario::load(&path)?, &options)?,
                (None, Some(file)) => City::serve_clip(&file, count, &options)?,
                (None, None) => anyhow::bail!("name a scenario or a --clip"),
            };
            for shot in city.shots() {
                eprintln!("{}  {}", shot.url, shot.name);
            }
            println!("{}", serde_json::json!({ "ready": true, "control": city.control(), "cameras": city.shots() }));
            wait_for_end()
        }
        Command::Edges { count, rate, broker, seconds, site, ledger } => {
            let report = load_fleet(&FleetJob { count, rate, seconds, broker, site, ledger })?;
            println!("{}", serde_json::to_string(&report)?);
            anyhow::ensure!(
                report.acknowledged == report.sent,
                "{} of {} messages were not acknowledged",
                report.sent - report.acknowledged,
                report.sent
            );
            Ok(())
        }
        Command::Describe { scenario } => {
            println!("{:#}", describe(&Scenario::load(&scenario)?));
            Ok(())
        }
        Command::Video { scenario, camera, seconds, from, out } => {
            let scenario = Scenario::load(&scenario)?;
            let n = film(&scenario, &VideoJob { camera, seconds, from_s: from, out: out.clone() })?;
            eprintln!("{n} pictures in {}", out.display());
            Ok(())
        }
        Command::Frames { scenario, camera, every, seconds, from, out, png, vary, scenes } => {
            let scenario = Scenario::load(&scenario)?;
            let job = FrameJob { camera, every_s: every, seconds, from_s: from, out, png, vary, scenes };
            let n = dump_frames(&scenario, &job)?;
            eprintln!("{n} pictures in {}", job.out.display());
            Ok(())
        }
    }
}

/// Until somebody presses Ctrl-C or asks to terminate.
fn wait_for_end() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut end = signal(SignalKind::terminate())?;
        tokio::select! {
            r = tokio::signal::ctrl_c() => r?,
            _ = end.recv() => {}
        }
        Ok(())
    })
}
