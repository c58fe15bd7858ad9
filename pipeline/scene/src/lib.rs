//! matpho-scene
