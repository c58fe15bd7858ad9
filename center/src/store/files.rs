//! The bytes of pictures and clips: files in a folder, or objects in a bucket that speaks S3.
//!
//! **Invariants:** a file is whole or absent, and lasts once [`Files::put`] has returned. What nothing refers to any more is noted in the
//! transaction that gives it up, and removed afterwards, however often that takes ([`super::garbage`]): who must delete by law has deleted also
//! when the bucket was away just then.
//!
//! Not here: which files there are, and who may see them. Nothing is ever given out by an address of the bucket: the centre itself serves.

mod folder;
mod s3;

use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use matpho_scene::WallTime;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::StoreError;
use crate::{config::files::Files as Config, ingest::writer::blocking};

pub use folder::write;
pub use s3::BucketError;

/// Files that are written or removed at once: a bucket answers after a while, however small what it is sent.
pub const AT_ONCE: usize = 8;

/// What is read of a file in one go, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// What is put, read and removed again to see whether the bucket is there and lets us do so.
const PROBE: &str = "matpho-center.probe";

/// Where pictures and clips are.
#[derive(Clone)]
pub struct Files(Arc<Kind>);

enum Kind {
    Folder(PathBuf),
    S3(Box<s3::Bucket>),
}

/// A file as it is read.
pub type Reading = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A file that came in and is not yet in its place. What is dropped before is removed.
pub struct Part {
    path: PathBuf,
    kept: bool,
}

impl Part {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where an evidence picture lies: by the day it was taken, named by event and content.
pub fn evidence_path(event: &str, seen: WallTime, sha256: &str) -> String {
    let day = seen.to_string();
    let (date, _) = day.split_once('T').unwrap_or((day.as_str(), ""));
    format!("evidence/{}/{event}-{}.jpg", date.replace('-', "/"), &sha256[..sha256.len().min(16)])
}

/// Where a clip lies.
pub fn clip_path(event: &str) -> String {
    format!("clips/{event}.mp4")
}

impl Files {
    /// Where the configuration says; nothing is tried yet, but for what is secret being there.
    pub fn open(config: &Config) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(match config {
            Config::Folder(folder) => Kind::Folder(folder.clone()),
            Config::S3(config) => Kind::S3(Box::new(s3::Bucket::open(config)?)),
        })))
    }

    /// Whether all centres of a group find the files, wherever they run, without a folder that they share.
    pub fn is_bucket(&self) -> bool {
        matches!(*self.0, Kind::S3(_))
    }

    /// The folder whose disk fills up by them, if any.
    pub fn folder(&self) -> Option<&Path> {
        match &*self.0 {
            Kind::Folder(folder) => Some(folder),
            Kind::S3(_) => None,
        }
    }

    /// Blocking work on them.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Kind) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let kind = self.0.clone();
        blocking(move || work(&kind)).await
    }

    /// Puts, reads and removes a file, to see at the start what a bucket would else refuse in the night. A folder shows it by itself.
    pub async fn probe(&self) -> Result<(), StoreError> {
        if !self.is_bucket() {
            return Ok(());
        }
        // Centres that start at once must not remove each other's.
        let path = format!("{PROBE}-{}", uuid::Uuid::now_v7());
        self.put(&path, Bytes::from_static(PROBE.as_bytes())).await?;
        self.length(&path).await?;
        self.remove(&path).await
    }

    /// Puts a file, in the place of one that was there. It lasts once this returns.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let path = path.to_owned();
        self.work(move |kind| match kind {
            Kind::Folder(folder) => folder::write(&folder.join(path), &bytes),
            Kind::S3(bucket) => bucket.put(&path, Sha256::digest(&bytes).into(), &bytes[..]),
        })
        .await
    }

    /// Where a file may come in that [`Files::put_part`] then puts in its place.
    pub fn part(&self, path: &str) -> Result<Part, StoreError> {
        let place = match &*self.0 {
            Kind::Folder(folder) => folder.join(path),
            Kind::S3(bucket) => bucket.spool().join(Path::new(path).file_name().unwrap_or_default()),
        };
        let folder = place.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(folder::failed("create", folder))?;
        Ok(Part { path: place.with_extension(format!("{}.part", uuid::Uuid::now_v7())), kept: false })
    }

    /// Puts a file that came in, whole and flushed, in its place. `sha256` is of its bytes.
    pub async fn put_part(&self, path: &str, part: Part, sha256: [u8; 32]) -> Result<(), StoreError> {
        let path = path.to_owned();
        self.work(move |kind| match kind {
            Kind::Folder(folder) => {
                folder::settle(&part.path, &folder.join(path))?;
                part.keep();
                Ok(())
            }
            Kind::S3(bucket) => bucket.put_file(&path, sha256, &part.path),
        })
        .await
    }

    /// Puts a copy of a file in its place.
    pub async fn put_copy(&self, path: &str, from: &Path) -> Result<(), StoreError> {
        let (path, from) = (path.to_owned(), from.to_owned());
        self.work(move |kind| match kind {
            Kind::Folder(folder) => folder::write_from(&folder.join(path), &mut folder::open(&from)?).map(|_| ()),
            Kind::S3(bucket) => bucket.put_file(&path, folder::sha256(&from)?, &from),
        })
        .await
    }

    /// Copies a file to a place of our own; false where there is no such file.
    pub async fn copy_to(&self, path: &str, to: &Path) -> Result<bool, StoreError> {
        let (path, to) = (path.to_owned(), to.to_owned());
        self.work(move |kind| match kind {
            Kind::Folder(folder) => folder::copy(&folder.join(path), &to),
            Kind::S3(bucket) => bucket.copy_to(&path, &to),
        })
        .await
    }

    /// Removes a file; that it is gone already is fine.
    pub async fn remove(&self, path: &str) -> Result<(), StoreError> {
        let path = path.to_owned();
        self.work(move |kind| match kind {
            Kind::Folder(folder) => folder::remove(&folder.join(path)),
            Kind::S3(bucket) => bucket.remove(&path),
        })
        .await
    }

    /// How many bytes a file has; `None` where there is no such file.
    pub async fn length(&self, path: &str) -> Result<Option<u64>, StoreError> {
        let path = path.to_owned();
        self.work(move |kind| match kind {
            Kind::Folder(folder) => folder::length(&folder.join(path)),
            Kind::S3(bucket) => bucket.length(&path),
        })
        .await
    }

    /// Reads a part of a file, first and last byte; `None` where there is no such file.
    pub async fn read(&self, path: &str, part: RangeInclusive<u64>) -> Result<Option<Reading>, StoreError> {
        match &*self.0 {
            Kind::Folder(folder) => read_file(&folder.join(path), part).await,
            Kind::S3(_) => {
                let path = path.to_owned();
                let reader = self.work(move |kind| match kind {
                    Kind::Folder(_) => Ok(None),
                    Kind::S3(bucket) => bucket.read(&path, Some(part)),
                });
                Ok(reader.await?.map(read_on))
            }
        }
    }
}

