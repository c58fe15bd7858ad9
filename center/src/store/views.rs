//! What the API shows, read from the store in the API's own types.

use std::collections::HashMap;

use matpho_scene::{WallTime, measurement::Judgement};
use matpho_wire::{CameraState, CameraStatus, EdgeState, EdgeStatus, EventData};

pub use super::incident_list::IncidentFilter;
use super::{
    Store, StoreError,
    clips::ClipRow,
    events, fetch_all, fetch_one, fetch_optional, from_json, from_word, incidents, reach,
    sql::{Arg, Sql, fetch_built},
    time, to,
};
use crate::{
    api::types::{
        Act, Camera, CameraRef, CameraStateNow, Clip, ClipState, Closing, Edge, Event, EvidenceLink, Incident, IncidentDetail,
        IncidentState, LogEntry, Measurement, Place, Promise, Timer,
    },
    rights::Filter,
};

/// Pictures that an incident carries itself.
const EVIDENCE_MAX: usize = 8;

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this kind, or of a kind that begins so.
    pub kind: Option<String>,
    /// Seen by this camera.
    pub camera: Option<String>,
    /// At this gateway.
    pub edge: Option<String>,
    /// Began at or after.
    pub from: Option<WallTime>,
    /// Began before.
    pub to: Option<WallTime>,
    /// Older than this beginning and id.
    pub before: Option<(WallTime, String)>,
}

/// Which measurements are wanted.
#[derive(Debug, Clone, Default)]
pub struct MeasurementFilter {
    /// Of this camera.
    pub camera: Option<String>,
    /// At this gateway.
    pub edge: Option<String>,
    /// Of this zone.
    pub zone: Option<String>,
    /// Beginning at or after.
    pub from: Option<WallTime>,
    /// Beginning before.
    pub to: Option<WallTime>,
    /// Before this row: beginning and number.
    pub before: Option<(i64, i64)>,
}

#[derive(sqlx::FromRow)]
pub(super) struct IncidentRow {
    id: String,
    family: String,
    kind: String,
    severity: String,
    state: String,
    ongoing: bool,
    began_at: i64,
    ended_at: Option<i64>,
    opened_at: i64,
    updated_at: i64,
    late: bool,
    clock_suspect: bool,
    event_count: i64,
    acknowledged_by: Option<String>,
    acknowledged_at: Option<i64>,
    closed_by: Option<String>,
    closed_at: Option<i64>,
    close_reason: Option<String>,
    close_note: Option<String>,
    version: i64,
    holder: Option<String>,
    false_reason: Option<String>,
    due_at: Option<i64>,
    level: i64,
    raises_at: Option<i64>,
    certainty: String,
    priority: String,
    severity_seen: Option<String>,
    retracted: bool,
    cause: Option<String>,
    merged_into: Option<String>,
    shelved_until: Option<i64>,
    proposed: String,
    sent: String,
    report_count: i64,
}

#[derive(Clone, sqlx::FromRow)]
struct SeenRow {
    incident: String,
    edge: String,
    camera: String,
    kind: String,
    name: Option<String>,
    longitude: Option<f64>,
    latitude: Option<f64>,
}

#[derive(Clone, sqlx::FromRow)]
struct LinkRow {
    incident: String,
    event: String,
    seen_at: i64,
    width: i64,
    height: i64,
    sha256: String,
    redacted: bool,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: String,
    incident: String,
    edge: String,
    camera: String,
    placed_at: i64,
    ended_at: Option<i64>,
    arrived_at: i64,
    late: bool,
    clock_suspect: bool,
    data: String,
    name: Option<String>,
    longitude: Option<f64>,
    latitude: Option<f64>,
    seen_at: Option<i64>,
    width: Option<i64>,
    height: Option<i64>,
    sha256: Option<String>,
    redacted: Option<bool>,
    evidence_path: Option<String>,
    clip_available: Option<bool>,
    clip_state: Option<String>,
    clip_error: Option<String>,
}

#[derive(sqlx::FromRow)]
struct CameraRow {
    edge: String,
    camera: String,
    said_at: i64,
    status: String,
    edge_state: Option<String>,
    edge_said_at: Option<i64>,
    open_incidents: i64,
}

