//! Events and measurements: what gateways send once and for good.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use matpho_scene::{
    WallTime,
    event::{EndReason, EventKind, Phase, Severity},
};
use matpho_wire::{EventData, MeasurementData};

use super::{
    StoreError, Tx,
    batch::Arrival,
    execute, fetch_one, fetch_optional, from_word, json,
    sql::{Sql, fetch_built},
    to, word,
};
use crate::incident::rules::{self, LATE_AFTER, Placed, Sighting, Spot};

/// Whether a message was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was.
    New,
    /// It was here already.
    Duplicate,
}

/// The rejected messages that are kept for a person to look at.
const REJECTED_MAX: i64 = 1_000;

/// How much of a rejected message is kept, in characters.
const REJECTED_CHARS_MAX: usize = 4_096;

/// What is known of an event.
pub(super) struct KnownEvent {
    edge: String,
    camera: String,
    kind: String,
    number: i64,
    severity_max: Severity,
}

impl KnownEvent {
    /// What the first message about it says.
    pub(super) fn of(arrival: &Arrival<'_>) -> Self {
        let data = &arrival.message.data;
        Self {
            edge: arrival.edge.to_owned(),
            camera: data.camera.to_string(),
            kind: data.kind.as_str().to_owned(),
            number: data.number.into(),
            severity_max: data.severity,
        }
    }

    /// An event is of one kind, at one camera.
    pub(super) fn admit(&self, arrival: &Arrival<'_>) -> Result<(), StoreError> {
        let (Self { edge, camera, kind, .. }, data) = (self, &arrival.message.data);
        if (edge.as_str(), camera.as_str(), kind.as_str()) == (arrival.edge, data.camera.as_str(), data.kind.as_str()) {
            return Ok(());
        }
        Err(StoreError::Contradiction(format!(
            "event {} is known as {kind} of camera {camera} at {edge}, and cannot become another one",
            data.event
        )))
    }
}

