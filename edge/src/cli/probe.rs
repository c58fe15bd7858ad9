//! `probe`: what a camera is fit for, analytic by analytic, with the reason.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow};
use clap::Args;
use matpho_analytics::Analytic;
use matpho_media::{
    DecodePolicy, Location, Login, SourceConfig, Transport,
    probe::{ProbeReport, probe as listen},
};
use matpho_scene::PictureHealth;
use matpho_vision::HealthProbe;
use serde::Serialize;

use super::{Failure, Progress};

/// Pictures a second below which nobody can be followed: a motorbike at 30 km/h goes 8 m in a second.
const TRACKS_FPS_MIN: f64 = 2.0;
/// And from which it goes well.
const TRACKS_FPS_GOOD: f64 = 5.0;
/// Height below which a motorbike across the street is under ten pixels high.
const TRACKS_HEIGHT_MIN: u32 = 360;
/// Keyframes further apart than this make fire a matter of minutes: five sightings are asked for.
const FIRE_KEYFRAME_S_MAX: f64 = 5.0;
const FLOOD_KEYFRAME_S_MAX: f64 = 30.0;
/// A clock further off than this makes times of events worthless for evidence; arrival times take its place.
const CLOCK_OFFSET_MS_MAX: i64 = 2_000;
/// Mean brightness (of 255) below which nothing is seen.
const LUMA_MIN: f32 = 18.0;
/// Spread of brightness (of 255) below which the lens is covered or the picture is one colour.
const LUMA_STD_MIN: f32 = 10.0;
/// Variance of the Laplacian (320 pixels wide) below which a street is out of focus.
const SHARPNESS_MIN: f32 = 20.0;

#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The camera's address; credentials in it are taken out before anything is shown
    url: String,
    /// User, where the address holds none
    #[arg(long)]
    username: Option<String>,
    /// File with the password
    #[arg(long, requires = "username")]
    password_file: Option<PathBuf>,
    /// Seconds to listen
    #[arg(long, default_value_t = 12.0)]
    seconds: f64,
    /// tcp, udp or auto
    #[arg(long, default_value = "auto", value_parser = transport)]
    transport: Transport,
    /// Judge these analytics alone
    #[arg(long, value_delimiter = ',', value_name = "ANALYTIC")]
    only: Vec<Analytic>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn transport(text: &str) -> Result<Transport, String> {
    match text {
        "auto" => Ok(Transport::Auto),
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err("use auto, tcp or udp".into()),
    }
}

/// How fit a camera is for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fitness {
    Fit,
    Limited,
    Unfit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Verdict {
    fitness: Fitness,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Report {
    camera: String,
    stream: ProbeReport,
    picture: Option<PictureHealth>,
    verdicts: BTreeMap<Analytic, Verdict>,
    notes: Vec<String>,
}

pub fn probe(args: &ProbeArgs) -> Result<(), Failure> {
    let mut location = Location::parse(&args.url).map_err(|e| Failure::Usage(e.into()))?;
    if let (Location::Rtsp { login, .. }, Some(user)) = (&mut location, &args.username) {
        let password = match &args.password_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))
                .map_err(Failure::Usage)?,
            None => String::new(),
        };
        *login = Some(Login::new(user.clone(), password.trim_end_matches(['\r', '\n'])));
    }
    if !(args.seconds.is_finite() && (1.0..=600.0).contains(&args.seconds)) {
        return Err(Failure::Usage(anyhow!("--seconds {} is out of bounds: 1 to 600", args.seconds)));
    }
    let mut config = SourceConfig::new("probe".parse()?, location.clone());
    config.transport = args.transport;
    config.decode = DecodePolicy::Keyframes { fps_max: 1.0 };
    let mut health = HealthProbe::new();
    let mut picture = None;
    let mut progress = Progress::new();
    let outcome = listen(config, Duration::from_secs_f64(args.seconds), &mut |frame| {
        picture = health.measure(&frame.picture).ok().or(picture);
        progress.show(|| format!("{location}: listening, {}", frame.media_time));
    });
    progress.clear();
    let stream = outcome?;
    let only: Vec<Analytic> = if args.only.is_empty() { Analytic::ALL.into() } else { args.only.clone() };
    let verdicts = only.into_iter().map(|analytic| (analytic, verdict(analytic, &stream, picture.as_ref()))).collect();
    let report = Report { camera: location.to_string(), notes: notes(&stream), stream, picture, verdicts };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table(&report));
    }
    // What is limited works; what is unfit does not.
    if report.verdicts.values().any(|verdict| verdict.fitness == Fitness::Unfit) { Err(Failure::Told) } else { Ok(()) }
}

