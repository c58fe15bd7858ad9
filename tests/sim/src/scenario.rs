//! A city as a file: cameras, their streets, traffic, weather, and what happens when. Parsed once; what is held is valid.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::ScenarioError;
use crate::truth::Class;

/// A whole scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Fixes every street, vehicle and pixel.
    pub seed: u32,
    /// Events start over after this many seconds; never, when absent.
    pub loop_s: Option<f64>,
    /// The cameras.
    #[serde(rename = "camera")]
    pub cameras: Vec<Camera>,
}

/// One camera with its street.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Names the RTSP mount; letters, digits, dash, dot, underscore.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Degrees north.
    #[serde(default)]
    pub lat: f64,
    /// Degrees east.
    #[serde(default)]
    pub lon: f64,
    /// Added to the scenario's seed; the camera's place in the file when absent.
    pub seed: Option<u32>,
    /// Picture width in pixels, even.
    #[serde(default = "defaults::width")]
    pub width: usize,
    /// Picture height in pixels, even.
    #[serde(default = "defaults::height")]
    pub height: usize,
    /// Pictures a second.
    #[serde(default = "defaults::fps")]
    pub fps: u32,
    /// How the stream is encoded.
    #[serde(default)]
    pub codec: Codec,
    /// Target bit rate; ignored by MJPEG.
    #[serde(default = "defaults::bitrate")]
    pub bitrate_kbps: u32,
    /// Seconds from keyframe to keyframe.
    #[serde(default = "defaults::keyframe")]
    pub keyframe_s: f64,
    /// Who may watch; everyone when absent.
    pub login: Option<Login>,
    /// How the camera hangs.
    #[serde(default)]
    pub pose: Pose,
    /// The road below it.
    #[serde(default)]
    pub road: Road,
    /// Hour and weather.
    #[serde(default)]
    pub look: Look,
    /// Who drives.
    #[serde(default)]
    pub traffic: Traffic,
    /// What happens.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
}

impl Camera {
    /// A camera of which nothing is known but its name: one that serves a file.
    pub(crate) fn plain(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            lat: 0.0,
            lon: 0.0,
            seed: None,
            width: defaults::width(),
            height: defaults::height(),
            fps: defaults::fps(),
            codec: Codec::default(),
            bitrate_kbps: defaults::bitrate(),
            keyframe_s: defaults::keyframe(),
            login: None,
            pose: Pose::default(),
            road: Road::default(),
            look: Look::default(),
            traffic: Traffic::default(),
            events: Vec::new(),
        }
    }
}

/// A user and password a client must give.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password; this is a simulator's, never a real one.
    pub password: String,
    /// How it is asked for.
    #[serde(default)]
    pub scheme: Scheme,
}

/// An HTTP authentication scheme as RTSP has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// A challenge; the password does not travel.
    #[default]
    Digest,
    /// The password in base64.
    Basic,
}

/// A stream's encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// AVC.
    #[default]
    H264,
    /// HEVC.
    H265,
    /// A JPEG a picture.
    Mjpeg,
}

/// How a camera hangs on its pole.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pose {
    /// Lens above the road.
    pub height_m: f32,
    /// Downward tilt.
    pub pitch_deg: f32,
    /// Turned right of the street's axis.
    pub yaw_deg: f32,
    /// Horizontal angle of view.
    pub hfov_deg: f32,
    /// Right of the road's middle.
    pub x_m: f32,
}

impl Default for Pose {
    fn default() -> Self {
        Self { height_m: 7.5, pitch_deg: 16.0, yaw_deg: 0.0, hfov_deg: 62.0, x_m: 0.5 }
    }
}

/// What separates the two carriageways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Median {
    /// A dashed line.
    None,
    /// A double yellow line.
    #[default]
    Line,
    /// A low wall with rails.
    Fence,
    /// Concrete blocks.
    Concrete,
}

