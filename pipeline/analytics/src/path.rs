//! Points of the path that something takes through the picture.

use matpho_scene::{NormBox, NormPoint};

use crate::moment::Moment;

/// The most points of a way that is told.
pub(crate) const WAY_POINTS: usize = 24;

/// A point of a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub when: Moment,
    /// Where it touches the road.
    pub foot: NormPoint,
    /// Middle of the box, in picture heights.
    pub x: f32,
    pub y: f32,
    /// Box length, in picture heights.
    pub length: f32,
    /// Whether the picture's lower edge cuts it: it touches the road somewhere below.
    pub cut: bool,
    /// Whether the detector was sure of it. Weak sightings keep a track alive, but prove nothing.
    pub sure: bool,
}

/// Distance of two points of paths, in picture heights.
pub(crate) fn distance(a: Step, b: Step) -> f32 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// At most [`WAY_POINTS`] of a way's points, its ends among them.
pub(crate) fn thinned(points: impl ExactSizeIterator<Item = NormPoint>) -> Vec<NormPoint> {
    let n = points.len();
    let every = n.div_ceil(WAY_POINTS - 1).max(1);
    points.enumerate().filter(|(i, _)| i % every == 0 || i + 1 == n).map(|(_, p)| p).collect()
}

/// A box that ends this near the picture's lower edge, in its own heights, is cut by it. Edges of boxes tremble by some 3.5 % of its height: with less, one in five
/// of those that have left the picture is held to stand in it.
const CUT_HEIGHTS: f32 = 0.06;

/// Whether the picture's lower edge cuts a box.
pub(crate) fn is_cut_below(bbox: NormBox) -> bool {
    reaches_below(bbox.y2(), bbox.height())
}

fn reaches_below(foot: f32, height: f32) -> bool {
    foot + CUT_HEIGHTS * height >= 0.999
}

impl Step {
    /// Between this step and a later one, or beyond them, by the part of the way from the one to the other. `None` where it does not touch the road in the picture.
    pub fn toward(self, later: Self, part: f32) -> Option<Self> {
        let between = |a: f32, b: f32| a + (b - a) * part;
        let foot = NormPoint::new(between(self.foot.x, later.foot.x), between(self.foot.y, later.foot.y)).ok()?;
        let y = between(self.y, later.y);
        let cut = reaches_below(foot.y, 2.0 * (foot.y - y));
        Some(Self { foot, x: between(self.x, later.x), y, cut, ..if part > 0.5 { later } else { self } })
    }
}
