//! matpho-benches
