//! The vocabulary of events: what analytics state and the wire carries.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    detection::Class,
    geometry::{NormBox, NormPoint},
    id::{TrackId, ZoneId},
    time::MediaTime,
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// Sustained level of service E or F.
    #[serde(rename = "traffic.congestion")]
    Congestion,
    /// One vehicle stands while others move.
    #[serde(rename = "traffic.stopped_vehicle")]
    StoppedVehicle,
    /// A vehicle goes against its zone's direction.
    #[serde(rename = "traffic.wrong_way")]
    WrongWay,
    /// A person on foot on the carriageway.
    #[serde(rename = "traffic.pedestrian")]
    Pedestrian,
    /// Open flame.
    #[serde(rename = "fire.flame")]
    Flame,
    /// Smoke.
    #[serde(rename = "fire.smoke")]
    Smoke,
    /// Water stands on the street.
    #[serde(rename = "flood.street")]
    Flood,
    /// No fresh picture arrives.
    #[serde(rename = "camera.lost")]
    CameraLost,
    /// Pictures arrive, their content stands still.
    #[serde(rename = "camera.frozen")]
    CameraFrozen,
    /// Too dark to judge.
    #[serde(rename = "camera.dark")]
    CameraDark,
    /// The sun or head lamps shine into the lens.
    #[serde(rename = "camera.glare")]
    CameraGlare,
    /// Out of focus, or dirt or water on the lens.
    #[serde(rename = "camera.blurred")]
    CameraBlurred,
    /// Something stands before the lens.
    #[serde(rename = "camera.covered")]
    CameraCovered,
    /// It looks elsewhere than when its zones were drawn.
    #[serde(rename = "camera.moved")]
    CameraMoved,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Congestion,
        Self::StoppedVehicle,
        Self::WrongWay,
        Self::Pedestrian,
        Self::Flame,
        Self::Smoke,
        Self::Flood,
        Self::CameraLost,
        Self::CameraFrozen,
        Self::CameraDark,
        Self::CameraGlare,
        Self::CameraBlurred,
        Self::CameraCovered,
        Self::CameraMoved,
    ];

    /// The kind as it is spelled on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Congestion => "traffic.congestion",
            Self::StoppedVehicle => "traffic.stopped_vehicle",
            Self::WrongWay => "traffic.wrong_way",
            Self::Pedestrian => "traffic.pedestrian",
            Self::Flame => "fire.flame",
            Self::Smoke => "fire.smoke",
            Self::Flood => "flood.street",
            Self::CameraLost => "camera.lost",
            Self::CameraFrozen => "camera.frozen",
            Self::CameraDark => "camera.dark",
            Self::CameraGlare => "camera.glare",
            Self::CameraBlurred => "camera.blurred",
            Self::CameraCovered => "camera.covered",
            Self::CameraMoved => "camera.moved",
        }
    }

    /// Whether it is about the camera rather than what the camera sees.
    pub const fn is_camera(self) -> bool {
        matches!(
            self,
            Self::CameraLost
                | Self::CameraFrozen
                | Self::CameraDark
                | Self::CameraGlare
                | Self::CameraBlurred
                | Self::CameraCovered
                | Self::CameraMoved
        )
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not an event kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an event kind; kinds are traffic.congestion, traffic.stopped_vehicle, traffic.wrong_way, traffic.pedestrian, fire.flame, fire.smoke, flood.street and camera.lost|frozen|dark|glare|blurred|covered|moved"
)]
pub struct EventKindError(String);

impl FromStr for EventKind {
    type Err = EventKindError;
    fn from_str(text: &str) -> Result<Self, EventKindError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| EventKindError(text.to_owned()))
    }
}

/// Where an event stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// First said.
    Began,
    /// Goes on; severity, confidence or detail changed.
    Updated,
    /// Over, or no longer to be seen.
    Ended,
}

impl Phase {
    /// The phase as it is spelled on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Updated => "updated",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad, in the words of CAP 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Minimal to no known threat.
    Minor,
    /// Possible threat.
    Moderate,
    /// Significant threat.
    Severe,
    /// Extraordinary threat.
    Extreme,
}

impl Severity {
    /// The severity as it is spelled on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::Moderate => "moderate",
            Self::Severe => "severe",
            Self::Extreme => "extreme",
        }
    }
}

