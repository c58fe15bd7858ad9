//! The front door: one TCP port for all cameras. It reads which camera the first request names and passes the connection on to that camera's own server, so that a
//! network's faults (silence, a dropped line) can be played on the connections of one camera alone.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

/// What the door does with a camera's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Pass {
    /// Bytes go through.
    Open = 0,
    /// Nothing goes through and nothing is closed.
    Silent = 1,
    /// Connections are closed, and new ones at once.
    Closed = 2,
}

/// One camera's door.
#[derive(Debug)]
pub(super) struct Door {
    pub camera: String,
    /// Port of the camera's own server.
    pub inside: AtomicU16,
    pass: AtomicU8,
    /// Raised once to drop the connections of this moment.
    epoch: AtomicU8,
}

impl Door {
    pub fn new(camera: String) -> Self {
        Self { camera, inside: AtomicU16::new(0), pass: AtomicU8::new(0), epoch: AtomicU8::new(0) }
    }
    pub fn set(&self, pass: Pass) {
        self.pass.store(pass as u8, Ordering::Relaxed);
    }
    /// Ends the connections there are; new ones are welcome.
    pub fn drop_connections(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }
    fn pass(&self) -> Pass {
        match self.pass.load(Ordering::Relaxed) {
            0 => Pass::Open,
            1 => Pass::Silent,
            _ => Pass::Closed,
        }
    }
}

/// How often a silent or idle connection looks whether something has changed.
const LOOK: Duration = Duration::from_millis(100);
/// A first request longer than this is none.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Accepts connections until `stop`.
pub(super) fn serve(listener: TcpListener, doors: Vec<Arc<Door>>, stop: Arc<AtomicBool>) {
    let doors = Arc::new(doors);
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (doors, stop) = (doors.clone(), stop.clone());
        let named = thread::Builder::new().name("sim-door".into());
        if let Err(e) = named.spawn(move || drop(connection(stream, &doors, &stop))) {
            tracing::warn!("cannot serve another connection: {e}");
        }
    }
}

fn connection(mut client: TcpStream, doors: &[Arc<Door>], stop: &Arc<AtomicBool>) -> io::Result<()> {
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    let head = request_head(&mut client)?;
    let text = String::from_utf8_lossy(&head);
    let Some(door) = camera_of(&text).and_then(|c| doors.iter().find(|d| d.camera == c)) else {
        let sequence = text
            .lines()
            .find_map(|l| l.to_ascii_lowercase().strip_prefix("cseq:").map(|v| v.trim().to_owned()))
            .unwrap_or_else(|| "0".into());
        return client.write_all(format!("RTSP/1.0 404 Not Found\r\nCSeq: {sequence}\r\n\r\n").as_bytes());
    };
    let epoch = door.epoch.load(Ordering::Relaxed);
    while door.pass() == Pass::Silent && !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
    if door.pass() == Pass::Closed || stop.load(Ordering::Relaxed) {
        return client.shutdown(Shutdown::Both);
    }
    let mut server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], door.inside.load(Ordering::Relaxed))))?;
    server.set_nodelay(true)?;
    server.write_all(&head)?;
    let back = {
        let (from, to, door, stop) = (server.try_clone()?, client.try_clone()?, door.clone(), stop.clone());
        thread::Builder::new().name("sim-door-out".into()).spawn(move || relay(from, to, &door, epoch, &stop))?
    };
    relay(client, server, door, epoch, stop);
    drop(back.join());
    Ok(())
}

/// Copies until one end closes or the door does; then both ends are closed.
fn relay(mut from: TcpStream, mut to: TcpStream, door: &Door, epoch: u8, stop: &AtomicBool) {
    let mut buffer = vec![0; 32 * 1024];
    if from.set_read_timeout(Some(LOOK)).is_ok() {
        loop {
            if stop.load(Ordering::Relaxed) || door.pass() == Pass::Closed || door.epoch.load(Ordering::Relaxed) != epoch {
                break;
            }
            if door.pass() == Pass::Silent {
                thread::sleep(LOOK);
                continue;
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    // What was read as the line went silent waits with it.
                    while door.pass() == Pass::Silent && !stop.load(Ordering::Relaxed) {
                        thread::sleep(LOOK);
                    }
                    if to.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => {}
                Err(_) => break,
            }
        }
    }
    // Either may be closed already.
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

fn request_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = client.read(&mut buffer)?;
        if n == 0 || head.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&buffer[..n]);
    }
    Ok(head)
}

/// The camera named in `METHOD rtsp://host:port/CAMERA/… RTSP/1.0`.
fn camera_of(head: &str) -> Option<&str> {
    let url = head.lines().next()?.split_whitespace().nth(1)?;
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.strip_prefix('/')?,
    };
    path.split(['/', '?']).next()
}

#[cfg(test)]
mod tests {
    use super::camera_of;

    #[test]
    fn the_camera_is_the_first_part_of_the_path() {
        for (line, camera) in [
            ("OPTIONS rtsp://127.0.0.1:8554/cho RTSP/1.0\r\n", Some("cho")),
            ("SETUP rtsp://u@h/cho/stream=0 RTSP/1.0\r\n", Some("cho")),
            ("DESCRIBE rtsp://h:1/cho?x=1 RTSP/1.0\r\n", Some("cho")),
            ("OPTIONS /cho RTSP/1.0\r\n", Some("cho")),
            ("OPTIONS * RTSP/1.0\r\n", None),
            ("", None),
        ] {
            assert_eq!(camera_of(line), camera, "{line}");
        }
    }
}
