//! The gateway's configuration: a TOML file in, values that need no further check out.
//!
//! [`Config::load`] reads everything, or says everything that is wrong: each complaint with file, line, key and what would be right. What
//! comes out holds no text that is still to be parsed, no zone outside its picture and no address with a password in it.
//!
//! Relative paths in the file are relative to the file's own folder.
//!
//! Not here: whether a camera answers (`probe`), whether models are there (`models`).

mod parse;
mod reader;

use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use matpho_analytics::{Analytic, CameraPlan};
use matpho_config::{Complaint, syntax_first};
use matpho_infer::Provider;
use matpho_media::{DecoderChoice, Location, Transport};
use matpho_scene::{CameraId, ModelId, WallTime};
use matpho_wire::topic::Address;

/// The commented default, as `print-default-config` prints it.
pub const DEFAULT: &str = include_str!("../../../configs/edge.toml");

/// Everything that the gateway was told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who this gateway is.
    pub address: Address,
    /// Minutes that the local time is ahead of UTC.
    pub utc_offset_min: i32,
    /// Where messages go.
    pub broker: Broker,
    /// Where clips go; none are sent without it.
    pub center: Option<Center>,
    /// What is kept on disk.
    pub state: State,
    /// What work is done with.
    pub runtime: Runtime,
    /// Which models.
    pub models: Models,
    /// Where health and metrics are served; nowhere without it.
    pub http: Option<SocketAddr>,
    /// Pictures and clips.
    pub evidence: Evidence,
    /// The cameras, at least one, each id once.
    pub cameras: Vec<Camera>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Only for whom it is meant.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The MQTT 5 broker.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Name or address of its machine.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted, and whom it then trusts.
    pub tls: Option<Authorities>,
    /// User and password.
    pub login: Option<(String, Secret)>,
}

/// Whose signature on a server's certificate is believed: certificates in PEM.
#[derive(Debug, Clone)]
pub struct Authorities(pub Vec<u8>);

/// The centre's HTTP side.
#[derive(Debug, Clone)]
pub struct Center {
    /// `http://host:port` or `https://host`, without a slash at the end.
    pub url: String,
    /// Whom to trust for `https`, where it is not the public authorities.
    pub authorities: Option<Authorities>,
}

/// What is kept on disk.
#[derive(Debug, Clone)]
pub struct State {
    /// Where: the outbox and the clips.
    pub folder: PathBuf,
    /// From how many bytes on the outbox thins measurements.
    pub outbox_bytes_max: u64,
}

/// What work is done with.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The ONNX Runtime library, where it is not found by itself.
    pub onnxruntime: Option<PathBuf>,
    /// What models are computed on.
    pub provider: Provider,
    /// Threads that look at pictures; each has its own sessions.
    pub workers: NonZeroUsize,
    /// Which element decodes, where a camera does not say.
    pub decoder: DecoderChoice,
}

/// Which models.
#[derive(Debug, Clone)]
pub struct Models {
    /// The registry, where it is not found by itself.
    pub registry: Option<PathBuf>,
    /// Which of its models finds vehicles and people.
    pub vehicles: ModelId,
    /// Which finds flames and smoke.
    pub fire: ModelId,
    /// Which finds water.
    pub water: ModelId,
}

impl Default for Models {
    fn default() -> Self {
        let id = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("{text} is a slug"));
        Self { registry: None, vehicles: id("vehicles"), fire: id("fire"), water: id("water") }
    }
}

/// Pictures and clips.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Whether heads and plates are made unreadable before a picture leaves.
    pub redact: bool,
    /// Width of an event's picture at most, in pixels.
    pub picture_width_max: u32,
    /// How often the latest picture of a camera is sent while there is a link; never at zero.
    pub latest_every: Duration,
    /// Seconds of video before an event's beginning was confirmed.
    pub clip_before: Duration,
    /// Seconds after it. Both zero: no clips.
    pub clip_after: Duration,
    /// Bytes that clips may take on disk; the oldest go first.
    pub clips_bytes_max: u64,
}

impl Evidence {
    /// Whether clips are kept.
    pub fn clips(&self) -> bool {
        !(self.clip_before + self.clip_after).is_zero()
    }
}

