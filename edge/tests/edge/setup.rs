//! `calibrate` and `suggest-zones`: what they print goes into a configuration as it is. Calibrations are kept in `setup/`; `UPDATE_GOLDEN=1` rewrites them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn edge(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matpho-edge")).current_dir(folder).env_remove("MATPHO_LOG").args(args).output().unwrap()
}

fn golden(name: &str, said: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/setup").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

/// `check-config` on a configuration whose camera ends with `zones`.
fn is_right(folder: &Path, zones: &str) {
    let text = format!(
        "[edge]\nsite = \"s\"\nid = \"e\"\n[[camera]]\nid = \"c\"\nurl = \"rtsp://192.0.2.1/x\"\nasks = [\"congestion\"]\n{zones}"
    );
    fs::write(folder.join("edge.toml"), &text).unwrap();
    let output = edge(folder, &["check-config", "edge.toml"]);
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

/// Cars down the left half and up the right half, two seconds apart; one that goes the wrong way, one that stands.
fn recording() -> String {
    let mut lines = String::new();
    for n in 0..450u32 {
        let mut detections = Vec::new();
        let mut car = |x: f64, y: f64, w: f64| {
            let corners = [(x - w / 2.0) * 1280.0, (y - w) * 720.0, (x + w / 2.0) * 1280.0, y * 720.0];
            detections.push(format!("{{\"model\":\"vehicles\",\"class\":\"car\",\"score\":0.9,\"box\":{corners:.1?}}}"));
        };
        for ride in 0..24u32 {
            let Some(t) = n.checked_sub(ride * 15).filter(|t| *t <= 30).map(|t| f64::from(t) / 30.0) else { continue };
            let (x, y) = match ride {
                23 => (0.25 + 0.15 * t, 0.9 - 0.6 * t),
                ride if ride % 2 == 0 => (0.4 - 0.15 * t, 0.3 + 0.6 * t),
                _ => (0.75 - 0.15 * t, 0.9 - 0.6 * t),
            };
            car(x, y, 0.03 + 0.08 * y);
        }
        car(0.92, 0.7, 0.08);
        lines += &format!(
            "{{\"source\":\"street\",\"frame\":{n},\"media_time_s\":{:.1},\"width\":1280,\"height\":720,\"models\":[\"vehicles\"],\"detections\":[{}]}}\n",
            f64::from(n) * 0.2,
            detections.join(",")
        );
    }
    lines
}

#[test]
fn zones_are_proposed_from_a_recording() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("street.jsonl"), recording()).unwrap();
    let output = edge(dir.path(), &["suggest-zones", "street.jsonl", "--models", "/nowhere"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    is_right(dir.path(), &said);
    let zones: toml::Table = said.parse().unwrap();
    let zones = zones["camera"]["zone"].as_array().unwrap();
    assert_eq!(zones.len(), 2, "who drove the wrong way and who stood make no zone: {said}");
    let down = |zone: &toml::Value| zone["direction"][1][1].as_float() > zone["direction"][0][1].as_float();
    assert!(down(&zones[0]) != down(&zones[1]) && zones.iter().all(|zone| zone.get("counting_line").is_some()), "{said}");
    let drawn = image::open(dir.path().join("zones.jpg")).unwrap().into_rgb8();
    assert_eq!(drawn.dimensions(), (1280, 720));
    let blue = drawn.pixels().filter(|p| i32::from(p.0[2]) - i32::from(p.0[0]) > 100).count();
    assert!(blue > 1000, "the zones are drawn: {blue} pixels");
}

#[test]
fn a_street_without_traffic_says_so_and_fails() {
    let dir = tempfile::tempdir().unwrap();
    let first: String = recording().lines().take(20).map(|line| format!("{line}\n")).collect();
    fs::write(dir.path().join("street.jsonl"), first).unwrap();
    let output = edge(dir.path(), &["suggest-zones", "street.jsonl", "--models", "/nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("watch longer"));
}

fn street_picture(folder: &Path) {
    image::RgbImage::from_pixel(1280, 720, image::Rgb([100, 100, 100])).save(folder.join("street.png")).unwrap();
}

#[test]
fn a_calibration_is_printed_and_its_grid_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    street_picture(dir.path());
    let points = ["--point", "256,648=0,0", "--point", "1024,648=3.5,0", "--point", "768,288=3.5,20", "--point", "0.4,0.4=0,20"];
    let output = edge(dir.path(), &[&["calibrate", "street.png"], &points[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let (worth, lines) = said.split_at(said.find("calibration = [").unwrap());
    golden("calibration.toml", lines);
    // Two far corners are equally delicate: which is named is for rounding to say.
    for words in [
        "Four points always fit",
        "Were one point clicked 2 px beside its place: point",
        "would be up to 0.34 m off, a length up to 2 % wrong",
    ] {
        assert!(worth.contains(words), "{words}: {worth}");
    }
    is_right(
        dir.path(),
        &format!("[[camera.zone]]\nid = \"z\"\npolygon = [[0.2, 0.9], [0.8, 0.9], [0.6, 0.4], [0.4, 0.4]]\n{said}"),
    );
    let drawn = image::open(dir.path().join("calibration.jpg")).unwrap().into_rgb8();
    let tinted = |y: u32| (0..1280).filter(|&x| drawn.get_pixel(x, y).0.iter().any(|v| (i32::from(*v) - 100).abs() > 60)).count();
    assert!((300..700).any(|y| tinted(y) > 20), "the grid is drawn");
    assert_eq!((0..90).map(tinted).sum::<usize>(), 0, "and nothing above the horizon, at y = 108");
}

#[test]
fn dashes_make_a_calibration() {
    let dir = tempfile::tempdir().unwrap();
    street_picture(dir.path());
    // The same lane: its near and far corners and one dash between, at 10 m.
    let args = [
        "calibrate",
        "street.png",
        "--lane-width",
        "3.5",
        "--period",
        "10",
        "--left",
        "0.2,0.9",
        "0.35,0.525",
        "0.4,0.4",
        "--right",
        "0.8,0.9",
        "0.65,0.525",
        "0.6,0.4",
    ];
    let output = edge(dir.path(), &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let (worth, lines) = said.split_at(said.find("calibration = [").unwrap());
    golden("lane.toml", lines);
    assert!(worth.contains("6 points fit within 0.00 m") && worth.contains("a length up to 3 % wrong"), "{worth}");
}

#[test]
fn wrong_use_is_told() {
    let dir = tempfile::tempdir().unwrap();
    street_picture(dir.path());
    for (args, words) in [
        (&["calibrate", "street.png"][..], "at least four --point"),
        (&["calibrate", "street.png", "--point", "0.4,0.4"], "is no measured point"),
        (&["calibrate", "street.png", "--point", "2000,10=0,0"], "outside of the 1280x720 picture"),
        (
            &["calibrate", "street.png", "--point", "0.1,0.9=0,0", "--point", "0.9,0.9=3,0", "--point", "0.6,0.4=3,9"],
            "at least 4 points, 3 were given",
        ),
        (&["calibrate", "street.png", "--lane-width", "3.5"], "--period"),
        (&["suggest-zones", "street.jsonl", "--minutes", "0"], "no number of minutes"),
    ] {
        let output = edge(dir.path(), args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}
