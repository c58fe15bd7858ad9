//! Streets as stories: who drives where is data, and the tracker has to tell who is who.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{Class, Detection, MediaTime, NormBox, PictureSize, Score, TrackId, Tracked};
use matpho_track::{Tracker, TrackerParams};
use proptest::prelude::*;

const SIZE: PictureSize = PictureSize { width: 1280, height: 720 };

/// Somebody in the street. Lengths are pixels, times seconds.
#[derive(Debug, Clone)]
struct Actor {
    class: Class,
    /// Middle of the box when the actor appears, and its size.
    from: (f32, f32),
    size: (f32, f32),
    /// Pixels a second.
    speed: (f32, f32),
    /// From when to when the actor is there.
    there: (f32, f32),
    /// Speeds up and slows down along its way: by how many pixels it gets ahead and behind, and how often (radians a second).
    sway: (f32, f32),
    /// When something hides the actor.
    hidden: (f32, f32),
    score: f32,
}

impl Actor {
    fn new(class: Class, from: (f32, f32), speed: (f32, f32)) -> Self {
        let size = match class {
            Class::Motorcycle | Class::Bicycle => (24.0, 40.0),
            Class::Person => (16.0, 42.0),
            Class::Bus | Class::Truck => (110.0, 120.0),
            _ => (70.0, 56.0),
        };
        Self { class, from, size, speed, there: (0.0, f32::MAX), sway: (0.0, 0.0), hidden: (0.0, 0.0), score: 0.8 }
    }

    fn bbox(&self, t: f32) -> Option<NormBox> {
        let visible = (self.there.0..self.there.1).contains(&t) && !(self.hidden.0..self.hidden.1).contains(&t);
        let age = t - self.there.0;
        let age = age + self.sway.0 * (self.sway.1 * age).sin() / self.speed.0.hypot(self.speed.1).max(1.0);
        let (x, y) = (self.from.0 + self.speed.0 * age, self.from.1 + self.speed.1 * age);
        let inside = (0.0..1280.0).contains(&x) && (0.0..720.0).contains(&y);
        let (w, h) = (self.size.0 / 2.0, self.size.1 / 2.0);
        NormBox::from_pixels([x - w, y - h, x + w, y + h], SIZE).filter(|_| visible && inside)
    }
}

/// Small reproducible noise, -1 to 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// How a detector sees the street.
struct Detector {
    noise: Noise,
    /// Jitter of each side, as a share of the box's size.
    jitter: f32,
    /// Share of the objects that are missed in a frame.
    missed: f32,
}

impl Detector {
    fn perfect() -> Self {
        Self { noise: Noise(1), jitter: 0.0, missed: 0.0 }
    }

    fn see(&mut self, actor: &Actor, t: f32) -> Option<Detection> {
        let bbox = actor.bbox(t)?;
        if (self.noise.next() + 1.0) / 2.0 < self.missed {
            return None;
        }
        let (w, h) = (bbox.width() * self.jitter, bbox.height() * self.jitter);
        let [dx1, dy1, dx2, dy2] = [w, h, w, h].map(|side| side * self.noise.next());
        let bbox = NormBox::clipped(bbox.x1() + dx1, bbox.y1() + dy1, bbox.x2() + dx2, bbox.y2() + dy2)?;
        Some(Detection { class: actor.class, score: Score::clamped(actor.score), bbox })
    }
}

/// What became of a story.
#[derive(Debug)]
struct Told {
    /// For each actor, the tracks it was reported as, one after the other.
    ids: Vec<Vec<TrackId>>,
    /// Frames in which an actor was seen.
    sightings: usize,
    /// What was reported in the last frame.
    last: Vec<Tracked>,
}

impl Told {
    /// How often an actor became somebody else.
    fn switches(&self) -> usize {
        self.ids.iter().map(|ids| ids.len().saturating_sub(1)).sum()
    }
}

