//! Who gets in: users with passwords, sessions held in cookies or tokens, and one token for scripts.
//!
//! **Invariants:** a password is known to its owner alone (argon2id), a token to its holder alone (we keep its hash); every guess
//! costs time ([`throttle`]) and there are not many of them ([`lockout`]); a wrong name costs as much as a wrong password, and is told the same;
//! who comes with a login of somebody else's ([`oidc`]) has no password here. What somebody may see and do is in [`access`].

pub mod access;
pub mod guard;
pub mod lockout;
pub mod oidc;
pub mod password;
pub mod throttle;
pub mod token;

use crate::api::types::Role;
use matpho_scene::WallTime;

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name, as it stands in logs.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When that ends.
    pub expires: Option<WallTime>,
    /// Hash of the session's token; `None` for the token for scripts.
    pub session: Option<String>,
}

/// Whether a text can be a user's name: 1 to 64 letters, digits, `.`, `_`, `-` or `@`, so that it reads well in a log.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'))
}

/// Names that mean the centre itself in logs and grants: nobody else's.
pub fn is_reserved(name: &str) -> bool {
    [crate::store::incidents::SELF, guard::SCRIPT, guard::REPORTER].contains(&name)
}
