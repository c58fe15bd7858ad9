//! One inference worker: looks at the newest picture of each of its cameras in turn, judges, and hands on what is to be said.
//!
//! It is called by the thread that `topology.rs` gives it; it starts none. It waits for nobody but the publisher: an event is worth waiting for, a
//! figure or a latest picture is not.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc as std_mpsc},
    time::{Duration, Instant},
};

use matpho_analytics::{Output, Request, StreamState};
use matpho_media::{CameraStatus as MediaStatus, DecodePolicy, Frame};
use matpho_scene::{
    CameraId, ClockSource, Detection, MediaTime, PictureHealth, Seen,
    event::{Detail, Finding, Phase},
};
use matpho_vision::{ChangeProbe, HealthProbe};
use matpho_wire::EventId;
use tokio::sync::mpsc;

use crate::{
    announce::{Anchor, Announcer},
    config::{self, now},
    confirm::Confirmation,
    evidence::{Proves, Redaction, Shot},
    judge::Judge,
    learned::Learned,
    look::{Looked, Models, Schedule, Spent},
    publisher::Said,
    status::{Board, CameraWatch, Stream},
    vitals::Vitals,
};

/// What a burst decodes: enough to tell flicker from a lamp, a third of what decoding everything into the models would cost.
const BURST: DecodePolicy = DecodePolicy::AtMost { fps: 8.0 };
/// How often a camera's retained status is said though nothing changed.
const STATUS_EVERY: Duration = Duration::from_secs(15);
/// How often states are looked at.
const LOOK_AFTER: Duration = Duration::from_millis(500);
/// Keyframes a second, where nobody asked for traffic.
pub const KEYFRAMES_FPS_MAX: f64 = 1.0;

/// A clip that is to be kept.
#[derive(Debug, Clone)]
pub struct ClipOrder {
    /// Of which event.
    pub event: EventId,
    /// Of which camera.
    pub camera: CameraId,
    /// From and to, on the clock of the pictures.
    pub span: (matpho_scene::WallTime, matpho_scene::WallTime),
    /// Not before.
    pub due: Instant,
}

/// Where things go.
#[derive(Clone)]
pub struct Outlets {
    /// Events and figures.
    pub said: mpsc::Sender<Said>,
    /// Pictures to be developed.
    pub shots: std_mpsc::SyncSender<Shot>,
    /// Clips to be kept; none where no clips are.
    pub clips: Option<std_mpsc::SyncSender<ClipOrder>>,
    /// Retained states.
    pub board: Arc<Board>,
    /// Counters.
    pub vitals: Arc<Vitals>,
}

/// A camera's place at a worker.
pub struct Seat {
    config: config::Camera,
    evidence: config::Evidence,
    media: matpho_media::Camera,
    judge: Judge,
    announcer: Announcer,
    learned: Learned,
    confirmation: Confirmation,
    schedule: Schedule,
    health: HealthProbe,
    changes: ChangeProbe,
    utc_offset_min: i32,
    measurable: bool,
    watch: CameraWatch,
    opened: Instant,
    last: Option<Last>,
    burst_until: Option<Instant>,
    latest_due: Instant,
    status_due: Instant,
    rate: Rate,
}

/// The newest picture.
struct Last {
    anchor: Anchor,
    arrived: Instant,
    frame: Frame,
    /// People and vehicles in it, where somebody looked.
    people: Option<Vec<Detection>>,
}

impl Seat {
    /// A seat for a camera that nobody has looked at yet.
    pub fn new(
        config: config::Camera,
        evidence: config::Evidence,
        media: matpho_media::Camera,
        judge: Judge,
        announcer: Announcer,
        (learned, confirmation, utc_offset_min): (Learned, Confirmation, i32),
    ) -> Self {
        let mut health = HealthProbe::new();
        if let Some(path) = &config.reference {
            let referred = crate::evidence::jpeg::read(path)
                .map_err(anyhow::Error::from)
                .and_then(|picture| Ok(health.set_reference(&picture)?));
            if let Err(error) = referred {
                tracing::error!(camera = %config.id, error = %format!("{error:#}"), "the reference picture cannot be used; one of the first good pictures takes its place");
            }
        }
        Self {
            watch: CameraWatch::new(&config, now()),
            schedule: Schedule::new(judge.plan()),
            config,
            evidence,
            media,
            judge,
            announcer,
            learned,
            confirmation,
            health,
            changes: ChangeProbe::new(),
            utc_offset_min,
            measurable: true,
            opened: Instant::now(),
            last: None,
            burst_until: None,
            latest_due: Instant::now(),
            status_due: Instant::now(),
            rate: Rate::default(),
        }
    }

