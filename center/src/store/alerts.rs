//! Alerts that were published (CAP): what was said about which incident, in order.

use matpho_scene::WallTime;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_optional, time, to};
use crate::feeds::cap::{alert::Reference, incident::Sent};

/// A published alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The incident it is about.
    pub incident: String,
    /// Counted from 1 for each incident.
    pub number: i64,
    /// How others name it.
    pub identifier: String,
    /// Who sent it, as the alert has it.
    pub sender: String,
    /// When.
    pub sent: WallTime,
    /// Until when it holds.
    pub expires: WallTime,
    /// Who said that the incident is to be published.
    pub by: String,
    /// Whether it is the last word about something that goes on.
    pub standing: bool,
    /// What it says, to know whether there is more to say.
    pub said: String,
    /// Its headline.
    pub title: String,
    /// In short.
    pub summary: String,
    /// The alert.
    pub xml: String,
}

impl Published {
    /// How later ones refer to it.
    pub fn to_sent(&self) -> Sent {
        let reference = Reference { sender: self.sender.clone(), identifier: self.identifier.clone(), sent: self.sent };
        Sent { reference, expires: self.expires }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    incident: String,
    number: i64,
    identifier: String,
    sender: String,
    sent_at: i64,
    expires_at: i64,
    published_by: String,
    standing: bool,
    said: String,
    title: String,
    summary: String,
    xml: String,
}

impl From<Row> for Published {
    fn from(row: Row) -> Self {
        Self {
            incident: row.incident,
            number: row.number,
            identifier: row.identifier,
            sender: row.sender,
            sent: time(row.sent_at),
            expires: time(row.expires_at),
            by: row.published_by,
            standing: row.standing,
            said: row.said,
            title: row.title,
            summary: row.summary,
            xml: row.xml,
        }
    }
}

/// The columns of [`Row`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT incident, number, identifier, sender, sent_at, expires_at, published_by, standing, said, title, summary, xml FROM cap_alerts ",
            $rest
        )
    };
}

impl Store {
    /// Alerts since an instant, the newest first.
    pub async fn alerts_since(&self, since: WallTime, limit: u32) -> Result<Vec<Published>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self.db(),
            sqlx::query_as(select!("WHERE sent_at >= $1 ORDER BY sent_at DESC, incident, number DESC LIMIT $2"))
                .bind(since.as_unix_millis())
                .bind(i64::from(limit))
        )
        .map_err(to("list alerts"))?;
        Ok(rows.into_iter().map(Published::from).collect())
    }

    /// An alert.
    pub async fn alert(&self, incident: &str, number: i64) -> Result<Option<Published>, StoreError> {
        let row: Option<Row> = fetch_optional!(
            self.db(),
            sqlx::query_as(select!("WHERE incident = $1 AND number = $2")).bind(incident).bind(number)
        )
        .map_err(to("read an alert"))?;
        Ok(row.map(Published::from))
    }

    /// Alerts that stand and hold no longer than until an instant: to be said anew.
    pub async fn alerts_expiring(&self, before: WallTime) -> Result<Vec<String>, StoreError> {
        fetch_all!(
            self.db(),
            sqlx::query_scalar("SELECT incident FROM cap_alerts WHERE standing AND expires_at < $1 ORDER BY incident LIMIT 1000")
                .bind(before.as_unix_millis())
        )
        .map_err(to("look for alerts that expire"))
    }

    /// Alerts that do not lie in the configured folder yet.
    pub async fn alerts_unfiled(&self, limit: u32) -> Result<Vec<Published>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self.db(),
            sqlx::query_as(select!("WHERE NOT filed ORDER BY sent_at, incident, number LIMIT $1")).bind(i64::from(limit))
        )
        .map_err(to("look for alerts to be filed"))?;
        Ok(rows.into_iter().map(Published::from).collect())
    }
}

impl Tx {
    /// What was said about an incident, in order.
    pub async fn alerts_of(&mut self, incident: &str) -> Result<Vec<Published>, StoreError> {
        let rows: Vec<Row> = fetch_all!(self.db(), sqlx::query_as(select!("WHERE incident = $1 ORDER BY number")).bind(incident))
            .map_err(to("read the alerts of an incident"))?;
        Ok(rows.into_iter().map(Published::from).collect())
    }

    /// Keeps an alert; those before it about the same incident stand no longer.
    pub async fn publish(&mut self, alert: &Published) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("UPDATE cap_alerts SET standing = FALSE WHERE incident = $1").bind(&alert.incident))
            .map_err(to("keep an alert"))?;
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO cap_alerts (incident, number, identifier, sender, sent_at, expires_at, published_by, standing, said,
                                         title, summary, xml, filed)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, FALSE)"
            )
            .bind(&alert.incident)
            .bind(alert.number)
            .bind(&alert.identifier)
            .bind(&alert.sender)
            .bind(alert.sent.as_unix_millis())
            .bind(alert.expires.as_unix_millis())
            .bind(&alert.by)
            .bind(alert.standing)
            .bind(&alert.said)
            .bind(&alert.title)
            .bind(&alert.summary)
            .bind(&alert.xml)
        )
        .map_err(to("keep an alert"))?;
        Ok(())
    }

    /// The last word about an incident stands no longer: nothing more will be said.
    pub async fn alert_stands_no_longer(&mut self, incident: &str) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("UPDATE cap_alerts SET standing = FALSE WHERE incident = $1").bind(incident))
            .map_err(to("end an alert"))?;
        Ok(())
    }

    /// An alert lies in the configured folder.
    pub async fn alert_filed(&mut self, incident: &str, number: i64) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query("UPDATE cap_alerts SET filed = TRUE WHERE incident = $1 AND number = $2").bind(incident).bind(number)
        )
        .map_err(to("mark an alert as filed"))?;
        Ok(())
    }
}
