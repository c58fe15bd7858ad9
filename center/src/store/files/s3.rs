//! Objects in a bucket that speaks S3.
//!
//! Requests are signed by `rusty_s3` and sent by the HTTP client that the centre has anyway. A signature stands in the request's address, so an
//! address is in no error and no log. What is sent carries its SHA-256, which the store compares with what it got; what comes is compared
//! with its length.

use std::{
    io::{self, Read},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rusty_s3::{Credentials, S3Action};
use ureq::{AsSendBody, Body, http::Response};

use super::folder;
use crate::{
    config::{database::Secret, files::S3},
    senders::client,
    store::StoreError,
};

/// How long a signature is good: clocks may differ by as much as the protocol itself allows.
const SIGNED_FOR: Duration = Duration::from_secs(900);

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take before an answer, or the next piece of one, comes; a batch of pictures has 60 s.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// What is read of an answer that says what is wrong, in bytes.
const COMPLAINT_BYTES_MAX: u64 = 16 * 1024;

/// Variables with AWS's own names, for who gives no others.
const AWS_VARIABLES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// What a bucket says when it does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Nothing, or nothing in time.
    #[error("it does not answer: {0}")]
    NoAnswer(String),
    /// No. The word is S3's own; what it means for us comes behind it.
    #[error("it answered {status} {code}{}", meaning(.code, *.status))]
    Refused {
        /// HTTP's word for it.
        status: u16,
        /// S3's word for it; may be empty.
        code: String,
    },
    /// Less than there is.
    #[error("it sent {got} of {length} bytes")]
    Short {
        /// Bytes that came.
        got: u64,
        /// Bytes that there are.
        length: u64,
    },
}

impl BucketError {
    /// Whether it may pass by itself.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Short { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
        }
    }
}

/// What to do about it.
fn meaning(code: &str, status: u16) -> &'static str {
    match (code, status) {
        ("NoSuchBucket", _) => ": there is no such bucket (files.bucket); the centre makes none",
        ("SignatureDoesNotMatch", _) => ": the secret key is not that of files.access_key_id, or files.region is another one",
        ("InvalidAccessKeyId" | "NotSignedUp", _) => ": it does not know this files.access_key_id",
        ("AccessDenied", _) => ": this key may not do that here; it needs s3:GetObject, s3:PutObject and s3:DeleteObject",
        ("RequestTimeTooSkewed", _) => ": the clocks are too far apart",
        ("BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch", _) => ": what arrived is not what was sent",
        (_, 301 | 307 | 308) => ": the bucket is elsewhere (files.endpoint, files.region)",
        _ => "",
    }
}

/// What is read of an object.
pub type Reader = Box<dyn Read + Send>;

/// A bucket.
pub struct Bucket {
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    prefix: String,
    name: String,
    spool: PathBuf,
    agent: ureq::Agent,
}

impl Bucket {
    /// Reads what is secret and prepares the client; nothing is asked yet.
    pub fn open(config: &S3) -> Result<Self, StoreError> {
        let wrong = |what| StoreError::FilesConfig { what };
        let bucket = config.address().map_err(|(key, what)| wrong(format!("files.{key}: {what}")))?;
        let tls = client::tls(config.ca_file.as_deref()).map_err(|what| wrong(format!("files.{what}")))?;
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(SILENCE_MAX))
            .timeout_per_read(Some(SILENCE_MAX))
            .timeout_per_write(Some(SILENCE_MAX))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_idle_connections_per_host(super::AT_ONCE)
            .user_agent(concat!("matpho-center/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            bucket,
            credentials: credentials(config)?,
            prefix: config.prefix.clone(),
            name: config.name(),
            spool: config.spool.clone(),
            agent: agent.build().into(),
        })
    }

    /// Where what comes in lies before it is sent on.
    pub fn spool(&self) -> &Path {
        &self.spool
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    fn failed(&self, doing: &'static str, path: &str) -> impl FnOnce(BucketError) -> StoreError {
        let (path, bucket) = (self.key(path), self.name.clone());
        move |source| StoreError::Bucket { doing, path, bucket, source }
    }

    /// Puts an object; its bytes have that digest.
    pub fn put(&self, path: &str, sha256: [u8; 32], body: impl AsSendBody) -> Result<(), StoreError> {
        const CHECKSUM: &str = "x-amz-checksum-sha256";
        let (key, checksum) = (self.key(path), STANDARD.encode(sha256));
        let mut action = self.bucket.put_object(Some(&self.credentials), &key);
        action.headers_mut().insert(CHECKSUM, checksum.as_str());
        let url = action.sign(SIGNED_FOR);
        let sent = self.agent.put(url.as_str()).header(CHECKSUM, &checksum).send(body);
        answered(sent).and_then(fine).map(|_| ()).map_err(self.failed("write", path))
    }

    /// Puts a file of ours.
    pub fn put_file(&self, path: &str, sha256: [u8; 32], from: &Path) -> Result<(), StoreError> {
        self.put(path, sha256, folder::open(from)?)
    }

    /// Removes an object; that it is gone already is fine.
    pub fn remove(&self, path: &str) -> Result<(), StoreError> {
        let url = self.bucket.delete_object(Some(&self.credentials), &self.key(path)).sign(SIGNED_FOR);
        let removed = answered(self.agent.delete(url.as_str()).call()).and_then(present);
        removed.map(|_| ()).map_err(self.failed("remove", path))
    }

    /// How many bytes an object has.
    pub fn length(&self, path: &str) -> Result<Option<u64>, StoreError> {
        let url = self.bucket.head_object(Some(&self.credentials), &self.key(path)).sign(SIGNED_FOR);
        let found = answered(self.agent.head(url.as_str()).call()).and_then(present).map_err(self.failed("look at", path))?;
        Ok(found.and_then(|answer| content_length(&answer)))
    }

    /// Reads an object, or a part of it: first and last byte.
    pub fn read(&self, path: &str, part: Option<RangeInclusive<u64>>) -> Result<Option<Reader>, StoreError> {
        let url = self.bucket.get_object(Some(&self.credentials), &self.key(path)).sign(SIGNED_FOR);
        let mut request = self.agent.get(url.as_str());
        if let Some(part) = &part {
            request = request.header("range", format!("bytes={}-{}", part.start(), part.end()));
        }
        let failed = self.failed("read", path);
        let Some(answer) = answered(request.call()).and_then(present).map_err(failed)? else { return Ok(None) };
        let status = answer.status().as_u16();
        let whole: Reader = Box::new(answer.into_body().into_reader());
        // A store that knows no parts sends all of it.
        Ok(Some(match part.filter(|_| status == 200) {
            Some(part) => {
                let mut whole = whole;
                let failed = |error: io::Error| self.failed("read", path)(BucketError::NoAnswer(crate::chain(&error)));
                io::copy(&mut whole.by_ref().take(*part.start()), &mut io::sink()).map_err(failed)?;
                Box::new(whole.take(part.end() - part.start() + 1))
            }
            None => whole,
        }))
    }

    /// Copies an object into a file; false where there is no such object.
    pub fn copy_to(&self, path: &str, to: &Path) -> Result<bool, StoreError> {
        let url = self.bucket.get_object(Some(&self.credentials), &self.key(path)).sign(SIGNED_FOR);
        let call = answered(self.agent.get(url.as_str()).call());
        let Some(answer) = call.and_then(present).map_err(self.failed("read", path))? else { return Ok(false) };
        let length = content_length(&answer);
        let got = folder::write_from(to, &mut answer.into_body().into_reader())?;
        match length {
            Some(length) if length != got => Err(self.failed("read", path)(BucketError::Short { got, length })),
            _ => Ok(true),
        }
    }
}

