//! What the API answers and takes, as JSON. The document at `/api/v1/openapi.json` is made from these types.
//!
//! Conventions: keys in snake_case · instants are RFC 3339 in UTC with milliseconds · a key that has no value is absent · addresses
//! (`…_url`, `url`) are paths at this server, to be used as they are · `edge` is a gateway's name everywhere, `SITE.EDGE`
//! (`tdm.gw-01`); a camera is named by `edge` and `camera` together · a client ignores keys it does not know.

use std::collections::BTreeMap;

use matpho_scene::{
    NormBox, WallTime,
    event::{Detail, EndReason, EventKind, Phase, Proof, Severity},
    measurement::{Figures, Judgement},
};
use matpho_wire::{ModelRef, status::EdgeState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Hand it back as `before` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

pub use crate::incident::{
    life::{FalseReason, State as IncidentState, Timer, Verb},
    load::Priority,
};

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

/// A camera as other objects name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraRef {
    /// Its gateway, `SITE.EDGE`.
    pub edge: String,
    /// Its id at the gateway.
    pub camera: String,
    /// Its name for people; the id where no status has named it yet.
    pub name: String,
    /// `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
}

/// Where an incident is: the camera that saw it first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Its name for people.
    pub name: String,
    /// `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
}

/// A picture that proves an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceLink {
    /// Which event.
    pub event: String,
    /// Where the JPEG is: `/api/v1/evidence/{event}.jpg`.
    pub url: String,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Hash of the JPEG, hex.
    pub sha256: String,
    /// Whether people and plates were made unrecognisable.
    pub redacted: bool,
}

/// Where the clip of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClipState {
    /// The gateway has none.
    None,
    /// It lies at the gateway and can be asked for: `POST /api/v1/clips/{event}/request`.
    Available,
    /// It was asked for and is on its way.
    Requested,
    /// It is here: `url`.
    Ready,
    /// The gateway could not send it: `error`; it can be asked for again.
    Failed,
}

/// The clip of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Clip {
    /// Where it is.
    pub state: ClipState,
    /// Where the MP4 is: `/api/v1/clips/{event}.mp4`; present when it is `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
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

/// An event as its newest message tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The incident it belongs to.
    pub incident: String,
    /// What happened.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// Where it stands.
    #[schema(value_type = schema::Phase)]
    pub phase: Phase,
    /// Who saw it.
    pub camera: CameraRef,
    /// In which zone of the camera's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began: WallTime,
    /// When the camera saw what is stated here.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// How far off these times may be, either way, in milliseconds.
    pub uncertainty_ms: u32,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<WallTime>,
    /// When its first message arrived here.
    #[schema(value_type = String, format = DateTime)]
    pub arrived: WallTime,
    /// How grave.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f32,
    /// Where in the picture: `[x1, y1, x2, y2]`, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<[f32; 4]>)]
    pub region: Option<NormBox>,
    /// More about it; `about` says which of the forms.
    #[schema(value_type = schema::Detail)]
    pub detail: Detail,
    /// Why it was said: the rule, its thresholds, the samples.
    #[schema(value_type = schema::Proof)]
    pub proof: Proof,
    /// Which weights spoke.
    #[schema(value_type = Vec<schema::Model>)]
    pub models: Vec<ModelRef>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::EndReason>)]
    pub end_reason: Option<EndReason>,
    /// Whether it was history already when it arrived.
    pub late: bool,
    /// Whether the gateway's clock was so wrong that `began` is its time of arrival instead.
    pub clock_suspect: bool,
    /// The picture that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceLink>,
    /// Its clip.
    pub clip: Clip,
}

/// What state a camera is in, as far as the centre can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraStateNow {
    /// Fresh pictures, fit to judge.
    Live,
    /// Pictures come late or seldom.
    Stale,
    /// No pictures.
    Lost,
    /// Pictures, not fit to judge: `reason` says why.
    Blind,
    /// It looks elsewhere than when its zones were drawn.
    Moved,
    /// Its gateway is offline: nothing is known. `reason` is `edge_offline`.
    Unknown,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Camera {
    /// Its gateway, `SITE.EDGE`.
    pub edge: String,
    /// Its id at the gateway.
    pub camera: String,
    /// Its name for people.
    pub name: String,
    /// `[longitude, latitude]`, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
    /// Its state.
    pub state: CameraStateNow,
    /// Why, where it is not live: a word such as `unauthorized`, `frozen`, `dark`, `edge_offline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: WallTime,
    /// When the gateway said all this.
    #[schema(value_type = String, format = DateTime)]
    pub said: WallTime,
    /// Age of the last fresh picture when it was said, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_age_s: Option<f32>,
    /// Pictures analysed each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysed_fps: Option<f32>,
    /// What each analytic says, by name (`congestion`, `fire`, `flood`, …): `clear`, `suspected`, `present` or `unknown`.
    #[schema(value_type = BTreeMap<String, schema::Judgement>)]
    pub judgements: BTreeMap<String, Judgement>,
    /// Incidents that are not closed and that this camera saw.
    pub open_incidents: u32,
    /// Its latest picture; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
}

