//! What is retained at the broker: the state of each camera and of the edge, always the newest word and never more than one.
//!
//! A camera's age is the age of its last fresh picture, never of a process: a program that runs and sees nothing is a camera that is lost.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{
    CameraId, WallTime,
    event::{EventKind, Finding, Phase},
    measurement::Judgement,
};
use matpho_wire::status::{CameraState, CameraStatus};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What a camera's stream is, as far as its state goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// Not yet up, for the first time.
    Connecting,
    /// Up.
    Live,
    /// Down, for this reason (a word).
    Lost(String),
}

/// Keeps account of one camera's state.
#[derive(Debug, Clone)]
pub struct CameraWatch {
    camera: CameraId,
    name: String,
    position: Option<[f64; 2]>,
    frame_age_max: Duration,
    stream: Stream,
    /// Faults that are going on.
    faults: Vec<EventKind>,
    last_frame: Option<WallTime>,
    analysed_fps: Option<f32>,
    judgements: BTreeMap<String, Judgement>,
    said: (CameraState, Option<String>),
    since: WallTime,
}

impl CameraWatch {
    /// Nothing heard yet.
    pub fn new(camera: &crate::config::Camera, now: WallTime) -> Self {
        Self {
            camera: camera.id.clone(),
            name: camera.name.clone(),
            position: camera.position,
            frame_age_max: camera.frame_age_max,
            stream: Stream::Connecting,
            faults: Vec::new(),
            last_frame: None,
            analysed_fps: None,
            judgements: BTreeMap::new(),
            said: (CameraState::Lost, Some("connecting".into())),
            since: now,
        }
    }

    /// The stream changed.
    pub fn stream(&mut self, stream: Stream) {
        // A reconnection under way does not make a lost camera less lost, nor hides why.
        if stream != Stream::Connecting {
            self.stream = stream;
        }
    }

    /// A fresh picture came.
    pub fn frame(&mut self, now: WallTime) {
        self.last_frame = Some(now);
    }

    /// A fault began or ended.
    pub fn finding(&mut self, finding: &Finding) {
        if finding.kind.is_camera() {
            self.faults.retain(|kind| *kind != finding.kind);
            if finding.phase != Phase::Ended {
                self.faults.push(finding.kind);
            }
        }
    }

    /// What the analytics say, and how many pictures a second they see.
    pub fn judged(&mut self, judgements: BTreeMap<String, Judgement>, analysed_fps: f32) {
        self.judgements = judgements;
        self.analysed_fps = Some(analysed_fps);
    }

    fn state(&self, now: WallTime) -> (CameraState, Option<String>) {
        let age = self.last_frame.map(|last| now.since(last));
        if let Stream::Lost(reason) = &self.stream {
            return (CameraState::Lost, Some(reason.clone()));
        }
        match age {
            None => return (CameraState::Lost, Some("connecting".into())),
            Some(age) if age > 3 * self.frame_age_max => return (CameraState::Lost, Some("stalled".into())),
            Some(age) if age > self.frame_age_max => return (CameraState::Stale, Some("late".into())),
            Some(_) => {}
        }
        let word = |kind: &EventKind| kind.as_str().trim_start_matches("camera.").to_owned();
        let blinding = self.faults.iter().find(|kind| !matches!(kind, EventKind::CameraMoved | EventKind::CameraLost));
        match blinding {
            Some(kind) => (CameraState::Blind, Some(word(kind))),
            None if self.faults.contains(&EventKind::CameraMoved) => (CameraState::Moved, Some("moved".into())),
            None => (CameraState::Live, None),
        }
    }

