//! Storage nodes in memory for the tests of this layer, with faults that a test turns on and off.

use crate::{
    node::{
        NodeApi, NodeError, PeerConnector,
        api::{
            DropBlobs, GetChunk, InventoryCursor, InventoryEntry, InventoryPage, MetadataWitness, NodeStatus,
            PeerAddress, PullBlob, PullReport, PutChunk, ScrubStatus, VolumeState, VolumeStatus, index_mark,
        },
    },
    types::{
        BLOCK_LENGTH, BlobId, BlockTable, ChunkKey, ChunkRoot, ChunkSlice, ClusterId, GroupId, NodeId, Term, VolumeId,
    },
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, Weak},
};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every call fails at once.
    Dead,
    /// No call is ever answered.
    Stuck,
    /// Takes no chunks.
    Full,
    /// Flips a bit in what it answers; what it holds is intact.
    Garbling,
}

#[derive(Clone, Debug)]
struct Held {
    bytes: Bytes,
    table: BlockTable,
    group: GroupId,
    term: Term,
}

impl Held {
    fn is_whole(&self) -> bool {
        let mut blocks = self.bytes.chunks(BLOCK_LENGTH as usize).enumerate();
        blocks.all(|(index, block)| self.table.block_is_intact(index, block))
    }
}

#[derive(Debug)]
struct State {
    fault: Fault,
    /// In the order of an inventory.
    chunks: BTreeMap<ChunkKey, Held>,
    quarantined: Vec<ChunkKey>,
    /// Damaged records whose keys can't be read.
    unidentified: u64,
    dropped: Vec<BlobId>,
    puts: u64,
    starts: u64,
    gets: u64,
    term: Term,
    witness: Option<MetadataWitness>,
    free: u64,
}

impl State {
    /// Neither replaced nor forgotten.
    fn still_quarantined(&self) -> Vec<ChunkKey> {
        self.quarantined.iter().copied().filter(|key| !self.chunks.contains_key(key)).collect()
    }
}

/// A node.
#[derive(Debug)]
pub struct FakeNode {
    id: NodeId,
    is_local: bool,
    network: Weak<FakeNetwork>,
    state: Mutex<State>,
}

const CAPACITY: u64 = 1 << 40;

impl FakeNode {
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

    pub fn chunk_count(&self) -> usize {
        self.state().chunks.len()
    }

    pub fn put_count(&self) -> u64 {
        self.state().puts
    }

