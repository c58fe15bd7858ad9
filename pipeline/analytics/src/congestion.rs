//! Congestion: level of service of each carriageway, its beginning and its end, and the figures of its traffic.
//!
//! Traffic is averaged over bins. A bin has a level: by density where the camera is calibrated (HCM), else by how much of the road is
//! covered and how much of the traffic stands. Congestion begins and ends by a majority of bins over a span, so that a queue which
//! dissolves once a signal cycle is none.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use matpho_scene::{
    Class, MediaTime, NormBox, ZoneId,
    event::{Detail, EndReason, EventKind, LevelOfService, Severity},
    measurement::{Figures, Judgement, Measurement, TrafficFigures},
};
use serde::{Deserialize, Serialize};

use crate::{
    carriageway::{Carriageway, Snapshot},
    desk::{Desk, Ground, Open, Said, Statement, proof, stop_all},
    free_flow::{FreeFlow, travel_time_index},
    io::{AnalyticSummary, Output, worst},
    memory::ZoneMemory,
    moment::Moment,
    road::{Mover, Road},
    signal::SignalWatch,
    units::{Positive, Seconds, Share},
    volume::Counter,
    window::Trace,
    zone::{PcuWeights, Zone},
};

/// Parameters of congestion, `[analytics.congestion]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CongestionParams {
    /// Traffic is averaged over bins of this length. IRIS and HCM practice is 30 s; 10 s lets three of them make one, and a jam begin
    /// between two.
    pub bin_s: Seconds,
    /// Congestion begins when level E or F has lasted this long: three bins of 30 s (McMaster: raising persistence from two to three
    /// cut false alarms). A zone's signal cycle replaces it where that is longer.
    pub begin_after_s: Seconds,
    /// It ends when level C or better has lasted this long.
    pub end_after_s: Seconds,
    /// Share of the bins in either span that must agree. A red-light queue dissolves once a cycle and stays below it.
    pub bins_share: Share,
    /// A vehicle that stands this long while others flow is parked, and leaves the counts until it moves.
    pub parked_after_s: Seconds,
    /// With calibration: a vehicle slower than this stands or crawls. 5 km/h is walking pace, and NVIDIA's stop (5 mph) rounded down.
    pub crawl_kmh: Positive,
    /// With calibration: traffic with a mean speed above this flows, and is no congestion however dense it is. HCMC's own proposal
    /// calls below 10 km/h a jam, and its centre flows at some 20 km/h at the peak.
    pub flowing_kmh: Positive,
    /// Without calibration: the same in lengths of its own box per second (square root of the box's area; some 2 m of a car's width).
    pub crawl_box_lengths_per_s: Positive,
    /// Upper limits of levels A to E in passenger cars per km and lane; above the last is F. HCM, basic freeway segments:
    /// 11, 18, 26, 35, 45 per mile.
    pub density_pc_per_km_lane: [Positive; 5],
    /// The same without calibration, as the share of the road's length that boxes cover: a limit of HCM times 10 m, the stretch of road
    /// that a car's box hides (4.5 m of car and the road behind it).
    pub occupancy: [Share; 5],
    /// Without calibration, fewer vehicles than this at once are never congestion.
    pub vehicles_min: u32,
    /// How often figures come out.
    pub measure_every_s: Seconds,
    /// An event that goes on is updated at most this often.
    pub update_every_s: Seconds,
    /// What each vehicle weighs.
    pub pcu: PcuWeights,
}

impl Default for CongestionParams {
    fn default() -> Self {
        Self {
            bin_s: Seconds::of(10.0),
            begin_after_s: Seconds::of(90.0),
            end_after_s: Seconds::of(120.0),
            bins_share: Share::of(0.8),
            parked_after_s: Seconds::of(300.0),
            crawl_kmh: Positive::of(5.0),
            flowing_kmh: Positive::of(15.0),
            crawl_box_lengths_per_s: Positive::of(0.25),
            density_pc_per_km_lane: [6.8, 11.2, 16.2, 21.8, 28.0].map(Positive::of),
            occupancy: [0.068, 0.112, 0.162, 0.218, 0.28].map(Share::of),
            vehicles_min: 6,
            measure_every_s: Seconds::of(60.0),
            update_every_s: Seconds::of(60.0),
            pcu: PcuWeights::default(),
        }
    }
}

