//! A batch of messages about events, in as few statements as there are tables. One message is a batch of one; however messages are cut into
//! batches, they leave the same rows.
//!
//! Most of what comes in a bad minute is about an event that is known: runs of those are taken together ([`Tx::follow_events`]). Most of what is
//! new has nothing open around it: each opens an incident of its own. Those are found in memory ([`Nearby`]) and written together, before all
//! others. What is new and may join something is placed on its own ([`Tx::insert_event`]).
//!
//! **The memory follows the store:** it holds the open incidents as of one number of the list of changes. What changed since, here or at another
//! centre, is read under the lock of the one who writes, before anything is decided.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use matpho_scene::{
    WallTime,
    event::{Phase, Severity},
};
use matpho_wire::{CloudEvent, EventData};
use parking_lot::Mutex;

use super::{
    Change, StoreError, Tx,
    events::{KnownEvent, is_retracted},
    fetch_one, from_word,
    incidents::{self, SELF},
    json,
    sql::{Sql, fetch_built},
    to, word,
};
use crate::{
    api::types::{Family, IncidentState, LogAction, Priority},
    incident::{
        nearby::Nearby,
        rules::{self, LATE_AFTER, Placed, Sighting, Spot},
    },
};

/// Changed incidents that are read one by one; with more, all that are open are read anew.
const CHANGED_MAX: usize = 500;

/// A message that arrived, about an event if nothing else is said.
#[derive(Debug)]
pub struct Arrival<'m, D = EventData> {
    /// Its gateway.
    pub edge: &'m str,
    /// What it says.
    pub message: &'m CloudEvent<D>,
    /// When it came.
    pub at: WallTime,
}

impl<D> Clone for Arrival<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Arrival<'_, D> {}

impl Arrival<'_> {
    /// Which event it is about.
    pub(super) fn event(&self) -> String {
        self.message.data.event.to_string()
    }
}

/// The open incidents, as of a number in the list of changes.
#[derive(Debug, Default)]
pub(super) struct Known {
    nearby: Nearby,
    sequence: i64,
    is_whole: bool,
}

/// What the store remembers between transactions. Whoever writes takes it, and gives it back once it is committed.
pub(super) type Memory = Arc<Mutex<Known>>;

/// An event that opens an incident of its own.
struct Opener<'m> {
    arrival: Arrival<'m>,
    event: String,
    incident: String,
    sighting: Sighting,
    clock_suspect: bool,
}

#[derive(sqlx::FromRow)]
struct SpotRow {
    id: String,
    family: String,
    edge: String,
    camera: String,
    longitude: Option<f64>,
    latitude: Option<f64>,
}

const OPEN_SPOTS: &str = "SELECT i.id, i.family, ic.edge, ic.camera, c.longitude, c.latitude
     FROM incidents i JOIN incident_cameras ic ON ic.incident = i.id
     LEFT JOIN cameras c ON c.edge = ic.edge AND c.camera = ic.camera WHERE i.closed_at IS NULL";

