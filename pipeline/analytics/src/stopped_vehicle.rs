//! A vehicle that stands while others move.

use serde::{Deserialize, Serialize};

use crate::units::{Positive, Seconds, Share};

/// Parameters of stopped vehicles, `[analytics.stopped_vehicle]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoppedVehicleParams {
    /// It is announced after standing this long while others pass it. 10 s leaves ten of the 20 s in which National Highways wants the
    /// alert. On streets with signals give the zone its `signal_cycle_s`, which is added.
    pub after_s: Seconds,
    /// So many vehicles must have passed it since it stopped.
    pub passed_by_min: u32,
    /// Where nobody is there to pass it, it is announced after standing this long.
    pub alone_after_s: Seconds,
    /// It stands while it stays within this many lengths of its own box.
    pub move_box_lengths: Positive,
    /// Quiet while this share of the other vehicles near it stands too: that is a queue.
    pub queue_share: Share,
    /// A queue counts as dissolved this long after it was last one.
    pub queue_over_s: Seconds,
    /// Over when the vehicle has not been seen for this long, while the camera saw.
    pub gone_after_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
}

impl Default for StoppedVehicleParams {
    fn default() -> Self {
        Self {
            after_s: Seconds::of(10.0),
            passed_by_min: 2,
            alone_after_s: Seconds::of(40.0),
            move_box_lengths: Positive::of(0.5),
            queue_share: Share::of(0.5),
            queue_over_s: Seconds::of(5.0),
            gone_after_s: Seconds::of(10.0),
            update_every_s: Seconds::of(60.0),
        }
    }
}
