//! The gateway's parts with real things around them: files, the program itself, a real mosquitto.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../../../tests/support/authority.rs"]
mod authority;
mod broker;
mod cli;
mod config;
mod eval;
mod proof;
mod pull;
mod replay;
mod setup;
mod tls;
