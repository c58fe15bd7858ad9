//! From what is said to rows of the outbox, in order.
//!
//! An event that cannot be written (a full disk) is tried again until it can: the channel behind it fills, and the workers wait, rather than
//! that an alarm is lost. Figures and pictures that cannot be written are dropped and counted.

use std::{sync::Arc, time::Duration};

use matpho_scene::event::{EndReason, Phase};
use matpho_wire::{
    CloudEvent, EventData, EvidenceData, MeasurementData, Reply, WireError,
    envelope::Message,
    topic::{Address, Channel},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    outbox::{Class, OpenEvent, Outbox, OutboxError, Parcel, Put},
    vitals::Vitals,
};

/// Something to be kept and sent.
#[derive(Debug, Clone)]
pub enum Said {
    /// An event began, goes on or ended.
    Event(Box<CloudEvent<EventData>>),
    /// Figures.
    Measurement(Box<CloudEvent<MeasurementData>>),
    /// A picture.
    Evidence(Box<CloudEvent<EvidenceData>>),
    /// The answer to a command.
    Reply(Box<CloudEvent<Reply>>),
}

/// Waits between attempts to write an event.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Fills the outbox.
pub struct Publisher {
    /// Whose messages these are.
    pub address: Address,
    /// Where they go.
    pub outbox: Arc<Outbox>,
    /// Where it is said how that goes.
    pub vitals: Arc<Vitals>,
}

impl Publisher {
    /// Ends what the last run of this program left open: it cannot know whether it goes on.
    pub async fn end_left_open(&self) -> Result<usize, OutboxError> {
        let mut ended = 0;
        for body in self.outbox.open_events().await? {
            let Ok(mut message) = CloudEvent::<EventData>::from_json(&body) else {
                tracing::error!("an open event in the outbox cannot be read; it is left out");
                continue;
            };
            let now = crate::config::now();
            message.data.number += 1;
            message.data.phase = Phase::Ended;
            message.data.end_reason = Some(EndReason::Stopped);
            message.data.evidence_follows = false;
            message.id = message.data.event.message_id(message.data.number);
            message.kind = message.data.type_name();
            message.recordedtime = now;
            self.keep(&Said::Event(Box::new(message))).await;
            ended += 1;
        }
        Ok(ended)
    }

    /// Keeps everything that comes until `stop`, and then what came before it.
    pub async fn run(self, mut said: mpsc::Receiver<Said>, stop: CancellationToken) {
        loop {
            let next = tokio::select! {
                biased;
                next = said.recv() => next,
                () = stop.cancelled(), if !said.is_closed() => {
                    said.close();
                    continue;
                }
            };
            match next {
                Some(said) => self.keep(&said).await,
                None => return,
            }
        }
    }

    async fn keep(&self, said: &Said) {
        let mut wait = RETRY_FIRST;
        loop {
            match self.put(said).await {
                Ok(Put::Kept(_)) => return self.vitals.outbox_works(),
                Ok(Put::Refused) => return self.vitals.dropped(),
                Err(error) if matches!(said, Said::Event(_) | Said::Reply(_)) => {
                    self.vitals.outbox_fails(&error);
                    tracing::error!(error = %crate::chain(&error), retry_in_s = wait.as_secs_f32(), "an event cannot be written to the outbox; it is kept in memory and tried again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY_MAX);
                }
                Err(error) => {
                    self.vitals.outbox_fails(&error);
                    self.vitals.dropped();
                    tracing::warn!(error = %crate::chain(&error), "a measurement or picture could not be written to the outbox and is dropped");
                    return;
                }
            }
        }
    }

    async fn put(&self, said: &Said) -> Result<Put, OutboxError> {
        match said {
            Said::Event(message) => {
                let event = message.data.event.to_string();
                let open = if message.data.phase == Phase::Ended { OpenEvent::Over(&event) } else { OpenEvent::Open(&event) };
                self.row(message, Class::Event, Channel::Events, open).await
            }
            Said::Measurement(message) => {
                self.row(message, Class::Measurement, Channel::Measurements, OpenEvent::Unchanged).await
            }
            Said::Evidence(message) => match message.data.event {
                Some(event) => self.row(message, Class::Evidence, Channel::Evidence(event), OpenEvent::Unchanged).await,
                None => Ok(Put::Refused),
            },
            Said::Reply(message) => self.row(message, Class::Event, Channel::Replies, OpenEvent::Unchanged).await,
        }
    }

    async fn row<T: Message + Clone>(
        &self,
        message: &CloudEvent<T>,
        class: Class,
        channel: Channel,
        open: OpenEvent<'_>,
    ) -> Result<Put, OutboxError> {
        let topic = channel.of(&self.address).to_string();
        let parcel = Parcel { class, topic: &topic, queued: message.recordedtime, open };
        self.outbox.put(parcel, |sequence| json(message.clone().with_sequence(sequence).to_json())).await
    }
}

/// Our own messages always are JSON: their maps have text for keys.
fn json(text: Result<String, WireError>) -> Vec<u8> {
    text.unwrap_or_else(|e| unreachable!("{e}")).into_bytes()
}
