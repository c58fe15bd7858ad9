//! What goes in and what comes out of [`crate::CameraAnalytics`].

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{
    Change, Class, Detection, PictureHealth, PictureSize, Tracked, WaterReading, ZoneId,
    event::{EventKind, Finding, LevelOfService},
    measurement::{Judgement, Measurement},
};

use crate::analytic::Analytic;

/// What reaches the analytics of one camera.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A picture was looked at.
    Frame(Observation<'a>),
    /// The stream's state changed, or is said again.
    Stream(StreamState<'a>),
    /// Time passed: [`crate::CameraAnalytics::poll_timeout`] is due.
    Timeout,
    /// A person says that the zones fit the picture as it is: a moved camera counts as standing where it stands. Whoever measures the picture's
    /// health measures shift and likeness against this picture from now on.
    ConfirmView,
    /// No more input will come: the file ended, or the gateway was told to stop. Open events end as
    /// [`matpho_scene::event::EndReason::Stopped`], and what was measured so far comes out.
    Stop,
}

/// What the models said about one picture. `None` is "did not look"; an empty slice is "looked and found nothing".
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The picture's size: shapes in normalised coordinates need its aspect.
    pub picture: PictureSize,
    /// Vehicles and people. May hold tracks that were not seen in this picture (`last_seen` earlier than its time).
    pub tracks: Option<&'a [Tracked]>,
    /// Flames and smoke.
    pub fire: Option<&'a [Detection]>,
    /// How much the place of each of `fire` changed, in their order; empty where it was not measured.
    pub fire_changes: &'a [Change],
    /// Water in each zone; see [`crate::CameraPlan::water_zones`]. Zones that are not listed were not looked at.
    pub water: Option<&'a [(ZoneId, WaterReading)]>,
    /// How usable the picture is.
    pub health: Option<&'a PictureHealth>,
    /// Minute of the local day, 0 to 1439, where it is known: for what is masked by the hour.
    pub minute_of_day: Option<u16>,
}

impl Observation<'_> {
    /// A picture that no model looked at: it only says that the camera lives.
    pub const fn bare(picture: PictureSize) -> Self {
        Self { picture, tracks: None, fire: None, fire_changes: &[], water: None, health: None, minute_of_day: None }
    }
}

/// What the media stage says about a camera's stream. A frame says "live" by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState<'a> {
    /// Fresh pictures arrive.
    Live,
    /// It is torn down, or could not be opened.
    Lost {
        /// Why, in words fit for an operator: `unauthorized`, `no route to the camera`. Free of credentials.
        reason: &'a str,
    },
    /// It is open, but its last picture is older than it ought to be.
    Stale,
}

/// What comes out, in the order in which it was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// An event began, goes on or ended.
    Finding(Finding),
    /// Figures of a zone over a period.
    Measurement(Measurement),
    /// A wish of the media stage. Nothing depends on its being met.
    Request(Request),
}

/// What an analytic asks of the media stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Hand over every frame for a while, to verify a suspicion.
    BurstFullRate {
        /// At most for this long.
        at_most: Duration,
    },
    /// The burst is no longer needed.
    ReleaseBurst,
}

/// A camera's condition, for its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// No picture yet, and no word why.
    Starting,
    /// Fresh pictures, fit to judge.
    Live,
    /// Pictures are late.
    Stale,
    /// No pictures.
    Lost {
        /// Why, in words.
        reason: String,
    },
    /// Pictures, not fit to judge: `camera.frozen`, `camera.dark`, `camera.glare`, `camera.covered` or `camera.blurred`.
    Blind(EventKind),
    /// It looks elsewhere than when its zones were drawn.
    Moved,
}

/// What the analytics of a camera made of their input so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// By analytic; only those that run.
    pub analytics: BTreeMap<Analytic, AnalyticSummary>,
    /// How many events began, by kind.
    pub events: BTreeMap<EventKind, u32>,
}

/// What one analytic made of its input so far; fields that do not concern it are `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnalyticSummary {
    /// What it says now.
    pub state: Option<Judgement>,
    /// Vehicles that passed, by class, over all zones.
    pub counts: Option<BTreeMap<Class, u32>>,
    /// Passenger-car units per km and lane, mean over all frames; `None` without calibration.
    pub density_pc_per_km_lane_mean: Option<f32>,
    /// Share of the road covered by vehicles, 0 to 1, mean over all frames.
    pub occupancy_mean: Option<f32>,
    /// Space-mean speed; `None` without calibration.
    pub speed_kmh_mean: Option<f32>,
    /// Level of service now; the worst of all zones.
    pub level_of_service: Option<LevelOfService>,
    /// Share under water now (median of the last readings); the worst of all zones.
    pub water_share: Option<f32>,
    /// Highest share under water (of such medians).
    pub water_share_max: Option<f32>,
    /// Highest score that the model gave.
    pub score_max: Option<f32>,
}

/// The judgement of several zones: what is present anywhere is present; clear means that it is clear somewhere and nothing is worse.
pub(crate) fn worst(judgements: impl Iterator<Item = Judgement>) -> Judgement {
    let rank = |j: &Judgement| match j {
        Judgement::Unknown => 0,
        Judgement::Clear => 1,
        Judgement::Suspected => 2,
        Judgement::Present => 3,
    };
    judgements.max_by_key(rank).unwrap_or(Judgement::Unknown)
}
