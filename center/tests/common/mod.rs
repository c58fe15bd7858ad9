//! A real centre, its real broker, a gateway that speaks MQTT, and a client that asks over HTTP. Every port is free, every folder new.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part of this, and a test that cannot go on panics")]

pub mod broker;
pub mod receiver;
pub mod stores;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rumqttc::v5::{
    Client, Connection, Event, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{Packet, PubAckReason, PublishProperties},
    },
};
use serde_json::Value;

/// How long anything may take that does happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A token for scripts, set for every centre of the tests.
pub const TOKEN: &str = "a-token-that-only-tests-know";

/// The gateway of the golden messages.
pub const EDGE: &str = "tdm/gw-01";

/// The event of the golden messages.
pub const EVENT: &str = "01a1fd1e-8c00-7707-8707-070707070707";

/// Asks until the answer is there; panics with the last one.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > deadline => panic!("{what}: not within {PATIENCE:?}; last: {last}"),
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}

/// A message as the contract has it.
pub fn golden(name: &str) -> String {
    let path = format!("{}/../pipeline/wire/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `matpho-center` with arguments, to its end.
pub fn center(arguments: &[&str], stdin: &str) -> Output {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_matpho-center"))
        .args(arguments)
        .env_remove("MATPHO_DEMO_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Puts a disk of its own under a state folder, with what is in it, and runs a program.
const DISK: &str = r#"mib=$1 state=$2; shift 2
mkdir -p "$state.disk"
mount -t tmpfs -o size="${mib}m" tmpfs "$state.disk"
cp -a "$state/." "$state.disk/"
mount --bind "$state.disk" "$state"
exec "$@""#;

/// A state folder with a configuration; a centre runs on it or does not.
pub struct Center {
    folder: tempfile::TempDir,
    process: Option<Child>,
    environment: Vec<(&'static str, String)>,
    /// What it logs.
    pub log_filter: &'static str,
    /// Of so many MiB is the disk of its state folder, if it is a disk of its own.
    pub disk_mib: Option<u32>,
}

impl Center {
    /// A new one that does not run yet; `extra` is added to its configuration.
    pub fn new(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n{}\n{}[broker]\nlisten = \"127.0.0.1:0\"\n{}",
            extra.split_once("---").map_or("", |(state, _)| state),
            stores::section(),
            extra.split_once("---").map_or(extra, |(_, rest)| rest)
        );
        Self::with(folder, &text)
    }

    /// One with a whole configuration, in a folder; it does not run yet.
    pub fn with(folder: tempfile::TempDir, config: &str) -> Self {
        fs::write(folder.path().join("center.toml"), config).unwrap();
        Self { folder, process: None, environment: Vec::new(), log_filter: "info,mosquitto=debug", disk_mib: None }
    }

    /// One that runs, with its gateway's account.
    pub fn started(extra: &str) -> Self {
        let mut center = Self::new(extra);
        center.add_edge();
        center.start();
        center
    }

    /// Sets a variable for when it starts.
    pub fn set_variable(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.push((name, value.into()));
    }

    pub fn config(&self) -> String {
        self.folder.path().join("center.toml").display().to_string()
    }

    pub fn state(&self) -> PathBuf {
        let state = self.folder.path().join("state");
        match (&self.process, self.disk_mib) {
            // The disk is seen by the centre alone, and by who looks through its eyes.
            (Some(process), Some(_)) => {
                Path::new("/proc").join(process.id().to_string()).join("root").join(state.strip_prefix("/").unwrap())
            }
            _ => state,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command of it.
    pub fn command(&self, arguments: &[&str], stdin: &str) -> String {
        let config = self.config();
        let mut all = arguments.to_vec();
        all.extend(["--config", &config]);
        let output = center(&all, stdin);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn add_edge(&self) {
        self.command(&["edge", "add", EDGE, "--password-stdin"], "gateway-password-01\n");
    }

    /// Starts it and waits until it is well.
    pub fn start(&mut self) {
        self.start_without_waiting();
        wait_for("the centre to be well", || {
            if let Some(status) = self.process.as_mut().unwrap().try_wait().unwrap() {
                panic!("the centre ended: {status}\n{}", self.log());
            }
            match self.get_open("/healthz") {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}\n{}", self.log())),
            }
        });
    }

    pub fn start_without_waiting(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let _ = fs::remove_file(self.state().join("http.url"));
        let program = env!("CARGO_BIN_EXE_matpho-center");
        let mut command = match self.disk_mib {
            None => Command::new(program),
            Some(mib) => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", DISK, "sh", &mib.to_string()]);
                command.arg(self.folder.path().join("state")).arg(program);
                command
            }
        };
        self.process = Some(
            command
                .args(["run", "--config", &self.config()])
                .env("MATPHO_DEMO_TOKEN", TOKEN)
                .env("RUST_LOG", self.log_filter)
                .envs(self.environment.iter().cloned())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap(),
        );
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Stops it as an init system would. Returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        signal(process.id(), "-TERM");
        wait_for("the centre to stop", || process.try_wait().unwrap().ok_or_else(|| self.log())).code()
    }

    pub fn broker_pid(&self) -> u32 {
        wait_for("the broker's pid", || {
            let text = fs::read_to_string(self.state().join("broker/mosquitto.pid")).map_err(|error| error.to_string())?;
            text.trim().parse().map_err(|error| format!("{text:?}: {error}"))
        })
    }

    /// The broker's address as `HOST:PORT`.
    pub fn broker(&self) -> (String, u16) {
        let url = fs::read_to_string(self.state().join("broker.url")).unwrap();
        let (host, port) = url.trim().strip_prefix("mqtt://").unwrap().rsplit_once(':').unwrap();
        (host.to_owned(), port.parse().unwrap())
    }

    pub fn url(&self) -> Result<String, String> {
        fs::read_to_string(self.state().join("http.url")).map(|url| url.trim().to_owned()).map_err(|error| error.to_string())
    }

    /// GET without any login.
    pub fn get_open(&self, path: &str) -> Result<(u16, String), String> {
        request("GET", &format!("{}{path}", self.url()?), &[], None)
    }

    /// GET with the token; any status.
    pub fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, None)
    }

    /// POST with the token; any status.
    pub fn post(&self, path: &str, body: Option<&str>) -> (u16, Value) {
        self.send("POST", path, body)
    }

    fn send(&self, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, of a centre that may be away.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&str>) -> Result<(u16, Value), String> {
        let bearer = format!("Bearer {TOKEN}");
        let url = format!("{}{path}", self.url()?);
        let (status, text) = request(method, &url, &[("authorization", &bearer)], body.map(str::as_bytes))?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// How many events it has, page by page.
    pub fn event_count(&self) -> Result<usize, String> {
        let (mut count, mut before) = (0, String::new());
        loop {
            let (status, page) = self.try_send("GET", &format!("/api/v1/events?limit=100{before}"), None)?;
            let items = page["items"].as_array().filter(|_| status == 200).ok_or_else(|| page.to_string())?;
            count += items.len();
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return Ok(count),
            }
        }
    }

    /// Waits until it has so many events, not one more.
    pub fn wait_events(&self, expected: usize) {
        wait_for(&format!("{expected} events"), || match self.event_count() {
            Ok(count) if count == expected => Ok(()),
            other => Err(format!("{other:?}\n{}", self.log())),
        });
    }

    /// The incidents that fit, once there are so many.
    pub fn incidents(&self, query: &str, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} incidents of {query:?}"), || {
            let (status, page) = self.get(&format!("/api/v1/incidents?{query}"));
            let items = page["items"].as_array().cloned().unwrap_or_default();
            if status == 200 && items.len() == count { Ok(items) } else { Err(format!("{status} {page}\n{}", self.log())) }
        })
    }

    /// A figure of `/metrics`.
    pub fn metric(&self, line: &str) -> f64 {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        let text = text.as_str().unwrap().to_owned();
        let value = text.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(' ').map(str::to_owned));
        value.unwrap_or_else(|| panic!("{line} is not in:\n{text}")).parse().unwrap()
    }

    pub fn wait_metric(&self, line: &str, expected: f64) {
        wait_for(&format!("{line} to become {expected}"), || {
            let value = self.metric(line);
            if value == expected { Ok(()) } else { Err(format!("{value}\n{}", self.log())) }
        });
    }
}

