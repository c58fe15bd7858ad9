//! What people do to incidents, step by step. `incident::life` says what can be done; here it is kept.
//!
//! **Invariant:** each act is a line of the incident's log with who and when; the incident's own row holds what follows from the lines.

use matpho_scene::{WallTime, event::Severity};

use super::{StoreError, Tx, execute, fetch_all, fetch_optional, from_json, from_word, incidents::SELF, json, time, to, word};
use crate::{
    api::types::{Assessed, Certainty, CloseReason, IncidentState, LogAction, LogDetail, Priority},
    incident::life::{self, Act, Actor, Escalation, Life, Promises, Refused, Resolution, Step},
};

/// How long a client's key is remembered.
pub const KEY_KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Who asks for something, and on what condition.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who.
    pub by: &'a str,
    /// The client's key: what is asked for with it is done once.
    pub key: Option<&'a str>,
    /// The version of the incident that they saw; another one is not touched.
    pub version: Option<i64>,
    /// When.
    pub at: WallTime,
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Acted {
    /// It is done.
    Done,
    /// It was done when it was asked for with the same key before; the id of what came of it then.
    Before(Option<String>),
    /// There is no such incident.
    NotFound(String),
    /// Somebody acted on it meanwhile.
    Changed,
    /// The key stands for something else.
    KeyReused,
    /// It cannot be done as the incident stands.
    Refused(Refused),
    /// It makes no sense; why.
    Senseless(String),
}

/// What a person says of an incident.
#[derive(Debug, Clone, Copy, Default)]
pub struct Assessment {
    /// How grave.
    pub severity: Option<Severity>,
    /// How sure.
    pub certainty: Option<Certainty>,
    /// How important.
    pub priority: Option<Priority>,
}

#[derive(sqlx::FromRow)]
struct LifeRow {
    opened_at: i64,
    severity: String,
    late: bool,
    ongoing: bool,
    due_at: Option<i64>,
    level: i64,
    raises_at: Option<i64>,
    merged_into: Option<String>,
    acknowledged_by: Option<String>,
    acknowledged_at: Option<i64>,
    proposed: String,
}

impl From<Resolution> for CloseReason {
    fn from(how: Resolution) -> Self {
        match how {
            Resolution::Resolved => Self::Resolved,
            Resolution::NoAction => Self::NoAction,
            Resolution::Duplicate => Self::Duplicate,
            Resolution::Recovered => Self::Recovered,
            Resolution::Retracted => Self::Retracted,
        }
    }
}

impl CloseReason {
    /// Of something that happened; `None`: it did not.
    pub const fn resolution(self) -> Option<Resolution> {
        Some(match self {
            Self::Resolved => Resolution::Resolved,
            Self::NoAction => Resolution::NoAction,
            Self::Duplicate => Resolution::Duplicate,
            Self::Recovered => Resolution::Recovered,
            Self::Retracted => Resolution::Retracted,
            Self::FalseAlarm => return None,
        })
    }
}

/// How an act stands in the log.
fn line_of(act: &Act) -> (LogAction, Option<LogDetail>) {
    match act {
        Act::Acknowledge => (LogAction::Acknowledged, None),
        Act::ProposeDispatch { agency } => (LogAction::DispatchProposed, Some(LogDetail::Agency { agency: agency.clone() })),
        Act::Dispatch { agency } => (LogAction::Dispatched, Some(LogDetail::Agency { agency: agency.clone() })),
        Act::Resolve { how } => (LogAction::Resolved, Some(LogDetail::Closing { reason: (*how).into() })),
        Act::FalseAlarm { reason } => (LogAction::FalseAlarm, Some(LogDetail::FalseAlarm { reason: *reason })),
        Act::Reopen => (LogAction::Reopened, None),
    }
}

/// The act of a line; `None` for lines that are no step of the life.
fn act_of(what: LogAction, detail: Option<LogDetail>) -> Option<Act> {
    Some(match (what, detail) {
        (LogAction::Acknowledged, _) => Act::Acknowledge,
        (LogAction::DispatchProposed, Some(LogDetail::Agency { agency })) => Act::ProposeDispatch { agency },
        (LogAction::Dispatched, Some(LogDetail::Agency { agency })) => Act::Dispatch { agency },
        (LogAction::Resolved, Some(LogDetail::Closing { reason })) => {
            Act::Resolve { how: reason.resolution().unwrap_or(Resolution::Resolved) }
        }
        (LogAction::FalseAlarm, Some(LogDetail::FalseAlarm { reason })) => Act::FalseAlarm { reason },
        (LogAction::Reopened, _) => Act::Reopen,
        _ => return None,
    })
}

