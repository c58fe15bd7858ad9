//! Fetching models: `models pull`.
//!
//! **Invariant:** nothing lies at a model's place before its hash is right. What a cut connection left is gone on with, by this run or the next; what
//! turns out wrong is thrown away. Where there is no network the error says how to get the file here by hand.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use matpho_infer::Entry;

/// Where models come from instead of their own addresses: a folder, or the beginning of an address.
pub const MIRROR_VARIABLE: &str = "MATPHO_MODEL_MIRROR";

/// A connection is taken up again so often, as long as each one brought something.
const CONNECTIONS_MAX: usize = 20;

/// No model is larger; a server that sends on and on fills no disk.
const BYTES_MAX: u64 = 2 << 30;

/// Where a model is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Folder(PathBuf),
    Url(String),
}

/// From the mirror, where one is set; else from the model's own address.
fn origin(file: &Path, url: Option<&str>, mirror: Option<&str>) -> Option<Origin> {
    let name = file.file_name()?.to_str()?;
    let Some(mirror) = mirror else { return url.map(|url| Origin::Url(url.to_owned())) };
    Some(match mirror.strip_prefix("file://") {
        Some(folder) => Origin::Folder(Path::new(folder).join(name)),
        None if mirror.contains("://") => Origin::Url(format!("{}/{name}", mirror.trim_end_matches('/'))),
        None => Origin::Folder(Path::new(mirror).join(name)),
    })
}

