//! What a gateway (or a peer) asks of a storage node. One trait, implemented by the service over a volume (embedded:
//! a call) and by the HTTP client; one behaviour suite runs against both.

use super::protocol::CHUNK_LENGTH_MAX;
use crate::types::{
    BlobId, ChunkData, ChunkKey, ChunkRoot, ChunkSlice, ClusterId, CommitSequence, Epoch, GroupId, HistoryId, NodeId,
    RunId, Term, VolumeId,
};
pub use crate::types::{ScrubState, ScrubStatus, VolumeState, VolumeStatus};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// A chunk to make durable.
#[derive(Clone, Debug)]
pub struct PutChunk {
    pub term: Term,
    pub group: GroupId,
    pub key: ChunkKey,
    pub data: ChunkData,
    /// Checked against the data before the append: a chunk that was garbled on the way is refused.
    pub root: ChunkRoot,
}

impl PutChunk {
    /// Asked on both sides: before a body is sent that nobody would read, and before it is believed.
    pub(super) fn check_length(&self) -> Result<(), NodeError> {
        if (1..=CHUNK_LENGTH_MAX).contains(&self.data.length) {
            Ok(())
        } else {
            Err(NodeError::Refused(format!("a chunk has 1 to {CHUNK_LENGTH_MAX} bytes")))
        }
    }
}

/// Whole blocks of a chunk. The answer carries the chunk's full block table.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct GetChunk {
    pub term: Term,
    pub key: ChunkKey,
    pub first_block: u32,
    /// Blocks past the chunk's end are not an error: the answer is cut there. 0 asks for the table alone.
    pub block_count: u32,
}

/// Proof that who asks to destroy something knows at least what this node has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataWitness {
    pub history: HistoryId,
    pub commit_sequence: CommitSequence,
}

/// Destroys all chunks of blobs. Sent by the `reclaim` function alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropBlobs {
    pub term: Term,
    pub witness: MetadataWitness,
    /// The group that the blobs belong to, and its epoch: an older epoch than the node has seen is refused.
    pub group: GroupId,
    pub epoch: Epoch,
    /// At most `DROP_BLOBS_MAX`.
    pub blobs: Vec<DroppedBlob>,
}

/// A blob to drop, and how far its chunks may reach: the node looks up each index below the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedBlob {
    pub blob: BlobId,
    /// Highest chunk index plus one.
    pub chunk_limit: u32,
}

/// Bound of one `DropBlobs`: 1000 blobs are 16 KB of ids and one batch of tombstones.
pub const DROP_BLOBS_MAX: usize = 1000;

/// What a drop has left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropReport {
    /// Blobs of which chunks may lie on a frozen volume, while the node's other volumes go on. All else of them is dropped.
    pub kept: Vec<BlobId>,
}

/// Makes the node fetch chunks that it lacks from a peer, verify them and append them. What it holds intact stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PullBlob {
    pub term: Term,
    pub group: GroupId,
    pub blob: BlobId,
    pub first_chunk: u32,
    /// Roots of the chunks from `first_chunk` on; at most `PULL_CHUNKS_MAX`.
    pub roots: Vec<ChunkRoot>,
    /// Where to fetch from, best first; at most `PULL_SOURCES_MAX`.
    pub sources: Vec<PeerAddress>,
    /// How long to rest after each chunk, in percent of the time that it took: clients come first. At most
    /// `PULL_REST_PERCENT_MAX` counts.
    #[serde(default)]
    pub rest_percent: u32,
}

/// Bound of one `PullBlob`: 256 chunks are 1 GiB at the default chunk size.
pub const PULL_CHUNKS_MAX: usize = 256;

/// Bound of one `PullBlob`: the members of a group are fewer, but those that left it and may still hold copies may be more.
pub const PULL_SOURCES_MAX: usize = 64;

/// A pull that rests for longer would rather fail at its deadline.
pub const PULL_REST_PERCENT_MAX: u32 = 1000;

/// How a node reaches a peer: by address, or in the same process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAddress {
    pub node: NodeId,
    pub address: Option<String>,
}

/// What a pull did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullReport {
    /// Chunks of the request that the node now holds, checked.
    pub held: u32,
    pub pulled_bytes: u64,
    /// Peers that sent a wrong chunk, or found theirs corrupt.
    pub bad_sources: Vec<(NodeId, ChunkKey)>,
    /// Peers that have no such chunk. A node of an older release names them among the bad ones.
    #[serde(default)]
    pub lacking_sources: Vec<(NodeId, ChunkKey)>,
}

/// Bound of one page of an inventory: 10 000 chunks are at most 2 MB of answer.
pub const INVENTORY_CHUNKS_MAX: u32 = 10_000;

