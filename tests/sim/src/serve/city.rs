//! The city running: a thread a camera that makes or reads its pictures in time, one thread for the RTSP servers, the door and the control port. Dropping it ends all.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use parking_lot::Mutex;

use super::clip::Clip;
use super::control;
use super::door::{self, Door, Pass};
use super::server::{Server, Stream, Tap};
use crate::camera::{CameraSim, Models};
use crate::fault::Fault;
use crate::scenario::{Camera, Scenario};
use crate::truth::Truth;

/// A city that cannot run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CityError {
    #[error("cannot listen on {address}; is another program there?")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot start GStreamer")]
    GStreamer(#[source] glib::Error),
    #[error("cannot serve camera {camera}: {what}")]
    Serve { camera: String, what: String },
    #[error("clip {}: {what}", path.display())]
    Clip { path: PathBuf, what: String },
    #[error("cannot write the truth to {}", path.display())]
    Truth {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("no camera '{0}'")]
    NoCamera(String),
}

/// How to run a city.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: IpAddr,
    /// RTSP port; 0 takes a free one.
    pub port: u16,
    /// Control port; 0 takes a free one, none opens none.
    pub control: Option<u16>,
    /// Where to write `CAMERA.jsonl`.
    pub truth_dir: Option<PathBuf>,
    /// Draw pictures even while nobody watches, so that `truth` always has the present.
    pub always: bool,
    /// Scenario second to begin with.
    pub from_s: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0, control: None, truth_dir: None, always: false, from_s: 0.0 }
    }
}

/// Truths remembered for `City::truth`, a camera.
const TRUTHS_MAX: usize = 4000;
/// A camera that does not take an order in this time is not running.
const ORDER_WAIT_MAX: Duration = Duration::from_secs(5);
/// Truth is noted at most this often.
const TRUTH_HZ: u32 = 5;

/// What a camera's thread and its controls share.
pub(super) struct Shared {
    pub id: String,
    url: String,
    door: Arc<Door>,
    tap: Tap,
    /// A fault ordered by hand, which goes before the script's, and the number of the order.
    ordered: Mutex<(u64, Fault)>,
    /// The last order that the camera has taken.
    taken: AtomicU64,
    present: Mutex<Fault>,
    truths: Mutex<VecDeque<Truth>>,
}

