//! Who gets in: through a provider of OpenID Connect beside local users, and not by guessing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../common/mod.rs"]
mod common;
mod provider;

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use common::{Center, TOKEN, request, request_bytes, stores::Cluster, wait_for};
use matpho_tests::browser::Browser;
use provider::{CLIENT, Fault, Key, Likes, Provider, SECRET};
use serde_json::{Value, json};

on_both_stores!(
    a_person_of_the_provider_logs_in_works_and_logs_out,
    tokens_that_cannot_be_believed_let_nobody_in,
    a_login_counts_once_and_in_its_own_browser,
    keys_are_exchanged,
    a_provider_that_fails_is_told_and_local_users_log_in,
    names_are_never_taken_over,
    roles_follow_the_provider,
    strangers_may_look_where_that_is_configured,
    guessing_locks_those_who_guess,
    many_addresses_together_are_locked_and_known_devices_go_on,
);

/// An address of the console that is only written, never asked.
const CONSOLE: &str = "http://127.0.0.1:9";

fn config(provider: &Provider, more: &str) -> String {
    format!(
        "[auth.oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"oidc.secret\"\nconsole_url = \"{CONSOLE}\"\n{more}",
        provider.issuer()
    )
}

const ROLES: &str = "[[auth.oidc.roles]]\nvalue = \"matpho-admins\"\nrole = \"admin\"\n\
                     [[auth.oidc.roles]]\nvalue = \"matpho-operators\"\nrole = \"operator\"\n";

/// One that believes whom this machine says that it speaks for: so tests come from many addresses.
fn centre_with(config: &str) -> Center {
    let mut center = Center::new(config);
    let text = fs::read_to_string(center.config()).unwrap();
    fs::write(center.config(), text.replace("[http]\n", "[http]\nproxies = [\"127.0.0.1\"]\n")).unwrap();
    fs::write(center.path().join("oidc.secret"), format!("{SECRET}\n")).unwrap();
    center.start();
    center
}

fn centre_at(provider: &Provider) -> Center {
    centre_with(&config(provider, ROLES))
}

/// What a browser gets: status, where it is sent, cookies.
struct Page {
    status: u16,
    location: String,
    cookies: Vec<String>,
}

impl Page {
    /// The value of a cookie that was set, as it is sent back.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}=")))?;
        Some(set.split(';').next().unwrap().to_owned()).filter(|pair| !pair.ends_with('='))
    }
}

/// GET without following where it leads, from an address that nobody came from before: who fails often has to wait.
fn visit(url: &str, cookies: &[&str]) -> Page {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    visit_from(&format!("10.9.{high}.{low}"), url, cookies)
}

fn visit_from(address: &str, url: &str, cookies: &[&str]) -> Page {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(common::PATIENCE))
        .build()
        .into();
    let response = agent.get(url).header("cookie", cookies.join("; ")).header("x-forwarded-for", address).call().unwrap();
    let all =
        |name: &str| response.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>();
    Page { status: response.status().as_u16(), location: all("location").pop().unwrap_or_default(), cookies: all("set-cookie") }
}

/// Goes to the provider and back to the centre's door. Returns the ticket and the callback's path.
fn to_the_door(center: &Center) -> (String, String) {
    let begun = visit(&format!("{}/api/v1/session/oidc", center.url().unwrap()), &[]);
    assert_eq!(begun.status, 303, "{}", begun.location);
    let ticket = begun.cookie("matpho_login").unwrap_or_else(|| panic!("{} {:?}", begun.location, begun.cookies));
    let there = visit(&begun.location, &[]);
    let path = there.location.strip_prefix(CONSOLE).unwrap_or_else(|| panic!("{} {}", there.status, there.location)).to_owned();
    (ticket, path)
}

fn enter(center: &Center) -> Page {
    let (ticket, path) = to_the_door(center);
    visit(&format!("{}{path}", center.url().unwrap()), &[&ticket])
}

