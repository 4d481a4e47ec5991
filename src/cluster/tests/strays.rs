//! Copies that come back to a node after its groups have forgotten it.

use super::{
    changes::{Healing, fill},
    fake_nodes::Place,
    test_cluster::{TestCluster, content, quick_settings},
};
use crate::{cluster::ClearOrphans, metadata::command::NodeDuty, runtime::Step};
use std::time::Duration;

const OBJECTS: usize = 30;

/// A node that was drained, and forgotten by all groups, holds again what it held.
async fn with_strays() -> (TestCluster, usize) {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, OBJECTS).await;
    let before = test.nodes[3].state().chunks.clone();
    test.cluster.set_duty("node-4", NodeDuty::Draining).await.unwrap();
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(test.nodes[3].chunk_count(), 0);
    let count = before.len();
    assert!(count > 0);
    test.nodes[3].restart();
    test.nodes[3].state().chunks = before;
    (test, count)
}

/// Searches through the inventories until nothing more is to be found.
async fn search(test: &TestCluster) {
    let mut orphans = ClearOrphans::new(test.cluster.clone());
    while orphans.step().await.unwrap() == Step::Busy {}
}

async fn assert_all_readable(test: &TestCluster) {
    for i in 0..OBJECTS {
        assert_eq!(test.get(&format!("key-{i}")).await.unwrap(), content(100 + i));
    }
}

/// From outside: they stayed for ever, and the drain of the node never ended.
#[tokio::test]
async fn copies_that_come_back_to_a_drained_node_are_cleared() {
    let (test, _) = with_strays().await;
    test.pass(Duration::from_secs(1)).await;
    search(&test).await;
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(test.nodes[3].chunk_count(), 0);
    assert_all_readable(&test).await;
}

#[tokio::test]
async fn none_is_cleared_of_which_a_member_lacks_its_own() {
    let (test, count) = with_strays().await;
    test.pass(Duration::from_secs(1)).await;
    search(&test).await;
    test.nodes[..3].iter().for_each(|node| node.corrupt_all());
    let mut healing = Healing::of(&test.cluster);
    healing.trim_once().await;
    assert_eq!(test.nodes[3].chunk_count(), count, "they are the only good ones");
}

/// The search was over when the gateway was started again: it must not take what it saw for settled.
#[tokio::test]
async fn a_gateway_that_starts_again_before_they_are_cleared_meets_them_again() {
    let (mut test, _) = with_strays().await;
    test.pass(Duration::from_secs(1)).await;
    search(&test).await;
    test.restart_gateway().await;
    test.pass(Duration::from_secs(1)).await;
    search(&test).await;
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(test.nodes[3].chunk_count(), 0);
    assert_all_readable(&test).await;
}
