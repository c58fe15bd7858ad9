//! Pictures as RTSP cameras: a GStreamer server a camera behind one front door, where connections can be made to hang or die.

mod city;
mod clip;
mod control;
mod door;
mod server;

pub use city::{City, CityError, Options, Shot};
