//! The connection to the broker: polls it, passes on what comes, makes it anew when it breaks.
//!
//! A message may come to one of several centres (`broker.shared_group`); one that is acknowledged is in the store that they share.
//!
//! The session outlives connections and the centre itself (`clean_start = false`), so that the broker queues what arrives meanwhile.
//! The broker is asked to send at most [`IN_FLIGHT_MAX`] unacknowledged messages. One that sends more (mosquitto 2.0.11 does as soon as our
//! socket is full) fills the queues behind, and then polling waits for the store. **Nothing that the store waits for may wait for polling**, or
//! both would wait for ever: acknowledgements always find room, see [`REQUESTS_MAX`]. Latest pictures are QoS 0 and are left out when the queue
//! fills up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use matpho_wire::{PACKET_BYTES_MAX, Topic, topic::Channel};
use rand::Rng;
use rumqttc::v5::{
    AsyncClient, Event, EventLoop, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{ConnectProperties, Filter, Packet, Publish, SubscribeReasonCode},
    },
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{broker::Access, health::Status, metrics::Metrics};

/// Messages that the broker sends ahead of our acknowledgements.
pub const IN_FLIGHT_MAX: u16 = 128;

/// Messages between connection and store, in each lane. After a reconnection the broker repeats what is still in here.
pub const QUEUE_MAX: usize = 4 * IN_FLIGHT_MAX as usize;

/// Requests to the connection (acknowledgements, commands): an acknowledgement for each packet number that MQTT has, so that none ever waits
/// for room, whatever the broker sends; the rest is for commands.
pub(super) const REQUESTS_MAX: usize = u16::MAX as usize + 1_024;

/// Time between two attempts to connect: the first and the longest; a third of it is left to chance.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A message as it came, with the connection it came over.
pub struct Delivery {
    /// The message.
    pub publish: Publish,
    acks: Acks,
    connection: u64,
}

impl Delivery {
    /// A message of the connection that `acks` acknowledges at present.
    pub fn new(publish: Publish, acks: Acks) -> Self {
        let connection = acks.connection.load(Ordering::Acquire);
        Self { publish, acks, connection }
    }

    /// Tells the broker that the message is ours. One from an earlier connection is left alone: the broker repeats it, and packet numbers
    /// mean something only in their connection.
    pub async fn ack(&self) {
        let current = self.connection == self.acks.connection.load(Ordering::Acquire);
        if current && self.publish.qos != QoS::AtMostOnce {
            // An error means that the connection's task is gone: we are stopping, and the broker will repeat it.
            let _ = self.acks.client.ack(&self.publish).await;
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

/// The way back of one connection.
#[derive(Clone)]
pub struct Acks {
    client: AsyncClient,
    connection: Arc<AtomicU64>,
}

impl Acks {
    /// Of a connection that is not made again when it breaks.
    pub fn new(client: AsyncClient) -> Self {
        Self { client, connection: Arc::default() }
    }
}

/// The connection's two ends before it is run.
pub struct Link {
    event_loop: EventLoop,
    client: AsyncClient,
    connection: Arc<AtomicU64>,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    subscribed: Box<dyn Fn() + Send>,
    filters: Vec<Filter>,
}

impl Link {
    /// Prepares a connection; nothing happens before [`Link::run`]. `subscribed` is called whenever the broker has taken our
    /// subscriptions.
    pub fn new(access: &Access, status: Arc<Status>, metrics: Arc<Metrics>, subscribed: Box<dyn Fn() + Send>) -> Self {
        let (client, event_loop) = AsyncClient::new(options(access), REQUESTS_MAX);
        let filters = filters(access.shared_group.as_deref());
        Self { event_loop, client, connection: Arc::default(), status, metrics, subscribed, filters }
    }

    /// For sending commands.
    pub fn client(&self) -> AsyncClient {
        self.client.clone()
    }

    /// Polls until told to stop.
    pub async fn run(mut self, queues: Queues, stop: CancellationToken) {
        let mut backoff = BACKOFF.0;
        let acks = Acks { client: self.client.clone(), connection: self.connection.clone() };
        // Deliveries that were read from a connection that is gone by now belong to none.
        let mut connection = None;
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = self.event_loop.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(connack))) => {
                    connection = Some(self.connection.fetch_add(1, Ordering::AcqRel) + 1);
                    backoff = BACKOFF.0;
                    self.metrics.broker_connections.one();
                    tracing::info!(session_present = connack.session_present, "connected to the broker");
                    if self.client.try_subscribe_many(self.filters.clone()).is_err() {
                        tracing::error!("could not subscribe: too many requests wait; reconnect by restarting the centre");
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(suback))) => {
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
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let picture = publish.qos == QoS::AtMostOnce;
                    if picture && queues.is_busy() {
                        self.metrics.pictures_dropped.one();
                        continue;
                    }
                    let delivery = Delivery { publish, acks: acks.clone(), connection: connection.unwrap_or(0) };
                    let taken = tokio::select! {
                        biased;
                        () = stop.cancelled() => false,
                        taken = queues.send(delivery) => taken,
                    };
                    if !taken {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    connection = None;
                    self.connection.fetch_add(1, Ordering::AcqRel);
                    self.status.set_broker_connected(false);
                    let jitter = rand::rng().random_range(0.0..0.33);
                    let wait = backoff.mul_f64(1.0 + jitter);
                    tracing::warn!(
                        error = crate::chain(&error),
                        retry_in_ms = wait.as_millis() as u64,
                        "no connection to the broker"
                    );
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(wait) => {}
                    }
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
        self.status.set_broker_connected(false);
        let _ = self.client.try_disconnect();
        // The good-bye has to go out; whether it did is the broker's keep-alive to find out.
        let _ = tokio::time::timeout(Duration::from_millis(200), async { while self.event_loop.poll().await.is_ok() {} }).await;
    }
}

/// How we connect.
pub(super) fn options(access: &Access) -> MqttOptions {
    let mut options = MqttOptions::new(access.client_id.clone(), access.host.clone(), access.port);
    let properties = ConnectProperties {
        session_expiry_interval: Some(u32::try_from(access.session_expiry.as_secs()).unwrap_or(u32::MAX)),
        receive_maximum: Some(IN_FLIGHT_MAX),
        // What comes may be larger than what we say a message may be, by topic and properties.
        max_packet_size: Some(PACKET_BYTES_MAX + 64 * 1024),
        ..ConnectProperties::new()
    };
    options
        .set_connect_properties(properties)
        .set_clean_start(false)
        .set_manual_acks(true)
        .set_keep_alive(KEEP_ALIVE)
        .set_transport(access.transport());
    if let Some((user, password)) = &access.login {
        options.set_credentials(user, password);
    }
    options
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
