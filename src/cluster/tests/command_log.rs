//! The command log: what is acknowledged is on more than half of its nodes, whatever becomes of them.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{TestCluster, content, quick_settings, until},
};
use crate::{
    cluster::{
        ClusterSettings,
        command_log::{LogHead, LogKind},
    },
    metadata::log::LogStanding,
    types::{CommitSequence, HumanDuration},
};
use std::{collections::BTreeSet, time::Duration};

async fn start(nodes: u8, place: Place) -> TestCluster {
    let settings = ClusterSettings {
        metadata_log_copies: 3,
        suspect_after: HumanDuration::from_secs(15),
        replace_after: HumanDuration::from_secs(60),
        ..quick_settings()
    };
    let test = TestCluster::with(settings, nodes, place).await;
    in_force(&test).await;
    test
}

fn standing(test: &TestCluster) -> LogStanding {
    test.metadata.log_feed().standing()
}

/// Time passes, so that nodes are looked at.
async fn in_force(test: &TestCluster) {
    until("the log is in force", async || {
        test.pass(Duration::from_millis(100)).await;
        standing(test) == LogStanding::InForce
    })
    .await;
}

/// How many nodes hold the frame of a command.
fn copies_of(test: &TestCluster, sequence: CommitSequence) -> usize {
    let holds = |head: &LogHead| head.kind == LogKind::Frame && head.first <= sequence && sequence <= head.last;
    test.nodes.iter().filter(|node| node.log_pieces().iter().any(holds)).count()
}

fn snapshots(test: &TestCluster) -> BTreeSet<(u64, CommitSequence)> {
    let pieces = test.nodes.iter().flat_map(|node| node.log_pieces());
    pieces.filter(|head| head.kind == LogKind::Snapshot).map(|head| (head.number, head.last)).collect()
}

#[tokio::test]
async fn what_is_acknowledged_is_on_most_of_its_nodes() {
    let test = start(5, Place::Elsewhere).await;
    assert_eq!(snapshots(&test).len(), 1);
    for number in 0..20 {
        test.put(&format!("key-{number}"), &content(100)).await;
        let copies = copies_of(&test, test.metadata.committed());
        assert!((2..=3).contains(&copies), "{copies}");
    }
    let view = test.cluster.command_log_view();
    assert_eq!((view.standing, view.nodes.len()), (LogStanding::InForce, 3));
}

#[tokio::test]
async fn a_node_that_hangs_is_not_waited_for() {
    let test = start(3, Place::Elsewhere).await;
    test.nodes[0].set_fault(Fault::Stuck);
    for number in 0..40 {
        test.delete(&format!("key-{number}")).await;
        assert_eq!(copies_of(&test, test.metadata.committed()), 2);
    }
    assert_eq!(standing(&test), LogStanding::InForce);
}

#[tokio::test]
async fn without_most_of_them_commits_go_on_and_the_log_catches_up() {
    let test = start(3, Place::Elsewhere).await;
    for node in &test.nodes[..2] {
        node.set_fault(Fault::Dead);
    }
    test.delete("a").await;
    assert_eq!(standing(&test), LogStanding::Behind);
    test.delete("b").await;
    let deleted = test.metadata.committed();
    for node in &test.nodes[..2] {
        node.set_fault(Fault::None);
    }
    in_force(&test).await;
    assert!(copies_of(&test, deleted) >= 2);
    assert_eq!(snapshots(&test).len(), 1, "what waited was kept: no snapshot was needed");
}

#[tokio::test]
async fn others_take_the_place_of_nodes_that_are_away() {
    let test = start(6, Place::Elsewhere).await;
    let names = test.cluster.command_log_view().nodes;
    for (node, name) in test.nodes.iter().zip(1..) {
        if names.contains(&format!("node-{name}")) {
            node.set_fault(Fault::Dead);
        }
    }
    test.delete("a").await;
    assert_eq!(standing(&test), LogStanding::InForce, "within what a commit waits");
    assert!(copies_of(&test, test.metadata.committed()) >= 2);
}

#[tokio::test]
async fn a_node_that_lost_its_part_has_another_snapshot_made_and_the_old_one_goes() {
    let test = start(3, Place::Elsewhere).await;
    let before = snapshots(&test);
    test.delete("a").await;
    test.nodes[1].restart_empty();
    test.pass(Duration::from_secs(1)).await;
    until("there is another snapshot, and no other", async || {
        let now = snapshots(&test);
        now.len() == 1 && now.iter().all(|(number, _)| before.iter().all(|(old, _)| number > old))
    })
    .await;
    let of_node = test.nodes[1].log_pieces();
    assert!(of_node.iter().any(|head| head.kind == LogKind::Snapshot), "{of_node:?}");
    assert_eq!(copies_of(&test, before.first().unwrap().1.next()), 0, "the snapshot shows it");
}

#[tokio::test]
async fn the_next_reign_clears_what_the_last_one_left() {
    let mut test = start(3, Place::Elsewhere).await;
    test.delete("a").await;
    until("all that there is was noted", async || {
        let noted = test.metadata.job_states("command-log").await.unwrap();
        let noted = noted.first().map(|(_, state)| state.replace('-', "")).unwrap_or_default();
        let mut blobs = test.nodes.iter().flat_map(|node| node.blobs());
        blobs.all(|blob| noted.contains(&blob.to_string()))
    })
    .await;
    let pieces = |test: &TestCluster| test.nodes.iter().flat_map(|node| node.log_pieces()).collect::<Vec<_>>();
    let old = pieces(&test)[0].term;
    test.restart_gateway().await;
    for node in test.nodes.clone() {
        test.cluster.membership().heartbeat(node.status_now()).await;
    }
    test.pass(Duration::from_secs(1)).await;
    until("nothing of the old reign is left", async || {
        let now = pieces(&test);
        !now.is_empty() && now.iter().all(|head| head.term > old)
    })
    .await;
}

/// One process, one disk: a second copy there would be synced for nothing.
#[tokio::test]
async fn nodes_of_this_process_keep_one_copy() {
    let test = start(3, Place::InProcess).await;
    test.delete("a").await;
    let devices: BTreeSet<_> = test.cluster.nodes().iter().map(|node| node.row.device.clone()).collect();
    let expected = if devices.len() == 1 && devices.iter().all(Option::is_some) { 1 } else { 2 };
    assert!(copies_of(&test, test.metadata.committed()) >= expected);
}
