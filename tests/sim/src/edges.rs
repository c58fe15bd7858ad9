//! A fleet's worth of MQTT load: many edges, each with its own connection, sending events that begin and end. Every message is sent until the broker has acknowledged it,
//! under the same id, and is accounted for at the end.
//!
//! The messages are the contract's golden ones with ids, places and times of their own, so the load is always one that a centre must take.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use matpho_scene::{CameraId, EdgeId, SiteId, WallTime};
use matpho_wire::topic::{Address, Channel};
use matpho_wire::{CloudEvent, EdgeStatus, EventData, EventId};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use serde::Serialize;
use tokio::sync::mpsc;

const BEGAN: &str = include_str!("../../../pipeline/wire/golden/event_began.json");
const ENDED: &str = include_str!("../../../pipeline/wire/golden/event_ended.json");
const STATUS: &str = include_str!("../../../pipeline/wire/golden/edge_status.json");

/// How long an edge waits before it connects again.
const RECONNECT_WAIT: Duration = Duration::from_millis(300);
/// Cameras that an edge claims to have.
const CAMERAS: usize = 4;

/// The load to make.
#[derive(Debug, Clone)]
pub struct FleetJob {
    /// Edges, each with a connection.
    pub count: usize,
    /// Messages a second, of all edges together.
    pub rate: f64,
    /// How long to send, seconds; what is not acknowledged then has as long again at most.
    pub seconds: f64,
    /// `mqtt://[user:password@]host[:port]`.
    pub broker: String,
    /// The site they belong to.
    pub site: String,
    /// A line of JSON a message: source, id, attempts, milliseconds to its acknowledgement.
    pub ledger: Option<PathBuf>,
}

/// What became of the load.
#[derive(Debug, Clone, Serialize)]
pub struct FleetReport {
    /// Edges that sent.
    pub edges: usize,
    /// Different messages.
    pub sent: usize,
    /// Of these, acknowledged by the broker.
    pub acknowledged: usize,
    /// Publications beyond the first of a message.
    pub resent: usize,
    /// Ids never acknowledged, the first hundred.
    pub unacknowledged: Vec<String>,
    /// Seconds from the first publication to the last acknowledgement.
    pub seconds: f64,
    /// Milliseconds from publication to acknowledgement: median, 95th in a hundred, longest.
    pub ack_ms_p50: f64,
    /// See above.
    pub ack_ms_p95: f64,
    /// See above.
    pub ack_ms_max: f64,
}

#[derive(Debug, Clone, Serialize)]
struct Entry {
    source: String,
    id: String,
    attempts: u32,
    ack_ms: Option<f64>,
}

struct Login {
    host: String,
    port: u16,
    user: Option<(String, String)>,
}

fn parse_broker(url: &str) -> Result<Login> {
    let rest =
        url.strip_prefix("mqtt://").with_context(|| "--broker: must look like mqtt://[user:password@]host[:port]".to_owned())?;
    let (user, place) = match rest.rsplit_once('@') {
        Some((login, place)) => {
            let (user, password) = login.split_once(':').context("--broker: a login is user:password")?;
            (Some((user.to_owned(), password.to_owned())), place)
        }
        None => (None, rest),
    };
    let place = place.trim_end_matches('/');
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().context("--broker: the port is no number from 1 to 65535")?),
        None => (place, 1883),
    };
    if host.is_empty() {
        bail!("--broker: names no host");
    }
    Ok(Login { host: host.to_owned(), port, user })
}

fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}

/// The `n`th message of an edge: events begin and end in turn.
fn message(address: &Address, n: u64, event: EventId) -> Result<CloudEvent<EventData>> {
    let mut m = CloudEvent::<EventData>::from_json(if n.is_multiple_of(2) { BEGAN } else { ENDED }.as_bytes())?;
    let camera: CameraId = format!("cam-{}", n / 2 % CAMERAS as u64 + 1).parse()?;
    let number = u32::from(n % 2 == 1);
    m.id = event.message_id(number);
    m.source = address.camera_source(&camera);
    m.subject = Some(camera.to_string());
    m.sequence = Some(format!("{n:020}"));
    m.time = now();
    m.recordedtime = m.time;
    m.data.event = event;
    m.data.number = number;
    m.data.began = m.time;
    m.data.seen.at = m.time;
    m.data.camera = camera;
    m.data.evidence_follows = false;
    Ok(m)
}

