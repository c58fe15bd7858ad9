//! `calibrate`: from points measured on the road to lines for the configuration, with what they are worth and a picture to check them by.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use matpho_scene::{GroundPoint, NormPoint, Picture, PictureSize};
use matpho_survey::{Plane, click_error, lane_marks};
use matpho_vision::Calibration;

use super::{Failure, watch};
use crate::evidence::{
    draw::{Canvas, colour},
    jpeg,
};

/// The grid reaches so far beyond the measured points.
const MARGIN_M: f64 = 5.0;
/// From this share on a length, and so a speed, is too far off to be of use.
const LENGTH_SHARE_MAX: f64 = 0.08;
/// And from so many metres beside their place points contradict each other.
const ERROR_M_MAX: f64 = 0.5;

#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// A picture, a video or an rtsp:// address of the camera's view
    source: String,
    /// A point of the picture and its place on the road in metres, X,Y=ALONG_X,ALONG_Y; X and Y as shares of the picture, or in pixels where one is above 1.
    /// At least four, the corners of an area
    #[arg(long = "point", value_name = "X,Y=M,M", value_parser = measured, allow_hyphen_values = true)]
    points: Vec<(Spot, GroundPoint)>,
    /// Instead of points: width of a lane in metres
    #[arg(long, value_name = "M", conflicts_with = "points", requires_all = ["period", "left", "right"])]
    lane_width: Option<f64>,
    /// From the beginning of one dash to the beginning of the next, in metres: dash and gap together
    #[arg(long, value_name = "M", requires = "lane_width")]
    period: Option<f64>,
    /// Beginnings of consecutive dashes on the lane's left side, from one end of the road on
    #[arg(long, value_name = "X,Y", num_args = 2.., value_parser = spot, requires = "lane_width")]
    left: Vec<Spot>,
    /// The same on its right side, straight across from the first on the left
    #[arg(long, value_name = "X,Y", num_args = 2.., value_parser = spot, requires = "lane_width")]
    right: Vec<Spot>,
    /// How far beside its place a click may lie, in pixels
    #[arg(long, default_value_t = 2.0, value_name = "PIXELS")]
    click: f32,
    /// Of a video: the picture so many seconds from its start
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    at: f64,
    /// Where the picture with the grid goes
    #[arg(long, default_value = "calibration.jpg", value_name = "FILE")]
    out: PathBuf,
}

/// A point of the picture, as typed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spot(f32, f32);

impl Spot {
    fn of(self, size: PictureSize) -> anyhow::Result<NormPoint> {
        let Self(x, y) = self;
        let (w, h) = if x > 1.0 || y > 1.0 { (size.width as f32, size.height as f32) } else { (1.0, 1.0) };
        NormPoint::new(x / w, y / h).map_err(|_| anyhow!("point {x},{y} lies outside of the {size} picture"))
    }
}

fn pair(text: &str) -> Option<(f64, f64)> {
    let (x, y) = text.split_once(',')?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    Some((number(x)?, number(y)?))
}

fn spot(text: &str) -> Result<Spot, String> {
    pair(text)
        .map(|(x, y)| Spot(x as f32, y as f32))
        .ok_or_else(|| format!("`{text}` is no point: expected X,Y, such as 0.42,0.8 or 540,860"))
}

fn measured(text: &str) -> Result<(Spot, GroundPoint), String> {
    let wrong = || format!("`{text}` is no measured point: expected X,Y=M,M, such as 0.42,0.8=3.5,12");
    let (picture, ground) = text.split_once('=').ok_or_else(wrong)?;
    let (x_m, y_m) = pair(ground).ok_or_else(wrong)?;
    Ok((spot(picture).map_err(|_| wrong())?, GroundPoint { x_m, y_m }))
}

