//! From a picture to a network's input: resize, straight from RGB rows into the planes, into a buffer that is kept.
//!
//! A network is shown what it was trained on, as its entry says ([`Shrink`]): `Bilinear` samples where OpenCV's `INTER_LINEAR` does
//! (half-pixel centres, two pixels a side), `Average` weighs the pixels that a target pixel covers, as `INTER_AREA` does. A side that
//! grows is bilinear either way. The results differ from OpenCV's by rounding only.

use matpho_scene::{Picture, PictureSize};

use crate::registry::{Channels, InputSpec, Resize, Shrink};

/// A part of a picture, in its pixels; lies inside the picture and is at least 1 by 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub x: u32,
    pub y: u32,
    pub size: PictureSize,
}

impl Window {
    /// All of a picture.
    pub fn whole(size: PictureSize) -> Self {
        Self { x: 0, y: 0, size }
    }
}

/// Where a window of a picture lies in a network's input, and the way back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    picture: PictureSize,
    window: Window,
    /// The part of the input that the window fills, from the top left.
    content: PictureSize,
}

impl Fit {
    pub fn new(picture: PictureSize, window: Window, input: &InputSpec) -> Self {
        Self { picture, window, content: content(window.size, input) }
    }

    /// The part of the input that the window fills, from the top left.
    pub fn content(&self) -> PictureSize {
        self.content
    }

    /// `[x1, y1, x2, y2]` in input pixels to normalised coordinates of the whole picture; not clipped.
    pub fn to_picture(self, [x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
        let x = |x: f32| (self.window.x as f32 + x * self.factor_x()) / self.picture.width as f32;
        let y = |y: f32| (self.window.y as f32 + y * self.factor_y()) / self.picture.height as f32;
        [x(x1), y(y1), x(x2), y(y2)]
    }

    /// The way there: normalised coordinates of the whole picture to input pixels.
    #[cfg(test)]
    pub fn to_input(self, [x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
        let x = |x: f32| (x * self.picture.width as f32 - self.window.x as f32) / self.factor_x();
        let y = |y: f32| (y * self.picture.height as f32 - self.window.y as f32) / self.factor_y();
        [x(x1), y(y1), x(x2), y(y2)]
    }

    /// Picture pixels an input pixel, across.
    fn factor_x(&self) -> f32 {
        self.window.size.width as f32 / self.content.width as f32
    }

    /// Picture pixels an input pixel, down.
    fn factor_y(&self) -> f32 {
        self.window.size.height as f32 / self.content.height as f32
    }
}

/// The part of the input that a window of this size fills.
fn content(window: PictureSize, input: &InputSpec) -> PictureSize {
    match input.resize {
        Resize::Stretch => input.size,
        Resize::Letterbox { .. } => {
            let (w, h) = (f64::from(window.width), f64::from(window.height));
            let factor = (f64::from(input.size.width) / w).min(f64::from(input.size.height) / h);
            let side = |length: f64, most: u32| ((length * factor).round() as u32).clamp(1, most);
            PictureSize { width: side(w, input.size.width), height: side(h, input.size.height) }
        }
    }
}

/// The network's input, `[3, height, width]`, in the type that the network takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    /// `(pixel - mean) * scale`.
    F32(Vec<f32>),
    /// Pixels as they are.
    U8(Vec<u8>),
}

/// Fills a network's input, picture after picture.
#[derive(Debug)]
pub struct Preprocessor {
    spec: InputSpec,
    tensor: Tensor,
    plan: Option<Plan>,
    /// One line of the resized picture before it is resized across: `[window width * 3]`, pixel times 256.
    line: Vec<u16>,
}

/// Which source pixels make which target pixels; the same for all pictures of one size.
#[derive(Debug)]
struct Plan {
    window: PictureSize,
    content: PictureSize,
    columns: Shares,
    lines: Shares,
}

/// Which source pixels make each target pixel of one side.
#[derive(Debug)]
struct Shares {
    /// `pairs_each` for each target pixel.
    pairs: Vec<Pair>,
    pairs_each: usize,
}

/// Two neighbouring source pixels and their weights in the target pixel, in 256ths: those of all its pairs sum up to 256.
/// Two at a time, so that bilinear resize is the case of one pair. A pixel that is not needed has the weight 0.
#[derive(Debug, Clone, Copy)]
struct Pair {
    at: [u32; 2],
    weights: [u16; 2],
}

impl Shares {
    fn new(source: u32, target: u32, shrink: Shrink) -> Self {
        match shrink {
            Shrink::Average if source > target => Self::covered(source, target),
            _ => Self::nearest(source, target),
        }
    }

