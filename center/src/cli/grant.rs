//! Grants: who may do what, where, until when. The work of whoever runs the centre; works beside a running one.

use anyhow::Context;
use matpho_scene::{WallTime, event::EventKind};
use serde_json::Value;
use uuid::Uuid;

use super::{ConfigFile, Trouble, block_on, load, print, wrong_use};
use crate::{
    area::AreaId,
    auth::guard::SCRIPT,
    clock,
    config::Config,
    rights::{
        Capabilities, Capability, Effect, Grant, GrantId, Kinds, Moment, Principal, Question, Rights, Scope, Subject, Window,
        capability::{ROLES, role},
    },
    store::{
        Store,
        audit::{Act, Deed},
    },
};

/// Who grants from the command line, in the ledger.
const BY: &str = "matpho-center";

/// Grants of areas to users.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Grants something, or denies it whatever else is granted; prints the grant's id.
    Add(Add),
    /// Lists the grants.
    List {
        /// Of this user alone.
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Takes a grant back, and with it what was passed on from it.
    Revoke {
        /// The grant.
        id: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Says whether a user may do something in an area, and why. Exits with 0 if so, with 1 if not.
    Check {
        /// The user.
        #[arg(long)]
        user: String,
        /// What, such as event.ack.
        #[arg(long)]
        capability: Capability,
        /// Where, SCHEME:CODE; without it: for what lies in no area.
        #[arg(long)]
        area: Option<AreaId>,
        /// About an event of this kind.
        #[arg(long)]
        kind: Option<EventKind>,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// To which user.
    #[arg(long, required_unless_present = "agency", conflicts_with = "agency")]
    user: Option<String>,
    /// To the members of which agency.
    #[arg(long)]
    agency: Option<String>,
    /// As what: viewer, operator, dispatcher, publisher, installer or area-admin.
    #[arg(long, required_unless_present = "capabilities")]
    role: Option<String>,
    /// What, beside the role or instead of it: view.map,event.ack …
    #[arg(long)]
    capabilities: Option<Capabilities>,
    /// Where, SCHEME:CODE, all below included.
    #[arg(long, required_unless_present = "everywhere", conflicts_with = "everywhere")]
    area: Option<AreaId>,
    /// In all areas, and for what lies in none.
    #[arg(long)]
    everywhere: bool,
    /// On which kinds of event: all, families or kinds with commas between them (fire,flood).
    #[arg(long, default_value = "all")]
    kinds: Kinds,
    /// Takes instead of giving.
    #[arg(long)]
    deny: bool,
    /// From this instant on (RFC 3339); now if not given.
    #[arg(long)]
    from: Option<WallTime>,
    /// Until this instant (RFC 3339); without end if not given.
    #[arg(long)]
    until: Option<WallTime>,
    /// For what purpose; it is kept with the grant.
    #[arg(long)]
    purpose: String,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(command: Command) -> Result<(), Trouble> {
    match command {
        Command::Add(arguments) => add(arguments),
        Command::List { user, config } => list(&load(&config.config)?, user.as_deref()),
        Command::Revoke { id, config } => revoke(&load(&config.config)?, GrantId(id)),
        Command::Check { user, capability, area, kind, config } => check(&load(&config.config)?, user, capability, area, kind),
    }
}

fn add(arguments: Add) -> Result<(), Trouble> {
    let Add { user, agency, role: role_name, capabilities, area, kinds, deny, from, until, purpose, config, everywhere: _ } =
        arguments;
    let config = load(&config.config)?;
    let of_role = match &role_name {
        None => Capabilities::default(),
        Some(name) => role(name)
            .ok_or_else(|| wrong_use(format!("`{name}` is no role; there are {}", ROLES.map(|(known, _)| known).join(", "))))?,
    };
    let capabilities: Capabilities = of_role.iter().chain(capabilities.unwrap_or_default().iter()).collect();
    if capabilities.is_empty() {
        return Err(wrong_use("nothing is granted: name a role or capabilities"));
    }
    if kinds.is_empty() {
        return Err(wrong_use("no kind is named; `all` is every kind"));
    }
    if purpose.trim().is_empty() {
        return Err(wrong_use("say for what purpose"));
    }
    let from = from.unwrap_or_else(clock::now);
    if until.is_some_and(|until| until <= from) {
        return Err(wrong_use("the grant ends before it begins"));
    }
    let grant = Grant {
        id: GrantId(Uuid::now_v7().to_string()),
        principal: match (user, agency) {
            (Some(user), _) => Principal::User(user),
            (None, agency) => Principal::Agency(agency.unwrap_or_default()),
        },
        effect: if deny { Effect::Deny } else { Effect::Allow },
        role: role_name.unwrap_or_default(),
        capabilities,
        scope: area.map_or(Scope::Everywhere, Scope::Area),
        kinds,
        window: Window { from, until },
        purpose: purpose.trim().to_owned(),
        granted_by: BY.into(),
        passed_on_from: None,
        revoked: None,
    };
    let (complaint, first) = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let first = store.ledger().await?.iter().next().is_none();
        let unknown = match &grant.principal {
            Principal::User(user) if user != SCRIPT && store.user(user).await?.is_none() => {
                Some(format!("there is no user {user}; `matpho-center user add {user}` makes one"))
            }
            Principal::Agency(id) if store.agencies(&config.dispatch).await?.iter().all(|known| known.id != *id) => {
                Some(format!("there is no agency {id}; `matpho-center agency import` makes some"))
            }
            _ => None,
        };
        let complaint = match &grant.scope {
            _ if unknown.is_some() => unknown,
            Scope::Area(area) if store.areas().await?.at(area, clock::today()).is_none() => {
                Some(format!("{area} is not known or not valid today; `matpho-center area list` lists the areas"))
            }
            _ => None,
        };
        if complaint.is_none() {
            let mut tx = store.begin().await?;
            tx.add_grant(&grant).await?;
            tx.audit(&Deed::done(BY, Act::GrantAdded, &grant.id.0, serde_json::to_value(&grant)?), clock::now()).await?;
            tx.commit().await.context("nothing was granted")?;
        }
        store.close().await;
        Ok((complaint, first))
    })?;
    match complaint {
        Some(complaint) => Err(wrong_use(complaint)),
        None => {
            if first {
                eprintln!(
                    "matpho-center: this is the first grant: from now on each user sees and does what is granted to them and nothing else; \
                     administrators whom no grant names keep everything"
                );
            }
            print(&grant.id.0)
        }
    }
}

fn list(config: &Config, user: Option<&str>) -> Result<(), Trouble> {
    let ledger = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let ledger = store.ledger().await?;
        store.close().await;
        Ok(ledger)
    })?;
    let now = clock::now();
    for grant in ledger.iter() {
        let (sort, name) = match &grant.principal {
            Principal::User(name) => ("user", name),
            Principal::Agency(id) => ("agency", id),
        };
        if user.is_some_and(|wanted| sort != "user" || wanted != name) {
            continue;
        }
        let effect = if grant.effect == Effect::Deny { "deny" } else { "allow" };
        let place = match &grant.scope {
            Scope::Everywhere => "everywhere".to_owned(),
            Scope::Area(area) => area.to_string(),
        };
        let until = match (grant.revoked, grant.window.until) {
            (Some(at), _) => format!("taken back {at}"),
            (None, Some(until)) => format!("until {until}"),
            (None, None) => "without end".into(),
        };
        let holds = if ledger.is_in_force(grant, now) { "holds" } else { "does not hold" };
        print(&format!(
            "{}\t{sort} {name}\t{effect}\t{}\t{place}\t{}\t{holds}\t{until}",
            grant.id, grant.capabilities, grant.kinds
        ))?;
    }
    Ok(())
}