/// Everything about events.
macro_rules! select_events {
    ($where:literal) => {
        concat!(
            "SELECT e.id, ie.incident, e.edge, e.camera, e.placed_at, e.ended_at, e.arrived_at, e.late, e.clock_suspect, e.data,
                    c.name, c.longitude, c.latitude,
                    v.seen_at, v.width, v.height, v.sha256, v.redacted, v.path AS evidence_path, v.clip_available,
                    k.state AS clip_state, k.error AS clip_error
             FROM events e
             JOIN incident_events ie ON ie.event = e.id
             LEFT JOIN cameras c ON c.edge = e.edge AND c.camera = e.camera
             LEFT JOIN evidence v ON v.event = e.id AND v.edge = e.edge
             LEFT JOIN clips k ON k.event = e.id ",
            $where
        )
    };
}

/// Everything about cameras, with how many open incidents each has.
macro_rules! select_cameras {
    ($open_incidents:literal, $rest:literal) => {
        concat!(
            "SELECT c.edge, c.camera, c.said_at, c.status, g.state AS edge_state, g.said_at AS edge_said_at, ",
            $open_incidents,
            " AS open_incidents ",
            $rest
        )
    };
}

fn position(longitude: Option<f64>, latitude: Option<f64>) -> Option<[f64; 2]> {
    Some([longitude?, latitude?])
}

fn number<T: TryFrom<i64> + Default>(stored: i64) -> T {
    T::try_from(stored).unwrap_or_default()
}

/// Where the picture of an event is.
pub fn evidence_url(event: &str) -> String {
    format!("/api/v1/evidence/{event}.jpg")
}

/// Where the clip of an event is.
pub fn clip_url(event: &str) -> String {
    format!("/api/v1/clips/{event}.mp4")
}

impl LinkRow {
    fn into_link(self) -> EvidenceLink {
        EvidenceLink {
            url: evidence_url(&self.event),
            event: self.event,
            seen: time(self.seen_at),
            width: number(self.width),
            height: number(self.height),
            sha256: self.sha256,
            redacted: self.redacted,
        }
    }
}

impl EventRow {
    fn into_event(self) -> Result<Event, StoreError> {
        let data: EventData = from_json("event", &self.data)?;
        let evidence = match (self.seen_at, self.width, self.height, self.sha256, self.redacted) {
            (Some(seen_at), Some(width), Some(height), Some(sha256), Some(redacted))
                if self.evidence_path.is_some_and(|path| !path.is_empty()) =>
            {
                Some(
                    LinkRow { incident: self.incident.clone(), event: self.id.clone(), seen_at, width, height, sha256, redacted }
                        .into_link(),
                )
            }
            _ => None,
        };
        let clip = self.clip_state.map(|state| ClipRow { state, error: self.clip_error, path: None, expires_at: 0 });
        Ok(Event {
            clip: clip_view(&self.id, clip.as_ref(), self.clip_available == Some(true)),
            id: self.id,
            incident: self.incident,
            kind: data.kind,
            phase: data.phase,
            camera: CameraRef {
                edge: self.edge,
                name: self.name.unwrap_or_else(|| self.camera.clone()),
                camera: self.camera,
                position: position(self.longitude, self.latitude),
            },
            zone: data.zone.map(String::from),
            began: time(self.placed_at),
            seen: data.seen.at,
            uncertainty_ms: data.seen.uncertainty_ms,
            ended: self.ended_at.map(time),
            arrived: time(self.arrived_at),
            severity: data.severity,
            confidence: data.confidence,
            region: data.region,
            detail: data.detail,
            proof: data.proof,
            models: data.models,
            end_reason: data.end_reason,
            late: self.late,
            clock_suspect: self.clock_suspect,
            evidence,
        })
    }
}

