//! The model registry: which ONNX files may be loaded, what feeds them and how their answer is read.
//!
//! The file's format is described at its own head (`models/registry.toml`). Reading it here is parsing, not validating: an [`Entry`]
//! that exists is complete and free of contradictions; what can only be known from the ONNX file itself (its hash, its inputs and
//! outputs) is checked by [`Model::open`](crate::Model::open).

mod parse;
mod reader;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use matpho_config::Complaint;
use matpho_scene::{Class, ModelId, PictureSize};
use sha2::{Digest, Sha256};

use crate::error::InferError;

pub(crate) use parse::WATER;

/// How a model's output is read. The shapes are those of the ONNX outputs; `C` is the number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// One output `[1, A, 5 + C]`: box, objectness, classes; non-maximum suppression follows.
    Yolox,
    /// Class outputs `[1, A_s, C]` and distance outputs `[1, A_s, 4 * bins]` for each stride, or both in one output
    /// `[1, A, C + 4 * bins]` (NanoDet-Plus); non-maximum suppression follows.
    Picodet,
    /// Boxes `[1, Q, 4]` and logits `[1, Q, C]`, or labels `[1, Q]`, boxes `[1, Q, 4]` and scores `[1, Q]`; no suppression.
    Detr,
    /// One output `[1, C]`.
    Classify,
    /// One output `[1, C, h, w]` (`[1, 2, h, w]` with background first where `C` is 1).
    Segment,
}

impl Family {
    /// All families, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::Yolox, Self::Picodet, Self::Detr, Self::Classify, Self::Segment];

    /// The family as it is spelled in the registry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yolox => "yolox",
            Self::Picodet => "picodet",
            Self::Detr => "detr",
            Self::Classify => "classify",
            Self::Segment => "segment",
        }
    }

    /// Whether boxes of one object have to be reduced to one.
    pub const fn needs_nms(self) -> bool {
        matches!(self, Self::Yolox | Self::Picodet)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Order of the three colour planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Blue first.
    Bgr,
    /// Red first.
    Rgb,
}

/// How a picture is brought to the size of the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resize {
    /// One factor for both sides; the picture lies at the top left, bars of grey level `pad` fill the rest. Shapes are kept.
    Letterbox {
        /// Grey level of the bars, before mean and scale.
        pad: u8,
    },
    /// Each side by its own factor; no bars, shapes are not kept.
    Stretch,
}

/// How a side that gets smaller is made so. What a network is shown should look like what it was trained on: by two pixels each, a
/// picture of 1080 lines keeps its grain at 224, and lines thinner than the gaps between come and go; averaged, they fade.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Shrink {
    /// Between the two source pixels nearest to a target pixel's centre, OpenCV's `INTER_LINEAR`: what public detectors were made for.
    #[default]
    Bilinear,
    /// The mean of the source pixels that a target pixel covers, OpenCV's `INTER_AREA`. Reads every pixel of the picture.
    Average,
}

/// What a network wants to be fed: `[1, 3, height, width]`, `(pixel - mean) * scale` with pixels of 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Width and height of the network's input.
    pub size: PictureSize,
    /// Order of the planes.
    pub channels: Channels,
    /// Subtracted first, in the order of `channels`.
    pub mean: [f32; 3],
    /// Multiplied then, in the order of `channels`; never 0.
    pub scale: [f32; 3],
    /// How the picture is brought to `size`.
    pub resize: Resize,
    /// How its sides are made smaller; bilinear where the registry does not say.
    pub shrink: Shrink,
}

/// What a network answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// `yolox`: whether boxes are in input pixels (true) or in units of their stride (false).
    /// `classify`, `segment`: whether values are probabilities (true) or logits (false).
    pub decoded: bool,
    /// Pixels of the input a cell, one number an output level.
    pub strides: Vec<u32>,
    /// Names of the ONNX outputs in the order that [`Family`] lists them; empty where the file's own order is that order.
    pub names: Vec<String>,
}

