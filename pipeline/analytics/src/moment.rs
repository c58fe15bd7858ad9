//! An instant on two clocks: when it was, and how long the camera had been watching.

use std::time::Duration;

use matpho_scene::MediaTime;

/// An instant. `at` is for saying when; `watched` is for telling how long, and stands still while the camera is blind, so that no
/// timer runs out over pictures that nobody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    /// Media time.
    pub at: MediaTime,
    /// Time watched since the start.
    pub watched: Duration,
}

impl Moment {
    /// Time watched from `earlier` to now.
    pub fn since(self, earlier: Self) -> Duration {
        self.watched.saturating_sub(earlier.watched)
    }

    /// The same in seconds.
    pub fn secs_since(self, earlier: Self) -> f32 {
        self.since(earlier).as_secs_f32()
    }

    /// The earlier of two.
    pub fn earlier(self, other: Self) -> Self {
        if other.watched < self.watched { other } else { self }
    }
}

/// Makes moments of media times.
#[derive(Debug, Default)]
pub(crate) struct WatchClock {
    /// Latest time of any input. Times before it are taken as it.
    latest: MediaTime,
    /// The last picture that was fit to judge, if nothing was missed since.
    last_sight: Option<MediaTime>,
    watched: Duration,
}

impl WatchClock {
    /// Any input arrived: its time, never before an earlier one.
    pub fn clamp(&mut self, at: MediaTime) -> MediaTime {
        self.latest = self.latest.max(at);
        self.latest
    }

    /// A picture fit to judge arrived.
    pub fn sight(&mut self, at: MediaTime) -> Moment {
        if let Some(last) = self.last_sight {
            self.watched += at.since(last);
        }
        self.last_sight = Some(at);
        self.now()
    }

    /// The camera went blind: what passes until the next sight was not watched.
    pub fn blind(&mut self) {
        self.last_sight = None;
    }

    /// Now, without a new sight.
    pub fn now(&self) -> Moment {
        Moment { at: self.latest, watched: self.watched }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blind_time_is_not_watched() {
        let mut clock = WatchClock::default();
        let sight = |clock: &mut WatchClock, s: u64| {
            let at = clock.clamp(MediaTime::from_millis(s * 1000));
            clock.sight(at).watched.as_secs()
        };
        assert_eq!(sight(&mut clock, 10), 0);
        assert_eq!(sight(&mut clock, 14), 4);
        clock.blind();
        assert_eq!(sight(&mut clock, 100), 4);
        assert_eq!(sight(&mut clock, 101), 5);
        assert_eq!(sight(&mut clock, 50), 5, "a step back is no time");
    }
}
