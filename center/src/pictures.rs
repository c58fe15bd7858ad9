//! The latest picture of each camera, in memory: the broker keeps them (they are retained) and hands them over anew after a start.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::api::types::Picture;

/// Cameras whose picture is kept; beyond that new cameras get none. 256 KiB each at most.
pub const PICTURES_MAX: usize = 4_096;

/// The latest pictures, by gateway and camera.
#[derive(Default)]
pub struct Pictures(RwLock<HashMap<(String, String), (Picture, Bytes)>>);

impl Pictures {
    /// Keeps a picture in place of the one before; one that was taken earlier than that is left out. Returns whether it is kept.
    pub fn put(&self, picture: Picture, jpeg: Bytes) -> bool {
        let mut pictures = self.0.write();
        let key = (picture.edge.clone(), picture.camera.clone());
        let fits = match pictures.get(&key) {
            Some((known, _)) => known.seen < picture.seen,
            None => pictures.len() < PICTURES_MAX,
        };
        if fits {
            pictures.insert(key, (picture, jpeg));
        }
        fits
    }

    /// A camera's latest picture.
    pub fn get(&self, edge: &str, camera: &str) -> Option<(Picture, Bytes)> {
        self.0.read().get(&(edge.to_owned(), camera.to_owned())).cloned()
    }

    /// What is known of it, without the bytes.
    pub fn about(&self, edge: &str, camera: &str) -> Option<Picture> {
        self.get(edge, camera).map(|(picture, _)| picture)
    }
}