/// Without calibration: while less of the traffic than this stands, it moves. From the second on it may be F.
const STOPPED_SHARE_E: f32 = 0.3;
const STOPPED_SHARE_F: f32 = 0.5;
/// Without calibration: mean speeds from which traffic goes freely, and below which it hardly goes, in box lengths per second. Set on
/// recordings of free motorways (1.2 to 2.5), moderate streets (0.5 to 0.9) and full ones in Dhaka and Mumbai (0.3 to 0.8).
const FREE_PACE: f32 = 1.0;
const SLOW_PACE: f32 = 0.85;
/// F that stands like this for this long is severe.
const SEVERE_STOPPED_SHARE: f32 = 0.8;
const SEVERE_AFTER: Duration = Duration::from_secs(600);
/// The longest span over which bins are kept, whatever is configured.
const BINS_MAX: usize = 4096;
/// A vehicle that stands is parked only if less of the others than this stands too.
const PARKED_OTHERS_STOPPED_MAX: f32 = 0.3;

/// With a free flow that was learned: traffic above this part of it flows (HCM: level E ends at 40 % of the base free-flow speed).
const FLOWING_SHARE: f32 = 0.4;
/// A level changes once its limit is passed by this part, or when the next bin says so too.
const LEVEL_MARGIN: f32 = 0.05;
/// Bins over which a queue's growth is taken, and the fewest.
const GROWTH_BINS: usize = 12;
const GROWTH_BINS_MIN: usize = 4;
/// Where the signal's cycle is known, this share of the bins must agree: a queue that dissolves once a cycle is none.
const BINS_SHARE_WITH_CYCLE: f32 = 0.95;

/// Sums over pictures.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    frames: u32,
    pcu: f32,
    pcu_afoot: f32,
    vehicles: f32,
    stopped: f32,
    occupancy: f32,
    speed_kmh: f32,
    speeds: u32,
    pace: f32,
    paces: u32,
    queue_m_max: f32,
    /// Speeds of the vehicles that were counted.
    counted_kmh: f32,
    counted: u32,
}

impl Sums {
    fn add(&mut self, s: &Snapshot) {
        self.frames += 1;
        self.pcu += s.pcu;
        self.pcu_afoot += s.pcu_afoot;
        self.vehicles += s.vehicles as f32;
        self.stopped += s.stopped as f32;
        self.occupancy += s.occupancy;
        self.speed_kmh += s.speed_kmh_sum;
        self.speeds += s.speeds;
        self.pace += s.pace_sum;
        self.paces += s.paces;
        self.queue_m_max = self.queue_m_max.max(s.queue_m.unwrap_or(0.0));
    }

    /// Means; `None` where no picture was seen.
    fn means(&self, carriageway: &Carriageway, params: &CongestionParams) -> Option<Means> {
        let n = (self.frames > 0).then_some(self.frames as f32)?;
        let density = carriageway.km_lanes().map(|km_lanes| self.pcu_afoot / n / km_lanes);
        let mut means = Means {
            pcu: self.pcu / n,
            vehicles: self.vehicles / n,
            occupancy: self.occupancy / n,
            stopped_share: if self.vehicles > 0.0 { self.stopped / self.vehicles } else { 0.0 },
            density,
            pace: (self.paces > 0).then(|| self.pace / self.paces as f32),
            speed_kmh: (self.speeds > 0).then(|| self.speed_kmh / self.speeds as f32),
            speed_time_mean_kmh: (self.counted > 0).then(|| self.counted_kmh / self.counted as f32),
            queue_m: carriageway.is_measured().then_some(self.queue_m_max),
            level: LevelOfService::A,
        };
        means.level = means.level_of_service(params);
        Some(means)
    }
}

/// Means over pictures: of a bin, of a period, of everything.
#[derive(Debug, Clone, Copy)]
struct Means {
    pcu: f32,
    vehicles: f32,
    occupancy: f32,
    stopped_share: f32,
    density: Option<f32>,
    /// Mean speed in box lengths per second.
    pace: Option<f32>,
    speed_kmh: Option<f32>,
    speed_time_mean_kmh: Option<f32>,
    queue_m: Option<f32>,
    level: LevelOfService,
}

