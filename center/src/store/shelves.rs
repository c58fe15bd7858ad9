//! Sources that are silenced for a while: a camera and what it sees. What they tell is kept as ever; nobody is alarmed by it.

use matpho_scene::WallTime;

use super::{
    Change, Store, StoreError, Tx,
    audit::{self, Deed},
    execute, fetch_all, fetch_optional, from_word,
    incidents::{SELF, new_id},
    time, to, word,
};
use crate::{
    api::types::{Family, LogAction, LogDetail, Shelf},
    incident::rules::Sighting,
};

#[derive(sqlx::FromRow)]
struct ShelfRow {
    id: String,
    edge: String,
    camera: String,
    name: Option<String>,
    family: String,
    reason: String,
    who: String,
    from_at: i64,
    until_at: i64,
    ended_by: Option<String>,
}

impl ShelfRow {
    fn into_shelf(self) -> Result<Shelf, StoreError> {
        Ok(Shelf {
            id: self.id,
            edge: self.edge,
            name: self.name.unwrap_or_else(|| self.camera.clone()),
            camera: self.camera,
            family: from_word("family", self.family)?,
            reason: self.reason,
            by: self.who,
            from: time(self.from_at),
            until: time(self.until_at),
            ended_by: self.ended_by,
        })
    }
}

const SELECT: &str = "SELECT s.id, s.edge, s.camera, c.name, s.family, s.reason, s.who, s.from_at, s.until_at, s.ended_by
     FROM shelves s LEFT JOIN cameras c ON c.edge = s.edge AND c.camera = s.camera ";

impl Store {
    /// What is shelved at an instant, what ends first first.
    pub async fn shelves(&self, now: WallTime) -> Result<Vec<Shelf>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE s.until_at > $1 ORDER BY s.until_at, s.id"));
        let rows: Vec<ShelfRow> =
            fetch_all!(self.db(), sqlx::query_as(sql).bind(now.as_unix_millis())).map_err(to("list what is shelved"))?;
        rows.into_iter().map(ShelfRow::into_shelf).collect()
    }

    /// A shelf, also one that ended.
    pub async fn shelf(&self, id: &str) -> Result<Option<Shelf>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE s.id = $1"));
        let row: Option<ShelfRow> =
            fetch_optional!(self.db(), sqlx::query_as(sql).bind(id)).map_err(to("read what is shelved"))?;
        row.map(ShelfRow::into_shelf).transpose()
    }
}

impl Tx {
    /// Silences a source; incidents of it that nobody has taken fall silent too. Returns the shelf's id.
    pub async fn shelve(
        &mut self,
        (edge, camera): (&str, &str),
        family: Family,
        (who, reason): (&str, &str),
        (from, until): (WallTime, WallTime),
    ) -> Result<String, StoreError> {
        let id = new_id(from);
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO shelves (id, edge, camera, family, reason, who, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            )
            .bind(&id)
            .bind(edge)
            .bind(camera)
            .bind(word(&family))
            .bind(reason)
            .bind(who)
            .bind(from.as_unix_millis())
            .bind(until.as_unix_millis())
        )
        .map_err(to("shelve a source"))?;
        // Only what this source alone tells: what another camera sees too is no false alarm of this one.
        let silenced: Vec<String> = fetch_all!(
            self.db(),
            sqlx::query_scalar(
                "UPDATE incidents SET shelved_until = $4, updated_at = $5
                 WHERE state = 'new' AND family = $3 AND report_count = 0
                   AND id IN (SELECT incident FROM incident_cameras WHERE edge = $1 AND camera = $2)
                   AND (SELECT COUNT(*) FROM incident_cameras WHERE incident = id) = 1
                 RETURNING id"
            )
            .bind(edge)
            .bind(camera)
            .bind(word(&family))
            .bind(until.as_unix_millis())
            .bind(from.as_unix_millis())
        )
        .map_err(to("silence incidents"))?;
        let detail = serde_json::json!({"family": word(&family), "reason": reason, "until": until});
        self.audit(&Deed::done(who, audit::Act::Shelved, &format!("{edge}/{camera}"), detail), from).await?;
        for incident in silenced {
            self.log(&incident, from, who, LogAction::Shelved, None, Some(reason), Some(&LogDetail::Shelf { until })).await?;
            self.changed(Change::Incident(incident));
        }
        Ok(id)
    }

    /// Ends a shelf before its time. False: there is none that holds.
    pub async fn unshelve(&mut self, id: &str, who: &str, now: WallTime) -> Result<bool, StoreError> {
        let ended: Option<(String, String, String)> = fetch_optional!(
            self.db(),
            sqlx::query_as(
                "UPDATE shelves SET until_at = $2, ended_by = $3 WHERE id = $1 AND until_at > $2 RETURNING edge, camera, family"
            )
            .bind(id)
            .bind(now.as_unix_millis())
            .bind(who)
        )
        .map_err(to("end a shelf"))?;
        let Some((edge, camera, family)) = ended else { return Ok(false) };
        let detail = serde_json::json!({"family": &family});
        self.audit(&Deed::done(who, audit::Act::Unshelved, &format!("{edge}/{camera}"), detail), now).await?;
        let heard: Vec<String> = fetch_all!(
            self.db(),
            sqlx::query_scalar(
                "UPDATE incidents SET shelved_until = NULL, updated_at = $4
                 WHERE shelved_until > $4 AND family = $3
                   AND id IN (SELECT incident FROM incident_cameras WHERE edge = $1 AND camera = $2)
                 RETURNING id"
            )
            .bind(edge)
            .bind(camera)
            .bind(family)
            .bind(now.as_unix_millis())
        )
        .map_err(to("let incidents be heard"))?;
        for incident in heard {
            self.log(&incident, now, who, LogAction::Unshelved, None, None, None).await?;
            self.changed(Change::Incident(incident));
        }
        Ok(true)
    }

    /// Until when a source is silenced; `None`: it is not.
    pub(super) async fn shelved_until(&mut self, sighting: &Sighting, now: WallTime) -> Result<Option<WallTime>, StoreError> {
        let until: Option<i64> = fetch_optional!(
            self.db(),
            sqlx::query_scalar(
                "SELECT until_at FROM shelves WHERE edge = $1 AND camera = $2 AND family = $3 AND until_at > $4
                 ORDER BY until_at DESC LIMIT 1"
            )
            .bind(&sighting.spot.edge)
            .bind(&sighting.spot.camera)
            .bind(word(&Family::of(sighting.kind)))
            .bind(now.as_unix_millis())
        )
        .map_err(to("look what is shelved"))?;
        Ok(until.map(time))
    }

    /// A silenced incident is heard once a source that is not silenced sees it too.
    pub(super) async fn heard_beside_shelf(
        &mut self,
        incident: &str,
        sighting: &Sighting,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let shelved: Option<i64> = fetch_optional!(
            self.db(),
            sqlx::query_scalar("SELECT shelved_until FROM incidents WHERE id = $1 AND shelved_until > $2")
                .bind(incident)
                .bind(now.as_unix_millis())
        )
        .map_err(to("look whether an incident is silenced"))?;
        if shelved.is_none() || self.shelved_until(sighting, now).await?.is_some() {
            return Ok(());
        }
        execute!(self.db(), sqlx::query("UPDATE incidents SET shelved_until = NULL WHERE id = $1").bind(incident))
            .map_err(to("let an incident be heard"))?;
        self.log(incident, now, SELF, LogAction::Unshelved, None, None, None).await
    }
}
