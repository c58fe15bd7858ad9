//! Congestion: level of service of each carriageway, its beginning and its end.

use serde::{Deserialize, Serialize};

use crate::{
    plan::PcuWeights,
    units::{Positive, Seconds, Share},
};

/// Parameters of congestion, `[analytics.congestion]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CongestionParams {
    /// Traffic is averaged over bins of this length. IRIS and HCM practice is 30 s; 10 s lets three of them make one, and a jam begin
    /// between two.
    pub bin_s: Seconds,
    /// Congestion begins when level E or F has lasted this long: three bins of 30 s (McMaster: raising persistence from two to three
    /// cut false alarms). A zone's signal cycle replaces it where that is longer.
    pub begin_after_s: Seconds,
    /// It ends when level C or better has lasted this long.
    pub end_after_s: Seconds,
    /// Share of the bins in either span that must agree. A red-light queue dissolves once a cycle and stays below it.
    pub bins_share: Share,
    /// A vehicle that stands this long while others flow is parked, and leaves the counts until it moves.
    pub parked_after_s: Seconds,
    /// With calibration: a vehicle slower than this stands or crawls. 5 km/h is walking pace, and NVIDIA's stop (5 mph) rounded down.
    pub crawl_kmh: Positive,
    /// Without calibration: the same in lengths of its own box per second (square root of the box's area; some 2 m of a car's width).
    pub crawl_box_lengths_per_s: Positive,
    /// Upper limits of levels A to E in passenger cars per km and lane; above the last is F. HCM, basic freeway segments:
    /// 11, 18, 26, 35, 45 per mile.
    pub density_pc_per_km_lane: [Positive; 5],
    /// The same without calibration, as the share of the road's length that boxes cover: a limit of HCM times 10 m, the stretch of road
    /// that a car's box hides (4.5 m of car and the road behind it).
    pub occupancy: [Share; 5],
    /// Without calibration, fewer vehicles than this at once are never congestion.
    pub vehicles_min: u32,
    /// How often figures come out.
    pub measure_every_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
    /// What each vehicle weighs.
    pub pcu: PcuWeights,
}

impl Default for CongestionParams {
    fn default() -> Self {
        Self {
            bin_s: Seconds::of(10.0),
            begin_after_s: Seconds::of(90.0),
            end_after_s: Seconds::of(120.0),
            bins_share: Share::of(0.8),
            parked_after_s: Seconds::of(300.0),
            crawl_kmh: Positive::of(5.0),
            crawl_box_lengths_per_s: Positive::of(0.25),
            density_pc_per_km_lane: [6.8, 11.2, 16.2, 21.8, 28.0].map(Positive::of),
            occupancy: [0.068, 0.112, 0.162, 0.218, 0.28].map(Share::of),
            vehicles_min: 6,
            measure_every_s: Seconds::of(60.0),
            update_every_s: Seconds::of(60.0),
            pcu: PcuWeights::default(),
        }
    }
}