/// One camera.
#[derive(Debug, Clone)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// Its name for people.
    pub name: String,
    /// Longitude and latitude, WGS 84.
    pub position: Option<[f64; 2]>,
    /// Where its stream is, with its login.
    pub location: Location,
    /// How RTP travels.
    pub transport: Transport,
    /// Pictures a second for traffic; whoever is not asked for traffic is looked at on keyframes.
    pub fps: f64,
    /// Which element decodes.
    pub decoder: DecoderChoice,
    /// After how long without a picture it counts as lost.
    pub frame_age_max: Duration,
    /// A picture of the view as it should be.
    pub reference: Option<PathBuf>,
    /// What is watched for, where, and by which rules.
    pub plan: CameraPlan,
}

impl Camera {
    /// Whether it is asked for anything that lives on tracks, and so needs more than keyframes.
    pub fn needs_tracks(&self) -> bool {
        needs_tracks(self.plan.analytics())
    }
}

/// Whether any of these lives on tracks.
pub fn needs_tracks(analytics: &BTreeSet<Analytic>) -> bool {
    analytics.iter().any(|analytic| analytic.needs_tracks())
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or may not be read.
    #[error("the configuration {} cannot be read; `matpho-edge print-default-config` prints one to start from", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        #[source]
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}\n{}", lines.join("\n"), count(lines.len()))]
    Wrong {
        /// One complaint a line.
        lines: Vec<String>,
    },
}

fn count(n: usize) -> String {
    format!("{n} error{} in the configuration", if n == 1 { "" } else { "s" })
}

impl Config {
    /// Reads a file, and says everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file that lies (or would lie) at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let line = |Complaint { line, column, key, what }: Complaint| {
            let key = if key.is_empty() { "this is not TOML" } else { &key };
            format!("{}:{line}:{column}: {key}: {what}", path.display())
        };
        match matpho_config::read(text, |document| parse::config(document, folder)) {
            Ok(Some(config)) => Ok(config),
            Ok(None) => Err(ConfigError::Wrong { lines: Vec::new() }),
            Err(complaints) => Err(ConfigError::Wrong { lines: syntax_first(complaints).into_iter().map(line).collect() }),
        }
    }
}

/// The time now. The program's rim: everything below takes it as an argument.
pub fn now() -> WallTime {
    std::time::SystemTime::now().into()
}

/// Where nobody says otherwise, the clock on the wall is Vietnam's.
pub const UTC_OFFSET_H: f64 = 7.0;

/// The minute of the local day, 0 to 1439.
pub fn minute_of_day(at: WallTime, utc_offset_min: i32) -> u16 {
    let minutes = at.as_unix_millis().div_euclid(60_000) + i64::from(utc_offset_min);
    u16::try_from(minutes.rem_euclid(24 * 60)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default with every commented key taken in: `# key = value` and `# [table]`, but not prose.
    fn uncommented() -> String {
        let is_setting = |rest: &str| {
            rest.starts_with('[')
                || rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()))
        };
        DEFAULT
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    #[test]
    fn the_printed_default_is_a_configuration() {
        Config::parse(DEFAULT, Path::new("edge.toml")).unwrap();
    }

    #[test]
    fn what_the_default_shows_in_comments_is_the_default() {
        let shown = Config::parse(&uncommented(), Path::new("edge.toml")).unwrap_or_else(|e| panic!("{e}"));
        let plain = Config::parse(DEFAULT, Path::new("edge.toml")).unwrap();
        for (shown, plain) in [
            (format!("{:?}", shown.broker), format!("{:?}", plain.broker)),
            (format!("{:?}", shown.state), format!("{:?}", plain.state)),
            (format!("{:?}", shown.runtime), format!("{:?}", plain.runtime)),
            (format!("{:?}", shown.models), format!("{:?}", plain.models)),
            (format!("{:?}", shown.http), format!("{:?}", plain.http)),
            (format!("{:?}", shown.evidence), format!("{:?}", plain.evidence)),
            (format!("{:?}", shown.cameras[0].plan.params()), format!("{:?}", plain.cameras[0].plan.params())),
        ] {
            assert_eq!(shown, plain);
        }
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
