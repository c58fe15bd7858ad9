//! One carriageway in one picture: who is in it, how much of it is covered, how much of its traffic stands.

use std::time::Duration;

use matpho_scene::{GroundPlane, GroundPoint, NormBox, NormPoint};

use crate::{
    desk::Ground,
    path::{Step, is_cut_below},
    road::{Mover, Road},
    zone::{PcuWeights, Purpose, Zone},
};

/// Points across and down at which coverage is looked up.
const COLUMNS: usize = 96;
const ROWS: usize = 54;
/// Where no zone is drawn, a place is road once so many vehicles have driven through it.
const ROAD_TRACKS_MIN: u32 = 2;
/// Width of a lane where the number of lanes follows from the ground plane (Vietnam: 3.0 to 3.75 m by class of road).
const LANE_WIDTH_M: f64 = 3.5;
/// Slow as in a queue: below these speeds, or standing this long; and so many vehicles at least.
const SLOW_KMH: f32 = 12.0;
const SLOW_BOX_LENGTHS_PER_S: f32 = 0.6;
const SLOW_STANDING: Duration = Duration::from_secs(2);
pub(crate) const QUEUE_VEHICLES_MIN: u32 = 4;
/// The most looks that are counted afterwards: a track that is unsure for longer was none.
const LOOKS_BEFORE_MAX: u32 = 256;
/// Standing vehicles further apart than this are not one queue; length of the last one.
const QUEUE_GAP_M: f64 = 15.0;
const QUEUE_VEHICLE_M: f64 = 4.5;

/// A zone with what follows from its set-up.
#[derive(Debug)]
pub(crate) struct Carriageway {
    zone: Zone,
    km_lanes: Option<f32>,
    /// Along the road, on the ground.
    axis: Option<(f64, f64)>,
    /// The points of each row that lie in the zone, by which coverage is looked up.
    rows: Vec<Vec<NormPoint>>,
}

/// What one picture shows of a carriageway.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Snapshot {
    pub vehicles: u32,
    pub pcu: f32,
    /// The same of those whose foot is on the road that the picture shows: what the lower edge cuts has left it.
    pub pcu_afoot: f32,
    /// Vehicles that stand or crawl.
    pub stopped: u32,
    pub occupancy: f32,
    pub speed_kmh_sum: f32,
    pub speeds: u32,
    /// Sum of speeds in box lengths per second, and of how many vehicles.
    pub pace_sum: f32,
    pub paces: u32,
    pub queue_m: Option<f32>,
    /// Around its vehicles.
    pub region: Option<NormBox>,
}

impl Carriageway {
    pub fn new(zone: &Zone) -> Self {
        let ground = zone.ground.and_then(|plane| GroundExtent::new(zone, &plane));
        let length_m = zone.length_m.map(|m| f64::from(m.get())).or(ground.as_ref().map(|g| g.length_m));
        let lanes = zone.lanes.map(|n| f64::from(n.get())).or(ground.as_ref().map(|g| g.lanes));
        // What the picture's edge cuts off a carriageway's corner holds no vehicles.
        let filled = if zone.length_m.is_none() { ground.as_ref().map_or(1.0, |g| g.filled) } else { 1.0 };
        let km_lanes = length_m.zip(lanes).map(|(m, lanes)| (m / 1000.0 * lanes * filled) as f32);
        let point = |column: usize, row: usize| {
            NormPoint::clamped((column as f32 + 0.5) / COLUMNS as f32, (row as f32 + 0.5) / ROWS as f32)
        };
        let row = |row| (0..COLUMNS).map(|column| point(column, row)).filter(|p| zone.polygon.contains(*p)).collect();
        Self { zone: zone.clone(), km_lanes, axis: ground.map(|g| g.axis), rows: (0..ROWS).map(row).collect() }
    }

