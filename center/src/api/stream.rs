//! `/stream`: what changes, as server-sent events.
//!
//! The first event is `hello`. Then, after a reconnection with `Last-Event-ID`, each object that changed since, once, as it is now;
//! or `reset` where that is no longer known and the lists have to be read anew. Then what changes, as it changes: `incident`,
//! `camera` and `edge` carry the object and its sequence number as id; `picture`, and a `camera` of which only the ages changed,
//! have no id. A client that reads the lists after `hello` misses nothing.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::{
    Api,
    problem::{Failure, Outcome, Query},
    types::{Hello, Problem, Reset},
};
use crate::{auth::Identity, live::News};

/// Seconds between heartbeats: a comment that keeps proxies from hanging up and tells a page that it is connected.
pub const HEARTBEAT_S: u32 = 15;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// The same as the header `Last-Event-ID`, for clients that cannot set it.
    last_event_id: Option<i64>,
}

/// What changes, as server-sent events: `hello`, `reset`, `incident`, `camera`, `edge`, `picture`. Resumes behind `Last-Event-ID`.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream", params(StreamQuery),
    responses((status = 200, content_type = "text/event-stream"), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub async fn stream(
    State(api): State<Arc<Api>>,
    Extension(who): Extension<Identity>,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Outcome<Response> {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|value| value.trim().parse().ok());
    let since: Option<i64> = header.or(query.last_event_id);
    // First listen, then look: what changes in between is heard twice rather than not at all.
    let queue = api.live.listen().ok_or_else(|| {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "too many listen already; try again later")
    })?;
    let store = &api.shown.store;
    let (newest, missed) = store.changes_since(since.unwrap_or(i64::MAX)).await?;
    let mut first: Vec<News> = Vec::new();
    first.extend(News::of(None, "hello", &Hello { version: env!("CARGO_PKG_VERSION").into(), sequence: newest }));
    match (since, missed) {
        (None, _) => {}
        (Some(_), None) => first.extend(News::of(Some(newest), "reset", &Reset { sequence: newest })),
        (Some(_), Some(missed)) => {
            for (sequence, change) in missed {
                first.extend(api.shown.news(sequence, &change).await?);
            }
        }
    }
    let fresh =
        ReceiverStream::new(queue).filter(move |news| std::future::ready(news.sequence.is_none_or(|sequence| sequence > newest)));
    // With the session the stream ends; the page then learns from its next request that it has to log in.
    let over = async move {
        match who.expires {
            Some(expires) => tokio::time::sleep(expires.since(crate::clock::now())).await,
            None => std::future::pending().await,
        }
    };
    let events = stream::iter(first).chain(fresh).take_until(Box::pin(over)).map(|news| Ok::<_, Infallible>(event(&news)));
    let alive = KeepAlive::new().interval(Duration::from_secs(HEARTBEAT_S.into())).text("heartbeat");
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    // A proxy that gathers the stream would make it late.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

fn event(news: &News) -> Event {
    let event = Event::default().event(news.event).data(&*news.data);
    match news.sequence {
        Some(sequence) => event.id(sequence.to_string()),
        None => event,
    }
}