/// A clip as the API shows it.
pub fn clip_view(event: &str, clip: Option<&ClipRow>, available: bool) -> Clip {
    let state = match clip.map(|clip| clip.state.as_str()) {
        Some("ready") => ClipState::Ready,
        Some("requested") => ClipState::Requested,
        Some(_) => ClipState::Failed,
        None if available => ClipState::Available,
        None => ClipState::None,
    };
    Clip {
        state,
        url: (state == ClipState::Ready).then(|| clip_url(event)),
        error: clip.filter(|_| state == ClipState::Failed).and_then(|clip| clip.error.clone()),
    }
}

impl CameraRow {
    fn into_camera(self) -> Result<Camera, StoreError> {
        let status: CameraStatus = from_json("camera status", &self.status)?;
        let mut camera = Camera {
            edge: self.edge,
            camera: self.camera,
            name: status.name,
            position: status.position,
            state: match status.state {
                CameraState::Live => CameraStateNow::Live,
                CameraState::Stale => CameraStateNow::Stale,
                CameraState::Lost => CameraStateNow::Lost,
                CameraState::Blind => CameraStateNow::Blind,
                CameraState::Moved => CameraStateNow::Moved,
            },
            reason: status.reason,
            since: status.since,
            said: time(self.said_at),
            frame_age_s: status.frame_age_s,
            analysed_fps: status.analysed_fps,
            judgements: status.judgements,
            open_incidents: number(self.open_incidents),
            picture: None,
        };
        // What a gateway said before it went away is no knowledge of the present.
        if self.edge_state.as_deref() == Some("offline") {
            camera.state = CameraStateNow::Unknown;
            camera.reason = Some("edge_offline".into());
            camera.since = time(self.edge_said_at.unwrap_or(self.said_at));
            camera.frame_age_s = None;
            camera.analysed_fps = None;
            camera.judgements.values_mut().for_each(|judgement| *judgement = Judgement::Unknown);
        }
        Ok(camera)
    }
}

impl IncidentRow {
    /// The incident whose events it shows: of one that was merged away, what it is part of now.
    fn shown_by(&self) -> &str {
        self.merged_into.as_ref().unwrap_or(&self.id)
    }

    fn promise(&self, state: IncidentState) -> Option<Promise> {
        Some(Promise {
            timer: Timer::of(state)?,
            due: time(self.due_at?),
            level: number(self.level),
            raises: self.raises_at.map(time),
        })
    }

    fn into_incident(self, seen: &[SeenRow], links: &[LinkRow], reported: Option<&Place>) -> Result<Incident, StoreError> {
        let mut cameras: Vec<CameraRef> = Vec::new();
        let mut kinds = Vec::new();
        for seen in seen.iter().cloned() {
            let kind = events::kind(seen.kind)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
            if !cameras.iter().any(|known| known.edge == seen.edge && known.camera == seen.camera) {
                cameras.push(CameraRef {
                    edge: seen.edge,
                    name: seen.name.unwrap_or_else(|| seen.camera.clone()),
                    camera: seen.camera,
                    position: position(seen.longitude, seen.latitude),
                });
            }
        }
        let kind = events::kind(self.kind.clone())?;
        if !kinds.contains(&kind) {
            kinds.insert(0, kind);
        }
        let place = match cameras.first() {
            Some(camera) => Place { name: camera.name.clone(), position: cameras.iter().find_map(|camera| camera.position) },
            None => reported.cloned().unwrap_or(Place { name: String::new(), position: None }),
        };
        let state: IncidentState = from_word("incident state", self.state.clone())?;
        let promise = self.promise(state);
        let false_reason = self.false_reason.map(|reason| from_word("reason", reason)).transpose()?;
        let closed = match (self.closed_by, self.closed_at, self.close_reason) {
            (Some(by), Some(at), Some(reason)) => {
                let reason = from_word("close reason", reason)?;
                Some(Closing { by, at: time(at), reason, false_reason, note: self.close_note })
            }
            _ => None,
        };
        let sent: Vec<String> = from_json("list of agencies", &self.sent)?;
        let mut proposed: Vec<String> = from_json("list of agencies", &self.proposed)?;
        proposed.retain(|agency| state.is_open() && !sent.contains(agency));
        Ok(Incident {
            id: self.id,
            kind,
            kinds,
            family: from_word("family", self.family)?,
            title: incidents::title(kind, &place.name),
            state,
            version: number(self.version),
            ongoing: self.ongoing,
            severity: from_word("severity", self.severity)?,
            severity_set: self.severity_seen.is_some(),
            certainty: from_word("certainty", self.certainty)?,
            priority: from_word("priority", self.priority)?,
            promise,
            cameras,
            place,
            began: time(self.began_at),
            ended: self.ended_at.map(time),
            opened: time(self.opened_at),
            updated: time(self.updated_at),
            late: self.late,
            clock_suspect: self.clock_suspect,
            acknowledged: self.acknowledged_by.zip(self.acknowledged_at).map(|(by, at)| Act { by, at: time(at) }),
            retracted: self.retracted,
            holder: self.holder,
            proposed,
            sent,
            cause: self.cause,
            merged_into: self.merged_into,
            shelved_until: self.shelved_until.map(time),
            closed,
            event_count: number(self.event_count),
            report_count: number(self.report_count),
            evidence: links.iter().cloned().map(LinkRow::into_link).collect(),
        })
    }
}

