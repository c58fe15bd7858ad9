//! The gateway's `[[camera]]` tables for simulated cameras, drawn as an installer would draw them: from the road's own geometry.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use matpho_tests::{Cameras, process::output, program, repository};
use serde_json::Value;

/// What the scenario says of its cameras' geometry.
fn describe(scenario: &str) -> Result<Vec<Value>> {
    let mut command = Command::new(program("matpho-sim")?);
    command.arg("describe").arg(repository().join("tests/sim/scenarios").join(scenario));
    let done = output(&mut command)?;
    ensure!(done.status.success(), "matpho-sim describe: {}", String::from_utf8_lossy(&done.stderr));
    let all: Value = serde_json::from_slice(&done.stdout)?;
    all["cameras"].as_array().cloned().context("no cameras")
}

/// Tables for all cameras that are served. Each is asked for what its street is about; rules that take minutes take seconds.
pub fn cameras(folder: &Path, cameras: &Cameras, scenario: &str) -> Result<String> {
    let mut text = String::from("[analytics.congestion]\nbegin_after_s = 20.0\nbin_s = 5.0\n");
    for place in describe(scenario)? {
        let id = place["id"].as_str().context("no id")?;
        text += &match id {
            "jam" => camera(folder, cameras, id, &["congestion"])?,
            "flood" => camera(folder, cameras, id, &["flood"])?,
            _ => camera(folder, cameras, id, &["fire", "smoke"])?,
        };
        if id == "jam" {
            let points: Vec<String> = place["ground"]
                .as_array()
                .context("no ground")?
                .iter()
                .map(|point| format!("{{ picture = {}, ground_m = {} }}", point["image"], point["metres"]))
                .collect();
            for way in place["carriageways"].as_array().context("no carriageways")? {
                text += &format!(
                    "[[camera.zone]]\nid = {}\npolygon = {}\ndirection = [{}, {}]\nlanes = {}\nlength_m = {}\ncalibration = [{}]\n",
                    way["direction"],
                    way["polygon"],
                    way["travel"]["from"],
                    way["travel"]["to"],
                    way["lanes"],
                    way["length_m"],
                    points.join(", ")
                );
            }
        }
        if id == "flood" {
            text += &format!(
                "[[camera.zone]]\nid = \"street\"\npurpose = \"road_surface\"\npolygon = {}\n",
                place["road"]["polygon"]
            );
        }
    }
    Ok(text)
}

/// The table of one camera, with its login where the scenario sets one.
pub fn camera(folder: &Path, cameras: &Cameras, id: &str, asks: &[&str]) -> Result<String> {
    let served = cameras.cameras.iter().find(|camera| camera["id"] == id).with_context(|| format!("no camera {id}"))?;
    let (url, name) = (served["url"].as_str().context("no url")?, served["name"].as_str().context("no name")?);
    let login = if id == "quiet" {
        std::fs::write(folder.join("quiet.password"), "pho-xa-12\n")?;
        format!("username = \"matpho\"\npassword_file = \"{}\"\n", folder.join("quiet.password").display())
    } else {
        String::new()
    };
    Ok(format!(
        "[[camera]]\nid = \"{id}\"\nname = \"{name}\"\nposition = [{}, {}]\nurl = \"{url}\"\n{login}asks = {asks:?}\n",
        served["lon"], served["lat"]
    ))
}
