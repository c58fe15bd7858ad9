//! Makes guessing passwords slow: after a few failures a name, and an address, have to wait, ever longer. Time is an argument. It is kept in memory;
//! how many guesses there are at all is up to [`super::lockout`].

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;

/// The longest wait. Longer would let anybody lock a colleague out.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A failure is forgotten after so long.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

/// Names and addresses that are remembered.
const KEYS_MAX: usize = 10_000;

/// What failed, by name or address.
#[derive(Debug, Default)]
pub struct Throttle(HashMap<String, Failures>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE) {
            None | Some(0) => Duration::ZERO,
            Some(over) => Duration::from_secs(1 << (over - 1).min(16)).min(WAIT_MAX),
        }
    }
}

impl Throttle {
    /// How long all of these keys together still have to wait.
    pub fn wait(&self, keys: &[impl AsRef<str>], now: Instant) -> Option<Duration> {
        let left = |key: &str| {
            let failures = self.0.get(key)?;
            failures.wait().checked_sub(now.saturating_duration_since(failures.last)).filter(|left| !left.is_zero())
        };
        keys.iter().filter_map(|key| left(key.as_ref())).max()
    }

    /// A guess was wrong.
    pub fn failed(&mut self, keys: &[impl AsRef<str>], now: Instant) {
        if self.0.len() >= KEYS_MAX {
            self.0.retain(|_, failures| now.saturating_duration_since(failures.last) < WAIT_MAX);
        }
        for key in keys {
            let failures = self.0.entry(key.as_ref().to_owned()).or_insert(Failures { count: 0, last: now });
            let forgotten = now.saturating_duration_since(failures.last) > FORGET_AFTER;
            *failures = Failures { count: if forgotten { 1 } else { failures.count.saturating_add(1) }, last: now };
        }
    }

    /// Somebody knew the password: their name has no failures any more.
    pub fn succeeded(&mut self, key: &str) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let keys = ["name", "address"];
        for _ in 0..FREE {
            throttle.failed(&keys, start);
            assert_eq!(throttle.wait(&keys, start), None);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            throttle.failed(&keys, start);
            waits.push(throttle.wait(&keys, start).unwrap().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(throttle.wait(&keys, start + Duration::from_secs(59)).unwrap().as_secs(), 1);
        assert_eq!(throttle.wait(&keys, start + Duration::from_secs(60)), None);
        assert_eq!(throttle.wait(&["other"], start), None);
        throttle.succeeded("name");
        assert_eq!(throttle.wait(&["name"], start), None);
        assert!(throttle.wait(&["address"], start).is_some(), "an address stays suspect");
        throttle.failed(&["address"], start + FORGET_AFTER + Duration::from_secs(1));
        assert_eq!(throttle.wait(&["address"], start + FORGET_AFTER + Duration::from_secs(1)), None);
    }
}
