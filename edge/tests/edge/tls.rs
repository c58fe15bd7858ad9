//! The link to the broker, encrypted: it goes on with whom the configured authority vouches for, and with nobody else.

use std::fs;

use matpho_edge::config::Authorities;

use crate::{
    authority::Authority,
    broker::{Mosquitto, ears, edge_at, free_port, server},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_believed_on_its_authoritys_word_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    };
    let (ours, strangers) = (Authority::new(&folder("ours")), Authority::new(&folder("strangers")));
    let (port, tls_port) = (free_port(), free_port());
    let _broker = Mosquitto::start_with(&folder("broker"), port, &ours.listener(tls_port));
    let mut centre = ears(port);
    centre.subscribed().await;
    let trusting = |authority: &Authority| server(tls_port, Some(Authorities(fs::read(&authority.ca).unwrap())));

    let outbox = dir.path().join("outbox.db");
    let deceived = edge_at(&outbox, trusting(&strangers)).await;
    deceived.put(0..20).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(deceived.outbox.depth().await.rows, 20, "nothing goes to a server that a stranger signed");
    assert!(centre.statuses.try_recv().is_err(), "nor does it say who it is");
    deceived.task.abort();
    let _ = deceived.task.await;
    drop(deceived.outbox);

    let edge = edge_at(&outbox, trusting(&ours)).await;
    edge.put(20..40).await;
    centre.hear(40).await;
    edge.drained().await;
    centre.all_in_order();
}
