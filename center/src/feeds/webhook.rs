//! Webhooks: what is sent to somebody's own program when something changes. Signed as the Standard Webhooks specification 1.0 has it
//! (<https://www.standardwebhooks.com>), for which there are libraries in most languages; tried again on a schedule that is a state machine without a clock.

use std::{fmt, str::FromStr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How long an answer is waited for: a receiver that takes longer should answer first and work then.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A message that is older or newer than this, by its timestamp, is no longer taken for genuine: it may have been recorded and sent again.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// A secret has at least so many bytes.
const SECRET_BYTES_MIN: usize = 24;
/// And at most so many.
const SECRET_BYTES_MAX: usize = 64;

/// What sender and receiver share. Written `whsec_` and base64; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a text is no secret. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is `whsec_` and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64, such as `echo whsec_$(openssl rand -base64 32)` makes"
)]
pub struct SecretError;

impl FromStr for Secret {
    type Err = SecretError;
    fn from_str(text: &str) -> Result<Self, SecretError> {
        let bytes = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()).ok_or(SecretError)?;
        if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    fn mac(&self, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        mac
    }
}

/// The headers of a message. Of several secrets each signs, so that a receiver may change from one to the next.
pub fn headers(id: &str, at: WallTime, body: &[u8], secrets: &[Secret]) -> [(&'static str, String); 4] {
    let timestamp = at.as_unix_millis().div_euclid(1000);
    let sign = |secret: &Secret| format!("v1,{}", STANDARD.encode(secret.mac(id, timestamp, body).finalize().into_bytes()));
    [
        ("Content-Type", "application/json".into()),
        ("webhook-id", id.into()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", secrets.iter().map(sign).collect::<Vec<_>>().join(" ")),
    ]
}

/// Why a message is not genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// No signature fits.
    #[error("no signature fits")]
    Signature,
    /// It is too old or too new.
    #[error("its timestamp is more than five minutes off")]
    Timestamp,
}

/// Whether a message is genuine: what a receiver does, and what proves that the signatures here can be checked.
pub fn verify(id: &str, timestamp: &str, signature: &str, body: &[u8], secret: &Secret, now: WallTime) -> Result<(), NotGenuine> {
    let timestamp: i64 = timestamp.parse().map_err(|_| NotGenuine::Timestamp)?;
    let off = now.as_unix_millis().div_euclid(1000).saturating_sub(timestamp).unsigned_abs();
    if off > TOLERANCE.as_secs() {
        return Err(NotGenuine::Timestamp);
    }
    let fits = |signature: &str| {
        let given = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        // Takes the same time whatever is wrong.
        given.is_some_and(|given| secret.mac(id, timestamp, body).verify_slice(&given).is_ok())
    };
    if signature.split(' ').any(fits) { Ok(()) } else { Err(NotGenuine::Signature) }
}

/// How long to wait after each attempt that failed; after the last the message is given up. Three days in all: over a weekend.
pub const SCHEDULE: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(24 * 3600),
    Duration::from_secs(30 * 3600),
];

/// A receiver may ask for more patience, up to this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A status, with what `Retry-After` said.
    Status(u16, Option<Duration>),
    /// None: no connection, no answer in time.
    None(String),
}

/// Where a message stands. Kept in the store, so that a centre that starts again goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// To be sent, not before an instant.
    Due {
        /// Attempts that failed.
        failed: u32,
        /// Not before.
        at: WallTime,
    },
    /// Being sent. If the centre dies meanwhile it is due again: the receiver knows by `webhook-id` what it has already.
    Sending {
        /// Attempts that failed.
        failed: u32,
        /// Since when.
        since: WallTime,
    },
    /// Taken.
    Delivered {
        /// When.
        at: WallTime,
    },
    /// Given up.
    GivenUp {
        /// When.
        at: WallTime,
        /// Why, in words.
        why: String,
        /// Whether the receiver said that it wants nothing more at all (410): the whole hook is to be switched off.
        gone: bool,
    },
}

impl Delivery {
    /// A new message.
    pub fn new(now: WallTime) -> Self {
        Self::Due { failed: 0, at: now }
    }

    /// Whether an attempt is to be made now: it is due, or was begun so long ago that its answer will not come.
    pub fn is_due(&self, now: WallTime) -> bool {
        match self {
            Self::Due { at, .. } => *at <= now,
            Self::Sending { since, .. } => *since + ANSWER_WITHIN * 3 <= now,
            Self::Delivered { .. } | Self::GivenUp { .. } => false,
        }
    }

    /// Begins an attempt. What is not due stays as it is.
    #[must_use]
    pub fn begin(self, now: WallTime) -> Self {
        match self {
            Self::Due { failed, .. } | Self::Sending { failed, .. } if self.is_due(now) => Self::Sending { failed, since: now },
            other => other,
        }
    }

    /// Takes an attempt's answer. `jitter`, 0 to 1, spreads what failed at once over a fifth of the waiting time.
    #[must_use]
    pub fn answered(self, answer: Answer, now: WallTime, jitter: f64) -> Self {
        let Self::Sending { failed, .. } = self else { return self };
        let (why, asked) = match answer {
            Answer::Status(200..=299, _) => return Self::Delivered { at: now },
            Answer::Status(410, _) => {
                return Self::GivenUp { at: now, why: "the receiver is gone for good (410)".into(), gone: true };
            }
            // Nothing is followed: the address is the one that a person set.
            Answer::Status(status @ 300..=399, _) => (format!("a redirection ({status}) is not followed"), None),
            Answer::Status(status, asked) => (format!("the receiver answered with {status}"), asked),
            Answer::None(why) => (why, None),
        };
        let Some(wait) = SCHEDULE.get(failed as usize) else {
            return Self::GivenUp { at: now, why: format!("{why}, {} times", failed + 1), gone: false };
        };
        let wait = wait.mul_f64(1.0 + 0.2 * if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 });
        Self::Due { failed: failed + 1, at: now + wait.max(asked.unwrap_or_default().min(RETRY_AFTER_MAX)) }
    }
}
