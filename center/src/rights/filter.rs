//! A person's grants of one capability at one moment, as a filter that a query can apply to many rows.
//!
//! A thing is looked at by its [`Place`]s: one for each area of today that holds it, from the smallest to the root, and one that stands for
//! everywhere. So a grant of an area and all below it is a comparison of one word, and needs no tree.

use std::fmt;

use matpho_scene::{WallTime, event::EventKind};

use super::{Capability, Decision, Effect, GrantId, Kinds, Ledger, Scope, Subject, decide::Refusal, grant::is_held_by};

/// Stands for everywhere where an area is expected.
pub const EVERYWHERE: &str = "";

/// Where something lies, and of what kind it is (`None`: it is no event).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `SCHEME:CODE`, or [`EVERYWHERE`].
    pub area: String,
    /// The kind of the event.
    pub kind: Option<EventKind>,
}

/// What one grant says.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// In this area and all below it; [`EVERYWHERE`] is one.
    pub area: String,
    /// About events of these kinds.
    pub kinds: Kinds,
    /// Whether it is about what is no event: a camera, a figure.
    pub other: bool,
    /// Which grant.
    pub grant: Option<GrantId>,
}

impl Part {
    fn is_about(&self, place: &Place) -> bool {
        self.area == place.area && place.kind.map_or(self.other, |kind| self.kinds.has(kind))
    }
}

/// A person's grants of one capability. A thing passes if one of its places is allowed and none denied.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// What is allowed.
    pub allow: Vec<Part>,
    /// What is denied, whatever is allowed.
    pub deny: Vec<Part>,
}

impl Filter {
    /// Lets everything pass.
    pub fn everything() -> Self {
        let part = Part { area: EVERYWHERE.to_owned(), kinds: Kinds::ALL, other: true, grant: None };
        Self { allow: vec![part], deny: Vec::new() }
    }

    /// Whether a thing that lies in these places passes.
    pub fn passes(&self, places: &[Place]) -> bool {
        self.decide(places).is_allowed()
    }

    /// The same, with the reason. What is not here (a grant that has expired) is like what never was.
    pub fn decide(&self, places: &[Place]) -> Decision {
        let about = |parts: &[Part]| parts.iter().find(|part| places.iter().any(|place| part.is_about(place))).cloned();
        let of_centre = || GrantId("the account's role".into());
        if let Some(deny) = about(&self.deny) {
            return Decision::Refused(Refusal::Denied(deny.grant.unwrap_or_else(of_centre)));
        }
        match about(&self.allow) {
            Some(allow) => Decision::Allowed(allow.grant.unwrap_or_else(of_centre)),
            None if self.allow.is_empty() => Decision::Refused(Refusal::Nothing),
            None => Decision::Refused(Refusal::Elsewhere),
        }
    }

    /// Whether nothing passes: the query need not be made.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty()
    }

    /// Whether everything passes, also what lies nowhere: the query needs no condition.
    pub fn is_everything(&self) -> bool {
        self.deny.is_empty() && self.allow.iter().any(|part| part.area == EVERYWHERE && part.kinds.is_all())
    }
}

impl Ledger {
    /// All that somebody may do with a capability at an instant.
    pub fn filter(&self, subject: &Subject, capability: Capability, at: WallTime) -> Filter {
        let mut filter = Filter { allow: Vec::new(), deny: Vec::new() };
        let mine = self.iter().filter(|grant| {
            grant.capabilities.has(capability)
                && is_held_by(grant, &subject.user, &subject.agencies)
                && self.is_in_force(grant, at)
        });
        for grant in mine {
            let area = match &grant.scope {
                Scope::Everywhere => EVERYWHERE.to_owned(),
                Scope::Area(area) => area.to_string(),
            };
            let (parts, other) = match grant.effect {
                Effect::Allow => (&mut filter.allow, true),
                Effect::Deny => (&mut filter.deny, grant.kinds.is_all()),
            };
            parts.push(Part { area, kinds: grant.kinds, other, grant: Some(grant.id.clone()) });
        }
        filter
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{kind} in {}", self.area),
            None => f.write_str(&self.area),
        }
    }
}
