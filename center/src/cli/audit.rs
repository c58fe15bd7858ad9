//! The audit trail: out to who watches it, and whether it holds. Works beside a running centre.

use std::io::{BufWriter, Write};

use clap::ValueEnum;

use super::{ConfigFile, Trouble, block_on, load, print, wrong_use};
use crate::{
    config::Config,
    store::{
        Store,
        audit::{AuditLine, verify},
    },
};

const PAGE: u32 = 1_000;

/// The audit trail.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints the trail, the oldest line first.
    Export {
        /// As what.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        /// Only lines after this number: those that were not exported yet.
        #[arg(long, default_value_t = 0)]
        after: i64,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Looks at every line whether it was changed; prints the last line's number and hash.
    Verify {
        /// A line and its hash as an earlier run printed them (LINE:HASH): it must still be there.
        #[arg(long)]
        expect: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// A JSON object a line.
    Jsonl,
    /// RFC 5424.
    Syslog,
}

pub(super) fn run(command: Command) -> Result<(), Trouble> {
    match command {
        Command::Export { format, after, config } => export(&load(&config.config)?, format, after),
        Command::Verify { expect, config } => check(&load(&config.config)?, expect.as_deref()),
    }
}

/// Passes each line on, the oldest first.
fn each(config: &Config, after: i64, mut take: impl FnMut(AuditLine) -> anyhow::Result<()>) -> Result<(), Trouble> {
    block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut last = after;
        loop {
            let page = store.audit_after(last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last = end.line;
            page.into_iter().try_for_each(&mut take)?;
        }
        store.close().await;
        Ok(())
    })
}

fn export(config: &Config, format: Format, after: i64) -> Result<(), Trouble> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    each(config, after, |line| {
        match format {
            Format::Jsonl => serde_json::to_writer(&mut out, &line)?,
            Format::Syslog => out.write_all(line.syslog().as_bytes())?,
        }
        Ok(out.write_all(b"\n")?)
    })?;
    Ok(out.flush()?)
}

fn check(config: &Config, expect: Option<&str>) -> Result<(), Trouble> {
    let expected = match expect.map(|text| text.split_once(':').and_then(|(line, hash)| Some((line.parse::<i64>().ok()?, hash))))
    {
        Some(None) => return Err(wrong_use("--expect takes LINE:HASH, as an earlier `audit verify` printed it")),
        other => other.flatten(),
    };
    let (mut before, mut met) = (None, expected.is_none());
    each(config, 0, |line| {
        verify(&line, before.as_ref())?;
        met |= expected.is_some_and(|(number, hash)| number == line.line && hash == line.hash);
        before = Some((line.line, line.hash));
        Ok(())
    })?;
    if !met {
        return Err(Trouble::Work(anyhow::anyhow!(
            "the expected line is not in the trail: it was cut off, or made anew as a whole"
        )));
    }
    match before {
        Some((line, hash)) => print(&format!("{line} lines hold together; the last is {line}:{hash}")),
        None => print("the trail is empty"),
    }
}
