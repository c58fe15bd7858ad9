//! Reads what changed, in order, and keeps for each feed what is to be sent of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use matpho_scene::measurement::Figures;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{CAP, NGSI, alerts, facts::Reader, names, webhook_feed};
use crate::{
    clock,
    config::feeds::{Feeds, Webhook},
    feeds::ngsi::entity::Entity,
    health::Status,
    store::{
        Change, Store, StoreError,
        outbox::{Measured, Older, Point},
    },
};

/// How often it is looked for new measurements, and the lease made to last.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// How long a centre that was killed keeps the others from sending.
const LEASE_LASTS: Duration = Duration::from_secs(20);

/// Changes in one transaction.
const CHANGES_MAX: usize = 200;

/// Measurements in one transaction.
const MEASUREMENTS_MAX: u32 = 1_000;

/// What waits for longer is trouble.
const WAITS_LONG: Duration = Duration::from_secs(600);

/// What was given up is kept so long for a person to see.
const GIVEN_UP_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Something to be kept for sending.
struct Item {
    id: String,
    key: String,
    body: String,
    older: Older,
}

/// Makes of changes what is to be sent.
pub struct Desk {
    feeds: Feeds,
    store: Store,
    holder: String,
    lease: watch::Sender<bool>,
    wakers: Vec<Arc<Notify>>,
    status: Arc<Status>,
    reader: Reader,
    held_at: Option<Instant>,
    /// The newest change when this centre began, before it took anything: a feed that is new begins there.
    began_at: i64,
}

impl Desk {
    /// A desk that has not begun.
    pub fn new(
        feeds: Feeds,
        store: Store,
        (holder, lease): (String, watch::Sender<bool>),
        wakers: Vec<Arc<Notify>>,
        status: Arc<Status>,
    ) -> Self {
        let reader = Reader::new(store.clone());
        let began_at = *store.newest().borrow();
        Self { feeds, store, holder, lease, wakers, status, reader, held_at: None, began_at }
    }

