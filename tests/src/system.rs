//! The system's programs, started as a user would start them: cameras, gateway, broker, centre.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    http::Http,
    process::{Process, output, program, repository},
    wait::wait_for,
};

/// The token that tests use against the centre.
pub const TOKEN: &str = "e2e-token-0123456789abcdef";
/// The console's user in tests.
pub const USER: &str = "an";
/// That user's password.
pub const PASSWORD: &str = "mật khẩu dài 7";
/// The gateway in tests.
pub const EDGE: (&str, &str) = ("e2e", "gw-01");

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Simulated cameras over RTSP.
pub struct Cameras {
    /// The program.
    pub process: Process,
    control: Http,
    /// What the program said of its cameras: id, url, name, lat, lon.
    pub cameras: Vec<Value>,
}

impl Cameras {
    /// Serves a scenario of `tests/sim/scenarios`.
    pub fn start(folder: &Path, scenario: &str) -> Result<Self> {
        Self::run(folder, &[repository().join("tests/sim/scenarios").join(scenario).display().to_string()])
    }

    /// Serves a file as `count` cameras.
    pub fn clip(folder: &Path, file: &Path, count: usize) -> Result<Self> {
        Self::run(folder, &["--clip".into(), file.display().to_string(), "--count".into(), count.to_string()])
    }

    fn run(folder: &Path, what: &[String]) -> Result<Self> {
        let mut command = Command::new(program("matpho-sim")?);
        command.arg("cameras").args(what).args(["--port", "0", "--control", "0"]);
        let mut process = Process::start("cameras", folder, &mut command)?;
        let ready: Value = wait_for("the cameras", Duration::from_secs(60), || {
            process.check_alive()?;
            let log = process.log();
            let line = log.lines().find(|line| line.starts_with('{') && line.contains("\"ready\"")).context("not ready")?;
            Ok(serde_json::from_str(line)?)
        })?;
        let control = ready["control"].as_str().context("no control port")?;
        let cameras = ready["cameras"].as_array().context("no cameras")?.clone();
        Ok(Self { process, control: Http::new(&format!("http://{control}"), None), cameras })
    }

    /// Makes a camera suffer, `"none"` heals it.
    pub fn fault(&self, camera: &str, kind: &str) -> Result<()> {
        let answer = self.control.post(&format!("/cameras/{camera}/fault"), &json!({ "kind": kind }))?;
        ensure!(answer.status == 200, "fault {kind} of {camera}: {}", String::from_utf8_lossy(&answer.body));
        Ok(())
    }
}

/// A mosquitto of the test's own, that it can kill and start again.
pub struct Broker {
    folder: PathBuf,
    process: Option<Process>,
    /// Where it listens.
    pub port: u16,
}

