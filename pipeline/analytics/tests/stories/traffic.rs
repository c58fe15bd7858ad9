//! Jams, queues, stalled cars, riders.

use matpho_analytics::{Analytic::*, CameraPlan, PcuWeights, Purpose, Zone, units::Seconds};
use matpho_scene::{GroundPlane, Polygon};

use crate::script::*;

/// Cars that come in from the left, one every second, and come to stand bumper to bumper from the right end on, in two lanes; they
/// drive off together at `off_s`.
fn jam(from_s: f64, off_s: f64) -> Vec<Thing> {
    let mut cars = Vec::new();
    for (lane, y) in [0.64, 0.84].into_iter().enumerate() {
        for place in 0..13 {
            let start = from_s + place as f64 + lane as f64 * 0.5;
            let stop_x = 0.95 - 0.07 * place as f32;
            cars.push(car(&[(start, 0.03, y), (start + 5.0, stop_x, y), (off_s, stop_x, y), (off_s + 4.0, 0.97, y)]));
        }
    }
    cars
}

#[test]
fn a_jam_begins_and_ends() {
    Story::new(plan_of(&[Congestion], road()), 2.0, 480.0)
        .with(flow(0.0, 60.0, 2.0, 0.7))
        .with(jam(60.0, 240.0))
        .with(flow(245.0, 480.0, 3.0, 0.7))
        .ask(30.0, Congestion)
        .ask(100.0, Congestion)
        .ask(200.0, Congestion)
        .ask(470.0, Congestion)
        .expect(
            "
            30.0 ? congestion Clear
            100.0 ? congestion Suspected
            150.0 #1 began traffic.congestion moderate level F since 70.0
            200.0 ? congestion Present
            340.0 #1 ended traffic.congestion minor level A since 70.0 Cleared
            470.0 ? congestion Clear
            ",
        );
}

#[test]
fn a_jam_within_a_minute_where_the_configuration_asks_for_it() {
    let quick = plan(road(), |p| {
        p.congestion.bin_s = Seconds::new(5.0).unwrap();
        p.congestion.begin_after_s = Seconds::new(20.0).unwrap();
        p.congestion.end_after_s = Seconds::new(20.0).unwrap();
    });
    Story::new(quick, 2.0, 200.0).with(flow(0.0, 30.0, 2.0, 0.7)).with(jam(30.0, 120.0)).expect(
        "
            60.0 #1 began traffic.congestion moderate level F since 40.0
            140.0 #1 ended traffic.congestion minor level A since 40.0 Cleared
            ",
    );
}

#[test]
fn a_red_light_queue_is_no_congestion() {
    // Red for 45 s, green for 45 s, again and again.
    let cycles = (0..6).flat_map(|n| jam(n as f64 * 90.0, n as f64 * 90.0 + 45.0));
    Story::new(plan_of(&[Congestion, StoppedVehicle], road()), 2.0, 540.0).with(cycles).ask(530.0, Congestion).expect(
        "
            530.0 ? congestion Clear
            ",
    );
}

#[test]
fn a_queue_that_outlasts_the_signal_is_congestion_where_the_cycle_is_known() {
    let mut zone = road();
    zone.signal_cycle_s = Some(Seconds::new(120.0).unwrap());
    Story::new(plan_of(&[Congestion], zone), 2.0, 260.0).with(jam(0.0, 400.0)).expect(
        "
            130.0 #1 began traffic.congestion moderate level F since 10.0
            ",
    );
}

#[test]
fn a_car_parked_at_the_kerb_leaves_the_counts() {
    let parked = (0..7).map(|i| car(&[(0.0, 0.1 + 0.1 * i as f32, 0.55), (600.0, 0.1 + 0.1 * i as f32, 0.55)]));
    let mut story = Story::new(plan_of(&[Congestion], road()), 1.0, 420.0).with(parked).with(flow(0.0, 420.0, 2.0, 0.8));
    story.measurements = true;
    story.expect(
        "
            60.0 = road from 0.0: {Car: 30} level Some(B)
            120.0 = road from 60.0: {Car: 30} level Some(C)
            180.0 = road from 120.0: {Car: 30} level Some(C)
            240.0 = road from 180.0: {Car: 30} level Some(C)
            300.0 = road from 240.0: {Car: 30} level Some(C)
            360.0 = road from 300.0: {Car: 30} level Some(A)
            420.0 = road from 360.0: {Car: 30} level Some(A)
            ",
    );
}

