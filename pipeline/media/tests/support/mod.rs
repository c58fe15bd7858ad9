//! A real RTSP server with faults on request, real clips, and waiting without guessing how long.
#![allow(dead_code, missing_docs, reason = "each test binary uses a part")]

use std::{
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_rtsp as gst_rtsp;
use gstreamer_rtsp_server::{self as server, prelude::*};
use matpho_media::{BackoffConfig, Bell, Camera, CameraStatus, Location, SourceConfig, Stop};
use parking_lot::Mutex;

/// How long anything may take before a test calls it broken.
pub const DEADLINE: Duration = Duration::from_secs(40);

/// Asks until there is an answer.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "waited {} s for {what}", DEADLINE.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a pipeline to its end.
pub fn make(description: &str) {
    matpho_media::init().unwrap();
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos, gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null).unwrap();
    let message = message.expect("a test clip takes no minute");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{description}: {message:?}");
}

/// Frames of a moving ball, 320x240, 25 a second, encoded and put into a file.
pub fn clip(path: &Path, frames: u32, encode_and_mux: &str) {
    make(&format!(
        "videotestsrc pattern=ball num-buffers={frames} ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {encode_and_mux} ! filesink location={}",
        path.display()
    ));
}

pub const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10";
pub const H264_B_FRAMES: &str = "x264enc bframes=2 b-adapt=false speed-preset=veryfast key-int-max=10";
pub const H265: &str = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 log-level=none";

/// What the server plays.
pub fn live(encode_and_pay: &str) -> String {
    format!(
        "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {encode_and_pay} name=pay0 )"
    )
}

pub fn live_h264() -> String {
    live(&format!("{H264} ! valve name=valve ! rtph264pay pt=96"))
}

/// What a server is to do.
#[derive(Default, Clone)]
pub struct Play {
    pub launch: String,
    pub login: Option<(&'static str, &'static str, gst_rtsp::RTSPAuthMethod)>,
    pub transports: Option<gst_rtsp::RTSPLowerTrans>,
    /// The clock in sender reports begins at 1900.
    pub clock_never_set: bool,
    pub port: u16,
}

impl Play {
    pub fn new(launch: String) -> Self {
        Self { launch, ..Self::default() }
    }
}

pub struct Server {
    pub port: u16,
    server: server::RTSPServer,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
    media: Arc<Mutex<Vec<glib::WeakRef<gst::Element>>>>,
}

impl Server {
    pub fn start(play: &Play) -> Self {
        matpho_media::init().unwrap();
        let context = glib::MainContext::new();
        let rtsp = server::RTSPServer::new();
        rtsp.set_address("127.0.0.1");
        rtsp.set_service(&play.port.to_string());
        let factory = server::RTSPMediaFactory::new();
        factory.set_launch(&play.launch);
        factory.set_shared(true);
        if let Some(transports) = play.transports {
            factory.set_protocols(transports);
        }
        if let Some((user, password, method)) = play.login {
            let auth = server::RTSPAuth::new();
            auth.set_supported_methods(method);
            let token = server::RTSPToken::builder().field(server::RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer").build();
            if method == gst_rtsp::RTSPAuthMethod::Digest {
                auth.add_digest(user, password, &token);
            } else {
                auth.add_basic(&server::RTSPAuth::make_basic(user, password), &token);
            }
            rtsp.set_auth(Some(&auth));
            let role = gst::Structure::builder("viewer")
                .field(server::RTSP_PERM_MEDIA_FACTORY_ACCESS, true)
                .field(server::RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, true)
                .build();
            factory.add_role_from_structure(&role);
        }
        let media: Arc<Mutex<Vec<glib::WeakRef<gst::Element>>>> = Arc::default();
        factory.connect_media_configure({
            let (media, never_set) = (media.clone(), play.clock_never_set);
            move |_, configured| {
                let element = configured.element();
                media.lock().push(element.downgrade());
                if never_set {
                    configured.connect_prepared(|media| {
                        let top = media.element().parent().and_downcast::<gst::Bin>().unwrap();
                        let rtpbin = top
                            .iterate_elements()
                            .into_iter()
                            .flatten()
                            .find(|element| element.factory().unwrap().name() == "rtpbin")
                            .unwrap();
                        rtpbin.set_property_from_str("ntp-time-source", "running-time");
                    });
                }
            }
        });
        rtsp.mount_points().unwrap().add_factory("/live", factory);
        let main_loop = glib::MainLoop::new(Some(&context), false);
        // The port of a server just killed may still be bound for a moment.
        let _source = wait_for("the server's port", || rtsp.attach(Some(&context)).ok());
        let thread = thread::spawn({
            let main_loop = main_loop.clone();
            move || main_loop.run()
        });
        Self { port: u16::try_from(rtsp.bound_port()).unwrap(), server: rtsp, main_loop, thread: Some(thread), media }
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/live", self.port)
    }

    /// Closes every connection.
    pub fn kick(&self) {
        self.server.client_filter(Some(&mut |_, _| server::RTSPFilterResult::Remove));
    }

    /// The camera goes on talking RTSP and sends no more video, or does again.
    pub fn set_silent(&self, silent: bool) {
        for element in self.media.lock().iter().filter_map(glib::WeakRef::upgrade) {
            if let Some(valve) = element.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("valve")) {
                valve.set_property("drop", silent);
            }
        }
    }

