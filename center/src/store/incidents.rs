//! Incidents: keeping what `incident::rules` decides about events. Not here: what an incident is by its events (`standing`), what people do to
//! them (`life`, `merging`).

use matpho_scene::{
    WallTime,
    event::{EventKind, Severity},
};
use rand::RngCore;

use super::{Change, StoreError, Tx, audit, execute, fetch_all, fetch_optional, from_word, json, time, to, word};
use crate::{
    api::types::{Family, LogAction, LogDetail, Priority},
    incident::{
        life::{Act, Actor, Resolution, Step},
        rules::{self, Candidate, Sighting, Spot},
    },
};

/// Who acts where nobody does.
pub const SELF: &str = "matpho-center";

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
        let home = match rules::find_home(sighting, &candidates, settings) {
            Some(home) => Some(home.id.clone()),
            None => self.reported_home(sighting, settings).await?,
        };
        let (incident, action) = match home {
            Some(home) => {
                self.heard_beside_shelf(&home, sighting, arrived).await?;
                (home, LogAction::Joined)
            }
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
        self.log(&incident, arrived, SELF, action, Some(event), None, None).await?;
        self.refresh_incident(&incident, arrived).await?;
        self.cameras_changed(&incident).await
    }

    /// The incident that people reported and that an event proves.
    async fn reported_home(&mut self, sighting: &Sighting, settings: &rules::Settings) -> Result<Option<String>, StoreError> {
        let Some(position) = sighting.spot.position else { return Ok(None) };
        if Family::of(sighting.kind) == Family::Camera {
            return Ok(None);
        }
        let reach = rules::Settings { distance_m: settings.report_distance_m, ..settings.clone() };
        let candidates = self.reported(Family::of(sighting.kind), position, settings.report_distance_m).await?;
        Ok(rules::find_home(sighting, &candidates, &reach).map(|home| home.id.clone()))
    }

    pub(super) async fn candidates(
        &mut self,
        sighting: &Sighting,
        settings: &rules::Settings,
    ) -> Result<Vec<Candidate>, StoreError> {
        let family = Family::of(sighting.kind);
        // Only history looks into closed incidents; there are ever more of them.
        let query = if sighting.late {
            select_candidates!("TRUE")
        } else {
            select_candidates!("i.state IN ('new', 'acknowledged', 'dispatched')")
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

    pub(super) async fn open_incident(
        &mut self,
        sighting: &Sighting,
        severity: Severity,
        arrived: WallTime,
    ) -> Result<String, StoreError> {
        let id = new_id(sighting.began);
        let shelved_until = self.shelved_until(sighting, arrived).await?;
        execute!(self.db(), sqlx::query(
            "INSERT INTO incidents (id, family, kind, severity, state, ongoing, began_at, opened_at, updated_at, late, clock_suspect,
                                    event_count, priority, shelved_until)
             VALUES ($1, $2, $3, $4, 'new', TRUE, $5, $6, $6, $7, FALSE, 0, $8, $9)",
        )
        .bind(&id)
        .bind(word(&Family::of(sighting.kind)))
        .bind(sighting.kind.as_str())
        .bind(severity.as_str())
        .bind(sighting.began.as_unix_millis())
        .bind(arrived.as_unix_millis())
        .bind(sighting.late)
        .bind(word(&Priority::of(severity)))
        .bind(shelved_until.map(WallTime::as_unix_millis)))
        .map_err(to("open an incident"))?;
        Ok(id)
    }

    /// The incident of an event.
    pub(super) async fn incident_of(&mut self, event: &str) -> Result<Option<String>, StoreError> {
        fetch_optional!(self.db(), sqlx::query_scalar("SELECT incident FROM incident_events WHERE event = $1").bind(event))
            .map_err(to("look up an event's incident"))
    }

    /// Tells listeners that the incident of an event has something new (its picture, its clip).
    pub(super) async fn event_changed(&mut self, event: &str, now: WallTime) -> Result<(), StoreError> {
        let Some(incident) = self.incident_of(event).await? else { return Ok(()) };
        self.touch(&incident, now).await
    }

    pub(super) async fn touch(&mut self, incident: &str, now: WallTime) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("UPDATE incidents SET updated_at = $2 WHERE id = $1").bind(incident).bind(now.as_unix_millis())
        )
        .map_err(to("touch an incident"))?;
        self.changed(Change::Incident(incident.into()));
        Ok(())
    }

    /// Cameras count their open incidents, and lists find them by whether they are open.
    pub(super) async fn cameras_changed(&mut self, incident: &str) -> Result<(), StoreError> {
        self.refile_incident(incident).await?;
        let cameras: Vec<(String, String)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT edge, camera FROM incident_cameras WHERE incident = $1").bind(incident))
                .map_err(to("list an incident's cameras"))?;
        self.changes.extend(cameras.into_iter().map(|(edge, camera)| Change::Camera(edge, camera)));
        Ok(())
    }

    /// Writes a line into an incident's log.
    #[expect(clippy::too_many_arguments, reason = "a line has these columns")]
    pub async fn log(
        &mut self,
        incident: &str,
        at: WallTime,
        who: &str,
        what: LogAction,
        event: Option<&str>,
        note: Option<&str>,
        detail: Option<&LogDetail>,
    ) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO incident_log (incident, at, who, what, event, note, data) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            )
            .bind(incident)
            .bind(at.as_unix_millis())
            .bind(who)
            .bind(word(&what))
            .bind(event)
            .bind(note)
            .bind(detail.map(json).transpose()?)
        )
        .map_err(to("write an incident's log"))?;
        if who == SELF {
            return Ok(());
        }
        let detail = serde_json::json!({"what": word(&what), "event": event, "note": note, "detail": detail});
        self.audit(&audit::Deed::done(who, audit::Act::Incident, incident, detail), at).await
    }

    /// Closes incidents about cameras that have been well since before `ended_before`. Returns how many.
    pub async fn close_recovered(&mut self, ended_before: WallTime, now: WallTime) -> Result<usize, StoreError> {
        let ids: Vec<String> = fetch_all!(self.db(), sqlx::query_scalar(
            "SELECT id FROM incidents WHERE family = 'camera' AND closed_at IS NULL AND NOT ongoing AND ended_at < $1 LIMIT 500",
        )
        .bind(ended_before.as_unix_millis()))
        .map_err(to("look for cameras that recovered"))?;
        for id in &ids {
            let act = Act::Resolve { how: Resolution::Recovered };
            let _ = self.take_step(id, Step { at: now, by: Actor::Rule(SELF.into()), act, note: None }, None).await?;
        }
        Ok(ids.len())
    }
}

/// A new id that sorts by a time.
pub(super) fn new_id(at: WallTime) -> String {
    let mut unique = [0; 10];
    rand::rng().fill_bytes(&mut unique);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.as_unix_millis()).unwrap_or(0), &unique).into_uuid().to_string()
}

/// `kind` and place in plain words.
pub(super) fn title(kind: EventKind, place: &str) -> String {
    format!("{kind} · {place}")
}
