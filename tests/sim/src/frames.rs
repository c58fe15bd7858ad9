//! Pictures and their truth as files, as fast as they can be made.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;

use crate::camera::{CameraSim, Models};
use crate::scenario::Scenario;
use crate::vary::vary;

/// What to dump.
#[derive(Debug, Clone)]
pub struct FrameJob {
    /// Which camera of the scenario.
    pub camera: String,
    /// Scenario seconds from picture to picture.
    pub every_s: f64,
    /// Scenario seconds to go through, from `from_s`.
    pub seconds: f64,
    /// Where to begin.
    pub from_s: f64,
    /// Where the files go.
    pub out: PathBuf,
    /// PNG instead of JPEG.
    pub png: bool,
    /// Draw another street of this kind, by this seed.
    pub vary: Option<u32>,
    /// How many such streets, one after another.
    pub scenes: u32,
}

/// Writes pictures `CAMERA[-vSEED]_NNNNNN.jpg`, water masks `…_water.png` where there is water, and `truth.jsonl` (each line names its `image` and `water_mask`).
pub fn dump_frames(scenario: &Scenario, job: &FrameJob) -> Result<u64> {
    std::fs::create_dir_all(&job.out).with_context(|| format!("cannot make folder {}", job.out.display()))?;
    let path = job.out.join("truth.jsonl");
    let file =
        File::options().create(true).append(true).open(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut truth = BufWriter::new(file);
    let models = Models::build();
    let base = scenario.camera(&job.camera)?;
    let mut written = 0;
    for k in 0..job.scenes.max(1) {
        let seed = job.vary.map(|s| s.wrapping_add(k));
        let camera = seed.map_or_else(|| base.clone(), |s| vary(base, s));
        let mut sim = CameraSim::new(scenario, &camera, &models).with_water_mask();
        let stem = seed.map_or_else(|| camera.id.clone(), |s| format!("{}-v{s}", camera.id));
        let pictures = (job.seconds / job.every_s).ceil().max(1.0) as u64;
        for n in 0..pictures {
            let t = job.from_s + n as f64 * job.every_s;
            let fault = sim.scripted_fault(t);
            let (w, h) = (camera.width, camera.height);
            let picture = sim.picture(t, fault);
            let name = format!("{stem}_{n:06}.{}", if job.png { "png" } else { "jpg" });
            save(&job.out.join(&name), &rgb(picture.yuv, w, h), (w, h), job.png)?;
            let mut line = serde_json::to_value(&picture.truth)?;
            line["image"] = name.into();
            if let Some(mask) = picture.water_mask {
                let name = format!("{stem}_{n:06}_water.png");
                let at = job.out.join(&name);
                image::save_buffer(&at, mask, w as u32, h as u32, image::ExtendedColorType::L8)
                    .with_context(|| format!("cannot write {}", at.display()))?;
                line["water_mask"] = name.into();
            }
            serde_json::to_writer(&mut truth, &line)?;
            truth.write_all(b"\n")?;
            written += 1;
        }
    }
    truth.flush()?;
    Ok(written)
}

fn save(path: &Path, rgb: &[u8], (w, h): (usize, usize), png: bool) -> Result<()> {
    let what = || format!("cannot write {}", path.display());
    if png {
        return image::save_buffer(path, rgb, w as u32, h as u32, image::ExtendedColorType::Rgb8).with_context(what);
    }
    let file = BufWriter::new(File::create(path).with_context(what)?);
    JpegEncoder::new_with_quality(file, 84).encode(rgb, w as u32, h as u32, image::ExtendedColorType::Rgb8).with_context(what)
}

/// Planar 4:2:0 (BT.601, limited range) to interleaved RGB.
pub(crate) fn rgb(yuv: &[u8], w: usize, h: usize) -> Vec<u8> {
    let (luma, chroma) = yuv.split_at(w * h);
    let (us, vs) = chroma.split_at(w * h / 4);
    let mut out = vec![0; w * h * 3];
    for y in 0..h {
        for x in 0..w {
            let c = y / 2 * (w / 2) + x / 2;
            let l = 298 * (i32::from(luma[y * w + x]) - 16);
            let (u, v) = (i32::from(us[c]) - 128, i32::from(vs[c]) - 128);
            let rgb = [l + 409 * v, l - 100 * u - 208 * v, l + 516 * u];
            for k in 0..3 {
                out[(y * w + x) * 3 + k] = ((rgb[k] + 128) >> 8).clamp(0, 255) as u8;
            }
        }
    }
    out
}
