//! One decoded picture.

use std::{fmt, sync::Arc};

use crate::geometry::PictureSize;

/// A picture as tightly packed RGB, 8 bits a channel: `height` rows of `width` pixels of 3 bytes. Cheap to clone.
#[derive(Clone)]
pub struct Picture {
    size: PictureSize,
    rgb: Arc<Vec<u8>>,
}

/// Why bytes are not a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {size} picture has {expected} bytes of RGB, {got} were given")]
pub struct PictureError {
    size: PictureSize,
    expected: usize,
    got: usize,
}

impl Picture {
    /// From `width * height * 3` bytes, rows from the top, RGB.
    pub fn from_rgb(size: PictureSize, rgb: Vec<u8>) -> Result<Self, PictureError> {
        let expected = size.pixels() * 3;
        if rgb.len() == expected {
            Ok(Self { size, rgb: Arc::new(rgb) })
        } else {
            Err(PictureError { size, expected, got: rgb.len() })
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> PictureSize {
        self.size
    }

    /// The bytes: `height * width * 3`, rows from the top.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// One row: `width * 3` bytes. Panics where `y` is not below the height.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.size.width as usize * 3;
        &self.rgb[y as usize * stride..][..stride]
    }

    /// The bytes to write into; copies first where another clone is alive.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        Arc::<Vec<u8>>::make_mut(&mut self.rgb).as_mut_slice()
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({})", self.size)
    }
}
