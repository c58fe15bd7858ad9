//! Water on the street.

use serde::{Deserialize, Serialize};

use crate::units::{Seconds, Share};

/// Parameters of flooding, `[analytics.flood]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloodParams {
    /// From this share of a zone under water on it may be a flood; below, it is a puddle or the model's error.
    pub begin_share: Share,
    /// It must also lie this far above what the zone usually shows: a wet sheen that is always there is not a flood.
    pub rise_share: Share,
    /// It recedes below this part of the share at which it began.
    pub end_ratio: Share,
    /// So many readings at least begin or end it.
    pub readings_min: u32,
    /// This share of the readings in the span must agree: a wet road flickers.
    pub readings_share: Share,
    /// They must span this long. Minutes, not seconds.
    pub begin_after_s: Seconds,
    /// The same for its end.
    pub end_after_s: Seconds,
    /// Rising or falling is told over this long.
    pub trend_over_s: Seconds,
    /// By this much.
    pub trend_share: Share,
    /// Time constant with which a zone's usual share is learned, while there is no flood.
    pub learn_s: Seconds,
    /// How often figures come out.
    pub measure_every_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
}

impl Default for FloodParams {
    fn default() -> Self {
        Self {
            begin_share: Share::of(0.2),
            rise_share: Share::of(0.15),
            end_ratio: Share::of(0.6),
            readings_min: 3,
            readings_share: Share::of(0.8),
            begin_after_s: Seconds::of(60.0),
            end_after_s: Seconds::of(120.0),
            trend_over_s: Seconds::of(300.0),
            trend_share: Share::of(0.05),
            learn_s: Seconds::of(1800.0),
            measure_every_s: Seconds::of(60.0),
            update_every_s: Seconds::of(60.0),
        }
    }
}
