//! Agencies: who answers for which kinds of events where, when the rules propose to send it, and who belongs to it. Works beside a running centre.
//!
//! There is one list: what was imported, and what the configuration has (`[[dispatch]]`) whose place no imported one of the same id has taken.

use std::path::{Path, PathBuf};

use matpho_scene::event::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ConfigFile, Trouble, block_on, load, print, wrong_use};
use crate::{
    area::{AreaId, AreaTree},
    clock,
    config::{self, Config},
    rights::{Kinds, agency::Agency},
    store::{
        Store,
        audit::{Act, Deed},
        incidents::SELF,
    },
};

/// Agencies and their members.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Reads agencies in (CSV: id,name,kinds,areas,telephone,propose_from; kinds and areas with blanks between them), all of them or nothing.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Lists the agencies with their members.
    List {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Forgets an imported agency; one of the configuration with its id counts again.
    Remove {
        /// The agency's id.
        agency: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Makes a user a member: what is granted to the agency is theirs.
    Join {
        /// The agency's id.
        agency: String,
        /// The user.
        user: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Lets a member go.
    Leave {
        /// The agency's id.
        agency: String,
        /// The user.
        user: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    kinds: String,
    areas: String,
    #[serde(default)]
    telephone: Option<String>,
    #[serde(default)]
    propose_from: Option<String>,
}

pub(super) fn run(command: Command) -> Result<(), Trouble> {
    match command {
        Command::Import { file, config } => import(&load(&config.config)?, &file),
        Command::List { config } => list(&load(&config.config)?),
        Command::Remove { agency, config } => remove(&load(&config.config)?, &agency),
        Command::Join { agency, user, config } => member(&load(&config.config)?, &agency, &user, true),
        Command::Leave { agency, user, config } => member(&load(&config.config)?, &agency, &user, false),
    }
}

/// The agencies of a file; on fault, everything that is wrong, with its line.
fn read(name: &str, bytes: &[u8], tree: &AreaTree) -> Result<Vec<Agency>, Vec<String>> {
    let (mut agencies, mut faults) = (Vec::<Agency>::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().cloned().unwrap_or_default();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(format!("{name}: {error}"));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let mut fault = |what: String| faults.push(format!("{name}:{line}: {what}"));
        let row: Row = match record.deserialize(Some(&headers)) {
            Ok(row) => row,
            Err(error) => {
                fault(error.to_string());
                continue;
            }
        };
        if row.id.is_empty() || !row.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            fault(format!("id: `{}` is no word of letters, digits, `-` and `_`", row.id));
        }
        if agencies.iter().any(|known| known.id == row.id) {
            fault(format!("id: {} is there twice", row.id));
        }
        let kinds = row.kinds.split_whitespace().collect::<Vec<_>>().join(",").parse::<Kinds>();
        let kinds = kinds.unwrap_or_else(|error| {
            fault(format!("kinds: {error}"));
            Kinds::NONE
        });
        let mut areas = Vec::new();
        for word in row.areas.split_whitespace() {
            match word.parse::<AreaId>() {
                Ok(area) if tree.at(&area, clock::today()).is_some() => areas.push(area),
                Ok(area) => {
                    fault(format!("areas: {area} is not known or not valid today; `matpho-center area list` lists the areas"))
                }
                Err(error) => fault(format!("areas: {error}")),
            }
        }
        let telephone = row.telephone.filter(|number| !number.is_empty());
        let propose_from = row.propose_from.filter(|word| !word.is_empty()).and_then(|word| {
            let severity = config::severity(&word);
            if severity.is_none() {
                fault(format!("propose_from: `{word}` is no severity: minor, moderate, severe, extreme or nothing is expected"));
            }
            severity
        });
        agencies.push(Agency { id: row.id, name: row.name, kinds, areas, telephone, propose_from });
    }
    if faults.is_empty() { Ok(agencies) } else { Err(faults) }
}

fn import(config: &Config, file: &Path) -> Result<(), Trouble> {
    let bytes = std::fs::read(file).map_err(|error| wrong_use(format!("failed to read {}: {error}", file.display())))?;
    let outcome = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let outcome = match read(&file.display().to_string(), &bytes, &store.areas().await?) {
            Err(faults) => Err(faults),
            Ok(agencies) => {
                let mut tx = store.begin().await?;
                for agency in &agencies {
                    tx.put_agency(agency).await?;
                }
                let ids: Vec<_> = agencies.iter().map(|agency| &agency.id).collect();
                tx.audit(&Deed::done(SELF, Act::AgenciesImported, "", json!(ids)), clock::now()).await?;
                tx.commit().await?;
                Ok(agencies.len())
            }
        };
        store.close().await;
        Ok(outcome)
    })?;
    match outcome {
        Ok(count) => print(&format!("{count} agencies are kept")),
        Err(faults) => Err(wrong_use(format!("nothing was imported\n{}", faults.join("\n")))),
    }
}

