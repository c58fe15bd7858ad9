//! Areas: reads lists and borders in, says what is there. Works beside a running centre.

use std::path::PathBuf;

use anyhow::Context;
use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Trouble, block_on, print, wrong_use};
use crate::{
    area::{Area, AreaTree, import::Import},
    clock,
    config::Config,
    store::{
        Store,
        audit::{Act, Deed},
        incidents::SELF,
    },
};

pub(super) fn import(config: &Config, files: &[PathBuf], dry_run: bool) -> Result<(), Trouble> {
    let mut contents = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).map_err(|error| wrong_use(format!("failed to read {}: {error}", file.display())))?;
        contents.push((file.display().to_string(), bytes));
    }
    let outcome = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        // Read and written in one transaction: two imports at once would each forget what the other one brought.
        let mut tx = store.begin().await?;
        let before = store.areas().await?;
        let mut import = Import::onto(&before);
        for (name, bytes) in &contents {
            import.read(name, bytes);
        }
        let outcome = match import.finish() {
            Err(complaints) => {
                // A store closes when nothing works on it any more.
                drop(tx);
                Err(complaints)
            }
            Ok(after) => {
                if dry_run {
                    drop(tx);
                } else {
                    tx.put_areas(&after).await?;
                    let read: Vec<_> =
                        contents.iter().map(|(name, bytes)| json!({"file": name, "sha256": sha256(bytes)})).collect();
                    tx.audit(&Deed::done(SELF, Act::AreasImported, "", json!(read)), clock::now()).await?;
                    tx.commit().await.context("nothing was imported")?;
                    store.settle_places(clock::today()).await?;
                }
                Ok((before, after))
            }
        };
        store.close().await;
        Ok(outcome)
    })?;
    match outcome {
        Ok((before, after)) => print(&summary(&before, &after, dry_run)),
        Err(complaints) => {
            let count = complaints.len();
            let said: Vec<_> = complaints.into_iter().map(|complaint| complaint.to_string()).collect();
            let errors = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
            Err(wrong_use(format!("nothing was imported: {errors}\n{}", said.join("\n"))))
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn summary(before: &AreaTree, after: &AreaTree, dry_run: bool) -> String {
    let key = |area: &Area| (area.id.clone(), area.validity.from);
    let find = |area: &Area| before.areas().find(|old| key(old) == key(area));
    let new = after.areas().filter(|area| find(area).is_none()).count();
    let changed = after.areas().filter(|area| find(area).is_some_and(|old| old != *area)).count();
    let borders = after.areas().filter(|area| area.border.is_some()).count();
    format!(
        "{}{} areas, {new} of them new and {changed} changed; {borders} with a border; {} successors",
        if dry_run { "would be there: " } else { "" },
        after.areas().count(),
        after.successors().count()
    )
}

fn tree(config: &Config) -> Result<AreaTree, Trouble> {
    block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let tree = store.areas().await?;
        store.close().await;
        Ok(tree)
    })
}

pub(super) fn list(config: &Config, on: Option<Date>) -> Result<(), Trouble> {
    let day = on.unwrap_or_else(clock::today);
    let tree = tree(config)?;
    tree.areas().filter(|area| area.validity.holds(day)).try_for_each(|area| print(&line(area)))
}

pub(super) fn at(config: &Config, longitude: f64, latitude: f64, on: Option<Date>) -> Result<(), Trouble> {
    if !(-180.0..=180.0).contains(&longitude) || !(-90.0..=90.0).contains(&latitude) {
        return Err(wrong_use("longitude goes from -180 to 180 and latitude from -90 to 90; longitude comes first"));
    }
    let tree = tree(config)?;
    let found = tree.holding([longitude, latitude], on.unwrap_or_else(clock::today));
    found.into_iter().try_for_each(|area| print(&line(area)))
}

fn line(area: &Area) -> String {
    let parent = area.parent.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}\t{}\t{}\t{parent}\t{}", area.id, area.kind, area.name, area.validity)
}
