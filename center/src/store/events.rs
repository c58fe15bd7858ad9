//! Events and measurements: what gateways send once and for good.

use matpho_scene::{
    WallTime,
    event::{EndReason, EventKind, Phase, Severity},
};
use matpho_wire::{CloudEvent, EventData, MeasurementData};

use super::{StoreError, Tx, execute, fetch_one, fetch_optional, from_word, json, to, word};
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

#[derive(sqlx::FromRow)]
struct Known {
    edge: String,
    camera: String,
    kind: String,
    number: i64,
    severity_max: String,
}

impl Tx {
    /// Takes a message about an event: once, the newest number decides what the event is now.
    pub async fn take_event(
        &mut self,
        edge: &str,
        message: &CloudEvent<EventData>,
        arrived: WallTime,
        settings: &rules::Settings,
    ) -> Result<Taken, StoreError> {
        let data = &message.data;
        let event = data.event.to_string();
        let known: Option<Known> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT edge, camera, kind, number, severity_max FROM events WHERE id = $1").bind(&event)
        )
        .map_err(to("look up an event"))?;
        if let Some(known) = &known
            && (known.edge.as_str(), known.camera.as_str(), known.kind.as_str())
                != (edge, data.camera.as_str(), data.kind.as_str())
        {
            let Known { edge, camera, kind, .. } = known;
            return Err(StoreError::Contradiction(format!(
                "event {event} is known as {kind} of camera {camera} at {edge}, and cannot become another one"
            )));
        }
        let inserted = execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO event_messages (source, id, event, number, arrived_at, data) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
            )
            .bind(&message.source)
            .bind(&message.id)
            .bind(&event)
            .bind(i64::from(data.number))
            .bind(arrived.as_unix_millis())
            .bind(json(data)?)
        )
        .map_err(to("store an event's message"))?;
        if inserted == 0 {
            return Ok(Taken::Duplicate);
        }
        match known {
            None => self.insert_event(edge, message, arrived, settings).await?,
            Some(known) => self.update_event(&event, &known, data, arrived).await?,
        }
        Ok(Taken::New)
    }

    async fn insert_event(
        &mut self,
        edge: &str,
        message: &CloudEvent<EventData>,
        arrived: WallTime,
        settings: &rules::Settings,
    ) -> Result<(), StoreError> {
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
        .bind(ended_at(data, arrived))
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

    async fn update_event(&mut self, event: &str, known: &Known, data: &EventData, arrived: WallTime) -> Result<(), StoreError> {
        let severity_max = from_word::<Severity>("severity", known.severity_max.clone())?.max(data.severity);
        if i64::from(data.number) > known.number {
            execute!(self.db(), sqlx::query(
                "UPDATE events SET number = $2, phase = $3, severity = $4, severity_max = $5, ended_at = $6, updated_at = $7, data = $8,
                                   retracted = $9
                 WHERE id = $1",
            )
            .bind(event)
            .bind(i64::from(data.number))
            .bind(data.phase.as_str())
            .bind(data.severity.as_str())
            .bind(severity_max.as_str())
            .bind(ended_at(data, arrived))
            .bind(arrived.as_unix_millis())
            .bind(json(data)?)
            .bind(is_retracted(data)))
            .map_err(to("update an event"))?;
        } else {
            // An older message that was overtaken tells nothing new but how grave it once was.
            execute!(
                self.db(),
                sqlx::query("UPDATE events SET severity_max = $2 WHERE id = $1").bind(event).bind(severity_max.as_str())
            )
            .map_err(to("update an event's severity"))?;
        }
        if let Some(incident) = self.incident_of(event).await? {
            self.refresh_incident(&incident, arrived).await?;
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

    /// Takes a measurement, once.
    pub async fn take_measurement(&mut self, edge: &str, message: &CloudEvent<MeasurementData>) -> Result<Taken, StoreError> {
        let data = &message.data;
        let inserted = execute!(self.db(), sqlx::query(
            "INSERT INTO measurements (source, id, edge, camera, zone, from_at, to_at, figures) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT DO NOTHING",
        )
        .bind(&message.source)
        .bind(&message.id)
        .bind(edge)
        .bind(data.camera.as_str())
        .bind(data.zone.as_str())
        .bind(data.from.as_unix_millis())
        .bind(data.to.as_unix_millis())
        .bind(json(&data.figures)?))
        .map_err(to("store a measurement"))?;
        Ok(if inserted == 0 { Taken::Duplicate } else { Taken::New })
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
fn ended_at(data: &EventData, arrived: WallTime) -> Option<i64> {
    let began = rules::place_time(data.began, arrived).at;
    (data.phase == Phase::Ended).then(|| rules::place_time(data.seen.at, arrived).at.max(began).as_unix_millis())
}

/// Whether its gateway took it back.
fn is_retracted(data: &EventData) -> bool {
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
