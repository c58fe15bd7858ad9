//! Who gets in, and how.

use std::{path::PathBuf, time::Duration};

use super::{
    database::Secret,
    feeds::{address, needed, secret},
    reader::Section,
};
use crate::{
    api::types::Role,
    auth::{
        lockout,
        oidc::person::{Mapping, Unknown},
    },
};

/// Who gets in.
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// How long a login lasts.
    pub session: Duration,
    /// A file with a token for scripts.
    pub demo_token_file: Option<PathBuf>,
    /// When an account is locked.
    pub lockout: lockout::Rules,
    /// The login of somebody else that people may come with.
    pub oidc: Option<Oidc>,
}

/// A provider of OpenID Connect, and what its word counts here.
#[derive(Debug, Clone, PartialEq)]
pub struct Oidc {
    /// Its address, exactly as it writes it itself.
    pub issuer: String,
    /// As what it knows the centre.
    pub client_id: String,
    /// Where the secret is by which it knows that.
    pub secret: Secret,
    /// Where browsers reach the console; the provider sends people back there.
    pub console_url: String,
    /// What the centre asks to be told; `openid` is among it.
    pub scopes: Vec<String>,
    /// Who somebody is here.
    pub mapping: Mapping,
    /// What stands on the button.
    pub name_vi: String,
    /// The same in English.
    pub name_en: String,
    /// PEM file of the authority that signed its certificate; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Where the provider sends people back to, below the console's address.
pub const CALLBACK: &str = "/api/v1/session/oidc/callback";

impl Oidc {
    /// Where the provider sends people back to; it has to know this address.
    pub fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.console_url.trim_end_matches('/'))
    }
}

pub(super) fn auth(section: &Section<'_>) -> Auth {
    let usual = lockout::Rules::default();
    let failures = section.or("lockout_failures", u64::from(usual.failures));
    if failures > 0 && !(3..=1_000).contains(&failures) {
        section.refuse("lockout_failures", format!("0 (never) or 3 to 1000 is allowed, {failures} was found"));
    }
    let minutes = section.within("lockout_minutes", 15, (0, 1_440));
    Auth {
        session: Duration::from_secs(3_600 * section.within("session_hours", 12, (1, 24 * 30))),
        demo_token_file: section.path("demo_token_file"),
        lockout: lockout::Rules {
            failures: u32::try_from(failures).unwrap_or(usual.failures),
            lock: (minutes > 0).then(|| Duration::from_secs(60 * minutes)),
        },
        oidc: section.has("oidc").then(|| super::read(section, "oidc", oidc)).flatten(),
    }
}

fn oidc(section: &Section<'_>) -> Option<Oidc> {
    let key = secret(section, "client_secret_file", "client_secret_variable");
    if !section.has("client_secret_file") && !section.has("client_secret_variable") {
        section
            .refuse("client_secret_file", "it is missing; the provider knows the centre by it (or give client_secret_variable)");
    }
    let scopes: Vec<String> = section.or("scopes", ["openid", "profile"].map(str::to_owned).to_vec());
    if !scopes.iter().any(|scope| scope == "openid") || scopes.iter().any(|scope| scope.contains(char::is_whitespace)) {
        section.refuse("scopes", "words are expected, \"openid\" among them");
    }
    let word = |key, usual: &str| {
        let word: String = section.or(key, usual.to_owned());
        if word.is_empty() {
            section.refuse(key, "the name of a claim is expected, such as \"groups\"");
        }
        word
    };
    let unknown = match section.or("others", "refuse".to_owned()).as_str() {
        "refuse" => Unknown::Refuse,
        "viewer" => Unknown::Viewer,
        other => {
            section.refuse("others", format!("\"refuse\" or \"viewer\" is expected, \"{other}\" was found"));
            Unknown::Refuse
        }
    };
    let roles = section.sections("roles").map_or_else(Vec::new, |all| all.iter().filter_map(role).collect());
    if roles.is_empty() && unknown == Unknown::Refuse && !section.has("roles") {
        section.refuse("roles", "nobody would be let in: give [[auth.oidc.roles]], or others = \"viewer\"");
    }
    let (issuer, console_url) = (provider(section, "issuer"), provider(section, "console_url"));
    let name_vi = section.or("name_vi", "Đăng nhập một lần (SSO)".to_owned());
    Some(Oidc {
        client_id: needed(section, "client_id"),
        scopes,
        mapping: Mapping {
            user_claim: word("user_claim", "preferred_username"),
            role_claim: word("role_claim", "groups"),
            roles,
            unknown,
        },
        name_en: section.or("name_en", if section.has("name_vi") { name_vi.clone() } else { "Single sign-on".to_owned() }),
        name_vi,
        ca_file: section.path("ca_file"),
        issuer,
        console_url,
        secret: key?,
    })
}

