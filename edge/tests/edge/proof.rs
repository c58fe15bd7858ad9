//! Every event of fire, smoke, water and the camera carries its proof: rule, thresholds, samples over its window, the model's hash, its zone or place, how sure it is.

use std::collections::{BTreeMap, BTreeSet};

use matpho_analytics::{Analytic, CameraPlan, Mark, MarkOn, Output, Params, Purpose, StreamState, Zone};
use matpho_edge::{
    announce::{Anchor, Announcer, Ids},
    judge::Judge,
    look::{Looked, ModelRefs},
};
use matpho_scene::{
    Change, Class, ClockSource, Detection, MediaTime, NormBox, NormPoint, PictureHealth, PictureSize, Polygon, Score, Seen,
    WaterReading,
    event::{EventKind, Phase, Proof},
    health::Shift,
};
use matpho_wire::{Address, EventData, ModelRef};

const PICTURE: PictureSize = PictureSize { width: 1280, height: 720 };

fn model(id: &str) -> Option<ModelRef> {
    Some(ModelRef { id: id.parse().unwrap(), sha256: format!("{id:0<64}") })
}

/// What a camera suffers, half a minute each; a healthy minute between.
fn suffers(kind: EventKind, well: PictureHealth) -> PictureHealth {
    match kind {
        EventKind::CameraFrozen => PictureHealth { change: Some(0.0), ..well },
        EventKind::CameraDark => PictureHealth { luma_mean: 3.0, luma_std: 1.0, sharpness: 2.0, shift: None, ..well },
        EventKind::CameraGlare => PictureHealth { luma_mean: 210.0, bright_share: 0.5, ..well },
        EventKind::CameraCovered => PictureHealth { luma_std: 3.0, sharpness: 4.0, shift: None, ..well },
        EventKind::CameraBlurred => PictureHealth { sharpness: 100.0, shift: None, ..well },
        EventKind::CameraMoved => {
            PictureHealth { shift: Some(Shift { dx: 0.2, dy: 0.0, response: 0.6 }), likeness: Some(0.2), ..well }
        }
        _ => well,
    }
}

/// All that is announced of a camera before which something burns on a flooded street, and that then suffers everything.
fn announced() -> Vec<EventData> {
    let polygon = Polygon::try_from(vec![[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]).unwrap();
    let mut zone = Zone::new("street".parse().unwrap(), Purpose::RoadSurface, polygon);
    zone.marks = [5.0, 15.0, 25.0, 40.0]
        .map(|height_cm| Mark { picture: NormPoint::clamped(0.1, 0.9 - height_cm / 100.0), height_cm, on: MarkOn::Staff })
        .to_vec();
    let asked = [Analytic::Fire, Analytic::Smoke, Analytic::Flood, Analytic::Camera];
    let plan = CameraPlan::new(vec![zone.clone()], asked.into(), Params::default()).unwrap();
    let mut judge = Judge::new(plan, None);
    let models = ModelRefs { vehicles: model("vehicles"), fire: model("fire"), water: model("water") };
    let address = Address { site: "s".parse().unwrap(), edge: "e".parse().unwrap() };
    let mut announcer = Announcer::new(&address, "c".parse().unwrap(), Ids::Derived("proof".into()), models);
    let seen = Seen { at: "2026-11-22T00:00:00Z".parse().unwrap(), uncertainty_ms: 1, clock: ClockSource::Arrival };
    let anchor = Anchor { media: MediaTime::ZERO, seen };
    let mut events = Vec::new();
    let mut say = |outputs: Vec<Output>| {
        for output in outputs {
            if let Output::Finding(finding) = output {
                events.push(announcer.event(finding, anchor, seen.at, false).data);
            }
        }
    };
    let faults: Vec<EventKind> = EventKind::ALL.into_iter().filter(|kind| kind.is_camera()).collect();
    for second in 0..(300 + 90 * faults.len() as u64) {
        let at = MediaTime::from_millis(1000 * second);
        let suffered = second.checked_sub(300).map(|s| (faults[(s / 90) as usize], s % 90 < 30));
        say(judge.time(at));
        if let Some((EventKind::CameraLost, true)) = suffered {
            say(judge.stream(at, StreamState::Lost { reason: "no route to the camera" }));
            continue;
        }
        let noise = (second as f32 * 1.7).sin();
        let well = PictureHealth {
            luma_mean: 110.0 + noise,
            luma_std: 50.0,
            bright_share: 0.02,
            sharpness: 900.0,
            change: (second > 0).then_some(2.0 + noise.abs()),
            shift: Some(Shift { dx: 0.0, dy: 0.0, response: 0.8 }),
            likeness: Some(0.8),
        };
        let health = suffered.filter(|(_, now)| *now).map_or(well, |(kind, _)| suffers(kind, well));
        let burns = (120..180).contains(&second);
        let found = |class, x: f32, y: f32, size: f32| Detection {
            class,
            score: Score::clamped(0.7),
            bbox: NormBox::clipped(x, y - size * (1.0 + 0.2 * noise), x + size, y).unwrap(),
        };
        let fire = if burns { vec![found(Class::Fire, 0.6, 0.6, 0.1), found(Class::Smoke, 0.5, 0.5, 0.3)] } else { Vec::new() };
        let changes = vec![Change { inside: 15.0, around: 2.0 }; fire.len()];
        let flooded = (60..240).contains(&second);
        let marks = zone.marks.iter().map(|mark| if flooded && mark.height_cm < 20.0 { 0.85 } else { 0.1 }).collect();
        let reading = WaterReading { share: if flooded { 0.6 } else { 0.02 }, marks, grid: [48, 28] };
        let looked = Looked {
            fire: Some(fire),
            fire_changes: changes,
            water: second.is_multiple_of(5).then(|| vec![(zone.id.clone(), reading)]),
            health: Some(health),
            ..Looked::default()
        };
        say(judge.picture(at, PICTURE, &looked));
    }
    events
}

/// What the samples of a kind must be of.
fn samples(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::Flame | EventKind::Smoke => &["area_share", "change_luma", "change_ratio", "score"],
        EventKind::Flood => &["depth_cm", "water_share"],
        EventKind::CameraLost => &["frame_age_s"],
        EventKind::CameraFrozen => &["change_luma"],
        EventKind::CameraDark => &["luma_mean"],
        EventKind::CameraGlare => &["bright_share"],
        EventKind::CameraBlurred => &["sharpness"],
        EventKind::CameraCovered => &["luma_std"],
        EventKind::CameraMoved => &["likeness", "shift_share"],
        _ => &[],
    }
}