    /// The two source pixels that lie nearest to the target pixel's centre.
    fn nearest(source: u32, target: u32) -> Self {
        let factor = f64::from(source) / f64::from(target);
        let pair = |i: u32| {
            let place = ((f64::from(i) + 0.5) * factor - 0.5).clamp(0.0, f64::from(source - 1));
            let (a, weight) = (place.floor(), ((place - place.floor()) * 256.0).round() as u16);
            Pair { at: [a as u32, (a as u32 + 1).min(source - 1)], weights: [256 - weight, weight] }
        };
        Self { pairs: (0..target).map(pair).collect(), pairs_each: 1 }
    }

    /// All source pixels that the target pixel covers, each as much as it is covered. In whole numbers: a pixel of the source is
    /// `target` long, one of the target is `source` long.
    fn covered(source: u32, target: u32) -> Self {
        let (long, short) = (u64::from(source), u64::from(target));
        let pixels = |i: u64| (i * long / short, ((i + 1) * long).div_ceil(short));
        let most = (0..short).map(|i| pixels(i).1 - pixels(i).0).max().unwrap_or(0);
        let pairs_each = most.div_ceil(2);
        let pair = |i: u64, nth: u64| {
            let (first, end) = pixels(i);
            // What lies left of a source pixel is rounded, not its weight: so the weights sum up to 256.
            let left = |pixel: u64| {
                let covered = (pixel * short).clamp(i * long, (i + 1) * long) - i * long;
                (covered * 512 + long) / (2 * long)
            };
            let at = [0, 1].map(|side| first + 2 * nth + side);
            let weights = at.map(|pixel| (left(pixel + 1) - left(pixel)) as u16);
            Pair { at: at.map(|pixel| pixel.min(end - 1) as u32), weights }
        };
        let pairs = (0..short).flat_map(|i| (0..pairs_each).map(move |nth| pair(i, nth))).collect();
        Self { pairs, pairs_each: pairs_each as usize }
    }

    /// The pairs of each target pixel.
    fn targets(&self) -> std::slice::ChunksExact<'_, Pair> {
        self.pairs.chunks_exact(self.pairs_each)
    }
}

impl Preprocessor {
    /// `bytes` is for networks that take pixels as they are.
    pub fn new(spec: InputSpec, bytes: bool) -> Self {
        let values = spec.size.pixels() * 3;
        let tensor = if bytes { Tensor::U8(vec![0; values]) } else { Tensor::F32(vec![0.0; values]) };
        Self { spec, tensor, plan: None, line: Vec::new() }
    }