/// A camera's latest picture; also the data of the stream's `picture` events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Picture {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// Where the JPEG is; the address changes with the picture, so that a browser may keep it.
    pub url: String,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Edge {
    /// Its name, `SITE.EDGE`.
    pub edge: String,
    /// Whether it has its link.
    #[schema(value_type = schema::EdgeState)]
    pub state: EdgeState,
    /// Its program's version.
    pub version: String,
    /// When its program started.
    #[schema(value_type = String, format = DateTime)]
    pub started: WallTime,
    /// When it said all this.
    #[schema(value_type = String, format = DateTime)]
    pub said: WallTime,
    /// Cameras configured there.
    pub cameras: u32,
    /// Messages that wait in its outbox.
    pub outbox_depth: u64,
    /// Age of the oldest of them, seconds.
    pub outbox_age_s: u64,
    /// Load average over a minute, over the number of cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f32>,
}

/// Figures of one zone over one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Measurement {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// The zone.
    pub zone: String,
    /// Beginning of the period.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// End of the period.
    #[schema(value_type = String, format = DateTime)]
    pub to: WallTime,
    /// What was measured; `about` says which of the forms.
    #[schema(value_type = schema::Figures)]
    pub figures: Figures,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See everything; acknowledge, note and close.
    Operator,
    /// What an operator may, and the administration that later versions bring.
    Admin,
}

/// Login.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's name.
    pub name: String,
    /// The user's password.
    pub password: String,
    /// How the session is to be held.
    #[serde(default)]
    pub hold: SessionHold,
}

/// How a session is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionHold {
    /// In a cookie that scripts in a page cannot read: for the console.
    #[default]
    Cookie,
    /// In a token that the answer carries, to be sent as `Authorization: Bearer`: for scripts.
    Token,
}

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user's name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// What the user may do in some area at least: `view.map`, `event.ack` and so on.
    pub capabilities: Vec<String>,
    /// When the session ends; absent for a token that has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<WallTime>,
    /// The session's token; only in the answer to a login that asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Body of `acknowledge`; may be left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `note`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What there is to say, 1 to 2000 characters.
    pub note: String,
}

/// Body of `close`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Why; `recovered` and `retracted` are not a person's to give.
    pub reason: CloseReason,
    /// What fooled the camera; required with `false_alarm`, and only there. `other` wants a note.
    #[serde(default)]
    pub false_reason: Option<FalseReason>,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `dispatch`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// Who is sent: the id of a configured agency, or the name of a unit; 1 to 100 characters.
    pub agency: String,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `reopen`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// Why, 1 to 2000 characters.
    pub note: String,
}

/// Body of `assess`: what is to be set, and why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assess {
    /// How grave. Holds until the cameras say worse than they do now.
    #[serde(default)]
    #[schema(value_type = Option<schema::Severity>)]
    pub severity: Option<Severity>,
    /// How sure.
    #[serde(default)]
    pub certainty: Option<Certainty>,
    /// How important.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Why, 1 to 2000 characters.
    pub note: String,
}

/// Body of `merge`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The incidents whose events are put into this one, 1 to 20.
    pub incidents: Vec<String>,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Body of `split`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The events that become an incident of their own; not all of them.
    pub events: Vec<String>,
    /// What there is to say, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// How a report came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A call to a hotline such as 1022, written down by who took it.
    Hotline,
    /// From somebody in the field.
    Field,
}

