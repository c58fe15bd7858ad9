//! What an alert must keep to: the standard's own rules that its schema does not catch, and those of a profile that large aggregators ask for
//! (an alert that they refuse reaches nobody).

use std::{collections::BTreeSet, fmt};

use super::alert::{Alert, Area, Info, Message, Scope, Shape, Status};
use crate::{area::MultiPolygon, feeds::xml::can_carry};

/// The most characters of a headline: longer ones are cut by those who show them.
pub const HEADLINE_CHARS_MAX: usize = 140;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Which element: `info[1].area[1].circle`.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// An alert that keeps to the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked(Alert);

impl Checked {
    /// Checks an alert; on fault, everything that is wrong.
    pub fn new(alert: Alert) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults(Vec::new());
        faults.alert(&alert);
        if faults.0.is_empty() { Ok(Self(alert)) } else { Err(faults.0) }
    }

    /// The alert.
    pub fn alert(&self) -> &Alert {
        &self.0
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn say(&mut self, at: impl Into<String>, what: impl Into<String>) {
        self.0.push(Fault { at: at.into(), what: what.into() });
    }

    fn alert(&mut self, alert: &Alert) {
        for (at, word) in [("identifier", &alert.identifier), ("sender", &alert.sender)] {
            self.word(at, word);
        }
        match &alert.scope {
            Scope::Public => {}
            Scope::Restricted(rule) => self.prose("restriction", rule),
            Scope::Private(addresses) if addresses.is_empty() => self.say("addresses", "a private alert names whom it is for"),
            Scope::Private(addresses) => {
                for address in addresses {
                    self.prose("addresses", address);
                    if address.contains('"') {
                        self.say("addresses", format!("`{address}` has a quotation mark, which addresses are parted by"));
                    }
                }
            }
        }
        let note_needed = matches!(alert.message, Message::Error(_) | Message::Cancel(_)) || alert.status == Status::Exercise;
        match &alert.note {
            Some(note) => self.prose("note", note),
            None if note_needed => self.say("note", "an error or a cancel says why, and an exercise which it is"),
            None => {}
        }
        if let Some(source) = &alert.source {
            self.prose("source", source);
        }
        self.references(alert);
        for incident in &alert.incidents {
            self.word("incidents", incident);
        }
        let says_something = matches!(alert.message, Message::Alert | Message::Update(_));
        if says_something && alert.infos.is_empty() {
            self.say("info", "there is none; an alert says something in at least one language");
        }
        for (index, info) in alert.infos.iter().enumerate() {
            self.info(&format!("info[{}]", index + 1), alert, info, says_something);
        }
        let mut languages = BTreeSet::new();
        for (index, info) in alert.infos.iter().enumerate() {
            let at = format!("info[{}]", index + 1);
            if !languages.insert(&info.language) {
                self.say(format!("{at}.language"), format!("{} is there twice", info.language));
            }
            if let [first, ..] = alert.infos.as_slice()
                && (info.categories != first.categories || info.event_codes != first.event_codes)
            {
                self.say(at, "its category and eventCode differ from those of info[1]; only the language may");
            }
        }
    }

    fn references(&mut self, alert: &Alert) {
        let references = alert.message.references();
        if references.is_empty() && alert.message != Message::Alert {
            self.say("references", format!("{} has to name the alerts that it is about", alert.message.as_str()));
        }
        for reference in references {
            self.word("references", &reference.sender);
            self.word("references", &reference.identifier);
            if reference.identifier == alert.identifier && reference.sender == alert.sender {
                self.say("references", "it refers to itself");
            }
            if reference.sent > alert.sent {
                self.say("references", format!("{} was sent later than this one", reference.identifier));
            }
        }
    }

    fn info(&mut self, at: &str, alert: &Alert, info: &Info, says_something: bool) {
        let inside = |name: &str| format!("{at}.{name}");
        if info.categories.is_empty() {
            self.say(inside("category"), "at least one is needed");
        }
        let is_language = |tag: &str| {
            let mut parts = tag.split('-');
            parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase()))
                && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        };
        if !is_language(&info.language) {
            self.say(inside("language"), format!("`{}` is no language tag such as vi-VN", info.language));
        }
        self.prose(&inside("event"), &info.event);
        for (name, text) in [
            ("senderName", &info.sender_name),
            ("headline", &info.headline),
            ("description", &info.description),
            ("instruction", &info.instruction),
            ("contact", &info.contact),
        ] {
            match text {
                Some(text) => self.prose(&inside(name), text),
                None if name == "description" && says_something => self.say(inside(name), "it is missing"),
                None => {}
            }
        }
        if let Some(headline) = &info.headline {
            if headline.chars().count() > HEADLINE_CHARS_MAX {
                self.say(inside("headline"), format!("it is longer than {HEADLINE_CHARS_MAX} characters"));
            }
            if info.description.as_ref() == Some(headline) {
                self.say(inside("headline"), "it only repeats the description");
            }
        }
        match &info.web {
            Some(web) => self.address(&inside("web"), web),
            None if alert.scope == Scope::Public && says_something => {
                self.say(inside("web"), "a public alert says where to read on")
            }
            None => {}
        }
        match info.expires {
            Some(expires) if expires <= alert.sent => self.say(inside("expires"), "it has expired before it was sent"),
            Some(expires) if info.effective.is_some_and(|effective| effective > expires) => {
                self.say(inside("expires"), "it ends before it is effective");
            }
            None if says_something => self.say(inside("expires"), "it is missing; an alert that never ends is never believed"),
            _ => {}
        }
        for (name, all) in [("eventCode", &info.event_codes), ("parameter", &info.parameters)] {
            for named in all {
                self.prose(&inside(name), &named.name);
                self.prose(&inside(name), &named.value);
            }
        }
        for (index, resource) in info.resources.iter().enumerate() {
            let at = inside(&format!("resource[{}]", index + 1));
            self.prose(&format!("{at}.resourceDesc"), &resource.description);
            self.address(&format!("{at}.uri"), &resource.uri);
            let (kind, subtype) = resource.mime_type.split_once('/').unwrap_or_default();
            let known =
                ["application", "audio", "font", "image", "message", "model", "multipart", "text", "video"].contains(&kind);
            if !known || subtype.is_empty() || subtype.contains(char::is_whitespace) {
                self.say(format!("{at}.mimeType"), format!("`{}` is no media type such as image/jpeg", resource.mime_type));
            }
        }
        if says_something && info.areas.is_empty() {
            self.say(inside("area"), "there is none; an alert says where");
        }
        for (index, area) in info.areas.iter().enumerate() {
            self.area(&inside(&format!("area[{}]", index + 1)), area);
        }
    }

    fn area(&mut self, at: &str, area: &Area) {
        self.prose(&format!("{at}.areaDesc"), &area.description);
        if area.shapes.is_empty() && area.geocodes.is_empty() {
            self.say(at, "it has words alone; a polygon, a circle or a geocode lets programs find it");
        }
        for shape in &area.shapes {
            match shape {
                Shape::Polygon(ring) => {
                    // The same rules as for an area's border: at least four positions, closed, on the globe, no crossing.
                    if let Err(error) = MultiPolygon::new(vec![vec![ring.clone()]]) {
                        self.say(format!("{at}.polygon"), error.to_string());
                    }
                }
                Shape::Circle { centre: [lon, lat], radius_km } => {
                    if !((-90.0..=90.0).contains(lat) && (-180.0..=180.0).contains(lon)) {
                        let what = format!(
                            "its centre is longitude {lon}, latitude {lat}; longitude goes from -180 to 180 and latitude from -90 to 90"
                        );
                        self.say(format!("{at}.circle"), what);
                    }
                    if !(radius_km.is_finite() && *radius_km > 0.0) {
                        self.say(format!("{at}.circle"), format!("a radius of {radius_km} km has nothing inside"));
                    }
                }
            }
        }
        for geocode in &area.geocodes {
            self.prose(&format!("{at}.geocode"), &geocode.name);
            self.prose(&format!("{at}.geocode"), &geocode.value);
        }
    }

    /// A word that other alerts refer to: references are parted by blanks and commas.
    fn word(&mut self, at: &str, word: &str) {
        let wrong = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '<' | '&');
        if word.is_empty() || word.contains(wrong) {
            self.say(at, format!("`{word}` must not be empty nor have blanks, commas, `<` or `&`"));
        }
    }

    /// Text for people: something, and no markup (it would be read out).
    fn prose(&mut self, at: &str, text: &str) {
        if text.trim().is_empty() {
            self.say(at, "it is empty");
        }
        if !can_carry(text) {
            self.say(at, "it has a control character, which XML cannot carry");
        }
        let tag = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') && rest.contains('>');
        let entity = |rest: &str| {
            rest.find(';').is_some_and(|end| {
                (2..=8).contains(&end) && rest[..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
            })
        };
        if text.split('<').skip(1).any(tag) || text.split('&').skip(1).any(entity) {
            self.say(at, "it has markup in it; plain text is expected");
        }
    }

    fn address(&mut self, at: &str, address: &str) {
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let good = rest.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
        });
        if !good {
            self.say(at, format!("`{address}` is no whole address; https://… is expected"));
        }
    }
}