#[test]
fn cars_that_stand_in_a_jam_do_not_park_while_motorbikes_filter_through() {
    let bikes = (0..300).map(|i| 80.0 + 2.0 * i as f64).map(|t| motorbike(&[(t, 0.03, 0.55), (t + 40.0, 0.97, 0.55)]));
    let mut story = Story::new(plan_of(&[Congestion], surveyed_road()), 2.0, 600.0).with(jam(60.0, 640.0)).with(bikes);
    story.measurements = true;
    let said = story.play();
    let levels: Vec<&str> =
        said.lines().filter_map(|line| line.split_once("level Some(")).map(|(_, level)| &level[..1]).collect();
    assert_eq!(levels.concat(), "AFFFFFFFFF", "{said}");
    assert!(said.contains("began traffic.congestion") && !said.contains("ended"), "{said}");
}

#[test]
fn stop_and_go_counts_each_vehicle_once() {
    // Five cars that stop three times, one of them under a new number each time.
    let stop_and_go = |i: usize| {
        let (t, x) = (i as f64 * 4.0, |k: f32| 0.05 + 0.3 * k);
        car(&[
            (t, x(0.0), 0.7),
            (t + 4.0, x(1.0), 0.7),
            (t + 24.0, x(1.0), 0.7),
            (t + 28.0, x(2.0), 0.7),
            (t + 48.0, x(2.0), 0.7),
            (t + 52.0, x(3.0), 0.7),
        ])
        .renumbered_at([t + 10.0, t + 35.0].into_iter().filter(|_| i == 2))
    };
    let mut zone = road();
    let mut story = Story::new(plan_of(&[Congestion], zone.clone()), 4.0, 90.0).with((0..5).map(stop_and_go));
    story.measurements = true;
    story.stop = true;
    story.clone().expect(
        "
            60.0 = road from 0.0: {Car: 5} level Some(A)
            90.0 = road from 60.0: {} level Some(A)
            ",
    );
    zone.counting_line = Some([[0.5, 0.5].try_into().unwrap(), [0.5, 0.9].try_into().unwrap()]);
    story.plan = plan_of(&[Congestion], zone);
    story.expect(
        "
            60.0 = road from 0.0: {Car: 5} level Some(A)
            90.0 = road from 60.0: {} level Some(A)
            ",
    );
}

/// How many of these are counted at a line across the surveyed road, half way.
fn counted_at_the_line(things: impl IntoIterator<Item = Thing>) -> String {
    let line = Some([[0.5, 0.5].try_into().unwrap(), [0.5, 0.9].try_into().unwrap()]);
    let zone = Zone { counting_line: line, ..surveyed_road() };
    let mut story = Story::new(plan_of(&[Congestion], zone), 5.0, 60.0).with(things);
    (story.measurements, story.stop) = (true, true);
    let said = story.play();
    said.lines().filter_map(|line| Some(line.split_once(": ")?.1.split_once(" level")?.0)).filter(|n| *n != "{}").collect()
}