/// Body of `POST /reports`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    /// How it came.
    pub channel: Channel,
    /// What it is about; not `camera.…`.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// In the reporter's words, 1 to 2000 characters. Who the reporter is belongs into `contact`.
    pub text: String,
    /// Where, in words; at most 200 characters.
    #[serde(default)]
    pub place: String,
    /// Where: `[longitude, latitude]`, WGS 84.
    pub position: [f64; 2],
    /// When it was seen; now, if not given. Not in the future, and not more than a day ago.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen: Option<WallTime>,
    /// Whom to call back. Kept apart, shown to nobody without asking for it, and deleted after a while (`retention.contacts_days`).
    #[serde(default)]
    pub contact: Option<Contact>,
}

/// Whom to call back.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The name, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The telephone number, at most 30 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
}

impl std::fmt::Debug for Contact {
    /// Who they are is nobody's to read in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact(…)")
    }
}

/// What somebody reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The incident that it belongs to.
    pub incident: String,
    /// How it came.
    pub channel: Channel,
    /// What it is about.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// In the reporter's words.
    pub text: String,
    /// Where, in words.
    pub place: String,
    /// Where: `[longitude, latitude]`, WGS 84.
    pub position: [f64; 2],
    /// When it was seen.
    #[schema(value_type = String, format = DateTime)]
    pub seen: WallTime,
    /// When it arrived here.
    #[schema(value_type = String, format = DateTime)]
    pub arrived: WallTime,
    /// Who took it down.
    pub by: String,
    /// Whether there is somebody to call back: `GET /reports/{id}/contact`.
    pub has_contact: bool,
}

/// What raises alarms: a camera and what it sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct AlarmSource {
    /// Its gateway, `SITE.EDGE`; empty for what people report.
    pub edge: String,
    /// The camera; empty for what people report.
    pub camera: String,
    /// Its name for people.
    pub name: String,
    /// What of it.
    pub family: Family,
}

/// Body of `POST /shelves`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShelf {
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// What of it.
    pub family: Family,
    /// For how long, in minutes: 1 to 720. It can be shelved again.
    pub minutes: u32,
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// A source that is silenced for a while: what it tells is kept, nobody is alarmed by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shelf {
    /// Its id.
    pub id: String,
    /// The camera's gateway, `SITE.EDGE`.
    pub edge: String,
    /// The camera.
    pub camera: String,
    /// Its name for people.
    pub name: String,
    /// What of it.
    pub family: Family,
    /// Why.
    pub reason: String,
    /// Who shelved it.
    pub by: String,
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// Until when, by itself or because somebody took it off.
    #[schema(value_type = String, format = DateTime)]
    pub until: WallTime,
    /// Who took it off before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// How many alarms there are now; also the data of the stream's `alarm_load` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLoadNow {
    /// Alarms in the last ten minutes.
    pub raised: u32,
    /// Who share them.
    pub operators: u32,
    /// Since when there are more than people can answer (ISA-18.2: more than ten in ten minutes an operator, until fewer than five).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub flood_since: Option<WallTime>,
}

/// A stretch of a flood of alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmFlood {
    /// From.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// To; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<WallTime>,
}

/// How often a source raised an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmCount {
    /// Which.
    pub source: AlarmSource,
    /// How often.
    pub raised: u32,
    /// Whether it chattered: three alarms in ten minutes.
    pub chatters: bool,
}

/// What somebody did in a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperatorLoad {
    /// Who.
    pub name: String,
    /// Incidents taken.
    pub acknowledged: u32,
    /// Incidents to which somebody was sent.
    pub dispatched: u32,
    /// Incidents closed.
    pub closed: u32,
    /// Median time from the alarm to its being taken, seconds; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_s_median: Option<f64>,
}

/// How often a source was wrong, of the incidents that were closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FalseAlarmRate {
    /// Which.
    pub source: AlarmSource,
    /// Incidents of it that were closed.
    pub closed: u32,
    /// Of them, those that did not happen.
    pub false_alarms: u32,
    /// What fooled it, by how often.
    pub reasons: BTreeMap<String, u32>,
}

/// The limits that the figures are held against (ISA-18.2, IEC 62682, EEMUA 191), each per operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLimits {
    /// A mean ten minutes: good up to the first, bearable up to the second.
    pub per_period_mean: [f64; 2],
    /// The worst ten minutes.
    pub per_period_max: f64,
    /// Share of the ten minutes with more than ten.
    pub flooded_share: f64,
    /// Share of the ten loudest sources.
    pub top_ten_share: f64,
    /// Incidents open for more than a day.
    pub stale: u32,
    /// Shares of low, medium and high priority that are aimed at.
    pub priorities: [f64; 3],
}

