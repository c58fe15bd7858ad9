//! Clips from gateways: asked for over MQTT, sent over HTTP with a token that allows one upload for a short while.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use matpho_scene::WallTime;
use matpho_wire::{
    Address, CONTENT_TYPE, CloudEvent, Command,
    topic::{self, Channel},
};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::{
    auth::token,
    broker::accounts::address_of,
    config,
    health::Status,
    ingest::link::Commands,
    store::{
        Store, StoreError,
        clips::{Asked, ClipRequest},
        files,
    },
};

/// Asks for clips and takes them in.
pub struct Clips {
    /// Where they are known.
    pub store: Store,
    /// How gateways are told.
    pub commands: Commands,
    /// Whether they can be told.
    pub status: Arc<Status>,
    /// Bounds.
    pub config: config::Clips,
}

/// Why a clip cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no way to the gateway.
    #[error("the broker is away")]
    NoBroker,
}

/// Why a clip was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token allows nothing (any more).
    #[error("the token does not allow this upload")]
    Token,
    /// Larger than that many bytes.
    #[error("the clip has more than {0} bytes")]
    TooLarge(u64),
    /// Something else than an MP4 file.
    #[error("it is no MP4")]
    NoMp4,
    /// The sender went away, or was too slow.
    #[error("the upload broke off")]
    CutOff,
}

impl Clips {
    /// Asks the gateway of an event for its clip.
    pub async fn request(&self, event: &str, who: &str) -> Result<Asked, RequestError> {
        if !self.status.broker_connected() {
            return Err(RequestError::NoBroker);
        }
        let (secret, now) = (token::new(), crate::clock::now());
        let request = format!("clip-{}", uuid::Uuid::now_v7());
        let expires = now + self.config.timeout;
        let mut tx = self.store.begin().await?;
        let wanted = ClipRequest { event, request: &request, token_sha256: &token::sha256(&secret), who, expires };
        let asked = tx.request_clip(&wanted, now).await?;
        tx.commit().await?;
        if let Asked::Ask { edge } = &asked
            && let Err(error) = self.tell(edge, event, &request, secret, expires)
        {
            tracing::error!(edge, error, "a gateway could not be asked for a clip");
            let mut tx = self.store.begin().await?;
            tx.clip_failed(edge, &request, "the gateway could not be asked", crate::clock::now()).await?;
            tx.commit().await?;
            return Err(RequestError::NoBroker);
        }
        Ok(asked)
    }

    fn tell(&self, edge: &str, event: &str, request: &str, token: String, expires: WallTime) -> Result<(), String> {
        let address: Address = address_of(edge).ok_or("it has no address")?;
        let event = event.parse().map_err(|error: matpho_wire::event::EventIdError| error.to_string())?;
        let now = crate::clock::now();
        let command = Command::UploadClip { event, path: format!("/api/v1/clips/{event}"), token, expires };
        let message = CloudEvent::new(request.into(), topic::center_source(), Command::TYPE.into(), now, now, command);
        let payload = message.to_json().map_err(|error| error.to_string())?;
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            // A command that nobody takes in time must not be carried out tomorrow.
            message_expiry_interval: Some(u32::try_from(self.config.timeout.as_secs()).unwrap_or(u32::MAX)),
            response_topic: Some(Channel::Replies.of(&address).to_string()),
            correlation_data: Some(request.to_owned().into()),
            content_type: Some(CONTENT_TYPE.into()),
            ..PublishProperties::default()
        };
        let topic = Channel::Commands.of(&address).to_string();
        self.commands.send(topic, payload.into_bytes(), properties).map_err(|error| error.to_string())
    }

    /// Takes a clip in: checked, whole, once.
    pub async fn receive<E>(
        &self,
        event: &str,
        token: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(), UploadError> {
        let hash = token::sha256(token);
        // Only a known event has a token, so its id is safe in a path.
        if !self.store.clip_may_come(event, &hash, crate::clock::now()).await? {
            return Err(UploadError::Token);
        }
        let files = self.store.files();
        let path = files::clip_path(event);
        let part = files.part(&path)?;
        let (bytes, sha256) = self.write_part(part.path(), body).await?;
        // No transaction waits for a file, and a row never names one that is not there.
        files.put_part(&path, part, sha256).await?;
        let mut tx = self.store.begin().await?;
        let came = tx.clip_came(event, &hash, (&path, bytes), crate::clock::now()).await?;
        if !came {
            // Nothing refers to it, unless the same token was used twice at once: then the first one's row does.
            tx.drop_file(&path).await?;
        }
        tx.commit().await?;
        if !came {
            return Err(UploadError::Token);
        }
        tracing::info!(event, bytes, "a clip arrived");
        Ok(())
    }

    async fn write_part<E>(
        &self,
        part: &std::path::Path,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(u64, [u8; 32]), UploadError> {
        let failed = |source| StoreError::File { doing: "write", path: part.into(), source };
        let mut file = tokio::fs::File::create(part).await.map_err(failed)?;
        let mut digest = Sha256::new();
        let (mut bytes, mut head) = (0u64, Vec::<u8>::new());
        let deadline = tokio::time::Instant::now() + self.config.timeout.max(Duration::from_secs(5));
        loop {
            let chunk = match tokio::time::timeout_at(deadline, body.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(None) => break,
                Ok(Some(Err(_))) | Err(_) => return Err(UploadError::CutOff),
            };
            bytes += chunk.len() as u64;
            if bytes > self.config.bytes_max {
                return Err(UploadError::TooLarge(self.config.bytes_max));
            }
            if head.len() < 8 {
                head.extend(chunk.iter().take(8 - head.len()));
                if head.len() == 8 && &head[4..] != b"ftyp" {
                    return Err(UploadError::NoMp4);
                }
            }
            digest.update(&chunk);
            file.write_all(&chunk).await.map_err(failed)?;
        }
        if head.len() < 8 {
            return Err(UploadError::NoMp4);
        }
        file.sync_all().await.map_err(failed)?;
        Ok((bytes, digest.finalize().into()))
    }
}
