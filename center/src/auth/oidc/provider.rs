//! The provider over HTTP: where its parts are (discovery), by which keys it signs, and the exchange of a code for a token.
//!
//! What it says of itself is kept for an hour. A token whose signature fits none of the keys that are kept has them read anew: so keys are
//! exchanged. While it fails it is asked every few seconds at most, however many want to log in.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use super::{
    LoginError,
    jwt::{self, Claims, Expected, TokenError},
    ticket::Ticket,
};
use crate::{
    config::auth::{Oidc as Config, is_of_this_machine},
    senders::client::{Answer, Client},
};

/// What the provider says of itself is believed for so long.
const KEPT_FOR: Duration = Duration::from_secs(3_600);

/// It is asked again for what failed, or for newer keys, no sooner than after this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What the discovery document is read for (OpenID Connect Discovery 1.0, 3).
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Something that was asked for.
struct Kept<T> {
    at: Instant,
    value: Result<Arc<T>, String>,
}

impl<T> Kept<T> {
    fn new(value: Result<T, String>) -> Self {
        Self { at: Instant::now(), value: value.map(Arc::new) }
    }

    /// What is known, unless it has to be asked for again.
    fn current(&self) -> Option<Result<Arc<T>, LoginError>> {
        let holds_for = if self.value.is_ok() { KEPT_FOR } else { ASK_AGAIN_AFTER };
        (self.at.elapsed() < holds_for).then(|| self.value.clone().map_err(LoginError::Unavailable))
    }
}

/// A provider.
pub struct Provider {
    issuer: String,
    client_id: String,
    secret: String,
    redirect_uri: String,
    scopes: String,
    client: Client,
    metadata: Mutex<Option<Kept<Metadata>>>,
    keys: Mutex<Option<Kept<JwkSet>>>,
}

impl Provider {
    /// One that has not been asked yet.
    pub fn new(config: &Config, secret: String, client: Client) -> Self {
        Self {
            issuer: config.issuer.clone(),
            client_id: config.client_id.clone(),
            redirect_uri: config.redirect_uri(),
            scopes: config.scopes.join(" "),
            secret,
            client,
            metadata: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    /// Where somebody logs in.
    pub async fn authorization_url(&self, ticket: &Ticket) -> Result<String, LoginError> {
        let metadata = self.metadata().await?;
        let unusable = |error| LoginError::Unavailable(format!("authorization_endpoint: {error}"));
        let mut url = Url::parse(&metadata.authorization_endpoint).map_err(unusable)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", ticket.state())
            .append_pair("nonce", ticket.nonce())
            .append_pair("code_challenge", &ticket.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// What the provider says of who brought a code.
    pub async fn claims(&self, code: &str, ticket: &Ticket) -> Result<Claims, LoginError> {
        let token = self.id_token(code, ticket).await?;
        let expected = Expected { issuer: &self.issuer, client_id: &self.client_id, nonce: ticket.nonce() };
        let believed = match jwt::read(&token, &*self.keys(false).await?, expected) {
            Err(TokenError::Signature) => jwt::read(&token, &*self.keys(true).await?, expected),
            read => read,
        };
        believed.map_err(|error| LoginError::Invalid(error.to_string()))
    }

    async fn id_token(&self, code: &str, ticket: &Ticket) -> Result<String, LoginError> {
        let metadata = self.metadata().await?;
        let (headers, body) = self.token_request(code, ticket, &metadata);
        let answer = self.client.post(&metadata.token_endpoint, headers, body).await;
        let answer = answer.map_err(|error| LoginError::Unavailable(format!("token_endpoint: {error}")))?;
        #[derive(Deserialize)]
        struct Refused {
            error: String,
        }
        if (400..500).contains(&answer.status)
            && let Ok(Refused { error }) = serde_json::from_slice(&answer.body)
        {
            let word: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            return Err(match word.as_str() {
                // The code is spent, too old or not ours.
                "invalid_grant" => LoginError::Denied(word),
                // The centre's own name or secret is not what the provider knows.
                _ => LoginError::Unavailable(format!("token_endpoint: it refuses the centre ({word})")),
            });
        }
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        parse::<Tokens>("token_endpoint", Ok(answer)).map(|tokens| tokens.id_token).map_err(LoginError::Unavailable)
    }

    /// Headers and form. Apart from where something is waited for: the form's writer cannot go from thread to thread.
    fn token_request(&self, code: &str, ticket: &Ticket, metadata: &Metadata) -> (Vec<(&'static str, String)>, Vec<u8>) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", ticket.verifier());
        let mut headers =
            vec![("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", "application/json".to_owned())];
        // Without a word on it the standard's first choice holds.
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        if methods.is_some_and(|known| !known.iter().any(|known| known == "client_secret_basic")) {
            form.append_pair("client_id", &self.client_id).append_pair("client_secret", &self.secret);
        } else {
            // Encoded as a form before it is put together (RFC 6749, 2.3.1).
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = STANDARD.encode(format!("{}:{}", encoded(&self.client_id), encoded(&self.secret)));
            headers.push(("authorization", format!("Basic {pair}")));
        }
        (headers, form.finish().into_bytes())
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, LoginError> {
        // Held while it is asked: those who come meanwhile wait for the same answer.
        let mut kept = self.metadata.lock().await;
        if let Some(current) = kept.as_ref().and_then(Kept::current) {
            return current;
        }
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let read = parse::<Metadata>("discovery", self.client.get(&url).await).and_then(|metadata| self.check(metadata));
        let fresh = Kept::new(read);
        let value = fresh.value.clone();
        *kept = Some(fresh);
        value.map_err(LoginError::Unavailable)
    }

    /// The document must be the issuer's own, and lead nowhere where others listen.
    fn check(&self, metadata: Metadata) -> Result<Metadata, String> {
        if metadata.issuer != self.issuer {
            let other: String = metadata.issuer.chars().take(200).collect();
            return Err(format!("discovery: it says that it is {other}; auth.oidc.issuer has to be exactly that"));
        }
        for (name, url) in [
            ("authorization_endpoint", &metadata.authorization_endpoint),
            ("token_endpoint", &metadata.token_endpoint),
            ("jwks_uri", &metadata.jwks_uri),
        ] {
            if !(url.starts_with("https://") || (url.starts_with("http://") && is_of_this_machine(url))) {
                return Err(format!("discovery: {name} is no https:// address"));
            }
        }
        Ok(metadata)
    }

    /// The keys; with `anew` not older than a few seconds.
    async fn keys(&self, anew: bool) -> Result<Arc<JwkSet>, LoginError> {
        let metadata = self.metadata().await?;
        let mut kept = self.keys.lock().await;
        let is_old = |kept: &Kept<JwkSet>| anew && kept.at.elapsed() >= ASK_AGAIN_AFTER;
        if let Some(current) = kept.as_ref().filter(|kept| !is_old(kept)).and_then(Kept::current) {
            return current;
        }
        let fresh = Kept::new(parse::<JwkSet>("jwks_uri", self.client.get(&metadata.jwks_uri).await));
        let value = fresh.value.clone();
        *kept = Some(fresh);
        value.map_err(LoginError::Unavailable)
    }
}

fn parse<T: DeserializeOwned>(what: &str, answer: Result<Answer, String>) -> Result<T, String> {
    let answer = answer.map_err(|error| format!("{what}: {error}"))?;
    if answer.status != 200 {
        return Err(format!("{what}: it answers with {}", answer.status));
    }
    // Where it is wrong, not what it says: there are tokens in it.
    serde_json::from_slice(&answer.body)
        .map_err(|error| format!("{what}: its answer is not what it should be (line {})", error.line()))
}