impl Store {
    /// Where people say that something is, of each incident by its first report.
    async fn reported_places<'i>(&self, incidents: impl Iterator<Item = &'i str>) -> Result<HashMap<String, Place>, StoreError> {
        let incidents: Vec<&str> = incidents.collect();
        if incidents.is_empty() {
            return Ok(HashMap::new());
        }
        let mut sql = Sql::new("SELECT incident, place, longitude, latitude FROM reports WHERE incident IN ");
        sql.list(incidents).push(" ORDER BY arrived_at, id");
        let rows: Vec<(String, String, f64, f64)> =
            fetch_built!(self.db(), sql).map_err(to("read where something was reported"))?;
        let mut places = HashMap::new();
        for (incident, name, longitude, latitude) in rows {
            places.entry(incident).or_insert(Place { name, position: Some([longitude, latitude]) });
        }
        Ok(places)
    }

    /// Rows of incidents with their cameras, kinds and pictures, in the order of the rows.
    pub(super) async fn complete(&self, rows: Vec<IncidentRow>) -> Result<Vec<Incident>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = || rows.iter().map(IncidentRow::shown_by);
        let mut sql = Sql::new(
            "SELECT ie.incident, e.edge, e.camera, e.kind, c.name, c.longitude, c.latitude
             FROM incident_events ie JOIN events e ON e.id = ie.event
             LEFT JOIN cameras c ON c.edge = e.edge AND c.camera = e.camera WHERE ie.incident IN ",
        );
        sql.list(ids()).push(" ORDER BY e.placed_at, e.id");
        let seen: Vec<SeenRow> = fetch_built!(self.db(), sql).map_err(to("read incidents' cameras"))?;
        let mut sql = Sql::new(
            "SELECT ie.incident, v.event, v.seen_at, v.width, v.height, v.sha256, v.redacted
             FROM incident_events ie JOIN events e ON e.id = ie.event JOIN evidence v ON v.event = e.id AND v.edge = e.edge
             WHERE v.path <> '' AND ie.incident IN ",
        );
        sql.list(ids()).push(" ORDER BY e.placed_at, e.id");
        let links: Vec<LinkRow> = fetch_built!(self.db(), sql).map_err(to("read incidents' pictures"))?;
        let mut seen_of: HashMap<String, Vec<SeenRow>> = HashMap::new();
        for row in seen {
            seen_of.entry(row.incident.clone()).or_default().push(row);
        }
        let mut links_of: HashMap<String, Vec<LinkRow>> = HashMap::new();
        for row in links {
            let links = links_of.entry(row.incident.clone()).or_default();
            if links.len() < EVIDENCE_MAX {
                links.push(row);
            }
        }
        let reported = self.reported_places(rows.iter().filter(|row| row.report_count > 0).map(IncidentRow::shown_by)).await?;
        let whole = |row: IncidentRow| {
            let shown_by = row.shown_by().to_owned();
            let (seen, links) = (seen_of.get(&shown_by), links_of.get(&shown_by));
            let (seen, links) = (seen.map_or(&[][..], Vec::as_slice), links.map_or(&[][..], Vec::as_slice));
            row.into_incident(seen, links, reported.get(&shown_by))
        };
        rows.into_iter().map(whole).collect()
    }

    /// An incident.
    pub async fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        let row: Option<IncidentRow> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT * FROM incidents WHERE id = $1").bind(id))
                .map_err(to("read an incident"))?;
        Ok(self.complete(row.into_iter().collect()).await?.pop())
    }

    /// An incident with its events and its log.
    pub async fn incident_detail(&self, id: &str) -> Result<Option<IncidentDetail>, StoreError> {
        let Some(incident) = self.incident(id).await? else { return Ok(None) };
        let events: Vec<EventRow> =
            fetch_all!(self.db(), sqlx::query_as(select_events!("WHERE ie.incident = $1 ORDER BY e.placed_at, e.id")).bind(id))
                .map_err(to("read an incident's events"))?;
        type LogRow = (i64, String, String, Option<String>, Option<String>, Option<String>);
        let log: Vec<LogRow> = fetch_all!(
            self.db(),
            sqlx::query_as("SELECT at, who, what, event, note, data FROM incident_log WHERE incident = $1 ORDER BY line")
                .bind(id)
        )
        .map_err(to("read an incident's log"))?;
        let effects: Vec<String> =
            fetch_all!(self.db(), sqlx::query_scalar("SELECT id FROM incidents WHERE cause = $1 ORDER BY id").bind(id))
                .map_err(to("list what an incident explains"))?;
        let entry = |(at, by, what, event, note, data): LogRow| {
            let detail = data.map(|data| from_json("log detail", &data)).transpose()?;
            Ok(LogEntry { at: time(at), by, what: from_word("log action", what)?, event, note, detail })
        };
        Ok(Some(IncidentDetail {
            incident,
            events: events.into_iter().map(EventRow::into_event).collect::<Result<_, StoreError>>()?,
            reports: self.reports_of(id).await?,
            effects,
            log: log.into_iter().map(entry).collect::<Result<_, StoreError>>()?,
        }))
    }

    /// How many incidents are not closed.
    pub async fn open_incidents(&self) -> Result<i64, StoreError> {
        fetch_one!(self.db(), sqlx::query_scalar("SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL"))
            .map_err(to("count open incidents"))
    }

    /// An event.
    pub async fn event(&self, id: &str) -> Result<Option<Event>, StoreError> {
        let row: Option<EventRow> = fetch_optional!(self.db(), sqlx::query_as(select_events!("WHERE e.id = $1")).bind(id))
            .map_err(to("read an event"))?;
        row.map(EventRow::into_event).transpose()
    }

    /// Events that pass, the one that began last first.
    pub async fn events(&self, filter: &EventFilter, seen_by: &Filter, limit: u32) -> Result<Vec<Event>, StoreError> {
        // The page is found by index alone, then read with all that belongs to it.
        let mut sql = Sql::new(select_events!("WHERE e.id IN (SELECT x.id"));
        self.push_rows_of(&mut sql, ("events", "x"), seen_by).await?;
        reach::camera_passes(&mut sql, "x", true, seen_by);
        if let Some(kind) = &filter.kind {
            sql.push(" AND (x.kind = ").arg(kind).push(" OR x.kind LIKE ").arg(format!("{kind}.%")).push(")");
        }
        seen_at(&mut sql, [(" AND x.camera = ", &filter.camera), (" AND x.edge = ", &filter.edge)]);
        between(&mut sql, "x.placed_at", filter.from, filter.to);
        if let Some((at, id)) = &filter.before {
            before(&mut sql, ("x.placed_at", at.as_unix_millis()), ("x.id", id));
        }
        sql.push(" ORDER BY x.placed_at DESC, x.id DESC LIMIT ").arg(i64::from(limit));
        sql.push(") ORDER BY e.placed_at DESC, e.id DESC");
        let rows: Vec<EventRow> = fetch_built!(self.db(), sql).map_err(to("list events"))?;
        rows.into_iter().map(EventRow::into_event).collect()
    }

    /// Messages about events as gateways sent them, in the order of their arrival, from after the given one on: arrival, source, id, data.
    pub async fn event_messages(
        &self,
        after: &(i64, String, String),
        limit: u32,
    ) -> Result<Vec<(i64, String, String, String)>, StoreError> {
        fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT arrived_at, source, id, data FROM event_messages
             WHERE arrived_at > $1 OR (arrived_at = $1 AND (source > $2 OR (source = $2 AND id > $3)))
             ORDER BY arrived_at, source, id LIMIT $4",
            )
            .bind(after.0)
            .bind(&after.1)
            .bind(&after.2)
            .bind(i64::from(limit))
        )
        .map_err(to("list messages about events"))
    }

    /// Where the picture of an event lies, from the state folder, and whether people and plates on it were made unrecognisable.
    pub async fn evidence_path(&self, event: &str) -> Result<Option<(String, bool)>, StoreError> {
        fetch_optional!(self.db(), sqlx::query_as(
            "SELECT v.path, v.redacted FROM evidence v JOIN events e ON e.id = v.event AND e.edge = v.edge WHERE v.event = $1 AND v.path <> ''",
        )
        .bind(event))
        .map_err(to("look up a picture"))
    }

    /// The cameras that pass, by gateway and id; without their pictures.
    pub async fn cameras(&self, seen_by: &Filter) -> Result<Vec<Camera>, StoreError> {
        let parts = || seen_by.allow.iter().filter(|part| part.other);
        let mut sql = Sql::new(select_cameras!("CAST(0 AS BIGINT)", "FROM ("));
        reach::cameras_in(&mut sql, parts());
        // The cross join tells SQLite to begin with the cameras.
        sql.push(
            ") m CROSS JOIN cameras c LEFT JOIN edges g ON g.edge = c.edge WHERE c.edge = m.edge AND c.camera = m.camera AND ",
        );
        reach::camera_passes(&mut sql, "c", false, seen_by);
        sql.push(" ORDER BY c.edge, c.camera");
        let rows: Vec<CameraRow> = fetch_built!(self.db(), sql).map_err(to("list cameras"))?;
        // Counted apart, from the few incidents that are open: what a camera saw lies where it stands. As a join SQLite compares each with each.
        let mut sql = Sql::new(
            "SELECT ic.edge, ic.camera, COUNT(DISTINCT s.incident) FROM incident_areas s CROSS JOIN incident_cameras ic
             WHERE ic.incident = s.incident AND s.is_open = ",
        );
        sql.arg(true).push(" AND ").any(parts(), |sql, part| {
            sql.push("s.area = ").arg(&part.area);
        });
        sql.push(" GROUP BY ic.edge, ic.camera");
        let counted: Vec<(String, String, i64)> = fetch_built!(self.db(), sql).map_err(to("count cameras' open incidents"))?;
        let open: HashMap<(String, String), i64> =
            counted.into_iter().map(|(edge, camera, count)| ((edge, camera), count)).collect();
        let with_count = |mut row: CameraRow| {
            let key = (row.edge, row.camera);
            let open_incidents = open.get(&key).copied().unwrap_or_default();
            (row.edge, row.camera) = key;
            CameraRow { open_incidents, ..row }.into_camera()
        };
        rows.into_iter().map(with_count).collect()
    }

    /// A camera; without its picture.
    pub async fn camera(&self, edge: &str, camera: &str) -> Result<Option<Camera>, StoreError> {
        let row: Option<CameraRow> = fetch_optional!(
            self.db(),
            sqlx::query_as(select_cameras!(
                "(SELECT COUNT(*) FROM incident_cameras ic CROSS JOIN incidents i
                  WHERE ic.camera = c.camera AND ic.edge = c.edge AND i.id = ic.incident AND i.closed_at IS NULL)",
                "FROM cameras c LEFT JOIN edges g ON g.edge = c.edge WHERE c.edge = $1 AND c.camera = $2"
            ))
            .bind(edge)
            .bind(camera)
        )
        .map_err(to("read a camera"))?;
        row.map(CameraRow::into_camera).transpose()
    }

    /// The gateways of cameras that pass, by name; all of them for who may see everything.
    pub async fn edges(&self, seen_by: &Filter) -> Result<Vec<Edge>, StoreError> {
        let mut sql = Sql::new("SELECT g.edge, g.said_at, g.status FROM edges g WHERE ");
        if seen_by.is_everything() {
            sql.push("1 = 1");
        } else {
            sql.push("g.edge IN (SELECT c.edge FROM cameras c WHERE ");
            reach::camera_passes(&mut sql, "c", false, seen_by);
            sql.push(")");
        }
        sql.push(" ORDER BY g.edge");
        let rows: Vec<(String, i64, String)> = fetch_built!(self.db(), sql).map_err(to("list gateways"))?;
        rows.into_iter().map(edge_view).collect()
    }

    /// A gateway.
    pub async fn edge(&self, edge: &str) -> Result<Option<Edge>, StoreError> {
        let row: Option<(String, i64, String)> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT edge, said_at, status FROM edges WHERE edge = $1").bind(edge))
                .map_err(to("read a gateway"))?;
        row.map(edge_view).transpose()
    }

    /// Measurements that pass, the one that began last first, each with its row's number.
    pub async fn measurements(
        &self,
        filter: &MeasurementFilter,
        seen_by: &Filter,
        limit: u32,
    ) -> Result<Vec<(i64, Measurement)>, StoreError> {
        type Row = (i64, String, String, String, i64, i64, String);
        let mut sql = Sql::new("SELECT x.line, x.edge, x.camera, x.zone, x.from_at, x.to_at, x.figures");
        self.push_rows_of(&mut sql, ("measurements", "x"), seen_by).await?;
        reach::camera_passes(&mut sql, "x", false, seen_by);
        let wanted = [(" AND x.camera = ", &filter.camera), (" AND x.edge = ", &filter.edge), (" AND x.zone = ", &filter.zone)];
        seen_at(&mut sql, wanted);
        between(&mut sql, "x.from_at", filter.from, filter.to);
        if let Some((at, line)) = filter.before {
            before(&mut sql, ("x.from_at", at), ("x.line", line));
        }
        sql.push(" ORDER BY x.from_at DESC, x.line DESC LIMIT ").arg(i64::from(limit));
        let rows: Vec<Row> = fetch_built!(self.db(), sql).map_err(to("list measurements"))?;
        let view = |(row, edge, camera, zone, from, to, figures): Row| {
            let figures = from_json("measurement", &figures)?;
            Ok((row, Measurement { edge, camera, zone, from: time(from), to: time(to), figures }))
        };
        rows.into_iter().map(view).collect()
    }
}

