//! `models eval` with networks whose score is the brightness of the picture, so that every figure can be worked out by hand. The tables are kept in
//! `eval/tables.md`; `UPDATE_GOLDEN=1` rewrites them.

#[path = "../../../pipeline/infer/tests/common/mod.rs"]
mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use common::{TINY_YOLOX, by_brightness, tiny_yolox};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Writes a model and returns its registry entry.
fn model(folder: &Path, id: &str, onnx: &[u8], text: &str) -> String {
    fs::write(folder.join(format!("{id}.onnx")), onnx).unwrap();
    text.replace("SHA256", &hex::encode(Sha256::digest(onnx))).replace("\"tiny", &format!("\"{id}"))
}

/// An even picture; `label` is what stands beside it.
fn picture(folder: &Path, name: &str, brightness: u8, label: &str) {
    image::RgbImage::from_pixel(160, 80, image::Rgb([brightness; 3])).save(folder.join(format!("{name}.png"))).unwrap();
    fs::write(folder.join(format!("{name}.txt")), label).unwrap();
}

/// Where the networks see what they see: the middle of the picture.
const MIDDLE: &str = "0 0.5 0.5 0.5 0.5\n";

/// Models, pictures, a manifest and an evaluation.
fn bench() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let road = model(at, "road", &tiny_yolox(), TINY_YOLOX);
    let fire = TINY_YOLOX
        .replace("[\"car\", \"motorcycle\"]", "[\"fire\", \"smoke\"]")
        .replace("car =", "fire =")
        .replace("motorcycle =", "smoke =");
    let fire = model(at, "fire", &tiny_yolox(), &fire);
    // Four columns, two rows: the left half is as wet as the picture is bright, the right half never.
    let gain = [1.0 / 255.0, 1.0 / 255.0, 0.0, 0.0, 1.0 / 255.0, 1.0 / 255.0, 0.0, 0.0];
    let water = TINY_YOLOX
        .replace("\"yolox\"", "\"segment\"")
        .replace("[\"car\", \"motorcycle\"]", "[\"water\"]")
        .replace("nms_iou = 0.5\n", "")
        .replace("decoded = false\nstrides = [8]", "decoded = true\nstrides = [4]")
        .replace("car = 0.5\nmotorcycle = 0.5", "water = 0.5");
    let water = model(at, "water", &by_brightness(&[1, 3, 8, 16], &[("out", &[1, 1, 2, 4], &gain, &[0.0; 8])]), &water);
    fs::write(at.join("registry.toml"), [road, fire, water].concat()).unwrap();

    // Right, wrong, right, at another place (wrong and missed), too weak for the threshold.
    let pictures =
        [("r1", 255, MIDDLE), ("r2", 204, ""), ("r3", 153, MIDDLE), ("r4", 102, "0 0.1 0.1 0.1 0.1\n"), ("r5", 50, MIDDLE)];
    let mut manifest = String::new();
    let mut list = |set: &str, path: &str, group: &str| {
        manifest += &format!(
            "{{\"set\":\"{set}\",\"path\":\"{path}.png\",\"split\":\"held\",\"group\":\"{group}\",\"sha256\":\"not read\"}}\n"
        );
    };
    for (n, (name, brightness, label)) in pictures.into_iter().enumerate() {
        picture(at, name, brightness, label);
        list("road", name, &format!("bridge-{}", n / 2));
    }
    for (name, brightness, label) in [("f1", 255, MIDDLE), ("f2", 100, MIDDLE), ("f3", 140, ""), ("f4", 20, "")] {
        picture(at, name, brightness, label);
        list("fire", name, name);
    }
    fs::create_dir_all(at.join("images")).unwrap();
    fs::create_dir_all(at.join("masks")).unwrap();
    for (name, brightness) in [("images/w1", 200), ("images/w2", 60)] {
        picture(at, name, brightness, "");
        list("water", name, name);
        // The upper half is wet in truth.
        let mask = image::GrayImage::from_fn(160, 80, |_, y| image::Luma([if y < 40 { 255 } else { 0 }]));
        mask.save(at.join(format!("{}.png", name.replace("images", "masks")))).unwrap();
    }
    fs::write(at.join("manifest.jsonl"), manifest).unwrap();
    fs::write(
        at.join("evaluation.toml"),
        r#"
[[set]]
name = ["road"]
title = "road"
split = ["held"]
labels = ["car", "motorcycle"]
without = ["fire", "water"]

[[set]]
name = ["fire"]
title = "fires"
split = ["held"]
labels = ["fire"]

[[set]]
name = ["water"]
title = "drawn water"
split = ["held"]
water = "masks"
"#,
    )
    .unwrap();
    dir
}