pub fn calibrate(args: &CalibrateArgs) -> Result<(), Failure> {
    if !(args.click.is_finite() && (0.0..=100.0).contains(&args.click)) {
        return Err(Failure::Usage(anyhow!("--click {} is no number of pixels from 0 to 100", args.click)));
    }
    if args.points.is_empty() && args.lane_width.is_none() {
        return Err(Failure::Usage(anyhow!(
            "give at least four --point X,Y=M,M, or --lane-width with --period, --left and --right"
        )));
    }
    let mut picture = watch::one_picture(&args.source, args.at)?;
    let points = args.measured(picture.size()).map_err(Failure::Usage)?;
    let made = matpho_vision::calibrate(&points).map_err(|e| Failure::Usage(e.into()))?;
    let plane = Plane::new(made.plane).ok_or_else(|| anyhow!("the points leave the plane open"))?;
    print!("{}", toml(&points, &made, &plane, picture.size(), args.click));
    draw(&mut picture, &points, &plane);
    std::fs::write(&args.out, jpeg::encode(&picture, picture.size().width, 4 << 20)?.bytes)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    eprintln!("{}: look whether the grid lies on the road, its lines along kerbs and marks", args.out.display());
    Ok(())
}

impl CalibrateArgs {
    fn measured(&self, size: PictureSize) -> anyhow::Result<Vec<(NormPoint, GroundPoint)>> {
        let spots = |spots: &[Spot]| spots.iter().map(|spot| spot.of(size)).collect::<anyhow::Result<Vec<_>>>();
        match (self.lane_width, self.period) {
            (Some(width), Some(period)) => Ok(lane_marks(width, period, &spots(&self.left)?, &spots(&self.right)?)?),
            _ => self.points.iter().map(|(spot, ground)| Ok((spot.of(size)?, *ground))).collect(),
        }
    }
}

/// Lines for a zone of the configuration, under what they are worth.
fn toml(points: &[(NormPoint, GroundPoint)], made: &Calibration, plane: &Plane, size: PictureSize, click_px: f32) -> String {
    let mut text = String::new();
    let mut say = |line: String| text += &format!("# {line}\n");
    if points.len() > 4 {
        let (rms_px, worst_px) = plane.reprojection_px(points, size);
        say(format!(
            "{} points fit within {:.2} m on the road (root mean square); the worst is point {}: {:.2} m.",
            points.len(),
            made.error_m,
            made.worst.0,
            made.worst.1
        ));
        say(format!("In the picture: {rms_px:.1} px; the worst is point {}: {:.1} px.", worst_px.0, worst_px.1));
        if made.error_m > ERROR_M_MAX {
            say(format!("That is much: is point {} mistyped, or measured from another corner?", made.worst.0));
        }
    } else {
        say("Four points always fit. A fifth, measured, would show whether they are right.".to_owned());
    }
    let solve = |points: &[(NormPoint, GroundPoint)]| matpho_vision::calibrate(points).ok().map(|made| made.plane);
    match click_error(points, size, click_px, solve) {
        Some(error) => {
            say(format!(
                "Were one point clicked {click_px} px beside its place: point {} would be up to {:.2} m off, a length up to {:.0} % wrong.",
                error.worst.0,
                error.worst.1,
                100.0 * error.length_share
            ));
            if error.length_share > LENGTH_SHARE_MAX {
                say("Too much for speeds: take points further apart, nearer ones, or more of them.".to_owned());
            }
        }
        None => say(format!(
            "Were one point clicked {click_px} px beside its place, they would make no plane: take points further apart."
        )),
    }
    text += "calibration = [\n";
    for (picture, ground) in points {
        text += &format!(
            "    {{ picture = [{:.4}, {:.4}], ground_m = [{}, {}] }},\n",
            picture.x,
            picture.y,
            metres(ground.x_m),
            metres(ground.y_m)
        );
    }
    text + "]\n"
}

/// As a TOML float, to the centimetre.
fn metres(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').to_owned();
    if text.ends_with('.') { text + "0" } else { text }
}

