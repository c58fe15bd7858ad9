//! `/cameras` and `/edges`: who watches, and how they are.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{
    Api,
    problem::{Failure, Outcome},
    types::{Camera, Edge, Problem},
    viewer::Viewer,
};
use crate::rights::Capability;

/// The cameras that one may see, by gateway and id.
#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras",
    responses((status = 200, body = Vec<Camera>), (status = 401, body = Problem)))]
pub async fn list(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Answer<Vec<Camera>>> {
    let cameras = api.shown.store.cameras(&viewer.filter(Capability::ViewMap)).await?;
    Ok(Answer(cameras.into_iter().map(|camera| api.shown.with_picture(camera)).collect()))
}

/// A camera.
#[utoipa::path(get, path = "/api/v1/cameras/{edge}/{camera}", tag = "cameras",
    params(("edge" = String, Path, description = "Its gateway, `SITE.EDGE`"), ("camera" = String, Path, description = "Its id")),
    responses((status = 200, body = Camera), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path((edge, camera)): Path<(String, String)>,
) -> Outcome<Answer<Camera>> {
    viewer.camera(&api, &edge, &camera, Capability::ViewMap).await?;
    api.shown.camera(&edge, &camera).await?.map(Answer).ok_or_else(|| Failure::not_found("such camera"))
}

/// A camera's latest picture; people and plates were made unrecognisable at the gateway. Needs `view.live`.
#[utoipa::path(get, path = "/api/v1/cameras/{edge}/{camera}/picture.jpg", tag = "cameras",
    params(("edge" = String, Path, description = "Its gateway, `SITE.EDGE`"), ("camera" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "image/jpeg"), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub async fn picture(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path((edge, camera)): Path<(String, String)>,
) -> Outcome<Response> {
    viewer.camera(&api, &edge, &camera, Capability::ViewLive).await?;
    let (picture, jpeg) =
        api.shown.pictures.get(&edge, &camera).ok_or_else(|| Failure::not_found("picture of this camera yet"))?;
    let modified = HeaderValue::from_str(&picture.seen.to_string()).unwrap_or(HeaderValue::from_static(""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::HeaderName::from_static("x-matpho-seen"), modified),
    ];
    Ok((headers, jpeg).into_response())
}

/// The gateways of cameras that one may see, by name.
#[utoipa::path(get, path = "/api/v1/edges", tag = "cameras",
    responses((status = 200, body = Vec<Edge>), (status = 401, body = Problem)))]
pub async fn edges(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Answer<Vec<Edge>>> {
    Ok(Answer(api.shown.store.edges(&viewer.filter(Capability::ViewMap)).await?))
}
