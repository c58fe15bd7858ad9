//! People: walking, and seated on two wheels.

use super::DARK;
use crate::geom::{Rgb, V3, v3};
use crate::render::mesh::{Mat, Mesh};

type Body = (Mesh, Vec<V3>, Vec<V3>);

const SKIN: Mat = Mat::Solid([0.62, 0.46, 0.36], 0.05);
const HAIR: Mat = Mat::Solid([0.07, 0.06, 0.06], 0.1);

/// Where a person's joints are, in the model's metres; index 0 is left.
pub(super) struct Pose {
    pub hip: V3,
    pub neck: V3,
    pub head: V3,
    pub knees: [V3; 2],
    pub feet: [V3; 2],
    pub elbows: [V3; 2],
    pub hands: [V3; 2],
    pub shirt: Mat,
    pub trousers: Mat,
    pub helmet: Option<Rgb>,
}

pub(super) fn add(m: &mut Mesh, p: &Pose) {
    const SIDES: usize = 7;
    // The trunk: three ellipsoids make hips, belly and shoulders without a seam that a street camera could see.
    let mid = (p.hip + p.neck) * 0.5;
    m.ellipsoid(p.hip, v3(0.175, 0.15, 0.16), (-1., 1.), p.trousers);
    m.ellipsoid(mid, v3(0.17, 0.135, 0.27), (-1., 1.), p.shirt);
    m.ellipsoid(p.neck + v3(0., 0., -0.1), v3(0.215, 0.13, 0.15), (-1., 1.), p.shirt);
    for (i, s) in [-1.0f32, 1.0].into_iter().enumerate() {
        let thigh = p.hip + v3(s * 0.09, 0., -0.02);
        m.capsule(thigh, p.knees[i], (0.095, 0.07), SIDES, p.trousers);
        m.capsule(p.knees[i], p.feet[i], (0.068, 0.048), SIDES, p.trousers);
        m.ellipsoid(p.feet[i] + v3(0., 0.07, -0.04), v3(0.05, 0.13, 0.05), (-1., 1.), DARK);
        let shoulder = p.neck + v3(s * 0.2, 0., -0.06);
        m.capsule(shoulder, p.elbows[i], (0.062, 0.048), SIDES, p.shirt);
        m.capsule(p.elbows[i], p.hands[i], (0.046, 0.036), SIDES, SKIN);
    }
    m.capsule(p.neck, p.head, (0.06, 0.06), SIDES, SKIN);
    m.ellipsoid(p.head, v3(0.085, 0.1, 0.12), (-1., 1.), SKIN);
    match p.helmet {
        Some(c) => m.ellipsoid(p.head + v3(0., -0.012, 0.03), v3(0.135, 0.155, 0.135), (-0.35, 1.), Mat::Solid(c, 0.5)),
        None => m.ellipsoid(p.head + v3(0., -0.02, 0.03), v3(0.098, 0.108, 0.112), (-0.3, 1.), HAIR),
    }
}

pub(super) fn conical_hat(m: &mut Mesh, at: V3) {
    let straw = Mat::Solid([0.78, 0.72, 0.56], 0.05);
    m.post(at, at + v3(0., 0., 0.16), (0.23, 0.005), 12, straw);
}

pub(super) fn walker(hat: bool) -> Body {
    let mut m = Mesh::default();
    add(
        &mut m,
        &Pose {
            hip: v3(0.0, 0.0, 0.90),
            neck: v3(0.0, 0.02, 1.38),
            head: v3(0.0, 0.04, 1.54),
            knees: [v3(-0.1, 0.16, 0.48), v3(0.1, -0.02, 0.48)],
            feet: [v3(-0.1, 0.22, 0.08), v3(0.1, -0.28, 0.12)],
            elbows: [v3(-0.27, -0.08, 1.10), v3(0.27, 0.1, 1.10)],
            hands: [v3(-0.26, 0.02, 0.86), v3(0.26, 0.26, 0.92)],
            shirt: Mat::Paint,
            trousers: Mat::Solid([0.17, 0.18, 0.23], 0.05),
            helmet: None,
        },
    );
    if hat {
        conical_hat(&mut m, v3(0.0, 0.04, 1.58));
    }
    (m, Vec::new(), Vec::new())
}
