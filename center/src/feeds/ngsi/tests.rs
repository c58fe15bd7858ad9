//! Entities against strict schemas, requests against the standard's headers, answers as a table.

use std::{collections::BTreeSet, fs, path::PathBuf};

use matpho_scene::{
    Class, WallTime,
    event::{DepthBand, EventKind, LevelOfService, Severity, Trend},
    measurement::{FloodFigures, TrafficFigures},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    batch::{Broker, Context, ENTITIES_MAX, Request, read, upserts},
    entity::{Entity, Incident, Spot, alert, camera, flood, traffic_flow},
};

/// As much of JSON Schema as the schemas in `tests/ngsi` use; anything else in a schema is refused, so that no rule is passed over.
fn check(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut complain = |what: String| wrong.push(format!("{at}: {what}"));
    let mut below = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "title" | "description" => {}
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    other => panic!("{other}"),
                };
                if !fits {
                    complain(format!("{value} is no {rule}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => complain(format!("{value} is none of {rule}")),
            "enum" => {}
            "minimum" if value.as_f64() < rule.as_f64() => complain(format!("{value} is below {rule}")),
            "maximum" if value.as_f64() > rule.as_f64() => complain(format!("{value} is above {rule}")),
            "minimum" | "maximum" => {}
            "minLength" if (value.as_str().unwrap().len() as u64) < rule.as_u64().unwrap() => complain("too short".into()),
            "minLength" => {}
            "minItems" if (value.as_array().unwrap().len() as u64) < rule.as_u64().unwrap() => complain("too few".into()),
            "maxItems" if value.as_array().unwrap().len() as u64 > rule.as_u64().unwrap() => complain("too many".into()),
            "minItems" | "maxItems" => {}
            "pattern" => {
                let start = rule.as_str().unwrap().strip_prefix('^').unwrap();
                assert!(!start.contains(['[', '(', '*', '+', '.', '$', '\\']), "only beginnings are understood: {rule}");
                if !value.as_str().unwrap().starts_with(start) {
                    complain(format!("{value} does not begin with {start}"));
                }
            }
            "format" => {
                assert_eq!(rule, "date-time");
                if value.as_str().unwrap().parse::<WallTime>().is_err() {
                    complain(format!("{value} is no date-time"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        complain(format!("{name} is missing"));
                    }
                }
            }
            "additionalProperties" => {
                assert_eq!(rule, false);
                for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
                    if schema["properties"].get(name).is_none() {
                        complain(format!("{name} is not known"));
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    below.extend(value.get(name).map(|value| check(rule, value, &format!("{at}.{name}"))));
                }
            }
            "items" => below.extend(value.as_array().into_iter().flatten().map(|item| check(rule, item, at))),
            other => panic!("{other} is not understood here"),
        }
    }
    wrong.extend(below.into_iter().flatten());
    wrong
}

fn faults(simplified: &Value) -> Vec<String> {
    let kind = simplified["type"].as_str().unwrap();
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ngsi")).join(format!("{kind}.schema.json"));
    check(&serde_json::from_slice(&fs::read(path).unwrap()).unwrap(), simplified, kind)
}

fn at(text: &str) -> WallTime {
    text.parse().unwrap()
}

const SPOT: Spot<'static> =
    Spot { edge: "tdm.gw-01", camera: "cam-3", position: Some([106.123_456, 10.054_321]), area: Some("MP-XA:10001") };

fn figures() -> TrafficFigures {
    TrafficFigures {
        counts: [(Class::Motorcycle, 42), (Class::Truck, 3), (Class::Person, 7)].into_iter().collect(),
        occupancy: 0.763_4,
        speed_kmh: Some(23.449),
        level_of_service: Some(LevelOfService::E),
        ..TrafficFigures::default()
    }
}

fn period() -> (WallTime, WallTime) {
    (at("2026-11-22T01:00:00.000Z"), at("2026-11-22T01:01:00.000Z"))
}

fn incident(kind: EventKind) -> Incident<'static> {
    Incident {
        id: "019aa9e3-55b0-7cc0-8f5e-3f1d6c1b2a01",
        kind,
        severity: Severity::Severe,
        began: at("2026-11-22T01:00:00Z"),
        ended: Some(at("2026-11-22T02:00:00Z")),
        opened: at("2026-11-22T01:00:05Z"),
        place: "Cầu Lau",
        spot: SPOT,
    }
}

fn water(depth: Option<DepthBand>, water_share: f32) -> FloodFigures {
    FloodFigures { water_share, depth, depth_range: None, depth_confidence: None, trend: Trend::Rising, frames: 12 }
}

fn everything() -> Vec<Entity> {
    let mut all = traffic_flow(&SPOT, "inbound", period(), &figures());
    all.extend(EventKind::ALL.into_iter().filter_map(|kind| alert(&incident(kind))));
    all.push(camera(&SPOT, "Cầu Lau", true, period().0));
    all.push(flood(&SPOT, "inbound", period().0, &water(Some(DepthBand::From20To30), 0.5)));
    all.push(flood(&SPOT, "outbound", period().0, &water(None, 0.0)));
    all
}

