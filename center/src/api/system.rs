//! How the centre is, what it counts, and what the console has to know.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    Api, file,
    problem::{Failure, Outcome},
    stream::HEARTBEAT_S,
    types::{AgencyRef, Health, Hello, Hotline, MapSettings, Picture, Problem, Reset, Settings},
    viewer::Viewer,
};
use crate::{auth::guard::COOKIE, metrics::Gauges, rights::Capability, senders};

const BASEMAP: &str = "/api/v1/map/basemap.pmtiles";

/// How the centre is; for monitors, without a login.
#[utoipa::path(get, path = "/healthz", tag = "system", security(()),
    responses((status = 200, body = Health), (status = 503, description = "It works, but not all of it", body = Health)))]
pub async fn healthz(State(api): State<Arc<Api>>) -> Response {
    let (status, now) = (&api.status, crate::clock::now());
    let fine = status.broker_connected() && !status.store_failing() && !status.files_failing();
    let health = Health {
        status: if fine { "ok" } else { "degraded" }.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        broker: if status.broker_connected() { "connected" } else { "disconnected" }.into(),
        store: if status.store_failing() { "failing" } else { "ok" }.into(),
        files: if status.files_failing() { "failing" } else { "ok" }.into(),
        feeds: if status.feeds_troubled() { "troubled" } else { "ok" }.into(),
        disk_free_bytes: disk_free_bytes(&api),
        last_message_age_s: status.last_message_age_s(now),
        uptime_s: now.since(status.started).as_secs(),
    };
    let code = if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Answer(health)).into_response()
}

/// What the centre counts, as text for Prometheus. Needs `camera.admin` everywhere.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, content_type = "text/plain", body = String), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
pub async fn metrics(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Response> {
    viewer.everywhere(Capability::CameraAdmin)?;
    let mut feeds = Vec::new();
    for feed in senders::names(&api.config.feeds) {
        let standing = api.shown.store.feed_standing(&feed).await?;
        feeds.push((feed, standing));
    }
    let gauges = Gauges {
        feeds,
        now: crate::clock::now(),
        open_incidents: api.shown.store.open_incidents().await?,
        stream_clients: api.live.listeners(),
        broker_connected: api.status.broker_connected(),
        store_failing: api.status.store_failing(),
        files_failing: api.status.files_failing(),
        files_to_remove: api.shown.store.count_garbage().await?,
        disk_free_bytes: disk_free_bytes(&api),
    };
    let text = api.metrics.render(&gauges);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// What the console has to know: the map, whom to call.
#[utoipa::path(get, path = "/api/v1/settings", tag = "system",
    responses((status = 200, body = Settings), (status = 401, body = Problem)))]
pub async fn settings(State(api): State<Arc<Api>>) -> Outcome<Answer<Settings>> {
    let map = &api.config.map;
    Ok(Answer(Settings {
        version: env!("CARGO_PKG_VERSION").into(),
        map: MapSettings { pmtiles_url: map.pmtiles_file.as_ref().map(|_| BASEMAP.to_owned()), ..map.settings.clone() },
        hotlines: api.config.hotlines.clone(),
        agencies: agencies(&api).await?,
        heartbeat_s: HEARTBEAT_S,
    }))
}

/// Who can be sent, each once.
async fn agencies(api: &Api) -> Outcome<Vec<AgencyRef>> {
    let mut agencies: Vec<AgencyRef> = Vec::new();
    for agency in api.shown.store.agencies(&api.config.dispatch).await? {
        if !agencies.iter().any(|known| known.id == agency.id) {
            let kinds = if agency.kinds.is_all() {
                Vec::new()
            } else {
                agency.kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
            };
            agencies.push(AgencyRef { id: agency.id, name: agency.name, telephone: agency.telephone, kinds });
        }
    }
    Ok(agencies)
}

/// The configured basemap; `Range` works.
#[utoipa::path(get, path = "/api/v1/map/basemap.pmtiles", tag = "system",
    responses((status = 200, content_type = "application/vnd.pmtiles"), (status = 206, content_type = "application/vnd.pmtiles"),
        (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn basemap(State(api): State<Arc<Api>>, request: Request) -> Outcome<Response> {
    let path = api.config.map.pmtiles_file.as_ref().ok_or_else(|| Failure::not_found("basemap configured (map.pmtiles_file)"))?;
    file::serve(path, "application/vnd.pmtiles", None, request.headers()).await
}

/// The description of this API.
pub async fn openapi() -> Response {
    match document().to_json() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => Failure::internal(format!("the OpenAPI document could not be written: {error}")).into_response(),
    }
}

/// Of the disk that fills up: that of pictures and clips, if they are on one.
fn disk_free_bytes(api: &Api) -> u64 {
    let folder = api.shown.store.files().folder().unwrap_or(&api.config.state.folder);
    rustix::fs::statvfs(folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The API's description.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mắt Phố centre",
        description = "Incidents, events, cameras and measurements of a city's cameras. Instants are RFC 3339 in UTC; a key without a \
                       value is absent; `edge` is a gateway's name, `SITE.EDGE`. A failure is `application/problem+json` with a `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        super::incidents::list, super::incidents::show, super::acts::acknowledge, super::acts::dispatch, super::acts::close,
        super::acts::reopen, super::acts::note, super::acts::assess, super::acts::merge, super::acts::split,
        super::reports::create, super::reports::contact, super::load::show, super::load::now, super::load::shelves,
        super::load::shelve, super::load::unshelve, super::events::list, super::events::show, super::events::picture, super::cameras::list,
        super::cameras::show, super::cameras::picture, super::cameras::edges, super::measurements::list, super::clips::show,
        super::clips::request, super::clips::upload, super::stream::stream, super::session::begin, super::session::end, super::session::ways, super::oidc::begin, super::oidc::finish,
        super::session::me, super::audit::list, super::grants::list, super::grants::pass_on, super::grants::revoke, super::grants::agencies, super::feeds::landing, super::feeds::conformance, super::feeds::collections, super::feeds::show,
        super::feeds::items, super::feeds::item, super::feeds::open_data, super::feeds::iris, super::outgoing::publish,
        super::outgoing::alerts, super::outgoing::alert, super::outgoing::list, super::outgoing::retry, super::figures::list,
        super::figures::indicators, super::figures::file, settings, basemap, healthz, metrics
    ),
    components(schemas(Hello, Reset, Picture, Hotline, super::incidents::StateFilter, super::figures::By, crate::figures::period::Every,
        crate::figures::page::Language)),
    modifiers(&Doors, &Problems),
    security(("cookie" = []), ("token" = []))
)]
struct Document;

/// The two ways in.
struct Doors;

impl Modify for Doors {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// A failure has a media type of its own (RFC 9457), which is said here once for all of them.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::RefOr;
        const PROBLEM: &str = "#/components/schemas/Problem";
        let operations = document.paths.paths.values_mut().flat_map(|path| {
            [&mut path.get, &mut path.put, &mut path.post, &mut path.delete].into_iter().filter_map(Option::as_mut)
        });
        for response in operations.flat_map(|operation| operation.responses.responses.values_mut()) {
            let RefOr::T(response) = response else { continue };
            let is_problem = |content: &RefOr<utoipa::openapi::Content>| match content {
                RefOr::T(content) => matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location == PROBLEM),
                RefOr::Ref(_) => false,
            };
            let named = std::mem::take(&mut response.content).into_iter();
            let named =
                named.map(
                    |(name, content)| {
                        if is_problem(&content) { ("application/problem+json".to_owned(), content) } else { (name, content) }
                    },
                );
            response.content = named.collect();
        }
    }
}
