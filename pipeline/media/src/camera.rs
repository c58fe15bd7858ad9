//! A camera: its handle for everybody ([`Camera`]), and the loop that keeps it alive on a thread of its own ([`Watch`]).

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use matpho_scene::{CameraId, MediaTime};
use parking_lot::{Condvar, Mutex};

use crate::{
    config::{DecodePolicy, DecoderChoice, Location, SourceConfig},
    counters::{Counters, count},
    decoders::{self, DecoderError},
    failure::Failure,
    frame::Frame,
    ring::Ring,
    session::{Session, Stopped},
    slot::{Bell, Slot},
    status::{CameraStatus, Stats},
    supervisor::{Action, Event, Supervisor},
};

/// How often the supervisor looks up when nothing is said: the watchdog's grain, and the delay of a stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Why a camera cannot be opened at all. What goes wrong with the camera itself is told as [`CameraStatus::Lost`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// GStreamer is not there.
    #[error("cannot start GStreamer")]
    Init(#[source] crate::InitError),
    /// The decoder named in the configuration does not exist.
    #[error("camera {camera} cannot be decoded")]
    Decoder {
        /// Which camera.
        camera: CameraId,
        /// Why.
        #[source]
        source: DecoderError,
    },
}

/// What the handle, the loop and the streaming threads share.
pub struct Shared {
    pub config: SourceConfig,
    pub policy: Mutex<DecodePolicy>,
    pub slot: Arc<Slot<Frame>>,
    pub ring: Arc<Ring>,
    pub counters: Arc<Counters>,
}

/// A handle to a camera; clones share it.
#[derive(Clone)]
pub struct Camera {
    shared: Arc<Shared>,
}

impl Camera {
    /// Sets a camera up; its slot rings `bell`. Nothing happens before [`Watch::run`].
    pub fn open(config: SourceConfig, bell: Arc<Bell>) -> Result<(Self, Watch), OpenError> {
        crate::init().map_err(OpenError::Init)?;
        decoders::check(&config.decoder).map_err(|source| OpenError::Decoder { camera: config.camera.clone(), source })?;
        let shared = Arc::new(Shared {
            policy: Mutex::new(config.decode),
            slot: Arc::new(Slot::new(bell)),
            ring: Arc::new(Ring::new(config.ring)),
            counters: Arc::default(),
            config,
        });
        Ok((Self { shared: shared.clone() }, Watch { shared }))
    }

    /// Whose pictures these are.
    pub fn id(&self) -> &CameraId {
        &self.shared.config.camera
    }

    /// Where decoded pictures are put.
    pub fn slot(&self) -> Arc<Slot<Frame>> {
        self.shared.slot.clone()
    }

    /// The newest encoded video.
    pub fn ring(&self) -> Arc<Ring> {
        self.shared.ring.clone()
    }

    /// What is decoded now.
    pub fn policy(&self) -> DecodePolicy {
        *self.shared.policy.lock()
    }

    /// Changes what is decoded, without reconnecting: less takes effect at once, more at the next keyframe.
    pub fn set_policy(&self, policy: DecodePolicy) {
        *self.shared.policy.lock() = policy;
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        Stats {
            delivered: self.shared.slot.count_put(),
            slot_dropped: self.shared.slot.count_dropped(),
            ring_bytes: self.shared.ring.bytes() as u64,
            ..self.shared.counters.stats()
        }
    }
}

/// Keeps a camera connected. There is one for each camera.
pub struct Watch {
    shared: Arc<Shared>,
}

impl Watch {
    /// Connects, watches, tears down and reconnects until `stop`; blocks meanwhile, so give it a thread. `on_status` is called on this thread at every change.
    pub fn run(self, on_status: &mut dyn FnMut(CameraStatus), stop: &Stop) {
        let config = &self.shared.config;
        let counters = &self.shared.counters;
        let file = matches!(config.location, Location::File(_));
        // Any seed will do, as long as two cameras or two gateways do not share it.
        let seed = RandomState::new().hash_one(&config.camera);
        let mut supervisor = Supervisor::new(config.transport, file, config.frame_age_max, config.backoff, seed);
        let epoch = Instant::now();
        let mut newest = MediaTime::ZERO;
        let mut connection = 0;
        let mut running: Option<Running> = None;

        while !stop.is_set() {
            let (events, mut detail) = match &mut running {
                Some(running) => running.look(),
                None => {
                    stop.wait(LOOK_UP);
                    (vec![Event::Tick], String::new())
                }
            };
            for event in events {
                match supervisor.handle(epoch.elapsed(), event) {
                    None => {}
                    Some(Action::Connect { link, attempt, decoders_failed }) => {
                        count(&counters.attempts);
                        connection += 1;
                        on_status(CameraStatus::Connecting { attempt });
                        // Media time goes on through the gap, by the clock on the wall.
                        let base =
                            newest.max(MediaTime::from_nanos(u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)));
                        let decoders_failed = if config.decoder == DecoderChoice::Auto { decoders_failed } else { 0 };
                        running = Some(match Session::start(&self.shared, connection, base, link, decoders_failed) {
                            Ok(session) => Running::Session { session: Box::new(session), units: 0, decoded: 0 },
                            Err(failure) => Running::StillBorn(failure),
                        });
                    }
                    Some(Action::Live) => {
                        if let Some(info) = running.as_ref().and_then(Running::session).and_then(|session| session.tap.info()) {
                            on_status(CameraStatus::Live(info));
                        }
                    }
                    Some(Action::TearDown { reason, retry_in }) => {
                        counters.loss(&reason);
                        // Told before the pipeline is torn down: that may take its time.
                        on_status(CameraStatus::Lost { reason, detail: std::mem::take(&mut detail), retry_in });
                        newest = self.end(running.take(), newest);
                    }
                }
            }
        }
        self.end(running, newest);
    }

    /// Stops what runs; returns the newest media time it gave out.
    fn end(&self, running: Option<Running>, newest: MediaTime) -> MediaTime {
        let Some(Running::Session { session, .. }) = running else { return newest };
        let newest = newest.max(session.tap.newest());
        if session.stop(self.shared.config.teardown_max, &self.shared.counters) == Stopped::Abandoned {
            let abandoned = self.shared.counters.abandoned.load(Relaxed);
            tracing::warn!(camera = %self.shared.config.camera, abandoned, "a pipeline did not stop in time and was left behind");
        }
        newest
    }
}

