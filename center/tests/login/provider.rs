//! A provider of OpenID Connect for tests: discovery, keys, authorization, tokens; strict about what the centre owes it (redirect address,
//! client's secret, PKCE, a code once), and as wrong as a test wants in what it gives.

use std::{
    collections::HashMap,
    net::SocketAddr,
    process::Command,
    sync::{Arc, OnceLock},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use parking_lot::Mutex;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "matpho";
/// With characters that a form has to encode.
pub const SECRET: &str = "s3cret+of the/client:that=nobody&logs";

/// A key that tokens are signed with.
#[derive(Clone)]
pub enum Key {
    Rsa(&'static str, Arc<RsaKeyPair>),
    Ec(&'static str, Arc<EcdsaKeyPair>),
}

impl Key {
    /// The same for all tests of a process: making one takes a while.
    pub fn rsa(kid: &'static str) -> Self {
        static KEY: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-outform", "DER"]).output().unwrap();
            assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
            // One version of openssl writes it the old way, another the new.
            let key = RsaKeyPair::from_der(&made.stdout).or_else(|_| RsaKeyPair::from_pkcs8(&made.stdout));
            Arc::new(key.unwrap())
        });
        Self::Rsa(kid, key.clone())
    }

    pub fn ec(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Ec(kid, Arc::new(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()))
    }

    fn header(&self) -> Value {
        match self {
            Self::Rsa(kid, _) => json!({"typ": "JWT", "alg": "RS256", "kid": kid}),
            Self::Ec(kid, _) => json!({"typ": "JWT", "alg": "ES256", "kid": kid}),
        }
    }

    fn public(&self) -> Value {
        match self {
            Self::Rsa(kid, key) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)})
            }
            Self::Ec(kid, key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(_, key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(_, key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

/// What is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It does not answer there, ever.
    Hangs(&'static str),
    /// It answers with 503 there.
    Fails(&'static str),
    /// It calls itself something else.
    OtherIssuer,
    /// It knows another secret than the centre.
    OtherSecret,
    /// It lets nobody in.
    Denies,
    /// It gives out a code as often as one likes.
    CodesLast,
    /// Its tokens say that nothing has to be signed.
    AlgNone,
    /// They are signed with HMAC, by the public key that everybody knows.
    AlgHs256,
    /// Their signature is of something else.
    BadSignature,
}

struct Code {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

/// What it is like at the moment.
pub struct Likes {
    /// Who is logged in there: what the token says of them.
    pub who: Value,
    /// What else the token says, in the place of what it should.
    pub claims: Value,
    pub published: Vec<Key>,
    pub signs_with: Key,
    pub fault: Option<Fault>,
    /// How often each part was asked.
    pub asked: HashMap<&'static str, usize>,
    /// What `authorize` was given last.
    pub last: HashMap<String, String>,
    codes: HashMap<String, Code>,
    number: usize,
}

struct Inner {
    issuer: String,
    redirect_uri: String,
    likes: Mutex<Likes>,
}

/// A provider that runs until it is dropped.
pub struct Provider {
    inner: Arc<Inner>,
    _runtime: tokio::runtime::Runtime,
}

impl Provider {
    /// One that sends people back below this address. `host` is the name by which it calls itself.
    pub fn start(host: &str, console: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let issuer = format!("http://{host}:{}/realms/tinh", listener.local_addr().unwrap().port());
        let key = Key::rsa("first");
        let likes = Likes {
            who: json!({"sub": "7f3a", "preferred_username": "hoa", "groups": ["matpho-operators", "staff"]}),
            claims: json!({}),
            published: vec![key.clone()],
            signs_with: key,
            fault: None,
            asked: HashMap::new(),
            last: HashMap::new(),
            codes: HashMap::new(),
            number: 0,
        };
        let redirect_uri = format!("{console}/api/v1/session/oidc/callback");
        let inner = Arc::new(Inner { issuer, redirect_uri, likes: Mutex::new(likes) });
        let router = Router::new()
            .route("/realms/tinh/.well-known/openid-configuration", get(discovery))
            .route("/realms/tinh/keys", get(keys))
            .route("/realms/tinh/authorize", get(authorize))
            .route("/realms/tinh/token", post(token))
            // A browser asks for it, and would complain.
            .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
            .with_state(inner.clone());
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, _runtime: runtime }
    }

    pub fn issuer(&self) -> String {
        self.inner.issuer.clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Likes)) {
        change(&mut self.inner.likes.lock());
    }

    pub fn asked(&self, part: &str) -> usize {
        self.inner.likes.lock().asked.get(part).copied().unwrap_or(0)
    }

    pub fn last(&self, key: &str) -> String {
        self.inner.likes.lock().last.get(key).cloned().unwrap_or_default()
    }
}

/// Counts; and does what is wrong with it.
async fn asked(inner: &Inner, part: &'static str) -> Result<(), Response> {
    let fault = {
        let mut likes = inner.likes.lock();
        *likes.asked.entry(part).or_default() += 1;
        likes.fault
    };
    match fault {
        Some(Fault::Hangs(where_)) if where_ == part => std::future::pending().await,
        Some(Fault::Fails(where_)) if where_ == part => Err(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        _ => Ok(()),
    }
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Result<Response, Response> {
    asked(&inner, "discovery").await?;
    let issuer = &inner.issuer;
    let named = if inner.likes.lock().fault == Some(Fault::OtherIssuer) { "https://evil.example" } else { issuer };
    Ok(Json(json!({
        "issuer": named,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    }))
    .into_response())
}

async fn keys(State(inner): State<Arc<Inner>>) -> Result<Response, Response> {
    asked(&inner, "keys").await?;
    let mut keys: Vec<Value> = inner.likes.lock().published.iter().map(Key::public).collect();
    // Providers publish keys that are none of our business.
    keys.push(json!({"kty": "OKP", "crv": "X25519", "use": "enc", "kid": "other", "x": "AAAA"}));
    keys.push(json!({"kty": "NEW", "kid": "of-a-kind-that-nobody-knows"}));
    Ok(Json(json!({ "keys": keys })).into_response())
}

async fn authorize(
    State(inner): State<Arc<Inner>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    asked(&inner, "authorize").await?;
    let given = |key: &str| query.get(key).cloned().unwrap_or_default();
    let owed = given("response_type") == "code"
        && given("client_id") == CLIENT
        && given("redirect_uri") == inner.redirect_uri
        && given("scope").split(' ').any(|scope| scope == "openid")
        && given("code_challenge_method") == "S256";
    if !owed {
        return Err((StatusCode::BAD_REQUEST, format!("not what a client owes: {query:?}")).into_response());
    }
    let mut likes = inner.likes.lock();
    let state = given("state");
    let back = if likes.fault == Some(Fault::Denies) {
        format!("{}?error=access_denied&state={state}", inner.redirect_uri)
    } else {
        likes.number += 1;
        let code = format!("code-{}", likes.number);
        let kept = Code { nonce: given("nonce"), challenge: given("code_challenge"), redirect_uri: given("redirect_uri") };
        likes.codes.insert(code.clone(), kept);
        format!("{}?code={code}&state={state}&session_state=abc", inner.redirect_uri)
    };
    likes.last = query;
    // A person sees a page and does something there; a program is sent back at once.
    let is_browser = headers.get(header::ACCEPT).is_some_and(|accept| accept.to_str().unwrap_or("").contains("text/html"));
    if is_browser {
        let page = format!("<!doctype html><title>Tỉnh</title><a id=enter href=\"{}\">Hoa</a>", back.replace('&', "&amp;"));
        return Ok(Html(page).into_response());
    }
    Ok(Redirect::to(&back).into_response())
}

async fn token(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: String) -> Result<Response, Response> {
    asked(&inner, "token").await?;
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut likes = inner.likes.lock();
    let refuse =
        |status: StatusCode, error: &str| (status, Json(json!({"error": error, "error_description": SECRET}))).into_response();
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let secret = if likes.fault == Some(Fault::OtherSecret) { "another" } else { SECRET };
    let expected = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(secret))));
    if headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) != Some(&expected) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "invalid_client"));
    }
    let given = |key: &str| form.get(key).cloned().unwrap_or_default();
    let code = if likes.fault == Some(Fault::CodesLast) {
        likes.codes.get(&given("code")).map(|code| Code {
            nonce: code.nonce.clone(),
            challenge: code.challenge.clone(),
            redirect_uri: code.redirect_uri.clone(),
        })
    } else {
        likes.codes.remove(&given("code"))
    };
    let Some(code) = code else { return Err(refuse(StatusCode::BAD_REQUEST, "invalid_grant")) };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier")));
    if given("grant_type") != "authorization_code" || given("redirect_uri") != code.redirect_uri || challenge != code.challenge {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_grant"));
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({"iss": inner.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": code.nonce});
    for more in [&likes.who, &likes.claims] {
        for (name, value) in more.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
    }
    let id_token = signed(&likes, &claims);
    Ok(Json(json!({"access_token": "at-nobody-logs", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}))
        .into_response())
}

fn signed(likes: &Likes, claims: &Value) -> String {
    let mut header = likes.signs_with.header();
    match likes.fault {
        Some(Fault::AlgNone) => header["alg"] = json!("none"),
        Some(Fault::AlgHs256) => header["alg"] = json!("HS256"),
        _ => {}
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let signature = match likes.fault {
        Some(Fault::AlgNone) => Vec::new(),
        Some(Fault::AlgHs256) => {
            use hmac::Mac;
            let public = likes.signs_with.public().to_string();
            let mut mac = hmac::Hmac::<Sha256>::new_from_slice(public.as_bytes()).unwrap();
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        Some(Fault::BadSignature) => likes.signs_with.sign(b"something else"),
        _ => likes.signs_with.sign(message.as_bytes()),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