impl Shared {
    /// Orders a fault and waits until the camera has taken the order, which is at its next picture.
    pub fn order(&self, fault: Fault) {
        let number = {
            let mut ordered = self.ordered.lock();
            *ordered = (ordered.0 + 1, fault);
            ordered.0
        };
        let end = Instant::now() + ORDER_WAIT_MAX;
        while self.taken.load(Ordering::Acquire) < number && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
    pub fn state(&self) -> serde_json::Value {
        let truth = self.truths.lock().back().cloned();
        serde_json::json!({
            "id": self.id,
            "url": self.url,
            "fault": *self.present.lock(),
            "watched": self.tap.open().is_some(),
            "truth": truth,
        })
    }
    /// The fault in force, given the script's; plays its network part.
    fn decide(&self, scripted: Fault, server: &Server) -> Fault {
        let (number, ordered) = *self.ordered.lock();
        let fault = if ordered == Fault::None { scripted } else { ordered };
        let mut present = self.present.lock();
        if *present != fault {
            tracing::info!(camera = self.id, fault = fault.kind(), "fault");
            if (*present == Fault::WrongPassword) != (fault == Fault::WrongPassword) {
                server.lock_out(fault == Fault::WrongPassword);
                self.door.drop_connections();
            }
            self.door.set(match fault {
                Fault::Hang => Pass::Silent,
                Fault::Kill => Pass::Closed,
                _ => Pass::Open,
            });
            self.tap.skew(if let Fault::ClockSkew { seconds } = fault { seconds } else { 0.0 });
            *present = fault;
        }
        self.taken.store(number, Ordering::Release);
        fault
    }
}

/// A camera as its clients see it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shot {
    /// Camera id.
    pub id: String,
    /// Where to watch it; no login in it.
    pub url: String,
    /// Its name for people.
    pub name: String,
    /// Degrees north and east.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// A running city.
pub struct City {
    cameras: Vec<Arc<Shared>>,
    shots: Vec<Shot>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    main: glib::MainLoop,
    rtsp: SocketAddr,
    control: Option<SocketAddr>,
}

enum Source {
    Rendered(Box<CameraSim>),
    Clip(Arc<Clip>),
}

struct Plan {
    spec: Camera,
    source: Source,
}

impl City {
    /// Builds every street of the scenario and serves its cameras.
    pub fn start(scenario: &Scenario, options: &Options) -> Result<Self, CityError> {
        let models = Models::build();
        let plans = scenario
            .cameras
            .iter()
            .map(|c| {
                let mut sim = CameraSim::new(scenario, c, &models);
                sim.skip_to(options.from_s);
                Plan { spec: c.clone(), source: Source::Rendered(Box::new(sim)) }
            })
            .collect();
        Self::run(plans, options)
    }
    /// Serves a file as `count` cameras, `clip-1` and so on (`clip` when there is one).
    pub fn serve_clip(path: &std::path::Path, count: usize, options: &Options) -> Result<Self, CityError> {
        gst::init().map_err(CityError::GStreamer)?;
        let clip = Arc::new(Clip::load(path)?);
        let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let plans = (1..=count.max(1))
            .map(|i| {
                let id = if count <= 1 { "clip".to_owned() } else { format!("clip-{i}") };
                Plan { spec: Camera::plain(&id, &name), source: Source::Clip(clip.clone()) }
            })
            .collect();
        Self::run(plans, options)
    }