impl Broker {
    /// Makes accounts for the centre and the gateway, and starts it.
    pub fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("broker");
        std::fs::create_dir_all(&folder)?;
        let port = free_port()?;
        let shown = folder.display();
        let accounts = folder.join("accounts");
        for (n, account) in ["center", "edge"].iter().enumerate() {
            let mut command = Command::new("mosquitto_passwd");
            if n == 0 {
                command.arg("-c");
            }
            let made = output(command.arg("-b").arg(&accounts).args([account, "secret"]))?;
            ensure!(made.status.success(), "mosquitto_passwd: {}", String::from_utf8_lossy(&made.stderr));
        }
        // As root it would drop to the user `mosquitto`, who may not read a test's folder.
        let config = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {shown}/accounts\npersistence true\n\
             persistence_location {shown}/\nautosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\nmessage_size_limit 1048576\n"
        );
        std::fs::write(folder.join("mosquitto.conf"), config)?;
        let mut broker = Self { folder, process: None, port };
        broker.revive()?;
        Ok(broker)
    }

    /// Starts it (again).
    pub fn revive(&mut self) -> Result<()> {
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(self.folder.join("mosquitto.conf"));
        let mut process = Process::start("mosquitto", &self.folder, &mut command)?;
        let port = self.port;
        wait_for("mosquitto", Duration::from_secs(10), || {
            process.check_alive()?;
            std::net::TcpStream::connect(("127.0.0.1", port)).context("not listening")
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it without a good-bye.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }
}

/// The centre.
pub struct Center {
    folder: PathBuf,
    config: PathBuf,
    /// The program.
    pub process: Process,
    /// Its HTTP surface, with the test's token.
    pub http: Http,
}

impl Center {
    /// Makes the user, starts the centre on `broker`.
    pub fn start(folder: &Path, broker: &Broker) -> Result<Self> {
        let folder = folder.join("center");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("broker.password"), "secret\n")?;
        let port = free_port()?;
        let config = folder.join("center.toml");
        std::fs::write(
            &config,
            format!(
                "[http]\nlisten = \"127.0.0.1:{port}\"\n[state]\nfolder = \"state\"\n[broker]\nmode = \"external\"\n\
                 url = \"mqtt://127.0.0.1:{}\"\nusername = \"center\"\npassword_file = \"broker.password\"\n",
                broker.port
            ),
        )?;
        let mut add = Command::new(program("matpho-center")?);
        add.args(["user", "add", USER, "--role", "operator", "--password-stdin", "--config"]).arg(&config);
        with_input(&mut add, PASSWORD)?;
        let process = Self::spawn(&folder, &config)?;
        let mut center = Self { folder, config, process, http: Http::new(&format!("http://127.0.0.1:{port}"), Some(TOKEN)) };
        center.wait()?;
        Ok(center)
    }

    fn spawn(folder: &Path, config: &Path) -> Result<Process> {
        let mut command = Command::new(program("matpho-center")?);
        command.args(["run", "--config"]).arg(config).env("MATPHO_DEMO_TOKEN", TOKEN);
        Process::start("center", folder, &mut command)
    }

    fn wait(&mut self) -> Result<()> {
        wait_for("the centre", Duration::from_secs(30), || {
            self.process.check_alive()?;
            self.http.json("/healthz").map(drop)
        })
    }

    /// Kills it without a good-bye and starts it again.
    pub fn kill_and_revive(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = Self::spawn(&self.folder, &self.config)?;
        self.wait()
    }

    /// The open incidents.
    pub fn incidents(&self) -> Result<Vec<Value>> {
        let answer = self.http.json("/api/v1/incidents?state=open&limit=200")?;
        answer["items"].as_array().cloned().with_context(|| format!("no items in {answer}"))
    }

    /// Waits for an open incident of `kind` at `camera`.
    pub fn wait_for_incident(&self, kind: &str, camera: &str, deadline: Duration) -> Result<Value> {
        wait_for(&format!("an incident of {kind} at {camera}"), deadline, || {
            let open = self.incidents()?;
            open.iter()
                .find(|incident| incident["kind"] == kind && incident["cameras"].to_string().contains(camera))
                .cloned()
                .with_context(|| {
                    format!("open: {:?}", open.iter().map(|i| (i["kind"].clone(), i["cameras"].to_string())).collect::<Vec<_>>())
                })
        })
    }

    /// What `matpho-center export` prints, line by line.
    pub fn export(&self, what: &str) -> Result<Vec<Value>> {
        let mut command = Command::new(program("matpho-center")?);
        command.args(["export", what, "--config"]).arg(&self.config);
        let done = output(&mut command)?;
        ensure!(done.status.success(), "export {what}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// State of a camera as the centre knows it.
    pub fn camera_state(&self, camera: &str) -> Result<String> {
        let cameras = self.http.json("/api/v1/cameras")?;
        let listed = cameras.as_array().with_context(|| format!("no list: {cameras}"))?;
        let found = listed.iter().find(|c| c["camera"] == camera).with_context(|| format!("{camera} is not among {cameras}"))?;
        Ok(found["state"].as_str().unwrap_or("none").to_owned())
    }
}

fn with_input(command: &mut Command, input: &str) -> Result<()> {
    use std::{io::Write, process::Stdio};
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no stdin")?.write_all(format!("{input}\n").as_bytes())?;
    let done = child.wait_with_output()?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// The gateway.
pub struct Edge {
    folder: PathBuf,
    config: PathBuf,
    /// The program.
    pub process: Process,
    /// Its local HTTP port.
    pub http: Http,
}

impl Edge {
    /// Starts a gateway whose `[[camera]]` tables are given as text.
    pub fn start(folder: &Path, broker_port: u16, center: Option<&str>, cameras: &str) -> Result<Self> {
        let folder = folder.join("edge");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("broker.password"), "secret\n")?;
        let port = free_port()?;
        let root = repository().canonicalize()?;
        let (site, id) = EDGE;
        let center = center.map(|url| format!("[center]\nurl = \"{url}\"\n")).unwrap_or_default();
        let config = folder.join("edge.toml");
        std::fs::write(
            &config,
            format!(
                "[edge]\nsite = \"{site}\"\nid = \"{id}\"\n[broker]\nurl = \"mqtt://127.0.0.1:{broker_port}\"\nusername = \"edge\"\n\
                 password_file = \"broker.password\"\n{center}[state]\nfolder = \"state\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n\
                 [models]\nregistry = \"{0}/models/registry.toml\"\n[runtime]\n\
                 onnxruntime = \"{0}/var/onnxruntime/libonnxruntime.so.1.31.1\"\n{cameras}",
                root.display()
            ),
        )?;
        let process = Self::spawn(&folder, &config)?;
        let mut edge = Self { folder, config, process, http: Http::new(&format!("http://127.0.0.1:{port}"), None) };
        edge.wait()?;
        Ok(edge)
    }

    fn spawn(folder: &Path, config: &Path) -> Result<Process> {
        let mut command = Command::new(program("matpho-edge")?);
        command.args(["run", "--config"]).arg(config);
        Process::start("edge", folder, &mut command)
    }

    fn wait(&mut self) -> Result<()> {
        wait_for("the gateway", Duration::from_secs(60), || {
            self.process.check_alive()?;
            self.http.get("/healthz").map(drop)
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Kills it without a good-bye.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Starts it again.
    pub fn revive(&mut self) -> Result<()> {
        self.process = Self::spawn(&self.folder, &self.config)?;
        self.wait()
    }
}
