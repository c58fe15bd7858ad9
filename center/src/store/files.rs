//! Pictures and clips as files under the state folder. A file is whole or absent: it is written beside its place, flushed, and moved.
//!
//! Blocking; async code calls it through `spawn_blocking`.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use matpho_scene::WallTime;

use super::StoreError;

/// Where an evidence picture lies, from the state folder: by the day it was taken, named by event and content.
pub fn evidence_path(event: &str, seen: WallTime, sha256: &str) -> String {
    let day = seen.to_string();
    let (date, _) = day.split_once('T').unwrap_or((day.as_str(), ""));
    format!("evidence/{}/{event}-{}.jpg", date.replace('-', "/"), &sha256[..sha256.len().min(16)])
}

/// Where a clip lies, from the state folder.
pub fn clip_path(event: &str) -> String {
    format!("clips/{event}.mp4")
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = PathBuf::from(path);
    move |source| StoreError::File { doing, path, source }
}

/// Writes a file, whole, so that it outlives a power cut.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(source) = written {
        let _ = fs::remove_file(&part);
        return Err(StoreError::File { doing: "write", path: part, source });
    }
    settle(&part, path)
}

/// Moves a finished file to its place.
pub fn settle(part: &Path, path: &Path) -> Result<(), StoreError> {
    fs::rename(part, path).map_err(failed("move into place", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flush the folder", folder))
}

/// Removes a file that nothing refers to any more; that it is gone already is fine, and what cannot be removed is told.
pub fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a file could not be removed")
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_lies_by_day() {
        let seen = "2026-11-21T23:59:59.999Z".parse().unwrap();
        assert_eq!(evidence_path("e", seen, &"ab".repeat(32)), "evidence/2026/11/21/e-abababababababab.jpg");
    }

    #[test]
    fn a_file_is_whole_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.jpg");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no part stays behind");
        fs::create_dir(folder.path().join("d")).unwrap();
        fs::write(folder.path().join("e"), b"").unwrap();
        assert!(write(&folder.path().join("e/f.jpg"), b"x").unwrap_err().to_string().contains("create"));
        remove(&path);
        remove(&path);
        assert!(!path.exists());
    }
}
