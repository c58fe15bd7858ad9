//! `--annotate`: the picture with zones, tracks, signs and states drawn in.

use std::path::PathBuf;

use matpho_media::annotate::Mp4Writer;
use matpho_scene::{MediaTime, Picture, PictureSize, measurement::Judgement};

use crate::{
    evidence::draw::{Canvas, colour},
    evidence::jpeg,
    judge::Judge,
    look::Looked,
};

/// Writes the annotated video. The file's size follows the first picture.
pub struct Annotator {
    path: PathBuf,
    fps: f64,
    writer: Option<(Mp4Writer, PictureSize)>,
    water: Option<f32>,
}

impl Annotator {
    /// For a video of about `fps` pictures a second.
    pub fn new(path: PathBuf, fps: f64) -> Self {
        Self { path, fps, writer: None, water: None }
    }

    /// Adds a picture.
    pub fn push(&mut self, at: MediaTime, picture: &Picture, looked: &Looked, judge: &Judge) -> anyhow::Result<()> {
        self.water = looked.water_share.or(self.water);
        let mut drawn = draw(picture, looked, judge, self.water);
        let (writer, size) = match &mut self.writer {
            Some(open) => open,
            none => none.insert((Mp4Writer::create(&self.path, picture.size(), self.fps)?, picture.size())),
        };
        if drawn.size() != *size {
            drawn = fit(&drawn, *size);
        }
        Ok(writer.push(&drawn, at)?)
    }

    /// Makes the file appear.
    pub fn finish(self) -> anyhow::Result<()> {
        if let Some((writer, _)) = self.writer {
            writer.finish()?;
        }
        Ok(())
    }
}

/// Pictures of a folder may differ in size: what does not fit is shrunk and padded.
fn fit(picture: &Picture, size: PictureSize) -> Picture {
    let mut width = size.width;
    let shrunk = loop {
        let shrunk = jpeg::shrink(picture, width);
        if shrunk.size().height <= size.height || width <= 16 {
            break shrunk;
        }
        width = width * 7 / 8;
    };
    let mut rgb = vec![0; size.pixels() * 3];
    let rows = shrunk.size().height.min(size.height);
    for y in 0..rows {
        let row = shrunk.row(y);
        let at = y as usize * size.width as usize * 3;
        let n = row.len().min(size.width as usize * 3);
        rgb[at..at + n].copy_from_slice(&row[..n]);
    }
    Picture::from_rgb(size, rgb).unwrap_or(shrunk)
}

fn draw(picture: &Picture, looked: &Looked, judge: &Judge, water: Option<f32>) -> Picture {
    let mut picture = picture.clone();
    let mut canvas = Canvas::on(&mut picture);
    if judge.plan().is_drawn() {
        for zone in judge.plan().zones() {
            canvas.polygon(&zone.polygon, colour::ZONE);
        }
    }
    for track in judge.tracked() {
        canvas.frame(track.bbox, colour::OBJECT, &format!("{} {}", track.class, track.id));
    }
    for sign in looked.fire.iter().flatten() {
        canvas.frame(sign.bbox, colour::SIGN, &format!("{} {:.0}%", sign.class, sign.score.get() * 100.0));
    }
    let mut y = 4;
    for (analytic, judgement) in judge.judgements() {
        let (word, tint) = match judgement {
            Judgement::Clear => ("clear", colour::OBJECT),
            Judgement::Suspected => ("suspected", colour::SIGN),
            Judgement::Present => ("PRESENT", colour::ALARM),
            Judgement::Unknown => ("unknown", colour::ZONE),
        };
        let share = water.filter(|_| analytic == "flood").map(|share| format!(" {:.0}%", share * 100.0)).unwrap_or_default();
        canvas.words(4, y, &format!("{analytic}: {word}{share}"), tint);
        y += canvas.line_height();
    }
    picture
}
