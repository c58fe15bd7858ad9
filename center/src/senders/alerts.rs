//! Alerts about incidents (CAP): a person publishes an incident; what becomes of it is said without being asked, for a false alarm must not stand.

use std::{path::Path, time::Duration};

use matpho_scene::WallTime;
use serde_json::json;

use super::facts::Reader;
use crate::{
    feeds::cap::{
        incident::{self, Facts, NoAlert, Publisher, Sent, Turn},
        write,
    },
    ingest::writer::blocking,
    store::{
        Store, StoreError,
        alerts::Published,
        audit::{Act, Deed},
        files,
    },
};

/// What stands and goes on is said anew so long before it expires.
pub const SAID_ANEW_BEFORE: Duration = Duration::from_secs(300);

/// Files in one go.
const FILES_MAX: u32 = 100;

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such incident.
    #[error("there is no such incident")]
    NotFound,
    /// It was closed while it went on: nobody says that it is over.
    #[error("the incident is closed")]
    Closed,
    /// There is nothing to say, or it cannot be said.
    #[error(transparent)]
    NoAlert(#[from] NoAlert),
}

/// What an alert says, in a form to be compared.
fn said(facts: &Facts) -> String {
    let turn = match facts.turn {
        Turn::GoesOn => "goes on",
        Turn::Over => "over",
        Turn::Retracted(_) => "retracted",
    };
    format!("{} {:?} {:?} {turn} {:?}", facts.kind, facts.severity, facts.confirmed, facts.depth)
}

/// Publishes an incident because a person said so. What was said already and is still believed is not said twice.
pub async fn publish(
    store: &Store,
    reader: &mut Reader,
    publisher: &Publisher,
    incident: &str,
    by: &str,
    now: WallTime,
) -> Result<Published, PublishError> {
    let detail = store.incident_detail(incident).await?.ok_or(PublishError::NotFound)?;
    let facts = reader.facts(&detail).await?.ok_or(PublishError::Closed)?;
    let mut tx = store.begin().await?;
    let history = tx.alerts_of(incident).await?;
    if let Some(last) = history.last().filter(|last| last.said == said(&facts) && last.expires > now) {
        return Ok(last.clone());
    }
    let alert = make(&facts, publisher, &history, by, now)?;
    tx.publish(&alert).await?;
    tx.audit(&Deed::done(by, Act::AlertPublished, incident, json!({"identifier": alert.identifier})), now).await?;
    tx.commit().await?;
    tracing::info!(incident, by, identifier = alert.identifier, "an alert was published");
    Ok(alert)
}

/// Says what there is more to say about an incident that was published.
pub async fn follow_up(
    store: &Store,
    reader: &mut Reader,
    publisher: &Publisher,
    incident: &str,
    now: WallTime,
) -> Result<(), PublishError> {
    let detail = store.incident_detail(incident).await?;
    let facts = match &detail {
        Some(detail) => reader.facts(detail).await?,
        None => None,
    };
    let mut tx = store.begin().await?;
    let history = tx.alerts_of(incident).await?;
    let Some(last) = history.last() else { return Ok(()) };
    match facts {
        None if last.standing => tx.alert_stands_no_longer(incident).await?,
        Some(facts) => {
            let is_news = said(&facts) != last.said;
            let runs_out = facts.turn == Turn::GoesOn && last.expires < now + SAID_ANEW_BEFORE;
            // What has run out is not brought to an end, and what was taken back is not taken back again.
            let is_open = last.standing && (last.expires > now || facts.turn == Turn::GoesOn);
            if last.standing && !is_open {
                tx.alert_stands_no_longer(incident).await?;
            } else if is_open && (is_news || runs_out) {
                let alert = make(&facts, publisher, &history, &last.by, now)?;
                tx.publish(&alert).await?;
                tracing::info!(incident, identifier = alert.identifier, "an alert was followed up");
            } else {
                return Ok(());
            }
        }
        None => return Ok(()),
    }
    Ok(tx.commit().await?)
}

fn make(facts: &Facts, publisher: &Publisher, history: &[Published], by: &str, now: WallTime) -> Result<Published, NoAlert> {
    let sent: Vec<Sent> = history.iter().map(Published::to_sent).collect();
    // Times are written without fractions: what later alerts refer to has to be the same instant.
    let now = WallTime::from_unix_millis(now.as_unix_millis().div_euclid(1000) * 1000);
    let checked = incident::alert(facts, publisher, &sent, now)?;
    let Sent { reference, expires } = incident::sent(&checked);
    let info = checked.alert().infos.first();
    Ok(Published {
        incident: facts.incident.clone(),
        number: i64::try_from(history.len()).unwrap_or(i64::MAX - 1) + 1,
        identifier: reference.identifier,
        sender: reference.sender,
        sent: reference.sent,
        expires,
        by: by.into(),
        standing: facts.turn == Turn::GoesOn,
        said: said(facts),
        title: info.and_then(|info| info.headline.clone()).unwrap_or_default(),
        summary: info.and_then(|info| info.description.clone()).unwrap_or_default(),
        xml: write::write(&checked),
    })
}

/// What an alert's file is called, without `.xml`.
pub fn file_name(alert: &Published) -> String {
    format!("{}-{}", alert.incident, alert.number)
}

/// Puts alerts that are not there yet into a folder, each whole or not at all.
pub async fn file(store: &Store, folder: &Path) -> Result<(), StoreError> {
    for alert in store.alerts_unfiled(FILES_MAX).await? {
        let (path, xml) = (folder.join(format!("{}.xml", file_name(&alert))), alert.xml.clone());
        blocking(move || files::write(&path, xml.as_bytes())).await?;
        let mut tx = store.begin().await?;
        tx.alert_filed(&alert.incident, alert.number).await?;
        tx.commit().await?;
    }
    Ok(())
}
