//! Rights in SQL: what a [`Filter`] lets pass, as conditions that use the indexes of `camera_areas` and `incident_areas`.

use super::{
    Store, StoreError,
    sql::{Sql, fetch_built},
    to,
};
use crate::rights::{Filter, filter::Part};

/// As many cameras are few: what they saw is found camera by camera. What more of them saw is met soon when all is read in its order.
const FEW_CAMERAS: i64 = 500;

/// Adds that rows of `incident_areas` (as `alias`) are what a part is about.
pub(super) fn is_part(sql: &mut Sql, alias: &str, part: &Part) {
    sql.push(alias).push(".area = ").arg(&part.area);
    about_kind(sql, &format!("{alias}.kind"), part);
}

/// Adds nothing where a part is of all kinds, those of today's that it is about otherwise.
pub(super) fn about_kind(sql: &mut Sql, column: &str, part: &Part) {
    if part.kinds.is_all() {
        return;
    }
    let kinds: Vec<_> = part.kinds.iter().map(|kind| kind.as_str()).collect();
    if kinds.is_empty() {
        sql.push(" AND 1 = 0");
    } else {
        sql.push(" AND ").push(column).push(" IN ").list(kinds);
    }
}

/// Adds a query for the cameras in the areas that parts are about, each once: `edge`, `camera`.
pub(super) fn cameras_in<'p>(sql: &mut Sql, parts: impl IntoIterator<Item = &'p Part>) {
    sql.push("SELECT DISTINCT a.edge, a.camera FROM camera_areas a WHERE ").any(parts, |sql, part| {
        sql.push("a.area = ").arg(&part.area);
    });
}

impl Store {
    /// Adds `FROM … WHERE … AND`: the rows of a table, as `alias`, of cameras in reach if those are few, of all if they are many. What passes is
    /// still to be asked. The cross join tells SQLite to begin with the cameras.
    pub(super) async fn push_rows_of(
        &self,
        sql: &mut Sql,
        (table, alias): (&str, &str),
        reach: &Filter,
    ) -> Result<(), StoreError> {
        let mut count = Sql::new("SELECT COUNT(*) FROM (");
        cameras_in(&mut count, &reach.allow);
        count.push(" LIMIT ").arg(FEW_CAMERAS + 1).push(") f");
        let counted: Vec<(i64,)> = fetch_built!(self.db(), count).map_err(to("count the cameras in reach"))?;
        // Who may see everything sees what cameras saw that are not known yet, too.
        if !reach.is_everything() && counted.first().is_some_and(|(count,)| *count <= FEW_CAMERAS) {
            sql.push(" FROM (");
            cameras_in(sql, &reach.allow);
            sql.push(&format!(") m CROSS JOIN {table} {alias} WHERE {alias}.edge = m.edge AND {alias}.camera = m.camera AND "));
        } else {
            sql.push(&format!(" FROM {table} {alias} WHERE "));
        }
        Ok(())
    }
}

/// Adds that an incident (`column` is its id) is denied in none of its places.
pub(super) fn incident_is_not_denied(sql: &mut Sql, column: &str, reach: &Filter) {
    if !reach.deny.is_empty() {
        sql.push(" AND NOT EXISTS (SELECT 1 FROM incident_areas d WHERE d.incident = ").push(column).push(" AND ");
        sql.any(&reach.deny, |sql, part| is_part(sql, "d", part));
        sql.push(")");
    }
}

/// Adds that what a camera saw passes: rows of `alias` have `edge` and `camera`, and are events of a `kind` or no events.
pub(super) fn camera_passes(sql: &mut Sql, alias: &str, is_event: bool, reach: &Filter) {
    if reach.is_everything() {
        sql.push("1 = 1");
        return;
    }
    let kind = format!("{alias}.kind");
    let about = |sql: &mut Sql, part: &Part| {
        sql.push("a.area = ").arg(&part.area);
        if is_event {
            about_kind(sql, &kind, part);
        }
    };
    let of_camera = format!("(SELECT 1 FROM camera_areas a WHERE a.edge = {alias}.edge AND a.camera = {alias}.camera AND ");
    sql.push("EXISTS ").push(&of_camera).any(reach.allow.iter().filter(|part| is_event || part.other), about).push(")");
    let deny: Vec<_> = reach.deny.iter().filter(|part| is_event || part.other).collect();
    if !deny.is_empty() {
        sql.push(" AND NOT EXISTS ").push(&of_camera).any(deny, about).push(")");
    }
}
