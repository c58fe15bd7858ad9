//! Water on the street: the share of each zone under water, against what the zone usually shows.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{
    MediaTime, Polygon, WaterReading, ZoneId,
    event::{DepthBand, DepthRange, Detail, EndReason, EventKind, Severity, Trend},
    measurement::{Figures, FloodFigures, Judgement, Measurement},
};
use serde::{Deserialize, Serialize};

use crate::{
    depth::{Depth, Gauge},
    desk::{Desk, Open, Said, Statement, proof, stop_all},
    io::{AnalyticSummary, Output},
    moment::Moment,
    units::{Seconds, Share},
    window::{Trace, Window, median},
    zone::Zone,
};

/// Parameters of flooding, `[analytics.flood]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloodParams {
    /// From this share of a zone under water on it may be a flood; below, it is a puddle or the model's error.
    pub begin_share: Share,
    /// It must also lie this far above what the zone usually shows: a wet sheen that is always there is not a flood.
    pub rise_share: Share,
    /// It recedes below this part of the share at which it began.
    pub end_ratio: Share,
    /// So many readings at least begin or end it.
    pub readings_min: u32,
    /// This share of the readings in the span must agree: a wet road flickers.
    pub readings_share: Share,
    /// They must span this long where the zone was seen dry before.
    pub begin_after_s: Seconds,
    /// They must span this long where nobody knows what it looks like dry.
    pub begin_unknown_after_s: Seconds,
    /// The same for its end.
    pub end_after_s: Seconds,
    /// Rising or falling is told over this long.
    pub trend_over_s: Seconds,
    /// By this much.
    pub trend_share: Share,
    /// Time constant with which a zone's usual share is learned, while there is no flood.
    pub learn_s: Seconds,
    /// How often figures come out.
    pub measure_every_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
}

impl Default for FloodParams {
    fn default() -> Self {
        Self {
            begin_share: Share::of(0.2),
            rise_share: Share::of(0.15),
            end_ratio: Share::of(0.6),
            readings_min: 3,
            readings_share: Share::of(0.8),
            begin_after_s: Seconds::of(30.0),
            begin_unknown_after_s: Seconds::of(60.0),
            end_after_s: Seconds::of(120.0),
            trend_over_s: Seconds::of(300.0),
            trend_share: Share::of(0.05),
            learn_s: Seconds::of(1800.0),
            measure_every_s: Seconds::of(60.0),
            update_every_s: Seconds::of(60.0),
        }
    }
}

/// The share now is the median of so many readings.
const SMOOTHED_READINGS: usize = 5;
/// Shares from which a flood is moderate and severe, where no depth is known.
const MODERATE_SHARE: f32 = 0.35;
const SEVERE_SHARE: f32 = 0.6;
/// A change of the share that is worth an update.
const SHARE_STEP: f32 = 0.15;

/// Depths may differ this much before water counts as risen or fallen.
const DEPTH_STEP_CM: f32 = 5.0;
/// What was said of the depth is mended before its time where it is less likely than this, and how often at most.
const DOUBTED: f32 = 0.5;
const DOUBTED_EVERY: Duration = Duration::from_secs(10);
/// Marks are dry where no more than this part of the share that would be a flood is under water.
const DRY_SHARE: f32 = 0.4;
/// Readings below the limit, and how long they span, from which on it is known what a zone looks like dry.
const DRY_READINGS: u32 = 6;
const DRY_AFTER: Duration = Duration::from_secs(30);
/// A reading so many standard deviations above what is usual is more than the zone's own flicker.
const USUAL_DEVIATIONS: f32 = 3.0;

/// What a zone shows without a flood, within the outline that it had then: drawn anew it is another piece of street.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WaterMemory {
    /// Share under water that is usual, 0 to 1.
    pub usual_share: f32,
    /// Its standard deviation.
    pub deviation: f32,
    /// Readings that it stands on.
    pub readings: u32,
    /// How long they span.
    pub watched_s: f64,
    /// Stands for the outline.
    pub outline: u64,
}

/// A number for an outline, the same for the same corners to a thousandth of the picture (FNV-1a).
fn outline(polygon: &Polygon) -> u64 {
    let places = polygon.corners().iter().flat_map(|corner| [corner.x, corner.y]).map(|at| (at * 1000.0).round() as u64);
    places.fold(0xcbf2_9ce4_8422_2325, |hash, place| (hash ^ place).wrapping_mul(0x0100_0000_01b3))
}

impl WaterMemory {
    /// Nothing known yet of what lies within an outline.
    pub fn within(polygon: &Polygon) -> Self {
        Self { outline: outline(polygon), ..Self::default() }
    }

