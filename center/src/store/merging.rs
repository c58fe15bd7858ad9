//! Incidents that people put together or take apart. Events, cameras and reports follow; both histories say so. Where an event is put by
//! hand it stays: the rules place an event once, when it arrives.

use super::{Acted, StoreError, Tx, execute, fetch_all, fetch_optional, from_word, incidents::new_id, life::Asked, time, to};
use crate::{
    api::types::{IncidentState, LogAction, LogDetail},
    incident::life::{Act, Actor, Promises, Resolution, Step},
};

/// The most incidents that are put together at once.
pub const MERGE_MAX: usize = 20;

impl Tx {
    /// Puts the events of other incidents into this one; the others are closed as duplicates.
    pub async fn merge(
        &mut self,
        into: &str,
        others: &[String],
        note: Option<&str>,
        asked: &Asked<'_>,
        promises: &Promises,
    ) -> Result<Acted, StoreError> {
        if let Some(instead) = self.admit(into, asked, &format!("merge {others:?} {note:?}")).await? {
            return Ok(instead);
        }
        if others.is_empty() || others.len() > MERGE_MAX || others.iter().any(|other| other == into) {
            return Ok(Acted::Senseless(format!("1 to {MERGE_MAX} other incidents are to be named")));
        }
        let Some((family, true)) = self.family_and_openness(into).await? else {
            return Ok(Acted::Refused(crate::incident::life::Refused::Closed));
        };
        for other in others {
            let Some((other_family, open)) = self.family_and_openness(other).await? else {
                return Ok(Acted::NotFound(other.clone()));
            };
            if !open {
                return Ok(Acted::Refused(crate::incident::life::Refused::Closed));
            }
            if other_family != family {
                return Ok(Acted::Senseless(format!(
                    "{other} is of another family ({other_family}, not {family}); what explains it is linked as its cause instead"
                )));
            }
            let step = Step {
                at: asked.at,
                by: Actor::Person(asked.by.into()),
                act: Act::Resolve { how: Resolution::Duplicate },
                note: note.map(str::to_owned),
            };
            match self.take_step(other, step, Some(promises)).await? {
                Acted::Done => {}
                instead => return Ok(instead),
            }
            let events = self.move_events(other, into, None).await?;
            execute!(self.db(), sqlx::query("UPDATE reports SET incident = $2 WHERE incident = $1").bind(other).bind(into))
                .map_err(to("move reports to another incident"))?;
            execute!(
                self.db(),
                sqlx::query(
                    "UPDATE incidents SET merged_into = $2, event_count = 0, report_count = 0 WHERE id = $1 OR merged_into = $1"
                )
                .bind(other)
                .bind(into)
            )
            .map_err(to("mark an incident as merged"))?;
            execute!(self.db(), sqlx::query("UPDATE incidents SET cause = $2 WHERE cause = $1").bind(other).bind(into))
                .map_err(to("keep what an incident explains"))?;
            self.place_incident(other).await?;
            let there = LogDetail::Incident { incident: into.into(), events };
            self.log(other, asked.at, asked.by, LogAction::MergedInto, None, note, Some(&there)).await?;
            let here = LogDetail::Incident { incident: other.clone(), events };
            self.log(into, asked.at, asked.by, LogAction::Merged, None, note, Some(&here)).await?;
        }
        self.settle(into, asked, promises).await?;
        Ok(Acted::Done)
    }

