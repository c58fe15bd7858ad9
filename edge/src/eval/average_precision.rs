//! Average precision: the area under precision over recall.

use super::matching::{Mark, weighted};

/// The area under the precision-recall curve over all points, precision made monotone from the right (PASCAL VOC since 2010). `marks` best first,
/// `truths` by picture, each picture counted `weight[picture]` times; none where nothing is to be found.
///
/// Detections of one score are taken together, for no threshold can part them: their order cannot help or hurt.
pub fn average_precision(marks: &[Mark], truths: &[u32], weight: &[f64]) -> Option<f64> {
    let total = weighted(truths, weight);
    if total <= 0.0 {
        return None;
    }
    let (mut right, mut said) = (0.0, 0.0);
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for (n, mark) in marks.iter().enumerate() {
        let weight = weight[mark.picture];
        said += weight;
        right += if mark.right { weight } else { 0.0 };
        let parted = marks.get(n + 1).is_none_or(|next| next.score < mark.score);
        if parted && said > 0.0 {
            curve.push((right / total, right / said));
        }
    }
    let (mut area, mut best) = (0.0, 0.0f64);
    for n in (0..curve.len()).rev() {
        let (recall, precision) = curve[n];
        let before = if n == 0 { 0.0 } else { curve[n - 1].0 };
        best = best.max(precision);
        area += (recall - before) * best;
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(marks: &[(f32, bool)]) -> Vec<Mark> {
        marks.iter().map(|&(score, right)| Mark { score, right, picture: 0 }).collect()
    }

    fn ap(list: &[(f32, bool)], truths: u32) -> Option<f64> {
        average_precision(&marks(list), &[truths], &[1.0]).map(|ap| (ap * 1e6).round() / 1e6)
    }

    #[test]
    fn by_hand() {
        assert_eq!(ap(&[], 0), None, "nothing to find");
        assert_eq!(ap(&[(0.9, false)], 0), None);
        assert_eq!(ap(&[], 3), Some(0.0), "nothing found");
        assert_eq!(ap(&[(0.9, true), (0.8, true)], 2), Some(1.0));
        assert_eq!(ap(&[(0.9, true), (0.8, true)], 4), Some(0.5), "half is missed");
        assert_eq!(ap(&[(0.9, true), (0.8, false), (0.7, true)], 2), Some(0.833333), "1/2 x 1 + 1/2 x 2/3");
        assert_eq!(ap(&[(0.9, false), (0.8, true), (0.7, true)], 2), Some(0.666667), "the envelope: 2/3 from the right");
    }

    #[test]
    fn equal_scores_are_taken_together() {
        assert_eq!(ap(&[(0.5, true), (0.5, false)], 1), ap(&[(0.5, false), (0.5, true)], 1));
        assert_eq!(ap(&[(0.5, true), (0.5, false)], 1), Some(0.5));
    }

    #[test]
    fn a_picture_counted_twice_is_as_two_such_pictures() {
        let once =
            [(0.9, true, 0), (0.8, false, 1), (0.7, true, 1)].map(|(score, right, picture)| Mark { score, right, picture });
        let twice = [(0.9, true, 0), (0.8, false, 1), (0.8, false, 2), (0.7, true, 1), (0.7, true, 2)]
            .map(|(score, right, picture)| Mark { score, right, picture });
        assert_eq!(average_precision(&once, &[1, 2], &[1.0, 2.0]), average_precision(&twice, &[1, 2, 2], &[1.0; 3]));
        assert_eq!(average_precision(&once, &[1, 2], &[0.0, 0.0]), None);
    }

    proptest! {
        #[test]
        fn between_nothing_and_all_and_no_worse_for_one_more_right(
            list in prop::collection::vec((0.0f32..1.0, any::<bool>()), 0..40), missed in 0u32..10,
        ) {
            let mut list = list;
            list.sort_by(|a, b| b.0.total_cmp(&a.0));
            let truths = list.iter().filter(|(_, right)| *right).count() as u32 + missed;
            let plain = ap(&list, truths);
            if let Some(plain) = plain {
                prop_assert!((0.0..=1.0).contains(&plain));
                prop_assert!(plain <= f64::from(truths - missed) / f64::from(truths) + 1e-6, "no better than the recall");
                // A wrong one at the end changes nothing; a wrong one in front hurts or changes nothing.
                let mut worse = list.clone();
                worse.push((0.0, false));
                prop_assert_eq!(ap(&worse, truths), Some(plain));
                let mut worse = list.clone();
                worse.insert(0, (2.0, false));
                prop_assert!(ap(&worse, truths).unwrap() <= plain);
            }
        }
    }
}
