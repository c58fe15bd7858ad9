//! An evaluation put together: sets of pictures, models, figures with their intervals. Everything here is data; `table` prints it.

use std::collections::BTreeMap;

use matpho_scene::Class;
use serde::Serialize;

use super::{
    average_precision::average_precision,
    calibration::Calibration,
    interval::{Interval, bootstrap, wilson},
    matching::{Look, Question, Series},
    water::WaterLook,
};

/// Weakest score that calibration is told of: what the tracker does not even get to see is not worth calibrating.
const CALIBRATED_FROM: f32 = crate::judge::SCORE_FLOOR;

/// Thresholds that operating points are told at.
pub const THRESHOLDS: [f32; 12] = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8];

/// Shares of the road under water that flags are told at.
pub const SHARES: [f32; 8] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];

/// Sizes, told apart by the square root of a box's area in pixels of a picture 640 wide. COCO's limits are 32 and 96.
pub const SIZES: [(&str, f32, f32); 4] =
    [("tiny", 0.0, 16.0), ("small", 16.0, 32.0), ("medium", 32.0, 96.0), ("large", 96.0, f32::INFINITY)];

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The models, in the order asked for.
    pub models: Vec<ModelSheet>,
    /// The sets.
    pub sets: Vec<SetSheet>,
}

/// A model and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSheet {
    /// Its id, and the tiling where it runs tiled.
    pub model: String,
    /// Of the file.
    pub sha256: String,
    /// Width x height of the network's input.
    pub input: String,
    /// SPDX expression of the weights.
    pub licence: String,
    /// Least scores by class.
    pub thresholds: BTreeMap<String, f32>,
    /// How long a picture takes; none where it was not measured.
    pub cost: Option<Cost>,
}

/// Milliseconds a picture on one thread, as shipped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Pictures measured.
    pub pictures: usize,
    /// Resize, network and decoding together: half of the pictures took no longer.
    pub median_ms: f64,
    /// Nine in ten took no longer.
    pub p90_ms: f64,
    /// Of the median, the network alone.
    pub network_median_ms: f64,
}

/// One set of pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetSheet {
    /// What it is called.
    pub title: String,
    /// How many.
    pub pictures: usize,
    /// Of how many scenes.
    pub scenes: usize,
    /// Boxes against boxes.
    pub boxes: Vec<BoxSheet>,
    /// Scores of boxes.
    pub calibration: Vec<CalibrationSheet>,
    /// Said or not said of a picture.
    pub said: Vec<SaidSheet>,
    /// Masks.
    pub water: Vec<WaterSheet>,
}

/// A figure with its interval; none where there is nothing to measure it on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The figure.
    pub value: Option<f64>,
    /// 95 %.
    pub interval: Option<Interval>,
}

/// One model's boxes of one class, or of several that count as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxSheet {
    /// Which model.
    pub model: String,
    /// Which class, or `any vehicle`.
    pub class: String,
    /// Boxes that are there.
    pub truths: u64,
    /// Average precision at an overlap of 0.5.
    pub ap50: Figure,
    /// By size: name, boxes that are there, AP50.
    pub by_size: Vec<(&'static str, u64, Option<f64>)>,
    /// At the shipped thresholds.
    pub precision: Figure,
    /// At the shipped thresholds.
    pub recall: Figure,
    /// Precision and recall by threshold.
    pub sweep: Vec<(f32, Option<f64>, Option<f64>)>,
}

/// Reliability of one model's scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationSheet {
    /// Which model.
    pub model: String,
    /// From `CALIBRATED_FROM` on.
    pub calibration: Calibration,
}

/// A share of pictures, in whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// In so many.
    pub hits: u64,
    /// Of so many.
    pub of: u64,
    /// 95 %.
    pub interval: Option<Interval>,
}

