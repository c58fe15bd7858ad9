//! The link to the broker: drains the outbox in order, keeps the retained words fresh, hears commands.
//!
//! A row of the outbox goes when its PUBACK has come. Each connection begins with a new client and the oldest row, so that nothing depends on what
//! the client library or the broker remember of the connection before (rumqttc drops what is pending when the broker has forgotten the session).
//! What was sent and not acknowledged is sent again under the same id, and the centre takes each id once.
//!
//! The session is resumed all the same (`clean_start = false`): commands wait for us at the broker, and the will is not spoken while its delay runs.
//!
//! Not here: threads and tasks (`topology.rs`), what is kept (`outbox.rs`).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, mpsc as std_mpsc},
    time::Duration,
};

use matpho_scene::{CameraId, EdgeId, WallTime};
use matpho_wire::{
    CloudEvent, Command, EventData,
    evidence::EvidenceData,
    status::{CameraStatus, EdgeState, EdgeStatus},
    topic::{Address, Channel, Topic},
};
use rand::Rng;
use rumqttc::{
    Outgoing, TlsConfiguration, Transport,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnectReturnCode, LastWill, LastWillProperties, PubAckReason, Publish, PublishProperties},
        },
    },
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Broker, now},
    outbox::{Class, Depth, Outbox, OutboxError, Waiting},
    publisher::Said,
    status::Board,
    vitals::{LinkState, Vitals},
};

/// Messages sent and not yet acknowledged, at most. Mosquitto takes 20 at a time from one client.
const IN_FLIGHT_MAX: usize = 16;
/// Bytes read from the outbox at once, so that pictures do not fill the memory.
const READ_BYTES_MAX: u64 = 2 << 20;
/// Requests to the client library that wait for the network: what is in flight, one word a camera, commands' subscription.
const REQUESTS_MAX: usize = 2048;
/// A message that waited longer than this is marked late.
const LATE_AFTER: Duration = Duration::from_secs(60);
/// How often the edge's own status is said though nothing changed.
const STATUS_EVERY: Duration = Duration::from_secs(30);
/// The broker speaks our will after this long without us.
const WILL_DELAY_S: u32 = 30;
/// The broker remembers our session, and so keeps commands for us, this long.
const SESSION_EXPIRY_S: u32 = 3600;
/// Largest message to us: commands and configuration are small.
const INCOMING_BYTES_MAX: u32 = 1 << 20;
/// Wait between attempts to connect, doubled each time, drawn from its upper half.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// A connection that stood this long ends the back-off.
const STEADY_AFTER: Duration = Duration::from_secs(20);
/// How long a stop waits for the outbox to empty.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What does not change while the program runs.
#[derive(Debug, Clone)]
pub struct Boot {
    /// Changes with every start.
    pub id: String,
    /// When it began.
    pub started: WallTime,
    /// Cameras configured.
    pub cameras: u32,
}

/// The link. See the module.
pub struct Link {
    /// Whose subtree of topics it is.
    pub address: Address,
    /// Where to.
    pub broker: Broker,
    /// What waits.
    pub outbox: Arc<Outbox>,
    /// What is retained.
    pub board: Arc<Board>,
    /// Where it is said how things go.
    pub vitals: Arc<Vitals>,
    /// What does not change.
    pub boot: Boot,
    /// Latest pictures, sent while there is a link and forgotten otherwise.
    pub pictures: mpsc::Receiver<(CameraId, CloudEvent<EvidenceData>)>,
    /// Where commands go; one that finds it full is refused.
    pub commands: std_mpsc::SyncSender<CloudEvent<Command>>,
    /// Where answers go when they are ours.
    pub said: mpsc::WeakSender<Said>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{0}")]
    Connection(String),
    #[error("the broker refuses to take {topic}: {reason:?}; give this gateway's user the right to publish there")]
    Refused { topic: String, reason: PubAckReason },
    #[error(
        "no centre has subscribed at the broker yet; messages wait in the outbox. Is the centre running, and is it the same broker?"
    )]
    NobodyListens,
    #[error("{}", crate::chain(.0))]
    Outbox(#[from] OutboxError),
}

