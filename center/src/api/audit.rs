//! `/audit`: who did what.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, cut, limit,
    problem::{Outcome, Query},
    types::{Page, Problem},
    viewer::Viewer,
};
use crate::{rights::Capability, store::audit::AuditLine};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Of this user.
    who: Option<String>,
    /// About this: `login`, `grant_added` and so on.
    what: Option<String>,
    /// How many, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<i64>,
}

/// The audit trail, the newest line first. Needs `area.admin` everywhere.
#[utoipa::path(get, path = "/api/v1/audit", tag = "system", params(AuditQuery),
    responses((status = 200, body = Page<AuditLine>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Query(query): Query<AuditQuery>,
) -> Outcome<Answer<Page<AuditLine>>> {
    viewer.everywhere(Capability::AreaAdmin)?;
    let limit = limit(query.limit, 100, 1_000)?;
    let store = &api.shown.store;
    let mut items = store.audit_before(query.before, query.who.as_deref(), query.what.as_deref(), limit + 1).await?;
    let next = cut(&mut items, limit, |last| last.line.to_string());
    Ok(Answer(Page { items, next }))
}
