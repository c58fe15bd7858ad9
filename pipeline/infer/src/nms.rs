//! Non-maximum suppression: of the boxes that a network puts on one object, the best one stays.

use std::cmp::Ordering;

use matpho_scene::Class;

/// A box that a network proposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub class: Class,
    /// How sure the network is, at least the class's threshold.
    pub score: f32,
    /// `[x1, y1, x2, y2]`, in input pixels as it is decoded, in normalised picture coordinates from then on.
    pub bbox: [f32; 4],
}

/// Most candidates that are compared with each other (quadratic work): far more than objects fit in a picture.
pub const CANDIDATES_MAX: usize = 1500;

/// Two boxes of classes that are mistaken for each other and overlap by more than this are one object, where the limit within a class
/// is not higher anyway. A motorbike before a car or a bus shares less than this with it.
const CONFUSED_IOU_MAX: f32 = 0.7;

/// Best first; ties in an order that does not depend on how the network lists its boxes.
fn best_first(a: &Candidate, b: &Candidate) -> Ordering {
    let boxes = || a.bbox.iter().zip(&b.bbox).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
    b.score.total_cmp(&a.score).then(a.class.cmp(&b.class)).then_with(|| boxes().unwrap_or(Ordering::Equal))
}

/// Sorts candidates best first and keeps the best [`CANDIDATES_MAX`].
pub fn sort(candidates: &mut Vec<Candidate>) {
    candidates.sort_unstable_by(best_first);
    candidates.truncate(CANDIDATES_MAX);
}

/// Keeps, best first, each candidate that overlaps no better one of its class by more than `iou_max`, nor one of a class that it is
/// mistaken for by more than [`CONFUSED_IOU_MAX`].
pub fn suppress(candidates: &mut Vec<Candidate>, iou_max: f32) {
    sort(candidates);
    let mut kept = 0;
    for i in 0..candidates.len() {
        let candidate = candidates[i];
        let clear = candidates[..kept].iter().all(|better| {
            let limit = if better.class == candidate.class {
                iou_max
            } else if confused(better.class, candidate.class) {
                CONFUSED_IOU_MAX.max(iou_max)
            } else {
                return true;
            };
            iou(better.bbox, candidate.bbox) <= limit
        });
        if clear {
            candidates[kept] = candidate;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

/// Whether one object may be reported as either class: a vehicle is not two vehicles, while a rider is a person on a motorcycle.
fn confused(a: Class, b: Class) -> bool {
    a.is_vehicle() && b.is_vehicle()
}

/// Intersection over union; 0 where a box has no area.
pub fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |[x1, y1, x2, y2]: [f32; 4]| (x2 - x1).max(0.0) * (y2 - y1).max(0.0);
    let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let either = area(a) + area(b) - both;
    if either > 0.0 { both / either } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(class: Class, score: f32, bbox: [f32; 4]) -> Candidate {
        Candidate { class, score, bbox }
    }

    #[test]
    fn one_box_an_object() {
        let mut found = vec![
            candidate(Class::Car, 0.6, [0.0, 0.0, 10.0, 10.0]),
            candidate(Class::Car, 0.9, [1.0, 0.0, 11.0, 10.0]),
            candidate(Class::Person, 0.5, [1.0, 0.0, 11.0, 10.0]),
            candidate(Class::Truck, 0.5, [1.0, 0.0, 11.0, 10.0]),
            candidate(Class::Truck, 0.4, [4.0, 0.0, 11.0, 10.0]),
            candidate(Class::Car, 0.3, [30.0, 0.0, 40.0, 10.0]),
        ];
        suppress(&mut found, 0.5);
        let left: Vec<_> = found.iter().map(|c| (c.class, c.score)).collect();
        assert_eq!(left, [(Class::Car, 0.9), (Class::Person, 0.5), (Class::Truck, 0.4), (Class::Car, 0.3)]);
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        let class = prop::sample::select(Class::ALL.to_vec());
        (class, 0.0f32..1.0, 0.0f32..50.0, 0.0f32..50.0, -1.0f32..30.0, -1.0f32..30.0)
            .prop_map(|(class, score, x, y, w, h)| candidate(class, score, [x, y, x + w, y + h]))
    }

    proptest! {
        #[test]
        fn what_stays_does_not_overlap_and_what_goes_has_a_better_one(
            found in prop::collection::vec(any_candidate(), 0..60), iou_max in 0.0f32..1.0,
        ) {
            let mut kept = found.clone();
            suppress(&mut kept, iou_max);
            prop_assert!(kept.is_sorted_by(|a, b| a.score >= b.score));
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(found.contains(a));
                for b in kept[..i].iter().filter(|b| b.class == a.class) {
                    prop_assert!(iou(a.bbox, b.bbox) <= iou_max);
                }
            }
            for gone in found.iter().filter(|c| !kept.contains(c)) {
                let better = |k: &Candidate| k.score >= gone.score && (k.class == gone.class || confused(k.class, gone.class))
                    && iou(k.bbox, gone.bbox) > iou_max;
                prop_assert!(kept.iter().any(better));
            }
        }

        #[test]
        fn the_order_of_the_candidates_does_not_matter(
            (found, mixed) in prop::collection::vec(any_candidate(), 0..40).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        ) {
            let (mut found, mut mixed) = (found, mixed);
            suppress(&mut found, 0.5);
            suppress(&mut mixed, 0.5);
            prop_assert_eq!(found, mixed);
        }

        #[test]
        fn twice_is_once(found in prop::collection::vec(any_candidate(), 0..40)) {
            let mut once = found;
            suppress(&mut once, 0.5);
            let mut twice = once.clone();
            suppress(&mut twice, 0.5);
            prop_assert_eq!(once, twice);
        }
    }
}
