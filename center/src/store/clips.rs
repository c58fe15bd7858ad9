//! Clips: asked for, allowed to come once, here.

use matpho_scene::WallTime;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_optional, time, to};
use crate::api::types::LogAction;

/// What became of a request for a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The gateway, `SITE.EDGE`, is to be told.
    Ask {
        /// Which gateway.
        edge: String,
    },
    /// It was asked for already, and there is time left.
    Waiting,
    /// It is here.
    Ready,
    /// There is no such event.
    NoEvent,
    /// The gateway has no clip of it.
    NoClip,
}

/// A clip as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ClipRow {
    /// requested, ready or failed.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Where it lies, from the state folder.
    pub path: Option<String>,
    /// Until when it may come.
    pub expires_at: i64,
}

/// A request for a clip.
pub struct ClipRequest<'a> {
    /// Of which event.
    pub event: &'a str,
    /// Id of the command.
    pub request: &'a str,
    /// Hash of the token that allows the upload.
    pub token_sha256: &'a str,
    /// Who wants it.
    pub who: &'a str,
    /// Until when it may come.
    pub expires: WallTime,
}

impl Store {
    /// The clip of an event.
    pub async fn clip(&self, event: &str) -> Result<Option<ClipRow>, StoreError> {
        fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT state, error, path, expires_at FROM clips WHERE event = $1").bind(event)
        )
        .map_err(to("look up a clip"))
    }

    /// Whether a token allows the upload of an event's clip now.
    pub async fn clip_may_come(&self, event: &str, token_sha256: &str, now: WallTime) -> Result<bool, StoreError> {
        let row: Option<i64> = fetch_optional!(self.db(), sqlx::query_scalar(
            "SELECT expires_at FROM clips WHERE event = $1 AND token_sha256 = $2 AND token_sha256 <> '' AND state = 'requested'",
        )
        .bind(event)
        .bind(token_sha256))
        .map_err(to("look up a clip's token"))?;
        Ok(row.is_some_and(|expires| time(expires) > now))
    }
}

impl Tx {
    /// Somebody wants a clip.
    pub async fn request_clip(&mut self, request: &ClipRequest<'_>, now: WallTime) -> Result<Asked, StoreError> {
        let event: Option<(String, String, Option<bool>)> = fetch_optional!(
            self.db(),
            sqlx::query_as(
                "SELECT e.edge, ie.incident, v.clip_available FROM events e
             JOIN incident_events ie ON ie.event = e.id
             LEFT JOIN evidence v ON v.event = e.id AND v.edge = e.edge WHERE e.id = $1",
            )
            .bind(request.event)
        )
        .map_err(to("look up an event"))?;
        let Some((edge, incident, available)) = event else { return Ok(Asked::NoEvent) };
        let known: Option<ClipRow> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT state, error, path, expires_at FROM clips WHERE event = $1").bind(request.event)
        )
        .map_err(to("look up a clip"))?;
        match known.as_ref().map(|clip| (clip.state.as_str(), time(clip.expires_at))) {
            Some(("ready", _)) => return Ok(Asked::Ready),
            Some(("requested", expires)) if expires > now => return Ok(Asked::Waiting),
            _ => {}
        }
        if available != Some(true) {
            return Ok(Asked::NoClip);
        }
        execute!(self.db(), sqlx::query(
            "INSERT INTO clips (event, request, state, token_sha256, requested_by, requested_at, expires_at)
             VALUES ($1, $2, 'requested', $3, $4, $5, $6)
             ON CONFLICT (event) DO UPDATE
             SET request = $2, state = 'requested', token_sha256 = $3, requested_by = $4, requested_at = $5, expires_at = $6, error = NULL",
        )
        .bind(request.event)
        .bind(request.request)
        .bind(request.token_sha256)
        .bind(request.who)
        .bind(now.as_unix_millis())
        .bind(request.expires.as_unix_millis()))
        .map_err(to("ask for a clip"))?;
        self.log(&incident, now, request.who, LogAction::ClipRequested, Some(request.event), None, None).await?;
        self.event_changed(request.event, now).await?;
        Ok(Asked::Ask { edge })
    }

    /// A clip came; its token is used up. False where the token allows nothing any more.
    pub async fn clip_came(
        &mut self,
        event: &str,
        token_sha256: &str,
        (path, bytes): (&str, u64),
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let updated = execute!(
            self.db(),
            sqlx::query(
                "UPDATE clips SET state = 'ready', token_sha256 = '', path = $3, bytes = $4, arrived_at = $5, error = NULL
             WHERE event = $1 AND token_sha256 = $2 AND state = 'requested'",
            )
            .bind(event)
            .bind(token_sha256)
            .bind(path)
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .bind(now.as_unix_millis())
        )
        .map_err(to("store a clip"))?;
        if updated == 0 {
            return Ok(false);
        }
        if let Some(incident) = self.incident_of(event).await? {
            let who = super::incidents::SELF;
            self.log(&incident, now, who, LogAction::ClipReady, Some(event), None, None).await?;
        }
        self.event_changed(event, now).await?;
        Ok(true)
    }

    /// A gateway says that it cannot send a clip, or the command could not be sent.
    pub async fn clip_failed(&mut self, edge: &str, request: &str, error: &str, now: WallTime) -> Result<(), StoreError> {
        let event: Option<String> = fetch_optional!(
            self.db(),
            sqlx::query_scalar(
                "UPDATE clips SET state = 'failed', token_sha256 = '', error = $3
             WHERE request = $1 AND state = 'requested' AND event IN (SELECT id FROM events WHERE edge = $2)
             RETURNING event",
            )
            .bind(request)
            .bind(edge)
            .bind(error.chars().take(500).collect::<String>())
        )
        .map_err(to("note that a clip failed"))?;
        match event {
            Some(event) => self.event_changed(&event, now).await,
            None => Ok(()),
        }
    }

    /// Requests whose time is over have failed.
    pub async fn expire_clips(&mut self, now: WallTime) -> Result<(), StoreError> {
        let events: Vec<String> = fetch_all!(
            self.db(),
            sqlx::query_scalar(
                "UPDATE clips SET state = 'failed', token_sha256 = '', error = 'the gateway did not send it in time'
             WHERE state = 'requested' AND expires_at < $1 RETURNING event",
            )
            .bind(now.as_unix_millis())
        )
        .map_err(to("expire requests for clips"))?;
        for event in events {
            self.event_changed(&event, now).await?;
        }
        Ok(())
    }
}