/// Fetches a model that is not there, or is not the file that the registry declares; returns whether it had to. `progress` is told the bytes that are
/// here and, where it is known, of how many.
pub fn pull(entry: &Entry, mirror: Option<&str>, progress: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<bool> {
    if entry.verify().is_ok() {
        return Ok(false);
    }
    let name = entry.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(origin) = origin(&entry.file, entry.url.as_deref(), mirror) else {
        bail!(
            "{} is not here, and its registry entry has no url: set {MIRROR_VARIABLE} to a folder or an address that holds {name}",
            entry.file.display()
        );
    };
    if let Some(folder) = entry.file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    // Parts of another version are never gone on with.
    let part = entry.file.with_file_name(format!("{name}.{}.part", entry.sha256.get(..8).unwrap_or_default()));
    let from = match &origin {
        Origin::Folder(from) => {
            fs::copy(from, &part).with_context(|| format!("cannot copy {} ({MIRROR_VARIABLE})", from.display()))?;
            from.display().to_string()
        }
        Origin::Url(url) => {
            download(url, &part, progress).map_err(|error| {
                let kept = fs::metadata(&part).map_or(0, |meta| meta.len());
                let kept = if kept > 0 { format!("{kept} bytes are here and will be gone on with; ") } else { String::new() };
                anyhow!(
                    "cannot fetch {url}: {error:#}. {kept}without a network, fetch the file elsewhere, see that `sha256sum` says {}, and put it at {}, or set {MIRROR_VARIABLE} to a folder or an address that holds {name}",
                    entry.sha256,
                    entry.file.display()
                )
            })?;
            url.clone()
        }
    };
    let mut fetched = entry.clone();
    fetched.file.clone_from(&part);
    if let Err(error) = fetched.verify() {
        // What has the wrong hash is not gone on with next time.
        let _ = fs::remove_file(&part);
        bail!("what came from {from} is not the model that the registry declares, and was thrown away: {}", crate::chain(&error));
    }
    fs::rename(&part, &entry.file).with_context(|| format!("cannot put {} in place", entry.file.display()))?;
    Ok(true)
}

/// Fetches `url` to `part`, going on with what is there, over as many connections as it takes.
fn download(url: &str, part: &Path, progress: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<()> {
    let agent = crate::fetch::download_agent();
    for _ in 1..CONNECTIONS_MAX {
        let before = fs::metadata(part).map_or(0, |meta| meta.len());
        match connection(&agent, url, part, progress) {
            Err(Broken::Cut(_)) if fs::metadata(part).map_or(0, |meta| meta.len()) > before => {}
            outcome => return outcome.map_err(anyhow::Error::from),
        }
    }
    connection(&agent, url, part, progress).map_err(anyhow::Error::from)
}

/// Why a connection did not bring the whole file.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{}", reason(_0))]
    Refused(#[source] ureq::Error),
    #[error("the connection broke off ({0})")]
    Cut(String),
    #[error("the server sends more than {BYTES_MAX} bytes")]
    TooMuch,
    #[error("cannot write {}", .0.display())]
    Disk(PathBuf, #[source] io::Error),
}

fn connection(agent: &ureq::Agent, url: &str, part: &Path, progress: &mut dyn FnMut(u64, Option<u64>)) -> Result<(), Broken> {
    let disk = |error| Broken::Disk(part.to_owned(), error);
    let have = fs::metadata(part).map_or(0, |meta| meta.len());
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut answer = match request.call() {
        // Nothing is left to send: whether what is here is the file, its hash will tell.
        Err(ureq::Error::StatusCode(416)) if have > 0 => return Ok(()),
        answer => answer.map_err(Broken::Refused)?,
    };
    let begins = answer.headers().get("content-range").and_then(|range| range.to_str().ok()).and_then(first_byte);
    let goes_on = answer.status().as_u16() == 206 && begins == Some(have);
    let mut file = if goes_on { fs::File::options().append(true).open(part) } else { fs::File::create(part) }.map_err(disk)?;
    let mut done = if goes_on { have } else { 0 };
    let total = answer.body().content_length().map(|rest| done + rest);
    let mut reader = answer.body_mut().with_config().limit(BYTES_MAX).reader();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(n) => n,
            Err(error) => {
                file.sync_all().map_err(disk)?;
                return Err(Broken::Cut(error.to_string()));
            }
        };
        if n == 0 {
            file.sync_all().map_err(disk)?;
            return match total {
                Some(total) if done < total => Err(Broken::Cut(format!("{done} of {total} bytes came"))),
                _ => Ok(()),
            };
        }
        done += n as u64;
        if done > BYTES_MAX {
            return Err(Broken::TooMuch);
        }
        file.write_all(&buffer[..n]).map_err(disk)?;
        progress(done, total);
    }
}

/// Of `bytes 1000-3499/3500`: 1000.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// In words that say what to look at.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => {
            "the host's name cannot be resolved: no network, no name server, or a misspelt address".to_owned()
        }
        ureq::Error::ConnectionFailed => "nobody answers there: no network, or the server is down".to_owned(),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "nobody answers there: the server is down, or the port is wrong".to_owned()
        }
        ureq::Error::Timeout(_) => "the server was silent for too long".to_owned(),
        ureq::Error::StatusCode(404) => "the server does not have it (404)".to_owned(),
        ureq::Error::StatusCode(code @ (401 | 403 | 407)) => format!("the server, or a proxy on the way, refuses it ({code})"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_folder_or_an_address() {
        let file = Path::new("/x/models/fire.onnx");
        assert_eq!(origin(file, None, None), None);
        let own = Some("https://b.example/fire-v2.onnx");
        assert_eq!(origin(file, own, None), own.map(|url| Origin::Url(url.into())));
        for folder in ["/mnt/usb", "file:///mnt/usb"] {
            assert_eq!(origin(file, own, Some(folder)), Some(Origin::Folder("/mnt/usb/fire.onnx".into())));
        }
        assert_eq!(origin(file, None, Some("https://a.example/m/")), Some(Origin::Url("https://a.example/m/fire.onnx".into())));
    }

    #[test]
    fn a_range_says_where_it_begins() {
        assert_eq!(first_byte("bytes 1000-3499/3500"), Some(1000));
        for odd in ["", "bytes */3500", "items 1-2/3", "bytes x-1/2"] {
            assert_eq!(first_byte(odd), None, "{odd}");
        }
    }

    #[test]
    fn no_network_is_called_so() {
        assert!(reason(&ureq::Error::HostNotFound).contains("no network"));
        assert!(reason(&ureq::Error::StatusCode(404)).contains("does not have it"));
    }
}
