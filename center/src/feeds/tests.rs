//! Stories and properties of the feeds that have no folder of their own.

use std::time::Duration;

use matpho_scene::{
    WallTime,
    event::{EventKind, LevelOfService, Severity},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    feature::{self, Feature, Geometry, Interval},
    iris_csv,
    ogc::{self, Collection, InMemory, Query, Source},
    open_data,
    webhook::{self, Answer, Delivery, NotGenuine, SCHEDULE, Secret, headers, verify},
};
use crate::area::{BoundingBox, import::tests::province};

fn at(minute: u32) -> WallTime {
    "2026-11-22T01:30:00.000Z".parse::<WallTime>().unwrap() + Duration::from_secs(60) * minute
}

const BASE: &str = "https://ioc.example.vn/ogc";

fn incidents() -> Collection {
    Collection {
        id: "incidents",
        title: "Incidents",
        description: "What goes on",
        extent: Some(BoundingBox { west: 106.0, south: 10.0, east: 106.3, north: 10.1 }),
        filters: &["kind", "area"],
    }
}

fn incident(number: usize) -> Feature {
    let id = format!("{number:03}");
    feature::incident(&feature::Incident {
        id: &id,
        kind: if number.is_multiple_of(2) { EventKind::Flood } else { EventKind::Congestion },
        severity: Severity::Moderate,
        place: "=Cầu \"Lau\", chợ",
        position: (!number.is_multiple_of(5)).then_some([106.0 + number as f64 / 100.0, 10.0]),
        area: Some("MP-XA:10001"),
        began: at(number as u32),
        ended: number.is_multiple_of(3).then(|| at(number as u32 + 10)),
        depth: None,
    })
    .unwrap()
}

fn source(count: usize) -> InMemory {
    // In any order: a page is ordered by id.
    InMemory { all: vec![(incidents(), std::sync::Arc::new((0..count).rev().map(incident).collect()))] }
}

/// Reads a query behind a `?`.
fn parse(text: &str) -> Result<Query, String> {
    let decode = |value: &str| {
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'%' => {
                    let hex: String = rest.by_ref().take(2).map(char::from).collect();
                    bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let parameters: Vec<_> =
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, decode(value))).collect();
    Query::parse(&incidents(), parameters.iter().map(|(name, value)| (*name, value.as_str()))).map_err(|error| error.to_string())
}

/// Follows `next` from page to page, as QGIS does.
fn follow(source: &InMemory, first: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(query) = next {
        let page = ogc::items(BASE, source, &incidents(), &parse(&query).unwrap(), at(0)).unwrap();
        assert_eq!(page["numberReturned"], page["features"].as_array().unwrap().len());
        pages.push(
            page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect(),
        );
        let link = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next");
        next = link.map(|link| link["href"].as_str().unwrap().split_once('?').unwrap().1.to_owned());
        assert!(pages.len() < 200, "it goes on for ever");
    }
    pages
}

#[test]
fn pages_follow_each_other_to_the_end() {
    assert_eq!(follow(&source(7), "limit=3"), [vec!["000", "001", "002"], vec!["003", "004", "005"], vec!["006"]]);
    assert_eq!(follow(&source(6), "limit=3").len(), 2, "no empty page at the end");
    assert_eq!(follow(&source(0), ""), [Vec::<String>::new()]);
    assert_eq!(follow(&source(9), "limit=2&kind=flood.street").concat(), ["000", "002", "004", "006", "008"]);
}

#[test]
fn boxes_and_times_are_those_of_the_standard() {
    let ids = |query: &str| follow(&source(20), query).concat().join(" ");
    // 005, 010 and 015 have no place.
    assert_eq!(ids("bbox=106.03,9,106.06,11"), "003 004 006");
    assert_eq!(ids("bbox=106.03,9,-5,106.06,11,99"), "003 004 006");
    // Around the earth, past the 180th meridian.
    assert_eq!(ids("bbox=106.18,9,106.01,11"), "001 018 019");
    assert_eq!(ids("bbox=170,9,-170,11"), "");
    // 000 and 003 have ended by minute 14; those that go on are so for ever.
    assert_eq!(ids("datetime=2026-11-22T01:44:00Z&bbox=106,9,106.05,11"), "001 002 004");
    assert_eq!(ids("datetime=../2026-11-22T01:31:00Z"), "000 001");
    assert_eq!(ids("datetime=2026-11-22T01:41:00Z/..&bbox=106,9,106.041,11"), "001 002 003 004");
}