type Answer = Response<Body>;

fn answered(answer: Result<Answer, ureq::Error>) -> Result<Answer, BucketError> {
    answer.map_err(|error| {
        BucketError::NoAnswer(match error {
            // It repeats the address, and with it the signature.
            ureq::Error::BadUri(_) => "its address is none".into(),
            ureq::Error::Timeout(_) => format!("nothing within {} s", SILENCE_MAX.as_secs()),
            error => crate::chain(&error),
        })
    })
}

/// An answer that says yes.
fn fine(answer: Answer) -> Result<Answer, BucketError> {
    if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer)) }
}

/// The same; `None` where there is no such object.
fn present(answer: Answer) -> Result<Option<Answer>, BucketError> {
    if answer.status() != 404 {
        return fine(answer).map(Some);
    }
    match refusal(answer) {
        // Who only looks gets no word with it.
        BucketError::Refused { code, .. } if code.is_empty() || code == "NoSuchKey" => Ok(None),
        other => Err(other),
    }
}

fn content_length(answer: &Answer) -> Option<u64> {
    answer.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

fn refusal(answer: Answer) -> BucketError {
    let status = answer.status().as_u16();
    let mut text = String::new();
    // What it says is a help; that it said no is what counts.
    let _ = answer.into_body().into_reader().take(COMPLAINT_BYTES_MAX).read_to_string(&mut text);
    let code = text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0)).unwrap_or_default();
    let code = code.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    BucketError::Refused { status, code }
}

/// Who we are to the bucket.
fn credentials(config: &S3) -> Result<Credentials, StoreError> {
    let wrong = |what| StoreError::FilesConfig { what };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some(id) = &config.access_key_id else {
        let [id, secret, token] = AWS_VARIABLES.map(variable);
        return match (id, secret, token) {
            (Some(id), Some(secret), Some(token)) => Ok(Credentials::new_with_token(id, secret, token)),
            (Some(id), Some(secret), None) => Ok(Credentials::new(id, secret)),
            _ => Err(wrong(
                "files.access_key_id and files.secret_key_file are not given, and neither are the variables AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
                    .into(),
            )),
        };
    };
    let secret = match &config.secret_key {
        Some(Secret::File(path)) => std::fs::read_to_string(path).map_err(folder::failed("read the secret key", path))?,
        Some(Secret::Variable(name)) => {
            variable(name).ok_or_else(|| wrong(format!("the variable {name} (files.secret_key_variable) is not set")))?
        }
        None => String::new(),
    };
    Ok(Credentials::new(id, secret.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let refused = |status, code: &str| BucketError::Refused { status, code: code.into() }.to_string();
        assert!(refused(404, "NoSuchBucket").contains("files.bucket"));
        assert!(refused(301, "PermanentRedirect").contains("files.region"));
        assert_eq!(refused(503, "SlowDown"), "it answered 503 SlowDown");
    }
}