#[test]
fn who_is_hidden_at_the_line_is_counted_once() {
    let rider = || motorbike(&[(2.0, 0.05, 0.7), (10.0, 0.45, 0.7), (40.0, 0.55, 0.7), (48.0, 0.95, 0.7)]);
    let as_two = |from: f64, to: f64| rider().hidden(from, to).renumbered_at([to]);
    assert_eq!(counted_at_the_line([rider()]), "{Motorcycle: 1}");
    assert_eq!(counted_at_the_line([as_two(9.0, 41.0)]), "{Motorcycle: 1}", "driving into a queue, and out of it");
    assert_eq!(counted_at_the_line([as_two(40.0, 42.0)]), "{Motorcycle: 1}", "lost when it was counted already");
    assert_eq!(counted_at_the_line([as_two(20.0, 24.0)]), "{Motorcycle: 1}", "found before the line again");
    assert_eq!(counted_at_the_line([as_two(9.0, 41.0), as_two(42.0, 44.0)]), "{Motorcycle: 2}", "the one as the other");
    let stays = motorbike(&[(2.0, 0.05, 0.7), (10.0, 0.45, 0.7), (60.0, 0.45, 0.7)]).hidden(20.0, 25.0).renumbered_at([25.0]);
    assert_eq!(counted_at_the_line([stays]), "", "it never crosses");
    // Where one was lost one is found, not two; a car is no rider, and nobody comes from another lane or drives back.
    let found = |y: f32| motorbike(&[(41.0, 0.6, y), (48.0, 0.95, y)]);
    let lost = |y: f32| motorbike(&[(2.0, 0.05, y), (9.0, 0.4, y)]);
    assert_eq!(counted_at_the_line([lost(0.7), found(0.7), found(0.74)]), "{Motorcycle: 1}");
    assert_eq!(counted_at_the_line([lost(0.7), found(0.84)]), "");
    assert_eq!(counted_at_the_line([car(&[(2.0, 0.05, 0.7), (9.0, 0.4, 0.7)]), found(0.7)]), "");
    assert_eq!(
        counted_at_the_line([
            motorbike(&[(2.0, 0.95, 0.7), (9.0, 0.6, 0.7)]),
            motorbike(&[(20.0, 0.45, 0.7), (27.0, 0.05, 0.7)])
        ]),
        "{Motorcycle: 1}"
    );
}

#[test]
fn who_stops_on_the_line_and_is_hidden_there_is_counted_once() {
    let stops_at = |x: f32| motorbike(&[(2.0, 0.05, 0.7), (10.0, x, 0.7), (40.0, x, 0.7), (48.0, 0.95, 0.7)]);
    for x in [0.48, 0.49, 0.5, 0.51, 0.52] {
        let hidden = |from: f64, to: f64| stops_at(x).hidden(from, to).renumbered_at([to]);
        for (from, to) in [(20.0, 25.0), (9.4, 30.0), (12.0, 41.0), (39.0, 41.4), (41.0, 43.0)] {
            assert_eq!(counted_at_the_line([hidden(from, to)]), "{Motorcycle: 1}", "at {x}, hidden from {from} s to {to} s");
        }
        assert_eq!(
            counted_at_the_line([stops_at(x).renumbered_at([9.8, 15.0, 25.0, 35.0, 40.4, 41.0])]),
            "{Motorcycle: 1}",
            "at {x}"
        );
    }
    // Counted already, and half hidden: its foot is taken for one before the line.
    let counted = motorbike(&[(2.0, 0.05, 0.7), (10.0, 0.51, 0.7), (20.0, 0.51, 0.7)]);
    let found = motorbike(&[(25.0, 0.49, 0.7), (40.0, 0.49, 0.7), (48.0, 0.95, 0.7)]);
    assert_eq!(counted_at_the_line([counted, found]), "{Motorcycle: 1}");
    // It rolls to and fro.
    let rolls = motorbike(&[(2.0, 0.05, 0.7), (10.0, 0.52, 0.7), (20.0, 0.48, 0.7), (30.0, 0.52, 0.7), (38.0, 0.95, 0.7)]);
    assert_eq!(counted_at_the_line([rolls]), "{Motorcycle: 1}");
}

#[test]
fn who_was_counted_a_moment_ago_is_not_counted_again_under_another_number() {
    // Two tracks have it in one picture.
    let one = motorbike(&[(2.0, 0.05, 0.7), (6.0, 0.57, 0.7)]);
    let other = motorbike(&[(6.0, 0.57, 0.7), (9.0, 0.95, 0.7)]);
    assert_eq!(counted_at_the_line([one.clone(), other.clone()]), "{Motorcycle: 1}");
    // Two that are seen side by side are two.
    let beside = motorbike(&[(6.0, 0.57, 0.72), (9.0, 0.95, 0.72)]);
    let drives_on = motorbike(&[(2.0, 0.05, 0.7), (9.0, 0.96, 0.7)]);
    assert_eq!(counted_at_the_line([drives_on, beside]), "{Motorcycle: 2}");
    // Another was lost just before the line long ago, and still waits there for all that is known.
    let waits = motorbike(&[(1.0, 0.05, 0.7), (4.0, 0.492, 0.7), (8.0, 0.492, 0.7)]);
    let drives = motorbike(&[(26.0, 0.05, 0.74), (30.2, 0.512, 0.74)]);
    let found = motorbike(&[(30.6, 0.53, 0.7), (34.0, 0.93, 0.7)]);
    assert_eq!(counted_at_the_line([waits, drives, found]), "{Motorcycle: 1}");
}

