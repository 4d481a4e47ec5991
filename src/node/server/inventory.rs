//! What a node holds: all of it, gathered by blob, or whether it holds certain chunks.

use super::service::Inner;
use crate::{
    node::{
        NodeError,
        api::{
            ASKED_CHUNKS_MAX, ChunkRun, INVENTORY_CHUNKS_MAX, InventoryCursor, InventoryEntry, InventoryPage,
            VolumeMark,
        },
    },
    types::{BlobId, Term},
    volume::HeldChunk,
};
use std::collections::HashMap;

impl Inner {
    pub(super) async fn inventory(
        &self,
        term: Term,
        after: Vec<VolumeMark>,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> Result<InventoryPage, NodeError> {
        self.state.admit_read(term).await?;
        let volumes = self.volumes.clone();
        let limit = limit.clamp(1, INVENTORY_CHUNKS_MAX) as usize;
        let from = from.map(|cursor| (cursor.volume, (cursor.segment, cursor.offset)));
        // Before the page is read: what comes meanwhile lies behind them.
        let marks = volumes.marks();
        let (held, next) = self.disk_threads.run(move || Ok(volumes.inventory(&after, from, limit)?)).await?;
        let next = next.map(|(volume, (segment, offset))| InventoryCursor { volume, segment, offset });
        Ok(InventoryPage { blobs: by_blob(&held), next, marks })
    }

    pub(super) async fn lacking(&self, term: Term, runs: Vec<ChunkRun>) -> Result<Vec<BlobId>, NodeError> {
        self.state.admit_read(term).await?;
        let chunks: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
        if runs.len() > ASKED_CHUNKS_MAX as usize || chunks > u64::from(ASKED_CHUNKS_MAX) {
            return Err(NodeError::Refused("more chunks than one question is about".to_owned()));
        }
        Ok(self.volumes.lacking(&runs))
    }
}

/// One entry per blob, in the order of their first chunks.
fn by_blob(held: &[HeldChunk]) -> Vec<InventoryEntry> {
    let mut entries: Vec<InventoryEntry> = Vec::new();
    let mut places: HashMap<BlobId, usize> = HashMap::new();
    for chunk in held {
        let place = *places.entry(chunk.key.blob).or_insert(entries.len());
        let limit = chunk.key.index.saturating_add(1);
        if let Some(entry) = entries.get_mut(place) {
            entry.term = entry.term.max(chunk.term);
            entry.chunk_count += 1;
            entry.chunk_limit = entry.chunk_limit.max(limit);
            entry.bytes += u64::from(chunk.length);
        } else {
            entries.push(InventoryEntry {
                blob: chunk.key.blob,
                group: chunk.group,
                term: chunk.term,
                chunk_count: 1,
                chunk_limit: limit,
                bytes: u64::from(chunk.length),
            });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ChunkKey, GroupId};

    #[test]
    fn chunks_of_a_blob_are_one_entry_wherever_they_lie() {
        let chunk = |blob, index, term| HeldChunk {
            key: ChunkKey { blob: BlobId::from_bytes([blob; 16]), index },
            group: GroupId(3),
            term: Term(term),
            length: 100,
        };
        let entries = by_blob(&[chunk(2, 0, 5), chunk(1, 7, 5), chunk(2, 4, 6)]);
        let entry = |blob, term, chunk_count, chunk_limit, bytes| InventoryEntry {
            blob: BlobId::from_bytes([blob; 16]),
            group: GroupId(3),
            term: Term(term),
            chunk_count,
            chunk_limit,
            bytes,
        };
        assert_eq!(entries, [entry(2, 6, 2, 5, 200), entry(1, 5, 1, 8, 100)]);
        assert_eq!(by_blob(&[]), []);
    }
}