#[test]
fn entities_keep_to_strict_schemas() {
    let all = everything();
    assert_eq!(all.iter().map(|entity| entity.kind).collect::<BTreeSet<_>>().len(), 4);
    for entity in all {
        assert_eq!(faults(&entity.simplified()), [""; 0], "{}", entity.simplified());
    }
}

#[test]
fn the_schemas_refuse_what_the_public_ones_refuse() {
    let flow = &everything()[0].simplified();
    for (name, value) in [
        ("occupancy", json!(76)),
        ("vehicleType", json!("truck")),
        ("dateObservedFrom", json!("now")),
        ("id", json!("x")),
        ("streamURL", json!("rtsp://")),
    ] {
        let mut flow = flow.clone();
        flow[name] = value;
        assert_eq!(faults(&flow).len(), 1, "{name}");
    }
    let alert = alert(&incident(EventKind::Flame)).unwrap().simplified();
    for (name, value) in [("severity", json!("severe")), ("category", json!("fire")), ("subCategory", json!("fire"))] {
        let mut alert = alert.clone();
        alert[name] = value;
        assert_eq!(faults(&alert).len(), 1, "{name}");
    }
    let mut flow = flow.clone();
    flow.as_object_mut().unwrap().remove("dateObserved");
    assert_eq!(faults(&flow), ["TrafficFlowObserved: \"dateObserved\" is missing"]);
}

#[test]
fn entities_are_written_as_they_were() {
    let text = serde_json::to_string_pretty(&everything().iter().map(Entity::normalized).collect::<Vec<_>>()).unwrap() + "\n";
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ngsi/entities.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap_or_default(), "{} (UPDATE_GOLDEN=1 rewrites it)", path.display());
}

#[test]
fn each_class_that_passed_has_its_entity_and_people_have_none() {
    let flow: Vec<_> = traffic_flow(&SPOT, "inbound", period(), &figures()).iter().map(Entity::simplified).collect();
    assert_eq!(flow.len(), 3);
    assert_eq!(flow[0]["intensity"], 45, "people on foot are no vehicles");
    assert_eq!(
        (&flow[0]["occupancy"], &flow[0]["averageVehicleSpeed"], &flow[0]["congested"]),
        (&json!(0.763), &json!(23.4), &json!(true))
    );
    assert_eq!((&flow[2]["vehicleType"], &flow[2]["intensity"]), (&json!("lorry"), &json!(3)));
    assert_eq!(flow[2]["id"], "urn:ngsi-ld:TrafficFlowObserved:tdm.gw-01:cam-3:inbound:lorry");
    assert_eq!(flow[0]["location"]["coordinates"], json!([106.1235, 10.0543]), "longitude first, rounded");
}

fn broker(context: Context) -> Broker {
    Broker { base: "http://broker:1026/".into(), tenant: Some("vamxanh".into()), context }
}

fn in_entities() -> Broker {
    broker(Context::InEntities(vec!["http://broker/context.jsonld".into()]))
}

#[test]
fn the_context_is_in_one_place_alone() {
    let entities = everything();
    let [request] = upserts(&in_entities(), &entities).try_into().unwrap();
    assert_eq!(request.url, "http://broker:1026/ngsi-ld/v1/entityOperations/upsert?options=update");
    assert_eq!(request.headers, [("Content-Type", "application/ld+json".into()), ("NGSILD-Tenant", "vamxanh".to_owned())]);
    assert!(request.body.iter().all(|entity| entity["@context"] == json!(["http://broker/context.jsonld"])));
    let [request] = upserts(&broker(Context::InLink("http://broker/context.jsonld".into())), &entities).try_into().unwrap();
    assert_eq!(request.headers[0], ("Content-Type", "application/json".into()));
    assert_eq!(
        request.headers[1],
        (
            "Link",
            "<http://broker/context.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"".into()
        )
    );
    assert!(request.body.iter().all(|entity| entity.get("@context").is_none()));
}

fn cameras(count: usize) -> Vec<Entity> {
    let name = |number: usize| format!("cam-{number}");
    (0..count).map(|number| camera(&Spot { camera: &name(number), ..SPOT }, "x", true, period().0)).collect()
}

#[test]
fn a_batch_is_bounded_and_has_each_entity_once() {
    let requests = upserts(&in_entities(), &cameras(ENTITIES_MAX * 2 + 1));
    assert_eq!(requests.iter().map(|request| request.body.len()).collect::<Vec<_>>(), [ENTITIES_MAX, ENTITIES_MAX, 1]);
    let twice = [camera(&SPOT, "before", true, period().0), camera(&SPOT, "after", false, period().1)];
    let [request] = upserts(&in_entities(), &twice).try_into().unwrap();
    assert_eq!(request.body.len(), 1);
    assert_eq!(request.body[0]["cameraName"]["value"], "after");
    assert!(upserts(&in_entities(), &[]).is_empty());
}

