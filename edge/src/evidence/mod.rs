//! The picture that proves an event, and the latest picture of each camera.
//!
//! **Invariant:** a picture leaves with heads and plates made unreadable, unless the configuration says otherwise in so many words; where nobody
//! looked for them, it does not leave at all.

pub mod clips;
pub mod draw;
pub mod jpeg;
pub mod redact;

use matpho_scene::{CameraId, NormBox, NormPoint, Picture, Polygon, Seen};
use matpho_wire::{EventId, EvidenceData, WireError};

use self::{
    draw::{Canvas, colour},
    jpeg::JpegError,
};

/// The latest picture of a camera is small: it tells how the street looks, and is no evidence.
pub const LATEST_WIDTH_MAX: u32 = 480;
const LATEST_BYTES_MAX: usize = 64 * 1024;

/// Whether and where a picture has to be made unreadable.
#[derive(Debug, Clone, PartialEq)]
pub enum Redaction {
    /// These parts.
    Regions(Vec<NormBox>),
    /// The configuration allows plain pictures.
    Plain,
}

/// A picture to be sent.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Which camera took it.
    pub camera: CameraId,
    /// When.
    pub seen: Seen,
    /// The picture as it came.
    pub picture: Picture,
    /// What nobody may read in it.
    pub redaction: Redaction,
    /// What it proves; none for the latest picture.
    pub proves: Option<Proves>,
}

/// What a picture proves.
#[derive(Debug, Clone)]
pub struct Proves {
    /// The event.
    pub event: EventId,
    /// Where it is in the picture.
    pub region: Option<NormBox>,
    /// The way it came, oldest first; empty where nothing was followed.
    pub path: Vec<NormPoint>,
    /// The zone it is in, where one was drawn.
    pub zone: Option<Polygon>,
    /// What happened, when, where: a line under the picture.
    pub caption: String,
    /// Whether a clip is being kept.
    pub clip_available: bool,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It could not be written as JPEG.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// It does not fit its message.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Makes the message: redacts, draws, shrinks, encodes.
pub fn develop(shot: Shot, picture_width_max: u32) -> Result<EvidenceData, EvidenceError> {
    let Shot { camera, seen, mut picture, redaction, proves } = shot;
    let redacted = match &redaction {
        Redaction::Regions(regions) => {
            redact::apply(&mut picture, regions);
            true
        }
        Redaction::Plain => false,
    };
    let Some(proves) = proves else {
        let jpeg = jpeg::encode(&picture, LATEST_WIDTH_MAX, LATEST_BYTES_MAX)?;
        return Ok(EvidenceData::pack(None, camera, seen, (jpeg.size.width, jpeg.size.height), &jpeg.bytes, redacted)?);
    };
    // Shrunk first: lines and words drawn on a large picture would be too thin afterwards.
    let mut picture = jpeg::shrink(&picture, picture_width_max);
    let mut canvas = Canvas::on(&mut picture);
    if let Some(zone) = &proves.zone {
        canvas.polygon(zone, colour::ZONE);
    }
    for step in proves.path.windows(2) {
        canvas.line(step[0], step[1], colour::SIGN);
    }
    if let Some(region) = proves.region {
        canvas.frame(region, colour::ALARM, "");
    }
    canvas.words(4, 4, &proves.caption, colour::TEXT);
    let jpeg = jpeg::encode(&picture, picture_width_max, matpho_wire::evidence::JPEG_BYTES_MAX)?;
    let size = (jpeg.size.width, jpeg.size.height);
    let mut data = EvidenceData::pack(Some(proves.event), camera, seen, size, &jpeg.bytes, redacted)?;
    data.clip_available = proves.clip_available;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use matpho_scene::{ClockSource, PictureSize, WallTime};

    use super::*;

    fn shot(proves: Option<Proves>) -> Shot {
        let size = PictureSize { width: 1920, height: 1080 };
        // Stripes two pixels wide, as fine as the strokes of a number plate.
        let rgb = (0..size.pixels()).flat_map(|n| [if n / 2 % 2 == 0 { 40 } else { 220 }; 3]).collect();
        Shot {
            camera: "c".parse().unwrap(),
            seen: Seen { at: WallTime::from_unix_millis(0), uncertainty_ms: 0, clock: ClockSource::Arrival },
            picture: Picture::from_rgb(size, rgb).unwrap(),
            redaction: Redaction::Regions(vec![NormBox::new(0.25, 0.25, 0.5, 0.5).unwrap()]),
            proves,
        }
    }

    #[test]
    fn an_event_picture_shows_its_region_and_hides_what_is_to_be_hidden() {
        let proves = Proves {
            event: EventId::new(WallTime::from_unix_millis(0), [7; 10]),
            region: Some(NormBox::new(0.6, 0.6, 0.9, 0.9).unwrap()),
            path: vec![NormPoint::clamped(0.1, 0.7), NormPoint::clamped(0.3, 0.7)],
            zone: None,
            caption: "fire.flame c".into(),
            clip_available: true,
        };
        let data = develop(shot(Some(proves)), 1280).unwrap();
        assert!(data.redacted && data.clip_available && data.width == 1280);
        let jpeg = image::load_from_memory(&data.unpack().unwrap()).unwrap().into_rgb8();
        let redness = |x: u32, y: u32| {
            let p = jpeg.get_pixel(x, y);
            i32::from(p[0]) - i32::from(p[1])
        };
        assert!((766..772).any(|x| redness(x, 540) > 80), "the left side of the region is drawn");
        let yellow = |x: u32, y: u32| i32::from(jpeg.get_pixel(x, y)[0]) - i32::from(jpeg.get_pixel(x, y)[2]);
        assert!((500..510).any(|y| yellow(256, y) > 80), "the way it came is drawn");
        assert!(redness(1100, 200).abs() < 40, "and nothing red elsewhere");
    }

    #[test]
    fn the_latest_picture_is_small() {
        let data = develop(shot(None), 1280).unwrap();
        assert_eq!((data.width, data.event), (LATEST_WIDTH_MAX, None));
        assert!(data.unpack().unwrap().len() <= LATEST_BYTES_MAX);
    }
}
