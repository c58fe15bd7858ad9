//! How far a figure may be off.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::Serialize;

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_985;

/// How often pictures are drawn anew.
const RESAMPLES: usize = 300;

/// The same figures give the same interval.
const SEED: u64 = 1;

/// A 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Not lower than this.
    pub low: f64,
    /// Not higher than this.
    pub high: f64,
}

impl Interval {
    /// The smallest interval around both.
    pub fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

/// Around a share of `hits` in `of` independent trials (E. B. Wilson, 1927); none without a trial. Unlike the textbook's p ± z·σ it stays inside
/// 0..=1 and does not vanish where nothing, or everything, was hit.
pub fn wilson(hits: f64, of: f64) -> Option<Interval> {
    if of <= 0.0 {
        return None;
    }
    let (p, z2) = (hits / of, Z * Z);
    let middle = (p + z2 / (2.0 * of)) / (1.0 + z2 / of);
    let reach = Z / (1.0 + z2 / of) * (p * (1.0 - p) / of + z2 / (4.0 * of * of)).sqrt();
    Some(Interval { low: (middle - reach).max(0.0), high: (middle + reach).min(1.0) })
}

/// Around any figure of a set of pictures, by drawing its pictures anew with replacement (B. Efron, 1979): once by whole scenes, for pictures of a
/// scene resemble each other, and once by picture, for a set may have few scenes; the hull of both. `scene` names each picture's scene; `figure`
/// is given how often each picture counts.
pub fn bootstrap(scene: &[usize], figure: impl Fn(&[f64]) -> Option<f64>) -> Option<Interval> {
    let alone: Vec<usize> = (0..scene.len()).collect();
    let by_scene = resampled(scene, &figure);
    let by_picture = resampled(&alone, &figure);
    match (by_scene, by_picture) {
        (Some(a), Some(b)) => Some(a.hull(b)),
        (a, b) => a.or(b),
    }
}

fn resampled(unit: &[usize], figure: &impl Fn(&[f64]) -> Option<f64>) -> Option<Interval> {
    let units = unit.iter().max()? + 1;
    let mut rng = SmallRng::seed_from_u64(SEED);
    let mut values = Vec::with_capacity(RESAMPLES);
    let mut weight = vec![0.0; unit.len()];
    for _ in 0..RESAMPLES {
        let mut drawn = vec![0u32; units];
        (0..units).for_each(|_| drawn[rng.random_range(0..units)] += 1);
        weight.iter_mut().zip(unit).for_each(|(weight, &unit)| *weight = f64::from(drawn[unit]));
        values.extend(figure(&weight));
    }
    values.sort_by(f64::total_cmp);
    // A figure that most draws cannot give has no interval worth telling.
    if values.len() < RESAMPLES / 2 {
        return None;
    }
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Some(Interval { low: at(0.025), high: at(0.975) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wilson_by_the_book() {
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (hits, of, low, high) in
            [(81.0, 263.0, 0.2553, 0.3662), (15.0, 148.0, 0.0624, 0.1605), (0.0, 20.0, 0.0, 0.1611), (1.0, 29.0, 0.0061, 0.1718)]
        {
            let interval = wilson(hits, of).unwrap();
            assert!((interval.low - low).abs() < 5e-5 && (interval.high - high).abs() < 5e-5, "{hits} of {of}: {interval:?}");
        }
        assert_eq!(wilson(0.0, 0.0), None);
    }

    #[test]
    fn pictures_of_one_scene_are_no_more_than_one_voice() {
        // Ten scenes of ten pictures; five scenes are all hit, five all missed.
        let scene: Vec<usize> = (0..100).map(|n| n / 10).collect();
        let hit = |n: usize| f64::from(u8::from(n / 10 < 5));
        let share = |weight: &[f64]| {
            let all: f64 = weight.iter().sum();
            Some(weight.iter().enumerate().map(|(n, weight)| weight * hit(n)).sum::<f64>() / all)
        };
        let interval = bootstrap(&scene, share).unwrap();
        let independent = wilson(50.0, 100.0).unwrap();
        assert!(interval.high - interval.low > 2.0 * (independent.high - independent.low), "{interval:?} {independent:?}");
        assert!(interval.low < 0.3 && interval.high > 0.7);
        assert_eq!(bootstrap(&scene, share), Some(interval), "the same each time");
    }

    #[test]
    fn one_scene_still_has_an_interval_and_nothing_has_none() {
        let share = |weight: &[f64]| Some(weight[0] / weight.iter().sum::<f64>());
        let interval = bootstrap(&[0; 20], share).unwrap();
        assert!(interval.high > interval.low);
        assert_eq!(bootstrap(&[], share), None);
        assert_eq!(bootstrap(&[0; 20], |_| None), None);
    }

    proptest! {
        #[test]
        fn wilson_holds_the_share_and_narrows_with_more_trials(hits in 0u32..50, more in 0u32..50, times in 2u32..20) {
            prop_assume!(hits + more > 0);
            let (hits, of) = (f64::from(hits), f64::from(hits + more));
            let interval = wilson(hits, of).unwrap();
            prop_assert!(interval.low <= hits / of + 1e-9 && hits / of <= interval.high + 1e-9);
            prop_assert!((0.0..=1.0).contains(&interval.low) && (0.0..=1.0).contains(&interval.high));
            let longer = wilson(hits * f64::from(times), of * f64::from(times)).unwrap();
            prop_assert!(longer.high - longer.low < interval.high - interval.low);
        }
    }
}
