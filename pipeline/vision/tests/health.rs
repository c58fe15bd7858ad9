//! What the probe says of pictures of a made-up street: sharp and blurred, by day and by night, moved and shaken.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use matpho_scene::{Picture, PictureHealth, PictureSize};
use matpho_vision::HealthProbe;

const SIZE: PictureSize = PictureSize { width: 640, height: 360 };

/// Reproducible noise of a place, 0 to 1.
fn noise(x: i32, y: i32, seed: u32) -> f32 {
    let n = (x as u32).wrapping_mul(374_761_393) ^ (y as u32).wrapping_mul(668_265_263) ^ seed.wrapping_mul(2_246_822_519);
    let n = (n ^ (n >> 13)).wrapping_mul(1_274_126_177);
    ((n ^ (n >> 16)) >> 8) as f32 / (1 << 24) as f32
}

/// A street: houses with windows, a road with marks, poles. Grey level 0 to 1 at a place in the world, which is larger than the picture.
fn street(x: f32, y: f32) -> f32 {
    let (house, floor) = ((x / 90.0).floor() as i32, (y / 45.0).floor() as i32);
    if y > 230.0 {
        let mark = ((x + y) / 35.0).floor() as i32 % 3 == 0 && (290.0..296.0).contains(&y);
        let kerb = (232.0..238.0).contains(&y);
        return if mark || kerb { 0.9 } else { 0.35 + 0.05 * noise((x / 25.0) as i32, (y / 25.0) as i32, 3) };
    }
    if x.rem_euclid(210.0) < 7.0 {
        return 0.1;
    }
    let roof = 40.0 + 60.0 * noise(house, 0, 1);
    if y < roof {
        return 0.8;
    }
    let (in_x, in_y) = (x.rem_euclid(90.0), y.rem_euclid(45.0));
    let (wx, wy) = (8.0 + 30.0 * noise(house, floor, 5), 6.0 + 12.0 * noise(house, floor, 6));
    let window = (wx..wx + 14.0 + 30.0 * noise(house, floor, 7)).contains(&in_x) && (wy..wy + 18.0).contains(&in_y);
    if window { 0.2 } else { 0.4 + 0.3 * noise(house, 1, 2) }
}

/// How the street is seen.
#[derive(Clone, Copy)]
struct View {
    /// The camera looks this many pixels further to the right and down.
    pan: (f32, f32),
    /// Multiplies and lifts the grey levels.
    light: (f32, f32),
    /// Amplitude of the sensor's noise.
    grain: f32,
    seed: u32,
    /// Lit windows and lamps at night: what was dark is bright.
    lamps: bool,
    /// Cars on the road.
    cars: bool,
    /// Pixels over which it is smeared.
    blur: i32,
}

const DAY: View = View { pan: (0.0, 0.0), light: (1.0, 0.0), grain: 0.0, seed: 0, lamps: false, cars: false, blur: 0 };
const NIGHT: View = View { light: (0.25, 0.02), grain: 0.03, lamps: true, ..DAY };

fn see(view: View) -> Picture {
    let level = |x: i32, y: i32| {
        let (world_x, world_y) = (x as f32 + view.pan.0, y as f32 + view.pan.1);
        let mut level = street(world_x, world_y) * view.light.0 + view.light.1;
        let window = noise((world_x / 90.0).floor() as i32, (world_y / 45.0).floor() as i32, 11) > 0.6;
        if view.lamps && window && world_y < 230.0 && street(world_x, world_y) == 0.2 {
            level = 0.85;
        }
        if view.cars && y > 240 {
            let (car, body) = ((x + view.seed as i32 * 67) / 80, (x + view.seed as i32 * 67) % 80 < 55);
            if body && (y / 30) % 2 == 0 {
                level = noise(car, y / 30, view.seed);
            }
        }
        level
    };
    let bytes = (0..SIZE.height as i32).flat_map(|y| (0..SIZE.width as i32).map(move |x| (x, y))).flat_map(|(x, y)| {
        let span = -view.blur..=view.blur;
        let taps = span.clone().flat_map(|dy| span.clone().map(move |dx| (dx, dy)));
        let (sum, count) = taps.fold((0.0, 0.0), |(sum, count), (dx, dy)| (sum + level(x + dx, y + dy), count + 1.0));
        let grain = (noise(x, y, view.seed + 100) - 0.5) * 2.0 * view.grain;
        [((sum / count + grain).clamp(0.0, 1.0) * 255.0) as u8; 3]
    });
    Picture::from_rgb(SIZE, bytes.collect()).unwrap()
}