/// Reads a part of a file of our own.
pub async fn read_file(path: &Path, part: RangeInclusive<u64>) -> Result<Option<Reading>, StoreError> {
    let failed = |source| StoreError::File { doing: "read", path: path.into(), source };
    let mut file = match tokio::fs::File::open(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    file.seek(io::SeekFrom::Start(*part.start())).await.map_err(failed)?;
    let count = (part.end() + 1).saturating_sub(*part.start());
    Ok(Some(Box::pin(ReaderStream::with_capacity(file.take(count), CHUNK_BYTES))))
}

/// How many bytes a file of our own has.
pub async fn file_length(path: &Path) -> Result<Option<u64>, StoreError> {
    let path = path.to_owned();
    blocking(move || folder::length(&path)).await
}

/// Reads on from what blocks, chunk by chunk, as they are asked for.
fn read_on(reader: s3::Reader) -> Reading {
    let chunks = stream::try_unfold(reader, |mut reader| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK_BYTES];
            let count = io::Read::read(&mut reader, &mut chunk)?;
            chunk.truncate(count);
            Ok::<_, io::Error>((Bytes::from(chunk), reader))
        });
        let (chunk, reader) = read.await.map_err(io::Error::other)??;
        Ok((!chunk.is_empty()).then_some((chunk, reader)))
    });
    Box::pin(chunks)
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
    fn a_part_that_is_not_put_goes() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(&Config::Folder(folder.path().into())).unwrap();
        let part = files.part("clips/a.mp4").unwrap();
        std::fs::write(part.path(), b"half").unwrap();
        drop(part);
        assert_eq!(std::fs::read_dir(folder.path().join("clips")).unwrap().count(), 0);
    }
}
