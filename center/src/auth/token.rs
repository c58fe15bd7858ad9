//! Tokens: 32 random bytes, hex. Only their hash is kept.

use rand::RngCore;
use sha2::{Digest, Sha256};

/// A new token.
pub fn new() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// The hash by which a token is looked up. Comparing hashes tells nobody how much of a guess was right.
pub fn sha256(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
