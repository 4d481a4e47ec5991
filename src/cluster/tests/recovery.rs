//! Metadata that is recovered from what nodes hold of the command log.

use super::{
    fake_nodes::{Fault, Place},
    lost::{ALL, Lost, two_of_three},
};
use crate::{
    cluster::{
        Succession,
        command_log::{Accepted, LogKind, RecoveryError},
    },
    metadata::{Command, Metadata, MetadataError, MetadataSettings, command::NodeState},
    node::{NodeApi, api::MetadataWitness},
    runtime::SeededRandom,
    types::{CommitSequence, HistoryId, Timestamp},
};
use std::sync::Arc;

#[tokio::test]
async fn everything_is_recovered_whichever_nodes_are_asked_first_and_nothing_is_changed_on_them() {
    let lost = Lost::with_nodes(3).await;
    lost.put(0..10).await;
    let (at, _) = lost.keep_snapshot(1, &[0, 2]).await;
    lost.put(5..20).await;
    lost.test.delete("3").await;
    lost.keep_frames(at, 3, two_of_three).await;
    let (term, history) = (lost.test.cluster.term(), lost.test.metadata.history());
    for (position, asked) in [vec![0], vec![2], vec![0, 1, 2]].into_iter().enumerate() {
        let name = format!("recovered-{position}");
        let recovered = lost.recover(&name, &asked, Accepted::Whole).await.unwrap();
        assert_eq!((recovered.committed, recovered.snapshot), (lost.test.metadata.committed(), at));
        assert_eq!(recovered.begun, None);
        lost.assert_same(&name).await;
    }
    let (directory, settings) = (lost.directory("recovered-0"), MetadataSettings::default());
    let opened = Metadata::open(&directory, &settings, lost.test.clock.clone(), Arc::new(SeededRandom::new(1))).await;
    let opened = opened.unwrap();
    assert_eq!(opened.history(), history);
    opened.close().await;
    assert!(lost.test.nodes.iter().all(|node| node.status_now().term == term));
    // The node without a snapshot knows nobody to ask.
    lost.assert_refused(&[1], "no snapshot").await;
    let again = lost.recover("recovered-0", &ALL, Accepted::Whole).await;
    assert!(matches!(again, Err(RecoveryError::Metadata(MetadataError::Exists(_)))), "{again:?}");
}

#[tokio::test]
async fn a_damaged_copy_is_taken_from_the_next_node_and_a_damaged_snapshot_from_before() {
    let lost = Lost::with_nodes(3).await;
    lost.put(0..5).await;
    let (first, older) = lost.keep_snapshot(1, &ALL).await;
    lost.put(5..10).await;
    let (at, newer) = lost.keep_snapshot(2, &ALL).await;
    lost.put(10..15).await;
    let frames = lost.keep_frames(first, 1, |_| ALL.to_vec()).await;
    // Whole chunks in the wrong places.
    lost.test.nodes.iter().for_each(|node| node.swap(older[0], newer[0]));
    lost.assert_refused(&ALL, "no snapshot").await;
    lost.test.nodes.iter().for_each(|node| node.swap(older[0], newer[0]));
    for (position, key) in frames.iter().chain(&newer).enumerate() {
        lost.test.nodes[position % 3].corrupt(*key);
        lost.test.nodes[(position + 1) % 3].forget(*key);
    }
    let recovered = lost.recover("recovered", &ALL, Accepted::Whole).await.unwrap();
    assert_eq!(recovered.snapshot, at);
    lost.assert_same("recovered").await;
    // The frames since the first one were not dropped yet.
    // The one good copy that is left of the newer one.
    lost.test.nodes[(frames.len() + 2) % 3].corrupt(newer[0]);
    let recovered = lost.recover("from-before", &ALL, Accepted::Whole).await.unwrap();
    assert_eq!(recovered.snapshot, first);
    lost.assert_same("from-before").await;
}

#[tokio::test]
async fn a_silent_node_is_named_and_where_it_can_hide_nothing_the_history_goes_on() {
    let lost = Lost::with_nodes(3).await;
    lost.put(0..5).await;
    let (at, _) = lost.keep_snapshot(1, &ALL).await;
    lost.put(5..10).await;
    lost.keep_frames(at, 2, two_of_three).await;
    lost.test.nodes[1].leave_out_a_volume();
    let name = lost.test.metadata.nodes().await.unwrap()[1].name.clone();
    lost.assert_refused(&ALL, &name).await;
    lost.test.nodes[1].set_fault(Fault::Dead);
    lost.assert_refused(&[0, 2], &name).await;
    lost.assert_refused(&[0, 1, 2], &name).await;
    let recovered = lost.recover("recovered", &[0], Accepted::Incomplete).await.unwrap();
    assert_eq!((recovered.begun, recovered.missing.silent), (None, vec![name]));
    lost.assert_same("recovered").await;
    // Two may hold what the third has not.
    lost.test.nodes[2].set_fault(Fault::Dead);
    let recovered = lost.recover("less", &[0], Accepted::Incomplete).await.unwrap();
    assert!(recovered.begun.is_some() && recovered.missing.silent.len() == 2);
}

