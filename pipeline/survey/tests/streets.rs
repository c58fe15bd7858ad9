//! Streets with known traffic: what is proposed has to be what was driven.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use matpho_scene::{Class, MediaTime, NormBox, NormPoint, PictureSize, Score, TrackId, Tracked};
use matpho_survey::{Proposal, Survey, Way};
use proptest::prelude::*;

const SIZE: PictureSize = PictureSize { width: 1280, height: 720 };

/// A vehicle's way: from, to, its box's width at both ends, in normalised coordinates.
#[derive(Debug, Clone, Copy)]
struct Ride {
    from: (f32, f32),
    to: (f32, f32),
    width: (f32, f32),
    class: Class,
}

fn car(from: (f32, f32), to: (f32, f32)) -> Ride {
    // As large as it is near: further down is nearer.
    Ride { from, to, width: (0.03 + 0.08 * from.1, 0.03 + 0.08 * to.1), class: Class::Car }
}

/// Rides one after another, 25 sightings each, a little overlapping in time.
fn watch(rides: &[Ride]) -> Survey {
    let mut survey = Survey::new();
    const SIGHTINGS: usize = 25;
    let pictures = rides.len() * 10 + SIGHTINGS + 60;
    for picture in 0..pictures {
        let at = MediaTime::from_millis(200 * picture as u64);
        let mut tracked = Vec::new();
        for (number, ride) in rides.iter().enumerate() {
            let Some(n) = picture.checked_sub(number * 10).filter(|n| *n < SIGHTINGS) else { continue };
            let t = n as f32 / (SIGHTINGS - 1) as f32;
            let mix = |a: f32, b: f32| a + (b - a) * t;
            let (x, y, w) = (mix(ride.from.0, ride.to.0), mix(ride.from.1, ride.to.1), mix(ride.width.0, ride.width.1));
            let h = w * 1.2;
            let Some(bbox) = NormBox::clipped(x - w / 2.0, y - h, x + w / 2.0, y) else { continue };
            tracked.push(Tracked {
                id: TrackId(number as u64 + 1),
                class: ride.class,
                score: Score::clamped(0.8),
                bbox,
                first_seen: at,
                last_seen: at,
                hits: n as u32 + 1,
            });
        }
        survey.picture(at, SIZE, &tracked);
    }
    survey
}

/// A street with a carriageway each way: down on the left, up on the right.
fn two_ways(n: usize) -> Vec<Ride> {
    (0..n)
        .flat_map(|n| {
            let off = (n % 4) as f32 * 0.02;
            [car((0.45 - off / 4.0, 0.25), (0.2 + off, 0.95)), car((0.75 - off, 0.95), (0.55 - off / 4.0, 0.25))]
        })
        .collect()
}

fn describe(proposals: &[Proposal]) -> Vec<(&'static str, usize)> {
    proposals.iter().map(|p| (p.way.as_str(), p.vehicles)).collect()
}

fn p(x: f32, y: f32) -> NormPoint {
    NormPoint::clamped(x, y)
}

#[test]
fn a_street_with_two_ways_has_two_zones() {
    let proposals = watch(&two_ways(8)).propose();
    assert_eq!(describe(&proposals), [("towards the camera", 8), ("away from the camera", 8)]);
    for (proposal, inside, outside) in [(&proposals[0], p(0.33, 0.6), p(0.66, 0.6)), (&proposals[1], p(0.62, 0.6), p(0.33, 0.6))]
    {
        assert!(proposal.polygon.contains(inside) && !proposal.polygon.contains(outside), "{proposal:?}");
        assert_eq!(proposal.counted, 8, "every vehicle drives over the line: {proposal:?}");
        let [a, b] = proposal.counting_line.unwrap();
        assert!((a.y - b.y).abs() < (a.x - b.x).abs(), "across a street that runs up and down: {a:?} {b:?}");
    }
    let (dx, dy) = proposals[0].direction.unit();
    assert!(dy > 0.8 && dx < 0.0, "down and to the left: {dx} {dy}");
    assert_eq!(proposals[1].way, Way::AwayFromTheCamera);
}

