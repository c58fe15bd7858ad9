//! Measured points from road marks; the plane of the road drawn back into the picture; what an unsteady hand costs.

use matpho_scene::{GroundPlane, GroundPoint, NormPoint, PictureSize};

/// Why marks make no points.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MarksError {
    /// A width or period that is none.
    #[error("{0} m is no length above 0")]
    Length(f64),
    /// Too few marks.
    #[error("{0} marks on the left and {1} on the right: at least 2 on each side are needed")]
    TooFew(usize, usize),
}

/// Measured points from the marks of one lane: the n-th mark of a side lies `n` periods along the road, the right side `lane_width_m` to the right of
/// the left one. `left` and `right` name the same end of consecutive dashes, in the order of the road, the first ones straight across from each other.
pub fn lane_marks(
    lane_width_m: f64,
    period_m: f64,
    left: &[NormPoint],
    right: &[NormPoint],
) -> Result<Vec<(NormPoint, GroundPoint)>, MarksError> {
    if let Some(&odd) = [lane_width_m, period_m].iter().find(|length| !(length.is_finite() && **length > 0.0)) {
        return Err(MarksError::Length(odd));
    }
    if left.len() < 2 || right.len() < 2 {
        return Err(MarksError::TooFew(left.len(), right.len()));
    }
    let side = |marks: &[NormPoint], x_m: f64| {
        marks.iter().enumerate().map(|(n, &p)| (p, GroundPoint { x_m, y_m: n as f64 * period_m })).collect::<Vec<_>>()
    };
    Ok([side(left, 0.0), side(right, lane_width_m)].concat())
}

/// A plane of the road that can be looked at both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    ground: GroundPlane,
    back: [f64; 9],
}

impl Plane {
    /// `None` where the plane cannot be turned round: it was not made by a calibration.
    pub fn new(ground: GroundPlane) -> Option<Self> {
        let m = &ground.matrix;
        let minor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[d] - m[b] * m[c];
        let adjugate = [
            minor(4, 5, 7, 8),
            -minor(1, 2, 7, 8),
            minor(1, 2, 4, 5),
            -minor(3, 5, 6, 8),
            minor(0, 2, 6, 8),
            -minor(0, 2, 3, 5),
            minor(3, 4, 6, 7),
            -minor(0, 1, 6, 7),
            minor(0, 1, 3, 4),
        ];
        let determinant = m[0] * adjugate[0] + m[1] * adjugate[3] + m[2] * adjugate[6];
        (determinant.is_finite() && determinant.abs() > 1e-15).then(|| Self { ground, back: adjugate.map(|v| v / determinant) })
    }

    /// From the picture to metres.
    pub fn ground(&self) -> GroundPlane {
        self.ground
    }

    /// Where a point of the road is seen, in normalised coordinates, maybe outside of the picture; `None` where it lies behind the camera.
    pub fn to_picture(&self, p: GroundPoint) -> Option<(f64, f64)> {
        let m = &self.back;
        let w = m[6] * p.x_m + m[7] * p.y_m + m[8];
        // The point is seen where going there and back keeps the sign: the road has w > 0 there, and 1 / w here.
        (w > 1e-12).then(|| ((m[0] * p.x_m + m[1] * p.y_m + m[2]) / w, (m[3] * p.x_m + m[4] * p.y_m + m[5]) / w))
    }

    /// How far off, in pixels, the points are seen from where they were clicked: root mean square, and the worst one's number, from 1, and distance.
    pub fn reprojection_px(&self, points: &[(NormPoint, GroundPoint)], size: PictureSize) -> (f64, (usize, f64)) {
        let off: Vec<f64> = points
            .iter()
            .map(|(p, g)| {
                self.to_picture(*g).map_or(f64::INFINITY, |(x, y)| {
                    ((x - f64::from(p.x)) * f64::from(size.width)).hypot((y - f64::from(p.y)) * f64::from(size.height))
                })
            })
            .collect();
        let rms = (off.iter().map(|d| d * d).sum::<f64>() / off.len().max(1) as f64).sqrt();
        let worst = off.iter().enumerate().fold((1, 0.0), |worst, (n, &d)| if d > worst.1 { (n + 1, d) } else { worst });
        (rms, worst)
    }

