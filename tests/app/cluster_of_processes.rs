//! A gateway and storage nodes as processes of their own.

use crate::support::{cluster::Cluster, command::text, process::Running};
use rustix::process::Signal;
use std::process::Command;

#[test]
fn objects_survive_the_loss_of_two_nodes_and_what_a_node_missed_is_sent_to_it() {
    let (mut cluster, file) = Cluster::start_with_an_object();
    cluster.nodes[0].kill();
    cluster.put(&file, "s3://pantry/meanwhile");
    assert_eq!(cluster.admin(&["status"]).status.code(), Some(1), "copies are missing");
    cluster.start_node(1);
    // Until the gateway has heard of it, it knows nothing of the loss.
    cluster.await_status_and_log(3, |_, log| log.matches("registered with the gateway").count() == 2);
    cluster.await_health();
    cluster.nodes[1].kill();
    cluster.nodes[2].kill();
    for key in ["before", "meanwhile"] {
        cluster.assert_same(&file, &format!("s3://pantry/{key}"));
    }
}

#[test]
fn a_node_whose_files_were_lost_has_its_copies_again_before_the_cluster_is_called_redundant() {
    let (mut cluster, file) = Cluster::start_with_an_object();
    cluster.nodes[0].kill();
    std::fs::remove_dir_all(cluster.directory.path().join("node-1/node/volume/segments")).unwrap();
    cluster.start_node(1);
    // Before that nobody can know that it was away.
    cluster.await_status_and_log(3, |_, log| log.matches("registered with the gateway").count() == 2);
    cluster.await_health();
    cluster.nodes[1].kill();
    cluster.nodes[2].kill();
    cluster.assert_same(&file, "s3://pantry/before");
}

#[test]
fn a_node_keeps_its_port_and_ends_in_order() {
    let mut cluster = Cluster::start(0);
    let first = cluster.start_node(1);
    let mut node = cluster.nodes.pop().unwrap();
    node.signal(Signal::TERM);
    assert!(node.wait().success(), "{}", node.log());
    assert_eq!(cluster.start_node(1), first);
}

/// The copy took over the node's address in silence, and the node's own heartbeats kept it alive beside it.
#[test]
fn a_copied_node_is_refused_while_the_node_answers_and_is_the_node_when_it_does_not() {
    let (mut cluster, file) = Cluster::start_with_an_object();
    let directory = cluster.directory.path();
    let copied = Command::new("cp").arg("-a").args([directory.join("node-1"), directory.join("node-4")]).status();
    assert!(copied.unwrap().success());
    // The copy keeps the node's port too.
    let address = cluster.start_node_at(4, "127.0.0.2:0");
    let expected = format!("the one at {address} is refused");
    cluster.await_status_and_log(3, |status, log| {
        status.contains("two processes claim to be node")
            && status.contains(&expected)
            && log.contains("another process is this node already")
    });
    assert!(cluster.nodes().iter().all(|node| node["address"] != address), "{:?}", cluster.nodes());

    cluster.nodes[0].kill();
    cluster.await_nodes(|nodes| nodes.len() == 3 && nodes.iter().any(|node| node["address"] == address));
    cluster.nodes[1].kill();
    cluster.nodes[2].kill();
    cluster.assert_same(&file, "s3://pantry/before");
}

#[test]
fn a_node_that_joins_gets_its_share_of_the_groups() {
    let mut cluster = Cluster::start(3);
    cluster.await_health();
    cluster.start_node(4);
    // A node is listed when it registered; its groups are made after that.
    let has_share = |node: &serde_json::Value| node["groups"].as_u64() > Some(0) && node["state"] == "healthy";
    cluster.await_nodes(|nodes| nodes.len() == 4 && nodes.iter().all(has_share));
}

#[test]
fn a_node_with_another_secret_is_turned_away() {
    let cluster = Cluster::start(0);
    let data = cluster.directory.path().join("stranger");
    let mut stranger = Running::start(&data.with_extension("log"), |command| {
        let gateway = format!("http://{}", cluster.admin);
        command.args(["node", "--data", text(&data), "--address", "127.0.0.1:0", "--gateway", &gateway]);
        command.env("LARDER_CLUSTER_SECRET", "some other secret");
    });
    assert_eq!(stranger.wait().code(), Some(1));
    assert!(stranger.log().contains("does not prove this cluster's secret"), "{}", stranger.log());
    assert!(cluster.nodes().is_empty());
}
