//! What people do to incidents: `POST /incidents/{id}/…`.
//!
//! Each act may carry two conditions. `Idempotency-Key`: what is asked for with one key is done once, so that a client may ask again when it heard no
//! answer. `If-Match` with the incident's `version`: it is done only if nobody else has acted meanwhile; otherwise 412. What the incident's
//! life does not allow is 409, with what is possible.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{FromRequestParts, Path, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    Api,
    problem::{Failure, Json, MaybeJson, Outcome},
    types::{Acknowledge, Assess, Close, CloseReason, Dispatch, FalseReason, Incident, Merge, Note, Problem, Reopen, Split},
    viewer::Viewer,
};
use crate::{
    incident::life::{Act, Refused},
    rights::Capability,
    store::{
        Acted,
        life::{Asked, Assessment},
    },
};

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 2_000;

/// The longest name of who is sent, in characters.
const AGENCY_CHARS_MAX: usize = 100;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 200;

/// On what condition something is asked for.
#[derive(Debug, Default)]
pub struct Conditions {
    key: Option<String>,
    version: Option<i64>,
}

impl Conditions {
    /// Who asks, when, and on what condition.
    pub fn asked<'a>(&'a self, by: &'a str) -> Asked<'a> {
        Asked { by, key: self.key.as_deref(), version: self.version, at: crate::clock::now() }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default().trim().to_owned());
        let key = text("idempotency-key");
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
            return Err(Failure::bad_request(format!("`Idempotency-Key` has 1 to {KEY_BYTES_MAX} characters of ASCII")));
        }
        let version = match text("if-match").as_deref() {
            None | Some("*") => None,
            Some(tag) => Some(tag.trim_matches('"').parse().map_err(|_| {
                Failure::bad_request(format!("`If-Match` is an incident's version, such as \"7\"; `{tag}` was found"))
            })?),
        };
        Ok(Self { key, version })
    }
}

