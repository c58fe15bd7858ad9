//! The configuration: parsed and checked once, held as proof. `configs/center.toml` is its documentation.
//!
//! Reading is pure: no file but the configuration itself is opened, no address is tried. Not here: how values are asked for
//! ([`reader`]), how complaints are gathered (`matpho-config`).

pub mod auth;
pub mod database;
pub mod feeds;
pub mod files;
pub mod reader;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    api::types::{Hotline, MapSettings},
    area::AreaId,
    figures::{
        indicator::{self, Indicator},
        period,
    },
    incident::{
        life::{Promises, Targets},
        rules,
    },
    rights::{Kinds, agency::Agency},
    store::retention::{self, Kept},
};
use matpho_config::Complaint;
use matpho_scene::event::Severity;

use database::Database;
use reader::Section;

/// The default configuration, with a comment for each key.
pub const DEFAULT: &str = include_str!("../../configs/center.toml");

const MIB: u64 = 1024 * 1024;

/// What the centre is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it serves.
    pub http: Http,
    /// Where it keeps things.
    pub state: State,
    /// In which database.
    pub store: Database,
    /// How it hears from gateways.
    pub broker: Broker,
    /// What becomes one incident.
    pub incidents: rules::Settings,
    /// Until when somebody takes and closes an incident.
    pub promises: Promises,
    /// Who can be sent, beside those that are imported.
    pub dispatch: Vec<Agency>,
    /// Who share the alarms.
    pub operators: u32,
    /// A file with the token for handing in reports.
    pub report_token_file: Option<PathBuf>,
    /// Who gets in.
    pub auth: auth::Auth,
    /// Clips from gateways.
    pub clips: Clips,
    /// What the map shows first.
    pub map: Map,
    /// What is kept for how long.
    pub retention: retention::Rules,
    /// Whom an operator may call.
    pub hotlines: Vec<Hotline>,
    /// What goes out by itself.
    pub feeds: feeds::Feeds,
    /// What is reckoned, and by which calendar.
    pub figures: Figures,
}

/// What is reckoned.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The province's time.
    pub zone: jiff::tz::TimeZone,
    /// A file with indicators, in the place of those that ship.
    pub file: Option<PathBuf>,
    /// The indicators.
    pub indicators: Vec<Indicator>,
}

/// Where the centre serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether a proxy with TLS stands before it.
    pub behind_tls: bool,
    /// Proxies whose word is taken for whom they speak for (`X-Forwarded-For`).
    pub proxies: Vec<IpAddr>,
}

/// Where the centre keeps things.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The folder of it all.
    pub folder: PathBuf,
    /// Where pictures and clips are.
    pub files: files::Files,
    /// Bound of an SQLite database, in bytes.
    pub database_bytes_max: Option<u64>,
    /// Bound of evidence and clips together, in bytes.
    pub evidence_bytes_max: Option<u64>,
}

/// How the centre hears from gateways.
#[derive(Debug, Clone, PartialEq)]
pub enum Broker {
    /// A mosquitto of its own.
    Managed(ManagedBroker),
    /// Somebody else's broker.
    External(ExternalBroker),
}

/// A mosquitto that the centre starts, configures and stops.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedBroker {
    /// Where gateways connect without TLS; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The program: a name to be found or a path.
    pub mosquitto: PathBuf,
    /// Where gateways connect with TLS.
    pub tls: Option<TlsListener>,
}

/// A listener with TLS.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsListener {
    /// Address and port.
    pub listen: SocketAddr,
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// A broker that somebody else runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalBroker {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// As whom to log in.
    pub username: Option<String>,
    /// Where the password is.
    pub password_file: Option<PathBuf>,
    /// PEM file of the authority that signed the broker's certificate; required with TLS.
    pub ca_file: Option<PathBuf>,
    /// The group of centres that share what gateways send.
    pub shared_group: Option<String>,
    /// How long another one of it may be silent before it is taken over.
    pub takeover: Duration,
    /// This centre's name at the broker.
    pub client_id: Option<String>,
    /// How long the broker keeps what comes while this centre is away.
    pub session_expiry: Duration,
}

