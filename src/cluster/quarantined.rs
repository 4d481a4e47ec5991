//! Background step: what nodes have found damaged goes on the repair list.
//!
//! A node scrubs by itself, and says in its status how much it has quarantined since its start. When that changes it is
//! asked which chunks, page by page. The repair list takes those that the metadata names, from members of their group; the
//! rest is garbage, and nothing to repair. Of a record whose head is damaged the node can't say whose it was: then it is
//! looked at chunk by chunk (`head_count`), which finds what is missing.

use super::{Cluster, error::ClusterError, topology::Topology};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
    },
    node::api::{NodeStatus, QUARANTINED_CHUNKS_MAX},
    runtime::Step,
    types::{ChunkKey, NodeId},
};
use std::{collections::HashMap, time::Duration};

/// Rest of a node that could not be asked.
const REST: Duration = Duration::from_secs(10);

/// The step's memory; a restart asks every node once more.
#[derive(Debug)]
pub struct ListQuarantined {
    cluster: Cluster,
    /// What each node had counted when it was last asked to the end.
    settled: HashMap<NodeId, Counted>,
    failed_at: HashMap<NodeId, Duration>,
    walk: Option<Walk>,
}

/// Counters of a node; different ones mean that something was found since, or that the node has started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    starts: u64,
    quarantined: u64,
    unidentified: u64,
}

impl Counted {
    fn of(status: &NodeStatus) -> Self {
        Self {
            starts: status.volumes.iter().map(|volume| volume.start_count).sum(),
            quarantined: status.scrub.quarantined_since_start,
            unidentified: status.scrub.unidentified_since_start,
        }
    }
}

/// Through one node's list.
#[derive(Debug)]
struct Walk {
    node: NodeId,
    counted: Counted,
    after: Option<ChunkKey>,
}

impl ListQuarantined {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, settled: HashMap::new(), failed_at: HashMap::new(), walk: None }
    }

    /// One page of one node's list.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let topology = self.cluster.membership().topology().load_full();
        let Some(mut walk) = self.walk.take().or_else(|| self.begin(&topology)) else { return Ok(Step::Idle) };
        let Some(node) = topology.node(walk.node) else { return Ok(Step::Busy) };
        let asked = node.api.quarantined(self.cluster.term(), walk.after, QUARANTINED_CHUNKS_MAX).await;
        let page = match asked {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(node = %node.row.name, %error, "the node could not be asked what it has quarantined");
                self.failed_at.insert(walk.node, self.cluster.clock().monotonic());
                return Ok(Step::Busy);
            }
        };
        self.mark(walk.node, &page).await?;
        if page.len() == QUARANTINED_CHUNKS_MAX as usize {
            walk.after = page.last().copied();
            self.walk = Some(walk);
        } else {
            self.settle(walk.node, walk.counted);
        }
        Ok(Step::Busy)
    }

    /// The next node whose counters differ from what was worked off.
    fn begin(&mut self, topology: &Topology) -> Option<Walk> {
        let now = self.cluster.clock().monotonic();
        for (node, standing) in topology.nodes() {
            let Some(status) = node.vitals.status().filter(|_| standing.is_reachable()) else { continue };
            let (id, counted) = (node.id(), Counted::of(&status));
            let has_rested = self.failed_at.get(&id).is_none_or(|at| now.saturating_sub(*at) >= REST);
            if self.settled.get(&id) == Some(&counted) || !has_rested {
                continue;
            }
            if counted.quarantined > 0 {
                return Some(Walk { node: id, counted, after: None });
            }
            self.settle(id, counted);
        }
        None
    }

    fn settle(&mut self, node: NodeId, counted: Counted) {
        self.failed_at.remove(&node);
        let before = self.settled.insert(node, counted).unwrap_or_default();
        // After a start every node is looked at anyway.
        if counted.starts == before.starts && counted.unidentified > before.unidentified {
            tracing::warn!(%node, "the node has damaged records without names: it is looked at chunk by chunk");
            self.cluster.doubts().count_again(node);
        }
    }

    async fn mark(&self, node: NodeId, page: &[ChunkKey]) -> Result<(), ClusterError> {
        let mut copies: Vec<BlobCopy> = page.iter().map(|key| BlobCopy { blob: key.blob, node }).collect();
        copies.dedup();
        if copies.is_empty() {
            return Ok(());
        }
        tracing::warn!(%node, chunks = page.len(), blobs = copies.len(), "the node has quarantined chunks");
        self.cluster.metadata().propose(Command::MarkMissing { copies, reason: MissingReason::Corrupt }).await?;
        Ok(())
    }
}
