//! What is said about what happens before a camera: each test is a story that a traffic engineer can read.

mod script;

mod camera;
mod fire;
mod flood;
mod traffic;
