//! matpho-sim
