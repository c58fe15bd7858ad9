//! What figures are reckoned from, read for some cameras over a span of time; and measurements, added up by the hour.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use matpho_scene::{
    WallTime,
    event::{DepthRange, EndReason, EventKind},
    measurement::Figures,
};
use matpho_wire::EventData;

use super::{
    Store, StoreError, Tx, events, execute, fetch_all, fetch_optional, from_json, outbox::Measured, sql::Sql, sql::fetch_built,
    time, to,
};
use crate::figures::{
    period::hour_of,
    reckon::{CameraKey, Handled, Happened, Hour},
};

const FIND_POINT: &str = "SELECT line FROM added_up WHERE what = 'traffic'";

/// Measurements in one transaction.
const ROWS_MAX: u32 = 2_000;

/// Faults during which a camera cannot see.
const BLINDING: [EventKind; 5] =
    [EventKind::CameraLost, EventKind::CameraFrozen, EventKind::CameraDark, EventKind::CameraBlurred, EventKind::CameraCovered];

/// A camera, as figures need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Watcher {
    /// Which.
    pub key: CameraKey,
    /// Its name.
    pub name: String,
    /// Since when it is known.
    pub since: WallTime,
    /// The areas that hold it.
    pub areas: Vec<String>,
}

impl Store {
    /// All cameras with the areas that hold them.
    pub async fn watchers(&self) -> Result<Vec<Watcher>, StoreError> {
        let doing = "list the cameras for figures";
        let mut areas: BTreeMap<CameraKey, Vec<String>> = BTreeMap::new();
        let rows: Vec<(String, String, String)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT edge, camera, area FROM camera_areas ORDER BY edge, camera, area"))
                .map_err(to(doing))?;
        for (edge, camera, area) in rows {
            areas.entry((edge, camera)).or_default().push(area);
        }
        let rows: Vec<(String, String, String, i64)> = fetch_all!(
            self.db(),
            sqlx::query_as("SELECT edge, camera, name, COALESCE(first_at, arrived_at) FROM cameras ORDER BY edge, camera")
        )
        .map_err(to(doing))?;
        let view = |(edge, camera, name, since): (String, String, String, i64)| {
            let key = (edge, camera);
            Watcher { areas: areas.remove(&key).unwrap_or_default(), key, name, since: time(since) }
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Events of some kinds that went on at some time of a span, but for those that were taken back.
    pub async fn happened(
        &self,
        kinds: &[EventKind],
        cameras: &BTreeSet<CameraKey>,
        (from, to): (WallTime, WallTime),
    ) -> Result<Vec<Happened>, StoreError> {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("SELECT edge, camera, kind, placed_at, ended_at, data FROM events WHERE kind IN ");
        sql.list(kinds.iter().map(|kind| kind.as_str()));
        sql.push(" AND placed_at < ").arg(to.as_unix_millis());
        sql.push(" AND (ended_at IS NULL OR ended_at >= ").arg(from.as_unix_millis()).push(")");
        type Row = (String, String, String, i64, Option<i64>, String);
        let rows: Vec<Row> = fetch_built!(self.db(), sql).map_err(super::to("read events for figures"))?;
        let mut all = Vec::new();
        for (edge, camera, kind, placed_at, ended_at, data) in rows {
            let camera = (edge, camera);
            if !cameras.contains(&camera) {
                continue;
            }
            let data: EventData = from_json("event", &data)?;
            if data.end_reason == Some(EndReason::Retracted) {
                continue;
            }
            let depth = data.detail.depth().and_then(DepthRange::band);
            all.push(Happened { camera, kind: events::kind(kind)?, began: time(placed_at), ended: ended_at.map(time), depth });
        }
        Ok(all)
    }

    /// When some cameras could not see.
    pub async fn blind(
        &self,
        cameras: &BTreeSet<CameraKey>,
        span: (WallTime, WallTime),
    ) -> Result<BTreeMap<CameraKey, Vec<Happened>>, StoreError> {
        let mut faults: BTreeMap<CameraKey, Vec<Happened>> = BTreeMap::new();
        for fault in self.happened(&BLINDING, cameras, span).await? {
            faults.entry(fault.camera.clone()).or_default().push(fault);
        }
        Ok(faults)
    }

    /// Incidents that the centre learnt of in a span and that one of some cameras saw; not those that were the same as another, or that the cameras took back
    /// before anybody had taken them.
    pub async fn handled(
        &self,
        cameras: &BTreeSet<CameraKey>,
        (from, to): (WallTime, WallTime),
    ) -> Result<Vec<Handled>, StoreError> {
        type Row = (String, String, i64, Option<i64>, Option<i64>, Option<String>, String, String);
        let rows: Vec<Row> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT i.id, i.kind, i.opened_at, i.acknowledged_at, i.closed_at, i.close_reason, c.edge, c.camera
                 FROM incidents i JOIN incident_cameras c ON c.incident = i.id
                 WHERE i.opened_at >= $1 AND i.opened_at < $2 AND i.merged_into IS NULL
                   AND COALESCE(i.close_reason, '') NOT IN ('duplicate', 'retracted') ORDER BY i.id",
            )
            .bind(from.as_unix_millis())
            .bind(to.as_unix_millis())
        )
        .map_err(super::to("read incidents for figures"))?;
        let mut all: Vec<(String, Handled)> = Vec::new();
        for (id, kind, opened_at, acknowledged_at, closed_at, reason, edge, camera) in rows {
            let camera = (edge, camera);
            if !cameras.contains(&camera) {
                continue;
            }
            if let Some((_, known)) = all.last_mut().filter(|(known, _)| *known == id) {
                known.cameras.push(camera);
                continue;
            }
            let closed = closed_at.map(|at| (time(at), reason.as_deref() == Some("false_alarm")));
            let handled = Handled {
                cameras: vec![camera],
                kind: events::kind(kind)?,
                opened: time(opened_at),
                acknowledged: acknowledged_at.map(time),
                closed,
            };
            all.push((id, handled));
        }
        Ok(all.into_iter().map(|(_, handled)| handled).collect())
    }

