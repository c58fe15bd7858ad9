//! Lines, boxes and words on a picture. Small and plain: no anti-aliasing, an 8x8 bitmap font, pixel-exact results that a golden test can hold.

use font8x8::UnicodeFonts;
use matpho_scene::{NormBox, NormPoint, Picture, PictureSize, Polygon};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Colours that tell apart on asphalt, by day and by night.
pub mod colour {
    use super::Colour;
    /// What an alarm is about.
    pub const ALARM: Colour = [255, 48, 32];
    /// Zones.
    pub const ZONE: Colour = [64, 200, 255];
    /// Vehicles and people.
    pub const OBJECT: Colour = [80, 230, 90];
    /// Fire and smoke that a model sees, confirmed or not.
    pub const SIGN: Colour = [255, 190, 0];
    /// Words.
    pub const TEXT: Colour = [255, 255, 255];
    /// Behind words.
    pub const PLATE: Colour = [16, 16, 16];
}

/// A picture to draw on.
pub struct Canvas<'p> {
    size: PictureSize,
    rgb: &'p mut [u8],
    /// Pixels of a line, and of a font's dot: grows with the picture so that both stay readable.
    stroke: i64,
}

impl<'p> Canvas<'p> {
    /// Draws on `picture` (copying it first where it is shared).
    pub fn on(picture: &'p mut Picture) -> Self {
        let size = picture.size();
        Self { size, rgb: picture.rgb_mut(), stroke: i64::from(size.width / 640).clamp(1, 4) }
    }