    fn learn(&mut self, reading: f32, since: Duration, learn_s: f64) {
        self.readings = self.readings.saturating_add(1);
        self.watched_s += since.as_secs_f64();
        let weight = (since.as_secs_f64() / learn_s).clamp(0.0, 0.2) as f32;
        let off = reading - self.usual_share;
        self.usual_share += off * weight;
        self.deviation = ((1.0 - weight) * (self.deviation * self.deviation + weight * off * off)).max(0.0).sqrt();
    }

    fn is_known(&self) -> bool {
        self.readings >= DRY_READINGS && self.watched_s >= DRY_AFTER.as_secs_f64()
    }

    /// What could come from a file that somebody edited.
    fn is_sound(&self) -> bool {
        (0.0..=1.0).contains(&self.usual_share) && (0.0..=1.0).contains(&self.deviation) && self.watched_s.is_finite()
    }
}

/// One zone over time.
#[derive(Debug)]
struct Surface {
    id: ZoneId,
    polygon: Polygon,
    whole_picture: bool,
    readings: Window<f32>,
    gauge: Gauge,
    /// What the zone shows without a flood; learned while there is none.
    dry: WaterMemory,
    last: Option<Moment>,
    open: Option<Open>,
    /// Share at which it began: it ends below a part of it.
    limit_at_begin: f32,
    said: (f32, Trend, Option<DepthRange>),
    share_max: f32,
    trace: Trace,
    /// The mean of the levels that are believed in, where there are marks.
    depth_trace: Trace,
    period: Vec<f32>,
    period_from: Option<MediaTime>,
}

impl Surface {
    fn new(zone: &Zone, params: &FloodParams) -> Self {
        let span = [params.begin_unknown_after_s, params.end_after_s, params.trend_over_s].map(Seconds::span).into_iter().max();
        let span = span.unwrap_or_default() + Duration::from_secs(60);
        Self {
            id: zone.id.clone(),
            polygon: zone.polygon.clone(),
            whole_picture: zone.purpose == crate::zone::Purpose::WholePicture,
            readings: Window::new(span),
            gauge: Gauge::new(zone.marks.clone(), span),
            dry: WaterMemory::within(&zone.polygon),
            last: None,
            open: None,
            limit_at_begin: 1.0,
            said: (0.0, Trend::Steady, None),
            share_max: 0.0,
            trace: Trace::new("water_share", span),
            depth_trace: Trace::new("depth_cm", span),
            period: Vec::new(),
            period_from: None,
        }
    }

    /// Median of the last readings.
    fn share(&self) -> Option<f32> {
        median(self.readings.values().rev().take(SMOOTHED_READINGS).copied())
    }

    /// The share from which on it is a flood.
    fn limit(&self, params: &FloodParams) -> f32 {
        let rise = params.rise_share.get().max(USUAL_DEVIATIONS * self.dry.deviation);
        params.begin_share.get().max(self.dry.usual_share + rise).min(0.95)
    }

    fn look(&mut self, now: Moment, seen: &WaterReading, params: &FloodParams, desk: &mut Desk) {
        let reading = if seen.share.is_finite() { seen.share.clamp(0.0, 1.0) } else { return };
        self.gauge.look(now, seen);
        self.readings.push(now, reading);
        self.trace.push(now.at, reading);
        if let Some(level_cm) = self.gauge.level_cm() {
            self.depth_trace.push(now.at, level_cm);
        }
        self.period_from.get_or_insert(now.at);
        self.period.push(reading);
        let share = self.share().unwrap_or(reading);
        if self.readings.len() >= params.readings_min as usize {
            self.share_max = self.share_max.max(share);
        }
        let limit = self.limit(params);
        let end_below = self.limit_at_begin * params.end_ratio.get();
        let begin_after = if self.dry.is_known() { params.begin_after_s } else { params.begin_unknown_after_s };
        let begins = self.lasting(now, begin_after.span(), params, |w| w >= limit).filter(|_| share >= limit);
        let ends = self.lasting(now, params.end_after_s.span(), params, |w| w < end_below).filter(|_| share < end_below);
        let trend = self.trend(now, params);
        let range = self.depth().and_then(|depth| depth.range);
        self.open = match (self.open.take(), begins, ends) {
            (None, Some(since), _) => {
                self.limit_at_begin = limit;
                self.said = (share, trend, range);
                let statement = self.statement(now, share, trend, limit, params);
                Some(desk.begin(EventKind::Flood, Some(self.id.clone()), since, statement))
            }
            (None, None, _) => {
                if reading < limit {
                    let since = self.last.map_or(Duration::ZERO, |last| now.since(last));
                    self.dry.learn(reading, since, params.learn_s.get());
                    if reading <= DRY_SHARE * limit {
                        self.gauge.learn_dry(seen);
                    }
                }
                None
            }
            (Some(open), _, Some(_)) => {
                desk.end(open, now.at, EndReason::Cleared);
                None
            }
            (Some(mut open), _, None) => {
                let worth = (share - self.said.0).abs() >= SHARE_STEP || trend != self.said.1 || range != self.said.2;
                // What was said and is believed no longer is mended at once.
                let doubted = self.said.2.is_some_and(|said| self.gauge.chance(said) < DOUBTED);
                let every = if doubted { DOUBTED_EVERY } else { params.update_every_s.span() };
                let statement = self.statement(now, share, trend, self.limit_at_begin, params);
                if desk.restate(&mut open, statement, worth, every) == Said::Yes {
                    self.said = (share, trend, range);
                }
                Some(open)
            }
        };
        self.last = Some(now);
    }

