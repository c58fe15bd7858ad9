//! What is kept for how long, and letting go of the rest.
//!
//! What is open stays, however old. What goes, goes in small transactions, so that messages are taken between them. An incident, and what
//! belongs to it, has the kinds of its events and lies where the cameras stand that saw them; so a rule may fit it by one of several.

use std::time::Duration;

use jiff::civil::Date;
use matpho_scene::WallTime;
use sqlx::AssertSqlSafe;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_one, to};
use crate::{
    area::{AreaId, AreaTree},
    rights::{EVERYWHERE, Kinds},
};

/// Rows in one transaction.
const ROWS_MAX: i64 = 1_000;

/// Incidents in one transaction: each brings its events along.
const INCIDENTS_MAX: i64 = 100;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Closed incidents with their events, log, pictures and clips; since they were closed.
    Incidents,
    /// Messages about events of closed incidents, as they came; since they arrived.
    Messages,
    /// Measurements; since their period began.
    Measurements,
    /// Pictures of closed incidents; since they were taken.
    Pictures,
    /// Clips of closed incidents; since they arrived.
    Clips,
    /// Messages that could not be taken; since they arrived.
    Rejected,
    /// Whom to call back about a report; since it arrived.
    Contacts,
}

impl Kept {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Incidents, Self::Messages, Self::Measurements, Self::Pictures, Self::Clips, Self::Rejected, Self::Contacts];

    /// The word for it, in the configuration too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incidents => "incidents",
            Self::Messages => "messages",
            Self::Measurements => "measurements",
            Self::Pictures => "pictures",
            Self::Clips => "clips",
            Self::Rejected => "rejected",
            Self::Contacts => "contacts",
        }
    }

    /// The rows that are older than `$1`: the key that names them, and from where.
    const fn old(self) -> (&'static str, &'static str) {
        match self {
            Self::Incidents => ("i.id", "incidents i WHERE i.closed_at < $1"),
            Self::Messages => (
                "source, id",
                "event_messages m WHERE m.arrived_at < $1 AND NOT EXISTS (
                     SELECT 1 FROM incident_events ie JOIN incidents i ON i.id = ie.incident
                     WHERE ie.event = m.event AND i.closed_at IS NULL)",
            ),
            Self::Measurements => ("line", "measurements s WHERE s.from_at < $1"),
            Self::Pictures => (
                "v.path",
                "evidence v LEFT JOIN incident_events ie ON ie.event = v.event LEFT JOIN incidents i ON i.id = ie.incident
                 WHERE v.path <> '' AND v.seen_at < $1 AND (i.id IS NULL OR i.closed_at IS NOT NULL)",
            ),
            Self::Clips => (
                "k.event",
                "clips k LEFT JOIN incident_events ie ON ie.event = k.event LEFT JOIN incidents i ON i.id = ie.incident
                 WHERE COALESCE(k.arrived_at, k.requested_at) < $1 AND (i.id IS NULL OR i.closed_at IS NOT NULL)",
            ),
            Self::Rejected => ("line", "rejected WHERE arrived_at < $1"),
            Self::Contacts => ("report", "report_contacts c WHERE c.arrived_at < $1"),
        }
    }

    /// Of such a row, where it lies and with which kinds, and what the kind is called there; `None`: it lies nowhere. What is measured has
    /// a place and no kind.
    const fn places(self) -> Option<(&'static str, Option<&'static str>)> {
        match self {
            Self::Incidents | Self::Pictures | Self::Clips => Some(("incident_areas a WHERE a.incident = i.id", Some("a.kind"))),
            Self::Messages => Some((
                "incident_events e JOIN incident_areas a ON a.incident = e.incident WHERE e.event = m.event",
                Some("a.kind"),
            )),
            Self::Measurements => Some(("camera_areas a WHERE a.edge = s.edge AND a.camera = s.camera", None)),
            Self::Contacts => Some(("reports r JOIN report_areas a ON a.report = r.id WHERE r.id = c.report", Some("r.kind"))),
            Self::Rejected => None,
        }
    }

    /// Whether a rule for some areas can name it.
    pub const fn has_place(self) -> bool {
        self.places().is_some()
    }

    /// Whether a rule for some kinds can name it.
    pub const fn has_kind(self) -> bool {
        matches!(self.places(), Some((_, Some(_))))
    }
}

/// For how long something is kept; `None`: for ever.
pub type Period = Option<Duration>;

/// What is kept for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What no rule below says otherwise about.
    pub usual: Vec<(Kept, Period)>,
    /// For some kinds in some areas. Of those that fit something and name what it is, the first decides.
    pub special: Vec<Rule>,
}