/// The locals of ids: `cam-1` and so on.
fn short<'i>(ids: impl IntoIterator<Item = &'i String>) -> Vec<&'i str> {
    ids.into_iter().filter_map(|id| id.rsplit(':').next()).collect()
}

fn id(number: usize) -> String {
    format!("urn:ngsi-ld:Camera:tdm.gw-01:cam-{number}")
}

#[test]
fn answers_are_read() {
    let broker = in_entities();
    let [sent] = upserts(&broker, &cameras(3)).try_into().unwrap();
    let read_one = |status: u16, body: &str| read(&broker, &sent, Some((status, body.as_bytes())));
    for (status, body) in [(201, json!([id(1)]).to_string()), (204, String::new())] {
        let outcome = read_one(status, &body);
        assert_eq!((short(&outcome.taken), outcome.again.len()), (vec!["cam-0", "cam-1", "cam-2"], 0), "{status}");
    }
    // Only what failed is sent again, and what is wrong never.
    let parts = json!({"success": [id(0)], "errors": [
        {"entityId": id(1), "error": {"type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "title": "no", "detail": "bad attribute", "status": 400}},
        {"entityId": id(2), "error": {"title": "database", "status": 503}},
        {"entityId": "urn:somebody:else", "error": {"status": 400}},
    ]});
    let outcome = read_one(207, &parts.to_string());
    assert_eq!(short(&outcome.taken), ["cam-0"]);
    assert_eq!(outcome.refused.get(&id(1)).map(String::as_str), Some("bad attribute"));
    assert_eq!((short(&outcome.again[0].ids()), outcome.wait), (vec!["cam-2"], true));
    // Nothing said is nothing taken.
    assert_eq!(short(&read_one(207, "{}").again[0].ids()), ["cam-0", "cam-1", "cam-2"]);
    assert_eq!(read_one(207, "<html>").again, std::slice::from_ref(&sent));
    // One that spoils all is found by halves.
    let outcome = read_one(400, "bad");
    assert_eq!(outcome.again.iter().map(|half| half.body.len()).collect::<Vec<_>>(), [1, 2]);
    assert!(!outcome.wait && outcome.refused.is_empty());
    let outcome = read(&broker, &outcome.again[0], Some((400, b"bad\n attribute")));
    assert_eq!(outcome.refused.get(&id(0)).map(String::as_str), Some("bad attribute"));
    for status in [408, 429, 500, 503] {
        let outcome = read_one(status, "");
        assert_eq!((outcome.again, outcome.wait, outcome.trouble), (vec![sent.clone()], true, None), "{status}");
    }
    for status in [301, 401, 403, 404, 415] {
        let trouble = read_one(status, "go away").trouble.unwrap();
        assert!(trouble.contains(&status.to_string()) && trouble.contains("go away"), "{trouble}");
    }
    assert_eq!(read(&broker, &sent, None).again, std::slice::from_ref(&sent));
}

proptest! {
    /// Whatever a broker answers, no entity is lost and none is in two places.
    #[test]
    fn nothing_is_lost_whatever_is_answered(
        count in 1usize..20, status in prop::sample::select(vec![200u16, 201, 204, 207, 207, 207, 400, 401, 404, 413, 429, 500]),
        success in prop::collection::vec(0usize..20, 0..20), errors in prop::collection::vec((0usize..20, 200u16..600), 0..20),
    ) {
        let broker = in_entities();
        let [sent] = upserts(&broker, &cameras(count)).try_into().unwrap();
        let body = json!({
            "success": success.into_iter().map(id).collect::<Vec<_>>(),
            "errors": errors.into_iter().map(|(number, status)| json!({"entityId": id(number), "error": {"status": status}})).collect::<Vec<_>>(),
        });
        let outcome = read(&broker, &sent, Some((status, body.to_string().as_bytes())));
        let again: Vec<_> = outcome.again.iter().flat_map(Request::ids).collect();
        let mut all: Vec<_> = outcome.taken.iter().chain(outcome.refused.keys()).chain(&again).cloned().collect();
        all.sort();
        prop_assert_eq!(all, sent.ids().into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn any_figures_keep_to_the_schema(occupancy in any::<f32>(), speed in prop::option::of(0.0f32..1e6), share in any::<f32>(), camera in ".{1,20}") {
        let spot = Spot { camera: &camera, ..SPOT };
        let figures = TrafficFigures { occupancy, speed_kmh: speed, ..figures() };
        for entity in traffic_flow(&spot, "z", period(), &figures).into_iter().chain([flood(&spot, "z", period().0, &water(None, share))]) {
            prop_assert_eq!(faults(&entity.simplified()), Vec::<String>::new());
        }
    }
}
