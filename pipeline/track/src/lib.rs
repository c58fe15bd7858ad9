//! Detections to tracks: who is who from frame to frame.
//!
//! **Invariant:** pure and deterministic. The same detections at the same times give the same tracks, in whatever order the detections
//! of one frame are listed. No clock, no thread, no I/O, no randomness; time is an argument.
//!
//! Not here: what a track's movement means (`analytics`), where boxes come from (`infer`).

#![forbid(unsafe_code)]

mod params;
mod tracker;

pub use params::TrackerParams;
pub use tracker::Tracker;
