//! Stories: what stands before a camera over time, as data, and what is said about it, as lines.

use std::fmt::Write;

use matpho_analytics::{
    Analytic, CameraAnalytics, CameraPlan, Input, Memory, Observation, Output, Params, Purpose, Request, StreamState, Zone,
};
use matpho_scene::{
    Class, Detection, GroundPlane, MediaTime, NormBox, PictureHealth, PictureSize, Polygon, Score, TrackId, Tracked,
    WaterReading, ZoneId,
    event::{Detail, Finding, Passability, Passage},
    health::Shift,
    measurement::Figures,
};

pub const PICTURE: PictureSize = PictureSize { width: 1280, height: 720 };

/// Something before the camera: it goes from place to place in straight lines, and is there from its first time to its last.
#[derive(Debug, Clone)]
pub struct Thing {
    pub class: Class,
    /// Seconds, and the middle of its lower side.
    pub legs: Vec<(f64, f32, f32)>,
    pub width: f32,
    pub height: f32,
    /// Its area swings by this part, as flames do.
    pub flicker: f32,
    /// Its sides grow by this part each second.
    pub growth_per_s: f32,
    /// The tracker loses it and finds it again under a new number at these times.
    pub renumbered_at: Vec<f64>,
    /// Nobody sees it from, to.
    pub hidden: Option<(f64, f64)>,
    /// How sure the detector is of it.
    pub score: f32,
}

impl Thing {
    fn new(class: Class, (width, height): (f32, f32), legs: &[(f64, f32, f32)]) -> Self {
        let legs = legs.to_vec();
        Self { class, legs, width, height, flicker: 0.0, growth_per_s: 0.0, renumbered_at: Vec::new(), hidden: None, score: 0.8 }
    }

    pub fn flickering(self, part: f32) -> Self {
        Self { flicker: part, ..self }
    }

    /// The detector is hardly sure of it: a ghost.
    pub fn weak(self) -> Self {
        Self { score: 0.15, ..self }
    }

    pub fn hidden(self, from_s: f64, to_s: f64) -> Self {
        Self { hidden: Some((from_s, to_s)), ..self }
    }

    pub fn growing(self, part_per_s: f32) -> Self {
        Self { growth_per_s: part_per_s, ..self }
    }

    pub fn renumbered_at(self, times: impl IntoIterator<Item = f64>) -> Self {
        Self { renumbered_at: times.into_iter().collect(), ..self }
    }

    fn first_s(&self) -> f64 {
        self.legs[0].0
    }

    /// Its box at a time; `None` while it is not there.
    fn at(&self, t: f64) -> Option<NormBox> {
        let (first, last) = (self.legs.first()?, self.legs.last()?);
        if t < first.0 || t > last.0 || self.hidden.is_some_and(|(from, to)| (from..to).contains(&t)) {
            return None;
        }
        let leg = self.legs.windows(2).find(|leg| (leg[0].0..=leg[1].0).contains(&t));
        let (x, y) = leg.map_or((first.1, first.2), |leg| {
            let part = ((t - leg[0].0) / (leg[1].0 - leg[0].0).max(1e-9)) as f32;
            (leg[0].1 + (leg[1].1 - leg[0].1) * part, leg[0].2 + (leg[1].2 - leg[0].2) * part)
        });
        let age = (t - self.first_s()) as f32;
        // Irregular, and the same every time.
        let swing = 1.0 + self.flicker * ((age * 9.7).sin() + (age * 4.1).cos()) / 2.0;
        let size = swing * (1.0 + self.growth_per_s * age);
        let (w, h) = (self.width * size, self.height * size);
        NormBox::clipped(x - w / 2.0, y - h, x + w / 2.0, y)
    }
}

pub fn car(legs: &[(f64, f32, f32)]) -> Thing {
    Thing::new(Class::Car, (0.06, 0.08), legs)
}

pub fn motorbike(legs: &[(f64, f32, f32)]) -> Thing {
    Thing::new(Class::Motorcycle, (0.02, 0.06), legs)
}

