//! Lets go of what is older than the configuration keeps, or says what would go. Works beside a running centre, which does so by itself
//! every hour.

use super::{Trouble, block_on, print};
use crate::{config::Config, store::Store};

pub(super) fn retain(config: &Config, dry_run: bool) -> Result<(), Trouble> {
    let lines = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let now = crate::clock::now();
        let mut lines = Vec::new();
        for (kept, period) in &config.retention {
            let word = kept.word();
            lines.push(match period {
                None => format!("{word}\tfor ever\t0"),
                Some(period) => {
                    let rows = if dry_run {
                        u64::try_from(store.count_old(*kept, now - *period).await?).unwrap_or(0)
                    } else {
                        store.let_go(*kept, now - *period, usize::MAX).await?
                    };
                    format!("{word}\t{} days\t{rows}", period.as_secs() / 86_400)
                }
            });
        }
        store.close().await;
        Ok(lines)
    })?;
    print(&format!("what\tkept\t{}", if dry_run { "would go" } else { "gone" }))?;
    lines.iter().try_for_each(|line| print(line))
}
