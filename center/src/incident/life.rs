//! The life of an incident with the people who handle it: new → acknowledged → dispatched → resolved or false alarm, and reopened where that was too early.
//! Who did what when is kept step by step; timers and figures are read from the steps. Pure: time is an argument.
//!
//! Not here: how steps are kept (`store::life`), who may take which (`rights`), whom a rule proposes (`dispatch`).

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::{WallTime, event::Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an incident stands with the people who handle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentState)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has taken it.
    New,
    /// Somebody has.
    Acknowledged,
    /// Somebody was sent.
    Dispatched,
    /// It happened and is over or handed on.
    Resolved,
    /// It did not happen.
    FalseAlarm,
}

impl State {
    /// Whether somebody still has to do something.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Acknowledged | Self::Dispatched)
    }

    /// What a person can do next.
    pub const fn possible(self) -> &'static [Verb] {
        match self {
            Self::New => &[Verb::Acknowledge, Verb::Dispatch, Verb::Close],
            Self::Acknowledged | Self::Dispatched => &[Verb::Dispatch, Verb::Close],
            Self::Resolved | Self::FalseAlarm => &[Verb::Reopen],
        }
    }
}

/// What a person can do, as the API's addresses have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// `POST …/acknowledge`
    Acknowledge,
    /// `POST …/dispatch`
    Dispatch,
    /// `POST …/close`
    Close,
    /// `POST …/reopen`
    Reopen,
}

/// As what an incident that happened is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It is over or handed on.
    Resolved,
    /// Nobody need do anything.
    NoAction,
    /// Another incident has it.
    Duplicate,
    /// The camera works again.
    Recovered,
    /// The cameras took it back before anybody had seen it.
    Retracted,
}

/// Why an alarm was false. Feeds the false-alarm rate of its camera and analytic: whoever tunes them wants to know what fooled them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FalseReason {
    /// Headlights, street lights, signs, the sun.
    Light,
    /// A wet road, a puddle, glass.
    Reflection,
    /// Rain, fog, dust, steam.
    Weather,
    /// Vehicles that park or wait at a signal.
    Waiting,
    /// Works, a market, an exercise: it was known.
    Known,
    /// The camera: dirt, an insect, a cable.
    Camera,
    /// Something else; a note says what.
    Other,
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "name", rename_all = "snake_case")]
pub enum Actor {
    /// A user.
    Person(String),
    /// The centre itself.
    Rule(String),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Takes it.
    Acknowledge,
    /// Says that an agency should be sent. A rule may; nobody is sent by it.
    ProposeDispatch {
        /// Which.
        agency: String,
    },
    /// Sends an agency.
    Dispatch {
        /// Which.
        agency: String,
    },
    /// It is over or handed on.
    Resolve {
        /// As what.
        how: Resolution,
    },
    /// It did not happen.
    FalseAlarm {
        /// Why it was thought to.
        reason: FalseReason,
    },
    /// It is not over after all.
    Reopen,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: WallTime,
    /// Who.
    pub by: Actor,
    /// What.
    pub act: Act,
    /// What there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each is")]
pub enum Refused {
    #[error("only a person may do that; a rule may propose it")]
    NeedsPerson,
    #[error("{0} has it already")]
    Taken(String),
    #[error("it is closed; reopen it first")]
    Closed,
    #[error("it is open")]
    Open,
    #[error("a note has to say why")]
    NeedsNote,
    #[error("{0} was sent already")]
    Sent(String),
    #[error("another incident has its events; split them off there")]
    Merged,
}

/// The life of an incident so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// When the centre learnt of it; timers run from here, not from when it began: nobody can answer before the question.
    pub opened: WallTime,
    /// What was done, in order.
    steps: Vec<Step>,
}

impl Life {
    /// A new incident.
    pub fn new(opened: WallTime) -> Self {
        Self { opened, steps: Vec::new() }
    }

    /// One whose steps were taken before and kept.
    pub fn kept(opened: WallTime, steps: Vec<Step>) -> Self {
        Self { opened, steps }
    }

