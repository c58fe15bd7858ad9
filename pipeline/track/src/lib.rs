//! Detections to tracks: who is who from frame to frame.
//!
//! ByteTrack's two stages (Zhang et al., arXiv 2110.06864: confident detections first, then weak ones for the tracks that are left), with
//! two changes that streets full of motorbikes at 2 to 10 frames a second ask for: tracks and detections are compared by likelihood
//! under a filter that knows how much time went by, so that a small, fast motorbike whose boxes do not overlap from frame
//! to frame is still followed; and a new track is born with the speed of the traffic around it, so that a column of motorbikes that
//! moves by one place a frame is not taken for one that stands.
//!
//! **Invariant:** pure and deterministic. The same detections at the same times give the same tracks, in whatever order the detections
//! of one frame are listed. No clock, no thread, no I/O, no randomness; time is an argument.
//!
//! Not here: what a track's movement means (`analytics`), where boxes come from (`infer`).

#![forbid(unsafe_code)]

mod assignment;
mod motion;
mod params;
mod tracker;

pub use params::TrackerParams;
pub use tracker::Tracker;
