//! What moves on the road: every track with its recent path, whether it stands, and where traffic flows.
//!
//! Lengths are told in *box lengths*, the square root of a box's area, so that near and far vehicles compare without a calibration: a
//! car seen from ahead is about 2 m of them. Coordinates are *picture heights* (x is stretched by the picture's aspect), so that a
//! length does not depend on its direction.

use std::{collections::BTreeMap, collections::VecDeque, time::Duration};

use matpho_scene::{Class, GroundPlane, NormBox, NormPoint, PictureSize, Polygon, TrackId, Tracked};

use crate::{
    flow::FlowField,
    moment::Moment,
    occlusion::{FreeShape, hidden_to},
    path::{Step, distance, is_cut_below, thinned},
    size::{CarHeights, Tallness},
};

/// Paths are kept this long.
const PATH_SPAN: Duration = Duration::from_secs(8);
/// Two points of a path are at least this far apart in time.
const PATH_STEP: Duration = Duration::from_millis(150);
/// The most points of a path: [`PATH_SPAN`] over [`PATH_STEP`], rounded up.
const PATH_POINTS_MAX: usize = 64;
/// How a track came before its first sighting is told by so many steps after it.
const FIRST_STEPS: usize = 3;
/// A speed is taken over about this long, and at least over [`SPEED_SPAN_MIN`].
const SPEED_SPAN: Duration = Duration::from_millis(1500);
const SPEED_SPAN_MIN: Duration = Duration::from_millis(350);
/// A speed older than this is not one: cameras that are asked every few seconds give none.
const SPEED_SPAN_MAX: Duration = Duration::from_secs(5);
/// A track that was not seen for this long is forgotten.
const KEPT: Duration = Duration::from_secs(20);
/// Somebody nearer hides what it covers by this share, at most for this long.
const HIDDEN_SHARE: f32 = 0.5;
const HIDDEN: Duration = Duration::from_secs(90);
/// Who stood this long and drives on was released.
const RELEASED_AFTER: Duration = Duration::from_secs(4);
/// A new track that appears where another one stood takes its place: same vehicle, new number.
const HEIR_IOU_MIN: f32 = 0.45;
const HEIR_STANDING: Duration = Duration::from_secs(1);
const HEIR_BOX_LENGTHS_PER_S: f32 = 0.3;
/// A track belongs to the picture at hand when it was seen this recently.
const PRESENT: Duration = Duration::from_millis(1200);
/// What has not left its place for this long stands: less than walking pace.
pub(crate) const STANDS: Duration = Duration::from_secs(2);
/// Who stood has left its place once it is this far from it, or off it for this long.
const LEFT_BOX_LENGTHS: f32 = 1.2;
const LEFT: Duration = Duration::from_millis(900);
/// It has driven by itself once it has come this far; a box that jumps does not come so far in two steps.
const ARRIVED_BOX_LENGTHS: f32 = 0.9;
/// A new track begins where a vanished one that drove would be by now: within so many box lengths, so soon.
const VANISHED_BOX_LENGTHS: f32 = 2.0;
const VANISHED: Duration = Duration::from_secs(3);
/// A sighting from this score on is sure; a track is one from so many of them on, and from this share.
const SURE_SCORE: f32 = 0.3;
const SURE_HITS_MIN: u32 = 2;
const SURE_SHARE_MIN: f32 = 0.4;
/// The most tracks that are kept; a crowd beyond it is not told apart anyhow.
const MOVERS_MAX: usize = 1024;