impl Link {
    /// Keeps the link up until `stop`; then empties the outbox as far as a few seconds reach, says good-bye and ends.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut wait = BACKOFF_FIRST;
        let mut told = String::new();
        loop {
            let began = Instant::now();
            match self.connection(&stop).await {
                Ok(()) => return,
                Err(error) => {
                    let reason = error.to_string();
                    // The same reason is not told again with every attempt.
                    if reason != told || began.elapsed() > STEADY_AFTER {
                        tracing::warn!(broker = %self.broker.host, %error, "no link to the broker; what is said waits in the outbox");
                        told.clone_from(&reason);
                    }
                    self.vitals.link(LinkState::Down { reason });
                }
            }
            if stop.is_cancelled() {
                return;
            }
            if began.elapsed() > STEADY_AFTER {
                wait = BACKOFF_FIRST;
            }
            let drawn = wait.mul_f64(rand::rng().random_range(0.5..=1.0));
            wait = (wait * 2).min(BACKOFF_MAX);
            // Pictures that come meanwhile are old when the link is back.
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(drawn) => {}
                () = forget(&mut self.pictures) => {}
            }
        }
    }

    /// One connection, from connect to its end. `Ok` only after a good-bye.
    async fn connection(&mut self, stop: &CancellationToken) -> Result<(), LinkError> {
        let (client, eventloop) = AsyncClient::new(self.options(), REQUESTS_MAX);
        let (tell, told) = mpsc::channel(64);
        // Both run on this task, side by side: neither is ever cancelled half-way.
        let pump = pump(eventloop, tell);
        let serve = self.serve(client, told, stop);
        tokio::pin!(pump, serve);
        let mut pumping = true;
        loop {
            tokio::select! {
                () = &mut pump, if pumping => pumping = false,
                ended = &mut serve => return ended,
            }
        }
    }

    async fn serve(
        &mut self,
        client: AsyncClient,
        mut told: mpsc::Receiver<Result<Event, ConnectionError>>,
        stop: &CancellationToken,
    ) -> Result<(), LinkError> {
        let packet_bytes_max = loop {
            match told.recv().await {
                Some(Ok(Event::Incoming(Incoming::ConnAck(connack)))) => {
                    break connack.properties.and_then(|p| p.max_packet_size).map_or(usize::MAX, |max| max as usize);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(explain(&error)),
                None => return Err(LinkError::Connection("the connection ended before it began".into())),
            }
        };
        tracing::info!(broker = %self.broker.host, "linked to the broker");
        self.vitals.link(LinkState::Connected);
        let commands = Channel::Commands.of(&self.address).to_string();
        let _ = client.try_subscribe(commands, QoS::AtLeastOnce);
        self.board.nobody_heard();

        let mut connection =
            Connection { client, flight: Flight::default(), cursor: 0, acknowledged: Vec::new(), packet_bytes_max };
        let mut status_due = Instant::now();
        let mut said_depth = 0;
        let mut farewell = None;
        loop {
            self.fill(&mut connection).await?;
            for status in self.board.take_unheard() {
                self.camera_status(&mut connection, status);
            }
            let depth = self.outbox.depth().await;
            if Instant::now() >= status_due || told_apart(said_depth, depth.rows) {
                self.edge_status(&mut connection, EdgeState::Online, depth);
                status_due = Instant::now() + STATUS_EVERY;
                said_depth = depth.rows;
            }
            if let Some(until) = farewell
                && (Instant::now() >= until || (depth.rows == 0 && connection.flight.is_empty()))
            {
                return self.farewell(&mut connection, &mut told).await;
            }
            let tick = farewell.map_or(status_due, |until: Instant| until.min(status_due));
            tokio::select! {
                biased;
                event = told.recv() => {
                    let mut event = event;
                    loop {
                        match event {
                            Some(Ok(event)) => self.event(&mut connection, event)?,
                            Some(Err(error)) => {
                                self.settle(&mut connection).await?;
                                return Err(explain(&error));
                            }
                            None => return Err(LinkError::Connection("the connection ended".into())),
                        }
                        // All that came together is settled together: one write to disk for many acknowledgements.
                        match told.try_recv() {
                            Ok(next) => event = Some(next),
                            Err(_) => break,
                        }
                    }
                    self.settle(&mut connection).await?;
                }
                () = stop.cancelled(), if farewell.is_none() => farewell = Some(Instant::now() + FAREWELL_MAX),
                () = self.outbox.filled() => {}
                () = self.board.changed() => {}
                Some((camera, picture)) = self.pictures.recv() => self.picture(&connection, camera, &picture),
                () = tokio::time::sleep_until(tick) => {}
            }
        }
    }

    /// Hands rows to the client, as many as may be in flight.
    async fn fill(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        let room = IN_FLIGHT_MAX.saturating_sub(connection.flight.len());
        let in_hand = (connection.flight.rows() + connection.acknowledged.len()) as u64;
        if room == 0 || self.outbox.depth().await.rows <= in_hand {
            return Ok(());
        }
        let rows = self.outbox.after(connection.cursor, room as u32, READ_BYTES_MAX).await?;
        for row in rows {
            connection.cursor = row.sequence;
            let (sequence, topic) = (row.sequence, row.topic.clone());
            let body = late(row, now());
            if body.len() + topic.len() + 64 > connection.packet_bytes_max {
                tracing::error!(%topic, bytes = body.len(), limit = connection.packet_bytes_max, "the broker takes no message this large; it is put away: raise max_packet_size at the broker");
                self.vitals.undeliverable();
                connection.acknowledged.push(sequence);
            } else {
                connection.publish(topic, body, false, Some(sequence));
            }
        }
        self.settle(connection).await
    }

    /// What the broker has acknowledged goes from the outbox.
    async fn settle(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        if connection.acknowledged.is_empty() {
            return Ok(());
        }
        match self.outbox.acknowledged(&connection.acknowledged).await {
            Ok(()) => {
                self.vitals.acknowledged(connection.acknowledged.len() as u64);
                connection.acknowledged.clear();
            }
            // They stay in the list, and are settled with the next ones; should the link break before, they are sent again.
            Err(error) => {
                tracing::warn!(error = %crate::chain(&error), "acknowledged messages cannot be taken from the outbox yet")
            }
        }
        Ok(())
    }

    fn event(&mut self, connection: &mut Connection, event: Event) -> Result<(), LinkError> {
        match event {
            Event::Outgoing(Outgoing::Publish(pkid)) => connection.flight.sent(pkid),
            Event::Incoming(Incoming::PubAck(ack)) => {
                let Some(sent) = connection.flight.acknowledged(ack.pkid) else { return Ok(()) };
                match ack.reason {
                    PubAckReason::Success => connection.acknowledged.extend(sent.row),
                    // A success to MQTT, a loss to us: the broker has dropped what no session asked for.
                    PubAckReason::NoMatchingSubscribers if sent.row.is_some() => return Err(LinkError::NobodyListens),
                    PubAckReason::NoMatchingSubscribers => {}
                    // No other connection would make it better: it would block everything behind it for ever.
                    PubAckReason::PayloadFormatInvalid | PubAckReason::TopicNameInvalid => {
                        tracing::error!(topic = %sent.topic, reason = ?ack.reason, "the broker refuses a message for good; it is put away");
                        self.vitals.undeliverable();
                        connection.acknowledged.extend(sent.row);
                    }
                    reason if sent.row.is_some() => return Err(LinkError::Refused { topic: sent.topic, reason }),
                    reason => tracing::warn!(topic = %sent.topic, ?reason, "the broker refuses a status"),
                }
            }
            Event::Incoming(Incoming::Publish(message)) => self.command(&message),
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, message: &Publish) {
        let topic = String::from_utf8_lossy(&message.topic);
        let ours = topic.parse::<Topic>().is_ok_and(|topic| topic.address == self.address && topic.channel == Channel::Commands);
        if !ours {
            return;
        }
        match CloudEvent::<Command>::from_json(&message.payload) {
            Ok(command) => {
                tracing::info!(request = %command.id, "a command came");
                if let Err(refused) = self.commands.try_send(command)
                    && let Some(said) = self.said.upgrade()
                {
                    let (std_mpsc::TrySendError::Full(command) | std_mpsc::TrySendError::Disconnected(command)) = refused;
                    let busy = crate::commands::reply(
                        &self.address,
                        &command.id,
                        Err("the gateway is busy with other requests: ask again".into()),
                    );
                    let _ = said.try_send(Said::Reply(Box::new(busy)));
                }
            }
            Err(error) => tracing::warn!(%error, "a command cannot be read and is left out"),
        }
    }

    fn camera_status(&mut self, connection: &mut Connection, status: CameraStatus) {
        let topic = Channel::CameraStatus(status.camera.clone()).of(&self.address).to_string();
        let at = now();
        let source = self.address.camera_source(&status.camera);
        let camera = status.camera.to_string();
        let message = CloudEvent::new(uuid::Uuid::now_v7().to_string(), source, CameraStatus::TYPE.into(), at, at, status)
            .with_subject(camera);
        if let Ok(text) = message.to_json() {
            connection.publish(topic, text.into_bytes(), true, None);
        }
    }

    fn edge_status(&mut self, connection: &mut Connection, state: EdgeState, depth: Depth) {
        let text = edge_status(&self.address, &self.boot, state, (depth.rows, crate::vitals::age(depth, now())));
        connection.publish(Channel::Status.of(&self.address).to_string(), text, true, None);
    }

    fn picture(&self, connection: &Connection, camera: CameraId, picture: &CloudEvent<EvidenceData>) {
        let topic = Channel::CameraPicture(camera).of(&self.address).to_string();
        if let Ok(text) = picture.to_json() {
            // Lost is lost: the next one comes in seconds.
            let _ = connection.client.try_publish_with_properties(topic, QoS::AtMostOnce, true, text, properties());
        }
    }

    /// Offline, acknowledged, disconnected: the will is not spoken.
    async fn farewell(
        &mut self,
        connection: &mut Connection,
        told: &mut mpsc::Receiver<Result<Event, ConnectionError>>,
    ) -> Result<(), LinkError> {
        let depth = self.outbox.depth().await;
        self.edge_status(connection, EdgeState::Offline, depth);
        let until = Instant::now() + Duration::from_secs(2);
        while !connection.flight.is_empty() {
            match tokio::time::timeout_at(until, told.recv()).await {
                Ok(Some(Ok(event))) => self.event(connection, event)?,
                _ => break,
            }
        }
        self.settle(connection).await?;
        let _ = connection.client.try_disconnect();
        // The library sends what was asked, then its loop ends with an error or the broker's hang-up.
        while let Ok(Some(Ok(event))) = tokio::time::timeout_at(until, told.recv()).await {
            if matches!(event, Event::Outgoing(Outgoing::Disconnect)) {
                break;
            }
        }
        tracing::info!("said good-bye to the broker");
        Ok(())
    }

    fn options(&self) -> MqttOptions {
        let Broker { host, port, tls, login } = &self.broker;
        let mut options = MqttOptions::new(client_id(&self.address), host, *port);
        options.set_keep_alive(Duration::from_secs(15));
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(SESSION_EXPIRY_S));
        options.set_max_packet_size(Some(INCOMING_BYTES_MAX));
        options.set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX as u16 * 4);
        options.set_connection_timeout(10);
        let offline = edge_status(&self.address, &self.boot, EdgeState::Offline, (0, 0));
        let will = LastWillProperties {
            delay_interval: Some(WILL_DELAY_S),
            payload_format_indicator: Some(1),
            message_expiry_interval: None,
            content_type: Some(CONTENT_TYPE.into()),
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        options.set_last_will(LastWill::new(
            Channel::Status.of(&self.address).to_string(),
            offline,
            QoS::AtLeastOnce,
            true,
            Some(will),
        ));
        if let Some((user, password)) = login {
            options.set_credentials(user, password.expose());
        }
        if let Some(authorities) = tls {
            let simple = TlsConfiguration::Simple { ca: authorities.0.clone(), alpn: None, client_auth: None };
            options.set_transport(Transport::tls_with_config(simple));
        }
        options
    }
}