    /// Makes some of an incident's events an incident of their own. Returns its id.
    pub async fn split(
        &mut self,
        from: &str,
        events: &[String],
        note: Option<&str>,
        asked: &Asked<'_>,
        promises: &Promises,
    ) -> Result<(Acted, Option<String>), StoreError> {
        if let Some(instead) = self.admit(from, asked, &format!("split {events:?} {note:?}")).await? {
            return Ok((instead, None));
        }
        let all: Vec<String> =
            fetch_all!(self.db(), sqlx::query_scalar("SELECT event FROM incident_events WHERE incident = $1").bind(from))
                .map_err(to("list an incident's events"))?;
        if events.is_empty() || events.iter().any(|event| !all.contains(event)) {
            return Ok((Acted::Senseless("events of this incident are to be named".into()), None));
        }
        if all.iter().all(|event| events.contains(event)) {
            return Ok((Acted::Senseless("at least one event has to stay".into()), None));
        }
        let Some((_, true)) = self.family_and_openness(from).await? else {
            return Ok((Acted::Refused(crate::incident::life::Refused::Closed), None));
        };
        let began: Option<i64> =
            fetch_optional!(self.db(), sqlx::query_scalar("SELECT placed_at FROM events WHERE id = $1").bind(&events[0]))
                .map_err(to("look up an event"))?;
        let id = new_id(began.map_or(asked.at, time));
        // What it is follows from its events; who split it off has it.
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO incidents (id, family, kind, severity, state, ongoing, began_at, opened_at, updated_at, late, clock_suspect,
                                        event_count, priority)
                 SELECT $2, family, kind, severity, 'new', TRUE, began_at, opened_at, $3, late, clock_suspect, 0, priority
                 FROM incidents WHERE id = $1"
            )
            .bind(from)
            .bind(&id)
            .bind(asked.at.as_unix_millis())
        )
        .map_err(to("open an incident"))?;
        let count = self.move_events(from, &id, Some(events)).await?;
        let there = LogDetail::Incident { incident: id.clone(), events: count };
        self.log(from, asked.at, asked.by, LogAction::SplitOff, None, note, Some(&there)).await?;
        let here = LogDetail::Incident { incident: from.into(), events: count };
        self.log(&id, asked.at, asked.by, LogAction::SplitFrom, None, note, Some(&here)).await?;
        let step = Step { at: asked.at, by: Actor::Person(asked.by.into()), act: Act::Acknowledge, note: None };
        let _ = self.take_step(&id, step, Some(promises)).await?;
        for incident in [from, &id] {
            self.settle(incident, asked, promises).await?;
        }
        self.once_result(asked, &id).await?;
        Ok((Acted::Done, Some(id)))
    }

    async fn family_and_openness(&mut self, incident: &str) -> Result<Option<(String, bool)>, StoreError> {
        let row: Option<(String, String)> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT family, state FROM incidents WHERE id = $1").bind(incident))
                .map_err(to("look up an incident"))?;
        let Some((family, state)) = row else { return Ok(None) };
        Ok(Some((family, from_word::<IncidentState>("incident state", state)?.is_open())))
    }

    /// Moves all events, or these, with the cameras that saw them. Returns how many.
    async fn move_events(&mut self, from: &str, into: &str, events: Option<&[String]>) -> Result<u32, StoreError> {
        let doing = "move events to another incident";
        let mut moved = 0;
        match events {
            None => {
                moved = execute!(
                    self.db(),
                    sqlx::query("UPDATE incident_events SET incident = $2 WHERE incident = $1").bind(from).bind(into)
                )
                .map_err(to(doing))?;
            }
            Some(events) => {
                for event in events {
                    moved += execute!(
                        self.db(),
                        sqlx::query("UPDATE incident_events SET incident = $2 WHERE event = $3 AND incident = $1")
                            .bind(from)
                            .bind(into)
                            .bind(event)
                    )
                    .map_err(to(doing))?;
                }
            }
        }
        for incident in [from, into] {
            execute!(self.db(), sqlx::query("DELETE FROM incident_cameras WHERE incident = $1").bind(incident))
                .map_err(to(doing))?;
            execute!(
                self.db(),
                sqlx::query(
                    "INSERT INTO incident_cameras (incident, edge, camera)
                     SELECT DISTINCT ie.incident, e.edge, e.camera
                     FROM incident_events ie JOIN events e ON e.id = ie.event WHERE ie.incident = $1"
                )
                .bind(incident)
            )
            .map_err(to(doing))?;
        }
        Ok(u32::try_from(moved).unwrap_or(u32::MAX))
    }

    /// Makes an incident what its events now say.
    async fn settle(&mut self, incident: &str, asked: &Asked<'_>, promises: &Promises) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("UPDATE incidents SET version = version + 1 WHERE id = $1").bind(incident))
            .map_err(to("count an act"))?;
        self.refresh_incident(incident, asked.at).await?;
        self.renew_promise(incident, promises).await?;
        self.place_incident(incident).await?;
        self.cameras_changed(incident).await
    }
}
