//! Verified reads.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{CHUNK, TestCluster, content, quick_settings, read_all, until},
};
use crate::{
    cluster::{ClusterError, ClusterSettings, Share},
    node::NodeApi,
    types::HumanDuration,
};
use std::{sync::atomic::Ordering, time::Duration};

#[tokio::test]
async fn every_range_of_an_object_reads_back() {
    let test = TestCluster::start().await;
    let bytes = content(5 * CHUNK + 1234);
    test.put("key", &bytes).await;
    let lookup = test.lookup("key").await.unwrap();
    let borders = [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 1233, 5 * CHUNK + 1234];
    for from in borders {
        for to in borders.into_iter().filter(|to| *to >= from) {
            let reader = test.cluster.read(test.cluster.begin_read(), &lookup, from as u64..to as u64);
            assert_eq!(read_all(reader).await.unwrap(), bytes[from..to], "{from}..{to}");
        }
    }
    assert_eq!(test.cluster.budget().used(Share::Download), 0);
}

#[tokio::test]
async fn a_range_beyond_the_content_is_an_error_and_never_a_short_body() {
    let test = TestCluster::start().await;
    test.put("key", &content(100)).await;
    let lookup = test.lookup("key").await.unwrap();
    let reader = test.cluster.read(test.cluster.begin_read(), &lookup, 0..101);
    assert!(matches!(read_all(reader).await, Err(ClusterError::Malformed(_))));
}

