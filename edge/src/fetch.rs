//! HTTP(S) as a client: uploads of clips, downloads of models.

use std::time::Duration;

use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig},
};

use crate::config::Authorities;

/// A client for downloads of public files, which carry no secret and whose hash is known: it follows redirects, as release pages ask for.
pub fn download_agent() -> Agent {
    let config = Agent::config_builder()
        .max_redirects(5)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_global(Some(Duration::from_secs(1800)));
    config.build().into()
}

/// A client that trusts `authorities`, or the public ones. Answers other than 2xx are errors.
pub fn agent(authorities: Option<&Authorities>, timeout: Duration) -> anyhow::Result<Agent> {
    let mut tls = TlsConfig::builder();
    if let Some(Authorities(pem)) = authorities {
        let certificates = ureq::tls::parse_pem(pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                Ok(_) => None,
                Err(e) => Some(Err(e)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
    }
    // A redirect would carry the token elsewhere.
    Ok(Agent::config_builder().tls_config(tls.build()).timeout_global(Some(timeout)).max_redirects(0).build().into())
}