/// Clips from gateways.
#[derive(Debug, Clone, PartialEq)]
pub struct Clips {
    /// The largest, in bytes.
    pub bytes_max: u64,
    /// How long a gateway has for sending one.
    pub timeout: Duration,
}

/// What the map shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// What the console is told, without the basemap's own address.
    pub settings: MapSettings,
    /// A basemap file to serve.
    pub pmtiles_file: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("the configuration file {path} could not be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is wrong.
    #[error("{path} has {} error(s):\n{}", complaints.len(), list(complaints))]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Everything that is wrong with it, in order of lines.
        complaints: Vec<Complaint>,
    },
}

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| format!("  {complaint}")).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        // Absolute, so that the folder means the same to every process, wherever it was started.
        let whole = std::path::absolute(path).map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        let mut config = Self::parse(&text, folder).map_err(|complaints| ConfigError::Wrong { path: path.into(), complaints })?;
        if let Some(path) = config.figures.file.clone() {
            let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            config.figures.indicators = indicator::parse(&text).map_err(|complaints| ConfigError::Wrong { path, complaints })?;
        }
        Ok(config)
    }

    /// Reads a text; relative paths in it are meant from `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Complaint>> {
        reader::read(text, folder, |root| {
            let http = read(root, "http", http);
            let (state, files_folder) = read(root, "state", |section| state(section, folder));
            let files = read(root, "files", |section| {
                let usual = files_folder.clone().unwrap_or_else(|| state.folder.clone());
                files::files(section, &state.folder, usual, files_folder.is_some())
            });
            let state = State { files, ..state };
            let store = read(root, "store", |section| database::database(section, state.database_bytes_max));
            let figures = read(root, "figures", figures);
            let offset = figures.zone.to_offset(jiff::Timestamp::UNIX_EPOCH);
            Self {
                http,
                figures,
                broker: read(root, "broker", |section| broker(section, &store)),
                state,
                store,
                incidents: read(root, "incidents", incidents),
                promises: read(root, "service_levels", promises),
                dispatch: root.sections("dispatch").map_or_else(Vec::new, |all| all.iter().filter_map(agency).collect()),
                operators: read(root, "alarm_load", |section| {
                    u32::try_from(section.within("operators", 1_u64, (1, 1_000))).unwrap_or(1)
                }),
                report_token_file: read(root, "reports", |section| section.path("token_file")),
                auth: read(root, "auth", auth::auth),
                clips: read(root, "clips", clips),
                map: read(root, "map", map),
                retention: read(root, "retention", retention),
                hotlines: root.sections("hotlines").map_or_else(Vec::new, |all| all.iter().map(hotline).collect()),
                feeds: read(root, "feeds", |section| feeds::feeds(section, offset)),
            }
        })
    }
}

