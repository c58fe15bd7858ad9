//! Pictures and truth are functions of scenario, camera and time; truth lies inside the picture and says what is there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use matpho_sim::{CameraSim, Class, Direction, Fault, Models, Scenario, Truth, describe, vary};

fn scenario(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("test.toml")).expect("a scenario")
}

fn street(events: &str) -> Scenario {
    scenario(&format!(
        "seed = 5\n[[camera]]\nid = \"a\"\nwidth = 320\nheight = 180\nfps = 5\ntraffic = {{ inbound_per_h = 3000, outbound_per_h = 1500, walkers = 4 }}\n{events}"
    ))
}

/// Hash of every picture and truth of five seconds.
fn film(s: &Scenario, models: &Models) -> (u64, Vec<Truth>) {
    let mut sim = CameraSim::new(s, &s.cameras[0], models);
    let mut hash = DefaultHasher::new();
    let truths = (0..25)
        .map(|n| {
            let p = sim.picture(f64::from(n) * 0.2, Fault::None);
            p.yuv.hash(&mut hash);
            p.truth
        })
        .collect();
    (hash.finish(), truths)
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let models = Models::build();
    let s = street("look = { hour = \"night\", rain = 0.5 }\n");
    let (a, truth) = film(&s, &models);
    assert_eq!((a, truth), film(&s, &models));
    let other = Scenario { seed: 6, ..s };
    assert_ne!(a, film(&other, &models).0);
}

#[test]
fn boxes_lie_in_the_picture_and_counts_count_them() {
    let models = Models::build();
    for seed in 0..6 {
        let mut s = street("");
        s.cameras[0] = vary(&s.cameras[0], seed);
        let mut sim = CameraSim::new(&s, &s.cameras[0], &models);
        let mut seen = 0;
        for n in 0..8 {
            let truth = sim.picture(f64::from(n) * 4.0, Fault::None).truth;
            for b in &truth.boxes {
                let [x1, y1, x2, y2] = b.bounds;
                assert!(0.0 <= x1 && x1 < x2 && x2 <= 320.0 && 0.0 <= y1 && y1 < y2 && y2 <= 180.0, "{b:?}");
                assert!(b.visible > 0.0 && b.visible <= 1.0, "{b:?}");
                let left = b.direction == Some(Direction::Inbound);
                assert!(b.direction.is_none() || left == (b.at_m[0] < 0.0), "traffic keeps right: {b:?}");
            }
            assert_eq!(truth.counts.values().sum::<u32>() as usize, truth.boxes.len());
            seen += truth.boxes.len();
        }
        assert!(seen > 8, "an empty street, seed {seed}");
    }
}

#[test]
fn a_box_holds_its_vehicle() {
    // The picture with traffic differs from the one without it just where the boxes are.
    let models = Models::build();
    const WIDTH: usize = 640;
    let mut s = street("");
    (s.cameras[0].width, s.cameras[0].height) = (WIDTH, 360);
    let mut empty = s.clone();
    let t = &mut empty.cameras[0].traffic;
    (t.inbound_per_h, t.outbound_per_h, t.walkers) = (0.0, 0.0, 0);
    let mut busy = CameraSim::new(&s, &s.cameras[0], &models);
    let mut bare = CameraSim::new(&empty, &empty.cameras[0], &models);
    let with = busy.picture(3.0, Fault::None);
    let (with, boxes) = (with.yuv.to_vec(), with.truth.boxes);
    let without = bare.picture(3.0, Fault::None).yuv.to_vec();
    let changed = |x: usize, y: usize| with[y * WIDTH + x].abs_diff(without[y * WIDTH + x]) > 24;
    let mut checked = 0;
    for b in boxes.iter().filter(|b| b.visible > 0.9 && b.bounds[3] - b.bounds[1] > 14.0) {
        let [x1, y1, x2, y2] = b.bounds.map(|v| v as usize);
        let (mut inside, mut n) = (0, 0);
        for y in y1..y2 {
            for x in x1..x2 {
                inside += usize::from(changed(x, y));
                n += 1;
            }
        }
        assert!(inside * 4 > n, "{inside} of {n} pixels changed in {b:?}");
        checked += 1;
    }
    assert!(checked >= 3, "only {checked} vehicles were large enough to check");
}