    /// What [`Preprocessor::fill`] left.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Resizes a window of the picture into the tensor. Allocates only where the window's size is another than before.
    pub fn fill(&mut self, picture: &Picture, window: Window) -> Fit {
        let fit = Fit::new(picture.size(), window, &self.spec);
        let planned = self.plan.take().filter(|plan| plan.window == window.size);
        let plan = planned.unwrap_or_else(|| {
            self.fill_bars();
            self.line.resize(window.size.width as usize * 3, 0);
            let columns = Shares::new(window.size.width, fit.content.width, self.spec.shrink);
            let lines = Shares::new(window.size.height, fit.content.height, self.spec.shrink);
            Plan { window: window.size, content: fit.content, columns, lines }
        });
        let order = match self.spec.channels {
            Channels::Rgb => [0, 1, 2],
            Channels::Bgr => [2, 1, 0],
        };
        let size = self.spec.size;
        match &mut self.tensor {
            Tensor::F32(values) => {
                let (scale, mean) = (self.spec.scale, self.spec.mean);
                let gain = scale.map(|scale| scale / 65536.0);
                let bias = [0, 1, 2].map(|c: usize| -mean[c] * scale[c]);
                resize(picture, window, &plan, &mut self.line, order, size, values, |c, sum| sum as f32 * gain[c] + bias[c]);
            }
            Tensor::U8(values) => {
                resize(picture, window, &plan, &mut self.line, order, size, values, |_, sum| ((sum + 32768) >> 16) as u8);
            }
        }
        self.plan = Some(plan);
        fit
    }

    /// The bars stay as they are until the picture's size changes; the picture overwrites the rest.
    fn fill_bars(&mut self) {
        let Resize::Letterbox { pad } = self.spec.resize else { return };
        let plane = self.spec.size.pixels();
        match &mut self.tensor {
            Tensor::F32(values) => {
                for (c, values) in values.chunks_exact_mut(plane).enumerate() {
                    values.fill((f32::from(pad) - self.spec.mean[c]) * self.spec.scale[c]);
                }
            }
            Tensor::U8(values) => values.fill(pad),
        }
    }
}

