//! Agencies, and who belongs to them.

use std::collections::BTreeMap;

use super::{Store, StoreError, fetch_all, to};

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
