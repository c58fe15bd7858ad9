//! A camera is knocked aside; a person looks at the picture and says that the zones still fit.

use std::{process::Command, time::Duration};

use anyhow::{Result, ensure};
use matpho_tests::{Broker, Cameras, Edge, process::output, program, wait_for};
use serde_json::Value;
use tempfile::TempDir;

use crate::scene;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_moved_camera_is_confirmed_by_a_person() -> Result<()> {
    let folder = TempDir::new()?;
    let cameras = Cameras::start(folder.path(), "e2e.toml")?;
    let broker = Broker::start(folder.path())?;
    let zone = "[[camera.zone]]\nid = \"street\"\npurpose = \"road_surface\"\npolygon = [[0.2, 0.95], [0.42, 0.45], [0.58, 0.45], [0.8, 0.95]]\n";
    let camera = scene::camera(folder.path(), &cameras, "quiet", &["fire", "flood"])? + zone;
    let edge = Edge::start(folder.path(), broker.port, None, &camera)?;
    wait_for("quiet to see a dry road", SOON, || is(&edge, "live", "clear"))?;

    cameras.fault("quiet", "shift")?;
    wait_for("the gateway to call quiet moved, and its flood unknown", SOON, || is(&edge, "moved", "unknown"))?;
    ensure!(camera_of(&edge)?["judgements"]["fire"] == "clear", "fire stands on no zone and is judged on");

    let confirmed =
        output(Command::new(program("matpho-edge")?).args(["confirm-view", "--camera", "quiet", "--config"]).arg(edge.config()))?;
    let (said, failed) = (String::from_utf8_lossy(&confirmed.stdout), String::from_utf8_lossy(&confirmed.stderr));
    ensure!(confirmed.status.success() && said.contains("its zones hold again"), "{said}{failed}");
    wait_for("the gateway to judge by its zones again", SOON, || is(&edge, "live", "clear"))?;

    // The confirmed view is the reference now: knocked back, even at once, it has moved again.
    cameras.fault("quiet", "none")?;
    wait_for("the gateway to call quiet moved again", SOON, || is(&edge, "moved", "unknown"))?;

    let unknown = output(
        Command::new(program("matpho-edge")?).args(["confirm-view", "--camera", "nobody", "--config"]).arg(edge.config()),
    )?;
    ensure!(unknown.status.code() == Some(2), "a camera that is not there is wrong use");
    Ok(())
}

fn camera_of(edge: &Edge) -> Result<Value> {
    let health: Value = edge.http.get("/healthz")?.json()?;
    Ok(health["cameras"][0].clone())
}

fn is(edge: &Edge, state: &str, flood: &str) -> Result<()> {
    let camera = camera_of(edge)?;
    ensure!(camera["state"] == state && camera["judgements"]["flood"] == flood, "it is {camera}");
    Ok(())
}