    fn run(plans: Vec<Plan>, options: &Options) -> Result<Self, CityError> {
        gst::init().map_err(CityError::GStreamer)?;
        let listen = |port: u16| {
            let address = SocketAddr::new(options.listen, port);
            let listener = TcpListener::bind(address).map_err(|source| CityError::Listen { address, source })?;
            let bound = listener.local_addr().map_err(|source| CityError::Listen { address, source })?;
            Ok::<_, CityError>((listener, bound))
        };
        let (listener, rtsp) = listen(options.port)?;
        let control = options.control.map(listen).transpose()?;
        if let Some(dir) = &options.truth_dir {
            std::fs::create_dir_all(dir).map_err(|source| CityError::Truth { path: dir.clone(), source })?;
        }
        let context = glib::MainContext::new();
        let main = glib::MainLoop::new(Some(&context), false);
        let stop = Arc::new(AtomicBool::new(false));
        let mut city = Self {
            cameras: Vec::new(),
            shots: Vec::new(),
            stop: stop.clone(),
            threads: Vec::new(),
            main: main.clone(),
            rtsp,
            control: control.as_ref().map(|c| c.1),
        };
        let begin = Instant::now();
        for (index, plan) in plans.into_iter().enumerate() {
            let spec = plan.spec;
            let tap = Tap::default();
            let stream = match &plan.source {
                Source::Rendered(_) => Stream::Raw(&spec),
                Source::Clip(c) => Stream::Coded(&c.caps),
            };
            let (server, inside) = Server::start(&spec.id, &stream, spec.login.as_ref(), &tap, &context)?;
            let door = Arc::new(Door::new(spec.id.clone()));
            door.inside.store(inside, Ordering::Relaxed);
            let url = format!("rtsp://{rtsp}/{}", spec.id);
            let shared = Arc::new(Shared {
                id: spec.id.clone(),
                url: url.clone(),
                door,
                tap,
                ordered: Mutex::new((0, Fault::None)),
                taken: AtomicU64::new(0),
                present: Mutex::new(Fault::None),
                truths: Mutex::new(VecDeque::new()),
            });
            city.shots.push(Shot { id: spec.id.clone(), url, name: spec.name.clone(), lat: spec.lat, lon: spec.lon });
            city.cameras.push(shared.clone());
            let notes = match &options.truth_dir {
                Some(dir) => {
                    let path = dir.join(format!("{}.jsonl", spec.id));
                    Some(BufWriter::new(File::create(&path).map_err(|source| CityError::Truth { path, source })?))
                }
                None => None,
            };
            let pace = Pace { begin, from_s: options.from_s, stop: stop.clone() };
            let always = options.always || notes.is_some();
            city.spawn(&format!("sim-{}", spec.id), move || match plan.source {
                Source::Rendered(sim) => rendered(*sim, &shared, &server, &pace, notes, always),
                Source::Clip(clip) => looped(&clip, index, &shared, &server, &pace),
            })?;
        }
        city.spawn("sim-rtsp", move || {
            // The loop's own thread owns its context, as GLib wants it.
            if context.with_thread_default(|| main.run()).is_err() {
                tracing::error!("the RTSP servers' main context is taken");
            }
        })?;
        let doors = city.cameras.iter().map(|c| c.door.clone()).collect();
        let halt = stop.clone();
        city.spawn("sim-front", move || door::serve(listener, doors, halt))?;
        if let Some((listener, _)) = control {
            let cameras = city.cameras.clone();
            city.spawn("sim-control", move || control::serve(&listener, &cameras, &stop))?;
        }
        Ok(city)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), CityError> {
        let handle = thread::Builder::new()
            .name(name.into())
            .spawn(work)
            .map_err(|e| CityError::Serve { camera: name.into(), what: e.to_string() })?;
        self.threads.push(handle);
        Ok(())
    }
    fn shared(&self, camera: &str) -> Result<&Arc<Shared>, CityError> {
        self.cameras.iter().find(|c| c.id == camera).ok_or_else(|| CityError::NoCamera(camera.into()))
    }
    /// Where to watch each camera.
    pub fn shots(&self) -> &[Shot] {
        &self.shots
    }
    /// Where to watch `camera`.
    pub fn url(&self, camera: &str) -> Result<String, CityError> {
        Ok(self.shared(camera)?.url.clone())
    }
    /// Gives `camera` a fault, which is in force when this returns, or with `Fault::None` goes back to what the scenario says.
    pub fn fault(&self, camera: &str, fault: Fault) -> Result<(), CityError> {
        self.shared(camera)?.order(fault);
        Ok(())
    }
    /// What was true in the latest pictures of `camera`, oldest first, up to some minutes.
    pub fn truth(&self, camera: &str) -> Result<Vec<Truth>, CityError> {
        Ok(self.shared(camera)?.truths.lock().iter().cloned().collect())
    }
    /// Address of the RTSP door.
    pub fn rtsp(&self) -> SocketAddr {
        self.rtsp
    }
    /// Address of the control port.
    pub fn control(&self) -> Option<SocketAddr> {
        self.control
    }
}

impl Drop for City {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.main.quit();
        // A listener wakes up only for a caller.
        for address in [Some(self.rtsp), self.control].into_iter().flatten() {
            let address =
                if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address };
            drop(TcpStream::connect_timeout(&address, Duration::from_millis(200)));
        }
        for t in self.threads.drain(..) {
            drop(t.join());
        }
    }
}

/// Scenario time against wall time.
struct Pace {
    begin: Instant,
    from_s: f64,
    stop: Arc<AtomicBool>,
}

impl Pace {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
    fn sleep_until(&self, at: Duration) {
        while !self.stopped() {
            let left = at.saturating_sub(self.begin.elapsed());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(Duration::from_millis(200)));
        }
    }
}