fn revoke(config: &Config, id: GrantId) -> Result<(), Trouble> {
    let done = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut tx = store.begin().await?;
        let done = tx.revoke_grant(&id, clock::now()).await?;
        if done {
            tx.audit(&Deed::done(BY, Act::GrantRevoked, &id.0, Value::Null), clock::now()).await?;
        }
        tx.commit().await?;
        store.close().await;
        Ok(done)
    })?;
    if done {
        print(&format!("{id} was taken back"))
    } else {
        Err(wrong_use(format!("there is no grant {id} that could be taken back")))
    }
}

fn check(
    config: &Config,
    user: String,
    capability: Capability,
    area: Option<AreaId>,
    kind: Option<EventKind>,
) -> Result<(), Trouble> {
    let (tree, ledger) = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let known = (store.areas().await?, store.ledger().await?);
        store.close().await;
        Ok(known)
    })?;
    let areas: Vec<AreaId> = area.into_iter().collect();
    let question = Question { capability, areas: &areas, kind };
    let moment = Moment::new(clock::now(), clock::offset());
    let decision = Rights { tree: &tree, ledger: &ledger }.decide(&Subject { user, agencies: Vec::new() }, &question, moment);
    if decision.is_allowed() { print(&decision.to_string()) } else { Err(Trouble::Work(anyhow::anyhow!("{decision}"))) }
}