#[test]
fn who_is_first_seen_past_the_line_has_crossed_it_if_he_came_fast() {
    let first_seen_past_it = |s: f64| motorbike(&[(10.0, 0.53, 0.7), (10.0 + s, 0.97, 0.7)]);
    assert_eq!(counted_at_the_line([first_seen_past_it(5.0)]), "{Motorcycle: 1}");
    assert_eq!(counted_at_the_line([first_seen_past_it(30.0)]), "", "perhaps it stood there");
}

#[test]
fn beside_the_end_of_a_line_only_those_cross_it_that_go_its_way() {
    // Half hidden, at the edge of the road: its foot seems to be off it.
    let rider = |from: f32, to: f32, y: f32| motorbike(&[(10.0, from, y), (20.0, to, y)]);
    assert_eq!(counted_at_the_line([rider(0.05, 0.95, 0.49)]), "{Motorcycle: 1}");
    assert_eq!(counted_at_the_line([rider(0.95, 0.05, 0.49)]), "", "of the other carriageway");
    assert_eq!(counted_at_the_line([rider(0.95, 0.05, 0.7)]), "{Motorcycle: 1}", "the wrong way, over the line itself");
    assert_eq!(counted_at_the_line([rider(0.05, 0.95, 0.44)]), "", "on the pavement");
}

#[test]
fn a_stalled_car_is_found_while_others_pass() {
    let stalled = car(&[(10.0, 0.03, 0.7), (15.0, 0.5, 0.7), (70.0, 0.5, 0.7), (74.0, 0.97, 0.7)]);
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 90.0).with(flow(0.0, 90.0, 2.5, 0.82)).with([stalled]).expect(
        "
            24.8 #1 began traffic.stopped_vehicle moderate car since 14.8
            70.6 #1 ended traffic.stopped_vehicle moderate car since 14.8 Cleared
            ",
    );
}

/// A road up the right side of the picture, its traffic driving away, with metres: 20 m of a picture's width, 60 m of its height.
fn slanting_road() -> Zone {
    let polygon = Polygon::try_from(vec![[0.2, 0.5], [0.6, 0.5], [1.0, 0.9], [0.6, 0.9]]).unwrap();
    let ground = GroundPlane { matrix: [20.0, -20.0, 0.0, 0.0, -60.0, 60.0, 0.0, 0.0, 1.0] };
    let direction = Some([[0.8, 0.9], [0.4, 0.5]].try_into().unwrap());
    Zone { ground: Some(ground), direction, ..Zone::new("road".parse().unwrap(), Purpose::Carriageway, polygon) }
}

#[test]
fn who_passes_beside_a_slanting_lane_is_told_by_metres() {
    // In the picture those on its left are ahead of it from the first on.
    let stalled = car(&[(5.0, 0.88, 0.88), (8.0, 0.75, 0.75), (60.0, 0.75, 0.75)]);
    let riders = (0..3).map(|n| 9.0 + 3.0 * n as f64).map(|t| motorbike(&[(t, 0.68, 0.88), (t + 4.0, 0.33, 0.53)]));
    Story::new(plan_of(&[StoppedVehicle], slanting_road()), 5.0, 60.0).with([stalled]).with(riders).expect(
        "
            18.0 #1 began traffic.stopped_vehicle moderate car since 8.0
            ",
    );
}

#[test]
fn who_is_first_seen_past_it_has_passed_if_he_came_fast() {
    // It stands at the zone's very beginning, where nobody is seen behind it.
    let stalled = |x: f32| car(&[(5.0, 0.03, 0.7), (6.0, x, 0.7), (60.0, x, 0.7)]);
    let riders =
        |s: f64| (0..8).map(move |n| 8.0 + 3.0 * n as f64).map(move |t| motorbike(&[(t, 0.13, 0.8), (t + s, 0.97, 0.8)]));
    let story = |s: f64| Story::new(plan_of(&[StoppedVehicle], surveyed_road()), 5.0, 40.0).with([stalled(0.1)]).with(riders(s));
    story(8.0).expect(
        "
            15.8 #1 began traffic.stopped_vehicle moderate car since 5.8
            ",
    );
    // Who begins slowly may have stood there.
    story(60.0).expect("");
}