fn me(center: &Center, session: &str) -> (u16, Value) {
    let (status, text) = request("GET", &format!("{}/api/v1/me", center.url().unwrap()), &[("cookie", session)], None).unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// The lines of the audit trail as `what object outcome detail`.
fn trail(center: &Center, what: &str) -> Vec<String> {
    let text = center.command(&["audit", "export"], "");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["what"] == what)
        .map(|line| {
            format!(
                "{} {} {}",
                line["object"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
                line["detail"].as_str().unwrap()
            )
        })
        .collect()
}

fn local_login(center: &Center, name: &str, password: &str, headers: &[(&str, &str)]) -> (u16, Vec<String>, String) {
    let body = json!({"name": name, "password": password}).to_string();
    let url = format!("{}/api/v1/session", center.url().unwrap());
    let (status, headers, body) = request_bytes("POST", &url, headers, Some(body.as_bytes())).unwrap();
    let cookies = headers.into_iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value).collect();
    (status, cookies, String::from_utf8(body).unwrap())
}

fn a_person_of_the_provider_logs_in_works_and_logs_out() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_at(&provider);
    let (_, ways) = center.get_open("/api/v1/session/ways").unwrap();
    let ways: Value = serde_json::from_str(&ways).unwrap();
    assert_eq!(
        ways["provider"],
        json!({"name_vi": "Đăng nhập một lần (SSO)", "name_en": "Single sign-on", "url": "/api/v1/session/oidc"})
    );

    let entered = enter(&center);
    assert_eq!((entered.status, entered.location.as_str()), (303, "/"));
    let set = entered.cookies.iter().find(|cookie| cookie.starts_with("matpho_session=")).unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Max-Age=43200"), "{set}");
    assert!(entered.cookies.iter().any(|cookie| cookie.starts_with("matpho_login=;") && cookie.contains("Max-Age=0")));
    let session = entered.cookie("matpho_session").unwrap();
    let (status, who) = me(&center, &session);
    assert_eq!((status, &who["name"], &who["role"]), (200, &json!("hoa"), &json!("operator")));
    assert_eq!(provider.last("scope"), "openid profile");
    assert_eq!(provider.last("nonce").len(), 43);
    assert_eq!(provider.last("code_challenge_method"), "S256");

    assert_eq!(center.command(&["user", "list"], ""), "hoa\toperator\toidc\n");
    assert_eq!(trail(&center, "login"), [r#"hoa done {"by":"oidc"}"#]);
    let put = trail(&center, "user_put");
    assert!(put.len() == 1 && put[0].contains(r#""new":true"#) && put[0].contains(r#""subject":"7f3a""#), "{put:?}");
    for password in ["", "hoa", "7f3a"] {
        assert_eq!(local_login(&center, "hoa", password, &[]).0, 401, "such an account has no password");
    }

    let url = center.url().unwrap();
    let (status, _) = request("DELETE", &format!("{url}/api/v1/session"), &[("cookie", &session)], None).unwrap();
    assert_eq!((status, me(&center, &session).0), (204, 401));
    assert_eq!(enter(&center).location, "/", "and in again, as the same");
    assert_eq!(center.command(&["user", "list"], ""), "hoa\toperator\toidc\n");
    let log = center.log();
    for secret in [SECRET, "s3cret", "at-nobody-logs", "code-1", &session["matpho_session=".len()..]] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

fn tokens_that_cannot_be_believed_let_nobody_in() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_at(&provider);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let right = Key::rsa("first");
    type Change<'c> = Box<dyn Fn(&mut Likes) + 'c>;
    let claim = |name: &'static str, value: Value| -> Change<'_> { Box::new(move |likes| likes.claims = json!({ name: value })) };
    let fault = |fault: Fault| -> Change<'_> { Box::new(move |likes| likes.fault = Some(fault)) };
    let cases: Vec<(&str, Change<'_>, &str)> = vec![
        ("another nonce", claim("nonce", json!("of-another-login")), "nonce"),
        ("no nonce", claim("nonce", Value::Null), "nonce"),
        ("another audience", claim("aud", json!("another-client")), "audience"),
        ("no audience", claim("aud", Value::Null), "`aud`"),
        ("several audiences, not said for whom", claim("aud", json!([CLIENT, "another-client"])), "azp"),
        ("made for another client", claim("azp", json!("another-client")), "azp"),
        ("another issuer", claim("iss", json!("https://evil.example")), "issuer"),
        ("an issuer among several", claim("iss", json!([provider.issuer(), "https://evil.example"])), "issuer"),
        ("expired", claim("exp", json!(now - 120)), "expired"),
        ("without an end", claim("exp", Value::Null), "`exp`"),
        ("an end that is no number", claim("exp", json!("never")), ""),
        ("not yet valid", claim("nbf", json!(now + 3_600)), "not valid yet"),
        ("no subject", claim("sub", Value::Null), "`sub`"),
        ("a key that is not published", Box::new(|likes| likes.signs_with = Key::ec("second")), "fits no key"),
        ("another key by the right name", Box::new(|likes| likes.signs_with = Key::ec("first")), "fits no key"),
        ("a signature of something else", fault(Fault::BadSignature), "fits no key"),
        ("alg none", fault(Fault::AlgNone), "names no signature that is taken"),
        ("alg HS256", fault(Fault::AlgHs256), "HS256, which is not taken"),
    ];
    for (what, change, part) in &cases {
        provider.change(|likes| {
            likes.fault = None;
            likes.claims = json!({});
            likes.signs_with = right.clone();
            change(likes);
        });
        let page = enter(&center);
        assert_eq!(page.location, "/?login_error=oidc_invalid", "{what}: {}", center.log());
        assert!(page.cookie("matpho_session").is_none(), "{what}");
        let said = center.log();
        let last = said.lines().rev().find(|line| line.contains("a login through the provider was refused")).unwrap();
        assert!(last.contains(part), "{what}: {last}");
    }
    assert_eq!(center.command(&["user", "list"], ""), "", "nobody was made");
    let refused = trail(&center, "login");
    assert_eq!(refused.len(), cases.len());
    assert!(refused.iter().all(|line| line == r#"unknown refused {"by":"oidc","why":"oidc_invalid"}"#), "{refused:?}");
    // Within the leeway, for several clients with ours named, and signed with a curve: all of that is right.
    let second = Key::ec("second");
    provider.change(|likes| {
        likes.fault = None;
        likes.claims = json!({"exp": now - 1, "aud": ["another-client", CLIENT], "azp": CLIENT});
        likes.published = vec![second.clone()];
        likes.signs_with = second;
    });
    wait_for("the right token to be let in", || match enter(&center).location.as_str() {
        "/" => Ok(()),
        other => Err(other.to_owned()),
    });
}

fn a_login_counts_once_and_in_its_own_browser() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_at(&provider);
    let url = center.url().unwrap();
    let at = |path: &str, cookies: &[&str]| visit(&format!("{url}{path}"), cookies).location;
    // Even a provider that gives a token for a spent code does not make a spent login good.
    provider.change(|likes| likes.fault = Some(Fault::CodesLast));
    let (ticket, path) = to_the_door(&center);
    assert_eq!(at(&path, &[&ticket]), "/");
    assert_eq!(at(&path, &[&ticket]), "/?login_error=oidc_stale", "replayed");
    provider.change(|likes| likes.fault = None);
    let (ticket, path) = to_the_door(&center);
    let (other_ticket, other_path) = to_the_door(&center);
    assert_eq!(at(&path, &[]), "/?login_error=oidc_stale", "a browser that began nothing: somebody sent it a link");
    assert_eq!(at(&path, &[&other_ticket]), "/?login_error=oidc_stale", "the state of another login");
    assert_eq!(at(&path.replace("state=", "state=x"), &[&ticket]), "/?login_error=oidc_stale");
    assert_eq!(at(&path, &["matpho_login=eyJzdGF0ZSI6IngifQ.AAAA"]), "/?login_error=oidc_stale", "a ticket that somebody made");
    assert_eq!(provider.asked("token"), 2, "none of these got as far as the provider");
    assert_eq!(at(&path, &[&ticket]), "/");
    // A code that the provider does not know (any more).
    let spent = path.split('&').next().unwrap().replace("/api/v1/session/oidc/callback?", "");
    let with_spent_code = format!("/api/v1/session/oidc/callback?{spent}&state={}", other_path.split("state=").nth(1).unwrap());
    assert_eq!(at(&with_spent_code, &[&other_ticket]), "/?login_error=oidc_denied");
    provider.change(|likes| likes.fault = Some(Fault::Denies));
    assert_eq!(enter(&center).location, "/?login_error=oidc_denied");
    let often: Vec<String> = (0..8).map(|_| visit_from("10.8.0.1", &format!("{url}{path}"), &[]).location).collect();
    assert_eq!(
        often.iter().filter(|location| location.ends_with("too_many_attempts")).count(),
        2,
        "who tries has to wait: {often:?}"
    );
    assert_eq!(trail(&center, "login").iter().filter(|line| line.contains("done")).count(), 2);
}

fn keys_are_exchanged() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_at(&provider);
    assert_eq!(enter(&center).location, "/");
    assert_eq!(enter(&center).location, "/");
    assert_eq!((provider.asked("discovery"), provider.asked("keys")), (1, 1), "what it says of itself is kept");
    // The same name and another key: as bad as it gets, and found all the same.
    let next = Key::ec("first");
    provider.change(|likes| {
        likes.published = vec![next.clone()];
        likes.signs_with = next;
    });
    wait_for("the new key to be taken", || match enter(&center).location.as_str() {
        "/" => Ok(()),
        other => Err(other.to_owned()),
    });
    let asked = provider.asked("keys");
    assert!((2..10).contains(&asked), "{asked}");
}

fn a_provider_that_fails_is_told_and_local_users_log_in() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    provider.change(|likes| likes.fault = Some(Fault::Fails("discovery")));
    let center = centre_at(&provider);
    center.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu của Lan\n");
    let begin = || visit(&format!("{}/api/v1/session/oidc", center.url().unwrap()), &[]);
    assert_eq!(begin().location, "/?login_error=oidc_unavailable");
    assert!(center.log().contains("discovery: it answers with 503"), "{}", center.log());
    let asked = provider.asked("discovery");
    for _ in 0..20 {
        begin();
    }
    assert!(provider.asked("discovery") <= asked + 2, "who fails is not asked by everybody");
    assert_eq!(local_login(&center, "lan", "mật khẩu của Lan", &[]).0, 200);

    provider.change(|likes| likes.fault = Some(Fault::OtherIssuer));
    wait_for("the wrong issuer to be told", || {
        begin();
        if center.log().contains("it says that it is https://evil.example") { Ok(()) } else { Err(center.log()) }
    });
    provider.change(|likes| likes.fault = Some(Fault::OtherSecret));
    wait_for("the refused secret to be told", || {
        let begun = begin();
        let Some(ticket) = begun.cookie("matpho_login") else { return Err(begun.location) };
        let back = visit(&begun.location, &[]).location.replace(CONSOLE, &center.url().unwrap());
        let page = visit(&back, &[&ticket]);
        if page.location == "/?login_error=oidc_unavailable" { Ok(()) } else { Err(page.location) }
    });
    assert!(center.log().contains("it refuses the centre (invalid_client)"), "{}", center.log());
    // It takes the connection and says nothing: an answer comes all the same, and others do not wait for it.
    provider.change(|likes| likes.fault = Some(Fault::Hangs("token")));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| enter(&center).location);
        wait_for("the centre to ask", || if provider.asked("token") >= 2 { Ok(()) } else { Err(String::new()) });
        assert_eq!(local_login(&center, "lan", "mật khẩu của Lan", &[]).0, 200);
        assert!(!waiting.is_finished(), "the local login did not wait for the provider");
        assert_eq!(waiting.join().unwrap(), "/?login_error=oidc_unavailable");
    });
    assert!(center.log().contains("no answer within 10 s"), "{}", center.log());
    assert!(!center.log().contains("s3cret"), "the secret is in the log");
}

