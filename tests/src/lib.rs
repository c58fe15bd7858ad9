//! What the end-to-end tests share: processes that die with their test, waiting that tells what it saw, an HTTP client, a browser.
//!
//! The programs under test are the workspace's binaries of the same profile (`make test` builds them first); nothing of them is
//! linked here. Not here: the tests (`e2e/`), the simulated cameras (`sim/`).

#![forbid(unsafe_code)]

pub mod browser;
pub mod http;
pub mod process;
pub mod system;
pub mod wait;

pub use http::Http;
pub use process::{Process, program, repository};
pub use system::{Broker, Cameras, Center, Edge};
pub use wait::wait_for;
