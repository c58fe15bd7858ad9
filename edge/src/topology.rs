//! Every thread and task of the gateway, and every queue between them. Nothing else in this crate starts one.
//!
//! ```text
//! cam-<id> ──slot──▶ look-<n> ──said──▶ publisher ──outbox──▶ link ⇄ broker
//!    └────streams────▲  │  └──shots──▶ evidence ──said──▲      │  ▲
//!                       └──clips──▶ clips                     commands ──said──▲ (replies)
//! ```
//!
//! | queue | from → to | bound | when full |
//! |---|---|---|---|
//! | slot | camera → its worker | 1 a camera | the older picture is replaced, and counted |
//! | streams | camera → its worker | [`STREAMS_MAX`] | the camera's supervisor waits: states change seldom, and none may be missed |
//! | said | workers, evidence, commands → publisher | [`SAID_MAX`] | an event, a picture of evidence or a reply waits; a measurement is dropped, and counted |
//! | shots | workers → evidence | [`SHOTS_MAX`] | a picture of evidence waits; a camera's latest picture is dropped |
//! | latest | evidence → link | [`LATEST_MAX`] | dropped: the next one comes in seconds |
//! | clips | workers → clips | [`CLIPS_MAX`] | no clip of this event, counted; the event says so |
//! | outbox | publisher → link | bytes, on disk | measurements are thinned, then refused, pictures refused; an event never is |
//! | board | workers → link | 1 a camera | the newest word replaces the older |
//! | commands | link → commands | [`COMMANDS_MAX`] | the command is answered "busy" |
//!
//! Threads: `cam-<id>` keeps a camera connected, `look-<n>` owns the models' sessions of a fixed set of cameras, `evidence` develops pictures, `clips` writes
//! clips, `commands` uploads them. Tasks: `publisher`, `link`, `http`, on two threads called `net`.
//!
//! A stop (the first SIGINT or SIGTERM) goes the way of the data: cameras, workers (open events end as stopped), evidence, publisher, link (empties the
//! outbox as far as it can, says good-bye). The second signal ends the program at once; so does a stop that takes longer than [`STOP_MAX`].

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc as std_mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use matpho_media::{CameraStatus as MediaStatus, Frame, RingConfig, SlotSet, SourceConfig, Stop, Watch};
use matpho_scene::CameraId;
use matpho_wire::{CloudEvent, EventId, EvidenceData};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    announce::{Announcer, Ids},
    commands::Commander,
    config::{Config, now},
    confirm::Confirmation,
    evidence::{self, Shot, clips::ClipStore},
    http,
    judge::Judge,
    learned::Learned,
    models::{Needs, Shelf},
    mqtt::{Boot, Link},
    outbox::Outbox,
    publisher::{Publisher, Said},
    status::{Board, CameraWatch, Stream},
    vitals::Vitals,
    worker::{ClipOrder, Outlets, Seat, Worker},
};

/// States of streams that a worker has not looked at yet.
pub const STREAMS_MAX: usize = 64;
/// Messages that wait for the disk.
pub const SAID_MAX: usize = 256;
/// Pictures that wait to be developed: 16 of 1280x720 are 44 MiB.
pub const SHOTS_MAX: usize = 16;
/// Latest pictures that wait for the link.
pub const LATEST_MAX: usize = 16;
/// Clips that are being recorded.
pub const CLIPS_MAX: usize = 64;
/// Commands that wait.
pub const COMMANDS_MAX: usize = 8;
/// A stop that takes longer ends the program with exit code 1; what waits is in the outbox.
pub const STOP_MAX: Duration = Duration::from_secs(30);

/// Beyond the seconds of a clip, the ring keeps what a keyframe distance and a slow disk need.
const RING_SLACK: Duration = Duration::from_secs(8);

fn thread_named<T: Send + 'static>(name: String, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.clone()).spawn(work).with_context(|| format!("cannot start thread {name}"))
}

