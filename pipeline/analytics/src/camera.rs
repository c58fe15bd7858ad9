//! Whether the camera can see: lost, frozen, dark, glaring, blurred, covered, moved; and which analytics each of these blinds.
//!
//! Faults are judged against the camera's own usual values, since brightness and sharpness have no scale that fits every scene. While
//! a fault is suspected the analytics it would blind are not shown the pictures; once it is announced they say "unknown".

use std::time::Duration;

use matpho_scene::{
    MediaTime, PictureHealth,
    event::{Detail, EndReason, EventKind, Severity},
    measurement::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::{
    analytic::Analytic,
    desk::{Desk, Open, Statement, proof, stop_all},
    hysteresis::{Change, Latch},
    io::{Condition, StreamState},
    lost::{Arrival, ArrivalWatch},
    moment::Moment,
    units::{Positive, Seconds, Share},
    window::Trace,
};

/// Parameters of camera health, `[analytics.camera]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraParams {
    /// Lost when the stream is down and its last picture is this old.
    pub lost_after_s: Seconds,
    /// Lost without any word from the stream when the last picture is this old, or four times as old as pictures usually get.
    pub silence_after_s: Seconds,
    /// Every other fault is announced after lasting this long.
    pub begin_after_s: Seconds,
    /// Every fault is over when it has been gone for this long.
    pub end_after_s: Seconds,
    /// Frozen when the content of pictures has not changed for this long.
    pub frozen_after_s: Seconds,
    /// Mean change of brightness (0 to 255) from one picture to the next up to which nothing changed: what a re-encoded still shows.
    pub frozen_change_max: Positive,
    /// Dark up to this mean brightness (0 to 255).
    pub dark_luma_max: Positive,
    /// Glaring when this share of the picture is near white, and at least three times what is usual: an overcast sky is no glare.
    pub glare_share: Share,
    /// Covered when the spread of brightness (0 to 255) has suddenly fallen to this, and to half of what it usually is.
    pub covered_luma_std_max: Positive,
    /// Blurred when sharpness falls below this part of what it usually is.
    pub blurred_ratio: Share,
    /// Moved when the picture is displaced by this share of its width or height.
    pub moved_shift: Share,
    /// Moved when the likeness to the reference falls below this part of what it usually is, while the picture is sharp.
    pub moved_likeness_ratio: Share,
}

impl Default for CameraParams {
    fn default() -> Self {
        Self {
            lost_after_s: Seconds::of(5.0),
            silence_after_s: Seconds::of(10.0),
            begin_after_s: Seconds::of(5.0),
            end_after_s: Seconds::of(3.0),
            frozen_after_s: Seconds::of(8.0),
            frozen_change_max: Positive::of(0.1),
            dark_luma_max: Positive::of(18.0),
            glare_share: Share::of(0.3),
            covered_luma_std_max: Positive::of(14.0),
            blurred_ratio: Share::of(0.35),
            moved_shift: Share::of(0.04),
            moved_likeness_ratio: Share::of(0.5),
        }
    }
}

/// Time constant of what is usual for a camera: long against a fault, short against dusk.
const USUAL_OVER_S: f32 = 300.0;
/// Readings and seconds before anything is called usual.
const USUAL_READINGS_MIN: u32 = 5;
const USUAL_AFTER_S: f32 = 4.0;
/// A picture is dark only where little stands out of it: a night street with lamps has a spread above this (0 to 255).
const DARK_LUMA_STD_MAX: f32 = 20.0;
/// So many times the usual share of near white is glare.
const GLARE_FACTOR: f32 = 3.0;
/// Before anything is usual, this much of the picture near white is.
const GLARE_ANYHOW: f32 = 0.6;
/// Unchanged content is frozen at once where content usually changes by so many times the limit, and after a minute anyhow.
const FROZEN_USUAL_FACTOR: f32 = 3.0;
const FROZEN_ANYHOW_AFTER: Duration = Duration::from_secs(60);
/// Unchanged for this long is suspect.
const STILL_SUSPECT_AFTER: Duration = Duration::from_secs(3);
const STILL_READINGS_MIN: u32 = 3;
/// A registration less sure than this says nothing about a shift.
const SHIFT_RESPONSE_MIN: f32 = 0.1;
/// An unlike picture was moved only if it is about as sharp as usual; else it is blurred, foggy or full of smoke.
const MOVED_SHARPNESS_RATIO: f32 = 0.6;
/// How far back the proof of a fault reaches.
const TRACE_SPAN: Duration = Duration::from_secs(120);
/// How often the age of the newest picture is kept for a proof.
const AGES_EVERY: Duration = Duration::from_secs(1);

