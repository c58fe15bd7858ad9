//! What is known of evidence pictures, and making room for new ones.

use matpho_scene::WallTime;
use matpho_wire::EvidenceData;

use super::{StoreError, Tx, events::Taken, execute, fetch_all, fetch_one, fetch_optional, to};

impl Tx {
    /// Takes a picture whose file lies at `path` already. Of two pictures of one event the one that was taken later stays.
    pub async fn take_evidence(
        &mut self,
        edge: &str,
        event: &str,
        data: &EvidenceData,
        (path, bytes): (&str, usize),
        arrived: WallTime,
    ) -> Result<Taken, StoreError> {
        let known: Option<(i64, String)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT seen_at, path FROM evidence WHERE event = $1 AND edge = $2").bind(event).bind(edge)
        )
        .map_err(to("look up a picture"))?;
        let seen_at = data.seen.at.as_unix_millis();
        if let Some((known_at, known_path)) = &known
            && (*known_at > seen_at || known_path == path)
        {
            if known_path != path {
                self.drop_file(path).await?;
            }
            return Ok(Taken::Duplicate);
        }
        execute!(self.db(), sqlx::query(
            "INSERT INTO evidence (event, edge, camera, seen_at, width, height, bytes, sha256, path, redacted, clip_available, arrived_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (event, edge) DO UPDATE
             SET camera = $3, seen_at = $4, width = $5, height = $6, bytes = $7, sha256 = $8, path = $9, redacted = $10,
                 clip_available = $11, arrived_at = $12",
        )
        .bind(event)
        .bind(edge)
        .bind(data.camera.as_str())
        .bind(seen_at)
        .bind(i64::from(data.width))
        .bind(i64::from(data.height))
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(&data.sha256)
        .bind(path)
        .bind(data.redacted)
        .bind(data.clip_available)
        .bind(arrived.as_unix_millis()))
        .map_err(to("store a picture"))?;
        if let Some((_, before)) = known.filter(|(_, before)| !before.is_empty()) {
            self.drop_file(&before).await?;
        }
        self.event_changed(event, arrived).await?;
        Ok(Taken::New)
    }

    /// Gives up the oldest pictures and clips of closed incidents until no more than `bytes_max` are left. Returns their files,
    /// which are removed afterwards.
    pub async fn make_room(&mut self, bytes_max: u64) -> Result<Vec<String>, StoreError> {
        let held: i64 = fetch_one!(
            self.db(),
            sqlx::query_scalar(
                "SELECT CAST((SELECT COALESCE(SUM(bytes), 0) FROM evidence WHERE path <> '')
                  + (SELECT COALESCE(SUM(bytes), 0) FROM clips WHERE path IS NOT NULL) AS BIGINT)",
            )
        )
        .map_err(to("add up pictures and clips"))?;
        let mut excess = held.saturating_sub(i64::try_from(bytes_max).unwrap_or(i64::MAX));
        if excess <= 0 {
            return Ok(Vec::new());
        }
        // Pictures without an event count as closed: theirs never came, or never will.
        let candidates: Vec<(String, String, i64)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT v.event, v.path, v.bytes FROM evidence v
             LEFT JOIN incident_events ie ON ie.event = v.event LEFT JOIN incidents i ON i.id = ie.incident
             WHERE v.path <> '' AND (i.id IS NULL OR i.closed_at IS NOT NULL)
             UNION ALL
             SELECT k.event, k.path, k.bytes FROM clips k
             JOIN incident_events ie ON ie.event = k.event JOIN incidents i ON i.id = ie.incident
             WHERE k.path IS NOT NULL AND i.closed_at IS NOT NULL
             ORDER BY 1 LIMIT 1000",
            )
        )
        .map_err(to("look for the oldest pictures and clips"))?;
        let mut files = Vec::new();
        for (_, path, bytes) in candidates {
            if excess <= 0 {
                break;
            }
            execute!(self.db(), sqlx::query("UPDATE evidence SET path = '' WHERE path = $1").bind(&path))
                .map_err(to("give up a picture"))?;
            execute!(self.db(), sqlx::query("DELETE FROM clips WHERE path = $1").bind(&path)).map_err(to("give up a clip"))?;
            excess -= bytes;
            self.drop_file(&path).await?;
            files.push(path);
        }
        Ok(files)
    }
}
