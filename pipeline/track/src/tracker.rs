//! The tracker itself.

use matpho_scene::{Detection, MediaTime, PictureSize, TrackId, Tracked};

use crate::params::TrackerParams;

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    params: TrackerParams,
    tracked: Vec<Tracked>,
    assignments: Vec<Option<TrackId>>,
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new(params: TrackerParams) -> Self {
        Self { params, tracked: Vec::new(), assignments: Vec::new() }
    }

    /// Takes the detections of one frame, which was seen `at`, in a picture of `size` (boxes are compared in its pixels). Returns the
    /// confirmed tracks by id: those seen in this frame (`last_seen == at`), and those unseen for less than
    /// [`TrackerParams::lost_max`] with the box where they should be by now (`last_seen < at`).
    ///
    /// Frames may come at any distance; a frame that is not later than the one before is taken as coming right after it.
    pub fn update(&mut self, at: MediaTime, size: PictureSize, detections: &[Detection]) -> &[Tracked] {
        let _ = (at, size, &self.params);
        self.assignments = vec![None; detections.len()];
        &self.tracked
    }

    /// The confirmed tracks as of the last frame; the same as the last [`Tracker::update`] returned.
    pub fn tracked(&self) -> &[Tracked] {
        &self.tracked
    }

    /// For each detection of the last frame, in its order, the track it became part of; `None` where it was too weak to start one.
    /// Tracks that are not confirmed yet are named here too.
    pub fn assignments(&self) -> &[Option<TrackId>] {
        &self.assignments
    }
}