    /// Lines of a grid with `step_m` between them over the points' area and a margin, each as the points of the picture that it passes (at least two).
    pub fn grid(&self, points: &[(NormPoint, GroundPoint)], step_m: f64, margin_m: f64) -> Vec<GridLine> {
        /// Lines bend nowhere, but the picture's edge and the horizon cut them: they are walked in pieces.
        const PIECES: u32 = 200;
        let side = |pick: fn(&GroundPoint) -> f64| {
            let values = points.iter().map(|(_, g)| pick(g));
            let low = values.clone().fold(f64::INFINITY, f64::min) - margin_m;
            let high = values.fold(f64::NEG_INFINITY, f64::max) + margin_m;
            ((low / step_m).floor() as i64, (high / step_m).ceil() as i64)
        };
        let (columns, rows) = (side(|g| g.x_m), side(|g| g.y_m));
        let walk = |from: GroundPoint, to: GroundPoint| -> Vec<NormPoint> {
            let at = |n: u32| {
                let t = f64::from(n) / f64::from(PIECES);
                let p = GroundPoint { x_m: from.x_m + (to.x_m - from.x_m) * t, y_m: from.y_m + (to.y_m - from.y_m) * t };
                let (x, y) = self.to_picture(p)?;
                NormPoint::new(x as f32, y as f32).ok()
            };
            (0..=PIECES).filter_map(at).collect()
        };
        let line = |along_x: bool, n: i64| {
            let at = n as f64 * step_m;
            let (from, to) = if along_x { (columns.0, columns.1) } else { (rows.0, rows.1) };
            let (from, to) = (from as f64 * step_m, to as f64 * step_m);
            let end = |v: f64| if along_x { GroundPoint { x_m: v, y_m: at } } else { GroundPoint { x_m: at, y_m: v } };
            GridLine { along_x, at_m: at, points: walk(end(from), end(to)) }
        };
        let lines = (columns.0..=columns.1).map(|n| line(false, n)).chain((rows.0..=rows.1).map(|n| line(true, n)));
        lines.filter(|line| line.points.len() >= 2).collect()
    }
}

/// A line of the grid in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct GridLine {
    /// It runs along the first axis, and `at_m` is on the second; else the other way round.
    pub along_x: bool,
    /// Where it lies.
    pub at_m: f64,
    /// Where it is seen, in order.
    pub points: Vec<NormPoint>,
}

/// What a click that is a little off costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClickError {
    /// The longest way that any of the measured points moves on the road, in metres, and its number, from 1.
    pub worst: (usize, f64),
    /// The largest change of the length between any two measured points, as a share of it.
    pub length_share: f64,
}

