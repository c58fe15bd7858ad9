//! The registry file: what is shipped, and every complaint about a wrong one, with its line and key.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::TINY_YOLOX;
use matpho_infer::{Family, Model, Output, Registry, Resize, SessionOptions, Shrink};
use matpho_scene::{Class, Picture, PictureSize};

fn parse(text: &str) -> Result<Registry, String> {
    Registry::parse(Path::new("models/registry.toml"), text).map_err(|error| error.to_string())
}

/// The text that is right up to a replacement.
fn with(from: &str, to: &str) -> String {
    let right = TINY_YOLOX.trim_start().replace("SHA256", &"ab".repeat(32));
    assert!(right.contains(from), "{from}");
    right.replace(from, to)
}

#[test]
fn a_right_entry_is_read_whole() {
    let registry = parse(&with("", "")).unwrap();
    let entry = registry.get(&"tiny".parse().unwrap()).unwrap();
    assert_eq!((entry.family, entry.nms_iou), (Family::Yolox, Some(0.5)));
    assert_eq!(entry.file, Path::new("models/tiny.onnx"));
    assert_eq!((entry.input.size, entry.input.resize), (PictureSize { width: 16, height: 8 }, Resize::Stretch));
    assert_eq!(entry.input.shrink, Shrink::Bilinear);
    assert_eq!((entry.output.decoded, &entry.output.strides[..]), (false, &[8][..]));
    assert_eq!((entry.threshold(Class::Car), entry.threshold(Class::Bus)), (Some(0.5), None));
}

#[test]
fn a_model_may_ask_for_averaged_pictures() {
    let registry = parse(&with("\"stretch\"", "\"stretch\"\nshrink = \"average\"")).unwrap();
    assert_eq!(registry.entries()[0].input.shrink, Shrink::Average);
}

#[test]
fn an_empty_registry_has_no_models() {
    assert_eq!(parse("").unwrap().entries(), []);
}

/// Every complaint, in its words.
#[test]
fn complaints_name_line_and_key() {
    let cases = [
        (
            "sha256 = \"",
            "sha256 = \"AB",
            "line 4: model[tiny].sha256: expected 64 lower-case hex digits, as `sha256sum FILE` prints them",
        ),
        (
            "\"yolox\"",
            "\"yolov5\"",
            "line 5: model[tiny].family: expected \"yolox\" or \"picodet\" or \"detr\" or \"classify\" or \"segment\", found \"yolov5\"",
        ),
        (
            "classes = [\"car\", \"motorcycle\"]",
            "classes = [\"car\", \"car\"]",
            "line 6: model[tiny].classes: lists \"car\" twice",
        ),
        ("nms_iou = 0.5", "nms_iou = 1.5", "line 7: model[tiny].nms_iou: expected a number from 0.0 to 1.0, found 1.5"),
        ("nms_iou = 0.5\n", "", "line 1: model[tiny].nms_iou: is missing"),
        (
            "summary =",
            "sumary =",
            "line 1: model[tiny].summary: is missing\n  line 10: model[tiny].sumary: there is no such key; did you mean `summary`? keys here are card, classes, family, file, id, input, licence, nms_iou, output, sha256, summary, threshold, url",
        ),
        ("width = 16", "width = 0", "line 12: model[tiny].input.width: expected a whole number from 1 to 8192, found 0"),
        (
            "width = 16",
            "width = \"wide\"",
            "line 12: model[tiny].input.width: expected a whole number from 1 to 8192, found \"wide\"",
        ),
        ("\"nchw\"", "\"nhwc\"", "line 14: model[tiny].input.layout: expected \"nchw\", found \"nhwc\""),
        (
            "mean = [0.0, 0.0, 0.0]",
            "mean = [0.0, 0.0]",
            "line 16: model[tiny].input.mean: expected three numbers, found a list of 2",
        ),
        (
            "scale = [1.0, 1.0, 1.0]",
            "scale = [1.0, 0, 1]",
            "line 17: model[tiny].input.scale: has a 0, which would wipe a channel out",
        ),
        ("\"stretch\"", "\"letterbox\"", "line 11: model[tiny].input.pad: is missing"),
        (
            "\"stretch\"",
            "\"stretch\"\npad = 114",
            "line 19: model[tiny].input.pad: goes with resize = \"letterbox\" only: a stretched picture has no bars",
        ),
        (
            "\"stretch\"",
            "\"stretch\"\nshrink = \"area\"",
            "line 19: model[tiny].input.shrink: expected \"bilinear\" or \"average\", found \"area\"",
        ),
        (
            "strides = [8]",
            "strides = []",
            "line 21: model[tiny].output.strides: lists no stride; expected one for each output level, such as [8, 16, 32]",
        ),
        (
            "strides = [8]",
            "strides = [8]\nnames = [\"a\", \"b\"]",
            "line 22: model[tiny].output.names: lists 2 outputs; a yolox model has 1 output",
        ),
        ("decoded = false", "decoded = 0", "line 20: model[tiny].output.decoded: expected true or false, found 0"),
        ("car = 0.5", "car = 5", "line 23: model[tiny].threshold.car: expected a number from 0.0 to 1.0, found 5"),
        ("car = 0.5", "cat = 0.5", "line 23: model[tiny].threshold.cat: is none of this model's classes"),
        ("car = 0.5\n", "", "line 22: model[tiny].threshold: has no score for car"),
        (
            "id = \"tiny\"",
            "id = \"Tiny!\"",
            "line 2: model[Tiny!].id: `Tiny!` is not an id: use 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter or a digit",
        ),
        ("[[model]]", "[model]", "line 1: model: it must be a list of tables: write [[model]]"),
        ("[[model]]", "version = 1\n[[model]]", "line 1: version: there is no such key; keys here are model"),
        ("id = \"tiny\"", "id = ", "line 2: string values must be quoted, expected literal string"),
    ];
    for (from, to, says) in cases {
        let error = parse(&with(from, to)).map(drop).unwrap_err();
        assert_eq!(error, format!("the model registry models/registry.toml is wrong:\n  {says}"), "{to}");
    }
}