#[test]
fn what_is_first_seen_where_others_just_drove_has_come_and_was_not_parked() {
    let first_seen_at = |y: f32| car(&[(33.0, 0.5, y), (60.0, 0.5, y)]);
    let story = |things: Thing| {
        let drove = flow(0.0, 20.0, 2.5, 0.7);
        Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 60.0).with(drove).with(flow(20.0, 60.0, 2.5, 0.82)).with([things])
    };
    story(first_seen_at(0.7)).expect(
        "
            43.4 #1 began traffic.stopped_vehicle moderate car since 33.0
            ",
    );
    // At the kerb, where nobody drives, it may have been parked all along.
    story(first_seen_at(0.56)).expect("");
}

#[test]
fn a_stalled_car_in_a_queue_is_quiet_and_found_when_the_queue_has_gone() {
    // A car of the queue does not drive off at 80 s, and the next ones pass it.
    let mut queue = jam(10.0, 80.0);
    let stays = queue[4].legs[1];
    queue[4].legs = vec![queue[4].legs[0], stays, (200.0, stays.1, stays.2)];
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 130.0).with(queue).with(flow(84.0, 130.0, 2.5, 0.84)).expect(
        "
            96.4 #1 began traffic.stopped_vehicle moderate car since 18.8
            ",
    );
}

#[test]
fn a_stalled_car_on_an_empty_road() {
    // Once it is known that vehicles do not wait here; before, it might be a red light.
    let stalled = |from_s: f64| car(&[(from_s, 0.03, 0.7), (from_s + 5.0, 0.5, 0.7), (from_s + 110.0, 0.5, 0.7)]);
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 140.0).with(flow(0.0, 45.0, 3.0, 0.7)).with([stalled(60.0)]).expect(
        "
            79.8 #1 began traffic.stopped_vehicle moderate car since 64.8
            ",
    );
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 110.0).with([stalled(10.0)]).expect(
        "
            104.8 #1 began traffic.stopped_vehicle moderate car since 14.8
            ",
    );
}

#[test]
fn where_vehicles_wait_as_a_rule_a_lone_one_waits_too() {
    // A signal at the right: every other car meets a red of 30 s, alone.
    let waits = (0..8)
        .map(|n| 60.0 * n as f64)
        .map(|t| car(&[(t, 0.03, 0.7), (t + 6.0, 0.8, 0.7), (t + 36.0, 0.8, 0.7), (t + 38.0, 0.97, 0.7)]));
    let drives = flow(0.0, 480.0, 20.0, 0.85);
    let breaks_down = car(&[(500.0, 0.03, 0.7), (506.0, 0.8, 0.7), (620.0, 0.8, 0.7)]);
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 600.0).with(waits).with(drives).with([breaks_down]).expect(
        "
            31.6 #1 began traffic.stopped_vehicle moderate car since 6.0
            36.8 #1 ended traffic.stopped_vehicle moderate car since 6.0 Cleared
            91.6 #2 began traffic.stopped_vehicle moderate car since 66.0
            96.8 #2 ended traffic.stopped_vehicle moderate car since 66.0 Cleared
            596.0 #3 began traffic.stopped_vehicle moderate car since 506.0
            ",
    );
}

#[test]
fn who_is_stuck_behind_breakdowns_does_not_wait_there_as_a_rule() {
    let breakdown = |t: f64, x: f32| car(&[(t, 0.03, 0.7), (t + 5.0, x, 0.7), (t + 45.0, x, 0.7), (t + 48.0, 0.97, 0.7)]);
    let stuck =
        |t: f64, x: f32, y: f32| motorbike(&[(t + 8.0, 0.03, y), (t + 13.0, x, y), (t + 46.0, x, y), (t + 49.0, 0.97, y)]);
    let behind = |t: f64| [stuck(t, 0.42, 0.69), stuck(t, 0.40, 0.71), stuck(t, 0.44, 0.67)];
    let before = |from: f64, until: f64| flow(from, until, 6.0, 0.7);
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 260.0)
        .with(flow(0.0, 260.0, 2.5, 0.84))
        .with(before(0.0, 20.0).into_iter().chain(before(90.0, 110.0)).chain(before(180.0, 200.0)))
        .with([breakdown(30.0, 0.5), breakdown(120.0, 0.5), breakdown(210.0, 0.42)])
        .with(behind(30.0).into_iter().chain(behind(120.0)))
        .expect(
            "
            44.8 #1 began traffic.stopped_vehicle moderate car since 34.8
            75.4 #1 ended traffic.stopped_vehicle moderate car since 34.8 Cleared
            134.8 #2 began traffic.stopped_vehicle moderate car since 124.8
            165.4 #2 ended traffic.stopped_vehicle moderate car since 124.8 Cleared
            225.0 #3 began traffic.stopped_vehicle moderate car since 214.8
            255.4 #3 ended traffic.stopped_vehicle moderate car since 214.8 Cleared
            ",
        );
}

