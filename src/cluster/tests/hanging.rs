//! A node that hangs in a pull, or to which the connection is half open: a pull has minutes (`node_pull_timeout`), and nobody
//! else waits for as long as that.

use super::{
    changes::{Healing, assert_all_readable, fill},
    fake_nodes::{FakeNode, Fault, Place},
    test_cluster::{CHUNK, TestCluster, content, quick_settings},
};
use crate::{
    cluster::{Standing, VerifyCopies, VerifyScope},
    node::NodeApi,
};
use std::{future::Future, sync::Arc, time::Duration};

/// What `step` gives, while time goes on and the node that hangs comes to count as ill.
async fn beside_an_illness<T>(test: &TestCluster, node: &Arc<FakeNode>, step: impl Future<Output = T>) -> T {
    let falls_ill = async {
        while test.cluster.membership().topology().load().standing(node.id()) != Some(Standing::Suspect) {
            tokio::task::yield_now().await;
            test.pass(Duration::from_secs(1)).await;
        }
    };
    tokio::join!(step, falls_ill).0
}

#[tokio::test]
async fn surplus_copies_are_trimmed_again_when_the_member_that_hung_is_back() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, 30).await;
    test.drain_but_for_surplus("node-4").await;
    let (mut healing, hanging) = (Healing::of(&test.cluster), &test.nodes[0]);
    hanging.set_fault(Fault::Stuck);
    beside_an_illness(&test, hanging, healing.trim_once()).await;
    assert!(test.nodes[3].chunk_count() > 0, "not every member has shown its own");
    hanging.set_fault(Fault::None);
    for _ in 0..15 {
        test.pass(Duration::from_secs(10)).await;
    }
    healing.settle(&test).await;
    assert_eq!(test.nodes[3].chunk_count(), 0);
    assert_all_readable(&test, 30).await;
}

#[tokio::test]
async fn a_verification_goes_on_without_the_node_that_hangs() {
    let test = TestCluster::start().await;
    for key in 0..5 {
        test.put(&format!("key {key}"), &content(3 * CHUNK)).await;
    }
    test.cluster.begin_verification(VerifyScope::Everything, None).await.unwrap();
    let (mut verify, hanging) = (VerifyCopies::new(test.cluster.clone()), &test.nodes[2]);
    hanging.set_fault(Fault::Stuck);
    beside_an_illness(&test, hanging, verify.step()).await.unwrap();
    let checked = test.cluster.verification().await.unwrap().unwrap();
    assert_eq!((checked.bad_copies, checked.lost_blobs), (0, 0));
    assert_eq!(checked.unasked.into_iter().collect::<Vec<_>>(), [(hanging.id(), 5)]);
}

/// The client waited for as long as the pull.
#[tokio::test]
async fn a_commit_that_a_member_hangs_in_fails_when_it_counts_as_ill() {
    let test = TestCluster::start().await;
    let hanging = &test.nodes[2];
    hanging.set_fault(Fault::Dead);
    let mut written = test.write(&content(CHUNK)).await.unwrap();
    written.content.copies_required = 3;
    hanging.set_fault(Fault::Stuck);
    let commit = test.cluster.commit(written, |content| test.put_command("key", content));
    assert!(beside_an_illness(&test, hanging, commit).await.is_err());
    assert!(test.lookup("key").await.is_none());
    assert_eq!(test.cluster.in_flight().count(), 0);
}