/// What is kept for how long in some cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// It fits what has one of these kinds …
    pub kinds: Kinds,
    /// … and lies in one of these areas or a part of it; none: anywhere.
    pub areas: Vec<AreaId>,
    /// What it names.
    pub periods: Vec<(Kept, Period)>,
}

impl Rule {
    /// What has to be so of a row for the rule to fit it.
    fn fits(&self, kept: Kept) -> String {
        let Some((places, kind)) = kept.places() else { return "FALSE".into() };
        // Words of kinds and areas hold nothing that SQL would read.
        let list = |words: Vec<String>| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        let areas = if self.areas.is_empty() {
            list(vec![EVERYWHERE.into()])
        } else {
            list(self.areas.iter().map(ToString::to_string).collect())
        };
        let kinds = match kind.filter(|_| !self.kinds.is_all()) {
            Some(kind) => format!(" AND {kind} IN ({})", list(self.kinds.iter().map(|kind| kind.to_string()).collect())),
            None => String::new(),
        };
        format!("EXISTS (SELECT 1 FROM {places} AND a.area IN ({areas}){kinds})")
    }
}

/// What the configuration says about one thing in one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// About what.
    pub kept: Kept,
    /// For how long.
    pub period: Period,
    /// Which rule says so; `None`: what is usual.
    pub rule: Option<usize>,
    condition: String,
}

impl Line {
    /// The key of the configuration that says so.
    pub fn key(&self) -> String {
        let word = self.kept.word();
        match self.rule {
            Some(rule) => format!("retention.rules[{rule}].{word}_days"),
            None => format!("retention.{word}_days"),
        }
    }

    /// Rows that the line is about and that are older than `$1`: the key that names them, and from where.
    fn old(&self) -> (&'static str, String) {
        let (key, rows) = self.kept.old();
        (key, format!("{rows}{}", self.condition))
    }
}

impl Rules {
    /// Everything that is said, so that each thing falls under one line.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (kept, usual) in &self.usual {
            let mut others = String::new();
            for (index, rule) in self.special.iter().enumerate() {
                let Some((_, period)) = rule.periods.iter().find(|(named, _)| named == kept) else { continue };
                let fits = rule.fits(*kept);
                let condition = format!(" AND {fits}{others}");
                lines.push(Line { kept: *kept, period: *period, rule: Some(index), condition });
                others.push_str(&format!(" AND NOT {fits}"));
            }
            lines.push(Line { kept: *kept, period: *usual, rule: None, condition: others });
        }
        lines
    }

    /// Areas that rules name and that are not there: what lies in them would fall under another rule, and what is gone is gone. So
    /// nothing is let go before that is mended.
    pub fn check(&self, tree: &AreaTree, today: Date) -> Result<(), UnknownAreas> {
        let mut what = Vec::new();
        for (index, rule) in self.special.iter().enumerate() {
            for area in rule.areas.iter().filter(|area| tree.at(area, today).is_none()) {
                if let Some(why) = missing(area, rule, tree, today) {
                    what.push(format!("retention.rules[{index}].areas: {area} {why}"));
                }
            }
        }
        if what.is_empty() { Ok(()) } else { Err(UnknownAreas(what.join("; "))) }
    }
}

/// Why an area that is not valid today is a fault of a rule; `None`: it is none.
fn missing(area: &AreaId, rule: &Rule, tree: &AreaTree, today: Date) -> Option<String> {
    if tree.areas().next().is_none() {
        return Some("is not known: no areas are imported yet (`matpho-center area import`)".into());
    }
    if !tree.knows(area) {
        return Some("is no area that was imported (`matpho-center area list`)".into());
    }
    let has_begun = tree.areas().any(|version| version.id == *area && version.validity.from <= today);
    if !has_begun {
        // Who names it ahead of the day is early, not wrong.
        return None;
    }
    let now = tree.remap(area, today);
    let is_named = |heir: &AreaId| rule.areas.iter().any(|named| tree.is_within(heir, named, today));
    let unnamed: Vec<_> = now.keys().filter(|heir| !is_named(heir)).map(ToString::to_string).collect();
    match (now.is_empty(), unnamed.is_empty()) {
        (true, _) => Some("has ended, and nothing is known of what became of it: name what lies there now".into()),
        (_, false) => Some(format!("has ended; it is {} now: name that too", unnamed.join(", "))),
        (_, true) => None,
    }
}

