//! The one place that says yes or no about an area, with its reason. [`super::filter`] gives the same answer about many things at once.
//!
//! What lies in several areas (a ward, and a precinct of another tree) is seen by whoever may see one of them, unless it is denied in any of them. What lies
//! in an area that has ended counts as lying in what became of it, and is allowed only where all of its successors are: whoever got half of
//! an old commune does not see what happened in the other half.

use std::fmt;

use jiff::{
    Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use matpho_scene::{WallTime, event::EventKind};

use super::{Capability, Effect, Grant, GrantId, Ledger, Scope, grant::is_held_by};
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
}

fn is_about(grant: &Grant, kind: Option<EventKind>) -> bool {
    match kind {
        Some(kind) => grant.kinds.has(kind),
        None => grant.effect == Effect::Allow || grant.kinds.is_all(),
    }
}