fn verdict(analytic: Analytic, stream: &ProbeReport, picture: Option<&PictureHealth>) -> Verdict {
    let mut findings: Vec<(Fitness, String)> = Vec::new();
    let mut find = |fitness, reason: String| findings.push((fitness, reason));
    if analytic != Analytic::Camera {
        match picture {
            None => find(Fitness::Unfit, "no picture could be decoded".into()),
            Some(p) if p.luma_mean < LUMA_MIN => {
                find(Fitness::Unfit, format!("the picture is dark (brightness {:.0} of 255)", p.luma_mean))
            }
            Some(p) if p.luma_std < LUMA_STD_MIN => {
                find(Fitness::Unfit, format!("the picture shows nothing (contrast {:.0}): is the lens covered?", p.luma_std))
            }
            Some(p) if p.sharpness < SHARPNESS_MIN => {
                find(Fitness::Limited, format!("the picture is blurred (sharpness {:.0})", p.sharpness))
            }
            Some(_) => {}
        }
    }
    let distance_s = stream.keyframe_distance_max.map(|distance| distance.as_secs_f64());
    if analytic.needs_tracks() {
        if stream.fps < TRACKS_FPS_MIN {
            find(
                Fitness::Unfit,
                format!("{:.1} pictures a second: at least {TRACKS_FPS_MIN} are needed to follow anybody", stream.fps),
            );
        } else if stream.fps < TRACKS_FPS_GOOD {
            find(
                Fitness::Limited,
                format!("{:.1} pictures a second: fast vehicles are lost below {TRACKS_FPS_GOOD}", stream.fps),
            );
        }
        if let Some(size) = stream.size.filter(|size| size.height < TRACKS_HEIGHT_MIN) {
            find(Fitness::Limited, format!("{size}: far motorbikes are too small below {TRACKS_HEIGHT_MIN} lines"));
        }
    }
    let keyframes = |max: f64| distance_s.filter(|distance| *distance > max);
    match analytic {
        Analytic::Fire | Analytic::Smoke => {
            if let Some(distance) = keyframes(FIRE_KEYFRAME_S_MAX) {
                find(
                    Fitness::Limited,
                    format!(
                        "a keyframe every {distance:.1} s: set the camera to {FIRE_KEYFRAME_S_MAX:.0} s or less, so that a fire is confirmed in time"
                    ),
                );
            }
        }
        Analytic::Flood => {
            if let Some(distance) = keyframes(FLOOD_KEYFRAME_S_MAX) {
                find(Fitness::Limited, format!("a keyframe every {distance:.0} s"));
            }
        }
        _ => {}
    }
    findings.sort();
    findings.reverse();
    match findings.into_iter().next() {
        Some((fitness, reason)) => Verdict { fitness, reason },
        None => Verdict { fitness: Fitness::Fit, reason: "nothing speaks against it".into() },
    }
}

fn notes(stream: &ProbeReport) -> Vec<String> {
    let mut notes = Vec::new();
    match stream.clock_offset_ms {
        None => notes.push("the camera sends no clock (RTCP): times are those of arrival".into()),
        Some(ms) if ms.abs() > CLOCK_OFFSET_MS_MAX => {
            notes.push(format!("the camera's clock is off by {:.1} s: set its time server (NTP)", ms as f64 / 1000.0));
        }
        Some(_) => {}
    }
    if stream.damaged > 0 {
        notes.push(format!("{} pictures were damaged by lost packets: use TCP, or mend the link", stream.damaged));
    }
    if stream.keyframe_distance_max.is_none() {
        notes.push("fewer than two keyframes came while listening: listen longer (--seconds)".into());
    }
    notes
}

