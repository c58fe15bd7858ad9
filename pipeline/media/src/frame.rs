//! A decoded picture with its times.

use matpho_scene::{MediaTime, Picture, Seen};

/// A decoded picture with its times.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number among all pictures of the camera or file, decoded or not, from 0.
    pub index: u64,
    /// Which connection it came by, from 1; 0 for files read by [`crate::FileReader`]. Where it changes, what moved has moved on: tracks end.
    pub connection: u64,
    /// When it is shown: since the camera was opened, never stepping back, also over reconnections; or since the file's start.
    pub media_time: MediaTime,
    /// When the camera saw it.
    pub seen: Seen,
    /// It stands alone in the stream.
    pub keyframe: bool,
    /// The picture, scaled.
    pub picture: Picture,
}
