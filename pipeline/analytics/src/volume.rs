//! Counting vehicles, each once: by its trajectory, never by a box that touches a line, so that stop-and-go counts nobody twice.
//!
//! Tracks break where somebody nearer hides a vehicle, at a counting line as elsewhere, and then neither part of the way crosses it. So a new track goes on
//! where another one was lost, if one was, with what is known of that one: also that it was counted. Each lost one is gone on with once, so that nobody is
//! counted whom no track ended for.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{Class, NormBox, NormPoint, geometry::segments_cross};

use crate::{
    bearing::Bearing,
    carriageway::Carriageway,
    path::Step,
    road::{Mover, Road, STANDS, is_two_wheeler},
};

/// A vehicle must have been seen this often: ghosts of a detector do not last.
const HITS_MIN: u32 = 3;
/// A vehicle is clear of a counting line when its foot is this far off it, in its own box lengths.
const CLEAR_BOX_LENGTHS: f32 = 0.3;
/// Whoever goes the zone's way crosses a line also so far beyond its ends, in widths of its box: a foot that is half hidden is taken for farther off than it is.
const BESIDE_BOX_WIDTHS: f32 = 1.0;
/// Who drives at such speed that so long before his first sighting he was before the line has crossed it.
const UNSEEN: Duration = Duration::from_secs(1);

/// Without a line, a vehicle counts once it has come this far, in its own box lengths.
const DRIVEN_BOX_LENGTHS: f32 = 1.5;
/// Without a zone too, it must also have come this far from where it was first seen: what crosses a junction far off does not pass here.
const PASSED_PICTURE_HEIGHTS: f32 = 0.4;

/// Who is lost is looked for as long as a long red; who was counted and drove on, faster than a crawl, has soon left.
const LOST: Duration = Duration::from_secs(60);
const LOST_PASSED: Duration = Duration::from_secs(5);
const CRAWL_BOX_LENGTHS_PER_S: f32 = 0.3;
/// He is found no farther back than this, no farther aside, and no farther ahead than he came at so many times his speed and so much more; in his own box lengths.
const BACK_BOX_LENGTHS: f32 = 1.0;
const ASIDE_BOX_LENGTHS: f32 = 2.0;
const SPEED_FACTOR: f32 = 1.5;
const SPEED_MORE_BOX_LENGTHS_PER_S: f32 = 1.0;
/// He is looked for first where he would be after so long,
const GOES_ON_S: f32 = 1.5;
/// and rather who was lost just now than who was lost long ago, in box lengths: who was counted a moment before is not taken for one that waits unseen for long.
const LONG_AGO_BOX_LENGTHS_PER_S: f32 = 0.05;

/// The most vehicles that are remembered; a crowd beyond it is not told apart anyhow.
const PASSAGES_MAX: usize = 4096;

/// A vehicle that was counted, with its speed at that moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub class: Class,
    pub bbox: NormBox,
    pub speed_kmh: Option<f32>,
    /// In box lengths per second.
    pub pace: Option<f32>,
}

/// Counts the vehicles of one zone.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// By their number on the road; at most [`PASSAGES_MAX`] that were seen last.
    passages: BTreeMap<u64, Passage>,
}

/// How a vehicle passes.
#[derive(Debug, Clone)]
struct Passage {
    two_wheels: bool,
    /// Where and when it was last seen, and how it went: box lengths per second, and a unit vector in picture heights.
    here: Step,
    speed: f32,
    heading: Option<(f32, f32)>,
    /// Where it was first and last clear of the line, and whether it is on the other side of it than at first.
    clear_first: Option<NormPoint>,
    clear_at: Option<NormPoint>,
    crossed: bool,
    counted: bool,
    /// It is sure to be a vehicle, and with whom it goes on is settled.
    settled: bool,
    /// Another track goes on with it.
    gone_on: bool,
}