/// A tracked vehicle or person with its recent past.
#[derive(Debug, Clone)]
pub(crate) struct Mover {
    /// Its number on this road; unlike the tracker's it stays when a new track takes the place of a lost one.
    pub serial: u64,
    pub id: TrackId,
    pub class: Class,
    pub bbox: NormBox,
    pub seen: Moment,
    /// Where it is by now, whole: `bbox` with what somebody nearer hides of it, or where the tracker expects it while it is not seen.
    pub spot: NormBox,
    shape: FreeShape,
    /// Whether it stands behind somebody nearer.
    hidden: bool,
    /// When the tracker last held it.
    held: Moment,
    pub hits: u32,
    /// Sightings of which the detector was sure.
    sure_hits: u32,
    /// How high it is beside cars, if it is called one.
    tallness: Tallness,
    /// Whether it ever was sure.
    was_sure: bool,
    /// How long it had been on its way unseen or unsure before this sighting.
    pub uncounted: Duration,
    /// Sightings since it stands where it stands, and the sure ones of them.
    stand_hits: (u32, u32),
    path: VecDeque<Step>,
    /// Where and since when it stands.
    anchor: Step,
    /// Since when it is seen off that place.
    off_since: Option<Moment>,
    /// How long it had stood there when last seen.
    stood: Duration,
    /// When it last drove on after standing.
    released: Option<Moment>,
    /// Where it was first seen, and whether the picture's edge cut it there: it came in from outside.
    origin: Step,
    came_in: bool,
    /// How long the tracker had known it by then.
    known_before: Duration,
    /// Where it was last put into the flow field.
    marked: Step,
    /// Distance gone since first seen, in box lengths; jitter does not count.
    pub gone_box_lengths: f32,
    /// Whether it was seen to come driving.
    pub arrived: bool,
    /// Stands so long that it is no traffic any more.
    pub parked: bool,
    /// Stands in the way of others, and was announced.
    broke_down: bool,
    /// Pictures in which it looked like the rider of a two-wheeler, less those in which it did not.
    pub rider_votes: i32,
}

impl Mover {
    fn new(serial: u64, track: &Tracked, step: Step) -> Self {
        Self {
            serial,
            id: track.id,
            class: track.class,
            bbox: track.bbox,
            seen: step.when,
            spot: track.bbox,
            shape: FreeShape::default(),
            hidden: false,
            held: step.when,
            hits: 0,
            sure_hits: 0,
            tallness: Tallness::default(),
            was_sure: false,
            uncounted: Duration::ZERO,
            stand_hits: (0, 0),
            path: VecDeque::new(),
            anchor: step,
            off_since: None,
            stood: Duration::ZERO,
            released: None,
            origin: step,
            came_in: is_cut(track.bbox),
            known_before: step.when.at.since(track.first_seen),
            marked: step,
            gone_box_lengths: 0.0,
            arrived: false,
            parked: false,
            broke_down: false,
            rider_votes: 0,
        }
    }

    fn follow(
        &mut self,
        track: &Tracked,
        spot: NormBox,
        step: Step,
        since_last_look: Duration,
        stand_within: f32,
        flow: &mut FlowField,
    ) {
        self.class = if track.class == Class::Car && self.tallness.is_heavy() { Class::Truck } else { track.class };
        self.bbox = track.bbox;
        let unseen =
            if self.standing() >= STANDS { Duration::ZERO } else { step.when.since(self.seen).saturating_sub(since_last_look) };
        self.seen = step.when;
        self.spot = spot;
        self.held = step.when;
        self.hidden = false;
        self.hits = self.hits.saturating_add(1);
        self.sure_hits = self.sure_hits.saturating_add(u32::from(step.sure));
        self.uncounted = if self.was_sure { unseen } else { step.when.at.since(track.first_seen) };
        self.was_sure |= self.is_sure();
        // The newest point always counts; those before it keep their distance in time.
        if self.path.len() >= 2 && self.path[self.path.len() - 1].when.since(self.path[self.path.len() - 2].when) < PATH_STEP {
            self.path.pop_back();
        }
        self.path.push_back(step);
        while self.path.len() > PATH_POINTS_MAX
            || (self.path.len() > 4 && self.path.front().is_some_and(|s| step.when.since(s.when) > PATH_SPAN))
        {
            self.path.pop_front();
        }
        let off = distance(self.anchor, step) / step.length.max(self.anchor.length);
        self.off_since = if off > stand_within { self.off_since.or(Some(step.when)) } else { None };
        // Who stood is back at once where only its box had jumped, because somebody passed before it.
        let left =
            self.off_since.is_some_and(|since| self.stood < STANDS || off > LEFT_BOX_LENGTHS || step.when.since(since) >= LEFT);
        if left {
            self.off_since = None;
            if self.class.is_vehicle() && self.arrived && !self.parked {
                flow.waited(self.anchor.foot, self.stood, self.broke_down, step.when);
                self.released = (self.stood >= RELEASED_AFTER).then_some(step.when);
            }
            self.stood = Duration::ZERO;
            self.anchor = step;
            self.parked = false;
            self.broke_down = false;
            self.stand_hits = (0, 0);
        }
        self.stood = self.standing();
        self.stand_hits = (self.stand_hits.0.saturating_add(1), self.stand_hits.1.saturating_add(u32::from(step.sure)));
        let gone = distance(self.marked, step) / step.length.max(self.marked.length);
        if gone > 0.5 && step.sure {
            self.gone_box_lengths += gone;
            let from = if self.arrived { self.marked } else { self.origin };
            self.arrived |= self.came_in || self.gone_box_lengths >= ARRIVED_BOX_LENGTHS;
            if self.class.is_vehicle() && self.arrived {
                flow.mark(self.id, from, step);
            }
            self.marked = step;
        }
    }

