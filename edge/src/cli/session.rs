//! One source, analysed from its first picture to its summary. `analyze` and `replay` both speak through here.

use matpho_analytics::Output;
use matpho_scene::{MediaTime, Picture, PictureSize, Seen, TrackId, WallTime};
use matpho_wire::{
    CloudEvent, EventData, MeasurementData,
    summary::{AnalyticSummary, SummaryData},
};

use crate::{
    announce::{Anchor, Announcer},
    judge::Judge,
    look::Looked,
};

/// Something to print.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// An event.
    Event(Box<CloudEvent<EventData>>),
    /// Figures.
    Measurement(Box<CloudEvent<MeasurementData>>),
    /// The last word about a source.
    Summary(Box<CloudEvent<SummaryData>>),
}

impl Said {
    /// As one line of JSON.
    pub fn to_line(&self) -> String {
        let text = match self {
            Self::Event(message) => message.to_json(),
            Self::Measurement(message) => message.to_json(),
            Self::Summary(message) => message.to_json(),
        };
        text.unwrap_or_else(|e| unreachable!("our own messages are JSON: {e}"))
    }
}

/// When a message was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// When it happened: the same source gives the same lines.
    AsSeen,
    /// Now: a stream.
    Now,
}

/// How many pictures a source has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the source.
    pub seen: u64,
    /// Skipped by the sampling rate, or not decodable.
    pub skipped: u64,
}

/// One source under way.
pub struct Analysis {
    judge: Judge,
    announcer: Announcer,
    stamp: Stamp,
    source_name: String,
    anchor: Anchor,
    analysed: u64,
}

impl Analysis {
    /// Begins a source whose first picture was seen at `start`.
    pub fn new(judge: Judge, announcer: Announcer, stamp: Stamp, source_name: String, start: Seen) -> Self {
        Self { judge, announcer, stamp, source_name, anchor: Anchor { media: MediaTime::ZERO, seen: start }, analysed: 0 }
    }

    /// Who judges.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The tracks of the last picture's vehicles.
    pub fn tracks(&self) -> &[Option<TrackId>] {
        self.judge.assignments()
    }

    /// Takes what was seen in a picture; returns what is to be printed, and whether every picture is wanted for a while.
    #[must_use]
    pub fn picture(&mut self, at: MediaTime, seen: Seen, size: PictureSize, looked: &Looked) -> (Vec<Said>, Option<bool>) {
        let mut said = Vec::new();
        let mut burst = None;
        // What was due before this picture happens before it.
        let mut last = None;
        while let Some(due) = self.judge.timeout().filter(|due| *due < at && last != Some(*due)) {
            last = Some(due);
            let outputs = self.judge.time(due);
            self.say(outputs, &mut said, &mut burst);
        }
        self.anchor = Anchor { media: at, seen };
        self.analysed += 1;
        let outputs = self.judge.picture(at, size, looked);
        self.say(outputs, &mut said, &mut burst);
        (said, burst)
    }

    /// The source is at its end, `duration` after its beginning.
    #[must_use]
    pub fn finish(mut self, duration: MediaTime, counts: Counts) -> Vec<Said> {
        let mut said = Vec::new();
        let outputs = self.judge.stop(duration);
        self.say(outputs, &mut said, &mut None);
        let summary = self.judge.summary();
        let data = SummaryData {
            source_name: self.source_name.clone(),
            duration_s: duration.as_secs_f64(),
            frames_analysed: self.analysed,
            frames_seen: counts.seen,
            frames_skipped: counts.skipped,
            analytics: summary
                .analytics
                .into_iter()
                .map(|(analytic, summary)| (analytic.to_string(), on_the_wire(summary)))
                .collect(),
            events: summary.events,
        };
        let at = self.anchor.wall(duration);
        let id = self.announcer.id("summary", at);
        let message =
            CloudEvent::new(id, self.announcer.source().to_owned(), SummaryData::TYPE.into(), at, self.recorded(at), data);
        said.push(Said::Summary(Box::new(message)));
        said
    }

    fn recorded(&self, at: WallTime) -> WallTime {
        match self.stamp {
            Stamp::AsSeen => at,
            Stamp::Now => crate::config::now(),
        }
    }

    fn say(&mut self, outputs: Vec<Output>, said: &mut Vec<Said>, burst: &mut Option<bool>) {
        use matpho_analytics::Request;
        for output in outputs {
            match output {
                Output::Finding(finding) => {
                    let recorded = self.recorded(self.anchor.wall(finding.at));
                    said.push(Said::Event(Box::new(self.announcer.event(finding, self.anchor, recorded, false))));
                }
                Output::Measurement(measurement) => {
                    let recorded = self.recorded(self.anchor.wall(measurement.to));
                    said.push(Said::Measurement(Box::new(self.announcer.measurement(measurement, self.anchor, recorded))));
                }
                Output::Request(Request::BurstFullRate { .. }) => *burst = Some(true),
                Output::Request(Request::ReleaseBurst) => *burst = Some(false),
            }
        }
    }
}

fn on_the_wire(summary: matpho_analytics::AnalyticSummary) -> AnalyticSummary {
    AnalyticSummary {
        state: summary.state,
        counts: summary.counts,
        density_pc_per_km_lane_mean: summary.density_pc_per_km_lane_mean,
        occupancy_mean: summary.occupancy_mean,
        speed_kmh_mean: summary.speed_kmh_mean,
        level_of_service: summary.level_of_service,
        water_share: summary.water_share,
        water_share_max: summary.water_share_max,
        score_max: summary.score_max,
    }
}

/// A picture and its times; what every kind of source yields.
#[derive(Debug, Clone)]
pub struct View {
    /// Number in the source.
    pub index: u64,
    /// Since the source's start.
    pub at: MediaTime,
    /// When the camera saw it.
    pub seen: Seen,
    /// The picture.
    pub picture: Picture,
}
