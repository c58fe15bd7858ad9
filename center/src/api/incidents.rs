//! `/incidents`: what operators act on. Not here: acting ([`super::acts`]).

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    response::Response,
};
use matpho_scene::WallTime;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, limit,
    problem::{Failure, Outcome, Query},
    types::{Incident, IncidentDetail, Page, Problem},
    viewer::Viewer,
};
use crate::{rights::Capability, store::views::IncidentFilter};

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IncidentQuery {
    /// `open` (new, acknowledged or dispatched), `closed` (resolved or false alarm) or `all`; `open` if not given.
    state: Option<StateFilter>,
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
    /// Seen by a camera in this box: west,south,east,north in degrees.
    bbox: Option<String>,
    /// How many, 1 to 200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// Which states.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateFilter {
    /// New, acknowledged or dispatched.
    Open,
    /// Resolved or false alarm.
    Closed,
    /// Both.
    All,
}

/// Incidents, the one that began last first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentQuery),
    responses((status = 200, body = Page<Incident>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Query(query): Query<IncidentQuery>,
) -> Outcome<Answer<Page<Incident>>> {
    let limit = limit(query.limit, 50, 200)?;
    let filter = IncidentFilter {
        closed: match query.state.unwrap_or(StateFilter::Open) {
            StateFilter::Open => Some(false),
            StateFilter::Closed => Some(true),
            StateFilter::All => None,
        },
        kind: query.kind,
        camera: query.camera,
        edge: query.edge,
        from: query.from,
        to: query.to,
        within: query.bbox.as_deref().map(bbox).transpose()?,
        before: query.before,
    };
    let mut items = api.shown.store.incidents(&filter, &viewer.filter(Capability::ViewMap), limit + 1).await?;
    let next = super::cut(&mut items, limit, |last| last.id.clone());
    Ok(Answer(Page { items, next }))
}

/// An incident with its events, its log and what proves it.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = IncidentDetail), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<Response> {
    viewer.incident(&api, &id, Capability::ViewMap).await?;
    let detail = api.shown.store.incident_detail(&id).await?.ok_or_else(|| Failure::not_found("such incident"))?;
    Ok(super::acts::tagged(detail.incident.version, Answer(detail)))
}

/// West, south, east, north.
fn bbox(text: &str) -> Outcome<[f64; 4]> {
    let wrong = || Failure::bad_request("`bbox` is west,south,east,north in degrees, such as 106.6,10.9,106.7,11.0");
    let numbers: Vec<f64> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [west, south, east, north] = <[f64; 4]>::try_from(numbers).map_err(|_| wrong())?;
    let is_box = west <= east && south <= north && west >= -180.0 && east <= 180.0 && south >= -90.0 && north <= 90.0;
    if is_box { Ok([west, south, east, north]) } else { Err(wrong()) }
}
