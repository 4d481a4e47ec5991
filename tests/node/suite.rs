//! What every node does, however it is reached.

pub use crate::drop_suite::{
    a_confirmed_history_may_drop_and_the_old_one_may_not_any_more, a_drop_that_can_not_look_its_chunks_up_fails,
    a_drop_that_is_too_long_is_refused, a_drop_with_an_older_epoch_or_older_metadata_is_refused,
    a_drop_without_blobs_fences_off_those_of_older_epochs, dropped_blobs_are_gone_and_others_stay,
};
pub use crate::inventory_suite::{
    a_node_lacks_what_its_disk_has_lost_since_its_last_run, a_node_names_the_blobs_of_which_it_lacks_chunks,
    an_inventory_behind_a_mark_names_what_came_later, the_inventory_names_every_blob_over_its_pages,
};
use crate::{
    drop_suite::{EPOCH, drop_of},
    faults::Fault,
    harness::{
        CLUSTER, Chunk, GROUP, NODE, Node, TERM, assert_holds, assert_lacks, flip_stored_byte, get, node_settings,
        volume_settings, witness,
    },
};
use bytes::Bytes;
use larder::{
    node::{
        NodeError, NodeSettings,
        api::{
            GetChunk, PeerAddress, PullBlob, PutChunk, QUARANTINED_CHUNKS_MAX, ScrubState, ScrubStatus, VolumeState,
        },
    },
    types::{BLOCK_LENGTH, ByteSize, ChunkRoot, Epoch, HumanDuration, NodeId, Term},
    volume::VolumeSettings,
};
use std::{sync::Arc, time::Duration};

pub async fn a_chunk_is_read_back_whole_and_in_blocks(node: Node) {
    assert_eq!(node.api.id(), NODE);
    let block = BLOCK_LENGTH as usize;
    for (index, length) in [1, 511, 4096, block - 1, block, block + 1, 5 * block + 77].into_iter().enumerate() {
        let chunk = Chunk::new(1, index as u32, length);
        node.put(&chunk).await;
        assert_holds(&node, &chunk).await;
        for (first, count) in [(0, 1), (1, 2), (2, 1), (5, 9), (0, 0), (100, 1)] {
            let ask = GetChunk { first_block: first, block_count: count, ..get(&chunk) };
            let slice = node.api.get_chunk(ask).await.unwrap();
            let begin = (first as usize * block).min(length);
            let end = (begin + count as usize * block).min(length);
            assert_eq!(slice.bytes, chunk.bytes[begin..end], "{first} {count} of {length}");
            assert_eq!(slice.table, chunk.table());
            assert_eq!(slice.chunk_length as usize, length);
        }
    }
}

pub async fn a_chunk_of_4_mib_in_odd_pieces_is_read_back(node: Node) {
    for (index, piece_length) in [(0, usize::MAX), (1, 256 * 1024), (2, 100_003), (3, 1000)] {
        let chunk = Chunk::new(1, index, 4 << 20);
        node.api.put_chunk(chunk.put_in_pieces(piece_length)).await.unwrap();
        assert_holds(&node, &chunk).await;
    }
}

pub async fn a_put_again_succeeds_and_another_chunk_under_the_key_is_refused(node: Node) {
    let chunk = Chunk::new(1, 0, 1000);
    node.put(&chunk).await;
    node.put(&chunk).await;
    let other = Chunk { bytes: Chunk::new(2, 0, 1000).bytes, ..chunk.clone() };
    assert!(matches!(node.api.put_chunk(other.put()).await, Err(NodeError::Refused(_))));
    assert_holds(&node, &chunk).await;
}

pub async fn a_garbled_chunk_is_refused_and_leaves_nothing(node: Node) {
    let chunk = Chunk::new(1, 0, 100_000);
    let mut bytes = chunk.bytes.to_vec();
    bytes[70_000] ^= 1;
    let mut put = chunk.put();
    put.data.pieces = vec![Bytes::from(bytes)];
    assert_eq!(node.api.put_chunk(put).await, Err(NodeError::Garbled));
    let put = PutChunk { root: ChunkRoot::from_bytes([9; 32]), ..chunk.put() };
    assert_eq!(node.api.put_chunk(put).await, Err(NodeError::Garbled));
    assert_lacks(&node, &chunk).await;
}

