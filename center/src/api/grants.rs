//! `/grants` and `/agencies`: who may do what, passing it on, and who answers for what.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use matpho_scene::WallTime;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Api,
    problem::{Failure, Json, Outcome},
    types::Problem,
    viewer::Viewer,
};
use crate::{
    area::AreaId,
    clock,
    rights::{Capabilities, Capability, Effect, Grant, GrantId, Kinds, Moment, Principal, Scope, Window},
    store::audit::{Act, Deed},
};

/// A grant to be passed on: who stands in for whom, in what, where, until when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PassOn {
    /// The grant of one's own that it is passed on from; it needs `area.admin`.
    pub passed_on_from: String,
    /// To whom.
    pub user: String,
    /// What: `view.map`, `event.ack` …; no more than one holds.
    pub capabilities: Vec<String>,
    /// Where, `SCHEME:CODE`, all below included; absent: where the other one holds.
    pub area: Option<String>,
    /// On which kinds of event, `all`, families or kinds with commas between them; absent: those of the other one.
    pub kinds: Option<String>,
    /// From this instant on; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<WallTime>,
    /// Until this instant; absent: as long as the other one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<WallTime>,
    /// For what purpose.
    pub purpose: String,
}

/// Whether a grant is somebody's to see: theirs, or given by them, or everybody's for who may see them all.
fn is_shown(grant: &Grant, viewer: &Viewer) -> bool {
    let subject = viewer.granted().subject(&viewer.who);
    let is_mine = match &grant.principal {
        Principal::User(user) => *user == subject.user,
        Principal::Agency(id) => subject.agencies.contains(id),
    };
    is_mine || grant.granted_by == viewer.who.name || viewer.everywhere(Capability::AreaAdmin).is_ok()
}

/// The grants that one has or gave; all of them for who has `area.admin` everywhere.
#[utoipa::path(get, path = "/api/v1/grants", tag = "session",
    responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
pub async fn list(viewer: Viewer) -> Answer<Vec<Grant>> {
    Answer(viewer.granted().ledger().iter().filter(|grant| is_shown(grant, &viewer)).cloned().collect())
}

/// Passes a grant on. It ends when the one that it came of does.
#[utoipa::path(post, path = "/api/v1/grants", tag = "session", request_body = PassOn,
    responses((status = 201, body = Object), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "It would reach farther than what one holds; says in what", body = Problem),
        (status = 404, description = "The grant that it is to come of", body = Problem)))]
pub async fn pass_on(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Json(body): Json<PassOn>,
) -> Outcome<(StatusCode, Answer<Grant>)> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| Failure::bad_request(format!("{what}: {error}"));
    let from = GrantId(body.passed_on_from);
    let origin = viewer.granted().ledger().get(&from).filter(|grant| is_shown(grant, &viewer));
    let origin = origin.cloned().ok_or_else(|| Failure::not_found("such grant of yours"))?;
    if body.purpose.trim().is_empty() {
        return Err(Failure::bad_request("say for what purpose"));
    }
    if api.shown.store.user(&body.user).await?.is_none() {
        return Err(Failure::bad_request(format!("there is no user {}", body.user)));
    }
    let now = clock::now();
    let begin = body.from.unwrap_or(now).max(origin.window.from);
    let grant = Grant {
        id: GrantId(Uuid::now_v7().to_string()),
        principal: Principal::User(body.user),
        effect: Effect::Allow,
        role: "passed on".into(),
        capabilities: body.capabilities.join(" ").parse::<Capabilities>().map_err(|error| wrong("capabilities", &error))?,
        scope: match &body.area {
            None => origin.scope.clone(),
            Some(area) => Scope::Area(area.parse::<AreaId>().map_err(|error| wrong("area", &error))?),
        },
        kinds: match &body.kinds {
            None => origin.kinds,
            Some(kinds) => kinds.parse::<Kinds>().map_err(|error| wrong("kinds", &error))?,
        },
        window: Window { from: begin, until: body.until.or(origin.window.until) },
        purpose: body.purpose.trim().to_owned(),
        granted_by: viewer.who.name.clone(),
        passed_on_from: Some(from),
        revoked: None,
    };
    if grant.capabilities.is_empty() || grant.kinds.is_empty() || grant.window.until.is_some_and(|until| until <= begin) {
        return Err(Failure::bad_request("nothing would be granted: no capability, no kind, or an end before the beginning"));
    }
    // Decided under the lock of the one who writes, by the ledger as it is then.
    let mut tx = api.shown.store.begin().await?;
    let mut ledger = api.shown.store.ledger().await?;
    let tree = api.shown.store.areas().await?;
    let subject = viewer.granted().subject(&viewer.who);
    let moment = Moment::new(now, clock::offset());
    ledger
        .pass_on(grant.clone(), &subject.user, &subject.agencies, &tree, moment)
        .map_err(|error| Failure::forbidden(error.to_string()))?;
    tx.add_grant(&grant).await?;
    let detail = serde_json::to_value(&grant).unwrap_or_default();
    tx.audit(&Deed::done(&viewer.who.name, Act::GrantAdded, &grant.id.0, detail), now).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(grant)))
}

/// Takes a grant back that one gave, and with it what was passed on from it.
#[utoipa::path(delete, path = "/api/v1/grants/{id}", tag = "session", params(("id" = String, Path, description = "The grant")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn revoke(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<StatusCode> {
    let id = GrantId(id);
    let grant = viewer.granted().ledger().get(&id).filter(|grant| grant.revoked.is_none() && is_shown(grant, &viewer));
    let grant = grant.ok_or_else(|| Failure::not_found("such grant that could be taken back"))?;
    if grant.granted_by != viewer.who.name {
        viewer.everywhere(Capability::AreaAdmin)?;
    }
    let mut tx = api.shown.store.begin().await?;
    if tx.revoke_grant(&id, clock::now()).await? {
        tx.audit(&Deed::done(&viewer.who.name, Act::GrantRevoked, &id.0, Value::Null), clock::now()).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who answers for which kinds of events, where.
#[utoipa::path(get, path = "/api/v1/agencies", tag = "session",
    responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
pub async fn agencies(State(api): State<Arc<Api>>, _viewer: Viewer) -> Outcome<Answer<Vec<crate::rights::agency::Agency>>> {
    Ok(Answer(api.shown.store.agencies(&api.config.dispatch).await?))
}
