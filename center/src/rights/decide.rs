//! The one place that says yes or no, with its reason; and the same answer as a filter that a store can apply to many rows.
//!
//! What lies in several areas (a ward, and a precinct of another tree) is seen by whoever may see one of them, unless it is denied in any of them. What lies
//! in an area that has ended counts as lying in what became of it, and is allowed only where all of its successors are: whoever got half of
//! an old commune does not see what happened in the other half.

use std::{collections::BTreeMap, fmt};

use jiff::{
    Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use matpho_scene::{WallTime, event::EventKind};

use super::{Capability, Effect, Grant, GrantId, Kinds, Ledger, Scope, grant::is_held_by};
use crate::area::{AreaId, AreaTree};

/// An instant, and the day that it falls on in the province.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: WallTime,
    /// The day.
    pub today: Date,
}

impl Moment {
    /// An instant at a place whose clocks are so far ahead of UTC.
    pub fn new(at: WallTime, offset: Offset) -> Self {
        let instant = Timestamp::from_millisecond(at.as_unix_millis()).unwrap_or(Timestamp::MAX);
        Self { at, today: instant.to_zoned(TimeZone::fixed(offset)).date() }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user's name.
    pub user: String,
    /// The agencies that the user is a member of.
    pub agencies: Vec<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'q> {
    /// What somebody wants to do.
    pub capability: Capability,
    /// The areas in which the thing lies; none where its place is not known.
    pub areas: &'q [AreaId],
    /// The kind of the event in question; `None` where it is none.
    pub kind: Option<EventKind>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, by this grant.
    Allowed(GrantId),
    /// No.
    Refused(Refusal),
}

impl Decision {
    /// Whether it is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A deny says so.
    Denied(GrantId),
    /// A grant that has expired, was taken back or has not begun would have allowed it.
    NotNow(GrantId),
    /// There are grants of this capability, for other places or kinds.
    Elsewhere,
    /// No grant gives this capability at all.
    Nothing,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(by) => write!(f, "allowed by {by}"),
            Self::Refused(Refusal::Denied(by)) => write!(f, "denied by {by}"),
            Self::Refused(Refusal::NotNow(grant)) => write!(f, "{grant} does not hold at this time"),
            Self::Refused(Refusal::Elsewhere) => f.write_str("granted, but not for this place and kind"),
            Self::Refused(Refusal::Nothing) => f.write_str("not granted"),
        }
    }
}

/// All that decides.
#[derive(Debug, Clone, Copy)]
pub struct Rights<'r> {
    /// The areas.
    pub tree: &'r AreaTree,
    /// The grants.
    pub ledger: &'r Ledger,
}

impl Rights<'_> {
    /// Decides.
    pub fn decide(&self, subject: &Subject, question: &Question<'_>, moment: Moment) -> Decision {
        let mine = || {
            self.ledger.iter().filter(|grant| {
                grant.capabilities.has(question.capability) && is_held_by(grant, &subject.user, &subject.agencies)
            })
        };
        let fits = |grant: &&Grant| self.fits(grant, question, moment);
        let in_force = |grant: &&Grant| self.ledger.is_in_force(grant, moment.at);
        if let Some(deny) = mine().filter(|grant| grant.effect == Effect::Deny).filter(in_force).find(fits) {
            return Decision::Refused(Refusal::Denied(deny.id.clone()));
        }
        // One area is enough, but of an area that has ended each successor needs its grant.
        let allow = |now: bool| {
            let allows = |node: Option<&AreaId>| {
                mine()
                    .filter(|grant| grant.effect == Effect::Allow && (!now || in_force(grant)))
                    .find(|grant| is_about(grant, question.kind) && self.reaches(grant, node, moment.today))
            };
            if question.areas.is_empty() {
                return allows(None);
            }
            question.areas.iter().find_map(|area| {
                let present: Vec<_> = self.tree.remap(area, moment.today).into_keys().collect();
                let mut grants = present.iter().map(|node| allows(Some(node))).collect::<Option<Vec<_>>>()?;
                // An area of which nothing is known is like none.
                if grants.is_empty() { allows(None) } else { grants.pop() }
            })
        };
        if let Some(grant) = allow(true) {
            return Decision::Allowed(grant.id.clone());
        }
        Decision::Refused(match allow(false) {
            Some(grant) => Refusal::NotNow(grant.id.clone()),
            None if mine().any(|grant| grant.effect == Effect::Allow) => Refusal::Elsewhere,
            None => Refusal::Nothing,
        })
    }

    /// Whether a deny is about the question: any of its areas, any successor of one.
    fn fits(&self, grant: &Grant, question: &Question<'_>, moment: Moment) -> bool {
        is_about(grant, question.kind)
            && (grant.scope == Scope::Everywhere
                || question.areas.iter().any(|area| {
                    self.tree.remap(area, moment.today).into_keys().any(|node| self.reaches(grant, Some(node), moment.today))
                }))
    }

    /// Whether a grant's scope reaches an area that is valid today, or what lies in no area.
    fn reaches(&self, grant: &Grant, node: Option<&AreaId>, today: Date) -> bool {
        match (&grant.scope, node) {
            (Scope::Everywhere, _) => true,
            (Scope::Area(_), None) => false,
            (Scope::Area(scope), Some(node)) => self.tree.is_within(node, scope, today),
        }
    }

    /// All that somebody may do with a capability, as a filter.
    pub fn filter(&self, subject: &Subject, capability: Capability, moment: Moment) -> Filter {
        let mine: Vec<&Grant> = self
            .ledger
            .iter()
            .filter(|grant| grant.capabilities.has(capability) && is_held_by(grant, &subject.user, &subject.agencies))
            .filter(|grant| self.ledger.is_in_force(grant, moment.at))
            .collect();
        let sum = |effect: Effect, node: Option<&AreaId>| {
            let reaching = |grant: &&&Grant| grant.effect == effect && self.reaches(grant, node, moment.today);
            mine.iter().filter(reaching).fold(Rule::default(), |rule, grant| Rule {
                kinds: rule.kinds.or(grant.kinds),
                other: rule.other || effect == Effect::Allow || grant.kinds.is_all(),
            })
        };
        let mut filter =
            Filter { nowhere: sum(Effect::Allow, None), nowhere_denied: sum(Effect::Deny, None), ..Filter::default() };
        for id in self.tree.ids() {
            let present: Vec<_> = self.tree.remap(id, moment.today).into_keys().collect();
            if present.is_empty() {
                continue;
            }
            let of = |effect| present.iter().map(move |node| (effect, *node)).map(|(effect, node)| sum(effect, Some(node)));
            let allow = of(Effect::Allow).reduce(Rule::and).unwrap_or_default();
            let deny = of(Effect::Deny).reduce(Rule::or).unwrap_or_default();
            if allow != Rule::default() || deny != Rule::default() {
                filter.areas.insert(id.clone(), (allow, deny));
            }
        }
        filter
    }
}

