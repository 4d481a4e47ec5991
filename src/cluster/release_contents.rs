//! Background step: contents that nothing names any more release their extents, in bounded commands. Blobs that lost their
//! last extent by that are committed deletions, which `deletions` carries out; this step asks no node anything, so that none
//! holds it up: until a content is released, its blobs are repaired as if they were needed.

use super::{Cluster, error::ClusterError};
use crate::{
    metadata::{Command, Outcome},
    runtime::{Progress, Step},
    types::CommitSequence,
};
use std::time::Duration;

/// Rows of one command: a few milliseconds of the database.
const ROWS_PER_STEP: u32 = 1000;
/// How long reads that still need pages of extents hold up the release of contents.
const PAGING_READS_WAIT_MAX: Duration = Duration::from_secs(600);

/// The step's memory.
#[derive(Debug)]
pub struct ReleaseContents {
    cluster: Cluster,
    /// The newest commit when there was nothing left to release.
    released_at: Option<CommitSequence>,
    held_up_since: Option<Duration>,
    progress: Progress,
}

impl ReleaseContents {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, released_at: None, held_up_since: None, progress: Progress::default() }
    }

    /// Rows that were released: contents, extents, parts of uploads.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// One command's worth. A command that would find nothing is not proposed: it would cost a sync for nothing.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let metadata = self.cluster.metadata();
        if metadata.needs_confirmation() || self.released_at == Some(metadata.committed()) || self.is_held_up() {
            return Ok(Step::Idle);
        }
        let metadata = self.cluster.metadata();
        let Outcome::Progress { rows } =
            metadata.propose(Command::UnrollDeletedContents { limit: ROWS_PER_STEP }).await?
        else {
            return Err(ClusterError::Malformed("a release of contents has another outcome"));
        };
        if rows == 0 {
            self.released_at = Some(metadata.committed());
            return Ok(Step::Idle);
        }
        self.progress.add(usize::try_from(rows).unwrap_or(usize::MAX), 0);
        Ok(Step::Busy)
    }

    /// A read of a content with many extents asks for them page by page; releasing would take them from under it. It gets
    /// some time to end.
    fn is_held_up(&mut self) -> bool {
        if !self.cluster.registry().has_paging_reads() {
            self.held_up_since = None;
            return false;
        }
        let now = self.cluster.clock().monotonic();
        let since = *self.held_up_since.get_or_insert(now);
        now.saturating_sub(since) < PAGING_READS_WAIT_MAX
    }
}
