//! matpho-media
