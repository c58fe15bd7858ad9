//! Brokers that are nobody's own: a mosquitto, and one that waits for nothing.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use super::{Gateway, signal, wait_for};

/// A mosquitto to which gateways come in the clear, and without a password.
pub struct Broker {
    _folder: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Broker {
    /// One with further lines in its configuration.
    pub fn start(further: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let conf = folder.path().join("mosquitto.conf");
        let mut text = format!(
            "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 256\nset_tcp_nodelay true\nlistener {port} 127.0.0.1\n{further}"
        );
        if rustix::process::geteuid().is_root() {
            // As another user it could not read a key.
            text.push_str("user root\n");
        }
        fs::write(&conf, text).unwrap();
        let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let process = Command::new(program).arg("-c").arg(&conf).stderr(Stdio::null()).spawn().unwrap();
        let broker = Self { _folder: folder, process, port };
        wait_for("the broker", || Gateway::connect_to(broker.address(), "nobody", "at-all").map(drop));
        broker
    }

    pub fn address(&self) -> (String, u16) {
        ("127.0.0.1".into(), self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        signal(self.process.id(), "-KILL");
        let _ = self.process.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A broker that sends one message again and again, under new packet numbers, to the first who subscribes, and never waits for an
/// acknowledgement.
pub struct Hasty {
    address: SocketAddr,
    acknowledged: Arc<AtomicU16>,
}

impl Hasty {
    pub fn start(topic: &'static str, payload: Vec<u8>, count: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = Self { address: listener.local_addr().unwrap(), acknowledged: Arc::default() };
        let acknowledged = broker.acknowledged.clone();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while let Some((kind, body)) = packet(&mut stream) {
                match kind >> 4 {
                    // CONNECT: CONNACK, no session, success, no properties.
                    1 => stream.write_all(&[0x20, 3, 0, 0, 0]).unwrap(),
                    // SUBSCRIBE: SUBACK, each filter with QoS 1.
                    8 => {
                        let filters = count_filters(&body[3..]);
                        stream.write_all(&[0x90, 3 + filters, body[0], body[1], 0]).unwrap();
                        stream.write_all(&vec![1; usize::from(filters)]).unwrap();
                        let (mut stream, payload) = (stream.try_clone().unwrap(), payload.clone());
                        // Whether all of it is taken is for the test to find out.
                        std::thread::spawn(move || {
                            (1..=count).try_for_each(|number| stream.write_all(&publish(topic, number, &payload)))
                        });
                    }
                    4 => {
                        acknowledged.fetch_add(1, Ordering::AcqRel);
                    }
                    // PINGREQ.
                    12 => stream.write_all(&[0xd0, 0]).unwrap(),
                    _ => {}
                }
            }
        });
        broker
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn acknowledged(&self) -> u16 {
        self.acknowledged.load(Ordering::Acquire)
    }
}

/// A packet's first byte, and what follows its length; `None` at the end.
fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let byte = |stream: &mut TcpStream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok().map(|()| byte[0])
    };
    let kind = byte(stream)?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let next = byte(stream)?;
        length |= usize::from(next & 0x7f) << shift;
        shift += 7;
        if next & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((kind, body))
}

/// Topic filters of a SUBSCRIBE, after its packet number and its (no) properties.
fn count_filters(mut filters: &[u8]) -> u8 {
    let mut count = 0;
    while let [high, low, rest @ ..] = filters {
        // The name, and a byte of options.
        filters = &rest[usize::from(u16::from_be_bytes([*high, *low])) + 1..];
        count += 1;
    }
    count
}

fn publish(topic: &str, number: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(number.to_be_bytes());
    body.push(0);
    body.extend(payload);
    let mut packet = vec![0x32];
    let mut length = body.len();
    loop {
        let more = length > 0x7f;
        packet.push((length & 0x7f) as u8 | if more { 0x80 } else { 0 });
        length >>= 7;
        if !more {
            break;
        }
    }
    packet.extend(body);
    packet
}