/// The client id of an edge; unique at a broker as the edge is in its site.
fn client_id(Address { site, edge }: &Address) -> String {
    format!("matpho-edge-{site}-{edge}")
}

/// Drives the client until it fails. The last thing it tells is the error.
async fn pump(mut eventloop: EventLoop, tell: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = eventloop.poll().await;
        let over = event.is_err();
        if tell.send(event).await.is_err() || over {
            return;
        }
    }
}

/// Whether the depth of the outbox has changed so that it is worth telling before its time: a few messages on their way are not.
fn told_apart(said: u64, now: u64) -> bool {
    const FEW: u64 = 20;
    (said > FEW && now <= FEW) || (now > FEW && now > said.saturating_mul(2))
}

async fn forget<T>(receiver: &mut mpsc::Receiver<T>) {
    while receiver.recv().await.is_some() {}
    std::future::pending::<()>().await;
}

fn properties() -> PublishProperties {
    PublishProperties {
        payload_format_indicator: Some(1),
        content_type: Some(CONTENT_TYPE.into()),
        ..PublishProperties::default()
    }
}

fn edge_status(address: &Address, boot: &Boot, state: EdgeState, (outbox_depth, outbox_age_s): (u64, u64)) -> Vec<u8> {
    let at = now();
    let edge: EdgeId = address.edge.clone();
    let data = EdgeStatus {
        edge,
        state,
        version: env!("CARGO_PKG_VERSION").into(),
        boot_id: boot.id.clone(),
        started: boot.started,
        cameras: boot.cameras,
        outbox_depth,
        outbox_age_s,
        load: load(),
    };
    let message = CloudEvent::new(uuid::Uuid::now_v7().to_string(), address.source(), EdgeStatus::TYPE.into(), at, at, data);
    message.to_json().unwrap_or_default().into_bytes()
}

