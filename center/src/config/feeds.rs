//! Where things go out by themselves, and as whose.

use std::{path::PathBuf, time::Duration};

use matpho_scene::event::EventKind;

use super::{database::Secret, reader::Section};
use crate::{
    area::AreaId,
    feeds::{
        cap::{
            alert::{Scope, Status},
            incident::Publisher,
        },
        ngsi::batch::{Broker, Context},
        open_data,
    },
};

/// What goes out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feeds {
    /// Other people's programs.
    pub webhooks: Vec<Webhook>,
    /// The operations centre's context broker.
    pub ngsi: Option<Ngsi>,
    /// Alerts.
    pub cap: Option<Cap>,
    /// Whose the open data are.
    pub open_data: OpenData,
}

/// Somebody's own program.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Its name here.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// Where the secrets are by which it knows that a message is ours; while one is replaced there are two.
    pub secrets: Vec<Secret>,
    /// Which incidents: a kind, or the beginning of one (`fire`); none: all.
    pub kinds: Vec<String>,
    /// In which area, all below included; `None`: everywhere.
    pub area: Option<AreaId>,
    /// PEM file of the authority that signed its certificate; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
}

/// A context broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Ngsi {
    /// Its address and how it wants entities.
    pub broker: Broker,
    /// Where the token is that goes into `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// PEM file of the authority that signed its certificate; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Cap {
    /// Who publishes, and how.
    pub publisher: Publisher,
    /// A folder for alerts as files.
    pub folder: Option<PathBuf>,
    /// Whether the feed is served without a login.
    pub open: bool,
}

/// Whose the open data are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenData {
    /// The publisher's name; `None`: Mắt Phố.
    pub name: Option<String>,
    /// The publisher's page; `None`: this server.
    pub page: Option<String>,
    /// The licence's address; `None`: CC BY 4.0.
    pub licence: Option<String>,
}

impl OpenData {
    /// With what is not set filled in; `origin` is this server's address.
    pub fn publisher(&self, origin: &str) -> open_data::Publisher {
        open_data::Publisher {
            name: self.name.clone().unwrap_or_else(|| "Mắt Phố".into()),
            page: self.page.clone().unwrap_or_else(|| origin.to_owned()),
            licence: self.licence.clone().unwrap_or_else(|| "https://creativecommons.org/licenses/by/4.0/".into()),
        }
    }
}

/// NGSI-LD's core context: what every broker knows.
const CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld";

pub(super) fn feeds(section: &Section<'_>, offset: jiff::tz::Offset) -> Feeds {
    let webhooks: Vec<Webhook> = section.sections("webhook").map_or_else(Vec::new, |all| all.iter().map(webhook).collect());
    for (index, hook) in webhooks.iter().enumerate() {
        if webhooks[..index].iter().any(|other| other.name == hook.name) {
            section.refuse("webhook", format!("two have the name \"{}\"", hook.name));
        }
    }
    Feeds {
        webhooks,
        ngsi: section.has("ngsi").then(|| super::read(section, "ngsi", ngsi)).flatten(),
        cap: section.has("cap").then(|| super::read(section, "cap", |section| cap(section, offset))).flatten(),
        open_data: super::read(section, "open_data", open_data),
    }
}

/// A text that must be there.
pub(super) fn needed(section: &Section<'_>, key: &'static str) -> String {
    let text: Option<String> = section.optional(key);
    if !section.has(key) {
        section.refuse(key, "it is missing");
    }
    text.unwrap_or_default()
}

/// An address over HTTP that carries no secret.
pub(super) fn address(section: &Section<'_>, key: &'static str) -> String {
    let url = needed(section, key);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    if section.has(key) && (host.is_empty() || host.contains('@') || url.contains(char::is_whitespace)) {
        // Not repeated: a password in it would end up in a log.
        section.refuse(key, "https://HOST[:PORT]/PATH or http://… is expected, without a name or password");
    }
    url
}

pub(super) fn secret(section: &Section<'_>, file: &'static str, variable: &'static str) -> Option<Secret> {
    match (section.path(file), section.optional(variable)) {
        (Some(path), None) => Some(Secret::File(path)),
        (None, Some(name)) => Some(Secret::Variable(name)),
        (None, None) => None,
        (Some(_), Some(_)) => {
            section.refuse(variable, format!("{file} says already where it is; give one of them"));
            None
        }
    }
}

