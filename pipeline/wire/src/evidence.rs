//! `evidence/{event}`: the picture that proves an event.

use base64::{Engine, engine::general_purpose::STANDARD};
use matpho_scene::{CameraId, Seen};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    envelope::{Message, WireError},
    event::EventId,
};

/// The largest picture, in bytes.
pub const JPEG_BYTES_MAX: usize = 256 * 1024;

/// Data of an evidence message, and of a camera's latest picture (then without an event).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceData {
    /// Which event it proves; absent from a camera's latest picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// Which camera took it.
    pub camera: CameraId,
    /// When it was taken.
    pub seen: Seen,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Always `image/jpeg`.
    pub media_type: String,
    /// Hash of the JPEG, hex.
    pub sha256: String,
    /// The JPEG in base64.
    pub jpeg_base64: String,
    /// Whether people and plates were made unrecognisable before it left the gateway.
    pub redacted: bool,
    /// Whether a clip of the same event lies at the gateway, to be asked for.
    #[serde(default)]
    pub clip_available: bool,
}

impl EvidenceData {
    /// Packs a JPEG.
    pub fn pack(
        event: Option<EventId>,
        camera: CameraId,
        seen: Seen,
        (width, height): (u32, u32),
        jpeg: &[u8],
        redacted: bool,
    ) -> Result<Self, WireError> {
        if jpeg.len() > JPEG_BYTES_MAX {
            return Err(too_large(jpeg.len()));
        }
        Ok(Self {
            event,
            camera,
            seen,
            width,
            height,
            media_type: "image/jpeg".into(),
            sha256: hex::encode(Sha256::digest(jpeg)),
            jpeg_base64: STANDARD.encode(jpeg),
            redacted,
            clip_available: false,
        })
    }

    /// The JPEG, after checking its size and hash.
    pub fn unpack(&self) -> Result<Vec<u8>, WireError> {
        let wrong = |field, why: String| WireError::Field { field, why };
        let jpeg = STANDARD.decode(&self.jpeg_base64).map_err(|e| wrong("data.jpeg_base64", e.to_string()))?;
        if jpeg.len() > JPEG_BYTES_MAX {
            return Err(too_large(jpeg.len()));
        }
        if !jpeg.starts_with(&[0xff, 0xd8]) {
            return Err(wrong("data.jpeg_base64", "it is no JPEG".into()));
        }
        if hex::encode(Sha256::digest(&jpeg)) != self.sha256 {
            return Err(wrong("data.sha256", "the picture does not match it".into()));
        }
        Ok(jpeg)
    }
}

fn too_large(bytes: usize) -> WireError {
    WireError::Field { field: "data.jpeg_base64", why: format!("{bytes} bytes of JPEG, at most {JPEG_BYTES_MAX} are allowed") }
}

impl Message for EvidenceData {
    const NAME: &'static str = "evidence";
}