fn tell(actors: &[Actor], times: impl IntoIterator<Item = f32>, mut detector: Detector) -> Told {
    let mut tracker = Tracker::new(TrackerParams::default());
    let mut ids = vec![Vec::new(); actors.len()];
    let mut sightings = 0;
    for t in times {
        let seen: Vec<_> = actors.iter().enumerate().filter_map(|(i, actor)| Some((i, detector.see(actor, t)?))).collect();
        let detections: Vec<_> = seen.iter().map(|(_, detection)| *detection).collect();
        tracker.update(MediaTime::from_secs_f64(f64::from(t)), SIZE, &detections);
        for ((actor, _), id) in seen.iter().zip(tracker.assignments()) {
            sightings += 1;
            let ids: &mut Vec<TrackId> = &mut ids[*actor];
            let reported = |id: &TrackId| tracker.tracked().iter().any(|tracked| tracked.id == *id);
            if let Some(id) = id.filter(|id| ids.last() != Some(id) && reported(id)) {
                ids.push(id);
            }
        }
    }
    Told { ids, sightings, last: tracker.tracked().to_vec() }
}

fn every(step_s: f32, until_s: f32) -> impl Iterator<Item = f32> {
    (0..).map(move |i| i as f32 * step_s).take_while(move |&t| t < until_s)
}

#[test]
fn a_motorbike_whose_boxes_never_overlap_is_one_motorbike() {
    // 300 pixels a second at 5 frames a second: 60 pixels a frame, more than twice its width.
    let bike = Actor::new(Class::Motorcycle, (20.0, 400.0), (300.0, 0.0));
    let told = tell(&[bike], every(0.2, 4.0), Detector::perfect());
    assert_eq!(told.ids, [[TrackId(1)]]);
    assert_eq!(told.last[0].hits, 20);
}

#[test]
fn gaps_between_frames_are_of_any_length() {
    let bike = Actor::new(Class::Motorcycle, (20.0, 400.0), (150.0, 20.0));
    let told = tell(&[bike], [0.0, 0.1, 0.6, 0.7, 1.4, 1.5, 1.5, 2.6, 2.7, 3.3], Detector::perfect());
    assert_eq!(told.switches(), 0, "{:?}", told.ids);
}

#[test]
fn two_that_cross_stay_who_they_are() {
    let right = Actor::new(Class::Motorcycle, (400.0, 360.0), (120.0, 0.0));
    let down = Actor::new(Class::Motorcycle, (640.0, 100.0), (0.0, 120.0));
    let left = Actor::new(Class::Motorcycle, (880.0, 372.0), (-120.0, 0.0));
    let told = tell(&[right, down, left], every(0.2, 4.0), Detector { noise: Noise(3), jitter: 0.04, missed: 0.0 });
    assert_eq!(told.switches(), 0, "{:?}", told.ids);
}

#[test]
fn a_column_that_moves_by_one_place_a_frame_does_not_stand() {
    // One motorbike every 0.35 to 0.45 s, 200 pixels a second, 5 frames a second: 40 pixels a frame, 70 to 90 apart.
    let bikes: Vec<_> = (0..12)
        .map(|i| Actor {
            there: (i as f32 * 0.4 + (i % 3) as f32 * 0.02, f32::MAX),
            ..Actor::new(Class::Motorcycle, (10.0, 300.0), (200.0, 0.0))
        })
        .collect();
    let told = tell(&bikes, every(0.2, 6.0), Detector::perfect());
    assert_eq!(told.switches(), 0, "{:?}", told.ids);
}

#[test]
fn a_stopped_car_behind_a_bus_is_still_that_car() {
    let car = Actor { hidden: (4.0, 10.0), ..Actor::new(Class::Car, (600.0, 400.0), (0.0, 0.0)) };
    let told = tell(&[car], every(0.2, 12.0), Detector { noise: Noise(9), jitter: 0.03, missed: 0.0 });
    assert_eq!(told.ids, [[TrackId(1)]]);
}

#[test]
fn a_moving_car_that_is_gone_for_long_is_another_car() {
    let car = Actor { hidden: (2.0, 5.0), ..Actor::new(Class::Car, (100.0, 400.0), (100.0, 0.0)) };
    let told = tell(&[car], every(0.2, 7.0), Detector::perfect());
    assert_eq!(told.ids, [[TrackId(1), TrackId(2)]]);
}

