//! Agencies, and who belongs to them.

use std::collections::BTreeMap;

use super::{Store, StoreError, Tx, execute, fetch_all, from_word, places::Edition, to, word};
use crate::{
    area::AreaId,
    rights::agency::{Agency, united},
};

impl Store {
    /// The agencies of each user who belongs to one.
    pub async fn memberships(&self) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let rows: Vec<(String, String)> =
            fetch_all!(self.db(), sqlx::query_as("SELECT user_name, agency FROM agency_members ORDER BY user_name, agency"))
                .map_err(to("list the members of agencies"))?;
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (user, agency) in rows {
            members.entry(user).or_default().push(agency);
        }
        Ok(members)
    }
}

impl Store {
    /// All agencies, beside those of the configuration ([`united`]): whom one may send, who is proposed, who may be granted something.
    pub async fn agencies(&self, configured: &[Agency]) -> Result<Vec<Agency>, StoreError> {
        Ok(united(self.imported_agencies().await?, configured))
    }

    /// The agencies that were imported, by id.
    pub async fn imported_agencies(&self) -> Result<Vec<Agency>, StoreError> {
        type Row = (String, String, String, String, Option<String>, Option<String>);
        let rows: Vec<Row> = fetch_all!(
            self.db(),
            sqlx::query_as("SELECT id, name, kinds, areas, telephone, propose_from FROM agencies ORDER BY id")
        )
        .map_err(to("list agencies"))?;
        let agency = |(id, name, kinds, areas, telephone, propose_from): Row| {
            let unreadable = |what: String| StoreError::Grant { id: id.clone(), what };
            Ok(Agency {
                kinds: kinds.parse().map_err(|error| unreadable(format!("{error}")))?,
                areas: areas
                    .split_whitespace()
                    .map(|area| area.parse::<AreaId>().map_err(|error| unreadable(format!("{error}"))))
                    .collect::<Result<_, _>>()?,
                id: id.clone(),
                name,
                telephone,
                propose_from: propose_from.map(|from| from_word("severity", from)).transpose()?,
            })
        };
        rows.into_iter().map(agency).collect()
    }
}

impl Tx {
    /// Makes an agency, or puts it in the place of the one with its id.
    pub async fn put_agency(&mut self, agency: &Agency) -> Result<(), StoreError> {
        let areas: Vec<String> = agency.areas.iter().map(ToString::to_string).collect();
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO agencies (id, name, kinds, areas, telephone, propose_from) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (id) DO UPDATE SET name = $2, kinds = $3, areas = $4, telephone = $5, propose_from = $6",
            )
            .bind(&agency.id)
            .bind(&agency.name)
            .bind(agency.kinds.to_string())
            .bind(areas.join(" "))
            .bind(&agency.telephone)
            .bind(agency.propose_from.as_ref().map(word))
        )
        .map_err(to("store an agency"))?;
        self.renew(Edition::Rights).await
    }

    /// Forgets an imported agency; its members stay known, for one of the same id. Whether there was one.
    pub async fn remove_agency(&mut self, id: &str) -> Result<bool, StoreError> {
        let rows =
            execute!(self.db(), sqlx::query("DELETE FROM agencies WHERE id = $1").bind(id)).map_err(to("remove an agency"))?;
        self.renew(Edition::Rights).await?;
        Ok(rows > 0)
    }

    /// Makes a user a member of an agency, or lets them go. Whether that changed anything.
    pub async fn set_member(&mut self, agency: &str, user: &str, is_member: bool) -> Result<bool, StoreError> {
        let sql = if is_member {
            "INSERT INTO agency_members (agency, user_name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM agency_members WHERE agency = $1 AND user_name = $2"
        };
        let rows = execute!(self.db(), sqlx::query(sql).bind(agency).bind(user)).map_err(to("change an agency's members"))?;
        self.renew(Edition::Rights).await?;
        Ok(rows > 0)
    }
}
