//! What goes out to others, in the words of their standards. Pure: facts in, documents out.
//!
//! | to whom | file | standard |
//! |---|---|---|
//! | dispatch, emergency services, public warning | [`cap`] | OASIS CAP 1.2, Atom |
//! | the operations centre's context broker | [`ngsi`] | NGSI-LD, Smart Data Models |
//! | maps, GIS, citizens' apps | [`ogc`] over [`feature`] | OGC API Features Part 1, GeoJSON |
//! | the open-data portal | [`open_data`] over [`feature`] | CSV, GeoJSON, DCAT |
//! | a traffic management system | [`iris_csv`] | IRIS incident feed |
//! | anybody's own program | [`notice`], signed by [`webhook`] | Standard Webhooks |
//!
//! **Invariant:** nothing private leaves: no stream address, no exact mount of a camera, no owner, no picture that shows people.
//!
//! Not here: who may read a feed (`rights`), when and where it is sent (`senders`) and what of it arrived (the store keeps that), HTTP (`api`).

pub mod cap;
pub mod feature;
pub mod iris_csv;
pub mod ngsi;
pub mod notice;
pub mod ogc;
pub mod open_data;
pub mod webhook;
pub mod xml;

#[cfg(test)]
mod tests;