enum Running {
    Session {
        session: Box<Session>,
        units: u64,
        decoded: u64,
    },
    /// It failed before it ran.
    StillBorn(Failure),
}

impl Running {
    fn session(&self) -> Option<&Session> {
        match self {
            Self::Session { session, .. } => Some(session),
            Self::StillBorn(_) => None,
        }
    }

    /// Waits a little and says what happened meanwhile.
    fn look(&mut self) -> (Vec<Event>, String) {
        let (session, units, decoded) = match self {
            Self::StillBorn(failure) => {
                return (vec![Event::Failed(failure.reason.clone())], std::mem::take(&mut failure.detail));
            }
            Self::Session { session, units, decoded } => (session, units, decoded),
        };
        let failure = session.failure(LOOK_UP);
        let (units_now, decoded_now, undecoded) = session.tap.progress();
        let mut events = Vec::new();
        let moved = std::mem::replace(units, units_now) != units_now;
        if moved {
            events.push(Event::Unit);
        }
        let shown = std::mem::replace(decoded, decoded_now) != decoded_now;
        match undecoded {
            Some(since) if !shown => events.push(Event::Undecoded { since }),
            // By a policy that decodes nothing, the encoded pictures must do as a proof.
            _ if shown || moved => events.push(Event::Decoded),
            _ => {}
        }
        let detail = failure.as_ref().map(|failure| failure.detail.clone()).unwrap_or_default();
        events.push(failure.map_or(Event::Tick, |failure| Event::Failed(failure.reason)));
        (events, detail)
    }
}

/// Tells threads to stop. Clones share it.
#[derive(Clone, Default)]
pub struct Stop {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl Stop {
    /// Not yet set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells all who hold a clone; for good.
    pub fn set(&self) {
        *self.inner.0.lock() = true;
        self.inner.1.notify_all();
    }

    /// Was it told?
    pub fn is_set(&self) -> bool {
        *self.inner.0.lock()
    }

    /// Waits at most `timeout` for it to be told; says whether it was.
    pub fn wait(&self, timeout: Duration) -> bool {
        let mut set = self.inner.0.lock();
        let until = Instant::now() + timeout;
        while !*set && !self.inner.1.wait_until(&mut set, until).timed_out() {}
        *set
    }
}

#[cfg(test)]
mod tests {
    use gstreamer::prelude::*;

    use super::*;
    use crate::{status::Link, transcode::Job};

    fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(40);
        while !done() {
            assert!(Instant::now() < until, "waited for {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A camera that is a short film.
    fn film(folder: &std::path::Path) -> SourceConfig {
        crate::init().unwrap();
        let path = folder.join("a.mp4");
        let make = format!(
            "videotestsrc num-buffers=250 ! video/x-raw,width=64,height=48,framerate=25/1 ! x264enc ! mp4mux ! filesink location={}",
            path.display()
        );
        let job = Job::parse(&make).unwrap();
        job.start().unwrap();
        job.finish().unwrap();
        let mut config = SourceConfig::new("cam-1".parse().unwrap(), Location::File(path));
        config.decode = DecodePolicy::Every;
        config
    }

    #[test]
    fn a_stopped_session_frees_each_of_its_elements() {
        let folder = tempfile::tempdir().unwrap();
        let (camera, _watch) = Camera::open(film(folder.path()), Bell::new()).unwrap();
        let session = Session::start(&camera.shared, 1, MediaTime::ZERO, Link::File, 0).unwrap();
        wait_for("pictures", || camera.slot().try_take().is_some());
        let elements: Vec<_> = session.elements().iter().map(|element| (element.name(), element.downgrade())).collect();
        assert!(elements.len() > 8, "{elements:?}");
        assert_eq!(session.stop(Duration::from_secs(20), &camera.shared.counters), Stopped::Clean);
        wait_for("each element to be freed", || elements.iter().all(|(_, element)| element.upgrade().is_none()));
    }

    #[test]
    fn a_pipeline_that_does_not_stop_is_left_behind_and_the_camera_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = film(folder.path());
        config.frame_age_max = Duration::from_millis(500);
        config.teardown_max = Duration::from_millis(200);
        config.backoff = crate::BackoffConfig { first: Duration::from_millis(10), max: Duration::from_millis(50) };
        let (camera, watch) = Camera::open(config, Bell::new()).unwrap();
        let stop = Stop::new();
        let counters = camera.shared.counters.clone();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| watch.run(&mut |_| {}, &stop));
            wait_for("pictures", || camera.slot().try_take().is_some());
            // The streaming thread hangs where nothing can reach it.
            let ring = camera.ring();
            let blocked = ring.blocked();
            wait_for("two pipelines to be abandoned", || count(&counters.abandoned) >= 2);
            assert!(count(&counters.abandoned_alive) >= 2);
            drop(blocked);
            wait_for("them to end after all", || count(&counters.abandoned_alive) == 0);
            let connection = count(&counters.attempts);
            wait_for("pictures of a later connection", || {
                camera.slot().try_take().is_some_and(|frame| frame.connection >= connection)
            });
            stop.set();
            watching.join().unwrap();
        });
    }
}
