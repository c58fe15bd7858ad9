//! What a surveyor would measure on a street that floods: places in the picture and how high each lies above the lowest gutter.

use serde::{Deserialize, Serialize};

use crate::camera::CameraSim;
use crate::geom::v3;

/// A place of known height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Surveyed {
    /// Share of the picture's width and height.
    pub image: [f32; 2],
    /// Height of water at the gutter from which on it is under water, cm.
    pub height_cm: f32,
    /// What it lies on: `road`, `kerb` or `staff` (a wall).
    pub on: &'static str,
}

/// How far ahead of the nearest visible road a surveyor goes, metres.
const REACH_M: f32 = 14.0;
/// Heights that are marked on walls.
const STAFF_CM: [f32; 5] = [20.0, 25.0, 30.0, 40.0, 50.0];

impl CameraSim {
    /// Marks on the road, its kerbs and the walls beside it, as near to the camera as they can be seen.
    pub fn survey(&self) -> Vec<Surveyed> {
        let (view, street, flood) = self.surveyed();
        let (w, h) = (view.width as f32, view.height as f32);
        let pixel = |u: f32, v: f32| {
            ((0.02 * w..0.98 * w).contains(&u) && (0.02 * h..0.97 * h).contains(&v)).then(|| v as usize * view.width + u as usize)
        };
        let mut out = Vec::new();
        let near = (0..80).map(|i| 3.0 + i as f32 * 0.25).find(|y| view.project(v3(0.0, *y, 0.0)).1 < 0.95 * h).unwrap_or(9.0);
        for side in [-1.0f32, 1.0] {
            let edge = street.edge(side);
            for (x, on) in [
                (edge * 0.02, "road"),
                (edge * 0.5, "road"),
                (edge * 0.75, "road"),
                (edge - 0.25, "road"),
                (edge + 0.5, "kerb"),
                (edge + 1.2, "kerb"),
            ] {
                for ahead in [1.0, 4.0] {
                    let (u, v, _) = view.project(v3(side * x, near + ahead, 0.0));
                    if let Some(i) = pixel(u, v).filter(|i| flood.height_cm(*i) < 60) {
                        out.push(Surveyed { image: [u / w, v / h], height_cm: f32::from(flood.height_cm(i)) + 0.5, on });
                    }
                }
            }
            // The nearest wall that stands where it is seen.
            let wall = |y: f32, z: f32| {
                let x = side * (edge + street.pavement_m);
                let (u, v, depth) = view.project(v3(x, y, z));
                pixel(u, v).filter(|i| (self.seen_depth_m(*i) - depth).abs() < 0.25).map(|_| [u / w, v / h])
            };
            let stands = |y: &f32| STAFF_CM.iter().all(|cm| wall(*y, cm / 100.0).is_some());
            let Some(y) = (0..(REACH_M * 4.0) as usize).map(|i| near + i as f32 * 0.25).find(stands) else { continue };
            out.extend(
                STAFF_CM
                    .into_iter()
                    .filter_map(|height_cm| Some(Surveyed { image: wall(y, height_cm / 100.0)?, height_cm, on: "staff" })),
            );
        }
        out
    }
}