#[test]
fn an_unseen_track_is_reported_where_it_should_be_by_now() {
    let car = Actor { hidden: (2.0, 5.0), ..Actor::new(Class::Car, (100.0, 400.0), (100.0, 0.0)) };
    let told = tell(&[car], every(0.2, 2.7), Detector::perfect());
    let tracked = told.last[0];
    assert_eq!((tracked.id, tracked.hits), (TrackId(1), 10));
    assert!(tracked.last_seen < MediaTime::from_secs_f64(2.0));
    assert!((tracked.bbox.centre().x * 1280.0 - 360.0).abs() < 5.0, "{:?}", tracked.bbox);
}

#[test]
fn whoever_leaves_the_picture_is_gone() {
    let car = Actor::new(Class::Car, (1100.0, 400.0), (200.0, 0.0));
    let told = tell(&[car], every(0.2, 1.4), Detector::perfect());
    assert_eq!(told.ids.len(), 1);
    assert_eq!(told.last, []);
}

#[test]
fn one_sighting_is_not_reported() {
    let car = Actor::new(Class::Car, (600.0, 400.0), (0.0, 0.0));
    assert_eq!(tell(std::slice::from_ref(&car), [0.0], Detector::perfect()).last, []);
    assert_eq!(tell(&[car], [0.0, 0.2], Detector::perfect()).last.len(), 1);
}

#[test]
fn a_rider_and_a_person_beside_do_not_swap() {
    let bike = Actor::new(Class::Motorcycle, (500.0, 400.0), (60.0, 0.0));
    let person = Actor::new(Class::Person, (560.0, 404.0), (0.0, 0.0));
    let told = tell(&[bike, person], every(0.2, 3.0), Detector { noise: Noise(5), jitter: 0.05, missed: 0.0 });
    assert_eq!(told.switches(), 0, "{:?}", told.ids);
}

#[test]
fn a_class_is_what_an_object_is_called_most() {
    let mut tracker = Tracker::new(TrackerParams::default());
    let bbox = NormBox::new(0.4, 0.4, 0.5, 0.5).unwrap();
    for (i, class) in [Class::Truck, Class::Car, Class::Car, Class::Truck, Class::Car].into_iter().enumerate() {
        let score = Score::clamped(if class == Class::Truck { 0.6 } else { 0.7 });
        tracker.update(MediaTime::from_millis(200 * i as u64), SIZE, &[Detection { class, score, bbox }]);
    }
    let told: Vec<_> = tracker.tracked().iter().map(|t| (t.id, t.class, t.hits)).collect();
    assert_eq!(told, [(TrackId(1), Class::Car, 5)]);
}

#[test]
fn a_track_that_goes_over_to_another_vehicle_is_soon_called_like_it() {
    // A lorry that waited for long drives off just as a car takes its place.
    let mut lorry = Actor::new(Class::Truck, (600.0, 400.0), (0.0, 0.0));
    lorry.there = (0.0, 30.0);
    let mut car = Actor::new(Class::Car, (600.0, 400.0), (0.0, 0.0));
    (car.there, car.size) = ((30.0, 60.0), lorry.size);
    let told = tell(&[lorry, car], every(0.2, 32.0), Detector::perfect());
    assert_eq!(told.ids[0], told.ids[1], "one track");
    assert_eq!(told.last[0].class, Class::Car);
}

#[test]
fn weak_detections_continue_a_track_and_start_none() {
    let mut car = Actor::new(Class::Car, (300.0, 400.0), (100.0, 0.0));
    car.there = (0.0, 1.0);
    let weak = Actor { there: (1.0, f32::MAX), from: (400.0, 400.0), score: 0.2, ..car.clone() };
    let ghost = Actor { score: 0.2, ..Actor::new(Class::Car, (900.0, 200.0), (0.0, 0.0)) };
    let told = tell(&[car, weak, ghost], every(0.2, 3.0), Detector::perfect());
    assert_eq!(told.ids, [vec![TrackId(1)], vec![TrackId(1)], vec![]]);
}