/// Load average over a minute, over the number of cores.
fn load() -> Option<f32> {
    let average: f32 = std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()?;
    Some(average / std::thread::available_parallelism().map_or(1, usize::from) as f32)
}

/// The message as it is sent: an event that waited long says that it is history.
fn late(row: Waiting, now: WallTime) -> Vec<u8> {
    if row.class == Class::Event
        && now.since(row.queued) > LATE_AFTER
        && let Ok(mut message) = CloudEvent::<EventData>::from_json(&row.body)
    {
        message.data.late = true;
        if let Ok(text) = message.to_json() {
            return text.into_bytes();
        }
    }
    row.body
}

fn explain(error: &ConnectionError) -> LinkError {
    LinkError::Connection(match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized) => {
            "the broker refuses the login: check username and password_file of [broker]".into()
        }
        ConnectionError::Tls(error) => format!(
            "the encrypted connection failed ({error}): check ca_file of [broker], and that the certificate names this host"
        ),
        ConnectionError::Io(error) => format!("the broker cannot be reached ({error}): check url of [broker]"),
        ConnectionError::Timeout(_) => {
            "the broker does not answer: check url of [broker], and whether a firewall is between".into()
        }
        other => other.to_string(),
    })
}

/// What one connection has in hand.
struct Connection {
    client: AsyncClient,
    flight: Flight,
    /// The last row handed to the client.
    cursor: u64,
    acknowledged: Vec<u64>,
    packet_bytes_max: usize,
}

