//! Puts the centre together and runs it. The only file that starts tasks.
//!
//! | task | does | waits for | at its bound |
//! |---|---|---|---|
//! | broker | keeps our mosquitto running (managed mode) | its death | |
//! | link | polls the broker's connection | the broker | |
//! | heir | says that this centre lives, takes over from one of its group that is silent | the store, the broker | the queue of the writer |
//! | writers, one for evidence pictures, one for all else | put pictures in their place, commit batches of 128, then acknowledge | a queue of 512 each from link | link waits; the broker sends no more than 128 unacknowledged; latest pictures are left out from half on |
//! | live | sends what changed to listeners | the store's newest sequence number (newest wins) | a listener's queue of 64: it is dropped and resumes |
//! | follow | learns what other centres on the same PostgreSQL changed | a notification, or 5 s | only the newest number counts |
//! | watch | says what the rules have to say about new incidents, raises what nobody took in time, tells of floods of alarms | every second | |
//! | feeds desk | keeps for each feed what is to be sent of what changed | a change, or 3 s | 200 changes a transaction |
//! | feed sender, one a destination | sends it | what is due | 4 requests at once, 10 s each; one at a time while nobody answers |
//! | figures | adds measurements up by the hour | every 20 s | 2000 measurements a transaction |
//! | housekeeping | closes, expires, trims, makes room; lets go of what is old | every 10 s; every hour | |
//! | http | serves | connections | 500 listeners on the stream: 503; 2 passwords at once: the next waits |
//!
//! Stopping goes against the stream: HTTP, link, writer and the rest first, the broker last, so that nothing on its way is cut off.
//! What was not committed by then is not acknowledged and stays at the broker.

use std::{fs::File, net::SocketAddr, sync::Arc, time::Duration};

use matpho_scene::WallTime;
use tokio::{
    net::TcpListener,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{self, Api},
    auth::{access::Permissions, oidc::Oidc, token},
    broker::{
        Access, BrokerError,
        managed::{self, Managed},
    },
    clips::Clips,
    config::{Broker, Config, files::Files},
    health::Status,
    incident::watch::Watch,
    ingest::{
        heir::Heir,
        link::{Link, Queues},
        writer::Writer,
    },
    live::{Live, Shown},
    metrics::Metrics,
    pictures::Pictures,
    senders::{self, FeedError, Senders},
    store::{Store, StoreError},
};

/// How often things that only time brings about are looked after.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked for what is older than it is kept.
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);

/// So long after the clock was set ahead nothing is let go for its age: somebody has to be able to set it right.
const RETAIN_AFTER_CLOCK_SET: Duration = Duration::from_secs(86_400);

/// Transactions that let go of it before other housekeeping has its turn.
const RETAIN_BATCHES_MAX: usize = 20;

/// How long what is at work has to finish when the centre stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The variable with a token for scripts.
pub const TOKEN_VARIABLE: &str = "MATPHO_DEMO_TOKEN";

