//! An S3 server of the tests' own, on a folder: it puts, gets, looks at and deletes objects of the buckets that it has. Each request's signature is
//! reckoned anew from the protocol's description (AWS Signature Version 4, in the query) and compared, its time and the digest of what it
//! carries too. Whoever signs for the centre (`rusty_s3`) is not asked.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

pub const KEY_ID: &str = "matpho-tests";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "south-1";
pub const BUCKET: &str = "evidence";
pub const PREFIX: &str = "province-74";

/// A server with one bucket.
pub struct S3 {
    folder: tempfile::TempDir,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl S3 {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("buckets").join(BUCKET)).unwrap();
        fs::write(folder.path().join("secret"), format!("{SECRET_KEY}\n")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut server = Self { folder, address, runtime: None };
        server.come_back();
        server
    }

    /// Serves again, at the same address.
    pub fn come_back(&mut self) {
        let buckets = Arc::new(self.folder.path().join("buckets"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(self.address)).unwrap();
        let router = Router::new().fallback(move |request: Request| {
            let buckets = buckets.clone();
            async move { answer(&buckets, request).await.unwrap_or_else(IntoResponse::into_response) }
        });
        runtime.spawn(async move { axum::serve(listener, router).await });
        self.runtime = Some(runtime);
    }

    /// Is away: connections break, and new ones are refused.
    #[allow(dead_code, reason = "not each of the tests that take this in sends it away")]
    pub fn go_away(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// The section of a centre's configuration.
    pub fn section(&self) -> String {
        format!(
            "[files]\nmode = \"s3\"\nendpoint = \"http://{}\"\nregion = \"{REGION}\"\nbucket = \"{BUCKET}\"\nprefix = \"{PREFIX}\"\n\
             access_key_id = \"{KEY_ID}\"\nsecret_key_file = \"{}\"\n",
            self.address,
            self.folder.path().join("secret").display()
        )
    }

    /// What lies in the bucket, by name behind the prefix, in order.
    pub fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let root = self.folder.path().join("buckets").join(BUCKET);
        let (mut folders, mut objects) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path: PathBuf = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                    let name = name.strip_prefix(&format!("{PREFIX}/")).expect("everything has the prefix").to_owned();
                    objects.push((name, fs::read(&path).unwrap()));
                }
            }
        }
        objects.sort();
        objects
    }
}

/// No, in S3's words.
struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>no</Message></Error>", self.1);
        (self.0, [(header::CONTENT_TYPE, "application/xml")], text).into_response()
    }
}

fn refuse<T>(status: StatusCode, code: &'static str) -> Result<T, Refusal> {
    Err(Refusal(status, code))
}

async fn answer(buckets: &Path, request: Request) -> Result<Response, Refusal> {
    check_signature(&request)?;
    let (parts, body) = request.into_parts();
    let (bucket, key) = parts.uri.path()[1..].split_once('/').unwrap_or_default();
    if !buckets.join(bucket).is_dir() {
        return refuse(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    assert!(!key.is_empty() && !key.contains('%'), "names here need no other writing: {key}");
    let path = buckets.join(bucket).join(key);
    let absent = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
        _ => panic!("{error}"),
    };
    match parts.method {
        Method::PUT => {
            let bytes = to_bytes(body, 1 << 30).await.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "IncompleteBody"))?;
            let digest = parts.headers.get("x-amz-checksum-sha256").expect("what is put has a digest");
            if digest.as_bytes() != STANDARD.encode(Sha256::digest(&bytes)).as_bytes() {
                return refuse(StatusCode::BAD_REQUEST, "BadDigest");
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
            Ok(StatusCode::OK.into_response())
        }
        Method::DELETE => {
            let _ = fs::remove_file(&path);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Method::HEAD => {
            let length = fs::metadata(&path).map_err(absent)?.len();
            let answer = Response::builder().header(header::CONTENT_LENGTH, length);
            Ok(answer.body(Body::empty()).unwrap())
        }
        Method::GET => {
            let bytes = fs::read(&path).map_err(absent)?;
            let Some(range) = parts.headers.get(header::RANGE) else { return Ok(bytes.into_response()) };
            let (first, last) = range.to_str().unwrap().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let part = first.parse().unwrap()..=last.parse().unwrap();
            Ok((StatusCode::PARTIAL_CONTENT, bytes[part].to_vec()).into_response())
        }
        other => panic!("{other} is no request of ours"),
    }
}

/// As the protocol describes it: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
fn check_signature(request: &Request) -> Result<(), Refusal> {
    let forbidden = |code| refuse(StatusCode::FORBIDDEN, code);
    let query: BTreeMap<&str, &str> =
        request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')).collect();
    let Some(signature) = query.get("X-Amz-Signature") else { return forbidden("AccessDenied") };
    assert_eq!(query["X-Amz-Algorithm"], "AWS4-HMAC-SHA256");
    let credential = query["X-Amz-Credential"].replace("%2F", "/");
    let (key_id, scope) = credential.split_once('/').unwrap();
    let (date, time) = (scope.split('/').next().unwrap(), query["X-Amz-Date"]);
    if key_id != KEY_ID {
        return forbidden("InvalidAccessKeyId");
    }
    let began: jiff::Timestamp = jiff::fmt::strtime::parse("%Y%m%dT%H%M%S%z", format!("{}+0000", time.trim_end_matches('Z')))
        .and_then(|time| time.to_timestamp())
        .unwrap();
    let age_s = jiff::Timestamp::now().as_second() - began.as_second();
    if age_s < -900 || age_s > query["X-Amz-Expires"].parse().unwrap() {
        return forbidden("RequestTimeTooSkewed");
    }
    let names = query["X-Amz-SignedHeaders"].replace("%3B", ";");
    let headers: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", request.headers().get(name).map_or("", |value| value.to_str().unwrap().trim())))
        .collect();
    for name in request.headers().keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-")) {
        assert!(names.split(';').any(|signed| signed == name), "{name} is not signed");
    }
    let pairs: Vec<_> =
        query.iter().filter(|(name, _)| **name != "X-Amz-Signature").map(|(name, value)| format!("{name}={value}")).collect();
    let canonical =
        format!("{}\n{}\n{}\n{headers}\n{names}\nUNSIGNED-PAYLOAD", request.method(), request.uri().path(), pairs.join("&"));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let hmac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let key =
        [date, REGION, "s3", "aws4_request"].iter().fold(format!("AWS4{SECRET_KEY}").into_bytes(), |key, text| hmac(&key, text));
    if scope != format!("{date}/{REGION}/s3/aws4_request") || hex::encode(hmac(&key, &to_sign)) != *signature {
        return forbidden("SignatureDoesNotMatch");
    }
    Ok(())
}
