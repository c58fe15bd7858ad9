//! How the gateway is: counters that every part adds to, and their rendering for Prometheus and for people.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use matpho_media::{Camera, Stats};
use matpho_scene::{CameraId, WallTime};
use matpho_wire::status::CameraStatus;
use parking_lot::Mutex;
use serde::Serialize;

use crate::{look::Spent, outbox::Depth};

/// What one camera's analysis has cost and yielded.
#[derive(Debug, Default)]
pub struct CameraVitals {
    analysed: AtomicU64,
    failed: AtomicU64,
    events: AtomicU64,
    pictures: AtomicU64,
    clips: AtomicU64,
    models: [ModelVitals; 3],
}

#[derive(Debug, Default)]
struct ModelVitals {
    runs: AtomicU64,
    nanos: AtomicU64,
}

const MODELS: [&str; 3] = ["vehicles", "fire", "water"];

impl CameraVitals {
    /// A picture was looked at.
    pub fn analysed(&self, spent: Spent) {
        self.analysed.fetch_add(1, Relaxed);
        self.spent(spent);
    }

    /// Models ran.
    pub fn spent(&self, spent: Spent) {
        for (model, spent) in self.models.iter().zip([spent.vehicles, spent.fire, spent.water]) {
            if !spent.is_zero() {
                model.runs.fetch_add(1, Relaxed);
                model.nanos.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Relaxed);
            }
        }
    }

    /// A picture could not be looked at.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// An event was said.
    pub fn event(&self) {
        self.events.fetch_add(1, Relaxed);
    }

    /// A picture of evidence was made.
    pub fn picture(&self) {
        self.pictures.fetch_add(1, Relaxed);
    }

    /// A clip was kept.
    pub fn clip(&self) {
        self.clips.fetch_add(1, Relaxed);
    }

    /// Pictures looked at so far.
    pub fn count_analysed(&self) -> u64 {
        self.analysed.load(Relaxed)
    }
}

/// How the link to the broker is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LinkState {
    /// Not yet tried, or under way.
    #[default]
    Connecting,
    /// Up.
    Connected,
    /// Down; tried again after a while.
    Down {
        /// Why, in words.
        reason: String,
    },
}

/// Everything that is counted.
pub struct Vitals {
    started: WallTime,
    cameras: BTreeMap<CameraId, (Camera, CameraVitals)>,
    link: Mutex<LinkState>,
    connects: AtomicU64,
    acknowledged: AtomicU64,
    undeliverable: AtomicU64,
    dropped: AtomicU64,
    clips_missed: AtomicU64,
    outbox_failing: AtomicBool,
}

impl Vitals {
    /// Nothing happened yet.
    pub fn new(started: WallTime, cameras: impl IntoIterator<Item = Camera>) -> Self {
        Self {
            started,
            cameras: cameras.into_iter().map(|camera| (camera.id().clone(), (camera, CameraVitals::default()))).collect(),
            link: Mutex::default(),
            connects: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            undeliverable: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            clips_missed: AtomicU64::new(0),
            outbox_failing: AtomicBool::new(false),
        }
    }

    /// One camera's counters.
    pub fn camera(&self, id: &CameraId) -> Option<&CameraVitals> {
        self.cameras.get(id).map(|(_, vitals)| vitals)
    }

    /// The link changed.
    pub fn link(&self, state: LinkState) {
        if state == LinkState::Connected {
            self.connects.fetch_add(1, Relaxed);
        }
        *self.link.lock() = state;
    }

    /// Whether the broker is connected.
    pub fn is_linked(&self) -> bool {
        *self.link.lock() == LinkState::Connected
    }

    /// The broker has so many more messages.
    pub fn acknowledged(&self, messages: u64) {
        self.acknowledged.fetch_add(messages, Relaxed);
    }

    /// A message that no broker will take was put away.
    pub fn undeliverable(&self) {
        self.undeliverable.fetch_add(1, Relaxed);
    }

    /// A measurement or picture found no room.
    pub fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// A clip could not be kept.
    pub fn clip_missed(&self) {
        self.clips_missed.fetch_add(1, Relaxed);
    }