impl Drop for Center {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal(process.id(), "-TERM");
            let deadline = Instant::now() + Duration::from_secs(15);
            while process.try_wait().unwrap().is_none() {
                if Instant::now() > deadline {
                    let _ = process.kill();
                }
                sleep(Duration::from_millis(20));
            }
        } else if let Ok(pid) = fs::read_to_string(self.state().join("broker/mosquitto.pid")) {
            // A centre that was killed leaves its broker behind.
            signal(pid.trim().parse().unwrap_or(0), "-KILL");
        }
        if std::thread::panicking() {
            eprintln!("--- the centre's log\n{}", self.log());
        }
    }
}

pub fn signal(pid: u32, signal: &str) {
    if pid > 0 {
        let _ = Command::new("kill").args([signal, &pid.to_string()]).status();
    }
}

/// A request; any status is an answer.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<(u16, String), String> {
    request_bytes(method, url, headers, body).map(|(status, _, bytes)| (status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// The same, with the answer's headers and bytes.
#[allow(clippy::type_complexity)]
pub fn request_bytes(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<(u16, Vec<(String, String)>, Vec<u8>), String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
    let mut builder = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if body.is_some() && !has_type {
        builder = builder.header("content-type", "application/json");
    }
    let response = match body {
        Some(body) => agent.run(builder.body(body).unwrap()),
        None => agent.run(builder.body(()).unwrap()),
    };
    let mut response = response.map_err(|error| error.to_string())?;
    let names =
        response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned())).collect();
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(1 << 26).read_to_vec().map_err(|error| error.to_string())?;
    Ok((status, names, bytes))
}