/// Lanes, from the middle outward. Traffic keeps right: away from the camera on the right, towards it on the left.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Road {
    /// Lanes towards the camera.
    pub lanes_inbound: u32,
    /// Lanes away from it.
    pub lanes_outbound: u32,
    /// Width of a lane.
    pub lane_m: f32,
    /// Width of the motorbikes' strip outside the lanes.
    pub bike_lane_m: f32,
    /// What stands between.
    pub median: Median,
}

impl Default for Road {
    fn default() -> Self {
        Self { lanes_inbound: 2, lanes_outbound: 2, lane_m: 3.2, bike_lane_m: 2.4, median: Median::Line }
    }
}

impl Road {
    pub(crate) fn median_m(&self) -> f32 {
        match self.median {
            Median::None | Median::Line => 0.0,
            Median::Fence => 0.5,
            Median::Concrete => 0.7,
        }
    }
    pub(crate) fn lanes(&self, side: f32) -> u32 {
        if side < 0.0 { self.lanes_inbound } else { self.lanes_outbound }
    }
    /// From the road's middle to its kerb; side -1 is left (inbound), 1 right.
    pub(crate) fn edge_m(&self, side: f32) -> f32 {
        self.median_m() / 2.0 + self.lanes(side) as f32 * self.lane_m + self.bike_lane_m
    }
}

/// Light and weather.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    /// The hour's light.
    pub hour: Daylight,
    /// 0 dry to 1 a downpour.
    pub rain: f32,
}

/// The hour's light.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Daylight {
    /// Hard shadows.
    Sunny,
    /// Grey and even: most days of the rainy season.
    #[default]
    Overcast,
    /// After sunset, lamps just on.
    Dusk,
    /// Lamps only.
    Night,
}

/// Demand and its mix.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// Vehicles an hour towards the camera.
    pub inbound_per_h: f32,
    /// Vehicles an hour away from it.
    pub outbound_per_h: f32,
    /// Speed people would like to drive.
    pub speed_kmh: f32,
    /// People on the pavements.
    pub walkers: u32,
    /// Shares of the classes; need not sum to one.
    pub mix: Mix,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { inbound_per_h: 1500.0, outbound_per_h: 1500.0, speed_kmh: 38.0, walkers: 6, mix: Mix::default() }
    }
}

/// Shares of the classes in traffic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Mix {
    pub motorcycle: f32,
    pub car: f32,
    pub truck: f32,
    pub bus: f32,
    pub bicycle: f32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { motorcycle: 0.76, car: 0.17, truck: 0.03, bus: 0.02, bicycle: 0.02 }
    }
}

/// A carriageway, seen from the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the camera: the left half of the picture.
    Inbound,
    /// Away from it: the right half.
    Outbound,
}

/// Where a fire is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A shop front.
    #[default]
    Shop,
    /// A vehicle that stops and burns.
    Vehicle,
    /// Rubbish at the kerb.
    Kerb,
}

/// Something that happens, from `at_s` until `until_s` (for ever, when absent), in scenario seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants say what each means")]
pub enum Event {
    /// A bottleneck `at_m` ahead of the camera lets traffic through in drops, so that a queue grows behind it.
    Jam { at_s: f64, until_s: Option<f64>, direction: Direction, at_m: Option<f32> },
    /// A traffic light at `at_m`.
    Signal { at_s: f64, until_s: Option<f64>, direction: Direction, at_m: Option<f32>, green_s: f64, red_s: f64 },
    /// The next vehicle of a class stops in its lane.
    Stopped { at_s: f64, until_s: Option<f64>, direction: Direction, class: Option<Class>, at_m: Option<f32> },
    /// Riders come the wrong way along the kerb, one every `every_s`.
    WrongWay { at_s: f64, until_s: Option<f64>, direction: Direction, every_s: Option<f64> },
    /// Somebody walks on the carriageway, a step in from the kerb, the way traffic goes; from `at_m` on.
    OnFoot { at_s: f64, until_s: Option<f64>, direction: Direction, at_m: Option<f32> },
    /// Flames with their smoke, growing over `grow_s` to `size_m` tall.
    Fire {
        at_s: f64,
        until_s: Option<f64>,
        #[serde(default)]
        place: Place,
        at_m: Option<f32>,
        direction: Option<Direction>,
        size_m: Option<f32>,
        grow_s: Option<f64>,
    },
    /// Smoke without flames.
    Smoke {
        at_s: f64,
        until_s: Option<f64>,
        at_m: Option<f32>,
        direction: Option<Direction>,
        size_m: Option<f32>,
        grow_s: Option<f64>,
    },
    /// Water rises over `rise_s` to `depth_cm` and, at the end, falls as fast.
    Flood { at_s: f64, until_s: Option<f64>, depth_cm: f32, rise_s: Option<f64> },
    /// The camera itself fails.
    Fault { at_s: f64, until_s: Option<f64>, fault: crate::fault::Fault },
}