    /// Whether it is a thing and not a ghost of the detector's weak scores, drifting from vehicle to vehicle.
    pub fn is_sure(&self) -> bool {
        self.sure_hits >= SURE_HITS_MIN && self.sure_hits as f32 >= SURE_SHARE_MIN * self.hits as f32
    }

    /// Whether what stands there is sure to be a thing.
    pub fn stands_surely(&self) -> bool {
        let (all, sure) = self.stand_hits;
        sure >= SURE_HITS_MIN && sure as f32 >= SURE_SHARE_MIN * all as f32
    }

    /// How long it has stood.
    pub fn standing(&self) -> Duration {
        self.seen.since(self.anchor.when)
    }

    /// Whether it is seen where it stands; who has just set off is not any more.
    pub fn is_at_rest(&self) -> bool {
        self.off_since.is_none()
    }

    /// Whether it stands behind somebody nearer, unseen.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Since when it stands.
    pub fn stands_since(&self) -> Moment {
        self.anchor.when
    }

    /// Whether it drove on just now, after standing.
    pub fn is_released(&self) -> bool {
        self.released == Some(self.seen)
    }

    /// Its way up to now, thinned.
    pub fn way(&self) -> Vec<NormPoint> {
        thinned(self.path.iter().map(|step| step.foot))
    }

    /// How far it is from where it was first seen, in picture heights.
    pub fn come_picture_heights(&self) -> f32 {
        distance(self.origin, self.here())
    }

    /// Where it is.
    pub fn here(&self) -> Step {
        self.path.back().copied().unwrap_or(self.anchor)
    }

    /// Where it was first seen.
    pub fn first(&self) -> Step {
        self.origin
    }

    /// Its recent path, oldest first.
    pub fn path(&self) -> impl DoubleEndedIterator<Item = &Step> + ExactSizeIterator {
        self.path.iter()
    }

    /// Where it was so long before it was last seen: between two sightings, or before the first of them by the way it drove since. `None` where that lies outside the picture.
    pub fn step_ago(&self, ago: Duration) -> Option<Step> {
        let then = self.seen.watched.checked_sub(ago)?.as_secs_f32();
        let at = |s: &Step| s.when.watched.as_secs_f32();
        let later = self.path.iter().position(|s| at(s) >= then)?;
        let (a, b) = match later {
            // Of a path that is longer than what is kept, the oldest point that is kept.
            0 if self.path.front()?.when != self.origin.when => return self.path.front().copied(),
            0 => (self.path.front()?, self.path.get(FIRST_STEPS).or(self.path.back())?),
            _ => (self.path.get(later - 1)?, self.path.get(later)?),
        };
        let part = if at(b) > at(a) { (then - at(a)) / (at(b) - at(a)) } else { 0.0 };
        a.toward(*b, part)
    }