pub async fn an_empty_chunk_and_one_that_is_too_long_are_refused(node: Node) {
    for length in [0, (16 << 20) + 1] {
        let refused = node.api.put_chunk(Chunk::new(1, 0, length).put()).await;
        assert!(matches!(refused, Err(NodeError::Refused(_))), "{length}: {refused:?}");
    }
}

pub async fn a_chunk_that_was_never_put_is_not_found(node: Node) {
    let chunk = Chunk::new(1, 0, 100);
    assert_lacks(&node, &chunk).await;
    assert_eq!(node.api.quarantine(TERM, chunk.key, chunk.root()).await, Err(NodeError::NotFound));
}

pub async fn every_request_of_an_older_term_is_refused(node: Node) {
    let chunk = Chunk::new(1, 0, 100);
    node.put(&chunk).await;
    node.api.status(TERM.next(), None).await.unwrap();
    let stale = NodeError::StaleTerm { seen: TERM.next() };
    let pull = PullBlob {
        rest_percent: 0,
        term: TERM,
        group: GROUP,
        blob: chunk.key.blob,
        first_chunk: 0,
        roots: Vec::new(),
        sources: Vec::new(),
    };
    assert_eq!(node.api.put_chunk(chunk.put()).await, Err(stale.clone()));
    assert_eq!(node.api.get_chunk(get(&chunk)).await.map(|_| ()), Err(stale.clone()));
    assert!(node.api.get_chunk_inline(get(&chunk)).is_none());
    assert_eq!(node.api.quarantine(TERM, chunk.key, chunk.root()).await, Err(stale.clone()));
    assert_eq!(node.api.drop_blobs(drop_of(&[1], EPOCH, witness(1, 1))).await, Err(stale.clone()));
    assert_eq!(node.api.pull_blob(pull).await, Err(stale.clone()));
    assert_eq!(node.api.inventory(TERM, None, 10).await.map(|_| ()), Err(stale.clone()));
    assert_eq!(node.api.quarantined(TERM, None, 10).await, Err(stale.clone()));
    assert_eq!(node.api.forget_quarantined(TERM, vec![chunk.key]).await, Err(stale.clone()));
    assert_eq!(node.api.begin_scrub(TERM).await, Err(stale.clone()));
    assert_eq!(node.api.status(TERM, None).await.map(|_| ()), Err(stale.clone()));
    assert_eq!(node.api.confirm_history(TERM, witness(1, 1)).await, Err(stale));
    let newer = GetChunk { term: TERM.next(), ..get(&chunk) };
    assert!(node.api.get_chunk(newer).await.unwrap().is_intact(chunk.key, &chunk.root()));
}

pub async fn a_good_chunk_is_not_quarantined_on_a_wrong_accusation(node: Node) {
    let chunk = Chunk::new(1, 0, 200_000);
    node.put(&chunk).await;
    assert_eq!(node.api.quarantine(TERM, chunk.key, chunk.root()).await, Ok(false));
    assert_holds(&node, &chunk).await;
}

/// A whole chunk and another root: one of them is wrong, and the node can't know which.
pub async fn a_whole_chunk_stays_until_the_one_of_another_root_has_come(node: Node) {
    let chunk = Chunk::new(1, 0, 200_000);
    node.put(&chunk).await;
    let wrong = ChunkRoot::from_bytes([9; 32]);
    assert_eq!(node.api.quarantine(TERM, chunk.key, wrong).await, Ok(true), "it is not what was asked about");
    assert_holds(&node, &chunk).await;
    let pull =
        |root, sources: &[NodeId]| PullBlob { roots: vec![root], ..pull_of(std::slice::from_ref(&chunk), sources) };
    assert_eq!(node.api.pull_blob(pull(wrong, &[])).await.unwrap().held, 0);
    assert_holds(&node, &chunk).await;

    let (peer, name) = (Node::embedded().await, NodeId::from_bytes([21; 16]));
    introduce(&node, &peer, name);
    let other = Chunk { key: chunk.key, ..Chunk::new(7, 3, 150_000) };
    peer.put(&other).await;
    let report = node.api.pull_blob(pull(wrong, &[name])).await.unwrap();
    assert_eq!((report.held, report.pulled_bytes), (0, 0));
    assert_holds(&node, &chunk).await;
    let report = node.api.pull_blob(pull(other.root(), &[name])).await.unwrap();
    assert_eq!((report.held, report.pulled_bytes), (1, 150_000), "now somebody has it, so the root is right");
    assert_holds(&node, &other).await;
}

