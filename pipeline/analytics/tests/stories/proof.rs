//! Each event of traffic proves itself: the rule, its thresholds, what it saw and when, the zone, what its metres stand on, how sure it is.
//! The model's hash is added where models are known (`edge/src/announce.rs`).

use matpho_analytics::Analytic::{self, *};
use matpho_scene::event::{EventKind, Phase};

use crate::script::*;

/// A story in which an event of this kind begins and ends; `None` for what is no traffic.
fn story_of(kind: EventKind) -> Option<(Story, &'static [&'static str])> {
    let story = |analytic: Analytic, fps, until_s| Story::new(plan_of(&[analytic], surveyed_road()), fps, until_s);
    let others = || flow(0.0, 60.0, 2.0, 0.85);
    match kind {
        EventKind::Congestion => {
            let jam = (0..26).map(|place| {
                let (x, y) = (0.95 - 0.07 * (place / 2) as f32, [0.64, 0.84][place % 2]);
                let start = place as f64 / 2.0;
                car(&[(start, 0.03, y), (start + 5.0, x, y), (200.0, x, y), (204.0, 0.97, y)])
            });
            let thresholds = &["density_pc_per_km_lane_min", "speed_kmh_max", "begin_after_s", "bins_share_min"];
            Some((story(Congestion, 2.0, 400.0).with(jam), thresholds))
        }
        EventKind::StoppedVehicle => {
            let stalled = car(&[(5.0, 0.1, 0.7), (10.0, 0.5, 0.7), (40.0, 0.5, 0.7), (44.0, 0.97, 0.7)]);
            let thresholds =
                &["after_s", "alone_after_s", "move_box_lengths_max", "passed_by_min", "queue_share_max", "queue_over_s"];
            Some((story(StoppedVehicle, 5.0, 60.0).with(others()).with([stalled]), thresholds))
        }
        EventKind::WrongWay => {
            let bike = motorbike(&[(20.0, 0.97, 0.6), (29.0, 0.03, 0.6)]);
            let thresholds = &["distance_box_lengths", "distance_m", "against_part_min", "frames_min", "apart_s_max"];
            Some((story(WrongWay, 5.0, 60.0).with(others()).with([bike]), thresholds))
        }
        EventKind::Pedestrian => {
            let walker = person(&[(10.0, 0.4, 0.6), (25.0, 0.45, 0.85), (26.0, 0.45, 0.97)]);
            let thresholds = &["after_s", "walk_box_lengths_per_s_max", "walk_kmh_max"];
            Some((story(Pedestrian, 5.0, 60.0).with([walker]), thresholds))
        }
        _ => None,
    }
}

#[test]
fn each_event_of_traffic_proves_itself() {
    for kind in EventKind::ALL.into_iter().filter(|kind| kind.as_str().starts_with("traffic.")) {
        let (story, thresholds) = story_of(kind).unwrap_or_else(|| panic!("{kind}: nothing tells how it is proved"));
        let said = story.findings();
        assert_eq!(said, story.findings(), "{kind}: the same story, the same findings, bit for bit");
        let phases: Vec<Phase> = said.iter().map(|finding| finding.phase).collect();
        assert_eq!((phases.first(), phases.last()), (Some(&Phase::Began), Some(&Phase::Ended)), "{kind}: {phases:?}");
        for finding in said {
            let (proof, at) = (&finding.proof, finding.at.as_secs_f64());
            assert_eq!(finding.kind, kind);
            assert!(proof.rule.split(' ').count() > 5, "{kind}: a sentence is no `{}`", proof.rule);
            for name in thresholds {
                assert!(proof.thresholds.get(*name).is_some_and(|v| v.is_finite()), "{kind}: {name} in {:?}", proof.thresholds);
            }
            assert_eq!(finding.zone.as_ref().map(|zone| zone.as_str()), Some("road"), "{kind}");
            assert!((0.5..1.0).contains(&finding.confidence), "{kind}: {}", finding.confidence);
            assert!(finding.region.is_some(), "{kind}: where in the picture");
            assert_eq!((proof.calibrated, proof.calibration_error_m), (true, Some(0.3)), "{kind}");
            let times: Vec<f64> = proof.samples.iter().map(|sample| sample.media_time_s).collect();
            assert!(times.len() >= 4 && times.is_sorted(), "{kind}: {times:?}");
            let of_its_beginning = finding.phase != Phase::Began || times[0] <= finding.began.as_secs_f64() + 15.0;
            assert!(of_its_beginning, "{kind}: nothing of its beginning in {times:?}");
            assert!(times.last().is_some_and(|last| *last <= at && at - last < 15.0), "{kind} at {at}: {times:?}");
            assert!(proof.samples.iter().all(|s| s.value.is_finite() && s.name.contains('_')), "{kind}: {:?}", proof.samples);
        }
    }
}
