//! Incidents as the sum of their events: read together, summed up in memory, written together.

use std::collections::BTreeMap;

use matpho_scene::{WallTime, event::Severity};

use super::{
    Change, StoreError, Tx, events, from_word,
    incidents::SELF,
    sql::{Sql, fetch_built},
    time, to, word,
};
use crate::{
    api::types::{Certainty, IncidentState, LogAction, Priority},
    incident::{
        life::{Act, Actor, Resolution, Step},
        rules::{self, EventFact},
    },
};

/// An incident's row, as far as its events say what is in it.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    state: String,
    kind: String,
    severity: String,
    severity_seen: Option<String>,
    certainty: String,
    certainty_set: bool,
    priority: String,
    priority_set: bool,
    ongoing: bool,
    began_at: i64,
    ended_at: Option<i64>,
    opened_at: i64,
    updated_at: i64,
    late: bool,
    clock_suspect: bool,
    retracted: bool,
    cameras: i64,
    reports: i64,
    reported_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct FactRow {
    incident: String,
    event: String,
    kind: String,
    severity: String,
    severity_max: String,
    placed_at: i64,
    ended_at: Option<i64>,
    late: bool,
    clock_suspect: bool,
    retracted: bool,
}

impl FactRow {
    fn into_fact(self) -> Result<EventFact, StoreError> {
        Ok(EventFact {
            kind: events::kind(self.kind)?,
            severity: from_word("severity", self.severity)?,
            severity_max: from_word("severity", self.severity_max)?,
            began: time(self.placed_at),
            ended: self.ended_at.map(time),
            late: self.late,
            clock_suspect: self.clock_suspect,
            retracted: self.retracted,
        })
    }
}

/// A line for an incident's log.
struct Line {
    incident: String,
    at: WallTime,
    what: LogAction,
    note: Option<Severity>,
}

/// An incident on its way from what its row says to what its events say.
pub(super) struct Standing {
    row: Row,
    /// Its events, and in the same order what they say.
    events: Vec<String>,
    facts: Vec<EventFact>,
    /// It was over before anybody could know: nobody is late for it.
    lapses: bool,
    /// All of it was taken back before anybody had seen it: nobody need. When.
    taken_back: Option<WallTime>,
}

/// Incidents, by id; `log` is what is to be told of them, in the order in which it happened.
#[derive(Default)]
pub(super) struct Standings {
    incidents: BTreeMap<String, Standing>,
    log: Vec<Line>,
}

impl Standings {
    /// What an incident has to know of one of its events, to be changed.
    pub(super) fn fact_mut(&mut self, incident: &str, event: &str) -> Option<&mut EventFact> {
        let Standing { events, facts, .. } = self.incidents.get_mut(incident)?;
        facts.get_mut(events.iter().position(|of| of == event)?)
    }

    /// Sums an incident's events and reports up anew, and logs what that changed.
    pub(super) fn sum_up(&mut self, incident: &str, now: WallTime) -> Result<(), StoreError> {
        let Some(Standing { row, facts, lapses, taken_back, .. }) = self.incidents.get_mut(incident) else { return Ok(()) };
        let mut log = |what, note| self.log.push(Line { incident: incident.to_owned(), at: now, what, note });
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        row.updated_at = now.as_unix_millis();
        if !row.certainty_set {
            row.certainty = word::<Certainty>(&rules::certainty(count(row.cameras), count(row.reports)));
        }
        // What only people saw is as they said until they close it.
        let Some(summary) = rules::summarise(facts) else { return Ok(()) };
        let was: Severity = from_word("severity", row.severity.clone())?;
        let seen = row.severity_seen.clone().map(|seen| from_word::<Severity>("severity", seen)).transpose()?;
        let by_hand = seen.filter(|seen| summary.severity <= *seen);
        let severity = if by_hand.is_some() { was } else { summary.severity };
        if severity > was && summary.ended.is_none() {
            log(LogAction::Escalated, Some(severity));
        }
        if row.ongoing && summary.ended.is_some() {
            log(LogAction::Ended, None);
        }
        let is_new = from_word::<IncidentState>("incident state", row.state.clone())? == IncidentState::New;
        if summary.retracted && !row.retracted {
            log(LogAction::Retracted, None);
            // Whoever has it already decides what to make of it.
            *taken_back = (is_new && row.reports == 0).then_some(now);
        }
        if !row.priority_set {
            row.priority = word(&Priority::of(severity));
        }
        row.kind = summary.kind.as_str().to_owned();
        row.severity = events::severity_word(severity);
        row.severity_seen = by_hand.map(events::severity_word);
        row.ongoing = summary.ended.is_none();
        row.began_at = row.reported_at.map_or(summary.began, |reported| summary.began.min(time(reported))).as_unix_millis();
        row.ended_at = summary.ended.map(WallTime::as_unix_millis);
        row.late = summary.late;
        row.clock_suspect = summary.clock_suspect;
        row.retracted = summary.retracted;
        *lapses |= summary.late && is_new && row.ended_at.is_some_and(|ended_at| ended_at <= row.opened_at);
        Ok(())
    }
}

