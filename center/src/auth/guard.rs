//! The door of the API: finds out who asks, and refuses who may not.
//!
//! A cookie is sent by a browser whoever made the page, so a request that writes has to come from our own page: `SameSite=Strict`
//! keeps it away from others, and what a browser says of the request's origin is checked as well. A token in `Authorization` is
//! added by a script on purpose and needs no such check.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::Response,
};

use super::{Identity, token};
use crate::api::{
    Api,
    problem::{Failure, Outcome},
    types::Role,
};

/// The cookie that holds a session's token.
pub const COOKIE: &str = "matpho_session";

/// The cookie that proves that a browser logged in before.
pub const DEVICE_COOKIE: &str = "matpho_device";

/// The cookie of a login that has gone to the provider.
pub const TICKET_COOKIE: &str = "matpho_login";

/// Who scripts with the configured token are, in logs and grants.
pub const SCRIPT: &str = "demo-token";

/// Lets through who is logged in, and tells the handler who that is.
pub async fn require(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Outcome<Response> {
    let identity = identify(&api, request.headers(), request.method()).await?;
    request.extensions_mut().insert(identity);
    Ok(next.run(request).await)
}

/// Who asks; a failure where nobody is logged in.
pub async fn identify(api: &Api, headers: &HeaderMap, method: &Method) -> Outcome<Identity> {
    if let Some(bearer) = bearer(headers) {
        let hash = token::sha256(bearer);
        if api.script_token_sha256.as_deref() == Some(&hash) {
            return Ok(Identity { name: SCRIPT.into(), role: Role::Operator, expires: None, session: None });
        }
        return session(api, hash).await;
    }
    let Some(cookie) = cookie(headers, COOKIE) else { return Err(Failure::unauthorized()) };
    if !method.is_safe() && !is_same_origin(headers) {
        return Err(Failure::forbidden("the request comes from another site's page; use the console itself, or a token"));
    }
    session(api, token::sha256(cookie)).await
}

async fn session(api: &Api, hash: String) -> Outcome<Identity> {
    let session = api.shown.store.session(&hash, crate::clock::now()).await?.ok_or_else(Failure::unauthorized)?;
    Ok(Identity { name: session.name, role: session.role, expires: Some(session.expires), session: Some(hash) })
}

/// Who hands in reports, in logs.
pub const REPORTER: &str = "report-token";

/// The name of whoever comes with the token for reports, which opens nothing else.
pub fn report_token(api: &Api, headers: &HeaderMap) -> Option<&'static str> {
    let hash = token::sha256(bearer(headers)?);
    (api.report_token_sha256.as_deref() == Some(&hash)).then_some(REPORTER)
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Whose address a request comes from: the peer's, or, where that is one of our proxies, the one that it names. Each proxy adds its peer at the end;
/// what stands before the last one that is not ours was written by whoever asks.
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let named =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut address = peer.to_canonical();
    for name in named.collect::<Vec<_>>().into_iter().rev() {
        if !proxies.contains(&address) {
            break;
        }
        match name.trim().parse::<IpAddr>() {
            Ok(before) => address = before.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// What a browser says of where the request comes from. Nothing is said by programs that are no browser.
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin" || site == "none";
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), header::HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn pages_of_other_sites_are_told_apart() {
        for (pairs, own) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://c:8080"), ("host", "c:8080")][..], false),
            (&[("sec-fetch-site", "same-site")][..], false),
            (&[("origin", "http://c:8080"), ("host", "c:8080")][..], true),
            (&[("origin", "http://evil"), ("host", "c:8080")][..], false),
            (&[("origin", "null"), ("host", "c:8080")][..], false),
        ] {
            assert_eq!(is_same_origin(&headers(pairs)), own, "{pairs:?}");
        }
    }

    #[test]
    fn tokens_are_found() {
        assert_eq!(bearer(&headers(&[("authorization", "bearer abc")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "Basic abc")])), None);
        assert_eq!(cookie(&headers(&[("cookie", "a=b; matpho_session=xyz; c=d")]), COOKIE), Some("xyz"));
        assert_eq!(cookie(&headers(&[("cookie", "not_matpho_session=xyz")]), COOKIE), None);
    }

    #[test]
    fn only_our_proxies_say_whom_they_speak_for() {
        let of = |peer: &str, forwarded: &'static str, proxies: &[&str]| {
            let proxies: Vec<IpAddr> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
            let named = if forwarded.is_empty() { headers(&[]) } else { headers(&[("x-forwarded-for", forwarded)]) };
            address(peer.parse().unwrap(), &named, &proxies).to_string()
        };
        assert_eq!(of("10.0.0.5", "", &["10.0.0.5"]), "10.0.0.5");
        assert_eq!(of("10.0.0.5", "1.2.3.4", &["10.0.0.5"]), "1.2.3.4");
        assert_eq!(of("::ffff:10.0.0.5", "1.2.3.4", &["10.0.0.5"]), "1.2.3.4");
        assert_eq!(of("10.0.0.5", "9.9.9.9, 1.2.3.4", &["10.0.0.5"]), "1.2.3.4", "what the asker wrote is not believed");
        assert_eq!(of("10.0.0.5", "1.2.3.4, 10.0.0.6", &["10.0.0.5", "10.0.0.6"]), "1.2.3.4", "two proxies");
        assert_eq!(of("1.2.3.4", "9.9.9.9", &["10.0.0.5"]), "1.2.3.4", "nobody's proxy");
        assert_eq!(of("10.0.0.5", "1.2.3.4, nonsense", &["10.0.0.5"]), "10.0.0.5");
    }
}
