//! The gateway: cameras in, what matters out.
//!
//! `run` is `topology.rs`: the one file that starts threads and tasks, with a table of every queue. Everything else is handed what it needs and
//! is tested without threads: configuration, looking, judging, announcing, the outbox, the link, evidence.
//!
//! **Invariants:** no event is lost once it was said (`outbox.rs`); no picture leaves with a face or plate that can be read, unless the
//! configuration says so (`evidence`); no secret reaches a log, a message or an error (`config::Secret`, `media::Login`).
//!
//! Not here: how video is decoded (`media`), what models are (`infer`), when a street is congested (`analytics`).

#![forbid(unsafe_code)]

pub mod announce;
pub mod cli;
pub mod commands;
pub mod config;
pub mod confirm;
pub mod eval;
pub mod evidence;
pub mod fetch;
pub mod http;
pub mod judge;
pub mod learned;
pub mod look;
pub mod models;
pub mod mqtt;
pub mod outbox;
pub mod publisher;
pub mod pull;
pub mod status;
pub mod topology;
pub mod vitals;
pub mod worker;

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their source.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
