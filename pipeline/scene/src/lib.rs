//! What a camera sees, as plain values: ids, time, geometry, pictures, detections, tracks, masks, camera health, and
//! recordings of detections.
//!
//! Every stage of the pipeline speaks these types, so that no stage has to know another one.
//!
//! **Invariant:** nothing here does I/O, owns a thread or reads a clock; a value that exists is valid (ids are slugs,
//! boxes lie in the picture, polygons do not cross themselves).
//!
//! Not here: what is sent to the centre (`wire`), how pixels are made (`media`), what they mean (`analytics`).

#![forbid(unsafe_code)]

pub mod detection;
pub mod event;
pub mod geometry;
pub mod health;
pub mod id;
pub mod mask;
pub mod measurement;
pub mod picture;
pub mod recording;
pub mod time;
pub mod track;

pub use detection::{Change, Class, Detection, Score};
pub use geometry::{Direction, GroundPlane, GroundPoint, NormBox, NormPoint, PictureSize, Polygon};
pub use health::PictureHealth;
pub use id::{CameraId, EdgeId, ModelId, SiteId, TrackId, ZoneId};
pub use mask::{Mask, WaterReading};
pub use picture::Picture;
pub use recording::{FrameRecord, RecordedDetection};
pub use time::{ClockSource, MediaTime, Seen, WallTime};
pub use track::Tracked;
