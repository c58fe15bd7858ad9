//! Water on the street: the share of each zone under water, against what the zone usually shows.

use std::time::Duration;

use matpho_scene::{
    MediaTime, Polygon, ZoneId,
    event::{Detail, EndReason, EventKind, Severity, Trend},
    measurement::{Figures, FloodFigures, Judgement, Measurement},
};
use serde::{Deserialize, Serialize};

use crate::{
    desk::{Desk, Open, Said, Statement, proof, stop_all},
    io::{AnalyticSummary, Output},
    moment::Moment,
    plan::Zone,
    units::{Seconds, Share},
    window::{Trace, Window, median},
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
    /// They must span this long. Minutes, not seconds.
    pub begin_after_s: Seconds,
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
            begin_after_s: Seconds::of(60.0),
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

/// One zone over time.
#[derive(Debug)]
struct Surface {
    id: ZoneId,
    polygon: Polygon,
    whole_picture: bool,
    readings: Window<f32>,
    /// What the zone usually shows; learned while there is no flood.
    usual: f32,
    last: Option<Moment>,
    open: Option<Open>,
    /// Share at which it began: it ends below a part of it.
    limit_at_begin: f32,
    said: (f32, Trend),
    share_max: f32,
    trace: Trace,
    period: Vec<f32>,
    period_from: Option<MediaTime>,
}

impl Surface {
    fn new(zone: &Zone, params: &FloodParams) -> Self {
        let span = [params.begin_after_s, params.end_after_s, params.trend_over_s].map(Seconds::span).into_iter().max();
        let span = span.unwrap_or_default() + Duration::from_secs(60);
        Self {
            id: zone.id.clone(),
            polygon: zone.polygon.clone(),
            whole_picture: zone.purpose == crate::plan::Purpose::WholePicture,
            readings: Window::new(span),
            usual: 0.0,
            last: None,
            open: None,
            limit_at_begin: 1.0,
            said: (0.0, Trend::Steady),
            share_max: 0.0,
            trace: Trace::new("water_share", span),
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
        params.begin_share.get().max(self.usual + params.rise_share.get()).min(0.95)
    }

    fn look(&mut self, now: Moment, reading: f32, params: &FloodParams, desk: &mut Desk) {
        let reading = if reading.is_finite() { reading.clamp(0.0, 1.0) } else { return };
        self.readings.push(now, reading);
        self.trace.push(now.at, reading);
        self.period_from.get_or_insert(now.at);
        self.period.push(reading);
        let share = self.share().unwrap_or(reading);
        if self.readings.len() >= params.readings_min as usize {
            self.share_max = self.share_max.max(share);
        }
        let limit = self.limit(params);
        let end_below = self.limit_at_begin * params.end_ratio.get();
        let begins = self.lasting(now, params.begin_after_s.span(), params, |w| w >= limit).filter(|_| share >= limit);
        let ends = self.lasting(now, params.end_after_s.span(), params, |w| w < end_below).filter(|_| share < end_below);
        let trend = self.trend(now, params);
        self.open = match (self.open.take(), begins, ends) {
            (None, Some(since), _) => {
                self.limit_at_begin = limit;
                self.said = (share, trend);
                let statement = self.statement(now, share, trend, limit, params);
                Some(desk.begin(EventKind::Flood, Some(self.id.clone()), since, statement))
            }
            (None, None, _) => {
                if reading < limit {
                    let weight = self.last.map_or(0.0, |last| now.secs_since(last) / params.learn_s.get() as f32).clamp(0.0, 0.2);
                    self.usual += (reading - self.usual) * weight;
                }
                None
            }
            (Some(open), _, Some(_)) => {
                desk.end(open, now.at, EndReason::Cleared);
                None
            }
            (Some(mut open), _, None) => {
                let worth = (share - self.said.0).abs() >= SHARE_STEP || trend != self.said.1;
                let statement = self.statement(now, share, trend, self.limit_at_begin, params);
                if desk.restate(&mut open, statement, worth, params.update_every_s.span()) == Said::Yes {
                    self.said = (share, trend);
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
        if change >= params.trend_share.get() {
            Trend::Rising
        } else if change <= -params.trend_share.get() {
            Trend::Falling
        } else {
            Trend::Steady
        }
    }

    fn statement(&self, now: Moment, share: f32, trend: Trend, limit: f32, params: &FloodParams) -> Statement {
        let severity = if share >= SEVERE_SHARE {
            Severity::Severe
        } else if share >= MODERATE_SHARE {
            Severity::Moderate
        } else {
            Severity::Minor
        };
        Statement {
            at: now.at,
            severity,
            confidence: (0.6 + (share - limit).max(0.0)).min(0.95),
            region: (!self.whole_picture).then(|| self.polygon.bounds()),
            detail: Detail::Flood { water_share: share, depth: None, depth_reference: None, trend },
            proof: proof(
                "most readings over a span show more of the zone under water than the threshold and than is usual for it",
                &[
                    ("water_share_min", crate::window::round4(limit)),
                    ("usual_share", crate::window::round4(self.usual)),
                    ("begin_after_s", params.begin_after_s.get()),
                    ("readings_min", f64::from(params.readings_min)),
                    ("readings_share_min", f64::from(params.readings_share)),
                ],
                &[&self.trace],
                false,
            ),
        }
    }

    fn measure(&mut self, at: MediaTime, params: &FloodParams, desk: &mut Desk) {
        let now = self.last.unwrap_or_default();
        if let (Some(share), Some(from)) = (median(self.period.iter().copied()), self.period_from) {
            desk.put(Output::Measurement(Measurement {
                zone: self.id.clone(),
                from,
                to: at,
                figures: Figures::Flood(FloodFigures {
                    water_share: share,
                    depth: None,
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

    /// One look of the model: shares by zone. Zones that are not in the plan are passed over.
    pub fn look(&mut self, now: Moment, shares: &[(ZoneId, f32)], desk: &mut Desk) {
        for zone in &mut self.zones {
            if let Some((_, share)) = shares.iter().find(|(id, _)| *id == zone.id) {
                zone.look(now, *share, &self.params, desk);
                if zone.period_from.is_some_and(|from| now.at.since(from) >= self.params.measure_every_s.span()) {
                    zone.measure(now.at, &self.params, desk);
                }
            }
        }
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        for zone in &mut self.zones {
            zone.measure(at, &self.params, desk);
            stop_all(desk, at, zone.open.take());
        }
    }

    pub fn judgement(&self) -> Judgement {
        crate::congestion::worst(self.zones.iter().map(|zone| zone.judgement(&self.params)))
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
