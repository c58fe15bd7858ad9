//! What people report: callers of a hotline, people in the field. A report joins the incident that it is about, or opens one of its own.
//!
//! Who they are is kept apart from what they say, read by one query alone, and let go of by `retention`.

use matpho_scene::{WallTime, event::Severity};

use super::{
    Acted, Store, StoreError, Tx, events, execute, fetch_all, fetch_optional, from_word, incidents::new_id, life::Asked, time,
    to, word,
};
use crate::{
    api::types::{Contact, Family, LogAction, LogDetail, NewReport, Report},
    incident::rules::{self, Candidate, Sighting, Spot, around},
    rights::Moment,
};

#[derive(sqlx::FromRow)]
struct ReportRow {
    id: String,
    incident: String,
    channel: String,
    kind: String,
    text: String,
    place: String,
    longitude: f64,
    latitude: f64,
    seen_at: i64,
    arrived_at: i64,
    taken_by: String,
    has_contact: bool,
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    id: String,
    state: String,
    began_at: i64,
    ended_at: Option<i64>,
    longitude: f64,
    latitude: f64,
}

macro_rules! select_reports {
    ($where:literal) => {
        concat!(
            "SELECT r.id, r.incident, r.channel, r.kind, r.text, r.place, r.longitude, r.latitude, r.seen_at, r.arrived_at, r.taken_by,
                    EXISTS (SELECT 1 FROM report_contacts k WHERE k.report = r.id) AS has_contact
             FROM reports r ",
            $where
        )
    };
}

impl ReportRow {
    fn into_report(self) -> Result<Report, StoreError> {
        Ok(Report {
            id: self.id,
            incident: self.incident,
            channel: from_word("channel", self.channel)?,
            kind: events::kind(self.kind)?,
            text: self.text,
            place: self.place,
            position: [self.longitude, self.latitude],
            seen: time(self.seen_at),
            arrived: time(self.arrived_at),
            by: self.taken_by,
            has_contact: self.has_contact,
        })
    }
}

impl Store {
    /// A report; without who made it.
    pub async fn report(&self, id: &str) -> Result<Option<Report>, StoreError> {
        let row: Option<ReportRow> = fetch_optional!(self.db(), sqlx::query_as(select_reports!("WHERE r.id = $1")).bind(id))
            .map_err(to("read a report"))?;
        row.map(ReportRow::into_report).transpose()
    }

    /// The reports of an incident, first one first.
    pub async fn reports_of(&self, incident: &str) -> Result<Vec<Report>, StoreError> {
        let rows: Vec<ReportRow> = fetch_all!(
            self.db(),
            sqlx::query_as(select_reports!("WHERE r.incident = $1 ORDER BY r.arrived_at, r.id")).bind(incident)
        )
        .map_err(to("list reports"))?;
        rows.into_iter().map(ReportRow::into_report).collect()
    }

    /// Whom to call back about a report, as long as that is kept.
    pub async fn report_contact(&self, report: &str) -> Result<Option<Contact>, StoreError> {
        let row: Option<(Option<String>, Option<String>)> = fetch_optional!(
            self.db(),
            sqlx::query_as("SELECT name, telephone FROM report_contacts WHERE report = $1").bind(report)
        )
        .map_err(to("read whom to call back"))?;
        Ok(row.map(|(name, telephone)| Contact { name, telephone }))
    }
}

