//! The engine of one camera: hands every input to the analytics that run, the camera's own health first.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{
    Class, MediaTime, NormBox, ZoneId,
    event::{DepthBand, DepthRange},
    measurement::Judgement,
};

use crate::{
    analytic::Analytic,
    camera::{CameraWatch, Sight},
    congestion::{Congestion, Passed},
    desk::Desk,
    fire::{FireWatch, HeatSource},
    flood::Flood,
    io::{AnalyticSummary, Condition, Input, Observation, Output, Request, Summary},
    memory::Memory,
    moment::WatchClock,
    pedestrian::Pedestrians,
    plan::CameraPlan,
    road::Road,
    stopped_vehicle::StoppedVehicles,
    wrong_way::WrongWay,
    zone::Purpose,
};

/// An analytic whose model has not looked for this long (in media time) no longer knows.
const LOOK_AGE_MAX: Duration = Duration::from_secs(120);
/// Boxes of vehicles that are this old say nothing about a light in the picture at hand.
const VEHICLE_AGE_MAX: Duration = Duration::from_millis(1500);
/// A vehicle moves from this speed on, in box lengths per second, or when it has not stood for a second.
const MOVING_BOX_LENGTHS_PER_S: f32 = 0.3;

/// A clock of what one kind of model saw, and when it last looked.
#[derive(Debug, Default)]
struct Eye {
    clock: WatchClock,
    looked: Option<MediaTime>,
}

/// All analytics of one camera. See the crate's documentation for the contract.
#[derive(Debug)]
pub struct CameraAnalytics {
    plan: CameraPlan,
    desk: Desk,
    latest: MediaTime,
    camera: CameraWatch,
    road: Road,
    traffic_eye: Eye,
    water_eye: Eye,
    flame_eye: Eye,
    smoke_eye: Eye,
    congestion: Option<Congestion>,
    stopped_vehicles: Option<StoppedVehicles>,
    wrong_way: Option<WrongWay>,
    pedestrians: Option<Pedestrians>,
    flame: Option<FireWatch>,
    smoke: Option<FireWatch>,
    flood: Option<Flood>,
    /// What was said last before [`Input::Stop`]; none while it runs.
    stopped: Option<BTreeMap<Analytic, Judgement>>,
}

impl CameraAnalytics {
    /// Nothing seen yet: everything is unknown.
    pub fn new(plan: CameraPlan) -> Self {
        let p = plan.params().clone();
        let heat: Vec<HeatSource> = plan
            .zones()
            .iter()
            .filter(|z| z.purpose == Purpose::HeatSource)
            .map(|z| HeatSource { polygon: z.polygon.clone(), hours: z.hours })
            .collect();
        let zones = || plan.traffic_zones();
        let grounds = zones().filter_map(|z| Some((z.polygon.clone(), z.ground?))).collect();
        Self {
            desk: Desk::default(),
            latest: MediaTime::ZERO,
            camera: CameraWatch::new(p.camera, plan.runs(Analytic::Camera)),
            road: Road::new(p.stopped_vehicle.move_box_lengths.get(), p.pedestrian.rider_overlap.get(), grounds),
            traffic_eye: Eye::default(),
            water_eye: Eye::default(),
            flame_eye: Eye::default(),
            smoke_eye: Eye::default(),
            congestion: plan.runs(Analytic::Congestion).then(|| Congestion::new(p.congestion, zones())),
            stopped_vehicles: plan.runs(Analytic::StoppedVehicle).then(|| StoppedVehicles::new(p.stopped_vehicle, zones())),
            wrong_way: plan.runs(Analytic::WrongWay).then(|| WrongWay::new(p.wrong_way, zones())),
            pedestrians: plan.runs(Analytic::Pedestrian).then(|| Pedestrians::new(p.pedestrian, zones())),
            flame: plan.runs(Analytic::Fire).then(|| FireWatch::new(Class::Fire, p.fire, heat.clone())),
            smoke: plan.runs(Analytic::Smoke).then(|| FireWatch::new(Class::Smoke, p.smoke, heat)),
            flood: plan.runs(Analytic::Flood).then(|| Flood::new(p.flood, plan.water_zones())),
            stopped: None,
            plan,
        }
    }

    /// Goes on from what was learned before a restart. Call it before the first input.
    pub fn remember(&mut self, memory: &Memory) {
        self.congestion.iter_mut().for_each(|a| a.remember(memory));
        self.flood.iter_mut().for_each(|a| a.recall(&memory.water));
    }