const LEVELS: [LevelOfService; 6] =
    [LevelOfService::A, LevelOfService::B, LevelOfService::C, LevelOfService::D, LevelOfService::E, LevelOfService::F];

/// The level whose limits hold a value.
fn level_within(value: f32, limits: [f32; 5]) -> LevelOfService {
    LEVELS[limits.iter().filter(|limit| value > **limit).count()]
}

impl Means {
    /// By density where calibrated. Else in relative terms: how much of the road is covered says how dense traffic is; how much of it
    /// stands, and how fast the rest goes, says whether dense means broken down. Traffic that goes freely is C at worst; that moves,
    /// D (E where the road is full and it hardly does); standing on a well covered road is E at least; a handful of vehicles is never
    /// a jam.
    fn level_of_service(&self, params: &CongestionParams) -> LevelOfService {
        if let Some(density) = self.density {
            return level_within(density, params.density_pc_per_km_lane.map(Positive::get));
        }
        let covered = level_within(self.occupancy, params.occupancy.map(Share::get));
        let pace = self.pace.unwrap_or(0.0);
        if self.vehicles < params.vehicles_min as f32 || (self.stopped_share < STOPPED_SHARE_E && pace >= FREE_PACE) {
            covered.min(LevelOfService::C)
        } else if self.stopped_share < STOPPED_SHARE_E {
            let full_and_slow = covered == LevelOfService::F && pace < SLOW_PACE;
            if full_and_slow { LevelOfService::E } else { covered.min(LevelOfService::D) }
        } else if self.stopped_share < STOPPED_SHARE_F {
            covered.min(LevelOfService::E)
        } else if covered >= LevelOfService::D {
            covered.max(LevelOfService::E)
        } else {
            covered
        }
    }
}

impl Means {
    /// E or F, and slow with it: a road that is dense and flows is at its best, not at its end.
    fn is_jam(&self, params: &CongestionParams, free_flow: Option<f32>) -> bool {
        let flows = match (self.speed_kmh, self.pace) {
            (Some(kmh), _) => kmh > params.flowing_kmh.get().max(free_flow.map_or(0.0, |free| FLOWING_SHARE * free)),
            (None, pace) => self.stopped_share < STOPPED_SHARE_E && pace.is_some_and(|pace| pace >= FREE_PACE),
        };
        self.level >= LevelOfService::E && !flows
    }
}

#[derive(Debug)]
struct Bin {
    from: MediaTime,
    means: Means,
    jam: bool,
}

/// One carriageway over time.
#[derive(Debug)]
struct Traffic {
    carriageway: Carriageway,
    counter: Counter,
    bin: Sums,
    bin_from: Option<Moment>,
    bins: VecDeque<Bin>,
    congestion: Option<Open>,
    /// With hysteresis, from bin to bin.
    level: Option<LevelOfService>,
    free_flow: FreeFlow,
    signal: SignalWatch,
    level_said: LevelOfService,
    trace: Trace,
    stopped_trace: Trace,
    region: Option<NormBox>,
    period: Sums,
    period_from: Option<MediaTime>,
    period_counts: BTreeMap<Class, u32>,
    all: Sums,
    counts: BTreeMap<Class, u32>,
}

impl Traffic {
    fn new(zone: &Zone, params: &CongestionParams) -> Self {
        let carriageway = Carriageway::new(zone);
        let cycle = zone.signal_cycle_s.map_or(Duration::ZERO, Seconds::span);
        let span = params.begin_after_s.span().max(cycle).max(params.end_after_s.span()) * 2;
        let name = if carriageway.km_lanes().is_some() { "density_pc_per_km_lane" } else { "occupancy_share" };
        Self {
            carriageway,
            counter: Counter::default(),
            bin: Sums::default(),
            bin_from: None,
            bins: VecDeque::new(),
            congestion: None,
            level: None,
            free_flow: FreeFlow::default(),
            signal: SignalWatch::default(),
            level_said: LevelOfService::A,
            trace: Trace::new(name, span),
            stopped_trace: Trace::new("stopped_share", span),
            region: None,
            period: Sums::default(),
            period_from: None,
            period_counts: BTreeMap::new(),
            all: Sums::default(),
            counts: BTreeMap::new(),
        }
    }

