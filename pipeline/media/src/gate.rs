//! Which encoded pictures go into the decoder, and which decoded ones come out: the decode policies, pure.
//!
//! A picture that rests on one the decoder has not seen decodes to smears, and smears look like things to a detector. So the gate keeps account of
//! whether the decoder has everything since the last keyframe, and after a gap of any kind lets nothing through before the next one.

use std::time::Duration;

use matpho_scene::MediaTime;

use crate::config::DecodePolicy;

/// What is known of an encoded picture.
#[derive(Debug, Clone, Copy)]
pub struct UnitFacts {
    /// When it is shown.
    pub pts: MediaTime,
    /// It stands alone.
    pub keyframe: bool,
    /// Packets were lost just before or in it.
    pub damaged: bool,
    /// The decoder has fallen behind: so much is queued that this one would come too late.
    pub behind: bool,
}

/// What to do with an encoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Into the decoder.
    Decode,
    /// Drop it.
    Skip(Why),
}

/// Why a picture is dropped before the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The policy does not ask for it.
    Policy,
    /// It rests on a damaged picture.
    Damaged,
    /// The decoder does not keep up.
    Behind,
}

/// See the module.
#[derive(Debug)]
pub struct Gate {
    intra_only: bool,
    /// Why the decoder lacks something since the last keyframe; none when it lacks nothing.
    gap: Option<Why>,
    units: Rate,
    pictures: Rate,
    /// When the current burst began.
    burst: Option<MediaTime>,
    /// Something went in that may not have come out.
    to_drain: bool,
}

impl Gate {
    /// For a stream whose every picture stands alone (`intra_only`), or one with delta pictures.
    pub fn new(intra_only: bool) -> Self {
        Self {
            intra_only,
            gap: Some(Why::Policy),
            units: Rate::default(),
            pictures: Rate::default(),
            burst: None,
            to_drain: false,
        }
    }

    /// Judges an encoded picture, in decoding order.
    pub fn admit(&mut self, policy: DecodePolicy, unit: UnitFacts) -> Verdict {
        let wanted = match policy {
            DecodePolicy::Nothing => false,
            DecodePolicy::Keyframes { fps_max } => unit.keyframe && (unit.behind || self.units.admit(unit.pts, fps_max)),
            DecodePolicy::Bursts { every_s, lasts_s, fps } => {
                self.in_burst(unit, every_s, lasts_s) && (!self.intra_only || self.units.admit(unit.pts, fps))
            }
            DecodePolicy::AtMost { fps } if self.intra_only => self.units.admit(unit.pts, fps),
            DecodePolicy::AtMost { .. } | DecodePolicy::Every => true,
        };
        let lacks = if unit.keyframe { None } else { self.gap };
        let skip = if !wanted {
            Some(Why::Policy)
        } else if unit.behind {
            Some(Why::Behind)
        } else if unit.damaged && !unit.keyframe {
            Some(Why::Damaged)
        } else {
            lacks
        };
        match skip {
            None => {
                self.gap = None;
                self.to_drain = true;
                Verdict::Decode
            }
            Some(why) => {
                // The first cause stays until a keyframe mends it.
                self.gap = Some(if unit.keyframe { why } else { self.gap.unwrap_or(why) });
                Verdict::Skip(why)
            }
        }
    }

    fn in_burst(&mut self, unit: UnitFacts, every_s: f64, lasts_s: f64) -> bool {
        let span = |secs: f64| Duration::try_from_secs_f64(secs).unwrap_or(Duration::ZERO);
        let since = self.burst.map(|begun| unit.pts.since(begun));
        // A little early counts, as time stamps tremble; so does a step back of the time stamps.
        let due = since.is_none_or(|since| since >= span(every_s * 0.98))
            || self.burst.is_some_and(|begun| begun.since(unit.pts) > Duration::from_secs(1));
        if unit.keyframe && due {
            self.burst = Some(unit.pts);
        }
        self.burst.is_some_and(|begun| unit.pts.since(begun) < span(lasts_s))
    }

    /// True once when, after something went in, what followed was held back: a decoder that waits for more before it shows a picture must then be told
    /// that nothing comes, else each keyframe shows one keyframe distance late.
    pub fn take_drain(&mut self) -> bool {
        self.gap.is_some() && std::mem::take(&mut self.to_drain)
    }

    /// Judges a decoded picture, in showing order: is it handed on?
    pub fn show(&mut self, policy: DecodePolicy, pts: MediaTime) -> bool {
        match policy {
            DecodePolicy::AtMost { fps } | DecodePolicy::Bursts { fps, .. } if !self.intra_only => self.pictures.admit(pts, fps),
            _ => true,
        }
    }
}

/// At most so many a second on the long run, evenly spaced.
#[derive(Debug, Default)]
struct Rate {
    next: Option<MediaTime>,
}