/// HCM level of service, A (free flow) to F (breakdown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the letters are the field's own names")]
pub enum LevelOfService {
    A,
    B,
    C,
    D,
    E,
    F,
}

impl fmt::Display for LevelOfService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// How deep water stands, as bands that people can act on (DESIGN §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DepthBand {
    /// Less than 10 cm.
    #[serde(rename = "under_10_cm")]
    Under10,
    /// 10 to 20 cm.
    #[serde(rename = "10_20_cm")]
    From10To20,
    /// 20 to 30 cm: motorbikes stall.
    #[serde(rename = "20_30_cm")]
    From20To30,
    /// 30 to 50 cm: cars stop.
    #[serde(rename = "30_50_cm")]
    From30To50,
    /// More than 50 cm: closed.
    #[serde(rename = "over_50_cm")]
    Over50,
}

impl DepthBand {
    /// All bands, shallow to deep.
    pub const ALL: [Self; 5] = [Self::Under10, Self::From10To20, Self::From20To30, Self::From30To50, Self::Over50];

    /// From and to, cm; the deepest ends at 100, where a person is swept away.
    pub const fn range_cm(self) -> (f32, f32) {
        match self {
            Self::Under10 => (0.0, 10.0),
            Self::From10To20 => (10.0, 20.0),
            Self::From20To30 => (20.0, 30.0),
            Self::From30To50 => (30.0, 50.0),
            Self::Over50 => (50.0, 100.0),
        }
    }

    /// The band of a depth.
    pub fn of_cm(depth_cm: f32) -> Self {
        Self::ALL.into_iter().rfind(|band| depth_cm >= band.range_cm().0).unwrap_or(Self::Under10)
    }

    /// Who gets through still water this deep.
    ///
    /// MMDA's gauge (Manila): up to 25 cm passable to all, from 33 cm not to light vehicles, from 66 cm to none; trafficability limits of 30 cm
    /// for cars and 60 cm for emergency vehicles (TRID 1412184); a motorbike's exhaust and filter lie 20 to 30 cm above the road.
    pub const fn passability(self) -> Passability {
        use Passage::{No, Slowly, Yes};
        let (motorbike, car, truck) = match self {
            Self::Under10 => (Yes, Yes, Yes),
            Self::From10To20 => (Slowly, Slowly, Yes),
            Self::From20To30 => (No, Slowly, Yes),
            Self::From30To50 => (No, No, Slowly),
            Self::Over50 => (No, No, No),
        };
        Passability { motorbike, car, truck }
    }
}

/// Between which depths water stands: one band, or adjoining ones where no single one is sure enough to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RangeCm", into = "RangeCm")]
pub struct DepthRange {
    shallowest: DepthBand,
    deepest: DepthBand,
}

/// A range as it is written: it is open where it has no end.
#[derive(Serialize, Deserialize)]
struct RangeCm {
    min_cm: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_cm: Option<f32>,
}

/// Why two numbers are not a range of depths.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("depths are 0 or more cm and end above where they begin; from {min_cm} to {max_cm:?} was given")]
pub struct DepthRangeError {
    min_cm: f32,
    max_cm: Option<f32>,
}

impl DepthRange {
    /// From one band to another, in any order.
    pub fn new(one: DepthBand, other: DepthBand) -> Self {
        Self { shallowest: one.min(other), deepest: one.max(other) }
    }

    /// The band, where it is one.
    pub fn band(self) -> Option<DepthBand> {
        (self.shallowest == self.deepest).then_some(self.shallowest)
    }

    /// The deepest that it may be.
    pub const fn deepest(self) -> DepthBand {
        self.deepest
    }

    /// Whether a band lies in it.
    pub fn contains(self, band: DepthBand) -> bool {
        (self.shallowest..=self.deepest).contains(&band)
    }

    /// At least so deep, cm.
    pub const fn min_cm(self) -> f32 {
        self.shallowest.range_cm().0
    }

    /// Less deep than this, cm; nothing where it may be any depth above the least.
    pub fn max_cm(self) -> Option<f32> {
        (self.deepest != DepthBand::Over50).then_some(self.deepest.range_cm().1)
    }

