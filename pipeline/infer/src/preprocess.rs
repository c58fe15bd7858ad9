//! From a picture to a network's input: bilinear resize, straight from RGB rows into the planes, into a buffer that is kept.
//!
//! Samples lie where OpenCV's `INTER_LINEAR` has them (half-pixel centres, two taps a side), which is what the models were trained and
//! their thresholds were set with; the result differs by rounding only.

use matpho_scene::{Picture, PictureSize};

use crate::registry::{Channels, InputSpec, Resize};

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
    columns: Vec<Tap>,
    lines: Vec<Tap>,
}

/// A target pixel is `(256 - weight) / 256` of the source pixel `a` and `weight / 256` of `b`.
#[derive(Debug, Clone, Copy)]
struct Tap {
    a: u32,
    b: u32,
    weight: u16,
}

fn taps(source: u32, target: u32) -> Vec<Tap> {
    let factor = f64::from(source) / f64::from(target);
    let tap = |i: u32| {
        let place = ((f64::from(i) + 0.5) * factor - 0.5).clamp(0.0, f64::from(source - 1));
        let a = place.floor();
        Tap { a: a as u32, b: (a as u32 + 1).min(source - 1), weight: ((place - a) * 256.0).round() as u16 }
    };
    (0..target).map(tap).collect()
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
            let columns = taps(window.size.width, fit.content.width);
            let lines = taps(window.size.height, fit.content.height);
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
    for (y, tap) in plan.lines.iter().enumerate() {
        for ((out, &a), &b) in line.iter_mut().zip(row(tap.a)).zip(row(tap.b)) {
            *out = u16::from(a) * (256 - tap.weight) + u16::from(b) * tap.weight;
        }
        let pixels = line.as_chunks::<3>().0;
        let at = y * input.width as usize;
        let width = plan.content.width as usize;
        let planes = (&mut first[at..][..width], &mut second[at..][..width], &mut third[at..][..width]);
        for (((tap, v0), v1), v2) in plan.columns.iter().zip(planes.0).zip(planes.1).zip(planes.2) {
            let (a, b) = (pixels[tap.a as usize], pixels[tap.b as usize]);
            let (left, right) = (256 - u32::from(tap.weight), u32::from(tap.weight));
            let sum = |c: usize| u32::from(a[order[c]]) * left + u32::from(b[order[c]]) * right;
            *v0 = value(0, sum(0));
            *v1 = value(1, sum(1));
            *v2 = value(2, sum(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(width: u32, height: u32, resize: Resize) -> InputSpec {
        InputSpec { size: PictureSize { width, height }, channels: Channels::Bgr, mean: [0.0; 3], scale: [1.0; 3], resize }
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

    /// Bilinear resize by the book, one pixel at a time.
    fn by_the_book(picture: &Picture, content: PictureSize, x: u32, y: u32, channel: usize) -> f64 {
        let size = picture.size();
        let place = |i: u32, from: u32, to: u32| {
            ((f64::from(i) + 0.5) * f64::from(from) / f64::from(to) - 0.5).clamp(0.0, f64::from(from - 1))
        };
        let (px, py) = (place(x, size.width, content.width), place(y, size.height, content.height));
        let at = |x: f64, y: f64| {
            let (x, y) = (x.min(f64::from(size.width - 1)), y.min(f64::from(size.height - 1)));
            f64::from(picture.row(y as u32)[x as usize * 3 + channel])
        };
        let (x0, y0, fx, fy) = (px.floor(), py.floor(), px.fract(), py.fract());
        let top = at(x0, y0) * (1.0 - fx) + at(x0 + 1.0, y0) * fx;
        let bottom = at(x0, y0 + 1.0) * (1.0 - fx) + at(x0 + 1.0, y0 + 1.0) * fx;
        top * (1.0 - fy) + bottom * fy
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

    fn any_resize() -> impl Strategy<Value = Resize> {
        prop_oneof![Just(Resize::Stretch), any::<u8>().prop_map(|pad| Resize::Letterbox { pad })]
    }

    proptest! {
        #[test]
        fn pixels_are_where_bilinear_resize_has_them(
            (w, h, tw, th) in (1u32..40, 1u32..40, 1u32..40, 1u32..40), resize in any_resize(), seed in any::<u32>(),
        ) {
            let noise = picture(w, h, |x, y| {
                let n = (x * 31 + y * 17).wrapping_mul(2_654_435_761).wrapping_add(seed);
                [(n >> 8) as u8, (n >> 16) as u8, (n >> 24) as u8]
            });
            let spec = spec(tw, th, resize);
            let content = content(noise.size(), &spec);
            let values = filled(spec, &noise);
            for (x, y) in (0..content.height).flat_map(|y| (0..content.width).map(move |x| (x, y))) {
                for c in 0..3 {
                    let got = f64::from(values[c * (tw * th) as usize + (y * tw + x) as usize]);
                    let want = by_the_book(&noise, content, x, y, 2 - c);
                    // Weights are rounded to 1/256 on both sides: at most 255/512 each.
                    prop_assert!((got - want).abs() <= 1.0, "at {x},{y},{c}: {got} for {want}");
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
