//! The outbox and the link against a real mosquitto that stops, forgets and comes back: every event arrives, each once, in order.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    sync::{Arc, mpsc as std_mpsc},
    time::{Duration, Instant},
};

use matpho_edge::{
    config::{Authorities, Broker, now},
    mqtt::{Boot, Link},
    outbox::{Class, OpenEvent, Outbox, Parcel, Put},
    publisher::Said,
    status::Board,
    vitals::Vitals,
};
use matpho_scene::WallTime;
use matpho_wire::{CloudEvent, Command, EventData, topic::Address};
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A mosquitto of our own; killed with us.
pub struct Mosquitto {
    child: Child,
    pub port: u16,
}

impl Mosquitto {
    fn start(folder: &Path, port: u16) -> Self {
        Self::start_with(folder, port, "")
    }

    /// With more lines of configuration.
    pub fn start_with(folder: &Path, port: u16, extra: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let config = folder.join("mosquitto.conf");
        let persistence = format!("{}/", folder.display());
        fs::write(
            &config,
            format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {persistence}\nmax_queued_messages 0\nuser root\n{extra}"),
        )
        .unwrap();
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"]
            .into_iter()
            .find(|p| Path::new(p).exists())
            .expect("mosquitto is installed (make setup)");
        let child = Process::new(program).arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let broker = Self { child, port };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "mosquitto does not come up on port {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
        broker
    }

