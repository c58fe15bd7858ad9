//! Counting vehicles, each once: by its trajectory, never by a box that touches a line, so that stop-and-go counts nobody twice.

use matpho_scene::{Class, NormPoint, geometry::segments_cross};

use crate::{
    carriageway::Carriageway,
    road::{LineWatch, Mover, Road},
};

/// A vehicle must have been seen this often: ghosts of a detector do not last.
const HITS_MIN: u32 = 3;
/// A vehicle is clear of a counting line when its foot is this far off it, in its own box lengths.
const CLEAR_BOX_LENGTHS: f32 = 0.3;

/// Without a line, a vehicle counts once it has come this far, in its own box lengths.
const DRIVEN_BOX_LENGTHS: f32 = 1.5;
/// Without a zone too, it must also have come this far from where it was first seen: what crosses a junction far off does not pass here.
const PASSED_PICTURE_HEIGHTS: f32 = 0.4;

/// A vehicle that was counted, with its speed at that moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub class: Class,
    pub speed_kmh: Option<f32>,
    /// In box lengths per second.
    pub pace: Option<f32>,
}

/// The vehicles that are to be counted in a zone (the `index`th) with this picture.
pub(crate) fn count(index: usize, carriageway: &Carriageway, road: &mut Road) -> Vec<Counted> {
    let candidates: Vec<_> = road
        .present()
        .filter(|m| m.class.is_vehicle() && !m.counted_in.contains(&index))
        .filter(|m| carriageway.zone().counting_line.is_some() || carriageway.holds(m, road))
        .map(|m| m.id)
        .collect();
    road.kept_mut()
        .filter(|m| candidates.contains(&m.id))
        .filter_map(|mover| {
            // Where it stood before the line is noted from the first sighting on: who is fast crosses before anybody is sure of him.
            let passed = match carriageway.zone().counting_line {
                Some(line) => crosses(index, line, mover),
                None => {
                    let passes = carriageway.is_drawn() || mover.come_picture_heights() >= PASSED_PICTURE_HEIGHTS;
                    mover.gone_box_lengths >= DRIVEN_BOX_LENGTHS && passes
                }
            };
            (passed && mover.hits >= HITS_MIN && mover.is_sure()).then(|| {
                mover.counted_in.push(index);
                let speed_kmh = carriageway.zone().ground.and_then(|plane| mover.speed_kmh(&plane));
                Counted { class: mover.class, speed_kmh, pace: mover.speed_box_lengths_per_s() }
            })
        })
        .collect()
}

/// Whether a vehicle has crossed the line between its ends and is clear of it.
fn crosses(index: usize, [a, b]: [NormPoint; 2], mover: &mut Mover) -> bool {
    let foot = mover.here().foot;
    let off = distance_from_line(foot, a, b) / mover.bbox.width().max(1e-3);
    if off.abs() < CLEAR_BOX_LENGTHS {
        return false;
    }
    match mover.lines.iter_mut().find(|line| line.zone == index) {
        None => {
            mover.lines.push(LineWatch { zone: index, clear_at: foot, crossed: false });
            false
        }
        Some(line) => {
            line.crossed ^= segments_cross(line.clear_at, foot, a, b);
            line.clear_at = foot;
            line.crossed
        }
    }
}

/// Signed distance of a point from the line through `a` and `b`, in normalised coordinates.
fn distance_from_line(p: NormPoint, a: NormPoint, b: NormPoint) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    ((p.x - a.x) * dy - (p.y - a.y) * dx) / dx.hypot(dy)
}
