//! Segmentation: `[K, h, w]`, one plane a class (or background and one class), probabilities or logits, to a mask of one class.

use matpho_scene::{Mask, PictureSize};

use super::{classify::softmax, sigmoid};

/// How far a probability may lie outside 0 to 1 by rounding.
const ROUNDING: f32 = 1e-3;

/// Which plane of how many is wanted, and what its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// The plane of the wanted class.
    pub index: usize,
    /// Planes in all.
    pub count: usize,
    /// Probabilities, rather than logits (sigmoid of one plane, softmax over several).
    pub decoded: bool,
}

/// The mask of one plane of `output`, whose planes are `width` by `height` cells that span `input`; the picture fills `content` of
/// `input`, from the top left.
pub fn decode(
    output: &[f32],
    plane: Plane,
    (width, height): (usize, usize),
    input: PictureSize,
    content: PictureSize,
) -> Result<Mask, String> {
    let cells = width * height;
    let probability = |i: usize| -> f32 {
        match (plane.decoded, plane.count) {
            (true, _) => output[plane.index * cells + i],
            (false, 1) => sigmoid(output[i]),
            (false, count) => {
                let logits: Vec<f32> = (0..count).map(|k| output[k * cells + i]).collect();
                softmax(&logits).nth(plane.index).unwrap_or(0.0)
            }
        }
    };
    // The cells that show the picture; the others show letterbox bars.
    let shown = |cells: usize, content: u32, input: u32| {
        ((cells as f64 * f64::from(content) / f64::from(input)).round() as usize).clamp(1, cells)
    };
    let (shown_width, shown_height) = (shown(width, content.width, input.width), shown(height, content.height, input.height));
    let mut mask = Vec::with_capacity(shown_width * shown_height);
    for y in 0..shown_height {
        for x in 0..shown_width {
            let value = probability(y * width + x);
            if !(-ROUNDING..=1.0 + ROUNDING).contains(&value) {
                return Err(format!("{value} is no probability; set `output.decoded = false` where the outputs are logits"));
            }
            mask.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
    Mask::new(shown_width as u32, shown_height as u32, mask).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: PictureSize = PictureSize { width: 32, height: 16 };

    #[test]
    fn probabilities_become_cells() {
        let plane = Plane { index: 0, count: 1, decoded: true };
        let mask = decode(&[0.0, 0.5, 1.0, 0.2, 0.0, 0.0, 1.0, 1.0], plane, (4, 2), INPUT, INPUT).unwrap();
        assert_eq!((mask.width(), mask.height()), (4, 2));
        assert_eq!(mask.cells(), [0, 128, 255, 51, 0, 0, 255, 255]);
    }

    #[test]
    fn logits_of_background_and_water() {
        let plane = Plane { index: 1, count: 2, decoded: false };
        let mask = decode(&[0.0, 5.0, 0.0, -5.0], plane, (2, 1), INPUT, INPUT).unwrap();
        assert_eq!(mask.cells(), [128, 0]);
        let alone = Plane { index: 0, count: 1, decoded: false };
        assert_eq!(decode(&[0.0, 50.0], alone, (2, 1), INPUT, INPUT).unwrap().cells(), [128, 255]);
    }

    #[test]
    fn bars_are_cut_off() {
        let plane = Plane { index: 0, count: 1, decoded: true };
        let content = PictureSize { width: 16, height: 16 };
        let mask = decode(&[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], plane, (4, 2), INPUT, content).unwrap();
        assert_eq!((mask.width(), mask.height(), mask.cells()), (2, 2, &[255; 4][..]));
    }

    #[test]
    fn logits_are_not_taken_for_probabilities() {
        let plane = Plane { index: 0, count: 1, decoded: true };
        assert!(decode(&[7.0, 0.0], plane, (2, 1), INPUT, INPUT).unwrap_err().contains("output.decoded"));
        assert!(decode(&[f32::NAN, 0.0], plane, (2, 1), INPUT, INPUT).is_err());
    }
}
