//! A slot of one: the newest value wins, what was not taken in time is dropped and counted, and putting never waits.
//!
//! Slots share a [`Bell`], so that one worker waits on many of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, RwLock};

/// Rings when any slot that shares it was filled.
#[derive(Default)]
pub struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
    closed: AtomicBool,
}

impl Bell {
    /// A silent bell.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Wakes everybody who waits.
    pub fn ring(&self) {
        *self.rings.lock() += 1;
        self.rung.notify_all();
    }

    /// Wakes everybody for good: every wait from now on returns at once.
    pub fn close(&self) {
        self.closed.store(true, Relaxed);
        self.ring();
    }

    /// How often it rang. Read it, look at the slots, and only then wait for a later ring: nothing is missed.
    pub fn rings(&self) -> u64 {
        *self.rings.lock()
    }

    /// Waits until it rang more often than `rings`; false when `until` came first or the bell is closed.
    pub fn wait_past(&self, rings: u64, until: Instant) -> bool {
        let mut now = self.rings.lock();
        while *now <= rings {
            if self.closed.load(Relaxed) || self.rung.wait_until(&mut now, until).timed_out() {
                return *now > rings;
            }
        }
        !self.closed.load(Relaxed)
    }
}

/// Holds at most one value. Never blocks its producer.
pub struct Slot<T> {
    value: Mutex<Option<T>>,
    bell: Arc<Bell>,
    put: AtomicU64,
    dropped: AtomicU64,
}

impl<T> Slot<T> {
    /// An empty slot that rings `bell` when filled.
    pub fn new(bell: Arc<Bell>) -> Self {
        Self { value: Mutex::new(None), bell, put: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    /// Puts a value; the one that lay there untaken is dropped and counted.
    pub fn put(&self, value: T) {
        let previous = self.value.lock().replace(value);
        self.put.fetch_add(1, Relaxed);
        if previous.is_some() {
            self.dropped.fetch_add(1, Relaxed);
        }
        self.bell.ring();
    }

    /// Takes the value, if there is one.
    pub fn try_take(&self) -> Option<T> {
        self.value.lock().take()
    }

    /// Takes the value, waiting for one at most `timeout`.
    pub fn take(&self, timeout: Duration) -> Option<T> {
        let until = Instant::now() + timeout;
        loop {
            let rings = self.bell.rings();
            if let Some(value) = self.try_take() {
                return Some(value);
            }
            if !self.bell.wait_past(rings, until) {
                return self.try_take();
            }
        }
    }

    /// Values ever put.
    pub fn count_put(&self) -> u64 {
        self.put.load(Relaxed)
    }

    /// Values replaced before anybody took them.
    pub fn count_dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// Many slots and the workers that empty them: each take serves the next filled slot in turn, so that a quick camera does not starve a slow one.
pub struct SlotSet<K, T> {
    bell: Arc<Bell>,
    slots: RwLock<Vec<(K, Arc<Slot<T>>)>>,
    next: AtomicUsize,
}

impl<K: Clone + PartialEq, T> SlotSet<K, T> {
    /// No slots yet.
    pub fn new() -> Self {
        Self { bell: Bell::new(), slots: RwLock::default(), next: AtomicUsize::new(0) }
    }

    /// The bell its slots ring: make a camera's slot with it, then [`add`](Self::add) it.
    pub fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// Adds a slot under a name. Panics where the slot rings another bell: nobody would hear it.
    pub fn add(&self, key: K, slot: Arc<Slot<T>>) {
        assert!(Arc::ptr_eq(&self.bell, &slot.bell), "a slot must be made with the bell of its set");
        self.slots.write().push((key, slot));
    }

    /// Forgets the slot of that name.
    pub fn remove(&self, key: &K) {
        self.slots.write().retain(|(name, _)| name != key);
    }

    /// Takes the next value of any slot, waiting at most `timeout`. Several workers may do so at once; each value goes to one of them.
    pub fn take(&self, timeout: Duration) -> Option<(K, T)> {
        let until = Instant::now() + timeout;
        loop {
            let rings = self.bell.rings();
            if let Some(taken) = self.try_take() {
                return Some(taken);
            }
            if !self.bell.wait_past(rings, until) {
                return self.try_take();
            }
        }
    }

    fn try_take(&self) -> Option<(K, T)> {
        let slots = self.slots.read();
        let first = self.next.load(Relaxed);
        (0..slots.len()).map(|offset| (first + offset) % slots.len()).find_map(|at| {
            let (key, slot) = &slots[at];
            let value = slot.try_take()?;
            self.next.store((at + 1) % slots.len(), Relaxed);
            Some((key.clone(), value))
        })
    }

    /// Wakes all workers for good.
    pub fn close(&self) {
        self.bell.close();
    }
}

impl<K: Clone + PartialEq, T> Default for SlotSet<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_wins_and_the_rest_are_counted() {
        let slot = Slot::new(Bell::new());
        for n in 0..5 {
            slot.put(n);
        }
        assert_eq!((slot.take(Duration::ZERO), slot.take(Duration::ZERO)), (Some(4), None));
        assert_eq!((slot.count_put(), slot.count_dropped()), (5, 4));
    }

    #[test]
    fn workers_share_many_slots_in_turn() {
        let set = SlotSet::new();
        let slots: Vec<_> = ["a", "b", "c"].map(|name| (name, Arc::new(Slot::new(set.bell())))).into();
        for (name, slot) in &slots {
            set.add(*name, slot.clone());
        }
        let mut served = Vec::new();
        for _ in 0..6 {
            slots[0].1.put(0); // a camera that is always ready
            slots[2].1.put(2);
            served.push(set.take(Duration::ZERO).unwrap().0);
        }
        assert_eq!(served, ["a", "c", "a", "c", "a", "c"]);
    }

    #[test]
    fn a_waiting_worker_is_woken_by_a_value_and_by_the_end() {
        let set = Arc::new(SlotSet::<u8, u8>::new());
        let slot = Arc::new(Slot::new(set.bell()));
        set.add(1, slot.clone());
        let worker = std::thread::spawn({
            let set = set.clone();
            move || (set.take(Duration::from_secs(60)), set.take(Duration::from_secs(60)))
        });
        slot.put(7);
        while slot.value.lock().is_some() {
            std::thread::yield_now();
        }
        set.close();
        assert_eq!(worker.join().unwrap(), (Some((1, 7)), None));
    }
}
