//! Twenty losses leave nothing behind: no thread, no file descriptor. Alone in its process, which it measures.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic, also in its helpers")]

mod support;

use support::{Play, Server, Watched, config, live_h264, wait_for};

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Threads and open files of this process.
fn held() -> (usize, usize) {
    (entries("/proc/self/task"), entries("/proc/self/fd"))
}

#[test]
fn flapping_leaks_neither_threads_nor_files() {
    let server = Server::start(&Play::new(live_h264()));
    let watched = Watched::start(config(&server.url()));
    let mut said = watched.wait_live(0);
    let mut flap = || {
        server.kick();
        watched.wait_lost(said);
        said = watched.wait_live(said);
    };
    // The first few fill pools that stay.
    (0..3).for_each(|_| flap());
    let steady = wait_for("a steady state", || {
        let before = held();
        std::thread::sleep(std::time::Duration::from_millis(500));
        (held() == before).then_some(before)
    });
    (0..20).for_each(|_| flap());
    wait_for("what the flaps took to be given back", || {
        let now = held();
        (now.0 <= steady.0 && now.1 <= steady.1 + 1).then_some(())
    });
    assert_eq!(watched.camera.stats().abandoned, 0);
    assert!(watched.camera.stats().attempts >= 24);
}
