//! The architecture invariants of ARCHITECTURE.md, asked of cargo and of the sources.

use std::{collections::BTreeSet, path::Path, process::Command};

use matpho_tests::repository;

/// Names of all crates that `package` links (normal dependencies, all levels).
fn links(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(repository())
        .args(["tree", "--offline", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Crates that only one stage may use.
const HEAVY: [(&str, &str); 3] = [("gstreamer", "matpho-media"), ("ort", "matpho-infer"), ("opencv", "matpho-vision")];

#[test]
fn the_centre_links_no_media_no_models_no_vision() {
    let center = links("matpho-center");
    let edge = links("matpho-edge");
    for (heavy, _) in HEAVY {
        assert!(!center.contains(heavy), "matpho-center links {heavy}");
        // The question can fail: the edge does link it.
        assert!(edge.contains(heavy), "matpho-edge does not link {heavy}; does this test still ask rightly?");
    }
    let stages: Vec<_> = center.iter().filter(|name| name.starts_with("matpho-")).cloned().collect();
    assert_eq!(
        stages,
        ["matpho-center", "matpho-config", "matpho-scene", "matpho-wire"],
        "of the pipeline the centre knows the contract, and how files are read"
    );
}

/// The manifests of the product: everything but tests/ and benches/.
fn manifests() -> Vec<(String, String)> {
    let root = repository();
    let mut found = Vec::new();
    for folder in [
        "pipeline/config",
        "pipeline/scene",
        "pipeline/wire",
        "pipeline/media",
        "pipeline/infer",
        "pipeline/vision",
        "pipeline/track",
        "pipeline/analytics",
        "edge",
        "center",
    ] {
        found.push((folder.to_owned(), std::fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap()));
    }
    found
}

#[test]
fn gstreamer_onnx_runtime_and_opencv_each_appear_in_one_crate() {
    for (heavy, owner) in HEAVY {
        let users: Vec<_> = manifests()
            .into_iter()
            .filter(|(_, manifest)| {
                let normal = manifest.split("[dev-dependencies]").next().unwrap_or_default();
                normal.lines().any(|line| line.split(['.', ' ', '=']).next() == Some(heavy))
            })
            .map(|(folder, _)| format!("matpho-{}", folder.trim_start_matches("pipeline/")))
            .collect();
        assert_eq!(users, [owner], "who uses {heavy}");
    }
}

/// Rust sources under a folder, with their paths from the repository's root.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = repository();
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no sources in {folder}");
    paths
        .into_iter()
        .map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The code of a file without its unit tests and comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    text[..end].lines().enumerate().map(|(n, line)| (n + 1, line.split("//").next().unwrap_or_default()))
}

fn offences(folder: &str, banned: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        for (line, code) in code(&text) {
            for what in banned.iter().filter(|what| code.contains(**what)) {
                found.push(format!("{path}:{line}: {what}"));
            }
        }
    }
    found
}

#[test]
fn the_pure_stages_do_no_io_own_no_thread_and_read_no_clock() {
    let banned = [
        "std::fs",
        "std::net",
        "std::thread",
        "std::process",
        "thread::spawn",
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "File::open",
        "println!",
        "tokio",
    ];
    for stage in ["config", "scene", "wire", "track", "analytics", "survey"] {
        assert_eq!(offences(&format!("pipeline/{stage}/src"), &banned), Vec::<String>::new(), "in {stage}");
    }
    // The question can fail: the edge does all of that.
    assert!(!offences("edge/src", &banned).is_empty());
}

#[test]
fn topics_are_spelled_in_one_file() {
    let mut spelled = Vec::new();
    for folder in ["pipeline", "edge/src", "center/src", "tests/sim/src"] {
        for (path, text) in sources(folder) {
            if path.contains("/src/") && code(&text).any(|(_, code)| code.contains("matpho/v1")) {
                spelled.push(path);
            }
        }
    }
    assert_eq!(spelled, ["pipeline/wire/src/topic.rs"]);
}

#[test]
fn one_file_a_program_spawns() {
    let spawning = ["thread::spawn", "thread::Builder", "tokio::spawn", "JoinSet"];
    // The centre may lend a password's hash and a file's deletion to the runtime's pool, awaited on the spot: no task, no queue.
    let and_lending = [&spawning[..], &["spawn_blocking"]].concat();
    for (folder, only, banned) in
        [("edge/src", "edge/src/topology.rs", and_lending.as_slice()), ("center/src", "center/src/run.rs", &spawning)]
    {
        let others: Vec<_> = offences(folder, banned).into_iter().filter(|place| !place.starts_with(only)).collect();
        assert_eq!(others, Vec::<String>::new(), "threads and tasks of {folder} are made in {only} alone");
        assert!(!offences(only.rsplit_once('/').unwrap().0, &["spawn"]).is_empty());
    }
}

#[test]
fn the_text_of_the_project_names_no_machine() {
    let output = Command::new("git").current_dir(repository()).args(["ls-files"]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.lines().any(|path| path == "Cargo.toml"), "git ls-files says nothing");
    let mut found = Vec::new();
    for path in listed.lines() {
        let Ok(text) = std::fs::read_to_string(repository().join(path)) else { continue };
        // Spelled apart, or this file would find itself.
        for banned in [concat!("/ro", "ot/"), concat!("registry.npm", "js.org"), concat!("/ho", "me/")] {
            if text.contains(banned) {
                found.push(format!("{path}: {banned}"));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
