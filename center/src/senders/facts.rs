//! What feeds say of the city, read from the store: an incident, a camera, a measurement.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use matpho_scene::{
    WallTime,
    event::{DepthRange, Phase},
    measurement::Figures,
};

use crate::{
    api::types::{Camera, CameraStateNow, Certainty, CloseReason, Incident, IncidentDetail},
    area::AreaTree,
    clock,
    config::feeds::{Webhook, is_kind},
    feeds::{
        cap::incident::{Confirmed, Facts, Turn},
        feature,
        ngsi::entity::{self, Entity, Spot},
        notice,
    },
    store::{Store, StoreError, outbox::Measured},
};

/// How long the area tree that was read last is good.
const TREE_AGE_MAX: Duration = Duration::from_secs(60);

/// What was measured longer ago is no state of the present.
pub const MEASURED_AGE_MAX: Duration = Duration::from_secs(900);

/// Reads facts.
pub struct Reader {
    store: Store,
    tree: Option<(Instant, Arc<AreaTree>)>,
    cameras: HashMap<(String, String), Option<Camera>>,
}

impl Reader {
    /// A reader of a store.
    pub fn new(store: Store) -> Self {
        Self { store, tree: None, cameras: HashMap::new() }
    }

    /// Forgets cameras that were read: they may have changed.
    pub fn refresh(&mut self) {
        self.cameras.clear();
    }

    /// The areas, as they were a minute ago at the most.
    pub async fn tree(&mut self) -> Result<Arc<AreaTree>, StoreError> {
        if let Some((at, tree)) = &self.tree
            && at.elapsed() < TREE_AGE_MAX
        {
            return Ok(tree.clone());
        }
        let tree = Arc::new(self.store.areas().await?);
        self.tree = Some((Instant::now(), tree.clone()));
        Ok(tree)
    }

    async fn camera(&mut self, edge: &str, camera: &str) -> Result<Option<&Camera>, StoreError> {
        let key = (edge.to_owned(), camera.to_owned());
        if !self.cameras.contains_key(&key) {
            let read = self.store.camera(edge, camera).await?;
            self.cameras.insert(key.clone(), read);
        }
        Ok(self.cameras.get(&key).and_then(Option::as_ref))
    }

    /// What a webhook is told of an incident; `None` where it wants to hear nothing of it.
    pub async fn notice(&mut self, hook: &Webhook, detail: &IncidentDetail) -> Result<Option<String>, StoreError> {
        let incident = &detail.incident;
        let wanted = |wanted: &String| incident.kinds.iter().any(|kind| is_kind(*kind, wanted));
        if !hook.kinds.is_empty() && !hook.kinds.iter().any(wanted) {
            return Ok(None);
        }
        let tree = self.tree().await?;
        let area = smallest_area(&tree, incident.place.position);
        if let Some(within) = &hook.area {
            let inside = incident.place.position.is_some_and(|position| {
                tree.holding(position, clock::today()).iter().any(|area| tree.is_within(&area.id, within, clock::today()))
            });
            if !inside {
                return Ok(None);
            }
        }
        let reason = incident.closed.as_ref().map(|closed| word(&closed.reason));
        let state = word(&incident.state);
        let message = notice::incident_changed(&notice::Incident {
            known: known(incident, area.as_deref(), depth(detail)),
            state: &state,
            reason: reason.as_deref(),
            ongoing: incident.ongoing,
            updated: incident.updated,
            late: incident.late,
        });
        Ok(message.map(|message| message.to_string()))
    }

    /// An incident as an entity; `None` where it is nobody's business outside.
    pub async fn alert_entity(&mut self, incident: &Incident) -> Result<Option<Entity>, StoreError> {
        let tree = self.tree().await?;
        let area = smallest_area(&tree, incident.place.position);
        let Some(first) = incident.cameras.first() else { return Ok(None) };
        Ok(entity::alert(&entity::Incident {
            id: &incident.id,
            kind: incident.kind,
            severity: incident.severity,
            began: incident.began,
            // Closed and not over: for those outside it is over when it is done with.
            ended: incident.ended.or(incident.closed.as_ref().map(|closed| closed.at)),
            opened: incident.opened,
            place: &incident.place.name,
            spot: Spot { edge: &first.edge, camera: &first.camera, position: incident.place.position, area: area.as_deref() },
        }))
    }