    /// Who gets through where it is as deep as it may be.
    pub const fn passable_at_worst(self) -> Passability {
        self.deepest.passability()
    }

    /// Who gets through where it is as shallow as it may be: whoever differs from the worst is not sure to get through, nor not to.
    pub const fn passable_at_best(self) -> Passability {
        self.shallowest.passability()
    }
}

impl From<DepthBand> for DepthRange {
    fn from(band: DepthBand) -> Self {
        Self { shallowest: band, deepest: band }
    }
}

impl fmt::Display for DepthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min_cm(), self.max_cm()) {
            (0.0, Some(max)) => write!(f, "under {max} cm"),
            (min, Some(max)) => write!(f, "{min} to {max} cm"),
            (0.0, None) => f.write_str("of unknown depth"),
            (min, None) => write!(f, "over {min} cm"),
        }
    }
}

impl From<DepthRange> for RangeCm {
    fn from(range: DepthRange) -> Self {
        Self { min_cm: range.min_cm(), max_cm: range.max_cm() }
    }
}

impl TryFrom<RangeCm> for DepthRange {
    type Error = DepthRangeError;
    /// The bands that hold a range, for whoever writes other bands.
    fn try_from(RangeCm { min_cm, max_cm }: RangeCm) -> Result<Self, DepthRangeError> {
        if !(min_cm >= 0.0 && max_cm.is_none_or(|max| max > min_cm)) {
            return Err(DepthRangeError { min_cm, max_cm });
        }
        let deepest = DepthBand::ALL.into_iter().find(|band| max_cm.is_some_and(|max| band.range_cm().1 >= max));
        Ok(Self::new(DepthBand::of_cm(min_cm), deepest.unwrap_or(DepthBand::Over50)))
    }
}

/// Whether a kind of vehicle gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passage {
    /// As ever.
    Yes,
    /// At walking pace, with care.
    Slowly,
    /// It stalls or floats.
    No,
}

/// Who gets through water.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Passability {
    /// Motorbikes.
    pub motorbike: Passage,
    /// Cars.
    pub car: Passage,
    /// Lorries and buses.
    pub truck: Passage,
}

/// Whether water rises or falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// More water than a while ago.
    Rising,
    /// About the same.
    Steady,
    /// Less water than a while ago.
    Falling,
}

/// What is known about an event beyond its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Detail {
    /// Of `traffic.congestion`.
    Congestion {
        /// Level of service now.
        level_of_service: LevelOfService,
        /// Passenger-car units per km and lane; absent without calibration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        density_pc_per_km_lane: Option<f32>,
        /// Share of the zone covered by vehicles, 0 to 1.
        occupancy: f32,
        /// Space-mean speed; absent without calibration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        speed_kmh: Option<f32>,
        /// Share of the vehicles that stand or crawl, 0 to 1.
        stopped_share: f32,
        /// Length of the queue; absent without calibration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue_m: Option<f32>,
        /// How fast it grows (negative: shrinks), metres a minute over the last minutes; absent without calibration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue_growth_m_per_min: Option<f32>,
        /// How many times longer the way takes than with nobody in it; absent until that is learned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        travel_time_index: Option<f32>,
    },
    /// Of `traffic.stopped_vehicle`, `traffic.wrong_way` and `traffic.pedestrian`.
    Vehicle {
        /// Who.
        track: TrackId,
        /// What.
        class: Class,
        /// For how long.
        duration_s: f32,
        /// Its way through the picture up to now, oldest first, at most 24 points of its feet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<NormPoint>,
    },
    /// Of `fire.flame` and `fire.smoke`.
    Fire {
        /// Share of the picture that the region covers, 0 to 1.
        area_share: f32,
        /// Area now over the area when it began.
        growth: f32,
    },
    /// Of `flood.street`.
    Flood {
        /// Share of the zone under water, 0 to 1.
        water_share: f32,
        /// Depth, where one band alone is sure enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth: Option<DepthBand>,
        /// Between which depths; absent without a reference object, and where nothing is sure. Senders of before give a band alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth_range: Option<DepthRange>,
        /// How sure the range is, 0 to 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth_confidence: Option<f32>,
        /// Who gets through, where it is as deep as it may be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passable: Option<Passability>,
        /// Who gets through, where it is as shallow as it may be; absent where that is the same. Whoever differs between the two is not sure to get through, nor not to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passable_at_best: Option<Passability>,
        /// What the depth was read from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth_reference: Option<String>,
        /// Rising or falling.
        trend: Trend,
    },
    /// Of `camera.*`.
    Camera {
        /// In words, for the person who will mend it.
        reason: String,
    },
}

