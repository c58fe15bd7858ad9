//! The centre's one clock. Rules take an instant as an argument; only the rim asks what time it is.

use jiff::{civil::Date, tz::Offset};
use matpho_scene::WallTime;

use crate::rights::Moment;

/// Now, by the system's clock.
pub fn now() -> WallTime {
    WallTime::from(std::time::SystemTime::now())
}

/// How far the province's clocks are ahead of UTC. Vietnam has one time, and no summer time.
pub const fn offset() -> Offset {
    jiff::tz::offset(7)
}

/// The day that it is in the province.
pub fn today() -> Date {
    Moment::new(now(), offset()).today
}
