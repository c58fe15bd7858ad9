//! Flames, smoke, and what only looks like them.

use matpho_analytics::{Analytic::*, CameraPlan, Params, Purpose, Zone};
use matpho_scene::Polygon;

use crate::script::*;

fn everything() -> CameraPlan {
    CameraPlan::whole_picture()
}

#[test]
fn a_flame_is_confirmed_and_ends() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (60.0, 0.3, 0.6)]).flickering(0.4);
    Story::new(everything(), 2.0, 120.0).with([fire]).ask(5.0, Fire).ask(11.0, Fire).ask(30.0, Fire).ask(110.0, Fire).expect(
        "
            5.0 ? fire Clear
            ! burst of 8s
            11.0 ? fire Suspected
            13.5 #1 began fire.flame severe since 10.0
            ! burst released
            30.0 ? fire Present
            80.0 #1 ended fire.flame severe since 10.0 Cleared
            110.0 ? fire Clear
            ",
    );
}

#[test]
fn on_keyframes_every_two_seconds_it_takes_less_than_fifteen() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (60.0, 0.3, 0.6)]).flickering(0.4);
    Story::new(everything(), 0.5, 120.0).with([fire]).expect(
        "
            ! burst of 8s
            18.0 #1 began fire.flame severe since 10.0
            80.0 #1 ended fire.flame severe since 10.0 Cleared
            ",
    );
}

#[test]
fn at_full_rate_a_burst_is_no_shortcut() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (40.0, 0.3, 0.6)]).flickering(0.4);
    let flash = flame(0.06, &[(2.0, 0.7, 0.6), (4.0, 0.7, 0.6)]).flickering(0.4);
    Story::new(everything(), 15.0, 70.0).with([flash, fire]).expect(
        "
            13.5 #1 began fire.flame severe since 10.0
            36.1 #1 updated fire.flame severe since 10.0
            60.0 #1 ended fire.flame severe since 10.0 Cleared
            ",
    );
}

#[test]
fn a_lamp_and_a_low_sun_stay_silent() {
    let lamp = flame(0.04, &[(0.0, 0.8, 0.2), (600.0, 0.8, 0.2)]).flickering(0.01);
    let sun = flame(0.15, &[(0.0, 0.3, 0.4), (600.0, 0.4, 0.5)]).flickering(0.02);
    Story::new(everything(), 1.0, 600.0).with([lamp, sun]).ask(30.0, Fire).ask(590.0, Fire).expect(
        "
            ! burst of 8s
            ! burst of 8s
            30.0 ? fire Suspected
            ! burst of 8s
            590.0 ? fire Clear
            ",
    );
}

#[test]
fn a_fire_in_the_place_of_a_lamp_is_told_by_its_growth() {
    let lamp = flame(0.04, &[(0.0, 0.8, 0.2), (200.0, 0.8, 0.2)]).flickering(0.01);
    let fire = flame(0.07, &[(201.0, 0.8, 0.22), (260.0, 0.8, 0.22)]).flickering(0.3).growing(0.02);
    Story::new(everything(), 1.0, 300.0).with([lamp, fire]).expect(
        "
            ! burst of 8s
            ! burst of 8s
            ! burst of 8s
            ! burst of 8s
            205.0 #1 began fire.flame severe since 201.0
            ! burst released
            224.0 #1 updated fire.flame severe since 201.0
            253.0 #1 updated fire.flame severe since 201.0
            255.0 #1 updated fire.flame extreme since 201.0
            280.0 #1 ended fire.flame extreme since 201.0 Cleared
            ",
    );
}

#[test]
fn a_tail_light_that_moves_with_its_car_stays_silent() {
    let car = car(&[(5.0, 0.1, 0.7), (25.0, 0.9, 0.75)]);
    let light = flame(0.02, &[(5.0, 0.09, 0.68), (25.0, 0.89, 0.73)]).flickering(0.5);
    Story::new(everything(), 5.0, 40.0).with([car, light]).expect("");
}

