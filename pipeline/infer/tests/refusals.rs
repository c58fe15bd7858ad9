//! What is refused, and in which words: wrong files, wrong shapes, providers that are not there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::{TINY_YOLOX, by_brightness, chain, folder, onnx, runtime, tiny_yolox};
use matpho_infer::{Model, Provider, Runtime, SessionOptions};

/// Opens the model `tiny` and expects these words.
#[track_caller]
fn refuses(onnx: &[u8], registry: &str, says: &str) {
    let (folder, registry) = folder(onnx, registry);
    let entry = registry.get(&"tiny".parse().unwrap()).unwrap();
    let error = Model::open(&runtime(), entry, &SessionOptions::default()).map(drop).unwrap_err();
    assert_eq!(chain(&error, folder.path()), says);
}

#[test]
fn a_model_that_is_not_in_the_registry() {
    let (folder, registry) = folder(&tiny_yolox(), TINY_YOLOX);
    let error = registry.get(&"boats".parse().unwrap()).unwrap_err();
    assert_eq!(chain(&error, folder.path()), "no model `boats` in DIR/registry.toml; it has tiny");
}

#[test]
fn a_file_that_is_missing() {
    let (folder, registry) = folder(&tiny_yolox(), TINY_YOLOX);
    fs::remove_file(folder.path().join("tiny.onnx")).unwrap();
    let error = registry.verify().remove(0).1.unwrap_err();
    assert_eq!(
        chain(&error, folder.path()),
        "failed to read DIR/tiny.onnx of model `tiny`\ncaused by: No such file or directory (os error 2)"
    );
}

#[test]
fn a_file_that_is_another() {
    let registry = TINY_YOLOX.replace("SHA256", &"0".repeat(64));
    refuses(
        b"another file",
        &registry,
        "DIR/tiny.onnx of model `tiny` is not the file that the registry declares:\n  \
         declared sha256 0000000000000000000000000000000000000000000000000000000000000000\n  \
         found    sha256 100ef6a71bac925f709fe9c114c60460bf6e472cfdb9d44bd8adf1698135260f\n\
         put the declared file there, or, where the new file is wanted, its hash into the registry",
    );
}

#[test]
fn a_file_that_is_no_model() {
    let says = "ONNX Runtime cannot load DIR/tiny.onnx of model `tiny` with provider `cpu`\ncaused by: ";
    for file in [&b"no model at all"[..], &tiny_yolox()[..200], b""] {
        let (folder, registry) = folder(file, TINY_YOLOX);
        let entry = registry.get(&"tiny".parse().unwrap()).unwrap();
        let error = Model::open(&runtime(), entry, &SessionOptions::default()).map(drop).unwrap_err();
        let found = chain(&error, folder.path());
        assert!(found.starts_with(says) && found.len() > says.len(), "{found}");
    }
}

#[test]
fn an_input_of_another_size() {
    refuses(
        &tiny_yolox(),
        &TINY_YOLOX.replace("height = 8", "height = 16"),
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: input `x` is [1, 3, 8, 16], by the registry it would be \
         [1, 3, 16, 16]: mend `input.height`",
    );
}

#[test]
fn other_classes() {
    let registry = TINY_YOLOX
        .replace("[\"car\", \"motorcycle\"]", "[\"car\", \"motorcycle\", \"bus\"]")
        .replace("car = 0.5", "car = 0.5\nbus = 0.5");
    refuses(
        &tiny_yolox(),
        &registry,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: output `out` is [1, 2, 7], by the registry it would be \
         [1, 2, 8]: mend `classes`",
    );
}

#[test]
fn other_strides() {
    refuses(
        &tiny_yolox(),
        &TINY_YOLOX.replace("strides = [8]", "strides = [8, 16]"),
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: output `out` is [1, 2, 7], by the registry it would be \
         [1, 3, 7]: mend `input.width`, `input.height` or `output.strides`",
    );
}

#[test]
fn another_family() {
    let detr = TINY_YOLOX.replace("\"yolox\"", "\"detr\"").replace("nms_iou = 0.5\n", "");
    refuses(
        &tiny_yolox(),
        &detr,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: it has 1 outputs (`out` [1, 2, 7] f32) and a detr model has \
         2 or 3: mend `family`, `output.strides` or `output.names`",
    );
    let classify = by_brightness(&[1, 3, 8, 16], &[("out", &[1, 2], &[0.0; 2], &[0.0; 2])]);
    refuses(
        &classify,
        TINY_YOLOX,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: output `out` is [1, 2], by the registry it would be \
         [1, 2, 7]: mend `family` or `output.names`",
    );
}

#[test]
fn an_output_of_another_name() {
    refuses(
        &tiny_yolox(),
        &TINY_YOLOX.replace("strides = [8]", "strides = [8]\nnames = [\"detections\"]"),
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: it has no output `detections`; it has out: mend `output.names`",
    );
}

