//! A batch of messages about events, in as few statements as there are tables.
//!
//! Most of what comes in a bad minute is new and has nothing open around it: each opens an incident of its own. Those are found in memory
//! ([`Nearby`]) and written together. All others take the careful way, one after the other ([`Tx::take_event`]); both leave the same rows.
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
    events::Taken,
    execute, fetch_one, from_word,
    incidents::{self, SELF},
    json,
    sql::{Sql, bind_all, fetch_built},
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

/// A message about an event that arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'m> {
    /// Its gateway.
    pub edge: &'m str,
    /// What it says.
    pub message: &'m CloudEvent<EventData>,
    /// When it came.
    pub at: WallTime,
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
    /// Takes messages about events in their order. Returns how many were known already.
    pub async fn take_events(&mut self, arrivals: &[Arrival<'_>], settings: &rules::Settings) -> Result<u64, StoreError> {
        if arrivals.is_empty() {
            return Ok(0);
        }
        // A camera that said something new a moment ago may have moved.
        let is_quiet = !self.changes.iter().any(|change| matches!(change, Change::Camera(..)));
        let mut known = self.open_incidents().await?;
        let (openers, rest) = self.sort(arrivals, &mut known, settings).await?;
        self.write_openers(&openers).await?;
        let mut duplicates = 0;
        for arrival in &rest {
            let taken = self.take_event(arrival.edge, arrival.message, arrival.at, settings).await?;
            duplicates += u64::from(taken == Taken::Duplicate);
        }
        // What took the careful way is read back from the list of changes next time.
        self.known = Some((known, is_quiet && rest.is_empty()));
        Ok(duplicates)
    }

    /// The open incidents as they are now. It is out of the store's memory until this transaction is committed.
    async fn open_incidents(&mut self) -> Result<Known, StoreError> {
        let mut known = match self.known.take() {
            Some((known, _)) => known,
            None => std::mem::take(&mut *self.memory.lock()),
        };
        let doing = "look which incidents are open";
        let (newest, oldest): (i64, Option<i64>) =
            fetch_one!(self.db(), sqlx::query_as("SELECT COALESCE(MAX(sequence), 0), MIN(sequence) FROM changes"))
                .map_err(to(doing))?;
        if known.is_whole && known.sequence == newest {
            return Ok(known);
        }
        let mut changed: HashSet<String> = HashSet::new();
        let mut follows = known.is_whole && oldest.is_none_or(|oldest| known.sequence + 1 >= oldest);
        if follows {
            let mut sql = Sql::new("SELECT DISTINCT what, key FROM changes WHERE what <> 'edge' AND sequence > ");
            sql.arg(known.sequence);
            let rows: Vec<(String, String)> = fetch_built!(self.db(), sql).map_err(to(doing))?;
            for (what, key) in rows {
                match key.split_once('/') {
                    Some((edge, camera)) if what == "camera" => changed.extend(known.nearby.seen_by(edge, camera)),
                    _ if what == "incident" => drop(changed.insert(key)),
                    _ => {}
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
        Ok(known)
    }

    /// Tells those that open an incident of their own from all others.
    async fn sort<'m>(
        &mut self,
        arrivals: &[Arrival<'m>],
        known: &mut Known,
        settings: &rules::Settings,
    ) -> Result<(Vec<Opener<'m>>, Vec<Arrival<'m>>), StoreError> {
        let doing = "look what is known of events";
        let mut sql = Sql::new("SELECT id, id FROM events WHERE id IN ");
        sql.list(arrivals.iter().map(|arrival| arrival.message.data.event.to_string()));
        let events: Vec<(String, String)> = fetch_built!(self.db(), sql).map_err(to(doing))?;
        let mut met: HashSet<String> = events.into_iter().map(|(event, _)| event).collect();
        let mut sql = Sql::new("SELECT edge, camera, longitude, latitude FROM cameras WHERE (edge, camera) IN (VALUES ");
        for (index, arrival) in arrivals.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " }).list([arrival.edge, arrival.message.data.camera.as_str()]);
        }
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
        let mut messages = Sql::new("INSERT INTO event_messages (source, id, event, number, arrived_at, data) VALUES ");
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
            let (message, data, now) = (arrival.message, &arrival.message.data, arrival.at.as_unix_millis());
            let (began, severity): (i64, Severity) = (sighting.began.as_unix_millis(), data.severity);
            let comma = if index == 0 { "" } else { ", " };
            row(&mut messages, comma, |row| {
                row.text(&message.source).text(&message.id).text(event).int(data.number).int(now).text(text)
            });
            row(&mut events, comma, |row| {
                row.text(event).text(arrival.edge).text(data.camera.as_str()).text(data.kind.as_str()).int(data.number);
                row.text(data.phase.as_str()).text(severity.as_str()).text(severity.as_str()).int(began).int(now).int(now);
                row.bool(sighting.late).bool(*clock_suspect).text(text).bool(false)
            });
            row(&mut incidents, comma, |row| {
                row.text(incident).text(&word(&Family::of(data.kind))).text(data.kind.as_str()).text(severity.as_str());
                row.text(&word(&IncidentState::New)).bool(true).int(began).int(now).int(now).bool(sighting.late);
                row.bool(*clock_suspect).int(1).text(&word(&Priority::of(severity))).text(&certainty)
            });
            row(&mut members, comma, |row| row.text(event).text(incident));
            row(&mut cameras, comma, |row| row.text(incident).text(arrival.edge).text(data.camera.as_str()));
            row(&mut places, comma, |row| row.text(incident).text("").text(data.kind.as_str()).bool(true));
            row(&mut log, comma, |row| row.text(incident).int(now).text(SELF).text(&word(&LogAction::Opened)).text(event));
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
            (messages, "store events' messages"),
            (events, "store events"),
            (incidents, "open incidents"),
            (members, "put events into their incidents"),
            (cameras, "put cameras to their incidents"),
            (places, "note where incidents lie"),
            (areas, "note where incidents lie"),
            (log, "write incidents' logs"),
        ] {
            let Sql { text, args } = sql;
            execute!(self.db(), bind_all!(sqlx::query(sqlx::AssertSqlSafe(text)), args)).map_err(to(doing))?;
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

/// Adds a row of values.
fn row(sql: &mut Sql, comma: &str, fill: impl for<'a, 'b> FnOnce(&'a mut Row<'b>) -> &'a mut Row<'b>) {
    sql.push(comma).push("(");
    fill(&mut Row { sql, is_first: true });
    sql.push(")");
}

struct Row<'s> {
    sql: &'s mut Sql,
    is_first: bool,
}

impl Row<'_> {
    fn next(&mut self) {
        if !self.is_first {
            self.sql.push(", ");
        }
        self.is_first = false;
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.next();
        self.sql.arg(text);
        self
    }

    fn int(&mut self, number: impl Into<i64>) -> &mut Self {
        self.next();
        self.sql.arg(number.into());
        self
    }

    fn bool(&mut self, yes: bool) -> &mut Self {
        self.next();
        self.sql.arg(yes);
        self
    }
}
