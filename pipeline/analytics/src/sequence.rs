//! One place in the picture where something like fire was found, look by look.

use std::time::Duration;

use matpho_scene::{Change, Class, MediaTime, NormBox};

use crate::{
    fire::{FireParams, LAMP_FLICKER},
    moment::Moment,
    window::{Window, median, spread},
};

/// Looks are kept this long, which holds eight of them at a keyframe every 2.5 s.
const KEPT: Duration = Duration::from_secs(20);
/// Small boxes must flicker by this much over their side more, since a detector's edges jump by a few thousandths of the picture.
const EDGE_NOISE: f32 = 0.004;

/// So many boxes tell an area.
const FIRST: usize = 3;
/// So many measured changes tell a flicker, and so many where a burst is under way.
const CHANGES_MIN: usize = 3;
const CHANGES_BURST_MIN: usize = 6;
/// Of far more change one less tells.
const VIVID_CHANGES_MIN: usize = 5;
/// A flame changes its place by as much as is asked in this share of the looks. Burning clips: by half as much again in 19 of 20 windows.
const LIVELY_SHARE: f32 = 0.75;
/// Where vehicles drive before a place all the time, looks at it speak in spite of them after this long: longer than a queue shows its brake lights at red.
const PASSED_AFTER: Duration = Duration::from_secs(45);
/// Smoke must last so many times as long as a flame.
const SMOKE_LASTS: f32 = 1.4;
/// What is vivid has little time to wander: this part of what others may.
const VIVID_TRAVEL: f32 = 0.5;
/// Smoke stays where it comes from: one side of it moves by no more of its width than this.
const SMOKE_DRIFT_MAX: f32 = 0.3;
/// Smoke whose upper edge has risen by this many of its sides goes up.
const RISE_SIDES: f32 = 0.3;

/// Found once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub bbox: NormBox,
    pub score: f32,
    /// How much its place changed, where that was measured.
    pub change: Option<Change>,
    /// A vehicle drove before it, now or at the look before: that changed its place, whatever else did.
    pub passed: bool,
    /// The look before was a fraction of a second ago: a burst.
    pub brief: bool,
}

impl Hit {
    /// How far its place changes beyond what is asked of flames, as a logarithm: of its change, and of its ratio to the rest of the picture's.
    fn flicker(&self, params: &FireParams) -> Option<(f32, f32)> {
        let change = self.change?;
        let least = if self.brief { params.change_burst_min } else { params.change_min };
        let ratio = change.inside / change.around.max(0.01) / params.change_ratio.get();
        Some(((change.inside.max(0.01) / least.get()).ln(), ratio.max(1e-4).ln()))
    }

    /// Whether its place changes as flames do, `times` over; false where that was not measured.
    pub fn flickers(&self, params: &FireParams, times: f32) -> bool {
        self.flicker(params).is_some_and(|(change, ratio)| change >= times.ln() && ratio >= 0.0)
    }
}

/// Whether places changed as flames do, `times` over: in nearly every look, since a flame never holds still, and what passes before a lamp comes and goes.
/// The median is asked for the ratio: on the mean a few looks in which somebody passed unseen would speak for all.
fn flicker<'a>(hits: impl Iterator<Item = &'a Hit>, params: &FireParams, times: f32) -> bool {
    let (changes, ratios): (Vec<f32>, Vec<f32>) = hits.filter_map(|hit| hit.flicker(params)).unzip();
    let lively = changes.iter().filter(|change| **change >= times.ln()).count();
    lively as f32 >= LIVELY_SHARE * changes.len() as f32 && median(ratios).is_none_or(|ratio| ratio >= 0.0)
}

/// How like fire a place behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Behaviour {
    /// Not at all.
    Still,
    /// It flickers, grows or, being smoke, rises.
    Lively,
    /// A flame of which a burst shows far more change than is asked.
    Vivid,
}