fn read<T>(root: &Section<'_>, key: &'static str, read: impl FnOnce(&Section<'_>) -> T) -> T {
    let section = root.section(key);
    let value = read(&section);
    section.done();
    value
}

fn figures(section: &Section<'_>) -> Figures {
    let zone = section.or("time_zone", "+07:00".to_owned());
    let zone = period::parse_zone(&zone).unwrap_or_else(|what| {
        section.refuse("time_zone", what);
        jiff::tz::TimeZone::UTC
    });
    // Those that ship are read by a test.
    let indicators = indicator::parse(indicator::DEFAULT).unwrap_or_default();
    Figures { zone, file: section.path("file"), indicators }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn http(section: &Section<'_>) -> Http {
    let (listen, behind_tls) = (section.or("listen", loopback(8080)), section.or("behind_tls", false));
    let proxies: Vec<String> = section.or("proxies", Vec::new());
    let proxies = proxies.iter().filter_map(|proxy| {
        let address = proxy.parse().ok();
        if address.is_none() {
            section.refuse("proxies", format!("addresses such as \"10.0.0.5\" are expected, \"{proxy}\" was found"));
        }
        address
    });
    Http { listen, behind_tls, proxies: proxies.collect() }
}

/// With the folder for files that was named.
fn state(section: &Section<'_>, folder: &Path) -> (State, Option<PathBuf>) {
    let bound = |mib: u64| (mib > 0).then_some(mib.saturating_mul(MIB));
    let folder = section.path("folder").unwrap_or_else(|| folder.join("var/center"));
    let state = State {
        files: files::Files::Folder(folder.clone()),
        folder,
        database_bytes_max: bound(section.or("database_mib_max", 0)),
        evidence_bytes_max: bound(section.or("evidence_mib_max", 20_480)),
    };
    (state, section.path("files_folder"))
}

/// In days. A message that is forgotten would be taken for new if it came again: gateways hold theirs for weeks.
const DAYS_MAX: u64 = 36_500;

/// The key of something's days, and which days are allowed.
const fn days_of(kept: Kept) -> (&'static str, u64) {
    match kept {
        Kept::Incidents => ("incidents_days", 31),
        Kept::Messages => ("messages_days", 31),
        Kept::Measurements => ("measurements_days", 31),
        Kept::Pictures => ("pictures_days", 1),
        Kept::Clips => ("clips_days", 1),
        Kept::Rejected => ("rejected_days", 1),
        Kept::Contacts => ("contacts_days", 1),
    }
}

/// For how long something is kept.
fn period(section: &Section<'_>, kept: Kept, usual_days: u64) -> retention::Period {
    let (key, days_min) = days_of(kept);
    let days = section.or(key, usual_days);
    if days > 0 && !(days_min..=DAYS_MAX).contains(&days) {
        section.refuse(key, format!("0 (for ever) or {days_min} to {DAYS_MAX} is allowed, {days} was found"));
    }
    (days > 0).then(|| Duration::from_secs(86_400 * days))
}

fn retention(section: &Section<'_>) -> retention::Rules {
    let usual = Kept::ALL.map(|kept| {
        let days = match kept {
            Kept::Incidents | Kept::Messages => 0,
            Kept::Measurements => 730,
            Kept::Pictures | Kept::Clips => 90,
            Kept::Rejected | Kept::Contacts => 30,
        };
        (kept, period(section, kept, days))
    });
    let special = section.sections("rules").map_or_else(Vec::new, |all| all.iter().filter_map(retention_rule).collect());
    retention::Rules { usual: usual.to_vec(), special }
}

fn retention_rule(section: &Section<'_>) -> Option<retention::Rule> {
    let kinds = section.or("kinds", "all".to_owned()).parse::<Kinds>();
    let areas: Result<Vec<AreaId>, _> =
        section.or::<Vec<String>>("areas", Vec::new()).iter().map(|area| area.parse::<AreaId>()).collect();
    let periods: Vec<_> = Kept::ALL
        .into_iter()
        .filter(|kept| kept.has_place() && section.has(days_of(*kept).0))
        .map(|kept| (kept, period(section, kept, 0)))
        .collect();
    section.done();
    let kinds = kinds.map_err(|error| section.refuse("kinds", error.to_string())).ok();
    let areas = areas.map_err(|error| section.refuse("areas", error.to_string())).ok();
    let (kinds, areas) = (kinds?, areas?);
    if kinds.is_empty() || (kinds.is_all() && areas.is_empty()) {
        section.refuse("kinds", "kinds, areas or both are expected; what holds for everything is said in [retention] itself");
    }
    if periods.is_empty() {
        section.refuse("kinds", "the rule says nothing: it needs one of incidents_days, messages_days, measurements_days, pictures_days, clips_days, contacts_days");
    }
    for (kept, _) in periods.iter().filter(|(kept, _)| !kinds.is_all() && !kept.has_kind()) {
        section.refuse(days_of(*kept).0, format!("{} have no kind: make a rule of areas alone for them", kept.word()));
    }
    Some(retention::Rule { kinds, areas, periods })
}

const MANAGED_KEYS: [&str; 5] = ["listen", "mosquitto", "tls_listen", "tls_certificate", "tls_key"];
const EXTERNAL_KEYS: [&str; 8] =
    ["url", "username", "password_file", "ca_file", "shared_group", "client_id", "takeover_s", "session_hours"];

fn broker(section: &Section<'_>, store: &Database) -> Broker {
    let mode: String = section.or("mode", "managed".to_owned());
    // A key of the other mode would do nothing: that is said rather than left to be found out.
    let foreign = |keys: &[&'static str], own: &str| {
        for key in keys.iter().filter(|key| section.has(key)) {
            section.refuse(key, format!("it means nothing with mode = \"{own}\"; remove it"));
        }
    };
    match mode.as_str() {
        "external" => {
            foreign(&MANAGED_KEYS, "external");
            Broker::External(external(section, store))
        }
        _ => {
            if mode != "managed" {
                section.refuse("mode", format!("\"managed\" or \"external\" is expected, \"{mode}\" was found"));
            }
            foreign(&EXTERNAL_KEYS, "managed");
            Broker::Managed(managed(section))
        }
    }
}

fn managed(section: &Section<'_>) -> ManagedBroker {
    let program = section.or("mosquitto", "mosquitto".to_owned());
    let tls = match (section.optional("tls_listen"), section.path("tls_certificate"), section.path("tls_key")) {
        (Some(listen), Some(certificate), Some(key)) => Some(TlsListener { listen, certificate, key }),
        (None, None, None) => None,
        _ => {
            let given = ["tls_listen", "tls_certificate", "tls_key"].into_iter().find(|key| section.has(key));
            section
                .refuse(given.unwrap_or("tls_listen"), "tls_listen, tls_certificate and tls_key belong together: give all three");
            None
        }
    };
    ManagedBroker { listen: section.or("listen", loopback(1883)), mosquitto: program.into(), tls }
}

fn external(section: &Section<'_>, store: &Database) -> ExternalBroker {
    let url = section.optional::<String>("url");
    if url.is_none() && !section.has("url") {
        section.refuse("url", "it is missing: mode = \"external\" needs it, such as \"mqtts://broker.example.vn:8883\"");
    }
    let parsed = url.as_deref().and_then(parse_broker_url);
    if let (Some(url), None) = (&url, &parsed) {
        section.refuse(
            "url",
            format!(
                "mqtt://HOST[:PORT] or mqtts://HOST[:PORT] is expected, without a name or password; \"{}\" was found",
                redact(url)
            ),
        );
    }
    let (host, port, tls) = parsed.unwrap_or_default();
    let username: Option<String> = section.optional("username");
    let password_file = section.path("password_file");
    if username.is_some() != password_file.is_some() {
        section.refuse(
            if username.is_some() { "username" } else { "password_file" },
            "username and password_file belong together: give both",
        );
    }
    let ca_file = section.path("ca_file");
    if tls && ca_file.is_none() {
        section.refuse("url", "mqtts:// needs ca_file, the PEM file of the authority that signed the broker's certificate");
    }
    if section.has("shared_group") && matches!(store, Database::Sqlite { .. }) {
        section.refuse(
            "shared_group",
            "centres that share what comes keep it in one database: set store.url to a PostgreSQL, or remove it",
        );
    }
    let name = |key| {
        let name: Option<String> = section.optional(key);
        if let Some(wrong) =
            name.as_ref().filter(|name| name.is_empty() || name.len() > 64 || name.contains(['/', '+', '#', ' ']))
        {
            section
                .refuse(key, format!("1 to 64 characters without `/`, `+`, `#` and blanks are expected, \"{wrong}\" was found"));
        }
        name
    };
    ExternalBroker {
        host,
        port,
        tls,
        username,
        password_file,
        ca_file,
        shared_group: name("shared_group"),
        client_id: name("client_id"),
        takeover: Duration::from_secs(section.within("takeover_s", 60, (5, 3_600))),
        session_expiry: Duration::from_secs(3_600 * section.within("session_hours", 14 * 24, (1, 60 * 24))),
    }
}

/// `mqtts://HOST:PORT` as host, port, TLS.
fn parse_broker_url(url: &str) -> Option<(String, u16, bool)> {
    let (tls, rest) = match url.split_once("://")? {
        ("mqtt", rest) => (false, rest),
        ("mqtts", rest) => (true, rest),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, if tls { 8883 } else { 1883 }),
    };
    let fits = !host.is_empty() && !host.contains(['@', '/', '?', '#', ' ']);
    fits.then(|| (host.trim_matches(['[', ']']).to_owned(), port, tls))
}

/// An address without what stands before its `@`: a password in a complaint would end up in a log.
fn redact(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}

fn incidents(section: &Section<'_>) -> rules::Settings {
    let auto_close = section.within("camera_auto_close_s", 300, (0, 86_400));
    rules::Settings {
        distance_m: section.within("distance_m", 150.0, (0.0, 5_000.0)),
        gap: Duration::from_secs(section.within("gap_s", 120, (0, 3_600))),
        camera_auto_close: (auto_close > 0).then(|| Duration::from_secs(auto_close)),
        report_distance_m: section.within("report_distance_m", 300.0, (0.0, 5_000.0)),
        report_gap: Duration::from_secs(section.within("report_gap_s", 1_800, (0, 86_400))),
    }
}

/// A severity by its word.
pub fn severity(word: &str) -> Option<Severity> {
    SEVERITIES.into_iter().find(|(known, _)| *known == word).map(|(_, severity)| severity)
}

const SEVERITIES: [(&str, Severity); 4] =
    [("minor", Severity::Minor), ("moderate", Severity::Moderate), ("severe", Severity::Severe), ("extreme", Severity::Extreme)];

fn promises(section: &Section<'_>) -> Promises {
    let levels = section.within("levels", 3_u64, (1, 10));
    let targets = SEVERITIES.map(|(key, severity)| {
        let usual = Targets::of(severity);
        let own = section.section(key);
        let time = |key, usual: Duration| Duration::from_secs(own.within(key, usual.as_secs(), (1, 7 * 86_400)));
        let targets = Targets {
            acknowledge: time("acknowledge_s", usual.acknowledge),
            resolve: time("resolve_s", usual.resolve),
            escalate_every: time("escalate_every_s", usual.escalate_every),
            levels: u32::try_from(levels).unwrap_or(usual.levels),
        };
        own.done();
        targets
    });
    Promises { targets }
}

/// An agency that can be sent.
fn agency(section: &Section<'_>) -> Option<Agency> {
    let missing = |key| {
        if !section.has(key) {
            section.refuse(key, "it is missing; an agency needs agency (its id) and kinds");
        }
    };
    let (id, kinds): (Option<String>, Option<String>) = (section.optional("agency"), section.optional("kinds"));
    missing("agency");
    missing("kinds");
    let name = section.optional("name").or_else(|| id.clone()).unwrap_or_default();
    let telephone = section.optional("telephone");
    let areas: Vec<String> = section.or("areas", Vec::new());
    let from: Option<String> = section.optional("propose_from");
    section.done();
    let kinds = kinds.and_then(|text| text.parse::<Kinds>().map_err(|error| section.refuse("kinds", error.to_string())).ok())?;
    let areas: Result<Vec<AreaId>, _> = areas.iter().map(|area| area.parse::<AreaId>()).collect();
    let areas = areas.map_err(|error| section.refuse("areas", error.to_string())).ok()?;
    let propose_from = from.as_deref().map(severity);
    if propose_from == Some(None) {
        section.refuse("propose_from", "minor, moderate, severe or extreme is expected");
    }
    Some(Agency { id: id?, name, kinds, areas, telephone, propose_from: propose_from.flatten() })
}

fn clips(section: &Section<'_>) -> Clips {
    Clips {
        bytes_max: section.within("mib_max", 64, (1, 1024)) * MIB,
        timeout: Duration::from_secs(section.within("timeout_s", 120, (5, 3_600))),
    }
}

fn map(section: &Section<'_>) -> Map {
    let style_url: Option<String> = section.optional("style_url");
    if let Some(url) =
        style_url.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://") && !url.starts_with('/'))
    {
        section.refuse("style_url", format!("an address beginning with https://, http:// or / is expected, \"{url}\" was found"));
    }
    let longitude = section.within("longitude", 106.65, (-180.0, 180.0));
    let latitude = section.within("latitude", 10.98, (-85.0, 85.0));
    Map {
        settings: MapSettings {
            style_url,
            pmtiles_url: None,
            attribution: section.optional("attribution"),
            center: [longitude, latitude],
            zoom: section.within("zoom", 12.0, (0.0, 22.0)),
        },
        pmtiles_file: section.path("pmtiles_file"),
    }
}

fn hotline(section: &Section<'_>) -> Hotline {
    let text = |key| {
        section.optional::<String>(key).unwrap_or_else(|| {
            if !section.has(key) {
                section.refuse(key, "it is missing; a hotline needs number, name_vi and name_en");
            }
            String::new()
        })
    };
    let hotline = Hotline {
        number: text("number"),
        name_vi: text("name_vi"),
        name_en: text("name_en"),
        kinds: section.or("kinds", Vec::new()),
    };
    section.done();
    hotline
}

#[cfg(test)]
mod tests {
    use super::{database::Secret, *};

    #[test]
    fn the_documented_file_holds_the_defaults() {
        let folder = Path::new("/etc/matpho");
        let documented = Config::parse(DEFAULT, folder).unwrap();
        let mut bare = Config::parse("", folder).unwrap();
        assert_eq!(documented.hotlines.len(), 3);
        bare.hotlines.clone_from(&documented.hotlines);
        assert_eq!(documented.dispatch.len(), 4);
        bare.dispatch.clone_from(&documented.dispatch);
        assert_eq!(documented, bare);
        assert_eq!(documented.state.folder, Path::new("/etc/matpho/var/center"));
    }

    /// What is commented out in the documented file is a key that exists.
    #[test]
    fn the_documented_alternatives_are_real() {
        let (head, rest) = DEFAULT.split_once("[files]\n").unwrap();
        let (files, rest) = rest.split_once("[store]\n").unwrap();
        let (store, tail) = rest.split_once("[broker]\n").unwrap();
        let uncommented: String = format!("{head}[broker]\n{tail}")
            .lines()
            .map(|line| {
                line.strip_prefix("# ").filter(|rest| rest.contains(" = ") && !rest.contains(": ")).unwrap_or(line).to_owned()
                    + "\n"
            })
            .collect();
        let managed: String = uncommented
            .lines()
            .filter(|line| !EXTERNAL_KEYS.iter().any(|key| line.starts_with(key)))
            .collect::<Vec<_>>()
            .join("\n");
        let config = Config::parse(&managed, Path::new("/")).unwrap();
        assert!(matches!(config.broker, Broker::Managed(ManagedBroker { tls: Some(_), .. })), "{config:?}");
        assert!(config.map.pmtiles_file.is_some() && config.auth.demo_token_file.is_some());
        assert_eq!(config.retention.special.len(), 2);
        assert_eq!(config.state.files, files::Files::Folder("/srv/matpho/files".into()));
        let of_file = store
            .replace("url = \"sqlite\"", "url = \"postgres://matpho@db/matpho\"")
            .replace("# password_file", "password_file");
        let of_variable =
            of_file.replace("\npassword_file", "\n# password_file").replace("# password_variable", "password_variable");
        for (text, expected) in [
            (of_file, Secret::File("/etc/matpho/store.password".into())),
            (of_variable, Secret::Variable("MATPHO_STORE_PASSWORD".into())),
        ] {
            let config = Config::parse(&format!("[store]\n{text}"), Path::new("/")).unwrap();
            assert!(matches!(&config.store, Database::Postgres(postgres) if postgres.password == Some(expected)), "{config:?}");
        }
        let of_s3: String = files
            .replace("mode = \"folder\"", "mode = \"s3\"")
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ") && !rest.contains(": ")).unwrap_or(line))
            .filter(|line| !line.starts_with("secret_key_variable"))
            .collect::<Vec<_>>()
            .join("\n");
        let config_of_s3 = Config::parse(&format!("[files]\n{of_s3}"), Path::new("/srv")).unwrap();
        let expected = files::S3 {
            endpoint: "https://s3.example.vn".into(),
            region: "us-east-1".into(),
            bucket: "matpho-evidence".into(),
            prefix: "province-74/".into(),
            path_style: true,
            access_key_id: Some("matpho-center".into()),
            secret_key: Some(Secret::File("/etc/matpho/s3.secret".into())),
            ca_file: Some("/etc/matpho/ca.crt".into()),
            spool: "/srv/var/center/clips".into(),
        };
        assert_eq!(config_of_s3.state.files, files::Files::S3(expected));
        let external: String = uncommented
            .replace("mode = \"managed\"", "mode = \"external\"")
            .lines()
            .filter(|line| !MANAGED_KEYS[1..].iter().any(|key| line.starts_with(key)) && *line != "listen = \"127.0.0.1:1883\"")
            .collect::<Vec<_>>()
            .join("\n")
            + "\n[store]\nurl = \"postgres://matpho@db/matpho\"\n";
        let config = Config::parse(&external, Path::new("/")).unwrap();
        let Broker::External(broker) = config.broker else { panic!("{config:?}") };
        assert_eq!((broker.host.as_str(), broker.port, broker.tls), ("broker.example.vn", 8883, true));
        assert!(broker.shared_group.is_some() && broker.client_id.is_some());
        assert_eq!(broker.session_expiry, crate::broker::SESSION_EXPIRY);
    }

    #[test]
    fn the_example_of_a_cluster_is_right() {
        let text = include_str!("../../configs/cluster/center.toml");
        let config = Config::parse(text, Path::new("/etc/matpho")).unwrap();
        assert_ne!(config.state.files, files::Files::Folder(config.state.folder.clone()));
        assert!(matches!(&config.store, Database::Postgres(_)), "{config:?}");
        assert!(matches!(&config.broker, Broker::External(broker) if broker.shared_group.is_some()), "{config:?}");
    }

    #[test]
    fn a_broker_address_is_read_with_or_without_port() {
        assert_eq!(parse_broker_url("mqtt://broker"), Some(("broker".into(), 1883, false)));
        assert_eq!(parse_broker_url("mqtts://[::1]:8884/"), Some(("::1".into(), 8884, true)));
        assert_eq!(parse_broker_url("mqtts://[::1]"), Some(("::1".into(), 8883, true)));
        for wrong in ["broker", "http://broker", "mqtt://", "mqtt://a:b@broker", "mqtt://broker:port"] {
            assert_eq!(parse_broker_url(wrong), None, "{wrong}");
        }
    }

    /// A whole number below zero was once taken for none.
    #[test]
    fn a_map_can_begin_south_of_the_equator() {
        let config = Config::parse("[map]\nlatitude = -7\nlongitude = 110\n", Path::new("/")).unwrap();
        assert_eq!(config.map.settings.center, [110.0, -7.0]);
    }
}
