//! OpenCV at work: how usable a picture is ([`HealthProbe`]), how much places in it change ([`ChangeProbe`]), where its points lie on the road ([`calibrate`]), and faces and plates
//! made unreadable ([`pixelate`]).
//!
//! **Invariant:** OpenCV appears in this crate alone; no `Mat` crosses its border.
//!
//! Not here: what a picture's health means for the camera and the analytics (`analytics`), decoding (`media`).

mod calibration;
mod change;
mod edges;
mod health;
mod redact;

pub use calibration::{Calibration, CalibrationError, calibrate};
pub use change::ChangeProbe;
pub use health::{HealthError, HealthProbe};
pub use redact::pixelate;
