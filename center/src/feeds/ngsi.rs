//! NGSI-LD for a province's context broker: [`entity`] makes entities of Smart Data Models' types, [`batch`] makes requests of entities and reads
//! the answers.
//!
//! **Invariants:** ids are `urn:ngsi-ld:<Type>:<local>` and the same thing always has the same one, so that sending twice does no harm; an entity's
//! address, stream and owner are never in it, its place is rounded.
//!
//! Not here: sending (the requests are handed out as values), what of it arrived (the store keeps that).

pub mod batch;
pub mod entity;

#[cfg(test)]
mod tests;
