//! Finding the models and starting them; `models list | verify | pull`.
//!
//! A model that is missing or wrong does not stop the others: what needs it stays unknown, and the error says why.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use matpho_analytics::{Analytic, CameraPlan};
use matpho_infer::{Entry, InferError, Model, Provider, Registry, Runtime, SessionOptions, Tiling};
use matpho_scene::ModelId;

use crate::{config, judge::SCORE_FLOOR, look::Models};

/// The registry's usual name.
const REGISTRY: &str = "models/registry.toml";

/// Where models come from instead of their own addresses: a folder, or the beginning of an address.
pub const MIRROR_VARIABLE: &str = "MATPHO_MODEL_MIRROR";

/// Which models are needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// For tracks, and for making people and plates unreadable.
    pub vehicles: bool,
    /// For flames and smoke.
    pub fire: bool,
    /// For water.
    pub water: bool,
}

impl Needs {
    /// Of one camera.
    pub fn of(plan: &CameraPlan) -> Self {
        Self {
            vehicles: config::needs_tracks(plan.analytics()),
            fire: plan.runs(Analytic::Fire) || plan.runs(Analytic::Smoke),
            water: plan.runs(Analytic::Flood),
        }
    }

    /// Of both.
    pub fn or(self, other: Self) -> Self {
        Self { vehicles: self.vehicles || other.vehicles, fire: self.fire || other.fire, water: self.water || other.water }
    }
}

/// The registry and what its models run on.
pub struct Shelf {
    runtime: Runtime,
    registry: Registry,
    choice: config::Models,
    provider: Provider,
}

/// Finds the registry: the one named, or else `models/registry.toml` in the current folder, beside the program, in a folder above it (a source
/// tree), or where the package puts it.
pub fn find_registry(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        let file = if named.is_dir() { named.join("registry.toml") } else { named.to_owned() };
        if !file.is_file() {
            bail!("there is no model registry {}", file.display());
        }
        return Ok(file);
    }
    let program = std::env::current_exe().unwrap_or_default();
    let places = std::iter::once(PathBuf::new())
        .chain(program.ancestors().skip(1).take(4).map(Path::to_owned))
        .chain([PathBuf::from("/usr/share/matpho"), PathBuf::from("/usr/local/share/matpho")]);
    let looked: Vec<PathBuf> = places.map(|folder| folder.join(REGISTRY)).collect();
    looked.iter().find(|file| file.is_file()).cloned().with_context(|| {
        let list: Vec<_> = looked.iter().map(|file| file.display().to_string()).collect();
        format!(
            "no model registry was found; looked for {}: name its folder with --models, or in [models] registry",
            list.join(", ")
        )
    })
}

impl Shelf {
    /// Loads the registry and ONNX Runtime. No model yet.
    pub fn open(
        models: &config::Models,
        registry: Option<&Path>,
        onnxruntime: Option<&Path>,
        provider: Provider,
    ) -> anyhow::Result<Self> {
        let path = find_registry(registry.or(models.registry.as_deref()))?;
        let registry = Registry::load(&path)?;
        let runtime = Runtime::load(onnxruntime)?;
        tracing::info!(registry = %path.display(), library = %runtime.library().display(), %provider, "models and ONNX Runtime found");
        Ok(Self { runtime, registry, choice: models.clone(), provider })
    }

    /// The entry of the model that finds vehicles, where the registry has it.
    pub fn vehicles(&self) -> Option<&Entry> {
        self.registry.get(&self.choice.vehicles).ok()
    }

    /// Starts what is needed, with sessions of its own; what does not start is left out and told.
    pub fn load(&self, needs: Needs) -> (Models, Vec<(ModelId, InferError)>) {
        let mut wrong = Vec::new();
        let mut open = |id: &ModelId, needed: bool, score_floor: Option<f32>| {
            let options = SessionOptions { provider: self.provider, threads: 1, score_floor, ..SessionOptions::default() };
            let opened = needed.then(|| self.registry.get(id).and_then(|entry| Model::open(&self.runtime, entry, &options)))?;
            opened.map_err(|error| wrong.push((id.clone(), error))).ok()
        };
        let models = Models {
            vehicles: open(&self.choice.vehicles, needs.vehicles, Some(SCORE_FLOOR)),
            fire: open(&self.choice.fire, needs.fire, None),
            water: open(&self.choice.water, needs.water, None),
        };
        (models, wrong)
    }
}

/// Prints the registry as a table.
pub fn list(registry: &Registry) -> String {
    let mut text = String::new();
    for entry in registry.entries() {
        let state = match entry.verify() {
            Ok(()) => "ready",
            Err(InferError::ReadModel { .. }) => "not here",
            Err(_) => "wrong file",
        };
        let size = entry.input.size;
        text += &format!("{:<20} {:<9} {size:<9} {state:<10} {:<12} {}\n", entry.id, entry.family, entry.licence, entry.summary);
    }
    text
}

/// Checks every file against its hash; the first text is what is right, the second what is not.
pub fn verify(registry: &Registry) -> (Vec<String>, Vec<String>) {
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for (entry, checked) in registry.verify() {
        match checked {
            Ok(()) => right.push(format!("{}: {} is the file that the registry declares", entry.id, entry.file.display())),
            Err(error) => wrong.push(crate::chain(&error)),
        }
    }
    (right, wrong)
}

