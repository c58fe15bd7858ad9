//! Every entry that docs/models.md gives as a recipe, loaded and run on a network with that family's inputs and outputs, names and shapes included.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path};

use common::{
    by_brightness,
    onnx::{
        self,
        Attribute::{Whole, Wholes},
    },
    picture,
};
use matpho_infer::{Entry, Family, Model, Output, Registry, SessionOptions};
use matpho_scene::Class;
use sha2::{Digest, Sha256};

const DISTANCE_BINS: usize = 8;

/// The TOML blocks of the documentation.
fn recipes() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let text = fs::read_to_string(path).unwrap();
    text.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// A network as the entry describes it that sees a car in the middle of a white picture: 1/4 as wide and high as the input, centred as near as its grid
/// allows.
fn network(entry: &Entry) -> Vec<u8> {
    let (w, h) = (entry.input.size.width as usize, entry.input.size.height as usize);
    let input = [1, 3, h as i64, w as i64];
    let classes = entry.classes.len();
    let car = entry.classes.iter().position(|name| name == "car").unwrap();
    // What the network is fed for white is not 255 where the entry scales it.
    let white: f32 = (0..3).map(|n| (255.0 - entry.input.mean[n]) * entry.input.scale[n] / 3.0).sum();
    let grid = |stride: u32| (w.div_ceil(stride as usize), h.div_ceil(stride as usize));
    match entry.family {
        Family::Yolox => {
            let row = 5 + classes;
            let anchors: usize = entry.output.strides.iter().map(|&s| grid(s).0 * grid(s).1).sum();
            let (columns, rows) = grid(8);
            let anchor = rows / 2 * columns + columns / 2;
            let (mut gain, mut bias) = (vec![0.0; anchors * row], vec![0.0; anchors * row]);
            bias[anchor * row + 2] = (w as f32 / 4.0 / 8.0).ln();
            bias[anchor * row + 3] = (h as f32 / 4.0 / 8.0).ln();
            gain[anchor * row + 4] = 0.9 / white;
            bias[anchor * row + 5 + car] = 1.0;
            by_brightness(&input, &[("output", &[1, anchors as i64, row as i64], &gain, &bias)])
        }
        Family::Picodet => {
            let (mut scores, mut distances) = (Vec::new(), Vec::new());
            for &stride in &entry.output.strides {
                let (columns, rows) = grid(stride);
                let cells = columns * rows;
                let mut gain = vec![0.0; cells * classes];
                let mut sides = vec![0.0; cells * 4 * DISTANCE_BINS];
                if stride == 16 {
                    let cell = rows / 2 * columns + columns / 2;
                    gain[cell * classes + car] = 0.9 / white;
                    // 1/8 of the input to each side, in strides: one bin, surely.
                    let bin = (w / 8).div_ceil(stride as usize);
                    (0..4).for_each(|side| sides[(cell * 4 + side) * DISTANCE_BINS + bin] = 50.0);
                }
                scores.push((vec![1, cells as i64, classes as i64], gain));
                distances.push((vec![1, cells as i64, (4 * DISTANCE_BINS) as i64], sides));
            }
            let (nothing_scores, nothing_sides): (Vec<_>, Vec<_>) = (
                scores.iter().map(|(_, v)| vec![0.0; v.len()]).collect(),
                distances.iter().map(|(_, v)| vec![0.0; v.len()]).collect(),
            );
            let levels = entry.output.strides.len();
            let outputs: Vec<common::Answer<'_>> = (0..levels)
                .map(|n| (entry.output.names[n].as_str(), &scores[n].0[..], &scores[n].1[..], &nothing_scores[n][..]))
                .chain((0..levels).map(|n| {
                    (entry.output.names[levels + n].as_str(), &distances[n].0[..], &nothing_sides[n][..], &distances[n].1[..])
                }))
                .collect();
            by_brightness(&input, &outputs)
        }
        Family::Detr if entry.output.names.len() == 2 => {
            let (mut gain, mut bias) = (vec![0.0; 2 * classes], vec![-9.0; 2 * classes]);
            (gain[car], bias[car]) = (11.2 / white, -9.0);
            let boxes = [0.5, 0.5, 0.25, 0.25, 0.1, 0.1, 0.1, 0.1];
            let (names, queries) = (&entry.output.names, [1, 2, classes as i64]);
            by_brightness(&input, &[(&names[1], &queries, &gain, &bias), (&names[0], &[1, 2, 4], &[0.0; 8], &boxes)])
        }
        Family::Detr => {
            let nodes = [
                onnx::node("Cast", &["orig_target_sizes"], "wh", &[("to", Whole(onnx::FLOAT))]),
                onnx::node("Concat", &["wh", "wh"], "whwh", &[("axis", Whole(1))]),
                onnx::node("Mul", &["whwh", "middle"], "flat", &[]),
                onnx::node("Reshape", &["flat", "boxes.shape"], "boxes", &[]),
                onnx::node("ReduceMean", &["images"], "mean", &[("axes", Wholes(&[1, 2, 3]))]),
                onnx::node("Reshape", &["mean", "scores.shape"], "brightness", &[]),
                onnx::node("Mul", &["brightness", "gain"], "scores", &[]),
                onnx::node("Identity", &["label"], "labels", &[]),
            ];
            let constants = [
                onnx::floats("middle", &[1, 4], &[0.375, 0.375, 0.625, 0.625]),
                onnx::wholes("boxes.shape", &[3], &[1, 1, 4]),
                onnx::wholes("scores.shape", &[2], &[1, 1]),
                onnx::floats("gain", &[1], &[0.9 / white]),
                onnx::wholes("label", &[1, 1], &[car as i64]),
            ];
            let inputs = [
                onnx::value("images", onnx::FLOAT, &[-1, 3, h as i64, w as i64]),
                onnx::value("orig_target_sizes", onnx::INT64, &[-1, 2]),
            ];
            let outputs = [
                onnx::value("labels", onnx::INT64, &[-1, -1]),
                onnx::value("boxes", onnx::FLOAT, &[-1, -1, 4]),
                onnx::value("scores", onnx::FLOAT, &[-1, -1]),
            ];
            onnx::model(&nodes, &constants, &inputs, &outputs)
        }
        family => panic!("no recipe for {family} is known here"),
    }
}

