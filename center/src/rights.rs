//! Who may do what, where, on which kinds of event, and until when.
//!
//! ```text
//! grant = principal × role × scope (an area and all below it) × capabilities × kinds × window        allow or deny
//! ```
//!
//! [`capability`] lists what can be allowed, [`kinds`] about what, [`grant`] holds the ledger of grants and how they are passed on,
//! [`decide`] answers every question, [`filter`] turns a person's grants into a filter for the store; [`agency`] says who answers for what.
//!
//! **Invariants:** what no grant allows is refused; a deny wins over any allow; a grant that was passed on reaches no farther than the one that it was
//! passed on from, and ends with it. [`decide::Rights::decide`] and [`Filter`] give one answer about what lies in areas of today.
//!
//! Not here: who somebody is (`auth`), how long a session lasts, where grants are kept (`store`). Nothing here does I/O or reads a clock.

pub mod agency;
pub mod capability;
pub mod decide;
pub mod filter;
pub mod grant;
pub mod kinds;

pub use capability::{Capabilities, Capability};
pub use decide::{Decision, Moment, Question, Rights, Subject};
pub use filter::{EVERYWHERE, Filter, Place};
pub use grant::{Effect, Grant, GrantId, Ledger, Principal, Scope, Window};
pub use kinds::Kinds;

#[cfg(test)]
mod tests;