/// Runs the gateway until a signal, then stops it in order.
pub fn run(config: Config, shelf: &Shelf) -> anyhow::Result<()> {
    let net = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("net").enable_all().build()?;
    let started = now();
    std::fs::create_dir_all(&config.state.folder).with_context(|| {
        format!("the state folder {} cannot be made: create it, or set [state] folder", config.state.folder.display())
    })?;
    let outbox = Arc::new(net.block_on(Outbox::open(&config.state.folder.join("outbox.db"), config.state.outbox_bytes_max))?);
    let clip_store = config
        .evidence
        .clips()
        .then(|| ClipStore::open(config.state.folder.join("clips"), config.evidence.clips_bytes_max))
        .transpose()?;
    let board = Arc::new(Board::default());

    // Cameras, each at a worker, in turn.
    let n_workers = config.runtime.workers.get().min(config.cameras.len());
    let slots: Vec<SlotSet<CameraId, Frame>> = (0..n_workers).map(|_| SlotSet::new()).collect();
    let mut opened = Vec::new();
    for (n, camera) in config.cameras.iter().enumerate() {
        match matpho_media::Camera::open(source(camera, &config), slots[n % n_workers].bell()) {
            Ok((media, watch)) => opened.push((n % n_workers, camera.clone(), media, watch)),
            Err(error) => {
                tracing::error!(camera = %camera.id, error = %crate::chain(&error), "the camera cannot be used; the others go on");
                let mut watch = CameraWatch::new(camera, started);
                watch.stream(Stream::Lost("decoder".into()));
                board.post(watch.say(started).0);
            }
        }
    }
    let vitals = Arc::new(Vitals::new(started, opened.iter().map(|(_, _, media, _)| media.clone())));

    // Queues.
    let (said, said_rx) = mpsc::channel(SAID_MAX);
    let (shots, shots_rx) = std_mpsc::sync_channel(SHOTS_MAX);
    let (latest, latest_rx) = mpsc::channel(LATEST_MAX);
    let (clips, clips_rx) = std_mpsc::sync_channel(CLIPS_MAX);
    let (commands, commands_rx) = std_mpsc::sync_channel(COMMANDS_MAX);
    let outlets = Outlets {
        said: said.clone(),
        shots,
        clips: clip_store.is_some().then_some(clips),
        board: board.clone(),
        vitals: vitals.clone(),
    };

    // Tasks.
    let publisher = Publisher { address: config.address.clone(), outbox: outbox.clone(), vitals: vitals.clone() };
    let left_open = net.block_on(publisher.end_left_open())?;
    if left_open > 0 {
        tracing::warn!(events = left_open, "the last run ended without ending its events; they are ended now");
    }
    let (publisher_stop, link_stop) = (CancellationToken::new(), CancellationToken::new());
    let publisher = net.spawn(publisher.run(said_rx, publisher_stop.clone()));
    let link = Link {
        address: config.address.clone(),
        broker: config.broker.clone(),
        outbox: outbox.clone(),
        board: board.clone(),
        vitals: vitals.clone(),
        boot: Boot { id: uuid::Uuid::now_v7().to_string(), started, cameras: config.cameras.len() as u32 },
        pictures: latest_rx,
        commands,
        said: said.downgrade(),
    };
    let link = net.spawn(link.run(link_stop.clone()));
    if let Some(listen) = config.http {
        let pages = http::router(http::Pages { vitals: vitals.clone(), board: board.clone(), outbox: outbox.clone() });
        let listener = net
            .block_on(tokio::net::TcpListener::bind(listen))
            .with_context(|| format!("cannot listen on {listen} for /healthz and /metrics: another program does; set [http] listen to another port, or to off"))?;
        net.spawn(async move { axum::serve(listener, pages).await });
    }

    // Threads.
    let width_max = config.evidence.picture_width_max;
    let evidence = {
        let (said, vitals) = (said.clone(), vitals.clone());
        let source = config.address.clone();
        thread_named("evidence".into(), move || {
            develop(shots_rx, width_max, &|camera| source.camera_source(camera), &said, &latest, &vitals)
        })?
    };
    let recording = Arc::new(Mutex::new(BTreeSet::new()));
    let clips = clip_store.clone().map(|store| {
        let rings = opened.iter().map(|(_, _, media, _)| media.clone()).collect::<Vec<_>>();
        let (recording, vitals) = (recording.clone(), vitals.clone());
        thread_named("clips".into(), move || keep_clips(clips_rx, &store, &rings, &recording, &vitals))
    });
    let clips = clips.transpose()?;
    let commander = Commander {
        address: config.address.clone(),
        center: config.center.clone(),
        clips: clip_store,
        is_recording: Arc::new(move |event| recording.lock().contains(&event)),
        said: said.clone(),
    };
    thread_named("commands".into(), move || commander.run(commands_rx))?;

    let (media_stop, look_stop) = (Stop::new(), Stop::new());
    let mut cameras = Vec::new();
    let mut workers = Vec::new();
    let mut seats: Vec<Vec<_>> = (0..n_workers).map(|_| Vec::new()).collect();
    for (n, camera, media, watch) in opened {
        seats[n].push((camera, media, watch));
    }
    let mut bells = Vec::new();
    for (n, (slots, members)) in slots.into_iter().zip(seats).enumerate() {
        let redact = config.evidence.redact;
        let needs = members
            .iter()
            .fold(Needs { vehicles: redact, ..Needs::default() }, |needs, (camera, ..)| needs.or(Needs::of(&camera.plan)));
        let (models, wrong) = shelf.load(needs);
        if n == 0 {
            for (model, error) in wrong {
                tracing::error!(%model, error = %crate::chain(&error), "a model does not start; what needs it stays unknown");
            }
        }
        let (tell, streams) = std_mpsc::sync_channel(STREAMS_MAX);
        let refs = models.refs();
        let mut taken = Vec::new();
        for (camera, media, watch) in members {
            slots.add(camera.id.clone(), media.slot());
            let mut judge = Judge::new(camera.plan.clone(), shelf.vehicles());
            let mut learned = Learned::new(&config.state.folder, &camera.id);
            judge.remember(&learned.load());
            let announcer = Announcer::new(&config.address, camera.id.clone(), Ids::Random, refs.clone());
            let id = camera.id.clone();
            let kept = (learned, Confirmation::new(&config.state.folder, &id), config.utc_offset_min);
            taken.push(Seat::new(camera, config.evidence.clone(), media, judge, announcer, kept));
            let (tell, stop) = (tell.clone(), media_stop.clone());
            cameras.push(thread_named(format!("cam-{id}"), move || {
                let mut on_status = |status: MediaStatus| drop(tell.send((id.clone(), status)));
                watch.run(&mut on_status, &stop);
            })?);
        }
        bells.push(slots.bell());
        let worker = Worker { models, seats: taken, slots, streams, outlets: outlets.clone() };
        let stop = look_stop.clone();
        workers.push(thread_named(format!("look-{n}"), move || worker.run(&stop))?);
    }
    drop(outlets);
    tracing::info!(edge = %config.address, cameras = cameras.len(), workers = workers.len(), state = %config.state.folder.display(), "at work");

    net.block_on(signal())?;
    tracing::info!("told to stop; a second signal ends at once");
    net.spawn(async {
        let _ = signal().await;
        std::process::exit(130);
    });
    net.spawn(async {
        tokio::time::sleep(STOP_MAX).await;
        tracing::error!("the stop took too long; what waits is in the outbox, what could not be written there is lost");
        std::process::exit(1);
    });

    media_stop.set();
    look_stop.set();
    bells.iter().for_each(|bell| bell.close());
    join(workers);
    join(std::iter::once(evidence).chain(clips));
    publisher_stop.cancel();
    let _ = net.block_on(publisher);
    link_stop.cancel();
    let _ = net.block_on(link);
    join(cameras);
    tracing::info!("stopped");
    Ok(())
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        let name = thread.thread().name().unwrap_or_default().to_owned();
        if thread.join().is_err() {
            tracing::error!(thread = %name, "a thread had panicked");
        }
    }
}

