//! The centre: takes what gateways send, makes incidents of it, and shows them to people and programs.
//!
//! ```text
//! broker → ingest (commit, then acknowledge) → store → live → api → console
//!                │                          └ senders → webhooks, context broker, alerts
//!                └ incident::rules decides what belongs together
//! ```
//!
//! **Invariants:** a message is acknowledged once it is committed, and taken once (`source` + `id`); what people do is kept with who
//! and when; [`run`] alone starts tasks.
//!
//! Not here: what messages look like (`wire`), how a phenomenon is recognised (`pipeline/`), the web front (`console/`).

pub mod api;
pub mod area;
pub mod auth;
pub mod broker;
pub mod cli;
pub mod clips;
pub mod clock;
pub mod config;
pub mod feeds;
pub mod figures;
pub mod health;
pub mod incident;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod pictures;
pub mod rights;
pub mod run;
pub mod senders;
pub mod store;

/// An error with everything that led to it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
