//! A node that there is no way to call: it was in this process once, and isn't any more (its directory was emptied), and has
//! no address. It stays a member of its groups, so that these are known and their other members are read; every call
//! fails at once.

use crate::{
    node::{
        NodeApi, NodeError,
        api::{
            ChunkRun, DropBlobs, DropReport, GetChunk, InventoryCursor, InventoryPage, MergeDoubles, MergeReport,
            MetadataWitness, NodeStatus, PullBlob, PullReport, PutChunk, ReignSeen, VolumeMark,
        },
    },
    types::{BlobId, ChunkKey, ChunkRoot, ChunkSlice, NodeId, Term},
};
use futures_util::future::BoxFuture;

#[derive(Debug)]
pub struct AbsentNode {
    pub id: NodeId,
}

fn absent<T: Send + 'static>() -> BoxFuture<'static, Result<T, NodeError>> {
    let error = NodeError::Unreachable("it is not in this process, and no address of it is known".to_owned());
    Box::pin(std::future::ready(Err(error)))
}

impl NodeApi for AbsentNode {
    fn id(&self) -> NodeId {
        self.id
    }

    fn is_local(&self) -> bool {
        false
    }

    fn put_chunk(&self, _put: PutChunk) -> BoxFuture<'_, Result<(), NodeError>> {
        absent()
    }

    fn get_chunk(&self, _get: GetChunk) -> BoxFuture<'_, Result<ChunkSlice, NodeError>> {
        absent()
    }

    fn quarantine(&self, _term: Term, _key: ChunkKey, _root: ChunkRoot) -> BoxFuture<'_, Result<bool, NodeError>> {
        absent()
    }

    fn drop_blobs(&self, _request: DropBlobs) -> BoxFuture<'_, Result<DropReport, NodeError>> {
        absent()
    }

    fn pull_blob(&self, _request: PullBlob) -> BoxFuture<'_, Result<PullReport, NodeError>> {
        absent()
    }

    fn inventory_after(
        &self,
        _term: Term,
        _after: Vec<VolumeMark>,
        _from: Option<InventoryCursor>,
        _limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>> {
        absent()
    }

    fn lacking(&self, _term: Term, _runs: Vec<ChunkRun>) -> BoxFuture<'_, Result<Vec<BlobId>, NodeError>> {
        absent()
    }

    fn quarantined(
        &self,
        _term: Term,
        _after: Option<ChunkKey>,
        _limit: u32,
    ) -> BoxFuture<'_, Result<Vec<ChunkKey>, NodeError>> {
        absent()
    }

    fn forget_quarantined(&self, _term: Term, _keys: Vec<ChunkKey>) -> BoxFuture<'_, Result<(), NodeError>> {
        absent()
    }

    fn merge_doubles(&self, _request: MergeDoubles) -> BoxFuture<'_, Result<MergeReport, NodeError>> {
        absent()
    }

    fn begin_scrub(&self, _term: Term) -> BoxFuture<'_, Result<(), NodeError>> {
        absent()
    }

    fn status(&self, _term: Term, _witness: Option<MetadataWitness>) -> BoxFuture<'_, Result<NodeStatus, NodeError>> {
        absent()
    }

    fn reign_seen(&self) -> BoxFuture<'_, Result<ReignSeen, NodeError>> {
        absent()
    }

    fn confirm_history(&self, _term: Term, _witness: MetadataWitness) -> BoxFuture<'_, Result<(), NodeError>> {
        absent()
    }
}
