//! YOLOX: one output `[1, A, 5 + C]`, rows `[x, y, w, h, objectness, classes…]`, levels by stride, cells row by row.
//! Ge et al., YOLOX (arXiv 2107.08430); `demo_postprocess` of its repository is the reference.

use matpho_scene::PictureSize;

use super::{Wanted, cells};
use crate::nms::Candidate;

/// Largest exponent of a box's logarithmic side: e^12 strides is wider than any input, and no overflow.
const LOG_SIDE_MAX: f32 = 12.0;

/// Reads `output`, which holds one row for each cell of all levels. Boxes come in input pixels.
pub fn decode(output: &[f32], decoded: bool, input: PictureSize, strides: &[u32], wanted: &Wanted, found: &mut Vec<Candidate>) {
    let places = strides.iter().flat_map(|&stride| cells(input, stride).map(move |cell| (stride as f32, cell)));
    for (row, (stride, (column, line))) in output.chunks_exact(5 + wanted.classes()).zip(places) {
        let objectness = row[4];
        // Most cells are empty; they are done here.
        if objectness < wanted.least() || objectness.is_nan() {
            continue;
        }
        let Some((index, probability)) = wanted.best(&row[5..]) else { continue };
        let score = objectness * probability;
        let Some(class) = wanted.accept(index, score) else { continue };
        let (x, y, w, h) = if decoded {
            (row[0], row[1], row[2], row[3])
        } else {
            let side = |log: f32| log.min(LOG_SIDE_MAX).exp() * stride;
            ((row[0] + column) * stride, (row[1] + line) * stride, side(row[2]), side(row[3]))
        };
        found.push(Candidate { class, score, bbox: [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0] });
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::Class;

    use super::*;
    use crate::decode::wanted;

    const INPUT: PictureSize = PictureSize { width: 16, height: 8 };

    fn run(rows: &[[f32; 7]], decoded: bool) -> Vec<Candidate> {
        let mut found = Vec::new();
        decode(&rows.concat(), decoded, INPUT, &[4, 8], &wanted(&[("car", 0.5), ("motorbike", 0.2)]), &mut found);
        found
    }

    #[test]
    fn cells_are_read_level_by_level_and_row_by_row() {
        // 4 x 2 cells of stride 4, then 2 x 1 cells of stride 8.
        let mut rows = [[0.0; 7]; 10];
        rows[5] = [0.5, 0.5, 0.0, 2f32.ln(), 1.0, 0.9, 0.1]; // stride 4, column 1, row 1
        rows[9] = [0.5, 0.5, 0.0, 0.0, 0.5, 0.1, 0.8]; // stride 8, column 1, row 0
        let found = run(&rows, false);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].class, found[0].score, found[0].bbox), (Class::Car, 0.9, [4.0, 2.0, 8.0, 10.0]));
        assert_eq!((found[1].class, found[1].score, found[1].bbox), (Class::Motorcycle, 0.4, [8.0, 0.0, 16.0, 8.0]));
    }

    #[test]
    fn decoded_boxes_are_taken_as_they_are() {
        let mut rows = [[0.0; 7]; 10];
        rows[3] = [8.0, 4.0, 4.0, 2.0, 1.0, 1.0, 0.0];
        assert_eq!(run(&rows, true)[0].bbox, [6.0, 3.0, 10.0, 5.0]);
    }

    #[test]
    fn a_score_is_objectness_times_probability_and_has_its_class_s_threshold() {
        let mut rows = [[0.0; 7]; 10];
        rows[0] = [0.0, 0.0, 0.0, 0.0, 0.6, 0.6, 0.1]; // a car of 0.36
        rows[1] = [0.0, 0.0, 0.0, 0.0, 0.6, 0.1, 0.6]; // a motorbike of 0.36
        rows[2] = [0.0, 0.0, 0.0, 0.0, f32::NAN, 0.1, 0.6];
        let found = run(&rows, false);
        assert_eq!(found.iter().map(|c| c.class).collect::<Vec<_>>(), [Class::Motorcycle]);
    }

    #[test]
    fn wild_numbers_do_not_overflow() {
        let found = run(&[[1e30, -1e30, 1e30, 1e30, 1.0, 1.0, 0.0]; 10], false);
        assert!(found.iter().all(|c| !c.bbox[2].is_nan()));
    }
}
