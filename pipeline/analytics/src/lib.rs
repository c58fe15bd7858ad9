//! From boxes, tracks, water shares and picture health to statements that people act on: congestion, stopped vehicle, wrong way,
//! pedestrian, flame, smoke, flood, and whether the camera can see at all.
//!
//! One [`CameraAnalytics`] per camera. It does no I/O, owns no thread and reads no clock: time arrives with the input, so that a
//! recording of a night is judged in a second, and the same recording gives the same events.
//!
//! # The contract
//! **After every [`CameraAnalytics::handle_input`], drain [`CameraAnalytics::poll_output`] until it gives `None`. Then wait for the
//! next frame, but no longer than [`CameraAnalytics::poll_timeout`]; if that comes first, hand in [`Input::Timeout`].**
//!
//! ```
//! use matpho_analytics::{CameraAnalytics, CameraPlan, Input, Observation, Output};
//! use matpho_scene::{MediaTime, PictureSize};
//!
//! let mut analytics = CameraAnalytics::new(CameraPlan::whole_picture());
//! let picture = PictureSize { width: 640, height: 384 };
//! for second in 0..10 {
//!     // 1. A picture came, and models looked at it (or `Input::Timeout`, when that was due first).
//!     let seen = Observation { tracks: Some(&[]), fire: Some(&[]), ..Observation::bare(picture) };
//!     analytics.handle_input(MediaTime::from_millis(second * 1000), Input::Frame(seen));
//!     // 2. Drain.
//!     while let Some(output) = analytics.poll_output() {
//!         match output {
//!             Output::Finding(finding) => println!("{} {}", finding.kind, finding.phase),
//!             Output::Measurement(measurement) => println!("{}", measurement.zone),
//!             Output::Request(request) => println!("{request:?}"),
//!         }
//!     }
//!     // 3. When to call at the latest.
//!     let _deadline = analytics.poll_timeout();
//! }
//! // 4. At the end of a file, or when told to stop: whatever is open ends as `stopped`.
//! analytics.handle_input(MediaTime::from_millis(10_000), Input::Stop);
//! while analytics.poll_output().is_some() {}
//! ```
//!
//! # Invariants
//! * Every event is said as began, updated (any number of times), ended, under one number; numbers of a camera are never reused.
//! * An event ends because something was seen to be over, never because nothing was seen: **a blind camera begins nothing and ends
//!   nothing**, its analytics say [`matpho_scene::measurement::Judgement::Unknown`] and their timers stand still.
//! * Times that step back are taken as no time passed.
//!
//! # Not here
//! Tracking (`track`), models (`infer`), measuring a picture's health and calibrating (`vision`), naming events for the wire and
//! keeping evidence (`edge`), deciding what is one incident (`center`).

#![forbid(unsafe_code)]

pub mod analytic;
pub mod camera;
pub mod congestion;
pub mod depth;
pub mod fire;
pub mod flood;
pub mod hours;
pub mod io;
pub mod pedestrian;
pub mod plan;
pub mod stopped_vehicle;
pub mod units;
pub mod wrong_way;
pub mod zone;

mod bearing;
mod carriageway;
mod desk;
mod engine;
mod flow;
mod free_flow;
mod hysteresis;
mod lost;
mod memory;
mod moment;
mod occlusion;
mod path;
mod road;
mod sequence;
mod signal;
mod size;
mod volume;
mod window;

pub use analytic::{Analytic, AnalyticError};
pub use depth::{Mark, MarkOn};
pub use engine::CameraAnalytics;
pub use flood::WaterMemory;
pub use hours::Hours;
pub use io::{AnalyticSummary, Condition, Input, Observation, Output, Request, StreamState, Summary};
pub use memory::Memory;
pub use plan::{CameraPlan, Params, PlanError};
pub use zone::{PcuWeights, Purpose, Zone};
