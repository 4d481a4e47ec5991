//! A database that may lack its end: what nodes keep behind it says so.

use super::{
    fake_nodes::Fault,
    lost::{ALL, Lost},
};
use crate::{
    cluster::{
        ClusterError,
        command_log::{LogKind, LostEnd},
    },
    metadata::{Metadata, MetadataSettings, replay::dump},
    node::api::MetadataWitness,
    runtime::SeededRandom,
    types::{CommitSequence, HistoryId, Term},
};
use bytes::Bytes;
use std::sync::Arc;

/// The database as it is now, which goes on as if nothing had been there behind it.
async fn as_now(lost: &Lost, name: &str) -> Metadata {
    let directory = lost.directory(name);
    std::fs::create_dir_all(&directory).unwrap();
    lost.test.metadata.backup(&directory.join("metadata.sqlite")).await.unwrap();
    let settings = MetadataSettings::default();
    Metadata::open(&directory, &settings, lost.test.clock.clone(), Arc::new(SeededRandom::new(1))).await.unwrap()
}

async fn find(lost: &Lost, metadata: &Metadata) -> Result<(), ClusterError> {
    LostEnd { metadata, connector: &*lost.test.network, present: &[], copies: 3 }.find().await
}

async fn assert_lost(lost: &Lost, metadata: &Metadata, expected: CommitSequence) {
    let own = metadata.committed();
    assert_eq!(find(lost, metadata).await, Err(ClusterError::EndLost { own, newest: expected }));
    assert_eq!(metadata.committed(), own, "nothing was changed");
}

#[tokio::test]
async fn the_batch_that_was_under_way_counts_and_two_of_them_are_a_lost_end() {
    let lost = Lost::with_nodes(3).await;
    lost.put(0..5).await;
    let (at, _) = lost.keep_snapshot(1, &ALL).await;
    lost.put(5..10).await;
    let (whole, cut, earlier) =
        (as_now(&lost, "whole").await, as_now(&lost, "cut").await, as_now(&lost, "earlier").await);
    lost.keep_frames(at, 2, |_| ALL.to_vec()).await;
    find(&lost, &whole).await.unwrap();
    let before = lost.test.metadata.committed();
    assert_eq!(whole.committed(), before);

    // Kept by one node, as one transaction.
    lost.put(10..15).await;
    lost.test.delete("3").await;
    let frames = lost.keep_frames(before, 100, |_| vec![1]).await;
    assert_eq!(frames.len(), 1);
    find(&lost, &cut).await.unwrap();
    assert_eq!(cut.committed(), lost.test.metadata.committed());
    find(&lost, &cut).await.unwrap();
    cut.close().await;
    assert_eq!(dump(&lost.directory("cut")).await.unwrap(), dump(lost.test.directory.path()).await.unwrap());

    let second = lost.test.metadata.committed();
    lost.put(15..16).await;
    lost.keep_frames(second, 100, |_| ALL.to_vec()).await;
    assert_lost(&lost, &earlier, lost.test.metadata.committed()).await;
}

#[tokio::test]
async fn a_hole_a_snapshot_and_a_witness_are_signs_of_a_lost_end() {
    let lost = Lost::with_nodes(3).await;
    lost.put(0..5).await;
    let metadata = as_now(&lost, "cut").await;
    let own = metadata.committed();
    let at = |behind: u64| CommitSequence(own.0 + behind);
    let head = lost.head(LogKind::Frame, 9, at(3), at(4));
    let beyond_a_hole = lost.keep(head, Bytes::from_static(b"commands"), &ALL).await;
    assert_lost(&lost, &metadata, at(4)).await;
    lost.test.nodes.iter().for_each(|node| node.forget(beyond_a_hole[0]));
    find(&lost, &metadata).await.unwrap();

    let witness = |commit_sequence| MetadataWitness { history: metadata.history(), commit_sequence };
    let other = MetadataWitness { history: HistoryId::from_bytes([9; 16]), commit_sequence: at(7) };
    lost.test.nodes[2].set_witness(other);
    find(&lost, &metadata).await.unwrap();
    lost.test.nodes[2].set_witness(witness(at(7)));
    assert_lost(&lost, &metadata, at(7)).await;
    lost.test.nodes[2].set_witness(witness(own));

    lost.put(5..6).await;
    lost.keep_snapshot(1, &[1]).await;
    assert_lost(&lost, &metadata, lost.test.metadata.committed()).await;
}

/// What a reign has left that was not the last one does not count; of one that came later nothing may be taken.
#[tokio::test]
async fn the_batch_of_another_reign_is_not_carried_out() {
    let mut lost = Lost::with_nodes(3).await;
    lost.put(0..5).await;
    let metadata = as_now(&lost, "cut").await;
    let own = metadata.committed();
    lost.put(5..6).await;
    let term = lost.term;
    lost.term = Term(term.0 - 1);
    lost.keep_frames(own, 100, |_| ALL.to_vec()).await;
    find(&lost, &metadata).await.unwrap();
    assert_eq!(metadata.committed(), own);
    lost.term = term.next();
    lost.keep_frames(own, 100, |_| ALL.to_vec()).await;
    assert_lost(&lost, &metadata, lost.test.metadata.committed()).await;
}

#[tokio::test]
async fn nodes_on_which_the_end_may_be_are_waited_for() {
    let lost = Lost::with_nodes(3).await;
    lost.put(0..5).await;
    let metadata = as_now(&lost, "cut").await;
    lost.put(5..6).await;
    lost.keep_frames(metadata.committed(), 100, |_| vec![0, 1]).await;
    lost.test.nodes[0].set_fault(Fault::Dead);
    lost.test.nodes[1].set_fault(Fault::DeadOnce);
    find(&lost, &metadata).await.unwrap();
    assert_eq!(metadata.committed(), lost.test.metadata.committed());
}