/// The first SIGINT or SIGTERM.
async fn signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// What media is asked for.
fn source(camera: &crate::config::Camera, config: &Config) -> SourceConfig {
    let mut source = SourceConfig::new(camera.id.clone(), camera.location.clone());
    source.transport = camera.transport;
    source.decode = Seat::policy(camera);
    source.decoder = camera.decoder.clone();
    source.frame_age_max = camera.frame_age_max;
    source.picture_width_max = config.evidence.picture_width_max.max(640);
    let evidence = &config.evidence;
    // Without clips one keyframe distance is enough.
    source.ring = if evidence.clips() {
        RingConfig { keep: evidence.clip_before + evidence.clip_after + RING_SLACK, ..RingConfig::default() }
    } else {
        RingConfig { keep: Duration::from_secs(1), bytes_max: 2 << 20 }
    };
    source
}

/// The work of thread `evidence`.
fn develop(
    shots: std_mpsc::Receiver<Shot>,
    width_max: u32,
    source: &dyn Fn(&CameraId) -> String,
    said: &mpsc::Sender<Said>,
    latest: &mpsc::Sender<(CameraId, CloudEvent<EvidenceData>)>,
    vitals: &Vitals,
) {
    for shot in shots {
        let (camera, proves) = (shot.camera.clone(), shot.proves.is_some());
        let data = match evidence::develop(shot, width_max) {
            Ok(data) => data,
            Err(error) => {
                tracing::error!(%camera, error = %crate::chain(&error), "a picture could not be made");
                continue;
            }
        };
        let kind = if proves { "io.matpho.v1.evidence" } else { "io.matpho.v1.camera.picture" };
        let message = CloudEvent::new(uuid::Uuid::now_v7().to_string(), source(&camera), kind.into(), data.seen.at, now(), data);
        let message = message.with_subject(camera.as_str());
        if proves {
            if let Some(vitals) = vitals.camera(&camera) {
                vitals.picture();
            }
            let _ = said.blocking_send(Said::Evidence(Box::new(message)));
        } else {
            let _ = latest.try_send((camera, message));
        }
    }
}