fn eval(at: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matpho-edge"))
        .args(["models", "eval", "--no-timing", "--models"])
        .arg(at)
        .arg("--data")
        .arg(at)
        .arg("--manifest")
        .arg(at.join("manifest.jsonl"))
        .args(args)
        .env_remove("MATPHO_LOG")
        .output()
        .unwrap()
}

#[test]
fn the_tables_are_as_written_down() {
    let dir = bench();
    let output = eval(dir.path(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/eval/tables.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default());
}

#[test]
fn a_broken_picture_is_named_and_left_out() {
    let dir = bench();
    let whole = eval(dir.path(), &[]);
    fs::write(dir.path().join("broken.png"), b"GIF89a").unwrap();
    let manifest = dir.path().join("manifest.jsonl");
    let broken = "{\"set\":\"road\",\"path\":\"broken.png\",\"split\":\"held\",\"group\":\"bridge-9\",\"sha256\":\"not read\"}\n";
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap() + broken).unwrap();
    let output = eval(dir.path(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&whole.stdout));
    assert!(String::from_utf8_lossy(&output.stderr).contains("broken.png"), "{}", String::from_utf8_lossy(&output.stderr));

    for name in ["r1", "r2", "r3", "r4", "r5"] {
        fs::remove_file(dir.path().join(format!("{name}.png"))).unwrap();
    }
    assert!(!eval(dir.path(), &[]).status.success(), "a set of which nothing can be read is a wrong folder");
}

#[test]
fn the_figures_are_those_worked_out_by_hand() {
    let dir = bench();
    let output = eval(dir.path(), &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let near = |value: &Value, right: f64| assert!((value.as_f64().unwrap() - right).abs() < 1e-6, "{value} is not {right}");

    let road = &report["sets"][0];
    assert_eq!((&road["pictures"], &road["scenes"]), (&5.into(), &3.into()));
    let cars = &road["boxes"][0];
    assert_eq!(
        (cars["model"].as_str(), cars["class"].as_str(), cars["truths"].as_u64()),
        (Some("road"), Some("any vehicle"), Some(4))
    );
    // Right at 1.0, wrong at 0.8, right at 0.6, wrong at 0.4, right at 0.2; four to be found.
    near(&cars["ap50"]["value"], 0.25 + 0.25 * 2.0 / 3.0 + 0.25 * 3.0 / 5.0);
    // From the threshold 0.5 on: two right of three, two of four.
    near(&cars["precision"]["value"], 2.0 / 3.0);
    near(&cars["recall"]["value"], 0.5);
    // The pictures of the road that are bright make the other network cry fire: r1, r2 and r3.
    let cry = &road["said"][0];
    assert_eq!(
        (cry["class"].as_str(), cry["not_shown"]["hits"].as_u64(), cry["not_shown"]["of"].as_u64()),
        (Some("fire"), Some(3), Some(5))
    );
    // And 0.5 of their area wet.
    assert_eq!(road["water"][0]["dry"]["hits"], 3);

    let fires = &report["sets"][1]["said"][0];
    assert_eq!((fires["shown"]["hits"].as_u64(), fires["shown"]["of"].as_u64()), (Some(1), Some(2)));
    assert_eq!((fires["not_shown"]["hits"].as_u64(), fires["not_shown"]["of"].as_u64()), (Some(1), Some(2)));

    // w1: left half said, upper half true: 2 of 6 cells. w2: nothing said, 4 true: 0 of 4.
    let water = &report["sets"][2]["water"][0];
    near(&water["iou"]["value"], 2.0 / 10.0);
    near(&water["iou_mean"], (2.0 / 6.0) / 2.0);
}

#[test]
fn what_is_missing_is_named() {
    let dir = bench();
    for (args, words, code) in [
        (&["--model", "lorry"][..], "no registry here has a model `lorry`; there are road, fire, water", 2),
        (&["--model", "road@2by2"], "such as 2x2", 2),
        (&["--only", "no such set"], "nothing to judge on", 1),
        (&["--sets", "none.toml"], "cannot read the evaluation none.toml", 2),
        (&["--manifest", "none.jsonl"], "models/training/prepare.py writes it", 1),
    ] {
        let output = if args[0] == "--manifest" {
            let at = dir.path();
            let mut command = Command::new(env!("CARGO_BIN_EXE_matpho-edge"));
            command.args(["models", "eval", "--models"]).arg(at).arg("--data").arg(at).args(args).output().unwrap()
        } else {
            eval(dir.path(), args)
        };
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    fs::remove_file(dir.path().join("fire.onnx")).unwrap();
    let output = eval(dir.path(), &["--only", "road"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.contains("left out: fire: its file is not here"), "{err}");
}
