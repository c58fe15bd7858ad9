//! matpho-tests
