//! `/alarm-load` and `/shelves`: how much reaches the operators, and what is silenced for a while.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use jiff::civil::Date;
use matpho_scene::WallTime;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api,
    problem::{Failure, Json, Outcome, Query},
    types::{AlarmLoad, AlarmLoadNow, NewShelf, Problem, Shelf},
    viewer::Viewer,
};
use crate::{clock, incident::load::Shelved, rights::Capability, store::load::DAYS_MAX};

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Which day.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LoadQuery {
    /// The day in the province, `YYYY-MM-DD`; today, if not given.
    #[param(value_type = Option<String>, format = Date)]
    day: Option<String>,
    /// How many days from it on, 1 to 31; 1 if not given.
    #[param(minimum = 1, maximum = 31)]
    days: Option<i64>,
}

/// The alarm load of a day, held against the limits of ISA-18.2. Of today: as far as it has come.
#[utoipa::path(get, path = "/api/v1/alarm-load", tag = "alarm load", params(LoadQuery),
    responses((status = 200, body = AlarmLoad), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub async fn show(State(api): State<Arc<Api>>, viewer: Viewer, Query(query): Query<LoadQuery>) -> Outcome<Answer<AlarmLoad>> {
    // It is about all that reaches the desk, not about a part of the city.
    viewer.everywhere(Capability::EventAck)?;
    let wrong = |what: &str| {
        Failure::bad_request(format!("`{what}` is wrong: a day such as 2026-11-22, and 1 to {DAYS_MAX} days, are expected"))
    };
    let day = match &query.day {
        Some(day) => day.parse::<Date>().map_err(|_| wrong("day"))?,
        None => clock::today(),
    };
    let days = query.days.unwrap_or(1);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(wrong("days"));
    }
    let midnight = |day: Date| -> Outcome<WallTime> {
        let start = clock::offset().to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| wrong("day"))?;
        Ok(WallTime::from_unix_millis(start.as_millisecond()))
    };
    let from = midnight(day)?;
    let until = midnight(day.checked_add(jiff::Span::new().days(days)).map_err(|_| wrong("days"))?)?;
    let until = until.min(clock::now()).max(from + Duration::from_millis(1));
    Ok(Answer(api.shown.store.alarm_load(api.config.operators, (from, until)).await?))
}

/// How many alarms there are now.
#[utoipa::path(get, path = "/api/v1/alarm-load/now", tag = "alarm load",
    responses((status = 200, body = AlarmLoadNow), (status = 401, body = Problem)))]
pub async fn now(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Answer<AlarmLoadNow>> {
    viewer.somewhere(Capability::ViewMap)?;
    Ok(Answer(api.shown.store.alarm_load_now(api.config.operators, clock::now()).await?))
}

/// What is silenced now, what ends first first.
#[utoipa::path(get, path = "/api/v1/shelves", tag = "alarm load",
    responses((status = 200, body = Vec<Shelf>), (status = 401, body = Problem)))]
pub async fn shelves(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Answer<Vec<Shelf>>> {
    let filter = viewer.somewhere(Capability::ViewMap)?;
    let mut seen = Vec::new();
    for shelf in api.shown.store.shelves(clock::now()).await? {
        if filter.passes(&api.shown.store.camera_places(&shelf.edge, &shelf.camera).await?) {
            seen.push(shelf);
        }
    }
    Ok(Answer(seen))
}

/// Silences a camera's analytic for a while. What it tells is kept; nobody is alarmed by it.
#[utoipa::path(post, path = "/api/v1/shelves", tag = "alarm load", request_body = NewShelf,
    responses((status = 200, body = Shelf), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub async fn shelve(State(api): State<Arc<Api>>, viewer: Viewer, Json(body): Json<NewShelf>) -> Outcome<Answer<Shelf>> {
    let store = &api.shown.store;
    viewer.camera(&api, &body.edge, &body.camera, Capability::EventAck).await?;
    if store.camera(&body.edge, &body.camera).await?.is_none() {
        return Err(Failure::not_found("such camera"));
    }
    if body.reason.chars().count() > REASON_CHARS_MAX {
        return Err(Failure::bad_request(format!("the reason has more than {REASON_CHARS_MAX} characters")));
    }
    let time = Duration::from_secs(60 * u64::from(body.minutes));
    let shelved = Shelved::new(&body.camera, &viewer.who.name, &body.reason, clock::now(), time)
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    let mut tx = store.begin().await?;
    let source = (body.edge.as_str(), body.camera.as_str());
    let id = tx.shelve(source, body.family, (&shelved.by, &shelved.reason), (shelved.from, shelved.until)).await?;
    tx.commit().await?;
    tracing::info!(edge = body.edge, camera = body.camera, by = viewer.who.name, minutes = body.minutes, "shelved");
    store.shelf(&id).await?.map(Answer).ok_or_else(|| Failure::not_found("such shelf"))
}

/// Ends a shelf before its time.
#[utoipa::path(delete, path = "/api/v1/shelves/{id}", tag = "alarm load", params(("id" = String, Path, description = "The shelf")),
    responses((status = 200, body = Shelf), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn unshelve(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<Answer<Shelf>> {
    let shelf = api.shown.store.shelf(&id).await?.ok_or_else(|| Failure::not_found("such shelf"))?;
    viewer.camera(&api, &shelf.edge, &shelf.camera, Capability::EventAck).await?;
    let mut tx = api.shown.store.begin().await?;
    if !tx.unshelve(&id, &viewer.who.name, clock::now()).await? {
        return Err(Failure::not_found("such shelf that still holds"));
    }
    tx.commit().await?;
    tracing::info!(shelf = id, by = viewer.who.name, "taken off the shelf");
    api.shown.store.shelf(&id).await?.map(Answer).ok_or_else(|| Failure::not_found("such shelf"))
}
