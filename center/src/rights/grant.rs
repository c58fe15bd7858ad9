//! Grants, and the ledger that holds them: how one is made, passed on and taken back.

use std::{collections::BTreeMap, fmt};

use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};

use super::{Capabilities, Capability, Kinds, Moment};
use crate::area::{AreaId, AreaTree};

/// Names a grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub String);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom something is granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "is", content = "name", rename_all = "snake_case")]
pub enum Principal {
    /// One user.
    User(String),
    /// All members of an agency.
    Agency(String),
}

/// Whether a grant gives or takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may be done.
    Allow,
    /// It may not, whatever else is granted.
    Deny,
}

/// Where a grant holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", content = "area", rename_all = "snake_case")]
pub enum Scope {
    /// In all areas, and for what lies in none.
    Everywhere,
    /// In an area and all below it.
    Area(AreaId),
}

/// When a grant holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From this instant on.
    pub from: WallTime,
    /// Until before this one; `None`: no end is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WallTime>,
}

impl Window {
    /// Whether an instant is in it.
    pub fn holds(&self, at: WallTime) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether all of another window is in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && self.until.is_none_or(|until| other.until.is_some_and(|other| other <= until))
    }

    /// Whether the two have an instant in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.until.is_none_or(|until| other.from < until) && other.until.is_none_or(|until| self.from < until)
    }
}

/// Something granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub principal: Principal,
    /// Whether it gives or takes.
    pub effect: Effect,
    /// The role that it was given as, for people to read; `capabilities` is what counts.
    pub role: String,
    /// What.
    pub capabilities: Capabilities,
    /// Where.
    pub scope: Scope,
    /// On which kinds of event. Where no event is in question (a camera, a figure) an allow holds whatever its kinds, and a deny
    /// only if it is of all kinds.
    pub kinds: Kinds,
    /// When.
    pub window: Window,
    /// For what purpose, as the law wants it stated.
    pub purpose: String,
    /// By whom.
    pub granted_by: String,
    /// The grant that it was passed on from; `None`: it stands by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on_from: Option<GrantId>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<WallTime>,
}

impl Grant {
    /// Whether it holds at an instant, by itself.
    pub fn is_in_force(&self, at: WallTime) -> bool {
        self.window.holds(at) && self.revoked.is_none_or(|revoked| at < revoked)
    }
}

/// Why a grant cannot be passed on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each is")]
pub enum PassOnError {
    #[error("there is no grant {0}")]
    Unknown(GrantId),
    #[error("a grant {0} is there already")]
    Known(GrantId),
    #[error("{user} does not hold {grant}: it was granted to somebody else")]
    NotYours { user: String, grant: GrantId },
    #[error("{0} takes rights away; only what is allowed can be passed on")]
    Deny(GrantId),
    #[error("{0} does not hold now: it has not begun, has expired or was taken back (or one that it was passed on from was)")]
    NotInForce(GrantId),
    #[error("{grant} does not have {needed}, which passing on needs")]
    NoAdmin { grant: GrantId, needed: Capability },
    #[error("{grant} does not have {missing}; only what one holds can be passed on")]
    Capabilities { grant: GrantId, missing: Capabilities },
    #[error("{grant} is about {held}; the new one must be about no other kinds")]
    Kinds { grant: GrantId, held: Kinds },
    #[error("{asked} is not below {held}, where {grant} holds")]
    Scope { grant: GrantId, held: AreaId, asked: String },
    #[error("{grant} ends {}; the new one must not last longer or begin earlier", .until.map_or("never".to_owned(), |at| format!("on {at}")))]
    Window { grant: GrantId, until: Option<WallTime> },
    #[error("{denied} is denied to {user} there by {by}; what one may not do oneself cannot be passed on")]
    Denied { user: String, denied: Capabilities, by: GrantId },
}

/// All grants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    grants: BTreeMap<GrantId, Grant>,
}

