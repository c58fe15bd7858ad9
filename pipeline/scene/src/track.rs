//! A detection with the identity a tracker gave it.

use crate::{
    detection::{Class, Score},
    geometry::NormBox,
    id::TrackId,
    time::MediaTime,
};

/// One tracked object in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracked {
    /// Who it is.
    pub id: TrackId,
    /// What it is: the class it was given most often, weighed by score.
    pub class: Class,
    /// The score of this frame's detection; of the last one where it was not seen in this frame.
    pub score: Score,
    /// Where it is; predicted where it was not seen in this frame.
    pub bbox: NormBox,
    /// When it was first seen.
    pub first_seen: MediaTime,
    /// When it was last seen; equal to the frame's time where `bbox` is a detection.
    pub last_seen: MediaTime,
    /// Frames in which it was seen.
    pub hits: u32,
}