pub async fn a_chunk_with_flipped_bytes_is_quarantined_and_can_be_put_again(node: Node) {
    for chunk in [Chunk::new(1, 0, 20_000), Chunk::new(1, 1, 1 << 20)] {
        node.put(&chunk).await;
        flip_stored_byte(&node.volume_directory(), &chunk);
        match node.api.get_chunk(get(&chunk)).await {
            Ok(slice) => {
                assert!(!slice.is_intact(chunk.key, &chunk.root()), "whoever reads it sees that it is wrong");
                assert_eq!(node.api.quarantine(TERM, chunk.key, chunk.root()).await, Ok(true));
            }
            Err(error) => assert_eq!(error, NodeError::Corrupt),
        }
        assert_lacks(&node, &chunk).await;
        node.put(&chunk).await;
        assert_holds(&node, &chunk).await;
    }
}

/// How the scrub stands when the pass that was asked for is over.
async fn scrubbed(node: &Node) -> ScrubStatus {
    node.api.begin_scrub(TERM).await.unwrap();
    loop {
        let scrub = node.api.status(TERM, None).await.unwrap().scrub;
        match scrub.state {
            ScrubState::Hurried => tokio::time::sleep(Duration::from_millis(5)).await,
            ScrubState::Waiting => return scrub,
            other => panic!("{other:?}"),
        }
    }
}

pub async fn a_scrub_finds_flipped_bytes_and_the_node_names_the_chunks_until_they_are_replaced(node: Node) {
    let chunks: Vec<Chunk> = (0..6).map(|index| Chunk::new(1, index, 2000 << (2 * index))).collect();
    for chunk in &chunks {
        node.put(chunk).await;
    }
    let clean = scrubbed(&node).await;
    assert_eq!((clean.found, clean.quarantined), (0, 0));
    assert!(clean.checked_bytes >= chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum());
    assert_eq!(clean.checked_bytes, clean.total_bytes);
    for damaged in [&chunks[1], &chunks[5]] {
        flip_stored_byte(&node.volume_directory(), damaged);
    }
    let found = scrubbed(&node).await;
    assert_eq!((found.found, found.found_ever, found.last_found, found.quarantined), (2, 2, 2, 2));
    assert_eq!(found.passes, clean.passes + 1);
    let keys = [chunks[1].key, chunks[5].key];
    assert_eq!(node.api.quarantined(TERM, None, 100).await.unwrap(), keys);
    assert_eq!(node.api.quarantined(TERM, None, 1).await.unwrap(), [keys[0]]);
    assert_eq!(node.api.quarantined(TERM, Some(keys[0]), 1).await.unwrap(), [keys[1]]);
    for damaged in [&chunks[1], &chunks[5]] {
        assert_lacks(&node, damaged).await;
        node.put(damaged).await;
    }
    assert_eq!(node.api.quarantined(TERM, None, 100).await.unwrap(), []);
    let healed = scrubbed(&node).await;
    assert_eq!((healed.found, healed.found_ever, healed.quarantined), (0, 2, 0));
    let node = node.restart().await;
    let kept = node.api.status(TERM, None).await.unwrap().scrub;
    assert_eq!((kept.passes, kept.found_ever, kept.last_finished), (healed.passes, 2, healed.last_finished));
    for chunk in &chunks {
        assert_holds(&node, chunk).await;
    }
}

