//! A person on foot on the carriageway.

use serde::{Deserialize, Serialize};

use crate::units::{Seconds, Share};

/// Parameters of pedestrians, `[analytics.pedestrian]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PedestrianParams {
    /// Announced after this long on a drawn carriageway.
    pub after_s: Seconds,
    /// Where no carriageway is drawn: after this long at places where vehicles are seen to drive. Longer, since crossings are not known.
    pub undrawn_after_s: Seconds,
    /// A person whose box lies in that of a two-wheeler by at least this share of the person's area is its rider.
    pub rider_overlap: Share,
    /// Over when nobody has been on the carriageway for this long, while the camera saw.
    pub gone_after_s: Seconds,
}

impl Default for PedestrianParams {
    fn default() -> Self {
        Self {
            after_s: Seconds::of(5.0),
            undrawn_after_s: Seconds::of(20.0),
            rider_overlap: Share::of(0.25),
            gone_after_s: Seconds::of(5.0),
        }
    }
}
