//! How others stand to a vehicle: how far ahead of it or behind, and how far aside, in its box lengths.
//!
//! In the picture the way across a road is not square to the way along it: whoever is beside one that drives up the right side of the picture
//! seems to be ahead of it on its left, behind it on its right. Where the zone has metres they are asked; elsewhere the picture has to do.

use matpho_scene::{GroundPlane, GroundPoint, NormPoint};

use crate::path::Step;

/// As seen from one place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bearing {
    /// A heading in the picture, as a unit vector in picture heights.
    Picture((f32, f32)),
    Ground {
        plane: GroundPlane,
        here: GroundPoint,
        /// Its heading on the ground, as a unit vector.
        heading: (f64, f64),
        /// Picture heights that a metre along and a metre across the road take here.
        heights_per_m: (f32, f32),
    },
}

impl Bearing {
    /// From `place`, with `heading` in the picture; `axis` is the zone's heading on the ground, which says better than the picture where the road
    /// leads.
    pub fn new(place: Step, heading: (f32, f32), aspect: f32, plane: Option<GroundPlane>, axis: Option<(f64, f64)>) -> Self {
        plane.and_then(|plane| Self::on_ground(place, heading, aspect, plane, axis)).unwrap_or(Self::Picture(heading))
    }

    fn on_ground(place: Step, heading: (f32, f32), aspect: f32, plane: GroundPlane, axis: Option<(f64, f64)>) -> Option<Self> {
        /// Picture heights over which metres are compared.
        const STEP: f32 = 0.005;
        let here = plane.to_ground(place.foot)?;
        let from_here = |dx: f32, dy: f32| {
            let there = plane.to_ground(NormPoint::clamped(place.foot.x + dx / aspect, place.foot.y + dy))?;
            Some(((there.x_m - here.x_m) / f64::from(STEP), (there.y_m - here.y_m) / f64::from(STEP)))
        };
        // Metres of a picture height to the right, and of one upwards: towards the horizon, so that the place itself may lie at the lower edge.
        let (right, up) =
            (from_here(STEP, 0.0).or_else(|| from_here(-STEP, 0.0).map(|(x, y)| (-x, -y)))?, from_here(0.0, -STEP)?);
        let determinant = right.0 * up.1 - right.1 * up.0;
        if determinant.abs() < 1e-9 {
            return None;
        }
        let heights =
            |x: f64, y: f64| ((x * up.1 - y * up.0) / determinant).hypot((right.0 * y - right.1 * x) / determinant) as f32;
        let (ax, ay) = axis.unwrap_or_else(|| {
            let (hx, hy) = (f64::from(heading.0), -f64::from(heading.1));
            let (x, y) = (right.0 * hx + up.0 * hy, right.1 * hx + up.1 * hy);
            (x / x.hypot(y), y / x.hypot(y))
        });
        let heights_per_m = (heights(ax, ay), heights(-ay, ax));
        Some(Self::Ground { plane, here, heading: (ax, ay), heights_per_m })
    }

    /// How far ahead and how far aside of `place` another is, in box lengths of `place`.
    pub fn of(&self, place: Step, there: Step) -> (f32, f32) {
        let (dx, dy) = (there.x - place.x, there.y - place.y);
        let in_picture = |(hx, hy): (f32, f32)| (dx * hx + dy * hy, (dx * hy - dy * hx).abs());
        let (along, aside) = match self {
            Self::Picture(heading) => in_picture(*heading),
            Self::Ground { plane, here, heading: (hx, hy), heights_per_m } => match plane.to_ground(there.foot) {
                Some(there) => {
                    let (x, y) = (there.x_m - here.x_m, there.y_m - here.y_m);
                    ((x * hx + y * hy) as f32 * heights_per_m.0, (x * hy - y * hx).abs() as f32 * heights_per_m.1)
                }
                // Above the horizon: far ahead or far behind, and nobody's neighbour.
                None => (f32::MAX, f32::MAX),
            },
        };
        (along / place.length, aside / place.length)
    }
}
