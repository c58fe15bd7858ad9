//! From the broker into the store: [`link`] keeps up the [`connection`], [`message`] reads what comes, [`writer`] commits it and only then
//! acknowledges it.
//!
//! **Invariants:** a message of QoS 1 is acknowledged after the transaction that holds it (or its rejection) is committed; what
//! cannot be read is counted, kept for a look and acknowledged, and never stops what follows; while the store fails nothing is
//! acknowledged, so the broker keeps it.

pub mod connection;
pub mod heir;
pub mod link;
pub mod message;
pub mod writer;