    /// The camera ends its stream.
    pub fn end_stream(&self) {
        for element in self.media.lock().iter().filter_map(glib::WeakRef::upgrade) {
            element.send_event(gst::event::Eos::new());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kick();
        self.main_loop.quit();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A watched camera.
pub struct Watched {
    pub camera: Camera,
    pub said: Arc<Mutex<Vec<CameraStatus>>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

pub fn config(url: &str) -> SourceConfig {
    let mut config = SourceConfig::new("cam-1".parse().unwrap(), Location::parse(url).unwrap());
    config.decode = matpho_media::DecodePolicy::Every;
    config.latency_ms = 50;
    config.frame_age_max = Duration::from_secs(8);
    config.backoff = BackoffConfig { first: Duration::from_millis(50), max: Duration::from_millis(200) };
    config
}

impl Watched {
    pub fn start(config: SourceConfig) -> Self {
        let (camera, watch) = Camera::open(config, Bell::new()).unwrap();
        let (said, stop) = (Arc::new(Mutex::new(Vec::new())), Stop::new());
        let thread = thread::spawn({
            let (said, stop) = (said.clone(), stop.clone());
            move || watch.run(&mut |status| said.lock().push(status), &stop)
        });
        Self { camera, said, stop, thread: Some(thread) }
    }

    /// Waits for a status like this, after the first `from` ones; returns how many there are up to it.
    pub fn wait_status(&self, what: &str, from: usize, like: impl Fn(&CameraStatus) -> bool) -> usize {
        let until = Instant::now() + DEADLINE;
        loop {
            let said = self.said.lock().clone();
            if let Some(at) = said.iter().skip(from).position(&like) {
                return from + at + 1;
            }
            assert!(Instant::now() < until, "waited for {what}; said so far: {said:#?}, {:?}", self.camera.stats());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn wait_live(&self, from: usize) -> usize {
        self.wait_status("Live", from, |status| matches!(status, CameraStatus::Live(_)))
    }

    /// The first loss: its reason's name and its detail.
    pub fn wait_lost(&self, from: usize) -> (String, String) {
        let at = self.wait_status("Lost", from, |status| matches!(status, CameraStatus::Lost { .. }));
        match &self.said.lock()[at - 1] {
            CameraStatus::Lost { reason, detail, .. } => (reason.as_str().into(), detail.clone()),
            _ => unreachable!(),
        }
    }

    pub fn next_frame(&self) -> matpho_media::Frame {
        wait_for("a picture", || self.camera.slot().take(Duration::from_millis(100)))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.set();
        self.thread.take().unwrap().join().unwrap();
    }
}
