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
    bbox.y2() + CUT_HEIGHTS * bbox.height() >= 0.999
}
