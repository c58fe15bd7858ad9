//! Finding the models and starting them; `models list | verify` (`pull.rs` fetches them).
//!
//! A model that is missing or wrong does not stop the others: what needs it stays unknown, and the error says why.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use matpho_analytics::{Analytic, CameraPlan};
use matpho_infer::{Entry, InferError, Model, Provider, Registry, Runtime, SessionOptions, Tiling};
use matpho_scene::ModelId;

use crate::{config, judge::SCORE_FLOOR, look::Models};

/// The registry's usual name.
const REGISTRY: &str = "models/registry.toml";

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
            Err(InferError::ReadModel { .. }) if entry.url.is_some() => "to fetch",
            Err(InferError::ReadModel { .. }) => "not here",
            Err(_) => "wrong file",
        };
        let size = entry.input.size;
        text += &format!("{:<20} {:<9} {size:<9} {state:<10} {:<12} {}\n", entry.id, entry.family, entry.licence, entry.summary);
    }
    text
}

/// Checks every file against its hash; the first text is what is right, the second what is not. A model that is fetched when somebody wants it, and
/// that nobody has fetched, is right.
pub fn verify(registry: &Registry) -> (Vec<String>, Vec<String>) {
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for (entry, checked) in registry.verify() {
        match checked {
            Ok(()) => right.push(format!("{}: {} is the file that the registry declares", entry.id, entry.file.display())),
            Err(InferError::ReadModel { source, .. }) if entry.url.is_some() && source.kind() == std::io::ErrorKind::NotFound => {
                right.push(format!("{0}: not fetched (`matpho-edge models pull {0}`)", entry.id));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_written_across_times_down() {
        let tiles = tiling("3x2").unwrap();
        assert_eq!((tiles.cols, tiles.rows), (3, 2));
        for odd in ["", "2", "0x2", "2x9", "2x2x2", "axb"] {
            assert_eq!(tiling(odd), None, "{odd}");
        }
    }
}
