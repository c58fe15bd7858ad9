//! The cluster of `docs/cluster.md`, started for real from the very files of `configs/cluster`: nginx with TLS, mosquitto with TLS, passwords and
//! access list, PostgreSQL with a synchronous standby, two centres. Only names, paths and ports are put in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

#[path = "../../tests/support/authority.rs"]
#[allow(dead_code, reason = "mosquitto has a configuration of its own here")]
mod authority;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use authority::Authority;
use common::{Center, Listener, Message, TOKEN, broker::free_port, signal, stores::Cluster, wait_for};
use matpho_center::senders::client;

const DATABASE: &str = "matpho";
const GATEWAY: (&str, &str) = ("tdm.gw-01", "gateway-password-01");

/// A file of `configs/cluster` with other names in it; each of those must be there.
fn example(name: &str, names: &[(&str, String)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/cluster").join(name);
    let mut text = fs::read_to_string(&path).unwrap();
    for (from, to) in names {
        assert!(text.contains(from), "{name} has no {from} any more");
        text = text.replace(from, to);
    }
    text
}

/// The program, wherever Debian has it.
fn program(name: &str) -> PathBuf {
    let debian = Path::new("/usr/sbin").join(name);
    if debian.exists() { debian } else { name.into() }
}

struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}: `make setup-tests` installs it")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx has children, which a kill would leave behind.
        signal(self.0.id(), "-TERM");
        let _ = self.0.wait();
    }
}

/// All of it.
struct Province {
    folder: tempfile::TempDir,
    authority: Authority,
    broker_port: u16,
    broker: Option<Process>,
    proxy_port: u16,
    proxy: Option<Process>,
    centers: Vec<Center>,
    primary: Cluster,
    standby: Cluster,
}

impl Province {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let primary = Cluster::started();
        primary.try_sql("postgres", &format!("CREATE DATABASE {DATABASE}")).unwrap();
        let standby = primary.standby();
        // After the copy was made: the standby must not wait for another one when it is the primary.
        primary.try_sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
        primary.try_sql("postgres", "SELECT pg_reload_conf()").unwrap();
        wait_for("the standby to be synchronous", || {
            let state = primary.try_sql("postgres", "SELECT sync_state FROM pg_stat_replication")?;
            if state == "sync" { Ok(()) } else { Err(state) }
        });
        let mut province = Self {
            broker_port: free_port(),
            proxy_port: free_port(),
            folder,
            authority,
            broker: None,
            proxy: None,
            centers: Vec::new(),
            primary,
            standby,
        };
        // The address that follows the primary.
        symlink(province.primary.folder(), province.path("db")).unwrap();
        province.start_broker();
        let ports = [free_port(), free_port()];
        province.centers = ports.map(|port| province.center(port)).into();
        province.start_proxy(ports);
        province.centers.iter_mut().for_each(Center::start);
        province
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn start_broker(&mut self) {
        let accounts = self.path("passwd");
        fs::File::create(&accounts).unwrap();
        for (name, password) in [("matpho-center", "center-password-01"), GATEWAY, ("tdm.gw-02", "gateway-password-02")] {
            let status = Command::new("mosquitto_passwd").arg("-b").arg(&accounts).args([name, password]).status().unwrap();
            assert!(status.success());
        }
        fs::write(self.path("broker.password"), "center-password-01\n").unwrap();
        fs::create_dir_all(self.path("mosquitto")).unwrap();
        let acl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/cluster/acl");
        let names = [
            ("listener 8883", format!("listener {} 127.0.0.1", self.broker_port)),
            ("/etc/mosquitto/broker.crt", self.authority.certificate.display().to_string()),
            ("/etc/mosquitto/broker.key", self.authority.key.display().to_string()),
            ("\npassword_file /etc/mosquitto/passwd", format!("\npassword_file {}", accounts.display())),
            ("/etc/mosquitto/acl", acl.display().to_string()),
            ("/var/lib/mosquitto/", format!("{}/", self.text("mosquitto"))),
        ];
        let mut text = example("mosquitto.conf", &names);
        if rustix::process::geteuid().is_root() {
            // As another user it could not read the key.
            text.push_str("\nuser root\n");
        }
        fs::write(self.path("mosquitto.conf"), text).unwrap();
        let log = fs::File::create(self.path("mosquitto.log")).unwrap();
        let mut command = Command::new(program("mosquitto"));
        self.broker = Some(Process::start(command.arg("-c").arg(self.path("mosquitto.conf")).stderr(log)));
    }

