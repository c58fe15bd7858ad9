//! One simulated camera: its street, its traffic, and the picture of any instant with the truth beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fault::Fault;
use crate::geom::{Dice, smooth, v3};
use crate::render::backdrop::{Backdrop, lamplight};
use crate::render::canvas::{Canvas, NO_ONE};
use crate::render::fire::{Blaze, Puffs, flames, growth};
use crate::render::lamps::lights;
use crate::render::light::Light;
use crate::render::models::{self, Model};
use crate::render::sensor::{self, Sensor};
use crate::render::sprite::{Drawn, Placed, Sprites};
use crate::render::street::Street;
use crate::render::view::View;
use crate::render::water::Flood;
use crate::scenario::{Camera, Direction, Event, Place, Scenario};
use crate::truth::{Bounds, Class, Object, States, Truth};
use crate::world::happenings::Script;
use crate::world::traffic::{Traffic, Vehicle};

/// How the camera's own pose draws the street. A camera knocked aside gets another.
struct Stage {
    view: View,
    canvas: Canvas,
    sprites: Sprites,
    flood: Flood,
    street: Street,
}

/// A camera that makes pictures.
pub struct CameraSim {
    spec: Camera,
    seed: u32,
    models: Arc<Vec<Model>>,
    light: Light,
    stage: Stage,
    /// The pose it was knocked into, and what that costs to draw.
    knocked: Option<(Fault, Box<Stage>)>,
    traffic: Traffic,
    script: Script,
    puffs: Puffs,
    sensor: Sensor,
    /// The picture: planar Y, U, V (4:2:0).
    yuv: Vec<u8>,
    water_mask: Option<Vec<u8>>,
    frame: u64,
}

pub(crate) fn view_of(spec: &Camera, yaw_deg: f32, pitch_deg: f32) -> View {
    let p = &spec.pose;
    View::new(
        (spec.width, spec.height),
        v3(p.x_m, 0.0, p.height_m),
        (p.yaw_deg + yaw_deg).to_radians(),
        (p.pitch_deg + pitch_deg).to_radians(),
        p.hfov_deg.to_radians(),
    )
}

impl Stage {
    fn new(spec: &Camera, seed: u32, light: &Light, turned: (f32, f32)) -> Self {
        let view = view_of(spec, turned.0, turned.1);
        let street = Street::new(&spec.road, seed, &view);
        let backdrop = Arc::new(Backdrop::render(&street, &view, light));
        Self { flood: Flood::new(&street, &view), canvas: Canvas::new(backdrop), sprites: Sprites::default(), view, street }
    }
}

/// The vehicles' meshes, built once for all cameras.
#[derive(Clone)]
pub struct Models(Arc<Vec<Model>>);

impl Models {
    /// Builds them.
    pub fn build() -> Self {
        Self(Arc::new(models::all()))
    }
}

/// One picture.
pub struct Picture<'a> {
    /// Planar Y, U, V (4:2:0), BT.601 limited range, no padding.
    pub yuv: &'a [u8],
    /// What is really in it.
    pub truth: Truth,
    /// White where there is water, when there is any and it was asked for.
    pub water_mask: Option<&'a [u8]>,
}

