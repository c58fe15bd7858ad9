//! Incidents: what is made of events and reports for the people who act. [`rules`] decides what belongs together, [`life`] what can be
//! done to it and until when, [`dispatch`] whom a rule would send, [`load`] counts what reaches an operator; all without I/O.
//! [`watch`] looks after what only time brings about; `store::{incidents, life, merging, reports, shelves}` keep; `api::{incidents, acts}` let people act.
//!
//! **Invariant:** an event belongs to exactly one incident, from its first message on.

pub mod dispatch;
pub mod life;
pub mod load;
pub mod nearby;
pub mod rules;
pub mod watch;