/// What an event's proof lacks.
fn lacks(event: &EventData) -> Vec<String> {
    let proof: &Proof = &event.proof;
    let mut lacks = Vec::new();
    let mut need = |there: bool, what: &str| {
        if !there {
            lacks.push(format!("{} {}: {what}", event.kind, event.phase));
        }
    };
    need(proof.rule.split(' ').count() >= 4, "a rule in words");
    need(!proof.thresholds.is_empty() && proof.thresholds.values().all(|v| v.is_finite()), "thresholds");
    need(proof.thresholds.keys().any(|name| name.ends_with("after_s")), "how long it must last");
    let names: BTreeSet<&str> = proof.samples.iter().map(|sample| sample.name.as_str()).collect();
    need(names.iter().copied().eq(samples(event.kind).iter().copied()), &format!("its samples, not {names:?}"));
    need(proof.samples.len() <= Proof::SAMPLES_MAX, "at most so many samples");
    need(proof.samples.is_sorted_by(|a, b| a.media_time_s <= b.media_time_s), "samples in order");
    for name in names {
        let times: Vec<f64> = proof.samples.iter().filter(|s| s.name == name).map(|s| s.media_time_s).collect();
        need(times.len() >= 3, &format!("three samples of {name} at least"));
        need(times.first().is_some_and(|first| *first < event.media_time_s - 1.0), &format!("{name} over its window"));
    }
    let model = match event.kind {
        EventKind::Flame | EventKind::Smoke => Some("fire"),
        EventKind::Flood => Some("water"),
        _ => None,
    };
    need(event.models.iter().map(|model| model.id.as_str()).eq(model), "the model that saw it, and no other");
    need(event.models.iter().all(|model| model.sha256.len() == 64), "the model's hash");
    need((event.zone.is_some()) == (event.kind == EventKind::Flood), "a zone where there is one");
    need(event.kind.is_camera() || event.region.is_some(), "where in the picture");
    need(event.confidence > 0.0 && event.confidence <= 1.0, "how sure it is");
    lacks
}

#[test]
fn every_event_carries_its_whole_proof() {
    let events = announced();
    let mut phases: BTreeMap<EventKind, BTreeSet<Phase>> = BTreeMap::new();
    for event in &events {
        phases.entry(event.kind).or_default().insert(event.phase);
    }
    for kind in EventKind::ALL.into_iter().filter(|kind| !samples(*kind).is_empty()) {
        let seen = phases.get(&kind).cloned().unwrap_or_default();
        assert!(seen.contains(&Phase::Began) && seen.contains(&Phase::Ended), "{kind}: {seen:?}");
    }
    let lacking: BTreeSet<String> = events.iter().flat_map(lacks).collect();
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn a_proof_without_one_of_its_parts_is_found() {
    let whole = announced().into_iter().find(|event| event.kind == EventKind::Flame).unwrap();
    let spoils: [fn(&mut EventData); 6] = [
        |event| event.proof.rule.clear(),
        |event| event.proof.thresholds.clear(),
        |event| event.proof.samples.retain(|sample| sample.name != "change_luma"),
        |event| event.models.clear(),
        |event| event.region = None,
        |event| event.confidence = 0.0,
    ];
    for spoil in spoils {
        let mut spoiled = whole.clone();
        spoil(&mut spoiled);
        assert_ne!(lacks(&spoiled), Vec::<String>::new());
    }
}
