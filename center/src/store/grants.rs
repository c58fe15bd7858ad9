//! Grants. What was granted is never changed, only taken back: the table is its own history.

use matpho_scene::WallTime;

use super::{Store, StoreError, Tx, execute, fetch_all, from_word, places::Edition, time, to, word};
use crate::{
    area::AreaId,
    rights::{Capabilities, Effect, Grant, GrantId, Kinds, Ledger, Principal, Scope, Window},
};

#[derive(sqlx::FromRow)]
struct GrantRow {
    id: String,
    principal: String,
    principal_name: String,
    effect: String,
    role: String,
    capabilities: String,
    area: Option<String>,
    kinds: String,
    from_at: i64,
    until_at: Option<i64>,
    purpose: String,
    granted_by: String,
    passed_on_from: Option<String>,
    revoked_at: Option<i64>,
}

impl GrantRow {
    fn into_grant(self) -> Result<Grant, StoreError> {
        let unreadable = |what: String| StoreError::Grant { id: self.id.clone(), what };
        Ok(Grant {
            principal: match self.principal.as_str() {
                "user" => Principal::User(self.principal_name),
                "agency" => Principal::Agency(self.principal_name),
                other => return Err(unreadable(format!("`{other}` is no principal"))),
            },
            effect: from_word::<Effect>("effect", self.effect)?,
            role: self.role,
            capabilities: self.capabilities.parse::<Capabilities>().map_err(|error| unreadable(format!("{error}")))?,
            scope: match self.area {
                None => Scope::Everywhere,
                Some(area) => Scope::Area(area.parse::<AreaId>().map_err(|error| unreadable(format!("{error}")))?),
            },
            kinds: self.kinds.parse::<Kinds>().map_err(|error| unreadable(format!("{error}")))?,
            window: Window { from: time(self.from_at), until: self.until_at.map(time) },
            purpose: self.purpose,
            granted_by: self.granted_by,
            passed_on_from: self.passed_on_from.map(GrantId),
            revoked: self.revoked_at.map(time),
            id: GrantId(self.id),
        })
    }
}

impl Store {
    /// All grants, those that no longer hold included.
    pub async fn ledger(&self) -> Result<Ledger, StoreError> {
        let rows: Vec<GrantRow> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT id, principal, principal_name, effect, role, capabilities, area, kinds, from_at, until_at, purpose, granted_by,
                    passed_on_from, revoked_at FROM grants ORDER BY id"
            )
        )
        .map_err(to("list grants"))?;
        Ok(Ledger::new(rows.into_iter().map(GrantRow::into_grant).collect::<Result<Vec<_>, _>>()?))
    }
}

impl Tx {
    /// Keeps a new grant.
    pub async fn add_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        let (principal, name) = match &grant.principal {
            Principal::User(name) => ("user", name),
            Principal::Agency(id) => ("agency", id),
        };
        let area = match &grant.scope {
            Scope::Everywhere => None,
            Scope::Area(area) => Some(area.to_string()),
        };
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO grants (id, principal, principal_name, effect, role, capabilities, area, kinds, from_at, until_at, purpose,
                    granted_by, passed_on_from, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            )
            .bind(&grant.id.0)
            .bind(principal)
            .bind(name)
            .bind(word(&grant.effect))
            .bind(&grant.role)
            .bind(grant.capabilities.to_string())
            .bind(&area)
            .bind(grant.kinds.to_string())
            .bind(grant.window.from.as_unix_millis())
            .bind(grant.window.until.map(WallTime::as_unix_millis))
            .bind(&grant.purpose)
            .bind(&grant.granted_by)
            .bind(grant.passed_on_from.as_ref().map(|id| id.0.as_str()))
            .bind(grant.revoked.map(WallTime::as_unix_millis))
        )
        .map_err(to("store a grant"))?;
        self.renew(Edition::Rights).await
    }

    /// Takes a grant back. Whether it was there and had not been taken back.
    pub async fn revoke_grant(&mut self, id: &GrantId, at: WallTime) -> Result<bool, StoreError> {
        let rows = execute!(
            self.db(),
            sqlx::query("UPDATE grants SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
                .bind(&id.0)
                .bind(at.as_unix_millis())
        )
        .map_err(to("take a grant back"))?;
        self.renew(Edition::Rights).await?;
        Ok(rows > 0)
    }
}
