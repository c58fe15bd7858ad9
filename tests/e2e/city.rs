//! The main job, end to end: simulated cameras over RTSP, a real gateway, a real mosquitto, a real centre, a real browser.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use matpho_tests::{
    Broker, Cameras, Center, Edge,
    browser::Browser,
    system::{PASSWORD, USER},
    wait_for,
};
use serde_json::json;
use tempfile::TempDir;

use crate::scene;

/// How long a phenomenon may take from the start of the cameras to the centre's list; the scenario begins them after 8 to 15 s.
const ARRIVES: Duration = Duration::from_secs(150);

#[test]
fn what_happens_before_the_cameras_reaches_the_operator() -> Result<()> {
    let folder = TempDir::new()?;
    let cameras = Cameras::start(folder.path(), "e2e.toml")?;
    let broker = Broker::start(folder.path())?;
    let mut center = Center::start(folder.path(), &broker)?;
    let edge =
        Edge::start(folder.path(), broker.port, Some(&center.http.base), &scene::cameras(folder.path(), &cameras, "e2e.toml")?)?;

    // A jam, a fire and a flood become incidents, each with a picture that proves it.
    for (kind, camera) in [("fire.flame", "fire"), ("traffic.congestion", "jam"), ("flood.street", "flood")] {
        let incident = center
            .wait_for_incident(kind, camera, ARRIVES)
            .with_context(|| format!("the gateway says:\n{}", edge.process.log_tail()))?;
        let url = wait_for(&format!("the picture of {kind}"), Duration::from_secs(20), || {
            let id = incident["id"].as_str().context("no id")?;
            let now = center.http.json(&format!("/api/v1/incidents/{id}"))?;
            let evidence = now["incident"]["evidence"][0]["url"].as_str();
            evidence.map(str::to_owned).with_context(|| format!("no evidence yet: {now}"))
        })?;
        let picture = center.http.get(&url)?;
        ensure!(
            picture.status == 200 && picture.content_type == "image/jpeg",
            "{url}: {} {}",
            picture.status,
            picture.content_type
        );
        ensure!(
            picture.body.starts_with(&[0xff, 0xd8]) && picture.body.len() > 5_000,
            "{url} is no picture: {} bytes",
            picture.body.len()
        );
    }

    // Whoever has no right sees nothing.
    let stranger = matpho_tests::Http::new(&center.http.base, None);
    for path in ["/api/v1/incidents", "/api/v1/cameras", "/metrics"] {
        let answer = stranger.get(path)?;
        ensure!(answer.status == 401, "{path} answers a stranger with {}", answer.status);
    }

    // A camera that is killed, and one that hangs, is reported lost, and live when it is back.
    for fault in ["kill", "hang"] {
        cameras.fault("quiet", fault)?;
        wait_for(&format!("quiet to be lost ({fault})"), Duration::from_secs(60), || state_is(&center, "quiet", "lost"))?;
        if fault == "kill" {
            center.wait_for_incident("camera.lost", "quiet", Duration::from_secs(60))?;
        }
        cameras.fault("quiet", "none")?;
        wait_for(&format!("quiet to be live after {fault}"), Duration::from_secs(60), || state_is(&center, "quiet", "live"))?;
    }

    console_shows_it(&center, folder.path())?;

    // A restart of the centre forgets nothing.
    let before = center.incidents()?.len();
    center.kill_and_revive()?;
    ensure!(center.incidents()?.len() >= before, "incidents were lost over a restart");
    Ok(())
}

fn state_is(center: &Center, camera: &str, wanted: &str) -> Result<()> {
    let state = center.camera_state(camera)?;
    ensure!(state == wanted, "{camera} is {state}");
    Ok(())
}

/// The console in a real browser: log in, see the fire with its picture, acknowledge it, close it; see the wall.
fn console_shows_it(center: &Center, folder: &std::path::Path) -> Result<()> {
    let fire = center.wait_for_incident("fire.flame", "fire", Duration::from_secs(5))?;
    let id = fire["id"].as_str().context("no id")?;
    let row = format!("[data-testid=incident-row][data-id='{id}']");

    let browser = Browser::start(folder)?;
    browser.open(&center.http.base)?;
    browser.type_into("[data-testid=login-name]", USER)?;
    browser.type_into("[data-testid=login-password]", PASSWORD)?;
    browser.click("[data-testid=login-submit]")?;
    let shown = || -> Result<()> {
        for kind in ["fire.flame", "traffic.congestion", "flood.street"] {
            browser.wait(&format!("[data-testid=incident-row][data-kind='{kind}']"))?;
        }
        browser.click(&row)?;
        browser.wait("[data-testid=evidence-picture]")?;
        wait_for("the picture to be drawn", Duration::from_secs(20), || {
            let width = browser.script("return document.querySelector('[data-testid=evidence-picture]').naturalWidth")?;
            ensure!(width.as_u64().unwrap_or(0) > 100, "it is {width} pixels wide");
            Ok(())
        })?;
        browser.click("[data-testid=acknowledge]")?;
        wait_for("the acknowledgement at the centre", Duration::from_secs(10), || {
            let now = center.http.json(&format!("/api/v1/incidents/{id}"))?;
            ensure!(now["incident"]["acknowledged"]["by"] == json!(USER), "acknowledged: {}", now["incident"]["acknowledged"]);
            Ok(())
        })?;
        browser.click("[data-testid=tab-wall]")?;
        for camera in ["jam", "fire", "flood", "quiet"] {
            browser.wait(&format!("[data-testid=camera-tile][data-camera$='{camera}']"))?;
        }
        Ok(())
    };
    let result = shown();
    if let Some(keep) = std::env::var_os("MATPHO_SCREENSHOTS") {
        browser.screenshot(&std::path::Path::new(&keep).join("console-e2e.png"))?;
    }
    result?;
    let severe = browser.severe_messages()?;
    ensure!(severe.is_empty(), "the console's errors: {severe:?}");
    Ok(())
}
