//! The mind of one camera: from what models saw to what is said about it. `run`, `analyze` and `replay` all judge through here.
//!
//! **Invariant:** no thread, no clock, no model, no I/O: the same [`Looked`] at the same times give the same outputs.
//!
//! Not here: which models look when (`look.rs`), names and ids of what is said (`announce.rs`).

use std::collections::BTreeMap;

use matpho_analytics::{Analytic, CameraAnalytics, CameraPlan, Input, Memory, Observation, Output, StreamState, Summary};
use matpho_infer::Entry;
use matpho_scene::{
    Class, FrameRecord, MediaTime, NormBox, PictureSize, RecordedDetection, TrackId, Tracked, WaterReading, ZoneId,
    measurement::Judgement,
};
use matpho_track::{Tracker, TrackerParams};

use crate::look::{Looked, ModelIds};

/// Weak detections that a tracker may use to continue a track; lower ones are noise. The vehicles model is run down to this score.
pub const SCORE_FLOOR: f32 = 0.1;

/// Judges one camera.
#[derive(Debug)]
pub struct Judge {
    tracker: Tracker,
    params: TrackerParams,
    analytics: CameraAnalytics,
}

impl Judge {
    /// Nothing seen yet. `vehicles` is the model whose detections will be tracked; its thresholds tell sure detections from weak ones.
    pub fn new(plan: CameraPlan, vehicles: Option<&Entry>) -> Self {
        let confident = vehicles.map(Entry::class_thresholds).unwrap_or_default();
        let params = TrackerParams { confident, weak: SCORE_FLOOR, ..TrackerParams::default() };
        Self { tracker: Tracker::new(params.clone()), params, analytics: CameraAnalytics::new(plan) }
    }

    /// Goes on from what was learned before a restart; call it before the first picture.
    pub fn remember(&mut self, memory: &Memory) {
        self.analytics.remember(memory);
    }

    /// What was learned up to now, to be kept over a restart.
    pub fn memory(&self) -> Memory {
        self.analytics.memory()
    }

    /// What the camera is asked to see.
    pub fn plan(&self) -> &CameraPlan {
        self.analytics.plan()
    }

    /// Takes what was seen in a picture of `size` at `at`, with whatever gap before it: who was not seen for long is
    /// forgotten by the tracker itself.
    #[must_use]
    pub fn picture(&mut self, at: MediaTime, size: PictureSize, looked: &Looked) -> Vec<Output> {
        let tracks = looked.vehicles.as_ref().map(|found| self.tracker.update(at, size, found));
        let observation = Observation {
            picture: size,
            tracks,
            fire: looked.fire.as_deref(),
            fire_changes: &looked.fire_changes,
            water: looked.water.as_deref(),
            health: looked.health.as_ref(),
            minute_of_day: looked.minute_of_day,
        };
        self.analytics.handle_input(at, Input::Frame(observation));
        self.drain()
    }

    /// Takes what the stream says about itself.
    #[must_use]
    pub fn stream(&mut self, at: MediaTime, state: StreamState<'_>) -> Vec<Output> {
        self.analytics.handle_input(at, Input::Stream(state));
        self.drain()
    }

    /// Lets time pass, where something was waiting for it.
    #[must_use]
    pub fn time(&mut self, at: MediaTime) -> Vec<Output> {
        if self.analytics.poll_timeout().is_none_or(|due| at < due) {
            return Vec::new();
        }
        self.analytics.handle_input(at, Input::Timeout);
        self.drain()
    }

    /// A person says that the zones fit the picture as it is.
    #[must_use]
    pub fn confirm_view(&mut self, at: MediaTime) -> Vec<Output> {
        self.analytics.handle_input(at, Input::ConfirmView);
        self.drain()
    }

    /// When [`Self::time`] is due at the latest.
    pub fn timeout(&self) -> Option<MediaTime> {
        self.analytics.poll_timeout()
    }

    /// No more will come.
    #[must_use]
    pub fn stop(&mut self, at: MediaTime) -> Vec<Output> {
        self.analytics.handle_input(at, Input::Stop);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.analytics.poll_output()).collect()
    }

    /// What each analytic says now, by name.
    pub fn judgements(&self) -> BTreeMap<String, Judgement> {
        self.analytics.judgements().into_iter().map(|(analytic, judgement)| (analytic.to_string(), judgement)).collect()
    }

    /// Whether some event may be going on: where an analytic suspects or sees something.
    pub fn is_alert(&self) -> bool {
        self.analytics.judgements().iter().any(|(analytic, judgement)| {
            *analytic != Analytic::Camera && matches!(judgement, Judgement::Suspected | Judgement::Present)
        })
    }

    /// What was made of everything so far.
    pub fn summary(&self) -> Summary {
        self.analytics.summary()
    }

    /// The tracks of the last picture.
    pub fn tracked(&self) -> &[Tracked] {
        self.tracker.tracked()
    }

    /// What the tracker was told.
    pub fn tracker_params(&self) -> &TrackerParams {
        &self.params
    }

    /// The track of each vehicle of the last picture, in the order of the detections.
    pub fn assignments(&self) -> &[Option<TrackId>] {
        self.tracker.assignments()
    }
}