#[test]
fn every_recipe_loads_and_finds_the_car_in_the_middle() {
    let mut families = Vec::new();
    for recipe in recipes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.toml");
        let parse = |hash: &str| Registry::parse(&path, &recipe.replace('…', hash)).unwrap_or_else(|error| panic!("{error}"));
        let described = parse(&"0".repeat(64)).entries()[0].clone();
        let file = network(&described);
        fs::write(&described.file, &file).unwrap();
        let registry = parse(&hex::encode(Sha256::digest(&file)));
        let entry = &registry.entries()[0];
        let mut model = Model::open(&common::runtime(), entry, &SessionOptions::default()).unwrap_or_else(|error| {
            panic!("{}: {}", entry.id, common::chain(&error, dir.path()));
        });
        // As wide as high as the input, so that letterbox and stretch mean the same.
        let white = picture(entry.input.size.width, entry.input.size.height, |_, _| [255; 3]);
        let Output::Detections(found) = model.run(&white).unwrap() else { panic!("{} gives no boxes", entry.id) };
        assert_eq!(found.len(), 1, "{}: {found:?}", entry.id);
        let (bbox, score) = (found[0].bbox, found[0].score.get());
        assert_eq!(found[0].class, Class::Car, "{}", entry.id);
        assert!((0.85..0.95).contains(&score), "{}: {score}", entry.id);
        let sides = [bbox.x1() - 0.375, bbox.y1() - 0.375, bbox.x2() - 0.625, bbox.y2() - 0.625];
        assert!(sides.iter().all(|off| off.abs() < 0.05), "{}: {bbox:?}", entry.id);
        let black = picture(64, 64, |_, _| [0; 3]);
        let Output::Detections(found) = model.run(&black).unwrap() else { panic!() };
        assert!(found.is_empty(), "{}: it has to look: {found:?}", entry.id);
        families.push((entry.family, entry.output.names.len()));
    }
    assert_eq!(families, [(Family::Yolox, 0), (Family::Picodet, 8), (Family::Detr, 2), (Family::Detr, 3)]);
}

/// Whoever pulls a public model gets what its entry needs; its file is not here, but the entry is complete.
#[test]
fn public_entries_are_complete() {
    let registry = Registry::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/registry.toml")).unwrap();
    let public: Vec<_> = registry.entries().iter().filter(|entry| entry.url.is_some()).collect();
    assert_eq!(
        public.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(),
        ["yolox-nano", "yolox-tiny", "yolox-s", "dfine-n"]
    );
    for entry in public {
        assert_eq!(entry.classes.len(), 80, "{}: all of COCO, in order", entry.id);
        assert_eq!((entry.classes[2].as_str(), entry.classes[7].as_str()), ("car", "truck"));
        assert!(entry.url.as_deref().is_some_and(|url| url.starts_with("https://")));
        assert_eq!(entry.class_thresholds().len(), 6);
        assert!(entry.file.parent().is_some_and(|folder| folder.ends_with("public")), "not among the files that are committed");
    }
}
