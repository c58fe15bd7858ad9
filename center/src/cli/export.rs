//! Exports what the store holds, page by page. Works beside a running centre.

use std::io::{BufWriter, Write};

use clap::ValueEnum;
use matpho_scene::WallTime;
use serde::Serialize;

use super::{Trouble, block_on};
use crate::{
    config::Config,
    store::{
        Store,
        views::{EventFilter, IncidentFilter},
    },
};

const PAGE: u32 = 200;

/// What can be exported.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum What {
    /// Events, as the API has them.
    Events,
    /// Incidents, as the API has them.
    Incidents,
}

pub(super) fn export(config: &Config, what: What, from: Option<WallTime>, to: Option<WallTime>) -> Result<(), Trouble> {
    block_on(async {
        let store = Store::open(&config.state.folder, config.state.database_bytes_max).await?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        match what {
            What::Events => {
                let mut filter = EventFilter { from, to, ..EventFilter::default() };
                loop {
                    let page = store.events(&filter, PAGE).await?;
                    let Some(last) = page.last() else { break };
                    filter.before = Some((last.began, last.id.clone()));
                    print_lines(&mut out, &page)?;
                }
            }
            What::Incidents => {
                let mut filter = IncidentFilter { from, to, ..IncidentFilter::default() };
                loop {
                    let page = store.incidents(&filter, PAGE).await?;
                    let Some(last) = page.last() else { break };
                    filter.before = Some(last.id.clone());
                    print_lines(&mut out, &page)?;
                }
            }
        }
        out.flush()?;
        Ok(())
    })
}

fn print_lines(out: &mut impl Write, rows: &[impl Serialize]) -> anyhow::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
