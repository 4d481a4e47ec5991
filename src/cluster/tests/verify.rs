//! Verification: what it finds on nodes that lie, what it does about it, what it says of what is lost.

use super::{
    fake_nodes::Fault,
    test_cluster::{CHUNK, TestCluster, content},
};
use crate::{
    cluster::{FindLost, Loss, SendMissing, Verification, Verifications, VerifyCopies, VerifyScope, VerifyStage},
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
    },
    node::NodeApi,
    runtime::Step,
    types::{BlobId, ChunkKey},
};
use std::time::Duration;

const OBJECTS: usize = 10;

async fn with_objects() -> TestCluster {
    let test = TestCluster::start().await;
    for key in 0..OBJECTS {
        test.put(&format!("key {key}"), &content(3 * CHUNK)).await;
    }
    test
}

async fn begin(test: &TestCluster, prefix: Option<&str>) {
    let scope = match prefix {
        None => VerifyScope::Everything,
        Some(prefix) => {
            let (name, prefix) = ("bucket".parse().unwrap(), prefix.to_owned());
            VerifyScope::Prefix { bucket: test.bucket, name, prefix }
        }
    };
    let totals = test.metadata.totals().await.unwrap();
    assert!(test.cluster.begin_verification(scope, Some(&totals)).await.unwrap().1);
}

async fn repair(test: &TestCluster) {
    let mut repair = SendMissing::new(test.cluster.clone());
    while repair.step().await.unwrap() == Step::Busy {}
}

async fn newest(test: &TestCluster) -> Verification {
    test.cluster.verification().await.unwrap().unwrap()
}

/// Steps until it has finished, with repair at work beside it.
async fn finish(test: &TestCluster, verify: &mut VerifyCopies) -> Verification {
    while newest(test).await.is_under_way() {
        if verify.step().await.unwrap() == Step::Idle {
            repair(test).await;
            test.clock.advance(Duration::from_secs(60));
        }
    }
    newest(test).await
}

async fn verified(test: &TestCluster, prefix: Option<&str>) -> Verification {
    begin(test, prefix).await;
    finish(test, &mut VerifyCopies::new(test.cluster.clone())).await
}

#[tokio::test]
async fn a_healthy_cluster_is_whole_and_nothing_is_changed() {
    let test = with_objects().await;
    let result = verified(&test, None).await;
    assert!(result.is_good());
    assert_eq!((result.blobs, result.intact_copies, result.bad_copies), (10, 30, 0));
    assert_eq!((result.bytes, result.blobs_expected), (30 * CHUNK as u64, Some(10)));
    assert!(test.metadata.under_replicated(None, None, 1).await.unwrap().is_empty());
    assert!(test.nodes.iter().all(|node| node.quarantined().is_empty()));
}

/// It acknowledged what it dropped, holds other bytes than it was sent, or was put back from an old image.
#[tokio::test]
async fn a_lying_node_is_found_and_its_copies_are_rebuilt() {
    let test = with_objects().await;
    let [dropping, other, old] = [&test.nodes[0], &test.nodes[1], &test.nodes[2]];
    let blobs = dropping.blobs();
    (0..3).for_each(|index| dropping.forget(ChunkKey { blob: blobs[0], index }));
    other.swap(ChunkKey { blob: blobs[1], index: 0 }, ChunkKey { blob: blobs[2], index: 1 });
    blobs[5..].iter().for_each(|blob| (0..3).for_each(|index| old.forget(ChunkKey { blob: *blob, index })));
    let result = verified(&test, None).await;
    assert_eq!((result.intact_copies, result.bad_copies), (30 - 1 - 2 - 5, 1 + 2 + 5));
    let bad: Vec<u64> = [dropping, other, old].map(|node| result.bad_nodes[&node.id()]).to_vec();
    assert_eq!(bad, [1, 2, 5]);
    assert!(result.is_good(), "{result:?}");
    for node in &test.nodes {
        assert_eq!(node.chunk_count(), 30);
    }
    let again = verified(&test, None).await;
    assert_eq!((again.intact_copies, again.bad_copies), (30, 0));
}

