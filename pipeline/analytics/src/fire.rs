//! Flame and smoke: sequences of detections in one place become a confirmed event, or turn out to be a lamp.
//!
//! A suspicion stays inside until enough looks in a row found something in the same place (M of N with overlap, after Pyronear) *and* it
//! behaved like fire: it flickered or grew. What stands still for a minute is remembered as a lamp.

use std::{collections::VecDeque, time::Duration};

use matpho_scene::{
    Change, Class, Detection, MediaTime, NormBox, Polygon,
    event::{Detail, EndReason, EventKind, Severity},
    measurement::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::{
    desk::{Desk, Open, Said, Statement, proof, stop_all},
    hours::Hours,
    io::{AnalyticSummary, Request},
    moment::Moment,
    road::overlap_of,
    sequence::{Hit, Sequence},
    units::{Positive, Seconds, Share},
    window::Trace,
};

/// Parameters of flame or of smoke, `[analytics.fire]` and `[analytics.smoke]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FireParams {
    /// Detections below this score are not looked at; times 0.8 while an event goes on. Pyronear's tracker: 0.3.
    pub score_min: Share,
    /// A detection continues a sequence when it overlaps its last box by this much (Pyronear: 0.1), or lies inside it.
    pub iou_min: Share,
    /// So many detections in one place confirm (Pyronear: 5 in a row gave precision .947, recall .954).
    pub hits_min: u32,
    /// This share of the looks in the window must have found it.
    pub hits_share: Share,
    /// They must span at least this long; smoke, which dust and exhaust look like while they pass, 1.4 times as long.
    pub confirm_after_s: Seconds,
    /// A flame of which a burst shows so many times the change that is asked of it (see `change_burst_min`) is vivid: those of five in six burning clips are.
    pub vivid_times: Positive,
    /// What is vivid confirms after this long …
    pub vivid_after_s: Seconds,
    /// … found in this share of the looks: in a burst a model misses a small flame more often than not.
    pub vivid_hits_share: Share,
    /// Spread of the box's area (standard deviation over mean), or of one of its edges (over its side), from which it flickers like
    /// fire. More is asked of small boxes, whose edges jump by the detector's own grain.
    pub flicker_min: Share,
    /// Mean change of brightness (0 to 255) in its place from one look to the next from which it flickers, where looks are half a second and more apart.
    /// Flames of clips: 6 to 45; but so do places that traffic passes. Where it is not measured, boxes are asked.
    pub change_min: Positive,
    /// The same in a burst, an eighth of a second apart, which alone is asked where there is one: flames of clips 2.5 to 18.
    pub change_burst_min: Positive,
    /// It must also be this many times what is usual over the picture, which shakes with the camera and in the rain. Flames of clips in bursts: 2.6 to 27;
    /// lamps, signs and what stands: about 1.
    pub change_ratio: Positive,
    /// Growth of the area since it was first seen from which it needs no flicker.
    pub growth_min: Positive,
    /// What wanders by more of its own sides than this while it is watched is a light that passes, or dust.
    pub travel_sides_max: Positive,
    /// What neither grew, flickered nor moved for this long is a lamp, a sign or the sun: its place is remembered and must double in
    /// area to count again.
    pub static_after_s: Seconds,
    /// So many suspicions that came to nothing in one place make it a lamp too …
    pub doubts_max: u32,
    /// … each no longer than this after the one before.
    pub doubts_kept_s: Seconds,
    /// What covers more of the picture than this when first seen is fog, dust or glare.
    pub area_share_max: Share,
    /// Over when it has not been found for this long, in at least three looks.
    pub clear_after_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
    /// A lively suspicion of at most this long before the picture went blind (blurred, covered, glaring) is an event: smoke may fill it.
    pub blinding_s: Seconds,
    /// How long every frame is asked for to verify a suspicion from its first find on, at most three times a minute, where they come slower than 3 a
    /// second. It is given back when the suspicion has not been found for 2 s.
    pub burst_s: Seconds,
}

