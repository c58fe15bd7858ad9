//! Each family through the real ONNX Runtime: picture in, findings out.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    TINY_YOLOX, by_brightness,
    onnx::{
        self,
        Attribute::{Whole, Wholes},
    },
    open, picture, tiny_yolox,
};
use matpho_infer::{Output, SessionOptions, Tiling};
use matpho_scene::{Class, Detection};

fn detections(output: Output) -> Vec<Detection> {
    match output {
        Output::Detections(found) => found,
        other => panic!("{other:?}"),
    }
}

/// `class score [x1, y1, x2, y2]` in pixels of a 160 x 80 picture.
fn lines(found: &[Detection]) -> Vec<String> {
    let line = |d: &Detection| {
        let [x1, y1, x2, y2] = d.bbox.to_pixels(matpho_scene::PictureSize { width: 160, height: 80 });
        format!("{} {:.2} [{x1:.0}, {y1:.0}, {x2:.0}, {y2:.0}]", d.class, d.score.get())
    };
    found.iter().map(line).collect()
}

#[test]
fn yolox_finds_what_the_picture_shows() {
    let mut model = open(&tiny_yolox(), TINY_YOLOX, &SessionOptions::default()).unwrap();
    let (white, grey) = (picture(160, 80, |_, _| [255; 3]), picture(160, 80, |_, _| [120; 3]));
    assert_eq!(lines(&detections(model.run(&white).unwrap())), ["car 1.00 [40, 20, 120, 60]"]);
    assert_eq!(lines(&detections(model.run(&grey).unwrap())), [""; 0]);
    assert_eq!(model.stats().runs, 2);
    assert!(model.stats().mean() > std::time::Duration::ZERO);
}

#[test]
fn thresholds_can_be_lowered_for_one_class_or_for_a_tracker() {
    let grey = picture(160, 80, |_, _| [102; 3]);
    let by_class = SessionOptions { thresholds: [(Class::Car, 0.3)].into(), ..SessionOptions::default() };
    let by_floor = SessionOptions { score_floor: Some(0.1), ..SessionOptions::default() };
    for options in [by_class, by_floor] {
        let mut model = open(&tiny_yolox(), TINY_YOLOX, &options).unwrap();
        assert_eq!(lines(&detections(model.run(&grey).unwrap())), ["car 0.40 [40, 20, 120, 60]"]);
    }
}

#[test]
fn a_letterboxed_box_comes_back_to_its_place() {
    let registry = TINY_YOLOX.replace("resize = \"stretch\"", "resize = \"letterbox\"\npad = 255");
    let mut model = open(&tiny_yolox(), &registry, &SessionOptions::default()).unwrap();
    // 80 x 80 fills the left 8 of 16 columns: the car of [4, 2, 12, 6] hangs over the right side.
    let found = detections(model.run(&picture(80, 80, |_, _| [255; 3])).unwrap());
    let bbox = found[0].bbox;
    assert_eq!([bbox.x1(), bbox.y1(), bbox.x2(), bbox.y2()], [0.5, 0.25, 1.0, 0.75]);
}

#[test]
fn tiles_find_what_the_whole_picture_is_too_coarse_for() {
    let mut model = open(&tiny_yolox(), TINY_YOLOX, &SessionOptions::default()).unwrap();
    // White is only the lower right quarter: the whole is too dark, that tile is not.
    let corner = picture(160, 80, |x, y| if x >= 80 && y >= 40 { [255; 3] } else { [0; 3] });
    assert_eq!(lines(&detections(model.run(&corner).unwrap())), [""; 0]);
    let tiling = Tiling { cols: 2, rows: 2, overlap: 0.0 };
    assert_eq!(lines(&detections(model.run_tiled(&corner, tiling).unwrap())), ["car 1.00 [100, 50, 140, 70]"]);
    assert_eq!(model.stats().runs, 6);
}

#[test]
fn bytes_go_in_as_they_are() {
    // Takes uint8, and casts by itself.
    let gain = [1.0 / 255.0, 0.0];
    let nodes = [
        onnx::node("Cast", &["bytes"], "x", &[("to", Whole(onnx::FLOAT))]),
        onnx::node("ReduceMean", &["x"], "mean", &[("axes", Wholes(&[1, 2, 3]))]),
        onnx::node("Reshape", &["mean", "scalar"], "brightness", &[]),
        onnx::node("Mul", &["gain", "brightness"], "out", &[]),
    ];
    let constants = [onnx::wholes("scalar", &[1], &[1]), onnx::floats("gain", &[1, 2], &gain)];
    let file = onnx::model(
        &nodes,
        &constants,
        &[onnx::value("bytes", onnx::UINT8, &[1, 3, 8, 16])],
        &[onnx::value("out", onnx::FLOAT, &[1, 2])],
    );
    let registry = classifier(true);
    let mut model = open(&file, &registry, &SessionOptions::default()).unwrap();
    match model.run(&picture(16, 8, |_, _| [51; 3])).unwrap() {
        Output::Labels(labels) => {
            assert_eq!(labels[0].0, "wet");
            assert!((labels[0].1.get() - 0.2).abs() < 1e-6);
        }
        other => panic!("{other:?}"),
    }
}

