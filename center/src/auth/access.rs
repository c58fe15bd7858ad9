//! What those who are logged in may see and do: their grants, held in memory and read anew as soon as one changes anywhere.
//!
//! **Rights begin with the first grant.** Until one was ever made, everybody who is logged in sees and does everything, but for viewers, who see;
//! so it was before there were grants. From then on each user has what is granted and nothing else; but for administrators whom no grant names, who keep everything:
//! otherwise the first grant would lock out whoever made it.

use std::{collections::BTreeMap, sync::Arc};

use matpho_scene::WallTime;
use parking_lot::Mutex;

use super::Identity;
use crate::{
    api::types::Role,
    rights::{Capability, Filter, Ledger, Principal, Subject},
    store::{Store, StoreError, places::Edition},
};

/// What an account that may only look does without any grant.
const VIEWER: [Capability; 2] = [Capability::ViewMap, Capability::ViewLive];

/// All grants, and who belongs to which agency.
#[derive(Debug, Default)]
pub struct Granted {
    edition: String,
    ledger: Ledger,
    agencies: BTreeMap<String, Vec<String>>,
}

impl Granted {
    /// What somebody may do with a capability at an instant.
    pub fn filter(&self, who: &Identity, capability: Capability, at: WallTime) -> Filter {
        let is_named = || self.ledger.iter().any(|grant| grant.principal == Principal::User(who.name.clone()));
        if self.ledger.iter().next().is_none() || (who.role == Role::Admin && !is_named()) {
            let may = who.role != Role::Viewer || VIEWER.contains(&capability);
            return if may { Filter::everything() } else { Filter { allow: Vec::new(), deny: Vec::new() } };
        }
        self.ledger.filter(&self.subject(who), capability, at)
    }

    /// Somebody with the agencies that they belong to.
    pub fn subject(&self, who: &Identity) -> Subject {
        Subject { user: who.name.clone(), agencies: self.agencies.get(&who.name).cloned().unwrap_or_default() }
    }

    /// The grants.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// The grants in memory.
pub struct Permissions {
    store: Store,
    known: Mutex<Arc<Granted>>,
}

impl Permissions {
    /// Of a store.
    pub fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The grants as they are now, at every centre: what was taken back a moment ago holds no longer.
    pub async fn granted(&self) -> Result<Arc<Granted>, StoreError> {
        let edition = self.store.edition(Edition::Rights).await?;
        let known = self.known.lock().clone();
        if known.edition == edition {
            return Ok(known);
        }
        // What is read is at least as new as the edition; at worst it is read once more.
        let ledger = self.store.ledger().await?;
        let agencies = self.store.memberships().await?;
        let fresh = Arc::new(Granted { edition, ledger, agencies });
        *self.known.lock() = fresh.clone();
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::{Capabilities, Effect, Grant, GrantId, Kinds, Scope, Window};

    fn who(name: &str, role: Role) -> Identity {
        Identity { name: name.into(), role, expires: None, session: None }
    }

    #[test]
    fn rights_begin_with_the_first_grant() {
        let at = WallTime::from_unix_millis(1_795_000_000_000);
        let may = |granted: &Granted, name: &str, role: Role| {
            let filter = granted.filter(&who(name, role), Capability::ViewMap, at);
            (filter.is_everything(), filter.is_empty())
        };
        let mut granted = Granted::default();
        assert_eq!(may(&granted, "lan", Role::Operator), (true, false), "before the first grant");
        assert_eq!(may(&granted, "hoa", Role::Viewer), (true, false), "a viewer sees");
        let acts = granted.filter(&who("hoa", Role::Viewer), Capability::EventAck, at);
        assert!(acts.is_empty(), "and does not act");
        granted.ledger.add(Grant {
            id: GrantId("1".into()),
            principal: Principal::Agency("ward".into()),
            effect: Effect::Allow,
            role: "viewer".into(),
            capabilities: Capabilities::ALL,
            scope: Scope::Area("P:1".parse().unwrap()),
            kinds: Kinds::ALL,
            window: Window { from: at, until: None },
            purpose: "test".into(),
            granted_by: "test".into(),
            passed_on_from: None,
            revoked: Some(at),
        });
        assert_eq!(may(&granted, "lan", Role::Operator), (false, true), "even one that was taken back is one");
        assert_eq!(may(&granted, "an", Role::Admin), (true, false), "whoever runs the centre is not locked out");
        granted.agencies.insert("lan".into(), vec!["ward".into()]);
        let grant = Grant { revoked: None, ..granted.ledger.iter().next().unwrap().clone() };
        granted.ledger.add(grant.clone());
        assert_eq!(may(&granted, "lan", Role::Operator), (false, false), "by the agency");
        granted.ledger.add(Grant { id: GrantId("2".into()), principal: Principal::User("an".into()), ..grant });
        assert_eq!(may(&granted, "an", Role::Admin), (false, false), "an administrator who is named has what is granted");
    }
}
