//! From points measured on the road to the plane of the road.

use matpho_scene::{GroundPlane, GroundPoint, NormPoint};
use opencv::{
    core::{self, Mat, SVD},
    prelude::*,
};

/// Twice the area of a triangle below which its corners lie on one line, once points are scaled to a mean distance of 1.4.
const LINE: f64 = 0.01;

/// A point whose depth factor is this share of the deepest one's, or less, lies at the horizon: a pixel there is worth a street.
const HORIZON: f64 = 2e-3;

/// Least ratio of the smallest singular value that has to differ from 0 to the largest one.
const RANK: f64 = 1e-6;

/// The plane of the road, and how well the points that it was made of fit it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// From the picture to metres.
    pub plane: GroundPlane,
    /// Root mean square of the points' distances from where they should be, in metres. Always about 0 with exactly four points.
    pub error_m: f64,
    /// The point that fits worst: its number, from 1, and its distance from where it should be, in metres.
    pub worst: (usize, f64),
}

/// Why points do not make a plane. Points are numbered from 1 in the order in which they were given.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// Fewer than four.
    #[error("a calibration needs at least 4 points, {0} were given")]
    TooFewPoints(usize),
    /// A coordinate on the road is not a finite number.
    #[error("point {0} has no finite place on the road")]
    NotFinite(usize),
    /// Three of four points on one line, in the picture or on the road.
    #[error("points {0}, {1} and {2} lie on one line {3}; take the corners of an area, such as a stretch of lane")]
    OnOneLine(usize, usize, usize, &'static str),
    /// Points that leave the plane open: all but one on a line, or several at one place.
    #[error("the points leave the plane open: they lie on one line, or several at one place; take the corners of an area")]
    Degenerate,
    /// Points on both sides of the horizon.
    #[error("points {0} and {1} would lie on different sides of the horizon: is one of them, or their order, mixed up?")]
    AcrossTheHorizon(usize, usize),
    /// A point so far away that its place cannot be told.
    #[error("point {0} lies at the horizon, where a pixel is worth many metres; take a nearer one")]
    AtTheHorizon(usize),
    /// OpenCV refused.
    #[error("failed to solve for the plane of the road")]
    Solve(#[from] opencv::Error),
}

/// The plane of the road from at least four points of the picture whose place on the road is known. With more than four points, the
/// least-squares solution of the direct linear transform on normalised points (Hartley and Zisserman, Multiple View Geometry, 4.1, 4.4).
pub fn calibrate(points: &[(NormPoint, GroundPoint)]) -> Result<Calibration, CalibrationError> {
    if points.len() < 4 {
        return Err(CalibrationError::TooFewPoints(points.len()));
    }
    if let Some(odd) = points.iter().position(|(_, ground)| !(ground.x_m.is_finite() && ground.y_m.is_finite())) {
        return Err(CalibrationError::NotFinite(odd + 1));
    }
    let seen: Vec<_> = points.iter().map(|(p, _)| [f64::from(p.x), f64::from(p.y)]).collect();
    let ground: Vec<_> = points.iter().map(|(_, g)| [g.x_m, g.y_m]).collect();
    let (from, to) = (Scaling::of(&seen)?, Scaling::of(&ground)?);
    let (from_points, to_points): (Vec<_>, Vec<_>) =
        (seen.iter().map(|&p| from.apply(p)).collect(), ground.iter().map(|&p| to.apply(p)).collect());
    if points.len() == 4 {
        no_three_on_a_line(&from_points, "in the picture")?;
        no_three_on_a_line(&to_points, "on the road")?;
    }
    let scaled = solve(&from_points, &to_points)?;
    let mut matrix = product(to.inverse(), product(scaled, from.matrix()));
    let depth = |matrix: &[f64; 9], [x, y]: [f64; 2]| matrix[6] * x + matrix[7] * y + matrix[8];
    let depths: Vec<_> = seen.iter().map(|&p| depth(&matrix, p)).collect();
    let deepest = depths.iter().fold(0.0f64, |most, d| most.max(d.abs()));
    if let Some(at) = depths.iter().position(|d| d.abs() <= HORIZON * deepest) {
        return Err(CalibrationError::AtTheHorizon(at + 1));
    }
    if let Some(other) = depths.iter().position(|d| d.signum() != depths[0].signum()) {
        return Err(CalibrationError::AcrossTheHorizon(1, other + 1));
    }
    // The road has w > 0; the scale is free.
    let scale = depths[0].signum() / deepest;
    matrix = matrix.map(|value| value * scale);
    let plane = GroundPlane { matrix };
    let mut distances = Vec::with_capacity(points.len());
    for (i, (p, g)) in points.iter().enumerate() {
        let found = plane.to_ground(*p).ok_or(CalibrationError::AtTheHorizon(i + 1))?;
        distances.push(found.distance_m(*g));
    }
    let error_m = (distances.iter().map(|d| d * d).sum::<f64>() / distances.len() as f64).sqrt();
    let worst = distances.iter().copied().enumerate().fold((0, 0.0), |worst, next| if next.1 > worst.1 { next } else { worst });
    Ok(Calibration { plane, error_m, worst: (worst.0 + 1, worst.1) })
}

/// Moves points to the origin and to a mean distance of √2 from it.
#[derive(Debug, Clone, Copy)]
struct Scaling {
    centre: [f64; 2],
    factor: f64,
}

impl Scaling {
    fn of(points: &[[f64; 2]]) -> Result<Self, CalibrationError> {
        let count = points.len() as f64;
        let centre = [0, 1].map(|axis: usize| points.iter().map(|p| p[axis]).sum::<f64>() / count);
        let distance = points.iter().map(|p| (p[0] - centre[0]).hypot(p[1] - centre[1])).sum::<f64>() / count;
        if distance > 1e-9 { Ok(Self { centre, factor: 2f64.sqrt() / distance }) } else { Err(CalibrationError::Degenerate) }
    }

    fn apply(self, [x, y]: [f64; 2]) -> [f64; 2] {
        [(x - self.centre[0]) * self.factor, (y - self.centre[1]) * self.factor]
    }

    fn matrix(self) -> [f64; 9] {
        let Self { centre: [x, y], factor: f } = self;
        [f, 0.0, -f * x, 0.0, f, -f * y, 0.0, 0.0, 1.0]
    }

    fn inverse(self) -> [f64; 9] {
        let Self { centre: [x, y], factor: f } = self;
        [1.0 / f, 0.0, x, 0.0, 1.0 / f, y, 0.0, 0.0, 1.0]
    }
}

fn no_three_on_a_line(points: &[[f64; 2]], place: &'static str) -> Result<(), CalibrationError> {
    for (a, b, c) in [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)] {
        let [p, q, r] = [a, b, c].map(|i: usize| points[i]);
        let turn = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
        if turn.abs() < LINE {
            return Err(CalibrationError::OnOneLine(a + 1, b + 1, c + 1, place));
        }
    }
    Ok(())
}

