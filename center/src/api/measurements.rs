//! `/measurements`: traffic and water, as figures of zones over periods.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use matpho_scene::WallTime;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, cut, limit,
    problem::{Failure, Outcome, Query},
    types::{Measurement, Page, Problem},
    viewer::Viewer,
};
use crate::{rights::Capability, store::views::MeasurementFilter};

/// Which measurements.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MeasurementQuery {
    /// A camera's id.
    camera: Option<String>,
    /// A gateway, `SITE.EDGE`.
    edge: Option<String>,
    /// A zone.
    zone: Option<String>,
    /// Beginning at or after.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<WallTime>,
    /// Beginning before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<WallTime>,
    /// How many, 1 to 5000; 500 if not given.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// Measurements, the one that began last first.
#[utoipa::path(get, path = "/api/v1/measurements", tag = "measurements", params(MeasurementQuery),
    responses((status = 200, body = Page<Measurement>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Query(query): Query<MeasurementQuery>,
) -> Outcome<Answer<Page<Measurement>>> {
    let limit = limit(query.limit, 500, 5_000)?;
    let before = match &query.before {
        Some(cursor) => {
            let parsed = cursor.split_once('_').and_then(|(from, line)| Some((from.parse().ok()?, line.parse().ok()?)));
            Some(parsed.ok_or_else(|| Failure::bad_request("`before` is not a `next` that was given out"))?)
        }
        None => None,
    };
    let filter =
        MeasurementFilter { camera: query.camera, edge: query.edge, zone: query.zone, from: query.from, to: query.to, before };
    let mut rows = api.shown.store.measurements(&filter, &viewer.filter(Capability::ViewMap), limit + 1).await?;
    let next = cut(&mut rows, limit, |(line, last)| format!("{}_{line}", last.from.as_unix_millis()));
    Ok(Answer(Page { items: rows.into_iter().map(|(_, item)| item).collect(), next }))
}
