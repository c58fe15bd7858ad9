//! Whatever comes in: no panic, events in order, the same twice.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};

use matpho_analytics::{Analytic, CameraAnalytics, CameraPlan, Input, Observation, Output, StreamState};
use matpho_scene::{
    Class, Detection, MediaTime, NormBox, PictureHealth, PictureSize, Score, TrackId, Tracked, WaterReading, ZoneId,
    event::{EndReason, EventKind, Phase, Proof},
    health::Shift,
};
use proptest::{collection::vec, option, prelude::*, strategy::ValueTree};

/// An input that owns its slices.
#[derive(Debug, Clone)]
enum Wild {
    Frame { tracks: Option<Vec<Tracked>>, fire: Option<Vec<Detection>>, water: Option<f32>, health: Option<PictureHealth> },
    Live,
    Lost,
    Stale,
    Timeout,
    ConfirmView,
}

fn any_box() -> impl Strategy<Value = NormBox> {
    (0.0f32..0.9, 0.0f32..0.9, 0.001f32..0.5, 0.001f32..0.5)
        .prop_filter_map("clipped away", |(x, y, w, h)| NormBox::clipped(x, y, x + w, y + h))
}

fn any_class() -> impl Strategy<Value = Class> {
    (0..Class::ALL.len()).prop_map(|i| Class::ALL[i])
}

fn any_track() -> impl Strategy<Value = Tracked> {
    (0u64..12, any_class(), 0.0f32..=1.0, any_box(), 0u64..100_000, 0u32..100).prop_map(|(id, class, score, bbox, seen, hits)| {
        Tracked {
            id: TrackId(id),
            class,
            score: Score::clamped(score),
            bbox,
            first_seen: MediaTime::ZERO,
            // Often later than now, so that it counts as seen; sometimes long ago.
            last_seen: MediaTime::from_millis(seen * 100),
            hits,
        }
    })
}

fn any_detection() -> impl Strategy<Value = Detection> {
    // Two places and three sizes, so that sequences do form.
    (any_class(), 0.2f32..=1.0, prop_oneof![Just(0.2f32), Just(0.6)], prop_oneof![Just(0.05f32), Just(0.07), Just(0.1)]).prop_map(
        |(class, score, at, size)| Detection {
            class: if class.is_vehicle() { Class::Fire } else { class },
            score: Score::clamped(score),
            bbox: NormBox::clipped(at, at, at + size, at + size).unwrap(),
        },
    )
}

fn any_health() -> impl Strategy<Value = PictureHealth> {
    let luma = prop_oneof![4 => Just(110.0f32), 1 => 0.0f32..255.0, 1 => Just(f32::NAN)];
    let change = option::of(prop_oneof![3 => Just(2.0f32), 2 => Just(0.0)]);
    let shift = option::of((-0.5f32..0.5, -0.5f32..0.5, 0.0f32..1.0).prop_map(|(dx, dy, response)| Shift { dx, dy, response }));
    (luma, 0.0f32..90.0, prop_oneof![3 => Just(900.0f32), 1 => 0.0f32..900.0], change, shift, option::of(0.0f32..1.0)).prop_map(
        |(luma_mean, luma_std, sharpness, change, shift, likeness)| PictureHealth {
            luma_mean,
            luma_std,
            bright_share: 0.0,
            sharpness,
            change,
            shift,
            likeness,
        },
    )
}

fn any_input() -> impl Strategy<Value = Wild> {
    let frame = (
        option::of(vec(any_track(), 0..8)),
        option::of(vec(any_detection(), 0..4)),
        option::of(prop_oneof![4 => Just(0.6f32), 1 => -1.0f32..2.0, 1 => Just(f32::NAN)]),
        option::weighted(0.3, any_health()),
    )
        .prop_map(|(tracks, fire, water, health)| Wild::Frame { tracks, fire, water, health });
    prop_oneof![
        24 => frame,
        1 => Just(Wild::Live),
        1 => Just(Wild::Lost),
        1 => Just(Wild::Stale),
        1 => Just(Wild::Timeout),
        1 => Just(Wild::ConfirmView),
    ]
}

/// Plays inputs, each so many milliseconds after (or before) the last, and stops.
fn play(inputs: &[(i64, Wild)]) -> Vec<Output> {
    let mut analytics = CameraAnalytics::new(CameraPlan::whole_picture());
    let zone: ZoneId = "picture".parse().unwrap();
    let (mut t, mut outputs) = (0i64, Vec::new());
    for (step, input) in inputs {
        t = (t + step).max(0);
        let at = MediaTime::from_millis(t as u64);
        let tracks: Vec<Tracked>;
        let water: Vec<(ZoneId, WaterReading)>;
        let input = match input {
            Wild::Frame { tracks: found, fire, water: share, health } => {
                tracks = found.clone().unwrap_or_default();
                water = share.map(|share| (zone.clone(), WaterReading::share(share))).into_iter().collect();
                Input::Frame(Observation {
                    picture: PictureSize { width: 640, height: 360 },
                    tracks: found.is_some().then_some(&tracks),
                    fire: fire.as_deref(),
                    fire_changes: &[],
                    water: share.is_some().then_some(&water),
                    health: health.as_ref(),
                    minute_of_day: None,
                })
            }
            Wild::Live => Input::Stream(StreamState::Live),
            Wild::Lost => Input::Stream(StreamState::Lost { reason: "gone" }),
            Wild::Stale => Input::Stream(StreamState::Stale),
            Wild::Timeout => Input::Timeout,
            Wild::ConfirmView => Input::ConfirmView,
        };
        analytics.handle_input(at, input);
        outputs.extend(std::iter::from_fn(|| analytics.poll_output()));
        let _ = (analytics.poll_timeout(), analytics.judgements(), analytics.condition());
    }
    analytics.handle_input(MediaTime::ZERO, Input::Stop);
    outputs.extend(std::iter::from_fn(|| analytics.poll_output()));
    assert_eq!(analytics.poll_timeout(), None);
    let began: u32 = analytics.summary().events.values().sum();
    let said = outputs.iter().filter(|o| matches!(o, Output::Finding(f) if f.phase == Phase::Began)).count();
    assert_eq!(began as usize, said, "the summary counts what began");
    outputs
}

