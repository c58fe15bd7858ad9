//! What happens to a live camera's pictures on their way: into the ring, through the gate, into the slot, each with the time it was seen.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};
use matpho_scene::{ClockSource, MediaTime, Picture, PictureSize, Seen, WallTime};
use parking_lot::Mutex;

use crate::{
    branch::Tap,
    camera::Shared,
    clock::{self, NTP_TO_UNIX_SECS, SeenClock},
    counters::count,
    failure::Failure,
    frame::Frame,
    gate::{Gate, UnitFacts, Verdict},
    ring::{Format, Unit},
    status::{Codec, Link, Reason, StreamInfo},
};

/// Encoded pictures remembered until their decoded ones come: more than any decoder holds back.
const REMEMBERED_UNITS: usize = 64;

/// The camera's side of one connection. Once [closed](Self::close) it hands nothing on, so that an abandoned pipeline cannot mix its pictures with those of the next.
pub struct LiveTap {
    camera: Arc<Shared>,
    connection: u64,
    /// The camera's media time at this connection's running time 0.
    base: MediaTime,
    link: Link,
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    closed: AtomicBool,
    offered_video: AtomicBool,
    units: AtomicU64,
    decoded: AtomicU64,
    state: Mutex<State>,
    failure: Mutex<Option<Failure>>,
}

struct State {
    gate: Gate,
    clock: SeenClock,
    format: Option<Arc<Format>>,
    size: Option<PictureSize>,
    decoder: String,
    remembered: VecDeque<Remembered>,
    /// Since when the decoder has had something and given nothing.
    undecoded_since: Option<Instant>,
    /// Running time and the camera's time of the last packet that had one.
    ntp: Option<(MediaTime, Duration)>,
    newest: MediaTime,
    /// The last picture decoded.
    decoded: Option<MediaTime>,
}

#[derive(Clone, Copy)]
struct Remembered {
    at: MediaTime,
    index: u64,
    seen: Seen,
    keyframe: bool,
}

impl LiveTap {
    pub fn new(camera: Arc<Shared>, connection: u64, base: MediaTime, link: Link, pipeline: &gst::Pipeline) -> Arc<Self> {
        let state = State {
            gate: Gate::new(false),
            clock: SeenClock::new(camera.config.clock_offset_max),
            format: None,
            size: None,
            decoder: String::new(),
            remembered: VecDeque::with_capacity(REMEMBERED_UNITS),
            undecoded_since: None,
            ntp: None,
            newest: base,
            decoded: None,
        };
        Arc::new(Self {
            camera,
            connection,
            base,
            link,
            pipeline: pipeline.downgrade(),
            closed: AtomicBool::new(false),
            offered_video: AtomicBool::new(false),
            units: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            state: Mutex::new(state),
            failure: Mutex::new(None),
        })
    }

    /// From now on nothing is handed on.
    pub fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    /// Encoded and decoded pictures of this connection, and since when the decoder owes one.
    pub fn progress(&self) -> (u64, u64, Option<Duration>) {
        let since = self.state.lock().undecoded_since.map(|since| since.elapsed());
        (self.units.load(Relaxed), self.decoded.load(Relaxed), since)
    }

    /// The newest media time given out.
    pub fn newest(&self) -> MediaTime {
        self.state.lock().newest
    }

    /// What the stream is; none before its first picture.
    pub fn info(&self) -> Option<StreamInfo> {
        let state = self.state.lock();
        let codec = state.format.as_ref()?.codec.clone();
        Some(StreamInfo { codec, size: state.size, link: self.link, decoder: state.decoder.clone() })
    }

    pub fn set_decoder(&self, name: String) {
        self.state.lock().decoder = name;
    }

    /// Notes why the connection must end, unless something was noted before, and wakes the supervisor by a message on the bus.
    pub fn fail(&self, failure: Failure) {
        self.failure.lock().get_or_insert(failure);
        if let Some(pipeline) = self.pipeline.upgrade() {
            let _ = pipeline.post_message(gst::message::Application::new(gst::Structure::new_empty("matpho-failure")));
        }
    }

