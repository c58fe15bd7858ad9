//! What a tracker can be told.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::Class;

/// What a tracker can be told. The defaults are made for 2 to 10 frames a second and streets full of motorbikes.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerParams {
    /// Detections of a class from this score on may start a track and are matched first; the model's own threshold is a good value.
    /// Classes not named here use [`TrackerParams::confident_default`].
    pub confident: BTreeMap<Class, f32>,
    /// The same for classes not named in [`TrackerParams::confident`].
    pub confident_default: f32,
    /// Detections under the confident score but from this one on may continue a track, never start one (ByteTrack's second stage).
    /// Detections under it are ignored.
    pub weak: f32,
    /// Frames in which an object has to be seen, one after the other, before it is reported.
    pub hits_min: u32,
    /// A moving object that is not seen for this long is gone.
    pub lost_max: Duration,
    /// A standing object that is not seen for this long is gone. Longer, as a stopped car stays where it is while a bus hides it.
    pub lost_standing_max: Duration,
}

impl TrackerParams {
    /// The score from which on a detection of a class is confident.
    pub fn confident(&self, class: Class) -> f32 {
        self.confident.get(&class).copied().unwrap_or(self.confident_default)
    }
}

impl Default for TrackerParams {
    fn default() -> Self {
        Self {
            confident: BTreeMap::new(),
            confident_default: 0.4,
            weak: 0.1,
            hits_min: 2,
            lost_max: Duration::from_millis(1500),
            lost_standing_max: Duration::from_secs(8),
        }
    }
}
