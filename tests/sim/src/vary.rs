//! Another street of the same kind: camera pose, light, road, houses and traffic by chance, for training and for testing over many scenes.

use crate::geom::Dice;
use crate::scenario::{Camera, Daylight, Median, Mix};

/// `camera` with everything that may differ between two streets drawn anew; its size, rate, events and login stay, and so does
/// a mix of classes that the scenario sets itself.
pub fn vary(camera: &Camera, seed: u32) -> Camera {
    let mut d = Dice::new(seed ^ 0x0a57);
    let mut c = camera.clone();
    c.seed = Some(seed.wrapping_add(1000));
    let p = &mut c.pose;
    p.height_m = d.range(4.5, 10.5);
    p.hfov_deg = d.range(42.0, 78.0);
    // From a horizon a little above the picture to one in its upper third.
    let half_height = (p.hfov_deg.to_radians() / 2.0).tan() * camera.height as f32 / camera.width as f32;
    p.pitch_deg = (half_height.atan().to_degrees() * d.range(0.5, 1.15)).max(7.0);
    p.yaw_deg = d.range(-13.0, 13.0);
    let r = &mut c.road;
    r.lanes_inbound = d.pick(&[1, 1, 2, 2, 2, 3]);
    r.lanes_outbound = d.pick(&[1, 1, 2, 2, 2, 3]);
    r.lane_m = d.range(2.9, 3.6);
    r.bike_lane_m = d.range(0.8, 3.2);
    r.median = d.pick(&[Median::None, Median::Line, Median::Line, Median::Fence, Median::Concrete]);
    c.pose.x_m = d.range(-0.9, 0.9) * r.edge_m(1.0).min(r.edge_m(-1.0));
    c.look.hour = d.pick(&[
        Daylight::Sunny,
        Daylight::Sunny,
        Daylight::Overcast,
        Daylight::Overcast,
        Daylight::Overcast,
        Daylight::Dusk,
        Daylight::Night,
        Daylight::Night,
    ]);
    c.look.rain = if d.chance(0.3) { d.range(0.25, 1.0) } else { 0.0 };
    let t = &mut c.traffic;
    let busy = d.range(0.35, 1.8);
    t.inbound_per_h = 1500.0 * busy * d.range(0.6, 1.4);
    t.outbound_per_h = 1500.0 * busy * d.range(0.6, 1.4);
    t.walkers = d.below(14) as u32;
    if t.mix == Mix::default() {
        t.mix = Mix {
            motorcycle: d.range(0.4, 0.85),
            car: d.range(0.08, 0.4),
            truck: d.range(0.0, 0.12),
            bus: d.range(0.0, 0.08),
            bicycle: d.range(0.0, 0.06),
        };
    }
    c
}
