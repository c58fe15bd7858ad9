//! Incidents: keeping what `incident::rules` decides and what people do.

use matpho_scene::{
    WallTime,
    event::{EventKind, Severity},
};
use rand::RngCore;

use super::{
    Change, StoreError, Tx,
    audit::{Act, Deed},
    events, execute, fetch_all, fetch_one, fetch_optional, from_word, time, to, word,
};
use crate::{
    api::types::{CloseReason, Family, IncidentState, LogAction},
    incident::rules::{self, Candidate, EventFact, Sighting, Spot},
};

/// Who acts where nobody does.
pub const SELF: &str = "matpho-center";

/// What became of a person's act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Acted {
    /// It is done.
    Done,
    /// There is no such incident.
    NotFound,
    /// Somebody was quicker.
    Conflict,
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    id: String,
    state: String,
    began_at: i64,
    ended_at: Option<i64>,
    edge: String,
    camera: String,
    longitude: Option<f64>,
    latitude: Option<f64>,
}

#[derive(sqlx::FromRow)]
struct FactRow {
    kind: String,
    severity: String,
    severity_max: String,
    placed_at: i64,
    ended_at: Option<i64>,
    late: bool,
    clock_suspect: bool,
}

impl FactRow {
    fn into_fact(self) -> Result<EventFact, StoreError> {
        Ok(EventFact {
            kind: events::kind(self.kind)?,
            severity: from_word("severity", self.severity)?,
            severity_max: from_word("severity", self.severity_max)?,
            began: time(self.placed_at),
            ended: self.ended_at.map(time),
            late: self.late,
            clock_suspect: self.clock_suspect,
        })
    }
}

/// Incidents of a family around a time, with those of their cameras that are the given one or lie in a box around it; `$state` says in
/// which states. The box spares the rules what is far away: on a bad evening a thousand jams are open at once.
macro_rules! select_candidates {
    ($state:literal) => {
        concat!(
            "SELECT i.id, i.state, i.began_at, i.ended_at, ic.edge, ic.camera, c.longitude, c.latitude
             FROM incidents i
             JOIN incident_cameras ic ON ic.incident = i.id
             LEFT JOIN cameras c ON c.edge = ic.edge AND c.camera = ic.camera
             WHERE i.family = $1 AND i.began_at <= $2 AND (i.ended_at IS NULL OR i.ended_at >= $3)
               AND ((ic.edge = $4 AND ic.camera = $5) OR (c.longitude BETWEEN $6 AND $7 AND c.latitude BETWEEN $8 AND $9)) AND ",
            $state,
            " ORDER BY i.id"
        )
    };
}