/// Adds what is asked for, where it is.
fn seen_at<const N: usize>(sql: &mut Sql, wanted: [(&str, &Option<String>); N]) {
    for (condition, value) in wanted {
        if let Some(value) = value {
            sql.push(condition).arg(value);
        }
    }
}

/// Adds a period: from an instant on, before another.
fn between(sql: &mut Sql, column: &str, from: Option<WallTime>, to: Option<WallTime>) {
    for (compare, instant) in [(" >= ", from), (" < ", to)] {
        if let Some(instant) = instant {
            sql.push(" AND ").push(column).push(compare).arg(instant.as_unix_millis());
        }
    }
}

/// Adds that a row comes after a page's last one.
fn before(sql: &mut Sql, (column, at): (&str, i64), (key, last): (&str, impl Into<Arg>)) {
    sql.push(&format!(" AND ({column} < ")).arg(at).push(&format!(" OR ({column} = ")).arg(at);
    sql.push(&format!(" AND {key} < ")).arg(last).push("))");
}

fn edge_view((edge, said_at, status): (String, i64, String)) -> Result<Edge, StoreError> {
    let status: EdgeStatus = from_json("gateway status", &status)?;
    let online = status.state == EdgeState::Online;
    Ok(Edge {
        edge,
        state: status.state,
        version: status.version,
        started: status.started,
        said: time(said_at),
        cameras: status.cameras,
        outbox_depth: status.outbox_depth,
        outbox_age_s: status.outbox_age_s,
        load: status.load.filter(|_| online),
    })
}
