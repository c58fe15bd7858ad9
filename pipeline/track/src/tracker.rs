//! The tracker itself: predict, match, update, forget.

use matpho_scene::{Class, Detection, MediaTime, PictureSize, Score, TrackId, Tracked};

use crate::{
    assignment::{Pair, assign},
    motion::{Motion, Shape},
    params::TrackerParams,
};

/// Squared distance of the centres beyond which a detection is another object: 99.7 % of those of the same one lie nearer.
const DISTANCE_MAX: f32 = 11.8;

/// What pairing two may cost in all (distance, vagueness and change of shape). A fresh track at 5 frames a second reaches 2.5 sizes
/// with it, an established one about half a size.
const COST_MAX: f32 = 9.0;

/// Standard deviation of the logarithm of a side's change between prediction and detection: boxes shrink when something hides them.
const SIDE_CHANGE: f32 = 0.35;

/// What it costs to be called otherwise (a truck for a car): enough to decide between neighbours, too little to lose an object.
const CLASS_CHANGE: f32 = 1.0;

/// Neighbours within this many sizes tell a new track how fast traffic is there.
const NEIGHBOURHOOD: f32 = 4.0;

/// What a new track believes in standing still, in neighbours next to it.
const FLOW_DOUBT: f32 = 0.5;

/// Frames after which a track's speed is worth telling others.
const FLOW_HITS_MIN: u32 = 3;

/// An object that has stayed within this many sizes of one place for [`STANDING_S`] stands.
const STANDING_REACH: f32 = 0.4;

/// See [`STANDING_REACH`]: together they mean less than walking pace.
const STANDING_S: f32 = 2.0;

/// What a class was called by counts so much with each sighting since: the last ten make out two thirds.
const VOTE_KEPT: f32 = 0.9;

/// Least time between two frames; one that comes earlier, or steps back, is taken as coming this much later.
const STEP_MIN_S: f32 = 1e-3;

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    params: TrackerParams,
    tracks: Vec<Track>,
    ids: u64,
    at: Option<MediaTime>,
    /// Number of the current frame.
    frame: u64,
    tracked: Vec<Tracked>,
    assignments: Vec<Option<TrackId>>,
}

#[derive(Debug)]
struct Track {
    id: TrackId,
    motion: Motion,
    votes: Votes,
    /// The frame in which it was last seen.
    frame: u64,
    /// The place that it has not left since.
    place: (Shape, MediaTime),
    /// As of the last detection; `bbox` of the last frame.
    tracked: Tracked,
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new(params: TrackerParams) -> Self {
        Self { params, tracks: Vec::new(), ids: 0, at: None, frame: 0, tracked: Vec::new(), assignments: Vec::new() }
    }

    /// Takes the detections of one frame, which was seen `at`, in a picture of `size` (only its shape matters). Returns the confirmed
    /// tracks by id: those seen in this frame (`last_seen == at`), and those unseen for less than [`TrackerParams::lost_max`] with the
    /// box where they should be by now (`last_seen < at`).
    ///
    /// Frames may come at any distance; a frame that is not later than the one before is taken as coming right after it.
    pub fn update(&mut self, at: MediaTime, size: PictureSize, detections: &[Detection]) -> &[Tracked] {
        let step_s = self.at.map_or(STEP_MIN_S, |before| at.since(before).as_secs_f32().max(STEP_MIN_S));
        let at = self.at.map_or(at, |before| at.max(before));
        self.at = Some(at);
        self.frame += 1;
        self.forget(at);
        let before = self.frame - 1;
        for track in &mut self.tracks {
            // What stands stays, also while something hides it: a little speed that is only jitter must not carry it away.
            if track.stands() && track.frame < before {
                track.motion.rest(step_s);
            } else {
                track.motion.predict(step_s);
            }
        }
        let mut seen = Seen::sort(size, detections, &self.params);
        self.continue_tracks(at, &mut seen);
        self.settle_unseen(size);
        self.start_tracks(at, &mut seen);
        self.assignments = seen.assignments(detections.len());
        self.tracked.clear();
        self.tracked.extend(self.tracks.iter().map(|track| track.tracked).filter(|track| track.hits >= self.params.hits_min));
        &self.tracked
    }

    /// The confirmed tracks as of the last frame; the same as the last [`Tracker::update`] returned.
    pub fn tracked(&self) -> &[Tracked] {
        &self.tracked
    }