/// The work of thread `clips`: each clip is written when what follows its event has been seen, or at the end.
fn keep_clips(
    orders: std_mpsc::Receiver<ClipOrder>,
    store: &ClipStore,
    cameras: &[matpho_media::Camera],
    recording: &Mutex<BTreeSet<EventId>>,
    vitals: &Vitals,
) {
    let mut waiting: Vec<ClipOrder> = Vec::new();
    let mut open = true;
    while open || !waiting.is_empty() {
        let due = waiting.iter().map(|order| order.due).min();
        let wait = due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
        if open {
            match orders.recv_timeout(wait) {
                Ok(order) => {
                    recording.lock().insert(order.event);
                    waiting.push(order);
                }
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                Err(std_mpsc::RecvTimeoutError::Disconnected) => open = false,
            }
        }
        let at = Instant::now();
        let (ripe, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|order| !open || order.due <= at);
        waiting = rest;
        for order in ripe {
            let kept = cameras
                .iter()
                .find(|camera| *camera.id() == order.camera)
                .map(|camera| camera.ring().clip(order.span.0, order.span.1));
            let kept = match kept {
                Some(Ok(clip)) => store.keep(order.event, &clip).map_err(|error| crate::chain(&error)),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("the camera is gone".into()),
            };
            match kept {
                Ok(written) => {
                    tracing::info!(camera = %order.camera, event = %order.event, bytes = written.bytes, duration_s = written.duration.as_secs_f32(), "clip kept");
                    if let Some(vitals) = vitals.camera(&order.camera) {
                        vitals.clip();
                    }
                }
                Err(error) => {
                    tracing::warn!(camera = %order.camera, event = %order.event, %error, "no clip");
                    vitals.clip_missed();
                }
            }
            recording.lock().remove(&order.event);
        }
    }
}

/// Watches a camera on a thread of its own while `work` uses its pictures; for `analyze` of a stream. Ends with `work`.
pub fn while_watching<T>(watch: Watch, on_status: impl Fn(MediaStatus) + Send, work: impl FnOnce() -> T) -> anyhow::Result<T> {
    let stop = Stop::new();
    thread::scope(|scope| {
        let watching = thread::Builder::new().name("camera".into()).spawn_scoped(scope, {
            let stop = stop.clone();
            move || watch.run(&mut |status| on_status(status), &stop)
        });
        let outcome = watching.context("cannot start a thread").map(|_| work());
        stop.set();
        outcome
    })
}

/// Sets the flag at the first SIGINT; the second ends the program. For `analyze` of a stream.
pub fn stop_at_interrupt(stop: &Stop) -> anyhow::Result<()> {
    let stop = stop.clone();
    thread_named("signals".into(), move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let _ = runtime.block_on(signal());
        stop.set();
        let _ = runtime.block_on(signal());
        std::process::exit(130);
    })?;
    Ok(())
}
