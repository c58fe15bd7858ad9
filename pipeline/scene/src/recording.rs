//! Recordings of what the models said, one JSON object a frame and line: written by `analyze --detections`, played by `replay`.
//!
//! A recording holds all that the tracker and the analytics need, so that the same recording gives the same events, with no model and
//! no video at hand.

use serde::{Deserialize, Serialize};

use crate::{
    detection::{Change, Class, Detection, Score},
    geometry::{NormBox, PictureSize},
    health::PictureHealth,
    id::{ModelId, TrackId, ZoneId},
    time::MediaTime,
};

/// One frame of a recording. Boxes are pixels of a `width` by `height` picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// What was analysed: a file name, or a camera's id.
    pub source: String,
    /// Number of the frame in its source, from 0; frames that were skipped count.
    pub frame: u64,
    /// Seconds since the source's start.
    pub media_time_s: f64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Which models looked at this frame; one that looked and found nothing is here too.
    #[serde(default)]
    pub models: Vec<ModelId>,
    /// What they found.
    pub detections: Vec<RecordedDetection>,
    /// Share of the picture (of the zones together, where zones are set) under water, 0 to 1; absent where no model looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub water_share: Option<f32>,
    /// The same by zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub water_by_zone: Vec<(ZoneId, f32)>,
    /// Probability of water at each depth mark, by zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub water_marks: Vec<(ZoneId, Vec<f32>)>,
    /// Columns and rows of the mask that the marks were read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub water_grid: Option<[u32; 2]>,
    /// Minute of the local day, 0 to 1439; absent where nobody knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute_of_day: Option<u16>,
    /// How usable the picture was; absent where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<PictureHealth>,
}

/// One detection of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedDetection {
    /// Whose finding it is.
    pub model: ModelId,
    /// What it is.
    pub class: Class,
    /// How sure the model was.
    pub score: Score,
    /// `[x1, y1, x2, y2]` in pixels.
    #[serde(rename = "box")]
    pub bbox: [f32; 4],
    /// How much its place changed since the look before, where that was measured: of flames and smoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The track it became part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackId>,
}

impl FrameRecord {
    /// The picture's size.
    pub fn size(&self) -> PictureSize {
        PictureSize { width: self.width, height: self.height }
    }

    /// When the frame was seen, since the source's start.
    pub fn media_time(&self) -> MediaTime {
        MediaTime::from_secs_f64(self.media_time_s)
    }

    /// The findings of one model, or `None` where it did not look at this frame. Boxes outside the picture are left out.
    pub fn detections_of(&self, model: &ModelId) -> Option<Vec<Detection>> {
        let size = self.size();
        self.models.contains(model).then(|| {
            self.detections
                .iter()
                .filter(|d| d.model == *model)
                .filter_map(|d| Some(Detection { class: d.class, score: d.score, bbox: NormBox::from_pixels(d.bbox, size)? }))
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_as_written() {
        let line = r#"{"source":"clip.mp4","frame":3,"media_time_s":0.12,"width":640,"height":360,"models":["vehicles","fire"],"detections":[{"model":"vehicles","class":"motorcycle","score":0.5,"box":[64.0,36.0,128.0,72.0],"track":7}],"water_share":0.25}"#;
        let record: FrameRecord = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(record.detections_of(&"fire".parse().unwrap()), Some(vec![]));
        assert_eq!(record.detections_of(&"water".parse().unwrap()), None);
        let found = record.detections_of(&"vehicles".parse().unwrap()).unwrap();
        assert!((found[0].bbox.x2() - 0.2).abs() < 1e-6);
    }
}
