//! The streets on which the judgement of traffic is measured: free, moderate, dense, jammed, at a signal, and with what must be found.

use std::fmt::Write;

use anyhow::Result;

use crate::{detector::Eyesight, judged::Street};

/// Light and weather of a set of streets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Overcast day, dry.
    Day,
    /// A lit night.
    Night,
    /// Day, steady rain: people drive slower.
    Rain,
}

impl Weather {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Night, Self::Rain];

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Night => "night",
            Self::Rain => "rain",
        }
    }

    /// How well the detector sees.
    pub fn eyes(self) -> Eyesight {
        match self {
            Self::Day => Eyesight::DAY,
            Self::Night => Eyesight::NIGHT,
            Self::Rain => Eyesight::RAIN,
        }
    }

    fn look(self) -> &'static str {
        match self {
            Self::Day => "hour = \"overcast\"",
            Self::Night => "hour = \"night\"",
            Self::Rain => "hour = \"overcast\", rain = 0.6",
        }
    }

    fn speed_kmh(self) -> f32 {
        match self {
            Self::Day => 38.0,
            Self::Night => 42.0,
            Self::Rain => 28.0,
        }
    }
}

/// What a street is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Few vehicles.
    Free,
    /// Some more.
    Moderate,
    /// Many, and they flow.
    Dense,
    /// A bottleneck closes from minute two to eight: a jam that has to be found.
    Jam,
    /// A signal with an even cycle.
    Signal,
    /// A signal with a long red and little traffic: single cars wait before an empty junction.
    LonelySignal,
    /// One vehicle after the other breaks down.
    Stopped,
    /// The same on a full road.
    StoppedInDense,
    /// Riders come the wrong way.
    WrongWay,
    /// People walk on the carriageway.
    OnFoot,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Free,
        Self::Moderate,
        Self::Dense,
        Self::Jam,
        Self::Signal,
        Self::LonelySignal,
        Self::Stopped,
        Self::StoppedInDense,
        Self::WrongWay,
        Self::OnFoot,
    ];

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Moderate => "moderate",
            Self::Dense => "dense",
            Self::Jam => "jam",
            Self::Signal => "signal",
            Self::LonelySignal => "lonely signal",
            Self::Stopped => "stopped",
            Self::StoppedInDense => "stopped, dense",
            Self::WrongWay => "wrong way",
            Self::OnFoot => "on foot",
        }
    }

    fn minutes(self) -> f64 {
        match self {
            Self::Free | Self::Moderate | Self::Dense | Self::WrongWay | Self::OnFoot => 8.0,
            Self::Jam | Self::LonelySignal | Self::StoppedInDense => 12.0,
            Self::Signal | Self::Stopped => 15.0,
        }
    }

    /// Vehicles an hour, inbound and outbound.
    fn demand(self) -> (u32, u32) {
        match self {
            Self::Free => (500, 700),
            Self::Moderate => (1500, 1800),
            Self::Dense => (3600, 4200),
            Self::Jam => (4000, 1500),
            Self::Signal => (1500, 1300),
            Self::LonelySignal => (220, 300),
            Self::Stopped => (900, 1200),
            Self::StoppedInDense => (2600, 2600),
            Self::WrongWay | Self::OnFoot => (1000, 1300),
        }
    }

    fn events(self, seed: u64) -> String {
        let mut text = String::new();
        let mut event = |body: &str| {
            writeln!(text, "[[camera.event]]\n{body}").unwrap_or_else(|_| unreachable!("a String takes all"));
        };
        match self {
            Self::Free | Self::Moderate | Self::Dense => {}
            Self::Jam => event("kind = \"jam\"\nat_s = 120\nuntil_s = 480\ndirection = \"inbound\""),
            Self::Signal => {
                event("kind = \"signal\"\nat_s = 0\ndirection = \"inbound\"\nat_m = 16\ngreen_s = 32\nred_s = 33");
                event("kind = \"signal\"\nat_s = 9\ndirection = \"outbound\"\nat_m = 40\ngreen_s = 40\nred_s = 50");
            }
            Self::LonelySignal => {
                event("kind = \"signal\"\nat_s = 0\ndirection = \"inbound\"\nat_m = 16\ngreen_s = 25\nred_s = 65");
                event("kind = \"signal\"\nat_s = 30\ndirection = \"outbound\"\nat_m = 38\ngreen_s = 30\nred_s = 45");
            }
            Self::Stopped | Self::StoppedInDense => {
                for n in 0..(self.minutes() * 60.0 / 80.0) as u64 {
                    let at_s = 20 + n * 80;
                    let direction = if (n + seed).is_multiple_of(2) { "inbound" } else { "outbound" };
                    let class = if n % 3 == 2 { "motorcycle" } else { "car" };
                    let at_m = 16 + (n * 7 + seed * 3) % 22;
                    let until_s = at_s + 55;
                    event(&format!(
                        "kind = \"stopped\"\nat_s = {at_s}\nuntil_s = {until_s}\ndirection = \"{direction}\"\nclass = \"{class}\"\nat_m = {at_m}"
                    ));
                }
            }
            Self::WrongWay => {
                event("kind = \"wrong_way\"\nat_s = 30\ndirection = \"inbound\"\nevery_s = 37");
                event("kind = \"wrong_way\"\nat_s = 45\ndirection = \"outbound\"\nevery_s = 41");
            }
            Self::OnFoot => {
                for n in 0..10 {
                    let direction = if n % 2 == 0 { "inbound" } else { "outbound" };
                    let (at_s, at_m) = (15 + n * 45, 14 + (n * 5) % 16);
                    let until_s = at_s + 18;
                    // Inbound traffic comes nearer: whoever goes with it begins farther out.
                    let at_m = if n % 2 == 0 { at_m + 16 } else { at_m };
                    event(&format!(
                        "kind = \"on_foot\"\nat_s = {at_s}\nuntil_s = {until_s}\ndirection = \"{direction}\"\nat_m = {at_m}"
                    ));
                }
            }
        }
        text
    }

    /// The street, with chance by `seed`: another camera, road and mix each time.
    pub fn street(self, weather: Weather, seed: u64) -> Result<Street> {
        let (inbound, outbound) = self.demand();
        let (height, pitch, x) = [(7.5, 17.0, -0.5), (8.5, 18.0, 1.0), (7.0, 16.0, 0.5), (9.5, 19.0, -1.5)][(seed % 4) as usize];
        let (lanes, bike_lane, median) = [(2, 2.4, "line"), (2, 1.6, "fence"), (3, 2.0, "concrete")][(seed % 3) as usize];
        let mix = [
            "motorcycle = 0.70, car = 0.22, truck = 0.04, bus = 0.02, bicycle = 0.02",
            "motorcycle = 0.55, car = 0.36, truck = 0.05, bus = 0.03, bicycle = 0.01",
        ][(seed % 2) as usize];
        let (look, speed) = (weather.look(), weather.speed_kmh());
        let camera = format!(
            "seed = {}\n[[camera]]\nid = \"a\"\nfps = 5\npose = {{ height_m = {height}, pitch_deg = {pitch}, hfov_deg = 60, x_m = {x} }}\nroad = {{ lanes_inbound = {lanes}, lanes_outbound = {lanes}, bike_lane_m = {bike_lane}, median = \"{median}\" }}\nlook = {{ {look} }}\ntraffic = {{ inbound_per_h = {inbound}, outbound_per_h = {outbound}, speed_kmh = {speed}, walkers = 8, mix = {{ {mix} }} }}\n",
            9000 + seed * 17 + self as u64,
        );
        let text = camera + &self.events(seed);
        let seed = seed * 31 + weather as u64 * 7 + self as u64;
        Street::new(self.name(), &text, weather.eyes(), seed, self.minutes() * 60.0)
    }
}