impl Default for FireParams {
    fn default() -> Self {
        Self {
            score_min: Share::of(0.3),
            iou_min: Share::of(0.1),
            hits_min: 5,
            hits_share: Share::of(0.5),
            confirm_after_s: Seconds::of(3.5),
            vivid_times: Positive::of(2.0),
            vivid_after_s: Seconds::of(1.25),
            vivid_hits_share: Share::of(0.3),
            flicker_min: Share::of(0.06),
            change_min: Positive::of(5.0),
            change_burst_min: Positive::of(2.0),
            change_ratio: Positive::of(2.0),
            growth_min: Positive::of(1.5),
            travel_sides_max: Positive::of(1.5),
            static_after_s: Seconds::of(60.0),
            doubts_max: 3,
            doubts_kept_s: Seconds::of(1800.0),
            area_share_max: Share::of(0.6),
            clear_after_s: Seconds::of(20.0),
            update_every_s: Seconds::of(15.0),
            blinding_s: Seconds::of(10.0),
            burst_s: Seconds::of(8.0),
        }
    }
}

/// Thresholds times this while an event goes on (Pyronear's hysteresis).
const ONGOING_FACTOR: f32 = 0.8;
/// The most places that are followed at once (Pyronear: 5 boxes a picture), and the most lamps remembered.
const SEQUENCES_MAX: usize = 8;
const CANDIDATES_MAX: usize = 5;
const LAMPS_MAX: usize = 64;
/// A lamp's place counts again when what is there has grown by this.
const LAMP_GROWTH: f32 = 2.0;
/// … or flickers by so many times what a flame must.
pub(crate) const LAMP_FLICKER: f32 = 2.0;
/// A lamp that has not been lit for this long is forgotten.
const LAMP_KEPT: Duration = Duration::from_secs(6 * 3600);
/// What lies in a moving vehicle's box by this share of its own area is its lamp, its exhaust or its paint.
const ON_VEHICLE_SHARE: f32 = 0.6;
/// A place of which a vehicle that drives covers this much changes because of it.
const PASSED_SHARE: f32 = 0.05;
/// A vehicle's lamp is at most this part of its box.
const LAMP_OF_VEHICLE_MAX: f32 = 0.5;
/// Looks before anything is said at all.
const LOOKS_MIN: u32 = 3;
/// Looks without a find that an end stands on at least.
const CLEAR_LOOKS_MIN: u32 = 3;
/// A suspicion is dropped after this long (and [`CLEAR_LOOKS_MIN`] looks) without a find.
const DROPPED_AFTER: Duration = Duration::from_secs(10);
/// A burst is asked for where looks come slower than this, at most so often in this long.
const BURST_GAP: Duration = Duration::from_millis(350);
const BURST_EVERY: Duration = Duration::from_secs(60);
const BURSTS_MAX: usize = 3;
/// A suspicion may ask again after this long.
const BURST_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// Time without a find that ends a burst: a model that misses a thing misses it for a while.
const BURST_LOST_AFTER: Duration = Duration::from_secs(2);
/// Where looks are farther apart than this, a burst is over before it begins.
const BURST_SLOWEST: Duration = Duration::from_secs(5);
/// From this share of the picture, or this growth, on it is worse.
const FLAME_EXTREME_AREA: f32 = 0.05;
const SMOKE_SEVERE_AREA: f32 = 0.15;
const WORSE_GROWTH: f32 = 4.0;

/// Of so many newest looks at an unfit picture so many must have found what was suspected: models see things in glare and fog now and then.
const GLIMPSES: usize = 5;
const GLIMPSES_MIN: usize = 4;

/// How sure an event is that rests on what was seen before the picture went blind.
const BLINDED_CONFIDENCE: f32 = 0.5;

fn area_of(confirmed: &[&Sequence]) -> f32 {
    confirmed.iter().map(|s| s.last.bbox.area()).sum::<f32>().min(1.0)
}