#[test]
fn a_light_that_travels_without_a_box_around_it_stays_silent() {
    let headlight = flame(0.03, &[(5.0, 0.1, 0.7), (20.0, 0.9, 0.7)]).flickering(0.5);
    Story::new(everything(), 5.0, 40.0).with([headlight]).expect("");
}

#[test]
fn a_burning_car_that_stands_is_a_fire() {
    let wreck = car(&[(0.0, 0.2, 0.7), (5.0, 0.5, 0.7), (80.0, 0.5, 0.7)]);
    let fire = flame(0.03, &[(20.0, 0.5, 0.67), (60.0, 0.5, 0.67)]).flickering(0.4).growing(0.01);
    Story::new(everything(), 2.0, 60.0).with([wreck, fire]).expect(
        "
            ! burst of 8s
            23.5 #1 began fire.flame severe since 20.0
            ! burst released
            41.5 #1 updated fire.flame severe since 20.0
            57.0 #1 updated fire.flame extreme since 20.0
            ",
    );
}

#[test]
fn smoke_that_grows() {
    let column = smoke(0.05, &[(10.0, 0.5, 0.4), (70.0, 0.52, 0.4)]).growing(0.05);
    Story::new(everything(), 1.0, 110.0).with([column]).expect(
        "
            ! burst of 8s
            15.0 #1 began fire.smoke moderate since 10.0
            ! burst released
            30.0 #1 updated fire.smoke moderate since 10.0
            34.0 #1 updated fire.smoke severe since 10.0
            53.0 #1 updated fire.smoke severe since 10.0
            90.0 #1 ended fire.smoke severe since 10.0 Cleared
            ",
    );
}

#[test]
fn fog_that_fills_the_picture_is_no_smoke() {
    let fog = smoke(0.95, &[(0.0, 0.5, 0.98), (300.0, 0.5, 0.98)]);
    Story::new(everything(), 1.0, 300.0).with([fog]).ask(290.0, Smoke).expect(
        "
            290.0 ? smoke Clear
            ",
    );
}

#[test]
fn a_kitchen_chimney_is_masked() {
    let chimney = Polygon::try_from(vec![[0.4, 0.1], [0.6, 0.1], [0.6, 0.5], [0.4, 0.5]]).unwrap();
    let zone = Zone::new("kitchen".parse().unwrap(), Purpose::HeatSource, chimney);
    let plan = CameraPlan::new(vec![zone], [Fire, Smoke].into(), Params::default()).unwrap();
    let smoke = smoke(0.1, &[(10.0, 0.5, 0.4), (70.0, 0.5, 0.4)]).flickering(0.4).growing(0.01);
    Story::new(plan, 1.0, 100.0).with([smoke]).expect("");
}

#[test]
fn a_camera_that_goes_blind_ends_no_fire() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (150.0, 0.3, 0.6)]).flickering(0.4);
    Story::new(everything(), 2.0, 220.0)
        .with([fire])
        .fault(40.0, 120.0, Fault::Covered)
        .ask(30.0, Fire)
        .ask(60.0, Fire)
        .ask(130.0, Fire)
        .expect(
            "
            ! burst of 8s
            13.5 #1 began fire.flame severe since 10.0
            ! burst released
            30.0 ? fire Present
            45.0 #2 began camera.covered moderate (a uniform picture: brightness spreads by 4 of 255) since 40.0
            60.0 ? fire Unknown
            123.0 #2 ended camera.covered moderate (a uniform picture: brightness spreads by 4 of 255) since 40.0 Cleared
            130.0 ? fire Present
            170.0 #1 ended fire.flame severe since 10.0 Cleared
            ",
        );
}

#[test]
fn the_end_of_a_file_ends_what_is_open() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (50.0, 0.3, 0.6)]).flickering(0.4);
    let mut story = Story::new(everything(), 2.0, 40.0).with([fire]);
    story.stop = true;
    story.expect(
        "
            ! burst of 8s
            13.5 #1 began fire.flame severe since 10.0
            ! burst released
            40.0 #1 ended fire.flame severe since 10.0 Stopped
            ",
    );
}