    /// For each detection of the last frame, in its order, the track it became part of; `None` where it was too weak to start one.
    /// Tracks that are not confirmed yet are named here too.
    pub fn assignments(&self) -> &[Option<TrackId>] {
        &self.assignments
    }

    /// Drops the tracks that were unseen too long.
    fn forget(&mut self, at: MediaTime) {
        let params = &self.params;
        self.tracks.retain(|track| {
            let most = if track.stands() { params.lost_standing_max } else { params.lost_max };
            at.since(track.tracked.last_seen) <= most
        });
    }

    /// Pairs tracks with detections: confident ones first, then weak ones with the tracks that are left.
    fn continue_tracks(&mut self, at: MediaTime, seen: &mut Seen) {
        for confident in [true, false] {
            let open: Vec<_> = (0..self.tracks.len()).filter(|&i| self.tracks[i].frame < self.frame).collect();
            let free: Vec<_> =
                (0..seen.list.len()).filter(|&i| seen.list[i].confident == confident && seen.list[i].track.is_none()).collect();
            let mut pairs = Vec::new();
            for (row, &track) in open.iter().enumerate() {
                for (column, &detection) in free.iter().enumerate() {
                    if let Some(cost) = cost(&self.tracks[track], &seen.list[detection]) {
                        pairs.push(Pair { row, column, cost: f64::from(cost - COST_MAX) });
                    }
                }
            }
            for (row, column) in assign(open.len(), free.len(), &pairs).into_iter().enumerate() {
                if let Some(column) = column {
                    let (track, detection) = (&mut self.tracks[open[row]], &mut seen.list[free[column]]);
                    track.see(at, self.frame, detection);
                    detection.track = Some(track.id);
                }
            }
        }
    }

    /// Moves the boxes of unseen tracks on. One that leaves the picture is gone, and so is one that was never confirmed.
    fn settle_unseen(&mut self, size: PictureSize) {
        let (hits_min, frame) = (self.params.hits_min, self.frame);
        self.tracks.retain_mut(|track| {
            if track.frame == frame {
                return true;
            }
            match track.motion.shape().to_box(size) {
                Some(bbox) if track.tracked.hits >= hits_min => {
                    track.tracked.bbox = bbox;
                    true
                }
                _ => false,
            }
        });
    }

    fn start_tracks(&mut self, at: MediaTime, seen: &mut Seen) {
        let older = self.tracks.len();
        for detection in seen.list.iter_mut().filter(|detection| detection.confident && detection.track.is_none()) {
            self.ids += 1;
            let id = TrackId(self.ids);
            let flow = flow_around(&self.tracks[..older], detection.shape);
            let Detection { class, score, bbox } = detection.detection;
            let mut votes = Votes::default();
            votes.add(class, score);
            let tracked = Tracked { id, class, score, bbox, first_seen: at, last_seen: at, hits: 1 };
            self.tracks.push(Track {
                id,
                motion: Motion::new(detection.shape, flow),
                votes,
                frame: self.frame,
                place: (detection.shape, at),
                tracked,
            });
            detection.track = Some(id);
        }
    }
}

impl Track {
    fn stands(&self) -> bool {
        self.tracked.last_seen.since(self.place.1).as_secs_f32() >= STANDING_S
    }

    fn see(&mut self, at: MediaTime, frame: u64, seen: &SeenDetection) {
        let Detection { class, score, bbox } = seen.detection;
        self.motion.update(seen.shape);
        let (place, _) = self.place;
        if (seen.shape.x - place.x).hypot(seen.shape.y - place.y) > STANDING_REACH * place.size() {
            self.place = (seen.shape, at);
        }
        self.votes.add(class, score);
        self.frame = frame;
        self.tracked = Tracked {
            class: self.votes.winner(),
            score,
            bbox,
            last_seen: at,
            hits: self.tracked.hits.saturating_add(1),
            ..self.tracked
        };
    }
}

