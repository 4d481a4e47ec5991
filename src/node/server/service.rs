//! A storage node: its volumes, what the node must remember, and the one `NodeApi` over both. Embedded nodes are called
//! directly; `http` serves the same service to others.

use super::{
    admission::Admission,
    disk_threads::DiskThreads,
    last_word::LastWord,
    parts::{NodeParts, OpenError},
    state_keeper::StateKeeper,
    volumes::Volumes,
};
use crate::{
    node::{
        NodeApi, NodeError, NodeSettings, PeerConnector,
        api::{
            ChunkRun, DropBlobs, DropReport, GetChunk, InventoryCursor, InventoryPage, MergeDoubles, MergeReport,
            MetadataWitness, NodeStatus, PullBlob, PullReport, PutChunk, ReignSeen, VolumeMark,
        },
        protocol,
    },
    types::{BlobId, ChunkKey, ChunkRoot, ChunkSlice, ClusterId, NodeId, RunId, Term},
    volume::{self, RecoveryReport, VolumeError, VolumeStats},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::{RwLock, Semaphore};

const _: () = assert!(protocol::CHUNK_LENGTH_MAX <= volume::CHUNK_LENGTH_MAX, "what travels can be stored");

/// Directory of the volume in the node's own.
const VOLUME_DIRECTORY: &str = "volume";

/// Pulls at a time. Each holds a few chunks in memory and a peer's disk busy; more would not make a repair faster.
const PULLS_MAX: usize = 4;

/// Cheap to clone. `close` ends it; dropping the last clone stops the upkeep and leaves recovery to the next start.
#[derive(Clone)]
pub struct NodeService {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) node: NodeId,
    pub(super) cluster: ClusterId,
    pub(super) run: RunId,
    pub(super) volumes: Volumes,
    pub(super) state: StateKeeper,
    last_word: LastWord,
    pub(super) settings: Arc<NodeSettings>,
    pub(super) admission: Admission,
    pub(super) disk_threads: DiskThreads,
    pub(super) pulls: Semaphore,
    /// Held for reading by every drop that is under way.
    pub(super) drops: Arc<RwLock<()>>,
    pub(super) peers: Arc<dyn PeerConnector>,
}

impl NodeService {
    /// Makes or reopens the node's volumes. Blocks for as long as recovery takes.
    pub fn open(parts: NodeParts) -> Result<(Self, Vec<RecoveryReport>), OpenError> {
        let state = StateKeeper::open(Arc::clone(&parts.disk), parts.directory.clone())?;
        let mut run = [0; RunId::LENGTH];
        parts.random.fill(&mut run);
        let own = [parts.directory.join(VOLUME_DIRECTORY)];
        let directories = if parts.volumes.is_empty() { &own[..] } else { &parts.volumes[..] };
        let (volumes, reports) = Volumes::open(&parts, directories)?;
        let inner = Inner {
            node: parts.node,
            cluster: parts.cluster,
            run: RunId::from_bytes(run),
            volumes,
            state,
            last_word: LastWord::new(parts.clock.clone()),
            admission: Admission::new(parts.settings.node_requests),
            disk_threads: DiskThreads::new(parts.settings.node_disk_reads),
            pulls: Semaphore::new(PULLS_MAX),
            drops: Arc::default(),
            peers: parts.peers,
            settings: parts.settings,
        };
        Ok((Self { inner: Arc::new(inner) }, reports))
    }

    /// Ends the background work and closes the volumes: their next start needs no recovery. Blocks. Requests that come
    /// later fail.
    pub fn close(&self) -> Result<(), VolumeError> {
        self.inner.volumes.close()
    }

    pub fn cluster(&self) -> ClusterId {
        self.inner.cluster
    }

    /// The newest term that the node has seen.
    pub fn term(&self) -> Term {
        self.inner.state.term()
    }

    /// A gateway that the node follows asked how it is, from outside of this process.
    pub(super) fn heard_gateway(&self) {
        self.inner.last_word.note();
    }

    /// Requests under way.
    pub fn load(&self) -> u32 {
        self.inner.admission.under_way()
    }

    pub fn volume_stats(&self) -> VolumeStats {
        self.inner.volumes.stats()
    }

    /// Admits, bounds and times a request.
    async fn run<T>(&self, work: impl Future<Output = Result<T, NodeError>> + Send) -> Result<T, NodeError> {
        self.inner.admission.run(self.inner.settings.node_request_timeout.0, work).await
    }
}

impl NodeApi for NodeService {
    fn id(&self) -> NodeId {
        self.inner.node
    }

    fn is_local(&self) -> bool {
        true
    }

    fn put_chunk(&self, put: PutChunk) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(self.run(self.inner.put(put)))
    }

    fn get_chunk(&self, get: GetChunk) -> BoxFuture<'_, Result<ChunkSlice, NodeError>> {
        Box::pin(self.run(self.inner.get(get)))
    }

    fn get_chunk_inline(&self, get: GetChunk) -> Option<Result<ChunkSlice, NodeError>> {
        self.inner.get_inline(get)
    }

    fn quarantine(&self, term: Term, key: ChunkKey, root: ChunkRoot) -> BoxFuture<'_, Result<bool, NodeError>> {
        Box::pin(self.run(self.inner.quarantine(term, key, root)))
    }

    fn drop_blobs(&self, request: DropBlobs) -> BoxFuture<'_, Result<DropReport, NodeError>> {
        Box::pin(self.run(self.inner.drop_blobs(request)))
    }

    fn pull_blob(&self, request: PullBlob) -> BoxFuture<'_, Result<PullReport, NodeError>> {
        // Takes no place among the short requests: pulls are bounded on their own, and wait for the peers' answers.
        Box::pin(self.inner.pull_in_time(request))
    }

    fn inventory_after(
        &self,
        term: Term,
        after: Vec<VolumeMark>,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>> {
        Box::pin(self.run(self.inner.inventory(term, after, from, limit)))
    }

    fn lacking(&self, term: Term, runs: Vec<ChunkRun>) -> BoxFuture<'_, Result<Vec<BlobId>, NodeError>> {
        Box::pin(self.run(self.inner.lacking(term, runs)))
    }

    fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<ChunkKey>, NodeError>> {
        Box::pin(self.run(self.inner.quarantined(term, after, limit)))
    }

    fn forget_quarantined(&self, term: Term, keys: Vec<ChunkKey>) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(self.run(self.inner.forget_quarantined(term, keys)))
    }

    fn merge_doubles(&self, request: MergeDoubles) -> BoxFuture<'_, Result<MergeReport, NodeError>> {
        Box::pin(self.run(self.inner.merge_doubles(request)))
    }

    fn begin_scrub(&self, term: Term) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(self.run(self.inner.begin_scrub(term)))
    }

    fn status(&self, term: Term, witness: Option<MetadataWitness>) -> BoxFuture<'_, Result<NodeStatus, NodeError>> {
        Box::pin(self.run(self.inner.status(term, witness)))
    }

    fn reign_seen(&self) -> BoxFuture<'_, Result<ReignSeen, NodeError>> {
        Box::pin(self.run(async {
            let witness = self.inner.state.witness().await;
            Ok(self.inner.last_word.told(self.term(), witness, self.inner.volumes.left_out()))
        }))
    }

    fn confirm_history(&self, term: Term, witness: MetadataWitness) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(self.run(self.inner.state.confirm_history(term, witness)))
    }
}
