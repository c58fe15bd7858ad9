//! Looking at one picture: which models are due, and what they say.
//!
//! Each analytic is fed as often as it needs and no oftener: vehicles in every picture that traffic asked for, fire about once a second, water every
//! few seconds, picture health about once a second. A picture that is to leave the gateway is looked at for people and plates whatever is due.

use std::time::{Duration, Instant};

use matpho_analytics::{Analytic, CameraPlan};
use matpho_infer::{InferError, Model, Output};
use matpho_scene::{Change, Detection, Mask, MediaTime, ModelId, NormBox, Picture, PictureHealth, WaterReading, ZoneId};
use matpho_vision::ChangeProbe;
use matpho_wire::ModelRef;

/// Fire is looked for at most this often, but for bursts: it does not pass in a second, and costs as much as traffic.
const FIRE_EVERY: Duration = Duration::from_millis(1000);
/// Twice as often where pictures are decoded for traffic anyway: the first find comes half a second sooner, for one look of the model a second more.
const FIRE_EVERY_DECODED: Duration = Duration::from_millis(500);
/// Water rises over minutes.
const WATER_EVERY: Duration = Duration::from_secs(5);
/// A lens is covered, a camera turned in seconds.
const HEALTH_EVERY: Duration = Duration::from_millis(1000);
/// Pictures tremble in time: one that comes this much early is still due.
const EARLY: Duration = Duration::from_millis(100);

/// What was found in one picture. `None` is "did not look"; an empty list is "looked and found nothing".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    /// Vehicles and people, weak ones too: the tracker knows what to do with them.
    pub vehicles: Option<Vec<Detection>>,
    /// Flames and smoke.
    pub fire: Option<Vec<Detection>>,
    /// How much the place of each of `fire` changed; empty where it was not measured.
    pub fire_changes: Vec<Change>,
    /// Water in each zone.
    pub water: Option<Vec<(ZoneId, WaterReading)>>,
    /// Share of all zones together under water.
    pub water_share: Option<f32>,
    /// How usable the picture is.
    pub health: Option<PictureHealth>,
    /// Minute of the local day.
    pub minute_of_day: Option<u16>,
}

/// What is due in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Due {
    /// Look for vehicles and people.
    pub vehicles: bool,
    /// Look for flames and smoke.
    pub fire: bool,
    /// Look for water.
    pub water: bool,
    /// Measure the picture.
    pub health: bool,
}

/// When each model is due for one camera. Pure; media time is an argument.
#[derive(Debug, Clone)]
pub struct Schedule {
    vehicles: bool,
    fire: Option<Every>,
    water: Option<Every>,
    health: Option<Every>,
    burst: bool,
}

#[derive(Debug, Clone)]
struct Every {
    period: Duration,
    next: Option<MediaTime>,
}

impl Every {
    fn new(period: Duration, wanted: bool) -> Option<Self> {
        wanted.then_some(Self { period, next: None })
    }

    fn due(&mut self, at: MediaTime) -> bool {
        let early = EARLY.min(self.period / 10);
        match self.next {
            Some(next) if at + early < next && next.since(at) <= self.period * 2 => false,
            // On time: the next one keeps to the beat, whatever this one trembled.
            Some(next) if at + early >= next && at < next + self.period => {
                self.next = Some(next + self.period);
                true
            }
            // The first, one after a pause, or after a step back of the time stamps.
            _ => {
                self.next = Some(at + self.period);
                true
            }
        }
    }
}

impl Schedule {
    /// For what a camera is asked to see.
    pub fn new(plan: &CameraPlan) -> Self {
        let vehicles = crate::config::needs_tracks(plan.analytics());
        let fire_every = if vehicles { FIRE_EVERY_DECODED } else { FIRE_EVERY };
        Self {
            vehicles,
            fire: Every::new(fire_every, plan.runs(Analytic::Fire) || plan.runs(Analytic::Smoke)),
            water: Every::new(WATER_EVERY, plan.runs(Analytic::Flood)),
            health: Every::new(HEALTH_EVERY, plan.runs(Analytic::Camera)),
            burst: false,
        }
    }

    /// While a burst lasts, fire is looked for in every picture.
    pub fn set_burst(&mut self, burst: bool) {
        self.burst = burst;
    }

    /// What is due in the picture of `at`. Calling it counts as having looked.
    pub fn due(&mut self, at: MediaTime) -> Due {
        let due = |every: &mut Option<Every>| every.as_mut().is_some_and(|every| every.due(at));
        let fire = due(&mut self.fire) || (self.burst && self.fire.is_some());
        Due { vehicles: self.vehicles, fire, water: due(&mut self.water), health: due(&mut self.health) }
    }
}

/// The models of one worker. A model that no camera of the worker needs is not loaded.
#[derive(Debug, Default)]
pub struct Models {
    /// Finds vehicles and people.
    pub vehicles: Option<Model>,
    /// Finds flames and smoke.
    pub fire: Option<Model>,
    /// Finds water.
    pub water: Option<Model>,
}

/// How long looking took, by model; for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// On vehicles.
    pub vehicles: Duration,
    /// On flames and smoke.
    pub fire: Duration,
    /// On water.
    pub water: Duration,
}

impl Models {
    /// Runs what is due, but for health, which is the camera's own ([`crate::judge::Judge`] keeps its probe).
    pub fn look(&mut self, picture: &Picture, due: Due, plan: &CameraPlan) -> Result<(Looked, Spent), InferError> {
        let (mut looked, mut spent) = (Looked::default(), Spent::default());
        if due.vehicles {
            (looked.vehicles, spent.vehicles) = detections(self.vehicles.as_mut(), picture)?;
        }
        if due.fire {
            (looked.fire, spent.fire) = detections(self.fire.as_mut(), picture)?;
        }
        if due.water
            && let Some(model) = &mut self.water
        {
            let began = Instant::now();
            if let Output::Mask(mask) = model.run(picture)? {
                let threshold = model.entry().thresholds.get("water").copied().unwrap_or(0.5);
                (looked.water, looked.water_share) = shares(&mask, plan, threshold);
            }
            spent.water = began.elapsed();
        }
        Ok((looked, spent))
    }