pub fn person(legs: &[(f64, f32, f32)]) -> Thing {
    Thing::new(Class::Person, (0.018, 0.08), legs)
}

pub fn flame(size: f32, legs: &[(f64, f32, f32)]) -> Thing {
    Thing::new(Class::Fire, (size, size), legs)
}

pub fn smoke(size: f32, legs: &[(f64, f32, f32)]) -> Thing {
    Thing::new(Class::Smoke, (size, size), legs)
}

/// Cars that drive along the road from left to right, one every `gap_s`, over ten seconds each.
pub fn flow(from_s: f64, until_s: f64, gap_s: f64, y: f32) -> Vec<Thing> {
    let n = ((until_s - from_s) / gap_s) as usize;
    (0..n).map(|i| from_s + i as f64 * gap_s).map(|t| car(&[(t, 0.03, y), (t + 10.0, 0.97, y)])).collect()
}

/// What is wrong with a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    Frozen,
    Dark,
    Glare,
    Covered,
    Blurred,
    /// Blurred, and the detector still finds what there is.
    Smoky,
    Moved,
    /// Turned so far that no displacement is found any more.
    Turned,
}

/// A story: its plan, its world, and its end.
#[derive(Debug, Clone)]
pub struct Story {
    pub plan: CameraPlan,
    /// Pictures a second.
    pub fps: f64,
    pub until_s: f64,
    pub things: Vec<Thing>,
    /// Share under water by time, in straight lines; the model looks every `water_every_s`.
    pub water: Vec<(f64, f32)>,
    pub water_every_s: f64,
    /// How deep it is, by time.
    pub depth_cm: Vec<(f64, f32)>,
    /// The hour, where somebody knows.
    pub minute_of_day: Option<u16>,
    /// What was learned before the story.
    pub memory: Option<Memory>,
    pub faults: Vec<(f64, f64, Fault)>,
    /// No pictures from, to.
    pub silences: Vec<(f64, f64)>,
    /// What the stream says.
    pub words: Vec<(f64, StreamState<'static>)>,
    /// When somebody asks what an analytic says.
    pub asks: Vec<(f64, Analytic)>,
    pub confirms_view_at: Option<f64>,
    pub measurements: bool,
    pub stop: bool,
}

impl Story {
    pub fn new(plan: CameraPlan, fps: f64, until_s: f64) -> Self {
        Self {
            plan,
            fps,
            until_s,
            things: Vec::new(),
            water: Vec::new(),
            water_every_s: 5.0,
            depth_cm: vec![(0.0, 0.0)],
            minute_of_day: None,
            memory: None,
            faults: Vec::new(),
            silences: Vec::new(),
            words: Vec::new(),
            asks: Vec::new(),
            confirms_view_at: None,
            measurements: false,
            stop: false,
        }
    }

    pub fn with(mut self, things: impl IntoIterator<Item = Thing>) -> Self {
        self.things.extend(things);
        self
    }

    pub fn fault(mut self, from_s: f64, to_s: f64, fault: Fault) -> Self {
        self.faults.push((from_s, to_s, fault));
        self
    }

    pub fn ask(mut self, at_s: f64, analytic: Analytic) -> Self {
        self.asks.push((at_s, analytic));
        self
    }

    pub fn silence(mut self, from_s: f64, to_s: f64) -> Self {
        self.silences.push((from_s, to_s));
        self
    }

    /// Plays the story and compares what was said.
    #[track_caller]
    pub fn expect(self, lines: &str) {
        let tidy = |text: &str| text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
        let (said, expected) = (tidy(&self.play()), tidy(lines));
        assert!(said == expected, "said:\n{said}\n\nexpected:\n{expected}\n");
    }

    /// Plays the story; one line for all that was said.
    pub fn play(&self) -> String {
        self.tell().lines
    }

    /// Plays the story; all that was said of events.
    pub fn findings(&self) -> Vec<Finding> {
        self.tell().findings
    }

