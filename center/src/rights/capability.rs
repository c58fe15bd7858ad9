//! What can be allowed, one by one and as sets.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One thing that somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// See cameras, traffic state and incidents, with the pictures that prove them.
    ViewMap,
    /// Watch a camera now.
    ViewLive,
    /// Watch what a camera recorded.
    ViewPlayback,
    /// See people and plates as the camera saw them.
    ViewUnmasked,
    /// Turn a camera.
    Ptz,
    /// Acknowledge, note, close, reopen and shelve incidents.
    EventAck,
    /// Send somebody to an incident.
    EventDispatch,
    /// Take pictures and clips out of the system.
    ExportEvidence,
    /// Set up cameras and gateways.
    CameraAdmin,
    /// Change areas and pass rights on.
    AreaAdmin,
    /// Put alerts out as CAP.
    PublishCap,
    /// Put figures and places out as open data.
    PublishOpen,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::ViewMap,
        Self::ViewLive,
        Self::ViewPlayback,
        Self::ViewUnmasked,
        Self::Ptz,
        Self::EventAck,
        Self::EventDispatch,
        Self::ExportEvidence,
        Self::CameraAdmin,
        Self::AreaAdmin,
        Self::PublishCap,
        Self::PublishOpen,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewMap => "view.map",
            Self::ViewLive => "view.live",
            Self::ViewPlayback => "view.playback",
            Self::ViewUnmasked => "view.unmasked",
            Self::Ptz => "ptz",
            Self::EventAck => "event.ack",
            Self::EventDispatch => "event.dispatch",
            Self::ExportEvidence => "export.evidence",
            Self::CameraAdmin => "camera.admin",
            Self::AreaAdmin => "area.admin",
            Self::PublishCap => "publish.cap",
            Self::PublishOpen => "publish.open",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is neither a capability nor a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no capability; there are {}", Capability::ALL.map(Capability::as_str).join(", "))]
pub struct CapabilityError {
    text: String,
}

impl FromStr for Capability {
    type Err = CapabilityError;
    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let fail = || CapabilityError { text: text.chars().take(40).collect() };
        Self::ALL.into_iter().find(|capability| capability.as_str() == text).ok_or_else(fail)
    }
}

/// A set of capabilities; written as the words with blanks between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Capabilities(u16);

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self((1 << Capability::ALL.len()) - 1);

    /// Whether one of them is this.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u16) != 0
    }

    /// Whether all of another set are in this one.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |bits, capability| bits | 1 << capability as u16))
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Capability::as_str).collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Capabilities {
    type Err = CapabilityError;
    /// Words with blanks or commas between them.
    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::parse::<Capability>).collect()
    }
}

impl Serialize for Capabilities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Capability::as_str))
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words.iter().map(|word| word.parse::<Capability>()).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
    }
}

/// Roles that ship: names for sets of capabilities that go together. A grant keeps the set itself, so that a role that changes later changes
/// nobody's rights behind their back.
pub const ROLES: [(&str, &[Capability]); 6] = [
    ("viewer", &[Capability::ViewMap]),
    ("operator", &[Capability::ViewMap, Capability::ViewLive, Capability::EventAck]),
    (
        "dispatcher",
        &[Capability::ViewMap, Capability::ViewLive, Capability::ViewPlayback, Capability::EventAck, Capability::EventDispatch],
    ),
    ("publisher", &[Capability::ViewMap, Capability::PublishCap, Capability::PublishOpen]),
    ("installer", &[Capability::ViewMap, Capability::ViewLive, Capability::Ptz, Capability::CameraAdmin]),
    ("area-admin", &Capability::ALL),
];

/// What a role allows; `None` where there is no such role.
pub fn role(name: &str) -> Option<Capabilities> {
    ROLES.iter().find(|(known, _)| *known == name).map(|(_, all)| all.iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_are_written() {
        for (name, all) in ROLES {
            let set: Capabilities = all.iter().copied().collect();
            assert_eq!(set.to_string().parse::<Capabilities>().unwrap(), set, "{name}");
            assert_eq!(serde_json::from_value::<Capabilities>(serde_json::to_value(set).unwrap()).unwrap(), set);
            assert_eq!(set.iter().collect::<Vec<_>>(), all);
        }
        assert_eq!(Capabilities::ALL, role("area-admin").unwrap());
        assert!("view.map, event.ack".parse::<Capabilities>().unwrap().has(Capability::EventAck));
        assert!(
            "view.map event.ok"
                .parse::<Capabilities>()
                .unwrap_err()
                .to_string()
                .contains("`event.ok` is no capability; there are view.map")
        );
    }
}