/// A place that burns, shines or steams, and may.
#[derive(Debug, Clone)]
pub(crate) struct HeatSource {
    /// Where.
    pub polygon: Polygon,
    /// When; always without it.
    pub hours: Option<Hours>,
}

impl HeatSource {
    /// Where the hour is not known, what is masked by the hour is not: an alarm too many is the smaller harm.
    fn masks(&self, bbox: NormBox, minute_of_day: Option<u16>) -> bool {
        let now = self.hours.is_none_or(|hours| minute_of_day.is_some_and(|minute| hours.contains(minute)));
        now && self.polygon.contains(bbox.centre())
    }
}

/// Where something steady shines.
#[derive(Debug)]
struct Lamp {
    /// Where it was last seen: the sun wanders.
    bbox: NormBox,
    /// How large it was when it was found to be one.
    area: f32,
    seen: Moment,
}

/// Whether what was found is the lamp, the exhaust or the load of a vehicle. A flame as large as the vehicle is none of these; it may have been taken for one.
fn is_lamp_of(found: NormBox, vehicle: NormBox) -> bool {
    overlap_of(found, vehicle) >= ON_VEHICLE_SHARE && found.area() <= LAMP_OF_VEHICLE_MAX * vehicle.area()
}

/// Where suspicions came to nothing.
#[derive(Debug)]
struct Doubt {
    bbox: NormBox,
    times: u32,
    area: f32,
    last: Moment,
}

/// Flame or smoke of one camera.
#[derive(Debug)]
pub(crate) struct FireWatch {
    kind: EventKind,
    class: Class,
    params: FireParams,
    heat_sources: Vec<HeatSource>,
    minute_of_day: Option<u16>,
    /// Where vehicles drove at the look before.
    drove: Vec<NormBox>,
    sequences: Vec<Sequence>,
    lamps: VecDeque<Lamp>,
    doubts: Vec<Doubt>,
    looks: u32,
    last_look: Option<Moment>,
    look_gap: Duration,
    /// When bursts were asked for within [`BURST_EVERY`].
    bursts: VecDeque<MediaTime>,
    bursting: bool,
    /// From look to look when it was asked for.
    slow_gap: Duration,
    /// It needs its burst no longer.
    gives_back: bool,
    open: Option<Open>,
    area_said: f32,
    /// When an event began because the picture went blind upon a suspicion.
    blinded_at: Option<MediaTime>,
    /// The newest looks at a picture that was not fit to judge: when, and whether a suspicion was found again.
    glimpses: VecDeque<(MediaTime, bool)>,
    score_max: f32,
    score_trace: Trace,
    area_trace: Trace,
    /// How much the place of the surest find changed, in grey levels and in times of what is usual over the picture.
    change_trace: Trace,
    ratio_trace: Trace,
}

impl FireWatch {
    /// `class` is [`Class::Fire`] or [`Class::Smoke`].
    pub fn new(class: Class, params: FireParams, heat_sources: Vec<HeatSource>) -> Self {
        let span = Duration::from_secs(120);
        Self {
            kind: if class == Class::Smoke { EventKind::Smoke } else { EventKind::Flame },
            class,
            params,
            heat_sources,
            minute_of_day: None,
            drove: Vec::new(),
            sequences: Vec::new(),
            lamps: VecDeque::new(),
            doubts: Vec::new(),
            looks: 0,
            last_look: None,
            look_gap: Duration::ZERO,
            bursts: VecDeque::new(),
            bursting: false,
            slow_gap: Duration::ZERO,
            gives_back: false,
            open: None,
            area_said: 0.0,
            blinded_at: None,
            glimpses: VecDeque::new(),
            score_max: 0.0,
            score_trace: Trace::new("score", span),
            area_trace: Trace::new("area_share", span),
            change_trace: Trace::new("change_luma", span),
            ratio_trace: Trace::new("change_ratio", span),
        }
    }

    /// The hour of the looks that follow.
    pub fn set_minute(&mut self, minute_of_day: Option<u16>) {
        self.minute_of_day = minute_of_day;
    }