#[tokio::test]
async fn what_is_right_nowhere_is_lost_and_its_objects_are_named() {
    let test = with_objects().await;
    let blob = test.lookup("key 4").await.unwrap().extents[0].extent.blob;
    // No node is whole, but each chunk of this one is right somewhere.
    let scattered = test.lookup("key 7").await.unwrap().extents[0].extent.blob;
    for (index, node) in (0..).zip(&test.nodes) {
        node.corrupt(ChunkKey { blob, index: 1 });
        node.corrupt(ChunkKey { blob: scattered, index });
    }
    let result = verified(&test, None).await;
    assert!(!result.is_good());
    assert_eq!((result.lost_blobs, result.lost_objects, result.bad_copies_left), (1, 1, 0));
    assert_eq!((result.bad_copies, result.lost_copies), (6, 3));
    let [named] = &result.named[..] else { panic!("{result:?}") };
    assert_eq!((named.bucket.as_str(), named.key.as_str(), named.blob), ("bucket", "key 4", blob));
    assert!(test.get("key 7").await.is_ok() && test.get("key 4").await.is_err());
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_named_and_nothing_is_lost_for_that() {
    let test = with_objects().await;
    let blob = test.lookup("key 4").await.unwrap().extents[0].extent.blob;
    for node in &test.nodes[..2] {
        node.corrupt(ChunkKey { blob, index: 1 });
    }
    test.nodes[2].set_fault(Fault::Dead);
    begin(&test, None).await;
    let mut verify = VerifyCopies::new(test.cluster.clone());
    while newest(&test).await.stage == VerifyStage::Checking {
        verify.step().await.unwrap();
    }
    let checked = newest(&test).await;
    assert_eq!((checked.bad_copies, checked.lost_blobs), (2, 0));
    assert_eq!(checked.unasked.into_iter().collect::<Vec<_>>(), [(test.nodes[2].id(), 10)]);
    test.nodes[2].set_fault(Fault::None);
    let result = finish(&test, &mut verify).await;
    assert_eq!((result.bad_copies_left, result.is_good()), (0, false), "repaired, but not all was asked");
}

#[tokio::test]
async fn a_connection_that_is_cut_once_leaves_nothing_unasked() {
    let test = with_objects().await;
    test.nodes[2].set_fault(Fault::DeadOnce);
    let result = verified(&test, None).await;
    assert_eq!((result.intact_copies, result.unasked.len(), result.is_good()), (30, 0, true));
    assert_eq!(test.nodes[2].fault(), Fault::None, "it was cut");
}

/// The list of the node was longer than what was found bad, and its getting shorter was not seen: a false alarm after ten
/// minutes.
#[tokio::test]
async fn repairs_are_waited_for_while_others_of_the_same_node_are_made() {
    let test = with_objects().await;
    let node = &test.nodes[0];
    let (bad, others) = (node.blobs()[0], node.blobs()[1..].to_vec());
    node.forget(ChunkKey { blob: bad, index: 0 });
    let copies = |blobs: &[BlobId]| blobs.iter().map(|blob| BlobCopy { blob: *blob, node: node.id() }).collect();
    let mark = Command::MarkMissing { copies: copies(&others), reason: MissingReason::InDoubt };
    test.metadata.propose(mark).await.unwrap();
    begin(&test, None).await;
    let mut verify = VerifyCopies::new(test.cluster.clone());
    let mut left = &others[..];
    while let Some((next, rest)) = left.split_first() {
        if verify.step().await.unwrap() == Step::Idle {
            test.pass(Duration::from_secs(400)).await;
            let copies: Vec<BlobCopy> = copies(&[*next]);
            test.cluster.reads().known_missing.forget(&copies);
            let repaired = Command::MarkRepaired { copies, as_of: test.metadata.committed() };
            test.metadata.propose(repaired).await.unwrap();
            left = rest;
        }
        assert_ne!(newest(&test).await.stage, VerifyStage::Finished);
    }
    let result = finish(&test, &mut verify).await;
    assert_eq!((result.bad_copies, result.bad_copies_left, result.is_good()), (1, 0, true));
}

#[tokio::test]
async fn repairs_that_get_nowhere_are_not_waited_for_for_ever() {
    let test = with_objects().await;
    let blob = test.nodes[0].blobs()[0];
    test.nodes[0].forget(ChunkKey { blob, index: 0 });
    begin(&test, None).await;
    let mut verify = VerifyCopies::new(test.cluster.clone());
    while newest(&test).await.is_under_way() {
        if verify.step().await.unwrap() == Step::Idle {
            test.clock.advance(Duration::from_secs(100));
        }
    }
    let result = newest(&test).await;
    assert_eq!((result.bad_copies, result.bad_copies_left, result.is_good()), (1, 1, false));
}

#[tokio::test]
async fn of_a_prefix_only_its_objects_are_looked_at() {
    let test = with_objects().await;
    for key in ["kex", "key ", "key 3/a", "kez"] {
        test.put(key, &content(CHUNK)).await;
    }
    for node in &test.nodes {
        node.corrupt_all();
    }
    let result = verified(&test, Some("key 3")).await;
    assert_eq!((result.objects, result.blobs, result.lost_blobs, result.lost_objects), (2, 2, 2, 2));
    let keys: Vec<&str> = result.named.iter().map(|named| named.key.as_str()).collect();
    assert_eq!(keys, ["key 3", "key 3/a"]);
    let result = verified(&test, Some("key ")).await;
    assert_eq!(result.objects, 12);
    let result = verified(&test, Some("nothing")).await;
    assert_eq!((result.objects, result.is_good()), (0, true));
}

#[tokio::test]
async fn a_verification_goes_on_after_a_restart_of_the_gateway() {
    let test = TestCluster::start().await;
    for key in 0..150 {
        test.put(&format!("key {key:03}"), &content(100)).await;
    }
    begin(&test, None).await;
    VerifyCopies::new(test.cluster.clone()).step().await.unwrap();
    let before = newest(&test).await;
    assert!((1..150).contains(&before.blobs));
    let verifications = Verifications::default();
    assert_eq!(verifications.newest(&test.cluster).await.unwrap().as_ref(), Some(&before));
    let mut verify = VerifyCopies::over(test.cluster.clone(), verifications.clone());
    while verifications.newest(&test.cluster).await.unwrap().unwrap().is_under_way() {
        verify.step().await.unwrap();
    }
    let result = verifications.newest(&test.cluster).await.unwrap().unwrap();
    assert_eq!((result.blobs, result.intact_copies, result.began), (150, 450, before.began));
    assert!(result.is_good());
}

#[tokio::test]
async fn one_verification_runs_at_a_time() {
    let test = with_objects().await;
    begin(&test, None).await;
    let (running, is_new) = test.cluster.begin_verification(VerifyScope::Everything, None).await.unwrap();
    assert!(!is_new && running.is_under_way());
    finish(&test, &mut VerifyCopies::new(test.cluster.clone())).await;
    begin(&test, Some("key")).await;
}

async fn find_lost(test: &TestCluster) -> Loss {
    let mut finding = FindLost::new(test.cluster.clone());
    while finding.step().await.unwrap() == Step::Busy {}
    test.cluster.loss().await.unwrap()
}

/// Of what repair can bring back nothing is lost, nor of what a node has that does not answer.
#[tokio::test]
async fn a_blob_is_lost_when_no_node_can_give_it_and_no_more_when_its_object_is_gone() {
    let test = with_objects().await;
    for node in &test.nodes {
        for (lost, lacking) in [("key 1", 0), ("key 2", 2)] {
            let blob = test.lookup(lost).await.unwrap().extents[0].extent.blob;
            let key = ChunkKey { blob, index: 1 };
            if lacking == 0 || node.id() != test.nodes[0].id() {
                node.corrupt(key);
            }
        }
    }
    assert_eq!(find_lost(&test).await, Loss::default(), "nobody knows of it yet");
    test.nodes[2].set_fault(Fault::Dead);
    for key in ["key 1", "key 2"] {
        let blob = test.lookup(key).await.unwrap().extents[0].extent.blob;
        let copies = test.nodes.iter().map(|node| BlobCopy { blob, node: node.id() }).collect();
        let reason = MissingReason::Corrupt;
        test.metadata.propose(Command::MarkMissing { copies, reason }).await.unwrap();
    }
    assert_eq!(find_lost(&test).await, Loss::default(), "the third node may have it");
    test.nodes[2].set_fault(Fault::None);
    assert_eq!(find_lost(&test).await, Loss { blobs: 1, copies: 3 });
    repair(&test).await;
    assert_eq!(find_lost(&test).await, Loss { blobs: 1, copies: 3 }, "the other was brought back");
    test.delete("key 1").await;
    test.metadata.propose(Command::UnrollDeletedContents { limit: 100 }).await.unwrap();
    assert_eq!(test.cluster.loss().await.unwrap(), Loss::default());
}