#[test]
fn where_one_after_the_other_is_passed_they_wait_as_a_rule() {
    // A lane for turning at the right: each car that turns lets others go first, alone, and is passed by all who drive straight on.
    let turns = (0..5)
        .map(|n| 10.0 + 60.0 * n as f64)
        .map(|t| car(&[(t, 0.03, 0.6), (t + 6.0, 0.8, 0.6), (t + 26.0, 0.8, 0.6), (t + 28.0, 0.97, 0.6)]));
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 320.0).with(turns).with(flow(0.0, 320.0, 2.5, 0.82)).expect(
        "
            26.0 #1 began traffic.stopped_vehicle moderate car since 16.0
            36.8 #1 ended traffic.stopped_vehicle moderate car since 16.0 Cleared
            86.0 #2 began traffic.stopped_vehicle moderate car since 76.0
            96.8 #2 ended traffic.stopped_vehicle moderate car since 76.0 Cleared
            ",
    );
}

#[test]
fn who_was_hidden_behind_a_breakdown_is_watched_anew() {
    // The breakdown has just gone when the one behind it is seen again: it drives on a moment later.
    let breakdown = car(&[(50.0, 0.03, 0.7), (55.0, 0.6, 0.7), (89.0, 0.6, 0.7), (91.0, 0.97, 0.7)]);
    let stuck = car(&[(60.0, 0.03, 0.7), (65.0, 0.5, 0.7), (96.0, 0.5, 0.7), (99.0, 0.97, 0.7)]).hidden(78.0, 91.0);
    Story::new(plan_of(&[StoppedVehicle], road()), 5.0, 120.0).with(flow(0.0, 45.0, 3.0, 0.7)).with([breakdown, stuck]).expect(
        "
            69.8 #1 began traffic.stopped_vehicle moderate car since 54.8
            89.4 #1 ended traffic.stopped_vehicle moderate car since 54.8 Cleared
            ",
    );
}

#[test]
fn who_creeps_by_to_a_stop_line_has_not_passed() {
    // The first car at a red light, of which nothing is known yet: riders filter past it to the line, which lies outside the zone.
    let waits = car(&[(20.0, 0.03, 0.7), (26.0, 0.8, 0.7), (60.0, 0.8, 0.7)]);
    let riders = |s: f64| [30.0, 42.0].map(|t| motorbike(&[(t, 0.5, 0.8), (t + 2.4, 0.79, 0.8), (t + s, 0.99, 0.8)]));
    let story = |s: f64| Story::new(plan_of(&[StoppedVehicle], surveyed_road()), 5.0, 60.0).with([waits.clone()]).with(riders(s));
    story(12.0).expect("");
    // The second one goes by fast and stops just ahead.
    let (drives, stops) =
        (&[(30.0, 0.5, 0.8), (35.0, 0.99, 0.8)][..], &[(40.0, 0.5, 0.8), (42.0, 0.9, 0.8), (60.0, 0.9, 0.8)][..]);
    let passes = [waits.clone(), motorbike(drives), motorbike(stops)];
    Story::new(plan_of(&[StoppedVehicle], surveyed_road()), 5.0, 60.0).with(passes).expect("");
    story(5.0).expect(
        "
            48.0 #1 began traffic.stopped_vehicle moderate car since 26.0
            ",
    );
}

