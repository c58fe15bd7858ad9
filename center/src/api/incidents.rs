//! `/incidents`: what operators act on.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use matpho_scene::WallTime;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, limit,
    problem::{Failure, Json, MaybeJson, Outcome, Query},
    types::{Acknowledge, Close, CloseReason, Incident, IncidentDetail, Note, Page, Problem},
    viewer::Viewer,
};
use crate::{
    rights::Capability,
    store::{Acted, views::IncidentFilter},
};

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 2_000;

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IncidentQuery {
    /// `open` (new or acknowledged), `closed` or `all`; `open` if not given.
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
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// Which states.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateFilter {
    /// New or acknowledged.
    Open,
    /// Closed.
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
pub async fn show(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<Answer<IncidentDetail>> {
    viewer.incident(&api, &id, Capability::ViewMap).await?;
    let detail = api.shown.store.incident_detail(&id).await?;
    detail.map(Answer).ok_or_else(|| Failure::not_found("such incident"))
}

/// Takes an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents", request_body = Acknowledge,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem),
        (status = 409, description = "Somebody was quicker; with the incident as it is now", body = Problem)))]
pub async fn acknowledge(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    MaybeJson(body): MaybeJson<Acknowledge>,
) -> Outcome<Answer<Incident>> {
    let note = checked(body.note)?;
    viewer.incident(&api, &id, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    let acted = tx.acknowledge(&id, &viewer.who.name, note.as_deref(), crate::clock::now()).await?;
    tx.commit().await?;
    answer(&api, &id, &viewer, "acknowledged", acted).await
}

/// Closes an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", tag = "incidents", request_body = Close,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem),
        (status = 409, description = "Somebody was quicker; with the incident as it is now", body = Problem)))]
pub async fn close(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Json(body): Json<Close>,
) -> Outcome<Answer<Incident>> {
    if body.reason == CloseReason::Recovered {
        return Err(Failure::bad_request(
            "`recovered` is for the centre to say; choose resolved, false_alarm, duplicate or no_action",
        ));
    }
    let note = checked(body.note)?;
    viewer.incident(&api, &id, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    let acted = tx.close(&id, &viewer.who.name, body.reason, note.as_deref(), crate::clock::now()).await?;
    tx.commit().await?;
    answer(&api, &id, &viewer, "closed", acted).await
}

/// Adds a note to an incident's log.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/note", tag = "incidents", request_body = Note,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem)))]
pub async fn note(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Json(body): Json<Note>,
) -> Outcome<Answer<Incident>> {
    let Some(note) = checked(Some(body.note))? else { return Err(Failure::bad_request("the note is empty")) };
    viewer.incident(&api, &id, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    let acted = tx.note(&id, &viewer.who.name, &note, crate::clock::now()).await?;
    tx.commit().await?;
    answer(&api, &id, &viewer, "noted", acted).await
}

/// West, south, east, north.
fn bbox(text: &str) -> Outcome<[f64; 4]> {
    let wrong = || Failure::bad_request("`bbox` is west,south,east,north in degrees, such as 106.6,10.9,106.7,11.0");
    let numbers: Vec<f64> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [west, south, east, north] = <[f64; 4]>::try_from(numbers).map_err(|_| wrong())?;
    let is_box = west <= east && south <= north && west >= -180.0 && east <= 180.0 && south >= -90.0 && north <= 90.0;
    if is_box { Ok([west, south, east, north]) } else { Err(wrong()) }
}

async fn answer(api: &Api, id: &str, viewer: &Viewer, what: &'static str, acted: Acted) -> Outcome<Answer<Incident>> {
    let incident = api.shown.store.incident(id).await?;
    match (acted, incident) {
        (Acted::Done, Some(incident)) => {
            tracing::info!(incident = id, by = viewer.who.name, "{what}");
            Ok(Answer(incident))
        }
        (Acted::Conflict, incident) => Err(Failure::conflict("somebody was quicker; `incident` is as it stands now", incident)),
        (Acted::NotFound, _) | (Acted::Done, None) => Err(Failure::not_found("such incident")),
    }
}

/// A note without blanks around it; `None` if nothing is left.
fn checked(note: Option<String>) -> Outcome<Option<String>> {
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    match &note {
        Some(text) if text.chars().count() > NOTE_CHARS_MAX => {
            Err(Failure::bad_request(format!("the note has more than {NOTE_CHARS_MAX} characters")))
        }
        _ => Ok(note),
    }
}
