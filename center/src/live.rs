//! The live stream's inside: what changed goes to every listener, as it is now.
//!
//! Two sorts of news. Changes of incidents, cameras and gateways have a sequence number from the store, so that a listener that was
//! away resumes behind the last one it saw. Pictures and the age of a camera's last frame are fleeting: no number, no resuming, the
//! next one replaces them. **A listener never holds up another:** each has a queue of [`QUEUE_MAX`]; whose queue is full is dropped,
//! and comes back by itself with the number it saw last.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    api::types::{AlarmLoadNow, Camera, Picture, Reset},
    metrics::Metrics,
    pictures::Pictures,
    rights::Place,
    store::{Change, Store, StoreError},
};

/// News that a listener may lag behind before it is dropped.
pub const QUEUE_MAX: usize = 64;

/// Listeners at once.
pub const LISTENERS_MAX: usize = 500;

/// How often the ages of cameras' frames are told.
const AGES_EVERY: Duration = Duration::from_secs(5);

/// One piece of news.
#[derive(Debug, Clone)]
pub struct News {
    /// Its sequence number; `None` where it is fleeting.
    pub sequence: Option<i64>,
    /// What it is: `incident`, `camera`, `edge`, `picture`, `alarm_load`, `reset`.
    pub event: &'static str,
    /// Where the object lies: who may not see it there does not hear of it.
    pub about: About,
    /// The object, JSON.
    pub data: Arc<str>,
}

/// Where the object of a piece of news lies.
#[derive(Debug, Clone)]
pub enum About {
    /// It is for everybody who listens.
    All,
    /// In these places.
    Places(Arc<[Place]>),
    /// It is a camera's latest picture.
    Picture(Arc<(String, String)>),
}

impl News {
    /// News of an object.
    pub fn of(sequence: Option<i64>, event: &'static str, about: About, object: &impl Serialize) -> Option<Self> {
        match serde_json::to_string(object) {
            Ok(data) => Some(Self { sequence, event, about, data: data.into() }),
            Err(error) => {
                tracing::error!(event, %error, "news could not be written as JSON");
                None
            }
        }
    }
}

/// Where cameras lie, by gateway and id.
type CameraPlaces = Mutex<HashMap<(String, String), Arc<[Place]>>>;

/// What the stream shows: the store, and the pictures beside it.
#[derive(Clone)]
pub struct Shown {
    /// The store.
    pub store: Store,
    /// The latest pictures.
    pub pictures: Arc<Pictures>,
    /// Where the cameras lie that pictures came of; forgotten when a camera changes, which moving is.
    places: Arc<CameraPlaces>,
}

impl Shown {
    /// A store and pictures.
    pub fn new(store: Store, pictures: Arc<Pictures>) -> Self {
        Self { store, pictures, places: Arc::default() }
    }

    /// Where a camera lies; of each camera the store is asked once.
    pub async fn camera_places(&self, camera: &(String, String)) -> Result<Arc<[Place]>, StoreError> {
        if let Some(places) = self.places.lock().get(camera) {
            return Ok(places.clone());
        }
        let places: Arc<[Place]> = self.store.camera_places(&camera.0, &camera.1).await?.into();
        self.places.lock().insert(camera.clone(), places.clone());
        Ok(places)
    }

    fn forget_places(&self) {
        self.places.lock().clear();
    }

    /// A camera with its picture.
    pub async fn camera(&self, edge: &str, camera: &str) -> Result<Option<Camera>, StoreError> {
        Ok(self.store.camera(edge, camera).await?.map(|camera| self.with_picture(camera)))
    }

    /// The camera with its picture.
    pub fn with_picture(&self, mut camera: Camera) -> Camera {
        camera.picture = self.pictures.about(&camera.edge, &camera.camera);
        camera
    }

    /// A change as news: the object as it is now; `None` where it is gone.
    pub async fn news(&self, sequence: i64, change: &Change) -> Result<Option<News>, StoreError> {
        let sequence = Some(sequence);
        Ok(match change {
            Change::Incident(id) => {
                let about = About::Places(self.store.incident_places(id).await?.into());
                self.store.incident(id).await?.and_then(|incident| News::of(sequence, "incident", about, &incident))
            }
            Change::Camera(edge, camera) => {
                self.places.lock().remove(&(edge.clone(), camera.clone()));
                let about = About::Places(self.camera_places(&(edge.clone(), camera.clone())).await?);
                self.camera(edge, camera).await?.and_then(|camera| News::of(sequence, "camera", about, &camera))
            }
            Change::Edge(edge) => {
                let about = About::Places(self.store.edge_places(edge).await?.into());
                self.store.edge(edge).await?.and_then(|edge| News::of(sequence, "edge", about, &edge))
            }
        })
    }
}

