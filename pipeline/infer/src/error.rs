//! What can go wrong between an ONNX file and what it finds in a picture.

use std::path::PathBuf;

use matpho_scene::{ModelId, PictureSize};

use crate::provider::Provider;

/// Why a model cannot be opened or run. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The registry has no such model.
    #[error("no model `{model}` in {registry}; it has {known}", registry = registry.display(), known = list(known))]
    UnknownModel {
        /// What was asked for.
        model: ModelId,
        /// Where it was looked for.
        registry: PathBuf,
        /// What is there.
        known: Vec<ModelId>,
    },
    /// The file cannot be read.
    #[error("failed to read {file} of model `{model}`", file = file.display())]
    ReadModel {
        /// Whose file it is.
        model: ModelId,
        /// The ONNX file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not the one that the registry means.
    #[error(
        "{file} of model `{model}` is not the file that the registry declares:\n  declared sha256 {declared}\n  found    sha256 {found}\n\
         put the declared file there, or, where the new file is wanted, its hash into the registry",
        file = file.display()
    )]
    WrongHash {
        /// Whose file it is.
        model: ModelId,
        /// The ONNX file.
        file: PathBuf,
        /// What the registry says.
        declared: String,
        /// What the file has.
        found: String,
    },
    /// The loaded build of ONNX Runtime has no such provider.
    #[error(
        "execution provider `{provider}` is not in {library}, which has {available}: choose one of these, or load a build of ONNX \
         Runtime that has `{provider}` (ORT_DYLIB_PATH)",
        library = library.display(),
        available = list(available)
    )]
    NoProvider {
        /// What was asked for.
        provider: Provider,
        /// The loaded library.
        library: PathBuf,
        /// What it has.
        available: Vec<Provider>,
    },
    /// ONNX Runtime does not take the file, or the provider does not start.
    #[error("ONNX Runtime cannot load {file} of model `{model}` with provider `{provider}`", file = file.display())]
    Load {
        /// Whose file it is.
        model: ModelId,
        /// The ONNX file.
        file: PathBuf,
        /// On what it was to run.
        provider: Provider,
        /// Why.
        source: ort::Error,
    },
    /// The file's inputs or outputs are not what its registry entry says.
    #[error("{file} of model `{model}` does not fit its registry entry: {mismatch}", file = file.display())]
    Misfit {
        /// Whose file it is.
        model: ModelId,
        /// The ONNX file.
        file: PathBuf,
        /// What does not fit, and which key to mend.
        mismatch: String,
    },
    /// ONNX Runtime failed at work.
    #[error("model `{model}` failed on a {size} picture")]
    Run {
        /// Which model.
        model: ModelId,
        /// On what.
        size: PictureSize,
        /// Why.
        source: ort::Error,
    },
    /// What came out is not what the family's output looks like.
    #[error("the output of model `{model}` cannot be read: {reason}")]
    Answer {
        /// Which model.
        model: ModelId,
        /// What is odd about it.
        reason: String,
    },
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        items => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
