//! Alarm load: what reaches an operator, as figures with limits (ISA-18.2, IEC 62682, EEMUA 191), and what is done about too much of it.
//!
//! The limits come from process plants and are used as a budget: one alarm in ten minutes is what a person answers well, ten in ten minutes is a flood in
//! which alarms are missed. From them follows how many false alarms a camera may make: 300 cameras and four operators have two a day each.
//!
//! Pure: a list of what happened goes in, figures come out; time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use matpho_scene::{WallTime, event::Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The period that rates are counted in.
pub const PERIOD: Duration = Duration::from_secs(600);
/// A flood begins with more than so many alarms a period and operator.
pub const FLOOD_BEGINS_ABOVE: u32 = 10;
/// It ends with fewer than so many.
pub const FLOOD_ENDS_BELOW: u32 = 5;
/// What is not dealt with for so long is stale.
pub const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// A source that raises so many alarms …
pub const CHATTER_COUNT: usize = 3;
/// … in so much time chatters. Process plants say three in a minute; an incident here takes in what comes back within two minutes, so that
/// three in ten minutes is the same nuisance.
pub const CHATTER_WITHIN: Duration = Duration::from_secs(600);
/// Nothing is shelved for longer: a shift.
pub const SHELF_MAX: Duration = Duration::from_secs(12 * 3600);

/// How much an alarm matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum Priority {
    Low,
    Medium,
    High,
}

impl Priority {
    /// What a severity amounts to where no person says otherwise.
    pub const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Extreme | Severity::Severe => Self::High,
            Severity::Moderate => Self::Medium,
            Severity::Minor => Self::Low,
        }
    }
}

/// What happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was shown to an operator.
    Raised(Priority),
    /// Somebody took it.
    Acknowledged,
    /// It is over or closed.
    Cleared,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: WallTime,
    /// To which incident.
    pub incident: String,
    /// Where the alarm comes from: a camera and an analytic.
    pub source: String,
    /// What.
    pub what: What,
}

/// A flood of alarms as it comes and goes: a state machine over the instants at which alarms are raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flood {
    operators: u32,
    raised: VecDeque<WallTime>,
    since: Option<WallTime>,
}

/// A turn of a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It begins: low priorities are rolled up by area and a banner says so.
    Begins(WallTime),
    /// It is over.
    Ends(WallTime),
}

impl Flood {
    /// None yet, with so many operators to share the alarms; at least one.
    pub fn new(operators: u32) -> Self {
        Self { operators: operators.max(1), raised: VecDeque::new(), since: None }
    }

    /// Since when there is one.
    pub fn since(&self) -> Option<WallTime> {
        self.since
    }

    /// An alarm was raised. Time does not go back: what comes out of order counts as now.
    pub fn raised(&mut self, at: WallTime) -> Option<Turn> {
        let at = self.raised.back().map_or(at, |last| at.max(*last));
        // One that leaves the period as this one comes makes them no fewer: who left before is looked at first, who leaves now after.
        let ended = self.forget(|left| left < at);
        self.raised.push_back(at);
        let ended = ended.or(self.forget(|left| left <= at));
        if self.since.is_none() && self.count() > FLOOD_BEGINS_ABOVE * self.operators {
            self.since = Some(at);
            return Some(Turn::Begins(at));
        }
        ended
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: WallTime) -> Option<Turn> {
        self.forget(|left| left <= now)
    }

    /// Lets go of the alarms that have left the period.
    fn forget(&mut self, has_left: impl Fn(WallTime) -> bool) -> Option<Turn> {
        let limit = FLOOD_ENDS_BELOW * self.operators;
        let mut fell_below = None;
        while let Some(&first) = self.raised.front().filter(|first| has_left(**first + PERIOD)) {
            self.raised.pop_front();
            if self.count() < limit && fell_below.is_none() {
                fell_below = Some(first + PERIOD);
            }
        }
        self.since?;
        // It is over when the alarm went out of the period that made them too few, not when somebody looked.
        let ended = fell_below?;
        self.since = None;
        Some(Turn::Ends(ended))
    }

