//! Storage nodes in memory for the tests of this layer: what they hold, and faults that a test turns on and off. What they
//! answer is in `fake_node_calls`.

use super::fake_network::FakeNetwork;
use crate::{
    cluster::command_log::LogHead,
    node::{
        NodeError,
        api::{GetChunk, MetadataWitness, NodeStatus, ScrubStatus, VolumeState, VolumeStatus},
    },
    types::{
        BLOCK_LENGTH, BlobId, BlockTable, ChunkKey, ChunkRoot, ChunkSlice, ClusterId, GroupId, NodeId, RunId, Term,
        VolumeId,
    },
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, Weak},
};

/// What a node says of itself that has these volumes, and nothing else to tell.
pub(in crate::cluster) fn quiet_status(node: u8, run: Option<u8>, volumes: Vec<VolumeStatus>) -> NodeStatus {
    NodeStatus {
        node: NodeId::from_bytes([node; 16]),
        cluster: ClusterId::from_bytes([0; 16]),
        volumes,
        scrub: ScrubStatus::default(),
        load: 0,
        witness: None,
        term: Term(1),
        run: run.map(|run| RunId::from_bytes([run; 16])),
    }
}

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every call fails at once.
    Dead,
    /// The next call fails at once.
    DeadOnce,
    /// No call is ever answered.
    Stuck,
    /// Takes no chunks.
    Full,
    /// Flips a bit in what it answers; what it holds is intact.
    Garbling,
}

/// Whether the gateway reaches a node by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    InProcess,
    Elsewhere,
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub bytes: Bytes,
    pub table: BlockTable,
    pub group: GroupId,
    pub term: Term,
    /// Set when it is held.
    pub sequence: u64,
}

impl Held {
    fn is_whole(&self) -> bool {
        let mut blocks = self.bytes.chunks(BLOCK_LENGTH as usize).enumerate();
        blocks.all(|(index, block)| self.table.block_is_intact(index, block))
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub fault: Fault,
    /// In the order of an inventory.
    pub chunks: BTreeMap<ChunkKey, Held>,
    pub quarantined: Vec<ChunkKey>,
    /// Requests to compare a chunk with its root.
    pub quarantine_requests: u64,
    /// Damaged records whose keys can't be read.
    unidentified: u64,
    run: Option<RunId>,
    pub dropped: Vec<BlobId>,
    /// Blobs that lie on one of its volumes, which is frozen: it can't drop them.
    pub on_frozen_volume: Vec<BlobId>,
    pub puts: u64,
    /// Records that were written.
    pub written: u64,
    /// Chunks that were shown in inventories.
    pub listed: u64,
    /// Chunks that it was asked about, whether it holds them.
    pub asked: u64,
    pub volume: VolumeId,
    starts: u64,
    gets: u64,
    pub term: Term,
    pub witness: Option<MetadataWitness>,
    /// As it says to who asks about gateways.
    pub volumes_left_out: u32,
    free: u64,
}

impl State {
    pub fn hold(&mut self, key: ChunkKey, held: Held) {
        self.written += 1;
        self.chunks.insert(key, Held { sequence: self.written, ..held });
    }

    /// Neither replaced nor forgotten.
    pub fn still_quarantined(&self) -> Vec<ChunkKey> {
        self.quarantined.iter().copied().filter(|key| !self.chunks.contains_key(key)).collect()
    }
}

/// A node.
#[derive(Debug)]
pub struct FakeNode {
    pub(super) id: NodeId,
    pub(super) is_local: bool,
    pub(super) network: Weak<FakeNetwork>,
    state: Mutex<State>,
}

const CAPACITY: u64 = 1 << 40;

impl FakeNode {
    pub fn new(number: u8, place: Place, network: Weak<FakeNetwork>) -> Self {
        let id = NodeId::from_bytes([number; 16]);
        let state = State {
            fault: Fault::None,
            chunks: BTreeMap::new(),
            quarantined: Vec::new(),
            quarantine_requests: 0,
            unidentified: 0,
            dropped: Vec::new(),
            on_frozen_volume: Vec::new(),
            puts: 0,
            written: 0,
            listed: 0,
            asked: 0,
            run: None,
            volume: VolumeId::from_bytes(*id.as_bytes()),
            starts: 1,
            gets: 0,
            term: Term(0),
            witness: None,
            volumes_left_out: 0,
            free: CAPACITY,
        };
        Self { id, is_local: place == Place::InProcess, network, state: Mutex::new(state) }
    }