    /// What was done, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.steps.iter().fold(State::New, |state, step| match step.act {
            Act::Acknowledge | Act::Reopen => State::Acknowledged,
            Act::ProposeDispatch { .. } => state,
            Act::Dispatch { .. } => State::Dispatched,
            Act::Resolve { .. } => State::Resolved,
            Act::FalseAlarm { .. } => State::FalseAlarm,
        })
    }

    /// Who has it: whoever acted on it last, since it was last open and new.
    pub fn holder(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| match (&step.by, &step.act) {
            (_, Act::ProposeDispatch { .. }) | (Actor::Rule(_), _) => None,
            (Actor::Person(name), _) => Some(name.as_str()),
        })
    }

    /// Agencies that were sent since it was opened or reopened.
    pub fn sent(&self) -> impl Iterator<Item = &str> {
        self.since_reopened().iter().filter_map(|step| match &step.act {
            Act::Dispatch { agency } => Some(agency.as_str()),
            _ => None,
        })
    }

    fn since_reopened(&self) -> &[Step] {
        let from = self.steps.iter().rposition(|step| step.act == Act::Reopen).unwrap_or(0);
        &self.steps[from..]
    }

    /// Does something, or says why not.
    pub fn take(&mut self, step: Step) -> Result<State, Refused> {
        let has_note = step.note.as_ref().is_some_and(|note| !note.trim().is_empty());
        match (self.state(), &step.act, &step.by) {
            (state, Act::Reopen, _) if state.is_open() => return Err(Refused::Open),
            // A camera that works again resolves its own incident; everything else that changes something is a person's.
            (_, Act::Acknowledge | Act::Dispatch { .. } | Act::FalseAlarm { .. } | Act::Reopen, Actor::Rule(_)) => {
                return Err(Refused::NeedsPerson);
            }
            (State::Resolved | State::FalseAlarm, act, _) if *act != Act::Reopen => return Err(Refused::Closed),
            (State::Acknowledged | State::Dispatched, Act::Acknowledge, _) => {
                return Err(Refused::Taken(self.holder().unwrap_or("somebody").to_owned()));
            }
            (_, Act::Reopen | Act::FalseAlarm { reason: FalseReason::Other }, _) if !has_note => return Err(Refused::NeedsNote),
            (_, Act::Dispatch { agency }, _) if self.sent().any(|sent| sent == agency) => {
                return Err(Refused::Sent(agency.clone()));
            }
            _ => {}
        }
        self.steps.push(step);
        Ok(self.state())
    }

    /// When it was first taken by a person.
    pub fn acknowledged(&self) -> Option<WallTime> {
        let takes = |step: &&Step| matches!(step.by, Actor::Person(_)) && !matches!(step.act, Act::ProposeDispatch { .. });
        self.steps.iter().find(takes).map(|step| step.at)
    }

    /// When somebody was first sent.
    pub fn dispatched(&self) -> Option<WallTime> {
        self.steps.iter().find(|step| matches!(step.act, Act::Dispatch { .. })).map(|step| step.at)
    }

    /// When it was closed, where it is.
    pub fn closed(&self) -> Option<WallTime> {
        (!self.state().is_open()).then(|| self.steps.last().map(|step| step.at)).flatten()
    }
}

/// What is promised, for one severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets {
    /// Somebody takes it within.
    pub acknowledge: Duration,
    /// It is closed within, counted anew when it is reopened.
    pub resolve: Duration,
    /// The next one up is told again after so long, each time.
    pub escalate_every: Duration,
    /// How many there are above the operator.
    pub levels: u32,
}

impl Targets {
    /// What is promised where nothing else is configured.
    pub fn of(severity: Severity) -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let (acknowledge, resolve, escalate_every) = match severity {
            Severity::Extreme => (minutes(1), minutes(60), minutes(2)),
            Severity::Severe => (minutes(2), minutes(2 * 60), minutes(5)),
            Severity::Moderate => (minutes(5), minutes(4 * 60), minutes(15)),
            Severity::Minor => (minutes(15), minutes(12 * 60), minutes(60)),
        };
        Self { acknowledge, resolve, escalate_every, levels: 3 }
    }
}

/// What is promised, by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// Minor, moderate, severe, extreme.
    pub targets: [Targets; 4],
}

impl Default for Promises {
    fn default() -> Self {
        use Severity::*;
        Self { targets: [Minor, Moderate, Severe, Extreme].map(Targets::of) }
    }
}

impl Promises {
    /// What is promised for a severity.
    pub const fn of(&self, severity: Severity) -> &Targets {
        &self.targets[severity as usize]
    }
}

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// To take it.
    Acknowledge,
    /// To close it.
    Resolve,
}

impl Timer {
    /// The promise that runs in a state; `None`: it is closed.
    pub const fn of(state: State) -> Option<Self> {
        match state {
            State::New => Some(Self::Acknowledge),
            State::Acknowledged | State::Dispatched => Some(Self::Resolve),
            State::Resolved | State::FalseAlarm => None,
        }
    }
}

/// Until when the promise that runs is to be kept; `None`: none runs, the incident is closed.
pub fn due(life: &Life, targets: &Targets) -> Option<WallTime> {
    let reopened = life.steps.iter().rev().find(|step| step.act == Act::Reopen).map(|step| step.at);
    Some(match Timer::of(life.state())? {
        Timer::Acknowledge => life.opened + targets.acknowledge,
        Timer::Resolve => reopened.unwrap_or(life.opened) + targets.resolve,
    })
}

