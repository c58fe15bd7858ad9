//! Every complaint about a configuration, word for word: `config/NAME.toml` and what is said about it, `config/NAME.txt`.
//! `UPDATE_GOLDEN=1` rewrites the latter.

use std::{fs, path::Path};

use matpho_edge::config::Config;

#[test]
fn complaints_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/config");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "the cases are not there");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        // Parsed as if it lay in the current folder: no path of this machine in the golden text.
        let said = match Config::parse(&text, Path::new(name)) {
            Ok(_) => panic!("{name} is taken for right"),
            Err(error) => format!("{error}\n"),
        };
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn examples_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/examples");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("edge") {
            Config::load(&path).unwrap_or_else(|e| panic!("{e}"));
            seen += 1;
        }
    }
    assert!(seen > 0, "no example was found");
}

#[test]
fn a_secret_stays_out_of_every_complaint() {
    let text = "[edge]\nsite = \"s\"\nid = \"e\"\n[broker]\nurl = \"mqtt://u:hunter2@h\"\n[[camera]]\nid = \"c\"\nurl = \"rtsp://admin:hunter2@10.0.0.7/1\"\npassword = \"hunter2\"\n";
    let said = Config::parse(text, Path::new("edge.toml")).unwrap_err().to_string();
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(said.contains("password_file"), "{said}");
}