impl Event {
    /// When it starts and ends, seconds.
    pub fn span(&self) -> (f64, f64) {
        let (a, b) = match self {
            Self::Jam { at_s, until_s, .. }
            | Self::Signal { at_s, until_s, .. }
            | Self::Stopped { at_s, until_s, .. }
            | Self::WrongWay { at_s, until_s, .. }
            | Self::OnFoot { at_s, until_s, .. }
            | Self::Fire { at_s, until_s, .. }
            | Self::Smoke { at_s, until_s, .. }
            | Self::Flood { at_s, until_s, .. }
            | Self::Fault { at_s, until_s, .. } => (*at_s, *until_s),
        };
        (a, b.unwrap_or(f64::INFINITY))
    }
}

mod defaults {
    pub(super) fn width() -> usize {
        960
    }
    pub(super) fn height() -> usize {
        540
    }
    pub(super) fn fps() -> u32 {
        10
    }
    pub(super) fn bitrate() -> u32 {
        1500
    }
    pub(super) fn keyframe() -> f64 {
        1.0
    }
}

impl Scenario {
    /// Reads and checks a scenario file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read { path: path.into(), source })?;
        Self::parse(&text, path)
    }
    /// Reads a scenario from text; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let wrong = |key: String, what: String| ScenarioError::Wrong { path: path.into(), key, what };
        let reader =
            toml::Deserializer::parse(text).map_err(|e| wrong("(file)".into(), e.to_string().trim().replace('\n', " ")))?;
        let scenario: Self = serde_path_to_error::deserialize(reader).map_err(|e| {
            let key = e.path().to_string();
            let inner = e.into_inner();
            let line = inner.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            wrong(line.map_or(key.clone(), |l| format!("{key} (line {l})")), inner.message().to_owned())
        })?;
        match scenario.faults().into_iter().next() {
            Some((key, what)) => Err(wrong(key, what)),
            None => Ok(scenario),
        }
    }
    /// The camera named `id`.
    pub fn camera(&self, id: &str) -> Result<&Camera, ScenarioError> {
        self.cameras.iter().find(|c| c.id == id).ok_or_else(|| ScenarioError::NoCamera {
            id: id.into(),
            known: self.cameras.iter().map(|c| c.id.clone()).collect::<Vec<_>>().join(", "),
        })
    }

    /// All that is wrong with it: key and what would be right.
    fn faults(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let mut check = |ok: bool, key: String, what: &str| {
            if !ok {
                out.push((key, what.to_owned()));
            }
        };
        check(!self.cameras.is_empty(), "camera".into(), "a scenario needs at least one [[camera]]");
        check(self.loop_s.is_none_or(|s| s >= 10.0), "loop_s".into(), "must be 10 seconds or more");
        for (i, c) in self.cameras.iter().enumerate() {
            let key = |k: &str| format!("camera[{i}].{k}");
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            check(!c.id.is_empty() && c.id.chars().all(plain), key("id"), "must be letters, digits, '-', '.' or '_'");
            check(self.cameras[..i].iter().all(|o| o.id != c.id), key("id"), "is used by another camera; ids must differ");
            check((160..=3840).contains(&c.width) && c.width % 2 == 0, key("width"), "must be an even number from 160 to 3840");
            check(
                (120..=2160).contains(&c.height) && c.height % 2 == 0,
                key("height"),
                "must be an even number from 120 to 2160",
            );
            check((1..=60).contains(&c.fps), key("fps"), "must be 1 to 60");
            check((50..=50_000).contains(&c.bitrate_kbps), key("bitrate_kbps"), "must be 50 to 50000");
            check(c.keyframe_s > 0.0 && c.keyframe_s <= 60.0, key("keyframe_s"), "must be over 0 and at most 60");
            check((2.0..=30.0).contains(&c.pose.height_m), key("pose.height_m"), "must be 2 to 30");
            check((2.0..=60.0).contains(&c.pose.pitch_deg), key("pose.pitch_deg"), "must be 2 to 60");
            check((-40.0..=40.0).contains(&c.pose.yaw_deg), key("pose.yaw_deg"), "must be -40 to 40");
            check((20.0..=110.0).contains(&c.pose.hfov_deg), key("pose.hfov_deg"), "must be 20 to 110");
            check((-30.0..=30.0).contains(&c.pose.x_m), key("pose.x_m"), "must be -30 to 30");
            check(
                (1..=6).contains(&c.road.lanes_inbound) && (1..=6).contains(&c.road.lanes_outbound),
                key("road"),
                "needs 1 to 6 lanes each way",
            );
            check((2.4..=5.0).contains(&c.road.lane_m), key("road.lane_m"), "must be 2.4 to 5");
            check((0.0..=6.0).contains(&c.road.bike_lane_m), key("road.bike_lane_m"), "must be 0 to 6");
            check((0.0..=1.0).contains(&c.look.rain), key("look.rain"), "must be 0 to 1");
            check((0.0..=20_000.0).contains(&c.traffic.inbound_per_h), key("traffic.inbound_per_h"), "must be 0 to 20000");
            check((0.0..=20_000.0).contains(&c.traffic.outbound_per_h), key("traffic.outbound_per_h"), "must be 0 to 20000");
            check((5.0..=120.0).contains(&c.traffic.speed_kmh), key("traffic.speed_kmh"), "must be 5 to 120");
            check(c.traffic.walkers <= 200, key("traffic.walkers"), "must be at most 200");
            let m = &c.traffic.mix;
            let shares = [m.motorcycle, m.car, m.truck, m.bus, m.bicycle];
            check(
                shares.iter().all(|s| *s >= 0.0) && shares.iter().sum::<f32>() > 0.0,
                key("traffic.mix"),
                "shares must not be negative, and one must be above 0",
            );
            for (j, e) in c.events.iter().enumerate() {
                let key = |k: &str| format!("camera[{i}].event[{j}].{k}");
                let (a, b) = e.span();
                check(a >= 0.0, key("at_s"), "must be 0 or later");
                check(b > a, key("until_s"), "must be later than at_s");
                check(self.loop_s.is_none_or(|l| a < l && (b <= l || b.is_infinite())), key("at_s"), "must lie inside loop_s");
                match e {
                    Event::Flood { depth_cm, .. } => check((1.0..=150.0).contains(depth_cm), key("depth_cm"), "must be 1 to 150"),
                    Event::Signal { green_s, red_s, .. } => {
                        check(*green_s > 0.0 && *red_s > 0.0, key("green_s"), "green_s and red_s must be above 0")
                    }
                    Event::Fire { size_m: Some(s), .. } | Event::Smoke { size_m: Some(s), .. } => {
                        check((0.2..=20.0).contains(s), key("size_m"), "must be 0.2 to 20")
                    }
                    Event::WrongWay { every_s: Some(s), .. } => check(*s >= 2.0, key("every_s"), "must be 2 or more"),
                    _ => {}
                }
            }
        }
        out
    }
}
