//! Passwords: hashed with argon2id at the crate's defaults (19 MiB, 2 rounds: OWASP's first choice), at most two at a time.

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier, password_hash::SaltString};
use rand::RngCore;
use tokio::sync::Semaphore;

/// The shortest password, in characters (NIST SP 800-63B).
pub const CHARS_MIN: usize = 8;

/// The longest, in bytes: a megabyte of password is an attack.
pub const BYTES_MAX: usize = 512;

/// Hashes at once: each takes 19 MiB and a tenth of a second of a core.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Why a password cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password needs at least {CHARS_MIN} characters and at most {BYTES_MAX} bytes")]
    Length,
    /// The hash could not be made.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
}

/// The hash of a password, as a PHC string.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < CHARS_MIN || password.len() > BYTES_MAX {
        return Err(PasswordError::Length);
    }
    let mut random = [0; 16];
    rand::rng().fill_bytes(&mut random);
    let salt = SaltString::encode_b64(&random).map_err(PasswordError::Hash)?;
    Argon2::default().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(PasswordError::Hash)
}

/// Whether a password fits a hash. Without a hash (no such user) it takes as long and fits nothing.
pub async fn fits(password: String, hash: Option<String>) -> bool {
    // A hash of a random password that nobody knows.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWF0cGhvLW5vYm9keQ$2N9S6BrvkKEl5Nl1eYFAAfHjJ5Wsm5Y4q6Ym8Z0yS3Q";
    if password.len() > BYTES_MAX {
        return false;
    }
    let Ok(_permit) = AT_ONCE.acquire().await else { return false };
    let verify = move || {
        let known = hash.is_some();
        let text = hash.unwrap_or_else(|| NOBODY.to_owned());
        let fits =
            PasswordHash::new(&text).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        fits && known
    };
    tokio::task::spawn_blocking(verify).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let stored = hash("mật khẩu dài").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert_ne!(stored, hash("mật khẩu dài").unwrap(), "salted");
        assert!(fits("mật khẩu dài".into(), Some(stored.clone())).await);
        assert!(!fits("mat khau dai".into(), Some(stored)).await);
        assert!(!fits("mật khẩu dài".into(), None).await);
        assert!(matches!(hash("bảymãmữ"), Err(PasswordError::Length)));
    }

    #[test]
    fn the_hash_of_nobody_can_be_verified() {
        assert!(
            PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$bWF0cGhvLW5vYm9keQ$2N9S6BrvkKEl5Nl1eYFAAfHjJ5Wsm5Y4q6Ym8Z0yS3Q")
                .is_ok()
        );
    }
}
