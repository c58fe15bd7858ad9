//! The camera's pose and the way between the picture and the street. A camera has no roll, so a row of the picture has one depth on the ground.

use crate::geom::{V3, v3};

/// A pinhole camera on its pole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    /// Picture size in pixels.
    pub width: usize,
    pub height: usize,
    /// Focal length in pixels.
    pub focal: f32,
    pub eye: V3,
    pub forward: V3,
    pub right: V3,
    pub up: V3,
}

impl View {
    /// `pitch` looks down, `yaw` looks right; radians. `hfov` is the horizontal angle of view.
    pub fn new(size: (usize, usize), eye: V3, yaw: f32, pitch: f32, hfov: f32) -> Self {
        let forward = v3(yaw.sin() * pitch.cos(), yaw.cos() * pitch.cos(), -pitch.sin());
        let right = v3(yaw.cos(), -yaw.sin(), 0.0);
        let up = right.cross(forward);
        Self { width: size.0, height: size.1, focal: size.0 as f32 / 2.0 / (hfov / 2.0).tan(), eye, forward, right, up }
    }
    /// Picture position and depth along the optical axis.
    pub fn project(&self, p: V3) -> (f32, f32, f32) {
        let d = p - self.eye;
        let z = d.dot(self.forward);
        let k = self.focal / z;
        (self.width as f32 / 2.0 + d.dot(self.right) * k, self.height as f32 / 2.0 - d.dot(self.up) * k, z)
    }
    /// The ray through a picture position, its length along the optical axis being 1.
    pub fn ray(&self, u: f32, v: f32) -> V3 {
        self.forward
            + self.right * ((u - self.width as f32 / 2.0) / self.focal)
            + self.up * ((self.height as f32 / 2.0 - v) / self.focal)
    }
    /// How fast a ray through row `v` falls, per metre of depth.
    pub fn fall(&self, v: f32) -> f32 {
        self.forward.z + self.up.z * (self.height as f32 / 2.0 - v) / self.focal
    }
    /// Depth of the horizontal plane at height `z` seen in row `v`; infinite above the horizon.
    pub fn plane_depth(&self, v: f32, z: f32) -> f32 {
        let fall = self.fall(v);
        if fall < -1e-5 { (z - self.eye.z) / fall } else { f32::INFINITY }
    }
    /// The row of the horizon.
    pub fn horizon(&self) -> f32 {
        self.height as f32 / 2.0 + self.focal * self.forward.z / self.up.z
    }
    /// The same camera with `k` times the pixels.
    pub fn scaled(&self, k: usize) -> Self {
        Self { width: self.width * k, height: self.height * k, focal: self.focal * k as f32, ..self.clone() }
    }
}
