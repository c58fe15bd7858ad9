//! What was found against what is there, picture by picture.

use std::{collections::BTreeMap, ops::Range};

use matpho_scene::{Class, Detection, NormBox, PictureSize};

/// A box counts as found where one of its class overlaps it by at least this (intersection over union): AP50.
pub const IOU_MIN: f32 = 0.5;

/// Sizes are told in pixels of a picture this wide: what a network gets to see does not depend on the camera's resolution.
pub const REFERENCE_WIDTH_PX: f32 = 640.0;

/// One picture: what is in it and what a model found.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its size in pixels.
    pub size: PictureSize,
    /// What is in it.
    pub truth: Vec<(Class, NormBox)>,
    /// Things too small or too hidden to be asked for: found or not, they count neither way.
    pub doubtful: Vec<NormBox>,
    /// What was found, however weak.
    pub found: Vec<Detection>,
}

/// What is asked of the pictures.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// A box of any of these classes is right on a truth of any of them.
    pub classes: Vec<Class>,
    /// A detection on a truth of one of these counts neither way: a rider labelled as a person is no false motorcycle.
    pub tolerated: Vec<Class>,
    /// Only truths of this size are asked for: the square root of the area in pixels of a picture [`REFERENCE_WIDTH_PX`] wide.
    pub side_px: Option<Range<f32>>,
    /// Only detections with at least their class's score take part.
    pub score_min: Option<BTreeMap<Class, f32>>,
}

/// A detection that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// Its score.
    pub score: f32,
    /// Whether it lies on a truth that no better detection took.
    pub right: bool,
    /// Which picture it was found in.
    pub picture: usize,
}

/// All pictures' answers to one question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Best first.
    pub marks: Vec<Mark>,
    /// Truths that were asked for, by picture.
    pub truths: Vec<u32>,
}

impl Series {
    /// Asks `question` of all pictures.
    pub fn new(looks: &[Look], question: &Question) -> Self {
        let mut series = Self::default();
        for (picture, look) in looks.iter().enumerate() {
            let (marks, truths) = ask(look, question);
            series.truths.push(truths);
            series.marks.extend(marks.into_iter().map(|(score, right)| Mark { score, right, picture }));
        }
        series.marks.sort_by(|a, b| b.score.total_cmp(&a.score));
        series
    }

    /// Truths in all.
    pub fn truth_count(&self) -> u64 {
        self.truths.iter().map(|&n| u64::from(n)).sum()
    }

    /// Right detections, all detections and all truths from a score on, each picture counted `weight[picture]` times.
    pub fn counts(&self, score_min: f32, weight: &[f64]) -> Counts {
        let mut counts = Counts { truths: weighted(&self.truths, weight), ..Counts::default() };
        for mark in self.marks.iter().take_while(|mark| mark.score >= score_min) {
            counts.said += weight[mark.picture];
            counts.right += if mark.right { weight[mark.picture] } else { 0.0 };
        }
        counts
    }
}

/// A sum over pictures, each counted `weight` times.
pub fn weighted(counts: &[u32], weight: &[f64]) -> f64 {
    counts.iter().zip(weight).map(|(&n, weight)| f64::from(n) * weight).sum()
}

/// At one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// Detections on a truth.
    pub right: f64,
    /// Detections.
    pub said: f64,
    /// Truths.
    pub truths: f64,
}

impl Counts {
    /// Share of the detections that are right; none where nothing was said.
    pub fn precision(self) -> Option<f64> {
        (self.said > 0.0).then(|| self.right / self.said)
    }

    /// Share of the truths that were found; none where there are none.
    pub fn recall(self) -> Option<f64> {
        (self.truths > 0.0).then(|| self.right / self.truths)
    }
}

