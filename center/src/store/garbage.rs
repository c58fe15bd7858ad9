//! Files that nothing refers to any more: noted in the transaction that gives them up, removed afterwards, however often that takes.

use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::AssertSqlSafe;

use super::{Store, StoreError, Tx, execute, fetch_all, fetch_one, files, to};

/// Files between two looks at what is left.
const FILES_MAX: i64 = 500;

/// Files that nobody refers to. One that was given up and came again is none of them, until it is given up again.
const GARBAGE: &str = "file_garbage g WHERE NOT EXISTS (SELECT 1 FROM evidence v WHERE v.path = g.path)
    AND NOT EXISTS (SELECT 1 FROM clips k WHERE k.path = g.path)";

impl Store {
    /// Removes what was given up. Returns how many files that were; at a failure the rest waits for the next time.
    ///
    /// A picture that was given up, and that its gateway sends once more in the very moment in which it is removed here, is lost.
    pub async fn sweep_files(&self) -> Result<u64, StoreError> {
        let mut swept = 0;
        loop {
            let sql = AssertSqlSafe(format!("SELECT g.path FROM {GARBAGE} ORDER BY g.path LIMIT $1"));
            let paths: Vec<String> = fetch_all!(self.db(), sqlx::query_scalar(sql).bind(FILES_MAX))
                .map_err(to("list files that nothing refers to"))?;
            if paths.is_empty() {
                return Ok(swept);
            }
            let removals: Vec<_> = paths.iter().map(|path| self.files.remove(path)).collect();
            stream::iter(removals).buffer_unordered(files::AT_ONCE).try_collect::<()>().await?;
            let mut tx = self.begin().await?;
            for path in &paths {
                execute!(tx.db(), sqlx::query("DELETE FROM file_garbage WHERE path = $1").bind(path))
                    .map_err(to("note that a file is gone"))?;
            }
            tx.commit().await?;
            swept += paths.len() as u64;
        }
    }

    /// How many files are still to be removed.
    pub async fn count_garbage(&self) -> Result<i64, StoreError> {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {GARBAGE}"));
        fetch_one!(self.db(), sqlx::query_scalar(sql)).map_err(to("count files that nothing refers to"))
    }
}

impl Tx {
    /// Nothing refers to a file any more.
    pub async fn drop_file(&mut self, path: &str) -> Result<(), StoreError> {
        execute!(self.db(), sqlx::query("INSERT INTO file_garbage (path) VALUES ($1) ON CONFLICT DO NOTHING").bind(path))
            .map_err(to("note that nothing refers to a file"))?;
        Ok(())
    }
}
