//! The audit trail: what people did, and who tried in vain. Lines are added in the transaction of the act itself, so that neither is kept without
//! the other.
//!
//! **Nobody edits it.** Triggers refuse to change or delete a line; whoever takes the triggers away breaks the chain: each line carries the hash of the
//! one before, and [`verify`] finds the first that does not fit. Lines cut off at the end are found by whoever has seen them: a hash that was
//! exported before is looked for (`audit verify --expect`).

use matpho_scene::WallTime;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Store, StoreError, Tx, execute, fetch_all, fetch_optional,
    sql::{Sql, fetch_built},
    time, to,
};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is a word of the trail")]
pub enum Act {
    Login,
    Logout,
    UserPut,
    UserLocked,
    UserUnlocked,
    GatewayAdded,
    GrantAdded,
    GrantRevoked,
    AreasImported,
    AgenciesImported,
    AgencyRemoved,
    MemberAdded,
    MemberRemoved,
    Incident,
    Shelved,
    Unshelved,
    ClipSeen,
    ConfigChanged,
    AlertPublished,
    FeedRetried,
}

impl Act {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::UserPut => "user_put",
            Self::UserLocked => "user_locked",
            Self::UserUnlocked => "user_unlocked",
            Self::GatewayAdded => "gateway_added",
            Self::GrantAdded => "grant_added",
            Self::GrantRevoked => "grant_revoked",
            Self::AreasImported => "areas_imported",
            Self::AgenciesImported => "agencies_imported",
            Self::AgencyRemoved => "agency_removed",
            Self::MemberAdded => "member_added",
            Self::MemberRemoved => "member_removed",
            Self::Incident => "incident",
            Self::Shelved => "shelved",
            Self::Unshelved => "unshelved",
            Self::ClipSeen => "clip_seen",
            Self::ConfigChanged => "config_changed",
            Self::AlertPublished => "alert_published",
            Self::FeedRetried => "feed_retried",
        }
    }
}

/// Something for the trail.
#[derive(Debug, Clone)]
pub struct Deed<'d> {
    /// Who did it.
    pub who: &'d str,
    /// From which address, where that is known.
    pub address: &'d str,
    /// What.
    pub what: Act,
    /// On what: an incident, a user, a grant.
    pub object: &'d str,
    /// Whether it was done; otherwise it was refused.
    pub done: bool,
    /// What else there is to say; no secrets.
    pub detail: Value,
}

impl<'d> Deed<'d> {
    /// Something that was done.
    pub fn done(who: &'d str, what: Act, object: &'d str, detail: Value) -> Self {
        Self { who, address: "", what, object, done: true, detail }
    }
}

/// A line of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct AuditLine {
    /// From 1 on, without a gap.
    pub line: i64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Who.
    pub who: String,
    /// From where; empty where that is not known.
    pub address: String,
    /// What: `login`, `grant_added` and so on.
    pub what: String,
    /// On what.
    pub object: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// JSON.
    pub detail: String,
    /// Hash of the line before; empty for the first.
    pub previous: String,
    /// SHA-256 of the JSON array of all of the above, in this order.
    pub hash: String,
}

impl AuditLine {
    fn hashed(mut self) -> Self {
        let Self { line, at, who, address, what, object, outcome, detail, previous, .. } = &self;
        let text = serde_json::json!([line, at, who, address, what, object, outcome, detail, previous]).to_string();
        self.hash = hex::encode(Sha256::digest(text));
        self
    }

    /// When.
    pub fn time(&self) -> WallTime {
        time(self.at)
    }

    /// As a syslog message (RFC 5424, facility 13 "log audit"): a notice, a warning where something was refused.
    pub fn syslog(&self) -> String {
        let severity = if self.outcome == "done" { 5 } else { 4 };
        let quoted = |text: &str| {
            let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            plain.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
        };
        // 32473 is the enterprise number for examples; nobody gave us one.
        format!(
            "<{}>1 {} - matpho-center - {} [audit@32473 line=\"{}\" who=\"{}\" address=\"{}\" object=\"{}\" outcome=\"{}\" hash=\"{}\"] {}",
            13 * 8 + severity,
            self.time(),
            self.what,
            self.line,
            quoted(&self.who),
            quoted(&self.address),
            quoted(&self.object),
            self.outcome,
            self.hash,
            self.detail.replace(['\n', '\r'], " ")
        )
    }
}

/// Where a trail does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each is")]
pub enum Broken {
    #[error("line {0} is missing: lines were deleted")]
    Gap(i64),
    #[error("line {0} was changed: its hash does not fit what it says")]
    Changed(i64),
    #[error("line {0} does not follow on the line before: lines were changed or exchanged")]
    Chain(i64),
}

/// Looks whether a line follows on the one before (its number and hash).
pub fn verify(line: &AuditLine, before: Option<&(i64, String)>) -> Result<(), Broken> {
    let (number, hash) = before.map_or((0, ""), |(number, hash)| (*number, hash.as_str()));
    if line.line != number + 1 {
        Err(Broken::Gap(number + 1))
    } else if line.clone().hashed().hash != line.hash {
        Err(Broken::Changed(line.line))
    } else if line.previous != hash {
        Err(Broken::Chain(line.line))
    } else {
        Ok(())
    }
}

