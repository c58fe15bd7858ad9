//! Serves a file, whole or by `Range`.

use std::{ops::RangeInclusive, path::Path};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::problem::{Failure, Outcome};
use crate::store::{
    StoreError,
    files::{self, Files, Reading},
};

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(RangeInclusive<u64>),
    Nothing,
}

/// One range is understood (`bytes=0-99`, `bytes=100-`, `bytes=-100`); several at once get the whole file, as the standard allows.
fn wanted(range: Option<&str>, length: u64) -> Wanted {
    let Some(spec) = range.and_then(|range| range.strip_prefix("bytes=")).filter(|spec| !spec.contains(',')) else {
        return Wanted::All;
    };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::All };
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..=last.min(length.saturating_sub(1)),
        (Ok(first), Err(_)) if last.is_empty() => first..=length.saturating_sub(1),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => length.saturating_sub(count)..=length.saturating_sub(1),
        (Err(_), Ok(0)) if first.is_empty() => return Wanted::Nothing,
        _ => return Wanted::All,
    };
    if *part.start() < length { Wanted::Part(part) } else { Wanted::Nothing }
}

/// Answers with a file of our own. With a `tag` that names its content a browser may keep it and ask whether it is still the same.
pub async fn serve(path: &Path, media_type: &'static str, tag: Option<&str>, headers: &HeaderMap) -> Outcome<Response> {
    let answer = match Answer::to(headers, tag) {
        Asked::Known(response) => return Ok(response),
        Asked::For(answer) => answer,
    };
    let length = files::file_length(path).await?.ok_or_else(gone)?;
    let Some((status, part)) = answer.part(length) else { return Ok(nothing_of(length)) };
    let body = files::read_file(path, part.clone()).await?.ok_or_else(gone)?;
    Ok(answer.with(status, part, length, media_type, body))
}

/// The same, with a picture or a clip.
pub async fn serve_kept(
    files: &Files,
    path: &str,
    media_type: &'static str,
    tag: &str,
    headers: &HeaderMap,
) -> Outcome<Response> {
    let answer = match Answer::to(headers, Some(tag)) {
        Asked::Known(response) => return Ok(response),
        Asked::For(answer) => answer,
    };
    let length = files.length(path).await.map_err(away)?.ok_or_else(gone)?;
    let Some((status, part)) = answer.part(length) else { return Ok(nothing_of(length)) };
    let body = files.read(path, part.clone()).await.map_err(away)?.ok_or_else(gone)?;
    Ok(answer.with(status, part, length, media_type, body))
}

fn gone() -> Failure {
    Failure::not_found("such file any more")
}

/// A bucket that does not answer is not our fault, and worth another try.
fn away(error: StoreError) -> Failure {
    if !error.may_pass() {
        return error.into();
    }
    tracing::warn!(error = crate::chain(&error), "a picture or a clip could not be read");
    Failure::unavailable("where pictures and clips are kept does not answer; try again")
}

/// There is no such part of a file of `length`.
fn nothing_of(length: u64) -> Response {
    let size = HeaderValue::from_str(&format!("bytes */{length}")).unwrap_or(HeaderValue::from_static("bytes */*"));
    (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, size)]).into_response()
}

/// What a request for a file gets, but for the file.
struct Answer<'r> {
    range: Option<&'r str>,
    tag: Option<HeaderValue>,
}

enum Asked<'r> {
    /// The browser has it.
    Known(Response),
    For(Answer<'r>),
}

impl<'r> Answer<'r> {
    fn to(headers: &'r HeaderMap, tag: Option<&str>) -> Asked<'r> {
        let tag = tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
        if let Some(tag) = tag.as_ref().filter(|tag| headers.get(header::IF_NONE_MATCH) == Some(tag)) {
            return Asked::Known((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response());
        }
        let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
        Asked::For(Self { range, tag })
    }

    /// Which bytes of a file of `length` go out; `None`: a part is wanted that it does not have.
    fn part(&self, length: u64) -> Option<(StatusCode, RangeInclusive<u64>)> {
        match wanted(self.range, length) {
            Wanted::All => Some((StatusCode::OK, 0..=length.saturating_sub(1))),
            Wanted::Part(part) => Some((StatusCode::PARTIAL_CONTENT, part)),
            Wanted::Nothing => None,
        }
    }

    fn with(
        self,
        status: StatusCode,
        part: RangeInclusive<u64>,
        length: u64,
        media_type: &'static str,
        body: Reading,
    ) -> Response {
        let count = if length == 0 { 0 } else { part.end() - part.start() + 1 };
        let mut response = Response::new(Body::from_stream(body));
        *response.status_mut() = status;
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        out.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
        out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if let Some(tag) = self.tag {
            out.insert(header::ETAG, tag);
        }
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(value) = HeaderValue::from_str(&format!("bytes {}-{}/{length}", part.start(), part.end()))
        {
            out.insert(header::CONTENT_RANGE, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_understood() {
        for (range, length, expected) in [
            (None, 10, Wanted::All),
            (Some("bytes=0-3"), 10, Wanted::Part(0..=3)),
            (Some("bytes=4-"), 10, Wanted::Part(4..=9)),
            (Some("bytes=4-400"), 10, Wanted::Part(4..=9)),
            (Some("bytes=-3"), 10, Wanted::Part(7..=9)),
            (Some("bytes=-300"), 10, Wanted::Part(0..=9)),
            (Some("bytes=10-"), 10, Wanted::Nothing),
            (Some("bytes=-0"), 10, Wanted::Nothing),
            (Some("bytes=0-"), 0, Wanted::Nothing),
            (Some("bytes=0-1,4-5"), 10, Wanted::All),
            (Some("bytes=5-2"), 10, Wanted::All),
            (Some("lines=1-2"), 10, Wanted::All),
            (Some("bytes=a-b"), 10, Wanted::All),
        ] {
            assert_eq!(wanted(range, length), expected, "{range:?} of {length}");
        }
    }
}