    /// What was learned up to now, to be kept over a restart.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        self.congestion.iter().flat_map(Congestion::memory).for_each(|(zone, learned)| memory.put(zone, learned));
        memory.water = self.flood.as_ref().map(Flood::memory).unwrap_or_default();
        memory
    }

    /// The settings it was made with.
    pub fn plan(&self) -> &CameraPlan {
        &self.plan
    }

    /// Takes what happened at `at`. Drain [`Self::poll_output`] afterwards. After [`Input::Stop`] nothing is taken any more.
    pub fn handle_input(&mut self, at: MediaTime, input: Input<'_>) {
        if self.stopped.is_some() {
            return;
        }
        self.congestion.iter_mut().for_each(Congestion::forget_passed);
        self.latest = self.latest.max(at);
        let at = self.latest;
        match input {
            Input::Frame(observation) => self.frame(at, observation),
            Input::Stream(state) => self.camera.stream(at, state, &mut self.desk),
            Input::Timeout => self.camera.time(at, &mut self.desk),
            Input::ConfirmView => self.camera.confirm_view(at, &mut self.desk),
            Input::Stop => self.stop(at),
        }
        self.close_eyes();
    }

    /// What is hidden from an analytic was not watched.
    fn close_eyes(&mut self) {
        let drawn = self.plan.is_drawn();
        for (eye, analytic) in [
            (&mut self.traffic_eye, Analytic::Congestion),
            (&mut self.water_eye, Analytic::Flood),
            (&mut self.flame_eye, Analytic::Fire),
            (&mut self.smoke_eye, Analytic::Smoke),
        ] {
            if self.camera.sight(analytic, drawn) != Sight::Clear {
                eye.clock.blind();
            }
        }
    }

    fn frame(&mut self, at: MediaTime, seen: Observation<'_>) {
        self.camera.picture(at, seen.health, &mut self.desk);
        let drawn = self.plan.is_drawn();
        let hidden = |camera: &CameraWatch, analytic| camera.sight(analytic, drawn) != Sight::Clear;

        if let (Some(tracks), false) = (seen.tracks, hidden(&self.camera, Analytic::Congestion)) {
            let now = self.traffic_eye.look(at);
            let aspect = seen.picture.aspect();
            self.road.look(now, seen.picture, tracks);
            let desk = &mut self.desk;
            self.congestion.iter_mut().for_each(|a| a.look(&mut self.road, aspect, desk));
            self.stopped_vehicles.iter_mut().for_each(|a| a.look(&mut self.road, aspect, desk));
            self.wrong_way.iter_mut().for_each(|a| a.look(&self.road, aspect, desk));
            self.pedestrians.iter_mut().for_each(|a| a.look(&self.road, desk));
        }
        if let Some(found) = seen.fire {
            let moving = self.moving_vehicles(at);
            for (analytic, eye, watch) in
                [(Analytic::Fire, &mut self.flame_eye, &mut self.flame), (Analytic::Smoke, &mut self.smoke_eye, &mut self.smoke)]
            {
                let Some(watch) = watch else { continue };
                watch.set_minute(seen.minute_of_day);
                match self.camera.sight(analytic, drawn) {
                    Sight::Clear => watch.look(eye.look(at), found, seen.fire_changes, &moving, &mut self.desk),
                    Sight::Glimpses { since, announced } => {
                        watch.glimpse(eye.glimpse(at), (since, announced), found, seen.fire_changes, &mut self.desk);
                    }
                    Sight::Blind => {}
                }
            }
            // Flame and smoke share one burst: it goes back when neither needs it.
            let bursts = [&mut self.flame, &mut self.smoke].into_iter().flatten().map(FireWatch::burst);
            let (needed, given_back) = bursts.fold((false, false), |(a, b), (c, d)| (a || c, b || d));
            if given_back && !needed {
                self.desk.request(Request::ReleaseBurst);
            }
        }
        if let (Some(shares), false) = (seen.water, hidden(&self.camera, Analytic::Flood)) {
            let now = self.water_eye.look(at);
            self.flood.iter_mut().for_each(|a| a.look(now, shares, &mut self.desk));
        }
    }

    /// Boxes of vehicles that drive, as of the last picture in which vehicles were looked for.
    fn moving_vehicles(&self, at: MediaTime) -> Vec<NormBox> {
        if self.traffic_eye.looked.is_none_or(|looked| at.since(looked) > VEHICLE_AGE_MAX) {
            return Vec::new();
        }
        let moves = |m: &&crate::road::Mover| {
            m.speed_box_lengths_per_s().is_some_and(|speed| speed >= MOVING_BOX_LENGTHS_PER_S)
                || m.standing() < Duration::from_secs(1)
        };
        self.road.vehicles().filter(moves).map(|m| m.bbox).collect()
    }

    fn stop(&mut self, at: MediaTime) {
        self.stopped = Some(self.judgements());
        let desk = &mut self.desk;
        self.congestion.iter_mut().for_each(|a| a.stop(at, desk));
        self.stopped_vehicles.iter_mut().for_each(|a| a.stop(at, desk));
        self.wrong_way.iter_mut().for_each(|a| a.stop(at, desk));
        self.pedestrians.iter_mut().for_each(|a| a.stop(at, desk));
        self.flame.iter_mut().for_each(|a| a.stop(at, desk));
        self.smoke.iter_mut().for_each(|a| a.stop(at, desk));
        self.flood.iter_mut().for_each(|a| a.stop(at, desk));
        self.camera.stop(at, desk);
    }

    /// The next thing to say, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.desk.poll()
    }

    /// When [`Input::Timeout`] is due if no frame comes before; `None` where nothing depends on it.
    pub fn poll_timeout(&self) -> Option<MediaTime> {
        if self.stopped.is_some() { None } else { self.camera.deadline() }
    }

    /// What each analytic that runs says now.
    pub fn judgements(&self) -> BTreeMap<Analytic, Judgement> {
        self.plan.analytics().iter().map(|&analytic| (analytic, self.judgement(analytic))).collect()
    }

    fn judgement(&self, analytic: Analytic) -> Judgement {
        // Stopping ends what is open; it is no news about the street.
        if let Some(last) = &self.stopped {
            return last.get(&analytic).copied().unwrap_or(Judgement::Unknown);
        }
        let eye = match analytic {
            Analytic::Camera => return self.camera.judgement(),
            Analytic::Congestion | Analytic::StoppedVehicle | Analytic::WrongWay | Analytic::Pedestrian => &self.traffic_eye,
            Analytic::Flood => &self.water_eye,
            Analytic::Fire => &self.flame_eye,
            Analytic::Smoke => &self.smoke_eye,
        };
        let stale = eye.looked.is_none_or(|looked| self.latest.since(looked) > LOOK_AGE_MAX);
        let drawn = self.plan.is_drawn();
        let blind = self.camera.is_blind(analytic, drawn);
        if let (true, Sight::Glimpses { since, .. }) = (blind && !stale, self.camera.sight(analytic, drawn)) {
            let watch = if analytic == Analytic::Fire { &self.flame } else { &self.smoke };
            return watch.as_ref().map_or(Judgement::Unknown, |watch| watch.judgement_since(since));
        }
        if stale || blind {
            return Judgement::Unknown;
        }
        let said = match analytic {
            Analytic::Congestion => self.congestion.as_ref().map(Congestion::judgement),
            Analytic::StoppedVehicle => self.stopped_vehicles.as_ref().map(StoppedVehicles::judgement),
            Analytic::WrongWay => self.wrong_way.as_ref().map(WrongWay::judgement),
            Analytic::Pedestrian => self.pedestrians.as_ref().map(Pedestrians::judgement),
            Analytic::Fire => self.flame.as_ref().map(FireWatch::judgement),
            Analytic::Smoke => self.smoke.as_ref().map(FireWatch::judgement),
            Analytic::Flood => self.flood.as_ref().map(Flood::judgement),
            Analytic::Camera => None,
        };
        said.unwrap_or(Judgement::Unknown)
    }

    /// The vehicles that the last input made it count.
    pub fn passed(&self) -> &[Passed] {
        self.congestion.as_ref().map_or(&[], Congestion::passed)
    }

    /// How deep water stands in a zone now: what is sure, if anything is, and the likeliest band; `None` where nothing was read.
    pub fn depth(&self, zone: &ZoneId) -> Option<(Option<DepthRange>, DepthBand)> {
        self.flood.as_ref()?.depth(zone)
    }

    /// The camera's condition, for its status.
    pub fn condition(&self) -> Condition {
        self.camera.condition()
    }

    /// What was made of everything so far.
    pub fn summary(&self) -> Summary {
        let of = |analytic| {
            let figures = match analytic {
                Analytic::Congestion => self.congestion.as_ref().map(Congestion::summary),
                Analytic::Fire => self.flame.as_ref().map(FireWatch::summary),
                Analytic::Smoke => self.smoke.as_ref().map(FireWatch::summary),
                Analytic::Flood => self.flood.as_ref().map(Flood::summary),
                Analytic::StoppedVehicle | Analytic::WrongWay | Analytic::Pedestrian | Analytic::Camera => None,
            };
            AnalyticSummary { state: Some(self.judgement(analytic)), ..figures.unwrap_or_default() }
        };
        Summary {
            analytics: self.plan.analytics().iter().map(|&analytic| (analytic, of(analytic))).collect(),
            events: self.desk.began().clone(),
        }
    }
}

impl Eye {
    /// A look at a picture that is fit to judge.
    fn look(&mut self, at: MediaTime) -> crate::moment::Moment {
        self.looked = Some(at);
        let at = self.clock.clamp(at);
        self.clock.sight(at)
    }

    /// A look at a picture that is not: no time was watched.
    fn glimpse(&mut self, at: MediaTime) -> crate::moment::Moment {
        self.looked = Some(at);
        self.clock.clamp(at);
        self.clock.blind();
        self.clock.now()
    }
}