    /// Whose it is.
    pub fn camera(&self) -> &CameraId {
        &self.config.id
    }

    /// What is decoded when nothing is suspected.
    pub fn policy(config: &config::Camera) -> DecodePolicy {
        if config.needs_tracks() {
            DecodePolicy::AtMost { fps: config.fps }
        } else {
            DecodePolicy::Keyframes { fps_max: KEYFRAMES_FPS_MAX }
        }
    }

    /// Now, on the stream's clock: it goes on while the stream stands still.
    fn media_now(&self) -> MediaTime {
        match &self.last {
            Some(last) => last.anchor.media + last.arrived.elapsed(),
            None => MediaTime::ZERO + self.opened.elapsed(),
        }
    }

    fn anchor(&self) -> Anchor {
        self.last.as_ref().map_or_else(
            || Anchor { media: self.media_now(), seen: Seen { at: now(), uncertainty_ms: 1000, clock: ClockSource::Arrival } },
            |last| last.anchor,
        )
    }

    /// A picture came.
    pub fn frame(&mut self, frame: Frame, models: &mut Models, outlets: &Outlets) {
        let at = frame.media_time;
        let due = self.schedule.due(at);
        let vitals = outlets.vitals.camera(&self.config.id);
        let looked = match models.look(&frame.picture, due, self.judge.plan()) {
            Ok((looked, spent)) => {
                if let Some(vitals) = vitals {
                    vitals.analysed(spent);
                }
                let health = if due.health { self.measure(&frame) } else { None };
                let fire_changes = crate::look::fire_changes(&mut self.changes, &frame.picture, &looked);
                Looked {
                    health,
                    fire_changes,
                    minute_of_day: Some(config::minute_of_day(frame.seen.at, self.utc_offset_min)),
                    ..looked
                }
            }
            Err(error) => {
                if let Some(vitals) = vitals {
                    vitals.failed();
                }
                tracing::error!(camera = %self.config.id, error = %crate::chain(&error), "a picture could not be looked at");
                Looked::default()
            }
        };
        let outputs = self.judge.picture(at, frame.picture.size(), &looked);
        self.watch.frame(now());
        self.rate.tick();
        let anchor = Anchor { media: at, seen: frame.seen };
        self.last = Some(Last { anchor, arrived: Instant::now(), frame, people: looked.vehicles });
        self.hand_on(outputs, models, outlets);
        self.latest(models, outlets);
    }

    /// How usable the picture is. What cannot be measured is told once, not with every picture.
    fn measure(&mut self, frame: &Frame) -> Option<PictureHealth> {
        let measured = self.health.measure(&frame.picture);
        if let Err(error) = &measured
            && self.measurable
        {
            tracing::warn!(camera = %self.config.id, error = %crate::chain(error), "pictures cannot be measured; whether the camera sees stays unknown");
        }
        self.measurable = measured.is_ok();
        measured.ok()
    }

    /// The stream's state changed.
    pub fn status(&mut self, status: &MediaStatus, models: &mut Models, outlets: &Outlets) {
        let at = self.media_now();
        let outputs = match status {
            MediaStatus::Connecting { attempt } => {
                tracing::debug!(camera = %self.config.id, attempt, "connecting");
                self.watch.stream(Stream::Connecting);
                Vec::new()
            }
            MediaStatus::Live(info) => {
                let size = info.size.map(|size| size.to_string()).unwrap_or_default();
                tracing::info!(camera = %self.config.id, codec = %info.codec, %size, decoder = %info.decoder, "live");
                self.watch.stream(Stream::Live);
                self.judge.stream(at, StreamState::Live)
            }
            MediaStatus::Lost { reason, detail, retry_in } => {
                tracing::warn!(camera = %self.config.id, %reason, %detail, retry_in = %format_args!("{:.1} s", retry_in.as_secs_f32()), "lost");
                self.watch.stream(Stream::Lost(reason.as_str().into()));
                self.judge.stream(at, StreamState::Lost { reason: &reason.to_string() })
            }
        };
        self.hand_on(outputs, models, outlets);
        self.post(outlets);
    }