/// Whether something is said of a picture at all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidSheet {
    /// Which model.
    pub model: String,
    /// Which class, or `either`.
    pub class: String,
    /// Of the pictures that show it, at the shipped threshold.
    pub shown: Rate,
    /// Of the pictures that do not: the false alarms.
    pub not_shown: Rate,
    /// By threshold: said of the pictures that show it, said of those that do not.
    pub sweep: Vec<(f32, u64, u64)>,
}

/// One model's water.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaterSheet {
    /// Which model.
    pub model: String,
    /// Intersection over union of all cells, where water is drawn.
    pub iou: Figure,
    /// The mean of the pictures' own.
    pub iou_mean: Option<f64>,
    /// Of the cells' probabilities.
    pub calibration: Option<Calibration>,
    /// From this share of the road on a picture is flagged: the flood rule's own default.
    pub flag_share: f32,
    /// Flooded pictures flagged.
    pub flooded: Rate,
    /// Dry pictures flagged.
    pub dry: Rate,
    /// By share: flooded, dry.
    pub sweep: Vec<(f32, u64, u64)>,
}

/// What one detector found in a set.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which model.
    pub model: String,
    /// Shipped thresholds of the classes that it tells apart.
    pub thresholds: BTreeMap<Class, f32>,
    /// A picture each.
    pub looks: Vec<Look>,
}

/// What one segmentation model found in a set.
#[derive(Debug, Clone)]
pub struct SeenWater {
    /// Which model.
    pub model: String,
    /// A picture each: whether it is flooded, where that is known, and its mask.
    pub looks: Vec<(Option<bool>, WaterLook)>,
}

/// What is known about the classes of a set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Labelled.
    pub judged: Vec<Class>,
    /// Certainly absent.
    pub absent: Vec<Class>,
}

impl SetSheet {
    /// `scene` numbers each picture's scene; all looks are in the same order.
    pub fn new(title: String, scene: &[usize], known: &Known, seen: &[Seen], water: &[SeenWater], flag_share: f32) -> Self {
        let mut sheet = Self {
            title,
            pictures: scene.len(),
            scenes: scene.iter().max().map_or(0, |last| last + 1),
            boxes: Vec::new(),
            calibration: Vec::new(),
            said: Vec::new(),
            water: water.iter().map(|seen| WaterSheet::new(seen, scene, flag_share)).collect(),
        };
        for seen in seen {
            let questions = questions(known, seen);
            sheet.boxes.extend(questions.iter().filter_map(|(class, question)| BoxSheet::new(class, question, seen, scene)));
            sheet.calibration.extend(CalibrationSheet::new(&questions, seen));
            sheet.said.extend(said(known, seen));
        }
        sheet
    }
}

/// What a set's boxes can be asked of a model: all vehicles as one where there are several classes of them, then each class.
fn questions(known: &Known, seen: &Seen) -> Vec<(String, Question)> {
    let both: Vec<Class> = known.judged.iter().copied().filter(|class| seen.thresholds.contains_key(class)).collect();
    let vehicles: Vec<Class> = both.iter().copied().filter(|class| class.is_vehicle()).collect();
    let mut questions = Vec::new();
    if vehicles.len() > 1 {
        let question = Question { classes: vehicles, tolerated: vec![Class::Person], ..Question::default() };
        questions.push(("any vehicle".to_owned(), question));
    }
    let one = |class: Class| (class.to_string(), Question { classes: vec![class], ..Question::default() });
    questions.extend(both.into_iter().map(one));
    questions
}

