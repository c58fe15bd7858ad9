//! An alert as values. Names and order are those of the standard.

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};

use crate::area::Position;

/// Makes an enum whose variants are written as they are named.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $word:ident),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$what])* $word),+
        }

        impl $name {
            /// As the standard writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word)),+
                }
            }
        }
    };
}

words! {
    /// How an alert is to be handled.
    Status {
        /// By all who are meant.
        Actual,
        /// By those who take part in an exercise; `note` names it.
        Exercise,
        /// By the network itself.
        System,
        /// By nobody: a technical test.
        Test,
        /// By nobody yet.
        Draft,
    }
}
words! {
    /// What it is about.
    #[expect(missing_docs, reason = "the words are the standard's own")]
    Category { Geo, Met, Safety, Security, Rescue, Fire, Health, Env, Transport, Infra, CBRNE, Other }
}
words! {
    /// What people are to do.
    #[expect(missing_docs, reason = "the words are the standard's own")]
    Response { Shelter, Evacuate, Prepare, Execute, Avoid, Monitor, Assess, AllClear, None }
}
words! {
    /// How soon.
    #[expect(missing_docs, reason = "the words are the standard's own")]
    Urgency { Immediate, Expected, Future, Past, Unknown }
}
words! {
    /// How bad.
    #[expect(missing_docs, reason = "the words are the standard's own")]
    Severity { Extreme, Severe, Moderate, Minor, Unknown }
}
words! {
    /// How sure.
    Certainty {
        /// It happened or goes on.
        Observed,
        /// More likely than not.
        Likely,
        /// Not more likely than not.
        Possible,
        /// Hardly.
        Unlikely,
        /// Nobody knows.
        Unknown,
    }
}

/// For whom an alert is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// For everybody.
    Public,
    /// For those whom this rule describes.
    Restricted(String),
    /// For these addresses.
    Private(Vec<String>),
}

/// Names an earlier alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its sender.
    pub sender: String,
    /// Its identifier.
    pub identifier: String,
    /// When it was sent.
    pub sent: WallTime,
}

/// What an alert does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Says something new.
    Alert,
    /// Takes the place of all that it refers to.
    Update(Vec<Reference>),
    /// Takes back all that it refers to.
    Cancel(Vec<Reference>),
    /// Says that it was received.
    Ack(Vec<Reference>),
    /// Says that it was refused; `note` says why.
    Error(Vec<Reference>),
}

impl Message {
    /// As the standard writes it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::Update(_) => "Update",
            Self::Cancel(_) => "Cancel",
            Self::Ack(_) => "Ack",
            Self::Error(_) => "Error",
        }
    }

    /// What it refers to.
    pub fn references(&self) -> &[Reference] {
        match self {
            Self::Alert => &[],
            Self::Update(all) | Self::Cancel(all) | Self::Ack(all) | Self::Error(all) => all,
        }
    }
}

/// A name and a value of a system that the standard leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Which system.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// A shape on the ground; positions are `[longitude, latitude]` here and written the other way round.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A ring that ends where it began.
    Polygon(Vec<Position>),
    /// A circle.
    Circle {
        /// Its centre.
        centre: Position,
        /// Its radius.
        radius_km: f64,
    },
}

/// Where.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// In words.
    pub description: String,
    /// On the ground.
    pub shapes: Vec<Shape>,
    /// By codes.
    pub geocodes: Vec<Named>,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What it is, in words.
    pub description: String,
    /// Its media type.
    pub mime_type: String,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Where it is.
    pub uri: String,
}

/// All that is said, in one language.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// `vi-VN`, `en-US`.
    pub language: String,
    /// What it is about; at least one.
    pub categories: Vec<Category>,
    /// What happened, in words.
    pub event: String,
    /// What to do.
    pub responses: Vec<Response>,
    /// How soon.
    pub urgency: Urgency,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// What happened, by codes.
    pub event_codes: Vec<Named>,
    /// From when on what is said holds.
    pub effective: Option<WallTime>,
    /// When what happened begins.
    pub onset: Option<WallTime>,
    /// Until when what is said holds.
    pub expires: Option<WallTime>,
    /// Who says it, in words.
    pub sender_name: Option<String>,
    /// In short.
    pub headline: Option<String>,
    /// At length.
    pub description: Option<String>,
    /// What to do, in words.
    pub instruction: Option<String>,
    /// Where to read on.
    pub web: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Further figures.
    pub parameters: Vec<Named>,
    /// Pictures.
    pub resources: Vec<Resource>,
    /// Where.
    pub areas: Vec<Area>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Names it, together with `sender`.
    pub identifier: String,
    /// Who sends it: a name in the DNS, or an address.
    pub sender: String,
    /// When.
    pub sent: WallTime,
    /// How it is to be handled.
    pub status: Status,
    /// What it does.
    pub message: Message,
    /// Which system or person is behind it.
    pub source: Option<String>,
    /// For whom it is.
    pub scope: Scope,
    /// Why: of an exercise its name, of an error or a cancel its reason.
    pub note: Option<String>,
    /// Incidents that it belongs to.
    pub incidents: Vec<String>,
    /// What is said, once a language.
    pub infos: Vec<Info>,
    /// How far the clocks of its readers are ahead of UTC: times are written so.
    pub offset: Offset,
}

impl Alert {
    /// This alert, as later ones name it.
    pub fn reference(&self) -> Reference {
        Reference { sender: self.sender.clone(), identifier: self.identifier.clone(), sent: self.sent }
    }
}

/// An instant as CAP writes it: no fractions, no `Z`, UTC as `-00:00`.
pub fn write_time(at: WallTime, offset: Offset) -> String {
    let instant = Timestamp::from_millisecond(at.as_unix_millis()).unwrap_or(Timestamp::MAX);
    let local = instant.to_zoned(TimeZone::fixed(offset)).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let minutes = offset.seconds() / 60;
    let sign = if minutes > 0 { '+' } else { '-' };
    format!("{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}