    /// Whether most readings over the last `span` agree, enough of them; then since when.
    fn lasting(&self, now: Moment, span: Duration, params: &FloodParams, agrees: impl Fn(f32) -> bool) -> Option<MediaTime> {
        // One reading more than the span holds, so that readings that are far apart can span it.
        let mut within: Vec<&(Moment, f32)> = Vec::new();
        for reading in self.readings.iter().rev() {
            within.push(reading);
            if now.since(reading.0) >= span {
                break;
            }
        }
        let oldest = within.last()?.0;
        let agreeing = within.iter().filter(|(_, w)| agrees(*w)).count();
        let enough = within.len() >= params.readings_min as usize
            && now.since(oldest) >= span
            && agreeing as f32 >= params.readings_share.get() * within.len() as f32;
        enough.then(|| within.iter().rev().find(|(_, w)| agrees(*w)).map(|(when, _)| when.at))?
    }

    /// How deep it is, where water is seen to stand.
    fn depth(&self) -> Option<Depth> {
        self.gauge.depth().filter(|depth| self.open.is_some() || depth.between_cm.0 > 1.0)
    }

    /// The newest readings against those of a while ago.
    fn trend(&self, now: Moment, params: &FloodParams) -> Trend {
        let over = params.trend_over_s.span();
        let within = || self.readings.iter().filter(|(when, _)| now.since(*when) <= over).map(|(_, w)| *w);
        let third = within().count() / 3;
        if third == 0 {
            return Trend::Steady;
        }
        let (older, newer) = (median(within().take(third)), median(within().skip(2 * third)));
        let change = newer.unwrap_or(0.0) - older.unwrap_or(0.0);
        // A road that is covered all over can only get deeper.
        let deeper = self.gauge.change_cm(now, over).unwrap_or(0.0);
        if change >= params.trend_share.get() || deeper >= DEPTH_STEP_CM {
            Trend::Rising
        } else if change <= -params.trend_share.get() || deeper <= -DEPTH_STEP_CM {
            Trend::Falling
        } else {
            Trend::Steady
        }
    }

    fn statement(&self, now: Moment, share: f32, trend: Trend, limit: f32, params: &FloodParams) -> Statement {
        let depth = self.gauge.depth();
        let range = depth.and_then(|depth| depth.range);
        let severity = match range.and(depth).map(|depth| depth.likeliest) {
            Some(DepthBand::Under10) => Severity::Minor,
            Some(DepthBand::From10To20) => Severity::Moderate,
            Some(DepthBand::From20To30 | DepthBand::From30To50) => Severity::Severe,
            Some(DepthBand::Over50) => Severity::Extreme,
            None if share >= SEVERE_SHARE => Severity::Severe,
            None if share >= MODERATE_SHARE => Severity::Moderate,
            None => Severity::Minor,
        };
        let mut thresholds = vec![
            ("water_share_min", crate::window::round4(limit)),
            ("usual_share", crate::window::round4(self.dry.usual_share)),
            ("usual_deviation", crate::window::round4(self.dry.deviation)),
            ("begin_after_s", params.begin_after_s.get()),
            ("readings_min", f64::from(params.readings_min)),
            ("readings_share_min", f64::from(params.readings_share)),
        ];
        if depth.is_some() {
            thresholds.push(("depth_confidence_min", crate::window::round4(crate::depth::SURE)));
        }
        Statement {
            at: now.at,
            severity,
            confidence: (0.6 + (share - limit).max(0.0)).min(0.95),
            region: (!self.whole_picture).then(|| self.polygon.bounds()),
            detail: Detail::Flood {
                water_share: share,
                depth: range.and_then(DepthRange::band),
                depth_range: range,
                depth_confidence: range.and(depth).map(|depth| (depth.confidence * 100.0).round() / 100.0),
                passable: range.map(DepthRange::passable_at_worst),
                passable_at_best: range.filter(|range| range.band().is_none()).map(DepthRange::passable_at_best),
                depth_reference: range.and(depth).map(|depth| depth.reference.to_owned()),
                trend,
            },
            proof: proof(
                "most readings over a span show more of the zone under water than the threshold and than is usual for it",
                &thresholds,
                &[&self.trace, &self.depth_trace],
                false,
            ),
        }
    }