impl BoxSheet {
    /// None where there is no such box in the set: false detections alone are told of by picture.
    fn new(class: &str, question: &Question, seen: &Seen, scene: &[usize]) -> Option<Self> {
        let series = Series::new(&seen.looks, question);
        let once = vec![1.0; scene.len()];
        if series.truth_count() == 0 {
            return None;
        }
        let ap = |weight: &[f64]| average_precision(&series.marks, &series.truths, weight);
        let by_size = SIZES.map(|(name, low, high)| {
            let sized = Series::new(&seen.looks, &Question { side_px: Some(low..high), ..question.clone() });
            (name, sized.truth_count(), average_precision(&sized.marks, &sized.truths, &once))
        });
        let shipped = Series::new(&seen.looks, &Question { score_min: Some(seen.thresholds.clone()), ..question.clone() });
        let counts = shipped.counts(0.0, &once);
        let precision = |weight: &[f64]| shipped.counts(0.0, weight).precision();
        let recall = |weight: &[f64]| shipped.counts(0.0, weight).recall();
        let sweep = THRESHOLDS.map(|threshold| {
            let counts = series.counts(threshold, &once);
            (threshold, counts.precision(), counts.recall())
        });
        Some(Self {
            model: seen.model.clone(),
            class: class.to_owned(),
            truths: series.truth_count(),
            ap50: Figure { value: ap(&once), interval: bootstrap(scene, ap) },
            by_size: by_size.to_vec(),
            precision: Figure {
                value: counts.precision(),
                interval: wider(wilson(counts.right, counts.said), bootstrap(scene, precision)),
            },
            recall: Figure {
                value: counts.recall(),
                interval: wider(wilson(counts.right, counts.truths), bootstrap(scene, recall)),
            },
            sweep: sweep.to_vec(),
        })
    }
}

/// Wilson's as if all were independent, the bootstrap's as scenes are: where one is narrow by accident, the other is not.
fn wider(a: Option<Interval>, b: Option<Interval>) -> Option<Interval> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.hull(b)),
        (a, b) => a.or(b),
    }
}

impl CalibrationSheet {
    fn new(questions: &[(String, Question)], seen: &Seen) -> Option<Self> {
        let mut said = Vec::new();
        for (_, question) in questions.iter().filter(|(_, question)| question.classes.len() == 1) {
            let series = Series::new(&seen.looks, question);
            said.extend(series.marks.iter().filter(|mark| mark.score >= CALIBRATED_FROM).map(|mark| (mark.score, mark.right, 1)));
        }
        (!said.is_empty()).then(|| Self { model: seen.model.clone(), calibration: Calibration::new(said) })
    }
}

/// Flames and smoke, which are told of a picture rather than counted, and whatever is certainly absent.
fn said(known: &Known, seen: &Seen) -> Vec<SaidSheet> {
    let ours = |class: &Class| seen.thresholds.contains_key(class);
    let told = |class: &Class| {
        known.absent.contains(class) || (matches!(class, Class::Fire | Class::Smoke) && known.judged.contains(class))
    };
    let classes: Vec<Class> = Class::ALL.into_iter().filter(|class| ours(class) && told(class)).collect();
    let mut sheets: Vec<_> = classes.iter().map(|&class| SaidSheet::new(class.to_string(), &[class], known, seen)).collect();
    let phenomena: Vec<Class> = [Class::Fire, Class::Smoke].into_iter().filter(ours).collect();
    if phenomena.len() == 2 && phenomena.iter().any(told) {
        sheets.push(SaidSheet::new("either".to_owned(), &phenomena, known, seen));
    }
    sheets.retain(|sheet| sheet.shown.of + sheet.not_shown.of > 0);
    sheets
}

impl SaidSheet {
    fn new(name: String, classes: &[Class], known: &Known, seen: &Seen) -> Self {
        let mut sheet = Self {
            model: seen.model.clone(),
            class: name,
            shown: Rate { hits: 0, of: 0, interval: None },
            not_shown: Rate { hits: 0, of: 0, interval: None },
            sweep: THRESHOLDS.map(|threshold| (threshold, 0, 0)).to_vec(),
        };
        for look in &seen.looks {
            let Some(shows) = shows(look, classes, known) else { continue };
            let found = look.found.iter().filter(|found| classes.contains(&found.class));
            let least = |class: &Class| seen.thresholds.get(class).copied().unwrap_or(f32::INFINITY);
            let shipped = found.clone().any(|found| found.score.get() >= least(&found.class));
            let best = found.map(|found| found.score.get()).fold(0.0, f32::max);
            let rate = if shows { &mut sheet.shown } else { &mut sheet.not_shown };
            rate.of += 1;
            rate.hits += u64::from(shipped);
            for (threshold, shown, not_shown) in &mut sheet.sweep {
                *(if shows { shown } else { not_shown }) += u64::from(best >= *threshold);
            }
        }
        sheet.shown.interval = wilson(sheet.shown.hits as f64, sheet.shown.of as f64);
        sheet.not_shown.interval = wilson(sheet.not_shown.hits as f64, sheet.not_shown.of as f64);
        sheet
    }
}

