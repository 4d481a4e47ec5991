//! Nodes that have left groups and may still hold something of them: what is deleted meanwhile goes there too.

use super::{
    changes::{Healing, fill},
    fake_nodes::{Fault, Place},
    reclaim::GRACE,
    test_cluster::{Deletions, TestCluster, quick_settings},
};
use std::time::Duration;

const OBJECTS: usize = 30;

/// A node that all groups have left, with everything that they had on it.
async fn with_a_former_member() -> TestCluster {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, OBJECTS).await;
    test.drain_but_for_surplus("node-4").await;
    assert!(test.nodes[3].chunk_count() > 0);
    test
}

async fn delete_all(test: &TestCluster) -> Deletions {
    for i in 0..OBJECTS {
        test.delete(&format!("key-{i}")).await;
    }
    let mut deletions = Deletions::new(test);
    deletions.run().await;
    test.pass(GRACE).await;
    deletions.run().await;
    deletions
}

fn left_groups(test: &TestCluster) -> usize {
    test.cluster.nodes().iter().map(|view| view.left_group_count).sum()
}

/// From outside: a drain during which something was deleted stood still until the next search through all inventories.
#[tokio::test]
async fn what_is_deleted_goes_from_a_node_that_is_drained_as_from_members() {
    let test = with_a_former_member().await;
    delete_all(&test).await;
    assert!(test.metadata.deletions(None, 10).await.unwrap().is_empty());
    let held: Vec<usize> = test.nodes.iter().map(|node| node.chunk_count()).collect();
    assert_eq!(held, [0, 0, 0, 0]);
    assert!(left_groups(&test) > 0);
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(left_groups(&test), 0);
}

/// Its walks, while nothing could be cleared, had come to be minutes apart.
#[tokio::test]
async fn a_drain_ends_soon_after_the_last_deletion_is_carried_out() {
    let test = with_a_former_member().await;
    for i in 0..OBJECTS {
        test.delete(&format!("key-{i}")).await;
    }
    let mut deletions = Deletions::new(&test);
    deletions.run().await;
    let mut healing = Healing::of(&test.cluster);
    for _ in 0..10 {
        healing.settle(&test).await;
    }
    assert!(left_groups(&test) > 0, "the grace period is not over");
    test.pass(GRACE).await;
    deletions.run().await;
    healing.trim_once().await;
    assert_eq!(left_groups(&test), 0);
}

#[tokio::test]
async fn deletions_do_not_wait_for_a_node_that_has_left() {
    let test = with_a_former_member().await;
    test.nodes[3].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(500)).await;
    delete_all(&test).await;
    assert!(test.metadata.deletions(None, 10).await.unwrap().is_empty());
    let held: Vec<usize> = test.nodes[..3].iter().map(|node| node.chunk_count()).collect();
    assert_eq!(held, [0, 0, 0]);
    assert!(test.nodes[3].chunk_count() > 0);
}
