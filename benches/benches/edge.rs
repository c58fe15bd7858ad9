//! What the gateway costs as a whole: CPU seconds per camera-minute and resident memory, on 1080p25 H.264 over RTSP.
//!
//! Beside it, in the same run: bare depayloading, keyframe decoding and full decoding by GStreamer's own tool, and the bare model. Ratios between the
//! two carry further than seconds on a machine that others use too.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use matpho_benches::{Table, is_smoke, median_cpu};
use matpho_infer::{Model, Registry, Runtime, SessionOptions};
use matpho_scene::Picture;
use matpho_tests::{Broker, Cameras, Edge, Process, process::output, program, repository, wait_for};
use tempfile::TempDir;

fn main() -> Result<()> {
    let chosen = std::env::var("MATPHO_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = if is_smoke() { 3 } else { chosen.unwrap_or(40) };
    let folder = TempDir::new()?;
    println!(
        "Command: `cargo bench -p matpho-benches --bench edge`; each row runs {seconds} s. CPU s/min: of the whole process, per camera-minute."
    );
    let clip = film(folder.path())?;
    let cameras = Cameras::clip(folder.path(), &clip, 8)?;
    let broker = Broker::start(folder.path())?;
    let urls: Vec<String> =
        cameras.cameras.iter().map(|c| c["url"].as_str().map(str::to_owned).context("no url")).collect::<Result<_>>()?;

    let table = Table::begin("Bare: one camera, 1080p25 H.264", &["client", "CPU s/min"]);
    let depay = bare(folder.path(), &urls[0], "fakesink", seconds)?;
    table.row(&["depayload and parse", &format!("{depay:.2}")]);
    let keyframes =
        bare(folder.path(), &urls[0], "identity drop-buffer-flags=delta-unit ! avdec_h264 max-threads=1 ! fakesink", seconds)?;
    table.row(&["decode keyframes", &format!("{keyframes:.2}")]);
    let decode = bare(folder.path(), &urls[0], "avdec_h264 max-threads=1 ! fakesink", seconds)?;
    table.row(&["decode everything", &format!("{decode:.2}")]);
    let inference = model_seconds_per_minute(5.0)?;
    table.row(&["vehicle model at 5 fps, alone", &format!("{inference:.2}")]);

    let table = Table::begin(
        "Gateway: CPU per camera, memory of the whole process",
        &["asked for", "cameras", "CPU s/min each", "peak RSS MiB", "against the bare"],
    );
    let calm = "\"fire\", \"smoke\", \"flood\"";
    let mut memory = Vec::new();
    for count in if is_smoke() { vec![1] } else { vec![1, 8] } {
        let (cpu, mib) = gateway(folder.path(), &broker, &urls[..count], calm, seconds)?;
        memory.push((count, mib));
        table.row(&["fire, smoke, flood, health", &count.to_string(), &format!("{cpu:.2}"), &format!("{mib:.0}"), ""]);
    }
    let (cpu, mib) = gateway(folder.path(), &broker, &urls[..1], "\"congestion\"", seconds)?;
    let ratio = cpu / (decode + inference);
    table.row(&[
        "congestion at 5 fps, health",
        "1",
        &format!("{cpu:.2}"),
        &format!("{mib:.0}"),
        &format!("{ratio:.2} × (decode everything + model)"),
    ]);
    if let [(one, first), (many, last)] = memory[..] {
        println!("\nEach added camera costs {:.0} MiB.", (last - first) / (many - one) as f64);
    }
    Ok(())
}

/// Twenty seconds of the benches' camera, rendered.
fn film(folder: &Path) -> Result<PathBuf> {
    let clip = folder.join("highway.mp4");
    let mut command = Command::new(program("matpho-sim")?);
    command.arg("video").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/highway_1080p25.toml"));
    command.args(["--camera", "highway", "--from", "20", "--seconds", if is_smoke() { "4" } else { "20" }, "--out"]).arg(&clip);
    let done = output(&mut command)?;
    ensure!(done.status.success(), "matpho-sim video: {}", String::from_utf8_lossy(&done.stderr));
    Ok(clip)
}

/// CPU seconds per minute of a running process, after it has settled.
fn measure(process: &Process, seconds: u64) -> Result<f64> {
    std::thread::sleep(Duration::from_secs(3));
    let (begun, before) = (Instant::now(), process.cpu_s()?);
    std::thread::sleep(Duration::from_secs(seconds));
    Ok((process.cpu_s()? - before) / begun.elapsed().as_secs_f64() * 60.0)
}

/// A client made of GStreamer's own elements.
fn bare(folder: &Path, url: &str, tail: &str, seconds: u64) -> Result<f64> {
    let mut command = Command::new("gst-launch-1.0");
    command
        .arg("-q")
        .args(format!("rtspsrc location={url} protocols=tcp latency=200 ! rtph264depay ! h264parse ! {tail}").split(' '));
    let mut process = Process::start("bare", folder, &mut command)?;
    let cost = measure(&process, seconds)?;
    process.check_alive()?;
    Ok(cost)
}

/// What the vehicle model alone costs at so many pictures a second: nothing to scale, nothing to decode.
fn model_seconds_per_minute(fps: f64) -> Result<f64> {
    let runtime = Runtime::load(Some(&repository().join("var/onnxruntime/libonnxruntime.so.1.31.1")))?;
    let registry = Registry::load(&repository().join("models/registry.toml"))?;
    let mut model = Model::open(&runtime, registry.get(&"vehicles".parse()?)?, &SessionOptions::default())?;
    let size = model.input_size();
    let picture = Picture::from_rgb(size, vec![114; size.pixels() * 3])?;
    let mut failed = None;
    let once = median_cpu(5, 20, || failed = failed.take().or(model.run(&picture).err()));
    failed.map_or(Ok(once.as_secs_f64() * fps * 60.0), |e| Err(e.into()))
}

/// The gateway on some cameras: CPU seconds per camera-minute, peak MiB.
fn gateway(folder: &Path, broker: &Broker, urls: &[String], asks: &str, seconds: u64) -> Result<(f64, f64)> {
    let folder = TempDir::new_in(folder)?;
    let cameras: String = urls
        .iter()
        .enumerate()
        .map(|(n, url)| format!("[[camera]]\nid = \"cam-{n}\"\nurl = \"{url}\"\nasks = [{asks}]\nfps = 5.0\n"))
        .collect();
    let edge = Edge::start(folder.path(), broker.port, None, &cameras)?;
    wait_for("all cameras to be live", Duration::from_secs(30), || {
        let health = edge.http.get("/healthz")?.json()?;
        let listed = health["cameras"].as_array().context("no cameras")?;
        ensure!(listed.iter().all(|camera| camera["state"] == "live"), "{health}");
        Ok(())
    })?;
    let cpu = measure(&edge.process, seconds)? / urls.len() as f64;
    Ok((cpu, edge.process.memory_peak_mib()?))
}
