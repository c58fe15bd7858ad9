//! One destination: takes what is due from the outbox, sends it, keeps what became of it.

use std::{sync::Arc, time::Duration};

use matpho_scene::WallTime;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{client::Client, ngsi, pace::Pace, webhook};
use crate::{
    clock,
    feeds::{ngsi::batch::Broker, webhook::Secret},
    metrics::Metrics,
    store::{
        Store, StoreError,
        outbox::{Settled, Waiting},
    },
};

/// How long a sender without anything to do sleeps at most: another centre may have switched its feed on again.
const IDLE: Duration = Duration::from_secs(5);

/// How long it waits for the store to be back.
const STORE_AWAY: Duration = Duration::from_secs(2);

/// Where things go.
pub enum To {
    /// Somebody's own program.
    Webhook {
        /// Where it listens.
        url: String,
        /// Each signs.
        secrets: Vec<Secret>,
    },
    /// A context broker.
    Ngsi {
        /// Which.
        broker: Broker,
        /// For `Authorization: Bearer`.
        token: Option<String>,
    },
}

/// What a round of sending came to.
#[derive(Debug, Default)]
pub struct Round {
    /// What became of what, by row.
    pub settled: Vec<(i64, Settled)>,
    /// Whether the destination is in trouble as a whole.
    pub troubled: bool,
    /// It wants nothing any more.
    pub gone: Option<String>,
}

/// Sends to one destination.
pub struct Sender {
    feed: String,
    to: To,
    client: Client,
    store: Store,
    lease: watch::Receiver<bool>,
    wake: Arc<Notify>,
    metrics: Arc<Metrics>,
    pace: Pace,
    looked_at: Option<WallTime>,
}

impl Sender {
    /// A sender that has not begun.
    pub fn new(
        feed: String,
        to: To,
        client: Client,
        store: Store,
        (lease, wake): (watch::Receiver<bool>, Arc<Notify>),
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { feed, to, client, store, lease, wake, metrics, pace: Pace::default(), looked_at: None }
    }

    /// Sends until told to stop. What is under way then is sent again by who comes next.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let wait = if *self.lease.borrow_and_update() {
                let Some(turn) = stop.run_until_cancelled(self.turn()).await else { return };
                turn.unwrap_or_else(|error| {
                    tracing::warn!(
                        feed = self.feed,
                        error = crate::chain(&error),
                        "a feed could not read or write the store and tries again"
                    );
                    STORE_AWAY
                })
            } else {
                IDLE
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                Ok(()) = self.lease.changed() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Sends what is due; how long to wait then.
    async fn turn(&mut self) -> Result<Duration, StoreError> {
        let now = clock::now();
        if self.looked_at.replace(now).is_some_and(|before| now < before) {
            // The clock was set back: what is due by the old one would wait until it is as late again.
            self.pace = Pace::default();
            let mut tx = self.store.begin().await?;
            tx.all_due(&self.feed, now).await?;
            tx.commit().await?;
        }
        if let Some(wait) = self.pace.wait(now) {
            return Ok(wait);
        }
        if self.store.feed_point(&self.feed).await?.is_none_or(|point| point.off.is_some()) {
            return Ok(IDLE);
        }
        let most = match self.to {
            To::Webhook { .. } => webhook::AT_ONCE,
            To::Ngsi { .. } => crate::feeds::ngsi::batch::ENTITIES_MAX,
        };
        let width = match self.to {
            To::Webhook { .. } => self.pace.width(most),
            // A batch is one request anyway.
            To::Ngsi { .. } => most,
        };
        let due = self.store.feed_due(&self.feed, now, width).await?;
        if due.is_empty() {
            let next = self.store.feed_next_due(&self.feed).await?;
            return Ok(next.map_or(IDLE, |next| next.since(now).clamp(Duration::from_millis(50), IDLE)));
        }
        let round = match &self.to {
            To::Webhook { url, secrets } => webhook::send(&self.client, url, secrets, &due).await,
            To::Ngsi { broker, token } => ngsi::send(&self.client, broker, token.as_deref(), &due).await,
        };
        self.keep(round, &due).await
    }

    async fn keep(&mut self, round: Round, due: &[Waiting]) -> Result<Duration, StoreError> {
        let now = clock::now();
        let sent = round.settled.iter().filter(|(_, settled)| *settled == Settled::Delivered).count();
        self.metrics.feed_sent.add(sent as u64);
        self.metrics.feed_failed.add((due.len() - sent) as u64);
        let was_away = if round.troubled {
            self.pace.failed(now);
            false
        } else {
            self.pace.answered()
        };
        let mut tx = self.store.begin().await?;
        for (line, settled) in &round.settled {
            tx.settle_message(*line, settled, now).await?;
            self.tell(*line, settled, due);
        }
        if was_away {
            tx.all_due(&self.feed, now).await?;
        }
        if let Some(why) = &round.gone {
            tx.switch_off(&self.feed, why).await?;
            tracing::error!(feed = self.feed, why, "a feed was switched off; POST /api/v1/feeds/retry/{{feed}} switches it on");
        }
        tx.commit().await?;
        Ok(self.pace.wait(now).unwrap_or(Duration::from_millis(1)))
    }

    fn tell(&self, line: i64, settled: &Settled, due: &[Waiting]) {
        let Some(message) = due.iter().find(|message| message.line == line) else { return };
        match settled {
            Settled::Delivered => tracing::debug!(feed = self.feed, id = message.id, "delivered"),
            Settled::Again { failed, why, at } if *failed <= 1 => {
                tracing::warn!(feed = self.feed, id = message.id, key = message.key, why, next = %at, "not delivered, tried again");
            }
            Settled::Again { .. } => {}
            Settled::GivenUp { why } => {
                tracing::error!(feed = self.feed, id = message.id, key = message.key, why, "given up");
            }
        }
    }
}

/// When a message is due, as the schedule's states have it.
pub(super) fn due_at(message: &Waiting) -> WallTime {
    WallTime::from_unix_millis(message.due_at)
}