#[test]
fn time_that_steps_back_changes_nobody() {
    let mut tracker = Tracker::new(TrackerParams::default());
    let detection = Detection { class: Class::Car, score: Score::clamped(0.9), bbox: NormBox::new(0.4, 0.4, 0.5, 0.5).unwrap() };
    for millis in [1000, 1200, 200, 0, 1200, 1400] {
        tracker.update(MediaTime::from_millis(millis), SIZE, &[detection]);
    }
    let told: Vec<_> = tracker.tracked().iter().map(|t| (t.id, t.hits, t.last_seen)).collect();
    assert_eq!(told, [(TrackId(1), 6, MediaTime::from_millis(1400))]);
}

/// Four streams over a crossing, motorbikes and cars that speed up and brake, at 5 frames a second, seen by a detector that jitters and misses.
fn crossing(seed: u64) -> Vec<Actor> {
    let mut noise = Noise(seed);
    let mut actors = Vec::new();
    for i in 0..200 {
        let class = if i % 5 == 0 { Class::Car } else { Class::Motorcycle };
        let lane = noise.next() * 90.0;
        let pace = 130.0 + 40.0 * noise.next();
        let (from, speed) = match i % 4 {
            0 => ((5.0, 400.0 + lane), (pace, 0.0)),
            1 => ((1275.0, 320.0 + lane), (-pace, 0.0)),
            2 => ((600.0 + lane, 5.0), (0.0, pace)),
            _ => ((700.0 + lane, 715.0), (0.0, -pace)),
        };
        let start = i as f32 * 0.13 + noise.next() * 0.2;
        // Up to 45 pixels a second², which is 2 to 3 m/s² for a motorbike.
        let sway = (25.0 + 5.0 * noise.next(), 1.1 + 0.1 * noise.next());
        actors.push(Actor { there: (start.max(0.0), f32::MAX), sway, ..Actor::new(class, from, speed) });
    }
    actors
}

/// What a tracker does that knows overlap alone: each detection goes to the free track whose last box, moved on as it moved before,
/// overlaps it most. Returns its identity switches.
fn switches_by_overlap(actors: &[Actor], times: impl IntoIterator<Item = f32>, mut detector: Detector) -> usize {
    struct Simple {
        id: usize,
        boxes: [NormBox; 2],
        seen: f32,
    }
    let (mut tracks, mut ids, mut known) = (Vec::<Simple>::new(), 0, BTreeMap::<usize, Vec<usize>>::new());
    for t in times {
        tracks.retain(|track| t - track.seen < 1.5);
        let mut taken = Vec::new();
        for (i, actor) in actors.iter().enumerate() {
            let Some(bbox) = detector.see(actor, t).map(|detection| detection.bbox) else { continue };
            let overlap = |track: &Simple| {
                let [before, last] = track.boxes;
                let (dx, dy) = (last.x1() - before.x1(), last.y1() - before.y1());
                NormBox::clipped(last.x1() + dx, last.y1() + dy, last.x2() + dx, last.y2() + dy).map_or(0.0, |b| b.iou(bbox))
            };
            let free = tracks.iter_mut().filter(|track| !taken.contains(&track.id));
            let best = free.map(|track| (overlap(track), track)).max_by(|a, b| a.0.total_cmp(&b.0)).filter(|best| best.0 >= 0.2);
            let id = match best {
                Some((_, track)) => {
                    (track.boxes, track.seen) = ([track.boxes[1], bbox], t);
                    track.id
                }
                None => {
                    ids += 1;
                    tracks.push(Simple { id: ids, boxes: [bbox, bbox], seen: t });
                    ids
                }
            };
            taken.push(id);
            let all = known.entry(i).or_default();
            if all.last() != Some(&id) {
                all.push(id);
            }
        }
    }
    known.values().map(|ids| ids.len() - 1).sum()
}