fn table(report: &Report) -> String {
    let stream = &report.stream;
    let size = stream.size.map_or_else(|| "unknown".into(), |size| size.to_string());
    let keyframes =
        stream.keyframe_distance_max.map_or_else(|| "unknown".into(), |distance| format!("{:.1} s", distance.as_secs_f64()));
    let clock = stream.clock_offset_ms.map_or_else(|| "not sent".into(), |ms| format!("{ms} ms"));
    let picture = report.picture.map_or_else(
        || "none decoded".into(),
        |p| format!("brightness {:.0}, contrast {:.0}, sharpness {:.0}", p.luma_mean, p.luma_std, p.sharpness),
    );
    let rows = [
        ("camera", report.camera.clone()),
        ("codec", format!("{} by {:?}, decoded by {}", stream.codec, stream.link, stream.decoder)),
        ("picture size", size),
        ("pictures", format!("{:.1} a second", stream.fps)),
        ("keyframes", format!("{keyframes} apart at most")),
        ("bit rate", format!("{:.0} kbit/s", stream.bitrate_kbps)),
        ("clock offset", clock),
        ("picture", picture),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        text += &format!("{name:<16}{value}\n");
    }
    text += "\n";
    for (analytic, Verdict { fitness, reason }) in &report.verdicts {
        let word = match fitness {
            Fitness::Fit => "fit",
            Fitness::Limited => "limited",
            Fitness::Unfit => "UNFIT",
        };
        text += &format!("{:<16}{word:<9}{reason}\n", analytic.as_str());
    }
    for note in &report.notes {
        text += &format!("\nnote: {note}");
    }
    if !report.notes.is_empty() {
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use matpho_media::{Codec, Link};
    use matpho_scene::PictureSize;

    use super::*;

    fn stream(fps: f64, keyframe_s: u64) -> ProbeReport {
        ProbeReport {
            codec: Codec::H264,
            size: Some(PictureSize { width: 1920, height: 1080 }),
            link: Link::Tcp,
            decoder: "avdec_h264".into(),
            fps,
            bitrate_kbps: 4000.0,
            keyframe_distance_max: Some(Duration::from_secs(keyframe_s)),
            clock_offset_ms: Some(5_000),
            connected_after: Duration::from_millis(80),
            measured: Duration::from_secs(10),
            units: 250,
            keyframes: 5,
            decoded: 5,
            damaged: 0,
        }
    }

    fn picture(luma_mean: f32) -> PictureHealth {
        PictureHealth {
            luma_mean,
            luma_std: 50.0,
            bright_share: 0.0,
            sharpness: 400.0,
            change: None,
            shift: None,
            likeness: None,
        }
    }

    #[test]
    fn each_analytic_is_judged_by_what_it_needs() {
        let judge = |analytic, fps, keyframe_s, luma| verdict(analytic, &stream(fps, keyframe_s), Some(&picture(luma))).fitness;
        assert_eq!(judge(Analytic::Congestion, 25.0, 2, 120.0), Fitness::Fit);
        assert_eq!(judge(Analytic::Congestion, 1.0, 2, 120.0), Fitness::Unfit);
        assert_eq!(judge(Analytic::Congestion, 3.0, 2, 120.0), Fitness::Limited);
        assert_eq!(judge(Analytic::Fire, 1.0, 2, 120.0), Fitness::Fit, "fire needs keyframes alone");
        assert_eq!(judge(Analytic::Fire, 25.0, 10, 120.0), Fitness::Limited);
        assert_eq!(judge(Analytic::Flood, 25.0, 10, 120.0), Fitness::Fit);
        assert_eq!(judge(Analytic::Fire, 25.0, 2, 5.0), Fitness::Unfit, "dark");
        assert_eq!(judge(Analytic::Camera, 25.0, 2, 5.0), Fitness::Fit, "that it is dark is what it would say");
    }

    #[test]
    fn the_table_says_it_all() {
        let stream = stream(25.0, 2);
        let verdicts = [Analytic::Fire, Analytic::Congestion].map(|a| (a, verdict(a, &stream, Some(&picture(120.0))))).into();
        let report =
            Report { camera: "rtsp://cam/1".into(), notes: notes(&stream), picture: Some(picture(120.0)), stream, verdicts };
        let text = table(&report);
        for words in ["H.264", "1920x1080", "25.0 a second", "2.0 s apart", "4000 kbit/s", "off by 5.0 s", "congestion      fit"]
        {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
    }
}
