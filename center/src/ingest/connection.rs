//! One connection to the broker, out of rumqttc's packets.
//!
//! rumqttc's own event loop chooses by lot between sending one acknowledgement and reading ten messages, and gives the connection up when an
//! answer to its ping is stuck behind messages. Both hurt where the broker sends more than `receive_maximum`: mosquitto (2.0.11;
//! eclipse-mosquitto#2301) lets a whole backlog go for the first few acknowledgements, so that after an outage acknowledgements fell
//! behind without bound and were lost with the connection every 40 s. Here **acknowledgements go out before anything more is read, and also
//! while nothing is read** ([`Connection::meanwhile`]), and whatever the broker sends is a sign of life.

use std::{io, pin::pin, sync::Arc, time::Duration};

use bytes::BytesMut;
use futures_util::StreamExt;
use matpho_wire::PACKET_BYTES_MAX;
use rumqttc::{
    tokio_rustls::TlsConnector,
    v5::mqttbytes::{
        self,
        v5::{
            Codec, ConnAck, Connect, ConnectProperties, ConnectReturnCode, Disconnect, DisconnectReasonCode, Filter, Login,
            Packet, PingReq, PubAck, Publish, Subscribe, Unsubscribe,
        },
    },
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::codec::FramedRead;

use super::link::IN_FLIGHT_MAX;
use crate::broker::Access;

/// What comes may be larger than what we say a message may be, by topic and properties.
const PACKET_MAX: u32 = PACKET_BYTES_MAX + 64 * 1024;

/// How often we say that we are there. A broker that is silent for twice as long is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a good-bye may take; whether it arrived is the broker's keep-alive to find out.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(200);

/// Packet number of what is asked once a connection.
const REQUEST: u16 = 1;

/// Why there is no connection (any more).
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The network.
    #[error(transparent)]
    Network(#[from] io::Error),
    /// Something that is no MQTT, or too large.
    #[error("what the broker sends cannot be read")]
    Packet(#[from] mqttbytes::Error),
    /// The file of the authority that signs the broker's certificate.
    #[error("the CA file (broker.ca_file) cannot be used")]
    Authority(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No such name can be in a certificate.
    #[error("`{0}` cannot be the name in a certificate (broker.url)")]
    Name(String),
    /// The broker does not let us in.
    #[error(
        "the broker refuses the connection: {0:?}; its log says why, broker.username and broker.password_file say who we are"
    )]
    Refused(ConnectReturnCode),
    /// Something else than an answer to our first packet.
    #[error("the broker answers with something else than CONNACK")]
    NoAnswer,
    /// The broker says good-bye.
    #[error("the broker ended the connection: {0:?}")]
    Ended(DisconnectReasonCode),
    /// It was closed without a word.
    #[error("the broker closed the connection")]
    Closed,
    /// Nothing comes.
    #[error("the broker has been silent for {0:?}")]
    Silent(Duration),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Acknowledges messages of one connection, for as long as it lasts: packet numbers mean something only there, and the broker repeats in the
/// next one what was not acknowledged. Unbounded, for it can never hold more than what was received and not yet acknowledged, two bytes each;
/// who writes to the store must never wait for the network here.
pub type Acks = UnboundedSender<u16>;

/// A connection with its session at the broker.
pub struct Connection {
    reader: FramedRead<ReadHalf<Box<dyn Stream>>, Codec>,
    writer: WriteHalf<Box<dyn Stream>>,
    /// Packets that are to go out.
    out: BytesMut,
    /// Whether any of them, or of those before, may not have gone out.
    unsent: bool,
    acks: (Acks, UnboundedReceiver<u16>),
    acknowledged: u64,
    acknowledged_at: Instant,
    ping: Interval,
    /// When the broker last said anything, or could not because we did not read.
    heard: Instant,
}

impl Connection {
    /// Connects, and takes our session up where it was: returns whether the broker had one.
    ///
    /// # Errors
    /// No network, no TLS, or a broker that does not let us in.
    pub async fn open(access: &Access) -> Result<(Self, bool), ConnectionError> {
        timeout(CONNECT_TIMEOUT, Self::open_in_time(access)).await.unwrap_or(Err(ConnectionError::Silent(CONNECT_TIMEOUT)))
    }

    async fn open_in_time(access: &Access) -> Result<(Self, bool), ConnectionError> {
        Self::over(connect(access).await?, access, KEEP_ALIVE).await
    }

    async fn over(stream: Box<dyn Stream>, access: &Access, keep_alive: Duration) -> Result<(Self, bool), ConnectionError> {
        let (reader, writer) = split(stream);
        let codec = Codec { max_incoming_size: Some(PACKET_MAX), max_outgoing_size: None };
        let mut connection = Self {
            reader: FramedRead::new(reader, codec),
            writer,
            out: BytesMut::new(),
            unsent: false,
            acks: mpsc::unbounded_channel(),
            acknowledged: 0,
            acknowledged_at: Instant::now(),
            ping: pings(keep_alive),
            heard: Instant::now(),
        };
        let properties = ConnectProperties {
            session_expiry_interval: Some(u32::try_from(access.session_expiry.as_secs()).unwrap_or(u32::MAX)),
            receive_maximum: Some(IN_FLIGHT_MAX),
            max_packet_size: Some(PACKET_MAX),
            ..ConnectProperties::new()
        };
        let hello = Connect {
            keep_alive: keep_alive.as_secs() as u16,
            client_id: access.client_id.clone(),
            clean_start: false,
            properties: Some(properties),
        };
        let login = access.login.as_ref().map(|(name, password)| Login::new(name, password));
        connection.put(Packet::Connect(hello, None, login))?;
        match connection.next().await? {
            Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success, properties }) => {
                // The broker has the last word on how often it wants to hear of us; 0: it does not care.
                if let Some(seconds @ 1..) = properties.and_then(|properties| properties.server_keep_alive) {
                    connection.ping = pings(Duration::from_secs(seconds.into()));
                }
                Ok((connection, session_present))
            }
            Packet::ConnAck(ConnAck { code, .. }) => Err(ConnectionError::Refused(code)),
            _ => Err(ConnectionError::NoAnswer),
        }
    }

    /// What acknowledges the messages of this connection.
    pub fn acks(&self) -> Acks {
        self.acks.0.clone()
    }

    /// Messages that were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How long ago the last of them was, or the connection began.
    pub fn since_acknowledged(&self) -> Duration {
        self.acknowledged_at.elapsed()
    }

    /// Subscribes; the broker answers with a SUBACK.
    pub fn subscribe(&mut self, filters: Vec<Filter>) -> Result<(), ConnectionError> {
        self.put(Packet::Subscribe(Subscribe { pkid: REQUEST, filters, properties: None }))
    }

    /// Ends subscriptions.
    pub fn unsubscribe(&mut self, filters: Vec<String>) -> Result<(), ConnectionError> {
        self.put(Packet::Unsubscribe(Unsubscribe { pkid: REQUEST, filters, properties: None }))
    }

    /// Publishes, under a packet number above that of requests.
    pub fn publish(&mut self, publish: Publish) -> Result<(), ConnectionError> {
        self.put(Packet::Publish(publish))
    }

    /// What the broker sends next; acknowledgements go out before. Nothing is lost where it is not waited for to the end.
    pub async fn next(&mut self) -> Result<Packet, ConnectionError> {
        loop {
            if let Some(packet) = self.step(true).await? {
                return Ok(packet);
            }
        }
    }

    /// Does something without reading on; acknowledgements go out meanwhile.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, ConnectionError> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    self.heard = Instant::now();
                    return Ok(done);
                }
                stepped = self.step(false) => {
                    stepped?;
                }
            }
        }
    }

    /// Says good-bye. The session stays.
    pub async fn close(mut self) {
        let goodbye = Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection));
        if self.put(goodbye).is_ok() {
            let _ = timeout(GOODBYE_TIMEOUT, send(&mut self.writer, &mut self.out)).await;
        }
    }

    fn put(&mut self, packet: Packet) -> Result<(), ConnectionError> {
        packet.write(&mut self.out, None)?;
        self.unsent = true;
        Ok(())
    }

    fn acknowledge(&mut self, number: u16) -> Result<(), ConnectionError> {
        self.put(Packet::PubAck(PubAck::new(number, None)))?;
        self.acknowledged += 1;
        self.acknowledged_at = Instant::now();
        Ok(())
    }

    /// One thing: something sent, something to be sent, or something read. Nothing is lost where it is dropped half-way.
    async fn step(&mut self, read: bool) -> Result<Option<Packet>, ConnectionError> {
        tokio::select! {
            biased;
            sent = send(&mut self.writer, &mut self.out), if self.unsent => {
                sent?;
                self.unsent = false;
            }
            Some(number) = self.acks.1.recv() => {
                self.acknowledge(number)?;
                while let Ok(number) = self.acks.1.try_recv() {
                    self.acknowledge(number)?;
                }
            }
            packet = self.reader.next(), if read => {
                self.heard = Instant::now();
                return match packet.ok_or(ConnectionError::Closed)?? {
                    Packet::PingResp(_) => Ok(None),
                    Packet::Disconnect(goodbye) => Err(ConnectionError::Ended(goodbye.reason_code)),
                    packet => Ok(Some(packet)),
                };
            }
            _ = self.ping.tick() => {
                if read && self.heard.elapsed() > 2 * self.ping.period() {
                    return Err(ConnectionError::Silent(self.heard.elapsed()));
                }
                self.put(Packet::PingReq(PingReq))?;
            }
        }
        Ok(None)
    }
}