    fn tell(&self) -> Said {
        let mut said = Said::default();
        let mut analytics = CameraAnalytics::new(self.plan.clone());
        self.memory.iter().for_each(|memory| analytics.remember(memory));
        let mut asks = self.asks.clone();
        let mut words = self.words.clone();
        let mut confirm = self.confirms_view_at;
        let frames = (self.until_s * self.fps).round() as u64;
        for frame in 0..=frames {
            let t = frame as f64 / self.fps;
            let at = MediaTime::from_secs_f64(t);
            // Whatever is due before this picture: time-outs, words of the stream, a person.
            while let Some(due) = analytics.poll_timeout().filter(|due| *due < at) {
                analytics.handle_input(due, Input::Timeout);
                self.drain(&mut analytics, &mut said);
                if analytics.poll_timeout() == Some(due) {
                    break;
                }
            }
            while words.first().is_some_and(|(when, _)| *when <= t) {
                analytics.handle_input(at, Input::Stream(words.remove(0).1));
                self.drain(&mut analytics, &mut said);
            }
            if confirm.is_some_and(|when| when <= t) {
                confirm = None;
                analytics.handle_input(at, Input::ConfirmView);
                self.drain(&mut analytics, &mut said);
            }
            if !self.silences.iter().any(|(from, to)| (*from..*to).contains(&t)) {
                self.show(&mut analytics, t, at);
                self.drain(&mut analytics, &mut said);
            }
            while asks.first().is_some_and(|(when, _)| *when <= t) {
                let (_, analytic) = asks.remove(0);
                let judgement = analytics.judgements()[&analytic];
                writeln!(said.lines, "{t:6.1} ? {analytic} {judgement:?}").unwrap();
            }
        }
        if self.stop {
            analytics.handle_input(MediaTime::from_secs_f64(self.until_s), Input::Stop);
            self.drain(&mut analytics, &mut said);
        }
        for (t, analytic) in asks {
            writeln!(said.lines, "{t:6.1} ? {analytic} {:?}", analytics.judgements()[&analytic]).unwrap();
        }
        said
    }

    fn show(&self, analytics: &mut CameraAnalytics, t: f64, at: MediaTime) {
        let fault = self.faults.iter().find(|(from, to, _)| (*from..*to).contains(&t)).map(|f| f.2);
        // A confirmed view is what pictures are compared with: the view before it is the one that is displaced.
        let elsewhere = self.faults.iter().map(|f| f.2).find(|fault| matches!(fault, Fault::Moved | Fault::Turned));
        let fault = match (fault, self.confirms_view_at.is_some_and(|when| when <= t)) {
            (Some(Fault::Moved | Fault::Turned), true) => None,
            (None, true) => elsewhere,
            (fault, _) => fault,
        };
        // A camera that cannot see shows nothing; a frozen one shows what was there when it froze.
        let shown_t = match fault {
            Some(Fault::Frozen) => self.faults.iter().find(|f| f.2 == Fault::Frozen).map_or(t, |f| f.0),
            _ => t,
        };
        let hidden = matches!(fault, Some(Fault::Dark | Fault::Glare | Fault::Covered | Fault::Blurred));
        let boxes: Vec<(usize, &Thing, NormBox)> = self
            .things
            .iter()
            .enumerate()
            .filter(|_| !hidden)
            .filter_map(|(i, thing)| Some((i, thing, thing.at(shown_t)?)))
            .collect();
        let tracks: Vec<Tracked> = boxes
            .iter()
            .filter(|(_, thing, _)| !matches!(thing.class, Class::Fire | Class::Smoke))
            .map(|&(i, thing, bbox)| {
                let number = thing.renumbered_at.iter().filter(|when| **when <= t).count();
                Tracked {
                    id: TrackId((i + 1 + 1000 * number) as u64),
                    class: thing.class,
                    score: Score::clamped(thing.score),
                    bbox,
                    first_seen: MediaTime::from_secs_f64(thing.first_s()),
                    last_seen: at,
                    hits: 1,
                }
            })
            .collect();
        let fire: Vec<Detection> = boxes
            .iter()
            .filter(|(_, thing, _)| matches!(thing.class, Class::Fire | Class::Smoke))
            .map(|&(_, thing, bbox)| Detection { class: thing.class, score: Score::clamped(thing.score), bbox })
            .collect();
        let frame = (t * self.fps).round() as u64;
        let every = ((self.water_every_s * self.fps).round() as u64).max(1);
        let share =
            (!self.water.is_empty() && frame.is_multiple_of(every)).then(|| if hidden { 0.0 } else { between(&self.water, t) });
        let depth_cm = between(&self.depth_cm, t);
        let water: Option<Vec<(ZoneId, WaterReading)>> = share.map(|share| {
            let marks = |zone: &Zone| zone.marks.iter().map(|mark| if mark.height_cm < depth_cm { 0.9 } else { 0.1 }).collect();
            self.plan
                .water_zones()
                .map(|zone| (zone.id.clone(), WaterReading { share, marks: marks(zone), grid: [0, 0] }))
                .collect()
        });
        let health = health(fault, frame);
        analytics.handle_input(
            at,
            Input::Frame(Observation {
                picture: PICTURE,
                tracks: Some(&tracks),
                fire: Some(&fire),
                fire_changes: &[],
                water: water.as_deref(),
                health: Some(&health),
                minute_of_day: self.minute_of_day,
            }),
        );
    }