    pub fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    pub fn fault(&self) -> Fault {
        self.state().fault
    }

    pub fn set_free(&self, free: u64) {
        self.state().free = free;
    }

    pub fn holds(&self, key: ChunkKey) -> bool {
        self.state().chunks.contains_key(&key)
    }

    /// Every blob of which it holds a chunk.
    pub fn blobs(&self) -> Vec<BlobId> {
        let mut blobs: Vec<BlobId> = self.state().chunks.keys().map(|key| key.blob).collect();
        blobs.dedup();
        blobs
    }

    /// What it holds of the command log.
    pub fn log_pieces(&self) -> Vec<LogHead> {
        let state = self.state();
        let of_log = state.chunks.iter().filter(|(_, held)| held.group == GroupId::COMMAND_LOG);
        of_log.map(|(key, held)| LogHead::open(*key, &held.bytes).expect("a piece of the log").0).collect()
    }

    pub fn chunk_count(&self) -> usize {
        self.state().chunks.len()
    }

    pub fn put_count(&self) -> u64 {
        self.state().puts
    }

    pub fn listed_count(&self) -> u64 {
        self.state().listed
    }

    pub fn asked_count(&self) -> u64 {
        self.state().asked
    }

    pub fn get_count(&self) -> u64 {
        self.state().gets
    }

    pub fn quarantine_count(&self) -> u64 {
        self.state().quarantine_requests
    }

    pub fn quarantined(&self) -> Vec<ChunkKey> {
        self.state().quarantined.clone()
    }

    /// Flips a bit of every chunk on its disk.
    pub fn corrupt_all(&self) {
        for held in self.state().chunks.values_mut() {
            held.bytes = flipped(&held.bytes);
        }
    }

    /// Flips a bit of one.
    pub fn corrupt(&self, key: ChunkKey) {
        let mut state = self.state();
        let held = state.chunks.get_mut(&key).expect("the test names a chunk that is held");
        held.bytes = flipped(&held.bytes);
    }

    /// Puts the bytes of each in the place of the other's.
    pub fn swap(&self, one: ChunkKey, other: ChunkKey) {
        let mut state = self.state();
        let (first, second) = (state.chunks[&one].clone(), state.chunks[&other].clone());
        state.chunks.insert(one, second);
        state.chunks.insert(other, first);
    }

    /// Takes every damaged chunk out of use. Of those in `nameless` it can't say which they were.
    pub fn scrub(&self, nameless: &[ChunkKey]) {
        let mut state = self.state();
        let damaged = state.chunks.iter().filter(|(_, held)| !held.is_whole());
        let damaged: Vec<ChunkKey> = damaged.map(|(key, _)| *key).collect();
        for key in damaged {
            state.chunks.remove(&key);
            match nameless.contains(&key) {
                true => state.unidentified += 1,
                false => state.quarantined.push(key),
            }
        }
    }

    /// These lie on a volume of its that is frozen, while others serve.
    pub fn freeze_volume_of(&self, blobs: Vec<BlobId>) {
        self.state().on_frozen_volume = blobs;
    }

    pub fn forget_all(&self) {
        self.state().chunks.clear();
    }

    pub fn forget(&self, key: ChunkKey) {
        self.state().chunks.remove(&key);
    }

    /// Starts again.
    pub fn restart(&self) {
        self.state().starts += 1;
    }

    /// Is a process that tells its run from now on.
    pub fn set_run(&self, run: u8) {
        self.state().run = Some(RunId::from_bytes([run; 16]));
    }