    /// One look of the model. `changes`: of the places of `found`, empty where they were not measured; `moving_vehicles`: boxes of vehicles
    /// that move.
    pub fn look(&mut self, now: Moment, found: &[Detection], changes: &[Change], moving_vehicles: &[NormBox], desk: &mut Desk) {
        self.looks = self.looks.saturating_add(1);
        self.step(now);
        let candidates = self.candidates(found, changes, moving_vehicles);
        self.score_max = candidates.iter().map(|hit| hit.score).fold(self.score_max, f32::max);
        self.drove.clear();
        self.drove.extend_from_slice(moving_vehicles);
        self.keep(now, &candidates);
        self.follow(now, candidates);
        self.judge(now, desk);
        self.ask_for_burst(now, desk);
    }

    /// What the proof of an event will show of a look: of its surest find.
    fn keep(&mut self, now: Moment, candidates: &[Hit]) {
        let best = candidates.first();
        self.score_trace.push(now.at, best.map_or(0.0, |hit| hit.score));
        if let Some(change) = best.and_then(|hit| hit.change) {
            self.change_trace.push(now.at, change.inside);
            self.ratio_trace.push(now.at, change.inside / change.around.max(0.01));
        }
    }

    /// How long the last look was ago.
    fn step(&mut self, now: Moment) {
        if let Some(last) = self.last_look.replace(now) {
            self.look_gap = now.at.since(last.at);
        }
    }

