//! Receives over HTTP what the centre sends, and answers as it is told: for what goes out by itself.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use super::wait_for;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What a receiver answers: status, further headers, body; `None`: nothing, ever.
pub type Answering = Box<dyn Fn(&Got) -> Option<(u16, &'static str, String)> + Send + Sync>;

/// Receives over HTTP.
pub struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    stop: Arc<AtomicBool>,
}

impl Receiver {
    pub fn start(answering: impl Fn(&Got) -> Option<(u16, &'static str, String)> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), Box::new(answering))
    }

    pub fn at(address: SocketAddr, answering: Answering) -> Self {
        let listener = wait_for("the receiver's address", || TcpListener::bind(address).map_err(|error| error.to_string()));
        let (got, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let receiver = Self { address: listener.local_addr().unwrap(), got: got.clone(), stop: stop.clone() };
        let answering: Arc<Answering> = Arc::new(answering);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (got, answering) = (got.clone(), answering.clone());
                thread::spawn(move || drop(serve(stream.unwrap(), &got, &answering)));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: TcpStream, got: &Mutex<Vec<Got>>, answering: &Answering) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = Got { path, headers, body };
    got.lock().unwrap().push(request.clone());
    match answering(&request) {
        Some((status, headers, body)) => {
            let mut stream = stream;
            write!(stream, "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        }
        None => {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
    }
}
