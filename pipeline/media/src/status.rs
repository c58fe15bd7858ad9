//! What is said about a camera while it is watched: its [`CameraStatus`], why it was lost, and its counters.

use std::{fmt, time::Duration};

use matpho_scene::PictureSize;
use serde::Serialize;

/// How a camera is. Told whenever it changes.
#[derive(Debug, Clone, PartialEq)]
pub enum CameraStatus {
    /// An attempt is under way.
    Connecting {
        /// Attempts since the camera was last live, this one included.
        attempt: u32,
    },
    /// Pictures arrive.
    Live(StreamInfo),
    /// Nothing arrives; the next attempt is planned.
    Lost {
        /// Why.
        reason: Reason,
        /// What GStreamer or the camera said, free of credentials; may be empty.
        detail: String,
        /// Until the next attempt.
        retry_in: Duration,
    },
}

/// What a live stream is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamInfo {
    /// Its codec.
    pub codec: Codec,
    /// Size as sent, before any scaling; none until a parameter set said so.
    pub size: Option<PictureSize>,
    /// How it travels.
    pub link: Link,
    /// The element that decodes.
    pub decoder: String,
}

/// How a stream travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// RTP inside the RTSP connection.
    Tcp,
    /// RTP in datagrams.
    Udp,
    /// From a file.
    File,
}

/// A codec by its usual name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// H.264, AVC.
    H264,
    /// H.265, HEVC.
    H265,
    /// Motion JPEG: every picture stands alone.
    Mjpeg,
    /// Another one that a decoder was found for (files only), by its media type.
    Other(String),
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::Mjpeg => "MJPEG",
            Self::Other(name) => name,
        })
    }
}

/// Why a camera was lost. Displays as a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// 401 or 403.
    #[error("the camera refuses the login: check user and password")]
    Unauthorized,
    /// 404, or no such file.
    #[error("the camera does not know this path: check the address after the host")]
    NotFound,
    /// No connection, or it broke.
    #[error("the camera cannot be reached: check host, port, cable and power")]
    Unreachable,
    /// The camera refuses TCP or UDP.
    #[error("the camera refuses this transport: set `transport` to the other one, or to auto")]
    TransportRefused,
    /// A codec nothing here decodes.
    #[error("the stream's codec {0} is not supported: set the camera to H.264, H.265 or MJPEG")]
    UnsupportedCodec(String),
    /// The session holds no video.
    #[error("the stream holds no video: check that the address names a video channel")]
    NoVideo,
    /// The camera ended the stream, as one that restarts does.
    #[error("the camera ended the stream")]
    Eos,
    /// Nothing arrived for `frame_age_max`, though the connection stands.
    #[error("the camera sends nothing any more")]
    Stalled,
    /// Video arrives and no picture comes out.
    #[error("the video cannot be decoded: check codec and profile, or name another decoder")]
    Decode,
    /// Anything else; the detail says what.
    #[error("the stream failed")]
    Other,
}

impl Reason {
    /// A short stable word, for metrics and events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Unreachable => "unreachable",
            Self::TransportRefused => "transport_refused",
            Self::UnsupportedCodec(_) => "unsupported_codec",
            Self::NoVideo => "no_video",
            Self::Eos => "eos",
            Self::Stalled => "stalled",
            Self::Decode => "decode",
            Self::Other => "other",
        }
    }
}

/// A camera's counters since it was created, and its latest figures. Counters only grow.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Pictures received, decoded or not.
    pub units: u64,
    /// Of these, pictures that stand alone.
    pub keyframes: u64,
    /// Encoded bytes received.
    pub bytes: u64,
    /// Pictures dropped undecoded because the policy did not ask for them.
    pub skipped: u64,
    /// Pictures dropped undecoded because they rest on a lost or damaged one.
    pub damaged: u64,
    /// Pictures dropped undecoded because the decoder did not keep up.
    pub shed: u64,
    /// Pictures decoded.
    pub decoded: u64,
    /// Decoded pictures the policy did not ask for (`AtMost`): neither scaled nor handed on.
    pub thinned: u64,
    /// Pictures put into the slot.
    pub delivered: u64,
    /// Pictures replaced in the slot before anybody took them.
    pub slot_dropped: u64,
    /// Attempts to connect.
    pub attempts: u64,
    /// Losses by reason ([`Reason::as_str`]), in order of first occurrence.
    pub losses: Vec<(&'static str, u64)>,
    /// Pipelines that did not stop in time and were left behind.
    pub abandoned: u64,
    /// Pipelines left behind that are still not gone.
    pub abandoned_alive: u64,
    /// The camera's clock minus the gateway's on arrival, in milliseconds, transport included; none before the first RTCP sender report.
    pub clock_offset_ms: Option<i64>,
    /// Encoded bytes held in the ring.
    pub ring_bytes: u64,
    /// Age of the newest encoded picture, in milliseconds; none before the first. The proof of life of a camera.
    pub unit_age_ms: Option<u64>,
    /// Age of the newest decoded picture, in milliseconds; none before the first.
    pub decoded_age_ms: Option<u64>,
}