/// Found again and again, or not.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub first: Moment,
    pub last_hit: Moment,
    /// The last box it was found in.
    pub last: Hit,
    /// Looks in which it was found, in all.
    pub hits: u32,
    /// Looks since it was last found.
    pub misses: u32,
    /// Enough to say so.
    pub confirmed: bool,
    /// Flickered or grew at some time.
    pub was_lively: bool,
    /// Vivid when it was confirmed, so that less was asked.
    pub was_vivid: bool,
    /// In the place of a lamp, where more is asked.
    pub wary: bool,
    /// When every frame was last asked for to verify it.
    pub burst_asked: Option<MediaTime>,
    /// Areas of the first boxes: the median of three says how large it was, one box does not.
    areas_first: Vec<f32>,
    looks: Window<Option<Hit>>,
}

impl Sequence {
    pub fn new(now: Moment, hit: Hit) -> Self {
        let mut looks = Window::new(KEPT);
        looks.push(now, Some(hit));
        Self {
            first: now,
            last_hit: now,
            last: hit,
            hits: 1,
            misses: 0,
            confirmed: false,
            was_lively: false,
            was_vivid: false,
            wary: false,
            burst_asked: None,
            areas_first: vec![hit.bbox.area()],
            looks,
        }
    }

    /// The same in the place of a lamp.
    pub fn wary(now: Moment, hit: Hit) -> Self {
        Self { wary: true, ..Self::new(now, hit) }
    }

    pub fn look(&mut self, now: Moment, hit: Option<Hit>) {
        self.looks.push(now, hit);
        match hit {
            Some(hit) => {
                self.last = hit;
                self.last_hit = now;
                if self.areas_first.len() < FIRST {
                    self.areas_first.push(hit.bbox.area());
                }
                self.hits = self.hits.saturating_add(1);
                self.misses = 0;
            }
            None => self.misses = self.misses.saturating_add(1),
        }
    }

    /// Found in a picture that is no longer fit to judge: what shows is evidence all the same, what does not show says nothing.
    /// `now.watched` stands still, so that nothing runs out meanwhile.
    pub fn glimpse(&mut self, now: Moment, hit: Hit, params: &FireParams, class: Class) {
        self.look(now, Some(hit));
        let lasted = now.at.since(self.first.at) >= params.confirm_after_s.span();
        self.was_lively |= self.behaviour(params, class) >= Behaviour::Lively;
        self.confirmed |= self.was_lively && lasted && self.hits >= params.hits_min;
    }

    /// Found at least twice, the last time no longer than `within` before `at`.
    pub fn is_suspect(&self, at: MediaTime, within: Duration) -> bool {
        self.hits >= 2 && at.since(self.last_hit.at) <= within
    }

    /// Area now over the area when it was first found.
    pub fn growth(&self) -> f32 {
        let found: Vec<f32> = self.found().map(|hit| hit.bbox.area()).collect();
        let first = median(self.areas_first.iter().copied()).unwrap_or(0.0).max(1e-6);
        let newest = median(found.iter().rev().take(FIRST).copied()).unwrap_or(first);
        newest / first
    }

    fn found(&self) -> impl DoubleEndedIterator<Item = &Hit> {
        self.looks.values().flatten()
    }

    /// Mean of the mean score and the share of looks that found it.
    pub fn confidence(&self) -> f32 {
        let looks = self.looks.len().max(1) as f32;
        let (n, sum) = self.found().fold((0.0f32, 0.0f32), |(n, sum), hit| (n + 1.0, sum + hit.score));
        (sum / n.max(1.0) + n / looks) / 2.0
    }

    /// Once confirmed it stays so until it is gone for long.
    pub fn confirm(&mut self, params: &FireParams, class: Class) {
        let behaviour = self.behaviour(params, class);
        self.was_lively |= behaviour >= Behaviour::Lively;
        if !self.confirmed && behaviour >= Behaviour::Lively && self.is_persistent(params, class, behaviour) {
            (self.confirmed, self.was_vivid) = (true, behaviour == Behaviour::Vivid);
        }
    }

