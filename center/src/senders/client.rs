//! HTTP as a client: one request, with an answer in time or none.

use std::{io::Read, path::Path, time::Duration};

use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig},
};

use crate::feeds::webhook::ANSWER_WITHIN;

/// What is read of an answer.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// A client.
#[derive(Clone)]
pub struct Client(Agent);

/// An answer; any status is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How long it asks us to wait.
    pub retry_after: Option<Duration>,
    /// Its body, or the beginning of it.
    pub body: Vec<u8>,
}

impl Client {
    /// A client that trusts the authority of a PEM file, or the public ones.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        // A redirection would carry what is sent to where nobody configured it.
        let config = Agent::config_builder()
            .tls_config(tls(ca_file)?)
            .timeout_global(Some(ANSWER_WITHIN))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("matpho-center/", env!("CARGO_PKG_VERSION")));
        Ok(Self(config.build().into()))
    }

    /// Asks for JSON; why there is no answer, in words.
    pub async fn get(&self, url: &str) -> Result<Answer, String> {
        let (agent, url) = (self.0.clone(), url.to_owned());
        let got = tokio::task::spawn_blocking(move || answer(agent.get(&url).header("accept", "application/json").call())).await;
        got.unwrap_or_else(|error| Err(format!("the attempt broke off: {error}")))
    }

    /// Posts; why there is no answer, in words without any secret.
    pub async fn post(&self, url: &str, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Result<Answer, String> {
        let (agent, url) = (self.0.clone(), url.to_owned());
        let posted = tokio::task::spawn_blocking(move || post(&agent, &url, &headers, &body)).await;
        posted.unwrap_or_else(|error| Err(format!("the attempt broke off: {error}")))
    }
}

/// Whom a client believes: the authority of a PEM file, or the public ones.
pub fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, String> {
    let mut tls = TlsConfig::builder();
    if let Some(path) = ca_file {
        let failed = |error: &dyn std::error::Error| format!("ca_file {}: {}", path.display(), crate::chain(error));
        let pem = std::fs::read(path).map_err(|error| failed(&error))?;
        let mut certificates = Vec::new();
        for item in ureq::tls::parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| failed(&error))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(format!("ca_file {} has no certificate", path.display()));
        }
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
    }
    Ok(tls.build())
}

fn post(agent: &Agent, url: &str, headers: &[(&'static str, String)], body: &[u8]) -> Result<Answer, String> {
    let mut request = agent.post(url);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    answer(request.send(body))
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let response = response.map_err(|error| match error {
        ureq::Error::Timeout(_) => format!("no answer within {} s", ANSWER_WITHIN.as_secs()),
        error => crate::chain(&error),
    })?;
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let status = response.status().as_u16();
    let mut answer = Vec::new();
    // What an answer says is a help; that it came is what counts.
    let _ = response.into_body().into_reader().take(BODY_BYTES_MAX).read_to_end(&mut answer);
    Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body: answer })
}
