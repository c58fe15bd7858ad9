//! A vehicle that goes against the direction of its carriageway.

use serde::{Deserialize, Serialize};

use crate::units::{Positive, Seconds, Share};

/// Parameters of wrong-way driving, `[analytics.wrong_way]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrongWayParams {
    /// It must have gone this far against the direction, in lengths of its own box: reversing a little is no wrong way.
    pub distance_box_lengths: Positive,
    /// With calibration: the same in metres.
    pub distance_m: Positive,
    /// Over at least this many frames.
    pub frames_min: u32,
    /// This share of its steps must lead against the direction: a jump of the tracker is one step.
    pub opposing_share: Share,
    /// Where no direction is drawn: so many vehicles must have driven through a place before its direction is known.
    pub learn_tracks_min: u32,
    /// Where no direction is drawn: length of the mean of their directions (unit vectors); a street used both ways is near 0.
    pub learn_coherence: Share,
    /// Over when the vehicle has not been seen for this long, while the camera saw.
    pub gone_after_s: Seconds,
}

impl Default for WrongWayParams {
    fn default() -> Self {
        Self {
            distance_box_lengths: Positive::of(2.5),
            distance_m: Positive::of(8.0),
            frames_min: 5,
            opposing_share: Share::of(0.8),
            learn_tracks_min: 8,
            learn_coherence: Share::of(0.9),
            gone_after_s: Seconds::of(3.0),
        }
    }
}
