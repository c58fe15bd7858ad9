//! Backup and restore: one folder with all that the centre keeps, whichever store it keeps it in.
//!
//! ```text
//! backup.json            what is in it, with hashes; written last: without it the backup is not whole
//! tables/NAME.jsonl      the rows, JSON
//! files/…                pictures and clips
//! broker/…               gateways' accounts at the managed broker
//! ```
//!
//! Works beside a running centre. A backup of one store can be restored into the other.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{BufRead, BufReader, BufWriter, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Trouble, block_on, print};
use crate::{
    broker::{accounts::write_private, managed},
    config::{Broker, Config},
    run,
    store::{
        Store,
        files::{AT_ONCE, Files},
    },
};

/// Of this arrangement.
const FORMAT: u32 = 1;

/// Rows that are put into the store at once.
const ROWS_MAX: usize = 5_000;

/// The broker's files that are worth keeping: who may log in.
const ACCOUNTS: [&str; 2] = ["passwd", "center.secret"];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    version: String,
    schema: i64,
    taken: WallTime,
    tables: BTreeMap<String, Rows>,
    files: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    rows: u64,
    sha256: String,
}

/// Writes a file and its hash.
struct Hashed {
    out: BufWriter<File>,
    hash: Sha256,
    rows: u64,
}

impl Hashed {
    fn row(&mut self, row: &str) -> anyhow::Result<()> {
        // A row of JSON has no line break of its own.
        for bytes in [row.as_bytes(), b"\n"] {
            self.out.write_all(bytes)?;
            self.hash.update(bytes);
        }
        self.rows += 1;
        Ok(())
    }
}

pub(super) fn backup(config: &Config, to: &Path) -> Result<(), Trouble> {
    let said = block_on(async {
        private_folder(to)?;
        private_folder(&to.join("tables"))?;
        let store = Store::open(&config.state, &config.store).await?;
        let mut whole = store.whole().await?;
        let taken = crate::clock::now();
        let (mut tables, mut files, mut gone, mut damaged) = (BTreeMap::new(), 0, 0, Vec::new());
        for (name, table) in whole.tables().await? {
            let path = to.join(format!("tables/{name}.jsonl"));
            let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
            let mut hashed = Hashed { out: BufWriter::new(file), hash: Sha256::new(), rows: 0 };
            let mut paths = Vec::new();
            whole
                .rows(&name, &table, |row| {
                    if matches!(name.as_str(), "evidence" | "clips") {
                        paths.extend(path_of(row)?);
                    }
                    hashed.row(row)
                })
                .await?;
            hashed.out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
            tables.insert(name, Rows { rows: hashed.rows, sha256: hex::encode(hashed.hash.finalize()) });
            for (copied, path) in copy_from(store.files(), &paths, &to.join("files")).await? {
                match copied {
                    Copied::Whole => files += 1,
                    // Between the snapshot and now it may have been given up, or replaced by a newer one.
                    Copied::Gone => gone += 1,
                    Copied::Damaged => {
                        files += 1;
                        damaged.push(path);
                    }
                }
            }
        }
        // Or closing the store would wait for it.
        drop(whole);
        if let Broker::Managed(_) = config.broker {
            private_folder(&to.join("broker"))?;
            for name in ACCOUNTS {
                copy(&managed::folder(&config.state.folder).join(name), &to.join("broker").join(name))?;
            }
        }
        let rows: u64 = tables.values().map(|rows| rows.rows).sum();
        let contents =
            Contents { format: FORMAT, version: env!("CARGO_PKG_VERSION").into(), schema: store.schema(), taken, tables, files };
        write_private(&to.join("backup.json"), serde_json::to_string_pretty(&contents)?.as_bytes())?;
        store.close().await;
        let mut note = if gone > 0 { format!("; {gone} file(s) were given up meanwhile") } else { String::new() };
        if !damaged.is_empty() {
            note.push_str(&format!("; damaged, not as they came in, are {}", damaged.join(", ")));
        }
        Ok(format!("{}: {rows} rows, {files} files{note}", to.display()))
    })?;
    print(&said)
}