impl Tx {
    /// Open incidents of a family that were reported around a place.
    pub(super) async fn reported(
        &mut self,
        family: Family,
        position: [f64; 2],
        distance_m: f64,
    ) -> Result<Vec<Candidate>, StoreError> {
        let [(west, east), (south, north)] = around(position, distance_m);
        let rows: Vec<OpenRow> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT i.id, i.state, i.began_at, i.ended_at, r.longitude, r.latitude
                 FROM reports r JOIN incidents i ON i.id = r.incident
                 WHERE r.latitude BETWEEN $1 AND $2 AND r.longitude BETWEEN $3 AND $4
                   AND i.family = $5 AND i.closed_at IS NULL ORDER BY i.id"
            )
            .bind(south)
            .bind(north)
            .bind(west)
            .bind(east)
            .bind(word(&family))
        )
        .map_err(to("look for what was reported nearby"))?;
        let candidate = |row: OpenRow| {
            Ok(Candidate {
                id: row.id,
                family,
                state: from_word("incident state", row.state)?,
                began: time(row.began_at),
                ended: row.ended_at.map(time),
                spots: vec![reported_spot([row.longitude, row.latitude])],
            })
        };
        rows.into_iter().map(candidate).collect()
    }

    /// Takes a report: it joins an incident that is near in place, time and kind, or opens one. Returns its id.
    pub async fn take_report(
        &mut self,
        report: &NewReport,
        seen: WallTime,
        asked: &Asked<'_>,
        settings: &rules::Settings,
    ) -> Result<(Acted, Option<String>), StoreError> {
        // Who called is no part of what is remembered for a key.
        let request = format!("report {} {:?} {:?}", report.kind, report.position, report.text);
        if let Some(instead) = self.once(asked, &request).await? {
            return Ok((instead, None));
        }
        let id = new_id(asked.at);
        let reach = rules::Settings { distance_m: settings.report_distance_m, gap: settings.report_gap, ..settings.clone() };
        let sighting = Sighting { kind: report.kind, spot: reported_spot(report.position), began: seen, late: false };
        let mut candidates = self.candidates(&sighting, &reach).await?;
        candidates.extend(self.reported(Family::of(report.kind), report.position, reach.distance_m).await?);
        let home = rules::find_home(&sighting, &candidates, &reach).map(|home| home.id.clone());
        let is_new = home.is_none();
        let incident = match home {
            Some(home) => home,
            None => {
                let incident = self.open_incident(&sighting, Severity::Moderate, asked.at).await?;
                self.log(&incident, asked.at, asked.by, LogAction::Opened, None, None, None).await?;
                incident
            }
        };
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO reports (id, incident, channel, kind, text, place, longitude, latitude, seen_at, arrived_at, taken_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            )
            .bind(&id)
            .bind(&incident)
            .bind(word(&report.channel))
            .bind(report.kind.as_str())
            .bind(report.text.trim())
            .bind(report.place.trim())
            .bind(report.position[0])
            .bind(report.position[1])
            .bind(seen.as_unix_millis())
            .bind(asked.at.as_unix_millis())
            .bind(asked.by)
        )
        .map_err(to("store a report"))?;
        let today = Moment::new(asked.at, crate::clock::offset()).today;
        self.place_report(&id, report.position, today).await?;
        self.place_incident(&incident).await?;
        if let Some(Contact { name, telephone }) = &report.contact {
            execute!(
                self.db(),
                sqlx::query("INSERT INTO report_contacts (report, name, telephone, arrived_at) VALUES ($1, $2, $3, $4)")
                    .bind(&id)
                    .bind(name)
                    .bind(telephone)
                    .bind(asked.at.as_unix_millis())
            )
            .map_err(to("store whom to call back"))?;
        }
        let detail = LogDetail::Report { report: id.clone() };
        self.log(&incident, asked.at, asked.by, LogAction::Reported, None, None, Some(&detail)).await?;
        if !is_new {
            // Somebody is there and sees it: it is worth another look, also of who shelved it.
            execute!(self.db(), sqlx::query("UPDATE incidents SET shelved_until = NULL WHERE id = $1").bind(&incident))
                .map_err(to("take an incident off the shelf"))?;
        }
        self.refresh_incident(&incident, asked.at).await?;
        self.once_result(asked, &id).await?;
        Ok((Acted::Done, Some(id)))
    }
}

impl Tx {
    /// Somebody read whom to call back.
    pub async fn contact_read(&mut self, report: &Report, who: &str, now: WallTime) -> Result<(), StoreError> {
        let detail = LogDetail::Report { report: report.id.clone() };
        self.log(&report.incident, now, who, LogAction::ContactRead, None, None, Some(&detail)).await?;
        self.touch(&report.incident, now).await
    }
}

/// A person who stands somewhere is near what cameras see there, and is no camera.
fn reported_spot(position: [f64; 2]) -> Spot {
    Spot { edge: String::new(), camera: format!("{position:?}"), position: Some(position) }
}
