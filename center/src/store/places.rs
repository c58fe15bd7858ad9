//! Where cameras and incidents lie, kept beside them so that rights are a matter of an index.
//!
//! A camera lies in the areas that hold its position today; an incident where the cameras stand that saw it. When the areas change, or a day
//! brings a version that was announced, [`Store::settle_places`] finds the places anew.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::civil::Date;
use matpho_scene::event::EventKind;
use uuid::Uuid;

use super::{
    Change, Store, StoreError, Tx, areas, events, execute, fetch_all, fetch_optional,
    sql::{Row, Sql, fetch_built},
    to,
};
use crate::{
    area::AreaTree,
    rights::{EVERYWHERE, Place},
};

/// Cameras whose places are written in one transaction: each brings its incidents along.
const CAMERAS_MAX: usize = 50;

/// What has editions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// The area tree.
    Areas,
    /// Grants, agencies and their members.
    Rights,
    /// Where cameras lie: by which areas, on which day.
    Places,
}

impl Edition {
    const fn word(self) -> &'static str {
        match self {
            Self::Areas => "areas",
            Self::Rights => "rights",
            Self::Places => "places",
        }
    }
}

/// The tree that was read last, with its edition.
pub(super) type KnownTree = Arc<tokio::sync::Mutex<Option<(String, Arc<AreaTree>)>>>;

const FIND_EDITION: &str = "SELECT edition FROM editions WHERE name = $1";

/// The places of something that lies in these areas; everywhere is one of them.
fn places(areas: Vec<String>, kind: Option<EventKind>) -> Vec<Place> {
    let mut places: Vec<_> = areas.into_iter().map(|area| Place { area, kind }).collect();
    if !places.iter().any(|place| place.area == EVERYWHERE) {
        places.push(Place { area: EVERYWHERE.into(), kind });
    }
    places
}

impl Store {
    /// The newest edition of something; empty before the first.
    pub async fn edition(&self, of: Edition) -> Result<String, StoreError> {
        let edition: Option<String> = fetch_optional!(self.db(), sqlx::query_scalar(FIND_EDITION).bind(of.word()))
            .map_err(to("look which edition is the newest"))?;
        Ok(edition.unwrap_or_default())
    }

    /// Where a camera lies. One that is not known lies everywhere only.
    pub async fn camera_places(&self, edge: &str, camera: &str) -> Result<Vec<Place>, StoreError> {
        let areas: Vec<String> = fetch_all!(
            self.db(),
            sqlx::query_scalar("SELECT area FROM camera_areas WHERE edge = $1 AND camera = $2").bind(edge).bind(camera)
        )
        .map_err(to("look where a camera lies"))?;
        Ok(places(areas, None))
    }

    /// Where the cameras of a gateway lie.
    pub async fn edge_places(&self, edge: &str) -> Result<Vec<Place>, StoreError> {
        let areas: Vec<String> =
            fetch_all!(self.db(), sqlx::query_scalar("SELECT DISTINCT area FROM camera_areas WHERE edge = $1").bind(edge))
                .map_err(to("look where a gateway's cameras lie"))?;
        Ok(places(areas, None))
    }

    /// Where an incident lies, and with which kinds; nothing where there is no such incident.
    pub async fn incident_places(&self, incident: &str) -> Result<Vec<Place>, StoreError> {
        let rows: Vec<(String, String)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT area, kind FROM incident_areas WHERE incident = $1").bind(incident))
                .map_err(to("look where an incident lies"))?;
        rows.into_iter().map(|(area, kind)| Ok(Place { area, kind: Some(events::kind(kind)?) })).collect()
    }

    /// Where an event lies; nothing where there is no such event.
    pub async fn event_places(&self, event: &str) -> Result<Vec<Place>, StoreError> {
        let row: Option<(String, String, String)> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT edge, camera, kind FROM events WHERE id = $1").bind(event))
                .map_err(to("look where an event lies"))?;
        let Some((edge, camera, kind)) = row else { return Ok(Vec::new()) };
        let kind = events::kind(kind)?;
        let places = self.camera_places(&edge, &camera).await?;
        Ok(places.into_iter().map(|place| Place { kind: Some(kind), ..place }).collect())
    }

