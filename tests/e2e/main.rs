//! End-to-end tests with the real parts, and the tests of the architecture.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod architecture;
mod city;
mod moved;
mod outage;
mod scene;