impl Detail {
    /// Between which depths water stands, where this is about water and its depth is known.
    pub fn depth(&self) -> Option<DepthRange> {
        match *self {
            Self::Flood { depth, depth_range, .. } => depth_range.or_else(|| depth.map(DepthRange::from)),
            _ => None,
        }
    }
}

/// One value that a rule looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the stream's start.
    pub media_time_s: f64,
    /// What was measured, with its unit: `density_pc_per_km_lane`.
    pub name: String,
    /// How much.
    pub value: f64,
}

/// Why an event was said: the rule, its thresholds and what it saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The rule, as one sentence.
    pub rule: String,
    /// Its thresholds by name, units in the names.
    pub thresholds: BTreeMap<String, f64>,
    /// What it saw over its window, oldest first, thinned to [`Proof::SAMPLES_MAX`].
    pub samples: Vec<Sample>,
    /// Whether speeds and densities stand on a calibration of the camera.
    pub calibrated: bool,
    /// Root mean square of the calibration's error on its own points, metres; absent without calibration, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_error_m: Option<f32>,
}

impl Proof {
    /// The most samples that an event carries.
    pub const SAMPLES_MAX: usize = 40;
}

/// Why an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// What happened is over.
    Cleared,
    /// It was not what it seemed.
    Retracted,
    /// Analysis stopped (the gateway was told to, or a file ended); it may go on unseen.
    Stopped,
}

/// What an analytic says: one event began, goes on or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The event's number in its camera, from 1; the same from began to ended.
    pub number: u64,
    /// What happened.
    pub kind: EventKind,
    /// Where the event stands.
    pub phase: Phase,
    /// In which zone; `None` where it concerns the whole camera.
    pub zone: Option<ZoneId>,
    /// When the camera saw it begin. Earlier than the moment it was confirmed.
    pub began: MediaTime,
    /// When the camera saw what this finding states.
    pub at: MediaTime,
    /// How bad.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f32,
    /// Where in the picture.
    pub region: Option<NormBox>,
    /// More about it.
    pub detail: Detail,
    /// Why it was said.
    pub proof: Proof,
    /// Why it ended; set when `phase` is [`Phase::Ended`].
    pub end_reason: Option<EndReason>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<DepthRange, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn ranges_of_depths_are_written_and_read() {
        for (from, to, text, json) in [
            (DepthBand::Under10, DepthBand::Under10, "under 10 cm", r#"{"min_cm":0.0,"max_cm":10.0}"#),
            (DepthBand::From10To20, DepthBand::From20To30, "10 to 30 cm", r#"{"min_cm":10.0,"max_cm":30.0}"#),
            (DepthBand::From20To30, DepthBand::Over50, "over 20 cm", r#"{"min_cm":20.0}"#),
        ] {
            let range = DepthRange::new(to, from);
            assert_eq!((range.to_string().as_str(), serde_json::to_string(&range).unwrap().as_str()), (text, json));
            assert_eq!(read(json), Ok(range));
        }
    }

    #[test]
    fn what_others_write_is_held_by_bands_or_is_an_error() {
        assert_eq!(read(r#"{"min_cm": 12, "max_cm": 45}"#), Ok(DepthRange::new(DepthBand::From10To20, DepthBand::From30To50)));
        for wrong in [r#"{"min_cm": -1}"#, r#"{"min_cm": 20, "max_cm": 20}"#, r#"{"max_cm": 20}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_gets_through_is_unsure_where_a_range_straddles() {
        let range = DepthRange::new(DepthBand::From10To20, DepthBand::From20To30);
        let (worst, best) = (range.passable_at_worst(), range.passable_at_best());
        assert_eq!((worst.motorbike, best.motorbike), (Passage::No, Passage::Slowly));
        assert_eq!((worst.car, best.car), (Passage::Slowly, Passage::Slowly));
    }
}
