//! matpho-track