#[test]
fn who_stands_ahead_beyond_the_end_of_the_zone_makes_a_queue_too() {
    // The last car of a queue that is just forming stands at the end of the zone, and riders still get by.
    let zone = || {
        let polygon = Polygon::try_from(vec![[0.0, 0.5], [0.8, 0.5], [0.8, 0.9], [0.0, 0.9]]).unwrap();
        Zone { polygon, ..surveyed_road() }
    };
    let waits = || car(&[(20.0, 0.03, 0.7), (26.0, 0.74, 0.7), (60.0, 0.74, 0.7)]);
    let riders = || (0..6).map(|n| 24.0 + 4.0 * f64::from(n)).map(|t| motorbike(&[(t, 0.03, 0.8), (t + 6.0, 0.99, 0.8)]));
    let story = || Story::new(plan_of(&[StoppedVehicle], zone()), 5.0, 60.0).with([waits()]).with(riders());
    story().with([car(&[(18.0, 0.03, 0.7), (24.0, 0.86, 0.7), (60.0, 0.86, 0.7)])]).expect("");
    story().expect(
        "
            36.0 #1 began traffic.stopped_vehicle moderate car since 26.0
            ",
    );
}

#[test]
fn a_breakdown_that_a_larger_vehicle_hides_is_not_the_larger_ones_own_second_track() {
    // A motorbike has broken down, and a car that is stuck behind it covers it.
    let breakdown = motorbike(&[(40.0, 0.03, 0.7), (45.0, 0.6, 0.7), (99.0, 0.6, 0.7)]).hidden(57.0, 99.0);
    let stuck = car(&[(50.0, 0.03, 0.72), (56.0, 0.58, 0.72), (99.0, 0.58, 0.72)]);
    let riders = flow(0.0, 100.0, 3.0, 0.84);
    Story::new(plan_of(&[StoppedVehicle], surveyed_road()), 5.0, 99.0).with(riders).with([breakdown, stuck]).expect(
        "
            55.0 #1 began traffic.stopped_vehicle moderate motorcycle since 45.0
            66.8 #1 ended traffic.stopped_vehicle moderate motorcycle since 45.0 Cleared
            ",
    );
}

#[test]
fn a_motorbike_against_the_direction() {
    let bike = motorbike(&[(20.0, 0.97, 0.6), (26.0, 0.03, 0.6)]);
    Story::new(plan_of(&[WrongWay], road()), 5.0, 40.0).with(flow(0.0, 40.0, 2.0, 0.8)).with([bike]).expect(
        "
            20.8 #1 began traffic.wrong_way severe motorcycle since 20.0
            29.0 #1 ended traffic.wrong_way severe motorcycle since 20.0 Cleared
            ",
    );
}

#[test]
fn without_a_drawn_direction_it_is_learned_from_the_others() {
    let mut zone = road();
    zone.direction = None;
    let bike = motorbike(&[(60.0, 0.97, 0.8), (66.0, 0.03, 0.8)]);
    Story::new(plan_of(&[WrongWay], zone), 5.0, 80.0)
        .with(flow(0.0, 80.0, 2.0, 0.8))
        .with([bike])
        .ask(5.0, WrongWay)
        .ask(50.0, WrongWay)
        .expect(
            "
            5.0 ? wrong_way Unknown
            50.0 ? wrong_way Clear
            60.8 #1 began traffic.wrong_way severe motorcycle since 60.0
            69.0 #1 ended traffic.wrong_way severe motorcycle since 60.0 Cleared
            ",
        );
}

#[test]
fn too_few_pictures_a_second_prove_no_wrong_way() {
    // Riders in a row, each a little less than the gap further on with every picture: the tracker takes each for the one behind it, and sees a track that
    // goes back. At five pictures a second the same track is believed.
    let seen_back = || car(&[(20.0, 0.97, 0.7), (32.0, 0.03, 0.7)]);
    let story = |fps: f64| {
        Story::new(plan_of(&[WrongWay], road()), fps, 50.0)
            .with(flow(0.0, 50.0, 2.0, 0.85))
            .with([seen_back()])
            .ask(19.0, WrongWay)
    };
    story(1.0).expect("19.0 ? wrong_way Unknown");
    story(5.0).expect(
        "
            19.0 ? wrong_way Clear
            21.8 #1 began traffic.wrong_way severe car since 20.0
            35.0 #1 ended traffic.wrong_way severe car since 20.0 Cleared
            ",
    );
}

