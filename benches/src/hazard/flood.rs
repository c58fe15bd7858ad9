//! Floods of the simulated city with their depth, and a water model that errs.
//!
//! The model's mask has 48 by 28 cells, as `models/registry.toml` has it. By how much it errs is set so that its masks overlap the truth by about what
//! `models/cards/water.md` measures on simulated streets (an IoU of .49 over all cells); the bench prints the overlap it comes to. Errors are patches that stay for some readings,
//! not cells that flicker; far water is missed more than near water, and wet asphalt shines.

use std::path::Path;

use matpho_analytics::{Analytic, CameraAnalytics, CameraPlan, Input, Mark, MarkOn, Observation, Output, Params, Purpose, Zone};
use matpho_scene::{
    Mask, MediaTime, NormPoint, PictureSize, Polygon, WaterReading, ZoneId,
    event::{DepthBand, DepthRange, EventKind, Phase},
};
use matpho_sim::{CameraSim, Fault, Models, Scenario};

use super::{Dice, Weather};

/// The picture that truth is taken from: ten pixels a cell.
const PICTURE: PictureSize = PictureSize { width: 480, height: 270 };
/// Cells of a mask.
const CELLS: (usize, usize) = (48, 28);
/// From one reading to the next.
pub const EVERY_S: f64 = 10.0;
/// From this share of the road on a person would call it flooded.
const VISIBLE_SHARE: f32 = 0.1;

/// What the water model errs in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaterSight {
    /// Probability that it gives to near water, and to what is dry.
    near: f32,
    dry: f32,
    /// Far water loses this much of it.
    far_loss: f32,
    /// Standard deviation of patches.
    patches: f32,
}

impl WaterSight {
    /// In a weather.
    pub const fn of(weather: Weather) -> Self {
        match weather {
            Weather::Day => Self { near: 0.85, dry: 0.12, far_loss: 0.35, patches: 0.14 },
            Weather::Night => Self { near: 0.78, dry: 0.15, far_loss: 0.45, patches: 0.17 },
            Weather::Rain => Self { near: 0.82, dry: 0.25, far_loss: 0.35, patches: 0.16 },
        }
    }
}

/// One reading's truth.
#[derive(Debug, Clone)]
pub struct Wet {
    /// Scenario seconds.
    pub t: f64,
    /// At the gutter.
    pub depth_cm: f32,
    /// Of the visible carriageway.
    pub share: f32,
    /// Share of water in each cell.
    cells: Vec<f32>,
}

/// A street that floods.
#[derive(Debug, Clone)]
pub struct FloodScene {
    /// What an installer drew.
    pub zone: Zone,
    /// Its readings.
    pub wet: Vec<Wet>,
}

impl FloodScene {
    /// Renders a street that is dry for two minutes, floods to `depth_cm` (dry where that is 0) within eight minutes, as a tide or a downpour does, stays so for seven and dries again.
    pub fn film(weather: Weather, seed: u32, depth_cm: f32, models: &Models) -> Self {
        let mut dice = Dice::new(u64::from(seed) ^ 0xf100d);
        let (pitch, height) = (dice.range(15.0, 19.0), dice.range(5.5, 8.0));
        let flood = if depth_cm > 0.0 {
            format!("[[camera.event]]\nkind = \"flood\"\nat_s = 120\nuntil_s = 1500\ndepth_cm = {depth_cm}\nrise_s = 480\n")
        } else {
            String::new()
        };
        let text = format!(
            "seed = {seed}\n[[camera]]\nid = \"a\"\nwidth = {}\nheight = {}\npose = {{ height_m = {height:.1}, pitch_deg = {pitch:.0}, yaw_deg = {:.0}, hfov_deg = 60 }}\nlook = {}\n\
             road = {{ lanes_inbound = 1, lanes_outbound = 1, bike_lane_m = 2.2 }}\ntraffic = {{ inbound_per_h = 500, outbound_per_h = 500 }}\n{flood}",
            PICTURE.width,
            PICTURE.height,
            dice.range(-8.0, 8.0),
            weather.look(),
        );
        let scenario =
            Scenario::parse(&text, Path::new("judgement_hazard")).unwrap_or_else(|e| unreachable!("our own scenario: {e}"));
        let mut sim = CameraSim::new(&scenario, &scenario.cameras[0], models).with_water_mask();
        let zone = zone(&scenario, &sim);
        let wet = (0..=(1620.0 / EVERY_S) as u64)
            .map(|n| {
                let t = n as f64 * EVERY_S;
                let picture = sim.picture(t, Fault::None);
                let cells = cells(picture.water_mask);
                Wet { t, depth_cm: picture.truth.states.water_depth_cm, share: picture.truth.states.water_share, cells }
            })
            .collect();
        Self { zone, wet }
    }

