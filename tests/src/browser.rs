//! A real Chromium, driven over WebDriver.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{process::Process, wait::wait_for};

/// WebDriver's key of an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A headless Chromium with one page.
pub struct Browser {
    agent: ureq::Agent,
    session: String,
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver and a headless Chromium.
    pub fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0");
        let driver =
            Process::start("chromedriver", folder, &mut command).context("is chromium-driver installed? `make setup-tests`")?;
        let port = wait_for("chromedriver's port", Duration::from_secs(20), || {
            let log = driver.log();
            let (_, tail) = log.split_once("started successfully on port ").context("not started")?;
            let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
            Ok(digits.parse::<u16>()?)
        })?;
        let profile = TempDir::new()?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .new_agent();
        let base = format!("http://127.0.0.1:{port}/session");
        let options = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": [
            "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
            "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=1440,900", format!("--user-data-dir={}", profile.path().display()),
        ] } } } });
        let answer: Value = agent.post(&base).send_json(&options)?.body_mut().read_json()?;
        let id = answer["value"]["sessionId"].as_str().with_context(|| format!("no session: {answer}"))?;
        Ok(Self { agent, session: format!("{base}/{id}"), _driver: driver, _profile: profile })
    }

    fn call(&self, path: &str, body: Option<Value>) -> Result<Value> {
        let url = format!("{}{path}", self.session);
        let mut response = match body {
            Some(body) => self.agent.post(url).send_json(body)?,
            None => self.agent.get(url).call()?,
        };
        let answer: Value = response.body_mut().with_config().limit(32 << 20).read_json()?;
        match answer["value"].get("error") {
            Some(error) => bail!("{path}: {error}: {}", answer["value"]["message"]),
            None => Ok(answer["value"].clone()),
        }
    }

    /// Opens a page.
    pub fn open(&self, url: &str) -> Result<()> {
        self.call("/url", Some(json!({ "url": url }))).map(drop)
    }

    fn element(&self, selector: &str) -> Result<String> {
        let found = self.call("/element", Some(json!({ "using": "css selector", "value": selector })))?;
        found[ELEMENT].as_str().map(str::to_owned).with_context(|| format!("no element {selector}"))
    }

    /// Waits until the page holds `selector`.
    pub fn wait(&self, selector: &str) -> Result<()> {
        wait_for(&format!("{selector} on the page"), Duration::from_secs(30), || self.element(selector).map(drop))
    }

    /// Types into a field.
    pub fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        self.wait(selector)?;
        let element = self.element(selector)?;
        self.call(&format!("/element/{element}/value"), Some(json!({ "text": text }))).map(drop)
    }

    /// Clicks.
    pub fn click(&self, selector: &str) -> Result<()> {
        self.wait(selector)?;
        let element = self.element(selector)?;
        self.call(&format!("/element/{element}/click"), Some(json!({}))).map(drop)
    }

    /// Runs a script's function body and returns its value.
    pub fn script(&self, script: &str) -> Result<Value> {
        self.call("/execute/sync", Some(json!({ "script": script, "args": [] })))
    }

    /// What the page complained of, less what a first visit without a session answers.
    pub fn severe_messages(&self) -> Result<Vec<String>> {
        let log = self.call("/se/log", Some(json!({ "type": "browser" })))?;
        let entries = log.as_array().context("no log")?.iter();
        Ok(entries
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].to_string())
            .filter(|message| !message.contains("401 (Unauthorized)"))
            .collect())
    }

    /// Takes a picture of the page.
    pub fn screenshot(&self, path: &Path) -> Result<()> {
        let png = self.call("/screenshot", None)?;
        std::fs::write(path, STANDARD.decode(png.as_str().context("no picture")?)?)?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
    }
}
