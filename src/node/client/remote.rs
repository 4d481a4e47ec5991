//! `NodeApi` of a node in another process.

use super::{
    RemoteParts,
    connection::{Answer, Outgoing},
    pool::Pool,
    put_batches::PutBatches,
};
use crate::{
    node::{
        NodeApi, NodeError,
        api::{
            ChunkRun, DropBlobs, DropReport, GetChunk, InventoryCursor, InventoryPage, MergeDoubles, MergeReport,
            MetadataWitness, NodeStatus, PullBlob, PullReport, PutChunk, ReignSeen, VolumeMark,
        },
        protocol::{
            chunk_batch::BATCHED_CHUNK_LENGTH_MAX,
            chunk_head::{PutHead, SliceHead},
            chunk_runs,
            documents::{ForgetQuarantined, Inventory, Quarantine, Quarantined, Status, from_json, to_json},
            route::Route,
        },
    },
    types::{BlobId, ChunkKey, ChunkRoot, ChunkSlice, NodeId, Term},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// A node in another process. Answers are authenticated; that a chunk's bytes are the right ones is for the caller to
/// check, against the root.
pub struct RemoteNode {
    id: NodeId,
    pool: Arc<Pool>,
    small_puts: PutBatches,
    request_timeout: Duration,
    pull_timeout: Duration,
}

impl RemoteNode {
    /// Connects when it is first needed.
    pub fn new(id: NodeId, address: String, parts: RemoteParts) -> Self {
        let (request_timeout, pull_timeout) =
            (parts.settings.node_request_timeout.0, parts.settings.node_pull_timeout.0);
        let pool = Arc::new(Pool::new(id, address, parts));
        let small_puts = PutBatches::new(Arc::clone(&pool), request_timeout);
        Self { id, pool, small_puts, request_timeout, pull_timeout }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        self.pool.address()
    }

    /// A call whose request is a document.
    async fn ask(
        &self,
        route: Route,
        term: Term,
        document: &(impl serde::Serialize + Sync),
        deadline: Duration,
    ) -> Result<Answer, NodeError> {
        self.pool.ask(Outgoing { route, term, head: to_json(document).into(), pieces: Vec::new() }, deadline).await
    }
}

impl NodeApi for RemoteNode {
    fn id(&self) -> NodeId {
        self.id
    }

    fn is_local(&self) -> bool {
        false
    }

    fn put_chunk(&self, put: PutChunk) -> BoxFuture<'_, Result<(), NodeError>> {
        // A node reads no body that is too long, and its answer may be lost with the connection that it closes.
        if let Err(refused) = put.check_length() {
            return Box::pin(async move { Err(refused) });
        }
        if put.data.length <= BATCHED_CHUNK_LENGTH_MAX {
            return Box::pin(self.small_puts.put(put));
        }
        let outgoing = Outgoing {
            route: Route::PutChunk(put.key),
            term: put.term,
            head: PutHead::encode(put.group, put.root, &put.data).into(),
            pieces: put.data.pieces,
        };
        Box::pin(async move { self.pool.ask(outgoing, self.request_timeout).await.map(|_| ()) })
    }

    fn get_chunk(&self, get: GetChunk) -> BoxFuture<'_, Result<ChunkSlice, NodeError>> {
        let route = Route::GetChunk { key: get.key, first_block: get.first_block, block_count: get.block_count };
        Box::pin(async move {
            let outgoing = Outgoing { route, term: get.term, head: Bytes::new(), pieces: Vec::new() };
            let answer = self.pool.ask(outgoing, self.request_timeout).await?;
            // A slice past the chunk's end is empty, wherever the node says that it begins.
            SliceHead::decode(&answer.head)
                .filter(|head| head.first_block == get.first_block || answer.data.is_empty())
                .and_then(|head| head.into_slice(answer.data, get.block_count))
                .ok_or_else(|| NodeError::Refused("a slice that can't be read".to_owned()))
        })
    }

    fn quarantine(&self, term: Term, key: ChunkKey, root: ChunkRoot) -> BoxFuture<'_, Result<bool, NodeError>> {
        Box::pin(async move {
            let answer = self.ask(Route::Quarantine, term, &Quarantine { key, root }, self.request_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn drop_blobs(&self, request: DropBlobs) -> BoxFuture<'_, Result<DropReport, NodeError>> {
        Box::pin(async move {
            let answer = self.ask(Route::DropBlobs, request.term, &request, self.request_timeout).await?;
            // A node of an older release says nothing where it has nothing to say, and else that it is frozen.
            Ok(from_json::<Option<DropReport>>(&answer.head)?.unwrap_or_default())
        })
    }

    fn pull_blob(&self, request: PullBlob) -> BoxFuture<'_, Result<PullReport, NodeError>> {
        Box::pin(async move {
            let answer = self.ask(Route::PullBlob, request.term, &request, self.pull_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn inventory_after(
        &self,
        term: Term,
        after: Vec<VolumeMark>,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>> {
        Box::pin(async move {
            let inventory = Inventory { from, limit, after };
            let answer = self.ask(Route::Inventory, term, &inventory, self.request_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn lacking(&self, term: Term, runs: Vec<ChunkRun>) -> BoxFuture<'_, Result<Vec<BlobId>, NodeError>> {
        let head = chunk_runs::encode(&runs).into();
        Box::pin(async move {
            let outgoing = Outgoing { route: Route::Lacking, term, head, pieces: Vec::new() };
            from_json(&self.pool.ask(outgoing, self.request_timeout).await?.head)
        })
    }

    fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<ChunkKey>, NodeError>> {
        Box::pin(async move {
            let answer =
                self.ask(Route::Quarantined, term, &Quarantined { after, limit }, self.request_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn forget_quarantined(&self, term: Term, keys: Vec<ChunkKey>) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            let document = ForgetQuarantined { keys };
            self.ask(Route::ForgetQuarantined, term, &document, self.request_timeout).await.map(|_| ())
        })
    }

    fn merge_doubles(&self, request: MergeDoubles) -> BoxFuture<'_, Result<MergeReport, NodeError>> {
        Box::pin(async move {
            let answer = self.ask(Route::MergeDoubles, request.term, &request, self.request_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn begin_scrub(&self, term: Term) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move { self.ask(Route::BeginScrub, term, &(), self.request_timeout).await.map(|_| ()) })
    }

    fn status(&self, term: Term, witness: Option<MetadataWitness>) -> BoxFuture<'_, Result<NodeStatus, NodeError>> {
        Box::pin(async move {
            let answer = self.ask(Route::Status, term, &Status { witness }, self.request_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn reign_seen(&self) -> BoxFuture<'_, Result<ReignSeen, NodeError>> {
        Box::pin(async move {
            let answer = self.ask(Route::ReignSeen, Term::default(), &(), self.request_timeout).await?;
            from_json(&answer.head)
        })
    }

    fn confirm_history(&self, term: Term, witness: MetadataWitness) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move { self.ask(Route::ConfirmHistory, term, &witness, self.request_timeout).await.map(|_| ()) })
    }
}
