//! What gateways and cameras say of themselves: the newest word counts.

use matpho_scene::WallTime;
use matpho_wire::{CameraStatus, CloudEvent, EdgeState, EdgeStatus};

use super::{Change, StoreError, Tx, from_json, json, to, word};

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
        let known: Option<(String, i64, String)> = sqlx::query_as("SELECT boot_id, started_at, state FROM edges WHERE edge = $1")
            .bind(edge)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(to("look up a gateway"))?;
        let stale = known.as_ref().is_some_and(|(boot_id, started_at, _)| {
            status.state == EdgeState::Offline && *boot_id != status.boot_id && *started_at > status.started.as_unix_millis()
        });
        if stale {
            return Ok(());
        }
        let state = word(&status.state);
        sqlx::query(
            "INSERT INTO edges (edge, boot_id, started_at, state, said_at, arrived_at, status) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (edge) DO UPDATE SET boot_id = $2, started_at = $3, state = $4, said_at = $5, arrived_at = $6, status = $7",
        )
        .bind(edge)
        .bind(&status.boot_id)
        .bind(status.started.as_unix_millis())
        .bind(&state)
        .bind(message.recordedtime.as_unix_millis())
        .bind(arrived.as_unix_millis())
        .bind(json(status)?)
        .execute(&mut *self.inner)
        .await
        .map_err(to("store a gateway's status"))?;
        self.changed(Change::Edge(edge.into()));
        if known.is_none_or(|(_, _, before)| before != state) {
            self.all_cameras_changed(edge).await?;
        }
        Ok(())
    }

    /// With their gateway all cameras come and go.
    async fn all_cameras_changed(&mut self, edge: &str) -> Result<(), StoreError> {
        let cameras: Vec<String> = sqlx::query_scalar("SELECT camera FROM cameras WHERE edge = $1")
            .bind(edge)
            .fetch_all(&mut *self.inner)
            .await
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
        let known: Option<String> = sqlx::query_scalar("SELECT status FROM cameras WHERE edge = $1 AND camera = $2")
            .bind(edge)
            .bind(camera)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(to("look up a camera"))?;
        let known: Option<CameraStatus> = known.map(|text| from_json("camera status", &text)).transpose()?;
        let news = known.is_none_or(|known| {
            CameraStatus { frame_age_s: None, analysed_fps: None, ..known }
                != CameraStatus { frame_age_s: None, analysed_fps: None, ..status.clone() }
        });
        sqlx::query(
            "INSERT INTO cameras (edge, camera, name, longitude, latitude, said_at, arrived_at, status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (edge, camera) DO UPDATE
             SET name = $3, longitude = $4, latitude = $5, said_at = $6, arrived_at = $7, status = $8",
        )
        .bind(edge)
        .bind(camera)
        .bind(&status.name)
        .bind(status.position.map(|[longitude, _]| longitude))
        .bind(status.position.map(|[_, latitude]| latitude))
        .bind(message.recordedtime.as_unix_millis())
        .bind(arrived.as_unix_millis())
        .bind(json(status)?)
        .execute(&mut *self.inner)
        .await
        .map_err(to("store a camera's status"))?;
        if news {
            self.changed(Change::Camera(edge.into(), camera.into()));
        }
        Ok(news)
    }
}
