//! What the centre has to know when a browser comes back from the provider, carried by that browser.
//!
//! The cookie is signed with a key that comes of the client's secret: nobody else makes one, and every centre of a group reads it. That it
//! can be read by whose browser it is does no harm: state, nonce and verifier protect that person's login from others.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use matpho_scene::WallTime;
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::LoginError;
use crate::auth::token;

/// How long somebody has at the provider.
pub const HOLDS_FOR: Duration = Duration::from_secs(600);

/// A login that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    state: String,
    nonce: String,
    verifier: String,
    until_ms: i64,
}

impl Ticket {
    /// A new one.
    pub fn new(now: WallTime) -> Self {
        Self { state: random(), nonce: random(), verifier: random(), until_ms: (now + HOLDS_FOR).as_unix_millis() }
    }

    /// What comes back with the browser.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// What the ID token has to repeat.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// What proves to the provider that who fetches the token began the login (RFC 7636).
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// The verifier's hash, which may be seen before.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }

    /// Whether a state is this login's. Hashes are compared: nobody learns how much of a guess was right.
    pub fn is_of(&self, state: &str) -> bool {
        token::sha256(state) == self.state_sha256()
    }

    /// By what it is known that this login was finished.
    pub fn state_sha256(&self) -> String {
        token::sha256(&self.state)
    }
}

/// 32 random bytes, 43 characters: as RFC 7636 wants a verifier.
fn random() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs tickets.
pub struct Seal([u8; 32]);

impl Seal {
    /// Of the client's secret.
    pub fn new(secret: &str) -> Self {
        let mut mac = keyed(secret.as_bytes());
        mac.update(b"matpho login ticket 1");
        Self(mac.finalize().into_bytes().into())
    }

    /// A ticket as a cookie's value.
    pub fn close(&self, ticket: &Ticket) -> String {
        // Texts and a number: it can be written.
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(ticket).unwrap_or_default());
        let mut mac = keyed(&self.0);
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// The ticket of a cookie.
    pub fn open(&self, cookie: &str, now: WallTime) -> Result<Ticket, LoginError> {
        const FOREIGN: LoginError = LoginError::Stale("the browser's cookie was not made here");
        let (text, given) = cookie.split_once('.').ok_or(FOREIGN)?;
        let mut mac = keyed(&self.0);
        mac.update(text.as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(given).map_err(|_| FOREIGN)?).map_err(|_| FOREIGN)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| FOREIGN)?;
        let ticket: Ticket = serde_json::from_slice(&bytes).map_err(|_| FOREIGN)?;
        if now.as_unix_millis() >= ticket.until_ms {
            return Err(LoginError::Stale("it took longer than ten minutes"));
        }
        Ok(ticket)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> WallTime {
        WallTime::from_unix_millis(1_795_000_000_000 + 1_000 * s)
    }

    #[test]
    fn only_ones_own_tickets_are_opened_and_only_for_a_while() {
        let seal = Seal::new("secret");
        let ticket = Ticket::new(at(0));
        let cookie = seal.close(&ticket);
        assert_eq!(seal.open(&cookie, at(599)), Ok(ticket.clone()));
        assert!(ticket.is_of(ticket.state()) && !ticket.is_of("") && !ticket.is_of(ticket.nonce()));
        let opened = |seal: &Seal, cookie: &str, now| seal.open(cookie, now).unwrap_err().to_string();
        assert!(opened(&seal, &cookie, at(600)).contains("longer than ten minutes"));
        assert!(opened(&Seal::new("another"), &cookie, at(0)).contains("not made here"));
        let (text, mac) = cookie.split_once('.').unwrap();
        let other = seal.close(&Ticket::new(at(0)));
        for forged in [format!("{}.{mac}", other.split_once('.').unwrap().0), text.into(), format!("{text}."), String::new()] {
            assert!(opened(&seal, &forged, at(0)).contains("not made here"), "{forged}");
        }
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let ticket = Ticket { verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(), ..Ticket::new(at(0)) };
        assert_eq!(ticket.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
