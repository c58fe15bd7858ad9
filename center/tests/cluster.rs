//! Several centres on one PostgreSQL, and a store that goes away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

#[path = "../../tests/support/authority.rs"]
mod authority;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use authority::Authority;
use common::{
    Center, Gateway, Listener, Message,
    broker::{Broker, free_port},
    golden,
    receiver::{Got, Receiver},
    stores::Cluster,
    wait_for,
};
use serde_json::json;

/// Events that a centre has taken.
const EVENTS: &str = "matpho_center_messages_total{kind=\"event\"}";

/// Centres of one group, on one database and one folder of files. They do not run yet.
struct Province {
    broker: Broker,
    _certificates: tempfile::TempDir,
    _files: tempfile::TempDir,
    centers: Vec<Center>,
}

impl Province {
    fn new(count: usize) -> Self {
        Self::with(count, "")
    }

    fn with(count: usize, feeds: &str) -> Self {
        let (certificates, files, store) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Cluster::shared().new_database());
        let (authority, tls_port) = (Authority::new(certificates.path()), free_port());
        // Gateways of these tests come in the clear, centres encrypted.
        let broker = Broker::start(&authority.listener(tls_port));
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\nfiles_folder = \"{}\"\n{store}[broker]\nmode = \"external\"\n\
             url = \"mqtts://127.0.0.1:{}\"\nca_file = \"{}\"\nshared_group = \"matpho-center\"\ntakeover_s = 5\n{feeds}",
            files.path().display(),
            tls_port,
            authority.ca.display()
        );
        let centers = (0..count).map(|_| Center::with(tempfile::tempdir().unwrap(), &config)).collect();
        Self { broker, _certificates: certificates, _files: files, centers }
    }

    fn gateway(&self) -> Gateway {
        Gateway::connect_to(self.broker.address(), "tdm.gw-01", "gateway-password-01").unwrap()
    }
}

/// Two events of one fire, one after the other: the broker gives them to two centres at once.
fn fire(gateway: &mut Gateway, number: u32) {
    for (name, seed) in [("event_began", 2 * number), ("event_began", 2 * number + 1)] {
        gateway.publish("events", &Message::event(name, seed).at_camera(&format!("c{number}")).text());
    }
}

#[test]
fn centres_share_what_comes_and_one_that_is_killed_loses_and_doubles_nothing() {
    let mut province = Province::new(2);
    let (count, killed_at, back_at) = (90, 30, 60);
    province.centers.iter_mut().for_each(Center::start);
    let mut gateway = province.gateway();
    for number in 0..count {
        fire(&mut gateway, number);
        if number == killed_at {
            wait_for("both to have their share", || {
                let shares = province.centers.iter().map(|center| center.metric(EVENTS)).collect::<Vec<_>>();
                if shares.iter().all(|share| *share > 0.0) { Ok(()) } else { Err(format!("{shares:?}")) }
            });
            province.centers[0].kill();
        }
        if number == back_at {
            province.centers[0].start();
        }
    }
    for center in &province.centers {
        center.wait_events(2 * count as usize);
        // As if one had run: each fire is one incident of both its events.
        let incidents = center.incidents("limit=200", count as usize);
        assert!(incidents.iter().all(|incident| incident["event_count"] == 2), "{incidents:?}");
    }
}

/// Whoever takes an event, every console hears of it, and each change once.
#[test]
fn a_console_hears_at_its_centre_what_another_one_took() {
    let mut province = Province::new(2);
    province.centers.iter_mut().for_each(Center::start);
    let mut listeners: Vec<_> = province.centers.iter().map(|center| Listener::connect(center, None)).collect();
    let mut gateway = province.gateway();
    let count = 20;
    for number in 0..count {
        fire(&mut gateway, number);
    }
    for listener in &mut listeners {
        let (mut whole, mut last) = (BTreeSet::new(), 0);
        while whole.len() < count as usize {
            let news = listener.until("incident", |_| true);
            assert!(news.id.unwrap() > last, "number {:?} after {last}", news.id);
            last = news.id.unwrap();
            if news.data["event_count"] == 2 {
                whole.insert(news.data["id"].as_str().unwrap().to_owned());
            }
        }
    }
    // What one person does at one centre is seen at the other.
    let id = province.centers[0].incidents("limit=200", count as usize)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(province.centers[0].post(&format!("/api/v1/incidents/{id}/acknowledge"), Some("{}")).0, 200);
    let news = listeners[1].until("incident", |incident| incident["state"] == "acknowledged");
    assert_eq!(news.data["id"], id.as_str());
    assert_eq!(province.centers[1].post(&format!("/api/v1/incidents/{id}/acknowledge"), Some("{}")).0, 409);
}

