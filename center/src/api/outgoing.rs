//! `/feeds`: alerts that were published (CAP, Atom), and how what is sent by itself stands.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Api,
    feeds::origin,
    problem::{Failure, Outcome},
    types::Problem,
    viewer::Viewer,
};
use crate::{
    clock,
    config::feeds::Cap,
    feeds::cap::{
        atom::{self, Entry, Feed},
        write::MEDIA_TYPE,
    },
    rights::Capability,
    senders::{
        self,
        alerts::{self, PublishError, file_name},
        facts::Reader,
    },
    store::{
        alerts::Published,
        audit::{Act, Deed},
    },
};

/// Where the alerts are.
const CAP: &str = "/api/v1/feeds/cap";

/// How far back the feed of alerts reaches.
const ALERTS_AGE_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Alerts in the feed.
const ALERTS_MAX: u32 = 200;

/// Messages that were given up, in an answer.
const GIVEN_UP_MAX: u32 = 100;

/// An alert that was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Names it, together with its sender.
    pub identifier: String,
    /// The incident.
    pub incident: String,
    /// When it was sent.
    #[schema(value_type = String, format = DateTime)]
    pub sent: WallTime,
    /// Until when it holds.
    #[schema(value_type = String, format = DateTime)]
    pub expires: WallTime,
    /// Its headline.
    pub headline: String,
    /// Who said that the incident is to be published.
    pub by: String,
    /// Where the XML is.
    pub url: String,
}

/// How a feed that is sent stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedStanding {
    /// Its name: `webhook:NAME`, `ngsi`, `cap`.
    pub feed: String,
    /// Messages that wait.
    pub waiting: u64,
    /// Since when the oldest of them does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<WallTime>,
    /// Messages that were given up.
    pub given_up: u64,
    /// The last of them.
    pub last_given_up: Vec<GivenUp>,
    /// Why it is switched off; absent: it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<String>,
    /// What the last attempt came to that failed, of those that are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GivenUp {
    /// As the receiver would have known it: `webhook-id`, or the entity's id.
    pub id: String,
    /// What it is about: an incident's id, or the entity's.
    pub about: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made: WallTime,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
    /// Why.
    pub why: String,
}

/// What trying again came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// Messages that had been given up and are due again.
    pub due: u64,
}

fn cap(api: &Api) -> Outcome<&Cap> {
    api.config.feeds.cap.as_ref().ok_or_else(|| Failure::not_found("publisher of alerts configured ([feeds.cap])"))
}

/// Where an alert's XML is, as a path.
fn alert_path(alert: &Published) -> String {
    format!("{CAP}/{}.xml", file_name(alert))
}

fn view(alert: Published) -> Alert {
    Alert {
        url: alert_path(&alert),
        identifier: alert.identifier,
        incident: alert.incident,
        sent: alert.sent,
        expires: alert.expires,
        headline: alert.title,
        by: alert.by,
    }
}

/// Publishes an incident as an alert (CAP 1.2); needs `publish.cap` there. What becomes of it is then published without being asked.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/publish", tag = "feeds", params(("id" = String, Path, description = "The incident")),
    responses((status = 200, body = Alert), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "There is no such incident, or no publisher is configured", body = Problem),
        (status = 409, description = "There is nothing to say about it that is everybody's business", body = Problem)))]
pub async fn publish(State(api): State<Arc<Api>>, viewer: Viewer, Path(id): Path<String>) -> Outcome<Answer<Alert>> {
    viewer.incident(&api, &id, Capability::PublishCap).await?;
    let publisher = &cap(&api)?.publisher;
    let store = &api.shown.store;
    let mut reader = Reader::new(store.clone());
    match alerts::publish(store, &mut reader, publisher, &id, &viewer.who.name, clock::now()).await {
        Ok(alert) => Ok(Answer(view(alert))),
        Err(PublishError::Store(error)) => Err(error.into()),
        Err(PublishError::NotFound) => Err(Failure::not_found("such incident")),
        Err(error @ (PublishError::Closed | PublishError::NoAlert(_))) => {
            Err(Failure::new(StatusCode::CONFLICT, "not_publishable", error.to_string()))
        }
    }
}

