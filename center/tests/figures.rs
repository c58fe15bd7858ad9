//! Figures over HTTP: real centre, real broker, both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Center, Gateway, Message, TOKEN, golden, request_bytes, time, wait_for};
use serde_json::{Value, json};

on_both_stores!(figures_are_reckoned_from_what_came);

fn figures(center: &Center, query: &str) -> Vec<Value> {
    let (status, answer) = center.get(&format!("/api/v1/figures?{query}"));
    assert_eq!(status, 200, "{answer}");
    answer.as_array().unwrap().clone()
}

/// The last value of an indicator.
fn last(center: &Center, query: &str) -> Value {
    figures(center, query).pop().unwrap()
}

fn figures_are_reckoned_from_what_came() {
    let center = Center::started("");
    let before = last(&center, "indicators=fires");
    assert_eq!((&before["value"], &before["count"]), (&Value::Null, &json!(0)), "no camera: no data");
    let mut gateway = Gateway::connect(&center);
    gateway.publish("status", &golden("edge_status"));
    gateway.publish("cameras/cam-3/status", &golden("camera_status"));
    let this_hour = "every=hour&by=total&indicators=";
    wait_for("the camera", || {
        let last = last(&center, "indicators=fires");
        if last["value"] == json!(0.0) { Ok(()) } else { Err(last.to_string()) }
    });
    gateway.publish("events", &Message::event("event_began", 1).at_camera("cam-3").text());
    let incident = center.incidents("camera=cam-3", 1).remove(0);
    assert_eq!(last(&center, "indicators=fires&every=month")["value"], json!(1.0));
    let waits = last(&center, "indicators=time_to_acknowledge");
    assert_eq!((&waits["value"], &waits["open"]), (&Value::Null, &json!(1)));
    let path = format!("/api/v1/incidents/{}", incident["id"].as_str().unwrap());
    assert_eq!(center.post(&format!("{path}/acknowledge"), None).0, 200);
    assert_eq!(center.post(&format!("{path}/close"), Some("{\"reason\":\"false_alarm\",\"false_reason\":\"light\"}")).0, 200);
    let waits = last(&center, "indicators=time_to_acknowledge");
    assert!(waits["value"].as_f64().is_some_and(|minutes| (0.0..1.0).contains(&minutes)) && waits["open"] == 0, "{waits}");
    let rate = last(&center, "indicators=false_alarm_rate&by=camera");
    assert_eq!((&rate["value"], &rate["part"], &rate["place"]), (&json!(100.0), &json!("fire.flame"), &json!("tdm.gw-01:cam-3")));
    assert_eq!(last(&center, "indicators=fires")["value"], json!(0.0), "it was none");
    // Measurements are added up by the hour, each once.
    let mut measurement = Message::golden("measurement_traffic");
    let vehicles: u64 =
        measurement.0["data"]["figures"]["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    measurement = measurement.set("/data/from", time(-60)).set("/data/to", time(0)).set("/data/camera", "cam-3");
    gateway.publish("measurements", &measurement.text());
    gateway.publish("measurements", &measurement.text());
    wait_for("the hour", || {
        let last = last(&center, "indicators=vehicles&every=year");
        if last["value"] == json!(vehicles as f64) { Ok(()) } else { Err(format!("{last}\n{}", center.log())) }
    });
    assert!(figures(&center, &format!("{this_hour}vehicles")).len() >= 24);
    for (query, part) in [
        ("indicators=nothing", "there is no indicator `nothing`; there are congestion_minutes"),
        ("from=2026-01-02&to=2026-01-02", "`from` must be before `to`"),
        ("every=hour&from=2020-01-01&to=2026-01-01", "more than 800 periods"),
        ("area=x", "`area`"),
        ("from=yesterday", "the query is wrong"),
    ] {
        let (status, problem) = center.get(&format!("/api/v1/figures?{query}"));
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains(part), "{query}: {problem}");
    }
    assert_eq!(center.get("/api/v1/figures?area=MP-XA:1").0, 404);
    assert_eq!(center.get("/api/v1/figures/indicators").1.as_array().unwrap().len(), 11);
    let file = |name: &str| {
        let url = format!("{}/api/v1/figures/{name}", center.url().unwrap());
        let (status, headers, bytes) =
            request_bytes("GET", &url, &[("authorization", &format!("Bearer {TOKEN}"))], None).unwrap();
        let kind = headers.into_iter().find(|(name, _)| name == "content-type").unwrap().1;
        (status, kind, String::from_utf8(bytes).unwrap())
    };
    let (status, kind, csv) = file("figures.csv?indicators=fires");
    assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(csv.lines().count(), 8, "a head and seven days: {csv}");
    let (_, kind, html) = file("figures.html?indicators=fires&lang=en");
    assert!(kind.starts_with("text/html") && html.contains("Fires and smoke") && html.contains("no data"), "{html}");
    assert_eq!(file("figures.pdf").0, 404);
    assert_eq!(center.get_open("/api/v1/figures").unwrap().0, 401);
}
