//! Help with setting a camera up: what its zones could be, and how far its calibration is to be trusted.
//!
//! [`Survey`] watches tracks for some minutes and proposes carriageways with direction and counting line. [`lane_marks`] makes measured points of
//! road marks, [`Plane`] draws a grid of metres back into the picture, [`click_error`] says what a hand that trembles costs.
//!
//! **Invariant:** pure and deterministic: no clock, no thread, no I/O; what is proposed depends on what was watched alone. Nothing here decides: a
//! person looks at the drawn picture and takes it over, or not.
//!
//! Not here: solving for the plane (`vision`), tracking (`track`), what happens in a zone (`analytics`).

#![forbid(unsafe_code)]

mod flow;
mod grid;
mod outline;
mod plane;
mod propose;
mod trips;

pub use plane::{ClickError, MarksError, Plane, click_error, lane_marks};
pub use propose::{Proposal, Way};
pub use trips::Survey;
