//! The only place in a node that destroys data (`doubles` leaves a copy): on a request that proves to know at least what the node has seen.
//!
//! A request without blobs is a fence: when it is answered, nothing that was asked for under an older epoch is under way or
//! will be done. So it waits for all requests before it, also those whose asker has gone away.

use super::service::Inner;
use crate::{
    node::{
        NodeError,
        api::{DROP_BLOBS_MAX, DropBlobs, DropReport, DroppedBlob},
    },
    types::{BlobId, ChunkKey},
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::OwnedRwLockReadGuard;

/// Look-ups of one request, a tenth of a microsecond each. A blob of 5 GiB has 1280 chunks by default, 81 920 of 64 KiB.
const CHUNKS_LOOKED_UP_MAX: u64 = 4_000_000;

/// Chunks that are dropped by one batch of tombstones.
const TOMBSTONES_MAX: usize = 4096;

impl Inner {
    /// Drops every chunk of the blobs that the node holds. Resolves when that is durable; cancelled or failed half way,
    /// the same request again does the rest. What could be dropped is dropped, also when the answer is an error. A volume that is
    /// frozen while others serve is no error: the answer names the blobs of which it may hold chunks.
    pub(super) async fn drop_blobs(&self, request: DropBlobs) -> Result<DropReport, NodeError> {
        let looked_up: u64 = request.blobs.iter().map(|blob| u64::from(blob.chunk_limit)).sum();
        if request.blobs.len() > DROP_BLOBS_MAX || looked_up > CHUNKS_LOOKED_UP_MAX {
            return Err(NodeError::Refused("too much to drop in one request".to_owned()));
        }
        let admission = self.state.admit_drop(request.term, request.group, request.epoch, request.witness);
        if request.blobs.is_empty() {
            let _all_others_are_done = self.drops.write().await;
            return admission.await.map(|()| DropReport::default());
        }
        let under_way = Arc::new(Arc::clone(&self.drops).read_owned().await);
        admission.await?;
        let keys = self.candidates(request.blobs).await?;
        let (mut kept, mut result) = (BTreeSet::new(), Ok(()));
        for batch in keys.chunks(TOMBSTONES_MAX) {
            // A volume that can't drop holds up neither the others nor what comes after.
            match self.drop_chunks(batch.to_vec(), under_way.clone()).await {
                Ok(blobs) => kept.extend(blobs),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result.map(|()| DropReport { kept: kept.into_iter().collect() })
    }

    /// The chunks that the index does not rule out, and quarantined ones, which stayed on their list for ever; which of them
    /// are held the drop finds out, or fails.
    async fn candidates(&self, blobs: Vec<DroppedBlob>) -> Result<Vec<ChunkKey>, NodeError> {
        let volumes = self.volumes.clone();
        let look_up = move || {
            let keys = blobs
                .iter()
                .flat_map(|dropped| (0..dropped.chunk_limit).map(|index| ChunkKey { blob: dropped.blob, index }));
            Ok(keys.filter(|key| volumes.may_know(*key)).collect())
        };
        self.disk_threads.run(look_up).await
    }

    /// Returns the blobs of which frozen volumes may hold some of the chunks.
    async fn drop_chunks(
        &self,
        keys: Vec<ChunkKey>,
        under_way: Arc<OwnedRwLockReadGuard<()>>,
    ) -> Result<Vec<BlobId>, NodeError> {
        let volumes = self.volumes.clone();
        let begun = self.disk_threads.run(move || Ok(volumes.drop_chunks(&keys, &under_way))).await?;
        let (mut kept, mut all) = (Vec::new(), Ok(()));
        for drop in begun {
            let one = match drop.durable.await {
                Ok(result) => result.map_err(NodeError::from),
                Err(_) => Err(NodeError::Unreachable("the volume was closed".to_owned())),
            };
            match one {
                Err(NodeError::Frozen(_)) if self.volumes.has_serving() => kept.extend(drop.blobs),
                one => all = all.and(one),
            }
        }
        all.map(|()| kept)
    }
}
