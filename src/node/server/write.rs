//! Making chunks durable.

use super::service::Inner;
use crate::{
    node::{NodeError, api::PutChunk},
    types::{ChunkData, ChunkKey, ChunkRoot, GroupId, Term},
    volume::AppendChunk,
};

impl Inner {
    /// Resolves when the chunk is durable. Cancelled, it leaves at worst a durable chunk that nobody names.
    pub(super) async fn put(&self, put: PutChunk) -> Result<(), NodeError> {
        self.state.admit_write(put.term).await?;
        put.check_length()?;
        let PutChunk { term, group, key, data, root } = put;
        if !data.is_intact(key, &root) {
            return Err(NodeError::Garbled);
        }
        self.append(term, group, key, root, data).await
    }

    /// Appends what was checked against its root.
    pub(super) async fn append(
        &self,
        term: Term,
        group: GroupId,
        key: ChunkKey,
        root: ChunkRoot,
        data: ChunkData,
    ) -> Result<(), NodeError> {
        self.volumes.append(AppendChunk { term, group, key, root, data }).await
    }
}