    /// Found in most looks of the window: the fewest newest looks that span the time asked for and could hold the hits asked for. Of what is vivid less is asked.
    fn is_persistent(&self, params: &FireParams, class: Class, behaviour: Behaviour) -> bool {
        let Some((newest, _)) = self.looks.iter().next_back() else { return false };
        let (over, share) = match (behaviour, class) {
            (Behaviour::Vivid, _) => (params.vivid_after_s.span(), params.vivid_hits_share.get()),
            (_, Class::Smoke) => (params.confirm_after_s.span().mul_f32(SMOKE_LASTS), params.hits_share.get()),
            _ => (params.confirm_after_s.span(), params.hits_share.get()),
        };
        let looks_min = (params.hits_min as f32 / share.max(0.01)).ceil() as usize;
        // One look more than the span holds, or looks that do not come exactly on the beat would never span it.
        let mut window: Vec<&(Moment, Option<Hit>)> = Vec::new();
        for look in self.looks.iter().rev() {
            window.push(look);
            if window.len() >= looks_min && newest.since(look.0) >= over {
                break;
            }
        }
        let Some((oldest, _)) = window.last() else { return false };
        let hits = window.iter().filter(|(_, hit)| hit.is_some()).count();
        self.misses == 0
            && self.last_hit.since(self.first) >= over
            && hits >= params.hits_min as usize
            && hits as f32 >= share * window.len() as f32
            && newest.since(*oldest) >= over
    }