    /// Where it was so long before anybody saw it first, the tracker too, by the way that it drove since. `None` where that lies outside the picture, or long ago.
    pub fn before_first_seen(&self, unseen: Duration) -> Option<NormPoint> {
        let first = self.path.front().filter(|s| s.when == self.origin.when)?;
        self.step_ago(self.seen.since(first.when) + self.known_before + unseen).map(|step| step.foot)
    }

    /// The point of its path from which speed is taken.
    fn speed_base(&self) -> Option<&Step> {
        let now = self.here().when;
        let span = |s: &Step| now.since(s.when);
        let base = self.path.iter().rev().find(|s| span(s) >= SPEED_SPAN).or_else(|| self.path.front())?;
        // The first point past the span may be long past where pictures are rare.
        let base = if span(base) > SPEED_SPAN_MAX { self.path.iter().find(|s| span(s) <= SPEED_SPAN_MAX)? } else { base };
        (span(base) >= SPEED_SPAN_MIN).then_some(base)
    }

    /// Speed in box lengths per second.
    pub fn speed_box_lengths_per_s(&self) -> Option<f32> {
        let (base, here) = (self.speed_base()?, self.here());
        Some(distance(*base, here) / base.length.max(here.length) / here.when.secs_since(base.when))
    }

    /// Speed on the road. What stands has none: what its box trembles is no way driven.
    pub fn speed_kmh(&self, ground: &GroundPlane) -> Option<f32> {
        if self.standing() >= STANDS {
            return Some(0.0);
        }
        let (base, here) = (self.speed_base()?, self.here());
        let metres = ground.to_ground(base.foot)?.distance_m(ground.to_ground(here.foot)?);
        Some((metres / f64::from(here.when.secs_since(base.when)) * 3.6) as f32)
    }

    /// Its heading over the last steps as a unit vector in picture heights; `None` while it hardly moved.
    pub fn heading(&self) -> Option<(f32, f32)> {
        let mut sure = self.path.iter().filter(|s| s.sure);
        let base = sure.next()?;
        let here = sure.next_back()?;
        let (dx, dy) = (here.x - base.x, here.y - base.y);
        let length = dx.hypot(dy);
        (length > 0.5 * here.length).then(|| (dx / length, dy / length))
    }
}

/// Whether the picture's edge cuts a box.
fn is_cut(b: NormBox) -> bool {
    /// Edges of boxes tremble by some per cent of its sides.
    const EDGE: f32 = 0.04;
    let (across, down) = (EDGE * b.width(), EDGE * b.height());
    b.x1() <= across || b.y1() <= down || b.x2() >= 1.0 - across || b.y2() >= 1.0 - down
}

/// All that is tracked.
#[derive(Debug)]
pub(crate) struct Road {
    movers: BTreeMap<TrackId, Mover>,
    /// Where vehicles drive, and which way.
    pub flow: FlowField,
    car_heights: CarHeights,
    stand_within: f32,
    rider_overlap: f32,
    serials: u64,
    now: Moment,
    before: Moment,
}

impl Road {
    /// Something stands while it stays within `stand_within` box lengths; a person whose box lies by `rider_overlap` in that of a
    /// two-wheeler rides it; `grounds` are the zones with metres.
    pub fn new(stand_within: f32, rider_overlap: f32, grounds: Vec<(Polygon, GroundPlane)>) -> Self {
        Self {
            movers: BTreeMap::new(),
            flow: FlowField::default(),
            car_heights: CarHeights::new(grounds),
            before: Moment::default(),
            stand_within,
            rider_overlap,
            serials: 0,
            now: Moment::default(),
        }
    }

