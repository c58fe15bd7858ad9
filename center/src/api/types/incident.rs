//! Incidents: what one is, and what happened to it.

use matpho_scene::{
    WallTime,
    event::{EventKind, Severity},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CameraRef, Event, EvidenceLink, FalseReason, IncidentState, Place, Priority, Report, Timer};
use crate::api::schema;

/// Which events may become one incident. A jam and the vehicle that stands in it are one matter to an operator; flame and smoke are;
/// all faults of one camera are. A wrong-way rider and a person on the carriageway are matters of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `traffic.congestion`, `traffic.stopped_vehicle`.
    Traffic,
    /// `traffic.wrong_way`.
    WrongWay,
    /// `traffic.pedestrian`.
    Pedestrian,
    /// `fire.flame`, `fire.smoke`.
    Fire,
    /// `flood.street`.
    Flood,
    /// `camera.*` of one camera.
    Camera,
}

/// Why an incident was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// It happened and is over or handed on.
    Resolved,
    /// It did not happen: the recognition was wrong; `false_reason` says what it was.
    FalseAlarm,
    /// The same as another incident.
    Duplicate,
    /// It happened, and nobody need do anything.
    NoAction,
    /// The camera works again; only the centre itself gives this reason.
    Recovered,
    /// The cameras took it back before anybody had taken it; only the centre itself gives this reason.
    Retracted,
}

/// How sure it is that something happened, in the words of CAP 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Seen by more than one: cameras, or a camera and a person.
    Observed,
    /// Seen by one camera, or reported by several people.
    Likely,
    /// Reported by one person.
    Possible,
    /// A person thinks that it is not so.
    Unlikely,
}

/// A promise about an incident: until when somebody takes or closes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Promise {
    /// What was promised.
    pub timer: Timer,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub due: WallTime,
    /// How many above the operator were told that it was not kept; 0: none yet.
    pub level: u32,
    /// When the next one is told; absent once everybody was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub raises: Option<WallTime>,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Act {
    /// The user's name; `matpho-center` for what the centre does by itself.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
}

/// How an incident was closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Closing {
    /// Who closed it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
    /// Why.
    pub reason: CloseReason,
    /// Of a false alarm: what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_reason: Option<FalseReason>,
    /// What there is to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An incident: what an operator acts on. One or more events of one family, near each other and close in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What happened: the kind of the gravest of its events that go on, or that ever were; the earliest among equals.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// All kinds of its events.
    #[schema(value_type = Vec<schema::EventKind>)]
    pub kinds: Vec<EventKind>,
    /// Which events may join it.
    pub family: Family,
    /// `kind` and place in plain words for logs and scripts; the console makes its own from the data, in the reader's language.
    pub title: String,
    /// Where it stands with people.
    pub state: IncidentState,
    /// Counts what people did to it. `If-Match: "7"` acts on it only if nobody else has acted meanwhile.
    pub version: u64,
    /// Whether it still happens: at least one of its events has not ended. An incident may be over and not closed, or closed and
    /// not over.
    pub ongoing: bool,
    /// How grave: the gravest of the events that go on, or that ever were when none goes on.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// Whether a person set the severity: it holds until the cameras say worse than they did then.
    pub severity_set: bool,
    /// How sure it is.
    pub certainty: Certainty,
    /// How much it matters: by its severity, unless a person says otherwise.
    pub priority: Priority,
    /// Until when it is to be taken or closed; absent where nothing is promised (it is closed, or was over when it arrived).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// The cameras that saw it, the first one first; none where people alone reported it.
    pub cameras: Vec<CameraRef>,
    /// Where it is.
    pub place: Place,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began: WallTime,
    /// When its last event ended; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<WallTime>,
    /// When the centre learnt of it.
    #[schema(value_type = String, format = DateTime)]
    pub opened: WallTime,
    /// When anything about it changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated: WallTime,
    /// Whether it was history already when it arrived (the gateway had no link).
    pub late: bool,
    /// Whether a gateway's clock was so wrong that it stands at its time of arrival instead.
    pub clock_suspect: bool,
    /// Whether the cameras took all of it back: it was not what it seemed.
    pub retracted: bool,
    /// Who took it first, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Act>,
    /// Who has it: whoever acted on it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Whom the rules would send and nobody has sent.
    pub proposed: Vec<String>,
    /// Who was sent since it was opened or reopened.
    pub sent: Vec<String>,
    /// The incident that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The incident that has its events now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    /// Nobody is alarmed by it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub shelved_until: Option<WallTime>,
    /// How it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closing>,
    /// How many events it has.
    pub event_count: u32,
    /// How many people reported it.
    pub report_count: u32,
    /// The pictures that prove it, first event first, at most 8 (all of them are at its events).
    pub evidence: Vec<EvidenceLink>,
}