/// A quarantined chunk is held no more, so the drop passed it over, and it was called damaged for ever.
pub async fn a_quarantined_chunk_of_a_dropped_blob_is_not_named_any_more(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    flip_stored_byte(&node.volume_directory(), &chunk);
    assert_eq!(scrubbed(&node).await.quarantined, 1);
    node.api.drop_blobs(drop_of(&[1], EPOCH, witness(1, 5))).await.unwrap();
    assert_eq!(node.api.quarantined(TERM, None, 100).await.unwrap(), []);
    assert_eq!(node.api.status(TERM, None).await.unwrap().scrub.quarantined, 0);
}

pub async fn a_quarantined_chunk_that_nobody_wants_is_not_named_any_more(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    flip_stored_byte(&node.volume_directory(), &chunk);
    assert_eq!(scrubbed(&node).await.quarantined, 1);
    node.api.forget_quarantined(TERM, vec![chunk.key]).await.unwrap();
    assert_eq!(node.api.quarantined(TERM, None, 100).await.unwrap(), []);
    assert_eq!(node.api.status(TERM, None).await.unwrap().scrub.quarantined, 0);
    assert_lacks(&node, &chunk).await;
    let too_many = vec![chunk.key; QUARANTINED_CHUNKS_MAX as usize + 1];
    assert!(matches!(node.api.forget_quarantined(TERM, too_many).await, Err(NodeError::Refused(_))));
}

pub async fn a_scrub_of_a_frozen_volume_is_refused(node: Node) {
    let chunk = Chunk::new(1, 0, 100);
    node.put(&chunk).await;
    node.disk.set(Fault::SyncFails);
    assert!(node.api.put_chunk(Chunk::new(2, 0, 100).put()).await.is_err());
    // The thread notices at its next step.
    while !matches!(node.api.begin_scrub(TERM).await, Err(NodeError::Frozen(_))) {}
    let scrub = node.api.status(TERM, None).await.unwrap().scrub;
    assert!(matches!(scrub.state, ScrubState::Stopped { .. }), "{scrub:?}");
}

fn pull_of(chunks: &[Chunk], sources: &[NodeId]) -> PullBlob {
    PullBlob {
        rest_percent: 0,
        term: TERM,
        group: GROUP,
        blob: chunks[0].key.blob,
        first_chunk: chunks[0].key.index,
        roots: chunks.iter().map(Chunk::root).collect(),
        sources: sources.iter().map(|node| PeerAddress { node: *node, address: None }).collect(),
    }
}

/// Makes `peer` a node that `node` may pull from, under this name.
fn introduce(node: &Node, peer: &Node, name: NodeId) {
    node.peers.0.lock().unwrap().insert(name, Arc::clone(&peer.api));
}

pub async fn a_pull_fetches_what_is_missing_from_the_peer_that_has_it(node: Node) {
    let (poor, rich) = (Node::embedded().await, Node::over_http().await);
    let (poor_name, rich_name) = (NodeId::from_bytes([21; 16]), NodeId::from_bytes([22; 16]));
    introduce(&node, &poor, poor_name);
    introduce(&node, &rich, rich_name);
    let chunks = [Chunk::new(1, 4, 1 << 20), Chunk::new(1, 5, 1 << 20), Chunk::new(1, 6, 999), Chunk::new(1, 7, 5)];
    for chunk in &chunks[..3] {
        rich.put(chunk).await;
    }
    node.put(&chunks[0]).await;
    let stranger = NodeId::from_bytes([23; 16]);
    let report = node.api.pull_blob(pull_of(&chunks, &[stranger, poor_name, rich_name])).await.unwrap();
    assert_eq!((report.held, report.pulled_bytes), (3, (1 << 20) + 999));
    // The peers' own ids: both test nodes have the same.
    assert_eq!(report.lacking_sources.len(), 4, "the poor one lacked three chunks, the rich one the last");
    assert_eq!(report.bad_sources, []);
    for chunk in &chunks[..3] {
        assert_holds(&node, chunk).await;
    }
    assert_lacks(&node, &chunks[3]).await;
    let again = node.api.pull_blob(pull_of(&chunks[..3], &[rich_name])).await.unwrap();
    assert_eq!((again.held, again.pulled_bytes), (3, 0));
}

