//! A city that is not there: streets drawn as cameras see them, served as RTSP cameras, with the truth written beside every picture.
//!
//! Here: scenarios (`scenario`), traffic and what happens on a street, the renderer, streets watched without drawing them (`watch`), faults, and the RTSP servers. **Invariant:** a picture and its truth are functions of
//! scenario, camera and scenario time alone; the same seed gives the same bytes. Wall time enters only where a stream is paced.
//!
//! Not here: anything that judges pictures. This crate shares no code with what it tests.

mod camera;
mod describe;
mod edges;
mod error;
mod fault;
mod frames;
mod geom;
mod render;
mod scenario;
mod serve;
mod survey;
mod truth;
mod vary;
mod video;
mod watch;
mod world;

pub use camera::{CameraSim, Models, Picture};
pub use describe::describe;
pub use edges::{FleetJob, FleetReport, load_fleet};
pub use error::ScenarioError;
pub use fault::Fault;
pub use frames::{FrameJob, dump_frames};
pub use scenario::{
    Camera, Codec, Daylight, Direction, Event, Login, Look, Median, Mix, Place, Pose, Road, Scenario, Scheme, Traffic,
};
pub use serve::{City, CityError, Options, Shot};
pub use survey::Surveyed;
pub use truth::{Bounds, Class, Object, States, Truth};
pub use vary::vary;
pub use video::{VideoJob, film};
pub use watch::{Begins, Bodies, Stretch, Watch};
