//! Points, boxes and polygons in normalised picture coordinates, and the plane of the road in metres.
//!
//! Normalised: `x` grows to the right, `y` downwards, both 0 to 1 over the whole picture, so that a zone survives a change of the
//! camera's resolution.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Width and height in pixels, both at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PictureSize {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl PictureSize {
    /// Number of pixels.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Width over height.
    pub fn aspect(self) -> f32 {
        self.width as f32 / self.height as f32
    }
}

impl fmt::Display for PictureSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Why numbers are not a point, a box or a polygon.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// A coordinate is not a number or lies outside the picture.
    #[error("point [{x}, {y}] lies outside the picture: coordinates run from 0.0 to 1.0, x to the right, y downwards")]
    Outside {
        /// The point's x.
        x: f32,
        /// The point's y.
        y: f32,
    },
    /// A box without an area, or with its corners swapped.
    #[error("box [{x1}, {y1}, {x2}, {y2}] is empty: x1 < x2 and y1 < y2 are needed")]
    EmptyBox {
        /// Left.
        x1: f32,
        /// Top.
        y1: f32,
        /// Right.
        x2: f32,
        /// Bottom.
        y2: f32,
    },
    /// Fewer than three corners.
    #[error("a polygon needs at least 3 corners, {0} were given")]
    TooFewCorners(usize),
    /// Two sides cross.
    #[error(
        "the polygon crosses itself: side {first} (from corner {first} on) meets side {second}; list the corners in order around the zone"
    )]
    Crosses {
        /// Number of one side, from 1.
        first: usize,
        /// Number of the other side, from 1.
        second: usize,
    },
    /// All corners on one line.
    #[error("the polygon has no area: its corners lie on one line")]
    NoArea,
    /// A direction without a length.
    #[error("a direction needs two different points")]
    NoDirection,
}

/// A point in the picture, both coordinates in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 2]", into = "[f32; 2]")]
pub struct NormPoint {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

impl NormPoint {
    /// A point in the picture.
    pub fn new(x: f32, y: f32) -> Result<Self, GeometryError> {
        if (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y) {
            Ok(Self { x, y })
        } else {
            Err(GeometryError::Outside { x, y })
        }
    }

    /// The nearest point in the picture.
    pub fn clamped(x: f32, y: f32) -> Self {
        Self { x: x.clamp(0.0, 1.0), y: y.clamp(0.0, 1.0) }
    }
}

impl TryFrom<[f32; 2]> for NormPoint {
    type Error = GeometryError;
    fn try_from([x, y]: [f32; 2]) -> Result<Self, GeometryError> {
        Self::new(x, y)
    }
}

impl From<NormPoint> for [f32; 2] {
    fn from(point: NormPoint) -> Self {
        [point.x, point.y]
    }
}

/// A box in the picture: `0 <= x1 < x2 <= 1`, `0 <= y1 < y2 <= 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 4]", into = "[f32; 4]")]
pub struct NormBox {
    x1: f32,
    y1: f32,
    x2: f32,
    y2: f32,
}

impl NormBox {
    /// The whole picture.
    pub const WHOLE: Self = Self { x1: 0.0, y1: 0.0, x2: 1.0, y2: 1.0 };

    /// A box inside the picture.
    pub fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Result<Self, GeometryError> {
        NormPoint::new(x1, y1)?;
        NormPoint::new(x2, y2)?;
        if x1 < x2 && y1 < y2 { Ok(Self { x1, y1, x2, y2 }) } else { Err(GeometryError::EmptyBox { x1, y1, x2, y2 }) }
    }

    /// The part of a box that lies in the picture; `None` where nothing does or a coordinate is not a number.
    pub fn clipped(x1: f32, y1: f32, x2: f32, y2: f32) -> Option<Self> {
        Self::new(x1.clamp(0.0, 1.0), y1.clamp(0.0, 1.0), x2.clamp(0.0, 1.0), y2.clamp(0.0, 1.0)).ok()
    }

    /// Left.
    pub fn x1(self) -> f32 {
        self.x1
    }
    /// Top.
    pub fn y1(self) -> f32 {
        self.y1
    }
    /// Right.
    pub fn x2(self) -> f32 {
        self.x2
    }
    /// Bottom.
    pub fn y2(self) -> f32 {
        self.y2
    }
    /// Width, as a share of the picture's.
    pub fn width(self) -> f32 {
        self.x2 - self.x1
    }
    /// Height, as a share of the picture's.
    pub fn height(self) -> f32 {
        self.y2 - self.y1
    }
    /// Share of the picture that it covers.
    pub fn area(self) -> f32 {
        self.width() * self.height()
    }

