//! The CloudEvents 1.0 envelope, in structured JSON.

use matpho_scene::WallTime;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The only version of CloudEvents there is.
pub const SPECVERSION: &str = "1.0";

/// A message with its envelope. `source` + `id` is the key by which the centre takes each message once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent<T> {
    /// Always [`SPECVERSION`].
    pub specversion: String,
    /// Unique in its `source`.
    pub id: String,
    /// Which edge or camera says it.
    pub source: String,
    /// What kind of message: `io.matpho.v1.…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The camera's id, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When the camera saw it.
    pub time: WallTime,
    /// When the edge knew it.
    pub recordedtime: WallTime,
    /// Order of the edge's messages, 20 digits so that text order is number order; absent from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The message itself.
    pub data: T,
}

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not of the expected form; serde says where.
    #[error("the message is no {expected} CloudEvent: {json}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
        /// Where and why it is not.
        json: serde_json::Error,
    },
    /// An envelope of another version.
    #[error("CloudEvents version `{0}` is not understood, only 1.0 is")]
    SpecVersion(String),
    /// A field holds what it must not.
    #[error("field `{field}` of the message is wrong: {why}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What can be the data of an envelope.
pub trait Message: Serialize + DeserializeOwned {
    /// What it is called in errors.
    const NAME: &'static str;

    /// Checks what the types cannot.
    fn check(&self) -> Result<(), WireError> {
        Ok(())
    }
}

impl<T: Message> CloudEvent<T> {
    /// An envelope around `data`.
    pub fn new(id: String, source: String, kind: String, time: WallTime, recordedtime: WallTime, data: T) -> Self {
        Self {
            specversion: SPECVERSION.into(),
            id,
            source,
            kind,
            subject: None,
            time,
            recordedtime,
            sequence: None,
            datacontenttype: "application/json".into(),
            data,
        }
    }

    /// The same, about a camera.
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same, with its place in the order of the edge's messages.
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.sequence = Some(format!("{sequence:020}"));
        self
    }

    /// One line of JSON.
    pub fn to_json(&self) -> Result<String, WireError> {
        serde_json::to_string(self).map_err(|json| WireError::Malformed { expected: T::NAME, json })
    }

    /// Reads a message that came from outside.
    pub fn from_json(bytes: &[u8]) -> Result<Self, WireError> {
        let event: Self = serde_json::from_slice(bytes).map_err(|json| WireError::Malformed { expected: T::NAME, json })?;
        if event.specversion != SPECVERSION {
            return Err(WireError::SpecVersion(event.specversion));
        }
        for (field, value) in [("id", &event.id), ("source", &event.source)] {
            if value.is_empty() || value.len() > 512 {
                return Err(WireError::Field { field, why: "it must have 1 to 512 bytes".into() });
            }
        }
        event.data.check()?;
        Ok(event)
    }
}