/// The direct linear transform: two equations a point, the solution is the direction that they leave.
fn solve(from: &[[f64; 2]], to: &[[f64; 2]]) -> Result<[f64; 9], CalibrationError> {
    let mut equations: Vec<[f64; 9]> = Vec::with_capacity(2 * from.len());
    for (&[x, y], &[u, v]) in from.iter().zip(to) {
        equations.push([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, -u]);
        equations.push([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, -v]);
    }
    let equations = Mat::from_slice_2d(&equations)?;
    let (mut values, mut left, mut right) = (Mat::default(), Mat::default(), Mat::default());
    SVD::compute_ext(&equations, &mut values, &mut left, &mut right, core::SVD_FULL_UV)?;
    let values = values.data_typed::<f64>()?;
    if values.len() < 8 || values[7] < RANK * values[0] {
        return Err(CalibrationError::Degenerate);
    }
    let mut solution = [0.0; 9];
    solution.copy_from_slice(right.at_row::<f64>(8)?);
    Ok(solution)
}

fn product(a: [f64; 9], b: [f64; 9]) -> [f64; 9] {
    std::array::from_fn(|i| (0..3).map(|k| a[i / 3 * 3 + k] * b[k * 3 + i % 3]).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(x: f32, y: f32, x_m: f64, y_m: f64) -> (NormPoint, GroundPoint) {
        (NormPoint::clamped(x, y), GroundPoint { x_m, y_m })
    }

    /// A lane, 3.5 m wide and 20 m long, as a camera over it sees it.
    fn lane() -> Vec<(NormPoint, GroundPoint)> {
        vec![point(0.2, 0.9, 0.0, 0.0), point(0.8, 0.9, 3.5, 0.0), point(0.6, 0.4, 3.5, 20.0), point(0.4, 0.4, 0.0, 20.0)]
    }

    #[test]
    fn four_points_are_where_they_were_measured() {
        let calibration = calibrate(&lane()).unwrap();
        assert!(calibration.error_m < 1e-6, "{calibration:?}");
        let middle = calibration.plane.to_ground(NormPoint::clamped(0.5, 0.9)).unwrap();
        assert!((middle.x_m - 1.75).abs() < 1e-6 && middle.y_m.abs() < 1e-6);
        // Lines that are parallel on the road meet at the horizon: y = 0.4 - (0.9 - 0.4) / 2 = 0.15.
        assert_eq!(calibration.plane.to_ground(NormPoint::clamped(0.5, 0.14)), None);
        assert!(calibration.plane.to_ground(NormPoint::clamped(0.5, 0.16)).unwrap().y_m > 100.0);
    }

    #[test]
    fn the_order_around_the_area_does_not_matter() {
        let mut points = lane();
        points.reverse();
        let there = calibrate(&points).unwrap().plane.to_ground(NormPoint::clamped(0.5, 0.6)).unwrap();
        let here = calibrate(&lane()).unwrap().plane.to_ground(NormPoint::clamped(0.5, 0.6)).unwrap();
        assert!(here.distance_m(there) < 1e-6);
    }

    #[test]
    fn more_points_are_averaged_and_the_worst_is_named() {
        let mut points = lane();
        let plane = calibrate(&points).unwrap().plane;
        for (x, y) in [(0.3, 0.8), (0.5, 0.5), (0.6, 0.7)] {
            let p = NormPoint::clamped(x, y);
            points.push((p, plane.to_ground(p).unwrap()));
        }
        assert!(calibrate(&points).unwrap().error_m < 1e-4);
        points[5].1.y_m += 3.0;
        let calibration = calibrate(&points).unwrap();
        assert_eq!(calibration.worst.0, 6);
        assert!((0.3..3.0).contains(&calibration.error_m), "{calibration:?}");
    }

    #[test]
    fn what_makes_no_plane_is_refused_with_its_reason() {
        let check = |points: &[(NormPoint, GroundPoint)], says: &str| {
            assert_eq!(calibrate(points).unwrap_err().to_string(), says);
        };
        let mut points = lane();
        check(&points[..3], "a calibration needs at least 4 points, 3 were given");
        points[1].0 = NormPoint::clamped(0.3, 0.65);
        check(
            &points,
            "points 1, 2 and 4 lie on one line in the picture; take the corners of an area, such as a stretch of lane",
        );
        points = lane();
        points[2].1 = GroundPoint { x_m: 7.0, y_m: 0.0 };
        check(&points, "points 1, 2 and 3 lie on one line on the road; take the corners of an area, such as a stretch of lane");
        points = lane();
        (points[0].1, points[1].1) = (points[1].1, points[0].1);
        check(&points, "points 1 and 3 would lie on different sides of the horizon: is one of them, or their order, mixed up?");
        points = lane();
        points[3].1.y_m = f64::NAN;
        check(&points, "point 4 has no finite place on the road");
        let same = vec![lane()[0]; 5];
        check(
            &same,
            "the points leave the plane open: they lie on one line, or several at one place; take the corners of an area",
        );
        let line: Vec<_> = (0..6).map(|i| point(0.1 * i as f32, 0.1 * i as f32, f64::from(i), f64::from(i))).collect();
        check(
            &line,
            "the points leave the plane open: they lie on one line, or several at one place; take the corners of an area",
        );
    }

    #[test]
    fn a_point_at_the_horizon_is_refused() {
        let mut points = lane();
        let far = NormPoint::clamped(0.7, 0.1502);
        points.push((far, calibrate(&points).unwrap().plane.to_ground(far).unwrap()));
        assert!(matches!(calibrate(&points), Err(CalibrationError::AtTheHorizon(5))), "{:?}", calibrate(&points));
    }

    proptest! {
        #[test]
        fn any_view_of_a_road_is_found_again(
            (height_m, tilt, yaw) in (3.0f64..15.0, 0.2f64..0.9, -0.5f64..0.5), places in prop::collection::vec((-6.0f64..6.0, 12.0f64..40.0), 6),
        ) {
            // A pinhole camera at `height_m`, looking down by `tilt` and sideways by `yaw` (radians); x to the right, y ahead.
            let project = |x: f64, y: f64| {
                let (x, y) = (x * yaw.cos() - y * yaw.sin(), x * yaw.sin() + y * yaw.cos());
                let depth = y * tilt.cos() + height_m * tilt.sin();
                let down = height_m * tilt.cos() - y * tilt.sin();
                ((x / depth * 0.8 + 0.5) as f32, (down / depth * 0.8 + 0.5) as f32)
            };
            let corners = [(-4.0, 10.0), (4.0, 10.0), (4.0, 30.0), (-4.0, 30.0)];
            let points: Vec<_> = corners.into_iter().map(|(x, y)| { let (px, py) = project(x, y); point(px, py, x, y) }).collect();
            prop_assume!(points.iter().all(|(p, _)| (0.001..0.999).contains(&p.x) && (0.001..0.999).contains(&p.y)));
            let plane = calibrate(&points).unwrap().plane;
            for (x, y) in places {
                let (px, py) = project(x, y);
                if (0.0..1.0).contains(&px) && (0.0..1.0).contains(&py) {
                    let found = plane.to_ground(NormPoint::clamped(px, py)).unwrap();
                    prop_assert!(found.distance_m(GroundPoint { x_m: x, y_m: y }) < 0.05, "{found:?} for {x}, {y}");
                }
            }
        }
    }
}