pub async fn a_pull_replaces_a_corrupt_chunk(node: Node) {
    let (rotten, good) = (Node::embedded().await, Node::embedded().await);
    let (rotten_name, good_name) = (NodeId::from_bytes([21; 16]), NodeId::from_bytes([22; 16]));
    introduce(&node, &rotten, rotten_name);
    introduce(&node, &good, good_name);
    let chunk = Chunk::new(1, 0, 500_000);
    for holder in [&node, &rotten, &good] {
        holder.put(&chunk).await;
    }
    flip_stored_byte(&node.volume_directory(), &chunk);
    flip_stored_byte(&rotten.volume_directory(), &chunk);
    let report = node.api.pull_blob(pull_of(std::slice::from_ref(&chunk), &[rotten_name, good_name])).await.unwrap();
    assert_eq!((report.held, report.pulled_bytes, report.bad_sources.len()), (1, 500_000, 1));
    assert_eq!(report.lacking_sources, []);
    assert_holds(&node, &chunk).await;
}

pub async fn sixty_four_puts_at_once_all_become_durable(node: Node) {
    let chunks: Vec<Chunk> = (0..64).map(|index| Chunk::new(1, index, 3000 + index as usize * 9000)).collect();
    let puts = chunks.iter().map(|chunk| node.api.put_chunk(chunk.put()));
    for result in futures_util::future::join_all(puts).await {
        result.unwrap();
    }
    let gets = chunks.iter().map(|chunk| assert_holds(&node, chunk));
    futures_util::future::join_all(gets).await;
    let status = node.api.status(TERM, None).await.unwrap();
    assert_eq!(status.volumes[0].chunks, 64);
}

pub async fn each_of_many_small_puts_at_once_gets_its_own_answer(node: Node) {
    let taken = Chunk::new(2, 7, 2000);
    node.put(&taken).await;
    let chunks: Vec<Chunk> = (0..200).map(|index| Chunk::new(1, index, 1 + index as usize * 400)).collect();
    let puts = chunks.iter().zip(0..).map(|(chunk, index)| match index % 50 {
        10 => PutChunk { root: ChunkRoot::from_bytes([9; 32]), ..chunk.put() },
        20 => PutChunk { term: Term(TERM.0 - 1), ..chunk.put() },
        30 => Chunk { bytes: chunk.bytes.clone(), key: taken.key }.put(),
        _ => chunk.put(),
    });
    let puts: Vec<_> = puts.map(|put| node.api.put_chunk(put)).collect();
    let answers = futures_util::future::join_all(puts).await;
    for ((chunk, index), answer) in chunks.iter().zip(0..).zip(answers) {
        match index % 50 {
            10 => assert_eq!(answer, Err(NodeError::Garbled), "{index}"),
            20 => assert_eq!(answer, Err(NodeError::StaleTerm { seen: TERM }), "{index}"),
            30 => assert!(matches!(answer, Err(NodeError::Refused(_))), "{index}: {answer:?}"),
            _ => {
                assert_eq!(answer, Ok(()), "{index}");
                assert_holds(&node, chunk).await;
                continue;
            }
        }
        assert_lacks(&node, chunk).await;
    }
    assert_holds(&node, &taken).await;
}

