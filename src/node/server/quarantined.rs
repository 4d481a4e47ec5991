//! What scrub and reads took out of use on this node, and the order to scrub now.

use super::service::Inner;
use crate::{
    node::{NodeError, api::QUARANTINED_CHUNKS_MAX},
    types::{ChunkKey, Term},
};

impl Inner {
    pub(super) async fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> Result<Vec<ChunkKey>, NodeError> {
        self.state.admit_read(term).await?;
        Ok(self.volumes.quarantined(after, limit.clamp(1, QUARANTINED_CHUNKS_MAX) as usize))
    }

    pub(super) async fn forget_quarantined(&self, term: Term, keys: Vec<ChunkKey>) -> Result<(), NodeError> {
        self.state.admit_read(term).await?;
        if keys.len() > QUARANTINED_CHUNKS_MAX as usize {
            return Err(NodeError::Refused("more chunks than one request forgets".to_owned()));
        }
        self.volumes.forget_quarantined(&keys);
        Ok(())
    }

    pub(super) async fn begin_scrub(&self, term: Term) -> Result<(), NodeError> {
        self.state.admit_read(term).await?;
        let volumes = self.volumes.clone();
        self.disk_threads.run(move || volumes.begin_scrub()).await
    }
}
