//! `/session/oidc`: logging in through a provider. A browser goes there and comes back, so what goes wrong is told by the console's login
//! page: `/?login_error=CODE`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde_json::json;

use super::{
    Api,
    problem::{Failure, Outcome, Query},
    session::{cookie, open, session_cookie},
    types::Problem,
};
use crate::{
    auth::{
        guard::{self, TICKET_COOKIE},
        oidc::{Back, LoginError, Oidc, ticket},
    },
    store::{
        StoreError,
        accounts::{Arrival, User},
        audit::{Act, Deed},
        incidents::SELF,
    },
};

/// Where it begins.
pub const BEGIN: &str = "/api/v1/session/oidc";

/// Sends a browser to the provider.
#[utoipa::path(get, path = "/api/v1/session/oidc", tag = "session", security(()),
    responses((status = 303, description = "To the provider, or to the console's login page, which says what is wrong"),
        (status = 404, description = "No provider is configured", body = Problem)))]
pub async fn begin(State(api): State<Arc<Api>>) -> Outcome<Response> {
    let oidc = provider(&api)?;
    Ok(match oidc.begin(crate::clock::now()).await {
        Ok((url, sealed)) => to(&url, [ticket_cookie(&api, &sealed, ticket::HOLDS_FOR.as_secs())]),
        Err(error) => {
            tracing::warn!(%error, "nobody can log in through the provider");
            to_login(error.code(), [])
        }
    })
}

/// Takes a browser that comes back from the provider.
#[utoipa::path(get, path = "/api/v1/session/oidc/callback", tag = "session", security(()), params(Back),
    responses((status = 303, description = "To the console: logged in, or to its login page, which says what is wrong"),
        (status = 404, description = "No provider is configured", body = Problem)))]
pub async fn finish(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Outcome<Response> {
    let oidc = provider(&api)?;
    let address = guard::address(peer.ip(), &headers, &api.config.http.proxies);
    let spent = ticket_cookie(&api, "", 0);
    let keys = [format!("provider {address}")];
    if api.throttle.lock().wait(&keys, Instant::now()).is_some() {
        api.metrics.logins_refused.one();
        return Ok(to_login("too_many_attempts", [spent]));
    }
    let sealed = guard::cookie(&headers, TICKET_COOKIE);
    match enter(&api, oidc, back, sealed, address).await? {
        Ok(secret) => {
            api.throttle.lock().succeeded(&keys[0]);
            Ok(to("/", [session_cookie(&api, &secret), spent]))
        }
        Err(error) => {
            api.metrics.logins_refused.one();
            tracing::warn!(%error, %address, "a login through the provider was refused");
            if !matches!(error, LoginError::Unavailable(_)) {
                api.throttle.lock().failed(&keys, Instant::now());
            }
            Ok(to_login(error.code(), [spent]))
        }
    }
}

/// Lets in whom the provider vouches for. Returns the session's token.
async fn enter(
    api: &Api,
    oidc: &Oidc,
    back: Back,
    sealed: Option<&str>,
    address: IpAddr,
) -> Result<Result<String, LoginError>, StoreError> {
    let now = crate::clock::now();
    let outcome = oidc.finish(back, sealed, now).await;
    let mut tx = api.shown.store.begin().await?;
    let by = json!({"by": "oidc"});
    let refused = match outcome {
        Err(error) => error,
        Ok((_, state)) if !tx.spend_login(&state, now + ticket::HOLDS_FOR).await? => {
            LoginError::Stale("it was finished before, by the same state")
        }
        Ok((person, _)) => {
            let (user, put) = match tx.arrive(&person, now).await? {
                Arrival::Known { user, changed } => (Some(user), changed.then_some(false)),
                Arrival::New(user) => (Some(user), Some(true)),
                Arrival::Taken => (None, None),
            };
            if let (Some(User { name, role, .. }), Some(new)) = (&user, put) {
                let detail = json!({"role": role, "new": new, "by": "oidc", "issuer": person.issuer, "subject": person.subject});
                tx.audit(&Deed::done(SELF, Act::UserPut, name, detail), now).await?;
            }
            if let Some(user) = user {
                let (secret, _) = open(api, &mut tx, &user, address, by, now).await?;
                tx.commit().await?;
                tracing::info!(name = user.name, %address, "logged in through the provider");
                return Ok(Ok(secret));
            }
            LoginError::Taken(person.name)
        }
    };
    // What anybody can make up leaves no line: only what a login that was begun here came to.
    if !matches!(refused, LoginError::Stale(_)) {
        let (who, address) = (refused.name().unwrap_or("unknown"), address.to_string());
        let detail = json!({"by": "oidc", "why": refused.code()});
        tx.audit(&Deed { address: &address, done: false, ..Deed::done(who, Act::Login, who, detail) }, now).await?;
        tx.commit().await?;
    }
    Ok(Err(refused))
}

fn provider(api: &Api) -> Outcome<&Oidc> {
    api.oidc.as_ref().ok_or_else(|| Failure::not_found("login provider configured ([auth.oidc])"))
}

/// The browser comes back from another site, and has to bring it then: `Lax`.
fn ticket_cookie(api: &Api, sealed: &str, age_s: u64) -> String {
    cookie(TICKET_COOKIE, sealed, BEGIN, "Lax", age_s, api.behind_tls)
}

fn to_login<const N: usize>(code: &str, cookies: [String; N]) -> Response {
    to(&format!("/?login_error={code}"), cookies)
}

fn to<const N: usize>(url: &str, cookies: [String; N]) -> Response {
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    (StatusCode::SEE_OTHER, cookies, [(header::LOCATION, url.to_owned())]).into_response()
}
