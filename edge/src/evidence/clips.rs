//! Clips on disk: one MP4 an event, kept until room is needed, uploaded when the centre asks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use matpho_media::{Clip, clip};
use matpho_wire::EventId;

/// The folder of the clips and its bound.
#[derive(Debug, Clone)]
pub struct ClipStore {
    folder: PathBuf,
    bytes_max: u64,
}

/// Why a clip was not kept.
#[derive(Debug, thiserror::Error)]
pub enum ClipStoreError {
    /// The folder cannot be used.
    #[error("the folder of clips {} cannot be used: check that it may be written and that the disk has room", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        #[source]
        /// Why.
        source: io::Error,
    },
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] clip::WriteError),
}

impl ClipStore {
    /// Makes the folder where it is not there.
    pub fn open(folder: PathBuf, bytes_max: u64) -> Result<Self, ClipStoreError> {
        fs::create_dir_all(&folder).map_err(|source| ClipStoreError::Folder { path: folder.clone(), source })?;
        Ok(Self { folder, bytes_max })
    }

    /// Where the clip of an event lies, or would.
    pub fn path(&self, event: EventId) -> PathBuf {
        self.folder.join(format!("{event}.mp4"))
    }

    /// The clip of an event, if it is there.
    pub fn find(&self, event: EventId) -> Option<PathBuf> {
        Some(self.path(event)).filter(|path| path.is_file())
    }

    /// Keeps a clip, then makes room: the oldest go first, and the newest stays though it alone were too large.
    pub fn keep(&self, event: EventId, video: &Clip) -> Result<clip::Written, ClipStoreError> {
        let written = clip::write_mp4(video, &self.path(event))?;
        self.make_room().map_err(|source| ClipStoreError::Folder { path: self.folder.clone(), source })?;
        Ok(written)
    }

    fn make_room(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(&self.folder)?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "mp4"))
            .filter_map(|entry| {
                entry.metadata().ok().map(|meta| (meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), entry.path()))
            })
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        let mut total = 0;
        for (n, (_, bytes, path)) in files.iter().enumerate() {
            total += bytes;
            if n > 0 && total > self.bytes_max {
                remove(path)?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_clips_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let store = ClipStore::open(dir.path().join("clips"), 250).unwrap();
        for n in 0..5u64 {
            let path = dir.path().join(format!("clips/{n}.mp4"));
            fs::write(&path, [0; 100]).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 + n);
            fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        store.make_room().unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path().join("clips")).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["3.mp4", "4.mp4"]);
    }
}