/// From the fault suite: nodes that had been emptied and came back as others stood in the way of every recovery.
#[tokio::test]
async fn a_node_that_had_failed_is_not_waited_for() {
    let lost = Lost::with_nodes(8).await;
    lost.put(0..5).await;
    let (at, _) = lost.keep_snapshot(1, &ALL).await;
    // Most of them.
    for node in &lost.test.nodes[3..] {
        let failed = Command::SetNodeState { node: node.id(), state: NodeState::Failed, at: Timestamp::default() };
        lost.test.metadata.propose(failed).await.unwrap();
        node.set_fault(Fault::Dead);
    }
    lost.put(5..10).await;
    lost.keep_frames(at, 2, two_of_three).await;
    let recovered = lost.recover_by(Succession::WhenFree, "recovered", &ALL, Accepted::Whole).await.unwrap();
    assert_eq!(recovered.begun, None);
    lost.assert_same("recovered").await;
    lost.test.nodes[2].set_fault(Fault::Dead);
    lost.assert_refused(&ALL, "without an answer").await;
}

#[tokio::test]
async fn a_hole_and_a_newer_witness_are_told_and_accepted_they_begin_a_history() {
    let lost = Lost::with_nodes(3).await;
    let (at, _) = lost.keep_snapshot(1, &ALL).await;
    lost.put(0..10).await;
    let frames = lost.keep_frames(at, 2, |_| ALL.to_vec()).await;
    let witness = |commit_sequence| MetadataWitness { history: lost.test.metadata.history(), commit_sequence };
    let newest = lost.test.metadata.committed();
    lost.test.nodes[2].set_witness(witness(CommitSequence(newest.0 + 4)));
    lost.assert_refused(&ALL, "4 acknowledged commands are missing").await;
    let other = MetadataWitness { history: HistoryId::from_bytes([9; 16]), ..witness(CommitSequence(newest.0 + 4)) };
    lost.test.nodes[2].set_witness(other);
    lost.recover("whole", &ALL, Accepted::Whole).await.unwrap();
    lost.assert_same("whole").await;

    lost.test.nodes.iter().for_each(|node| node.forget(frames[1]));
    lost.assert_refused(&ALL, "of 2 commands behind it no copy was found").await;
    let recovered = lost.recover("before-the-hole", &ALL, Accepted::Incomplete).await.unwrap();
    assert_eq!(recovered.committed, CommitSequence(at.0 + 2));
    assert!(recovered.begun.is_some());
}

/// What it held may have been cleared from the log already.
#[tokio::test]
async fn a_snapshot_of_which_a_piece_is_lost_tells_how_far_the_metadata_went() {
    let lost = Lost::with_nodes(3).await;
    let (at, _) = lost.keep_snapshot(1, &ALL).await;
    let further = CommitSequence(at.0 + 2);
    let head = lost.head(LogKind::Snapshot, 2, further, further);
    let pieces = lost.keep(head, vec![0; 5 << 20].into(), &ALL).await;
    lost.test.nodes.iter().for_each(|node| node.forget(pieces[1]));
    lost.assert_refused(&ALL, "can't be read whole: 2 acknowledged commands").await;
    assert!(lost.recover("incomplete", &ALL, Accepted::Incomplete).await.unwrap().begun.is_some());
}

#[tokio::test]
async fn nodes_that_joined_behind_the_snapshot_are_asked_too() {
    let mut lost = Lost::with_nodes(3).await;
    let (at, _) = lost.keep_snapshot(1, &ALL).await;
    lost.put(0..5).await;
    lost.test.join(4, Place::Elsewhere).await;
    let joined = lost.test.metadata.committed();
    lost.put(5..15).await;
    // From the join on the newcomer is one of the log's members, and two of the others are lost for what it has.
    let until = (joined.0 - at.0) as usize;
    lost.keep_frames(at, 1, |number| if number < until { vec![0, 1] } else { vec![3] }).await;
    let recovered = lost.recover("recovered", &[0], Accepted::Whole).await.unwrap();
    assert_eq!(recovered.committed, lost.test.metadata.committed());
    lost.assert_same("recovered").await;
}
