//! Login through a provider of OpenID Connect (Core 1.0): the authorization code flow with PKCE (RFC 7636), state and nonce.
//!
//! 1. [`Oidc::begin`] sends a browser to the provider. What has to be known when it comes back travels with it, in a cookie that nobody else
//!    can make ([`ticket`]): the store is not written until somebody is let in, and any centre of a group can finish what another began.
//! 2. [`Oidc::finish`] takes what the browser brings back, asks the provider for the ID token ([`provider`]) and believes it only as
//!    far as its signature, issuer, audience, expiry and nonce go ([`jwt`]).
//! 3. [`person`] says who that is here, and as what.
//!
//! Not here: accounts, sessions, and that a login counts once (`store::accounts`); the routes (`api::oidc`). Why: `docs/design/0007-login.md`.

pub mod jwt;
pub mod person;
pub mod provider;
pub mod ticket;

use matpho_scene::WallTime;

use self::{person::Person, provider::Provider, ticket::Ticket};
use crate::{config::auth::Oidc as Config, senders::client::Client};

/// Why nobody was let in. What is in it is for the log: it has no secrets, and leaves the centre only as its [`code`](LoginError::code).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The provider does not answer, or not as one.
    #[error("the login provider cannot be used: {0}")]
    Unavailable(String),
    /// What came back belongs to no login that was begun here a moment ago.
    #[error("the login was not begun here, or too long ago, or was finished already: {0}")]
    Stale(&'static str),
    /// The provider let nobody in.
    #[error("the login provider refused: {0}")]
    Denied(String),
    /// What the provider says cannot be believed.
    #[error("the login provider's token is not valid: {0}")]
    Invalid(String),
    /// It does not say who it is, or not in a way that can be a name here.
    #[error("the login provider gives no name that can be used: {0}")]
    Nameless(String),
    /// Nothing says that this person may come in.
    #[error("{0} has none of the roles that are let in (auth.oidc.roles)")]
    Unknown(String),
    /// The name is somebody else's.
    #[error("the name {0} belongs to another account here")]
    Taken(String),
}

impl LoginError {
    /// A word for the console and the audit trail.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "oidc_unavailable",
            Self::Stale(_) => "oidc_stale",
            Self::Denied(_) => "oidc_denied",
            Self::Invalid(_) => "oidc_invalid",
            Self::Nameless(_) => "oidc_nameless",
            Self::Unknown(_) => "oidc_unknown",
            Self::Taken(_) => "oidc_taken",
        }
    }

    /// Who was refused, where a valid token said so.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Unknown(name) | Self::Taken(name) => Some(name),
            _ => None,
        }
    }
}

/// What a browser brings back from the provider.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Back {
    /// What it is to be exchanged for.
    #[serde(default)]
    pub code: Option<String>,
    /// Which login it belongs to.
    #[serde(default)]
    pub state: Option<String>,
    /// Why there is no code.
    #[serde(default)]
    pub error: Option<String>,
    /// Who sends it back (RFC 9207).
    #[serde(default)]
    pub iss: Option<String>,
}

/// The login of one provider.
pub struct Oidc {
    config: Config,
    provider: Provider,
    seal: ticket::Seal,
}

impl Oidc {
    /// With the client's secret, which is read once.
    pub fn new(config: Config) -> Result<Self, String> {
        let secret = crate::config::feeds::read_secret(&config.secret)?;
        if secret.is_empty() {
            return Err("the client's secret is empty".into());
        }
        let client = Client::new(config.ca_file.as_deref())?;
        Ok(Self { seal: ticket::Seal::new(&secret), provider: Provider::new(&config, secret, client), config })
    }

    /// What is configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where to send a browser, and what it is to bring back as a cookie.
    pub async fn begin(&self, now: WallTime) -> Result<(String, String), LoginError> {
        let ticket = Ticket::new(now);
        let url = self.provider.authorization_url(&ticket).await?;
        Ok((url, self.seal.close(&ticket)))
    }

    /// Who came back, and the hash of the login's state, which must not count twice.
    pub async fn finish(&self, back: Back, cookie: Option<&str>, now: WallTime) -> Result<(Person, String), LoginError> {
        let cookie = cookie.ok_or(LoginError::Stale("the browser brought no cookie of a login"))?;
        let ticket = self.seal.open(cookie, now)?;
        if !ticket.is_of(back.state.as_deref().unwrap_or_default()) {
            return Err(LoginError::Stale("the state is not that of the browser's login"));
        }
        if let Some(error) = back.error {
            // Somebody else's text: a word of it, for the log.
            let word: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            return Err(LoginError::Denied(word));
        }
        if back.iss.is_some_and(|iss| iss != self.config.issuer) {
            return Err(LoginError::Invalid("the answer comes from another issuer".into()));
        }
        let code = back.code.ok_or_else(|| LoginError::Invalid("the answer has no code".into()))?;
        let claims = self.provider.claims(&code, &ticket).await?;
        Ok((self.config.mapping.person(&self.config.issuer, &claims)?, ticket.state_sha256()))
    }
}
