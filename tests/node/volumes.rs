//! A node with several volumes: each is frozen, filled and lost on its own.

use crate::{
    faults::{Fault, SwitchedDisk},
    harness::{CLUSTER, Chunk, GROUP, NODE, TERM, TestPeers, flip_below, node_settings, volume_settings, witness},
};
use futures_util::{StreamExt, stream};
use larder::{
    node::{
        NodeApi, NodeError,
        api::{
            ChunkRun, DropBlobs, DropReport, DroppedBlob, GetChunk, InventoryEntry, MergeDoubles, NodeStatus,
            PeerAddress, PullBlob, ScrubState, ScrubStatus,
        },
        server::{NodeParts, NodeService, OpenError},
    },
    runtime::{SystemClock, SystemRandom},
    types::{BlobId, Epoch, NodeId, Term, VolumeStatus},
    volume::VolumeError,
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

const PEER: NodeId = NodeId::from_bytes([9; 16]);
const BLOBS: u8 = 60;

/// Three disks, of which the second may fail.
struct Machine {
    directory: TempDir,
    disk: Arc<SwitchedDisk>,
    peers: Arc<TestPeers>,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let disk = Arc::new(SwitchedDisk::below(directory.path().join("disk-2")));
        Self { directory, disk, peers: Arc::default() }
    }

    fn volume(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("disk-{number}"))
    }

    fn start(&self) -> Result<NodeService, OpenError> {
        self.start_with(&[1, 2, 3])
    }

    fn start_with(&self, volumes: &[usize]) -> Result<NodeService, OpenError> {
        let parts = NodeParts {
            directory: self.directory.path().join("node"),
            volumes: volumes.iter().map(|number| self.volume(*number)).collect(),
            node: NODE,
            cluster: CLUSTER,
            disk: self.disk.clone(),
            volume_settings: volume_settings(),
            settings: Arc::new(node_settings()),
            peers: self.peers.clone(),
            random: Arc::new(SystemRandom),
            clock: Arc::new(SystemClock::new()),
        };
        fs::create_dir_all(&parts.directory).unwrap();
        NodeService::open(parts).map(|(service, _)| service)
    }
}

fn chunks() -> Vec<Chunk> {
    (0..BLOBS).map(|blob| Chunk::new(blob, 0, 5000)).collect()
}

async fn put_all(node: &NodeService) -> Vec<Chunk> {
    let chunks = chunks();
    for chunk in &chunks {
        node.put_chunk(chunk.put()).await.unwrap();
    }
    chunks
}