/// A probe that knows the street by day.
fn probe() -> HealthProbe {
    let mut probe = HealthProbe::new();
    probe.set_reference(&see(DAY)).unwrap();
    probe
}

fn measure(view: View) -> PictureHealth {
    probe().measure(&see(view)).unwrap()
}

#[test]
fn blur_takes_the_sharpness_away() {
    let (sharp, blurred) = (measure(DAY).sharpness, measure(View { blur: 4, ..DAY }).sharpness);
    assert!(blurred < sharp / 10.0, "{sharp} {blurred}");
}

/// A date and a name written into the picture, as sharp as can be.
fn stamped(picture: &Picture) -> Picture {
    let mut rgb = picture.rgb().to_vec();
    for (from, to, top) in [(8, 260, 6), (400, 620, 330)] {
        for (x, y) in (from..to).flat_map(|x| (top..top + 20).map(move |y| (x, y))) {
            let ink = noise(x / 3, y / 5, 9) > 0.5;
            rgb[(y * 640 + x) as usize * 3..][..3].fill(if ink { 255 } else { 0 });
        }
    }
    Picture::from_rgb(SIZE, rgb).unwrap()
}

#[test]
fn blur_shows_under_a_sharp_clock() {
    let measure = |view| probe().measure(&stamped(&see(view))).unwrap().sharpness;
    for (sharp, grain) in [(View { grain: 0.01, ..DAY }, 0.01), (NIGHT, 0.01)] {
        let blurred = View { blur: 5, grain, ..sharp };
        let (sharp, blurred) = (measure(sharp), measure(blurred));
        assert!(blurred < 0.3 * sharp, "{sharp} {blurred}");
    }
}

#[test]
fn black_is_dark_and_flat_and_glare_is_bright() {
    let flat = |level| probe().measure(&Picture::from_rgb(SIZE, vec![level; SIZE.pixels() * 3]).unwrap()).unwrap();
    let black = flat(0);
    assert_eq!((black.luma_mean, black.luma_std, black.bright_share, black.sharpness), (0.0, 0.0, 0.0, 0.0));
    assert_eq!((black.shift, black.likeness), (None, Some(0.0)));
    let white = flat(255);
    assert_eq!((white.luma_mean, white.bright_share), (255.0, 1.0));
}

#[test]
fn a_frozen_picture_does_not_change_and_a_live_one_does() {
    let mut probe = HealthProbe::new();
    let picture = see(View { grain: 0.02, ..DAY });
    assert_eq!(probe.measure(&picture).unwrap().change, None);
    assert_eq!(probe.measure(&picture).unwrap().change, Some(0.0));
    let live = probe.measure(&see(View { grain: 0.02, seed: 1, ..DAY })).unwrap().change.unwrap();
    assert!(live > 0.2, "{live}");
}

#[test]
fn a_covered_lens_shows_nothing_of_the_street() {
    let grey = see(View { light: (0.04, 0.3), grain: 0.01, ..DAY });
    let health = probe().measure(&grey).unwrap();
    assert!(health.luma_std < 5.0, "{health:?}");
    let hand = Picture::from_rgb(SIZE, (0..SIZE.pixels()).flat_map(|i| [(60 + i % 640 / 16) as u8; 3]).collect()).unwrap();
    let health = probe().measure(&hand).unwrap();
    assert!(health.likeness.unwrap() < 0.1 && health.shift.is_none(), "{health:?}");
}

#[test]
fn a_moved_camera_s_shift_is_measured() {
    for pan in [(0.0, 0.0), (12.0, 0.0), (0.0, -16.0), (40.0, 24.0), (-60.0, 8.0)] {
        let health = measure(View { pan, grain: 0.02, ..DAY });
        let shift = health.shift.unwrap_or_else(|| panic!("no shift found for {pan:?}: {health:?}"));
        // The camera looks to the right: the street moves to the left.
        let (dx, dy) = (shift.dx + pan.0 / 640.0, shift.dy + pan.1 / 360.0);
        assert!(dx.abs() < 0.005 && dy.abs() < 0.005, "{pan:?}: {shift:?}");
    }
}