    pub fn get_count(&self) -> u64 {
        self.state().gets
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

    /// Starts again on an empty volume of the same identity.
    pub fn restart_empty(&self) {
        let mut state = self.state();
        state.chunks.clear();
        state.starts += 1;
        state.puts = 0;
    }

    /// Makes it hold a chunk of a blob that nobody wrote through the gateway.
    pub fn plant(&self, blob: BlobId, term: Term) {
        let held = Held { bytes: Bytes::from_static(b"x"), table: BlockTable::default(), group: GroupId(1), term };
        self.state().chunks.insert(ChunkKey { blob, index: 0 }, held);
    }

    /// Makes it have seen this metadata.
    pub fn set_witness(&self, witness: MetadataWitness) {
        self.state().witness = Some(witness);
    }

    pub fn status_now(&self) -> NodeStatus {
        let state = self.state();
        let used = state.chunks.values().map(|held| held.bytes.len() as u64).sum();
        let volume = VolumeStatus {
            volume: VolumeId::from_bytes(*self.id.as_bytes()),
            capacity: CAPACITY,
            used,
            free: state.free,
            chunks: state.chunks.len() as u64,
            live: used,
            index_bytes: 16 * state.chunks.len() as u64,
            device: format!("device of {}", self.id),
            durable_sequence: state.puts,
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
            run: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets the fault happen; otherwise the term is noted.
    async fn pass(&self, term: Term) -> Result<(), NodeError> {
        let fault = self.state().fault;
        match fault {
            Fault::Dead => return Err(NodeError::Unreachable("connection refused".into())),
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

    fn slice(&self, get: GetChunk) -> Result<ChunkSlice, NodeError> {
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

    fn is_intact(&self, key: ChunkKey, root: &ChunkRoot) -> bool {
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

impl NodeApi for FakeNode {
    fn id(&self) -> NodeId {
        self.id
    }

    fn is_local(&self) -> bool {
        self.is_local
    }

    fn put_chunk(&self, put: PutChunk) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(put.term).await?;
            // Durable answers come from another thread, not within the call.
            tokio::task::yield_now().await;
            let mut state = self.state();
            if state.fault == Fault::Full {
                return Err(NodeError::Full);
            }
            assert_eq!(put.data.table.root(put.key, put.data.length), put.root);
            let bytes: Vec<u8> = put.data.pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
            assert_eq!(bytes.len(), put.data.length as usize);
            let held = Held { bytes: bytes.into(), table: put.data.table, group: put.group, term: put.term };
            state.puts += 1;
            state.chunks.insert(put.key, held);
            Ok(())
        })
    }

    fn get_chunk(&self, get: GetChunk) -> BoxFuture<'_, Result<ChunkSlice, NodeError>> {
        Box::pin(async move {
            self.pass(get.term).await?;
            self.slice(get)
        })
    }

    fn get_chunk_inline(&self, get: GetChunk) -> Option<Result<ChunkSlice, NodeError>> {
        let answers = self.is_local && self.state().fault == Fault::None;
        answers.then(|| self.slice(get))
    }

    fn quarantine(&self, term: Term, key: ChunkKey, root: ChunkRoot) -> BoxFuture<'_, Result<bool, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let is_wrong = !self.is_intact(key, &root);
            if is_wrong {
                let mut state = self.state();
                state.chunks.remove(&key);
                state.quarantined.push(key);
            }
            Ok(is_wrong)
        })
    }

    fn drop_blobs(&self, request: DropBlobs) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(request.term).await?;
            let mut state = self.state();
            if let Some(seen) = state.witness {
                let is_older = request.witness.commit_sequence < seen.commit_sequence;
                if request.witness.history != seen.history || is_older {
                    return Err(NodeError::StaleMetadata { seen });
                }
            }
            for dropped in &request.blobs {
                let is_dropped = |key: &ChunkKey| key.blob == dropped.blob && key.index < dropped.chunk_limit;
                state.chunks.retain(|key, _| !is_dropped(key));
                state.dropped.push(dropped.blob);
            }
            Ok(())
        })
    }

    fn pull_blob(&self, request: PullBlob) -> BoxFuture<'_, Result<PullReport, NodeError>> {
        Box::pin(async move {
            self.pass(request.term).await?;
            let mut report = PullReport { held: 0, pulled_bytes: 0, bad_sources: Vec::new() };
            for (index, root) in (request.first_chunk..).zip(&request.roots) {
                let key = ChunkKey { blob: request.blob, index };
                if self.is_intact(key, root) {
                    report.held += 1;
                    continue;
                }
                for source in &request.sources {
                    let Some(peer) = self.network.upgrade().and_then(|network| network.node(source.node)) else {
                        continue;
                    };
                    let get =
                        GetChunk { term: request.term, key, first_block: 0, block_count: u32::MAX / BLOCK_LENGTH };
                    match peer.get_chunk(get).await {
                        Ok(slice) if slice.is_intact(key, root) => {
                            report.pulled_bytes += slice.bytes.len() as u64;
                            report.held += 1;
                            let ChunkSlice { bytes, table, .. } = slice;
                            let held = Held { bytes, table, group: request.group, term: request.term };
                            self.state().chunks.insert(key, held);
                            break;
                        }
                        _ => report.bad_sources.push((source.node, key)),
                    }
                }
            }
            Ok(report)
        })
    }

    fn inventory(
        &self,
        term: Term,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let state = self.state();
            let from = from.map_or(0, |cursor| usize::try_from(cursor.offset).unwrap());
            let page = state.chunks.iter().skip(from).take(limit as usize);
            let mut entries: Vec<InventoryEntry> = Vec::new();
            for (key, held) in page {
                match entries.last_mut() {
                    Some(entry) if entry.blob == key.blob => {
                        entry.chunk_count += 1;
                        entry.chunk_limit = key.index + 1;
                        entry.index_marks = entry.index_marks.wrapping_add(index_mark(key.index));
                        entry.term = entry.term.max(held.term);
                    }
                    _ => entries.push(InventoryEntry {
                        blob: key.blob,
                        group: held.group,
                        term: held.term,
                        chunk_count: 1,
                        chunk_limit: key.index + 1,
                        index_marks: index_mark(key.index),
                        bytes: held.bytes.len() as u64,
                    }),
                }
            }
            let end = from + limit as usize;
            let next =
                (end < state.chunks.len()).then_some(InventoryCursor { volume: 0, segment: 0, offset: end as u64 });
            Ok(InventoryPage { blobs: entries, next })
        })
    }

    fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<ChunkKey>, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let mut listed = self.state().still_quarantined();
            listed.retain(|key| Some(*key) > after);
            listed.sort();
            listed.truncate(limit as usize);
            Ok(listed)
        })
    }

    fn forget_quarantined(&self, term: Term, keys: Vec<ChunkKey>) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            self.state().quarantined.retain(|key| !keys.contains(key));
            Ok(())
        })
    }

    fn begin_scrub(&self, term: Term) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            self.scrub(&[]);
            Ok(())
        })
    }

    fn status(&self, term: Term, witness: Option<MetadataWitness>) -> BoxFuture<'_, Result<NodeStatus, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            if let Some(witness) = witness {
                let mut state = self.state();
                let seen = *state.witness.get_or_insert(witness);
                if seen.history == witness.history && seen.commit_sequence < witness.commit_sequence {
                    state.witness = Some(witness);
                }
            }
            Ok(self.status_now())
        })
    }

    fn confirm_history(&self, term: Term, witness: MetadataWitness) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            self.state().witness = Some(witness);
            Ok(())
        })
    }
}

/// Where a gateway and the nodes find the nodes.
#[derive(Debug, Default)]
pub struct FakeNetwork {
    nodes: Mutex<HashMap<NodeId, Arc<FakeNode>>>,
}

/// Whether the gateway reaches a node by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    InProcess,
    Elsewhere,
}

impl FakeNetwork {
    pub fn add(self: &Arc<Self>, number: u8, place: Place) -> Arc<FakeNode> {
        let state = State {
            fault: Fault::None,
            chunks: BTreeMap::new(),
            quarantined: Vec::new(),
            unidentified: 0,
            dropped: Vec::new(),
            puts: 0,
            starts: 1,
            gets: 0,
            term: Term(0),
            witness: None,
            free: CAPACITY,
        };
        let node = Arc::new(FakeNode {
            id: NodeId::from_bytes([number; 16]),
            is_local: place == Place::InProcess,
            network: Arc::downgrade(self),
            state: Mutex::new(state),
        });
        self.nodes.lock().unwrap().insert(node.id, node.clone());
        node
    }

    fn node(&self, node: NodeId) -> Option<Arc<FakeNode>> {
        self.nodes.lock().unwrap().get(&node).cloned()
    }
}

impl PeerConnector for FakeNetwork {
    fn connect(&self, peer: &PeerAddress) -> Option<Arc<dyn NodeApi>> {
        self.node(peer.node).map(|node| node as Arc<dyn NodeApi>)
    }
}
