//! matpho-infer