/// Rules of retention name areas that are not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is let go before this is mended: {0}")]
pub struct UnknownAreas(String);

impl Store {
    /// How many rows a line is about that are older than an instant.
    pub async fn count_old(&self, line: &Line, before: WallTime) -> Result<i64, StoreError> {
        let (_, rows) = line.old();
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {rows}"));
        fetch_one!(self.db(), sqlx::query_scalar(sql).bind(before.as_unix_millis())).map_err(to("count what is old"))
    }

    /// Lets go of what a line is about and is older than an instant, at most `batches_max` transactions of it. Returns how many went.
    pub async fn let_go(&self, line: &Line, before: WallTime, batches_max: usize) -> Result<u64, StoreError> {
        let mut gone = 0;
        for _ in 0..batches_max {
            let mut tx = self.begin().await?;
            let rows = tx.let_go_some(line, before).await?;
            tx.commit().await?;
            gone += rows;
            if rows == 0 {
                break;
            }
        }
        Ok(gone)
    }
}

impl Tx {
    /// One transaction's worth: how many went.
    async fn let_go_some(&mut self, line: &Line, before: WallTime) -> Result<u64, StoreError> {
        let (kept, (key, rows)) = (line.kept, line.old());
        let before = before.as_unix_millis();
        let doing = "let go of what is old";
        let old = match kept {
            Kept::Messages | Kept::Measurements | Kept::Rejected | Kept::Contacts => {
                let table = rows.split(' ').next().unwrap_or_default();
                let sql = format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {rows} LIMIT $2)");
                let sql = AssertSqlSafe(sql);
                return execute!(self.db(), sqlx::query(sql).bind(before).bind(ROWS_MAX)).map_err(to(doing));
            }
            Kept::Incidents | Kept::Pictures | Kept::Clips => {
                let limit = if kept == Kept::Incidents { INCIDENTS_MAX } else { ROWS_MAX };
                let sql = AssertSqlSafe(format!("SELECT {key} FROM {rows} LIMIT $2"));
                let old: Vec<String> =
                    fetch_all!(self.db(), sqlx::query_scalar(sql).bind(before).bind(limit)).map_err(to(doing))?;
                old
            }
        };
        for key in &old {
            match kept {
                Kept::Incidents => self.forget_incident(key).await?,
                Kept::Clips => self.forget_clip(key).await?,
                _ => {
                    execute!(self.db(), sqlx::query("UPDATE evidence SET path = '' WHERE path = $1").bind(key))
                        .map_err(to(doing))?;
                    self.drop_file(key).await?;
                }
            }
        }
        Ok(old.len() as u64)
    }

    async fn forget_clip(&mut self, event: &str) -> Result<(), StoreError> {
        let paths: Vec<Option<String>> =
            fetch_all!(self.db(), sqlx::query_scalar("DELETE FROM clips WHERE event = $1 RETURNING path").bind(event))
                .map_err(to("forget a clip"))?;
        for path in paths.iter().flatten() {
            self.drop_file(path).await?;
        }
        Ok(())
    }

    /// An incident with all that belongs to it.
    async fn forget_incident(&mut self, incident: &str) -> Result<(), StoreError> {
        const EVENTS: &str = "IN (SELECT event FROM incident_events WHERE incident = $1)";
        let doing = "forget an incident";
        for table in ["evidence", "clips"] {
            let sql = AssertSqlSafe(format!("DELETE FROM {table} WHERE event {EVENTS} RETURNING path"));
            let paths: Vec<Option<String>> = fetch_all!(self.db(), sqlx::query_scalar(sql).bind(incident)).map_err(to(doing))?;
            for path in paths.iter().flatten().filter(|path| !path.is_empty()) {
                self.drop_file(path).await?;
            }
        }
        for rows in [
            format!("event_messages WHERE event {EVENTS}"),
            format!("events WHERE id {EVENTS}"),
            "report_contacts WHERE report IN (SELECT id FROM reports WHERE incident = $1)".into(),
            "report_areas WHERE report IN (SELECT id FROM reports WHERE incident = $1)".into(),
            "reports WHERE incident = $1".into(),
            "incident_log WHERE incident = $1".into(),
            "incident_cameras WHERE incident = $1".into(),
            "incident_areas WHERE incident = $1".into(),
            "incident_events WHERE incident = $1".into(),
            "incidents WHERE id = $1".into(),
        ] {
            let sql = AssertSqlSafe(format!("DELETE FROM {rows}"));
            execute!(self.db(), sqlx::query(sql).bind(incident)).map_err(to(doing))?;
        }
        Ok(())
    }
}