/// Which analytics a fault blinds. `drawn`: whether somebody drew zones.
pub(crate) fn blinds(fault: EventKind, analytic: Analytic, drawn: bool) -> bool {
    match fault {
        EventKind::CameraLost
        | EventKind::CameraFrozen
        | EventKind::CameraDark
        | EventKind::CameraGlare
        | EventKind::CameraCovered
        | EventKind::CameraBlurred => analytic != Analytic::Camera,
        EventKind::CameraMoved => drawn && analytic.needs_zones(),
        EventKind::Congestion
        | EventKind::StoppedVehicle
        | EventKind::WrongWay
        | EventKind::Pedestrian
        | EventKind::Flame
        | EventKind::Smoke
        | EventKind::Flood => false,
    }
}

/// Which faults may be the very thing an analytic watches for: smoke fills the picture and blurs it. What is still found in such a picture
/// is evidence; what is not found says nothing.
fn leaves_glimpses(fault: EventKind, analytic: Analytic) -> bool {
    match fault {
        EventKind::CameraCovered | EventKind::CameraBlurred | EventKind::CameraGlare => {
            matches!(analytic, Analytic::Fire | Analytic::Smoke)
        }
        // A flame shows in the dark, and makes it less so; that none shows in a black picture says nothing.
        EventKind::CameraDark => analytic == Analytic::Fire,
        _ => false,
    }
}

/// How well an analytic sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The picture is fit to judge.
    Clear,
    /// The picture is not fit to judge, but what shows in it shows.
    Glimpses {
        /// Since when.
        since: MediaTime,
        /// The fault is no longer a suspicion.
        announced: bool,
    },
    /// Nothing may be made of it.
    Blind,
}

/// A value that is usual for this camera: a mean over [`USUAL_OVER_S`].
#[derive(Debug, Default)]
struct Usual {
    mean: f32,
    readings: u32,
    first: Moment,
    last: Moment,
    /// What was usual before all was forgotten: holds until the new value is known.
    before: Option<f32>,
}

impl Usual {
    fn learn(&mut self, now: Moment, value: f32) {
        if self.readings == 0 {
            self.first = now;
            self.last = now;
        }
        self.readings = self.readings.saturating_add(1);
        let weight = (1.0 / self.readings as f32).max(now.secs_since(self.last) / USUAL_OVER_S).min(1.0);
        self.mean += (value - self.mean) * weight;
        self.last = now;
    }

    fn known(&self) -> Option<f32> {
        let known = self.readings >= USUAL_READINGS_MIN && self.last.secs_since(self.first) >= USUAL_AFTER_S;
        if known { Some(self.mean) } else { self.before }
    }

    /// Begins anew; what was usual holds until it is known what is now. Where nothing came up to it since the last time, it says nothing
    /// any more.
    fn begin_anew(&mut self) {
        let before = if self.readings > 0 { self.known() } else { None };
        *self = Self { before, ..Self::default() };
    }
}

/// One kind of fault.
#[derive(Debug)]
struct Fault {
    kind: EventKind,
    latch: Latch,
    /// When it was first seen, while it is seen or announced.
    since: Option<MediaTime>,
    open: Option<Open>,
    /// What its rule looks at.
    traces: Vec<Trace>,
}

