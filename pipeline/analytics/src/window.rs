//! Values over time: a sliding window, its median, and a thinned trace of what a rule looked at.

use std::{collections::VecDeque, time::Duration};

use matpho_scene::{MediaTime, event::Sample};

use crate::moment::Moment;

/// The most values that a window holds, whatever its span: two and a half minutes at 25 frames a second. The oldest go first.
const VALUES_MAX: usize = 4096;

/// The values of the last span of watched time, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Window<T> {
    span: Duration,
    values: VecDeque<(Moment, T)>,
}

impl<T> Window<T> {
    pub fn new(span: Duration) -> Self {
        Self { span, values: VecDeque::new() }
    }

    /// Adds the newest value; those older than the span go.
    pub fn push(&mut self, now: Moment, value: T) {
        self.values.push_back((now, value));
        while self.values.len() > VALUES_MAX || self.values.front().is_some_and(|(then, _)| now.since(*then) > self.span) {
            self.values.pop_front();
        }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(Moment, T)> + ExactSizeIterator {
        self.values.iter()
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.values.iter().map(|(_, value)| value)
    }
}

/// The middle value; the lower of the two where their number is even.
pub(crate) fn median(values: impl IntoIterator<Item = f32>) -> Option<f32> {
    let mut sorted: Vec<f32> = values.into_iter().filter(|v| v.is_finite()).collect();
    if sorted.is_empty() {
        return None;
    }
    let middle = (sorted.len() - 1) / 2;
    Some(*sorted.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Mean and standard deviation.
pub(crate) fn spread(values: impl IntoIterator<Item = f32>) -> Option<(f32, f32)> {
    let (n, sum, squares) = values
        .into_iter()
        .fold((0u32, 0.0f64, 0.0f64), |(n, sum, squares), v| (n + 1, sum + f64::from(v), squares + f64::from(v) * f64::from(v)));
    (n > 0).then(|| {
        let mean = sum / f64::from(n);
        (mean as f32, (squares / f64::from(n) - mean * mean).max(0.0).sqrt() as f32)
    })
}

/// What a rule looked at, kept for the proof of an event: at most twice [`Trace::KEPT_MAX`] values, thinned evenly as more come.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    name: &'static str,
    span: Duration,
    stride: u32,
    skipped: u32,
    values: VecDeque<(MediaTime, f64)>,
}

impl Trace {
    /// What a proof takes of each of two traces.
    pub const KEPT_MAX: usize = 20;

    /// A trace of `name` (unit last) over the last `span` of media time.
    pub fn new(name: &'static str, span: Duration) -> Self {
        Self { name, span, stride: 1, skipped: 0, values: VecDeque::new() }
    }

    /// Takes a value that no thinning may leave out: what an event is said for.
    pub fn push_now(&mut self, at: MediaTime, value: f32) {
        self.skipped = self.stride;
        self.push(at, value);
    }

    pub fn push(&mut self, at: MediaTime, value: f32) {
        self.skipped = self.skipped.saturating_add(1);
        if self.skipped >= self.stride {
            self.skipped = 0;
            self.values.push_back((at, round4(value)));
        }
        while self.values.front().is_some_and(|(then, _)| at.since(*then) > self.span) {
            self.values.pop_front();
        }
        if self.values.len() >= 2 * Self::KEPT_MAX {
            let mut index = 0;
            self.values.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.stride = self.stride.saturating_mul(2);
        } else if self.stride > 1 && self.values.len() < Self::KEPT_MAX / 2 {
            self.stride /= 2;
        }
    }

    /// At most `at_most` samples, the newest among them.
    pub fn samples(&self, at_most: usize) -> impl Iterator<Item = Sample> + '_ {
        let every = self.values.len().div_ceil(at_most.max(1)).max(1);
        let last = self.values.len().wrapping_sub(1);
        self.values.iter().enumerate().filter(move |(i, _)| (last - i).is_multiple_of(every)).map(|(_, &(at, value))| Sample {
            media_time_s: at.as_secs_f64(),
            name: self.name.into(),
            value,
        })
    }
}

/// Four decimals: enough for a proof, and `0.3` is not written `0.30000001192`.
pub(crate) fn round4(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> Moment {
        Moment { at: MediaTime::from_millis(s * 1000), watched: Duration::from_secs(s) }
    }

    #[test]
    fn a_window_forgets_what_is_older_than_its_span() {
        let mut window = Window::new(Duration::from_secs(10));
        (0..20).for_each(|s| window.push(second(s), s));
        assert_eq!(window.values().copied().collect::<Vec<_>>(), (9..20).collect::<Vec<_>>());
    }

    #[test]
    fn medians() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, f32::NAN, 2.0, 3.0]), Some(2.0));
        assert_eq!(spread([1.0, 3.0]), Some((2.0, 1.0)));
    }

    #[test]
    fn a_trace_stays_small_and_ends_with_the_newest() {
        let mut trace = Trace::new("x", Duration::from_secs(1000));
        for s in 0..900 {
            trace.push(second(s).at, s as f32);
        }
        let samples: Vec<_> = trace.samples(Trace::KEPT_MAX).collect();
        assert!((8..=Trace::KEPT_MAX).contains(&samples.len()), "{}", samples.len());
        assert!(samples.is_sorted_by(|a, b| a.media_time_s < b.media_time_s));
        assert!(samples.last().unwrap().value > 800.0);
        assert!(samples[0].value < 200.0);
    }
}