#[test]
fn wrong_parameters_are_named() {
    for (query, part) in [
        ("colour=red", "colour: unknown parameter; incidents has bbox, datetime, limit, after, kind, area"),
        ("limit=0", "limit: a number from 1 to 10000"),
        ("limit=many", "limit: a number"),
        ("bbox=1,2,3", "bbox: west,south,east,north"),
        ("bbox=10,106,11,107", "bbox: longitude goes from"),
        ("bbox=106,11,107,10", "southern side"),
        ("bbox=NaN,1,2,3", "bbox: west"),
        ("datetime=yesterday", "datetime: `yesterday` is not an RFC 3339"),
        ("datetime=../..", "at least one end"),
        ("datetime=2026-11-22T02:00:00Z/2026-11-22T01:00:00Z", "ends before it begins"),
        ("f=html", "json is all there is"),
    ] {
        let said = parse(query).unwrap_err();
        assert!(said.contains(part), "{query}: {said}");
    }
    assert_eq!(parse("limit=99999").unwrap().limit, ogc::LIMIT_MAX);
}

/// Every link of a document that stays with us.
fn links(document: &Value) -> Vec<(String, String)> {
    let mut found: Vec<_> = document["links"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|link| (link["rel"].as_str().unwrap().to_owned(), link["href"].as_str().unwrap().to_owned()))
        .collect();
    found.extend(document["collections"].as_array().into_iter().flatten().flat_map(links));
    found
}

#[test]
fn a_client_finds_its_way_from_the_landing_page() {
    let source = source(3);
    let landing = ogc::landing(BASE, "https://ioc.example.vn/api/v1/openapi.json", "Vàm Xanh");
    let rels: Vec<_> = links(&landing).into_iter().map(|(rel, _)| rel).collect();
    assert_eq!(rels, ["self", "service-desc", "conformance", "data"]);
    assert_eq!(ogc::conformance()["conformsTo"].as_array().unwrap().len(), 2);
    let collections = ogc::collections(BASE, &source.collections());
    let items = links(&collections).into_iter().find(|(rel, _)| rel == "items").unwrap().1;
    assert_eq!(items, format!("{BASE}/collections/incidents/items"));
    assert_eq!(collections["collections"][0]["extent"]["spatial"]["bbox"], json!([[106.0, 10.0, 106.3, 10.1]]));
    let item = ogc::item(BASE, &source, &incidents(), "002").unwrap().unwrap();
    assert_eq!(
        (&item["type"], &item["id"], &item["properties"]["kind"]),
        (&json!("Feature"), &json!("002"), &json!("flood.street"))
    );
    assert_eq!(ogc::item(BASE, &source, &incidents(), "999").unwrap(), None);
}

#[test]
fn an_area_is_a_feature_whose_outer_ring_runs_counter_clockwise() {
    let tree = province();
    let ward = tree.at(&"MP-XA:10001".parse().unwrap(), "2026-01-01".parse().unwrap()).unwrap();
    let document = feature::area(ward).to_geojson();
    assert_eq!(document["geometry"]["type"], "MultiPolygon");
    assert_eq!(document["geometry"]["coordinates"][0][0][0], json!([106.0, 10.0]));
    assert_eq!(document["properties"]["parent"], "MP-TINH:01");
}