impl Ledger {
    /// The grants that are kept. Of two with one id the later stays.
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { grants: grants.into_iter().map(|grant| (grant.id.clone(), grant)).collect() }
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values()
    }

    /// One of them.
    pub fn get(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.get(id)
    }

    /// Adds a grant that stands by itself: the work of whoever runs the centre, not of its users.
    pub fn add(&mut self, grant: Grant) {
        self.grants.insert(grant.id.clone(), grant);
    }

    /// Takes a grant back, and with it what was passed on from it. Whether it was there and in force.
    pub fn revoke(&mut self, id: &GrantId, at: WallTime) -> bool {
        match self.grants.get_mut(id) {
            Some(grant) if grant.revoked.is_none() => {
                grant.revoked = Some(at);
                true
            }
            _ => false,
        }
    }

    /// Whether a grant holds at an instant, and all those that it was passed on from do. One whose origin is missing does not.
    pub fn is_in_force(&self, grant: &Grant, at: WallTime) -> bool {
        let mut grant = grant;
        // A chain is shorter than the ledger, or it goes in a circle.
        for _ in 0..=self.grants.len() {
            if !grant.is_in_force(at) {
                return false;
            }
            match &grant.passed_on_from {
                None => return true,
                Some(from) => match self.grants.get(from) {
                    Some(origin) => grant = origin,
                    None => return false,
                },
            }
        }
        false
    }

    /// Passes a grant on: `new.passed_on_from` names the one that `user`, a member of `agencies`, passes on. A deny may be set in the same way,
    /// on what one holds oneself.
    pub fn pass_on(
        &mut self,
        new: Grant,
        user: &str,
        agencies: &[String],
        tree: &AreaTree,
        moment: Moment,
    ) -> Result<(), PassOnError> {
        if self.grants.contains_key(&new.id) {
            return Err(PassOnError::Known(new.id));
        }
        let missing = || PassOnError::Unknown(new.passed_on_from.clone().unwrap_or(GrantId("(none)".into())));
        let held = new.passed_on_from.as_ref().and_then(|id| self.grants.get(id)).ok_or_else(missing)?;
        let grant = held.id.clone();
        if !is_held_by(held, user, agencies) {
            return Err(PassOnError::NotYours { user: user.to_owned(), grant });
        }
        if held.effect == Effect::Deny {
            return Err(PassOnError::Deny(grant));
        }
        if !self.is_in_force(held, moment.at) {
            return Err(PassOnError::NotInForce(grant));
        }
        if !held.capabilities.has(Capability::AreaAdmin) {
            return Err(PassOnError::NoAdmin { grant, needed: Capability::AreaAdmin });
        }
        if !held.capabilities.covers(new.capabilities) {
            let missing = new.capabilities.iter().filter(|capability| !held.capabilities.has(*capability)).collect();
            return Err(PassOnError::Capabilities { grant, missing });
        }
        if !held.kinds.covers(new.kinds) {
            return Err(PassOnError::Kinds { grant, held: held.kinds });
        }
        if let Scope::Area(node) = &held.scope {
            let below = matches!(&new.scope, Scope::Area(area) if tree.is_within(area, node, moment.today));
            if !below {
                let asked = match &new.scope {
                    Scope::Everywhere => "everywhere".to_owned(),
                    Scope::Area(area) => area.to_string(),
                };
                return Err(PassOnError::Scope { grant, held: node.clone(), asked });
            }
        }
        if !held.window.covers(&new.window) {
            return Err(PassOnError::Window { grant, until: held.window.until });
        }
        let meets = |deny: &&Grant| {
            let areas_meet = match (&deny.scope, &new.scope) {
                (Scope::Everywhere, _) | (_, Scope::Everywhere) => true,
                (Scope::Area(a), Scope::Area(b)) => tree.is_within(a, b, moment.today) || tree.is_within(b, a, moment.today),
            };
            deny.effect == Effect::Deny
                && deny.revoked.is_none()
                && is_held_by(deny, user, agencies)
                && deny.window.meets(&new.window)
                && !deny.capabilities.and(new.capabilities).is_empty()
                && !deny.kinds.and(new.kinds).is_empty()
                && areas_meet
        };
        if new.effect == Effect::Allow
            && let Some(deny) = self.grants.values().find(meets)
        {
            let denied = deny.capabilities.and(new.capabilities);
            return Err(PassOnError::Denied { user: user.to_owned(), denied, by: deny.id.clone() });
        }
        self.add(new);
        Ok(())
    }
}

/// Whether a grant is a user's, by name or as a member of an agency.
pub(super) fn is_held_by(grant: &Grant, user: &str, agencies: &[String]) -> bool {
    match &grant.principal {
        Principal::User(name) => name == user,
        Principal::Agency(id) => agencies.contains(id),
    }
}