    /// When [`Flood::timeout`] would next change something, if no alarm comes.
    pub fn poll_timeout(&self) -> Option<WallTime> {
        self.since?;
        let leave = self.raised.len().checked_sub((FLOOD_ENDS_BELOW * self.operators) as usize)?;
        self.raised.get(leave).map(|first| *first + PERIOD)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.raised.len()).unwrap_or(u32::MAX)
    }
}

/// A source that is silenced for a time, by somebody, for a reason. Events of it are kept as ever; no alarm is made of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelved {
    /// Which source.
    pub source: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// From when on.
    pub from: WallTime,
    /// Until when: by itself.
    pub until: WallTime,
}

/// Why something is not shelved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// No reason is given.
    #[error("say why it is shelved")]
    NoReason,
    /// No time, or too long.
    #[error("shelve it for up to {} hours; it can be shelved again", SHELF_MAX.as_secs() / 3600)]
    Duration,
}

impl Shelved {
    /// Shelves a source.
    pub fn new(source: &str, by: &str, reason: &str, from: WallTime, time: Duration) -> Result<Self, ShelfError> {
        if reason.trim().is_empty() {
            return Err(ShelfError::NoReason);
        }
        if time.is_zero() || time > SHELF_MAX {
            return Err(ShelfError::Duration);
        }
        Ok(Self { source: source.into(), by: by.into(), reason: reason.trim().into(), from, until: from + time })
    }

    /// Whether it silences a source at an instant.
    pub fn holds(&self, source: &str, at: WallTime) -> bool {
        self.source == source && self.from <= at && at < self.until
    }
}

/// The figures of a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Alarms that were raised.
    pub raised: u32,
    /// A mean period and operator; at most 1 is good, 2 can be borne.
    pub per_period_mean: f64,
    /// The worst period, per operator.
    pub per_period_max: f64,
    /// Share of the periods with more than 10 an operator, 0 to 1; below 0.01 is good.
    pub flooded_share: f64,
    /// Floods, with their beginnings and ends; an end may be open.
    pub floods: Vec<(WallTime, Option<WallTime>)>,
    /// Share of the ten loudest sources, 0 to 1; below 0.05 is good where there are hundreds.
    pub top_ten_share: f64,
    /// The ten loudest sources with how often, the loudest first.
    pub top_ten: Vec<(String, u32)>,
    /// Sources that chattered.
    pub chattering: Vec<String>,
    /// Incidents that were stale at the end; fewer than 5 is good.
    pub stale: Vec<String>,
    /// Shares of low, medium and high priority, 0 to 1; 0.80, 0.15 and 0.05 is good.
    pub priorities: [f64; 3],
    /// Median time until somebody took an alarm, in seconds; `None`: nobody took any.
    pub acknowledge_s_median: Option<f64>,
}

