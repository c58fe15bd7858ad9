//! What gateways and cameras say of themselves: the newest word counts. Each of several centres hears it; who comes second with the same
//! words writes nothing.

use std::collections::{BTreeMap, HashMap};

use matpho_scene::WallTime;
use matpho_wire::{CameraStatus, CloudEvent, EdgeState, EdgeStatus};

use super::{
    Change, StoreError, Tx,
    batch::Arrival,
    execute, fetch_all, fetch_optional, from_json, json,
    places::Standpoint,
    sql::{Sql, fetch_built},
    to, word,
};

impl Tx {
    /// Takes a gateway's status. A good-bye of an earlier boot than the one that spoke last is stale: the broker spoke it for a
    /// connection that is long replaced.
    pub async fn take_edge_status(
        &mut self,
        edge: &str,
        message: &CloudEvent<EdgeStatus>,
        arrived: WallTime,
    ) -> Result<(), StoreError> {
        let status = &message.data;
        let known: Option<(String, i64, String, i64, String)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT boot_id, started_at, state, said_at, status FROM edges WHERE edge = $1").bind(edge)
        )
        .map_err(to("look up a gateway"))?;
        let stale = known.as_ref().is_some_and(|(boot_id, started_at, ..)| {
            status.state == EdgeState::Offline && *boot_id != status.boot_id && *started_at > status.started.as_unix_millis()
        });
        let (text, said_at) = (json(status)?, message.recordedtime.as_unix_millis());
        let repeated = known.as_ref().is_some_and(|(.., known_at, known)| *known_at == said_at && *known == text);
        if stale || repeated {
            return Ok(());
        }
        let state = word(&status.state);
        execute!(self.db(), sqlx::query(
            "INSERT INTO edges (edge, boot_id, started_at, state, said_at, arrived_at, status) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (edge) DO UPDATE SET boot_id = $2, started_at = $3, state = $4, said_at = $5, arrived_at = $6, status = $7",
        )
        .bind(edge)
        .bind(&status.boot_id)
        .bind(status.started.as_unix_millis())
        .bind(&state)
        .bind(said_at)
        .bind(arrived.as_unix_millis())
        .bind(text))
        .map_err(to("store a gateway's status"))?;
        self.changed(Change::Edge(edge.into()));
        if known.is_none_or(|(_, _, before, ..)| before != state) {
            self.all_cameras_changed(edge).await?;
        }
        Ok(())
    }

    /// With their gateway all cameras come and go.
    async fn all_cameras_changed(&mut self, edge: &str) -> Result<(), StoreError> {
        let cameras: Vec<String> =
            fetch_all!(self.db(), sqlx::query_scalar("SELECT camera FROM cameras WHERE edge = $1").bind(edge))
                .map_err(to("list a gateway's cameras"))?;
        for camera in cameras {
            self.changed(Change::Camera(edge.into(), camera));
        }
        Ok(())
    }

    /// Takes cameras' statuses in their order. Returns for each whether it says something new, beside its age.
    pub async fn take_camera_statuses(&mut self, arrivals: &[Arrival<'_, CameraStatus>]) -> Result<Vec<bool>, StoreError> {
        if arrivals.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("SELECT edge, camera, said_at, status FROM cameras WHERE (edge, camera) IN (VALUES ");
        sql.rows(arrivals, |row, arrival| {
            row.text(arrival.edge).text(arrival.message.data.camera.as_str());
        });
        sql.push(")");
        let rows: Vec<(String, String, i64, String)> = fetch_built!(self.db(), sql).map_err(to("look up cameras"))?;
        let mut known: HashMap<(String, String), (i64, String)> =
            rows.into_iter().map(|(edge, camera, said_at, status)| ((edge, camera), (said_at, status))).collect();

        let mut cameras: BTreeMap<(&str, &str), Said<'_>> = BTreeMap::new();
        let mut all_news = Vec::new();
        for arrival in arrivals {
            let (status, said_at) = (&arrival.message.data, arrival.message.recordedtime.as_unix_millis());
            let camera = (arrival.edge, status.camera.as_str());
            let text = json(status)?;
            let before = known.insert((camera.0.to_owned(), camera.1.to_owned()), (said_at, text.clone()));
            if before.as_ref().is_some_and(|(known_at, known)| *known_at == said_at && *known == text) {
                all_news.push(false);
                continue;
            }
            let before: Option<CameraStatus> = before.map(|(_, text)| from_json("camera status", &text)).transpose()?;
            let moved = before.as_ref().is_none_or(|before| before.position != status.position);
            let news = before.is_none_or(|before| {
                CameraStatus { frame_age_s: None, analysed_fps: None, ..before }
                    != CameraStatus { frame_age_s: None, analysed_fps: None, ..status.clone() }
            });
            if news {
                self.changed(Change::Camera(camera.0.into(), camera.1.into()));
            }
            all_news.push(news);
            let said = cameras.entry(camera).or_insert_with(|| Said {
                first_at: arrival.at,
                moved,
                last: *arrival,
                text: String::new(),
            });
            (said.moved, said.last, said.text) = (said.moved || moved, *arrival, text);
        }
        if cameras.is_empty() {
            return Ok(all_news);
        }
        // Of several statuses of one camera the last one counts.
        let mut sql = Sql::new(
            "INSERT INTO cameras (edge, camera, name, longitude, latitude, said_at, arrived_at, status, first_at) VALUES ",
        );
        sql.rows(&cameras, |row, ((edge, camera), Said { first_at, last, text, .. })| {
            let status = &last.message.data;
            row.text(edge).text(camera).text(&status.name).value(status.position.map(|[longitude, _]| longitude));
            row.value(status.position.map(|[_, latitude]| latitude)).int(last.message.recordedtime.as_unix_millis());
            row.int(last.at.as_unix_millis()).text(text).int(first_at.as_unix_millis());
        });
        sql.push(
            " ON CONFLICT (edge, camera) DO UPDATE
              SET name = excluded.name, longitude = excluded.longitude, latitude = excluded.latitude, said_at = excluded.said_at,
                  arrived_at = excluded.arrived_at, status = excluded.status",
        );
        self.run(sql, "store cameras' statuses").await?;
        let moved = cameras.iter().filter(|(_, said)| said.moved);
        let moved: Vec<_> = moved
            .map(|((edge, camera), Said { last, .. })| Standpoint {
                edge: (*edge).into(),
                camera: (*camera).into(),
                position: last.message.data.position,
                day: crate::rights::Moment::new(last.at, crate::clock::offset()).today,
            })
            .collect();
        if !moved.is_empty() {
            self.place_cameras(&moved).await?;
            // Incidents that were looked up before this stand elsewhere now.
            self.known = None;
        }
        Ok(all_news)
    }
}

/// What a camera says, at the end of a batch.
struct Said<'m> {
    /// When the first new word of the batch came.
    first_at: WallTime,
    /// Whether it stands elsewhere than before.
    moved: bool,
    last: Arrival<'m, CameraStatus>,
    /// The last status, JSON.
    text: String,
}