impl Connection {
    fn publish(&mut self, topic: String, body: Vec<u8>, retain: bool, row: Option<u64>) {
        // Cannot be full: see REQUESTS_MAX. Should it be, a row is sent with the next connection and a status with the next change.
        if self.client.try_publish_with_properties(topic.clone(), QoS::AtLeastOnce, retain, body, properties()).is_ok() {
            self.flight.handed(Sent { topic, row });
        }
    }
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    topic: String,
    /// Its row of the outbox, where it has one.
    row: Option<u64>,
}

/// Which packet carries which row. The library tells packet ids only when it sends, in the order in which messages were handed to it.
#[derive(Debug, Default)]
struct Flight {
    handed: VecDeque<Sent>,
    sent: HashMap<u16, Sent>,
}

impl Flight {
    fn handed(&mut self, message: Sent) {
        self.handed.push_back(message);
    }

    fn sent(&mut self, pkid: u16) {
        // 0 is QoS 0: a picture, which nobody waits for.
        if pkid != 0
            && let Some(message) = self.handed.pop_front()
        {
            self.sent.insert(pkid, message);
        }
    }

    fn acknowledged(&mut self, pkid: u16) -> Option<Sent> {
        self.sent.remove(&pkid)
    }

    fn len(&self) -> usize {
        self.handed.len() + self.sent.len()
    }

    /// Those of them that are rows of the outbox.
    fn rows(&self) -> usize {
        self.handed.iter().chain(self.sent.values()).filter(|sent| sent.row.is_some()).count()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(row: Option<u64>) -> Sent {
        Sent { topic: "t".into(), row }
    }

    #[test]
    fn acknowledgements_find_their_rows_in_whatever_order_they_come() {
        let mut flight = Flight::default();
        for row in [Some(7), None, Some(9)] {
            flight.handed(sent(row));
        }
        for pkid in [1, 0, 2, 3] {
            flight.sent(pkid);
        }
        assert_eq!(flight.acknowledged(3), Some(sent(Some(9))));
        assert_eq!(flight.acknowledged(1), Some(sent(Some(7))));
        assert_eq!(flight.acknowledged(1), None, "twice is once");
        assert_eq!(flight.len(), 1);
        assert_eq!(flight.acknowledged(2), Some(sent(None)));
        assert!(flight.is_empty());
    }

    #[test]
    fn an_event_that_waited_is_late_and_nothing_else_is_touched() {
        let text = include_str!("../../pipeline/wire/golden/event_began.json");
        let said = WallTime::from_unix_millis(1_800_000_000_000);
        let row = |class, body: &str| Waiting { sequence: 1, class, topic: "t".into(), queued: said, body: body.into() };
        let fresh = late(row(Class::Event, text), said + Duration::from_secs(59));
        assert_eq!(fresh, text.as_bytes());
        let old = late(row(Class::Event, text), said + Duration::from_secs(61));
        let (mut old, young): (CloudEvent<EventData>, CloudEvent<EventData>) =
            (CloudEvent::from_json(&old).unwrap(), CloudEvent::from_json(text.as_bytes()).unwrap());
        assert!(old.data.late);
        old.data.late = young.data.late;
        assert_eq!(old, young);
        let other = late(row(Class::Measurement, "{}"), said + Duration::from_secs(3600));
        assert_eq!(other, b"{}");
    }
}
