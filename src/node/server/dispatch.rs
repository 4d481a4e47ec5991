//! From a request that was believed to the service's call, and from its result to an answer.

use super::service::NodeService;
use crate::{
    node::{
        NodeApi, NodeError,
        api::{DropBlobs, GetChunk, MergeDoubles, MetadataWitness, PullBlob, PutChunk},
        protocol::{
            chunk_batch::{self, BatchEntry},
            chunk_head::{PutHead, SliceHead},
            chunk_runs,
            documents::{ForgetQuarantined, Inventory, Quarantine, Quarantined, Status, from_json, status_of, to_json},
            route::Route,
        },
    },
    runtime::RequestScope,
    types::{ChunkData, ChunkSlice, Term},
};
use bytes::Bytes;
use futures_util::future::join_all;

/// A request whose proof was right.
pub(super) struct Believed {
    pub(super) route: Route,
    pub(super) term: Term,
    pub(super) head: Bytes,
    /// A chunk's bytes, or several chunks, each in one piece, or nothing.
    pub(super) pieces: Vec<Bytes>,
}

/// What goes back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: Bytes,
    /// A chunk's blocks, or nothing.
    pub(super) data: Bytes,
}

impl Reply {
    pub(super) fn error(error: &NodeError) -> Self {
        Self { status: status_of(error), head: to_json(error).into(), data: Bytes::new() }
    }

    fn document(document: &impl serde::Serialize) -> Self {
        Self { status: 200, head: to_json(document).into(), data: Bytes::new() }
    }

    fn slice(slice: ChunkSlice) -> Self {
        Self { status: 200, head: SliceHead::encode(&slice).into(), data: slice.bytes }
    }
}

pub(super) async fn dispatch(service: &NodeService, request: Believed) -> Reply {
    answer(service, request).await.unwrap_or_else(|error| Reply::error(&error))
}

async fn answer(service: &NodeService, request: Believed) -> Result<Reply, NodeError> {
    let Believed { route, term, head, pieces } = request;
    match route {
        Route::PutChunk(key) => {
            let head = PutHead::decode(&head).ok_or_else(unreadable)?;
            let data = ChunkData { pieces, length: head.length, table: head.table };
            service.put_chunk(PutChunk { term, group: head.group, key, data, root: head.root }).await?;
            Ok(Reply::document(&()))
        }
        Route::PutChunks => {
            let entries = chunk_batch::decode(&head).ok_or_else(unreadable)?;
            Ok(Reply::document(&put_chunks(service, term, entries, pieces).await))
        }
        Route::GetChunk { key, first_block, block_count } => {
            let get = GetChunk { term, key, first_block, block_count };
            let slice = match service.get_chunk_inline(get) {
                Some(result) => result?,
                None => service.get_chunk(get).await?,
            };
            Ok(Reply::slice(slice))
        }
        Route::Quarantine => {
            let Quarantine { key, root } = from_json(&head)?;
            Ok(Reply::document(&service.quarantine(term, key, root).await?))
        }
        Route::DropBlobs => {
            let drop: DropBlobs = from_json(&head)?;
            same_term(term, drop.term)?;
            Ok(Reply::document(&service.drop_blobs(drop).await?))
        }
        Route::PullBlob => {
            let pull: PullBlob = from_json(&head)?;
            same_term(term, pull.term)?;
            Ok(Reply::document(&service.pull_blob(pull).await?))
        }
        Route::Inventory => {
            let Inventory { from, limit, after } = from_json(&head)?;
            Ok(Reply::document(&service.inventory_after(term, after, from, limit).await?))
        }
        Route::Lacking => {
            let runs = chunk_runs::decode(&head).ok_or_else(unreadable)?;
            Ok(Reply::document(&service.lacking(term, runs).await?))
        }
        Route::Quarantined => {
            let Quarantined { after, limit } = from_json(&head)?;
            Ok(Reply::document(&service.quarantined(term, after, limit).await?))
        }
        Route::ForgetQuarantined => {
            let ForgetQuarantined { keys } = from_json(&head)?;
            Ok(Reply::document(&service.forget_quarantined(term, keys).await?))
        }
        Route::MergeDoubles => {
            let merge: MergeDoubles = from_json(&head)?;
            same_term(term, merge.term)?;
            Ok(Reply::document(&service.merge_doubles(merge).await?))
        }
        Route::BeginScrub => {
            let () = from_json(&head)?;
            Ok(Reply::document(&service.begin_scrub(term).await?))
        }
        Route::Status => {
            let Status { witness } = from_json(&head)?;
            let status = service.status(term, witness).await?;
            service.heard_gateway();
            Ok(Reply::document(&status))
        }
        Route::ReignSeen => {
            let () = from_json(&head)?;
            Ok(Reply::document(&service.reign_seen().await?))
        }
        Route::ConfirmHistory => {
            let witness: MetadataWitness = from_json(&head)?;
            Ok(Reply::document(&service.confirm_history(term, witness).await?))
        }
        // A connection says hello once, before anything else.
        Route::Hello => Err(unreadable()),
    }
}

/// Puts all of them side by side: they share a sync. What became of each, in their order.
async fn put_chunks(
    service: &NodeService,
    term: Term,
    entries: Vec<BatchEntry>,
    chunks: Vec<Bytes>,
) -> Vec<Option<NodeError>> {
    let puts = entries.into_iter().zip(chunks).map(|(BatchEntry { key, request, head }, chunk)| {
        let data = ChunkData { pieces: vec![chunk], length: head.length, table: head.table };
        let putting = service.put_chunk(PutChunk { term, group: head.group, key, data, root: head.root });
        let put = async move {
            let refused = putting.await.err();
            let status = refused.as_ref().map_or(200, status_of);
            tracing::debug!(route = %Route::PutChunk(key), status, "answered");
            refused
        };
        async move {
            match request {
                Some(id) => RequestScope::new(id).run(put).await,
                None => put.await,
            }
        }
    });
    join_all(puts).await
}

fn unreadable() -> NodeError {
    NodeError::Refused("the request can't be read".to_owned())
}

/// The proof and the document both name the term: one that says two things is not believed.
fn same_term(proof: Term, document: Term) -> Result<(), NodeError> {
    if proof == document { Ok(()) } else { Err(unreadable()) }
}