impl Counter {
    /// The vehicles that are to be counted with this picture.
    pub fn look(&mut self, carriageway: &Carriageway, road: &Road, aspect: f32) -> Vec<Counted> {
        let now = road.now();
        let way = Way::new(carriageway, aspect);
        let seen = || road.present().filter(|m| m.class.is_vehicle() && m.seen == now);
        for mover in seen() {
            if self.passages.len() >= PASSAGES_MAX && !self.passages.contains_key(&mover.serial) {
                self.forget_one();
            }
            self.passages.entry(mover.serial).or_insert_with(|| Passage::new(mover)).follow(mover, &way);
        }
        let mut counted = Vec::new();
        for mover in seen() {
            let Some(passage) = self.passages.get(&mover.serial) else { continue };
            // Which way it goes has to be seen first.
            let goes = way.heading.is_none() || mover.heading().is_some() || mover.standing() >= STANDS;
            if !passage.settled && goes && mover.hits >= HITS_MIN && mover.is_sure() {
                self.settle(mover, &way);
            }
            let Some(passage) = self.passages.get_mut(&mover.serial).filter(|p| p.settled && !p.counted && mover.is_sure())
            else {
                continue;
            };
            passage.counted = match way.line {
                Some(_) => passage.crossed,
                None => {
                    let passes = carriageway.is_drawn() || mover.come_picture_heights() >= PASSED_PICTURE_HEIGHTS;
                    carriageway.holds(mover, road) && mover.gone_box_lengths >= DRIVEN_BOX_LENGTHS && passes
                }
            };
            if passage.counted {
                let speed_kmh = carriageway.zone().ground.and_then(|plane| mover.speed_kmh(&plane));
                counted.push(Counted { class: mover.class, bbox: mover.bbox, speed_kmh, pace: mover.speed_box_lengths_per_s() });
            }
        }
        self.passages.retain(|_, passage| now.since(passage.here.when) <= LOST);
        counted
    }

    /// Makes room: whoever was not seen for the longest time is the least likely to come back.
    fn forget_one(&mut self) {
        let longest = self.passages.iter().min_by_key(|(_, passage)| passage.here.when.watched).map(|(serial, _)| *serial);
        if let Some(serial) = longest {
            self.passages.remove(&serial);
        }
    }

    /// Finds out with whom a vehicle goes on that is now sure to be one.
    fn settle(&mut self, mover: &Mover, way: &Way<'_>) {
        let lost = way.line.and_then(|_| self.lost_before(mover, way)).and_then(|serial| {
            let lost = self.passages.get_mut(&serial)?;
            lost.gone_on = true;
            Some(lost.clone())
        });
        let Some(passage) = self.passages.get_mut(&mover.serial) else { return };
        passage.settled = true;
        match (lost, passage.clear_first) {
            (Some(lost), first) => {
                let between = lost.clear_at.zip(first).is_some_and(|(from, to)| way.crosses(from, to, mover));
                passage.counted = lost.counted;
                passage.crossed ^= lost.crossed ^ between;
                passage.clear_at = passage.clear_at.or(lost.clear_at);
            }
            // Nobody is lost who could be it: it came unseen.
            (None, Some(first)) => {
                let from = mover.before_first_seen(UNSEEN).filter(|from| way.is_clear(*from, mover));
                passage.crossed ^= from.is_some_and(|from| way.crosses(from, first, mover));
            }
            (None, None) => {}
        }
    }

    /// The vehicle that was lost where a new one may be it.
    fn lost_before(&self, mover: &Mover, way: &Way<'_>) -> Option<u64> {
        let fits = |(serial, lost): (&u64, &Passage)| Some((*serial, lost.fits(mover, way)?));
        self.passages.iter().filter_map(fits).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(serial, _)| serial)
    }
}

impl Passage {
    fn new(mover: &Mover) -> Self {
        Self {
            two_wheels: is_two_wheeler(mover.class),
            here: mover.here(),
            speed: 0.0,
            heading: None,
            clear_first: None,
            clear_at: None,
            crossed: false,
            counted: false,
            settled: false,
            gone_on: false,
        }
    }

    fn follow(&mut self, mover: &Mover, way: &Way<'_>) {
        self.two_wheels = is_two_wheeler(mover.class);
        self.here = mover.here();
        self.speed = mover.speed_box_lengths_per_s().unwrap_or(self.speed);
        self.heading = mover.heading().or(self.heading);
        self.gone_on = false;
        // Where it stood before the line is noted from the first sighting on: who is fast crosses before anybody is sure of him.
        if way.is_clear(self.here.foot, mover) {
            self.crossed ^= self.clear_at.is_some_and(|before| way.crosses(before, self.here.foot, mover));
            self.clear_at = Some(self.here.foot);
            self.clear_first.get_or_insert(self.here.foot);
        }
    }

