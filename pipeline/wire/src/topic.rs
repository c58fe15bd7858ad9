//! Topics: the only place that spells them.

use std::{fmt, str::FromStr};

use matpho_scene::{CameraId, EdgeId, SiteId};

use crate::event::EventId;

/// The root of all topics, with the version of the contract.
pub const ROOT: &str = "matpho/v1";

/// The CloudEvents `source` of a centre.
pub fn center_source() -> String {
    format!("/{ROOT}/center")
}

/// Which edge: the owner of a subtree of topics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The site it belongs to.
    pub site: SiteId,
    /// The gateway.
    pub edge: EdgeId,
}

impl Address {
    /// The CloudEvents `source` of one of its cameras.
    pub fn camera_source(&self, camera: &CameraId) -> String {
        format!("/{ROOT}/{}/{}/cameras/{camera}", self.site, self.edge)
    }

    /// The CloudEvents `source` of the edge itself.
    pub fn source(&self) -> String {
        format!("/{ROOT}/{}/{}", self.site, self.edge)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.edge)
    }
}

/// What a topic is for, in an edge's subtree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Retained [`crate::EdgeStatus`]; also the will.
    Status,
    /// Retained [`crate::CameraStatus`].
    CameraStatus(CameraId),
    /// Retained latest picture of a camera, small, people and plates made unrecognisable; QoS 0.
    CameraPicture(CameraId),
    /// [`crate::EventData`]: began, updated, ended.
    Events,
    /// [`crate::MeasurementData`].
    Measurements,
    /// [`crate::EvidenceData`] of one event.
    Evidence(EventId),
    /// Retained, signed configuration, downwards.
    Config,
    /// Requests to the edge, downwards ([`crate::Command`]).
    Commands,
    /// Answers from the edge ([`crate::Reply`]).
    Replies,
}

/// A topic of one edge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose.
    pub address: Address,
    /// What for.
    pub channel: Channel,
}

impl Topic {
    /// The subscription of a centre to everything that edges send and that may be shared among several centres.
    pub fn filters_shared() -> Vec<String> {
        ["events", "measurements", "evidence/+", "replies"].map(|tail| format!("{ROOT}/+/+/{tail}")).to_vec()
    }

    /// The subscriptions that every centre needs for itself: retained topics are not delivered to shared subscriptions.
    pub fn filters_retained() -> Vec<String> {
        ["status", "cameras/+/status", "cameras/+/picture"].map(|tail| format!("{ROOT}/+/+/{tail}")).to_vec()
    }
}

impl Channel {
    /// The topic of this channel at an edge.
    pub fn of(self, address: &Address) -> Topic {
        Topic { address: address.clone(), channel: self }
    }

    /// Whether the broker keeps the last message for whoever subscribes later.
    pub fn is_retained(&self) -> bool {
        matches!(self, Self::Status | Self::CameraStatus(_) | Self::CameraPicture(_) | Self::Config)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ROOT}/{}/{}/", self.address.site, self.address.edge)?;
        match &self.channel {
            Channel::Status => f.write_str("status"),
            Channel::CameraStatus(camera) => write!(f, "cameras/{camera}/status"),
            Channel::CameraPicture(camera) => write!(f, "cameras/{camera}/picture"),
            Channel::Events => f.write_str("events"),
            Channel::Measurements => f.write_str("measurements"),
            Channel::Evidence(event) => write!(f, "evidence/{event}"),
            Channel::Config => f.write_str("config"),
            Channel::Commands => f.write_str("commands"),
            Channel::Replies => f.write_str("replies"),
        }
    }
}

/// Why a text is not one of our topics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a topic of {ROOT}: {why}")]
pub struct TopicError {
    text: String,
    why: String,
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let refuse = |why: String| TopicError { text: text.chars().take(200).collect(), why };
        let rest = text
            .strip_prefix(ROOT)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| refuse("it begins otherwise".into()))?;
        let levels: Vec<&str> = rest.split('/').collect();
        let [site, edge, tail @ ..] = levels.as_slice() else {
            return Err(refuse("site and edge are missing".into()));
        };
        let address = Address {
            site: site.parse().map_err(|e: matpho_scene::id::IdError| refuse(e.to_string()))?,
            edge: edge.parse().map_err(|e: matpho_scene::id::IdError| refuse(e.to_string()))?,
        };
        let camera = |id: &str| id.parse::<CameraId>().map_err(|e| refuse(e.to_string()));
        let channel = match tail {
            ["status"] => Channel::Status,
            ["cameras", id, "status"] => Channel::CameraStatus(camera(id)?),
            ["cameras", id, "picture"] => Channel::CameraPicture(camera(id)?),
            ["events"] => Channel::Events,
            ["measurements"] => Channel::Measurements,
            ["evidence", id] => Channel::Evidence(id.parse().map_err(|e: crate::event::EventIdError| refuse(e.to_string()))?),
            ["config"] => Channel::Config,
            ["commands"] => Channel::Commands,
            ["replies"] => Channel::Replies,
            _ => return Err(refuse(format!("`{}` is not a channel", tail.join("/")))),
        };
        Ok(Self { address, channel })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> Address {
        Address { site: "tdm".parse().unwrap(), edge: "gw-01".parse().unwrap() }
    }

    #[test]
    fn every_channel_round_trips() {
        let camera: CameraId = "cam-1".parse().unwrap();
        let event: EventId = "0193a1b2-0000-7000-8000-000000000001".parse().unwrap();
        for channel in [
            Channel::Status,
            Channel::CameraStatus(camera.clone()),
            Channel::CameraPicture(camera),
            Channel::Events,
            Channel::Measurements,
            Channel::Evidence(event),
            Channel::Config,
            Channel::Commands,
            Channel::Replies,
        ] {
            let topic = channel.of(&address());
            assert_eq!(topic.to_string().parse::<Topic>().unwrap(), topic);
        }
        assert_eq!(Channel::Events.of(&address()).to_string(), "matpho/v1/tdm/gw-01/events");
    }

    proptest! {
        #[test]
        fn wild_topics_never_panic(text in "(matpho/v1/)?[a-z+#/$ ]{0,60}") {
            if let Ok(topic) = text.parse::<Topic>() {
                prop_assert_eq!(topic.to_string(), text);
            }
        }
    }
}