    /// What is to be said now, and whether the state has changed since it was last said.
    pub fn say(&mut self, now: WallTime) -> (CameraStatus, bool) {
        let state = self.state(now);
        let changed = state != self.said;
        if changed {
            self.said = state.clone();
            self.since = now;
        }
        let status = CameraStatus {
            camera: self.camera.clone(),
            name: self.name.clone(),
            position: self.position,
            state: state.0,
            reason: state.1,
            since: self.since,
            frame_age_s: self.last_frame.map(|last| (now.since(last).as_secs_f32() * 10.0).round() / 10.0),
            analysed_fps: self.analysed_fps,
            judgements: self.judgements.clone(),
        };
        (status, changed)
    }
}

/// The newest word about each camera, and which of them the broker has not heard yet.
#[derive(Debug, Default)]
pub struct Board {
    cameras: Mutex<BTreeMap<CameraId, (CameraStatus, bool)>>,
    changed: Notify,
}

impl Board {
    /// Puts up the newest word; the one before it is forgotten, said or not.
    pub fn post(&self, status: CameraStatus) {
        self.cameras.lock().insert(status.camera.clone(), (status, true));
        self.changed.notify_one();
    }

    /// What the broker has not heard yet; it counts as heard from now on.
    pub fn take_unheard(&self) -> Vec<CameraStatus> {
        let mut cameras = self.cameras.lock();
        cameras.values_mut().filter_map(|(status, unheard)| std::mem::take(unheard).then(|| status.clone())).collect()
    }

    /// A new connection: the broker may have forgotten everything.
    pub fn nobody_heard(&self) {
        self.cameras.lock().values_mut().for_each(|(_, unheard)| *unheard = true);
    }

    /// All of them, for the health page.
    pub fn all(&self) -> Vec<CameraStatus> {
        self.cameras.lock().values().map(|(status, _)| status.clone()).collect()
    }

    /// Waits until something was posted.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use matpho_media::Location;

    use super::*;

    fn at(s: u64) -> WallTime {
        WallTime::from_unix_millis(1_800_000_000_000) + Duration::from_secs(s)
    }

    fn watch() -> CameraWatch {
        let camera = crate::config::Camera {
            id: "c".parse().unwrap(),
            name: "C".into(),
            position: None,
            location: Location::File("x".into()),
            transport: Default::default(),
            fps: 5.0,
            decoder: Default::default(),
            frame_age_max: Duration::from_secs(10),
            reference: None,
            plan: matpho_analytics::CameraPlan::whole_picture(),
        };
        CameraWatch::new(&camera, at(0))
    }

    /// What is said at a second: state, reason, since when.
    fn said(watch: &mut CameraWatch, second: u64) -> String {
        let (status, _) = watch.say(at(second));
        format!("{:?} {} since {}", status.state, status.reason.unwrap_or_default(), status.since.since(at(0)).as_secs())
    }

    #[test]
    fn a_camera_is_as_old_as_its_last_picture() {
        let mut camera = watch();
        assert_eq!(said(&mut camera, 1), "Lost connecting since 0");
        camera.stream(Stream::Live);
        camera.frame(at(2));
        assert_eq!(said(&mut camera, 3), "Live  since 3");
        assert_eq!(said(&mut camera, 13), "Stale late since 13");
        assert_eq!(said(&mut camera, 40), "Lost stalled since 40");
        camera.frame(at(41));
        assert_eq!(said(&mut camera, 41), "Live  since 41");
        camera.stream(Stream::Lost("unauthorized".into()));
        camera.stream(Stream::Connecting);
        assert_eq!(said(&mut camera, 42), "Lost unauthorized since 42");
        assert_eq!(said(&mut camera, 60), "Lost unauthorized since 42");
    }

    #[test]
    fn the_board_keeps_one_word_a_camera() {
        let board = Board::default();
        let mut camera = watch();
        board.post(camera.say(at(1)).0);
        board.post(camera.say(at(2)).0);
        assert_eq!(board.take_unheard().len(), 1);
        assert_eq!(board.take_unheard().len(), 0);
        board.nobody_heard();
        assert_eq!(board.take_unheard().len(), 1);
    }
}