/// A page of what a node holds, in the order of its volume's segments. A blob whose chunks lie far apart appears on
/// several pages; what is written while the pages are fetched may be missing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InventoryPage {
    pub blobs: Vec<InventoryEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<InventoryCursor>,
    /// How far each volume had come before the page was read: what the pages from the first one on don't show for being too
    /// new lies behind the first one's marks. None from a node of a release without marks.
    #[serde(default)]
    pub marks: Vec<VolumeMark>,
}

/// How far a volume had come at some time of one run of its node. What is written later has a higher sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMark {
    pub volume: VolumeId,
    pub sequence: u64,
}

/// A place in a node's inventory; only the node that gave it out understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryCursor {
    /// Position of the volume among the node's.
    #[serde(default)]
    pub volume: u32,
    pub segment: u64,
    pub offset: u64,
}

/// A blob of which the page holds at least one chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryEntry {
    pub blob: BlobId,
    pub group: GroupId,
    /// Highest term of its records.
    pub term: Term,
    pub chunk_count: u32,
    /// Highest chunk index plus one.
    pub chunk_limit: u32,
    pub bytes: u64,
}

/// An order to give up chunks that two volumes of the node hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeDoubles {
    pub term: Term,
    pub witness: MetadataWitness,
    /// Where the last answer ended.
    pub from: Option<InventoryCursor>,
}

/// What one order did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeReport {
    /// Chunks that are on one volume less, and their bytes there.
    pub dropped: u32,
    pub bytes: u64,
    /// Where the next order goes on; `None` when all was looked at.
    pub next: Option<InventoryCursor>,
}

/// Chunks of a blob that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRun {
    pub blob: BlobId,
    pub first: u32,
    pub count: u32,
}

impl ChunkRun {
    pub fn keys(self) -> impl Iterator<Item = ChunkKey> {
        (self.first..self.first.saturating_add(self.count)).map(move |index| ChunkKey { blob: self.blob, index })
    }
}

/// Bound of one question about what is held, and of its runs: each chunk is a look-up in memory, all of them well below a
/// millisecond, and the question has at most 98 KB.
pub const ASKED_CHUNKS_MAX: u32 = 4096;

/// Bound of one page of quarantined chunks, 80 KB of answer.
pub const QUARANTINED_CHUNKS_MAX: u32 = 1000;

/// What a node says of itself: in its registration, its heartbeats and when asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub node: NodeId,
    pub cluster: ClusterId,
    pub volumes: Vec<VolumeStatus>,
    #[serde(default)]
    pub scrub: ScrubStatus,
    /// Requests under way.
    pub load: u32,
    /// The newest metadata that this node has seen, kept on its disk.
    pub witness: Option<MetadataWitness>,
    /// The newest term that this node has seen.
    pub term: Term,
    /// `None` from a node of a release that drew none.
    #[serde(default)]
    pub run: Option<RunId>,
}

/// What a node has heard of gateways: lets one find out whether another is alive before it takes the nodes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReignSeen {
    /// The newest term that the node has seen; 0 before any gateway called.
    pub term: Term,
    /// The newest metadata that it has seen.
    #[serde(default)]
    pub witness: Option<MetadataWitness>,
    /// How long ago a gateway last asked how the node is, as gateways do every few seconds. `None`: not since the node's start.
    pub heard_ms: Option<u64>,
    /// Since the node's start.
    pub up_ms: u64,
    /// Volumes of which its inventory shows nothing: frozen, or not opened.
    #[serde(default)]
    pub volumes_left_out: u32,
}

/// What a caller can do about it is in the variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NodeError {
    /// Ask another replica; put this one on the repair list.
    #[error("the node has no such chunk")]
    NotFound,
    /// Ask another replica; the chunk is quarantined already.
    #[error("the node's copy of the chunk is corrupt")]
    Corrupt,
    /// Write elsewhere.
    #[error("the node's disk is full")]
    Full,
    /// Write and read elsewhere.
    #[error("the node's volume is frozen: {0}")]
    Frozen(String),
    /// This gateway's reign is over: stop.
    #[error("the node has seen term {seen}")]
    StaleTerm { seen: Term },
    #[error("the node has seen epoch {seen} of the group")]
    StaleEpoch { seen: Epoch },
    /// The metadata is older than what the node has seen, or of another history: destroy nothing.
    #[error("the node has seen newer metadata or another history")]
    StaleMetadata { seen: MetadataWitness },
    /// The bytes don't fit their root: send them again.
    #[error("the chunk arrived garbled")]
    Garbled,
    #[error("the node refused the request: {0}")]
    Refused(String),
    /// No answer, or not in time: try another, and this one later.
    #[error("the node did not answer: {0}")]
    Unreachable(String),
}