impl Tx {
    /// Looks whether what is asked for is to be done; `Some`: what became of it instead.
    pub(super) async fn admit(&mut self, incident: &str, asked: &Asked<'_>, request: &str) -> Result<Option<Acted>, StoreError> {
        let version: Option<i64> =
            fetch_optional!(self.db(), sqlx::query_scalar("SELECT version FROM incidents WHERE id = $1").bind(incident))
                .map_err(to("look up an incident"))?;
        let Some(version) = version else { return Ok(Some(Acted::NotFound(incident.into()))) };
        if let Some(before) = self.once(asked, &format!("{incident} {request}")).await? {
            return Ok(Some(before));
        }
        Ok(asked.version.filter(|seen| *seen != version).map(|_| Acted::Changed))
    }

    /// Remembers a client's key; `Some`: it was there already.
    pub(super) async fn once(&mut self, asked: &Asked<'_>, request: &str) -> Result<Option<Acted>, StoreError> {
        let Some(key) = asked.key else { return Ok(None) };
        let known: Option<(String, Option<String>)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT request, result FROM done_once WHERE who = $1 AND key = $2").bind(asked.by).bind(key)
        )
        .map_err(to("look up a client's key"))?;
        if let Some((known, result)) = known {
            return Ok(Some(if known == request { Acted::Before(result) } else { Acted::KeyReused }));
        }
        execute!(
            self.db(),
            sqlx::query("INSERT INTO done_once (who, key, request, at) VALUES ($1, $2, $3, $4)")
                .bind(asked.by)
                .bind(key)
                .bind(request)
                .bind(asked.at.as_unix_millis())
        )
        .map_err(to("remember a client's key"))?;
        Ok(None)
    }

    /// Remembers what came of what was asked for with a key.
    pub(super) async fn once_result(&mut self, asked: &Asked<'_>, result: &str) -> Result<(), StoreError> {
        let Some(key) = asked.key else { return Ok(()) };
        execute!(
            self.db(),
            sqlx::query("UPDATE done_once SET result = $3 WHERE who = $1 AND key = $2").bind(asked.by).bind(key).bind(result)
        )
        .map_err(to("remember what came of a client's key"))?;
        Ok(())
    }

    /// Forgets keys that no client repeats any more.
    pub async fn trim_keys(&mut self, now: WallTime) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("DELETE FROM done_once WHERE at < $1").bind((now - KEY_KEPT).as_unix_millis()))
            .map_err(to("forget clients' keys"))?;
        Ok(())
    }

    /// A person does something. Nothing is to be committed unless it is [`Acted::Done`].
    pub async fn act(
        &mut self,
        incident: &str,
        act: Act,
        note: Option<&str>,
        asked: &Asked<'_>,
        promises: &Promises,
    ) -> Result<Acted, StoreError> {
        if let Some(instead) = self.admit(incident, asked, &format!("{act:?} {note:?}")).await? {
            return Ok(instead);
        }
        let step = Step { at: asked.at, by: Actor::Person(asked.by.into()), act, note: note.map(str::to_owned) };
        self.take_step(incident, step, Some(promises)).await
    }

    /// The life of an incident so far, and what its row says.
    async fn life(&mut self, incident: &str) -> Result<Option<(LifeRow, Life)>, StoreError> {
        let row: Option<LifeRow> = fetch_optional!(
            self.db(),
            sqlx::query_as(
                "SELECT opened_at, severity, late, ongoing, due_at, level, raises_at, merged_into, acknowledged_by, acknowledged_at,
                        proposed
                 FROM incidents WHERE id = $1"
            )
            .bind(incident)
        )
        .map_err(to("look up an incident"))?;
        let Some(row) = row else { return Ok(None) };
        type Line = (i64, String, String, Option<String>, Option<String>);
        let lines: Vec<Line> = fetch_all!(
            self.db(),
            sqlx::query_as("SELECT at, who, what, note, data FROM incident_log WHERE incident = $1 ORDER BY line").bind(incident)
        )
        .map_err(to("read an incident's log"))?;
        let mut steps = Vec::new();
        for (at, who, what, note, data) in lines {
            let detail = data.map(|data| from_json("log detail", &data)).transpose()?;
            if let Some(act) = act_of(from_word("log action", what)?, detail) {
                let by = if who == SELF { Actor::Rule(who) } else { Actor::Person(who) };
                steps.push(Step { at: time(at), by, act, note });
            }
        }
        let life = Life::kept(time(row.opened_at), steps);
        Ok(Some((row, life)))
    }

    /// Takes a step if the life allows it. Without promises the next look of the rules sets what is promised.
    pub(super) async fn take_step(
        &mut self,
        incident: &str,
        step: Step,
        promises: Option<&Promises>,
    ) -> Result<Acted, StoreError> {
        let Some((row, mut life)) = self.life(incident).await? else { return Ok(Acted::NotFound(incident.into())) };
        if step.act == Act::Reopen && row.merged_into.is_some() {
            return Ok(Acted::Refused(Refused::Merged));
        }
        if let Err(refused) = life.take(step.clone()) {
            return Ok(Acted::Refused(refused));
        }
        let who = match &step.by {
            Actor::Person(name) | Actor::Rule(name) => name.as_str(),
        };
        let (what, detail) = line_of(&step.act);
        self.log(incident, step.at, who, what, None, step.note.as_deref(), detail.as_ref()).await?;

        let state = life.state();
        let acknowledged = match (&step.by, &step.act) {
            (Actor::Person(name), Act::Acknowledge | Act::Dispatch { .. }) if row.acknowledged_by.is_none() => {
                (Some(name.clone()), Some(step.at.as_unix_millis()))
            }
            _ => (row.acknowledged_by.clone(), row.acknowledged_at),
        };
        let (reason, false_reason) = match &step.act {
            Act::Resolve { how } => (Some(word(&CloseReason::from(*how))), None),
            Act::FalseAlarm { reason } => (Some(word(&CloseReason::FalseAlarm)), Some(word(reason))),
            _ => (None, None),
        };
        let closed = !state.is_open();
        let sent: Vec<&str> = life.sent().collect();
        let mut proposed: Vec<String> = from_json("list of agencies", &row.proposed)?;
        if let Act::ProposeDispatch { agency } = &step.act
            && !proposed.contains(agency)
        {
            proposed.push(agency.clone());
        }
        execute!(
            self.db(),
            sqlx::query(
                "UPDATE incidents SET state = $2, version = version + $13, holder = $3, acknowledged_by = $4, acknowledged_at = $5,
                                      closed_by = $6, closed_at = $7, close_reason = $8, close_note = $9, false_reason = $10,
                                      sent = $11, proposed = $12
                 WHERE id = $1"
            )
            .bind(incident)
            .bind(word(&state))
            .bind(life.holder())
            .bind(acknowledged.0)
            .bind(acknowledged.1)
            .bind(closed.then_some(who))
            .bind(closed.then_some(step.at.as_unix_millis()))
            .bind(reason)
            .bind(step.note.as_deref().filter(|_| closed))
            .bind(false_reason)
            .bind(json(&sent)?)
            .bind(json(&proposed)?)
            .bind(i64::from(matches!(step.by, Actor::Person(_))))
        )
        .map_err(to("take a step in an incident's life"))?;
        self.set_promise(incident, &row, &life, promises).await?;
        self.touch(incident, step.at).await?;
        if closed || step.act == Act::Reopen {
            self.cameras_changed(incident).await?;
        }
        Ok(Acted::Done)
    }

    /// Sets until when an incident is to be taken or closed. What has gone up stays up as long as the promise is the same.
    async fn set_promise(
        &mut self,
        incident: &str,
        row: &LifeRow,
        life: &Life,
        promises: Option<&Promises>,
    ) -> Result<(), StoreError> {
        let (due, escalation) = match promises {
            _ if !life.state().is_open() => (None, Escalation::new(None)),
            None => return Ok(()),
            // It was over when the centre learnt of it: nobody can be late for it.
            Some(_) if row.late && !row.ongoing && life.state() == IncidentState::New => (None, Escalation::new(None)),
            Some(promises) => {
                let due = life::due(life, promises.of(from_word("severity", row.severity.clone())?));
                let kept = due.map(WallTime::as_unix_millis) == row.due_at;
                let told = Escalation { level: u32::try_from(row.level).unwrap_or(0), next: row.raises_at.map(time) };
                (due, if kept { told } else { Escalation::new(due) })
            }
        };
        execute!(
            self.db(),
            sqlx::query("UPDATE incidents SET due_at = $2, level = $3, raises_at = $4 WHERE id = $1")
                .bind(incident)
                .bind(due.map(WallTime::as_unix_millis))
                .bind(i64::from(escalation.level))
                .bind(escalation.next.map(WallTime::as_unix_millis))
        )
        .map_err(to("set what is promised about an incident"))?;
        Ok(())
    }

    /// Sets what is promised anew, by an incident's severity as it is now.
    pub(super) async fn renew_promise(&mut self, incident: &str, promises: &Promises) -> Result<(), StoreError> {
        let Some((row, life)) = self.life(incident).await? else { return Ok(()) };
        self.set_promise(incident, &row, &life, Some(promises)).await
    }

    /// Tells the next one above of each promise that was not kept. Returns which, and how many above the operator know.
    pub async fn raise_overdue(&mut self, promises: &Promises, now: WallTime) -> Result<Vec<(String, u32)>, StoreError> {
        let rows: Vec<(String, String, String, i64, i64)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT id, state, severity, level, raises_at FROM incidents
                 WHERE raises_at <= $1 AND (shelved_until IS NULL OR shelved_until <= $1) ORDER BY raises_at LIMIT 200"
            )
            .bind(now.as_unix_millis())
        )
        .map_err(to("look for promises that were not kept"))?;
        let mut raised = Vec::new();
        for (incident, state, severity, level, raises_at) in rows {
            let Some(timer) = life::Timer::of(from_word("incident state", state)?) else { continue };
            let told = Escalation { level: u32::try_from(level).unwrap_or(0), next: Some(time(raises_at)) };
            let told = told.at(now, promises.of(from_word("severity", severity)?));
            execute!(
                self.db(),
                sqlx::query("UPDATE incidents SET level = $2, raises_at = $3 WHERE id = $1")
                    .bind(&incident)
                    .bind(i64::from(told.level))
                    .bind(told.next.map(WallTime::as_unix_millis))
            )
            .map_err(to("raise an incident"))?;
            let detail = LogDetail::Promise { timer, level: told.level };
            self.log(&incident, now, SELF, LogAction::Raised, None, None, Some(&detail)).await?;
            self.touch(&incident, now).await?;
            raised.push((incident, told.level));
        }
        Ok(raised)
    }

    /// Somebody writes a note; also on a closed incident.
    pub async fn note(&mut self, incident: &str, note: &str, asked: &Asked<'_>) -> Result<Acted, StoreError> {
        if let Some(instead) = self.admit(incident, asked, &format!("note {note}")).await? {
            return Ok(instead);
        }
        self.log(incident, asked.at, asked.by, LogAction::Noted, None, Some(note), None).await?;
        self.touch(incident, asked.at).await?;
        Ok(Acted::Done)
    }

    /// Somebody says how grave, how sure or how important an incident is, and why.
    pub async fn assess(&mut self, incident: &str, said: Assessment, note: &str, asked: &Asked<'_>) -> Result<Acted, StoreError> {
        if let Some(instead) = self.admit(incident, asked, &format!("{said:?} {note}")).await? {
            return Ok(instead);
        }
        let was: Option<(String, String, String, Option<String>)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT severity, certainty, priority, severity_seen FROM incidents WHERE id = $1").bind(incident)
        )
        .map_err(to("look up an incident"))?;
        let Some((severity, certainty, priority, severity_seen)) = was else { return Ok(Acted::NotFound(incident.into())) };
        let changes = [
            (Assessed::Severity, severity.clone(), said.severity.map(|to| word(&to))),
            (Assessed::Certainty, certainty.clone(), said.certainty.map(|to| word(&to))),
            (Assessed::Priority, priority.clone(), said.priority.map(|to| word(&to))),
        ];
        let mut any = false;
        for (of, from, to) in changes {
            let Some(to) = to.filter(|to| *to != from) else { continue };
            any = true;
            let detail = LogDetail::Assessment { of, from, to };
            self.log(incident, asked.at, asked.by, LogAction::Assessed, None, Some(note), Some(&detail)).await?;
        }
        if !any {
            return Ok(Acted::Senseless("nothing would change".into()));
        }
        let hand_severity = said.severity.map(|severity| word(&severity));
        // The cameras' own word is what stood there when a person first said otherwise.
        let seen = hand_severity.as_ref().map_or(severity_seen.clone(), |_| severity_seen.clone().or(Some(severity.clone())));
        let priority = match (said.priority, said.severity) {
            (Some(by_hand), _) => Some(by_hand),
            (None, Some(severity)) => Some(Priority::of(severity)),
            (None, None) => None,
        };
        execute!(
            self.db(),
            sqlx::query(
                "UPDATE incidents SET severity = COALESCE($2, severity), severity_seen = $3, certainty = COALESCE($4, certainty),
                        certainty_set = (certainty_set OR $5), priority_set = (priority_set OR $7),
                        priority = CASE WHEN priority_set AND NOT $7 THEN priority ELSE COALESCE($6, priority) END,
                        version = version + 1
                 WHERE id = $1"
            )
            .bind(incident)
            .bind(hand_severity)
            .bind(seen)
            .bind(said.certainty.map(|certainty| word(&certainty)))
            .bind(said.certainty.is_some())
            .bind(priority.map(|priority| word(&priority)))
            .bind(said.priority.is_some())
        )
        .map_err(to("assess an incident"))?;
        self.touch(incident, asked.at).await?;
        Ok(Acted::Done)
    }
}