/// The figures from an instant until before another one, for so many operators. Changes may be in any order; those before the stretch count for what is
/// stale in it.
pub fn figures(changes: &[Change], operators: u32, (from, to): (WallTime, WallTime)) -> Figures {
    let operators = operators.max(1);
    let mut changes: Vec<&Change> = changes.iter().filter(|change| change.at < to).collect();
    changes.sort_by_key(|change| change.at);
    let raised: Vec<(&Change, Priority)> = changes
        .iter()
        .filter_map(|change| match change.what {
            What::Raised(priority) if change.at >= from => Some((*change, priority)),
            _ => None,
        })
        .collect();
    let total = raised.len();
    let share = |count: usize| if total == 0 { 0.0 } else { count as f64 / total as f64 };

    let periods = to.since(from).as_secs().div_ceil(PERIOD.as_secs()).max(1);
    let mut per_period: BTreeMap<u64, u32> = BTreeMap::new();
    for (change, _) in &raised {
        *per_period.entry(change.at.since(from).as_secs() / PERIOD.as_secs()).or_default() += 1;
    }
    let flooded = per_period.values().filter(|count| **count > FLOOD_BEGINS_ABOVE * operators).count();

    let mut by_source: BTreeMap<&str, Vec<WallTime>> = BTreeMap::new();
    for (change, _) in &raised {
        by_source.entry(&change.source).or_default().push(change.at);
    }
    let mut loudest: Vec<(String, u32)> =
        by_source.iter().map(|(source, times)| ((*source).to_owned(), u32::try_from(times.len()).unwrap_or(u32::MAX))).collect();
    loudest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    loudest.truncate(10);
    let chatters =
        |times: &[WallTime]| times.windows(CHATTER_COUNT).any(|some| some[CHATTER_COUNT - 1].since(some[0]) < CHATTER_WITHIN);

    let mut open: BTreeMap<&str, WallTime> = BTreeMap::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut waits: Vec<f64> = Vec::new();
    for change in &changes {
        let incident = change.incident.as_str();
        match change.what {
            What::Raised(_) => drop(open.entry(incident).or_insert(change.at)),
            What::Acknowledged => {
                // The first counts.
                if let Some(since) = open.get(incident).filter(|_| taken.insert(incident) && change.at >= from) {
                    waits.push(change.at.since(*since).as_secs_f64());
                }
            }
            What::Cleared => {
                open.remove(incident);
                taken.remove(incident);
            }
        }
    }
    let priority = |wanted: Priority| share(raised.iter().filter(|(_, priority)| *priority == wanted).count());
    Figures {
        raised: u32::try_from(total).unwrap_or(u32::MAX),
        per_period_mean: total as f64 / periods as f64 / f64::from(operators),
        per_period_max: f64::from(per_period.values().copied().max().unwrap_or(0)) / f64::from(operators),
        flooded_share: flooded as f64 / periods as f64,
        floods: floods(raised.iter().map(|(change, _)| change.at), operators, to),
        top_ten_share: share(loudest.iter().map(|(_, count)| *count as usize).sum()),
        top_ten: loudest,
        chattering: by_source.iter().filter(|(_, times)| chatters(times)).map(|(source, _)| (*source).to_owned()).collect(),
        stale: open.iter().filter(|(_, since)| **since + STALE_AFTER < to).map(|(incident, _)| (*incident).to_owned()).collect(),
        priorities: [priority(Priority::Low), priority(Priority::Medium), priority(Priority::High)],
        acknowledge_s_median: median(waits),
    }
}

/// The median; `None` of nothing.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