#[test]
fn a_car_that_reverses_a_little_goes_no_wrong_way() {
    let parks = car(&[(2.0, 0.3, 0.7), (6.0, 0.7, 0.7), (7.0, 0.7, 0.7), (9.0, 0.62, 0.7), (30.0, 0.62, 0.7)]);
    Story::new(plan_of(&[WrongWay], road()), 5.0, 30.0).with([parks]).expect("");
}

#[test]
fn ghosts_that_drift_from_vehicle_to_vehicle_prove_nothing() {
    // Weak boxes that slide backwards through a crawling column, one that stands on a zebra crossing, and the camera's own
    // caption, which the detector takes for a car for sure.
    let column = (0..12).map(|i| car(&[(0.0, 0.02 + 0.05 * i as f32, 0.7), (60.0, 0.3 + 0.05 * i as f32, 0.7)]));
    let backwards = car(&[(10.0, 0.8, 0.7), (25.0, 0.2, 0.7)]).weak();
    let zebra = car(&[(5.0, 0.7, 0.85), (60.0, 0.7, 0.85)]).weak();
    let caption = car(&[(0.0, 0.06, 0.88), (60.0, 0.06, 0.88)]);
    Story::new(plan_of(&[StoppedVehicle, WrongWay], road()), 5.0, 60.0)
        .with(column)
        .with([backwards, zebra, caption])
        .with(flow(0.0, 60.0, 4.0, 0.86))
        .expect("");
}

#[test]
fn the_same_ghost_would_be_believed_if_the_detector_were_sure() {
    let backwards = car(&[(10.0, 0.8, 0.7), (25.0, 0.2, 0.7)]);
    Story::new(plan_of(&[WrongWay], road()), 5.0, 60.0).with([backwards]).expect(
        "
            13.4 #1 began traffic.wrong_way severe car since 10.0
            28.0 #1 ended traffic.wrong_way severe car since 10.0 Cleared
            ",
    );
}

#[test]
fn somebody_on_foot_is_told_from_a_rider() {
    let rider = person(&[(2.0, 0.1, 0.69), (22.0, 0.9, 0.69)]);
    let bike = motorbike(&[(2.0, 0.1, 0.7), (22.0, 0.9, 0.7)]);
    let walker = person(&[(30.0, 0.4, 0.6), (45.0, 0.45, 0.85), (46.0, 0.45, 0.97)]);
    let on_the_pavement = person(&[(0.0, 0.1, 0.3), (60.0, 0.9, 0.3)]);
    Story::new(plan_of(&[Pedestrian], road()), 5.0, 60.0).with([rider, bike, walker, on_the_pavement]).expect(
        "
            35.4 #1 began traffic.pedestrian moderate person since 30.4
            50.4 #1 ended traffic.pedestrian moderate person since 30.4 Cleared
            ",
    );
}

#[test]
fn without_any_set_up_flowing_traffic_is_quiet() {
    let mut story = Story::new(CameraPlan::whole_picture(), 5.0, 150.0)
        .with(flow(0.0, 150.0, 1.5, 0.7))
        .with(flow(0.7, 150.0, 2.0, 0.85))
        .with([person(&[(0.0, 0.1, 0.4), (60.0, 0.9, 0.4), (120.0, 0.1, 0.4)])])
        .ask(140.0, Congestion)
        .ask(140.0, StoppedVehicle)
        .ask(140.0, WrongWay)
        .ask(140.0, Camera);
    story.stop = true;
    story.expect(
        "
            140.0 ? congestion Clear
            140.0 ? stopped_vehicle Clear
            140.0 ? wrong_way Clear
            140.0 ? camera Clear
            ",
    );
}

#[test]
fn calibrated_by_length_and_lanes_density_is_that_of_hcm() {
    // 26 cars on 200 m of two lanes: 65 pc/km/lane, level F; level C or better once they have gone.
    let mut zone = road();
    zone.length_m = Some(200.0.try_into().unwrap());
    zone.lanes = 2.try_into().ok();
    assert_eq!(PcuWeights::default().of(matpho_scene::Class::Car), 1.0);
    Story::new(plan_of(&[Congestion], zone), 2.0, 400.0).with(jam(0.0, 200.0)).expect(
        "
            90.0 #1 began traffic.congestion moderate level F since 10.0
            210.0 #1 updated traffic.congestion minor level E since 10.0
            310.0 #1 ended traffic.congestion minor level A since 10.0 Cleared
            ",
    );
}
