//! What the centre asks: the clip of an event, sent by HTTP(S) to the centre's own address.
//!
//! The address comes from the configuration alone. A message names a path at the centre and a token for this one upload; whatever else it may
//! hold is not followed.

use std::{
    fs::File,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use matpho_scene::WallTime;
use matpho_wire::{CloudEvent, Command, EventId, Reply, topic::Address};

use crate::{config::Center, evidence::clips::ClipStore, publisher::Said};

/// A clip that is still being recorded when it is asked for is waited for this long.
const CLIP_WAIT_MAX: Duration = Duration::from_secs(40);
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Does what is asked, one after the other.
pub struct Commander {
    /// Who answers.
    pub address: Address,
    /// Where clips go.
    pub center: Option<Center>,
    /// Where clips lie.
    pub clips: Option<ClipStore>,
    /// Whether a clip of this event is being recorded.
    pub is_recording: Arc<dyn Fn(EventId) -> bool + Send + Sync>,
    /// Where answers go.
    pub said: tokio::sync::mpsc::Sender<Said>,
}

impl Commander {
    /// Works until nobody can ask any more.
    pub fn run(self, asked: mpsc::Receiver<CloudEvent<Command>>) {
        for message in asked {
            let outcome = self.obey(&message.data, crate::config::now());
            if let Err(error) = &outcome {
                tracing::warn!(request = %message.id, %error, "a command could not be carried out");
            }
            let _ = self.said.blocking_send(Said::Reply(Box::new(reply(&self.address, &message.id, outcome))));
        }
    }

    fn obey(&self, command: &Command, now: WallTime) -> Result<(), String> {
        match command {
            Command::UploadClip { event, path, token, expires } => {
                if now > *expires {
                    return Err(format!("the request expired at {expires}"));
                }
                let center = self.center.as_ref().ok_or("this gateway has no [center] url in its configuration")?;
                let url = url(center, path)?;
                let clips =
                    self.clips.as_ref().ok_or("this gateway keeps no clips: [evidence] clip_before_s and clip_after_s are 0")?;
                let asked = Instant::now();
                while clips.find(*event).is_none() && (self.is_recording)(*event) && asked.elapsed() < CLIP_WAIT_MAX {
                    std::thread::sleep(Duration::from_millis(200));
                }
                let file = clips
                    .find(*event)
                    .ok_or("there is no clip of this event: it is older than the clips kept, or the camera was lost")?;
                upload(center, &url, token, &file).map_err(|e| format!("the upload failed: {e}"))
            }
        }
    }
}

/// The answer to a request.
pub fn reply(address: &Address, request: &str, outcome: Result<(), String>) -> CloudEvent<Reply> {
    let now = crate::config::now();
    let data = Reply { request: request.to_owned(), done: outcome.is_ok(), error: outcome.err() };
    CloudEvent::new(uuid::Uuid::now_v7().to_string(), address.source(), Reply::TYPE.into(), now, now, data)
}

/// The path at the centre, and nowhere else.
fn url(center: &Center, path: &str) -> Result<String, String> {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~?=&".contains(&b));
    if path.starts_with('/') && plain && !path.contains("..") {
        Ok(format!("{}{path}", center.url))
    } else {
        Err("the path of the upload is not a plain path at the centre".into())
    }
}

fn upload(center: &Center, url: &str, token: &str, path: &std::path::Path) -> anyhow::Result<()> {
    let file = File::open(path)?;
    let agent = crate::fetch::agent(center.authorities.as_ref(), UPLOAD_TIMEOUT)?;
    agent.put(url).header("Authorization", format!("Bearer {token}")).header("Content-Type", "video/mp4").send(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_goes_to_the_centre_and_nowhere_else() {
        let center = Center { url: "https://center.example.org".into(), authorities: None };
        assert_eq!(url(&center, "/api/v1/clips/1").unwrap(), "https://center.example.org/api/v1/clips/1");
        for path in ["http://evil.example/x", "//evil.example/x@", "evil", "/../x", "/a b", "/x\r\nHost: evil", "@evil.example/"]
        {
            assert!(url(&center, path).is_err(), "{path:?} must be refused");
        }
    }
}
