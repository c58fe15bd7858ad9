//! Counting vehicles, each once: by its trajectory, never by a box that touches a line, so that stop-and-go counts nobody twice.

use matpho_scene::{Class, NormPoint, geometry::segments_cross};

use crate::{
    carriageway::Carriageway,
    road::{ARRIVED_BOX_LENGTHS, Mover, Road},
};

/// A vehicle must have been seen this often: ghosts of a detector do not last.
const HITS_MIN: u32 = 3;
/// A vehicle is clear of a counting line when its foot is this far off it, in its own box lengths.
const CLEAR_BOX_LENGTHS: f32 = 0.3;

/// The classes of the vehicles that are to be counted in a zone (the `index`th) with this picture.
pub(crate) fn count(index: usize, carriageway: &Carriageway, road: &mut Road) -> Vec<Class> {
    let candidates: Vec<_> = road
        .vehicles()
        .filter(|m| m.hits >= HITS_MIN && !m.counted_in.contains(&index))
        .filter(|m| carriageway.zone().counting_line.is_some() || carriageway.holds(m, road))
        .map(|m| m.id)
        .collect();
    road.kept_mut()
        .filter(|m| candidates.contains(&m.id))
        .filter_map(|mover| {
            let counts = match carriageway.zone().counting_line {
                Some(line) => crosses(index, line, mover),
                None => mover.gone_box_lengths >= ARRIVED_BOX_LENGTHS,
            };
            counts.then(|| {
                mover.counted_in.push(index);
                mover.class
            })
        })
        .collect()
}

/// Whether a vehicle is now clear of the line on the other side than before, having crossed between its ends.
fn crosses(index: usize, [a, b]: [NormPoint; 2], mover: &mut Mover) -> bool {
    let foot = mover.here().foot;
    let off = distance_from_line(foot, a, b) / mover.bbox.width().max(1e-3);
    if off.abs() < CLEAR_BOX_LENGTHS {
        return false;
    }
    match mover.clear_of_line.iter_mut().find(|(zone, _)| *zone == index) {
        None => {
            mover.clear_of_line.push((index, foot));
            false
        }
        Some((_, before)) => {
            let crossed = segments_cross(*before, foot, a, b);
            *before = foot;
            crossed
        }
    }
}

/// Signed distance of a point from the line through `a` and `b`, in normalised coordinates.
fn distance_from_line(p: NormPoint, a: NormPoint, b: NormPoint) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    ((p.x - a.x) * dy - (p.y - a.y) * dx) / dx.hypot(dy)
}