    /// Finds anew where cameras and their incidents lie, if areas or the day changed. Returns how many cameras lie elsewhere now.
    pub async fn settle_places(&self, today: Date) -> Result<usize, StoreError> {
        let wanted = format!("{} {today}", self.edition(Edition::Areas).await?);
        if self.edition(Edition::Places).await? == wanted {
            return Ok(0);
        }
        let cameras: Vec<(String, String, Option<f64>, Option<f64>)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT edge, camera, longitude, latitude FROM cameras ORDER BY edge, camera"))
                .map_err(to("list cameras"))?;
        let mut moved = 0;
        for some in cameras.chunks(CAMERAS_MAX) {
            let mut tx = self.begin().await?;
            let some: Vec<Standpoint> = some
                .iter()
                .map(|(edge, camera, longitude, latitude)| Standpoint {
                    edge: edge.clone(),
                    camera: camera.clone(),
                    position: longitude.zip(*latitude).map(|(longitude, latitude)| [longitude, latitude]),
                    day: today,
                })
                .collect();
            moved += tx.place_cameras(&some).await?;
            tx.commit().await?;
        }
        let mut tx = self.begin().await?;
        tx.set_edition(Edition::Places, &wanted).await?;
        tx.commit().await?;
        Ok(moved)
    }
}

/// The areas that hold a position on a day, and everywhere.
fn areas_of(tree: &AreaTree, position: Option<[f64; 2]>, day: Date) -> BTreeSet<String> {
    let holding = position.map(|position| tree.holding(position, day)).unwrap_or_default();
    holding.into_iter().map(|area| area.id.to_string()).chain([EVERYWHERE.into()]).collect()
}

/// Where a camera stands.
pub(super) struct Standpoint {
    pub(super) edge: String,
    pub(super) camera: String,
    /// `[longitude, latitude]`, WGS 84.
    pub(super) position: Option<[f64; 2]>,
    /// The day whose areas count.
    pub(super) day: Date,
}

impl Standpoint {
    fn name(&self, row: &mut Row<'_>) {
        row.text(&self.edge).text(&self.camera);
    }
}

