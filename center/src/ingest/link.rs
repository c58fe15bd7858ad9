//! The way from the broker: connects, passes on what comes, connects again when it breaks.
//!
//! A message may come to one of several centres (`broker.shared_group`); one that is acknowledged is in the store that they share.
//!
//! The session outlives connections and the centre itself, so that the broker queues what arrives meanwhile. The broker is asked to send at
//! most [`IN_FLIGHT_MAX`] unacknowledged messages; one that sends more fills the queues behind, and then reading waits for the store. Latest
//! pictures are QoS 0 and are left out when the queue fills up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use matpho_wire::{Topic, topic::Channel};
use rand::Rng;
use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{Filter, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode},
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::connection::{Acks, Connection, ConnectionError};
use crate::{broker::Access, health::Status, metrics::Metrics};

/// Messages that the broker is to send ahead of our acknowledgements.
pub const IN_FLIGHT_MAX: u16 = 128;

/// Messages between connection and store, in each lane. After a reconnection the broker repeats what is still in here.
pub const QUEUE_MAX: usize = 4 * IN_FLIGHT_MAX as usize;

/// Commands that wait for the connection, and commands that are sent and not acknowledged.
const COMMANDS_MAX: usize = 64;

/// Time between two attempts to connect: the first and the longest; a third of it is left to chance.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// A message as it came, with the way back of the connection it came over.
pub struct Delivery {
    /// The message.
    pub publish: Publish,
    acks: Acks,
}

impl Delivery {
    /// A message of the connection that `acks` acknowledges.
    pub fn new(publish: Publish, acks: Acks) -> Self {
        Self { publish, acks }
    }

    /// Tells the broker that the message is ours. One from an earlier connection is left alone: the broker repeats it.
    pub fn ack(&self) {
        if self.publish.qos != QoS::AtMostOnce {
            // An error means that the connection is gone.
            let _ = self.acks.send(self.publish.pkid);
        }
    }
}

/// Which way a message goes. Pictures that prove events have a way of their own: where they are kept may be away, and alarms must not wait
/// for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Everything but what follows.
    Messages,
    /// Evidence pictures.
    Evidence,
}

impl Lane {
    /// The word for it, in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Evidence => "evidence pictures",
        }
    }

    /// Where a message belongs, by its topic.
    fn of(topic: &[u8]) -> Self {
        let topic = std::str::from_utf8(topic).ok().and_then(|topic| topic.parse::<Topic>().ok());
        if topic.is_some_and(|topic| matches!(topic.channel, Channel::Evidence(_))) { Self::Evidence } else { Self::Messages }
    }
}

/// The queues between connection and store, one a lane.
#[derive(Clone)]
pub struct Queues {
    messages: mpsc::Sender<Delivery>,
    evidence: mpsc::Sender<Delivery>,
}

impl Queues {
    /// The queues' ends: where messages go in, and where those of each lane come out.
    pub fn new() -> (Self, [(Lane, mpsc::Receiver<Delivery>); 2]) {
        let ((messages, messages_out), (evidence, evidence_out)) = (mpsc::channel(QUEUE_MAX), mpsc::channel(QUEUE_MAX));
        (Self { messages, evidence }, [(Lane::Messages, messages_out), (Lane::Evidence, evidence_out)])
    }

    /// Whether so many messages wait that those that nothing hangs on are left out.
    fn is_busy(&self) -> bool {
        self.messages.capacity() <= QUEUE_MAX / 2
    }

    /// Passes a message on; false where nobody takes it any more.
    pub async fn send(&self, delivery: Delivery) -> bool {
        let queue = match Lane::of(&delivery.publish.topic) {
            Lane::Messages => &self.messages,
            Lane::Evidence => &self.evidence,
        };
        queue.send(delivery).await.is_ok()
    }
}

/// Where commands to gateways go in.
#[derive(Debug, Clone)]
pub struct Commands(mpsc::Sender<Publish>);

/// So many commands wait already that there is no room for one more.
#[derive(Debug, thiserror::Error)]
#[error("{COMMANDS_MAX} commands wait for the broker already")]
pub struct TooManyCommands;

impl Commands {
    /// Sends a command as soon as the broker is connected, at least once.
    ///
    /// # Errors
    /// Too many wait.
    pub fn send(&self, topic: String, payload: Vec<u8>, properties: PublishProperties) -> Result<(), TooManyCommands> {
        let publish = Publish::new(topic, QoS::AtLeastOnce, payload, Some(properties));
        self.0.try_send(publish).map_err(|_| TooManyCommands)
    }
}

/// Commands that the broker has not acknowledged, by packet number. They outlive connections.
#[derive(Debug, Default)]
struct UnderWay {
    commands: BTreeMap<u16, Publish>,
    last: u16,
}

