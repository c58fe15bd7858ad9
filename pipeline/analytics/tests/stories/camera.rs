//! The camera itself.

use matpho_analytics::{Analytic::*, CameraPlan, StreamState};

use crate::script::*;

fn story(until_s: f64) -> Story {
    Story::new(CameraPlan::whole_picture(), 1.0, until_s).with(flow(0.0, until_s, 3.0, 0.7))
}

#[test]
fn every_fault_is_named_within_ten_seconds_and_ends() {
    story(280.0)
        .fault(30.0, 50.0, Fault::Dark)
        .fault(70.0, 90.0, Fault::Covered)
        .fault(110.0, 130.0, Fault::Frozen)
        .fault(150.0, 170.0, Fault::Blurred)
        .fault(190.0, 210.0, Fault::Moved)
        .fault(230.0, 250.0, Fault::Glare)
        .expect(
            "
            35.0 #1 began camera.dark minor (mean brightness 4 of 255) since 30.0
            53.0 #1 ended camera.dark minor (mean brightness 4 of 255) since 30.0 Cleared
            75.0 #2 began camera.covered moderate (a uniform picture: brightness spreads by 4 of 255) since 70.0
            93.0 #2 ended camera.covered moderate (a uniform picture: brightness spreads by 4 of 255) since 70.0 Cleared
            118.0 #3 began camera.frozen moderate (the picture has not changed for 8 s) since 110.0
            133.0 #3 ended camera.frozen moderate (the picture has not changed for 8 s) since 110.0 Cleared
            155.0 #4 began camera.blurred minor (sharpness 120, usually 901: out of focus, fog, or dirt or water on the lens) since 150.0
            173.0 #4 ended camera.blurred minor (sharpness 120, usually 901: out of focus, fog, or dirt or water on the lens) since 150.0 Cleared
            195.0 #5 began camera.moved moderate (the view is displaced by 20 % of the picture) since 190.0
            213.0 #5 ended camera.moved moderate (the view is displaced by 20 % of the picture) since 190.0 Cleared
            235.0 #6 began camera.glare minor (50 % of the picture near white, usually 2 %: the sun or head lamps shine into the lens) since 230.0
            253.0 #6 ended camera.glare minor (50 % of the picture near white, usually 2 %: the sun or head lamps shine into the lens) since 230.0 Cleared
            ",
        );
}

#[test]
fn a_shadow_over_two_pictures_is_no_fault() {
    story(60.0)
        .fault(30.0, 32.0, Fault::Dark)
        .fault(40.0, 42.0, Fault::Blurred)
        .ask(50.0, Camera)
        .expect("  50.0 ? camera Clear");
}

#[test]
fn a_lost_stream_comes_back() {
    let mut story = story(90.0).silence(30.0, 60.0).ask(29.0, Fire).ask(40.0, Fire).ask(70.0, Fire);
    story.words = vec![(31.0, StreamState::Lost { reason: "no route to the camera" }), (60.0, StreamState::Live)];
    story.expect(
        "
            29.0 ? fire Clear
            34.0 #1 began camera.lost moderate (no route to the camera) since 29.0
            40.0 ? fire Unknown
            63.0 #1 ended camera.lost moderate (no route to the camera) since 29.0 Cleared
            70.0 ? fire Clear
            ",
    );
}

#[test]
fn a_short_break_is_not_announced() {
    let mut story = story(60.0).silence(30.0, 33.0).ask(32.0, Camera).ask(50.0, Camera);
    story.words = vec![(31.0, StreamState::Lost { reason: "reset by peer" }), (33.0, StreamState::Live)];
    story.expect(
        "
            32.0 ? camera Suspected
            50.0 ? camera Clear
            ",
    );
}

#[test]
fn silence_without_a_word_is_a_lost_camera() {
    story(60.0).silence(30.0, 55.0).expect(
        "
            39.0 #1 began camera.lost moderate (no picture for 10 s, and no word why) since 29.0
            58.0 #1 ended camera.lost moderate (no picture for 10 s, and no word why) since 29.0 Cleared
            ",
    );
}

#[test]
fn a_camera_that_never_showed_a_picture() {
    let mut story = story(30.0).silence(0.0, 31.0).ask(20.0, Fire).ask(20.0, Camera);
    story.words = vec![(0.0, StreamState::Lost { reason: "unauthorized" })];
    story.expect(
        "
            5.0 #1 began camera.lost moderate (unauthorized) since 0.0
            20.0 ? fire Unknown
            20.0 ? camera Present
            ",
    );
}

/// Four pictures after it was confirmed: fewer than it takes to learn what is usual of a view.
#[test]
fn a_camera_that_is_knocked_back_at_once_has_moved_again() {
    let mut story = Story::new(plan(road(), |_| {}), 2.0, 130.0).fault(60.0, 112.0, Fault::Turned).ask(125.0, StoppedVehicle);
    story.confirms_view_at = Some(110.0);
    story.expect(
        "
            65.0 #1 began camera.moved moderate (the view is no longer like the reference picture) since 60.0
            110.0 #1 ended camera.moved moderate (the view is no longer like the reference picture) since 60.0 Cleared
            117.0 #2 began camera.moved moderate (the view is no longer like the reference picture) since 112.0
            125.0 ? stopped_vehicle Unknown
            ",
    );
}

#[test]
fn a_moved_camera_makes_zones_void_until_somebody_confirms_the_view() {
    let stalled = car(&[(10.0, 0.03, 0.7), (15.0, 0.5, 0.7), (170.0, 0.5, 0.7)]);
    let mut story = Story::new(plan(road(), |_| {}), 2.0, 150.0)
        .with(flow(0.0, 150.0, 2.5, 0.82))
        .with([stalled])
        .fault(60.0, 140.0, Fault::Moved)
        .ask(80.0, StoppedVehicle)
        .ask(80.0, Fire)
        .ask(130.0, StoppedVehicle);
    story.confirms_view_at = Some(110.0);
    story.expect(
        "
            25.0 #1 began traffic.stopped_vehicle moderate car since 15.0
            65.0 #2 began camera.moved moderate (the view is displaced by 20 % of the picture) since 60.0
            80.0 ? stopped_vehicle Unknown
            80.0 ? fire Clear
            110.0 #2 ended camera.moved moderate (the view is displaced by 20 % of the picture) since 60.0 Cleared
            130.0 ? stopped_vehicle Present
            145.0 #3 began camera.moved moderate (the view is displaced by 20 % of the picture) since 140.0
            ",
    );
}