#[test]
fn smoke_that_fills_the_picture_is_no_excuse() {
    // Four looks found it before the picture went blind, and none after.
    let column = smoke(0.1, &[(20.0, 0.5, 0.6), (90.0, 0.5, 0.6)]).growing(0.2);
    Story::new(everything(), 1.0, 60.0).with([column]).fault(24.0, 60.0, Fault::Blurred).ask(28.0, Smoke).ask(45.0, Smoke).expect(
        "
            ! burst of 8s
            28.0 ? smoke Suspected
            29.0 #1 began camera.blurred minor (sharpness 120, usually 901: out of focus, fog, or dirt or water on the lens) since 24.0
            29.0 #2 began fire.smoke moderate since 20.0
            45.0 ? smoke Present
            ",
    );
}

#[test]
fn smoke_that_is_found_in_a_picture_gone_blind_is_believed() {
    let column = smoke(0.1, &[(20.0, 0.5, 0.6), (90.0, 0.5, 0.6)]).growing(0.1);
    Story::new(everything(), 1.0, 40.0).with([column]).fault(22.0, 60.0, Fault::Smoky).ask(35.0, Smoke).expect(
        "
            ! burst of 8s
            24.0 #1 began fire.smoke moderate since 20.0
            27.0 #2 began camera.blurred minor (sharpness 120, usually 900: out of focus, fog, or dirt or water on the lens) since 22.0
            35.0 ? smoke Present
            ",
    );
}

#[test]
fn nothing_begins_in_a_picture_that_went_blind_by_itself() {
    let column = smoke(0.1, &[(30.0, 0.5, 0.6), (90.0, 0.5, 0.6)]).growing(0.1);
    Story::new(everything(), 1.0, 60.0).with([column]).fault(22.0, 80.0, Fault::Smoky).ask(50.0, Smoke).expect(
        "
            27.0 #1 began camera.blurred minor (sharpness 120, usually 900: out of focus, fog, or dirt or water on the lens) since 22.0
            50.0 ? smoke Unknown
            ",
    );
}

#[test]
fn what_was_said_last_stays_said_at_the_end_of_a_file() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (50.0, 0.3, 0.6)]).flickering(0.4);
    let mut story = Story::new(everything(), 2.0, 40.0).with([fire]);
    story.stop = true;
    story.ask(41.0, Fire).expect(
        "
            ! burst of 8s
            13.5 #1 began fire.flame severe since 10.0
            ! burst released
            40.0 #1 ended fire.flame severe since 10.0 Stopped
            41.0 ? fire Present
            ",
    );
}

#[test]
fn a_sunset_corner_is_masked_at_its_hours_alone() {
    let corner = Polygon::try_from(vec![[0.2, 0.1], [0.6, 0.1], [0.6, 0.7], [0.2, 0.7]]).unwrap();
    let mut zone = Zone::new("sunset".parse().unwrap(), Purpose::HeatSource, corner);
    zone.hours = Some("16:30-18:15".parse().unwrap());
    let plan = CameraPlan::new(vec![zone], [Fire].into(), Params::default()).unwrap();
    let glow = flame(0.1, &[(10.0, 0.4, 0.5), (40.0, 0.4, 0.5)]).flickering(0.4);
    let at = |minute: Option<u16>| {
        let mut story = Story::new(plan.clone(), 2.0, 40.0).with([glow.clone()]);
        story.minute_of_day = minute;
        story
    };
    at(Some(17 * 60)).expect("");
    for minute in [Some(12 * 60), None] {
        at(minute).expect(
            "
            ! burst of 8s
            13.5 #1 began fire.flame severe since 10.0
            ! burst released
            ",
        );
    }
}

#[test]
fn looks_off_the_beat_confirm_as_soon() {
    let fire = flame(0.06, &[(10.0, 0.3, 0.6), (40.0, 0.3, 0.6)]).flickering(0.4);
    Story::new(everything(), 4.3, 30.0).with([fire]).expect(
        "
            13.7 #1 began fire.flame severe since 10.0
            28.8 #1 updated fire.flame severe since 10.0
            ",
    );
}