/// Whether a picture shows any of the classes; none where it is not known: nobody labelled one of them, and none of the others is there.
fn shows(look: &Look, classes: &[Class], known: &Known) -> Option<bool> {
    let there = |class: &Class| known.judged.contains(class) && look.truth.iter().any(|(other, _)| other == class);
    if classes.iter().any(there) {
        return Some(true);
    }
    classes.iter().all(|class| known.judged.contains(class) || known.absent.contains(class)).then_some(false)
}

impl WaterSheet {
    fn new(seen: &SeenWater, scene: &[usize], flag_share: f32) -> Self {
        let drawn = seen.looks.iter().any(|(_, look)| look.cells.as_ref().is_some_and(|cells| wet(&cells.by_level) > 0));
        let sums: Vec<(f64, f64)> = seen
            .looks
            .iter()
            .map(|(_, look)| look.cells.as_ref().map_or((0.0, 0.0), |cells| (cells.both as f64, cells.either as f64)))
            .collect();
        let iou = |weight: &[f64]| {
            let (both, either) = sums
                .iter()
                .zip(weight)
                .fold((0.0, 0.0), |sum, ((both, either), weight)| (sum.0 + both * weight, sum.1 + either * weight));
            (either > 0.0).then(|| both / either)
        };
        let of_pictures: Vec<f64> = seen
            .looks
            .iter()
            .filter_map(|(_, look)| look.cells.as_ref().filter(|cells| wet(&cells.by_level) > 0))
            .map(|cells| cells.both as f64 / cells.either.max(1) as f64)
            .collect();
        let levels =
            seen.looks.iter().filter_map(|(_, look)| look.cells.as_ref()).flat_map(|cells| cells.by_level.iter().enumerate());
        let by_level = levels.flat_map(|(level, &(yes, no))| {
            let score = level as f32 / 255.0;
            [(score, true, yes), (score, false, no)]
        });
        let rate = |flooded: bool, share: f32| -> (u64, u64) {
            let ours = seen.looks.iter().filter(|(truth, _)| *truth == Some(flooded));
            let of = ours.clone().count() as u64;
            (ours.filter(|(_, look)| look.share >= share).count() as u64, of)
        };
        let whole = |flooded| {
            let (hits, of) = rate(flooded, flag_share);
            Rate { hits, of, interval: wilson(hits as f64, of as f64) }
        };
        Self {
            model: seen.model.clone(),
            iou: match drawn {
                true => Figure { value: iou(&vec![1.0; scene.len()]), interval: bootstrap(scene, iou) },
                false => Figure { value: None, interval: None },
            },
            iou_mean: (!of_pictures.is_empty()).then(|| of_pictures.iter().sum::<f64>() / of_pictures.len() as f64),
            calibration: drawn.then(|| Calibration::new(by_level)),
            flag_share,
            flooded: whole(true),
            dry: whole(false),
            sweep: SHARES.map(|share| (share, rate(true, share).0, rate(false, share).0)).to_vec(),
        }
    }
}

/// Cells that are under water in truth.
fn wet(by_level: &[(u64, u64)]) -> u64 {
    by_level.iter().map(|(yes, _)| yes).sum()
}