    /// Its direction in a picture of this aspect, as a unit vector in picture heights.
    pub fn heading(&self, aspect: f32) -> Option<(f32, f32)> {
        self.zone.direction.map(|d| {
            let (dx, dy) = d.unit();
            let length = (dx * aspect).hypot(dy);
            (dx * aspect / length, dy / length)
        })
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Kilometres times lanes; `None` without calibration.
    pub fn km_lanes(&self) -> Option<f32> {
        self.km_lanes
    }

    /// What statements about metres stand on.
    pub fn ground(&self) -> Ground {
        Ground { calibrated: self.zone.ground.is_some(), error_m: self.zone.ground_error_m }
    }

    /// The way of its traffic on the ground, as a unit vector; `None` without metres, or where no way is drawn.
    pub fn travel(&self) -> Option<(f64, f64)> {
        self.axis.filter(|_| self.zone.direction.is_some())
    }

    /// Whether distances on the road are known.
    pub fn is_measured(&self) -> bool {
        self.axis.is_some()
    }

    /// Bounds of the zone; `None` where none was drawn.
    pub fn drawn_bounds(&self) -> Option<NormBox> {
        self.is_drawn().then(|| self.zone.polygon.bounds())
    }

    pub fn is_drawn(&self) -> bool {
        self.zone.purpose != Purpose::WholePicture
    }

    /// Whether a point is road: inside the zone and, where none was drawn, driven through.
    pub fn is_road(&self, p: NormPoint, road: &Road) -> bool {
        self.zone.polygon.contains(p) && (self.is_drawn() || road.flow.tracks_near(p) >= ROAD_TRACKS_MIN)
    }

    /// Whether something is in the zone's traffic.
    pub fn holds(&self, mover: &Mover, road: &Road) -> bool {
        let foot = inside(mover.spot.foot());
        !mover.parked && self.zone.polygon.contains(foot) && (self.is_drawn() || mover.arrived || self.is_road(foot, road))
    }

    /// Whether a vehicle stands or crawls, by the best measure at hand; `None` while it is not known.
    pub fn crawls(&self, mover: &Mover, (crawl_kmh, crawl_box_lengths_per_s): (f32, f32)) -> Option<bool> {
        match self.zone.ground.and_then(|plane| mover.speed_kmh(&plane)) {
            Some(kmh) => Some(kmh <= crawl_kmh),
            None => mover.speed_box_lengths_per_s().map(|speed| speed <= crawl_box_lengths_per_s),
        }
    }

    /// Whether a vehicle stands or goes slowly, as in a queue.
    pub fn is_slow(&self, mover: &Mover) -> bool {
        mover.standing() >= SLOW_STANDING || self.crawls(mover, (SLOW_KMH, SLOW_BOX_LENGTHS_PER_S)).unwrap_or(false)
    }

    /// Whether most of the zone's vehicles stand or go slowly.
    pub fn is_queue(&self, road: &Road) -> bool {
        let all = || road.vehicles().filter(|m| self.holds(m, road));
        let (n, slow) = all().fold((0u32, 0u32), |(n, slow), m| (n + 1, slow + u32::from(self.is_slow(m))));
        n >= QUEUE_VEHICLES_MIN && slow * 2 >= n
    }

    pub fn snapshot(&self, road: &Road, pcu: &PcuWeights, crawl: (f32, f32)) -> Snapshot {
        let mut shot = Snapshot::default();
        let mut boxes = Vec::new();
        let mut standing = Vec::new();
        for mover in road.vehicles().filter(|m| self.holds(m, road)) {
            shot.vehicles += 1;
            let look = f32::from(u8::from(road.counts(mover)));
            let looks_before = |counts: fn(&Step) -> bool| self.looks_uncounted(mover, road, counts);
            let weight = pcu.of(mover.class);
            shot.pcu += weight * (look + looks_before(|_| true));
            shot.pcu_afoot += weight * (if is_cut_below(mover.spot) { 0.0 } else { look } + looks_before(|step| !step.cut));
            shot.region = Some(shot.region.map_or(mover.spot, |r| r.union(mover.spot)));
            boxes.push(mover.spot);
            if self.crawls(mover, crawl).unwrap_or(false) {
                shot.stopped += 1;
                standing.extend(self.zone.ground.and_then(|plane| plane.to_ground(mover.spot.foot())));
            }
            if let Some(pace) = mover.speed_box_lengths_per_s() {
                shot.pace_sum += pace;
                shot.paces += 1;
            }
            if let Some(kmh) = self.zone.ground.and_then(|plane| mover.speed_kmh(&plane)) {
                shot.speed_kmh_sum += kmh;
                shot.speeds += 1;
            }
        }
        shot.occupancy = self.occupancy(&boxes, road);
        shot.queue_m = self.axis.map(|axis| queue_m(&standing, axis));
        shot
    }

    /// In how many earlier looks a vehicle was here, in a way that counts, that are counted only now. Density is the time that vehicles spend on a road
    /// (Edie), all of it, and none that they spent before it.
    fn looks_uncounted(&self, mover: &Mover, road: &Road, counts: fn(&Step) -> bool) -> f32 {
        let step = road.step();
        if mover.seen != road.now() || mover.uncounted.is_zero() || step.is_zero() {
            return 0.0;
        }
        let looks = (mover.uncounted.as_secs_f32() / step.as_secs_f32()).round() as u32;
        let was_here = |ago: &u32| mover.step_ago(step * *ago).is_some_and(|s| counts(&s) && self.zone.polygon.contains(s.foot));
        (1..=looks.min(LOOKS_BEFORE_MAX)).filter(was_here).count() as f32
    }

    /// Share of the road that boxes cover: the mean over the picture's rows, each row by itself, so that near vehicles do not outweigh
    /// far ones by their size.
    fn occupancy(&self, boxes: &[NormBox], road: &Road) -> f32 {
        let (mut rows, mut sum) = (0u32, 0.0f32);
        for row in &self.rows {
            let (mut points, mut covered) = (0u32, 0u32);
            for p in row.iter().filter(|p| self.is_drawn() || road.flow.tracks_near(**p) >= ROAD_TRACKS_MIN) {
                points += 1;
                covered += u32::from(boxes.iter().any(|b| (b.x1()..=b.x2()).contains(&p.x) && (b.y1()..=b.y2()).contains(&p.y)));
            }
            if points > 0 {
                rows += 1;
                sum += covered as f32 / points as f32;
            }
        }
        if rows > 0 { sum / rows as f32 } else { 0.0 }
    }
}

/// A box that ends at the picture's lower edge touches the road beyond it: its foot is taken just inside, where zones can hold it.
fn inside(foot: NormPoint) -> NormPoint {
    NormPoint::clamped(foot.x.clamp(0.001, 0.999), foot.y.clamp(0.001, 0.999))
}

/// Length of the longest queue of standing vehicles along the road.
fn queue_m(standing: &[GroundPoint], (ax, ay): (f64, f64)) -> f32 {
    let mut along: Vec<f64> = standing.iter().map(|p| p.x_m * ax + p.y_m * ay).collect();
    along.sort_by(f64::total_cmp);
    let (mut longest, mut from) = (0.0f64, None::<f64>);
    let mut last = f64::NEG_INFINITY;
    for s in along {
        let start = match from {
            Some(start) if s - last <= QUEUE_GAP_M => start,
            Some(_) | None => s,
        };
        (from, last) = (Some(start), s);
        longest = longest.max(s - start + QUEUE_VEHICLE_M);
    }
    longest as f32
}

/// What a ground plane says of a zone.
struct GroundExtent {
    axis: (f64, f64),
    length_m: f64,
    lanes: f64,
    /// Its area as a share of the rectangle around it, along the road.
    filled: f64,
}

impl GroundExtent {
    fn new(zone: &Zone, plane: &GroundPlane) -> Option<Self> {
        let corners: Vec<GroundPoint> = zone.polygon.corners().iter().filter_map(|c| plane.to_ground(*c)).collect();
        // By the points that were drawn: the same way in the picture is another on the road at another place.
        let axis = zone.direction.and_then(|d| {
            let [from, to] = d.points();
            unit(plane.to_ground(from)?, plane.to_ground(to)?)
        });
        // Without a direction: along the two corners that lie furthest apart.
        let pairs = corners.iter().enumerate().flat_map(|(i, a)| corners[i + 1..].iter().map(move |b| (*a, *b)));
        let (far_a, far_b) = pairs.max_by(|p, q| p.0.distance_m(p.1).total_cmp(&q.0.distance_m(q.1)))?;
        let axis = axis.or_else(|| unit(far_a, far_b))?;
        let along = corners.iter().map(|p| p.x_m * axis.0 + p.y_m * axis.1);
        let length_m = along.clone().fold(f64::MIN, f64::max) - along.fold(f64::MAX, f64::min);
        let next = corners.iter().cycle().skip(1);
        let area_m2 = (corners.iter().zip(next).map(|(a, b)| a.x_m * b.y_m - b.x_m * a.y_m).sum::<f64>() / 2.0).abs();
        let across = corners.iter().map(|p| p.y_m * axis.0 - p.x_m * axis.1);
        let width_m = across.clone().fold(f64::MIN, f64::max) - across.fold(f64::MAX, f64::min);
        (length_m > 1.0 && width_m > 0.1).then(|| Self {
            axis,
            length_m,
            lanes: (width_m / LANE_WIDTH_M).round().max(1.0),
            filled: (area_m2 / (length_m * width_m)).clamp(0.0, 1.0),
        })
    }
}

fn unit(a: GroundPoint, b: GroundPoint) -> Option<(f64, f64)> {
    let d = a.distance_m(b);
    (d > 1e-6).then(|| ((b.x_m - a.x_m) / d, (b.y_m - a.y_m) / d))
}

#[cfg(test)]
mod tests {
    use matpho_scene::{Class, MediaTime, PictureSize, Polygon, Score, TrackId, Tracked};

