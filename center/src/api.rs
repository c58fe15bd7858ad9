//! The centre over HTTP: `/api/v1`, `/healthz`, `/metrics` and the console. One file a resource; [`types`] has the shapes.
//!
//! **Invariants:** but for `/healthz`, the login, what comes with a token of its own (an upload, a report) and the console's files, nothing
//! answers who is not logged in; what shows or changes something of the city asks the [`viewer`]'s rights; every write says who; a failure is
//! a [`problem`] and tells nothing of the inside.

pub mod acts;
pub mod audit;
pub mod cameras;
pub mod clips;
pub mod console;
pub mod events;
pub mod feeds;
pub mod figures;
pub mod file;
pub mod grants;
pub mod incidents;
pub mod kept;
pub mod load;
pub mod measurements;
pub mod oidc;
pub mod outgoing;
pub mod problem;
pub mod reports;
pub mod schema;
pub mod session;
pub mod stream;
pub mod system;
pub mod types;
pub mod viewer;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use parking_lot::Mutex;

use crate::{
    auth::{access::Permissions, guard, oidc::Oidc, throttle::Throttle},
    clips::Clips,
    config::Config,
    health::Status,
    live::{Live, Shown},
    metrics::Metrics,
};
use problem::{Failure, Outcome};

/// The largest JSON body.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a request may take until its answer begins; an upload has the time that its token has.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What handlers work with.
pub struct Api {
    /// Store and latest pictures.
    pub shown: Shown,
    /// The live stream.
    pub live: Arc<Live>,
    /// Clips from gateways.
    pub clips: Clips,
    /// How the centre is.
    pub status: Arc<Status>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who may see and do what.
    pub access: Permissions,
    /// Wrong passwords.
    pub throttle: Mutex<Throttle>,
    /// The login of somebody else that people may come with.
    pub oidc: Option<Oidc>,
    /// Hash of the token for scripts.
    pub script_token_sha256: Option<String>,
    /// Hash of the token for handing in reports.
    pub report_token_sha256: Option<String>,
    /// How long a login lasts.
    pub session: Duration,
    /// Whether a proxy with TLS stands before us.
    pub behind_tls: bool,
    /// Features that were read a moment ago.
    pub kept: kept::Kept,
    /// What the console has to know.
    pub config: Config,
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let alerts =
        Router::new().route("/api/v1/feeds/cap", get(outgoing::alerts)).route("/api/v1/feeds/cap/{file}", get(outgoing::alert));
    let is_open = api.config.feeds.cap.as_ref().is_some_and(|cap| cap.open);
    let (open_alerts, guarded_alerts) = if is_open { (alerts, Router::new()) } else { (Router::new(), alerts) };
    let guarded = Router::new()
        .merge(guarded_alerts)
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/incidents/{id}", get(incidents::show))
        .route("/api/v1/incidents/{id}/acknowledge", post(acts::acknowledge))
        .route("/api/v1/incidents/{id}/dispatch", post(acts::dispatch))
        .route("/api/v1/incidents/{id}/close", post(acts::close))
        .route("/api/v1/incidents/{id}/reopen", post(acts::reopen))
        .route("/api/v1/incidents/{id}/note", post(acts::note))
        .route("/api/v1/incidents/{id}/assess", post(acts::assess))
        .route("/api/v1/incidents/{id}/merge", post(acts::merge))
        .route("/api/v1/incidents/{id}/split", post(acts::split))
        .route("/api/v1/reports/{id}/contact", get(reports::contact))
        .route("/api/v1/alarm-load", get(load::show))
        .route("/api/v1/alarm-load/now", get(load::now))
        .route("/api/v1/shelves", get(load::shelves).post(load::shelve))
        .route("/api/v1/shelves/{id}", delete(load::unshelve))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/{id}", get(events::show))
        .route("/api/v1/evidence/{name}", get(events::picture))
        .route("/api/v1/cameras", get(cameras::list))
        .route("/api/v1/cameras/{edge}/{camera}", get(cameras::show))
        .route("/api/v1/cameras/{edge}/{camera}/picture.jpg", get(cameras::picture))
        .route("/api/v1/edges", get(cameras::edges))
        .route("/api/v1/measurements", get(measurements::list))
        .route("/api/v1/clips/{name}", get(clips::show))
        .route("/api/v1/clips/{name}/request", post(clips::request))
        .route("/api/v1/stream", get(stream::stream))
        .route("/api/v1/session", delete(session::end))
        .route("/api/v1/me", get(session::me))
        .route("/api/v1/audit", get(audit::list))
        .route("/api/v1/grants", get(grants::list).post(grants::pass_on))
        .route("/api/v1/grants/{id}", delete(grants::revoke))
        .route("/api/v1/agencies", get(grants::agencies))
        .route("/api/v1/settings", get(system::settings))
        .route("/api/v1/map/basemap.pmtiles", get(system::basemap))
        .route("/api/v1/openapi.json", get(system::openapi))
        .route("/api/v1/ogc", get(feeds::landing))
        .route("/api/v1/ogc/", get(feeds::landing))
        .route("/api/v1/ogc/conformance", get(feeds::conformance))
        .route("/api/v1/ogc/collections", get(feeds::collections))
        .route("/api/v1/ogc/collections/{id}", get(feeds::show))
        .route("/api/v1/ogc/collections/{id}/items", get(feeds::items))
        .route("/api/v1/ogc/collections/{id}/items/{feature}", get(feeds::item))
        .route("/api/v1/open-data/{file}", get(feeds::open_data))
        .route("/api/v1/feeds/iris.csv", get(feeds::iris))
        .route("/api/v1/feeds", get(outgoing::list))
        .route("/api/v1/figures", get(figures::list))
        .route("/api/v1/figures/indicators", get(figures::indicators))
        .route("/api/v1/figures/{file}", get(figures::file))
        .route("/api/v1/feeds/retry/{feed}", post(outgoing::retry))
        .route("/api/v1/incidents/{id}/publish", post(outgoing::publish))
        .route("/metrics", get(system::metrics))
        .route_layer(middleware::from_fn_with_state(api.clone(), guard::require))
        .layer(middleware::from_fn(in_time));
    let open = Router::new()
        .route("/healthz", get(system::healthz))
        .route("/api/v1/session", post(session::begin))
        .route("/api/v1/session/ways", get(session::ways))
        .route("/api/v1/session/oidc", get(oidc::begin))
        .route("/api/v1/session/oidc/callback", get(oidc::finish))
        // It asks by itself who comes: a login, or the token that opens nothing else.
        .route("/api/v1/reports", post(reports::create))
        .merge(open_alerts)
        .fallback(console::serve)
        .layer(middleware::from_fn(in_time));
    let upload = Router::new().route("/api/v1/clips/{name}", put(clips::upload));
    let policy = security_policy(&api.config);
    guarded
        .merge(open)
        .merge(upload)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(policy, harden))
        .with_state(api)
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::unavailable("the centre is too busy to answer in time; try again").into_response(),
    }
}

/// What a page of ours may load. MapLibre draws with workers made of blobs, and from tiles that come from the configured style.
fn security_policy(config: &Config) -> HeaderValue {
    let style = config.map.settings.style_url.as_deref().unwrap_or("/");
    let foreign = if style.starts_with("https://") {
        " https:"
    } else if style.starts_with("http://") {
        " http: https:"
    } else {
        ""
    };
    let policy = format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; child-src blob:; \
         img-src 'self' data: blob:{foreign}; connect-src 'self'{foreign}; font-src 'self' data:; media-src 'self' blob:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

async fn harden(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// How many rows are wanted.
fn limit(wanted: Option<u32>, default: u32, max: u32) -> Outcome<u32> {
    let limit = wanted.unwrap_or(default);
    if (1..=max).contains(&limit) {
        Ok(limit)
    } else {
        Err(Failure::bad_request(format!("`limit` must be 1 to {max}, {limit} was given")))
    }
}

/// Cuts off the row that was read only to see whether there is one. Returns the cursor of the next page.
fn cut<T>(rows: &mut Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Option<String> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.last().filter(|_| more).map(cursor)
}
