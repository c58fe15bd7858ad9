//! No event is lost, none is doubled: the broker is away, the gateway is killed, the centre is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use matpho_tests::{Broker, Cameras, Center, Edge, wait_for};
use serde_json::Value;
use tempfile::TempDir;

use crate::scene;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn nothing_is_lost_and_nothing_is_doubled() -> Result<()> {
    let folder = TempDir::new()?;
    let cameras = Cameras::start(folder.path(), "e2e.toml")?;
    let mut broker = Broker::start(folder.path())?;
    let mut center = Center::start(folder.path(), &broker)?;
    let mut edge = Edge::start(folder.path(), broker.port, None, &scene::camera(folder.path(), &cameras, "quiet", &["fire"])?)?;
    wait_for("quiet to be live", SOON, || is(&edge, "live"))?;

    // The broker goes. What the gateway sees meanwhile waits on its disk.
    broker.kill()?;
    for _ in 0..2 {
        cameras.fault("quiet", "black")?;
        wait_for("the gateway to call quiet blind", SOON, || is(&edge, "blind"))?;
        cameras.fault("quiet", "none")?;
        wait_for("the gateway to call quiet live again", SOON, || is(&edge, "live"))?;
    }
    let waiting = depth(&edge)?;
    ensure!(waiting >= 4, "two faults began and ended, and only {waiting} messages wait");

    // The gateway is killed while an event is open, and comes back. Still no broker.
    cameras.fault("quiet", "black")?;
    wait_for("the gateway to call quiet blind", SOON, || is(&edge, "blind"))?;
    edge.kill()?;
    cameras.fault("quiet", "none")?;
    edge.revive()?;
    ensure!(depth(&edge)? > waiting, "what waited before the kill is gone");

    // The broker comes back; the centre is killed while it takes what waited.
    broker.revive()?;
    wait_for("the first of it", SOON, || {
        ensure!(!messages(&center)?.is_empty(), "nothing yet");
        Ok(())
    })?;
    center.kill_and_revive()?;
    wait_for("the outbox to be empty", SOON, || {
        let waiting = depth(&edge)?;
        ensure!(waiting == 0, "{waiting} wait");
        Ok(())
    })?;

    // Every event has all its messages, each once, from began to ended.
    wait_for("three whole events of a dark camera", SOON, || {
        let events = dark(&center)?;
        ensure!(events.len() == 3 && events.values().all(|phases| phases.last().is_some_and(|p| p == "ended")), "{events:?}");
        Ok(())
    })?;
    for (event, phases) in dark(&center)? {
        ensure!(phases.first().is_some_and(|p| p == "began"), "{event}: {phases:?}");
        ensure!(phases.iter().filter(|p| *p == "began").count() == 1, "{event}: {phases:?}");
        ensure!(phases.iter().filter(|p| *p == "ended").count() == 1, "{event}: {phases:?}");
    }
    let all = messages(&center)?;
    let ids: BTreeSet<_> = all.iter().map(|m| (m["source"].to_string(), m["id"].to_string())).collect();
    ensure!(ids.len() == all.len(), "{} messages, {} of them different", all.len(), ids.len());
    Ok(())
}

fn healthz(edge: &Edge) -> Result<Value> {
    edge.http.get("/healthz")?.json()
}

fn is(edge: &Edge, wanted: &str) -> Result<()> {
    let state = healthz(edge)?["cameras"][0]["state"].clone();
    ensure!(state == wanted, "it is {state}");
    Ok(())
}

fn depth(edge: &Edge) -> Result<u64> {
    healthz(edge)?["outbox_depth"].as_u64().context("no outbox_depth")
}

/// All messages about events that the centre holds, as it exports them.
fn messages(center: &Center) -> Result<Vec<Value>> {
    center.export("messages")
}

/// Phases of each `camera.dark` event, in the order of their numbers, which must have no gap.
fn dark(center: &Center) -> Result<BTreeMap<String, Vec<String>>> {
    let mut events: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for message in messages(center)?.iter().filter(|m| m["data"]["kind"] == "camera.dark") {
        let data = &message["data"];
        let number = data["number"].as_u64().context("no number")?;
        let phase = data["phase"].as_str().context("no phase")?.to_owned();
        let twice = events.entry(data["event"].to_string()).or_default().insert(number, phase);
        ensure!(twice.is_none(), "message {number} of {} is there twice", data["event"]);
    }
    for (event, numbers) in &events {
        let expected: Vec<u64> = (0..numbers.len() as u64).collect();
        ensure!(numbers.keys().copied().collect::<Vec<_>>() == expected, "{event} has a gap: {numbers:?}");
    }
    Ok(events.into_iter().map(|(event, numbers)| (event, numbers.into_values().collect())).collect())
}