impl CameraSim {
    /// Builds the street of `camera` and runs its traffic for a minute, so that time 0 finds it busy.
    pub fn new(scenario: &Scenario, camera: &Camera, models: &Models) -> Self {
        let place = scenario.cameras.iter().position(|c| c.id == camera.id).unwrap_or(0) as u32;
        let seed = crate::geom::hash(scenario.seed.wrapping_mul(7919) ^ camera.seed.unwrap_or(place + 1));
        let mut d = Dice::new(seed);
        let jitter = [0, 1, 2].map(|_| d.range(-1.0, 1.0));
        let light = Light::new(camera.look.hour, camera.look.rain, jitter);
        let stage = Stage::new(camera, seed, &light, (0.0, 0.0));
        let script = Script::new(scenario, &camera.events);
        let traffic = Traffic::new(camera, script.clone(), &models.0, seed, stage.street.pavement_m);
        let noise = 1.3 + 2.2 * light.night + 0.5 * light.wet;
        Self {
            spec: camera.clone(),
            seed,
            models: models.0.clone(),
            puffs: Puffs::new(seed),
            sensor: Sensor::new(seed, noise),
            yuv: vec![128; camera.width * camera.height * 3 / 2],
            light,
            stage,
            knocked: None,
            traffic,
            script,
            water_mask: None,
            frame: 0,
        }
    }
    /// The camera's description.
    pub fn spec(&self) -> &Camera {
        &self.spec
    }
    /// The fault that the scenario asks for at `t`.
    pub fn scripted_fault(&self, t: f64) -> Fault {
        self.script.fault(t)
    }
    /// Asks for water masks with the pictures.
    pub fn with_water_mask(mut self) -> Self {
        self.water_mask = Some(Vec::new());
        self
    }
    /// What a surveyor works with.
    pub(crate) fn surveyed(&self) -> (&View, &Street, &Flood) {
        (&self.stage.view, &self.stage.street, &self.stage.flood)
    }
    /// How far what is built stands from the camera at a pixel.
    pub(crate) fn seen_depth_m(&self, pixel: usize) -> f32 {
        f32::from(self.stage.canvas.backdrop.depth[pixel]) / 100.0
    }
    /// Lets traffic go on to scenario time `t` without taking a picture.
    pub fn skip_to(&mut self, t: f64) {
        self.traffic.advance(t, &self.models);
    }

    /// What weather and the camera's own electronics do to the picture.
    fn finish(&mut self, t: f64, fault: Fault) {
        let (w, h) = (self.spec.width, self.spec.height);
        let (luma, chroma) = self.yuv.split_at_mut(w * h);
        if self.light.wet > 0.05 {
            sensor::rain(luma, (w, h), self.light.wet, self.frame, self.seed);
        }
        match fault {
            Fault::Blur => {
                let r = (w / 70).max(4);
                sensor::defocus(luma, w, h, r);
                let (us, vs) = chroma.split_at_mut(w * h / 4);
                sensor::defocus(us, w / 2, h / 2, r / 2);
                sensor::defocus(vs, w / 2, h / 2, r / 2);
            }
            Fault::Black => {
                luma.fill(17);
                chroma.fill(128);
            }
            Fault::Cover => cover(luma, chroma, w, h),
            _ => {}
        }
        self.sensor.noise(luma, w, self.frame);
        let second = t as u64 + 8 * 3600 + 15 * 60;
        let clock = format!("{:02}:{:02}:{:02}", second / 3600 % 24, second / 60 % 60, second % 60);
        let k = (w / 480).max(1);
        sensor::write(luma, (w, h), (6 * k, 5 * k), k, &clock);
        let label = self.spec.id.clone();
        sensor::write(luma, (w, h), (6 * k, h.saturating_sub(13 * k)), k, &label);
    }

    /// The picture of scenario time `t` (never before the last one), under `fault`.
    pub fn picture(&mut self, t: f64, fault: Fault) -> Picture<'_> {
        self.traffic.advance(t, &self.models);
        if let Fault::Shift { yaw_deg, pitch_deg } = fault {
            if self.knocked.as_ref().is_none_or(|k| k.0 != fault) {
                self.knocked = Some((fault, Box::new(Stage::new(&self.spec, self.seed, &self.light, (yaw_deg, pitch_deg)))));
            }
        } else {
            self.knocked = None;
        }
        let frozen = fault == Fault::Freeze && self.frame > 0;
        let mut states = States { fault: (fault != Fault::None).then(|| fault.kind().to_owned()), ..States::default() };
        let stage = self.knocked.as_mut().map_or(&mut self.stage, |k| &mut k.1);
        let Stage { view, canvas, sprites, flood, street } = stage;
        canvas.begin();