/// A machine that burnt down: what the broker gave to its centre is fetched by another one.
#[test]
fn a_centre_that_never_comes_back_is_taken_over() {
    let mut province = Province::new(2);
    province.centers.iter_mut().for_each(Center::start);
    let mut gateway = province.gateway();
    province.centers[0].kill();
    let count = 20;
    for number in 0..count {
        fire(&mut gateway, number);
    }
    let center = &province.centers[1];
    center.wait_events(2 * count as usize);
    center.incidents("limit=200", count as usize);
    wait_for("the end of it", || {
        let log = center.log();
        if log.contains("nothing is left at the broker for the centre that was silent") { Ok(()) } else { Err(log) }
    });
    assert!(center.log().contains("is taken over"), "{}", center.log());
    // The one that was given up comes back all the same.
    province.centers[0].start();
    fire(&mut gateway, count);
    fire(&mut gateway, count + 1);
    province.centers[1].wait_events(2 * count as usize + 4);
    assert!(province.centers[0].metric(EVENTS) > 0.0, "it takes its share again");
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Which centre sends is a lease in the store. It is killed while a request of each feed is under way.
#[test]
fn what_a_killed_centre_was_sending_another_one_sends_on() {
    let hangs = Arc::new(AtomicBool::new(false));
    let receiver = || {
        let (hangs, unanswered) = (hangs.clone(), Arc::new(Mutex::new(Vec::new())));
        let left = unanswered.clone();
        let receiver = Receiver::start(move |got| {
            let hangs = hangs.load(Ordering::Relaxed);
            if hangs {
                left.lock().unwrap().push(got.clone());
            }
            (!hangs).then(|| (204, "", String::new()))
        });
        (receiver, unanswered)
    };
    let ((hook, hook_unanswered), (broker, broker_unanswered)) = (receiver(), receiver());
    let mut province = Province::with(
        2,
        &format!(
            "[[feeds.webhook]]\nname = \"ioc\"\nurl = \"{}\"\nsecret_file = \"hook.secret\"\n[feeds.ngsi]\nurl = \"{}\"\n\
             [feeds.cap]\nsender = \"matpho.example.vn\"\nname_vi = \"Trung tâm\"\nname_en = \"Centre\"\nstatus = \"Exercise\"\n\
             note = \"Diễn tập\"\n",
            hook.url(),
            broker.url()
        ),
    );
    let sends = |center: &Center| {
        wait_for("a centre to send", || {
            if center.log().contains("this centre sends the feeds") { Ok(()) } else { Err(center.log()) }
        });
    };
    for center in &mut province.centers {
        fs::write(center.path().join("hook.secret"), SECRET).unwrap();
        center.start();
    }
    let sender = wait_for("a centre to send", || {
        let sends = |center: &Center| center.log().contains("this centre sends the feeds");
        province.centers.iter().position(sends).ok_or_else(|| province.centers[0].log())
    });
    let other = 1 - sender;
    let mut gateway = province.gateway();
    // One place is known, so that an alert can be published; the others are near nobody.
    let camera = |seed: u32| if seed == 0 { "cam-3".to_owned() } else { format!("c{seed}") };
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    let mut fires = |seeds: std::ops::Range<u32>| {
        for seed in seeds {
            gateway.publish("events", &Message::event("event_began", seed).at_camera(&camera(seed)).text());
        }
    };
    let settled = |center: &Center| {
        for feed in ["webhook:ioc", "ngsi"] {
            center.wait_metric(&format!("matpho_center_feed_waiting{{feed=\"{feed}\"}}"), 0.0);
        }
    };
    let incident = |center: &Center, seed: u32| {
        center.incidents(&format!("camera={}", camera(seed)), 1)[0]["id"].as_str().unwrap().to_owned()
    };
    let wait_told = |center: &Center, seeds: std::ops::Range<u32>| {
        let incidents: BTreeSet<_> = seeds.map(|seed| incident(center, seed)).collect();
        wait_for("both receivers to hear of all", || {
            let (hooked, entities) = (told(&hook.got()), alerts(&broker.got()));
            if (&hooked, &entities) == (&incidents, &incidents) {
                Ok(())
            } else {
                Err(format!("{hooked:?} and {entities:?} of {incidents:?}\n{}", center.log()))
            }
        });
    };
    fires(0..5);
    wait_told(&province.centers[other], 0..5);
    let arrived = hook.got().len();
    settled(&province.centers[sender]);
    let published = incident(&province.centers[sender], 0);
    assert_eq!(province.centers[sender].post(&format!("/api/v1/incidents/{published}/publish"), None).0, 200);

    hangs.store(true, Ordering::Relaxed);
    fires(5..10);
    wait_for("a request of each feed to be under way", || {
        let under_way = [&hook_unanswered, &broker_unanswered].map(|unanswered| unanswered.lock().unwrap().len());
        if under_way.iter().all(|count| *count > 0) {
            Ok(())
        } else {
            Err(format!("{under_way:?}\n{}", province.centers[sender].log()))
        }
    });
    province.centers[sender].kill();
    let killed = hook.got().len();
    hangs.store(false, Ordering::Relaxed);
    fires(10..15);
    let center = &province.centers[other];
    assert_eq!(center.post(&format!("/api/v1/incidents/{published}/acknowledge"), None).0, 200);
    sends(center);
    wait_told(center, 0..15);
    settled(center);
    // What was under way comes again as what it was; what had arrived does not.
    let got = hook.got();
    let ids = |got: &[Got]| -> BTreeSet<String> { got.iter().map(|got| got.headers["webhook-id"].clone()).collect() };
    let again = ids(&got[killed..]);
    assert!(ids(&hook_unanswered.lock().unwrap()).is_subset(&again), "{again:?}");
    assert!(ids(&got[..arrived]).is_disjoint(&again), "{again:?}");
    let mut bodies = BTreeMap::new();
    for got in &got {
        let known = bodies.entry(got.headers["webhook-id"].clone()).or_insert_with(|| got.body.clone());
        assert_eq!(*known, got.body, "the same id says the same");
    }
    let update = wait_for("the alert's update", || match center.get(&format!("/api/v1/feeds/cap/{published}-2.xml")) {
        (200, serde_json::Value::String(text)) => Ok(text),
        other => Err(format!("{other:?}\n{}", center.log())),
    });
    assert!(update.contains("<msgType>Update</msgType>") && update.contains(&format!("urn:uuid:{published}#1,")), "{update}");
    // The one that was killed comes back, and leaves the sending to the other.
    let (before, log) = (hook.got().len(), province.centers[sender].log().len());
    province.centers[sender].start();
    fires(15..18);
    wait_told(&province.centers[sender], 0..18);
    settled(&province.centers[other]);
    let late = &hook.got()[before..];
    assert_eq!(ids(late).len(), late.len(), "nothing is sent twice");
    assert!(!province.centers[sender].log()[log..].contains("this centre sends the feeds"));
}

/// The incidents that a webhook heard of.
fn told(got: &[Got]) -> BTreeSet<String> {
    got.iter().map(|got| got.json()["data"]["incident"].as_str().unwrap().to_owned()).collect()
}

/// The incidents that a context broker knows alerts of.
fn alerts(got: &[Got]) -> BTreeSet<String> {
    let all = got.iter().flat_map(|got| got.json().as_array().unwrap().clone());
    all.filter(|entity| entity["type"] == json!("Alert"))
        .map(|alert| alert["id"].as_str().unwrap().rsplit(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_store_that_goes_away_stops_nothing_for_good() {
    let mut cluster = Cluster::started();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n{}[broker]\nlisten = \"127.0.0.1:0\"\n",
        cluster.new_database()
    );
    let mut center = Center::with(folder, &config);
    center.add_edge();
    center.start();
    let mut gateway = Gateway::connect(&center);
    let count = 40;
    for seed in 0..count {
        if seed == count / 2 {
            center.wait_events(count as usize / 2);
            cluster.stop();
        }
        gateway.publish("events", &Message::event("event_began", seed).at_camera(&format!("c{seed}")).text());
    }
    wait_for("the centre to say so", || match center.get_open("/healthz")? {
        (503, text) if text.contains("\"store\":\"failing\"") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(center.get("/api/v1/incidents").0, 500);
    assert!(center.log().contains("they are not acknowledged and wait at the broker"), "{}", center.log());
    cluster.start();
    center.wait_events(count as usize);
    center.incidents("limit=200", count as usize);
    wait_for("the centre to be well", || match center.get_open("/healthz")? {
        (200, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// Wrong addresses and passwords: told at the start, with what to do, and without the password.
#[test]
fn a_store_that_cannot_be_reached_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "hunter2-hunter2\n").unwrap();
    let port = free_port();
    let store = format!("[store]\nurl = \"postgres://matpho@127.0.0.1:{port}/matpho\"\n");
    for (more, parts) in [
        ("password_file = \"password\"\n", [format!("127.0.0.1:{port}/matpho"), "store.url".into()]),
        ("password_file = \"none\"\n", ["failed to read the password file".into(), "none".into()]),
        ("password_variable = \"MATPHO_NO_SUCH\"\n", ["MATPHO_NO_SUCH".into(), "is not set".into()]),
    ] {
        let config = folder.path().join("center.toml");
        fs::write(&config, format!("[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"state\"\n{store}{more}")).unwrap();
        let output = common::center(&["run", "--config", config.to_str().unwrap()], "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(parts.iter().all(|part| said.contains(part.as_str())), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
