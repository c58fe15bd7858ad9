//! Scenes of the simulated city with their truth, taken once and judged many times.

use std::{collections::BTreeMap, path::Path};

use matpho_scene::{NormBox, PictureSize};
use matpho_sim::{CameraSim, Class, Fault, Models, Scenario};

use super::{Dice, Weather};

/// Pictures a second of a burst.
pub const BURST_HZ: u64 = 8;
/// The picture that truth is taken from.
pub const PICTURE: PictureSize = PictureSize { width: 320, height: 180 };
/// From this side (root of the area, in pixels of a picture 512 wide) on a person would say so too.
const VISIBLE_PX: f32 = 12.0;
/// From this side on the model finds it as well as any: its cells are 16 pixels.
pub const LARGE_PX: f32 = 15.0;
/// Less of a vehicle than this is not found.
const VISIBLE_MIN: f32 = 0.3;
/// How long something must be in sight, on the whole, to be said so.
const IN_SIGHT_S: u64 = 5;
/// After the beginning, truth is taken for every second look of a burst, and once a second else.
const CLOSE_S: f64 = 16.0;

/// What burns where, by eighths of a second.
#[derive(Debug, Clone)]
pub struct FireScene {
    /// How long.
    pub seconds: f64,
    /// When a person would first say so; none where nothing is ever large enough.
    pub visible_s: Option<f64>,
    /// When the flames are first so large that the model finds them as well as any; none where they never are.
    pub large_s: Option<f64>,
    /// When a person would first say so of smoke.
    pub smoke_visible_s: Option<f64>,
    /// When it is out.
    pub out_s: f64,
    truth: BTreeMap<u64, Burning>,
}

/// What is to be seen at a moment.
#[derive(Debug, Clone, Default)]
pub struct Burning {
    /// Flames.
    pub flames: Vec<NormBox>,
    /// Smoke.
    pub smoke: Vec<NormBox>,
    /// Vehicles, by their number in the city.
    pub vehicles: Vec<(u32, NormBox)>,
}

impl FireScene {
    /// What is to be seen at `t`.
    pub fn at(&self, t: f64) -> Option<&Burning> {
        let tick = (t * BURST_HZ as f64).round() as u64;
        self.truth.range(..=tick).next_back().map(|(_, burning)| burning)
    }

    /// Renders a street on which something burns for a minute.
    pub fn film(weather: Weather, seed: u32, models: &Models) -> Self {
        let mut dice = Dice::new(u64::from(seed) ^ 0xf1e);
        let (at_s, until_s, seconds) = (30.0 + f64::from(dice.range(0.0, 15.0)), 105.0, 120.0);
        let place = ["shop", "kerb", "vehicle"][seed as usize % 3];
        let direction = if dice.chance(0.5) { "inbound" } else { "outbound" };
        let text = format!(
            "seed = {seed}\n[[camera]]\nid = \"a\"\nwidth = {}\nheight = {}\npose = {{ height_m = {:.1}, pitch_deg = {:.0}, yaw_deg = {:.0}, hfov_deg = 58 }}\nlook = {}\n\
             traffic = {{ inbound_per_h = 500, outbound_per_h = 500 }}\n\
             [[camera.event]]\nkind = \"fire\"\nat_s = {at_s:.2}\nuntil_s = {until_s}\nplace = \"{place}\"\ndirection = \"{direction}\"\nat_m = {:.0}\nsize_m = {:.1}\ngrow_s = {:.0}\n",
            PICTURE.width,
            PICTURE.height,
            dice.range(6.0, 9.0),
            dice.range(13.0, 18.0),
            dice.range(-6.0, 6.0),
            weather.look(),
            dice.range(16.0, 40.0),
            dice.range(1.8, 4.0),
            dice.range(8.0, 25.0),
        );
        let scenario =
            Scenario::parse(&text, Path::new("judgement_hazard")).unwrap_or_else(|e| unreachable!("our own scenario: {e}"));
        let mut sim = CameraSim::new(&scenario, &scenario.cameras[0], models);
        let mut moments = BTreeMap::new();
        for tick in 0..=(seconds as u64 * BURST_HZ) {
            let t = tick as f64 / BURST_HZ as f64;
            let close = (at_s..at_s + CLOSE_S).contains(&t);
            if tick % (if close { 2 } else { BURST_HZ }) != 0 {
                continue;
            }
            let truth = sim.picture(t, Fault::None).truth;
            let states = &truth.states;
            let boxes = |of: &[[f32; 4]]| of.iter().filter_map(|b| NormBox::from_pixels(*b, PICTURE)).collect::<Vec<_>>();
            let (flames, smoke) = (boxes(&states.fire), boxes(&states.smoke));
            let vehicles = truth.boxes.iter().filter(|o| o.visible >= VISIBLE_MIN && o.class != Class::Person);
            let vehicles = vehicles.filter_map(|o| Some((o.id, NormBox::from_pixels(o.bounds, PICTURE)?))).collect();
            moments.insert(tick, Burning { flames, smoke, vehicles });
        }
        Self {
            seconds,
            visible_s: in_sight_s(&moments, |b| &b.flames, VISIBLE_PX),
            large_s: in_sight_s(&moments, |b| &b.flames, LARGE_PX),
            smoke_visible_s: in_sight_s(&moments, |b| &b.smoke, VISIBLE_PX),
            out_s: until_s,
            truth: moments,
        }
    }
}

/// From when on something of at least this side is in sight, in half of the [`IN_SIGHT_S`] that follow at least: a tongue of flame that licks into the picture once, of a fire beyond its
/// edge, is in nobody's sight yet.
fn in_sight_s(truth: &BTreeMap<u64, Burning>, of: fn(&Burning) -> &[NormBox], side_px: f32) -> Option<f64> {
    let shows = |burning: &Burning| of(burning).iter().any(|b| b.area().sqrt() * 512.0 >= side_px);
    let stays = |from: u64| {
        let (all, shown) = truth
            .range(from..=from + IN_SIGHT_S * BURST_HZ)
            .fold((0, 0), |(all, shown), (_, burning)| (all + 1, shown + usize::from(shows(burning))));
        2 * shown >= all
    };
    truth.iter().find(|(tick, burning)| shows(burning) && stays(**tick)).map(|(tick, _)| *tick as f64 / BURST_HZ as f64)
}
