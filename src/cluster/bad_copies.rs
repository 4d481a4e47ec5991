//! Copies that a read or a pull found missing or wrong: the node quarantines what is wrong, and the copy goes on the repair
//! list.

use super::{cluster_node::ClusterNode, known_missing::KnownMissing, reign::Reign};
use crate::{
    metadata::{
        Command, Metadata,
        command::{BlobCopy, MissingReason},
    },
    node::NodeError,
    runtime::{Clock, Shutdown, in_current_request},
    types::{ChunkKey, ChunkRoot},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What is wrong with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFault {
    /// The node says that it has no such chunk.
    Absent,
    /// The node says that its copy is corrupt; it has quarantined it.
    Corrupt,
    /// What the node sent is not what the root says: wrong on its disk or garbled on the way.
    Wrong,
}

/// The same copy is reported once in this time: one bad chunk is met by many reads.
const REPORT_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Copies whose last report is remembered; beyond it all are forgotten, and at worst reported twice.
const REMEMBERED_MAX: usize = 10_000;

/// What it is made of.
#[derive(Debug)]
pub struct BadCopiesParts {
    pub metadata: Metadata,
    pub reign: Reign,
    pub known_missing: KnownMissing,
    pub clock: Arc<dyn Clock>,
    pub shutdown: Shutdown,
}

#[derive(Debug)]
pub struct BadCopies {
    parts: BadCopiesParts,
    reported: Mutex<HashMap<BlobCopy, Duration>>,
    count: AtomicU64,
}

impl BadCopies {
    pub fn new(parts: BadCopiesParts) -> Self {
        Self { parts, reported: Mutex::default(), count: AtomicU64::new(0) }
    }

    /// Reports in the background; whoever found the copy goes on with another one.
    pub fn report(self: &Arc<Self>, node: &Arc<ClusterNode>, key: ChunkKey, root: ChunkRoot, fault: CopyFault) {
        let copy = BlobCopy { blob: key.blob, node: node.id() };
        if !self.is_news(copy) {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        match fault {
            CopyFault::Absent => tracing::warn!(node = %node.row.name, chunk = %key, "a node lacks a chunk"),
            CopyFault::Corrupt | CopyFault::Wrong => {
                tracing::warn!(node = %node.row.name, chunk = %key, ?fault, "a node's copy of a chunk is bad");
            }
        }
        let (this, node) = (self.clone(), node.clone());
        self.parts.shutdown.spawn(in_current_request(async move { this.handle(&node, key, root, fault).await }));
    }

    fn is_news(&self, copy: BlobCopy) -> bool {
        let now = self.parts.clock.monotonic();
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.get(&copy).is_some_and(|at| now.saturating_sub(*at) < REPORT_AGAIN_AFTER) {
            return false;
        }
        if reported.len() >= REMEMBERED_MAX {
            reported.clear();
        }
        reported.insert(copy, now);
        true
    }

    async fn handle(&self, node: &ClusterNode, key: ChunkKey, root: ChunkRoot, fault: CopyFault) {
        let reason = match fault {
            CopyFault::Absent => MissingReason::Absent,
            CopyFault::Corrupt => MissingReason::Corrupt,
            CopyFault::Wrong => match node.api.quarantine(self.parts.reign.term(), key, root).await {
                Ok(true) => MissingReason::Corrupt,
                // Intact on the node: it was garbled on the way, and nothing is missing.
                Ok(false) => return,
                Err(NodeError::NotFound) => MissingReason::Absent,
                Err(error) => {
                    tracing::warn!(node = %node.row.name, chunk = %key, %error, "a wrong chunk could not be quarantined");
                    MissingReason::Corrupt
                }
            },
        };
        let copies = vec![BlobCopy { blob: key.blob, node: node.id() }];
        self.parts.known_missing.note(copies.iter().copied());
        if let Err(error) = self.parts.metadata.propose(Command::MarkMissing { copies, reason }).await {
            tracing::warn!(%error, chunk = %key, "a bad copy could not be put on the repair list");
        }
    }

    /// Bad copies met since the start, for metrics.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
