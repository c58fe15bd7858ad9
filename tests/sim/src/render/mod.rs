//! Pictures: the street as a backdrop, vehicles as sprites on it, and what fire, water, weather and the camera itself do to them.

pub(crate) mod backdrop;
pub(crate) mod canvas;
pub(crate) mod facade;
pub(crate) mod fire;
mod ground;
pub(crate) mod lamps;
pub(crate) mod light;
pub(crate) mod mesh;
pub(crate) mod models;
pub(crate) mod raster;
pub(crate) mod sensor;
pub(crate) mod sprite;
pub(crate) mod street;
pub(crate) mod view;
pub(crate) mod water;
