//! A mosquitto of the centre's own: configured, started, watched, stopped.
//!
//! If the centre dies without stopping it, it lives on and takes what gateways send; the next centre stops it (it saves its state
//! then) and starts it anew. It persists sessions and queues every ten seconds, when it stops, and when [`persist`] says so: right
//! after the centre subscribed, so that a broker that is killed and started again still knows whom to keep messages for.
//!
//! Not covered: messages that arrived in the last ten seconds while the centre was away, if the broker is killed then (not stopped).

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use matpho_wire::PACKET_BYTES_MAX;
use rustix::process::{Pid, Signal};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Access, BrokerError, SESSION_EXPIRY,
    accounts::{Accounts, CENTER, write_private},
    file,
};
use crate::config::ManagedBroker;

/// Time between two attempts to start it: the first and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// After so long at work a death is a new story, not a failed start.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// How long it has to come up before the centre goes on without it.
const UP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it has to save its state and stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A broker that is ready to be started.
pub struct Managed {
    program: PathBuf,
    conf: PathBuf,
    /// How the centre gets in.
    pub access: Access,
}

/// Where the managed broker keeps its files.
pub fn folder(state: &Path) -> PathBuf {
    state.join("broker")
}

/// The accounts of the managed broker.
pub fn accounts(config: &ManagedBroker, state: &Path) -> Result<Accounts, BrokerError> {
    let beside = config.mosquitto.with_file_name("mosquitto_passwd");
    let hasher = if config.mosquitto.components().count() > 1 && beside.is_file() {
        beside
    } else {
        find_program(Path::new("mosquitto_passwd"))?
    };
    Accounts::open(&folder(state), hasher)
}

