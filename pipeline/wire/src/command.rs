//! `commands` and `replies`: what the centre asks of an edge, as MQTT 5 request and response.

use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};

use crate::{envelope::Message, event::EventId};

/// Data of a command.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Send the clip of an event to the centre over HTTP(S).
    UploadClip {
        /// Of which event.
        event: EventId,
        /// Path at the centre to PUT it to, beginning with `/`. The edge knows the centre's address from its own configuration: an
        /// address in a message is never followed.
        path: String,
        /// Allows this one upload; goes into `Authorization: Bearer`.
        token: String,
        /// Until when.
        expires: WallTime,
    },
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UploadClip { event, path, expires, .. } => f
                .debug_struct("UploadClip")
                .field("event", event)
                .field("path", path)
                .field("token", &"***")
                .field("expires", expires)
                .finish(),
        }
    }
}

impl Message for Command {
    const NAME: &'static str = "command";
}

impl Command {
    /// The CloudEvents type.
    pub const TYPE: &'static str = "io.matpho.v1.command";
}

/// Data of a reply. `request` is the CloudEvents id of the command it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Which command it answers.
    pub request: String,
    /// Whether it was done.
    pub done: bool,
    /// Why not, for a person to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Message for Reply {
    const NAME: &'static str = "reply";
}

impl Reply {
    /// The CloudEvents type.
    pub const TYPE: &'static str = "io.matpho.v1.reply";
}