    /// Whether it behaves like fire: its area flickers or grows, and a flame stays where it is.
    fn behaviour(&self, params: &FireParams, class: Class) -> Behaviour {
        let hits: Vec<&Hit> = self.found().collect();
        let Some((mean, deviation)) = spread(hits.iter().map(|hit| hit.bbox.area())) else { return Behaviour::Still };
        if hits.len() < 3 {
            return Behaviour::Still;
        }
        let side = mean.sqrt().max(1e-3);
        let busy = hits.iter().any(|hit| hit.passed);
        let clear = hits.iter().filter(|hit| hit.change.is_some() && !hit.passed).count();
        let lasts = self.last_hit.since(self.first) >= PASSED_AFTER && clear < CHANGES_BURST_MIN;
        let measured = || hits.iter().copied().filter(|hit| hit.change.is_some() && (!hit.passed || lasts));
        // Looks a second apart see change wherever traffic passes; a burst tells flames from it.
        let under_way = self.last.brief && self.last.change.is_some();
        let in_burst = under_way || measured().filter(|hit| hit.brief).count() >= CHANGES_BURST_MIN;
        let telling = || measured().filter(|hit| hit.brief || !in_burst);
        // A burst that was cut short, or found little, lets few looks speak no longer.
        let n_min = match (in_burst, measured().any(|hit| hit.brief)) {
            (true, _) => CHANGES_BURST_MIN,
            (false, true) => params.hits_min as usize,
            (false, false) => CHANGES_MIN,
        };
        let n = telling().count();
        let times = if self.wary { LAMP_FLICKER } else { 1.0 };
        let churns = n >= n_min && flicker(telling(), params, times);
        let is_measured = busy || n_min > CHANGES_MIN || n >= n_min;
        // A flame on the ground keeps three of its edges and throws the fourth about: the area alone would not tell.
        let edges: [fn(NormBox) -> f32; 4] = [NormBox::x1, NormBox::y1, NormBox::x2, NormBox::y2];
        let restless = |edge: fn(NormBox) -> f32| spread(hits.iter().map(|hit| edge(hit.bbox))).map_or(0.0, |(_, d)| d / side);
        let swing = edges.map(restless).into_iter().fold(deviation / mean, f32::max);
        let flickers = if is_measured { churns } else { swing >= params.flicker_min.get() + EDGE_NOISE / side };
        let grows = self.growth() >= params.growth_min.get();
        let centre = |of: &[&Hit]| {
            let x = median(of.iter().map(|hit| hit.bbox.centre().x)).unwrap_or(0.0);
            let y = median(of.iter().map(|hit| hit.bbox.centre().y)).unwrap_or(0.0);
            (x, y)
        };
        let ends = hits.len().min(6) / 2;
        let (from, to) = (centre(&hits[..ends]), centre(&hits[hits.len() - ends..]));
        let travelled = (to.0 - from.0).hypot(to.1 - from.1) / side;
        let top = |of: &[&Hit]| median(of.iter().map(|hit| hit.bbox.y1())).unwrap_or(0.0);
        let moved = |edge: fn(NormBox) -> f32| {
            let of = |of: &[&Hit]| median(of.iter().map(|hit| edge(hit.bbox))).unwrap_or(0.0);
            (of(&hits[hits.len() - ends..]) - of(&hits[..ends])).abs() / side
        };
        let drifts = moved(NormBox::x1).min(moved(NormBox::x2)) > SMOKE_DRIFT_MAX;
        let rises = (top(&hits[..ends]) - top(&hits[hits.len() - ends..])) / side >= RISE_SIDES;
        let is_lively = match class {
            // Smoke goes up or spreads; dust and exhaust go where the wind and the lorry go.
            Class::Smoke => !drifts && (flickers || grows || rises),
            // What was measured to hold still is no flame, however its boxes tremble.
            _ => travelled <= params.travel_sides_max.get() && (flickers || (grows && !is_measured)),
        };
        // In the place of a lamp nothing goes faster.
        let is_vivid = class == Class::Fire
            && in_burst
            && n >= VIVID_CHANGES_MIN
            && !self.wary
            && travelled <= VIVID_TRAVEL * params.travel_sides_max.get()
            && flicker(telling(), params, params.vivid_times.get());
        match (is_vivid, is_lively) {
            (true, _) => Behaviour::Vivid,
            (false, true) => Behaviour::Lively,
            (false, false) => Behaviour::Still,
        }
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::MediaTime;

    use super::*;

    /// Looks from the beginning of a suspicion on, an eighth of a second apart after the first two, in which its place changes by `inside` of a burst.
    fn burst(class: Class, inside: f32, usual: f32, drift: f32) -> Sequence {
        let params = FireParams::default();
        let mut sequence: Option<Sequence> = None;
        for n in 0..48u64 {
            let x = 0.3 + drift * n as f32;
            let bbox = NormBox::clipped(x, 0.5, x + 0.1, 0.6).unwrap();
            let at = MediaTime::from_millis(n * 125);
            let now = Moment { at, watched: at.since(MediaTime::ZERO) };
            let change = Some(Change { inside: inside * [0.7, 1.4][n as usize % 2], around: usual });
            let hit = Hit { bbox, score: 0.6, change, passed: false, brief: n > 0 };
            match &mut sequence {
                None => sequence = Some(Sequence::new(now, hit)),
                Some(sequence) => sequence.look(now, Some(hit)),
            }
            sequence.iter_mut().for_each(|s| s.confirm(&params, class));
        }
        sequence.unwrap()
    }

    #[test]
    fn a_burst_tells_flames_from_what_only_shines() {
        for (what, inside, usual, is_flame) in [
            ("a flame", 7.0, 0.5, true),
            ("a weak one before a camera that shakes", 6.0, 2.0, true),
            ("a lamp", 0.6, 0.5, false),
            ("a lamp before a camera that shakes", 6.0, 6.0, false),
            ("cloth in the wind", 1.5, 0.5, false),
        ] {
            assert_eq!(burst(Class::Fire, inside, usual, 0.0).confirmed, is_flame, "{what}");
        }
    }

    #[test]
    fn what_is_vivid_is_confirmed_sooner_but_not_in_the_place_of_a_lamp() {
        let params = FireParams::default();
        let bbox = NormBox::clipped(0.3, 0.5, 0.4, 0.6).unwrap();
        // Found in every look, or in two of five, as a small flame is.
        for (inside, found_of_5, wary, after_s) in [
            (8.0, 5, false, 1.25),
            (8.0, 2, false, 1.25),
            (2.5, 5, false, 3.5),
            (8.0, 5, true, 3.5),
            (2.5, 2, false, f64::INFINITY),
        ] {
            let mut sequence: Option<Sequence> = None;
            let mut confirmed_s = f64::INFINITY;
            for n in 0..80u64 {
                let at = MediaTime::from_millis(n * 125);
                let now = Moment { at, watched: at.since(MediaTime::ZERO) };
                let hit = Hit { bbox, score: 0.6, change: Some(Change { inside, around: 0.5 }), passed: false, brief: true };
                match &mut sequence {
                    None if wary => sequence = Some(Sequence::wary(now, hit)),
                    None => sequence = Some(Sequence::new(now, hit)),
                    Some(sequence) => sequence.look(now, (n * found_of_5 % 5 < found_of_5).then_some(hit)),
                }
                let sequence = sequence.as_mut().unwrap();
                sequence.confirm(&params, Class::Fire);
                if sequence.confirmed {
                    confirmed_s = confirmed_s.min(at.as_secs_f64());
                }
            }
            let told = sequence.unwrap();
            assert!(
                confirmed_s >= after_s && (after_s.is_infinite() || confirmed_s <= after_s + 0.7),
                "{inside} {found_of_5} {wary}: {confirmed_s}"
            );
            assert_eq!(told.was_vivid, inside > 5.0 && !wary);
        }
    }

    #[test]
    fn before_a_fire_vehicles_may_never_cease_to_drive() {
        let params = FireParams::default();
        let bbox = NormBox::clipped(0.3, 0.5, 0.4, 0.6).unwrap();
        let mut sequence: Option<Sequence> = None;
        let mut confirmed_s = None;
        for second in 0..90 {
            let at = MediaTime::from_millis(1000 * second);
            let now = Moment { at, watched: at.since(MediaTime::ZERO) };
            let change = Some(Change { inside: 20.0, around: 2.0 });
            let hit = Hit { bbox, score: 0.6, change, passed: true, brief: false };
            match &mut sequence {
                None => sequence = Some(Sequence::new(now, hit)),
                Some(sequence) => sequence.look(now, Some(hit)),
            }
            let sequence = sequence.as_mut().unwrap();
            sequence.confirm(&params, Class::Fire);
            if sequence.confirmed && confirmed_s.is_none() {
                confirmed_s = Some(second);
            }
        }
        assert_eq!(confirmed_s, Some(PASSED_AFTER.as_secs()));
    }

    #[test]
    fn what_changes_in_the_place_of_a_lamp_must_change_more() {
        let mut hit =
            Hit { bbox: NormBox::clipped(0.3, 0.5, 0.4, 0.6).unwrap(), score: 0.6, change: None, passed: false, brief: true };
        for (inside, counts) in [(3.0, false), (9.0, true)] {
            hit.change = Some(Change { inside, around: 0.5 });
            let hits = [hit; CHANGES_BURST_MIN];
            assert_eq!(flicker(hits.iter(), &FireParams::default(), LAMP_FLICKER), counts, "{inside}");
        }
    }

    #[test]
    fn a_lamp_that_a_few_pass_unseen_is_no_flame() {
        let bbox = NormBox::clipped(0.3, 0.5, 0.4, 0.6).unwrap();
        let hit = |inside| Hit { bbox, score: 0.6, change: Some(Change { inside, around: 2.0 }), passed: false, brief: true };
        for (passed, rest, is_flame) in [(60.0, 2.5, false), (60.0, 7.0, true)] {
            let hits: Vec<Hit> = (0..10).map(|n| hit(if n % 4 == 1 { passed } else { rest })).collect();
            assert_eq!(flicker(hits.iter(), &FireParams::default(), 1.0), is_flame, "{rest}");
        }
    }

    #[test]
    fn smoke_stays_where_it_comes_from_and_dust_goes_with_its_lorry() {
        assert!(burst(Class::Smoke, 6.0, 0.5, 0.0).confirmed);
        assert!(!burst(Class::Smoke, 6.0, 0.5, 0.003).confirmed);
    }
}