impl Tx {
    /// Takes messages about events in their order, each once. Returns how many were known already.
    pub async fn take_events(&mut self, arrivals: &[Arrival<'_>], settings: &rules::Settings) -> Result<u64, StoreError> {
        if arrivals.is_empty() {
            return Ok(0);
        }
        let mut events = self.known_events(arrivals).await?;
        let mut firsts: HashMap<String, KnownEvent> = HashMap::new();
        for arrival in arrivals {
            match events.get(&arrival.event()).or_else(|| firsts.get(&arrival.event())) {
                Some(known) => known.admit(arrival)?,
                None => drop(firsts.insert(arrival.event(), KnownEvent::of(arrival))),
            }
        }
        let mut rest = self.insert_messages(arrivals).await?;
        let duplicates = arrivals.len() - rest.len();
        if rest.iter().any(|arrival| !events.contains_key(&arrival.event())) {
            let (mut known, is_all) = self.open_incidents().await?;
            let openers;
            (openers, rest) = self.sort(&rest, &events, &mut known, settings).await?;
            self.write_openers(&openers).await?;
            events.extend(openers.iter().map(|opener| (opener.event.clone(), KnownEvent::of(&opener.arrival))));
            self.known = Some((known, is_all));
        }
        // What may change where incidents are open is read back from the list of changes next time.
        let mut is_all = true;
        let mut run: Vec<Arrival<'_>> = Vec::new();
        for arrival in rest {
            let is_known = events.contains_key(&arrival.event());
            if is_known {
                run.push(arrival);
            }
            if !is_known || is_retracted(&arrival.message.data) {
                is_all = false;
                self.follow_events(&std::mem::take(&mut run), &mut events).await?;
            }
            if !is_known {
                self.insert_event(&arrival, settings).await?;
                events.insert(arrival.event(), KnownEvent::of(&arrival));
            }
        }
        self.follow_events(&run, &mut events).await?;
        if let Some((_, is_all_known)) = &mut self.known {
            *is_all_known &= is_all;
        }
        Ok(duplicates as u64)
    }

    /// The open incidents as they are now, and whether the memory has all of what this transaction changed in them. It is out of the store's
    /// memory until this transaction is committed.
    async fn open_incidents(&mut self) -> Result<(Known, bool), StoreError> {
        let (mut known, is_all) = match self.known.take() {
            Some(known) => known,
            None => (std::mem::take(&mut *self.memory.lock()), true),
        };
        let doing = "look which incidents are open";
        let (newest, oldest): (i64, Option<i64>) =
            fetch_one!(self.db(), sqlx::query_as("SELECT COALESCE(MAX(sequence), 0), MIN(sequence) FROM changes"))
                .map_err(to(doing))?;
        if known.is_whole && known.sequence == newest && self.changes.is_empty() {
            return Ok((known, is_all));
        }
        let mut changed: HashSet<String> = HashSet::new();
        let mut follows = known.is_whole && oldest.is_none_or(|oldest| known.sequence + 1 >= oldest);
        if follows {
            let mut sql = Sql::new("SELECT DISTINCT what, key FROM changes WHERE what <> 'edge' AND sequence > ");
            sql.arg(known.sequence);
            let rows: Vec<(String, String)> =
                if known.sequence == newest { Vec::new() } else { fetch_built!(self.db(), sql).map_err(to(doing))? };
            // What this transaction changed so far is in no list yet.
            let listed = rows.into_iter().filter_map(|(what, key)| Change::from_row(&what, key));
            for change in listed.chain(self.changes.iter().cloned()) {
                match change {
                    Change::Camera(edge, camera) => changed.extend(known.nearby.seen_by(&edge, &camera)),
                    Change::Incident(incident) => drop(changed.insert(incident)),
                    Change::Edge(_) => {}
                }
            }
            follows = changed.len() <= CHANGED_MAX;
        }
        let mut sql = Sql::new(OPEN_SPOTS);
        if follows {
            changed.iter().for_each(|incident| known.nearby.remove(incident));
            sql.push(" AND i.id IN ").list(&changed);
        } else {
            known.nearby = Nearby::default();
        }
        if !follows || !changed.is_empty() {
            let rows: Vec<SpotRow> = fetch_built!(self.db(), sql).map_err(to(doing))?;
            for row in rows {
                let position = row.longitude.zip(row.latitude).map(|(longitude, latitude)| [longitude, latitude]);
                let spot = Spot { edge: row.edge, camera: row.camera, position };
                known.nearby.add(&row.id, from_word::<Family>("family", row.family)?, spot);
            }
        }
        (known.sequence, known.is_whole) = (newest, true);
        Ok((known, is_all))
    }

    /// Tells those that open an incident of their own from all others.
    async fn sort<'m>(
        &mut self,
        arrivals: &[Arrival<'m>],
        events: &HashMap<String, KnownEvent>,
        known: &mut Known,
        settings: &rules::Settings,
    ) -> Result<(Vec<Opener<'m>>, Vec<Arrival<'m>>), StoreError> {
        let doing = "look what is known of cameras";
        let mut met: HashSet<String> = events.keys().cloned().collect();
        let mut sql = Sql::new("SELECT edge, camera, longitude, latitude FROM cameras WHERE (edge, camera) IN (VALUES ");
        sql.rows(arrivals, |row, arrival| {
            row.text(arrival.edge).text(arrival.message.data.camera.as_str());
        });
        sql.push(")");
        let cameras: Vec<(String, String, Option<f64>, Option<f64>)> = fetch_built!(self.db(), sql).map_err(to(doing))?;
        let positions: HashMap<(String, String), [f64; 2]> = cameras
            .into_iter()
            .filter_map(|(edge, camera, longitude, latitude)| Some(((edge, camera), [longitude?, latitude?])))
            .collect();
        let earliest = arrivals.iter().map(|arrival| arrival.at.as_unix_millis()).min().unwrap_or(0);
        let mut sql = Sql::new("SELECT edge, camera, family FROM shelves WHERE until_at > ");
        sql.arg(earliest);
        let shelves: Vec<(String, String, String)> = fetch_built!(self.db(), sql).map_err(to("look what is shelved"))?;
        let sql = Sql::new(
            "SELECT i.family, r.longitude, r.latitude FROM reports r JOIN incidents i ON i.id = r.incident WHERE i.closed_at IS NULL",
        );
        let reports: Vec<(String, f64, f64)> = fetch_built!(self.db(), sql).map_err(to("look what was reported"))?;

        let (mut openers, mut rest) = (Vec::new(), Vec::new());
        for arrival in arrivals {
            let data = &arrival.message.data;
            let event = data.event.to_string();
            let Placed { at: began, clock_suspect } = rules::place_time(data.began, arrival.at);
            let late = data.late || (!clock_suspect && arrival.at.since(arrival.message.time) > LATE_AFTER);
            let (edge, camera) = (arrival.edge.to_owned(), data.camera.to_string());
            let position = positions.get(&(edge.clone(), camera.clone())).copied();
            let spot = Spot { edge, camera, position };
            let family = Family::of(data.kind);
            let family_word = word(&family);
            let is_shelved =
                || shelves.iter().any(|(edge, camera, of)| (edge, camera, of) == (&spot.edge, &spot.camera, &family_word));
            let is_reported = || {
                let reach_m = settings.report_distance_m;
                reports.iter().any(|(of, longitude, latitude)| {
                    *of == family_word && position.is_some_and(|at| rules::distance_m(at, [*longitude, *latitude]) <= reach_m)
                })
            };
            let opens = met.insert(event.clone())
                && !late
                && data.phase != Phase::Ended
                && !known.nearby.is_near(family, &spot, settings.distance_m)
                && !is_shelved()
                && !is_reported();
            if opens {
                let incident = incidents::new_id(began);
                known.nearby.add(&incident, family, spot.clone());
                let sighting = Sighting { kind: data.kind, spot, began, late };
                openers.push(Opener { arrival: *arrival, event, incident, sighting, clock_suspect });
            } else {
                rest.push(*arrival);
            }
        }
        Ok((openers, rest))
    }

    /// Writes events that open incidents of their own, table by table.
    async fn write_openers(&mut self, openers: &[Opener<'_>]) -> Result<(), StoreError> {
        if openers.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = openers.iter().map(|opener| json(&opener.arrival.message.data)).collect::<Result<_, _>>()?;
        let mut events = Sql::new(
            "INSERT INTO events (id, edge, camera, kind, number, phase, severity, severity_max, placed_at, arrived_at, updated_at, late,
                                 clock_suspect, data, retracted) VALUES ",
        );
        let mut incidents = Sql::new(
            "INSERT INTO incidents (id, family, kind, severity, state, ongoing, began_at, opened_at, updated_at, late, clock_suspect,
                                    event_count, priority, certainty) VALUES ",
        );
        let mut members = Sql::new("INSERT INTO incident_events (event, incident) VALUES ");
        let mut cameras = Sql::new("INSERT INTO incident_cameras (incident, edge, camera) VALUES ");
        let mut places = Sql::new("INSERT INTO incident_areas (incident, area, kind, is_open) VALUES ");
        let mut log = Sql::new("INSERT INTO incident_log (incident, at, who, what, event) VALUES ");
        let certainty = word(&rules::certainty(1, 0));
        for (index, (opener, text)) in openers.iter().zip(&texts).enumerate() {
            let Opener { arrival, event, incident, sighting, clock_suspect } = opener;
            let (data, now) = (&arrival.message.data, arrival.at.as_unix_millis());
            let (began, severity): (i64, Severity) = (sighting.began.as_unix_millis(), data.severity);
            let is_first = index == 0;
            events.row(is_first, |row| {
                row.text(event).text(arrival.edge).text(data.camera.as_str()).text(data.kind.as_str()).int(data.number);
                row.text(data.phase.as_str()).text(severity.as_str()).text(severity.as_str()).int(began).int(now).int(now);
                row.bool(sighting.late).bool(*clock_suspect).text(text).bool(false);
            });
            incidents.row(is_first, |row| {
                row.text(incident).text(&word(&Family::of(data.kind))).text(data.kind.as_str()).text(severity.as_str());
                row.text(&word(&IncidentState::New)).bool(true).int(began).int(now).int(now).bool(sighting.late);
                row.bool(*clock_suspect).int(1).text(&word(&Priority::of(severity))).text(&certainty);
            });
            members.row(is_first, |row| {
                row.text(event).text(incident);
            });
            cameras.row(is_first, |row| {
                row.text(incident).text(arrival.edge).text(data.camera.as_str());
            });
            places.row(is_first, |row| {
                row.text(incident).text("").text(data.kind.as_str()).bool(true);
            });
            log.row(is_first, |row| {
                row.text(incident).int(now).text(SELF).text(&word(&LogAction::Opened)).text(event);
            });
            self.changed(Change::Incident(incident.clone()));
            self.changed(Change::Camera(arrival.edge.to_owned(), data.camera.to_string()));
        }
        let mut areas = Sql::new(
            "INSERT INTO incident_areas (incident, area, kind, is_open)
             SELECT ic.incident, a.area, i.kind, i.closed_at IS NULL FROM incident_cameras ic JOIN incidents i ON i.id = ic.incident
             JOIN camera_areas a ON a.edge = ic.edge AND a.camera = ic.camera WHERE a.area <> '' AND ic.incident IN ",
        );
        areas.list(openers.iter().map(|opener| &opener.incident));
        for (sql, doing) in [
            (events, "store events"),
            (incidents, "open incidents"),
            (members, "put events into their incidents"),
            (cameras, "put cameras to their incidents"),
            (places, "note where incidents lie"),
            (areas, "note where incidents lie"),
            (log, "write incidents' logs"),
        ] {
            self.run(sql, doing).await?;
        }
        Ok(())
    }

    /// Gives the memory back: what it holds is committed now.
    pub(super) fn give_back(known: Option<(Known, bool)>, memory: &Memory, newest: Option<i64>) {
        let Some((mut known, is_all)) = known else { return };
        if let Some(newest) = newest.filter(|_| is_all) {
            known.sequence = newest;
        }
        *memory.lock() = known;
    }
}