/// One line of a recording: what was seen, with the tracks it became part of.
pub fn record(
    source: &str,
    frame: u64,
    at: MediaTime,
    size: PictureSize,
    looked: &Looked,
    tracks: &[Option<TrackId>],
    ids: &ModelIds,
) -> FrameRecord {
    let mut models = Vec::new();
    let mut detections = Vec::new();
    let px = |bbox: NormBox| bbox.to_pixels(size).map(|v| (v * 10.0).round() / 10.0);
    if let Some(found) = &looked.vehicles {
        models.push(ids.vehicles.clone());
        detections.extend(found.iter().enumerate().map(|(n, found)| RecordedDetection {
            model: ids.vehicles.clone(),
            class: found.class,
            score: found.score,
            bbox: px(found.bbox),
            change: None,
            track: tracks.get(n).copied().flatten(),
        }));
    }
    if let Some(found) = &looked.fire {
        models.push(ids.fire.clone());
        detections.extend(found.iter().enumerate().map(|(n, found)| RecordedDetection {
            model: ids.fire.clone(),
            class: found.class,
            score: found.score,
            bbox: px(found.bbox),
            change: looked.fire_changes.get(n).copied(),
            track: None,
        }));
    }
    if looked.water.is_some() {
        models.push(ids.water.clone());
    }
    FrameRecord {
        source: source.to_owned(),
        frame,
        media_time_s: at.as_secs_f64(),
        width: size.width,
        height: size.height,
        models,
        detections,
        water_share: looked.water_share,
        water_by_zone: looked.water.iter().flatten().map(|(id, reading)| (id.clone(), reading.share)).collect(),
        water_marks: looked
            .water
            .iter()
            .flatten()
            .filter(|(_, reading)| !reading.marks.is_empty())
            .map(|(id, reading)| (id.clone(), reading.marks.clone()))
            .collect(),
        water_grid: looked.water.iter().flatten().find(|(_, reading)| !reading.marks.is_empty()).map(|(_, reading)| reading.grid),
        minute_of_day: looked.minute_of_day,
        health: looked.health,
    }
}

/// What was seen, from a line of a recording. Models go by what they find, so that a recording plays under other model names too.
pub fn looked(record: &FrameRecord, plan: &CameraPlan) -> Looked {
    let (mut vehicles, mut fire) = (None::<Vec<_>>, None::<Vec<_>>);
    for model in &record.models {
        let found = record.detections_of(model).unwrap_or_default();
        let burns = |class: Class| matches!(class, Class::Fire | Class::Smoke);
        // A model that found nothing tells by its name what it was looking for.
        let is_fire = if found.is_empty() {
            model.as_str().contains("fire") || model.as_str().contains("smoke")
        } else {
            found.iter().any(|d| burns(d.class))
        };
        let is_water = found.is_empty() && record.water_share.is_some() && model.as_str().contains("water");
        if is_water {
            continue;
        }
        let into = if is_fire { &mut fire } else { &mut vehicles };
        into.get_or_insert_default().extend(found);
    }
    let marks =
        |id: &ZoneId| record.water_marks.iter().find(|(zone, _)| zone == id).map(|(_, marks)| marks.clone()).unwrap_or_default();
    let known: Vec<(ZoneId, WaterReading)> = plan
        .water_zones()
        .filter_map(|zone| record.water_by_zone.iter().find(|(id, _)| *id == zone.id))
        .map(|(id, share)| {
            (id.clone(), WaterReading { share: *share, marks: marks(id), grid: record.water_grid.unwrap_or_default() })
        })
        .collect();
    // Recorded with other zones, or by another tool: the share of the picture stands for each zone.
    let water = match (known.is_empty(), record.water_share) {
        (false, _) => Some(known),
        (true, Some(share)) => Some(plan.water_zones().map(|zone| (zone.id.clone(), WaterReading::share(share))).collect()),
        (true, None) => None,
    };
    let fire_changes = record
        .detections
        .iter()
        .filter(|d| matches!(d.class, Class::Fire | Class::Smoke))
        .filter(|d| NormBox::from_pixels(d.bbox, record.size()).is_some())
        .map_while(|d| d.change)
        .collect();
    Looked {
        vehicles,
        fire,
        fire_changes,
        water,
        water_share: record.water_share,
        health: record.health,
        minute_of_day: record.minute_of_day,
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::{Detection, Score};

    use super::*;

    #[test]
    fn what_is_recorded_reads_back() {
        let plan = CameraPlan::whole_picture();
        let size = PictureSize { width: 1000, height: 500 };
        let found = |class, bbox: [f32; 4]| Detection { class, score: Score::clamped(0.5), bbox: bbox.try_into().unwrap() };
        let seen = Looked {
            vehicles: Some(vec![found(Class::Car, [0.1, 0.2, 0.3, 0.4])]),
            fire: Some(vec![]),
            fire_changes: Vec::new(),
            water: Some(vec![(
                "picture".parse().unwrap(),
                WaterReading { share: 0.25, marks: vec![0.9, 0.125], grid: [48, 28] },
            )]),
            water_share: Some(0.25),
            health: None,
            minute_of_day: Some(754),
        };
        let ids = ModelIds::from(&crate::config::Models::default());
        let record = record("a", 3, MediaTime::from_millis(120), size, &seen, &[Some(TrackId(4))], &ids);
        assert_eq!(record.detections[0].track, Some(TrackId(4)));
        let read = looked(&record, &plan);
        assert_eq!((read.fire, read.water, read.water_share), (seen.fire, seen.water, seen.water_share));
        assert!(read.vehicles.unwrap()[0].bbox.iou(seen.vehicles.unwrap()[0].bbox) > 0.99);
    }
}
