//! Faults over HTTP: `POST /cameras/{id}/fault` with `{"kind": "hang"}` (or `"none"` to go back to the script), `GET /state`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::city::Shared;
use crate::fault::Fault;

const BODY_BYTES_MAX: usize = 64 * 1024;

/// Answers requests until `stop`, one at a time.
pub(super) fn serve(listener: &TcpListener, cameras: &[Arc<Shared>], stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut stream) = stream else { continue };
        if let Some((status, body)) = answer(&stream, cameras) {
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())));
        }
    }
}

fn answer(stream: &TcpStream, cameras: &[Arc<Shared>]) -> Option<(&'static str, String)> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream.take(BODY_BYTES_MAX as u64));
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0usize;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(n) = header.strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length.min(BODY_BYTES_MAX)];
    reader.read_exact(&mut body).ok()?;
    Some(route(&method, &path, &body, cameras))
}

fn route(method: &str, path: &str, body: &[u8], cameras: &[Arc<Shared>]) -> (&'static str, String) {
    let problem = |what: &str| serde_json::json!({ "error": what }).to_string();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["state"]) => {
            ("200 OK", serde_json::json!({ "cameras": cameras.iter().map(|c| c.state()).collect::<Vec<_>>() }).to_string())
        }
        ("POST", ["cameras", id, "fault"]) => {
            let Some(camera) = cameras.iter().find(|c| c.id == *id) else {
                return ("404 Not Found", problem(&format!("no camera '{id}'")));
            };
            match serde_json::from_slice::<Fault>(body) {
                Ok(fault) => {
                    camera.order(fault);
                    ("200 OK", camera.state().to_string())
                }
                Err(e) => ("400 Bad Request", problem(&format!("not a fault: {e}"))),
            }
        }
        _ => ("404 Not Found", problem("GET /state, or POST /cameras/{id}/fault")),
    }
}