impl Store {
    /// Lines after a number, the oldest first.
    pub async fn audit_after(&self, line: i64, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        fetch_all!(
            self.db(),
            sqlx::query_as("SELECT * FROM audit WHERE line > $1 ORDER BY line LIMIT $2").bind(line).bind(i64::from(limit))
        )
        .map_err(to("read the audit trail"))
    }

    /// Lines before a number, the newest first; of one person or act where that is asked for.
    pub async fn audit_before(
        &self,
        line: Option<i64>,
        who: Option<&str>,
        what: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditLine>, StoreError> {
        let mut sql = Sql::new("SELECT * FROM audit WHERE line < ");
        sql.arg(line.unwrap_or(i64::MAX));
        for (column, wanted) in [(" AND who = ", who), (" AND what = ", what)] {
            if let Some(wanted) = wanted {
                sql.push(column).arg(wanted);
            }
        }
        sql.push(" ORDER BY line DESC LIMIT ").arg(i64::from(limit));
        fetch_built!(self.db(), sql).map_err(to("read the audit trail"))
    }
}

impl Tx {
    /// Adds a line to the trail. It is kept if the transaction is.
    pub async fn audit(&mut self, deed: &Deed<'_>, at: WallTime) -> Result<(), StoreError> {
        let last: Option<(i64, String)> =
            fetch_optional!(self.db(), sqlx::query_as("SELECT line, hash FROM audit ORDER BY line DESC LIMIT 1"))
                .map_err(to("read the end of the audit trail"))?;
        let (number, previous) = last.unwrap_or_default();
        let line = AuditLine {
            line: number + 1,
            at: at.as_unix_millis(),
            who: deed.who.to_owned(),
            address: deed.address.to_owned(),
            what: deed.what.as_str().to_owned(),
            object: deed.object.to_owned(),
            outcome: if deed.done { "done" } else { "refused" }.to_owned(),
            detail: deed.detail.to_string(),
            previous,
            hash: String::new(),
        }
        .hashed();
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO audit (line, at, who, address, what, object, outcome, detail, previous, hash)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(line.line)
            .bind(line.at)
            .bind(&line.who)
            .bind(&line.address)
            .bind(&line.what)
            .bind(&line.object)
            .bind(&line.outcome)
            .bind(&line.detail)
            .bind(&line.previous)
            .bind(&line.hash)
        )
        .map_err(to("write the audit trail"))?;
        Ok(())
    }

    /// Notes that the centre runs with another configuration than before.
    pub async fn audit_config(&mut self, sha256: &str, at: WallTime) -> Result<(), StoreError> {
        let what = Act::ConfigChanged;
        let last: Option<String> = fetch_optional!(
            self.db(),
            sqlx::query_scalar("SELECT object FROM audit WHERE what = $1 ORDER BY line DESC LIMIT 1").bind(what.as_str())
        )
        .map_err(to("read the end of the audit trail"))?;
        if last.as_deref() != Some(sha256) {
            let version = serde_json::json!({"version": env!("CARGO_PKG_VERSION")});
            self.audit(&Deed::done(super::incidents::SELF, what, sha256, version), at).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail() -> Vec<AuditLine> {
        let mut previous = String::new();
        let line = |number: i64| {
            let line = AuditLine {
                line: number,
                at: 1_795_000_000_000 + number,
                who: "lan".into(),
                address: "10.0.0.7".into(),
                what: "login".into(),
                object: "lan".into(),
                outcome: if number == 2 { "refused" } else { "done" }.into(),
                detail: "{}".into(),
                previous: std::mem::take(&mut previous),
                hash: String::new(),
            }
            .hashed();
            previous.clone_from(&line.hash);
            line
        };
        (1..=4).map(line).collect()
    }

    fn first_broken(lines: &[AuditLine]) -> Result<(), Broken> {
        let mut before = None;
        for line in lines {
            verify(line, before.as_ref())?;
            before = Some((line.line, line.hash.clone()));
        }
        Ok(())
    }

    #[test]
    fn whatever_is_changed_is_found() {
        assert_eq!(first_broken(&trail()), Ok(()));
        let changed = |change: fn(&mut Vec<AuditLine>)| {
            let mut lines = trail();
            change(&mut lines);
            first_broken(&lines).unwrap_err()
        };
        assert_eq!(changed(|lines| lines[1].who = "minh".into()), Broken::Changed(2));
        assert_eq!(changed(|lines| lines[1].outcome = "done".into()), Broken::Changed(2));
        assert_eq!(changed(|lines| drop(lines.remove(1))), Broken::Gap(2));
        assert_eq!(changed(|lines| drop(lines.remove(0))), Broken::Gap(1));
        let forged = |lines: &mut Vec<AuditLine>| lines[1] = AuditLine { who: "minh".into(), ..lines[1].clone() }.hashed();
        assert_eq!(changed(forged), Broken::Chain(3), "a line with a fitting hash is not the one that the next one knew");
    }

    #[test]
    fn syslog_lines_are_whole() {
        let line = AuditLine { who: "a\"]\n".into(), ..trail()[1].clone() }.hashed();
        let text = line.syslog();
        assert!(text.starts_with("<108>1 2026-11-18T"), "{text}");
        assert!(text.contains(r#" - matpho-center - login [audit@32473 line="2" who="a\"\] " address="10.0.0.7""#), "{text}");
        assert!(!text.contains('\n'));
    }
}