    fn fill(&mut self, [x1, y1, x2, y2]: [i64; 4], colour: Colour) {
        let (w, h) = (i64::from(self.size.width), i64::from(self.size.height));
        for y in y1.max(0)..y2.min(h) {
            for x in x1.max(0)..x2.min(w) {
                let at = (y * w + x) as usize * 3;
                self.rgb[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    fn pixel(&self, p: NormPoint) -> (i64, i64) {
        let scale = |v: f32, n: u32| ((v * n as f32) as i64).clamp(0, i64::from(n) - 1);
        (scale(p.x, self.size.width), scale(p.y, self.size.height))
    }

    /// A straight line (Bresenham).
    pub fn line(&mut self, from: NormPoint, to: NormPoint, colour: Colour) {
        let ((mut x, mut y), (x2, y2)) = (self.pixel(from), self.pixel(to));
        let (dx, dy) = ((x2 - x).abs(), -(y2 - y).abs());
        let (sx, sy) = ((x2 - x).signum(), (y2 - y).signum());
        let mut error = dx + dy;
        loop {
            self.fill([x, y, x + self.stroke, y + self.stroke], colour);
            if (x, y) == (x2, y2) {
                return;
            }
            let doubled = 2 * error;
            if doubled >= dy {
                error += dy;
                x += sx;
            }
            if doubled <= dx {
                error += dx;
                y += sy;
            }
        }
    }

    /// The outline of a zone.
    pub fn polygon(&mut self, zone: &Polygon, colour: Colour) {
        let corners = zone.corners();
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            self.line(*from, *to, colour);
        }
    }

    /// The outline of a box, with a word above it (inside, where there is no room above).
    pub fn frame(&mut self, bbox: NormBox, colour: Colour, word: &str) {
        let corners = [(bbox.x1(), bbox.y1()), (bbox.x2(), bbox.y1()), (bbox.x2(), bbox.y2()), (bbox.x1(), bbox.y2())];
        let corners = corners.map(|(x, y)| NormPoint::clamped(x, y));
        for n in 0..4 {
            self.line(corners[n], corners[(n + 1) % 4], colour);
        }
        if !word.is_empty() {
            let (x, y) = self.pixel(corners[0]);
            let above = y - self.line_height();
            self.words(x, if above >= 0 { above } else { y + self.stroke }, word, colour);
        }
    }

    /// A line with a head at its end.
    pub fn arrow(&mut self, from: NormPoint, to: NormPoint, colour: Colour) {
        self.line(from, to, colour);
        let (w, h) = (self.size.width as f32, self.size.height as f32);
        let (dx, dy) = ((to.x - from.x) * w, (to.y - from.y) * h);
        let length = dx.hypot(dy).max(1.0);
        let head = (self.stroke * 14) as f32;
        for side in [-0.5f32, 0.5] {
            let (x, y) = (to.x * w - head * (dx - dy * side) / length, to.y * h - head * (dy + dx * side) / length);
            self.line(to, NormPoint::clamped(x / w, y / h), colour);
        }
    }

    /// A small upright cross, its middle at `p`.
    pub fn cross(&mut self, p: NormPoint, colour: Colour) {
        let ((x, y), arm) = (self.pixel(p), self.stroke * 6);
        self.fill([x - arm, y, x + arm + 1, y + self.stroke], colour);
        self.fill([x, y - arm, x + self.stroke, y + arm + 1], colour);
    }

    /// Words beside a point.
    pub fn label(&mut self, p: NormPoint, words: &str, colour: Colour) {
        let (x, y) = self.pixel(p);
        let y = (y + self.stroke).min(i64::from(self.size.height) - self.line_height()).max(0);
        self.words(x + 2 * self.stroke, y, words, colour);
    }

    /// Pixels from one line of words to the next.
    pub fn line_height(&self) -> i64 {
        10 * self.stroke
    }

    /// Words on a dark plate, with their upper left corner at pixel `x`, `y`. What the font lacks shows as `?`.
    pub fn words(&mut self, x: i64, y: i64, words: &str, colour: Colour) {
        let dot = self.stroke;
        let width = words.chars().count() as i64 * 8 * dot;
        // A plate that would leave the picture on the right is moved left.
        let x = x.min(i64::from(self.size.width) - width - 2 * dot).max(0);
        self.fill([x, y, x + width + 2 * dot, y + 10 * dot], colour::PLATE);
        for (n, c) in words.chars().enumerate() {
            let glyph =
                font8x8::BASIC_FONTS.get(c).or_else(|| font8x8::LATIN_FONTS.get(c)).or_else(|| font8x8::BASIC_FONTS.get('?'));
            for (row, bits) in glyph.unwrap_or_default().into_iter().enumerate() {
                for column in (0..8).filter(|column| bits & (1 << column) != 0) {
                    let (left, top) = (x + dot + (n as i64 * 8 + column) * dot, y + dot + row as i64 * dot);
                    self.fill([left, top, left + dot, top + dot], colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32) -> Picture {
        let size = PictureSize { width, height };
        Picture::from_rgb(size, vec![100; size.pixels() * 3]).unwrap()
    }

    /// The picture as text: `.` untouched, `#` the colour, `o` a plate.
    fn text(picture: &Picture, colour: Colour) -> Vec<String> {
        (0..picture.size().height)
            .map(|y| {
                let dots = picture.row(y).chunks(3).map(|p| match p {
                    [100, 100, 100] => '.',
                    p if p == colour => '#',
                    _ => 'o',
                });
                dots.collect()
            })
            .collect()
    }

    #[test]
    fn a_box_is_drawn_where_it_is() {
        let mut picture = grey(12, 6);
        Canvas::on(&mut picture).frame(NormBox::new(0.25, 0.17, 0.75, 0.84).unwrap(), colour::ALARM, "");
        assert_eq!(
            text(&picture, colour::ALARM),
            ["............", "...#######..", "...#.....#..", "...#.....#..", "...#.....#..", "...#######.."]
        );
    }

    #[test]
    fn words_are_readable_and_stay_in_the_picture() {
        let mut picture = grey(12, 10);
        Canvas::on(&mut picture).words(9, 0, "T", colour::TEXT);
        assert_eq!(
            text(&picture, colour::TEXT),
            [
                "..oooooooooo",
                "..o######ooo",
                "..o#o##o#ooo",
                "..ooo##ooooo",
                "..ooo##ooooo",
                "..ooo##ooooo",
                "..ooo##ooooo",
                "..oo####oooo",
                "..oooooooooo",
                "..oooooooooo",
            ]
        );
    }

    #[test]
    fn nothing_outside_the_picture_is_touched_and_nothing_panics() {
        let mut picture = grey(1, 1);
        let mut canvas = Canvas::on(&mut picture);
        canvas.frame(NormBox::WHOLE, colour::ALARM, "ü 中 long words on a small picture");
        canvas.polygon(&Polygon::whole_picture(), colour::ZONE);
    }
}