    /// What was noted, if anything.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().clone()
    }

    /// A note that the stream offers nothing usable, for when GStreamer ends it with a vaguer word.
    pub fn note_unusable(&self, reason: Reason) {
        self.failure.lock().get_or_insert(Failure::new(reason, ""));
    }

    /// The camera offers video we know.
    pub fn note_offer(&self) {
        self.offered_video.store(true, Relaxed);
    }

    /// Did it?
    pub fn was_offered_video(&self) -> bool {
        self.offered_video.load(Relaxed)
    }

    /// RTP time and the camera's clock, where a packet carries both.
    pub fn reference_time(&self, at: MediaTime, buffer: &gst::BufferRef) {
        if let Some(ntp) = ntp_time(buffer) {
            self.state.lock().ntp = Some((at, ntp));
        }
    }

    /// A picture came out at the end.
    pub fn picture(&self, at: MediaTime, picture: Picture) {
        if self.closed.load(Relaxed) {
            return;
        }
        let frame = {
            let mut state = self.state.lock();
            let known = state.remembered.iter().find(|unit| unit.at == at).copied();
            // A decoder that makes up time stamps of its own: the newest unit is close.
            let Some(unit) = known.or_else(|| state.remembered.back().copied()) else { return };
            let media_time = (self.base + Duration::from_nanos(at.as_nanos())).max(state.newest);
            state.newest = media_time;
            Frame {
                index: unit.index,
                connection: self.connection,
                media_time,
                seen: unit.seen,
                keyframe: unit.keyframe,
                picture,
            }
        };
        self.camera.slot.put(frame);
    }

    fn seen(&self, state: &mut State, at: MediaTime) -> Seen {
        let now = clock::now();
        // Time stamps are arrival times on the pipeline's clock, so that the jitter buffer's delay does not count.
        let age = self
            .pipeline
            .upgrade()
            .and_then(|pipeline| pipeline.current_running_time())
            .map_or(Duration::ZERO, |running| MediaTime::from_nanos(running.nseconds()).since(at));
        if self.link == Link::File {
            return Seen { at: now, uncertainty_ms: 0, clock: ClockSource::File };
        }
        let camera = state.ntp.and_then(|(mapped, ntp)| {
            let ntp = (ntp + at.since(mapped)).checked_sub(mapped.since(at))?;
            let millis = i64::try_from(ntp.as_millis()).ok()? - NTP_TO_UNIX_SECS as i64 * 1000;
            Some(WallTime::from_unix_millis(millis))
        });
        let seen = state.clock.seen(now - age, camera);
        self.camera.counters.set_clock_offset(state.clock.offset_ms());
        seen
    }
}

impl Tap for LiveTap {
    fn format(&self, format: Arc<Format>, size: Option<PictureSize>) {
        let mut state = self.state.lock();
        if state.format.as_ref().is_none_or(|known| known.codec != format.codec) {
            state.gate = Gate::new(format.codec == Codec::Mjpeg);
        }
        state.format = Some(format);
        state.size = size.or(state.size);
    }

    fn unit(&self, at: MediaTime, buffer: &gst::BufferRef, behind: bool) -> (Verdict, bool) {
        let policy = *self.camera.policy.lock();
        let flags = buffer.flags();
        let keyframe = !flags.contains(gst::BufferFlags::DELTA_UNIT);
        let (unit, verdict, drain) = {
            let mut state = self.state.lock();
            let damaged =
                flags.intersects(gst::BufferFlags::DISCONT | gst::BufferFlags::CORRUPTED) && !state.remembered.is_empty();
            let verdict = state.gate.admit(policy, UnitFacts { pts: at, keyframe, damaged, behind });
            // Drained for nothing, a decoder may give its last picture again.
            let drain = state.gate.take_drain() && state.undecoded_since.is_some();
            let seen = self.seen(&mut state, at);
            let index = self.camera.counters.unit(keyframe, buffer.size(), verdict);
            if state.remembered.len() == REMEMBERED_UNITS {
                state.remembered.pop_front();
            }
            state.remembered.push_back(Remembered { at, index, seen, keyframe });
            if verdict == Verdict::Decode {
                state.undecoded_since.get_or_insert_with(Instant::now);
            }
            let media_time = self.base + Duration::from_nanos(at.as_nanos());
            let unit = state.format.clone().map(|format| (format, media_time, seen));
            (unit, verdict, drain)
        };
        self.units.fetch_add(1, Relaxed);
        if let (Some((format, media_time, seen)), false, Ok(map)) = (unit, self.closed.load(Relaxed), buffer.map_readable()) {
            self.camera.ring.push(Unit { media_time, seen, keyframe, data: map.as_slice().into(), format });
        }
        (verdict, drain)
    }

    fn decoded(&self, at: MediaTime) -> bool {
        let policy = *self.camera.policy.lock();
        let mut state = self.state.lock();
        state.undecoded_since = None;
        if state.decoded.replace(at) == Some(at) {
            return false; // The same again, out of a drained decoder.
        }
        self.camera.counters.decoded();
        self.decoded.fetch_add(1, Relaxed);
        let shown = state.gate.show(policy, at);
        if !shown {
            count(&self.camera.counters.thinned);
        }
        shown
    }
}

/// The time since 1900 that a buffer says it was taken at.
fn ntp_time(buffer: &gst::BufferRef) -> Option<Duration> {
    buffer
        .iter_meta::<gst::ReferenceTimestampMeta>()
        .find(|meta| meta.reference().structure(0).is_some_and(|caps| caps.name() == "timestamp/x-ntp"))
        .map(|meta| Duration::from_nanos(meta.timestamp().nseconds()))
}