/// Why the centre does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The address for HTTP.
    #[error("cannot listen on {listen} (http.listen)")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file with the token for handing in reports.
    #[error("failed to read {path} (reports.token_file)")]
    ReportToken {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The login through a provider.
    #[error("the login through a provider cannot be offered (auth.oidc): {0}")]
    Oidc(String),
    /// What goes out by itself.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The file with the token for scripts.
    #[error("failed to read {path} (auth.demo_token_file)")]
    TokenFile {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Runs the centre until told to stop.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), RunError> {
    let folder = config.state.folder.clone();
    let store = Store::open(&config.state, &config.store).await?;
    let _lock = lock(&folder)?;
    note_config(&store, &config).await?;
    let script_token_sha256 = script_token(&config)?.map(|token| token::sha256(&token));
    let report_token_sha256 = report_token(&config)?.map(|token| token::sha256(&token));
    let oidc = config.auth.oidc.clone().map(Oidc::new).transpose().map_err(RunError::Oidc)?;
    let (listener, address) = listen(&config, &folder).await?;
    let status = Arc::new(Status::new(crate::clock::now()));
    look_at_files(&store, &status).await?;

    let broker_stop = CancellationToken::new();
    let (access, broker) = match &config.broker {
        Broker::External(external) => (Access::external(external, &folder)?, None),
        Broker::Managed(settings) => {
            let managed = Managed::prepare(settings, &folder).await?;
            let access = managed.access.clone();
            let broker = tokio::spawn(managed.supervise(broker_stop.clone()));
            managed::wait_until_up(&access).await;
            (access, Some(broker))
        }
    };

    let metrics = Arc::new(Metrics::default());
    let pictures = Arc::new(Pictures::default());
    let live = Arc::new(Live::new(metrics.clone()));
    let senders = Senders::new(&config.feeds, &store, &status, &metrics, &folder)?;
    let shown = Shown::new(store.clone(), pictures.clone());
    let subscribed: Box<dyn Fn() + Send> = match &config.broker {
        Broker::Managed(_) => {
            let folder = folder.clone();
            Box::new(move || managed::persist(&folder))
        }
        Broker::External(_) => Box::new(|| {}),
    };
    let link = Link::new(&access, status.clone(), metrics.clone(), subscribed);
    let (queues, queues_out) = Queues::new();
    let complaints = Arc::default();
    let writers = queues_out.map(|(lane, queue)| {
        let writer = Writer {
            lane,
            store: store.clone(),
            settings: config.incidents.clone(),
            pictures: pictures.clone(),
            live: live.clone(),
            status: status.clone(),
            metrics: metrics.clone(),
            complaints: Arc::clone(&complaints),
        };
        (writer, queue)
    });
    let clips = Clips { store: store.clone(), commands: link.commands(), status: status.clone(), config: config.clips.clone() };
    let api = Arc::new(Api {
        shown: shown.clone(),
        live: live.clone(),
        clips,
        status: status.clone(),
        metrics,
        access: Permissions::new(store.clone()),
        throttle: Default::default(),
        oidc,
        kept: Default::default(),
        script_token_sha256,
        report_token_sha256,
        session: config.auth.session,
        behind_tls: config.http.behind_tls,
        config: config.clone(),
    });

    let tasks = TaskTracker::new();
    if let (Broker::External(external), Some(_)) = (&config.broker, &access.shared_group) {
        if config.state.files == Files::Folder(config.state.folder.clone()) {
            tracing::warn!(
                "this centre keeps pictures and clips for itself; the others of its group cannot show them (state.files_folder, or files.mode = \"s3\")"
            );
        }
        let heir = Arc::new(Heir { store: store.clone(), access, silence: external.takeover });
        heir.live().await?;
        tasks.spawn({
            let (heir, stop) = (heir.clone(), stop.clone());
            async move { heir.keep_alive(stop).await }
        });
        tasks.spawn({
            let (queues, stop) = (queues.clone(), stop.clone());
            async move { heir.run(queues, stop).await }
        });
    }
    tasks.spawn(link.run(queues, stop.clone()));
    for (writer, queue) in writers {
        tasks.spawn(writer.run(queue, stop.clone()));
    }
    tasks.spawn({
        let (live, stop) = (live.clone(), stop.clone());
        async move { live.run(shown, stop).await }
    });
    tasks.spawn({
        let (store, stop) = (store.clone(), stop.clone());
        async move { stop.run_until_cancelled(store.follow()).await.unwrap_or(()) }
    });
    let watch = Watch {
        store: store.clone(),
        live: live.clone(),
        settings: config.incidents.clone(),
        promises: config.promises,
        agencies: config.dispatch.clone(),
        operators: config.operators,
    };
    tasks.spawn(watch.run(stop.clone()));
    tasks.spawn(housekeeping(store.clone(), config.clone(), status, stop.clone()));
    if senders::names(&config.feeds).is_empty() {
        // What an earlier configuration left would hold up the trimming of changes.
        let mut tx = store.begin().await?;
        tx.forget_other_feeds(&[]).await?;
        tx.commit().await?;
    } else {
        tasks.spawn(senders.desk.run(stop.clone()));
        for sender in senders.senders {
            tasks.spawn(sender.run(stop.clone()));
        }
    }
    tasks.spawn(add_up(store.clone(), config.figures.zone.clone(), stop.clone()));
    tasks.spawn(serve(listener, api, stop.clone()));
    tracing::info!("the centre serves http://{address}");
    if store.users().await?.is_empty() {
        tracing::warn!("there is no user yet: `matpho-center user add NAME` makes one");
    }

    stop.cancelled().await;
    tracing::info!("stopping");
    tasks.close();
    if timeout(STOP_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("some tasks did not stop in time");
    }
    broker_stop.cancel();
    if let Some(broker) = broker {
        let _ = broker.await;
    }
    store.close().await;
    Ok(())
}

/// Says at the start what is wrong with a bucket. One that does not answer is waited for: alarms are taken without it.
async fn look_at_files(store: &Store, status: &Status) -> Result<(), StoreError> {
    match store.files().probe().await {
        Err(error) if error.may_pass() => {
            status.set_files_failing(true);
            tracing::error!(
                error = crate::chain(&error),
                "pictures and clips cannot be kept for now; pictures wait at the broker"
            );
            Ok(())
        }
        done => done,
    }
}

/// Two centres on one state folder would undo each other's work.
pub fn lock(folder: &std::path::Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|source| StoreError::File { doing: "create", path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(folder.into())),
        Err(std::fs::TryLockError::Error(source)) => Err(StoreError::File { doing: "lock", path, source }),
    }
}