proptest! {
    /// Whatever is asked and however it is cut into pages: what comes is what was asked for, each once.
    #[test]
    fn pages_hold_what_was_asked_for(count in 0usize..40, limit in 1usize..12, west in 105.9..106.4f64, width in 0.0..0.3f64, from in 0u32..60, minutes in prop::option::of(0u32..60), kind in prop::option::of(0usize..2)) {
        let source = source(count);
        let mut query = format!("limit={limit}&bbox={west},9,{},11", west + width);
        query += &match minutes {
            Some(minutes) => format!("&datetime={}/{}", at(from), at(from + minutes)),
            None => format!("&datetime={}/..", at(from)),
        };
        let kind = kind.map(|kind| ["flood.street", "traffic.congestion"][kind]);
        if let Some(kind) = kind {
            query += &format!("&kind={kind}");
        }
        let expected: Vec<_> = (0..count)
            .map(incident)
            .filter(|feature| match feature.geometry { Some(Geometry::Point([lon, _])) => lon >= west && lon <= west + width, _ => false })
            .filter(|feature| feature.time.is_some_and(|Interval { from: began, to: ended }| {
                ended.is_none_or(|ended| ended >= at(from)) && minutes.is_none_or(|minutes| began.unwrap() <= at(from + minutes))
            }))
            .filter(|feature| kind.is_none_or(|kind| feature.properties.iter().any(|(name, value)| *name == "kind" && value == kind)))
            .map(|feature| feature.id)
            .collect();
        let pages = follow(&source, &query);
        prop_assert!(pages.iter().all(|page| page.len() <= limit));
        prop_assert_eq!(pages.concat(), expected);
    }

    #[test]
    fn any_parameters_are_an_answer_and_no_panic(name in "(bbox|datetime|limit|after|f|kind)", value in ".{0,40}", numbers in "[-0-9.,/eTZ:]{0,40}") {
        let _ = Query::parse(&incidents(), [(name.as_str(), value.as_str())]);
        let _ = Query::parse(&incidents(), [(name.as_str(), numbers.as_str())]);
    }
}

#[test]
fn csv_opens_in_a_spreadsheet_and_runs_nothing() {
    let text = open_data::csv(&[incident(1), incident(0)], jiff::tz::offset(7));
    let expected = "\u{feff}id,lon,lat,kind,severity,place,area,began,ended,depth,depth_min_cm,depth_max_cm\n\
        001,106.01,10,traffic.congestion,moderate,\"'=Cầu \"\"Lau\"\", chợ\",MP-XA:10001,2026-11-22T08:31:00+07:00,,,,\n\
        000,,,flood.street,moderate,\"'=Cầu \"\"Lau\"\", chợ\",MP-XA:10001,2026-11-22T08:30:00+07:00,2026-11-22T08:40:00+07:00,,,\n";
    assert_eq!(text, expected);
    assert_eq!(open_data::csv(&[], jiff::tz::offset(7)), "\u{feff}id,lon,lat\n");
}

#[test]
fn the_catalogue_names_every_file() {
    let publisher = open_data::Publisher {
        name: "Vàm Xanh".into(),
        page: "https://vamxanh.example.vn".into(),
        licence: "https://creativecommons.org/licenses/by/4.0/".into(),
    };
    let set = open_data::Dataset {
        id: "flood-points",
        title_vi: "Điểm ngập",
        title_en: "Flooded points",
        description_vi: "Các điểm đang ngập",
        description_en: "Where water stands on the street",
        issued: at(0),
        modified: at(1),
        accrual_periodicity: "R/PT1M",
        extent: Some(BoundingBox { west: 106.0, south: 10.0, east: 106.3, north: 10.1 }),
    };
    let catalogue = open_data::catalogue("https://ioc.example.vn/data", BASE, &publisher, "Dữ liệu mở", &[set]);
    let distributions = catalogue["dcat:dataset"][0]["dcat:distribution"].as_array().unwrap();
    let files: Vec<_> = distributions.iter().map(|file| file["dcat:downloadURL"]["@id"].as_str().unwrap()).collect();
    assert_eq!(files, ["https://ioc.example.vn/data/flood-points.csv", "https://ioc.example.vn/data/flood-points.geojson"]);
    // Every prefix that is used is explained.
    let text = catalogue.to_string();
    for prefix in ["dcat:", "dct:", "foaf:", "xsd:", "geosparql:"] {
        assert!(text.contains(&format!("\"{prefix}")), "{prefix}");
        assert!(catalogue["@context"].get(prefix.trim_end_matches(':')).is_some(), "{prefix}");
    }
}

