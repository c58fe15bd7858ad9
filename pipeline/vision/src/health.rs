//! How usable a picture is: brightness, sharpness, change, and displacement against a reference.

use matpho_scene::{Picture, PictureHealth};

/// OpenCV refused to work on a picture.
#[derive(Debug, thiserror::Error)]
#[error("failed to {attempted} on a {size} picture")]
pub struct HealthError {
    attempted: &'static str,
    size: matpho_scene::PictureSize,
    #[source]
    source: opencv::Error,
}

/// Measures the pictures of one camera, one after the other. Works on a grey copy at most 320 pixels wide.
#[derive(Debug, Default)]
pub struct HealthProbe {}

impl HealthProbe {
    /// A probe without a reference: it makes one of the first good pictures.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a picture of the view as it should be, such as the one its zones were drawn on; shift and likeness are measured against
    /// it from now on.
    pub fn set_reference(&mut self, picture: &Picture) -> Result<(), HealthError> {
        let _ = picture;
        Ok(())
    }

    /// Measures one picture. `change` is against the picture measured before it.
    pub fn measure(&mut self, picture: &Picture) -> Result<PictureHealth, HealthError> {
        let _ = picture;
        Err(HealthError {
            attempted: "measure",
            size: picture.size(),
            source: opencv::Error::new(opencv::core::StsNotImplemented, "measure"),
        })
    }
}