    fn center(&self, port: u16) -> Center {
        let names = [
            ("0.0.0.0:8080", format!("127.0.0.1:{port}")),
            ("/var/lib/matpho", "state".into()),
            ("/srv/matpho/files", self.text("files")),
            (
                "postgres://matpho@db.example.vn:5432/matpho?sslmode=verify-full&sslrootcert=/etc/matpho/ca.crt",
                format!("postgres:///{DATABASE}?host={}&user=matpho", self.text("db")),
            ),
            ("password_file = \"/etc/matpho/store.password\"\n", String::new()),
            ("mqtts://broker.example.vn:8883", format!("mqtts://127.0.0.1:{}", self.broker_port)),
            ("/etc/matpho/broker.password", self.text("broker.password")),
            ("/etc/matpho/ca.crt", self.authority.ca.display().to_string()),
        ];
        Center::with(tempfile::tempdir().unwrap(), &example("center.toml", &names))
    }

    fn start_proxy(&mut self, centers: [u16; 2]) {
        let names = [
            ("center-1.example.vn:8080", format!("127.0.0.1:{}", centers[0])),
            ("center-2.example.vn:8080", format!("127.0.0.1:{}", centers[1])),
            ("listen 443 ssl", format!("listen 127.0.0.1:{} ssl", self.proxy_port)),
            ("/etc/nginx/matpho.crt", self.authority.certificate.display().to_string()),
            ("/etc/nginx/matpho.key", self.authority.key.display().to_string()),
        ];
        fs::write(self.path("matpho.conf"), example("nginx.conf", &names)).unwrap();
        let folder = self.folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("    {what}_temp_path {folder}/nginx-{what};\n"))
            .concat();
        let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
        let text = format!(
            "{user}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\nevents {{}}\nhttp {{\n    access_log off;\n{temporary}    include {folder}/matpho.conf;\n}}\n"
        );
        fs::write(self.path("nginx.conf"), text).unwrap();
        let log = fs::File::create(self.path("nginx.log")).unwrap();
        let mut command = Command::new(program("nginx"));
        self.proxy = Some(Process::start(command.arg("-c").arg(self.path("nginx.conf")).stderr(log)));
    }

    /// A client that trusts the authority.
    fn client(&self) -> ureq::Agent {
        let tls = client::tls(Some(&self.authority.ca)).unwrap();
        ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_recv_body(Some(std::time::Duration::from_secs(60)))
            .build()
            .into()
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.proxy_port)
    }

    /// What the proxy answers.
    fn get(&self, path: &str) -> Result<(u16, String), String> {
        let request = self.client().get(format!("{}{path}", self.url())).header("authorization", format!("Bearer {TOKEN}"));
        let mut answer = request.call().map_err(|error| error.to_string())?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string().map_err(|error| error.to_string())?))
    }

    /// Publishes as `docs/cluster.md` does. What mosquitto_pub said.
    fn publish(&self, (user, password): (&str, &str), topic: &str, payload: &str) -> Output {
        Command::new("mosquitto_pub")
            .args(["-V", "5", "-h", "127.0.0.1", "-p", &self.broker_port.to_string(), "--cafile"])
            .arg(&self.authority.ca)
            .args(["-u", user, "-P", password, "-q", "1", "-d", "-t", topic, "-m", payload])
            .output()
            .expect("mosquitto_pub (Debian: mosquitto-clients)")
    }

    /// Events of gateway gw-01, acknowledged by the broker.
    fn events(&self, seeds: std::ops::Range<u32>) {
        for seed in seeds {
            let event = Message::event("event_began", seed).at_camera(&format!("c{seed}")).text();
            let output = self.publish(GATEWAY, "matpho/v1/tdm/gw-01/events", &event);
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("RC:0"), "{said}{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    fn wait_events(&self, count: usize) {
        wait_for("the events, through the proxy", || {
            let (status, text) = self.get("/api/v1/events?limit=200")?;
            let events = serde_json::from_str::<serde_json::Value>(&text).map_err(|error| format!("{status} {error}: {text}"))?;
            let found = events["items"].as_array().map_or(0, Vec::len);
            if found == count { Ok(()) } else { Err(format!("{status}: {found} of {count}")) }
        });
    }
}

