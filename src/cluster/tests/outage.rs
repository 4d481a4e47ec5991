//! What the loss of nodes would mean, held against what the nodes hold.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{TestCluster, content, quick_settings},
};
use crate::{
    cluster::{Outage, QuestionCopies, outage_walk::WalkLimits},
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
    },
    node::NodeApi,
    runtime::Step,
    types::{BlobId, NodeId},
};
use std::{collections::HashSet, time::Duration};

const OBJECTS: usize = 12;

async fn fill(test: &TestCluster) {
    for i in 0..OBJECTS {
        test.put(&format!("key-{i:02}"), &content(100 + i)).await;
    }
}

fn ids(test: &TestCluster, numbers: &[usize]) -> HashSet<NodeId> {
    numbers.iter().map(|number| test.nodes[number - 1].id()).collect()
}

async fn outage(test: &TestCluster, down: &[usize]) -> Outage {
    test.cluster.outage(ids(test, down), 100).await.unwrap()
}

async fn blob(test: &TestCluster, key: &str) -> BlobId {
    test.lookup(key).await.unwrap().extents[0].extent.blob
}

async fn mark_missing(test: &TestCluster, blob: BlobId, nodes: &[NodeId]) {
    let copies = nodes.iter().map(|node| BlobCopy { blob, node: *node }).collect();
    test.metadata.propose(Command::MarkMissing { copies, reason: MissingReason::Absent }).await.unwrap();
}

fn names(objects: &[crate::cluster::ObjectAtRisk]) -> Vec<&str> {
    objects.iter().map(|object| object.key.as_str()).collect()
}

#[tokio::test]
async fn three_copies_bear_the_loss_of_one_node_and_count_down_to_none() {
    let test = TestCluster::start().await;
    fill(&test).await;
    let bytes: u64 = (0..OBJECTS as u64).map(|i| 100 + i).sum();

    let one = outage(&test, &[1]).await;
    assert_eq!((one.then.unavailable.objects, one.then.one_copy.objects), (0, 0));
    assert_eq!((one.blobs_seen, one.writes.writable_groups), (OBJECTS as u64, one.writes.groups));
    let two = outage(&test, &[1, 3]).await;
    assert_eq!((two.then.one_copy.objects, two.then.one_copy.object_bytes), (OBJECTS as u64, bytes));
    assert_eq!(two.then.one_copy.blobs, OBJECTS as u64);
    assert_eq!((two.now.one_copy.objects, two.writes.writable_groups), (0, 0));
    assert_eq!(names(&two.one_copy).len(), OBJECTS);
    assert!(names(&two.one_copy).is_sorted());
    let all = outage(&test, &[1, 2, 3]).await;
    assert_eq!((all.then.unavailable.objects, all.then.one_copy.objects), (OBJECTS as u64, 0));
    assert_eq!((all.now.unavailable.objects, all.writes.serving_nodes), (0, 0));
    assert!(all.writes.halt.is_some());
    let few = test.cluster.outage(ids(&test, &[1, 2, 3]), 2).await.unwrap();
    assert_eq!(names(&few.unavailable), ["key-00", "key-01"]);
}

#[tokio::test]
async fn the_repair_list_and_silence_count() {
    let test = TestCluster::start().await;
    fill(&test).await;
    mark_missing(&test, blob(&test, "key-05").await, &[test.nodes[2].id()]).await;
    assert_eq!(names(&outage(&test, &[1]).await.one_copy), ["key-05"]);
    let two = outage(&test, &[1, 2]).await;
    assert_eq!(names(&two.unavailable), ["key-05"]);
    assert_eq!(two.then.one_copy.objects as usize, OBJECTS - 1);

    test.nodes[1].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    let now = outage(&test, &[]).await;
    assert_eq!(names(&now.one_copy), ["key-05"], "the silent node gives nothing");
    assert_eq!(now.now, now.then);
    assert_eq!(names(&outage(&test, &[1]).await.unavailable), ["key-05"]);
}

#[tokio::test]
async fn what_was_replaced_counts_as_a_blob_and_as_no_object() {
    let test = TestCluster::start().await;
    fill(&test).await;
    test.put("key-00", &content(9)).await;
    let two = outage(&test, &[1, 2]).await;
    assert_eq!(two.then.one_copy.objects as usize, OBJECTS);
    assert_eq!(two.blobs_seen as usize, OBJECTS + 1, "what was replaced is not reclaimed yet");
}

/// Node 4 has left its groups, whose members are whole, and still holds all it held. No node is in doubt.
async fn with_a_former_member() -> TestCluster {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test).await;
    test.drain_but_for_surplus("node-4").await;
    let mut question = QuestionCopies::new(test.cluster.clone());
    while question.step().await.unwrap() == Step::Busy {}
    assert!(test.nodes[3].chunk_count() > 0);
    test
}

#[tokio::test]
async fn a_former_member_is_asked_for_what_it_still_holds() {
    let test = with_a_former_member().await;
    let of_former = test.nodes[3].blobs().len() as u64;
    let others = OBJECTS as u64 - of_former;
    let two = outage(&test, &[1, 2]).await;
    assert_eq!((two.then.one_copy.objects, two.unasked), (others, 0), "what node 4 has is there twice");
    test.nodes[3].forget_all();
    assert_eq!(outage(&test, &[1, 2]).await.then.one_copy.objects, OBJECTS as u64);
}