/// What a fault's rule says of one picture.
struct Look {
    seen: bool,
    /// In the order of the fault's traces, which may be more.
    values: Vec<f32>,
    thresholds: Vec<(&'static str, f64)>,
    reason: String,
}

impl Fault {
    fn new(kind: EventKind, value_names: &[&'static str]) -> Self {
        let traces = value_names.iter().map(|name| Trace::new(name, TRACE_SPAN)).collect();
        Self { kind, latch: Latch::Off, since: None, open: None, traces }
    }

    fn step(&mut self, now: Moment, look: Look, on_after: Duration, params: &CameraParams, desk: Option<&mut Desk>) {
        self.step_since(now, now, look, on_after, params, desk);
    }

    /// The same where it is known since when it is so.
    fn step_since(
        &mut self,
        now: Moment,
        known_since: Moment,
        look: Look,
        on_after: Duration,
        params: &CameraParams,
        desk: Option<&mut Desk>,
    ) {
        self.traces.iter_mut().zip(look.values).for_each(|(trace, value)| trace.push(now.at, value));
        let change = self.latch.step(now, look.seen, on_after, params.end_after_s.span());
        self.since = (!self.latch.is_off()).then(|| self.since.unwrap_or(known_since.at));
        let Some(desk) = desk else { return };
        match change {
            Change::None => {}
            Change::Began { since } => {
                let statement = Statement {
                    at: now.at,
                    severity: severity(self.kind),
                    confidence: 0.9,
                    region: None,
                    proof: proof(
                        rule(self.kind),
                        &[look.thresholds, vec![("begin_after_s", on_after.as_secs_f64())]].concat(),
                        &self.traces.iter().collect::<Vec<_>>(),
                        false,
                    ),
                    detail: Detail::Camera { reason: look.reason },
                };
                self.open = Some(desk.begin(self.kind, None, since.earlier(known_since).at, statement));
            }
            Change::Ended => {
                if let Some(open) = self.open.take() {
                    desk.end(open, now.at, EndReason::Cleared);
                }
            }
        }
    }

    /// Not judged for a while (the stream is lost, or a worse fault hides it): what was not yet sure starts anew.
    fn interrupt(&mut self) {
        self.latch = match self.latch {
            Latch::Off | Latch::Rising { .. } => Latch::Off,
            Latch::On | Latch::Falling { .. } => Latch::On,
        };
        self.since = self.since.filter(|_| !self.latch.is_off());
    }

    fn is_present(&self) -> bool {
        matches!(self.latch, Latch::On | Latch::Falling { .. })
    }
}

fn severity(kind: EventKind) -> Severity {
    match kind {
        EventKind::CameraDark | EventKind::CameraGlare | EventKind::CameraBlurred => Severity::Minor,
        _ => Severity::Moderate,
    }
}

fn rule(kind: EventKind) -> &'static str {
    match kind {
        EventKind::CameraFrozen => "pictures arrive, but their content does not change",
        EventKind::CameraDark => "the picture is too dark to judge",
        EventKind::CameraGlare => "glare fills far more of the picture than is usual for this camera",
        EventKind::CameraCovered => "the spread of brightness fell away: something uniform fills the picture",
        EventKind::CameraBlurred => "sharpness fell far below what is usual for this camera",
        EventKind::CameraMoved => "the picture is displaced against the reference, or no longer like it while as sharp as usual",
        _ => "no fresh picture arrives",
    }
}

/// Watches over one camera.
#[derive(Debug)]
pub(crate) struct CameraWatch {
    params: CameraParams,
    /// Whether faults are announced; they blind in any case.
    announces: bool,
    arrival: ArrivalWatch,
    arrival_now: Arrival,
    lost: Option<Open>,
    /// How old the newest picture had become, about once a second.
    ages: Trace,
    aged_at: Option<MediaTime>,
    frozen: Fault,
    dark: Fault,
    glare: Fault,
    covered: Fault,
    blurred: Fault,
    moved: Fault,
    sharpness: Usual,
    luma_std: Usual,
    bright_share: Usual,
    likeness: Usual,
    change: Usual,
    /// First of the readings in a row without change, and how many.
    still: Option<(Moment, u32)>,
    still_last: Moment,
    measured: bool,
}

impl CameraWatch {
    pub fn new(params: CameraParams, announces: bool) -> Self {
        Self {
            params,
            announces,
            arrival: ArrivalWatch::new(),
            arrival_now: Arrival::Fresh,
            lost: None,
            ages: Trace::new("frame_age_s", TRACE_SPAN),
            aged_at: None,
            frozen: Fault::new(EventKind::CameraFrozen, &["change_luma"]),
            dark: Fault::new(EventKind::CameraDark, &["luma_mean"]),
            glare: Fault::new(EventKind::CameraGlare, &["bright_share"]),
            covered: Fault::new(EventKind::CameraCovered, &["luma_std"]),
            blurred: Fault::new(EventKind::CameraBlurred, &["sharpness"]),
            moved: Fault::new(EventKind::CameraMoved, &["shift_share", "likeness"]),
            sharpness: Usual::default(),
            luma_std: Usual::default(),
            bright_share: Usual::default(),
            likeness: Usual::default(),
            change: Usual::default(),
            still: None,
            still_last: Moment::default(),
            measured: false,
        }
    }