    fn look(&mut self, road: &mut Road, aspect: f32, params: &CongestionParams, passed: &mut Vec<Passed>, desk: &mut Desk) {
        let now = road.now();
        self.period_from.get_or_insert(now.at);
        let free = self.bins.back().is_some_and(|bin| bin.means.level <= LevelOfService::B && bin.means.stopped_share == 0.0);
        for counted in self.counter.look(&self.carriageway, road, aspect) {
            *self.counts.entry(counted.class).or_default() += 1;
            *self.period_counts.entry(counted.class).or_default() += 1;
            passed.push(Passed { zone: self.carriageway.zone().id.clone(), class: counted.class, bbox: counted.bbox });
            for sums in [&mut self.bin, &mut self.period, &mut self.all] {
                sums.counted += u32::from(counted.speed_kmh.is_some());
                sums.counted_kmh += counted.speed_kmh.unwrap_or(0.0);
            }
            let speed = if self.carriageway.zone().ground.is_some() { counted.speed_kmh } else { counted.pace };
            if let Some(speed) = speed.filter(|_| free) {
                self.free_flow.saw(speed);
            }
        }
        let released = road.vehicles().any(|m| m.is_released() && m.seen == now && self.carriageway.holds(m, road));
        if released {
            self.signal.released(now);
        }
        let crawl = (params.crawl_kmh.get(), params.crawl_box_lengths_per_s.get());
        let snapshot = self.carriageway.snapshot(road, &params.pcu, crawl);
        self.park(road, &snapshot, params);
        self.region = snapshot.region.or(self.region);
        [&mut self.bin, &mut self.period, &mut self.all].into_iter().for_each(|sums| sums.add(&snapshot));
        let from = *self.bin_from.get_or_insert(now);
        if now.since(from) >= params.bin_s.span() {
            if let Some(means) = self.bin.means(&self.carriageway, params) {
                let jam = means.is_jam(params, self.free_kmh());
                self.bins.push_back(Bin { from: from.at, means, jam });
                self.level = Some(self.steady_level(means, params));
                if self.bins.len() > BINS_MAX {
                    self.bins.pop_front();
                }
                self.trace.push(now.at, means.density.unwrap_or(means.occupancy));
                self.stopped_trace.push(now.at, means.stopped_share);
                self.judge(now, means, params, desk);
            }
            self.bin = Sums::default();
            self.bin_from = Some(now);
        }
    }

    /// Vehicles that stand for minutes while the others flow are no traffic. In a jam nobody parks who was seen to come: where cars stand and motorbikes
    /// filter through, most of the traffic moves, and the jam is one.
    fn park(&self, road: &mut Road, snapshot: &Snapshot, params: &CongestionParams) {
        let after = params.parked_after_s.span();
        let jam = self.congestion.is_some() || self.bins.back().is_some_and(|bin| bin.jam);
        let stands_long = |m: &Mover| !m.parked && m.standing() >= after && !(jam && m.arrived);
        let standing_long = road.vehicles().filter(|m| stands_long(m)).count() as u32;
        let others = snapshot.vehicles.saturating_sub(standing_long);
        let others_stopped = snapshot.stopped.saturating_sub(standing_long);
        if standing_long > 0 && others as f32 * PARKED_OTHERS_STOPPED_MAX >= others_stopped as f32 {
            for mover in road.kept_mut().filter(|m| m.class.is_vehicle() && stands_long(m)) {
                mover.parked = true;
            }
        }
    }