    /// When a person would call it flooded.
    pub fn visible_s(&self) -> Option<f64> {
        self.wet.iter().find(|wet| wet.share >= VISIBLE_SHARE).map(|wet| wet.t)
    }
}

fn zone(scenario: &Scenario, sim: &CameraSim) -> Zone {
    let described = matpho_sim::describe(scenario);
    let corners: Vec<[f32; 2]> = described["cameras"][0]["road"]["polygon"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| [0, 1].map(|k| p[k].as_f64().unwrap_or(0.0).clamp(0.0, 1.0) as f32))
        .collect();
    let polygon = Polygon::try_from(corners).unwrap_or_else(|e| unreachable!("a road is a polygon: {e}"));
    let id: ZoneId = "road".parse().unwrap_or_else(|_| unreachable!("a slug"));
    let mut zone = Zone::new(id, Purpose::RoadSurface, polygon);
    zone.marks = sim
        .survey()
        .into_iter()
        .map(|mark| Mark {
            picture: NormPoint::clamped(mark.image[0], mark.image[1]),
            height_cm: mark.height_cm,
            on: match mark.on {
                "road" => MarkOn::Road,
                "kerb" => MarkOn::Kerb,
                _ => MarkOn::Staff,
            },
        })
        .collect();
    zone
}

fn cells(mask: Option<&[u8]>) -> Vec<f32> {
    let mut cells = vec![0.0f32; CELLS.0 * CELLS.1];
    let Some(mask) = mask else { return cells };
    let (w, h) = (PICTURE.width as usize, PICTURE.height as usize);
    let mut counts = vec![0u32; cells.len()];
    for y in 0..h {
        for x in 0..w {
            let cell = (y * CELLS.1 / h) * CELLS.0 + x * CELLS.0 / w;
            counts[cell] += 1;
            cells[cell] += f32::from(mask[y * w + x] > 127);
        }
    }
    cells.iter().zip(counts).map(|(wet, n)| wet / n.max(1) as f32).collect()
}

/// What the play of one scene came to.
#[derive(Debug, Clone, Default)]
pub struct FloodOutcome {
    /// When the first event began to be said, and when the last ended.
    pub began_s: Option<f64>,
    /// When it was said to be over.
    pub ended_s: Option<f64>,
    /// Events that began.
    pub events: usize,
    /// Readings while an event is open.
    pub readings: usize,
    /// What was said of the depth at these, by how many bands it held (all five: nothing), and in how many of these that was right.
    pub said: [(usize, usize); 5],
    /// Readings at which the likeliest band was right, sure or not.
    pub likeliest_right: usize,
    /// Readings at which the event's last word on the depth, up to a minute old, was right, and at which it had one.
    pub last_word: (usize, usize),
    /// Cells over the threshold in truth and mask, and in either.
    pub overlap: (f64, f64),
}