/// A gateway: publishes, and waits for the broker's acknowledgement.
pub struct Gateway {
    client: Client,
    connection: Connection,
}

impl Gateway {
    pub fn connect(center: &Center) -> Self {
        Self::connect_as(center, "tdm.gw-01", "gateway-password-01").unwrap()
    }

    pub fn connect_as(center: &Center, user: &str, password: &str) -> Result<Self, String> {
        Self::connect_to(center.broker(), user, password)
    }

    pub fn connect_named((host, port): (String, u16), name: &str) -> Result<Self, String> {
        Self::connect_full((host, port), name, "tdm.gw-01", "gateway-password-01")
    }

    /// At any broker.
    pub fn connect_to((host, port): (String, u16), user: &str, password: &str) -> Result<Self, String> {
        Self::connect_full((host, port), user, user, password)
    }

    fn connect_full((host, port): (String, u16), name: &str, user: &str, password: &str) -> Result<Self, String> {
        let mut options = MqttOptions::new(name, host, port);
        options.set_credentials(user, password);
        options.set_max_packet_size(Some(1 << 20));
        let (client, connection) = Client::new(options, 64);
        let mut gateway = Self { client, connection };
        let answered = gateway.wait(|packet| matches!(packet, Packet::ConnAck(_)).then_some(()));
        answered.map(|()| gateway)
    }

    fn wait<T>(&mut self, mut wanted: impl FnMut(&Packet) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.connection.recv_timeout(Duration::from_secs(1)) {
                Ok(Ok(Event::Incoming(packet))) => {
                    if let Some(answer) = wanted(&packet) {
                        return Ok(answer);
                    }
                }
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(error)) => return Err(error.to_string()),
            }
        }
        Err("the broker did not answer".into())
    }

    /// Publishes under the gateway's own topics, and returns when the broker has it.
    pub fn publish(&mut self, tail: &str, payload: &str) {
        self.publish_to(&format!("matpho/v1/{EDGE}/{tail}"), payload);
    }

    pub fn publish_to(&mut self, topic: &str, payload: &str) {
        let retain = topic.ends_with("/status");
        self.try_publish_to(topic, retain, payload).unwrap();
    }

    pub fn try_publish_to(&mut self, topic: &str, retain: bool, payload: &str) -> Result<(), String> {
        let properties = PublishProperties::default();
        let sent = self.client.publish_with_properties(topic, QoS::AtLeastOnce, retain, payload.to_owned(), properties);
        sent.map_err(|error| error.to_string())?;
        let reason = self.wait(|packet| match packet {
            Packet::PubAck(ack) => Some(ack.reason),
            _ => None,
        })?;
        // `NoMatchingSubscribers` would mean that the broker does not know the centre, and drops the message.
        if reason == PubAckReason::Success { Ok(()) } else { Err(format!("{reason:?}")) }
    }

    /// Publishes as a gateway with an outbox does: again, over a new connection, until the broker has it.
    pub fn publish_surely(&mut self, center: &Center, tail: &str, payload: &str) {
        let topic = format!("matpho/v1/{EDGE}/{tail}");
        while self.try_publish_to(&topic, false, payload).is_err() {
            *self = wait_for("the broker to be back", || Self::connect_as(center, "tdm.gw-01", "gateway-password-01"));
        }
    }

    /// Subscribes to its own subtree.
    pub fn subscribe(&mut self, tail: &str) {
        self.client.subscribe(format!("matpho/v1/{EDGE}/{tail}"), QoS::AtLeastOnce).unwrap();
        self.wait(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).unwrap();
    }

    /// The next message that comes: topic, payload, response topic.
    pub fn next_message(&mut self) -> (String, Value, Option<String>) {
        self.wait(|packet| match packet {
            Packet::Publish(publish) => Some((
                String::from_utf8_lossy(&publish.topic).into_owned(),
                serde_json::from_slice(&publish.payload).unwrap(),
                publish.properties.as_ref().and_then(|properties| properties.response_topic.clone()),
            )),
            _ => None,
        })
        .unwrap()
    }
}