    /// The outbox took a message.
    pub fn outbox_works(&self) {
        self.outbox_failing.store(false, Relaxed);
    }

    /// The outbox did not take one.
    pub fn outbox_fails(&self, _error: &crate::outbox::OutboxError) {
        self.outbox_failing.store(true, Relaxed);
    }

    /// For people and load balancers: whether all is well, and each camera.
    pub fn health(&self, cameras: Vec<CameraStatus>, depth: Depth, now: WallTime) -> Health {
        let link = self.link.lock().clone();
        let outbox_works = !self.outbox_failing.load(Relaxed);
        Health {
            ok: outbox_works && link == LinkState::Connected,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: now.since(self.started).as_secs(),
            mqtt: link,
            outbox_works,
            outbox_depth: depth.rows,
            outbox_age_s: age(depth, now),
            cameras,
        }
    }

    /// In Prometheus's text format.
    pub fn metrics(&self, statuses: &[CameraStatus], depth: Depth, now: WallTime) -> String {
        let mut page = Page::default();
        let cameras: Vec<_> = self.cameras.iter().map(|(id, (camera, vitals))| (id, camera.stats(), vitals)).collect();
        let each = |value: fn(&Stats, &CameraVitals) -> u64| {
            cameras.iter().map(move |(id, stats, vitals)| (format!("camera=\"{id}\""), value(stats, vitals) as f64))
        };
        page.family("frames_received_total", "counter", "Encoded pictures received.", each(|s, _| s.units));
        page.family("frames_decoded_total", "counter", "Pictures decoded.", each(|s, _| s.decoded));
        page.family("frames_analysed_total", "counter", "Pictures that models looked at.", each(|_, v| v.analysed.load(Relaxed)));
        page.family(
            "frames_failed_total",
            "counter",
            "Pictures that models could not look at.",
            each(|_, v| v.failed.load(Relaxed)),
        );
        page.family(
            "frames_replaced_total",
            "counter",
            "Pictures replaced by a newer one before anybody looked.",
            each(|s, _| s.slot_dropped),
        );
        page.family("frames_shed_total", "counter", "Pictures dropped because the decoder did not keep up.", each(|s, _| s.shed));
        page.family("bytes_received_total", "counter", "Encoded bytes received.", each(|s, _| s.bytes));
        page.family("connects_total", "counter", "Attempts to connect.", each(|s, _| s.attempts));
        page.family(
            "pipelines_abandoned_total",
            "counter",
            "Pipelines that did not stop and were left behind.",
            each(|s, _| s.abandoned),
        );
        page.family("ring_bytes", "gauge", "Encoded bytes held in memory for clips.", each(|s, _| s.ring_bytes));
        page.family("events_total", "counter", "Messages about events.", each(|_, v| v.events.load(Relaxed)));
        page.family("pictures_total", "counter", "Pictures of evidence made.", each(|_, v| v.pictures.load(Relaxed)));
        page.family("clips_total", "counter", "Clips kept.", each(|_, v| v.clips.load(Relaxed)));
        let losses = cameras.iter().flat_map(|(id, stats, _)| {
            stats.losses.iter().map(move |(reason, n)| (format!("camera=\"{id}\",reason=\"{reason}\""), *n as f64))
        });
        page.family("losses_total", "counter", "Connections lost, by reason.", losses);
        let by_model = |value: fn(&ModelVitals) -> f64| {
            cameras.iter().flat_map(move |(id, _, vitals)| {
                MODELS
                    .iter()
                    .zip(&vitals.models)
                    .map(move |(model, vitals)| (format!("camera=\"{id}\",model=\"{model}\""), value(vitals)))
            })
        };
        page.family("inferences_total", "counter", "Runs of a model.", by_model(|m| m.runs.load(Relaxed) as f64));
        page.family(
            "inference_seconds_total",
            "counter",
            "Time spent in a model.",
            by_model(|m| Duration::from_nanos(m.nanos.load(Relaxed)).as_secs_f64()),
        );
        let units =
            cameras.iter().filter_map(|(id, stats, _)| Some((format!("camera=\"{id}\""), stats.unit_age_ms? as f64 / 1000.0)));
        page.family("stream_age_seconds", "gauge", "Age of the newest encoded picture.", units);
        let ages =
            statuses.iter().filter_map(|status| Some((format!("camera=\"{}\"", status.camera), f64::from(status.frame_age_s?))));
        page.family("frame_age_seconds", "gauge", "Age of the last fresh picture when last said.", ages);
        let states =
            statuses.iter().map(|status| (format!("camera=\"{}\",state=\"{}\"", status.camera, word(&status.state)), 1.0));
        page.family("camera_state", "gauge", "1 for the state that the camera is in.", states);

        let one = |value: f64| [(String::new(), value)];
        page.family(
            "mqtt_connected",
            "gauge",
            "1 while the broker is connected.",
            one(f64::from(u8::from(*self.link.lock() == LinkState::Connected))),
        );
        page.family("mqtt_connects_total", "counter", "Connections to the broker made.", one(self.connects.load(Relaxed) as f64));
        page.family(
            "mqtt_acknowledged_total",
            "counter",
            "Messages the broker has acknowledged.",
            one(self.acknowledged.load(Relaxed) as f64),
        );
        page.family(
            "mqtt_undeliverable_total",
            "counter",
            "Messages put away because no broker would take them.",
            one(self.undeliverable.load(Relaxed) as f64),
        );
        page.family("outbox_depth", "gauge", "Messages that wait.", one(depth.rows as f64));
        page.family("outbox_bytes", "gauge", "Their bytes.", one(depth.bytes as f64));
        page.family("outbox_age_seconds", "gauge", "Age of the oldest of them.", one(age(depth, now) as f64));
        page.family(
            "outbox_thinned_total",
            "counter",
            "Measurements and pictures that found no room; never events.",
            one((depth.refused + self.dropped.load(Relaxed)) as f64),
        );
        page.family(
            "outbox_failing",
            "gauge",
            "1 while nothing can be written.",
            one(f64::from(u8::from(self.outbox_failing.load(Relaxed)))),
        );
        page.family(
            "clips_missed_total",
            "counter",
            "Clips that could not be kept.",
            one(self.clips_missed.load(Relaxed) as f64),
        );
        page.family("uptime_seconds", "gauge", "Since the program's start.", one(now.since(self.started).as_secs_f64()));
        page.text
    }
}