#[tokio::test]
async fn the_last_copy_is_found_on_a_node_that_answers_and_on_one_that_cannot() {
    let test = with_a_former_member().await;
    let mut keys = Vec::new();
    for i in 0..OBJECTS {
        let key = format!("key-{i:02}");
        if test.nodes[3].blobs().contains(&blob(&test, &key).await) {
            keys.push(key);
        }
    }
    let former = test.nodes[3].id();
    let last_copies = async || {
        let outage = test.cluster.last_copies_on(former, 100).await.unwrap();
        let lost = outage.then.unavailable.objects - outage.now.unavailable.objects;
        assert_eq!(lost as usize, outage.unavailable.len());
        outage.unavailable.iter().map(|object| object.key.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(last_copies().await.is_empty(), "its members are whole");
    let members: Vec<NodeId> = test.nodes[..3].iter().map(|node| node.id()).collect();
    mark_missing(&test, blob(&test, &keys[0]).await, &members).await;
    assert_eq!(last_copies().await, [keys[0].clone()]);

    test.nodes[3].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    assert_eq!(last_copies().await, [keys[0].clone()], "it may have it");
    test.nodes[3].set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    test.nodes[3].forget_all();
    assert!(last_copies().await.is_empty(), "it was asked, and has it not");
}

/// The objects of which node 4, which left its groups, has the last copy as far as can be known.
async fn last_copies(test: &TestCluster) -> (Vec<String>, Outage) {
    let outage = test.cluster.last_copies_on(test.nodes[3].id(), 100).await.unwrap();
    let names = outage.unavailable.iter().map(|object| object.key.as_str().to_owned()).collect();
    (names, outage)
}

/// One of the objects that node 4 still holds, and its blob.
async fn held_by_former(test: &TestCluster) -> (String, BlobId) {
    for i in 0..OBJECTS {
        let key = format!("key-{i:02}");
        let blob = blob(test, &key).await;
        if test.nodes[3].blobs().contains(&blob) {
            return (key, blob);
        }
    }
    panic!("it held nothing when it left")
}

#[tokio::test]
async fn for_a_removal_nobody_is_asked_where_one_other_copy_is_sure() {
    let test = with_a_former_member().await;
    let (_, blob) = held_by_former(&test).await;
    mark_missing(&test, blob, &[test.nodes[0].id(), test.nodes[1].id()]).await;
    let before = test.nodes[3].get_count();
    let (names, outage) = last_copies(&test).await;
    assert_eq!((names.len(), outage.unasked), (0, 0));
    assert_eq!(test.nodes[3].get_count(), before);
}

/// Such a node could be removed with all that it alone had: beyond the limit nobody was asked, and nobody counted as having it.
#[tokio::test]
async fn what_there_was_too_much_to_ask_for_counts_against_a_removal() {
    let test = with_a_former_member().await;
    let (key, blob) = held_by_former(&test).await;
    let members: Vec<NodeId> = test.nodes[..3].iter().map(|node| node.id()).collect();
    mark_missing(&test, blob, &members).await;
    let limits = WalkLimits { named: 100, asked: 0 };
    let outage = test.cluster.last_copies_within(test.nodes[3].id(), limits).await.unwrap();
    assert_eq!((names(&outage.unavailable), outage.unasked), (vec![key.as_str()], 1));
}

/// Its silence was taken for a no.
#[tokio::test]
async fn a_node_that_does_not_answer_may_have_what_a_removal_would_lose() {
    let test = with_a_former_member().await;
    let (key, blob) = held_by_former(&test).await;
    let members: Vec<NodeId> = test.nodes[..3].iter().map(|node| node.id()).collect();
    mark_missing(&test, blob, &members).await;
    test.nodes[3].set_fault(Fault::Dead);
    let (names, outage) = last_copies(&test).await;
    assert_eq!((names, outage.unanswered), (vec![key], 1));
    assert!(outage.silent.contains(&test.nodes[3].id()));
}

/// A member that had lost its disk counted as having all, until it was looked at.
#[tokio::test]
async fn a_member_in_doubt_is_asked_before_a_removal() {
    let test = with_a_former_member().await;
    let (key, blob) = held_by_former(&test).await;
    mark_missing(&test, blob, &[test.nodes[0].id(), test.nodes[1].id()]).await;
    // The node that goes is gone already: it counts as having what it held.
    test.nodes[3].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    assert_eq!(last_copies(&test).await.0, Vec::<String>::new(), "the third member has it");

    test.nodes[2].restart();
    test.pass(Duration::from_secs(1)).await;
    assert_eq!(last_copies(&test).await.0, Vec::<String>::new(), "it was asked, and has it still");
    test.nodes[2].set_fault(Fault::Dead);
    let (names, outage) = last_copies(&test).await;
    assert_eq!((names, outage.unanswered), (vec![key.clone()], 1), "it does not say");
    assert!(outage.silent.contains(&test.nodes[2].id()));
    test.nodes[2].set_fault(Fault::None);
    test.nodes[2].restart_empty();
    test.pass(Duration::from_secs(1)).await;
    let (names, outage) = last_copies(&test).await;
    assert_eq!((names, outage.unanswered), (vec![key], 0), "it was asked, and has it not");
}