/// One line of an incident's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
    /// Who; `matpho-center` for what the centre does by itself.
    pub by: String,
    /// What was done.
    pub what: LogAction,
    /// The event that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// More about it; `about` says which of the forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<LogDetail>,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogAction {
    /// Its first event arrived.
    Opened,
    /// A further event joined it.
    Joined,
    /// It became graver; `note` names the new severity.
    Escalated,
    /// The last of its events ended.
    Ended,
    /// The cameras took all of it back.
    Retracted,
    /// Somebody took it.
    Acknowledged,
    /// A rule would send somebody.
    DispatchProposed,
    /// Somebody was sent.
    Dispatched,
    /// It was closed; it happened.
    Resolved,
    /// It was closed; it did not happen.
    FalseAlarm,
    /// It was opened again.
    Reopened,
    /// A promise was not kept: the next one above was told.
    Raised,
    /// Somebody said how grave, how sure or how important it is.
    Assessed,
    /// The events of another incident were put into it.
    Merged,
    /// Its events were put into another incident.
    MergedInto,
    /// Some of its events were made an incident of their own.
    SplitOff,
    /// It was made of events of another incident.
    SplitFrom,
    /// Another incident explains it.
    CauseFound,
    /// Somebody reported it.
    Reported,
    /// Somebody read whom to call back about a report.
    ContactRead,
    /// Its source is silenced for a while.
    Shelved,
    /// It is silenced no longer.
    Unshelved,
    /// Somebody wrote a note.
    Noted,
    /// Somebody asked for a clip.
    ClipRequested,
    /// A clip arrived.
    ClipReady,
}

/// What a line of the log is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum LogDetail {
    /// Who is, or would be, sent.
    Agency {
        /// Its id or name.
        agency: String,
    },
    /// As what it was closed.
    Closing {
        /// As what.
        reason: CloseReason,
    },
    /// What fooled the camera.
    FalseAlarm {
        /// What.
        reason: FalseReason,
    },
    /// Which promise was not kept.
    Promise {
        /// Which.
        timer: Timer,
        /// How many above the operator know.
        level: u32,
    },
    /// Another incident.
    Incident {
        /// Its id.
        incident: String,
        /// How many events went to or fro.
        events: u32,
    },
    /// What a person said of it.
    Assessment {
        /// Of what.
        of: Assessed,
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
    /// A report.
    Report {
        /// Its id.
        report: String,
    },
    /// Until when it is silenced.
    Shelf {
        /// Until when.
        #[schema(value_type = String, format = DateTime)]
        until: WallTime,
    },
}

/// What a person can set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assessed {
    /// How grave.
    Severity,
    /// How sure.
    Certainty,
    /// How important.
    Priority,
}

/// An incident with all that is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// The incident.
    pub incident: Incident,
    /// Its events, first one first.
    pub events: Vec<Event>,
    /// What people reported of it, first one first; without who they are.
    pub reports: Vec<Report>,
    /// The incidents that it explains.
    pub effects: Vec<String>,
    /// What was done, first line first.
    pub log: Vec<LogEntry>,
}