/// An address over TLS; without it only on this machine.
fn provider(section: &Section<'_>, key: &'static str) -> String {
    let url = address(section, key);
    if url.contains(['?', '#']) {
        section.refuse(key, "an address without `?` and `#` is expected");
    } else if url.starts_with("http://") && !is_of_this_machine(&url) {
        section.refuse(key, "https:// is expected: whoever listens on the way would log in as somebody else");
    }
    url
}

/// Whether an address leads nowhere but to this machine.
pub fn is_of_this_machine(url: &str) -> bool {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let plain = host.trim_matches(['[', ']']);
        plain == "localhost" || plain.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn role(section: &Section<'_>) -> Option<(String, Role)> {
    let value = needed(section, "value");
    let word = needed(section, "role");
    section.done();
    let role = match word.as_str() {
        "viewer" => Role::Viewer,
        "operator" => Role::Operator,
        "admin" => Role::Admin,
        other => {
            if section.has("role") {
                section.refuse("role", format!("\"viewer\", \"operator\" or \"admin\" is expected, \"{other}\" was found"));
            }
            return None;
        }
    };
    Some((value, role))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::reader, *};

    fn parse(text: &str) -> Result<Auth, String> {
        let read = reader::read(text, Path::new("/etc/matpho"), |root| super::super::read(root, "auth", auth));
        read.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_example_has_every_key_and_is_right() {
        let text = include_str!("../../../configs/examples/oidc.toml");
        let config = super::super::Config::parse(text, Path::new("/etc/matpho")).unwrap();
        let oidc = config.auth.oidc.unwrap();
        assert_eq!(oidc.secret, Secret::File("/etc/matpho/oidc.secret".into()));
        assert!(oidc.ca_file.is_some() && oidc.name_vi != oidc.name_en && oidc.scopes.len() > 2, "{oidc:?}");
        assert_eq!(oidc.mapping.roles.iter().map(|(_, role)| *role).collect::<Vec<_>>(), [Role::Admin, Role::Operator]);
        assert_eq!(oidc.redirect_uri(), "https://matpho.example.vn/api/v1/session/oidc/callback");
    }

    #[test]
    fn what_is_wrong_is_said_and_no_secret_repeated() {
        let whole = "[auth.oidc]\nissuer = \"https://login.example.vn/realms/tinh\"\nclient_id = \"matpho\"\n\
                     client_secret_variable = \"S\"\nconsole_url = \"https://matpho.example.vn\"\nothers = \"viewer\"\n";
        let right = parse(whole).unwrap().oidc.unwrap();
        assert_eq!((right.name_vi.as_str(), right.name_en.as_str()), ("Đăng nhập một lần (SSO)", "Single sign-on"));
        for (from, to, part) in [
            ("others = \"viewer\"\n", "", "auth.oidc.roles: nobody would be let in"),
            ("client_secret_variable = \"S\"\n", "", "auth.oidc.client_secret_file: it is missing"),
            ("client_secret_variable = \"S\"", "client_secret = \"hunter2\"", "there is no such key"),
            ("client_id = \"matpho\"\n", "", "auth.oidc.client_id: it is missing"),
            ("https://login.example.vn", "http://login.example.vn", "issuer: https:// is expected"),
            ("https://login.example.vn", "https://u:hunter2@login.example.vn", "without a name or password"),
            ("https://matpho.example.vn", "http://matpho.example.vn", "console_url: https:// is expected"),
            ("\"viewer\"", "\"let in\"", "\"refuse\" or \"viewer\""),
            ("others = ", "scopes = [\"profile\"]\nothers = ", "\"openid\" among them"),
            ("others = ", "user_claim = \"\"\nothers = ", "user_claim: the name of a claim"),
            ("others = \"viewer\"\n", "[[auth.oidc.roles]]\nvalue = \"x\"\nrole = \"boss\"", "\"operator\" or \"admin\""),
            ("others = \"viewer\"\n", "[[auth.oidc.roles]]\nrole = \"admin\"", "roles[0].value: it is missing"),
        ] {
            let said = parse(&whole.replace(from, to)).unwrap_err();
            assert!(said.contains(part) && !said.contains("hunter2"), "{from} {to}: {said}");
        }
        for (text, part) in [("lockout_failures = 2", "0 (never) or 3 to 1000"), ("lockout_minutes = 9999", "0 to 1440")] {
            assert!(parse(&format!("[auth]\n{text}")).unwrap_err().contains(part), "{text}");
        }
        assert!(parse(&whole.replace("https://login.example.vn", "http://127.0.0.1:9")).is_ok(), "on this machine");
    }
}
