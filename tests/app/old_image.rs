//! A node whose directory is put back from an image: it lacks what it has acknowledged since, and holds what was deleted since.

use crate::support::{
    cluster::{Cluster, WITHOUT_LOG},
    damage::{copy_directory, unique_content},
};
use std::{fs, path::PathBuf};

/// Each an object of one chunk.
fn put(cluster: &Cluster, numbers: std::ops::RangeInclusive<u32>) -> Vec<(String, PathBuf)> {
    let put = |number: u32| {
        let (key, file) = (format!("s3://pantry/{number}"), cluster.directory.path().join(format!("file-{number}")));
        fs::write(&file, unique_content(number, 5000)).unwrap();
        cluster.put(&file, &key);
        (key, file)
    };
    numbers.map(put).collect()
}

fn await_chunks(cluster: &Cluster, chunks: u64) {
    cluster.await_nodes(|nodes| nodes.iter().all(|node| node["chunks"] == chunks));
}

#[test]
fn what_is_missing_is_sent_again_and_what_was_deleted_does_not_come_back() {
    let settings = [("LARDER_GRACE_PERIOD", "1s"), ("LARDER_INVENTORY_INTERVAL", "1s"), WITHOUT_LOG];
    let mut cluster = Cluster::start_with(3, &settings);
    cluster.await_health();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    let old = put(&cluster, 1..=6);
    cluster.nodes[0].kill();
    let (data, image) = (cluster.directory.path().join("node-1"), cluster.directory.path().join("image"));
    copy_directory(&data, &image);
    cluster.start_node(1);
    cluster.await_health();
    let new = put(&cluster, 7..=12);
    let (deleted, kept) = old.split_at(3);
    for (key, _) in deleted {
        assert!(cluster.client(&["rm", key]).status.success());
    }
    await_chunks(&cluster, 9);
    cluster.nodes[3].kill();
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&image, &data).unwrap();

    assert!(cluster.admin(&["jobs", "pause", "send-missing"]).status.success());
    cluster.start_node(1);
    cluster.await_nodes(|nodes| nodes.iter().any(|node| node["rolled_back"] == 1));
    let told = cluster.admin(&["status"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("went back in time"), "{told:?}");
    assert!(cluster.admin(&["jobs", "resume", "send-missing"]).status.success());
    cluster.await_health();
    await_chunks(&cluster, 9);
    cluster.await_health();
    for other in [1, 2] {
        cluster.nodes[other].kill();
    }
    for (key, file) in kept.iter().chain(&new) {
        cluster.assert_same(file, key);
    }
    for (key, _) in deleted {
        let got = cluster.client(&["get", key, "-"]);
        assert!(!got.status.success() && got.stdout.is_empty(), "{key} came back: {got:?}");
    }
}