/// Another configuration than before is a change that the audit trail has. It names files with secrets, and holds none.
async fn note_config(store: &Store, config: &Config) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    tx.audit_config(&token::sha256(&format!("{config:?}")), crate::clock::now()).await?;
    tx.commit().await
}

fn report_token(config: &Config) -> Result<Option<String>, RunError> {
    let Some(path) = &config.report_token_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|source| RunError::ReportToken { path: path.clone(), source })?;
    Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty()))
}

fn script_token(config: &Config) -> Result<Option<String>, RunError> {
    let given = match &config.auth.demo_token_file {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|source| RunError::TokenFile { path: path.clone(), source })?),
        None => std::env::var(TOKEN_VARIABLE).ok(),
    };
    let token = given.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    if token.as_ref().is_some_and(|token| token.len() < 16) {
        tracing::warn!("the token for scripts is short; whoever guesses it may acknowledge and close incidents");
    }
    Ok(token)
}

/// Listens, and writes down where, for whoever set port 0.
async fn listen(config: &Config, folder: &std::path::Path) -> Result<(TcpListener, SocketAddr), RunError> {
    let failed = |source| RunError::Listen { listen: config.http.listen, source };
    let listener = TcpListener::bind(config.http.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let path = folder.join("http.url");
    std::fs::write(&path, format!("http://{address}\n")).map_err(|source| StoreError::File { doing: "write", path, source })?;
    Ok((listener, address))
}

async fn serve(listener: TcpListener, api: Arc<Api>, stop: CancellationToken) {
    let service = api::router(api).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone().cancelled_owned();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the HTTP server failed");
        stop.cancel();
    }
}

/// How often measurements are added up.
const ADD_UP_EVERY: Duration = Duration::from_secs(20);

