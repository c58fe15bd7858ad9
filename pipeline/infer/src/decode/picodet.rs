//! PicoDet and NanoDet: for each level class probabilities `[A_s, C]` and, for each side of the box, a distribution of its distance
//! from the cell `[A_s, 4 * bins]` in strides, whose mean is taken (generalised focal loss, Li et al., arXiv 2006.04388).

use matpho_scene::PictureSize;

use super::{Wanted, cells};
use crate::nms::Candidate;

/// Where in its cell a distance is counted from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// The middle: PicoDet and the first NanoDet.
    Centre,
    /// The top left corner: NanoDet-Plus.
    Corner,
}

/// One output level.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// Pixels a cell.
    pub stride: u32,
    /// Class probabilities, of cell `i` from `i * scores_step` on.
    pub scores: &'a [f32],
    /// Numbers from one cell's probabilities to the next one's.
    pub scores_step: usize,
    /// Distributions of the distances to the left, top, right and bottom, of cell `i` from `i * distances_step` on.
    pub distances: &'a [f32],
    /// Numbers from one cell's distributions to the next one's.
    pub distances_step: usize,
    /// Values of a distribution: distances of 0, 1, … strides.
    pub bins: usize,
}

/// Reads one level. Boxes come in input pixels.
pub fn decode(level: Level<'_>, origin: Origin, input: PictureSize, wanted: &Wanted, found: &mut Vec<Candidate>) {
    let offset = match origin {
        Origin::Centre => 0.5,
        Origin::Corner => 0.0,
    };
    let stride = level.stride as f32;
    let scores = level.scores.chunks(level.scores_step);
    let distances = level.distances.chunks(level.distances_step);
    for ((scores, distances), (column, row)) in scores.zip(distances).zip(cells(input, level.stride)) {
        let Some((index, score)) = wanted.best(&scores[..wanted.classes().min(scores.len())]) else { continue };
        let Some(class) = wanted.accept(index, score) else { continue };
        let mut sides = distances.chunks_exact(level.bins).map(|side| mean(side) * stride);
        let (Some(left), Some(top), Some(right), Some(bottom)) = (sides.next(), sides.next(), sides.next(), sides.next()) else {
            continue;
        };
        let (x, y) = ((column + offset) * stride, (row + offset) * stride);
        found.push(Candidate { class, score, bbox: [x - left, y - top, x + right, y + bottom] });
    }
}

/// The mean of the distribution whose logits these are.
fn mean(logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (sum, weighted) = logits.iter().enumerate().fold((0.0, 0.0), |(sum, weighted), (i, &logit)| {
        let weight = (logit - most).exp();
        (sum + weight, weighted + weight * i as f32)
    });
    weighted / sum
}

#[cfg(test)]
mod tests {
    use matpho_scene::Class;

    use super::*;
    use crate::decode::wanted;

    const INPUT: PictureSize = PictureSize { width: 16, height: 12 };

    /// Logits of a distribution that lies wholly at one distance.
    fn at(distance: usize) -> [f32; 4] {
        let mut logits = [-1e4; 4];
        logits[distance] = 1e4;
        logits
    }

    #[test]
    fn the_mean_of_a_distribution() {
        assert_eq!(mean(&at(3)), 3.0);
        assert_eq!(mean(&[0.0, 0.0, 0.0, 0.0]), 1.5);
        assert_eq!(mean(&[1e30, 1e30]), 0.5);
    }

    #[test]
    fn a_cell_s_box_lies_around_its_middle() {
        // 2 x 2 cells of stride 8: the last row hangs over.
        let mut scores = [[0.0, 0.0]; 4];
        scores[3] = [0.1, 0.7];
        let distances = [at(1), at(1), at(0), at(2)].concat().repeat(4);
        let mut found = Vec::new();
        let level = Level {
            stride: 8,
            scores: scores.as_flattened(),
            scores_step: 2,
            distances: &distances,
            distances_step: 16,
            bins: 4,
        };
        decode(level, Origin::Centre, INPUT, &wanted(&[("bus", 0.5), ("truck", 0.5)]), &mut found);
        assert_eq!(found, [Candidate { class: Class::Truck, score: 0.7, bbox: [4.0, 4.0, 12.0, 28.0] }]);
    }

    #[test]
    fn scores_and_distances_may_share_rows() {
        let row = [vec![0.9], at(0).to_vec(), at(0).to_vec(), at(1).to_vec(), at(1).to_vec()].concat();
        let rows = [row.clone(), row.clone(), row.clone(), row].concat();
        let mut found = Vec::new();
        let level = Level { stride: 8, scores: &rows, scores_step: 17, distances: &rows[1..], distances_step: 17, bins: 4 };
        decode(level, Origin::Corner, INPUT, &wanted(&[("car", 0.5)]), &mut found);
        assert_eq!(found.iter().map(|c| c.bbox).collect::<Vec<_>>()[1..3], [[8.0, 0.0, 16.0, 8.0], [0.0, 8.0, 8.0, 16.0]]);
        assert_eq!(found.len(), 4);
    }
}
