//! Simulated cameras watched by a real RTSP client: pictures, logins, codecs, and every fault of the network.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use matpho_sim::{City, Fault, Options, Scenario, VideoJob, film};

/// Far longer than anything here takes; a hang fails instead of lasting.
const PATIENCE: Duration = Duration::from_secs(40);

fn small(id: &str, more: &str) -> String {
    format!(
        "[[camera]]\nid = \"{id}\"\nwidth = 320\nheight = 192\nfps = 10\nkeyframe_s = 0.5\nbitrate_kbps = 400\ntraffic = {{ inbound_per_h = 600, outbound_per_h = 600 }}\n{more}"
    )
}

fn city(cameras: &str) -> City {
    let scenario = Scenario::parse(&format!("seed = 3\n{cameras}"), Path::new("test.toml")).expect("a scenario");
    City::start(&scenario, &Options { control: Some(0), ..Options::default() }).expect("a city")
}

/// A client that decodes, and what came of it.
struct Watch {
    pipeline: gst::Pipeline,
    frames: Arc<AtomicUsize>,
    sink: AppSink,
}

impl Watch {
    fn open(url: &str, user: Option<(&str, &str)>) -> Self {
        gst::init().expect("GStreamer");
        let pipeline = gst::parse::launch("rtspsrc name=s latency=0 protocols=tcp add-reference-timestamp-meta=true ! decodebin ! videoconvert ! video/x-raw,format=I420 ! appsink name=sink sync=false")
            .expect("a pipeline")
            .downcast::<gst::Pipeline>()
            .expect("a pipeline");
        let source = pipeline.by_name("s").expect("the source");
        source.set_property("location", url);
        if let Some((user, password)) = user {
            source.set_property("user-id", user);
            source.set_property("user-pw", password);
        }
        let sink = pipeline.by_name("sink").and_then(|e| e.downcast::<AppSink>().ok()).expect("the sink");
        sink.set_property("max-buffers", 1u32);
        sink.set_property("drop", true);
        let frames = Arc::new(AtomicUsize::new(0));
        let counted = frames.clone();
        sink.set_callbacks(
            AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        pipeline.set_state(gst::State::Playing).ok();
        Self { pipeline, frames, sink }
    }
    fn frames(&self) -> usize {
        self.frames.load(Ordering::SeqCst)
    }
    /// Waits for `n` more pictures; otherwise says what the client was told.
    fn gets(&self, n: usize) -> Result<(), String> {
        let goal = self.frames() + n;
        let end = Instant::now() + PATIENCE;
        while self.frames() < goal {
            if let Some(what) = self.told() {
                return Err(what);
            }
            if Instant::now() > end {
                return Err("nothing".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
    /// An error or the end, if one has been told.
    fn told(&self) -> Option<String> {
        let message = self.pipeline.bus()?.pop_filtered(&[gst::MessageType::Error, gst::MessageType::Eos])?;
        Some(match message.view() {
            gst::MessageView::Error(e) => format!("{} {:?}", e.error(), e.debug()),
            _ => "end".into(),
        })
    }
    /// Waits until it is told something.
    fn is_told(&self) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(what) = self.told() {
                return what;
            }
            assert!(Instant::now() < end, "told nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).ok();
    }
}

#[test]
fn every_codec_and_login_comes_through() {
    let city = city(
        &[
            small("plain", ""),
            small("hevc", "codec = \"h265\"\n"),
            small("jpeg", "codec = \"mjpeg\"\n"),
            small("digest", "login = { user = \"u\", password = \"right\" }\n"),
            small("basic", "login = { user = \"u\", password = \"right\", scheme = \"basic\" }\n"),
        ]
        .join("\n"),
    );
    for id in ["plain", "hevc", "jpeg"] {
        let w = Watch::open(&city.url(id).expect("its url"), None);
        w.gets(5).unwrap_or_else(|e| panic!("{id}: {e}"));
        let caps = w.sink.static_pad("sink").and_then(|p| p.current_caps()).expect("caps");
        let s = caps.structure(0).expect("a structure");
        assert_eq!((s.get::<i32>("width"), s.get::<i32>("height")), (Ok(320), Ok(192)), "{id}");
    }
    for id in ["digest", "basic"] {
        let url = city.url(id).expect("its url");
        Watch::open(&url, Some(("u", "right"))).gets(3).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert!(Watch::open(&url, Some(("u", "wrong"))).is_told().contains("401"), "{id}");
        assert!(Watch::open(&url, None).is_told().contains("401"), "{id}");
    }
    assert!(Watch::open(&format!("rtsp://{}/nobody", city.rtsp()), None).is_told().contains("404"));
}

/// A camera that came back. Its stream of before is still being taken down for a moment (503); whoever watches asks again.
fn served_again(url: &str) -> Watch {
    let end = Instant::now() + PATIENCE;
    loop {
        let watch = Watch::open(url, None);
        match watch.gets(3) {
            Ok(()) => return watch,
            Err(said) => assert!(Instant::now() < end && said.contains("503"), "no pictures after the camera came back: {said}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_network_fails_as_ordered_and_recovers() {
    let city = city(&small("a", ""));
    let url = city.url("a").expect("its url");
    let order = |fault| city.fault("a", fault).expect("a camera");

    let w = Watch::open(&url, None);
    w.gets(3).expect("pictures");
    order(Fault::Kill);
    w.is_told();
    Watch::open(&url, None).is_told();
    order(Fault::None);

    let w = served_again(&url);
    order(Fault::Hang);
    // What was already on its way may still arrive.
    std::thread::sleep(Duration::from_secs(1));
    let before = w.frames();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(w.frames(), before, "a hung camera sends nothing");
    assert_eq!(w.told(), None, "and says nothing");
    let stuck = Watch::open(&url, None);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((stuck.frames(), stuck.told()), (0, None), "not even to a new client");
    order(Fault::None);
    stuck.gets(2).expect("the new client is served when the camera wakes");

    order(Fault::WrongPassword);
    let refused = Watch::open(&url, None).is_told();
    assert!(refused.contains("401"), "{refused}");
    order(Fault::None);
    served_again(&url);
}

/// How far the time that a picture carries is from now, seconds; none before the first sender report.
fn stamp_error_s(url: &str) -> Option<f64> {
    gst::init().expect("GStreamer");
    let pipeline = gst::parse::launch(
        "rtspsrc name=s latency=0 protocols=tcp add-reference-timestamp-meta=true ! rtph264depay ! appsink name=sink sync=false",
    )
    .expect("a pipeline")
    .downcast::<gst::Pipeline>()
    .expect("a pipeline");
    pipeline.by_name("s").expect("the source").set_property("location", url);
    let sink = pipeline.by_name("sink").and_then(|e| e.downcast::<AppSink>().ok()).expect("the sink");
    pipeline.set_state(gst::State::Playing).expect("playing");
    let end = Instant::now() + PATIENCE;
    let mut found = None;
    while found.is_none() && Instant::now() < end {
        let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(1)) else { continue };
        let Some(buffer) = sample.buffer() else { continue };
        if let Some(meta) = buffer.meta::<gst::ReferenceTimestampMeta>() {
            // NTP counts from 1900.
            let ntp = meta.timestamp().nseconds() as f64 / 1e9 - 2_208_988_800.0;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
            found = Some(ntp - now);
        }
    }
    pipeline.set_state(gst::State::Null).expect("stopped");
    found
}

#[test]
fn a_skewed_clock_shows_in_the_sender_reports_alone() {
    let city = city(&small("a", ""));
    let url = city.url("a").expect("its url");
    let honest = stamp_error_s(&url).expect("a stamped picture");
    assert!(honest.abs() < 3.0, "an honest clock is off by {honest} s");
    city.fault("a", Fault::ClockSkew { seconds: -3600.0 }).expect("a camera");
    let skewed = stamp_error_s(&url).expect("a stamped picture");
    assert!((skewed + 3600.0).abs() < 3.0, "an hour behind, but off by {skewed} s");
}

#[test]
fn faults_are_ordered_and_state_is_told_over_http() {
    use std::io::{Read, Write};
    let city = city(&small("a", ""));
    let ask = |request: &str| {
        let mut s = std::net::TcpStream::connect(city.control().expect("a control port")).expect("a connection");
        s.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        s.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let post =
        |path: &str, body: &str| ask(&format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert!(ask("GET /state HTTP/1.1\r\n\r\n").contains("\"id\":\"a\""));
    assert!(post("/cameras/a/fault", "{\"kind\":\"black\"}").starts_with("HTTP/1.1 200"));
    let end = Instant::now() + PATIENCE;
    while !ask("GET /state HTTP/1.1\r\n\r\n").contains("{\"kind\":\"black\"}") {
        assert!(Instant::now() < end, "the order was lost");
    }
    assert!(post("/cameras/b/fault", "{\"kind\":\"black\"}").starts_with("HTTP/1.1 404"));
    assert!(post("/cameras/a/fault", "{\"kind\":\"melt\"}").starts_with("HTTP/1.1 400"));
    assert!(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_clip_is_served_round_and_round_as_several_cameras() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("street.mp4");
    let scenario = Scenario::parse(&format!("seed = 3\n{}", small("a", "")), Path::new("test.toml")).expect("a scenario");
    assert_eq!(
        film(&scenario, &VideoJob { camera: "a".into(), seconds: 1.0, from_s: 0.0, out: out.clone() }).expect("a film"),
        10
    );
    let city = City::serve_clip(&out, 2, &Options::default()).expect("a city");
    for id in ["clip-1", "clip-2"] {
        // Three times the clip's length, without an end or an error between.
        Watch::open(&city.url(id).expect("its url"), None).gets(30).unwrap_or_else(|e| panic!("{id}: {e}"));
    }
    let nothing = folder.path().join("nothing.mp4");
    let error = |p: &Path| City::serve_clip(p, 1, &Options::default()).map(|_| ()).expect_err("no clip").to_string();
    assert_eq!(error(&nothing), format!("clip {}: there is no such file", nothing.display()));
    std::fs::write(&nothing, b"not a video at all").expect("a file");
    assert!(error(&nothing).starts_with(&format!("clip {}: ", nothing.display())));
}
