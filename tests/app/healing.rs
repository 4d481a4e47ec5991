//! The cluster heals itself, as processes: a lost node is replaced, a drained one emptied.

use crate::support::cluster::{Cluster, WITHOUT_LOG};
use std::path::PathBuf;

const OBJECTS: u32 = 30;

/// Four nodes that hold objects, with the bytes of each in the file.
fn filled(settings: &[(&'static str, &'static str)]) -> (Cluster, PathBuf) {
    let cluster = Cluster::start_with(4, settings);
    cluster.await_nodes(|nodes| nodes.len() == 4 && nodes.iter().all(|node| node["groups"].as_u64() > Some(0)));
    let file = cluster.directory.path().join("file");
    std::fs::write(&file, vec![7; 300_000]).unwrap();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    for number in 0..OBJECTS {
        cluster.put(&file, &format!("s3://pantry/{number}"));
    }
    cluster.await_health();
    (cluster, file)
}

fn assert_all_same(cluster: &Cluster, file: &std::path::Path) {
    for number in 0..OBJECTS {
        cluster.assert_same(file, &format!("s3://pantry/{number}"));
    }
}

#[test]
fn a_lost_node_is_replaced_by_the_others_and_cleared_when_it_comes_back() {
    let (mut cluster, file) = filled(&[("LARDER_REPLACE_AFTER", "3s"), WITHOUT_LOG]);
    cluster.nodes[0].kill();
    cluster.await_nodes(|nodes| nodes.iter().any(|node| node["state"] == "failed" && node["groups"] == 0));
    cluster.await_health();

    cluster.start_node(1);
    cluster.await_nodes(|nodes| {
        nodes.iter().any(|node| node["state"] == "healthy" && node["groups_left"] == 0 && node["chunks"] == 0)
    });
    assert!(cluster.nodes().iter().all(|node| node["state"] == "healthy"), "{:#?}", cluster.nodes());
    for dead in [1, 2] {
        cluster.nodes[dead].kill();
    }
    assert_all_same(&cluster, &file);
}

#[test]
fn a_drained_node_is_empty_at_the_end_and_can_go() {
    let (cluster, file) = filled(&[]);
    let nodes = cluster.nodes();
    let name = nodes.last().unwrap()["name"].as_str().unwrap();
    let refused = cluster.admin(&["node", "remove", name]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("drain it first"), "{refused:?}");

    let drained = cluster.admin(&["node", "drain", name, "--json"]);
    assert!(drained.status.success(), "{drained:?}\n{}", cluster.gateway.log());
    let report: serde_json::Value = serde_json::from_slice(&drained.stdout).unwrap();
    assert_eq!((&report["state"], &report["chunks"]), (&"drained".into(), &0.into()), "{report}");
    let nothing = serde_json::json!({ "groups": 0, "groups_left": 0, "chunks": 0, "bytes": 0 });
    assert_eq!(report["proof"], nothing, "it was asked what it has");
    assert!(cluster.admin(&["node", "remove", name]).status.success());
    assert_eq!(cluster.nodes().len(), 3);
    cluster.await_health();
    assert_all_same(&cluster, &file);

    let needed = cluster.nodes()[0]["name"].as_str().unwrap().to_owned();
    let refused = cluster.admin(&["node", "drain", &needed]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("3 storage nodes are needed, and 2 would stay"),
        "{refused:?}"
    );
    assert!(cluster.nodes().iter().all(|node| node["state"] != "draining"), "nothing has changed");

    let unknown = cluster.admin(&["node", "drain", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
}

#[test]
fn a_drain_is_taken_back() {
    let (cluster, file) = filled(&[]);
    let nodes = cluster.nodes();
    let name = nodes.last().unwrap()["name"].as_str().unwrap();
    assert!(cluster.admin(&["node", "drain", name, "--no-wait"]).status.success());
    assert!(cluster.admin(&["node", "undrain", name]).status.success());
    cluster.await_health();
    cluster
        .await_nodes(|nodes| nodes.iter().all(|node| node["state"] == "healthy" && node["groups"].as_u64() > Some(0)));
    assert_all_same(&cluster, &file);
}

#[test]
fn what_paused_tasks_have_before_them_is_told() {
    let (cluster, _) = filled(&[("LARDER_GRACE_PERIOD", "1s"), WITHOUT_LOG]);
    let job = |name: &str| {
        let jobs: serde_json::Value = serde_json::from_slice(&cluster.admin(&["jobs", "--json"]).stdout).unwrap();
        jobs.as_array().unwrap().iter().find(|job| job["name"] == name).unwrap().clone()
    };
    let order = |verb: &str, task: &str| assert!(cluster.admin(&["jobs", verb, task]).status.success());
    assert_eq!((&job("change-groups")["remaining"], &job("release-contents")["remaining"]), (&0.into(), &0.into()));

    order("pause", "release-contents");
    assert!(cluster.client(&["rm", "s3://pantry/0"]).status.success());
    // What is shown of the metadata may be some seconds old.
    cluster.await_nodes(|_| job("release-contents")["remaining"].as_u64() >= Some(2));
    order("resume", "release-contents");
    cluster.await_nodes(|_| job("release-contents")["remaining"] == 0);
    let chunks = |nodes: &[serde_json::Value]| nodes.iter().filter_map(|node| node["chunks"].as_u64()).sum::<u64>();
    cluster.await_nodes(|nodes| chunks(nodes) == u64::from(OBJECTS - 1) * 3);

    order("pause", "change-groups");
    let nodes = cluster.nodes();
    let name = nodes.last().unwrap()["name"].as_str().unwrap();
    assert!(cluster.admin(&["node", "drain", name, "--no-wait"]).status.success());
    let told = cluster.await_nodes(|nodes| nodes.iter().any(|node| node["drain_waits_for"].is_string()));
    let waits = told.iter().find(|node| node["name"] == name).unwrap();
    assert!(waits["drain_waits_for"].as_str().unwrap().starts_with("change-groups is paused"), "{waits}");
    assert_eq!(job("change-groups")["remaining"], waits["groups"]);
    order("resume", "change-groups");
    cluster.await_nodes(|nodes| nodes.iter().any(|node| node["state"] == "drained"));
    cluster.await_nodes(|_| job("change-groups")["remaining"] == 0);
}
