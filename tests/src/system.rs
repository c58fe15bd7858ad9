//! The system's programs, started as a user would start them.

/// Placeholder until the programs exist.
pub struct Broker;
/// Placeholder until the programs exist.
pub struct Center;
/// Placeholder until the programs exist.
pub struct Cameras;
/// Placeholder until the programs exist.
pub struct Edge;
