//! `matpho-sim`: simulated cameras, their truth, and a simulated fleet of edges.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use matpho_sim::{FrameJob, Scenario, dump_frames};

#[derive(Parser)]
#[command(name = "matpho-sim", version, about = "A simulated city: RTSP cameras with ground truth and faults on request")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
        Command::Frames { scenario, camera, every, seconds, from, out, png, vary, scenes } => {
            let scenario = Scenario::load(&scenario)?;
            let job = FrameJob { camera, every_s: every, seconds, from_s: from, out, png, vary, scenes };
            let n = dump_frames(&scenario, &job)?;
            eprintln!("{n} pictures in {}", job.out.display());
            Ok(())
        }
    }
}