fn names_are_never_taken_over() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_at(&provider);
    let is = |expected: &str| assert_eq!(enter(&center).location, expected);
    center.command(&["user", "add", "hoa", "--password-stdin"], "mật khẩu của Hoa\n");
    is("/?login_error=oidc_taken");
    assert_eq!(local_login(&center, "hoa", "mật khẩu của Hoa", &[]).0, 200, "hers goes on as it was");
    assert!(trail(&center, "login").contains(&r#"hoa refused {"by":"oidc","why":"oidc_taken"}"#.to_owned()));
    // An administrator hands the account over: then there is one way in, and it is the provider's.
    let said = center.command(&["user", "hand-over", "hoa"], "");
    assert!(said.starts_with("user hoa has no password any more"), "{said}");
    assert_eq!(local_login(&center, "hoa", "mật khẩu của Hoa", &[]).0, 401);
    is("/");
    // Who gets a name at the provider that somebody else had there does not get the account.
    provider.change(|likes| likes.who["sub"] = json!("9b1c"));
    is("/?login_error=oidc_taken");
    // Who is renamed there stays who they were here: grants and the trail know that name.
    provider.change(|likes| likes.who = json!({"sub": "7f3a", "preferred_username": "hoa.tran", "groups": "matpho-operators"}));
    is("/");
    assert_eq!(center.command(&["user", "list"], ""), "hoa\toperator\toidc\n");
    // With a password again it is a local account again.
    center.command(&["user", "add", "hoa", "--password-stdin"], "mật khẩu mới của Hoa\n");
    assert_eq!(local_login(&center, "hoa", "mật khẩu mới của Hoa", &[]).0, 200);
    provider.change(|likes| likes.who["preferred_username"] = json!("hoa"));
    is("/?login_error=oidc_taken");
    for name in ["demo-token", "matpho-center", "a b", ""] {
        provider.change(|likes| likes.who = json!({"sub": "1", "preferred_username": name, "groups": "matpho-operators"}));
        is("/?login_error=oidc_nameless");
    }
}

fn roles_follow_the_provider() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_at(&provider);
    let session = enter(&center).cookie("matpho_session").unwrap();
    assert_eq!(me(&center, &session).1["role"], "operator");
    provider.change(|likes| likes.who["groups"] = json!(["matpho-operators", "matpho-admins"]));
    assert_eq!(enter(&center).location, "/");
    assert_eq!(me(&center, &session).1["role"], "admin", "in sessions that are open, too");
    provider.change(|likes| likes.who["groups"] = json!(["staff"]));
    assert_eq!(enter(&center).location, "/?login_error=oidc_unknown");
    assert!(trail(&center, "login").contains(&r#"hoa refused {"by":"oidc","why":"oidc_unknown"}"#.to_owned()));
    assert!(trail(&center, "user_put")[1].contains(r#""role":"admin""#));
}

fn strangers_may_look_where_that_is_configured() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = centre_with(&config(&provider, "others = \"viewer\"\n"));
    let session = enter(&center).cookie("matpho_session").unwrap();
    let (_, who) = me(&center, &session);
    assert_eq!((&who["role"], &who["capabilities"]), (&json!("viewer"), &json!(["view.map", "view.live"])));
    let url = center.url().unwrap();
    let ask = |method: &str, path: &str| request(method, &format!("{url}{path}"), &[("cookie", &session)], None).unwrap().0;
    assert_eq!((ask("GET", "/api/v1/incidents"), ask("GET", "/api/v1/audit"), ask("GET", "/metrics")), (200, 403, 403));
}

/// A login as it comes through a proxy, from an address.
fn from(address: &str) -> [(&'static str, &str); 1] {
    [("x-forwarded-for", address)]
}

fn guessing_locks_those_who_guess() {
    let mut center = centre_with("[auth]\nlockout_failures = 3\nlockout_minutes = 60\n");
    for name in ["lan", "minh"] {
        center.command(&["user", "add", name, "--password-stdin"], "mật khẩu đúng\n");
    }
    let (status, cookies, _) = local_login(&center, "lan", "mật khẩu đúng", &from("10.0.0.8"));
    assert_eq!(status, 200);
    let device = cookies.iter().find(|cookie| cookie.starts_with("matpho_device=")).unwrap();
    assert!(
        device.contains("HttpOnly") && device.contains("Path=/api/v1/session;") && device.contains("SameSite=Strict"),
        "{device}"
    );
    let device = device.split(';').next().unwrap().to_owned();
    let session =
        cookies.iter().find(|cookie| cookie.starts_with("matpho_session=")).unwrap().split(';').next().unwrap().to_owned();

    assert_eq!(local_login(&center, "lan", "sai 1", &from("10.0.0.7")).0, 401);
    assert_eq!(local_login(&center, "lan", "sai 2", &from("10.0.0.7")).0, 401);
    // Failures count over a restart.
    center.stop();
    center.start();
    let (status, _, wrong) = local_login(&center, "lan", "sai 3", &from("10.0.0.7"));
    assert_eq!(status, 401);
    let (status, _, locked) = local_login(&center, "lan", "mật khẩu đúng", &from("10.0.0.7"));
    assert_eq!((status, &locked), (401, &wrong), "the right password, and the same answer as to a wrong one");
    let (status, _, nobody) = local_login(&center, "nobody-has-this-name", "sai", &from("10.0.0.9"));
    assert_eq!((status, &nobody), (401, &wrong), "and as to a name that there is not");
    // Nobody else is locked out: the same user elsewhere, from the same address somebody else, a session that is open.
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &from("10.0.0.8")).0, 200);
    assert_eq!(local_login(&center, "minh", "mật khẩu đúng", &from("10.0.0.7")).0, 200);
    assert_eq!(me(&center, &session).0, 200);
    // A device that is known works at the very address that is locked.
    let known = [("x-forwarded-for", "10.0.0.7"), ("cookie", device.as_str())];
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &known).0, 200);
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &known).0, 401, "what proves it is new each time");

    let listed = center.command(&["user", "list"], "");
    assert!(
        listed.starts_with("lan\toperator\tlocked for address 10.0.0.7 until 20") && listed.ends_with("minh\toperator\n"),
        "{listed}"
    );
    let lines = trail(&center, "user_locked");
    assert!(lines.len() == 1 && lines[0].starts_with(r#"lan done {"for":"address 10.0.0.7","until":"20"#), "{lines:?}");
    assert!(trail(&center, "login").contains(&r#"lan refused {"locked":true}"#.to_owned()));
    assert_eq!(center.command(&["user", "unlock", "lan"], ""), "user lan is unlocked\n");
    assert_eq!(center.command(&["user", "unlock", "lan"], ""), "user lan was not locked\n");
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &from("10.0.0.7")).0, 200);
    assert_eq!(trail(&center, "user_unlocked"), ["lan done null"]);
    let output = common::center(&["user", "unlock", "nobody", "--config", &center.config()], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(!center.log().contains("mật khẩu"), "a password is in the log");
    assert!(!center.log().contains("housekeeping failed"), "{}", center.log());
}

fn many_addresses_together_are_locked_and_known_devices_go_on() {
    let mut center = centre_with("[auth]\nlockout_failures = 3\nlockout_minutes = 0\n");
    center.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu đúng\n");
    let (_, cookies, _) = local_login(&center, "lan", "mật khẩu đúng", &from("10.0.0.8"));
    let device =
        cookies.iter().find(|cookie| cookie.starts_with("matpho_device=")).unwrap().split(';').next().unwrap().to_owned();
    // The wait after failures, which is kept in memory, is not what is looked at here: a new start forgets it.
    for number in 0..30 {
        if number % 5 == 4 {
            center.stop();
            center.start();
        }
        assert_eq!(local_login(&center, "lan", "sai", &from(&format!("10.1.{number}.1"))).0, 401, "{number}");
    }
    center.stop();
    center.start();
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &from("10.2.0.1")).0, 401, "no new device");
    let known = [("x-forwarded-for", "10.2.0.1"), ("cookie", device.as_str())];
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &known).0, 200, "the operator's own goes on");
    assert!(center.command(&["user", "list"], "").contains("locked for strangers until it is unlocked"));
    center.command(&["user", "unlock", "lan"], "");
    assert_eq!(local_login(&center, "lan", "mật khẩu đúng", &from("10.2.0.1")).0, 200);
}

