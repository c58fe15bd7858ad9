//! What a camera is asked for: where it is, how to log in, what to decode, how much to keep.
//!
//! Everything here is parsed once: a [`Location`] never holds credentials, and a [`Login`] never prints its password.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use matpho_scene::CameraId;
use serde::{Deserialize, Serialize};

/// One camera: where its stream is and how it is to be handled. See [`SourceConfig::new`] for the defaults.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Whose pictures these are.
    pub camera: CameraId,
    /// Where the stream is.
    pub location: Location,
    /// How RTP travels; ignored for files.
    pub transport: Transport,
    /// What is decoded at the start; [`crate::Camera::set_policy`] changes it while running.
    pub decode: DecodePolicy,
    /// Which element decodes.
    pub decoder: DecoderChoice,
    /// Decoded pictures are scaled down to at most this width, in pixels, aspect kept. Never scaled up.
    pub picture_width_max: u32,
    /// How much encoded video is kept in memory.
    pub ring: RingConfig,
    /// The camera counts as stalled when nothing new came for so long. The same bound holds for the first picture of a connection.
    pub frame_age_max: Duration,
    /// The jitter buffer: how long packets wait for those that come out of order, in milliseconds.
    pub latency_ms: u32,
    /// How long to wait between attempts.
    pub backoff: BackoffConfig,
    /// A camera's clock further than this from the gateway's is not believed: arrival time is used instead, and the offset is reported.
    pub clock_offset_max: Duration,
    /// A pipeline that has not stopped after so long is abandoned, and counted.
    pub teardown_max: Duration,
}

impl SourceConfig {
    /// Defaults that suit a city camera: TCP then UDP, keyframes only, the best decoder there is, pictures of at most 1280 pixels across, 30 s of pre-roll.
    pub fn new(camera: CameraId, location: Location) -> Self {
        Self {
            camera,
            location,
            transport: Transport::Auto,
            decode: DecodePolicy::Keyframes { fps_max: 1.0 },
            decoder: DecoderChoice::Auto,
            picture_width_max: 1280,
            ring: RingConfig::default(),
            frame_age_max: Duration::from_secs(10),
            latency_ms: 200,
            backoff: BackoffConfig::default(),
            clock_offset_max: Duration::from_secs(10),
            teardown_max: Duration::from_secs(5),
        }
    }
}

/// Where a stream is. Credentials are never part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A camera.
    Rtsp {
        /// Its address, without credentials.
        url: RtspUrl,
        /// Its login, where it wants one.
        login: Option<Login>,
    },
    /// A video file. As a camera it is played at its own pace, again and again.
    File(PathBuf),
}

impl Location {
    /// Reads `rtsp://[user:password@]host[:port]/path`, or else the path of a file. Credentials are taken out of the address.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::File(text.into()));
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // The last `@`: passwords with an unescaped `@` in them are common.
        let (login, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => {
                let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
                (Some(Login::new(percent_decoded(user), percent_decoded(password))), host)
            }
            None => (None, authority),
        };
        let url = format!("{scheme}://{host}{path}").parse()?;
        Ok(Self::Rtsp { url, login })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp { url, .. } => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// An `rtsp://` or `rtsps://` address without credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RtspUrl(String);

impl RtspUrl {
    /// The address as text; safe to log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RtspUrl {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(LocationError::Scheme { scheme: String::new() });
        };
        if !matches!(scheme, "rtsp" | "rtsps") {
            return Err(LocationError::Scheme { scheme: scheme.into() });
        }
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err(LocationError::Credentials);
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(LocationError::Whitespace);
        }
        // An IPv6 host stands in brackets; a port follows the last colon after it.
        let (host, port) = match authority.rfind(']') {
            Some(end) => (&authority[..=end], &authority[end + 1..]),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() {
            return Err(LocationError::Host);
        }
        if let Some(port) = port.strip_prefix(':')
            && !port.parse::<u16>().is_ok_and(|port| port != 0)
        {
            return Err(LocationError::Port { port: port.into() });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no camera's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Something else than RTSP.
    #[error("`{scheme}://` is not supported: a camera's address begins with rtsp:// or rtsps://")]
    Scheme {
        /// What stood before `://`.
        scheme: String,
    },
    /// No host.
    #[error("the address names no host: write rtsp://HOST[:PORT]/PATH")]
    Host,
    /// Not a port.
    #[error("`{port}` is not a port from 1 to 65535")]
    Port {
        /// What stood after the colon.
        port: String,
    },
    /// `user:password@` where only an address belongs.
    #[error("the address holds a login: give user and password apart from the address")]
    Credentials,
    /// A blank or control character.
    #[error("the address holds a blank or a control character: write it as %20")]
    Whitespace,
}

/// A camera's login. Prints its password as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    user: String,
    password: String,
}