fn rendered(mut sim: CameraSim, shared: &Shared, server: &Server, pace: &Pace, mut notes: Option<BufWriter<File>>, always: bool) {
    let fps = sim.spec().fps;
    let every = u64::from(fps.div_ceil(TRUTH_HZ));
    let mut n = 0u64;
    while !pace.stopped() {
        let at = Duration::from_secs_f64(n as f64 / f64::from(fps));
        pace.sleep_until(at);
        let t = pace.from_s + at.as_secs_f64();
        let fault = shared.decide(sim.scripted_fault(t), server);
        let watcher = shared.tap.open().filter(|_| !matches!(fault, Fault::Hang | Fault::Kill));
        if watcher.is_some() || always {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
            let mut picture = sim.picture(t, fault);
            if let Some(source) = watcher {
                // Refused while the media goes away: the next picture finds that out.
                let _ = source.push_buffer(gst::Buffer::from_slice(picture.yuv.to_vec()));
            }
            if n.is_multiple_of(every) {
                picture.truth.wall_time_s = Some(wall);
                note(&picture.truth, shared, notes.as_mut());
            }
        } else {
            sim.skip_to(t);
        }
        // A late picture is left out rather than piled up.
        n = (n + 1).max((pace.begin.elapsed().as_secs_f64() * f64::from(fps)) as u64);
    }
}

fn note(truth: &Truth, shared: &Shared, file: Option<&mut BufWriter<File>>) {
    if let Some(file) = file {
        let line = serde_json::to_string(truth).unwrap_or_default();
        if let Err(e) = writeln!(file, "{line}").and_then(|()| file.flush()) {
            tracing::warn!(camera = shared.id, "truth is not written: {e}");
        }
    }
    let mut truths = shared.truths.lock();
    truths.push_back(truth.clone());
    if truths.len() > TRUTHS_MAX {
        truths.pop_front();
    }
}

fn looped(clip: &Clip, index: usize, shared: &Shared, server: &Server, pace: &Pace) {
    // Cameras of one clip start apart, so that their keyframes do not come all at once.
    let keys: Vec<usize> = clip.units.iter().enumerate().filter(|(_, u)| u.key).map(|(i, _)| i).collect();
    let mut at = keys[index % keys.len()];
    let mut round_ns = 0u64;
    let start_ns = clip.units[at].dts_ns;
    // The media being fed, its running time against the clip's, and whether it has had a keyframe.
    let mut fed: Option<(gstreamer_app::AppSrc, u64, bool)> = None;
    while !pace.stopped() {
        let unit = &clip.units[at];
        let clock_ns = round_ns + unit.dts_ns - start_ns.min(round_ns + unit.dts_ns);
        pace.sleep_until(Duration::from_nanos(clock_ns));
        let fault = shared.decide(Fault::None, server);
        let watcher = shared.tap.open().filter(|_| !matches!(fault, Fault::Hang | Fault::Kill));
        match watcher {
            None => fed = None,
            Some(source) => {
                if fed.as_ref().is_none_or(|f| f.0 != source) {
                    let running = source.current_running_time().map_or(0, gst::ClockTime::nseconds);
                    fed = Some((source, running, false));
                    if let Some(f) = &mut fed {
                        f.1 = f.1.wrapping_sub(clock_ns);
                    }
                }
                if let Some((source, offset, primed)) = &mut fed {
                    *primed |= unit.key;
                    if *primed {
                        let mut buffer = unit.buffer.copy();
                        if let Some(b) = buffer.get_mut() {
                            let dts = clock_ns.wrapping_add(*offset);
                            b.set_dts(gst::ClockTime::from_nseconds(dts));
                            b.set_pts(gst::ClockTime::from_nseconds(dts + (unit.pts_ns - unit.dts_ns.min(unit.pts_ns))));
                        }
                        let _ = source.push_buffer(buffer);
                    }
                }
            }
        }
        at += 1;
        if at == clip.units.len() {
            at = 0;
            round_ns += clip.length_ns;
        }
    }
}
