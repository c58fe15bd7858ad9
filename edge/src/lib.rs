//! matpho-edge