        let mut actors: Vec<Actor> = self.traffic.vehicles.iter().map(Actor::Drives).collect();
        actors.extend(self.traffic.walkers.iter().map(Actor::Walks));
        actors.sort_by(|a, b| b.y().total_cmp(&a.y()));
        let mut drawn: Vec<Option<(Placed, Drawn)>> = Vec::with_capacity(actors.len());
        for (mark, a) in actors.iter().enumerate() {
            let mut p = a.placed(mark as u16);
            if self.light.night > 0.0 {
                p.gain = lamp_gain(&self.light, street, &p);
            }
            drawn.push(sprites.draw(canvas, view, &self.light, &self.models, &p).map(|d| (p, d)));
        }
        let mut seen = vec![0u32; actors.len()];
        for m in canvas.who.iter().filter(|m| **m != NO_ONE) {
            seen[usize::from(*m)] += 1;
        }
        let boxes: Vec<Object> = actors
            .iter()
            .zip(&drawn)
            .zip(&seen)
            .filter_map(|((a, d), seen)| a.object(&self.traffic, d.as_ref()?.1, *seen, &self.spec, &self.models))
            .collect();
        if self.light.wet > 0.1 {
            wet_images(canvas, self.light.wet);
        }
        for (a, d) in actors.iter().zip(&drawn) {
            if let (Actor::Drives(v), Some((p, _))) = (a, d) {
                lights(canvas, view, &self.light, &self.models[v.model], p, v.v < v.wish_v * 0.5);
            }
        }

        let depth_m = flood_depth_m(&self.script, t);
        states.water_share = flood.draw(canvas, view, &self.light, depth_m, t, self.water_mask.as_mut());
        states.water_depth_cm = depth_m * 100.0;
        for blaze in blazes(&self.script, &self.traffic, street, self.seed, t) {
            states.smoke.extend(self.puffs.plume(canvas, view, &self.light, &blaze).filter(big));
            states
                .fire
                .extend(tongues(&blaze).filter_map(|b| flames(canvas, view, &self.light, &b, t)).reduce(union).filter(big));
        }
        canvas.convert();

        let (w, h) = (self.spec.width, self.spec.height);
        if !frozen {
            self.yuv.copy_from_slice(&canvas.yuv);
            self.finish(t, fault);
        }
        states.jam = [Direction::Inbound, Direction::Outbound].into_iter().filter(|d| self.traffic.jammed(*d)).collect();
        states.stopped = self.traffic.vehicles.iter().any(|v| v.halted_by.is_some() && v.v < 0.3);
        states.wrong_way = self.traffic.vehicles.iter().any(|v| v.wrong_way);
        let mut counts = BTreeMap::new();
        for b in &boxes {
            *counts.entry(b.class).or_insert(0) += 1;
        }
        let truth = Truth {
            camera: self.spec.id.clone(),
            frame: self.frame,
            media_time_s: (t * 1000.0).round() / 1000.0,
            wall_time_s: None,
            width: w as u32,
            height: h as u32,
            boxes,
            counts,
            states,
        };
        self.frame += 1;
        Picture { yuv: &self.yuv, truth, water_mask: self.water_mask.as_deref().filter(|m| m.iter().any(|p| *p != 0)) }
    }
}

