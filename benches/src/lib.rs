//! What the benches share: the clock of CPU time, medians, tables; scenes of fire, flood and faulty cameras with a detector that errs (`hazard`);
//! real clips through the built gateway (`clips`);
//! streets full of traffic (`streets`), seen by a detector that errs (`detector`), judged (`judged`) and marked against the truth (`marks`, `volume`).
//!
//! Goals: figures that a reader can compare between machines (ratios measured in one run), with the input's origin named, and a hash or count of
//! the result, so that nothing gets fast by doing something else. Non-goals: absolute promises; the machine is noisy.

pub mod clips;
pub mod detector;
pub mod hazard;
pub mod judged;
pub mod marks;
pub mod streets;
pub mod volume;

use std::time::Duration;

/// CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Median CPU time of one call, over `rounds` rounds of `calls` calls.
pub fn median_cpu(rounds: usize, calls: u32, mut call: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let before = thread_cpu();
            for _ in 0..calls {
                call();
            }
            (thread_cpu() - before) / calls
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// A table in Markdown, on standard output.
pub struct Table;

impl Table {
    /// Begins a table.
    pub fn begin(title: &str, columns: &[&str]) -> Self {
        println!("\n### {title}\n");
        Self::line(columns);
        Self::line(&vec!["---"; columns.len()]);
        Self
    }

    fn line(cells: &[&str]) {
        println!("| {} |", cells.join(" | "));
    }

    /// Adds a row.
    pub fn row(&self, cells: &[&str]) {
        Self::line(cells);
    }
}

/// Whether this is a run of the smallest size that shows the bench still works (`cargo bench -- --test`).
pub fn is_smoke() -> bool {
    std::env::args().any(|argument| argument == "--test")
}