fn classifier(decoded: bool) -> String {
    TINY_YOLOX
        .replace("\"yolox\"", "\"classify\"")
        .replace("nms_iou = 0.5\n", "")
        .replace("[\"car\", \"motorcycle\"]", "[\"wet\", \"dry\"]")
        .replace("car =", "wet =")
        .replace("motorcycle =", "dry =")
        .replace("decoded = false", &format!("decoded = {decoded}"))
}

#[test]
fn a_picture_is_classified_by_logits() {
    let file = by_brightness(&[1, 3, 8, 16], &[("out", &[1, 2], &[0.0, 0.0], &[0.0, 3f32.ln()])]);
    let mut model = open(&file, &classifier(false), &SessionOptions::default()).unwrap();
    match model.run(&picture(16, 8, |_, _| [51; 3])).unwrap() {
        Output::Labels(labels) => {
            let text: Vec<_> = labels.iter().map(|(name, score)| format!("{name} {:.2}", score.get())).collect();
            assert_eq!(text, ["dry 0.75", "wet 0.25"]);
        }
        other => panic!("{other:?}"),
    }
}

/// Water is what is blue: the mean of the blue plane over 8 x 8 pixels.
fn tiny_segment() -> Vec<u8> {
    let nodes = [
        onnx::node("Conv", &["x", "blue"], "full", &[]),
        onnx::node("AveragePool", &["full"], "out", &[("kernel_shape", Wholes(&[8, 8])), ("strides", Wholes(&[8, 8]))]),
    ];
    onnx::model(
        &nodes,
        &[onnx::floats("blue", &[1, 3, 1, 1], &[1.0 / 255.0, 0.0, 0.0])],
        &[onnx::value("x", onnx::FLOAT, &[1, 3, 16, 32])],
        &[onnx::value("out", onnx::FLOAT, &[1, 1, -1, -1])],
    )
}

const TINY_SEGMENT: &str = r#"
[[model]]
id = "tiny"
file = "tiny.onnx"
sha256 = "SHA256"
family = "segment"
classes = ["water"]
licence = "Apache-2.0"
card = "none"
summary = "a test"
[model.input]
width = 32
height = 16
layout = "nchw"
channels = "bgr"
mean = [0.0, 0.0, 0.0]
scale = [1.0, 1.0, 1.0]
resize = "stretch"
[model.output]
decoded = true
strides = [8]
[model.threshold]
water = 0.5
"#;

