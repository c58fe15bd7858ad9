//! An incident as an alert, in Vietnamese and English, and what is said about it later as updates and cancels of what was said before.

use std::time::Duration;

use jiff::tz::Offset;
use matpho_scene::{
    WallTime,
    event::{self, DepthRange, EventKind},
};

use super::{
    alert::{
        Alert, Area, Category, Certainty, Info, Message, Named, Reference, Resource, Response, Scope, Severity, Shape, Status,
        Urgency,
    },
    check::{Checked, Fault},
};
use crate::area::{AreaId, Position};

/// Who publishes, and how. What is not set is a test for a closed circle: a real alert for everybody is a registered authority's to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Publisher {
    /// A name in the DNS.
    pub sender: String,
    /// Its name in Vietnamese.
    pub name_vi: String,
    /// Its name in English.
    pub name_en: String,
    /// How alerts are to be handled.
    pub status: Status,
    /// For whom they are.
    pub scope: Scope,
    /// Of an exercise its name.
    pub note: Option<String>,
    /// Where to read on; the incident's id is put behind it.
    pub web: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// How far the province's clocks are ahead of UTC.
    pub offset: Offset,
    /// How far around the camera the alert reaches.
    pub radius_km: f64,
    /// For how long what is said holds without being said again.
    pub holds_for: Duration,
}

impl Publisher {
    /// A publisher of tests for a closed circle.
    pub fn new(sender: &str, name_vi: &str, name_en: &str) -> Self {
        Self {
            sender: sender.into(),
            name_vi: name_vi.into(),
            name_en: name_en.into(),
            status: Status::Test,
            scope: Scope::Restricted("for those who take part in the test".into()),
            note: None,
            web: None,
            contact: None,
            offset: jiff::tz::offset(7),
            radius_km: 0.3,
            holds_for: Duration::from_secs(2 * 3600),
        }
    }
}

/// Who has seen that it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// One camera's analytic.
    Machine,
    /// Cameras of more than one place, or a citizen's report.
    Twice,
    /// A person at the console.
    Operator,
}

/// What became of the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It goes on.
    GoesOn,
    /// It is over.
    Over,
    /// It was not so; why, in words.
    Retracted(String),
}

/// A picture that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Where it is.
    pub address: String,
    /// Whether people and plates were made unrecognisable; others are left out.
    pub redacted: bool,
    /// Its size.
    pub bytes: Option<u64>,
}

/// What is known about an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Its id, a UUID.
    pub incident: String,
    /// What happened.
    pub kind: EventKind,
    /// How grave.
    pub severity: event::Severity,
    /// When it began.
    pub began: WallTime,
    /// Who has seen it.
    pub confirmed: Confirmed,
    /// What became of it.
    pub turn: Turn,
    /// The place's name.
    pub place: String,
    /// Where it is.
    pub position: Option<Position>,
    /// The areas it lies in, with their names.
    pub areas: Vec<(AreaId, String)>,
    /// How deep the water stands.
    pub depth: Option<DepthRange>,
    /// Pictures.
    pub pictures: Vec<Picture>,
}

/// An alert that was sent about the incident before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// How later ones name it.
    pub reference: Reference,
    /// When it expires.
    pub expires: WallTime,
}

/// Why there is no alert.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoAlert {
    /// It is about a camera.
    #[error("{0} is about a camera, which is nobody's business outside")]
    NotPublic(EventKind),
    /// Nothing was said that could be taken back or is still believed.
    #[error("nothing is in force that could be {0}")]
    NothingSaid(&'static str),
    /// It breaks the rules of CAP.
    #[error("the alert breaks the rules of CAP: {}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Fault>),
}

/// Words for a kind, in one language: what it is, and what to do.
struct Words {
    event: &'static str,
    instruction: &'static str,
}

/// What CAP says of a kind; starting from the table in the design notes.
struct Profile {
    categories: &'static [Category],
    response: Response,
    urgency: Urgency,
    vi: Words,
    en: Words,
}

