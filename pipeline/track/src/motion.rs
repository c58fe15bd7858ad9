//! Where an object is, how it moves, and how sure that is: four constant-velocity Kalman filters, for the centre and the size.
//!
//! Lengths are in thousandths of the picture's height, in both directions, so that neither the picture's shape nor its resolution
//! matters. What a filter assumes of an object (noise, speed, acceleration) is in multiples of the object's own size, so that near
//! and far objects are treated alike: a motorbike's box is about 2 m high wherever it is.

use matpho_scene::{NormBox, PictureSize};

/// Units that the picture is high.
const HEIGHT: f32 = 1000.0;

/// Standard deviation of a detected centre or side, in sizes: small detectors jitter by some 5 %.
const MEASURED: f32 = 0.06;

/// The same for very small boxes, in units: a pixel of the network's input is 1 to 3 units.
const MEASURED_LEAST: f32 = 1.5;

/// Standard deviation of the speed of an object that was just seen first, in sizes a second: 4 is some 30 km/h for a motorbike.
const SPEED: f32 = 4.0;

/// Square root of the spectral density of the acceleration, in sizes a second^1.5: hard braking, and perspective.
const ACCELERATION: f32 = 1.5;

/// The same for the sides of the box, which change by perspective and by what hides them.
const GROWTH: f32 = 0.4;

/// Speed of growth of an object that was just seen first, in sizes a second.
const GROWTH_SPEED: f32 = 0.5;

/// How far a standing object may creep unseen: sizes a square root of a second.
const RESTING: f32 = 0.1;

/// A box as centre and sides, in units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Shape {
    pub fn of(bbox: NormBox, picture: PictureSize) -> Self {
        let wide = HEIGHT * picture.aspect();
        Self {
            x: (bbox.x1() + bbox.x2()) / 2.0 * wide,
            y: (bbox.y1() + bbox.y2()) / 2.0 * HEIGHT,
            width: bbox.width() * wide,
            height: bbox.height() * HEIGHT,
        }
    }

    /// The part of the box that lies in the picture; `None` where its middle does not.
    pub fn to_box(self, picture: PictureSize) -> Option<NormBox> {
        let wide = HEIGHT * picture.aspect();
        let inside = (0.0..=wide).contains(&self.x) && (0.0..=HEIGHT).contains(&self.y);
        let (w, h) = (self.width / 2.0, self.height / 2.0);
        let bbox = NormBox::clipped((self.x - w) / wide, (self.y - h) / HEIGHT, (self.x + w) / wide, (self.y + h) / HEIGHT);
        bbox.filter(|_| inside)
    }

    /// One number for how large it is, in units; never 0.
    pub fn size(self) -> f32 {
        (self.width * self.height).sqrt().max(1.0)
    }

    /// Intersection over union.
    pub fn iou(self, other: Self) -> f32 {
        let overlap = |a: f32, a_side: f32, b: f32, b_side: f32| {
            let (low, high) = ((a - a_side / 2.0).max(b - b_side / 2.0), (a + a_side / 2.0).min(b + b_side / 2.0));
            (high - low).max(0.0)
        };
        let both = overlap(self.x, self.width, other.x, other.width) * overlap(self.y, self.height, other.y, other.height);
        let either = self.width * self.height + other.width * other.height - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// One quantity and its speed, with their covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    at: f32,
    speed: f32,
    /// Variance of `at`, covariance, variance of `speed`.
    variance: [f32; 3],
}

impl Axis {
    fn new(at: f32, speed: f32, at_sigma: f32, speed_sigma: f32) -> Self {
        Self { at, speed, variance: [at_sigma.powi(2), 0.0, speed_sigma.powi(2)] }
    }

    /// `density` is that of the acceleration's noise. The discrete covariance is that of continuous white noise: Bar-Shalom et al.,
    /// Estimation with Applications to Tracking and Navigation, 6.2.2.
    fn predict(&mut self, dt: f32, density: f32) {
        let [p, c, v] = self.variance;
        self.at += self.speed * dt;
        let p = p + dt * (2.0 * c + dt * v) + density * dt.powi(3) / 3.0;
        let c = c + dt * v + density * dt.powi(2) / 2.0;
        self.variance = [p, c, v + density * dt];
    }

    fn update(&mut self, measured: f32, noise: f32) {
        let [p, c, v] = self.variance;
        let total = p + noise;
        let (gain_at, gain_speed) = (p / total, c / total);
        let surprise = measured - self.at;
        self.at += gain_at * surprise;
        self.speed += gain_speed * surprise;
        self.variance = [p * (1.0 - gain_at), c * (1.0 - gain_at), v - gain_speed * c];
    }
}

/// An object's place, size and movement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    x: Axis,
    y: Axis,
    width: Axis,
    height: Axis,
}

