//! The part of the suite about requests that destroy, and who may not send them any more.

use crate::{
    faults::Fault,
    harness::{Chunk, GROUP, Node, TERM, assert_holds, assert_lacks, witness},
};
use larder::{
    node::{
        NodeError,
        api::{DROP_BLOBS_MAX, DropBlobs, DroppedBlob, MetadataWitness},
    },
    types::{BlobId, Epoch, GroupId},
};

pub const EPOCH: Epoch = Epoch(3);

pub fn drop_of(blobs: &[u8], epoch: Epoch, witness: MetadataWitness) -> DropBlobs {
    let blobs = blobs.iter().map(|blob| DroppedBlob { blob: BlobId::from_bytes([*blob; 16]), chunk_limit: 10 });
    DropBlobs { term: TERM, witness, group: GROUP, epoch, blobs: blobs.collect() }
}

pub async fn dropped_blobs_are_gone_and_others_stay(node: Node) {
    let dropped = [Chunk::new(1, 0, 5000), Chunk::new(1, 9, 300_000), Chunk::new(2, 3, 10)];
    let kept = [Chunk::new(3, 0, 5000), Chunk::new(1, 10, 700)];
    for chunk in dropped.iter().chain(&kept) {
        node.put(chunk).await;
    }
    node.api.drop_blobs(drop_of(&[1, 2, 99], EPOCH, witness(1, 5))).await.unwrap();
    for chunk in &dropped {
        assert_lacks(&node, chunk).await;
    }
    for chunk in &kept {
        assert_holds(&node, chunk).await;
    }
    node.api.drop_blobs(drop_of(&[1, 2, 99], EPOCH, witness(1, 5))).await.unwrap();
}

pub async fn a_drop_with_an_older_epoch_or_older_metadata_is_refused(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    node.api.drop_blobs(drop_of(&[50], EPOCH, witness(1, 5))).await.unwrap();
    node.api.status(TERM, Some(witness(1, 8))).await.unwrap();
    let drops = [
        (drop_of(&[1], Epoch(2), witness(1, 9)), NodeError::StaleEpoch { seen: EPOCH }),
        (drop_of(&[1], EPOCH, witness(1, 7)), NodeError::StaleMetadata { seen: witness(1, 8) }),
        (drop_of(&[1], EPOCH, witness(2, 99)), NodeError::StaleMetadata { seen: witness(1, 8) }),
    ];
    for (drop, error) in drops {
        assert_eq!(node.api.drop_blobs(drop).await, Err(error));
    }
    assert_holds(&node, &chunk).await;
    let other_group = DropBlobs { group: GroupId(8), ..drop_of(&[1], Epoch(1), witness(1, 8)) };
    node.api.drop_blobs(other_group).await.unwrap();
    assert_lacks(&node, &chunk).await;
}

/// What keeps the copies of a node that comes back into a group that it had left.
pub async fn a_drop_without_blobs_fences_off_those_of_older_epochs(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    let newer = Epoch(EPOCH.0 + 1);
    node.api.drop_blobs(drop_of(&[], newer, witness(1, 5))).await.unwrap();
    let late = node.api.drop_blobs(drop_of(&[1], EPOCH, witness(1, 5))).await;
    assert_eq!(late, Err(NodeError::StaleEpoch { seen: newer }));
    assert_holds(&node, &chunk).await;
}

pub async fn a_confirmed_history_may_drop_and_the_old_one_may_not_any_more(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    assert_eq!(node.api.status(TERM, Some(witness(1, 100))).await.unwrap().witness, Some(witness(1, 100)));
    let unconfirmed = node.api.status(TERM, Some(witness(2, 60))).await.unwrap();
    assert_eq!(unconfirmed.witness, Some(witness(1, 100)), "a restore that nobody confirmed changes nothing");
    node.api.confirm_history(TERM, witness(2, 60)).await.unwrap();
    let refused = node.api.drop_blobs(drop_of(&[1], EPOCH, witness(1, 101))).await;
    assert_eq!(refused, Err(NodeError::StaleMetadata { seen: witness(2, 60) }));
    let refused = node.api.confirm_history(TERM, witness(1, 102)).await;
    assert_eq!(refused, Err(NodeError::StaleMetadata { seen: witness(2, 60) }));
    assert_holds(&node, &chunk).await;
    node.api.drop_blobs(drop_of(&[1], EPOCH, witness(2, 61))).await.unwrap();
    assert_lacks(&node, &chunk).await;
}

pub async fn a_drop_that_is_too_long_is_refused(node: Node) {
    let blob = DroppedBlob { blob: BlobId::from_bytes([1; 16]), chunk_limit: 1 };
    let many = DropBlobs { blobs: vec![blob; DROP_BLOBS_MAX + 1], ..drop_of(&[], EPOCH, witness(1, 1)) };
    assert!(matches!(node.api.drop_blobs(many).await, Err(NodeError::Refused(_))));
    let far = DroppedBlob { chunk_limit: u32::MAX, ..blob };
    let far = DropBlobs { blobs: vec![far], ..drop_of(&[], EPOCH, witness(1, 1)) };
    assert!(matches!(node.api.drop_blobs(far).await, Err(NodeError::Refused(_))));
    let most = DropBlobs { blobs: vec![blob; DROP_BLOBS_MAX], ..drop_of(&[], EPOCH, witness(1, 1)) };
    node.api.drop_blobs(most).await.unwrap();
}

/// Taking a chunk that can't be read for one that is not held would leave it behind for ever: the drop is not asked again.
pub async fn a_drop_that_can_not_look_its_chunks_up_fails(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    node.disk.set(Fault::ReadsFail);
    let failed = node.api.drop_blobs(drop_of(&[1], EPOCH, witness(1, 1))).await;
    assert!(matches!(failed, Err(NodeError::Frozen(_))), "{failed:?}");
}
