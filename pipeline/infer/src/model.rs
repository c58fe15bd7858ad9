//! One model at work: picture in, findings out.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{Class, Detection, Mask, ModelId, Picture, PictureSize, Score};

use crate::{error::InferError, provider::Provider, registry::Entry, runtime::Runtime};

/// How a model is run.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOptions {
    /// What it is computed on.
    pub provider: Provider,
    /// Threads of one run. Several models with one thread each do more work than one model with several threads.
    pub threads: usize,
    /// Least scores that take the place of the registry's, by class.
    pub thresholds: BTreeMap<Class, f32>,
    /// Report every detection from this score on, whatever its class's threshold. For a tracker, which knows what to do with weak
    /// detections and takes the thresholds itself ([`Entry::class_thresholds`]).
    pub score_floor: Option<f32>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { provider: Provider::Cpu, threads: 1, thresholds: BTreeMap::new(), score_floor: None }
    }
}

/// What a model found.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Of the families `yolox`, `picodet` and `detr`: best first.
    Detections(Vec<Detection>),
    /// Of the family `classify`: all classes by name, best first.
    Labels(Vec<(String, Score)>),
    /// Of the family `segment`.
    Mask(Mask),
}

/// Cuts a picture into overlapping tiles, so that far objects come large enough into the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiling {
    /// Tiles side by side, at least 1.
    pub cols: u32,
    /// Tiles one above the other, at least 1.
    pub rows: u32,
    /// Share of a tile that its neighbour shows too, 0 to 0.5.
    pub overlap: f32,
}

/// How often a model ran and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunStats {
    /// Pictures (or tiles) that went through.
    pub runs: u64,
    /// Resizing and normalising, in all.
    pub preprocess: Duration,
    /// The network itself, in all.
    pub network: Duration,
    /// Reading the output, in all.
    pub decode: Duration,
}

/// A model, ready to run. Belongs to one thread at a time.
#[derive(Debug)]
pub struct Model {
    entry: Entry,
    provider: Provider,
    stats: RunStats,
}

impl Model {
    /// Loads a model: checks the file's hash, starts it on the provider, and checks its inputs and outputs against the registry.
    pub fn open(runtime: &Runtime, entry: &Entry, options: &SessionOptions) -> Result<Self, InferError> {
        let _ = (runtime, entry.read()?);
        Ok(Self { entry: entry.clone(), provider: options.provider, stats: RunStats::default() })
    }

    /// Looks at one picture of any size. Boxes and masks are in the picture's own normalised coordinates.
    pub fn run(&mut self, picture: &Picture) -> Result<Output, InferError> {
        Err(InferError::Answer { model: self.entry.id.clone(), reason: format!("nothing looks at {picture:?} yet") })
    }

    /// Looks at the whole picture and at each of its tiles, and merges what is found: far objects are found at `1 + cols * rows` times
    /// the cost. Detectors only; the other families take the whole picture as [`Model::run`] does.
    pub fn run_tiled(&mut self, picture: &Picture, tiling: Tiling) -> Result<Output, InferError> {
        let _ = tiling;
        self.run(picture)
    }

    /// The registry's name of the model.
    pub fn id(&self) -> &ModelId {
        &self.entry.id
    }

    /// What the registry says about it.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Width and height of the network's input.
    pub fn input_size(&self) -> PictureSize {
        self.entry.input.size
    }

    /// The file's hash.
    pub fn sha256(&self) -> &str {
        &self.entry.sha256
    }

    /// What it is computed on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// How often it ran and how long that took.
    pub fn stats(&self) -> RunStats {
        self.stats
    }
}
