//! Water on the street.

use matpho_analytics::{Analytic::*, CameraPlan, Mark, MarkOn, Memory, WaterMemory};
use matpho_scene::{NormPoint, Polygon};

use crate::script::*;

fn water(points: &[(f64, f32)], until_s: f64) -> Story {
    let mut story = Story::new(plan_of(&[Flood], road()), 0.2, until_s);
    story.water = points.to_vec();
    story
}

#[test]
fn water_rises_and_recedes() {
    water(&[(0.0, 0.02), (300.0, 0.02), (600.0, 0.7), (900.0, 0.7), (1200.0, 0.02), (1500.0, 0.02)], 1500.0)
        .ask(200.0, Flood)
        .ask(700.0, Flood)
        .ask(1490.0, Flood)
        .expect(
            "
            200.0 ? flood Clear
            405.0 #1 began flood.street minor 24 % Rising since 380.0
            460.0 #1 updated flood.street moderate 36 % Rising since 380.0
            530.0 #1 updated flood.street moderate 52 % Rising since 380.0
            570.0 #1 updated flood.street severe 61 % Rising since 380.0
            700.0 ? flood Present
            835.0 #1 updated flood.street severe 70 % Steady since 380.0
            975.0 #1 updated flood.street moderate 55 % Falling since 380.0
            1045.0 #1 updated flood.street moderate 39 % Falling since 380.0
            1115.0 #1 updated flood.street minor 24 % Falling since 380.0
            1185.0 #1 updated flood.street minor 8 % Falling since 380.0
            1255.0 #1 ended flood.street minor 2 % Falling since 380.0 Cleared
            1490.0 ? flood Clear
            ",
        );
}

#[test]
fn a_wet_road_flickers_and_is_no_flood() {
    let points: Vec<(f64, f32)> = (0..300).map(|i| (i as f64 * 5.0, if i % 3 == 0 { 0.35 } else { 0.08 })).collect();
    water(&points, 1490.0).ask(1480.0, Flood).expect("1480.0 ? flood Clear");
}

#[test]
fn a_sheen_that_is_always_there_must_rise_to_be_a_flood() {
    // 0.18 for two hours, then 0.25: above the plain threshold, but not above what is usual for this street.
    water(&[(0.0, 0.18), (7200.0, 0.18), (7210.0, 0.25), (8000.0, 0.25)], 8000.0).ask(7990.0, Flood).expect(
        "
            7990.0 ? flood Clear
            ",
    );
}

#[test]
fn a_street_that_is_flooded_when_watching_begins() {
    let mut story = water(&[(0.0, 0.5), (120.0, 0.5)], 120.0).ask(5.0, Flood);
    story.measurements = true;
    story.stop = true;
    story.expect(
        "
            5.0 ? flood Unknown
            60.0 #1 began flood.street moderate 50 % Steady since 0.0
            60.0 = road from 0.0: water 0.50 Steady
            120.0 = road from 60.0: water 0.50 Steady
            120.0 #1 ended flood.street moderate 50 % Steady since 0.0 Stopped
            ",
    );
}

#[test]
fn a_blind_camera_ends_no_flood() {
    let mut story =
        Story::new(CameraPlan::whole_picture(), 1.0, 900.0).fault(300.0, 700.0, Fault::Dark).ask(500.0, Flood).ask(890.0, Flood);
    story.water = vec![(0.0, 0.5), (900.0, 0.5)];
    story.expect(
        "
            60.0 #1 began flood.street moderate 50 % Steady since 0.0
            305.0 #2 began camera.dark minor (mean brightness 4 of 255) since 300.0
            500.0 ? flood Unknown
            703.0 #2 ended camera.dark minor (mean brightness 4 of 255) since 300.0 Cleared
            890.0 ? flood Present
            ",
    );
}