    /// Takes the tracks of one picture.
    pub fn look(&mut self, now: Moment, size: PictureSize, tracks: &[Tracked]) {
        (self.before, self.now) = (self.now, now);
        let (aspect, since_last_look) = (size.aspect(), self.step());
        let seen = |track: &Tracked| now.at.since(track.last_seen) <= Duration::from_millis(1);
        let vehicles: Vec<NormBox> = tracks.iter().filter(|t| t.class.is_vehicle() && seen(t)).map(|t| t.bbox).collect();
        for track in tracks {
            // Predictions of a tracker are no sightings: they say where it is by now, and that it is held for there.
            if !seen(track) {
                if let Some(mover) = self.movers.get_mut(&track.id) {
                    (mover.spot, mover.held) = (track.bbox, now);
                }
                continue;
            }
            let hidden_to = hidden_to(track.bbox, &vehicles);
            let shape = self.movers.get(&track.id).map_or(FreeShape::default(), |m| m.shape);
            let spot = hidden_to.map_or(track.bbox, |down| shape.whole(track.bbox, down));
            let middle = spot.centre();
            let step = Step {
                when: now,
                foot: spot.foot(),
                x: middle.x * aspect,
                y: middle.y,
                length: (spot.area() * aspect).sqrt().max(1e-3),
                cut: is_cut_below(spot),
                sure: track.score.get() >= SURE_SCORE,
            };
            if !self.movers.contains_key(&track.id) {
                let heir = self.heir_of(track, tracks).map(|old| Mover { id: track.id, ..old });
                if self.movers.len() >= MOVERS_MAX {
                    continue;
                }
                self.serials += 1;
                // What is first seen where somebody drove through just before was not parked there: it came, unseen or under another number.
                let driven = || track.class.is_vehicle() && self.flow.was_driven(step.foot, now);
                let arrived = self.goes_on(track, step, aspect) || driven();
                let new = || Mover { arrived, ..Mover::new(self.serials, track, step) };
                self.movers.insert(track.id, heir.unwrap_or_else(new));
            }
            if let Some(mover) = self.movers.get_mut(&track.id) {
                if hidden_to.is_none() && !is_cut(track.bbox) {
                    mover.shape.learn(track.bbox);
                    if track.class == Class::Car {
                        self.car_heights.look(track.bbox, aspect, &mut mover.tallness);
                    }
                }
                mover.follow(track, spot, step, since_last_look, self.stand_within, &mut self.flow);
            }
        }
        self.hide();
        self.movers.retain(|_, mover| mover.hidden || now.since(mover.seen) <= KEPT);
        self.vote_riders();
    }

    /// The vanished track whose place a new one takes.
    fn heir_of(&mut self, track: &Tracked, tracks: &[Tracked]) -> Option<Mover> {
        let old = self
            .movers
            .values()
            .filter(|m| m.class.is_vehicle() == track.class.is_vehicle() && m.seen.watched < self.now.watched)
            // Who drove is elsewhere by now.
            .filter(|m| m.standing() >= HEIR_STANDING || m.speed_box_lengths_per_s().is_some_and(|v| v <= HEIR_BOX_LENGTHS_PER_S))
            .filter(|m| !tracks.iter().any(|t| t.id == m.id && t.last_seen >= self.now.at))
            .map(|m| (m.bbox.iou(track.bbox), m.id))
            .filter(|(iou, _)| *iou >= HEIR_IOU_MIN)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?
            .1;
        self.movers.remove(&old)
    }

    /// Whether a new track begins where one that drove was just lost: the same vehicle perhaps, and in any case none that was parked there.
    fn goes_on(&self, track: &Tracked, step: Step, aspect: f32) -> bool {
        self.movers
            .values()
            .filter(|m| m.arrived && m.class.is_vehicle() == track.class.is_vehicle())
            .filter(|m| m.seen.watched < self.now.watched && self.now.since(m.seen) <= VANISHED)
            .any(|m| {
                let spot = m.spot.centre();
                (spot.x * aspect - step.x).hypot(spot.y - step.y) <= VANISHED_BOX_LENGTHS * step.length
            })
    }