impl Tx {
    async fn set_edition(&mut self, of: Edition, edition: &str) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("INSERT INTO editions (name, edition) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET edition = $2")
                .bind(of.word())
                .bind(edition)
        )
        .map_err(to("note a new edition"))?;
        Ok(())
    }

    /// Says that something is not what it was: who keeps it in memory reads it anew.
    pub(super) async fn renew(&mut self, of: Edition) -> Result<(), StoreError> {
        self.set_edition(of, &Uuid::now_v7().to_string()).await
    }

    /// The areas as they are now.
    async fn tree(&mut self) -> Result<Arc<AreaTree>, StoreError> {
        let edition: Option<String> = fetch_optional!(self.db(), sqlx::query_scalar(FIND_EDITION).bind(Edition::Areas.word()))
            .map_err(to("look which edition of the areas is the newest"))?;
        let edition = edition.unwrap_or_default();
        let known = self.tree.clone();
        let mut known = known.lock().await;
        if let Some((of, tree)) = &*known
            && *of == edition
        {
            return Ok(tree.clone());
        }
        let tree = Arc::new(areas::read(&mut self.inner).await?);
        *known = Some((edition, tree.clone()));
        Ok(tree)
    }

    /// Notes where cameras lie, each named once, and with them the incidents that they saw. Returns how many lie elsewhere now.
    pub(super) async fn place_cameras(&mut self, cameras: &[Standpoint]) -> Result<usize, StoreError> {
        if cameras.is_empty() {
            return Ok(0);
        }
        let doing = "note where cameras lie";
        let tree = self.tree().await?;
        let mut sql = Sql::new("SELECT edge, camera, area FROM camera_areas WHERE (edge, camera) IN (VALUES ");
        sql.rows(cameras, |row, at| at.name(row)).push(") ORDER BY area");
        let rows: Vec<(String, String, String)> = fetch_built!(self.db(), sql).map_err(to(doing))?;
        let mut before: HashMap<(&str, &str), BTreeSet<&str>> = HashMap::new();
        for (edge, camera, area) in &rows {
            before.entry((edge.as_str(), camera.as_str())).or_default().insert(area);
        }
        let mut moved: Vec<(&Standpoint, BTreeSet<String>)> = Vec::new();
        for at in cameras {
            let now = areas_of(&tree, at.position, at.day);
            if !before.get(&(at.edge.as_str(), at.camera.as_str())).is_some_and(|before| now.iter().eq(before.iter())) {
                moved.push((at, now));
            }
        }
        if moved.is_empty() {
            return Ok(0);
        }
        let mut sql = Sql::new("DELETE FROM camera_areas WHERE (edge, camera) IN (VALUES ");
        sql.rows(&moved, |row, (at, _)| at.name(row)).push(")");
        self.run(sql, doing).await?;
        let mut sql = Sql::new("INSERT INTO camera_areas (edge, camera, area) VALUES ");
        let rows = moved.iter().flat_map(|(at, areas)| areas.iter().map(move |area| (at, area)));
        sql.rows(rows, |row, (at, area)| {
            row.text(&at.edge).text(&at.camera).text(area);
        });
        self.run(sql, doing).await?;
        let mut sql = Sql::new("SELECT DISTINCT incident, '' FROM incident_cameras WHERE (edge, camera) IN (VALUES ");
        sql.rows(&moved, |row, (at, _)| at.name(row)).push(") ORDER BY incident");
        let incidents: Vec<(String, String)> = fetch_built!(self.db(), sql).map_err(to(doing))?;
        for (incident, _) in &incidents {
            self.place_incident(incident).await?;
        }
        for (at, _) in &moved {
            self.changed(Change::Camera(at.edge.clone(), at.camera.clone()));
        }
        Ok(moved.len())
    }

    /// Finds anew where an incident lies: after its events, its cameras' places or its state changed by other means than [`Self::place_event`].
    pub(super) async fn place_incident(&mut self, incident: &str) -> Result<(), StoreError> {
        let doing = "note where an incident lies";
        execute!(self.db(), sqlx::query("DELETE FROM incident_areas WHERE incident = $1").bind(incident)).map_err(to(doing))?;
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO incident_areas (incident, area, kind, is_open)
                 SELECT i.id, '', e.kind, i.closed_at IS NULL
                 FROM incidents i JOIN incident_events ie ON ie.incident = COALESCE(i.merged_into, i.id)
                 JOIN events e ON e.id = ie.event WHERE i.id = $1
                 UNION
                 SELECT i.id, a.area, e.kind, i.closed_at IS NULL
                 FROM incidents i JOIN incident_events ie ON ie.incident = COALESCE(i.merged_into, i.id)
                 JOIN events e ON e.id = ie.event
                 JOIN camera_areas a ON a.edge = e.edge AND a.camera = e.camera WHERE i.id = $1
                 UNION
                 SELECT i.id, a.area, r.kind, i.closed_at IS NULL
                 FROM incidents i JOIN reports r ON r.incident = COALESCE(i.merged_into, i.id)
                 JOIN report_areas a ON a.report = r.id WHERE i.id = $1",
            )
            .bind(incident)
        )
        .map_err(to(doing))?;
        Ok(())
    }

    /// Notes where a report lies.
    pub(super) async fn place_report(&mut self, report: &str, position: [f64; 2], today: Date) -> Result<(), StoreError> {
        let tree = self.tree().await?;
        for area in areas_of(&tree, Some(position), today) {
            execute!(self.db(), sqlx::query("INSERT INTO report_areas (report, area) VALUES ($1, $2)").bind(report).bind(&area))
                .map_err(to("note where a report lies"))?;
        }
        Ok(())
    }

    /// Adds the places of a new event to those of its incident.
    pub(super) async fn place_event_of(
        &mut self,
        incident: &str,
        (edge, camera): (&str, &str),
        kind: EventKind,
    ) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO incident_areas (incident, area, kind, is_open)
                 SELECT i.id, '', CAST($2 AS TEXT), i.closed_at IS NULL FROM incidents i WHERE i.id = $1
                 UNION
                 SELECT i.id, a.area, CAST($2 AS TEXT), i.closed_at IS NULL FROM incidents i, camera_areas a
                 WHERE i.id = $1 AND a.edge = $3 AND a.camera = $4
                 ON CONFLICT DO NOTHING",
            )
            .bind(incident)
            .bind(kind.as_str())
            .bind(edge)
            .bind(camera)
        )
        .map_err(to("note where an incident lies"))?;
        Ok(())
    }

    /// An incident was closed or opened again.
    pub(super) async fn refile_incident(&mut self, incident: &str) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "UPDATE incident_areas SET is_open = (SELECT i.closed_at IS NULL FROM incidents i WHERE i.id = $1)
                 WHERE incident = $1",
            )
            .bind(incident)
        )
        .map_err(to("note whether an incident is open"))?;
        Ok(())
    }
}