/// Somebody to draw.
enum Actor<'a> {
    Drives(&'a Vehicle),
    Walks(&'a crate::world::traffic::Walker),
}

/// What is seen of a road user must be this share of its body, and its box this many pixels high, or it is not in the picture.
const SEEN_SHARE: f32 = 0.12;
const SEEN_PX: f32 = 4.0;

impl Actor<'_> {
    fn y(&self) -> f32 {
        match self {
            Self::Drives(v) => v.place().1,
            Self::Walks(w) => w.y,
        }
    }
    fn placed(&self, mark: u16) -> Placed {
        match self {
            Self::Drives(v) => {
                let (x, y) = v.place();
                Placed { model: v.model, x, y, heading: v.heading(), paint: v.paint, cloth: v.cloth, gain: 1.0, mark }
            }
            Self::Walks(w) => {
                let heading = if w.v > 0.0 { 0.0 } else { std::f32::consts::PI };
                Placed { model: w.model, x: w.x, y: w.y, heading, paint: w.shirt, cloth: w.shirt, gain: 1.0, mark }
            }
        }
    }
    fn object(&self, traffic: &Traffic, d: Drawn, seen: u32, spec: &Camera, models: &[Model]) -> Option<Object> {
        let (w, h) = (spec.width as f32, spec.height as f32);
        let visible = (seen as f32 / d.pixels.max(1.0)).min(1.0);
        let b = d.bounds;
        let bounds =
            [b[0].clamp(0.0, w), b[1].clamp(0.0, h), b[2].clamp(0.0, w), b[3].clamp(0.0, h)].map(|v| (v * 10.0).round() / 10.0);
        if visible < SEEN_SHARE || bounds[3] - bounds[1] < SEEN_PX || bounds[2] - bounds[0] < 2.0 {
            return None;
        }
        let visible = (visible * 100.0).round() / 100.0;
        Some(match self {
            Self::Drives(v) => {
                let (x, y) = v.place();
                Object {
                    id: v.id,
                    class: v.class,
                    bounds,
                    speed_kmh: (v.v * 36.0).round() / 10.0,
                    lane: Some(traffic.lane_of(v.o)),
                    direction: Some(v.direction),
                    visible,
                    stopped: v.halted_by.is_some() && v.v < 0.3,
                    wrong_way: v.wrong_way,
                    at_m: [(x * 10.0).round() / 10.0, (y * 10.0).round() / 10.0],
                }
            }
            Self::Walks(p) => Object {
                id: p.id,
                class: models.get(p.model).map_or(Class::Person, |m| m.class),
                bounds,
                speed_kmh: (p.v.abs() * 36.0).round() / 10.0,
                lane: None,
                direction: None,
                visible,
                stopped: false,
                wrong_way: false,
                at_m: [(p.x * 10.0).round() / 10.0, (p.y * 10.0).round() / 10.0],
            },
        })
    }
}

/// A fire is more than one flame: a tall one between two lower ones, each with its own turbulence.
fn tongues(b: &Blaze) -> impl Iterator<Item = Blaze> {
    let b = *b;
    [(-0.38f32, 0.55f32, 0.6f32), (0.36, 0.66, 0.62), (0.0, 1.0, 0.85)].into_iter().enumerate().map(
        move |(i, (across, tall, wide))| Blaze {
            at: b.at + v3(0.0, across * b.width_m, 0.0) + v3(across * b.width_m * 0.55, 0.0, 0.0),
            flame_m: b.flame_m * tall,
            width_m: b.width_m * wide,
            seed: b.seed ^ (i as u32).wrapping_mul(0x3571),
            ..b
        },
    )
}