    fn faults(&self) -> [&Fault; 6] {
        [&self.frozen, &self.dark, &self.glare, &self.covered, &self.blurred, &self.moved]
    }

    fn faults_mut(&mut self) -> [&mut Fault; 6] {
        [&mut self.frozen, &mut self.dark, &mut self.glare, &mut self.covered, &mut self.blurred, &mut self.moved]
    }

    /// The stream spoke.
    pub fn stream(&mut self, at: MediaTime, word: StreamState<'_>, desk: &mut Desk) {
        self.arrival.word(at, word);
        self.time(at, desk);
    }

    /// Time passed: the watchdog looks.
    pub fn time(&mut self, at: MediaTime, desk: &mut Desk) {
        self.arrival_now = self.arrival.judge(at, &self.params);
        match (&self.arrival_now, self.lost.take()) {
            (Arrival::Fresh | Arrival::Late, Some(open)) => desk.end(open, at, EndReason::Cleared),
            (Arrival::Fresh | Arrival::Late, None) => {}
            (Arrival::Lost { .. }, Some(open)) => self.lost = Some(open),
            (Arrival::Lost { since, reason }, None) => {
                let (since, reason) = (*since, reason.clone());
                self.faults_mut().into_iter().for_each(Fault::interrupt);
                self.still = None;
                if self.announces {
                    self.ages.push_now(at, at.since(since).as_secs_f32());
                    let thresholds = [
                        ("lost_after_s", self.params.lost_after_s.get()),
                        ("silence_after_s", self.params.silence_after_s.get()),
                    ];
                    let statement = Statement {
                        at,
                        severity: severity(EventKind::CameraLost),
                        confidence: 1.0,
                        region: None,
                        detail: Detail::Camera { reason },
                        proof: proof(rule(EventKind::CameraLost), &thresholds, &[&self.ages], false),
                    };
                    self.lost = Some(desk.begin(EventKind::CameraLost, None, since, statement));
                }
            }
        }
    }

    /// A picture came.
    pub fn picture(&mut self, at: MediaTime, health: Option<&PictureHealth>, desk: &mut Desk) {
        if self.aged_at.is_none_or(|then| at.since(then) >= AGES_EVERY) {
            self.aged_at = Some(at);
            self.ages.push(at, self.arrival.age(at).as_secs_f32());
        }
        self.arrival.picture(at, &self.params);
        self.time(at, desk);
        if let (Some(health), Arrival::Fresh) = (health, &self.arrival_now) {
            self.measured = true;
            // Faults are told in media time: they go on while everything else stands still.
            let now = Moment { at, watched: at.since(MediaTime::ZERO) };
            self.judge(now, health, self.announces.then_some(desk));
        }
    }