/// Tiles as they are written: `2x2` is two across and two down, which overlap by a seventh.
pub fn tiling(text: &str) -> Option<Tiling> {
    let (cols, rows) = text.split_once('x')?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=8).contains(side));
    Some(Tiling { cols: side(cols)?, rows: side(rows)?, overlap: 0.15 })
}

/// Where a model is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Folder(PathBuf),
    Url(String),
}

/// From the mirror, where one is set; else from the model's own address.
fn origin(file: &Path, url: Option<&str>, mirror: Option<&str>) -> Option<Origin> {
    let name = file.file_name()?.to_str()?;
    let Some(mirror) = mirror else { return url.map(|url| Origin::Url(url.to_owned())) };
    Some(if mirror.contains("://") {
        Origin::Url(format!("{}/{name}", mirror.trim_end_matches('/')))
    } else {
        Origin::Folder(Path::new(mirror).join(name))
    })
}

/// Fetches a model that is not there, or is not the file that the registry declares. What was fetched before is gone on with; nothing is put in place
/// before its hash is right.
pub fn pull(entry: &Entry, mirror: Option<&str>, progress: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<bool> {
    if entry.verify().is_ok() {
        return Ok(false);
    }
    let Some(origin) = origin(&entry.file, entry.url.as_deref(), mirror) else {
        bail!(
            "{} is not here, and its registry entry has no url: set {MIRROR_VARIABLE} to a folder or an address that holds {}",
            entry.file.display(),
            entry.file.file_name().unwrap_or_default().to_string_lossy()
        );
    };
    let part = entry.file.with_extension("onnx.part");
    match &origin {
        Origin::Folder(from) => {
            fs::copy(from, &part).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        Origin::Url(url) => download(url, &part, progress).with_context(|| {
            format!("cannot fetch {url}: check the network, or copy the file to {} yourself, or set {MIRROR_VARIABLE} to a folder that holds it", entry.file.display())
        })?,
    }
    // What has the wrong hash is not gone on with next time.
    let mut fetched = entry.clone();
    fetched.file = part.clone();
    if let Err(error) = fetched.verify() {
        let _ = fs::remove_file(&part);
        bail!(crate::chain(&error));
    }
    fs::rename(&part, &entry.file).with_context(|| format!("cannot put {} in place", entry.file.display()))?;
    Ok(true)
}

fn download(url: &str, part: &Path, progress: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<()> {
    let have = fs::metadata(part).map_or(0, |meta| meta.len());
    let agent = crate::fetch::agent(None, Duration::from_secs(1800))?;
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut answer = request.call()?;
    let goes_on = answer.status().as_u16() == 206;
    let mut file = if goes_on { fs::File::options().append(true).open(part)? } else { fs::File::create(part)? };
    let mut done = if goes_on { have } else { 0 };
    let total = answer.body().content_length().map(|rest| done + rest);
    let mut reader = answer.body_mut().as_reader();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            file.sync_all()?;
            return Ok(());
        }
        file.write_all(&buffer[..n])?;
        done += n as u64;
        progress(done, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_folder_or_an_address() {
        let file = Path::new("/x/models/fire.onnx");
        assert_eq!(origin(file, None, None), None);
        let own = Some("https://b.example/fire-v2.onnx");
        assert_eq!(origin(file, own, None), own.map(|url| Origin::Url(url.into())));
        assert_eq!(origin(file, own, Some("/mnt/usb")), Some(Origin::Folder("/mnt/usb/fire.onnx".into())));
        assert_eq!(origin(file, None, Some("https://a.example/m/")), Some(Origin::Url("https://a.example/m/fire.onnx".into())));
    }

    fn registry(dir: &Path, onnx: &[u8]) -> Registry {
        use sha2::Digest;
        let text = format!(
            "[[model]]\nid = \"fire\"\nfile = \"fire.onnx\"\nsha256 = \"{}\"\nfamily = \"yolox\"\nclasses = [\"fire\", \"smoke\"]\nnms_iou = 0.5\n\
             licence = \"Apache-2.0\"\ncard = \"c\"\nsummary = \"s\"\n[model.input]\nwidth = 32\nheight = 32\nlayout = \"nchw\"\nchannels = \"bgr\"\n\
             mean = [0.0, 0.0, 0.0]\nscale = [1.0, 1.0, 1.0]\nresize = \"stretch\"\n[model.output]\ndecoded = false\nstrides = [8]\n\
             [model.threshold]\nfire = 0.4\nsmoke = 0.4\n",
            hex::encode(sha2::Sha256::digest(onnx))
        );
        Registry::parse(&dir.join("registry.toml"), &text).unwrap()
    }

    #[test]
    fn a_model_is_pulled_from_a_folder_once_and_never_with_a_wrong_hash() {
        let (here, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let registry = registry(here.path(), b"weights");
        let entry = &registry.entries()[0];
        let from = mirror.path().to_str();
        assert!(pull(entry, None, &mut |_, _| {}).unwrap_err().to_string().contains(MIRROR_VARIABLE));
        fs::write(mirror.path().join("fire.onnx"), b"other").unwrap();
        assert!(pull(entry, from, &mut |_, _| {}).unwrap_err().to_string().contains("sha256"));
        assert!(!entry.file.exists(), "nothing wrong is put in place");
        fs::write(mirror.path().join("fire.onnx"), b"weights").unwrap();
        assert!(pull(entry, from, &mut |_, _| {}).unwrap());
        assert!(!pull(entry, from, &mut |_, _| {}).unwrap(), "what is right is not fetched again");
        assert!(verify(&registry).1.is_empty());
    }
}