#[test]
fn a_mask_shows_the_water_where_it_is() {
    let mut model = open(&tiny_segment(), TINY_SEGMENT, &SessionOptions::default()).unwrap();
    // Blue in the second of four columns of the lower half, red elsewhere.
    let street = picture(64, 32, |x, y| if (16..32).contains(&x) && y >= 16 { [0, 0, 255] } else { [255, 0, 0] });
    match model.run(&street).unwrap() {
        Output::Mask(mask) => {
            assert_eq!((mask.width(), mask.height()), (4, 2));
            let wet: Vec<_> = mask.cells().iter().map(|&cell| cell > 127).collect();
            assert_eq!(wet, [false, false, false, false, false, true, false, false]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mask_knows_nothing_of_letterbox_bars() {
    let registry = TINY_SEGMENT.replace("resize = \"stretch\"", "resize = \"letterbox\"\npad = 0");
    let mut model = open(&tiny_segment(), &registry, &SessionOptions::default()).unwrap();
    match model.run(&picture(16, 16, |_, _| [0, 0, 255])).unwrap() {
        Output::Mask(mask) => assert_eq!((mask.width(), mask.height(), mask.cells()), (2, 2, &[255; 4][..])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn picodet_reads_scores_and_distances_by_level() {
    let registry = TINY_YOLOX
        .replace("\"yolox\"", "\"picodet\"")
        .replace("strides = [8]", "strides = [8, 16]\nnames = [\"s8\", \"s16\", \"d8\", \"d16\"]");
    // Distances of exactly 1 and 0 strides: two bins.
    let (one, none) = ([-99.0f32, 99.0], [99.0f32, -99.0]);
    let d8 = [[one, none, none, one].concat(), [one, none, none, one].concat()].concat();
    let d16 = [none, one, one, none].concat();
    let file = by_brightness(
        &[1, 3, 8, 16],
        &[
            ("d16", &[1, 1, 8], &[0.0; 8], &d16),
            ("d8", &[1, 2, 8], &[0.0; 16], &d8),
            ("s16", &[1, 1, 2], &[0.7 / 255.0, 0.0], &[0.0; 2]),
            ("s8", &[1, 2, 2], &[0.0, 0.0, 0.0, 0.9 / 255.0], &[0.0; 4]),
        ],
    );
    let mut model = open(&file, &registry, &SessionOptions::default()).unwrap();
    let found = detections(model.run(&picture(160, 80, |_, _| [255; 3])).unwrap());
    // Stride 8, second cell: from (12, 4) one stride left and down. Stride 16, its only cell: from (8, 8) one up and right. Clipped.
    assert_eq!(lines(&found), ["motorcycle 0.90 [40, 40, 120, 80]", "car 0.70 [80, 0, 160, 80]"]);
}

#[test]
fn detr_boxes_are_shares_of_the_input() {
    let registry = TINY_YOLOX
        .replace("\"yolox\"", "\"detr\"")
        .replace("nms_iou = 0.5\n", "")
        .replace("strides = [8]", "strides = []\nnames = [\"boxes\", \"logits\"]");
    let file = by_brightness(
        &[1, 3, 8, 16],
        &[
            ("logits", &[1, 2, 2], &[0.0, 4.0 / 255.0, 0.0, 0.0], &[-9.0, -3.0, -9.0, -9.0]),
            ("boxes", &[1, 2, 4], &[0.0; 8], &[0.5, 0.5, 0.25, 0.5, 0.0, 0.0, 0.0, 0.0]),
        ],
    );
    let mut model = open(&file, &registry, &SessionOptions::default()).unwrap();
    let found = detections(model.run(&picture(160, 80, |_, _| [255; 3])).unwrap());
    assert_eq!(lines(&found), ["motorcycle 0.73 [60, 20, 100, 60]"]);
}

#[test]
fn a_detr_with_its_post_processor_inside_is_told_the_input_s_size() {
    let registry = TINY_YOLOX
        .replace("\"yolox\"", "\"detr\"")
        .replace("nms_iou = 0.5\n", "")
        .replace("strides = [8]", "strides = []\nnames = [\"labels\", \"boxes\", \"scores\"]");
    // Boxes are the sizes that it is told: [0, 0, width, height] / 2.
    let nodes = [
        onnx::node("Cast", &["orig_target_sizes"], "wh", &[("to", Whole(onnx::FLOAT))]),
        onnx::node("Concat", &["zeros", "wh"], "corners", &[("axis", Whole(1))]),
        onnx::node("Mul", &["corners", "half"], "flat", &[]),
        onnx::node("Reshape", &["flat", "boxes.shape"], "boxes", &[]),
        onnx::node("ReduceMean", &["x"], "mean", &[("axes", Wholes(&[1, 2, 3]))]),
        onnx::node("Reshape", &["mean", "scores.shape"], "brightness", &[]),
        onnx::node("Mul", &["brightness", "gain"], "scores", &[]),
        onnx::node("Identity", &["label"], "labels", &[]),
    ];
    let constants = [
        onnx::floats("zeros", &[1, 2], &[0.0; 2]),
        onnx::floats("half", &[1], &[0.5]),
        onnx::wholes("boxes.shape", &[3], &[1, 1, 4]),
        onnx::wholes("scores.shape", &[2], &[1, 1]),
        onnx::floats("gain", &[1], &[1.0 / 255.0]),
        onnx::wholes("label", &[1, 1], &[1]),
    ];
    let file = onnx::model(
        &nodes,
        &constants,
        &[onnx::value("x", onnx::FLOAT, &[-1, 3, 8, 16]), onnx::value("orig_target_sizes", onnx::INT64, &[-1, 2])],
        &[
            onnx::value("labels", onnx::INT64, &[-1, -1]),
            onnx::value("boxes", onnx::FLOAT, &[-1, -1, 4]),
            onnx::value("scores", onnx::FLOAT, &[-1, -1]),
        ],
    );
    let mut model = open(&file, &registry, &SessionOptions::default()).unwrap();
    let found = detections(model.run(&picture(160, 80, |_, _| [255; 3])).unwrap());
    assert_eq!(lines(&found), ["motorcycle 1.00 [0, 0, 80, 40]"]);
}
