//! Models at work: the registry of what may be loaded ([`Registry`]), ONNX Runtime ([`Runtime`]), and a model with its pre- and
//! post-processing ([`Model`]).
//!
//! ```no_run
//! # use matpho_infer::{Model, Output, Registry, Runtime, SessionOptions};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let size = matpho_scene::PictureSize { width: 64, height: 36 };
//! # let picture = matpho_scene::Picture::from_rgb(size, vec![0; size.pixels() * 3])?;
//! let runtime = Runtime::load(None)?;
//! let registry = Registry::load("models/registry.toml".as_ref())?;
//! let mut vehicles = Model::open(&runtime, registry.get(&"vehicles".parse()?)?, &SessionOptions::default())?;
//! if let Output::Detections(found) = vehicles.run(&picture)? {
//!     println!("{} vehicles", found.len());
//! }
//! # Ok(()) }
//! ```
//!
//! **Invariant:** ONNX Runtime appears in this crate alone; a [`Model`] that exists has the hash, inputs and outputs that its registry
//! entry declares. One model belongs to one thread: make one per worker.
//!
//! Not here: which pictures are looked at and when (`edge`), who is who from frame to frame (`track`).

mod answer;
mod contract;
mod decode;
mod error;
mod model;
mod nms;
mod preprocess;
mod provider;
mod registry;
mod runtime;

pub use error::InferError;
pub use model::{Model, Output, RunStats, SessionOptions, Tiling};
pub use provider::{Provider, ProviderError};
pub use registry::{Channels, Entry, Family, InputSpec, OutputSpec, Registry, RegistryError, Resize, Shrink};
pub use runtime::{Runtime, RuntimeError};