    use super::*;
    use crate::moment::Moment;

    /// Time that a car is counted in a zone from 0.5 to 0.9 down the picture, in looks, if the tracker says where it is from its second sighting on.
    fn looks_counted(feet: &[f32]) -> f32 {
        let polygon = Polygon::try_from(vec![[0.0, 0.5], [1.0, 0.5], [1.0, 0.9], [0.0, 0.9]]).unwrap();
        let carriageway = Carriageway::new(&Zone::new("road".parse().unwrap(), Purpose::Carriageway, polygon));
        let mut road = Road::new(0.5, 0.3, Vec::new());
        let looks = feet.iter().enumerate().map(|(n, foot)| {
            let at = MediaTime::from_millis(200 * n as u64);
            let track = Tracked {
                id: TrackId(1),
                class: Class::Car,
                score: Score::clamped(0.8),
                bbox: NormBox::clipped(0.4, foot - 0.1, 0.5, *foot).unwrap(),
                first_seen: MediaTime::ZERO,
                last_seen: at,
                hits: 2,
            };
            let now = Moment { at, watched: Duration::from_millis(200 * n as u64) };
            let tracks = if n > 0 { vec![track] } else { Vec::new() };
            road.look(now, PictureSize { width: 1280, height: 720 }, &tracks);
            carriageway.snapshot(&road, &PcuWeights::default(), (5.0, 0.25)).pcu_afoot
        });
        looks.sum()
    }

    #[test]
    fn time_before_a_track_was_sure_counts_where_it_drove_then() {
        assert_eq!(looks_counted(&[0.85, 0.80, 0.75, 0.70, 0.65]), 5.0, "all of them in the zone");
        assert_eq!(looks_counted(&[0.93, 0.88, 0.83, 0.78, 0.73]), 4.0, "first seen before it came in");
        assert_eq!(looks_counted(&[0.47, 0.55, 0.63, 0.71, 0.79]), 4.0, "first seen at the far end");
    }
}