/// What an edge's connection tells its sender.
enum Word {
    Connected,
    Acknowledged(PubAckReason),
    Lost,
}

/// Makes the load and waits until all of it is acknowledged or time is up.
pub fn load_fleet(job: &FleetJob) -> Result<FleetReport> {
    if job.count == 0 || job.rate <= 0.0 || job.seconds <= 0.0 {
        bail!("--count, --rate and --seconds must be above 0");
    }
    parse_broker(&job.broker)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fleet(job))
}

async fn fleet(job: &FleetJob) -> Result<FleetReport> {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..job.count).map(|i| tokio::spawn(edge(job.clone(), i, begin))).collect();
    let mut entries = Vec::new();
    for task in tasks {
        entries.extend(task.await??);
    }
    if let Some(path) = &job.ledger {
        let mut file =
            std::io::BufWriter::new(std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
        for e in &entries {
            serde_json::to_writer(&mut file, e)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
    }
    let mut times: Vec<f64> = entries.iter().filter_map(|e| e.ack_ms).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    Ok(FleetReport {
        edges: job.count,
        sent: entries.len(),
        acknowledged: times.len(),
        resent: entries.iter().map(|e| e.attempts.saturating_sub(1) as usize).sum(),
        unacknowledged: entries.iter().filter(|e| e.ack_ms.is_none()).map(|e| e.id.clone()).take(100).collect(),
        seconds: begin.elapsed().as_secs_f64(),
        ack_ms_p50: at(0.5),
        ack_ms_p95: at(0.95),
        ack_ms_max: at(1.0),
    })
}

async fn edge(job: FleetJob, index: usize, begin: Instant) -> Result<Vec<Entry>> {
    let name: EdgeId = format!("sim-{:04}", index + 1).parse()?;
    let site: SiteId = job.site.parse()?;
    let address = Address { site, edge: name.clone() };
    let login = parse_broker(&job.broker)?;
    let mut options = MqttOptions::new(format!("matpho-sim-{}-{name}", std::process::id()), login.host, login.port);
    options.set_keep_alive(Duration::from_secs(20));
    options.set_clean_start(true);
    options.set_max_packet_size(Some(matpho_wire::PACKET_BYTES_MAX));
    if let Some((user, password)) = login.user {
        options.set_credentials(user, password);
    }
    let (client, mut network) = AsyncClient::new(options, 8);
    let (tell, mut told) = mpsc::channel(64);
    let poll = tokio::spawn(async move {
        loop {
            let word = match network.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => Word::Connected,
                Ok(Event::Incoming(Incoming::PubAck(a))) => Word::Acknowledged(a.reason),
                Ok(_) => continue,
                Err(e) => {
                    tracing::debug!("{e}");
                    tokio::time::sleep(RECONNECT_WAIT).await;
                    Word::Lost
                }
            };
            if tell.send(word).await.is_err() {
                return;
            }
        }
    });
    let end = begin + Duration::from_secs_f64(job.seconds * 2.0);
    let mut sender = Sender { client, told: &mut told, connected: false, end };

    let mut status = CloudEvent::<EdgeStatus>::from_json(STATUS.as_bytes())?;
    status.source = address.source();
    status.id = EventId::new(now(), unique(index, u64::MAX)).to_string();
    (status.time, status.recordedtime) = (now(), now());
    status.data.edge = name;
    status.data.cameras = CAMERAS as u32;
    let retained = Channel::Status.of(&address).to_string();
    sender.deliver(&retained, true, &status.to_json()?).await?;

    let topic = Channel::Events.of(&address).to_string();
    let period = Duration::from_secs_f64(job.count as f64 / job.rate);
    let first = begin + period.mul_f64(index as f64 / job.count as f64);
    let mut entries = Vec::new();
    let mut event = EventId::new(now(), unique(index, 0));
    for n in 0u64.. {
        let due = first + period * u32::try_from(n)?;
        if due.duration_since(begin).as_secs_f64() >= job.seconds || Instant::now() >= end {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        if n % 2 == 0 {
            event = EventId::new(now(), unique(index, n));
        }
        let m = message(&address, n, event)?;
        let (attempts, ack_ms) = sender.deliver(&topic, false, &m.to_json()?).await?;
        entries.push(Entry { source: m.source, id: m.id, attempts, ack_ms });
    }
    sender.client.disconnect().await.ok();
    poll.abort();
    Ok(entries)
}

/// Ten bytes that no other message of any run is likely to have.
fn unique(index: usize, n: u64) -> [u8; 10] {
    let mut out: [u8; 10] = rand::random();
    for (o, b) in out.iter_mut().zip((index as u32).to_le_bytes().into_iter().chain((n as u32).to_le_bytes())) {
        *o ^= b;
    }
    out
}

struct Sender<'a> {
    client: AsyncClient,
    told: &'a mut mpsc::Receiver<Word>,
    connected: bool,
    end: Instant,
}