    fn judge(&mut self, now: Moment, health: &PictureHealth, mut desk: Option<&mut Desk>) {
        let p = self.params.clone();
        let after = p.begin_after_s.span();
        let usual_sharpness = self.sharpness.known();

        let dark = Look {
            seen: health.luma_mean <= p.dark_luma_max.get() && health.luma_std <= DARK_LUMA_STD_MAX,
            values: vec![health.luma_mean],
            thresholds: vec![("dark_luma_max", f64::from(p.dark_luma_max))],
            reason: format!("mean brightness {:.0} of 255", health.luma_mean),
        };
        let hidden = dark.seen;
        self.dark.step(now, dark, after, &p, desk.as_deref_mut());
        if hidden {
            [&mut self.glare, &mut self.covered, &mut self.frozen, &mut self.blurred, &mut self.moved]
                .into_iter()
                .for_each(Fault::interrupt);
            self.still = None;
            return;
        }

        let usual_bright = self.bright_share.known();
        let glare_min = usual_bright.map_or(GLARE_ANYHOW, |usual| (usual * GLARE_FACTOR).max(p.glare_share.get()).min(0.95));
        let glare = Look {
            seen: health.bright_share >= glare_min,
            values: vec![health.bright_share],
            thresholds: vec![("bright_share_min", crate::window::round4(glare_min))],
            reason: format!(
                "{:.0} % of the picture near white, usually {:.0} %: the sun or head lamps shine into the lens",
                health.bright_share * 100.0,
                usual_bright.unwrap_or(0.0) * 100.0
            ),
        };
        let hidden = glare.seen;
        self.glare.step(now, glare, after, &p, desk.as_deref_mut());
        if hidden {
            [&mut self.covered, &mut self.frozen, &mut self.blurred, &mut self.moved].into_iter().for_each(Fault::interrupt);
            self.still = None;
            return;
        }

        // A street in grey rain spreads little: only half of its own spread is a sudden fall there.
        let spread_max = self.luma_std.known().map_or(f32::MAX, |usual| usual / 2.0).min(p.covered_luma_std_max.get());
        let covered = Look {
            seen: health.luma_std <= spread_max,
            values: vec![health.luma_std],
            thresholds: vec![("covered_luma_std_max", f64::from(spread_max))],
            reason: format!("a uniform picture: brightness spreads by {:.0} of 255", health.luma_std),
        };
        let hidden = covered.seen;
        self.covered.step(now, covered, after, &p, desk.as_deref_mut());
        if hidden {
            [&mut self.frozen, &mut self.blurred, &mut self.moved].into_iter().for_each(Fault::interrupt);
            self.still = None;
            return;
        }

        if let Some(change) = health.change {
            let still = change <= p.frozen_change_max.get();
            self.still = match (self.still, still) {
                (None, true) => Some((now, 1)),
                (Some((since, readings)), true) => Some((since, readings.saturating_add(1))),
                (None | Some(_), false) => None,
            };
            let lasted =
                self.still.filter(|(_, n)| *n >= STILL_READINGS_MIN).map_or(Duration::ZERO, |(since, _)| now.since(since));
            self.still_last = now;
            let look = Look {
                seen: (lasted >= p.frozen_after_s.span() && self.usually_changes()) || lasted >= FROZEN_ANYHOW_AFTER,
                values: vec![change],
                thresholds: vec![
                    ("frozen_change_max", f64::from(p.frozen_change_max)),
                    ("frozen_after_s", p.frozen_after_s.get()),
                ],
                reason: format!("the picture has not changed for {:.0} s", lasted.as_secs_f64()),
            };
            let since = self.still.map_or(now, |(since, _)| since);
            self.frozen.step_since(now, since, look, Duration::ZERO, &p, desk.as_deref_mut());
            if !still {
                self.change.learn(now, change);
            }
        }

        let blurred = Look {
            seen: usual_sharpness.is_some_and(|usual| health.sharpness < p.blurred_ratio.get() * usual),
            values: vec![health.sharpness],
            thresholds: vec![("sharpness_min", f64::from(usual_sharpness.unwrap_or(0.0) * p.blurred_ratio.get()).round())],
            reason: format!(
                "sharpness {:.0}, usually {:.0}: out of focus, fog, or dirt or water on the lens",
                health.sharpness,
                usual_sharpness.unwrap_or(0.0)
            ),
        };
        let hidden = blurred.seen;
        self.blurred.step(now, blurred, after, &p, desk.as_deref_mut());
        if hidden {
            self.moved.interrupt();
            return;
        }

        let moved = self.look_moved(health, usual_sharpness);
        let moved_seen = moved.seen;
        self.moved.step(now, moved, after, &p, desk);
        if !moved_seen {
            self.sharpness.learn(now, health.sharpness);
            self.luma_std.learn(now, health.luma_std);
            self.bright_share.learn(now, health.bright_share);
            if let Some(likeness) = health.likeness {
                self.likeness.learn(now, likeness);
            }
        }
    }

