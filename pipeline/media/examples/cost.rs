//! What a camera costs: CPU seconds a minute of video, by decode policy.
//!
//! ```sh
//! cargo run -p matpho-media --example cost -- rtsp://127.0.0.1:8554/live 60 keyframes 5 every nothing
//! cargo run -p matpho-media --example cost -- clips/*.mp4
//! ```
//!
//! With a camera, each policy is measured for so many seconds in turn, `x8` among the words opens it eight times at once; with files, each is read once and a line says
//! what it is.

use std::{
    env, fs,
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use matpho_media::{Bell, Camera, DecodePolicy, FileOptions, FileReader, Location, SourceConfig, Stats, Stop, Watch};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((url, rest)) if url.contains("://") => camera(url, rest),
        Some(_) => return files(&arguments),
        None => {
            eprintln!("usage: cost rtsp://… SECONDS POLICY… | cost FILE…");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// CPU seconds this process has used: user and system.
fn cpu_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn rss_mib() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4096.0 / f64::from(1 << 20)
}

fn policy(word: &str) -> DecodePolicy {
    match word {
        "keyframes" => DecodePolicy::Keyframes { fps_max: f64::INFINITY },
        "every" => DecodePolicy::Every,
        "bursts" => DecodePolicy::Bursts { every_s: 10.0, lasts_s: 2.0, fps: 5.0 },
        "nothing" => DecodePolicy::Nothing,
        fps => DecodePolicy::AtMost { fps: fps.parse().unwrap_or(5.0) },
    }
}

fn camera(url: &str, rest: &[String]) {
    let seconds: f64 = rest.first().and_then(|word| word.parse().ok()).unwrap_or(60.0);
    let cameras: usize = rest.iter().find_map(|word| word.strip_prefix('x')?.parse().ok()).unwrap_or(1);
    let mut words: Vec<&str> = rest.iter().skip(1).map(String::as_str).filter(|word| !word.starts_with('x')).collect();
    if words.is_empty() {
        words = vec!["nothing", "keyframes", "5", "every"];
    }
    println!(
        "{:>10}  {:>9}  {:>6}  {:>7}  {:>8}  {:>9}  {:>7}",
        "policy", "CPU s/min", "units", "decoded", "pictures", "RSS MiB", "ring MiB"
    );
    for word in words {
        let stop = Stop::new();
        let (cameras, watches): (Vec<_>, Vec<_>) = (0..cameras).filter_map(|_| open(url, word)).unzip();
        thread::scope(|scope| {
            for watch in watches {
                scope.spawn(|| watch.run(&mut |status| eprintln!("{status:?}"), &stop));
            }
            while cameras.iter().any(|camera| camera.stats().keyframes == 0) {
                thread::sleep(Duration::from_millis(20));
            }
            let sum = |figure: fn(&Stats) -> u64| cameras.iter().map(|camera| figure(&camera.stats())).sum::<u64>();
            let figures = || [sum(|stats| stats.units), sum(|stats| stats.decoded), sum(|stats| stats.delivered)];
            let (begun, before, cpu) = (Instant::now(), figures(), cpu_secs());
            while begun.elapsed().as_secs_f64() < seconds {
                thread::sleep(Duration::from_millis(100));
                cameras.iter().for_each(|camera| drop(camera.slot().try_take()));
            }
            let (after, minutes) = (figures(), begun.elapsed().as_secs_f64() / 60.0);
            println!(
                "{word:>10}  {:>9.2}  {:>6}  {:>7}  {:>8}  {:>9.1}  {:>7.1}",
                (cpu_secs() - cpu) / minutes,
                after[0] - before[0],
                after[1] - before[1],
                after[2] - before[2],
                rss_mib(),
                sum(|stats| stats.ring_bytes) as f64 / f64::from(1 << 20),
            );
            stop.set();
        });
    }
}

fn open(url: &str, word: &str) -> Option<(Camera, Watch)> {
    let location = Location::parse(url).map_err(|error| eprintln!("{error}")).ok()?;
    let mut config = SourceConfig::new("cost".parse().ok()?, location);
    config.decode = policy(word);
    config.picture_width_max = 640;
    Camera::open(config, Bell::new()).map_err(|error| eprintln!("{error}")).ok()
}

fn files(paths: &[String]) -> ExitCode {
    let mut worst = ExitCode::SUCCESS;
    for path in paths {
        let (begun, cpu) = (Instant::now(), cpu_secs());
        let read = FileReader::open(Path::new(path), &FileOptions::new(DecodePolicy::Every, 640)).and_then(|mut reader| {
            let info = reader.info().clone();
            reader.by_ref().try_for_each(|frame| frame.map(drop))?;
            Ok((info, reader.summary()))
        });
        match read {
            Ok((info, summary)) => println!(
                "{path}: {} {} {} {:?} fps, {:?}; {} pictures to {}, {:.1} s, {:.1} CPU s",
                info.container,
                info.codec,
                info.size,
                info.fps,
                info.duration,
                summary.frames,
                summary.last,
                begun.elapsed().as_secs_f64(),
                cpu_secs() - cpu
            ),
            Err(error) => {
                println!("{error}");
                worst = ExitCode::FAILURE;
            }
        }
    }
    worst
}
