//! What the rules have to say about incidents once they are there: until when, whom to send, what explains it. Apart from taking in events,
//! which has to be quick.

use matpho_scene::{WallTime, event::Severity};

use super::{Change, StoreError, Tx, events, execute, fetch_all, from_word, incidents::SELF, time, to};
use crate::{
    api::types::{Family, IncidentState, LogAction, LogDetail},
    area::AreaTree,
    incident::{
        dispatch,
        life::{Act, Actor, Promises, Step},
        rules::{self, Candidate, Spot},
    },
    rights::agency::Agency,
};

/// Incidents in one transaction.
const ROWS_MAX: i64 = 200;

/// What the rules go by.
pub struct Law<'a> {
    /// What belongs together.
    pub settings: &'a rules::Settings,
    /// What is promised.
    pub promises: &'a Promises,
    /// Who can be sent.
    pub agencies: &'a [Agency],
    /// Where areas are.
    pub areas: &'a AreaTree,
    /// Which day it is in the province.
    pub today: jiff::civil::Date,
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    id: String,
    family: String,
    state: String,
    began_at: i64,
    ended_at: Option<i64>,
    cause: Option<String>,
    edge: Option<String>,
    camera: Option<String>,
    longitude: Option<f64>,
    latitude: Option<f64>,
}

impl super::Store {
    /// Whether there is anything to do for [`Tx::judge`] or [`Tx::raise_overdue`]: looked at often, and cheap.
    pub async fn wants_judging(&self, now: WallTime) -> Result<bool, StoreError> {
        let found: Vec<i64> = fetch_all!(
            self.db(),
            sqlx::query_scalar(
                "SELECT CAST(1 AS BIGINT) WHERE EXISTS (
                    SELECT 1 FROM incidents WHERE state IN ('new', 'acknowledged', 'dispatched') AND judged <> severity || ' ' || kind)
                 OR EXISTS (SELECT 1 FROM incidents WHERE raises_at <= $1 AND (shelved_until IS NULL OR shelved_until <= $1))"
            )
            .bind(now.as_unix_millis())
        )
        .map_err(to("look for what the rules have to look at"))?;
        Ok(!found.is_empty())
    }
}

