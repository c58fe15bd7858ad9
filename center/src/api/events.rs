//! `/events` and the pictures that prove them.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Request, State},
    response::Response,
};
use matpho_scene::WallTime;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, cut, file, limit,
    problem::{Failure, Outcome, Query},
    types::{Event, Page, Problem},
    viewer::Viewer,
};
use crate::{rights::Capability, store::views::EventFilter};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// A kind (`fire.flame`) or the beginning of one (`fire`).
    kind: Option<String>,
    /// A camera's id.
    camera: Option<String>,
    /// A gateway, `SITE.EDGE`.
    edge: Option<String>,
    /// Began at or after.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<WallTime>,
    /// Began before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<WallTime>,
    /// How many, 1 to 500; 100 if not given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// Events, the one that began last first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = Page<Event>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub async fn list(State(api): State<Arc<Api>>, viewer: Viewer, Query(query): Query<EventQuery>) -> Outcome<Answer<Page<Event>>> {
    let limit = limit(query.limit, 100, 500)?;
    let before = match &query.before {
        Some(cursor) => {
            let parsed = cursor.split_once('_').and_then(|(millis, id)| Some((millis.parse().ok()?, id.to_owned())));
            let (millis, id) = parsed.ok_or_else(|| Failure::bad_request("`before` is not a `next` that was given out"))?;
            Some((WallTime::from_unix_millis(millis), id))
        }
        None => None,
    };
    let filter = EventFilter { kind: query.kind, camera: query.camera, edge: query.edge, from: query.from, to: query.to, before };
    let mut items = api.shown.store.events(&filter, &viewer.filter(Capability::ViewMap), limit + 1).await?;
    let next = cut(&mut items, limit, |last| format!("{}_{}", last.began.as_unix_millis(), last.id));
    Ok(Answer(Page { items, next }))
}

/// An event.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", params(("id" = String, Path, description = "The event")),
    responses((status = 200, body = Event), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<Answer<Event>> {
    viewer.event(&api, &id, Capability::ViewMap).await?;
    api.shown.store.event(&id).await?.map(Answer).ok_or_else(|| Failure::not_found("such event"))
}

/// The picture that proves an event. One on which people and plates were not made unrecognisable needs `view.unmasked`.
#[utoipa::path(get, path = "/api/v1/evidence/{event}.jpg", tag = "events",
    params(("event" = String, Path, description = "The event")),
    responses((status = 200, content_type = "image/jpeg"), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub async fn picture(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(name): Path<String>,
    request: Request,
) -> Outcome<Response> {
    let absent = || Failure::not_found("picture of this event: none arrived, or it had to go to make room");
    let event = name.strip_suffix(".jpg").ok_or_else(absent)?;
    let (path, redacted) = api.shown.store.evidence_path(event).await?.ok_or_else(absent)?;
    viewer.event(&api, event, if redacted { Capability::ViewMap } else { Capability::ViewUnmasked }).await?;
    // A later picture of the same event may take its place, so a browser has to ask whether it is still the same.
    let tag = path.rsplit('/').next().unwrap_or_default();
    file::serve_kept(api.shown.store.files(), &path, "image/jpeg", tag, request.headers()).await
}
