//! Whether a score means what it says: of all that is said with 0.7, seven in ten should be right.

use serde::Serialize;

/// Equal bins over 0..=1.
const BINS: usize = 10;

/// What was said with scores of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Bin {
    /// How often.
    pub n: u64,
    /// The mean score.
    pub score_mean: f64,
    /// The share that was right.
    pub right_share: f64,
}

/// Reliability by score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Bins of 0.1, from 0 on.
    pub bins: Vec<Bin>,
    /// Expected calibration error (Naeini et al., 2015): the mean distance between score and share, each bin by its number.
    pub ece: f64,
}

impl Calibration {
    /// From (score, right, how often).
    pub fn new(said: impl IntoIterator<Item = (f32, bool, u64)>) -> Self {
        let mut sums = [(0u64, 0.0f64, 0u64); BINS];
        for (score, right, times) in said {
            let score = f64::from(score.clamp(0.0, 1.0));
            let (n, scores, rights) = &mut sums[((score * BINS as f64) as usize).min(BINS - 1)];
            *n += times;
            *scores += score * times as f64;
            *rights += if right { times } else { 0 };
        }
        let all: u64 = sums.iter().map(|(n, _, _)| n).sum();
        let bin = |&(n, scores, rights): &(u64, f64, u64)| match n {
            0 => Bin::default(),
            n => Bin { n, score_mean: scores / n as f64, right_share: rights as f64 / n as f64 },
        };
        let bins: Vec<Bin> = sums.iter().map(bin).collect();
        let ece = bins.iter().map(|bin| bin.n as f64 / all.max(1) as f64 * (bin.score_mean - bin.right_share).abs()).sum();
        Self { bins, ece }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        let said = [(0.75, true, 3), (0.75, false, 1), (0.25, true, 2), (1.0, true, 4)];
        let calibration = Calibration::new(said);
        assert_eq!(calibration.bins[7], Bin { n: 4, score_mean: 0.75, right_share: 0.75 });
        assert_eq!(calibration.bins[9], Bin { n: 4, score_mean: 1.0, right_share: 1.0 });
        assert_eq!(calibration.bins[2].right_share, 1.0);
        assert!((calibration.ece - 2.0 / 10.0 * 0.75).abs() < 1e-9, "a fifth is off by 0.75: {}", calibration.ece);
        assert_eq!(Calibration::new([]).ece, 0.0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_error_is_a_share(said in prop::collection::vec((0.0f32..=1.0, any::<bool>(), 0u64..9), 0..60)) {
            let calibration = Calibration::new(said.clone());
            prop_assert_eq!(calibration.bins.iter().map(|bin| bin.n).sum::<u64>(), said.iter().map(|s| s.2).sum::<u64>());
            prop_assert!((0.0..=1.0).contains(&calibration.ece));
        }
    }
}