async fn holds(node: &NodeService, chunk: &Chunk) -> bool {
    let get = GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: u32::MAX };
    match node.get_chunk(get).await {
        Ok(slice) => slice.is_intact(chunk.key, &chunk.root()),
        Err(NodeError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn status(node: &NodeService) -> NodeStatus {
    node.status(TERM, None).await.unwrap()
}

/// Page by page.
async fn inventory(node: &NodeService) -> Vec<InventoryEntry> {
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let page = node.inventory(TERM, from, 7).await.unwrap();
        all.extend(page.blobs);
        from = page.next;
        if from.is_none() {
            return all;
        }
    }
}

/// Blobs that it names, each once.
fn named(entries: &[InventoryEntry]) -> HashSet<BlobId> {
    let named: HashSet<BlobId> = entries.iter().map(|entry| entry.blob).collect();
    assert_eq!(named.len(), entries.len(), "a blob of one chunk stands twice");
    named
}

/// Brings the node to write to the failing disk.
async fn freeze_the_second(machine: &Machine, node: &NodeService) {
    machine.disk.set(Fault::SyncFails);
    for blob in 100..200 {
        node.put_chunk(Chunk::new(blob, 0, 100).put()).await.unwrap();
        if status(node).await.volumes[1].is_frozen() {
            return;
        }
    }
    panic!("of a hundred chunks none went to the second disk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_are_spread_over_the_volumes_and_there_after_a_restart() {
    let machine = Machine::new();
    let node = machine.start().unwrap();
    let chunks = put_all(&node).await;
    let volumes = status(&node).await.volumes;
    assert_eq!(volumes.iter().map(|volume| volume.chunks).sum::<u64>(), u64::from(BLOBS));
    assert!(volumes.iter().all(|volume| volume.chunks >= 5), "{volumes:?}");
    node.put_chunk(chunks[0].put()).await.unwrap();
    assert_eq!(named(&inventory(&node).await).len(), usize::from(BLOBS), "the same chunk again is not held twice");
    node.close().unwrap();
    drop(node);

    let node = machine.start().unwrap();
    for chunk in &chunks {
        assert!(holds(&node, chunk).await);
    }
    let request = DropBlobs {
        term: TERM,
        witness: witness(1, 1),
        group: GROUP,
        epoch: Epoch(1),
        blobs: chunks.iter().map(|chunk| DroppedBlob { blob: chunk.key.blob, chunk_limit: 1 }).collect(),
    };
    node.drop_blobs(request).await.unwrap();
    assert_eq!(inventory(&node).await, []);
    assert!(!holds(&node, &chunks[0]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_volume_is_read_but_counts_as_lost_and_its_chunks_are_pulled_onto_the_others() {
    let machine = Machine::new();
    let node = machine.start().unwrap();
    let chunks = put_all(&node).await;
    let on_second = status(&node).await.volumes[1].chunks;
    freeze_the_second(&machine, &node).await;

    let held = named(&inventory(&node).await);
    let lost: Vec<&Chunk> = chunks.iter().filter(|chunk| !held.contains(&chunk.key.blob)).collect();
    assert_eq!(lost.len() as u64, on_second);
    let all = chunks.iter().map(|chunk| ChunkRun { blob: chunk.key.blob, first: 0, count: 1 }).collect();
    assert_eq!(node.lacking(TERM, all).await.unwrap(), lost.iter().map(|chunk| chunk.key.blob).collect::<Vec<_>>());
    for chunk in &chunks {
        assert!(holds(&node, chunk).await, "what was durable is still read");
    }

    let other = Machine::new();
    let peer = other.start().unwrap();
    put_all(&peer).await;
    machine.peers.0.lock().unwrap().insert(PEER, Arc::new(peer));
    for chunk in &lost {
        let pull = PullBlob {
            term: TERM,
            group: GROUP,
            blob: chunk.key.blob,
            first_chunk: 0,
            roots: vec![chunk.root()],
            sources: vec![PeerAddress { node: PEER, address: None }],
            rest_percent: 0,
        };
        assert_eq!(node.pull_blob(pull).await.unwrap().held, 1);
    }
    let held = named(&inventory(&node).await);
    assert!(chunks.iter().all(|chunk| held.contains(&chunk.key.blob)));
    drop(node);

    // With the disk well again some chunks are there twice, and named once.
    machine.disk.set(Fault::None);
    let node = machine.start().unwrap();
    let held = named(&inventory(&node).await);
    assert!(chunks.iter().all(|chunk| held.contains(&chunk.key.blob)));
}

/// How the scrub stands when the pass that was asked for is over.
async fn scrubbed(node: &NodeService) -> ScrubStatus {
    node.begin_scrub(TERM).await.unwrap();
    loop {
        let scrub = status(node).await.scrub;
        if scrub.state == ScrubState::Waiting {
            return scrub;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// It was called damaged for ever: only an append to the same volume took it off that volume's list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_that_one_volume_quarantined_and_another_holds_is_not_named_any_more() {
    let machine = Machine::new();
    let node = machine.start().unwrap();
    let chunks = put_all(&node).await;
    let is_on_second = |chunk: &&Chunk| flip_below(&machine.volume(2), chunk, 5) > 0;
    let damaged = chunks.iter().find(is_on_second).expect("a third of the chunks lie there");
    assert_eq!(scrubbed(&node).await.quarantined, 1);
    assert_eq!(node.quarantined(TERM, None, 10).await.unwrap(), [damaged.key]);
    freeze_the_second(&machine, &node).await;
    node.put_chunk(damaged.put()).await.unwrap();
    assert!(holds(&node, damaged).await);
    assert_eq!(status(&node).await.scrub.quarantined, 0);
    assert_eq!(node.quarantined(TERM, None, 10).await.unwrap(), []);
    drop(node);

    // The mark on the second disk is read again at a start.
    machine.disk.set(Fault::None);
    let node = machine.start().unwrap();
    assert_eq!(status(&node).await.scrub.quarantined, 0);
    assert_eq!(node.quarantined(TERM, None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_chunk_that_can_not_be_quarantined_is_read_from_another_volume() {
    let machine = Machine::new();
    let node = machine.start().unwrap();
    let chunks = put_all(&node).await;
    freeze_the_second(&machine, &node).await;
    let held = named(&inventory(&node).await);
    let twice: Vec<&Chunk> = chunks.iter().filter(|chunk| !held.contains(&chunk.key.blob)).collect();
    for chunk in &twice {
        node.put_chunk(chunk.put()).await.unwrap();
    }
    drop(node);

    machine.disk.set(Fault::None);
    let node = machine.start().unwrap();
    for chunk in &twice {
        // In the table behind the payload.
        assert_eq!(flip_below(&machine.volume(2), chunk, chunk.bytes.len() + 1), 1);
    }
    machine.disk.set(Fault::SyncFails);
    for chunk in &twice {
        assert!(holds(&node, chunk).await, "the other copy is right");
    }
    assert!(status(&node).await.volumes[1].is_frozen(), "no chunk was looked for on the second volume first");
}

/// Batches behind the one that failed were not begun, so a disk that failed kept others from giving space back. And its error was
/// taken for the node's, by which it counted as frozen as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_volume_keeps_no_other_from_dropping() {
    // More than one batch of tombstones.
    const CHUNKS: u32 = 9000;
    let machine = Machine::new();
    let node = machine.start().unwrap();
    let puts = (0..CHUNKS).map(|index| node.put_chunk(Chunk::new(1, index, 10).put()));
    stream::iter(puts).buffer_unordered(64).for_each(async |put| put.unwrap()).await;
    freeze_the_second(&machine, &node).await;
    node.put_chunk(Chunk::new(2, 0, 10).put()).await.unwrap();
    let of = |number| BlobId::from_bytes([number; 16]);
    let blobs = vec![
        DroppedBlob { blob: of(1), chunk_limit: CHUNKS },
        DroppedBlob { blob: of(2), chunk_limit: 1 },
        DroppedBlob { blob: of(3), chunk_limit: 1 },
    ];
    let request = DropBlobs { term: TERM, witness: witness(1, 1), group: GROUP, epoch: Epoch(1), blobs };
    assert_eq!(
        node.drop_blobs(request).await,
        Ok(DropReport { kept: vec![of(1)] }),
        "part of it is on the second volume"
    );
    let held = named(&inventory(&node).await);
    assert!(!held.contains(&of(1)) && !held.contains(&of(2)), "the well volumes have dropped theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_without_a_volume_that_can_not_be_opened_but_not_without_all() {
    let machine = Machine::new();
    let node = machine.start().unwrap();
    put_all(&node).await;
    let on_second = status(&node).await.volumes[1].chunks;
    node.close().unwrap();
    drop(node);

    fs::rename(machine.volume(2), machine.directory.path().join("pulled out")).unwrap();
    fs::write(machine.volume(2), "a mount point that is no directory").unwrap();
    let node = machine.start().unwrap();
    assert_eq!(inventory(&node).await.len() as u64, u64::from(BLOBS) - on_second);
    let volumes = status(&node).await.volumes;
    assert_eq!(volumes.iter().filter(|volume| volume.is_frozen()).count(), 1, "{volumes:?}");
    node.put_chunk(Chunk::new(200, 0, 100).put()).await.unwrap();
    node.close().unwrap();
    drop(node);

    for number in [1, 3] {
        fs::remove_dir_all(machine.volume(number)).unwrap();
        fs::write(machine.volume(number), "gone").unwrap();
    }
    let refused = machine.start().err().expect("there is no disk");
    assert!(matches!(refused, OpenError::Volume(VolumeError::Disk { .. })), "{refused}");
}

/// Each is lost on its own, not only when its disk fails: of a disk that belongs elsewhere nothing is touched either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_is_not_the_nodes_or_is_there_twice_is_as_good_as_frozen() {
    let machine = Machine::new();
    let node = machine.start().unwrap();
    put_all(&node).await;
    let on_second = status(&node).await.volumes[1].chunks;
    node.close().unwrap();
    drop(node);
    let (identity, aside) = (machine.volume(2).join("volume.json"), machine.directory.path().join("aside"));
    let own = fs::read_to_string(&identity).unwrap();

    let wrongs = [own.replace("02020202-", "09090909-"), own[..own.len() / 2].to_owned()];
    for (written_since, wrong) in wrongs.into_iter().enumerate() {
        assert_ne!(wrong, own);
        fs::write(&identity, &wrong).unwrap();
        let node = machine.start().unwrap();
        let left = u64::from(BLOBS) - on_second + written_since as u64;
        assert_eq!(inventory(&node).await.len() as u64, left);
        let frozen: Vec<bool> = status(&node).await.volumes.iter().map(VolumeStatus::is_frozen).collect();
        assert_eq!(frozen, [false, false, true], "those that are open stand first");
        assert_eq!(node.reign_seen().await.unwrap().volumes_left_out, 1);
        node.put_chunk(Chunk::new(200, 0, 100).put()).await.unwrap();
        node.close().unwrap();
        assert_eq!(fs::read_to_string(&identity).unwrap(), wrong);
    }

    fs::rename(machine.volume(2), &aside).unwrap();
    copy_directory(&machine.volume(1), &machine.volume(2));
    let node = machine.start().unwrap();
    let volumes = status(&node).await.volumes;
    assert_eq!(volumes.iter().filter(|volume| volume.is_frozen()).count(), 1, "{volumes:?}");
    assert!(format!("{volumes:?}").contains("a copy of the node's volume 1"), "{volumes:?}");
    assert_eq!(merge(&node).await, 0);
    node.close().unwrap();
    drop(node);

    fs::remove_dir_all(machine.volume(2)).unwrap();
    fs::rename(&aside, machine.volume(2)).unwrap();
    fs::write(&identity, own).unwrap();
    let node = machine.start().unwrap();
    assert!(status(&node).await.volumes.iter().all(|volume| !volume.is_frozen()));
    assert_eq!(inventory(&node).await.len(), usize::from(BLOBS) + 1);
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let copy = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &copy);
        } else {
            fs::copy(entry.path(), copy).unwrap();
        }
    }
}

/// Of all volumes together.
async fn chunk_count(node: &NodeService) -> u64 {
    status(node).await.volumes.iter().map(|volume| volume.chunks).sum()
}

/// Looks for doubles until the end of the way; what was dropped.
async fn merge(node: &NodeService) -> u32 {
    let (mut dropped, mut from) = (0, None);
    loop {
        let report = node.merge_doubles(MergeDoubles { term: TERM, witness: witness(1, 5), from }).await.unwrap();
        dropped += report.dropped;
        from = report.next;
        if from.is_none() {
            return dropped;
        }
    }
}

/// A node of which the second volume was away while its chunks were sent once more.
async fn with_doubles(machine: &Machine) -> (NodeService, Vec<Chunk>, u64) {
    let node = machine.start().unwrap();
    let chunks = put_all(&node).await;
    let on_second = status(&node).await.volumes[1].chunks;
    node.close().unwrap();
    let node = machine.start_with(&[1, 3]).unwrap();
    assert_eq!(merge(&node).await, 0);
    put_all(&node).await;
    node.close().unwrap();
    let node = machine.start().unwrap();
    assert_eq!(chunk_count(&node).await, u64::from(BLOBS) + on_second);
    (node, chunks, on_second)
}

/// From outside: they lay on both volumes for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_volumes_hold_is_on_one_of_them_afterwards() {
    let machine = Machine::new();
    let (node, chunks, on_second) = with_doubles(&machine).await;
    assert_eq!(u64::from(merge(&node).await), on_second);
    for restarted in [false, true] {
        let node = if restarted { machine.start().unwrap() } else { node.clone() };
        assert_eq!(chunk_count(&node).await, u64::from(BLOBS));
        assert_eq!(merge(&node).await, 0, "there are no more");
        for chunk in &chunks {
            assert!(holds(&node, chunk).await, "{}", chunk.key);
        }
        node.close().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_copies_of_which_one_is_damaged_the_whole_one_stays() {
    let machine = Machine::new();
    let (node, chunks, _) = with_doubles(&machine).await;
    let flipped: u32 = chunks.iter().step_by(2).map(|chunk| flip_below(&machine.volume(1), chunk, 0)).sum();
    assert!(flipped >= 5);
    merge(&node).await;
    // All chunks but the damaged ones without another copy are there.
    let mut lost = 0;
    for chunk in &chunks {
        match node.get_chunk(GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: u32::MAX }).await {
            Ok(slice) if slice.is_intact(chunk.key, &chunk.root()) => {}
            Ok(_) | Err(NodeError::Corrupt | NodeError::NotFound) => lost += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(lost < flipped, "{lost} of {flipped} damaged chunks are lost, though some of them had a second copy");
    node.close().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubles_stay_where_the_gateway_knows_less_than_the_node() {
    let machine = Machine::new();
    let (node, _, on_second) = with_doubles(&machine).await;
    let now = witness(1, 5);
    node.status(TERM, Some(now)).await.unwrap();
    let stale = node.merge_doubles(MergeDoubles { term: TERM, witness: witness(1, 4), from: None }).await;
    assert_eq!(stale, Err(NodeError::StaleMetadata { seen: now }));
    assert_eq!(chunk_count(&node).await, u64::from(BLOBS) + on_second);
    let stale = node.merge_doubles(MergeDoubles { term: Term(TERM.0 - 1), witness: now, from: None }).await;
    assert_eq!(stale, Err(NodeError::StaleTerm { seen: TERM }));
    node.close().unwrap();
}
