//! Serves a file, whole or by `Range`.

use std::{io::SeekFrom, ops::RangeInclusive, path::Path};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::problem::{Failure, Outcome};

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

/// Answers with a file. With a `tag` that names its content a browser may keep it and ask whether it is still the same.
pub async fn serve(path: &Path, media_type: &'static str, tag: Option<&str>, headers: &HeaderMap) -> Outcome<Response> {
    let tag = tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
    if let Some(tag) = tag.as_ref().filter(|tag| headers.get(header::IF_NONE_MATCH) == Some(tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response());
    }
    let inside = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::not_found("such file any more"),
        _ => Failure::internal(format!("failed to read {}: {error}", path.display())),
    };
    let mut file = tokio::fs::File::open(path).await.map_err(inside)?;
    let length = file.metadata().await.map_err(inside)?.len();
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, part) = match wanted(range, length) {
        Wanted::All => (StatusCode::OK, 0..=length.saturating_sub(1)),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => {
            let size = HeaderValue::from_str(&format!("bytes */{length}")).unwrap_or(HeaderValue::from_static("bytes */*"));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, size)]).into_response());
        }
    };
    file.seek(SeekFrom::Start(*part.start())).await.map_err(inside)?;
    let count = if length == 0 { 0 } else { part.end() - part.start() + 1 };
    let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(file.take(count), 64 * 1024)));
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(tag) = tag {
        out.insert(header::ETAG, tag);
    }
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {}-{}/{length}", part.start(), part.end()))
    {
        out.insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
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
