//! A person says of a moved camera that its zones fit the picture as it is: a file `{state folder}/confirm/{camera}`, put there by `matpho-edge confirm-view` and taken away by the
//! gateway that runs.
//!
//! A file needs no open port and no password: whoever may write the gateway's state may confirm.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use matpho_scene::CameraId;

/// A gateway that runs looks every second.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where a camera's confirmation is put.
#[derive(Debug, Clone)]
pub struct Confirmation {
    path: PathBuf,
}

/// What became of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway took it.
    Taken,
    /// No gateway took it; it was withdrawn.
    Withdrawn,
}

impl Confirmation {
    /// In a folder below `state`.
    pub fn new(state: &Path, camera: &CameraId) -> Self {
        Self { path: state.join("confirm").join(camera.to_string()) }
    }

    /// Takes it, if it is there. One that cannot be taken away would be taken again and again, so it counts as none.
    pub fn take(&self) -> bool {
        match fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a confirmation of the view cannot be taken; remove the file");
                false
            }
        }
    }

    /// Puts it there and waits until a gateway takes it.
    pub fn give(&self) -> io::Result<Outcome> {
        self.give_within(TAKEN_WITHIN)
    }

    fn give_within(&self, within: Duration) -> io::Result<Outcome> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
        fs::write(&self.path, b"")?;
        let given = Instant::now();
        while given.elapsed() < within {
            if !self.path.exists() {
                return Ok(Outcome::Taken);
            }
            thread::sleep(LOOK_EVERY.min(within));
        }
        Ok(if self.take() { Outcome::Withdrawn } else { Outcome::Taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_is_taken_once_or_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let confirmation = Confirmation::new(folder.path(), &"gate-1".parse().unwrap());
        assert!(!confirmation.take(), "nobody gave one");
        assert_eq!(confirmation.give_within(Duration::ZERO).unwrap(), Outcome::Withdrawn, "no gateway runs");
        assert!(!confirmation.take(), "withdrawn: nothing waits for the next start");

        let gateway = confirmation.clone();
        let running = thread::spawn(move || {
            while !gateway.take() {
                thread::yield_now();
            }
            gateway.take()
        });
        assert_eq!(confirmation.give().unwrap(), Outcome::Taken);
        assert!(!running.join().unwrap(), "taken once");
    }
}