fn profile(kind: EventKind) -> Option<Profile> {
    use Category::{Fire, Met, Rescue, Safety, Transport};
    let entry = |categories, response, urgency, vi: (&'static str, &'static str), en: (&'static str, &'static str)| {
        let words = |(event, instruction)| Words { event, instruction };
        Some(Profile { categories, response, urgency, vi: words(vi), en: words(en) })
    };
    match kind {
        EventKind::Congestion => entry(
            &[Transport],
            Response::Avoid,
            Urgency::Expected,
            ("Ùn tắc giao thông", "Chọn đường khác nếu có thể."),
            ("Traffic congestion", "Take another road if you can."),
        ),
        EventKind::StoppedVehicle => entry(
            &[Transport],
            Response::Avoid,
            Urgency::Immediate,
            ("Xe dừng trên đường", "Giảm tốc độ, giữ khoảng cách."),
            ("Vehicle stopped on the road", "Slow down and keep your distance."),
        ),
        EventKind::WrongWay => entry(
            &[Transport, Safety],
            Response::Avoid,
            Urgency::Immediate,
            ("Xe đi ngược chiều", "Giảm tốc độ, đi sát bên phải."),
            ("Vehicle driving the wrong way", "Slow down and keep to the right."),
        ),
        EventKind::Pedestrian => entry(
            &[Transport, Safety],
            Response::Avoid,
            Urgency::Immediate,
            ("Người đi bộ trên đường xe chạy", "Giảm tốc độ, chú ý quan sát."),
            ("Person on the carriageway", "Slow down and watch the road."),
        ),
        EventKind::Flame => entry(
            &[Fire, Rescue],
            Response::Evacuate,
            Urgency::Immediate,
            ("Cháy", "Rời khỏi khu vực, gọi 114, nhường đường cho xe chữa cháy."),
            ("Fire", "Leave the area, call 114, give way to fire engines."),
        ),
        EventKind::Smoke => entry(
            &[Fire],
            Response::Assess,
            Urgency::Immediate,
            ("Khói, nghi có cháy", "Tránh khu vực, gọi 114 nếu thấy lửa."),
            ("Smoke, possibly a fire", "Keep away; call 114 if you see flames."),
        ),
        EventKind::Flood => entry(
            &[Met, Transport],
            Response::Avoid,
            Urgency::Immediate,
            ("Ngập đường", "Không đi vào đoạn đường ngập, chọn đường khác."),
            ("Flooded street", "Do not drive into the water; take another road."),
        ),
        EventKind::CameraLost
        | EventKind::CameraFrozen
        | EventKind::CameraDark
        | EventKind::CameraBlurred
        | EventKind::CameraCovered
        | EventKind::CameraGlare
        | EventKind::CameraMoved => None,
    }
}

/// The alert that says about an incident what is not yet said; `history` are those sent before, the oldest first.
pub fn alert(facts: &Facts, publisher: &Publisher, history: &[Sent], now: WallTime) -> Result<Checked, NoAlert> {
    let profile = profile(facts.kind).ok_or(NoAlert::NotPublic(facts.kind))?;
    // An update of what has expired is read by nobody: it is said anew.
    let believed: Vec<_> = history.iter().filter(|sent| sent.expires > now).map(|sent| sent.reference.clone()).collect();
    let message = match (&facts.turn, believed.is_empty()) {
        (Turn::GoesOn, true) => Message::Alert,
        (Turn::GoesOn | Turn::Over, false) => Message::Update(believed),
        (Turn::Retracted(_), false) => Message::Cancel(believed),
        (Turn::Over, true) => return Err(NoAlert::NothingSaid("brought to an end")),
        (Turn::Retracted(_), true) => return Err(NoAlert::NothingSaid("taken back")),
    };
    let note = match &facts.turn {
        Turn::Retracted(why) => Some(why.clone()),
        _ => publisher.note.clone(),
    };
    let alert = Alert {
        // A URI, so that an Atom feed can use it as it is; no two messages about an incident have the same number.
        identifier: format!("urn:uuid:{}#{}", facts.incident, history.len() + 1),
        sender: publisher.sender.clone(),
        sent: now,
        status: publisher.status,
        message,
        source: Some("Mắt Phố".into()),
        scope: publisher.scope.clone(),
        note,
        incidents: vec![facts.incident.clone()],
        infos: vec![
            info(facts, publisher, &profile, &profile.vi, Language::Vietnamese, now),
            info(facts, publisher, &profile, &profile.en, Language::English, now),
        ],
        offset: publisher.offset,
    };
    Checked::new(alert).map_err(NoAlert::Wrong)
}

/// For the record of what was sent.
pub fn sent(alert: &Checked) -> Sent {
    let alert = alert.alert();
    let expires = alert.infos.iter().filter_map(|info| info.expires).max().unwrap_or(alert.sent);
    Sent { reference: alert.reference(), expires }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Vietnamese,
    English,
}