fn floods(raised: impl Iterator<Item = WallTime>, operators: u32, to: WallTime) -> Vec<(WallTime, Option<WallTime>)> {
    let mut flood = Flood::new(operators);
    let mut found: Vec<(WallTime, Option<WallTime>)> = Vec::new();
    let mut note = |turn: Option<Turn>| match turn {
        Some(Turn::Begins(at)) => found.push((at, None)),
        Some(Turn::Ends(at)) => drop(found.last_mut().map(|last| last.1 = Some(at))),
        None => {}
    };
    for at in raised {
        // Ends come before the alarm that is raised later.
        note(flood.timeout(at));
        note(flood.raised(at));
    }
    note(flood.timeout(to));
    found
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, fs, path::PathBuf};

    use proptest::prelude::*;

    use super::*;

    fn midnight() -> WallTime {
        "2026-11-22T00:00:00.000Z".parse().unwrap()
    }

    fn at(second: u64) -> WallTime {
        midnight() + Duration::from_secs(second)
    }

    /// `[day+]HH:MM[:SS]` since the story's first midnight.
    fn instant(text: &str) -> WallTime {
        let (day, clock) = text.split_once('+').unwrap_or(("0", text));
        let mut parts = clock.split(':').map(|part| part.parse::<u64>().unwrap());
        let mut part = || parts.next().unwrap_or(0);
        at(day.parse::<u64>().unwrap() * 86_400 + part() * 3600 + part() * 60 + part())
    }

    /// Reads a story: `when raise INCIDENT SOURCE low|medium|high`, `when ack INCIDENT`, `when clear INCIDENT`, `when burst COUNT every SECONDS SOURCE`,
    /// and one line `operators N from WHEN to WHEN`. `#` begins a comment.
    fn read(story: &str) -> (Vec<Change>, u32, (WallTime, WallTime)) {
        let (mut changes, mut operators, mut stretch) = (Vec::new(), 1, (at(0), at(86_400)));
        let mut bursts = 0;
        for line in story.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.split_whitespace().collect();
            let mut put = |at, incident: &str, source: &str, what| {
                changes.push(Change { at, incident: incident.into(), source: source.into(), what })
            };
            match words.as_slice() {
                ["operators", count, "from", from, "to", to] => {
                    operators = count.parse().unwrap();
                    stretch = (instant(from), instant(to));
                }
                [when, "raise", incident, source, priority] => {
                    let priority = match *priority {
                        "low" => Priority::Low,
                        "medium" => Priority::Medium,
                        "high" => Priority::High,
                        other => panic!("{other}"),
                    };
                    put(instant(when), incident, source, What::Raised(priority));
                }
                [when, "ack", incident] => put(instant(when), incident, "", What::Acknowledged),
                [when, "clear", incident] => put(instant(when), incident, "", What::Cleared),
                [when, "burst", count, "every", seconds, source] => {
                    bursts += 1;
                    for number in 0..count.parse::<u64>().unwrap() {
                        let when = instant(when) + Duration::from_secs(number * seconds.parse::<u64>().unwrap());
                        put(when, &format!("burst{bursts}-{number}"), &format!("{source}{number}"), What::Raised(Priority::Low));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        (changes, operators, stretch)
    }

    fn sentences(figures: &Figures) -> String {
        let clock = |at: WallTime| {
            let seconds = at.since(midnight()).as_secs();
            format!("{}+{:02}:{:02}:{:02}", seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
        };
        let mut text = String::new();
        let mut say = |line: String| writeln!(text, "{line}").unwrap();
        say(format!(
            "raised {}; per 10 minutes and operator {:.3} on average, {:.1} at worst",
            figures.raised, figures.per_period_mean, figures.per_period_max
        ));
        say(format!("flooded {:.2} % of the time", figures.flooded_share * 100.0));
        for (began, ended) in &figures.floods {
            say(format!("flood from {} to {}", clock(*began), ended.map_or("?".into(), clock)));
        }
        say(format!(
            "ten loudest {:.0} %: {}",
            figures.top_ten_share * 100.0,
            figures.top_ten.iter().map(|(source, count)| format!("{source} {count}")).collect::<Vec<_>>().join(", ")
        ));
        say(format!("chattering: {}", figures.chattering.join(", ")));
        say(format!("stale: {}", figures.stale.join(", ")));
        let [low, medium, high] = figures.priorities.map(|share| share * 100.0);
        say(format!("low {low:.0} %, medium {medium:.0} %, high {high:.0} %"));
        say(format!("taken after {} s", figures.acknowledge_s_median.map_or("?".into(), |seconds| format!("{seconds:.0}"))));
        text
    }

    #[test]
    fn stories() {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/alarm_load"));
        let mut count = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "story") {
                continue;
            }
            let (changes, operators, stretch) = read(&fs::read_to_string(&path).unwrap());
            let said = sentences(&figures(&changes, operators, stretch));
            let expected = path.with_extension("figures");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&expected, &said).unwrap();
            }
            assert_eq!(
                said,
                fs::read_to_string(&expected).unwrap_or_default(),
                "{} (UPDATE_GOLDEN=1 rewrites it)",
                expected.display()
            );
            count += 1;
        }
        assert!(count >= 4, "where are the stories?");
    }

    #[test]
    fn a_shelf_has_an_end_and_a_reason() {
        let shelve = |reason: &str, hours: u64| {
            Shelved::new("cam-1/flood.street", "lan", reason, at(0), Duration::from_secs(hours * 3600))
        };
        let shelved = shelve("the road is being washed", 2).unwrap();
        assert!(
            shelved.holds("cam-1/flood.street", at(7199)) && !shelved.holds("cam-1/flood.street", at(7200)),
            "it ends by itself"
        );
        assert!(!shelved.holds("cam-1/fire.flame", at(1)), "another analytic of the camera is heard");
        assert_eq!(shelve(" ", 2), Err(ShelfError::NoReason));
        assert_eq!((shelve("x", 0), shelve("x", 13)), (Err(ShelfError::Duration), Err(ShelfError::Duration)));
    }

    #[test]
    fn a_flood_ends_when_alarms_stop_though_none_comes() {
        let mut flood = Flood::new(1);
        let turns: Vec<_> = (0..11).filter_map(|number| flood.raised(at(number * 10))).collect();
        assert_eq!(turns, [Turn::Begins(at(100))], "the eleventh in ten minutes");
        // With 4 left: the seventh of eleven, raised at 60 s, goes out of the period at 660 s.
        assert_eq!(flood.poll_timeout(), Some(at(660)));
        assert_eq!(flood.timeout(at(659)), None);
        assert_eq!(flood.timeout(at(660)), Some(Turn::Ends(at(660))));
        assert_eq!((flood.since(), flood.poll_timeout()), (None, None));
        let mut many = Flood::new(4);
        assert_eq!((0..40).filter_map(|number| many.raised(at(number))).next(), None, "four operators share forty");
        assert!(many.raised(at(41)).is_some());
    }

    proptest! {
        /// A flood is what its definition says, looked at from outside: it begins exactly when more than ten lie in the last ten minutes, and ends when fewer than five do.
        #[test]
        fn a_flood_is_what_its_definition_says(gaps in prop::collection::vec(prop_oneof![4 => 0u64..40, 1 => 0u64..900], 1..120), step in 1u64..60) {
            let mut raised = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                raised.push(now);
            }
            let mut flood = Flood::new(1);
            let mut expected = false;
            let mut next = raised.iter().peekable();
            // Looked at every second: slow and plain.
            for second in 0..now + 1300 {
                let count = |second: u64| raised.iter().filter(|at| **at <= second && **at + 600 > second).count();
                while next.next_if(|at| **at == second).is_some() {
                    flood.raised(at(second));
                }
                if second % step == 0 {
                    flood.timeout(at(second));
                }
                let now = count(second);
                if !expected && now > 10 { expected = true; }
                if expected && now < 5 { expected = false; }
                if second % step == 0 {
                    prop_assert_eq!(flood.since().is_some(), expected, "at {} with {}", second, now);
                }
            }
        }

        /// Figures do not depend on the order in which changes are handed in, and shares are shares.
        #[test]
        fn figures_are_those_of_the_set(changes in prop::collection::vec((0u64..100_000, 0usize..8, 0usize..5, 0usize..3), 0..60), turn in any::<prop::sample::Index>()) {
            let changes: Vec<_> = changes.into_iter().enumerate().map(|(number, (second, incident, source, what))| Change {
                // No two at one instant: then the order would be a matter of the facts.
                at: at(second) + Duration::from_millis(number as u64), incident: format!("i{incident}"), source: format!("s{source}"),
                what: [What::Raised(Priority::Medium), What::Acknowledged, What::Cleared][what],
            }).collect();
            let mut turned = changes.clone();
            if !turned.is_empty() {
                let by = turn.index(turned.len());
                turned.rotate_left(by);
            }
            let stretch = (at(0), at(90_000));
            let found = figures(&changes, 2, stretch);
            prop_assert_eq!(&found, &figures(&turned, 2, stretch));
            prop_assert!((0.0..=1.0).contains(&found.top_ten_share) && (0.0..=1.0).contains(&found.flooded_share));
            let sum: f64 = found.priorities.iter().sum();
            prop_assert!(found.raised == 0 || (sum - 1.0).abs() < 1e-9);
        }
    }
}
