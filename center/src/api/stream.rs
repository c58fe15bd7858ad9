//! `/stream`: what changes, as server-sent events.
//!
//! The first event is `hello`. Then, after a reconnection with `Last-Event-ID`, each object that changed since, once, as it is now;
//! or `reset` where that is no longer known and the lists have to be read anew. Then what changes, as it changes: `incident`,
//! `camera` and `edge` carry the object and its sequence number as id; `picture`, `alarm_load`, and a `camera` of which only the ages
//! changed, have no id. A client that reads the lists after `hello` misses nothing.
//!
//! Each listener hears of what they may see. When their rights change, they are told to read anew (`reset`).

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::{
    Api,
    problem::{Failure, Outcome, Query},
    types::{Hello, Problem, Reset},
    viewer::Viewer,
};
use crate::{
    live::{About, News},
    rights::{Capability, Filter},
};

/// Seconds between heartbeats: a comment that keeps proxies from hanging up and tells a page that it is connected.
pub const HEARTBEAT_S: u32 = 15;

/// How long a listener's rights may be out of date.
const RIGHTS_EVERY: Duration = Duration::from_secs(1);

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
    viewer: Viewer,
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
    let expires = viewer.who.expires;
    let mut ear = Ear::new(api.clone(), viewer, queue, newest);
    ear.ready.extend(News::of(None, "hello", About::All, &Hello { version: env!("CARGO_PKG_VERSION").into(), sequence: newest }));
    match (since, missed) {
        (None, _) => {}
        (Some(_), None) => ear.ready.extend(News::of(Some(newest), "reset", About::All, &Reset { sequence: newest })),
        (Some(_), Some(missed)) => {
            for (sequence, change) in missed {
                if let Some(news) = api.shown.news(sequence, &change).await?
                    && ear.hears(&news).await?
                {
                    ear.ready.push_back(news);
                }
            }
        }
    }
    // With the session the stream ends; the page then learns from its next request that it has to log in.
    let over = async move {
        match expires {
            Some(expires) => tokio::time::sleep(expires.since(crate::clock::now())).await,
            None => std::future::pending().await,
        }
    };
    let heard = stream::unfold(ear, async |mut ear| ear.next().await.map(|news| (news, ear)));
    let events = heard.take_until(Box::pin(over)).map(|news| Ok::<_, Infallible>(event(&news)));
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

/// One listener: what is said to all, and what of it is for them.
struct Ear {
    api: Arc<Api>,
    viewer: Viewer,
    seen: Filter,
    watched: Filter,
    checked: Instant,
    ready: VecDeque<News>,
    queue: mpsc::Receiver<News>,
    /// The newest number when the listening began: what is not above it was told already.
    newest: i64,
}

impl Ear {
    fn new(api: Arc<Api>, viewer: Viewer, queue: mpsc::Receiver<News>, newest: i64) -> Self {
        let (seen, watched) = (viewer.filter(Capability::ViewMap), viewer.filter(Capability::ViewLive));
        Self { api, viewer, seen, watched, checked: Instant::now(), ready: VecDeque::new(), queue, newest }
    }

    /// The next piece of news that is for this listener; `None` ends the stream: they were too slow, or nothing can be asked any more.
    async fn next(&mut self) -> Option<News> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Some(news);
            }
            let news = self.queue.recv().await?;
            if news.sequence.is_some_and(|sequence| sequence <= self.newest) {
                continue;
            }
            self.newest = news.sequence.unwrap_or(self.newest);
            let heard = async {
                if self.checked.elapsed() >= RIGHTS_EVERY {
                    self.look_at_rights().await?;
                }
                self.hears(&news).await
            };
            match heard.await {
                Ok(true) => self.ready.push_back(news),
                Ok(false) => {}
                // Who cannot be asked after is told nothing; the page connects again.
                Err(_) => return None,
            }
        }
    }

    async fn look_at_rights(&mut self) -> Outcome<()> {
        let viewer = Viewer::new(&self.api, self.viewer.who.clone()).await?;
        let (seen, watched) = (viewer.filter(Capability::ViewMap), viewer.filter(Capability::ViewLive));
        if (&seen, &watched) != (&self.seen, &self.watched) {
            self.ready.extend(News::of(Some(self.newest), "reset", About::All, &Reset { sequence: self.newest }));
        }
        (self.viewer, self.seen, self.watched, self.checked) = (viewer, seen, watched, Instant::now());
        Ok(())
    }

    async fn hears(&self, news: &News) -> Outcome<bool> {
        Ok(match &news.about {
            About::All => true,
            About::Places(places) => self.seen.passes(places),
            About::Picture(camera) => {
                let places = self.api.shown.camera_places(camera).await?;
                self.seen.passes(&places) && self.watched.passes(&places)
            }
        })
    }
}
