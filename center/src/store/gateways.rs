//! What gateways and cameras say of themselves: the newest word counts. Each of several centres hears it; who comes second with the same
//! words writes nothing.

use matpho_scene::WallTime;
use matpho_wire::{CameraStatus, CloudEvent, EdgeState, EdgeStatus};

use super::{Change, StoreError, Tx, execute, fetch_all, fetch_optional, from_json, json, to, word};

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

    /// Takes a camera's status. Returns whether it says something new, beside its age.
    pub async fn take_camera_status(
        &mut self,
        edge: &str,
        message: &CloudEvent<CameraStatus>,
        arrived: WallTime,
    ) -> Result<bool, StoreError> {
        let status = &message.data;
        let camera = status.camera.as_str();
        let known: Option<(i64, String)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT said_at, status FROM cameras WHERE edge = $1 AND camera = $2").bind(edge).bind(camera)
        )
        .map_err(to("look up a camera"))?;
        let (text, said_at) = (json(status)?, message.recordedtime.as_unix_millis());
        if known.as_ref().is_some_and(|(known_at, known)| *known_at == said_at && *known == text) {
            return Ok(false);
        }
        let known: Option<CameraStatus> = known.map(|(_, text)| from_json("camera status", &text)).transpose()?;
        let moved = known.as_ref().is_none_or(|known| known.position != status.position);
        let news = known.is_none_or(|known| {
            CameraStatus { frame_age_s: None, analysed_fps: None, ..known }
                != CameraStatus { frame_age_s: None, analysed_fps: None, ..status.clone() }
        });
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO cameras (edge, camera, name, longitude, latitude, said_at, arrived_at, status, first_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)
             ON CONFLICT (edge, camera) DO UPDATE
             SET name = $3, longitude = $4, latitude = $5, said_at = $6, arrived_at = $7, status = $8",
            )
            .bind(edge)
            .bind(camera)
            .bind(&status.name)
            .bind(status.position.map(|[longitude, _]| longitude))
            .bind(status.position.map(|[_, latitude]| latitude))
            .bind(said_at)
            .bind(arrived.as_unix_millis())
            .bind(text)
        )
        .map_err(to("store a camera's status"))?;
        if news {
            self.changed(Change::Camera(edge.into(), camera.into()));
        }
        if moved {
            self.place_camera(edge, camera, status.position, crate::rights::Moment::new(arrived, crate::clock::offset()).today)
                .await?;
        }
        Ok(news)
    }
}