    /// The middle.
    pub fn centre(self) -> NormPoint {
        NormPoint::clamped((self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0)
    }

    /// The middle of the lower side: where a vehicle or person touches the road.
    pub fn foot(self) -> NormPoint {
        NormPoint::clamped((self.x1 + self.x2) / 2.0, self.y2)
    }

    /// Intersection over union, 0 to 1.
    pub fn iou(self, other: Self) -> f32 {
        let w = (self.x2.min(other.x2) - self.x1.max(other.x1)).max(0.0);
        let h = (self.y2.min(other.y2) - self.y1.max(other.y1)).max(0.0);
        let both = w * h;
        both / (self.area() + other.area() - both)
    }

    /// The smallest box around both.
    pub fn union(self, other: Self) -> Self {
        Self { x1: self.x1.min(other.x1), y1: self.y1.min(other.y1), x2: self.x2.max(other.x2), y2: self.y2.max(other.y2) }
    }

    /// In pixels of a picture: `[x1, y1, x2, y2]`.
    pub fn to_pixels(self, size: PictureSize) -> [f32; 4] {
        let (w, h) = (size.width as f32, size.height as f32);
        [self.x1 * w, self.y1 * h, self.x2 * w, self.y2 * h]
    }

    /// From pixels of a picture, clipped to it.
    pub fn from_pixels([x1, y1, x2, y2]: [f32; 4], size: PictureSize) -> Option<Self> {
        let (w, h) = (size.width as f32, size.height as f32);
        Self::clipped(x1 / w, y1 / h, x2 / w, y2 / h)
    }
}

impl TryFrom<[f32; 4]> for NormBox {
    type Error = GeometryError;
    fn try_from([x1, y1, x2, y2]: [f32; 4]) -> Result<Self, GeometryError> {
        Self::new(x1, y1, x2, y2)
    }
}

impl From<NormBox> for [f32; 4] {
    fn from(b: NormBox) -> Self {
        [b.x1, b.y1, b.x2, b.y2]
    }
}

/// A zone: at least three corners inside the picture, sides that do not cross, an area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[f32; 2]>", into = "Vec<[f32; 2]>")]
pub struct Polygon {
    corners: Vec<NormPoint>,
}

impl Polygon {
    /// The whole picture.
    pub fn whole_picture() -> Self {
        let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| NormPoint { x, y }).to_vec();
        Self { corners }
    }

    /// The corners, in order around the zone.
    pub fn corners(&self) -> &[NormPoint] {
        &self.corners
    }

    fn sides(corners: &[NormPoint]) -> impl Iterator<Item = (NormPoint, NormPoint)> + '_ {
        corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
    }

    /// Whether a point lies inside (even-odd rule).
    pub fn contains(&self, p: NormPoint) -> bool {
        Self::sides(&self.corners)
            .filter(|(a, b)| (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            .count()
            % 2
            == 1
    }

    /// Share of the picture that the zone covers.
    pub fn area(&self) -> f32 {
        (Self::sides(&self.corners).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f32>() / 2.0).abs()
    }

    /// The smallest upright box around the zone.
    pub fn bounds(&self) -> NormBox {
        let fold = |pick: fn(&NormPoint) -> f32, better: fn(f32, f32) -> f32| {
            self.corners.iter().map(pick).reduce(better).unwrap_or_default()
        };
        NormBox {
            x1: fold(|p| p.x, f32::min),
            y1: fold(|p| p.y, f32::min),
            x2: fold(|p| p.x, f32::max),
            y2: fold(|p| p.y, f32::max),
        }
    }
}

impl TryFrom<Vec<[f32; 2]>> for Polygon {
    type Error = GeometryError;
    fn try_from(points: Vec<[f32; 2]>) -> Result<Self, GeometryError> {
        if points.len() < 3 {
            return Err(GeometryError::TooFewCorners(points.len()));
        }
        let corners = points.into_iter().map(NormPoint::try_from).collect::<Result<Vec<_>, _>>()?;
        let sides: Vec<_> = Self::sides(&corners).collect();
        for (i, &(a, b)) in sides.iter().enumerate() {
            for (j, &(c, d)) in sides.iter().enumerate().skip(i + 2) {
                let neighbours = i == 0 && j == sides.len() - 1;
                if !neighbours && segments_cross(a, b, c, d) {
                    return Err(GeometryError::Crosses { first: i + 1, second: j + 1 });
                }
            }
        }
        let polygon = Self { corners };
        if polygon.area() > 1e-6 { Ok(polygon) } else { Err(GeometryError::NoArea) }
    }
}

impl From<Polygon> for Vec<[f32; 2]> {
    fn from(polygon: Polygon) -> Self {
        polygon.corners.into_iter().map(Into::into).collect()
    }
}

/// Twice the signed area of the triangle `a b c`: which side of `a b` the point `c` is on.
fn turn(a: NormPoint, b: NormPoint, c: NormPoint) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

/// Whether two segments share an inner point.
pub fn segments_cross(a: NormPoint, b: NormPoint, c: NormPoint, d: NormPoint) -> bool {
    turn(a, b, c) * turn(a, b, d) < 0.0 && turn(c, d, a) * turn(c, d, b) < 0.0
}

/// The way traffic goes in the picture, as a unit vector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[[f32; 2]; 2]", into = "[[f32; 2]; 2]")]
pub struct Direction {
    from: NormPoint,
    to: NormPoint,
}

impl Direction {
    /// The unit vector `(dx, dy)` in normalised coordinates.
    pub fn unit(self) -> (f32, f32) {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        let length = dx.hypot(dy);
        (dx / length, dy / length)
    }

    /// The two points that it was drawn with: from the first to the second.
    pub fn points(self) -> [NormPoint; 2] {
        [self.from, self.to]
    }

    /// Length of `(dx, dy)` along the direction; negative against it.
    pub fn along(self, dx: f32, dy: f32) -> f32 {
        let (ux, uy) = self.unit();
        dx * ux + dy * uy
    }
}

impl TryFrom<[[f32; 2]; 2]> for Direction {
    type Error = GeometryError;
    /// From two points: traffic goes from the first to the second.
    fn try_from([from, to]: [[f32; 2]; 2]) -> Result<Self, GeometryError> {
        let (from, to) = (NormPoint::try_from(from)?, NormPoint::try_from(to)?);
        if (to.x - from.x).hypot(to.y - from.y) > 1e-4 { Ok(Self { from, to }) } else { Err(GeometryError::NoDirection) }
    }
}

impl From<Direction> for [[f32; 2]; 2] {
    fn from(d: Direction) -> Self {
        [d.from.into(), d.to.into()]
    }
}

/// A point on the road, in metres from an origin of the installer's choice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct GroundPoint {
    /// Metres along the first axis.
    pub x_m: f64,
    /// Metres along the second axis.
    pub y_m: f64,
}

impl From<[f64; 2]> for GroundPoint {
    fn from([x_m, y_m]: [f64; 2]) -> Self {
        Self { x_m, y_m }
    }
}

impl From<GroundPoint> for [f64; 2] {
    fn from(p: GroundPoint) -> Self {
        [p.x_m, p.y_m]
    }
}

impl GroundPoint {
    /// Distance in metres.
    pub fn distance_m(self, other: Self) -> f64 {
        (self.x_m - other.x_m).hypot(self.y_m - other.y_m)
    }
}

/// The plane of the road: a homography from normalised picture coordinates to metres. Made by `vision`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroundPlane {
    /// Row-major 3x3: `[x', y', w'] = matrix * [x, y, 1]`, metres are `x'/w', y'/w'`.
    pub matrix: [f64; 9],
}