    /// One bin closed.
    fn judge(&mut self, now: Moment, newest: Means, params: &CongestionParams, desk: &mut Desk) {
        let begin_span = self.begin_span(params);
        let share = params.bins_share.get();
        let begin_share = if self.cycle().is_some() { share.max(BINS_SHARE_WITH_CYCLE) } else { share };
        let begins = self.majority(begin_span, begin_share, params, |bin| bin.jam);
        let ends = self.majority(params.end_after_s.span(), share, params, |bin| bin.means.level <= LevelOfService::C);
        let newest = Means { level: self.level.unwrap_or(newest.level), ..newest };
        self.congestion = match (self.congestion.take(), begins, ends) {
            (None, Some(since), _) => {
                self.level_said = newest.level;
                let statement = self.statement(now, since, newest, begin_span, params);
                Some(desk.begin(EventKind::Congestion, Some(self.carriageway.zone().id.clone()), since, statement))
            }
            (None, None, _) => None,
            (Some(open), _, Some(_)) => {
                desk.end(open, now.at, EndReason::Cleared);
                None
            }
            (Some(mut open), _, None) => {
                let worth = newest.level != self.level_said && newest.level >= LevelOfService::D;
                let statement = self.statement(now, open.began(), newest, begin_span, params);
                if desk.restate(&mut open, statement, worth, params.update_every_s.span()) == Said::Yes {
                    self.level_said = newest.level;
                }
                Some(open)
            }
        };
    }

    /// Whether the newest bin and a majority of those over `span` agree; then since when.
    fn majority(
        &self,
        span: Duration,
        share: f32,
        params: &CongestionParams,
        agrees: impl Fn(&Bin) -> bool,
    ) -> Option<MediaTime> {
        let needed = (span.as_secs_f64() / params.bin_s.get()).ceil().clamp(1.0, BINS_MAX as f64) as usize;
        let start = self.bins.len().checked_sub(needed)?;
        let over = self.bins.range(start..);
        let agreeing = over.clone().filter(|bin| agrees(bin)).count();
        let newest_agrees = self.bins.back().is_some_and(&agrees);
        let enough = agreeing as f32 >= share * needed as f32;
        (newest_agrees && enough).then(|| over.into_iter().find(|bin| agrees(bin)).map(|bin| bin.from))?
    }

    /// The signal's cycle: configured, else learned.
    fn cycle(&self) -> Option<Duration> {
        self.carriageway.zone().signal_cycle_s.map(Seconds::span).or(self.signal.cycle())
    }

    /// How long congestion must have lasted: a queue must outlast the signal's cycle.
    fn begin_span(&self, params: &CongestionParams) -> Duration {
        params.begin_after_s.span().max(self.cycle().unwrap_or_default())
    }

    /// Speed with nobody in the way, where it is known in km/h.
    fn free_kmh(&self) -> Option<f32> {
        self.carriageway.zone().ground.and_then(|_| self.free_flow.speed())
    }

    fn travel_time_index(&self, means: &Means) -> Option<f32> {
        let speed = if self.carriageway.zone().ground.is_some() { means.speed_kmh } else { means.pace };
        travel_time_index(self.free_flow.speed(), speed)
    }

    /// The level of the newest bin with hysteresis: what lies near a limit stays on the side where it was, until two bins agree.
    fn steady_level(&self, newest: Means, params: &CongestionParams) -> LevelOfService {
        let Some(before) = self.level.filter(|before| *before != newest.level) else { return newest.level };
        let earlier = self.bins.iter().rev().nth(1).map(|bin| bin.means.level);
        let nudged = |by: f32| Means { density: newest.density.map(|d| d * by), occupancy: newest.occupancy * by, ..newest };
        let toward = if newest.level > before { 1.0 - LEVEL_MARGIN } else { 1.0 + LEVEL_MARGIN };
        let clear = nudged(toward).level_of_service(params) == newest.level;
        if clear || earlier == Some(newest.level) { newest.level } else { before }
    }

    /// Slope of the queue's length over the last bins, by least squares.
    fn queue_growth_m_per_min(&self) -> Option<f32> {
        let from = self.bins.len().saturating_sub(GROWTH_BINS);
        let points: Vec<(f32, f32)> = self
            .bins
            .range(from..)
            .filter_map(|bin| Some((bin.from.since(self.bins[from].from).as_secs_f32() / 60.0, bin.means.queue_m?)))
            .collect();
        if points.len() < GROWTH_BINS_MIN {
            return None;
        }
        let n = points.len() as f32;
        let (mx, my) = (points.iter().map(|p| p.0).sum::<f32>() / n, points.iter().map(|p| p.1).sum::<f32>() / n);
        let spread: f32 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
        (spread > 0.0).then(|| points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f32>() / spread)
    }

