//! `/healthz` and `/metrics` on a local port.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};

use crate::{outbox::Outbox, status::Board, vitals::Vitals};

/// What the pages are made of.
#[derive(Clone)]
pub struct Pages {
    /// Counters.
    pub vitals: Arc<Vitals>,
    /// States of cameras.
    pub board: Arc<Board>,
    /// What waits.
    pub outbox: Arc<Outbox>,
}

/// The router.
pub fn router(pages: Pages) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/metrics", get(metrics)).with_state(pages)
}

async fn healthz(State(pages): State<Pages>) -> (StatusCode, Json<crate::vitals::Health>) {
    let health = pages.vitals.health(pages.board.all(), pages.outbox.depth().await, crate::config::now());
    (if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

async fn metrics(State(pages): State<Pages>) -> ([(&'static str, &'static str); 1], String) {
    let text = pages.vitals.metrics(&pages.board.all(), pages.outbox.depth().await, crate::config::now());
    ([("content-type", "text/plain; version=0.0.4")], text)
}