#[tokio::test]
async fn cached_chunks_of_nodes_in_this_process_are_read_without_waiting() {
    let test = TestCluster::with(quick_settings(), 3, Place::InProcess).await;
    test.put("key", &content(2 * CHUNK)).await;
    assert_eq!(test.get("key").await.unwrap(), content(2 * CHUNK));
    let stats = &test.cluster.reads().stats;
    assert!(stats.inline.load(Ordering::Relaxed) >= 2);
    assert_eq!(stats.waited.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_corrupt_replica_is_read_around_quarantined_and_put_on_the_repair_list() {
    for place in [Place::Elsewhere, Place::InProcess] {
        let test = TestCluster::with(quick_settings(), 3, place).await;
        let bytes = content(CHUNK);
        test.put("key", &bytes).await;
        test.nodes[0].corrupt_all();
        test.nodes[1].corrupt_all();
        assert_eq!(test.get("key").await.unwrap(), bytes);
        until("a bad copy is on the repair list", || async {
            !test.metadata.under_replicated(None, None, 10).await.unwrap().is_empty()
        })
        .await;
        let listed = test.metadata.under_replicated(None, None, 10).await.unwrap();
        assert!(listed.iter().all(|row| row.node != test.nodes[2].id()));
        assert!(test.nodes[..2].iter().any(|node| !node.quarantined().is_empty()));
        assert!(test.nodes[2].quarantined().is_empty());
    }
}

#[tokio::test]
async fn bytes_garbled_on_the_way_are_never_given_out_and_condemn_no_copy() {
    let test = TestCluster::start().await;
    let bytes = content(3 * CHUNK);
    test.put("key", &bytes).await;
    test.nodes[0].set_fault(Fault::Garbling);
    test.nodes[1].set_fault(Fault::Garbling);
    for _ in 0..5 {
        assert_eq!(test.get("key").await.unwrap(), bytes);
    }
    test.nodes[2].set_fault(Fault::Garbling);
    assert!(matches!(test.get("key").await, Err(ClusterError::Unreadable { .. })));
    assert!(test.nodes.iter().all(|node| node.quarantined().is_empty()));
}

#[tokio::test]
async fn an_absent_replica_is_read_around_and_put_on_the_repair_list() {
    let test = TestCluster::start().await;
    let bytes = content(CHUNK);
    test.put("key", &bytes).await;
    test.nodes[0].forget_all();
    test.nodes[1].forget_all();
    assert_eq!(test.get("key").await.unwrap(), bytes);
    until("an absent copy is on the repair list", || async {
        !test.metadata.under_replicated(None, None, 10).await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn any_two_of_three_nodes_may_be_gone() {
    let test = TestCluster::start().await;
    let bytes = content(4 * CHUNK);
    test.put("key", &bytes).await;
    for survivor in 0..3 {
        for (i, node) in test.nodes.iter().enumerate() {
            let gone = if i % 2 == 0 { Fault::Dead } else { Fault::Stuck };
            node.set_fault(if i == survivor { Fault::None } else { gone });
        }
        assert_eq!(test.get("key").await.unwrap(), bytes, "only node {survivor} is there");
    }
    test.nodes.iter().for_each(|node| node.set_fault(Fault::Dead));
    assert!(matches!(test.get("key").await, Err(ClusterError::Unreadable { .. })));
}

#[tokio::test]
async fn an_error_ends_the_stream() {
    let test = TestCluster::start().await;
    test.put("key", &content(3 * CHUNK)).await;
    let mut reader = test.reader("key").await;
    assert_eq!(reader.next().await.unwrap().unwrap(), content(3 * CHUNK)[..CHUNK]);
    test.nodes.iter().for_each(|node| node.set_fault(Fault::Dead));
    while let Some(piece) = reader.next().await {
        if piece.is_err() {
            assert!(reader.next().await.is_none());
            return;
        }
    }
    panic!("the nodes were gone before the third chunk was asked for");
}

#[tokio::test]
async fn a_slow_replica_is_hedged_and_the_other_answer_counts() {
    let test = TestCluster::start().await;
    let bytes = content(100);
    test.put("key", &bytes).await;
    for _ in 0..30 {
        assert_eq!(test.get("key").await.unwrap(), bytes);
    }
    for stuck in 0..3 {
        test.nodes.iter().for_each(|node| node.set_fault(Fault::None));
        test.nodes[stuck].set_fault(Fault::Stuck);
        assert_eq!(test.get("key").await.unwrap(), bytes);
    }
    assert_eq!(test.cluster.reads().stats.hedged.load(Ordering::Relaxed), 1, "30 reads earn one hedge");
    let listed = test.metadata.under_replicated(None, None, 10).await.unwrap();
    assert!(listed.is_empty(), "slow is not missing: {listed:?}");
    assert!(test.nodes.iter().all(|node| node.quarantined().is_empty()));
}

#[tokio::test]
async fn a_sluggish_node_is_asked_last_but_for_trials_and_comes_back() {
    let test = TestCluster::start().await;
    let keys: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    for key in &keys {
        test.put(key, b"bytes").await;
    }
    let node = &test.nodes[0];
    let vitals = test.cluster.membership().topology().load().node(node.id()).unwrap().vitals.clone();
    (0..200).for_each(|_| vitals.slow_answer.record_given_up());
    test.pass(Duration::from_secs(5)).await;
    let mut asked = Vec::new();
    for _ in 0..12 {
        let before = node.get_count();
        for key in &keys {
            assert_eq!(test.get(key).await.unwrap(), b"bytes");
        }
        asked.push(node.get_count() - before);
        test.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(asked[..3], [1, 1, 1], "one trial in a second");
    assert!(*asked.last().unwrap() > 1, "it answers at once: {asked:?}");
}

#[tokio::test]
async fn a_node_that_is_known_to_lack_a_copy_is_asked_last() {
    let test = TestCluster::start().await;
    let node = &test.nodes[0];
    let keys: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let mut asked = Vec::new();
    for fault in [Fault::None, Fault::Dead] {
        node.set_fault(fault);
        for key in &keys {
            test.put(key, b"bytes").await;
        }
        node.set_fault(Fault::None);
        test.pass(Duration::from_millis(1)).await;
        let before = node.get_count();
        for key in &keys {
            assert_eq!(test.get(key).await.unwrap(), b"bytes");
        }
        asked.push(node.get_count() - before);
    }
    assert!(asked[0] > 0, "a third of the keys is read from this node");
    assert_eq!(asked[1], 0, "they were written while it was away");
}

/// Clients that took nothing kept the whole share, and everybody else waited until they were cut off, one share after the
/// other.
#[tokio::test]
async fn downloads_that_nobody_takes_keep_no_other_from_being_read() {
    let impatient = ClusterSettings { memory_wait: HumanDuration::from_millis(1), ..quick_settings() };
    let test = TestCluster::with(impatient, 3, Place::Elsewhere).await;
    let bytes = content(4 * CHUNK);
    test.put("key", &bytes).await;
    test.put("small", &bytes[..100]).await;
    let mut stalled = Vec::new();
    for _ in 0..200 {
        let mut reader = test.reader("key").await;
        let first = reader.next().await.unwrap().unwrap();
        stalled.push((first, reader));
    }
    let budget = test.cluster.budget();
    assert!(budget.has_waiters(Share::Download), "the kept part of the share is spent");
    let kept = budget.used(Share::Download);
    assert_eq!(test.get("key").await.unwrap(), bytes);
    assert_eq!(test.get("small").await.unwrap(), bytes[..100]);
    assert_eq!(budget.used(Share::Download), kept, "what passed left nothing behind");
    let long = stalled.iter().filter(|(first, _)| first.len() > 16 * 1024).count();
    assert!(long <= kept as usize, "{long} pieces are longer than what may lie outside of the budget");
    for (first, reader) in stalled {
        let rest = read_all(reader).await.unwrap();
        assert_eq!(
            [&first[..], &rest].concat(),
            bytes,
            "nothing is lost on the way from one kind of memory to the other"
        );
    }
    assert_eq!(budget.used(Share::Download), 0);
}
