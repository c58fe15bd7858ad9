//! matpho-analytics