    fn vote_riders(&mut self) {
        let two_wheelers: Vec<NormBox> = self.present().filter(|m| is_two_wheeler(m.class)).map(|m| m.bbox).collect();
        // Whoever is seen through a windscreen: within the box, and not down at the wheels.
        let cabins: Vec<NormBox> =
            self.present().filter(|m| matches!(m.class, Class::Car | Class::Bus | Class::Truck)).map(|m| m.bbox).collect();
        let (now, rider_overlap) = (self.now, self.rider_overlap);
        for person in self.movers.values_mut().filter(|m| m.class == Class::Person && m.seen == now) {
            let share = two_wheelers.iter().map(|b| overlap_of(person.bbox, *b)).fold(0.0, f32::max);
            let seated = cabins.iter().any(|b| overlap_of(person.bbox, *b) > 0.8 && person.bbox.y2() < b.y2() - 0.1 * b.height());
            let vote = if share >= rider_overlap || seated { 1 } else { -1 };
            person.rider_votes = (person.rider_votes + vote).clamp(-VOTES_MAX, VOTES_MAX);
        }
    }

    /// Who stood and is now behind somebody nearer still stands there, until the place is seen without them or too long has passed.
    fn hide(&mut self) {
        let now = self.now;
        let nearer: Vec<NormBox> = self
            .movers
            .values()
            .filter(|m| m.seen == now && m.class.is_vehicle() && m.is_sure() && m.standing() >= STANDS)
            .map(|m| m.bbox)
            .collect();
        for mover in self.movers.values_mut() {
            let waits = mover.class.is_vehicle() && mover.seen != now && mover.standing() >= STANDS;
            let covers = |b: &NormBox| b.y2() > mover.bbox.y2() && overlap_of(mover.bbox, *b) >= HIDDEN_SHARE;
            mover.hidden = waits && now.since(mover.seen) <= HIDDEN && nearer.iter().any(covers);
        }
    }

    /// All that is in the picture now: what the tracker holds, and saw just now or saw standing; and who is hidden.
    pub fn present(&self) -> impl Iterator<Item = &Mover> {
        let now = self.now;
        self.movers
            .values()
            .filter(move |m| m.hidden || (m.held == now && (now.since(m.seen) <= PRESENT || m.standing() >= STANDS)))
    }

    /// The vehicles in the picture now.
    pub fn vehicles(&self) -> impl Iterator<Item = &Mover> {
        self.present().filter(|m| m.class.is_vehicle() && m.is_sure())
    }

    /// Whether something is counted in this look: it is seen, or stands where it was seen. Who drives on unseen is counted once he is seen again
    /// ([`Mover::uncounted`]), or never: nobody knows whether he is still there.
    pub fn counts(&self, mover: &Mover) -> bool {
        mover.seen == self.now || mover.standing() >= STANDS
    }

    /// A breakdown stands here, and who waits around it says nothing of the place.
    pub fn obstruct(&mut self, serial: u64, place: Step) {
        self.flow.obstruct(place, self.now);
        self.movers.values_mut().filter(|m| m.serial == serial).for_each(|m| m.broke_down = true);
    }

    /// All that is kept, to be changed.
    pub fn kept_mut(&mut self) -> impl Iterator<Item = &mut Mover> {
        self.movers.values_mut()
    }

    /// By its number on this road.
    pub fn get(&self, serial: u64) -> Option<&Mover> {
        self.movers.values().find(|m| m.serial == serial)
    }

    /// Time watched between the last two looks.
    pub fn step(&self) -> Duration {
        self.now.since(self.before)
    }

    /// The moment of the last look.
    pub fn now(&self) -> Moment {
        self.now
    }
}

/// Votes for and against being a rider are bounded, so that one who dismounts is on foot after some pictures.
const VOTES_MAX: i32 = 10;

pub(crate) fn is_two_wheeler(class: Class) -> bool {
    matches!(class, Class::Bicycle | Class::Motorcycle)
}

/// Share of `a` that lies in `b`.
pub(crate) fn overlap_of(a: NormBox, b: NormBox) -> f32 {
    let w = a.x2().min(b.x2()) - a.x1().max(b.x1());
    let h = a.y2().min(b.y2()) - a.y1().max(b.y1());
    if w > 0.0 && h > 0.0 { w * h / a.area() } else { 0.0 }
}
