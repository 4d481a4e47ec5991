//! What scrub and reads took out of use on this node, and the order to scrub now.

use super::service::Inner;
use crate::{
    node::{NodeError, api::QUARANTINED_CHUNKS_MAX},
    types::{ChunkKey, ScrubStatus, Term},
};
use std::sync::Arc;

impl Inner {
    pub(super) async fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> Result<Vec<ChunkKey>, NodeError> {
        self.state.admit_read(term).await?;
        Ok(self.volume.quarantined(after, limit.clamp(1, QUARANTINED_CHUNKS_MAX) as usize))
    }

    pub(super) async fn begin_scrub(&self, term: Term) -> Result<(), NodeError> {
        self.state.admit_read(term).await?;
        let scrubber = Arc::clone(&self.scrubber);
        self.disk_threads.run(move || scrubber.begin()).await
    }

    pub(super) fn scrub_status(&self) -> ScrubStatus {
        let counts = self.volume.quarantine_counts();
        ScrubStatus {
            quarantined: counts.now,
            quarantined_since_start: counts.additions,
            unidentified_since_start: counts.unidentified,
            ..self.scrubber.status()
        }
    }
}