    fn look_moved(&self, health: &PictureHealth, usual_sharpness: Option<f32>) -> Look {
        let p = &self.params;
        let shift = health.shift.filter(|s| s.response >= SHIFT_RESPONSE_MIN).map_or(0.0, |s| s.dx.abs().max(s.dy.abs()));
        let sharp = usual_sharpness.is_none_or(|usual| health.sharpness >= MOVED_SHARPNESS_RATIO * usual);
        let likeness_min = self.likeness.known().map(|usual| p.moved_likeness_ratio.get() * usual);
        let unlike = sharp && health.likeness.zip(likeness_min).is_some_and(|(likeness, min)| likeness < min);
        let mut thresholds = vec![("moved_shift", f64::from(p.moved_shift))];
        thresholds.extend(likeness_min.map(|min| ("likeness_min", crate::window::round4(min))));
        Look {
            seen: shift > p.moved_shift.get() || unlike,
            values: [Some(shift), health.likeness].into_iter().flatten().collect(),
            thresholds,
            reason: if shift > p.moved_shift.get() {
                format!("the view is displaced by {:.0} % of the picture", shift * 100.0)
            } else {
                "the view is no longer like the reference picture".into()
            },
        }
    }

    /// A person confirmed that the zones fit the picture as it is; pictures are compared with it from now on.
    pub fn confirm_view(&mut self, at: MediaTime, desk: &mut Desk) {
        // A camera that is knocked again before the new view is known would be taken for it otherwise. A view that is less like itself
        // from picture to picture than the old one was has to be confirmed twice.
        self.likeness.begin_anew();
        self.sharpness = Usual::default();
        self.moved.latch = Latch::Off;
        self.moved.since = None;
        if let Some(open) = self.moved.open.take() {
            desk.end(open, at, EndReason::Cleared);
        }
    }

    /// Ends what is open: no more input will come.
    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        stop_all(desk, at, self.lost.take());
        for fault in self.faults_mut() {
            let open = fault.open.take();
            stop_all(desk, at, open);
        }
    }

    /// When the watchdog wants to look.
    pub fn deadline(&self) -> Option<MediaTime> {
        self.arrival.deadline(&self.params)
    }

    /// What of the pictures may be shown to an analytic, by the faults that blind it and are there, or suspected.
    pub fn sight(&self, analytic: Analytic, drawn: bool) -> Sight {
        if self.is_without_pictures(analytic, drawn)
            || (self.is_suspect_still() && blinds(EventKind::CameraFrozen, analytic, drawn))
        {
            return Sight::Blind;
        }
        let mut sight = Sight::Clear;
        for fault in self.faults().into_iter().filter(|fault| blinds(fault.kind, analytic, drawn)) {
            let Some(since) = fault.since else { continue };
            if !leaves_glimpses(fault.kind, analytic) {
                return Sight::Blind;
            }
            sight = match sight {
                Sight::Glimpses { since: other, announced } => {
                    Sight::Glimpses { since: since.min(other), announced: announced || fault.is_present() }
                }
                Sight::Clear | Sight::Blind => Sight::Glimpses { since, announced: fault.is_present() },
            };
        }
        sight
    }

    fn is_without_pictures(&self, analytic: Analytic, drawn: bool) -> bool {
        let lost = !self.arrival.has_seen() || self.arrival_now != Arrival::Fresh;
        lost && blinds(EventKind::CameraLost, analytic, drawn)
    }

    /// Content that usually changes has stood still for a moment.
    fn is_suspect_still(&self) -> bool {
        self.still.is_some_and(|(since, n)| n >= STILL_READINGS_MIN && self.still_last.since(since) >= STILL_SUSPECT_AFTER)
            && self.usually_changes()
    }

    fn usually_changes(&self) -> bool {
        self.change.known().is_some_and(|usual| usual >= FROZEN_USUAL_FACTOR * self.params.frozen_change_max.get())
    }