    fn drain(&self, analytics: &mut CameraAnalytics, said: &mut Said) {
        let Said { lines: said, findings } = said;
        while let Some(output) = analytics.poll_output() {
            match output {
                Output::Finding(finding) => {
                    writeln!(said, "{}", line(&finding)).unwrap();
                    findings.push(finding);
                }
                Output::Measurement(m) if self.measurements => {
                    write!(said, "{:6.1} = {} from {:.1}: ", m.to.as_secs_f64(), m.zone, m.from.as_secs_f64()).unwrap();
                    match m.figures {
                        Figures::Traffic(f) => writeln!(said, "{:?} level {:?}", f.counts, f.level_of_service).unwrap(),
                        Figures::Flood(f) => writeln!(said, "water {:.2} {:?}", f.water_share, f.trend).unwrap(),
                    }
                }
                Output::Measurement(_) => {}
                Output::Request(Request::BurstFullRate { at_most }) => writeln!(said, "       ! burst of {at_most:?}").unwrap(),
                Output::Request(Request::ReleaseBurst) => writeln!(said, "       ! burst released").unwrap(),
            }
        }
    }
}

/// What was said, as lines, and whole.
#[derive(Debug, Default)]
struct Said {
    lines: String,
    findings: Vec<Finding>,
}

/// A finding as a line: when, number, phase, kind, severity, what is special about it, since when, why it ended.
fn line(f: &Finding) -> String {
    let about = match &f.detail {
        Detail::Congestion { level_of_service, .. } => format!("level {level_of_service}"),
        Detail::Vehicle { class, .. } => class.to_string(),
        Detail::Fire { .. } => String::new(),
        Detail::Flood { water_share, trend, depth_range: None, .. } => format!("{:.0} % {trend:?}", water_share * 100.0),
        Detail::Flood { water_share, trend, depth_range: Some(range), depth_reference, passable, passable_at_best, .. } => {
            let all = |p: Passability| [p.motorbike, p.car, p.truck];
            let worst = passable.map(all).unwrap_or([Passage::No; 3]);
            let best = passable_at_best.map_or(worst, all);
            let passage = |n: usize| if worst[n] == best[n] { format!("{:?}", worst[n]) } else { "unsure".into() };
            let passable = format!("motorbike {}, car {}, truck {}", passage(0), passage(1), passage(2));
            format!(
                "{:.0} % {trend:?} {range} by {} ({passable})",
                water_share * 100.0,
                depth_reference.as_deref().unwrap_or("-")
            )
        }
        Detail::Camera { reason } => format!("({reason})"),
    };
    let mut line = format!("{:6.1} #{} {} {} {}", f.at.as_secs_f64(), f.number, f.phase, f.kind, f.severity.as_str());
    if !about.is_empty() {
        write!(line, " {about}").unwrap();
    }
    write!(line, " since {:.1}", f.began.as_secs_f64()).unwrap();
    if let Some(reason) = f.end_reason {
        write!(line, " {reason:?}").unwrap();
    }
    line
}

fn between(points: &[(f64, f32)], t: f64) -> f32 {
    match points.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&t)) {
        Some(pair) => pair[0].1 + (pair[1].1 - pair[0].1) * ((t - pair[0].0) / (pair[1].0 - pair[0].0)) as f32,
        None if t < points[0].0 => points[0].1,
        None => points[points.len() - 1].1,
    }
}