/// A program by name in `PATH` or where system programs are, or by path.
pub fn find_program(name: &Path) -> Result<PathBuf, BrokerError> {
    if name.components().count() > 1 {
        return if name.is_file() { Ok(name.into()) } else { Err(BrokerError::NoProgram(name.display().to_string())) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| BrokerError::NoProgram(name.display().to_string()))
}

impl Managed {
    /// Writes the broker's files, stops one that a centre left behind, and makes sure that the address is free.
    pub async fn prepare(config: &ManagedBroker, state: &Path) -> Result<Self, BrokerError> {
        let program = find_program(&config.mosquitto)?;
        let folder = folder(state);
        let accounts = accounts(config, state)?;
        let secret = accounts.center_secret()?;
        let conf = folder.join("mosquitto.conf");
        stop_left_behind(&folder).await;
        let listen = choose_address(config.listen, state)?;
        if !listen.ip().is_loopback() {
            tracing::warn!(%listen, "the broker takes passwords in the clear beyond this machine; gateways elsewhere should use broker.tls_listen");
        }
        write_private(&conf, configuration(config, listen, &folder, &accounts).as_bytes())?;
        // Wildcard addresses are reached through the loopback one.
        let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
        let access = Access {
            host,
            port: listen.port(),
            login: Some((CENTER.into(), secret)),
            ca: None,
            client_id: CENTER.into(),
            shared_group: None,
            session_expiry: SESSION_EXPIRY,
        };
        let url = state.join("broker.url");
        fs::write(&url, format!("{}\n", access.url())).map_err(file("write", &url))?;
        Ok(Self { program, conf, access })
    }

    /// Keeps the broker running until told to stop.
    pub async fn supervise(self, stop: CancellationToken) {
        let mut backoff = BACKOFF.0;
        loop {
            let started = Instant::now();
            match self.start() {
                Ok(child) => {
                    if self.watch(child, &stop).await {
                        return;
                    }
                }
                Err(error) => tracing::error!(program = %self.program.display(), %error, "the broker could not be started"),
            }
            backoff = if started.elapsed() > SETTLED_AFTER { BACKOFF.0 } else { (backoff * 2).min(BACKOFF.1) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff) => {}
            }
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg("-c")
            .arg(&self.conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the centre, which then stops the broker last.
            .process_group(0)
            .spawn()
    }

    /// Forwards what the broker says. Returns whether it was stopped on purpose.
    async fn watch(&self, mut child: Child, stop: &CancellationToken) -> bool {
        tracing::info!(url = self.access.url(), pid = child.id(), "the broker runs");
        let mut lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        loop {
            let line = async {
                match &mut lines {
                    Some(lines) => lines.next_line().await.ok().flatten(),
                    None => None,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    stop_child(&mut child).await;
                    return true;
                }
                Some(line) = line => forward(&line),
                status = child.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    tracing::error!(status, "the broker died; it is started again");
                    return false;
                }
            }
        }
    }
}

fn forward(line: &str) {
    match line {
        line if line.starts_with("Error") => tracing::error!(target: "mosquitto", "{line}"),
        line if line.starts_with("Warning") => tracing::warn!(target: "mosquitto", "{line}"),
        line => tracing::debug!(target: "mosquitto", "{line}"),
    }
}

async fn stop_child(child: &mut Child) {
    if let Some(pid) = child.id() {
        signal(pid, Signal::TERM);
    }
    if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
        tracing::warn!("the broker did not stop in time and is killed");
        let _ = child.kill().await;
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The broker that runs with our configuration, if there is one: its own pid file names it, its command line proves it.
fn running(folder: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(folder.join("mosquitto.pid")).ok()?.trim().parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let conf = folder.join("mosquitto.conf");
    let ours = command.split(|byte| *byte == 0).any(|argument| argument == conf.as_os_str().as_encoded_bytes());
    ours.then_some(pid)
}

async fn stop_left_behind(folder: &Path) {
    let Some(pid) = running(folder) else { return };
    tracing::info!(pid, "stopping the broker that an earlier centre left behind");
    signal(pid, Signal::TERM);
    let deadline = Instant::now() + STOP_TIMEOUT;
    while running(folder) == Some(pid) {
        if Instant::now() > deadline {
            signal(pid, Signal::KILL);
            sleep(Duration::from_millis(200)).await;
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Lets a running broker read its accounts anew. Returns whether one runs.
pub fn reload(state: &Path) -> bool {
    match running(&folder(state)) {
        Some(pid) => {
            signal(pid, Signal::HUP);
            true
        }
        None => false,
    }
}

/// Lets a running broker write down its sessions, queues and retained messages now.
pub fn persist(state: &Path) {
    if let Some(pid) = running(&folder(state)) {
        signal(pid, Signal::USR1);
    }
}

/// Waits until the broker takes connections, but not for long: whoever connects tries again anyway.
pub async fn wait_until_up(access: &Access) {
    let deadline = Instant::now() + UP_TIMEOUT;
    while Instant::now() < deadline && TcpStream::connect((access.host.as_str(), access.port)).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Port 0 becomes the port of the last run if that is free, so that gateways find the broker again, or else any free one.
fn choose_address(listen: SocketAddr, state: &Path) -> Result<SocketAddr, BrokerError> {
    let bind = |address: SocketAddr| TcpListener::bind(address).and_then(|listener| listener.local_addr());
    if listen.port() == 0 {
        let url = fs::read_to_string(state.join("broker.url")).unwrap_or_default();
        let last = url.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        if let Some(address) = last.and_then(|port| bind(SocketAddr::new(listen.ip(), port)).ok()) {
            return Ok(address);
        }
    }
    bind(listen).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => BrokerError::AddressInUse(listen),
        _ => BrokerError::Listen { listen, source },
    })
}

fn configuration(config: &ManagedBroker, listen: SocketAddr, folder: &Path, accounts: &Accounts) -> String {
    let mut text = format!(
        "# Written by matpho-center; changes are lost.\n\
         pid_file {pid}\n\
         log_dest stderr\nlog_timestamp false\nlog_type error\nlog_type warning\nlog_type notice\n\
         allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n\
         persistence true\npersistence_location {folder}/\npersistence_file mosquitto.db\nautosave_interval 10\n\
         persistent_client_expiration 14d\n\
         max_packet_size {packet_max}\n\
         # Whatever a gateway hands over waits for the centre as long as it must.\n\
         max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 256\n\
         set_tcp_nodelay true\nsys_interval 0\n",
        pid = folder.join("mosquitto.pid").display(),
        passwords = accounts.password_path().display(),
        acl = accounts.acl_path().display(),
        folder = folder.display(),
        // Topic and properties come on top of the message.
        packet_max = PACKET_BYTES_MAX + 64 * 1024,
    );
    if rustix::process::geteuid().is_root() {
        // It would become user `mosquitto` and could not read these files any more.
        text.push_str("user root\n");
    }
    text.push_str(&format!("listener {} {}\n", listen.port(), listen.ip()));
    if let Some(tls) = &config.tls {
        text.push_str(&format!(
            "listener {} {}\ncertfile {}\nkeyfile {}\ntls_version tlsv1.2\n",
            tls.listen.port(),
            tls.listen.ip(),
            tls.certificate.display(),
            tls.key.display()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = find_program(Path::new("/no/such/mosquitto")).unwrap_err();
        assert!(error.to_string().contains("/no/such/mosquitto"), "{error}");
        assert!(find_program(Path::new("mosquitto-that-nobody-has")).is_err());
    }

    #[test]
    fn port_0_keeps_the_port_of_the_last_run() {
        let state = tempfile::tempdir().unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let first = choose_address(any, state.path()).unwrap();
        fs::write(state.path().join("broker.url"), format!("mqtt://{first}\n")).unwrap();
        assert_eq!(choose_address(any, state.path()).unwrap(), first);
        let _held = TcpListener::bind(first).unwrap();
        assert_ne!(choose_address(any, state.path()).unwrap(), first);
        assert!(matches!(choose_address(first, state.path()), Err(BrokerError::AddressInUse(_))));
    }
}
