//! `/clips`: a clip stays at its gateway until somebody wants to see it.

use std::sync::Arc;

use axum::{
    Json as Answer,
    body::Body,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    Api, file,
    problem::{Failure, Outcome},
    types::{Clip, ClipState, Problem},
    viewer::Viewer,
};
use crate::{
    auth::guard,
    clips::{RequestError, UploadError},
    rights::Capability,
    store::{
        audit::{Act, Deed},
        clips::Asked,
        views::clip_view,
    },
};

/// Asks the gateway for the clip of an event; needs `view.playback`, as seeing it does. It is on its way then; the live stream tells of its arrival (`incident`).
#[utoipa::path(post, path = "/api/v1/clips/{event}/request", tag = "clips",
    params(("event" = String, Path, description = "The event")),
    responses((status = 200, description = "It is here already", body = Clip), (status = 202, description = "On its way", body = Clip),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, description = "No such event, or the gateway has no clip of it", body = Problem),
        (status = 503, description = "The broker is away", body = Problem)))]
pub async fn request(State(api): State<Arc<Api>>, viewer: Viewer, Path(event): Path<String>) -> Outcome<Response> {
    viewer.event(&api, &event, Capability::ViewPlayback).await?;
    let asked = api.clips.request(&event, &viewer.who.name).await.map_err(|error| match error {
        RequestError::Store(error) => error.into(),
        RequestError::NoBroker => Failure::unavailable("the broker is away, so the gateway cannot be asked; try again"),
    })?;
    let answer = |status, state| {
        let url = (state == ClipState::Ready).then(|| crate::store::views::clip_url(&event));
        Ok((status, Answer(Clip { state, url, error: None })).into_response())
    };
    match asked {
        Asked::Ask { .. } | Asked::Waiting => answer(StatusCode::ACCEPTED, ClipState::Requested),
        Asked::Ready => answer(StatusCode::OK, ClipState::Ready),
        Asked::NoEvent => Err(Failure::not_found("such event")),
        Asked::NoClip => Err(Failure::not_found("clip of this event at its gateway")),
    }
}

/// The clip of an event. `Range` works. Needs `view.playback`.
#[utoipa::path(get, path = "/api/v1/clips/{event}.mp4", tag = "clips",
    params(("event" = String, Path, description = "The event")),
    responses((status = 200, content_type = "video/mp4"), (status = 206, content_type = "video/mp4"),
        (status = 202, description = "It is on its way", body = Clip), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub async fn show(State(api): State<Arc<Api>>, viewer: Viewer, Path(name): Path<String>, request: Request) -> Outcome<Response> {
    let absent = || Failure::not_found("clip of this event here; POST /api/v1/clips/{event}/request asks its gateway for it");
    let event = name.strip_suffix(".mp4").ok_or_else(absent)?;
    viewer.event(&api, event, Capability::ViewPlayback).await?;
    let clip = api.shown.store.clip(event).await?.ok_or_else(absent)?;
    if let Some(path) = clip.path.as_ref().filter(|_| clip.state == "ready") {
        // A player asks for one part after the other: the first is the one that counts.
        let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
        if range.is_none_or(|range| range.starts_with("bytes=0-")) {
            let mut tx = api.shown.store.begin().await?;
            tx.audit(&Deed::done(&viewer.who.name, Act::ClipSeen, event, Value::Null), crate::clock::now()).await?;
            tx.commit().await?;
        }
        return file::serve_kept(api.shown.store.files(), path, "video/mp4", event, request.headers()).await;
    }
    let view = clip_view(event, Some(&clip), true);
    match view.state {
        ClipState::Requested => Ok((StatusCode::ACCEPTED, Answer(view)).into_response()),
        _ => Err(Failure::not_found(format!(
            "clip of this event: {}; it can be asked for again",
            view.error.as_deref().unwrap_or("the gateway could not send it")
        ))),
    }
}

/// A gateway sends a clip, with the token of the command that asked for it.
#[utoipa::path(put, path = "/api/v1/clips/{event}", tag = "clips", params(("event" = String, Path, description = "The event")),
    request_body(content = Vec<u8>, content_type = "video/mp4"),
    responses((status = 201), (status = 401, description = "The token allows this upload no longer, or never did", body = Problem),
        (status = 413, body = Problem), (status = 415, description = "It is no MP4", body = Problem)))]
pub async fn upload(State(api): State<Arc<Api>>, Path(event): Path<String>, request: Request) -> Outcome<StatusCode> {
    let token = guard::bearer(request.headers()).ok_or_else(Failure::unauthorized)?.to_owned();
    let body: Body = request.into_body();
    api.clips.receive(&event, &token, body.into_data_stream()).await.map_err(|error| match error {
        UploadError::Store(error) => Failure::from(error),
        UploadError::Token => {
            Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "this token does not allow this upload, or no longer does")
        }
        UploadError::TooLarge(bytes_max) => {
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a clip may have {bytes_max} bytes (clips.mib_max)"))
        }
        UploadError::NoMp4 => Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_request", "the body is no MP4 file"),
        UploadError::CutOff => Failure::bad_request("the upload broke off; send it again"),
    })?;
    Ok(StatusCode::CREATED)
}