#[test]
fn nothing_private_is_in_a_feature() {
    assert_eq!(feature::incident(&feature::Incident { kind: EventKind::CameraLost, ..plain_incident() }), None);
    let camera = feature::camera(&feature::Camera {
        id: "tdm.gw-01:cam-3",
        name: "Cầu Lau",
        position: Some([106.123_456, 10.054_321]),
        area: None,
        state: "live",
        updated: at(0),
    });
    assert_eq!(camera.geometry, Some(Geometry::Point([106.1235, 10.0543])), "which street, not which pole");
    let names = |feature: &Feature| feature.properties.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names(&camera), ["name", "area", "state", "updated"]);
    let traffic = feature::traffic(&feature::Traffic {
        id: "tdm.gw-01:cam-3:inbound",
        name: "Cầu Lau",
        position: None,
        area: None,
        period: (at(0), at(1)),
        level_of_service: Some(LevelOfService::E),
        speed_kmh: Some(12.34),
        vehicles: 40,
    });
    assert_eq!(names(&traffic), ["name", "area", "from", "to", "level_of_service", "speed_kmh", "vehicles"]);
}

fn plain_incident() -> feature::Incident<'static> {
    feature::Incident {
        id: "1",
        kind: EventKind::Flood,
        severity: Severity::Minor,
        place: "x",
        position: None,
        area: None,
        began: at(0),
        ended: None,
        depth: None,
    }
}

#[test]
fn iris_reads_seven_fields() {
    let incident = |kind, camera, direction| iris_csv::Incident {
        id: "019a,\n-1",
        kind,
        position: Some([106.12, 10.05]),
        camera,
        direction,
    };
    let text = iris_csv::write(&[
        incident(EventKind::StoppedVehicle, "C 1,é", Some(iris_csv::Direction::West)),
        incident(EventKind::Flood, "C2", None),
        incident(EventKind::CameraLost, "C3", None),
        iris_csv::Incident { position: None, ..incident(EventKind::Flame, "C4", None) },
    ]);
    assert_eq!(text, "019a-1,STALL,,10.050000,106.120000,C1,WB\n019a-1,HAZARD,,10.050000,106.120000,C2,\n");
}

fn secret(byte: u8) -> Secret {
    use base64::Engine;
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode([byte; 32])).parse().unwrap()
}