    fn measure(&mut self, at: MediaTime, params: &FloodParams, desk: &mut Desk) {
        let now = self.last.unwrap_or_default();
        let depth = self.depth();
        let range = depth.and_then(|depth| depth.range);
        if let (Some(share), Some(from)) = (median(self.period.iter().copied()), self.period_from) {
            desk.put(Output::Measurement(Measurement {
                zone: self.id.clone(),
                from,
                to: at,
                figures: Figures::Flood(FloodFigures {
                    water_share: share,
                    depth: range.and_then(DepthRange::band),
                    depth_range: range,
                    depth_confidence: range.and(depth).map(|depth| (depth.confidence * 100.0).round() / 100.0),
                    trend: self.trend(now, params),
                    frames: u32::try_from(self.period.len()).unwrap_or(u32::MAX),
                }),
            }));
        }
        self.period.clear();
        self.period_from = Some(at);
    }

    fn judgement(&self, params: &FloodParams) -> Judgement {
        let enough = self.readings.len() >= params.readings_min as usize;
        let above = self.share().is_some_and(|share| share >= self.limit(params));
        match (&self.open, enough, above) {
            (Some(_), _, _) => Judgement::Present,
            (None, false, _) => Judgement::Unknown,
            (None, true, true) => Judgement::Suspected,
            (None, true, false) => Judgement::Clear,
        }
    }
}

/// Flooding in all zones of a camera.
#[derive(Debug)]
pub(crate) struct Flood {
    params: FloodParams,
    zones: Vec<Surface>,
}

impl Flood {
    pub fn new<'a>(params: FloodParams, zones: impl Iterator<Item = &'a Zone>) -> Self {
        let zones = zones.map(|zone| Surface::new(zone, &params)).collect();
        Self { params, zones }
    }

    /// What each zone shows without a flood.
    pub fn memory(&self) -> BTreeMap<ZoneId, WaterMemory> {
        self.zones.iter().filter(|zone| zone.dry.readings > 0).map(|zone| (zone.id.clone(), zone.dry)).collect()
    }

    /// The same from before a restart, of zones that are drawn as they were.
    pub fn recall(&mut self, memory: &BTreeMap<ZoneId, WaterMemory>) {
        for zone in &mut self.zones {
            if let Some(dry) = memory.get(&zone.id).filter(|dry| dry.is_sound() && dry.outline == zone.dry.outline) {
                zone.dry = *dry;
            }
        }
    }

    /// One look of the model: readings by zone. Zones that are not in the plan are passed over.
    pub fn look(&mut self, now: Moment, readings: &[(ZoneId, WaterReading)], desk: &mut Desk) {
        for zone in &mut self.zones {
            if let Some((_, reading)) = readings.iter().find(|(id, _)| *id == zone.id) {
                zone.look(now, reading, &self.params, desk);
                if zone.period_from.is_some_and(|from| now.at.since(from) >= self.params.measure_every_s.span()) {
                    zone.measure(now.at, &self.params, desk);
                }
            }
        }
    }

    /// How deep it is in a zone: what is sure, if anything is, and the likeliest band.
    pub fn depth(&self, zone: &ZoneId) -> Option<(Option<DepthRange>, DepthBand)> {
        self.zones.iter().find(|surface| surface.id == *zone)?.depth().map(|depth| (depth.range, depth.likeliest))
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        for zone in &mut self.zones {
            zone.measure(at, &self.params, desk);
            stop_all(desk, at, zone.open.take());
        }
    }

    pub fn judgement(&self) -> Judgement {
        crate::io::worst(self.zones.iter().map(|zone| zone.judgement(&self.params)))
    }

    pub fn summary(&self) -> AnalyticSummary {
        let highest = |values: &mut dyn Iterator<Item = f32>| values.reduce(f32::max);
        let read = || self.zones.iter().filter(|zone| zone.readings.len() > 0);
        AnalyticSummary {
            water_share: highest(&mut read().filter_map(Surface::share)),
            water_share_max: highest(&mut read().map(|zone| zone.share_max)),
            ..AnalyticSummary::default()
        }
    }
}
