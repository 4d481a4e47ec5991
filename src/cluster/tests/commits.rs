//! Commits: the outcome decides about the blobs, whoever waits for it.

use super::{
    fake_nodes::Fault,
    test_cluster::{CHUNK, TestCluster, content, until},
};
use crate::{
    cluster::{ClusterError, CommitError},
    metadata::{
        Command, CommandError,
        command::{PutObject, WritePrecondition},
    },
    types::BucketId,
};
use futures_util::FutureExt;

#[tokio::test]
async fn blobs_are_in_flight_until_their_commit_is_known() {
    let test = TestCluster::start().await;
    let written = test.write(&content(CHUNK)).await.unwrap();
    let blob = written.content.blobs[0].blob;
    assert!(test.cluster.in_flight().contains(blob));
    test.cluster.commit(written, |content| test.put_command("key", content)).await.unwrap();
    assert!(!test.cluster.in_flight().contains(blob));
    assert!(test.cluster.in_flight().take_abandoned(10).is_empty());
    assert_eq!(test.metadata.known_blobs(&[blob]).await.unwrap(), [blob]);
}

#[tokio::test]
async fn a_refused_command_abandons_the_blobs() {
    let test = TestCluster::start().await;
    let written = test.write(&content(CHUNK)).await.unwrap();
    let blob = written.content.blobs[0].blob;
    let to_nowhere = |content| match test.put_command("key", content) {
        Command::PutObject(put) => Command::PutObject(PutObject { bucket: BucketId(999), ..put }),
        other => other,
    };
    let refused = test.cluster.commit(written, to_nowhere).await;
    assert_eq!(refused, Err(CommitError::Refused(CommandError::NoSuchBucket)));
    assert!(!test.cluster.in_flight().contains(blob));
    assert_eq!(test.cluster.in_flight().take_abandoned(10)[0].blob, blob);
}

#[tokio::test]
async fn a_commit_nobody_waits_for_any_more_is_seen_through() {
    let test = TestCluster::start().await;
    let written = test.write(&content(CHUNK)).await.unwrap();
    let blob = written.content.blobs[0].blob;
    let commit = test.cluster.commit(written, |content| test.put_command("key", content));
    assert!(commit.now_or_never().is_none(), "it was under way and is dropped here");
    assert!(test.cluster.in_flight().contains(blob));
    until("the outcome is known", || async { !test.cluster.in_flight().contains(blob) }).await;
    assert_eq!(test.get("key").await.unwrap(), content(CHUNK));
}

#[tokio::test]
async fn of_racing_creators_one_wins_and_the_others_blobs_are_garbage() {
    let test = TestCluster::start().await;
    let mut won = 0;
    for _ in 0..3 {
        let written = test.write(&content(CHUNK)).await.unwrap();
        let create = |content| match test.put_command("key", content) {
            Command::PutObject(put) => Command::PutObject(PutObject { precondition: WritePrecondition::Absent, ..put }),
            other => other,
        };
        won += u32::from(test.cluster.commit(written, create).await.is_ok());
    }
    assert_eq!(won, 1);
    assert_eq!(test.cluster.in_flight().take_abandoned(10).len(), 2);
}

#[tokio::test]
async fn when_the_group_moved_its_members_pull_first_and_the_command_is_proposed_again() {
    let test = TestCluster::start().await;
    test.nodes[2].set_fault(Fault::Dead);
    let mut written = test.write(&content(3 * CHUNK)).await.unwrap();
    test.nodes[2].set_fault(Fault::None);
    // As if the group had got the third node in place of a former member: two of its members hold the blobs, three must.
    written.content.copies_required = 3;
    let blobs: Vec<_> = written.content.blobs.iter().map(|blob| blob.blob).collect();
    test.cluster.commit(written, |content| test.put_command("key", content)).await.unwrap();
    assert!(blobs.iter().all(|blob| test.nodes[2].blobs().contains(blob)));
    assert!(test.metadata.under_replicated(None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn when_the_members_cannot_pull_the_commit_fails_and_nothing_is_visible() {
    let test = TestCluster::start().await;
    test.nodes[2].set_fault(Fault::Dead);
    let mut written = test.write(&content(CHUNK)).await.unwrap();
    written.content.copies_required = 3;
    let failed = test.cluster.commit(written, |content| test.put_command("key", content)).await;
    assert!(matches!(failed, Err(CommitError::Cluster(ClusterError::Malformed(_)))), "{failed:?}");
    assert!(test.lookup("key").await.is_none());
    assert_eq!(test.cluster.in_flight().count(), 0);
}