impl UnderWay {
    /// The first number is that of requests.
    fn number(&mut self, publish: Publish) -> Publish {
        loop {
            self.last = self.last.checked_add(1).unwrap_or(2).max(2);
            if !self.commands.contains_key(&self.last) {
                break;
            }
        }
        let publish = Publish { pkid: self.last, ..publish };
        self.commands.insert(self.last, publish.clone());
        publish
    }
}

/// The connection before it is run.
pub struct Link {
    access: Access,
    commands: (mpsc::Sender<Publish>, mpsc::Receiver<Publish>),
    under_way: UnderWay,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    subscribed: Box<dyn Fn() + Send>,
}

impl Link {
    /// Prepares a connection; nothing happens before [`Link::run`]. `subscribed` is called whenever the broker has taken our
    /// subscriptions.
    pub fn new(access: &Access, status: Arc<Status>, metrics: Arc<Metrics>, subscribed: Box<dyn Fn() + Send>) -> Self {
        let commands = mpsc::channel(COMMANDS_MAX);
        Self { access: access.clone(), commands, under_way: UnderWay::default(), status, metrics, subscribed }
    }

    /// For sending commands.
    pub fn commands(&self) -> Commands {
        Commands(self.commands.0.clone())
    }

    /// Connects, again and again, until told to stop.
    pub async fn run(mut self, queues: Queues, stop: CancellationToken) {
        let mut backoff = BACKOFF.0;
        loop {
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                opened = Connection::open(&self.access) => opened,
            };
            let served = match opened {
                Ok((mut connection, session_present)) => {
                    backoff = BACKOFF.0;
                    self.metrics.broker_connections.one();
                    tracing::info!(session_present, "connected to the broker");
                    let served = tokio::select! {
                        biased;
                        () = stop.cancelled() => Ok(()),
                        served = self.serve(&mut connection, &queues) => served,
                    };
                    self.status.set_broker_connected(false);
                    if served.is_ok() {
                        connection.close().await;
                    }
                    served
                }
                Err(error) => Err(error),
            };
            let Err(error) = served else { return };
            let wait = backoff.mul_f64(1.0 + rand::rng().random_range(0.0..0.33));
            tracing::warn!(
                broker = %self.access.url(),
                error = crate::chain(&error),
                retry_in_ms = wait.as_millis() as u64,
                "no connection to the broker"
            );
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Subscribes and passes on what comes. Returns when nobody takes it any more.
    async fn serve(&mut self, connection: &mut Connection, queues: &Queues) -> Result<(), ConnectionError> {
        connection.subscribe(filters(self.access.shared_group.as_deref()))?;
        for publish in self.under_way.commands.values() {
            connection.publish(Publish { dup: true, ..publish.clone() })?;
        }
        loop {
            let packet = tokio::select! {
                biased;
                Some(command) = self.commands.1.recv(), if self.under_way.commands.len() < COMMANDS_MAX => {
                    connection.publish(self.under_way.number(command))?;
                    continue;
                }
                packet = connection.next() => packet?,
            };
            match packet {
                Packet::SubAck(suback) => {
                    (self.subscribed)();
                    let taken = suback.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_)));
                    self.status.set_broker_connected(taken);
                    if !taken {
                        let answers = &suback.return_codes;
                        tracing::error!(
                            ?answers,
                            "the broker refuses subscriptions; its access list must let the centre read everything under {}/",
                            matpho_wire::topic::ROOT
                        );
                    }
                }
                Packet::PubAck(puback) => {
                    let command = self.under_way.commands.remove(&puback.pkid);
                    if let Some(command) = command
                        && !matches!(puback.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers)
                    {
                        let topic = String::from_utf8_lossy(&command.topic);
                        tracing::error!(%topic, reason = ?puback.reason, "the broker does not take a command");
                    }
                }
                Packet::Publish(publish) => {
                    if publish.qos == QoS::AtMostOnce && queues.is_busy() {
                        self.metrics.pictures_dropped.one();
                        continue;
                    }
                    let delivery = Delivery::new(publish, connection.acks());
                    if !connection.meanwhile(queues.send(delivery)).await? {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }
}

/// What we subscribe to. In a group each message goes to one of its centres, but for what is retained: that every centre gets itself.
pub(super) fn filters(group: Option<&str>) -> Vec<Filter> {
    let share = |path: String| match group {
        Some(group) => format!("$share/{group}/{path}"),
        None => path,
    };
    let filter = |path: String| {
        let qos = if path.ends_with("/picture") { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        Filter::new(path, qos)
    };
    Topic::filters_shared().into_iter().map(share).chain(Topic::filters_retained()).map(filter).collect()
}