/// The listeners.
pub struct Live {
    listeners: Mutex<Vec<mpsc::Sender<News>>>,
    heard: Mutex<BTreeSet<(String, String)>>,
    metrics: Arc<Metrics>,
}

impl Live {
    /// Without listeners.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { listeners: Mutex::default(), heard: Mutex::default(), metrics }
    }

    /// A new listener's queue; `None` where there are too many already.
    pub fn listen(&self) -> Option<mpsc::Receiver<News>> {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let mut listeners = self.listeners.lock();
        listeners.retain(|listener| !listener.is_closed());
        if listeners.len() >= LISTENERS_MAX {
            return None;
        }
        listeners.push(sender);
        Some(receiver)
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.listeners.lock().iter().filter(|listener| !listener.is_closed()).count()
    }

    /// Tells of a new picture.
    pub fn picture(&self, picture: &Picture) {
        let about = About::Picture(Arc::new((picture.edge.clone(), picture.camera.clone())));
        if let Some(news) = News::of(None, "picture", about, picture) {
            self.send(&news);
        }
    }

    /// Tells how many alarms there are.
    pub fn alarm_load(&self, load: &AlarmLoadNow) {
        if let Some(news) = News::of(None, "alarm_load", About::All, load) {
            self.send(&news);
        }
    }

    /// A camera said again what it had said before: only its ages changed.
    pub fn heard(&self, edge: &str, camera: &str) {
        self.heard.lock().insert((edge.into(), camera.into()));
    }

    fn send(&self, news: &News) {
        self.listeners.lock().retain(|listener| match listener.try_send(news.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.metrics.stream_dropped.one();
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }

    /// Distributes what changes until told to stop; then the listeners are let go.
    pub async fn run(&self, shown: Shown, stop: CancellationToken) {
        let mut newest = shown.store.newest();
        let mut told = *newest.borrow_and_update();
        let mut ages = interval(AGES_EVERY);
        ages.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Ok(()) = newest.changed() => self.tell(&shown, &mut told).await,
                _ = ages.tick() => self.tell_ages(&shown).await,
            };
            if let Err(error) = outcome {
                tracing::warn!(error = crate::chain(&error), "the live stream could not read the store and tries again");
                sleep(Duration::from_secs(1)).await;
                newest.mark_changed();
            }
        }
        self.listeners.lock().clear();
    }

    async fn tell(&self, shown: &Shown, told: &mut i64) -> Result<(), StoreError> {
        // In this order: who begins to listen after the look at the listeners reads a number that is no smaller.
        let newest = *shown.store.newest().borrow();
        if self.listeners() == 0 {
            shown.forget_places();
            *told = newest.max(*told);
            return Ok(());
        }
        let (newest, changes) = shown.store.changes_since(*told).await?;
        match changes {
            Some(changes) => {
                for (sequence, change) in changes {
                    if let Some(news) = shown.news(sequence, &change).await? {
                        self.send(&news);
                    }
                    *told = sequence;
                }
            }
            None => {
                shown.forget_places();
                if let Some(news) = News::of(Some(newest), "reset", About::All, &Reset { sequence: newest }) {
                    self.send(&news);
                }
            }
        }
        *told = newest.max(*told);
        Ok(())
    }

    async fn tell_ages(&self, shown: &Shown) -> Result<(), StoreError> {
        let heard = std::mem::take(&mut *self.heard.lock());
        if self.listeners() == 0 {
            return Ok(());
        }
        for (edge, camera) in heard {
            let key = (edge, camera);
            let about = About::Places(shown.camera_places(&key).await?);
            let camera = shown.camera(&key.0, &key.1).await?;
            if let Some(news) = camera.and_then(|camera| News::of(None, "camera", about, &camera)) {
                self.send(&news);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_listener_is_dropped_and_the_others_are_not() {
        let live = Live::new(Arc::new(Metrics::default()));
        let mut slow = live.listen().unwrap();
        let mut quick = live.listen().unwrap();
        let news = News::of(Some(1), "reset", About::All, &Reset { sequence: 1 }).unwrap();
        for _ in 0..QUEUE_MAX {
            live.send(&news);
            quick.try_recv().unwrap();
        }
        assert_eq!(live.listeners(), 2);
        live.send(&news);
        assert_eq!(live.listeners(), 1);
        assert_eq!(live.metrics.stream_dropped.get(), 1);
        let mut got = 0;
        while slow.try_recv().is_ok() {
            got += 1;
        }
        assert_eq!(got, QUEUE_MAX);
        assert!(quick.try_recv().is_ok());
    }
}