/// One model of the registry.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The name that configurations use.
    pub id: ModelId,
    /// The ONNX file.
    pub file: PathBuf,
    /// What the file's SHA-256 has to be, 64 lower-case hex digits.
    pub sha256: String,
    /// How the output is read.
    pub family: Family,
    /// Names in the order of the outputs.
    pub classes: Vec<String>,
    /// Two boxes of one class that overlap by more than this are one object; set where [`Family::needs_nms`].
    pub nms_iou: Option<f32>,
    /// SPDX expression of the weights.
    pub licence: String,
    /// Where it says what the model was trained on and how well it works.
    pub card: String,
    /// One line about it.
    pub summary: String,
    /// Where the file can be fetched from, where it is not part of the project.
    pub url: Option<String>,
    /// What feeds it.
    pub input: InputSpec,
    /// What it answers.
    pub output: OutputSpec,
    /// Least score by class name; there is one for each class that [`Class`] knows, and for `water`.
    pub thresholds: BTreeMap<String, f32>,
}

impl Entry {
    /// The least score of a class; the lowest where several names mean that class (`car` and `van`).
    pub fn threshold(&self, class: Class) -> Option<f32> {
        self.class_thresholds().get(&class).copied()
    }

    /// The least scores of all classes that [`Class`] knows.
    pub fn class_thresholds(&self) -> BTreeMap<Class, f32> {
        let mut by_class = BTreeMap::new();
        for (name, &score) in &self.thresholds {
            if let Ok(class) = name.parse::<Class>() {
                by_class.entry(class).and_modify(|least: &mut f32| *least = least.min(score)).or_insert(score);
            }
        }
        by_class
    }

    /// Checks that the file is there and is the one that the registry means.
    pub fn verify(&self) -> Result<(), InferError> {
        self.read().map(drop)
    }

    /// The file's bytes, after their hash was found right.
    pub(crate) fn read(&self) -> Result<Vec<u8>, InferError> {
        let bytes = fs::read(&self.file).map_err(|source| InferError::ReadModel {
            model: self.id.clone(),
            file: self.file.clone(),
            source,
        })?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found == self.sha256 {
            Ok(bytes)
        } else {
            Err(InferError::WrongHash { model: self.id.clone(), file: self.file.clone(), declared: self.sha256.clone(), found })
        }
    }
}

/// The models that may be loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// Why a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file cannot be read.
    #[error("failed to read the model registry {path}", path = path.display())]
    Read {
        /// The registry.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something wrong: all of it at once.
    #[error("the model registry {path} is wrong:{}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>(), path = path.display())]
    Wrong {
        /// The registry.
        path: PathBuf,
        /// Everything that is wrong, by line.
        problems: Vec<Complaint>,
    },
}

impl Registry {
    /// Reads a registry file. Reports everything that is wrong with it at once.
    pub fn load(path: &Path) -> Result<Self, RegistryError> {
        let text = fs::read_to_string(path).map_err(|source| RegistryError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Reads a registry from text. `path` is where it was read from: files are relative to its folder.
    pub fn parse(path: &Path, text: &str) -> Result<Self, RegistryError> {
        match parse::entries(text, path.parent().unwrap_or(Path::new(""))) {
            Ok(entries) => Ok(Self { path: path.to_owned(), entries }),
            Err(problems) => Err(RegistryError::Wrong { path: path.to_owned(), problems }),
        }
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All models, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One model.
    pub fn get(&self, id: &ModelId) -> Result<&Entry, InferError> {
        self.entries.iter().find(|entry| entry.id == *id).ok_or_else(|| InferError::UnknownModel {
            model: id.clone(),
            registry: self.path.clone(),
            known: self.entries.iter().map(|entry| entry.id.clone()).collect(),
        })
    }

    /// Checks each model's file against its hash.
    pub fn verify(&self) -> Vec<(&Entry, Result<(), InferError>)> {
        self.entries.iter().map(|entry| (entry, entry.verify())).collect()
    }
}
