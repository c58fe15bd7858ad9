//! What a request that fails gets to hear: RFC 9457, with a code for programs and a sentence for people. What went wrong inside stays
//! in the log.

use std::time::Duration;

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use super::types::{Incident, Problem, Verb};
use crate::{chain, store::StoreError};

/// What a handler returns.
pub type Outcome<T> = Result<T, Failure>;

/// Why a request failed. What is in `inside` never leaves the centre.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: &'static str,
    detail: String,
    incident: Option<Box<Incident>>,
    possible: Option<Vec<Verb>>,
    retry_after: Option<Duration>,
    inside: Option<String>,
}

impl Failure {
    /// A failure with a code for programs and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), incident: None, possible: None, retry_after: None, inside: None }
    }

    /// Nobody is logged in.
    pub fn unauthorized() -> Self {
        let detail = "log in with POST /api/v1/session, or send a valid token as `Authorization: Bearer`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// Somebody is, and may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// There is no such thing.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"))
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// Somebody was quicker: with the incident as it is now, and what can be done to it.
    pub fn conflict(detail: impl Into<String>, incident: Option<Incident>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail).with(incident)
    }

    /// Somebody acted on the incident since it was looked at.
    pub fn changed(incident: Option<Incident>) -> Self {
        let detail = "somebody acted on it since you looked; `incident` is as it stands now";
        Self::new(StatusCode::PRECONDITION_FAILED, "changed", detail).with(incident)
    }

    /// The key for asking once was used for something else.
    pub fn key_reused() -> Self {
        let detail = "this `Idempotency-Key` was used for another request; take a new one for each";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", detail)
    }

    fn with(self, incident: Option<Incident>) -> Self {
        let possible = incident.as_ref().map(|incident| incident.state.possible().to_vec());
        Self { incident: incident.map(Box::new), possible, ..self }
    }

    /// Something that is needed is away for the moment.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// Too many wrong passwords.
    pub fn too_many_attempts(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let detail = format!("too many wrong passwords; try again in {seconds} s");
        Self { retry_after: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail) }
    }

    /// Our own fault; `inside` goes into the log.
    pub fn internal(inside: String) -> Self {
        let detail = "the centre failed to do this; its log says why";
        Self { inside: Some(inside), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::internal(chain(&error))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(inside) = &self.inside {
            tracing::error!(error = inside, "a request failed");
        }
        let problem = Problem {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or_default().into(),
            status: self.status.as_u16(),
            code: self.code.into(),
            detail: self.detail,
            incident: self.incident,
            possible: self.possible,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        response
    }
}

/// The query of a request; what is wrong with it is a [`Failure`].
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Outcome<Self> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Failure::bad_request(format!("the query is wrong: {}", rejection.body_text()))),
        }
    }
}

/// The JSON body of a request; what is wrong with it is a [`Failure`].
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Outcome<Self> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large"))
            }
            Err(rejection) => Err(Failure::bad_request(format!("the body is wrong: {}", rejection.body_text()))),
        }
    }
}

/// The JSON body of a request that may have none.
pub struct MaybeJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Outcome<Self> {
        if request.headers().get(header::CONTENT_TYPE).is_none() {
            return Ok(Self(T::default()));
        }
        Json::from_request(request, state).await.map(|Json(body)| Self(body))
    }
}