#[test]
fn all_complaints_come_at_once() {
    let text = with("width = 16", "width = -1").replace("\"bgr\"", "\"grb\"").replace("motorcycle = 0.5", "motorcycle = true");
    let error = parse(&text).map(drop).unwrap_err();
    assert_eq!(
        error,
        "the model registry models/registry.toml is wrong:\n  \
         line 12: model[tiny].input.width: expected a whole number from 1 to 8192, found -1\n  \
         line 15: model[tiny].input.channels: expected \"bgr\" or \"rgb\", found \"grb\"\n  \
         line 24: model[tiny].threshold.motorcycle: expected a number from 0.0 to 1.0, found true"
    );
}

#[test]
fn an_id_is_used_once() {
    let text = format!("{0}\n{0}", with("", ""));
    let error = parse(&text).map(drop).unwrap_err();
    assert!(error.ends_with("model[tiny].id: is the id of another model above; ids are unique"), "{error}");
}

#[test]
fn a_model_that_nobody_could_use_is_refused() {
    let error = parse(
        &with("[\"car\", \"motorcycle\"]", "[\"cat\", \"dog\"]").replace("car =", "cat =").replace("motorcycle =", "dog ="),
    );
    assert_eq!(
        error.map(drop).unwrap_err(),
        "the model registry models/registry.toml is wrong:\n  line 1: model[tiny].classes: names nothing that Mắt Phố acts on; it acts \
         on person, bicycle, motorcycle, car, bus, truck, fire, smoke"
    );
}

#[test]
fn a_registry_that_is_not_there() {
    let error = Registry::load(Path::new("/nowhere/registry.toml")).unwrap_err();
    assert_eq!(error.to_string(), "failed to read the model registry /nowhere/registry.toml");
}

/// What the repository ships loads, is what it declares, and answers.
#[test]
fn every_shipped_model_opens_and_runs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/registry.toml");
    let registry = Registry::load(&path).unwrap_or_else(|error| panic!("{error}"));
    for id in ["vehicles", "fire", "water"] {
        registry.get(&id.parse().unwrap()).unwrap_or_else(|error| panic!("{error}"));
    }
    let size = PictureSize { width: 320, height: 200 };
    let grey = Picture::from_rgb(size, vec![128; size.pixels() * 3]).unwrap();
    for entry in registry.entries().iter().filter(|entry| entry.url.is_none()) {
        let mut model =
            Model::open(&common::runtime(), entry, &SessionOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        match model.run(&grey).unwrap() {
            Output::Detections(found) => assert!(found.len() < 3, "{} sees {found:?} in a grey picture", entry.id),
            Output::Mask(mask) => assert!(mask.width() > 8 && mask.height() > 4),
            Output::Labels(labels) => assert_eq!(labels.len(), entry.classes.len()),
        }
        assert_eq!(model.sha256(), entry.sha256);
    }
}
