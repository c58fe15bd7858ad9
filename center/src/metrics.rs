//! What the centre counts, as text for Prometheus.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use matpho_scene::WallTime;

use crate::store::outbox::Standing;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the lag histogram's buckets, in seconds: from a good link to a gateway that was away for a day.
const LAG_BOUNDS_S: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3_600.0, 86_400.0];

/// How often a span was how long.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; LAG_BOUNDS_S.len()],
    count: AtomicU64,
    sum_ms: AtomicU64,
}

impl Histogram {
    /// Counts a span.
    pub fn observe(&self, span: Duration) {
        if let Some(index) = LAG_BOUNDS_S.iter().position(|bound| span.as_secs_f64() <= *bound) {
            self.buckets[index].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_ms.fetch_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// Kinds of messages, as the label has them.
pub const MESSAGE_KINDS: [&str; 7] = ["event", "measurement", "evidence", "edge_status", "camera_status", "picture", "reply"];

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Messages taken, by [`MESSAGE_KINDS`].
    pub messages: [Counter; MESSAGE_KINDS.len()],
    /// Messages that were here already.
    pub duplicates: Counter,
    /// Messages that could not be read or contradict what is known.
    pub rejected: Counter,
    /// Latest pictures left out because the queue was full; the next one replaces them anyway.
    pub pictures_dropped: Counter,
    /// Batches that the store failed to take and that were tried again.
    pub store_retries: Counter,
    /// Connections to the broker.
    pub broker_connections: Counter,
    /// Listeners dropped because they were too slow.
    pub stream_dropped: Counter,
    /// Logins refused.
    pub logins_refused: Counter,
    /// Messages of feeds that arrived.
    pub feed_sent: Counter,
    /// Attempts of feeds that failed.
    pub feed_failed: Counter,
    /// From the gateway's knowing to the store's having.
    pub ingest_lag: Histogram,
}

/// What is measured when asked rather than counted.
pub struct Gauges {
    /// Incidents that are not closed.
    pub open_incidents: i64,
    /// Listeners on the stream.
    pub stream_clients: usize,
    /// Whether the broker is connected.
    pub broker_connected: bool,
    /// Whether the store fails.
    pub store_failing: bool,
    /// Whether pictures and clips cannot be kept.
    pub files_failing: bool,
    /// Files that were given up and are still to be removed.
    pub files_to_remove: i64,
    /// Free bytes on the disk of the state folder.
    pub disk_free_bytes: u64,
    /// How each feed stands, by its name.
    pub feeds: Vec<(String, Standing)>,
    /// Now.
    pub now: WallTime,
}

impl Metrics {
    /// All of it in Prometheus' text format.
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, values: &[(String, String)]| {
            let _ = writeln!(text, "# HELP matpho_center_{name} {help}\n# TYPE matpho_center_{name} {kind}");
            for (suffix, value) in values {
                let _ = writeln!(text, "matpho_center_{name}{suffix} {value}");
            }
        };
        let one = |value: String| vec![(String::new(), value)];
        let by_kind: Vec<_> = MESSAGE_KINDS
            .iter()
            .zip(&self.messages)
            .map(|(kind, counter)| (format!("{{kind=\"{kind}\"}}"), counter.get().to_string()))
            .collect();
        family("messages_total", "counter", "Messages taken from gateways, by kind.", &by_kind);
        for (name, help, counter) in [
            ("duplicates_total", "Messages that had been taken before.", &self.duplicates),
            ("rejected_total", "Messages that could not be read or contradict what is known.", &self.rejected),
            ("pictures_dropped_total", "Latest pictures left out because the queue was full.", &self.pictures_dropped),
            ("store_retries_total", "Batches that the store failed to take and that were tried again.", &self.store_retries),
            ("broker_connections_total", "Connections made to the broker.", &self.broker_connections),
            ("stream_dropped_total", "Listeners dropped because they were too slow.", &self.stream_dropped),
            ("logins_refused_total", "Logins refused.", &self.logins_refused),
            ("feed_sent_total", "Messages of feeds that arrived.", &self.feed_sent),
            ("feed_failed_total", "Attempts of feeds that failed.", &self.feed_failed),
        ] {
            family(name, "counter", help, &one(counter.get().to_string()));
        }
        let lag = &self.ingest_lag;
        let mut sum = 0;
        let mut rows: Vec<_> = LAG_BOUNDS_S
            .iter()
            .zip(&lag.buckets)
            .map(|(bound, bucket)| {
                sum += bucket.load(Relaxed);
                (format!("_bucket{{le=\"{bound}\"}}"), sum.to_string())
            })
            .collect();
        rows.push(("_bucket{le=\"+Inf\"}".into(), lag.count.load(Relaxed).to_string()));
        rows.push(("_sum".into(), (lag.sum_ms.load(Relaxed) as f64 / 1000.0).to_string()));
        rows.push(("_count".into(), lag.count.load(Relaxed).to_string()));
        family("ingest_lag_seconds", "histogram", "From the gateway's knowing to the store's having.", &rows);
        for (name, help, value) in [
            ("open_incidents", "Incidents that are not closed.", gauges.open_incidents.to_string()),
            ("stream_clients", "Listeners on the live stream.", gauges.stream_clients.to_string()),
            ("broker_connected", "Whether the broker is connected.", u8::from(gauges.broker_connected).to_string()),
            ("store_failing", "Whether the store fails to take messages.", u8::from(gauges.store_failing).to_string()),
            ("files_failing", "Whether pictures and clips cannot be kept.", u8::from(gauges.files_failing).to_string()),
            ("files_to_remove", "Files that were given up and are still to be removed.", gauges.files_to_remove.to_string()),
            ("disk_free_bytes", "Free bytes on the disk of the state folder.", gauges.disk_free_bytes.to_string()),
        ] {
            family(name, "gauge", help, &one(value));
        }
        type Of = fn(&Standing, WallTime) -> u64;
        let feeds: [(&str, &str, Of); 4] = [
            ("feed_waiting", "Messages that a feed has still to send.", |feed, _| feed.waiting.unsigned_abs()),
            ("feed_oldest_age_seconds", "Since when the oldest of them waits.", |feed, now| {
                feed.oldest.map_or(0, |oldest| now.since(oldest).as_secs())
            }),
            ("feed_given_up", "Messages that a feed gave up, until they are tried again or forgotten.", |feed, _| {
                feed.given_up.unsigned_abs()
            }),
            ("feed_off", "Whether a feed is switched off.", |feed, _| u64::from(feed.off.is_some())),
        ];
        for (name, help, of) in feeds.into_iter().filter(|_| !gauges.feeds.is_empty()) {
            let rows: Vec<_> = gauges
                .feeds
                .iter()
                .map(|(feed, standing)| (format!("{{feed=\"{feed}\"}}"), of(standing, gauges.now).to_string()))
                .collect();
            family(name, "gauge", help, &rows);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        for ms in [20, 300, 300, 200_000_000] {
            metrics.ingest_lag.observe(Duration::from_millis(ms));
        }
        metrics.messages[0].one();
        let gauges = Gauges {
            open_incidents: 3,
            stream_clients: 1,
            broker_connected: true,
            store_failing: false,
            files_failing: false,
            files_to_remove: 0,
            disk_free_bytes: 9,
            feeds: vec![(
                "ngsi".into(),
                Standing { waiting: 2, oldest: Some(WallTime::from_unix_millis(0)), ..Standing::default() },
            )],
            now: WallTime::from_unix_millis(7_000),
        };
        let text = metrics.render(&gauges);
        for line in [
            "matpho_center_messages_total{kind=\"event\"} 1",
            "matpho_center_ingest_lag_seconds_bucket{le=\"0.05\"} 1",
            "matpho_center_ingest_lag_seconds_bucket{le=\"0.5\"} 3",
            "matpho_center_ingest_lag_seconds_bucket{le=\"86400\"} 3",
            "matpho_center_ingest_lag_seconds_bucket{le=\"+Inf\"} 4",
            "matpho_center_ingest_lag_seconds_sum 200000.62",
            "matpho_center_open_incidents 3",
            "matpho_center_broker_connected 1",
            "matpho_center_feed_waiting{feed=\"ngsi\"} 2",
            "matpho_center_feed_oldest_age_seconds{feed=\"ngsi\"} 7",
            "matpho_center_feed_off{feed=\"ngsi\"} 0",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in:\n{text}");
        }
    }
}
