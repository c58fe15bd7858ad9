//! A wrong scenario is refused with file, key and what would be right.

use std::path::Path;

use matpho_sim::Scenario;

#[test]
fn each_mistake_is_named() {
    let camera = "seed = 1\n[[camera]]\nid = \"a\"\n";
    let table = [
        ("seed = 1\n", "camera"),
        ("seed = 1\ncamera = []\n", "camera: a scenario needs at least one [[camera]]"),
        ("seed = \"x\"\n", "seed (line 1)"),
        ("seed = 1\nloop_s = 3\n[[camera]]\nid = \"a\"\n", "loop_s: must be 10 seconds or more"),
        (&format!("{camera}colour = 3\n"), "colour"),
        (&format!("{camera}width = 641\n"), "camera[0].width: must be an even number from 160 to 3840"),
        (&format!("{camera}id = \"b\"\n"), "duplicate key"),
        (&format!("{camera}[[camera]]\nid = \"a\"\n"), "camera[1].id: is used by another camera"),
        (&format!("{camera}pose = {{ height_m = 99 }}\n"), "camera[0].pose.height_m: must be 2 to 30"),
        (&format!("{camera}codec = \"av1\"\n"), "unknown variant `av1`"),
        (&format!("{camera}look = {{ hour = \"noon\" }}\n"), "expected one of `sunny`, `overcast`, `dusk`, `night`"),
        (
            &format!("{camera}traffic = {{ mix = {{ motorcycle = 0, car = 0, truck = 0, bus = 0, bicycle = 0 }} }}\n"),
            "camera[0].traffic.mix: shares must not be negative",
        ),
        (
            &format!("{camera}[[camera.event]]\nkind = \"flood\"\nat_s = 3\ndepth_cm = 500\n"),
            "camera[0].event[0].depth_cm: must be 1 to 150",
        ),
        (
            &format!("{camera}[[camera.event]]\nkind = \"jam\"\nat_s = 9\nuntil_s = 3\ndirection = \"inbound\"\n"),
            "camera[0].event[0].until_s: must be later than at_s",
        ),
        (&format!("{camera}[[camera.event]]\nkind = \"earthquake\"\nat_s = 3\n"), "unknown variant `earthquake`"),
        (
            &format!("{camera}[[camera.event]]\nkind = \"fault\"\nat_s = 3\nfault = {{ kind = \"melt\" }}\n"),
            "unknown variant `melt`",
        ),
    ];
    for (text, expected) in table {
        let message = match Scenario::parse(text, Path::new("city.toml")) {
            Ok(_) => panic!("taken for right: {text}"),
            Err(e) => e.to_string(),
        };
        assert!(
            message.starts_with("scenario city.toml: ") && message.contains(expected),
            "{text}\n gave: {message}\n not: {expected}"
        );
    }
}

#[test]
fn a_missing_file_and_a_missing_camera_are_named() {
    let e = Scenario::load(Path::new("nowhere/city.toml")).map(|_| ()).expect_err("no such file");
    assert_eq!(e.to_string(), "cannot read scenario nowhere/city.toml");
    let s = Scenario::parse("seed = 1\n[[camera]]\nid = \"a\"\n", Path::new("city.toml")).expect("a scenario");
    assert_eq!(s.camera("b").map(|_| ()).expect_err("no such camera").to_string(), "the scenario has no camera 'b'; it has: a");
}