/// Best detections choose first, each the free truth that it overlaps most. Returns (score, right) of those that count, and the truths asked for.
fn ask(look: &Look, question: &Question) -> (Vec<(f32, bool)>, u32) {
    let in_size = |bbox: NormBox| question.side_px.as_ref().is_none_or(|range| range.contains(&side_px(bbox, look.size)));
    let (mut wanted, mut tolerated) = (Vec::new(), look.doubtful.clone());
    for &(class, bbox) in &look.truth {
        match question.classes.contains(&class) {
            true if in_size(bbox) => wanted.push(bbox),
            true => tolerated.push(bbox),
            false if question.tolerated.contains(&class) => tolerated.push(bbox),
            false => {}
        }
    }
    let strong = |found: &Detection| match &question.score_min {
        None => true,
        Some(least) => least.get(&found.class).is_some_and(|&least| found.score.get() >= least),
    };
    let mut found: Vec<_> = look.found.iter().filter(|found| question.classes.contains(&found.class) && strong(found)).collect();
    found.sort_by(|a, b| b.score.get().total_cmp(&a.score.get()));
    let mut taken = vec![false; wanted.len()];
    let mut marks = Vec::new();
    for found in found {
        let best = (0..wanted.len())
            .filter(|&n| !taken[n])
            .map(|n| (n, found.bbox.iou(wanted[n])))
            .filter(|&(_, iou)| iou >= IOU_MIN)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((n, _)) = best {
            taken[n] = true;
            marks.push((found.score.get(), true));
        } else if in_size(found.bbox) && !tolerated.iter().any(|bbox| found.bbox.iou(*bbox) >= IOU_MIN) {
            marks.push((found.score.get(), false));
        }
    }
    (marks, u32::try_from(wanted.len()).unwrap_or(u32::MAX))
}

/// The side of a square of a box's area, in pixels of a picture [`REFERENCE_WIDTH_PX`] wide.
pub fn side_px(bbox: NormBox, size: PictureSize) -> f32 {
    REFERENCE_WIDTH_PX * (bbox.area() / size.aspect()).sqrt()
}

#[cfg(test)]
mod tests {
    use matpho_scene::Score;
    use proptest::prelude::*;

    use super::*;

    const SIZE: PictureSize = PictureSize { width: 640, height: 320 };

    /// In pixels of a 640 x 320 picture.
    fn at(x: f32, y: f32, w: f32, h: f32) -> NormBox {
        NormBox::from_pixels([x, y, x + w, y + h], SIZE).unwrap()
    }

    fn found(class: Class, score: f32, bbox: NormBox) -> Detection {
        Detection { class, score: Score::clamped(score), bbox }
    }

    fn look(truth: &[(Class, NormBox)], found: &[Detection]) -> Look {
        Look { size: SIZE, truth: truth.to_vec(), doubtful: Vec::new(), found: found.to_vec() }
    }

    fn cars() -> Question {
        Question { classes: vec![Class::Car], ..Question::default() }
    }

    fn marks(look: Look, question: &Question) -> Vec<(f32, bool)> {
        Series::new(&[look], question).marks.iter().map(|mark| (mark.score, mark.right)).collect()
    }

    #[test]
    fn a_truth_is_found_once_by_the_best() {
        let one = at(100.0, 100.0, 40.0, 40.0);
        let look = look(
            &[(Class::Car, one)],
            &[
                found(Class::Car, 0.5, one),
                found(Class::Car, 0.9, at(104.0, 100.0, 40.0, 40.0)),
                found(Class::Bus, 0.95, one),
                found(Class::Car, 0.4, at(130.0, 100.0, 40.0, 40.0)),
            ],
        );
        assert_eq!(marks(look, &cars()), [(0.9, true), (0.5, false), (0.4, false)]);
    }

    #[test]
    fn any_vehicle_takes_a_bus_for_a_car_and_forgives_a_box_on_a_person() {
        let (bus, person) = (at(0.0, 0.0, 100.0, 60.0), at(300.0, 100.0, 20.0, 40.0));
        let look = look(
            &[(Class::Bus, bus), (Class::Person, person)],
            &[
                found(Class::Car, 0.8, bus),
                found(Class::Motorcycle, 0.7, person),
                found(Class::Car, 0.6, at(500.0, 0.0, 50.0, 50.0)),
            ],
        );
        let any = Question {
            classes: vec![Class::Car, Class::Bus, Class::Motorcycle],
            tolerated: vec![Class::Person],
            ..Question::default()
        };
        assert_eq!(marks(look.clone(), &any), [(0.8, true), (0.6, false)]);
        assert_eq!(marks(look, &cars()), [(0.8, false), (0.6, false)], "by class, a bus is no car");
    }

