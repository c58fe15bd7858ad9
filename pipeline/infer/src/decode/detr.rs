//! RT-DETR, D-FINE and their kin: a set of boxes, one an object, nothing to suppress.
//! Zhao et al. (arXiv 2304.08069), Peng et al. (arXiv 2410.13842).

use matpho_scene::PictureSize;

use super::{Wanted, sigmoid};
use crate::nms::Candidate;

/// Raw outputs: `boxes` `[Q, 4]` as centre and size, 0 to 1 of the input; `logits` `[Q, C]`. Boxes come in input pixels.
pub fn decode_raw(boxes: &[f32], logits: &[f32], input: PictureSize, wanted: &Wanted, found: &mut Vec<Candidate>) {
    let (width, height) = (input.width as f32, input.height as f32);
    for (&[cx, cy, w, h], logits) in boxes.as_chunks::<4>().0.iter().zip(logits.chunks_exact(wanted.classes())) {
        let Some((index, logit)) = wanted.best(logits) else { continue };
        let score = sigmoid(logit);
        let Some(class) = wanted.accept(index, score) else { continue };
        let bbox = [(cx - w / 2.0) * width, (cy - h / 2.0) * height, (cx + w / 2.0) * width, (cy + h / 2.0) * height];
        found.push(Candidate { class, score, bbox });
    }
}

/// Outputs of a file that has its post-processor inside and was told the input's size as the picture's: `labels` `[Q]`, `boxes`
/// `[Q, 4]` as corners in input pixels, `scores` `[Q]`.
pub fn decode_finished(labels: &[i64], boxes: &[f32], scores: &[f32], wanted: &Wanted, found: &mut Vec<Candidate>) {
    for ((&label, &bbox), &score) in labels.iter().zip(boxes.as_chunks::<4>().0).zip(scores) {
        if let Some(class) = usize::try_from(label).ok().and_then(|index| wanted.accept(index, score)) {
            found.push(Candidate { class, score, bbox });
        }
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::Class;

    use super::*;
    use crate::decode::wanted;

    const INPUT: PictureSize = PictureSize { width: 100, height: 50 };

    #[test]
    fn raw_boxes_are_shares_of_the_input() {
        let boxes = [0.5, 0.5, 0.2, 0.4, 0.1, 0.1, 0.1, 0.1];
        let logits = [-3.0, 0.0, -3.0, -3.0];
        let mut found = Vec::new();
        decode_raw(&boxes, &logits, INPUT, &wanted(&[("person", 0.4), ("car", 0.4)]), &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].score), (Class::Car, 0.5));
        for (got, want) in found[0].bbox.into_iter().zip([40.0, 15.0, 60.0, 35.0]) {
            assert!((got - want).abs() < 1e-4);
        }
    }

    #[test]
    fn finished_boxes_are_taken_as_they_are() {
        let boxes = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0, 0.0, 9.0, 9.0];
        let mut found = Vec::new();
        decode_finished(&[1, -1, 7], &boxes, &[0.9, 0.9, 0.9], &wanted(&[("person", 0.4), ("car", 0.4)]), &mut found);
        assert_eq!(found, [Candidate { class: Class::Car, score: 0.9, bbox: [1.0, 2.0, 3.0, 4.0] }]);
    }
}