impl Rate {
    fn admit(&mut self, pts: MediaTime, fps: f64) -> bool {
        if fps.is_infinite() && fps > 0.0 {
            return true;
        }
        // A rate of nothing, or of nonsense, admits nothing; one an hour is the slowest there is.
        if fps.is_nan() || fps <= 0.0 {
            return false;
        }
        let period = Duration::from_secs_f64((1.0 / fps).min(3600.0));
        // Time stamps tremble: a keyframe a second, asked for once a second, must not be missed for arriving a millisecond early.
        let early = period / 10;
        match self.next {
            Some(next) if pts + early < next && next.since(pts) <= 2 * period => false,
            Some(next) if pts + early >= next && pts < next + period => {
                self.next = Some(next + period);
                true
            }
            // The first, one after a pause, or after a step back of the time stamps.
            _ => {
                self.next = Some(pts + period);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream as text: `K` keyframe, `d` delta, `x` damaged delta, `b` and `B` the same while the decoder is behind; 25 a second. The answer: `D` decoded, `.` skipped by
    /// policy, `!` damaged, `~` behind.
    fn run(gate: &mut Gate, policy: DecodePolicy, stream: &str) -> String {
        stream
            .bytes()
            .enumerate()
            .map(|(n, kind)| {
                let unit = UnitFacts {
                    pts: MediaTime::from_millis(40 * n as u64),
                    keyframe: matches!(kind, b'K' | b'B'),
                    damaged: kind == b'x',
                    behind: matches!(kind, b'b' | b'B'),
                };
                match gate.admit(policy, unit) {
                    Verdict::Decode => 'D',
                    Verdict::Skip(Why::Policy) => '.',
                    Verdict::Skip(Why::Damaged) => '!',
                    Verdict::Skip(Why::Behind) => '~',
                }
            })
            .collect()
    }

    const ALL_KEYFRAMES: DecodePolicy = DecodePolicy::Keyframes { fps_max: f64::INFINITY };

    #[test]
    fn policies_pick_what_they_say() {
        for (policy, stream, expected) in [
            (DecodePolicy::Every, "ddKdddKd", "..DDDDDD"),
            (DecodePolicy::AtMost { fps: 5.0 }, "KdddKd", "DDDDDD"),
            (ALL_KEYFRAMES, "dKdddKdK", ".D...D.D"),
            (DecodePolicy::Keyframes { fps_max: 5.0 }, "KdKdKdKdKdK", "D.....D...D"),
            (DecodePolicy::Nothing, "KdK", "..."),
        ] {
            assert_eq!(run(&mut Gate::new(false), policy, stream), expected, "{policy:?}");
        }
    }

    #[test]
    fn damage_hides_everything_until_the_next_keyframe() {
        assert_eq!(run(&mut Gate::new(false), DecodePolicy::Every, "KdxddKd"), "DD!!!DD");
    }

    #[test]
    fn a_slow_decoder_falls_back_to_keyframes() {
        assert_eq!(run(&mut Gate::new(false), DecodePolicy::Every, "KdbddBdKd"), "DD~~~~~DD");
    }

    #[test]
    fn a_change_of_policy_takes_effect_at_a_keyframe_and_back_at_once() {
        let mut gate = Gate::new(false);
        assert_eq!(run(&mut gate, ALL_KEYFRAMES, "Kdd"), "D..");
        assert_eq!(run(&mut gate, DecodePolicy::Every, "ddKd"), "..DD");
        assert_eq!(run(&mut gate, ALL_KEYFRAMES, "ddKd"), "..D.");
    }

    #[test]
    fn bursts_begin_at_keyframes_and_end_on_time() {
        let bursts = DecodePolicy::Bursts { every_s: 0.4, lasts_s: 0.16, fps: 25.0 };
        assert_eq!(run(&mut Gate::new(false), bursts, "ddKdddddKdddKdddddKd"), "..DDDD......DDDD....");
        // A keyframe within a burst is part of it.
        assert_eq!(run(&mut Gate::new(false), bursts, "KdKdKdKdKdKd"), "DDDD......DD");
        let mut mjpeg = Gate::new(true);
        assert_eq!(
            run(&mut mjpeg, DecodePolicy::Bursts { every_s: 0.4, lasts_s: 0.2, fps: 12.5 }, "KKKKKKKKKKKK"),
            "D.D.D.....D."
        );
    }

    #[test]
    fn where_all_stand_alone_thinning_happens_before_the_decoder() {
        let mut gate = Gate::new(true);
        assert_eq!(run(&mut gate, DecodePolicy::AtMost { fps: 5.0 }, "KKKKKKKKKKK"), "D....D....D");
    }

    #[test]
    fn what_may_be_held_back_is_drained_once() {
        let mut gate = Gate::new(false);
        let mut drained = |stream| {
            run(&mut gate, ALL_KEYFRAMES, stream);
            gate.take_drain()
        };
        assert_eq!([drained("K"), drained("d"), drained("d"), drained("Kd"), drained("d")], [false, true, false, true, false]);
    }

    #[test]
    fn pictures_are_thinned_evenly_and_never_above_the_rate() {
        for (source, fps, expected) in [(25.0, 5.0, 50), (25.0, 10.0, 100), (30.0, 4.0, 40), (29.97, 5.0, 50), (5.0, 25.0, 50)] {
            let mut gate = Gate::new(false);
            let shown: Vec<f64> = (0..(10.0 * source) as u64)
                .map(|n| n as f64 / source)
                .filter(|at| gate.show(DecodePolicy::AtMost { fps }, MediaTime::from_secs_f64(*at)))
                .collect();
            assert!((expected - 1..=expected).contains(&(shown.len() as i32)), "{source} to {fps}: {}", shown.len());
            let widest = shown.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(widest <= 1.0 / fps + 1.0 / source + 1e-6, "{source} to {fps}: a gap of {widest} s");
        }
    }

    #[test]
    fn time_stamps_that_step_back_do_not_silence_a_camera() {
        let mut gate = Gate::new(false);
        let policy = DecodePolicy::AtMost { fps: 1.0 };
        assert!(gate.show(policy, MediaTime::from_millis(1_000_000)));
        assert!(gate.show(policy, MediaTime::from_millis(500)));
        assert!(!gate.show(policy, MediaTime::from_millis(600)));
    }
}
