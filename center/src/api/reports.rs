//! `/reports`: what people see and tell. An operator writes down what a caller says; a hotline's own system hands it in with a token that opens
//! nothing else.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::HeaderMap,
};

use super::{
    Api,
    acts::Conditions,
    problem::{Failure, Json, Outcome},
    types::{Contact, NewReport, Problem, Report},
    viewer::Viewer,
};
use crate::{auth::guard, rights::Capability, store::Acted};

/// How old what is reported may be.
const AGE_MAX: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// How far a reporter's clock may be ahead.
const AHEAD_MAX: std::time::Duration = std::time::Duration::from_secs(120);

/// Takes what somebody reports: it joins an incident that is near in place, time and kind and makes it surer, or opens one.
#[utoipa::path(post, path = "/api/v1/reports", tag = "reports", request_body = NewReport,
    responses((status = 200, body = Report), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 422, description = "The `Idempotency-Key` stands for another report", body = Problem)))]
pub async fn create(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    conditions: Conditions,
    Json(report): Json<NewReport>,
) -> Outcome<Answer<Report>> {
    let by = match guard::report_token(&api, &headers) {
        Some(name) => name.to_owned(),
        None => {
            let viewer = Viewer::new(&api, guard::identify(&api, &headers, &axum::http::Method::POST).await?).await?;
            viewer.somewhere(Capability::EventAck)?;
            viewer.who.name
        }
    };
    let now = crate::clock::now();
    let seen = check(&report, now)?;
    let mut tx = api.shown.store.begin().await?;
    let (acted, id) = tx.take_report(&report, seen, &conditions.asked(&by), &api.config.incidents).await?;
    let id = match acted {
        Acted::Done => {
            tx.commit().await?;
            let id = id.unwrap_or_default();
            tracing::info!(report = id, by, kind = report.kind.as_str(), "reported");
            id
        }
        Acted::Before(id) => id.unwrap_or_default(),
        Acted::KeyReused => return Err(Failure::key_reused()),
        other => return Err(Failure::internal(format!("a report was answered with {other:?}"))),
    };
    api.shown.store.report(&id).await?.map(Answer).ok_or_else(|| Failure::not_found("such report"))
}

/// Whom to call back about a report, as long as that is kept. That somebody asked stands in the incident's log.
#[utoipa::path(get, path = "/api/v1/reports/{id}/contact", tag = "reports",
    params(("id" = String, Path, description = "The report")),
    responses((status = 200, body = Contact), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn contact(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<Answer<Contact>> {
    let report = api.shown.store.report(&id).await?.ok_or_else(|| Failure::not_found("such report"))?;
    viewer.incident(&api, &report.incident, Capability::EventAck).await?;
    let contact = api.shown.store.report_contact(&id).await?;
    let contact =
        contact.ok_or_else(|| Failure::not_found("contact of this report: none was given, or it was kept long enough"))?;
    let mut tx = api.shown.store.begin().await?;
    tx.contact_read(&report, &viewer.who.name, crate::clock::now()).await?;
    tx.commit().await?;
    tracing::info!(report = id, by = viewer.who.name, "a contact was read");
    Ok(Answer(contact))
}

/// Whether a report makes sense. Returns when it was seen.
fn check(report: &NewReport, now: matpho_scene::WallTime) -> Outcome<matpho_scene::WallTime> {
    let wrong = |what: String| Err(Failure::bad_request(what));
    let long = |text: &str, chars_max: usize| text.trim().chars().count() > chars_max;
    if report.kind.is_camera() {
        return wrong(format!("`{}` is for cameras to say", report.kind));
    }
    if report.text.trim().is_empty() || long(&report.text, 2_000) {
        return wrong("`text` has 1 to 2000 characters".into());
    }
    if long(&report.place, 200) {
        return wrong("`place` has at most 200 characters".into());
    }
    let [longitude, latitude] = report.position;
    if !((-180.0..=180.0).contains(&longitude) && (-85.0..=85.0).contains(&latitude)) {
        return wrong(format!("position [{longitude}, {latitude}] is not on the earth: [longitude, latitude] is expected"));
    }
    if let Some(contact) = &report.contact {
        let of = |text: &Option<String>, chars_max| text.as_ref().is_some_and(|text| long(text, chars_max));
        if of(&contact.name, 100) || of(&contact.telephone, 30) {
            return wrong("`contact` has a name of at most 100 characters and a telephone number of at most 30".into());
        }
    }
    let seen = report.seen.unwrap_or(now);
    if seen > now + AHEAD_MAX || seen + AGE_MAX < now {
        return wrong(format!("`seen` is {seen}; it lies in the future, or more than a day ago"));
    }
    Ok(seen.min(now))
}
