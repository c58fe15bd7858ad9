//! How good a model is, by the decoder that the gateway runs: `matpho-edge models eval`.
//!
//! `dataset` says which pictures there are and what is true of them; `matching` sets what was found against what is there; `average_precision`,
//! `interval`, `calibration` and `water` are the arithmetic; `report` puts a whole evaluation together and `table` prints it.
//!
//! **Invariant:** a figure comes with how far it may be off. Boxes of one scene are not independent, so intervals resample scenes, never boxes;
//! a set without a label for a class says nothing about that class.
//!
//! Not here: reading pictures and running models (`cli/eval.rs`).

pub mod average_precision;
pub mod calibration;
pub mod dataset;
pub mod interval;
pub mod matching;
pub mod report;
pub mod table;
pub mod water;