/// Messages of the contract, moved to other times and ids.
pub struct Message(pub Value);

impl Message {
    pub fn golden(name: &str) -> Self {
        Self(serde_json::from_str(&golden(name)).unwrap())
    }

    /// An event of its own: `seed` makes its id.
    pub fn event(name: &str, seed: u32) -> Self {
        let mut message = Self::golden(name);
        let number = message.0["data"]["number"].as_u64().unwrap();
        let event = format!("01a1fd1e-8c00-7707-8707-{seed:012x}");
        message.0["data"]["event"] = event.clone().into();
        message.0["id"] = format!("{event}.{number}").into();
        message.now()
    }

    /// Happening now.
    pub fn now(mut self) -> Self {
        let now = time(0);
        for pointer in ["/time", "/recordedtime", "/data/seen/at", "/data/began"] {
            if let Some(value) = self.0.pointer_mut(pointer) {
                *value = now.clone().into();
            }
        }
        self
    }

    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        *self.0.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.into();
        self
    }

    pub fn at_camera(self, camera: &str) -> Self {
        let source = format!("/matpho/v1/{EDGE}/cameras/{camera}");
        self.set("/data/camera", camera).set("/source", source).set("/subject", camera)
    }

    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

/// An instant so many seconds from now, as the wire has it.
pub fn time(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    matpho_scene::WallTime::from_unix_millis(now + seconds * 1000).to_string()
}

/// A listener on the live stream.
pub struct Listener {
    reader: BufReader<Box<dyn std::io::Read + Send + Sync>>,
}

/// An event of the live stream.
#[derive(Debug, Clone, Default)]
pub struct News {
    pub id: Option<i64>,
    pub event: String,
    pub data: Value,
}

impl Listener {
    pub fn connect(center: &Center, last_event_id: Option<i64>) -> Self {
        Self::connect_as(center, TOKEN, last_event_id)
    }

    pub fn connect_as(center: &Center, token: &str, last_event_id: Option<i64>) -> Self {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_recv_body(Some(PATIENCE)).build().into();
        Self::connect_by(&agent, &center.url().unwrap(), token, last_event_id)
    }

    /// With a client of one's own, at any address.
    pub fn connect_by(agent: &ureq::Agent, url: &str, token: &str, last_event_id: Option<i64>) -> Self {
        let mut request = agent.get(format!("{url}/api/v1/stream")).header("authorization", format!("Bearer {token}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let response = request.call().unwrap();
        Self { reader: BufReader::new(Box::new(response.into_body().into_reader())) }
    }

    /// The next event.
    pub fn next(&mut self) -> News {
        let mut news = News::default();
        loop {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "the stream ended");
            let line = line.trim_end();
            if let Some(id) = line.strip_prefix("id: ") {
                news.id = Some(id.parse().unwrap());
            } else if let Some(event) = line.strip_prefix("event: ") {
                news.event = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                news.data = serde_json::from_str(data).unwrap();
            } else if line.is_empty() && !news.event.is_empty() {
                return news;
            }
        }
    }

    /// The next event of a kind that fits.
    pub fn until(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> News {
        loop {
            let news = self.next();
            if news.event == event && fits(&news.data) {
                return news;
            }
        }
    }
}
