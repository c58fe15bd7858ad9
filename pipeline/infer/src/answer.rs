//! From the outputs of a session to findings: hands each output to its family's decoder.

use matpho_scene::{Detection, NormBox, PictureSize, Score};
use ort::{session::SessionOutputs, value::PrimitiveTensorElementType};

use crate::{
    contract::{Contract, Layout},
    decode::{
        self, Wanted, anchors,
        picodet::{Level, Origin},
        segment::Plane,
    },
    model::Output,
    nms::{self, Candidate},
    preprocess::Fit,
    registry::{Entry, WATER},
};

/// What a pass over a picture, or over a part of it, gave.
pub enum Found {
    /// Candidates went where the caller said.
    Candidates,
    /// Another family's output, complete.
    Whole(Output),
}

/// Reads the outputs. Candidates are added to `candidates` in normalised coordinates of the whole picture.
pub fn read(
    outputs: &SessionOutputs<'_>,
    contract: &Contract,
    entry: &Entry,
    wanted: &Wanted,
    fit: &Fit,
    candidates: &mut Vec<Candidate>,
) -> Result<Found, String> {
    let (input, strides) = (entry.input.size, &entry.output.strides);
    let new = candidates.len();
    let floats = |index: usize| tensor::<f32>(outputs, contract, entry, index);
    match contract.layout {
        Layout::Yolox => decode::yolox::decode(floats(0)?.1, entry.output.decoded, input, strides, wanted, candidates),
        Layout::PicodetSplit => {
            for (index, &stride) in strides.iter().enumerate() {
                let ((_, scores), (shape, distances)) = (floats(index)?, floats(strides.len() + index)?);
                let sides = shape[2] as usize;
                let (scores_step, distances_step, bins) = (wanted.classes(), sides, sides / 4);
                let level = Level { stride, scores, scores_step, distances, distances_step, bins };
                decode::picodet::decode(level, Origin::Centre, input, wanted, candidates);
            }
        }
        Layout::PicodetJoined => {
            let (shape, mut rows) = floats(0)?;
            let step = shape[2] as usize;
            for &stride in strides {
                let (scores, rest) = rows.split_at(anchors(input, &[stride]) * step);
                let (distances, bins) = (&scores[wanted.classes()..], (step - wanted.classes()) / 4);
                let level = Level { stride, scores, scores_step: step, distances, distances_step: step, bins };
                decode::picodet::decode(level, Origin::Corner, input, wanted, candidates);
                rows = rest;
            }
        }
        Layout::DetrRaw => decode::detr::decode_raw(floats(0)?.1, floats(1)?.1, input, wanted, candidates),
        Layout::DetrFinished => {
            let labels = tensor::<i64>(outputs, contract, entry, 0)?.1;
            decode::detr::decode_finished(labels, floats(1)?.1, floats(2)?.1, wanted, candidates);
        }
        Layout::Classify => {
            let labels = decode::classify::decode(floats(0)?.1, entry.output.decoded, &entry.classes)?;
            return Ok(Found::Whole(Output::Labels(labels)));
        }
        Layout::Segment => {
            let (shape, cells) = floats(0)?;
            let [count, height, width] = [shape[1] as usize, shape[2] as usize, shape[3] as usize];
            let class = entry.classes.iter().position(|class| class == WATER).unwrap_or(0);
            // Background stands first where there is one plane more than classes.
            let index = class + count - entry.classes.len();
            let plane = Plane { index, count, decoded: entry.output.decoded };
            let mask = decode::segment::decode(cells, plane, (width, height), input, fit.content())?;
            return Ok(Found::Whole(Output::Mask(mask)));
        }
    }
    for candidate in &mut candidates[new..] {
        candidate.bbox = fit.to_picture(candidate.bbox);
    }
    Ok(Found::Candidates)
}

/// One output's shape and numbers, after its shape was found right.
fn tensor<'o, T: PrimitiveTensorElementType>(
    outputs: &'o SessionOutputs<'_>,
    contract: &Contract,
    entry: &Entry,
    index: usize,
) -> Result<(&'o [i64], &'o [T]), String> {
    let name = contract.outputs[index].as_str();
    let value = outputs.get(name).ok_or_else(|| format!("output `{name}` did not come"))?;
    let (shape, numbers) = value.try_extract_tensor::<T>().map_err(|error| format!("output `{name}`: {error}"))?;
    contract.check_answer(entry, index, shape)?;
    Ok((shape, numbers))
}

/// One detection an object, best first. Empties `candidates`.
pub fn detections(candidates: &mut Vec<Candidate>, nms_iou: Option<f32>) -> Vec<Detection> {
    match nms_iou {
        Some(iou_max) => nms::suppress(candidates, iou_max),
        None => nms::sort(candidates),
    }
    let detection = |candidate: Candidate| {
        let [x1, y1, x2, y2] = candidate.bbox;
        let bbox = NormBox::clipped(x1, y1, x2, y2)?;
        Some(Detection { class: candidate.class, score: Score::clamped(candidate.score), bbox })
    };
    candidates.drain(..).filter_map(detection).collect()
}

/// The parts of a picture that are looked at one by one: see [`crate::Tiling`].
pub fn tiles(size: PictureSize, cols: u32, rows: u32, overlap: f32) -> impl Iterator<Item = crate::preprocess::Window> {
    let (cols, rows, overlap) = (cols.max(1), rows.max(1), overlap.clamp(0.0, 0.5));
    // n tiles of side t that overlap by o * t cover t * (n - (n - 1) * o).
    let side = |length: u32, n: u32| {
        let tile = f64::from(length) / (f64::from(n) - f64::from(n - 1) * f64::from(overlap));
        (tile.ceil() as u32).clamp(1, length)
    };
    let (width, height) = (side(size.width, cols), side(size.height, rows));
    let start = |i: u32, n: u32, length: u32, tile: u32| {
        if n == 1 { 0 } else { (u64::from(i) * u64::from(length - tile) / u64::from(n - 1)) as u32 }
    };
    (0..rows).flat_map(move |row| (0..cols).map(move |col| (row, col))).map(move |(row, col)| crate::preprocess::Window {
        x: start(col, cols, size.width, width),
        y: start(row, rows, size.height, height),
        size: PictureSize { width, height },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tiles_cover_the_picture_and_stay_inside(
            (width, height, cols, rows) in (1u32..5000, 1u32..5000, 1u32..6, 1u32..6), overlap in 0.0f32..0.5,
        ) {
            let size = PictureSize { width, height };
            let tiles: Vec<_> = tiles(size, cols, rows, overlap).collect();
            prop_assert_eq!(tiles.len(), (cols * rows) as usize);
            for tile in &tiles {
                prop_assert!(tile.x + tile.size.width <= width && tile.y + tile.size.height <= height);
            }
            for (x, y) in [(0, 0), (width - 1, height - 1), (width / 2, height / 2), (width / 3, height - 1)] {
                let inside = |t: &crate::preprocess::Window| (t.x..t.x + t.size.width).contains(&x) && (t.y..t.y + t.size.height).contains(&y);
                prop_assert!(tiles.iter().any(inside), "nothing shows {x},{y}");
            }
        }
    }
}