    /// Whether an analytic has to say "unknown".
    pub fn is_blind(&self, analytic: Analytic, drawn: bool) -> bool {
        self.is_without_pictures(analytic, drawn)
            || self.faults().into_iter().any(|fault| fault.is_present() && blinds(fault.kind, analytic, drawn))
    }

    /// What the camera analytic says of the camera: "present" is a fault.
    pub fn judgement(&self) -> Judgement {
        match &self.arrival_now {
            Arrival::Lost { .. } => Judgement::Present,
            Arrival::Late => Judgement::Suspected,
            Arrival::Fresh if self.faults().into_iter().any(Fault::is_present) => Judgement::Present,
            Arrival::Fresh if !self.measured => Judgement::Unknown,
            Arrival::Fresh if self.faults().into_iter().any(|fault| !fault.latch.is_off()) => Judgement::Suspected,
            Arrival::Fresh => Judgement::Clear,
        }
    }

    /// The camera's condition in one word, the worst first.
    pub fn condition(&self) -> Condition {
        match &self.arrival_now {
            Arrival::Lost { reason, .. } => Condition::Lost { reason: reason.clone() },
            Arrival::Late => Condition::Stale,
            Arrival::Fresh if !self.arrival.has_seen() => Condition::Starting,
            Arrival::Fresh => match self.faults().into_iter().find(|fault| fault.is_present()).map(|fault| fault.kind) {
                Some(EventKind::CameraMoved) => Condition::Moved,
                Some(kind) => Condition::Blind(kind),
                None => Condition::Live,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_usual_holds_until_the_new_is_known() {
        let at = |secs: f64| Moment { at: MediaTime::from_secs_f64(secs), watched: Duration::from_secs_f64(secs) };
        let mut usual = Usual::default();
        (0..10).for_each(|n| usual.learn(at(f64::from(n)), 0.8));
        let known = usual.known().unwrap();
        assert!((known - 0.8).abs() < 1e-6);

        usual.begin_anew();
        assert_eq!(usual.known(), Some(known));
        usual.learn(at(20.0), 0.5);
        assert_eq!(usual.known(), Some(known), "one reading says little");
        usual.begin_anew();
        assert_eq!(usual.known(), Some(known), "and again before it was known");
        (21..30).for_each(|n| usual.learn(at(f64::from(n)), 0.5));
        assert!((usual.known().unwrap() - 0.5).abs() < 1e-6);
    }

    /// What a camera is called whose pictures spread by `usual` of brightness for a minute, then by `now` for ten seconds, and are as sharp as a cover then.
    fn called(usual: f32, now: f32) -> Condition {
        let mut watch = CameraWatch::new(CameraParams::default(), true);
        let mut desk = Desk::default();
        for second in 0..70 {
            let noise = (second as f32 * 1.7).sin();
            let (luma_std, sharpness) = if second < 60 { (usual, 900.0) } else { (now, 5.0) };
            let health = PictureHealth {
                luma_mean: 110.0 + noise,
                luma_std,
                bright_share: 0.02,
                sharpness,
                change: (second > 0).then_some(2.0 + noise.abs()),
                shift: None,
                likeness: Some(if second < 60 { 0.8 } else { 0.1 }),
            };
            watch.picture(MediaTime::from_millis(second * 1000), Some(&health), &mut desk);
        }
        watch.condition()
    }

    #[test]
    fn a_cover_is_a_cover_over_a_grey_street_too() {
        for (usual, now, kind) in [
            (50.0, 4.0, EventKind::CameraCovered),
            // Grey, in rain.
            (24.0, 4.0, EventKind::CameraCovered),
            // Not half of what it was: fog, or a lens out of focus.
            (24.0, 13.0, EventKind::CameraBlurred),
            (50.0, 30.0, EventKind::CameraBlurred),
        ] {
            assert_eq!(called(usual, now), Condition::Blind(kind), "{usual} to {now}");
        }
    }

    #[test]
    fn what_nothing_comes_up_to_is_forgotten_the_second_time() {
        let mut usual = Usual { before: Some(0.8), ..Usual::default() };
        usual.begin_anew();
        assert_eq!(usual.known(), None);
    }
}
