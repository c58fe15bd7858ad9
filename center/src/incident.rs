//! Incidents: what is made of events for the people who act. [`rules`] decides, without I/O; `store::incidents` keeps; `api::incidents`
//! lets people act.
//!
//! **Invariant:** an event belongs to exactly one incident, from its first message on.

pub mod rules;