/// Takes an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents", request_body = Acknowledge,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem),
        (status = 409, description = "Somebody was quicker; with the incident as it is now", body = Problem),
        (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn acknowledge(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    MaybeJson(body): MaybeJson<Acknowledge>,
) -> Outcome<Response> {
    act(&api, &id, &viewer, &conditions, Act::Acknowledge, body.note).await
}

/// Sends somebody. Recorded and told to everybody who looks; whoever is sent is called by those who send.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/dispatch", tag = "incidents", request_body = Dispatch,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem), (status = 409, description = "It is closed, or they were sent already", body = Problem),
        (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn dispatch(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(body): Json<Dispatch>,
) -> Outcome<Response> {
    let agency = body.agency.trim().to_owned();
    if agency.is_empty() || agency.chars().count() > AGENCY_CHARS_MAX {
        return Err(Failure::bad_request(format!("`agency` has 1 to {AGENCY_CHARS_MAX} characters")));
    }
    act(&api, &id, &viewer, &conditions, Act::Dispatch { agency }, body.note).await
}

/// Closes an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", tag = "incidents", request_body = Close,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem),
        (status = 409, description = "Somebody was quicker; with the incident as it is now", body = Problem),
        (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn close(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(body): Json<Close>,
) -> Outcome<Response> {
    let wrong = |what: &str| Err(Failure::bad_request(what));
    let closing = match (body.reason, body.false_reason, body.reason.resolution()) {
        (CloseReason::Recovered | CloseReason::Retracted, ..) => {
            return wrong(
                "`recovered` and `retracted` are for the centre to say; choose resolved, false_alarm, duplicate or no_action",
            );
        }
        (CloseReason::FalseAlarm, None, _) => {
            return wrong(
                "`false_reason` is missing: light, reflection, weather, waiting, known, camera or other; whoever tunes the camera wants to know",
            );
        }
        (CloseReason::FalseAlarm, Some(FalseReason::Other), _)
            if body.note.as_deref().is_none_or(|note| note.trim().is_empty()) =>
        {
            return wrong("with `false_reason` other a note has to say what it was");
        }
        (CloseReason::FalseAlarm, Some(reason), _) => Act::FalseAlarm { reason },
        (_, Some(_), _) => return wrong("`false_reason` goes with `false_alarm` alone"),
        (_, None, Some(how)) => Act::Resolve { how },
        (_, None, None) => return wrong("`reason` is not known"),
    };
    act(&api, &id, &viewer, &conditions, closing, body.note).await
}

/// Opens an incident again that was closed too early.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", request_body = Reopen,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem), (status = 409, description = "It is open, or another one has its events", body = Problem),
        (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn reopen(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(body): Json<Reopen>,
) -> Outcome<Response> {
    let note = required(body.note)?;
    act(&api, &id, &viewer, &conditions, Act::Reopen, Some(note)).await
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
    conditions: Conditions,
    Json(body): Json<Note>,
) -> Outcome<Response> {
    let note = required(body.note)?;
    viewer.incident(&api, &id, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    let acted = tx.note(&id, &note, &conditions.asked(&viewer.who.name)).await?;
    if acted == Acted::Done {
        tx.commit().await?;
    }
    answer(&api, &id, &viewer, "noted", acted).await
}

/// Says how grave, how sure or how important an incident is, and why.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/assess", tag = "incidents", request_body = Assess,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem), (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn assess(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(body): Json<Assess>,
) -> Outcome<Response> {
    let note = required(body.note)?;
    let said = Assessment { severity: body.severity, certainty: body.certainty, priority: body.priority };
    viewer.incident(&api, &id, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    let acted = tx.assess(&id, said, &note, &conditions.asked(&viewer.who.name)).await?;
    if acted == Acted::Done {
        tx.commit().await?;
    }
    answer(&api, &id, &viewer, "assessed", acted).await
}

/// Puts the events of other incidents of the same family into this one; the others are closed as duplicates.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/merge", tag = "incidents", request_body = Merge,
    params(("id" = String, Path, description = "The incident that stays")),
    responses((status = 200, body = Incident), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem), (status = 409, description = "One of them is closed", body = Problem),
        (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn merge(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(body): Json<Merge>,
) -> Outcome<Response> {
    let note = checked(body.note)?;
    for incident in body.incidents.iter().chain([&id]) {
        viewer.incident(&api, incident, Capability::EventAck).await?;
    }
    let mut tx = api.shown.store.begin().await?;
    let promises = &api.config.promises;
    let acted = tx.merge(&id, &body.incidents, note.as_deref(), &conditions.asked(&viewer.who.name), promises).await?;
    if acted == Acted::Done {
        tx.commit().await?;
    }
    answer(&api, &id, &viewer, "merged", acted).await
}

/// Makes some of an incident's events an incident of their own, which is the answer.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/split", tag = "incidents", request_body = Split,
    params(("id" = String, Path, description = "The incident")),
    responses((status = 200, description = "The new incident", body = Incident), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, description = "It may be seen, but this may not be done", body = Problem), (status = 404, body = Problem), (status = 409, description = "It is closed", body = Problem),
        (status = 412, description = "Somebody acted meanwhile (`If-Match`)", body = Problem)))]
pub async fn split(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(body): Json<Split>,
) -> Outcome<Response> {
    let note = checked(body.note)?;
    viewer.incident(&api, &id, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    let promises = &api.config.promises;
    let (acted, new) = tx.split(&id, &body.events, note.as_deref(), &conditions.asked(&viewer.who.name), promises).await?;
    if acted == Acted::Done {
        tx.commit().await?;
    }
    answer(&api, new.as_deref().unwrap_or(&id), &viewer, "split", acted).await
}

/// A step of the life.
async fn act(api: &Api, id: &str, viewer: &Viewer, conditions: &Conditions, act: Act, note: Option<String>) -> Outcome<Response> {
    let note = checked(note)?;
    let needed = if matches!(act, Act::Dispatch { .. }) { Capability::EventDispatch } else { Capability::EventAck };
    viewer.incident(api, id, needed).await?;
    let what = match &act {
        Act::Acknowledge => "acknowledged",
        Act::Dispatch { .. } => "dispatched",
        Act::Resolve { .. } => "resolved",
        Act::FalseAlarm { .. } => "called a false alarm",
        Act::Reopen => "reopened",
        Act::ProposeDispatch { .. } => "proposed",
    };
    let mut tx = api.shown.store.begin().await?;
    let acted = tx.act(id, act, note.as_deref(), &conditions.asked(&viewer.who.name), &api.config.promises).await?;
    if acted == Acted::Done {
        tx.commit().await?;
    }
    answer(api, id, viewer, what, acted).await
}

/// The incident as it is after an act, or why there was none.
async fn answer(api: &Api, id: &str, viewer: &Viewer, what: &'static str, acted: Acted) -> Outcome<Response> {
    let (id, done) = match acted {
        Acted::Done => (id.to_owned(), true),
        Acted::Before(result) => (result.unwrap_or_else(|| id.to_owned()), false),
        Acted::NotFound(missing) => return Err(Failure::not_found(format!("incident {missing}"))),
        Acted::KeyReused => return Err(Failure::key_reused()),
        Acted::Senseless(why) => return Err(Failure::bad_request(why)),
        Acted::Changed => {
            return Err(Failure::changed(api.shown.store.incident(id).await?));
        }
        Acted::Refused(refused) => {
            let detail = match &refused {
                Refused::NeedsNote => return Err(Failure::bad_request(refused.to_string())),
                refused => format!("{refused}; `incident` is as it stands now"),
            };
            return Err(Failure::conflict(detail, api.shown.store.incident(id).await?));
        }
    };
    let incident = api.shown.store.incident(&id).await?.ok_or_else(|| Failure::not_found("such incident"))?;
    if done {
        tracing::info!(incident = id, by = viewer.who.name, "{what}");
    }
    Ok(tagged(incident.version, Answer(incident)))
}

/// An answer with an incident's version as its tag.
pub(super) fn tagged(version: u64, answer: impl IntoResponse) -> Response {
    let mut response = (StatusCode::OK, answer).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
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

/// A note that must be there.
fn required(note: String) -> Outcome<String> {
    checked(Some(note))?.ok_or_else(|| Failure::bad_request("the note is empty"))
}