    /// Works until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut newest = self.store.newest();
        loop {
            newest.mark_unchanged();
            let Some(turn) = stop.run_until_cancelled(self.turn()).await else { return };
            if let Err(error) = turn {
                tracing::warn!(error = crate::chain(&error), "the feeds could not read or write the store and try again");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Changes come in bursts: those of a moment go together.
                Ok(()) = newest.changed() => if stop.run_until_cancelled(sleep(Duration::from_millis(200))).await.is_none() { return },
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn turn(&mut self) -> Result<(), StoreError> {
        if !self.hold().await? {
            return Ok(());
        }
        self.reader.refresh();
        let mut queued = false;
        for hook in self.feeds.webhooks.clone() {
            queued |= self.advance(&webhook_feed(&hook.name), Some(&hook)).await?;
        }
        if self.feeds.ngsi.is_some() {
            queued |= self.advance(NGSI, None).await?;
        }
        if self.feeds.cap.is_some() {
            self.advance(CAP, None).await?;
            self.keep_alerts().await?;
        }
        if queued {
            self.wakers.iter().for_each(|wake| wake.notify_one());
        }
        self.look_for_trouble().await
    }

    /// Whether this centre is the one that sends. Tells the senders.
    async fn hold(&mut self) -> Result<bool, StoreError> {
        let now = clock::now();
        // Another one may have it when ours has run out; what happens then is seen at the next look.
        let fresh = self.held_at.is_some_and(|at| at.elapsed() < LEASE_LASTS / 4);
        if fresh {
            return Ok(true);
        }
        let mut tx = self.store.begin().await?;
        let held = tx.hold_lease(&self.holder, LEASE_LASTS).await?;
        if held && self.held_at.is_none() {
            let names = names(&self.feeds);
            tx.forget_other_feeds(&names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        }
        if held {
            tx.forget_given_up(now - GIVEN_UP_KEPT).await?;
        }
        tx.commit().await?;
        if held != self.held_at.is_some() {
            tracing::info!("{}", if held { "this centre sends the feeds" } else { "another centre sends the feeds" });
        }
        self.held_at = held.then(Instant::now);
        self.lease.send_if_modified(|known| std::mem::replace(known, held) != held);
        Ok(held)
    }

    /// Takes up what changed since the feed's point. Returns whether there is something to be sent.
    async fn advance(&mut self, feed: &str, hook: Option<&Webhook>) -> Result<bool, StoreError> {
        let mut queued = false;
        while self.held_at.is_some() {
            let Some(point) = self.store.feed_point(feed).await? else {
                queued |= self.begin(feed).await?;
                continue;
            };
            if point.off.is_some() {
                return Ok(queued);
            }
            let (newest, changes) = self.store.changes_since(point.sequence).await?;
            let Some(mut changes) = changes else {
                tracing::warn!(feed, "the feed was behind what is remembered of changes; it is told how everything stands now");
                queued |= self.begin(feed).await?;
                continue;
            };
            let all = changes.len() <= CHANGES_MAX;
            changes.truncate(CHANGES_MAX);
            let sequence = if all { newest } else { changes.last().map_or(newest, |(sequence, _)| *sequence) };
            let changes: Vec<_> = changes.into_iter().map(|(_, change)| change).collect();
            let mut items = self.items(feed, hook, &changes).await?;
            let line = if feed == NGSI { self.measured(point.line, &mut items).await? } else { point.line };
            if (sequence, line) == (point.sequence, point.line) {
                return Ok(queued);
            }
            queued |= !items.is_empty();
            if !self.keep(feed, &Point { sequence, line, off: None }, &items).await? {
                return Ok(false);
            }
            self.reader.refresh();
        }
        Ok(queued)
    }

    /// A feed that is new, or was away for too long: it begins with how everything stands. A webhook that is new hears of what comes.
    async fn begin(&mut self, feed: &str) -> Result<bool, StoreError> {
        let is_new = self.store.feed_point(feed).await?.is_none();
        let sequence = if is_new { self.began_at } else { *self.store.newest().borrow() };
        let line = self.store.newest_measurement().await?;
        let mut items = Vec::new();
        if feed == NGSI {
            let cameras = self.store.cameras_of(None).await?;
            let cameras: Vec<_> = cameras.into_iter().map(|(edge, camera)| Change::Camera(edge, camera)).collect();
            items = self.items(feed, None, &cameras).await?;
        }
        if !is_new || feed == NGSI {
            let hook = self.feeds.webhooks.iter().find(|hook| webhook_feed(&hook.name) == feed).cloned();
            let open: Vec<_> = self.store.open_incident_ids().await?.into_iter().map(Change::Incident).collect();
            items.extend(self.items(feed, hook.as_ref(), &open).await?);
        }
        self.keep(feed, &Point { sequence, line, off: None }, &items).await?;
        Ok(!items.is_empty())
    }

    /// What a feed makes of changes.
    async fn items(&mut self, feed: &str, hook: Option<&Webhook>, changes: &[Change]) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        for change in changes {
            match (change, hook) {
                (Change::Incident(id), Some(hook)) => {
                    let Some(detail) = self.store.incident_detail(id).await? else { continue };
                    if let Some(body) = self.reader.notice(hook, &detail).await? {
                        let message = format!("msg_{}", Uuid::now_v7().simple());
                        items.push(Item { id: message, key: id.clone(), body, older: Older::KeepTried });
                    }
                }
                (Change::Incident(id), None) if feed == CAP => self.follow_up(id).await?,
                (Change::Incident(id), None) => {
                    let Some(incident) = self.store.incident(id).await? else { continue };
                    items.extend(self.reader.alert_entity(&incident).await?.as_ref().map(item));
                }
                (Change::Camera(edge, camera), None) if feed == NGSI => {
                    items.extend(self.reader.camera_entity(edge, camera).await?.as_ref().map(item));
                }
                (Change::Edge(edge), None) if feed == NGSI => {
                    // Its cameras are unknown when it is away.
                    for (edge, camera) in self.store.cameras_of(Some(edge)).await? {
                        items.extend(self.reader.camera_entity(&edge, &camera).await?.as_ref().map(item));
                    }
                }
                _ => {}
            }
        }
        Ok(items)
    }

    /// New measurements: of each zone the last. Returns the row of the last that was taken up.
    async fn measured(&mut self, after: i64, items: &mut Vec<Item>) -> Result<i64, StoreError> {
        let rows = self.store.measurements_after(after, MEASUREMENTS_MAX).await?;
        let line = rows.last().map_or(after, |last| last.line);
        let mut newest = BTreeMap::new();
        for row in rows {
            let key = (row.edge.clone(), row.camera.clone(), row.zone.clone(), matches!(row.figures, Figures::Traffic(_)));
            let known: Option<&Measured> = newest.get(&key);
            if known.is_none_or(|known| known.period.1 <= row.period.1) {
                newest.insert(key, row);
            }
        }
        let now = clock::now();
        for measured in newest.values() {
            items.extend(self.reader.measured(measured, now).await?.iter().map(item));
        }
        Ok(line)
    }

    /// Keeps what is to be sent and the feed's point, in one transaction. Returns whether this centre is still the one that sends.
    async fn keep(&mut self, feed: &str, point: &Point, items: &[Item]) -> Result<bool, StoreError> {
        let now = clock::now();
        let mut tx = self.store.begin().await?;
        if !tx.hold_lease(&self.holder, LEASE_LASTS).await? {
            self.held_at = None;
            self.lease.send_replace(false);
            return Ok(false);
        }
        for item in items {
            tx.queue(feed, (&item.id, &item.key), &item.body, item.older, now).await?;
        }
        tx.set_feed_point(feed, point.sequence, point.line).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Says what there is more to say about an incident that was published.
    async fn follow_up(&mut self, incident: &str) -> Result<(), StoreError> {
        let Some(cap) = &self.feeds.cap else { return Ok(()) };
        match alerts::follow_up(&self.store, &mut self.reader, &cap.publisher, incident, clock::now()).await {
            Ok(()) => Ok(()),
            Err(alerts::PublishError::Store(error)) => Err(error),
            Err(error) => {
                tracing::error!(incident, %error, "there is more to say about a published incident, and it cannot be said");
                Ok(())
            }
        }
    }

    /// Says anew what is about to expire, and puts alerts into the configured folder.
    async fn keep_alerts(&mut self) -> Result<(), StoreError> {
        for incident in self.store.alerts_expiring(clock::now() + alerts::SAID_ANEW_BEFORE).await? {
            self.follow_up(&incident).await?;
        }
        if let Some(folder) = self.feeds.cap.as_ref().and_then(|cap| cap.folder.as_deref()) {
            alerts::file(&self.store, folder).await?;
        }
        Ok(())
    }

    async fn look_for_trouble(&self) -> Result<(), StoreError> {
        let now = clock::now();
        let mut troubled = false;
        for feed in names(&self.feeds) {
            let standing = self.store.feed_standing(&feed).await?;
            let waits_long = standing.oldest.is_some_and(|oldest| oldest + WAITS_LONG < now);
            troubled |= standing.off.is_some() || standing.given_up > 0 || waits_long;
        }
        self.status.set_feeds_troubled(troubled);
        Ok(())
    }
}

fn item(entity: &Entity) -> Item {
    Item { id: entity.id.clone(), key: entity.id.clone(), body: entity.normalized().to_string(), older: Older::Drop }
}
