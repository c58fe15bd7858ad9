//! Where the centre keeps pictures and clips.

use std::path::{Path, PathBuf};

use rusty_s3::{Bucket, UrlStyle};

use super::{database::Secret, reader::Section};

/// Where pictures and clips are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// In a folder; several centres on one database share it.
    Folder(PathBuf),
    /// In a bucket of a store that speaks S3; several centres on one database use the same one.
    S3(S3),
}

/// A bucket of a store that speaks S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Its address, `https://HOST[:PORT]`.
    pub endpoint: String,
    /// Its region; what has no regions takes any word, and is signed for it.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What each name in it begins with; empty, or ends with `/`.
    pub prefix: String,
    /// Whether the bucket is the first part of the path, rather than of the host's name.
    pub path_style: bool,
    /// As whom; `None`: AWS's own variables say it.
    pub access_key_id: Option<String>,
    /// With which secret key; `None`: AWS's own variables have it.
    pub secret_key: Option<Secret>,
    /// PEM file of the authority that signed its certificate; `None`: a public one did.
    pub ca_file: Option<PathBuf>,
    /// Where clips lie while they come in.
    pub spool: PathBuf,
}

const S3_KEYS: [&str; 9] = [
    "endpoint",
    "region",
    "bucket",
    "prefix",
    "path_style",
    "access_key_id",
    "secret_key_file",
    "secret_key_variable",
    "ca_file",
];

/// `folder` is where they are without S3, and `of_folder` whether somebody said so.
pub(super) fn files(section: &Section<'_>, state: &Path, folder: PathBuf, of_folder: bool) -> Files {
    let mode: String = section.or("mode", "folder".to_owned());
    if mode == "s3" {
        if of_folder {
            section.refuse("mode", "state.files_folder means nothing with mode = \"s3\"; remove it");
        }
        return Files::S3(s3(section, state));
    }
    if mode != "folder" {
        section.refuse("mode", format!("\"folder\" or \"s3\" is expected, \"{mode}\" was found"));
    }
    for key in S3_KEYS.iter().filter(|key| section.has(key)) {
        section.refuse(key, "it means nothing with mode = \"folder\"; remove it");
    }
    Files::Folder(folder)
}

fn s3(section: &Section<'_>, state: &Path) -> S3 {
    let needed = |key, example: &str| {
        section.optional::<String>(key).unwrap_or_else(|| {
            if !section.has(key) {
                section.refuse(key, format!("it is missing: mode = \"s3\" needs it, such as \"{example}\""));
            }
            String::new()
        })
    };
    let (endpoint, bucket) = (needed("endpoint", "https://s3.example.vn"), needed("bucket", "matpho-evidence"));
    let prefix = section.or("prefix", String::new());
    if !is_prefix(&prefix) {
        section.refuse(
            "prefix",
            format!("words of A to Z, digits, `.`, `_` and `-` with `/` between them are expected, \"{prefix}\" was found"),
        );
    }
    let access_key_id: Option<String> = section.optional("access_key_id");
    let secret_key = match (section.path("secret_key_file"), section.optional("secret_key_variable")) {
        (Some(path), None) => Some(Secret::File(path)),
        (None, Some(name)) => Some(Secret::Variable(name)),
        (None, None) => None,
        (Some(_), Some(_)) => {
            section.refuse("secret_key_variable", "secret_key_file says already where the secret key is; give one of them");
            None
        }
    };
    let secret_given = ["secret_key_file", "secret_key_variable"].into_iter().find(|key| section.has(key));
    if access_key_id.is_some() != secret_given.is_some() {
        section.refuse(
            secret_given.unwrap_or("access_key_id"),
            "access_key_id and secret_key_file (or secret_key_variable) belong together: give both, or neither, and the variables \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used",
        );
    }
    let s3 = S3 {
        endpoint,
        region: section.or("region", "us-east-1".to_owned()),
        bucket,
        prefix: if prefix.is_empty() { prefix } else { format!("{}/", prefix.trim_end_matches('/')) },
        path_style: section.or("path_style", true),
        access_key_id,
        secret_key,
        ca_file: section.path("ca_file"),
        spool: state.join("clips"),
    };
    // What is missing was said.
    if !s3.endpoint.is_empty()
        && !s3.bucket.is_empty()
        && let Err((key, what)) = s3.address()
    {
        section.refuse(key, what);
    }
    s3
}

fn is_prefix(prefix: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && !word.chars().all(|c| c == '.')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    prefix.is_empty() || prefix.strip_suffix('/').unwrap_or(prefix).split('/').all(word)
}

impl S3 {
    /// The bucket as requests to it are made; what is wrong with which key, if it cannot be.
    pub fn address(&self) -> Result<rusty_s3::Bucket, (&'static str, String)> {
        const EXPECTED: &str = "https://HOST[:PORT] is expected, without a name or password";
        let endpoint = |what: &dyn std::fmt::Display| ("endpoint", format!("{EXPECTED}; {what}"));
        if !self.endpoint.starts_with("https://") && !self.endpoint.starts_with("http://") {
            return Err(endpoint(&"what was found begins with neither https:// nor http://"));
        }
        // Not repeated: it may hold a password.
        if self.endpoint.contains(['@', '?', '#']) {
            return Err(endpoint(&"`@`, `?` or `#` was found"));
        }
        if !self.bucket.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
            let what = format!("letters, digits, `.`, `-` and `_` are expected, \"{}\" was found", self.bucket);
            return Err(("bucket", what));
        }
        let style = if self.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let at = self.endpoint.parse().map_err(|error| endpoint(&error))?;
        Bucket::new(at, style, self.bucket.clone(), self.region.clone()).map_err(|error| {
            let host = "the bucket cannot be a part of the host's name: set it to true";
            if self.path_style { endpoint(&error) } else { ("path_style", format!("{host} ({error})")) }
        })
    }

    /// What people call it: the bucket and where it is.
    pub fn name(&self) -> String {
        format!("{}/{}", self.endpoint.trim_end_matches('/'), self.bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_made_of_words() {
        for right in ["", "a", "a/b/", "province-74/2026.1"] {
            assert!(is_prefix(right), "{right}");
        }
        for wrong in ["/a", "a//b", "a/../b", ".", "ä", "a b", "/"] {
            assert!(!is_prefix(wrong), "{wrong}");
        }
    }
}