fn draw(picture: &mut Picture, points: &[(NormPoint, GroundPoint)], plane: &Plane) {
    let mut canvas = Canvas::on(picture);
    for (step_m, tint) in [(1.0, colour::ZONE), (5.0, colour::SIGN)] {
        for line in plane.grid(points, step_m, MARGIN_M) {
            // Lines that run together towards the horizon are a smear.
            let long = line.points.iter().any(|p| (p.x - line.points[0].x).hypot(p.y - line.points[0].y) > 0.01);
            if !long || (step_m < 5.0 && (line.at_m / 5.0).fract().abs() < 1e-9) {
                continue;
            }
            line.points.windows(2).for_each(|pair| canvas.line(pair[0], pair[1], tint));
            if step_m > 1.0
                && let Some(p) = line.points.last()
            {
                let axis = if line.along_x { "y" } else { "x" };
                canvas.label(*p, &format!("{axis}{}", line.at_m), tint);
            }
        }
    }
    for (n, (p, _)) in points.iter().enumerate() {
        canvas.cross(*p, colour::ALARM);
        canvas.label(*p, &format!("{}", n + 1), colour::TEXT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: PictureSize = PictureSize { width: 1280, height: 720 };

    fn lane(far_y_m: f64) -> Vec<(NormPoint, GroundPoint)> {
        [(0.2, 0.9, 0.0, 0.0), (0.8, 0.9, 3.5, 0.0), (0.6, 0.4, 3.5, far_y_m), (0.4, 0.4, 0.0, far_y_m)]
            .map(|(x, y, x_m, y_m)| (NormPoint::clamped(x, y), GroundPoint { x_m, y_m }))
            .to_vec()
    }

    fn text(points: &[(NormPoint, GroundPoint)]) -> String {
        let made = matpho_vision::calibrate(points).unwrap();
        toml(points, &made, &Plane::new(made.plane).unwrap(), SIZE, 2.0)
    }

    #[test]
    fn points_are_shares_or_pixels() {
        assert_eq!(Spot(0.5, 0.25).of(SIZE).unwrap(), NormPoint::clamped(0.5, 0.25));
        assert_eq!(Spot(640.0, 180.0).of(SIZE).unwrap(), NormPoint::clamped(0.5, 0.25));
        assert!(Spot(1400.0, 180.0).of(SIZE).unwrap_err().to_string().contains("outside of the 1280x720 picture"));
        assert_eq!(measured("0.4,0.8=-3.5,12").unwrap(), (Spot(0.4, 0.8), GroundPoint { x_m: -3.5, y_m: 12.0 }));
        for odd in ["0.4,0.8", "0.4=1,2", "a,b=1,2", "0.4,0.8=1,inf"] {
            assert!(measured(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_is_printed_is_a_calibration() {
        let said = text(&lane(20.0));
        assert!(said.contains("Four points always fit") && said.contains("px beside its place: point"), "{said}");
        assert!(said.contains("{ picture = [0.6000, 0.4000], ground_m = [3.5, 20.0] },"), "{said}");
        let config = format!(
            "[edge]\nsite = \"s\"\nid = \"e\"\n[[camera]]\nid = \"c\"\nurl = \"rtsp://192.0.2.1/x\"\nasks = [\"congestion\"]\n[[camera.zone]]\nid = \"z\"\n\
             polygon = [[0.2, 0.9], [0.8, 0.9], [0.6, 0.4], [0.4, 0.4]]\n{said}"
        );
        let config = crate::config::Config::parse(&config, std::path::Path::new("edge.toml")).unwrap_or_else(|e| panic!("{e}"));
        let zone = &config.cameras[0].plan.zones()[0];
        let there = zone.ground.unwrap().to_ground(NormPoint::clamped(0.6, 0.4)).unwrap();
        assert!(there.distance_m(GroundPoint { x_m: 3.5, y_m: 20.0 }) < 0.01);
    }

    #[test]
    fn a_fifth_point_shows_what_four_cannot() {
        let mut points = lane(20.0);
        let plane = matpho_vision::calibrate(&points).unwrap().plane;
        let p = NormPoint::clamped(0.5, 0.6);
        points.push((p, plane.to_ground(p).unwrap()));
        assert!(text(&points).contains("5 points fit within 0.00 m"), "{}", text(&points));
        points[4].1.y_m += 4.0;
        let said = text(&points);
        assert!(said.contains("That is much"), "{said}");
    }

    #[test]
    fn a_small_area_is_called_too_small_for_speeds() {
        let near: Vec<_> = [(0.50, 0.50), (0.53, 0.50), (0.53, 0.48), (0.50, 0.48)]
            .into_iter()
            .zip([(0.0, 0.0), (1.0, 0.0), (1.0, 3.0), (0.0, 3.0)])
            .map(|((x, y), (x_m, y_m))| (NormPoint::clamped(x, y), GroundPoint { x_m, y_m }))
            .collect();
        let said = text(&near);
        assert!(said.contains("Too much for speeds") || said.contains("no plane"), "{said}");
    }
}
