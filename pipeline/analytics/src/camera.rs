//! Whether the camera can see: lost, frozen, dark, blurred, covered, moved.

use serde::{Deserialize, Serialize};

use crate::units::{Positive, Seconds, Share};

/// Parameters of camera health, `[analytics.camera]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraParams {
    /// Lost when the stream is down and its last picture is this old.
    pub lost_after_s: Seconds,
    /// Lost without any word from the stream when the last picture is this old, or four times as old as pictures usually get.
    pub silence_after_s: Seconds,
    /// Every other fault is announced after lasting this long.
    pub begin_after_s: Seconds,
    /// Every fault is over when it has been gone for this long.
    pub end_after_s: Seconds,
    /// Frozen when the content of pictures has not changed for this long.
    pub frozen_after_s: Seconds,
    /// Mean change of brightness (0 to 255) from one picture to the next up to which nothing changed: what a re-encoded still shows.
    pub frozen_change_max: Positive,
    /// Dark up to this mean brightness (0 to 255).
    pub dark_luma_max: Positive,
    /// Covered when the spread of brightness (0 to 255) has suddenly fallen below this.
    pub covered_luma_std_max: Positive,
    /// Blurred when sharpness falls below this part of what it usually is.
    pub blurred_ratio: Share,
    /// Moved when the picture is displaced by this share of its width or height.
    pub moved_shift: Share,
    /// Moved when the likeness to the reference falls below this part of what it usually is, while the picture is sharp.
    pub moved_likeness_ratio: Share,
}

impl Default for CameraParams {
    fn default() -> Self {
        Self {
            lost_after_s: Seconds::of(5.0),
            silence_after_s: Seconds::of(10.0),
            begin_after_s: Seconds::of(5.0),
            end_after_s: Seconds::of(3.0),
            frozen_after_s: Seconds::of(8.0),
            frozen_change_max: Positive::of(0.1),
            dark_luma_max: Positive::of(18.0),
            covered_luma_std_max: Positive::of(10.0),
            blurred_ratio: Share::of(0.35),
            moved_shift: Share::of(0.04),
            moved_likeness_ratio: Share::of(0.5),
        }
    }
}
