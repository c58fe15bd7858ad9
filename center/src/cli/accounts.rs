//! Users of the console and accounts of gateways. Works beside a running centre.

use std::{
    io::{BufRead, IsTerminal, Write},
    path::Path,
};

use anyhow::Context;
use matpho_wire::Address;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};

use super::{Trouble, block_on, print, wrong_use};
use crate::{
    api::types::Role,
    auth::{is_name, is_reserved, lockout::Source, password},
    broker::{
        BrokerError,
        accounts::{account_of, new_secret, write_private},
        managed,
    },
    config::{Broker, Config},
    store::{
        Store,
        accounts::{Proof, User},
        audit::{Act, Deed},
        incidents::SELF,
    },
};

pub(super) fn add_user(config: &Config, name: String, role: Role, password_stdin: bool) -> Result<(), Trouble> {
    if !is_name(&name) {
        return Err(wrong_use(format!("`{name}` is no user's name: use 1 to 64 letters, digits, `.`, `_`, `-` or `@`")));
    }
    if is_reserved(&name) {
        return Err(wrong_use(format!("`{name}` means the centre itself in logs and grants; take another name")));
    }
    let password = if password_stdin { first_line()? } else { ask_twice()? };
    let password_hash = password::hash(&password).map_err(wrong_use)?;
    let new = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut tx = store.begin().await?;
        let new =
            tx.put_user(&User { name: name.clone(), role, proof: Proof::Password(password_hash) }, crate::clock::now()).await?;
        let detail = json!({"role": role, "new": new});
        tx.audit(&Deed::done(SELF, Act::UserPut, &name, detail), crate::clock::now()).await?;
        tx.commit().await?;
        store.close().await;
        Ok(new)
    })?;
    print(&if new {
        format!("user {name} was made")
    } else {
        format!("user {name} has another password now; all sessions ended")
    })
}

pub(super) fn list_users(config: &Config) -> Result<(), Trouble> {
    let (users, locks) = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let found = (store.users().await?, store.locks(crate::clock::now()).await?);
        store.close().await;
        Ok(found)
    })?;
    for user in users {
        let role = match user.role {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        };
        let mut line = format!("{}\t{role}", user.name);
        if matches!(user.proof, Proof::Provider { .. }) {
            line.push_str("\toidc");
        }
        for lock in locks.iter().filter(|lock| lock.name == user.name) {
            let until = lock.until.map_or("it is unlocked".into(), |until| until.to_string());
            line.push_str(&format!("\tlocked for {} until {until}", Source::in_words(&lock.source)));
        }
        print(&line)?;
    }
    Ok(())
}

/// Lets somebody try again.
pub(super) fn unlock_user(config: &Config, name: &str) -> Result<(), Trouble> {
    let unlocked = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut unlocked = None;
        if store.user(name).await?.is_some() {
            let mut tx = store.begin().await?;
            let counted = tx.unlock(name).await?;
            if counted {
                tx.audit(&Deed::done(SELF, Act::UserUnlocked, name, Value::Null), crate::clock::now()).await?;
            }
            tx.commit().await?;
            unlocked = Some(counted);
        }
        store.close().await;
        Ok(unlocked)
    })?;
    match unlocked {
        None => Err(wrong_use(format!("there is no user {name}; `matpho-center user list` lists them"))),
        Some(true) => print(&format!("user {name} is unlocked")),
        Some(false) => print(&format!("user {name} was not locked")),
    }
}

/// Makes a local account one of the provider's: whoever comes from there by its name first has it, and its password no longer counts.
pub(super) fn hand_over(config: &Config, name: &str) -> Result<(), Trouble> {
    let Some(oidc) = &config.auth.oidc else {
        return Err(wrong_use("no provider is configured ([auth.oidc]); configs/examples/oidc.toml has every key"));
    };
    let is_there = block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let user = store.user(name).await?;
        let is_there = user.is_some();
        if let Some(user) = user {
            let mut tx = store.begin().await?;
            let proof = Proof::Provider { issuer: oidc.issuer.clone(), subject: None };
            tx.put_user(&User { proof, ..user }, crate::clock::now()).await?;
            let detail = json!({"new": false, "handed_over_to": oidc.issuer});
            tx.audit(&Deed::done(SELF, Act::UserPut, name, detail), crate::clock::now()).await?;
            tx.commit().await?;
        }
        store.close().await;
        Ok(is_there)
    })?;
    if !is_there {
        return Err(wrong_use(format!("there is no user {name}; `matpho-center user list` lists them")));
    }
    print(&format!("user {name} has no password any more; who first comes as {name} from {} has the account", oidc.issuer))
}

pub(super) fn add_edge(
    config: &Config,
    address: &str,
    password_stdin: bool,
    password_file: Option<&Path>,
) -> Result<(), Trouble> {
    let Broker::Managed(broker) = &config.broker else {
        return Err(wrong_use("the broker is somebody else's (broker.mode = \"external\"): make the gateway's account there"));
    };
    let parsed =
        address.split_once('/').and_then(|(site, edge)| Some(Address { site: site.parse().ok()?, edge: edge.parse().ok()? }));
    let Some(address) = parsed else {
        return Err(wrong_use(format!("`{address}` is no gateway: SITE/EDGE is expected, such as tdm/gw-01")));
    };
    let secret = if password_stdin { first_line()? } else { new_secret() };
    let account = account_of(&address);
    std::fs::create_dir_all(&config.state.folder)
        .with_context(|| format!("failed to create {}", config.state.folder.display()))?;
    let accounts = managed::accounts(broker, &config.state.folder)?;
    accounts.put(&account, &secret).map_err(|error| match error {
        BrokerError::Password => wrong_use(error),
        error => error.into(),
    })?;
    block_on(async {
        let store = Store::open(&config.state, &config.store).await?;
        let mut tx = store.begin().await?;
        tx.audit(&Deed::done(SELF, Act::GatewayAdded, &account, Value::Null), crate::clock::now()).await?;
        tx.commit().await?;
        store.close().await;
        Ok(())
    })?;
    let reloaded = managed::reload(&config.state.folder);
    match (password_stdin, password_file) {
        (true, _) => {}
        (false, Some(path)) => write_private(path, format!("{secret}\n").as_bytes())?,
        (false, None) => print(&secret)?,
    }
    let when = if reloaded { "it can log in now" } else { "it can log in once the centre runs" };
    eprintln!("gateway {address} has the account {account} at the broker; {when}");
    Ok(())
}

/// The first line of stdin, without its end.
fn first_line() -> Result<String, Trouble> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask_twice() -> Result<String, Trouble> {
    if !std::io::stdin().is_terminal() {
        return Err(wrong_use("there is no terminal to ask for the password; use --password-stdin"));
    }
    let password = ask("Password: ")?;
    if ask("Once more: ")? != password {
        return Err(wrong_use("the two passwords differ"));
    }
    Ok(password)
}

/// Asks without showing what is typed.
fn ask(question: &str) -> Result<String, Trouble> {
    let stdin = std::io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    write!(std::io::stderr(), "{question}")?;
    std::io::stderr().flush()?;
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let answer = first_line();
    tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
    writeln!(std::io::stderr())?;
    answer
}