impl GroundPlane {
    /// Where a point of the picture lies on the road; `None` at or above the horizon.
    pub fn to_ground(&self, p: NormPoint) -> Option<GroundPoint> {
        let m = &self.matrix;
        let (x, y) = (f64::from(p.x), f64::from(p.y));
        let w = m[6] * x + m[7] * y + m[8];
        // The sign of w tells the side of the horizon; the matrix is scaled so that the road has w > 0.
        (w > 1e-9).then(|| GroundPoint { x_m: (m[0] * x + m[1] * y + m[2]) / w, y_m: (m[3] * x + m[4] * y + m[5]) / w })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn polygon(points: &[[f32; 2]]) -> Result<Polygon, GeometryError> {
        Polygon::try_from(points.to_vec())
    }

    #[test]
    fn a_bow_tie_is_refused() {
        assert_eq!(
            polygon(&[[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]),
            Err(GeometryError::Crosses { first: 1, second: 3 })
        );
    }

    #[test]
    fn outside_thin_and_flat_polygons_are_refused() {
        assert!(matches!(polygon(&[[0.1, 0.1], [1.2, 0.9], [0.9, 0.1]]), Err(GeometryError::Outside { .. })));
        assert!(matches!(polygon(&[[0.1, f32::NAN], [0.2, 0.9], [0.9, 0.1]]), Err(GeometryError::Outside { .. })));
        assert_eq!(polygon(&[[0.1, 0.1], [0.9, 0.9]]), Err(GeometryError::TooFewCorners(2)));
        assert_eq!(polygon(&[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]), Err(GeometryError::NoArea));
    }

    #[test]
    fn inside_and_outside_of_a_concave_zone() {
        let zone = polygon(&[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.2], [0.0, 1.0]]).unwrap();
        assert!(zone.contains(NormPoint::clamped(0.1, 0.5)));
        assert!(!zone.contains(NormPoint::clamped(0.5, 0.8)));
    }

    proptest! {
        #[test]
        fn iou_is_symmetric_and_bounded(a in any_box(), b in any_box()) {
            let iou = a.iou(b);
            prop_assert!((0.0..=1.0 + 1e-5).contains(&iou));
            prop_assert!((iou - b.iou(a)).abs() < 1e-6);
            prop_assert!((a.iou(a) - 1.0).abs() < 1e-5);
        }

        #[test]
        fn pixels_and_back(b in any_box()) {
            let size = PictureSize { width: 1280, height: 720 };
            let back = NormBox::from_pixels(b.to_pixels(size), size).unwrap();
            prop_assert!(back.iou(b) > 0.999);
        }
    }

    fn any_box() -> impl Strategy<Value = NormBox> {
        (0.0f32..0.9, 0.0f32..0.9, 0.01f32..0.1, 0.01f32..0.1).prop_map(|(x, y, w, h)| NormBox::new(x, y, x + w, y + h).unwrap())
    }
}
