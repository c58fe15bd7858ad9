//! A street of the simulated city, seen by a detector that errs, followed by the tracker and judged by the analytics.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result};
use matpho_analytics::{
    Analytic, CameraAnalytics, CameraPlan, Input, Observation, Output, Params, Purpose, Zone, congestion::Passed,
};
use matpho_scene::{Detection, GroundPlane, GroundPoint, MediaTime, NormPoint, PictureSize, Polygon, Tracked};
use matpho_sim::{Begins, Bodies, Direction, Object, Scenario, Watch};
use matpho_track::{Tracker, TrackerParams};

use crate::detector::{Detector, Eyesight};

/// Pictures a second that a street is looked at, unless it says otherwise: what a gateway asks of traffic cameras.
pub const FPS: f64 = 5.0;
/// Zones reach this far from the camera: as far as an installer would draw them.
pub const ZONE_FAR_M: f32 = 45.0;

/// A street and how it is watched.
#[derive(Debug, Clone)]
pub struct Street {
    /// For tables.
    pub name: String,
    /// A scenario of one camera.
    pub scenario: Scenario,
    /// How well it is seen.
    pub eyes: Eyesight,
    /// Of the detector's errors.
    pub seed: u64,
    /// How long.
    pub seconds: f64,
    /// Pictures a second that it is looked at.
    pub fps: f64,
    /// Where its zones begin.
    pub begins: Begins,
}

impl Street {
    /// From a scenario's text.
    pub fn new(name: &str, scenario: &str, eyes: Eyesight, seed: u64, seconds: f64) -> Result<Self> {
        let scenario = Scenario::parse(scenario, Path::new("bench.toml")).with_context(|| format!("scenario of {name}"))?;
        let begins = if seed.is_multiple_of(2) { Begins::Whole } else { Begins::AtTheEdge };
        Ok(Self { name: name.to_owned(), scenario, eyes, seed, seconds, fps: FPS, begins })
    }

    /// Its camera and traffic from the beginning.
    pub fn watch(&self, bodies: &Bodies) -> Watch {
        Watch::new(&self.scenario, &self.scenario.cameras[0], bodies)
    }
}

/// What an installer has told the gateway of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetUp {
    /// A zone for each carriageway, with its way, its metres and a line (see [`line_m`]) at which vehicles are counted.
    Drawn,
    /// Nothing: the whole picture is the zone.
    Nothing,
}

/// What is asked of the analytics.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which run.
    pub analytics: BTreeSet<Analytic>,
    /// Their parameters.
    pub params: Params,
    /// How well the camera is known.
    pub set_up: SetUp,
}

/// Where vehicles are counted, metres ahead of the camera: where the whole carriageway has been in the picture for a while.
pub fn line_m(watch: &Watch, direction: Direction) -> f32 {
    watch.whole_from_m(direction).map_or(20.0, |m| (m + 7.0).max(20.0))
}

/// One picture with its truth and what was said about it.
pub struct Moment<'a> {
    /// Seconds since the beginning.
    pub t: f64,
    /// Everybody on the street, also who is not seen.
    pub truth: &'a [Object],
    /// What was said.
    pub outputs: &'a [Output],
    /// Who was counted.
    pub passed: &'a [Passed],
    /// The same in media time.
    pub at: MediaTime,
    /// What the detector found.
    pub found: &'a [Detection],
    /// What the tracker made of it.
    pub tracks: &'a [Tracked],
    /// The street.
    pub watch: &'a Watch,
    /// Its watched carriageways.
    pub areas: &'a [Area],
}

/// A carriageway as it is watched, on the ground.
#[derive(Debug, Clone)]
pub struct Area {
    /// Which.
    pub direction: Direction,
    corners: Vec<GroundPoint>,
    /// Its lanes, end to end. A corner that the picture's edge cuts off is not of it.
    pub km_lanes: f32,
}

impl Area {
    fn new(watch: &Watch, direction: Direction, corners: &[[f32; 2]]) -> Option<Self> {
        let plane = GroundPlane { matrix: watch.ground() };
        let corners: Vec<GroundPoint> =
            corners.iter().map(|p| plane.to_ground(NormPoint::clamped(p[0], p[1]))).collect::<Option<_>>()?;
        let next = corners.iter().cycle().skip(1);
        let area_m2 = (corners.iter().zip(next).map(|(a, b)| a.x_m * b.y_m - b.x_m * a.y_m).sum::<f64>() / 2.0).abs();
        let road = &watch.spec().road;
        let lanes = if direction == Direction::Inbound { road.lanes_inbound } else { road.lanes_outbound };
        let width_m = road.lane_m * lanes as f32 + road.bike_lane_m;
        Some(Self { direction, corners, km_lanes: area_m2 as f32 / width_m * lanes as f32 / 1000.0 })
    }