#[test]
fn lanes_of_one_carriageway_are_one_zone() {
    let rides: Vec<_> = (0..9).map(|n| car((0.05, 0.5 + 0.04 * (n % 3) as f32), (0.95, 0.5 + 0.04 * (n % 3) as f32))).collect();
    let proposals = watch(&rides).propose();
    assert_eq!(describe(&proposals), [("to the right", 9)]);
    let [a, b] = proposals[0].counting_line.unwrap();
    assert!((a.x - b.x).abs() < 0.02, "upright, across a road that runs sideways: {a:?} {b:?}");
}

#[test]
fn a_junction_s_roads_are_kept_apart() {
    let rides: Vec<_> = (0..6).flat_map(|_| [car((0.05, 0.6), (0.95, 0.6)), car((0.5, 0.2), (0.5, 0.95))]).collect();
    let mut ways = describe(&watch(&rides).propose());
    ways.sort_unstable();
    assert_eq!(ways, [("to the right", 6), ("towards the camera", 6)]);
}

#[test]
fn lanes_that_fan_out_towards_the_camera_are_one_zone() {
    let rides: Vec<_> = (0..12)
        .map(|n| {
            let lane = (n % 6) as f32 * 0.6;
            car((0.47 + 0.02 * lane, 0.2), (0.2 + 0.2 * lane, 0.95))
        })
        .collect();
    let proposals = watch(&rides).propose();
    assert_eq!(describe(&proposals), [("towards the camera", 12)]);
    for x in [0.3, 0.45, 0.6, 0.7] {
        assert!(proposals[0].polygon.contains(p(x, 0.8)), "{x}: {proposals:?}");
    }
}

#[test]
fn a_bend_is_cut_where_it_has_turned_away() {
    // Down, then to the right: no single direction would fit both.
    let rides: Vec<_> = (0..10)
        .flat_map(|n| if n % 2 == 0 { [car((0.3, 0.1), (0.3, 0.6)); 1] } else { [car((0.32, 0.62), (0.95, 0.62)); 1] })
        .collect();
    let mut ways = describe(&watch(&rides).propose());
    ways.sort_unstable();
    assert_eq!(ways, [("to the right", 5), ("towards the camera", 5)]);
}

#[test]
fn who_stands_walks_or_trembles_makes_no_road() {
    let mut rides = vec![Ride { from: (0.5, 0.5), to: (0.505, 0.5), width: (0.05, 0.05), class: Class::Car }; 10];
    rides.extend(vec![Ride { from: (0.1, 0.9), to: (0.9, 0.9), width: (0.03, 0.03), class: Class::Person }; 10]);
    let survey = watch(&rides);
    assert_eq!((survey.trips(), survey.propose()), (0, vec![]));
}

#[test]
fn two_vehicles_are_no_road_yet() {
    let survey = watch(&two_ways(1));
    assert_eq!((survey.trips(), survey.propose()), (2, vec![]));
}

#[test]
fn one_who_drives_the_wrong_way_does_not_turn_the_zone_round() {
    let mut rides: Vec<_> = (0..12).map(|_| car((0.5, 0.2), (0.5, 0.9))).collect();
    rides.push(car((0.5, 0.9), (0.5, 0.2)));
    assert_eq!(describe(&watch(&rides).propose()), [("towards the camera", 12)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_drives_proposals_are_sound(
        rides in prop::collection::vec((0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.005f32..0.2), 0..25),
    ) {
        let rides: Vec<_> = rides
            .into_iter()
            .map(|(x1, y1, x2, y2, w)| Ride { from: (x1, y1), to: (x2, y2), width: (w, w), class: Class::Motorcycle })
            .collect();
        let survey = watch(&rides);
        let proposals = survey.propose();
        prop_assert_eq!(&survey.propose(), &proposals, "the same each time");
        prop_assert!(proposals.iter().map(|p| p.vehicles).sum::<usize>() <= survey.trips());
        for proposal in &proposals {
            prop_assert!(proposal.vehicles >= 3 && proposal.counted <= proposal.vehicles);
            prop_assert!(proposal.polygon.area() <= 1.0);
        }
    }
}