fn is_about(grant: &Grant, kind: Option<EventKind>) -> bool {
    match kind {
        Some(kind) => grant.kinds.has(kind),
        None => grant.effect == Effect::Allow || grant.kinds.is_all(),
    }
}

/// What grants of one effect say about one area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// About events of these kinds.
    pub kinds: Kinds,
    /// About what is no event: a camera, a figure.
    pub other: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Self { kinds: Kinds::NONE, other: false }
    }
}

impl Rule {
    fn and(self, other: Self) -> Self {
        Self { kinds: self.kinds.and(other.kinds), other: self.other && other.other }
    }

    fn or(self, other: Self) -> Self {
        Self { kinds: self.kinds.or(other.kinds), other: self.other || other.other }
    }

    /// Whether it says something about a kind, or about what is no event.
    pub fn is_about(self, kind: Option<EventKind>) -> bool {
        kind.map_or(self.other, |kind| self.kinds.has(kind))
    }
}

/// A person's grants of one capability at one moment, spread out over the areas: what a query needs in order to leave out what the person may not see.
///
/// A row passes if it lies in an area whose allow is about its kind and in none whose deny is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// For each area that grants say something about, today's and former ones: what is allowed and what is denied.
    areas: BTreeMap<AreaId, (Rule, Rule)>,
    /// What is allowed for things that lie in no area.
    nowhere: Rule,
    /// What is denied wherever a thing lies.
    nowhere_denied: Rule,
}

impl Filter {
    /// Whether a thing passes.
    pub fn passes(&self, areas: &[AreaId], kind: Option<EventKind>) -> bool {
        if self.nowhere_denied.is_about(kind) {
            return false;
        }
        // What lies in no area, or in one of which nothing is known, is for those who may see everything.
        let known: Vec<_> = areas.iter().filter_map(|area| self.areas.get(area)).collect();
        let denied = known.iter().any(|(_, deny)| deny.is_about(kind));
        let allowed = known.iter().any(|(allow, _)| allow.is_about(kind)) || self.nowhere.is_about(kind);
        allowed && !denied
    }

    /// Whether nothing passes: the query need not be made.
    pub fn is_empty(&self) -> bool {
        let none = |allow: &Rule| *allow == Rule::default();
        none(&self.nowhere) && self.areas.values().all(|(allow, _)| none(allow))
    }

    /// Whether everything passes: the query needs no condition.
    pub fn is_everything(&self) -> bool {
        let everything = Rule { kinds: Kinds::ALL, other: true };
        let none = |deny: &Rule| *deny == Rule::default();
        self.nowhere == everything && none(&self.nowhere_denied) && self.areas.values().all(|(_, deny)| none(deny))
    }

    /// The areas in which a kind (or what is no event) is allowed, and those in which it is denied: the two lists of a query. What is allowed
    /// [everywhere](Self::allows_everywhere) needs the second alone.
    pub fn areas(&self, kind: Option<EventKind>) -> (Vec<&AreaId>, Vec<&AreaId>) {
        let listed = |of: fn(&(Rule, Rule)) -> Rule| {
            self.areas.iter().filter(|(_, rules)| of(rules).is_about(kind)).map(|(id, _)| id).collect()
        };
        (listed(|(allow, _)| *allow), listed(|(_, deny)| *deny))
    }

    /// Whether a kind is allowed wherever it is not denied, in no area too.
    pub fn allows_everywhere(&self, kind: Option<EventKind>) -> bool {
        self.nowhere.is_about(kind) && !self.nowhere_denied.is_about(kind)
    }
}