#[cfg(test)]
mod tests {
    use matpho_scene::{Detection, NormBox, PictureSize, Score};

    use super::*;

    const SIZE: PictureSize = PictureSize { width: 640, height: 360 };

    fn look(truth: &[Class], found: &[(Class, f32)]) -> Look {
        let bbox = NormBox::new(0.1, 0.1, 0.3, 0.3).unwrap();
        Look {
            size: SIZE,
            truth: truth.iter().map(|&class| (class, bbox)).collect(),
            doubtful: Vec::new(),
            found: found.iter().map(|&(class, score)| Detection { class, score: Score::clamped(score), bbox }).collect(),
        }
    }

    fn fire(looks: Vec<Look>) -> Seen {
        Seen { model: "fire".into(), thresholds: [(Class::Fire, 0.4), (Class::Smoke, 0.6)].into(), looks }
    }

    #[test]
    fn what_nobody_labelled_is_neither_there_nor_absent() {
        let smoke_only = Known { judged: vec![Class::Smoke], absent: vec![] };
        let (smoke, none) = (look(&[Class::Smoke], &[]), look(&[], &[(Class::Fire, 0.9)]));
        assert_eq!(shows(&smoke, &[Class::Fire, Class::Smoke], &smoke_only), Some(true));
        assert_eq!(shows(&none, &[Class::Fire, Class::Smoke], &smoke_only), None, "there may be flames");
        assert_eq!(shows(&none, &[Class::Smoke], &smoke_only), Some(false));
        let sheets = said(&smoke_only, &fire(vec![smoke, none]));
        assert_eq!(sheets.iter().map(|sheet| sheet.class.as_str()).collect::<Vec<_>>(), ["smoke", "either"]);
        assert_eq!((sheets[1].shown.of, sheets[1].not_shown.of), (1, 0));
    }

    #[test]
    fn a_picture_is_said_to_show_what_passes_its_class_s_threshold() {
        let known = Known { judged: vec![Class::Fire, Class::Smoke], absent: vec![] };
        let seen = fire(vec![
            look(&[Class::Fire], &[(Class::Fire, 0.5)]),
            look(&[Class::Fire], &[(Class::Smoke, 0.5)]),
            look(&[], &[(Class::Smoke, 0.7)]),
            look(&[], &[]),
        ]);
        let sheets = said(&known, &seen);
        let rates: Vec<_> =
            sheets.iter().map(|s| (s.class.as_str(), s.shown.hits, s.shown.of, s.not_shown.hits, s.not_shown.of)).collect();
        assert_eq!(rates, [("fire", 1, 2, 0, 2), ("smoke", 0, 0, 1, 4), ("either", 1, 2, 1, 2)]);
        assert_eq!(sheets[2].sweep[8], (0.5, 2, 1), "at one threshold for both");
    }

    #[test]
    fn a_model_is_asked_only_for_classes_that_it_has_and_the_set_knows() {
        let known = Known { judged: vec![Class::Car, Class::Bus, Class::Bicycle], absent: vec![Class::Fire] };
        let coco = Seen {
            model: "coco".into(),
            thresholds: [(Class::Car, 0.3), (Class::Bus, 0.3), (Class::Truck, 0.3)].into(),
            looks: vec![look(&[Class::Car], &[(Class::Bus, 0.9), (Class::Car, 0.8)])],
        };
        let sheet = SetSheet::new("s".into(), &[0], &known, &[coco], &[], 0.2);
        let classes: Vec<_> = sheet.boxes.iter().map(|sheet| (sheet.class.as_str(), sheet.truths)).collect();
        assert_eq!(classes, [("any vehicle", 1), ("car", 1)], "no bus is there to be found");
        assert!(sheet.said.is_empty(), "it knows no fire");
        assert_eq!(sheet.boxes[0].precision.value, Some(0.5), "the second box on one car is one too many");
        assert_eq!(sheet.boxes[1].ap50.value, Some(1.0));
    }
}