#[test]
fn the_cluster_of_the_documentation_works_as_its_files_say() {
    let mut province = Province::new();
    let (status, health) = wait_for("the proxy", || province.get("/healthz"));
    assert!(status == 200 && health.contains("\"broker\":\"connected\"") && health.contains("\"store\":\"ok\""), "{health}");

    // The live stream comes through at once.
    let mut listener = Listener::connect_by(&province.client(), &province.url(), TOKEN, None);
    province.events(0..20);
    let last = listener.until("incident", |incident| incident["cameras"][0]["camera"] == "c19").id.unwrap();
    province.wait_events(20);
    // A body as large as a clip is the centre's to refuse, not the proxy's.
    let upload = province.client().put(format!("{}/api/v1/clips/none", province.url())).header("authorization", "Bearer none");
    assert_ne!(upload.send(&vec![0_u8; 8 << 20][..]).unwrap().status().as_u16(), 413);
    // A cookie that a browser sends over TLS alone.
    province.centers[0].command(&["user", "add", "lan", "--password-stdin"], "mật khẩu của Lan\n");
    let login = province.client().post(format!("{}/api/v1/session", province.url()));
    let answer = login.content_type("application/json").send(r#"{"name":"lan","password":"mật khẩu của Lan"}"#).unwrap();
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Secure"), "{answer:?}");

    // A gateway speaks of itself alone, and nobody without a password.
    let event = Message::event("event_began", 99).text();
    let said = |output: Output| format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let foreign = said(province.publish(("tdm.gw-02", "gateway-password-02"), "matpho/v1/tdm/gw-01/events", &event));
    assert!(foreign.contains("RC:135"), "{foreign}");
    let stranger = province.publish(("tdm.gw-01", "wrong-password"), "matpho/v1/tdm/gw-01/events", &event);
    assert!(!stranger.status.success(), "{}", said(stranger));

    // One centre is killed: the proxy answers from the other one, and a console goes on behind the last change that it saw.
    province.centers[0].kill();
    province.events(20..40);
    for _ in 0..10 {
        assert_eq!(province.get("/api/v1/incidents").unwrap().0, 200);
    }
    let mut listener = Listener::connect_by(&province.client(), &province.url(), TOKEN, Some(last));
    assert!(listener.until("incident", |_| true).id.unwrap() > last);
    province.centers[0].start();
    province.wait_events(40);

    // The primary is gone in the middle of it. What the broker took meanwhile waits there.
    province.primary.stop();
    province.events(40..60);
    wait_for("the centres to say so", || match province.get("/healthz")? {
        (503, text) if text.contains("\"store\":\"failing\"") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // What was acknowledged is at the standby: it is synchronous.
    let count = province.standby.try_sql(DATABASE, "SELECT COUNT(*) FROM events").unwrap();
    assert_eq!(count, "40");
    province.standby.try_sql("postgres", "SELECT pg_promote()").unwrap();
    fs::remove_file(province.path("db")).unwrap();
    symlink(province.standby.folder(), province.path("db")).unwrap();
    province.wait_events(60);
    for center in &province.centers {
        center.wait_events(60);
        wait_for("each centre to be well", || match center.get_open("/healthz")? {
            (200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    // The broker stops and starts. It has its sessions on its disk, but mosquitto forgets that they share a subscription: until a centre is back it
    // says RC:16, and a gateway keeps what it has.
    province.broker = None;
    province.start_broker();
    wait_for("a centre to be back at the broker", || {
        let event = Message::event("event_began", 60).at_camera("c60").text();
        let said = said(province.publish(GATEWAY, "matpho/v1/tdm/gw-01/events", &event));
        if said.contains("RC:0") { Ok(()) } else { Err(said) }
    });
    province.wait_events(61);
}
