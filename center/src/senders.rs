//! Sends what is to go out by itself: `feeds` says what it looks like, the store how far each feed is, `run` starts the tasks.
//!
//! ```text
//! changes, measurements → Desk → outbox (store) → one Sender a destination → webhook, context broker
//!                          └ alerts (store) → Atom feed, files
//! ```
//!
//! **Invariants:** what is to be sent is kept in the transaction that moves the feed's point, so that killing a centre loses nothing and sends at most
//! once more what was under way, under the same id; of several centres on one database one sends (a lease in the store); a destination that hangs or
//! is away holds up no other; a redirection is not followed; no secret is logged.
//!
//! Not here: what documents look like (`feeds`), addresses at which others fetch (`api`).

pub mod alerts;
pub mod client;
pub mod desk;
pub mod facts;
pub mod ngsi;
pub mod pace;
pub mod sender;
pub mod webhook;

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::{
    broker,
    config::feeds::{Feeds, read_secret},
    feeds::webhook::Secret,
    health::Status,
    metrics::Metrics,
    store::Store,
};
use client::Client;
use desk::Desk;
use sender::Sender;

/// The feed of alerts.
pub const CAP: &str = "cap";
/// The feed to a context broker.
pub const NGSI: &str = "ngsi";

/// The name of a webhook's feed.
pub fn webhook_feed(name: &str) -> String {
    format!("webhook:{name}")
}

/// The names of all feeds that send or publish.
pub fn names(feeds: &Feeds) -> Vec<String> {
    let hooks = feeds.webhooks.iter().map(|hook| webhook_feed(&hook.name));
    hooks.chain(feeds.ngsi.iter().map(|_| NGSI.to_owned())).chain(feeds.cap.iter().map(|_| CAP.to_owned())).collect()
}

/// Why a feed cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("the feed {feed} cannot begin: {why}")]
pub struct FeedError {
    /// Which.
    pub feed: String,
    /// Why.
    pub why: String,
}

/// Everything that sends, ready to be started.
pub struct Senders {
    /// Makes of changes what is to be sent.
    pub desk: Desk,
    /// One for each destination.
    pub senders: Vec<Sender>,
}

impl Senders {
    /// Reads the secrets and certificates that the configuration names; `folder` is the state folder.
    pub fn new(
        feeds: &Feeds,
        store: &Store,
        status: &Arc<Status>,
        metrics: &Arc<Metrics>,
        folder: &std::path::Path,
    ) -> Result<Self, FeedError> {
        let (lease_in, lease) = watch::channel(false);
        let mut senders = Vec::new();
        let mut wakers = Vec::new();
        let mut add = |feed: String, to: sender::To, client: Client| {
            let wake = Arc::new(Notify::new());
            wakers.push(wake.clone());
            senders.push(Sender::new(feed, to, client, store.clone(), (lease.clone(), wake), metrics.clone()));
        };
        for hook in &feeds.webhooks {
            let feed = webhook_feed(&hook.name);
            let failed = |why| FeedError { feed: feed.clone(), why };
            let secret = |at| read_secret(at)?.parse::<Secret>().map_err(|error| error.to_string());
            let secrets = hook.secrets.iter().map(secret).collect::<Result<_, _>>().map_err(failed)?;
            let client = Client::new(hook.ca_file.as_deref()).map_err(failed)?;
            add(feed.clone(), sender::To::Webhook { url: hook.url.clone(), secrets }, client);
        }
        if let Some(ngsi) = &feeds.ngsi {
            let failed = |why| FeedError { feed: NGSI.into(), why };
            let token = ngsi.token.as_ref().map(read_secret).transpose().map_err(failed)?;
            let client = Client::new(ngsi.ca_file.as_deref()).map_err(failed)?;
            add(NGSI.into(), sender::To::Ngsi { broker: ngsi.broker.clone(), token }, client);
        }
        let holder = broker::own_client_id(&folder.join("feeds.name"))
            .map_err(|error| FeedError { feed: "feeds".into(), why: crate::chain(&error) })?;
        let desk = Desk::new(feeds.clone(), store.clone(), (holder, lease_in), wakers, status.clone());
        Ok(Self { desk, senders })
    }
}