pub(super) fn restore(config: &Config, from: &Path) -> Result<(), Trouble> {
    let said = block_on(async {
        let contents = contents(from)?;
        check_hashes(from, &contents)?;
        let _lock = {
            fs::create_dir_all(&config.state.folder)
                .with_context(|| format!("failed to create {}", config.state.folder.display()))?;
            run::lock(&config.state.folder)?
        };
        let store = Store::open(&config.state, &config.store).await?;
        if contents.schema > store.schema() {
            bail!(
                "the backup was made by matpho-center {}, which is newer than this one: restore it with that",
                contents.version
            );
        }
        let mut tx = store.begin().await?;
        let tables = tx.empty_tables().await?;
        if let Some(name) = contents.tables.iter().find(|(name, rows)| rows.rows > 0 && !tables.contains_key(*name)) {
            bail!("the backup has a table {} that this version does not know", name.0);
        }
        for (name, table) in tables.iter().filter(|(name, _)| contents.tables.contains_key(*name)) {
            let mut lines = BufReader::new(File::open(from.join(format!("tables/{name}.jsonl")))?).lines();
            loop {
                let rows: Vec<String> = lines.by_ref().take(ROWS_MAX).collect::<Result<_, _>>()?;
                if rows.is_empty() {
                    break;
                }
                tx.put_rows(name, table, &rows).await?;
            }
            tx.number_on(name, table).await?;
        }
        // Files before rows: a row never names a file that is not there.
        let files = put_all(store.files(), &from.join("files")).await?;
        if let Broker::Managed(_) = config.broker {
            let folder = managed::folder(&config.state.folder);
            for name in ACCOUNTS {
                if let Ok(bytes) = fs::read(from.join("broker").join(name)) {
                    private_folder_or_there(&folder)?;
                    write_private(&folder.join(name), &bytes)?;
                }
            }
        }
        tx.commit().await?;
        store.close().await;
        let rows: u64 = contents.tables.values().map(|rows| rows.rows).sum();
        Ok(format!("{}: {rows} rows, {files} files as of {}", from.display(), contents.taken))
    })?;
    print(&said)
}

fn contents(folder: &Path) -> anyhow::Result<Contents> {
    let path = folder.join("backup.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} is no whole backup: {}", folder.display(), path.display()))?;
    let contents: Contents = serde_json::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?;
    if contents.format != FORMAT {
        bail!("{} has format {}, and this version reads {FORMAT}", folder.display(), contents.format);
    }
    Ok(contents)
}

fn check_hashes(folder: &Path, contents: &Contents) -> anyhow::Result<()> {
    for (name, rows) in &contents.tables {
        let path = folder.join(format!("tables/{name}.jsonl"));
        let mut file = File::open(&path).with_context(|| format!("failed to open {}", path.display()))?;
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut hash)?;
        if hex::encode(hash.finalize()) != rows.sha256 {
            bail!("{} is damaged: it is not as it was written", path.display());
        }
    }
    Ok(())
}

/// The file that a row names, and the digest of its bytes, if that is known.
fn path_of(row: &str) -> anyhow::Result<Option<(String, Option<String>)>> {
    let row: serde_json::Value = serde_json::from_str(row)?;
    let text = |key: &str| row[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(text("path").map(|path| (path, text("sha256"))))
}

/// What became of a file.
enum Copied {
    Whole,
    Gone,
    /// It is not as it came in.
    Damaged,
}

/// Copies files, some at once.
async fn copy_from(files: &Files, paths: &[(String, Option<String>)], to: &Path) -> anyhow::Result<Vec<(Copied, String)>> {
    let copies: Vec<_> = paths
        .iter()
        .map(|(path, sha256)| async move {
            let place = to.join(path);
            if !files.copy_to(path, &place).await? {
                return Ok((Copied::Gone, path.clone()));
            }
            let is_whole = match sha256 {
                Some(sha256) => hex::encode(Sha256::digest(tokio::fs::read(&place).await?)) == *sha256,
                None => true,
            };
            anyhow::Ok((if is_whole { Copied::Whole } else { Copied::Damaged }, path.clone()))
        })
        .collect();
    stream::iter(copies).buffer_unordered(AT_ONCE).try_collect().await
}

/// Copies a file of the broker's; one that is not there is no account.
fn copy(from: &Path, to: &Path) -> anyhow::Result<bool> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::copy(from, to) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("failed to copy {}", from.display())),
    }
}

/// Puts each file below a folder in its place. Returns how many those are.
async fn put_all(files: &Files, from: &Path) -> anyhow::Result<u64> {
    let (mut folders, mut put) = (vec![PathBuf::new()], 0);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(from.join(&folder)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("failed to read {}", from.join(&folder).display()))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                paths.push(path.to_str().with_context(|| format!("{} is no name of a file of ours", path.display()))?.to_owned());
            }
        }
        let puts: Vec<_> = paths
            .iter()
            .map(|path| {
                let from = from.join(path);
                async move { files.put_copy(path, &from).await }
            })
            .collect();
        stream::iter(puts).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        put += paths.len() as u64;
    }
    Ok(put)
}

/// A new folder that its owner alone may read: what people did is in it, and hashes of their passwords.
fn private_folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.with_context(|| format!("{} cannot be made; a backup goes into a folder that does not exist yet", path.display()))
}

fn private_folder_or_there(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("failed to create {}", path.display()))
}