/// What happens where each point in turn was clicked `off_px` beside where it is. With exactly four points the plane always fits them, whatever was
/// clicked: this tells how far it is to be trusted all the same. `solve` makes a plane of points; `None` where a misclick makes the points no plane.
pub fn click_error(
    points: &[(NormPoint, GroundPoint)],
    size: PictureSize,
    off_px: f32,
    solve: impl Fn(&[(NormPoint, GroundPoint)]) -> Option<GroundPlane>,
) -> Option<ClickError> {
    let (dx, dy) = (off_px / size.width as f32, off_px / size.height as f32);
    let mut error = ClickError { worst: (1, 0.0), length_share: 0.0 };
    for moved in 0..points.len() {
        for (sx, sy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
            let mut clicked = points.to_vec();
            clicked[moved].0 = NormPoint::clamped(clicked[moved].0.x + sx * dx, clicked[moved].0.y + sy * dy);
            let plane = solve(&clicked)?;
            let seen: Vec<GroundPoint> = points.iter().map(|(p, _)| plane.to_ground(*p)).collect::<Option<_>>()?;
            for (n, (found, (_, right))) in seen.iter().zip(points).enumerate() {
                let off = found.distance_m(*right);
                if off > error.worst.1 {
                    error.worst = (n + 1, off);
                }
            }
            for a in 0..points.len() {
                for b in 0..a {
                    let right = points[a].1.distance_m(points[b].1);
                    let share = (seen[a].distance_m(seen[b]) - right).abs() / right.max(1e-6);
                    error.length_share = error.length_share.max(share);
                }
            }
        }
    }
    Some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: PictureSize = PictureSize { width: 1280, height: 720 };

    /// What a lane of 3.5 x 20 m looks like from above its near end: see `vision`'s tests for the same numbers.
    fn plane() -> GroundPlane {
        // x_m = 3.5 (x - 0.5) / (y - 0.15) * 0.75 / 0.6 + 1.75, written as a matrix with w = y - 0.15.
        let k = 3.5 * 0.75 / 0.6;
        GroundPlane { matrix: [k, 1.75, -0.5 * k - 0.2625, 0.0, -10.0, 9.0, 0.0, 1.0, -0.15] }
    }

    #[test]
    fn there_and_back_is_the_same_point() {
        let plane = Plane::new(plane()).unwrap();
        for (x, y) in [(0.2, 0.9), (0.5, 0.5), (0.9, 0.3)] {
            let there = plane.ground().to_ground(NormPoint::clamped(x, y)).unwrap();
            let (bx, by) = plane.to_picture(there).unwrap();
            assert!((bx - f64::from(x)).abs() < 1e-6 && (by - f64::from(y)).abs() < 1e-6, "{x} {y}: {bx} {by}");
        }
        assert_eq!(Plane::new(GroundPlane { matrix: [1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 0.0, 0.0, 1.0] }), None);
    }

    #[test]
    fn the_grid_lies_in_the_picture_and_runs_to_the_horizon_and_not_beyond() {
        let plane = Plane::new(plane()).unwrap();
        let points: Vec<_> = [(0.2, 0.9), (0.8, 0.9), (0.5, 0.4)]
            .map(|(x, y)| NormPoint::clamped(x, y))
            .map(|p| (p, plane.ground().to_ground(p).unwrap()))
            .to_vec();
        let lines = plane.grid(&points, 1.0, 5.0);
        assert!(lines.iter().any(|line| line.along_x) && lines.iter().any(|line| !line.along_x));
        for line in &lines {
            for p in &line.points {
                assert!(p.y > 0.15, "above the horizon: {p:?}");
                let g = plane.ground().to_ground(*p).unwrap();
                let at = if line.along_x { g.y_m } else { g.x_m };
                assert!((at - line.at_m).abs() < 0.01, "{line:?}");
            }
        }
        let (rms, worst) = plane.reprojection_px(&points, SIZE);
        assert!(rms < 0.01 && worst.1 < 0.01);
    }

    #[test]
    fn marks_are_a_period_apart() {
        let p = NormPoint::clamped;
        let points = lane_marks(3.5, 9.0, &[p(0.2, 0.9), p(0.4, 0.4)], &[p(0.8, 0.9), p(0.6, 0.4)]).unwrap();
        let ground: Vec<[f64; 2]> = points.iter().map(|(_, g)| (*g).into()).collect();
        assert_eq!(ground, [[0.0, 0.0], [0.0, 9.0], [3.5, 0.0], [3.5, 9.0]]);
        assert_eq!(lane_marks(3.5, 0.0, &[], &[]), Err(MarksError::Length(0.0)));
        assert_eq!(lane_marks(3.5, 9.0, &[p(0.2, 0.9)], &[]), Err(MarksError::TooFew(1, 0)));
    }

    #[test]
    fn a_hand_that_trembles_costs_more_far_away() {
        let truth = plane();
        let measured = |corners: &[(f32, f32)]| -> Vec<(NormPoint, GroundPoint)> {
            corners.iter().map(|&(x, y)| NormPoint::clamped(x, y)).map(|p| (p, truth.to_ground(p).unwrap())).collect()
        };
        // A stand-in for a solver: a plane through the clicked point moves as the click does.
        let first = measured(&[(0.2, 0.9), (0.8, 0.9), (0.6, 0.4), (0.4, 0.4)]);
        let solve = |points: &[(NormPoint, GroundPoint)]| {
            let shift = points.iter().zip(&first).map(|((a, _), (b, _))| f64::from(a.x - b.x)).sum::<f64>();
            let mut matrix = truth.matrix;
            (0..3).for_each(|row| matrix[row * 3 + 2] -= matrix[row * 3] * shift);
            Some(GroundPlane { matrix })
        };
        let error = click_error(&first, SIZE, 2.0, solve).unwrap();
        assert!(matches!(error.worst.0, 3 | 4), "a far corner: {error:?}");
        assert!((0.01..0.2).contains(&error.worst.1), "{error:?}");
        assert_eq!(click_error(&first, SIZE, 2.0, |_| None), None);
    }
}
