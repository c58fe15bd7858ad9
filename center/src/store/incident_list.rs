//! Pages of incidents: found by index alone, whoever asks and however many there are, then read with all that belongs to them.

use matpho_scene::WallTime;

use super::{
    Store, StoreError, reach,
    sql::{Sql, fetch_built},
    to,
    views::IncidentRow,
};
use crate::{
    api::types::Incident,
    rights::{Filter, filter::Part},
};

/// Which incidents are wanted.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// Closed ones (`Some(true)`), others, or both.
    pub closed: Option<bool>,
    /// With an event of this kind, or of a kind that begins so (`fire`).
    pub kind: Option<String>,
    /// Seen by this camera.
    pub camera: Option<String>,
    /// At this gateway.
    pub edge: Option<String>,
    /// Began at or after.
    pub from: Option<WallTime>,
    /// Began before.
    pub to: Option<WallTime>,
    /// Seen by a camera in this box: west, south, east, north, in degrees.
    pub within: Option<[f64; 4]>,
    /// Older than this id.
    pub before: Option<String>,
}

impl Store {
    /// Incidents that pass, the one that began last first.
    pub async fn incidents(&self, filter: &IncidentFilter, seen_by: &Filter, limit: u32) -> Result<Vec<Incident>, StoreError> {
        if seen_by.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<IncidentRow> = fetch_built!(self.db(), page(filter, seen_by, limit)).map_err(to("list incidents"))?;
        self.complete(rows).await
    }
}

/// What each grant shows is read in the order of the index, no more of it than the page has; then the page is put together.
fn page(filter: &IncidentFilter, seen_by: &Filter, limit: u32) -> Sql {
    let mut sql = Sql::new("SELECT i.* FROM (SELECT DISTINCT u.id FROM (");
    let states = filter.closed.map_or(vec![true, false], |closed| vec![!closed]);
    let parts = seen_by.allow.iter().flat_map(|part| states.iter().map(move |is_open| (part, *is_open)));
    for (index, (part, is_open)) in parts.enumerate() {
        sql.push(if index == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM (" });
        of_part(&mut sql, filter, seen_by, part, is_open);
        sql.push(" ORDER BY id DESC LIMIT ").arg(i64::from(limit)).push(&format!(") p{index}"));
    }
    sql.push(") u ORDER BY u.id DESC LIMIT ").arg(i64::from(limit));
    sql.push(") l JOIN incidents i ON i.id = l.id ORDER BY i.id DESC");
    sql
}

fn of_part(sql: &mut Sql, filter: &IncidentFilter, seen_by: &Filter, part: &Part, is_open: bool) {
    sql.push("SELECT DISTINCT s.incident AS id FROM incident_areas s WHERE ");
    reach::is_part(sql, "s", part);
    sql.push(" AND s.is_open = ").arg(is_open);
    if let Some(before) = &filter.before {
        sql.push(" AND s.incident < ").arg(before);
    }
    if let Some(kind) = &filter.kind {
        // Everywhere, an incident has a row for each of its kinds.
        sql.push(" AND EXISTS (SELECT 1 FROM incident_areas k WHERE k.incident = s.incident AND k.area = '' AND (k.kind = ");
        sql.arg(kind).push(" OR k.kind LIKE ").arg(format!("{kind}.%")).push("))");
    }
    if filter.camera.is_some() || filter.edge.is_some() {
        sql.push(" AND s.incident IN (SELECT c.incident FROM incident_cameras c WHERE 1 = 1");
        for (column, wanted) in [(" AND c.camera = ", &filter.camera), (" AND c.edge = ", &filter.edge)] {
            if let Some(wanted) = wanted {
                sql.push(column).arg(wanted);
            }
        }
        sql.push(")");
    }
    if let Some([west, south, east, north]) = filter.within {
        sql.push(
            " AND EXISTS (SELECT 1 FROM incident_cameras c JOIN cameras p ON p.edge = c.edge AND p.camera = c.camera
              WHERE c.incident = s.incident AND p.longitude BETWEEN ",
        );
        sql.arg(west).push(" AND ").arg(east).push(" AND p.latitude BETWEEN ").arg(south).push(" AND ").arg(north).push(")");
    }
    for (compare, instant) in [(">= ", filter.from), ("< ", filter.to)] {
        if let Some(instant) = instant {
            sql.push(" AND EXISTS (SELECT 1 FROM incidents i WHERE i.id = s.incident AND i.began_at ").push(compare);
            sql.arg(instant.as_unix_millis()).push(")");
        }
    }
    reach::incident_is_not_denied(sql, "s.incident", seen_by);
}
