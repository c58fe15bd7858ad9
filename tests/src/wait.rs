//! Waiting for a condition, with a deadline and the last thing that was seen.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks every 200 ms until the answer is `Ok`; after `deadline` fails with what was wanted and the last `Err`.
pub fn wait_for<T>(what: &str, deadline: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(value) => return Ok(value),
            Err(last) if started.elapsed() > deadline => {
                bail!("waited {:.0} s for {what}; last seen: {last:#}", started.elapsed().as_secs_f32())
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}