/// The work itself. `value` makes a plane's value of a pixel times 65536.
#[expect(clippy::too_many_arguments, reason = "parts of one `Preprocessor`, borrowed one by one")]
fn resize<T>(
    picture: &Picture,
    window: Window,
    plan: &Plan,
    line: &mut [u16],
    order: [usize; 3],
    input: PictureSize,
    values: &mut [T],
    value: impl Fn(usize, u32) -> T,
) {
    let row = |y: u32| &picture.row(window.y + y)[window.x as usize * 3..][..window.size.width as usize * 3];
    let plane = input.pixels();
    let (first, rest) = values.split_at_mut(plane);
    let (second, third) = rest.split_at_mut(plane);
    for (y, pairs) in plan.lines.targets().enumerate() {
        for (nth, pair) in pairs.iter().enumerate() {
            let [above, below] = pair.weights;
            let rows = row(pair.at[0]).iter().zip(row(pair.at[1]));
            let sums = rows.map(|(&a, &b)| u16::from(a) * above + u16::from(b) * below);
            if nth == 0 {
                line.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum);
            } else {
                line.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
        let pixels = line.as_chunks::<3>().0;
        let at = y * input.width as usize;
        let width = plan.content.width as usize;
        let planes = (&mut first[at..][..width], &mut second[at..][..width], &mut third[at..][..width]);
        for (((pairs, v0), v1), v2) in plan.columns.targets().zip(planes.0).zip(planes.1).zip(planes.2) {
            let mut sums = [0u32; 3];
            for pair in pairs {
                let [a, b] = pair.at.map(|x| pixels[x as usize]);
                let [left, right] = pair.weights.map(u32::from);
                for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(&b)) {
                    *sum += u32::from(a) * left + u32::from(b) * right;
                }
            }
            *v0 = value(0, sums[order[0]]);
            *v1 = value(1, sums[order[1]]);
            *v2 = value(2, sums[order[2]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(width: u32, height: u32, resize: Resize) -> InputSpec {
        let size = PictureSize { width, height };
        InputSpec { size, channels: Channels::Bgr, mean: [0.0; 3], scale: [1.0; 3], resize, shrink: Shrink::Bilinear }
    }

    fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let bytes = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
        Picture::from_rgb(PictureSize { width, height }, bytes).unwrap()
    }

    fn filled(spec: InputSpec, picture: &Picture) -> Vec<f32> {
        let mut preprocessor = Preprocessor::new(spec, false);
        preprocessor.fill(picture, Window::whole(picture.size()));
        match preprocessor.tensor {
            Tensor::F32(values) => values,
            Tensor::U8(_) => unreachable!("made for f32"),
        }
    }

    /// Source pixels and weights of a target pixel, by the book: between two centres, or as much as is covered.
    fn by_the_book(i: u32, from: u32, to: u32, shrink: Shrink) -> Vec<(u32, f64)> {
        let factor = f64::from(from) / f64::from(to);
        if shrink == Shrink::Average && from > to {
            let (left, right) = (f64::from(i) * factor, f64::from(i + 1) * factor);
            let covered = |x: u32| (right.min(f64::from(x + 1)) - left.max(f64::from(x))).max(0.0);
            (0..from).map(|x| (x, covered(x) / factor)).filter(|(_, weight)| *weight > 1e-9).collect()
        } else {
            let place = ((f64::from(i) + 0.5) * factor - 0.5).clamp(0.0, f64::from(from - 1));
            vec![(place as u32, 1.0 - place.fract()), ((place as u32 + 1).min(from - 1), place.fract())]
        }
    }

    #[test]
    fn colours_land_in_their_planes_with_mean_and_scale() {
        let red = picture(4, 4, |_, _| [200, 100, 50]);
        let mut spec = spec(2, 2, Resize::Stretch);
        assert_eq!(filled(spec.clone(), &red), [[50.0; 4], [100.0; 4], [200.0; 4]].concat());
        spec.channels = Channels::Rgb;
        spec.mean = [100.0, 100.0, 100.0];
        spec.scale = [0.5, 1.0, 2.0];
        assert_eq!(filled(spec, &red), [[50.0; 4], [0.0; 4], [-100.0; 4]].concat());
    }

    #[test]
    fn a_letterbox_keeps_the_shape_and_fills_the_rest() {
        let wide = picture(8, 4, |_, _| [255, 255, 255]);
        let values = filled(spec(4, 4, Resize::Letterbox { pad: 114 }), &wide);
        assert_eq!(values[..16], [[255.0; 8], [114.0; 8]].concat());
    }

    #[test]
    fn bars_follow_the_picture_when_its_size_changes() {
        let mut preprocessor = Preprocessor::new(spec(4, 4, Resize::Letterbox { pad: 7 }), true);
        let (tall, wide) = (picture(4, 8, |_, _| [255; 3]), picture(8, 4, |_, _| [255; 3]));
        preprocessor.fill(&tall, Window::whole(tall.size()));
        preprocessor.fill(&wide, Window::whole(wide.size()));
        let plane = [[255u8; 8], [7u8; 8]].concat();
        assert_eq!(preprocessor.tensor, Tensor::U8([plane.clone(), plane.clone(), plane].concat()));
    }

    #[test]
    fn a_window_shows_its_part_of_the_picture() {
        let halves = picture(8, 4, |x, _| if x < 4 { [10; 3] } else { [20; 3] });
        let mut preprocessor = Preprocessor::new(spec(2, 2, Resize::Stretch), true);
        let fit = preprocessor.fill(&halves, Window { x: 4, y: 0, size: PictureSize { width: 4, height: 4 } });
        assert_eq!(preprocessor.tensor, Tensor::U8(vec![20; 12]));
        assert_eq!(fit.to_picture([0.0, 0.0, 2.0, 2.0]), [0.5, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn averaging_loses_no_pixel() {
        // Stripes three pixels apart, of which two pixels a target pixel would see all or nothing.
        let stripes = picture(12, 3, |x, _| [if x % 3 == 1 { 255 } else { 0 }; 3]);
        let mut spec = spec(4, 1, Resize::Stretch);
        assert_eq!(filled(spec.clone(), &stripes), [255.0; 12]);
        spec.shrink = Shrink::Average;
        // 85 would be right; in 256ths a third is 85 or 86.
        let averaged = filled(spec.clone(), &stripes);
        assert!(averaged.iter().all(|value| (value - 85.0).abs() < 0.7), "{averaged:?}");
        // Sides that halve are exact, a part of a pixel counts as a part.
        let ramp = picture(6, 1, |x, _| [x as u8 * 40; 3]);
        spec.size.width = 3;
        assert_eq!(filled(spec.clone(), &ramp)[..3], [20.0, 100.0, 180.0]);
        spec.size.width = 4;
        let quarters = filled(spec, &ramp);
        for (got, want) in quarters.iter().zip([40.0 / 3.0, 200.0 / 3.0, 400.0 / 3.0, 560.0 / 3.0]) {
            assert!((got - want).abs() < 0.2, "{quarters:?}");
        }
    }

    fn any_resize() -> impl Strategy<Value = Resize> {
        prop_oneof![Just(Resize::Stretch), any::<u8>().prop_map(|pad| Resize::Letterbox { pad })]
    }

    proptest! {
        #[test]
        fn pixels_are_what_the_book_has(
            (w, h, tw, th) in (1u32..40, 1u32..40, 1u32..40, 1u32..40), resize in any_resize(), seed in any::<u32>(),
            shrink in prop_oneof![Just(Shrink::Bilinear), Just(Shrink::Average)],
        ) {
            let noise = picture(w, h, |x, y| {
                let n = (x * 31 + y * 17).wrapping_mul(2_654_435_761).wrapping_add(seed);
                [(n >> 8) as u8, (n >> 16) as u8, (n >> 24) as u8]
            });
            let spec = InputSpec { shrink, ..spec(tw, th, resize) };
            let content = content(noise.size(), &spec);
            let values = filled(spec, &noise);
            for (x, y) in (0..content.height).flat_map(|y| (0..content.width).map(move |x| (x, y))) {
                let (columns, lines) = (by_the_book(x, w, content.width, shrink), by_the_book(y, h, content.height, shrink));
                // Each border between two of a side's pixels is rounded to 1/256: at most 255/512 a border.
                let rounding = 0.5 * (columns.len() + lines.len() - 2) as f64;
                for c in 0..3 {
                    let got = f64::from(values[c * (tw * th) as usize + (y * tw + x) as usize]);
                    let across = |row: &[u8]| columns.iter().map(|(x, weight)| weight * f64::from(row[*x as usize * 3 + 2 - c])).sum::<f64>();
                    let want = lines.iter().map(|(y, weight)| weight * across(noise.row(*y))).sum::<f64>();
                    prop_assert!((got - want).abs() <= rounding + 1e-3, "at {x},{y},{c}: {got} for {want}");
                }
            }
        }

        #[test]
        fn boxes_go_there_and_back(
            (w, h, tw, th) in (2u32..4000, 2u32..4000, 16u32..1300, 16u32..1300), resize in any_resize(),
            (x, y, bw, bh) in (0.0f32..0.9, 0.0f32..0.9, 0.001f32..0.1, 0.001f32..0.1), part in 0.0f32..0.5,
        ) {
            let size = PictureSize { width: w, height: h };
            let (x0, y0) = ((w as f32 * part) as u32, (h as f32 * part) as u32);
            let window = Window { x: x0, y: y0, size: PictureSize { width: w - x0, height: h - y0 } };
            let fit = Fit::new(size, window, &spec(tw, th, resize));
            let bbox = [x, y, x + bw, y + bh];
            for (there, back) in bbox.into_iter().zip(fit.to_picture(fit.to_input(bbox))) {
                prop_assert!((there - back).abs() < 1e-4);
            }
            // The window's corners are the content's corners.
            let corners = fit.to_picture([0.0, 0.0, fit.content().width as f32, fit.content().height as f32]);
            prop_assert!((corners[2] - 1.0).abs() < 1e-5 && (corners[3] - 1.0).abs() < 1e-5);
        }
    }
}
