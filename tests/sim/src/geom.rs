//! Vectors, hashes and value noise: the arithmetic everything drawn here shares.
//!
//! World axes: x to the right across the street, y along it away from the camera, z up; metres.

use std::ops::{Add, Mul, Neg, Sub};

/// A point or direction in metres.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct V3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

pub(crate) const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

impl V3 {
    pub fn dot(self, o: V3) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }
    pub fn cross(self, o: V3) -> V3 {
        v3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }
    pub fn len(self) -> f32 {
        self.dot(self).sqrt()
    }
    pub fn unit(self) -> V3 {
        self * (1.0 / self.len().max(1e-9))
    }
    /// Turned about the vertical axis: `heading` 0 keeps +y ahead, positive turns towards -x.
    pub fn turned(self, sin: f32, cos: f32) -> V3 {
        v3(self.x * cos - self.y * sin, self.x * sin + self.y * cos, self.z)
    }
}

impl Add for V3 {
    type Output = V3;
    fn add(self, o: V3) -> V3 {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}
impl Sub for V3 {
    type Output = V3;
    fn sub(self, o: V3) -> V3 {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}
impl Mul<f32> for V3 {
    type Output = V3;
    fn mul(self, k: f32) -> V3 {
        v3(self.x * k, self.y * k, self.z * k)
    }
}
impl Neg for V3 {
    type Output = V3;
    fn neg(self) -> V3 {
        v3(-self.x, -self.y, -self.z)
    }
}

/// A colour in display space, 0..1 a channel. Light is added up in display space too: cheap, and what a CCTV picture does to it anyway.
pub(crate) type Rgb = [f32; 3];

pub(crate) fn mix3(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)]
}
pub(crate) fn mul3(a: Rgb, b: Rgb) -> Rgb {
    [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}
pub(crate) fn scale3(a: Rgb, k: f32) -> Rgb {
    [a[0] * k, a[1] * k, a[2] * k]
}
pub(crate) fn add3(a: Rgb, b: Rgb) -> Rgb {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}
pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}
/// Cubic step from 0 at `a` to 1 at `b`.
pub(crate) fn smooth(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A well-mixed 32-bit hash (Wellons' lowbias32): the only source of chance in pictures, so that a seed fixes every pixel.
pub(crate) fn hash(mut n: u32) -> u32 {
    n ^= n >> 16;
    n = n.wrapping_mul(0x7feb_352d);
    n ^= n >> 15;
    n = n.wrapping_mul(0x846c_a68b);
    n ^ (n >> 16)
}
/// `hash` as a number in 0..1.
pub(crate) fn rnd(n: u32) -> f32 {
    (hash(n) >> 8) as f32 / (1u32 << 24) as f32
}

/// A stream of chance by counter; two streams of different seeds share nothing.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u32,
}
impl Dice {
    pub fn new(seed: u32) -> Self {
        Self { state: hash(seed ^ 0x9e37_79b9) }
    }
    pub fn bits(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9);
        hash(self.state)
    }
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / (1u32 << 24) as f32
    }
    pub fn range(&mut self, a: f32, b: f32) -> f32 {
        mix(a, b, self.unit())
    }
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() as usize) % n.max(1)
    }
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    rnd((x as u32).wrapping_mul(0x8da6_b343) ^ (y as u32).wrapping_mul(0xd816_3841) ^ seed)
}
/// Value noise, 0..1, one lump a unit.
pub(crate) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (u, v) = (x - fx, y - fy);
    let (u, v) = (u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v));
    let a = mix(lattice(ix, iy, seed), lattice(ix.wrapping_add(1), iy, seed), u);
    let b = mix(lattice(ix, iy.wrapping_add(1), seed), lattice(ix.wrapping_add(1), iy.wrapping_add(1), seed), u);
    mix(a, b, v)
}
/// Noise of `octaves` halving lumps, 0..1.
pub(crate) fn fbm(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut k, mut total) = (0.0, 0.5, 1.0, 0.0);
    for o in 0..octaves {
        sum += weight * noise(x * k, y * k, seed.wrapping_add(o * 0x51ed));
        total += weight;
        weight *= 0.5;
        k *= 2.03;
    }
    sum / total
}