fn webhook(section: &Section<'_>) -> Webhook {
    let name = needed(section, "name");
    if section.has("name") && !crate::area::unit::is_word(&name) {
        section.refuse("name", "a word is expected: 1 to 40 letters, digits, `.`, `_`, `-`");
    }
    let secrets: Vec<_> =
        [secret(section, "secret_file", "secret_variable"), secret(section, "old_secret_file", "old_secret_variable")]
            .into_iter()
            .flatten()
            .collect();
    if !section.has("secret_file") && !section.has("secret_variable") {
        section.refuse("secret_file", "it is missing: a webhook needs a secret, by secret_file or secret_variable");
    }
    let kinds = section.or("kinds", Vec::<String>::new());
    for kind in &kinds {
        if !EventKind::ALL.iter().any(|known| is_kind(*known, kind)) {
            section.refuse("kinds", format!("there is no kind that is, or begins with, \"{kind}\""));
        }
    }
    let hook =
        Webhook { url: address(section, "url"), secrets, kinds, area: area(section), ca_file: section.path("ca_file"), name };
    section.done();
    hook
}

/// Whether a kind is this one, or of this group.
pub fn is_kind(kind: EventKind, wanted: &str) -> bool {
    kind.as_str() == wanted || kind.as_str().strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

fn area(section: &Section<'_>) -> Option<AreaId> {
    let text: String = section.optional("area")?;
    text.parse().map_err(|error: crate::area::unit::AreaIdError| section.refuse("area", error.to_string())).ok()
}

fn ngsi(section: &Section<'_>) -> Option<Ngsi> {
    let contexts = section.or("contexts", vec![CONTEXT.to_owned()]);
    let link: Option<String> = section.optional("context_link");
    if link.is_some() && section.has("contexts") {
        section.refuse("context_link", "contexts says already what the words mean; a broker refuses both at once");
    }
    let broker = Broker {
        base: address(section, "url"),
        tenant: section.optional("tenant"),
        context: link.map_or(Context::InEntities(contexts), Context::InLink),
    };
    Some(Ngsi { broker, token: secret(section, "token_file", "token_variable"), ca_file: section.path("ca_file") })
}

fn cap(section: &Section<'_>, offset: jiff::tz::Offset) -> Option<Cap> {
    let (sender, name_vi) = (needed(section, "sender"), needed(section, "name_vi"));
    let name_en = section.or("name_en", name_vi.clone());
    let mut publisher = Publisher::new(&sender, &name_vi, &name_en);
    publisher.status = match section.or("status", "Test".to_owned()).as_str() {
        "Actual" => Status::Actual,
        "Exercise" => Status::Exercise,
        "Test" => Status::Test,
        other => {
            section.refuse("status", format!("\"Actual\", \"Exercise\" or \"Test\" is expected, \"{other}\" was found"));
            Status::Test
        }
    };
    publisher.note = section.optional("note");
    if publisher.status == Status::Exercise && publisher.note.is_none() {
        section.refuse("note", "it is missing: an exercise has a name");
    }
    if section.or("public", false) {
        publisher.scope = Scope::Public;
        if section.has("restriction") {
            section.refuse("restriction", "it means nothing with public = true; remove it");
        }
    } else if let Some(rule) = section.optional("restriction") {
        publisher.scope = Scope::Restricted(rule);
    }
    publisher.web = section.optional("web");
    publisher.contact = section.optional("contact");
    publisher.radius_km = section.within("radius_km", 0.3, (0.01, 50.0));
    publisher.holds_for = Duration::from_secs(60 * section.within("holds_min", 120, (15, 1_440)));
    publisher.offset = offset;
    if sender.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '<' | '&')) {
        section.refuse("sender", "a name in the DNS is expected, without blanks, commas, `<` and `&`");
    }
    Some(Cap { publisher, folder: section.path("folder"), open: section.or("open", false) })
}

fn open_data(section: &Section<'_>) -> OpenData {
    OpenData { name: section.optional("name"), page: section.optional("page"), licence: section.optional("licence") }
}

