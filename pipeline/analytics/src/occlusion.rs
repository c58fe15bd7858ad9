//! What hides what: whoever is behind somebody nearer shows a box that ends where he begins, or none at all.
//!
//! A box that ends too early puts its foot too far away: metres too far on a road that is seen at a flat angle. Its width tells how high it is, by the shape that the same thing
//! had when it was last free.

use matpho_scene::NormBox;

/// A box ends at somebody nearer when he begins within this part of its height below it, and is before it by this share of its width.
const TOUCH_HEIGHTS: f32 = 0.25;
const BESIDE_SHARE: f32 = 0.3;
/// Who is nearer stands lower in the picture, by this part of the box's height.
const NEARER_HEIGHTS: f32 = 0.05;
/// A newer shape counts by this share.
const SHAPE_NEW: f32 = 0.3;
/// Nothing shows less than this part of itself and is still found.
const HEIGHTS_MAX: f32 = 3.0;

/// How far down somebody nearer hides what is behind `bbox`; `None` where nobody does.
pub(crate) fn hidden_to(bbox: NormBox, others: &[NormBox]) -> Option<f32> {
    let height = bbox.height();
    let hides = |o: &&NormBox| {
        let beside = o.x2().min(bbox.x2()) - o.x1().max(bbox.x1());
        o.y2() > bbox.y2() + NEARER_HEIGHTS * height
            && o.y1() <= bbox.y2() + TOUCH_HEIGHTS * height
            && beside >= BESIDE_SHARE * bbox.width()
    };
    others.iter().filter(hides).map(|o| o.y2()).reduce(f32::max)
}

/// Height over width of a thing as it was seen when nobody hid it, and how large it was.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FreeShape(Option<f32>);

impl FreeShape {
    /// Seen free.
    pub fn learn(&mut self, bbox: NormBox) {
        let now = bbox.height() / bbox.width().max(1e-4);
        self.0 = Some(self.0.map_or(now, |before| before + SHAPE_NEW * (now - before)));
    }

    /// The box that a thing would have were it free: as high as its width says, but never nearer than whoever hides it down to `hidden_to`.
    pub fn whole(self, bbox: NormBox, hidden_to: f32) -> NormBox {
        let Some(shape) = self.0 else { return bbox };
        let height = (shape * bbox.width()).min(HEIGHTS_MAX * bbox.height());
        let y2 = (bbox.y1() + height).min(hidden_to).max(bbox.y2());
        NormBox::clipped(bbox.x1(), bbox.y1(), bbox.x2(), y2).unwrap_or(bbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbox(x1: f32, y1: f32, x2: f32, y2: f32) -> NormBox {
        NormBox::clipped(x1, y1, x2, y2).unwrap()
    }

    #[test]
    fn who_is_nearer_and_before_it_hides() {
        let car = bbox(0.4, 0.3, 0.5, 0.38);
        let (before, beside, farther) = (bbox(0.42, 0.37, 0.5, 0.6), bbox(0.52, 0.35, 0.6, 0.6), bbox(0.4, 0.2, 0.5, 0.35));
        assert_eq!(hidden_to(car, &[car, beside, farther]), None);
        assert_eq!(hidden_to(car, &[car, beside, before]), Some(0.6));
        assert_eq!(hidden_to(car, &[bbox(0.4, 0.45, 0.5, 0.6)]), None, "there is road between them");
    }

    #[test]
    fn a_half_hidden_thing_is_as_high_as_it_was_when_free() {
        let mut shape = FreeShape::default();
        let half = bbox(0.4, 0.3, 0.5, 0.36);
        assert_eq!(shape.whole(half, 0.6), half, "nobody knows how high it is");
        shape.learn(bbox(0.2, 0.2, 0.3, 0.32));
        assert!((shape.whole(half, 0.6).y2() - 0.42).abs() < 1e-3);
        assert!((shape.whole(half, 0.4).y2() - 0.4).abs() < 1e-3, "it stands behind whoever hides it");
        assert_eq!(shape.whole(bbox(0.4, 0.3, 0.5, 0.5), 0.6).y2(), 0.5, "no box is made smaller");
    }
}