impl Tx {
    /// Gives a new event its incident.
    pub(super) async fn place_event(
        &mut self,
        event: &str,
        sighting: &Sighting,
        severity: Severity,
        arrived: WallTime,
        settings: &rules::Settings,
    ) -> Result<(), StoreError> {
        let candidates = self.candidates(sighting, settings).await?;
        let (incident, action) = match rules::find_home(sighting, &candidates, settings) {
            Some(home) => (home.id.clone(), LogAction::Joined),
            None => (self.open_incident(sighting, severity, arrived).await?, LogAction::Opened),
        };
        execute!(
            self.db(),
            sqlx::query("INSERT INTO incident_events (event, incident) VALUES ($1, $2)").bind(event).bind(&incident)
        )
        .map_err(to("put an event into its incident"))?;
        let Spot { edge, camera, .. } = &sighting.spot;
        execute!(
            self.db(),
            sqlx::query("INSERT INTO incident_cameras (incident, edge, camera) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(&incident)
                .bind(edge)
                .bind(camera)
        )
        .map_err(to("put a camera to its incident"))?;
        self.place_event_of(&incident, (edge, camera), sighting.kind).await?;
        self.log(&incident, arrived, SELF, action, Some(event), None).await?;
        self.refresh_incident(&incident, arrived).await?;
        self.cameras_changed(&incident).await
    }

    async fn candidates(&mut self, sighting: &Sighting, settings: &rules::Settings) -> Result<Vec<Candidate>, StoreError> {
        let family = Family::of(sighting.kind);
        // Only history looks into closed incidents; there are ever more of them.
        let query = if sighting.late {
            select_candidates!("i.state IN ('new', 'acknowledged', 'closed')")
        } else {
            select_candidates!("i.state IN ('new', 'acknowledged')")
        };
        let around = sighting.spot.position.map(|position| rules::around(position, settings.distance_m));
        let rows: Vec<CandidateRow> = fetch_all!(
            self.db(),
            sqlx::query_as(query)
                .bind(word(&family))
                .bind((sighting.began + settings.gap).as_unix_millis())
                .bind((sighting.began - settings.gap).as_unix_millis())
                .bind(&sighting.spot.edge)
                .bind(&sighting.spot.camera)
                .bind(around.map(|[(west, _), _]| west))
                .bind(around.map(|[(_, east), _]| east))
                .bind(around.map(|[_, (south, _)]| south))
                .bind(around.map(|[_, (_, north)]| north))
        )
        .map_err(to("look for incidents that an event might join"))?;
        let mut candidates: Vec<Candidate> = Vec::new();
        for row in rows {
            let position = row.longitude.zip(row.latitude).map(|(longitude, latitude)| [longitude, latitude]);
            let spot = Spot { edge: row.edge, camera: row.camera, position };
            match candidates.last_mut().filter(|last| last.id == row.id) {
                Some(last) => last.spots.push(spot),
                None => candidates.push(Candidate {
                    id: row.id,
                    family,
                    state: from_word("incident state", row.state)?,
                    began: time(row.began_at),
                    ended: row.ended_at.map(time),
                    spots: vec![spot],
                }),
            }
        }
        Ok(candidates)
    }

    async fn open_incident(&mut self, sighting: &Sighting, severity: Severity, arrived: WallTime) -> Result<String, StoreError> {
        let mut unique = [0; 10];
        rand::rng().fill_bytes(&mut unique);
        let began = sighting.began.as_unix_millis();
        let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(began).unwrap_or(0), &unique).into_uuid().to_string();
        execute!(self.db(), sqlx::query(
            "INSERT INTO incidents (id, family, kind, severity, state, ongoing, began_at, opened_at, updated_at, late, clock_suspect,
                                    event_count)
             VALUES ($1, $2, $3, $4, 'new', TRUE, $5, $6, $6, $7, FALSE, 0)",
        )
        .bind(&id)
        .bind(word(&Family::of(sighting.kind)))
        .bind(sighting.kind.as_str())
        .bind(severity.as_str())
        .bind(began)
        .bind(arrived.as_unix_millis())
        .bind(sighting.late))
        .map_err(to("open an incident"))?;
        Ok(id)
    }

    /// The incident of an event.
    pub(super) async fn incident_of(&mut self, event: &str) -> Result<Option<String>, StoreError> {
        fetch_optional!(self.db(), sqlx::query_scalar("SELECT incident FROM incident_events WHERE event = $1").bind(event))
            .map_err(to("look up an event's incident"))
    }

    async fn facts(&mut self, incident: &str) -> Result<Vec<FactRow>, StoreError> {
        fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT e.kind, e.severity, e.severity_max, e.placed_at, e.ended_at, e.late, e.clock_suspect
             FROM incident_events ie JOIN events e ON e.id = ie.event WHERE ie.incident = $1",
            )
            .bind(incident)
        )
        .map_err(to("read an incident's events"))
    }

    /// Sums the incident's events up anew, and logs what that changed.
    pub(super) async fn refresh_incident(&mut self, incident: &str, now: WallTime) -> Result<(), StoreError> {
        let facts: Vec<EventFact> = self.facts(incident).await?.into_iter().map(FactRow::into_fact).collect::<Result<_, _>>()?;
        let Some(summary) = rules::summarise(&facts) else { return Ok(()) };
        let (severity, ongoing): (String, bool) =
            fetch_one!(self.db(), sqlx::query_as("SELECT severity, ongoing FROM incidents WHERE id = $1").bind(incident))
                .map_err(to("read an incident"))?;
        let before: Severity = from_word("severity", severity)?;
        if summary.severity > before && summary.ended.is_none() {
            self.log(incident, now, SELF, LogAction::Escalated, None, Some(summary.severity.as_str())).await?;
        }
        if ongoing && summary.ended.is_some() {
            self.log(incident, now, SELF, LogAction::Ended, None, None).await?;
        }
        execute!(self.db(), sqlx::query(
            "UPDATE incidents SET kind = $2, severity = $3, ongoing = $4, began_at = $5, ended_at = $6, updated_at = $7, late = $8,
                                  clock_suspect = $9, event_count = $10
             WHERE id = $1",
        )
        .bind(incident)
        .bind(summary.kind.as_str())
        .bind(events::severity_word(summary.severity))
        .bind(summary.ended.is_none())
        .bind(summary.began.as_unix_millis())
        .bind(summary.ended.map(WallTime::as_unix_millis))
        .bind(now.as_unix_millis())
        .bind(summary.late)
        .bind(summary.clock_suspect)
        .bind(i64::try_from(facts.len()).unwrap_or(i64::MAX)))
        .map_err(to("update an incident"))?;
        self.changed(Change::Incident(incident.into()));
        Ok(())
    }

    /// Tells listeners that the incident of an event has something new (its picture, its clip).
    pub(super) async fn event_changed(&mut self, event: &str, now: WallTime) -> Result<(), StoreError> {
        let Some(incident) = self.incident_of(event).await? else { return Ok(()) };
        self.touch(&incident, now).await
    }

    async fn touch(&mut self, incident: &str, now: WallTime) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("UPDATE incidents SET updated_at = $2 WHERE id = $1").bind(incident).bind(now.as_unix_millis())
        )
        .map_err(to("touch an incident"))?;
        self.changed(Change::Incident(incident.into()));
        Ok(())
    }

    /// Cameras count their open incidents, and lists find them by whether they are open.
    async fn cameras_changed(&mut self, incident: &str) -> Result<(), StoreError> {
        self.refile_incident(incident).await?;
        let cameras: Vec<(String, String)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT edge, camera FROM incident_cameras WHERE incident = $1").bind(incident))
                .map_err(to("list an incident's cameras"))?;
        self.changes.extend(cameras.into_iter().map(|(edge, camera)| Change::Camera(edge, camera)));
        Ok(())
    }

    /// Writes a line into an incident's log.
    pub async fn log(
        &mut self,
        incident: &str,
        at: WallTime,
        who: &str,
        what: LogAction,
        event: Option<&str>,
        note: Option<&str>,
    ) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("INSERT INTO incident_log (incident, at, who, what, event, note) VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(incident)
                .bind(at.as_unix_millis())
                .bind(who)
                .bind(word(&what))
                .bind(event)
                .bind(note)
        )
        .map_err(to("write an incident's log"))?;
        if who == SELF {
            return Ok(());
        }
        let detail = serde_json::json!({"what": word(&what), "event": event, "note": note});
        self.audit(&Deed::done(who, Act::Incident, incident, detail), at).await
    }

    async fn state(&mut self, incident: &str) -> Result<Option<IncidentState>, StoreError> {
        let state: Option<String> =
            fetch_optional!(self.db(), sqlx::query_scalar("SELECT state FROM incidents WHERE id = $1").bind(incident))
                .map_err(to("look up an incident"))?;
        state.map(|state| from_word("incident state", state)).transpose()
    }

    /// Somebody takes an incident.
    pub async fn acknowledge(
        &mut self,
        incident: &str,
        who: &str,
        note: Option<&str>,
        now: WallTime,
    ) -> Result<Acted, StoreError> {
        match self.state(incident).await? {
            None => return Ok(Acted::NotFound),
            Some(IncidentState::New) => {}
            Some(_) => return Ok(Acted::Conflict),
        }
        execute!(
            self.db(),
            sqlx::query("UPDATE incidents SET state = 'acknowledged', acknowledged_by = $2, acknowledged_at = $3 WHERE id = $1")
                .bind(incident)
                .bind(who)
                .bind(now.as_unix_millis())
        )
        .map_err(to("acknowledge an incident"))?;
        self.log(incident, now, who, LogAction::Acknowledged, None, note).await?;
        self.touch(incident, now).await?;
        Ok(Acted::Done)
    }

    /// Somebody closes an incident.
    pub async fn close(
        &mut self,
        incident: &str,
        who: &str,
        reason: CloseReason,
        note: Option<&str>,
        now: WallTime,
    ) -> Result<Acted, StoreError> {
        match self.state(incident).await? {
            None => return Ok(Acted::NotFound),
            Some(IncidentState::Closed) => return Ok(Acted::Conflict),
            Some(_) => {}
        }
        execute!(self.db(), sqlx::query(
            "UPDATE incidents SET state = 'closed', closed_by = $2, closed_at = $3, close_reason = $4, close_note = $5 WHERE id = $1",
        )
        .bind(incident)
        .bind(who)
        .bind(now.as_unix_millis())
        .bind(word(&reason))
        .bind(note))
        .map_err(to("close an incident"))?;
        self.log(incident, now, who, LogAction::Closed, None, note).await?;
        self.touch(incident, now).await?;
        self.cameras_changed(incident).await?;
        Ok(Acted::Done)
    }

    /// Somebody writes a note; also on a closed incident.
    pub async fn note(&mut self, incident: &str, who: &str, note: &str, now: WallTime) -> Result<Acted, StoreError> {
        if self.state(incident).await?.is_none() {
            return Ok(Acted::NotFound);
        }
        self.log(incident, now, who, LogAction::Noted, None, Some(note)).await?;
        self.touch(incident, now).await?;
        Ok(Acted::Done)
    }

    /// Closes incidents about cameras that have been well since before `ended_before`. Returns how many.
    pub async fn close_recovered(&mut self, ended_before: WallTime, now: WallTime) -> Result<usize, StoreError> {
        let ids: Vec<String> = fetch_all!(self.db(), sqlx::query_scalar(
            "SELECT id FROM incidents WHERE family = 'camera' AND state <> 'closed' AND NOT ongoing AND ended_at < $1 LIMIT 500",
        )
        .bind(ended_before.as_unix_millis()))
        .map_err(to("look for cameras that recovered"))?;
        for id in &ids {
            let _ = self.close(id, SELF, CloseReason::Recovered, None, now).await?;
        }
        Ok(ids.len())
    }
}

/// `kind` and place in plain words.
pub(super) fn title(kind: EventKind, place: &str) -> String {
    format!("{kind} · {place}")
}