impl Login {
    /// From plain, already decoded values.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password in plain: hand it to the camera, to nobody else.
    pub fn expose_password(&self) -> &str {
        &self.password
    }

    /// `text` with every occurrence of the password replaced.
    pub fn scrub(&self, text: &str) -> String {
        if self.password.is_empty() { text.into() } else { text.replace(&self.password, "***") }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, ***)", self.user)
    }
}

/// How RTP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Inside the RTSP connection; where the camera refuses that, or sends nothing, UDP on the next attempt, and so on in turn.
    #[default]
    Auto,
    /// Inside the RTSP connection: nothing is lost, firewalls do not mind.
    Tcp,
    /// In datagrams: a lost packet damages pictures until the next keyframe.
    Udp,
}

/// What is decoded, which is what a camera costs.
///
/// CPU seconds a minute of 1080p25 H.264 at 4 Mbit/s with a keyframe each 2 s, pictures scaled to 640x360, software on one thread (`examples/cost.rs`): nothing 0.7, keyframes 1.4, at
/// most 5 a second 7.9, every picture 11.1. The same stream decoded and thrown away costs 7.2, its keyframes 1.4, receiving it 0.65.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DecodePolicy {
    /// Only pictures that stand alone are decoded, the others are dropped before the decoder; of them at most `fps_max` a second, which
    /// matters where all stand alone (MJPEG). What comes, comes at the camera's keyframe distance.
    Keyframes {
        /// Keyframes a second at most; infinity for all of them.
        fps_max: f64,
    },
    /// Everything is decoded that must be, and at most `fps` pictures a second are handed on, evenly spaced. Scaling is paid for these alone.
    AtMost {
        /// Pictures a second.
        fps: f64,
    },
    /// Each `every_s` seconds a burst of `lasts_s` seconds of which at most `fps` pictures a second are handed on; nothing is decoded in between. A burst begins at a keyframe, so the
    /// camera's keyframe distance is the grain. Enough to follow vehicles for a while, at a fraction of the cost.
    Bursts {
        /// From the begin of one burst to that of the next, in seconds.
        every_s: f64,
        /// Length of a burst in seconds.
        lasts_s: f64,
        /// Pictures a second within it.
        fps: f64,
    },
    /// Every picture is decoded and handed on.
    Every,
    /// Nothing is decoded; the encoded ring goes on.
    Nothing,
}

/// Which element decodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DecoderChoice {
    /// Hardware where there is some and as long as it works, else software on one thread.
    #[default]
    Auto,
    /// The element of this name and no other, such as `avdec_h264`, `vah264dec`, `nvh265dec`.
    Named(String),
}

/// How much encoded video is kept in memory: whichever bound is reached first holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingConfig {
    /// Age of the oldest picture kept.
    pub keep: Duration,
    /// Bytes kept at most.
    pub bytes_max: usize,
}

impl Default for RingConfig {
    /// 30 s, at most 32 MiB: 8 Mbit/s for 30 s.
    fn default() -> Self {
        Self { keep: Duration::from_secs(30), bytes_max: 32 << 20 }
    }
}

/// The wait between attempts: `first`, doubled each time up to `max`, each drawn from its upper half so that a site's cameras do not come back all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub max: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        // A camera that is back is to be seen within 10 s of it; an attempt costs little.
        Self { first: Duration::from_secs(1), max: Duration::from_secs(10) }
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let location = Location::parse("rtsp://admin:p%40ss@w@10.0.0.7:8554/live?ch=1").unwrap();
        let Location::Rtsp { url, login: Some(login) } = &location else { panic!("{location:?}") };
        assert_eq!(url.as_str(), "rtsp://10.0.0.7:8554/live?ch=1");
        assert_eq!((login.user(), login.expose_password()), ("admin", "p@ss@w"));
        assert!(!format!("{location:?} {location}").contains("p@ss"));
        assert_eq!(login.scrub("401 for admin:p@ss@w!"), "401 for admin:***!");
    }

    #[test]
    fn wrong_addresses_say_what_is_wrong() {
        for (text, expected) in [
            ("http://cam/x", "`http://` is not supported"),
            ("rtsp:///x", "names no host"),
            ("rtsp://cam:99999/x", "`99999` is not a port"),
            ("rtsp://cam:/x", "`` is not a port"),
            ("rtsp://cam/a b", "a blank"),
        ] {
            let error = Location::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!("rtsp://u:p@cam/".parse::<RtspUrl>(), Err(LocationError::Credentials));
        assert!("rtsp://[fe80::1]:554/x".parse::<RtspUrl>().is_ok());
        assert_eq!(Location::parse("/a/b.mp4"), Ok(Location::File("/a/b.mp4".into())));
    }
}