#[test]
fn marks_of_known_height_tell_the_depth_and_who_gets_through() {
    let mut zone = road();
    let mark = |height_cm, on| Mark { picture: NormPoint::clamped(0.5, 0.6), height_cm, on };
    zone.marks = vec![
        mark(30.0, MarkOn::Staff),
        mark(8.0, MarkOn::Road),
        mark(18.0, MarkOn::Kerb),
        mark(50.0, MarkOn::Staff),
        mark(20.0, MarkOn::Step),
    ];
    let mut story = Story::new(plan_of(&[Flood], zone), 0.2, 1200.0).ask(150.0, Flood);
    story.water = vec![(0.0, 0.02), (200.0, 0.02), (260.0, 0.6), (1200.0, 0.8)];
    story.depth_cm = vec![(0.0, 0.0), (200.0, 0.0), (500.0, 40.0), (800.0, 60.0), (1200.0, 15.0)];
    story.expect(
        "
            150.0 ? flood Clear
            245.0 #1 began flood.street minor 36 % Steady under 10 cm by road (motorbike Yes, car Yes, truck Yes) since 220.0
            280.0 #1 updated flood.street moderate 60 % Rising under 20 cm by road (motorbike unsure, car unsure, truck Yes) since 220.0
            345.0 #1 updated flood.street moderate 62 % Rising 10 to 30 cm by kerb (motorbike unsure, car Slowly, truck Yes) since 220.0
            355.0 #1 updated flood.street severe 62 % Rising 10 to 30 cm by step (motorbike unsure, car Slowly, truck Yes) since 220.0
            415.0 #1 updated flood.street severe 63 % Rising 20 to 50 cm by staff (motorbike No, car unsure, truck unsure) since 220.0
            475.0 #1 updated flood.street severe 64 % Rising 30 to 50 cm by staff (motorbike No, car No, truck Slowly) since 220.0
            655.0 #1 updated flood.street severe 68 % Rising over 30 cm by staff (motorbike No, car No, truck unsure) since 220.0
            665.0 #1 updated flood.street extreme 68 % Rising over 30 cm by staff (motorbike No, car No, truck unsure) since 220.0
            725.0 #1 updated flood.street extreme 70 % Rising over 50 cm by staff (motorbike No, car No, truck No) since 220.0
            895.0 #1 updated flood.street extreme 73 % Rising over 30 cm by staff (motorbike No, car No, truck unsure) since 220.0
            955.0 #1 updated flood.street severe 75 % Falling 30 to 50 cm by staff (motorbike No, car No, truck Slowly) since 220.0
            1075.0 #1 updated flood.street severe 77 % Falling 20 to 50 cm by staff (motorbike No, car unsure, truck unsure) since 220.0
            1135.0 #1 updated flood.street severe 78 % Falling 20 to 30 cm by step (motorbike No, car Slowly, truck Yes) since 220.0
            1175.0 #1 updated flood.street moderate 79 % Falling 10 to 30 cm by step (motorbike unsure, car Slowly, truck Yes) since 220.0
            ",
    );
}

#[test]
fn what_a_zone_shows_dry_is_remembered_over_a_restart() {
    // Pale asphalt that the model takes for water, on 30 % of the zone, day after day.
    let drawn = water(&[], 0.0).plan.zones()[0].polygon.clone();
    let dry = WaterMemory { usual_share: 0.3, deviation: 0.02, readings: 500, watched_s: 7200.0, ..WaterMemory::within(&drawn) };
    let mut memory = Memory::default();
    memory.water = [("road".parse().unwrap(), dry)].into();
    let mut after = water(&[(0.0, 0.3), (600.0, 0.3), (610.0, 0.6), (700.0, 0.6)], 700.0);
    after.memory = Some(memory);
    after.ask(500.0, Flood).expect(
        "
            500.0 ? flood Clear
            630.0 #1 began flood.street severe 60 % Steady since 605.0
            690.0 #1 updated flood.street severe 60 % Rising since 605.0
            ",
    );
}

#[test]
fn a_zone_that_was_drawn_anew_learns_anew() {
    let elsewhere = Polygon::try_from(vec![[0.1, 0.5], [0.9, 0.5], [0.9, 0.9]]).unwrap();
    let dry =
        WaterMemory { usual_share: 0.3, deviation: 0.02, readings: 500, watched_s: 7200.0, ..WaterMemory::within(&elsewhere) };
    let mut memory = Memory::default();
    memory.water = [("road".parse().unwrap(), dry)].into();
    let mut after = water(&[(0.0, 0.3), (200.0, 0.3)], 200.0);
    after.memory = Some(memory);
    after.expect(
        "
            60.0 #1 began flood.street minor 30 % Steady since 0.0
            ",
    );
}
