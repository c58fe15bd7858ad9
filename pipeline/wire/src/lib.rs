//! matpho-wire