    #[test]
    fn by_size_what_is_of_another_size_counts_neither_way() {
        let (small, large) = (at(0.0, 0.0, 10.0, 10.0), at(100.0, 100.0, 90.0, 90.0));
        let look = look(
            &[(Class::Car, small), (Class::Car, large)],
            &[
                found(Class::Car, 0.9, large),
                found(Class::Car, 0.8, at(300.0, 100.0, 80.0, 80.0)),
                found(Class::Car, 0.7, at(300.0, 10.0, 8.0, 8.0)),
                found(Class::Car, 0.6, small),
            ],
        );
        let sized = |side_px| Question { side_px: Some(side_px), ..cars() };
        let series = Series::new(std::slice::from_ref(&look), &sized(0.0..16.0));
        assert_eq!(series.truths, [1]);
        assert_eq!(marks(look.clone(), &sized(0.0..16.0)), [(0.7, false), (0.6, true)]);
        assert_eq!(marks(look, &sized(64.0..128.0)), [(0.9, true), (0.8, false)]);
    }

    #[test]
    fn doubtful_things_are_not_asked_for() {
        let far = at(0.0, 0.0, 6.0, 6.0);
        let mut look = look(&[], &[found(Class::Car, 0.9, far), found(Class::Car, 0.3, at(50.0, 50.0, 20.0, 20.0))]);
        look.doubtful.push(far);
        assert_eq!(marks(look, &cars()), [(0.3, false)]);
    }

    #[test]
    fn precision_and_recall_at_thresholds_of_each_class() {
        let (one, two) = (at(0.0, 0.0, 40.0, 40.0), at(100.0, 0.0, 40.0, 40.0));
        let look = look(
            &[(Class::Car, one), (Class::Bus, two)],
            &[found(Class::Car, 0.5, one), found(Class::Bus, 0.35, two), found(Class::Bus, 0.2, at(300.0, 0.0, 40.0, 40.0))],
        );
        let question = Question {
            classes: vec![Class::Car, Class::Bus],
            score_min: Some([(Class::Car, 0.6), (Class::Bus, 0.2)].into()),
            ..Question::default()
        };
        let counts = Series::new(&[look], &question).counts(0.0, &[1.0]);
        assert_eq!((counts.right, counts.said, counts.truths), (1.0, 2.0, 2.0));
        assert_eq!((counts.precision(), counts.recall()), (Some(0.5), Some(0.5)));
        assert_eq!(Counts::default().precision(), None);
    }

    fn any_box() -> impl Strategy<Value = NormBox> {
        (0.0f32..0.8, 0.0f32..0.8, 0.02f32..0.2, 0.02f32..0.2).prop_map(|(x, y, w, h)| NormBox::new(x, y, x + w, y + h).unwrap())
    }

    proptest! {
        #[test]
        fn never_more_right_than_there_is_and_never_better_for_being_asked_stricter(
            truth in prop::collection::vec(any_box(), 0..12),
            boxes in prop::collection::vec((any_box(), 0.0f32..1.0), 0..24),
            threshold in 0.0f32..1.0,
        ) {
            let truth: Vec<_> = truth.into_iter().map(|bbox| (Class::Car, bbox)).collect();
            let boxes: Vec<_> = boxes.into_iter().map(|(bbox, score)| found(Class::Car, score, bbox)).collect();
            let series = Series::new(&[look(&truth, &boxes)], &cars());
            prop_assert!(series.marks.is_sorted_by(|a, b| a.score >= b.score));
            prop_assert_eq!(series.marks.len(), boxes.len());
            let right = series.marks.iter().filter(|mark| mark.right).count();
            prop_assert!(right <= truth.len());
            // Cutting after matching is matching what is left after cutting: weaker boxes never take a truth from stronger ones.
            let least = Question { score_min: Some([(Class::Car, threshold)].into()), ..cars() };
            let cut = Series::new(&[look(&truth, &boxes)], &least).counts(0.0, &[1.0]);
            prop_assert_eq!(series.counts(threshold, &[1.0]), cut);
        }
    }
}