#[test]
fn noise_moves_nothing() {
    let health = measure(View { grain: 0.1, seed: 4, ..DAY });
    let shift = health.shift.unwrap();
    assert!(shift.dx.abs() < 0.002 && shift.dy.abs() < 0.002, "{health:?}");
    assert!(health.likeness.unwrap() > 0.6, "{health:?}");
}

#[test]
fn night_is_no_move_and_another_street_is() {
    let night = measure(NIGHT);
    if let Some(shift) = night.shift {
        assert!(shift.dx.abs() < 0.005 && shift.dy.abs() < 0.005, "{night:?}");
    }
    let elsewhere = measure(View { pan: (3000.0, 70.0), ..DAY });
    let (night, elsewhere) = (night.likeness.unwrap(), elsewhere.likeness.unwrap());
    println!("likeness: by night {night}, elsewhere {elsewhere}");
    assert!(night > 0.3 && elsewhere < 0.2, "by night {night}, elsewhere {elsewhere}");
}

#[test]
fn traffic_makes_no_difference() {
    let health = measure(View { cars: true, seed: 7, grain: 0.02, ..DAY });
    assert!(health.likeness.unwrap() > 0.8, "{health:?}");
    let shift = health.shift.unwrap();
    assert!(shift.dx.abs() < 0.002 && shift.dy.abs() < 0.002, "{health:?}");
}

#[test]
fn the_first_good_pictures_make_the_reference() {
    let mut probe = HealthProbe::new();
    let black = Picture::from_rgb(SIZE, vec![0; SIZE.pixels() * 3]).unwrap();
    for _ in 0..10 {
        assert_eq!(probe.measure(&black).unwrap().likeness, None);
    }
    for seed in 0..5 {
        assert_eq!(probe.measure(&see(View { cars: true, seed, ..DAY })).unwrap().likeness, None);
    }
    assert!(probe.measure(&see(DAY)).unwrap().likeness.unwrap() > 0.8);
    let kept = probe.reference().unwrap();
    let mut restarted = HealthProbe::new();
    restarted.set_reference(&kept).unwrap();
    assert!(restarted.measure(&see(DAY)).unwrap().likeness.unwrap() > 0.8);
}

#[test]
fn a_view_is_accepted_as_it_is() {
    let mut probe = probe();
    let black = Picture::from_rgb(SIZE, vec![0; SIZE.pixels() * 3]).unwrap();
    let away = see(View { pan: (90.0, 30.0), ..DAY });
    probe.measure(&away).unwrap();
    probe.accept_view().unwrap();
    let health = probe.measure(&away).unwrap();
    assert!(health.likeness.unwrap() > 0.99, "{health:?}");

    probe.measure(&black).unwrap();
    probe.accept_view().unwrap();
    assert_eq!(probe.measure(&away).unwrap().likeness, None, "a black picture is no view: the next good ones are");
}

#[test]
fn a_change_of_resolution_changes_nothing() {
    let mut probe = probe();
    probe.measure(&see(DAY)).unwrap();
    let (small, size) = (see(DAY), PictureSize { width: 320, height: 180 });
    let half = (0..180).flat_map(|y| (0..320).map(move |x| (x, y)));
    let half = half.flat_map(|(x, y)| small.row(y * 2)[x as usize * 6..][..3].to_vec()).collect();
    let health = probe.measure(&Picture::from_rgb(size, half).unwrap()).unwrap();
    assert!(health.likeness.unwrap() > 0.8 && health.change.unwrap() < 10.0, "{health:?}");
}

#[test]
fn no_picture_is_too_small() {
    for (width, height) in [(1, 1), (2, 300), (17, 3)] {
        let picture = Picture::from_rgb(PictureSize { width, height }, vec![9; (width * height * 3) as usize]).unwrap();
        let mut probe = HealthProbe::new();
        probe.set_reference(&picture).unwrap();
        probe.measure(&picture).unwrap();
    }
}