#[test]
fn distances_that_are_no_four_sides() {
    let registry =
        TINY_YOLOX.replace("\"yolox\"", "\"picodet\"").replace("strides = [8]", "strides = [8]\nnames = [\"scores\", \"sides\"]");
    let file = by_brightness(
        &[1, 3, 8, 16],
        &[("scores", &[1, 2, 2], &[0.0; 4], &[0.0; 4]), ("sides", &[1, 2, 7], &[0.0; 14], &[0.0; 14])],
    );
    refuses(
        &file,
        &registry,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: output `sides` is [1, 2, 7], whose 7 distances are not four \
         sides of equal bins: mend `classes` or `output.names`",
    );
}

#[test]
fn a_shape_that_shows_only_when_the_model_runs() {
    // Declares any number of anchors and answers three, where two are right.
    let nodes = [onnx::node("Identity", &["answer"], "out", &[])];
    let file = onnx::model(
        &nodes,
        &[onnx::floats("answer", &[1, 3, 7], &[0.0; 21])],
        &[onnx::value("x", onnx::FLOAT, &[-1, 3, -1, -1])],
        &[onnx::value("out", onnx::FLOAT, &[-1, -1, 7])],
    );
    refuses(
        &file,
        TINY_YOLOX,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: output `out` is [1, 3, 7], by the registry it would be \
         [1, 2, 7]: mend `input.width`, `input.height` or `output.strides`",
    );
}

#[test]
fn an_input_that_is_no_picture() {
    let file = onnx::model(
        &[onnx::node("Identity", &["x"], "out", &[])],
        &[],
        &[onnx::value("x", onnx::INT64, &[1, 3, 8, 16])],
        &[onnx::value("out", onnx::INT64, &[1, 3, 8, 16])],
    );
    refuses(
        &file,
        TINY_YOLOX,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: input `x` [1, 3, 8, 16] i64 is neither float32 nor uint8: \
         export it with one of them",
    );
}

#[test]
fn bytes_that_would_have_to_be_scaled() {
    let file = onnx::model(
        &[onnx::node("Cast", &["x"], "out", &[("to", onnx::Attribute::Whole(onnx::FLOAT))])],
        &[],
        &[onnx::value("x", onnx::UINT8, &[1, 3, 8, 16])],
        &[onnx::value("out", onnx::FLOAT, &[1, 3, 8, 16])],
    );
    refuses(
        &file,
        &TINY_YOLOX.replace("mean = [0.0, 0.0, 0.0]", "mean = [127.5, 127.5, 127.5]"),
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: input `x` [1, 3, 8, 16] u8 takes bytes as they are: mend \
         `input.mean` (to [0.0, 0.0, 0.0]) and `input.scale` (to [1.0, 1.0, 1.0])",
    );
}

#[test]
fn logits_where_probabilities_are_declared() {
    let registry = TINY_YOLOX
        .replace("\"yolox\"", "\"classify\"")
        .replace("nms_iou = 0.5\n", "")
        .replace("decoded = false", "decoded = true");
    refuses(
        &by_brightness(&[1, 3, 8, 16], &[("out", &[1, 2], &[0.0; 2], &[7.5, -1.0])]),
        &registry,
        "DIR/tiny.onnx of model `tiny` does not fit its registry entry: 7.5 is no probability; set `output.decoded = false` where the \
         outputs are logits",
    );
}

#[test]
fn a_provider_that_the_library_lacks() {
    let (_folder, registry) = folder(&tiny_yolox(), TINY_YOLOX);
    let entry = registry.get(&"tiny".parse().unwrap()).unwrap();
    let runtime = runtime();
    let lacking = Provider::ALL.into_iter().find(|provider| !runtime.providers().contains(provider));
    let Some(provider) = lacking else { panic!("no library has all of {:?}", Provider::ALL) };
    let options = SessionOptions { provider, ..SessionOptions::default() };
    let error = Model::open(&runtime, entry, &options).map(drop).unwrap_err().to_string();
    let available = runtime.providers().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let library = runtime.library().display();
    assert_eq!(
        error,
        format!(
            "execution provider `{provider}` is not in {library}, which has {available}: choose one of these, or load a build of \
             ONNX Runtime that has `{provider}` (ORT_DYLIB_PATH)"
        )
    );
    assert!(runtime.providers().contains(&Provider::Cpu));
}

#[test]
fn a_library_that_is_not_there_or_is_none() {
    let error = Runtime::load(Some("/nowhere/libonnxruntime.so".as_ref())).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no ONNX Runtime library at /nowhere/libonnxruntime.so (named by the configuration); run `make setup`, or name the \
         library of your device's vendor there"
    );
    // What is loaded stays loaded; another library cannot take its place.
    let loaded = runtime();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("libonnxruntime.so");
    fs::write(&other, b"no library").unwrap();
    let error = Runtime::load(Some(&other)).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "ONNX Runtime is already loaded from {}; {} would need a process of its own",
            loaded.library().display(),
            other.canonicalize().unwrap().display()
        )
    );
    assert_eq!(Runtime::load(Some(loaded.library())).unwrap().library(), loaded.library());
}