/// In a real browser, from another site (`localhost`) and back, by the console's own button, in both languages.
#[test]
fn a_browser_goes_to_the_provider_and_comes_back_logged_in() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let console = format!("http://127.0.0.1:{port}");
    let provider = Provider::start("localhost", &console);
    let names = "name_vi = \"Tài khoản công vụ\"\nname_en = \"Government account\"\n";
    let oidc = config(&provider, &format!("{names}{ROLES}")).replace(CONSOLE, &console);
    let mut center = Center::new(&oidc);
    let text = fs::read_to_string(center.config()).unwrap();
    fs::write(center.config(), text.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1)).unwrap();
    fs::write(center.path().join("oidc.secret"), SECRET).unwrap();
    center.start();
    let page = center.get_open("/").unwrap().1;
    assert!(page.contains("/assets/"), "the console is not built: `make console` does it");

    let browser = Browser::start(center.path()).unwrap();
    let text = || browser.script("return document.body.innerText").unwrap().as_str().unwrap_or_default().to_owned();
    let shows = |part: &str| wait_for(part, || if text().contains(part) { Ok(()) } else { Err(text()) });
    let picture = |name: &str| {
        if let Some(folder) = std::env::var_os("MATPHO_SCREENSHOTS") {
            browser.screenshot(&std::path::Path::new(&folder).join(name)).unwrap();
        }
    };
    const BUTTON: &str = "[data-testid=login-provider]";
    browser.open(&format!("{console}/#/closed")).unwrap();
    browser.wait(BUTTON).unwrap();
    shows("Tài khoản công vụ");
    picture("login-vi.png");
    browser.click("[data-testid=lang-switch]").unwrap();
    shows("Government account");
    picture("login-en.png");
    browser.click(BUTTON).unwrap();
    // At the provider, a person does something there.
    browser.click("#enter").unwrap();
    browser.wait("[data-testid=closed-search]").unwrap();
    shows("hoa");
    assert_eq!(
        browser.script("return location.href").unwrap(),
        json!(format!("{console}/#/closed")),
        "back at what was on the screen"
    );
    let seen = browser.script("return document.cookie").unwrap();
    assert_eq!(seen, json!(""), "no script reads a cookie");
    picture("logged-in.png");
    assert_eq!(trail(&center, "login"), [r#"hoa done {"by":"oidc"}"#]);

    browser.script("return fetch('/api/v1/session', {method: 'DELETE'}).then((answer) => answer.status)").unwrap();
    provider.change(|likes| likes.who["groups"] = json!([]));
    browser.open(&console).unwrap();
    browser.click(BUTTON).unwrap();
    browser.click("#enter").unwrap();
    shows("This account has not been given access to the centre.");
    picture("refused-en.png");
    assert_eq!(browser.script("return location.search").unwrap(), json!(""), "a reload does not say it again");
    assert_eq!(browser.severe_messages().unwrap(), [""; 0]);
}

/// Two centres on one PostgreSQL are one door: failures at both count, and a login that began at one is finished at the other.
#[test]
fn two_centres_are_one_door() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let store = Cluster::shared().new_database();
    let centre = || {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("oidc.secret"), SECRET).unwrap();
        let text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n{store}[broker]\nlisten = \"127.0.0.1:0\"\n\
             [auth]\nlockout_failures = 4\n{}",
            config(&provider, ROLES)
        );
        let mut center = Center::with(folder, &text);
        center.start();
        center
    };
    let (one, other) = (centre(), centre());
    one.command(&["user", "add", "lan", "--password-stdin"], "mật khẩu đúng\n");
    for center in [&one, &other, &one, &other] {
        assert_eq!(local_login(center, "lan", "sai", &[]).0, 401);
    }
    for center in [&one, &other] {
        assert_eq!(local_login(center, "lan", "mật khẩu đúng", &[]).0, 401, "locked at both");
    }
    provider.change(|likes| likes.fault = Some(Fault::CodesLast));
    let (ticket, path) = to_the_door(&one);
    assert_eq!(visit(&format!("{}{path}", other.url().unwrap()), &[&ticket]).location, "/");
    assert_eq!(visit(&format!("{}{path}", one.url().unwrap()), &[&ticket]).location, "/?login_error=oidc_stale", "once, at both");
}

#[test]
fn a_centre_without_a_provider_offers_none() {
    let mut center = Center::new("");
    center.start();
    assert_eq!(center.get_open("/api/v1/session/ways").unwrap(), (200, "{}".into()));
    for path in ["/api/v1/session/oidc", "/api/v1/session/oidc/callback?code=a&state=b"] {
        let (status, text) = center.get_open(path).unwrap();
        assert!(status == 404 && text.contains("[auth.oidc]"), "{status} {text}");
    }
    assert_eq!(center.get("/api/v1/me").0, 200, "{TOKEN} is there");
}

#[test]
fn a_missing_secret_is_told_before_anything_runs() {
    let provider = Provider::start("127.0.0.1", CONSOLE);
    let center = Center::new(&config(&provider, ROLES));
    let output = common::center(&["run", "--config", &center.config()], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("auth.oidc") && said.contains("oidc.secret"), "{said}");
}
