//! Which parts of a picture nobody outside may read: heads and number plates, as far as detections tell.
//!
//! Boxes are guesses, so regions are generous. What is smaller than a face or plate that can be read is left as it is.

use matpho_scene::{Class, Detection, NormBox, Picture, PictureSize};

/// A person or rider less high than this, in pixels, has no face that can be told: 24 px of body are 3 px of face.
const BODY_PX_MIN: f32 = 24.0;
/// A car less high than this, in pixels, has no plate that can be read: 40 px of car are 3 px of plate.
const VEHICLE_PX_MIN: f32 = 40.0;

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
    match found.class {
        Class::Person if high_px >= BODY_PX_MIN => [part([0.1, -0.05, 0.9, 0.28]), None],
        // The box may be of the machine alone, its rider's head above it, or of both; the plate is at the lower end.
        Class::Motorcycle | Class::Bicycle if high_px >= BODY_PX_MIN => {
            [part([0.0, -0.35, 1.0, 0.4]), if high_px >= VEHICLE_PX_MIN { part([0.2, 0.5, 0.8, 0.95]) } else { None }]
        }
        Class::Car | Class::Bus | Class::Truck if high_px >= VEHICLE_PX_MIN => {
            // The plate, and the people behind the windscreen.
            [part([0.05, 0.5, 0.95, 1.0]), part([0.1, 0.1, 0.9, 0.45])]
        }
        _ => [None, None],
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