/// What may be smoke before the lens.
fn fills(fault: EventKind) -> bool {
    matches!(fault, EventKind::CameraBlurred | EventKind::CameraCovered | EventKind::CameraGlare)
}

fn check_order(outputs: &[Output]) -> Result<(), TestCaseError> {
    let mut phases = BTreeMap::new();
    let mut last = MediaTime::ZERO;
    for finding in outputs.iter().filter_map(|o| if let Output::Finding(f) = o { Some(f) } else { None }) {
        let before = phases.insert(finding.number, finding.phase);
        match (before, finding.phase) {
            (None, Phase::Began) | (Some(Phase::Began | Phase::Updated), Phase::Updated | Phase::Ended) => {}
            (before, now) => prop_assert!(false, "event {} went from {before:?} to {now:?}", finding.number),
        }
        prop_assert_eq!(finding.phase == Phase::Ended, finding.end_reason.is_some());
        prop_assert!(finding.began <= finding.at);
        prop_assert!(last <= finding.at, "findings come in the order of time");
        prop_assert!((0.0..=1.0).contains(&finding.confidence));
        prop_assert!(finding.proof.samples.len() <= Proof::SAMPLES_MAX);
        prop_assert!(!finding.proof.rule.is_empty());
        last = finding.at;
    }
    prop_assert!(phases.values().all(|phase| *phase == Phase::Ended), "after the stop nothing is open");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wild_inputs_give_events_in_order_and_the_same_twice(inputs in vec((-500i64..4000, any_input()), 0..160)) {
        let outputs = play(&inputs);
        check_order(&outputs)?;
        // Debug text, since a NaN that went in may come out in a detail, and equals nothing.
        prop_assert_eq!(format!("{:?}", play(&inputs)), format!("{outputs:?}"));
    }

    #[test]
    fn a_blind_camera_begins_nothing_and_ends_nothing(inputs in vec((200i64..3000, any_input()), 60..200)) {
        let mut blind = BTreeSet::new();
        for finding in play(&inputs).into_iter().filter_map(|o| if let Output::Finding(f) = o { Some(f) } else { None }) {
            let said = (finding.kind, finding.phase);
            match said {
                (EventKind::CameraMoved, _) => {}
                (kind, Phase::Began) if kind.is_camera() => {
                    blind.insert(kind);
                }
                (kind, Phase::Ended) if kind.is_camera() => {
                    blind.remove(&kind);
                }
                (kind, Phase::Updated) if kind.is_camera() => {}
                // The stop ends what is open, blind or not.
                (_, Phase::Ended) if finding.end_reason == Some(EndReason::Stopped) => {}
                // A flame is seen in the dark, and smoke may be what fills the picture.
                (EventKind::Flame | EventKind::Smoke, Phase::Began) => {
                    let mut blind = blind.iter().filter(|kind| **kind != EventKind::CameraDark || said.0 == EventKind::Smoke);
                    prop_assert!(blind.all(|kind| fills(*kind)), "{said:?} in {blind:?}");
                }
                (EventKind::Flame, _) => prop_assert!(blind.iter().all(|kind| *kind == EventKind::CameraDark), "{said:?} in {blind:?}"),
                _ => prop_assert!(blind.is_empty(), "{said:?} while {blind:?}"),
            }
        }
    }

    #[test]
    fn a_camera_that_is_not_seen_says_nothing_but_that(steps in vec(0i64..5000, 1..80)) {
        // Stale words and time-outs only: nothing but the camera may be announced.
        let inputs: Vec<(i64, Wild)> = steps.into_iter().map(|step| (step, if step % 2 == 0 { Wild::Stale } else { Wild::Timeout })).collect();
        for output in play(&inputs) {
            if let Output::Finding(finding) = output {
                prop_assert!(finding.kind.is_camera());
                prop_assert!(finding.end_reason.is_none_or(|reason| reason == EndReason::Stopped));
            }
        }
    }
}

#[test]
fn the_generator_reaches_events() {
    // The property above is worth nothing if its inputs never begin one.
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let inputs = vec((200i64..1500, any_input()), 150..160);
    let kinds: BTreeSet<_> = (0..40)
        .flat_map(|_| play(&inputs.new_tree(runner).unwrap().current()))
        .filter_map(|o| if let Output::Finding(f) = o { Some(f.kind.as_str()) } else { None })
        .collect();
    assert!(kinds.len() >= 4, "only {kinds:?}");
    assert_eq!(Analytic::ALL.len(), 8);
}
