//! What can go wrong, and what was being done when it did.

use std::path::PathBuf;

/// A scenario that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ScenarioError {
    #[error("cannot read scenario {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("scenario {}: {key}: {what}", path.display())]
    Wrong { path: PathBuf, key: String, what: String },
    #[error("the scenario has no camera '{id}'; it has: {known}")]
    NoCamera { id: String, known: String },
}
