//! Whether pictures arrive at all, by the age of the last one and never by what a process says of itself.

use std::time::Duration;

use matpho_scene::MediaTime;

use crate::{camera::CameraParams, io::StreamState};

/// A picture is late when it is this many times older than pictures usually get: a camera that is asked once in 30 s is not lost
/// after ten.
const LATE_FACTOR: f64 = 4.0;

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Live,
    Lost { reason: String },
    Stale,
}

/// What the pictures' arrival says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrival {
    /// They arrive.
    Fresh,
    /// Late, not yet lost.
    Late,
    /// None.
    Lost {
        /// Since when: the time of the last picture, or of the first word that there is none.
        since: MediaTime,
        /// Why, in words.
        reason: String,
    },
}

/// The watchdog of one stream.
#[derive(Debug)]
pub(crate) struct ArrivalWatch {
    word: Word,
    /// When the stream was first heard of.
    heard_first: Option<MediaTime>,
    last_picture: Option<MediaTime>,
    /// Usual gap between pictures, seconds: a running mean.
    gap_s: f64,
    lost: bool,
    /// First of the pictures that came since it was lost.
    back_since: Option<MediaTime>,
}

impl ArrivalWatch {
    pub fn new() -> Self {
        Self { word: Word::Live, heard_first: None, last_picture: None, gap_s: 0.0, lost: false, back_since: None }
    }

    pub fn picture(&mut self, at: MediaTime, params: &CameraParams) {
        self.heard_first.get_or_insert(at);
        self.word = Word::Live;
        if let Some(last) = self.last_picture {
            let gap = at.since(last);
            if gap >= self.patience(params) {
                self.back_since = None;
            } else {
                let weight = if self.gap_s == 0.0 { 1.0 } else { 0.1 };
                self.gap_s += (gap.as_secs_f64() - self.gap_s) * weight;
            }
        }
        self.last_picture = Some(at);
        if self.lost {
            let back = *self.back_since.get_or_insert(at);
            if at.since(back) >= params.end_after_s.span() {
                self.lost = false;
            }
        }
    }

    pub fn word(&mut self, at: MediaTime, word: StreamState<'_>) {
        self.heard_first.get_or_insert(at);
        self.word = match word {
            StreamState::Live => Word::Live,
            StreamState::Lost { reason } => {
                self.back_since = None;
                Word::Lost { reason: reason.to_owned() }
            }
            StreamState::Stale => Word::Stale,
        };
    }

    /// How long a picture may be awaited without a word.
    fn patience(&self, params: &CameraParams) -> Duration {
        params.silence_after_s.span().max(Duration::from_secs_f64(self.gap_s * LATE_FACTOR))
    }

    /// When the camera counts as lost if nothing more comes; `None` before it was heard of and while it is lost already.
    pub fn deadline(&self, params: &CameraParams) -> Option<MediaTime> {
        if self.lost {
            return None;
        }
        let since = self.last_picture.or(self.heard_first)?;
        Some(match self.word {
            Word::Live | Word::Stale => since + self.patience(params),
            Word::Lost { .. } => since + params.lost_after_s.span(),
        })
    }

    /// How things stand at `at`.
    pub fn judge(&mut self, at: MediaTime, params: &CameraParams) -> Arrival {
        if self.deadline(params).is_some_and(|deadline| at >= deadline) {
            self.lost = true;
            self.back_since = None;
        }
        let since = self.last_picture.or(self.heard_first).unwrap_or(at);
        match (&self.word, self.lost) {
            (Word::Lost { reason }, true) => Arrival::Lost { since, reason: reason.clone() },
            (Word::Live | Word::Stale, true) => {
                Arrival::Lost { since, reason: format!("no picture for {:.0} s, and no word why", at.since(since).as_secs_f64()) }
            }
            (Word::Lost { .. } | Word::Stale, false) => Arrival::Late,
            (Word::Live, false) => Arrival::Fresh,
        }
    }

    /// How old the newest picture is.
    pub fn age(&self, at: MediaTime) -> Duration {
        self.last_picture.map_or(Duration::ZERO, |last| at.since(last))
    }

    /// Whether any picture has come yet.
    pub fn has_seen(&self) -> bool {
        self.last_picture.is_some()
    }
}