/// The alarm load of a day, or of another stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLoad {
    /// From.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// Until before.
    #[schema(value_type = String, format = DateTime)]
    pub to: WallTime,
    /// Who share the alarms (`alarm_load.operators`).
    pub operators: u32,
    /// What the figures are held against.
    pub limits: AlarmLimits,
    /// Alarms that were raised: what was over when it arrived, or silenced, alarmed nobody.
    pub raised: u32,
    /// A mean ten minutes, per operator.
    pub per_period_mean: f64,
    /// The worst ten minutes, per operator.
    pub per_period_max: f64,
    /// Share of the ten minutes with more than ten an operator, 0 to 1.
    pub flooded_share: f64,
    /// When there were more than people can answer.
    pub floods: Vec<AlarmFlood>,
    /// Share of the ten loudest sources, 0 to 1.
    pub top_ten_share: f64,
    /// The ten loudest sources, the loudest first, and those that chattered.
    pub loudest: Vec<AlarmCount>,
    /// Incidents that were open for more than a day at the end.
    pub stale: Vec<String>,
    /// Shares of low, medium and high priority, 0 to 1.
    pub priorities: [f64; 3],
    /// Median time until somebody took an alarm, seconds; absent where nobody took any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_s_median: Option<f64>,
    /// What each operator did.
    pub by_operator: Vec<OperatorLoad>,
    /// How often each source was wrong, the most often wrong first.
    pub false_alarms: Vec<FalseAlarmRate>,
}

/// What the console has to know beside the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// The centre's version.
    pub version: String,
    /// The map.
    pub map: MapSettings,
    /// Whom to call.
    pub hotlines: Vec<Hotline>,
    /// Who can be sent.
    pub agencies: Vec<AgencyRef>,
    /// Seconds between the stream's heartbeats: a stream silent for three times as long is dead.
    pub heartbeat_s: u32,
}

/// The map at first sight, and what lies under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MapSettings {
    /// Address of a MapLibre style; absent: the console's own plain ground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style_url: Option<String>,
    /// Address of a PMTiles basemap at this server (`Range` works); absent where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pmtiles_url: Option<String>,
    /// Who is to be named for the basemap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Centre, `[longitude, latitude]`, WGS 84.
    pub center: [f64; 2],
    /// Zoom level.
    pub zoom: f64,
}

/// Who can be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgencyRef {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What to dial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
}

/// A telephone number that an operator may need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hotline {
    /// What to dial.
    pub number: String,
    /// Whose it is, in Vietnamese.
    pub name_vi: String,
    /// Whose it is, in English.
    pub name_en: String,
    /// For which kinds of incident it is offered, by prefix (`fire`, `traffic`, `flood`); empty: for all.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// An answer that says what went wrong (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Which problem; programs may rely on it: `unauthorized`, `wrong_login`, `too_many_attempts`, `not_found`, `conflict`, `changed`,
    /// `key_reused`, `bad_request`, `forbidden`, `too_large`, `unavailable`, `internal`.
    pub code: String,
    /// What is wrong, and what to do.
    pub detail: String,
    /// The incident as it stands, where somebody was quicker (`conflict`, `changed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<Incident>>,
    /// What can be done to it as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possible: Option<Vec<Verb>>,
}

/// Data of the stream's `hello`, its first event after every (re)connection; it has no id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The centre's version: a page of another version should reload itself.
    pub version: String,
    /// The newest sequence number.
    pub sequence: i64,
}

/// Data of the stream's `reset`: what was missed is no longer known; read the lists anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reset {
    /// The newest sequence number; also the event's id.
    pub sequence: i64,
}

/// How the centre is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or `degraded` (then with status 503).
    pub status: String,
    /// The centre's version.
    pub version: String,
    /// Whether the broker is connected: `connected` or `disconnected`.
    pub broker: String,
    /// Whether the store takes messages: `ok` or `failing`. While it fails nothing is acknowledged: gateways and broker keep what
    /// they have.
    pub store: String,
    /// Whether what goes out by itself gets there: `ok` or `troubled` (`/api/v1/feeds` says what). The centre works either way.
    pub feeds: String,
    /// Free bytes on the disk of the state folder.
    pub disk_free_bytes: u64,
    /// Seconds since the last message of any gateway; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_age_s: Option<u64>,
    /// Seconds since the centre started.
    pub uptime_s: u64,
}
