//! The memory for data on its way, taken in pieces of 256 KiB as bytes arrive.
//!
//! One budget, four shares that don't borrow from each other: uploads can't starve downloads, nor either of them repair.
//! Whoever finds its share spent waits; a request waits at most `memory_wait` and then fails with `Busy`. What is charged
//! is pieces; what is allocated is what came, so a small object costs a piece of budget but not of memory.
//! The rules of the upload share, which keep chunks that wait for each other from waiting for ever, are in
//! `upload_share.rs`; those of the download share, which keep clients that take nothing from keeping all, in
//! `download_share.rs`.

use super::{
    download_share::DownloadShare,
    plain_share::{PlainShare, pieces_of},
    upload_share::{ChunkMemory, UploadShare},
};
use crate::{
    runtime::{Clock, PiecePool},
    types::ByteSize,
};
use std::{sync::Arc, time::Duration};

/// What memory is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Chunks that are being filled or are on their way to the nodes.
    Upload,
    /// Blocks that were fetched and are not yet with the client.
    Download,
    /// Copies that members pull from each other.
    Repair,
    /// What nodes are asked for a second time: hedged reads.
    NodeIo,
}

/// Percent of the budget by share; together 100.
const UPLOAD_PERCENT: u64 = 60;
const DOWNLOAD_PERCENT: u64 = 25;
const REPAIR_PERCENT: u64 = 5;
const NODE_IO_PERCENT: u64 = 10;

/// The memory for data. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget {
    uploads: Arc<UploadShare>,
    downloads: Arc<DownloadShare>,
    repair: Arc<PlainShare>,
    node_io: Arc<PlainShare>,
    buffers: Arc<PiecePool>,
    wait: Duration,
}

impl Budget {
    /// `wait` is how long a request waits for a piece before it fails.
    pub fn new(total: ByteSize, chunk_size: u32, wait: Duration, clock: Arc<dyn Clock>) -> Self {
        let share = |percent: u64| pieces_of(usize::try_from(total.bytes() * percent / 100).unwrap_or(usize::MAX));
        // A pull holds a chunk on the node that pulls: the share must have room for one at least.
        let repair = share(REPAIR_PERCENT).max(pieces_of(chunk_size as usize));
        Self {
            uploads: Arc::new(UploadShare::new(share(UPLOAD_PERCENT), pieces_of(chunk_size as usize))),
            downloads: Arc::new(DownloadShare::new(share(DOWNLOAD_PERCENT), wait, clock)),
            repair: Arc::new(PlainShare::new(repair, wait)),
            node_io: Arc::new(PlainShare::new(share(NODE_IO_PERCENT), wait)),
            buffers: Arc::default(),
            wait,
        }
    }

    /// Memory for one chunk of an upload; it holds nothing yet.
    pub fn begin_chunk(&self) -> ChunkMemory {
        ChunkMemory::new(self.uploads.clone(), self.wait)
    }

    /// Where the buffers of big chunks come from; what is taken there is charged to the chunk's memory.
    pub fn buffers(&self) -> &Arc<PiecePool> {
        &self.buffers
    }

    pub fn downloads(&self) -> &DownloadShare {
        &self.downloads
    }

    pub fn repair(&self) -> &PlainShare {
        &self.repair
    }

    pub fn node_io(&self) -> &PlainShare {
        &self.node_io
    }

    /// Whether somebody waits for memory: then whoever holds some and does not get on may be asked to end.
    pub fn has_waiters(&self, share: Share) -> bool {
        match share {
            Share::Upload => self.uploads.has_waiters(),
            Share::Download => self.downloads.has_waiters(),
            Share::Repair => self.repair.has_waiters(),
            Share::NodeIo => self.node_io.has_waiters(),
        }
    }

    /// Returns when `silence` has passed and uploads wait in vain for memory: an upload whose client was silent so long
    /// should then send what it holds (`ContentWriter::while_waiting`).
    pub async fn uploads_starve(&self, silence: Duration) {
        self.uploads.starves(silence).await;
    }

    /// Pieces in use, for metrics.
    pub fn used(&self, share: Share) -> u32 {
        match share {
            Share::Upload => self.uploads.used(),
            Share::Download => self.downloads.used(),
            Share::Repair => self.repair.used(),
            Share::NodeIo => self.node_io.used(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cluster::ClusterError, runtime::ManualClock, types::Timestamp};

    fn budget(wait: Duration) -> Budget {
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        Budget::new(ByteSize::mib(400), 4 << 20, wait, clock)
    }

    #[tokio::test]
    async fn a_share_that_is_spent_makes_requests_wait_and_then_fail() {
        let budget = budget(Duration::from_millis(1));
        let all = budget.node_io().take(u32::MAX).await.unwrap();
        assert_eq!(all.count(), 160);
        assert_eq!(budget.used(Share::NodeIo), 160);
        assert!(budget.node_io().try_take(1).is_none());
        assert!(budget.repair().try_take(1).is_some(), "shares don't borrow from each other");
        let refused = budget.node_io().take(1).await;
        assert_eq!(refused.err(), Some(ClusterError::Busy));
        assert!(!budget.has_waiters(Share::NodeIo));
        drop(all);
        assert!(budget.node_io().take(1).await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_is_seen_and_is_served_before_who_comes_later() {
        let budget = budget(Duration::from_secs(600));
        let all = budget.node_io().take(u32::MAX).await.unwrap();
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.node_io().take(2).await }
        });
        tokio::task::yield_now().await;
        assert!(budget.has_waiters(Share::NodeIo));
        assert!(!budget.has_waiters(Share::Upload));
        drop(all);
        assert_eq!(waiting.await.unwrap().unwrap().count(), 2);
    }
}