#[test]
fn what_happens_is_in_the_truth() {
    type Check = fn(&Truth) -> bool;
    let table: &[(&str, &str, f64, Check)] = &[
        ("a jam", "kind = \"jam\"\nat_s = 2\ndirection = \"inbound\"", 60.0, |t| t.states.jam == [Direction::Inbound]),
        ("a fire", "kind = \"fire\"\nat_s = 2\nat_m = 25\nplace = \"kerb\"", 20.0, |t| {
            !t.states.fire.is_empty() && !t.states.smoke.is_empty()
        }),
        ("smoke alone", "kind = \"smoke\"\nat_s = 2\nat_m = 30", 20.0, |t| {
            t.states.fire.is_empty() && !t.states.smoke.is_empty()
        }),
        ("a flood", "kind = \"flood\"\nat_s = 2\ndepth_cm = 35\nrise_s = 10", 20.0, |t| {
            t.states.water_share > 0.7 && (30.0..=35.0).contains(&t.states.water_depth_cm)
        }),
        ("a standing car", "kind = \"stopped\"\nat_s = 2\ndirection = \"outbound\"\nclass = \"motorcycle\"", 40.0, |t| {
            t.states.stopped && t.boxes.iter().any(|b| b.stopped && b.class == Class::Motorcycle)
        }),
        ("a wrong-way rider", "kind = \"wrong_way\"\nat_s = 2\ndirection = \"inbound\"", 6.0, |t| {
            t.states.wrong_way && t.boxes.iter().any(|b| b.wrong_way && b.direction == Some(Direction::Inbound))
        }),
    ];
    let models = Models::build();
    for (what, event, at, holds) in table {
        let s = street(&format!("[[camera.event]]\n{event}\n"));
        let mut sim = CameraSim::new(&s, &s.cameras[0], &models);
        assert!(!holds(&sim.picture(0.0, Fault::None).truth), "{what} before its time");
        let truth = sim.picture(*at, Fault::None).truth;
        assert!(holds(&truth), "{what} at {at} s: {:?}", truth.states);
    }
}

#[test]
fn faults_change_the_picture_as_they_say() {
    let models = Models::build();
    let s = street("");
    let pictures = |fault: Fault| {
        let mut sim = CameraSim::new(&s, &s.cameras[0], &models);
        sim.picture(0.0, Fault::None);
        let a = sim.picture(1.0, fault);
        assert_eq!(a.truth.states.fault.as_deref(), (fault != Fault::None).then(|| fault.kind()));
        let a = a.yuv.to_vec();
        (a, sim.picture(2.0, fault).yuv.to_vec())
    };
    // Of the middle of the picture, away from the text: mean, mean step from pixel to pixel.
    let measure = |yuv: &[u8]| {
        let (mut sum, mut step, mut n) = (0.0, 0.0, 0.0);
        for y in 40..150 {
            for x in 10..310 {
                let v = f64::from(yuv[y * 320 + x]);
                sum += v;
                step += (v - f64::from(yuv[y * 320 + x + 1])).abs();
                n += 1.0;
            }
        }
        (sum / n, step / n)
    };
    let difference = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
    let (healthy, later) = pictures(Fault::None);
    assert_ne!(healthy, later);
    let (frozen, still) = pictures(Fault::Freeze);
    assert_eq!(frozen, still);
    assert!(measure(&pictures(Fault::Black).0).0 < 22.0);
    assert!(measure(&pictures(Fault::Cover).0).0 < 70.0);
    assert!(measure(&pictures(Fault::Blur).0).1 < 0.5 * measure(&healthy).1, "a blurred picture has no edges");
    let moved = pictures(Fault::Shift { yaw_deg: 14.0, pitch_deg: 0.0 }).0;
    assert!(difference(&moved, &healthy) > 3.0 * difference(&later, &healthy), "a moved camera sees something else");
    for network in [Fault::Hang, Fault::Kill, Fault::WrongPassword, Fault::ClockSkew { seconds: 9.0 }] {
        assert_eq!(pictures(network).0, healthy, "{network:?} is not the lens's fault");
    }
}

#[test]
fn every_scenario_that_comes_with_the_project_loads_and_describes_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut n = 0;
    for entry in std::fs::read_dir(folder).expect("the scenarios") {
        let path = entry.expect("an entry").path();
        let s = Scenario::load(&path).unwrap_or_else(|e| panic!("{e}"));
        let d = describe(&s);
        for c in d["cameras"].as_array().expect("cameras") {
            assert_eq!(c["ground"].as_array().map(Vec::len), Some(4), "{}: {c}", path.display());
            for way in c["carriageways"].as_array().expect("carriageways") {
                let polygon = way["polygon"].as_array().expect("a polygon");
                assert!(polygon.len() >= 3);
                for p in polygon {
                    let (x, y) = (p[0].as_f64().expect("x"), p[1].as_f64().expect("y"));
                    assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y), "{way}");
                }
            }
        }
        n += 1;
    }
    assert!(n >= 3);
}

#[test]
fn every_camera_that_comes_with_the_project_can_be_drawn_through_its_events() {
    let models = Models::build();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for entry in std::fs::read_dir(folder).expect("the scenarios") {
        let s = Scenario::load(&entry.expect("an entry").path()).unwrap_or_else(|e| panic!("{e}"));
        for camera in &s.cameras {
            let mut sim = CameraSim::new(&s, camera, &models);
            for second in [1.0, 20.0, 34.0, 60.0] {
                let picture = sim.picture(second, Fault::None);
                assert!(picture.yuv.len() >= camera.width * camera.height * 3 / 2, "{} at {second} s", camera.id);
            }
        }
    }
}
