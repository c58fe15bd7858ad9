//! The contract between edge and centre: topics, envelopes and messages. Both programs read and write only through here.
//!
//! Messages are CloudEvents 1.0 in structured JSON over MQTT 5, QoS 1. `golden/` holds one message of each kind; a test reads and
//! writes each of them.
//!
//! # When changing the contract
//! 1. A field may be added if readers can do without it (`#[serde(default)]`): an older centre ignores it, a newer centre meets
//!    its absence. Nothing may be renamed, retyped or given another meaning under `matpho/v1`.
//! 2. Run the tests with `UPDATE_GOLDEN=1`, read the difference in `golden/`, commit it with the change.
//! 3. What cannot be said that way needs `matpho/v2` beside v1, and a centre that reads both.
//!
//! **Invariants:** topics are spelled in [`topic`] alone; unknown fields are ignored, unknown kinds are an error that names them;
//! no credential and no stream address is part of any message.
//!
//! Not here: sending (`edge/src/mqtt.rs`), storing (`center/src/store`), what the words of an event mean (`scene::event`).

#![forbid(unsafe_code)]

pub mod command;
pub mod envelope;
pub mod event;
pub mod evidence;
pub mod measurement;
pub mod status;
pub mod summary;
pub mod topic;

pub use command::{Command, Reply};
pub use envelope::{CloudEvent, WireError};
pub use event::{EventData, EventId, ModelRef};
pub use evidence::EvidenceData;
pub use measurement::MeasurementData;
pub use status::{CameraState, CameraStatus, EdgeState, EdgeStatus};
pub use summary::SummaryData;
pub use topic::{Address, Topic};

/// The MQTT content type of every message.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The largest MQTT packet either side sends or takes, in bytes. An evidence picture of [`evidence::JPEG_BYTES_MAX`] in base64 with
/// its envelope fits.
pub const PACKET_BYTES_MAX: u32 = 512 * 1024;
