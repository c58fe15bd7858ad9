//! Who asks, and what they may see and do: the one place where each read and write is checked.
//!
//! A handler that shows or changes something of the city takes a [`Viewer`]: a list is asked for with its [`Viewer::filter`], a single thing is
//! checked by one of `incident`, `event`, `camera` before it is read. **What may not be seen is 404**, as if it were not there; **what may be seen but
//! not done is 403** with the reason.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    Api,
    problem::{Failure, Outcome},
};
use crate::{
    auth::{Identity, access::Granted},
    clock,
    rights::{Capability, Decision, EVERYWHERE, Filter, Place},
};

/// Somebody who is logged in, with their rights as they are now.
#[derive(Clone)]
pub struct Viewer {
    /// Who it is.
    pub who: Identity,
    granted: Arc<Granted>,
}

impl Viewer {
    /// Somebody, by the rights as they are now.
    pub async fn new(api: &Api, who: Identity) -> Outcome<Self> {
        Ok(Self { who, granted: api.access.granted().await? })
    }

    /// What a query is to leave out.
    pub fn filter(&self, capability: Capability) -> Filter {
        self.granted.filter(&self.who, capability, clock::now())
    }

    /// What they may do, somewhere.
    pub fn capabilities(&self) -> Vec<Capability> {
        Capability::ALL.into_iter().filter(|capability| !self.filter(*capability).is_empty()).collect()
    }

    /// The grants as they are now.
    pub fn granted(&self) -> &Granted {
        &self.granted
    }

    /// Lets through who may see an incident and has a capability there.
    pub async fn incident(&self, api: &Api, id: &str, needed: Capability) -> Outcome<()> {
        self.check(&api.shown.store.incident_places(id).await?, needed, "such incident")
    }

    /// The same for an event.
    pub async fn event(&self, api: &Api, id: &str, needed: Capability) -> Outcome<()> {
        self.check(&api.shown.store.event_places(id).await?, needed, "such event")
    }

    /// The same for a camera.
    pub async fn camera(&self, api: &Api, edge: &str, camera: &str, needed: Capability) -> Outcome<()> {
        self.check(&api.shown.store.camera_places(edge, camera).await?, needed, "such camera")
    }

    /// Lets through who has a capability everywhere: what is about the centre as a whole.
    pub fn everywhere(&self, needed: Capability) -> Outcome<()> {
        self.done(&[Place { area: EVERYWHERE.into(), kind: None }], needed)
    }

    /// Lets through who has a capability anywhere: what is seen of it then is a matter of the filter.
    pub fn somewhere(&self, needed: Capability) -> Outcome<Filter> {
        let filter = self.filter(needed);
        if filter.is_empty() { Err(refused(needed, &filter.decide(&[]))) } else { Ok(filter) }
    }

    /// Lets through who may see what lies in these places, and has a capability there.
    pub fn check(&self, places: &[Place], needed: Capability, what: &str) -> Outcome<()> {
        if !self.filter(Capability::ViewMap).passes(places) {
            return Err(Failure::not_found(what));
        }
        if needed == Capability::ViewMap { Ok(()) } else { self.done(places, needed) }
    }

    fn done(&self, places: &[Place], needed: Capability) -> Outcome<()> {
        let decision = self.filter(needed).decide(places);
        if decision.is_allowed() { Ok(()) } else { Err(refused(needed, &decision)) }
    }
}

fn refused(needed: Capability, decision: &Decision) -> Failure {
    Failure::forbidden(format!("`{needed}` is needed here: {decision}"))
}

impl FromRequestParts<Arc<Api>> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Outcome<Self> {
        // The door put it there.
        let who = parts.extensions.get::<Identity>().cloned().ok_or_else(Failure::unauthorized)?;
        Self::new(api, who).await
    }
}