/// Alerts of the last seven days, the newest first (Atom).
#[utoipa::path(get, path = "/api/v1/feeds/cap", tag = "feeds",
    responses((status = 200, content_type = "application/atom+xml"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn alerts(State(api): State<Arc<Api>>, headers: HeaderMap) -> Outcome<Response> {
    let publisher = &cap(&api)?.publisher;
    let now = clock::now();
    let all = api.shown.store.alerts_since(now - ALERTS_AGE_MAX, ALERTS_MAX).await?;
    let origin = origin(&api, &headers);
    let entries: Vec<_> = all
        .iter()
        .map(|alert| Entry {
            identifier: alert.identifier.clone(),
            title: alert.title.clone(),
            summary: alert.summary.clone(),
            sent: alert.sent,
            address: format!("{origin}{}", alert_path(alert)),
        })
        .collect();
    let feed = Feed {
        address: format!("{origin}{CAP}"),
        title: publisher.name_vi.clone(),
        author: publisher.name_vi.clone(),
        made: api.status.started,
    };
    Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], atom::write(&feed, &entries)).into_response())
}

/// An alert, as the feed of alerts names it.
#[utoipa::path(get, path = "/api/v1/feeds/cap/{file}", tag = "feeds", params(("file" = String, Path, description = "INCIDENT-NUMBER.xml")),
    responses((status = 200, content_type = "application/cap+xml"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn alert(State(api): State<Arc<Api>>, Path(file): Path<String>) -> Outcome<Response> {
    cap(&api)?;
    let named = file.strip_suffix(".xml").and_then(|name| name.rsplit_once('-'));
    let named = named.and_then(|(incident, number)| Some((incident, number.parse().ok()?)));
    let (incident, number) = named.ok_or_else(|| Failure::not_found("such alert"))?;
    let alert = api.shown.store.alert(incident, number).await?.ok_or_else(|| Failure::not_found("such alert"))?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], alert.xml).into_response())
}

/// How what is sent by itself stands: what waits, what was given up and why. Needs `camera.admin` everywhere.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "feeds", responses((status = 200, body = Vec<FeedStanding>), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
pub async fn list(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Answer<Vec<FeedStanding>>> {
    viewer.everywhere(Capability::CameraAdmin)?;
    let store = &api.shown.store;
    let mut all = Vec::new();
    for feed in senders::names(&api.config.feeds) {
        let standing = store.feed_standing(&feed).await?;
        let given_up = store.feed_given_up(&feed, GIVEN_UP_MAX).await?;
        let view =
            |one: crate::store::outbox::GivenUp| GivenUp { id: one.id, about: one.key, made: one.made, at: one.at, why: one.why };
        all.push(FeedStanding {
            feed,
            waiting: standing.waiting.unsigned_abs(),
            oldest: standing.oldest,
            given_up: standing.given_up.unsigned_abs(),
            last_given_up: given_up.into_iter().map(view).collect(),
            off: standing.off,
            trouble: standing.trouble,
        });
    }
    Ok(Answer(all))
}

/// Switches a feed on again, and tries once more what it gave up. Needs `camera.admin` everywhere.
#[utoipa::path(post, path = "/api/v1/feeds/retry/{feed}", tag = "feeds", params(("feed" = String, Path, description = "As `/api/v1/feeds` names it")),
    responses((status = 200, body = Retried), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn retry(State(api): State<Arc<Api>>, viewer: Viewer, Path(feed): Path<String>) -> Outcome<Answer<Retried>> {
    viewer.everywhere(Capability::CameraAdmin)?;
    if !senders::names(&api.config.feeds).contains(&feed) {
        return Err(Failure::not_found("such feed"));
    }
    let mut tx = api.shown.store.begin().await?;
    let due = tx.retry_feed(&feed, clock::now()).await?;
    tx.audit(&Deed::done(&viewer.who.name, Act::FeedRetried, &feed, json!({"due": due})), clock::now()).await?;
    tx.commit().await?;
    tracing::info!(feed, by = viewer.who.name, due, "a feed is tried again");
    Ok(Answer(Retried { due }))
}