    /// Time passed.
    pub fn tick(&mut self, models: &mut Models, outlets: &Outlets) {
        let mut outputs = self.judge.time(self.media_now());
        if self.confirmation.take() {
            tracing::info!(camera = %self.config.id, "a person confirms the view: the zones fit the picture as it is");
            if let Err(error) = self.health.accept_view() {
                tracing::warn!(camera = %self.config.id, error = %crate::chain(&error), "the view cannot be taken; the next good pictures take its place");
            }
            outputs.extend(self.judge.confirm_view(self.media_now()));
        }
        self.hand_on(outputs, models, outlets);
        if self.burst_until.is_some_and(|until| Instant::now() >= until) {
            self.burst(None);
        }
        self.post(outlets);
    }

    /// The program ends.
    pub fn stop(&mut self, models: &mut Models, outlets: &Outlets) {
        let outputs = self.judge.stop(self.media_now());
        self.hand_on(outputs, models, outlets);
        self.learned.keep_now(&self.judge.memory());
    }

    fn post(&mut self, outlets: &Outlets) {
        self.watch.judged(self.judge.judgements(), self.rate.fps());
        let (status, changed) = self.watch.say(now());
        if changed || Instant::now() >= self.status_due {
            self.status_due = Instant::now() + STATUS_EVERY;
            outlets.board.post(status);
        }
    }

    fn burst(&mut self, at_most: Option<Duration>) {
        self.burst_until = at_most.map(|span| Instant::now() + span);
        self.schedule.set_burst(at_most.is_some());
        let base = Self::policy(&self.config);
        let faster = matches!(base, DecodePolicy::Keyframes { .. }) && at_most.is_some();
        self.media.set_policy(if faster { BURST } else { base });
    }

    fn hand_on(&mut self, outputs: Vec<Output>, models: &mut Models, outlets: &Outlets) {
        for output in outputs {
            match output {
                Output::Finding(finding) => self.finding(finding, models, outlets),
                Output::Measurement(measurement) => {
                    self.learned.keep(|| self.judge.memory());
                    let message = self.announcer.measurement(measurement, self.anchor(), now());
                    if outlets.said.try_send(Said::Measurement(Box::new(message))).is_err() {
                        outlets.vitals.dropped();
                    }
                }
                Output::Request(Request::BurstFullRate { at_most }) => self.burst(Some(at_most)),
                Output::Request(Request::ReleaseBurst) => self.burst(None),
            }
        }
    }

    fn finding(&mut self, finding: Finding, models: &mut Models, outlets: &Outlets) {
        self.watch.finding(&finding);
        let began = finding.phase == Phase::Began;
        let redaction = if began { self.redaction(models, &outlets.vitals) } else { None };
        let follows = redaction.is_some() && self.last.is_some();
        let (kind, phase, region, zone) = (finding.kind, finding.phase, finding.region, finding.zone.clone());
        let path = match &finding.detail {
            Detail::Vehicle { path, .. } => path.clone(),
            Detail::Congestion { .. } | Detail::Fire { .. } | Detail::Flood { .. } | Detail::Camera { .. } => Vec::new(),
        };
        let message = self.announcer.event(finding, self.anchor(), now(), follows);
        let event = message.data.event;
        tracing::info!(camera = %self.config.id, %kind, %phase, %event, severity = message.data.severity.as_str(), "event");
        if let Some(vitals) = outlets.vitals.camera(&self.config.id) {
            vitals.event();
        }
        // The one place that waits: for the outbox. What is said is not lost.
        let _ = outlets.said.blocking_send(Said::Event(Box::new(message)));
        if !began {
            return;
        }
        let clip_ordered = self.order_clip(event, outlets);
        if let (Some(last), Some(redaction)) = (&self.last, redaction) {
            let zone = zone
                .filter(|_| self.judge.plan().is_drawn())
                .and_then(|id| self.judge.plan().zones().iter().find(|zone| zone.id == id))
                .map(|zone| zone.polygon.clone());
            let caption = format!("{kind}  {}  {}", self.config.id, last.anchor.seen.at);
            let proves = Some(Proves { event, region, path, zone, caption, clip_available: clip_ordered });
            let shot = Shot {
                camera: self.config.id.clone(),
                seen: last.anchor.seen,
                picture: last.frame.picture.clone(),
                redaction,
                proves,
            };
            let _ = outlets.shots.send(shot);
        }
    }

