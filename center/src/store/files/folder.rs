//! Files in a folder. A file is whole or absent: it is written beside its place, flushed, and moved.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::store::StoreError;

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = PathBuf::from(path);
    move |source| StoreError::File { doing, path, source }
}

/// Writes a file, whole, so that it outlives a power cut.
pub fn write(path: &Path, mut bytes: &[u8]) -> Result<(), StoreError> {
    write_from(path, &mut bytes).map(|_| ())
}

/// The same, of what can be read. Returns how many bytes that were.
pub(super) fn write_from(path: &Path, source: &mut impl io::Read) -> Result<u64, StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        let count = io::copy(source, &mut file)?;
        file.sync_all()?;
        Ok(count)
    });
    let written = written.map_err(|source| {
        let _ = fs::remove_file(&part);
        StoreError::File { doing: "write", path: part.clone(), source }
    })?;
    settle(&part, path)?;
    Ok(written)
}

/// Moves a finished file to its place.
pub(super) fn settle(part: &Path, path: &Path) -> Result<(), StoreError> {
    fs::rename(part, path).map_err(failed("move into place", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flush the folder", folder))
}

/// Removes a file; that it is gone already is fine.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done.map_err(failed("remove", path)),
    }
}

/// How many bytes a file has.
pub(super) fn length(path: &Path) -> Result<Option<u64>, StoreError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        known => Ok(Some(known.map_err(failed("look at", path))?.len())),
    }
}

/// Copies a file to where a crash may take it back; false where it is not there.
pub(super) fn copy(from: &Path, to: &Path) -> Result<bool, StoreError> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    match fs::copy(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        done => done.map(|_| true).map_err(failed("copy", from)),
    }
}

/// Opens a file to be read.
pub(super) fn open(path: &Path) -> Result<File, StoreError> {
    File::open(path).map_err(failed("open", path))
}

/// The digest of a file.
pub(super) fn sha256(path: &Path) -> Result<[u8; 32], StoreError> {
    let mut hash = Sha256::new();
    io::copy(&mut open(path)?, &mut hash).map_err(failed("read", path))?;
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let copied = folder.path().join("g/h.jpg");
        assert!(copy(&path, &copied).unwrap() && fs::read(&copied).unwrap() == b"two");
        assert_eq!(sha256(&copied).unwrap(), <[u8; 32]>::from(Sha256::digest(b"two")));
        assert_eq!(length(&copied).unwrap(), Some(3));
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists() && !copy(&path, &copied).unwrap() && length(&path).unwrap().is_none());
    }
}
