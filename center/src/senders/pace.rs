//! How hard a destination is tried: while it does not answer, one message at a time and ever more seldom.

use std::time::Duration;

use matpho_scene::WallTime;

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Failures after which a destination counts as having been away: what waited for it goes at once when it is back.
const AWAY_AFTER: u32 = 3;

/// How a destination has answered of late. Kept in memory: a centre that starts again tries at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    failures: u32,
    until: Option<WallTime>,
}

impl Pace {
    /// How long to wait before anything is tried.
    pub fn wait(&self, now: WallTime) -> Option<Duration> {
        self.until.filter(|until| *until > now).map(|until| until.since(now))
    }

    /// How many messages to try at once, of at most so many.
    pub fn width(&self, most: usize) -> usize {
        if self.failures > 0 { 1 } else { most }
    }

    /// The destination did not answer, or said that it is in trouble.
    pub fn failed(&mut self, now: WallTime) {
        self.failures = self.failures.saturating_add(1);
        let pause = Duration::from_secs(1 << self.failures.min(9)).min(PAUSE_MAX);
        self.until = Some(now + pause);
    }

    /// It answered. Returns whether it had been away.
    pub fn answered(&mut self) -> bool {
        std::mem::take(self).failures >= AWAY_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_asked_ever_more_seldom_and_at_most_every_five_minutes() {
        let mut now = WallTime::from_unix_millis(0);
        let mut pace = Pace::default();
        assert_eq!((pace.wait(now), pace.width(16)), (None, 16));
        let mut pauses = Vec::new();
        for _ in 0..11 {
            pace.failed(now);
            let wait = pace.wait(now).unwrap();
            pauses.push(wait.as_secs());
            now = now + wait;
            assert_eq!((pace.wait(now), pace.width(16)), (None, 1), "one is tried when the pause is over");
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert!(pace.answered(), "it had been away");
        assert_eq!(pace, Pace::default());
        pace.failed(now);
        assert!(!pace.answered(), "once is not away");
    }
}