fn info(facts: &Facts, publisher: &Publisher, profile: &Profile, words: &Words, language: Language, now: WallTime) -> Info {
    let vi = language == Language::Vietnamese;
    let pick = |vietnamese: &str, english: &str| if vi { vietnamese.to_owned() } else { english.to_owned() };
    let area_names = facts.areas.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    let place = if area_names.is_empty() { facts.place.clone() } else { format!("{}, {area_names}", facts.place) };
    let over = match facts.turn {
        Turn::GoesOn => None,
        Turn::Over => Some(pick("Đã kết thúc", "Over")),
        Turn::Retracted(_) => Some(pick("Đính chính", "Correction")),
    };
    let headline = match &over {
        Some(over) => format!("{over}: {}, {}", words.event, facts.place),
        None => format!("{}: {}", words.event, facts.place),
    };
    let began = super::alert::write_time(facts.began, publisher.offset);
    let (day, clock) = (&began[..10], &began[11..16]);
    let mut description = if vi {
        format!("{} tại {place}, từ {clock} ngày {day}.", words.event)
    } else {
        format!("{} at {place}, since {clock} on {day}.", words.event)
    };
    let mut parameters = Vec::new();
    if let Some(depth) = facts.depth {
        let words = |under: &str, over: &str| match (depth.min_cm(), depth.max_cm()) {
            (0.0, Some(max)) => format!("{under} {max} cm"),
            (min, Some(max)) => format!("{min}-{max} cm"),
            (min, None) => format!("{over} {min} cm"),
        };
        let (vi_depth, depth) = (words("dưới", "trên"), words("under", "over"));
        description += &format!(" {} {}.", pick("Độ sâu", "Depth"), pick(&vi_depth, &depth));
        parameters.push(Named { name: "MATPHO:depth".into(), value: depth });
    }
    match facts.turn {
        Turn::GoesOn => {
            description += &match facts.confirmed {
                Confirmed::Machine => pick(
                    " Hệ thống camera tự động ghi nhận, chưa được xác minh.",
                    " Recognised by a camera's software, not yet verified.",
                ),
                Confirmed::Twice => pick(" Được ghi nhận từ nhiều nguồn.", " Reported by more than one source."),
                Confirmed::Operator => pick(" Đã được trực ban xác minh.", " Verified by an operator."),
            };
        }
        Turn::Over => description += &pick(" Tình hình đã trở lại bình thường.", " The situation is back to normal."),
        Turn::Retracted(_) => {
            description +=
                &pick(" Tin đã phát trước đây không đúng và được thu hồi.", " What was said before was wrong and is taken back.");
        }
    }
    let goes_on = facts.turn == Turn::GoesOn;
    let geocodes = facts.areas.iter().map(|(id, _)| Named { name: id.scheme().into(), value: id.code().into() }).collect();
    let circle = facts.position.map(|centre| Shape::Circle { centre, radius_km: publisher.radius_km });
    Info {
        language: pick("vi-VN", "en-US"),
        categories: profile.categories.to_vec(),
        event: words.event.into(),
        responses: vec![if goes_on { profile.response } else { Response::AllClear }],
        urgency: if goes_on { profile.urgency } else { Urgency::Past },
        severity: match facts.severity {
            event::Severity::Minor => Severity::Minor,
            event::Severity::Moderate => Severity::Moderate,
            event::Severity::Severe => Severity::Severe,
            event::Severity::Extreme => Severity::Extreme,
        },
        certainty: match (&facts.turn, facts.confirmed) {
            (Turn::Retracted(_), _) => Certainty::Unlikely,
            (_, Confirmed::Machine) => Certainty::Possible,
            (_, Confirmed::Twice) => Certainty::Likely,
            (_, Confirmed::Operator) => Certainty::Observed,
        },
        event_codes: vec![Named { name: "MATPHO".into(), value: facts.kind.as_str().into() }],
        effective: Some(now),
        onset: Some(facts.began),
        expires: Some(now + publisher.holds_for),
        sender_name: Some(pick(&publisher.name_vi, &publisher.name_en)),
        headline: Some(headline.chars().take(super::check::HEADLINE_CHARS_MAX).collect()),
        description: Some(description),
        instruction: goes_on.then(|| words.instruction.into()),
        web: publisher.web.as_ref().map(|web| format!("{web}{}", facts.incident)),
        contact: publisher.contact.clone(),
        parameters,
        resources: facts
            .pictures
            .iter()
            .filter(|picture| picture.redacted && goes_on)
            .map(|picture| Resource {
                description: pick(
                    "Ảnh hiện trường, đã che mặt người và biển số",
                    "Picture of the scene, people and plates made unrecognisable",
                ),
                mime_type: "image/jpeg".into(),
                size: picture.bytes,
                uri: picture.address.clone(),
            })
            .collect(),
        areas: vec![Area { description: place, shapes: circle.into_iter().collect(), geocodes }],
    }
}