    /// A camera as an entity.
    pub async fn camera_entity(&mut self, edge: &str, id: &str) -> Result<Option<Entity>, StoreError> {
        let tree = self.tree().await?;
        Ok(self.camera(edge, id).await?.map(|camera| {
            let area = smallest_area(&tree, camera.position);
            let spot = Spot { edge, camera: id, position: camera.position, area: area.as_deref() };
            entity::camera(&spot, &camera.name, camera.state == CameraStateNow::Live, camera.said)
        }))
    }

    /// A measurement as entities; none where it is history.
    pub async fn measured(&mut self, measured: &Measured, now: WallTime) -> Result<Vec<Entity>, StoreError> {
        let (_, to) = measured.period;
        if to + MEASURED_AGE_MAX < now {
            return Ok(Vec::new());
        }
        let tree = self.tree().await?;
        let position = self.camera(&measured.edge, &measured.camera).await?.and_then(|camera| camera.position);
        let area = smallest_area(&tree, position);
        let spot = Spot { edge: &measured.edge, camera: &measured.camera, position, area: area.as_deref() };
        Ok(match &measured.figures {
            Figures::Traffic(figures) => entity::traffic_flow(&spot, &measured.zone, measured.period, figures),
            Figures::Flood(figures) => vec![entity::flood(&spot, &measured.zone, to, figures)],
        })
    }

    /// What an alert says of an incident; `None` where there is no more to say: it was closed while it goes on, and what was said runs out.
    pub async fn facts(&mut self, detail: &IncidentDetail) -> Result<Option<Facts>, StoreError> {
        let incident = &detail.incident;
        let turn = match &incident.closed {
            Some(closed) if closed.reason == CloseReason::FalseAlarm => {
                Turn::Retracted("Báo nhầm: đã kiểm tra, không có sự việc. False alarm: checked, it did not happen.".into())
            }
            _ if incident.retracted => {
                Turn::Retracted("Camera đã rút lại: không có sự việc. Taken back by the camera: it did not happen.".into())
            }
            Some(closed) if closed.reason == CloseReason::Duplicate => {
                Turn::Retracted("Trùng với một tin khác. The same as another alert.".into())
            }
            _ if !incident.ongoing => Turn::Over,
            Some(_) => return Ok(None),
            None => Turn::GoesOn,
        };
        let tree = self.tree().await?;
        let holding = incident.place.position.map_or_else(Vec::new, |position| tree.holding(position, clock::today()));
        Ok(Some(Facts {
            incident: incident.id.clone(),
            kind: incident.kind,
            severity: incident.severity,
            began: incident.began,
            confirmed: if incident.acknowledged.is_some() {
                Confirmed::Operator
            } else if incident.certainty == Certainty::Observed {
                Confirmed::Twice
            } else {
                Confirmed::Machine
            },
            turn,
            place: incident.place.name.clone(),
            position: incident.place.position,
            areas: holding.iter().map(|area| (area.id.clone(), area.name.clone())).collect(),
            depth: depth(detail),
            // They lie behind the login.
            pictures: Vec::new(),
        }))
    }
}

/// What everybody may know of an incident.
fn known<'a>(incident: &'a Incident, area: Option<&'a str>, depth: Option<DepthRange>) -> feature::Incident<'a> {
    feature::Incident {
        id: &incident.id,
        kind: incident.kind,
        severity: incident.severity,
        place: &incident.place.name,
        position: incident.place.position,
        area,
        began: incident.began,
        ended: incident.ended,
        depth,
    }
}

/// The deepest water of those of an incident's events that go on; of the last ones where none does.
fn depth(detail: &IncidentDetail) -> Option<DepthRange> {
    let of = |goes_on: bool| {
        let events = detail.events.iter().filter(|event| (event.phase != Phase::Ended) == goes_on);
        events.filter_map(|event| event.detail.depth()).max_by_key(|depth| (depth.deepest(), *depth))
    };
    of(true).or_else(|| of(false))
}

fn smallest_area(tree: &AreaTree, position: Option<[f64; 2]>) -> Option<String> {
    Some(tree.holding(position?, clock::today()).first()?.id.to_string())
}

/// The word of an enum on the wire.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