#[test]
fn a_busy_crossing_mixes_few_up() {
    let (mut switches, mut by_overlap, mut sightings) = (0, 0, 0);
    for seed in 0..5 {
        let detector = || Detector { noise: Noise(seed), jitter: 0.05, missed: 0.1 };
        let told = tell(&crossing(seed), every(0.2, 30.0), detector());
        switches += told.switches();
        sightings += told.sightings;
        by_overlap += switches_by_overlap(&crossing(seed), every(0.2, 30.0), detector());
    }
    println!("{switches} identity switches ({by_overlap} by overlap alone) in {sightings} sightings of 1000 vehicles");
    assert!(sightings > 10_000);
    assert!(switches <= SWITCHES_MAX, "{switches} identity switches");
    assert!(switches * 5 < by_overlap, "{switches} identity switches, {by_overlap} by overlap alone");
}

/// Identity switches of all five crossings together: what the tracker does today. Fewer is better; more is a step back.
const SWITCHES_MAX: usize = 180;

fn any_detection() -> impl Strategy<Value = Detection> {
    let side = prop_oneof![Just(1e-7f32), 1e-4f32..0.02, 0.02f32..0.6];
    (prop::sample::select(Class::ALL.to_vec()), 0.0f32..1.0, 0.0f32..0.99, 0.0f32..0.99, side.clone(), side).prop_filter_map(
        "boxes have an area",
        |(class, score, x, y, w, h)| {
            Some(Detection { class, score: Score::clamped(score), bbox: NormBox::clipped(x, y, x + w, y + h)? })
        },
    )
}

/// Frames: milliseconds since the one before, and what was seen.
fn any_frames() -> impl Strategy<Value = Vec<(u64, Vec<Detection>)>> {
    prop::collection::vec((0u64..3000, prop::collection::vec(any_detection(), 0..12)), 0..25)
}

proptest! {
    #[test]
    fn ids_are_unique_and_never_used_again(frames in any_frames()) {
        let mut tracker = Tracker::new(TrackerParams::default());
        let (mut at, mut gone, mut newest) = (0, BTreeMap::<TrackId, bool>::new(), 0);
        for (gap, detections) in frames {
            at += gap;
            let now = MediaTime::from_millis(at);
            let tracked = tracker.update(now, SIZE, &detections).to_vec();
            prop_assert!(tracked.windows(2).all(|two| two[0].id < two[1].id), "by id, each once");
            for t in &tracked {
                prop_assert!(!gone.get(&t.id).copied().unwrap_or(false), "{} came back", t.id);
                prop_assert!(t.first_seen <= t.last_seen && t.last_seen <= now && t.hits >= 2);
                prop_assert!(now.since(t.last_seen) <= Duration::from_secs(8));
                gone.insert(t.id, false);
            }
            for (id, gone) in &mut gone {
                *gone |= !tracked.iter().any(|t| t.id == *id);
            }
            let assigned: Vec<_> = tracker.assignments().iter().flatten().copied().collect();
            prop_assert_eq!(tracker.assignments().len(), detections.len());
            for (i, id) in assigned.iter().enumerate() {
                prop_assert!(!assigned[..i].contains(id), "{id} was given twice");
                newest = newest.max(id.0);
            }
            prop_assert!(newest <= at.max(1) * 1_000_000);
        }
    }

    #[test]
    fn the_order_of_the_detections_does_not_matter(
        frames in prop::collection::vec(
            (1u64..600, prop::collection::vec(any_detection(), 0..10).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle()))), 0..15,
        ),
    ) {
        let (mut one, mut other) = (Tracker::new(TrackerParams::default()), Tracker::new(TrackerParams::default()));
        let mut at = 0;
        for (gap, (listed, mixed)) in frames {
            at += gap;
            let now = MediaTime::from_millis(at);
            prop_assert_eq!(one.update(now, SIZE, &listed), other.update(now, SIZE, &mixed));
            for (detection, id) in listed.iter().zip(one.assignments()) {
                let there = mixed.iter().position(|d| d == detection).expect("a shuffle keeps all");
                prop_assert_eq!(*id, other.assignments()[there]);
            }
        }
    }

    #[test]
    fn no_picture_is_too_odd(frames in any_frames(), width in 0u32..3, height in 0u32..3) {
        let mut tracker = Tracker::new(TrackerParams { hits_min: 1, ..TrackerParams::default() });
        for (gap, detections) in frames {
            tracker.update(MediaTime::from_millis(gap), PictureSize { width, height }, &detections);
        }
    }
}
