//! Points of the path that something takes through the picture.

use matpho_scene::NormPoint;

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
