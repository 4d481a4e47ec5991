//! More nodes are lost at once than are replaced by themselves.

use super::{
    changes::{Healing, assert_all_readable, assert_healed, fill},
    fake_nodes::{Fault, Place},
    test_cluster::{TestCluster, quick_settings},
};
use crate::{metadata::command::NodeDuty, node::NodeApi};
use std::time::Duration;

/// Two of three disks were lost, two empty nodes joined, and every object had one copy for ever: nobody could say that the two
/// were gone for good.
#[tokio::test]
async fn nodes_that_an_operator_drains_are_replaced_though_too_many_are_lost() {
    let mut test = TestCluster::with(quick_settings(), 3, Place::Elsewhere).await;
    fill(&test, 20).await;
    for lost in [0, 1] {
        test.nodes[lost].set_fault(Fault::Dead);
        test.nodes[lost].forget_all();
    }
    test.join(4, Place::Elsewhere).await;
    test.join(5, Place::Elsewhere).await;
    test.pass(Duration::from_secs(700)).await;
    let mut healing = Healing::of(&test.cluster);
    healing.settle(&test).await;
    let halt = test.cluster.replacement_halt().expect("two of five are lost");
    assert!(halt.contains("2 of 5"), "{halt}");
    assert!(test.nodes[3..].iter().all(|node| node.chunk_count() == 0), "nothing was replaced");

    for name in ["node-1", "node-2"] {
        test.cluster.set_duty(name, NodeDuty::Draining).await.unwrap();
    }
    assert_eq!(test.cluster.replacement_halt(), None);
    healing.settle(&test).await;
    assert_healed(&test, &[test.nodes[0].id(), test.nodes[1].id()]).await;
    assert_all_readable(&test, 20).await;
    for name in ["node-1", "node-2"] {
        test.cluster.set_duty(name, NodeDuty::Removed).await.unwrap();
    }
}
