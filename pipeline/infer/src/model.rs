//! One model at work: picture in, findings out.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use matpho_scene::{Class, Detection, Mask, ModelId, Picture, PictureSize, Score};
use ort::{session::Session, value::TensorRef};

use crate::{
    answer::{self, Found},
    contract::Contract,
    decode::Wanted,
    error::InferError,
    nms::Candidate,
    preprocess::{Fit, Preprocessor, Tensor, Window},
    provider::{self, Provider},
    registry::Entry,
    runtime::Runtime,
};

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

/// Two boxes of one class that overlap by more than this are one object seen in two passes, whose boxes differ more than two of one pass.
const TILED_IOU_MAX: f32 = 0.45;

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

impl RunStats {
    /// Mean time of one run, all three parts.
    pub fn mean(&self) -> Duration {
        let all = self.preprocess + self.network + self.decode;
        all.checked_div(u32::try_from(self.runs).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}

/// A model, ready to run. Belongs to one thread at a time.
#[derive(Debug)]
pub struct Model {
    entry: Entry,
    provider: Provider,
    session: Session,
    contract: Contract,
    preprocessor: Preprocessor,
    wanted: Wanted,
    /// Kept between runs for its memory; empty then.
    candidates: Vec<Candidate>,
    stats: RunStats,
}

impl Model {
    /// Loads a model: checks the file's hash, starts it on the provider, checks its inputs and outputs against the registry, and lets
    /// it run once, so that what is wrong comes to light now and the first picture is not the slow one.
    pub fn open(runtime: &Runtime, entry: &Entry, options: &SessionOptions) -> Result<Self, InferError> {
        let provider = options.provider;
        if !runtime.providers().contains(&provider) {
            let (library, available) = (runtime.library().to_owned(), runtime.providers().to_vec());
            return Err(InferError::NoProvider { provider, library, available });
        }
        let bytes = entry.read()?;
        let (model, file) = (entry.id.clone(), entry.file.clone());
        let session = start(runtime, &bytes, options).map_err(|source| InferError::Load {
            model: model.clone(),
            file: file.clone(),
            provider,
            source,
        })?;
        let contract = Contract::of(entry, session.inputs(), session.outputs()).map_err(|mismatch| InferError::Misfit {
            model,
            file,
            mismatch,
        })?;
        let mut opened = Self {
            provider,
            session,
            preprocessor: Preprocessor::new(entry.input.clone(), contract.bytes),
            contract,
            wanted: Wanted::new(&entry.classes, &entry.thresholds, &options.thresholds, options.score_floor),
            candidates: Vec::new(),
            stats: RunStats::default(),
            entry: entry.clone(),
        };
        opened.try_out()?;
        Ok(opened)
    }

    /// Runs on a black picture; what is odd about the answer is the registry's or the file's fault, no picture's.
    fn try_out(&mut self) -> Result<(), InferError> {
        let size = self.entry.input.size;
        // A black picture of the right length always is a picture.
        let Ok(black) = Picture::from_rgb(size, vec![0; size.pixels() * 3]) else { return Ok(()) };
        let tried = self.run(&black);
        self.stats = RunStats::default();
        match tried {
            Err(InferError::Answer { model, reason }) => {
                Err(InferError::Misfit { model, file: self.entry.file.clone(), mismatch: reason })
            }
            other => other.map(drop),
        }
    }

    /// Looks at one picture of any size. Boxes and masks are in the picture's own normalised coordinates.
    pub fn run(&mut self, picture: &Picture) -> Result<Output, InferError> {
        match self.pass(picture, Window::whole(picture.size()))? {
            (Found::Whole(output), _) => Ok(output),
            (Found::Candidates, _) => Ok(self.finish(self.entry.nms_iou)),
        }
    }

    /// Looks at the whole picture and at each of its tiles, and merges what is found: far objects are found at `1 + cols * rows` times
    /// the cost. Detectors only; the other families take the whole picture as [`Model::run`] does.
    pub fn run_tiled(&mut self, picture: &Picture, tiling: Tiling) -> Result<Output, InferError> {
        let size = picture.size();
        if let (Found::Whole(output), _) = self.pass(picture, Window::whole(size))? {
            return Ok(output);
        }
        for tile in answer::tiles(size, tiling.cols, tiling.rows, tiling.overlap) {
            let new = self.candidates.len();
            if let Err(error) = self.pass(picture, tile) {
                self.candidates.clear();
                return Err(error);
            }
            // What a tile's inner side cuts through is seen whole by a neighbour or in the whole picture.
            let cut = |candidate: &Candidate| cut_off(candidate.bbox, tile, size);
            let kept: Vec<_> = self.candidates.drain(new..).filter(|candidate| !cut(candidate)).collect();
            self.candidates.extend(kept);
        }
        // A network without suppression finds an object once a pass, and there were several passes.
        Ok(self.finish(Some(self.entry.nms_iou.map_or(TILED_IOU_MAX, |iou| iou.min(TILED_IOU_MAX)))))
    }

    /// One run of the network; candidates are left in `self.candidates`.
    fn pass(&mut self, picture: &Picture, window: Window) -> Result<(Found, Fit), InferError> {
        let began = Instant::now();
        let fit = self.preprocessor.fill(picture, window);
        let filled = Instant::now();
        let failed = |source| InferError::Run { model: self.entry.id.clone(), size: picture.size(), source };
        let PictureSize { width, height } = self.entry.input.size;
        let shape = [1, 3, height as usize, width as usize];
        let tensor = match self.preprocessor.tensor() {
            Tensor::F32(values) => TensorRef::from_array_view((shape, &values[..])).map(|tensor| tensor.into_dyn()),
            Tensor::U8(values) => TensorRef::from_array_view((shape, &values[..])).map(|tensor| tensor.into_dyn()),
        };
        let tensor = tensor.map_err(failed)?;
        let sizes = [i64::from(width), i64::from(height)];
        let mut inputs = ort::inputs![self.contract.input.as_str() => tensor];
        if let Some(name) = &self.contract.sizes {
            let sizes = TensorRef::from_array_view(([1usize, 2], &sizes[..])).map_err(failed)?;
            inputs.push((name.as_str().into(), sizes.into()));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let ran = Instant::now();
        let found = answer::read(&outputs, &self.contract, &self.entry, &self.wanted, &fit, &mut self.candidates)
            .map_err(|reason| InferError::Answer { model: self.entry.id.clone(), reason });
        drop(outputs);
        if found.is_err() {
            self.candidates.clear();
        }
        self.stats.runs += 1;
        self.stats.preprocess += filled - began;
        self.stats.network += ran - filled;
        self.stats.decode += ran.elapsed();
        Ok((found?, fit))
    }

    fn finish(&mut self, nms_iou: Option<f32>) -> Output {
        let began = Instant::now();
        let detections = answer::detections(&mut self.candidates, nms_iou);
        self.stats.decode += began.elapsed();
        Output::Detections(detections)
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

fn start(runtime: &Runtime, bytes: &[u8], options: &SessionOptions) -> ort::Result<Session> {
    let builder = Session::builder(runtime.environment())?;
    let builder = builder.with_intra_threads(options.threads.max(1))?;
    // A spinning thread would take the processor from the next camera.
    let builder = builder.with_intra_op_spinning(false)?;
    let mut builder = match provider::dispatch(options.provider, options.threads.max(1)) {
        Some(dispatch) => builder.with_execution_providers([dispatch])?,
        None => builder,
    };
    builder.commit_from_memory(bytes)
}

/// Whether a box ends at a side of a tile that is not a side of the picture.
fn cut_off([x1, y1, x2, y2]: [f32; 4], tile: Window, picture: PictureSize) -> bool {
    /// How near to a tile's side a cut object's box ends, as a share of the tile.
    const NEAR: f32 = 0.01;
    let cut = |low: f32, high: f32, start: u32, length: u32, whole: u32| {
        let (from, to) = (start as f32 / whole as f32, (start + length) as f32 / whole as f32);
        let near = (to - from) * NEAR;
        (start > 0 && low < from + near) || (start + length < whole && high > to - near)
    };
    cut(x1, x2, tile.x, tile.size.width, picture.width) || cut(y1, y2, tile.y, tile.size.height, picture.height)
}