impl Sender<'_> {
    /// Sends until acknowledged or out of time: attempts, and milliseconds from the first.
    async fn deliver(&mut self, topic: &str, retain: bool, body: &str) -> Result<(u32, Option<f64>)> {
        let begin = Instant::now();
        let (mut attempts, mut pending) = (0, false);
        loop {
            if self.connected && !pending {
                self.client.publish(topic, QoS::AtLeastOnce, retain, body.to_owned()).await?;
                attempts += 1;
                pending = true;
            }
            let word = match tokio::time::timeout_at(self.end.into(), self.told.recv()).await {
                Ok(Some(word)) => word,
                Ok(None) => bail!("the connection's task ended"),
                Err(_) => return Ok((attempts, None)),
            };
            match word {
                // A new session knows nothing of what was under way.
                Word::Connected => (self.connected, pending) = (true, false),
                Word::Lost => (self.connected, pending) = (false, false),
                Word::Acknowledged(PubAckReason::Success | PubAckReason::NoMatchingSubscribers) if pending => {
                    return Ok((attempts, Some(begin.elapsed().as_secs_f64() * 1000.0)));
                }
                Word::Acknowledged(reason) if pending => {
                    bail!("the broker refuses {topic}: {reason:?}; has this login the right to publish there?")
                }
                Word::Acknowledged(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_addresses() {
        let l = parse_broker("mqtt://u:p:q@h:1884/").expect("an address");
        assert_eq!((l.host.as_str(), l.port, l.user), ("h", 1884, Some(("u".into(), "p:q".into()))));
        assert_eq!(parse_broker("mqtt://h").map(|l| l.port).expect("an address"), 1883);
        for wrong in ["h:1883", "mqtt://", "mqtt://h:x", "mqtt://u@h"] {
            assert!(parse_broker(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn messages_keep_the_contract_and_end_what_they_began() {
        let address = Address { site: "tdm".parse().expect("a site"), edge: "sim-0001".parse().expect("an edge") };
        let event = EventId::new(now(), unique(0, 0));
        let (a, b) = (message(&address, 0, event).expect("a message"), message(&address, 1, event).expect("a message"));
        assert_ne!(a.id, b.id);
        assert_eq!((a.data.event, a.data.kind, &a.source), (b.data.event, b.data.kind, &b.source));
        for m in [a, b] {
            let json = m.to_json().expect("json");
            assert_eq!(CloudEvent::<EventData>::from_json(json.as_bytes()).expect("the contract").id, m.id);
        }
    }
}
