//! A condition that must last to be true, and must be gone for a while to be false again.

use std::time::Duration;

use crate::moment::Moment;

/// State of a condition. The four states and what each does on "seen" or "not seen" are the whole specification.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Latch {
    /// Not so.
    #[default]
    Off,
    /// So, but not for long enough.
    Rising {
        /// When it was first seen.
        since: Moment,
    },
    /// So.
    On,
    /// No longer so, but not for long enough.
    Falling {
        /// When it was first seen gone.
        gone_since: Moment,
    },
}

/// What changed for the outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// It has lasted since then and is now so.
    Began {
        /// When it was first seen.
        since: Moment,
    },
    /// It is over.
    Ended,
}

impl Latch {
    /// One look. It is so after `on_after` of being seen, and over after `off_after` of not being seen.
    pub fn step(&mut self, now: Moment, seen: bool, on_after: Duration, off_after: Duration) -> Change {
        let (next, change) = match (*self, seen) {
            (Self::Off, false) => (Self::Off, Change::None),
            (Self::Off, true) if on_after.is_zero() => (Self::On, Change::Began { since: now }),
            (Self::Off, true) => (Self::Rising { since: now }, Change::None),
            (Self::Rising { .. }, false) => (Self::Off, Change::None),
            (Self::Rising { since }, true) if now.since(since) >= on_after => (Self::On, Change::Began { since }),
            (Self::Rising { since }, true) => (Self::Rising { since }, Change::None),
            (Self::On | Self::Falling { .. }, true) => (Self::On, Change::None),
            (Self::On, false) if off_after.is_zero() => (Self::Off, Change::Ended),
            (Self::On, false) => (Self::Falling { gone_since: now }, Change::None),
            (Self::Falling { gone_since }, false) if now.since(gone_since) >= off_after => (Self::Off, Change::Ended),
            (Self::Falling { gone_since }, false) => (Self::Falling { gone_since }, Change::None),
        };
        *self = next;
        change
    }

    /// Seen now or said to be so.
    pub fn is_off(self) -> bool {
        self == Self::Off
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::MediaTime;

    use super::*;

    /// `x` seen, `.` not seen, one look a second; prints `B` where it began, `E` where it ended.
    fn play(looks: &str) -> String {
        let mut latch = Latch::Off;
        looks
            .chars()
            .enumerate()
            .map(|(s, look)| {
                let now = Moment { at: MediaTime::ZERO, watched: Duration::from_secs(s as u64) };
                match latch.step(now, look == 'x', Duration::from_secs(3), Duration::from_secs(2)) {
                    Change::None => '-',
                    Change::Began { .. } => 'B',
                    Change::Ended => 'E',
                }
            })
            .collect()
    }

    #[test]
    fn dwell_and_release() {
        assert_eq!(play("..xxxxx...."), "-----B---E-");
        assert_eq!(play("xx.xx.xx.xx"), "-----------", "interrupted: never on");
        assert_eq!(play("xxxxx.x.x.x"), "---B-------", "interrupted: never off");
    }
}
