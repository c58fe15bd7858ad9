//! `/session` and `/me`: logging in and out. Through a provider: [`super::oidc`].

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use axum::{
    Extension, Json as Answer,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use matpho_scene::WallTime;
use serde_json::{Value, json};

use super::{
    Api,
    problem::{Failure, Json, Outcome},
    types::{Login, LoginWays, Me, Problem, ProviderWay, SessionHold},
    viewer::Viewer,
};
use crate::{
    auth::{
        Identity,
        guard::{self, COOKIE, DEVICE_COOKIE, is_same_origin},
        lockout::{DEVICE_KNOWN_FOR, Source},
        password, token,
    },
    store::{
        StoreError, Tx,
        accounts::User,
        audit::{Act, Deed},
        incidents::SELF,
        lockout::Lock,
    },
};

/// How somebody can log in here. Asked before anybody has.
#[utoipa::path(get, path = "/api/v1/session/ways", tag = "session", security(()), responses((status = 200, body = LoginWays)))]
pub async fn ways(State(api): State<Arc<Api>>) -> Answer<LoginWays> {
    let provider = api.oidc.as_ref().map(|oidc| ProviderWay {
        name_vi: oidc.config().name_vi.clone(),
        name_en: oidc.config().name_en.clone(),
        url: super::oidc::BEGIN.into(),
    });
    Answer(LoginWays { provider })
}

/// Logs in. The session is held in a cookie (the console) or in a token that the answer carries (scripts).
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Login, security(()),
    responses((status = 200, body = Me), (status = 401, description = "Wrong name or password, or locked for now", body = Problem),
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
    let address = guard::address(peer.ip(), &headers, &api.config.http.proxies);
    let name: String = login.name.chars().take(64).collect();
    let brought = guard::cookie(&headers, DEVICE_COOKIE).map(token::sha256);
    let device = match &brought {
        Some(hash) if api.shown.store.knows_device(hash, &name, crate::clock::now()).await? => Some(hash.clone()),
        _ => None,
    };
    // A known device waits for its own mistakes alone: nobody makes it wait by failing elsewhere.
    let keys = match &device {
        Some(hash) => vec![format!("device {hash} {name}")],
        None => vec![format!("name {name}"), format!("address {address}")],
    };
    if let Some(wait) = api.throttle.lock().wait(&keys, Instant::now()) {
        api.metrics.logins_refused.one();
        return Err(Failure::too_many_attempts(wait));
    }
    let user = api.shown.store.user(&name).await?;
    let hash = user.as_ref().and_then(|user| user.password_hash().map(str::to_owned));
    let fits = password::fits(login.password, hash).await;
    let (sources, now) = (Source::of(device, address), crate::clock::now());
    let mut tx = api.shown.store.begin().await?;
    // Asked here and not before: of many guesses at once none gets by while the others are counted.
    let account = user.as_ref().map_or("", |user| user.name.as_str());
    let locked = tx.is_locked(account, &sources, now).await?;
    let Some(user) = user.as_ref().filter(|_| fits && !locked) else {
        api.throttle.lock().failed(&keys, Instant::now());
        api.metrics.logins_refused.one();
        tracing::warn!(name, %address, locked, "a login was refused");
        refused(&mut tx, account, &sources, (address, locked), api.config.auth.lockout, now).await?;
        tx.commit().await?;
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            "wrong_login",
            "name or password is wrong, or the account is locked for now",
        ));
    };
    api.throttle.lock().succeeded(&keys[0]);
    tx.login_succeeded(&user.name, &sources).await?;
    let (secret, expires) = open(&api, &mut tx, user, address, Value::Null, now).await?;
    let proof = match login.hold {
        SessionHold::Token => None,
        SessionHold::Cookie => {
            let proof = token::new();
            tx.know_device(brought.as_deref(), &token::sha256(&proof), &user.name, now).await?;
            Some(proof)
        }
    };
    tx.commit().await?;
    tracing::info!(name = user.name, %address, "logged in");
    let who = Identity { name: user.name.clone(), role: user.role, expires: Some(expires), session: None };
    let capabilities = words(&Viewer::new(&api, who).await?);
    let me = |token| Me { name: user.name.clone(), role: user.role, expires: Some(expires), capabilities, token };
    Ok(match proof {
        Some(proof) => {
            let device = cookie(DEVICE_COOKIE, &proof, "/api/v1/session", "Strict", DEVICE_KNOWN_FOR.as_secs(), api.behind_tls);
            let cookies = [(header::SET_COOKIE, session_cookie(&api, &secret)), (header::SET_COOKIE, device)];
            (AppendHeaders(cookies), Answer(me(None))).into_response()
        }
        None => Answer(me(Some(secret))).into_response(),
    })
}

/// Begins a session of somebody who has proved who they are. Returns its token, and when it ends.
pub(super) async fn open(
    api: &Api,
    tx: &mut Tx,
    user: &User,
    address: IpAddr,
    detail: Value,
    now: WallTime,
) -> Result<(String, WallTime), StoreError> {
    let (secret, expires) = (token::new(), now + api.session);
    tx.begin_session(&token::sha256(&secret), &user.name, now, expires).await?;
    let address = address.to_string();
    tx.audit(&Deed { address: &address, ..Deed::done(&user.name, Act::Login, &user.name, detail) }, now).await?;
    Ok((secret, expires))
}

/// Counts and writes down a login that was refused.
async fn refused(
    tx: &mut Tx,
    account: &str,
    sources: &[Source],
    (address, locked): (IpAddr, bool),
    rules: crate::auth::lockout::Rules,
    now: WallTime,
) -> Result<(), StoreError> {
    let newly = tx.login_failed(account, sources, rules, now).await?;
    // Whoever mistakes one field for the other has typed a password where the name belongs: only names that there are stay.
    let known = if account.is_empty() { "unknown" } else { account };
    let (address, detail) = (address.to_string(), if locked { json!({"locked": true}) } else { Value::Null });
    tx.audit(&Deed { address: &address, done: false, ..Deed::done(known, Act::Login, known, detail) }, now).await?;
    for Lock { source, until, .. } in newly.iter().filter(|_| !account.is_empty()) {
        let source = Source::in_words(source);
        let until = until.map(|until| until.to_string());
        tracing::warn!(name = account, source, until, "an account was locked after too many wrong passwords");
        let detail = json!({"for": source, "until": until});
        tx.audit(&Deed { address: &address, ..Deed::done(SELF, Act::UserLocked, account, detail) }, now).await?;
    }
    Ok(())
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
    let cookie = cookie(COOKIE, "", "/", "Strict", 0, api.behind_tls);
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

/// The cookie that holds a session.
pub(super) fn session_cookie(api: &Api, secret: &str) -> String {
    cookie(COOKIE, secret, "/", "Strict", api.session.as_secs(), api.behind_tls)
}

/// A cookie that no script can read.
pub(super) fn cookie(name: &str, value: &str, path: &str, same_site: &str, age_s: u64, behind_tls: bool) -> String {
    let secure = if behind_tls { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; HttpOnly; SameSite={same_site}; Max-Age={age_s}{secure}")
}