async fn add_up(store: Store, zone: jiff::tz::TimeZone, stop: CancellationToken) {
    loop {
        let wait = match store.add_up(&zone).await {
            Ok(0) => ADD_UP_EVERY,
            Ok(_) => Duration::from_millis(100),
            Err(error) => {
                tracing::warn!(error = crate::chain(&error), "measurements could not be added up and are tried again");
                ADD_UP_EVERY
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

async fn housekeeping(store: Store, config: Config, status: Arc<Status>, stop: CancellationToken) {
    let mut every = interval(HOUSEKEEPING_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut retained: Option<Instant> = None;
    let (mut clock, mut doubted): (_, Option<Instant>) = (crate::clock::Watch::start(), None);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        if let Err(error) = keep_house(&store, &config, crate::clock::now()).await {
            tracing::warn!(error = crate::chain(&error), "housekeeping failed and is tried again");
        }
        if let Some(seconds) = clock.look() {
            tracing::error!(
                seconds,
                "the clock of this machine was set; what came in between may bear a wrong time (ahead is positive; after that nothing is let go \
                 for its age for a day)"
            );
            doubted = (seconds > 0).then(Instant::now).or(doubted);
        }
        if let Err(error) = store.sweep_files().await {
            let error = crate::chain(&error);
            tracing::warn!(error, "pictures or clips that were given up could not be removed; tried again until they are");
        }
        // A bucket that was away at the start is not waited for by any picture.
        if status.files_failing() && store.files().is_bucket() && store.files().probe().await.is_ok() {
            status.set_files_failing(false);
        }
        let is_trusted = doubted.is_none_or(|then| then.elapsed() >= RETAIN_AFTER_CLOCK_SET);
        if is_trusted && retained.is_none_or(|then| then.elapsed() >= RETAIN_EVERY) {
            match retain(&store, &config, crate::clock::now()).await {
                Ok(all) => retained = all.then(Instant::now),
                Err(error) => tracing::warn!(error = crate::chain(&error), "what is old could not be let go; tried again"),
            }
        }
    }
}

/// Lets go of what is older than the configuration keeps. Returns whether that was all.
async fn retain(store: &Store, config: &Config, now: WallTime) -> Result<bool, StoreError> {
    if let Err(error) = config.retention.check(&store.areas().await?, crate::clock::today()) {
        tracing::error!(%error, "rules of retention name areas that are not there");
        return Ok(true);
    }
    let mut all = true;
    for line in config.retention.lines() {
        let Some(period) = line.period else { continue };
        let gone = store.let_go(&line, now - period, RETAIN_BATCHES_MAX).await?;
        if gone > 0 {
            tracing::info!(gone, "{} were older than they are kept ({})", line.kept.word(), line.key());
        }
        all &= store.count_old(&line, now - period).await? == 0;
    }
    Ok(all)
}

async fn keep_house(store: &Store, config: &Config, now: WallTime) -> Result<(), StoreError> {
    let moved = store.settle_places(crate::clock::today()).await?;
    if moved > 0 {
        tracing::info!(cameras = moved, "areas changed, and with them in which area cameras and their incidents lie");
    }
    let mut tx = store.begin().await?;
    if let Some(after) = config.incidents.camera_auto_close {
        let closed = tx.close_recovered(now - after, now).await?;
        if closed > 0 {
            tracing::info!(closed, "incidents about cameras that recovered were closed");
        }
    }
    tx.expire_clips(now).await?;
    tx.trim_sessions(now).await?;
    tx.trim_logins(now).await?;
    tx.trim_keys(now).await?;
    tx.trim_changes().await?;
    let given_up = match config.state.evidence_bytes_max {
        Some(bytes_max) => tx.make_room(bytes_max).await?,
        None => Vec::new(),
    };
    tx.commit().await?;
    if !given_up.is_empty() {
        tracing::info!(
            files = given_up.len(),
            "the oldest pictures and clips of closed incidents make room (state.evidence_mib_max)"
        );
    }
    Ok(())
}

/// Cancelled by SIGTERM and Ctrl-C; a second one of them ends the process as signals do.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        stopping.cancel();
        next().await;
        std::process::exit(1);
    });
    Ok(stop)
}