    /// People and vehicles in a picture that is to leave; `None` where no model can tell.
    pub fn people_and_plates(&mut self, picture: &Picture) -> Result<(Option<Vec<Detection>>, Spent), InferError> {
        let (found, vehicles) = detections(self.vehicles.as_mut(), picture)?;
        Ok((found, Spent { vehicles, ..Spent::default() }))
    }

    /// Which weights speak for an analytic.
    pub fn refs(&self) -> ModelRefs {
        let one = |model: &Option<Model>| {
            model.as_ref().map(|model| ModelRef { id: model.id().clone(), sha256: model.sha256().to_owned() })
        };
        ModelRefs { vehicles: one(&self.vehicles), fire: one(&self.fire), water: one(&self.water) }
    }
}

/// How much the places of flames and smoke changed since fire was last looked for. Pictures in which nobody looks for fire are passed over.
pub fn fire_changes(probe: &mut ChangeProbe, picture: &Picture, looked: &Looked) -> Vec<Change> {
    let Some(found) = &looked.fire else { return Vec::new() };
    let boxes: Vec<NormBox> = found.iter().map(|found| found.bbox).collect();
    // What cannot be measured leaves it to the boxes.
    probe.measure(picture, &boxes).ok().flatten().unwrap_or_default()
}

/// Names and hashes of the models at work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelRefs {
    /// Finds vehicles and people.
    pub vehicles: Option<ModelRef>,
    /// Finds flames and smoke.
    pub fire: Option<ModelRef>,
    /// Finds water.
    pub water: Option<ModelRef>,
}

/// Under which names models appear in a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelIds {
    /// Finds vehicles and people.
    pub vehicles: ModelId,
    /// Finds flames and smoke.
    pub fire: ModelId,
    /// Finds water.
    pub water: ModelId,
}

impl From<&crate::config::Models> for ModelIds {
    fn from(models: &crate::config::Models) -> Self {
        Self { vehicles: models.vehicles.clone(), fire: models.fire.clone(), water: models.water.clone() }
    }
}

fn detections(model: Option<&mut Model>, picture: &Picture) -> Result<(Option<Vec<Detection>>, Duration), InferError> {
    let Some(model) = model else { return Ok((None, Duration::ZERO)) };
    let began = Instant::now();
    let found = match model.run(picture)? {
        Output::Detections(found) => Some(found),
        Output::Labels(_) | Output::Mask(_) => None,
    };
    Ok((found, began.elapsed()))
}

/// Water in each zone, and the share of all of them together, weighed by their areas.
fn shares(mask: &Mask, plan: &CameraPlan, threshold: f32) -> (Option<Vec<(ZoneId, WaterReading)>>, Option<f32>) {
    let threshold = threshold.clamp(0.01, 0.99);
    let level = (threshold * 255.0).round() as u8;
    // The model's own threshold is what an even chance means at a mark.
    let even = |p: f32| if p < threshold { 0.5 * p / threshold } else { 0.5 + 0.5 * (p - threshold) / (1.0 - threshold) };
    let by_zone: Vec<(ZoneId, WaterReading, f32)> = plan
        .water_zones()
        .filter_map(|zone| {
            let share = mask.share_within(&zone.polygon, level)?;
            let marks = zone.marks.iter().map(|mark| (even(mask.at(mark.picture)) * 1000.0).round() / 1000.0).collect();
            Some((zone.id.clone(), WaterReading { share, marks, grid: mask.grid() }, zone.polygon.area()))
        })
        .collect();
    let area: f32 = by_zone.iter().map(|(_, _, area)| area).sum();
    let wet: f32 = by_zone.iter().map(|(_, reading, area)| reading.share * area).sum();
    let all = (area > 0.0).then(|| wet / area);
    (Some(by_zone.into_iter().map(|(id, reading, _)| (id, reading)).collect()), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_comes_as_often_as_its_phenomenon_needs() {
        let mut schedule = Schedule::new(&CameraPlan::whole_picture());
        let mut counts = [0; 4];
        for n in 0..150 {
            let due = schedule.due(MediaTime::from_millis(200 * n));
            for (count, due) in counts.iter_mut().zip([due.vehicles, due.fire, due.water, due.health]) {
                *count += u32::from(due);
            }
        }
        assert_eq!(counts, [150, 60, 6, 30], "30 s at 5 pictures a second");
        schedule.set_burst(true);
        assert!((0..5).all(|n| schedule.due(MediaTime::from_millis(40_000 + 40 * n)).fire));
    }

    #[test]
    fn keyframes_that_tremble_are_not_missed() {
        let mut schedule = Schedule::new(&CameraPlan::whole_picture());
        let looks = [0, 1000, 1960, 2970, 4005].map(|ms| schedule.due(MediaTime::from_millis(ms)).fire);
        assert_eq!(looks, [true; 5]);
    }

    #[test]
    fn water_is_shared_out_by_zone() {
        let mask = Mask::new(2, 2, vec![255, 0, 255, 0]).unwrap();
        let (by_zone, all) = shares(&mask, &CameraPlan::whole_picture(), 0.5);
        let water = &by_zone.unwrap()[0].1;
        assert_eq!((water.share, water.grid), (0.5, [2, 2]));
        assert_eq!(all, Some(0.5));
    }
}
