//! The program itself: exit codes, what goes to stdout and what to stderr, and what is said about files that are no good.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use matpho_media::annotate::Mp4Writer;
use matpho_scene::{MediaTime, Picture, PictureSize};

fn edge(folder: &Path, args: &[&str]) -> Output {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let takes_models = matches!(args[0], "analyze" | "models");
    let mut command = Command::new(env!("CARGO_BIN_EXE_matpho-edge"));
    command.current_dir(folder).env_remove("MATPHO_LOG").env_remove("MATPHO_MODEL_MIRROR").args(args);
    if takes_models {
        command.arg("--models").arg(models);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into())
}

/// A moving square, one second long.
fn video(folder: &Path) -> PathBuf {
    let size = PictureSize { width: 320, height: 192 };
    let path = folder.join("clip.mp4");
    let mut writer = Mp4Writer::create(&path, size, 25.0).unwrap();
    for n in 0..25u32 {
        let rgb = (0..size.pixels() as u32)
            .flat_map(|i| {
                let (x, y) = (i % size.width, i / size.width);
                let inside = (n * 8..n * 8 + 60).contains(&x) && (60..120).contains(&y);
                if inside {
                    [230, 210, 60]
                } else {
                    [(x / 2) as u8, (y / 2) as u8, (i.wrapping_mul(2_654_435_761) >> 27) as u8 + 90]
                }
            })
            .collect();
        writer.push(&Picture::from_rgb(size, rgb).unwrap(), MediaTime::from_millis(40 * u64::from(n))).unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn wrong_use_and_wrong_configurations_exit_with_2() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.toml"), "[edge]\nsite = \"s\"\n").unwrap();
    for (args, words) in [
        (&["analyse"][..], "unrecognized subcommand"),
        (&["analyze"], "required arguments"),
        (&["analyze", "x.mp4", "--only", "congestion,fyre"], "`fyre` is not an analytic"),
        (&["analyze", "http://example.org/x"], "`http://` is not supported"),
        (&["analyze", "x.mp4", "--every", "0"], "above 0"),
        (&["run", "--config", "none.toml"], "print-default-config"),
        (&["check-config", "bad.toml"], "bad.toml:1:1: edge.id: it is missing"),
        (&["replay", "x.jsonl", "--config", "bad.toml"], "errors in the configuration"),
    ] {
        let (code, out, err) = said(&edge(dir.path(), args));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}

#[test]
fn the_default_configuration_is_printed_and_right() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = said(&edge(dir.path(), &["print-default-config"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    fs::write(dir.path().join("edge.toml"), out).unwrap();
    let (code, out, err) = said(&edge(dir.path(), &["check-config", "edge.toml"]));
    assert_eq!((code, out.as_str()), (Some(0), "edge.toml: right; edge my-site/gw-01, 1 camera\n"), "{err}");
}

#[test]
fn files_that_are_no_good_are_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let good = video(dir.path());
    let bytes = fs::read(&good).unwrap();
    fs::write(dir.path().join("empty.mp4"), b"").unwrap();
    fs::write(dir.path().join("text.mp4"), "no video at all\n".repeat(200)).unwrap();
    fs::write(dir.path().join("cut.mp4"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    fs::write(dir.path().join("text.jpg"), "no picture").unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    let args = ["analyze", "none.mp4", "empty.mp4", "text.mp4", "cut.mp4", "text.jpg", "folder", "clip.mp4", "--only", "camera"];
    let (code, out, err) = said(&edge(dir.path(), &args));
    assert_eq!(code, Some(1), "{err}");
    for words in [
        "cannot read none.mp4",
        "empty.mp4 is empty",
        "text.mp4 is no video",
        "cut.mp4 is cut off",
        "text.jpg is no picture",
        "folder holds no pictures",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let summaries: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "io.matpho.v1.summary")
        .map(|line| line["data"]["source_name"].as_str().unwrap())
        .collect();
    assert_eq!(summaries.last(), Some(&"clip.mp4"), "what is right is analysed: {out}");
    let last = lines.last().unwrap();
    assert_eq!(
        ["frames_seen", "frames_analysed", "frames_skipped"].map(|count| last["data"][count].as_u64()),
        [Some(25), Some(2), Some(23)],
        "a camera's health is looked at once a second: {last}"
    );
}

#[test]
fn what_analyze_writes_replay_reads_and_says_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    video(dir.path());
    let start = ["--start", "2026-11-21T08:00:00Z"];
    let (code, out, err) = said(&edge(
        dir.path(),
        &[&["analyze", "clip.mp4", "--detections", "d.jsonl", "--annotate", "a.mp4"], &start[..]].concat(),
    ));
    assert_eq!(code, Some(0), "{err}");
    let again = said(&edge(dir.path(), &[&["analyze", "clip.mp4"], &start[..]].concat()));
    assert_eq!(again.1, out, "the same source, the same lines");
    let records: Vec<matpho_scene::FrameRecord> =
        fs::read_to_string(dir.path().join("d.jsonl")).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((records.len(), records[1].media_time_s), (5, 0.2), "five a second");
    assert!(fs::metadata(dir.path().join("a.mp4")).unwrap().len() > 1000, "the annotated video");
    let summary: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["time"], "2026-11-21T08:00:01.000Z");
    assert_eq!(summary["data"]["analytics"].as_object().unwrap().len(), 8, "every analytic: {summary}");
    let replayed = [(); 2].map(|()| said(&edge(dir.path(), &["replay", "d.jsonl"])));
    assert_eq!((replayed[0].0, &replayed[0].1), (Some(0), &replayed[1].1), "{}", replayed[0].2);
}

#[test]
fn pictures_and_folders_are_read_in_the_order_of_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("street");
    fs::create_dir(&folder).unwrap();
    for n in [2u8, 0, 1] {
        image::RgbImage::from_pixel(64, 48, image::Rgb([n * 60, 90, 90])).save(folder.join(format!("{n}.png"))).unwrap();
    }
    let args =
        ["analyze", "street", "--every", "10", "--only", "camera", "--detections", "d.jsonl", "--start", "2026-11-21T08:00:00Z"];
    let (code, out, err) = said(&edge(dir.path(), &args));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        out.lines().last().map(|line| line.contains("\"duration_s\":20.0,\"frames_analysed\":3,\"frames_seen\":3")),
        Some(true),
        "{out}"
    );
    let times: Vec<f64> = fs::read_to_string(dir.path().join("d.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<matpho_scene::FrameRecord>(line).unwrap().media_time_s)
        .collect();
    assert_eq!(times, [0.0, 10.0, 20.0]);
}

#[test]
fn a_line_that_is_no_recording_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("r.jsonl"),
        "{\"source\":\"a\",\"frame\":0,\"media_time_s\":0.0,\"width\":64,\"height\":48,\"detections\":[]}\nnonsense\n",
    )
    .unwrap();
    let (code, _, err) = said(&edge(dir.path(), &["replay", "r.jsonl"]));
    assert_eq!(code, Some(1));
    assert!(err.contains("r.jsonl:2: this line is no frame of a recording"), "{err}");
}

#[test]
fn the_models_in_the_repository_are_the_ones_declared() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = said(&edge(dir.path(), &["models", "verify"]));
    assert_eq!(code, Some(0), "{err}");
    let (_, list, _) = said(&edge(dir.path(), &["models", "list"]));
    for model in ["vehicles", "fire", "water"] {
        assert!(out.contains(model) && list.contains(model), "{model}: {out}{list}");
    }
}

#[test]
fn an_unreachable_camera_is_unfit_and_its_password_stays_unsaid() {
    let dir = tempfile::tempdir().unwrap();
    // Port 9 (discard) of this machine: nobody listens there.
    let (code, out, err) = said(&edge(dir.path(), &["probe", "rtsp://admin:hunter2@127.0.0.1:9/x", "--transport", "tcp"]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("rtsp://127.0.0.1:9/x: the camera cannot be reached: check host, port, cable and power"), "{err}");
    assert!(!err.contains("hunter2"), "{err}");
}
