//! A long life: more nodes are lost than there ever are at a time.

use super::{
    changes::{Healing, assert_all_readable, assert_healed, fill},
    fake_nodes::{Fault, Place},
    test_cluster::{TestCluster, quick_settings},
};
use crate::node::{NodeApi, api::PULL_SOURCES_MAX};
use std::time::Duration;

/// Nobody has said of the lost ones that they are gone for good, so each of them is one that left its groups.
#[tokio::test]
async fn a_cluster_outlives_more_nodes_than_a_pull_may_name() {
    let mut test = TestCluster::with(quick_settings(), 3, Place::Elsewhere).await;
    fill(&test, 3).await;
    let mut gone = Vec::new();
    for number in 0..PULL_SOURCES_MAX as u8 + 3 {
        test.nodes[usize::from(number)].set_fault(Fault::Dead);
        gone.push(test.nodes[usize::from(number)].id());
        test.join(number + 4, Place::Elsewhere).await;
        test.pass(Duration::from_secs(601)).await;
        Healing::of(&test.cluster).settle(&test).await;
    }
    assert_healed(&test, &gone).await;
    assert_all_readable(&test, 3).await;
}