/// How far a broken promise has gone up. One level at a time, each with its time to act: also when the centre was away for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalation {
    /// 0: kept so far; 1: the first above the operator was told, and so on.
    pub level: u32,
    /// When the next one is, if nobody acts; `None`: everybody has been told.
    pub next: Option<WallTime>,
}

impl Escalation {
    /// Of a promise that nobody has broken yet.
    pub const fn new(due: Option<WallTime>) -> Self {
        Self { level: 0, next: due }
    }

    /// What it is now.
    pub fn at(self, now: WallTime, targets: &Targets) -> Self {
        if self.next.is_none_or(|next| now < next) {
            return self;
        }
        let level = (self.level + 1).min(targets.levels);
        let every = targets.escalate_every.max(Duration::from_secs(1));
        Self { level, next: (level < targets.levels).then(|| now + every) }
    }
}

/// How often one source is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FalseAlarms {
    /// Incidents that were closed.
    pub closed: u32,
    /// Of them, those that did not happen.
    pub false_alarms: u32,
}

impl FalseAlarms {
    /// The share, 0 to 1; `None` where nothing was closed.
    pub fn share(&self) -> Option<f64> {
        (self.closed > 0).then(|| f64::from(self.false_alarms) / f64::from(self.closed))
    }
}

/// False alarms by source (a camera and an analytic, an area, whatever the caller counts by). What is open counts as nothing: it is not known yet.
pub fn false_alarms<K: Ord>(incidents: impl IntoIterator<Item = (K, State)>) -> BTreeMap<K, FalseAlarms> {
    let mut counts: BTreeMap<K, FalseAlarms> = BTreeMap::new();
    for (source, state) in incidents.into_iter().filter(|(_, state)| !state.is_open()) {
        let count = counts.entry(source).or_default();
        count.closed += 1;
        count.false_alarms += u32::from(state == State::FalseAlarm);
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: u32) -> WallTime {
        WallTime::from_unix_millis(1_795_000_000_000) + Duration::from_secs(60) * minute
    }

    fn lan() -> Actor {
        Actor::Person("lan".into())
    }

    fn rule() -> Actor {
        Actor::Rule("matpho-center".into())
    }

    fn dispatch(agency: &str) -> Act {
        Act::Dispatch { agency: agency.into() }
    }

    const RESOLVE: Act = Act::Resolve { how: Resolution::Resolved };
    const LIGHT: Act = Act::FalseAlarm { reason: FalseReason::Light };
    const OTHER: Act = Act::FalseAlarm { reason: FalseReason::Other };

    /// Plays steps, one a minute, and gives what each led to.
    fn tell(steps: &[(Actor, Act, &str)]) -> Vec<Result<State, Refused>> {
        let mut life = Life::new(at(0));
        let step = |(minute, (by, act, note)): (usize, &(Actor, Act, &str))| {
            let note = (!note.is_empty()).then(|| (*note).to_owned());
            life.take(Step { at: at(minute as u32), by: by.clone(), act: act.clone(), note })
        };
        steps.iter().enumerate().map(step).collect()
    }

    #[test]
    fn stories() {
        use State::*;
        let propose = Act::ProposeDispatch { agency: "fire-police".into() };
        assert_eq!(
            tell(&[
                (rule(), propose.clone(), ""),
                (lan(), Act::Acknowledge, ""),
                (lan(), dispatch("fire-police"), ""),
                (lan(), dispatch("ambulance"), ""),
                (lan(), dispatch("ambulance"), ""),
                (lan(), RESOLVE, "put out"),
            ]),
            [Ok(New), Ok(Acknowledged), Ok(Dispatched), Ok(Dispatched), Err(Refused::Sent("ambulance".into())), Ok(Resolved)],
            "a rule proposes, a person sends"
        );
        assert_eq!(
            tell(&[
                (rule(), dispatch("fire-police"), ""),
                (rule(), Act::Acknowledge, ""),
                (rule(), LIGHT, ""),
                (rule(), RESOLVE, "")
            ]),
            [Err(Refused::NeedsPerson), Err(Refused::NeedsPerson), Err(Refused::NeedsPerson), Ok(Resolved)],
            "a rule sends nobody, takes nothing and calls nothing false; a camera's recovery resolves"
        );
        assert_eq!(
            tell(&[(lan(), Act::Acknowledge, ""), (Actor::Person("minh".into()), Act::Acknowledge, "")]),
            [Ok(Acknowledged), Err(Refused::Taken("lan".into()))],
            "somebody was quicker"
        );
        assert_eq!(
            tell(&[
                (lan(), OTHER, ""),
                (lan(), OTHER, "a film was made"),
                (lan(), RESOLVE, ""),
                (lan(), Act::Reopen, ""),
                (lan(), Act::Reopen, "it burns after all"),
                (lan(), Act::Reopen, "x")
            ]),
            [
                Err(Refused::NeedsNote),
                Ok(FalseAlarm),
                Err(Refused::Closed),
                Err(Refused::NeedsNote),
                Ok(Acknowledged),
                Err(Refused::Open)
            ],
            "what was closed too early is reopened, with a reason"
        );
        assert_eq!(
            tell(&[(lan(), dispatch("a"), ""), (lan(), RESOLVE, ""), (lan(), Act::Reopen, "again"), (lan(), dispatch("a"), "")]),
            [Ok(Dispatched), Ok(Resolved), Ok(Acknowledged), Ok(Dispatched)],
            "who was sent before the end is sent again after it"
        );
    }

    #[test]
    fn a_broken_promise_goes_up_step_by_step() {
        let mut life = Life::new(at(0));
        let targets = Targets {
            acknowledge: Duration::from_secs(120),
            resolve: Duration::from_secs(3600),
            escalate_every: Duration::from_secs(300),
            levels: 3,
        };
        assert_eq!(due(&life, &targets), Some(at(2)));
        let mut told = Escalation::new(due(&life, &targets));
        let mut look = |minute: u32| {
            told = told.at(at(minute), &targets);
            (told.level, told.next)
        };
        assert_eq!(look(1), (0, Some(at(2))));
        assert_eq!(look(2), (1, Some(at(7))));
        assert_eq!(look(6), (1, Some(at(7))));
        assert_eq!(look(60), (2, Some(at(65))), "the centre was away: still one at a time, each with time to act");
        assert_eq!(look(65), (3, None));
        assert_eq!(look(999), (3, None));
        let mut take = |minute, act, note: Option<&str>| {
            life.take(Step { at: at(minute), by: lan(), act, note: note.map(str::to_owned) }).unwrap();
            due(&life, &targets)
        };
        assert_eq!(take(13, Act::Acknowledge, None), Some(at(60)), "from when the centre knew");
        assert_eq!(take(20, RESOLVE, None), None);
        assert_eq!(take(100, Act::Reopen, Some("again")), Some(at(160)), "counted anew");
        assert_eq!(life.acknowledged(), Some(at(13)), "the figure stays that of the first time");
    }

    #[test]
    fn the_graver_the_sooner() {
        let all = [Severity::Minor, Severity::Moderate, Severity::Severe, Severity::Extreme].map(Targets::of);
        assert!(all.windows(2).all(|pair| pair[0].acknowledge > pair[1].acknowledge && pair[0].resolve > pair[1].resolve));
    }

    #[test]
    fn false_alarms_are_counted_by_source_once_it_is_known() {
        use State::*;
        let counts = false_alarms([("a", FalseAlarm), ("a", Resolved), ("a", New), ("b", Acknowledged), ("c", FalseAlarm)]);
        assert_eq!(counts.get("a").and_then(FalseAlarms::share), Some(0.5));
        assert_eq!((counts.get("b"), counts.get("c").and_then(FalseAlarms::share)), (None, Some(1.0)));
    }

    proptest! {
        /// Whatever is tried: no rule ever sends, takes or dismisses; a closed incident has a closing step; what is refused changes nothing.
        #[test]
        fn no_order_of_steps_breaks_the_life(steps in prop::collection::vec((any::<bool>(), 0usize..8, any::<bool>()), 0..30)) {
            let acts = [Act::Acknowledge, Act::ProposeDispatch { agency: "a".into() }, dispatch("a"), dispatch("b"), RESOLVE, LIGHT, OTHER, Act::Reopen];
            let mut life = Life::new(at(0));
            for (minute, (person, act, note)) in steps.into_iter().enumerate() {
                let before = life.clone();
                let by = if person { lan() } else { rule() };
                let result = life.take(Step { at: at(minute as u32), by, act: acts[act].clone(), note: note.then(|| "x".into()) });
                match result {
                    Ok(state) => prop_assert_eq!(state, life.state()),
                    Err(_) => prop_assert_eq!(&before, &life),
                }
                prop_assert_eq!(life.closed().is_some(), !life.state().is_open());
                prop_assert_eq!(due(&life, &Targets::of(Severity::Severe)).is_some(), life.state().is_open());
                prop_assert!(life.state() == State::New || life.acknowledged().is_some() || life.state() == State::Resolved);
            }
            for step in life.steps() {
                let for_rules = matches!(step.act, Act::ProposeDispatch { .. } | Act::Resolve { .. });
                prop_assert!(for_rules || matches!(step.by, Actor::Person(_)));
            }
        }
    }
}
