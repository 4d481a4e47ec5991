//! Reading chunks, and taking bad ones out of use.

use super::service::Inner;
use crate::{
    node::{NodeError, api::GetChunk},
    types::{ChunkKey, ChunkRoot, ChunkSlice, Term},
    volume::VolumeError,
};

impl Inner {
    /// The answer when it is cached in memory and nothing must be written for it.
    pub(super) fn get_inline(&self, get: GetChunk) -> Option<Result<ChunkSlice, NodeError>> {
        if !self.state.may_read(get.term) {
            return None;
        }
        match self.volumes.read_cached(get.key, get.first_block, get.block_count)? {
            // Quarantining writes: that is for `get`.
            Err(VolumeError::Corrupt(_)) => None,
            result => Some(result.map_err(NodeError::from)),
        }
    }

    /// Reads from the disk. A record that is found damaged is quarantined before the answer.
    pub(super) async fn get(&self, get: GetChunk) -> Result<ChunkSlice, NodeError> {
        self.state.admit_read(get.term).await?;
        let volumes = self.volumes.clone();
        let read = move || Ok(volumes.read(get.key, get.first_block, get.block_count)?);
        self.disk_threads.run(read).await
    }

    /// Whether the chunk is not what its root says. What is damaged is quarantined; what is whole stays until the right chunk
    /// comes, for it is the gateway that may be wrong.
    pub(super) async fn quarantine(&self, term: Term, key: ChunkKey, root: ChunkRoot) -> Result<bool, NodeError> {
        self.state.admit_write(term).await?;
        let volumes = self.volumes.clone();
        let check = move || {
            let is_right = volumes.verify_or_quarantine(key, root)?;
            if !is_right {
                tracing::warn!(%key, "a chunk is not what its root says");
            }
            Ok(!is_right)
        };
        self.disk_threads.run(check).await
    }
}
