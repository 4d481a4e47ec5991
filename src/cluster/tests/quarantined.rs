//! What nodes find damaged by themselves.

use super::{
    fake_nodes::Place,
    test_cluster::{CHUNK, TestCluster, content},
};
use crate::{
    cluster::{ListQuarantined, QuestionCopies, SendMissing},
    metadata::rows::UnderReplicatedBlob,
    runtime::Step,
    types::{BlobId, ChunkKey, Epoch, GroupId, Term},
};
use std::time::Duration;

async fn with_objects() -> (TestCluster, ListQuarantined) {
    let test = TestCluster::start().await;
    for key in 0..5 {
        test.put(&format!("key {key}"), &content(3 * CHUNK)).await;
    }
    let list = ListQuarantined::new(test.cluster.clone());
    (test, list)
}

async fn settle(test: &TestCluster, list: &mut ListQuarantined) {
    test.pass(Duration::from_secs(1)).await;
    while list.step().await.unwrap() == Step::Busy {}
}

async fn missing(test: &TestCluster) -> Vec<UnderReplicatedBlob> {
    test.metadata.under_replicated(None, None, 1000).await.unwrap()
}

#[tokio::test]
async fn what_a_node_quarantined_is_repaired_and_garbage_is_forgotten() {
    let (test, mut list) = with_objects().await;
    let node = &test.nodes[1];
    let blobs = node.blobs();
    node.corrupt(ChunkKey { blob: blobs[0], index: 2 });
    node.corrupt(ChunkKey { blob: blobs[3], index: 0 });
    node.corrupt(ChunkKey { blob: blobs[3], index: 1 });
    node.plant(BlobId::from_bytes([0xEE; 16]), Term(1));
    settle(&test, &mut list).await;
    assert!(missing(&test).await.is_empty(), "nothing was scrubbed yet");
    node.scrub(&[]);
    assert_eq!(node.quarantined().len(), 4, "the garbage has no table");
    settle(&test, &mut list).await;
    let found: Vec<BlobId> = missing(&test).await.iter().map(|row| row.blob).collect();
    assert_eq!(found, [blobs[0], blobs[3]]);
    assert_eq!(node.quarantined().len(), 3, "nobody waits for the garbage");
    let before = test.metadata.committed();
    test.pass(Duration::from_secs(10)).await;
    settle(&test, &mut list).await;
    assert_eq!(test.metadata.committed(), before, "what is on the repair list is not put there again");
    let mut repair = SendMissing::new(test.cluster.clone());
    while repair.step().await.unwrap() == Step::Busy {}
    assert!(missing(&test).await.is_empty());
    assert_eq!(node.chunk_count(), 15);
}

#[tokio::test]
async fn a_node_with_damaged_heads_is_looked_at_chunk_by_chunk() {
    let (test, mut list) = with_objects().await;
    let mut question = QuestionCopies::new(test.cluster.clone());
    settle(&test, &mut list).await;
    while question.step().await.unwrap() == Step::Busy {}
    let node = &test.nodes[2];
    let lost = ChunkKey { blob: node.blobs()[1], index: 1 };
    node.corrupt(lost);
    node.scrub(&[lost]);
    settle(&test, &mut list).await;
    assert!(test.cluster.nodes().iter().any(|node| node.is_in_doubt), "until it was looked at");
    while question.step().await.unwrap() == Step::Busy {}
    assert!(!test.cluster.nodes().iter().any(|node| node.is_in_doubt));
    let mut repair = SendMissing::new(test.cluster.clone());
    while repair.step().await.unwrap() == Step::Busy {}
    assert!(missing(&test).await.is_empty() && node.holds(lost));
}

#[tokio::test]
async fn what_is_in_flight_is_asked_for_again_and_repaired_once_it_is_named() {
    let (test, mut list) = with_objects().await;
    let (node, blob) = (&test.nodes[1], BlobId::from_bytes([0xEE; 16]));
    let mut write = test.cluster.in_flight().begin();
    write.add(blob, GroupId(1), Epoch(1));
    node.plant(blob, Term(1));
    node.scrub(&[]);
    settle(&test, &mut list).await;
    assert_eq!(node.quarantined().len(), 1, "it may yet be named");
    drop(write);
    test.pass(Duration::from_secs(10)).await;
    settle(&test, &mut list).await;
    assert!(node.quarantined().is_empty(), "nobody is going to name it");
    let named = ChunkKey { blob: node.blobs()[0], index: 0 };
    node.corrupt(named);
    let mut write = test.cluster.in_flight().begin();
    write.add(named.blob, GroupId(1), Epoch(1));
    node.scrub(&[]);
    test.pass(Duration::from_secs(10)).await;
    settle(&test, &mut list).await;
    assert_eq!(missing(&test).await.len(), 1, "a blob that is named is repaired, whether or not its writer knows");
}

/// Too few members took it, and the writer went on with another blob: this one ends before it.
#[tokio::test]
async fn a_node_forgets_a_chunk_behind_the_last_of_its_blob() {
    let (test, mut list) = with_objects().await;
    let (node, blob) = (&test.nodes[1], test.nodes[1].blobs()[0]);
    node.plant_chunk(ChunkKey { blob, index: 3 }, Term(1));
    node.scrub(&[]);
    assert_eq!(node.quarantined(), [ChunkKey { blob, index: 3 }]);
    settle(&test, &mut list).await;
    assert!(node.quarantined().is_empty());
    assert!(missing(&test).await.is_empty(), "what is named of the blob is all there");
}

#[tokio::test]
async fn a_node_forgets_what_the_metadata_wants_from_others() {
    let (mut test, mut list) = with_objects().await;
    let outsider = test.join(4, Place::Elsewhere).await;
    let blob = test.nodes[0].blobs()[0];
    outsider.plant(blob, Term(1));
    outsider.scrub(&[]);
    settle(&test, &mut list).await;
    assert!(outsider.quarantined().is_empty());
    assert!(missing(&test).await.is_empty() && test.nodes[0].blobs().contains(&blob));
}

#[tokio::test]
async fn a_node_that_does_not_answer_holds_up_no_other() {
    let (test, mut list) = with_objects().await;
    for node in &test.nodes[..2] {
        node.corrupt_all();
        node.scrub(&[]);
    }
    test.pass(Duration::from_secs(1)).await;
    test.nodes[0].set_fault(super::fake_nodes::Fault::Dead);
    while list.step().await.unwrap() == Step::Busy {}
    let rows = missing(&test).await;
    assert_eq!(rows.len(), 5);
    assert!(
        rows.iter()
            .all(|row| test.nodes[1].blobs().is_empty() && row.node == crate::node::NodeApi::id(&*test.nodes[1]))
    );
    test.nodes[0].set_fault(super::fake_nodes::Fault::None);
    settle(&test, &mut list).await;
    assert_eq!(missing(&test).await.len(), 5, "it rests first");
    test.pass(Duration::from_secs(10)).await;
    settle(&test, &mut list).await;
    assert_eq!(missing(&test).await.len(), 10);
}
