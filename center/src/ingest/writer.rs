//! Commits what came, several messages at a time, then acknowledges it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use matpho_scene::WallTime;
use matpho_wire::EvidenceData;
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    link::{Delivery, Lane},
    message::{self, Message},
};
use crate::{
    api::types::Picture,
    broker::accounts::account_of,
    health::Status,
    incident::rules,
    live::Live,
    metrics::Metrics,
    pictures::Pictures,
    store::{Store, StoreError, Tx, batch::Arrival, events::Taken, files},
};

/// Messages in one transaction.
const BATCH_MAX: usize = 128;

/// How long a transaction waits for company. A commit waits for the disk anyway; this makes a busy minute cost fewer of them.
const LINGER: Duration = Duration::from_millis(5);

/// How long the store may take for a batch: a server that is gone without a word would be waited for for ever.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the pictures of a batch may take: a bucket far away stores a few a second.
const FILES_TIMEOUT: Duration = Duration::from_secs(300);

/// Time between two attempts to write: the first and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// How often one sender's mistakes are told in the log.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Senders whose mistakes are told apart.
const COMPLAINTS_MAX: usize = 1_000;

/// The one who writes.
pub struct Writer {
    /// What it is given to write.
    pub lane: Lane,
    /// Where to.
    pub store: Store,
    /// What becomes one incident.
    pub settings: rules::Settings,
    /// Where latest pictures go.
    pub pictures: Arc<Pictures>,
    /// Who hears of them.
    pub live: Arc<Live>,
    /// How the centre is.
    pub status: Arc<Status>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whose mistakes were told already; of both lanes.
    pub complaints: Arc<Mutex<Complaints>>,
}

/// A message on its way into the store.
struct Item {
    delivery: Delivery,
    arrived: WallTime,
    content: Result<(String, Message), String>,
}

/// What a transaction leaves to be done once it is committed.
#[derive(Default)]
struct Aftermath {
    duplicates: u64,
    rejected: u64,
    heard: Vec<(String, String)>,
}