    /// Whether a road user is on it: where its box, seen whole, touches the ground. Which carriageway it is on is told by its way.
    pub fn holds(&self, object: &Object, watch: &Watch) -> bool {
        object.direction == Some(self.direction) && self.has(f64::from(object.at_m[0]), f64::from(watch.touches_m(object)))
    }

    /// Whether a point of the ground is on it, in metres.
    pub fn has(&self, x: f64, y: f64) -> bool {
        let sides = self.corners.iter().zip(self.corners.iter().cycle().skip(1));
        let crossed =
            sides.filter(|(a, b)| (a.y_m > y) != (b.y_m > y) && x < a.x_m + (y - a.y_m) / (b.y_m - a.y_m) * (b.x_m - a.x_m));
        crossed.count() % 2 == 1
    }
}

/// The zone's name of a carriageway.
pub fn zone_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

/// The zones that an installer would draw.
pub fn plan(watch: &Watch, begins: Begins, ask: &Ask) -> Result<CameraPlan> {
    let mut zones = Vec::new();
    let drawn = [Direction::Inbound, Direction::Outbound].into_iter().filter(|_| ask.set_up == SetUp::Drawn);
    for direction in drawn {
        let stretch = watch.stretch(direction, begins, ZONE_FAR_M).context("the carriageway is not in the picture")?;
        let mut zone = Zone::new(zone_name(direction).parse()?, Purpose::Carriageway, Polygon::try_from(stretch.corners)?);
        zone.direction = Some(stretch.travel.try_into()?);
        zone.ground = Some(GroundPlane { matrix: watch.ground() });
        let road = &watch.spec().road;
        let lanes = if direction == Direction::Inbound { road.lanes_inbound } else { road.lanes_outbound };
        zone.lanes = lanes.try_into().ok();
        let point = |p: [f32; 2]| NormPoint::clamped(p[0], p[1]);
        zone.counting_line = Some(watch.line(direction, line_m(watch, direction)).map(point));
        zones.push(zone);
    }
    CameraPlan::new(zones, ask.analytics.clone(), ask.params.clone())
        .map_err(|errors| anyhow::anyhow!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
}

/// Plays a street through detector and tracker, and through the analytics of each of `asks`; `each` sees every picture of each of them, by its place
/// in `asks`.
pub fn play(street: &Street, asks: &[Ask], bodies: &Bodies, mut each: impl FnMut(usize, &Moment<'_>)) -> Result<()> {
    let mut watch = street.watch(bodies);
    let spec = watch.spec();
    let size = PictureSize { width: u32::try_from(spec.width)?, height: u32::try_from(spec.height)? };
    let mut analytics: Vec<CameraAnalytics> =
        asks.iter().map(|ask| Ok(CameraAnalytics::new(plan(&watch, street.begins, ask)?))).collect::<Result<_>>()?;
    let stretch = |direction| watch.stretch(direction, street.begins, ZONE_FAR_M);
    let area = |direction| stretch(direction).and_then(|s| Area::new(&watch, direction, &s.corners));
    let areas: Vec<Area> = [Direction::Inbound, Direction::Outbound].into_iter().filter_map(area).collect();
    let mut detector = Detector::new(street.eyes, street.seed);
    // As on a gateway: the model's threshold is that of a sure detection.
    let params = TrackerParams { confident_default: 0.3, weak: 0.1, ..TrackerParams::default() };
    let mut tracker = Tracker::new(params);
    let pictures = (street.seconds * street.fps) as u64;
    for n in 0..=pictures {
        let t = n as f64 / street.fps;
        let at = MediaTime::from_secs_f64(t);
        let truth = watch.at(t);
        let found = detector.look(t, size, &truth);
        let tracks = tracker.update(at, size, &found);
        for (asked, analytics) in analytics.iter_mut().enumerate() {
            analytics.handle_input(at, Input::Frame(Observation { tracks: Some(tracks), ..Observation::bare(size) }));
            let passed = analytics.passed().to_vec();
            if n == pictures {
                analytics.handle_input(at, Input::Stop);
            }
            let outputs: Vec<Output> = std::iter::from_fn(|| analytics.poll_output()).collect();
            let (outputs, passed, truth, found) = (&outputs[..], &passed[..], &truth[..], &found[..]);
            each(asked, &Moment { t, at, truth, outputs, passed, found, tracks, watch: &watch, areas: &areas });
        }
    }
    Ok(())
}