/// Age of what waits longest, in seconds.
pub fn age(depth: Depth, now: WallTime) -> u64 {
    depth.oldest.map_or(0, |oldest| now.since(oldest).as_secs())
}

fn word(state: &impl Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: impl IntoIterator<Item = (String, f64)>) {
        let _ = writeln!(self.text, "# HELP matpho_edge_{name} {help}\n# TYPE matpho_edge_{name} {kind}");
        for (labels, value) in samples {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(self.text, "matpho_edge_{name}{labels} {value}");
        }
    }
}

/// What `/healthz` says.
#[derive(Debug, Serialize)]
pub struct Health {
    /// Whether messages can be kept and sent. A camera that is lost does not make the gateway unwell.
    pub ok: bool,
    /// The program's version.
    pub version: &'static str,
    /// Since the program's start.
    pub uptime_s: u64,
    /// The link to the broker.
    pub mqtt: LinkState,
    /// Whether the outbox can be written.
    pub outbox_works: bool,
    /// Messages that wait.
    pub outbox_depth: u64,
    /// Age of the oldest of them.
    pub outbox_age_s: u64,
    /// Each camera.
    pub cameras: Vec<CameraStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_prometheus_text() {
        let vitals = Vitals::new(WallTime::from_unix_millis(0), []);
        let page = vitals.metrics(
            &[],
            Depth { rows: 3, bytes: 10, oldest: Some(WallTime::from_unix_millis(1000)), refused: 2 },
            WallTime::from_unix_millis(6000),
        );
        for line in [
            "matpho_edge_outbox_depth 3",
            "matpho_edge_outbox_age_seconds 5",
            "matpho_edge_mqtt_connected 0",
            "matpho_edge_outbox_thinned_total 2",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is missing in\n{page}");
        }
        assert!(page.lines().all(|line| line.starts_with('#') || line.split(' ').count() == 2), "{page}");
    }
}