    fn signal(&self, name: &str) {
        assert!(Process::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// Writes its state to disk and ends.
    fn stop(mut self) {
        self.signal("TERM");
        self.child.wait().unwrap();
    }

    /// Dies, and forgets what was not on disk.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn address() -> Address {
    Address { site: "s".parse().unwrap(), edge: "e".parse().unwrap() }
}

/// An edge's link at work on an outbox.
pub struct Edge {
    pub outbox: Arc<Outbox>,
    stop: CancellationToken,
    pub task: JoinHandle<()>,
    commands: std_mpsc::Receiver<CloudEvent<Command>>,
    _said: mpsc::Receiver<Said>,
    _keep: mpsc::Sender<Said>,
}

async fn edge(path: &Path, port: u16) -> Edge {
    edge_at(path, server(port, None)).await
}

/// A broker on this machine.
pub fn server(port: u16, tls: Option<Authorities>) -> Broker {
    Broker { host: "127.0.0.1".into(), port, tls, login: None }
}

pub async fn edge_at(path: &Path, broker: Broker) -> Edge {
    let outbox = Arc::new(Outbox::open(path, u64::MAX).await.unwrap());
    let stop = CancellationToken::new();
    let (commands_tx, commands) = std_mpsc::sync_channel(8);
    let (said_tx, said) = mpsc::channel(8);
    let (_, pictures) = mpsc::channel(1);
    let link = Link {
        address: address(),
        broker,
        outbox: outbox.clone(),
        board: Arc::new(Board::default()),
        vitals: Arc::new(Vitals::new(now(), [])),
        boot: Boot { id: "boot".into(), started: now(), cameras: 0 },
        pictures,
        commands: commands_tx,
        said: said_tx.downgrade(),
    };
    let task = tokio::spawn(link.run(stop.clone()));
    Edge { outbox, stop, task, commands, _said: said, _keep: said_tx }
}

impl Edge {
    pub async fn put(&self, numbers: std::ops::Range<u32>) {
        let mut message: CloudEvent<EventData> =
            CloudEvent::from_json(include_bytes!("../../../pipeline/wire/golden/event_began.json")).unwrap();
        for n in numbers {
            message.id = format!("event.{n}");
            let parcel = Parcel { class: Class::Event, topic: "matpho/v1/s/e/events", queued: now(), open: OpenEvent::Unchanged };
            let put = self
                .outbox
                .put(parcel, |sequence| message.clone().with_sequence(sequence).to_json().unwrap().into_bytes())
                .await
                .unwrap();
            assert!(matches!(put, Put::Kept(_)));
        }
    }

    pub async fn drained(&self) {
        wait("the outbox is empty", async || self.outbox.depth().await.rows == 0).await;
    }
}

async fn wait(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done().await {
        assert!(Instant::now() < until, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// A centre's ears: a persistent session, and how often each event came.
pub struct Ears {
    client: AsyncClient,
    heard: mpsc::UnboundedReceiver<(String, CloudEvent<EventData>)>,
    ready: mpsc::UnboundedReceiver<()>,
    task: JoinHandle<()>,
    counts: BTreeMap<String, u32>,
    order: Vec<u64>,
    pub statuses: mpsc::UnboundedReceiver<serde_json::Value>,
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn ears(port: u16) -> Ears {
    let mut options = MqttOptions::new("centre", "127.0.0.1", port);
    options.set_clean_start(false).set_session_expiry_interval(Some(3600)).set_max_packet_size(Some(1 << 20));
    let (client, mut eventloop) = AsyncClient::new(options, 64);
    let (tell, heard) = mpsc::unbounded_channel();
    let (tell_ready, ready) = mpsc::unbounded_channel();
    let (tell_status, statuses) = mpsc::unbounded_channel();
    let subscriber = client.clone();
    let task = tokio::spawn(async move {
        loop {
            match eventloop.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    subscriber.subscribe("matpho/v1/#", QoS::AtLeastOnce).await.unwrap();
                }
                Ok(Event::Incoming(Incoming::SubAck(_))) => drop(tell_ready.send(())),
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                    if topic.ends_with("/events") {
                        let _ = tell.send((topic, CloudEvent::from_json(&publish.payload).unwrap()));
                    } else if topic.ends_with("/status") {
                        let _ = tell_status.send(serde_json::from_slice(&publish.payload).unwrap());
                    }
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    Ears { client, heard, ready, task, counts: BTreeMap::new(), order: Vec::new(), statuses }
}

impl Ears {
    pub async fn subscribed(&mut self) {
        tokio::time::timeout(Duration::from_secs(20), self.ready.recv()).await.expect("subscribed in time");
    }

    /// Listens until so many different events were heard.
    pub async fn hear(&mut self, events: usize) {
        while self.counts.len() < events {
            let (_, message) = tokio::time::timeout(Duration::from_secs(60), self.heard.recv())
                .await
                .unwrap_or_else(|_| panic!("only {} of {events} events came", self.counts.len()))
                .unwrap();
            let sequence = message.sequence.as_ref().unwrap().parse().unwrap();
            let count = self.counts.entry(message.id).or_default();
            *count += 1;
            if *count == 1 {
                self.order.push(sequence);
            }
        }
    }

    pub fn all_in_order(&self) {
        assert!(self.order.is_sorted(), "first arrivals are out of order: {:?}", self.order);
    }
}

/// A folder in which a broker remembers the ears' session, and nothing else: whoever connects first, nothing is lost to the test.
async fn remembered_session(folder: PathBuf, port: u16) -> PathBuf {
    let broker = Mosquitto::start(&folder, port);
    let mut ears = ears(port);
    ears.subscribed().await;
    ears.client.disconnect().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(ears);
    broker.stop();
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_hangs_dies_and_forgets_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let seed = remembered_session(dir.path().join("seed"), port).await;
    copy(&seed, &dir.path().join("first"));
    copy(&seed, &dir.path().join("second"));

    let broker = Mosquitto::start(&dir.path().join("first"), port);
    let mut centre = ears(port);
    centre.subscribed().await;
    let edge = edge(&dir.path().join("outbox.db"), broker.port).await;
    edge.put(0..50).await;
    centre.hear(50).await;
    edge.drained().await;

    // It hangs: what is sent now is never acknowledged.
    broker.signal("STOP");
    edge.put(50..100).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(edge.outbox.depth().await.rows, 50, "nothing goes without an acknowledgement");
    // It dies, and what comes back knows nothing of the edge's session.
    broker.kill();
    edge.put(100..120).await;
    let broker = Mosquitto::start(&dir.path().join("second"), port);
    centre.hear(120).await;
    edge.drained().await;
    centre.all_in_order();
    assert!(centre.counts.values().all(|n| *n == 1), "none of them had reached the broker before: {:?}", centre.counts);
    edge.stop.cancel();
    edge.task.await.unwrap();
    drop(broker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_is_killed_sends_again_under_the_same_ids() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let outbox = dir.path().join("outbox.db");
    // No broker at all at first.
    let killed = edge(&outbox, port).await;
    killed.put(0..40).await;
    killed.task.abort();
    let _ = killed.task.await;
    drop(killed.outbox);

    let broker = Mosquitto::start(&dir.path().join("broker"), port);
    let mut centre = ears(port);
    centre.subscribed().await;
    let edge = edge(&outbox, broker.port).await;
    edge.put(40..60).await;
    centre.hear(60).await;
    edge.drained().await;
    centre.all_in_order();
    let expected: Vec<String> = (0..60).map(|n| format!("event.{n}")).collect();
    assert!(expected.iter().all(|id| centre.counts.contains_key(id)), "{:?}", centre.counts);

    edge.stop.cancel();
    edge.task.await.unwrap();
    let mut last = None;
    while let Ok(Some(status)) = tokio::time::timeout(Duration::from_secs(2), centre.statuses.recv()).await {
        last = Some(status["data"]["state"].as_str().unwrap().to_owned());
        if last.as_deref() == Some("offline") {
            break;
        }
    }
    assert_eq!(last.as_deref(), Some("offline"), "a good-bye is said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_waited_long_are_late_and_commands_are_heard() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let broker = Mosquitto::start(&dir.path().join("broker"), port);
    let mut centre = ears(port);
    centre.subscribed().await;
    let edge = edge(&dir.path().join("outbox.db"), broker.port).await;
    let message: CloudEvent<EventData> =
        CloudEvent::from_json(include_bytes!("../../../pipeline/wire/golden/event_began.json")).unwrap();
    let hour_ago = WallTime::from_unix_millis(now().as_unix_millis() - 3_600_000);
    for (id, queued) in [("old", hour_ago), ("new", now())] {
        let message = CloudEvent { id: id.into(), ..message.clone() };
        let parcel = Parcel { class: Class::Event, topic: "matpho/v1/s/e/events", queued, open: OpenEvent::Unchanged };
        let _ = edge.outbox.put(parcel, |n| message.with_sequence(n).to_json().unwrap().into_bytes()).await.unwrap();
    }
    let (_, old) = centre.heard.recv().await.unwrap();
    let (_, new) = centre.heard.recv().await.unwrap();
    assert_eq!([(old.id.as_str(), old.data.late), (new.id.as_str(), new.data.late)], [("old", true), ("new", false)]);

    let command = include_str!("../../../pipeline/wire/golden/command_upload_clip.json");
    for (topic, payload) in [("matpho/v1/s/e/commands", "no command"), ("matpho/v1/s/e/commands", command)] {
        centre.client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    let heard = tokio::task::spawn_blocking(move || edge.commands.recv_timeout(Duration::from_secs(20))).await.unwrap().unwrap();
    assert_eq!(heard, CloudEvent::from_json(command.as_bytes()).unwrap(), "the one that can be read is carried out");
}
