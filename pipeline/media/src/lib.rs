//! Cameras and files in, pictures and clips out: the one crate that speaks to GStreamer.
//!
//! - [`Camera::open`] gives a handle and a [`Watch`]; [`Watch::run`] keeps the camera connected, whatever happens to it.
//! - A [`DecodePolicy`] says what is decoded, and so what the camera costs; it may change at any time.
//! - Decoded [`Frame`]s land in a [`Slot`] of one, newest wins; a [`SlotSet`] lets workers share many cameras.
//! - The [`Ring`] holds the newest encoded seconds; its [`Clip`]s are written by [`clip::write_mp4`] without re-encoding and decoded by [`still::decode`].
//! - [`FileReader`] reads files as fast as it can, [`probe::probe`] says what a camera sends, [`annotate::Mp4Writer`] writes pictures to a file.
//!
//! **Invariants:** no streaming thread ever waits for a consumer; no pipeline is repaired, each failure ends in a rebuilt one; no credentials in any
//! error, status or log; time is an argument of `supervisor`, `gate` and `clock`, which decide everything.
//!
//! The threads here are GStreamer's, besides one short-lived `media-end` for each pipeline that is stopped. Not here: which thread runs a camera (`edge/src/topology.rs`), what a
//! picture shows (`infer`, `vision`), JPEG and PNG files (`edge`).

pub mod annotate;
mod branch;
mod camera;
pub mod clip;
mod clock;
mod config;
mod container;
mod counters;
mod decoders;
mod failure;
mod file;
mod frame;
mod gate;
pub mod probe;
mod ring;
mod session;
mod slot;
mod status;
pub mod still;
mod supervisor;
mod tap;
mod transcode;

pub use camera::{Camera, OpenError, Stop, Watch};
pub use config::{
    BackoffConfig, DecodePolicy, DecoderChoice, Location, LocationError, Login, RingConfig, RtspUrl, SourceConfig, Transport,
};
pub use decoders::{DecoderError, available as decoders_available};
pub use file::{FileError, FileInfo, FileOptions, FileReader, FileSummary};
pub use frame::Frame;
pub use ring::{Clip, ClipError, Format, Ring, Unit};
pub use slot::{Bell, Slot, SlotSet};
pub use status::{CameraStatus, Codec, Link, Reason, Stats, StreamInfo};

/// GStreamer could not be started.
#[derive(Debug, Clone, thiserror::Error)]
#[error("GStreamer does not start: {0}")]
pub struct InitError(String);

/// Starts GStreamer. Everything here does so by itself; calling it early finds a broken installation early.
pub fn init() -> Result<(), InitError> {
    gstreamer::init().map_err(|error| InitError(error.to_string()))
}
