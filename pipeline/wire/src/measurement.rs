//! `measurements`: figures of a zone over a period.

use matpho_scene::{CameraId, WallTime, ZoneId, measurement::Figures};
use serde::{Deserialize, Serialize};

use crate::envelope::Message;

/// Data of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasurementData {
    /// Which camera.
    pub camera: CameraId,
    /// Which zone.
    pub zone: ZoneId,
    /// Beginning of the period.
    pub from: WallTime,
    /// End of the period.
    pub to: WallTime,
    /// What was measured.
    pub figures: Figures,
}

impl MeasurementData {
    /// The CloudEvents type.
    pub fn type_name(&self) -> &'static str {
        match self.figures {
            Figures::Traffic(_) => "io.matpho.v1.measurement.traffic",
            Figures::Flood(_) => "io.matpho.v1.measurement.flood",
        }
    }
}

impl Message for MeasurementData {
    const NAME: &'static str = "measurement";
}
