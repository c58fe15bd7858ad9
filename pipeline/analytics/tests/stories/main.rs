//! What is said about what happens before a camera: each test is a story that a traffic engineer can read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod script;

mod camera;
mod fire;
mod flood;
mod proof;
mod traffic;