/// A storage node. Every call has a deadline inside; a cancelled future leaves at worst a durable chunk that nobody
/// names, which `reclaim` clears.
pub trait NodeApi: Send + Sync {
    fn id(&self) -> NodeId;

    /// Whether the node is in this process: reads prefer it.
    fn is_local(&self) -> bool;

    /// Resolves when the chunk is durable. The same key with the same root again succeeds and writes nothing.
    fn put_chunk(&self, put: PutChunk) -> BoxFuture<'_, Result<(), NodeError>>;

    /// Answers whole blocks and the block table; the caller verifies.
    fn get_chunk(&self, get: GetChunk) -> BoxFuture<'_, Result<ChunkSlice, NodeError>>;

    /// The answer without waiting, when it is a call and the data is cached in memory; else `None`: call `get_chunk`.
    fn get_chunk_inline(&self, _get: GetChunk) -> Option<Result<ChunkSlice, NodeError>> {
        None
    }

    /// A reader found the chunk wrong: the node checks it, quarantines it if it is, and says whether it was.
    fn quarantine(&self, term: Term, key: ChunkKey, root: ChunkRoot) -> BoxFuture<'_, Result<bool, NodeError>>;

    /// What lies on volumes that are well is dropped, durably. `Frozen` when none is.
    fn drop_blobs(&self, request: DropBlobs) -> BoxFuture<'_, Result<DropReport, NodeError>>;

    fn pull_blob(&self, request: PullBlob) -> BoxFuture<'_, Result<PullReport, NodeError>>;

    /// What the node holds from `from` on: one page out of at most `limit` chunks (bounded at `INVENTORY_CHUNKS_MAX`).
    fn inventory(
        &self,
        term: Term,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>> {
        self.inventory_after(term, Vec::new(), from, limit)
    }

    /// The same, but of the volumes that are marked only what was written behind the mark: it costs as much as was written
    /// since. Marks hold for the run of the node that gave them out.
    fn inventory_after(
        &self,
        term: Term,
        after: Vec<VolumeMark>,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>>;

    /// Those of the blobs of which it lacks a chunk of the run. Known from memory: it says that there are records, not that they
    /// are right. A chunk that it does not hold is called held by a chance of less than 1 in 2^40.
    fn lacking(&self, term: Term, runs: Vec<ChunkRun>) -> BoxFuture<'_, Result<Vec<BlobId>, NodeError>>;

    /// Chunks that the node found damaged, and that were neither replaced nor dropped since: in the order of their keys from
    /// behind `after` on, at most `limit` (bounded at `QUARANTINED_CHUNKS_MAX`).
    fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<ChunkKey>, NodeError>>;

    /// Takes chunks off the list of quarantined ones: nobody waits for this node's copies of them any more. Deletes nothing,
    /// as nothing of them is held. At most `QUARANTINED_CHUNKS_MAX`; those that are not listed are passed over.
    fn forget_quarantined(&self, term: Term, keys: Vec<ChunkKey>) -> BoxFuture<'_, Result<(), NodeError>>;

    /// Looks for chunks that two of the node's volumes hold, as after one of them was away for a while: of those that are the
    /// same and whole on both, one goes, durably. The node's last copy never does. One bounded piece of the way.
    fn merge_doubles(&self, request: MergeDoubles) -> BoxFuture<'_, Result<MergeReport, NodeError>>;

    /// Begins to read and check all that the node holds, at full pace. Resolves when that has begun; `status` tells the rest.
    fn begin_scrub(&self, term: Term) -> BoxFuture<'_, Result<(), NodeError>>;

    /// Also tells the node the newest metadata, which it keeps on its disk. Metadata that is older than what the node
    /// has seen, or of another history, changes nothing: the answer's witness shows the difference.
    fn status(&self, term: Term, witness: Option<MetadataWitness>) -> BoxFuture<'_, Result<NodeStatus, NodeError>>;

    /// What the node has heard of gateways. Names no term and changes nothing: any gateway may ask, whoever reigns.
    fn reign_seen(&self) -> BoxFuture<'_, Result<ReignSeen, NodeError>>;

    /// An operator confirmed this history after a restore: the node takes it in place of the one it has seen, and
    /// never goes back to that one (`StaleMetadata`). Until then drops of the new history are refused. The cluster
    /// calls this only when its own metadata needs no confirmation.
    fn confirm_history(&self, term: Term, witness: MetadataWitness) -> BoxFuture<'_, Result<(), NodeError>>;
}
