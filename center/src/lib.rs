//! matpho-center
