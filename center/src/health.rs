//! How the centre is: facts that tasks leave here and `/healthz` tells.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use matpho_scene::WallTime;

/// How the centre is.
#[derive(Debug)]
pub struct Status {
    /// When it started.
    pub started: WallTime,
    broker_connected: AtomicBool,
    store_failing: AtomicBool,
    files_failing: AtomicBool,
    feeds_troubled: AtomicBool,
    last_message_ms: AtomicI64,
}

impl Status {
    /// Of a centre that has just started.
    pub fn new(started: WallTime) -> Self {
        Self {
            started,
            broker_connected: AtomicBool::new(false),
            store_failing: AtomicBool::new(false),
            files_failing: AtomicBool::new(false),
            feeds_troubled: AtomicBool::new(false),
            last_message_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// The connection to the broker stands or does not.
    pub fn set_broker_connected(&self, connected: bool) {
        self.broker_connected.store(connected, Relaxed);
    }

    /// Whether the connection to the broker stands.
    pub fn broker_connected(&self) -> bool {
        self.broker_connected.load(Relaxed)
    }

    /// The store takes messages or does not.
    pub fn set_store_failing(&self, failing: bool) {
        self.store_failing.store(failing, Relaxed);
    }

    /// Whether the store fails to take messages.
    pub fn store_failing(&self) -> bool {
        self.store_failing.load(Relaxed)
    }

    /// Pictures and clips can be kept or cannot.
    pub fn set_files_failing(&self, failing: bool) {
        self.files_failing.store(failing, Relaxed);
    }

    /// Whether pictures and clips cannot be kept.
    pub fn files_failing(&self) -> bool {
        self.files_failing.load(Relaxed)
    }

    /// A feed is switched off, gave something up, or has something that waits for long; or none is.
    pub fn set_feeds_troubled(&self, troubled: bool) {
        self.feeds_troubled.store(troubled, Relaxed);
    }

    /// Whether a person should look at the feeds.
    pub fn feeds_troubled(&self) -> bool {
        self.feeds_troubled.load(Relaxed)
    }

    /// A message came in.
    pub fn heard(&self, now: WallTime) {
        self.last_message_ms.store(now.as_unix_millis(), Relaxed);
    }

    /// Seconds since the last message.
    pub fn last_message_age_s(&self, now: WallTime) -> Option<u64> {
        let last = self.last_message_ms.load(Relaxed);
        (last != i64::MIN).then(|| now.since(WallTime::from_unix_millis(last)).as_secs())
    }
}
