//! Incidents: what is made of events for the people who act. [`rules`] decides, without I/O; `store::incidents` keeps; `api::incidents`
//! lets people act. [`life`] and [`load`] are the rules that come next: the whole life of an incident with its promises, and the alarm load of those who
//! handle them.
//!
//! **Invariant:** an event belongs to exactly one incident, from its first message on.

pub mod life;
pub mod load;
pub mod rules;
