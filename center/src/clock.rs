//! The centre's one clock. Rules take an instant as an argument; only the rim asks what time it is.

use matpho_scene::WallTime;

/// Now, by the system's clock.
pub fn now() -> WallTime {
    WallTime::from(std::time::SystemTime::now())
}