#[test]
fn signatures_are_those_of_the_specification() {
    // The example of the Standard Webhooks specification and its reference libraries.
    let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let at = WallTime::from_unix_millis(1_614_265_330_000);
    let [_, _, timestamp, signature] = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b"{\"test\": 2432232314}", &[secret]);
    assert_eq!(timestamp.1, "1614265330");
    assert_eq!(signature.1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_secret_is_long_and_never_shown() {
    for text in ["", "whsec_", "whsec_aaaa", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w"] {
        let said = text.parse::<Secret>().unwrap_err().to_string();
        assert!(!said.contains("MfKQ"), "{said}");
    }
    assert_eq!(format!("{:?}", secret(7)), "Secret(…)");
}

#[test]
fn a_message_is_genuine_for_whoever_has_one_of_its_secrets() {
    let [_, id, timestamp, signature] = headers("m-1", at(0), b"{}", &[secret(1), secret(2)]);
    let check = |body: &[u8], secret: &Secret, now| verify(&id.1, &timestamp.1, &signature.1, body, secret, now);
    assert_eq!(check(b"{}", &secret(1), at(4)), Ok(()));
    assert_eq!(check(b"{}", &secret(2), at(0)), Ok(()));
    assert_eq!(check(b"{}", &secret(3), at(0)), Err(NotGenuine::Signature));
    assert_eq!(check(b"{ }", &secret(1), at(0)), Err(NotGenuine::Signature));
    assert_eq!(check(b"{}", &secret(1), at(6)), Err(NotGenuine::Timestamp), "somebody recorded it");
    assert_eq!(verify("m-2", &timestamp.1, &signature.1, b"{}", &secret(1), at(0)), Err(NotGenuine::Signature));
}

/// Plays answers one after the other, each as soon as the message is due; gives the minutes at which it was sent and where it stands then.
fn play(answers: &[Answer]) -> (Vec<u64>, Delivery) {
    let (mut delivery, mut now, mut sent) = (Delivery::new(at(0)), at(0), Vec::new());
    for answer in answers {
        if let Delivery::Due { at, .. } = &delivery {
            now = *at;
        }
        assert!(delivery.is_due(now));
        sent.push(now.since(at(0)).as_secs() / 60);
        delivery = delivery.begin(now).answered(answer.clone(), now, 0.0);
        if matches!(delivery, Delivery::Delivered { .. } | Delivery::GivenUp { .. }) {
            break;
        }
    }
    (sent, delivery)
}

#[test]
fn a_message_is_tried_again_and_then_given_up() {
    let down = Answer::Status(503, None);
    assert_eq!(play(&[Answer::Status(204, None)]), (vec![0], Delivery::Delivered { at: at(0) }));
    let (sent, delivery) = play(&[down.clone(), Answer::None("no answer in time".into()), Answer::Status(200, None)]);
    assert!(matches!(delivery, Delivery::Delivered { .. }) && sent == [0, 0, 1], "{sent:?}");
    let (sent, delivery) = play(&vec![down.clone(); 20]);
    assert_eq!(sent.len(), SCHEDULE.len() + 1);
    assert!(*sent.last().unwrap() > 2 * 24 * 60, "over a weekend: {sent:?}");
    assert!(matches!(delivery, Delivery::GivenUp { why, gone: false, .. } if why == "the receiver answered with 503, 10 times"));
    let (sent, delivery) = play(&[down.clone(), Answer::Status(410, None)]);
    assert!(sent.len() == 2 && matches!(delivery, Delivery::GivenUp { gone: true, .. }));
    // More patience where it is asked for, within reason.
    let (sent, _) = play(&[Answer::Status(429, Some(Duration::from_secs(600))), down.clone()]);
    assert_eq!(sent, [0, 10]);
    let (sent, _) = play(&[Answer::Status(429, Some(Duration::from_secs(u64::MAX))), down.clone()]);
    assert_eq!(sent, [0, 24 * 60]);
    // A redirection is no delivery.
    assert!(matches!(play(&[Answer::Status(302, None)]).1, Delivery::Due { failed: 1, .. }));
}

#[test]
fn a_message_that_was_under_way_when_the_centre_died_is_sent_again() {
    let sending = Delivery::new(at(0)).begin(at(0));
    let kept: Delivery = serde_json::from_value(serde_json::to_value(&sending).unwrap()).unwrap();
    assert_eq!(kept, sending);
    assert!(!kept.is_due(at(0) + webhook::ANSWER_WITHIN), "its answer may still come");
    assert!(kept.is_due(at(1)));
    assert!(matches!(kept.begin(at(1)), Delivery::Sending { failed: 0, since } if since == at(1)));
}

proptest! {
    /// Whatever is answered, a message ends: delivered or given up after at most ten attempts, and never before its time.
    #[test]
    fn a_message_always_ends(answers in prop::collection::vec((100u16..600, prop::option::of(0u64..100_000)), 12), jitter in any::<f64>()) {
        let (mut delivery, mut now) = (Delivery::new(at(0)), at(0));
        let mut attempts = 0;
        for (status, after) in answers {
            let Delivery::Due { at, .. } = delivery else { break };
            prop_assert!(at >= now);
            prop_assert!(attempts == 0 || !delivery.is_due(now), "it waits at least a little");
            now = at;
            attempts += 1;
            delivery = delivery.begin(now).answered(Answer::Status(status, after.map(Duration::from_secs)), now, jitter);
        }
        prop_assert!(attempts <= SCHEDULE.len() + 1);
        let ended = matches!(delivery, Delivery::Delivered { .. } | Delivery::GivenUp { .. });
        prop_assert!(ended);
    }
}
