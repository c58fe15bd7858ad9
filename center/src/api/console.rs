//! The console's files, embedded in the program (read from the source tree in a debug build). `build.rs` puts a page that says what is
//! missing where the console has not been built.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::Failure;

#[derive(RustEmbed)]
#[folder = "console/dist"]
struct Dist;

/// Vite names what it puts there after its content: it never changes.
const HASHED: &str = "assets/";

/// Any path that is no route: a file of the console, or its page, which finds out by itself what the path means.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || !(method == Method::GET || method == Method::HEAD) {
        return Failure::not_found(format!("{method} {}; /api/v1/openapi.json lists what there is", uri.path())).into_response();
    }
    let file = match Dist::get(path) {
        Some(file) => Some((path, file)),
        // A missing picture or script must not become a page.
        None if path.rsplit('/').next().is_some_and(|name| name.contains('.')) => None,
        None => Dist::get("index.html").map(|file| ("index.html", file)),
    };
    match file {
        Some((path, file)) => answer(path, file, &headers),
        None => Failure::not_found("such file").into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16])));
    let tag = tag.unwrap_or(HeaderValue::from_static("\"\""));
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, HeaderValue::from_static(cache))];
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let media_type = file.metadata.mimetype().to_owned();
    let text = media_type.starts_with("text/") || media_type.ends_with("javascript") || media_type.ends_with("json");
    let media_type = if text { format!("{media_type}; charset=utf-8") } else { media_type };
    (common, [(header::CONTENT_TYPE, media_type)], file.data).into_response()
}
