//! How usable one picture is, as measured by `vision` and judged by `analytics`.

use serde::{Deserialize, Serialize};

/// Measurements of one picture, on a small grey copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PictureHealth {
    /// Mean brightness, 0 (black) to 255.
    pub luma_mean: f32,
    /// Standard deviation of the brightness, 0 to about 128. A covered lens has little.
    pub luma_std: f32,
    /// Share of pixels near white, 0 to 1. Glare has much.
    pub bright_share: f32,
    /// Variance of the Laplacian that four fifths of the picture's blocks stay below: sharpness. It falls when a lens is blurred, whatever is written
    /// into the picture; its scale depends on the scene.
    pub sharpness: f32,
    /// Mean absolute difference from the picture measured before, 0 to 255; `None` for the first. A frozen picture has 0.
    pub change: Option<f32>,
    /// Displacement against the reference picture; `None` while there is no reference, or where none could be found.
    pub shift: Option<Shift>,
    /// Likeness of the edges to the reference picture's, 0 to 1; `None` while there is no reference.
    pub likeness: Option<f32>,
}

/// How far the view has moved against the reference picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// To the right, as a share of the picture's width.
    pub dx: f32,
    /// Downwards, as a share of the picture's height.
    pub dy: f32,
    /// How sure the registration is, 0 to 1 (peak of the phase correlation).
    pub response: f32,
}
