//! Exports what the store holds, page by page. Works beside a running centre.

use std::io::{BufWriter, Write};

use clap::ValueEnum;
use matpho_scene::WallTime;
use serde::Serialize;

use super::{Trouble, block_on};
use crate::{
    config::Config,
    rights::Filter,
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
    /// Messages about events, as gateways sent them, in the order of their arrival; `--from` and `--to` do not apply.
    Messages,
}

pub(super) fn export(config: &Config, what: What, from: Option<WallTime>, to: Option<WallTime>) -> Result<(), Trouble> {
    block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        match what {
            What::Events => {
                let mut filter = EventFilter { from, to, ..EventFilter::default() };
                loop {
                    let page = store.events(&filter, &Filter::everything(), PAGE).await?;
                    let Some(last) = page.last() else { break };
                    filter.before = Some((last.began, last.id.clone()));
                    print_lines(&mut out, &page)?;
                }
            }
            What::Incidents => {
                let mut filter = IncidentFilter { from, to, ..IncidentFilter::default() };
                loop {
                    let page = store.incidents(&filter, &Filter::everything(), PAGE).await?;
                    let Some(last) = page.last() else { break };
                    filter.before = Some(last.id.clone());
                    print_lines(&mut out, &page)?;
                }
            }
            What::Messages => {
                let mut after = (i64::MIN, String::new(), String::new());
                loop {
                    let page = store.event_messages(&after, PAGE).await?;
                    let Some((at, source, id, _)) = page.last() else { break };
                    after = (*at, source.clone(), id.clone());
                    for (at, source, id, data) in page {
                        let arrived = WallTime::from_unix_millis(at);
                        let data: serde_json::Value = serde_json::from_str(&data).map_err(anyhow::Error::from)?;
                        print_lines(
                            &mut out,
                            &[serde_json::json!({ "source": source, "id": id, "arrived": arrived, "data": data })],
                        )?;
                    }
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
