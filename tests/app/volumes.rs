//! Nodes with several volumes, as processes.

use crate::support::cluster::{Cluster, WITHOUT_LOG};
use std::path::PathBuf;

const OBJECTS: u64 = 30;
const COPIES: u64 = 3;

fn chunks(nodes: &[serde_json::Value]) -> u64 {
    nodes.iter().filter_map(|node| node["chunks"].as_u64()).sum()
}

/// The bytes of each object are in the file.
fn fill(cluster: &Cluster) -> PathBuf {
    let file = cluster.directory.path().join("file");
    std::fs::write(&file, vec![7; 70_000]).unwrap();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    for number in 0..OBJECTS {
        cluster.put(&file, &format!("s3://pantry/{number}"));
    }
    file
}

/// From outside: each chunk of a volume that had been away lay on two volumes of its node for ever.
#[test]
fn a_volume_that_was_away_leaves_no_chunk_twice_when_it_is_back() {
    let mut cluster = Cluster::start_with(0, &[WITHOUT_LOG]);
    for number in 1..=3 {
        cluster.start_node_on(number, "127.0.0.1:0", &["a", "b"]);
    }
    cluster.await_nodes(|nodes| nodes.len() == 3 && nodes.iter().all(|node| node["groups"].as_u64() > Some(0)));
    let file = fill(&cluster);
    cluster.await_health();
    cluster.await_nodes(|nodes| chunks(nodes) == COPIES * OBJECTS);

    for volumes in [&["b"][..], &["a", "b"]] {
        // The one that was started last is the first node's.
        let first = if cluster.nodes.len() == 3 { 0 } else { cluster.nodes.len() - 1 };
        cluster.nodes[first].kill();
        cluster.start_node_on(1, "127.0.0.1:0", volumes);
        cluster.await_nodes(|nodes| nodes.iter().all(|node| node["state"] == "healthy"));
        cluster.await_health();
    }
    let was_twice = || cluster.gateway.log().contains("chunks lay on two volumes of the node");
    cluster.await_nodes(|nodes| was_twice() && chunks(nodes) == COPIES * OBJECTS);
    for number in 0..OBJECTS {
        cluster.assert_same(&file, &format!("s3://pantry/{number}"));
    }
}

/// From outside: the drain of a node with a frozen volume never ended, and said that others might lack room.
#[test]
fn a_drain_says_that_it_waits_for_a_frozen_volume_and_the_node_can_be_removed() {
    let mut cluster = Cluster::start_with(0, &[WITHOUT_LOG, ("LARDER_GROUPS_PER_NODE", "4")]);
    cluster.start_node_on(1, "127.0.0.1:0", &["a", "b"]);
    for number in 2..=4 {
        cluster.start_node(number);
    }
    cluster.await_nodes(|nodes| nodes.len() == 4 && nodes.iter().all(|node| node["groups"].as_u64() > Some(0)));
    let file = fill(&cluster);
    std::fs::remove_dir_all(cluster.directory.path().join("volume-1-a")).unwrap();
    let is_frozen = |node: &serde_json::Value| node["volumes"].to_string().contains("frozen");
    let nodes = cluster.await_nodes(|nodes| nodes.iter().any(is_frozen));
    let name = nodes.iter().find(|node| is_frozen(node)).unwrap()["name"].as_str().unwrap().to_owned();
    let drain = cluster.admin(&["node", "drain", &name, "--no-wait"]);
    assert!(drain.status.success(), "{drain:?}");
    let why = |node: &serde_json::Value| node["drain_waits_for"].as_str().unwrap_or_default().to_owned();
    cluster.await_nodes(|nodes| nodes.iter().any(|node| node["name"] == *name && why(node).contains("frozen volume")));
    let status = String::from_utf8(cluster.admin(&["status"]).stdout).unwrap();
    assert!(status.contains(&format!("the drain of {name} waits: it is cleared of all groups")), "{status}");
    let remove = cluster.admin(&["node", "remove", &name]);
    assert!(remove.status.success(), "{remove:?}");
    for number in 0..OBJECTS {
        cluster.assert_same(&file, &format!("s3://pantry/{number}"));
    }
}