fn union(a: Bounds, b: Bounds) -> Bounds {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

fn big(b: &Bounds) -> bool {
    b[2] - b[0] >= 3.0 && b[3] - b[1] >= 3.0
}

/// How much brighter or darker than the usual lamplight a vehicle stands.
fn lamp_gain(light: &Light, street: &Street, p: &Placed) -> f32 {
    let lum = |lamp: f32| {
        let l = light.diffuse(v3(0., 0., 1.), 1.0, lamp);
        l[0] + l[1] + l[2]
    };
    (lum(lamplight(&street.lamps, v3(p.x, p.y, 0.8))) / lum(0.55)).clamp(0.55, 1.9)
}

/// On a wet road what stands on it is mirrored below it, dim and drawn out.
fn wet_images(canvas: &mut Canvas, wet: f32) {
    let (w, h) = (canvas.width, canvas.height);
    let mut foot = vec![0usize; w];
    for y in 1..h {
        for (x, foot) in foot.iter_mut().enumerate() {
            let i = y * w + x;
            if canvas.who[i] != NO_ONE {
                *foot = y;
                continue;
            }
            let f = *foot;
            let under = y - f;
            if f == 0 || under > f || under > 90 {
                continue;
            }
            let from = (f - under) * w + x;
            if canvas.who[from] == NO_ONE {
                continue;
            }
            let fade = 1.0 - under as f32 / 90.0;
            let c = canvas.rgb[from].map(i32::from);
            canvas.touch(x, y, x + 1, y + 1);
            canvas.over(i, c, (fade * wet * 74.0) as i32);
        }
    }
}

fn flood_depth_m(script: &Script, t: f64) -> f32 {
    let mut deepest = 0.0f32;
    for (_, e, since, left) in script.all(t) {
        if let Event::Flood { depth_cm, rise_s, .. } = e {
            let rise = rise_s.unwrap_or(40.0);
            let up = smooth(0.0, rise as f32, since as f32);
            // It runs off as fast as it came, beginning early enough to be gone in time.
            let down = if left.is_finite() { smooth(0.0, rise as f32, left as f32) } else { 1.0 };
            deepest = deepest.max(depth_cm / 100.0 * up * down);
        }
    }
    deepest
}

/// Everything that burns or smokes at `t`.
fn blazes(script: &Script, traffic: &Traffic, street: &Street, seed: u32, t: f64) -> Vec<Blaze> {
    let mut out = Vec::new();
    for (i, e, since, left) in script.all(t) {
        // Smoke drifts on for a while after the fire is out.
        if since < 0.0 || left < -12.0 {
            continue;
        }
        let (place, at_m, direction, size, grow, burns) = match *e {
            Event::Fire { place, at_m, direction, size_m, grow_s, .. } => {
                (place, at_m, direction, size_m.unwrap_or(2.6), grow_s.unwrap_or(15.0), true)
            }
            Event::Smoke { at_m, direction, size_m, grow_s, .. } => {
                (Place::Shop, at_m, direction, size_m.unwrap_or(2.0), grow_s.unwrap_or(10.0), false)
            }
            _ => continue,
        };
        let side = if direction.unwrap_or(Direction::Inbound) == Direction::Inbound { -1.0 } else { 1.0 };
        let far = at_m.unwrap_or(30.0);
        let at = match place {
            Place::Shop => street
                .shops
                .iter()
                .filter(|s| s.x * side > 0.0)
                .min_by(|a, b| (a.y - far).abs().total_cmp(&(b.y - far).abs()))
                .map_or(v3(side * 10.0, far, 0.0), |s| *s + v3(-side * 0.7, 0.0, 0.1)),
            Place::Kerb => v3(side * (street.edge(side) + 0.9), far, 0.1),
            Place::Vehicle => match traffic.standing_for(i) {
                Some(v) => {
                    let (x, y) = v.place();
                    v3(x, y - 1.2, 0.75)
                }
                None => continue,
            },
        };
        let flame_m = if burns && left > 0.0 { growth(since, grow, left, size) } else { 0.0 };
        let ended_s = (-left).max(0.0);
        out.push(Blaze {
            at,
            flame_m,
            width_m: if burns {
                (size * 0.75).max(0.3) * smooth(-0.5 * grow as f32, grow as f32, since as f32).max(0.25)
            } else {
                size
            },
            smoke: smooth(0.0, (grow * 0.6) as f32, since as f32),
            since_s: since,
            ended_s: if left < 0.0 { ended_s } else { 0.0 },
            seed: seed ^ (i as u32).wrapping_mul(77_171),
        });
    }
    out
}

/// A cloth or hand over the lens: brown, out of focus, a little light at one edge.
fn cover(luma: &mut [u8], chroma: &mut [u8], w: usize, h: usize) {
    for (i, p) in luma.iter_mut().enumerate() {
        let (x, y) = ((i % w) as f32 / w as f32, (i / w) as f32 / h as f32);
        *p = (34.0 + 26.0 * smooth(0.75, 1.05, x) + 8.0 * smooth(0.0, 1.0, y)) as u8;
    }
    let (us, vs) = chroma.split_at_mut(w * h / 4);
    us.fill(121);
    vs.fill(137);
}