/// Reads a secret from where the configuration says it is. The error never repeats it.
pub fn read_secret(secret: &Secret) -> Result<String, String> {
    match secret {
        Secret::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("failed to read {}: {error}", path.display())),
        Secret::Variable(name) => std::env::var(name).map_err(|_| format!("the variable {name} is not set")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::reader, *};

    fn parse(text: &str) -> Result<Feeds, String> {
        let read = reader::read(text, Path::new("/etc/matpho"), |root| {
            super::super::read(root, "feeds", |section| feeds(section, jiff::tz::offset(7)))
        });
        read.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn everything_can_be_said() {
        let text = "
            [[feeds.webhook]]\nname = \"ioc\"\nurl = \"https://ioc.example.vn/hook\"\nsecret_file = \"ioc.secret\"
            old_secret_variable = \"OLD\"\nkinds = [\"fire\", \"flood.street\"]\narea = \"MP-TINH:01\"
            [feeds.ngsi]\nurl = \"https://broker.example.vn\"\ntenant = \"city\"\ntoken_variable = \"T\"
            [feeds.cap]\nsender = \"matpho.example.vn\"\nname_vi = \"Trung tâm\"\nstatus = \"Exercise\"\nnote = \"Diễn tập\"\nopen = true
            [feeds.open_data]\nlicence = \"https://example.vn/licence\"";
        let feeds = parse(text).unwrap();
        assert_eq!(feeds.webhooks[0].secrets.len(), 2);
        assert_eq!(feeds.webhooks[0].secrets[0], Secret::File("/etc/matpho/ioc.secret".into()));
        assert_eq!(feeds.ngsi.unwrap().broker.context, Context::InEntities(vec![CONTEXT.into()]));
        let cap = feeds.cap.unwrap();
        assert!(cap.open && cap.publisher.status == Status::Exercise && cap.publisher.name_en == "Trung tâm");
        let publisher = feeds.open_data.publisher("http://c");
        assert_eq!((publisher.page.as_str(), publisher.licence.as_str()), ("http://c", "https://example.vn/licence"));
        assert_eq!(parse("").unwrap(), Feeds::default(), "nothing goes out unless somebody said so");
    }

    #[test]
    fn the_example_has_every_key_and_is_right() {
        let text = include_str!("../../../configs/examples/feeds.toml");
        let feeds = super::super::Config::parse(text, Path::new("/etc/matpho")).unwrap().feeds;
        let hook = &feeds.webhooks[0];
        assert!(hook.secrets.len() == 2 && hook.area.is_some() && hook.ca_file.is_some() && !hook.kinds.is_empty(), "{hook:?}");
        assert!(feeds.ngsi.is_some_and(|ngsi| ngsi.token.is_some() && ngsi.broker.tenant.is_some()));
        assert!(feeds.cap.is_some_and(|cap| cap.publisher.scope == Scope::Public && cap.folder.is_some()));
    }

    #[test]
    fn what_is_wrong_is_said_and_no_secret_repeated() {
        let hook = |rest: &str| format!("[[feeds.webhook]]\nname = \"a\"\n{rest}");
        for (text, part) in [
            (hook("secret_file = \"s\""), "line 1: feeds.webhook[0].url: it is missing"),
            (hook("url = \"https://u:hunter2@h/\"\nsecret_file = \"s\""), "without a name or password"),
            (hook("url = \"ftp://h/\"\nsecret_file = \"s\""), "is expected"),
            (hook("url = \"https://h/\""), "needs a secret"),
            (hook("url = \"https://h/\"\nsecret_file = \"s\"\nkinds = [\"fir\"]"), "begins with, \"fir\""),
            (hook("url = \"https://h/\"\nsecret_file = \"s\"\narea = \"x\""), "area"),
            (hook("url = \"https://h/\"\nsecret_file = \"s\"\nsecret = \"hunter2\""), "there is no such key"),
            (format!("{0}{0}", hook("url = \"https://h/\"\nsecret_file = \"s\"\n")), "two have the name \"a\""),
            ("[feeds.cap]\nsender = \"a b\"\nname_vi = \"x\"".into(), "without blanks"),
            ("[feeds.cap]\nsender = \"a\"\nname_vi = \"x\"\nstatus = \"Real\"".into(), "\"Actual\""),
            ("[feeds.cap]\nsender = \"a\"\nname_vi = \"x\"\nstatus = \"Exercise\"".into(), "an exercise has a name"),
            ("[feeds.ngsi]".into(), "url"),
        ] {
            let said = parse(&text).unwrap_err();
            assert!(said.contains(part) && !said.contains("hunter2"), "{text}: {said}");
        }
    }
}
