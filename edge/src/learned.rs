//! What a camera's analytics learned over days (speeds with nobody in the way, signal cycles), kept over a restart: `{state folder}/learned/{camera}.json`.
//!
//! It may be lost without harm: it is learned again. So a file that cannot be read or written is told once and worked without.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use matpho_analytics::Memory;
use matpho_scene::CameraId;

/// It is written at most this often, and at the end.
const EVERY: Duration = Duration::from_secs(600);

/// Where one camera's is kept.
#[derive(Debug)]
pub struct Learned {
    path: PathBuf,
    due: Instant,
    told: bool,
}

impl Learned {
    /// In a folder below `state`.
    pub fn new(state: &Path, camera: &CameraId) -> Self {
        let path = state.join("learned").join(format!("{camera}.json"));
        Self { path, due: Instant::now() + EVERY, told: false }
    }

    /// What was kept; nothing where there is none.
    pub fn load(&mut self) -> Memory {
        let read = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Memory::default(),
            read => read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)),
        };
        read.unwrap_or_else(|error| {
            self.tell(&error, "cannot be read; it is learned again");
            Memory::default()
        })
    }

    /// Keeps it, where that is due.
    pub fn keep(&mut self, memory: impl FnOnce() -> Memory) {
        if Instant::now() >= self.due {
            self.keep_now(&memory());
        }
    }

    /// Keeps it. A crash leaves the file as it was before or as it is now.
    pub fn keep_now(&mut self, memory: &Memory) {
        self.due = Instant::now() + EVERY;
        if memory.is_empty() {
            return;
        }
        let write = || {
            fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
            let new = self.path.with_extension("new");
            fs::write(&new, serde_json::to_vec(memory)?)?;
            fs::rename(new, &self.path)
        };
        if let Err(error) = write() {
            self.tell(&error, "cannot be written; after a restart it is learned again");
        }
    }

    fn tell(&mut self, error: &io::Error, what: &str) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(path = %self.path.display(), %error, "what a camera learned {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_a_broken_file_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let camera: CameraId = "c".parse().unwrap();
        let mut learned = Learned::new(folder.path(), &camera);
        assert!(learned.load().is_empty());
        let memory = matpho_analytics::CameraAnalytics::new(matpho_analytics::CameraPlan::whole_picture()).memory();
        assert!(!memory.is_empty());
        learned.keep_now(&memory);
        assert_eq!(Learned::new(folder.path(), &camera).load(), memory);
        fs::write(folder.path().join("learned/c.json"), "{").unwrap();
        assert!(Learned::new(folder.path(), &camera).load().is_empty());
    }
}
