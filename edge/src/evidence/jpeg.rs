//! Pictures to JPEG within a number of bytes, and picture files to pictures.

use std::path::{Path, PathBuf};

use image::{ExtendedColorType, RgbImage, codecs::jpeg::JpegEncoder, imageops};
use matpho_scene::{Picture, PictureSize};

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JpegError {
    /// The file is no picture, or a damaged one.
    #[error("{} is no picture that can be read (JPEG or PNG)", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        #[source]
        /// Why.
        source: image::ImageError,
    },
    /// The encoder refused.
    #[error("a {size} picture could not be written as JPEG")]
    Encode {
        /// Its size.
        size: PictureSize,
        #[source]
        /// Why.
        source: image::ImageError,
    },
}

/// A JPEG and its size.
#[derive(Debug, Clone)]
pub struct Jpeg {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Width and height in pixels.
    pub size: PictureSize,
}

/// Qualities tried in turn, until the picture fits.
const QUALITIES: [u8; 4] = [82, 70, 58, 45];

/// Writes a picture at most `width_max` pixels wide and at most `bytes_max` large: quality goes first, then size.
pub fn encode(picture: &Picture, width_max: u32, bytes_max: usize) -> Result<Jpeg, JpegError> {
    let mut picture = shrink(picture, width_max);
    loop {
        for quality in QUALITIES {
            let size = picture.size();
            let mut bytes = Vec::with_capacity(size.pixels() / 4);
            JpegEncoder::new_with_quality(&mut bytes, quality)
                .encode(picture.rgb(), size.width, size.height, ExtendedColorType::Rgb8)
                .map_err(|source| JpegError::Encode { size, source })?;
            if bytes.len() <= bytes_max || size.width <= 16 {
                return Ok(Jpeg { bytes, size });
            }
        }
        let narrower = picture.size().width * 3 / 4;
        picture = shrink(&picture, narrower);
    }
}

/// The picture at most `width_max` pixels wide, aspect kept; never enlarged.
pub fn shrink(picture: &Picture, width_max: u32) -> Picture {
    let PictureSize { width, height } = picture.size();
    if width <= width_max {
        return picture.clone();
    }
    let size =
        PictureSize { width: width_max, height: (u64::from(height) * u64::from(width_max) / u64::from(width)).max(1) as u32 };
    RgbImage::from_raw(width, height, picture.rgb().to_vec())
        .map(|image| imageops::thumbnail(&image, size.width, size.height).into_raw())
        .and_then(|rgb| Picture::from_rgb(size, rgb).ok())
        .unwrap_or_else(|| picture.clone())
}

/// Reads a JPEG or PNG file.
pub fn read(path: &Path) -> Result<Picture, JpegError> {
    let unreadable = |source| JpegError::Unreadable { path: path.to_owned(), source };
    let image = image::ImageReader::open(path)
        .and_then(|reader| reader.with_guessed_format())
        .map_err(image::ImageError::IoError)
        .and_then(image::ImageReader::decode)
        .map_err(unreadable)?
        .into_rgb8();
    let size = PictureSize { width: image.width(), height: image.height() };
    Picture::from_rgb(size, image.into_raw()).map_err(|e| unreadable(image::ImageError::IoError(std::io::Error::other(e))))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn even_noise_fits_the_bound() {
        let size = PictureSize { width: 1600, height: 900 };
        let mut rgb = vec![0; size.pixels() * 3];
        rand::rngs::SmallRng::seed_from_u64(1).fill(rgb.as_mut_slice());
        let picture = Picture::from_rgb(size, rgb).unwrap();
        let jpeg = encode(&picture, 1280, matpho_wire::evidence::JPEG_BYTES_MAX).unwrap();
        assert!(jpeg.bytes.len() <= matpho_wire::evidence::JPEG_BYTES_MAX && jpeg.bytes.starts_with(&[0xff, 0xd8]));
        assert!(jpeg.size.width <= 1280 && (jpeg.size.aspect() - 16.0 / 9.0).abs() < 0.01);
    }

    #[test]
    fn a_small_picture_is_not_enlarged_and_reads_back() {
        let size = PictureSize { width: 64, height: 48 };
        let picture = Picture::from_rgb(size, vec![128; size.pixels() * 3]).unwrap();
        let jpeg = encode(&picture, 1280, 1 << 20).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.jpg"), &jpeg.bytes).unwrap();
        assert_eq!(read(&dir.path().join("a.jpg")).unwrap().size(), size);
        std::fs::write(dir.path().join("b.jpg"), b"no picture").unwrap();
        assert!(read(&dir.path().join("b.jpg")).unwrap_err().to_string().contains("is no picture"));
    }
}