impl Tx {
    /// What is known of the events of messages, by id.
    pub(super) async fn known_events(&mut self, arrivals: &[Arrival<'_>]) -> Result<HashMap<String, KnownEvent>, StoreError> {
        let mut sql = Sql::new("SELECT id, edge, camera, kind, number, severity_max FROM events WHERE id IN ");
        sql.list(arrivals.iter().map(Arrival::event));
        let rows: Vec<(String, String, String, String, i64, String)> =
            fetch_built!(self.db(), sql).map_err(to("look what is known of events"))?;
        let known = rows.into_iter().map(|(id, edge, camera, kind, number, severity_max)| {
            Ok((id, KnownEvent { edge, camera, kind, number, severity_max: from_word("severity", severity_max)? }))
        });
        known.collect()
    }

    /// Keeps messages about events. Returns those that were not here already: of two with one source and id the first.
    pub(super) async fn insert_messages<'m>(&mut self, arrivals: &[Arrival<'m>]) -> Result<Vec<Arrival<'m>>, StoreError> {
        let texts: Vec<String> = arrivals.iter().map(|arrival| json(&arrival.message.data)).collect::<Result<_, _>>()?;
        let mut sql = Sql::new("INSERT INTO event_messages (source, id, event, number, arrived_at, data) VALUES ");
        sql.rows(arrivals.iter().zip(&texts), |row, (arrival, text)| {
            row.text(&arrival.message.source).text(&arrival.message.id).text(&arrival.event());
            row.int(arrival.message.data.number).int(arrival.at.as_unix_millis()).text(text);
        });
        sql.push(" ON CONFLICT DO NOTHING RETURNING source, id");
        let inserted: Vec<(String, String)> = fetch_built!(self.db(), sql).map_err(to("store events' messages"))?;
        let mut inserted: HashSet<(String, String)> = inserted.into_iter().collect();
        let is_new = |arrival: &Arrival<'_>| inserted.remove(&(arrival.message.source.clone(), arrival.message.id.clone()));
        Ok(arrivals.iter().copied().filter(is_new).collect())
    }

    /// A new event, on its own: what is open around it is looked up with care.
    pub(super) async fn insert_event(&mut self, arrival: &Arrival<'_>, settings: &rules::Settings) -> Result<(), StoreError> {
        let Arrival { edge, message, at: arrived } = *arrival;
        let data = &message.data;
        let event = data.event.to_string();
        let Placed { at: began, clock_suspect } = rules::place_time(data.began, arrived);
        let late = data.late || (!clock_suspect && arrived.since(message.time) > LATE_AFTER);
        execute!(self.db(), sqlx::query(
            "INSERT INTO events (id, edge, camera, kind, number, phase, severity, severity_max, placed_at, ended_at, arrived_at,
                                 updated_at, late, clock_suspect, data, retracted)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $10, $11, $12, $13, $14)",
        )
        .bind(&event)
        .bind(edge)
        .bind(data.camera.as_str())
        .bind(data.kind.as_str())
        .bind(i64::from(data.number))
        .bind(data.phase.as_str())
        .bind(data.severity.as_str())
        .bind(began.as_unix_millis())
        .bind(ended_at(data, arrived).map(WallTime::as_unix_millis))
        .bind(arrived.as_unix_millis())
        .bind(late)
        .bind(clock_suspect)
        .bind(json(data)?)
        .bind(is_retracted(data)))
        .map_err(to("store an event"))?;
        let spot = Spot {
            edge: edge.into(),
            camera: data.camera.to_string(),
            position: self.position(edge, data.camera.as_str()).await?,
        };
        let sighting = Sighting { kind: data.kind, spot, began, late };
        self.place_event(&event, &sighting, data.severity, arrived, settings).await
    }

    /// Takes new messages about events that are known, in their order. The newest number decides what an event is now.
    ///
    /// All of them are summed up in memory before anything is written: of those that take an event back only the last may be one, for what
    /// follows from it is written after them.
    pub(super) async fn follow_events(
        &mut self,
        arrivals: &[Arrival<'_>],
        events: &mut HashMap<String, KnownEvent>,
    ) -> Result<(), StoreError> {
        if arrivals.is_empty() {
            return Ok(());
        }
        let mut sql = Sql::new("SELECT event, incident FROM incident_events WHERE event IN ");
        sql.list(arrivals.iter().map(Arrival::event));
        let homes: Vec<(String, String)> = fetch_built!(self.db(), sql).map_err(to("look up events' incidents"))?;
        let homes: HashMap<String, String> = homes.into_iter().collect();
        let incidents: BTreeSet<&str> = homes.values().map(String::as_str).collect();
        let mut standings = self.standings(&incidents.into_iter().collect::<Vec<_>>()).await?;

        // An older message that was overtaken tells nothing new but how grave it once was.
        let mut newest: BTreeMap<String, Option<&Arrival<'_>>> = BTreeMap::new();
        for arrival in arrivals {
            let (event, data) = (arrival.event(), &arrival.message.data);
            let Some(known) = events.get_mut(&event) else { continue };
            let is_newer = i64::from(data.number) > known.number;
            known.severity_max = known.severity_max.max(data.severity);
            let home = homes.get(&event);
            if let Some(fact) = home.and_then(|incident| standings.fact_mut(incident, &event)) {
                fact.severity_max = known.severity_max;
                if is_newer {
                    fact.severity = data.severity;
                    fact.ended = ended_at(data, arrival.at);
                    fact.retracted = is_retracted(data);
                }
            }
            if let Some(incident) = home {
                standings.sum_up(incident, arrival.at)?;
            }
            let told = newest.entry(event).or_default();
            if is_newer {
                known.number = data.number.into();
                *told = Some(arrival);
            }
        }
        self.write_events(&newest, events).await?;
        self.write_standings(standings).await
    }

    /// Writes what became of events: by their newest message, or, without one, how grave they were.
    async fn write_events(
        &mut self,
        newest: &BTreeMap<String, Option<&Arrival<'_>>>,
        events: &HashMap<String, KnownEvent>,
    ) -> Result<(), StoreError> {
        let (mut renewed, mut overtaken) = (Vec::new(), Vec::new());
        for (event, arrival) in newest {
            let Some(known) = events.get(event) else { continue };
            match arrival {
                Some(arrival) => renewed.push((event, known, arrival, json(&arrival.message.data)?)),
                None => overtaken.push((event, known)),
            }
        }
        if !renewed.is_empty() {
            let mut sql = Sql::new(
                "WITH now (id, number, phase, severity, severity_max, ended_at, updated_at, data, retracted) AS (VALUES ",
            );
            sql.rows(&renewed, |row, (event, known, arrival, text)| {
                let data = &arrival.message.data;
                row.text(event).int(data.number).text(data.phase.as_str()).text(data.severity.as_str());
                row.text(known.severity_max.as_str()).value(ended_at(data, arrival.at).map(WallTime::as_unix_millis));
                row.int(arrival.at.as_unix_millis()).text(text).bool(is_retracted(data));
            });
            sql.push(
                ") UPDATE events SET number = now.number, phase = now.phase, severity = now.severity, severity_max = now.severity_max,
                                     ended_at = now.ended_at, updated_at = now.updated_at, data = now.data, retracted = now.retracted
                 FROM now WHERE events.id = now.id",
            );
            self.run(sql, "update events").await?;
        }
        if !overtaken.is_empty() {
            let mut sql = Sql::new("WITH now (id, severity_max) AS (VALUES ");
            sql.rows(&overtaken, |row, (event, known)| {
                row.text(event).text(known.severity_max.as_str());
            });
            sql.push(") UPDATE events SET severity_max = now.severity_max FROM now WHERE events.id = now.id");
            self.run(sql, "update events' severity").await?;
        }
        Ok(())
    }

    async fn position(&mut self, edge: &str, camera: &str) -> Result<Option<[f64; 2]>, StoreError> {
        let row: Option<(Option<f64>, Option<f64>)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT longitude, latitude FROM cameras WHERE edge = $1 AND camera = $2").bind(edge).bind(camera)
        )
        .map_err(to("look up a camera"))?;
        Ok(row.and_then(|(longitude, latitude)| Some([longitude?, latitude?])))
    }

    /// Takes measurements, each once. Returns how many were here already.
    pub async fn take_measurements(&mut self, arrivals: &[Arrival<'_, MeasurementData>]) -> Result<u64, StoreError> {
        if arrivals.is_empty() {
            return Ok(0);
        }
        let figures: Vec<String> =
            arrivals.iter().map(|arrival| json(&arrival.message.data.figures)).collect::<Result<_, _>>()?;
        let mut sql = Sql::new("INSERT INTO measurements (source, id, edge, camera, zone, from_at, to_at, figures) VALUES ");
        sql.rows(arrivals.iter().zip(&figures), |row, (arrival, figures)| {
            let data = &arrival.message.data;
            row.text(&arrival.message.source).text(&arrival.message.id).text(arrival.edge).text(data.camera.as_str());
            row.text(data.zone.as_str()).int(data.from.as_unix_millis()).int(data.to.as_unix_millis()).text(figures);
        });
        sql.push(" ON CONFLICT DO NOTHING");
        let inserted = self.run(sql, "store measurements").await?;
        Ok((arrivals.len() as u64).saturating_sub(inserted))
    }

    /// Keeps what could not be taken for a person to look at; the oldest go.
    pub async fn reject(&mut self, topic: &str, reason: &str, payload: &[u8], arrived: WallTime) -> Result<(), StoreError> {
        let text = String::from_utf8_lossy(&payload[..payload.len().min(4 * REJECTED_CHARS_MAX)]);
        let line: i64 = fetch_one!(
            self.db(),
            sqlx::query_scalar(
                "INSERT INTO rejected (arrived_at, topic, reason, payload) VALUES ($1, $2, $3, $4) RETURNING line",
            )
            .bind(arrived.as_unix_millis())
            .bind(plain(topic, 300))
            .bind(plain(reason, REJECTED_CHARS_MAX))
            .bind(plain(&text, REJECTED_CHARS_MAX))
        )
        .map_err(to("keep a rejected message"))?;
        execute!(self.db(), sqlx::query("DELETE FROM rejected WHERE line <= $1").bind(line - REJECTED_MAX))
            .map_err(to("trim the rejected messages"))?;
        Ok(())
    }
}

/// The beginning of a text, without what PostgreSQL stores in none.
fn plain(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(chars_max).collect()
}

/// When an event ended, if it did; never before it began.
fn ended_at(data: &EventData, arrived: WallTime) -> Option<WallTime> {
    let began = rules::place_time(data.began, arrived).at;
    (data.phase == Phase::Ended).then(|| rules::place_time(data.seen.at, arrived).at.max(began))
}

/// Whether its gateway took it back.
pub(super) fn is_retracted(data: &EventData) -> bool {
    data.phase == Phase::Ended && data.end_reason == Some(EndReason::Retracted)
}

/// The kind of a stored word.
pub(super) fn kind(word: String) -> Result<EventKind, StoreError> {
    from_word("kind", word)
}

/// The word of a severity.
pub(super) fn severity_word(severity: Severity) -> String {
    word(&severity)
}
