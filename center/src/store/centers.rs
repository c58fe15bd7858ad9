//! Centres that share what gateways send: who is alive.

use std::time::Duration;

use matpho_scene::WallTime;

use super::{StoreError, Tx, execute, fetch_all, to};

impl Tx {
    /// Says that a centre is alive.
    pub async fn center_lives(&mut self, client_id: &str, now: WallTime) -> Result<(), StoreError> {
        execute!(
            self.db(),
            sqlx::query(
                "INSERT INTO centers (client_id, said_at) VALUES ($1, $2)
                 ON CONFLICT (client_id) DO UPDATE SET said_at = $2, heir = NULL, heir_at = NULL"
            )
            .bind(client_id)
            .bind(now.as_unix_millis())
        )
        .map_err(to("say that this centre is alive"))?;
        Ok(())
    }

    /// A centre that has been silent for so long, to be taken over by `heir` alone.
    pub async fn inherit(&mut self, heir: &str, silence: Duration, now: WallTime) -> Result<Option<String>, StoreError> {
        let silent: Vec<String> = fetch_all!(
            self.db(),
            sqlx::query_scalar(
                "UPDATE centers SET heir = $1, heir_at = $2
                 WHERE client_id = (SELECT client_id FROM centers WHERE client_id <> $1 AND said_at < $3
                                    AND (heir IS NULL OR heir_at < $3) ORDER BY client_id LIMIT 1)
                 RETURNING client_id"
            )
            .bind(heir)
            .bind(now.as_unix_millis())
            .bind((now - silence).as_unix_millis())
        )
        .map_err(to("take over from another centre"))?;
        Ok(silent.into_iter().next())
    }

    /// Forgets a centre that has been taken over, unless it came back.
    pub async fn forget_center(&mut self, client_id: &str, heir: &str) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("DELETE FROM centers WHERE client_id = $1 AND heir = $2").bind(client_id).bind(heir))
            .map_err(to("forget a centre"))?;
        Ok(())
    }
}