    /// Hours of traffic before some cameras.
    pub async fn traffic_hours(
        &self,
        cameras: &BTreeSet<CameraKey>,
        (from, to): (WallTime, WallTime),
    ) -> Result<Vec<Hour>, StoreError> {
        let rows: Vec<(String, String, i64, i64, f64, f64)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT edge, camera, hour_at, CAST(SUM(vehicles) AS BIGINT), SUM(index_seconds), SUM(index_sum) FROM traffic_hours
                 WHERE hour_at >= $1 AND hour_at < $2 GROUP BY edge, camera, hour_at ORDER BY hour_at, edge, camera",
            )
            .bind(from.as_unix_millis())
            .bind(to.as_unix_millis())
        )
        .map_err(super::to("read hours of traffic"))?;
        let view = |(edge, camera, hour_at, vehicles, index_seconds, index_sum): (String, String, i64, i64, f64, f64)| Hour {
            camera: (edge, camera),
            start: time(hour_at),
            vehicles,
            index_seconds,
            index_sum,
        };
        Ok(rows.into_iter().map(view).filter(|hour| cameras.contains(&hour.camera)).collect())
    }

    /// Adds measurements up that have come since the last time, some of them. Returns how many there were.
    pub async fn add_up(&self, zone: &TimeZone) -> Result<usize, StoreError> {
        let point: Option<i64> =
            fetch_optional!(self.db(), sqlx::query_scalar(FIND_POINT)).map_err(to("read how far measurements are added up"))?;
        if self.newest_measurement().await? <= point.unwrap_or(0) {
            return Ok(0);
        }
        // The point is read again where nobody else writes: of several centres each measurement is added by one.
        let mut tx = self.begin().await?;
        let point = tx.added_up().await?;
        let rows = self.measurements_after(point, ROWS_MAX).await?;
        let Some(last) = rows.last().map(|last| last.line) else { return Ok(0) };
        for ((edge, camera, of_zone, hour_at), sum) in sums(&rows, zone) {
            tx.add_hour((&edge, &camera, &of_zone), hour_at, &sum).await?;
        }
        tx.set_added_up(last).await?;
        tx.commit().await?;
        Ok(rows.len())
    }
}

#[derive(Debug, Default)]
struct Sum {
    seconds: f64,
    vehicles: i64,
    index_seconds: f64,
    index_sum: f64,
}

/// Measurements by zone and hour.
fn sums(rows: &[Measured], zone: &TimeZone) -> BTreeMap<(String, String, String, i64), Sum> {
    let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
    for row in rows {
        let Figures::Traffic(figures) = &row.figures else { continue };
        let hour = hour_of(row.period.0, zone).as_unix_millis();
        let sum = sums.entry((row.edge.clone(), row.camera.clone(), row.zone.clone(), hour)).or_default();
        let seconds = row.period.1.since(row.period.0).as_secs_f64();
        sum.seconds += seconds;
        sum.vehicles +=
            figures.counts.iter().filter(|(class, _)| class.is_vehicle()).map(|(_, count)| i64::from(*count)).sum::<i64>();
        if let Some(index) = figures.travel_time_index.filter(|index| index.is_finite()) {
            sum.index_seconds += seconds;
            sum.index_sum += seconds * f64::from(index);
        }
    }
    sums
}

impl Tx {
    async fn added_up(&mut self) -> Result<i64, StoreError> {
        let line: Option<i64> =
            fetch_optional!(self.db(), sqlx::query_scalar(FIND_POINT)).map_err(to("read how far measurements are added up"))?;
        Ok(line.unwrap_or(0))
    }

    async fn set_added_up(&mut self, line: i64) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("INSERT INTO added_up (what, line) VALUES ('traffic', $1) ON CONFLICT (what) DO UPDATE SET line = $1")
                .bind(line)
        )
        .map_err(to("keep how far measurements are added up"))?;
        Ok(())
    }

    async fn add_hour(&mut self, (edge, camera, zone): (&str, &str, &str), hour_at: i64, sum: &Sum) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO traffic_hours (edge, camera, zone, hour_at, seconds, vehicles, index_seconds, index_sum)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (edge, camera, zone, hour_at) DO UPDATE
                 SET seconds = traffic_hours.seconds + $5, vehicles = traffic_hours.vehicles + $6,
                     index_seconds = traffic_hours.index_seconds + $7, index_sum = traffic_hours.index_sum + $8",
            )
            .bind(edge)
            .bind(camera)
            .bind(zone)
            .bind(hour_at)
            .bind(sum.seconds)
            .bind(sum.vehicles)
            .bind(sum.index_seconds)
            .bind(sum.index_sum)
        )
        .map_err(to("add traffic up"))?;
        Ok(())
    }
}
