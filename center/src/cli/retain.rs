//! Lets go of what is older than the configuration keeps, or says what would go, and by which rule. Works beside a running centre, which does
//! so by itself every hour.

use anyhow::Context;

use super::{Trouble, block_on, print};
use crate::{config::Config, store::Store};

pub(super) fn retain(config: &Config, dry_run: bool) -> Result<(), Trouble> {
    let lines = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        config.retention.check(&store.areas().await?, crate::clock::today())?;
        let now = crate::clock::now();
        let mut lines = Vec::new();
        for line in config.retention.lines() {
            let word = line.kept.word();
            let (kept, rows) = match line.period {
                None => ("for ever".to_owned(), 0),
                Some(period) => {
                    let rows = if dry_run {
                        u64::try_from(store.count_old(&line, now - period).await?).unwrap_or(0)
                    } else {
                        store.let_go(&line, now - period, usize::MAX).await?
                    };
                    (format!("{} days", period.as_secs() / 86_400), rows)
                }
            };
            lines.push(format!("{word}\t{kept}\t{rows}\t{}", line.key()));
        }
        if !dry_run {
            store.sweep_files().await.context("rows went; the centre removes their files as soon as it can")?;
        }
        store.close().await;
        Ok(lines)
    })?;
    print(&format!("what\tkept\t{}\tby", if dry_run { "would go" } else { "gone" }))?;
    lines.iter().try_for_each(|line| print(line))
}