    fn statement(
        &self,
        now: Moment,
        since: MediaTime,
        newest: Means,
        begin_span: Duration,
        params: &CongestionParams,
    ) -> Statement {
        let calibrated = newest.density.is_some();
        let stands = newest.stopped_share >= SEVERE_STOPPED_SHARE && now.at.since(since) >= SEVERE_AFTER;
        let severity = match newest.level {
            LevelOfService::F if stands => Severity::Severe,
            LevelOfService::F => Severity::Moderate,
            LevelOfService::A | LevelOfService::B | LevelOfService::C | LevelOfService::D | LevelOfService::E => Severity::Minor,
        };
        let limit = if calibrated {
            ("density_pc_per_km_lane_min", f64::from(params.density_pc_per_km_lane[3]))
        } else {
            ("occupancy_share_min", f64::from(params.occupancy[2]))
        };
        let rule = if calibrated {
            "level of service E or F by HCM density, and slow, in most bins of a span that outlasts the signal"
        } else {
            "level of service E or F in relative terms (share of the road covered, share of the traffic standing), in most bins of a span that outlasts the signal"
        };
        let mut thresholds =
            vec![limit, ("bins_share_min", f64::from(params.bins_share)), ("begin_after_s", begin_span.as_secs_f64())];
        thresholds.extend(self.cycle().map(|cycle| ("signal_cycle_s", crate::window::round4(cycle.as_secs_f32()))));
        if calibrated {
            let free = self.free_kmh().map_or(0.0, |free| FLOWING_SHARE * free);
            thresholds.push(("speed_kmh_max", crate::window::round4(params.flowing_kmh.get().max(free))));
        }
        Statement {
            at: now.at,
            severity,
            confidence: if calibrated { 0.9 } else { 0.75 },
            region: self.carriageway.drawn_bounds().or(self.region),
            detail: Detail::Congestion {
                level_of_service: newest.level,
                density_pc_per_km_lane: newest.density,
                occupancy: newest.occupancy,
                speed_kmh: newest.speed_kmh,
                stopped_share: newest.stopped_share,
                queue_m: newest.queue_m,
                queue_growth_m_per_min: self.queue_growth_m_per_min(),
                travel_time_index: self.travel_time_index(&newest),
            },
            proof: proof(
                rule,
                &thresholds,
                &[&self.trace, &self.stopped_trace],
                Ground { calibrated, ..self.carriageway.ground() },
            ),
        }
    }

    fn measure(&mut self, at: MediaTime, params: &CongestionParams, desk: &mut Desk) {
        if let (Some(means), Some(from)) = (self.period.means(&self.carriageway, params), self.period_from) {
            desk.put(Output::Measurement(Measurement {
                zone: self.carriageway.zone().id.clone(),
                from,
                to: at,
                figures: Figures::Traffic(TrafficFigures {
                    counts: std::mem::take(&mut self.period_counts),
                    vehicles_pcu_mean: means.pcu,
                    density_pc_per_km_lane: means.density,
                    occupancy: means.occupancy,
                    speed_kmh: means.speed_kmh,
                    speed_time_mean_kmh: means.speed_time_mean_kmh,
                    free_flow_kmh: self.free_kmh(),
                    travel_time_index: self.travel_time_index(&means),
                    stopped_share: means.stopped_share,
                    level_of_service: Some(means.level),
                    queue_m: means.queue_m,
                    queue_growth_m_per_min: self.queue_growth_m_per_min(),
                    signal_cycle_s: self.cycle().map(|cycle| cycle.as_secs_f32()),
                    calibrated: means.density.is_some(),
                    frames: self.period.frames,
                }),
            }));
        }
        self.period = Sums::default();
        self.period_from = Some(at);
    }

    fn judgement(&self) -> Judgement {
        match (&self.congestion, self.bins.back().map(|bin| bin.jam)) {
            (Some(_), _) => Judgement::Present,
            (None, None) => Judgement::Unknown,
            (None, Some(true)) => Judgement::Suspected,
            (None, Some(false)) => Judgement::Clear,
        }
    }
}