    /// Starts again with an empty volume, as after a change of its disk: the node's identity stays, the volume is another.
    pub fn restart_empty(&self) {
        let mut state = self.state();
        state.chunks.clear();
        let mut volume = *state.volume.as_bytes();
        volume[0] = volume[0].wrapping_add(100);
        state.volume = VolumeId::from_bytes(volume);
        state.starts = 1;
        (state.puts, state.written) = (0, 0);
    }

    /// Makes it hold a chunk of a blob that nobody wrote through the gateway.
    pub fn plant(&self, blob: BlobId, term: Term) {
        self.plant_chunk(ChunkKey { blob, index: 0 }, term);
    }

    pub fn plant_chunk(&self, key: ChunkKey, term: Term) {
        let held = Held {
            bytes: Bytes::from_static(b"x"),
            table: BlockTable::default(),
            group: GroupId(1),
            term,
            sequence: 0,
        };
        self.state().hold(key, held);
    }

    /// Makes it have seen this metadata.
    pub fn leave_out_a_volume(&self) {
        self.state().volumes_left_out = 1;
    }

    pub fn set_witness(&self, witness: MetadataWitness) {
        self.state().witness = Some(witness);
    }

    pub fn status_now(&self) -> NodeStatus {
        let state = self.state();
        let used = state.chunks.values().map(|held| held.bytes.len() as u64).sum();
        let volume = VolumeStatus {
            volume: state.volume,
            capacity: CAPACITY,
            used,
            free: state.free,
            chunks: state.chunks.len() as u64,
            live: used,
            index_bytes: 16 * state.chunks.len() as u64,
            device: format!("device of {}", self.id),
            durable_sequence: state.written,
            start_count: state.starts,
            state: if state.fault == Fault::Full { VolumeState::Full } else { VolumeState::Writable },
        };
        NodeStatus {
            node: self.id,
            cluster: ClusterId::from_bytes([0; 16]),
            volumes: vec![volume],
            scrub: ScrubStatus {
                quarantined: state.still_quarantined().len() as u64,
                quarantined_since_start: state.quarantined.len() as u64,
                unidentified_since_start: state.unidentified,
                ..ScrubStatus::default()
            },
            load: 0,
            witness: state.witness,
            term: state.term,
            run: state.run,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets the fault happen; otherwise the term is noted.
    pub(super) async fn pass(&self, term: Term) -> Result<(), NodeError> {
        let fault = self.state().fault;
        match fault {
            Fault::Dead => return Err(NodeError::Unreachable("connection refused".into())),
            Fault::DeadOnce => {
                self.state().fault = Fault::None;
                return Err(NodeError::Unreachable("connection reset".into()));
            }
            Fault::Stuck => std::future::pending().await,
            Fault::None | Fault::Full | Fault::Garbling => {}
        }
        let mut state = self.state();
        if term < state.term {
            return Err(NodeError::StaleTerm { seen: state.term });
        }
        state.term = term;
        Ok(())
    }

    pub(super) fn slice(&self, get: GetChunk) -> Result<ChunkSlice, NodeError> {
        let mut state = self.state();
        state.gets += 1;
        let held = state.chunks.get(&get.key).ok_or(NodeError::NotFound)?;
        let from = (get.first_block * BLOCK_LENGTH) as usize;
        let to = held.bytes.len().min(from + (get.block_count * BLOCK_LENGTH) as usize);
        let bytes = held.bytes.slice(from..to);
        let bytes = if state.fault == Fault::Garbling { flipped(&bytes) } else { bytes };
        let chunk_length = u32::try_from(held.bytes.len()).unwrap();
        Ok(ChunkSlice { chunk_length, table: held.table.clone(), first_block: get.first_block, bytes })
    }

    pub(super) fn is_intact(&self, key: ChunkKey, root: &ChunkRoot) -> bool {
        let state = self.state();
        state.chunks.get(&key).is_some_and(|held| {
            let chunk_length = u32::try_from(held.bytes.len()).unwrap();
            let slice =
                ChunkSlice { chunk_length, table: held.table.clone(), first_block: 0, bytes: held.bytes.clone() };
            slice.is_intact(key, root)
        })
    }
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
    bytes.into()
}