    /// How badly a new vehicle fits to be this one, which was lost before; `None` where it cannot be.
    fn fits(&self, mover: &Mover, way: &Way<'_>) -> Option<f32> {
        let first = mover.first();
        // A detector may see one and the same twice, in the picture in which its tracks change over.
        let is_gone = self.here.when != mover.seen && self.here.when.watched <= first.when.watched;
        let lost = self.settled && !self.gone_on && is_gone;
        let heading = way.heading.or(self.heading)?;
        let against = |other: Option<(f32, f32)>| other.is_some_and(|(x, y)| x * heading.0 + y * heading.1 < 0.0);
        if !lost || self.two_wheels != is_two_wheeler(mover.class) || against(self.heading) || against(mover.heading()) {
            return None;
        }
        let lost_s = first.when.secs_since(self.here.when);
        let has_left = self.counted && self.speed > CRAWL_BOX_LENGTHS_PER_S && lost_s > LOST_PASSED.as_secs_f32();
        let (along, aside) = way.bearing(self.here, heading).of(self.here, first);
        let ahead_max = (SPEED_FACTOR * self.speed + SPEED_MORE_BOX_LENGTHS_PER_S) * lost_s + BACK_BOX_LENGTHS;
        let is_near = aside <= ASIDE_BOX_LENGTHS && (-BACK_BOX_LENGTHS..=ahead_max).contains(&along);
        let off = (along - self.speed * lost_s.min(GOES_ON_S)).abs() + aside;
        (is_near && !has_left).then_some(off + LONG_AGO_BOX_LENGTHS_PER_S * lost_s)
    }
}

/// A zone's way, and the line across it.
struct Way<'a> {
    carriageway: &'a Carriageway,
    line: Option<[NormPoint; 2]>,
    /// As a unit vector in picture heights.
    heading: Option<(f32, f32)>,
    aspect: f32,
}

impl<'a> Way<'a> {
    fn new(carriageway: &'a Carriageway, aspect: f32) -> Self {
        Self { carriageway, line: carriageway.zone().counting_line, heading: carriageway.heading(aspect), aspect }
    }

    /// How others stand to `place`, for one that goes by `heading`.
    fn bearing(&self, place: Step, heading: (f32, f32)) -> Bearing {
        Bearing::new(place, heading, self.aspect, self.carriageway.zone().ground, self.carriageway.travel())
    }

    /// Whether a vehicle's place is clear of the line.
    fn is_clear(&self, foot: NormPoint, mover: &Mover) -> bool {
        self.line.is_some_and(|[a, b]| distance_from_line(foot, a, b) >= CLEAR_BOX_LENGTHS * mover.bbox.width())
    }

    /// Whether a vehicle's way from one place to another crosses the line.
    fn crosses(&self, from: NormPoint, to: NormPoint, mover: &Mover) -> bool {
        let Some([a, b]) = self.line else { return false };
        let (dx, dy) = ((to.x - from.x) * self.aspect, to.y - from.y);
        let goes_its_way = self.heading.is_some_and(|(hx, hy)| dx * hx + dy * hy > 0.0);
        let beside = BESIDE_BOX_WIDTHS * mover.bbox.width() / (b.x - a.x).hypot(b.y - a.y).max(1e-6);
        let aside = |p: NormPoint, by: f32| NormPoint::clamped(p.x + (b.x - a.x) * by, p.y + (b.y - a.y) * by);
        // In the zone, or beside it.
        let is_near = |p| [0.0, -beside, beside].iter().any(|by| self.carriageway.zone().polygon.contains(aside(p, *by)));
        let beside = if goes_its_way && (is_near(from) || is_near(to)) { beside } else { 0.0 };
        segments_cross(from, to, aside(a, -beside), aside(b, beside))
    }
}

/// Distance of a point from the line through `a` and `b`, in normalised coordinates.
fn distance_from_line(p: NormPoint, a: NormPoint, b: NormPoint) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    (((p.x - a.x) * dy - (p.y - a.y) * dx) / dx.hypot(dy)).abs()
}

#[cfg(test)]
mod tests {
    use matpho_scene::MediaTime;

    use super::*;
    use crate::moment::Moment;

    #[test]
    fn room_is_made_by_who_was_not_seen_for_longest() {
        let seen_at = |secs: u64| {
            let when = Moment { at: MediaTime::from_millis(secs * 1000), watched: Duration::from_secs(secs) };
            let here = Step { when, foot: NormPoint::clamped(0.5, 0.5), x: 0.9, y: 0.5, length: 0.1, cut: false, sure: true };
            Passage {
                two_wheels: true,
                here,
                speed: 0.0,
                heading: None,
                clear_first: None,
                clear_at: None,
                crossed: false,
                counted: false,
                settled: false,
                gone_on: false,
            }
        };
        let mut counter = Counter { passages: [(1, seen_at(30)), (2, seen_at(10)), (3, seen_at(20))].into() };
        counter.forget_one();
        assert_eq!(counter.passages.keys().copied().collect::<Vec<_>>(), [1, 3]);
    }
}
