//! OASIS Common Alerting Protocol 1.2: alert, update, cancel, with the Atom feed that lists them.
//!
//! [`alert`] has the values, [`check`] the rules (those of the schema and those that it misses), [`mod@write`] the XML, [`incident`] makes an alert of an
//! incident and of what was said about it before, [`atom`] lists alerts.
//!
//! **Invariants:** only a [`check::Checked`] alert can be written; what is written is valid against the public schema; nothing is `Actual` or `Public` unless the
//! publisher was configured so. A person decides that an incident is published: nothing here is called by a rule.
//!
//! Not here: signing (XML-DSig), reading other people's alerts.

pub mod alert;
pub mod atom;
pub mod check;
pub mod incident;
pub mod write;

pub use alert::Alert;
pub use check::Checked;

#[cfg(test)]
mod tests;