fn pings(every: Duration) -> Interval {
    let mut pings = interval_at(Instant::now() + every, every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

/// Sends what is to go out; what has gone is out of `out`, however far it came.
async fn send(writer: &mut WriteHalf<Box<dyn Stream>>, out: &mut BytesMut) -> io::Result<()> {
    while !out.is_empty() {
        if writer.write_buf(out).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    writer.flush().await
}

async fn connect(access: &Access) -> Result<Box<dyn Stream>, ConnectionError> {
    let tcp = TcpStream::connect((access.host.as_str(), access.port)).await?;
    tcp.set_nodelay(true)?;
    let Some(ca) = &access.ca else { return Ok(Box::new(tcp)) };
    let mut authorities = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        let certificate = certificate.map_err(|error| ConnectionError::Authority(error.into()))?;
        authorities.add(certificate).map_err(|error| ConnectionError::Authority(error.into()))?;
    }
    if authorities.is_empty() {
        return Err(ConnectionError::Authority("it holds no certificate".into()));
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(authorities).with_no_client_auth();
    let name = ServerName::try_from(access.host.clone()).map_err(|_| ConnectionError::Name(access.host.clone()))?;
    Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_millis(100);

    /// A broker that has let us in, and what it sees of us.
    async fn admitted() -> (Connection, DuplexStream) {
        // CONNACK: a session, success, no properties.
        admitted_with(&[0x20, 3, 1, 0, 0]).await
    }

    async fn admitted_with(connack: &[u8]) -> (Connection, DuplexStream) {
        let access = Access {
            host: "broker".into(),
            port: 1883,
            login: None,
            ca: None,
            client_id: "centre".into(),
            shared_group: None,
            session_expiry: Duration::from_secs(60),
        };
        let (ours, mut broker) = duplex(64 * 1024);
        broker.write_all(connack).await.unwrap();
        let (connection, session_present) = Connection::over(Box::new(ours), &access, KEEP_ALIVE).await.unwrap();
        assert!(session_present);
        let mut hello = [0; 256];
        let length = broker.read(&mut hello).await.unwrap();
        assert_eq!((hello[0], usize::from(hello[1])), (0x10, length - 2), "a CONNECT and nothing else");
        (connection, broker)
    }

    #[tokio::test]
    async fn a_broker_that_says_nothing_is_given_up() {
        let (mut connection, mut broker) = admitted().await;
        let begun = Instant::now();
        let error = connection.next().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Silent(_)), "{error}");
        assert!(begun.elapsed() > 2 * KEEP_ALIVE);
        let mut ping = [0; 2];
        broker.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0xc0, 0], "it was asked before");
    }

    #[tokio::test]
    async fn acknowledgements_and_pings_go_out_while_nothing_is_read() {
        let (mut connection, mut broker) = admitted().await;
        // PUBLISH with QoS 1: topic `t`, packet number 7, no properties, no payload.
        broker.write_all(&[0x32, 6, 0, 1, b't', 0, 7, 0]).await.unwrap();
        let Packet::Publish(publish) = connection.next().await.unwrap() else { panic!("no PUBLISH") };
        // More than the pipe holds lies before us unread, and far longer than a broker may be silent.
        let acks = connection.acks();
        let work = async {
            tokio::time::sleep(5 * KEEP_ALIVE).await;
            acks.send(publish.pkid).unwrap();
            let (mut packet, mut pings) = ([0; 2], 0);
            loop {
                broker.read_exact(&mut packet).await.unwrap();
                match packet {
                    [0xc0, 0] => pings += 1,
                    [0x40, 2] => break,
                    other => panic!("{other:?}"),
                }
            }
            broker.read_exact(&mut packet).await.unwrap();
            assert_eq!(packet, [0, 7]);
            assert!(pings >= 2, "{pings} pings");
        };
        connection.meanwhile(work).await.unwrap();
        // Nobody was listening: that is no silence.
        broker.write_all(&[0x32, 6, 0, 1, b't', 0, 8, 0]).await.unwrap();
        assert!(matches!(connection.next().await.unwrap(), Packet::Publish(publish) if publish.pkid == 8));
    }

    #[tokio::test]
    async fn the_broker_says_how_often_it_is_asked() {
        // Server Keep Alive: 7 s.
        let (connection, _broker) = admitted_with(&[0x20, 6, 1, 0, 3, 0x13, 0, 7]).await;
        assert_eq!(connection.ping.period(), Duration::from_secs(7));
        let (connection, _broker) = admitted_with(&[0x20, 6, 1, 0, 3, 0x13, 0, 0]).await;
        assert_eq!(connection.ping.period(), KEEP_ALIVE);
    }

    #[tokio::test]
    async fn a_good_bye_is_told_and_what_is_no_mqtt_too() {
        let (mut connection, mut broker) = admitted().await;
        // DISCONNECT: session taken over.
        broker.write_all(&[0xe0, 2, 0x8e, 0]).await.unwrap();
        let error = connection.next().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Ended(DisconnectReasonCode::SessionTakenOver)), "{error}");

        let (mut connection, mut broker) = admitted().await;
        // A length that never ends.
        broker.write_all(&[0x30, 0xff, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
        let error = connection.next().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Packet(_)), "{error}");
    }
}