/// A vehicle that was counted.
#[derive(Debug, Clone)]
pub struct Passed {
    /// Where.
    pub zone: ZoneId,
    /// What it is.
    pub class: Class,
    /// Where it was in the picture then: past the counting line, if there is one.
    pub bbox: NormBox,
}

/// Congestion in all carriageways of a camera.
#[derive(Debug)]
pub(crate) struct Congestion {
    params: CongestionParams,
    zones: Vec<Traffic>,
    passed: Vec<Passed>,
}

impl Congestion {
    pub fn new<'a>(params: CongestionParams, zones: impl Iterator<Item = &'a Zone>) -> Self {
        let zones = zones.map(|zone| Traffic::new(zone, &params)).collect();
        Self { params, zones, passed: Vec::new() }
    }

    /// The tracks of a picture are in `road`.
    pub fn look(&mut self, road: &mut Road, aspect: f32, desk: &mut Desk) {
        let at = road.now().at;
        for zone in &mut self.zones {
            zone.look(road, aspect, &self.params, &mut self.passed, desk);
            if zone.period_from.is_some_and(|from| at.since(from) >= self.params.measure_every_s.span()) {
                zone.measure(at, &self.params, desk);
            }
        }
    }

    /// Who was counted since it was last forgotten.
    pub fn passed(&self) -> &[Passed] {
        &self.passed
    }

    pub fn forget_passed(&mut self) {
        self.passed.clear();
    }

    /// What was learned of each zone.
    pub fn memory(&self) -> impl Iterator<Item = (ZoneId, ZoneMemory)> {
        self.zones.iter().map(|zone| {
            let calibrated = zone.carriageway.zone().ground.is_some();
            let memory = ZoneMemory { calibrated, free_flow: zone.free_flow.clone(), signal_cycle: zone.signal.cycle() };
            (zone.carriageway.zone().id.clone(), memory)
        })
    }

    /// Goes on from what was learned before.
    pub fn remember(&mut self, memory: &crate::Memory) {
        for zone in &mut self.zones {
            let Some(learned) = memory.of(&zone.carriageway.zone().id) else { continue };
            zone.signal = SignalWatch::new(learned.signal_cycle);
            if learned.calibrated == zone.carriageway.zone().ground.is_some() {
                zone.free_flow = learned.free_flow.clone();
            }
        }
    }

    pub fn stop(&mut self, at: MediaTime, desk: &mut Desk) {
        for zone in &mut self.zones {
            zone.measure(at, &self.params, desk);
            stop_all(desk, at, zone.congestion.take());
        }
    }

    pub fn judgement(&self) -> Judgement {
        worst(self.zones.iter().map(Traffic::judgement))
    }

    /// Means of density and speed are over pictures and zones; levels the worst.
    pub fn summary(&self) -> AnalyticSummary {
        let mut counts = BTreeMap::new();
        for (class, n) in self.zones.iter().flat_map(|zone| &zone.counts) {
            *counts.entry(*class).or_default() += n;
        }
        let means: Vec<Means> = self.zones.iter().filter_map(|z| z.all.means(&z.carriageway, &self.params)).collect();
        let mean = |values: Vec<f32>| (!values.is_empty()).then(|| values.iter().sum::<f32>() / values.len() as f32);
        let last_level = |zone: &Traffic| {
            let unfinished = || zone.bin.means(&zone.carriageway, &self.params);
            zone.bins.back().map(|bin| bin.means).or_else(unfinished).map(|means| means.level)
        };
        AnalyticSummary {
            state: None,
            counts: Some(counts),
            density_pc_per_km_lane_mean: mean(means.iter().filter_map(|m| m.density).collect()),
            occupancy_mean: mean(means.iter().map(|m| m.occupancy).collect()),
            speed_kmh_mean: mean(means.iter().filter_map(|m| m.speed_kmh).collect()),
            level_of_service: self.zones.iter().filter_map(last_level).max(),
            ..AnalyticSummary::default()
        }
    }
}
