//! The cycle of a traffic signal, learned from how its queue is let go.
//!
//! Whoever stood and drives on is *released*; the first release after a while of none begins a group. Groups come once a cycle, or, where nobody waited, after two or three.

use std::{collections::VecDeque, time::Duration};

use crate::moment::Moment;

/// A release this long after the last one begins a new group.
const GROUP_GAP: Duration = Duration::from_secs(12);
/// Groups that are remembered, and the fewest of which a cycle is told.
const GROUPS_MAX: usize = 16;
const GROUPS_MIN: usize = 6;
/// Signals have cycles of this length: shorter ones are drops from a bottleneck, longer ones no driver would wait for.
const CYCLE_S: std::ops::RangeInclusive<f32> = 25.0..=200.0;
/// An interval is a cycle's multiple when it is off by no more than this part of the cycle; so many cycles may pass without a queue.
const OFF_MAX: f32 = 0.08;
const CYCLES_BETWEEN_MAX: f32 = 3.0;
/// This share of the intervals must be such multiples.
const AGREEING_MIN: f32 = 0.8;

/// What was seen of one zone's releases.
#[derive(Debug, Default)]
pub(crate) struct SignalWatch {
    groups: VecDeque<Moment>,
    last: Option<Moment>,
    cycle: Option<Duration>,
}

impl SignalWatch {
    /// With a cycle that was learned before.
    pub fn new(cycle: Option<Duration>) -> Self {
        Self { cycle, ..Self::default() }
    }

    /// Somebody who had stood drove on.
    pub fn released(&mut self, now: Moment) {
        let begins = self.last.is_none_or(|last| now.since(last) >= GROUP_GAP);
        self.last = Some(now);
        if begins {
            self.groups.push_back(now);
            if self.groups.len() > GROUPS_MAX {
                self.groups.pop_front();
            }
            self.cycle = self.learn().or(self.cycle.filter(|_| self.groups.len() < GROUPS_MAX));
        }
    }

    /// The cycle, once it is known.
    pub fn cycle(&self) -> Option<Duration> {
        self.cycle
    }

    /// The cycle of which most intervals are multiples; among equals the one with the fewest cycles skipped.
    fn learn(&self) -> Option<Duration> {
        if self.groups.len() < GROUPS_MIN {
            return None;
        }
        let intervals: Vec<f32> = self.groups.iter().zip(self.groups.iter().skip(1)).map(|(a, b)| b.secs_since(*a)).collect();
        let multiple = |interval: f32, cycle: f32| {
            let n = (interval / cycle).round();
            ((1.0..=CYCLES_BETWEEN_MAX).contains(&n) && (interval - n * cycle).abs() <= OFF_MAX * cycle).then_some(interval / n)
        };
        let judged = |cycle: f32| -> (usize, f32) {
            let fits: Vec<f32> = intervals.iter().filter_map(|&i| multiple(i, cycle)).collect();
            (fits.len(), fits.iter().sum::<f32>() / fits.len().max(1) as f32)
        };
        let best = intervals
            .iter()
            .filter(|s| CYCLE_S.contains(s))
            .map(|&s| judged(s))
            .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
        (best.0 as f32 >= AGREEING_MIN * intervals.len() as f32).then(|| Duration::from_secs_f32(best.1))
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::MediaTime;

    use super::*;

    fn learn(releases_s: impl IntoIterator<Item = f32>) -> Option<u64> {
        let mut watch = SignalWatch::default();
        for s in releases_s {
            let watched = Duration::from_secs_f32(s);
            watch.released(Moment { at: MediaTime::ZERO + watched, watched });
        }
        watch.cycle().map(|cycle| cycle.as_secs_f32().round() as u64)
    }

    #[test]
    fn an_even_cycle_is_learned_and_chance_is_not() {
        let group = |start: f32| [0.0, 1.5, 3.0].map(|s| start + s);
        assert_eq!(learn((0..8).flat_map(|n| group(n as f32 * 70.0))), Some(70));
        assert_eq!(
            learn([0.0, 90.0, 270.5, 359.0, 450.0, 628.0, 721.0].into_iter().flat_map(group)),
            Some(90),
            "with empty cycles"
        );
        assert_eq!(learn((0..8).flat_map(|n| group(n as f32 * 15.0))), None, "drops from a bottleneck");
        assert_eq!(learn([0.0, 40.0, 130.0, 155.0, 260.0, 310.0, 470.0, 520.0]), None, "people who drop passengers");
        assert_eq!(learn((0..4).flat_map(|n| group(n as f32 * 70.0))), None, "too few");
    }
}
