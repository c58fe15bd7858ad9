//! What a model of the registry finds in pictures, as one JSON line a picture, and drawn into them where a folder is named.
//!
//! ```text
//! cargo run --release -p matpho-infer --example detect -- vehicles PICTURE… [--registry FILE] [--draw FOLDER] [--tiles COLSxROWS]
//! ```

use std::{fmt::Write as _, fs, path::PathBuf};

use matpho_infer::{Model, Output, Registry, Runtime, SessionOptions, Tiling};
use matpho_scene::{Detection, Picture, PictureSize};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut registry, mut draw, mut tiling, mut plain) = (PathBuf::from("models/registry.toml"), None, None, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--registry" => registry = value()?.into(),
            "--draw" => draw = Some(PathBuf::from(value()?)),
            "--tiles" => {
                let value = value()?;
                let (cols, rows) = value.split_once('x').ok_or("--tiles wants COLSxROWS, such as 2x2")?;
                tiling = Some(Tiling { cols: cols.parse()?, rows: rows.parse()?, overlap: 0.15 });
            }
            _ => plain.push(arg),
        }
    }
    let [id, pictures @ ..] = &plain[..] else { return Err("usage: detect MODEL PICTURE… (see the head of this file)".into()) };
    let registry = Registry::load(&registry)?;
    let mut model = Model::open(&Runtime::load(None)?, registry.get(&id.parse()?)?, &SessionOptions::default())?;
    for path in pictures {
        let rgb = image::open(path)?.to_rgb8();
        let size = PictureSize { width: rgb.width(), height: rgb.height() };
        let picture = Picture::from_rgb(size, rgb.into_raw())?;
        let output = match tiling {
            Some(tiling) => model.run_tiled(&picture, tiling)?,
            None => model.run(&picture)?,
        };
        println!("{}", line(path, size, &output));
        if let (Some(folder), Output::Detections(found)) = (&draw, &output) {
            fs::create_dir_all(folder)?;
            let name = PathBuf::from(path).with_extension("png");
            save(picture, found, folder.join(name.file_name().ok_or("no file name")?))?;
        }
    }
    let stats = model.stats();
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3 / stats.runs.max(1) as f64;
    eprintln!(
        "{} runs: {:.2} ms to prepare, {:.2} ms of network, {:.2} ms to read the answer, each",
        stats.runs,
        ms(stats.preprocess),
        ms(stats.network),
        ms(stats.decode)
    );
    Ok(())
}

/// One JSON object; file names are quoted as Rust does, which JSON reads for ordinary ones.
fn line(path: &str, size: PictureSize, output: &Output) -> String {
    let mut line = format!("{{\"source\":{path:?},\"width\":{},\"height\":{},", size.width, size.height);
    match output {
        Output::Detections(found) => {
            let one = |d: &Detection| {
                let [x1, y1, x2, y2] = d.bbox.to_pixels(size);
                let (class, score) = (d.class, d.score.get());
                format!("{{\"class\":\"{class}\",\"score\":{score:.4},\"box\":[{x1:.1},{y1:.1},{x2:.1},{y2:.1}]}}")
            };
            let _ = write!(line, "\"detections\":[{}]", found.iter().map(one).collect::<Vec<_>>().join(","));
        }
        Output::Labels(labels) => {
            let one = |(name, score): &(String, matpho_scene::Score)| format!("{name:?}:{:.4}", score.get());
            let _ = write!(line, "\"labels\":{{{}}}", labels.iter().map(one).collect::<Vec<_>>().join(","));
        }
        Output::Mask(mask) => {
            let share = mask.cells().iter().filter(|&&cell| cell >= 128).count() as f32 / mask.cells().len() as f32;
            let _ = write!(line, "\"mask\":[{},{}],\"water_share\":{share:.4}", mask.width(), mask.height());
        }
    }
    line + "}"
}

/// Draws each box two pixels wide, in a colour of its class.
fn save(mut picture: Picture, found: &[Detection], file: PathBuf) -> image::ImageResult<()> {
    const COLOURS: [[u8; 3]; 4] = [[255, 64, 64], [64, 255, 64], [64, 160, 255], [255, 220, 0]];
    let size = picture.size();
    let rgb = picture.rgb_mut();
    for detection in found {
        let colour = COLOURS[detection.class as usize % COLOURS.len()];
        let [x1, y1, x2, y2] = detection.bbox.to_pixels(size).map(|side| side as u32);
        for (y, x) in (y1..y2.min(size.height)).flat_map(|y| (x1..x2.min(size.width)).map(move |x| (y, x))) {
            if x < x1 + 2 || x + 2 >= x2 || y < y1 + 2 || y + 2 >= y2 {
                let at = (y * size.width + x) as usize * 3;
                rgb[at..at + 3].copy_from_slice(&colour);
            }
        }
    }
    image::save_buffer(file, rgb, size.width, size.height, image::ExtendedColorType::Rgb8)
}