fn list(config: &Config) -> Result<(), Trouble> {
    let (agencies, members) = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let known = (store.agencies(&config.dispatch).await?, store.memberships().await?);
        store.close().await;
        Ok(known)
    })?;
    for agency in agencies {
        let of = members.iter().filter(|(_, all)| all.contains(&agency.id)).map(|(user, _)| user.as_str()).collect::<Vec<_>>();
        let areas: Vec<_> = agency.areas.iter().map(ToString::to_string).collect();
        let telephone = agency.telephone.as_deref().unwrap_or("-");
        let from = agency.propose_from.map_or("-", Severity::as_str);
        let areas = if areas.is_empty() { "everywhere".to_owned() } else { areas.join(" ") };
        print(&format!("{}\t{}\t{}\t{areas}\t{telephone}\t{from}\t{}", agency.id, agency.name, agency.kinds, of.join(" ")))?;
    }
    Ok(())
}

fn remove(config: &Config, agency: &str) -> Result<(), Trouble> {
    let removed = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut tx = store.begin().await?;
        let removed = tx.remove_agency(agency).await?;
        if removed {
            tx.audit(&Deed::done(SELF, Act::AgencyRemoved, agency, Value::Null), clock::now()).await?;
        }
        tx.commit().await?;
        store.close().await;
        Ok(removed)
    })?;
    let configured = config.dispatch.iter().any(|known| known.id == agency);
    match (removed, configured) {
        (true, true) => print(&format!("agency {agency} is forgotten; the one of the configuration counts again")),
        (true, false) => print(&format!("agency {agency} is forgotten")),
        (false, true) => {
            Err(wrong_use(format!("agency {agency} was not imported: take it out of the configuration ([[dispatch]])")))
        }
        (false, false) => Err(wrong_use(format!("there is no agency {agency}; `matpho-center agency list` lists them"))),
    }
}

fn member(config: &Config, agency: &str, user: &str, joins: bool) -> Result<(), Trouble> {
    let complaint = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let complaint = if store.agencies(&config.dispatch).await?.iter().all(|known| known.id != agency) {
            Some(format!("there is no agency {agency}; `matpho-center agency list` lists them"))
        } else if joins && store.user(user).await?.is_none() {
            Some(format!("there is no user {user}; `matpho-center user add {user}` makes one"))
        } else {
            let mut tx = store.begin().await?;
            if tx.set_member(agency, user, joins).await? {
                let what = if joins { Act::MemberAdded } else { Act::MemberRemoved };
                tx.audit(&Deed::done(SELF, what, &format!("{agency} {user}"), Value::Null), clock::now()).await?;
            }
            tx.commit().await?;
            None
        };
        store.close().await;
        Ok(complaint)
    })?;
    complaint.map_or(Ok(()), |complaint| Err(wrong_use(complaint)))
}