/// How well a detection fits a prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Squared distance of the centres, in standard deviations (two degrees of freedom).
    pub distance: f32,
    /// Logarithm of the determinant of the distance's covariance, in sizes: what a vague prediction pays for fitting everything.
    pub vagueness: f32,
}

impl Motion {
    /// An object that was just seen first and moves, as far as is known, by `flow` sizes a second.
    pub fn new(seen: Shape, flow: (f32, f32)) -> Self {
        let size = seen.size();
        let noise = noise(size);
        Self {
            x: Axis::new(seen.x, flow.0 * size, noise, SPEED * size),
            y: Axis::new(seen.y, flow.1 * size, noise, SPEED * size),
            width: Axis::new(seen.width, 0.0, noise, GROWTH_SPEED * size),
            height: Axis::new(seen.height, 0.0, noise, GROWTH_SPEED * size),
        }
    }

    /// Where it is by now.
    pub fn shape(&self) -> Shape {
        Shape { x: self.x.at, y: self.y.at, width: self.width.at.max(1e-3), height: self.height.at.max(1e-3) }
    }

    /// Its speed in sizes a second, to the right and downwards.
    pub fn flow(&self) -> (f32, f32) {
        let size = self.shape().size();
        (self.x.speed / size, self.y.speed / size)
    }

    /// Lets time go by.
    pub fn predict(&mut self, dt_s: f32) {
        let size = self.shape().size();
        let (moving, growing) = ((ACCELERATION * size).powi(2), (GROWTH * size).powi(2));
        self.x.predict(dt_s, moving);
        self.y.predict(dt_s, moving);
        self.width.predict(dt_s, growing);
        self.height.predict(dt_s, growing);
    }

    /// Lets time go by for an object that stands: it stays, with a little more doubt.
    pub fn rest(&mut self, dt_s: f32) {
        let doubt = (RESTING * self.shape().size()).powi(2) * dt_s;
        for axis in [&mut self.x, &mut self.y] {
            axis.speed = 0.0;
            axis.variance[0] += doubt;
        }
    }

    /// Sees the object.
    pub fn update(&mut self, seen: Shape) {
        let noise = noise(seen.size()).powi(2);
        self.x.update(seen.x, noise);
        self.y.update(seen.y, noise);
        self.width.update(seen.width, noise);
        self.height.update(seen.height, noise);
    }

    /// How well a detection fits.
    pub fn fit(&self, seen: Shape) -> Fit {
        let size = seen.size();
        let noise = noise(size).powi(2);
        let (x, y) = (self.x.variance[0] + noise, self.y.variance[0] + noise);
        Fit {
            distance: (seen.x - self.x.at).powi(2) / x + (seen.y - self.y.at).powi(2) / y,
            vagueness: (x / (size * size)).ln() + (y / (size * size)).ln(),
        }
    }
}

fn noise(size: f32) -> f32 {
    (MEASURED * size).max(MEASURED_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(x: f32, y: f32) -> Shape {
        Shape { x, y, width: 40.0, height: 60.0 }
    }

    #[test]
    fn a_steady_speed_is_learnt_whatever_the_frame_rate() {
        for gaps in [[0.1f32; 12], [0.2; 12], [0.5; 12], [0.1, 0.5, 0.2, 0.9, 0.1, 0.1, 0.3, 0.1, 0.5, 0.2, 0.1, 0.4]] {
            let mut motion = Motion::new(shape(100.0, 100.0), (0.0, 0.0));
            let mut t = 0.0;
            for dt in gaps {
                t += dt;
                motion.predict(dt);
                motion.update(shape(100.0 + 80.0 * t, 100.0 - 20.0 * t));
            }
            let size = shape(0.0, 0.0).size();
            let (vx, vy) = motion.flow();
            assert!((vx * size - 80.0).abs() < 4.0 && (vy * size + 20.0).abs() < 4.0, "{gaps:?}: {vx} {vy}");
        }
    }

    #[test]
    fn doubt_grows_with_time_and_shrinks_by_seeing() {
        let mut motion = Motion::new(shape(100.0, 100.0), (0.0, 0.0));
        let fresh = motion.fit(shape(100.0, 100.0)).vagueness;
        motion.predict(0.5);
        let waited = motion.fit(shape(100.0, 100.0)).vagueness;
        motion.update(shape(100.0, 100.0));
        let seen = motion.fit(shape(100.0, 100.0)).vagueness;
        assert!(fresh < waited && seen < waited, "{fresh} {waited} {seen}");
    }

    #[test]
    fn a_box_goes_there_and_back() {
        let picture = PictureSize { width: 1920, height: 1080 };
        let bbox = NormBox::new(0.25, 0.5, 0.5, 0.75).unwrap();
        let back = Shape::of(bbox, picture).to_box(picture).unwrap();
        assert!(back.iou(bbox) > 0.9999);
        let gone = Shape { x: -1.0, ..Shape::of(bbox, picture) };
        assert_eq!(gone.to_box(picture), None);
    }
}
