//! ID tokens: believed as far as their signature, issuer, audience, expiry and nonce go (OpenID Connect Core 1.0, 3.1.3.7).
//!
//! `jsonwebtoken` reads and checks them; the arithmetic of signatures is ring's, the one cryptography of this program. Only signatures by the
//! provider's own key are taken: never `none`, and never one by a secret (HS256), for which a public key could be passed off.

use std::sync::OnceLock;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, Validation,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    decode, decode_header,
    errors::{ErrorKind, Result as JwtResult},
    jwk::{Jwk, JwkSet, PublicKeyUse},
    signature,
};
use ring::signature::{self as arithmetic, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

/// By how much the provider's clock may differ from ours, seconds.
const LEEWAY_S: u64 = 30;

/// What signatures are taken.
pub const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// What a token says.
pub type Claims = Map<String, Value>;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// None of the keys fits: there may be newer ones.
    #[error("its signature fits no key that the provider publishes")]
    Signature,
    /// Whatever else.
    #[error("{0}")]
    Wrong(String),
}

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// Who made it.
    pub issuer: &'e str,
    /// For whom.
    pub client_id: &'e str,
    /// For which login.
    pub nonce: &'e str,
}

/// The claims of a token that is believed.
pub fn read(token: &str, keys: &JwkSet, expected: Expected<'_>) -> Result<Claims, TokenError> {
    install();
    let wrong = |what: &str| TokenError::Wrong(what.to_owned());
    let header = decode_header(token).map_err(|_| wrong("its header cannot be read, or names no signature that is taken"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(TokenError::Wrong(format!("its signature is {:?}, which is not taken", header.alg)));
    }
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let fits =
        |key: &&Jwk| is_for(key, header.alg) && header.kid.as_ref().is_none_or(|kid| key.common.key_id.as_ref() == Some(kid));
    for key in keys.keys.iter().filter(fits) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        match decode::<Claims>(token, &key, &validation) {
            Ok(token) => return check(token.claims, expected),
            Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
            Err(error) => return Err(TokenError::Wrong(words(error.kind()))),
        }
    }
    Err(TokenError::Signature)
}

/// What `jsonwebtoken` leaves open.
fn check(claims: Claims, expected: Expected<'_>) -> Result<Claims, TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let wrong = |what: &str| Err(TokenError::Wrong(what.to_owned()));
    if text("iss") != Some(expected.issuer) {
        return wrong("its issuer is another one");
    }
    if text("nonce") != Some(expected.nonce) {
        return wrong("its nonce is not that of the login");
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match text("azp") {
        Some(azp) if azp != expected.client_id => wrong("it was made for another client (azp)"),
        None if several => wrong("it was made for several clients and does not say for whom (azp)"),
        _ => Ok(claims),
    }
}

fn words(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired".into(),
        ErrorKind::ImmatureSignature => "it is not valid yet".into(),
        ErrorKind::InvalidIssuer => "its issuer is another one".into(),
        ErrorKind::InvalidAudience => "it was made for another audience".into(),
        ErrorKind::MissingRequiredClaim(name) => format!("it does not say `{name}`"),
        // Never the token itself.
        _ => "it cannot be read".into(),
    }
}

/// Whether a key is there for checking such signatures.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let named = key.common.key_algorithm.is_none_or(|known| known.to_string() == format!("{algorithm:?}"));
    signs && named && DecodingKey::from_jwk(key).is_ok_and(|key| key.family() == algorithm.family())
}

/// Has ring check the signatures of `jsonwebtoken`, in the whole process.
fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // Nobody else installs one; a second call would be refused, and harmless.
        let _ = PROVIDER.install_default();
    });
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    if !ALGORITHMS.contains(algorithm) || key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Verifier { algorithm: *algorithm, key: key.clone() }))
}

struct Verifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let rsa = |parameters: &'static RsaParameters| match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            DecodingKeyKind::SecretOrDer(_) => Err(ring::error::Unspecified),
        };
        let curve = |algorithm: &'static arithmetic::EcdsaVerificationAlgorithm| match self.key.kind() {
            DecodingKeyKind::SecretOrDer(point) => UnparsedPublicKey::new(algorithm, point).verify(message, signature),
            DecodingKeyKind::RsaModulusExponent { .. } => Err(ring::error::Unspecified),
        };
        let verified = match self.algorithm {
            Algorithm::RS256 => rsa(&arithmetic::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&arithmetic::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&arithmetic::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => rsa(&arithmetic::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => rsa(&arithmetic::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => rsa(&arithmetic::RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => curve(&arithmetic::ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => curve(&arithmetic::ECDSA_P384_SHA384_FIXED),
            _ => Err(ring::error::Unspecified),
        };
        verified.map_err(|_| signature::Error::new())
    }
}
