//! Flame and smoke: from detections to sequences, from sequences to a confirmed event.

use serde::{Deserialize, Serialize};

use crate::units::{Positive, Seconds, Share};

/// Parameters of flame or of smoke, `[analytics.fire]` and `[analytics.smoke]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FireParams {
    /// Detections below this score are not looked at. Pyronear's tracker: 0.3.
    pub score_min: Share,
    /// Mean score over the window that confirms; detections that were missed count as 0. Times 0.8 while an event goes on (Pyronear).
    pub score_mean_min: Share,
    /// A detection continues a sequence when it overlaps its last box by this much (Pyronear: 0.1), or lies inside it.
    pub iou_min: Share,
    /// So many detections in one place confirm (Pyronear: 5 in a row gave precision .947, recall .954).
    pub hits_min: u32,
    /// This share of the looks in the window must have found it.
    pub hits_share: Share,
    /// They must span at least this long, so that a burst of frames is no shortcut.
    pub confirm_after_s: Seconds,
    /// Spread of the box's area (standard deviation over mean) from which it flickers like fire; more is asked of small boxes, whose
    /// edges jump by the detector's own grain.
    pub flicker_min: Share,
    /// Growth of the area since it was first seen from which it needs no flicker.
    pub growth_min: Positive,
    /// What neither grew, flickered nor moved for this long is a lamp, a sign or the sun: its place is remembered and must double in
    /// area to count again.
    pub static_after_s: Seconds,
    /// What covers more of the picture than this when first seen is fog, dust or glare.
    pub area_share_max: Share,
    /// Over when it has not been found for this long, in at least three looks.
    pub clear_after_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
    /// How long every frame is asked for to verify a suspicion, at most once a minute, where frames come slower than 2 a second.
    pub burst_s: Seconds,
}

impl Default for FireParams {
    fn default() -> Self {
        Self {
            score_min: Share::of(0.3),
            score_mean_min: Share::of(0.25),
            iou_min: Share::of(0.1),
            hits_min: 5,
            hits_share: Share::of(0.6),
            confirm_after_s: Seconds::of(3.0),
            flicker_min: Share::of(0.08),
            growth_min: Positive::of(1.5),
            static_after_s: Seconds::of(60.0),
            area_share_max: Share::of(0.6),
            clear_after_s: Seconds::of(20.0),
            update_every_s: Seconds::of(15.0),
            burst_s: Seconds::of(8.0),
        }
    }
}