/// What it costs to take a detection for a track's object; `None` where it cannot be.
fn cost(track: &Track, seen: &SeenDetection) -> Option<f32> {
    if Kind::of(track.tracked.class) != Kind::of(seen.detection.class) {
        return None;
    }
    let (predicted, shape) = (track.motion.shape(), seen.shape);
    let fit = track.motion.fit(shape);
    // Who brakes hard is not where the filter expects him, but his boxes overlap.
    let overlap = predicted.iou(shape);
    let distance = if overlap > 0.0 { fit.distance.min(DISTANCE_MAX * (1.0 - overlap)) } else { fit.distance };
    if distance > DISTANCE_MAX {
        return None;
    }
    let change = |before: f32, now: f32| ((now / before).ln() / SIDE_CHANGE).powi(2);
    let called = if track.tracked.class == seen.detection.class { 0.0 } else { CLASS_CHANGE };
    let cost = distance + fit.vagueness + change(predicted.width, shape.width) + change(predicted.height, shape.height) + called;
    (cost < COST_MAX).then_some(cost)
}

/// How fast traffic is around a place, in sizes a second: the neighbours' speeds, weighed by how near they are, and against standing.
fn flow_around(tracks: &[Track], place: Shape) -> (f32, f32) {
    let reach = NEIGHBOURHOOD * place.size();
    let (mut weights, mut x, mut y) = (FLOW_DOUBT, 0.0, 0.0);
    for track in tracks.iter().filter(|track| track.tracked.hits >= FLOW_HITS_MIN) {
        let there = track.motion.shape();
        let distance = (there.x - place.x).hypot(there.y - place.y);
        if distance < reach {
            let weight = 1.0 - distance / reach;
            let (flow_x, flow_y) = track.motion.flow();
            weights += weight;
            x += weight * flow_x;
            y += weight * flow_y;
        }
    }
    (x / weights, y / weights)
}

/// Classes that one object may be called by. Objects of different kinds are never taken for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Person,
    TwoWheels,
    FourWheels,
    Fire,
    Smoke,
}

impl Kind {
    fn of(class: Class) -> Self {
        match class {
            Class::Person => Self::Person,
            Class::Bicycle | Class::Motorcycle => Self::TwoWheels,
            Class::Car | Class::Bus | Class::Truck => Self::FourWheels,
            Class::Fire => Self::Fire,
            Class::Smoke => Self::Smoke,
        }
    }
}

/// What an object was called, by the sum of the scores, the older the less: nearer it is seen better, and a track that went over from one vehicle to another is soon the other's.
#[derive(Debug, Default)]
struct Votes([f32; Class::ALL.len()]);

impl Votes {
    fn add(&mut self, class: Class, score: Score) {
        self.0.iter_mut().for_each(|sum| *sum *= VOTE_KEPT);
        if let Some(sum) = Class::ALL.iter().position(|&c| c == class).and_then(|index| self.0.get_mut(index)) {
            // A detection that scores nothing was made all the same.
            *sum += score.get().max(f32::EPSILON);
        }
    }

    /// The class with the largest sum; the first of [`Class::ALL`] among equals.
    fn winner(&self) -> Class {
        let best = |best: usize, next: usize| if self.0[next] > self.0[best] { next } else { best };
        Class::ALL[(0..self.0.len()).reduce(best).unwrap_or_default()]
    }
}

/// The detections of a frame, in an order that does not depend on how they were listed.
struct Seen {
    list: Vec<SeenDetection>,
}

struct SeenDetection {
    /// Its place in the caller's list.
    index: usize,
    detection: Detection,
    shape: Shape,
    confident: bool,
    track: Option<TrackId>,
}

impl Seen {
    fn sort(size: PictureSize, detections: &[Detection], params: &TrackerParams) -> Self {
        let usable = detections.iter().enumerate().filter(|(_, detection)| detection.score.get() >= params.weak);
        let mut list: Vec<_> = usable
            .map(|(index, &detection)| {
                let confident = detection.score.get() >= params.confident(detection.class);
                SeenDetection { index, detection, shape: Shape::of(detection.bbox, size), confident, track: None }
            })
            .collect();
        let numbers = |d: &Detection| [d.bbox.x1(), d.bbox.y1(), d.bbox.x2(), d.bbox.y2()];
        list.sort_by(|a, b| {
            let (a, b) = (&a.detection, &b.detection);
            let places = numbers(a).into_iter().zip(numbers(b)).map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne());
            b.score.get().total_cmp(&a.score.get()).then(a.class.cmp(&b.class)).then(places.unwrap_or(std::cmp::Ordering::Equal))
        });
        Self { list }
    }

    fn assignments(&self, count: usize) -> Vec<Option<TrackId>> {
        let mut assignments = vec![None; count];
        for detection in &self.list {
            assignments[detection.index] = detection.track;
        }
        assignments
    }
}