pub async fn what_was_put_and_learned_is_still_there_after_a_restart(node: Node) {
    let chunks = [Chunk::new(1, 0, 3000), Chunk::new(1, 1, 2 << 20)];
    for chunk in &chunks {
        node.put(chunk).await;
    }
    node.api.drop_blobs(drop_of(&[50], EPOCH, witness(1, 5))).await.unwrap();
    let before = node.api.status(TERM, None).await.unwrap();
    let node = node.restart().await;
    let after = node.api.status(TERM, None).await.unwrap();
    assert_eq!((after.node, after.cluster, after.term), (NODE, CLUSTER, TERM));
    assert_eq!(after.witness, Some(witness(1, 5)));
    assert_eq!(after.volumes[0].volume, before.volumes[0].volume);
    assert_eq!(after.volumes[0].start_count, before.volumes[0].start_count + 1);
    assert!(after.volumes[0].durable_sequence >= before.volumes[0].durable_sequence);
    let stale = drop_of(&[1], Epoch(2), witness(1, 5));
    assert_eq!(node.api.drop_blobs(stale).await, Err(NodeError::StaleEpoch { seen: EPOCH }));
    let old = node.api.status(Term(9), None).await.map(|_| ());
    assert_eq!(old, Err(NodeError::StaleTerm { seen: TERM }));
    for chunk in &chunks {
        assert_holds(&node, chunk).await;
    }
}

pub async fn a_full_volume_refuses_chunks_and_still_reads_and_drops(node: Node) {
    let small = VolumeSettings { capacity: Some(ByteSize::mib(24)), ..volume_settings() };
    let node = node.again_with(small, node_settings()).await;
    let (mut stored, mut refused) = (Vec::new(), None);
    for index in 0..64 {
        let chunk = Chunk::new(1, index, 1 << 20);
        match node.api.put_chunk(chunk.put()).await {
            Ok(()) => stored.push(chunk),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert_eq!(refused, Some(NodeError::Full));
    assert!(!stored.is_empty());
    assert_eq!(node.api.status(TERM, None).await.unwrap().volumes[0].state, VolumeState::Full);
    for chunk in &stored {
        assert_holds(&node, chunk).await;
    }
    node.api.drop_blobs(drop_of(&[1], EPOCH, witness(1, 1))).await.unwrap();
    assert_lacks(&node, &stored[0]).await;
}

pub async fn a_frozen_volume_refuses_chunks_says_so_and_still_reads(node: Node) {
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    node.disk.set(Fault::SyncFails);
    let lost = Chunk::new(2, 0, 5000);
    let failed = node.api.put_chunk(lost.put()).await;
    assert!(matches!(failed, Err(NodeError::Frozen(_))), "{failed:?}");
    node.disk.set(Fault::None);
    let failed = node.api.put_chunk(lost.put()).await;
    assert!(matches!(failed, Err(NodeError::Frozen(_))), "a failed sync is never tried again: {failed:?}");
    // Nothing can be written down any more: the node still answers a newer gateway's reads and says how it is.
    node.disk.set(Fault::SyncFails);
    let status = node.api.status(TERM.next(), Some(witness(1, 5))).await.unwrap();
    assert!(matches!(status.volumes[0].state, VolumeState::Frozen { .. }));
    assert_eq!((status.term, status.witness), (TERM.next(), None));
    let newer = GetChunk { term: TERM.next(), ..get(&chunk) };
    assert!(node.api.get_chunk(newer).await.unwrap().is_intact(chunk.key, &chunk.root()));
    assert_eq!(node.api.get_chunk(get(&chunk)).await.map(|_| ()), Err(NodeError::StaleTerm { seen: TERM.next() }));
}

pub async fn a_put_into_a_stuck_disk_ends_at_its_deadline(node: Node) {
    let (chunk, late) = (Chunk::new(1, 0, 5000), Chunk::new(2, 0, 5000));
    node.put(&chunk).await;
    let hasty = NodeSettings { node_request_timeout: HumanDuration::from_millis(100), ..node_settings() };
    let node = node.restart_with(hasty).await;
    node.disk.set(Fault::SyncHangs);
    let unanswered = node.api.put_chunk(late.put()).await;
    assert!(matches!(unanswered, Err(NodeError::Unreachable(_))), "{unanswered:?}");
    node.disk.set(Fault::None);
    // What hung goes on: whether it became durable nobody was told. Putting it again tells.
    let node = node.restart().await;
    node.put(&late).await;
    assert_holds(&node, &chunk).await;
    assert_holds(&node, &late).await;
}