/// A street by day with some noise, or what a fault makes of it.
fn health(fault: Option<Fault>, frame: u64) -> PictureHealth {
    let noise = (frame as f32 * 1.7).sin();
    let well = PictureHealth {
        luma_mean: 110.0 + noise,
        luma_std: 50.0 + noise,
        bright_share: 0.02,
        sharpness: 900.0 + 40.0 * noise,
        change: (frame > 0).then_some(2.0 + noise.abs()),
        shift: Some(Shift { dx: 0.001 * noise, dy: 0.0, response: 0.8 }),
        likeness: Some(0.8),
    };
    match fault {
        None => well,
        Some(Fault::Frozen) => PictureHealth { change: Some(0.02), ..well },
        Some(Fault::Dark) => PictureHealth {
            luma_mean: 4.0,
            luma_std: 2.0,
            sharpness: 3.0,
            change: Some(0.01),
            shift: None,
            likeness: Some(0.1),
            ..well
        },
        Some(Fault::Glare) => PictureHealth { luma_mean: 200.0, bright_share: 0.5, likeness: Some(0.3), ..well },
        Some(Fault::Covered) => {
            PictureHealth { luma_mean: 60.0, luma_std: 4.0, sharpness: 5.0, shift: None, likeness: Some(0.1), ..well }
        }
        Some(Fault::Blurred | Fault::Smoky) => PictureHealth { sharpness: 120.0, shift: None, likeness: Some(0.3), ..well },
        Some(Fault::Moved) => {
            PictureHealth { shift: Some(Shift { dx: 0.2, dy: 0.05, response: 0.5 }), likeness: Some(0.2), ..well }
        }
        Some(Fault::Turned) => PictureHealth { shift: None, likeness: Some(0.2), ..well },
    }
}

/// A road across the lower half of the picture, its traffic going right.
pub fn road() -> Zone {
    let polygon = Polygon::try_from(vec![[0.0, 0.5], [1.0, 0.5], [1.0, 0.9], [0.0, 0.9]]).unwrap();
    let mut zone = Zone::new("road".parse().unwrap(), Purpose::Carriageway, polygon);
    zone.direction = Some([[0.1, 0.7], [0.9, 0.7]].try_into().unwrap());
    zone
}

/// The same road, 100 m of it and 16 m wide, known to 0.3 m.
pub fn surveyed_road() -> Zone {
    let ground = GroundPlane { matrix: [100.0, 0.0, 0.0, 0.0, 40.0, 0.0, 0.0, 0.0, 1.0] };
    Zone { ground: Some(ground), ground_error_m: Some(0.3), ..road() }
}

/// One road, all analytics, defaults changed as given.
pub fn plan(zone: Zone, change: impl FnOnce(&mut Params)) -> CameraPlan {
    let mut params = Params::default();
    change(&mut params);
    CameraPlan::new(vec![zone], Analytic::ALL.into(), params).unwrap()
}

/// Only these analytics.
pub fn plan_of(analytics: &[Analytic], zone: Zone) -> CameraPlan {
    CameraPlan::new(vec![zone], analytics.iter().copied().collect(), Params::default()).unwrap()
}
