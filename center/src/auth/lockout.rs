//! When an account is locked, and for whom. Pure: failures are kept in the store (`store::lockout`), so that they count over restarts and over
//! all centres on it.
//!
//! **A lock holds for those who guess, not for the account.** Anybody can fail on purpose; if that locked an account for everybody, a list of
//! names would be enough to keep a whole operations centre out. So failures are counted by where they come from ([`Source`]):
//!
//! - A browser that logged in before brings proof of it (the device's cookie) and is counted by itself. It goes on working, whatever others do.
//! - All others are counted by address, and all of them together, with a higher bound: who guesses from a thousand addresses is stopped too,
//!   and what that costs is that nobody logs in to this account from a *new* device meanwhile.
//! - A session that has begun is not touched.
//!
//! This is OWASP's "Slow Down Online Guessing Attacks with Device Cookies". A stranger is told the same whether an account is locked, is not, or
//! does not exist.

use std::{fmt, net::IpAddr, time::Duration};

use matpho_scene::WallTime;

/// Failures of all strangers together that lock, as a multiple of those from one address.
const STRANGERS: u32 = 10;

/// Each lock in a row lasts twice as long as the one before, up to this.
const LOCK_MAX: Duration = Duration::from_secs(86_400);

/// Where nothing failed for so long, nothing is remembered.
pub const FORGET_AFTER: Duration = Duration::from_secs(86_400);

/// A browser that logged in is known for so long after it last did.
pub const DEVICE_KNOWN_FOR: Duration = Duration::from_secs(180 * 86_400);

/// When an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Wrong passwords from one place; 0: never.
    pub failures: u32,
    /// For how long, the first time; `None`: until an administrator unlocks it.
    pub lock: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { failures: 10, lock: Some(Duration::from_secs(900)) }
    }
}

/// Where a login comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A browser that logged in as this user before, by the hash of what proves it.
    Device(String),
    /// An address; of IPv6 the network that one customer has.
    Address(String),
    /// All who are no known device.
    Strangers,
}

impl Source {
    /// By what a login is counted.
    pub fn of(device: Option<String>, address: IpAddr) -> Vec<Self> {
        device.map_or_else(|| vec![Self::Address(network(address)), Self::Strangers], |device| vec![Self::Device(device)])
    }

    /// For people: without what proves a device.
    pub fn in_words(word: &str) -> &str {
        if word.starts_with("device ") { "a known device" } else { word }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(hash) => write!(f, "device {hash}"),
            Self::Address(address) => write!(f, "address {address}"),
            Self::Strangers => f.write_str("strangers"),
        }
    }
}

/// An address as it is counted: of IPv6 its /64, since whoever has one address there has them all.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// What failed from one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Failures since the last lock.
    pub failures: u32,
    /// Locks in a row.
    pub locks: u32,
    /// When it last failed.
    pub failed: Option<WallTime>,
    /// Until when it is locked; `None`: not, or [`Tally::locked_for_good`].
    pub locked_until: Option<WallTime>,
    /// Whether an administrator has to unlock it.
    pub locked_for_good: bool,
}

impl Tally {
    /// Whether nobody gets in.
    pub fn is_locked(&self, now: WallTime) -> bool {
        self.locked_for_good || self.locked_until.is_some_and(|until| until > now)
    }

    /// After one more failure. What fails during a lock is not counted: a lock would never end.
    pub fn failed(self, rules: Rules, source: &Source, now: WallTime) -> Self {
        if self.is_locked(now) || rules.failures == 0 {
            return self;
        }
        let forgotten = self.failed.is_none_or(|failed| failed + FORGET_AFTER <= now)
            && self.locked_until.is_none_or(|until| until + FORGET_AFTER <= now);
        let before = if forgotten { Self::default() } else { self };
        let bound = if *source == Source::Strangers { rules.failures.saturating_mul(STRANGERS) } else { rules.failures };
        let counted = Self { failures: before.failures + 1, failed: Some(now), locked_until: None, ..before };
        if counted.failures < bound {
            return counted;
        }
        let until = rules.lock.map(|first| now + first.saturating_mul(1 << counted.locks.min(16)).min(LOCK_MAX.max(first)));
        Self { failures: 0, locks: counted.locks + 1, locked_until: until, locked_for_good: until.is_none(), ..counted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> WallTime {
        WallTime::from_unix_millis(1_795_000_000_000 + 1_000 * s)
    }

    const HERE: Source = Source::Strangers;

    fn here() -> Source {
        Source::Address("10.0.0.7".into())
    }

    #[test]
    fn so_many_failures_lock_for_longer_each_time() {
        let rules = Rules { failures: 3, lock: Some(Duration::from_secs(60)) };
        let (mut tally, mut now, mut locks) = (Tally::default(), 0, Vec::new());
        for _ in 0..4 {
            for _ in 0..3 {
                assert!(!tally.is_locked(at(now)));
                tally = tally.failed(rules, &here(), at(now));
            }
            assert!(tally.is_locked(at(now)));
            assert_eq!(tally.failed(rules, &here(), at(now)), tally, "during a lock nothing is counted");
            let until = tally.locked_until.unwrap();
            locks.push((until.as_unix_millis() - at(now).as_unix_millis()) / 1_000);
            now += locks[locks.len() - 1];
        }
        assert_eq!(locks, [60, 120, 240, 480]);
        let longest = Tally { locks: 30, failures: 2, failed: Some(at(0)), ..Tally::default() }.failed(rules, &here(), at(1));
        assert_eq!(longest.locked_until, Some(at(1) + LOCK_MAX));
        let day = 86_400;
        let quiet = tally.failed(rules, &here(), at(now + day));
        assert_eq!((quiet.failures, quiet.locks), (1, 0), "after a quiet day all is forgotten");
    }

    #[test]
    fn strangers_together_have_a_higher_bound_and_an_administrator_may_be_needed() {
        let rules = Rules { failures: 3, lock: None };
        let fail =
            |source: &Source, times: usize| (0..times).fold(Tally::default(), |tally, _| tally.failed(rules, source, at(0)));
        assert!(!fail(&HERE, 29).is_locked(at(0)) && fail(&HERE, 30).is_locked(at(1_000_000_000)));
        assert!(!fail(&here(), 2).is_locked(at(0)) && fail(&here(), 3).is_locked(at(1_000_000_000)));
        let never = Rules { failures: 0, lock: None };
        assert_eq!(Tally::default().failed(never, &here(), at(0)), Tally::default());
    }

    #[test]
    fn a_known_device_is_counted_by_itself() {
        let address: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let words = |device: Option<&str>| {
            Source::of(device.map(str::to_owned), address).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(words(None), ["address 2001:db8:1:2::/64", "strangers"]);
        assert_eq!(words(Some("ab12")), ["device ab12"]);
        assert_eq!(network("::ffff:10.0.0.7".parse().unwrap()), "10.0.0.7");
        assert_eq!(Source::in_words("device ab12"), "a known device");
    }
}
