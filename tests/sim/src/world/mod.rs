//! What moves and happens on a street, apart from any picture of it.

pub(crate) mod happenings;
pub(crate) mod traffic;
