//! `/session` and `/me`: logging in and out.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Extension, Json as Answer,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    Api,
    problem::{Failure, Json, Outcome},
    types::{Login, Me, Problem, SessionHold},
    viewer::Viewer,
};
use crate::{
    auth::{
        Identity,
        guard::{COOKIE, is_same_origin},
        password, token,
    },
    store::audit::{Act, Deed},
};

/// Logs in. The session is held in a cookie (the console) or in a token that the answer carries (scripts).
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Login, security(()),
    responses((status = 200, body = Me), (status = 401, description = "Wrong name or password", body = Problem),
        (status = 429, description = "Too many wrong passwords; `Retry-After` says when to try again", body = Problem)))]
pub async fn begin(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Outcome<Response> {
    // Otherwise a foreign page could log a browser in as somebody else.
    if login.hold == SessionHold::Cookie && !is_same_origin(&headers) {
        return Err(Failure::forbidden("the login comes from another site's page; use the console itself"));
    }
    let address = peer.ip().to_string();
    let name: String = login.name.chars().take(64).collect();
    let keys = [format!("name {name}"), format!("address {address}")];
    let keys = [keys[0].as_str(), keys[1].as_str()];
    if let Some(wait) = api.throttle.lock().wait(keys, Instant::now()) {
        api.metrics.logins_refused.one();
        return Err(Failure::too_many_attempts(wait));
    }
    let user = api.shown.store.user(&name).await?;
    if !password::fits(login.password, user.as_ref().map(|user| user.password_hash.clone())).await {
        api.throttle.lock().failed(keys, Instant::now());
        api.metrics.logins_refused.one();
        tracing::warn!(name, address, "a login was refused");
        // Whoever mistakes one field for the other has typed a password where the name belongs: only names that there are stay.
        let known = user.as_ref().map_or("unknown", |user| user.name.as_str());
        let mut tx = api.shown.store.begin().await?;
        tx.audit(
            &Deed { address: &address, done: false, ..Deed::done(known, Act::Login, known, Value::Null) },
            crate::clock::now(),
        )
        .await?;
        tx.commit().await?;
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "wrong_login", "name or password is wrong"));
    }
    let Some(user) = user else { return Err(Failure::unauthorized()) };
    api.throttle.lock().succeeded(keys[0]);
    let (secret, now) = (token::new(), crate::clock::now());
    let expires = now + api.session;
    let mut tx = api.shown.store.begin().await?;
    tx.begin_session(&token::sha256(&secret), &user.name, now, expires).await?;
    tx.audit(&Deed { address: &address, ..Deed::done(&user.name, Act::Login, &user.name, Value::Null) }, now).await?;
    tx.commit().await?;
    tracing::info!(name = user.name, address, "logged in");
    let who = Identity { name: user.name.clone(), role: user.role, expires: Some(expires), session: None };
    let capabilities = words(&Viewer::new(&api, who).await?);
    let me = |token| Me { name: user.name.clone(), role: user.role, expires: Some(expires), capabilities, token };
    Ok(match login.hold {
        SessionHold::Cookie => {
            let cookie = cookie(&secret, api.session.as_secs(), api.behind_tls);
            ([(header::SET_COOKIE, cookie)], Answer(me(None))).into_response()
        }
        SessionHold::Token => Answer(me(Some(secret))).into_response(),
    })
}

/// Logs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204), (status = 401, body = Problem)))]
pub async fn end(State(api): State<Arc<Api>>, Extension(who): Extension<Identity>) -> Outcome<Response> {
    if let Some(session) = &who.session {
        let mut tx = api.shown.store.begin().await?;
        tx.end_session(session).await?;
        tx.audit(&Deed::done(&who.name, Act::Logout, &who.name, Value::Null), crate::clock::now()).await?;
        tx.commit().await?;
        tracing::info!(name = who.name, "logged out");
    }
    let cookie = cookie("", 0, api.behind_tls);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/me", tag = "session", responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub async fn me(viewer: Viewer) -> Answer<Me> {
    let capabilities = words(&viewer);
    let who = viewer.who;
    Answer(Me { name: who.name, role: who.role, expires: who.expires, capabilities, token: None })
}

/// What somebody may do, somewhere, as words.
fn words(viewer: &Viewer) -> Vec<String> {
    viewer.capabilities().iter().map(ToString::to_string).collect()
}

fn cookie(value: &str, age_s: u64, behind_tls: bool) -> String {
    let secure = if behind_tls { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_s}{secure}")
}
