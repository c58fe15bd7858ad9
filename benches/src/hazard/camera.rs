//! Cameras that fail: pictures of the simulated city through `vision` into the analytics, while something burns on a flooded street.
//!
//! Faults are the city's own (freeze, black, blur, cover, shift), a camera that goes silent, and glare laid over its pictures. What burns and floods does so before, during and after: nobody may
//! say that it began or ended while the camera could not see.

use std::path::Path;

use matpho_analytics::{Analytic, CameraAnalytics, CameraPlan, Input, Observation, Output, Params, StreamState};
use matpho_scene::{
    Change, Class, Detection, MediaTime, NormBox, Picture, Score, WaterReading, ZoneId,
    event::{EventKind, Phase},
    measurement::Judgement,
};
use matpho_sim::{CameraSim, Fault, Models, Scenario};
use matpho_vision::HealthProbe;

use super::{Dice, Weather, scenes::PICTURE};

/// What a camera is made to suffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Suffers {
    /// A fault of the city.
    City(Fault),
    /// Pictures stop and the stream says so.
    Lost,
    /// Pictures stop without a word.
    Silent,
    /// The sun or a lamp shines into the lens.
    Glare,
}

impl Suffers {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Lost,
        Self::Silent,
        Self::City(Fault::Freeze),
        Self::City(Fault::Black),
        Self::Glare,
        Self::City(Fault::Blur),
        Self::City(Fault::Cover),
        Self::City(Fault::Shift { yaw_deg: 14.0, pitch_deg: 0.0 }),
        Self::City(Fault::Shift { yaw_deg: 5.0, pitch_deg: 2.0 }),
    ];

    /// For a table.
    pub fn name(self) -> String {
        match self {
            Self::City(Fault::Shift { yaw_deg, .. }) => format!("turned by {yaw_deg:.0}°"),
            Self::City(fault) => fault.kind().to_owned(),
            Self::Lost => "stream lost".into(),
            Self::Silent => "no pictures, no word".into(),
            Self::Glare => "glare".into(),
        }
    }

    /// What it ought to be called.
    pub fn kind(self) -> EventKind {
        match self {
            Self::Lost | Self::Silent => EventKind::CameraLost,
            Self::Glare => EventKind::CameraGlare,
            Self::City(Fault::Freeze) => EventKind::CameraFrozen,
            Self::City(Fault::Black) => EventKind::CameraDark,
            Self::City(Fault::Blur) => EventKind::CameraBlurred,
            Self::City(Fault::Cover) => EventKind::CameraCovered,
            Self::City(_) => EventKind::CameraMoved,
        }
    }

    /// Whether what was drawn in the picture alone is blinded.
    fn leaves_fire(self) -> bool {
        self.kind() == EventKind::CameraMoved
    }
}

/// From when to when, seconds.
const FAULT_S: (f64, f64) = (80.0, 120.0);
const END_S: f64 = 150.0;

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct CameraOutcome {
    /// How long after the fault it was called by its name.
    pub named_after_s: Option<f64>,
    /// Other names it was called.
    pub misnamed: Vec<EventKind>,
    /// How long after its end it was said to be over.
    pub over_after_s: Option<f64>,
    /// Phenomena said to begin or end while it lasted, or within ten seconds after it.
    pub phenomena: Vec<(EventKind, Phase, f64)>,
    /// Faults said outside of it.
    pub false_faults: Vec<(EventKind, f64)>,
    /// Analytics that were asked while the fault was announced, and answered anything but "unknown" though it blinds them.
    pub overconfident: u32,
}