impl Writer {
    /// Writes until told to stop. What is in the queue then is not acknowledged: the broker keeps it.
    pub async fn run(self, mut queue: mpsc::Receiver<Delivery>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                first = queue.recv() => first,
            };
            let Some(first) = first else { return };
            let mut batch = vec![self.receive(first)];
            let deadline = Instant::now() + LINGER;
            while batch.len() < BATCH_MAX {
                match timeout_at(deadline, queue.recv()).await {
                    Ok(Some(delivery)) => batch.push(self.receive(delivery)),
                    Ok(None) | Err(_) => break,
                }
            }
            self.status.heard(crate::clock::now());
            self.show_pictures(&batch);
            batch.iter().for_each(|item| self.complaints.lock().about(item));
            if !self.write_until_done(&batch, &stop).await {
                return;
            }
            batch.iter().for_each(|item| item.delivery.ack());
        }
    }

    fn receive(&self, delivery: Delivery) -> Item {
        let topic = String::from_utf8_lossy(&delivery.publish.topic);
        let content = message::read(&topic, &delivery.publish.payload).map(|(address, message)| (account_of(&address), message));
        Item { arrived: crate::clock::now(), content, delivery }
    }

    /// Latest pictures need no store.
    fn show_pictures(&self, batch: &[Item]) {
        for item in batch {
            let Ok((edge, Message::Picture(data, jpeg))) = &item.content else { continue };
            let picture = Picture {
                edge: edge.clone(),
                camera: data.camera.to_string(),
                url: format!("/api/v1/cameras/{edge}/{}/picture.jpg?at={}", data.camera, data.seen.at.as_unix_millis()),
                seen: data.seen.at,
                width: data.width,
                height: data.height,
            };
            if self.pictures.put(picture.clone(), jpeg.clone()) {
                self.live.picture(&picture);
            }
        }
    }

    /// Tries until it is committed. False: told to stop before that.
    async fn write_until_done(&self, batch: &[Item], stop: &CancellationToken) -> bool {
        let mut backoff = BACKOFF.0;
        loop {
            match self.write(batch).await {
                Ok(aftermath) => {
                    self.status.set_store_failing(false);
                    if self.lane == Lane::Evidence {
                        self.status.set_files_failing(false);
                    }
                    self.finish(batch, aftermath).await;
                    return true;
                }
                Err(error) => {
                    if error.is_of_files() {
                        self.status.set_files_failing(true);
                    } else {
                        self.status.set_store_failing(true);
                    }
                    self.metrics.store_retries.one();
                    tracing::error!(
                        error = crate::chain(&error),
                        messages = batch.len(),
                        what = self.lane.word(),
                        retry_in_ms = backoff.as_millis() as u64,
                        "messages could not be stored; they are not acknowledged and wait at the broker"
                    );
                    tokio::select! {
                        () = stop.cancelled() => return false,
                        () = sleep(backoff) => {}
                    }
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
    }

    async fn write(&self, batch: &[Item]) -> Result<Aftermath, StoreError> {
        let files = timeout(FILES_TIMEOUT, self.write_files(batch)).await;
        files.unwrap_or(Err(StoreError::FilesSilent(FILES_TIMEOUT)))?;
        let rows = timeout(WRITE_TIMEOUT, self.write_all_rows(batch)).await;
        rows.unwrap_or(Err(StoreError::Silent(WRITE_TIMEOUT)))
    }

    async fn write_all_rows(&self, batch: &[Item]) -> Result<Aftermath, StoreError> {
        // Being able to take back a single message costs a round trip a message, and hardly any is at fault.
        match self.write_rows(batch, false).await {
            Err(error) if error.is_of_message() => self.write_rows(batch, true).await,
            done => done,
        }
    }

    /// Pictures first, then their rows: a row never names a file that is not there, and no transaction waits for a file.
    async fn write_files(&self, batch: &[Item]) -> Result<(), StoreError> {
        // By path: one that came twice is written once.
        let mut pictures = BTreeMap::new();
        for item in batch {
            let Ok((_, Message::Evidence(data, jpeg))) = &item.content else { continue };
            pictures.extend(picture_path(data, item.arrived).map(|path| (path, jpeg)));
        }
        let puts: Vec<_> = pictures.iter().map(|(path, jpeg)| self.store.files().put(path, (*jpeg).clone())).collect();
        stream::iter(puts).buffer_unordered(files::AT_ONCE).try_collect().await
    }

    async fn write_rows(&self, batch: &[Item], careful: bool) -> Result<Aftermath, StoreError> {
        let mut aftermath = Aftermath::default();
        let mut tx = self.store.begin().await?;
        if !careful {
            self.take(&mut tx, batch, &mut aftermath).await?;
            tx.commit().await?;
            return Ok(aftermath);
        }
        for item in batch {
            tx.mark().await?;
            match self.take(&mut tx, std::slice::from_ref(item), &mut aftermath).await {
                Err(error) if error.is_of_message() => {
                    tx.back_to_mark().await?;
                    self.reject(&mut tx, item, &crate::chain(&error), &mut aftermath).await?;
                }
                taken => taken?,
            }
        }
        tx.commit().await?;
        Ok(aftermath)
    }

    async fn reject(&self, tx: &mut Tx, item: &Item, reason: &str, aftermath: &mut Aftermath) -> Result<(), StoreError> {
        aftermath.rejected += 1;
        let topic = String::from_utf8_lossy(&item.delivery.publish.topic);
        tx.reject(&topic, reason, &item.delivery.publish.payload, item.arrived).await
    }

    /// Takes messages together: where cameras stand first, then what they saw, then what belongs to it.
    async fn take(&self, tx: &mut Tx, batch: &[Item], aftermath: &mut Aftermath) -> Result<(), StoreError> {
        let (mut statuses, mut events, mut measurements) = (Vec::new(), Vec::new(), Vec::new());
        for item in batch {
            let at = item.arrived;
            match &item.content {
                Ok((edge, Message::CameraStatus(message))) => statuses.push(Arrival { edge, message, at }),
                Ok((edge, Message::Event(message))) => events.push(Arrival { edge, message, at }),
                Ok((edge, Message::Measurement(message))) => measurements.push(Arrival { edge, message, at }),
                _ => {}
            }
        }
        for (arrival, news) in statuses.iter().zip(tx.take_camera_statuses(&statuses).await?) {
            if !news {
                aftermath.heard.push((arrival.edge.to_owned(), arrival.message.data.camera.to_string()));
            }
        }
        let mut duplicates = tx.take_events(&events, &self.settings).await?;
        duplicates += tx.take_measurements(&measurements).await?;
        for item in batch {
            match &item.content {
                Ok((edge, Message::EdgeStatus(message))) => tx.take_edge_status(edge, message, item.arrived).await?,
                Ok((edge, Message::Evidence(data, jpeg))) => {
                    let taken = self.take_evidence(tx, edge, data, jpeg.len(), item.arrived).await?;
                    duplicates += u64::from(taken == Taken::Duplicate);
                }
                Ok((edge, Message::Reply(reply))) if !reply.done => {
                    let error = reply.error.as_deref().unwrap_or("the gateway did not say why");
                    tx.clip_failed(edge, &reply.request, error, item.arrived).await?;
                }
                Ok(_) => {}
                Err(reason) => self.reject(tx, item, reason, aftermath).await?,
            }
        }
        aftermath.duplicates += duplicates;
        Ok(())
    }

    async fn take_evidence(
        &self,
        tx: &mut Tx,
        edge: &str,
        data: &EvidenceData,
        bytes: usize,
        arrived: WallTime,
    ) -> Result<Taken, StoreError> {
        let (Some(event), Some(path)) = (data.event, picture_path(data, arrived)) else { return Ok(Taken::Duplicate) };
        tx.take_evidence(edge, &event.to_string(), data, (&path, bytes), arrived).await
    }

    async fn finish(&self, batch: &[Item], aftermath: Aftermath) {
        self.metrics.duplicates.add(aftermath.duplicates);
        self.metrics.rejected.add(aftermath.rejected);
        let now = crate::clock::now();
        for item in batch {
            let Ok((_, message)) = &item.content else { continue };
            if let Some(index) = message.kind_index() {
                self.metrics.messages[index].one();
            }
            let recorded = match message {
                Message::Event(message) => Some(message.recordedtime),
                Message::Measurement(message) => Some(message.recordedtime),
                _ => None,
            };
            if let Some(recorded) = recorded.filter(|recorded| recorded.as_unix_millis() > rules::EARLIEST_UNIX_MS) {
                self.metrics.ingest_lag.observe(now.since(recorded));
            }
        }
        for (edge, camera) in aftermath.heard {
            self.live.heard(&edge, &camera);
        }
    }
}

/// Where the picture of an event is to lie; `None` where it is of no event.
fn picture_path(data: &EvidenceData, arrived: WallTime) -> Option<String> {
    let day = rules::place_time(data.seen.at, arrived).at;
    Some(files::evidence_path(&data.event?.to_string(), day, &data.sha256))
}

/// Runs blocking work beside the async threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Tells each sender's mistakes in the log, but not each of them.
#[derive(Default)]
pub struct Complaints(HashMap<String, (Instant, u64)>);

impl Complaints {
    fn about(&mut self, item: &Item) {
        let Err(reason) = &item.content else { return };
        let topic = String::from_utf8_lossy(&item.delivery.publish.topic);
        let sender: String = topic.split('/').take(4).collect::<Vec<_>>().join("/");
        if self.0.len() >= COMPLAINTS_MAX {
            self.0.clear();
        }
        let now = Instant::now();
        match self.0.get_mut(&sender) {
            Some((told, silent)) if now.duration_since(*told) < COMPLAIN_EVERY => *silent += 1,
            known => {
                let silent = known.map_or(0, |(_, silent)| *silent);
                tracing::warn!(%topic, reason, since_last_told = silent, "a message was rejected; it is in the table `rejected`");
                self.0.insert(sender, (now, 0));
            }
        }
    }
}