impl Tx {
    /// Looks at open incidents that are new or became something else. Returns how many.
    pub async fn judge(&mut self, law: &Law<'_>, now: WallTime) -> Result<usize, StoreError> {
        let rows: Vec<(String, String, String, String, String)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT id, family, kind, severity, sent FROM incidents
                 WHERE state IN ('new', 'acknowledged', 'dispatched') AND judged <> severity || ' ' || kind ORDER BY id LIMIT $1"
            )
            .bind(ROWS_MAX)
        )
        .map_err(to("look for incidents that changed"))?;
        if rows.is_empty() {
            return Ok(0);
        }
        let open = self.open_with_causes().await?;
        for (id, family, kind, severity, sent) in &rows {
            self.renew_promise(id, law.promises).await?;
            let position = self.position_of(id).await?;
            let (event_kind, grave) = (events::kind(kind.clone())?, from_word::<Severity>("severity", severity.clone())?);
            let proposed = dispatch::proposals(law.agencies, event_kind, grave, position, (law.areas, law.today));
            for agency in proposed.into_iter().filter(|agency| !sent.contains(&format!("\"{agency}\""))) {
                self.propose(id, agency, now).await?;
            }
            let family: Family = from_word("family", family.clone())?;
            self.link_causes(id, family, &open, law, now).await?;
            execute!(
                self.db(),
                sqlx::query("UPDATE incidents SET judged = $2 WHERE id = $1").bind(id).bind(format!("{severity} {kind}"))
            )
            .map_err(to("mark an incident as looked at"))?;
            self.changed(Change::Incident(id.clone()));
        }
        Ok(rows.len())
    }

    /// A rule would send somebody; it says so once.
    async fn propose(&mut self, incident: &str, agency: &str, now: WallTime) -> Result<(), StoreError> {
        let known: Vec<String> =
            fetch_all!(self.db(), sqlx::query_scalar("SELECT proposed FROM incidents WHERE id = $1").bind(incident))
                .map_err(to("look whom the rules proposed"))?;
        if known.iter().any(|known| known.contains(&format!("\"{agency}\""))) {
            return Ok(());
        }
        let act = Act::ProposeDispatch { agency: agency.into() };
        let _ = self.take_step(incident, Step { at: now, by: Actor::Rule(SELF.into()), act, note: None }, None).await?;
        Ok(())
    }

    /// Links an incident with what explains it, or with what it explains.
    async fn link_causes(
        &mut self,
        id: &str,
        family: Family,
        open: &[(Candidate, Option<String>)],
        law: &Law<'_>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let candidates: Vec<Candidate> = open.iter().map(|(candidate, _)| candidate.clone()).collect();
        let Some(own) = open.iter().find(|(candidate, _)| candidate.id == id) else { return Ok(()) };
        let mut links: Vec<(String, String)> = Vec::new();
        if own.1.is_none()
            && let Some(cause) = rules::find_cause(&own.0, &candidates, law.settings)
        {
            links.push((id.to_owned(), cause.id.clone()));
        }
        if matches!(family, Family::Fire | Family::Flood) {
            let unexplained = open.iter().filter(|(_, cause)| cause.is_none());
            for (effect, _) in unexplained {
                if rules::find_cause(effect, std::slice::from_ref(&own.0), law.settings).is_some() {
                    links.push((effect.id.clone(), id.to_owned()));
                }
            }
        }
        for (effect, cause) in links {
            let linked = execute!(
                self.db(),
                sqlx::query("UPDATE incidents SET cause = $2 WHERE id = $1 AND cause IS NULL").bind(&effect).bind(&cause)
            )
            .map_err(to("link an incident with its cause"))?;
            if linked == 1 {
                let detail = LogDetail::Incident { incident: cause, events: 0 };
                self.log(&effect, now, SELF, LogAction::CauseFound, None, None, Some(&detail)).await?;
                self.touch(&effect, now).await?;
            }
        }
        Ok(())
    }

    /// Open incidents of families that can explain or be explained, each with its cause.
    async fn open_with_causes(&mut self) -> Result<Vec<(Candidate, Option<String>)>, StoreError> {
        let rows: Vec<OpenRow> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT i.id, i.family, i.state, i.began_at, i.ended_at, i.cause, ic.edge, ic.camera, c.longitude, c.latitude
                 FROM incidents i
                 JOIN incident_cameras ic ON ic.incident = i.id
                 LEFT JOIN cameras c ON c.edge = ic.edge AND c.camera = ic.camera
                 WHERE i.state IN ('new', 'acknowledged', 'dispatched') AND i.family IN ('traffic', 'fire', 'flood')
                 UNION ALL
                 SELECT i.id, i.family, i.state, i.began_at, i.ended_at, i.cause, NULL, NULL, r.longitude, r.latitude
                 FROM incidents i JOIN reports r ON r.incident = i.id
                 WHERE i.state IN ('new', 'acknowledged', 'dispatched') AND i.family IN ('traffic', 'fire', 'flood')
                 ORDER BY 1"
            )
        )
        .map_err(to("list open incidents"))?;
        let mut found: Vec<(Candidate, Option<String>)> = Vec::new();
        for row in rows {
            let position = row.longitude.zip(row.latitude).map(|(longitude, latitude)| [longitude, latitude]);
            // People who report stand at no camera; each is a place of its own.
            let spot =
                Spot { edge: row.edge.unwrap_or_default(), camera: row.camera.unwrap_or_else(|| row.id.clone()), position };
            match found.last_mut().filter(|(last, _)| last.id == row.id) {
                Some((last, _)) => last.spots.push(spot),
                None => found.push((
                    Candidate {
                        id: row.id,
                        family: from_word("family", row.family)?,
                        state: from_word::<IncidentState>("incident state", row.state)?,
                        began: time(row.began_at),
                        ended: row.ended_at.map(time),
                        spots: vec![spot],
                    },
                    row.cause,
                )),
            }
        }
        Ok(found)
    }

    async fn position_of(&mut self, incident: &str) -> Result<Option<[f64; 2]>, StoreError> {
        let rows: Vec<(Option<f64>, Option<f64>)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT c.longitude, c.latitude FROM incident_cameras ic
                 JOIN cameras c ON c.edge = ic.edge AND c.camera = ic.camera WHERE ic.incident = $1
                 UNION ALL SELECT longitude, latitude FROM reports WHERE incident = $1"
            )
            .bind(incident)
        )
        .map_err(to("look where an incident is"))?;
        Ok(rows.into_iter().find_map(|(longitude, latitude)| Some([longitude?, latitude?])))
    }
}