    /// What of the findings may be fire.
    fn candidates(&self, found: &[Detection], changes: &[Change], moving_vehicles: &[NormBox]) -> Vec<Hit> {
        let factor = if self.open.is_some() { ONGOING_FACTOR } else { 1.0 };
        let mut hits: Vec<Hit> = found
            .iter()
            .enumerate()
            .map(|(n, d)| (d, changes.get(n).copied().filter(|_| changes.len() == found.len())))
            .filter(|(d, _)| d.class == self.class && d.score.get() >= self.params.score_min.get() * factor)
            .filter(|(d, _)| !self.heat_sources.iter().any(|source| source.masks(d.bbox, self.minute_of_day)))
            .filter(|(d, _)| !moving_vehicles.iter().any(|v| is_lamp_of(d.bbox, *v)))
            .map(|(d, change)| Hit {
                bbox: d.bbox,
                score: d.score.get(),
                change,
                passed: moving_vehicles.iter().chain(&self.drove).any(|v| overlap_of(d.bbox, *v) >= PASSED_SHARE),
                brief: self.look_gap < BURST_GAP,
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut kept: Vec<Hit> = Vec::new();
        for hit in hits {
            if kept.len() < CANDIDATES_MAX && !kept.iter().any(|k| k.bbox.iou(hit.bbox) > 0.5) {
                kept.push(hit);
            }
        }
        kept
    }

    /// One look at a picture that a fault has made unfit since `since`: smoke may be that fault. What was suspected before it is followed on,
    /// nothing new begins and nothing ends. A suspicion that was lively just before the picture went blind counts as confirmed once the fault
    /// is `announced`.
    pub fn glimpse(
        &mut self,
        now: Moment,
        (since, announced): (MediaTime, bool),
        found: &[Detection],
        changes: &[Change],
        desk: &mut Desk,
    ) {
        self.step(now);
        let candidates = self.candidates(found, changes, &[]);
        self.keep(now, &candidates);
        let (taken, _) = self.assign(candidates);
        if self.glimpses.len() == GLIMPSES {
            self.glimpses.pop_front();
        }
        self.glimpses.push_back((now.at, taken.iter().any(Option::is_some)));
        for (sequence, hit) in self.sequences.iter_mut().zip(taken) {
            if let Some(hit) = hit {
                sequence.glimpse(now, hit, &self.params, self.class);
            }
        }
        if self.open.is_some() {
            return;
        }
        let within = self.params.blinding_s.span();
        let blinded = !self.sequences.iter().any(|s| s.confirmed);
        if blinded {
            let suspect = |s: &&mut Sequence| announced && s.was_lively && s.is_suspect(since, within);
            self.sequences.iter_mut().filter(suspect).for_each(|s| s.confirmed = true);
        }
        let confirmed: Vec<&Sequence> = self.sequences.iter().filter(|s| s.confirmed).collect();
        let Some(first) = confirmed.iter().map(|s| s.first.at).min() else { return };
        let area = area_of(&confirmed);
        let mut statement = self.statement(now, &confirmed, area);
        if blinded {
            statement.confidence = BLINDED_CONFIDENCE;
            statement.proof.rule =
                "found in one place, lively, and at once the picture went blind: it may be full of smoke".into();
            statement.proof.thresholds.insert("blinding_s".into(), self.params.blinding_s.get());
            self.blinded_at = Some(now.at);
        }
        self.area_said = area;
        self.open = Some(desk.begin(self.kind, None, first, statement));
    }

    /// What is said while the picture is unfit since `since`: only what shows in spite of it.
    pub fn judgement_since(&self, since: MediaTime) -> Judgement {
        let shows = self.glimpses.iter().filter(|(at, found)| *found && *at >= since).count() >= GLIMPSES_MIN;
        let blinded = self.blinded_at.is_some_and(|at| at >= since);
        match (self.open.is_some(), blinded || shows) {
            (true, true) => Judgement::Present,
            (false, true) => Judgement::Suspected,
            (true | false, false) => Judgement::Unknown,
        }
    }

    /// Which candidate continues which sequence, and those that continue none.
    fn assign(&self, candidates: Vec<Hit>) -> (Vec<Option<Hit>>, Vec<Hit>) {
        let mut taken: Vec<Option<Hit>> = vec![None; self.sequences.len()];
        let mut rest = Vec::new();
        for hit in candidates {
            let fits = |s: &Sequence| s.last.bbox.iou(hit.bbox).max(overlap_of(hit.bbox, s.last.bbox) - 0.5).max(0.0);
            let best = (0..self.sequences.len())
                .filter(|&i| taken[i].is_none())
                .map(|i| (i, fits(&self.sequences[i])))
                .filter(|(_, fit)| *fit >= self.params.iou_min.get())
                .max_by(|a, b| a.1.total_cmp(&b.1));
            match best {
                Some((i, _)) => taken[i] = Some(hit),
                None => rest.push(hit),
            }
        }
        (taken, rest)
    }

    /// Candidates continue sequences, light up known lamps, or begin sequences.
    fn follow(&mut self, now: Moment, candidates: Vec<Hit>) {
        let (taken, rest) = self.assign(candidates);
        let params = &self.params;
        for (sequence, hit) in self.sequences.iter_mut().zip(taken) {
            sequence.look(now, hit);
        }
        self.lamps.retain(|lamp| now.since(lamp.seen) <= LAMP_KEPT);
        for hit in rest {
            let lamp = self.lamps.iter_mut().find(|lamp| lamp.bbox.iou(hit.bbox) >= 0.2 || overlap_of(hit.bbox, lamp.bbox) > 0.6);
            match lamp {
                Some(lamp) if hit.bbox.area() < LAMP_GROWTH * lamp.area && !hit.flickers(params, LAMP_FLICKER) => {
                    (lamp.bbox, lamp.seen) = (hit.bbox, now);
                }
                Some(_) | None if hit.bbox.area() > self.params.area_share_max.get() => {}
                Some(_) | None if self.sequences.len() >= SEQUENCES_MAX => {}
                Some(_) => self.sequences.push(Sequence::wary(now, hit)),
                None => self.sequences.push(Sequence::new(now, hit)),
            }
        }
    }

    fn judge(&mut self, now: Moment, desk: &mut Desk) {
        let params = self.params.clone();
        for sequence in &mut self.sequences {
            sequence.confirm(&params, self.class);
        }
        let (lamps, rest): (Vec<Sequence>, Vec<Sequence>) = self
            .sequences
            .drain(..)
            .partition(|s| !s.confirmed && !s.was_lively && now.since(s.first) >= params.static_after_s.span());
        for lamp in lamps {
            self.add_lamp(Lamp { bbox: lamp.last.bbox, area: lamp.last.bbox.area(), seen: now });
        }
        let (kept, gone): (Vec<Sequence>, Vec<Sequence>) = rest.into_iter().partition(|s| {
            let gone_after = if s.confirmed { params.clear_after_s.span() } else { DROPPED_AFTER };
            s.misses < CLEAR_LOOKS_MIN || now.since(s.last_hit) < gone_after
        });
        self.sequences = kept;
        // What burned for less than a minute and never grew taught something too.
        let brief = self.params.static_after_s.span();
        let came_to_nothing =
            |s: &Sequence| !s.confirmed || (s.last_hit.since(s.first) < brief && s.growth() < params.growth_min.get());
        let doubts: Vec<NormBox> = gone.iter().filter(|s| s.hits >= 2 && came_to_nothing(s)).map(|s| s.last.bbox).collect();
        doubts.into_iter().for_each(|bbox| self.doubt(now, bbox));

        let confirmed: Vec<&Sequence> = self.sequences.iter().filter(|s| s.confirmed).collect();
        let area = area_of(&confirmed);
        self.area_trace.push(now.at, area);
        self.open = match (self.open.take(), confirmed.iter().map(|s| s.first).min_by_key(|m| m.watched)) {
            (None, None) => None,
            (None, Some(first)) => {
                self.area_said = area;
                Some(desk.begin(self.kind, None, first.at, self.statement(now, &confirmed, area)))
            }
            (Some(mut open), Some(_)) => {
                // Nothing new is known while it is out of sight for a moment.
                if confirmed.iter().any(|s| s.last_hit == now) {
                    let doubled = area >= 2.0 * self.area_said;
                    let statement = self.statement(now, &confirmed, area);
                    if desk.restate(&mut open, statement, doubled, self.params.update_every_s.span()) == Said::Yes {
                        self.area_said = area;
                    }
                }
                Some(open)
            }
            (Some(open), None) => {
                desk.end(open, now.at, EndReason::Cleared);
                None
            }
        };
    }

    fn add_lamp(&mut self, lamp: Lamp) {
        if self.lamps.len() == LAMPS_MAX {
            self.lamps.pop_front();
        }
        self.lamps.push_back(lamp);
    }

    /// A suspicion came to nothing: a place where that happens again and again is a lamp that the model finds now and then.
    fn doubt(&mut self, now: Moment, bbox: NormBox) {
        let kept = self.params.doubts_kept_s.span();
        self.doubts.retain(|doubt| now.since(doubt.last) <= kept);
        let known = self.doubts.iter_mut().find(|doubt| doubt.bbox.iou(bbox) >= 0.2 || overlap_of(bbox, doubt.bbox) > 0.6);
        match known {
            Some(doubt) => {
                (doubt.times, doubt.last, doubt.area) = (doubt.times + 1, now, doubt.area.max(bbox.area()));
                if doubt.times >= self.params.doubts_max {
                    let lamp = Lamp { bbox, area: doubt.area, seen: now };
                    self.doubts.retain(|doubt| doubt.times < self.params.doubts_max);
                    self.add_lamp(lamp);
                }
            }
            None => self.doubts.push(Doubt { bbox, times: 1, area: bbox.area(), last: now }),
        }
    }

    fn statement(&self, now: Moment, confirmed: &[&Sequence], area: f32) -> Statement {
        let p = &self.params;
        let growth = confirmed.iter().map(|s| s.growth()).fold(0.0, f32::max);
        let severity = match self.class {
            Class::Smoke if area >= SMOKE_SEVERE_AREA || growth >= WORSE_GROWTH => Severity::Severe,
            Class::Smoke => Severity::Moderate,
            _ if area >= FLAME_EXTREME_AREA || growth >= WORSE_GROWTH => Severity::Extreme,
            _ => Severity::Severe,
        };
        let always = [
            ("score_min", f64::from(p.score_min)),
            ("hits_min", f64::from(p.hits_min)),
            ("change_burst_min", f64::from(p.change_burst_min)),
            ("change_ratio_min", f64::from(p.change_ratio)),
            ("growth_min", f64::from(p.growth_min)),
        ];
        let (rule, asked) = if confirmed.iter().any(|s| s.was_vivid) {
            (
                "found in one place that changed in a burst far more than a flame must",
                [
                    ("vivid_hits_share_min", f64::from(p.vivid_hits_share)),
                    ("vivid_after_s", p.vivid_after_s.get()),
                    ("vivid_times_min", f64::from(p.vivid_times)),
                ],
            )
        } else {
            (
                "found in one place in most looks of a window, and flickering or growing",
                [
                    ("hits_share_min", f64::from(p.hits_share)),
                    ("confirm_after_s", p.confirm_after_s.get()),
                    ("change_min", f64::from(p.change_min)),
                ],
            )
        };
        Statement {
            at: now.at,
            severity,
            confidence: confirmed.iter().map(|s| s.confidence()).fold(0.0, f32::max),
            region: confirmed.iter().map(|s| s.last.bbox).reduce(NormBox::union),
            detail: Detail::Fire { area_share: area, growth },
            proof: proof(
                rule,
                &[&asked[..], &always].concat(),
                &[&self.score_trace, &self.area_trace, &self.change_trace, &self.ratio_trace],
                false,
            ),
        }
    }

    /// A suspicion at a low frame rate is worth some seconds of every frame.
    fn ask_for_burst(&mut self, now: Moment, desk: &mut Desk) {
        let within = |at: MediaTime, span: Duration| now.at.since(at) < span;
        self.bursts.retain(|at| within(*at, BURST_EVERY));
        let quiet = self.open.is_none();
        // A burst begins with the next keyframe only, where keyframes are all that is decoded.
        let lost_after = BURST_LOST_AFTER + self.slow_gap;
        let suspected = quiet && self.sequences.iter().any(|s| now.at.since(s.last_hit.at) < lost_after);
        let new = |s: &Sequence| s.misses == 0 && s.burst_asked.is_none_or(|at| !within(at, BURST_AGAIN_AFTER));
        let unverified = quiet && self.sequences.iter().any(new);
        let running = self.bursting && self.bursts.back().is_some_and(|at| within(*at, self.params.burst_s.span()));
        self.bursting = match (running, suspected) {
            (true, true) => true,
            (true, false) => {
                self.gives_back = true;
                false
            }
            (false, _) if unverified && self.bursts.len() < BURSTS_MAX && self.look_gap >= BURST_GAP => {
                self.bursts.push_back(now.at);
                self.slow_gap = self.look_gap.min(BURST_SLOWEST);
                self.sequences.iter_mut().for_each(|s| s.burst_asked = Some(now.at));
                desk.request(Request::BurstFullRate { at_most: self.params.burst_s.span() });
                true
            }
            (false, _) => false,
        };
    }

    /// Whether every frame is needed now, and whether that ended since it was asked last.
    pub fn burst(&mut self) -> (bool, bool) {
        (self.bursting, std::mem::take(&mut self.gives_back))
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        stop_all(desk, at, self.open.take());
    }

    pub fn judgement(&self) -> Judgement {
        let suspected = self.sequences.iter().any(|s| s.hits >= 2);
        match (self.looks >= LOOKS_MIN, self.open.is_some(), suspected) {
            (_, true, _) => Judgement::Present,
            (_, false, true) => Judgement::Suspected,
            (true, false, false) => Judgement::Clear,
            (false, false, false) => Judgement::Unknown,
        }
    }

    pub fn summary(&self) -> AnalyticSummary {
        AnalyticSummary { score_max: (self.looks > 0).then_some(self.score_max), ..AnalyticSummary::default() }
    }
}
