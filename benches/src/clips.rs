//! Real clips through the built gateway: extra, switched on by `MATPHO_DATA=folder`, since the clips cannot be published.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The folder of clips and the gateway's program, beside this one; says so where either is missing.
pub fn ready() -> Option<(PathBuf, PathBuf)> {
    let Some(data) = std::env::var_os("MATPHO_DATA").map(PathBuf::from) else {
        println!("\nReal clips: MATPHO_DATA is not set, none were judged.");
        return None;
    };
    let here = std::env::current_exe().unwrap_or_default();
    let edge = here.parent().and_then(Path::parent).map(|folder| folder.join("matpho-edge")).unwrap_or_default();
    if !edge.is_file() {
        println!("\nReal clips: {} is not built (`cargo build -p matpho-edge`), none were judged.", edge.display());
        return None;
    }
    Some((data.join("clips"), edge))
}

/// The clips of a folder, by name.
pub fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut clips: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    clips.retain(|clip| clip.extension().is_some_and(|e| e == "mp4" || e == "avi"));
    clips.sort();
    clips
}

/// A clip's name.
pub fn name(clip: &Path) -> String {
    clip.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The `data` of everything that `matpho-edge analyze` says of a clip, its summary last; `None` where the program did not start.
pub fn analyze(edge: &Path, clip: &Path, arguments: &[&str]) -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(edge);
    command.arg("analyze").arg(clip).args(arguments).arg("--models").arg(root.join("models")).current_dir(&root);
    let output = command.output().ok()?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Some(messages.map(|mut message| message["data"].take()).collect())
}
