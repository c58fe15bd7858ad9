//! The counters behind [`Stats`]: written by streaming threads, read by anybody, never waited for.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use parking_lot::Mutex;

use crate::{
    gate::{Verdict, Why},
    status::{Reason, Stats},
};

const NO_OFFSET: i64 = i64::MIN;

#[derive(Debug)]
pub struct Counters {
    pub units: AtomicU64,
    pub keyframes: AtomicU64,
    pub bytes: AtomicU64,
    pub skipped: AtomicU64,
    pub damaged: AtomicU64,
    pub shed: AtomicU64,
    decoded: AtomicU64,
    pub thinned: AtomicU64,
    pub attempts: AtomicU64,
    pub abandoned: AtomicU64,
    pub abandoned_alive: AtomicU64,
    clock_offset_ms: AtomicI64,
    epoch: Instant,
    /// Milliseconds since the epoch, plus one; 0 for never.
    last_unit: AtomicU64,
    last_decoded: AtomicU64,
    losses: Mutex<Vec<(&'static str, u64)>>,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            units: zero(),
            keyframes: zero(),
            bytes: zero(),
            skipped: zero(),
            damaged: zero(),
            shed: zero(),
            decoded: zero(),
            thinned: zero(),
            attempts: zero(),
            abandoned: zero(),
            abandoned_alive: zero(),
            clock_offset_ms: AtomicI64::new(NO_OFFSET),
            epoch: Instant::now(),
            last_unit: zero(),
            last_decoded: zero(),
            losses: Mutex::default(),
        }
    }
}

impl Counters {
    /// Counts an encoded picture; returns how many came before it.
    pub fn unit(&self, keyframe: bool, bytes: usize, verdict: Verdict) -> u64 {
        self.keyframes.fetch_add(u64::from(keyframe), Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        match verdict {
            Verdict::Decode => {}
            Verdict::Skip(Why::Policy) => count(&self.skipped),
            Verdict::Skip(Why::Damaged) => count(&self.damaged),
            Verdict::Skip(Why::Behind) => count(&self.shed),
        }
        self.last_unit.store(self.now(), Relaxed);
        self.units.fetch_add(1, Relaxed)
    }

    /// Counts a decoded picture.
    pub fn decoded(&self) {
        self.last_decoded.store(self.now(), Relaxed);
        count(&self.decoded);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// Counts a loss.
    pub fn loss(&self, reason: &Reason) {
        let mut losses = self.losses.lock();
        match losses.iter_mut().find(|(name, _)| *name == reason.as_str()) {
            Some((_, times)) => *times += 1,
            None => losses.push((reason.as_str(), 1)),
        }
    }

    pub fn set_clock_offset(&self, offset_ms: Option<i64>) {
        self.clock_offset_ms.store(offset_ms.unwrap_or(NO_OFFSET), Relaxed);
    }

    /// All figures but those of slot and ring.
    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let age = |last: &AtomicU64| Some(read(last)).filter(|last| *last != 0).map(|last| self.now().saturating_sub(last));
        Stats {
            units: read(&self.units),
            keyframes: read(&self.keyframes),
            bytes: read(&self.bytes),
            skipped: read(&self.skipped),
            damaged: read(&self.damaged),
            shed: read(&self.shed),
            decoded: read(&self.decoded),
            thinned: read(&self.thinned),
            attempts: read(&self.attempts),
            losses: self.losses.lock().clone(),
            abandoned: read(&self.abandoned),
            abandoned_alive: read(&self.abandoned_alive),
            clock_offset_ms: Some(self.clock_offset_ms.load(Relaxed)).filter(|ms| *ms != NO_OFFSET),
            unit_age_ms: age(&self.last_unit),
            decoded_age_ms: age(&self.last_decoded),
            ..Stats::default()
        }
    }
}

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