/// Plays one.
pub fn play(weather: Weather, suffers: Suffers, seed: u32, models: &Models, params: Params) -> CameraOutcome {
    let text = format!(
        "seed = {seed}\n[[camera]]\nid = \"a\"\nwidth = {}\nheight = {}\npose = {{ height_m = 7, pitch_deg = 16, yaw_deg = 3, hfov_deg = 60 }}\nlook = {}\n\
         traffic = {{ inbound_per_h = 800, outbound_per_h = 800 }}\n\
         [[camera.event]]\nkind = \"fire\"\nat_s = 20\nplace = \"kerb\"\ndirection = \"outbound\"\nat_m = 24\nsize_m = 3\ngrow_s = 8\n",
        PICTURE.width,
        PICTURE.height,
        weather.look(),
    );
    let scenario =
        Scenario::parse(&text, Path::new("judgement_hazard")).unwrap_or_else(|e| unreachable!("our own scenario: {e}"));
    let mut sim = CameraSim::new(&scenario, &scenario.cameras[0], models);
    let mut probe = HealthProbe::new();
    let zone: ZoneId = "road".parse().unwrap_or_else(|_| unreachable!("a slug"));
    let polygon = vec![[0.2, 0.95], [0.4, 0.4], [0.6, 0.4], [0.8, 0.95]].try_into().unwrap_or_else(|e| unreachable!("{e:?}"));
    let drawn = matpho_analytics::Zone::new(zone.clone(), matpho_analytics::Purpose::RoadSurface, polygon);
    let asked = [Analytic::Fire, Analytic::Smoke, Analytic::Flood, Analytic::Camera];
    let plan = CameraPlan::new(vec![drawn], asked.into(), params).unwrap_or_else(|e| unreachable!("{e:?}"));
    let mut analytics = CameraAnalytics::new(plan);
    let mut dice = Dice::new(u64::from(seed));
    let mut outcome = CameraOutcome::default();
    let mut frozen: Option<(Vec<Detection>, Vec<Change>)> = None;
    let mut said_present = false;
    for second in 0..=END_S as u32 {
        let t = f64::from(second);
        let at = MediaTime::from_secs_f64(t);
        let suffering = (FAULT_S.0..FAULT_S.1).contains(&t);
        let fault = match suffers {
            Suffers::City(fault) if suffering => fault,
            _ => Fault::None,
        };
        while let Some(due) = analytics.poll_timeout().filter(|due| *due < at) {
            analytics.handle_input(due, Input::Timeout);
            note(&mut analytics, suffers, &mut outcome, &mut said_present);
            if analytics.poll_timeout() == Some(due) {
                break;
            }
        }
        if suffering && matches!(suffers, Suffers::Lost | Suffers::Silent) {
            if suffers == Suffers::Lost && t == FAULT_S.0 {
                analytics.handle_input(at, Input::Stream(StreamState::Lost { reason: "no route to the camera" }));
                note(&mut analytics, suffers, &mut outcome, &mut said_present);
            }
            continue;
        }
        let shot = sim.picture(t, fault);
        let fires: Vec<NormBox> = shot.truth.states.fire.iter().filter_map(|b| NormBox::from_pixels(*b, PICTURE)).collect();
        let picture = developed(shot.yuv, suffering && suffers == Suffers::Glare);
        let health = probe.measure(&picture).ok();
        // What a detector makes of pictures in which it cannot see is mostly nothing, and now and then a flame.
        let sees = !suffering || suffers.leaves_fire();
        let (fire, changes) = match (&frozen, fault == Fault::Freeze, sees) {
            (Some(still), true, _) => (still.0.clone(), vec![Change::default(); still.0.len()]),
            (_, _, true) => fires.iter().filter_map(|b| found(*b, &mut dice)).unzip(),
            (_, _, false) if dice.chance(0.2) => {
                let glow = NormBox::clipped(0.4, 0.3, 0.6, 0.6).into_iter();
                glow.filter_map(|b| found(b, &mut dice)).map(|(d, _)| (d, Change { inside: 3.0, around: 2.0 })).unzip()
            }
            (_, _, false) => (Vec::new(), Vec::new()),
        };
        if fault != Fault::Freeze {
            frozen = Some((fire.clone(), changes.clone()));
        }
        let share = match (t >= 15.0, sees || fault == Fault::Freeze) {
            (true, true) => 0.6 + 0.05 * dice.normal(),
            (false, true) => 0.02,
            (_, false) => 0.0,
        };
        let water = [(zone.clone(), WaterReading::share(share))];
        let water = second.is_multiple_of(5).then_some(&water[..]);
        let seen = Observation {
            fire: Some(&fire),
            fire_changes: &changes,
            water,
            health: health.as_ref(),
            ..Observation::bare(PICTURE)
        };
        analytics.handle_input(at, Input::Frame(seen));
        note(&mut analytics, suffers, &mut outcome, &mut said_present);
        if said_present {
            let judgements = analytics.judgements();
            let blinded: &[Analytic] = match suffers.kind() {
                EventKind::CameraMoved => &[Analytic::Flood],
                EventKind::CameraDark => &[Analytic::Smoke, Analytic::Flood],
                _ => &[Analytic::Fire, Analytic::Smoke, Analytic::Flood],
            };
            outcome.overconfident += blinded.iter().filter(|a| judgements.get(a) != Some(&Judgement::Unknown)).count() as u32;
        }
    }
    outcome
}

fn note(analytics: &mut CameraAnalytics, suffers: Suffers, outcome: &mut CameraOutcome, present: &mut bool) {
    while let Some(output) = analytics.poll_output() {
        let Output::Finding(f) = output else { continue };
        let t = f.at.as_secs_f64();
        let during = (FAULT_S.0..FAULT_S.1 + 10.0).contains(&t);
        match (f.kind.is_camera(), f.phase) {
            (true, Phase::Began) if f.kind == suffers.kind() && during => {
                outcome.named_after_s = Some(t - FAULT_S.0);
                *present = true;
            }
            (true, Phase::Began) if during => outcome.misnamed.push(f.kind),
            (true, Phase::Began) => outcome.false_faults.push((f.kind, t)),
            (true, Phase::Ended) if f.kind == suffers.kind() => {
                outcome.over_after_s = Some(t - FAULT_S.1);
                *present = false;
            }
            (true, _) => {}
            (false, phase @ (Phase::Began | Phase::Ended)) if during => outcome.phenomena.push((f.kind, phase, t)),
            (false, _) => {}
        }
    }
}

fn found(bbox: NormBox, dice: &mut Dice) -> Option<(Detection, Change)> {
    let mut edge = |at: f32| at + 0.005 * dice.normal();
    let bbox = NormBox::clipped(edge(bbox.x1()), edge(bbox.y1()), edge(bbox.x2()), edge(bbox.y2()))?;
    let detection = Detection { class: Class::Fire, score: Score::clamped(0.6), bbox };
    dice.chance(0.8).then_some((detection, Change { inside: 14.0, around: 2.0 }))
}

/// The picture's brightness as a picture, with glare over it where there is some.
fn developed(yuv: &[u8], glare: bool) -> Picture {
    let (w, h) = (PICTURE.width as usize, PICTURE.height as usize);
    let rgb = (0..w * h)
        .flat_map(|i| {
            let luma = ((f32::from(yuv[i]) - 16.0) * 255.0 / 219.0).clamp(0.0, 255.0);
            let (x, y) = ((i % w) as f32 / w as f32 - 0.45, (i / w) as f32 / h as f32 - 0.35);
            let light = if glare { 420.0 * (-(x * x + y * y) / 0.16).exp() } else { 0.0 };
            [(luma + light).min(255.0) as u8; 3]
        })
        .collect();
    Picture::from_rgb(PICTURE, rgb).unwrap_or_else(|e| unreachable!("{e}"))
}