/// Plays a scene as the water model sees it. `marks`: whether the installer surveyed some.
pub fn play(scene: &FloodScene, params: Params, sight: WaterSight, seed: u64, marks: bool) -> FloodOutcome {
    let mut zone = scene.zone.clone();
    if !marks {
        zone.marks.clear();
    }
    let plan = CameraPlan::new(vec![zone], [Analytic::Flood].into(), params).unwrap_or_else(|e| unreachable!("{e:?}"));
    let zone = plan.zones().first().cloned().unwrap_or_else(|| unreachable!("one zone"));
    let mut analytics = CameraAnalytics::new(plan);
    let mut eye = WaterEye::new(sight, seed);
    let mut outcome = FloodOutcome::default();
    let trace = std::env::var_os("MATPHO_BENCH_DETAILS").is_some();
    let mut said: Option<Option<DepthRange>> = None;
    for wet in &scene.wet {
        let mask = eye.look(&wet.cells);
        let (both, either) = overlap(&mask, &wet.cells);
        outcome.overlap = (outcome.overlap.0 + both, outcome.overlap.1 + either);
        let share = mask.share_within(&zone.polygon, 128).unwrap_or(0.0);
        let marks = zone.marks.iter().map(|mark| mask.at(mark.picture)).collect();
        let reading = WaterReading { share, marks, grid: mask.grid() };
        let at = MediaTime::from_secs_f64(wet.t);
        let readings = [(zone.id.clone(), reading)];
        analytics.handle_input(at, Input::Frame(Observation { water: Some(&readings), ..Observation::bare(PICTURE) }));
        while let Some(output) = analytics.poll_output() {
            let Output::Finding(f) = output else { continue };
            if f.kind != EventKind::Flood {
                continue;
            }
            match f.phase {
                Phase::Began => {
                    outcome.began_s.get_or_insert(wet.t);
                    outcome.events += 1;
                }
                Phase::Ended => outcome.ended_s = Some(wet.t),
                Phase::Updated => {}
            }
            said = match (f.phase, &f.detail) {
                (Phase::Ended, _) => None,
                (Phase::Began | Phase::Updated, detail) => Some(detail.depth()),
            };
        }
        if let (Some(last_word), true) = (said, wet.depth_cm > 0.5) {
            let truth = DepthBand::of_cm(wet.depth_cm);
            let right = |range: Option<DepthRange>| range.is_some_and(|range| range.contains(truth));
            let (now, likeliest) = analytics.depth(&zone.id).unwrap_or((None, DepthBand::Under10));
            let bands =
                now.map_or(DepthBand::ALL.len(), |now| DepthBand::ALL.into_iter().filter(|band| now.contains(*band)).count());
            let cell = &mut outcome.said[bands - 1];
            *cell = (cell.0 + 1, cell.1 + usize::from(right(now)));
            outcome.readings += 1;
            outcome.likeliest_right += usize::from(likeliest == truth);
            outcome.last_word.0 += usize::from(right(last_word));
            outcome.last_word.1 += usize::from(last_word.is_some());
            if trace {
                println!(
                    "{:5.0} s {:5.1} cm {truth:?}: {} {likeliest:?}",
                    wet.t,
                    wet.depth_cm,
                    now.map_or("-".into(), |now| now.to_string())
                );
            }
        }
    }
    outcome
}

fn overlap(mask: &Mask, truth: &[f32]) -> (f64, f64) {
    mask.cells().iter().zip(truth).fold((0.0, 0.0), |(both, either), (said, is)| {
        let (said, is) = (*said >= 128, *is >= 0.5);
        (both + f64::from(u8::from(said && is)), either + f64::from(u8::from(said || is)))
    })
}

/// A water model that errs.
struct WaterEye {
    sight: WaterSight,
    dice: Dice,
    /// Patches of error: a coarse grid that changes slowly.
    patches: Vec<f32>,
}

/// Patches across and down, and how much of one reading's is in the next.
const PATCHES: (usize, usize) = (9, 6);
const STAYS: f32 = 0.7;

impl WaterEye {
    fn new(sight: WaterSight, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let patches = (0..PATCHES.0 * PATCHES.1).map(|_| dice.normal()).collect();
        Self { sight, dice, patches }
    }

    fn look(&mut self, cells: &[f32]) -> Mask {
        let fresh = (1.0 - STAYS * STAYS).sqrt();
        for patch in &mut self.patches {
            *patch = STAYS * *patch + fresh * self.dice.normal();
        }
        let mut bytes = Vec::with_capacity(cells.len());
        for y in 0..CELLS.1 {
            // From the lower edge (near) to the middle (far).
            let far = ((1.0 - y as f32 / CELLS.1 as f32) * 2.0).clamp(0.0, 1.0).powi(3);
            for x in 0..CELLS.0 {
                let wet = cells[y * CELLS.0 + x];
                let there = self.sight.near * (1.0 - self.sight.far_loss * far);
                let p = wet * there
                    + (1.0 - wet) * self.sight.dry
                    + self.sight.patches * self.patch(x, y)
                    + 0.04 * self.dice.normal();
                bytes.push((p.clamp(0.0, 1.0) * 255.0) as u8);
            }
        }
        Mask::new(CELLS.0 as u32, CELLS.1 as u32, bytes).unwrap_or_else(|e| unreachable!("{e}"))
    }

    /// Between the four nearest patches.
    fn patch(&self, x: usize, y: usize) -> f32 {
        let place = |at: usize, of: usize, patches: usize| {
            let p = at as f32 / of as f32 * (patches - 1) as f32;
            (p as usize, (p as usize + 1).min(patches - 1), p.fract())
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (place(x, CELLS.0, PATCHES.0), place(y, CELLS.1, PATCHES.1));
        let at = |x: usize, y: usize| self.patches[y * PATCHES.0 + x];
        let row = |y: usize| at(x0, y) * (1.0 - fx) + at(x1, y) * fx;
        row(y0) * (1.0 - fy) + row(y1) * fy
    }
}
