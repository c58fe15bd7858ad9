//! Which parts of a picture nobody outside may read: heads and number plates, as far as detections tell.
//!
//! Boxes are guesses, so regions are generous. What is smaller than a face or plate that can be read is left as it is.

use matpho_scene::{Class, Detection, NormBox, Picture, PictureSize};

/// A person or rider less high than this, in pixels, has no face that can be told: 24 px of body are 3 px of face.
const BODY_PX_MIN: f32 = 24.0;
/// A car less high than this, in pixels, has no plate that can be read: 40 px of car are 3 px of plate.
const VEHICLE_PX_MIN: f32 = 40.0;
/// A car less high than this, in pixels, shows nobody's face through its windscreen.
const WINDSCREEN_PX_MIN: f32 = 120.0;

/// The parts to make unreadable in a picture of `size`.
pub fn regions(detections: &[Detection], size: PictureSize) -> Vec<NormBox> {
    detections.iter().flat_map(|found| regions_of(found, size)).flatten().collect()
}

fn regions_of(found: &Detection, size: PictureSize) -> [Option<NormBox>; 2] {
    let b = found.bbox;
    let high_px = b.height() * size.height as f32;
    // Shares of the box: left, top, right, bottom. Negative top: above the box.
    let part = |[left, top, right, bottom]: [f32; 4]| {
        let (w, h) = (b.width(), b.height());
        NormBox::clipped(b.x1() + left * w, b.y1() + top * h, b.x1() + right * w, b.y1() + bottom * h)
    };
    let readable = |least_px: f32, shares: [f32; 4]| if high_px >= least_px { part(shares) } else { None };
    match found.class {
        Class::Person => [readable(BODY_PX_MIN, [0.1, -0.05, 0.9, 0.28]), None],
        Class::Motorcycle | Class::Bicycle => {
            // An upright box holds the rider, whose head is at its upper end; a lying one is the machine alone, and the head above it.
            let upright = high_px > 1.2 * b.width() * size.width as f32;
            let head = if upright { [0.1, -0.05, 0.9, 0.35] } else { [0.1, -0.7, 0.9, 0.2] };
            [readable(BODY_PX_MIN, head), readable(VEHICLE_PX_MIN, [0.25, 0.5, 0.75, 0.9])]
        }
        // The plate, and near by the people behind the windscreen.
        Class::Car | Class::Bus | Class::Truck => {
            [readable(VEHICLE_PX_MIN, [0.15, 0.55, 0.85, 1.0]), readable(WINDSCREEN_PX_MIN, [0.1, 0.1, 0.9, 0.45])]
        }
        Class::Fire | Class::Smoke => [None, None],
    }
}

/// Makes them unreadable.
pub fn apply(picture: &mut Picture, regions: &[NormBox]) {
    for region in regions {
        matpho_vision::pixelate(picture, *region);
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::Score;

    use super::*;

    fn found(class: Class, bbox: [f32; 4]) -> Detection {
        Detection { class, score: Score::ONE, bbox: bbox.try_into().unwrap() }
    }

    #[test]
    fn heads_and_plates_are_covered_whoever_is_near_enough() {
        let size = PictureSize { width: 1280, height: 720 };
        let person = regions(&[found(Class::Person, [0.4, 0.4, 0.44, 0.6])], size);
        assert!(person[0].y1() <= 0.4 && person[0].y2() >= 0.45, "{person:?}");
        let rider = regions(&[found(Class::Motorcycle, [0.4, 0.4, 0.45, 0.5])], size);
        assert!(rider.iter().any(|r| r.y1() < 0.38), "a rider's head above the machine: {rider:?}");
        let car = regions(&[found(Class::Car, [0.4, 0.4, 0.6, 0.6])], size);
        assert!(car.iter().any(|r| r.contains_box([0.47, 0.53, 0.53, 0.58])), "the plate: {car:?}");
        assert!(regions(&[found(Class::Car, [0.4, 0.4, 0.41, 0.42])], size).is_empty(), "too far to be read");
        assert!(regions(&[found(Class::Fire, [0.1, 0.1, 0.9, 0.9])], size).is_empty(), "what the alarm is about stays visible");
    }

    trait ContainsBox {
        fn contains_box(&self, inner: [f32; 4]) -> bool;
    }
    impl ContainsBox for NormBox {
        fn contains_box(&self, [x1, y1, x2, y2]: [f32; 4]) -> bool {
            self.x1() <= x1 && self.y1() <= y1 && self.x2() >= x2 && self.y2() >= y2
        }
    }
}