    fn order_clip(&self, event: EventId, outlets: &Outlets) -> bool {
        let (Some(clips), Some(last)) = (&outlets.clips, &self.last) else { return false };
        let at = last.anchor.seen.at;
        let span = (at - self.evidence.clip_before, at + self.evidence.clip_after);
        // A second more: what the camera saw by then has to arrive.
        let due = Instant::now() + self.evidence.clip_after + Duration::from_secs(1);
        let ordered = clips.try_send(ClipOrder { event, camera: self.config.id.clone(), span, due }).is_ok();
        if !ordered {
            outlets.vitals.clip_missed();
        }
        ordered
    }

    /// What nobody may read in the newest picture; `None` where nobody can tell, and so it must not leave.
    fn redaction(&mut self, models: &mut Models, vitals: &Vitals) -> Option<Redaction> {
        if !self.evidence.redact {
            return Some(Redaction::Plain);
        }
        let last = self.last.as_mut()?;
        if last.people.is_none() {
            let (people, spent) = models.people_and_plates(&last.frame.picture).unwrap_or_else(|error| {
                tracing::error!(camera = %self.config.id, error = %crate::chain(&error), "people and plates could not be looked for; the picture stays here");
                (None, Spent::default())
            });
            last.people = people;
            if let Some(vitals) = vitals.camera(&self.config.id) {
                vitals.spent(spent);
            }
        }
        let people = last.people.as_ref()?;
        Some(Redaction::Regions(crate::evidence::redact::regions(people, last.frame.picture.size())))
    }

    fn latest(&mut self, models: &mut Models, outlets: &Outlets) {
        let due = !self.evidence.latest_every.is_zero() && Instant::now() >= self.latest_due && outlets.vitals.is_linked();
        if !due {
            return;
        }
        self.latest_due = Instant::now() + self.evidence.latest_every;
        if let Some(redaction) = self.redaction(models, &outlets.vitals)
            && let Some(last) = &self.last
        {
            let shot = Shot {
                camera: self.config.id.clone(),
                seen: last.anchor.seen,
                picture: last.frame.picture.clone(),
                redaction,
                proves: None,
            };
            let _ = outlets.shots.try_send(shot);
        }
    }
}

/// How many pictures a second were looked at over the last while.
#[derive(Debug, Default)]
struct Rate {
    times: VecDeque<Instant>,
}

impl Rate {
    const OVER: Duration = Duration::from_secs(10);

    fn tick(&mut self) {
        self.times.push_back(Instant::now());
    }

    fn fps(&mut self) -> f32 {
        while self.times.front().is_some_and(|first| first.elapsed() > Self::OVER) {
            self.times.pop_front();
        }
        (self.times.len() as f32 / Self::OVER.as_secs_f32() * 10.0).round() / 10.0
    }
}

/// A worker: its models, its cameras.
pub struct Worker {
    /// Its sessions.
    pub models: Models,
    /// Its cameras.
    pub seats: Vec<Seat>,
    /// Where their newest pictures lie.
    pub slots: matpho_media::SlotSet<CameraId, Frame>,
    /// What their streams say about themselves.
    pub streams: std_mpsc::Receiver<(CameraId, MediaStatus)>,
    /// Where everything goes.
    pub outlets: Outlets,
}

impl Worker {
    /// Works until `stop`; then ends what is open.
    pub fn run(mut self, stop: &matpho_media::Stop) {
        let mut look_due = Instant::now();
        while !stop.is_set() {
            let wait = look_due.saturating_duration_since(Instant::now());
            let taken = self.slots.take(wait);
            // States first: a picture of a new connection comes after the word that it is there.
            while let Ok((camera, status)) = self.streams.try_recv() {
                if let Some(seat) = self.seats.iter_mut().find(|seat| *seat.camera() == camera) {
                    seat.status(&status, &mut self.models, &self.outlets);
                }
            }
            if let Some((camera, frame)) = taken
                && let Some(seat) = self.seats.iter_mut().find(|seat| *seat.camera() == camera)
            {
                seat.frame(frame, &mut self.models, &self.outlets);
            }
            if Instant::now() >= look_due {
                look_due = Instant::now() + LOOK_AFTER;
                for seat in &mut self.seats {
                    seat.tick(&mut self.models, &self.outlets);
                }
            }
        }
        for seat in &mut self.seats {
            seat.stop(&mut self.models, &self.outlets);
        }
    }
}