impl Tx {
    /// Reads incidents with what their events say.
    pub(super) async fn standings(&mut self, incidents: &[&str]) -> Result<Standings, StoreError> {
        let mut standings = Standings::default();
        if incidents.is_empty() {
            return Ok(standings);
        }
        let mut sql = Sql::new(
            "SELECT id, state, kind, severity, severity_seen, certainty, certainty_set, priority, priority_set, ongoing, began_at, ended_at,
                    opened_at, updated_at, late, clock_suspect, retracted,
                    (SELECT COUNT(*) FROM incident_cameras WHERE incident = i.id) AS cameras,
                    (SELECT COUNT(*) FROM reports WHERE incident = i.id) AS reports,
                    (SELECT MIN(seen_at) FROM reports WHERE incident = i.id) AS reported_at
             FROM incidents i WHERE id IN ",
        );
        sql.list(incidents.iter().copied());
        let rows: Vec<Row> = fetch_built!(self.db(), sql).map_err(to("read incidents"))?;
        for row in rows {
            let standing = Standing { events: Vec::new(), facts: Vec::new(), lapses: false, taken_back: None, row };
            standings.incidents.insert(standing.row.id.clone(), standing);
        }
        let mut sql = Sql::new(
            "SELECT ie.incident, ie.event, e.kind, e.severity, e.severity_max, e.placed_at, e.ended_at, e.late, e.clock_suspect, e.retracted
             FROM incident_events ie JOIN events e ON e.id = ie.event WHERE ie.incident IN ",
        );
        sql.list(incidents.iter().copied());
        let rows: Vec<FactRow> = fetch_built!(self.db(), sql).map_err(to("read incidents' events"))?;
        for row in rows {
            let Some(standing) = standings.incidents.get_mut(&row.incident) else { continue };
            standing.events.push(row.event.clone());
            standing.facts.push(row.into_fact()?);
        }
        Ok(standings)
    }

    /// Writes incidents as they are now summed up.
    pub(super) async fn write_standings(&mut self, standings: Standings) -> Result<(), StoreError> {
        let Standings { incidents, log } = standings;
        if incidents.is_empty() {
            return Ok(());
        }
        let mut sql = Sql::new(
            "WITH now (id, certainty, report_count, event_count, updated_at, kind, severity, ongoing, began_at, ended_at, late, clock_suspect,
                       retracted, severity_seen, priority) AS (VALUES ",
        );
        sql.rows(incidents.values(), |row, Standing { row: now, facts, .. }| {
            row.text(&now.id).text(&now.certainty).int(now.reports).int(i64::try_from(facts.len()).unwrap_or(i64::MAX));
            row.int(now.updated_at).text(&now.kind).text(&now.severity).bool(now.ongoing).int(now.began_at).value(now.ended_at);
            row.bool(now.late).bool(now.clock_suspect).bool(now.retracted).value(now.severity_seen.clone()).text(&now.priority);
        });
        sql.push(
            ") UPDATE incidents SET certainty = now.certainty, report_count = now.report_count, event_count = now.event_count,
                                    updated_at = now.updated_at, kind = now.kind, severity = now.severity, ongoing = now.ongoing,
                                    began_at = now.began_at, ended_at = now.ended_at, late = now.late, clock_suspect = now.clock_suspect,
                                    retracted = now.retracted, severity_seen = now.severity_seen, priority = now.priority
             FROM now WHERE incidents.id = now.id",
        );
        self.run(sql, "update incidents").await?;
        let lapsed: Vec<&String> = incidents.iter().filter(|(_, standing)| standing.lapses).map(|(id, _)| id).collect();
        if !lapsed.is_empty() {
            let mut sql = Sql::new("UPDATE incidents SET due_at = NULL, level = 0, raises_at = NULL WHERE id IN ");
            sql.list(lapsed);
            self.run(sql, "take back what is promised about incidents").await?;
        }
        if !log.is_empty() {
            let mut sql = Sql::new("INSERT INTO incident_log (incident, at, who, what, note) VALUES ");
            sql.rows(&log, |row, line| {
                row.text(&line.incident).int(line.at.as_unix_millis()).text(SELF).text(&word(&line.what));
                row.value(line.note.map(events::severity_word));
            });
            self.run(sql, "write incidents' logs").await?;
        }
        for (id, standing) in incidents {
            if let Some(at) = standing.taken_back {
                let act = Act::Resolve { how: Resolution::Retracted };
                let step = Step { at, by: Actor::Rule(SELF.into()), act, note: None };
                let _ = self.take_step(&id, step, None).await?;
            }
            self.changed(Change::Incident(id));
        }
        Ok(())
    }

    /// Sums one incident's events and reports up anew.
    pub(super) async fn refresh_incident(&mut self, incident: &str, now: WallTime) -> Result<(), StoreError> {
        let mut standings = self.standings(&[incident]).await?;
        standings.sum_up(incident, now)?;
        self.write_standings(standings).await
    }
}
