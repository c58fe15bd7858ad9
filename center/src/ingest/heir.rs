//! Takes over from a centre that is gone.
//!
//! In a group the broker gives each message to one centre, also to one that is away: what it gave waits for that centre's return, and goes
//! with its session in the end. So each centre says in the store that it lives. Who is silent for long is taken over by another: it connects
//! under the name of the silent one, ends its subscriptions, and writes and acknowledges what the broker held for it. Should the silent one
//! come back meanwhile, it takes its name back (the broker then drops the heir's connection), subscribes anew, and nothing is lost: what was
//! not acknowledged is sent again.

use std::time::Duration;

use rumqttc::v5::mqttbytes::{QoS, v5::Packet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    connection::{Connection, ConnectionError},
    link::{self, Delivery, Queues},
};
use crate::{
    broker::Access,
    store::{Store, StoreError},
};

/// So long after the last message that the broker held, and after the last that was acknowledged, it holds no more.
const QUIET: Duration = Duration::from_secs(5);

/// A centre that looks after the others of its group.
pub struct Heir {
    /// Where centres say that they live.
    pub store: Store,
    /// How this one gets at the broker.
    pub access: Access,
    /// How long another one may be silent.
    pub silence: Duration,
}

impl Heir {
    /// Says that this centre lives; to be done before it connects to the broker.
    pub async fn live(&self) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.center_lives(&self.access.client_id, crate::clock::now()).await?;
        tx.commit().await
    }

    /// Goes on saying so, until told to stop.
    pub async fn keep_alive(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.live().await {
                tracing::warn!(error = crate::chain(&error), "the other centres cannot be told that this one lives");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(self.silence / 5) => {}
            }
        }
    }

    /// Takes over from silent centres, one after the other, until told to stop.
    pub async fn run(&self, queues: Queues, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(self.silence / 5) => {}
            }
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.take_over_one(&queues) => outcome,
            };
            if let Err(error) = outcome {
                tracing::warn!(error, "a centre that is silent could not be taken over; tried again");
            }
        }
    }

    async fn take_over_one(&self, queues: &Queues) -> Result<(), String> {
        let failed = |error: StoreError| crate::chain(&error);
        let me = &self.access.client_id;
        let mut tx = self.store.begin().await.map_err(failed)?;
        let silent = tx.inherit(me, self.silence, crate::clock::now()).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let Some(silent) = silent else { return Ok(()) };
        tracing::warn!(center = silent, "a centre of this group is silent; what the broker holds for it is taken over");
        let messages = self.drain(&silent, queues).await?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        tx.forget_center(&silent, me).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        tracing::info!(center = silent, messages, "nothing is left at the broker for the centre that was silent");
        Ok(())
    }

    /// Fetches what the broker holds under a name. Returns how many messages that were.
    async fn drain(&self, name: &str, queues: &Queues) -> Result<u64, String> {
        let access = Access { client_id: name.to_owned(), ..self.access.clone() };
        // Also an error when the silent one is back and took its name.
        let failed = |error: ConnectionError| crate::chain(&error);
        let (mut connection, session_present) = Connection::open(&access).await.map_err(failed)?;
        let mut came = 0;
        if session_present {
            let filters = link::filters(access.shared_group.as_deref());
            connection.unsubscribe(filters.into_iter().map(|filter| filter.path).collect()).map_err(failed)?;
            loop {
                match timeout(QUIET, connection.next()).await {
                    Ok(packet) => {
                        let Packet::Publish(publish) = packet.map_err(failed)? else { continue };
                        if publish.qos != QoS::AtMostOnce {
                            came += 1;
                            let delivery = Delivery::new(publish, connection.acks());
                            if !connection.meanwhile(queues.send(delivery)).await.map_err(failed)? {
                                return Err("this centre stops".into());
                            }
                        }
                    }
                    // The broker may have more as soon as it is told that what came is ours.
                    Err(_) if connection.acknowledged() == came && connection.since_acknowledged() >= QUIET => break,
                    Err(_) => {}
                }
            }
        }
        connection.close().await;
        Ok(came)
    }
}
