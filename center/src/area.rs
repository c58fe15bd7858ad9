//! Areas: provinces, communes, wards, police precincts, clusters of streets, as a tree of any depth that is data and never code.
//!
//! [`shape`] holds borders, [`mod@unit`] one area over the time that it is valid, [`tree`] all of them with their successors,
//! [`import`] reads code lists and borders from CSV and GeoJSON.
//!
//! **Invariants:** an [`tree::AreaTree`] that exists is sound (parents known and valid as long as their children, no cycles, one
//! version of an area at a time, borders that close and do not cross themselves, shares that add up); nothing here does I/O or reads
//! a clock.
//!
//! Not here: who may see an area (`rights`), where areas are kept (`store`), official code lists (each province imports its own).

mod complaint;
pub mod geojson;
pub mod import;
pub mod shape;
pub mod table;
pub mod tree;
pub mod unit;

pub use complaint::Complaint;
pub use shape::{BoundingBox, MultiPolygon, Position};
pub use tree::{AreaTree, Successor};
pub use unit::{Area, AreaId, Validity};
