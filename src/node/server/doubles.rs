//! Chunks that two volumes of the node hold. They come to be where a volume was away or frozen, its chunks were sent to the node
//! again and went to the others, and then it came back. Beside `destroy`, the only place in a node that drops data; never
//! the node's last copy of it: both are read first, are whole and the same, and the one on the first of the volumes stays.

use super::{service::Inner, volumes::Place};
use crate::{
    node::{
        NodeError,
        api::{InventoryCursor, MergeDoubles, MergeReport},
    },
    types::ChunkKey,
};
use std::sync::Arc;
use tokio::sync::OwnedRwLockReadGuard;

/// Chunks whose heads one request looks at.
const PAGE_CHUNKS: usize = 1000;

/// What one request drops, so that it ends in its time: each copy is read before, and the one that stays too.
const BYTES_MAX: u64 = 32 << 20;

impl Inner {
    /// Resolves when what was dropped is gone durably. Cancelled, it leaves begun drops to end by themselves; the same
    /// request again does the rest. Two at once choose the same copies.
    pub(super) async fn merge_doubles(&self, request: MergeDoubles) -> Result<MergeReport, NodeError> {
        let under_way = Arc::new(Arc::clone(&self.drops).read_owned().await);
        self.state.admit_merge(request.term, request.witness).await?;
        let from = request.from.map(|from| (from.volume, (from.segment, from.offset)));
        let Some(from) = from.or_else(|| self.volumes.second()) else { return Ok(MergeReport::default()) };
        let volumes = self.volumes.clone();
        let (keys, next) = self.disk_threads.run(move || Ok(volumes.doubles(from, PAGE_CHUNKS)?)).await?;
        let mut report = MergeReport { next: next.map(cursor), ..MergeReport::default() };
        for key in keys {
            if report.bytes >= BYTES_MAX {
                // What went is no double any more: the same page once more has the rest.
                report.next = Some(cursor(from));
                break;
            }
            let bytes = self.drop_double(key, &under_way).await?;
            report.dropped += u32::from(bytes > 0);
            report.bytes += bytes;
        }
        Ok(report)
    }

    /// Bytes that went.
    async fn drop_double(&self, key: ChunkKey, under_way: &Arc<OwnedRwLockReadGuard<()>>) -> Result<u64, NodeError> {
        let (volumes, under_way) = (self.volumes.clone(), Arc::clone(under_way));
        let begun = self.disk_threads.run(move || Ok(volumes.drop_doubles(key, &under_way)?)).await?;
        let mut bytes = 0;
        for (length, drop) in begun {
            match drop.durable.await {
                Ok(result) => result?,
                Err(_) => return Err(NodeError::Unreachable("the volume was closed".to_owned())),
            }
            bytes += u64::from(length);
        }
        Ok(bytes)
    }
}

fn cursor((volume, (segment, offset)): Place) -> InventoryCursor {
    InventoryCursor { volume, segment, offset }
}
